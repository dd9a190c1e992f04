"""A mass, an elasticity and a friction by the laws of mechanics, from where things are in a film.

What a physicist would do with a film, as a control for probes: it shows that the film holds the property at all. It is
given the frame of the event. From the places in two frames in a row follows the speed between them.

    mass         m_1 (dv_1 + g dt) = -m_2 (dv_2 + g dt): momentum, but for what gravity adds
    elasticity   the root of the energy after over the energy before, each from a speed and the height that goes with it
    friction     by how much the speed falls in a second
"""

from __future__ import annotations

import numpy as np

from course_lib.worlds import spec

SLIDES = 4  # frames from whose places the loss of speed is found


def between(places: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of films (N, T, ...) the place half way between a frame and the next one, and the speed there: (N, ...) each.

    frame: int (N,), of each film.
    """
    rows = np.arange(len(places))
    here, there = places[rows, frame], places[rows, frame + 1]
    return (here + there) / 2, (there - here) / spec.FRAME_SECONDS


def mass_by_momentum(places: np.ndarray, event: np.ndarray) -> np.ndarray:
    """The logarithm of the second body's mass over the first one's. places: (N, T, 2, 2), event: (N,) -> (N,)."""
    (_, before), (_, after) = between(places, event - 2), between(places, event)
    change = after - before  # (N, 2, 2); between the two speeds lie two frames
    change[..., 1] += spec.GRAVITY * 2 * spec.FRAME_SECONDS
    gained = np.linalg.norm(change, axis=-1)  # (N, 2)
    return np.log(np.maximum(gained[:, 0], 1e-3) / np.maximum(gained[:, 1], 1e-3))


def elasticity_by_energy(places: np.ndarray, event: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Speed after over speed before a bounce on the floor. places: (N, T, 1, 2); size: the radius, (N,) -> (N,)."""
    found = []
    for at in (event - 2, event):
        height, speed = (each[:, 0, 1] for each in between(places, at))
        found.append(np.square(speed) + 2.0 * spec.GRAVITY * (height - size - spec.FLOOR))
    return np.sqrt(np.maximum(found[1], 0.0) / np.maximum(found[0], 1e-3))


def friction_by_speed(places: np.ndarray) -> np.ndarray:
    """How fast a body slows down at the beginning, over gravity. places: (N, T, 1, 2) -> (N,)."""
    x = places[:, :SLIDES, 0, 0]
    x = x * np.sign(x[:, -1:] - x[:, :1])
    bend = np.polyfit(spec.FRAME_SECONDS * np.arange(SLIDES), x.T, 2)[0]  # (N,)
    return -2.0 * bend / spec.GRAVITY


def by_mechanics(kind: str, places: np.ndarray, event: np.ndarray, size: np.ndarray) -> np.ndarray:
    """A film's property by its law, (N,); where a place is lacking, the median of the others. kind: of the films.

    Raises ValueError for a kind without a law.
    """
    laws = {"mass": lambda: mass_by_momentum(places, event), "friction": lambda: friction_by_speed(places),
            "elasticity": lambda: elasticity_by_energy(places, event, size)}  # fmt: skip
    if kind not in laws:
        raise ValueError(f"there is no law for {kind!r}; there are: {', '.join(laws)}")
    found = laws[kind]()
    return np.where(np.isfinite(found), found, np.nanmedian(found))
