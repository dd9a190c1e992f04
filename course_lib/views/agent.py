"""What there is to look at while an agent acts: the plan that it has in mind, drawn over the picture that it sees.

Embeddings have no places. A small network reads the agent's place from them (``fit_place_reader``); it was taught on
embeddings of real frames, serves for drawing alone, and no planner and no score ever sees it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from course_lib.contract import imagine
from course_lib.models.action_jepa import ActionJEPA, embedding
from course_lib.models.base import fresh
from course_lib.nets.fit import fit
from course_lib.planning.agent import Agent
from course_lib.planning.shooting import random_plans
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_together
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_model
from course_lib.worlds.scenes import Scene
from course_lib.worlds.starless import enter_room

OTHERS = 24  # random plans that are drawn beside the chosen one
WHERE = ("platform, left", "platform, right", "floor, left", "floor, right")  # what a reader may wish for


def fit_place_reader(model: ActionJEPA, films: Films, *, steps: int = 1500, seed: int = 0) -> nn.Module:
    """A network from embeddings (B, D) to the agent's place (B, 2), units, taught on every fourth frame of films."""
    with torch.no_grad():
        s = model.jepa.encode(to_model(films.frames[:, ::4])).flatten(0, 1)  # (N * T / 4, D)
    place = np.stack([films.of(axis)[:, ::4, spec.AGENT_SLOT] for axis in ("x", "y")], axis=-1)
    wanted = torch.from_numpy(place).float().flatten(0, 1) / spec.BOX  # (N * T / 4, 2), 0 to 1
    reader = fresh(lambda _: nn.Sequential(nn.Linear(s.shape[1], 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(),
                                           nn.Linear(128, 2)), None, seed)  # fmt: skip

    def loss(rows: Tensor) -> dict[str, Tensor]:
        return {"loss": (reader(s[rows]) - wanted[rows]).square().mean()}

    fit(reader, loss, lambda g: torch.randint(len(s), (256,), generator=g), steps=steps, learning_rate=3e-3,
        generator=torch.Generator().manual_seed(seed))  # fmt: skip
    return reader


@torch.no_grad()
def imagined_places(reader: nn.Module, states: Sequence) -> np.ndarray:
    """Where imagined states have the agent: H + 1 states of K rows -> (K, H + 1, 2), units."""
    return np.stack([spec.BOX * reader(embedding(state)).numpy() for state in states], axis=1)


@dataclass(frozen=True)
class Decision:
    """One time at which an agent planned, or reacted.

    frame: uint8 (H, W, 3), what it saw; time: of this frame; wanted: the name of its goal; plan: where it expects to
    be, (H + 1, 2), units; others: random plans, (K, H + 1, 2); place: where it is, (2,); end: the embedding (D,) of the
    plan's last imagined state.
    """

    frame: np.ndarray
    time: int
    wanted: str
    plan: np.ndarray
    others: np.ndarray
    place: np.ndarray
    end: Tensor


def wish(room: Scene, where: str) -> Scene:
    """The same room with the agent at one of the places ``WHERE``. Raises ValueError for another name."""
    if where not in WHERE:
        raise ValueError(f"one can wish for {', '.join(WHERE)}, not for {where!r}")
    platform, left = room.platforms[0], where.endswith("left")
    if where.startswith("platform"):
        ground, x = platform.top, platform.left + 2.0 if left else platform.right - 2.0
    else:
        ground, x = spec.FLOOR, 4.0 if left else spec.BOX - 4.0
    return replace(room, agent=(x, ground + spec.AGENT_HALF_HEIGHT))


@torch.no_grad()
def watch(
    agent: Agent, room: Scene, wishes: Mapping[int, str], reader: nn.Module, *, steps: int = 48, seed: int = 0
) -> list[Decision]:
    """Let an agent act in one room, and look into its mind whenever it plans.

    wishes: from which frame on what is wanted, for example ``{0: "platform, left", 24: "floor, right"}``; the first
    begins at 0. The configurator is told when it is time; no weight changes. An agent with a policy (Mode-1) has no
    plan: then ``plan`` holds only where it is.
    """
    size = agent.world_model.capabilities.frame_size[0]
    simulation, which = enter_room(room), np.array([0])
    generator, wanted, moments = torch.Generator().manual_seed(seed), "", []
    frames, keys = [draw_together([room], simulation.state()[None], size)[0]], []
    while len(keys) < steps:
        now = wishes[max(time for time in wishes if time <= len(keys))]
        if now != wanted:
            wanted, goal = now, wish(room, now)
            agent.configurator.configure(draw_together([goal], enter_room(goal).state()[None], size))
        seen, pressed = np.stack(frames)[None], np.array(keys, np.uint8)[None]
        chunk = agent(seen, pressed, [simulation], which)[0]
        state = agent.perception(seen, pressed)
        policy = agent.actor.policy is not None
        plan = torch.zeros(1, 0, dtype=torch.int64) if policy else agent.actor.search.last.actions
        tried = random_plans(agent.world_model.capabilities.actions.size, OTHERS, max(plan.shape[1], 1),
                             generator=generator, hold=2)  # fmt: skip
        imagined = imagine(agent.world_model, state, plan)
        others = imagined_places(reader, imagine(agent.world_model, state.repeat(OTHERS), tried[:, : plan.shape[1]]))
        place = np.array(simulation.slots[spec.AGENT_SLOT].position)
        mine, end = imagined_places(reader, imagined)[0], embedding(imagined[-1])[0]
        moments.append(Decision(frames[-1], len(keys), wanted, mine, others, place, end))
        for key in chunk:
            simulation.step(int(key))
            keys.append(int(key))
            frames.append(draw_together([room], simulation.state()[None], size)[0])
    return moments


def plan_figure(moments: Sequence[Decision], room: Scene, *, columns: int = 4) -> CourseFigure:
    """Moments of an agent, each with its plan (thick), random ones (thin, blue) and what is wanted (a ring)."""
    rows = -(-len(moments) // columns)
    columns = min(columns, len(moments))
    what = "; ".join(dict.fromkeys(moment.wanted for moment in moments))
    text = f"{len(moments)} frames with the plans drawn over them, at frames {moments[0].time} to {moments[-1].time}; "
    side = 2.9 if columns > 1 else 4.2
    figure = CourseFigure(side * columns, (side + 0.25) * rows, f"{text}wanted: {what}")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, moment in zip(axes.flat, moments, strict=False):
        _plan_panel(ax, moment, room)
    return figure


def _plan_panel(ax: Axes, moment: Decision, room: Scene) -> None:
    """What the agent sees, with its plan drawn over it."""
    ax.imshow(moment.frame, extent=(0, spec.BOX, 0, spec.BOX), interpolation="nearest")
    for way in moment.others:
        ax.plot(*way.T, color=COLOURS["sky"], linewidth=0.8, alpha=0.55)
    ax.plot(*moment.plan.T, color=COLOURS["vermilion"], linewidth=2.4, marker="o", markersize=3)
    ax.plot(*wish(room, moment.wanted).agent, "o", markersize=15, markerfacecolor="none", markeredgewidth=2,
            markeredgecolor=COLOURS["yellow"])  # fmt: skip
    ax.set(xlim=(0, spec.BOX), ylim=(0, spec.BOX))
    ax.set_title(f"frame {moment.time}: {moment.wanted}", fontsize=10)


def plan_and_end_figure(moment: Decision, room: Scene, drawn: np.ndarray) -> CourseFigure:
    """One moment of an agent: its plan (left), and a drawing of the end that it imagines, uint8 (H, W, 3) (right).

    Who only reacts imagines nothing: the drawing is of the embedding of what it sees.
    """
    steps = len(moment.plan) - 1
    title = f"{steps} frames later, as imagined and drawn" if steps else "its embedding, drawn"
    figure = CourseFigure(8.6, 4.45, f"frame {moment.time} and the plan; wanted: {moment.wanted}; beside it: {title}")
    left, right = figure.subplots(1, 2)
    for ax in (left, right):
        ax.set_axis_off()
    _plan_panel(left, moment, room)
    right.imshow(drawn, interpolation="nearest")
    right.set_title(title, fontsize=10)
    return figure


def plan_film(moments: Sequence[Decision], room: Scene, scale: int = 6) -> np.ndarray:
    """The same as a film, uint8 (T, scale * H, scale * W, 3): the plan is dotted into the enlarged frames."""
    film = []
    for moment in moments:
        frame = moment.frame.repeat(scale, axis=0).repeat(scale, axis=1)
        ring = wish(room, moment.wanted).agent
        for way, colour, dot in ((moment.plan, "vermilion", 2), (np.array([ring]), "yellow", 3)):
            rgb = np.array([int(COLOURS[colour][i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
            fine = np.concatenate([np.linspace(a, b, 6) for a, b in zip(way[:-1], way[1:], strict=True)] or [way])
            for x, y in fine:
                column, row = (int(v * len(frame) / spec.BOX) for v in (x, spec.BOX - y))
                frame[max(row - dot, 0) : max(row + dot, 0), max(column - dot, 0) : max(column + dot, 0)] = rgb
        film.append(frame)
    return np.stack(film)


def ablation_figure(shares: Mapping[str, np.ndarray]) -> CourseFigure:
    """The share of goals reached without each part: a bar for the mean and a dot for each training."""
    names = list(shares)
    figure = CourseFigure(8.6, 0.42 * len(names) + 0.9, f"Bars of the share reached: {', '.join(names)}")
    axes = figure.subplots()
    colours = [COLOURS["blue"] if name == "whole" else COLOURS["sky"] for name in names]
    axes.barh(names, [values.mean() for values in shares.values()], color=colours)
    for row, values in enumerate(shares.values()):
        axes.plot(values, [row] * len(values), "o", color=COLOURS["black"], markersize=4)
    axes.invert_yaxis()
    axes.set(xlabel="share of the goal pictures reached", xlim=(0, 1))
    return figure
