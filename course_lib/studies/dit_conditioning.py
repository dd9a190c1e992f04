"""Which way of conditioning is best, and what does locality give? Eight networks at equal compute, three seeds each.

Peebles & Xie (DiT, 2022, arXiv 2212.09748, section 5 and figure 5) compare four ways to tell a transformer the noise
level and the class: in-context, cross-attention, adaLN, adaLN-Zero. Theirs is one run each at equal steps, and they
report each one's Gflops beside it. Here the condition is a caption, and each may spend the same *operations*: who needs
more for a step is given fewer steps. Operations are counted (``dit_scaling.forward_flops``) and not seconds measured:
a count is the same on every machine and on every day. What it does not say is how well a machine keeps up with them;
the processor seconds of every run are kept beside it.

adaLN and adaLN-Zero see a caption as one vector, as in the paper, which has classes; the course's DiT attends to its
words beside that. On top of that one stand the two convolutions of the course's DiT, and beside it a U-Net
(``models/unet.py``), all of about the same size.

What is measured, and on what, is as in ``dit_scaling``. The learning rate is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from course_lib.models.base import fresh
from course_lib.models.dit import DiT
from course_lib.models.unet import UNet
from course_lib.studies.dit_scaling import (
    COMMON,
    SCORES,
    SEEDS,
    Material,
    forward_flops,
    run_config,
    size_changes,
    train_and_measure,
)
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of

KEPT = DATA / "playground" / "dit_conditioning.json"
SIZE = {**size_changes(64, 4, 2), "model.word_attention": False}
STEPS = 450  # of the course's DiT; the others take as many as its operations allow


@dataclass(frozen=True)
class Network:
    """One way to build it: what differs from SIZE, and the class."""

    changes: Mapping[str, Any]
    make: Callable[..., DiT] = DiT


_WORDS = {"model.word_attention": True}
NETWORKS = {
    "in-context": Network({"model.conditioning": "in-context"}),
    "cross-attention": Network({"model.conditioning": "cross-attention"}),
    "adaLN": Network({"model.conditioning": "adaLN"}),
    "adaLN-Zero": Network({}),
    "words": Network(_WORDS),
    "words, depthwise": Network({**_WORDS, "model.depthwise": True}),
    "words, stem": Network({**_WORDS, "model.stem": 32}),
    "U-Net": Network({"model.width": 24, "model.depth": 1, "model.heads": 3}, UNet),
}
REFERENCE = "words"  # adaLN-Zero with attention to words, the course's


def equal_steps(flops: Mapping[str, int], steps: int) -> dict[str, int]:
    """Steps of each network that come to the operations of ``steps`` of the REFERENCE, rounded. flops: of one pass."""
    return {name: max(1, round(steps * flops[REFERENCE] / each)) for name, each in flops.items()}


def run(
    report: Callable[[str], None] = print, common: Mapping[str, Any] = COMMON, steps: int = STEPS,
    names: Sequence[str] = tuple(NETWORKS), **material: int,
) -> dict[str, Any]:  # fmt: skip
    """Train all that are not kept yet: twenty minutes of one core. common to material: for tests."""
    held_by = Material(run_config(0, {}, common), **material)
    changes = {name: {**SIZE, **NETWORKS[name].changes} for name in (*names, REFERENCE)}
    flops = {name: forward_flops(fresh(NETWORKS[name].make, run_config(0, each, common).model, 0), held_by.shape)
             for name, each in changes.items()}  # fmt: skip
    taken, runs = equal_steps(flops, steps), []
    for seed, name in product(SEEDS, names):
        config = run_config(seed, {**changes[name], "train.steps": taken[name]}, common)
        file = f"{name.replace(', ', '-')}-seed{seed}"
        found = kept_piece(
            "dit_conditioning", file, {"network": name, **config.model_dump(mode="json"), **held_by.decides()},
            lambda c=config, n=name: train_and_measure(c, held_by, NETWORKS[n].make),
        )  # fmt: skip
        runs.append({"network": name, "seed": seed, **found})
        report(f"{name}, seed {seed}: {found['gflops']:.4f} Gflops, {taken[name]} steps, held-out loss "
               f"{found['loss']:.4f}, scores {found['scores']['mean']:.3f}, {found['seconds']:.0f} s")  # fmt: skip
    return {"codec": weights_of("codec"), "films": runs[0]["films"], "batch": held_by.config.data.batch,
            "prompts": held_by.prompts, "runs": runs}  # fmt: skip


# ------------------------------------------------------------------------------------------------- what it has found


@dataclass(frozen=True)
class NetworkRun:
    """One training, see ``dit_scaling.SizeRun``."""

    network: str
    seed: int
    gflops: float
    parameters: int
    steps: int
    loss: float
    scores: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class Conditioned:
    """What ``run`` kept. codec: the first digits of its weights' hash."""

    runs: tuple[NetworkRun, ...]
    codec: str
    films: int
    batch: int
    prompts: int

    def of(self, network: str) -> list[NetworkRun]:
        """The runs of one network, by seed. Raises KeyError for a name that none has."""
        if network not in NETWORKS:
            raise KeyError(f"there is no network {network!r}; there are: {', '.join(NETWORKS)}")
        return sorted((run for run in self.runs if run.network == network), key=lambda run: run.seed)

    def differences(self, value: Callable[[NetworkRun], float], network: str, other: str = REFERENCE) -> np.ndarray:
        """How much more one network has than another under each seed, which gave both the same order of films."""
        return np.array([value(a) - value(b) for a, b in zip(self.of(network), self.of(other), strict=True)])


def measured_conditioning() -> Conditioned:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def parse(facts: dict) -> Conditioned:
        runs = []
        for row in facts["runs"]:
            scores = {name: float(row["scores"][name]) for name in (*SCORES, "mean", "all")}
            if not (row["loss"] > 0 and row["gflops"] > 0 and all(0 <= share <= 1 for share in scores.values())):
                raise ValueError(f"the run {row['network']} has an impossible number")
            runs.append(NetworkRun(str(row["network"]), int(row["seed"]), float(row["gflops"]), int(row["parameters"]),
                                   int(row["steps"]), float(row["loss"]), scores, float(row["seconds"])))  # fmt: skip
        wanted = set(product(NETWORKS, SEEDS))
        if {(run.network, run.seed) for run in runs} != wanted or len(runs) != len(wanted):
            raise ValueError(f"{len(wanted)} runs are expected, one of each network and seed")
        return Conditioned(tuple(runs), str(facts["codec"]), int(facts["films"]), int(facts["batch"]),
                           int(facts["prompts"]))  # fmt: skip

    return read_study(KEPT, parse, "dit_conditioning")


def mean_and_spread(values: Sequence[float]) -> dict[str, float | int]:
    """value, low, high and n: the mean over seeds with its 95 % interval by Student's t, for as few as three seeds.

    A bootstrap of three values would be too narrow by far. Raises ValueError for fewer than two.
    """
    from scipy.stats import t as student

    data = np.asarray(values, float)
    if len(data) < 2:
        raise ValueError(f"an interval over seeds needs at least two of them, not {len(data)}")
    half = float(student.ppf(0.975, len(data) - 1)) * data.std(ddof=1) / len(data) ** 0.5
    return {"value": float(data.mean()), "low": float(data.mean() - half), "high": float(data.mean() + half),
            "n": len(data)}  # fmt: skip
