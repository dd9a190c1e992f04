"""Drawing: exact states in, anti-aliased frames out.

Every shape is the region where a *signed distance* (negative inside) is below zero. A pixel's coverage is
``clip(0.5 - distance in pixels, 0, 1)``: that one line is the whole anti-aliasing. Convex polygons are the maximum of
their edges' distances, so a box needs four planes and a triangle three.

A whole film is drawn at once: each operation runs over ``(T, H, W)``, which is what makes it fast. A shape is painted
only in the rectangle of pixels that it can touch: elsewhere its coverage is 0, and painting would change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.scenes import Rect, Scene

_F = spec.FIELD
_NOWHERE = np.zeros(0, np.intp)


_EVERYWHERE = (slice(None), slice(None))  # rows and columns of pixels


@lru_cache(maxsize=16)
def _centres(size: int) -> tuple[np.ndarray, np.ndarray]:
    """World coordinates of the pixels' centres, x (1, 1, W) and y (1, H, 1): row 0 is on top."""
    centres = ((np.arange(size) + 0.5) / (size / spec.BOX)).astype(np.float32)
    return centres[None, None, :], centres[::-1][None, :, None]


class _Canvas:
    """A film being painted: ``picture`` is float32 (3, T, H, W), 0 to 1, pixel centres in world units."""

    def __init__(self, frames: int, size: int) -> None:
        self.size = size
        self.pixels = np.float32(size / spec.BOX)  # pixels a unit
        self.x, self.y = _centres(size)
        self.picture = np.empty((3, frames, size, size), np.float32)

    def only(self, frames: np.ndarray) -> _Canvas:
        """A copy that holds some of the frames. frames: their indices."""
        part = copy(self)
        part.picture = self.picture[:, frames]
        return part

    def cover(self, distance: np.ndarray) -> np.ndarray:
        """Signed distance in units -> coverage of each pixel, 0 to 1."""
        alpha = distance * -self.pixels
        alpha += np.float32(0.5)
        return np.minimum(np.maximum(alpha, np.float32(0.0), out=alpha), np.float32(1.0), out=alpha)

    def paint(self, alpha: np.ndarray, rgb: np.ndarray, where: tuple[slice, slice] = _EVERYWHERE) -> None:
        """Blend a colour in: picture += alpha * (colour - picture).

        alpha: (T or 1, rows, columns); rgb: float32 (3, 1, 1, 1), or (3, T, 1, 1) where it changes; where: the rows and
        columns of pixels that alpha is about.
        """
        part = self.picture[:, :, *where]
        blend = rgb - part
        blend *= alpha
        part += blend

    def around(self, x: np.ndarray, y: np.ndarray, reach: float) -> tuple[slice, slice]:
        """The rows and columns of pixels that hold all points within ``reach`` units of the places (x, y)."""
        top = int(np.floor((spec.BOX - float(y.max()) - reach) * self.pixels))
        bottom = int(np.ceil((spec.BOX - float(y.min()) + reach) * self.pixels))
        left = int(np.floor((float(x.min()) - reach) * self.pixels))
        right = int(np.ceil((float(x.max()) + reach) * self.pixels))
        return slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))

    def rect(self, r: Rect, rgb: np.ndarray) -> None:
        if isinstance(r.left, np.ndarray):  # another one in each frame
            self.paint(self.cover(_rect_distance(r, self.x, self.y)), rgb)
        else:
            alpha, where = _rect_cover(r.left, r.bottom, r.right, r.top, self.size)
            self.paint(alpha, rgb, where)


def _rect_distance(r: Rect, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.maximum(r.left - x, x - r.right), np.maximum(r.bottom - y, y - r.top)).astype(np.float32)


