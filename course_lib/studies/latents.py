"""What the states of the trained world models hold, whether the models use it, and whether they know what causes what.

Questions to V-M-C, to the film model that is played (``dit_world``) and to the JEPA that is told the keys:

    probes      how well the agent's place and speed are read off each part or layer of a model by a linear probe, and
                off the film model's tokens while the next frame is still noise
    geometry    rank correlation of distances between states with distances between the agent's places (representational
                similarity: Kriegeskorte et al. 2008, doi 10.3389/neuro.06.004.2008)
    moved       the state is moved along a direction for one coordinate; does the future move?
    exchanged   what the newest frame says and what the memory says come from two films: which of them is followed
    causes      the platform under the agent is taken away in the first frame (``worlds/taken_away``); Genie too

Probes and directions are fitted on validation films. Where a model draws, the reader sees where the agent is. The JEPA
draws nothing: a probe with random Fourier features, fitted on training films, reads its predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import State, WorldModel
from course_lib.exam.measures.causes import counterfactual_effect
from course_lib.exam.measures.interventions import DIRECTIONS, direction_of, flat_state, followed, futures, put_back
from course_lib.exam.measures.probed import (
    TIMES,
    Features,
    Probed,
    laid_flat,
    leading_components,
    pixel_features,
    truth,
)
from course_lib.exam.measures.probes import ProbeFit, fit_fourier, r2, r2_interval
from course_lib.exam.measures.rollout import as_input, translate
from course_lib.exam.measures.seeking import things_seen
from course_lib.models.action_jepa import LastEmbeddings
from course_lib.models.base import bare_twin
from course_lib.models.dit import DiT
from course_lib.models.dit_world import DiTWorld, noise_of
from course_lib.models.reader import Reader
from course_lib.models.vmc import Dream
from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.dit_world import load_dit_world
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_uint8
from course_lib.worlds.taken_away import Pairs, make_pairs

KEPT = DATA / "playground" / "latents.json"
FIT, SCORE = 200, 100  # films to fit probes on, and to score them on
VARIABLES = ("agent_x", "agent_y", "agent_vx", "agent_vy")
NOISE = (0.1, 0.5, 0.9)  # levels of the frame in the making
MOVE, RANDOMS = 3.0, 3  # units that a state is moved by; random directions
MOVED, STEPS = 60, 4  # states that are moved, and frames that follow
PAIRS, FALL = 50, 8  # rooms with and without a platform, and frames that are dreamed of each
SEED = 0
MODELS = ("vmc", "dit_world", "action_jepa")
ASKED_CAUSES = (*MODELS, "genie-table")
COORDINATES = {"agent_x": 0, "agent_y": 1}


# ------------------------------------------------------------------------------------------------ parts of a state


def parts_of(name: str, model: Any) -> dict[str, Features]:
    """What is probed of a model: its parts, the first of them first seen, each a function of films."""
    if name == "vmc":
        ways = {"z, the frame": lambda state: state.z, "h, the memory": lambda state: state.h}
        return {part: _read(model, way) for part, way in ways.items()}
    if name == "action_jepa":
        newest = _read(model, lambda state: state.s[:, -1])
        return {"the frame": newest, "both frames": _read(model, lambda state: state.s)}
    layers = {f"block {1 + i}": _tokens(model, i) for i in range(len(model.dit.blocks))}
    return {"latents of the frame": _read(model, lambda state: state.latents[:, -1])} | layers


def _read(model: WorldModel, part: Callable[[Any], Tensor]) -> Features:
    """A part of the state after films, float64 (N, D)."""
    return partial(laid_flat, lambda frames, actions: part(model.encode(frames, translate(model, actions))))


class BlockStream:
    """The tokens that leave a block of a transformer, (B, G, N, D) each time that it is asked: what the module after
    the block is given. Used as a context."""

    def __init__(self, dit: DiT, block: int) -> None:
        self.after = dit.blocks[block + 1].norm1 if block + 1 < len(dit.blocks) else dit.final_layer
        self.seen: list[Tensor] = []

    def __enter__(self) -> list[Tensor]:
        self.hook = self.after.register_forward_pre_hook(lambda module, given: self.seen.append(given[0]))
        return self.seen

    def __exit__(self, *error: object) -> None:
        self.hook.remove()


def _tokens(world: DiTWorld, block: int) -> Features:
    """A block's tokens of the newest frame, when the past is looked at without noise, float64 (N, tokens * width)."""

    def tokens(frames: Tensor, actions: Tensor) -> Tensor:
        state = world.encode(frames, translate(world, actions))
        with BlockStream(world.dit, block) as seen:
            world.remember(state.latents, state.actions)
        return seen[0][:, -1]  # (B, G, N, D) -> (B, N, D)

    return partial(laid_flat, tokens)


