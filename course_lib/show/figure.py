"""A matplotlib figure that shows itself in a notebook, belongs to nobody else, and is small when stored.

Figures made with ``pyplot`` are also kept by pyplot: shown twice when returned, and never freed unless closed.
This one is not known to pyplot. The same place turns any figure into PNG bytes below a size limit.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from course_lib.show.style import DPI, STYLE

LIMIT = 150_000  # bytes of one picture stored in a notebook


class CourseFigure(Figure):
    """A figure drawn with the course's style; ``text`` is what stands for it where there are no pictures."""

    def __init__(self, width: float, height: float, text: str, **keywords: Any) -> None:
        with rc_context(STYLE):
            super().__init__(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained", **keywords)
        FigureCanvasAgg(self)
        self.text = text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": self.text, "image/png": png_of_figure(self)}


def png_of_figure(figure: Figure, limit: int = LIMIT) -> bytes:
    """Draw a figure to PNG of at most ``limit`` bytes: first in fewer colours, then in fewer dots."""
    for dpi in (figure.dpi, 0.75 * figure.dpi, 0.5 * figure.dpi):
        buffer = io.BytesIO()
        with rc_context(STYLE):
            figure.savefig(buffer, format="png", dpi=dpi, facecolor="white")
        if buffer.tell() <= limit:
            return buffer.getvalue()
        few = _in_few_colours(buffer.getvalue())
        if len(few) <= limit:
            return few
    return few


def png_of_picture(picture: Any, least: int = 1) -> bytes:
    """Write uint8 ``(H, W, 3)`` as PNG, enlarged in whole steps until its longer side has ``least`` dots."""
    height, width = picture.shape[:2]
    scale = max(1, -(-least // max(height, width)))
    image = Image.fromarray(picture).resize((width * scale, height * scale), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return buffer.getvalue() if buffer.tell() <= LIMIT else _in_few_colours(buffer.getvalue())


def release(figure: Figure) -> None:
    """Take a figure out of pyplot's hands, where it is in them, so that it is neither shown twice nor kept."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)


def _in_few_colours(png: bytes) -> bytes:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    buffer = io.BytesIO()
    few = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(buffer, format="png", optimize=True)
    return buffer.getvalue()
