"""Mental simulation as a noisy physics engine (带噪声的物理引擎): a yardstick with a body of knowledge, not of data.

Battaglia, Hamrick & Tenenbaum (2013, PNAS 110(45), 18327-18332) explain what people expect of towers and balls by a
simulator in the head: approximate physics, run several times from a scene that is known only roughly. This file does
the same with the simulator of the course. The engine is run ``samples`` times from the first frame, each time with
another error in the place, the velocity, the mass and the elasticity of every body, and what it expects at a time is
all the frames that it drew for that time.

*What it is given.* By the first frame it only recognises the film; it is handed the exact state behind that frame:
where each body is, how fast it goes, and where screens, shelves and walls stand. The noise stands for the errors of
perception, so its mark says what the rules are worth when perception is nearly solved. Of later frames it knows
nothing; they are judged, and never change what it expects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import Actions, Capabilities, State
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model, to_uint8
from course_lib.worlds.scenes import Body
from course_lib.worlds.screens import FRAMES, Stage, draw_stage, simulate_stage

PLACE = 0.1  # units; the errors of noise 1, standard deviations of normal distributions
SPEED = 0.2  # units / s
MASS = 0.1  # of the logarithm
ELASTICITY = 0.02
BLUR = 1.0  # squared error of a frame, summed over pixels and colours in [0, 1], that costs half a nat
LONGEST = 4 * FRAMES  # frames that it can be asked to imagine
_KEPT = 32  # films whose simulations are kept: some 20 MB


@dataclass
class Moment(State):
    """A film that was recognised by its first frame, and how many frames have passed. Integers (B,) both."""

    film: Tensor
    time: Tensor


class NoisyEngine:
    """The Playground's own physics, run several times with noise, under the contract of a world model.

    stages: of the possible films whose first frames it may be shown, for example all of a ``Quadruplets.stages``; an
    impossible film begins like one of them. noise: a factor for all errors; 0 is the exact engine. samples: runs.
    size: pixels of a frame. seed: of the errors; film and seed decide them, so the same question has the same answer.
    Raises ValueError for no stage, negative noise or fewer than one run.
    """

    def __init__(
        self, stages: Iterable[Stage], *, noise: float = 1.0, samples: int = 8, size: int = 32, seed: int = 0
    ) -> None:
        self.stages = tuple(stages)
        if not self.stages:
            raise ValueError("the engine is handed the stages of the films that it will see, and there are none")
        if not noise >= 0.0 or samples < 1:
            raise ValueError(f"noise is 0 or more and there is at least one run, not noise={noise}, samples={samples}")
        self.noise, self.samples, self.size, self.seed = noise, samples, size, seed
        self.capabilities = Capabilities(Actions("none"), decodes=True, context=None, frame_size=(size, size))
        self._by_frame: dict[bytes, int] = {}
        for film, stage in enumerate(self.stages):
            states, _ = simulate_stage(stage, 1)
            self._by_frame.setdefault(draw_stage(stage, states, size).tobytes(), film)
        self._runs: dict[tuple[int, int], np.ndarray] = {}

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Moment:
        """Recognise the film by its first frame and count the rest. Raises ValueError for a frame it was not handed."""
        self.capabilities.check(observations, actions)
        film = torch.tensor([self._recognise(frame) for frame in to_uint8(observations[:, 0])])
        return Moment(film, torch.full_like(film, observations.shape[1] - 1))

    def predict(
        self, state: Moment, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Moment:
        """One frame later. Raises ValueError beyond ``LONGEST`` frames."""
        self.capabilities.actions.check(action, (len(state),))
        if int(state.time.max()) + 1 >= LONGEST:
            raise ValueError(f"the noisy engine imagines at most {LONGEST} frames")
        return Moment(state.film, state.time + 1)

    def decode(self, state: Moment, *, generator: torch.Generator | None = None) -> Tensor:
        """The mean of what its runs show at that time, (B, 3, H, W): sharp where they agree."""
        rows = zip(state.film.tolist(), state.time.tolist(), strict=True)
        return torch.stack([to_model(self.runs(film, time + 1)[:, time]).mean(dim=0) for film, time in rows])

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """-log of the mean over the runs of exp(-|frame - run's frame|^2 / 2 BLUR), in nats up to a constant.

        A frame that one of the runs foresaw costs little, one that none foresaw costs much. (B, T), NaN at frame 0.
        """
        self.capabilities.check(observations, actions)
        batch, time = observations.shape[:2]
        result = torch.full((batch, time), torch.nan)
        for row, film in enumerate(self.encode(observations[:, :1]).film.tolist()):
            runs = to_model(self.runs(film, time))  # (samples, T, 3, H, W)
            squared = (runs - observations[row]).square().sum(dim=(2, 3, 4))  # (samples, T)
            likelihood = torch.logsumexp(-squared / (2.0 * BLUR), dim=0) - float(np.log(self.samples))
            result[row, 1:] = -likelihood[1:]
        return result

    def runs(self, film: int, length: int) -> np.ndarray:
        """What each run of a film shows, uint8 (samples, length, H, W, 3). film: its index among the stages."""
        asked, length = length, max(length, FRAMES)  # a longer run begins as the shorter one did
        if (film, length) not in self._runs:
            stage, generator = self.stages[film], np.random.default_rng([self.seed, film])
            runs = []
            for _ in range(self.samples):
                bodies = tuple(self._blurred(body, generator) for body in stage.scene.bodies)
                run = replace(stage, scene=replace(stage.scene, bodies=bodies))
                runs.append(draw_stage(run, simulate_stage(run, length)[0], self.size))
            self._runs[film, length] = np.stack(runs)
            if len(self._runs) > _KEPT:
                del self._runs[next(iter(self._runs))]  # the oldest
        return self._runs[film, length][:, :asked]

    def _recognise(self, frame: np.ndarray) -> int:
        if frame.tobytes() not in self._by_frame:
            raise ValueError("the noisy engine is handed the state behind a film's first frame, and this frame belongs "
                             "to none of its stages: give it the stages of these films")  # fmt: skip
        return self._by_frame[frame.tobytes()]

    def _blurred(self, body: Body, generator: np.random.Generator) -> Body:
        """The body as it is perceived, inside the box and with an elasticity between 0 and 1."""
        x, y, vx, vy, mass, elasticity = (self.noise * generator.standard_normal(6)).tolist()
        low, floor = spec.WALL + body.size, min(spec.FLOOR + body.size, body.y)
        return replace(
            body,
            x=float(np.clip(body.x + PLACE * x, low, spec.BOX - low)),
            y=float(np.clip(body.y + PLACE * y, floor, spec.BOX - low)),
            vx=body.vx + SPEED * vx,
            vy=body.vy + SPEED * vy,
            mass=body.mass * float(np.exp(MASS * mass)),
            elasticity=float(np.clip(body.elasticity + ELASTICITY * elasticity, 0.0, 1.0)),
        )
