"""Bellman's way to a goal picture: make a table of the room out of what a model imagines, and solve it.

A table needs states that can be listed (notebook 01). Embeddings cannot, so they are cut into cells:

    imagine   the model rolls random keys forward from the present, and once more from states it came to, for it to get
              farther than keys at random would
    cells     the imagined states are put into CELLS groups by k-means
    count     how often each key led from each cell to each other: p(s' | s, a), as in notebook 01
    solve     value iteration with a reward of 1 for arriving in the goal's cell (Sutton & Barto, equation 4.10)

The table holds for the whole room. Afterwards nothing is imagined any more: the newest state's cell is looked up, and
the best key pressed. Any ``WorldModel`` with numbered actions will do. Nothing is seen of the simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import State, WorldModel
from course_lib.models.tabular import value_iteration
from course_lib.planning.goals import Embed, embed_pictures, perceive
from course_lib.planning.shooting import random_plans
from course_lib.worlds.simulate import Simulation

DISCOUNT = 0.9  # of a chunk of keys
SWEEPS = 8  # of k-means


@dataclass(frozen=True)
class Sampling:
    """How a room is imagined. Raises ValueError for numbers below 1.

    cells: states of the table; futures, chunks: imagined at a time, and the keys in each; hold: frames that each key is
    held; times: how often, each time after the first from cells that were reached.
    """

    cells: int = 200
    futures: int = 160
    chunks: int = 8
    hold: int = 2
    times: int = 3

    def __post_init__(self) -> None:
        if min(self.cells, self.futures, self.chunks, self.hold, self.times) < 1:
            raise ValueError(f"all numbers of a sampling are at least 1, not {self}")

    @property
    def evaluations(self) -> int:
        """Steps that the model imagines for one room."""
        return self.futures * self.chunks * self.hold * self.times


@dataclass(frozen=True)
class Cells:
    """A room as a table. centres: (S, F), of what ``reads`` says; places: (S, D), of what ``embed`` says.

    counts: (S, A, S), how often each key led from each cell to each other.
    """

    centres: Tensor
    places: Tensor
    counts: Tensor

    def of(self, seen: Tensor) -> Tensor:
        """The cell of each state, (B,). seen: what ``reads`` says of them, (B, F)."""
        return torch.cdist(seen, self.centres).argmin(dim=1)

    @property
    def transitions(self) -> np.ndarray:
        """p(s' | s, a), (S, A, S). A key that was never tried in a cell is taken to lead nowhere."""
        return transition_shares(self.counts).numpy()


def transition_shares(counts: Tensor) -> Tensor:
    """Counts as probabilities; what was never tried stays where it is. (S, A, S) -> float64 (S, A, S)."""
    total = counts.sum(dim=2, keepdim=True).double()
    stay = torch.eye(len(counts), dtype=torch.float64)[:, None].expand(-1, counts.shape[1], -1)
    return torch.where(total > 0, counts.double() / total.clamp_min(1.0), stay)


def group_states(seen: Tensor, count: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """k-means (Lloyd's algorithm): centres (count, F), and the group of each row, (B,). seen: (B, F)."""
    centres = seen[torch.randperm(len(seen), generator=generator)[:count]].clone()
    for _ in range(SWEEPS):
        group = torch.cdist(seen, centres).argmin(dim=1)
        size = torch.bincount(group, minlength=len(centres)).clamp_min(1)[:, None]
        means = torch.zeros_like(centres).index_add(0, group, seen) / size
        centres = torch.where(torch.bincount(group, minlength=len(centres))[:, None] > 0, means, centres)
    return centres, torch.cdist(seen, centres).argmin(dim=1)


@torch.no_grad()
def imagine_cells(
    model: WorldModel, state: State, reads: Embed, embed: Embed, *, generator: torch.Generator,
    sampling: Sampling | None = None,
) -> Cells:  # fmt: skip
    """The table of a room, from one present state of it (one row).

    reads: all that tells states apart, for example ``action_jepa.whole_state``; embed: what goals are compared by.
    """
    sampling, actions = sampling or Sampling(), model.capabilities.actions.numbered()
    seen, places, froms, tos, keys = [], [], [], [], []
    here, many = state.repeat(sampling.futures), 0
    for _ in range(sampling.times):
        plans = random_plans(actions, sampling.futures, sampling.chunks, generator=generator)  # (K, chunks)
        met = [here]
        seen.append(reads(here))
        places.append(embed(here))
        for chunk in plans.unbind(dim=1):
            following = met[-1]
            for _ in range(sampling.hold):
                following = model.predict(following, chunk)
            froms.append(many + torch.arange(sampling.futures))
            many += sampling.futures
            tos.append(many + torch.arange(sampling.futures))
            keys.append(chunk)
            met.append(following)
            seen.append(reads(following))
            places.append(embed(following))
        many += sampling.futures
        _, group = group_states(torch.cat(seen[-len(met) :]), sampling.futures, generator=generator)
        first = torch.tensor([int((group == cell).nonzero()[0, 0]) for cell in group.unique()])
        first = first[torch.randint(len(first), (sampling.futures,), generator=generator)]
        here = _rows(met, first, sampling.futures)
    every, places = torch.cat(seen), torch.cat(places)
    centres, group = group_states(every, sampling.cells, generator=generator)
    size = torch.bincount(group, minlength=len(centres)).clamp_min(1)[:, None]
    middle = torch.zeros(len(centres), places.shape[1]).index_add(0, group, places) / size
    counts = torch.zeros(len(centres), actions, len(centres))
    begin, end, key = torch.cat(froms), torch.cat(tos), torch.cat(keys)
    counts.index_put_((group[begin], key, group[end]), torch.ones(len(key)), accumulate=True)
    return Cells(centres, middle, counts)


def _rows(states: Sequence[State], which: Tensor, each: int) -> State:
    """Rows of several states put together; row i of state j has the number j * each + i."""
    parts = [state.tensors() for state in states]
    whole = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return type(states[0])(**{name: tensor[which] for name, tensor in whole.items()})


def best_keys(cells: Cells, goal: Tensor, *, discount: float = DISCOUNT) -> tuple[np.ndarray, np.ndarray]:
    """Bellman's equation solved for a goal, (D,): the best key of every cell, and what each is worth, (S,) each."""
    target = int((cells.places - goal).norm(dim=1).argmin())
    transitions = cells.transitions
    solution = value_iteration(transitions, transitions[:, :, target], discount, tolerance=1e-4)
    return solution.policy, solution.values


class CellPlayer:
    """A player of ``planning/rooms.py`` who makes a table of each room at its first frame, solves it, and looks up."""

    def __init__(
        self, model: WorldModel, goals: np.ndarray, reads: Embed, embed: Embed, *, generator: torch.Generator,
        sampling: Sampling | None = None,
    ) -> None:  # fmt: skip
        self.model, self.reads, self.embed = model, reads, embed
        self.generator, self.sampling = generator, sampling or Sampling()
        self.goals = embed_pictures(model, embed, goals)  # (N, D)
        self.tables: dict[int, tuple[Cells, np.ndarray]] = {}  # by room: its cells, and the best key of each

    @torch.no_grad()
    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray
    ) -> np.ndarray:
        """See ``RoomPlayer``. -> (M, hold)."""
        state = perceive(self.model, frames, keys)
        pressed = [self._key(state[i], int(room)) for i, room in enumerate(which)]
        return np.repeat(np.array(pressed)[:, None], self.sampling.hold, axis=1)

    def _key(self, state: State, room: int) -> int:
        if room not in self.tables:
            cells = imagine_cells(self.model, state, self.reads, self.embed, generator=self.generator,
                                  sampling=self.sampling)  # fmt: skip
            self.tables[room] = cells, best_keys(cells, self.goals[room])[0]
        cells, best = self.tables[room]
        return int(best[cells.of(self.reads(state))[0]])
