"""The small denoiser: what it is given, what it learns, and the exam's rows about samplers and scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exam.entrant import Entrant
from course_lib.exam.entrants.denoiser import BARS
from course_lib.exam.measures.scores import outside, relative_error, score_errors
from course_lib.exam.measures.two_sample import kernel_test
from course_lib.exam.questions import sampling
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.base import untrained_twin
from course_lib.models.denoiser import Denoiser, DenoiserConfig, time_waves
from course_lib.models.mixture import known_mixture
from course_lib.nets.diffusion import Diffusion
from course_lib.nets.samplers import SAMPLERS, ancestral_step, ddim_step, sample
from course_lib.studies import sampling as study
from course_lib.training import build, get_recipe, load_config, train

SMALL = DenoiserConfig(width=16, depth=2)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(seed: int = 0, **changes: object) -> Denoiser:
    return build(get_recipe("denoiser"), SMALL.model_copy(update=changes), seed)  # type: ignore[return-value]


def batch(count: int = 64) -> dict[str, torch.Tensor]:
    points, labels = known_mixture("plane").sample(count, seeded(1))
    return {"points": points, "labels": labels}


# ------------------------------------------------------------------------------------------------------- the network


@pytest.mark.parametrize(("name", "dim", "classes"), [("line", 1, 3), ("plane", 2, 3)])
def test_the_mixture_decides_the_shapes(name: str, dim: int, classes: int) -> None:
    model = small(mixture=name)
    out = model(torch.zeros(5, dim), torch.linspace(0, 1, 5), torch.tensor([0, 1, 2, 3, 0]))
    assert out.shape == (5, dim) and (model.class_count, model.empty) == (classes, classes)
    with pytest.raises(ValueError, match=rf"\(B, {dim}\) are wanted for '{name}', got \(5, 4\)"):
        model(torch.zeros(5, 4), torch.zeros(5))


def test_times_and_classes_count_and_rows_do_not_see_each_other() -> None:
    model, x = small(), torch.randn(4, 2, generator=seeded())
    t, labels = torch.linspace(0.1, 0.9, 4), torch.tensor([0, 1, 2, 3])
    out = model(x, t, labels)
    assert not torch.allclose(out, model(x, t.flip(0), labels)) and not torch.allclose(out, model(x, t, labels.flip(0)))
    assert torch.allclose(out[1:2], model(x[1:2], t[1:2], labels[1:2]), atol=1e-6)
    assert torch.equal(model(x, t), model(x, t, torch.full((4,), model.empty)))
    blind = small(time_embedding=False)
    assert torch.equal(blind(x, t, labels), blind(x, t.flip(0), labels))


def test_time_waves_tell_times_apart() -> None:
    waves = time_waves(torch.linspace(0, 1, 1001))
    assert waves.shape == (1001, 32) and float(waves.abs().max()) <= 1.0
    assert float(torch.cdist(waves, waves).fill_diagonal_(9.0).min()) > 0.01


def test_what_samplers_call_has_the_classes_at_its_ends() -> None:
    model, x, t = small(), torch.randn(4, 2, generator=seeded()), torch.full((4,), 0.5)
    given = model(x, t, torch.full((4,), 2))
    assert torch.equal(model.predict()(x, t), model(x, t))
    assert torch.equal(model.predict(2, w=0.0)(x, t), model(x, t))
    assert torch.allclose(model.predict(2)(x, t), given, atol=1e-6)
    assert torch.allclose(model.predict(2, w=3.0)(x, t), model(x, t) + 3 * (given - model(x, t)), atol=1e-6)
    with pytest.raises(ValueError, match="no class 3; there are 3"):
        model.predict(3)


@pytest.mark.parametrize(("dropped", "moves"), [(0.0, [True, True, True, False]), (1.0, [False, False, False, True])])
def test_the_condition_is_left_out_as_often_as_is_said(dropped: float, moves: list[bool]) -> None:
    model = small(dropped=dropped)
    model.loss(batch(), 0, seeded(2))["loss"].backward()
    assert [bool(row.abs().sum() > 0) for row in model.label.weight.grad] == moves


def test_the_loss_is_a_draw_of_the_generator_alone() -> None:
    model, state = small(), torch.get_rng_state()
    losses = [model.loss(batch(), 0, seeded(seed))["loss"].item() for seed in (2, 2, 3)]
    assert losses[0] == losses[1] != losses[2] and torch.equal(state, torch.get_rng_state())


# --------------------------------------------------------------------------------------------------------- the recipe


def test_points_of_the_callers_own_are_learned_from_or_refused_by_name() -> None:
    config = load_config("denoiser", "tiny", {"train.steps": 2, "train.warmup": 0})
    points = np.random.default_rng(0).normal(size=(50, 2))
    history = train("denoiser", config, data=points, progress="none")
    assert history.data.description == "50 points given by the caller"
    other = train("denoiser", config, data=(points, np.arange(50) % 3), progress="none")
    assert other.data.sha256 != history.data.sha256
    for given, words in (
        (points[:, :1], r"\(N, 2\), these have the shape \(50, 1\)"),
        (np.full((5, 2), np.inf), "finite"),
        ((points, np.full(50, 3)), "from 0 to 2 for each of the 50 points"),
        ((points, np.zeros(3)), "for each of the 50 points"),
    ):
        with pytest.raises(ValueError, match=words):
            train("denoiser", config, data=given, progress="none")
    with pytest.raises(TypeError, match="not a dict"):
        train("denoiser", config, data={"points": points}, progress="none")


def test_learning_the_tiny_denoiser_beats_what_knows_nothing() -> None:
    history = train("denoiser", "tiny", progress="none")
    model, mixture = history.model, known_mixture("plane")
    predicts = {"trained": model.predict(), "untrained": untrained_twin(model).predict()}
    for level in (2.0, 0.0, -2.0):
        errors, lengths = score_errors(model.diffusion, predicts, mixture, level, seeded(1))
        shares = {name: float(values.mean() / lengths.mean()) for name, values in errors.items()}
        print(level, shares)
        assert shares["trained"] < 0.5 * min(shares["untrained"], shares["standard_normal"])
    real, distance = mixture.sample(4000, seeded(2))[0].numpy(), {}
    for name, predict in predicts.items():
        end = sample(model.diffusion, predict, torch.randn(4000, 2, generator=seeded(3)), steps=40).numpy()
        distance[name] = kernel_test(end, real, np.random.default_rng(0), permutations=0).distance
    assert distance["trained"] < 0.5 * distance["untrained"]


def test_the_classes_are_learned_with_it() -> None:
    model, mixture = train("denoiser", "tiny", progress="none").model, known_mixture("plane")
    for label in range(3):
        end = sample(model.diffusion, model.predict(label), torch.randn(1000, 2, generator=seeded()), steps=40)
        own = mixture.shares(end) @ (mixture.classes == label).float()
        assert float((own > 0.5).float().mean()) > 0.8


# ------------------------------------------------------------------------------------------------------- the measures


def test_the_exact_score_has_no_error_and_zero_has_one() -> None:
    mixture, diffusion = known_mixture("plane"), Diffusion.of("straight", "u")
    exact = mixture.predict(diffusion)

    def zero(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        alpha, sigma = diffusion.levels(t, x_t)
        return -x_t / alpha  # what is said by u when the noise is 0: then x = x_t / alpha

    errors, lengths = score_errors(diffusion, {"exact": exact, "zero": zero}, mixture, 1.0, seeded())
    assert float(errors["exact"].mean() / lengths.mean()) < 1e-6
    found = relative_error(errors["zero"], lengths, np.random.default_rng(0))
    assert found["value"] == pytest.approx(1.0, abs=1e-4) and found["n"] == 4000
    assert found["low"] <= found["value"] <= found["high"]


def test_one_draw_in_two_hundred_lies_outside() -> None:
    mixture = known_mixture("plane")
    inside = outside(mixture, mixture.sample(50_000, seeded(1))[0].numpy(), seeded(2))
    assert inside.dtype == bool and inside.mean() == pytest.approx(0.005, abs=0.002)
    assert outside(mixture, np.full((3, 2), 9.0), seeded(2)).all()
    assert outside(mixture.only(0), mixture.only(1).sample(100, seeded(1))[0].numpy(), seeded(2)).mean() > 0.9


# ------------------------------------------------------------------------------------------------------------ the exam


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"POINTS": 2000, "REPEATS": 12, "STEPS": 100, "LEVEL": 0.05}.items():
        monkeypatch.setattr(study, name, value)


@pytest.mark.usefixtures("few")
def test_right_samplers_pass_and_wrong_ones_are_found() -> None:
    def too_wide(diffusion, prediction, x_t, t, s, generator):
        return ddim_step(diffusion, prediction, x_t, t, s, generator) * 1.002

    def beta(diffusion, prediction, x_t, t, s, generator):  # ancestral, drawn around the estimate without the old noise
        x = diffusion.x_of(prediction, x_t, t)
        return diffusion.noised(x, torch.randn(x.shape, generator=generator), s)

    samplers = {"ancestral": ancestral_step, "too wide": too_wide, "all fresh": beta}
    report = examine([Entrant("some", {"samplers": samplers}, [])], Sitting(count=5), questions=["sampling"])
    for name in ("line", "plane"):
        right = report["some", f"sampling_found_different_ancestral_{name}"]
        assert right.value <= 0.35 and right.controls["3_steps"] == 1.0 and right.controls["real_against_real"] <= 0.35
        assert report["some", f"sampling_3_steps_found_ancestral_{name}"].value == 1.0
        for wrong in ("too wide", "all fresh"):
            assert report["some", f"sampling_found_different_{wrong}_{name}"].value > 0.8


def test_every_sampler_has_its_bars() -> None:
    assert len(BARS) == 2 * len(SAMPLERS) * 2
    assert set(BARS) == {f"sampling_{q}_{s}_{m}" for q in ("found_different", "3_steps_found") for s in SAMPLERS
                         for m in ("line", "plane")}  # fmt: skip


@pytest.mark.usefixtures("few")
def test_a_denoisers_rows_have_their_controls() -> None:
    model = small()
    entrant = Entrant("mine", {"denoiser": model}, [], untrained={"denoiser": small(1)})
    report = examine([entrant], Sitting(count=5), questions=["sampling"])
    errors = [row for row in report.rows if row.question.startswith("denoiser_score_error")]
    assert len(errors) == len(sampling.LOG_SNRS) == len(report.rows) - 1
    assert all(set(row.controls) == {"untrained", "standard_normal", "zero"} for row in errors)
    distance = report["mine", "denoiser_sample_distance"]
    assert distance.controls["exact_score"] < 0.1 < distance.value
    assert distance.controls["real_against_real"] < 0.1 and distance.split == "plane/test"
