"""Random shooting (随机打靶): try random plans in a world model, and take the one that costs least.

The oldest planner with a learned model, and a strong one for how little it does (Nagabandi et al. 2018, arXiv
1708.02596, section IV-C): K plans of H actions are drawn, the model imagines what each would lead to, a cost is put on
what it imagines, and the first actions of the cheapest plan are carried out. Then it is planned again from what came
(model-predictive control).

Nothing is known here of the model but ``course_lib/contract.py``, and nothing of the task but its ``Cost``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.contract import Cost, State, WorldModel, imagine


class Plan(NamedTuple):
    """The cheapest plan. actions: (H,); cost: what the model expects it to cost; costs: those of all plans, (K,)."""

    actions: Tensor
    cost: float
    costs: Tensor


def random_plans(
    actions: int, candidates: int, horizon: int, *, generator: torch.Generator, hold: int = 1
) -> Tensor:
    """Plans drawn evenly, int64 (candidates, horizon). hold: steps that each drawn action is kept for.

    Held actions reach farther: with four keys drawn anew at every step, left and right nearly cancel. Raises ValueError
    for numbers below 1.
    """
    if min(actions, candidates, horizon, hold) < 1:
        raise ValueError(
            f"actions, candidates, horizon and hold are at least 1, not {actions}, {candidates}, {horizon}, {hold}"
        )
    drawn = torch.randint(actions, (candidates, -(-horizon // hold)), generator=generator)
    return drawn.repeat_interleave(hold, dim=1)[:, :horizon]


@torch.no_grad()
def shoot(
    model: WorldModel, state: State, cost: Cost, *, generator: torch.Generator, candidates: int = 32, horizon: int = 12,
    hold: int = 2,
) -> Plan:  # fmt: skip
    """Plan from one state. generator: of the plans; the model itself draws nothing, so that plans are compared fairly.

    Raises NotCapable for a model without discrete actions, ValueError for a state of more than one row.
    """
    actions = model.capabilities.actions.numbered()
    if len(state) != 1:
        raise ValueError(f"one state is planned from, this one has {len(state)} rows: state[i] is one of them")
    plans = random_plans(actions, candidates, horizon, generator=generator, hold=hold).to(state.device)
    costs = cost(imagine(model, state.repeat(candidates), plans), plans)
    best = int(costs.argmin())
    return Plan(plans[best], float(costs[best]), costs)
