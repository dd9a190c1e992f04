"""Films of CarRacing-v3 for training, made on this machine and kept on disk: too many to ship, quick to make again.

>>> films = load_races(count=400)
>>> films.frames.shape                  # (2000, 50, 64, 64, 3), uint8, read from the disk as it is needed

Ha & Schmidhuber 2018, section 3.1, let a driver without a plan make 10,000 rollouts. Here ``WanderingDriver`` drives,
as in data/carracing. An episode of 250 decisions is cut into five films of 50 frames.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_lib.files import atomic_file
from course_lib.worlds.carracing import WanderingDriver
from course_lib.worlds.films import cache_folder
from course_lib.worlds.race import DECISIONS, Race

FILM = 50  # frames of a film
FIRST_SEED = {"train": 100_000, "test": 90_000}  # the tracks of episode 0; the recordings have 10,000 and 20,000
MOST = 10_000  # episodes of a split: the tracks of the test split end where those for training begin
_ARRAYS = ("frames", "actions", "rewards")


@dataclass
class RaceFilms:
    """frames: uint8 (N, 50, 64, 64, 3); actions: float32 (N, 49, 3); rewards: float32 (N, 49)."""

    frames: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    hash: str  # SHA-256 of the arrays

    def __len__(self) -> int:
        return len(self.frames)


def drive(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One episode of the wandering driver: frames (T, 64, 64, 3), actions (T - 1, 3), rewards (T - 1,)."""
    race, driver, generator = Race(seed), WanderingDriver(), np.random.default_rng([seed, 7])
    driver.reset(generator)
    frames, actions, rewards = [race.frame()], [], []
    while not race.over and len(actions) < DECISIONS:
        actions.append(driver(race.picture(), generator))
        rewards.append(race.step(actions[-1]))
        frames.append(race.frame())
    race.close()
    return np.stack(frames), np.array(actions, np.float32), np.array(rewards, np.float32)


def make_races(count: int, *, split: str = "train", tell: Callable[[int], None] | None = None) -> RaceFilms:
    """Drive ``count`` episodes and cut them into films; what is left at the end of an episode is dropped.

    Raises ValueError for an unknown split, fewer than one episode or more than the split has tracks.
    """
    if split not in FIRST_SEED:
        raise ValueError(f"races have the splits {', '.join(FIRST_SEED)}; there is no split {split!r}")
    if not 1 <= count <= MOST:
        raise ValueError(f"between 1 and {MOST} episodes can be driven, not {count}")
    parts: dict[str, list[np.ndarray]] = {name: [] for name in _ARRAYS}
    for episode in range(count):
        frames, actions, rewards = drive(FIRST_SEED[split] + episode)
        for start in range(0, len(frames) - FILM + 1, FILM):
            parts["frames"].append(frames[start : start + FILM])
            parts["actions"].append(actions[start : start + FILM - 1])
            parts["rewards"].append(rewards[start : start + FILM - 1])
        if tell is not None:
            tell(episode + 1)
    arrays = {name: np.stack(rows) for name, rows in parts.items()}
    return RaceFilms(**arrays, hash=_digest(arrays))


def load_races(count: int, *, split: str = "train") -> RaceFilms:
    """The films of the first ``count`` episodes, from the disk where they were made before (see ``make_races``).

    About a second and 3 MB an episode. A damaged cache is named and made again.
    """
    folder = cache_folder().parent / "races"
    path = folder / f"{split}-{count}-{_code_version()[:16]}"
    found = _read(path) if path.exists() else None
    if found is None:
        if count > 20:
            print(f"Driving {count} episodes of CarRacing, about {count / 60:.0f} minutes ...", file=sys.stderr)
        found = make_races(count, split=split)
        _write(path, found)
    return found


def _write(path: Path, films: RaceFilms) -> None:
    try:
        for name in _ARRAYS:
            with atomic_file(path / f"{name}.npy") as file:
                np.save(file, getattr(films, name))
        with atomic_file(path / "sha256.json") as file:
            file.write(json.dumps(films.hash).encode())
    except OSError as reason:
        print(f"The films could not be kept in {path} ({reason}); they will be made again.", file=sys.stderr)


def _read(path: Path) -> RaceFilms | None:
    """The cached films, or None where they are damaged."""
    try:
        arrays = {name: np.load(path / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in _ARRAYS}
        digest = _digest(arrays)
        if json.loads((path / "sha256.json").read_text()) != digest:
            raise ValueError("its checksum does not match")
        return RaceFilms(**arrays, hash=digest)
    except Exception as reason:  # numpy, JSON and the disk each fail in their own way
        print(f"The film cache {path} is damaged ({reason}); the films are made again.", file=sys.stderr)
        return None


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in _ARRAYS:
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        for row in array:  # film by film: a memory map is read once and not held
            digest.update(np.ascontiguousarray(row).data)
    return digest.hexdigest()


def _code_version() -> str:
    """A hash of the source that decides what a film holds."""
    here, digest = Path(__file__).parent, hashlib.sha256(np.__version__.encode())
    for module in ("race", "race_films", "carracing", "recording"):
        digest.update((here / f"{module}.py").read_bytes())
    return digest.hexdigest()
