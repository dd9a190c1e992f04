"""Exercises of notebook 03, dreaming: the pieces of an MDN-RNN, and how far a dream can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.exercises.core import Exercise, Wrong, register


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _tensor(result: object, shape: tuple[int, ...], what: str = "The result") -> Tensor:
    if not isinstance(result, Tensor):
        raise Wrong(f"A tensor is expected, your function returns a {type(result).__name__}.")
    if tuple(result.shape) != shape:
        raise Wrong(f"{what} has shape {tuple(result.shape)}; {shape} is expected.")
    return result


def _pair(result: object, shape: tuple[int, ...], names: tuple[str, str]) -> tuple[Tensor, Tensor]:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Wrong(f"Two tensors are expected, {names[0]} and {names[1]}, in this order.")
    return _tensor(result[0], shape, names[0]), _tensor(result[1], shape, names[1])


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-4, atol=1e-4)


# --- 1. the LSTM's step -------------------------------------------------------------------------------------------
def lstm_step(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:  # noqa: N803
    """One moment. (B, I), (B, H), (B, H), (4 H, I), (4 H, H), (4 H,) -> the new h and c, (B, H) each."""
    i, f, g, o = (x @ W.T + h @ U.T + b).chunk(4, dim=-1)  # (B, 4 H) -> four times (B, H)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _check_lstm_step(candidate: Callable[..., tuple[Tensor, Tensor]]) -> None:
    for seed in range(3):
        g = _generator(seed)
        inputs, hidden = 3 + seed, 2 + seed
        cell = nn.LSTM(inputs, hidden, batch_first=True)
        with torch.no_grad():
            for p in cell.parameters():
                p.copy_(torch.randn(p.shape, generator=g))
        W, U = cell.weight_ih_l0.detach(), cell.weight_hh_l0.detach()  # noqa: N806
        b = (cell.bias_ih_l0 + cell.bias_hh_l0).detach()
        x, h, c = (torch.randn(4, n, generator=g) for n in (inputs, hidden, hidden))
        with torch.no_grad():
            _, (h_after, c_after) = cell(x[:, None], (h[None], c[None]))
        mine_h, mine_c = _pair(candidate(x, h, c, W, U, b), (4, hidden), ("h", "c"))
        wanted_h, wanted_c = h_after[0], c_after[0]
        if _close(mine_h, wanted_c) and _close(mine_c, wanted_h):
            raise Wrong("h and c have changed places: return what is shown first, then what is kept.")
        i, f, n, o = (x @ W.T + h @ U.T + b).chunk(4, dim=-1)
        if _close(mine_c, i.sigmoid() * c + f.sigmoid() * n.tanh()):
            raise Wrong("The forget gate and the input gate are exchanged: f multiplies what is kept, i what is new.")
        if _close(mine_c, f.sigmoid() * c + i.sigmoid() * n.sigmoid()):
            raise Wrong("g passes through tanh, not through the logistic function: what is written may be negative.")
        if _close(mine_c, f.sigmoid() * c + i.sigmoid() * n):
            raise Wrong("g is written as it is; it must pass through tanh first.")
        if _close(mine_c, wanted_c) and _close(mine_h, o.sigmoid() * c.tanh()):
            raise Wrong("h is made from the old cell. Forget and write first, then show the new cell.")
        if _close(mine_c, wanted_c) and _close(mine_h, o.sigmoid() * wanted_c):
            raise Wrong("c is right; h shows the cell through tanh, times the output gate.")
        if not _close(mine_c, wanted_c):
            raise Wrong("The new cell is not f c + i g. Is the order of the gates i, f, g, o, and is h @ U.T added?")
        if not _close(mine_h, wanted_h):
            raise Wrong("c is right, h is not: it is the logistic function of o times tanh of the new c.")


register(
    Exercise(
        id="mdn.lstm_step",
        notebook="03",
        title="One moment of a memory",
        difficulty=2,
        minutes=10,
        reference=lstm_step,
        check=_check_lstm_step,
        hints=(
            "One line computes all four gates: x @ W.T + h @ U.T + b has shape (B, 4 H). chunk(4, dim=-1) cuts it.",
            "c = sig(f) c + sig(i) tanh(g), then h = sig(o) tanh(c) with the new c. Return h, c.",
        ),
        explanation="The cell is changed by a product and a sum only, so where the forget gate stays near 1 a number "
        "(and its gradient) survives many steps. Everything else is about when to write and when to show.",
    )
)


# --- 2. the likelihood of a mixture -------------------------------------------------------------------------------
def log_likelihood(log_weights: Tensor, means: Tensor, log_sigmas: Tensor, x: Tensor) -> Tensor:
    """log p(x) under a mixture of K Gaussians, in log space. (..., K) three times and x (...) -> (...)."""
    away = (x[..., None] - means) * torch.exp(-log_sigmas)
    return torch.logsumexp(log_weights - 0.5 * away**2 - log_sigmas - 0.5 * math.log(2.0 * math.pi), dim=-1)


def _check_log_likelihood(candidate: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
    zero = torch.zeros(1, 1)
    peak = float(_tensor(candidate(zero, zero, zero, torch.zeros(1)), (1,)))
    if abs(peak) < 1e-4:
        raise Wrong("At its mean a Gaussian with sigma 1 has the log-density -0.919: -log(2 pi) / 2 is missing.")
    for seed in range(3):
        g, shape = _generator(seed), (4, 3 + seed, 2 + seed)
        logits, means, log_sigmas = (torch.randn(shape, generator=g) for _ in range(3))
        x = torch.randn(shape[:-1], generator=g)
        weights = F.log_softmax(logits, dim=-1)
        each = torch.distributions.Normal(means, log_sigmas.exp()).log_prob(x[..., None])
        wanted = torch.logsumexp(weights + each, dim=-1)
        mine = _tensor(candidate(weights, means, log_sigmas, x), shape[:-1])
        if _close(mine, (weights.exp() * each).sum(-1)):
            raise Wrong("This is the mean of the logarithms. The densities are added first, the logarithm comes last.")
        if _close(mine, torch.logsumexp(each, dim=-1)):
            raise Wrong("The weights are missing: each Gaussian counts with its log pi.")
        if _close(mine, -wanted):
            raise Wrong("The sign is turned round: this is the loss; a log-likelihood is larger for what is likelier.")
        if _close(mine, torch.logsumexp(weights + each + log_sigmas, dim=-1)):
            raise Wrong("A narrow Gaussian is higher at its mean: the term -log sigma is missing.")
        if not _close(mine, wanted):
            raise Wrong(
                f"For one random mixture of {shape[-1]} Gaussians log p(x) is {float(wanted[0, 0]):.3f}, yours is "
                f"{float(mine[0, 0]):.3f}. Compute one term by hand and compare."
            )
    weights, means = torch.log(torch.tensor([[0.5, 0.5]])), torch.tensor([[-1.0, 1.0]])
    far = candidate(weights, means, torch.full((1, 2), math.log(0.1)), torch.tensor([101.0]))
    if not bool(far.isfinite().all()):
        raise Wrong("A surprise of 1,000 sigmas gives an infinite result: stay in logarithms, torch.logsumexp adds.")


register(
    Exercise(
        id="mdn.log_likelihood",
        notebook="03",
        title="How likely was it?",
        difficulty=3,
        minutes=15,
        reference=log_likelihood,
        check=_check_log_likelihood,
        hints=(
            "First the logarithm of every Gaussian's term, shape (..., K): log pi - ((x - mu) / sigma)^2 / 2 "
            "- log sigma - log(2 pi) / 2. x needs a last axis to meet the K means.",
            "x[..., None] has that axis. Add the terms up with torch.logsumexp(terms, dim=-1).",
        ),
        explanation="log of a sum is not a sum of logs, so the densities must be added. logsumexp takes the largest "
        "term out before it exponentiates: what is far away rounds to 0 beside it, and never all of them at once.",
    )
)


# --- 3. a mixture at a temperature --------------------------------------------------------------------------------
def at_temperature(log_weights: Tensor, log_sigmas: Tensor, tau: float) -> tuple[Tensor, Tensor]:
    """A mixture's log weights, normalised, and log sigmas at a temperature. (..., K), (..., K) -> (..., K) each."""
    return F.log_softmax(log_weights / tau, dim=-1), log_sigmas + 0.5 * math.log(tau)


