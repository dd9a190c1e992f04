"""What there is to look at in a vision transformer: where a patch looks, and what every patch answers.

Every function takes stored frames (uint8) and gives back pictures (uint8) or a figure, so that the same call serves a
figure, a widget's callback and a test. The transformer names a colour of the Playground at every patch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from course_lib.nets.patches import side_of
from course_lib.nets.vit import ViT
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS, STYLE
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model

PALETTE = np.array([spec.PALETTE[name] for name in spec.COLOURS], np.uint8)  # (6, 3)


@torch.no_grad()
def answers(vit: ViT, frames: np.ndarray) -> np.ndarray:
    """The colour that each patch names, as an index into spec.COLOURS. uint8 (N, H, W, 3) -> int64 (N, patches)."""
    return vit(to_model(frames)).argmax(dim=-1).numpy()


def painted(colours: np.ndarray, size: int) -> np.ndarray:
    """A map of answers: every patch in the colour that it names. int (N, patches) -> uint8 (N, size, size, 3).

    Raises ValueError where the patches are no square that fills the picture.
    """
    side = side_of(colours.shape[-1])
    if size % side:
        raise ValueError(f"{side} x {side} patches do not fill a picture of {size} x {size}")
    squares = PALETTE[colours].reshape(-1, side, side, 3)  # (N, patches, 3) -> (N, side, side, 3)
    return squares.repeat(size // side, axis=1).repeat(size // side, axis=2)


@torch.no_grad()
def attention_map(vit: ViT, frame: np.ndarray, block: int, head: int | None = None) -> np.ndarray:
    """Who looks at whom, float32 (patches, patches): row i says how patch i shares its looks out. frame: (H, W, 3).

    block: 0 to depth - 1. head: 0 to heads - 1, or None for the mean of all heads.
    Raises IndexError for a block or a head that is not there.
    """
    weights = vit.weights(to_model(frame[None]))
    if not 0 <= block < len(weights):
        raise IndexError(f"block {block} does not exist; there are {len(weights)}, counted from 0")
    heads = weights[block][0]  # (heads, N, N)
    if head is None:
        return heads.mean(dim=0).numpy()
    if not 0 <= head < len(heads):
        raise IndexError(f"head {head} does not exist; there are {len(heads)}, counted from 0")
    return heads[head].numpy()


def attention_of_patch(
    vit: ViT, frame: np.ndarray, row: int, column: int, block: int = 0, head: int | None = None
) -> CourseFigure:
    """One patch of a frame: where it is, where it looks, and what it and all others answer.

    frame: uint8 (H, W, 3). row, column: which patch, from the upper left corner. block, head: see ``attention_map``.
    Raises IndexError for a patch, a block or a head that is not there.
    """
    patch = _number(vit, row, column)
    share = attention_map(vit, frame, block, head)[patch]
    named = answers(vit, frame[None])[0]
    who = "all heads" if head is None else f"head {head}"
    text = f"Patch ({row}, {column}) looks, block {block}, {who}; it answers {spec.COLOURS[named[patch]]}"
    figure = CourseFigure(9.0, 3.2, text)
    with rc_context(STYLE):
        axes = figure.subplots(1, 3)
        _picture(axes[0], frame, "the frame and the patch", vit, row, column)
        _heat(axes[1], frame, share, f"looks: block {block}, {who}", vit, row, column)
        title = f"it says {spec.COLOURS[named[patch]]}"
        _picture(axes[2], painted(named[None], len(frame))[0], title, vit, row, column)
    return figure


def attention_of_patches(
    vit: ViT, frame: np.ndarray, patches: Sequence[tuple[int, int]], block: int, head: int | None = None
) -> CourseFigure:
    """Where several patches (row, column) of one frame look, side by side; see ``attention_of_patch``."""
    share = attention_map(vit, frame, block, head)
    figure = CourseFigure(2.3 * len(patches) + 0.4, 2.7, f"Where {len(patches)} patches look, block {block}")
    with rc_context(STYLE):
        for axes, (row, column) in zip(figure.subplots(1, len(patches), squeeze=False)[0], patches, strict=True):
            _heat(axes, frame, share[_number(vit, row, column)], f"patch ({row}, {column})", vit, row, column)
    return figure


def all_heads(vit: ViT, frame: np.ndarray, row: int, column: int) -> CourseFigure:
    """Where one patch looks in every head of every block: a row a block, a column a head."""
    patch, depth, heads = _number(vit, row, column), len(vit.blocks), vit.blocks[0].attention.heads
    figure = CourseFigure(2.2 * heads + 0.4, 2.4 * depth, f"Patch ({row}, {column}) in {depth} blocks of {heads} heads")
    with rc_context(STYLE):
        for block, line in enumerate(figure.subplots(depth, heads, squeeze=False)):
            for head, axes in enumerate(line):
                share = attention_map(vit, frame, block, head)[patch]
                _heat(axes, frame, share, f"block {block}, head {head}", vit, row, column)
    return figure


def _number(vit: ViT, row: int, column: int) -> int:
    side = vit.size // vit.patch
    if not (0 <= row < side and 0 <= column < side):
        raise IndexError(f"patch ({row}, {column}) does not exist; rows and columns go from 0 to {side - 1}")
    return row * side + column


def _picture(axes: Axes, picture: np.ndarray, title: str, vit: ViT, row: int, column: int) -> None:
    axes.imshow(picture)
    edge = vit.patch
    corner = (column * edge - 0.5, row * edge - 0.5)
    axes.add_patch(Rectangle(corner, edge, edge, fill=False, color="white", linewidth=4))
    axes.add_patch(Rectangle(corner, edge, edge, fill=False, color=COLOURS["vermilion"], linewidth=2))
    axes.set_title(title, fontsize=11)
    axes.axis("off")


def _heat(axes: Axes, frame: np.ndarray, share: np.ndarray, title: str, vit: ViT, row: int, column: int) -> None:
    """The frame in grey, darkened where the patch does not look: full light for the greatest share."""
    side = vit.size // vit.patch
    light = share.reshape(side, side) / share.max()  # (N,) -> (side, side)
    light = light.repeat(vit.patch, axis=0).repeat(vit.patch, axis=1)[..., None]
    _picture(axes, (frame * (0.2 + 0.8 * light)).astype(np.uint8), title, vit, row, column)
