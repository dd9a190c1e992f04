"""The reconstruction exam: its controls behave as they must, and the shipped VAE beats them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exam.measures.coders import gain_over_pca, mean_frame_coder, pca_coder
from course_lib.exam.measures.frames import psnr_by_film
from course_lib.training import load_checkpoint
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model


@pytest.fixture(scope="module")
def simple():
    return load_films("simple", split="train", count=200), load_films("simple", split="test", count=60)


def test_pca_is_exact_on_data_of_its_own_rank_and_better_with_more_numbers(simple):
    rng = np.random.default_rng(0)
    parts = rng.uniform(0.0, 20.0, (3, 8 * 8 * 3))
    frames = (60 + rng.uniform(0, 1, (200, 3)) @ parts).round().astype(np.uint8).reshape(200, 8, 8, 3)
    assert psnr_by_film(pca_coder(frames, 3), frames[None])[0] > 50.0  # what rounding to whole levels leaves
    train, test = simple
    few, many = (psnr_by_film(pca_coder(train.frames[:, ::4].reshape(-1, 32, 32, 3), k), test.frames[:10]).mean()
                 for k in (4, 32))  # fmt: skip
    assert many > few + 1.0


def test_no_component_is_the_mean_frame(simple):
    train, test = simple
    frames = train.frames[:, ::4].reshape(-1, 32, 32, 3)
    x = to_model(test.frames[0])
    mean = mean_frame_coder(frames)(x)
    torch.testing.assert_close(mean[0], to_model(frames).mean(0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size, bar", [("cpu", 3.0)])
def test_the_shipped_vae_beats_pca_and_is_no_plain_autoencoder(simple, size, bar):
    train, test = simple
    rows = gain_over_pca(load_checkpoint("vae", size=size), train.frames.reshape(-1, 32, 32, 3), test.frames)
    assert rows["gain"]["low"] >= bar, rows["gain"]
    assert rows["kl"]["low"] > 5.0
    assert rows["untrained"]["high"] < rows["mean_frame"]["low"] < rows["pca"]["low"]
