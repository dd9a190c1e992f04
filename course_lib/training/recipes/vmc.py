"""How the V-M-C agent is trained: V on single frames, then M on films as V sees them. C evolves afterwards.

The order is the paper's (Ha & Schmidhuber 2018, section 3.2): nothing that M learns changes V. So another M may be
taught to look through a V that is there already.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from course_lib.models.vmc import VMC, Dream, VMCConfig
from course_lib.planning.controller import ControllerTraining, as_weights, directions_of, train_controller
from course_lib.planning.lives import EPISODE, DreamWorld, RealWorld, World, beginnings
from course_lib.planning.racing import FIRST_TRACK, RaceWorld
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.config import ConfigError
from course_lib.training.data import CARRACING, FilmData, check_recorded, latents, training_films
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, TrainConfig
from course_lib.worlds import spec
from course_lib.worlds.carracing import make_carracing
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_model
from course_lib.worlds.race_films import RaceFilms, load_races

TRACKS = FIRST_TRACK["test"] - FIRST_TRACK["train"]  # so many that no exam drives on


class VMCData(FilmData):
    """Films with their actions and rewards. batch: frames in each step of V."""

    film_batch: Annotated[int, Field(ge=1, le=4096, description="films in each step of M")] = 64
    eyes: Annotated[
        Literal["cpu-family"] | None,
        Field(description="size of the checkpoint whose V is taken as it is; none: V learns"),
    ] = None


class VMCTrain(TrainConfig):
    """steps, learning_rate and clip are M's; those of V stand beside them."""

    population: Annotated[int, Field(ge=4, le=10_000, description="candidates of C in a generation")] = 32
    lives: Annotated[int, Field(ge=1, le=1000, description="real episodes of each candidate")] = 4
    generations: Annotated[int, Field(ge=1, le=100_000, description="of every controller, wherever it lives")] = 200
    dream_lives: Annotated[int, Field(ge=1, le=1000, description="dreams of each candidate")] = 64
    dream_steps: Annotated[
        int, Field(ge=1, le=100_000, description="of a dream: M has learned from films of 32 frames")
    ] = 32
    discount: Annotated[float, Field(gt=0.0, le=1.0, description="of a dreamed reward, a step of waiting")] = 0.95
    life: Annotated[int, Field(ge=1, le=100_000, description="steps of a real life; in a race, decisions")] = EPISODE
    patience: Annotated[
        int, Field(ge=1, le=100_000, description="a race ends after so many decisions that bring nothing")
    ] = 25
    directions: Annotated[
        int,
        Field(ge=0, le=4096, description="of h along which C evolves, the principal ones; 0: all weights apart"),
    ] = 0
    spread: Annotated[float, Field(ge=1e-6, le=1e3, description="how far the first generation of C strays")] = 0.3
    steps_v: Annotated[int, Field(ge=1, le=10**9, description="updates of V")]
    learning_rate_v: Annotated[float, Field(gt=0.0, le=1.0)] = 1.5e-3
    clip_v: Annotated[float, Field(gt=0.0, le=1e12)] = 1000.0


