"""A picture to paint with the mouse or the keys: ``painter(picture)``, whose ``frame`` is what was painted so far.

    easel = show.painter(my_frame, {"agent": (34, 44, 72), "floor": (98, 108, 126)})
    easel                     # paint
    easel.frame               # uint8 (H, W, 3)

With ``enter`` a button hands the picture to a function, so that a canvas beside it can begin in what was painted:

    show.painter(my_frame, colours, enter=lambda painted: game.show(DreamPlayer(genie, painted[None])))

The browser's half (paint.js) sends the whole picture when the brush is lifted; a small frame is three kilobytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from course_lib.show import check
from course_lib.show.canvas import explained
from course_lib.show.figure import png_of_picture

DOTS = 384  # on the screen, about, for a picture's side


class Painter(anywidget.AnyWidget):
    """The widget that ``painter`` returns. ``answer`` hears the button that enters.

    pixels: the picture as raw bytes, kept in step with the browser. beginning: what the button Clear goes back to.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

    beginning = traitlets.Bytes().tag(sync=True)
    pixels = traitlets.Bytes().tag(sync=True, from_json=lambda value, widget: bytes(value))
    settings = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        picture: NDArray[np.uint8],
        colours: Mapping[str, Sequence[int]],
        enter: Callable[[NDArray[np.uint8]], object] | None,
        enter_name: str,
    ) -> None:
        self._shape, self.enter = picture.shape, enter
        height, width = picture.shape[:2]
        settings = {
            "height": height,
            "width": width,
            "scale": max(1, DOTS // max(height, width)),
            "colours": [[str(name), [int(v) for v in rgb]] for name, rgb in colours.items()],  # a list keeps its order
            "enter": None if enter is None else str(enter_name),
        }
        super().__init__(pixels=picture.tobytes(), beginning=picture.tobytes(), settings=settings)
        self.on_msg(lambda _, content, buffers: self.answer(content, buffers))
        self.add_class("course-painter")

    def answer(self, question: Any, buffers: Sequence[Any]) -> None:
        """Answer the button that enters: a dict with ``kind`` "enter", and the picture's raw bytes as the one buffer.

        The answer's ``kind`` is "entered", or "error" with the ``text`` of what ``enter`` raised.
        """
        if self.enter is None or not isinstance(question, dict) or question.get("kind") != "enter":
            return
        try:
            self.set_state({"pixels": buffers[0]})  # as it comes from the browser, where it may be newer than here
            self.enter(self.frame)
        except (Exception, KeyboardInterrupt) as error:
            led_here = error.__traceback__.tb_next  # without the line above, which tells the reader nothing
            self.send({"kind": "error", "text": explained(error.with_traceback(led_here))})
        else:
            self.send({"kind": "entered"})

    @traitlets.validate("pixels")
    def _whole(self, proposal: Any) -> bytes:
        content = proposal["value"]
        if len(content) != int(np.prod(self._shape)):
            raise traitlets.TraitError(f"a picture of {self._shape} has {int(np.prod(self._shape))} bytes, not "
                                       f"{len(content)}")  # fmt: skip
        return content

    @property
    def frame(self) -> NDArray[np.uint8]:
        """What has been painted, uint8 (H, W, 3)."""
        return np.frombuffer(self.pixels, np.uint8).reshape(self._shape).copy()

    def _repr_mimebundle_(self, **keywords: Any) -> dict[str, Any]:
        """The widget, and beside it the picture as it is: what a page without a kernel shows."""
        bundle = super()._repr_mimebundle_(**keywords)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**(data or {}), "text/plain": "A picture to paint", "image/png": png_of_picture(self.frame, least=320)}


def painter(
    picture: ArrayLike,
    colours: Mapping[str, Sequence[int]],
    enter: Callable[[NDArray[np.uint8]], object] | None = None,
    enter_name: str = "Enter this room",
) -> Painter:
    """Paint over a picture with the mouse or the keys, in the colours given.

    picture: uint8 (H, W, 3), where to begin. colours: ``{"agent": (34, 44, 72), ...}``, 0 to 255.
    enter: called with what was painted, uint8 (H, W, 3), when the reader presses the button ``enter_name``; what it
    raises is shown below the buttons. Without it there is no such button.
    Raises TypeError or ValueError for no such picture, no colour, one that is no colour, or an ``enter`` that cannot be
    called.
    """
    found = check.picture(picture, "the picture to paint on")
    if not isinstance(colours, Mapping) or not colours:
        raise ValueError(f'colours: a dict such as {{"red": (200, 30, 10)}} is expected, not {colours!r}')
    for name, rgb in colours.items():
        if len(tuple(rgb)) != 3 or not all(isinstance(v, int | np.integer) and 0 <= v <= 255 for v in rgb):
            raise ValueError(f"the colour {name!r} has three whole numbers from 0 to 255, not {rgb!r}")
    if enter is not None and not callable(enter):
        raise TypeError(f"enter: a function that takes the painted frame, uint8 (H, W, 3), is expected, not {enter!r}")
    return Painter(np.ascontiguousarray(found), colours, enter, enter_name)
