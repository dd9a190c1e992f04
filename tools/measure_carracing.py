"""Drive the 100 races of the car's score and keep them for the notebook: data/carracing/returns.json.

    python -m tools.measure_carracing         about fifteen minutes on one core

``python -m course_lib exam vmc-carracing`` drives the same races and prints the rows.
"""

from __future__ import annotations

import json

from course_lib.exam.entrants import get_entrant
from course_lib.exam.racing import raced
from course_lib.files import atomic_file
from course_lib.planning.racing import FIRST_TRACK
from course_lib.worlds.carracing import FOLDER


def main() -> None:
    """Drive and write."""
    entrant = get_entrant("vmc-carracing")
    found = raced(entrant, tell=lambda line: print(line, flush=True))
    returns = {name: [round(float(value), 1) for value in values] for name, values in found.items()}
    facts = {"environment": "CarRacing-v3", "first_track": FIRST_TRACK["test"], "checkpoint": entrant.checkpoint,
             "returns": returns}  # fmt: skip
    with atomic_file(FOLDER / "returns.json") as file:
        file.write((json.dumps(facts, indent=1) + "\n").encode())
    for name, values in found.items():
        print(f"{name}: {values.mean():.0f} +- {values.std():.0f}")


if __name__ == "__main__":
    main()
