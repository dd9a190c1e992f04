"""What there is to look at in an image world model: changed pictures, the nearest ones of a bank, ranks by depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.measures.ranks import KINDS, bank_actions, squared_distances, targets_of
from course_lib.models.iwm import IWM
from course_lib.nets.transforms import NAMES, REACH, transform
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.worlds.frames import to_uint8

INKS = {"all": "blue", "shift": "orange", "colour": "green"}
TITLES = {"all": "shift and colour", "shift": "shift alone", "colour": "colour alone"}


class ChangesBank(NamedTuple):
    """Changes of one picture. frames: uint8 (M, H, W, 3); actions: (M, 6); targets: (M, N, D); source: (3, H, W)."""

    source: Tensor
    actions: Tensor
    frames: np.ndarray
    targets: Tensor


def changes_bank(model: IWM, frame: Tensor, kind: str = "all", *, seed: int = 0, count: int = 256) -> ChangesBank:
    """A bank of one picture (3, H, W), with what the target encoder says of each of its entries."""
    actions = bank_actions(kind, torch.Generator().manual_seed(seed), count)
    frames = to_uint8(transform(frame.expand(len(actions), -1, -1, -1), actions))
    return ChangesBank(frame, actions, frames, targets_of(frame, actions, model.targets))


def action_in_words(action: Tensor) -> str:
    """An action (6,) as a short line."""
    shift = [f"{abs(round(REACH * float(value)))} px {way}" for value, way in
             zip(action[4:], [("left", "right")[int(action[4] > 0)], ("up", "down")[int(action[5] > 0)]], strict=True)
             if round(REACH * float(value))]  # fmt: skip
    named = zip(NAMES[:4], action[:4].tolist(), strict=True)
    colours = [f"{name} {value:+.1f}" for name, value in named if abs(value) > 0.05]
    return ", ".join([*colours, *shift]) or "nothing changed"


@torch.no_grad()
def nearest_in_bank(model: IWM, bank: ChangesBank, action: Tensor, count: int = 5) -> tuple[list[int], Tensor]:
    """The entries nearest to what is predicted for an action (6,), nearest first, and all squared distances (M,)."""
    distance = squared_distances(model.predict(bank.source[None], action[None]), bank.targets)[0]
    return distance.argsort()[:count].tolist(), distance


def nearest_figure(model: IWM, bank: ChangesBank, action: Tensor, count: int = 5) -> CourseFigure:
    """The picture, what the action makes of it, and the entries of the bank that the prediction is nearest to.

    action: (6,), which need not be one of the bank's.
    """
    order, distance = nearest_in_bank(model, bank, action, count)
    true = to_uint8(transform(bank.source[None], action[None]))[0]
    pictures = [to_uint8(bank.source[None])[0], true, *(bank.frames[k] for k in order)]
    titles = ["the picture", "truly changed", *(f"{place}. ({distance[k]:.3f})" for place, k in enumerate(order, 1))]
    figure = CourseFigure(1.48 * len(pictures), 2.0, f"a picture, its change and the {count} nearest entries of a bank")
    panels = figure.subplots(1, len(pictures))
    for axes, picture, title in zip(panels, pictures, titles, strict=True):
        axes.imshow(picture, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=9)
    label = panels[0].set_xlabel(f"asked for: {action_in_words(action)}", loc="left", fontsize=9)
    panels[1].set_xlabel(" ", fontsize=9)  # keeps the height that the first one, which may be long, takes
    label.set_in_layout(False)
    return figure


def questions_figure(model: IWM, bank: ChangesBank, questions: Sequence[int], count: int = 3) -> CourseFigure:
    """Some actions of a bank, one row each: the picture, the right entry, and the entries nearest to the prediction."""
    columns = 2 + count
    figure = CourseFigure(1.4 * columns, 1.5 * len(questions) + 0.2, "questions to a bank and the answers")
    for row, k in zip(figure.subplots(len(questions), columns, squeeze=False), questions, strict=True):
        order, distance = nearest_in_bank(model, bank, bank.actions[k], count)
        rank = int((distance < distance[k]).sum()) + 1
        pictures = [to_uint8(bank.source[None])[0], bank.frames[k], *(bank.frames[j] for j in order)]
        titles = ["the picture", f"right, rank {rank}",
                  *(f"{n}. nearest{', right' if j == k else ''}" for n, j in enumerate(order, 1))]  # fmt: skip
        for axes, picture, title in zip(row, pictures, titles, strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.set_title(title, fontsize=9)
    return figure


def actions_figure(frame: Tensor, values: Sequence[float] = (-1.0, -0.5, 0.0, 0.5, 1.0)) -> CourseFigure:
    """One picture (3, H, W) under each of the six numbers, one column a number."""
    figure = CourseFigure(1.36 * len(NAMES), 1.36 * len(values), "a picture under each of six numbers")
    for i, (column, name) in enumerate(zip(figure.subplots(len(values), len(NAMES)).T, NAMES, strict=True)):
        for axes, value in zip(column, values, strict=True):
            action = torch.zeros(1, len(NAMES))
            action[0, i] = value
            axes.imshow(to_uint8(transform(frame[None], action))[0], interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.set_title(f"{name} {value:+g}" if value else "as it is", fontsize=8)
    return figure


def ranks_figure(
    ranks: Mapping[str, Mapping[str, Mapping[str, float]]], lots: float, bars: Mapping[str, float] | None = None
) -> CourseFigure:
    """Mean reciprocal ranks with their intervals: one group of bars for each name, one bar a kind of bank.

    ranks: ``{name: {kind: {value, low, high}}}``. lots: who draws lots. bars: by kind, drawn as lines of its colour.
    """
    figure = CourseFigure(1.5 * len(ranks) + 2.4, 3.4, f"mean reciprocal ranks of {', '.join(ranks)}")
    axes = figure.subplots()
    for offset, kind in zip((-0.27, 0.0, 0.27), KINDS, strict=True):
        found = np.array([[each[kind][key] for key in ("value", "low", "high")] for each in ranks.values()])
        reach = np.clip(np.stack([found[:, 0] - found[:, 1], found[:, 2] - found[:, 0]]), 0.0, None)
        axes.bar(np.arange(len(ranks)) + offset, found[:, 0], 0.25, yerr=reach, color=COLOURS[INKS[kind]],
                 label=TITLES[kind])  # fmt: skip
    for kind, bar in (bars or {}).items():
        axes.axhline(bar, color=COLOURS[INKS[kind]], linestyle="--", linewidth=1, label=f"bar, {TITLES[kind]}")
    axes.axhline(lots, color="black", linestyle=":", linewidth=1, label="by lots")
    axes.set(xticks=np.arange(len(ranks)), xticklabels=list(ranks), ylim=(0, 1.02), ylabel="mean reciprocal rank",
             title="Is the right change found among 256?")  # fmt: skip
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def probes_by_depth_figure(
    probes: Mapping[str, Mapping[str, Any]], variables: Sequence[str], *, probe: str = "flat"
) -> CourseFigure:
    """What probes find in each encoder, one group of dots for each variable. probes: ``{name: answers}``."""
    inks = [COLOURS[name] for name in ("black", "sky", "blue", "purple", "orange", "vermilion", "green")]
    figure = CourseFigure(0.56 * len(variables) + 2.6, 3.6, f"probes ({probe}) of {', '.join(probes)}")
    axes = figure.subplots()
    wide = 0.7 / max(1, len(probes) - 1)
    for place, (name, answers) in enumerate(probes.items()):
        found = np.array([[answers[probe][v][key] for key in ("value", "low", "high")] for v in variables])
        reach = np.clip(np.stack([found[:, 0] - found[:, 1], found[:, 2] - found[:, 0]]), 0.0, None)
        x = np.arange(len(variables)) + wide * place - 0.35
        axes.errorbar(x, found[:, 0], yerr=reach, fmt="o", markersize=4, color=inks[place % len(inks)], label=name)
    axes.set(xticks=np.arange(len(variables)), ylabel="R², or share of right answers", ylim=(-0.05, 1.02),
             title=f"what a line reads ({probe})")  # fmt: skip
    axes.set_xticks(np.arange(len(variables)), [v.replace("_", " ") for v in variables], rotation=35, ha="right")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