def check(config: RunConfig) -> None:
    """Raises ConfigError for settings that V, M and C cannot all live with."""
    model, train, car = config.model, config.train, config.model.control == "car"
    check_recorded("data.films", config.data.films, "model.v.frame_size", model.v.frame_size)
    if car != (config.data.films == CARRACING):
        raise ConfigError(
            f"model.control is {model.control} and data.films is {config.data.films}: a car learns from {CARRACING}, "
            "and every other set of films has discrete actions"
        )
    if config.data.eyes is not None and load_checkpoint("vmc", size=config.data.eyes).config.v != model.v:
        raise ConfigError(f"data.eyes is {config.data.eyes}, whose V has other sizes than model.v: set the same")
    actions = 3 if car else len(spec.ACTIONS)
    if model.m.actions != actions:
        raise ConfigError(f"model.m.actions is {model.m.actions}; with control {model.control} it is {actions}")
    for name in model.controllers:
        kind_of_world(name)
    if len(set(model.controllers)) < len(model.controllers):
        raise ConfigError(f"model.controllers names one world twice: {', '.join(model.controllers)}")
    if train.directions > model.m.hidden:
        raise ConfigError(f"train.directions is {train.directions}, and h has {model.m.hidden} (model.m.hidden)")
    real = [name for name in model.controllers if not name.startswith("dream")]
    if car and train.generations * train.lives > TRACKS:
        raise ConfigError(
            f"train.generations * train.lives is {train.generations * train.lives}: so many races would go beyond the "
            f"{TRACKS} tracks to learn on"
        )
    if car and real:
        try:
            make_carracing().close()
        except ImportError as error:
            raise ConfigError(f"model.controllers holds {real[0]!r}: {error}") from None


def load(config: RunConfig, given: Any) -> Data:
    """Films as arrays frames (N, T, H, W, 3), actions and rewards (N, T - 1). given: ``Films`` to use instead.

    count is films of the Playground, or episodes of CarRacing, which are cut into five films each; for a car, given are
    ``RaceFilms``.
    Raises TypeError for anything else that is given, ValueError for films that are held out.
    """
    if config.data.films == CARRACING:
        races = load_races(config.data.count) if given is None else given
        if not isinstance(races, RaceFilms):
            raise TypeError(f"a car learns from races (RaceFilms), not {type(races).__name__}")
        arrays = {"frames": races.frames, "actions": races.actions, "rewards": races.rewards}
        episodes = f"{config.data.count} episodes" if given is None else "the caller"
        return Data(arrays, f"{len(races)} films of CarRacing-v3 from {episodes}, train", races.hash)
    if given is None:
        given = training_films(config.data.films, count=config.data.count, size=config.model.v.frame_size)
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

    The Playground's episodes are cut off and never end by themselves, so ``over`` is 0 throughout; so it is in races,
    whose films hold no end.
    """
    mu, logvar = latents(model, data.arrays["frames"])
    actions, rewards = (torch.from_numpy(np.array(data.arrays[name])) for name in ("actions", "rewards"))
    while True:
        rows = torch.randint(len(mu), (config.data.film_batch,), generator=generator)
        yield {"mu": mu[rows], "logvar": logvar[rows], "actions": actions[rows], "rewards": rewards[rows],
               "over": torch.zeros_like(rewards[rows])}  # fmt: skip


def phases(model: VMC, config: RunConfig) -> list[Phase]:
    """V, then M; M alone where V is that of another checkpoint (``data.eyes``), which is put into the model."""
    train = config.train
    see = Phase("V", train.steps_v, list(model.v.parameters()), "loss_v", learning_rate=train.learning_rate_v,
                clip=train.clip_v)  # fmt: skip
    remember = Phase("M", train.steps, list(model.m.parameters()), "loss_m", batches=films_as_v_sees_them,
                     batch="data.film_batch")  # fmt: skip
    if config.data.eyes is None:
        return [see, remember]
    model.v.load_state_dict(load_checkpoint("vmc", size=config.data.eyes).v.state_dict())
    return [remember]


def finish(
    model: VMC, config: RunConfig, data: Data, folder: Path, tell: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Evolve every controller of the configuration in the world that it is named after; see ``world_of``.

    A model without controllers is V and M alone, and ready. The weights are put into the model. Each evolution keeps a
    JSON file in the folder, and goes on from it; its name says with which V and M, and how, so that no evolution goes
    on from the lives of another.
    """
    train, facts = config.train, {}
    if not model.c.names:
        return {"controllers": facts}
    mark = _mark(model, config)
    some = slice(0, 1000 if model.config.control == "discrete" else 100)
    starts = _as_known_by(model, data, some, train.seed)
    for index, name in enumerate(model.c.names):
        start, dreamed = time.monotonic(), name.startswith("dream")
        settings = ControllerTraining(
            population=train.population, generations=train.generations, sigma=train.spread, seed=train.seed,
            lives=train.dream_lives if dreamed else train.lives, steps=train.dream_steps if dreamed else train.life,
        )  # fmt: skip

        def report(done: int, row: dict[str, float], mean: np.ndarray, name: str = name, start: float = start) -> None:
            if done % 10 == 0:
                tell(f"C in {name}: generation {done}, {time.monotonic() - start:.0f} s, "
                     f"returns {row['mean']:.2f} on average, {row['best']:.2f} at best")  # fmt: skip

        world = world_of(name, model, starts, train)
        directions = None
        if train.directions:
            known = starts if world.model is model else _as_known_by(world.model, data, some, train.seed)
            directions = directions_of(known, train.directions)
        found = train_controller(model, world, settings, directions=directions, on_generation=report,
                                 keep=folder / f"evolution-{name.replace(' ', '-')}-{mark}.json")  # fmt: skip
        model.c.weights[index] = as_weights(model, found.mean, directions)
        facts[name] = {
            "generations": len(found.rows), "minutes": round(found.seconds / 60, 2),
            "mean_returns": [round(row["mean"], 3) for row in found.rows],
        }  # fmt: skip
    return {"controllers": facts}


