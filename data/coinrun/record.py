"""Record CoinRun, the case study of Genie (arXiv 2402.15391, appendix F): data/coinrun/train.npz and test.npz.

    PYTHONPATH=. .coinrun/bin/python data/coinrun/record.py      some minutes; see requirements.txt for .coinrun

CoinRun (Cobbe et al. 2019, arXiv 1812.02341) is a platform game whose levels are drawn from a seed. Only this program
needs it; the recording is read with numpy alone (course_lib/worlds/coinrun.py). The card README.md says what is in it.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from course_lib.worlds.recording import Recording, record

FOLDER = Path(__file__).resolve().parent
# Level e of a split is SEEDS[split] + e: the two ranges never meet.
SEEDS = {"train": 0, "test": 100_000}
EPISODES = {"train": 500, "test": 80}
FRAMES = 48  # of an episode at most
EVERY = 2  # CoinRun moves in small steps; every second one is kept, the action is held over both
BUTTONS = 9  # of Procgen's 15 actions CoinRun knows nine: left, stay, right, each with down, nothing, jump


class CoinRun:
    """Procgen's CoinRun, difficulty "hard", with gymnasium's manners: the seed of an episode is its level."""

    spec = None
    render_mode = None

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict]:
        """Begin the level of this number."""
        import gym

        self.env = gym.make("procgen:procgen-coinrun-v0", start_level=seed, num_levels=1, distribution_mode="hard")
        self.env = self.env.unwrapped
        self.seen = self.env.reset()
        return self.seen, {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        """One step. Procgen begins the next level at once and shows its first frame; the last one of this is kept."""
        seen, reward, over, info = self.env.step(np.int32(action))
        self.seen = self.seen if over else seen
        return self.seen, float(reward), bool(over), False, info


class Wanderer:
    """A player without a plan: a direction is held for one to eight steps, mostly to the right, with some jumps.

    The paper's player draws every action anew. It hardly leaves the place where it begins, because a step to the left
    undoes a step to the right; so here actions are held.
    """

    def reset(self, generator: np.random.Generator) -> None:
        """Begin an episode."""
        self.left, self.action = 0, 4

    def __call__(self, frame: np.ndarray, generator: np.random.Generator) -> int:
        """One of nine: 3 * (left, stay, right) + (down, nothing, jump)."""
        if self.left == 0:
            direction = int(generator.choice(3, p=(0.3, 0.15, 0.55)))
            height = int(generator.choice(3, p=(0.05, 0.6, 0.35)))
            self.action, self.left = 3 * direction + height, int(generator.integers(1, 9))
        self.left -= 1
        return self.action


def make(split: str, episodes: int) -> Recording:
    """Play and record one split."""
    made = record(CoinRun(), episodes, Wanderer(), seed=SEEDS[split], size=None, every=EVERY,
                  max_frames=episodes * FRAMES, frames_per_episode=FRAMES)  # fmt: skip
    info: dict[str, Any] = made.info | {"env": "procgen-coinrun-v0, hard", "procgen-mirror": "0.10.7"}
    return Recording(**{name: getattr(made, name) for name in
                        ("frames", "lengths", "actions", "rewards", "terminated", "truncated")}, info=info)  # fmt: skip


def main() -> None:
    """Record both splits and write the files."""
    warnings.filterwarnings("ignore")  # the old gym warns at every step
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder to write to (default: %(default)s)")
    options = parser.parse_args()
    for split, episodes in EPISODES.items():
        recording = make(split, episodes)
        path = recording.save(options.to / f"{split}.npz")
        print(f"{path}: {len(recording.frames)} frames, {path.stat().st_size / 1e6:.2f} MB, "
              f"fingerprint {recording.fingerprint()}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
