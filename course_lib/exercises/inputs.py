"""What checkers share: inputs to draw, copies, comparisons, and a search for the mistake that explains an answer.

torch is looked up, not imported, unless a tensor is drawn: notebook 01 counts with numpy alone and opens faster so.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib.exercises.core import CourseFault, Wrong

if TYPE_CHECKING:
    import torch

Inputs = tuple[Any, ...]
Slip = tuple[Callable[..., Any], str]  # a function with the parameters of the exercise, and what to say about it
MOST_DRAWS = 500  # of inputs, until every named mistake shows


def seeded(seed: int) -> torch.Generator:
    """A generator of torch in a known state."""
    import torch

    return torch.Generator().manual_seed(seed)


def need(condition: Any, message: str) -> None:
    """Raise Wrong with this message unless the condition holds."""
    if not condition:
        raise Wrong(message)


# --- tensors, arrays and numbers alike ----------------------------------------------------------------------------


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of torch; False, without an import, where torch is not loaded."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def independent(value: Any) -> Any:
    """A copy that shares nothing with the original: arrays, tensors, generators, and lists and tuples of them.

    Functions and models are returned as they are.
    """
    if is_tensor(value):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray | np.random.Generator):
        return copy.deepcopy(value)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Generator):
        return torch.Generator(device=value.device).set_state(value.get_state())
    if type(value) in (list, tuple):
        return type(value)(independent(each) for each in value)
    if type(value) is dict:
        return {key: independent(each) for key, each in value.items()}
    return value


def numbers(value: Any) -> np.ndarray:
    """A tensor, an array or a number as an array of numpy. Raises TypeError for anything else."""
    if is_tensor(value):
        return value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic | bool | int | float):
        return np.asarray(value)
    raise TypeError(f"a {type(value).__name__} holds no numbers to compare")


def unchanged(now: Any, before: Any) -> bool:
    """Whether a value is, to the bit, what its copy is. What cannot be copied counts as unchanged."""
    if is_tensor(before) or isinstance(before, np.ndarray):
        one, other = numbers(now), numbers(before)
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        return np.array_equal(one, other, equal_nan=other.dtype.kind in "fc")
    if type(before) in (list, tuple):
        return len(now) == len(before) and all(unchanged(a, b) for a, b in zip(now, before, strict=True))
    if type(before) is dict:
        return now.keys() == before.keys() and all(unchanged(now[key], before[key]) for key in before)
    return True


def close(one: Any, other: Any, *, rtol: float = 1e-4, atol: float = 1e-6) -> bool:
    """Whether two answers have the same shape and nearly the same values; nan is near nothing."""
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        pairs = list(zip(one, other, strict=False))
        return len(one) == len(other) and all(close(a, b, rtol=rtol, atol=atol) for a, b in pairs)
    try:
        a, b = numbers(one), numbers(other)
    except TypeError:
        return False
    return a.shape == b.shape and bool(np.allclose(a.astype(float), b.astype(float), rtol=rtol, atol=atol))


def apart(wanted: Any, mine: Any) -> tuple[str, str, str]:
    """The place where two answers of one shape differ most, and both numbers there, with enough digits to differ."""
    a, b = numbers(wanted).astype(float), numbers(mine).astype(float)
    gap = np.where(np.isnan(a - b), np.inf, np.abs(a - b))
    place = np.unravel_index(int(gap.argmax()), a.shape)
    x, y = float(a[place]), float(b[place])
    for digits in range(4, 18):
        written = f"{x:.{digits}g}", f"{y:.{digits}g}"
        if written[0] != written[1]:
            break
    return f"[{', '.join(map(str, place))}]" if place else "", *written


# --- values -------------------------------------------------------------------------------------------------------


def must_equal(
    mine: Any, wanted: Any, slips: Sequence[tuple[Any, str]], otherwise: str, *, rtol: float = 1e-4, atol: float = 1e-6
) -> None:
    """Raise Wrong unless an answer is the wanted one.

    slips: values that known mistakes give, each with its message; the first that fits the answer is said.
    otherwise: the message where none fits. In it ``{place}``, ``{wanted}`` and ``{mine}`` stand for the place where the
    two differ most and for both numbers there.
    """
    if close(mine, wanted, rtol=rtol, atol=atol):
        return
    for value, message in slips:
        if close(mine, value, rtol=rtol, atol=atol):
            raise Wrong(message)
    if isinstance(wanted, tuple | list):
        parts = zip(wanted, mine, strict=True)
        wanted, mine = next((w, m) for w, m in parts if not close(w, m, rtol=rtol, atol=atol))
    place, right, given = apart(wanted, mine)
    raise Wrong(otherwise.format(place=place, wanted=right, mine=given))


def check_values(
    candidate: Any,
    right: Callable[..., Any],
    make: Callable[[int], Inputs],
    slips: Sequence[Slip],
    otherwise: str,
    *,
    rounds: int = 3,
    infinite: str = "",
    of_wrong_kind: Callable[[Any, Inputs], str] = lambda result, inputs: "",
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Ask a candidate on several random inputs, on each of which every known mistake changes the answer.

    candidate: the ``Asked`` that a checker is given. right: the right function. make: from a seed to inputs. slips,
    otherwise: see ``must_equal``, but here a slip is a function with the parameters of the exercise. of_wrong_kind:
    what to say of a result of another shape or dtype that no slip gives; "" for what is generally said.
    """
    seeds = iter(range(MOST_DRAWS))
    for _ in range(rounds):
        inputs, values = _separating(right, make, slips, seeds, rtol, atol)

        def mistake(result: Any, values: list[tuple[Any, str]] = values, inputs: Inputs = inputs) -> str:
            found = (message for value, message in values if close(result, value, rtol=rtol, atol=atol))
            return next(found, "") or of_wrong_kind(result, inputs)

        mine = candidate.explaining(infinite=infinite, mistake=mistake)(*inputs)
        must_equal(mine, right(*inputs), values, otherwise, rtol=rtol, atol=atol)


def _separating(
    right: Callable[..., Any], make: Callable[[int], Inputs], slips: Sequence[Slip], seeds: Iterator[int],
    rtol: float, atol: float,
) -> tuple[Inputs, list[tuple[Any, str]]]:  # fmt: skip
    """The next inputs on which no slip gives the right answer or another slip's, and what each slip gives there."""
    same = ""
    for seed in seeds:
        inputs = make(seed)
        with np.errstate(all="ignore"):
            values = [(slip(*independent(inputs)), message) for slip, message in slips]
        answers = [*values, (right(*independent(inputs)), "the right answer")]
        pairs = ((a, b) for a, b in combinations(answers, 2) if a[1] != b[1])
        same = next((f"{a[1]} {b[1]}" for a, b in pairs if close(a[0], b[0], rtol=rtol, atol=atol)), "")
        if not same:
            return inputs, values
    raise CourseFault(f"no inputs were found on which these give different answers: {same}")

