"""A run that is stopped, killed, cut off or out of disk goes on, and ends as if nothing had happened."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.training import Diverged, Interrupted, ResumeError, discard, get_recipe, load_config, recipe_names
from course_lib.training.loop import train
from course_lib.training.resume import FILE, State, Table, read_state, unpack_rows, write_state
from tests import small_run
from tests.imports import ROOT
from tests.small_run import config, outcome, run


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stop_at(step: int, *signals: int) -> Any:
    """An on_step that sends this process signals after a step."""

    def on_step(done: int, parts: dict[str, float]) -> None:
        if done == step:
            for number in signals or (signal.SIGINT,):
                os.kill(os.getpid(), number)

    return on_step


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Hashes of the outcome and of the log of a run that never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    return outcome(run(folder)), sha(folder / "log.csv")


# ------------------------------------------------------------------------------------------------------ killed


def test_ten_kills_at_random_change_nothing(tmp_path: Path, whole: tuple[str, str]) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    call = [sys.executable, "-m", "tests.lives", str(folder), "4", "10"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(told["lives"])
    assert told["ends"] == [signal.SIGKILL] * 10 + [0]
    assert len({moment for _, moment in told["lives"]}) == 4, "the seed leaves out a moment to be killed at"
    assert told["outcome"] == whole[0] and sha(folder / "log.csv") == whole[1]
    assert sorted(path.name for path in folder.iterdir()) == ["log.csv", "outcome", FILE], "rubbish is left"


def test_the_command_goes_on_after_a_kill_and_after_ctrl_c(tmp_path: Path) -> None:
    settings = ["train.steps=150", "data.count=2", "train.save_every=10", "train.log_every=1"]
    words = [w for s in settings for w in ("--set", s)]
    call = [sys.executable, "-m", "course_lib", "train", "vae", "--size", "tiny", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def start(folder: str, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*call, "--out", folder, *more], cwd=tmp_path, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def send(process: subprocess.Popen[str], number: int, row: int) -> str:
        log, end = tmp_path / "broken" / "log.csv", time.monotonic() + 60
        while not (log.exists() and f"\n{row},".encode() in log.read_bytes()):
            assert process.poll() is None and time.monotonic() < end, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        return process.communicate(timeout=60)[1]

    killed = start("broken", "--resume")  # one command for a job that may be sent to the queue again
    told = send(killed, signal.SIGKILL, 25)
    assert killed.returncode == -signal.SIGKILL and "begins with its first step" in told
    stopped = start("broken", "--resume")
    told = send(stopped, signal.SIGINT, 60)
    assert stopped.returncode == 130 and "Traceback" not in told
    assert "stopped after step" in told and f"python -m course_lib train vae --size tiny {' '.join(words)}" in told
    # The last part and the run that never stopped are commands too, in this process: a start costs five seconds.
    for folder, more in (("broken", ["--resume"]), ("straight", [])):
        done = CliRunner().invoke(app, [*call[3:], "--out", str(tmp_path / folder), *more])
        assert done.exit_code == 0 and ("Going on after step" in done.stderr) == bool(more), done.output
    for name in ("vae-tiny.safetensors", "log.csv"):
        assert sha(tmp_path / "broken" / name) == sha(tmp_path / "straight" / name), name
    facts = [json.loads((tmp_path / folder / "vae-tiny.json").read_text()) for folder in ("broken", "straight")]
    for fact in facts:
        del fact["minutes"]
    assert facts[0] == facts[1]
    assert not (tmp_path / "broken" / FILE).exists(), "the weights are stored, the state is not needed"


# ------------------------------------------------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("step", [1, 5, 39, 40, 41, 47])  # in the first phase, at its end, in the second
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_the_step_and_saves(tmp_path: Path, whole: tuple[str, str], step: int, number: int) -> None:
    folder = tmp_path / "stopped"
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=f"the state after step {step} is saved in") as caught:
        run(folder, on_step=stop_at(step, number))
    assert signal.getsignal(number) == before
    assert (caught.value.step, caught.value.saved) == (step, step) and isinstance(caught.value, KeyboardInterrupt)
    assert read_state(folder / FILE).facts["step"] == step
    seen: list[int] = []
    history = run(folder, resume=True, on_step=lambda done, parts: seen.append(done))
    assert seen == list(range(step + 1, 61)) and outcome(history) == whole[0] and sha(folder / "log.csv") == whole[1]


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        run(tmp_path, on_step=stop_at(6, signal.SIGINT, signal.SIGINT))
    assert not isinstance(caught.value, Interrupted)
    assert read_state(tmp_path / FILE).facts["step"] == 4  # the last regular save; step 6 was not waited for


@pytest.fixture
def pythons_own_ctrl_c() -> Iterator[None]:
    """Ctrl-C as Python begins with it; a process that was started in the background may have been told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_without_a_folder_ctrl_c_is_what_it_was(pythons_own_ctrl_c: None) -> None:
    reached: list[int] = []

    def on_step(done: int, parts: dict[str, float]) -> None:
        reached.append(done)
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        run(on_step=on_step)
    assert not isinstance(caught.value, Interrupted) and reached == [1, 2, 3]


