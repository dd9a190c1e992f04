"""How much of a key can be seen at all? The ceiling of what latent actions can mean.

The encoder of the latent action model is taught here with what it never gets in the course: the true keys. It has the
same films, sizes and number of steps to look at, and no codebook. What it cannot name, no code that it finds without
labels can be expected to name. Three encoders are asked: the shipped one; the same with one frame more after the step;
and the paper's kind, a space-time transformer on patches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.exam.measures.counterfactuals import visible_steps
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.lam import at_wall
from course_lib.models.base import fresh
from course_lib.models.lam import ConvolutionalEncoder, LatentActionConfig, SpaceTimeEncoder
from course_lib.nets.fit import fit
from course_lib.studies.store import DATA, read_study
from course_lib.training.config import load_config
from course_lib.worlds import spec
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_model

KEPT = DATA / "playground" / "seen_keys.json"
KEYS = len(spec.ACTIONS)
STEPS = 3000
PATCHES = {"model.encoder": "space_time", "model.width": 64}


class KeyReader(nn.Module):
    """An encoder of the latent action model and a linear layer: films to the logits of the key of each step.

    (B, T, 3, H, W) in [0, 1] -> (B, T - 1, KEYS). later: whether each frame comes with the one after it, so that the
    encoder sees what a step led to.
    """

    def __init__(self, config: LatentActionConfig, *, later: bool = False) -> None:
        super().__init__()
        self.later = later
        if config.encoder == "convolutions":
            self.encoder: nn.Module = ConvolutionalEncoder(config, channels=6 if later else 3)
        else:
            self.encoder = SpaceTimeEncoder(config)
        self.say = nn.Linear(config.latent, KEYS)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        if self.later:
            after = torch.cat([frames[:, 1:], frames[:, -1:]], dim=1)  # after the last frame there is the last again
            frames = torch.cat([frames, after], dim=2)  # (B, T, 6, H, W)
        return self.say(self.encoder(frames).float())


def teach(reader: KeyReader, films: list[Films], *, steps: int = STEPS, length: int = 6, batch: int = 6) -> None:
    """Cross-entropy of the keys on pieces of training films, as long and as many as the latent action model has."""
    frames = torch.from_numpy(np.concatenate([f.frames for f in films]))
    keys = torch.from_numpy(np.concatenate([f.actions for f in films]).astype(np.int64))

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        film = torch.randint(len(frames), (batch, 1), generator=generator)
        begin = torch.randint(frames.shape[1] - length + 1, (batch, 1), generator=generator)
        moment = begin + torch.arange(length)
        return to_model(frames[film, moment].numpy()), keys[film, moment[:, :-1]]

    def loss(drawn: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        x, wanted = drawn
        return {"loss": F.cross_entropy(reader(x).flatten(0, 1), wanted.flatten())}

    fit(reader, loss, draw, steps=steps, learning_rate=3e-3, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def named(reader: KeyReader, frames: np.ndarray) -> np.ndarray:
    """The key of every step as the reader sees it. uint8 (N, T, H, W, 3) -> int64 (N, T - 1)."""
    parts = [reader(to_model(frames[k : k + 16])).argmax(dim=-1) for k in range(0, len(frames), 16)]
    return torch.cat(parts).numpy()


def share_right(guess: np.ndarray, keys: np.ndarray, asked: np.ndarray) -> dict[str, float]:
    """Share of the asked steps that are named right, mean over films with an interval. All (N, S)."""
    some = asked.any(axis=1)
    share = ((guess == keys) & asked).sum(axis=1) / np.maximum(asked.sum(axis=1), 1)
    return mean_and_interval(share, asked=some, seed=0)


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Teach three encoders the keys and ask them about test films: a quarter of an hour of one core."""
    config = load_config("lam", "cpu")
    patches = load_config("lam", "cpu", PATCHES)
    readers = {"convolutions": (config, False), "one frame later": (config, True), "space_time": (patches, False)}
    films = [load_films(name, split="train", count=count) for name, count in config.data.films.items()]
    tests = {name: load_films(name, split="test", count=100) for name in ("goal", "simple")}
    asked = {name: visible_steps(test) for name, test in tests.items()}
    first, found = config.model.context - 1, {}
    for kind, (settings, later) in readers.items():
        reader = fresh(lambda c, later=later: KeyReader(c, later=later), settings.model, 0)
        teach(reader, films)
        found[kind] = {}
        for name, test in tests.items():
            guess, keys = named(reader, test.frames)[:, first:], test.actions.astype(np.int64)[:, first:]
            visible, free = asked[name][:, first:], ~at_wall(test)[:, first:]
            found[kind][name] = {"visible": share_right(guess, keys, visible),
                                 "off walls": share_right(guess, keys, visible & free)}  # fmt: skip
            report(f"{kind}, {name}: {found[kind][name]['visible']['value']:.3f} of visible steps, "
                   f"{found[kind][name]['off walls']['value']:.3f} off the walls")  # fmt: skip
    return {"steps": STEPS, "encoders": found}


@dataclass(frozen=True)
class Ceilings:
    """What ``run`` found. of: by encoder, film set and steps ("visible", "off walls"): value, low, high, n."""

    of: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]

    def value(self, encoder: str, films: str, steps: str) -> float | None:
        """The share of keys that can be seen; None for films that were not asked about."""
        here = self.of[encoder].get(films)
        return None if here is None else float(here[steps]["value"])


def measured_ceilings() -> Ceilings:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def parse(facts: dict) -> Ceilings:
        found = Ceilings(facts["encoders"])
        for kind in ("convolutions", "one frame later", "space_time"):
            for steps in ("visible", "off walls"):
                if not 0.0 <= found.value(kind, "goal", steps) <= 1.0:
                    raise ValueError(f"the ceiling of {kind} is no share")
        return found

    return read_study(KEPT, parse, "seen_keys")
