"""Films without a star, and the tasks of goal pictures in the same rooms."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import begin, make_film
from course_lib.worlds.goal_pictures import distance_to_goal, draw_goal_tasks, goal_pictures
from course_lib.worlds.scenes import film_seed
from course_lib.worlds.starless import FRAMES, ON_PLATFORM, StarlessFilms, make_starless

Y = spec.FIELD["y"]


@pytest.fixture(scope="module")
def films() -> StarlessFilms:
    return make_starless(split="train", count=200)


def test_no_film_has_a_star_and_four_of_ten_begin_on_the_platform(films: StarlessFilms) -> None:
    assert films.frames.shape == (200, FRAMES, 32, 32, 3) and films.actions.shape == (200, FRAMES - 1)
    kinds = films.of("kind")
    assert (kinds[:, :, spec.AGENT_SLOT] == 1).all() and (kinds[:, :, 1:] == 0).all()
    share = (films.states[:, 0, spec.AGENT_SLOT, Y] > spec.FLOOR + 5.0).mean()
    assert abs(share - ON_PLATFORM) < 4 * np.sqrt(ON_PLATFORM * (1 - ON_PLATFORM) / 200)


def test_whoever_begins_on_a_platform_stands_on_it(films: StarlessFilms) -> None:
    """Until the first key is pressed nothing moves."""
    for film in range(40):
        still = int(np.argmax(films.actions[film] != 0)) if films.actions[film].any() else FRAMES - 1
        y = films.states[film, : still + 1, spec.AGENT_SLOT, Y]
        assert np.ptp(y) < 0.1


def test_rooms_and_keys_are_those_of_the_set_goal_with_the_same_seed(films: StarlessFilms) -> None:
    for index in (0, 1, 7):
        seed = film_seed("train", index)
        goal = make_film("goal", seed)
        np.testing.assert_array_equal(films.actions[index, :31], goal.actions)
        room = begin("goal", seed).scene
        if films.states[index, 0, spec.AGENT_SLOT, Y] < 5.0:
            np.testing.assert_array_equal(films.states[index, :10, 0], goal.states[:10, 0])
        top = int((spec.BOX - room.platforms[0].top) // 1)  # the row of pixels in which the platform's top lies
        middle = int((room.platforms[0].left + room.platforms[0].right) // 2)
        assert films.frames[index, -1, top + 1, middle].sum() < 700, "the platform is drawn where it is"


def test_films_are_the_same_each_time_and_another_split_has_others(films: StarlessFilms) -> None:
    few = make_starless(split="train", count=3, length=10)
    np.testing.assert_array_equal(few.frames, films.frames[:3, :10])
    assert few.hash == make_starless(split="train", count=3, length=10).hash != films.hash
    other = make_starless(split="test", count=3, length=10)
    assert not (other.states[:, 0] == few.states[:, 0]).all()
    assert few.for_training() is few
    with pytest.raises(ValueError, match="'test' are held out"):
        other.for_training()
    for wrong in ({"count": 0}, {"count": 1, "length": 1}):
        with pytest.raises(ValueError, match="at least 1 film of at least 2 frames"):
            make_starless(split="train", **wrong)
    with pytest.raises(ValueError, match="no split 'tets'"):
        make_starless(split="tets", count=1)


def test_a_goal_is_a_place_on_the_platform_where_the_agent_can_stand() -> None:
    for task in draw_goal_tasks(30):
        platform, (x, y) = task.room.platforms[0], task.place
        assert platform.left < x < platform.right and y == platform.top + spec.AGENT_HALF_HEIGHT
        assert task.room.agent[1] == spec.FLOOR + spec.AGENT_HALF_HEIGHT
        room = task.begin()
        assert distance_to_goal(task, room) > spec.STAR_REACH + 2.0, "and nobody begins there"
        there = type(task)(task.goal, task.goal).begin()
        for _ in range(5):
            there.step()
        assert distance_to_goal(task, there) < 0.1


def test_the_picture_shows_the_room_with_the_agent_at_the_place() -> None:
    tasks = draw_goal_tasks(5, split="validation")
    pictures = goal_pictures(tasks)
    assert pictures.shape == (5, 32, 32, 3)
    for task, picture in zip(tasks, pictures, strict=True):
        empty = type(task)(task.goal, task.goal).begin()
        np.testing.assert_array_equal(picture, draw_film(task.goal, empty.state()[None])[0])
        start = draw_film(task.room, task.begin().state()[None])[0]
        rows, columns = np.nonzero((picture.astype(int) - start).sum(axis=2) < -300)  # darker: where the agent is now
        assert abs(columns.mean() + 0.5 - task.place[0]) < 1.0
        assert abs(spec.BOX - rows.mean() - 0.5 - task.place[1]) < 1.0


def test_tasks_of_two_splits_share_no_room() -> None:
    rooms = [{task.room.platforms for task in draw_goal_tasks(50, split=split)} for split in spec.SPLITS]
    assert not rooms[0] & rooms[1] and not rooms[1] & rooms[2] and not rooms[0] & rooms[2]
    assert draw_goal_tasks(3, first=2)[0] == draw_goal_tasks(3)[2]
