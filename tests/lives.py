"""A run that is killed again and again: ``python -m tests.lives FOLDER SEED KILLS`` prints what became of it, as JSON.

Each life is a process of its own, forked from one that has done nothing but import (which takes seconds), trains until
SIGKILL meets it, and the next one goes on from the file. A life ends at a random step: after it, in the middle of
writing the state, or between writing and renaming.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import traceback
from pathlib import Path

import torch

from course_lib import files
from tests import small_run

MOMENTS = ("after a step", "half written", "before the rename", "after the rename")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def live(folder: Path, last: int | None, moment: str) -> None:
    """Train until step ``last`` is done and the moment has come; None lives to the end."""
    at: list[int] = [0]
    fsync, replace = os.fsync, os.replace

    def on_step(step: int, parts: dict[str, float]) -> None:
        at[0] = step
        if step == last and moment == "after a step":
            die()

    def half(handle: int) -> None:
        if last is not None and at[0] >= last and moment == "half written":
            os.ftruncate(handle, os.fstat(handle).st_size // 2)
            die()
        fsync(handle)

    def rename(old: str, new: Path) -> None:
        due = last is not None and at[0] >= last
        if due and moment == "before the rename":
            die()
        replace(old, new)
        if due and moment == "after the rename":
            die()

    files.os.fsync, files.os.replace = half, rename
    history = small_run.run(folder, resume=True, on_step=on_step)
    (folder / "outcome").write_text(small_run.outcome(history))


def main(folder: Path, seed: int, kills: int) -> None:
    draw = random.Random(seed)
    lives = [(step, draw.choice(MOMENTS)) for step in sorted(draw.sample(range(2, 56), kills))]
    torch.optim.AdamW([torch.zeros(1)])  # imports half of torch, once here rather than in every life
    ends = []
    for last, moment in [*lives, (None, "")]:
        child = os.fork()
        if child == 0:
            try:
                live(folder, last, moment)
            except BaseException:
                traceback.print_exc()
            os._exit(0 if last is None and (folder / "outcome").exists() else 1)
        ends.append(-os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(json.dumps({"lives": lives, "ends": ends, "outcome": (folder / "outcome").read_text()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
