"""Film sets as arrays: made in seconds on this machine, kept on disk, never downloaded.

>>> films = load_films("simple", split="train", count=500)
>>> films.frames.shape                 # (500, 32, 32, 32, 3), uint8
>>> films.of("x")[0, :, 1]             # where body 1 of film 0 is, frame by frame, in units

A cached file's name is a hash of everything that decides its content: the film set, the size, the split, the count and
the source of the code that makes it. A damaged file is noticed (a SHA-256 of all arrays is kept with them) and made
again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from course_lib.files import atomic_file
from course_lib.worlds import spec
from course_lib.worlds.captions import caption
from course_lib.worlds.draw import draw_film
from course_lib.worlds.scenes import FilmSet, Scene, check_trainable, film_seed, film_set, sample_scene
from course_lib.worlds.simulate import Simulation

_ARRAYS = ("frames", "actions", "rewards", "states", "contacts")


@dataclass
class Film:
    """One film with everything that happened in it."""

    scene: Scene
    frames: np.ndarray  # uint8 (T, H, W, 3)
    actions: np.ndarray  # uint8 (T - 1,): actions[t] leads from frame t to frame t + 1
    rewards: np.ndarray  # float32 (T - 1,)
    states: np.ndarray  # float32 (T, SLOTS, FIELDS)
    contacts: np.ndarray  # float32 (M, 4): frame, slot, slot (-1 is a wall), closing speed
    seed: int

    def caption(self, *, descriptive: bool = True) -> str:
        """What the film shows, in words."""
        return caption(self.states, descriptive=descriptive)


@dataclass
class Films:
    """Many films of one set, as arrays with the film first."""

    name: str
    split: str
    size: int
    frames: np.ndarray  # uint8 (N, T, H, W, 3)
    actions: np.ndarray  # uint8 (N, T - 1)
    rewards: np.ndarray  # float32 (N, T - 1)
    states: np.ndarray  # float32 (N, T, SLOTS, FIELDS)
    contacts: np.ndarray  # float32 (M, 5): film, frame, slot, slot, closing speed
    captions: list[str]
    short_captions: list[str]
    seeds: np.ndarray  # int64 (N,)
    hash: str  # SHA-256 of the arrays, for provenance

    def __len__(self) -> int:
        return len(self.frames)

    def of(self, name: str) -> np.ndarray:
        """One field of the states, (N, T, SLOTS). Raises ValueError that lists the fields."""
        if name not in spec.FIELD:
            raise ValueError(f"there is no field {name!r}; the fields are: {', '.join(spec.FIELDS)}")
        return self.states[..., spec.FIELD[name]]

    def for_training(self) -> Films:
        """These films, once it is sure that a training run may see them. Raises ValueError where it may not."""
        check_trainable(self.name, self.split)
        return self


def wander(steps: int, rng: np.random.Generator) -> np.ndarray:
    """Actions of an agent without a plan: each is held for one to eight frames. Returns uint8 (steps,)."""
    actions = np.empty(steps, np.uint8)
    t = 0
    while t < steps:
        action = rng.choice(4, p=(0.16, 0.32, 0.32, 0.20))
        hold = 1 if action == 3 else int(rng.integers(1, 9))
        actions[t : t + hold] = action
        t += hold
    return actions


def _chance(seed: int, stream: int) -> np.random.Generator:
    """A film has three independent sources of chance: other actions must change neither the scene nor the stars."""
    return np.random.default_rng([seed, stream])


def begin(name: str | FilmSet, seed: int) -> Simulation:
    """The simulation of a seed at its first frame, for those who press other keys than the film did."""
    films = film_set(name) if isinstance(name, str) else name
    return Simulation(sample_scene(films, _chance(seed, 0)), _chance(seed, 1))


def make_film(
    name: str | FilmSet,
    seed: int,
    *,
    actions: np.ndarray | None = None,
    length: int = spec.FILM_FRAMES,
    size: int = 32,
) -> Film:
    """Make the film of a seed, bit for bit the same each time on one machine.

    name: a film set. seed: see ``scenes.film_seed``. actions: integers (length - 1,) to replay; without them the agent
    wanders. length: frames. size: side of a frame in pixels.
    Raises ValueError for an unknown set, fewer than 2 frames, or actions that are not that many whole numbers.
    """
    films = film_set(name) if isinstance(name, str) else name
    if length < 2:
        raise ValueError(f"a film has at least 2 frames, not {length}")
    simulation = begin(films, seed)
    scene = simulation.scene
    if actions is None:
        actions = wander(length - 1, _chance(seed, 2)) if films.agent else np.zeros(length - 1, np.uint8)
    actions = np.asarray(actions)
    if not np.issubdtype(actions.dtype, np.integer):
        raise ValueError(f"actions are whole numbers, 0 to 3, these are {actions.dtype}")
    actions = actions.astype(np.uint8)
    if actions.shape != (length - 1,):
        raise ValueError(f"{length} frames have {length - 1} actions between them, these have shape {actions.shape}")
    states = np.empty((length, spec.SLOTS, len(spec.FIELDS)), np.float32)
    rewards = np.zeros(length - 1, np.float32)
    states[0] = simulation.state()
    for t, action in enumerate(actions):
        rewards[t] = simulation.step(int(action))
        states[t + 1] = simulation.state()
    contacts = np.array(
        [(c.frame, c.first, c.second, c.speed) for c in simulation.contacts], np.float32
    ).reshape(-1, 4)
    return Film(scene, draw_film(scene, states, size), actions, rewards, states, contacts, seed)


def make_films(name: str, *, split: str, count: int, size: int = 32, length: int = spec.FILM_FRAMES) -> Films:
    """Make ``count`` films of a set without looking at the disk; see ``load_films``.

    Raises ValueError for an unknown set or split, a reserved set in the training split, no film, fewer than 2 frames.
    """
    if count < 1:
        raise ValueError(f"count is at least 1, not {count}")
    films = film_set(name)
    if split == "train":
        check_trainable(name, split)
    seeds = np.array([film_seed(split, i) for i in range(count)], np.int64)
    frames = np.empty((count, length, size, size, 3), np.uint8)
    states = np.empty((count, length, spec.SLOTS, len(spec.FIELDS)), np.float32)
    actions = np.empty((count, length - 1), np.uint8)
    rewards = np.empty((count, length - 1), np.float32)
    contacts = []
    for i, seed in enumerate(seeds):
        film = make_film(films, int(seed), length=length, size=size)
        frames[i], states[i], actions[i], rewards[i] = film.frames, film.states, film.actions, film.rewards
        contacts.append(np.insert(film.contacts, 0, i, axis=1))
    arrays = {"frames": frames, "actions": actions, "rewards": rewards, "states": states,
              "contacts": np.concatenate(contacts)}  # fmt: skip
    return _assemble(name, split, size, seeds, arrays, _digest(arrays))


def _assemble(
    name: str, split: str, size: int, seeds: np.ndarray, arrays: dict[str, np.ndarray], digest: str
) -> Films:
    states = arrays["states"]
    return Films(
        name=name,
        split=split,
        size=size,
        seeds=seeds,
        captions=[caption(s) for s in states],
        short_captions=[caption(s, descriptive=False) for s in states],
        hash=digest,
        **arrays,
    )


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for key in _ARRAYS:
        digest.update(f"{key}{arrays[key].dtype}{arrays[key].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[key]).data)
    return digest.hexdigest()


def code_version() -> str:
    """A hash of the source that decides what a film looks like, and of pymunk's and numpy's versions."""
    import pymunk

    here, digest = Path(__file__).parent, hashlib.sha256(f"{pymunk.version} {np.__version__}".encode())
    for module in ("spec", "scenes", "simulate", "draw", "films"):
        digest.update((here / f"{module}.py").read_bytes())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where films are kept: ``$COURSE_CACHE``, or ``.cache`` beside the course's library."""
    return Path(os.environ.get("COURSE_CACHE") or Path(__file__).resolve().parents[2] / ".cache") / "films"


