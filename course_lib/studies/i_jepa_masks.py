"""Does it matter which patches are hidden? The ablation of I-JEPA's masks, on the course's films.

The paper compares multi-block masks with one large block, with the quadrants of the picture and with random patches
(arXiv 2301.08243, its ablation of the masking strategy, on ImageNet with 1 % of the labels: 54.2 against 20.2, 15.5 and
17.6). Here four I-JEPAs that differ in nothing else are trained for a fifth of the steps of size cpu, from the same
first weights and on the same pictures, and probed in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from course_lib.models.i_jepa import IJEPAConfig
from course_lib.studies.i_jepa import in_a_line, pictures_to_ask, probe_pictures, train_with_snapshots
from course_lib.studies.store import DATA, read_study
from course_lib.training import discard, load_config

KEPT = DATA / "playground" / "i_jepa_masks.json"
FOLDER = Path("runs") / "i_jepa-masks"
STEPS = 4000
KINDS: tuple[str, ...] = get_args(IJEPAConfig.model_fields["masking"].annotation)


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train and probe one I-JEPA for each kind of mask: about an hour of one core."""
    fit, ask = pictures_to_ask()
    found: dict[str, Any] = {}
    for kind in KINDS:
        config = load_config("i_jepa", "cpu", {"model.masking": kind, "train.steps": STEPS})
        model, _, minutes = train_with_snapshots(config, FOLDER / kind, (), progress="plain")
        found[kind] = {"minutes_of_training": minutes, **probe_pictures(model.encode, fit, ask)}
        report(f"{kind}: {in_a_line(found[kind])}")
        discard(FOLDER / kind)
    return {"steps": STEPS, "kinds": found}


def measured_masks() -> dict[str, Any]:
    """What ``run`` found, by kind of mask. Raises ExamError when the file is missing or damaged."""

    def parse(found: dict[str, Any]) -> dict[str, Any]:
        for kind in KINDS:
            if not {"attentive", "linear"} <= set(found["kinds"][kind]):
                raise ValueError(f"{kind} has not both probes")
        return found["kinds"]

    return read_study(KEPT, parse, "i_jepa_masks")
