"""Record films from any gymnasium environment that shows pixels, and keep them in one small file.

The Playground is a toy that we drew ourselves. To see whether an idea also works on frames that nobody drew for it,
the course keeps recordings of other environments beside it. A recording is made once, with a seed, and read by
notebooks without the environment installed.

On disk a recording is a `.npz` file: a zip archive of numpy arrays, compressed with LZMA, without pickled objects, so
that reading it can never run code. `numpy.load` opens it too.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from course_lib.files import atomic_file
from course_lib.lookup import CourseError

FORMAT = 1  # raised when the layout of the file changes; older files are refused with a message
ARRAYS = ("frames", "lengths", "actions", "rewards", "terminated", "truncated")

Policy = Callable[[np.ndarray, np.random.Generator], Any]


class RecordingError(CourseError, ValueError):
    """A recording cannot be read; the message names the file, what is wrong with it, and the way out."""


@dataclass(frozen=True)
class Recording:
    """Films of several episodes, laid end to end.

    frames: uint8 ``(N, H, W, 3)``, all frames of all episodes in order.
    lengths: int ``(E,)``, the number of frames of each episode; they add up to N.
    actions: ``(N - E, ...)``, the action between each frame and the next: an episode of T frames has T - 1 of them.
    rewards: float32 ``(N - E,)``, the reward collected on the way from each frame to the next.
    terminated, truncated: bool ``(E,)``, how an episode ended; both False when the recorder stopped it.
    info: environment id, seed, versions and the settings of `record`.
    """

    frames: np.ndarray
    lengths: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count, episodes = len(self.frames), len(self.lengths)
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4 or self.frames.shape[-1] != 3:
            raise ValueError(
                f"frames must be uint8 (N, H, W, 3), these are {self.frames.dtype} with shape {self.frames.shape}"
            )
        if self.lengths.ndim != 1 or not np.issubdtype(self.lengths.dtype, np.integer):
            raise ValueError(f"lengths must be whole numbers (E,), not {self.lengths.dtype} {self.lengths.shape}")
        if int(self.lengths.sum()) != count or (self.lengths < 1).any():
            raise ValueError(f"lengths add up to {int(self.lengths.sum())}, but there are {count} frames")
        for name, rows in (("actions", count - episodes), ("rewards", count - episodes)):
            if len(getattr(self, name)) != rows:
                raise ValueError(
                    f"{count} frames in {episodes} episodes have {rows} {name}, not {len(getattr(self, name))}"
                )
        for name in ("terminated", "truncated"):
            if len(getattr(self, name)) != episodes:
                raise ValueError(f"{episodes} episodes need {episodes} flags {name}, not {len(getattr(self, name))}")

    def __len__(self) -> int:
        """The number of episodes."""
        return len(self.lengths)

    def episode(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames ``(T, H, W, 3)``, actions ``(T - 1, ...)`` and rewards ``(T - 1,)`` of one episode."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"episode {index} of a recording with {len(self)} episodes")
        index %= len(self)
        start, length = int(self.lengths[:index].sum()), int(self.lengths[index])
        first = start - index  # each earlier episode has one action fewer than it has frames
        steps = slice(first, first + length - 1)
        return self.frames[start : start + length], self.actions[steps], self.rewards[steps]

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        return (self.episode(index) for index in range(len(self)))

    def films(self, length: int, stride: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Cut the episodes into films of equal length; no film crosses from one episode into the next.

        stride: frames between the beginnings of two films; None puts them side by side without overlap.
        Returns frames ``(F, length, H, W, 3)`` and actions ``(F, length - 1, ...)``.
        Raises ValueError when no episode is long enough.
        """
        if length < 1 or (stride is not None and stride < 1):
            raise ValueError(f"length and stride must be at least 1, not {length} and {stride}")
        frames, actions = [], []
        for film, moves, _ in self:
            for start in range(0, len(film) - length + 1, stride or length):
                frames.append(film[start : start + length])
                actions.append(moves[start : start + length - 1])
        if not frames:
            raise ValueError(f"no episode has {length} frames; the longest has {int(self.lengths.max())}")
        return np.stack(frames), np.stack(actions)

    def fingerprint(self) -> str:
        """SHA-256 of the arrays, the same wherever and however the recording is stored."""
        digest = hashlib.sha256()
        for name in ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write the recording to one file, completely or not at all.

        The file is written under a temporary name and then renamed. Frames are stored as they are: differences
        between neighbouring frames, tried on CarRacing, took 1.7 times the space, because every pixel moves there.
        """
        path = Path(path)
        contents = {name: np.ascontiguousarray(getattr(self, name)) for name in ARRAYS}
        contents["info"] = np.array(json.dumps({"format": FORMAT, **self.info}, sort_keys=True))
        with atomic_file(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
            for name, array in contents.items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, array, allow_pickle=False)
                # A fixed date: the same recording gives the same bytes on any day.
                entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_LZMA
                archive.writestr(entry, buffer.getvalue())
        return path

    @classmethod
    def load(cls, path: str | Path, *, way_out: str = "record it again") -> Recording:
        """Read a recording; every failure is a RecordingError that names the file and the way out.

        way_out: what the reader should do when the file is unusable, such as a command to type.
        """
        path = Path(path)
        if not path.is_file():
            raise RecordingError(f"there is no recording at {path}; to get it, {way_out}")
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            info = json.loads(str(arrays.pop("info")))
            if not isinstance(info, dict):
                raise ValueError("its info is no table")
        except Exception as error:  # a damaged file fails in many ways: no zip, bad checksum, LZMA, end of file
            raise RecordingError(
                f"{path} is damaged or is not a recording ({type(error).__name__}: {error}); delete it, then {way_out}"
            ) from error
        version = info.pop("format", None)
        if version != FORMAT:
            raise RecordingError(
                f"{path} has format {version}, this course reads format {FORMAT}; delete it, then {way_out}"
            )
        missing = [name for name in ARRAYS if name not in arrays]
        if missing:
            raise RecordingError(f"{path} lacks {', '.join(missing)}; delete it, then {way_out}")
        try:
            return cls(**{name: arrays[name] for name in ARRAYS}, info=info)
        except (ValueError, TypeError) as error:  # an array without dimensions has no length
            raise RecordingError(f"{path} does not fit together: {error}; delete it, then {way_out}") from error


def area_resize(frames: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Shrink pictures so that each new pixel is the exact mean of the area it covers.

    A new pixel may cover parts of old ones (84 rows into 64: 1.3125 rows each); each counts by the part covered.
    frames: uint8 ``(..., H, W, 3)``; size: new height and width, or one number for both.
    Returns uint8 ``(..., height, width, 3)``. Raises ValueError when asked to enlarge.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if frames.ndim < 3 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise ValueError(f"expected uint8 pictures (..., H, W, 3), got {frames.dtype} with shape {frames.shape}")
    if not (0 < height <= frames.shape[-3] and 0 < width <= frames.shape[-2]):
        raise ValueError(
            f"averaging over areas only shrinks: {frames.shape[-3]}x{frames.shape[-2]} to {height}x{width}"
        )
    rows, columns = overlap(frames.shape[-3], height), overlap(frames.shape[-2], width)
    tall = rows @ frames.reshape(*frames.shape[:-2], -1).astype(np.float64)  # (p, H) @ (..., H, W * 3)
    mean = columns @ tall.reshape(*tall.shape[:-1], -1, 3)  # (q, W) @ (..., p, W, 3) -> (..., p, q, 3)
    return np.floor(mean + 0.5 - 1e-9).astype(np.uint8)  # the tiny step back keeps 127.5 from depending on round-off


@lru_cache(maxsize=16)
def overlap(old: int, new: int) -> np.ndarray:
    """Row p holds the share of each old pixel in new pixel p, ``(new, old)``; each row adds up to 1."""
    edges = np.arange(new + 1) * (old / new)
    left, right = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)[None, :]
    return np.clip(np.minimum(right, pixel + 1) - np.maximum(left, pixel), 0, None) * (new / old)


def record(
    env: Any,
    episodes: int,
    policy: Policy,
    *,
    seed: int,
    size: int | tuple[int, int] | None = 64,
    every: int = 1,
    max_frames: int,
    frames_per_episode: int | None = None,
    skip: int = 0,
    crop: tuple[int, int, int, int] | None = None,
) -> Recording:
    """Let a policy act in an environment and keep what it sees.

    env: a gymnasium environment; its observations, or else what `render()` gives, are uint8 ``(H, W, 3)``.
    policy: `policy(frame, generator) -> action`; if it has a method `reset(generator)`, each episode begins with it.
    seed: episode e resets the environment with seed + e and the policy with a generator of its own made from (seed, e).
    size: height and width of the stored frames, by exact averaging over areas; None keeps them as they are.
    every: keep one frame in so many steps. The action is held over these steps and their rewards are added, so that
        an action still leads from one kept frame to the next.
    max_frames: stop after so many frames in all. frames_per_episode: stop an episode after so many.
    skip: steps at the beginning of an episode that are played and not kept.
    crop: top, bottom, left, right of the part that is kept, in pixels of the environment, before the resize.

    Raises ValueError for counts that make no sense and for an environment without pixels.
    """
    for name, value, least in (("episodes", episodes, 1), ("every", every, 1), ("max_frames", max_frames, 2)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
    if skip < 0 or (frames_per_episode is not None and frames_per_episode < 2):
        raise ValueError(f"skip must not be negative ({skip}), frames_per_episode at least 2 ({frames_per_episode})")
    frames: list[np.ndarray] = []
    lengths, actions, rewards, terminated, truncated = [], [], [], [], []
    for episode in range(episodes):
        room = min(max_frames - len(frames), frames_per_episode or max_frames)
        if room < 2:  # one frame is not a film
            break
        film, moves, gains, ended, cut = _play(env, policy, seed, episode, every, room, skip)
        if crop is not None:
            top, bottom, left, right = crop
            film = [frame[top:bottom, left:right] for frame in film]
        frames += [frame.copy() if size is None else area_resize(frame, size) for frame in film]
        lengths.append(len(film))
        actions += moves
        rewards += gains
        terminated.append(ended)
        truncated.append(cut)
    settings = {"size": size, "every": every, "skip": skip, "crop": crop, "frames_per_episode": frames_per_episode}
    return Recording(
        frames=np.stack(frames),
        lengths=np.array(lengths, np.int64),
        actions=np.array(actions),
        rewards=np.array(rewards, np.float32),
        terminated=np.array(terminated, bool),
        truncated=np.array(truncated, bool),
        info={"env": _env_id(env), "seed": seed, "versions": _versions(), **settings},
    )


def _play(
    env: Any, policy: Policy, seed: int, episode: int, every: int, room: int, skip: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[float], bool, bool]:
    """One episode: frames, actions between them, summed rewards, and how it ended."""
    generator = np.random.default_rng([seed, episode])
    observation, _ = env.reset(seed=seed + episode)
    if hasattr(policy, "reset"):
        policy.reset(generator)
    frame, over = _pixels(env, observation), False
    for _ in range(skip):
        observation, _, ended, cut, _ = env.step(policy(frame, generator))
        frame, over = _pixels(env, observation), ended or cut
        if over:
            raise ValueError(f"episode {episode} ended within the {skip} steps to skip; skip fewer")
    film, moves, gains, ended, cut = [frame], [], [], False, False
    while len(film) < room and not (ended or cut):
        action, gain = policy(frame, generator), 0.0
        for _ in range(every):
            observation, reward, ended, cut, _ = env.step(action)
            gain += float(reward)
            if ended or cut:
                break
        frame = _pixels(env, observation)
        film.append(frame)
        moves.append(np.array(action))
        gains.append(gain)
    return film, moves, gains, bool(ended), bool(cut)


def _pixels(env: Any, observation: Any) -> np.ndarray:
    """The picture of this step: the observation if it is one, else what the environment renders."""
    for picture in (observation, env.render() if _renders_arrays(env) else None):
        if isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.ndim == 3:
            if picture.shape[-1] == 3:
                return picture
    raise ValueError(
        f"{_env_id(env)} shows no pixels: its observations are not uint8 (H, W, 3); "
        "make it with render_mode='rgb_array' to record what it draws"
    )


def _renders_arrays(env: Any) -> bool:
    return getattr(env, "render_mode", None) == "rgb_array"


def _env_id(env: Any) -> str:
    spec = getattr(env, "spec", None)
    return spec.id if spec is not None else type(env).__name__


def _versions() -> dict[str, str]:
    """Versions of what shapes the pixels; libraries that are not installed are left out."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("numpy", "gymnasium", "box2d", "box2d-py", "pygame", "pygame-ce"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
