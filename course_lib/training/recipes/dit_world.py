"""How the diffusion transformer that is played is trained: on pieces of films as latents, with the keys in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor

from course_lib.models.dit import AveragedDiT
from course_lib.models.dit_world import DiTWorldConfig
from course_lib.training.config import ConfigError
from course_lib.training.data import FilmSets, check_films, check_learnable, frames_of_set, training_films
from course_lib.training.latents import check_latents, code_films, codec_of, phases
from course_lib.training.recipe import Data, Recipe, RunConfig, TrainConfig
from course_lib.worlds import spec
from course_lib.worlds.films import Films


class PlayedLatents(FilmSets):
    """Films with the keys that were pressed in them, as latents of a codec that takes each frame by itself."""

    codec: Annotated[
        Literal["cpu-frames", "v-family"], Field(description="the size of the codec, or V of the family in its place")
    ] = "cpu-frames"
    batch: Annotated[int, Field(ge=1, le=65_536, description="pieces in each step")] = 16

    @field_validator("films")
    @classmethod
    def _may_be_learned_from(cls, films: dict[str, int]) -> dict[str, int]:
        for name in films:
            check_learnable(name)
        return films


def check(config: RunConfig) -> None:
    """Raises ConfigError where DiT, codec and films do not fit together, or there is no such codec."""
    model = config.model
    if model.classes:
        raise ConfigError(f"model.classes is {model.classes}: these films have no classes, set it to 0")
    if model.actions not in (0, len(spec.ACTIONS)):
        raise ConfigError(f"model.actions is {model.actions}; the Playground has {len(spec.ACTIONS)} keys, and 0 is a "
                          "world without any")  # fmt: skip
    shortest = min(frames_of_set(name) for name in config.data.films)
    if model.window > shortest:
        raise ConfigError(f"model.window is {model.window}, and films have {shortest} frames")
    check_latents(config, codec_of(config))


def load(config: RunConfig, given: Any) -> Data:
    """Latents (M, T, C, h, w) and keys int64 (M, T - 1). given: ``Films`` to use instead, training films only.

    Raises TypeError for anything else that is given, ValueError for films that are too short, of another size, or held
    out.
    """
    codec = codec_of(config)
    size = codec.config.frame_size
    if given is not None and not isinstance(given, Films):
        raise TypeError(f"the keys are needed, so films are given as Films, not as {type(given).__name__}")
    if given is None:
        sets = [training_films(name, count=count, size=size) for name, count in config.data.films.items()]
    else:
        sets = [given.for_training()]
    for films in sets:
        check_films(films, config.model.window, size)
    arrays = {
        "latents": torch.cat([code_films(codec, films.frames) for films in sets]).numpy(),
        "actions": np.concatenate([films.actions for films in sets]).astype(np.int64),
    }
    text = ", ".join(f"{len(films)} of {films.name!r}" for films in sets)
    digest = hashlib.sha256("".join(films.hash for films in sets).encode()).hexdigest()
    return Data(arrays, f"films of the Playground, train, {size} pixels: {text}", digest)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of pieces that begin anywhere and are as long as the window.

    ``{"latents": (B, window, C, h, w), "actions": int64 (B, window)}``: the key that led to each frame, none to the
    first.
    """
    latents, keys = data.arrays["latents"], data.arrays["actions"]
    count, moment = config.data.batch, np.arange(config.model.window)
    while True:
        film = torch.randint(len(latents), (count,), generator=generator).numpy()[:, None]
        begin = torch.randint(latents.shape[1] - len(moment) + 1, (count,), generator=generator).numpy()
        when = begin[:, None] + moment  # (B, window)
        batch = {"latents": torch.from_numpy(latents[film, when])}
        if config.model.actions:
            led = torch.full(when.shape, config.model.actions)
            led[:, 1:] = torch.from_numpy(keys[film, when[:, :-1]])
            batch["actions"] = led
        yield batch


recipe = Recipe(
    name="dit_world",
    model_config=DiTWorldConfig,
    data_config=PlayedLatents,
    train_config=TrainConfig,
    build=AveragedDiT,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    parts={"dit_world": lambda model: model.average},
    ship=("cpu", "cpu-family"),
    half=frozenset({("dit_world", "cpu"), ("dit_world", "cpu-family")}),
    paper=False,
)
