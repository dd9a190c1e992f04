"""Do samples follow the distribution that they should? Asked where the answer is known in closed form.

Samplers are given the exact score of a mixture of Gaussians, on a line and on a plane, so whatever is wrong with their
samples is their own. 10,000 samples and 10,000 draws from the mixture are put to the kernel test, again and again with
fresh numbers; asked is how often the test, at a level of 1 %, finds them different. With many steps that should happen
in about 1 % of the repetitions, as for two sets of draws from the mixture itself; with three steps always, or the test
could not tell anything.

A denoiser that was trained on a known mixture draws as many samples, and their distance from draws of the mixture is
measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.measures.two_sample import kernel_test, kolmogorov_smirnov
from course_lib.models.base import untrained_twin
from course_lib.models.denoiser import Denoiser
from course_lib.models.mixture import GaussianMixture, known_mixture
from course_lib.nets.diffusion import Diffusion
from course_lib.nets.samplers import SAMPLERS, Step, sample
from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint

Draw = Callable[[torch.Generator], Tensor]  # POINTS samples, (POINTS, d)

KEPT = DATA / "playground" / "sampling.json"
SEED = 0
MIXTURES = ("line", "plane")
POINTS = 10_000  # in each of the two samples of a test
LEVEL = 0.01
REPEATS = 30  # tests; with three steps a third of them
STEPS, FEW = 200, 3
EXACT = Diffusion.of("cosine", "v")  # what the closed-form score is asked in
DISTANCES = 5  # samples whose distance is measured, for an interval over them
REAL = "real_against_real"


@dataclass(frozen=True)
class Rejections:
    """How often a test at the level LEVEL found samples different.

    found: times of ``of`` by the kernel test; ks: share by Kolmogorov-Smirnov (0 where there is more than one axis).
    """

    found: int
    of: int
    ks: float

    @property
    def share(self) -> float:
        """Of the kernel test."""
        return self.found / self.of


Found = Mapping[str, Mapping[str, Rejections]]  # by sampler (and REAL), then "many" and "few" steps


def sampler_tests(samplers: Mapping[str, Step], mixture_name: str, *, seed: int = SEED) -> Found:
    """Put each sampler with the exact score to the tests, and draws of the mixture against draws of it."""
    mixture = known_mixture(mixture_name)
    real = _rejections(lambda generator: mixture.sample(POINTS, generator)[0], mixture, REPEATS, seed, 1)
    found: dict[str, dict[str, Rejections]] = {REAL: {"many": real}}
    for place, (name, step) in enumerate(samplers.items()):
        few = max(5, REPEATS // 3)
        found[name] = {
            "many": _rejections(_draw(mixture, step, STEPS), mixture, REPEATS, seed, 10 * place + STEPS),
            "few": _rejections(_draw(mixture, step, FEW), mixture, few, seed, 10 * place + FEW),
        }
    return found


def _draw(mixture: GaussianMixture, step: Step, steps: int) -> Draw:
    predict = mixture.predict(EXACT)

    def draw(generator: torch.Generator) -> Tensor:
        noise = torch.randn(POINTS, mixture.dim, generator=generator)
        return sample(EXACT, predict, noise, steps=steps, sampler=step, generator=generator)

    return draw


def _rejections(draw: Draw, mixture: GaussianMixture, repeats: int, seed: int, offset: int) -> Rejections:
    generator, rng = _draws(seed, offset)
    found, by_ks = 0, 0
    for _ in range(repeats):
        drawn, real = draw(generator).numpy(), mixture.sample(POINTS, generator)[0].numpy()
        found += kernel_test(drawn, real, rng).p <= LEVEL
        by_ks += mixture.dim == 1 and kolmogorov_smirnov(drawn, real).p <= LEVEL
    return Rejections(int(found), repeats, by_ks / repeats)


def _draws(seed: int, offset: int) -> tuple[torch.Generator, np.random.Generator]:
    return torch.Generator().manual_seed(1_000_003 * seed + offset), np.random.default_rng([seed, offset])


def sample_distances(model: Denoiser, twin: Denoiser, *, seed: int = SEED) -> dict[str, list[float]]:
    """MMD between the mixture and samples of the denoiser, of the exact score, of three steps, of fresh weights.

    DISTANCES numbers of the first two and of draws of the mixture; one each of the others, which are far off.
    """
    mixture = known_mixture(model.config.mixture)
    often = {"denoiser": (model.predict(), STEPS), "exact_score": (mixture.predict(model.diffusion), STEPS)}
    once = {f"{FEW}_steps": (model.predict(), FEW), "untrained": (twin.predict(), STEPS)}
    generator, rng = _draws(seed, 200)
    found: dict[str, list[float]] = {name: [] for name in (REAL, *often, *once)}
    for turn in range(DISTANCES):
        real, again = (mixture.sample(POINTS, generator)[0].numpy() for _ in range(2))
        found[REAL].append(kernel_test(again, real, rng, permutations=0).distance)
        for name, (predict, many) in (often | once if turn == 0 else often).items():
            noise = torch.randn(POINTS, mixture.dim, generator=generator)
            drawn = sample(model.diffusion, predict, noise, steps=many).numpy()
            found[name].append(kernel_test(drawn, real, rng, permutations=0).distance)
    return found


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Put the course's samplers and its denoiser to the tests: three minutes of one core."""
    tests: dict[str, Any] = {}
    for mixture in MIXTURES:
        found = sampler_tests(SAMPLERS, mixture)
        tests[mixture] = {name: {steps: vars(each) for steps, each in both.items()} for name, both in found.items()}
        report(f"{mixture}: " + ", ".join(f"{name} {both['many'].share:.2f}" for name, both in found.items()))
    model = load_checkpoint("denoiser")
    distances = sample_distances(model, untrained_twin(model))
    report(f"denoiser: {np.mean(distances['denoiser']):.4f}, real against real {np.mean(distances[REAL]):.4f}")
    return {"seed": SEED, "points": POINTS, "steps": STEPS, "tests": tests, "weights": denoiser_weights(),
            "distances": distances}  # fmt: skip


def denoiser_weights() -> str:
    """The first digits of the SHA-256 of the denoiser's checkpoint."""
    return weights_of("denoiser")


@dataclass(frozen=True)
class Sampled:
    """What ``run`` kept.

    tests: by mixture, then as ``sampler_tests`` gives them. distances: as ``sample_distances``.
    weights: of the denoiser.
    """

    tests: Mapping[str, Found]
    distances: Mapping[str, list[float]]
    weights: str


def measured_samples() -> Sampled:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def counts(values: Mapping[str, Any]) -> Rejections:
        tests = Rejections(int(values["found"]), int(values["of"]), float(values["ks"]))
        if not (0 <= tests.found <= tests.of and 0 < tests.of and 0.0 <= tests.ks <= 1.0):
            raise ValueError(f"of {tests.of} tests {tests.found} cannot have found a difference")
        return tests

    def parse(facts: dict) -> Sampled:
        tests = {
            mixture: {REAL: {"many": counts(facts["tests"][mixture][REAL]["many"])}}
            | {name: {steps: counts(facts["tests"][mixture][name][steps]) for steps in ("many", "few")}
               for name in SAMPLERS}
            for mixture in MIXTURES
        }  # fmt: skip
        distances = {name: [float(value) for value in values] for name, values in facts["distances"].items()}
        if len(distances["denoiser"]) != DISTANCES or not all(0 < d < 2 for each in distances.values() for d in each):
            raise ValueError(f"{DISTANCES} distances above 0 are expected")
        return Sampled(tests, distances, str(facts["weights"]))

    return read_study(KEPT, parse, "sampling")
