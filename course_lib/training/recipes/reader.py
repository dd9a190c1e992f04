"""How the reader is trained: on single frames with their exact states, from several film sets at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from course_lib.models.reader import Reader, ReaderConfig
from course_lib.training.data import FilmSets
from course_lib.training.recipe import Data, Recipe, RunConfig, TrainConfig
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_model


class MixedFilmData(FilmSets):
    """Training films of several sets. A reader of one set only would be a reader of that set's background."""

    every: Annotated[int, Field(ge=1, le=32, description="of a film, each how many-th frame is used")] = 4
    batch: Annotated[int, Field(ge=1, le=65_536, description="frames in each step")] = 64


def load(config: RunConfig, given: Any) -> Data:
    """Frames (M, H, W, 3) with their states (M, SLOTS, FIELDS). given: ``Films`` to use instead, training films only.

    Raises TypeError for anything else that is given: frames without states teach a reader nothing.
    """
    if given is not None and not isinstance(given, Films):
        raise TypeError(f"a reader learns from films with their states (Films), not from {type(given).__name__}")
    if given is not None:
        sets = [given.for_training()]
    else:
        size = config.model.frame_size
        sets = [load_films(name, split="train", count=count, size=size) for name, count in config.data.films.items()]
    every = config.data.every
    arrays = {
        "frames": np.concatenate([films.frames[:, ::every].reshape(-1, *films.frames.shape[2:]) for films in sets]),
        "states": np.concatenate([films.states[:, ::every].reshape(-1, *films.states.shape[2:]) for films in sets]),
    }
    text = ", ".join(f"{len(films)} of {films.name!r}" for films in sets)
    digest = hashlib.sha256("".join(films.hash for films in sets).encode()).hexdigest()
    description = f"films of the Playground, train, {sets[0].size} pixels, each {every}. frame: {text}"
    return Data(arrays, description, digest)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of frames drawn at random, with their states."""
    frames, states = data.arrays["frames"], data.arrays["states"]
    while True:
        rows = torch.randint(len(frames), (config.data.batch,), generator=generator).numpy()
        yield {"frames": to_model(frames[rows]), "states": torch.from_numpy(states[rows])}


recipe = Recipe(
    name="reader",
    model_config=ReaderConfig,
    data_config=MixedFilmData,
    train_config=TrainConfig,
    build=Reader,
    load=load,
    batches=batches,
    paper=False,
)
