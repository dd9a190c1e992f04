"""Other schools at the question of expectation: what the study keeps, whose it is, and what must be so of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.expectation import scores
from course_lib.exam.measures.surprises import quadruplet_surprises
from course_lib.exam.questions import expectation as question
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.base import fresh
from course_lib.models.dit import DiT
from course_lib.models.dit_world import DiTWorld, DiTWorldConfig
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.film_jepa import FilmJEPA, FilmJEPAConfig
from course_lib.models.vae_codec import VAECodec
from course_lib.models.vmc import VMC
from course_lib.studies import expectation_schools as study
from course_lib.training import load_config
from course_lib.training.latent_transformer import load_latent_transformer
from course_lib.worlds.properties import PROPERTIES
from course_lib.worlds.quadruplets import make_quadruplets
from tests.damaged import check_refused

SHORT = "latent_transformer-short"
SOME = ("permanence", "energy")


@pytest.fixture(scope="module")
def facts() -> dict:
    """What the study finds of two of them."""
    models = {"latent_transformer": load_latent_transformer(), SHORT: load_latent_transformer(size="cpu-short")}
    found: dict = {}
    eyes = study.eyes_of(models["latent_transformer"].v)
    for name, model in models.items():
        study.join(found, study.measure_school(name, model, eyes, names=SOME, count=6, few=5, seeds=2,
                                               report=lambda line: None))  # fmt: skip
    return json.loads(json.dumps(found | {"weights": {SHORT: "a" * 12}}))


def test_the_study_measures_what_the_exam_would(facts: dict) -> None:
    kept, model = study.as_expected(facts), load_latent_transformer()
    for tier, by_property in kept.scores.items():
        for name, by in by_property.items():
            made = make_quadruplets(name, split="test", count=6, tier=tier)
            np.testing.assert_array_equal(by["latent_transformer"],
                                          scores(quadruplet_surprises(model, made.films()), made.cuts))  # fmt: skip
            z = study.eyes_of(model.v).judge(model.surprise_at)(made)
            np.testing.assert_allclose(z[..., 1:], quadruplet_surprises(model, made.films())[..., 1:], rtol=1e-3,
                                       atol=1e-2)  # fmt: skip
            assert set(by["pixel_difference"]) == {0.5} and len(by[SHORT]) == 6
    for name in ("latent_transformer", SHORT):
        assert {prop: len(each) for prop, each in kept.untrained[name].items()} == dict.fromkeys(SOME, 2)


def test_what_is_kept_belongs_to_its_weights(facts: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "KEPT", tmp_path / "expectation_schools.json")
    study.KEPT.write_text(json.dumps(facts))
    for weights, status in (("a" * 12, "answered"), ("c" * 12, "refused")):
        entrant = Entrant(SHORT, {"model": Extrapolation()}, ["screens/train"], checkpoint=weights)
        report = examine([entrant], Sitting(count=5), questions=["expectation"])
        assert {row.status for row in report.rows} == {status}
    row = report.rows[0]
    assert "expectation_schools" in row.note, "the way out is this study, not the other one"


@pytest.mark.parametrize("harm", [
    lambda facts: facts["scores"]["family"]["energy"].update({"pixel_difference": "22"}),
    lambda facts: facts["untrained"][SHORT]["energy"].__setitem__(0, -0.1),
    lambda facts: facts.pop("untrained"),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    facts: dict, harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(study, study.measured_schools, harm, "study expectation_schools", tmp_path, monkeypatch, facts)


# ------------------------------------------------------------------------------------------------------ what is shipped


@pytest.mark.parametrize("name", study.SCHOOLS)
def test_every_school_has_its_rows_with_its_untrained_networks(name: str) -> None:
    report = examine([get_entrant(name)], Sitting(), questions=["expectation"], failures="raise")
    assert {row.question for row in report.rows} == {f"voe_{p}{end}" for p in PROPERTIES for end in ("", "_heldout")}
    for row in report.rows:
        assert row.n == study.ASKED.get(name, (study.COUNT, 0))[0]
        assert row.controls["pixel_difference"] == 0.5 and "vmc" in row.controls
        assert ("untrained_highest" in row.controls) == (not row.question.endswith("_heldout"))
    assert name in question.STUDIED


def test_a_memory_of_four_frames_has_one_half_wherever_more_are_hidden() -> None:
    """All that it can see from the cut on is the same in both films; where the mean surprise is near 0, rounding may
    decide a pair."""
    kept = study.measured_schools()
    for tier, by_property in kept.scores.items():
        for name, by in by_property.items():
            if kept.hidden[tier][name][0] >= 4:
                assert abs(by[SHORT].mean() - 0.5) <= 0.01, (tier, name)


def small(kind: str) -> study.School:
    """One of each kind of school, untrained and small; those with a V share it."""
    config = load_config("vmc", "cpu-family").model
    if kind == "vmc":
        return fresh(VMC, config, 1).eval()
    if kind == "dit_world":
        net = load_config("dit_world", "cpu-family").model.model_dump() | {"width": 16, "depth": 1, "heads": 2}
        return DiTWorld(fresh(DiT, DiTWorldConfig(**net), 1), VAECodec(fresh(VMC, config, 1).v))
    sizes = FilmJEPAConfig(channels=(4, 4, 4), hidden=16, latent=6, width=8, layers=1, heads=2)
    return fresh(FilmJEPA, sizes, 1).eval()


@pytest.mark.parametrize("kind", ["vmc", "dit_world", "film_jepa"])
def test_every_school_is_judged_as_the_exam_judges_a_model(kind: str) -> None:
    """Looking at each frame once, and V in front of all who have one, changes no surprise."""
    model, made = small(kind), make_quadruplets("permanence", split="validation", count=2)
    eyes = study.eyes_of(fresh(VMC, load_config("vmc", "cpu-family").model, 1).v)
    judge, twins = study.judge_and_twins(model, eyes, 2)
    found = judge(made)
    np.testing.assert_allclose(found[..., 1:], quadruplet_surprises(model, made.films())[..., 1:], rtol=1e-3, atol=1e-4)
    first, second = (twin(made)[..., 1:] for twin in twins)
    alike = kind == "dit_world"  # its last layer begins at 0, so it guesses nothing whatever its seed
    assert np.allclose(first, second) == alike
    if alike:
        assert (scores(twins[0](made), made.cuts) == 0.5).all()


@torch.no_grad()
def test_the_long_memory_knows_it_on_other_seeds_than_the_study() -> None:
    made = make_quadruplets("permanence", split="validation", count=20)
    found = {size: scores(quadruplet_surprises(load_latent_transformer(size=size), made.films()), made.cuts)
             for size in ("cpu", "cpu-short")}  # fmt: skip
    assert found["cpu"].mean() > 0.9 and abs(found["cpu-short"].mean() - 0.5) <= 0.025
