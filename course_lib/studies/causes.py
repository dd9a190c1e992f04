"""One of two balls is taken out of the first frame, or made heavier: does the dreamed future change as the true one?

The pairs are those of ``worlds/two_balls``: SEEN frames are shown, eight are dreamed, and the blue ball is watched. The
measure is ``measures/causes``. Asked are the four models of notebook 25, which learned from rooms without any ball, and
four that learned from films with bodies:

    dit-film                      the text-to-video model, prompted with both balls; learned from the set "bodies"
    vmc-occluded                  V and M with a memory; M learned from two bodies and a screen
    latent_transformer-occluded   a transformer in M's place, behind the same V
    film_jepa                     a JEPA without pictures; learned from single bodies behind screens

``film_jepa-balls`` stands beside them: the same JEPA, trained here on films of these two balls, and not kept with the
course. And the yardstick: the engine of ``models/seen_engine``, which reads both balls off the last two frames that are
shown, knows the rules, and has no mass.

Where a model draws, the reader sees where the blue ball is. A probe with random Fourier features, fitted on pairs of
the training split, reads the JEPAs. ``ceiling`` is what is read where there is nothing to foresee: the model is shown
the whole of both true films. Who cannot even draw a ball that it sees has a ceiling near 0 and its share says nothing;
below BLIND it is asked about the first change alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from course_lib.contract import State, WorldModel
from course_lib.exam.measures.causes import (
    counterfactual_effect,
    drawn_ball,
    effect_share,
    effect_share_interval,
    effect_size,
    idle_keys,
    share_of_other_pairs,
)
from course_lib.exam.measures.probes import ProbeFit, fit_fourier
from course_lib.models.base import bare_twin, untrained_twin
from course_lib.models.continuation import Continuation
from course_lib.models.film_jepa import FilmJEPA
from course_lib.models.reader import Reader
from course_lib.models.seen_engine import SeenEngine
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training import load_config, train
from course_lib.training.checkpoints import load_checkpoint, provenance
from course_lib.training.dit_world import load_dit_world
from course_lib.training.latent_transformer import load_latent_transformer
from course_lib.training.text_to_video import load_text_to_video
from course_lib.worlds.films import cache_folder
from course_lib.worlds.frames import to_model
from course_lib.worlds.two_balls import CHANGES, SEEN, BallPairs, make_ball_films, make_ball_pairs

KEPT = DATA / "playground" / "causes.json"
PAIRS, STEPS = 40, 8  # pairs of films for each change, and frames that are dreamed
LEARN = 150  # pairs of training films that a probe is fitted to
LEARNED_FROM = 3000  # films of two balls, by BALLS
READ_AT = (SEEN - 1, SEEN + 2, SEEN + STEPS - 1)  # frames of these at which it learns to read
WATCHED, PROMPT = "blue", "a blue ball and an orange ball"
BLIND = 0.1  # of the true effect
BALLS = "film_jepa-balls"
CHECKPOINTS = {  # of each: model, size, and the part that has learned
    "vmc": ("vmc", "cpu", "m"),
    "dit_world": ("dit_world", "cpu", None),
    "action_jepa": ("action_jepa", "cpu", None),
    "genie-table": ("genie", "cpu", "dynamics"),
    "dit-film": ("dit", "cpu", None),
    "vmc-occluded": ("vmc", "cpu-occluded", "m"),
    "latent_transformer-occluded": ("latent_transformer", "cpu-occluded", None),
    "film_jepa": ("film_jepa", "cpu", None),
}
ASKED = tuple(CHECKPOINTS)
ENGINE = "engine, as read"
EVERYBODY = (*ASKED, BALLS, ENGINE)
WHO = ("trained", "untrained")
SEED = 0


def load_asked(name: str) -> Any:
    """One of them, as the course ships it."""
    model, size, _ = CHECKPOINTS[name]
    if name == "dit-film":
        frames = max(provenance("dit")["configuration"]["data"]["lengths"])
        return Continuation(load_text_to_video(), frames=frames, prompt=PROMPT)
    loaders = {"dit_world": load_dit_world, "latent_transformer": load_latent_transformer}
    return loaders[model](size=size) if model in loaders else load_checkpoint(model, size=size).eval()


def taught_on_balls(report: Callable[[str], None] = print) -> tuple[FilmJEPA, str]:
    """A JEPA like ``film_jepa`` that learned from films of two balls, from the cache where it was trained before; and
    the first digits of its weights' SHA-256."""
    config = load_config("film_jepa", "cpu")
    key = hashlib.sha256(f"{config.model_dump_json()} {LEARNED_FROM}".encode()).hexdigest()[:12]
    path = cache_folder().parent / "studies" / "causes" / f"{BALLS}-{key}.safetensors"
    if not path.exists():
        films = make_ball_films(split="train", count=LEARNED_FROM)
        report(f"{len(films)} films of two balls made")
        model = train("film_jepa", config, data=films, progress="none").model
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: each.contiguous() for name, each in model.state_dict().items()}, path)
    model = untrained_twin(load_checkpoint("film_jepa"))
    model.load_state_dict(load_file(path))
    return model.eval(), hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def watch_ball(model: WorldModel, reader: Reader, learn: BallPairs) -> Callable[[State], np.ndarray]:
    """Where the blue ball is in a state, units, (B, 2). learn: to fit a probe on, where nothing is drawn."""
    if isinstance(model, SeenEngine):
        return lambda state: state.now(model.colours.index(WATCHED))
    if model.capabilities.decodes:
        return drawn_ball(model, reader, WATCHED)
    films, places = learn.frames.reshape(-1, *learn.frames.shape[2:]), learn.place.reshape(-1, *learn.place.shape[2:])
    x = np.concatenate([_newest(encode_films(model, films[:, t - 1 : t + 1])) for t in READ_AT])
    bend = fit_fourier(x, np.random.default_rng([SEED, 1]))
    which = np.tile(np.repeat(np.arange(len(learn)), 2), len(READ_AT))  # both films of a pair are one
    probe = ProbeFit(bend(x), which)(np.concatenate([places[:, t] for t in READ_AT]))
    return lambda state: probe(bend(_newest(state)))


