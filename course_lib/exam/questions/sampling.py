"""Do samples follow the distribution that they should? Questions to which the answer is known in closed form.

To the part "samplers" (steps by name), with the exact score of a mixture: how often does a test find their samples
different from the mixture? To the part "denoiser" (a network trained on a known mixture): how far its score is from the
exact one, by noise level, and how far its samples are from the mixture. A relative error is the mean squared length of
the difference over that of the exact score: 1 is what a score of zero gets.

What comes with the course was put to the tests by a study (``studies/sampling``, which says how), and its rows are read
from there. Anybody else is tested now.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import bootstrap_interval, wilson_interval
from course_lib.exam.measures.scores import relative_error, score_errors
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.denoiser import Denoiser
from course_lib.models.mixture import known_mixture
from course_lib.nets.samplers import SAMPLERS
from course_lib.studies import sampling as study
from course_lib.studies.sampling import FEW, LEVEL, MIXTURES, POINTS, REAL, STEPS, Rejections
from course_lib.studies.store import check_weights

LOG_SNRS = (6.0, 4.0, 2.0, 0.0, -2.0, -4.0)  # from almost clean to almost noise


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows sampling_* of the part "samplers", denoiser_* of the part "denoiser"; of whichever there is."""
    if "samplers" in entrant.parts:
        for name in MIXTURES:
            yield from _samplers(entrant, sitting, name)
    if "denoiser" in entrant.parts:
        yield from _denoiser(entrant, sitting)
    if not {"samplers", "denoiser"} & set(entrant.parts):
        raise NotCapable("it comes neither with samplers nor with a denoiser of a known distribution")


# ---- samplers with the exact score


def _samplers(entrant: Entrant, sitting: Sitting, name: str) -> Iterator[Row]:
    where, samplers = sitting.admit_episodes(entrant, name), entrant.part("samplers")
    found = (
        study.measured_samples().tests[name] if samplers is SAMPLERS
        else sitting.once(("sampling", name, *samplers), lambda: study.sampler_tests(samplers, name, seed=sitting.seed))
    )  # fmt: skip
    same = found[REAL]["many"].share
    for sampler in samplers:
        many, few = found[sampler]["many"], found[sampler]["few"]
        note = f"{STEPS} steps; found different at a level of {LEVEL:g} in so many of the tests"
        if known_mixture(name).dim == 1:
            note += f"; by Kolmogorov-Smirnov in {many.ks:.2f}"
        controls = {REAL: same, f"{FEW}_steps": few.share}
        yield _share_row(entrant, sitting, where, f"sampling_found_different_{sampler}_{name}", many, controls, note,
                         direction="lower")  # fmt: skip
        yield _share_row(entrant, sitting, where, f"sampling_{FEW}_steps_found_{sampler}_{name}", few, {REAL: same},
                         f"{FEW} steps, which are too few", direction="higher")  # fmt: skip


def _share_row(entrant: Entrant, sitting: Sitting, where: str, question: str, tests: Rejections,
               controls: dict[str, float], note: str, **more: str) -> Row:  # fmt: skip
    low, high = wilson_interval(tests.found, tests.of)
    return entrant.row(sitting, where, question, value=tests.share, low=low, high=high, n=tests.of, unit="",
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
    checkpoint = entrant.checkpoints.get("denoiser", entrant.checkpoint)
    if checkpoint is None:
        found = study.sample_distances(model, twin, seed=sitting.seed)
    else:
        kept = study.measured_samples()
        check_weights(kept.weights, checkpoint, "sampling")
        found = kept.distances
    low, high = bootstrap_interval(found["denoiser"], generator=sitting.rng(200))
    controls = {name: float(np.mean(values)) for name, values in found.items() if name != "denoiser"}
    yield entrant.row(sitting, where, "denoiser_sample_distance", value=float(np.mean(found["denoiser"])), low=low,
                      high=high, n=len(found["denoiser"]), unit="MMD", controls=controls, direction="lower",
                      note=f"DDIM, {STEPS} steps, {POINTS} samples each time")  # fmt: skip
