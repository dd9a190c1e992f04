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
from matplotlib.transforms import Bbox
from PIL import Image

from course_lib.show.style import DPI, STYLE

LIMIT = 150_000  # bytes of one picture stored in a notebook
PAGE = 1000  # dots that JupyterLab has for a picture at 1280 x 720, its file browser closed; a wider one is shrunk
EDGE = 0.05  # inches around what reaches beyond a figure
FRAME = 96  # dots of the screen that a frame is wide at least: in less, an agent of three pixels cannot be seen


class CourseFigure(Figure):
    """A figure drawn with the course's style; ``text`` is what stands for it where there are no pictures.

    frame: how many dots wide its frames are, where it shows films or whole frames; it is stored beside the picture, so
    that every stored one can be measured.
    """

    def __init__(self, width: float, height: float, text: str, **keywords: Any) -> None:
        with rc_context(STYLE):
            super().__init__(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained", **keywords)
        FigureCanvasAgg(self)
        self.text = text
        self.frame: float | None = None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        png = png_of_figure(self)
        data = {"text/plain": self.text, "image/png": png}
        return data if self.frame is None else (data, {"course": {"frame": self.frame_in(png)}})

    def frame_in(self, png: bytes) -> float:
        """How many dots wide a frame is in a PNG of this figure, which may have fewer dots than the figure."""
        with Image.open(io.BytesIO(png)) as image:
            return round((self.frame or 0.0) * image.width / (self.get_figwidth() * self.dpi), 1)


def png_of_figure(figure: Figure, limit: int = LIMIT) -> bytes:
    """Draw a figure to PNG of at most ``limit`` bytes: first in fewer colours, then in fewer dots.

    Nothing is cut off: where a title or a name reaches beyond the figure's edge, the picture grows on that side.
    """
    whole = _whole(figure)
    for dpi in (figure.dpi, 0.75 * figure.dpi, 0.5 * figure.dpi):
        buffer = io.BytesIO()
        with rc_context(STYLE):
            figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", bbox_inches=whole)
        if buffer.tell() <= limit:
            return buffer.getvalue()
        few = _in_few_colours(buffer.getvalue())
        if len(few) <= limit:
            return few
    return few


def _whole(figure: Figure) -> Bbox | None:
    """The figure and all that is drawn, in inches, or None where all lies within. A figure laid out by hand is left."""
    if figure.get_layout_engine() is None:
        return None
    with rc_context(STYLE):
        figure.draw_without_rendering()
        drawn = figure.get_tightbbox()
    page = figure.bbox_inches
    inside = drawn.x0 >= page.x0 and drawn.y0 >= page.y0 and drawn.x1 <= page.x1 and drawn.y1 <= page.y1
    return None if inside else Bbox.union([page, drawn.padded(EDGE)])


def png_of_picture(picture: Any, least: int = 1, frame: int = 1) -> bytes:
    """Write uint8 ``(H, W, 3)`` as PNG, enlarged in whole steps until its longer side has ``least`` dots.

    frame: dots that its shorter side has at least, too, where frames stand in a row and the page has room for it.
    """
    height, width = picture.shape[:2]
    scale = max(1, -(-least // max(height, width)))
    wider = -(-frame // min(height, width))
    scale = max(scale, wider) if wider * max(height, width) <= PAGE else scale
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
