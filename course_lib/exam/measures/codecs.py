"""What a film keeps on its way through a codec: decibels beside PCA, and what the reader finds in it.

A film coder takes films (B, T, 3, H, W) in [0, 1] and gives their reconstructions, the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.measures.intervals import mean_and_interval, wilson_interval
from course_lib.models.codec import CodecConfig, VideoCodec, group_frames
from course_lib.models.reader import Reader, match
from course_lib.models.vae import kl_to_prior
from course_lib.nets.patches import patchify, unpatchify
from course_lib.worlds import spec
from course_lib.worlds.captions import FRAMES, motion
from course_lib.worlds.frames import psnr, to_model, to_uint8

FilmCoder = Callable[[Tensor], Tensor]
CHUNK = 10  # films that go through a coder together
REACH = 3.0  # units: a reading farther from a body than this is not a reading of it; the smallest radius is 2.2
BODIES = slice(1, 1 + spec.MAX_BODIES)  # slots of the free bodies
GROUPS = 2000  # of training films that PCA is fitted to, at most: each has 16 blocks or more
_F = spec.FIELD


# ------------------------------------------------------------------------------------------------------------- coders


def codec_coder(codec: VideoCodec, generator: torch.Generator | None = None) -> FilmCoder:
    """A codec as a coder of films. With a generator z is drawn, else it is the mean of q(z | x)."""
    return lambda x: codec.frames_of(codec.latents(x, generator))


def mean_film_coder(train_films: np.ndarray) -> FilmCoder:
    """A copy of the mean: answers every frame with the mean training frame. uint8 (M, T, H, W, 3)."""
    mean = to_model(train_films).mean(dim=(0, 1))  # (M, T, 3, H, W) -> (3, H, W)
    return lambda x: mean.expand_as(x)


class Blocks(NamedTuple):
    """A linear code of blocks: mean (P,), and orthonormal directions (P, K), the first ones the most important."""

    mean: Tensor
    basis: Tensor

    def code(self, blocks: Tensor, components: int) -> Tensor:
        """Blocks through ``components`` numbers and back, (..., P) -> (..., P)."""
        basis = self.basis[:, :components]
        return (blocks - self.mean) @ basis @ basis.T + self.mean


def principal_blocks(blocks: Tensor) -> Blocks:
    """Principal component analysis of blocks laid flat, in closed form. (N, P) -> all P directions.

    The directions are the eigenvectors of the covariance (Pearson 1901; Hotelling 1933): of all linear codes with K
    numbers, the first K have the least squared error on these blocks.
    """
    mean = blocks.mean(dim=0)
    centred = (blocks - mean).double()
    _, vectors = torch.linalg.eigh(centred.T @ centred / len(blocks))  # eigenvalues from small to large
    return Blocks(mean, vectors.flip(1).float())


class BlockPCA:
    """PCA of blocks of ``block`` x ``block`` pixels and all frames of a group: the linear codec of the same grid.

    The first frame of a film and groups of later frames are fitted apart, as they are coded apart. Every block has
    ``numbers`` numbers, so with ``latent`` channels on a grid whose places are p pixels wide a codec has as many when
    numbers = latent (block / p)^2.
    """

    def __init__(self, train_films: np.ndarray, config: CodecConfig, block: int) -> None:
        """train_films: uint8 (M, T, H, W, 3), T a length that the codec takes. block: pixels on a side."""
        self.config, self.block = config, block
        self.equal = config.latent * (block * config.side // config.frame_size) ** 2
        every = max(1, len(train_films) * config.groups(train_films.shape[1]) // GROUPS)
        groups = group_frames(to_model(train_films[::every]), config.frames_each)  # (M', G, F, 3, H, W)
        self.first = principal_blocks(self._cut(groups[:, 0, -1:]).flatten(0, -2))
        later = groups[:, 1:]
        self.later = principal_blocks(self._cut(later).flatten(0, -2)) if later.numel() else self.first

    def _cut(self, frames: Tensor) -> Tensor:
        """(..., F, 3, H, W) -> (..., N, F * 3 * block * block)."""
        return patchify(frames, self.block, frames.shape[-4]).squeeze(-3)

    def _join(self, blocks: Tensor, frames: int) -> Tensor:
        """The way back."""
        return unpatchify(blocks.unsqueeze(-3), self.block, self.config.frame_size, frames)

    def coder(self, numbers: int | None = None) -> FilmCoder:
        """A coder with so many numbers a block; without a statement as many as the codec's latents."""
        count, each = self.equal if numbers is None else numbers, self.config.frames_each

        def code(x: Tensor) -> Tensor:
            first = self._join(self.first.code(self._cut(x[:, :1]), count), 1)  # (B, 1, 3, H, W)
            later = group_frames(x, each)[:, 1:]  # (B, k, F, 3, H, W)
            if later.shape[1] == 0:
                return first.clamp(0.0, 1.0)
            drawn = self._join(self.later.code(self._cut(later), count), each)
            return torch.cat([first, drawn.flatten(1, 2)], dim=1).clamp(0.0, 1.0)

        return code


@torch.no_grad()
def coded(coder: FilmCoder, films: np.ndarray) -> Tensor:
    """Films through a coder, uint8 (N, T, H, W, 3) -> float (N, T, 3, H, W)."""
    return torch.cat([coder(x) for x in to_model(films).split(CHUNK)])


