"""Schedules, targets and samplers of diffusion: identities that hold whatever the network and the data."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import get_args

import pytest
import torch
from torch import Tensor

from course_lib.exam.measures.two_sample import kernel_test
from course_lib.models.mixture import GaussianMixture, known_mixture
from course_lib.nets.diffusion import Diffusion, Target, draw_times, guided
from course_lib.nets.samplers import (
    SAMPLERS,
    ancestral_step,
    ddim_step,
    euler_step,
    posterior_variance,
    sample,
    step_times,
    walk,
    with_eta,
)
from course_lib.nets.schedules import ScheduleName, log_snr, make_schedule, time_of_log_snr

SCHEDULES, TARGETS = get_args(ScheduleName), get_args(Target)
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES)
each_target = pytest.mark.parametrize("target", TARGETS)
MIDDLE = torch.linspace(0.05, 0.95, 19)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed))


# ------------------------------------------------------------------------------------------------------- schedules


@each_schedule
def test_a_schedule_goes_from_data_to_noise(schedule: ScheduleName) -> None:
    found = make_schedule(schedule)
    ends = torch.tensor([0.0, 1.0])
    assert torch.allclose(found.alpha(ends), torch.tensor([1.0, 0.0]), atol=0.007)
    assert torch.allclose(found.sigma(ends), ends, atol=1e-4)
    falling = log_snr(found, MIDDLE)
    assert bool((falling.diff() < 0).all()), "there is ever more noise"
    if schedule != "straight":
        assert torch.allclose(found.alpha(MIDDLE).square() + found.sigma(MIDDLE).square(), torch.ones(19), atol=1e-6)


@each_schedule
def test_slopes_are_the_derivatives(schedule: ScheduleName) -> None:
    found, t = make_schedule(schedule), MIDDLE.double().requires_grad_()
    for value, slope in ((found.alpha, found.alpha_slope), (found.sigma, found.sigma_slope)):
        (wanted,) = torch.autograd.grad(value(t).sum(), t)
        assert torch.allclose(slope(t), wanted, atol=1e-9)


def test_the_linear_schedule_is_ddpms_product_of_a_thousand_steps() -> None:
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    product = torch.cumprod(1.0 - betas, dim=0)
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    assert torch.allclose(make_schedule("linear").alpha(t).square(), product, atol=2e-3)


@each_schedule
def test_times_are_found_by_their_noise(schedule: ScheduleName) -> None:
    found = make_schedule(schedule)
    wanted = torch.tensor([5.0, 0.0, -4.0])
    assert torch.allclose(log_snr(found, time_of_log_snr(found, wanted)), wanted, atol=1e-3)
    beyond = time_of_log_snr(found, torch.tensor([1e9]))
    assert beyond.item() == pytest.approx(0.0, abs=1e-6)


# --------------------------------------------------------------------------------------------------------- targets


@each_schedule
@each_target
def test_every_target_says_what_the_data_and_the_noise_were(schedule: ScheduleName, target: Target) -> None:
    """In any number of dimensions: here rows of pictures."""
    diffusion = Diffusion.of(schedule, target)
    x, epsilon, t = normals(19, 3, 4, 4), normals(19, 3, 4, 4, seed=1), MIDDLE
    x_t = diffusion.noised(x, epsilon, t)
    prediction = diffusion.target_of(x, epsilon, t)
    assert prediction.shape == x.shape
    assert torch.allclose(diffusion.x_of(prediction, x_t, t), x, atol=2e-4)
    assert torch.allclose(diffusion.epsilon_of(prediction, x_t, t), epsilon, atol=2e-4)
    assert torch.allclose(diffusion.from_x(x, x_t, t), prediction, atol=2e-4)


@each_schedule
def test_targets_convert_into_one_another(schedule: ScheduleName) -> None:
    """Whatever a network says of x_t, right or wrong, another target can say it too."""
    x_t, said, t = normals(19, 5), normals(19, 5, seed=1), MIDDLE
    for one in TARGETS:
        first = Diffusion.of(schedule, one)
        x, epsilon = first.parts(said, x_t, t)
        assert torch.allclose(first.noised(x, epsilon, t), x_t, atol=1e-4), "the two estimates make up x_t"
        for other in TARGETS:
            second = Diffusion.of(schedule, other)
            translated = second.from_x(x, x_t, t)
            scores = first.score_of(said, x_t, t), second.score_of(translated, x_t, t)
            assert torch.allclose(*scores, rtol=1e-3, atol=1e-3)
            back = first.from_x(second.x_of(translated, x_t, t), x_t, t)
            assert torch.allclose(back, said, rtol=1e-3, atol=2e-3)


@each_schedule
def test_the_velocity_is_the_derivative_of_the_noised_point(schedule: ScheduleName) -> None:
    diffusion = Diffusion.of(schedule, "u")
    x, epsilon = normals(19, 2).double(), normals(19, 2, seed=1).double()
    t = MIDDLE.double().requires_grad_()
    x_t = diffusion.noised(x, epsilon, t)
    slopes = [torch.autograd.grad(x_t[:, j].sum(), t, retain_graph=True)[0] for j in range(2)]
    said = diffusion.target_of(x, epsilon, t)
    assert torch.allclose(diffusion.velocity_of(said, x_t, t), torch.stack(slopes, dim=1), atol=1e-9)
    if schedule == "straight":
        assert torch.allclose(diffusion.velocity_of(said, x_t, t), said), "there u is the velocity"


def test_v_and_u_are_what_their_papers_say() -> None:
    x, epsilon, t = normals(4, 2), normals(4, 2, seed=1), torch.full((4,), 0.25)
    angle = torch.tensor(math.pi / 8)
    v = Diffusion.of("cosine", "v").target_of(x, epsilon, t)
    assert torch.allclose(v, angle.cos() * epsilon - angle.sin() * x, atol=1e-6)
    assert torch.allclose(Diffusion.of("straight", "u").target_of(x, epsilon, t), epsilon - x)


@each_target
def test_the_loss_is_zero_for_who_knows_and_one_row_a_point(target: Target) -> None:
    diffusion, x = Diffusion.of("cosine", target), normals(64, 3)
    seen = diffusion.draw(x, seeded(3))
    assert seen.x_t.shape == x.shape and seen.t.shape == (64,)
    loss = diffusion.loss(lambda x_t, t: seen.target, x, seeded(3))
    assert loss.shape == (64,) and float(loss.max()) == 0.0
    assert float(diffusion.loss(lambda x_t, t: torch.zeros_like(x_t), x, seeded(3)).mean()) > 0.1


def test_times_are_in_the_open_interval_and_a_draw_of_the_generator() -> None:
    for kind in ("uniform", "logit-normal"):
        t = draw_times(20_000, seeded(), kind)
        assert float(t.min()) > 0.0 and float(t.max()) <= 1.0 and float(t.mean()) == pytest.approx(0.5, abs=0.01)
        assert torch.equal(t, draw_times(20_000, seeded(), kind))
    middle = [float(((draw_times(20_000, seeded(), kind) - 0.5).abs() < 0.25).float().mean())
              for kind in ("uniform", "logit-normal")]  # fmt: skip
    assert middle[0] == pytest.approx(0.5, abs=0.02) and middle[1] > 0.7


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="no schedule 'cosin'.*cosine, linear, straight"):
        make_schedule("cosin")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no target 'noise'.*epsilon, x, v, u"):
        Diffusion.of("cosine", "noise")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one time for each of the 4 rows"):
        Diffusion.of("cosine", "v").noised(normals(4, 2), normals(4, 2), torch.rand(3))
    diffusion, noise = Diffusion.of("cosine", "v"), normals(4, 2)
    predict = known_mixture("plane").predict(diffusion)
    for words, options in (
        ("no sampler 'ddpm'", {"sampler": "ddpm"}),
        ("needs a generator", {"sampler": "ancestral"}),
        ("needs a generator", {"sampler": with_eta(0.5)}),
        ("at least 1 step", {"steps": 0}),
    ):
        with pytest.raises(ValueError, match=words):
            sample(diffusion, predict, noise, **({"steps": 3} | options))
    with pytest.raises(ValueError, match="from 0 to 1, not 2"):
        with_eta(2)


# ---------------------------------------------------------------------------------------------------------- samplers


@each_target
def test_ddim_on_the_straight_path_is_euler(target: Target) -> None:
    """For every target: both read x and epsilon from the same prediction, and (s - t)(epsilon - x) is the step of
    both. On a curved path the two differ, so this can fail."""
    noise = normals(50, 2)
    far = {}
    for schedule in ("straight", "cosine"):
        diffusion = Diffusion.of(schedule, target)
        predict = known_mixture("plane").predict(diffusion)
        ends = [sample(diffusion, predict, noise, steps=7, sampler=sampler) for sampler in ("ddim", "euler")]
        far[schedule] = float((ends[0] - ends[1]).abs().max())
    assert far["straight"] < 2e-5 if target != "epsilon" else far["straight"] < 2e-2  # 1 / alpha(0.999) magnifies
    assert far["cosine"] > 0.02


@each_schedule
def test_ddim_is_euler_in_the_coordinates_of_x_over_alpha(schedule: ScheduleName) -> None:
    diffusion, (t, s) = Diffusion.of(schedule, "v"), torch.tensor([0.6, 0.45])
    x_t, said = normals(20, 3), normals(20, 3, seed=1)
    alpha, sigma = diffusion.schedule.alpha, diffusion.schedule.sigma
    scaled = x_t / alpha(t) + (sigma(s) / alpha(s) - sigma(t) / alpha(t)) * diffusion.epsilon_of(said, x_t, t)
    assert torch.allclose(ddim_step(diffusion, said, x_t, t, s, None), alpha(s) * scaled, atol=1e-5)


@each_schedule
@each_target
def test_ancestral_sampling_is_ddim_with_eta_one(schedule: ScheduleName, target: Target) -> None:
    diffusion, (t, s) = Diffusion.of(schedule, target), torch.tensor([0.6, 0.45])
    x_t, said = normals(20, 3), normals(20, 3, seed=1)
    one = ancestral_step(diffusion, said, x_t, t, s, seeded(5))
    assert torch.allclose(one, ddim_step(diffusion, said, x_t, t, s, seeded(5), eta=1.0), atol=2e-5)
    assert not torch.allclose(one, ddim_step(diffusion, said, x_t, t, s, seeded(5), eta=0.5), atol=1e-2)


def test_the_posteriors_variance_is_ddpms() -> None:
    """beta-tilde = (1 - abar_s) / (1 - abar_t) beta, DDPM's equation 7, with its own betas."""
    schedule, (t, s) = make_schedule("linear"), torch.tensor([0.5, 0.499])
    squares = schedule.alpha(t).square(), schedule.alpha(s).square()  # abar at t and at s
    beta = 1.0 - squares[0] / squares[1]
    wanted = (1.0 - squares[1]) / (1.0 - squares[0]) * beta
    assert posterior_variance(Diffusion.of("linear", "epsilon"), t, s).item() == pytest.approx(wanted.item(), rel=1e-4)


