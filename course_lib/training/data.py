"""Data for training: films of the Playground by name, recordings, or frames that the caller brings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from course_lib.models.base import Strict
from course_lib.training.config import ConfigError
from course_lib.training.recipe import Data, RunConfig
from course_lib.worlds import spec
from course_lib.worlds.carracing import load_carracing
from course_lib.worlds.coinrun import load_coinrun
from course_lib.worlds.family import NAME as SCREENS
from course_lib.worlds.family import make_family
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_model
from course_lib.worlds.photographs import SIDE, load_photographs
from course_lib.worlds.scenes import check_trainable
from course_lib.worlds.screens import FRAMES as SCREENS_FRAMES

RECORDED = 64  # pixels on a side of the frames of both recordings
CARRACING = "carracing"  # the one data set here that is not the Playground; ``count`` does not apply to it
COINRUN = "coinrun"  # the one set here that is not the Playground's
PHOTOGRAPHS = "photographs"  # CIFAR-10, where the reader has a copy; ``count`` does not apply to it
COINRUN_FRAMES = 16  # its episodes, of up to 48 frames, are cut into films of so many (Genie, appendix F)


def check_learnable(name: str) -> None:
    """Raises ValueError for a name under which the Playground has no films to learn from: a set that is unknown, or one
    that is kept for questions about generalisation. The family with screens (``worlds/family``) is no set, and has one.
    """
    if name != SCREENS:
        check_trainable(name, "train")


def training_films(name: str, *, count: int, size: int) -> Films:
    """The first ``count`` training films of a set of the Playground, or of the family with screens.

    The family's are not kept on disk: a thousand films take three seconds. Raises ValueError as ``load_films``.
    """
    if name == SCREENS:
        return make_family(split="train", count=count, size=size)
    return load_films(name, split="train", count=count, size=size)


def check_recorded(key: str, films: str | Mapping[str, int], size_key: str, size: int) -> None:
    """Raises ConfigError for a recording that is to be learned from at another size than it has."""
    for name in (CARRACING, COINRUN):
        if name in ([films] if isinstance(films, str) else films) and size != RECORDED:
            raise ConfigError(f"{key} is {name}, which was recorded at {RECORDED} pixels, and {size_key} is {size}")
    if films == PHOTOGRAPHS and size != SIDE:
        raise ConfigError(f"{key} is {films}, which have {SIDE} pixels on a side, and {size_key} is {size}")


def check_films(films: Films, frames: int, size: int) -> None:
    """Raises ValueError for films of fewer frames, or of another size, than a recipe learns from."""
    if films.frames.shape[1] < frames or films.size != size:
        raise ValueError(f"films of at least {frames} frames of {size} pixels are learned from here, these have "
                         f"{films.frames.shape[1]} of {films.size}")  # fmt: skip


def frames_of_set(name: str) -> int:
    """How long the films of a set of the Playground are, or of the family with screens."""
    return SCREENS_FRAMES if name == SCREENS else spec.FILM_FRAMES


def check_context(config: RunConfig) -> None:
    """Raises ConfigError for a memory (``model.context``) that no film of ``data.films`` would ever fill."""
    frames = frames_of_set(config.data.films)
    if config.model.context >= frames:
        raise ConfigError(f"model.context is {config.model.context}; a film of {config.data.films} has {frames} "
                          "frames, one of which is judged")  # fmt: skip


def whole_films(config: RunConfig, given: Any, size: int) -> tuple[Films, str]:
    """Films at least a frame longer than a memory (``model.context``), and what to say of them. given: ``Films`` to use
    instead of the configured ones, training films only.

    Raises TypeError for anything else that is given, ValueError for films that are too short, of another size, or held
    out.
    """
    if given is None:
        given = training_films(config.data.films, count=config.data.count, size=size)
    if not isinstance(given, Films):
        raise TypeError(f"{config.name} learns from films (Films), not from {type(given).__name__}")
    films = given.for_training()
    check_films(films, config.model.context + 1, size)
    return films, f"{len(films)} films of the Playground set {films.name!r}, {films.split}, {films.size} pixels"


class FilmData(Strict):
    """Films to learn from, always their training split: a set of the Playground, its family with screens, or the
    recording of CarRacing."""

    films: Annotated[
        str, Field(description="a film set of the Playground, for example simple or rich; screens; or carracing")
    ] = "simple"
    count: Annotated[int, Field(ge=1, le=100_000, description="films")] = 500
    batch: Annotated[int, Field(ge=1, le=65_536, description="examples in each step")] = 64

    elsewhere: ClassVar[tuple[str, ...]] = (CARRACING,)  # data that are not the Playground's, and no split to refuse

    @field_validator("films")
    @classmethod
    def _may_be_learned_from(cls, name: str) -> str:
        if name not in cls.elsewhere:
            check_learnable(name)
        return name


class PicturesData(FilmData):
    """Single pictures to learn from: frames of films, or photographs (``worlds/photographs``)."""

    elsewhere: ClassVar[tuple[str, ...]] = (CARRACING, PHOTOGRAPHS)


class FilmSets(Strict):
    """Training films of several sets of the Playground."""

    films: Annotated[
        dict[str, Annotated[int, Field(ge=1, le=100_000)]],
        Field(min_length=1, description="film sets of the Playground, each with its number of films"),
    ]

    @field_validator("films")
    @classmethod
    def _may_be_learned_from(cls, films: dict[str, int]) -> dict[str, int]:
        return cls.may_be_learned_from(films)

    @staticmethod
    def may_be_learned_from(films: dict[str, int]) -> dict[str, int]:
        """The same films. Raises ValueError for an unknown set, or one kept for questions about generalisation."""
        for name in films:
            check_trainable(name, "train")
        return films


class PiecesData(FilmSets):
    """Pieces of training films, of any length."""

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


class StepsData(PiecesData):
    """Pieces of training films with at least one step, from a frame to the next, in each."""

    length: Annotated[int, Field(ge=2, le=32, description="frames of a piece; between two lies a step")] = 2


def film_frames(config: FilmData, size: int, given: Any = None) -> Data:
    """Single frames to learn from, uint8 (M, size, size, 3) under the name "frames".

    given: films to use instead of the configured ones, which must be training films; or bare frames, uint8
    (..., size, size, 3), for which the caller answers: nobody can see on an array where it came from.
    Raises TypeError or ValueError when they are not such frames, or films that are held out; PhotographsError where
    photographs are configured and there is no copy of them.
    """
    if given is None and config.films == CARRACING:
        frames = _single(load_carracing("train").frames, size)
        return Data({"frames": frames}, f"{len(frames)} frames of CarRacing-v3, train, {size} pixels", _digest(frames))
    if given is None and config.films == PHOTOGRAPHS:
        frames = _single(load_photographs("train").frames, size)
        return Data({"frames": frames}, f"{len(frames)} photographs of CIFAR-10, train, {size} pixels", _digest(frames))
    if given is None:
        given = training_films(config.films, count=config.count, size=size)
    if isinstance(given, Films):
        films = given.for_training()
        text = f"{len(films)} films of the Playground set {films.name!r}, {films.split}, {size} pixels"
        return Data({"frames": _single(films.frames, size)}, text, films.hash)
    frames = _single(np.asarray(given), size)
    return Data({"frames": frames}, f"{len(frames)} frames given by the caller", _digest(frames))


def _digest(frames: np.ndarray) -> str:
    digest = hashlib.sha256(str(frames.shape).encode())
    digest.update(np.ascontiguousarray(frames).data)
    return digest.hexdigest()


def random_frames(data: Data, batch: int, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of frames drawn at random, ``{"frames": float (batch, 3, H, W) in [0, 1]}``."""
    frames = data.arrays["frames"]
    while True:
        rows = torch.randint(len(frames), (batch,), generator=generator)
        yield {"frames": to_model(frames[rows.numpy()])}


