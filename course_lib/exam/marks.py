"""What a row of the exam allows one to say: above its floor, below it, or not told apart; and who is beaten by nobody.

A number is compared with the best of its *floors*: the controls that know nothing of the question (an untrained
network, pixels, a copy of the last frame, keys at random). The whole 95 % interval has to lie on one side. A control's
own interval is not in the row, so a mark is a little too sure of itself where a control was measured on few films.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from course_lib.exam.rows import Row

Mark = Literal["above", "open", "below"]


def best_floor(row: Row, floors: Iterable[str]) -> float | None:
    """The best of these controls, in the row's own direction; None where the row has none of them."""
    values = [row.controls[name] for name in floors if name in row.controls]
    if not values:
        return None
    return max(values) if row.direction == "higher" else min(values)


def mark(row: Row, floors: Iterable[str]) -> Mark | None:
    """above: the whole interval is better than the best floor; below: the whole of it is worse; open: neither.

    None where there is no answer, or none of the floors to compare it with.
    """
    floor = best_floor(row, floors)
    if row.value is None or row.low is None or row.high is None or floor is None:
        return None
    sign = 1.0 if row.direction == "higher" else -1.0
    low, high = sorted((sign * row.low, sign * row.high))
    return "above" if low > sign * floor else "below" if high < sign * floor else "open"


def share_of_the_way(row: Row, floors: Iterable[str], best: float) -> float | None:
    """How far an answer gets from its best floor (0) to the best answer there is (1); negative below the floor.

    best: what somebody who knows everything would have, 1 for an accuracy, 0 for an error. None where there is no
    answer, no floor, or a floor that is as good as the best.
    """
    floor = best_floor(row, floors)
    if row.value is None or floor is None or math.isclose(floor, best):
        return None
    return (row.value - floor) / (best - floor)


def undominated(scores: Mapping[str, Sequence[float]]) -> list[str]:
    """Who is not dominated, in the order given: nobody else is at least as good everywhere and better somewhere.

    scores: by name, one number a question, higher is better; NaN, a question that does not apply, is worse than any
    answer. The set is the Pareto front. Raises ValueError where the lengths differ.
    """
    if len({len(values) for values in scores.values()}) > 1:
        raise ValueError("everybody has one number for each question, NaN where it does not apply")
    numbers = {name: [-math.inf if math.isnan(v) else v for v in values] for name, values in scores.items()}

    def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
        return all(x >= y for x, y in zip(a, b, strict=True)) and any(x > y for x, y in zip(a, b, strict=True))

    return [name for name, mine in numbers.items() if not any(dominates(other, mine) for other in numbers.values())]
