"""How much of a frame do its tokens keep, and how many of the codes are in use? Questions to a tokenizer.

Decibels are averaged over the frames of a film, and intervals are bootstraps over films. Most of a frame is an empty
room, which every control draws well; so the same is asked of the *foreground* alone, the pixels that differ from the
median of the training frames. The controls know as many bits as the tokens, or more: PCA whose numbers are rounded, a
codebook of plain patches (k-means), a frame shrunk to one colour a token.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor

from course_lib.exam.entrants import Entrant
from course_lib.exam.reconstruction import Coder, mean_frame_coder, psnr_by_film
from course_lib.exam.room import Room
from course_lib.exam.rows import Row, mean_and_interval
from course_lib.models.base import fresh
from course_lib.models.tokenizer import VideoTokenizer
from course_lib.nets.patches import patchify, unpatchify
from course_lib.nets.quantise import nearest, usage
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

FOREGROUND = 0.06  # a pixel this far from the empty room, in any colour, belongs to something


def tokenizer_coder(tokenizer: VideoTokenizer) -> Coder:
    """A tokenizer as a coder of the frames of one film, in their order: to whole numbers and back."""
    return lambda x: tokenizer.frames_of(tokenizer.tokens(x[None]))[0]  # (T, 3, H, W) -> (1, T, 3, H, W) -> ...


def untrained_twin(tokenizer: VideoTokenizer, seed: int = 0) -> VideoTokenizer:
    """The same network with fresh weights."""
    return fresh(VideoTokenizer, tokenizer.config, seed).eval()


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


def median_frame(train_frames: np.ndarray) -> np.ndarray:
    """The empty room: each pixel's median. uint8 (M, H, W, 3) -> uint8 (H, W, 3)."""
    return np.median(train_frames, axis=0).astype(np.uint8)


def foreground(frames: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Where something stands in front of the empty room. uint8 (..., H, W, 3), (H, W, 3) -> boolean (..., H, W)."""
    far = np.abs(frames.astype(np.int16) - background.astype(np.int16)).max(axis=-1)
    return far > FOREGROUND * 255


@torch.no_grad()
def foreground_psnr_by_film(coder: Coder, films: np.ndarray, background: np.ndarray) -> np.ndarray:
    """PSNR of the foreground's pixels alone, mean over the frames that have some. uint8 (N, T, H, W, 3) -> (N,)."""
    values = np.full(len(films), np.nan)
    for i, film in enumerate(films):
        x = to_model(film)
        error = (coder(x) - x).square().mean(dim=1).numpy()  # (T, 3, H, W) -> (T, H, W)
        there = foreground(film, background)
        some = there.any(axis=(1, 2))
        means = (error * there).sum(axis=(1, 2))[some] / there.sum(axis=(1, 2))[some]
        if some.any():
            values[i] = (-10.0 * np.log10(np.maximum(means, 1e-12))).mean()
    return values


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


def tokens(entrant: Entrant, room: Room, *, part: VideoTokenizer) -> Iterator[Row]:
    """Rows tokenizer_psnr_db, foreground_psnr_db, codes_alive and code_perplexity of a tokenizer.

    part: the tokenizer that is asked, whatever model it belongs to.
    """
    films = room.films_for(entrant)
    train = load_films(films.name, split="train", count=1000, size=room.size).frames[:, ::8]
    train = train.reshape(-1, *train.shape[2:])  # (N, T / 8, H, W, 3) -> (M, H, W, 3)
    background = median_frame(train[::4])
    every = coders(part, train, seed=room.seed)
    for question, score in (
        ("tokenizer_psnr_db", psnr_by_film),
        ("foreground_psnr_db", lambda coder, frames: foreground_psnr_by_film(coder, frames, background)),
    ):
        scores = {name: score(coder, films.frames) for name, coder in every.items()}
        controls = {name: float(np.nanmean(values)) for name, values in scores.items() if name != "tokenizer"}
        note = f"{part.config.tokens} tokens a frame, {part.config.number_of_codes} codes"
        yield entrant.row(room, films, question, unit="dB", controls=controls, note=note,
                          **mean_and_interval(scores["tokenizer"], seed=room.seed))  # fmt: skip
    codes = part.config.number_of_codes
    own, other = (tokens_of_films(model, films.frames) for model in (part, untrained_twin(part, room.seed)))
    answer = alive_interval(own, codes, room.rng())
    control = usage(torch.from_numpy(other), codes)
    yield entrant.row(room, films, "codes_alive", unit="", controls={"untrained": control.alive}, **answer)
    each = np.array([usage(torch.from_numpy(film), codes).perplexity for film in own])
    yield entrant.row(room, films, "code_perplexity", unit="codes", controls={"untrained": control.perplexity},
                      note="of one film's tokens, mean over films",
                      **mean_and_interval(each, seed=room.seed))  # fmt: skip
