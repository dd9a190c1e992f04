"""A room with a lamp, seen in perspective: pictures of 64 pixels whose geometry is known exactly.

A picture of a room obeys two rules that no pattern of pixels states (Hartley & Zisserman, Multiple View Geometry, 2nd
edition, sections 6.1 and 8.6; Kersten, Mamassian & Knill, 1997, on shadows):

    lines that are parallel in the room meet in one point of the picture, their vanishing point
    a lamp, the middle of a ball and the middle of its shadow lie on a line in the room, and so in the picture

>>> scene = draw_scene(np.random.default_rng(0))
>>> picture = render(scene)                    # uint8 (64, 64, 3)
>>> truth = geometry_of(scene)                 # camera, vanishing directions, lamp, balls, contact points

Directions: in the room x goes to the right, y up and z away from the camera; in the camera's own frame x goes right, y
down and z forward, as pixels do. The middle of the upper left pixel is (0.5, 0.5). Lengths are in metres.

Every ray is followed to the first surface that it meets, and from there to the lamp; what is in between makes a hard
shadow. A pixel is the mean of 4 x 4 rays.

``RoomScene.casting`` and ``RoomScene.bend`` break one rule each, so that a measurement can be tested: shadows that
another lamp casts, and two cameras that look in different directions, as when a panorama is glued together.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from course_lib.worlds.scenes import film_seed

SIZE = 64  # pixels of a side
VIEW = np.deg2rad(75.0)  # from the left edge of a picture to the right one
SAMPLES = 4  # rays along a side of a pixel
SHADE = 0.42  # of the light that is left in a shadow
LAMP_RADIUS = 0.11
FACES = ("left", "right", "floor", "ceiling", "back")
HUES = (0.0, 0.33, 0.62, 0.83)  # of the balls: red, green, blue, violet
NEAR = 1e-4  # what a ray has to go before it can meet something, in metres


# ---------------------------------------------------------------------------------------------------- what is there


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. position: (3,) metres. yaw: radians to the right. pitch: radians upwards. It is never
    rolled.
    """

    position: tuple[float, float, float]
    yaw: float = 0.0
    pitch: float = 0.0

    @cached_property
    def rotation(self) -> np.ndarray:
        """From directions in the room to directions of the camera, (3, 3)."""
        cy, sy, cp, sp = np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch)
        forward = np.array([sy * cp, sp, cy * cp])
        right = np.array([cy, 0.0, -sy])
        return np.stack([right, -np.cross(forward, right), forward])

    def project(self, points: np.ndarray, size: int = SIZE) -> np.ndarray:
        """Points of the room (..., 3) -> pixels (..., 2). What is behind the camera is NaN."""
        seen = (np.asarray(points) - self.position) @ self.rotation.T
        depth = np.where(seen[..., 2:] > NEAR, seen[..., 2:], np.nan)
        return (seen @ intrinsics(size).T)[..., :2] / depth


@dataclass(frozen=True)
class Face:
    """A wall: its colour, and stripes of a second colour. along: the axis that the stripes run along, None: plain."""

    colour: tuple[float, float, float]
    second: tuple[float, float, float]
    along: int | None = None
    width: float = 0.4
    phase: float = 0.0


@dataclass(frozen=True)
class Box:
    """A box that stands on the floor, with its edges along the axes."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Ball:
    """A ball that floats."""

    centre: tuple[float, float, float]
    radius: float
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class RoomScene:
    """Everything that a picture is made of.

    half, height, depth: the room spans x from -half to half, y from 0 to height, z up to depth. tracks: the middle of
    each rail on the floor, in x. casting: where the light of the shadows comes from; None: from the lamp that is seen.
    bend: radians between the cameras of the left and the right third of the picture; in between the view turns.
    """

    camera: Camera
    half: float
    height: float
    depth: float
    faces: tuple[Face, ...]
    boxes: tuple[Box, ...]
    balls: tuple[Ball, ...]
    tracks: tuple[float, ...]
    lamp: tuple[float, float, float]
    casting: tuple[float, float, float] | None = None
    bend: float = 0.0


@dataclass(frozen=True)
class Geometry:
    """What is true of a scene's picture. Pixels may lie outside it; a vanishing point at infinity is NaN.

    intrinsics: (3, 3). directions: unit vectors of the room's x, y and z in the camera's frame, (3, 3). vanishing:
    their points, (3, 2). lamp: (2,). balls: where the middle of each ball is seen, (B, 2). contacts: where the line
    from the casting lamp through it meets the floor, (B, 2).
    """

    intrinsics: np.ndarray
    directions: np.ndarray
    vanishing: np.ndarray
    lamp: np.ndarray
    balls: np.ndarray
    contacts: np.ndarray


def intrinsics(size: int = SIZE) -> np.ndarray:
    """The camera matrix of square pictures of so many pixels, (3, 3): focal length and middle, in pixels."""
    focal = size / 2 / np.tan(VIEW / 2)
    return np.array([[focal, 0.0, size / 2], [0.0, focal, size / 2], [0.0, 0.0, 1.0]])


def vanishing_point(direction: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Where lines of a direction (..., 3), given in the camera's frame, meet in the picture, (..., 2) pixels.

    NaN where they stay parallel in the picture, because the direction has no depth.
    """
    depth = np.asarray(direction)[..., 2:]
    depth = np.where(np.abs(depth) > 1e-9, depth, np.nan)
    return (direction @ intrinsics(size).T)[..., :2] / depth


