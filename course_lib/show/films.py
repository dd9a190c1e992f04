"""Films that play by themselves and stay small: GIFs with one palette shared by all frames.

A GIF needs no script, so it also plays on a web page of the stored notebook. Sixteen to sixty kilobytes are usual.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from IPython.display import Image as NotebookImage
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from course_lib.show import check
from course_lib.show.figure import LIMIT

LAST_FRAME_MS = 700  # the last frame stays a moment, so that the eye sees where the film begins again


def gif(frames: ArrayLike, fps: float = 10, scale: int = 4) -> NotebookImage:
    """Show a film that plays in a loop.

    frames: uint8 ``(T, H, W, 3)``. fps: frames a second, up to 50 (what browsers play). scale: enlargement in whole
    steps; a dot of the film stays a square. A result above 150 KB is made again in fewer colours, then at less scale.
    """
    checked = check.film(frames)
    _, height, width, _ = checked.shape
    scale = check.positive(scale, "scale", most=32)
    return _show(checked, fps, scale, f"Film of {len(checked)} frames of {width}x{height}")


def side_by_side(films: Mapping[str, ArrayLike], fps: float = 10, scale: int = 4) -> NotebookImage:
    """Show films that play next to each other in step, each with its name above it.

    films: ``{"name": uint8 (T, H, W, 3)}``, the same T, H and W for all.
    """
    checked = check.films(films, equal_length=True)
    scale = check.positive(scale, "scale", most=32)
    length, height, width, _ = next(iter(checked.values())).shape
    font = ImageFont.load_default(size=15)
    room = max([width * scale] + [int(font.getlength(name)) + 8 for name in checked])
    gap, head = 10, 24
    total = len(checked) * room + (len(checked) - 1) * gap
    header = Image.new("RGB", (total, head), "white")
    pen = ImageDraw.Draw(header)
    canvas = np.full((length, height * scale, total, 3), 255, np.uint8)
    for i, (name, frames) in enumerate(checked.items()):
        left = i * (room + gap)
        pen.text((left + room / 2, head / 2), name, fill="#222222", font=font, anchor="mm")
        inset = left + (room - width * scale) // 2
        canvas[:, :, inset : inset + width * scale] = _enlarge(frames, scale)
    with_names = np.concatenate([np.repeat(np.asarray(header)[None], length, 0), canvas], axis=1)
    return _show(with_names, fps, 1, f"{length} frames of " + ", ".join(checked) + ", side by side")


def _show(frames: NDArray[np.uint8], fps: float, scale: int, text: str) -> NotebookImage:
    if not 0 < fps <= 50:
        raise ValueError(f"fps must be above 0 and at most 50, not {fps!r}: browsers play no faster GIF")
    best: bytes | None = None
    for factor in range(scale, 0, -1):
        for colours in (256, 128, 64, 32):
            data = encode(frames, fps, factor, colours)
            best = data if best is None or len(data) < len(best) else best
            if len(data) <= LIMIT:
                return NotebookImage(data=data, format="gif", alt=text)
    return NotebookImage(data=best, format="gif", alt=text)


def encode(frames: NDArray[np.uint8], fps: float, scale: int, colours: int) -> bytes:
    """GIF bytes of uint8 ``(T, H, W, 3)`` with one palette of at most ``colours`` colours for the whole film."""
    length, height, width, _ = frames.shape
    stacked = Image.fromarray(frames.reshape(length * height, width, 3))  # all frames at once: one palette for all
    flat = stacked.quantize(colours, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    indices = np.asarray(flat).reshape(length, height, width)
    pages = []
    for page in _enlarge(indices, scale):
        image = Image.fromarray(page)
        image.putpalette(flat.getpalette() or [])  # with a palette, the grey levels become indices
        pages.append(image)
    tick = max(20, round(100 / fps) * 10)  # a GIF counts in hundredths of a second
    buffer = io.BytesIO()
    pages[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=pages[1:],
        duration=[tick] * (length - 1) + [max(tick, LAST_FRAME_MS)],
        loop=0,
        optimize=True,
    )
    return buffer.getvalue()


def _enlarge(frames: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    return frames.repeat(scale, axis=1).repeat(scale, axis=2)
