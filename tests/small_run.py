"""A small model with everything that makes going on and sharing hard, for the tests of both.

Noise in its loss, a contrastive term and a variance over the global batch, two phases with other parameters and other
losses, a parameter that gets no gradient at first, a moving average and a counter in buffers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.models.base import ModelConfig, Strict
from course_lib.nets.chance import normal
from course_lib.nets.gather import gather_batch
from course_lib.nets.shard import shard
from course_lib.training import History, RunConfig, train
from course_lib.training.recipe import Data, Phase, Recipe, TrainConfig


class SmallConfig(ModelConfig):
    width: int = 8
    bad_step: int = -1


class SmallData(Strict):
    batch: int = 8


class Small(nn.Module):
    def __init__(self, config: SmallConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Sequential(nn.Linear(4, config.width), nn.Tanh(), nn.Linear(config.width, 3))
        self.late = nn.Parameter(torch.zeros(3))  # without a gradient until step 3
        self.head = nn.Linear(3, 1)
        self.register_buffer("average", torch.zeros(3, config.width))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        x = batch["x"]
        one, two = (self.encoder(x + 0.1 * normal(x.shape, generator)) for _ in range(2))
        if step >= 3:
            one = one + self.late
        all_two = gather_batch(two)
        own = torch.arange(len(all_two))[shard().rows(len(all_two))]  # where this process's rows stand
        contrast = F.cross_entropy(F.normalize(one) @ F.normalize(all_two).T / 0.2, own)
        variance = F.relu(1.0 - gather_batch(one).std(dim=0, correction=0)).mean()
        loss = contrast + variance
        if step == self.config.bad_step:
            loss = loss * float("nan")
        return {"loss": loss, "contrast": contrast, "variance": variance}

    def head_loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        error = self.head(self.encoder(batch["x"])) - batch["x"].sum(dim=1, keepdim=True)
        never = torch.tensor(float("nan"))  # a part may be NaN as long as the loss is not
        return {"loss": error.square().mean(), "never": never}

    def after_step(self, step: int, of: int) -> None:
        self.updates += 1
        self.average.lerp_(self.encoder[2].weight.detach(), 0.1)


def batches(data: Data, config: RunConfig, generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
    xs = torch.from_numpy(data.arrays["x"])
    while True:
        yield {"x": xs[torch.randint(len(xs), (config.data.batch,), generator=generator)]}


def phases(model: Small, config: RunConfig) -> list[Phase]:
    body = [*model.encoder.parameters(), model.late]
    return [
        Phase("body", config.train.steps, body),
        Phase("head", config.train.steps // 2, list(model.head.parameters()), loss="head_loss"),
    ]


def numbers(seed: int = 0) -> Data:
    x = np.random.default_rng(seed).normal(size=(64, 4)).astype(np.float32)
    return Data({"x": x}, "random numbers", hashlib.sha256(x.tobytes()).hexdigest())


recipe = Recipe(
    name="small",
    model_config=SmallConfig,
    data_config=SmallData,
    train_config=TrainConfig,
    build=Small,
    load=lambda config, given: numbers(),
    batches=batches,
    phases=phases,
    ship=("tiny",),
)


def config(steps: int = 40, width: int = 8, batch: int = 8, bad_step: int = -1, **settings: Any) -> RunConfig:
    chosen = {"learning_rate": 0.02, "warmup": 3, "log_every": 3, "save_every": 4, "weight_decay": 0.01, **settings}
    return RunConfig[SmallConfig, SmallData, TrainConfig](
        model=SmallConfig(width=width, bad_step=bad_step),
        data=SmallData(batch=batch),
        train=TrainConfig(steps=steps, **chosen),
        name="small",
        size="tiny",
    )


def run(folder: Path | None = None, given: RunConfig | None = None, **options: Any) -> History:
    """Train it without a word; with a folder, its state and its log are kept there."""
    log = folder / "log.csv" if folder else None
    return train(recipe, given or config(), progress="none", keep=folder, log=log, **options)


def outcome(history: History) -> str:
    """One hash of all weights, buffers and rows: two runs that have it in common are the same bit for bit."""
    digest = hashlib.sha256()
    for name, value in history.model.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    for row in history.rows:
        digest.update(repr([(k, v.hex() if isinstance(v, float) else v) for k, v in sorted(row.items())]).encode())
    return digest.hexdigest()
