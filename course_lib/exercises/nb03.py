"""Exercises of notebook 03, dreaming: the pieces of an MDN-RNN, and how far a dream can be trusted."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, close, need, seeded


# --- 1. the LSTM's step -------------------------------------------------------------------------------------------
def my_lstm_step(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:  # noqa: N803
    """One moment. (B, I), (B, H), (B, H), (4 H, I), (4 H, H), (4 H,) -> the new h and c, (B, H) each."""
    i, f, g, o = (x @ W.T + h @ U.T + b).chunk(4, dim=-1)  # (B, 4 H) -> four times (B, H)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _moment(seed: int) -> Inputs:
    batch, inputs, hidden = ((5, 3, 2), (4, 6, 3), (2, 5, 7))[seed % 3]
    sizes = (batch, inputs), (batch, hidden), (batch, hidden), (4 * hidden, inputs), (4 * hidden, hidden), (4 * hidden,)
    generator = seeded(seed)
    return tuple(torch.randn(size, generator=generator) for size in sizes)


def _cell_of_torch(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:  # noqa: N803
    """The same step by torch's own LSTM."""
    cell = nn.LSTM(x.shape[1], h.shape[1], batch_first=True)
    with torch.no_grad():
        for name, value in (("weight_ih_l0", W), ("weight_hh_l0", U), ("bias_ih_l0", b), ("bias_hh_l0", 0.0 * b)):
            getattr(cell, name).copy_(value)
        _, (h, c) = cell(x[:, None], (h[None], c[None]))
    return h[0], c[0]


