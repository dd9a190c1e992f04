"""How the denoiser is trained: on points that were drawn once from a known mixture, as a data set is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from course_lib.models.base import Strict
from course_lib.models.denoiser import Denoiser, DenoiserConfig
from course_lib.models.mixture import known_mixture
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig, decay_groups

SEED = 20_240_215  # of the training points; the exam draws its own from other seeds


class PointsData(Strict):
    """Points to learn from, drawn from the model's mixture."""

    count: Annotated[int, Field(ge=1, le=1_000_000, description="points, drawn once")] = 20_000
    batch: Annotated[int, Field(ge=1, le=65_536, description="points in each step")] = 256


def load(config: RunConfig, given: Any) -> Data:
    """Points float32 (N, d) and their classes int64 (N,). given: points of the caller's own, (N, d), all of class 0; or
    a pair of points and classes.

    Raises TypeError or ValueError where they are no such points.
    """
    mixture = known_mixture(config.model.mixture)
    if given is None:
        points, labels = mixture.sample(config.data.count, torch.Generator().manual_seed(SEED))
        text = f"{len(points)} points of the mixture {config.model.mixture!r}"
    else:
        points, labels = _own(given, mixture.dim, mixture.class_count)
        text = f"{len(points)} points given by the caller"
    arrays = {"points": np.asarray(points, np.float32), "labels": np.asarray(labels, np.int64)}
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())).hexdigest()
    return Data(arrays, text, digest)


def _own(given: Any, dim: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    pair = isinstance(given, tuple | list) and len(given) == 2
    try:
        points = np.asarray(given[0] if pair else given, np.float32)
        labels = np.asarray(given[1] if pair else np.zeros(len(points)), np.int64)
    except (TypeError, ValueError):
        raise TypeError(f"points to learn from are numbers, (N, {dim}), not a {type(given).__name__}") from None
    if points.ndim != 2 or points.shape[1] != dim or not len(points) or not np.isfinite(points).all():
        raise ValueError(f"points to learn from are finite and (N, {dim}), these have the shape {points.shape}")
    if labels.shape != (len(points),) or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels are one whole number from 0 to {classes - 1} for each of the {len(points)} points")
    return points, labels


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of points drawn at random with their classes: (batch, d) and int64 (batch,)."""
    points, labels = (torch.from_numpy(data.arrays[name]) for name in ("points", "labels"))
    while True:
        rows = torch.randint(len(points), (config.data.batch,), generator=generator)
        yield {"points": points[rows], "labels": labels[rows]}


recipe = Recipe(
    name="denoiser",
    model_config=DenoiserConfig,
    data_config=PointsData,
    train_config=TrainConfig,
    build=Denoiser,
    load=load,
    batches=batches,
    phases=lambda model, config: [Phase("train", config.train.steps, decay_groups(model))],
    paper=False,
)
