"""Planning by gradient: the cost of an imagined future, differentiated by the keys of its plan, and walked down.

LeCun, A Path Towards Autonomous Machine Intelligence, 2022, section 3.1.2: where world model and cost are
differentiable, Mode-2 can search its actions by gradient. Keys are no real numbers, so they are relaxed (松弛): each
place of a plan has logits, and the model is told shares of the keys instead of one key. Two relaxations are known here:

- softmax: the shares themselves. The model imagines what no key does, half a step to the left and half a jump, and the
  plan found so has to be rounded to keys in the end;
- straight-through: forwards the key that is drawn (the logits with Gumbel noise, the largest wins), backwards as if it
  had been the shares (Bengio, Léonard & Courville 2013, arXiv 1308.3432; with Gumbel noise Jang, Gu & Poole 2017, arXiv
  1611.01144). What is imagined is always a plan that can be pressed.

A search begins at several places at once (``Budget.candidates``) and takes ``Budget.rounds`` steps of Adam from each.
So it imagines as many steps as the cross-entropy method with the same budget, and walks back through them as well.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.contract import Cost, NotCapable, PredictsRelaxed, State, WorldModel, imagine
from course_lib.planning.cem import Budget, Search, even_beliefs

Relaxation = Literal["softmax", "straight-through"]
STEP = 0.5  # Adam's learning rate, of logits
SPREAD = 1.0  # standard deviation of the logits around where a search begins
LEAST = 0.02  # no key begins with a smaller share, or no gradient would bring it back


def imagine_relaxed(model: PredictsRelaxed, state: State, shares: Tensor) -> list[State]:
    """Roll a model forward under shares of its actions, (B, H, A): H + 1 states, the given one first."""
    states = [state]
    for step in shares.unbind(dim=1):
        states.append(model.predict_relaxed(states[-1], step))
    return states


def gradient_search(
    model: WorldModel, state: State, cost: Cost, *, generator: torch.Generator, budget: Budget | None = None,
    beliefs: Tensor | None = None, relaxation: Relaxation = "straight-through",
) -> Search:  # fmt: skip
    """Search a plan for every row of a state by gradient; parameters and answer are those of ``cem.cross_entropy``.

    The cost is given shares (B * K, H, A) for actions while it is differentiated. Raises NotCapable for a model without
    numbered actions or without a relaxation of them, ValueError for an unknown relaxation.
    """
    budget, actions = budget or Budget(), model.capabilities.actions.numbered()
    if not isinstance(model, PredictsRelaxed):
        raise NotCapable("a gradient by numbered actions needs a relaxation of them, and this model declares none")
    if relaxation not in ("softmax", "straight-through"):
        raise ValueError(f"a relaxation is softmax or straight-through, not {relaxation!r}")
    rows, count, drawn = len(state), budget.candidates, relaxation == "straight-through"
    if beliefs is None:
        beliefs = even_beliefs(rows, budget.chunks, actions)
    many = state.repeat(count)
    start = beliefs.clamp_min(LEAST).log().repeat_interleave(count, dim=0)  # (B * K, chunks, A)
    logits = (start + SPREAD * torch.randn(start.shape, generator=generator)).requires_grad_()
    adam = torch.optim.Adam([logits], STEP)
    best = torch.full((rows * count,), torch.inf)
    plan = torch.zeros(rows * count, budget.chunks, dtype=torch.int64)
    with torch.enable_grad():
        for _ in range(budget.rounds):
            noise = -torch.empty(logits.shape).exponential_(generator=generator).log() if drawn else 0.0
            shares = (logits + noise).softmax(dim=2)  # (B * K, chunks, A)
            keys = shares.argmax(dim=2)
            given = F.one_hot(keys, actions) + shares - shares.detach() if drawn else shares
            given = given.repeat_interleave(budget.hold, dim=1).to(state.device)  # (B * K, H, A)
            costs = cost(imagine_relaxed(model, many, given), given).cpu()  # (B * K,)
            better = costs.detach() < best
            best = torch.where(better, costs.detach(), best)
            plan = torch.where(better[:, None], keys, plan)
            (logits.grad,) = torch.autograd.grad(costs.sum(), logits)
            adam.step()
    with torch.no_grad():
        if not drawn:  # what was imagined were no plans: round the last ones, and ask what they cost
            plan = logits.argmax(dim=2)
            flat = plan.repeat_interleave(budget.hold, dim=1).to(state.device)
            best = cost(imagine(model, many, flat), flat).cpu()
        costs, first = best.unflatten(0, (rows, count)).min(dim=1)  # (B,), (B,)
        chosen = torch.arange(rows) * count + first
        found = logits[chosen].softmax(dim=2)
    return Search(plan[chosen].repeat_interleave(budget.hold, dim=1), costs, found)
