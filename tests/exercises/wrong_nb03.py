"""Plausible wrong answers to the exercises of notebook 03: each hears its own reason."""

from __future__ import annotations

import math

import torch


def _gates(x, h, W, U, b):  # noqa: N803
    return (x @ W.T + h @ U.T + b).chunk(4, dim=-1)


def lstm_swapped_gates(x, h, c, W, U, b):  # noqa: N803
    f, i, g, o = _gates(x, h, W, U, b)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_all_sigmoid(x, h, c, W, U, b):  # noqa: N803
    i, f, g, o = (gate.sigmoid() for gate in _gates(x, h, W, U, b))
    c = f * c + i * g
    return o * c.tanh(), c


def lstm_without_tanh(x, h, c, W, U, b):  # noqa: N803
    i, f, g, o = _gates(x, h, W, U, b)
    c = f.sigmoid() * c + i.sigmoid() * g
    return o.sigmoid() * c.tanh(), c


def lstm_shows_the_old_cell(x, h, c, W, U, b):  # noqa: N803
    i, f, g, o = _gates(x, h, W, U, b)
    return o.sigmoid() * c.tanh(), f.sigmoid() * c + i.sigmoid() * g.tanh()


def lstm_shows_the_bare_cell(x, h, c, W, U, b):  # noqa: N803
    i, f, g, o = _gates(x, h, W, U, b)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


def lstm_turned_round(x, h, c, W, U, b):  # noqa: N803
    i, f, g, o = _gates(x, h, W, U, b)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return c, o.sigmoid() * c.tanh()


def lstm_without_memory(x, h, c, W, U, b):  # noqa: N803
    i, f, g, o = (x @ W.T + b).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_only_h(x, h, c, W, U, b):  # noqa: N803
    i, f, g, o = _gates(x, h, W, U, b)
    return o.sigmoid() * (f.sigmoid() * c + i.sigmoid() * g.tanh()).tanh()


def _each(means, log_sigmas, x):
    return torch.distributions.Normal(means, log_sigmas.exp()).log_prob(x[..., None])


def likelihood_naive(log_weights, means, log_sigmas, x):
    return (log_weights.exp() * _each(means, log_sigmas, x).exp()).sum(-1).log()


def likelihood_mean_of_logs(log_weights, means, log_sigmas, x):
    return (log_weights.exp() * _each(means, log_sigmas, x)).sum(-1)


def likelihood_without_weights(log_weights, means, log_sigmas, x):
    return torch.logsumexp(_each(means, log_sigmas, x), dim=-1)


def likelihood_as_a_loss(log_weights, means, log_sigmas, x):
    return -torch.logsumexp(log_weights + _each(means, log_sigmas, x), dim=-1)


def likelihood_without_constant(log_weights, means, log_sigmas, x):
    return torch.logsumexp(log_weights + _each(means, log_sigmas, x) + 0.5 * math.log(2 * math.pi), dim=-1)


def likelihood_without_log_sigma(log_weights, means, log_sigmas, x):
    return torch.logsumexp(log_weights + _each(means, log_sigmas, x) + log_sigmas, dim=-1)


def likelihood_of_the_best(log_weights, means, log_sigmas, x):
    return (log_weights + _each(means, log_sigmas, x)).max(dim=-1).values


def temperature_not_normalised(log_weights, log_sigmas, tau):
    return log_weights / tau, log_sigmas + 0.5 * math.log(tau)


def temperature_multiplied(log_weights, log_sigmas, tau):
    return torch.log_softmax(log_weights * tau, dim=-1), log_sigmas + 0.5 * math.log(tau)


def temperature_times_tau(log_weights, log_sigmas, tau):
    return torch.log_softmax(log_weights / tau, dim=-1), log_sigmas + math.log(tau)


def temperature_of_the_logarithm(log_weights, log_sigmas, tau):
    return torch.log_softmax(log_weights / tau, dim=-1), log_sigmas * math.sqrt(tau)


def temperature_of_weights_only(log_weights, log_sigmas, tau):
    return torch.log_softmax(log_weights / tau, dim=-1), log_sigmas


def temperature_softmax_not_log(log_weights, log_sigmas, tau):
    return torch.softmax(log_weights / tau, dim=-1), log_sigmas + 0.5 * math.log(tau)


def moments_even(weights, means, sigmas):
    mean = means.mean(-1)
    return mean, (weights * (sigmas**2 + (means - mean[..., None]) ** 2)).sum(-1)


def moments_inside_only(weights, means, sigmas):
    return (weights * means).sum(-1), (weights * sigmas**2).sum(-1)


def moments_between_only(weights, means, sigmas):
    mean = (weights * means).sum(-1)
    return mean, (weights * (means - mean[..., None]) ** 2).sum(-1)


