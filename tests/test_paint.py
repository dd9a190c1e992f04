"""A picture to paint: what it holds, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import traitlets

from course_lib import show

WHITE = np.full((8, 8, 3), 255, np.uint8)


def test_what_the_browser_paints_is_the_frame() -> None:
    easel = show.painter(WHITE, {"red": (200, 30, 10)})
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


def test_a_page_without_a_kernel_shows_the_picture() -> None:
    bundle = show.painter(WHITE, {"red": (200, 30, 10)})._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG") and bundle["text/plain"] == "A picture to paint"


@pytest.mark.parametrize(
    ("picture", "colours", "told"),
    [
        (WHITE, {}, "a dict such as"),
        (WHITE, {"red": (200, 30)}, "the colour 'red'"),
        (WHITE, {"red": (300, 0, 0)}, "the colour 'red'"),
        (WHITE[None], {"red": (200, 30, 10)}, "the picture to paint on"),
    ],
)
def test_what_cannot_be_painted_is_named(picture: np.ndarray, colours: dict, told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        show.painter(picture, colours)
