"""Small tables: the same rows as text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Table:
    """head and rows are texts already; right says which columns hold numbers."""

    head: list[str]
    rows: list[list[str]]
    right: list[bool]

    def __str__(self) -> str:
        widths = [max(len(line[i]) for line in [self.head, *self.rows]) for i in range(len(self.head))]

        def line(cells: list[str]) -> str:
            padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, self.right, strict=True)]
            return "  ".join(padded).rstrip()

        return "\n".join([line(self.head), "  ".join("-" * w for w in widths), *map(line, self.rows)])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        def cells(line: list[str], tag: str) -> str:
            sides = ["right" if r else "left" for r in self.right]
            pairs = zip(line, sides, strict=True)
            return "".join(f'<{tag} style="text-align: {s}">{html.escape(c)}</{tag}>' for c, s in pairs)

        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self.rows)
        markup = f"<table><thead><tr>{cells(self.head, 'th')}</tr></thead><tbody>{body}</tbody></table>"
        return {"text/plain": str(self), "text/html": markup}


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | Mapping[str, str] | None = None) -> Table:
    """Make a table from a list of dicts.

    columns: which keys, in which order; as a dict ``{key: heading}`` it also names them. Default: keys as they appear.
    Numbers are written with three significant digits, None as "n/a". A text is shown as it is.
    Raises ValueError for no rows or a column that no row has.
    """
    if isinstance(rows, Mapping) or not all(isinstance(row, Mapping) for row in rows):
        raise TypeError("rows must be a list of dicts, one dict a row")
    if not rows:
        raise ValueError("rows is empty, there is no table to show")
    known = list(dict.fromkeys(key for row in rows for key in row))
    headings = dict(columns) if isinstance(columns, Mapping) else {key: str(key) for key in columns or known}
    unknown = [key for key in headings if key not in known]
    if unknown:
        raise ValueError(f"no row has the column {unknown[0]!r}; there are {', '.join(map(str, known))}")
    values = [[row.get(key) for key in headings] for row in rows]
    numeric = [all(_is_number(line[i]) or line[i] is None for line in values) for i in range(len(headings))]
    return Table(list(headings.values()), [[_text(v) for v in line] for line in values], numeric)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        number = float(value)
        if number == 0 or number != number or abs(number) == float("inf"):
            return f"{number:g}"
        if abs(number) >= 1e6 or abs(number) < 1e-4:
            return f"{number:.2e}"
        if abs(number) >= 100:
            return f"{number:,.0f}"
        digits = f"{number:#.3g}"
        return digits.rstrip(".")
    return str(value)
