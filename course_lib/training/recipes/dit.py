"""How the diffusion transformer is trained: on latents of captioned films, made by a codec that learns no more."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor

from course_lib.models.base import Sizes, Strict
from course_lib.models.clip import PAD, tokenise
from course_lib.models.dit import AveragedDiT, DiTConfig
from course_lib.training.config import ConfigError
from course_lib.training.data import check_films
from course_lib.training.latents import check_latents, code_films, codec_of, phases
from course_lib.training.recipe import Data, Recipe, RunConfig, TrainConfig
from course_lib.worlds import captions as grammar
from course_lib.worlds import spec
from course_lib.worlds.films import Films, code_version, load_films, make_film
from course_lib.worlds.scenes import check_trainable, film_seed

BODIES = slice(1, 1 + spec.MAX_BODIES)  # slots of the free bodies


class LatentsData(Strict):
    """Captioned films of one set of the Playground, as latents of a codec."""

    codec: Annotated[Literal["cpu", "cpu-frames", "gpu"], Field(description="the size of the codec")] = "cpu"
    films: Annotated[str, Field(description="a film set of the Playground")] = "bodies"
    count: Annotated[
        int, Field(ge=0, le=1_000_000, description="films, coded once; 0: every step makes and codes new ones")
    ] = 0
    most_bodies: Annotated[
        int, Field(ge=1, le=spec.MAX_BODIES, description="films with more free bodies are left out")
    ] = spec.MAX_BODIES
    lengths: Annotated[Sizes, Field(description="frames of a film; every step draws one of these lengths")] = (5,)
    batch: Annotated[
        int, Field(ge=1, le=65_536, description="films of the longest length in each step; more of shorter ones")
    ] = 32
    even: Annotated[bool, Field(description="rare motions are drawn as often as frequent ones")] = False

    @field_validator("films")
    @classmethod
    def _may_be_learned_from(cls, name: str) -> str:
        check_trainable(name, "train")
        return name


def check(config: RunConfig) -> None:
    """Raises ConfigError where DiT, codec and films do not fit together, or there is no such codec."""
    model, codec = config.model, codec_of(config)
    if model.classes:
        raise ConfigError(f"model.classes is {model.classes}: films come with captions, set it to 0")
    if model.actions:
        raise ConfigError(f"model.actions is {model.actions}: films with captions come without keys, set it to 0")
    check_latents(config, codec)
    if model.context < grammar.MOST_WORDS + 2:
        raise ConfigError(
            f"model.context is {model.context}: the longest caption has {grammar.MOST_WORDS} words and two marks"
        )
    for length in config.data.lengths:
        try:
            codec.config.groups(length)
        except ValueError as error:
            raise ConfigError(f"data.lengths: {error}") from None
    if config.data.even and not config.data.count:
        raise ConfigError("data.even chooses among films that are there: set data.count above 0")
    if model.masked and max(config.data.lengths) == 1:
        raise ConfigError("model.masked is for films of several groups: set it to 0, or data.lengths to longer films")


def load(config: RunConfig, given: Any) -> Data:
    """Latents (M, G, C, h, w) with tokens (M, context), or for films that every step makes anew nothing but a name.

    given: ``Films`` to use instead, training films only, as long as the longest of the configuration. Raises TypeError
    for anything else, ValueError for films that are too short, of another size, or none that has so few bodies.
    """
    data, codec = config.data, codec_of(config)
    longest, size = max(data.lengths), codec.config.frame_size
    if given is not None and not isinstance(given, Films):
        raise TypeError(f"captions are needed, so films are given as Films, not as {type(given).__name__}")
    if given is None and data.count == 0:
        text = f"new films of the Playground set {data.films!r}, train, {size} pixels, up to {data.most_bodies} bodies"
        digest = hashlib.sha256(f"{code_version()} {text}".encode()).hexdigest()
        return Data({}, f"{text}, {', '.join(map(str, data.lengths))} frames", digest)
    if given is None:
        length = max(longest, grammar.FRAMES)
        films = load_films(data.films, split="train", count=data.count, size=size, length=length)
    else:
        films = given.for_training()
    check_films(films, longest, size)
    few = np.flatnonzero((films.states[:, 0, BODIES, 0] > 0).sum(axis=1) <= data.most_bodies)
    if not len(few):
        raise ValueError(f"none of these films has at most {data.most_bodies} bodies")
    texts = [films.captions[i] for i in few]
    arrays = {
        "latents": code_films(codec, films.frames[few, :longest]).numpy(),
        "tokens": tokenise(texts, config.model.context).numpy(),
    }
    if data.even:
        arrays["weights"] = motion_weights(texts)
    text = f"{len(few)} captioned films of the Playground set {films.name!r}, train, {size} pixels, {longest} frames"
    return Data(arrays, text, hashlib.sha256(f"{films.hash} {data.most_bodies} {data.even}".encode()).hexdigest())


def motion_weights(captions: Sequence[str]) -> np.ndarray:
    """How often each film is to be drawn so that its bodies' motions become equally frequent, float32 (M,).

    Two bodies of three fall. A body weighs one over the number of bodies that move as it does; a film as its bodies do
    on average, so that films of many bodies are not drawn more often than others. A film without a body weighs as the
    mean film. With several bodies a film the motions come out nearly even, not exactly.
    """
    motions = [[body["motion"] for body in grammar.parse_caption(text)] for text in captions]
    often = Counter(motion for film in motions for motion in film)
    weights = np.array([np.mean([1.0 / often[motion] for motion in film]) if film else np.nan for film in motions])
    mean = 1.0 if np.isnan(weights).all() else np.nanmean(weights)
    return (np.nan_to_num(weights, nan=mean) / mean).astype(np.float32)


def new_films(
    config: RunConfig, length: int, count: int, generator: torch.Generator, size: int
) -> tuple[np.ndarray, list[str]]:
    """Training films that were never seen, drawn among all seeds. -> uint8 (count, T, H, W, 3), captions."""
    data, frames, texts = config.data, [], []
    while len(frames) < count:
        seed = film_seed("train", int(torch.randint(spec.SEEDS_PER_SPLIT, (), generator=generator)))
        film = make_film(data.films, seed, length=max(length, grammar.FRAMES), size=size)
        if len(film.scene.bodies) <= data.most_bodies:
            frames.append(film.frames[:length])
            texts.append(film.caption())
    return np.stack(frames), texts


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of films drawn at random, all of one length; of shorter ones as many more as make the same work.

    ``{"latents": (B, G, C, h, w), "tokens": int64 (B, L)}``, captions cut to the longest among them.
    """
    codec, lengths = codec_of(config), config.data.lengths
    most = codec.config.groups(max(lengths))
    while True:
        length = lengths[int(torch.randint(len(lengths), (), generator=generator))]
        groups = codec.config.groups(length)  # of a causal codec the first groups are the shorter film's
        count = config.data.batch * (most // groups)
        if data.arrays:
            if config.data.even:
                weights = torch.from_numpy(data.arrays["weights"])
                rows = torch.multinomial(weights, count, replacement=True, generator=generator).numpy()
            else:
                rows = torch.randint(len(data.arrays["tokens"]), (count,), generator=generator).numpy()
            latents = torch.from_numpy(data.arrays["latents"][rows, :groups])
            tokens = torch.from_numpy(data.arrays["tokens"][rows])
        else:
            frames, texts = new_films(config, length, count, generator, codec.config.frame_size)
            latents, tokens = code_films(codec, frames), tokenise(texts, config.model.context)
        longest = int((tokens != PAD).sum(dim=1).max())
        yield {"latents": latents, "tokens": tokens[:, :longest]}


recipe = Recipe(
    name="dit",
    model_config=DiTConfig,
    data_config=LatentsData,
    train_config=TrainConfig,
    build=AveragedDiT,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    parts={"dit": lambda model: model.average},
    half=frozenset({("dit", "cpu")}),
    published=675_129_632,  # DiT-XL/2 as its program counts: the fixed positions, 294,912 numbers, are among them
)
