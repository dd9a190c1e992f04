"""Train the encoders of notebook 14's second failure, ask them, and keep what they say.

    data/playground/encoders.json
    python -m tools.measure_encoders [STEPS]        STEPS each, 3,000 unless told: half an hour of a core
"""

from __future__ import annotations

import json
import sys

import torch

from course_lib.exam.encoders import KEPT, KINDS, ask_encoder, train_kind
from course_lib.files import atomic_file
from course_lib.worlds.films import load_films


def main(steps: int = 3000) -> None:
    """Train, ask and write."""
    torch.set_num_threads(1)
    films, test = load_films("agent", split="train", count=600), load_films("agent", split="test", count=60)
    found = {}
    for kind in KINDS:
        model, taken, minutes = train_kind(kind, films, steps)
        found[kind] = {"steps": taken, "minutes": round(minutes, 1), **ask_encoder(model, test)}
        said = found[kind]
        print(f"{kind}: gain {said['gain']['value']:.2f} dB, NMI {said['nmi']['value']:.3f}, given the place "
              f"{said['given_place']:.3f} ({said['given_place_shuffled']:.3f} shuffled), {minutes:.1f} min", flush=True)
    with atomic_file(KEPT) as file:
        file.write((json.dumps(found, indent=1) + "\n").encode())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
