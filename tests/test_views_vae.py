"""What the views of a VAE promise, on an untrained one: their truths do not depend on training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.vae import VAE, VAEConfig
from course_lib.show import probe
from course_lib.training import load_config
from course_lib.views.vae import blend, from_prior, latents, push, reconstruct, sweep


@pytest.fixture(scope="module")
def vae() -> VAE:
    torch.manual_seed(0)
    config: VAEConfig = load_config("vae", "tiny").model
    return VAE(config).eval()


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)


def test_a_push_of_nothing_changes_nothing(vae, frames):
    picture = push(vae, frames[0], 3, 0.0)
    np.testing.assert_array_equal(picture[:, :32], frames[0])
    np.testing.assert_array_equal(picture[:, 33:65], picture[:, 66:])
    np.testing.assert_array_equal(picture[:, 33:65], reconstruct(vae, frames[:1])[0])


def test_pushing_can_be_probed_at_its_extremes(vae, frames):
    last = vae.config.latent - 1
    assert len(probe(lambda index, amount: push(vae, frames[0], index, amount),
                     {"index": [0, last], "amount": [-3.0, 0.0, 3.0]})) == 6  # fmt: skip
    with pytest.raises(IndexError, match="latent number"):
        push(vae, frames[0], last + 1, 0.0)


def test_a_sweep_passes_through_the_frame_itself(vae, frames):
    mu, _ = latents(vae, frames[:1])
    row = sweep(vae, frames[0], [2, 5], [float(mu[0, 2]), 9.0])
    assert row.shape == (4, 32, 32, 3)
    np.testing.assert_array_equal(row[0], reconstruct(vae, frames[:1])[0])


def test_a_blend_begins_and_ends_where_it_should(vae, frames):
    pixels, latent = blend(vae, frames[0], frames[1], steps=5)
    np.testing.assert_array_equal(pixels[[0, -1]], frames[:2])
    np.testing.assert_array_equal(latent[[0, -1]], reconstruct(vae, frames[:2]))


def test_dreams_from_the_prior_follow_the_generator(vae):
    a, b, c = (from_prior(vae, 3, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