def _check_at_temperature(candidate: Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]]) -> None:
    names = ("the log weights", "the log sigmas")
    for seed, tau in enumerate((1.0, 0.25, 3.0)):
        g, shape = _generator(seed), (4, 5)
        log_weights = F.log_softmax(2.0 * torch.randn(shape, generator=g), dim=-1)
        log_sigmas = torch.randn(shape, generator=g)
        weights, sigmas = _pair(candidate(log_weights.clone(), log_sigmas.clone(), tau), shape, names)
        if tau == 1.0:
            if not _close(weights, log_weights) or not _close(sigmas, log_sigmas):
                raise Wrong("At the temperature 1 the mixture must stay as it is; yours changes.")
            continue
        wanted = F.log_softmax(log_weights / tau, dim=-1)
        if _close(weights, log_weights / tau):
            raise Wrong("After the division the weights no longer add up to 1: normalise them again.")
        if _close(weights, F.log_softmax(log_weights * tau, dim=-1)):
            raise Wrong("Your cold mixture is undecided and your hot one certain: divide by tau, do not multiply.")
        if not _close(weights, wanted):
            raise Wrong("The weights are softmax(log pi / tau), as logarithms. Print their exponentials: is the sum 1?")
        if _close(sigmas, log_sigmas + math.log(tau)):
            raise Wrong("sigma is multiplied by tau. The temperature multiplies the variance, so sigma by sqrt(tau).")
        if _close(sigmas, log_sigmas * math.sqrt(tau)) or _close(sigmas, log_sigmas * tau):
            raise Wrong("You multiply log sigma. To multiply sigma itself, add a logarithm to log sigma.")
        if _close(sigmas, log_sigmas):
            raise Wrong("The sigmas stay as they were: a colder dream also strays less from its mean.")
        if not _close(sigmas, log_sigmas + 0.5 * math.log(tau)):
            raise Wrong("sigma(tau) = sigma sqrt(tau), so log sigma(tau) = log sigma + log(tau) / 2.")


