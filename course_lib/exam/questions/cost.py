"""Question: how does its cost grow with the number of frames?

The block that a world is made of is timed beside one of the same width in which all tokens of a film attend to each
other. What is timed is a forward pass without gradients.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.timing import Builder, Work, exponent_row, seconds_by_frames
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.nets.attention import Block

FRAMES = (4, 8, 16, 32, 64)  # of the films whose cost is timed
TOKENS = 64  # of a frame, there


def joint_block(width: int) -> nn.Module:
    """A usual block, in which all tokens of a film attend to each other: (B, T * N, D) -> the same."""
    return Block(width, 2, qk_norm=True)


def cost_of_frames(block: nn.Module, *, joint: bool, width: int = TOKENS, films: int = 4) -> Builder:
    """One forward pass of a block of this width, for ``timing.seconds_by_frames``.

    joint: the block reads all tokens of a film in one row, (B, T * N, D); otherwise (B, T, N, D).
    """

    def build(frames: int, tokens: int) -> Work:
        x = torch.randn(films, frames, tokens, width, generator=torch.Generator().manual_seed(0))
        x = x.flatten(1, 2) if joint else x  # (B, T, N, D) -> (B, T * N, D)
        return torch.no_grad()(lambda: block(x))

    return build


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Row time_exponent: of the block that the world is made of, with that of joint attention beside it."""
    blocks = {"own": cost_of_frames(entrant.part("block")(TOKENS), joint=False),
              "joint": cost_of_frames(joint_block(TOKENS), joint=True)}  # fmt: skip
    seconds = {kind: seconds_by_frames(build, FRAMES, TOKENS, repeats=7) for kind, build in blocks.items()}
    joint = exponent_row(FRAMES, seconds["joint"], seed=sitting.seed)["value"]
    ratio = np.median(seconds["joint"][:, -1] / seconds["own"][:, -1])
    yield entrant.row(
        sitting, f"{TOKENS} tokens a frame", "time_exponent", unit="", direction="lower",
        controls={"joint": float(joint)}, **exponent_row(FRAMES, seconds["own"], seed=sitting.seed),
        note=f"a block of width {TOKENS}, {FRAMES[0]} to {FRAMES[-1]} frames; at {FRAMES[-1]} joint attention takes "
        f"{ratio:.1f} times as long; n counts repeats",
    )  # fmt: skip
