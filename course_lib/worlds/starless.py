"""The rooms of the set "goal" without their star: 48 frames of an agent that wanders, often on the platform.

This is what a model learns from that shall find the way to a goal picture. The star would spoil such a task: it stands
in the picture, and in the world it jumps away before the agent stands where the picture has it. Whoever wanders on the
floor seldom climbs, so in 40 % of the films the agent begins on the platform.

A film has the room and the keys of the film of "goal" with the same seed; who begins on the platform, and where, is
drawn apart from both.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.captions import caption
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import Films, wander
from course_lib.worlds.scenes import Scene, check_trainable, film_seed, film_set, sample_scene
from course_lib.worlds.simulate import Simulation

NAME, ROOMS = "starless", "goal"  # the set, and the one whose rooms and splits these are
FRAMES = 48
ON_PLATFORM = 0.4  # of the films begin there
EDGE = 1.0  # units from the platform's end to the nearest place to stand, as for the star


@dataclass
class StarlessFilms(Films):
    """Films without a star. They are no film set of ``scenes.py``: they are handed to a training run as films."""

    def for_training(self) -> StarlessFilms:
        """These films, once it is sure that a training run may see them. Raises ValueError where it may not."""
        check_trainable(ROOMS, self.split)
        return self


def starless_room(seed: int) -> Scene:
    """The room of a seed's film of "goal", without the star; the agent stands on the floor."""
    return replace(sample_scene(film_set(ROOMS), np.random.default_rng([seed, 0])), star=False)


def on_platform(room: Scene, generator: np.random.Generator) -> Scene:
    """The same room with the agent somewhere on its platform."""
    platform = room.platforms[0]
    x = float(generator.uniform(platform.left + EDGE, platform.right - EDGE))
    return replace(room, agent=(x, platform.top + spec.AGENT_HALF_HEIGHT))


def enter_room(room: Scene) -> Simulation:
    """A room without a star at its first frame."""
    return Simulation(room, np.random.default_rng(0))  # without a star nothing is drawn from it


def play_keys_in(room: Scene, keys: np.ndarray) -> np.ndarray:
    """What happens in a room without a star under some keys, (T - 1,) -> states float32 (T, SLOTS, FIELDS)."""
    simulation = enter_room(room)
    states = np.empty((len(keys) + 1, spec.SLOTS, len(spec.FIELDS)), np.float32)
    states[0] = simulation.state()
    for t, key in enumerate(keys):
        simulation.step(int(key))
        states[t + 1] = simulation.state()
    return states


def make_starless(*, split: str, count: int, size: int = 32, length: int = FRAMES) -> StarlessFilms:
    """The first ``count`` films of a split: "train", "validation" or "test". 3,000 of them take 20 seconds of one core.

    Raises ValueError for an unknown split, no film, or fewer than 2 frames.
    """
    if count < 1 or length < 2:
        raise ValueError(f"at least 1 film of at least 2 frames can be made, not {count} of {length}")
    seeds = np.array([film_seed(split, index) for index in range(count)], np.int64)
    frames = np.empty((count, length, size, size, 3), np.uint8)
    states = np.empty((count, length, spec.SLOTS, len(spec.FIELDS)), np.float32)
    actions = np.empty((count, length - 1), np.uint8)
    for i, seed in enumerate(seeds):
        room, generator = starless_room(int(seed)), np.random.default_rng([seed, 3])
        if generator.random() < ON_PLATFORM:
            room = on_platform(room, generator)
        actions[i] = wander(length - 1, np.random.default_rng([seed, 2]))
        states[i] = play_keys_in(room, actions[i])
        frames[i] = draw_film(room, states[i], size)
    digest = hashlib.sha256(f"{NAME} {frames.shape}".encode())
    for array in (frames, actions, states):
        digest.update(array.data)
    return StarlessFilms(
        name=NAME, split=split, size=size, seeds=seeds, hash=digest.hexdigest(), frames=frames, actions=actions,
        states=states, rewards=np.zeros(actions.shape, np.float32),
        contacts=np.zeros((0, 5), np.float32),  # of an agent alone with its room nothing is asked
        captions=[caption(s) for s in states], short_captions=[caption(s, descriptive=False) for s in states],
    )  # fmt: skip
