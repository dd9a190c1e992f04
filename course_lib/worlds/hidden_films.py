"""Films in which something shows that no frame shows: a mass, an elasticity, a friction.

Each kind of film has one event from which its property follows by a law of mechanics (``measures/mechanics.py``):

    mass         two balls meet: what the one gains in momentum the other loses. The orange one's mass varies
    elasticity   a ball bounces on the floor: its speed after is its elasticity times its speed before
    friction     a box slides along the floor: it loses friction times gravity in speed a second

In the films of "elasticity" the ball's mass varies too, and shows nowhere: ``mass_unseen``, which nobody can know.
Sizes, places and speeds vary in all of them. How much of a property a line through the places in all frames gives all
the same is a control of every probe of it (``studies/hidden_properties``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.scenes import Body, Scene, film_seed
from course_lib.worlds.simulate import Contact
from course_lib.worlds.two_balls import first_touch, run_scene, two_balls

NAME = "hidden_films"
PROPERTIES_OF = {"mass": ("mass",), "elasticity": ("elasticity", "mass_unseen"), "friction": ("friction",)}
HIDDEN_KINDS = tuple(PROPERTIES_OF)
FRAMES = 17
EARLIEST, LATEST = 4, 10  # frames between which the event happens
FIRMLY = 8.0  # units / s: the least speed at which things meet
SLIDING = (8.0, 14.0)  # units / s at which a box begins to slide
BLUE = 1  # the slot of what is blue: a ball, or the box that slides
_TRIES = 10_000


@dataclass(frozen=True)
class HiddenFilms:
    """Films of one kind. frames: uint8 (N, T, H, W, 3); states: float32 (N, T, SLOTS, FIELDS); hidden: by property,
    (N,), masses as their logarithm; event: the frame that first shows the touch or the bounce, 0 where a box slides,
    int (N,)."""

    kind: str
    frames: np.ndarray
    states: np.ndarray
    hidden: Mapping[str, np.ndarray]
    event: np.ndarray

    def __len__(self) -> int:
        return len(self.frames)

    def places(self) -> np.ndarray:
        """Where the bodies are in every frame, units, (N, T, bodies, 2)."""
        slots = [BLUE, BLUE + 1] if self.kind == "mass" else [BLUE]
        return self.states[:, :, slots][..., [spec.FIELD["x"], spec.FIELD["y"]]].astype(np.float64)


def _blue(shape: str, size: float, generator: np.random.Generator, **motion: float) -> Body:
    red, green, blue = spec.PALETTE["blue"]
    low, high = np.log(spec.MASS)
    return Body(shape=shape, colour="blue", rgb=(red / 255, green / 255, blue / 255), angle=0.0, spin=0.0, size=size,
                mass=float(np.exp(generator.uniform(low, high))), friction=float(generator.uniform(*spec.FRICTION)),
                elasticity=float(generator.uniform(*spec.ELASTICITY)), **motion)  # fmt: skip


def _meeting(generator: np.random.Generator) -> Scene:
    scene = two_balls(generator)
    blue, orange = scene.bodies
    return replace(scene, bodies=(replace(blue, mass=1.0), orange))


def _bouncing(generator: np.random.Generator) -> Scene:
    size = float(generator.uniform(*spec.SIZE))
    return Scene(agent=None, bodies=(_blue(
        "ball", size, generator, x=float(generator.uniform(8.0, 24.0)), y=float(generator.uniform(12.0, 27.0)),
        vx=float(generator.uniform(-8.0, 8.0)), vy=float(generator.uniform(-10.0, 0.0)),
    ),))  # fmt: skip


def _sliding(generator: np.random.Generator) -> Scene:
    size, speed = float(generator.uniform(*spec.SIZE)), float(generator.uniform(*SLIDING))
    x, side = spec.WALL + size + float(generator.uniform(0.2, 1.5)), float(generator.choice([-1.0, 1.0]))
    box = _blue("box", size, generator, x=x if side > 0 else spec.BOX - x, y=spec.FLOOR + size, vx=side * speed, vy=0.0)
    return Scene(agent=None, bodies=(replace(box, elasticity=spec.ELASTICITY[0]),))


_DRAW = {"mass": _meeting, "elasticity": _bouncing, "friction": _sliding}


def _event(kind: str, states: np.ndarray, contacts: list[Contact]) -> int:
    """The frame of the event, 0 where a box slides from the beginning; -1 for a film that does not show it clearly."""
    if kind == "friction":
        return 0
    frame = first_touch(contacts) if kind == "mass" else next((each.frame for each in contacts), -1)
    near = [each for each in contacts if frame - 2 <= each.frame <= frame + 2]  # nothing else may happen then
    if not EARLIEST <= frame <= LATEST or len(near) != 1 or near[0].speed < FIRMLY:
        return -1
    return frame if kind == "elasticity" or _free(states[frame - 2 : frame + 2, BLUE : BLUE + 2]) else -1


def _free(bodies: np.ndarray) -> bool:
    """Whether balls lie on no floor and lean on no wall, which would take part in what they exchange. (T, 2, FIELDS)"""
    x, y, size = (bodies[..., spec.FIELD[name]] for name in ("x", "y", "size"))
    off = np.minimum(np.minimum(x, spec.BOX - x) - spec.WALL, np.minimum(y - spec.FLOOR, spec.BOX - spec.WALL - y))
    return bool((off - size > 0.1).all())


def make_hidden_films(
    kind: str, *, split: str, count: int, length: int = FRAMES, size: int = 32
) -> HiddenFilms:
    """The first films of a kind in a split. Raises ValueError for an unknown kind or split."""
    if kind not in HIDDEN_KINDS:
        raise ValueError(f"there are no films of {kind!r}; there are: {', '.join(HIDDEN_KINDS)}")
    frames = np.empty((count, length, size, size, 3), np.uint8)
    states = np.empty((count, length, spec.SLOTS, len(spec.FIELDS)), np.float32)
    event = np.empty(count, int)
    for index in range(count):
        generator = np.random.default_rng([film_seed(split, index), 8, HIDDEN_KINDS.index(kind)])
        for _ in range(_TRIES):
            scene = _DRAW[kind](generator)
            states[index], contacts = run_scene(scene, length)
            event[index] = _event(kind, states[index], contacts)
            if event[index] >= 0:
                break
        else:
            raise RuntimeError(f"{_TRIES} scenes were drawn, and none shows its {kind} clearly")
        frames[index] = draw_film(scene, states[index], size)
    return HiddenFilms(kind, frames, states, {name: _hidden(name, states) for name in PROPERTIES_OF[kind]}, event)


def _hidden(name: str, states: np.ndarray) -> np.ndarray:
    """A property of each film, (N,): of the orange ball its mass, of what is blue the rest."""
    slot = BLUE + 1 if name == "mass" else BLUE
    value = states[:, 0, slot, spec.FIELD[name.removesuffix("_unseen")]].astype(np.float64)
    return np.log(value) if name.startswith("mass") else value
