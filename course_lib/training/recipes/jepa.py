"""How the JEPA is trained: on short pieces of films with the actions in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from course_lib.models.jepa import JEPA, JEPAConfig
from course_lib.training.config import ConfigError
from course_lib.training.data import FilmData, check_films, training_films
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig, decay_groups
from course_lib.worlds import spec
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_model


class PlayedData(FilmData):
    """Films with the actions that were played in them."""

    batch: Annotated[int, Field(ge=2, le=65_536, description="pieces in each step")] = 64


def check(config: RunConfig) -> None:
    """Raises ConfigError for CarRacing, whose actions are no keys, and for another number of keys than there are."""
    if config.data.films == "carracing":
        raise ConfigError("data.films is carracing, whose actions are three numbers; the JEPA here knows keys")
    if config.model.actions != len(spec.ACTIONS):
        raise ConfigError(f"model.actions is {config.model.actions}; the Playground has {len(spec.ACTIONS)}")
    if config.model.frame_size % 2 ** len(config.model.channels):
        raise ConfigError("model.channels: each convolution halves the frame, and here one meets an odd number")


def load(config: RunConfig, given: Any) -> Data:
    """Frames uint8 (N, T, H, W, 3) and actions int64 (N, T - 1). given: ``Films`` to use instead, training films only.

    Raises TypeError for anything else that is given: frames without actions are not enough here. Raises ValueError for
    films that are too short, of another size, or held out.
    """
    size, length = config.model.frame_size, config.model.context + 1
    if given is None:
        given = training_films(config.data.films, count=config.data.count, size=size)
    if not isinstance(given, Films):
        raise TypeError(f"a JEPA learns from films with their actions (Films), not from {type(given).__name__}")
    films = given.for_training()
    check_films(films, length, size)
    text = f"{len(films)} films of the Playground set {films.name!r}, {films.split}, {films.size} pixels"
    return Data({"frames": films.frames, "actions": films.actions.astype(np.int64)}, text, films.hash)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of pieces that begin anywhere: frames (batch, C + 1, 3, H, W) in [0, 1], actions (batch, C)."""
    frames, actions = data.arrays["frames"], data.arrays["actions"]
    moment = np.arange(config.model.context + 1)
    while True:
        film = torch.randint(len(frames), (config.data.batch,), generator=generator).numpy()[:, None]
        begin = torch.randint(frames.shape[1] - len(moment) + 1, (config.data.batch,), generator=generator).numpy()
        when = begin[:, None] + moment  # (batch, C + 1)
        yield {"frames": to_model(frames[film, when]), "actions": torch.from_numpy(actions[film, when[:, :-1]])}


def phases(model: JEPA, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices. A target encoder learns nothing by gradients."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="jepa",
    model_config=JEPAConfig,
    data_config=PlayedData,
    train_config=TrainConfig,
    build=JEPA,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    ship=(),  # notebook 17 trains it before the reader's eyes, six times
    paper=False,
)
