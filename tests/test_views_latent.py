"""What the views of a latent action model promise, on an untrained one: their truths do not depend on training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.lam import LatentActionModel
from course_lib.show import probe
from course_lib.training import load_config
from course_lib.views.lam import GAP, after_each_code, difference, hold_code, redraw, try_code


@pytest.fixture(scope="module")
def model() -> LatentActionModel:
    torch.manual_seed(0)
    return LatentActionModel(load_config("lam", "tiny").model).eval()


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)


def test_trying_a_code_can_be_probed_at_its_extremes(model, film):
    tried = probe(lambda frame, code: try_code(model, film, frame, code), {"frame": [0, 4], "code": [0, 7]})
    assert len(tried) == 4
    picture = try_code(model, film, 1, 3)
    assert picture.shape == (32, 4 * 32 + 3 * GAP, 3)
    np.testing.assert_array_equal(picture[:, :32], film[1])
    np.testing.assert_array_equal(picture[:, -32:], film[2])
    np.testing.assert_array_equal(picture[:, 32 + GAP : 64 + GAP], after_each_code(model, film, 1)[3])
    for frame, code, told in ((5, 0, "frame 5"), (-1, 0, "frame -1"), (0, 8, "code 8")):
        with pytest.raises(IndexError, match=told):
            try_code(model, film, frame, code)


def test_a_held_code_begins_as_a_tried_one_and_with_the_frame(model, film):
    held = hold_code(model, film, 2, 5, steps=3)
    assert held.shape == (4, 32, 32, 3)
    np.testing.assert_array_equal(held[0], film[2])
    np.testing.assert_array_equal(held[1], after_each_code(model, film, 2)[5])


def test_redrawing_with_the_inferred_codes_is_the_default(model, film):
    with torch.no_grad():
        index = model.infer(torch.from_numpy(film).movedim(-1, 1).float()[None] / 255.0)[0].numpy()
    np.testing.assert_array_equal(redraw(model, film), redraw(model, film, index))
    assert redraw(model, film).shape == film.shape
    np.testing.assert_array_equal(redraw(model, film)[0], film[0])


def test_no_difference_is_white(film):
    assert (difference(film, film) == 255).all() and (difference(film[0], 255 - film[0]) < 255).any()
