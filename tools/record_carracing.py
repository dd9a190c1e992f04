"""Make the shipped recording of CarRacing-v3 again: data/carracing/train.npz and test.npz.

    python tools/record_carracing.py            about five to ten minutes on one core, no screen needed

Needs gymnasium with Box2D. The card data/carracing/README.md says what is recorded and why.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from course_lib.worlds.carracing import FOLDER, WanderingDriver, make_carracing
from course_lib.worlds.recording import Recording, record

# Episode e of a split plays on the track of seed SEEDS[split] + e: the two ranges never meet.
SEEDS = {"train": 10_000, "test": 20_000}
EPISODES = {"train": 60, "test": 15}
FRAMES = 80  # frames of an episode; with EVERY = 4 that is 320 steps or 6.4 seconds
EVERY = 4  # CarRacing runs at 50 steps a second, so the films run at 12.5 frames a second
SKIP = 50  # the camera zooms in during the first second
CROP = (0, 84, 0, 96)  # the bottom 12 rows are a status bar


def make(split: str, episodes: int, frames: int) -> Recording:
    """Drive and record one split."""
    env = make_carracing()
    try:
        return record(
            env,
            episodes,
            WanderingDriver(),
            seed=SEEDS[split],
            size=64,
            every=EVERY,
            max_frames=episodes * frames,
            frames_per_episode=frames,
            skip=SKIP,
            crop=CROP,
        )
    finally:
        env.close()


def main() -> None:
    """Record the training and the test episodes and write both files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder to write to (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="two short episodes a split, to try the tool")
    options = parser.parse_args()
    for split in SEEDS:
        episodes, frames = (2, 5) if options.quick else (EPISODES[split], FRAMES)
        print(f"{split}: {episodes} episodes of {frames} frames ...", flush=True)
        recording = make(split, episodes, frames)
        path = recording.save(options.to / f"{split}.npz")
        print(f"{path}: {len(recording.frames)} frames, {path.stat().st_size / 1e6:.2f} MB")
        print(f"  fingerprint {recording.fingerprint()}", flush=True)


if __name__ == "__main__":
    main()
