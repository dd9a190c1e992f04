"""Fast races: the same car and the same rewards as the environment's own, and pictures that V cannot tell from its."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.lookup import ExamError
from course_lib.models.vmc import VMC, Dream, press
from course_lib.planning.controller import as_weights, directions_of
from course_lib.planning.lives import live
from course_lib.planning.racing import FIRST_TRACK, RaceWorld, race_returns
from course_lib.studies import carracing
from course_lib.studies.carracing import carracing_returns, random_driver
from course_lib.training import get_recipe, load_checkpoint, load_config, provenance
from course_lib.training.recipe import build
from course_lib.views.acting import race_film
from course_lib.worlds.race import HELD, STEPS, Race
from course_lib.worlds.race_films import FILM, FIRST_SEED, MOST, drive, make_races


def wiggle(count: int, seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    steering = 0.4 * np.sin(np.arange(count) / 5) + 0.2 * chance.normal(size=count)
    return np.stack([steering.clip(-1, 1), chance.uniform(0.1, 0.6, count), 0.1 * chance.random(count)], axis=1)


@pytest.fixture(scope="module")
def model() -> VMC:
    config = load_config("vmc", "cpu-carracing").model
    v = {"encoder_channels": (4, 4, 4, 4), "decoder_channels": (4, 4, 4), "decoder_start": 8}
    update = {"v": config.v.model_copy(update=v), "m": config.m.model_copy(update={"hidden": 8})}
    return build(get_recipe("vmc"), config.model_copy(update=update)).eval()


def controllers(model: VMC, count: int, seed: int = 0, size: float = 0.1) -> torch.Tensor:
    shape = (count, *model.c.weights.shape[1:])
    return size * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", [5, 8])
def test_the_fast_picture_is_the_environments(seed: int) -> None:
    fast, slow = Race(seed), Race(seed, slow=True)
    apart, moved, before = [], [], fast.frame()
    for action in wiggle(60, seed):
        assert fast.step(action) == slow.step(action)
        frame = fast.frame()
        apart.append(np.abs(frame.astype(int) - slow.frame()).mean())
        moved.append(np.abs(frame.astype(int) - before).mean())
        before = frame
    assert np.mean(apart) < 0.3 and max(apart) < 0.8, "in levels of 255"
    assert np.mean(apart) < 0.1 * np.mean(moved), "against what happens in one decision"
    # the car alone: where it stands, the pictures agree as well as elsewhere
    car = np.s_[48:60, 28:36]
    assert np.abs(frame[car].astype(int) - slow.frame()[car]).mean() < 3.0
    fast.close(), slow.close()


def test_a_race_can_be_begun_again_and_ends() -> None:
    race = Race(12)
    actions = wiggle(20, 1)
    first = [race.step(action) for action in actions]
    seen = race.frame()
    race.reset()
    assert [race.step(action) for action in actions] == first
    np.testing.assert_array_equal(race.frame(), seen)
    while not race.over:
        race.step(np.array([0.0, 0.0, 1.0]))
    assert race.taken == STEPS
    with pytest.raises(ValueError, match="is over"):
        race.step(np.zeros(3))


def test_races_of_a_batch_do_not_influence_one_another(model: VMC) -> None:
    world, weights, seeds = RaceWorld(model), controllers(model, 3), np.array([3, 3, 9])
    together = live(world, weights, seeds, steps=12)
    alone = torch.cat([live(RaceWorld(model), weights[i : i + 1], seeds[i : i + 1], steps=12) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4)
    assert len(set(together.tolist())) == 3


def test_who_gives_up_is_charged_with_standing_still(model: VMC) -> None:
    still = torch.zeros(1, *model.c.weights.shape[1:])
    still[0, 1, -1] = -30.0  # no gas
    seeds = np.array([4])
    patient = live(RaceWorld(model, decisions=40), still, seeds, steps=40)
    hasty = RaceWorld(model, decisions=40, patience=5)
    torch.testing.assert_close(live(hasty, still, seeds, steps=40), patient)
    assert hasty.races[0].taken < 20 * HELD
    driving = controllers(model, 4)
    full = live(RaceWorld(model, decisions=40), driving, np.arange(4), steps=40)
    short = live(RaceWorld(model, decisions=40, patience=5), driving, np.arange(4), steps=40)
    assert (short <= full + 1e-4).all(), "giving up is never worth more than going on standing still"


def test_a_controller_along_directions_is_a_linear_controller(model: VMC) -> None:
    chance = torch.Generator().manual_seed(0)
    mixed = torch.randn(4, 8, generator=chance)  # eight numbers of h that are made of four
    z, h = torch.randn(500, 32, generator=chance), torch.randn(500, 4, generator=chance) @ mixed
    none = torch.zeros(500)
    state = Dream(z, h, torch.zeros_like(h), none, none)
    found = directions_of(state, 3)
    read = (torch.cat([z, h], dim=1) - found.mean) @ found.map.T  # (500, 35)
    torch.testing.assert_close(read.mean(dim=0), torch.zeros(35), atol=1e-4, rtol=0)
    torch.testing.assert_close(read.std(dim=0), torch.ones(35), atol=0.01, rtol=0)
    torch.testing.assert_close(torch.corrcoef(read[:, 32:].T), torch.eye(3), atol=1e-3, rtol=0)
    flat = np.random.default_rng(0).normal(size=3 * 36)
    plain = as_weights(model, flat)
    wanted = press(read @ plain[:, :-1].T + plain[:, -1], "car")
    torch.testing.assert_close(model.press(state, as_weights(model, flat, found)), wanted, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="h has 8 numbers"):
        directions_of(state, 9)


def test_films_of_races_can_be_made_again() -> None:
    frames, actions, rewards = drive(FIRST_SEED["train"])
    again = drive(FIRST_SEED["train"])
    for one, other in zip((frames, actions, rewards), again, strict=True):
        np.testing.assert_array_equal(one, other)
    films = make_races(1)
    assert films.frames.shape == (len(frames) // FILM, FILM, 64, 64, 3)
    np.testing.assert_array_equal(films.frames[1], frames[FILM : 2 * FILM])
    np.testing.assert_array_equal(films.actions[1], actions[FILM : 2 * FILM - 1])
    assert (drive(FIRST_SEED["train"] + 1)[0][0] != frames[0]).any()


def test_the_tracks_of_the_splits_never_meet() -> None:
    ranges = {name: range(first, first + MOST) for name, first in FIRST_SEED.items()}
    ranges |= {f"life {name}": range(first, first + 100_000) for name, first in FIRST_TRACK.items()}
    ranges |= {"recording train": range(10_000, 10_060), "recording test": range(20_000, 20_015)}
    ordered = sorted(ranges.values(), key=lambda r: r.start)
    assert all(a.stop <= b.start for a, b in zip(ordered, ordered[1:], strict=False)), ranges


def test_bad_requests_are_named() -> None:
    with pytest.raises(ValueError, match="no split"):
        make_races(1, split="validation")
    with pytest.raises(ValueError, match="between 1 and"):
        make_races(0)
    with pytest.raises(KeyError):
        RaceWorld(None, split="validation")


def test_a_film_of_a_race_ends_with_it(model: VMC) -> None:
    frames, points = race_film(model, controllers(model, 1)[0], race=2, every=5)
    assert len(frames) == -(-len(points) // 5) and frames.shape[1:] == (64, 64, 3)
    played = live(RaceWorld(model, split="test"), controllers(model, 1), np.array([2]), steps=250)
    assert points[-1] == pytest.approx(float(played[0]), abs=1e-3)


def test_the_shipped_returns_belong_to_the_shipped_controller() -> None:
    facts = carracing_returns()
    assert facts["checkpoint"] == provenance("vmc", size="cpu-carracing", part="c")["sha256"][:12]
    assert {len(values) for values in facts["returns"].values()} == {100}
    agent = load_checkpoint("vmc", size="cpu-carracing")
    again = race_returns(agent, agent.c.of("real"), episodes=4, slow=False)
    kept = np.array(facts["returns"]["vmc"])
    # One step that rounds otherwise, or a pixel, and a race goes another way: the mean of a few is all that holds.
    assert abs(again.mean() - kept[:4].mean()) < 4 * kept.std() / 2
    random = np.array([random_driver(FIRST_TRACK["test"] + race) for race in range(3)])
    np.testing.assert_allclose(random, facts["returns"]["random"][:3], atol=0.1)


NO_RETURNS = [None, "{", "[]", '{"returns": 3}', '{"returns": {"a": [1], "b": []}, "checkpoint": 0}']


@pytest.mark.parametrize("content", NO_RETURNS)
def test_damaged_returns_are_named(content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carracing, "KEPT", tmp_path / "returns.json")
    if content is not None:
        (tmp_path / "returns.json").write_text(content)
    with pytest.raises(ExamError, match="returns.json.*study carracing"):
        carracing_returns()
