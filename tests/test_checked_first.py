"""Nothing is read after the last step that could have been read before the first, and nothing that was trained is lost.

A configuration is held against everything that its phases and ``finish`` will need before the data are made; places
where nothing can be written are found out before training; what fails after the last step fails with the weights
stored, in a sentence that says how to go on.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.files import CannotWrite, atomic_file, check_writable
from course_lib.lookup import CourseError
from course_lib.training import (
    CheckpointError,
    ConfigError,
    build,
    checkpoints,
    get_recipe,
    load_checkpoint,
    load_config,
    provenance,
    train,
)
from course_lib.training import data as data_module
from course_lib.training.recipes import genie as genie_recipe
from course_lib.training.recipes import vmc as vmc_recipe
from course_lib.training.resume import FILE
from course_lib.worlds import films as films_module
from course_lib.worlds.films import make_films
from tests import small_run

# -------------------------------------------------------------------------------------------- settings that do not fit


class Untouched(Exception):
    """The data were asked for: what should have been refused before was not."""


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes or reads training films is found out."""

    def refuse(*args: Any, **options: Any) -> Any:
        raise Untouched

    for module in ("data", "recipes.genie", "recipes.vmc", "recipes.reader"):
        for name in ("load_films", "training_films", "load_carracing", "load_coinrun", "load_races"):
            monkeypatch.setattr(f"course_lib.training.{module}.{name}", refuse, raising=False)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("genie", {"model.table_from": "gaol/train"}, ["model.table_from", "no film set 'gaol'", "goal"]),
        ("genie", {"model.table_from": "goal"}, ["model.table_from", "goal/train"]),
        ("genie", {"model.table_from": "goal/test"}, ["model.table_from", "goal/train"]),
        ("genie", {"model.table_from": "simple-fast/train"}, ["model.table_from", "reserved"]),
        ("genie", {"train.parts": "shipped"}, ["train.parts is shipped", "model.tokenizer.width", "train.parts=fresh"]),
        ("genie", {"data.length": 1}, ["data.length is 1", "at least 2"]),
        ("lam", {"data.length": 1}, ["data.length is 1", "at least 2"]),
        ("vae", {"data.films": "carracing"}, ["data.films is carracing", "64 pixels", "model.frame_size is 32"]),
        ("tokenizer", {"data.films": {"coinrun": 3}}, ["data.films is coinrun", "64 pixels", "model.frame_size is 32"]),
        ("vmc", {"model.control": "car"}, ["model.control is car", "data.films is goal", "carracing"]),
        ("vmc", {"data.films": "carracing"}, ["data.films is carracing", "model.v.frame_size is 32"]),
        ("vmc", {"model.m.actions": 3}, ["model.m.actions is 3", "it is 4"]),
        ("vmc", {"model.controllers": ["dream 0"]}, ["model.controllers", "'dream 0'", "above 0"]),
        ("vmc", {"model.controllers": ["dream hot"]}, ["model.controllers", "'dream hot'", "'reservoir'"]),
        ("vmc", {"model.controllers": ["dream ²"]}, ["model.controllers", "'dream ²'"]),
        ("vmc", {"model.controllers": ["real", "real"]}, ["model.controllers", "twice"]),
        ("vmc", {"train.directions": 49}, ["train.directions is 49", "model.m.hidden"]),
    ],
)
def test_what_does_not_fit_is_refused_before_the_data_are_made(
    name: str, settings: dict[str, Any], words: list[str], no_data: None
) -> None:
    with pytest.raises(ConfigError) as caught:
        train(name, load_config(name, "tiny", settings), progress="none")
    for word in words:
        assert word in str(caught.value), caught.value


def test_the_data_would_be_asked_for_otherwise(no_data: None) -> None:
    """The control of the test above."""
    for name in ("genie", "lam", "vae", "tokenizer", "vmc", "reader"):
        with pytest.raises(Untouched):
            train(name, load_config(name, "tiny"), progress="none")


def test_films_of_coinrun_that_the_last_phase_would_find_too_short_are_refused_at_once(no_data: None) -> None:
    long = {"train.film_length": 20, "model.dynamics.frames": 20, "train.memory_gib": 0}
    with pytest.raises(ConfigError, match="train.film_length is 20.*coinrun have 16"):
        train("genie", load_config("genie", "gpu-coinrun", long), progress="none")
    with pytest.raises(Untouched):
        train("genie", load_config("genie", "gpu-coinrun", {"train.memory_gib": 0}), progress="none")


def test_films_that_a_caller_brings_must_serve_the_last_phase_too() -> None:
    frames = np.zeros((3, 6, 32, 32, 3), np.uint8)
    config = load_config("genie", "tiny")
    with pytest.raises(ValueError, match=r"pieces of 8 frames \(train.film_length\), these films have 6"):
        train("genie", config, data=frames, progress="none")


