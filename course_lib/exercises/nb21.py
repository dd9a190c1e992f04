"""Exercises of notebook 21, the autonomous agent: costs, a search and its warm start, relaxed keys, critic, speed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, need, seeded


# --- 1. what a future costs -----------------------------------------------------------------------------------------
def my_future_cost(distances: Tensor) -> Tensor:
    """What each imagined future costs: the smallest distance from the goal, and 0.05 of the mean distance.

    distances: (K, H + 1), of each future at the present and at H steps to come -> (K,). The present does not count.
    """
    ahead = distances[:, 1:]
    return ahead.min(dim=1).values + 0.05 * ahead.mean(dim=1)


def _ways(seed: int) -> Inputs:
    """Seven futures; the present is nearer than all that comes in one of them, and the dearest moment in another."""
    distances = 2.0 + 6.0 * torch.rand(7, 6, generator=seeded(seed))
    distances[:, 0] = distances[:, 1:].mean() + torch.tensor([-4.0, 4.0, 1.0, -1.0, 2.0, -2.0, 0.5])
    return (distances.abs(),)


def _check_cost(candidate: Asked) -> None:
    def parts(d: Tensor, first: int = 1, nearest: float = 1.0, mean: float = 0.05) -> Tensor:
        ordered = d[:, first:].sort(dim=1).values
        return nearest * ordered[:, 0] + mean * ordered.sum(dim=1) / ordered.shape[1]

    check_values(
        candidate,
        parts,
        _ways,
        [
            (lambda d: parts(d, 0),
             "The present counts here. It is the same in all futures, and an agent that stands near its goal and runs "
             "away would pay nothing: begin at step 1."),
            (lambda d: parts(d, mean=0.0), "The mean distance is missing: how soon the goal is passed."),
            (lambda d: parts(d, nearest=0.0), "The smallest distance is missing: whether the goal is passed at all."),
            (lambda d: parts(d, mean=1.0), "The mean distance counts fully here; its weight is 0.05."),
            (lambda d: d[:, -1] + 0.05 * d[:, 1:].mean(dim=1),
             "This takes the last distance for the smallest one. A plan of a fixed length is seldom at the goal just "
             "at its end."),
            (lambda d: parts(d, mean=0.05 * (d.shape[1] - 1)), "The distances are added up; their mean is asked for."),
            (lambda d: d[:, 1:].amax(dim=1) + 0.05 * d[:, 1:].mean(dim=1), "This is the largest distance."),
        ],
        "Future {place} costs {wanted}; yours costs {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="ami.cost",
        notebook="21",
        title="What a future costs",
        difficulty=1,
        minutes=6,
        reference=my_future_cost,
        check=_check_cost,
        hints=("Leave out the first column, then one number for each row.",
               "ahead = distances[:, 1:]; its smallest number in each row plus 0.05 times its mean."),
        explanation="The smallest distance says whether the goal is passed at some time, the mean says how soon. The "
        "weight of the mean is small, so that it decides only among plans that come equally near.",
    )
)  # fmt: skip


# --- 2. a round of the cross-entropy method -------------------------------------------------------------------------
def my_beliefs(beliefs: Tensor, keys: Tensor, costs: Tensor, elites: int) -> Tensor:
    """The beliefs after a round: nine tenths of the way to the shares of the keys among the cheapest plans.

    beliefs: (C, A), the probability of each key at each place of a plan. keys: int64 (K, C), the plans that were drawn;
    costs: (K,) -> (C, A). elites: how many of the cheapest plans count.
    """
    best = keys[costs.argsort()[:elites]]  # (E, C)
    shares = F.one_hot(best, beliefs.shape[1]).float().mean(dim=0)  # (C, A)
    return beliefs + 0.9 * (shares - beliefs)


def _round(seed: int) -> Inputs:
    generator = seeded(seed)
    beliefs = torch.rand(5, 4, generator=generator).softmax(dim=1)
    keys = torch.multinomial(beliefs, 24, replacement=True, generator=generator).T.contiguous()  # (24, 5)
    return beliefs, keys, torch.rand(24, generator=generator), 4 + seed % 3


def _check_beliefs(candidate: Asked) -> None:
    def moved(beliefs: Tensor, keys: Tensor, costs: Tensor, elites: int, way: float = 0.9, dearest: bool = False,
              together: bool = False) -> Tensor:  # fmt: skip
        chosen = torch.topk(costs, elites, largest=dearest).indices
        counts = torch.stack([(keys[chosen] == key).sum(dim=0) for key in range(beliefs.shape[1])], dim=1).float()
        if together:
            counts = counts.mean(dim=0, keepdim=True).expand_as(counts)
        return (1.0 - way) * beliefs + way * counts / elites

    check_values(
        candidate,
        moved,
        _round,
        [
            (lambda b, k, c, e: moved(b, k, c, e, dearest=True), "These are the dearest plans. The cheapest count."),
            (lambda b, k, c, e: moved(b, k, c, len(c)),
             "All plans count here. Then the beliefs stay what they were, but for chance."),
            (lambda b, k, c, e: moved(b, k, c, e, 1.0),
             "This goes the whole way. A key that no cheap plan happened to have could then never be drawn again."),
            (lambda b, k, c, e: moved(b, k, c, e, 0.1), "This goes one tenth of the way; nine tenths are asked for."),
            (lambda b, k, c, e: moved(b, k, c, e, together=True),
             "The keys of all places are counted together. Each place of the plan has its own beliefs."),
            (lambda b, k, c, e: moved(b, k, c, 1), "Only the single cheapest plan counts here."),
        ],
        "At {place} (place, key) the belief is {wanted}; yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="ami.beliefs",
        notebook="21",
        title="One round of the cross-entropy method",
        difficulty=3,
        minutes=12,
        reference=my_beliefs,
        check=_check_beliefs,
        hints=("Sort the plans by their costs and keep the first ones; then count, place by place, how often each key "
               "stands there.",
               "best = keys[costs.argsort()[:elites]]; shares = F.one_hot(best, A).float().mean(dim=0); then "
               "beliefs + 0.9 * (shares - beliefs)."),
        explanation="The beliefs move towards the plans that were cheap. What stays of the old beliefs keeps every key "
        "possible.",
    )
)  # fmt: skip


# --- 3. a planted bug: the warm start -------------------------------------------------------------------------------
def my_carried(beliefs: Tensor, explore: float) -> Tensor:
    """The beliefs with which the next search begins, when the first chunk of the plan has been carried out.

    beliefs: (C, A), at the end of the last search -> (C, A). What was place 1 is now place 0, and so on; nothing is
    known of the last place. The share ``explore`` of every place is spread evenly over the keys.
    """
    even = torch.full_like(beliefs[:1], 1.0 / beliefs.shape[1])
    return (1.0 - explore) * torch.cat([beliefs[1:], even]) + explore * even


def _ended(seed: int) -> Inputs:
    return torch.rand(4 + seed % 3, 3, generator=seeded(seed)).mul(3).softmax(dim=1), (0.2, 0.35, 0.1)[seed % 3]


def _check_carried(candidate: Asked) -> None:
    def moved(beliefs: Tensor, explore: float, by: int = 1, last: str = "even") -> Tensor:
        places, actions = beliefs.shape
        even = torch.ones(actions) / actions
        known = {"even": even, "again": beliefs[-1], "first": beliefs[0]}[last]
        rows = [beliefs[t + by] if 0 <= t + by < places else known for t in range(places)]
        return torch.stack([(1.0 - explore) * row + explore * even for row in rows])

    check_values(
        candidate,
        moved,
        _ended,
        [
            (lambda b, e: moved(b, e, -1),
             "This moves the beliefs the wrong way, as the broken version does: the chunk that was carried out would "
             "be planned again, one place later."),
            (lambda b, e: moved(b, e, 0),
             "The beliefs do not move on: place 0 is still the chunk that was carried out."),
            (lambda b, e: moved(b, e, 1, "again"),
             "The last place takes over what the last search believed of its last place. Nothing is known of it yet: "
             "spread it evenly."),
            (lambda b, e: moved(b, e, 1, "first"), "What was place 0 comes last here. It has been carried out."),
            (lambda b, e: moved(b, 0.0), "Nothing is left to explore: a key that was given up can never come back."),
            (lambda b, e: moved(b, 1.0 - e),
             "The two shares are exchanged: explore is the part that is spread evenly."),
        ],
        "At {place} (place, key) the belief is {wanted}; yours is {mine}.",
    )  # fmt: skip
    sums = candidate(*_ended(0)).sum(dim=1)
    must_equal(sums, torch.ones(len(sums)), [], "The beliefs of place {place} add up to {mine}, not to {wanted}.")


register(
    Exercise(
        id="ami.carried",
        notebook="21",
        title="A planted bug in the warm start",
        difficulty=2,
        minutes=10,
        reference=my_carried,
        check=_check_carried,
        hints=("Write down, for a plan of three chunks, which chunk stands at place 0 after the first one was pressed.",
               "torch.cat([beliefs[1:], even]) moves on by one place; then mix (1 - explore) of it with explore of "
               "even."),
        explanation="The broken version puts the new, unknown place in front. The agent then begins each search with "
        "beliefs about the wrong moment; replanning hides it, which is why such bugs live long.",
    )
)  # fmt: skip


# --- 4. keys with a slope -------------------------------------------------------------------------------------------
def my_relaxed_keys(logits: Tensor) -> Tensor:
    """Keys as one-hot rows, whose gradient is that of the softmax (straight-through). logits: (C, A) -> (C, A)."""
    shares = logits.softmax(dim=1)
    hard = F.one_hot(shares.argmax(dim=1), logits.shape[1]).to(logits.dtype)
    return hard + shares - shares.detach()


def _check_relaxed(candidate: Asked) -> None:
    def logits(seed: int) -> Inputs:
        return ((2.0 * torch.randn(5, 4, generator=seeded(seed))).requires_grad_(),)

    def hard(x: Tensor) -> Tensor:
        return (x.detach() == x.detach().amax(dim=1, keepdim=True)).to(x.dtype)

    check_values(
        candidate,
        hard,
        logits,
        [
            (lambda x: x.softmax(dim=1),
             "These are the shares. Forwards the model is to be told a key: 1 for the largest, 0 for the others."),
            (lambda x: x.softmax(dim=0),
             "The softmax runs over the places. It has to run over the keys of each place."),
            (lambda x: hard(x) + x.softmax(dim=1),
             "The shares are added and not taken off again: subtract them without their gradient."),
            (lambda x: hard(-x), "This is the least likely key."),
            (lambda x: hard(x.T).T, "The largest of each key over the places is taken. Each place needs its own key."),
        ],
        "At {place} (place, key) it is {wanted}; yours is {mine}.",
    )  # fmt: skip
    (given,) = logits(7)
    weights = torch.randn(5, 4, generator=seeded(8))
    answer = candidate(given)
    need(answer.requires_grad,
         "The values are right, and no gradient comes through: argmax and one_hot have none. Add the shares, and "
         "subtract them again without their gradient (detach).")  # fmt: skip
    (mine,) = torch.autograd.grad((answer * weights).sum(), given)
    share = given.detach().softmax(dim=1)
    wanted = share * (weights - (share * weights).sum(dim=1, keepdim=True))
    must_equal(
        mine, wanted, [(weights, "The gradient goes to the logits as if there were no softmax: use the shares.")],
        "The values are right. The gradient at {place} should be the softmax's, {wanted}; yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="ami.relaxed",
        notebook="21",
        title="Keys that a gradient can pass",
        difficulty=3,
        minutes=10,
        reference=my_relaxed_keys,
        check=_check_relaxed,
        hints=("x - x.detach() is 0 forwards, and has the gradient of x backwards.",
               "hard + shares - shares.detach(), with hard the one-hot of the largest share."),
        explanation="Forwards the model is told a key that can be pressed, backwards the gradient flows as if it had "
        "been told the shares. It is a lie about the slope, and a useful one.",
    )
)  # fmt: skip


# --- 5. what a critic learns ----------------------------------------------------------------------------------------
def my_cost_to_come(costs: Tensor, lengths: Tensor) -> Tensor:
    """The smallest cost from each moment on, this one included. What lies behind a room's last moment is 0.

    costs: (M, T), the intrinsic cost of M rooms at T moments. lengths: int64 (M,), how many moments of each room were
    met; what stands in ``costs`` after them is filling. -> (M, T).
    """
    met = torch.arange(costs.shape[1]) < lengths[:, None]  # (M, T)
    filled = costs.masked_fill(~met, torch.inf)
    least = filled.flip(1).cummin(dim=1).values.flip(1)
    return least.masked_fill(~met, 0.0)


def _memories(seed: int) -> Inputs:
    generator = seeded(seed)
    costs = 1.0 + 8.0 * torch.rand(6, 7, generator=generator)
    lengths = torch.tensor([7, 4, 5, 3, 6, 2])[torch.randperm(6, generator=generator)]
    costs[torch.arange(7) >= lengths[:, None]] = 0.5  # the filling is smaller than all that was met
    return costs, lengths


def _check_to_come(candidate: Asked) -> None:
    def row_by_row(costs: Tensor, lengths: Tensor, summary: str = "min", begin: int = 0) -> Tensor:
        result = torch.zeros_like(costs)
        for m, length in enumerate(lengths.tolist()):
            for t in range(length):
                ahead = costs[m, min(t + begin, length - 1) : length]
                past = costs[m, : t + 1]
                found = {"min": ahead.min(), "mean": ahead.mean(), "sum": ahead.sum(), "last": ahead[-1],
                         "past": past.min(), "now": costs[m, t], "ever": costs[m, :length].min()}  # fmt: skip
                result[m, t] = found[summary]
        return result

    def filling(costs: Tensor, lengths: Tensor) -> Tensor:
        least = torch.stack([costs[:, t:].amin(dim=1) for t in range(costs.shape[1])], dim=1)
        return torch.where(torch.arange(costs.shape[1]) < lengths[:, None], least, 0.0)

    everywhere = (
        "The same number stands at all moments of a room. At each moment only what is to come counts, and behind a "
        "room's last moment that is 0."
    )
    check_values(
        candidate,
        row_by_row,
        _memories,
        [
            (filling, "The filling counts here: it was never met. Only a room's first lengths[m] moments were."),
            (lambda c, n: row_by_row(c, n, "past"),
             "This is the smallest cost so far. A critic looks ahead: what is still to come?"),
            (lambda c, n: row_by_row(c, n, "mean"), "This is the mean of what is to come; the smallest is asked for."),
            (lambda c, n: row_by_row(c, n, "sum"), "This is the sum of what is to come; the smallest is asked for."),
            (lambda c, n: row_by_row(c, n, "last"), "This is the last cost. The agent may have been nearer before."),
            (lambda c, n: row_by_row(c, n, "ever"),
             "This is the smallest cost of the whole episode. After the nearest moment it cannot come as near again."),
            (lambda c, n: row_by_row(c, n, "ever").amax(dim=1, keepdim=True).expand_as(c), everywhere),
            (lambda c, n: c.amin(dim=1, keepdim=True).expand_as(c), everywhere),
            (lambda c, n: c.amin(dim=1, keepdim=True) * (torch.arange(c.shape[1]) < n[:, None]),
             "The same number stands at all moments of a room, and the filling counts in it. At each moment only "
             "what is to come counts, and of that only what was met."),
            (lambda c, n: row_by_row(c, n, "now"), "This is the cost at each moment itself."),
            (lambda c, n: row_by_row(c, n, "min", 1),
             "This begins one moment later: the moment itself counts as well."),
        ],
        "At {place} (room, moment) it is {wanted}; yours is {mine}.",
        infinite="Your result is not finite: what lies behind a room's last moment is 0 in the answer.",
    )  # fmt: skip


register(
    Exercise(
        id="ami.to_come",
        notebook="21",
        title="What a critic learns from memory",
        difficulty=3,
        minutes=12,
        reference=my_cost_to_come,
        check=_check_to_come,
        hints=("Go through a room's moments from the last to the first, and keep the smallest cost that you have met.",
               "Put infinity where nothing was met; flip the time axis, cummin, and flip back; then 0 where nothing "
               "was met."),
        explanation="At the time itself nobody knows what is to come. Memory makes the lesson afterwards, when the "
        "episode is over, and the critic then foresees it in rooms that it has not seen.",
    )
)  # fmt: skip


# --- 6. an experiment, predicted: how much faster is Mode-1? --------------------------------------------------------
def my_speedup(encode: float, step: float, policy: float, chunks: int, hold: int, rounds: int) -> float:
    """How many times longer Mode-2 takes than Mode-1, from frames to keys; both hold each key for ``hold`` frames.

    Milliseconds: encode, of the frames; step, of one step of the model for all candidates at once; policy, of the
    policy. Mode-2 imagines plans of ``chunks`` keys, each held, in ``rounds`` rounds.
    """
    return (encode + rounds * chunks * hold * step) / (encode + policy)


def _check_speedup(candidate: Asked) -> None:
    def measured(seed: int) -> Inputs:
        draw = torch.rand(3, generator=seeded(seed)).tolist()
        return 0.5 + draw[0], 0.1 + 0.3 * draw[1], 0.05 + 0.2 * draw[2], 5 + seed % 3, 2 + seed % 2, 3 + seed % 2

    def ratio(e: float, s: float, p: float, chunks: int, hold: int, rounds: int) -> float:
        return (e + chunks * hold * rounds * s) / (e + p)

    check_values(
        candidate,
        ratio,
        measured,
        [
            (lambda e, s, p, c, h, r: c * h * r * s / p,
             "The frames have to be encoded as well, in both modes. Without that Mode-1 looks far better than it is."),
            (lambda e, s, p, c, h, r: (e + c * h * r * s) / p, "Mode-1 has to encode the frames as well."),
            (lambda e, s, p, c, h, r: c * h * r * s / (e + p), "Mode-2 has to encode the frames as well."),
            (lambda e, s, p, c, h, r: ratio(e, s, p, c, 1, r),
             "A key that is held for several frames is as many steps of the model."),
            (lambda e, s, p, c, h, r: ratio(e, s, p, c, h, 1), "Each round imagines its plans anew."),
            (lambda e, s, p, c, h, r: ratio(e, s, p, c, h, r) / h,
             "Both modes hold their keys equally long: hold does not divide one of them."),
            (lambda e, s, p, c, h, r: 1.0 / ratio(e, s, p, c, h, r), "This is Mode-1 over Mode-2: turn it round."),
            (lambda e, s, p, c, h, r: ((e + s) * c * h * r) / (e + p),
             "The frames are encoded once for a search; what is imagined are embeddings."),
        ],
        "Mode-2 takes {wanted} times as long; you have {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="ami.speedup",
        notebook="21",
        title="How much faster is Mode-1?",
        difficulty=2,
        minutes=8,
        reference=my_speedup,
        check=_check_speedup,
        hints=("Write down what each mode computes between a frame and a key, once for one call.",
               "Mode-1: encode + policy. Mode-2: encode + rounds * chunks * hold * step. The number of candidates is "
               "inside `step`."),
        explanation="What both have to do, seeing, bounds what Mode-1 can gain: however fast the policy, the ratio "
        "stays below Mode-2's time over the encoder's.",
    )
)  # fmt: skip
