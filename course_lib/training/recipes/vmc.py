"""How the V-M-C agent is trained: V on single frames, then M on films as V sees them. C evolves afterwards.

The order is the paper's (Ha & Schmidhuber 2018, section 3.2): nothing that M learns changes V.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from course_lib.models.vmc import VMC, VMCConfig
from course_lib.training.config import RunConfig, TrainConfig
from course_lib.training.data import FilmData
from course_lib.training.registry import Data, Phase, Recipe
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_model


class VMCData(FilmData):
    """Films with their actions and rewards. batch: frames in each step of V."""

    film_batch: Annotated[int, Field(ge=1, le=4096, description="films in each step of M")] = 64


class VMCTrain(TrainConfig):
    """steps, learning_rate and clip are M's; those of V stand beside them."""

    steps_v: Annotated[int, Field(ge=1, description="updates of V")]
    learning_rate_v: Annotated[float, Field(gt=0.0, le=1.0)] = 1.5e-3
    clip_v: Annotated[float, Field(gt=0.0)] = 1000.0


def load(config: RunConfig, given: Any) -> Data:
    """Films as arrays frames (N, T, H, W, 3), actions and rewards (N, T - 1). given: ``Films`` to use instead.

    Raises TypeError for anything else that is given, ValueError for films that are held out.
    """
    if given is None:
        given = load_films(config.data.films, split="train", count=config.data.count, size=config.model.v.frame_size)
    if not isinstance(given, Films):
        raise TypeError(f"V and M learn from films with their actions and rewards (Films), not {type(given).__name__}")
    films = given.for_training()
    arrays = {"frames": films.frames, "actions": films.actions, "rewards": films.rewards}
    text = f"{len(films)} films of the Playground set {films.name!r}, {films.split}, {films.size} pixels"
    return Data(arrays, text, films.hash)


def frames(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of single frames for V, drawn from all frames of all films."""
    films = data.arrays["frames"]
    while True:
        film = torch.randint(films.shape[0], (config.data.batch,), generator=generator).numpy()
        time = torch.randint(films.shape[1], (config.data.batch,), generator=generator).numpy()
        yield {"frames": to_model(films[film, time])}


def films_as_v_sees_them(
    model: nn.Module, data: Data, config: RunConfig, generator: torch.Generator
) -> Iterator[dict[str, Tensor]]:
    """Endless batches of whole films for M: V's mu and logvar, looked at once, with actions and rewards.

    The Playground's episodes are cut off and never end by themselves, so ``over`` is 0 throughout.
    """
    mu, logvar = latents(model, data.arrays["frames"])
    actions, rewards = (torch.from_numpy(data.arrays[name]) for name in ("actions", "rewards"))
    while True:
        rows = torch.randint(len(mu), (config.data.film_batch,), generator=generator)
        yield {"mu": mu[rows], "logvar": logvar[rows], "actions": actions[rows].long(), "rewards": rewards[rows],
               "over": torch.zeros_like(rewards[rows])}  # fmt: skip


@torch.no_grad()
def latents(model: VMC, films: np.ndarray) -> tuple[Tensor, Tensor]:
    """V's mu and logvar of every frame, each (N, T, Z). films: uint8 (N, T, H, W, 3)."""
    device = next(model.v.parameters()).device
    pairs = [model.v.encode(to_model(film).to(device)) for film in films]
    return torch.stack([mu for mu, _ in pairs]).cpu(), torch.stack([logvar for _, logvar in pairs]).cpu()


def phases(model: VMC, config: RunConfig) -> list[Phase]:
    """V, then M."""
    train = config.train
    return [
        Phase("V", train.steps_v, list(model.v.parameters()), "loss_v", learning_rate=train.learning_rate_v,
              clip=train.clip_v),
        Phase("M", train.steps, list(model.m.parameters()), "loss_m", batches=films_as_v_sees_them),
    ]  # fmt: skip


recipe = Recipe(
    name="vmc",
    model_config=VMCConfig,
    data_config=VMCData,
    train_config=VMCTrain,
    build=VMC,
    load=load,
    batches=frames,
    phases=phases,
    parts={"v": lambda model: model.v, "m": lambda model: model.m, "c": lambda model: model.c},
    ship=(),
    published=4_348_547 + 422_368 + 867,  # Ha & Schmidhuber 2018, appendices A.1 to A.3
)
