"""The exam's rows: one question put to one model, with its interval, its controls and what it was asked on.

    {"model": "genie", "question": "delta4_psnr_db", "value": 2.3, "low": 2.1, "high": 2.5, "unit": "dB", "n": 256,
     "controls": {"shuffled_actions": 0.0, "untrained": 0.1}, "bar": 2.0, "direction": "higher", "pass": true, ...}

A number without a control says nothing, so a row without one cannot be made. Where a question does not apply, the value
is null and the note says why.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TextIO

from course_lib.lookup import CourseError

Direction = Literal["higher", "lower"]
Status = Literal["answered", "not applicable", "refused", "failed"]


class RowError(CourseError, ValueError):
    """A row that says less than it should: no control, no interval, no reason; or the same row twice."""


@dataclass(frozen=True)
class Row:
    """One answer. low and high bound a 95 % interval; ``n`` counts what was resampled for it, films unless noted.

    direction: which way is better. bar: what was to be reached, where there is one. split: film set and split.
    checkpoint: the first twelve digits of the weights' SHA-256. minutes: of training.
    status: "answered" where there is a value; else whether the question does not apply, the model was refused (it may
    have seen the films, or its answer is none: numbers that are not finite, frames outside [0, 1]), or it broke off.
    Raises RowError for a value without a control, without a finite interval around it, or a missing value without a
    reason.
    """

    model: str
    question: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    n: int
    controls: Mapping[str, float] = field(default_factory=dict)
    bar: float | None = None
    direction: Direction = "higher"
    split: str = ""
    seed: int = 0
    checkpoint: str | None = None
    minutes: float | None = None
    note: str = ""
    status: Status | None = None

    def __post_init__(self) -> None:
        name = f"{self.model}, {self.question}"
        if self.direction not in ("higher", "lower"):
            raise RowError(f"{name}: direction is 'higher' or 'lower', not {self.direction!r}")
        if self.status is None:
            object.__setattr__(self, "status", "answered" if self.value is not None else "not applicable")
        if (self.status == "answered") != (self.value is not None):
            raise RowError(f"{name}: the status {self.status!r} does not go with the value {self.value}")
        if self.value is None:
            if not self.note:
                raise RowError(f"{name}: a question that does not apply needs a note that says why")
            if self.low is not None or self.high is not None:
                raise RowError(f"{name}: there is no value, so there is no interval either")
            return
        if self.low is None or self.high is None:
            raise RowError(f"{name}: a value needs its interval")
        numbers = {"value": self.value, "low": self.low, "high": self.high, **self.controls}
        wrong = [key for key, number in numbers.items() if not math.isfinite(number)]
        if wrong:
            raise RowError(f"{name}: {', '.join(wrong)} is not a finite number")
        if not self.low <= self.high:
            raise RowError(f"{name}: the interval goes from {self.low} to {self.high}")
        if not self.controls:
            raise RowError(f"{name}: a value without a control says nothing; give at least one")
        if self.n < 1:
            raise RowError(f"{name}: n counts what the interval was drawn from, at least 1, not {self.n}")

    @property
    def passed(self) -> bool | None:
        """Whether the whole interval meets the bar; None where there is no bar or no value."""
        if self.bar is None or self.value is None:
            return None
        return self.low >= self.bar if self.direction == "higher" else self.high <= self.bar

    def as_dict(self) -> dict[str, Any]:
        """As plain values for JSON; ``passed`` is called "pass" there."""
        values = asdict(self)
        place = list(values).index("direction") + 1
        items = list(values.items())
        return dict([*items[:place], ("pass", self.passed), *items[place:]])


class Report:
    """Rows in the order in which they were asked. Raises RowError when a question is answered twice."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows: list[Row] = []
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Append a row. One model answers one question on one split with one seed once."""
        key = (row.model, row.question, row.split, row.seed)
        if any((r.model, r.question, r.split, r.seed) == key for r in self.rows):
            raise RowError(f"{row.model} has answered {row.question} on {row.split} with seed {row.seed} already")
        self.rows.append(row)

    def __getitem__(self, key: tuple[str, str]) -> Row:
        """``report["vmc", "dream_return"]``. Raises KeyError that lists what there is."""
        for row in self.rows:
            if (row.model, row.question) == key:
                return row
        raise KeyError(f"no row {key}; there are: {', '.join(f'{r.model}/{r.question}' for r in self.rows)}")

    @property
    def failed(self) -> list[Row]:
        """Rows of models that were refused or broke off."""
        return [row for row in self.rows if row.status in ("refused", "failed")]

    def json(self) -> str:
        """The rows as a JSON list."""
        return json.dumps([row.as_dict() for row in self.rows], indent=1, allow_nan=False)

    def table(self) -> list[dict[str, str]]:
        """The same rows for people and for ``show.table``: short numbers, controls in words."""
        return [_in_words(row) for row in self.rows]


def _short(number: float) -> str:
    return f"{number:.3g}"


def _in_words(row: Row) -> dict[str, str]:
    if row.value is None:
        value = row.status
    else:
        value = f"{_short(row.value)} {row.unit} ({_short(row.low)} to {_short(row.high)})".replace("  ", " ")
    sign = "≥" if row.direction == "higher" else "≤"
    bar = "" if row.bar is None else f"{sign} {_short(row.bar)}"
    verdict = {True: "met", False: "not met", None: ""}[row.passed]
    return {
        "model": row.model,
        "question": row.question,
        "value": value,
        "controls": ", ".join(f"{name} {_short(number)}" for name, number in row.controls.items()),
        "bar": f"{bar} {verdict}".strip(),
        "on": row.split,
        "note": row.note,
    }


@contextmanager
def print_json(out: TextIO) -> Iterator[Callable[[Row], None]]:
    """A JSON list that is written row by row, and closed whatever happens in between."""
    first = True

    def write(row: Row) -> None:
        nonlocal first
        text = json.dumps(row.as_dict(), indent=1, allow_nan=False)
        print("[" if first else ",", text, sep="\n", end="", file=out, flush=True)
        first = False

    try:
        yield write
    finally:
        print("[]" if first else "\n]", file=out, flush=True)


WIDTHS = {"model": 13, "question": 34, "value": 36, "controls": 0, "bar": 0, "on": 0, "note": 0}  # 0: as wide as it is


@contextmanager
def print_table(out: TextIO) -> Iterator[Callable[[Row], None]]:
    """A line of text for each row, as it comes; columns that are empty are left out of a line."""
    print("  ".join(name.ljust(width) for name, width in WIDTHS.items()).rstrip(), file=out, flush=True)

    def write(row: Row) -> None:
        cells = _in_words(row)
        if row.value is not None:
            cells["controls"] = f"[{cells['controls']}]"
        words = [cells[name].ljust(width) for name, width in WIDTHS.items() if cells[name] or width]
        print("  ".join(words).rstrip(), file=out, flush=True)

    yield write
