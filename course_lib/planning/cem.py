"""The cross-entropy method (交叉熵方法, CEM) for plans of keys: draw, keep the best, draw nearer to them.

De Boer, Kroese, Mannor & Rubinstein, A tutorial on the cross-entropy method, Annals of Operations Research 134, 2005:
for each place of a plan there are probabilities of the actions. K plans are drawn from them, the model imagines where
each leads, and the probabilities move to the shares of the actions among the cheapest plans (with smoothing). V-JEPA
2-AC (arXiv 2506.09985) plans so with normal distributions over continuous actions; here the actions are keys, so each
place has a categorical one.

A plan is made of chunks: a key that is held for ``hold`` frames. Many rows are planned at once, each by itself.

Planned again after every chunk, a search need not begin at nothing: ``carry_on`` moves the probabilities on by a chunk
(a warm start), and leaves some room for keys that the last search had given up.

Nothing is known here of the model but ``course_lib/contract.py``, and nothing of the task but its ``Cost``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.contract import Cost, State, WorldModel, imagine


@dataclass(frozen=True)
class Budget:
    """How far and how hard a search goes. Raises ValueError for numbers below 1.

    chunks: keys in a plan; hold: frames that each is held; candidates: plans in a round; rounds: of drawing.
    """

    chunks: int = 7
    candidates: int = 64
    rounds: int = 2
    hold: int = 2

    def __post_init__(self) -> None:
        if min(self.chunks, self.candidates, self.rounds, self.hold) < 1:
            raise ValueError(f"chunks, candidates, rounds and hold are at least 1, not {self}")

    @property
    def evaluations(self) -> int:
        """Steps that the model imagines for one search."""
        return self.chunks * self.hold * self.candidates * self.rounds


class Search(NamedTuple):
    """What was found for each of B rows.

    actions: int64 (B, H), the cheapest plan of all rounds, H = chunks * hold. cost: (B,), what it is expected to cost.
    beliefs: (B, chunks, A), the probabilities in the end.
    """

    actions: Tensor
    cost: Tensor
    beliefs: Tensor


ELITES = 0.125  # of the candidates are kept
SMOOTHING = 0.9  # of the way to the elites' shares the probabilities go
EXPLORE = 0.2  # how much of a warm start is evenly spread again


@torch.no_grad()
def cross_entropy(
    model: WorldModel, state: State, cost: Cost, *, generator: torch.Generator, budget: Budget | None = None,
    beliefs: Tensor | None = None, roll: Callable[[WorldModel, State, Tensor], list[State]] = imagine,
) -> Search:  # fmt: skip
    """Search a plan for every row of a state. beliefs: (B, chunks, A) to begin with; evenly spread if None.

    cost: is given B * K rows, those of one row of the state in a row. generator: of the plans; the model itself draws
    nothing, so that plans are compared fairly. roll: how plans are imagined, ``imagine`` or ``imagine_shared``.
    Raises NotCapable for a model without numbered actions.
    """
    budget, actions = budget or Budget(), model.capabilities.actions.numbered()
    rows, count = len(state), budget.candidates
    if beliefs is None:
        beliefs = even_beliefs(rows, budget.chunks, actions)
    many = state.repeat(count)
    best: tuple[Tensor, Tensor] | None = None
    for _ in range(budget.rounds):
        drawn = torch.multinomial(beliefs.flatten(0, 1), count, replacement=True, generator=generator)
        keys = drawn.unflatten(0, (rows, -1)).transpose(1, 2)  # (B * chunks, K) -> (B, K, chunks)
        plans = keys.repeat_interleave(budget.hold, dim=2)  # (B, K, H)
        flat = plans.flatten(0, 1).to(state.device)  # (B * K, H)
        costs = cost(roll(model, many, flat), flat).unflatten(0, (rows, count)).cpu()  # (B, K)
        order = costs.argsort(dim=1)[:, : max(1, round(ELITES * count))]  # (B, E)
        elite = keys.gather(1, order[:, :, None].expand(-1, -1, budget.chunks))  # (B, E, chunks)
        shares = F.one_hot(elite, actions).float().mean(dim=1)  # (B, chunks, A)
        beliefs = beliefs + SMOOTHING * (shares - beliefs)
        here = torch.arange(rows)
        found = plans[here, order[:, 0]], costs[here, order[:, 0]]
        if best is None:
            best = found
        else:
            better = found[1] < best[1]
            best = torch.where(better[:, None], found[0], best[0]), torch.where(better, found[1], best[1])
    return Search(*best, beliefs)  # type: ignore[misc]


def imagine_shared(model: WorldModel, state: State, actions: Tensor) -> list[State]:
    """``imagine``, for a slow model: futures that begin alike share their beginning, which is imagined once.

    state: B rows; rows that are equal in all their tensors are one. actions: int64 (B, H). Nothing is drawn.
    """
    rows = [tensor.reshape(len(state), -1).double() for tensor in state.tensors().values()]
    _, where = torch.unique(torch.cat(rows, dim=1), dim=0, return_inverse=True)  # (B,), the group of each row
    found = [state]
    for action in actions.unbind(dim=1):
        pairs, following = torch.unique(torch.stack([where, action], dim=1), dim=0, return_inverse=True)
        first = torch.stack([(following == group).nonzero()[0, 0] for group in range(len(pairs))])  # one row of each
        distinct = model.predict(found[-1][first], action[first])
        found.append(distinct[following])
        where = following
    return found


def even_beliefs(rows: int, chunks: int, actions: int) -> Tensor:
    """Nothing is known yet: every action is as likely, (rows, chunks, actions)."""
    return torch.full((rows, chunks, actions), 1.0 / actions)


def carry_on(beliefs: Tensor, *, explore: float = EXPLORE) -> Tensor:
    """The beliefs of the search after the next chunk: moved on by one, some of it spread evenly. (B, chunks, A)."""
    even = even_beliefs(len(beliefs), 1, beliefs.shape[2])
    return (1.0 - explore) * torch.cat([beliefs[:, 1:], even], dim=1) + explore * even


class Method(Protocol):
    """A way to search plans."""

    def __call__(
        self, model: WorldModel, state: State, cost: Cost, *, generator: torch.Generator, budget: Budget | None = None,
        beliefs: Tensor | None = None,
    ) -> Search:  # fmt: skip
        """See ``cross_entropy``."""
        ...


class RecedingSearch:
    """Searches of N rows, one after the other, each of which goes on where its row's last one stopped.

    Of each plan one chunk is carried out, then it is searched again from what came (a receding horizon). method: how a
    plan is searched, ``cross_entropy`` or ``gradient.gradient_search``. pressed: chunks that are carried out, where one
    search for each of them is too dear.
    """

    def __init__(
        self, rows: int, *, generator: torch.Generator, budget: Budget | None = None, method: Method = cross_entropy,
        pressed: int = 1,
    ) -> None:  # fmt: skip
        self.rows, self.generator, self.budget, self.method = rows, generator, budget or Budget(), method
        self.pressed = pressed
        self.beliefs: Tensor | None = None
        self.last: Search | None = None  # what was found in the last search

    def forget(self) -> None:
        """Begin with evenly spread beliefs again: the next search has another task."""
        self.beliefs = None

    def __call__(self, model: WorldModel, state: State, cost: Cost, which: Tensor | None = None) -> Tensor:
        """The next keys, int64 (M, pressed * hold). which: the numbers of the M rows of the state; None for all N."""
        rows = torch.arange(self.rows) if which is None else which
        if self.beliefs is None:
            self.beliefs = even_beliefs(self.rows, self.budget.chunks, model.capabilities.actions.numbered())
        found = self.method(model, state, cost, generator=self.generator, budget=self.budget,
                            beliefs=self.beliefs[rows])  # fmt: skip
        carried = found.beliefs
        for _ in range(self.pressed):
            carried = carry_on(carried)
        self.beliefs[rows], self.last = carried, found
        return found.actions[:, : self.pressed * self.budget.hold]
