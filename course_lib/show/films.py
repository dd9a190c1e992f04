"""Films that play by themselves and stay small: animated PNGs (APNG) with one palette shared by all frames.

They need no script, so they also play on a web page of the stored notebook. Five to thirty kilobytes are usual. A GIF
would be larger, and lost: what exports a notebook (nbconvert's pages and slides) leaves `image/gif` out, and where a
still PNG stands beside a GIF, JupyterLab shows the still. Every browser plays an animated PNG, and what cannot play it
(a printed page) shows its first frame.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from IPython.display import Image as NotebookImage
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from course_lib.show import check
from course_lib.show.figure import LIMIT

Bytes = NDArray[np.uint8]

LAST_FRAME_MS = 700  # the last frame stays a moment, so that the eye sees where the film begins again
GREYS = 8  # levels from black to white that every palette holds, for the names above the films
VISIBLE = 96  # dots: a film is not made smaller than this before frames are left out
HEAD, GAP, FONT = 26, 10, 16  # dots: room for the names, between the films, and the letters


def gif(frames: ArrayLike, fps: float = 10, scale: int = 4) -> NotebookImage:
    """Show a film that plays in a loop.

    frames: uint8 ``(T, H, W, 3)``. fps: frames a second, up to 50 (what browsers play). scale: enlargement in whole
    steps; a dot of the film stays a square. A result above 150 KB is made again in fewer colours, at less scale, and at
    last with every second frame (or fewer) at the same tempo. ``.data`` of what is returned are the bytes of the
    animated PNG.
    """
    checked = check.film(frames)
    _, height, width, _ = checked.shape
    text = f"Film of {len(checked)} frames of {width}x{height}"
    return _show(checked, fps, scale, text, lambda i, s, _: _enlarge(i, s))


def side_by_side(films: Mapping[str, ArrayLike], fps: float = 10, scale: int = 4) -> NotebookImage:
    """Show films that play next to each other in step, each with its name above it.

    films: ``{"name": uint8 (T, H, W, 3)}``, the same T, H and W for all. fps, scale and size: as for ``gif``.
    """
    checked = check.films(films, equal_length=True)
    together = np.concatenate(list(checked.values()), axis=2)  # (T, H, films * W, 3)
    text = f"{len(together)} frames of {', '.join(checked)}, side by side"
    return _show(together, fps, scale, text, lambda i, s, grey: _under_names(list(checked), i, s, grey))


def _under_names(names: list[str], indices: Bytes, scale: int, grey: int) -> Bytes:
    """Place films, ``(T, H, films * W)``, apart from each other under their names. grey: index of the first grey."""
    font = ImageFont.load_default(size=FONT)
    wide = indices.shape[2] // len(names) * scale
    room = max([wide] + [int(font.getlength(name)) + 8 for name in names])
    header = Image.new("L", (len(names) * (room + GAP) - GAP, HEAD), 255)
    pen = ImageDraw.Draw(header)
    length, height = indices.shape[0], indices.shape[1] * scale
    canvas = np.full((length, HEAD + height, header.width), grey + GREYS - 1, np.uint8)  # white
    for i, (name, frames) in enumerate(zip(names, np.split(indices, len(names), axis=2), strict=True)):
        left = i * (room + GAP)
        pen.text((left + room / 2, HEAD / 2), name, fill=20, font=font, anchor="mm")
        inset = left + (room - wide) // 2
        canvas[:, HEAD:, inset : inset + wide] = _enlarge(frames, scale)
    canvas[:, :HEAD] = grey + np.rint(np.asarray(header) / 255 * (GREYS - 1)).astype(np.uint8)
    return canvas


def _show(
    frames: Bytes, fps: float, scale: int, text: str, compose: Callable[[Bytes, int, int], Bytes]
) -> NotebookImage:
    """Encode, and again more sparingly until it fits. compose: (indices, scale, first grey) -> indices of the pages."""
    scale = check.positive(scale, "scale", most=32)
    if not 0 < fps <= 50:
        raise ValueError(f"fps must be above 0 and at most 50, not {fps!r}: browsers play no faster film")
    in_colours: dict[int, tuple[Bytes, list[int]]] = {}
    for skip, factor, colours in _ways(frames.shape[1], scale):
        if colours not in in_colours:
            in_colours[colours] = index(frames, colours)
        indices, palette = in_colours[colours]
        data = encode(compose(indices[::skip], factor, colours - GREYS), palette, fps / skip)
        if len(data) <= LIMIT:
            break
    return NotebookImage(data=data, format="png", alt=text)


def _ways(size: int, scale: int) -> Iterator[tuple[int, int, int]]:
    """(each how many-th frame, scale, colours), from the best picture to the smallest file."""
    least = min(scale, -(-VISIBLE // size))
    for skip in (1, 2, 4):
        for factor in range(scale, least - 1, -1):
            for colours in (256, 64, 32):
                yield skip, factor, colours
    for skip in (1, 2, 4, 8, 16, 32):
        yield skip, 1, 32


def index(frames: Bytes, colours: int) -> tuple[Bytes, list[int]]:
    """Choose one palette for a whole film, uint8 ``(T, H, W, 3)``: its indices uint8 ``(T, H, W)``, and the palette.

    The last eight of the palette's colours are greys from black to white; the others are chosen by median cut, in
    which a colour counts by the square root of how often it occurs: background fills most of a film, and a small body
    must not lose its colour to it.
    """
    length, height, width, _ = frames.shape
    found, counts = np.unique(frames.reshape(-1, 3), axis=0, return_counts=True)
    if len(found) > 4096:  # 64 levels a channel are enough to choose by
        found, where = np.unique(found & 0xFC | 2, axis=0, return_inverse=True)
        counts = np.bincount(where.ravel(), weights=counts)
    weighted = np.repeat(found, np.ceil(np.sqrt(counts)).astype(int), axis=0)
    sample = Image.fromarray(weighted[None])  # (1, M, 3): a picture of the colours alone
    chosen = sample.quantize(colours - GREYS, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    stacked = Image.fromarray(frames.reshape(length * height, width, 3))  # all frames at once: one palette for all
    flat = stacked.quantize(palette=chosen, dither=Image.Dither.NONE)
    palette = (list(chosen.getpalette() or []) + [0] * 768)[: 3 * (colours - GREYS)]
    greys = [round(255 * level / (GREYS - 1)) for level in range(GREYS) for _ in range(3)]
    return np.asarray(flat).reshape(length, height, width), palette + greys


def encode(indices: Bytes, palette: list[int], fps: float) -> bytes:
    """Write an indexed film, ``(T, H, W)``, as the bytes of an animated PNG that loops."""
    pages = []
    for page in indices:
        image = Image.fromarray(page)
        image.putpalette(palette)  # with a palette, the grey levels become indices
        pages.append(image)
    tick = max(20, round(100 / fps) * 10)  # milliseconds, in hundredths of a second
    buffer = io.BytesIO()
    pages[0].save(
        buffer,
        format="PNG",
        save_all=True,
        append_images=pages[1:],
        duration=[tick] * (len(pages) - 1) + [max(tick, LAST_FRAME_MS)],
        loop=0,
    )
    return buffer.getvalue()


def _enlarge(frames: Bytes, scale: int) -> Bytes:
    return frames.repeat(scale, axis=1).repeat(scale, axis=2)