@each_schedule
def test_the_posterior_has_the_mean_and_variance_of_gaussians_conditioned_on_each_other(schedule: ScheduleName) -> None:
    """x_s and x_t are jointly Gaussian given x; condition one on the other by the textbook's formula."""
    diffusion, (t, s) = Diffusion.of(schedule, "x"), torch.tensor([0.7, 0.3], dtype=torch.float64)
    alpha, sigma = diffusion.schedule.alpha, diffusion.schedule.sigma
    both = alpha(t) / alpha(s) * sigma(s).square()  # the covariance of x_s and x_t given x
    x, x_t = torch.tensor([[0.4]], dtype=torch.float64), torch.tensor([[-0.9]], dtype=torch.float64)
    mean = alpha(s) * x + both / sigma(t).square() * (x_t - alpha(t) * x)
    variance = sigma(s).square() - both.square() / sigma(t).square()
    many = x_t.expand(200_000, 1)
    drawn = ancestral_step(diffusion, x.expand_as(many), many, t, s, seeded())
    assert drawn.mean().item() == pytest.approx(mean.item(), abs=0.005)
    assert drawn.var().item() == pytest.approx(variance.item(), rel=0.02)
    assert posterior_variance(diffusion, t, s).item() == pytest.approx(variance.item(), rel=1e-6)


