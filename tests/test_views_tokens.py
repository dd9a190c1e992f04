"""What the views of a tokenizer promise, on an untrained one: their truths do not depend on training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.tokenizer import VideoTokenizer
from course_lib.show import probe
from course_lib.training import load_config
from course_lib.views.tokenizer import GAP, draw_tokens, reach, redraw, stamps, swap, token_map, tokens_of


@pytest.fixture(scope="module")
def tokenizer() -> VideoTokenizer:
    torch.manual_seed(0)
    model = VideoTokenizer(load_config("tokenizer", "tiny").model)
    frames = torch.rand(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model.loss({"frames": frames}, 0, torch.Generator().manual_seed(0))  # fills the codebook
    return model.eval()


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)


def test_drawing_the_tokens_is_drawing_the_film_again(tokenizer, frames):
    index = tokens_of(tokenizer, frames)
    assert index.shape == (4, 8, 8)
    np.testing.assert_array_equal(draw_tokens(tokenizer, index), redraw(tokenizer, frames))


def test_exchanging_a_token_for_itself_changes_nothing(tokenizer, frames):
    code = int(tokens_of(tokenizer, frames[:1])[0, 2, 5])
    picture = swap(tokenizer, frames[0], 2, 5, code)
    assert picture.shape == (32, 4 * 32 + 3 * GAP, 3)
    before, after = picture[:, 34:66], picture[:, 68:100]
    np.testing.assert_array_equal(before, after)
    inside = picture[:, 102:].copy()
    inside[8:12, 20:24] = 255  # the corners that mark the place
    assert (inside == 255).all()


def test_swapping_can_be_probed_at_its_extremes(tokenizer, frames):
    extremes = {"row": [0, 7], "column": [0, 7], "code": [0, 63]}
    drawn = probe(lambda row, column, code: swap(tokenizer, frames[0], row, column, code), extremes)
    assert len(drawn) == 8
    for place in ((8, 0, 0), (0, -1, 0)):
        with pytest.raises(IndexError, match="no token in row"):
            swap(tokenizer, frames[0], *place)
    with pytest.raises(IndexError, match="code 64 does not exist"):
        swap(tokenizer, frames[0], 0, 0, 64)


def test_a_map_shows_equal_tokens_in_equal_colours_and_the_most_frequent_in_white():
    index = np.zeros((1, 8, 8), np.int64)
    index[0, 0, :3] = (5, 5, 9)
    picture = token_map(index, 64)
    assert picture.shape == (1, 32, 32, 3) and (picture[0, 4:] == 255).all()
    five, again, nine = (picture[0, 0, 4 * c] for c in range(3))
    assert (five == again).all() and (five != nine).any() and not (five == 255).all()


def test_a_token_changes_its_surroundings_only_as_far_as_the_decoder_looks(tokenizer, frames):
    index = tokens_of(tokenizer, frames[:1])[0]
    change = reach(tokenizer, index, 0, 0, [int(index[0, 0])])
    assert change.shape == (32, 32) and (change == 0).all(), "exchanged for itself"
    assert stamps(tokenizer, [0, 1, 2], index).shape == (3, 12, 12, 3)