def test_in_another_thread_signals_are_left_alone(tmp_path: Path) -> None:
    result: list[str] = []
    thread = threading.Thread(target=lambda: result.append(outcome(run(tmp_path / "thread"))))
    thread.start()
    thread.join(60)
    assert result == [outcome(run())]


# ----------------------------------------------------------------------------------------------------- going on


def test_keeping_changes_nothing_and_a_finished_run_is_taken_up_whole(tmp_path: Path) -> None:
    plain = run()
    kept = run(tmp_path)
    assert outcome(plain) == outcome(kept)
    again = run(tmp_path, resume=True)  # the state after the last step: nothing is left to do
    assert outcome(again) == outcome(kept) and not again.model.training
    assert again.minutes >= kept.minutes - 0.01
    discard(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv"]


def test_where_there_is_no_state_the_run_begins_and_says_so(
    tmp_path: Path, whole: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(run(tmp_path / "new", resume=True)) == whole[0]
    assert "begins with its first step" in capsys.readouterr().err
    assert outcome(run(tmp_path / "new")) == whole[0]
    assert "--resume goes on" in capsys.readouterr().err
    with pytest.raises(ValueError, match="needs keep="):
        run(resume=True)


def test_what_does_not_decide_the_weights_may_change(tmp_path: Path, whole: tuple[str, str]) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path, on_step=stop_at(9))
    assert outcome(run(tmp_path, config(save_every=17), resume=True)) == whole[0]


def test_mixed_precision_goes_on_the_same(tmp_path: Path, whole: tuple[str, str]) -> None:
    given = config(precision="bf16")
    with pytest.raises(Interrupted):
        run(tmp_path, given, on_step=stop_at(22))
    assert outcome(run(tmp_path, given, resume=True)) == outcome(run(given=given)) != whole[0]


def test_the_table_of_rows_gives_every_row_back() -> None:
    """Columns that come late or are missing, numbers that are NaN, and what has been packed before."""
    rows: list[dict[str, Any]] = [
        {"step": 1, "phase": "a", "loss": 0.1, "odd": math.inf},
        {"step": 2, "phase": "a", "loss": 1e-300},
        {"step": 3, "phase": "b", "other": math.nan, "loss": -0.0},
    ]
    table = Table(["a", "b"])
    for count in (1, 1, 3):
        tensors = table.tensors(rows[:count])
        found = unpack_rows(table.columns, {k.partition("/")[2]: v for k, v in tensors.items()}, ["a", "b"])
        assert repr([sorted(row.items()) for row in found]) == repr([sorted(row.items()) for row in rows[:count]])


def rewrite(path: Path, **facts: Any) -> None:
    state = read_state(path)
    write_state(path, State({**state.facts, **facts}, state.tensors))


@pytest.mark.parametrize(
    ("given", "options", "facts", "words"),
    [
        (config(steps=41), {}, {}, ["train.steps was 40, now it is 41", "--resume", "phases"]),
        (config(seed=5, clip=2.0), {}, {}, ["train.seed was 0, now it is 5", "train.clip was 1.0, now it is 2.0"]),
        (config(batch=16), {}, {}, ["data.batch was 8, now it is 16"]),
        (config(width=9), {}, {}, ["model.width was 8, now it is 9"]),
        (config(), {"data": small_run.numbers(1)}, {}, ["the data are others"]),
        (config(), {}, {"model": "large"}, ["the model was 'large', now it is 'small'"]),
        (config(), {}, {"device": "cuda"}, ["the kind of device was 'cuda', now it is 'cpu'"]),
        (config(), {}, {"format": 99}, ["has format 99, this course reads format 1"]),
        (config(), {}, {"phases": [["body", 40]]}, ["the phases were [['body', 40]]"]),
    ],
)
def test_a_state_of_another_run_is_refused_with_the_difference(
    tmp_path: Path, given: Any, options: dict[str, Any], facts: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path, on_step=stop_at(9))
    if facts:
        rewrite(tmp_path / FILE, **facts)
    before = {path.name: sha(path) for path in tmp_path.iterdir()}
    with pytest.raises(ResumeError) as caught:
        run(tmp_path, given, resume=True, **options)
    for word in [str(tmp_path / FILE), "begin anew", *words]:
        assert word in str(caught.value)
    assert {path.name: sha(path) for path in tmp_path.iterdir()} == before


def test_another_torch_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path, on_step=stop_at(9))
    rewrite(tmp_path / FILE, torch="1.0")
    run(tmp_path, resume=True)
    assert "written with torch 1.0" in capsys.readouterr().err


