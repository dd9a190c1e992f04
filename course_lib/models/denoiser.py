"""A small network that learns to denoise points on a line or on a plane: the smallest diffusion model of the course.

Ho, Jain & Abbeel, Denoising Diffusion Probabilistic Models, 2020, arXiv 2006.11239 (a network that is given the time);
Ho & Salimans, Classifier-Free Diffusion Guidance, 2022, arXiv 2207.12598 (the condition is left out for some rows, so
that one network learns both predictions that guidance needs).

What it is trained for and how it samples stand in ``nets/diffusion.py`` and ``nets/samplers.py``, which the diffusion
transformer shares; here is only the network: residual layers on the numbers of a point, to which an embedding of the
time and one of the class are added in every layer.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from course_lib.models.base import Layers, ModelConfig, PositiveInt
from course_lib.models.mixture import MixtureName, known_mixture
from course_lib.nets.chance import uniform
from course_lib.nets.diffusion import Diffusion, Predict, Target, Times, guided
from course_lib.nets.schedules import ScheduleName

WAVES = 16  # frequencies that say the time


class DenoiserConfig(ModelConfig):
    """The sizes of the network, what it predicts, and which known distribution it learns.

    The mixture says how many numbers a point has and how many classes there are.
    """

    mixture: Annotated[MixtureName, Field(description="the known distribution to learn")] = "plane"
    schedule: Annotated[ScheduleName, Field(description="how data turn into noise")] = "straight"
    target: Annotated[Target, Field(description="what the network predicts")] = "u"
    times: Annotated[Times, Field(description="at which times it is trained")] = "uniform"
    width: PositiveInt = 128
    depth: Layers = 3
    time_embedding: Annotated[bool, Field(description="whether the network is given the time")] = True
    dropped: Annotated[float, Field(ge=0.0, le=1.0, description="share of rows trained without their class")] = 0.15


def time_waves(t: Tensor) -> Tensor:
    """The time as sines and cosines of WAVES frequencies, from half a turn to 8 turns over [0, 1]. (B,) -> (B, 32)."""
    turns = torch.logspace(-1, 3, WAVES, base=2.0, device=t.device, dtype=t.dtype)
    angles = 2.0 * math.pi * t[:, None] * turns  # (B, 16)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Layer(nn.Module):
    """h + W2 silu(W1 norm(h) + what was added for time and class)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.into, self.back = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, h: Tensor, given: Tensor) -> Tensor:
        """h, given: (B, width) -> (B, width)."""
        return h + self.back(F.silu(self.into(self.norm(h)) + given))


class Denoiser(nn.Module):
    """x_t, t and a class -> the diffusion's target.

        model = Denoiser(DenoiserConfig())
        model(x_t, t, labels)                 # (B, d), (B,), int64 (B,) -> (B, d); labels None: no condition
        model.predict(2, w=1.5)               # for the samplers: class 2, guided
    """

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        with torch.device("cpu"):  # its numbers are asked, also where the network is only counted, on "meta"
            mixture = known_mixture(config.mixture)
        self.config = config
        self.dim, self.class_count = mixture.dim, mixture.class_count
        self.diffusion = Diffusion.of(config.schedule, config.target)
        width = config.width
        self.point = nn.Linear(self.dim, width)
        self.time = nn.Sequential(nn.Linear(2 * WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(self.class_count + 1, width)  # the last one says "no class is given"
        self.layers = nn.ModuleList(Layer(width) for _ in range(config.depth))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, self.dim)

    @property
    def empty(self) -> int:
        """The label that stands for "no class is given"."""
        return self.class_count

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class. Raises ValueError for points with another number of coordinates."""
        if x_t.ndim != 2 or x_t.shape[1] != self.dim:
            raise ValueError(f"points (B, {self.dim}) are wanted for {self.config.mixture!r}, got {tuple(x_t.shape)}")
        if labels is None:
            labels = torch.full((len(x_t),), self.empty, device=x_t.device)
        waves = time_waves(t if self.config.time_embedding else torch.zeros_like(t))
        given = self.time(waves) + self.label(labels)  # (B, width)
        h = self.point(x_t)
        for layer in self.layers:
            h = layer(h, given)
        return self.out(F.silu(self.norm(h)))

    def predict(self, label: int | None = None, w: float = 1.0) -> Predict:
        """What samplers call: without a class, or with one and a guidance weight (see ``nets.diffusion.guided``).

        Raises ValueError for a class that does not exist.
        """
        if label is None:
            return lambda x_t, t: self(x_t, t)
        if not 0 <= label < self.class_count:
            raise ValueError(f"there is no class {label}; there are {self.class_count}, counted from 0")
        return guided(self, lambda x_t, t: self(x_t, t, torch.full((len(x_t),), label, device=x_t.device)), w)

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The mean squared error of the prediction. batch: points (B, d) and labels int64 (B,). step is not used."""
        points, labels = batch["points"], batch["labels"]
        dropped = uniform((len(points),), generator).to(points.device) < self.config.dropped
        labels = torch.where(dropped, torch.full_like(labels, self.empty), labels)
        error = self.diffusion.loss(lambda x_t, t: self(x_t, t, labels), points, generator, self.config.times)
        return {"loss": error.mean()}
