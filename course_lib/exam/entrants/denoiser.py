"""The samplers with the exact score of a known distribution, and the small network that learned one."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned

# A share of tests at a level of 1 %: 2 of 30 have an upper end of 0.21; 10 of 10 have a lower end of 0.72.
BARS = {f"sampling_{question}_{sampler}_{mixture}": bar
        for question, bar in (("found_different", 0.25), ("3_steps_found", 0.7))
        for sampler in ("ancestral", "ddim", "euler") for mixture in ("line", "plane")}  # fmt: skip


def _closed_form() -> Entrant:
    from course_lib.nets.samplers import SAMPLERS

    return Entrant("closed-form", {"samplers": SAMPLERS}, [], questions=["sampling"], bars=BARS)


def _denoiser() -> Entrant:
    from course_lib.models.base import untrained_twin
    from course_lib.training.checkpoints import load_checkpoint, provenance

    model = load_checkpoint("denoiser")
    return Entrant("denoiser", {"denoiser": model}, untrained={"denoiser": untrained_twin(model)},
                   questions=["sampling"], **learned(provenance("denoiser")))  # fmt: skip


ENTRANTS = {"closed-form": _closed_form, "denoiser": _denoiser}
