"""How the frame decoder is trained: on frames without a star, and what the course's JEPA makes of each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from course_lib.models.base import Strict
from course_lib.models.frame_decoder import DiffusionFrameDecoder, FrameDecoderConfig
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.config import check_same_sizes
from course_lib.training.data import check_films
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig, decay_groups
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_model
from course_lib.worlds.starless import make_starless

CHUNK = 256  # films that the encoder sees at once


class SeenFramesData(Strict):
    """Films of ``worlds/starless.py``, always their training split, of which every few frames are seen. batch: frames
    in each step."""

    films: Literal["starless"] = "starless"
    count: Annotated[int, Field(ge=1, le=100_000, description="films")] = 3000
    every: Annotated[int, Field(ge=1, le=1000, description="of so many frames one is seen")] = 4
    batch: Annotated[int, Field(ge=1, le=65_536, description="frames in each step")] = 128


def check(config: RunConfig) -> None:
    """Raises ConfigError where the course's JEPA does not fit; CheckpointError where it is missing."""
    theirs = load_checkpoint("action_jepa").config
    check_same_sizes("action_jepa", {"frame_size": (config.model.frame_size, theirs.frame_size),
                                     "embedding": (config.model.embedding, theirs.latent)})  # fmt: skip


@torch.no_grad()
def load(config: RunConfig, given: Any) -> Data:
    """Frames uint8 (M, H, W, 3) and their embeddings (M, D). given: ``Films`` to use instead, training films only.

    Raises TypeError for anything else that is given, ValueError for films of another size, or held out.
    """
    if given is None:
        given = make_starless(split="train", count=config.data.count, size=config.model.frame_size)
    if not isinstance(given, Films):
        raise TypeError(f"the frame decoder learns from films (Films), not from {type(given).__name__}")
    films = given.for_training()
    check_films(films, 1, config.model.frame_size)
    eye, seen = load_checkpoint("action_jepa").eval(), films.frames[:, :: config.data.every]  # (N, T', H, W, 3)
    embeddings = torch.cat([eye.jepa.encode(to_model(seen[i : i + CHUNK])) for i in range(0, len(seen), CHUNK)])
    arrays = {"frames": seen.reshape(-1, *seen.shape[2:]), "embeddings": embeddings.flatten(0, 1).numpy()}
    text = f"every {config.data.every}th frame of {len(films)} films, {films.name!r}, {films.split}, and embeddings"
    return Data(arrays, text, films.hash)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of frames drawn at random, (batch, 3, H, W) in [0, 1], with their embeddings (batch, D)."""
    frames, embeddings = data.arrays["frames"], torch.from_numpy(np.asarray(data.arrays["embeddings"]))
    while True:
        rows = torch.randint(len(frames), (config.data.batch,), generator=generator)
        yield {"frames": to_model(frames[rows.numpy()]), "embeddings": embeddings[rows]}


def phases(model: DiffusionFrameDecoder, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="frame_decoder",
    model_config=FrameDecoderConfig,
    data_config=SeenFramesData,
    train_config=TrainConfig,
    build=DiffusionFrameDecoder,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    half=frozenset({("frame_decoder", "cpu")}),
    paper=False,
)
