"""Question: what is learned about acting from films without keys, once a few steps are named?

The clones are trained and played by the study of this name (``studies/cloning.py``); here its returns are read, and
refused where they belong to another latent action model.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval, paired_ratio_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.cloning import LABELS, measured_returns
from course_lib.studies.store import check_weights


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows oracle_clone_return and clone_return_50, _100, _200, the last ones as shares of the first."""
    entrant.part("lam")
    where = sitting.admit_episodes(entrant, "goal")
    if sitting.split != "test":
        raise NotCapable("the study plays the test episodes alone")
    found, weights = measured_returns()
    check_weights(weights, entrant.checkpoints.get("lam", entrant.checkpoint), "cloning")
    means = {name: float(values.mean()) for name, values in found.items()}
    best = found["keys"]
    yield entrant.row(
        sitting, where, "oracle_clone_return", unit="",
        note="n counts episodes; the same network, trained on every key",
        controls={"random": 0.0, "oracle": 1.0, "untrained": means["untrained"]},
        **mean_and_interval(best, seed=sitting.seed),
    )  # fmt: skip
    if best.mean() <= 0:
        return
    for labels in LABELS:
        mine = found[f"words {labels}"]
        low, high = paired_ratio_interval(mine, best, generator=sitting.rng(7))
        asked = {"single_codes": f"codes {labels}", "labels_alone": "labels alone", "untrained": "untrained"}
        yield entrant.row(
            sitting, where, f"clone_return_{labels}", unit="", value=means[f"words {labels}"] / means["keys"],
            low=low, high=high, n=len(mine),
            controls={"random": 0.0} | {name: means[player] / means["keys"] for name, player in asked.items()},
            note=f"its return over the oracle clone's, both normalised; {labels} labelled steps, drawn anew in each "
            "episode; every step named by its latent action and the next one's",
        )  # fmt: skip
