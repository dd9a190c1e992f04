"""What a video model imitates: whoever acts in the films that it learned from.

The lecture says that Sora imitates an agent's policy, as offline reinforcement learning does. So one and the same
network, which takes no actions, learns to go on with films: once with films of the scripted expert, once with films of
somebody who presses keys without a plan, in the same rooms. Then both are shown the first frame of rooms that neither
knows, and go on. In what they draw the course's reader looks for the agent and the star, and counts how often the star
is touched (``measures/seeking.touches``): nobody presses a key there, so what the agent does is the model's.

    expert, random              what the two dream
    untrained                   the network before it learned
    expert real, random real    the same rooms in the Playground, played by those who were filmed

A dream is drawn, not the likeliest: the mean of somebody without a plan stands still.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course_lib.contract import imagine
from course_lib.exam.measures.intervals import paired_ratio_interval
from course_lib.exam.measures.seeking import things_seen, touches
from course_lib.models.base import untrained_twin
from course_lib.models.dit import AveragedDiT
from course_lib.models.dit_world import DiTWorld
from course_lib.models.reader import Reader
from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.training import train
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.config import load_config
from course_lib.training.latents import code_films, codec_of
from course_lib.training.recipe import Data, RunConfig
from course_lib.worlds import spec
from course_lib.worlds.expert import film_expert
from course_lib.worlds.films import make_films
from course_lib.worlds.frames import to_model, to_uint8

KEPT = DATA / "playground" / "imitation.json"
EPISODES = 200  # films of each teacher, 129 frames each
STEPS = 1500
ROOMS, FRAMES = 60, 96  # rooms that are dreamed, and frames in each after the one that is seen
SEED = 0
TEACHERS = ("expert", "random")
WHO = (*TEACHERS, "untrained", "expert real", "random real")


def films_of(teacher: str, *, split: str, rooms: int, frames: int) -> np.ndarray:
    """Films of a teacher in the first rooms of a split, uint8 (rooms, frames, 32, 32, 3). frames: at most 129.

    Raises ValueError for a teacher who is not filmed.
    """
    if teacher not in TEACHERS:
        raise ValueError(f"nobody called {teacher!r} is filmed; there are: {', '.join(TEACHERS)}")
    if teacher == "random":
        return make_films("goal", split=split, count=rooms, length=frames).frames
    return film_expert(rooms, split=split, first=0).films(spec.EPISODE_STEPS + 1)[0][:, :frames]


def imitate(films: np.ndarray, config: RunConfig) -> AveragedDiT:
    """A network that has learned to go on with films, uint8 (N, T, H, W, 3), and knows no keys."""
    latents = code_films(codec_of(config), films).numpy()
    no_keys = np.zeros((len(films), films.shape[1] - 1), np.int64)
    digest = hashlib.sha256(np.ascontiguousarray(films).tobytes()).hexdigest()
    data = Data({"latents": latents, "actions": no_keys}, f"{len(films)} films without keys", digest)
    return train("dit_world", config, data=data, progress="none").model  # type: ignore[return-value]


@torch.no_grad()
def dreamed_films(world: DiTWorld, first: np.ndarray, frames: int, *, seed: int = SEED) -> np.ndarray:
    """What a model without actions draws after one frame of each room. uint8 (N, H, W, 3) -> (N, frames, H, W, 3)."""
    state = world.encode(to_model(first)[:, None])
    states = imagine(world, state, frames, generator=torch.Generator().manual_seed(seed))[1:]
    return np.stack([to_uint8(world.decode(each)) for each in states], axis=1)


def seen_in(reader: Reader, films: np.ndarray) -> dict[str, list[float]]:
    """For each film, uint8 (N, T, H, W, 3), how often the star is touched, and in which share of the frames the agent
    and the star are there."""
    agent, star = things_seen(reader, films)
    there = {name: 1.0 - np.isnan(place[..., 0]).mean(axis=1) for name, place in (("agent", agent), ("star", star))}
    return {"touches": touches(agent, star).tolist()} | {name: share.round(4).tolist() for name, share in there.items()}


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Teach both and let them dream: about seven minutes of one core."""
    config = load_config("dit_world", "cpu", {"model.actions": 0, "train.steps": STEPS})
    reader, codec, found = load_checkpoint("reader"), codec_of(config), {}
    for teacher in TEACHERS:
        real = films_of(teacher, split="test", rooms=ROOMS, frames=FRAMES + 1)
        found[f"{teacher} real"] = seen_in(reader, real[:, 1:])
        taught = imitate(films_of(teacher, split="train", rooms=EPISODES, frames=spec.EPISODE_STEPS + 1), config)
        found[teacher] = seen_in(reader, dreamed_films(DiTWorld(taught.average, codec), real[:, 0], FRAMES))
        if "untrained" not in found:
            bare = DiTWorld(untrained_twin(taught).average, codec)
            found["untrained"] = seen_in(reader, dreamed_films(bare, real[:, 0], FRAMES))
        for who in (teacher, f"{teacher} real"):
            report(f"{who}: " + ", ".join(f"{name} {np.mean(values):.2f}" for name, values in found[who].items()))
    return {"seed": SEED, "steps": STEPS, "episodes": EPISODES, "frames": FRAMES,
            "weights": {name: weights_of(name, size) for name, size in (("reader", "cpu"), ("codec", "cpu-frames"))},
            "found": {who: found[who] for who in WHO}}  # fmt: skip


@dataclass(frozen=True)
class Imitated:
    """What ``run`` kept, by WHO, for each room, (ROOMS,): the touches of the star, and the shares of the frames in
    which the agent and the star are seen. frames: of each film."""

    touches: Mapping[str, np.ndarray]
    agent: Mapping[str, np.ndarray]
    star: Mapping[str, np.ndarray]
    frames: int

    def rate(self, who: str) -> tuple[float, float, float]:
        """Touches in 100 frames in which the agent is there, with the ends of the 95 % interval over rooms.

        Dreams lose the agent, and who is not there touches nothing. NaN where the agent is never seen.
        """
        touched, there = 100.0 * self.touches[who], self.agent[who] * self.frames
        if not there.any():
            return np.nan, np.nan, np.nan
        low, high = paired_ratio_interval(touched, there, generator=np.random.default_rng(SEED))
        return float(touched.sum() / there.sum()), low, high


def measured_imitation() -> Imitated:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def parse(facts: dict) -> Imitated:
        by_name: dict[str, dict[str, np.ndarray]] = {"touches": {}, "agent": {}, "star": {}}
        for name, kept in by_name.items():
            for who in WHO:
                kept[who] = np.asarray(facts["found"][who][name], dtype=float)
                if kept[who].shape != (ROOMS,) or (kept[who] < 0).any():
                    raise ValueError(f"{ROOMS} numbers from 0 on are expected for {name} of {who!r}")
        if any((by_name[name][who] > 1).any() for name in ("agent", "star") for who in WHO):
            raise ValueError("a share lies between 0 and 1")
        return Imitated(**by_name, frames=int(facts["frames"]))

    return read_study(KEPT, parse, "imitation")
