"""Half a minute of play: worlds whose marks are known, and what the study kept of those that come with the course."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.contract import Actions, Capabilities, NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.long_play import (
    FRAMES,
    Playthrough,
    agent_place,
    frozen,
    obedience,
    play_keys,
    play_model,
    play_simulator,
    present,
    read_game,
    share_by_game,
)
from course_lib.exam.questions import long_play
from course_lib.exam.registry import get_entrant
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.fakes import TokenFake
from course_lib.models.genie import Genie
from course_lib.models.key_map import KeyedGenie, KeyMap, KeyMapConfig
from course_lib.models.reader import Reader
from course_lib.studies import long_play as study
from course_lib.studies.long_play import measured_play
from course_lib.training import get_recipe, load_checkpoint, load_config
from course_lib.training.recipe import build
from course_lib.worlds import spec
from course_lib.worlds.films import Films, load_films, make_film
from course_lib.worlds.frames import to_model
from tests.contract_tests import check_world_model
from tests.damaged import check_refused

ROOMS, LENGTH, TRIES = 5, 24, (12, 20)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_checkpoint("reader").eval()


@pytest.fixture(scope="module")
def films() -> Films:
    return load_films("goal", split="validation", count=ROOMS)


@pytest.fixture(scope="module")
def keys() -> np.ndarray:
    return play_keys(ROOMS, LENGTH, np.random.default_rng(1))


@pytest.fixture(scope="module")
def real(films: Films, keys: np.ndarray) -> Playthrough:
    return play_simulator("goal", films.seeds, keys, tries=TRIES)


# ------------------------------------------------------------------------------------------------------------- the keys


def test_keys_are_held_and_tapped_and_the_same_for_everybody() -> None:
    keys = play_keys(20, FRAMES, np.random.default_rng(0))
    assert keys.shape == (20, FRAMES) and keys.dtype == np.uint8 and set(np.unique(keys)) == {0, 1, 2, 3}
    np.testing.assert_array_equal(keys, play_keys(20, FRAMES, np.random.default_rng(0)))
    runs = [len(run) for row in keys for run in np.split(row, np.flatnonzero(np.diff(row)) + 1)]
    assert min(runs) == 1 and max(runs) >= 18, "18 frames of running lead from one wall to the other"


def test_in_the_simulator_these_keys_lead_to_both_walls_and_to_the_star(films: Films) -> None:
    x, caught = [], 0.0
    for seed, row in zip(films.seeds, play_keys(ROOMS, FRAMES, np.random.default_rng(0)), strict=True):
        film = make_film("goal", int(seed), actions=row, length=FRAMES + 1)
        x.append(film.states[:, spec.AGENT_SLOT, spec.FIELD["x"]])
        caught += film.rewards.sum()
    assert np.min(x) < spec.WALL + 2.0 and np.max(x) > spec.BOX - spec.WALL - 2.0 and caught > 0


# ---------------------------------------------------------------------------------------- worlds whose marks are known


def test_the_simulator_is_its_own_film_and_obeys(
    real: Playthrough, films: Films, keys: np.ndarray, reader: Reader
) -> None:
    film = make_film("goal", int(films.seeds[0]), actions=keys[0], length=LENGTH + 1)
    np.testing.assert_array_equal(real.frames[0], film.frames[1:])
    assert real.tried.shape == (ROOMS, len(TRIES), 4, 3, 32, 32, 3)
    held = make_film("goal", int(films.seeds[0]), actions=np.append(keys[0, :12], [1, 1, 1]), length=16)
    np.testing.assert_array_equal(real.tried[0, 0, 1], held.frames[-3:])
    marks = read_game(reader, real)
    assert marks["alive"].mean() > 0.97 and marks["star"].mean() > 0.9 and marks["obeys"].mean() > 0.97


def test_a_picture_that_never_changes_has_everything_in_it_and_obeys_no_key(films: Films, reader: Reader) -> None:
    still = frozen(films.frames[:, 0], LENGTH, TRIES)
    marks = read_game(reader, still)
    assert marks["alive"].mean() == 1.0 and marks["star"].mean() >= 0.8
    right, asked = obedience(reader, still.tried)
    assert not right[..., :2].any() and right[..., 2].all() and asked[..., 0].all()


def test_who_is_gone_is_not_alive_and_right_about_nothing(real: Playthrough, films: Films, reader: Reader) -> None:
    empty = np.full_like(real.frames, 246)
    found = present(reader, empty)
    assert not found.agent.any() and not found.star.any()
    right, asked = obedience(reader, np.full_like(real.tried, 246))
    assert not right.any() and asked.all() and np.isnan(agent_place(reader, empty)).all()


def test_two_agents_are_not_one(real: Playthrough, reader: Reader) -> None:
    twice = real.frames[:1, :1].copy()
    column, row = (int(value) for value in agent_place(reader, twice)[0, 0] * (1, -1) + (0, 32))
    aside = column + (12 if column < 16 else -12)
    rows = slice(row - 3, row + 4)
    twice[0, 0, rows, aside - 3 : aside + 4] = twice[0, 0, rows, column - 3 : column + 4]
    assert present(reader, real.frames[:1, :1]).agent.all() and not present(reader, twice).agent.any()


def test_keys_that_are_exchanged_are_disobedience(real: Playthrough, reader: Reader) -> None:
    right, asked = obedience(reader, real.tried)
    mirrored = real.tried[:, :, [0, 2, 1, 3]]
    wrong, again = obedience(reader, mirrored)
    assert share_by_game(right[..., :1], asked[..., :1]).mean() > 0.9
    assert share_by_game(wrong[..., :1], again[..., :1]).mean() < 0.1


# ---------------------------------------------------------------------------------------------------------- the models


def test_playing_is_predicting_step_by_step(films: Films, keys: np.ndarray) -> None:
    model, first = TokenFake(size=32), to_model(films.frames[:, 0])
    game, table = play_model(model, first, keys[:, :6], tries=(4,)), model.capabilities.actions.table
    state = model.encode(first[:, None])
    for t in range(4):
        state = model.predict(state, table.to_latent(torch.from_numpy(keys[:, t].astype(np.int64))))
    drawn = (model.decode(state) * 255).round().to(torch.uint8).movedim(1, -1).numpy()
    np.testing.assert_array_equal(game.frames[:, 3], drawn)
    for _ in range(3):
        state = model.predict(state, table.to_latent(torch.full((ROOMS,), 2)))
    last = (model.decode(state) * 255).round().to(torch.uint8).movedim(1, -1).numpy()
    np.testing.assert_array_equal(game.tried[:, 0, 2, 2], last)


def test_who_takes_no_keys_is_not_played(films: Films, keys: np.ndarray) -> None:
    class Deaf(Extrapolation):
        capabilities = Capabilities(Actions("none"), decodes=True, frame_size=(32, 32), context=2)

    with pytest.raises(NotCapable, match="takes no actions"):
        play_model(Deaf(), to_model(films.frames[:, 0]), keys)


def test_the_rows_stand_beside_a_world_that_is_perfect_and_a_picture_that_is_dead(reader: Reader) -> None:
    entrant, sitting = Entrant("fake", {"model": TokenFake(size=32)}, []), Sitting(count=5, split="validation")
    rows = {row.question: row for row in long_play.ask(entrant, sitting, frames=LENGTH, tries=TRIES)}
    assert set(rows) == {"play_alive", "play_star", "play_obeys_late"} and rows["play_alive"].n == 5
    alive, obeys = rows["play_alive"].controls, rows["play_obeys_late"].controls
    assert set(alive) == {"simulator", "frozen_picture", "likeliest"}
    assert alive["simulator"] > 0.95 and alive["frozen_picture"] == 1.0
    assert obeys["simulator"] > 0.95 and obeys["frozen_picture"] < 0.5


# ------------------------------------------------------------------------------------------------ what the study kept


def test_the_kept_games_are_those_of_the_shipped_weights_and_beat_their_controls() -> None:
    kept, shipped = measured_play(), study.played_weights()
    assert kept.weights == shipped, "run: python -m course_lib study long_play"
    assert len(kept.played["genie"]["alive"]) == study.ROOMS >= 100
    mean = {name: {fact: values.mean() for fact, values in marks.items()} for name, marks in kept.played.items()}
    assert mean["simulator"]["alive"] > 0.99 and mean["simulator"]["obeys"] > 0.95 and mean["frozen"]["obeys"] < 0.5
    assert mean["tokens"]["alive"] > 0.98, "what is lost is not lost by the tokens"
    for worse in ("likeliest", "table"):
        assert mean["genie"]["alive"] > mean[worse]["alive"] and mean["genie"]["obeys"] > mean[worse]["obeys"]


def test_the_exam_reads_the_rows_of_the_study_and_refuses_other_weights() -> None:
    who, sitting = get_entrant("genie"), Sitting(count=5)
    rows = {row.question: row for row in long_play.ask(who, sitting)}
    assert set(rows) == {"play_alive", "play_star", "play_obeys_late", "play_return", "play_painted"}
    assert rows["play_alive"].n == study.ROOMS and rows["play_alive"].bar == 0.95
    assert rows["play_alive"].value == pytest.approx(measured_play().played["genie"]["alive"].mean())
    assert {"vmc", "simulator", "frozen", "likeliest", "table", "tokens"} == set(rows["play_alive"].controls)
    with pytest.raises(ExamError, match="study long_play"):
        list(long_play.ask(dataclasses.replace(who, checkpoint="0" * 12), sitting))
    with pytest.raises(NotCapable, match="test rooms"):
        list(long_play.ask(who, Sitting(count=5, split="validation")))


@pytest.mark.parametrize(
    "harm", [lambda f: f["played"].pop("table"), lambda f: f["played"]["genie"]["alive"].pop(),
             lambda f: f["played"]["vmc"]["star"].__setitem__(0, 1.5), lambda f: f["weights"].pop("vmc"),
             lambda f: f["painted"].__setitem__("genie", "all")],
)  # fmt: skip
def test_damaged_games_are_named_with_the_way_out(
    harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(study, measured_play, harm, "python -m course_lib study long_play", tmp_path, monkeypatch)


# -------------------------------------------------------------------------------------------------------- keys to codes


@pytest.fixture(scope="module")
def tiny() -> Genie:
    recipe = get_recipe("genie")
    return build(recipe, load_config(recipe, "tiny").model).eval()


def key_map(tiny: Genie, cap: float = 1.0) -> KeyMap:
    torch.manual_seed(0)
    size, codes = tiny.config.frame_size, tiny.config.lam.codes
    return KeyMap(KeyMapConfig(frame_size=size, answers=codes, width=8, hidden=8, cap=cap)).eval()


@torch.no_grad()
def test_genie_under_keys_keeps_the_contract(tiny: Genie) -> None:
    size, g = tiny.config.frame_size, torch.Generator().manual_seed(0)
    frames, keys = torch.rand(3, 5, 3, size, size, generator=g), torch.randint(0, 4, (3, 4), generator=g)
    check_world_model(KeyedGenie(tiny, key_map(tiny)), frames, keys)


@torch.no_grad()
def test_a_map_answers_with_the_prior_or_is_a_table(tiny: Genie) -> None:
    """Its two ends: without weights every key gives what the films' player would do; heavy ones make a table."""
    chosen, codes = key_map(tiny), tiny.config.lam.codes
    frames = torch.rand(6, 2, 3, tiny.config.frame_size, tiny.config.frame_size)
    keys = torch.tensor([0, 1, 2, 3, 0, 1])
    prior = chosen.prior(frames.flatten(1, 2)).log_softmax(dim=-1)
    torch.testing.assert_close(chosen(frames, keys), prior)
    table = torch.tensor([3, 0, 5, 1]) % codes
    chosen.keys.weight.copy_(1e3 * torch.nn.functional.one_hot(table, codes))
    assert torch.equal(chosen(frames, keys).argmax(dim=1), table[keys])
    assert torch.allclose(chosen(frames, keys).exp().sum(dim=1), torch.ones(6))


