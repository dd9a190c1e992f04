"""Acting learned from films alone: behaviour cloning (行为克隆) through latent actions.

Bruce et al., Genie, 2024 (arXiv 2402.15391), section 3.3 and appendix E. There are films of somebody who plays well,
and nobody wrote down the keys. A latent action model that has never seen this player, and learns no more, says what was
done in each step; a policy learns to say it from the frames before; a few labelled steps tell which key that is:

    a_t = LAM(x_t, x_{t+1})                        a label for every step of the films, for nothing
    pi(a | x_{t-1}, x_t)                           cross-entropy, as one learns to name digits
    D[a] = the keys of labelled steps called a     50 to 200 labels
    play: a ~ pi, key ~ D[a]

Names are *words* here: the codes of a few steps that follow each other. A single code is the paper's case. A code says
what happened, and what happens is not always what was pressed: the agent that flies to the right and turns round flies
to the right for one frame more. One step later the film shows it, and a recorded film can be asked about what comes
later. So a word of two codes, this step's and the next one's, says more about the key than one code.

Departures: convolutions in the place of the paper's transformer; two frames and no past actions as its input, where the
paper's sees four frames and what it did; the key that a word most often had, instead of one drawn from its list; and
keys are drawn from the squared probabilities, where the paper draws from them as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from course_lib.models.base import ModelConfig, PositiveInt
from course_lib.models.lam import LatentActionModel
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model

KEYS = len(spec.ACTIONS)


class PolicyConfig(ModelConfig):
    """The sizes of one policy network."""

    frame_size: Annotated[int, Field(ge=8, multiple_of=8)] = 32
    answers: Annotated[int, Field(ge=2, description="words, or keys")] = KEYS
    context: Annotated[int, Field(ge=1, le=8, description="frames that it sees, the present one included")] = 2
    width: PositiveInt = 96
    hidden: PositiveInt = 128


class Policy(nn.Module):
    """The last frames -> logits for the words of this step. (B, context * 3, H, W) in [0, 1] -> (B, answers).

    The same network clones words and keys; only the number of answers differs. Patches of 4 pixels become vectors, one
    convolution looks at neighbouring patches, and a linear layer reads all of them: where things are matters here.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        side = config.frame_size // 8
        self.see = nn.Sequential(
            nn.Conv2d(3 * config.context, width, 4, stride=4), nn.SiLU(),  # (B, width, H / 4, W / 4)
            nn.Conv2d(width, width, 3, stride=2, padding=1), nn.SiLU(),  # (B, width, H / 8, W / 8)
            nn.Flatten(), nn.Linear(width * side * side, config.hidden), nn.SiLU(),  # (B, hidden)
        )  # fmt: skip
        self.say = nn.Linear(config.hidden, config.answers)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        return self.say(self.see(frames - 0.5))


@torch.no_grad()
def name_steps(model: LatentActionModel, films: np.ndarray, *, length: int = 2) -> np.ndarray:
    """The word of each step: its latent action and the ``length - 1`` that follow it, read as one number.

    uint8 (N, T, H, W, 3) -> int64 (N, T - length). The last steps of a film have no word: what follows is not filmed.
    """
    index = np.stack([model.infer(to_model(film)[None])[0].numpy() for film in films])  # (N, T - 1)
    return to_words(index, model.config.codes, length)


def to_words(index: np.ndarray, codes: int, length: int) -> np.ndarray:
    """Codes of steps as words of ``length`` codes, the first one weighing most. (N, S) -> (N, S - length + 1)."""
    steps = index.shape[1] - length + 1
    word = np.zeros((len(index), steps), np.int64)
    for k in range(length):
        word = word * codes + index[:, k : k + steps]
    return word


def draw_labels(shape: tuple[int, int], count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which steps somebody names: ``count`` of all, none twice. shape: (films, steps) -> film and time, (count,) each,
    an index into words and keys."""
    film, time = np.divmod(generator.choice(shape[0] * shape[1], count, replace=False), shape[1])
    return film, time


def key_shares(word: np.ndarray, key: np.ndarray, *, codes: int, length: int, weight: float = 2.0) -> np.ndarray:
    """How likely each key is given the word, from labels: (M,) and (M,) -> (codes ** length, KEYS), rows add up to 1.

    A word that few labels have is helped out by what its first code says, that one by how often each key is pressed at
    all: each shorter word counts as ``weight`` labels.
    """
    share = (np.bincount(key, minlength=KEYS) + 0.25)[None] / (len(key) + 0.25 * KEYS)  # (1, KEYS)
    for k in range(1, length + 1):
        begins = word // codes ** (length - k)  # the first k codes of each word
        counts = np.zeros((codes**k, KEYS))
        np.add.at(counts, (begins, key), 1.0)
        shorter = share.repeat(codes, axis=0)  # (codes ** (k - 1), KEYS) -> (codes ** k, KEYS)
        share = (counts + weight * shorter) / (counts.sum(axis=1, keepdims=True) + weight)
    return share


def key_table(share: np.ndarray) -> np.ndarray:
    """The likeliest key of each word as a row of zeros and a one. (..., words, KEYS) -> the same."""
    return np.eye(KEYS)[share.argmax(axis=-1)]


def first_code(words: Tensor, codes: int) -> Tensor:
    """Probabilities of words as those of their first code. (B, words) -> (B, codes)."""
    return words.unflatten(1, (codes, -1)).sum(dim=2)


@dataclass(frozen=True)
class Player:
    """A policy and how its words become keys.

    table: (words, KEYS), or (games, words, KEYS), another one in every game. codes: where it is given, only the first
    code of each word is used, as in the paper. power: keys are drawn from probabilities raised to it; 1 as they are.
    """

    policy: Policy
    table: np.ndarray
    codes: int | None = None
    power: float = 2.0

    @torch.no_grad()
    def keys(self, frames: Tensor) -> Tensor:
        """Probabilities of the keys, from the last frames. (B, context, 3, H, W) -> (B, KEYS)."""
        word = self.policy(frames.flatten(1, 2)).softmax(dim=-1)  # (B, words)
        word = word if self.codes is None else first_code(word, self.codes)
        table = torch.from_numpy(self.table).float().expand(len(word), -1, -1)  # (B, words, KEYS)
        share = torch.einsum("bw,bwk->bk", word, table) ** self.power
        return share / share.sum(dim=1, keepdim=True)
