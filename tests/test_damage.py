"""Damaged files: each is named in an error of the course's own with the way out, or made again; nothing else is lost.

Every kind of file meets every kind of damage, and a few more that only it can have. An error's message holds the file's
name and what to do; no traceback ends inside a library.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from course_lib.exercises.store import Record
from course_lib.training import (
    CheckpointError,
    ConfigError,
    Interrupted,
    ResumeError,
    load_checkpoint,
    load_config,
    save_checkpoint,
)
from course_lib.training.config import CONFIGS
from course_lib.training.resume import FILE, State, read_state, write_state
from course_lib.worlds import oracle
from course_lib.worlds.films import load_films
from course_lib.worlds.oracle import ReturnsError, reference_returns
from course_lib.worlds.recording import Recording, RecordingError
from tests import small_run

RETURNS = oracle._RETURNS  # the course's own, before a test puts another in its place


def hashes(folder: Path, *but: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, without some."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path not in but]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# --------------------------------------------------------------------------------------------------- kinds of files


@dataclass
class Kind:
    """A kind of file. make: puts a whole one into a folder and returns its path. use: what the library does with it.

    error: what it ends with where it is damaged; None where the file is made again and ``notice`` says so. words: what
    the message holds besides the file's name.
    """

    make: Callable[[Path], Path]
    use: Callable[[Path], Any]
    error: type[Exception] | None
    words: tuple[str, ...] = ()


def make_checkpoint(folder: Path) -> Path:
    history = small_run.run(given=small_run.config(steps=2))
    return save_checkpoint(history.model, small_run.recipe, "tiny", about=history.about(), folder=folder)[0]


def make_resume(folder: Path) -> Path:
    def stop(step: int, parts: dict[str, float]) -> None:
        if step == 9:
            import signal

            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        small_run.run(folder, on_step=stop)
    return folder / FILE


def make_recording(folder: Path) -> Path:
    draw = np.random.default_rng(0)
    lengths = np.array([3, 2])
    whole = Recording(
        frames=draw.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8),
        lengths=lengths,
        actions=draw.integers(0, 4, 3),
        rewards=np.zeros(3, np.float32),
        terminated=np.zeros(2, bool),
        truncated=np.ones(2, bool),
        info={"env": "none"},
    )
    return whole.save(folder / "films.npz")


def make_configuration(folder: Path) -> Path:
    return Path(shutil.copy(CONFIGS / "vae" / "tiny.yaml", folder / "own.yaml"))


def make_returns(folder: Path) -> Path:
    return Path(shutil.copy(RETURNS, folder / "returns.json"))


def use_returns(path: Path) -> Any:
    reference_returns.cache_clear()
    return reference_returns()


def make_films(folder: Path) -> Path:
    load_films("ball", split="validation", count=1, length=2)  # COURSE_CACHE says where
    return next((folder / "films").iterdir())


def use_films(path: Path) -> str:
    return load_films("ball", split="validation", count=1, length=2).hash


def make_progress(folder: Path) -> Path:
    Record().mark("a.one", "solved")  # COURSE_HOME says where
    return folder / "progress.json"


def use_progress(path: Path) -> dict[str, str]:
    record = Record()
    states = record.states()
    record.mark("b.two", "tried")
    for note in record.take_notes():
        print(note)
    return states


TRAIN = "python -m course_lib train small"
KINDS = {
    "weights": Kind(make_checkpoint, lambda path: load_checkpoint(small_run.recipe, size="tiny", folder=path.parent),
                    CheckpointError, (TRAIN,)),
    "provenance": Kind(lambda folder: make_checkpoint(folder).with_suffix(".json"),
                       lambda path: load_checkpoint(small_run.recipe, size="tiny", folder=path.parent),
                       CheckpointError, (TRAIN,)),
    "resume": Kind(make_resume, lambda path: small_run.run(path.parent, resume=True), ResumeError, ("begin anew",)),
    "recording": Kind(make_recording, Recording.load, RecordingError, ("record it again",)),
    "configuration": Kind(make_configuration, lambda path: load_config("vae", file=path), ConfigError),
    "returns": Kind(make_returns, use_returns, ReturnsError, ("python -m course_lib.worlds.oracle", "git checkout")),
    "films": Kind(make_films, use_films, None),
    "progress": Kind(make_progress, use_progress, None),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where all that is remembered lies, with a neighbour that nobody may touch."""
    place = tmp_path / "place"
    place.mkdir()
    (place / "neighbour.txt").write_text("mine")
    monkeypatch.setenv("COURSE_CACHE", str(place))
    monkeypatch.setenv("COURSE_HOME", str(place))
    monkeypatch.setattr(oracle, "_RETURNS", place / "returns.json")
    yield place
    reference_returns.cache_clear()  # the next test reads the course's own again