def floor_contacts(lamp: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where rays from a lamp (3,) through points (N, 3) below it meet the floor, y = 0. (N, 3)."""
    lamp, points = np.asarray(lamp, float), np.asarray(points, float).reshape(-1, 3)
    return lamp + (points - lamp) * (lamp[1] / (lamp[1] - points[:, 1]))[:, None]


def geometry_of(scene: RoomScene, size: int = SIZE) -> Geometry:
    """The truth about a scene, as its camera has it. Where the scene is bent, of the middle of the picture."""
    camera, centres = scene.camera, np.array([ball.centre for ball in scene.balls]).reshape(-1, 3)
    directions = camera.rotation.T  # row i: the room's axis i in the camera's frame
    contacts = floor_contacts(scene.casting or scene.lamp, centres)
    return Geometry(intrinsics(size), directions, vanishing_point(directions, size), camera.project(scene.lamp, size),
                    camera.project(centres, size), camera.project(contacts, size))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- pictures


def _rays(scene: RoomScene, size: int, samples: int) -> np.ndarray:
    """Directions in the room, float32 (size * samples, size * samples, 3), not of unit length."""
    places = (np.arange(size * samples) + 0.5) / samples
    k = intrinsics(size)
    right, down = np.meshgrid((places - size / 2) / k[0, 0], (places - size / 2) / k[1, 1])
    seen = np.stack([right, down, np.ones_like(right)], axis=-1)
    if not scene.bend:
        return (seen @ scene.camera.rotation).astype(np.float32)
    share = (3.0 * places / size - 1.0).clip(0.0, 1.0)  # of the way through the middle third, for each column
    turned = scene.bend * (share**2 * (3.0 - 2.0 * share) - 0.5)
    rotations = [replace(scene.camera, yaw=scene.camera.yaw + float(angle)).rotation for angle in turned]
    return np.einsum("rcj,cjk->rck", seen, np.stack(rotations)).astype(np.float32)


def _meets_ball(origin: np.ndarray, rays: np.ndarray, ball: Ball) -> np.ndarray:
    """How many lengths of each ray (N, 3) lie before the ball, (N,); infinite where it does not meet it."""
    offset = origin - np.array(ball.centre, np.float32)
    a, b = np.einsum("ni,ni->n", rays, rays), (rays * offset).sum(axis=-1)
    c = (offset * offset).sum(axis=-1) - ball.radius**2
    inside = b * b - a * c
    near = (-b - np.sqrt(np.maximum(inside, 0.0))) / a
    return np.where((inside > 0.0) & (near > NEAR), near, np.inf)


def _meets_box(origin: np.ndarray, rays: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """The same for a box, and the axis of the side that is met, integers (N,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = ((np.array(corner, np.float32) - origin) / rays for corner in (box.low, box.high))
    first, last = np.minimum(one, other), np.maximum(one, other)
    enter, leave = first.max(axis=-1), last.min(axis=-1)
    return np.where((enter < leave) & (enter > NEAR), enter, np.inf), first.argmax(axis=-1)


def _striped(face: Face, axis: int, points: np.ndarray) -> np.ndarray:
    """The colours of a wall, whose normal is along an axis, at points (N, 3)."""
    if face.along is None:
        return np.broadcast_to(np.array(face.colour, np.float32), points.shape)
    across = ({0, 1, 2} - {axis, face.along}).pop()
    second = np.floor((points[:, across] + face.phase) / face.width) % 2 == 1
    return np.where(second[:, None], np.array(face.second, np.float32), np.array(face.colour, np.float32))


def render_with_depth(scene: RoomScene, *, size: int = SIZE, samples: int = SAMPLES) -> tuple[np.ndarray, np.ndarray]:
    """A picture, uint8 (size, size, 3), and how far away along the optical axis what it shows is, float32 (size, size).

    size: pixels. samples: rays along a side of a pixel; the depth is the mean over them.
    """
    origin = np.array(scene.camera.position, np.float32)
    rays = _rays(scene, size, samples).reshape(-1, 3)
    walls = np.array([-scene.half, scene.half, 0.0, scene.height, scene.depth], np.float32)
    axes = np.array([0, 0, 1, 1, 2])
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = (walls[:, None] - origin[axes, None]) / rays.T[axes]  # (5, N)
    lengths = np.where(lengths > NEAR, lengths, np.inf)
    face = lengths.argmin(axis=0)
    reach = lengths.min(axis=0)
    points = origin + rays * reach[:, None]
    colours = np.zeros_like(points)
    for number, axis in enumerate(axes):
        here = face == number
        colours[here] = _striped(scene.faces[number], int(axis), points[here])
    floor = face == 2
    for middle in scene.tracks:
        colours[floor & (np.abs(points[:, 0] - middle) < 0.06)] = (0.93, 0.93, 0.90)
    normal = axes[face]
    own = np.full(len(rays), -1)  # which solid is met: balls first, then boxes
    for number, ball in enumerate(scene.balls):
        near = _meets_ball(origin, rays, ball)
        first = near < reach
        reach, own = np.where(first, near, reach), np.where(first, number, own)
        colours[first] = ball.colour
    for number, box in enumerate(scene.boxes):
        near, side = _meets_box(origin, rays, box)
        first = near < reach
        reach, own = np.where(first, near, reach), np.where(first, len(scene.balls) + number, own)
        normal = np.where(first, side, normal)
        colours[first] = np.array(box.colour, np.float32) * np.array([0.72, 1.0, 0.86], np.float32)[side[first], None]
    points = origin + rays * reach[:, None]
    colours *= _light(scene, points, own, normal)[:, None]
    lamp = _meets_ball(origin, rays, Ball(scene.lamp, LAMP_RADIUS, (1.0, 1.0, 1.0)))
    shines = lamp < reach
    colours[shines], reach = (1.0, 1.0, 0.86), np.where(shines, lamp, reach)

    def of_pixels(values: np.ndarray) -> np.ndarray:
        return values.reshape(size, samples, size, samples, -1).mean(axis=(1, 3))

    forward = scene.camera.rotation[2]
    depth = of_pixels(reach * (rays @ forward).astype(np.float32))[..., 0]
    return np.clip(of_pixels(colours) * 255.0 + 0.5, 0, 255).astype(np.uint8), depth.astype(np.float32)


def _light(scene: RoomScene, points: np.ndarray, own: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """How much of its colour every point (N, 3) shows, (N,): full in the light, SHADE in the shadow."""
    lamp = np.array(scene.casting or scene.lamp, np.float32)
    rays = lamp - points  # one length of a ray leads to the lamp
    dark = np.zeros(len(points), bool)
    for number, ball in enumerate(scene.balls):
        dark |= (_meets_ball(points, rays, ball) < 1.0) & (own != number)
    for number, box in enumerate(scene.boxes):
        mine = own == len(scene.balls) + number
        dark |= (_meets_box(points, rays, box)[0] < 1.0) & ~mine
        low, high = np.array(box.low, np.float32), np.array(box.high, np.float32)
        middle = (low + high) / 2
        outward = np.sign(np.take_along_axis(points - middle, normal[:, None], axis=1)[:, 0])
        dark |= mine & (outward * np.take_along_axis(rays, normal[:, None], axis=1)[:, 0] < 0.0)
    lit = np.where(dark, SHADE, 1.0).astype(np.float32)
    for number, ball in enumerate(scene.balls):  # a ball is a little darker on the side away from the lamp
        mine = own == number
        away = (points[mine] - np.array(ball.centre, np.float32)) / ball.radius
        toward = lamp - np.array(ball.centre, np.float32)
        lit[mine] = 0.84 + 0.16 * (away @ (toward / np.linalg.norm(toward)))
    return lit


def render(scene: RoomScene, *, size: int = SIZE, samples: int = SAMPLES) -> np.ndarray:
    """A picture alone, see ``render_with_depth``. uint8 (size, size, 3)."""
    return render_with_depth(scene, size=size, samples=samples)[0]


# ------------------------------------------------------------------------------------------------------------ scenes


def _pale(generator: np.random.Generator, low: float = 0.62, high: float = 0.86) -> tuple[float, float, float]:
    """A colour with little colour in it, for walls."""
    return colorsys.hsv_to_rgb(generator.uniform(), generator.uniform(0.04, 0.22), generator.uniform(low, high))


def _face(generator: np.random.Generator, axis: int, low: float) -> Face:
    """A wall, striped twice out of three times."""
    colour = _pale(generator, low)
    second = tuple(part * generator.uniform(0.74, 0.84) for part in colour)
    others = [each for each in (2, 0, 1) if each != axis]
    along = None if generator.uniform() < 1 / 3 else int(others[int(generator.uniform() < 0.4)])
    return Face(colour, second, along, float(generator.uniform(0.28, 0.5)), float(generator.uniform(0.0, 1.0)))


def _room(generator: np.random.Generator) -> RoomScene:
    """A room without balls, whose lamp may be out of view."""
    half, height, depth = generator.uniform(1.3, 1.8), generator.uniform(2.1, 2.6), generator.uniform(4.2, 5.6)
    place = float(generator.uniform(-0.35, 0.35)), float(generator.uniform(1.15, 1.55)), 0.0
    yaw, pitch = np.deg2rad(generator.uniform((-18, -14), (18, 2)))
    camera = Camera(place, float(yaw), float(pitch))
    faces = tuple(_face(generator, axis, 0.74 if name == "floor" else 0.58)
                  for name, axis in zip(FACES, (0, 0, 1, 1, 2), strict=True))  # fmt: skip
    lamp = (float(generator.uniform(-0.8, 0.8)), float(height - generator.uniform(0.2, 0.4)),
            float(generator.uniform(2.3, 3.4)))  # fmt: skip
    boxes = []
    for side in generator.permutation([-1, 1])[: generator.integers(0, 3)]:
        wide, tall, deep = generator.uniform(0.35, 0.6), generator.uniform(0.3, 0.8), generator.uniform(0.4, 0.8)
        z, edge = generator.uniform(2.6, depth - deep - 0.2), half - generator.uniform(0.02, 0.15)
        low, high = (edge - wide, edge) if side > 0 else (-edge, wide - edge)
        boxes.append(
            Box((float(low), 0.0, float(z)), (float(high), float(tall), float(z + deep)), _pale(generator, 0.66))
        )
    middle, gauge = generator.uniform(-0.3, 0.3), generator.uniform(0.35, 0.6)
    tracks = (float(middle - gauge), float(middle + gauge)) if generator.uniform() < 0.5 else ()
    return RoomScene(camera, float(half), float(height), float(depth), faces, tuple(boxes), (), tracks, lamp)


def _candidates(scene: RoomScene, hue: float, generator: np.random.Generator) -> list[Ball]:
    """Balls of a hue, of 64 drawn those whose middle and shadow are in view and not too near to what is there."""
    centres = generator.uniform((-0.8, 0.4, 2.3), (0.8, 1.0, 3.9), (64, 3))
    radii = generator.uniform(0.16, 0.22, 64)
    seen, shadows = (scene.camera.project(each) for each in (centres, floor_contacts(scene.lamp, centres)))
    found = geometry_of(scene)
    taken = np.concatenate([found.lamp[None], found.balls, found.contacts])
    good = np.linalg.norm(seen - shadows, axis=1) > 8
    for places in (seen, shadows):
        good &= ((places > 5) & (places < SIZE - 5)).all(axis=1)
        good &= (np.linalg.norm(places[:, None] - taken, axis=-1) > 8).all(axis=1)
    colour = colorsys.hsv_to_rgb(float(hue), 0.85, 0.85)
    return [Ball(tuple(map(float, centres[i])), float(radii[i]), colour) for i in np.flatnonzero(good)]


def shadow_outlines(lamp: Sequence[float], balls: Sequence[Ball], count: int = 16) -> np.ndarray:
    """Points of the floor around the shadow of each ball, (B, count, 3): where rays that touch its widest circle
    end.
    """
    centres, radii = np.array([ball.centre for ball in balls]), np.array([ball.radius for ball in balls])
    x, y, z = ((centres - lamp) / np.linalg.norm(centres - lamp, axis=1, keepdims=True)).T
    flat = np.hypot(y, z)
    one = np.stack([0 * x, z / flat, -y / flat], axis=1)  # (B, 3), at right angles to the ray
    two = np.stack([-flat, x * y / flat, x * z / flat], axis=1)  # and at right angles to both
    angles = np.linspace(0.0, 2 * np.pi, count, endpoint=False)[:, None]
    circles = np.cos(angles) * one[:, None] + np.sin(angles) * two[:, None]  # (B, count, 3)
    return floor_contacts(lamp, centres[:, None] + radii[:, None, None] * circles).reshape(len(balls), count, 3)


def _clear(scene: RoomScene) -> bool:
    """Whether lamp, balls and shadows are in view and apart from each other, and the shadows lie whole on free
    floor.
    """
    lamp, camera = np.array(scene.casting or scene.lamp), scene.camera
    found = geometry_of(scene)
    places = np.concatenate([found.lamp[None], found.balls, found.contacts])
    if not (np.isfinite(places).all() and ((places > 4) & (places < SIZE - 4)).all()):
        return False
    if not scene.balls:
        return True
    outlines = shadow_outlines(lamp, scene.balls)
    seen = camera.project(outlines)  # (B, 16, 2)
    if not (np.isfinite(seen).all() and ((seen > 1.5) & (seen < SIZE - 1.5)).all()):
        return False
    if (np.abs(outlines[..., 0]) > scene.half - 0.03).any() or (outlines[..., 2] > scene.depth - 0.03).any():
        return False
    low, high = seen.min(axis=1), seen.max(axis=1)  # (B, 2) each
    if (high - low).max() > 20:
        return False
    wide = 2.0 + max(ball.radius for ball in scene.balls) * intrinsics()[0, 0] / 2.2
    circles = np.concatenate([found.lamp[None], found.balls])
    first, last = np.concatenate([circles - wide, low - 1]), np.concatenate([circles + wide, high + 1])
    overlap = ((first[:, None] < last[None]) & (first[None] < last[:, None])).all(axis=-1)
    if overlap.sum() > len(first):
        return False
    for box in scene.boxes:
        corners = np.array([[x, y, z] for x in (box.low[0], box.high[0]) for y in (0.0, box.high[1])
                            for z in (box.low[2], box.high[2])])  # fmt: skip
        ground = np.concatenate([floor_contacts(lamp, corners), corners])  # its foot and its shadow lie among these
        near, far = ground[:, [0, 2]].min(axis=0) - 0.05, ground[:, [0, 2]].max(axis=0) + 0.05
        flat = outlines[..., [0, 2]]
        if ((flat.max(axis=1) > near) & (flat.min(axis=1) < far)).all(axis=-1).any():
            return False
        drawn = camera.project(corners)
        top, bottom = drawn.min(axis=0) - 1, drawn.max(axis=0) + 1
        if not np.isfinite(drawn).all() or ((first < bottom) & (last > top)).all(axis=-1).any():
            return False
    return True


def draw_scene(generator: np.random.Generator) -> RoomScene:
    """A room drawn at random, with two or three balls; lamp, balls and shadows are in view and apart from each
    other.
    """
    while True:
        while not _clear(scene := _room(generator)):
            pass
        for hue in generator.permutation(HUES)[: generator.integers(2, 4)]:
            tries = (replace(scene, balls=(*scene.balls, ball)) for ball in _candidates(scene, hue, generator))
            scene = next((each for each in tries if _clear(each)), scene)
        if len(scene.balls) > 1:
            return scene


def with_wrong_lamp(scene: RoomScene, generator: np.random.Generator) -> RoomScene | None:
    """The same room with shadows that another lamp casts, 0.6 to 1.6 m beside the one that is seen and as high.

    None where 300 draws found none whose shadows all fall on free floor, whole and in view.
    """
    for _ in range(300):
        turn, far = generator.uniform(0, 2 * np.pi), generator.uniform(0.6, 1.6)
        casting = (scene.lamp[0] + far * np.cos(turn), scene.lamp[1], scene.lamp[2] + far * np.sin(turn))
        wrong = replace(scene, casting=tuple(map(float, casting)))
        if abs(casting[0]) < scene.half and 0 < casting[2] < scene.depth and _clear(wrong):
            return wrong
    return None


def with_bent_view(scene: RoomScene, generator: np.random.Generator) -> RoomScene:
    """The same room, left and right seen by cameras that look 12 to 20 degrees apart, towards each other or away."""
    return replace(scene, bend=float(np.deg2rad(generator.uniform(12, 20)) * generator.choice([-1.0, 1.0])))


def make_scenes(count: int, *, split: str, first: int = 0) -> list[RoomScene]:
    """The scenes of a split, "train", "validation" or "test", from the one numbered ``first`` on; the same each
    time.
    """
    return [draw_scene(np.random.default_rng([film_seed(split, first + i), 24])) for i in range(count)]


def render_all(scenes: Sequence[RoomScene], *, size: int = SIZE) -> np.ndarray:
    """The pictures of scenes, uint8 (N, size, size, 3)."""
    return np.stack([render(scene, size=size) for scene in scenes])
