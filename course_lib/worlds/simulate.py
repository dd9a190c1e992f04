"""The Playground's physics: a scene, an action a frame, and the exact state of everything.

The rigid bodies are pymunk's. What is ours is the agent's control and the record of state and contacts. A film is
reproduced by its seed and by replaying its actions; copying a pymunk space in the middle of a film diverges, because
the copy loses the solver's cached impulses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymunk

from course_lib.worlds import spec
from course_lib.worlds.scenes import Body, Rect, Scene, body_radius

_F = spec.FIELD
_STATIC = 100  # collision type of walls, floor and platforms; bodies have their slot


@dataclass(frozen=True)
class Contact:
    """Two bodies began to touch. ``frame`` is the frame that first shows it; slot -1 is a wall, floor or platform."""

    frame: int
    first: int
    second: int
    speed: float  # closing speed along the contact's normal, units / s


def triangle_corners(size: float) -> list[tuple[float, float]]:
    """Corners of an equilateral triangle around its centre, in units."""
    angles = np.pi / 2 + np.arange(3) * 2.0 * np.pi / 3.0
    return [(1.25 * size * float(np.cos(a)), 1.25 * size * float(np.sin(a))) for a in angles]


class Simulation:
    """One film in the making.

    >>> simulation = Simulation(scene, rng)
    >>> simulation.state()            # (SLOTS, FIELDS), float32
    >>> reward = simulation.step(2)   # the agent runs to the right for one frame
    """

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        """``rng`` places the star, again after each time it was reached; nothing else is left to chance.

        Raises ValueError for a star without an agent.
        """
        if scene.star and scene.agent is None:
            raise ValueError("a scene with a star needs an agent to reach it")
        self.scene, self.rng, self.frame, self.facing = scene, rng, 0, 1.0
        self.contacts: list[Contact] = []
        self.space = pymunk.Space()
        self.space.gravity = (0.0, -spec.GRAVITY)
        self._add_box_and_platforms()
        self.slots: dict[int, pymunk.Body] = {}
        self._fixed = np.zeros((spec.SLOTS, len(spec.FIELDS)), np.float32)  # what does not change during a film
        self._fixed[:, _F["colour"]] = -1.0
        self._fixed[:, _F["visible"]] = 1.0
        self._reach = np.zeros(spec.SLOTS, np.float32)  # half of the bounding box's side, for visibility
        if scene.agent is not None:
            self._add_agent(*scene.agent)
        for slot, body in enumerate(scene.bodies, start=1):
            self._add_body(slot, body)
        self.space.on_collision(begin=self._begin)
        self.star = self._place_star() if scene.star else None

    # --- building ----------------------------------------------------------------------------------------------------
    def _add_static(self, shape: pymunk.Shape) -> None:
        shape.elasticity, shape.friction, shape.collision_type = 1.0, 0.8, _STATIC
        self.space.add(shape)

    def _add_box_and_platforms(self) -> None:
        ground, far = self.space.static_body, 10.0  # thick walls, so that nothing fast slips through
        low, high = -far, spec.BOX + far
        for rect in (
            Rect(low, low, high, spec.FLOOR),
            Rect(low, spec.BOX - spec.WALL, high, high),
            Rect(low, low, spec.WALL, high),
            Rect(spec.BOX - spec.WALL, low, high, high),
            *self.scene.platforms,
        ):
            corners = [(rect.left, rect.bottom), (rect.right, rect.bottom), (rect.right, rect.top),
                       (rect.left, rect.top)]  # fmt: skip
            self._add_static(pymunk.Poly(ground, corners))

    def _add_agent(self, x: float, y: float) -> None:
        body = pymunk.Body(spec.AGENT_MASS, float("inf"))  # it never tips over
        body.position = (x, y)
        w, h = spec.AGENT_HALF_WIDTH - 0.2, spec.AGENT_HALF_HEIGHT - 0.2
        shape = pymunk.Poly(body, [(-w, -h), (w, -h), (w, h), (-w, h)], radius=0.2)
        shape.friction, shape.elasticity, shape.collision_type = 0.0, 0.0, spec.AGENT_SLOT
        self.space.add(body, shape)
        self.slots[spec.AGENT_SLOT] = body
        row = self._fixed[spec.AGENT_SLOT]
        row[_F["kind"]], row[_F["size"]], row[_F["mass"]] = 1.0, spec.AGENT_HALF_HEIGHT, spec.AGENT_MASS
        row[[_F["red"], _F["green"], _F["blue"]]] = np.array(spec.AGENT_COLOUR, np.float32) / 255.0
        self._reach[spec.AGENT_SLOT] = spec.AGENT_HALF_HEIGHT

    def _add_body(self, slot: int, b: Body) -> None:
        if b.shape == "ball":
            moment = pymunk.moment_for_circle(b.mass, 0.0, b.size)
        elif b.shape == "box":
            moment = pymunk.moment_for_box(b.mass, (2.0 * b.size, 2.0 * b.size))
        else:
            moment = pymunk.moment_for_poly(b.mass, triangle_corners(b.size))
        body = pymunk.Body(b.mass, moment)
        body.position, body.angle, body.velocity, body.angular_velocity = (b.x, b.y), b.angle, (b.vx, b.vy), b.spin
        if b.shape == "ball":
            shape: pymunk.Shape = pymunk.Circle(body, b.size)
        elif b.shape == "box":
            shape = pymunk.Poly.create_box(body, (2.0 * b.size, 2.0 * b.size))
        else:
            shape = pymunk.Poly(body, triangle_corners(b.size))
        shape.friction, shape.elasticity, shape.collision_type = b.friction, b.elasticity, slot
        self.space.add(body, shape)
        self.slots[slot] = body
        row = self._fixed[slot]
        row[_F["kind"]] = spec.KINDS.index(b.shape)
        row[_F["colour"]] = spec.COLOURS.index(b.colour)
        row[_F["size"]], row[_F["mass"]] = b.size, b.mass
        row[_F["friction"]], row[_F["elasticity"]] = b.friction, b.elasticity
        row[[_F["red"], _F["green"], _F["blue"]]] = b.rgb
        self._reach[slot] = body_radius(b.shape, b.size)

    def _begin(self, arbiter: pymunk.Arbiter, space: pymunk.Space, data: object) -> None:
        a, b = arbiter.shapes
        va, vb, n = a.body.velocity, b.body.velocity, arbiter.normal
        speed = abs((va[0] - vb[0]) * n[0] + (va[1] - vb[1]) * n[1])
        first, second = (-1 if s.collision_type == _STATIC else s.collision_type for s in (a, b))
        if first > second:
            first, second = second, first
        self.contacts.append(Contact(self.frame + 1, first, second, speed))

    def _place_star(self) -> tuple[float, float]:
        """Somewhere the agent can stand, at least 6 units from where it is now."""
        for _attempt in range(1000):
            if self.scene.platforms and self.rng.random() < 0.5:
                p = self.scene.platforms[0]
                x, y = self.rng.uniform(p.left + 1.0, p.right - 1.0), p.top + spec.AGENT_HALF_HEIGHT
            else:
                x, y = self.rng.uniform(3.5, spec.BOX - 3.5), spec.FLOOR + spec.AGENT_HALF_HEIGHT
            ax, ay = self.slots[spec.AGENT_SLOT].position
            if (x - ax) ** 2 + (y - ay) ** 2 > 36.0:
                return float(x), float(y)
        raise RuntimeError("no place was found for the star; the platforms leave no room")

    # --- running -----------------------------------------------------------------------------------------------------
    def grounded(self) -> bool:
        """Whether something holds the agent from below."""
        found = False

        def look(arbiter: pymunk.Arbiter) -> None:
            nonlocal found
            n = arbiter.normal  # points away from the agent, or towards it, depending on the order of the shapes
            ny = n[1] if arbiter.shapes[0].collision_type == spec.AGENT_SLOT else -n[1]
            found = found or ny < -0.7

        self.slots[spec.AGENT_SLOT].each_arbiter(look)
        return found

    def step(self, action: int = 0) -> float:
        """Let one frame (0.1 s) pass under ``action`` (0 no-op, 1 left, 2 right, 3 jump); returns the reward.

        Raises ValueError for any other action.
        """
        if action not in (0, 1, 2, 3):
            raise ValueError(f"action {action!r} is none of 0 no-op, 1 left, 2 right, 3 jump")
        agent = self.slots.get(spec.AGENT_SLOT)
        dt = spec.FRAME_SECONDS / spec.SUBSTEPS
        change = 0.0
        if agent is not None:
            ground = self.grounded()
            if action in (1, 2):
                self.facing = -1.0 if action == 1 else 1.0
            if action == 3 and ground:
                agent.velocity = (agent.velocity[0], spec.JUMP_SPEED)
            change = (spec.RUN_ACCELERATION if ground and action != 3 else spec.AIR_ACCELERATION) * dt
            target = {1: -spec.RUN_SPEED, 2: spec.RUN_SPEED}.get(action, 0.0)
            steer = action != 3 and (ground or action != 0)  # a jump and an idle flight keep their sideways speed
        reward = 0.0
        for _ in range(spec.SUBSTEPS):
            if agent is not None and steer:
                vx, vy = agent.velocity
                agent.velocity = (vx + min(max(target - vx, -change), change), vy)
            self.space.step(dt)
        self.frame += 1
        if self.star is not None and agent is not None:
            ax, ay = agent.position
            if (self.star[0] - ax) ** 2 + (self.star[1] - ay) ** 2 < spec.STAR_REACH**2:
                reward = spec.STAR_REWARD
                self.star = self._place_star()
        return reward

    def state(self) -> np.ndarray:
        """The exact state now, float32 (SLOTS, len(FIELDS)); see ``spec.FIELDS``."""
        out = self._fixed.copy()
        for slot, body in self.slots.items():
            row, (x, y), (vx, vy) = out[slot], body.position, body.velocity
            row[2:8] = (x, y, vx, vy, body.angle, body.angular_velocity)
        if spec.AGENT_SLOT in self.slots:
            out[spec.AGENT_SLOT, _F["facing"]] = self.facing
        if self.star is not None:
            row = out[spec.STAR_SLOT]
            row[_F["kind"]], row[_F["size"]], row[2:4] = spec.KINDS.index("star"), 1.8, self.star
        if self.scene.occluder is not None:
            out[:, _F["visible"]] = visible_part(out[:, 2], out[:, 3], self._reach, self.scene.occluder)
        return out


def visible_part(x: np.ndarray, y: np.ndarray, reach: np.ndarray, occluder: Rect) -> np.ndarray:
    """The part of each square of half side ``reach`` around (x, y) that the occluder leaves free, 0 to 1."""
    reach = np.maximum(reach, 1e-6)
    width = np.minimum(x + reach, occluder.right) - np.maximum(x - reach, occluder.left)
    height = np.minimum(y + reach, occluder.top) - np.maximum(y - reach, occluder.bottom)
    hidden = np.clip(width, 0.0, None) * np.clip(height, 0.0, None) / (4.0 * reach**2)
    return (1.0 - hidden).astype(np.float32)
