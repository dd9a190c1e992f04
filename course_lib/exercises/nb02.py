"""Exercises of notebook 02, seeing: the pieces of a variational autoencoder, and how its failures are measured."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, close, must_equal, need, seeded


# --- 1. reparameterise --------------------------------------------------------------------------------------------
def my_reparameterise(mu: Tensor, logvar: Tensor, epsilon: Tensor) -> Tensor:
    """z = mu + sigma * epsilon with sigma = exp(logvar / 2). All (B, Z) -> (B, Z)."""
    return mu + torch.exp(0.5 * logvar) * epsilon


def _latents(seed: int) -> Inputs:
    generator = seeded(seed)
    return tuple(torch.randn(5 + seed % 3, 4, generator=generator) for _ in range(3))


def _check_reparameterise(candidate: Asked) -> None:
    mu, logvar, epsilon = _latents(0)
    need(
        close(candidate(mu, logvar, torch.zeros_like(mu)), mu),
        "With epsilon = 0 the draw must be mu itself: epsilon is what moves it away from there.",
    )
    check_values(
        candidate,
        my_reparameterise,
        _latents,
        [
            (lambda mu, logvar, epsilon: mu + logvar * epsilon,
             "epsilon is multiplied by logvar; logvar is the logarithm of sigma squared, turn it into sigma first."),
            (lambda mu, logvar, epsilon: mu + torch.exp(logvar) * epsilon,
             "epsilon is multiplied by the variance exp(logvar); the standard deviation is its square root."),
        ],
        "z is not mu + sigma * epsilon: at {place} it is {mine} and should be {wanted}.",
    )  # fmt: skip
    z = candidate(mu.requires_grad_(), logvar.requires_grad_(), epsilon)
    need(z.requires_grad, "No gradient passes at all: work on the tensors themselves, without detach() or .data.")
    slopes = torch.autograd.grad(z.sum(), (mu, logvar), allow_unused=True)
    need(slopes[0] is not None, "No gradient reaches mu, so the encoder could never learn where to point.")
    need(slopes[1] is not None, "No gradient reaches logvar, so the network could never learn how sure it is.")


register(
    Exercise(
        id="vae.reparameterise",
        notebook="02",
        title="A draw that lets gradients through",
        difficulty=1,
        minutes=5,
        reference=my_reparameterise,
        check=_check_reparameterise,
        hints=(
            "The encoder gives logvar, the logarithm of sigma squared. Which function turns it into sigma?",
            "sigma = exp(logvar / 2). Then move away from mu by sigma times epsilon.",
        ),
        explanation="Chance enters through epsilon, which has no weights; mu and sigma stay ordinary numbers, so "
        "z has the derivatives 1 and epsilon with respect to them (Kingma & Welling 2014, section 2.4).",
        gradients=("mu", "logvar"),
    )
)


# --- 2. the KL of one frame ---------------------------------------------------------------------------------------
def my_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) of each frame in nats, summed over its latent numbers. (B, Z) -> (B,)."""
    return 0.5 * (mu**2 + torch.exp(logvar) - 1.0 - logvar).sum(dim=1)


def _each_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """The KL of each latent number by torch's own formula, (B, Z)."""
    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    return torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))


