"""Matched films, two possible and two impossible, balanced to the bit.

A and B are possible films of one property (``properties.py``) that are the same picture for at least two frames, while
what differs is hidden. The impossible films are A[:c] + B[c:] and B[:c] + A[c:] with the cut c inside such a window, so
that frame c - 1 and frame c are the same in A and B. It follows that, within each quadruplet, every frame, every frame
at its time and every pair of neighbouring frames occurs as often in the possible films as in the impossible ones. Who
looks at one frame, or at two neighbours, can know nothing: only memory across the hidden frames can.

>>> some = make_quadruplets("permanence", split="test", count=10)
>>> some.films().shape                 # (10, 4, 28, 32, 32, 3): A, B, AB, BA

No training run sees them: they exist for the splits "validation" and "test" only, and they are no ``Films``, the type
that recipes take. What may be learned from is in ``family.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.films import Film
from course_lib.worlds.properties import OCTET, PROPERTIES, TIERS, draw_pair, find_property
from course_lib.worlds.scenes import film_seed
from course_lib.worlds.screens import FRAMES, Stage, stage_film

FILMS = ("A", "B", "AB", "BA")  # the films of a quadruplet in order: two possible ones, two impossible ones
HELD_OUT_TIER = "held-out"  # the four tiers outside the family, a quarter of the quadruplets each
SPLITS = ("validation", "test")
ATTEMPTS = 400  # draws until a pair has its windows; in the family nearly every draw has


@dataclass(frozen=True)
class Quadruplet:
    """One quadruplet. stages: of A and B. frames: uint8 (2, T, H, W, 3). states: float32 (2, T, SLOTS, FIELDS).

    windows: for each cut, the first and the last of the frames around it that are equal in A and B. cuts: the first
    frames that come from the other film. tier: from which its numbers were drawn.
    """

    stages: tuple[Stage, Stage]
    frames: np.ndarray
    states: np.ndarray
    windows: tuple[tuple[int, int], ...]
    tier: str

    @property
    def cuts(self) -> tuple[int, ...]:
        """The middle of each window."""
        return tuple(first + (last - first + 1) // 2 for first, last in self.windows)


@dataclass(frozen=True)
class Quadruplets:
    """Many quadruplets of one property. frames: uint8 (N, 2, T, H, W, 3), A and B; states: float32 (N, 2, T, SLOTS,
    FIELDS); cuts: integers (N, K); hidden: frames of the first window, integers (N,); hash: SHA-256 of frames and cuts.
    """

    name: str
    tier: str
    split: str
    size: int
    frames: np.ndarray
    states: np.ndarray
    cuts: np.ndarray
    hidden: np.ndarray
    tiers: tuple[str, ...]
    stages: tuple[tuple[Stage, Stage], ...]
    seeds: np.ndarray
    hash: str

    def __len__(self) -> int:
        return len(self.frames)

    def films(self) -> np.ndarray:
        """All four films of each: A, B, AB, BA. uint8 (N, 4, T, H, W, 3)."""
        joined = [change_places(pair, cuts) for pair, cuts in zip(self.frames, self.cuts, strict=True)]
        return np.concatenate([self.frames, np.stack(joined)], axis=1)


def equal_windows(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """The runs of frames that are equal to the bit in two films, as (first frame, last frame), both included.

    first, second: (T, ...). Raises ValueError for films of different shapes.
    """
    if first.shape != second.shape:
        raise ValueError(f"two films are compared frame by frame, these have shapes {first.shape} and {second.shape}")
    same = (first == second).reshape(len(first), -1).all(axis=1)  # (T,)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(int)))
    return [(int(begin), int(end) - 1) for begin, end in edges.reshape(-1, 2)]


def change_places(pair: np.ndarray, cuts: np.ndarray | tuple[int, ...]) -> np.ndarray:
    """Two films that change places at every cut: (2, T, ...) -> (2, T, ...).

    With one cut these are A[:c] + B[c:] and B[:c] + A[c:]; with two, the middle alone is exchanged.
    Raises ValueError for cuts that are not inside the films and in order.
    """
    length = pair.shape[1]
    if any(not a < b for a, b in zip((0, *cuts), (*cuts, length), strict=True)):
        raise ValueError(f"cuts are frames from 1 to {length - 1} in rising order, not {tuple(int(c) for c in cuts)}")
    other = np.searchsorted(np.asarray(cuts), np.arange(length), side="right") % 2  # (T,): 1 where it is exchanged
    return np.stack([pair[other, np.arange(length)], pair[1 - other, np.arange(length)]])


def make_quadruplet(name: str, seed: int, *, tier: str = "family", size: int = 32) -> Quadruplet:
    """The quadruplet of a seed, to the bit the same each time on one machine.

    name: a property. tier: "family", one of the held-out tiers of ``properties.TIERS``, or "held-out": the seed then
    says which of the four. "inertia" and "solidity" of one seed differ in nothing but the hidden wall.
    size: pixels of a frame; in larger frames less is needed to hide a body, so another draw of the seed may be taken.
    Raises ValueError for an unknown property or tier, and RuntimeError where no draw has its windows.
    """
    if tier == HELD_OUT_TIER:
        tier = TIERS[1 + seed % (len(TIERS) - 1)]
    find_property(name)
    stream = list(PROPERTIES).index(OCTET[0] if name in OCTET else name)
    partners = [name] if name not in OCTET else [name, OCTET[1 - OCTET.index(name)]]  # an octet is drawn as one
    for attempt in range(ATTEMPTS):
        made: dict[str, Quadruplet] = {}
        for partner in partners:
            stages = draw_pair(partner, np.random.default_rng([seed, stream, attempt]), tier=tier)
            films = [stage_film(stage, size=size, seed=seed) for stage in stages]
            windows = _windows(partner, stages, films)
            if windows is None:
                break
            made[partner] = Quadruplet(stages, np.stack([f.frames for f in films]), np.stack([f.states for f in films]),
                                       windows, tier)  # fmt: skip
        if len(made) == len(partners):
            return made[name]
    raise RuntimeError(
        f"none of {ATTEMPTS} draws of {name!r}, tier {tier!r}, hides the difference for two frames: a body is too fast "
        "or a screen too narrow in properties.HELD_OUT"
    )


def make_quadruplets(
    name: str, *, split: str, count: int, tier: str = "family", size: int = 32
) -> Quadruplets:
    """The first ``count`` quadruplets of a property in a split.

    name, tier: see ``make_quadruplet``. split: "validation" or "test"; there is none to train on. size: pixels.
    Raises ValueError for what there is not, and for no quadruplet.
    """
    if split not in SPLITS:
        raise ValueError(
            f"there are quadruplets to be examined on, of the splits {' and '.join(SPLITS)}, and none of {split!r}; "
            "films of the family that may be learned from are made by worlds.family.make_family"
        )
    if count < 1:
        raise ValueError(f"count is at least 1, not {count}")
    seeds = [film_seed(split, index) for index in range(count)]
    made = [make_quadruplet(name, seed, tier=tier, size=size) for seed in seeds]
    frames, cuts = np.stack([q.frames for q in made]), np.array([q.cuts for q in made])
    digest = hashlib.sha256(f"{name} {tier} {frames.shape} {cuts.tolist()}".encode())
    digest.update(frames.data)
    return Quadruplets(
        name=name, tier=tier, split=split, size=size, frames=frames, states=np.stack([q.states for q in made]),
        cuts=cuts, hidden=np.array([last - first + 1 for ((first, last), *_) in (q.windows for q in made)]),
        tiers=tuple(q.tier for q in made), stages=tuple(q.stages for q in made), seeds=np.array(seeds),
        hash=digest.hexdigest(),
    )  # fmt: skip


def _windows(name: str, stages: tuple[Stage, Stage], films: list[Film]) -> tuple[tuple[int, int], ...] | None:
    """The windows to cut in, or None where this draw does not do.

    The films differ in the first frame and after the last window; each window has two frames or more; and before two
    screens, the body of A is behind the one that it came to first, and then behind the other.
    """
    wanted = PROPERTIES[name].cuts
    runs = equal_windows(films[0].frames, films[1].frames)
    windows = tuple(runs[:wanted])
    if len(windows) < wanted or windows[0][0] == 0 or any(last == first for first, last in windows):
        return None
    if windows[-1][1] > FRAMES - 3:  # what comes out has to be seen
        return None
    if PROPERTIES[name].kind == "two":
        x, vx = films[0].states[:, 1, spec.FIELD["x"]], films[0].states[0, 1, spec.FIELD["vx"]]
        passed = stages[0].screens if vx > 0 else stages[0].screens[::-1]
        behind = zip(passed, windows, strict=False)
        if not all(screen.left < x[frame] < screen.right for screen, window in behind for frame in window):
            return None
    return windows
