"""Nine properties of things, each as a pair of possible films that are equal where nobody can see the difference.

Behind a screen two films can be the same picture although different things happen. Cut there and exchanged, two
possible films become two impossible ones (``quadruplets.py``). This file says what happens in the two films, A and B,
and how fast, how wide and how large things are: the *family*, from which models may learn, and around it the held-out
ranges, which no training film touches. Where nothing else is said, a body is a ball or a box that slides without
friction; pairs of colour and shape that are reserved (``spec.RESERVED_COMBINATIONS``) never occur.

The idea of matched possible and impossible films is that of IntPhys (Riochet et al. 2018, arXiv 1803.07616); the
construction here, with windows that are equal to the bit, is the course's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from course_lib.lookup import did_you_mean
from course_lib.worlds import spec
from course_lib.worlds.scenes import Body, Rect, Scene
from course_lib.worlds.screens import Screen, Stage

Range = tuple[float, float]


@dataclass(frozen=True)
class Property:
    """What is asked of a model, in a sentence; kind: how the films are staged, a key of ``FAMILY``; cuts: how often
    the impossible films change from one possible film to the other."""

    about: str
    kind: str
    cuts: int = 1


PROPERTIES: dict[str, Property] = {
    "permanence": Property("what goes behind a screen is still there: it comes out, and nothing else does", "one"),
    "colour": Property("what goes behind a screen comes out in the same colour", "one"),
    "shape": Property("what goes behind a screen comes out in the same shape", "one"),
    "inertia": Property("what nothing stops goes on: it leaves the screen on the other side, and does not turn round "
                        "behind it", "octet"),
    "solidity": Property("nothing goes through a wall: if one stands behind the screen, the ball comes back", "octet"),
    "continuity_gap": Property("what goes from one screen to the next is seen in the gap between them, and what is "
                               "seen in the gap has come from somewhere", "two", cuts=2),
    "continuity_jump": Property("nothing vanishes behind one screen and appears from behind another", "two"),
    "gravity": Property("a ball falls until something holds it: on a shelf, now hidden, it stays above; without one it "
                        "neither hangs nor bounces in the air", "support"),
    "energy": Property("a ball that was dropped rises again to nearly the height that it came from: it gains no "
                       "energy, and hardly loses any", "drop"),
}  # fmt: skip
OCTET = ("inertia", "solidity")
"""One seed makes both from the same numbers: only the wall differs. A model that expects every ball to pass, or every
ball to come back, is right in one of them and wrong in the other, so both are reported."""

FAMILY: dict[str, dict[str, Range]] = {
    "one": {"speed": (10.0, 14.0), "width": (14.0, 15.0), "height": (9.0, 13.0), "size": (2.2, 2.5)},
    "octet": {"speed": (10.0, 14.0), "width": (14.4, 15.0), "height": (9.0, 13.0), "size": (2.2, 2.3),
              "wall": (1.0, 1.4), "above": (5.0, 9.0)},
    "two": {"speed": (9.5, 11.5), "width": (7.2, 7.6), "height": (9.0, 13.0), "size": (2.2, 2.35), "gap": (4.6, 5.2)},
    "support": {"speed": (-1.0, 1.0), "height": (9.0, 12.0), "size": (2.2, 2.5), "above": (0.6, 1.4),
                "start": (26.0, 28.0)},
    "drop": {"height": (15.2, 15.8), "size": (2.2, 2.5), "high": (26.0, 27.8), "low": (18.6, 19.6)},
}  # fmt: skip
"""The ranges of the family by kind of stage. Units as in ``spec.py``.