def test_a_shipped_part_that_is_damaged_is_named_before_the_data_are_made(
    no_data: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", tmp_path)
    with pytest.raises(CheckpointError, match="tokenizer-cpu-patches.json"):
        train("genie", "cpu", progress="none")


def test_races_without_their_environment_are_refused_before_they_are_driven(
    no_data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Any:
        raise ImportError("CarRacing needs gymnasium with Box2D")

    monkeypatch.setattr(vmc_recipe, "make_carracing", missing)
    with pytest.raises(ConfigError, match="model.controllers holds 'real': CarRacing needs gymnasium"):
        train("vmc", "cpu-carracing", progress="none")


def test_no_race_is_driven_on_the_exams_tracks(no_data: None) -> None:
    with pytest.raises(ConfigError, match="train.generations.*100000 tracks"):
        train("vmc", load_config("vmc", "cpu-carracing", {"train.generations": 100_000, "train.lives": 2}),
              progress="none")  # fmt: skip


def test_a_recipes_own_check_comes_first() -> None:
    def refuse(config: Any) -> None:
        raise ConfigError("not so")

    def load(config: Any, given: Any) -> Any:
        raise Untouched

    with pytest.raises(ConfigError, match="not so"):
        train(replace(small_run.recipe, check=refuse, load=load), small_run.config(), progress="none")


def test_tokens_are_kept_whole_where_there_are_more_than_16_bits_can_say() -> None:
    """A codebook of 40,000, stored as 16-bit integers until now: number 32,768 became a number below 0."""
    settings = {"model.tokenizer.codes": 40_000, "model.dynamics.codes": 40_000}
    model = build(get_recipe("genie"), load_config("genie", "tiny", settings).model).eval()
    films = make_films("ball", split="train", count=1, length=2).frames
    with torch.no_grad():  # only the last codes are near what the encoder gives
        model.tokenizer.quantiser.codebook[:35_000] += 1e3
    tokens, actions = genie_recipe.seen_as_tokens(model, films)
    assert tokens.min() >= 35_000 and actions.min() >= 0
    small = build(get_recipe("genie"), load_config("genie", "tiny").model).eval()
    assert genie_recipe.seen_as_tokens(small, films)[0].dtype == torch.int16, "twice the memory for nothing"


# --------------------------------------------------------------------------------------- places that cannot be written

WORDS = ["train", "vae", "--size", "tiny", "--set", "train.steps=2", "--set", "train.warmup=0", "--set", "data.count=2"]


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> Any:
        raise Untouched

    monkeypatch.setattr("course_lib.training.data.load_films", refuse)


def in_one_sentence(done: Any, *words: str) -> None:
    """The command ended with code 2, one line and no traceback; the words stand in it."""
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit), (done.output, done.exception)
    assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["log.csv", FILE, "vae-tiny.safetensors", "vae-tiny.json"])
def test_a_folder_in_a_files_place_is_named_before_training(name: str, tmp_path: Path, no_training: None) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "out" / name / "mine.txt").write_text("mine")
    done = CliRunner().invoke(app, [*WORDS, "--out", str(tmp_path / "out")])
    in_one_sentence(done, f"{tmp_path / 'out' / name} is a folder", "move it away")
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted(["out", name, "mine.txt"])