def load_films(
    name: str, *, split: str, count: int, size: int = 32, length: int = spec.FILM_FRAMES, cache: bool = True
) -> Films:
    """The first ``count`` films of a set's split, from the disk where they were made before.

    name: film set, see ``scenes.FILM_SETS``. split: "train", "validation" or "test". size: pixels. length: frames.
    Raises ValueError for an unknown set or split, a reserved set in the training split, no film, fewer than 2 frames.
    A damaged cache file is named, replaced and no reason to stop; a disk that cannot be written costs only the time to
    make the films again.
    """
    films, first = film_set(name), film_seed(split, 0)
    key = {"set": asdict(films), "version": spec.VERSION, "code": code_version(), "first": first, "count": count,
           "size": size, "length": length}  # fmt: skip
    stem = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_folder() / f"{name}-{split}-{count}x{length}-{size}px-{stem}.npz"
    if cache and path.exists():
        found = _read(path)
        if found is not None:
            return _assemble(name, split, size, np.arange(first, first + count, dtype=np.int64), *found)
    made = make_films(name, split=split, count=count, size=size, length=length)
    if cache:
        _write(path, made)
    return made


def _read(path: Path) -> tuple[dict[str, np.ndarray], str] | None:
    """The arrays of a cached file with their digest, or None where the file is damaged."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in _ARRAYS}
            digest = _digest(arrays)
            if str(stored["digest"]) != digest:
                raise ValueError("its checksum does not match")
            return arrays, digest
    except Exception as reason:  # zip, zlib, numpy and the disk each fail in their own way
        print(f"The film cache {path} is damaged ({reason}); the films are made again.", file=sys.stderr)
        return None


def _write(path: Path, films: Films) -> None:
    arrays = {key: getattr(films, key) for key in _ARRAYS}
    try:
        with atomic_file(path) as file:
            np.savez(file, digest=np.array(films.hash), **arrays)
    except OSError as reason:
        print(f"The films could not be kept in {path.parent} ({reason}); they will be made again.", file=sys.stderr)


def stream_films(
    name: str, *, size: int = 32, length: int = spec.FILM_FRAMES, start: int = 0
) -> Iterator[Film]:
    """An endless stream of training films, for runs that never want to see a film twice."""
    check_trainable(name, "train")
    index = start
    while True:
        yield make_film(name, film_seed("train", index), size=size, length=length)
        index += 1
