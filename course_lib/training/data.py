"""Data for training: films of the Playground by name, or frames that the caller brings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor

from course_lib.models.base import Strict
from course_lib.training.registry import Data
from course_lib.worlds.carracing import load_carracing
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_model
from course_lib.worlds.scenes import check_trainable

CARRACING = "carracing"  # the one data set here that is not the Playground; ``count`` does not apply to it


class FilmData(Strict):
    """Films to learn from, always their training split: a set of the Playground, or the recording of CarRacing."""

    films: Annotated[
        str, Field(description="a film set of the Playground, for example simple or rich; or carracing")
    ] = "simple"
    count: Annotated[int, Field(ge=1, le=100_000, description="films")] = 500
    batch: Annotated[int, Field(ge=1, le=65_536, description="examples in each step")] = 64

    @field_validator("films")
    @classmethod
    def _may_be_learned_from(cls, name: str) -> str:
        if name != CARRACING:
            check_trainable(name, "train")  # an unknown set, or one that is kept for questions about generalisation
        return name


class FilmSets(Strict):
    """Training films of several sets of the Playground."""

    films: Annotated[
        dict[str, Annotated[int, Field(ge=1, le=100_000)]],
        Field(min_length=1, description="film sets of the Playground, each with its number of films"),
    ]

    @field_validator("films")
    @classmethod
    def _may_be_learned_from(cls, films: dict[str, int]) -> dict[str, int]:
        return cls.may_be_learned_from(films)

    @staticmethod
    def may_be_learned_from(films: dict[str, int]) -> dict[str, int]:
        """The same films. Raises ValueError for an unknown set, or one kept for questions about generalisation."""
        for name in films:
            check_trainable(name, "train")
        return films


def film_frames(config: FilmData, size: int, given: Any = None) -> Data:
    """Single frames to learn from, uint8 (M, size, size, 3) under the name "frames".

    given: films to use instead of the configured ones, which must be training films; or bare frames, uint8
    (..., size, size, 3), for which the caller answers: nobody can see on an array where it came from.
    Raises TypeError or ValueError when they are not such frames, or films that are held out.
    """
    if given is None and config.films == CARRACING:
        frames = _single(load_carracing("train").frames, size)
        return Data({"frames": frames}, f"{len(frames)} frames of CarRacing-v3, train, {size} pixels", _digest(frames))
    if given is None:
        given = load_films(config.films, split="train", count=config.count, size=size)
    if isinstance(given, Films):
        films = given.for_training()
        text = f"{len(films)} films of the Playground set {films.name!r}, {films.split}, {size} pixels"
        return Data({"frames": _single(films.frames, size)}, text, films.hash)
    frames = _single(np.asarray(given), size)
    return Data({"frames": frames}, f"{len(frames)} frames given by the caller", _digest(frames))


def _digest(frames: np.ndarray) -> str:
    digest = hashlib.sha256(str(frames.shape).encode())
    digest.update(np.ascontiguousarray(frames).data)
    return digest.hexdigest()


def random_frames(data: Data, batch: int, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of frames drawn at random, ``{"frames": float (batch, 3, H, W) in [0, 1]}``."""
    frames = data.arrays["frames"]
    while True:
        rows = torch.randint(len(frames), (batch,), generator=generator)
        yield {"frames": to_model(frames[rows.numpy()])}


def _single(frames: np.ndarray, size: int) -> np.ndarray:
    """Films or frames as a list of frames: (..., H, W, 3) -> (M, H, W, 3)."""
    if frames.dtype != np.uint8:
        raise TypeError(f"frames to learn from are uint8, 0 to 255, these are {frames.dtype}")
    if frames.ndim < 4 or frames.shape[-3:] != (size, size, 3):
        raise ValueError(f"frames to learn from have shape (..., {size}, {size}, 3), these have {frames.shape}")
    return frames.reshape(-1, size, size, 3)
