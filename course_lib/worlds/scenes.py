"""Scenes and film sets: what stands in the box when a film begins, and which films exist under which name.

A *scene* is everything that the first frame holds. A *film set* is a named recipe for scenes. The reserved seeds and
values of ``spec.py`` are enforced here and nowhere else: ``film_seed`` gives the seeds of a split, ``sample_scene``
draws reserved values for the reserved sets only, and ``check_trainable`` refuses both to a training run.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field

import numpy as np

from course_lib.worlds import spec


@dataclass(frozen=True)
class FilmSet:
    """A named recipe for scenes. Ranges are (low, high), both included for counts."""

    name: str
    about: str
    agent: bool = True
    bodies: tuple[int, int] = (2, 2)
    platforms: tuple[int, int] = (0, 0)
    star: bool = False
    occluder: float = 0.0  # probability
    light: float = 0.0  # probability of a lamp that casts shadows
    random_colours: bool = False
    random_background: bool = False
    shapes: tuple[str, ...] = spec.SHAPES
    speed: tuple[float, float] = spec.SPEED
    mass: tuple[float, float] = spec.MASS
    combinations: str = "seen"  # "seen" or "reserved"

    @property
    def reserved(self) -> bool:
        """Whether the set holds values that no training run may draw."""
        return self.combinations == "reserved" or self.speed[1] > spec.SPEED[1] or self.mass[1] > spec.MASS[1]


FILM_SETS: dict[str, FilmSet] = {
    s.name: s
    for s in (
        FilmSet("agent", "the agent alone", bodies=(0, 0)),
        FilmSet("ball", "the agent and one ball", bodies=(1, 1), shapes=("ball",)),
        FilmSet("simple", "the agent and two bodies, fixed palette, plain background"),
        FilmSet("bodies", "one to four bodies without the agent, fixed palette, plain background", agent=False,
                bodies=(1, 4)),
        FilmSet("goal", "the agent, a platform and a star to reach: the environment's own films", bodies=(0, 0),
                platforms=(1, 1), star=True),
        FilmSet("occluded", "two bodies and a screen that hides a part of the box", agent=False, occluder=1.0,
                speed=(8.0, 20.0)),
        FilmSet("rich", "the agent, one to four bodies, platforms, screen, lamp, random colours and backgrounds",
                bodies=(1, 4), platforms=(0, 2), occluder=0.35, light=0.7, random_colours=True,
                random_background=True),
        # held for the questions about generalisation: test films only
        FilmSet("simple-fast", "simple, with bodies that begin faster than any to learn from",
                speed=spec.RESERVED_SPEED),
        FilmSet("simple-heavy", "simple, with bodies heavier than any to learn from", mass=spec.RESERVED_MASS),
        FilmSet("simple-new", "simple, with pairs of colour and shape that no training film shows",
                combinations="reserved"),
        FilmSet("bodies-new", "bodies, with pairs of colour and shape that no training film shows", agent=False,
                bodies=(1, 4), combinations="reserved"),
    )
}  # fmt: skip


def film_set(name: str) -> FilmSet:
    """The film set called ``name``. Raises ValueError that lists the names there are."""
    if name not in FILM_SETS:
        raise ValueError(f"there is no film set {name!r}; the film sets are: {', '.join(FILM_SETS)}")
    return FILM_SETS[name]


def film_seed(split: str, index: int) -> int:
    """The seed of film ``index`` of a split: the splits own disjoint ranges of seeds.

    Raises ValueError for an unknown split or an index outside the split's range.
    """
    if split not in spec.SPLITS:
        raise ValueError(f"there is no split {split!r}; the splits are: {', '.join(spec.SPLITS)}")
    if not 0 <= index < spec.SEEDS_PER_SPLIT:
        raise ValueError(f"film {index} lies outside the split's range 0 to {spec.SEEDS_PER_SPLIT - 1}")
    return spec.SPLITS[split] + index


def check_trainable(set_name: str, split: str) -> None:
    """Refuse reserved films to a training run. Raises ValueError that says what to use in their place."""
    if split != "train":
        raise ValueError(f"films of the split {split!r} are held out: train on split='train'")
    if film_set(set_name).reserved:
        raise ValueError(f"the film set {set_name!r} is reserved for questions about generalisation: train on 'simple'")


@dataclass(frozen=True)
class Body:
    """A free body in the first frame; units as in ``spec.py``."""

    shape: str
    colour: str
    rgb: tuple[float, float, float]
    x: float
    y: float
    vx: float
    vy: float
    angle: float
    spin: float
    size: float
    mass: float
    friction: float
    elasticity: float


@dataclass(frozen=True)
class Rect:
    """An axis-parallel rectangle: left, bottom, right, top in units."""

    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True)
class Scene:
    """Everything that the first frame holds."""

    agent: tuple[float, float] | None
    bodies: tuple[Body, ...] = ()
    platforms: tuple[Rect, ...] = ()
    occluder: Rect | None = None
    light: tuple[float, float] | None = None
    star: bool = False
    background: tuple[tuple[float, float, float], tuple[float, float, float]] = field(
        default=((spec.BACKGROUND[0] / 255, spec.BACKGROUND[1] / 255, spec.BACKGROUND[2] / 255),) * 2
    )  # colour at the bottom and at the top


def _hsv(hue_degrees: float, saturation: float, value: float) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb((hue_degrees % 360.0) / 360.0, saturation, value)


def body_radius(shape: str, size: float) -> float:
    """Radius of the circle around a body, in units."""
    return size * {"ball": 1.0, "box": 2.0**0.5, "triangle": 1.25}[shape]


def _draw_colour(films: FilmSet, colour: str, rng: np.random.Generator) -> tuple[float, float, float]:
    if films.random_colours:
        return _hsv(rng.uniform(*spec.HUES[colour]), rng.uniform(*spec.SATURATION), rng.uniform(*spec.VALUE))
    red, green, blue = spec.PALETTE[colour]
    return red / 255, green / 255, blue / 255


def sample_scene(films: FilmSet, rng: np.random.Generator) -> Scene:
    """Draw a scene of a film set; nothing overlaps in the first frame. ``rng`` is the only source of chance."""
    low_x, high_x = spec.WALL, spec.BOX - spec.WALL
    low_y, high_y = spec.FLOOR, spec.BOX - spec.WALL
    platforms = []
    for i in range(int(rng.integers(films.platforms[0], films.platforms[1] + 1))):
        width = rng.uniform(8.0, 12.0)
        left = rng.uniform(low_x + 4.5, high_x - 4.5 - width)  # room to climb on both sides
        top = low_y + rng.uniform(5.9, 6.6) + 9.0 * i  # one jump above the floor, the second one above reach
        platforms.append(Rect(left, top - 1.2, left + width, top))

    circles: list[tuple[float, float, float]] = []  # x, y, radius of what stands already
    agent = None
    if films.agent:
        agent = (rng.uniform(low_x + 2.0, high_x - 2.0), low_y + spec.AGENT_HALF_HEIGHT)
        circles.append((*agent, 2.6))

    pairs = [
        (c, s)
        for c in spec.COLOURS
        for s in films.shapes
        if ((c, s) in spec.RESERVED_COMBINATIONS) == (films.combinations == "reserved")
    ]
    bodies: list[Body] = []
    for _ in range(int(rng.integers(films.bodies[0], films.bodies[1] + 1))):
        colour, shape = pairs[rng.integers(len(pairs))]
        size = rng.uniform(*spec.SIZE)
        radius = body_radius(shape, size)
        for _attempt in range(1000):
            x = rng.uniform(low_x + radius, high_x - radius)
            y = rng.uniform(low_y + radius, high_y - radius)
            apart = all((x - cx) ** 2 + (y - cy) ** 2 > (radius + cr + 0.3) ** 2 for cx, cy, cr in circles)
            clear = all(
                max(p.left - x, x - p.right, p.bottom - y, y - p.top) > radius * 0.75 + 0.3 for p in platforms
            )
            if apart and clear:
                break
        else:  # a full box: leave this body out rather than let two overlap
            continue
        circles.append((x, y, radius))
        speed, direction = rng.uniform(*films.speed), rng.uniform(0.0, 2.0 * np.pi)
        bodies.append(
            Body(
                shape=shape, colour=colour, rgb=_draw_colour(films, colour, rng), x=x, y=y,
                vx=speed * float(np.cos(direction)), vy=speed * float(np.sin(direction)),
                angle=rng.uniform(0.0, 2.0 * np.pi), spin=rng.uniform(*spec.SPIN), size=size,
                mass=float(np.exp(rng.uniform(np.log(films.mass[0]), np.log(films.mass[1])))),
                friction=rng.uniform(*spec.FRICTION), elasticity=rng.uniform(*spec.ELASTICITY),
            )
        )  # fmt: skip

    occluder = None
    if rng.random() < films.occluder:
        width, height = rng.uniform(6.0, 9.0), rng.uniform(12.0, 20.0)
        left = rng.uniform(low_x + 5.0, high_x - 5.0 - width)
        occluder = Rect(left, spec.FLOOR, left + width, spec.FLOOR + height)
    light = None
    if rng.random() < films.light:
        light = (rng.uniform(4.0, spec.BOX - 4.0), spec.BOX - 2.5)
    background = Scene(agent=None).background
    if films.random_background:
        hue = rng.uniform(0.0, 360.0)
        bottom = _hsv(hue, rng.uniform(0.03, 0.22), rng.uniform(0.82, 0.97))
        top = _hsv(hue + rng.uniform(-50.0, 50.0), rng.uniform(0.03, 0.22), rng.uniform(0.82, 0.97))
        background = (bottom, top)
    return Scene(agent, tuple(bodies), tuple(platforms), occluder, light, films.star, background)