def _single(frames: np.ndarray, size: int) -> np.ndarray:
    """Films or frames as a list of frames: (..., H, W, 3) -> (M, H, W, 3)."""
    if frames.dtype != np.uint8:
        raise TypeError(f"frames to learn from are uint8, 0 to 255, these are {frames.dtype}")
    if frames.ndim < 4 or frames.shape[-3:] != (size, size, 3):
        raise ValueError(f"frames to learn from have shape (..., {size}, {size}, 3), these have {frames.shape}")
    return frames.reshape(-1, size, size, 3)


def check_pieces(config: RunConfig) -> None:
    """Raises ConfigError for a recording at another size than it has."""
    check_recorded("data.films", config.data.films, "model.frame_size", config.model.frame_size)


def film_pieces(config: RunConfig, given: Any) -> Data:
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


@torch.no_grad()
def latents(model: nn.Module, films: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mu and logvar of every frame as the V of a V-M sees it, each (N, T, Z). films: uint8 (N, T, H, W, 3)."""
    device = next(model.v.parameters()).device
    pairs = [model.v.encode(to_model(film).to(device)) for film in films]
    return torch.stack([mu for mu, _ in pairs]).cpu(), torch.stack([logvar for _, logvar in pairs]).cpu()


def random_places(
    films: np.ndarray | Tensor, length: int, batch: int, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Where some pieces of films lie that begin anywhere: ``films[which, when]`` has the shape (batch, length, ...).

    films: (M, T, ...). Returns integers which (batch, 1) and when (batch, length).
    """
    which = torch.randint(len(films), (batch,), generator=generator).numpy()
    begin = torch.randint(films.shape[1] - length + 1, (batch,), generator=generator).numpy()
    return which[:, None], begin[:, None] + np.arange(length)


def random_pieces(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of pieces that begin anywhere, ``{"frames": float (batch, length, 3, H, W) in [0, 1]}``."""
    films = data.arrays["frames"]
    while True:
        yield {"frames": to_model(films[random_places(films, config.data.length, config.data.batch, generator)])}
