"""How Genie is trained: the tokenizer, the latent action model, and the dynamics on what the two make of the films.

No phase sees an action of the films. Only when all is learned, ``finish`` looks at films whose keys are known and
writes down which latent action each of the four keys became; the exam needs that table, the model does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from course_lib.models.corruption import corrupt_past
from course_lib.models.genie import Genie, GenieConfig
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.config import ConfigError
from course_lib.training.data import COINRUN, COINRUN_FRAMES, PiecesData, check_pieces, film_pieces, random_pieces
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

SHIPPED = ("tokenizer", "lam")  # the parts that come with the course as models of their own
PATCHES = "cpu-patches"  # the size of the shipped tokenizer without layers


class GenieTrain(TrainConfig):
    """steps, learning_rate and clip are the dynamics'; those of the other parts stand beside them."""

    parts: Annotated[
        Literal["shipped", "fresh"],
        Field(description="the tokenizer and the latent action model: the course's checkpoints, or trained here first"),
    ] = "fresh"
    steps_tokenizer: Annotated[int, Field(ge=1, le=10**9)] = 1
    learning_rate_tokenizer: Annotated[float, Field(gt=0.0, le=1.0)] = 1.5e-3
    steps_lam: Annotated[int, Field(ge=1, le=10**9)] = 1
    learning_rate_lam: Annotated[float, Field(gt=0.0, le=1.0)] = 2e-3
    film_length: Annotated[int, Field(ge=2, le=32, description="frames of the dynamics' pieces")] = 16
    film_batch: Annotated[int, Field(ge=1, le=4096, description="pieces in each step of the dynamics")] = 16
    scattered: Annotated[
        float, Field(ge=0.0, le=1.0, description="largest share of past tokens that are replaced one by one")
    ] = 0.0
    pieces: Annotated[
        float, Field(ge=0.0, le=1.0, description="share of the films whose past shows a rectangle of another film")
    ] = 0.0
    looked_at: Annotated[
        int, Field(ge=10, le=100_000, description="films with known keys that the table is read off")
    ] = 200


def build(config: GenieConfig) -> Genie:
    """The model with fresh weights."""
    return Genie(config)


def phases(model: Genie, config: RunConfig) -> list[Phase]:
    """Tokenizer, latent action model, dynamics; the last alone where the others come with the course."""
    train = config.train
    dynamics = Phase("dynamics", train.steps, list(model.dynamics.parameters()), "loss_dynamics", batches=as_tokens,
                     batch="train.film_batch")  # fmt: skip
    if train.parts == "shipped":
        take_shipped(model)
        return [dynamics]
    return [
        Phase("tokenizer", train.steps_tokenizer, list(model.tokenizer.parameters()), "loss_tokenizer",
              learning_rate=train.learning_rate_tokenizer),
        Phase("actions", train.steps_lam, list(model.lam.parameters()), "loss_lam",
              learning_rate=train.learning_rate_lam),
        dynamics,
    ]  # fmt: skip


def take_shipped(model: Genie) -> None:
    """Put the course's tokenizer and latent action model into the model."""
    for part in SHIPPED:
        shipped = load_checkpoint(part, size=shipped_size(model.config, part))
        getattr(model, part).load_state_dict(shipped.state_dict())


def shipped_size(config: GenieConfig, part: str) -> str:
    """Which of the course's checkpoints a part is: there are two tokenizers."""
    return PATCHES if part == "tokenizer" and config.tokenizer.kind == "patches" else "cpu"


def check(config: RunConfig) -> None:
    """Raises ConfigError for parts that the course's checkpoints do not fit, and for films too short for the dynamics;
    CheckpointError where the checkpoints cannot be read."""
    check_pieces(config)
    if config.train.parts == "shipped":
        for part in SHIPPED:
            mine = getattr(config.model, part)
            theirs = load_checkpoint(part, size=shipped_size(config.model, part)).config
            other = [key for key in type(theirs).model_fields if getattr(mine, key) != getattr(theirs, key)]
            if other:
                there, here = getattr(theirs, other[0]), getattr(mine, other[0])
                raise ConfigError(
                    f"train.parts is shipped, and the course's {part} was made with model.{part}.{other[0]} {there!r}, "
                    f"not {here!r}: set the same, or train.parts=fresh"
                )
    elif config.data.length < 2:
        raise ConfigError("data.length is 1, and the latent action model learns from steps: it is at least 2")
    if COINRUN in config.data.films and longest_piece(config) > max(COINRUN_FRAMES, config.data.length):
        raise ConfigError(
            f"train.film_length is {config.train.film_length}, and films of coinrun have {COINRUN_FRAMES} frames, or "
            "data.length where that is more"
        )


def longest_piece(config: RunConfig) -> int:
    """Frames of the dynamics' longest pieces: no more than it can look back on."""
    return min(config.train.film_length, config.model.dynamics.frames)