@torch.no_grad()
def encode_films(model: WorldModel, films: np.ndarray) -> State:
    """The state after films in which no key is pressed. uint8 (N, T, H, W, 3)."""
    frames = to_model(films)
    return model.encode(frames, idle_keys(model, *frames.shape[:2]))


def _newest(state: Any) -> np.ndarray:
    return state.s[:, -1].double().numpy()


def ceiling_of(model: WorldModel, read: Callable[[State], np.ndarray], pairs: BallPairs) -> float:
    """The share of the effect in the last frame that is read off states that have seen all of it."""
    one, other = (read(encode_films(model, pairs.frames[:, which])) for which in (0, 1))
    return effect_share(other - one - pairs.begun(), pairs.effect()[-1])


def measure_change(model: WorldModel, read: Callable[[State], np.ndarray], pairs: BallPairs) -> dict[str, Any]:
    """One model and one change: the effect in the last dreamed frame, (N, 2), null where the ball is not found, its
    size by frame, (STEPS,), and, where something changes in the simulator, its share by frame and the ceiling."""
    found = counterfactual_effect(model, pairs.shown(), read, STEPS, pairs.begun())
    true = pairs.effect()
    last = [[None if np.isnan(value) else round(float(value), 3) for value in row] for row in found[-1]]
    facts: dict[str, Any] = {"last": last, "sizes": [round(effect_size(each), 4) for each in found]}
    if np.abs(true).max() > 0:
        moving = [step for step in range(STEPS) if np.abs(true[step]).max() > 0]
        facts["shares"] = {str(step + 1): round(effect_share(found[step], true[step]), 4) for step in moving}
        facts["ceiling"] = round(ceiling_of(model, read, pairs), 4)
    return facts


def causes_weights() -> dict[str, str]:
    """The first digits of the SHA-256 of everybody who is asked."""
    return {name: weights_of(model, size, part) for name, (model, size, part) in CHECKPOINTS.items()}


