"""Does a cold dream ruin its controller, and is it the cold or the carelessness? Two kinds of dreams, two temperatures.

Controllers are evolved (``planning/controller.py``) in the dream of the shipped V and M, from the same beginnings, with
the same budget of BUDGET dreamed steps and SEEDS seeds each:

    careful    lives of 32 steps that end with the first star, which counts when M finds it likelier than not and is
               worth the less the later it comes
    careless   lives of 128 steps in which M's probability of a star is paid at every step

each at TEMPERATURES of all draws. Every controller then plays the same EPISODES real games of the test split. A seed is
one evolution: intervals are over seeds, since the games are the same for all.

Ha & Schmidhuber 2018 (arXiv 1803.10122, section 4.4) vary the temperature alone, in dreams that end with the agent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course_lib.models.base import Strict
from course_lib.planning.controller import ControllerTraining, as_weights, real_returns, train_controller
from course_lib.planning.lives import DreamWorld, live
from course_lib.studies.store import DATA, check_weights, kept_piece, read_study, weights_of
from course_lib.training import load_checkpoint
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

KEPT = DATA / "playground" / "temperature.json"
SEEDS, TEMPERATURES, EPISODES, BEGINNINGS = (0, 1, 2, 3, 4), (0.1, 1.0), 100, 200


class DreamKind(Strict):
    """How a dream counts stars, and how many lives of how many steps a generation has."""

    steps: int
    lives: int
    until_reward: bool
    discount: float


KINDS = {
    "careful": DreamKind(steps=32, lives=16, until_reward=True, discount=0.95),
    "careless": DreamKind(steps=128, lives=4, until_reward=False, discount=1.0),
}
POPULATION, GENERATIONS = 32, 50
BUDGET = POPULATION * GENERATIONS * 32 * 16  # dreamed steps of one evolution, of either kind


def evolve_and_play(kind: DreamKind, temperature: float, seed: int) -> dict[str, Any]:
    """One controller: the stars that it finds in each real game, and what its own dream promises of as many games."""
    model = load_checkpoint("vmc").eval()
    frames = to_model(load_films("goal", split="train", count=BEGINNINGS).frames[:, 0])  # (BEGINNINGS, 3, H, W)
    with torch.no_grad():
        first = model.encode(frames[:, None])
    dream = DreamWorld(model, first, temperature=temperature, until_reward=kind.until_reward, discount=kind.discount)
    settings = ControllerTraining(population=POPULATION, lives=kind.lives, generations=GENERATIONS, steps=kind.steps,
                                  seed=seed)  # fmt: skip
    c = as_weights(model, train_controller(model, dream, settings).mean)
    whole = DreamWorld(model, first, temperature=temperature)
    promised = live(whole, c.expand(BEGINNINGS, -1, -1), np.arange(BEGINNINGS)).mean().item()
    return {"stars": real_returns(model, c, episodes=EPISODES).astype(int).tolist(), "promised": round(promised, 4)}


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Evolve twenty controllers: some minutes of one core. Each is kept as soon as it has played."""
    weights = {part: weights_of("vmc", part=part) for part in ("v", "m")}
    found = []
    for name, kind in KINDS.items():
        for temperature in TEMPERATURES:
            for seed in SEEDS:
                decided = {**kind.model_dump(), "temperature": temperature, "seed": seed, "weights": weights,
                           "generations": GENERATIONS, "population": POPULATION, "episodes": EPISODES}  # fmt: skip
                piece = kept_piece("temperature", f"{name}-{temperature}-{seed}", decided,
                                   lambda k=kind, t=temperature, s=seed: evolve_and_play(k, t, s))  # fmt: skip
                found.append({"dream": name, "temperature": temperature, "seed": seed, "stars": piece["stars"],
                              "promised": piece["promised"]})  # fmt: skip
                report(f"{name}, {temperature}, seed {seed}: {np.mean(piece['stars']):.2f} real stars, "
                       f"{piece['promised']:.2f} promised")  # fmt: skip
    return {"weights": weights, "budget": BUDGET, "evolutions": found}


@dataclass(frozen=True)
class TemperatureFacts:
    """What ``run`` kept. stars: the mean over the real games of each evolution, (SEEDS,), by kind of dream and
    temperature; promised: the same in the whole dream of 128 steps."""

    stars: Mapping[tuple[str, float], np.ndarray]
    promised: Mapping[tuple[str, float], np.ndarray]


def measured_temperature() -> TemperatureFacts:
    """The kept facts. Raises ExamError when the file is missing or damaged, or of other weights."""

    def parse(facts: dict) -> tuple[TemperatureFacts, dict]:
        stars, promised = {}, {}
        for name in KINDS:
            for temperature in TEMPERATURES:
                rows = [row for row in facts["evolutions"] if (row["dream"], row["temperature"]) == (name, temperature)]
                games = np.array([row["stars"] for row in rows])
                if [row["seed"] for row in rows] != list(SEEDS) or games.shape != (len(SEEDS), EPISODES):
                    raise ValueError(f"{name}, {temperature}: {EPISODES} games of each of {len(SEEDS)} seeds expected")
                stars[name, temperature] = games.mean(axis=1)
                promised[name, temperature] = np.array([float(row["promised"]) for row in rows])
        return TemperatureFacts(stars, promised), facts["weights"]

    facts, weights = read_study(KEPT, parse, "temperature")
    for part in ("v", "m"):
        check_weights(weights[part], weights_of("vmc", part=part), "temperature")
    return facts
