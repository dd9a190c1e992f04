"""What a run leaves behind: the trained model, and the numbers of every step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from course_lib.training.recipe import Data, RunConfig


@dataclass
class History:
    """A finished run: the trained model, and every step's numbers.

    rows: one dict a step with step, phase, learning_rate, gradient_norm and the model's named losses.
    """

    model: nn.Module
    config: RunConfig
    data: Data
    device: str
    minutes: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def column(self, name: str) -> list[float]:
        """One number over the steps that have it. Raises KeyError that lists the names."""
        values = [row[name] for row in self.rows if name in row]
        if not values:
            known = sorted({key for row in self.rows for key in row})
            raise KeyError(f"no step has {name!r}; the names are: {', '.join(known)}")
        return values

    def last(self, name: str = "loss", steps: int = 100) -> float:
        """The mean of one number over the last steps: steadier than the very last one."""
        return float(np.mean(self.column(name)[-steps:]))

    def about(self) -> dict[str, Any]:
        """What made this model, for :func:`course_lib.training.checkpoints.save_checkpoint`."""
        ending = self.rows[-1]
        numbers = [name for name, value in ending.items() if isinstance(value, float) and name != "learning_rate"]
        return {
            "configuration": self.config.model_dump(mode="json", include={"model", "data", "train"}),
            "data": {"what": self.data.description, "sha256": self.data.sha256},
            "seed": self.config.train.seed,
            "steps": ending["step"],
            "minutes": round(self.minutes, 2),
            "device": self.device,
            "last_100_steps": {name: float(f"{self.last(name):.6g}") for name in numbers},
        }
