"""A dream with gymnasium's interface: the same controller, the same keyboard, another world.

    env = DreamEnv(model, first_frames, temperature=1.0)
    frame, info = env.reset(seed=3)
    frame, reward, terminated, truncated, info = env.step(2)
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from course_lib.models.vmc import VMC, Dream
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model, to_uint8


class DreamEnv(gymnasium.Env[np.ndarray, int]):
    """Observation uint8 (H, W, 3), what V draws of the dream; actions are the model's own; reward is M's expectation.

    first: frames that dreams begin from, uint8 (N, H, W, 3) or floats (N, 3, H, W); ``reset(seed=s)`` takes frame
    s % N. temperature: of every draw. steps: a dream is cut off after so many. It ends by itself where M says so.
    Raises ValueError for frames of another size, or a temperature that is not above 0.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / spec.FRAME_SECONDS)}
    render_mode = "rgb_array"

    def __init__(
        self, model: VMC, first: np.ndarray | Tensor, *, temperature: float = 1.0, steps: int = spec.EPISODE_STEPS
    ) -> None:
        self.first = to_model(first) if isinstance(first, np.ndarray) else first
        size = model.config.v.frame_size
        if tuple(self.first.shape[1:]) != (3, size, size):
            raise ValueError(f"a dream of this model begins from frames of {size} x {size}, not {self.first.shape}")
        if not temperature > 0:
            raise ValueError(f"a temperature is above 0, not {temperature}")
        self.model, self.temperature, self.steps = model, temperature, steps
        self.observation_space = gymnasium.spaces.Box(0, 255, (size, size, 3), np.uint8)
        kind = model.capabilities.actions
        self.action_space = (
            gymnasium.spaces.Discrete(kind.size)
            if kind.kind == "discrete"
            else gymnasium.spaces.Box(-1.0, 1.0, (kind.size,), np.float32)
        )
        self.state: Dream | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a dream. The same seed dreams the same under the same actions."""
        super().reset(seed=seed)
        number = seed if seed is not None else int(self.np_random.integers(1 << 30))
        self.generator = torch.Generator().manual_seed(number)
        self.time = 0
        with torch.no_grad():
            self.state = self.model.encode(self.first[number % len(self.first)][None, None])
        return self._look()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One dreamed step. Raises RuntimeError before the first ``reset``."""
        if self.state is None:
            raise RuntimeError("the dream has not begun: call reset() first")
        pressed = torch.as_tensor(np.asarray(action))[None]
        with torch.no_grad():
            self.state = self.model.predict(
                self.state, pressed, generator=self.generator, temperature=self.temperature
            )
        self.time += 1
        over = bool(torch.rand((), generator=self.generator) < self.state.over[0])
        frame, info = self._look()
        return frame, float(self.state.reward[0]), over, self.time >= self.steps, info

    def render(self) -> np.ndarray:
        """What V draws of the dream now, uint8 (H, W, 3)."""
        return self._look()[0]

    def _look(self) -> tuple[np.ndarray, dict[str, Any]]:
        if self.state is None:
            raise RuntimeError("the dream has not begun: call reset() first")
        with torch.no_grad():
            frame = to_uint8(self.model.decode(self.state))[0]
        return frame, {"state": self.state, "frame": self.time}


class ControllerPolicy:
    """C as ``policy(frame, info) -> action``, for the real environment and for the dream alike.

    It sees frames only, and remembers: ``info["frame"]`` is 0 where an episode begins. controller: the world that it
    lived in (``Controllers.names``), or weights (A, Z + H + 1).
    """

    def __init__(self, model: VMC, controller: str | Tensor | None = None) -> None:
        self.model = model
        self.weights = controller if isinstance(controller, Tensor) else model.c.of(controller or model.c.names[0])

    @torch.no_grad()
    def __call__(self, frame: np.ndarray, info: dict[str, Any]) -> Any:
        """The action for a frame: an int, or CarRacing's float32 (3,)."""
        seen = to_model(frame)[None]
        if info["frame"] == 0:
            self.state = self.model.encode(seen[:, None])
        else:
            self.state = self.model.remember(self.state, self.last, seen)
        self.last = self.model.press(self.state, self.weights)
        return int(self.last[0]) if self.model.config.control == "discrete" else self.last[0].numpy()