@torch.no_grad()
def test_beyond_the_cap_it_does_not_matter_how_often_the_films_player_did_it(tiny: Genie) -> None:
    chosen, size = key_map(tiny, cap=0.05), tiny.config.frame_size
    frames = torch.rand(6, 2, 3, size, size, generator=torch.Generator().manual_seed(0))
    p = chosen.prior(frames.flatten(1, 2)).softmax(dim=-1)
    assert (p > 0.05).sum() > 6
    torch.testing.assert_close(chosen.possible(frames).exp(), p.clamp_max(0.05))


def test_a_map_learns_that_a_key_means_something_else_elsewhere(tiny: Genie) -> None:
    """Two kinds of frames, two codes: where the frame is dark nothing ever happens, whatever is pressed."""
    size = tiny.config.frame_size
    dark = torch.arange(40) % 2 == 0
    frames = torch.where(dark[:, None, None, None, None], 0.0, 1.0).expand(-1, 2, 3, size, size).contiguous()
    keys = torch.arange(40) // 2 % 4
    codes = torch.where(dark, 0, 1 + keys)
    chosen = KeyMap(KeyMapConfig(frame_size=size, answers=5, width=8, hidden=8))

    class Prior(torch.nn.Module):  # knows which codes there are in such frames, and nothing of keys
        def forward(self, x: Tensor) -> Tensor:
            bright = x.mean(dim=(1, 2, 3)) > 0.5
            something, nothing = torch.tensor([-20.0, 0, 0, 0, 0]), torch.tensor([0.0, -20, -20, -20, -20])
            return torch.where(bright[:, None], something, nothing)

    chosen.prior = Prior()
    assert chosen.fit_keys(frames, keys, codes, decay=1e-3) < 0.1
    assert bool((chosen(frames, keys).argmax(dim=1) == codes).all())
