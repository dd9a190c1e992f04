"""How the latent transformer is trained: on films as a V that is there already sees them. V learns nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from course_lib.models.latent_transformer import LatentTransformer, LatentTransformerConfig
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.config import ConfigError
from course_lib.training.data import (
    CARRACING,
    FilmData,
    check_context,
    latents,
    random_places,
    whole_films,
)
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig, decay_groups


class SeenFilmsData(FilmData):
    """Films, and the V that looks at them. batch: pieces of films in each step."""

    eyes: Annotated[
        Literal["cpu-family"], Field(description="size of the checkpoint of V-M-C whose V looks at the films")
    ] = "cpu-family"


def check(config: RunConfig) -> None:
    """Raises ConfigError where V or the memory does not fit; CheckpointError where V is missing."""
    v = load_checkpoint("vmc", size=config.data.eyes).config.v
    if v.latent != config.model.latent:
        raise ConfigError(f"model.latent is {config.model.latent}, and V has {v.latent}: set the same")
    if config.data.films == CARRACING:
        raise ConfigError(f"data.films is {CARRACING}, which V of {config.data.eyes} has never seen")
    check_context(config)


def load(config: RunConfig, given: Any) -> Data:
    """V's mu and logvar of every frame, each (N, T, Z). given, and what is refused: see ``whole_films``."""
    eyes = load_checkpoint("vmc", size=config.data.eyes).eval()
    films, text = whole_films(config, given, eyes.config.v.frame_size)
    mu, logvar = latents(eyes, films.frames)
    seen = f"{text}, seen by V of {config.data.eyes}"
    return Data({"mu": mu.numpy(), "logvar": logvar.numpy()}, seen, films.hash)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of pieces that begin anywhere, mu and logvar (batch, K + 1, Z) each."""
    arrays = {name: torch.from_numpy(data.arrays[name]) for name in ("mu", "logvar")}
    while True:
        where = random_places(arrays["mu"], config.model.context + 1, config.data.batch, generator)
        yield {name: values[where] for name, values in arrays.items()}


def phases(model: LatentTransformer, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="latent_transformer",
    model_config=LatentTransformerConfig,
    data_config=SeenFilmsData,
    train_config=TrainConfig,
    build=LatentTransformer,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    ship=("cpu", "cpu-short", "cpu-occluded"),
    half=frozenset(("latent_transformer", size) for size in ("cpu", "cpu-short", "cpu-occluded")),
    paper=False,
)