def test_a_file_in_the_folders_place_is_named_before_training(tmp_path: Path, no_training: None) -> None:
    (tmp_path / "out").write_text("mine")
    done = CliRunner().invoke(app, [*WORDS, "--out", str(tmp_path / "out")])
    in_one_sentence(done, f"the folder {tmp_path / 'out'}", "--out")
    done = CliRunner().invoke(app, [*WORDS, "--out", str(tmp_path / "out" / "below")])
    in_one_sentence(done, "--out")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_that_takes_no_file_is_named_before_training(
    tmp_path: Path, no_training: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs tests may be root, whom no permission stops, so the system's refusal is put in its place."""

    def refuse(*args: Any, **options: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", str(options.get("dir")))

    monkeypatch.setattr("course_lib.files.tempfile.NamedTemporaryFile", refuse)
    done = CliRunner().invoke(app, [*WORDS, "--out", str(tmp_path / "out")])
    in_one_sentence(done, f"the folder {tmp_path / 'out'}", "Permission denied", "--out")
    with pytest.raises(CannotWrite, match="Permission denied"):
        small_run.run(tmp_path / "python")


def test_where_shipped_weights_cannot_be_written_is_known_before_training(
    tmp_path: Path, no_training: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", tmp_path)
    (tmp_path / "vae" / "vae-cpu.safetensors").mkdir(parents=True)
    done = CliRunner().invoke(app, ["train", "vae", "--size", "cpu", "--ship", "--out", str(tmp_path / "out")])
    in_one_sentence(done, "vae-cpu.safetensors is a folder")


def test_a_check_leaves_nothing_behind_and_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    check_writable(tmp_path / "a")
    check_writable(tmp_path / "new" / "b")
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "new"]


def test_a_file_system_that_knows_no_permissions_takes_files_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("course_lib.files.os.chmod", refuse)
    with atomic_file(tmp_path / "a") as file:
        file.write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole" and [p.name for p in tmp_path.iterdir()] == ["a"]
    assert CliRunner().invoke(app, [*WORDS, "--out", str(tmp_path / "out")]).exit_code == 0


def test_a_state_that_cannot_be_removed_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def guarded(path: Path, missing_ok: bool = False) -> None:
        if path.name == FILE:
            raise PermissionError(errno.EACCES, "in use by another program")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", guarded)
    done = CliRunner().invoke(app, [*WORDS, "--out", str(tmp_path)])
    assert done.exit_code == 0 and "could not be removed" in done.stderr, done.output
    load_checkpoint("vae", size="tiny", folder=tmp_path)


# --------------------------------------------------------------------------------------------- after the last step

VMC = ["train", "vmc", "--size", "tiny", *(w for s in ("train.steps=2", "train.steps_v=2", "train.warmup=0",
       "data.count=3") for w in ("--set", s))]  # fmt: skip


@pytest.mark.parametrize(
    "failure", [CourseError("the star fell down"), OSError(errno.ENOSPC, "no space"), RuntimeError("a fault of ours")]
)
def test_a_finish_that_fails_leaves_the_weights_and_the_way_on(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def finish(model: Any, config: Any, data: Any, folder: Path, tell: Any) -> dict[str, Any]:
        asked.append(folder)
        if len(asked) == 1:
            raise failure
        with torch.no_grad():
            model.c.weights.fill_(0.5)
        return {"finished by": "a test"}

    monkeypatch.setattr(vmc_recipe, "recipe", replace(vmc_recipe.recipe, finish=finish))
    done = CliRunner().invoke(app, [*VMC, "--out", str(tmp_path)])
    again = f"python -m course_lib {' '.join(VMC)} --out {tmp_path} --resume"
    kept = f"All 4 steps are stored in {tmp_path}. To do again what comes after them: {again}"
    if isinstance(failure, RuntimeError) and not isinstance(failure, CourseError):
        assert done.exception is failure and failure.__notes__ == [kept]  # with its traceback: a fault of ours
    else:
        assert done.exit_code == 2 and str(failure) in done.stderr and kept in done.stderr, done.output
    assert provenance("vmc", size="tiny", part="m", folder=tmp_path)["finished"] is False
    stored = load_checkpoint("vmc", size="tiny", folder=tmp_path)
    done = CliRunner().invoke(app, again.split()[3:])
    assert done.exit_code == 0 and "Going on after step 4" in done.stderr, done.output
    whole = load_checkpoint("vmc", size="tiny", folder=tmp_path)
    for name, value in stored.state_dict().items():
        expected = torch.full_like(value, 0.5) if name == "c.weights" else value
        assert torch.equal(whole.state_dict()[name], expected), name
    facts = provenance("vmc", size="tiny", part="m", folder=tmp_path)
    assert facts["finished by"] == "a test" and "finished" not in facts and asked == [tmp_path] * 2
    assert not (tmp_path / FILE).exists()


def test_an_evolution_goes_on_from_its_own_lives_alone(tmp_path: Path) -> None:
    """The same folder with another V and M: the controllers of the first run would have been taken for the second's."""
    config = load_config("vmc", "tiny", {"train.generations": 2, "train.steps": 1, "train.steps_v": 1,
                                         "train.warmup": 0, "train.dream_steps": 4, "data.count": 3})  # fmt: skip
    recipe, lines = get_recipe("vmc"), []
    found = {}
    for seed in (0, 1, 0):
        model = build(recipe, config.model, seed)
        data = recipe.load(config, None)
        with torch.no_grad():
            recipe.finish(model, config, data, tmp_path, lines.append)
        found.setdefault(seed, []).append(model.c.weights.clone())
    assert len(list(tmp_path.glob("evolution-dream-1.0-*.json"))) == 2
    assert torch.equal(*found[0]), "the first run's own file was not read again"
    alone = build(recipe, config.model, 1)
    recipe.finish(alone, config, recipe.load(config, None), tmp_path / "alone", lines.append)
    assert torch.equal(alone.c.weights, found[1][0])


def test_the_films_module_is_what_the_fixtures_block() -> None:
    """The fixtures above patch a name where it is used; this holds them to the name that there is."""
    assert genie_recipe.load_films is data_module.load_films is films_module.load_films
    assert vmc_recipe.training_films is data_module.training_films
    assert os.fspath(checkpoints.CHECKPOINTS).endswith("checkpoints")
