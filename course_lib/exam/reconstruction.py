"""How well does an encoder keep a frame? Decibels on held-out films, beside PCA with as many numbers.

The measure is the peak signal-to-noise ratio (PSNR) of a frame, 10 log10(1 / mean squared error) for values in [0, 1],
averaged over the frames of a film; intervals are bootstraps over films, because frames of one film resemble each other.
The controls get the same films: the mean training frame, PCA fitted to training frames, an untrained network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from course_lib.exam.entrants import Entrant
from course_lib.exam.intervals import bootstrap_interval
from course_lib.exam.room import Room
from course_lib.exam.rows import Row
from course_lib.models.vae import VAE, kl_to_prior, psnr
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

Coder = Callable[[Tensor], Tensor]  # frames (B, 3, H, W) -> their reconstruction, the same shape


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
def psnr_by_film(coder: Coder, frames: np.ndarray) -> np.ndarray:
    """Mean PSNR in dB of each film. frames: uint8 (N, T, H, W, 3) -> float64 (N,)."""
    return np.array([float(psnr(x, coder(x)).mean()) for x in map(to_model, frames)])


@torch.no_grad()
def kl_by_film(vae: VAE, frames: np.ndarray) -> np.ndarray:
    """Mean KL in nats of each film's frames. frames: uint8 (N, T, H, W, 3) -> float64 (N,)."""
    return np.array([float(kl_to_prior(*vae.encode(to_model(film))).sum(dim=1).mean()) for film in frames])


def interval_row(name: str, values: np.ndarray, unit: str, *, seed: int = 0) -> dict[str, str | float | int]:
    """One row of a table: the mean over films with its 95 % interval."""
    low, high = bootstrap_interval(values, generator=np.random.default_rng(seed))
    return {"model": name, "value": float(values.mean()), "low": low, "high": high, "unit": unit, "n": len(values)}


def gain_over_pca(vae: VAE, train_frames: np.ndarray, test_films: np.ndarray, *, seed: int = 0) -> dict[str, dict]:
    """The exam's question reconstruction_gain_over_pca_db, with every control in the same run.

    train_frames: uint8 (M, H, W, 3), what PCA and the mean frame are fitted to. test_films: uint8 (N, T, H, W, 3).
    The films must not depend on each other (one film an episode): the intervals are bootstraps over them.
    Returns rows by name: gain (paired by film), vae, vae_mu, pca, mean_frame, untrained, kl.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = VAE(vae.config).eval()
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


def reconstruction_rows(entrant: Entrant, room: Room, *, size: str, films: str) -> Iterator[Row]:
    """Rows reconstruction_gain_over_pca_db and reconstruction_kl_nats of a shipped VAE on a set's held-out films."""
    from course_lib.training.checkpoints import load_checkpoint

    vae = load_checkpoint("vae", size=size)
    test = room.films_for(entrant, films)
    train = load_films(films, split="train", count=1000, size=room.size).frames[:, ::4]
    rows = gain_over_pca(vae, train.reshape(-1, *train.shape[2:]), test.frames, seed=room.seed)
    pca = rows["pca"]["value"]
    controls = {name: rows[name]["value"] - pca for name in ("pca", "mean_frame", "untrained")}
    kl = rows["kl"]["value"]
    answer = {name: rows["gain"][name] for name in ("value", "low", "high", "unit", "n")}
    note = f"{kl:.0f} nats of KL; PCA reaches {pca:.1f} dB"
    yield entrant.row(room, test, "reconstruction_gain_over_pca_db", controls=controls, note=note, **answer)
    answer = {name: rows["kl"][name] for name in ("value", "low", "high", "unit", "n")}
    yield entrant.row(room, test, "reconstruction_kl_nats", controls={"prior": 0.0}, **answer)
