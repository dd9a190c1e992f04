"""CarRacing-v3 driven fast: gymnasium's car and road, and a camera of our own that shows the same picture.

Its physics takes 0.05 milliseconds a step and its picture 5 to 7, most of them for a window of 1000 x 800 pixels that
is then shrunk to 96 x 96. Evolution needs millions of steps, so here the road is drawn once for each track, as a map
seen from above, and a picture is a look at that map from where the car is. Only the car itself is drawn anew.

What is the same: the environment's own object moves, counts the reward and ends the episode. What differs: the map has
a quarter of a unit a pixel, so edges lie up to an eighth of a unit (a seventh of a pixel at 64 x 64) beside the
true ones; tests hold the two pictures together. A score is measured in the unchanged environment, never here.

As in data/carracing an action is held for HELD = 4 steps of the environment (12.5 decisions a second), and the status
bar at the bottom is cut away.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from course_lib.worlds.carracing import make_carracing
from course_lib.worlds.recording import area_resize, overlap

HELD = 4  # steps of the environment for one action
STEPS = 1000  # of the environment, after which gymnasium cuts an episode off
DECISIONS = STEPS // HELD
WINDOW_W, WINDOW_H, SIDE = 1000, 800, 96  # what the environment draws, and what it shrinks it to
BAR = 12  # rows of the status bar
SEEN = (SIDE - BAR, SIDE)  # rows and columns of a picture without it
MAP_SCALE = 4  # pixels of the map for each unit of length
SAMPLES = 2  # looks at the map for each pixel, in each direction
DARKER = 2  # levels that the environment's shrinking loses by rounding down


class Track:
    """The road of one seed from above. colours: uint8 (P, P, 3), column for x, row for y, a black rim around."""

    def __init__(self, env: Any) -> None:
        import pygame
        from gymnasium.envs.box2d.car_racing import GRASS_DIM, PLAYFIELD

        self.half = PLAYFIELD
        side = int(2 * PLAYFIELD * MAP_SCALE) + 2  # one black pixel on either side, for all that lies beyond
        ground = pygame.Surface((side, side))

        def at(points: Any) -> list[tuple[float, float]]:
            return [((x + PLAYFIELD) * MAP_SCALE + 1, (y + PLAYFIELD) * MAP_SCALE + 1) for x, y in points]

        corner = PLAYFIELD
        pygame.draw.polygon(ground, env.bg_color, at([(-corner, -corner), (corner, -corner), (corner, corner),
                                                      (-corner, corner)]))  # fmt: skip
        for x in range(-20, 20, 2):  # the lighter patches of grass, as the environment lays them
            for y in range(-20, 20, 2):
                left, low = GRASS_DIM * x, GRASS_DIM * y
                right, high = left + GRASS_DIM, low + GRASS_DIM
                corners = [(left, low), (right, low), (right, high), (left, high)]
                pygame.draw.polygon(ground, env.grass_color, at(corners))
        for points, colour in env.road_poly:
            pygame.draw.polygon(ground, [int(c) for c in colour], at(points))
        self.colours = pygame.surfarray.array3d(ground)  # (x, y, 3)
        self.colours[[0, -1]] = 0
        self.colours[:, [0, -1]] = 0

    def look(self, points: np.ndarray) -> np.ndarray:
        """The colours at points (..., 2) in units, uint8 (..., 3)."""
        index = np.floor((points + self.half) * MAP_SCALE + 1).astype(np.int32)
        np.clip(index, 0, len(self.colours) - 1, out=index)
        flat = index[..., 0] * len(self.colours) + index[..., 1]
        return self.colours.reshape(-1, 3)[flat]


_tracks: dict[int, Track] = {}


def _track(seed: int, env: Any) -> Track:
    """The map of a seed; the last few are kept, because a whole generation drives on the same ones."""
    if seed not in _tracks:
        while len(_tracks) >= 8:
            _tracks.pop(next(iter(_tracks)))
        _tracks[seed] = Track(env)
    return _tracks[seed]


@lru_cache(maxsize=1)
def _grid() -> np.ndarray:
    """Where in the window each look goes, relative to the car, up being ahead: (rows, columns, 2) in window pixels."""
    rows, columns = SEEN[0] * SAMPLES, SEEN[1] * SAMPLES
    x = (np.arange(columns) + 0.5) * (WINDOW_W / columns) - WINDOW_W / 2
    y = WINDOW_H * 3 / 4 - (np.arange(rows) + 0.5) * (WINDOW_H / SIDE / SAMPLES)
    return np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1).astype(np.float32)


# The car is drawn at the window's scale into a patch of whole pixels of the small picture, and shrunk from there.
PATCH_ROWS, PATCH_COLUMNS = (64, 80), (42, 54)


@lru_cache(maxsize=1)
def _patch() -> tuple[np.ndarray, np.ndarray, tuple[int, int], tuple[int, int]]:
    """How a patch of the window shrinks: weights of rows and of columns, its corner and its size in window pixels."""
    down, across = overlap(WINDOW_H, SIDE), overlap(WINDOW_W, SIDE)
    top, bottom = (int(n * WINDOW_H / SIDE) for n in PATCH_ROWS)
    left, right = (math.floor(PATCH_COLUMNS[0] * WINDOW_W / SIDE), math.ceil(PATCH_COLUMNS[1] * WINDOW_W / SIDE))
    rows = down[slice(*PATCH_ROWS), top:bottom].astype(np.float32)
    columns = across[slice(*PATCH_COLUMNS), left:right].astype(np.float32)
    return rows, columns, (left, top), (right - left, bottom - top)


class Race:
    """One episode of CarRacing-v3, seen as the course's recordings show it.

        race = Race(seed=3)
        race.frame()                       # uint8 (64, 64, 3)
        reward = race.step(np.array([0.0, 0.5, 0.0]))      # steering, gas, brake, held for four steps
        race.over                          # the lap is done, the field is left, or 1,000 steps have passed

    slow: let the environment draw, as a scorer sees it; what C is judged by.
    Raises ImportError where gymnasium's Box2D environments are not installed.
    """

    def __init__(self, seed: int, *, slow: bool = False) -> None:
        self.seed, self.slow = seed, slow
        self.env = make_carracing()
        self._inner = self.env.unwrapped
        self._render = self._inner._render
        self.reset()

    def reset(self) -> None:
        """Begin the episode again."""
        self._show(self.slow)
        self._seen, _ = self._inner.reset(seed=self.seed)
        if not self.slow:
            self.track = _track(self.seed, self._inner)
        self.taken, self.total, self.over, self.lap = 0, 0.0, False, False

    def step(self, action: np.ndarray) -> float:
        """Hold an action, (3,), for four steps. Returns the reward of all of them. Raises ValueError when over."""
        if self.over:
            raise ValueError("this race is over; reset() begins it again")
        action, gained = np.asarray(action, np.float32), 0.0
        for part in range(HELD):
            self._show(self.slow and part == HELD - 1)
            self._seen, reward, ended, _, info = self._inner.step(action)
            self.taken, gained = self.taken + 1, gained + float(reward)
            self.lap = self.lap or bool(info.get("lap_finished"))
            self.over = ended or self.taken >= STEPS
            if self.over:
                break
        if self.slow and self._seen is None:
            self._seen = self._render("state_pixels")  # it ended in the middle of an action
        self.total += gained
        return gained

    def _show(self, drawn: bool) -> None:
        """Whether the environment draws its next step: a picture that nobody looks at costs most of the time."""
        self._inner._render = self._render if drawn else lambda mode: None

    def frame(self) -> np.ndarray:
        """What the car's camera sees now, uint8 (64, 64, 3)."""
        return area_resize(self.picture(), 64)

    def picture(self) -> np.ndarray:
        """The same at the environment's own scale, without the status bar: uint8 (84, 96, 3)."""
        return self._seen[: SEEN[0]] if self.slow else self._draw()

    def _draw(self) -> np.ndarray:
        from gymnasium.envs.box2d.car_racing import SCALE, ZOOM

        env = self._inner
        zoom = 0.1 * SCALE * max(1 - env.t, 0) + ZOOM * SCALE * min(env.t, 1)  # it zooms in for a second
        angle, (x, y) = env.car.hull.angle, env.car.hull.position
        cos, sin = math.cos(angle), math.sin(angle)
        # A look at (u, v) in the window, relative to the car, is at x + R(angle) (u, v) / zoom on the map.
        turn = np.array([[cos, sin], [-sin, cos]], np.float32) / zoom
        ground = self.track.look(_grid() @ turn + np.array([x, y], np.float32))  # (168, 192, 3)
        # (168, 192, 3) -> (84, 96, 3): the mean of each block of looks
        blocks = [ground[i::SAMPLES, j::SAMPLES] for i in range(SAMPLES) for j in range(SAMPLES)]
        ground = sum(block.astype(np.float32) for block in blocks) / len(blocks)
        self._draw_car(ground, zoom, -angle)
        return np.clip(ground + (0.5 - DARKER), 0, 255).astype(np.uint8)

    def _draw_car(self, ground: np.ndarray, zoom: float, angle: float) -> None:
        """Lay the car over a picture, float (84, 96, 3), with edges as soft as the environment's."""
        import pygame

        rows, columns, (left, top), size = _patch()
        nothing = (0, 0, 255)  # no car has so much blue
        patch = pygame.Surface(size)
        patch.fill(nothing)
        # The environment draws upside down and turns the window over; the patch is turned over below.
        x, y = self._inner.car.hull.position
        there = pygame.math.Vector2(-x * zoom, -y * zoom).rotate_rad(angle)
        low = WINDOW_H - top - size[1]
        self._inner.car.draw(patch, zoom, (WINDOW_W / 2 + there[0] - left, WINDOW_H / 4 + there[1] - low), angle, False)
        colours = pygame.surfarray.array3d(patch).transpose(1, 0, 2)[::-1].astype(np.float32)
        drawn = colours[..., 2] < 255  # (rows, columns)
        layers = np.concatenate([colours * drawn[..., None], drawn[..., None]], axis=-1)  # (H, W, 4)
        tall = (rows @ layers.reshape(len(layers), -1)).reshape(len(rows), -1, 4)  # (H, W, 4) -> (p, W, 4)
        small = columns @ tall  # (q, W) @ (p, W, 4) -> (p, q, 4)
        part = ground[slice(*PATCH_ROWS), slice(*PATCH_COLUMNS)]
        part *= 1.0 - small[..., 3:]
        part += small[..., :3]

    def close(self) -> None:
        """Free what the environment holds."""
        self.env.close()
