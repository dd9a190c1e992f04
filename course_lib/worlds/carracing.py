"""CarRacing-v3, the real environment of Ha & Schmidhuber 2018: the shipped recording and the driver who made it.

The recording lies in data/carracing (see the card there) and is made by tools/record_carracing.py.
Reading it needs neither gymnasium nor Box2D.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from course_lib.places import DATA
from course_lib.worlds.recording import Recording

FOLDER = DATA / "carracing"
SPLITS = ("train", "test")


def load_carracing(split: str = "train") -> Recording:
    """The shipped films of CarRacing-v3: frames uint8 ``(N, 64, 64, 3)``, actions float32 (steering, gas, brake).

    split: "train", or "test" for episodes on tracks that the training episodes never saw.
    Raises ValueError for another name; RecordingError when the file is missing or damaged.
    """
    if split not in SPLITS:
        raise ValueError(f"CarRacing has the splits {', '.join(SPLITS)}; there is no split {split!r}")
    return Recording.load(FOLDER / f"{split}.npz", way_out="run: python tools/record_carracing.py")


def make_carracing() -> Any:
    """The environment itself, drawing without a window: observations uint8 ``(96, 96, 3)``, three continuous controls.

    Raises ImportError with the command to type when gymnasium's Box2D environments are not installed.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame asks for a screen, and a server has none
    with warnings.catch_warnings():
        # Box2D's generated bindings raise a DeprecationWarning inside C; turned into an error it crashes the process.
        warnings.simplefilter("ignore")
        import gymnasium

        try:
            return gymnasium.make("CarRacing-v3", continuous=True)
        except gymnasium.error.DependencyNotInstalled as error:
            raise ImportError("CarRacing needs gymnasium with Box2D: pip install 'gymnasium[box2d]'") from error


class WanderingDriver:
    """A driver who follows the road, more or less: skill, speed and steadiness are drawn anew for each episode.

    A purely random driver leaves the road within seconds and films grass from then on; a perfect one never shows it.
    This one steers towards the grey of the road ahead, with noise that changes slowly (an Ornstein-Uhlenbeck process,
    a random walk that is pulled back to zero), so that its films hold straights, bends, edges, grass and spins.

    Actions are float32 ``(3,)``: steering -1 (left) to 1 (right), gas 0 to 1, brake 0 to 1.
    """

    def reset(self, generator: np.random.Generator) -> None:
        """Draw the character of one episode."""
        self.skill = generator.uniform(0.0, 1.2)  # how strongly it steers towards the road
        self.gas = generator.uniform(0.15, 0.45)  # mean pressure on the pedal
        self.restless = generator.uniform(0.05, 0.35)  # size of the noise
        self.noise = np.zeros(2)
        self.braking = 0

    def __call__(self, frame: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """One action for one picture, uint8 ``(96, 96, 3)`` as CarRacing shows it."""
        self.noise = 0.85 * self.noise + self.restless * generator.normal(size=2)
        if self.braking == 0 and generator.random() < 0.02:
            self.braking = int(generator.integers(2, 6))
        self.braking = max(0, self.braking - 1)
        steering = self.skill * self._road_offset(frame) + self.noise[0]
        gas = 0.0 if self.braking else self.gas + 0.5 * self.noise[1]
        action = [np.clip(steering, -1, 1), np.clip(gas, 0, 1), 0.4 if self.braking else 0.0]
        return np.array(action, np.float32)

    @staticmethod
    def _road_offset(frame: np.ndarray) -> float:
        """Where the road lies some way ahead: -1 at the left edge of the picture, 1 at the right, 0 where unseen."""
        ahead = frame[44:60].astype(np.int16)  # rows above the car, which stands around row 70
        grey = (np.ptp(ahead, axis=-1) < 12) & (ahead.mean(axis=-1) < 130)  # the road is grey, grass is green
        if grey.sum() < 20:
            return 0.0
        return float((np.nonzero(grey)[1].mean() - 47.5) / 24.0)
