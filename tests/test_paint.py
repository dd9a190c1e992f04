"""A picture to paint: what it holds, what it hands on, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import traitlets

from course_lib import show
from course_lib.show.paint import Painter

WHITE = np.full((8, 8, 3), 255, np.uint8)
RED = {"red": (200, 30, 10)}


def answers(easel: Painter) -> list[dict[str, Any]]:
    """What a painter sends to the browser from now on."""
    said: list[dict[str, Any]] = []
    easel.send = lambda content, buffers=None: said.append(content)  # type: ignore[method-assign]
    return said


def press_enter(easel: Painter, pixels: bytes) -> None:
    """The message of the button that enters, as it comes from the browser."""
    easel._handle_custom_msg({"kind": "enter"}, [memoryview(pixels)])


def test_what_the_browser_paints_is_the_frame() -> None:
    easel = show.painter(WHITE, RED)
    np.testing.assert_array_equal(easel.frame, WHITE)
    painted = WHITE.copy()
    painted[2, 3] = (200, 30, 10)
    easel.set_state({"pixels": memoryview(painted.tobytes())})  # as it comes from the browser
    np.testing.assert_array_equal(easel.frame, painted)
    easel.frame[:] = 0
    np.testing.assert_array_equal(easel.frame, painted, err_msg="a copy: painting is done in the browser")
    with pytest.raises(traitlets.TraitError, match="192 bytes, not 3"):
        easel.pixels = b"abc"
    np.testing.assert_array_equal(easel.frame, painted)


def test_entered_is_the_picture_that_comes_with_the_message() -> None:
    """The stroke before it may reach the kernel later, in a message of its own."""
    rooms = []
    easel = show.painter(WHITE, RED, enter=rooms.append, enter_name="Go in")
    assert easel.settings["enter"] == "Go in"
    said = answers(easel)
    painted = WHITE.copy()
    painted[2, 3] = RED["red"]
    press_enter(easel, painted.tobytes())
    assert said == [{"kind": "entered"}]
    np.testing.assert_array_equal(rooms[0], painted)
    np.testing.assert_array_equal(easel.frame, painted)
    assert rooms[0].dtype == np.uint8 and easel.beginning == WHITE.tobytes(), "Clear still goes back to the beginning"
    rooms[0][:] = 0
    np.testing.assert_array_equal(easel.frame, painted, err_msg="what is entered is a copy")


def test_an_error_at_the_entrance_is_told_and_nothing_painted_is_lost() -> None:
    def enter(room: np.ndarray) -> None:
        if (room == 255).all():
            raise ValueError("nobody is in this room")

    easel = show.painter(np.zeros_like(WHITE), RED, enter=enter)
    said = answers(easel)
    press_enter(easel, WHITE.tobytes())
    assert said[0]["kind"] == "error"
    assert said[0]["text"].startswith("ValueError: nobody is in this room\nat enter, line"), said[0]["text"]
    np.testing.assert_array_equal(easel.frame, WHITE)
    press_enter(easel, b"abc")
    assert said[1]["kind"] == "error" and "192 bytes, not 3" in said[1]["text"]
    np.testing.assert_array_equal(easel.frame, WHITE)
    press_enter(easel, bytes(192))
    assert said[2] == {"kind": "entered"}


def test_without_enter_no_message_is_answered() -> None:
    easel = show.painter(WHITE, RED)
    said = answers(easel)
    press_enter(easel, bytes(192))
    easel.answer("nonsense", [])
    assert said == [] and easel.settings["enter"] is None
    np.testing.assert_array_equal(easel.frame, WHITE)


def test_colours_keep_their_order() -> None:
    """The keys 1 to 9 choose by it, and a browser would put names that are numbers first."""
    easel = show.painter(WHITE, {"red": (200, 30, 10), "2": (0, 0, 0), "1": (9, 9, 9)})
    assert [name for name, _ in easel.settings["colours"]] == ["red", "2", "1"]


def test_a_page_without_a_kernel_shows_the_picture() -> None:
    bundle = show.painter(WHITE, RED)._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG") and bundle["text/plain"] == "A picture to paint"


@pytest.mark.parametrize(
    ("picture", "colours", "told"),
    [
        (WHITE, {}, "a dict such as"),
        (WHITE, {"red": (200, 30)}, "the colour 'red'"),
        (WHITE, {"red": (300, 0, 0)}, "the colour 'red'"),
        (WHITE[None], RED, "the picture to paint on"),
    ],
)
def test_what_cannot_be_painted_is_named(picture: np.ndarray, colours: dict, told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        show.painter(picture, colours)


def test_an_entrance_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="enter: a function that takes the painted frame.*not 'a room'"):
        show.painter(WHITE, RED, enter="a room")
