"""What a latent action model makes of CoinRun: does the next frame need its codes, and do they say which button it was?

The two are asked apart, as on the Playground (``latent.py``): the gap in decibels between the inferred codes and those
of another film, and the normalised mutual information of codes and true buttons. CoinRun's nine buttons are three
across (left, none, right) times three along (down, none, jump), so both halves are asked about as well. Whatever is
resampled for an interval is whole levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib.exam.measures.information import nmi_interval
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.lam import codes_of_films, drawn_psnr_by_film
from course_lib.models.base import untrained_twin
from course_lib.models.lam import LatentActionModel
from course_lib.training import load_config, train
from course_lib.worlds.coinrun import BUTTONS, load_coinrun
from course_lib.worlds.recording import Recording

ASKED = {"nine buttons": (9, lambda b: b), "left or right": (3, lambda b: b // 3), "jump or down": (3, lambda b: b % 3)}


KEPT = None  # half a minute: notebook 16 runs it
STEPS = 700


@dataclass(frozen=True)
class Pieces:
    """Short films of many levels. frames: uint8 (F, T, H, W, 3); buttons: int64 (F, T - 1); level: int64 (F,)."""

    frames: np.ndarray
    buttons: np.ndarray
    level: np.ndarray


def halve(frames: np.ndarray) -> np.ndarray:
    """Pictures of half the side: each pixel the mean of four. uint8 (..., 2 h, 2 w, 3) -> (..., h, w, 3)."""
    corners = [frames[..., i::2, j::2, :].astype(np.uint16) for i in (0, 1) for j in (0, 1)]
    return ((sum(corners) + 2) // 4).astype(np.uint8)


def pieces(recording: Recording, length: int) -> Pieces:
    """A recording cut into films of ``length`` frames, at half the size; none crosses into the next level."""
    frames, buttons = recording.films(length)
    level = np.repeat(np.arange(len(recording)), np.asarray(recording.lengths) // length)
    return Pieces(halve(frames), buttons.astype(np.int64), level)


def by_level(level: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums over the pieces of each level. (F,), (F, ...) -> (levels, ...)."""
    out = np.zeros((int(level.max()) + 1, *values.shape[1:]))
    np.add.at(out, level, values)
    return out


def action_gap(model: LatentActionModel, films: Pieces, *, seed: int = 0) -> list[dict]:
    """The gap in decibels and what the codes say about the buttons: rows with value, low, high, n and controls.

    Controls: codes of another level's film, and an untrained network. The first steps, whose past is not in the films,
    are not asked about.
    """
    first, twin, half = model.config.context - 1, untrained_twin(model), len(films.frames) // 2
    own, bare = (codes_of_films(m, films.frames) for m in (model, twin))
    other = np.roll(own, half, axis=0)  # half of all films further on: another level
    count = by_level(films.level, np.ones(len(films.level)))
    there = count > 0

    def gap(m: LatentActionModel, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        better = drawn_psnr_by_film(m, films.frames, a, first) - drawn_psnr_by_film(m, films.frames, b, first)
        return by_level(films.level, better)[there] / count[there]

    controls = {"other_level": float(gap(model, np.roll(own, half + 1, axis=0), other).mean()),
                "untrained": float(gap(twin, bare, np.roll(bare, half, axis=0)).mean())}  # fmt: skip
    rows = [{"question": "gap in dB", **mean_and_interval(gap(model, own, other), seed=seed), "controls": controls}]
    for name, (number, part) in ASKED.items():
        asked = part(films.buttons[:, first:])

        def counts(index: np.ndarray, number: int = number, asked: np.ndarray = asked) -> np.ndarray:
            pair = index[:, first:] * number + asked  # (F, S)
            table = np.stack([np.bincount(row, minlength=model.config.codes * number) for row in pair])
            return by_level(films.level, table)[there].reshape(-1, model.config.codes, number)

        controls = {"other_level": nmi_interval(counts(other), np.random.default_rng(seed))["value"],
                    "untrained": nmi_interval(counts(bare), np.random.default_rng(seed))["value"]}  # fmt: skip
        rows.append({"question": f"NMI, {name}", **nmi_interval(counts(own), np.random.default_rng(seed)),
                     "controls": controls})  # fmt: skip
    assert len(BUTTONS) == ASKED["nine buttons"][0]
    return rows


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train the latent action model on the shipped levels and ask it on others: a minute of one core."""
    learned_from, held_out = (pieces(load_coinrun(split), 8) for split in ("train", "test"))
    config = load_config("lam", "cpu", {"data.length": 6, "train.steps": STEPS})
    model = train("lam", config, data=learned_from.frames, progress="none").model.eval()
    rows = action_gap(model, held_out)
    for row in rows:
        report(f"{row['question']}: {row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})")
    return {"rows": rows}