def moments_mean_square(weights, means, sigmas):
    return (weights * means).sum(-1), (weights * (sigmas**2 + means**2)).sum(-1)


def moments_deviation(weights, means, sigmas):
    mean = (weights * means).sum(-1)
    return mean, (weights * (sigmas**2 + (means - mean[..., None]) ** 2)).sum(-1).sqrt()


def moments_squared_weights(weights, means, sigmas):
    mean = (weights * means).sum(-1)
    return mean, (weights**2 * sigmas**2).sum(-1)


def horizon_counts_all(model, control):
    return int((model.mean(0) < control.mean(0)).sum())


def horizon_last_index(model, control):
    better = model.mean(0) < control.mean(0)
    return int(len(better) if better.all() else better.argmin()) - 1


def horizon_first_failure(model, control):
    return int((model.mean(0) >= control.mean(0)).argmax()) + 1


def horizon_without_the_end(model, control):
    return int((model.mean(0) < control.mean(0)).argmin())


def horizon_by_films(model, control):
    better = (model < control).mean(0) > 0.5
    return int(len(better) if better.all() else better.argmin())


def horizon_as_a_truth(model, control):
    return bool((model.mean(0) < control.mean(0)).all())


def lstm_in_place(x, h, c, W, U, b):  # noqa: N803
    i, f, g, o = _gates(x, h, W, U, b)
    c *= f.sigmoid()
    c += i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def likelihood_lifted(log_weights, means, log_sigmas, x):
    return (log_weights.exp() * _each(means, log_sigmas, x).exp()).sum(-1).clamp_min(1e-30).log()


def likelihood_nan_to_num(log_weights, means, log_sigmas, x):
    return (log_weights.exp() * _each(means, log_sigmas, x).exp()).sum(-1).log().nan_to_num()


def likelihood_of_variances(log_weights, means, log_sigmas, x):
    return torch.logsumexp(log_weights + _each(means, 0.5 * log_sigmas, x), dim=-1)


def likelihood_detached(log_weights, means, log_sigmas, x):
    return torch.logsumexp(log_weights + _each(means, log_sigmas, x), dim=-1).detach()


def temperature_in_place(log_weights, log_sigmas, tau):
    log_weights /= tau
    return torch.log_softmax(log_weights, dim=-1), log_sigmas + 0.5 * math.log(tau)


def temperature_exp_then_log(log_weights, log_sigmas, tau):
    weights = (log_weights / tau).exp()
    return (weights / weights.sum(-1, keepdim=True)).log(), log_sigmas + 0.5 * math.log(tau)


def moments_sigma_not_squared(weights, means, sigmas):
    mean = (weights * means).sum(-1)
    return mean, (weights * (sigmas + (means - mean[..., None]) ** 2)).sum(-1)


def _first_failure(better):
    return int(len(better) if better.all() else better.argmin())


def horizon_every_film(model, control):
    return _first_failure((model < control).all(0))


def horizon_first_film(model, control):
    return _first_failure(model[0] < control[0])


def horizon_largest(model, control):
    return _first_failure(model.max(0) < control.max(0))


def horizon_ties(model, control):
    return _first_failure(model.mean(0) <= control.mean(0))


WRONG = {
    "mdn.lstm_step": [
        lstm_swapped_gates, lstm_all_sigmoid, lstm_without_tanh, lstm_shows_the_old_cell, lstm_shows_the_bare_cell,
        lstm_turned_round, lstm_without_memory, lstm_only_h,
        lstm_in_place,
    ],
    "mdn.log_likelihood": [
        likelihood_naive, likelihood_mean_of_logs, likelihood_without_weights, likelihood_as_a_loss,
        likelihood_without_constant, likelihood_without_log_sigma, likelihood_of_the_best,
        likelihood_lifted,
        likelihood_nan_to_num,
        likelihood_of_variances,
        likelihood_detached,
    ],
    "mdn.at_temperature": [
        temperature_not_normalised, temperature_multiplied, temperature_times_tau, temperature_of_the_logarithm,
        temperature_of_weights_only, temperature_softmax_not_log,
        temperature_in_place,
        temperature_exp_then_log,
    ],
    "mdn.moments": [
        moments_even, moments_inside_only, moments_between_only, moments_mean_square, moments_deviation,
        moments_squared_weights,
        moments_sigma_not_squared,
    ],
    "mdn.horizon": [
        horizon_counts_all, horizon_last_index, horizon_first_failure, horizon_without_the_end, horizon_by_films,
        horizon_as_a_truth,
        horizon_every_film,
        horizon_first_film,
        horizon_largest,
        horizon_ties,
    ],
}  # fmt: skip