speed: of the body in the first frame, sideways; for "support" downwards. width: of a screen; gap: between two of them.
height: of a standing screen's top above the floor; for "support" of the shelf's top in the box, for "drop" of the
screen's. wall: how wide the hidden wall is, above: how far it stands out above the screen; for "support" how far the
risen screen stands above the shelf. start: where a ball is let go. high, low: how high a ball flies, A's and B's. size:
as in ``spec.SIZE``."""

HELD_OUT: dict[str, dict[str, dict[str, Range]]] = {
    "one": {"slow": {"speed": (6.0, 8.0)}, "fast": {"speed": (17.0, 20.0)},
            "narrow": {"width": (11.5, 13.2)}, "wide": {"width": (15.8, 17.0)}},
    "octet": {"slow": {"speed": (6.0, 8.0)}, "fast": {"speed": (17.0, 20.0)},
              "narrow": {"width": (13.6, 14.2)}, "wide": {"width": (15.4, 16.6)}},
    "two": {"slow": {"speed": (8.0, 9.0)}, "fast": {"speed": (12.0, 13.0)},
            "narrow": {"width": (6.9, 7.1)}, "wide": {"width": (7.65, 7.75)}},
    "support": {"slow": {"speed": (-6.0, -3.0)}, "fast": {"speed": (3.0, 6.0)},
                "narrow": {"height": (6.0, 8.0)}, "wide": {"height": (13.0, 15.0)}},
    "drop": {"slow": {"high": (23.5, 25.0)}, "fast": {"high": (28.0, 28.4), "low": (20.4, 21.2)},
             "narrow": {"height": (13.4, 14.6)}, "wide": {"height": (16.2, 17.0)}},
}  # fmt: skip
"""What the held-out tiers change, by kind of stage: "slow" and "fast" the speed (of a dropped ball, the height that it
comes from); "narrow" and "wide" the screen (where that is as wide as the box, how high it is: low, or high)."""
TIERS = ("family", "slow", "fast", "narrow", "wide")

MIDDLE = spec.BOX / 2
RISES = 4  # frames in which the screen rises before the shelf
SHELF = 1.2  # thickness
SOFT, SPRINGY = 0.5, 0.95  # elasticity of balls that fall on a shelf, and of those of "energy": one for all films
SHAPES = ("ball", "box")  # a triangle that slides against the side wall tips over, whatever a screen hides
_SUNK = 0.05  # a body that rests on the floor begins so deep in it: pymunk lets contacts overlap by 0.1


def find_property(name: str) -> Property:
    """The property called ``name``. Raises ValueError that lists the properties there are."""
    if name not in PROPERTIES:
        known = ", ".join(PROPERTIES)
        raise ValueError(f"there is no property {name!r}{did_you_mean(name, PROPERTIES)}; the properties are: {known}")
    return PROPERTIES[name]


def ranges(name: str, tier: str = "family") -> dict[str, Range]:
    """From where the numbers of a property's stages are drawn. Raises ValueError for an unknown property or tier."""
    kind = find_property(name).kind
    if tier not in TIERS:
        raise ValueError(f"there is no tier {tier!r}{did_you_mean(tier, TIERS)}; the tiers are: {', '.join(TIERS)}")
    return FAMILY[kind] | (HELD_OUT[kind][tier] if tier != "family" else {})


def draw_pair(name: str, generator: np.random.Generator, *, tier: str = "family") -> tuple[Stage, Stage]:
    """The stages of two possible films, A and B, with numbers from a property's ranges.

    The two properties of ``OCTET`` draw the same numbers from equal generators.
    Raises ValueError for an unknown property or tier.
    """
    kind = find_property(name).kind
    values = {key: float(generator.uniform(*span)) for key, span in ranges(name, tier).items()}
    side = int(generator.choice((-1, 1)))  # from where it comes: -1 from the left
    make = {"one": _behind_one, "octet": _octet, "two": _behind_two, "support": _support, "drop": _drop}[kind]
    return make(name, values, side, generator)


def _colours(*shapes: str) -> list[str]:
    """The colours in which all of these shapes may occur."""
    return [c for c in spec.COLOURS if not any((c, shape) in spec.RESERVED_COMBINATIONS for shape in shapes)]


def _body(shape: str, colour: str, size: float, generator: np.random.Generator, elasticity: float = 1.0) -> Body:
    """A body at rest on the floor in the middle of the box, of any mass."""
    red, green, blue = spec.PALETTE[colour]
    mass = float(np.exp(generator.uniform(np.log(spec.MASS[0]), np.log(spec.MASS[1]))))
    return Body(shape=shape, colour=colour, rgb=(red / 255, green / 255, blue / 255), x=MIDDLE,
                y=spec.FLOOR + size - _SUNK, vx=0.0, vy=0.0, angle=0.0, spin=0.0, size=size, mass=mass, friction=0.0,
                elasticity=elasticity)  # fmt: skip


def _stage(body: Body | None, screens: tuple[Screen, ...], platforms: tuple[Rect, ...] = ()) -> Stage:
    return Stage(Scene(None, () if body is None else (body,), platforms), screens)


def _coming(body: Body, values: dict[str, float], side: int, edges: tuple[float, float],
            generator: np.random.Generator) -> Body:  # fmt: skip
    """The body on its way to the screens, in full view. edges: the outer edges of the screens, left and right."""
    room = (edges[0] - spec.WALL if side < 0 else spec.BOX - spec.WALL - edges[1]) - 2.0 * body.size
    ahead = float(generator.uniform(0.2, 1.0)) * max(room, 0.0)  # units from its front to the screen
    if values["speed"] < 9.0:
        ahead *= 0.4  # a slow one begins nearer, or it would not come out before the film ends
    x = edges[0] - body.size - ahead if side < 0 else edges[1] + body.size + ahead
    return replace(body, x=x, vx=-side * values["speed"])


def _mirrored(body: Body) -> Body:
    return replace(body, x=2.0 * MIDDLE - body.x, vx=-body.vx)


