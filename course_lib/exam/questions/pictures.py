"""Question: what does an encoder know of a picture? Fourteen variables that were named before anything was trained.

Each variable is read off the tokens by an attentive probe and by a line on their mean (``measures/attentive.py``), and
so it is off the controls: the pixels of a patch and of its neighbourhood, their principal components, and encoders with
fresh weights of two widths. A study (``studies/i_jepa``) took the twenty minutes that this takes; its answers are read
here for the encoders that come with the course. n counts films.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.attentive import above
from course_lib.exam.measures.pictures import SET, VARIABLES
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.i_jepa import last_step, measured_pictures
from course_lib.studies.store import check_weights

PROBES = ("attentive", "linear")
OWN = "i_jepa"  # whose checkpoint the study was made for; the others of the study are "encoders" there
CONTROLS = ("patch", "neighbourhood", "pca", "untrained", "untrained_wide", "mae", "vae")


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows attentive_* and linear_*, r2 of numbers and accuracy of classes; on how many variables the interval lies
    wholly above the untrained encoder's; latent_std and effective_rank of the tokens."""
    where = sitting.admit_episodes(entrant, SET)
    entrant.part("encoder")
    kept = measured_pictures()
    if sitting.split != "test" or entrant.name not in (OWN, *kept["others"]):
        raise NotCapable(f"the study i_jepa probed {OWN}, {', '.join(kept['others'])} on test films alone")
    weights = kept["weights"] if entrant.name == OWN else kept["others"][entrant.name]
    check_weights(weights, entrant.checkpoint, "i_jepa")
    own = last_step(kept) if entrant.name == OWN else kept["encoders"][entrant.name]
    others = {name: kept["encoders"][name] for name in CONTROLS if name in kept["encoders"] and name != entrant.name}
    for probe in PROBES:
        yield from _variables(entrant, sitting, where, probe, own[probe], others, kept["majority"])
        yield _count(entrant, sitting, where, probe, own[probe], others)
    for question, name in (("latent_std", "deviation"), ("effective_rank", "rank")):
        controls = {other: answers[name]["value"] for other, answers in others.items()}
        yield entrant.row(sitting, where, question, unit="", controls=controls, **own[name],
                          note=f"of the tokens, {own['channels']} channels; no bar: see notebook 17")  # fmt: skip


def _variables(
    entrant: Entrant, sitting: Sitting, where: str, probe: str, own: Mapping[str, Any],
    others: Mapping[str, Any], majority: Mapping[str, float],
) -> Iterator[Row]:  # fmt: skip
    for name, variable in VARIABLES.items():
        controls = {other: answers[probe][name]["value"] for other, answers in others.items()}
        if variable.classes:
            controls["commonest_class"] = majority[name]
        kind = "accuracy" if variable.classes else "r2"
        yield entrant.row(sitting, where, f"{probe}_{kind}_{name}", unit="", controls=controls, note=variable.about,
                          **own[name])  # fmt: skip


def _count(
    entrant: Entrant, sitting: Sitting, where: str, probe: str, own: Mapping[str, Any], others: Mapping[str, Any]
) -> Row:
    """On how many of the variables it is above the untrained encoder without an overlap of the intervals. A count of
    decisions has no interval of its own."""
    better = above(own, others["untrained"][probe])
    worse = above(others["untrained"][probe], own)
    controls = {name: float(len(above(answers[probe], others["untrained"][probe])))
                for name, answers in others.items() if name != "untrained"}  # fmt: skip
    value = float(len(better))
    return entrant.row(sitting, where, f"{probe}_above_untrained", value=value, low=value, high=value, unit="variables",
                       n=len(VARIABLES), controls=controls | {"below_untrained": float(len(worse))},
                       note=f"above: {', '.join(better) or 'none'}; below: {', '.join(worse) or 'none'}")  # fmt: skip