def _check_kl(candidate: Asked) -> None:
    whole = {
        (6,): "One price for each frame is asked for: add up over the latent numbers, dim=1, not over the frames.",
        (3, 6): "This is the price of each latent number. A frame pays for all of them: add up over dim=1.",
        (): "This is one price for the whole batch. Each frame has its own: add up over dim=1 only.",
    }
    at_prior = candidate.explaining(whole)(torch.zeros(3, 6), torch.zeros(3, 6))
    if not close(at_prior, torch.zeros(3)):
        raise Wrong(f"At mu = 0, sigma = 1 the two distributions are one, and the KL is 0; yours is {at_prior[0]:.3g}.")
    check_values(
        candidate,
        lambda mu, logvar: _each_kl(mu, logvar).sum(1),
        lambda seed: tuple(torch.randn(7, 6 - seed % 3, generator=seeded(2 * seed + k)) for k in range(2)),
        [
            (lambda mu, logvar: _each_kl(mu, logvar).mean(1),
             "This is the mean over the latent numbers. A frame pays for each of them: add them up."),
            (lambda mu, logvar: -_each_kl(mu, logvar).sum(1), "The sign is turned round: a KL is never below 0."),
            (lambda mu, logvar: 2.0 * _each_kl(mu, logvar).sum(1),
             "Twice too large: the factor 1/2 in front of the sum is missing."),
            (lambda mu, logvar: _each_kl(mu, logvar).sum(1) / math.log(2.0),
             "These are bits: nats times 1 / log 2. Nats are asked for: use the natural logarithm as it is."),
        ],
        "For frame {place} of random mu and logvar the KL is {wanted} nats, yours is {mine}. Is sigma squared "
        "exp(logvar)?",
    )  # fmt: skip


register(
    Exercise(
        id="vae.kl",
        notebook="02",
        title="What a frame pays in nats",
        difficulty=2,
        minutes=10,
        reference=my_kl,
        check=_check_kl,
        hints=(
            "For one latent number: (mu^2 + sigma^2 - 1 - log sigma^2) / 2. Where does sigma^2 come from?",
            "sigma^2 = exp(logvar) and log sigma^2 = logvar. Sum over the last axis, one value a frame.",
        ),
        explanation="The four terms balance at mu = 0, sigma = 1. Moving mu away costs mu^2 / 2; being surer than the "
        "prior (sigma below 1) costs about -log sigma nats, the price of telling 1 / sigma values apart.",
        gradients=("mu", "logvar"),
    )
)