def film_psnr(drawn: Tensor, films: np.ndarray) -> np.ndarray:
    """Mean PSNR in dB of each film's frames. (N, T, 3, H, W), uint8 (N, T, H, W, 3) -> (N,)."""
    return psnr(drawn, to_model(films)).mean(dim=1).double().numpy()


@torch.no_grad()
def kl_by_film_frame(codec: VideoCodec, films: np.ndarray) -> np.ndarray:
    """KL of each film in nats per frame, float64 (N,). films: uint8 (N, T, H, W, 3)."""
    rows = [kl_to_prior(*codec.encode(x)).flatten(1).sum(dim=1) for x in to_model(films).split(CHUNK)]
    return torch.cat(rows).double().numpy() / films.shape[1]


# ------------------------------------------------------------------------------------------------- what the reader sees


def read_bodies(reader: Reader, frames: np.ndarray | Tensor, states: np.ndarray) -> dict[str, np.ndarray]:
    """What the reader finds in films, held against the truth: four numbers from 0 to 1 for each film, (N,).

    frames: uint8 (N, T, H, W, 3) or floats (N, T, 3, H, W), T at least FRAMES. states: the truth, (N, T, SLOTS,
    FIELDS), films of free bodies that nothing hides (the set ``bodies``), each with at least one.

    Bodies and readings of a frame are paired so that the sum of their distances is least; pairs farther apart than
    REACH are none.

    - number: 1 where the first FRAMES frames show, by majority, as many things as there are bodies;
    - colour, shape: the share of (body, frame) that is paired with a reading of the right colour or shape; a body that
      is not found has neither;
    - motion: the share of bodies whose motion word, from the places read in the first frame and the last of the FRAMES,
      is that of the truth; a body that is not found in both is wrong.
    """
    read = reader.read(to_uint8(frames) if isinstance(frames, Tensor) else frames)  # (N, T, 8, FIELDS)
    films, length = states.shape[:2]
    out = {name: np.zeros(films) for name in ("number", "colour", "shape", "motion")}
    for n in range(films):
        slots = np.flatnonzero(states[n, 0, BODIES, 0]) + BODIES.start
        counts = (read[n, :FRAMES, :, 0] > 0).sum(axis=1)
        out["number"][n] = np.bincount(counts).argmax() == len(slots)
        right = {name: np.zeros((length, spec.SLOTS)) for name in ("colour", "kind")}
        places = np.full((FRAMES, spec.SLOTS, 2), np.nan)
        for t in range(length):
            for body, thing in match(states[n, t], read[n, t], reach=REACH):
                for name, table in right.items():
                    table[t, body] = read[n, t, thing, _F[name]] == states[n, t, body, _F[name]]
                if t < FRAMES:
                    places[t, body] = read[n, t, thing, _F["x"] : _F["y"] + 1]
        out["colour"][n], out["shape"][n] = (right[name][:, slots].mean() for name in ("colour", "kind"))
        found = [np.isfinite(places[[0, -1], slot]).all() for slot in slots]
        out["motion"][n] = np.mean([f and motion(places[:, slot]) == motion(states[n, :, slot, _F["x"] : _F["y"] + 1])
                                    for f, slot in zip(found, slots, strict=True)])  # fmt: skip
    return out


def always_falling(states: np.ndarray) -> float:
    """Mean share of a film's bodies that fall: who always answers "falling" is right so often.

    states: (N, T, SLOTS, FIELDS).
    """
    shares = []
    for film in states:
        slots = np.flatnonzero(film[0, BODIES, 0]) + BODIES.start
        shares.append(np.mean([motion(film[:, slot, _F["x"] : _F["y"] + 1]) == "falling" for slot in slots]))
    return float(np.mean(shares))


def share_and_interval(values: np.ndarray, *, seed: int) -> dict[str, float | int]:
    """value, low, high and n of a row, from one share for each film.

    Where every share is 0 or 1 the interval is Wilson's: a bootstrap of a hundred times 1 would say nothing.
    """
    if np.isin(values, (0.0, 1.0)).all():
        low, high = wilson_interval(int(values.sum()), len(values))
        return {"value": float(values.mean()), "low": low, "high": high, "n": len(values)}
    return mean_and_interval(values, seed=seed)


# ----------------------------------------------------------------------------------------------------------- causality


@torch.no_grad()
def changes(codec: VideoCodec, films: Tensor, others: Tensor, first: int) -> dict[str, np.ndarray]:
    """How much the latents change when frames from ``first`` on are replaced by those of other films, (N,) each.

    films, others: (N, T, 3, H, W). earlier: the largest change of a latent number of the groups that end before frame
    ``first``, in deviations; own: of the groups that hold a replaced frame. Raises ValueError where ``first`` leaves no
    group before it, or none behind.
    """
    if not 1 <= first < films.shape[1]:
        raise ValueError(f"first is a frame from 1 to {films.shape[1] - 1}, so that some stay and some go, not {first}")
    group = 1 + (first - 1) // codec.config.frames_each  # groups whose frames all come before it
    mixed = torch.cat([films[:, :first], others[:, first:]], dim=1)
    change = (codec.latents(mixed) - codec.latents(films)).abs().flatten(2).amax(dim=2)  # (N, G, C, h, w) -> (N, G)
    return {"earlier": change[:, :group].amax(dim=1).numpy(), "own": change[:, group:].amax(dim=1).numpy()}