# -------------------------------------------------------------------------------------------------- kinds of damage


def cut(share: float) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


def rubbish(path: Path) -> None:
    path.write_bytes(random.Random(5).randbytes(path.stat().st_size))


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside.txt").write_text("a folder of somebody's")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut in half": cut(0.5),
    "the end missing": cut(0.9),
    "empty": cut(0.0),
    "one bit flipped": flip_a_bit,
    "rubbish": rubbish,
    "a folder instead": folder_instead,
    "deep brackets": lambda path: path.write_text("[" * 100_000),
    "a pointer of git lfs": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    "missing": lambda path: path.unlink(),
}


def facts(**changes: Any) -> Callable[[Path], None]:
    """Other values in a JSON file."""

    def damage(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


def resume_facts(path: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], None]) -> None:
    """A resume file that is whole, with its right checksum, and does not fit."""
    state = read_state(path)
    told, tensors = dict(state.facts), dict(state.tensors)
    change(told, tensors)
    write_state(path, State(told, tensors))


def arrays(path: Path, **changes: Any) -> None:
    """Another array in an npz file; None takes one out."""
    with np.load(path) as stored:
        content = {**{name: stored[name] for name in stored.files}, **changes}
    with path.open("wb") as file:
        np.savez(file, **{name: value for name, value in content.items() if value is not None})


def settings(path: Path, **changes: Any) -> None:
    values = yaml.safe_load(path.read_text())
    for key, value in changes.items():
        group, _, name = key.partition("__")
        values[group][name] = value
    path.write_text(yaml.safe_dump(values))


def pack_weights(path: Path) -> None:
    """Weights of another shape, whole, with a provenance that is true of them."""
    history = small_run.run(given=small_run.config(steps=2, width=9))
    save_checkpoint(history.model, small_run.recipe, "tiny", about=history.about(), folder=path.parent)
    facts(configuration={"model": {"width": 8, "bad_step": -1}})(path.with_suffix(".json"))


SPECIAL: dict[str, list[tuple[str, Callable[[Path], None]]]] = {
    "weights": [("wrong shape", pack_weights)],
    "provenance": [
        ("unknown model", facts(configuration={"model": {"depth": 3}})),
        ("no configuration", facts(configuration=None)),
        ("wrong type", facts(bytes="many")),
        ("other weights", facts(sha256="0" * 64)),
    ],
    "resume": [
        ("wrong version", lambda p: resume_facts(p, lambda told, tensors: told.update(format=0))),
        ("wrong shape", lambda p: resume_facts(p, lambda t, x: x.update({"model/late": torch.zeros(4)}))),
        ("wrong moments", lambda p: resume_facts(p, lambda t, x: x.update({"optimiser/0/exp_avg": torch.zeros(2)}))),
        ("no generator", lambda p: resume_facts(p, lambda told, tensors: tensors.pop("chance/draws"))),
        ("wrong generator", lambda p: resume_facts(p, lambda t, x: x.update({"chance/draws": torch.zeros(3)}))),
        ("no history", lambda p: resume_facts(p, lambda told, tensors: tensors.pop("history/values"))),
        ("no step", lambda p: resume_facts(p, lambda told, tensors: told.pop("step"))),
    ],
    "recording": [
        ("wrong version", lambda p: arrays(p, info=np.array('{"format": 99}'))),
        ("wrong shape", lambda p: arrays(p, frames=np.zeros((5, 4, 3), np.uint8))),
        ("no dimensions", lambda p: arrays(p, rewards=np.array(0.0))),
        ("broken lengths", lambda p: arrays(p, lengths=np.array([2.5, 2.5]))),
        ("an array missing", lambda p: arrays(p, actions=None)),
        ("info is a list", lambda p: arrays(p, info=np.array("[1]"))),
    ],
    "configuration": [
        ("wrong value", lambda p: settings(p, train__steps=-3)),
        ("wrong shape", lambda p: settings(p, model__encoder_channels=[8])),
        ("a key of another version", lambda p: settings(p, train__momentum=0.9)),
        ("a list as key", lambda p: p.write_text("? [1, 2]\n: 3\n")),
        ("a number as key", lambda p: p.write_text("model: {1: 2}\ndata: {}\ntrain: {}\n")),
        ("code", lambda p: p.write_text("model: !!python/object/apply:os.system [ls]\n")),
    ],
    "returns": [
        ("wrong version", facts(version="playground-0")),
        ("no number", facts(oracle_mean="high")),
        ("no scale", facts(oracle_mean=1.55)),
        ("not a number", facts(random_mean=float("nan"))),
        ("a list", lambda p: p.write_text("[]")),
    ],
    "films": [
        ("wrong shape", lambda p: arrays(p, frames=np.zeros((1, 3, 32, 32, 3), np.uint8))),
        ("an array missing", lambda p: arrays(p, states=None)),
        ("wrong digest", lambda p: arrays(p, digest=np.array("0" * 64))),
    ],
    "progress": [
        ("wrong version", facts(version=99)),
        ("wrong states", facts(exercises={"a.one": "known"})),
        ("a list", lambda p: p.write_text("[]")),
    ],
}

