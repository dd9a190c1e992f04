"""Question: what is learned about acting from films without keys, once a few steps are named?

A policy is cloned from films of the scripted oracle through the latent actions that a frozen model finds in them
(``models/cloning.py``), and 50, 100 or 200 labelled steps say which key a latent action is. It plays against a clone of
the same network that was told every key. Both are trained on the spot, and all play the same held-out episodes; in each
of these other steps are the labelled ones, so that the interval knows both kinds of luck. The luck of one training is
not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from course_lib.exam.entrants import Entrant
from course_lib.exam.intervals import paired_ratio_interval
from course_lib.exam.kept import FOLDER, read_kept
from course_lib.exam.returns import EPISODES
from course_lib.exam.room import ExamError, Room
from course_lib.exam.rows import Row, mean_and_interval
from course_lib.models.base import fresh
from course_lib.models.cloning import (
    KEYS,
    Player,
    Policy,
    PolicyConfig,
    clone,
    draw_labels,
    film_expert,
    key_shares,
    key_table,
    name_steps,
    play_together,
)
from course_lib.models.latent_action import LatentActionModel
from course_lib.worlds import spec
from course_lib.worlds.oracle import normalised_return

LABELS = (50, 100, 200)
CLONED = FOLDER / "cloned.json"


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

    length: how many codes of a word are used, all unless told. The same labels are drawn for every length.
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


def measured_returns() -> tuple[dict[str, np.ndarray], str]:
    """What tools/measure_cloning.py measured: ``cloned_returns`` at full length, and the latent action model's hash.

    Raises ExamError when the file is missing or damaged.
    """

    def parse(facts: dict) -> tuple[dict[str, np.ndarray], str]:
        found = {name: np.asarray(values, float) for name, values in facts["returns"].items()}
        if {len(values) for values in found.values()} != {EPISODES} or "keys" not in found:
            raise ValueError(f"{EPISODES} returns for each player wanted")
        return found, str(facts["checkpoint"])

    return read_kept(CLONED, parse, "tools.measure_cloning")


def cloning(entrant: Entrant, room: Room, *, part: LatentActionModel, clones: Clones | None = None) -> Iterator[Row]:
    """Rows oracle_clone_return and clone_return_50, _100, _200, the last ones as shares of the first.

    part: the latent action model, frozen. clones: what was trained already; without it, it is trained here.
    """
    if entrant.trained_on is None or f"goal/{room.split}" in entrant.trained_on:
        raise ExamError(f"{entrant.name} may have seen these episodes (goal/{room.split}): ask it on others")
    where = f"goal/{room.split}"
    found = cloned_returns(make_clones(part) if clones is None else clones, split=room.split)
    means = {name: float(values.mean()) for name, values in found.items()}
    best = found["keys"]
    yield entrant.row(
        room, where, "oracle_clone_return", unit="", note="n counts episodes; the same network, told every key",
        controls={"random": 0.0, "oracle": 1.0, "untrained": means["untrained"]},
        **mean_and_interval(best, seed=room.seed),
    )  # fmt: skip
    if best.mean() <= 0:
        return
    for labels in LABELS:
        mine = found[f"words {labels}"]
        low, high = paired_ratio_interval(mine, best, generator=room.rng(7))
        asked = {"single_codes": f"codes {labels}", "labels_alone": "labels alone", "untrained": "untrained"}
        yield entrant.row(
            room, where, f"clone_return_{labels}", unit="", value=means[f"words {labels}"] / means["keys"],
            low=low, high=high, n=len(mine),
            controls={"random": 0.0} | {name: means[player] / means["keys"] for name, player in asked.items()},
            note=f"its return over the oracle clone's, both normalised; {labels} labelled steps, drawn anew in each "
            "episode; every step named by its latent action and the next one's",
        )  # fmt: skip
