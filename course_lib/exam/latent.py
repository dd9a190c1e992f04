"""Do latent actions mean what was done? Questions to a latent action model, which never saw an action.

Codes and keys have no names in common, so they are compared by what one tells about the other: by their mutual
information, divided by the arithmetic mean of their entropies (1: each says the other; 0: they have nothing to do with
each other), and by a table from codes to keys that is fitted on other films. Only steps are asked about in which the
key's effect is visible, see ``actions.visible_steps``: nobody can tell a jump that is pressed in the air from no key.

How many decibels the next frame gains from the inferred codes, against those of another film, is asked too, and is not
the same question: codes can draw well and mean something else at every place. The diagnostic for that is the same
mutual information *given* where the agent stands on the grid of patches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from course_lib.exam.actions import visible_steps
from course_lib.exam.entrants import Entrant
from course_lib.exam.prediction import psnr_of
from course_lib.exam.room import CHUNK, Room
from course_lib.exam.rows import Row, mean_and_interval
from course_lib.models.base import fresh
from course_lib.models.latent_action import LatentActionModel
from course_lib.worlds import spec
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_model

KEYS = len(spec.ACTIONS)


def untrained_twin(model: LatentActionModel, seed: int = 0) -> LatentActionModel:
    """The same network with fresh weights."""
    return fresh(LatentActionModel, model.config, seed).eval()


@torch.no_grad()
def codes_of_films(model: LatentActionModel, frames: np.ndarray) -> np.ndarray:
    """The latent action of every step. uint8 (N, T, H, W, 3) -> int64 (N, T - 1)."""
    parts = [model.infer(to_model(frames[k : k + CHUNK])) for k in range(0, len(frames), CHUNK)]
    return torch.cat(parts).numpy()


def entropy(counts: np.ndarray) -> np.ndarray:
    """Entropy in nats of the shares of counts along the last axis. (..., K) -> (...); 0 for nothing counted."""
    total = counts.sum(axis=-1, keepdims=True)
    share = counts / np.maximum(total, 1)
    return -(share * np.log(np.where(share > 0, share, 1.0))).sum(axis=-1)


def nmi_of_counts(counts: np.ndarray) -> np.ndarray:
    """Normalised mutual information from how often each pair occurs. (..., codes, keys) -> (...).

    (H(code) + H(key) - H(code, key)) / ((H(code) + H(key)) / 2), and 0 where one of them never varies.
    """
    code, key = entropy(counts.sum(axis=-1)), entropy(counts.sum(axis=-2))
    both = entropy(counts.reshape(*counts.shape[:-2], -1))  # (..., codes * keys)
    mean = (code + key) / 2.0
    return np.where(mean > 1e-12, np.maximum(code + key - both, 0.0) / np.maximum(mean, 1e-12), 0.0)


def count_pairs(index: np.ndarray, keys: np.ndarray, asked: np.ndarray, codes: int) -> np.ndarray:
    """How often each pair of code and key occurs in each film. All (N, S) -> (N, codes, keys), counted where asked."""
    counts = np.zeros((len(index), codes, KEYS))
    film, step = np.nonzero(asked)
    np.add.at(counts, (film, index[film, step], keys[film, step]), 1.0)
    return counts


def nmi_given(index: np.ndarray, keys: np.ndarray, asked: np.ndarray, cell: np.ndarray, codes: int) -> float:
    """The same given a third thing: I(code; key | cell), by the mean of the entropies given the cell.

    All (N, S); cell: whole numbers from 0. Each cell counts by how often it occurs.
    """
    tables = [count_pairs(index, keys, asked & (cell == c), codes).sum(axis=0) for c in range(int(cell.max()) + 1)]
    weights = np.array([t.sum() for t in tables])
    code, key = (np.array([entropy(t.sum(axis=a)) for t in tables]) for a in (1, 0))
    both = np.array([entropy(t.ravel()) for t in tables])
    mean = (weights * (code + key)).sum() / 2.0
    return float((weights * (code + key - both)).sum() / mean) if mean > 1e-12 else 0.0


def accuracy_by_film(counts: np.ndarray) -> np.ndarray:
    """Share of the steps of each film whose key is named by a table from codes to keys that *other* films fitted.

    counts: (N, codes, keys). The films are parted into even and odd ones, and each half is asked with the table of the
    other. A code that the other half never used answers with its most frequent key. (N,), NaN for a film not asked.
    """
    right = np.zeros(len(counts))
    for half in (0, 1):
        fitted = counts[1 - half :: 2].sum(axis=0)  # (codes, keys)
        table = np.where(fitted.sum(axis=1) > 0, fitted.argmax(axis=1), fitted.sum(axis=0).argmax())
        right[half::2] = counts[half::2, np.arange(counts.shape[1]), table].sum(axis=1)
    total = counts.sum(axis=(1, 2))
    return np.where(total > 0, right / np.maximum(total, 1), np.nan)


def majority_by_film(counts: np.ndarray) -> np.ndarray:
    """The control of ``accuracy_by_film``: always the most frequent key of the other films."""
    return accuracy_by_film(counts.sum(axis=1, keepdims=True))


def nmi_interval(counts: np.ndarray, rng: np.random.Generator, *, resamples: int = 2000) -> dict:
    """Normalised mutual information over all films, with its interval from resampled films. (N, codes, keys)."""
    drawn = rng.integers(len(counts), size=(resamples, len(counts)))
    often = np.stack([np.bincount(row, minlength=len(counts)) for row in drawn])  # (resamples, N)
    tables = (often @ counts.reshape(len(counts), -1)).reshape(resamples, *counts.shape[1:])
    low, high = np.quantile(nmi_of_counts(tables), [0.025, 0.975])
    value = float(nmi_of_counts(counts.sum(axis=0)))
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value), "n": len(counts)}


@torch.no_grad()
def psnr_by_film(model: LatentActionModel, frames: np.ndarray, index: np.ndarray, first: int = 0) -> np.ndarray:
    """PSNR of the next frames drawn with these codes, mean over the steps of each film. uint8 (N, T, H, W, 3), int64
    (N, T - 1) -> (N,). first: the first step that counts."""
    out = []
    for k in range(0, len(frames), CHUNK):
        x = to_model(frames[k : k + CHUNK])
        drawn = model.predict(x[:, :-1], torch.from_numpy(index[k : k + CHUNK]))
        out.append(psnr_of(drawn, x[:, 1:])[:, first:].mean(axis=1))
    return np.concatenate(out)


def places(films: Films, patch: int) -> np.ndarray:
    """Where on the grid of patches the agent stands before each step: its column of pixels modulo the patch.

    int64 (N, T - 1), 0 to patch - 1.
    """
    pixels = films.of("x")[:, :-1, spec.AGENT_SLOT] * films.size / spec.BOX
    return pixels.astype(np.int64) % patch


def latent_actions(entrant: Entrant, room: Room, *, part: LatentActionModel) -> Iterator[Row]:
    """Rows action_nmi, action_accuracy, latent_gain_db and action_nmi_given_place.

    part: the latent action model that is asked, whatever model it belongs to. Steps whose past is not in the film (the
    first ``context - 1``) are not asked about.
    """
    films = room.films_for(entrant)
    first, codes = part.config.context - 1, part.config.codes
    key = f"visible/{films.name}/{films.split}/{len(films)}"
    if key not in room.kept:
        room.kept[key] = visible_steps(films)
    keys, asked = films.actions[:, first:].astype(np.int64), room.kept[key][:, first:]
    twin = untrained_twin(part, room.seed)
    index = {"own": codes_of_films(part, films.frames), "untrained": codes_of_films(twin, films.frames)}
    index["shuffled"] = np.roll(index["own"], 1, axis=0)
    counts = {name: count_pairs(i[:, first:], keys, asked, codes) for name, i in index.items()}

    every = count_pairs(index["own"][:, first:], keys, np.ones_like(asked), codes)
    note = (f"on the {asked.mean():.0%} of steps with a visible effect; on all steps "
            f"{float(nmi_of_counts(every.sum(axis=0))):.2f}")  # fmt: skip
    controls = {name: float(nmi_of_counts(counts[name].sum(axis=0))) for name in ("shuffled", "untrained")}
    yield entrant.row(room, films, "action_nmi", unit="", controls=controls, note=note,
                      **nmi_interval(counts["own"], room.rng()))  # fmt: skip

    controls = {"majority": float(np.nanmean(majority_by_film(counts["own"])))}
    controls |= {name: float(np.nanmean(accuracy_by_film(counts[name]))) for name in ("shuffled", "untrained")}
    note = f"each code's most frequent key, fitted on other films; on all steps {accuracy_by_film(every).mean():.2f}"
    yield entrant.row(room, films, "action_accuracy", unit="", controls=controls, note=note,
                      **mean_and_interval(accuracy_by_film(counts["own"]), seed=room.seed))  # fmt: skip

    own, other = (psnr_by_film(part, films.frames, index[name], first) for name in ("own", "shuffled"))
    again = psnr_by_film(part, films.frames, np.roll(index["own"], 2, axis=0), first)
    bare = [psnr_by_film(twin, films.frames, np.roll(index["untrained"], k, axis=0), first) for k in (0, 1)]
    controls = {"another_films_codes": float((again - other).mean()), "untrained": float((bare[0] - bare[1]).mean())}
    x = to_model(films.frames)
    still = psnr_of(x[:, :-1], x[:, 1:])[:, first:].mean()
    note = f"the next frame {own.mean():.1f} dB with inferred codes, {still:.1f} by copying the last"
    yield entrant.row(room, films, "latent_gain_db", unit="dB", controls=controls, note=note,
                      **mean_and_interval(own - other, seed=room.seed))  # fmt: skip

    cell = places(films, part.config.patch)[:, first:]
    arrays = [index["own"][:, first:], keys, asked, cell]
    controls = {
        "shuffled": nmi_given(index["shuffled"][:, first:], *arrays[1:], codes),
        "without_the_place": float(nmi_of_counts(counts["own"].sum(axis=0))),
    }
    rng, drawn = room.rng(1), []
    for _ in range(200):
        rows = rng.integers(len(films), size=len(films))
        drawn.append(nmi_given(*(a[rows] for a in arrays), codes))
    value = nmi_given(*arrays, codes)
    low, high = np.quantile(drawn, [0.025, 0.975])
    note = f"given the agent's column of pixels modulo {part.config.patch}; few steps a cell, so it leans upwards"
    yield entrant.row(room, films, "action_nmi_given_place", unit="", controls=controls, note=note, value=value,
                      low=min(float(low), value), high=max(float(high), value), n=len(films))  # fmt: skip
