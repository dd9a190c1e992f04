"""How CLIP is trained: on the beginnings of films with their captions, in two styles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from course_lib.models.clip import CLIP, PAD, VOCABULARY, CLIPConfig, tokenise
from course_lib.training.config import ConfigError
from course_lib.training.data import FilmSets, check_films
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig, decay_groups
from course_lib.worlds import captions as grammar
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_model


class CaptionedData(FilmSets):
    """Training films with their captions. All pairs of a step have captions of one style, drawn for each step."""

    descriptive: Annotated[
        float, Field(ge=0.0, le=1.0, description="share of the steps with descriptive captions; the others: short ones")
    ] = 0.5
    batch: Annotated[int, Field(ge=1, le=65_536, description="pairs in each step")] = 96


def check(config: RunConfig) -> None:
    """Raises ConfigError where the grammar of captions does not fit into the configured vocabulary or context."""
    if config.model.vocabulary < len(VOCABULARY):
        raise ConfigError(
            f"model.vocabulary is {config.model.vocabulary}: the captions' words and marks are {len(VOCABULARY)} tokens"
        )
    if config.model.context < grammar.MOST_WORDS + 2:
        raise ConfigError(
            f"model.context is {config.model.context}: the longest caption has {grammar.MOST_WORDS} words and two marks"
        )


def load(config: RunConfig, given: Any) -> Data:
    """Frames (M, T, H, W, 3) with their captions' tokens, "short" and "descriptive", each (M, context).

    given: ``Films`` to use instead, training films only. Raises TypeError for anything else that is given: frames
    without captions teach nothing here. Raises ValueError for films that are too short.
    """
    size, reads, context = config.model.frame_size, config.model.frames, config.model.context
    length = max(reads, grammar.FRAMES)  # a caption speaks of more than one frame
    if given is not None and not isinstance(given, Films):
        raise TypeError(f"captions are needed, so films are given as Films, not as {type(given).__name__}")
    if given is not None:
        sets = [given.for_training()]
    else:
        sets = [load_films(name, split="train", count=count, size=size, length=length)
                for name, count in config.data.films.items()]  # fmt: skip
    for films in sets:
        check_films(films, reads, size)
    arrays = {
        "frames": np.concatenate([films.frames[:, :reads] for films in sets]),
        "short": tokenise([text for films in sets for text in films.short_captions], context).numpy(),
        "descriptive": tokenise([text for films in sets for text in films.captions], context).numpy(),
    }
    text = ", ".join(f"{len(films)} of {films.name!r}" for films in sets)
    digest = hashlib.sha256("".join(films.hash for films in sets).encode()).hexdigest()
    return Data(arrays, f"captioned films of the Playground, train, {size} pixels, {reads} frames: {text}", digest)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Endless batches of films and captions drawn at random; captions are cut to the longest among them."""
    frames = data.arrays["frames"]
    while True:
        style = "descriptive" if float(torch.rand((), generator=generator)) < config.data.descriptive else "short"
        rows = torch.randint(len(frames), (config.data.batch,), generator=generator).numpy()
        tokens = torch.from_numpy(data.arrays[style][rows])
        longest = int((tokens != PAD).sum(dim=1).max())
        yield {"frames": to_model(frames[rows]), "tokens": tokens[:, :longest]}


def phases(model: CLIP, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices, none for biases, norms, words, places and the scale."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="clip",
    model_config=CLIPConfig,
    data_config=CaptionedData,
    train_config=TrainConfig,
    build=CLIP,
    check=check,
    load=load,
    batches=batches,
    phases=phases,
    ship=("cpu", "cpu-short", "cpu-descriptive", "cpu-mixed"),
    half=frozenset({("clip", "cpu"), ("clip", "cpu-short"), ("clip", "cpu-descriptive"), ("clip", "cpu-mixed")}),
    published=151_277_313,  # the paper's program, ViT-B/32; the docstring of models/clip.py says what is left out here
)
