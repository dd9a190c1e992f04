"""Still pictures of films and of sets of pictures: strip, strips, grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from course_lib.show import check
from course_lib.show.figure import CourseFigure
from course_lib.show.style import DPI, STYLE

WIDTH = 9.6  # inches of a full-width figure
ACROSS = 12  # frames in a row of a strip; more begin a new row


def strip(
    frames: ArrayLike, every: int = 1, labels: Sequence[str] | None = None, title: str | None = None
) -> CourseFigure:
    """Show a film as a row of frames, twelve to a row.

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

    films: ``{"name": uint8 (T, H, W, 3)}``, one frame size; a film that ends earlier leaves its places white.
    """
    checked = check.films(films)
    length = max(len(f) for f in checked.values())
    moments = list(range(0, length, check.positive(every, "every")))
    under = _labels(labels, length, moments)
    _, height, width, _ = next(iter(checked.values())).shape
    gap = max(1, width // 12)
    blocks = [moments[i : i + ACROSS] for i in range(0, len(moments), ACROSS)]
    across = len(blocks[0])

    # Room for the labels between the blocks is measured in frame dots, so that one canvas holds everything.
    dots_per_inch = DPI / _enlargement(across, width + gap)
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

    names_width = 0.095 * max(len(n) for n in checked) + 0.1
    count = f"{len(checked)} films, " if len(checked) > 1 else ""
    text = f"Film strip: {count}{len(moments)} frames of {width}x{height}" + (f" ({title})" if title else "")
    figure, axes = _figure(canvas, dots_per_inch, text, left=names_width, top=0.4 if title else 0.06)
    if title:
        axes.set_title(title, loc="left", pad=6, fontsize=14)
    for x, y, words in texts:
        axes.text(x, y + 0.03 * dots_per_inch, words, ha="center", va="top", fontsize=11, color="#444444")
    for y, name in names:
        axes.text(-gap, y, name, ha="right", va="center", fontsize=12)
    return figure


def grid(images: ArrayLike, columns: int = 8, titles: Sequence[str] | None = None) -> CourseFigure:
    """Show pictures in rows.

    images: uint8 ``(N, H, W, 3)``. columns: pictures in a row. titles: N texts, drawn above the pictures.
    """
    checked = check.pictures(images)
    count, height, width, _ = checked.shape
    columns = min(check.positive(columns, "columns"), count)
    if titles is not None and len(titles) != count:
        raise ValueError(f"titles: {count} pictures need {count} titles, got {len(titles)}")
    rows = -(-count // columns)
    gap = max(1, width // 12)
    dots_per_inch = DPI / _enlargement(columns, width + gap)
    lines = max((str(t).count("\n") + 1 for t in titles), default=0) if titles else 0
    head = round((0.2 * lines + 0.05) * dots_per_inch) if lines else 0
    canvas = np.full((rows * (height + gap + head) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    corners = [(i // columns * (height + gap + head) + head, i % columns * (width + gap)) for i in range(count)]
    for image, (top, left) in zip(checked, corners, strict=True):
        canvas[top : top + height, left : left + width] = image
    figure, axes = _figure(canvas, dots_per_inch, f"Grid of {count} pictures of {width}x{height}")
    for words, (top, left) in zip(titles or [], corners, strict=False):
        axes.text(left + width / 2 - 0.5, top - 0.05 * dots_per_inch, str(words), ha="center", va="bottom", fontsize=11)
    return figure


def _enlargement(across: int, width: int) -> float:
    """Dots of the picture for one dot of a frame: whole where the row has room, so that a dot stays a square."""
    room = WIDTH * DPI / max(across, 8) / width
    return float(int(room)) if room >= 1 else room


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
    canvas: np.ndarray, dots_per_inch: float, text: str, left: float = 0.06, top: float = 0.06
) -> tuple[CourseFigure, Axes]:
    """A figure around a canvas of frame dots, with margins in inches; the axes count in frame dots."""
    dots = DPI / dots_per_inch
    height, width = round(canvas.shape[0] * dots), round(canvas.shape[1] * dots)
    left, top, edge = round(left * DPI), round(top * DPI), round(0.06 * DPI)
    whole_width, whole_height = left + width + edge, top + height + edge
    figure = CourseFigure(whole_width / DPI, whole_height / DPI, text)
    figure.set_layout_engine("none")
    with rc_context(STYLE):
        axes = figure.add_axes((left / whole_width, edge / whole_height, width / whole_width, height / whole_height))
    axes.imshow(canvas, interpolation="nearest" if dots >= 1 else "antialiased", aspect="auto")
    axes.axis("off")
    return figure, axes
