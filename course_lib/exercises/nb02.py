"""Exercises of notebook 02, seeing: the pieces of a variational autoencoder, and how its failures are measured."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.core import Exercise, Wrong, register


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _tensor(result: object, shape: tuple[int, ...]) -> Tensor:
    if not isinstance(result, Tensor):
        raise Wrong(f"A tensor is expected, your function returns a {type(result).__name__}.")
    if tuple(result.shape) != shape:
        raise Wrong(f"The result has shape {tuple(result.shape)}; {shape} is expected.")
    return result


# --- 1. reparameterise --------------------------------------------------------------------------------------------
def reparameterise(mu: Tensor, logvar: Tensor, epsilon: Tensor) -> Tensor:
    """z = mu + sigma * epsilon with sigma = exp(logvar / 2). All (B, Z) -> (B, Z)."""
    return mu + torch.exp(0.5 * logvar) * epsilon


def _check_reparameterise(candidate: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    g = _generator(0)
    mu, logvar, epsilon = (torch.randn(5, 4, generator=g) for _ in range(3))
    if not torch.allclose(_tensor(candidate(mu, logvar, torch.zeros(5, 4)), (5, 4)), mu, atol=1e-6):
        raise Wrong("With epsilon = 0 the draw must be mu itself: epsilon is what moves it away from there.")
    given = mu.clone(), logvar.clone(), epsilon.clone()
    z = candidate(*given)
    if any((now != before).any() for now, before in zip(given, (mu, logvar, epsilon), strict=True)):
        raise Wrong("Your function changes its input (`+=` on a tensor does). Make a new tensor for the result.")
    wanted = mu + torch.exp(0.5 * logvar) * epsilon
    if torch.allclose(z, mu + logvar * epsilon, atol=1e-5):
        raise Wrong(
            "epsilon is multiplied by logvar; logvar is the logarithm of sigma squared, turn it into sigma first."
        )
    if torch.allclose(z, mu + torch.exp(logvar) * epsilon, atol=1e-5):
        raise Wrong("epsilon is multiplied by the variance exp(logvar); the standard deviation is its square root.")
    if not torch.allclose(z, wanted, atol=1e-5):
        raise Wrong("On random inputs z is not mu + sigma * epsilon. Print one number of each and compare by hand.")
    mu.requires_grad_()
    logvar.requires_grad_()
    z = candidate(mu, logvar, epsilon)
    if not z.requires_grad:
        raise Wrong("No gradient passes at all: work on the tensors themselves, without detach() or .data.")
    z.sum().backward()
    if mu.grad is None or float(mu.grad.abs().sum()) == 0.0:
        raise Wrong("No gradient reaches mu, so the encoder could never learn where to point.")
    if logvar.grad is None or float(logvar.grad.abs().sum()) == 0.0:
        raise Wrong("No gradient reaches logvar, so the network could never learn how sure it is.")


register(
    Exercise(
        id="vae.reparameterise",
        notebook="02",
        title="A draw that lets gradients through",
        difficulty=1,
        minutes=5,
        reference=reparameterise,
        check=_check_reparameterise,
        hints=(
            "The encoder gives logvar, the logarithm of sigma squared. Which function turns it into sigma?",
            "sigma = exp(logvar / 2). Then move away from mu by sigma times epsilon.",
        ),
        explanation="Chance enters through epsilon, which has no weights; mu and sigma stay ordinary numbers, so "
        "z has the derivatives 1 and epsilon with respect to them (Kingma & Welling 2014, section 2.4).",
    )
)


# --- 2. the KL of one frame ---------------------------------------------------------------------------------------
def kl_of_frame(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) of each frame in nats, summed over its latent numbers. (B, Z) -> (B,)."""
    return 0.5 * (mu**2 + torch.exp(logvar) - 1.0 - logvar).sum(dim=1)