def tokens_at(world: DiTWorld, level: float) -> Features:
    """The last block's tokens of a frame in the making, at a noise level, behind its past; the frame is the last one of
    the films, float64 (N, tokens * width)."""

    def tokens(frames: Tensor, actions: Tensor) -> Tensor:
        keys = translate(world, actions)
        state = world.encode(frames[:, :-1], keys[:, :-1])
        z = world.codec.latents(frames[:, -1:])[:, 0]  # (B, C, h, w)
        t = torch.full((len(z),), level)
        noisy = world.dit.diffusion.noised(z, noise_of(state.frames, (1, *z.shape[1:])).to(z).expand_as(z), t)
        past = world.remember(state.latents, state.actions)
        with BlockStream(world.dit, len(world.dit.blocks) - 1) as seen:
            world.guess(noisy, t, keys[:, -1], past)
        return seen[0][:, -1]  # (B, 1, N, D) -> (B, N, D)

    return partial(laid_flat, tokens)


# ------------------------------------------------------------------------------------------------------- measuring


def measure_probes(ways: Mapping[str, Features], fit: Films, score: Films) -> dict[str, Any]:
    """R2 of a linear probe with its interval for each way and variable, with the score of a task without meaning."""
    found: dict[str, Any] = {}
    for name, way in ways.items():
        probed = Probed(way, fit, score, np.random.default_rng([SEED, 1]))
        if name == "pca":
            probed.x = leading_components(probed.x, 32)
        for variable in VARIABLES:
            y_fit, y = truth(fit, variable), truth(score, variable).T.ravel()
            guess = probed.ask(y_fit)
            low, high = r2_interval(y, guess, probed.films[1], np.random.default_rng([SEED, 2]))
            found.setdefault(name, {})[variable] = {
                "value": r2(y, guess), "low": low, "high": high,
                "meaningless_task": probed.meaningless(y_fit, y, np.random.default_rng([SEED, 3])),
            }  # fmt: skip
    return found


def measure_geometry(ways: Mapping[str, Features], films: Films, resamples: int = 500) -> dict[str, list[float]]:
    """Spearman's correlation of distances between states with those between the agent's places: value, low, high.

    One state a film, after TIMES[1] frames; every number in units of its standard deviation. Resampled are films.
    """
    frames, actions = as_input(films)
    t, found = TIMES[1], {}
    place = np.stack([truth(films, name)[:, 1] for name in COORDINATES], axis=1)  # (N, 2)
    for name, way in ways.items():
        x = way(frames[:, : t + 1], actions[:, :t])
        x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
        one, other = _distances(x), _distances(place)
        rng = np.random.default_rng([SEED, 4])
        drawn = [rng.integers(len(x), size=len(x)) for _ in range(resamples)]
        values = [_spearman(one[rows][:, rows], other[rows][:, rows], rows) for rows in drawn]
        low, high = np.quantile(values, [0.025, 0.975])
        found[name] = [_spearman(one, other, np.arange(len(x))), float(low), float(high)]
    return found


def _distances(x: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(np.square(x).sum(1)[:, None] + np.square(x).sum(1) - 2 * x @ x.T, 0.0))


def _spearman(one: np.ndarray, other: np.ndarray, rows: np.ndarray) -> float:
    """Over pairs of different films: a film that was drawn twice is at no distance from itself."""
    from scipy.stats import spearmanr

    upper = np.triu(rows[:, None] != rows, 1)
    return float(spearmanr(one[upper], other[upper]).statistic)


def place_reader(name: str, model: WorldModel, reader: Reader, films: Films) -> Callable[[State], np.ndarray]:
    """Where the agent is in a state, units, (B, 2). films: to fit a probe on, where nothing is drawn."""
    if model.capabilities.decodes:
        return lambda state: things_seen(reader, to_uint8(model.decode(state)))[0]
    frames, actions = as_input(films)
    way = _read(model, lambda state: state.s[:, -1])
    x = np.concatenate([way(frames[:, : t + 1], actions[:, :t]) for t in TIMES])
    bend = fit_fourier(x, _rng(5))
    place = np.stack([truth(films, variable).T.ravel() for variable in COORDINATES], axis=1)  # (K * N, 2)
    probe = ProbeFit(bend(x), np.tile(np.arange(len(films)), len(TIMES)))(place)
    return lambda state: probe(bend(state.s[:, -1].double().numpy()))


def _rng(stream: int) -> np.random.Generator:
    return np.random.default_rng([SEED, stream])


