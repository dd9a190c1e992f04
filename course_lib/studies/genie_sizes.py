"""How many parameters Genie's published tables come to, under every way to read what they leave out.

Bruce et al., Genie, 2024 (arXiv 2402.15391) give layers, width and heads of all three parts, and 200 M, 300 M and
10.1 B parameters. They do not say how wide the feed-forward is; they give the size of a key for the dynamics alone; and
whether the two attentions of a block have weights of their own can only be supposed. A published count is a check on a
published table: here each reading is counted, on torch's device "meta", which knows shapes and holds no numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import nn

from course_lib.nets.space_time import SpaceTimeTransformer
from course_lib.training.config import load_config
from course_lib.training.registry import get_recipe

KEPT = None  # seconds: notebook 16 runs it
PUBLISHED = {"tokenizer": 200e6, "lam": 300e6, "dynamics": 10.1e9}

DIGITS = {"tokenizer": 1, "lam": 1, "dynamics": 3}  # with how many digits they are published

GIVEN = {"dynamics": 128}  # channels of a key, where the paper gives them


@dataclass(frozen=True)
class Reading:
    """One way to read the tables.

    hidden: channels inside the feed-forward, in widths. given: keys are as large as the paper says, where it does;
    otherwise, and elsewhere, width / heads. attentions: sets of attention weights in a block: 2, or 1 that serves both
    within a frame and along time.
    """

    hidden: float
    given: bool
    attentions: int


READINGS = tuple(Reading(*each) for each in product((0.5, 1.0, 2.0, 4.0), (True, False), (2, 1)))


def paper_parts() -> dict[str, nn.Module]:
    """Tokenizer, latent action model and dynamics at the paper's sizes, on the device "meta"."""
    with torch.device("meta"):
        model = get_recipe("genie").build(load_config("genie", "paper").model)
    return {name: getattr(model, name) for name in PUBLISHED}


def count(part: nn.Module, reading: Reading, *, key: int | None = None) -> int:
    """Parameters of a part whose space-time transformers are read so; all else in it stays as it is.

    key: the size of a key that the paper gives for this part.
    """
    stacks = [m for m in part.modules() if isinstance(m, SpaceTimeTransformer)]
    rest = _size(part) - sum(map(_size, stacks))
    return rest + sum(_size(_read(stack, reading, key if reading.given else None)) for stack in stacks)


def weights_per_block(parts: Mapping[str, nn.Module]) -> dict[str, float]:
    """How many times width ** 2 a block may weigh, for each part to come to its published count.

    What is no block of a part (patches, codes, positions) is left out of its count first.
    """
    share = {}
    for name, part in parts.items():
        stacks = [m for m in part.modules() if isinstance(m, SpaceTimeTransformer)]
        rest = _size(part) - sum(map(_size, stacks))
        share[name] = (PUBLISHED[name] - rest) / sum(len(s.blocks) * s.width**2 for s in stacks)
    return share


def readings_table(parts: Mapping[str, nn.Module], readings: Sequence[Reading] = READINGS) -> list[dict]:
    """A row for each reading, the best fit first: ``reading``; ``counts`` and ``gaps`` (0.1: a tenth too many) by part;
    ``off``, the largest gap as a factor less 1 (twice too many and half too few are equally far off); ``rounds``,
    whether every count is the published one to the digits that were published."""
    rows = []
    for reading in readings:
        counts = {name: count(part, reading, key=GIVEN.get(name)) for name, part in parts.items()}
        factor = {name: number / PUBLISHED[name] for name, number in counts.items()}
        rows.append({
            "reading": reading,
            "counts": counts,
            "gaps": {name: value - 1.0 for name, value in factor.items()},
            "off": math.exp(max(abs(math.log(value)) for value in factor.values())) - 1.0,
            "rounds": all(float(f"{counts[name]:.{DIGITS[name]}g}") == PUBLISHED[name] for name in counts),
        })  # fmt: skip
    return sorted(rows, key=lambda row: row["off"])


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Every reading, the nearest first."""
    rows = readings_table(paper_parts())
    report(f"{sum(row['rounds'] for row in rows)} of {len(rows)} readings round to the published numbers")
    return {"readings": rows}


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _read(stack: SpaceTimeTransformer, reading: Reading, key: int | None) -> SpaceTimeTransformer:
    """The same stack of blocks under another reading, on the device "meta"."""
    heads = stack.blocks[0].space.heads
    if key is None and stack.width % heads:  # the dynamics' 36 heads do not share 5120 channels evenly
        heads, key = 1, stack.width  # one head of all channels has as many weights
    side = math.isqrt(stack.places)
    with torch.device("meta"):
        return SpaceTimeTransformer(
            stack.width, len(stack.blocks), heads, frames=stack.frames, places=(side, stack.places // side),
            positions=stack.positions, hidden=round(reading.hidden * stack.width), head_size=key,
            temporal="causal" if reading.attentions == 2 else "none",
        )  # fmt: skip
