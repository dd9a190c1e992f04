"""The physics engine behind the reader's eyes: it sees the frames that a model sees, and no state.

The noisy engine (``noisy_engine.py``) is handed the exact state. This one reads the balls off the last two frames that
it is shown: their places and sizes, and from the step between the frames their speeds. What no frame shows, masses,
elasticities and frictions, it takes to be the middle of what there is. Then it runs the simulator. It is a yardstick:
how much of a future can be known from these frames by somebody who knows the rules?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.reader import BODY_KINDS, Reader
from course_lib.worlds import spec
from course_lib.worlds.frames import to_uint8
from course_lib.worlds.scenes import Body, Scene
from course_lib.worlds.simulate import Simulation

AHEAD = 16  # frames that it imagines at most
_F = spec.FIELD


@dataclass
class ImaginedBalls(State):
    """Where the balls will be. place: units, (B, AHEAD + 1, C, 2) for C colours, NaN for a ball that is not seen; time:
    frames that have passed, integers (B,)."""

    place: Tensor
    time: Tensor

    def now(self, colour: int) -> np.ndarray:
        """Where the ball of a colour is now, (B, 2)."""
        return self.place[torch.arange(len(self.time)), self.time, colour].double().numpy()


class SeenEngine:
    """A reader and the simulator, under the course's contract; it draws nothing. colours: of the balls it knows."""

    def __init__(self, reader: Reader, colours: tuple[str, ...] = ("blue", "orange")) -> None:
        self.reader, self.colours = reader, colours
        size = reader.config.frame_size
        self.capabilities = Capabilities(Actions("none"), decodes=False, context=2, frame_size=(size, size))

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> ImaginedBalls:
        """Read the last two frames and imagine what follows. Raises ValueError for a single frame."""
        self.capabilities.check(observations, actions)
        if observations.shape[1] < 2:
            raise ValueError("one frame shows no speed: the engine is shown at least two")
        read = self.reader.read(to_uint8(observations[:, -2:]))  # (B, 2, 8, FIELDS)
        places = np.stack([self._imagined(*film) for film in read])
        return ImaginedBalls(torch.from_numpy(places), torch.zeros(len(places), dtype=torch.long))

    def predict(
        self, state: ImaginedBalls, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> ImaginedBalls:
        """One frame later. Raises ValueError beyond ``AHEAD`` frames."""
        self.capabilities.actions.check(action, (len(state),))
        if int(state.time.max()) >= AHEAD:
            raise ValueError(f"the engine imagines at most {AHEAD} frames")
        return ImaginedBalls(state.place, state.time + 1)

    def decode(self, state: ImaginedBalls, *, generator: torch.Generator | None = None) -> Tensor:
        """Raises NotCapable: it imagines places."""
        raise self.capabilities.refuse_decoding("it imagines places and draws nothing")

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Raises NotCapable: it is asked for futures alone."""
        raise self.capabilities.refuse_decoding("it is asked for futures alone")

    def _imagined(self, before: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Places in the frames to come, (AHEAD + 1, C, 2). before, last: things read, (8, FIELDS) each."""
        seen = {colour: (self._ball(before, colour), self._ball(last, colour)) for colour in self.colours}
        there = [colour for colour in self.colours if seen[colour][1] is not None]
        found = np.full((AHEAD + 1, len(self.colours), 2), np.nan)
        if not there:
            return found
        simulation = Simulation(Scene(agent=None, bodies=tuple(_body(*seen[each]) for each in there)),
                                np.random.default_rng(0))  # fmt: skip
        rows = [self.colours.index(colour) for colour in there]
        for frame in range(AHEAD + 1):
            if frame:
                simulation.step()
            found[frame, rows] = simulation.state()[1 : 1 + len(rows), [_F["x"], _F["y"]]]
        return found

    @staticmethod
    def _ball(things: np.ndarray, colour: str) -> np.ndarray | None:
        there = np.isin(things[:, _F["kind"]], BODY_KINDS) & (things[:, _F["colour"]] == spec.COLOURS.index(colour))
        return things[int(there.argmax())] if there.any() else None


def _body(before: np.ndarray | None, last: np.ndarray) -> Body:
    """A ball as it is read, inside the box; it rests where it is seen in one frame alone."""
    size = float(np.clip(last[_F["size"]], *spec.SIZE))
    low, floor = spec.WALL + size, spec.FLOOR + size
    x, y = float(np.clip(last[_F["x"]], low, spec.BOX - low)), float(np.clip(last[_F["y"]], floor, spec.BOX - low))
    vx = vy = 0.0
    if before is not None:
        vx, vy = ((last[[_F["x"], _F["y"]]] - before[[_F["x"], _F["y"]]]) / spec.FRAME_SECONDS).tolist()
        if y > floor + 0.2:  # in flight the speed of the last frame is not that of the step to it
            vy -= spec.GRAVITY * spec.FRAME_SECONDS / 2
    return Body(shape="ball", colour="blue", rgb=(0.0, 0.0, 1.0), x=x, y=y, vx=vx, vy=vy, angle=0.0, spin=0.0,
                size=size, mass=float(np.sqrt(spec.MASS[0] * spec.MASS[1])), friction=sum(spec.FRICTION) / 2,
                elasticity=sum(spec.ELASTICITY) / 2)  # fmt: skip