def _check_kl(candidate: Callable[[Tensor, Tensor], Tensor]) -> None:
    at_prior = _tensor(candidate(torch.zeros(3, 6), torch.zeros(3, 6)), (3,))
    if not torch.allclose(at_prior, torch.zeros(3), atol=1e-6):
        raise Wrong(f"At mu = 0, sigma = 1 the two distributions are one, and the KL is 0; yours is {at_prior[0]:.3g}.")
    for seed in range(3):
        g, numbers = _generator(seed), 6 - seed
        mu, logvar = torch.randn(4, numbers, generator=g), torch.randn(4, numbers, generator=g)
        q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
        each = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
        mine = candidate(mu, logvar)
        if torch.allclose(mine, each.mean(1), atol=1e-4):
            raise Wrong("This is the mean over the latent numbers. A frame pays for each of them: add them up.")
        if torch.allclose(mine, -each.sum(1), atol=1e-4):
            raise Wrong("The sign is turned round: a KL is never below 0.")
        if torch.allclose(mine, 2.0 * each.sum(1), atol=1e-4):
            raise Wrong("Twice too large: the factor 1/2 in front of the sum is missing.")
        if not torch.allclose(mine, each.sum(1), atol=1e-4):
            worst = int((mine - each.sum(1)).abs().argmax())
            raise Wrong(
                f"For one frame of random mu and logvar the KL is {float(each.sum(1)[worst]):.3f} nats, "
                f"yours is {float(mine[worst]):.3f}. Is sigma squared exp(logvar)?"
            )
    mu, logvar = torch.ones(2, 3, requires_grad=True), torch.ones(2, 3, requires_grad=True)
    mine = candidate(mu, logvar)
    if not mine.requires_grad:
        raise Wrong("No gradient passes: without one the price could be read, but no network could learn from it.")


register(
    Exercise(
        id="vae.kl",
        notebook="02",
        title="What a frame pays in nats",
        difficulty=2,
        minutes=10,
        reference=kl_of_frame,
        check=_check_kl,
        hints=(
            "For one latent number: (mu^2 + sigma^2 - 1 - log sigma^2) / 2. Where does sigma^2 come from?",
            "sigma^2 = exp(logvar) and log sigma^2 = logvar. Sum over the last axis, one value a frame.",
        ),
        explanation="The four terms balance at mu = 0, sigma = 1. Moving mu away costs mu^2 / 2; being surer than the "
        "prior (sigma below 1) costs about -log sigma nats, the price of telling 1 / sigma values apart.",
    )
)


