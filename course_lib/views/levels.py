"""What there is to look at when a room is cut into cells, and when a plan has two levels.

Embeddings have no places; the small network of ``views/agent.py`` reads them, for drawing alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from course_lib.contract import imagine
from course_lib.exam.measures.intervals import wilson_interval
from course_lib.models.second_level import SecondLevel
from course_lib.planning.cells import Cells
from course_lib.planning.goals import perceive
from course_lib.planning.levels import TwoLevels, play_goal_rows
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.views.agent import imagined_places
from course_lib.worlds import spec
from course_lib.worlds.goal_rows import GoalRow
from course_lib.worlds.simulate import Simulation

SIGNS = (".", "<", ">", "^")  # of the keys: no-op, left, right, jump


@torch.no_grad()
def read_places(reader: nn.Module, s: Tensor) -> np.ndarray:
    """Where embeddings have the agent, units. (..., D) -> (..., 2)."""
    return spec.BOX * reader(s).numpy()


def _ring(ax: Axes, goal: Sequence[float] | np.ndarray) -> None:
    ax.plot(*goal, "o", markersize=18, markerfacecolor="none", markeredgewidth=2.5, markeredgecolor=COLOURS["yellow"])


def _picture(ax: Axes, frame: np.ndarray) -> None:
    ax.imshow(frame, extent=(0, spec.BOX, 0, spec.BOX), interpolation="nearest")
    ax.set(xlim=(0, spec.BOX), ylim=(0, spec.BOX))
    ax.set_axis_off()


def cells_figure(
    frame: np.ndarray, cells: Cells, best: np.ndarray, values: np.ndarray, goal: tuple[float, float], reader: nn.Module
) -> CourseFigure:
    """A room in cells, uint8 (H, W, 3): left what each is worth, right its best key, (S,) each; a ring: the goal."""
    places = read_places(reader, cells.places)
    figure = CourseFigure(10.4, 5.0, f"A room twice with {len(places)} cells: left their values, right the best keys")
    left, right = figure.subplots(1, 2)
    for ax in (left, right):
        _picture(ax, frame)
        _ring(ax, goal)
    dots = left.scatter(*places.T, c=values, s=34, cmap="viridis", edgecolors="white", linewidths=0.4)
    figure.colorbar(dots, ax=left, shrink=0.8, label="value")
    colours = [COLOURS[name] for name in ("black", "blue", "vermilion", "green")]
    for place, key in zip(places, best, strict=True):
        right.text(*place, SIGNS[key], color=colours[key], fontsize=13, fontweight="bold", ha="center", va="center")
    left.set_title("what each cell is worth")
    right.set_title("its best key: < left, > right, ^ jump, . stand")
    return figure


@torch.no_grad()
def codes_figure(frames: np.ndarray, upper: SecondLevel, s: Tensor, reader: nn.Module) -> CourseFigure:
    """Where each code leaps to from frames (N, H, W, 3), whose embeddings are s, (N, D): the likelier the larger."""
    text = f"{len(frames)} frames, over each the places that {upper.codes} codes leap to"
    figure = CourseFigure(2.6 * len(frames), 2.9, text)
    axes = figure.subplots(1, len(frames), squeeze=False)[0]
    shares = upper.prior(s).softmax(dim=1).numpy()  # (N, Z)
    begin, leaps = read_places(reader, s), read_places(reader, upper.every_guess(s))
    for ax, frame, here, places, share in zip(axes, frames, begin, leaps, shares, strict=True):
        _picture(ax, frame)
        for place, p in zip(places, share, strict=True):
            ax.plot(*np.stack([here, place]).T, color=COLOURS["sky"], linewidth=0.4 + 4.0 * p)
        ax.scatter(*places.T, s=10 + 500 * share, color=COLOURS["vermilion"], alpha=0.8, zorder=3)
        ax.set_title(f"likeliest: {share.max():.2f}", fontsize=10)
    return figure


@dataclass(frozen=True)
class LevelsDecision:
    """One decision at two levels. frame: uint8 (H, W, 3); time: its number; wanted: the number of its goal.

    goal, subgoal: where they have the agent, (2,), units; leaps: the upper plan's places, (leaps + 1, 2); keys: the
    lower plan's, (H + 1, 2).
    """

    frame: np.ndarray
    time: int
    wanted: int
    goal: np.ndarray
    subgoal: np.ndarray
    leaps: np.ndarray
    keys: np.ndarray


class _Watched:
    """A player at two levels who writes down what it had in mind in its only room."""

    def __init__(self, player: TwoLevels, row: GoalRow, reader: nn.Module) -> None:
        self.player, self.row, self.reader, self.moments = player, row, reader, []

    @torch.no_grad()
    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        chunk = self.player(frames, keys, rooms, which, wanted)
        state = perceive(self.player.model, frames, keys)
        plan = imagined_places(self.reader, imagine(self.player.model, state, self.player.search.last.actions))[0]
        leaps, subgoal = (read_places(self.reader, s)[0] for s in (self.player.foreseen, self.player.subgoal))
        goal = np.array(self.row.goals[wanted[0]].agent)
        self.moments.append(LevelsDecision(frames[0, -1], rooms[0].frame, int(wanted[0]), goal, subgoal, leaps, plan))
        return chunk


def watch_row(player: TwoLevels, row: GoalRow, reader: nn.Module) -> list[LevelsDecision]:
    """Let a player at two levels play one row, and look into its mind at every decision."""
    watched = _Watched(player, row, reader)
    play_goal_rows(watched, [row])
    return watched.moments


def levels_figure(moments: Sequence[LevelsDecision], *, columns: int = 4) -> CourseFigure:
    """Decisions at two levels: leaps (squares, blue), keys (thin, red), the sub-goal (cross), the goal (ring)."""
    rows, columns = -(-len(moments) // columns), min(columns, len(moments))
    side = 2.6 if columns > 1 else 4.6
    text = f"{len(moments)} frames with both plans drawn over them, at frames {moments[0].time} to {moments[-1].time}"
    figure = CourseFigure(side * columns, (side + 0.25) * rows, text)
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, moment in zip(axes.flat, moments, strict=False):
        _picture(ax, moment.frame)
        ax.plot(*moment.leaps.T, color=COLOURS["blue"], linewidth=2.2, marker="s", markersize=6)
        ax.plot(*moment.keys.T, color=COLOURS["vermilion"], linewidth=2.0, marker="o", markersize=2.5)
        ax.plot(*moment.subgoal, "X", color=COLOURS["black"], markersize=11, markeredgecolor="white")
        _ring(ax, moment.goal)
        ax.set_title(f"frame {moment.time}: goal {moment.wanted + 1}", fontsize=10)
    return figure


def levels_film(moments: Sequence[LevelsDecision], scale: int = 8) -> np.ndarray:
    """The same as a film, uint8 (T, scale * H, scale * W, 3), dotted into the enlarged frames."""
    film = []
    for moment in moments:
        frame = moment.frame.repeat(scale, axis=0).repeat(scale, axis=1)
        ways = ((moment.leaps, "blue", 4), (moment.keys, "vermilion", 2), (moment.goal[None], "yellow", 6))
        for way, name, dot in ways:
            rgb = np.array([int(COLOURS[name][i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
            for x, y in way:
                column, row = (int(v * len(frame) / spec.BOX) for v in (x, spec.BOX - y))
                frame[max(row - dot, 0) : max(row + dot, 0), max(column - dot, 0) : max(column + dot, 0)] = rgb
        film.append(frame)
    return np.stack(film)


def finished_figure(finished: Mapping[str, Mapping[str, np.ndarray]], of: int) -> CourseFigure:
    """The share of rows finished by their length, a panel for each budget, a line for each player, with its interval.

    finished: by budget and player, how many rows of 1, 2, ... goals of ``of``.
    """
    text = f"Shares of rows finished against their length at {', '.join(finished)}"
    figure = CourseFigure(3.9 * len(finished), 3.6, text)
    axes = figure.subplots(1, len(finished), sharey=True, squeeze=False)[0]
    marks = zip(("black", "vermilion", "orange", "sky", "blue"), "osv^D", strict=True)
    styles = dict(zip(next(iter(finished.values())), marks, strict=False))
    for ax, (budget, players) in zip(axes, finished.items(), strict=True):
        for shift, (player, counts) in enumerate(players.items()):
            low, high = np.array([wilson_interval(int(count), of) for count in counts]).T
            goals, share = np.arange(1, len(counts) + 1) + 0.06 * (shift - 2), counts / of
            colour, marker = styles[player]
            ax.errorbar(goals, share, yerr=np.stack([share - low, high - share]).clip(0), marker=marker, markersize=5,
                        color=COLOURS[colour], label=player, linewidth=1.3)  # fmt: skip
        ax.set(title=budget, xlabel="goal pictures in a row", xticks=range(1, len(counts) + 1), ylim=(0, 1.03))
    axes[0].set_ylabel("share of rows finished")
    axes[-1].legend(fontsize=8, loc="lower left")
    return figure
