"""What the views of notebook 10 promise: the four ways drawn, positions nearest to themselves, gates as the blocks'."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.base import fresh
from course_lib.models.clip import tokenise
from course_lib.models.dit import DiT, DiTConfig
from course_lib.show.figure import CourseFigure
from course_lib.views.conditioning import (
    PARTS,
    by_level_figure,
    four_ways_figure,
    gate_sizes,
    gates_figure,
    positions_figure,
)

SMALL = {"channels": 2, "patch": 1, "width": 16, "depth": 3, "heads": 2, "classes": 0, "learned_variance": False,
         "schedule": "straight", "target": "u"}  # fmt: skip
CAPTIONS = ["a small red ball falling", "an empty box"]


def small(**changes: object) -> DiT:
    return fresh(DiT, DiTConfig(**{**SMALL, **changes}), 0).eval()


def titles(figure: CourseFigure) -> list[str]:
    return [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes]


def test_the_drawing_has_the_four_ways_of_the_library_and_their_parts() -> None:
    figure = four_ways_figure()
    assert titles(figure) == list(PARTS)
    for way, axes in zip(PARTS, figure.axes, strict=True):
        texts = [text.get_text() for text in axes.texts]
        block = small(conditioning=way).blocks[0]
        assert ("cross-attention" in texts) == (block.words is not None)
        assert texts.count("shift, scale") == (2 if way.startswith("adaLN") else 0)
        assert texts.count("× gate") == (2 if way == "adaLN-Zero" else 0)


def test_the_position_that_is_asked_about_is_the_only_one_at_distance_0() -> None:
    figure = positions_figure(groups=3, side=4, width=32, group=1, row=2, column=3)
    maps = np.stack([axes.images[0].get_array() for axes in figure.axes[:3]])  # (G, rows, columns)
    assert maps.shape == (3, 4, 4) and np.argwhere(maps < 1e-4).tolist() == [[1, 2, 3]]
    assert maps[1, 2, 2] < maps[1, 2, 0] and maps[1, 1, 3] < maps[1, 0, 3]


def test_gates_begin_at_0_and_are_those_that_the_blocks_use() -> None:
    dit, tokens, levels = small(), tokenise(CAPTIONS, 16), [0.1, 0.9]
    assert not gate_sizes(dit, tokens, levels).any()
    with torch.no_grad():
        dit.blocks[1].adaLN_modulation[1].bias[2 * 16 : 3 * 16] = -0.5  # the gate of the attention
        dit.blocks[2].adaLN_modulation[1].bias[5 * 16 :] = 2.0  # of the feed-forward
    sizes = gate_sizes(dit, tokens, levels)
    assert sizes.shape == (2, 3, 2)
    np.testing.assert_allclose(sizes, np.broadcast_to([[0, 0], [0.5, 0], [0, 2]], (2, 3, 2)), atol=1e-6)
    assert titles(gates_figure(sizes, levels)) == ["attention", "feed-forward"]


def test_other_ways_have_no_gates_to_look_at() -> None:
    with pytest.raises(ValueError, match="adaLN has no gates"):
        gate_sizes(small(conditioning="adaLN"), tokenise(CAPTIONS, 16), [0.5])


def test_controls_are_drawn_apart() -> None:
    figure = by_level_figure([0.1, 0.9], {"a DiT": [1.0, 0.5], "control: zero": [2.0, 2.0]})
    assert [line.get_linestyle() for line in figure.axes[0].get_lines()] == ["-", "--"]
