"""What the views of a codec promise, on an untrained one: their truths do not depend on training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.codec import CodecConfig, VideoCodec
from course_lib.show import probe
from course_lib.training import build, get_recipe
from course_lib.views import codec as views
from course_lib.worlds.frames import to_model


def small(kernel: int) -> VideoCodec:
    """One whose every weight matters: fresh blocks are the identity."""
    model = build(get_recipe("codec"), CodecConfig(stem=2, widths=(8, 12), group_width=16, latent=4, kernel=kernel))
    with torch.no_grad():
        for n, parameter in enumerate(model.parameters()):
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(n)))
    return model.eval()


@pytest.fixture(scope="module")
def codec() -> VideoCodec:
    return small(3)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), np.uint8)


def test_a_film_goes_through_and_its_latents_are_the_codecs(codec, frames):
    assert views.through_codec(codec, frames).shape == frames.shape
    with torch.no_grad():
        wanted = codec.latents(to_model(frames[None]))[0].numpy()
    np.testing.assert_array_equal(views.latent_maps(codec, frames), wanted)


@pytest.mark.parametrize("kernel", [1, 3])
def test_what_a_patch_sees_is_what_changes_it(kernel, frames):
    """The gradient and a change of pixels must agree: outside of the window no change reaches the patch."""
    codec = small(kernel)
    slopes = views.seen_pixels(codec, frames, 1, 2, 3)
    first, last, top, bottom, left, right = views.seen_window(slopes)
    assert (first, last) == (0, 4), "its own group and the one before it"
    assert slopes[5:].max() == 0.0
    if kernel == 1:
        assert (top, bottom, left, right) == (8, 11, 12, 15), "cut first: its own pixels"
    other = frames.copy()
    outside = np.ones(frames.shape[:3], bool)
    outside[first : last + 1, top : bottom + 1, left : right + 1] = False
    other[outside] = 255 - other[outside]
    before, after = (views.latent_maps(codec, film)[1, :, 2, 3] for film in (frames, other))
    np.testing.assert_array_equal(before, after)
    inside = frames.copy()
    inside[last, (top + bottom) // 2, (left + right) // 2] ^= 255
    assert not np.array_equal(before, views.latent_maps(codec, inside)[1, :, 2, 3])


def test_a_patch_of_several_places_sees_more(frames):
    model = small(1)
    windows = [views.seen_window(views.seen_pixels(model, frames, 1, row, row, n)) for row, n in ((4, 1), (2, 2))]
    assert [window[2:4] for window in windows] == [(16, 19), (16, 23)]


def test_places_that_do_not_exist_are_refused(codec, frames):
    for place in ((3, 0, 0), (0, 8, 0), (0, 0, -1)):
        with pytest.raises(IndexError, match="there is no patch"):
            views.seen_pixels(codec, frames, *place)


def test_the_widgets_pictures_hold_at_every_extreme(codec, frames):
    def patch(group: int = 1, row: int = 1, column: int = 1) -> np.ndarray:
        return views.draw_seen(codec, frames, group, row, column, 2)

    assert len(probe(patch, {"group": [0, 1, 2], "row": [0, 3], "column": [0, 3]})) == 12
    picture = patch(2, 0, 3)
    assert picture.shape == (96, 8 * 96 + 7 * 6, 3) and (picture == views.MARK).all(axis=-1).any()
    assert patch(0).shape == (96, 96, 3)


def test_a_perfect_coder_draws_the_same_frames_twice(frames):
    picture, decibels = views.compressed(lambda x: x, frames, [0, 8])
    assert picture.shape == (2 * 96 + 6, 2 * 96 + 6, 3) and decibels == pytest.approx(99.0)
    np.testing.assert_array_equal(picture[:96], picture[-96:])


def test_a_moved_latent_changes_its_surroundings_and_no_earlier_frame(codec, frames):
    change = views.nudged(codec, frames, 1, 4, 4, 2.0)
    assert change.shape == (9, 32, 32) and change[0].max() == 0.0 and change[1:5].max() > 0.0
    assert views.nudged(codec, frames, 1, 4, 4, 0.0).max() == 0.0
