"""The pictures of notebook 12 tell what the weights say, at every extreme."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib import show
from course_lib.nets.space_time import SpaceTimeTransformer
from course_lib.views.space_time import attention_figure, token_map, weights

T, N = 4, 3


@pytest.fixture(scope="module")
def model() -> SpaceTimeTransformer:
    torch.manual_seed(0)
    return SpaceTimeTransformer(8, 2, 2, frames=T, places=N)


@pytest.fixture(scope="module")
def tokens() -> torch.Tensor:
    return torch.randn(1, T, N, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layer", [0, 1])
def test_weights_add_up_to_one_and_no_frame_looks_ahead(model, tokens, layer: int) -> None:
    space, time = weights(model, tokens, layer)
    assert space.shape == (T, N, N) and time.shape == (N, T, T)
    np.testing.assert_allclose(space.sum(-1), 1.0, atol=1e-5)
    np.testing.assert_allclose(time.sum(-1), 1.0, atol=1e-5)
    assert (np.triu(time, 1) == 0).all() and (space > 0).all()


def test_weights_are_those_the_model_uses(model, tokens) -> None:
    """A layer's own weights follow from what the layer before it said: another film, other weights."""
    other = tokens.clone()
    other[0, 0, 0, 0] += 3.0
    assert not np.allclose(weights(model, tokens, 1)[1], weights(model, other, 1)[1])
    with pytest.raises(IndexError, match="there are 2"):
        weights(model, tokens, 2)
    blind = SpaceTimeTransformer(8, 1, 2, frames=T, places=N, temporal="none")
    with pytest.raises(ValueError, match="no temporal attention"):
        weights(blind, tokens, 0)


def test_the_widget_draws_at_every_extreme(model, tokens) -> None:
    frames, at = np.full((T, 32, 32, 3), 200, np.uint8), np.full((T, N, 2), 10.0)

    def callback(moment: int, place: int, layer: int):
        return attention_figure(frames, at, *weights(model, tokens, layer), moment, place)

    drawn = show.probe(callback, {"moment": [0, T - 1], "place": [0, N - 1], "layer": [0, 1]})
    assert len({probed.png for probed in drawn}) == 8
    with pytest.raises(IndexError, match="does not exist"):
        callback(T, 0, 0)
    assert "attention [1.0] to frames" in callback(0, 1, 0).text


def test_the_map_counts_who_has_an_influence() -> None:
    seen = np.array([[0.1, 0.2], [0.0, 1e-9]])
    assert "3 of 4 tokens" in token_map(seen, 1, 0, title="test").text
