"""A world model that has learned nothing: what came next, the last time it looked like this?

It keeps every transition of some films: two neighbouring frames, the key, and what changed in the frame after. Asked
for the next frame, it looks for the most similar pair of frames under the same key and adds the same change. There is
no gradient, no network and no state beyond two frames. It is here as a yardstick: whatever it passes can be passed
without knowing anything that its films do not show, which is what Kang et al. (arXiv 2411.02385) call case-based
generalisation.

Frames are compared when they are shrunk to SIDE x SIDE pixels, which is faster and forgives small differences.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.models.extrapolate import Extrapolation, LastFrames
from course_lib.worlds import spec

SIDE = 16
BLOCK = 32  # states that are looked up at once


class FilmMemory(Extrapolation):
    """What it sees, keeps and draws is an extrapolation's; what comes next is looked up in the films that it is given.

    frames: float (N, T, 3, H, W), T at least 3; actions: integers (N, T - 1), the Playground's keys. Raises ValueError
    for shorter films.
    """

    def __init__(self, frames: Tensor, actions: Tensor) -> None:
        if frames.shape[1] < 3:
            raise ValueError(f"a transition needs three frames, these films have {frames.shape[1]}")
        super().__init__((frames.shape[-2], frames.shape[-1]), actions=len(spec.ACTIONS))
        before, last, after = (frames[:, i : frames.shape[1] - 2 + i].flatten(0, 1) for i in range(3))
        self.seen = self.shrunk(before, last)  # (M, D)
        self.changes = after - last  # (M, 3, H, W)
        self.keys = actions[:, 1:].flatten()  # (M,): the key between last and after

    def shrunk(self, before: Tensor, last: Tensor) -> Tensor:
        """Two frames as they are compared, (B, 3, H, W) each -> (B, 2 * 3 * SIDE * SIDE)."""
        return torch.cat([F.adaptive_avg_pool2d(frame, SIDE).flatten(1) for frame in (before, last)], dim=1)

    def predict(
        self, state: LastFrames, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> LastFrames:
        """Look up the most similar moment under the same key, and let the same things change."""
        self.capabilities.actions.check(action, (len(state),))
        found = torch.cat([self._nearest(*part) for part in zip(
            state.before.split(BLOCK), state.last.split(BLOCK), action.split(BLOCK), strict=True  # type: ignore[union-attr]
        )])  # fmt: skip
        return LastFrames((state.last + self.changes[found]).clamp(0.0, 1.0), state.last)

    def _nearest(self, before: Tensor, last: Tensor, action: Tensor) -> Tensor:
        distance = torch.cdist(self.shrunk(before, last), self.seen)  # (B, M)
        return distance.masked_fill(action[:, None] != self.keys, torch.inf).argmin(dim=1)

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Mean squared difference between each frame and what was looked up for it, (B, T); frame 0 is NaN."""
        self.capabilities.check(observations, actions)
        result = torch.full(observations.shape[:2], torch.nan)
        for t in range(1, observations.shape[1]):
            state = self.encode(observations[:, :t], actions[:, : t - 1])  # type: ignore[index]
            drawn = self.predict(state, actions[:, t - 1]).last  # type: ignore[index]
            result[:, t] = (drawn - observations[:, t]).square().mean(dim=(1, 2, 3))
        return result