@torch.no_grad()
def measure_moved(model: WorldModel, read: Callable[[State], np.ndarray], fit: Films, score: Films) -> dict[str, Any]:
    """By coordinate and direction, how far the coordinate moves for each unit that the state was moved by, film by film
    after one step and after STEPS, (2, N); "random" is the mean over RANDOMS directions."""
    frames, actions = as_input(fit)
    at = TIMES[0]
    states = [flat_state(model.encode(frames[:, : t + 1], translate(model, actions[:, :t]))) for t in TIMES]
    x, films = np.concatenate(states), np.tile(np.arange(len(fit)), len(TIMES))
    shown, pressed = as_input(score, slice(0, MOVED))
    state = model.encode(shown[:, : at + 1], translate(model, pressed[:, :at]))
    own, place, found = futures(model, state, STEPS, read), flat_state(state), {}
    probes = ProbeFit(x, films)
    for variable, axis in COORDINATES.items():
        y = truth(fit, variable).T.ravel()
        probe, rng, found[variable] = probes(y[:, None]), _rng(6), {}
        for kind in DIRECTIONS:
            shares = []
            for _ in range(RANDOMS if kind == "random" else 1):
                moved = place + MOVE * direction_of(kind, probe, x, y, rng)
                after = futures(model, put_back(state, moved), STEPS, read)
                shares.append((after - own)[[0, STEPS - 1], :, axis] / MOVE)
            found[variable][kind] = _numbers(np.mean(shares, axis=0))
    return found


def with_frame_of(first: State, second: State) -> State:
    """The memory of the first state, and of the second what its newest frame says."""
    if isinstance(first, Dream):
        return replace(first, z=second.z)
    name = "s" if isinstance(first, LastEmbeddings) else "latents"
    own, other = getattr(first, name), getattr(second, name)
    return replace(first, **{name: torch.cat([own[:, :-1], other[:, -1:]], dim=1)})


@torch.no_grad()
def measure_exchanged(model: WorldModel, read: Callable[[State], np.ndarray], score: Films) -> list[list[float | None]]:
    """How far the future goes over to the film that the newest frame is taken from, after one step and after STEPS."""
    frames, actions = as_input(score)
    at = TIMES[0]
    state = model.encode(frames[:, : at + 1], translate(model, actions[:, :at]))
    other = state[[*range(1, len(state)), 0]]
    ways = [futures(model, one, STEPS, read) for one in (with_frame_of(state, other), state, other)]
    return _numbers(np.stack([followed(*(way[step] for way in ways)) for step in (0, STEPS - 1)]))


def measure_causes(model: WorldModel, read: Callable[[State], np.ndarray], pairs: Pairs) -> list[list[float | None]]:
    """How far taking the platform away moves the agent upwards in the dream of one frame, units, (FALL, N)."""
    return _numbers(counterfactual_effect(model, pairs.frames[:, :, :1], read, FALL)[..., 1])


def _numbers(values: np.ndarray) -> list[list[float | None]]:
    """As JSON takes them: None where there is no number."""
    return [[None if np.isnan(value) else round(float(value), 4) for value in row] for row in values]


def world_models() -> dict[str, Any]:
    """Those who are asked, as the course ships them."""
    return {"vmc": load_checkpoint("vmc").eval(), "dit_world": load_dit_world(),
            "action_jepa": load_checkpoint("action_jepa").eval(),
            "genie-table": load_checkpoint("genie").eval()}  # fmt: skip