CASES = [(kind, name, damage) for kind in KINDS for name, damage in [*DAMAGES.items(), *SPECIAL[kind]]]


@pytest.mark.parametrize(("kind", "name", "damage"), CASES, ids=[f"{kind}: {name}" for kind, name, _ in CASES])
def test_damage_is_named_with_the_way_out_and_touches_nothing_else(
    kind: str, name: str, damage: Callable[[Path], None], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = KINDS[kind]
    path = given.make(folder)
    expected = given.use(path) if given.error is None else None
    if kind == "progress":
        path = given.make(folder)
    damage(path)
    content = path.read_bytes() if path.is_file() else None
    others = hashes(folder, path)
    capsys.readouterr()
    if kind == "resume" and name == "missing":  # a job script has one command: where there is nothing, it begins
        given.use(path)
        assert "begins with its first step" in capsys.readouterr().err
    elif given.error is not None:
        with pytest.raises(given.error) as caught:
            given.use(path)
        # weights that are not those of the provenance are named themselves: the two lie side by side
        for word in (path.stem if name == "other weights" else path.name, *given.words):
            assert word in str(caught.value), str(caught.value)
        assert len(str(caught.value)) < 1500
        assert hashes(folder, path) == others and (not path.is_file() or path.read_bytes() == content)
    elif kind == "films":
        assert given.use(path) == expected
        assert (str(path) in capsys.readouterr().err) == (name != "missing")
        assert hashes(folder, path) == others
        if path.is_file():  # whole again: read without a word
            assert given.use(path) == expected and capsys.readouterr().err == ""
    else:
        states = given.use(path)
        told = capsys.readouterr().out
        assert states == {}
        aside = path.with_name("progress.damaged-1.json")
        if name == "missing":
            assert told == "" and not aside.exists()
        elif name == "a folder instead":
            assert "cannot be kept" in told and "COURSE_HOME" in told
        else:
            assert "damaged" in told and aside.name in told and aside.read_bytes() == content
            assert json.loads(path.read_text())["exercises"] == {"b.two": "tried"}
        assert hashes(folder, path, aside) == others


def test_there_are_many_kinds_of_damage() -> None:
    assert len(CASES) >= 100 and len({(kind, name) for kind, name, _ in CASES}) == len(CASES)


@pytest.mark.parametrize("kind", ["weights", "provenance", "resume", "recording", "configuration", "returns"])
def test_a_bit_flipped_anywhere_is_an_error_of_ours_or_does_no_harm(kind: str, folder: Path) -> None:
    """Sixty bits, drawn with a seed. A value in a text file may change into another value; nothing may fall over."""
    given, draw = KINDS[kind], random.Random(1)
    path = given.make(folder)
    whole = path.read_bytes()
    untouched = hashes(folder)
    heard = 0
    for _ in range(60):
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        try:
            if kind == "resume":
                read_state(path)
            else:
                given.use(path)
        except given.error as error:
            heard += 1
            assert (path.stem if kind == "provenance" else path.name) in str(error)
    path.write_bytes(whole)
    assert hashes(folder) == untouched
    least = {"weights": 60, "resume": 60, "recording": 40, "provenance": 10, "configuration": 15, "returns": 15}
    assert heard >= least[kind], f"{heard} of 60 were noticed"
