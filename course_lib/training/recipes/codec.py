"""How the video codec is trained: on pieces of films, with a heavier weight on what stands in front of the room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_lib.models.codec import CodecConfig, VideoCodec
from course_lib.training.config import ConfigError
from course_lib.training.data import PiecesData, check_pieces, film_pieces, random_pieces
from course_lib.training.recipe import Data, Recipe, RunConfig, TrainConfig
from course_lib.worlds.frames import FOREGROUND, median_frame, to_model

SOME = 4000  # frames that the empty room is read off


def check(config: RunConfig) -> None:
    """Raises ConfigError for pieces that cannot be cut into groups, or a recording at another size than it has."""
    check_pieces(config)
    try:
        config.model.groups(config.data.length)
    except ValueError as error:
        raise ConfigError(f"data.length: {error}") from None


def load(config: RunConfig, given: Any) -> Data:
    """Films, and the empty room behind them: the median of their frames."""
    data = film_pieces(config, given)
    frames = data.arrays["frames"]
    frames = frames.reshape(-1, *frames.shape[2:])  # (M, T, H, W, 3) -> (M * T, H, W, 3)
    room = median_frame(frames[:: max(1, len(frames) // SOME)])
    return Data({**data.arrays, "room": room}, data.description, data.sha256)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of pieces, ``{"frames": (B, T, 3, H, W), "foreground": bool (B, T, H, W)}``."""
    room = to_model(data.arrays["room"])
    for batch in random_pieces(data, config, generator):
        far = (batch["frames"] - room).abs().amax(dim=-3)  # (B, T, 3, H, W) -> (B, T, H, W)
        yield batch | {"foreground": far > FOREGROUND}


recipe = Recipe(
    name="codec",
    model_config=CodecConfig,
    data_config=PiecesData,
    train_config=TrainConfig,
    build=VideoCodec,
    check=check,
    load=load,
    batches=batches,
    ship=("cpu", "cpu-frames", "cpu-cut"),
    half=frozenset({("codec", "cpu"), ("codec", "cpu-frames"), ("codec", "cpu-cut")}),
    published=83_653_863,  # Rombach et al. 2022, f = 8, as counted in its programs; see configs/codec/paper.yaml
)