# --- 3. decibels --------------------------------------------------------------------------------------------------
def my_psnr(frames: Tensor, reconstructions: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each frame in dB; values in [0, 1]. (B, 3, H, W) -> (B,)."""
    return -10.0 * torch.log10((frames - reconstructions).square().flatten(1).mean(dim=1))


def _frames_and_copies(seed: int) -> Inputs:
    """Frames, and copies with noise that grows from frame to frame and differs between the colours."""
    x = torch.rand(4, 3, 8, 6, generator=seeded(seed)) * 0.5
    noise = torch.randn(x.shape, generator=seeded(seed + 1000))
    strength = torch.tensor([0.01, 0.1, 0.2, 0.4]).view(4, 1, 1, 1) * torch.tensor([1.0, 0.5, 0.2]).view(3, 1, 1)
    return x, (x + noise * strength).clamp(0, 1)


def _check_psnr(candidate: Asked) -> None:
    x = torch.rand(4, 3, 8, 6, generator=seeded(0)) * 0.5
    off = candidate.explaining({
        (): "This is one value for the whole batch. Each frame needs its own: take the mean over its pixels.",
        (4, 3): "This is one value for each colour; the mean goes over all three.",
    })(x, x + 0.1)  # fmt: skip
    must_equal(
        off,
        torch.full((4,), 20.0),
        [
            (torch.full((4,), -20.0), "The sign is turned round: a smaller error must give more decibels."),
            (torch.full((4,), 20.0 * math.log(10.0)),
             "Decibels use the logarithm to base 10; torch.log is the natural one."),
            (torch.full((4,), 10.0),
             "An error of 0.1 everywhere is 20 dB, yours is 10: square the error before the mean."),
            (torch.full((4,), 2.0), "Decibels are 10 times the logarithm; the factor 10 is missing."),
        ],
        "An error of 0.1 in every pixel is 20 dB; yours gives {mine}.",
        atol=1e-3,
    )  # fmt: skip
    check_values(
        candidate,
        lambda x, y: -10.0 * torch.log10((x - y).square().flatten(1).mean(1)),
        _frames_and_copies,
        [
            (lambda x, y: -20.0 * torch.log10((x - y).abs().flatten(1).mean(1)),
             "You take the mean first and square it. Square each pixel's error, then take the mean."),
            (lambda x, y: -10.0 * torch.log10((x - y)[:, 0].square().flatten(1).mean(1)),
             "Only one colour is counted: the mean goes over all three, and over the pixels."),
            (lambda x, y: (-10.0 * torch.log10((x - y).square().mean())).expand(len(x)),
             "Each frame needs its own value: take the mean over its pixels, not over the batch."),
            (lambda x, y: -10.0 * torch.log10((x - y).square().mean(dim=(2, 3))).mean(1),
             "You take the logarithm of each colour and average those. First the mean over colours and pixels."),
        ],
        "For frame {place} the PSNR is {wanted} dB, yours is {mine}: the mean goes over its colours and pixels.",
        atol=1e-3,
    )  # fmt: skip


register(
    Exercise(
        id="vae.psnr",
        notebook="02",
        title="How far off, in decibels",
        difficulty=1,
        minutes=5,
        reference=my_psnr,
        check=_check_psnr,
        hints=(
            "First the mean squared error of each frame, over colours and pixels. Then 10 log10(1 / that).",
            "(x - y).square().flatten(1).mean(dim=1) has shape (B,); take -10 * torch.log10 of it.",
        ),
        explanation="With values in [0, 1] the peak is 1, so PSNR = 10 log10(1 / MSE). Ten decibels more are a tenth "
        "of the squared error; 3 dB more are half of it.",
    )
)


# --- 4. counting the paper's V ------------------------------------------------------------------------------------
def my_conv_parameters(inside: int, outside: int, kernel: int) -> int:
    """Weights and biases of one convolution with square kernels."""
    return inside * outside * kernel * kernel + outside


def _check_conv_parameters(candidate: Asked) -> None:
    check_values(
        candidate,
        lambda i, o, k: sum(p.numel() for p in torch.nn.Conv2d(i, o, k).parameters()),
        lambda seed: tuple(int(v) for v in np.random.default_rng(seed).choice(np.arange(2, 10), 3, replace=False)),
        [
            (lambda i, o, k: i * o * k * k, "The biases are missing: one number for each channel that comes out."),
            (lambda i, o, k: i * o * k + o,
             "A kernel is a square: kernel * kernel weights for each pair of channels."),
            (lambda i, o, k: i * o * k * k + i,
             "There is one bias for each channel that comes out, not for each that goes in."),
            (lambda i, o, k: i * o * k * k + 1, "There is one bias for each channel that comes out, not one in all."),
        ],
        "One of the convolutions has {wanted} parameters, not {mine}.",
        rounds=5,
    )  # fmt: skip
    need(candidate(1, 1, 1) == 2, "A convolution 1 -> 1 with kernel 1 has one weight and one bias: 2 parameters.")


register(
    Exercise(
        id="vae.conv_parameters",
        notebook="02",
        title="Count the paper's network by hand",
        difficulty=2,
        minutes=10,
        reference=my_conv_parameters,
        check=_check_conv_parameters,
        hints=(
            "Each channel that comes out looks at every channel that goes in, through a square window.",
            "inside * outside * kernel * kernel weights, and one bias for each channel that comes out.",
        ),
        explanation="The weights do not depend on the size of the picture: the same window slides over all of it. That "
        "is why 4.3 million numbers suffice, three quarters of them in one transposed "
        "convolution of the decoder (1024 -> 128, kernel 5).",
    )
)


# --- 5. how many numbers are in use -------------------------------------------------------------------------------
def my_active_units(mu: Tensor, logvar: Tensor, threshold: float = 0.1) -> int:
    """How many latent numbers cost more than ``threshold`` nats on average over frames. (N, Z), (N, Z) -> count."""
    each = 0.5 * (mu**2 + torch.exp(logvar) - 1.0 - logvar)  # (N, Z)
    return int((each.mean(dim=0) > threshold).sum())


def _check_active_units(candidate: Asked) -> None:
    zeros = torch.zeros(50, 8)
    mu, logvar = zeros.clone(), zeros.clone()
    mu[:, :3] = torch.randn(50, 3, generator=seeded(0))  # three numbers that say something
    logvar[:, :3] = -3.0
    count = candidate.explaining({
        (8,): "You say of each number whether it is awake. Count the True, and make the count an int.",
    })(mu, logvar)  # fmt: skip
    if count == 50:
        raise Wrong("50 is the number of frames: average over the frames (dim=0), count over the latent numbers.")
    if count == 5:
        raise Wrong("This counts the numbers that are asleep; those above the threshold are wanted.")
    if count != 3:
        raise Wrong(f"Three of eight numbers are in use here; yours counts {count}.")
    if candidate(zeros, zeros) != 0:
        raise Wrong("A collapsed encoder (mu = 0, sigma = 1 everywhere) uses no number at all.")
    constant = zeros.clone()
    constant[:, 1] = 0.5  # costs 0.125 nats in every frame
    if candidate(constant, zeros) != 1:
        raise Wrong("The measure is the KL in nats. A number with mu = 0.5, sigma = 1 costs 0.125, above 0.1.")
    sure = zeros.clone()
    sure[:, 4] = -3.0  # mu = 0, but far surer than the prior: 1.02 nats in every frame
    if candidate(zeros, sure) != 1:
        raise Wrong("The spread costs too: a number with mu = 0 and logvar = -3 pays 1.02 nats.")
    rare = zeros.clone()
    rare[0, 5] = 3.0  # one frame in fifty: 4.5 nats once, 0.09 on average
    count = candidate(rare, zeros)
    if count == 1 and candidate(rare * 0.5**0.5, zeros) == 0 and candidate(rare, sure, 1.5) == 1:
        raise Wrong("Every price comes out twice as high as it is: the factor 1/2 is missing.")
    if count != 0:
        raise Wrong("Average over the frames before comparing with the threshold: one unusual frame is not enough.")
    rare[:3, 5] = 3.0  # three frames in fifty: 0.27 nats on average
    if candidate(rare, zeros) != 1:
        raise Wrong("Take the mean over the frames: three frames of 4.5 nats among fifty are 0.27 on average.")
    if candidate(constant, zeros, 0.5) != 0:
        raise Wrong("The threshold that is passed in must be used.")
    halves = zeros.clone()
    halves[:, 2] = 1.0  # exactly half a nat in every frame
    if candidate(halves, zeros, 0.5) != 0:
        raise Wrong("A number that costs exactly the threshold is not awake: more than, not at least.")
    for seed in range(3):  # prices near the threshold, in sizes that are all different
        generator = seeded(seed)
        mu, logvar = (0.6 * torch.randn(40, 30, generator=generator) for _ in range(2))
        mu = mu * torch.linspace(0.0, 2.0, 30)
        right, mine = my_active_units(mu, logvar, 0.3), candidate(mu, logvar, 0.3)
        need(mine == right, f"Of 30 random numbers {right} cost more than 0.3 nats on average; yours counts {mine}.")


register(
    Exercise(
        id="vae.active_units",
        notebook="02",
        title="Which numbers are awake",
        difficulty=3,
        minutes=10,
        reference=my_active_units,
        check=_check_active_units,
        hints=(
            "Compute the KL of every latent number of every frame, without summing over the numbers: shape (N, Z).",
            "Average over the N frames, compare with the threshold, count the True, and make it an int.",
        ),
        explanation="A sleeping number answers mu = 0, sigma = 1 whatever it sees: no cost, no information. In "
        "posterior collapse the count falls to zero, but late: first each number grows less sure, and the KL shows it.",
    )
)
