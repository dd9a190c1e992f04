"""The car's question: how far does the agent of Ha & Schmidhuber 2018 drive in CarRacing-v3, over 100 races?

The environment itself draws what it sees, on tracks that nobody has learned from. Beside it, on the same tracks: a C
that evolved for as long with an M that has learned nothing, the trained C with that M, a driver who draws controls at
random, and the one who made the films. The paper: 906 +- 21 over 100 trials, 900 counts as solved (section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from course_lib.exam.entrants import Entrant
from course_lib.exam.room import Room
from course_lib.exam.rows import Row, mean_and_interval
from course_lib.planning.racing import FIRST_TRACK, race_returns
from course_lib.worlds.carracing import WanderingDriver
from course_lib.worlds.race import Race

RACES = 100


def random_driver(seed: int) -> float:
    """The return of a race in which every decision is drawn evenly: steering -1 to 1, gas and brake 0 to 1."""
    chance = np.random.default_rng([seed, 11])
    return _raced(seed, lambda race: chance.uniform([-1.0, 0.0, 0.0], [1.0, 1.0, 1.0]))


def wandering_driver(seed: int) -> float:
    """The return of a race of the driver from whose films V and M learned."""
    driver, chance = WanderingDriver(), np.random.default_rng([seed, 12])
    driver.reset(chance)
    return _raced(seed, lambda race: driver(race.picture(), chance))


def _raced(seed: int, decide: Callable[[Race], np.ndarray]) -> float:
    race = Race(seed)
    while not race.over:
        race.step(decide(race))
    race.close()
    return race.total


def _model_drives(entrant: Entrant, races: int, *, trained: bool, controller: str) -> np.ndarray:
    who = entrant.model if trained else entrant.untrained
    return race_returns(who, entrant.model.c.of(controller), episodes=races)


def _driver_drives(entrant: Entrant, races: int, *, driver: Callable[[int], float]) -> np.ndarray:
    return np.array([driver(FIRST_TRACK["test"] + race) for race in range(races)])


DRIVERS: dict[str, Callable[[Entrant, int], np.ndarray]] = {
    "vmc": partial(_model_drives, trained=True, controller="real"),
    "reservoir": partial(_model_drives, trained=False, controller="reservoir"),
    "untrained_m": partial(_model_drives, trained=False, controller="real"),
    "random": partial(_driver_drives, driver=random_driver),
    "film_maker": partial(_driver_drives, driver=wandering_driver),
}
"""Everybody who drives on the held-out tracks, each ``(entrant, races) -> returns (races,)``."""


def racing(entrant: Entrant, room: Room) -> Iterator[Row]:
    """Rows carracing_return, and reservoir_return of the C that evolved without a trained M."""
    found = {name: drive(entrant, RACES) for name, drive in DRIVERS.items()}
    means = {name: float(values.mean()) for name, values in found.items()}
    for question, name in (("carracing_return", "vmc"), ("reservoir_return", "reservoir")):
        yield entrant.row(
            room, "CarRacing-v3/test", question, unit="points",
            controls={other: value for other, value in means.items() if other != name},
            note="n counts races; the paper: 906 +- 21", **mean_and_interval(found[name], seed=room.seed),
        )  # fmt: skip
