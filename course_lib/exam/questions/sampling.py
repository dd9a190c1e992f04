"""Do samples follow the distribution that they should? Questions to which the answer is known in closed form.

To the part "samplers" (steps by name): each is given the exact score of a mixture of Gaussians, on a line and on a
plane, so whatever is wrong with its samples is its own. 10,000 samples and 10,000 draws from the mixture are put to the
kernel test, again and again with fresh numbers; asked is how often the test, at a level of 1 %, finds them different.
With many steps that should happen in about 1 % of the repetitions, as for two sets of draws from the mixture itself;
with three steps always, or the test could not tell anything.

To the part "denoiser" (a network trained on a known mixture): how far its score is from the exact one, by noise level,
and how far its samples are from the mixture. A relative error is the mean squared length of the difference over that of
the exact score: 1 is what a score of zero gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import bootstrap_interval, wilson_interval
from course_lib.exam.measures.scores import relative_error, score_errors
from course_lib.exam.measures.two_sample import kernel_test, kolmogorov_smirnov
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.denoiser import Denoiser
from course_lib.models.mixture import GaussianMixture, known_mixture
from course_lib.nets.diffusion import Diffusion
from course_lib.nets.samplers import Step, sample

Draw = Callable[[torch.Generator], Tensor]  # POINTS samples, (POINTS, d)

POINTS = 10_000  # in each of the two samples of a test
LEVEL = 0.01
REPEATS = 30  # tests; with three steps a third of them
STEPS, FEW = 200, 3
EXACT = Diffusion.of("cosine", "v")  # what the closed-form score is asked in
LOG_SNRS = (6.0, 4.0, 2.0, 0.0, -2.0, -4.0)  # from almost clean to almost noise
DISTANCES = 5  # samples whose distance is measured, for an interval over them


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows sampling_* of the part "samplers", denoiser_* of the part "denoiser"; of whichever there is."""
    if "samplers" in entrant.parts:
        for name in ("line", "plane"):
            yield from _samplers(entrant, sitting, name)
    if "denoiser" in entrant.parts:
        yield from _denoiser(entrant, sitting)
    if not {"samplers", "denoiser"} & set(entrant.parts):
        raise NotCapable("it comes neither with samplers nor with a denoiser of a known distribution")


# ---- samplers with the exact score


def _samplers(entrant: Entrant, sitting: Sitting, name: str) -> Iterator[Row]:
    where = sitting.admit_episodes(entrant, name)
    mixture = known_mixture(name)
    same = sitting.once(("sampling", name), lambda: _rejections(
        lambda generator: mixture.sample(POINTS, generator)[0], mixture, sitting, REPEATS, 1))  # fmt: skip
    for place, (sampler, step) in enumerate(entrant.part("samplers").items()):
        kept, few = (
            _rejections(_draw(mixture, step, steps), mixture, sitting, repeats, 10 * place + steps)
            for steps, repeats in ((STEPS, REPEATS), (FEW, max(5, REPEATS // 3)))
        )
        controls = {"real_against_real": same["share"], f"{FEW}_steps": few["share"]}
        note = f"{STEPS} steps; found different at a level of {LEVEL:g} in so many of the tests"
        if mixture.dim == 1:
            note += f"; by Kolmogorov-Smirnov in {kept['ks']:.2f}"
        yield _share_row(entrant, sitting, where, f"sampling_found_different_{sampler}_{name}", kept, controls, note,
                         direction="lower")  # fmt: skip
        controls = {"real_against_real": same["share"]}
        yield _share_row(entrant, sitting, where, f"sampling_{FEW}_steps_found_{sampler}_{name}", few, controls,
                         f"{FEW} steps, which are too few", direction="higher")  # fmt: skip


def _draw(mixture: GaussianMixture, step: Step, steps: int) -> Draw:
    predict = mixture.predict(EXACT)

    def draw(generator: torch.Generator) -> Tensor:
        noise = torch.randn(POINTS, mixture.dim, generator=generator)
        return sample(EXACT, predict, noise, steps=steps, sampler=step, generator=generator)

    return draw


def _rejections(draw: Draw, mixture: GaussianMixture, sitting: Sitting, repeats: int, offset: int) -> dict[str, float]:
    """How often the tests find draws and mixture different: counts of the kernel test, shares of both."""
    generator, rng = sitting.generator(offset), sitting.rng(offset)
    found, by_ks = 0, 0
    for _ in range(repeats):
        drawn, real = draw(generator).numpy(), mixture.sample(POINTS, generator)[0].numpy()
        found += kernel_test(drawn, real, rng).p <= LEVEL
        by_ks += mixture.dim == 1 and kolmogorov_smirnov(drawn, real).p <= LEVEL
    return {"found": found, "of": repeats, "share": found / repeats, "ks": by_ks / repeats}


def _share_row(entrant: Entrant, sitting: Sitting, where: str, question: str, share: dict[str, float],
               controls: dict[str, float], note: str, **more: str) -> Row:  # fmt: skip
    low, high = wilson_interval(share["found"], share["of"])
    return entrant.row(sitting, where, question, value=share["share"], low=low, high=high, n=share["of"], unit="",
                       controls=controls, note=note, **more)  # fmt: skip


# ---- a trained network


def _denoiser(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    model: Denoiser = entrant.part("denoiser")
    where = sitting.admit_episodes(entrant, model.config.mixture)
    mixture, twin = known_mixture(model.config.mixture), entrant.untrained["denoiser"]
    for place, level in enumerate(LOG_SNRS):
        errors, length = score_errors(model.diffusion, {"trained": model.predict(), "untrained": twin.predict()},
                                      mixture, level, sitting.generator(100 + place))  # fmt: skip
        controls = {name: float(errors[name].mean() / length.mean()) for name in ("untrained", "standard_normal")}
        yield entrant.row(sitting, where, f"denoiser_score_error_log_snr_{level:+.0f}", unit="of the score",
                          controls=controls | {"zero": 1.0}, direction="lower", note="mean squared, unconditional",
                          **relative_error(errors["trained"], length, sitting.rng(place)))  # fmt: skip
    exact = mixture.predict(model.diffusion)
    often = {"denoiser": (model.predict(), STEPS), "exact_score": (exact, STEPS)}
    once = {f"{FEW}_steps": (model.predict(), FEW), "untrained": (twin.predict(), STEPS)}  # far off: once says it
    generator, rng = sitting.generator(200), sitting.rng(200)
    found: dict[str, list[float]] = {name: [] for name in ("real_against_real", *often, *once)}
    for turn in range(DISTANCES):
        real, again = (mixture.sample(POINTS, generator)[0].numpy() for _ in range(2))
        found["real_against_real"].append(kernel_test(again, real, rng, permutations=0).distance)
        for name, (predict, many) in (often | once if turn == 0 else often).items():
            noise = torch.randn(POINTS, mixture.dim, generator=generator)
            drawn = sample(model.diffusion, predict, noise, steps=many).numpy()
            found[name].append(kernel_test(drawn, real, rng, permutations=0).distance)
    low, high = bootstrap_interval(found["denoiser"], generator=rng)
    controls = {name: float(np.mean(values)) for name, values in found.items() if name != "denoiser"}
    yield entrant.row(sitting, where, "denoiser_sample_distance", value=float(np.mean(found["denoiser"])), low=low,
                      high=high, n=DISTANCES, unit="MMD", controls=controls, direction="lower",
                      note=f"DDIM, {STEPS} steps, {POINTS} samples each time")  # fmt: skip
