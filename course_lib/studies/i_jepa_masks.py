"""Does it matter which patches are hidden? The ablation of I-JEPA's masks, on the course's films.

The paper compares multi-block masks with one large block, with the quadrants of the picture and with random patches
(arXiv 2301.08243, section 9 and Table 6: a ViT-B/16, 300 epochs of ImageNet, a linear probe with 1 % of the labels;
54.2 against 20.2, 15.5 and 17.6). Here four I-JEPAs of size tiny (two blocks of width 32) that differ in nothing else
are trained for 2,000 steps, from the same first weights and on the same pictures as size cpu, and probed in the same
way but for fewer steps of the attentive probe, with the same network untrained beside them. One seed each: intervals
are over films, and say nothing of another seed. A run that has been probed is not trained again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from course_lib.exam.measures.pictures import Pictures, untrained_encoder
from course_lib.models.i_jepa import IJEPAConfig
from course_lib.studies.i_jepa import asked_of, in_a_line, pictures_to_ask, probe_pictures, train_with_snapshots
from course_lib.studies.store import DATA, kept_piece, read_study
from course_lib.training import RunConfig, discard, load_config

KEPT = DATA / "playground" / "i_jepa_masks.json"
FOLDER = Path("runs") / "i_jepa-masks"
STEPS, PROBE_STEPS = 2000, 200
UNTRAINED = "untrained"
KINDS: tuple[str, ...] = get_args(IJEPAConfig.model_fields["masking"].annotation)


def train_and_probe(config: RunConfig, folder: Path, fit: Pictures, ask: Pictures) -> dict[str, Any]:
    """One training and what its target encoder knows."""
    model, _, history = train_with_snapshots(config, folder, (), progress="plain")
    found = {"minutes_of_training": round(history.minutes, 1), "loss": history.rows[-1]["loss"],
             **probe_pictures(model.encode, fit, ask, steps=PROBE_STEPS)}  # fmt: skip
    discard(folder)
    return found


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train and probe one I-JEPA for each kind of mask: six minutes of one core."""
    fit, ask = pictures_to_ask()
    about = {"fit": asked_of(fit), "ask": asked_of(ask), "probe": PROBE_STEPS}
    count = load_config("i_jepa", "cpu").data.count
    config = load_config("i_jepa", "tiny", {"train.steps": STEPS, "data.count": count})
    fresh = untrained_encoder(config.model, config.model.width)
    found = {UNTRAINED: kept_piece("i_jepa_masks", UNTRAINED, {**config.model.model_dump(mode="json"), **about},
                                   lambda: probe_pictures(fresh, fit, ask, steps=PROBE_STEPS))}  # fmt: skip
    for kind in KINDS:
        each = config.model_copy(update={"model": config.model.model_copy(update={"masking": kind})})
        found[kind] = kept_piece("i_jepa_masks", kind, {**each.model_dump(mode="json"), **about},
                                 lambda c=each, k=kind: train_and_probe(c, FOLDER / k, fit, ask))  # fmt: skip
        report(f"{kind}: {in_a_line(found[kind])}")
    return {"steps": STEPS, "kinds": found}


def measured_masks() -> dict[str, Any]:
    """What ``run`` found, by kind of mask. Raises ExamError when the file is missing or damaged."""

    def parse(found: dict[str, Any]) -> dict[str, Any]:
        for kind in (UNTRAINED, *KINDS):
            if not {"attentive", "linear"} <= set(found["kinds"][kind]):
                raise ValueError(f"{kind} has not both probes")
        return found["kinds"]

    return read_study(KEPT, parse, "i_jepa_masks")
