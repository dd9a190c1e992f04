"""The verdict as pictures and as a page: the heat map of headlines, and what a reader hands in."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from course_lib import show
from course_lib.exam.headlines import HEADLINES, Cell
from course_lib.files import atomic_file
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS

SIGNS = {"above": "+", "open": "=", "below": "-", None: ""}
DEMANDS = {1: "simulates the future", 2: "holds structure and causes"}
SCALE = LinearSegmentedColormap.from_list("floor", [COLOURS["orange"], "#ffffff", COLOURS["blue"]])
NOT_APPLICABLE = "#d9d9d9"
Table = Mapping[str, Mapping[str, Cell]]


def heat_map(table: Table, models: Sequence[str], title: str = "") -> CourseFigure:
    """A row a model, a column a question: how far from the floor (white) to the best there is (blue); orange is below.

    In each square the value, and +, = or - for an interval above its floor, not told apart from it, or below. Grey is
    not applicable. Raises KeyError for a model that the table does not have.
    """
    names = [one.name for one in HEADLINES]
    words = "; ".join(f"{model}: " + ", ".join(f"{n} {table[model][n].text}" for n in names) for model in models)
    figure = CourseFigure(9.6, 1.5 + 0.42 * len(models), words)
    axes = figure.subplots()
    share = np.array([[_share(table[model][name]) for name in names] for model in models])
    axes.imshow(np.ma.masked_invalid(share), cmap=SCALE, vmin=-1, vmax=1, aspect="auto")
    axes.set_facecolor(NOT_APPLICABLE)
    for y, model in enumerate(models):
        for x, name in enumerate(names):
            cell = table[model][name]
            ink = "white" if share[y, x] > 0.6 else "#222222"
            axes.text(x, y, f"{cell.text} {SIGNS[cell.mark]}".strip(), ha="center", va="center", color=ink, fontsize=11)
    edges = [i for i in range(1, len(names)) if HEADLINES[i].demand != HEADLINES[i - 1].demand]
    for edge in edges:
        axes.axvline(edge - 0.5, color="#222222", linewidth=2.0)
    for begin, end in zip([0, *edges], [*edges, len(names)], strict=True):
        axes.text((begin + end - 1) / 2, -1.25, DEMANDS[HEADLINES[begin].demand], ha="center", fontsize=11,
                  fontweight="bold")  # fmt: skip
    axes.set(yticks=range(len(models)), yticklabels=list(models), xticks=range(len(names)))
    axes.set_xticklabels(names)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.grid(visible=False)
    if title:
        axes.set_title(title, pad=56)
    return figure


def _share(cell: Cell) -> float:
    return np.nan if cell.share is None else float(np.clip(cell.share, -1.0, 1.0))


def verdict_rows(table: Table, models: Sequence[str]) -> list[dict[str, str]]:
    """The same as rows of a table: the model, and in each column the value with its sign."""
    return [{"model": model} | {one.name: f"{table[model][one.name].text} {SIGNS[table[model][one.name].mark]}".strip()
                                for one in HEADLINES} for model in models]  # fmt: skip


def ranking_figure(
    table: Table, models: Sequence[str], weights: Mapping[str, float], *, silence: bool = True
) -> CourseFigure:
    """Who is first when the columns count as you say? Bars of the weighted mean share of the way, the best on top.

    weights: by column, at least one above 0; columns that are not named count nothing. silence: whether a question that
    does not apply counts as 0; otherwise each model is averaged over its own questions. Raises ValueError for weights
    that are all 0 or below 0, KeyError for a column that does not exist.
    """
    known = [one.name for one in HEADLINES]
    for name in weights:
        if name not in known:
            raise KeyError(f"there is no column {name!r}; there are {', '.join(known)}")
    if min(weights.values()) < 0 or sum(weights.values()) == 0:
        raise ValueError("weights are numbers from 0 on, and one of them is above 0")
    means = {}
    for model in models:
        pairs = [(_share(table[model][name]), weight) for name, weight in weights.items()]
        counted = [(0.0 if np.isnan(share) else share, weight) for share, weight in pairs
                   if silence or not np.isnan(share)]  # fmt: skip
        of = sum(weight for _, weight in counted)
        means[model] = sum(share * weight for share, weight in counted) / of if of else 0.0
    order = sorted(means, key=lambda model: means[model])
    words = ", ".join(f"{model} {means[model]:.2f}" for model in reversed(order))
    figure = CourseFigure(7.0, 1.0 + 0.34 * len(order), words)
    axes = figure.subplots()
    axes.barh(order, [means[model] for model in order], color=COLOURS["blue"])
    for y, model in enumerate(order):
        axes.text(max(means[model], 0.0) + 0.01, y, f"{means[model]:.2f}", va="center", fontsize=11)
    axes.set(xlim=(min(0.0, *means.values()), 1.08), xlabel="weighted mean share of the way")
    axes.grid(visible=False, axis="y")
    return figure


def hand_in(path: Path | str, table: Table, models: Sequence[str], answers: Mapping[str, Any]) -> Path:
    """Write a page that a reader can hand in: the answers given, and the measured table, as one HTML file.

    answers: headings and texts, in order; they are shown as they are. A page that is there already stays: the new one
    is called name-2.html and so on. Returns where it was written. Raises OSError where that cannot be.
    """
    where = Path(path)
    number = 2
    while where.exists():
        where, number = Path(path).with_stem(f"{Path(path).stem}-{number}"), number + 1

    measured = show.table(verdict_rows(table, models))._repr_mimebundle_()["text/html"]
    given = "".join(f"<h2>{html.escape(str(k))}</h2><p>{html.escape(str(v))}</p>" for k, v in answers.items())
    asked = "".join(f"<li>{html.escape(one.name)}: {html.escape(one.asks)}</li>" for one in HEADLINES)
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Who has a world model?</title>'
        "<style>body{font:16px sans-serif;max-width:60em;margin:2em auto}table{border-collapse:collapse}"
        "td,th{border:1px solid #bbb;padding:4px 8px}</style>"
        f"<h1>Who has a world model?</h1>{given}<h2>What was measured</h2>{measured}"
        f"<p>+ above its floor, = not told apart from it, - below; n/a does not apply.</p><ul>{asked}</ul></html>"
    )
    with atomic_file(where) as file:
        file.write(page.encode())
    return where
