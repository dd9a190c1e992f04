"""Films that a text-to-video model makes: whether they show what their prompts ask for, and how real they look.

The first is asked film by film (``measures/prompts.py``). The second is asked of a set of films, by the Frechet
distance of the reader's features: both sets are taken for Gaussians, and the squared distance between those is

    d^2 = |m - n|^2 + tr(S + T - 2 (S T)^(1/2)),        m, n the means, S, T the covariances

(Heusel et al. 2017, arXiv 1706.08500, equation 6, with the features of a network that classifies pictures, as FID;
Unterthiner et al. 2018, arXiv 1812.01717, with those of one that classifies films, as FVD). Here the features are the
reader's, averaged over places and over the frames that a caption speaks of: they know what stands in a film, hardly how
it moves. In a small sample the distance is too large, even between two halves of one set: it means nothing without the
distance of real films from other real films, as many of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from course_lib.exam.measures.prompts import (
    WORDS_OF_A_BODY,
    Following,
    Found,
    balanced_motion,
    followed_bodies,
    hold_against,
)
from course_lib.models.reader import Reader, link_readings
from course_lib.models.text_to_video import GUIDANCE, TextToVideo
from course_lib.worlds.captions import FRAMES
from course_lib.worlds.frames import to_model, to_uint8

TOGETHER = 20  # films that are made or read at once
PARTS = 20  # of a set, each left out once for an interval


# ------------------------------------------------------------------------------------------------------ following


def generated_films(
    make: TextToVideo, prompts: Sequence[str], *, seed: int, w: float = GUIDANCE, steps: int = 16, frames: int = FRAMES
) -> np.ndarray:
    """One film for each prompt, uint8 (N, frames, H, W, 3). The same seed is the same noise, whatever w and steps."""
    generator = torch.Generator().manual_seed(seed)
    some = [prompts[i : i + TOGETHER] for i in range(0, len(prompts), TOGETHER)]
    made = [make.films(each, frames, generator=generator, w=w, steps=steps) for each in some]
    return np.concatenate([to_uint8(films) for films in made])


def bodies_in(reader: Reader, films: np.ndarray) -> list[Found]:
    """What ``found_bodies`` finds in each film, read together. uint8 (N, T, H, W, 3), T at least FRAMES."""
    return [followed_bodies(link_readings(seen)) for seen in reader.read(films[:, :FRAMES])]


def score(
    make: TextToVideo, reader: Reader, prompts: Sequence[str], *, seed: int, w: float = GUIDANCE, steps: int = 16
) -> Following:
    """Make a film for each prompt, and hold it against the prompt."""
    return hold_against(bodies_in(reader, generated_films(make, prompts, seed=seed, w=w, steps=steps)), prompts)


def summary(found: Following) -> dict[str, float]:
    """One number for each question: number, colour, shape, motion (balanced), everything, and what is right in order.

    Films whose prompt asks for no body count in the number and in everything alone.
    """
    means = {"number": float(found.number.mean())}
    means |= {name: float(np.nanmean(found.matched[name])) for name in WORDS_OF_A_BODY if name != "motion"}
    means |= {"motion": balanced_motion(found.motions), "everything": float(found.everything.mean())}
    return means | {f"{name}_ordered": float(np.nanmean(found.ordered[name])) for name in WORDS_OF_A_BODY}


# ------------------------------------------------------------------------------------------------ how real they look


@torch.no_grad()
def film_features(reader: Reader, films: np.ndarray) -> np.ndarray:
    """The reader's features of films, the mean over the first FRAMES frames. uint8 (N, T, H, W, 3) -> (N, D)."""
    device = reader.cell_x.device
    read = [reader.features(to_model(some).flatten(0, 1).to(device)).unflatten(0, some.shape[:2]).mean(dim=1)
            for some in np.split(films[:, :FRAMES], range(TOGETHER, len(films), TOGETHER))]  # fmt: skip
    return torch.cat(read).double().cpu().numpy()


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """d^2 of the module's equation between the Gaussians of two samples. (N, D), (M, D), N and M at least 2.

    Raises ValueError for other shapes, or numbers that are not finite.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"two samples (N, D) and (M, D) of 2 rows or more are wanted, not {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a sample holds numbers that are not finite")
    means = a.mean(axis=0) - b.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b)]
    return gaussian_frechet(means, *covariances)


def gaussian_frechet(difference: np.ndarray, s: np.ndarray, t: np.ndarray) -> float:
    """d^2 of two Gaussians: the difference of their means, (D,), and their covariances, (D, D).

    (S T)^(1/2) has the trace of (R T R)^(1/2) with R the root of S: that product is symmetric, and the trace of its
    root is the sum of the roots of its eigenvalues.
    """
    values, vectors = np.linalg.eigh(s)
    root = vectors * np.sqrt(values.clip(0.0)) @ vectors.T
    middle = np.linalg.eigvalsh(root @ t @ root).clip(0.0)
    return float(max(difference @ difference + np.trace(s) + np.trace(t) - 2.0 * np.sqrt(middle).sum(), 0.0))


def frechet_and_interval(made: np.ndarray, real: np.ndarray, *, seed: int) -> dict[str, float | int]:
    """value, low, high and n of a row: the distance of made films from real ones, features (N, D) and (M, D).

    The interval is a jackknife's: PARTS parts of the made films, drawn at random, are left out one after the other
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11). A bootstrap would draw films twice, and
    so find a distance that is farther off than the one it asks about. Raises ValueError for fewer films than PARTS.
    """
    if len(made) < PARTS:
        raise ValueError(f"{PARTS} parts need at least as many films, these are {len(made)}")
    whole = frechet_distance(made, real)
    parts = np.array_split(np.random.default_rng(seed).permutation(len(made)), PARTS)
    without = np.array([frechet_distance(np.delete(made, part, axis=0), real) for part in parts])
    spread = 1.96 * np.sqrt((PARTS - 1) / PARTS * np.square(without - without.mean()).sum())
    return {"value": whole, "low": max(whole - spread, 0.0), "high": whole + spread, "n": len(made)}