@lru_cache(maxsize=512, typed=True)  # typed: sides in float64 may be rounded otherwise
def _rect_cover(
    left: float, bottom: float, right: float, top: float, size: int
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """The coverage of the pixels that a rectangle touches, (1, rows, columns), and which rows and columns these are."""
    canvas = _Canvas(0, size)
    alpha = canvas.cover(_rect_distance(Rect(left, bottom, right, top), canvas.x, canvas.y))  # (1, H, W)
    rows, columns = (np.flatnonzero(alpha.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    if not len(rows):
        return alpha[:, :0, :0], (slice(0, 0), slice(0, 0))
    where = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    touched = np.ascontiguousarray(alpha[:, *where])
    touched.flags.writeable = False  # everybody gets the same array
    return touched, where


def _rgb(levels: Sequence[float]) -> np.ndarray:
    """A colour that does not change, 0 to 255, as (3, 1, 1, 1), 0 to 1."""
    return np.array([level / 255 for level in levels], np.float32)[:, None, None, None]


_WHITE, _LAMP, _STAR_RIM = (
    np.array(rgb, np.float32)[:, None, None, None] for rgb in ((1.0, 1.0, 1.0), (1.0, 0.93, 0.55), (0.45, 0.30, 0.05))
)
_WALL, _PLATFORM, _OCCLUDER, _STAR_COLOUR = map(
    _rgb, (spec.WALL_COLOUR, spec.PLATFORM_COLOUR, spec.OCCLUDER_COLOUR, spec.STAR_COLOUR)
)


def _column(values: np.ndarray) -> np.ndarray:
    """(T,) -> (T, 1, 1), ready to meet pixels."""
    return np.ascontiguousarray(values, np.float32)[:, None, None]


def _colours(row: np.ndarray) -> np.ndarray:
    """A body's colour in each frame, (T, FIELDS) -> (3, T, 1, 1)."""
    return np.ascontiguousarray(row[:, _F["red"] : _F["blue"] + 1].T, np.float32)[:, :, None, None]


def _planes(kind: int, size: np.ndarray, angle: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Edges of a box or a triangle as (normal x, normal y, offset), each (T, 1, 1)."""
    edges = 4 if kind == spec.KINDS.index("box") else 3
    offset = size if edges == 4 else size * np.float32(1.25 * 0.5)  # an equilateral triangle: half its circumradius
    out = []
    for k in range(edges):
        turn = angle.astype(np.float64) + (k * np.pi / 2 if edges == 4 else -np.pi / 2 + k * 2 * np.pi / 3)
        out.append((_column(np.cos(turn)), _column(np.sin(turn)), _column(offset)))
    return out


def _corners(kind: int, size: np.ndarray, angle: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Corners of a box or a triangle, float64 (corners, T, 2)."""
    count, first, radius = (4, np.pi / 4, 2.0**0.5) if kind == spec.KINDS.index("box") else (3, np.pi / 2, 1.25)
    turns = angle[None].astype(np.float64) + first + np.arange(count)[:, None] * 2.0 * np.pi / count
    return np.stack([x + radius * size * np.cos(turns), y + radius * size * np.sin(turns)], axis=-1)


def _agent_corners(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    w, h = spec.AGENT_HALF_WIDTH, spec.AGENT_HALF_HEIGHT
    return np.stack([np.stack([x + sx * w, y + sy * h], axis=-1) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))])


def _shadow(canvas: _Canvas, light: tuple[float, float], row: np.ndarray) -> np.ndarray:
    """Coverage (T, H, W) of the shadow that one body throws on the wall behind it.

    The shadow is the wedge between the two rays from the lamp that just touch the body, beyond the touching points.
    row: (T, FIELDS) of the body.
    """
    x, y, size = (row[:, _F[k]].astype(np.float64) for k in ("x", "y", "size"))
    lamp = np.array(light)
    kind = int(row[0, _F["kind"]])
    if kind == spec.KINDS.index("ball"):
        dx, dy = x - lamp[0], y - lamp[1]
        away = np.sqrt(dx**2 + dy**2)
        sine = np.clip(size / np.maximum(away, size * 1.01), 0.0, 0.99)
        cosine = np.sqrt(1.0 - sine**2)
        along = np.stack([dx, dy], -1) / away[:, None]
        across = np.stack([-along[:, 1], along[:, 0]], -1)
        reach = (away * cosine)[:, None]  # length of the tangents
        left = lamp + reach * (cosine[:, None] * along + sine[:, None] * across)
        right = lamp + reach * (cosine[:, None] * along - sine[:, None] * across)
    else:
        if kind == spec.KINDS.index("agent"):
            corners = _agent_corners(x, y)
        else:
            corners = _corners(kind, size, row[:, _F["angle"]], x, y)
        to_corner = corners - lamp  # (corners, T, 2)
        to_centre = np.stack([x, y], -1) - lamp  # (T, 2)
        cross = to_centre[None, :, 0] * to_corner[:, :, 1] - to_centre[None, :, 1] * to_corner[:, :, 0]
        dot = (to_centre[None] * to_corner).sum(-1)
        bearing = cross / np.maximum(np.abs(dot), 1e-9)  # tangent of the angle from the body's centre line
        frames = np.arange(len(x))
        left, right = corners[bearing.argmax(0), frames], corners[bearing.argmin(0), frames]

    def side(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Signed distance of every pixel to the line a -> b, negative on its left; a, b: (T, 2)."""
        d = b - a
        d = d / np.maximum(np.sqrt((d**2).sum(-1, keepdims=True)), 1e-9)
        nx, ny = d[:, 1], -d[:, 0]
        return _column(nx) * canvas.x + _column(ny) * canvas.y - _column(nx * a[:, 0] + ny * a[:, 1])

    lamps = np.broadcast_to(lamp, left.shape)
    wedge = np.maximum(side(left, lamps), side(lamps, right))
    cover = canvas.cover(np.maximum(wedge, side(left, right)))
    # a body that has flown in front of the lamp itself has no wedge: it throws no shadow in that frame
    near = np.hypot(x - lamp[0], y - lamp[1]) < 1.5 * size + 0.5
    cover[near] = 0.0
    return cover


def _body(canvas: _Canvas, row: np.ndarray) -> None:
    """Paint one free body through the film, with a darker rim and, on a ball, a highlight. row: (T, FIELDS)."""
    kind = int(row[0, _F["kind"]])
    x, y, size = _column(row[:, _F["x"]]), _column(row[:, _F["y"]]), _column(row[:, _F["size"]])
    rgb = _colours(row)
    rows, columns = where = canvas.around(x, y, float(size.max()) * 1.5 + 1.0)
    dx, dy = canvas.x[:, :, columns] - x, canvas.y[:, rows] - y
    if kind == spec.KINDS.index("ball"):
        distance = np.sqrt(dx * dx + dy * dy) - size
    else:
        distance = None
        for nx, ny, offset in _planes(kind, row[:, _F["size"]], row[:, _F["angle"]]):
            edge = nx * dx + ny * dy - offset
            distance = edge if distance is None else np.maximum(distance, edge, out=distance)
    canvas.paint(canvas.cover(distance), rgb * np.float32(0.72), where)  # the rim
    canvas.paint(canvas.cover(distance + np.float32(0.55)), rgb, where)
    if kind == spec.KINDS.index("ball"):
        glint = np.sqrt((dx + size * np.float32(0.35)) ** 2 + (dy - size * np.float32(0.35)) ** 2) - size * np.float32(
            0.28
        )
        canvas.paint(canvas.cover(glint) * np.float32(0.45), _WHITE, where)


def _agent(canvas: _Canvas, row: np.ndarray) -> None:
    x, y, facing = _column(row[:, _F["x"]]), _column(row[:, _F["y"]]), _column(row[:, _F["facing"]])
    # a pixel's coverage ends half a pixel outside the shape: three pixels more are safe at every size
    rows, columns = where = canvas.around(x, y, spec.AGENT_HALF_HEIGHT + 3.0 / float(canvas.pixels))
    dx, dy = canvas.x[:, :, columns] - x, canvas.y[:, rows] - y
    round_off = np.float32(0.6)
    qx = np.abs(dx) - (np.float32(spec.AGENT_HALF_WIDTH) - round_off)
    qy = np.abs(dy) - (np.float32(spec.AGENT_HALF_HEIGHT) - round_off)
    outside = np.sqrt(np.maximum(qx, 0.0) ** 2 + np.maximum(qy, 0.0) ** 2)
    distance = outside + np.minimum(np.maximum(qx, qy), 0.0) - round_off
    canvas.paint(canvas.cover(distance), _colours(row), where)
    eye = np.maximum(np.abs(dx - facing * np.float32(0.65)) - np.float32(0.5), np.abs(dy - np.float32(0.8)) -
                     np.float32(0.5))  # fmt: skip
    canvas.paint(canvas.cover(eye), _WHITE, where)


def _star(canvas: _Canvas, row: np.ndarray) -> None:
    """A four-pointed star: |dx|^(1/2) + |dy|^(1/2) = const, drawn as two crossed diamonds."""
    x, y, size = _column(row[:, _F["x"]]), _column(row[:, _F["y"]]), _column(row[:, _F["size"]])
    # farthest along its axes: 2.4 times half a unit of rim and half a pixel beyond its size, and a pixel more
    rows, columns = where = canvas.around(x, y, float(size.max()) + 1.2 + 2.2 / float(canvas.pixels))
    dx, dy = np.abs(canvas.x[:, :, columns] - x), np.abs(canvas.y[:, rows] - y)
    tall = (dx * np.float32(2.2) + dy - size) / np.float32(2.4)
    wide = (dx + dy * np.float32(2.2) - size) / np.float32(2.4)
    square = (dx + dy) * np.float32(0.7) - size * np.float32(0.5)
    distance = np.minimum(np.minimum(tall, wide), square)
    canvas.paint(canvas.cover(distance - np.float32(0.5)), _STAR_RIM, where)  # a dark rim
    canvas.paint(canvas.cover(distance), _STAR_COLOUR, where)


def draw_film(scene: Scene, states: np.ndarray, size: int = 32) -> np.ndarray:
    """Draw a film.

    scene: what does not move (background, platforms, occluder, lamp).
    states: float32 (T, SLOTS, FIELDS), see ``spec.FIELDS``. A body whose kind is 0 is not drawn; the kind of a slot is
    that of its first frame in which it is present.
    size: side of the picture in pixels.
    Returns uint8 (T, size, size, 3).
    Raises ValueError when the states have another shape or the size is not positive.
    """
    if size < 1:
        raise ValueError(f"size is the side of a frame in pixels, at least 1, not {size}")
    if states.ndim != 3 or states.shape[1:] != (spec.SLOTS, len(spec.FIELDS)):
        raise ValueError(
            f"states are (T, {spec.SLOTS}, {len(spec.FIELDS)}): frames, slots, fields; these are {states.shape}"
        )
    canvas = _Canvas(len(states), size)
    bottom, top = scene.background
    for channel, low, high in zip(canvas.picture, bottom, top, strict=True):
        channel[:] = low + (high - low) * (canvas.y / np.float32(spec.BOX))
    there = states[:, :, 0] != 0
    present = [np.flatnonzero(there[:, slot]) if some else _NOWHERE for slot, some in enumerate(there.any(axis=0))]
    if scene.light is not None:
        shade = np.zeros_like(canvas.picture[0])
        for slot in range(spec.STAR_SLOT):
            if len(present[slot]):
                where = present[slot]
                cover = _shadow(canvas, scene.light, states[where, slot])
                shade[where] = np.maximum(shade[where], cover)
        canvas.picture *= 1.0 - np.float32(spec.SHADOW) * shade
        _lamp(canvas, scene.light)
    for rect in scene.platforms:
        canvas.rect(rect, _PLATFORM)
    for slot, paint in ((spec.STAR_SLOT, _star), *((s, _body) for s in range(1, 5)), (spec.AGENT_SLOT, _agent)):
        where = present[slot]
        if len(where) == len(states):
            paint(canvas, states[:, slot])
        elif len(where):  # a body that is not always there (only in impossible films)
            part = canvas.only(where)
            paint(part, states[where, slot])
            canvas.picture[:, where] = part.picture
    _box(canvas)
    if scene.occluder is not None:
        canvas.rect(scene.occluder, _OCCLUDER)
    levels = canvas.picture * np.float32(255.0)
    levels += np.float32(0.5)
    return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 3, 0))  # (3, T, H, W) -> (T, H, W, 3)


def draw_together(scenes: Sequence[Scene], states: np.ndarray, size: int = 32) -> np.ndarray:
    """Draw one frame of each of many games at once, to the bit what ``draw_film`` draws of each, many times faster.

    scenes: N of them; states: float32 (N, SLOTS, FIELDS). Returns uint8 (N, size, size, 3).
    Games with one plain background, as many platforms each and things of the same kinds (those of the sets "goal",
    "agent" and "ball") are drawn in one go, all others one by one.
    """
    first = scenes[0]
    plain = all(s.light is None and s.occluder is None and s.background == first.background for s in scenes)
    alike = plain and len({len(s.platforms) for s in scenes}) == 1 and (states[:, :, 0] == states[0, :, 0]).all()
    if not alike:
        return np.concatenate([draw_film(s, one[None], size) for s, one in zip(scenes, states, strict=True)])
    sides = ("left", "bottom", "right", "top")
    together = [
        Rect(*(_column(np.array([getattr(s.platforms[k], side) for s in scenes])) for side in sides))
        for k in range(len(first.platforms))
    ]
    return draw_film(replace(first, platforms=tuple(together)), states, size)


_WALLS = (
    Rect(-9, -9, spec.WALL, 99),
    Rect(spec.BOX - spec.WALL, -9, 99, 99),
    Rect(-9, spec.BOX - spec.WALL, 99, 99),
    Rect(-9, -9, 99, spec.FLOOR),
)


def _box(canvas: _Canvas) -> None:
    for rect in _WALLS:
        canvas.rect(rect, _WALL)


def _lamp(canvas: _Canvas, light: tuple[float, float]) -> None:
    away = np.sqrt((canvas.x - np.float32(light[0])) ** 2 + (canvas.y - np.float32(light[1])) ** 2)
    canvas.paint(canvas.cover(away - np.float32(1.1)), _LAMP)
