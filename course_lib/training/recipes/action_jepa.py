"""How the action-conditioned JEPA is trained: on pieces of films without a star, with the keys that were pressed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from course_lib.models.action_jepa import ActionJEPA, ActionJEPAConfig
from course_lib.models.base import Strict
from course_lib.training.config import ConfigError
from course_lib.training.data import check_films
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig, decay_groups
from course_lib.worlds import spec
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_model
from course_lib.worlds.starless import FRAMES, make_starless


class StarlessData(Strict):
    """Films of ``worlds/starless.py``, always their training split."""

    films: Literal["starless"] = "starless"
    count: Annotated[int, Field(ge=1, le=100_000, description="films")] = 3000
    batch: Annotated[int, Field(ge=2, le=65_536, description="pieces in each step")] = 64


def check(config: RunConfig) -> None:
    """Raises ConfigError for another number of keys than there are, an odd frame, and pieces longer than a film."""
    if config.model.actions != len(spec.ACTIONS):
        raise ConfigError(f"model.actions is {config.model.actions}; the Playground has {len(spec.ACTIONS)}")
    if config.model.frame_size % 2 ** len(config.model.channels):
        raise ConfigError("model.channels: each convolution halves the frame, and here one meets an odd number")
    if (length := config.model.context + config.model.unroll) > FRAMES:
        raise ConfigError(f"model.context and model.unroll make pieces of {length} frames; a film has {FRAMES}")


def load(config: RunConfig, given: Any) -> Data:
    """Frames uint8 (N, T, H, W, 3) and actions int64 (N, T - 1). given: ``Films`` to use instead, training films only.

    Raises TypeError for anything else that is given: frames without actions are not enough here. Raises ValueError for
    films that are too short, of another size, or held out.
    """
    size = config.model.frame_size
    if given is None:
        given = make_starless(split="train", count=config.data.count, size=size)
    if not isinstance(given, Films):
        raise TypeError(f"this JEPA learns from films with their actions (Films), not from {type(given).__name__}")
    films = given.for_training()
    check_films(films, config.model.context + config.model.unroll, size)
    text = f"{len(films)} films of the Playground, {films.name!r}, {films.split}, {size} pixels"
    return Data({"frames": films.frames, "actions": films.actions.astype(np.int64)}, text, films.hash)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of pieces that begin anywhere: frames (batch, C + K, 3, H, W), actions (batch, C + K - 1)."""
    frames, actions = data.arrays["frames"], data.arrays["actions"]
    moment = np.arange(config.model.context + config.model.unroll)
    while True:
        film = torch.randint(len(frames), (config.data.batch,), generator=generator).numpy()[:, None]
        begin = torch.randint(frames.shape[1] - len(moment) + 1, (config.data.batch,), generator=generator).numpy()
        when = begin[:, None] + moment
        yield {"frames": to_model(frames[film, when]), "actions": torch.from_numpy(actions[film, when[:, :-1]])}


def phases(model: ActionJEPA, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices. A target encoder learns nothing by gradients."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="action_jepa",
    model_config=ActionJEPAConfig,
    data_config=StarlessData,
    train_config=TrainConfig,
    build=ActionJEPA,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    half=frozenset({("action_jepa", "cpu")}),
    paper=False,
)
