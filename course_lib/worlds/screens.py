"""Stages: one film with screens that stand or rise before it, from a description of its first frame.

A *screen* hides what is behind it. A *stage* is a scene of the Playground together with its screens; it is all that has
to be known to make the film, and a film set's scene differs from it in one thing only: it has at most one screen, and
that stands. The physics is the Playground's own (``simulate.py``) and so is the painter (``draw.py``); nobody acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import Film
from course_lib.worlds.scenes import Rect, Scene, body_radius
from course_lib.worlds.simulate import Simulation, visible_part

FRAMES = 28  # of a film with screens: a body at 10 units a second has crossed the box
_F = spec.FIELD


@dataclass(frozen=True)
class Screen:
    """A screen on the floor: left, right and top in units.

    rises: frames in which it rises from the floor to its full height; 0 for a screen that stands from the beginning.
    """

    left: float
    right: float
    top: float
    rises: int = 0

    def tops(self, length: int) -> np.ndarray:
        """How high it reaches in each frame, in units, (length,)."""
        share = np.minimum(np.arange(length) / self.rises, 1.0) if self.rises else np.ones(length)
        return spec.FLOOR + share * (self.top - spec.FLOOR)


@dataclass(frozen=True)
class Stage:
    """A scene without an agent, and the screens before it, from left to right.

    Raises ValueError for more than two screens, screens that touch or are not in order, and a scene with an agent, a
    star, a lamp or an occluder of its own: who acts or throws a shadow would betray what a screen is to hide.
    """

    scene: Scene
    screens: tuple[Screen, ...] = ()

    def __post_init__(self) -> None:
        scene = self.scene
        if scene.agent is not None or scene.star or scene.light is not None or scene.occluder is not None:
            raise ValueError("a stage has no agent, star, lamp or occluder: its screens are given apart from its scene")
        if len(self.screens) > 2:
            raise ValueError(f"a stage has at most two screens, not {len(self.screens)}")
        if any(b.left - a.right < 2.0 for a, b in zip(self.screens, self.screens[1:], strict=False)):
            raise ValueError("screens are given from left to right, with 2 units or more between them")

    def without_bodies(self) -> Stage:
        """The same stage with nothing on it that moves."""
        return replace(self, scene=replace(self.scene, bodies=()))


def simulate_stage(stage: Stage, length: int = FRAMES) -> tuple[np.ndarray, np.ndarray]:
    """What happens on a stage: states float32 (length, SLOTS, FIELDS) and contacts float32 (M, 4), as in a film."""
    simulation = Simulation(stage.scene, np.random.default_rng(0))  # without a star nothing is drawn from it
    states = np.empty((length, spec.SLOTS, len(spec.FIELDS)), np.float32)
    for t in range(length):
        if t:
            simulation.step()
        states[t] = simulation.state()
    reach = _reach(stage.scene)
    for screen in stage.screens:
        for t, top in enumerate(screen.tops(length)):
            rect = Rect(screen.left, spec.FLOOR, screen.right, float(top))
            free = visible_part(states[t, :, _F["x"]], states[t, :, _F["y"]], reach, rect)
            states[t, :, _F["visible"]] -= 1.0 - free  # screens do not overlap, so what they hide adds up
    contacts = np.array([(c.frame, c.first, c.second, c.speed) for c in simulation.contacts], np.float32)
    return states, contacts.reshape(-1, 4)


def draw_stage(stage: Stage, states: np.ndarray, size: int = 32) -> np.ndarray:
    """The frames of a stage, by the Playground's painter. states: (T, SLOTS, FIELDS) -> uint8 (T, size, size, 3)."""
    return draw_film(replace(stage.scene, occluder=_as_one(stage.screens, len(states), size)), states, size)


def stage_film(stage: Stage, *, length: int = FRAMES, size: int = 32, seed: int = 0) -> Film:
    """The film of a stage, the same each time to the bit. seed: only noted in the film, nothing is drawn from it.

    Raises ValueError for fewer than 2 frames.
    """
    if length < 2:
        raise ValueError(f"a film has at least 2 frames, not {length}")
    states, contacts = simulate_stage(stage, length)
    still = np.zeros(length - 1)
    return Film(stage.scene, draw_stage(stage, states, size), still.astype(np.uint8), still.astype(np.float32), states,
                contacts, seed)  # fmt: skip


def _reach(scene: Scene) -> np.ndarray:
    """Half of the side of the square around each body, (SLOTS,); see ``spec.FIELDS``, "visible"."""
    reach = np.zeros(spec.SLOTS, np.float32)
    for slot, body in enumerate(scene.bodies, start=1):
        reach[slot] = body_radius(body.shape, body.size)
    return reach


def _as_one(screens: Sequence[Screen], length: int, size: int) -> Rect | None:
    """All screens as one occluder for the painter, whose sides may be arrays that meet its pixels (T, H, W).

    Of two screens each pixel column needs only the nearer one, since a screen ends long before the middle between them.
    """
    if not screens:
        return None
    if len(screens) == 1 and not screens[0].rises:
        return Rect(screens[0].left, spec.FLOOR, screens[0].right, screens[0].top)
    centres = (np.arange(size) + 0.5) * spec.BOX / size
    nearer = np.zeros(size, int)
    if len(screens) == 2:
        nearer = (centres > (screens[0].right + screens[1].left) / 2).astype(int)  # (W,): 0 or 1
    left, right = (np.array([getattr(s, side) for s in screens])[nearer][None, None] for side in ("left", "right"))
    tops = np.stack([s.tops(length) for s in screens], axis=1)[:, None, nearer]  # (T, 1, W)
    return Rect(left.astype(np.float32), spec.FLOOR, right.astype(np.float32), tops.astype(np.float32))
