"""A picture to paint with the mouse: ``painter(picture)``, whose ``frame`` is what has been painted so far.

    easel = show.painter(my_frame, {"agent": (34, 44, 72), "floor": (98, 108, 126)})
    easel                     # paint
    easel.frame               # uint8 (H, W, 3)

The browser's half (paint.js) sends the whole picture when the brush is lifted; a small frame is three kilobytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from course_lib.show import check
from course_lib.show.figure import png_of_picture

DOTS = 384  # on the screen, about, for a picture's side


class Painter(anywidget.AnyWidget):
    """The widget that ``painter`` returns. pixels: the picture as raw bytes, kept in step with the browser."""

    _esm = Path(__file__).with_suffix(".js")

    pixels = traitlets.Bytes().tag(sync=True, from_json=lambda value, widget: bytes(value))
    settings = traitlets.Dict().tag(sync=True)

    def __init__(self, picture: NDArray[np.uint8], colours: Mapping[str, Sequence[int]]) -> None:
        self._shape = picture.shape
        height, width = picture.shape[:2]
        settings = {
            "height": height,
            "width": width,
            "scale": max(1, DOTS // max(height, width)),
            "colours": {name: [int(v) for v in rgb] for name, rgb in colours.items()},
        }
        super().__init__(pixels=picture.tobytes(), settings=settings)
        self.add_class("course-painter")

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


def painter(picture: ArrayLike, colours: Mapping[str, Sequence[int]]) -> Painter:
    """Paint over a picture with the mouse, in the colours given.

    picture: uint8 (H, W, 3), where to begin. colours: ``{"agent": (34, 44, 72), ...}``, 0 to 255.
    Raises TypeError or ValueError for no such picture, no colour, or one that is no colour.
    """
    found = check.picture(picture, "the picture to paint on")
    if not isinstance(colours, Mapping) or not colours:
        raise ValueError(f'colours: a dict such as {{"red": (200, 30, 10)}} is expected, not {colours!r}')
    for name, rgb in colours.items():
        if len(tuple(rgb)) != 3 or not all(isinstance(v, int | np.integer) and 0 <= v <= 255 for v in rgb):
            raise ValueError(f"the colour {name!r} has three whole numbers from 0 to 255, not {rgb!r}")
    return Painter(np.ascontiguousarray(found), colours)
