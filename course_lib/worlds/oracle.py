"""The two players that the scale of returns is made of: one without a plan, one that sees the exact state.

A return is reported as (R - random) / (oracle - random): 0 is a player that presses keys at random, 1 is the script
below. The script is not optimal play, and a value above 1 is possible.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from course_lib.files import atomic_file
from course_lib.lookup import CourseError
from course_lib.places import CLONED, DATA, GET_BACK
from course_lib.worlds import spec
from course_lib.worlds.env import PlaygroundEnv
from course_lib.worlds.films import wander
from course_lib.worlds.simulate import Simulation


class ReturnsError(CourseError, RuntimeError):
    """The measured returns cannot be used; the message names the file, what is wrong with it and the way out."""


Policy = Callable[[np.ndarray, dict], int]  # (frame, info) -> action
_RETURNS = DATA / "playground" / "returns.json"


def oracle_action(simulation: Simulation) -> int:
    """What the script presses now: run to the star; if it is out of reach on a platform, climb round the edge.

    Raises ValueError for a scene without a star.
    """
    agent = simulation.slots[spec.AGENT_SLOT]
    (x, y), vx = agent.position, agent.velocity[0]
    if simulation.star is None:
        raise ValueError("the scene has no star to run to: the oracle plays in the film set 'goal'")
    star_x, star_y = simulation.star
    feet = y - spec.AGENT_HALF_HEIGHT
    clearance = spec.AGENT_HALF_WIDTH + 1.5
    platform = simulation.scene.platforms[0] if simulation.scene.platforms else None
    if platform is None:
        return _towards(star_x, x)
    ends = (platform.left - clearance, platform.right + clearance)
    edge = min(ends, key=lambda end: abs(end - x) + abs(end - star_x))  # the shorter way round
    above, wanted_above = feet > platform.top - 0.3, star_y > platform.top
    if above == wanted_above or (above and not ends[0] < star_x < ends[1]):
        return _towards(star_x, x)
    if above:  # the star lies under the platform: run off its edge first
        return _towards(edge, x)
    if not simulation.grounded():
        return 0  # rising beside the platform: straight up
    beside = min(abs(x - end) for end in ends) < 1.1
    if not beside:
        return _towards(edge, x)
    return 3 if abs(vx) < 4.0 else 0  # stop, then jump


def _towards(goal: float, x: float) -> int:
    if abs(goal - x) < 1.0:
        return 0
    return 2 if goal > x else 1


def play(policy: Policy, *, episodes: int, split: str = "test", first_seed: int = 0, size: int = 32) -> np.ndarray:
    """Return of each episode, float64 (episodes,). policy(frame, info) -> action.

    A policy with a true attribute ``blind`` does not look at frames: none is drawn for it, and it is given empty ones.
    """
    env = (_Undrawn if getattr(policy, "blind", False) else PlaygroundEnv)(split=split, size=size)
    returns = np.zeros(episodes)
    for i in range(episodes):
        frame, info = env.reset(seed=first_seed + i)
        done = False
        while not done:
            frame, reward, _terminated, done, info = env.step(policy(frame, info | {"env": env}))
            returns[i] += reward
    return returns


class _Undrawn(PlaygroundEnv):
    """The same episodes for those who do not look: every frame is empty, and costs nothing."""

    def _observe(self) -> tuple[np.ndarray, dict[str, Any]]:
        simulation = self._running()
        return np.zeros((self.size, self.size, 3), np.uint8), {"state": simulation.state(), "frame": simulation.frame}


def oracle_policy(frame: np.ndarray, info: dict) -> int:
    """The script as a policy; it looks at the simulation, not at the frame."""
    return oracle_action(info["env"].simulation)


oracle_policy.blind = True  # type: ignore[attr-defined]


class RandomPolicy:
    """Presses keys without a plan, each held for a few frames (``films.wander``)."""

    blind = True

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.queue = rng, np.zeros(0, np.uint8)

    def __call__(self, frame: np.ndarray, info: dict) -> int:
        """The next key of the queue."""
        if not len(self.queue):
            self.queue = wander(64, self.rng)
        action, self.queue = self.queue[0], self.queue[1:]
        return int(action)


def measure_returns(episodes: int = 200, split: str = "test") -> dict[str, float | int | str]:
    """Play both players; the mean returns that the scale needs. Takes about half a minute for 200 episodes."""
    random = play(RandomPolicy(np.random.default_rng(0)), episodes=episodes, split=split)
    oracle = play(oracle_policy, episodes=episodes, split=split)
    return {
        "version": spec.VERSION,
        "split": split,
        "episodes": episodes,
        "steps": spec.EPISODE_STEPS,
        "random_mean": float(random.mean()),
        "random_standard_error": float(random.std(ddof=1) / np.sqrt(episodes)),
        "oracle_mean": float(oracle.mean()),
        "oracle_standard_error": float(oracle.std(ddof=1) / np.sqrt(episodes)),
    }


@lru_cache
def reference_returns() -> dict:
    """The measured random and oracle returns shipped in ``data/playground/returns.json``.

    Raises ReturnsError where the file is missing or damaged, or was measured on another version of the world.
    """
    command = f" (git checkout -- {_RETURNS})" if CLONED else ""
    way_out = f"{GET_BACK.capitalize()}{command} or measure again: python -m course_lib.worlds.oracle"
    try:
        stored = json.loads(_RETURNS.read_text(encoding="utf-8"))
        version = stored["version"]
        scale = float(stored["oracle_mean"]) - float(stored["random_mean"])
    except FileNotFoundError:
        raise ReturnsError(f"there is no {_RETURNS}. {way_out}") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReturnsError(f"{_RETURNS} is damaged ({type(error).__name__}: {error}). {way_out}") from None
    if version != spec.VERSION:
        raise ReturnsError(f"{_RETURNS} was measured on {version}, the world is {spec.VERSION}. {way_out}")
    if not 0.0 < scale < float("inf"):
        raise ReturnsError(f"{_RETURNS} is damaged: the oracle is {scale} above a random player. {way_out}")
    return stored


def normalised_return(returns: np.ndarray | float) -> np.ndarray | float:
    """(R - random) / (oracle - random): 0 for a random player, 1 for the scripted oracle."""
    scale = reference_returns()
    return (returns - scale["random_mean"]) / (scale["oracle_mean"] - scale["random_mean"])


if __name__ == "__main__":
    measured = json.dumps(measure_returns(), indent=1) + "\n"
    with atomic_file(_RETURNS) as file:
        file.write(measured.encode())
    print(measured)