@pytest.mark.parametrize("sampler", SAMPLERS)
@each_schedule
def test_one_gaussian_keeps_its_mean_and_variance(schedule: ScheduleName, sampler: str) -> None:
    gaussian = GaussianMixture(torch.ones(1), torch.tensor([[0.5]]), torch.tensor([[[0.16]]]))
    diffusion = Diffusion.of(schedule, "v")
    end = sample(diffusion, gaussian.predict(diffusion), normals(20_000, 1), steps=200, sampler=sampler,
                 generator=seeded(1))  # fmt: skip
    assert end.mean().item() == pytest.approx(0.5, abs=0.02) and end.std().item() == pytest.approx(0.4, rel=0.05)


@pytest.mark.parametrize("name", ["line", "plane"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_distance_to_the_mixture_falls_with_the_steps(sampler: str, name: str) -> None:
    import numpy as np

    mixture, diffusion = known_mixture(name), Diffusion.of("cosine", "v")
    real = mixture.sample(8000, seeded(1))[0].numpy()
    distances = []
    for steps in (2, 5, 15, 150):
        end = sample(diffusion, mixture.predict(diffusion), normals(8000, mixture.dim, seed=2), steps=steps,
                     sampler=sampler, generator=seeded(3)).numpy()  # fmt: skip
        distances.append(kernel_test(end, real, np.random.default_rng(4), permutations=0).distance)
    again = mixture.sample(8000, seeded(5))[0].numpy()
    floor = kernel_test(again, real, np.random.default_rng(4), permutations=0).distance
    print(sampler, name, distances, floor)
    assert all(late < early for early, late in pairwise(distances))
    assert distances[-1] < 2.0 * floor < distances[0] / 2.0


def test_a_walk_begins_with_the_noise_and_ends_with_the_sample() -> None:
    diffusion, noise = Diffusion.of("straight", "u"), normals(6, 2)
    predict = known_mixture("plane").predict(diffusion)
    way = list(walk(diffusion, predict, noise, steps=4))
    assert [t for t, _ in way] == [1.0, 0.75, 0.5, 0.25, 0.0] and torch.equal(way[0][1], noise)
    assert torch.equal(way[-1][1], sample(diffusion, predict, noise, steps=4))
    assert torch.isfinite(way[-1][1]).all()


def test_noise_that_is_predicted_cannot_be_asked_where_nothing_but_noise_is() -> None:
    assert Diffusion.of("cosine", "epsilon").first_time < 1.0 == Diffusion.of("cosine", "v").first_time
    assert Diffusion.of("linear", "epsilon").first_time == 1.0, "its alpha(1) is above 0"
    assert torch.equal(step_times(Diffusion.of("cosine", "v"), 2), torch.tensor([1.0, 0.5, 0.0]))


def test_the_caller_owns_all_chance() -> None:
    diffusion, noise = Diffusion.of("cosine", "v"), normals(6, 2)
    predict, before = known_mixture("plane").predict(diffusion), torch.get_rng_state()
    drawn = [sample(diffusion, predict, noise, steps=5, sampler="ancestral", generator=seeded(s)) for s in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert torch.equal(before, torch.get_rng_state())


# ---------------------------------------------------------------------------------------------------------- guidance


def test_guidance_has_the_two_models_at_its_ends_and_goes_beyond() -> None:
    diffusion, mixture = Diffusion.of("cosine", "v"), known_mixture("plane")
    without, given = mixture.predict(diffusion), mixture.only(1).predict(diffusion)
    x_t, t = normals(30, 2), torch.full((30,), 0.4)
    at = {w: guided(without, given, w)(x_t, t) for w in (0.0, 0.5, 1.0, 3.0)}
    assert torch.equal(at[0.0], without(x_t, t)) and torch.allclose(at[1.0], given(x_t, t), atol=1e-6)
    assert torch.allclose(at[0.5], (at[0.0] + at[1.0]) / 2, atol=1e-6)
    assert torch.allclose(at[3.0] - at[1.0], 2 * (at[1.0] - at[0.0]), atol=1e-5)


@each_target
def test_it_does_not_matter_which_reading_is_guided(target: Target) -> None:
    mixture, x_t, t, w = known_mixture("plane"), normals(30, 2), torch.full((30,), 0.4), 2.5
    diffusion = Diffusion.of("cosine", target)
    without, given = mixture.predict(diffusion), mixture.only(1).predict(diffusion)
    of_the_prediction = diffusion.score_of(guided(without, given, w)(x_t, t), x_t, t)
    scores = [diffusion.score_of(one(x_t, t), x_t, t) for one in (without, given)]
    assert torch.allclose(of_the_prediction, scores[0] + w * (scores[1] - scores[0]), rtol=1e-3, atol=1e-3)


def test_guidance_by_the_score_is_a_classifiers_gradient() -> None:
    """Bayes' rule: c - u, of scores, is the gradient of log p(class | x_t)."""
    mixture, (alpha, sigma) = known_mixture("plane"), (0.7, 0.6)
    x_t = normals(20, 2).requires_grad_()
    own = (mixture.classes == 1).float()
    log_probability = (mixture.shares(x_t, alpha, sigma) @ own).log()
    (gradient,) = torch.autograd.grad(log_probability.sum(), x_t)
    apart = mixture.only(1).score(x_t, alpha, sigma) - mixture.score(x_t, alpha, sigma)
    assert torch.allclose(gradient, apart, rtol=1e-3, atol=1e-3)


def test_the_euler_step_takes_no_generator_to_heart() -> None:
    diffusion, x_t, said = Diffusion.of("cosine", "v"), normals(5, 2), normals(5, 2, seed=1)
    t, s = torch.tensor([0.5, 0.4])
    ends = [euler_step(diffusion, said, x_t, t, s, generator) for generator in (None, seeded(1))]
    assert torch.equal(*ends)