register(
    Exercise(
        id="mdn.at_temperature",
        notebook="03",
        title="Warmer, colder",
        difficulty=2,
        minutes=10,
        reference=at_temperature,
        check=_check_at_temperature,
        hints=(
            "Divide the log weights by tau. Do the weights still add up to 1? log_softmax makes them.",
            "torch.log_softmax(log_weights / tau, dim=-1), and log_sigmas + 0.5 * math.log(tau).",
        ),
        explanation="Dividing logits by a small tau makes differences large: the heaviest Gaussian takes all. The "
        "variance is multiplied by tau, so sigma by its square root, and a logarithm turns that into a sum.",
    )
)


# --- 4. mean and variance of a mixture ----------------------------------------------------------------------------
def moments(weights: Tensor, means: Tensor, sigmas: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of mixtures. (..., K) three times -> (...), (...)."""
    mean = (weights * means).sum(dim=-1)
    return mean, (weights * (sigmas**2 + (means - mean[..., None]) ** 2)).sum(dim=-1)


def _check_moments(candidate: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
    for seed in range(3):
        g, shape = _generator(seed), (4, 2 + seed)
        weights = torch.softmax(torch.randn(shape, generator=g), dim=-1)
        means, sigmas = 2.0 * torch.randn(shape, generator=g), torch.rand(shape, generator=g) + 0.1
        mean, variance = _pair(candidate(weights, means, sigmas), (4,), ("the mean", "the variance"))
        wanted_mean, wanted = moments(weights, means, sigmas)
        if _close(mean, means.mean(-1)):
            raise Wrong("The mean takes all Gaussians alike; the heavier ones count more.")
        if not _close(mean, wanted_mean):
            raise Wrong("The mean of a mixture is the sum of pi mu over its Gaussians.")
        if _close(variance, (weights * sigmas**2).sum(-1)):
            raise Wrong("Only the spread inside the Gaussians is counted; that their means lie apart adds to it.")
        if _close(variance, (weights * (means - mean[..., None]) ** 2).sum(-1)):
            raise Wrong("Only the distance of the means is counted; each Gaussian's own variance comes on top.")
        if _close(variance, wanted.sqrt()):
            raise Wrong("This is the standard deviation; the variance is its square.")
        if _close(variance, (weights * (sigmas**2 + means**2)).sum(-1)):
            raise Wrong("This is the mean square. Subtract the square of the mean.")
        if not _close(variance, wanted):
            raise Wrong("The variance is the sum of pi (sigma^2 + (mu - mean)^2) over the Gaussians.")


register(
    Exercise(
        id="mdn.moments",
        notebook="03",
        title="The Gaussian that a mixture is taken for",
        difficulty=2,
        minutes=10,
        reference=moments,
        check=_check_moments,
        hints=(
            "The mean is the weighted mean of the means. For the variance ask two things: how wide is each Gaussian, "
            "and how far does it lie from the common mean?",
            "mean = (weights * means).sum(-1); the variance is (weights * (sigmas**2 + (means - mean[..., None])**2))"
            ".sum(-1).",
        ),
        explanation="A mixture's variance has two parts: doubt within a future, and doubt between futures. One "
        "Gaussian adds them up and cannot tell them apart, so it puts its peak between the futures.",
    )
)


# --- 5. how far a dream can be trusted ----------------------------------------------------------------------------
def horizon(model: np.ndarray, control: np.ndarray) -> int:
    """The last step up to which the model's mean error is below the control's at every step. (N, T), (N, T) -> int."""
    better = model.mean(axis=0) < control.mean(axis=0)  # (T,)
    return int(len(better) if better.all() else better.argmin())


def _check_horizon(candidate: Callable[[np.ndarray, np.ndarray], int]) -> None:
    def told(better: list[bool], seed: int = 0, heavy: bool = False) -> int:
        rng = np.random.default_rng(seed)
        control = rng.uniform(4.0, 6.0, (9, len(better)))
        model = control + np.where(better, -1.0, 1.0) + rng.normal(0.0, 0.1, control.shape)
        if heavy:  # one film in nine is far off where the model is worse, the others a little better
            model = control + np.where(np.arange(9)[:, None] == 0, np.where(better, -1.0, 20.0), -0.5)
        result = candidate(model, control)
        if isinstance(result, bool | np.bool_) or not isinstance(result, int | np.integer):
            raise Wrong(f"A whole number of steps is expected, your function returns a {type(result).__name__}.")
        return int(result)

    many = told([True] * 6 + [False] * 3)
    if many == 5:
        raise Wrong("One too few: the model is better at six steps, and they are counted from 1. Yours says 5.")
    if many == 7:
        raise Wrong("One too many: at step 7 the model is worse for the first time, so the answer is 6.")
    if many != 6:
        raise Wrong(f"A model that is better at its first six steps and worse after has the horizon 6, not {many}.")
    if told([False] * 4) != 0:
        raise Wrong("A model that is worse from its first step on has the horizon 0.")
    if told([True] * 5) != 5:
        raise Wrong("A model that is better at all five steps has the horizon 5; there is no first failure to find.")
    back = told([True, True, False, True, True])
    if back in (4, 5):
        raise Wrong("Better at steps 1, 2, 4 and 5, but not at 3: the count stops at the first failure, so 2.")
    if back != 2:
        raise Wrong(f"Better at steps 1, 2, 4 and 5, but not at 3, is a horizon of 2, not {back}.")
    if told([True, True, False], heavy=True) != 2:
        raise Wrong("Compare the means over the films. Counting films that are better hides the ones that are far off.")


register(
    Exercise(
        id="mdn.horizon",
        notebook="03",
        title="How far can it be trusted?",
        difficulty=2,
        minutes=10,
        reference=horizon,
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