def load(config: RunConfig, given: Any) -> Data:
    """Films (M, T, H, W, 3) that every phase can learn from; see ``film_pieces``. Raises ValueError for short ones."""
    data = film_pieces(config, given)
    if data.arrays["frames"].shape[1] < longest_piece(config):
        raise ValueError(
            f"the dynamics learns from pieces of {longest_piece(config)} frames (train.film_length), these films have "
            f"{data.arrays['frames'].shape[1]}"
        )
    return data


@torch.no_grad()
def seen_as_tokens(model: Genie, films: np.ndarray, chunk: int = 16) -> tuple[Tensor, Tensor]:
    """What the two first parts make of films, uint8 (M, T, H, W, 3): tokens (M, T, N), latent actions (M, T - 1)."""
    training = model.training
    model.eval()  # a codebook counts its use, and revives codes, in training only
    device = next(model.parameters()).device
    # as small as their numbers allow: a film of 32 frames with 64 tokens each then takes 4 KB
    kind = torch.int16 if model.config.tokenizer.number_of_codes <= 2**15 else torch.int32
    tokens, actions = [], []
    for start in range(0, len(films), chunk):
        frames = to_model(films[start : start + chunk]).to(device)
        tokens.append(model.tokenizer.tokens(frames).to(kind).cpu())
        actions.append(model.lam.infer(frames).to(torch.int16).cpu())
    model.train(training)
    return torch.cat(tokens), torch.cat(actions)


def as_tokens(
    model: nn.Module, data: Data, config: RunConfig, generator: torch.Generator
) -> Iterator[dict[str, Tensor]]:
    """Endless batches of pieces of films as the two first parts see them: tokens (B, L, N), actions (B, L - 1).

    Two batches of three are as long as the dynamics can look back; the third is shorter, because play begins with one
    frame. shown: the same tokens with mistakes in the past, where the configuration asks for them.
    """
    tokens, actions = seen_as_tokens(model, data.arrays["frames"])
    mistakes = {"scattered": config.train.scattered, "pieces": config.train.pieces}
    longest = longest_piece(config)
    while True:
        short = torch.rand((), generator=generator) < 1 / 3
        length = int(torch.randint(2, longest + 1, (), generator=generator)) if short else longest
        moment = torch.arange(length)
        film = torch.randint(len(tokens), (config.train.film_batch, 1), generator=generator)
        begin = torch.randint(tokens.shape[1] - length + 1, (config.train.film_batch, 1), generator=generator)
        index = tokens[film, begin + moment].long()
        batch = {"tokens": index, "actions": actions[film, begin + moment[:-1]].long()}
        if any(mistakes.values()):
            batch["shown"] = corrupt_past(index, tokens, generator, **mistakes)
        yield batch


def read_table(model: Genie, films: int, name: str) -> list[list[int]]:
    """How often each latent action (column) was inferred where each of the four keys (row) was pressed.

    films: of the training split of a set. A key that cannot be seen (jump in the air) is counted as well, which blurs
    the rows and seldom moves their largest entry.
    """
    known = load_films(name, split="train", count=films, size=model.config.tokenizer.frame_size)
    latent = seen_as_tokens(model, known.frames)[1].long()
    keys = torch.from_numpy(known.actions.astype(np.int64))
    counts = torch.zeros(4, model.config.lam.codes, dtype=torch.long)
    counts.index_put_((keys.flatten(), latent.flatten()), torch.ones(keys.numel(), dtype=torch.long), accumulate=True)
    return counts.tolist()


def finish(
    model: Genie, config: RunConfig, data: Data, folder: Path, tell: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Read the table off films with known keys: for each key the latent action that most speaks for it.

    That is the one with the largest share of this key among all its uses, weighed by how often the key gave it.
    """
    name = config.model.table_from.partition("/")[0]
    if not name:
        return {}
    counts = read_table(model, config.train.looked_at, name)
    table = torch.tensor(counts, dtype=torch.float)
    speaks = table / table.sum(dim=1, keepdim=True).clamp_min(1) * table / table.sum(dim=0, keepdim=True).clamp_min(1)
    model.dynamics.table.copy_(speaks.argmax(dim=1))
    tell(f"keys to latent actions: {model.dynamics.table.tolist()}")
    return {"table": {"keys_by_latent_action": counts}}


recipe = Recipe(
    name="genie",
    model_config=GenieConfig,
    data_config=PiecesData,
    train_config=GenieTrain,
    build=build,
    check=check,
    load=load,
    batches=random_pieces,
    phases=phases,
    finish=finish,
    parts={"tokenizer": lambda m: m.tokenizer, "lam": lambda m: m.lam, "dynamics": lambda m: m.dynamics},
    published=10_700_000_000,  # Genie, abstract and appendix: 200 M, 300 M and 10.1 B, together "11B"
)