def shipped_weights() -> dict[str, str]:
    """The first digits of the SHA-256 of everybody's checkpoint, as the exam names it."""
    parts = {"vmc": "m", "genie-table": "dynamics"}
    return {name: weights_of(name.partition("-")[0], part=parts.get(name)) for name in ASKED_CAUSES}


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Ask everybody everything: about four minutes of one core."""
    models, reader = world_models(), load_checkpoint("reader")
    fit, score = load_films("goal", split="validation", count=FIT), load_films("goal", split="test", count=SCORE)
    rest = load_films("goal", split="train", count=FIT)
    rooms = {"standing": True, "beside": False}
    pairs = {name: make_pairs(split="test", count=PAIRS, standing=on, length=FALL + 1) for name, on in rooms.items()}
    shared = {"pixels": pixel_features, "pca": pixel_features}
    found: dict[str, Any] = {"probes": {"controls": measure_probes(shared, fit, score)}, "geometry": {
        "controls": measure_geometry({"pixels": pixel_features}, score)}, "moved": {}, "exchanged": {}, "causes": {},
        "caused": {name: _numbers(pair.effect()[:, 1:, 1].T) for name, pair in pairs.items()}}  # fmt: skip
    for name in ASKED_CAUSES:
        model, bare = models[name], bare_twin(models[name])
        places = {who: place_reader(name, one, reader, rest) for who, one in (("trained", model), ("untrained", bare))}
        if name in MODELS:
            parts = {who: parts_of(name, one) for who, one in (("trained", model), ("untrained", bare))}
            found["probes"][name] = {who: measure_probes(ways, fit, score) for who, ways in parts.items()}
            found["geometry"][name] = {who: measure_geometry(ways, score) for who, ways in parts.items()}
            both = {"trained": model, "untrained": bare}
            found["moved"][name] = {who: measure_moved(one, places[who], fit, score) for who, one in both.items()}
            found["exchanged"][name] = measure_exchanged(model, places["trained"], score)
            for kind, row in found["moved"][name]["trained"]["agent_x"].items():
                report(f"{name}: moved along {kind}, share {np.nanmean(np.array(row[0], float)):.2f}")
        found["causes"][name] = {
            who: {where: measure_causes(one, places[who], pair) for where, pair in pairs.items()}
            for who, one in (("trained", model), ("untrained", bare))
        }  # fmt: skip
        fallen = np.array(found["causes"][name]["trained"]["standing"], float)[-1]
        report(f"{name}: {np.nansum(fallen) / max(np.isfinite(fallen).sum(), 1):.1f} units up without the platform")
    levels = {f"{level}": tokens_at(models["dit_world"], level) for level in NOISE}
    bare = {f"{level}": tokens_at(bare_twin(models["dit_world"]), level) for level in NOISE}
    found["noise"] = {"trained": measure_probes(levels, fit, score), "untrained": measure_probes(bare, fit, score)}
    return {"seed": SEED, "films": [FIT, SCORE], "move": MOVE, "steps": STEPS,
            "weights": shipped_weights(), **found}  # fmt: skip


@dataclass(frozen=True)
class Latents:
    """What ``run`` kept.

    probes: by model, "trained" or "untrained", part and variable, with ``controls`` and ``noise`` (by level) beside
    them: {"value", "low", "high", "meaningless_task"}. geometry: value, low, high. moved: by model, "trained" or
    "untrained", coordinate and direction, and exchanged: by model, shares after one step and after STEPS, (2, N).
    causes: by model, "trained" or "untrained", and where the agent begins: units, (FALL, PAIRS), and caused, the same
    in the simulator. NaN: the agent is not found.
    """

    probes: Mapping[str, Any]
    noise: Mapping[str, Any]
    geometry: Mapping[str, Any]
    moved: Mapping[str, Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]]
    exchanged: Mapping[str, np.ndarray]
    causes: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]
    caused: Mapping[str, np.ndarray]
    weights: Mapping[str, str]


def measured_latents() -> Latents:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def array(rows: Any, *shape: int) -> np.ndarray:
        found = np.array(rows, dtype=float)
        if found.shape != shape:
            raise ValueError(f"numbers {shape} are expected, these are {found.shape}")
        return found

    starts = ("standing", "beside")

    def parse(facts: dict) -> Latents:
        moved = {
            name: {who: {variable: {kind: array(by[variable][kind], 2, MOVED) for kind in DIRECTIONS}
                         for variable in COORDINATES} for who, by in facts["moved"][name].items()} for name in MODELS
        }  # fmt: skip
        exchanged = {name: array(facts["exchanged"][name], 2, SCORE) for name in MODELS}
        causes = {
            name: {who: {where: array(facts["causes"][name][who][where], FALL, PAIRS) for where in starts}
                   for who in ("trained", "untrained")} for name in ASKED_CAUSES
        }  # fmt: skip
        caused = {where: array(facts["caused"][where], FALL, PAIRS) for where in starts}
        for name in MODELS:
            for who in ("trained", "untrained"):
                for part in facts["probes"][name][who].values():
                    array([[part[variable][end] for end in ("value", "low", "high")] for variable in VARIABLES], 4, 3)
                array(list(facts["geometry"][name][who].values()), len(facts["geometry"][name][who]), 3)
        for part in (*facts["noise"]["trained"].values(), *facts["probes"]["controls"].values()):
            array([[part[variable][end] for end in ("value", "low", "high")] for variable in VARIABLES], 4, 3)
        weights = {name: str(facts["weights"][name]) for name in ASKED_CAUSES}
        return Latents(facts["probes"], facts["noise"], facts["geometry"], moved, exchanged, causes, caused, weights)

    return read_study(KEPT, parse, "latents")


def caused_share(dreamed: np.ndarray, true: np.ndarray) -> float:
    """Of the effect in the simulator, how much a dream has: mean over mean, (N,) each. NaN, an agent that is not found,
    counts as no effect."""
    return float(np.nan_to_num(dreamed).mean() / true.mean()) + 0.0  # no minus in front of 0
