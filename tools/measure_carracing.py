"""Drive the 100 races of the car's score and keep them for the notebook: data/carracing/returns.json.

    python -m tools.measure_carracing         about ten minutes on two cores, one driver on each

``python -m course_lib exam vmc-carracing`` drives the same races and prints the rows.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from course_lib.exam.entrants import get_entrant
from course_lib.exam.racing import DRIVERS, RACES
from course_lib.files import atomic_file
from course_lib.planning.racing import FIRST_TRACK
from course_lib.worlds.carracing import FOLDER


def drive(name: str) -> list[float]:
    """The returns of one driver."""
    torch.set_num_threads(1)
    return [round(float(value), 1) for value in DRIVERS[name](get_entrant("vmc-carracing"), RACES)]


def main() -> None:
    """Drive and write."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        returns = dict(zip(DRIVERS, pool.map(drive, DRIVERS), strict=True))
    facts = {"environment": "CarRacing-v3", "first_track": FIRST_TRACK["test"],
             "checkpoint": get_entrant("vmc-carracing").checkpoint, "returns": returns}  # fmt: skip
    with atomic_file(FOLDER / "returns.json") as file:
        file.write((json.dumps(facts, indent=1) + "\n").encode())
    for name, values in returns.items():
        print(f"{name}: {sum(values) / len(values):.0f}")


if __name__ == "__main__":
    main()
