"""How far does the agent of Ha & Schmidhuber 2018 drive in CarRacing-v3, over 100 races?

The environment itself draws what it sees, on tracks that nobody has learned from. Beside it, on the same tracks: a C
that evolved for as long with an M that has learned nothing, the trained C with that M, a driver who draws controls at
random, and the one who made the films. The paper: 906 +- 21 over 100 trials, 900 counts as solved (section 3).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch

from course_lib.models.vmc import VMC
from course_lib.planning.racing import FIRST_TRACK, race_returns
from course_lib.studies.store import read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.worlds.carracing import FOLDER, WanderingDriver
from course_lib.worlds.race import Race

RACES, SIZE = 100, "cpu-carracing"
KEPT = FOLDER / "returns.json"


def random_driver(seed: int) -> float:
    """The return of a race in which every decision is drawn evenly: steering -1 to 1, gas and brake 0 to 1."""
    generator = np.random.default_rng([seed, 11])
    return _raced(seed, lambda race: generator.uniform([-1.0, 0.0, 0.0], [1.0, 1.0, 1.0]))


def wandering_driver(seed: int) -> float:
    """The return of a race of the driver from whose films V and M learned."""
    driver, generator = WanderingDriver(), np.random.default_rng([seed, 12])
    driver.reset(generator)
    return _raced(seed, lambda race: driver(race.picture(), generator))


def _raced(seed: int, decide: Callable[[Race], np.ndarray]) -> float:
    race = Race(seed)
    while not race.over:
        race.step(decide(race))
    race.close()
    return race.total


def _model_drives(model: VMC, races: int, *, trained: bool, controller: str) -> np.ndarray:
    return race_returns(model if trained else model.untrained(), model.c.of(controller), episodes=races)


def _driver_drives(model: VMC, races: int, *, driver: Callable[[int], float]) -> np.ndarray:
    return np.array([driver(FIRST_TRACK["test"] + race) for race in range(races)])


DRIVERS: dict[str, Callable[[VMC, int], np.ndarray]] = {
    "vmc": partial(_model_drives, trained=True, controller="real"),
    "reservoir": partial(_model_drives, trained=False, controller="reservoir"),
    "untrained_m": partial(_model_drives, trained=False, controller="real"),
    "random": partial(_driver_drives, driver=random_driver),
    "film_maker": partial(_driver_drives, driver=wandering_driver),
}
"""Everybody who drives on the held-out tracks, each ``(model, races) -> returns (races,)``."""


def drive(name: str, races: int = RACES) -> list[float]:
    """The returns of one driver, with the shipped agent's networks."""
    torch.set_num_threads(1)
    model = load_checkpoint("vmc", size=SIZE)
    return [round(float(value), 1) for value in DRIVERS[name](model, races)]


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """All drivers, one on each core: about ten minutes on two cores."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        returns = dict(zip(DRIVERS, pool.map(drive, DRIVERS), strict=True))
    for name, values in returns.items():
        report(f"{name}: {np.mean(values):.0f}")
    return {"environment": "CarRacing-v3", "first_track": FIRST_TRACK["test"],
            "checkpoint": weights_of("vmc", SIZE, "c"), "returns": returns}  # fmt: skip


def carracing_returns() -> dict[str, Any]:
    """What ``run`` found: ``returns`` by name, a list of RACES each, and the ``checkpoint``'s hash.

    Raises ExamError when the file is missing or damaged.
    """

    def parse(facts: dict) -> dict[str, Any]:
        lengths = {name: len(np.asarray(values, float)) for name, values in facts["returns"].items()}
        if len(set(lengths.values())) != 1 or "checkpoint" not in facts:
            raise ValueError(f"it does not fit together: races by name {lengths}")
        return facts

    return read_study(KEPT, parse, "carracing")
