"""Question: does the world last, and do its keys still work after half a minute?

Four good frames prove little about a world that is played: a dream goes on from its own mistakes. A model is shown one
real frame of each of some held-out rooms and then played for 300 frames under keys that are held and tapped
(``measures/long_play``); the course's reader looks for the agent and the star in every frame, and late in the game the
four keys are tried from one and the same frame.

What comes with the course was played in 100 rooms by a study (``studies/long_play``), and its rows are read from there:
also how many stars somebody gets who wants them, and how long the agent lasts in painted rooms. Anybody else is played
now, drawing from its own probabilities and taking what is likeliest, because the likeliest frame after an empty room is
an empty room. A room takes a small Genie seconds, so nobody is asked this now who was not named:
``exam --model my_package:MyModel --ask long_play --films 20``. n counts rooms.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval, paired_ratio_interval, wilson_interval
from course_lib.exam.measures.long_play import (
    FRAMES,
    TRIES,
    TRY,
    frozen,
    play_keys,
    play_model,
    play_simulator,
    read_game,
)
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.long_play import PAINTED_FRAMES, SEEK_FRAMES, Played, measured_play
from course_lib.studies.store import check_weights
from course_lib.worlds.frames import to_model

ROWS = {
    "play_alive": ("alive", "share of frames in which the reader finds one agent, and no second one"),
    "play_star": ("star", "share of frames in which the reader finds one star, and no second one"),
    "play_obeys_late": (
        "obeys",
        f"share of late tries of {TRY} frames that go the right way: right against left; on the floor jump against no "
        "key, and no key stands still",
    ),
}


LASTS = 0.9  # of the frames of a painted room: it counts as alive where the agent is found in so many
STUDIED = {"genie": ("genie", "key_map"), "vmc": ("vmc",)}  # who was played by the study, and the weights that it names


def ask(
    entrant: Entrant, sitting: Sitting, *, frames: int = FRAMES, tries: tuple[int, ...] = TRIES
) -> Iterator[Row]:
    """Rows play_alive, play_star and play_obeys_late; of those that the study played play_return and play_painted."""
    model = entrant.part("model")
    if entrant.name in STUDIED and entrant.checkpoint is not None:
        yield from _studied(entrant, sitting)
        return
    films = sitting.films_for(entrant, "goal")
    first, keys = to_model(films.frames[:, 0]), play_keys(len(films), frames, np.random.default_rng(sitting.seed))
    drawn = read_game(sitting.reader, play_model(model, first, keys, generator=sitting.generator(), tries=tries))

    def worlds() -> dict[str, dict[str, np.ndarray]]:
        simulator = play_simulator("goal", films.seeds, keys, size=sitting.size, tries=tries)
        games = {"simulator": simulator, "frozen_picture": frozen(films.frames[:, 0], frames, tries)}
        return {name: read_game(sitting.reader, game) for name, game in games.items()}

    shared = sitting.once(("long_play", films.split, len(films), frames, tries), worlds)
    controls = shared | {"likeliest": read_game(sitting.reader, play_model(model, first, keys, tries=tries))}
    for question, (fact, words) in ROWS.items():
        yield entrant.row(
            sitting, films, question, unit="", note=f"{words}; {frames} frames after one real one, drawn",
            controls={name: float(values[fact].mean()) for name, values in controls.items()},
            **mean_and_interval(drawn[fact], seed=sitting.seed),
        )  # fmt: skip


def _studied(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    where = sitting.admit_episodes(entrant, "goal")
    if sitting.split != "test":
        raise NotCapable("the study plays the test rooms alone")
    kept, name = measured_play(), entrant.name
    for part in STUDIED[name]:
        check_weights(kept.weights[part], entrant.checkpoints.get(part, entrant.checkpoint), "long_play")
    others = {player: marks for player, marks in kept.played.items() if player != name}
    if name == "vmc":  # the other ways of playing Genie are controls of Genie
        others = {player: others[player] for player in ("genie", "simulator", "frozen")}
    for question, (fact, words) in ROWS.items():
        yield entrant.row(
            sitting, where, question, unit="",
            note=f"{words}; {FRAMES} frames after one real one, drawn; n counts rooms",
            controls={player: float(marks[fact].mean()) for player, marks in others.items() if fact in marks},
            **mean_and_interval(kept.played[name][fact], seed=sitting.seed),
        )  # fmt: skip
    yield from _wanted(entrant, sitting, where, kept)


def _wanted(entrant: Entrant, sitting: Sitting, where: str, kept: Played) -> Iterator[Row]:
    """Rows play_return and play_painted of the study."""
    stars, real = kept.stars[entrant.name], kept.stars["simulator"]
    low, high = paired_ratio_interval(stars, real, generator=sitting.rng(5))
    yield entrant.row(
        sitting, where, "play_return", unit="", value=float(stars.mean() / real.mean()), low=low, high=high,
        n=len(stars), controls={"random_keys": float(kept.stars["random keys"].mean() / real.mean())},
        note=f"stars touched in {SEEK_FRAMES} frames by a player that runs to the star it sees, over those that it "
        f"touches in the simulator ({real.mean():.1f} a room); above 1 a dream promises too much",
    )  # fmt: skip
    rooms = kept.painted[entrant.name]
    lasting = int((rooms >= LASTS).sum())
    low, high = wilson_interval(lasting, len(rooms))
    yield entrant.row(
        sitting, "painted rooms", "play_painted", unit="", value=lasting / len(rooms), low=low, high=high, n=len(rooms),
        controls={"found_in_the_painting": float(kept.painted["first frame"].mean())}
        | {who: float((marks >= LASTS).mean()) for who, marks in kept.painted.items()
           if who not in (entrant.name, "first frame")},
        note=f"share of painted rooms in which the reader finds one agent in {LASTS:.0%} of {PAINTED_FRAMES} frames",
    )  # fmt: skip
