"""Ways to write a frame down and to draw it again: the models' own, and the controls with as many numbers or bits.

A coder takes frames (B, 3, H, W) and gives their reconstruction, the same shape.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor

from course_lib.exam.measures.frames import Coder, psnr_by_film
from course_lib.exam.measures.intervals import interval_row
from course_lib.models.base import untrained_twin
from course_lib.models.tokenizer import VideoTokenizer
from course_lib.models.vae import VAE, kl_to_prior
from course_lib.nets.patches import patchify, unpatchify
from course_lib.nets.quantise import nearest
from course_lib.worlds.frames import to_model


def mean_frame_coder(train_frames: np.ndarray) -> Coder:
    """Answers every frame with the mean of the training frames, uint8 (M, H, W, 3)."""
    mean = torch.from_numpy(train_frames.mean(axis=0) / 255.0).float().movedim(-1, 0)  # (H, W, 3) -> (3, H, W)
    return lambda x: mean.expand_as(x)


def pca_coder(train_frames: np.ndarray, components: int = 32, *, seed: int = 0) -> Coder:
    """The best linear code of ``components`` numbers for the training frames (principal component analysis).

    train_frames: uint8 (M, H, W, 3). The fit is scikit-learn's randomised one, with its power iterations.
    """
    flat = train_frames.reshape(len(train_frames), -1).astype(np.float32) / 255.0  # (M, H * W * 3)
    pca = PCA(components, svd_solver="randomized", random_state=seed).fit(flat)

    def code(x: Tensor) -> Tensor:
        rows = x.movedim(1, -1).flatten(1).numpy()  # (B, 3, H, W) -> (B, H * W * 3), the order of stored frames
        back = torch.from_numpy(pca.inverse_transform(pca.transform(rows))).float().clamp(0.0, 1.0)
        return back.unflatten(1, (*x.shape[2:], 3)).movedim(-1, 1)

    return code


def vae_coder(vae: VAE, generator: torch.Generator | None) -> Coder:
    """A VAE as a coder. With a generator z is drawn, as everything that reads V's code will get it; else z = mu."""
    return lambda x: vae(x, generator).frames


@torch.no_grad()
def kl_by_film(vae: VAE, frames: np.ndarray) -> np.ndarray:
    """Mean KL in nats of each film's frames. frames: uint8 (N, T, H, W, 3) -> float64 (N,)."""
    return np.array([float(kl_to_prior(*vae.encode(to_model(film))).sum(dim=1).mean()) for film in frames])


def gain_over_pca(vae: VAE, train_frames: np.ndarray, test_films: np.ndarray, *, seed: int = 0) -> dict[str, dict]:
    """The exam's question reconstruction_gain_over_pca_db, with every control in the same run.

    train_frames: uint8 (M, H, W, 3), what PCA and the mean frame are fitted to. test_films: uint8 (N, T, H, W, 3).
    The films must not depend on each other (one film an episode): the intervals are bootstraps over them.
    Returns rows by name: gain (paired by film), vae, vae_mu, pca, mean_frame, untrained, kl.
    """
    generator = torch.Generator().manual_seed(seed)
    untrained = untrained_twin(vae, seed)
    scores = {
        "vae": psnr_by_film(vae_coder(vae, generator), test_films),
        "vae_mu": psnr_by_film(vae_coder(vae, None), test_films),
        "pca": psnr_by_film(pca_coder(train_frames, vae.config.latent, seed=seed), test_films),
        "mean_frame": psnr_by_film(mean_frame_coder(train_frames), test_films),
        "untrained": psnr_by_film(vae_coder(untrained, generator), test_films),
    }
    rows = {name: interval_row(name, values, "dB", seed=seed) for name, values in scores.items()}
    rows["kl"] = interval_row("kl", kl_by_film(vae, test_films), "nats", seed=seed)
    rows["gain"] = interval_row("gain_over_pca", scores["vae"] - scores["pca"], "dB", seed=seed)
    return rows


def tokenizer_coder(tokenizer: VideoTokenizer) -> Coder:
    """A tokenizer as a coder of the frames of one film, in their order: to whole numbers and back."""
    return lambda x: tokenizer.frames_of(tokenizer.tokens(x[None]))[0]  # (T, 3, H, W) -> (1, T, 3, H, W) -> ...


