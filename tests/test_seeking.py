"""A player that wants the star: what it presses, what counts as a touch, and that it gets there in the real world."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.exam.measures.long_play import JUMP, LEFT, NONE, RIGHT, agent_place, play_keys
from course_lib.exam.measures.seeking import seek, seeking_keys, things_seen, touches
from course_lib.models.reader import Reader
from course_lib.studies.long_play import paint_rooms, simulator_step
from course_lib.training import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.films import Films, load_films, make_film

ROOMS, FRAMES = 5, 120
GONE = (np.nan, np.nan)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_checkpoint("reader").eval()


@pytest.fixture(scope="module")
def films() -> Films:
    return load_films("goal", split="validation", count=ROOMS)


def test_it_runs_to_the_star_and_jumps_for_a_higher_one() -> None:
    low = spec.FLOOR + spec.AGENT_HALF_HEIGHT
    agent = np.array([(10, low)] * 6 + [(10, low + 5)], float)
    star = np.array([(20, low), (2, low), (10, low), (12, low + 6), (25, low + 6), GONE, (12, low + 11)])
    assert seeking_keys(agent, star).tolist() == [RIGHT, LEFT, NONE, JUMP, RIGHT, NONE, RIGHT]
    assert seeking_keys(np.array([GONE]), np.array([(5.0, 5.0)])).tolist() == [NONE]


def path(*places: tuple[float, float]) -> np.ndarray:
    return np.array([places], float)


def test_a_touch_is_an_agent_at_a_star_that_is_next_seen_elsewhere() -> None:
    agent = path((0, 4), (8, 4), (10, 4), (10, 4), (10, 4))
    assert touches(agent, path((10, 4), (10, 4), (10, 4), (25, 9), (25, 9))).tolist() == [1]
    assert touches(agent, path((10, 4), (10, 4), GONE, GONE, (25, 9))).tolist() == [1], "unseen in between"
    assert touches(agent, path((10, 4), (10, 4), (10, 4), (10, 4), (11, 4))).tolist() == [0], "it stays"
    assert touches(agent, path((10, 4), (10, 4), GONE, GONE, GONE)).tolist() == [0], "it never comes back"
    assert touches(agent, path((28, 4), (28, 4), (28, 4), (25, 20), (25, 20))).tolist() == [0], "nobody was near"
    assert touches(path(GONE, GONE, GONE, GONE, GONE), path((1, 1), (9, 9), (1, 1), (9, 9), (1, 1))).tolist() == [0]


def test_touches_are_the_rewards_of_the_real_world(films: Films, reader: Reader) -> None:
    """From frames alone it counts what the simulator pays, under keys at random: at most one in a room is missed."""
    keys = play_keys(ROOMS, 200, np.random.default_rng(0))
    rewards, seen = [], []
    for seed, row in zip(films.seeds, keys, strict=True):
        film = make_film("goal", int(seed), actions=row, length=201)
        rewards.append(film.rewards.sum())
        seen.append(film.frames)
    found = touches(*things_seen(reader, np.stack(seen)))
    assert sum(rewards) >= 5 and np.abs(found - np.array(rewards)).max() <= 1


def test_in_the_real_world_it_gets_more_than_keys_at_random(films: Films, reader: Reader) -> None:
    sought = touches(*seek(simulator_step(films.seeds), films.frames[:, 0], reader, FRAMES)).sum()
    step, keys = simulator_step(films.seeds), play_keys(ROOMS, FRAMES, np.random.default_rng(0))
    frames = np.stack([step(keys[:, t]) for t in range(FRAMES)], axis=1)
    assert sought > touches(*things_seen(reader, frames)).sum()


def test_the_rooms_step_as_the_film_is_made(films: Films) -> None:
    keys = play_keys(ROOMS, 6, np.random.default_rng(3))
    step = simulator_step(films.seeds)
    made = np.stack([step(keys[:, t]) for t in range(6)], axis=1)
    np.testing.assert_array_equal(made[1], make_film("goal", int(films.seeds[1]), actions=keys[1], length=7).frames[1:])


def test_painted_rooms_have_an_agent_and_no_two_are_alike(reader: Reader) -> None:
    rooms = paint_rooms(20, np.random.default_rng(0))
    assert rooms.shape == (20, 32, 32, 3) and rooms.dtype == np.uint8
    assert len({room.tobytes() for room in rooms}) == 20
    assert np.isfinite(agent_place(reader, rooms)[:, 0]).mean() >= 0.9, "the reader knows a painted agent"
    np.testing.assert_array_equal(rooms, paint_rooms(20, np.random.default_rng(0)))
