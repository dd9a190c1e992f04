"""The views of a vision transformer, on an untrained one: their truths do not depend on training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.nets.vit import ViT
from course_lib.show import probe
from course_lib.views.attention import (
    PALETTE,
    all_heads,
    answers,
    attention_map,
    attention_of_patch,
    attention_of_patches,
    painted,
)


@pytest.fixture(scope="module")
def vit() -> ViT:
    torch.manual_seed(0)
    return ViT(32, 4, 16, 2, 4, 6).eval()


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


def test_looks_are_shares_and_the_mean_is_that_of_the_heads(vit, frames):
    for block in range(2):
        heads = np.stack([attention_map(vit, frames[0], block, head) for head in range(4)])
        np.testing.assert_allclose(heads.sum(axis=-1), 1.0, atol=1e-5)
        np.testing.assert_allclose(attention_map(vit, frames[0], block), heads.mean(axis=0), atol=1e-6)


def test_answers_are_painted_in_their_colour_at_their_place(vit, frames):
    named = answers(vit, frames)
    assert named.shape == (3, 64) and named.min() >= 0 and named.max() < 6
    picture = painted(named, 32)
    np.testing.assert_array_equal(picture[1, 4 * 2 + 3, 4 * 5], PALETTE[named[1, 8 * 2 + 5]])
    with pytest.raises(ValueError, match="do not fill"):
        painted(named, 30)


def test_the_widgets_callback_at_its_extremes(vit, frames):
    ends = {"row": [0, 7], "column": [0, 7], "block": [0, 1], "head": [None, 3]}
    drawn = probe(lambda **values: attention_of_patch(vit, frames[0], **values), ends)
    assert len(drawn) == 16 and len({d.png for d in drawn}) == 16


def test_one_row_of_pictures_a_block_and_one_picture_a_patch(vit, frames):
    assert len(all_heads(vit, frames[0], 0, 7).axes) == 8
    assert len(attention_of_patches(vit, frames[0], [(0, 0), (7, 7), (3, 4)], 1).axes) == 3


@pytest.mark.parametrize(
    "wrong", [{"row": 8}, {"column": -1}, {"block": 2}, {"block": -1}, {"head": 4}, {"head": -1}]
)
def test_what_is_not_there_is_named(vit, frames, wrong):
    with pytest.raises(IndexError, match="does not exist"):
        attention_of_patch(vit, frames[0], **{"row": 0, "column": 0, "block": 0, **wrong})
