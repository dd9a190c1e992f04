"""The study of samplers: what it kept belongs to the shipped weights, and the exam reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from course_lib.exam.entrant import Entrant
from course_lib.exam.registry import entrants
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.nets.samplers import SAMPLERS
from course_lib.studies import sampling as study
from course_lib.studies.sampling import REAL, Rejections, denoiser_weights, measured_samples
from tests.damaged import check_refused


def test_with_many_steps_samples_pass_and_with_three_they_are_found() -> None:
    kept = measured_samples()
    assert kept.weights == denoiser_weights(), "run: python -m course_lib study sampling"
    for tests in kept.tests.values():
        assert set(tests) == {REAL, *SAMPLERS} and tests[REAL]["many"].share <= 0.1
        for name in SAMPLERS:
            assert tests[name]["many"].share <= 0.1 and tests[name]["few"].share == 1.0
    distances = kept.distances
    assert max(distances[REAL]) < 2 * min(distances["denoiser"]) and max(distances["denoiser"]) < 0.03
    assert min(distances["3_steps"]) > 5 * max(distances["denoiser"])
    assert min(distances["untrained"]) > min(distances["3_steps"])


def test_the_exam_reads_the_rows_of_the_study_and_refuses_other_weights() -> None:
    sora = entrants()["sora"]()
    report = examine([sora], Sitting(count=5), questions=["sampling"])
    kept = measured_samples()
    for mixture, tests in kept.tests.items():
        for name in SAMPLERS:
            row = report["sora", f"sampling_found_different_{name}_{mixture}"]
            assert (row.value, row.n) == (tests[name]["many"].share, tests[name]["many"].of) and row.passed
    assert report["sora", "denoiser_sample_distance"].n == len(kept.distances["denoiser"])
    other = Entrant("other", {"denoiser": sora.parts["denoiser"]}, [], untrained=sora.untrained, checkpoint="0" * 12)
    report = examine([other], Sitting(count=5), questions=["sampling"])
    assert any(row.status == "refused" and "study sampling" in row.note for row in report.rows)


@pytest.mark.parametrize("harm", [
    lambda facts: facts["tests"]["line"]["ddim"]["many"].__setitem__("found", 31),
    lambda facts: facts["tests"].pop("plane"),
    lambda facts: facts["distances"]["denoiser"].pop(),
    lambda facts: facts.pop("weights"),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(study, measured_samples, harm, r"sampling.json.*study sampling", tmp_path, monkeypatch)


def test_a_share_is_what_was_found_of_all() -> None:
    assert Rejections(3, 30, 0.0).share == 0.1