# --- 3. decibels --------------------------------------------------------------------------------------------------
def psnr(frames: Tensor, reconstructions: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each frame in dB; values in [0, 1]. (B, 3, H, W) -> (B,)."""
    return -10.0 * torch.log10((frames - reconstructions).square().flatten(1).mean(dim=1))


def _check_psnr(candidate: Callable[[Tensor, Tensor], Tensor]) -> None:
    x = torch.rand(4, 3, 8, 8, generator=_generator(0)) * 0.5
    off = _tensor(candidate(x, x + 0.1), (4,))
    if not torch.allclose(off, torch.full((4,), 20.0), atol=1e-3):
        if torch.allclose(off, torch.full((4,), -20.0), atol=1e-3):
            raise Wrong("The sign is turned round: a smaller error must give more decibels.")
        if torch.allclose(off, torch.full((4,), 2.0 * math.log(10.0) * 10.0), atol=1e-2):
            raise Wrong("Decibels use the logarithm to base 10; torch.log is the natural one.")
        if torch.allclose(off, torch.full((4,), 10.0), atol=1e-3):
            raise Wrong("An error of 0.1 everywhere is 20 dB, yours is 10: square the error before the mean.")
        raise Wrong(f"An error of 0.1 in every pixel is 20 dB; yours gives {float(off[0]):.2f}.")
    noise = torch.randn(x.shape, generator=_generator(1))
    y = (x + noise * torch.tensor([0.01, 0.1, 0.2, 0.4]).view(4, 1, 1, 1)).clamp(0, 1)
    wanted = -10.0 * torch.log10((x - y).square().flatten(1).mean(1))
    mine = candidate(x, y)
    if torch.allclose(mine, -20.0 * torch.log10((x - y).abs().flatten(1).mean(1)), atol=1e-3):
        raise Wrong("You take the mean first and square it. Square each pixel's error, then take the mean.")
    if torch.allclose(mine, -10.0 * torch.log10((x - y)[:, 0].square().flatten(1).mean(1)), atol=1e-3):
        raise Wrong("Only one colour is counted: the mean goes over all three, and over the pixels.")
    if not torch.allclose(mine, wanted, atol=1e-3):
        raise Wrong("Each frame needs its own value: take the mean over its pixels, not over the batch.")


register(
    Exercise(
        id="vae.psnr",
        notebook="02",
        title="How far off, in decibels",
        difficulty=1,
        minutes=5,
        reference=psnr,
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
def conv_parameters(inside: int, outside: int, kernel: int) -> int:
    """Weights and biases of one convolution with square kernels."""
    return inside * outside * kernel * kernel + outside


def _check_conv_parameters(candidate: Callable[[int, int, int], int]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        inside, outside, kernel = (int(v) for v in rng.integers(1, 9, 3))
        wanted = sum(p.numel() for p in torch.nn.Conv2d(inside, outside, kernel).parameters())
        mine = candidate(inside, outside, kernel)
        if not isinstance(mine, int) or isinstance(mine, bool):
            raise Wrong(f"A count is a whole number, your function returns a {type(mine).__name__}.")
        if mine == wanted - outside and outside:
            raise Wrong("The biases are missing: one number for each channel that comes out.")
        if mine == inside * outside * kernel + outside and kernel > 1:
            raise Wrong("A kernel is a square: kernel * kernel weights for each pair of channels.")
        if mine == wanted - outside + inside and inside != outside:
            raise Wrong("There is one bias for each channel that comes out, not for each that goes in.")
        if mine != wanted:
            raise Wrong(
                f"A convolution {inside} -> {outside} with kernel {kernel} has {wanted} parameters, not {mine}."
            )


register(
    Exercise(
        id="vae.conv_parameters",
        notebook="02",
        title="Count the paper's network by hand",
        difficulty=2,
        minutes=10,
        reference=conv_parameters,
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
def active_units(mu: Tensor, logvar: Tensor, threshold: float = 0.1) -> int:
    """How many latent numbers cost more than ``threshold`` nats on average over frames. (N, Z), (N, Z) -> count."""
    each = 0.5 * (mu**2 + torch.exp(logvar) - 1.0 - logvar)  # (N, Z)
    return int((each.mean(dim=0) > threshold).sum())


def _check_active_units(candidate: Callable[..., int]) -> None:
    g = _generator(0)
    mu, logvar = torch.zeros(50, 8), torch.zeros(50, 8)
    mu[:, :3] = torch.randn(50, 3, generator=g)  # three numbers that say something
    logvar[:, :3] = -3.0
    count = candidate(mu, logvar)
    if not isinstance(count, int) or isinstance(count, bool):
        if isinstance(count, Tensor) and count.ndim == 0:
            raise Wrong("Return a whole number: int(...) turns a tensor with one value into one.")
        raise Wrong(f"A whole number is expected, your function returns a {type(count).__name__}.")
    if count == 50:
        raise Wrong("50 is the number of frames: average over the frames (dim=0), count over the latent numbers.")
    if count == 5:
        raise Wrong("This counts the numbers that are asleep; those above the threshold are wanted.")
    if count != 3:
        raise Wrong(f"Three of eight numbers are in use here; yours counts {count}.")
    if candidate(torch.zeros(50, 8), torch.zeros(50, 8)) != 0:
        raise Wrong("A collapsed encoder (mu = 0, sigma = 1 everywhere) uses no number at all.")
    constant = torch.zeros(50, 8)
    constant[:, 1] = 0.6  # costs 0.18 nats in every frame
    if candidate(constant, torch.zeros(50, 8)) != 1:
        raise Wrong("The measure is the KL in nats. A number with mu = 0.6, sigma = 1 costs 0.18, above the threshold.")
    sure = torch.zeros(50, 8)
    sure[:, 4] = -3.0  # mu = 0, but far surer than the prior: 1.02 nats in every frame
    if candidate(torch.zeros(50, 8), sure) != 1:
        raise Wrong("The spread costs too: a number with mu = 0 and logvar = -3 pays 1.02 nats.")
    rare = torch.zeros(50, 8)
    rare[0, 5] = 3.0  # one frame in fifty: 4.5 nats once, 0.09 on average
    count = candidate(rare, torch.zeros(50, 8))
    if count == 1 and candidate(rare * 0.5**0.5, torch.zeros(50, 8)) == 0 and candidate(rare, sure, 1.5) == 1:
        raise Wrong("Every price comes out twice as high as it is: the factor 1/2 is missing.")
    if count != 0:
        raise Wrong("Average over the frames before comparing with the threshold: one unusual frame is not enough.")
    rare[:3, 5] = 3.0  # three frames in fifty: 0.27 nats on average
    if candidate(rare, torch.zeros(50, 8)) != 1:
        raise Wrong("Take the mean over the frames: three frames of 4.5 nats among fifty are 0.27 on average.")
    if candidate(constant, torch.zeros(50, 8), 0.5) != 0:
        raise Wrong("The threshold that is passed in must be used.")


register(
    Exercise(
        id="vae.active_units",
        notebook="02",
        title="Which numbers are awake",
        difficulty=3,
        minutes=10,
        reference=active_units,
        check=_check_active_units,
        hints=(
            "Compute the KL of every latent number of every frame, without summing over the numbers: shape (N, Z).",
            "Average over the N frames, compare with the threshold, count the True, and make it an int.",
        ),
        explanation="A sleeping number answers mu = 0, sigma = 1 whatever it sees: no cost, no information. In "
        "posterior collapse the count falls to zero, but late: first each number grows less sure, and the KL shows it.",
    )
)
