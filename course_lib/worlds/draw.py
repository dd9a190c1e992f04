"""Drawing: exact states in, anti-aliased frames out.

Every shape is the region where a *signed distance* (negative inside) is below zero. A pixel's coverage is
``clip(0.5 - distance in pixels, 0, 1)``: that one line is the whole anti-aliasing. Convex polygons are the maximum of
their edges' distances, so a box needs four planes and a triangle three.

A whole film is drawn at once: each operation runs over ``(T, H, W)``, which is what makes it fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.scenes import Rect, Scene

_F = spec.FIELD
_SMALL = np.float32(1e-6)


class _Canvas:
    """A film being painted: ``picture`` is float32 (3, T, H, W), 0 to 1, pixel centres in world units."""

    def __init__(self, frames: int, size: int) -> None:
        self.pixels = np.float32(size / spec.BOX)  # pixels a unit
        centres = ((np.arange(size) + 0.5) / (size / spec.BOX)).astype(np.float32)
        self.x = centres[None, None, :]  # (1, 1, W)
        self.y = centres[::-1][None, :, None]  # (1, H, 1): row 0 is on top
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
        return np.clip(alpha, 0.0, 1.0, out=alpha)

    def paint(self, alpha: np.ndarray, rgb: Sequence[np.ndarray | float], rows: slice = slice(None)) -> None:
        """Blend a colour in: picture += alpha * (colour - picture)."""
        for channel, colour in zip(self.picture, rgb, strict=True):
            part = channel[:, rows]
            part += alpha * (np.asarray(colour, np.float32) - part)

    def rect(self, r: Rect, rgb: Sequence[float]) -> None:
        distance = np.maximum(np.maximum(r.left - self.x, self.x - r.right), np.maximum(r.bottom - self.y,
                              self.y - r.top)).astype(np.float32)  # fmt: skip
        self.paint(self.cover(distance), rgb)


def _column(values: np.ndarray) -> np.ndarray:
    """(T,) -> (T, 1, 1), ready to meet pixels."""
    return np.ascontiguousarray(values, np.float32)[:, None, None]


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
    rgb = [_column(row[:, _F[c]]) for c in ("red", "green", "blue")]
    # only the rows of pixels that the body visits
    reach = float(size.max()) * 1.5 + 1.0
    top = int(np.floor((spec.BOX - float(y.max()) - reach) * canvas.pixels))
    bottom = int(np.ceil((spec.BOX - float(y.min()) + reach) * canvas.pixels))
    rows = slice(max(top, 0), max(bottom, 0))
    dx, dy = canvas.x - x, canvas.y[:, rows] - y
    if kind == spec.KINDS.index("ball"):
        distance = np.sqrt(dx * dx + dy * dy) - size
    else:
        distance = None
        for nx, ny, offset in _planes(kind, row[:, _F["size"]], row[:, _F["angle"]]):
            edge = nx * dx + ny * dy - offset
            distance = edge if distance is None else np.maximum(distance, edge, out=distance)
    canvas.paint(canvas.cover(distance), [c * np.float32(0.72) for c in rgb], rows)  # the rim
    canvas.paint(canvas.cover(distance + np.float32(0.55)), rgb, rows)
    if kind == spec.KINDS.index("ball"):
        glint = np.sqrt((dx + size * np.float32(0.35)) ** 2 + (dy - size * np.float32(0.35)) ** 2) - size * np.float32(
            0.28
        )
        canvas.paint(canvas.cover(glint) * np.float32(0.45), (1.0, 1.0, 1.0), rows)


def _agent(canvas: _Canvas, row: np.ndarray) -> None:
    x, y, facing = _column(row[:, _F["x"]]), _column(row[:, _F["y"]]), _column(row[:, _F["facing"]])
    rgb = [_column(row[:, _F[c]]) for c in ("red", "green", "blue")]
    dx, dy = canvas.x - x, canvas.y - y
    round_off = np.float32(0.6)
    qx = np.abs(dx) - (np.float32(spec.AGENT_HALF_WIDTH) - round_off)
    qy = np.abs(dy) - (np.float32(spec.AGENT_HALF_HEIGHT) - round_off)
    outside = np.sqrt(np.maximum(qx, 0.0) ** 2 + np.maximum(qy, 0.0) ** 2)
    distance = outside + np.minimum(np.maximum(qx, qy), 0.0) - round_off
    canvas.paint(canvas.cover(distance), rgb)
    eye = np.maximum(np.abs(dx - facing * np.float32(0.65)) - np.float32(0.5), np.abs(dy - np.float32(0.8)) -
                     np.float32(0.5))  # fmt: skip
    canvas.paint(canvas.cover(eye), (1.0, 1.0, 1.0))


def _star(canvas: _Canvas, row: np.ndarray) -> None:
    """A four-pointed star: |dx|^(1/2) + |dy|^(1/2) = const, drawn as two crossed diamonds."""
    x, y, size = _column(row[:, _F["x"]]), _column(row[:, _F["y"]]), _column(row[:, _F["size"]])
    dx, dy = np.abs(canvas.x - x), np.abs(canvas.y - y)
    tall = (dx * np.float32(2.2) + dy - size) / np.float32(2.4)
    wide = (dx + dy * np.float32(2.2) - size) / np.float32(2.4)
    square = (dx + dy) * np.float32(0.7) - size * np.float32(0.5)
    distance = np.minimum(np.minimum(tall, wide), square)
    canvas.paint(canvas.cover(distance - np.float32(0.5)), (0.45, 0.30, 0.05))  # a dark rim
    canvas.paint(canvas.cover(distance), [c / 255 for c in spec.STAR_COLOUR])


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
    present = [np.flatnonzero(states[:, slot, 0]) for slot in range(spec.SLOTS)]
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
        canvas.rect(rect, [c / 255 for c in spec.PLATFORM_COLOUR])
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
        canvas.rect(scene.occluder, [c / 255 for c in spec.OCCLUDER_COLOUR])
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


def _box(canvas: _Canvas) -> None:
    wall = [c / 255 for c in spec.WALL_COLOUR]
    for rect in (
        Rect(-9, -9, spec.WALL, 99),
        Rect(spec.BOX - spec.WALL, -9, 99, 99),
        Rect(-9, spec.BOX - spec.WALL, 99, 99),
        Rect(-9, -9, 99, spec.FLOOR),
    ):
        canvas.rect(rect, wall)


def _lamp(canvas: _Canvas, light: tuple[float, float]) -> None:
    away = np.sqrt((canvas.x - np.float32(light[0])) ** 2 + (canvas.y - np.float32(light[1])) ** 2)
    canvas.paint(canvas.cover(away - np.float32(1.1)), (1.0, 0.93, 0.55))