def _check_lstm_step(candidate: Asked) -> None:
    def gates(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> tuple[Tensor, ...]:  # noqa: N803
        i, f, g, o = (x @ W.T + h @ U.T + b).chunk(4, dim=-1)
        return i.sigmoid(), f.sigmoid(), g, o.sigmoid()

    for seed in range(3):
        inputs = _moment(seed)
        (i, f, g, o), c = gates(*inputs), inputs[2]
        mine_h, mine_c = candidate(*inputs)
        wanted_h, wanted_c = _cell_of_torch(*inputs)
        if close(mine_h, wanted_c) and close(mine_c, wanted_h):
            raise Wrong("h and c have changed places: return what is shown first, then what is kept.")
        if close(mine_c, i * c + f * g.tanh()):
            raise Wrong("The forget gate and the input gate are exchanged: f multiplies what is kept, i what is new.")
        if close(mine_c, f * c + i * g.sigmoid()):
            raise Wrong("g passes through tanh, not through the logistic function: what is written may be negative.")
        if close(mine_c, f * c + i * g):
            raise Wrong("g is written as it is; it must pass through tanh first.")
        if close(mine_c, wanted_c) and close(mine_h, o * c.tanh()):
            raise Wrong("h is made from the old cell. Forget and write first, then show the new cell.")
        if close(mine_c, wanted_c) and close(mine_h, o * wanted_c):
            raise Wrong("c is right; h shows the cell through tanh, times the output gate.")
        if not close(mine_c, wanted_c):
            raise Wrong("The new cell is not f c + i g. Is the order of the gates i, f, g, o, and is h @ U.T added?")
        if not close(mine_h, wanted_h):
            raise Wrong("c is right, h is not: it is the logistic function of o times tanh of the new c.")


register(
    Exercise(
        id="mdn.lstm_step",
        notebook="03",
        title="One moment of a memory",
        difficulty=2,
        minutes=10,
        reference=my_lstm_step,
        check=_check_lstm_step,
        hints=(
            "One line computes all four gates: x @ W.T + h @ U.T + b has shape (B, 4 H). chunk(4, dim=-1) cuts it.",
            "c = sig(f) c + sig(i) tanh(g), then h = sig(o) tanh(c) with the new c. Return h, c.",
        ),
        explanation="The cell is changed by a product and a sum only, so where the forget gate stays near 1 a number "
        "(and its gradient) survives many steps. Everything else is about when to write and when to show.",
        parts=("h", "c"),
        gradients=("x", "h", "c", "W", "U", "b"),
    )
)


# --- 2. the likelihood of a mixture -------------------------------------------------------------------------------
def my_log_likelihood(log_weights: Tensor, means: Tensor, log_sigmas: Tensor, x: Tensor) -> Tensor:
    """log p(x) under a mixture of K Gaussians, in log space. (..., K) three times and x (...) -> (...)."""
    away = (x[..., None] - means) * torch.exp(-log_sigmas)
    return torch.logsumexp(log_weights - 0.5 * away**2 - log_sigmas - 0.5 * math.log(2.0 * math.pi), dim=-1)


def _mixtures(seed: int) -> Inputs:
    shape = ((4, 3, 2), (5, 4, 3), (7, 5))[seed % 3]
    generator = seeded(seed)
    logits, means, log_sigmas = (torch.randn(shape, generator=generator) for _ in range(3))
    return F.log_softmax(logits, dim=-1), means, log_sigmas, torch.randn(shape[:-1], generator=generator)


def _each(means: Tensor, log_sigmas: Tensor, x: Tensor) -> Tensor:
    """The log-density of each Gaussian by torch's own formula, (..., K)."""
    return torch.distributions.Normal(means, log_sigmas.exp()).log_prob(x[..., None])


def _check_log_likelihood(candidate: Asked) -> None:
    stay = "A surprise of 1,000 sigmas gives an infinite result: stay in logarithms, torch.logsumexp adds."
    zero = torch.zeros(1, 1)
    peak = float(candidate(zero, zero, zero, torch.zeros(1)))
    if abs(peak) < 1e-4:
        raise Wrong("At its mean a Gaussian with sigma 1 has the log-density -0.919: -log(2 pi) / 2 is missing.")
    check_values(
        candidate,
        lambda w, m, s, x: torch.logsumexp(w + _each(m, s, x), dim=-1),
        _mixtures,
        [
            (lambda w, m, s, x: (w.exp() * _each(m, s, x)).sum(-1),
             "This is the mean of the logarithms. The densities are added first, the logarithm comes last."),
            (lambda w, m, s, x: torch.logsumexp(_each(m, s, x), dim=-1),
             "The weights are missing: each Gaussian counts with its log pi."),
            (lambda w, m, s, x: -torch.logsumexp(w + _each(m, s, x), dim=-1),
             "The sign is turned round: this is the loss; a log-likelihood is larger for what is likelier."),
            (lambda w, m, s, x: torch.logsumexp(w + _each(m, s, x) + s, dim=-1),
             "A narrow Gaussian is higher at its mean: the term -log sigma is missing."),
            (lambda w, m, s, x: (w + _each(m, s, x)).max(dim=-1).values,
             "Only the Gaussian that explains x best is counted; all of them are added up."),
            (lambda w, m, s, x: torch.logsumexp(w + _each(m, 0.5 * s, x), dim=-1),
             "log_sigmas are logarithms of standard deviations, not of variances: sigma = exp(log_sigma)."),
        ],
        "At {place} of a random mixture log p(x) is {wanted}, yours is {mine}. Compute one term by hand and compare.",
        infinite=stay,
    )  # fmt: skip
    far = torch.log(torch.tensor([[0.5, 0.5]])), torch.tensor([[-1.0, 1.0]]), torch.full((1, 2), math.log(0.1))
    mine, wanted = (float(f(*far, torch.tensor([101.0]))) for f in (candidate.explaining(infinite=stay),
                                                                    my_log_likelihood))  # fmt: skip
    need(
        close(mine, wanted),
        f"At a surprise of 1,000 sigmas log p(x) is {wanted:.6g}, yours is {mine:.6g}. The density rounds to 0 there, "
        "and lifting it (clamp, nan_to_num, a small number that is added) only hides that: stay in logarithms.",
    )


register(
    Exercise(
        id="mdn.log_likelihood",
        notebook="03",
        title="How likely was it?",
        difficulty=3,
        minutes=15,
        reference=my_log_likelihood,
        check=_check_log_likelihood,
        hints=(
            "First the logarithm of every Gaussian's term, shape (..., K): log pi - ((x - mu) / sigma)^2 / 2 "
            "- log sigma - log(2 pi) / 2. x needs a last axis to meet the K means.",
            "x[..., None] has that axis. Add the terms up with torch.logsumexp(terms, dim=-1).",
        ),
        explanation="log of a sum is not a sum of logs, so the densities must be added. logsumexp takes the largest "
        "term out before it exponentiates: what is far away rounds to 0 beside it, and never all of them at once.",
        gradients=("log_weights", "means", "log_sigmas"),
    )
)


# --- 3. a mixture at a temperature --------------------------------------------------------------------------------
def my_at_temperature(log_weights: Tensor, log_sigmas: Tensor, tau: float) -> tuple[Tensor, Tensor]:
    """A mixture's log weights, normalised, and log sigmas at a temperature. (..., K), (..., K) -> (..., K) each."""
    return F.log_softmax(log_weights / tau, dim=-1), log_sigmas + 0.5 * math.log(tau)


def _check_at_temperature(candidate: Asked) -> None:
    for seed, (tau, shape) in enumerate(((1.0, (4, 5)), (0.25, (3, 6)), (3.0, (2, 3, 4)))):
        generator = seeded(seed)
        log_weights = F.log_softmax(2.0 * torch.randn(shape, generator=generator), dim=-1)
        log_sigmas = torch.randn(shape, generator=generator)
        weights, sigmas = candidate(log_weights, log_sigmas, tau)
        if tau == 1.0:
            if not close(weights, log_weights) or not close(sigmas, log_sigmas):
                raise Wrong("At the temperature 1 the mixture must stay as it is; yours changes.")
            continue
        if close(weights, log_weights / tau):
            raise Wrong("After the division the weights no longer add up to 1: normalise them again.")
        if close(weights, F.log_softmax(log_weights * tau, dim=-1)):
            raise Wrong("Your cold mixture is undecided and your hot one certain: divide by tau, do not multiply.")
        if not close(weights, F.log_softmax(log_weights / tau, dim=-1)):
            raise Wrong("The weights are softmax(log pi / tau), as logarithms. Print their exponentials: is the sum 1?")
        if close(sigmas, log_sigmas + math.log(tau)):
            raise Wrong("sigma is multiplied by tau. The temperature multiplies the variance, so sigma by sqrt(tau).")
        if close(sigmas, log_sigmas * math.sqrt(tau)) or close(sigmas, log_sigmas * tau):
            raise Wrong("You multiply log sigma. To multiply sigma itself, add a logarithm to log sigma.")
        if close(sigmas, log_sigmas):
            raise Wrong("The sigmas stay as they were: a colder dream also strays less from its mean.")
        if not close(sigmas, log_sigmas + 0.5 * math.log(tau)):
            raise Wrong("sigma(tau) = sigma sqrt(tau), so log sigma(tau) = log sigma + log(tau) / 2.")
    stay = (
        "At a temperature of 0.05 a weight is so small that it rounds to 0, and its logarithm is lost: do not leave "
        "the logarithms, log_softmax normalises them as they are."
    )
    certain = torch.tensor([[0.0, -3.0, -9.0]]).log_softmax(-1)
    weights, _ = candidate.explaining(infinite=stay)(certain, torch.zeros(1, 3), 0.05)
    need(close(weights, F.log_softmax(certain / 0.05, dim=-1)), stay)


register(
    Exercise(
        id="mdn.at_temperature",
        notebook="03",
        title="Warmer, colder",
        difficulty=2,
        minutes=10,
        reference=my_at_temperature,
        check=_check_at_temperature,
        hints=(
            "Divide the log weights by tau. Do the weights still add up to 1? log_softmax makes them.",
            "torch.log_softmax(log_weights / tau, dim=-1), and log_sigmas + 0.5 * math.log(tau).",
        ),
        explanation="Dividing logits by a small tau makes differences large: the heaviest Gaussian takes all. The "
        "variance is multiplied by tau, so sigma by its square root, and a logarithm turns that into a sum.",
        parts=("log_weights", "log_sigmas"),
    )
)


# --- 4. mean and variance of a mixture ----------------------------------------------------------------------------
def my_moments(weights: Tensor, means: Tensor, sigmas: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of mixtures. (..., K) three times -> (...), (...)."""
    mean = (weights * means).sum(dim=-1)
    return mean, (weights * (sigmas**2 + (means - mean[..., None]) ** 2)).sum(dim=-1)


def _check_moments(candidate: Asked) -> None:
    for seed, shape in enumerate(((5, 2), (4, 3), (2, 3, 4))):
        generator = seeded(seed)
        weights = torch.softmax(torch.randn(shape, generator=generator), dim=-1)
        means, sigmas = 2.0 * torch.randn(shape, generator=generator), torch.rand(shape, generator=generator) + 0.1
        mean, variance = candidate(weights, means, sigmas)
        wanted_mean, wanted = my_moments(weights, means, sigmas)
        if close(mean, means.mean(-1)):
            raise Wrong("The mean takes all Gaussians alike; the heavier ones count more.")
        if not close(mean, wanted_mean):
            raise Wrong("The mean of a mixture is the sum of pi mu over its Gaussians.")
        if close(variance, (weights * sigmas**2).sum(-1)):
            raise Wrong("Only the spread inside the Gaussians is counted; that their means lie apart adds to it.")
        if close(variance, (weights * (means - mean[..., None]) ** 2).sum(-1)):
            raise Wrong("Only the distance of the means is counted; each Gaussian's own variance comes on top.")
        if close(variance, wanted.sqrt()):
            raise Wrong("This is the standard deviation; the variance is its square.")
        if close(variance, (weights * (sigmas**2 + means**2)).sum(-1)):
            raise Wrong("This is the mean square. Subtract the square of the mean.")
        if close(variance, (weights * (sigmas + (means - mean[..., None]) ** 2)).sum(-1)):
            raise Wrong("sigma is a standard deviation: its square is the variance of a Gaussian.")
        if not close(variance, wanted):
            raise Wrong("The variance is the sum of pi (sigma^2 + (mu - mean)^2) over the Gaussians.")


register(
    Exercise(
        id="mdn.moments",
        notebook="03",
        title="The Gaussian that a mixture is taken for",
        difficulty=2,
        minutes=10,
        reference=my_moments,
        check=_check_moments,
        hints=(
            "The mean is the weighted mean of the means. For the variance ask two things: how wide is each Gaussian, "
            "and how far does it lie from the common mean?",
            "mean = (weights * means).sum(-1); the variance is (weights * (sigmas**2 + (means - mean[..., None])**2))"
            ".sum(-1).",
        ),
        explanation="A mixture's variance has two parts: doubt within a future, and doubt between futures. One "
        "Gaussian adds them up and cannot tell them apart, so it puts its peak between the futures.",
        parts=("mean", "variance"),
    )
)


# --- 5. how far a dream can be trusted ----------------------------------------------------------------------------
def my_horizon(model: np.ndarray, control: np.ndarray) -> int:
    """The last step up to which the model's mean error is below the control's at every step. (N, T), (N, T) -> int."""
    better = model.mean(axis=0) < control.mean(axis=0)  # (T,)
    return int(len(better) if better.all() else better.argmin())


def _errors(better: list[bool], seed: int = 0) -> Inputs:
    """Errors of nine films whose model is better than the control by about 1 at some steps, and worse at the others."""
    rng = np.random.default_rng(seed)
    control = rng.uniform(4.0, 6.0, (9, len(better)))
    return control + np.where(better, -1.0, 1.0) + rng.normal(0.0, 0.1, control.shape), control


def _check_horizon(candidate: Asked) -> None:
    many = candidate(*_errors([True] * 6 + [False] * 3))
    if many == 5:
        raise Wrong("One too few: the model is better at six steps, and they are counted from 1. Yours says 5.")
    if many == 7:
        raise Wrong("One too many: at step 7 the model is worse for the first time, so the answer is 6.")
    if many != 6:
        raise Wrong(f"A model that is better at its first six steps and worse after has the horizon 6, not {many}.")
    if candidate(*_errors([False] * 4)) != 0:
        raise Wrong("A model that is worse from its first step on has the horizon 0.")
    if candidate(*_errors([True] * 5)) != 5:
        raise Wrong("A model that is better at all five steps has the horizon 5; there is no first failure to find.")
    back = candidate(*_errors([True, True, False, True, True]))
    if back in (4, 5):
        raise Wrong("Better at steps 1, 2, 4 and 5, but not at 3: the count stops at the first failure, so 2.")
    if back != 2:
        raise Wrong(f"Better at steps 1, 2, 4 and 5, but not at 3, is a horizon of 2, not {back}.")
    model, control = _errors([True, True, False])
    model[1:, 2] = control[1:, 2] - 0.5  # at step 3 one film in nine is far off, the others are a little better
    model[0, 2] = control[0, 2] + 20.0
    if candidate(model, control) != 2:
        raise Wrong("Compare the means over the films. Counting films that are better hides the ones that are far off.")
    model, control = _errors([True] * 4)
    model[5, 1] = control[5, 1] + 0.5
    if candidate(model, control) != 4:
        raise Wrong("One film in which the model is worse does not end the horizon: its mean over the films decides.")
    model, control = _errors([True] * 4)
    model[0, 2] = control[0, 2] + 0.5
    if candidate(model, control) != 4:
        raise Wrong("Your answer depends on the first film alone: take the mean over all films, axis 0.")
    model, control = _errors([True] * 4)
    control[:, 1], model[:, 1] = 5.0, 3.0
    model[4, 1] = 9.0
    if candidate(model, control) != 4:
        raise Wrong("You compare the films with the largest errors. The means over the films are to be compared.")
    model, control = _errors([True] * 4)
    model[:, 2] = control[:, 2]
    if candidate(model, control) != 2:
        raise Wrong("At step 3 the two are exactly alike. The model's error must be below the control's, so 2.")


register(
    Exercise(
        id="mdn.horizon",
        notebook="03",
        title="How far can it be trusted?",
        difficulty=2,
        minutes=10,
        reference=my_horizon,
        check=_check_horizon,
        hints=(
            "Take the mean over the films (axis 0) of both, and compare: a row of T truths. How many are true before "
            "the first false one?",
            "better.argmin() finds the first False; where all are True it answers 0: treat that case apart.",
        ),
        explanation="A dream that was wrong at step 3 and looks right at step 4 was lucky: a planner that acts on it "
        "has already gone astray. So the horizon ends at the first failure.",
    )
)
