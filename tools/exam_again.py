"""Does the exam give the same answers when it is taken again?

    python -m course_lib exam --all --jobs 2 --json > again.json
    python tools/exam_again.py again.json

Compares the rows with those that the study ``verdict`` has kept, to the third digit of value and interval. Rows that
take the time are left out; all others follow from seeds, so on one machine they must come out the same. On another
processor single rows may differ, where sums are rounded in another order.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from course_lib.studies.verdict import measured_verdict

TIMED = {"play_fps", "time_exponent"}  # rows whose value is a time, or follows from times
DIGITS = 3


def differing(now: Iterable[Mapping[str, Any]], kept: Iterable[Mapping[str, Any]], digits: int = DIGITS) -> list[str]:
    """Rows that differ in a compared digit, that one side lacks, or that only one side can answer; a line each."""
    first, second = (
        {(row["model"], row["question"], row["split"]): row for row in rows if row["question"] not in TIMED}
        for rows in (now, kept)
    )  # fmt: skip
    found = [f"{one[0]}: {one[1]} is there once" for one in sorted(first.keys() ^ second.keys())]
    for one in sorted(first.keys() & second.keys()):
        pairs = [(first[one][key], second[one][key]) for key in ("value", "low", "high")]
        if any(_digits(a, digits) != _digits(b, digits) for a, b in pairs):
            found.append(f"{one[0]}: {one[1]} is {first[one]['value']}, kept is {second[one]['value']}")
    return found


def _digits(number: float | None, digits: int) -> str:
    return "none" if number is None else f"{number:.{digits}g}"


def main(words: list[str]) -> int:
    """Print the rows that differ; the exit status is 1 where there are any, 2 where there is nothing to compare."""
    if len(words) != 1:
        print("one file wanted, what python -m course_lib exam --all --json has printed", file=sys.stderr)
        return 2
    try:
        now = json.loads(Path(words[0]).read_text(encoding="utf-8"))
        lines = differing(now, [row.as_dict() for row in measured_verdict().rows.rows])
    except (OSError, ValueError, KeyError, TypeError) as error:
        way_out = "make them: python -m course_lib exam --all --json"
        print(f"{words[0]} holds no rows of the exam ({str(error)[:200]}); {way_out}", file=sys.stderr)
        return 2
    answered = sum(row["value"] is not None and row["question"] not in TIMED for row in now)
    print("\n".join([*lines, f"{len(lines)} rows differ; {answered} rows with a value were compared"]))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
