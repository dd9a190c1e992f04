"""Still pictures of films and of sets of pictures: strip, strips, grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from numpy.typing import ArrayLike

from course_lib.show import check
from course_lib.show.figure import FRAME, PAGE, CourseFigure
from course_lib.show.style import DPI, STYLE

WIDTH = 9.6  # inches of a full-width figure
WHOLE = 32  # dots: a picture of so many is a frame and no piece of one
ACROSS = 8  # frames in a row of a strip, where names leave room for so many; more begin a new row


def strip(
    frames: ArrayLike, every: int = 1, labels: Sequence[str] | None = None, title: str | None = None
) -> CourseFigure:
    """Show a film as rows of frames, at most eight to a row, each at least 96 dots wide.

    frames: uint8 ``(T, H, W, 3)``. every: show each every-th frame. labels: one text for each frame shown, or for each
    of the T frames; without them the frames are numbered. Raises TypeError or ValueError for anything else.
    """
    return strips({"": check.film(frames)}, every=every, labels=labels, title=title)


def strips(
    films: Mapping[str, ArrayLike],
    every: int = 1,
    labels: Sequence[str] | None = None,
    title: str | None = None,
) -> CourseFigure:
    """Show several films one below the other, so that the same column is the same moment.

    films: ``{"name": uint8 (T, H, W, 3)}``, one frame size; a film that ends earlier leaves its places white. Where the
    frames do not fit beside each other at 96 dots, they are cut into rows of nearly equal length.
    """
    checked = check.films(films)
    length = max(len(f) for f in checked.values())
    moments = list(range(0, length, check.positive(every, "every")))
    under = _labels(labels, length, moments)
    _, height, width, _ = next(iter(checked.values())).shape
    gap = max(1, width // 12)
    names_width = _inches(checked, 12) + 0.18
    across = _even(len(moments), min(ACROSS, _most(height, width, gap, names_width)))
    blocks = [moments[i : i + across] for i in range(0, len(moments), across)]

    # Room for the labels between the blocks is measured in frame dots, so that one canvas holds everything.
    fits = int((PAGE - (names_width + 0.06) * DPI) // (across * (width + gap)))
    enlargement = min(_enlargement(across, height, width, gap), max(1, fits))
    dots_per_inch = DPI / enlargement
    letter_room = round(0.26 * dots_per_inch)
    block_height = len(checked) * (height + gap) + letter_room
    canvas = np.full((len(blocks) * block_height, across * (width + gap) - gap, 3), 255, np.uint8)
    texts, names = [], []
    for b, block in enumerate(blocks):
        for r, (name, frames) in enumerate(checked.items()):
            top = b * block_height + r * (height + gap)
            names.append((top + height / 2 - 0.5, name))
            for c, moment in enumerate(block):
                if moment < len(frames):
                    left = c * (width + gap)
                    canvas[top : top + height, left : left + width] = frames[moment]
        below = b * block_height + len(checked) * (height + gap) - gap
        texts += [(c * (width + gap) + width / 2 - 0.5, below, under[moment]) for c, moment in enumerate(block)]

    count = f"{len(checked)} films, " if len(checked) > 1 else ""
    text = f"Film strip: {count}{len(moments)} frames of {width}x{height}" + (f" ({title})" if title else "")
    figure, axes = _figure(canvas, dots_per_inch, text, left=names_width, top=0.4 if title else 0.06,
                           least=_inches([title or ""], 14))  # fmt: skip
    figure.frame = enlargement * width if min(height, width) >= WHOLE else None
    if title:
        axes.set_title(title, loc="left", pad=6, fontsize=14)
    for x, y, words in texts:
        axes.text(x, y + 0.03 * dots_per_inch, words, ha="center", va="top", fontsize=11, color="#444444")
    for y, name in names:
        axes.text(-0.5 - 0.08 * dots_per_inch, y, name, ha="right", va="center", fontsize=12)
    return figure


def grid(images: ArrayLike, columns: int = 8, titles: Sequence[str] | None = None) -> CourseFigure:
    """Show pictures in rows.

    images: uint8 ``(N, H, W, 3)``. columns: pictures in a row, fewer where whole frames (of 32 dots and more) would be
    less than 96 dots wide. titles: N texts, drawn above the pictures.
    """
    checked = check.pictures(images)
    count, height, width, _ = checked.shape
    columns = min(check.positive(columns, "columns"), count)
    if titles is not None and len(titles) != count:
        raise ValueError(f"titles: {count} pictures need {count} titles, got {len(titles)}")
    gap = max(1, width // 12)
    if (most := _most(height, width, gap)) < columns and min(height, width) >= WHOLE:
        columns = _even(count, most)
    rows = -(-count // columns)
    enlargement = _enlargement(columns, height, width, gap)
    dots_per_inch = DPI / enlargement
    lines = max((str(t).count("\n") + 1 for t in titles), default=0) if titles else 0
    head = round((0.2 * lines + 0.05) * dots_per_inch) if lines else 0
    canvas = np.full((rows * (height + gap + head) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    corners = [(i // columns * (height + gap + head) + head, i % columns * (width + gap)) for i in range(count)]
    for image, (top, left) in zip(checked, corners, strict=True):
        canvas[top : top + height, left : left + width] = image
    figure, axes = _figure(canvas, dots_per_inch, f"Grid of {count} pictures of {width}x{height}")
    figure.frame = enlargement * width if min(height, width) >= WHOLE else None
    for words, (top, left) in zip(titles or [], corners, strict=False):
        axes.text(left + width / 2 - 0.5, top - 0.05 * dots_per_inch, str(words), ha="center", va="bottom", fontsize=11)
    return figure


def _inches(texts: Iterable[str], size: float) -> float:
    """How wide the widest of some texts is in letters of ``size`` points."""
    letters = FontProperties(size=size)
    return max(TextPath((0, 0), t, prop=letters).get_extents().width if t.strip() else 0.0 for t in texts) / 72


def _least(height: int, width: int) -> int:
    """The smallest whole enlargement that makes the shorter side of a frame FRAME long; 1 for a piece of a frame."""
    side = min(height, width)
    return max(1, -(-FRAME // side)) if side >= WHOLE else 1


def _most(height: int, width: int, gap: int, names: float = 0.06) -> int:
    """How many frames of at least FRAME fit beside each other on the page. names: inches beside them."""
    each = (width + gap) * _least(height, width)
    return max(1, int((PAGE - (names + 0.06) * DPI + gap * _least(height, width)) // each))


def _even(count: int, most: int) -> int:
    """How many in a row, so that no row has more than ``most`` and all have nearly as many."""
    return -(-count // -(-count // most))


def _enlargement(across: int, height: int, width: int, gap: int) -> float:
    """Dots of the picture for one dot of a frame: whole where the row has room, so that a dot stays a square."""
    room = WIDTH * DPI / max(across, 8) / (width + gap)
    whole = max(int(room), min(_least(height, width), int(PAGE / across / (width + gap))))
    return float(whole) if whole else room


def _labels(labels: Sequence[str] | None, length: int, moments: list[int]) -> dict[int, str]:
    if labels is None:
        return {m: f"t = {m}" if m == moments[0] else str(m) for m in moments}
    if len(labels) == length:
        return {m: str(labels[m]) for m in moments}
    if len(labels) == len(moments):
        return {m: str(words) for m, words in zip(moments, labels, strict=True)}
    shown = f"{len(moments)} of {length} frames are shown"
    raise ValueError(f"labels: {shown}; give {len(moments)} or {length} labels, not {len(labels)}")


def _figure(
    canvas: np.ndarray, dots_per_inch: float, text: str, left: float = 0.06, top: float = 0.06, least: float = 0.0
) -> tuple[CourseFigure, Axes]:
    """A figure around a canvas of frame dots, with margins in inches; the axes count in frame dots.

    least: inches that there must be to the right of ``left``, for a title wider than the canvas.
    """
    dots = DPI / dots_per_inch
    height, width = round(canvas.shape[0] * dots), round(canvas.shape[1] * dots)
    left, top, edge = round(left * DPI), round(top * DPI), round(0.06 * DPI)
    whole_width, whole_height = left + max(width, round(least * DPI)) + edge, top + height + edge
    figure = CourseFigure(whole_width / DPI, whole_height / DPI, text)
    figure.set_layout_engine("none")
    with rc_context(STYLE):
        axes = figure.add_axes((left / whole_width, edge / whole_height, width / whole_width, height / whole_height))
    axes.imshow(canvas, interpolation="nearest" if dots >= 1 else "antialiased", aspect="auto")
    axes.axis("off")
    return figure, axes
