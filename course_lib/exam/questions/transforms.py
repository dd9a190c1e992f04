"""Question: does a predictor know what a change of the picture does? The rank of its answer in a bank of 256 changes.

For each test picture the predictor is given the clean picture and an action, and its answer is compared with what the
target encoder says of 256 changed versions of the same picture (``measures/ranks.py``). Shift and colour are asked for
together and apart. What takes minutes was measured by the study ``iwm`` and is read here. n counts pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.attentive import above
from course_lib.exam.measures.pictures import SET
from course_lib.exam.measures.ranks import KINDS
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.iwm import CONTROLS, PROBES, measured_transforms
from course_lib.studies.iwm_depth import STEPS, measured_depths
from course_lib.studies.store import check_weights


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows mrr_all, mrr_shift and mrr_colour; mrr_unconditioned, of a smaller model that is given no action;
    linear_above_untrained and flat_above_untrained: on how many variables the encoder is above one with fresh weights.
    """
    where = sitting.admit_episodes(entrant, SET)
    entrant.part("image_world_model")
    kept = measured_transforms()
    if sitting.split != "test":
        raise NotCapable("the study iwm asked test pictures alone")
    check_weights(kept["weights"], entrant.checkpoint, "iwm")
    ranks = kept["ranks"]
    for kind in KINDS:
        controls = {name: ranks[name][kind]["value"] for name in CONTROLS}
        yield entrant.row(sitting, where, f"mrr_{kind}", unit="", controls=controls | {"chance": kept["chance"]},
                          note=f"bank of {kept['bank']} changes of the same picture, {kept['asked']} asked for",
                          **ranks["trained"][kind])  # fmt: skip
    small = measured_depths()
    yield entrant.row(
        sitting, where, "mrr_unconditioned", unit="", direction="lower",
        controls={"chance": kept["chance"], "conditioned": small["depth 4"]["ranks"]["all"]["value"]},
        note=f"bank of all changes; another model, like the control conditioned but for the action, {STEPS} steps each",
        **small["unconditioned"]["ranks"]["all"],
    )  # fmt: skip
    yield from (_count(entrant, sitting, where, probe, kept) for probe in PROBES)


def _count(entrant: Entrant, sitting: Sitting, where: str, probe: str, kept: dict[str, Any]) -> Row:
    """On how many variables its intervals lie wholly above the untrained encoder's. A count has no interval."""
    everybody = {"iwm": kept["probes"], **kept["encoders"]}
    untrained = everybody.pop("untrained")[probe]
    counts = {name: float(len(above(answers[probe], untrained))) for name, answers in everybody.items()}
    own, worse = counts.pop("iwm"), len(above(untrained, kept["probes"][probe]))
    return entrant.row(sitting, where, f"{probe}_above_untrained", value=own, low=own, high=own, unit="variables",
                       n=len(kept["probes"][probe]), controls=counts | {"below_untrained": float(worse)},
                       note=f"above: {', '.join(above(kept['probes'][probe], untrained)) or 'none'}")  # fmt: skip
