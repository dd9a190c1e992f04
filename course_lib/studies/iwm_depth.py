"""What do conditioning and the predictor's depth do to an image world model? Four small ones at equal steps.

Predictors of 1, 2 and 4 blocks, and one of 4 blocks that is not conditioned, each trained for equally many steps, are
asked what the study ``iwm`` asks the checkpoint: ranks, how far the tokens move, and what lines read off the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from course_lib.exam.measures.pictures import Pictures
from course_lib.studies.i_jepa import pictures_to_ask
from course_lib.studies.iwm import asked_model, asked_with, how_far, probe_lines, ranks_in_a_line, test_pictures
from course_lib.studies.store import DATA, kept_piece, read_study
from course_lib.training import load_config, train

KEPT = DATA / "playground" / "iwm_depth.json"
STEPS = 300  # of each
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "depth 1": {"model.predictor_depth": 1},
    "depth 4": {"model.predictor_depth": 4},
    "unconditioned": {"model.conditioned": False},
    "depth 2": {"model.predictor_depth": 2},
}


def _variant(changes: Mapping[str, Any], frames: Tensor, fit: Any, ask: Any) -> dict[str, Any]:
    config = load_config("iwm", "cpu", {"train.steps": STEPS, **changes})
    run = train("iwm", config, progress="none")
    model = run.model.eval()
    own = sum(p.numel() for p in model.predictor.parameters())
    return {"ranks": asked_model(model, frames), "moved": how_far(model, frames),
            "probes": probe_lines(model.encode, fit, ask), "parameters": own,
            "minutes": round(run.minutes, 2), "loss": sum(row["loss"] for row in run.rows[-50:]) / 50}  # fmt: skip


def asked_variants(report: Callable[[str], None], frames: Tensor, fit: Pictures, ask: Pictures) -> dict[str, Any]:
    """The small models by name, each trained and asked, or as it was found before."""
    found = {}
    for name, changes in VARIANTS.items():
        config = load_config("iwm", "cpu", {"train.steps": STEPS, **changes}).model_dump(mode="json")
        decided = asked_with(fit, ask) | {"configuration": config}
        found[name] = kept_piece("iwm", name.replace(" ", "-"), decided,
                                 lambda given=changes: _variant(given, frames, fit, ask))  # fmt: skip
        report(f"{name}: {ranks_in_a_line(found[name]['ranks'])}")
    return found


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train and ask them: five minutes of one idle core."""
    return {"steps": STEPS, "variants": asked_variants(report, test_pictures(), *pictures_to_ask())}


def measured_depths() -> dict[str, Any]:
    """What ``run`` found, by variant. Raises ExamError when the file is missing or damaged."""

    def parse(found: dict[str, Any]) -> dict[str, Any]:
        variants = {name: found["variants"][name] for name in VARIANTS}
        for name, each in variants.items():
            if not {"ranks", "moved", "probes"} <= set(each):
                raise ValueError(f"{name} is not whole")
        return variants

    return read_study(KEPT, parse, "iwm_depth")