def _asked_with_weights(name: str, weights: Mapping[str, str], reader: Reader, report: Callable) -> tuple[Any, str]:
    if name == BALLS:
        return taught_on_balls(report)
    return (SeenEngine(reader), weights_of("reader")) if name == ENGINE else (load_asked(name), weights[name])


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Teach the last one, and ask everybody about every change: about fifteen minutes of one core."""
    weights, reader = causes_weights(), load_checkpoint("reader")
    pairs = {change: make_ball_pairs(change, split="test", count=PAIRS, length=SEEN + STEPS) for change in CHANGES}
    learn = make_ball_pairs("taken out", split="train", count=LEARN, length=SEEN + STEPS)
    found: dict[str, Any] = {}
    for name in EVERYBODY:
        trained, own = _asked_with_weights(name, weights, reader, report)
        found[name] = {}
        for who in WHO[:1] if name == ENGINE else WHO:
            model = trained if who == "trained" else bare_twin(trained)
            read = watch_ball(model, reader, learn)
            found[name][who] = {}
            for change, these in pairs.items():
                blind = change != CHANGES[0] and found[name]["trained"][CHANGES[0]]["ceiling"] < BLIND
                if blind or (who, change) == ("untrained", "apart"):
                    continue
                decided = {"weights": own, "who": who, "change": change, "pairs": PAIRS, "steps": STEPS,
                           "reader": weights_of("reader"), "learn": LEARN, "prompt": PROMPT}  # fmt: skip
                piece = kept_piece("causes", f"{name}-{who}-{change.replace(' ', '-')}", decided,
                                   lambda m=model, r=read, p=these: measure_change(m, r, p))  # fmt: skip
                piece.pop("commit")
                found[name][who][change] = piece
            report(f"{name}, {who}: " + ", ".join(
                f"{change} {piece['shares'][str(STEPS)]:.2f} (ceiling {piece['ceiling']:.2f})"
                for change, piece in found[name][who].items() if "shares" in piece
            ))  # fmt: skip
        weights[name] = own
    return {"seed": SEED, "pairs": PAIRS, "steps": STEPS, "weights": weights,
            "true": {change: np.round(each.effect()[-1], 4).tolist() for change, each in pairs.items()},
            "same_frames": {change: each.shown_alike() for change, each in pairs.items()},
            "found": found}  # fmt: skip


@dataclass(frozen=True)
class Counterfactual:
    """One model and one change. share, low, high: of the true effect in the last dreamed frame, pairs resampled.
    others: the share of the other pairs' effects. ceiling: of what is shown whole. lost: in how many pairs the ball is
    not found. size: of the dreamed effect over the size of the true one; in "apart" over that of "taken out", and the
    share is NaN there."""

    share: float
    low: float
    high: float
    others: float
    ceiling: float
    lost: int
    size: float


@dataclass(frozen=True)
class Causes:
    """What ``run`` kept. by: by model, "trained" or "untrained", and change that it was asked about. shares: of the
    same, by dreamed frame. true: by change, the simulator's effect in the last frame, units, (PAIRS, 2). same_frames:
    whether the frames that are shown are the same in both films of every pair."""

    by: Mapping[str, Mapping[str, Mapping[str, Counterfactual]]]
    shares: Mapping[str, Mapping[str, Mapping[str, Mapping[int, float]]]]
    true: Mapping[str, np.ndarray]
    same_frames: Mapping[str, bool]
    weights: Mapping[str, str]


def measured_causes() -> Causes:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def effects(rows: Any) -> np.ndarray:
        found = np.array(rows, dtype=float)
        if found.shape != (PAIRS, 2):
            raise ValueError(f"effects {(PAIRS, 2)} are expected, these are {found.shape}")
        return found

    def counterfactual(piece: Mapping[str, Any], change: str, true: Mapping[str, np.ndarray]) -> Counterfactual:
        last, moves = effects(piece["last"]), bool(np.abs(true[change]).max() > 0)
        size = effect_size(last) / effect_size(true[change] if moves else true["taken out"])
        lost = int(np.isnan(last).any(axis=1).sum())
        if not moves:
            return Counterfactual(*[np.nan] * 5, lost, size)
        low, high = effect_share_interval(last, true[change], np.random.default_rng([SEED, 2]))
        return Counterfactual(effect_share(last, true[change]), low, high, share_of_other_pairs(last, true[change]),
                              float(piece["ceiling"]), lost, size)  # fmt: skip

    def parse(facts: dict[str, Any]) -> Causes:
        true = {change: effects(facts["true"][change]) for change in CHANGES}
        who_of = {name: WHO[:1] if name == ENGINE else WHO for name in EVERYBODY}
        by, shares = ({name: {who: {} for who in who_of[name]} for name in EVERYBODY} for _ in range(2))
        for name in EVERYBODY:
            for who in who_of[name]:
                for change, piece in facts["found"][name][who].items():
                    by[name][who][change] = counterfactual(piece, change, true)
                    shares[name][who][change] = {int(t): float(v) for t, v in piece.get("shares", {}).items()}
        same = {change: bool(facts["same_frames"][change]) for change in CHANGES}
        if any(CHANGES[0] not in one for each in by.values() for one in each.values()):
            raise ValueError(f"somebody was not asked about {CHANGES[0]!r}")
        return Causes(by, shares, true, same, {name: str(facts["weights"][name]) for name in EVERYBODY})

    return read_study(KEPT, parse, "causes")
