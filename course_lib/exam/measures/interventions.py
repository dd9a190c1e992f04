"""Moving a state and looking whether the future moves with it.

A probe says what *can be read* off a state. It does not say that the model reads it too. So the state is changed and
the model goes on from there: an intervention (Geiger et al. 2021, Causal Abstractions of Neural Networks, arXiv
2106.02997; for the board of a game Li et al. 2023, Emergent World Representations, arXiv 2210.13382, section 4).

    probe      the smallest change that moves the probe's reading by one unit
    together   the change that goes along with the variable from film to film, cov(state, variable) / var(variable)
    random     a direction drawn at random, as long as the one that it is compared with

Lengths are measured with every number of the state in units of its standard deviation over films. A numerical state can
be moved; tokens are whole numbers, and there is nothing between two of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import Actions, NotCapable, State, WorldModel
from course_lib.exam.measures.probes import Ridge

DIRECTIONS = ("probe", "together", "random")


def flat_state(state: State) -> np.ndarray:
    """The numbers of a state side by side, float64 (B, D); whole numbers, its actions for example, are left out.

    Raises NotCapable where it holds whole numbers alone.
    """
    parts = [tensor.reshape(len(tensor), -1).double() for tensor in state.tensors().values() if _moves(tensor)]
    if not parts:
        raise NotCapable("its state is whole numbers, and there is nothing between two of them")
    return torch.cat(parts, dim=1).cpu().numpy()


def put_back(state: State, numbers: np.ndarray) -> State:
    """The same state with other numbers, (B, D) as ``flat_state`` lays them. Raises ValueError for another shape."""
    rest, place = torch.from_numpy(numbers), 0
    wanted = sum(tensor[0].numel() for tensor in state.tensors().values() if _moves(tensor))
    if numbers.shape != (len(state), wanted):
        raise ValueError(f"this state has the numbers ({len(state)}, {wanted}), these are {numbers.shape}")

    def one(tensor: Tensor) -> Tensor:
        nonlocal place
        if not _moves(tensor):
            return tensor
        size = tensor[0].numel()
        place += size
        return rest[:, place - size : place].reshape(tensor.shape).to(tensor)

    return state.map(one)


def _moves(tensor: Tensor) -> bool:
    return tensor.is_floating_point()


def direction_of(kind: str, probe: Ridge, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A change of the state that stands for one unit of a variable, (D,).

    probe: to this variable alone; x: states that it was fitted to, (N, D); y: the variable there, (N,). "random" has
    the length of "together". Raises ValueError for a name that is none of DIRECTIONS.
    """
    scale = np.where(np.isfinite(probe.scale), probe.scale, 0.0)  # what never changes is left alone
    z = (x - probe.mean) / probe.scale
    together = (z * (y - y.mean())[:, None]).mean(axis=0) / y.var()
    if kind == "probe":
        weights = probe.weights[:, 0]
        return scale * weights / (weights @ weights)
    if kind == "together":
        return scale * together
    if kind == "random":
        drawn = rng.standard_normal(len(z[0])) * (scale > 0)
        return scale * drawn / np.linalg.norm(drawn) * np.linalg.norm(together)
    raise ValueError(f"there is no direction {kind!r}; there are: {', '.join(DIRECTIONS)}")


@torch.no_grad()
def futures(
    model: WorldModel, state: State, steps: int, read: Callable[[State], np.ndarray], action: int = 0
) -> np.ndarray:
    """What ``read`` finds after each of some steps under one and the same action, (steps, B, K)."""
    found, takes = [], model.capabilities.actions
    for _ in range(steps):
        state = model.predict(state, constant_action(takes, action, len(state)))
        found.append(read(state))
    return np.stack(found)


def constant_action(takes: Actions, action: int, count: int) -> Tensor | None:
    """One of the Playground's actions for each row, as a model takes it, by its table where it has one."""
    if takes.kind == "none":
        return None
    same = torch.full((count,), action)
    return same if takes.table is None else takes.table.to_latent(same)


def followed(mixed: np.ndarray, own: np.ndarray, other: np.ndarray, *, least: float = 1.0) -> np.ndarray:
    """How far a future went over from one's own to the other's: 0 stayed, 1 went over. (N,), NaN where undecided.

    mixed, own, other: places in units, (N, 2). The component along the way from one's own to the other's, as a share of
    it; undecided where the two futures are nearer than ``least``, or a place is missing.
    """
    way = other - own
    length = np.square(way).sum(axis=1)
    share = ((mixed - own) * way).sum(axis=1) / np.where(length > 0, length, np.nan)
    return np.where(length >= least**2, share, np.nan)
