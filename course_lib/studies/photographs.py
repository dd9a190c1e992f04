"""What an I-JEPA that was trained on photographs knows of their ten kinds, read off by a line.

The tokens of a photograph are averaged and a ridge is fitted from the mean to the ten kinds, as a target of 1 for the
right one and 0 for the others; its largest answer counts. The penalty is chosen on photographs held back from the fit.
Fitted to training photographs, scored on the test part, which nobody has learned from. Beside it stand an encoder of
the same sizes with fresh weights, the bare pixels, and the commonest kind.

It asks the checkpoint that `python -m course_lib train i_jepa --size gpu-photographs` leaves in runs/, and the reader's
own copy of the photographs (``worlds/photographs.py``). Neither comes with the course.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_lib.exam.measures.intervals import wilson_interval
from course_lib.exam.measures.pictures import PictureEncoder, untrained_encoder
from course_lib.exam.measures.probes import fit_probe
from course_lib.training import load_checkpoint
from course_lib.worlds.frames import to_model
from course_lib.worlds.photographs import KINDS, Photographs, load_photographs

KEPT = None  # who has the photographs runs it; no result of it comes with the course
SIZE = "gpu-photographs"
FOLDER = Path("runs") / f"i_jepa-{SIZE}"  # where training puts it
FIT, ASK = 10_000, 10_000  # photographs that the line is fitted to, and scored on
CHUNK = 200


@torch.no_grad()
def mean_tokens(encoder: PictureEncoder, frames: np.ndarray) -> np.ndarray:
    """The mean of a photograph's tokens: uint8 (N, 32, 32, 3) -> float64 (N, D)."""
    parts = (encoder(to_model(frames[i : i + CHUNK])).mean(dim=1) for i in range(0, len(frames), CHUNK))
    return torch.cat(list(parts)).double().numpy()


def kinds_known(read: Callable[[np.ndarray], np.ndarray], fit: Photographs, ask: Photographs) -> dict[str, float | int]:
    """The share of photographs whose kind a line finds: value, low, high (95 %, Wilson) and n.

    read: frames uint8 (N, 32, 32, 3) -> what the line sees, (N, D).
    """
    probe = fit_probe(read(fit.frames), np.eye(len(KINDS))[fit.kinds], np.arange(len(fit)))  # (N, D), (N, 10)
    right = int((probe(read(ask.frames)).argmax(axis=1) == ask.kinds).sum())
    low, high = wilson_interval(right, len(ask))
    return {"value": right / len(ask), "low": low, "high": high, "n": len(ask)}


def first_photographs(photographs: Photographs, count: int) -> Photographs:
    """The first of them; the archive's order is a random one."""
    return Photographs(photographs.frames[:count], photographs.kinds[:count])


def beside_controls(
    encoder: PictureEncoder, untrained: PictureEncoder, fit: Photographs, ask: Photographs
) -> dict[str, dict[str, float | int]]:
    """An encoder beside its controls, each as :func:`kinds_known` gives it."""
    common = int((ask.kinds == np.bincount(fit.kinds).argmax()).sum())
    low, high = wilson_interval(common, len(ask))
    return {
        "i_jepa": kinds_known(lambda frames: mean_tokens(encoder, frames), fit, ask),
        "untrained": kinds_known(lambda frames: mean_tokens(untrained, frames), fit, ask),
        "pixels": kinds_known(lambda frames: frames.reshape(len(frames), -1) / 255.0, fit, ask),
        "commonest_kind": {"value": common / len(ask), "low": low, "high": high, "n": len(ask)},
    }


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """The study: one line each for the encoder and its controls. Raises CheckpointError where nothing was trained, and
    PhotographsError where there is no copy of the photographs."""
    model = load_checkpoint("i_jepa", size=SIZE, folder=FOLDER)
    fit, ask = first_photographs(load_photographs("train"), FIT), first_photographs(load_photographs("test"), ASK)
    report(f"{len(fit)} photographs to fit to, {len(ask)} to be asked about")
    untrained = untrained_encoder(model.config, model.config.width)
    return {"kinds": beside_controls(model.encode, untrained, fit, ask)}
