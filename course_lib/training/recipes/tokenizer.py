"""How the video tokenizer is trained: on short pieces of films, drawn at random from several film sets.

The sets are the Playground's, or CoinRun's recording (``coinrun``, for itself alone).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor

from course_lib.models.tokenizer import TokenizerConfig, VideoTokenizer
from course_lib.training.config import RunConfig, TrainConfig
from course_lib.training.data import FilmSets
from course_lib.training.registry import Data, Recipe
from course_lib.worlds.coinrun import load_coinrun
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_model

COINRUN = "coinrun"  # the one set here that is not the Playground's
COINRUN_FRAMES = 16  # its episodes, of up to 48 frames, are cut into films of so many (Genie, appendix F)


class PiecesData(FilmSets):
    """Pieces of training films."""

    @field_validator("films")
    @classmethod
    def _may_be_learned_from(cls, films: dict[str, int]) -> dict[str, int]:
        if COINRUN not in films:
            return FilmSets.may_be_learned_from(films)
        if len(films) > 1:
            raise ValueError("coinrun's films have another size than the Playground's: let it stand alone")
        return films

    length: Annotated[int, Field(ge=1, le=32, description="frames of a piece; 1 for single frames")] = 1
    batch: Annotated[int, Field(ge=1, le=65_536, description="pieces in each step")] = 32


def load(config: RunConfig, given: Any) -> Data:
    """Films (M, T, H, W, 3). given: ``Films`` to use instead, training films only; or bare films, uint8 arrays of that
    shape, for which the caller answers.

    Raises TypeError or ValueError where they are no such films, or held out.
    """
    size = config.model.frame_size
    if given is not None and not isinstance(given, Films):
        films = np.asarray(given)
        if films.dtype != np.uint8:
            raise TypeError(f"films to learn from are uint8, 0 to 255, these are {films.dtype}")
        if films.ndim != 5 or films.shape[2:] != (size, size, 3) or films.shape[1] < config.data.length:
            raise ValueError(
                f"films to learn from have shape (M, at least {config.data.length}, {size}, {size}, 3), "
                f"these have {films.shape}"
            )
        digest = hashlib.sha256(np.ascontiguousarray(films).data).hexdigest()
        return Data({"frames": films}, f"{len(films)} films given by the caller", digest)
    if given is not None:
        sets = [given.for_training()]
        if sets[0].size != size:
            raise ValueError(f"films of {size} pixels are learned from here, these have {sets[0].size}")
    elif COINRUN in config.data.films:
        return _coinrun(config.data.films[COINRUN], size, config.data.length)
    else:
        sets = [load_films(name, split="train", count=count, size=size) for name, count in config.data.films.items()]
    text = ", ".join(f"{len(films)} of {films.name!r}" for films in sets)
    digest = hashlib.sha256("".join(films.hash for films in sets).encode()).hexdigest()
    frames = np.concatenate([films.frames for films in sets])
    return Data({"frames": frames}, f"films of the Playground, train, {size} pixels: {text}", digest)


def _coinrun(count: int, size: int, length: int) -> Data:
    """The first films of CoinRun's training levels. Raises ValueError for another size than the recording's."""
    recording = load_coinrun("train")
    if recording.frames.shape[1] != size:
        raise ValueError(f"CoinRun was recorded at {recording.frames.shape[1]} pixels, frame_size is {size}")
    frames = recording.films(max(COINRUN_FRAMES, length))[0][:count]
    return Data({"frames": frames}, f"{len(frames)} films of CoinRun, train levels, {size} pixels",
                recording.fingerprint())  # fmt: skip


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of pieces that begin anywhere, ``{"frames": float (batch, length, 3, H, W) in [0, 1]}``."""
    films, length = data.arrays["frames"], config.data.length
    moment = np.arange(length)
    while True:
        which = torch.randint(len(films), (config.data.batch,), generator=generator).numpy()
        begin = torch.randint(films.shape[1] - length + 1, (config.data.batch,), generator=generator).numpy()
        yield {"frames": to_model(films[which[:, None], begin[:, None] + moment])}


recipe = Recipe(
    name="tokenizer",
    model_config=TokenizerConfig,
    data_config=PiecesData,
    train_config=TrainConfig,
    build=VideoTokenizer,
    load=load,
    batches=batches,
    ship=("cpu",),
    published=200_000_000,  # Genie, section 2: "200M"; see configs/tokenizer/paper.yaml for the readings
)
