"""What kind of thing an answer is: its type, its dtype and its shape, held against an answer that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from course_lib.exercises.core import Wrong
from course_lib.exercises.inputs import is_tensor, numbers

_COUNTS = {2: "Two", 3: "Three"}


def of_kind(
    result: Any, like: Any, parts: Sequence[str] = (), shapes: Mapping[tuple[int, ...], str] | None = None,
    what: str = "The result",
) -> Any:  # fmt: skip
    """The result, if its type, dtype and shape are those of ``like``; numbers become Python's own.

    parts: names of the results where ``like`` is a tuple. shapes: messages for shapes that known mistakes give.
    Raises Wrong, which says what is expected and what came. An int of any size is an int, and where one number is
    wanted an array or a tensor without axes will do, unless gradients are to pass through it.
    """
    shapes = shapes or {}
    if isinstance(like, tuple | list):
        return _tuple_of_kind(result, like, parts, shapes)
    if is_tensor(like) or isinstance(like, np.ndarray):
        if is_tensor(result) is not is_tensor(like) or not (is_tensor(result) or isinstance(result, np.ndarray)):
            wanted, by = ("a tensor", "torch.tensor") if is_tensor(like) else ("an array", "np.array")
            way_out = f" ({by}(...) makes one of it)" if isinstance(result, list) else ""
            raise Wrong(f"{what} should be {wanted}; your function returns a {type(result).__name__}{way_out}.")
        _same_shape(tuple(result.shape), tuple(like.shape), shapes, what)
        _same_dtype(result, like, what)
        return result
    if is_tensor(result) or isinstance(result, np.ndarray):
        _same_shape(tuple(result.shape), (), shapes, what)
    return _number_of_kind(result, like, what)


def _tuple_of_kind(result: Any, like: Sequence[Any], parts: Sequence[str], shapes: Mapping) -> tuple[Any, ...]:
    names = list(parts) or [f"result_{k + 1}" for k in range(len(like))]
    row = (is_tensor(result) or isinstance(result, np.ndarray)) and result.ndim == 1
    row = row and all(isinstance(each, int | float) for each in like)  # (low, high) as one array of two numbers
    if not (isinstance(result, tuple | list) or row) or len(result) != len(like):
        raise Wrong(f"{_COUNTS.get(len(like), len(like))} results are expected: `return {', '.join(names)}`.")
    return tuple(of_kind(r, each, (), shapes, f"`{name}`") for r, each, name in zip(result, like, names, strict=True))


def _same_shape(shape: tuple[int, ...], wanted: tuple[int, ...], shapes: Mapping, what: str) -> None:
    if shape == wanted:
        return
    if shape in shapes:
        raise Wrong(shapes[shape])
    if not wanted:
        raise Wrong(f"{what} should be one number; yours has the shape {shape}.")
    raise Wrong(f"{what} has the shape {shape}; {wanted} is expected.")


def _same_dtype(result: Any, like: Any, what: str) -> None:
    """The same dtype; for arrays of whole numbers any signed one, since numpy's own differs between systems."""
    mine, wanted = str(result.dtype).removeprefix("torch."), str(like.dtype).removeprefix("torch.")
    if mine == wanted:
        return
    if isinstance(like, np.ndarray) and like.dtype.kind == "i" and result.dtype.kind == "i":
        return
    if "int" in wanted:
        whole = f"whole numbers ({wanted})" if is_tensor(like) else "whole numbers (int)"
        raise Wrong(f"{what} holds {mine}; {whole} are expected, with which tables can be looked up.")
    if wanted == "bool":
        raise Wrong(f"{what} holds {mine}; booleans are expected, True and False.")
    by = {"float32": ".float()", "float64": ".double()"}.get(wanted, "") if is_tensor(like) else f".astype(np.{wanted})"
    raise Wrong(f"{what} holds {mine}; {wanted} is expected" + (f", and `{by}` makes it so." if by else "."))


def _number_of_kind(result: Any, like: Any, what: str) -> bool | int | float:
    kind = type(result).__name__
    holder = is_tensor(result) or isinstance(result, np.ndarray)
    if isinstance(like, bool):
        if isinstance(result, bool | np.bool_):
            return bool(result)
        raise Wrong(f"{what} should be True or False; your function returns a {kind}"
                    + (", and bool(...) makes one of it." if holder else "."))  # fmt: skip
    if isinstance(like, int):
        if isinstance(result, int | np.integer) and not isinstance(result, bool | np.bool_):
            return int(result)
        raise Wrong(f"A count is a whole number; your function returns a {kind}"
                    + (", and int(...) makes one of it." if holder else "."))  # fmt: skip
    if holder:
        result = result.item()
    if isinstance(result, bool | np.bool_) or not isinstance(result, int | float | np.integer | np.floating):
        raise Wrong(f"One number is expected; your function returns a {kind}.")
    return float(result)


def finite(value: Any) -> bool:
    """Whether all numbers in it are finite."""
    if isinstance(value, tuple | list):
        return all(finite(each) for each in value)
    found = numbers(value)
    return found.dtype.kind not in "fc" or bool(np.isfinite(found).all())
