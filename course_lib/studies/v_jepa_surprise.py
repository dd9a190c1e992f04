"""Does a film that runs backwards for two frames surprise a V-JEPA's predictor, which guesses two frames at once?

Both futures lie equally far from the last frame that was seen. Asked are the predictor of the checkpoint, the same
untrained, and the pixel difference, on the test films of ``studies/v_jepa``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.studies.v_jepa import WENT_BACK, went_back, who_is_surprised

KEPT = DATA / "playground" / "v_jepa_surprise.json"
STEPS = 2  # frames of a tubelet


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Ask them: half a minute of one idle core."""
    found: dict[str, Any] = {"weights": weights_of("v_jepa"), "films": list(WENT_BACK), "went_back": {}}
    for name, one in who_is_surprised().items():
        found["went_back"][name] = went_back(one, STEPS)
        report(f"{name}: the film that went back surprises more in {found['went_back'][name]['value']:.2f}")
    return found


def measured_surprise() -> dict[str, Any]:
    """What ``run`` found, by who was asked. Raises ExamError when the file is missing or damaged."""

    def parse(found: Mapping[str, Any]) -> dict[str, Any]:
        for name in ("v_jepa", "untrained", "pixel_difference"):
            score = found["went_back"][name]
            if not score["low"] <= score["value"] <= score["high"]:
                raise ValueError(f"{name} has a value outside its interval")
        return {"weights": found["weights"], **found["went_back"]}

    return read_study(KEPT, parse, "v_jepa_surprise")
