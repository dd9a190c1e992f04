"""Clone from films at full length and keep the returns for notebook 16: data/playground/cloned.json.

    python -m tools.measure_cloning         three minutes on one core

``python -m course_lib exam genie`` trains and plays the same, and prints the rows.
"""

from __future__ import annotations

import json
import time

import torch

from course_lib.exam.cloning import CLONED, cloned_returns, make_clones
from course_lib.files import atomic_file
from course_lib.training.checkpoints import load_checkpoint, provenance


def main() -> None:
    """Train, play and write."""
    torch.set_num_threads(1)
    begin = time.perf_counter()
    found = cloned_returns(make_clones(load_checkpoint("lam").eval()))
    facts = {
        "checkpoint": provenance("lam")["sha256"][:12],
        "minutes": round((time.perf_counter() - begin) / 60, 1),
        "returns": {name: [round(float(value), 4) for value in values] for name, values in found.items()},
    }
    with atomic_file(CLONED) as file:
        file.write((json.dumps(facts) + "\n").encode())
    for name, values in facts["returns"].items():
        print(f"{name}: {sum(values) / len(values):.3f}")


if __name__ == "__main__":
    main()