def _behind_one(name: str, values: dict[str, float], side: int, generator: np.random.Generator) -> tuple[Stage, Stage]:
    """permanence: a body passes behind a screen, or nothing does. colour, shape: two bodies that pass alike."""
    centre = MIDDLE + float(generator.uniform(-0.4, 0.4))
    screen = Screen(centre - values["width"] / 2, centre + values["width"] / 2, spec.FLOOR + values["height"])
    shapes = [str(shape) for shape in generator.permutation(SHAPES)]
    if name == "shape":
        colours = [str(generator.choice(_colours(*SHAPES)))] * 2
    else:
        shapes[1] = shapes[0]
        colours = [str(colour) for colour in generator.permutation(_colours(shapes[0]))[:2]]
    first = _coming(_body(shapes[0], colours[0], values["size"], generator), values, side, (screen.left, screen.right),
                    generator)  # fmt: skip
    red, green, blue = spec.PALETTE[colours[1]]
    second = replace(first, shape=shapes[1], colour=colours[1], rgb=(red / 255, green / 255, blue / 255))
    return _stage(first, (screen,)), _stage(None if name == "permanence" else second, (screen,))


def _octet(name: str, values: dict[str, float], side: int, generator: np.random.Generator) -> tuple[Stage, Stage]:
    """A ball comes from one side, or its mirror image from the other. solidity: a wall stands behind the screen."""
    screen = Screen(MIDDLE - values["width"] / 2, MIDDLE + values["width"] / 2, spec.FLOOR + values["height"])
    colour = str(generator.choice(_colours("ball")))
    ball = _coming(_body("ball", colour, values["size"], generator), values, side, (screen.left, screen.right),
                   generator)  # fmt: skip
    wall = Rect(MIDDLE - values["wall"] / 2, spec.FLOOR, MIDDLE + values["wall"] / 2, screen.top + values["above"])
    walls = (wall,) if name == "solidity" else ()
    return _stage(ball, (screen,), walls), _stage(_mirrored(ball), (screen,), walls)


def _behind_two(name: str, values: dict[str, float], side: int, generator: np.random.Generator) -> tuple[Stage, Stage]:
    """continuity_gap: a body passes behind two screens, or nothing does. continuity_jump: or its mirror image does."""
    near, far, top = values["gap"] / 2, values["gap"] / 2 + values["width"], spec.FLOOR + values["height"]
    screens = (Screen(MIDDLE - far, MIDDLE - near, top), Screen(MIDDLE + near, MIDDLE + far, top))
    shape = str(generator.choice(SHAPES))
    body = _body(shape, str(generator.choice(_colours(shape))), values["size"], generator)
    body = _coming(body, values, side, (MIDDLE - far, MIDDLE + far), generator)
    return _stage(body, screens), _stage(None if name == "continuity_gap" else _mirrored(body), screens)


def _support(name: str, values: dict[str, float], side: int, generator: np.random.Generator) -> tuple[Stage, Stage]:
    """A ball falls above a shelf, or above none, while a screen as wide as the box rises before it."""
    shelf = Rect(MIDDLE - 7.0, values["height"] - SHELF, MIDDLE + 7.0, values["height"])
    screen = Screen(spec.WALL, spec.BOX - spec.WALL, shelf.top + values["above"], rises=RISES)
    ball = _body("ball", str(generator.choice(_colours("ball"))), values["size"], generator, SOFT)
    x = MIDDLE + side * float(generator.uniform(0.0, 4.0))
    ball = replace(ball, x=x, y=values["start"], vy=-values["speed"])
    return _stage(ball, (screen,), (shelf,)), _stage(ball, (screen,))


def _drop(name: str, values: dict[str, float], side: int, generator: np.random.Generator) -> tuple[Stage, Stage]:
    """A ball comes from high above or from not so high, and meets the floor, which a screen hides, at the same time."""
    screen = Screen(spec.WALL, spec.BOX - spec.WALL, values["height"])
    ball = _body("ball", str(generator.choice(_colours("ball"))), values["size"], generator, SPRINGY)
    ball = replace(ball, x=MIDDLE + side * float(generator.uniform(0.0, 10.0)))
    floor = spec.FLOOR + ball.size
    lands = (2.0 * (values["high"] - floor) / spec.GRAVITY) ** 0.5  # seconds: A is let go, B thrown up a little

    def thrown(apex: float) -> Stage:
        rising = lands - (2.0 * (apex - floor) / spec.GRAVITY) ** 0.5  # seconds until it is at its highest
        y, vy = apex - spec.GRAVITY * rising**2 / 2.0, spec.GRAVITY * rising
        return _stage(replace(ball, y=y, vy=vy), (screen,))

    return thrown(values["high"]), thrown(values["low"])
