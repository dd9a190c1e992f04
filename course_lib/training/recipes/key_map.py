"""How the map from keys to latent actions is trained: its prior on films without keys, its 32 numbers on a few labels.

The course's latent action model names every step of the films. The prior learns, from the frames before a step, which
name it will get; no key is needed. When that is done, ``finish`` looks at a few labelled steps, as many as the clones
of notebook 16 have, and finds what each key adds to each code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from course_lib.models.cloning import draw_labels, name_steps
from course_lib.models.key_map import KeyMap, KeyMapConfig
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.config import check_same_sizes
from course_lib.training.data import FilmSets, film_pieces
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model


class KeyMapData(FilmSets):
    """Films without keys for the prior, and a few labelled steps of the first of these sets."""

    batch: Annotated[int, Field(ge=1, le=65_536, description="steps in each update")] = 64
    labels: Annotated[int, Field(ge=1, le=100_000, description="steps whose key is known")] = 200


class KeyMapTrain(TrainConfig):
    """The prior's training; decay: of the squared numbers that the labels decide."""

    decay: Annotated[float, Field(ge=0.0, le=1e3, description="of the squared weights of the keys")] = 0.01


def check(config: RunConfig) -> None:
    """Raises ConfigError where the course's latent action model does not fit; CheckpointError where it is missing."""
    theirs = load_checkpoint("lam").config
    check_same_sizes("latent action model", {"answers": (config.model.answers, theirs.codes),
                                             "frame_size": (config.model.frame_size, theirs.frame_size)})  # fmt: skip


def load(config: RunConfig, given: Any) -> Data:
    """Films (M, T, H, W, 3) with the latent action of each step, (M, T - 1); see ``film_pieces``."""
    films = film_pieces(config, given)
    frames = films.arrays["frames"]
    codes = name_steps(load_checkpoint("lam").eval(), frames, length=1)
    return Data({"frames": frames, "codes": codes}, films.description, films.sha256)


def before_steps(frames: np.ndarray, film: np.ndarray, time: np.ndarray, context: int) -> Tensor:
    """The last frames before some steps, the oldest first; before the first frame there is the first again.

    uint8 (M, T, H, W, 3), film and time (B,) -> (B, context, 3, H, W).
    """
    back = np.arange(1 - context, 1)
    return to_model(frames[film[:, None], np.maximum(0, time[:, None] + back)])


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of steps drawn at random: the frames before each and its latent action."""
    frames, codes = data.arrays["frames"], data.arrays["codes"]
    while True:
        drawn = torch.randint(codes.size, (config.data.batch,), generator=generator).numpy()
        film, time = np.divmod(drawn, codes.shape[1])
        yield {"frames": before_steps(frames, film, time, config.model.context),
               "codes": torch.from_numpy(codes[film, time])}  # fmt: skip


def phases(model: KeyMap, config: RunConfig) -> list[Phase]:
    """The prior alone learns by gradient."""
    return [Phase("prior", config.train.steps, list(model.prior.parameters()))]


def finish(
    model: KeyMap, config: RunConfig, data: Data, folder: Path, tell: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Find what each key adds to each code, from labelled steps; see ``KeyMap.fit_keys``."""
    name = next(iter(config.data.films))
    known = load_films(name, split="train", count=config.data.films[name], size=config.model.frame_size)
    film, time = draw_labels(known.actions.shape, config.data.labels, np.random.default_rng(config.train.seed))
    codes = name_steps(load_checkpoint("lam").eval(), known.frames[film], length=1)[np.arange(len(film)), time]
    keys = torch.from_numpy(known.actions[film, time].astype(np.int64))
    loss = model.fit_keys(
        before_steps(known.frames, film, time, config.model.context), keys, torch.from_numpy(codes),
        decay=config.train.decay,
    )  # fmt: skip
    tell(f"{len(film)} labelled steps: {loss:.3f} nats a step")
    return {"key_map": {"labelled_steps": len(film), "nats_a_labelled_step": round(loss, 4)}}


recipe = Recipe(
    name="key_map",
    model_config=KeyMapConfig,
    data_config=KeyMapData,
    train_config=KeyMapTrain,
    build=KeyMap,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    finish=finish,
    paper=False,
)
