"""What there is to look at in a tokenizer: films drawn again, maps of tokens, one token exchanged for another.

Every function takes stored frames (uint8) or tokens (int64) and gives back pictures (uint8), so that the same call
serves a figure, a widget's callback and a test.
"""

from __future__ import annotations

import colorsys

import numpy as np
import torch

from course_lib.models.tokenizer import VideoTokenizer
from course_lib.worlds.frames import to_model, to_uint8

GAP = 2  # white pixels between pictures

MARK = np.array([230, 60, 20], np.uint8)  # the frame around the token that was exchanged


@torch.no_grad()
def redraw(tokenizer: VideoTokenizer, frames: np.ndarray) -> np.ndarray:
    """A film through its tokens and back. uint8 (T, H, W, 3) -> uint8 (T, H, W, 3)."""
    return to_uint8(tokenizer.frames_of(tokenizer.tokens(to_model(frames[None]))))[0]


@torch.no_grad()
def tokens_of(tokenizer: VideoTokenizer, frames: np.ndarray) -> np.ndarray:
    """The tokens of a film on their grid. uint8 (T, H, W, 3) -> int64 (T, rows, columns)."""
    side = tokenizer.config.frame_size // tokenizer.config.patch
    return tokenizer.tokens(to_model(frames[None]))[0].unflatten(1, (side, side)).numpy()


@torch.no_grad()
def draw_tokens(tokenizer: VideoTokenizer, index: np.ndarray) -> np.ndarray:
    """Frames from grids of tokens. int64 (T, rows, columns) -> uint8 (T, H, W, 3)."""
    return to_uint8(tokenizer.frames_of(torch.from_numpy(index.reshape(1, len(index), -1))))[0]


def colours_of_codes(codes: int) -> np.ndarray:
    """A colour for each code, uint8 (codes, 3): far apart for neighbours, and the same in every picture."""
    hues = (np.arange(codes) * 0.618034) % 1.0  # the golden section spreads them evenly
    rows = [colorsys.hsv_to_rgb(h, 0.45 + 0.5 * ((k * 7) % 10) / 10, 0.95 - 0.4 * ((k * 3) % 10) / 10)
            for k, h in enumerate(hues)]  # fmt: skip
    return (np.array(rows) * 255).round().astype(np.uint8)


def token_map(index: np.ndarray, codes: int, cell: int = 4) -> np.ndarray:
    """Grids of tokens as coloured squares: one colour, one code. int64 (T, rows, columns) -> uint8 (T, H, W, 3).

    The code that occurs most, nearly always the empty room, is white.
    """
    colours = colours_of_codes(codes)
    colours[np.bincount(index.ravel(), minlength=codes).argmax()] = 255
    return colours[index].repeat(cell, axis=1).repeat(cell, axis=2)


def swap(tokenizer: VideoTokenizer, frame: np.ndarray, row: int, column: int, code: int) -> np.ndarray:
    """Exchange one token of a frame and draw it again.

    frame: uint8 (H, W, 3). Returns the frame, its drawing, the drawing with the other token, and where the two differ,
    side by side, uint8 (H, 4 W + 3 GAP, 3). Raises IndexError for a place or a code that does not exist.
    """
    index = tokens_of(tokenizer, frame[None])
    rows, columns = index.shape[1:]
    if not (0 <= row < rows and 0 <= column < columns):
        raise IndexError(f"there is no token in row {row}, column {column}: the grid is {rows} x {columns}")
    if not 0 <= code < tokenizer.config.number_of_codes:
        raise IndexError(f"code {code} does not exist; there are {tokenizer.config.number_of_codes}, counted from 0")
    changed = index.copy()
    changed[0, row, column] = code
    before, after = draw_tokens(tokenizer, np.concatenate([index, changed]))
    difference = 255 - np.abs(after.astype(np.int16) - before).max(axis=-1, keepdims=True).repeat(3, axis=-1)
    pictures = [frame, before, after, difference.astype(np.uint8)]
    patch = tokenizer.config.patch
    pictures = [_marked(p, row * patch, column * patch, patch) for p in pictures]
    gap = np.full((frame.shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([x for p in pictures for x in (p, gap)][:-1], axis=1)


def _marked(picture: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """A picture with the corners of one square marked, so that what lies in it can be seen."""
    marked = picture.copy()
    for y in (top, top + side - 1):
        for x in (left, left + side - 1):
            marked[y, x] = MARK
    return marked


def stamps(tokenizer: VideoTokenizer, codes: list[int], room: np.ndarray, margin: int = 4) -> np.ndarray:
    """What each code draws when it stands alone in the middle of an empty room.

    room: tokens of an empty room, int64 (rows, columns). Returns the middle of each drawing, its own square with
    ``margin`` pixels around it, uint8 (codes, side, side, 3).
    """
    row, column = room.shape[0] // 2, room.shape[1] // 2
    grids = np.repeat(room[None], len(codes), axis=0)
    grids[:, row, column] = codes
    patch = tokenizer.config.patch
    top, left, side = row * patch - margin, column * patch - margin, patch + 2 * margin
    return draw_tokens(tokenizer, grids)[:, top : top + side, left : left + side]


def reach(tokenizer: VideoTokenizer, index: np.ndarray, row: int, column: int, codes: list[int]) -> np.ndarray:
    """How much each pixel of the drawing changes when one token is exchanged, float (H, W), mean over other codes.

    index: tokens of one frame, int64 (rows, columns).
    """
    grids = np.repeat(index[None], len(codes) + 1, axis=0)
    grids[1:, row, column] = codes
    drawn = draw_tokens(tokenizer, grids).astype(np.float32)
    return np.abs(drawn[1:] - drawn[:1]).max(axis=-1).mean(axis=0) / 255.0