def rounded_pca_coder(train_frames: np.ndarray, bits: int, *, each: int = 8, seed: int = 0) -> Coder:
    """PCA with ``bits / each`` numbers of ``each`` bits: the linear code that is as large as a frame's tokens.

    train_frames: uint8 (M, H, W, 3). Each number is rounded to one of 2^each values, even over its training range.
    """
    flat = train_frames.reshape(len(train_frames), -1).astype(np.float32) / 255.0  # (M, H * W * 3)
    pca = PCA(bits // each, svd_solver="randomized", random_state=seed).fit(flat)
    numbers = pca.transform(flat)
    low, step = numbers.min(axis=0), np.ptp(numbers, axis=0) / (2**each - 1)

    def code(x: Tensor) -> Tensor:
        rows = x.movedim(1, -1).flatten(1).numpy()  # (B, 3, H, W) -> (B, H * W * 3), the order of stored frames
        whole = np.clip(np.round((pca.transform(rows) - low) / step), 0, 2**each - 1)
        back = torch.from_numpy(pca.inverse_transform(whole * step + low)).float().clamp(0.0, 1.0)
        return back.unflatten(1, (*x.shape[2:], 3)).movedim(-1, 1)

    return code


def patch_codebook(train_frames: np.ndarray, codes: int, patch: int = 4, *, seed: int = 0) -> Tensor:
    """The best plain patches to draw frames with, by k-means. uint8 (M, H, W, 3) -> (codes, 3 * patch^2)."""
    patches = patchify(to_model(train_frames), patch).flatten(0, 1)  # (M, 3, H, W) -> (M * N, 3 * P * P)
    different, counts = np.unique((patches.numpy() * 255).round().astype(np.uint8), axis=0, return_counts=True)
    # Most patches are the empty room: beginning at different patches, weighted by how often each occurs, spends no code
    # on the same one twice.
    means = KMeans(codes, init="random", n_init=1, max_iter=12, random_state=seed)
    means.fit(different / np.float32(255.0), sample_weight=counts.astype(np.float32))
    return torch.from_numpy(means.cluster_centers_).float()


def patch_coder(codebook: Tensor, patch: int = 4) -> Coder:
    """Each patch becomes the nearest of the codebook: vector quantisation without a network."""
    return lambda x: unpatchify(codebook[nearest(patchify(x, patch), codebook)], patch, tuple(x.shape[2:]))


def shrunk_coder(patch: int = 4) -> Coder:
    """The mean colour of every patch, blown up again: one colour a token, 24 bits each."""
    return lambda x: F.interpolate(F.avg_pool2d(x, patch), scale_factor=patch, mode="bilinear")


@torch.no_grad()
def tokens_of_films(tokenizer: VideoTokenizer, films: np.ndarray) -> np.ndarray:
    """Every film's tokens, int64 (N, T, tokens). films: uint8 (N, T, H, W, 3)."""
    return np.concatenate([tokenizer.tokens(to_model(film[None])).numpy() for film in films])


def alive_interval(index: np.ndarray, codes: int, rng: np.random.Generator, *, resamples: int = 2000) -> dict:
    """Share of the codes that held-out films use, with an interval from resampled films. index: (N, T, tokens).

    A resample holds fewer different films than there are, so it sees fewer codes: the interval leans to the low side.
    """
    used = np.stack([np.bincount(film.ravel(), minlength=codes) > 0 for film in index])  # (N, codes)
    shares = [used[rng.integers(len(used), size=len(used))].any(axis=0).mean() for _ in range(resamples)]
    value = float(used.any(axis=0).mean())
    low, high = np.quantile(shares, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": max(float(high), value), "n": len(used)}


def coders(tokenizer: VideoTokenizer, train_frames: np.ndarray, *, seed: int = 0) -> dict[str, Coder]:
    """The tokenizer and every control, by name. train_frames: uint8 (M, H, W, 3), what the controls are fitted to."""
    config = tokenizer.config
    bits = round(config.tokens * np.log2(config.number_of_codes))
    book = patch_codebook(train_frames, config.number_of_codes, config.patch, seed=seed)
    return {
        "tokenizer": tokenizer_coder(tokenizer),
        "mean_frame": mean_frame_coder(train_frames),
        "untrained": tokenizer_coder(untrained_twin(tokenizer, seed)),
        "shrunk": shrunk_coder(config.patch),
        "pca": rounded_pca_coder(train_frames, bits, seed=seed),
        "patches": patch_coder(book, config.patch),
    }
