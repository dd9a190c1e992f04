"""Does a diffusion transformer get better with the operations of one forward pass?

The rank correlation of Gflops with the held-out loss, and with what the reader finds in films from prompts, over the
runs of a study (``studies/dit_scaling``, which says how). They are trainings of their own, on the latents of the codec
of the entrant's DiT; so it is a question to a DiT's kind, not to its weights.

Two controls: the correlation after the Gflops were dealt out at random, of 1,000 deals the one that only 25 exceed in
the right direction (what is no better is luck); and that of the number of weights, which is the same for both patches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.dit_scaling import SCORES, correlation_and_interval, measured_scaling, rank_correlation
from course_lib.studies.store import check_weights

DEALS = 1000


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows scaling_* for an entrant with the part "dit" and a codec that comes with the course."""
    entrant.part("dit")
    sitting.admit_episodes(entrant, "bodies")
    if "codec" not in entrant.checkpoints:
        raise NotCapable("the study trained on the latents of the course's codec, and this DiT has another one")
    kept = measured_scaling()
    check_weights(kept.codec, entrant.checkpoints["codec"], "dit_scaling")
    gflops, parameters = kept.grid(lambda run: run.gflops), kept.grid(lambda run: run.parameters)
    values = {"loss": kept.grid(lambda run: run.loss)}
    values |= {name: kept.grid(lambda run, name=name: run.scores[name]) for name in ("mean", *SCORES)}
    for name, measured in values.items():
        direction = "lower" if name == "loss" else "higher"
        controls = {"dealt_out": _by_luck(gflops, measured, direction, sitting.rng(0)),
                    "parameters": rank_correlation(parameters, measured)}  # fmt: skip
        question = f"scaling_{name}_rank_correlation"
        note = (f"{len(gflops)} configurations, {gflops.shape[1]} seeds, {kept.steps} steps of {kept.batch} films; "
                "interval over configurations and seeds")  # fmt: skip
        yield entrant.row(sitting, "bodies/validation" if name == "loss" else "prompts", question, unit="",
                          controls=controls, direction=direction, note=note,
                          **correlation_and_interval(gflops, measured, seed=sitting.seed))  # fmt: skip


def _by_luck(gflops: np.ndarray, measured: np.ndarray, direction: str, rng: np.random.Generator) -> float:
    """The correlation that random Gflops exceed in the right direction in 25 of 1,000 deals. Configurations are dealt
    as a whole, with all seeds."""
    deals = [rank_correlation(rng.permutation(gflops, axis=0), measured) for _ in range(DEALS)]
    return float(np.quantile(deals, 0.025 if direction == "lower" else 0.975))