def _mark(model: VMC, config: RunConfig) -> str:
    """Eight digits that change with V's and M's weights and with how C is trained."""
    digest = hashlib.sha256(config.train.model_dump_json().encode())
    for part in (model.v, model.m):
        for value in part.state_dict().values():
            digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()[:8]


def _as_known_by(model: VMC, data: Data, some: slice, seed: int) -> Dream:
    return beginnings(model, data.arrays["frames"][some], data.arrays["actions"][some], seed=seed)


def world_of(name: str, model: VMC, starts: Dream, train: VMCTrain) -> World:
    """The world that a controller is named after: "dream 1.0" (at that temperature), "real", or "reservoir".

    A reservoir is the real world with an M that has learned nothing: its memory still stirs its input into many
    numbers, and a linear controller may find what it needs among them. starts: where dreams begin.
    Raises ConfigError (a ValueError) for any other name.
    """
    kind, temperature = kind_of_world(name)
    if kind == "dream":
        return DreamWorld(model, starts, temperature=temperature, until_reward=True, discount=train.discount)
    who = model if kind == "real" else model.untrained()
    if model.config.control == "car":
        return RaceWorld(who, decisions=train.life, patience=train.patience)
    return RealWorld(who)


def kind_of_world(name: str) -> tuple[str, float]:
    """ "dream", "real" or "reservoir", and a dream's temperature. Raises ConfigError for any other name."""
    found = re.fullmatch(r"dream (\d{1,3}(?:\.\d{1,6})?)|real|reservoir", name)
    if not found or (found[1] and not float(found[1])):
        raise ConfigError(
            f"model.controllers: no world is called {name!r:.80}; there are 'dream 1.0' (any temperature above 0), "
            "'real' and 'reservoir'"
        )
    return name.partition(" ")[0], float(found[1] or 0.0)


recipe = Recipe(
    name="vmc",
    model_config=VMCConfig,
    data_config=VMCData,
    train_config=VMCTrain,
    build=VMC,
    check=check,
    load=load,
    batches=frames,
    phases=phases,
    finish=finish,
    parts={"v": lambda model: model.v, "m": lambda model: model.m, "c": lambda model: model.c},
    ship=("cpu", "cpu-carracing", "cpu-family", "cpu-occluded"),
    half=frozenset({("v", "cpu-carracing"), ("v", "cpu-family"), ("m", "cpu-family"), ("v", "cpu-occluded"),
                    ("m", "cpu-occluded")}),
    published=4_348_547 + 422_368 + 867,  # Ha & Schmidhuber 2018, appendices A.1 to A.3
)