@pytest.mark.parametrize("name", recipe_names())
def test_batches_are_drawn_with_the_generator_alone(name: str) -> None:
    """A new iterator with the generator's old state gives the batch that the old one gave: nothing else counts."""
    recipe, given = get_recipe(name), load_config(name, "tiny")
    data, generator = recipe.load(given, None), torch.Generator().manual_seed(1)
    batches = recipe.batches(data, given, generator)
    next(batches)
    state = generator.get_state()
    expected = next(batches)
    found = next(recipe.batches(data, given, torch.Generator().set_state(state)))
    assert expected.keys() == found.keys() and all(torch.equal(expected[key], found[key]) for key in expected)


# ----------------------------------------------------------------------------------------------- NaN and full disks


def test_a_loss_that_is_no_number_names_the_step_and_the_last_state(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match=rf"became nan at step 11 .*the state after step 8 is saved in {tmp_path}"):
        run(tmp_path, config(bad_step=10))
    assert read_state(tmp_path / FILE).facts["step"] == 8
    with pytest.raises(Diverged, match=r"at step 3 .*no state of this run is saved"):
        run(tmp_path / "other", config(bad_step=2))


def test_a_full_disk_stops_nothing_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    fsync, full = os.fsync, [False]

    def guarded(handle: int) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    kept: list[int] = []

    def on_step(done: int, parts: dict[str, float]) -> None:
        full[0] = 10 <= done < 50
        if full[0]:
            kept.append(read_state(tmp_path / "full" / FILE).facts["step"])

    monkeypatch.setattr("course_lib.files.os.fsync", guarded)
    history = run(tmp_path / "full", on_step=on_step)
    told = capsys.readouterr().err
    assert set(kept) == {8}, "the state that was there before the disk was full is gone or half"
    assert told.count("could not be saved") == 1 and "No space left" in told and "after step 8" in told
    assert told.count("The log") == 1  # phase head brought new columns meanwhile
    assert outcome(history) == whole[0] and sha(tmp_path / "full" / "log.csv") == whole[1]
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["log.csv", FILE]


def test_weights_that_cannot_be_written_leave_the_run_and_the_way_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["--set", "train.steps=3", "--set", "data.count=2"]
    words = ["train", "vae", "--size", "tiny", *settings, "--out", str(tmp_path)]
    block = tmp_path / "vae-tiny.safetensors"

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("course_lib.training.checkpoints.write_atomically", full)
        done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.output
    assert "could not be written" in done.stderr
    assert f"the state after step 3 is kept in {tmp_path / FILE}" in done.stderr
    assert f"python -m course_lib {' '.join(words)} --resume" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", FILE]
    done = CliRunner().invoke(app, [*words, "--resume"])
    assert done.exit_code == 0 and "Going on after step 3" in done.stderr, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "vae-tiny.json", "vae-tiny.safetensors"]
    history = train("vae", load_config("vae", "tiny", {"train.steps": 3, "data.count": 2}), progress="none")
    from safetensors.torch import load_file

    stored = load_file(block)
    assert all(torch.equal(value, stored[name]) for name, value in history.model.state_dict().items())


def test_the_command_explains_a_damaged_state_and_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / FILE).write_text("not one")
    words = ["train", "vae", "--size", "tiny", "--set", "data.count=2", "--out"]
    done = CliRunner().invoke(app, [*words, str(tmp_path / "out"), "--resume"])
    assert done.exit_code == 2 and f"{FILE} is damaged" in done.stderr and "begin anew" in done.stderr, done.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FILE]
    done = CliRunner().invoke(app, [*words, str(tmp_path / "out" / FILE)])
    assert done.exit_code == 2 and "nothing can be written into the folder" in done.stderr, done.output
    assert "--out" in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_log_after_a_resume_has_each_step_once(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path, config(save_every=1000), on_step=stop_at(20))
    with (tmp_path / "log.csv").open("a") as file:
        file.write("23,body,1,1,1,1,1,,\r\n24,bo")  # what a killed process had written after the state was saved
    run(tmp_path, resume=True)
    with (tmp_path / "log.csv").open(newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == [1, *range(3, 61, 3)]
