"""Which of 256 changes of a picture is it? The reciprocal rank of a prediction in a bank, and the banks.

Garrido et al. 2024 (arXiv 2403.00504), section 4.1: a predictor is given one clean picture and an action, and what it
answers is compared with what the target encoder says of many changed versions of the *same* picture. Where the right
one is the nearest, its rank is 1; the mean of 1 / rank over questions and pictures is the mean reciprocal rank (MRR,
平均倒数排名). Who does not know the action has about (1 + 1/2 + ... + 1/N) / N, which is .024 for 256.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.nets.transforms import COLOURS, REACH, SHIFTS, draw_actions, transform

BANK = 256
KINDS = ("all", "shift", "colour")
CHUNK = 128  # pictures that are encoded at once

Target = Callable[[Tensor], Tensor]  # frames (B, 3, H, W) -> what is to be guessed (B, N, D)
Predict = Callable[[Tensor, Tensor], Tensor]  # one frame (1, 3, H, W), actions (B, 6) -> guesses (B, N, D)


def reciprocal_rank(distance: Tensor, right: Tensor) -> Tensor:
    """1 / rank of the right entry among the distances, where 1 is the nearest. (Q, N), int64 (Q,) -> (Q,).

    Entries that are as far away as the right one share their ranks evenly, so that a constant answer gains nothing.
    """
    own = distance.gather(1, right[:, None])
    nearer, equal = (distance < own).sum(dim=1), (distance == own).sum(dim=1)
    return 1.0 / (nearer + 0.5 * (equal + 1.0))


def expected_by_chance(bank: int = BANK) -> float:
    """The mean reciprocal rank of who draws lots."""
    return float((1.0 / np.arange(1, bank + 1)).mean())


def bank_actions(kind: str, generator: torch.Generator, count: int = BANK) -> Tensor:
    """Actions of a bank, (count, 6), all different. kind: "all", or "shift" or "colour" alone.

    Raises ValueError for another kind, or for more shifts alone than there are.
    """
    if kind not in KINDS:
        raise ValueError(f"a bank is one of {', '.join(KINDS)}, not {kind!r}")
    action = draw_actions(count, generator)
    if kind == "colour":
        action[:, SHIFTS] = 0.0
    if kind == "shift":
        side = 2 * REACH + 1
        if count > side**2:
            raise ValueError(f"there are {side**2} shifts, and {count} different ones are wanted")
        which = torch.randperm(side**2, generator=generator)[:count]
        action[:, COLOURS] = 0.0
        action[:, SHIFTS] = torch.stack([which // side - REACH, which % side - REACH], dim=1) / REACH
    return action


def squared_distances(guesses: Tensor, targets: Tensor) -> Tensor:
    """Mean squared distance of each guess to each target over places and channels. (Q, N, D), (M, N, D) -> (Q, M)."""
    return torch.cdist(guesses.flatten(1), targets.flatten(1)).square() / guesses[0].numel()


@torch.no_grad()
def targets_of(frame: Tensor, actions: Tensor, target: Target) -> Tensor:
    """What is to be guessed of one frame (3, H, W) after each of M actions. -> (M, N, D)."""
    parts = [target(transform(frame.expand(len(some), -1, -1, -1), some)) for some in actions.split(CHUNK)]
    return torch.cat(parts)


@torch.no_grad()
def ranks_by_picture(
    frames: Tensor, kind: str, predict: Predict, target: Target, *, seed: int = 0, bank: int = BANK, asked: int = 32,
    wrong: bool = False,
) -> np.ndarray:  # fmt: skip
    """The mean reciprocal rank of each picture. frames: (P, 3, H, W) in [0, 1] -> (P,).

    Each picture has a bank of its own; of its actions the first ``asked`` are asked for. wrong: the predictor is given
    the actions of another question instead, the control with conditioning shuffled.
    """
    found = []
    for i, frame in enumerate(frames):
        actions = bank_actions(kind, torch.Generator().manual_seed(1000 * seed + i), bank)
        given = actions[:asked].roll(1, dims=0) if wrong else actions[:asked]
        guesses = torch.cat([predict(frame[None], some) for some in given.split(CHUNK)])
        distance = squared_distances(guesses, targets_of(frame, actions, target))
        found.append(reciprocal_rank(distance, torch.arange(len(given))).mean())
    return torch.stack(found).numpy()


@torch.no_grad()
def change_and_error(
    frames: Tensor, kind: str, predict: Predict, target: Target, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """How far what is to be guessed moves under one action a picture, and how far the guess is off, (P,) each.

    Both are mean squared distances over the variance of what is to be guessed over the pictures, each place and channel
    for itself: 0 and anything for an invariant encoder, anything and 0 for one that is equivariant and predicted; who
    guesses the mean of all pictures has an error of 1. frames: (P, 3, H, W).
    """
    actions = bank_actions(kind, torch.Generator().manual_seed(seed), len(frames))
    before, after = target(frames), target(transform(frames, actions))  # (P, N, D)
    spread = (after - after.mean(dim=0)).square().mean()
    guesses = torch.cat([predict(frame[None], action[None]) for frame, action in zip(frames, actions, strict=True)])
    return tuple(((each - after).square().flatten(1).mean(dim=1) / spread).numpy() for each in (before, guesses))
