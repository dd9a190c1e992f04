"""Question: does the world last, and do its keys still work after half a minute?

Four good frames prove little about a world that is played: a dream goes on from its own mistakes. A model is shown one
real frame of each of some held-out rooms and then played for 300 frames under keys that are held and tapped
(``measures/long_play``); the course's reader looks for the agent and the star in every frame, and late in the game the
four keys are tried from one and the same frame.

It is played twice, drawing from its own probabilities and taking what is likeliest, because the likeliest frame after
an empty room is an empty room. n counts rooms, as many as the sitting has films. A room takes a small Genie about
twenty seconds of a slow core in either way, so nobody is asked this who was not named:
``exam genie --ask long_play --films 20``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval
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


def ask(
    entrant: Entrant, sitting: Sitting, *, frames: int = FRAMES, tries: tuple[int, ...] = TRIES
) -> Iterator[Row]:
    """Rows play_alive, play_star and play_obeys_late."""
    model = entrant.part("model")
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
