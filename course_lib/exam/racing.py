"""The car's question: how far does the agent of Ha & Schmidhuber 2018 drive in CarRacing-v3, over 100 races?

The environment itself draws what it sees, on tracks that nobody has learned from. Beside it, on the same tracks: a C
that evolved for as long with an M that has learned nothing, the trained C with that M, a driver who draws controls at
random, and the one who made the films. The paper: 906 +- 21 over 100 trials, 900 counts as solved (section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
    race, chance = Race(seed), np.random.default_rng([seed, 11])
    while not race.over:
        race.step(chance.uniform([-1.0, 0.0, 0.0], [1.0, 1.0, 1.0]))
    race.close()
    return race.total


def wandering_driver(seed: int) -> float:
    """The return of a race of the driver from whose films V and M learned."""
    race, driver, chance = Race(seed), WanderingDriver(), np.random.default_rng([seed, 12])
    driver.reset(chance)
    while not race.over:
        race.step(driver(race.picture(), chance))
    race.close()
    return race.total


def raced(
    entrant: Entrant, *, races: int = RACES, tell: Callable[[str], None] = lambda line: None
) -> dict[str, np.ndarray]:
    """The returns of everybody on the same held-out tracks, (races,) each."""
    model, untrained = entrant.model, entrant.untrained
    tracks = FIRST_TRACK["test"] + np.arange(races)
    found = {}
    for name, who, weights in (("vmc", model, "real"), ("reservoir", untrained, "reservoir"),
                               ("untrained_m", untrained, "real")):  # fmt: skip
        tell(name)
        found[name] = race_returns(who, model.c.of(weights), episodes=races)
    tell("drivers without a model")
    found["random"] = np.array([random_driver(int(track)) for track in tracks])
    found["film_maker"] = np.array([wandering_driver(int(track)) for track in tracks])
    return found


def racing(entrant: Entrant, room: Room) -> Iterator[Row]:
    """Rows carracing_return, and reservoir_return of the C that evolved without a trained M."""
    found = raced(entrant)
    means = {name: float(values.mean()) for name, values in found.items()}
    for question, name in (("carracing_return", "vmc"), ("reservoir_return", "reservoir")):
        yield entrant.row(
            room, "CarRacing-v3/test", question, unit="points",
            controls={other: value for other, value in means.items() if other != name},
            note="n counts races; the paper: 906 +- 21", **mean_and_interval(found[name], seed=room.seed),
        )  # fmt: skip
