"""What is learned about acting from films without keys, once a few steps are named?

A policy is cloned from films of the scripted oracle through the latent actions that a frozen model finds in them
(``models/cloning.py``), and 50, 100 or 200 labelled steps say which key a latent action is. It plays against a clone of
the same network trained on every key. Both are trained on the spot, and all play the same held-out episodes; in each
of these other steps are the labelled ones, so that the interval knows both kinds of luck. The luck of one training is
not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.exam.measures.returns import EPISODES
from course_lib.models.base import fresh
from course_lib.models.cloning import KEYS, Player, Policy, PolicyConfig, draw_labels, key_shares, key_table, name_steps
from course_lib.models.lam import LatentActionModel
from course_lib.nets.fit import fit
from course_lib.planning.games import play_together
from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.expert import film_expert
from course_lib.worlds.oracle import normalised_return


@dataclass(frozen=True)
class Cloned:
    """A trained policy. losses, right: cross-entropy and share of right answers of each step's batch."""

    policy: Policy
    losses: list[float]
    right: list[float]


def clone(
    films: np.ndarray, answers: np.ndarray, config: PolicyConfig, *, steps: int = 3000, batch: int = 64,
    learning_rate: float = 2e-3, seed: int = 0, on_step: Callable[[int, dict[str, float]], object] | None = None,
) -> Cloned:  # fmt: skip
    """Behaviour cloning: learn to answer from the frames up to t what ``answers[:, t]`` says. AdamW, cosine decay.

    films: uint8 (N, T, H, W, 3); answers: whole numbers (N, S), S < T, below 0 for a step that nobody names. on_step:
    called with the number of steps done and the loss and share of right answers.
    """
    policy = fresh(Policy, config, seed)
    pixels = torch.from_numpy(films).movedim(-1, 2).contiguous()  # (N, T, 3, H, W), bytes
    target = torch.from_numpy(np.asarray(answers, np.int64))
    named = (target >= 0).nonzero()  # (M, 2): film and time
    back = torch.arange(1 - config.context, 1)

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        film, time = named[torch.randint(len(named), (batch,), generator=generator)].unbind(dim=1)
        seen = pixels[film[:, None], (time[:, None] + back).clamp_min(0)]  # (B, context, 3, H, W)
        return seen.flatten(1, 2) / 255.0, target[film, time]

    def loss(drawn: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        frames, wanted = drawn
        logits = policy(frames)
        right = (logits.argmax(dim=1) == wanted).float().mean()
        return {"loss": F.cross_entropy(logits, wanted), "right": right}

    rows = fit(policy, loss, draw, steps=steps, learning_rate=learning_rate, weight_decay=1e-4,
               generator=torch.Generator().manual_seed(seed), on_step=on_step)  # fmt: skip
    return Cloned(policy, [row["loss"] for row in rows], [row["right"] for row in rows])


LABELS = (50, 100, 200)

KEPT = DATA / "playground" / "cloned.json"


@dataclass(frozen=True)
class Clones:
    """Policies cloned from the same films, and what the films' steps were.

    by_word: of latent actions; by_key: of the true keys. films: uint8 (N, T, H, W, 3). words: int64 (N, S), of
    ``length`` of ``codes`` codes each. keys: int64 (N, at least S).
    """

    by_word: Policy
    by_key: Policy
    films: np.ndarray
    words: np.ndarray
    keys: np.ndarray
    codes: int
    length: int


def make_clones(
    part: LatentActionModel, *, episodes: int = 300, steps: int = 4000, length: int = 2, seed: int = 0
) -> Clones:
    """Film the expert, name its steps, clone both policies: about three minutes of one core."""
    films, keys = film_expert(episodes).films(spec.EPISODE_STEPS + 1)
    codes = part.config.codes
    words, size = name_steps(part, films, length=length), part.config.frame_size
    by_word, by_key = (
        clone(films, answers, PolicyConfig(frame_size=size, answers=number), steps=steps, seed=seed).policy
        for answers, number in ((words, codes**length), (keys, KEYS))
    )
    return Clones(by_word, by_key, films, words, keys.astype(np.int64), codes, length)


def label_tables(clones: Clones, labels: int, games: int, *, length: int | None = None) -> np.ndarray:
    """What each word's key is by so many labelled steps, other ones for every game: (games, words, KEYS).

    length: how many codes of a word are used, all if None. The same labels are drawn for every length.
    """
    used = length or clones.length
    words = clones.words // clones.codes ** (clones.length - used)
    tables = []
    for game in range(games):
        chosen = draw_labels(words.shape, labels, np.random.default_rng([labels, game]))
        tables.append(key_shares(words[chosen], clones.keys[chosen], codes=clones.codes, length=used))
    return key_table(np.stack(tables))


def labels_alone(clones: Clones, labels: int, *, steps: int = 250) -> Policy:
    """The same network, taught by the labelled steps and nothing else: what the films are worth is beyond this."""
    named = np.full(clones.words.shape, -1)
    chosen = draw_labels(named.shape, labels, np.random.default_rng([labels, 0]))
    named[chosen] = clones.keys[chosen]
    return clone(clones.films, named, clones.by_key.config, steps=steps).policy


def cloned_returns(clones: Clones, *, split: str = "test", episodes: int = EPISODES) -> dict[str, np.ndarray]:
    """Normalised returns in the same episodes, (episodes,) each, by player.

    "keys": the oracle clone; "words 200": cloned from films, with 200 labels; "codes 200": the same policy and labels,
    read code by code, as in the paper; "labels alone": a network that saw nothing but 200 labelled steps; "untrained":
    the cloning policy before it saw a film, with the 200 labels.
    """
    codes = clones.codes
    players = {"keys": Player(clones.by_key, np.eye(KEYS))}
    for labels in LABELS:
        players[f"words {labels}"] = Player(clones.by_word, label_tables(clones, labels, episodes))
        single = label_tables(clones, labels, episodes, length=1)
        players[f"codes {labels}"] = Player(clones.by_word, single, codes=codes)
    players["labels alone"] = Player(labels_alone(clones, LABELS[-1]), np.eye(KEYS))
    bare = fresh(Policy, clones.by_word.config, 1).eval()
    players["untrained"] = Player(bare, players[f"words {LABELS[-1]}"].table)
    return {name: np.asarray(normalised_return(play_together(player, episodes=episodes, split=split).returns))
            for name, player in players.items()}  # fmt: skip


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Clone from the shipped latent action model at full length, and play: three minutes of one core."""
    found = cloned_returns(make_clones(load_checkpoint("lam").eval()))
    for name, values in found.items():
        report(f"{name}: {values.mean():.3f}")
    returns = {name: [round(float(value), 4) for value in values] for name, values in found.items()}
    return {"checkpoint": weights_of("lam"), "returns": returns}


def measured_returns() -> tuple[dict[str, np.ndarray], str]:
    """What ``run`` found: normalised returns by player, (EPISODES,) each, and the latent action model's hash.

    Raises ExamError when the file is missing or damaged.
    """

    def parse(facts: dict) -> tuple[dict[str, np.ndarray], str]:
        found = {name: np.asarray(values, float) for name, values in facts["returns"].items()}
        if {len(values) for values in found.values()} != {EPISODES} or "keys" not in found:
            raise ValueError(f"{EPISODES} returns for each player wanted")
        return found, str(facts["checkpoint"])

    return read_study(KEPT, parse, "cloning")
