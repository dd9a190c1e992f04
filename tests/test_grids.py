"""Rooms and curves on paper, and the widget of notebook 01 at its extremes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from course_lib import show
from course_lib.models.tabular import grid_room, value_iteration
from course_lib.show.figure import png_of_figure
from course_lib.show.grids import Sheet, curves, rooms
from course_lib.views.dyna import plan_after, share_at_start, sheet


def _pixels(figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png_of_figure(figure))).convert("RGB"))


def test_a_picture_shows_what_it_is_given() -> None:
    """Another value, another arrow or another wall gives another picture, the same arrays the same picture."""
    cells, shape = np.array([[0, 0], [0, 1], [1, 0]]), (2, 2)
    values, policy = np.array([0.0, 0.5, 1.0]), np.array([1, 2, 0])
    plain = _pixels(rooms({"a": Sheet(cells, shape, values, policy)}))
    assert np.array_equal(plain, _pixels(rooms({"a": Sheet(cells, shape, values, policy)})))
    others = [
        Sheet(cells, shape, values[::-1].copy(), policy),
        Sheet(cells, shape, values, policy[::-1].copy()),
        Sheet(np.array([[0, 0], [0, 1], [1, 1]]), shape, values, policy),
        Sheet(cells, shape, values, policy, path=[0, 1]),
    ]
    for other in others:
        assert not np.array_equal(plain, _pixels(rooms({"a": other})))


def test_a_state_without_value_is_paper() -> None:
    cells = np.array([[0, 0], [0, 1]])
    picture = _pixels(rooms({"": Sheet(cells, (1, 2), np.array([np.nan, 1.0]))}))
    height, width = picture.shape[:2]
    left, right = picture[height * 2 // 3, width // 4], picture[height * 2 // 3, 3 * width // 4]
    assert left.min() > 200 and right.min() < 200


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"values": np.zeros(3)}, "values"),
        ({"policy": np.zeros((2, 4), dtype=int)}, "policy"),
        ({"cells": np.array([[0, 0], [0, 5]])}, "outside"),
        ({"cells": np.zeros((2, 3), dtype=int)}, "row and column"),
    ],
)
def test_arrays_that_do_not_fit_are_named(change: dict, says: str) -> None:
    arrays = {"cells": np.array([[0, 0], [0, 1]]), "shape": (1, 2)} | change
    with pytest.raises(ValueError, match=says):
        rooms({"room": Sheet(**arrays)})


def test_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        rooms({})


def test_curves_stay_small() -> None:
    x = np.arange(1, 50)
    figure = curves(x, {"a": (x, x - 1, x + 1)}, across="steps", up="error", reference={"theory": 1.0 / x}, log=False)
    assert len(png_of_figure(figure)) < 150_000


def test_the_widget_draws_at_its_extremes() -> None:
    drawn = show.probe(plan_after, {"real_steps": [0, 6000], "sweeps": [0, 200], "slip": [0.0, 0.5], "seed": [0]})
    assert len(drawn) == 8
    assert all(0 < len(one.png) < 150_000 for one in drawn)


def test_more_life_makes_the_plan_in_the_widget_better() -> None:
    few, many = (plan_after(real_steps=steps).text for steps in (0, 6000))
    assert "earns 0%" in few
    assert int(many.split("earns ")[1].split("%")[0]) >= 95


def test_the_optimal_policy_earns_all_there_is() -> None:
    room = grid_room()
    best = value_iteration(room.transitions, room.rewards, 0.95)
    assert share_at_start(room, best.policy) == pytest.approx(1.0, abs=1e-5)
    assert share_at_start(room, np.zeros(len(room.cells), dtype=int)) < 0.1
    assert sheet(room).marks == {"S": room.start, "G": room.goal}
