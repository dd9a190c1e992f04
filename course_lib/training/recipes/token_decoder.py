"""How the token decoder is trained: on patches of pictures, and the tokens that the course's I-JEPA has for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from course_lib.models.i_jepa import normalised_tokens
from course_lib.models.token_decoder import TokenDecoder, TokenDecoderConfig
from course_lib.nets.patches import patchify
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.config import ConfigError, check_same_sizes
from course_lib.training.data import CARRACING, FilmData, film_frames
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig, decay_groups
from course_lib.worlds.frames import to_model

CHUNK = 256  # pictures that the encoder sees at once


class SeenPatchesData(FilmData):
    """Films of which every few frames are seen. batch: patches in each step."""

    every: Annotated[int, Field(ge=1, le=1000, description="of so many frames one is seen")] = 8
    batch: Annotated[int, Field(ge=1, le=65_536, description="patches in each step")] = 512


def check(config: RunConfig) -> None:
    """Raises ConfigError where the course's I-JEPA does not fit; CheckpointError where it is missing."""
    theirs = load_checkpoint("i_jepa").config
    model = config.model
    check_same_sizes("I-JEPA", {"pixels": (model.pixels, 3 * theirs.patch**2), "token": (model.token, theirs.width),
                                "patches": (model.patches, theirs.patches)})  # fmt: skip
    if config.data.films == CARRACING:
        raise ConfigError(f"data.films is {CARRACING}, which the course's I-JEPA has never seen")


@torch.no_grad()
def load(config: RunConfig, given: Any) -> Data:
    """Patches (M, N, 3 p p) in [0, 1] and their tokens (M, N, D). given, and what is refused: see ``film_frames``."""
    encoder = load_checkpoint("i_jepa").eval()
    seen = film_frames(config.data, encoder.config.frame_size, given)
    frames = to_model(seen.arrays["frames"][:: config.data.every])
    tokens = normalised_tokens(torch.cat([encoder.encode(part) for part in frames.split(CHUNK)]))
    arrays = {"patches": patchify(frames, encoder.config.patch).numpy(), "tokens": tokens.numpy()}
    return Data(arrays, f"{seen.description}, every {config.data.every}th, seen by I-JEPA", seen.sha256)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of patches of any picture and place, with their tokens."""
    patches, tokens = (torch.from_numpy(np.asarray(data.arrays[name])) for name in ("patches", "tokens"))
    while True:
        picture = torch.randint(len(patches), (config.data.batch,), generator=generator)
        place = torch.randint(patches.shape[1], (config.data.batch,), generator=generator)
        yield {"patches": patches[picture, place], "tokens": tokens[picture, place], "places": place}


def phases(model: TokenDecoder, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="token_decoder",
    model_config=TokenDecoderConfig,
    data_config=SeenPatchesData,
    train_config=TrainConfig,
    build=TokenDecoder,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    half=frozenset({("token_decoder", "cpu")}),
    paper=False,
)
