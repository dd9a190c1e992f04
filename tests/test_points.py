"""Points to drag: the lines follow them, errors are shown, and what cannot be dragged is named."""

from __future__ import annotations

import json

import numpy as np
import pytest
import traitlets

from course_lib import show
from course_lib.show.points import Points

START = [[-1.0, 0.0], [1.0, 0.5]]


def to_the_points(places: np.ndarray) -> np.ndarray:
    """From the origin to each point."""
    return np.stack([np.zeros_like(places), places / 2, places], axis=1)  # (N, 2) -> (N, 3, 2)


def lines(widget: Points) -> np.ndarray:
    """The lines as the browser reads them."""
    return np.frombuffer(widget.pixels, np.float32).reshape(*widget.shape, 2)


def drag(widget: Points, places: object) -> None:
    """As the browser sends it."""
    widget.set_state({"dragged": json.loads(json.dumps(places))})


def test_the_lines_follow_the_points() -> None:
    widget = show.points(START, to_the_points)
    np.testing.assert_allclose(lines(widget), to_the_points(np.array(START)), rtol=1e-6)
    drag(widget, [[-2.0, 1.0], [1.0, 0.5]])
    np.testing.assert_allclose(lines(widget)[0, 2], [-2.0, 1.0])
    np.testing.assert_array_equal(widget.places, [[-2.0, 1.0], [1.0, 0.5]])
    assert widget.answered == 1 and widget.error == "" and widget.settings["beginning"] == START


def test_points_stay_on_the_plane_and_no_nonsense_is_taken() -> None:
    widget = show.points(START, to_the_points, limit=2.0)
    drag(widget, [[-9.0, 9.0], [0.0, 0.0]])
    np.testing.assert_array_equal(widget.places, [[-2.0, 2.0], [0.0, 0.0]])
    with pytest.raises(traitlets.TraitError, match=r"a list of \[x, y\]"):
        widget.dragged = [[1.0]]


def test_a_function_that_fails_is_heard_and_the_old_lines_stay() -> None:
    def careful(places: np.ndarray) -> np.ndarray:
        if places[0, 0] > 0:
            raise ValueError("too far to the right")
        return to_the_points(places)

    widget = show.points(START, careful)
    before = lines(widget).copy()
    drag(widget, [[0.5, 0.0], [1.0, 0.5]])
    assert "ValueError: too far to the right" in widget.error and widget.answered == 1
    np.testing.assert_array_equal(lines(widget), before)
    drag(widget, START)
    assert widget.error == "" and widget.answered == 2, "an answer for every question, or the browser would wait"


def test_a_page_without_a_kernel_shows_points_and_lines() -> None:
    bundle = show.points(START, to_the_points)._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG") and bundle["text/plain"] == "2 points to drag"


@pytest.mark.parametrize(
    ("places", "function", "words"),
    [
        ([[0.0, 4.0]], to_the_points, "outside the plane, which goes from -3 to 3"),
        ([], to_the_points, r"finite and \(N, 2\)"),
        ([[np.nan, 0.0]], to_the_points, r"finite and \(N, 2\)"),
        (START, "flow", "a function of the places"),
        (START, lambda places: places, r"shape \(L, T, 2\), these have \(2, 2\)"),
    ],
)
def test_what_cannot_be_dragged_is_named(places: list, function: object, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        show.points(places, function)  # type: ignore[arg-type]
