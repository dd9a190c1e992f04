"""Captions from a small grammar.

    film   := body { " and " body }
    body   := "a" size colour shape motion
    motion := "flying up" | "falling" | "moving left" | "moving right" | "resting"

A *short* caption names colours and shapes; a *descriptive* one adds size and motion. Bodies are named from left to
right as they stand in the first frame, so that a film has one caption of each kind. Equal short descriptions are
counted: "two red balls". Captions name the free bodies only, never the agent, the star, the lamp, screen or platforms;
a film without free bodies is "an empty box".
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from course_lib.worlds import spec

_F = spec.FIELD
MOTIONS = ("moving left", "moving right", "falling", "flying up", "resting")
SIZES = ("small", "large")
NUMBERS = {1: "a", 2: "two", 3: "three", 4: "four"}
PLURALS = {"ball": "balls", "box": "boxes", "triangle": "triangles"}
EMPTY = "an empty box"
WORDS = tuple(dict.fromkeys(" ".join((
    "a an and", *NUMBERS.values(), *SIZES, *spec.COLOURS, *spec.SHAPES, *PLURALS.values(), *MOTIONS, EMPTY
)).split()))  # fmt: skip
"""Every word that a caption can hold, each once."""
MOST_WORDS = 6 * spec.MAX_BODIES + spec.MAX_BODIES - 1  # "a small red ball moving left", four times, with "and"
_WINDOW = 4  # frames over which a motion is judged
FRAMES = _WINDOW + 1  # what a caption speaks of: the first frame, and the motion to the last of these
_STILL = 1.0  # units: what moves less than this in the window rests


def motion(track: np.ndarray) -> str:
    """The word for a body's first movement. track: (T, 2), x and y in units."""
    dx, dy = track[min(_WINDOW, len(track) - 1)] - track[0]
    if max(abs(dx), abs(dy)) < _STILL:
        return "resting"
    if abs(dx) >= abs(dy):
        return "moving left" if dx < 0 else "moving right"
    return "falling" if dy < 0 else "flying up"


def describe(states: np.ndarray) -> list[dict[str, str]]:
    """Each free body's words, from left to right. states: (T, SLOTS, FIELDS)."""
    slots = [s for s in range(1, 1 + spec.MAX_BODIES) if states[0, s, _F["kind"]] > 0]
    slots.sort(key=lambda s: states[0, s, _F["x"]])
    middle = sum(spec.SIZE) / 2
    return [
        {
            "size": SIZES[int(states[0, s, _F["size"]] > middle)],
            "colour": spec.COLOURS[int(states[0, s, _F["colour"]])],
            "shape": spec.KINDS[int(states[0, s, _F["kind"]])],
            "motion": motion(states[:, s, 2:4]),
        }
        for s in slots
    ]


def _article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def caption(states: np.ndarray, *, descriptive: bool = True) -> str:
    """The film's caption. states: (T, SLOTS, FIELDS). A film without free bodies is "an empty box"."""
    words = describe(states)
    if not words:
        return EMPTY
    if descriptive:
        return " and ".join(_article(f"{w['size']} {w['colour']} {w['shape']} {w['motion']}") for w in words)
    counts = Counter(f"{w['colour']} {w['shape']}" for w in words)
    parts = []
    for name, count in counts.items():
        colour, shape = name.split()
        many = f"{NUMBERS[count]} {colour} {PLURALS[shape]}"
        parts.append(_article(name) if count == 1 else many)
    return " and ".join(parts)


def parse_caption(text: str) -> list[dict[str, str]]:
    """The way back from a descriptive caption: each body's words, from left to right, as ``describe`` gives them.

    Raises ValueError for what is no descriptive caption of the grammar.
    """
    if text == EMPTY:
        return []
    bodies = []
    for phrase in text.split(" and "):
        article, size, colour, shape, *moves = [*phrase.split(), *[""] * 4][: max(4, len(phrase.split()))]
        body = {"size": size, "colour": colour, "shape": shape, "motion": " ".join(moves)}
        allowed = {"size": SIZES, "colour": spec.COLOURS, "shape": spec.SHAPES, "motion": MOTIONS}
        wrong = [name for name, words in allowed.items() if body[name] not in words]
        if article not in ("a", "an") or wrong:
            raise ValueError(f"{phrase!r} is no body of a descriptive caption, such as 'a small red ball moving left'")
        bodies.append(body)
    return bodies
