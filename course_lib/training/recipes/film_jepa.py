"""How the JEPA with a memory is trained: on pieces of films, without actions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_lib.models.film_jepa import FilmJEPA, FilmJEPAConfig
from course_lib.training.config import ConfigError
from course_lib.training.data import CARRACING, FilmData, check_context, random_places, whole_films
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig, decay_groups
from course_lib.worlds.frames import to_model


def check(config: RunConfig) -> None:
    """Raises ConfigError for CarRacing, where nobody can say what comes next without its actions; see also
    ``check_context``."""
    if config.data.films == CARRACING:
        raise ConfigError(f"data.films is {CARRACING}, where what comes next follows from actions; this JEPA has none")
    check_context(config)


def load(config: RunConfig, given: Any) -> Data:
    """Frames uint8 (N, T, H, W, 3). given, and what is refused: see ``whole_films``."""
    films, text = whole_films(config, given, config.model.frame_size)
    return Data({"frames": films.frames}, text, films.hash)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of pieces that begin anywhere: frames (batch, K + 1, 3, H, W) in [0, 1]."""
    frames = data.arrays["frames"]
    while True:
        where = random_places(frames, config.model.context + 1, config.data.batch, generator)
        yield {"frames": to_model(frames[where])}


def phases(model: FilmJEPA, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="film_jepa",
    model_config=FilmJEPAConfig,
    data_config=FilmData,
    train_config=TrainConfig,
    build=FilmJEPA,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    half=frozenset({("film_jepa", "cpu")}),
    paper=False,
)
