"""Can a mass, an elasticity or a friction be read off what a model makes of a film that shows it?

The films are those of ``worlds/hidden_films``: in each something happens from which the property follows, and no single
frame shows it. A linear probe is fitted to what a model makes of whole films:

    vmc, vmc-occluded, dit_world, action_jepa   parts and layers of the state, as in ``studies/latents``, after 9, 13
                                                and 17 frames, side by side; no key is pressed
    film_jepa                                   what it expects after each frame
    dit-film                                    the tokens of the whole film, layer by layer, one tenth of them noise
    v_jepa, i_jepa, mae                         the tokens of all clips of four frames, of every second frame

Beside each stands the same network untrained (V, codec and tokenizer kept). Controls: the pixels of all frames, and the
true places of the bodies in all frames. What there is to know shows ``mechanics``: the law of ``measures/mechanics``
applied to the true places, and to those that the reader sees. ``mass_unseen``, the mass of a ball that meets nothing
that moves, is a control as well: nobody can know it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.measures.causes import coloured_ball, idle_keys
from course_lib.exam.measures.linear_probes import LinearProbes, Rows
from course_lib.exam.measures.mechanics import by_mechanics
from course_lib.exam.measures.rollout import CHUNK
from course_lib.models.action_jepa import LastEmbeddings
from course_lib.models.base import bare_twin
from course_lib.models.continuation import Continuation
from course_lib.models.reader import Reader
from course_lib.models.vmc import Dream
from course_lib.nets.chance import normal
from course_lib.studies.causes import CHECKPOINTS as OF_CAUSES
from course_lib.studies.causes import load_asked
from course_lib.studies.latents import BlockStream
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model
from course_lib.worlds.hidden_films import BLUE, FRAMES, HIDDEN_KINDS, PROPERTIES_OF, HiddenFilms, make_hidden_films

KEPT = DATA / "playground" / "hidden_properties.json"
FIT, SCORE = 300, 150  # films to fit probes to, and to score them on
SEEN_AFTER = (9, 13, 17)  # frames, for those whose state is asked
CLIP = 4  # frames of V-JEPA's clips
FILM_NOISE = 0.1  # level at which dit-film is asked
CHECKPOINTS = {name: OF_CAUSES[name] for name in (
    "vmc", "vmc-occluded", "dit_world", "action_jepa", "film_jepa", "dit-film")} | {
    name: (name, "cpu", None) for name in ("v_jepa", "i_jepa", "mae")}  # fmt: skip
ASKED = tuple(CHECKPOINTS)
CONTROLS = ("pixels", "places", "mechanics", "mechanics, as read")
HIDDEN = tuple(name for kind in HIDDEN_KINDS for name in PROPERTIES_OF[kind])
WHO = ("trained", "untrained")
SEED = 0

FilmParts = Callable[[Any, Tensor], dict[str, Tensor]]  # a model, whole films (N, T, 3, H, W) -> (N, ...) by part


# ------------------------------------------------------------------------------------------------- what is probed


def film_parts(name: str, model: Any, films: Tensor) -> dict[str, np.ndarray]:
    """What is probed of a model: of its parts or layers what it makes of whole films (N, T, 3, H, W), (N, D) each."""
    ways: dict[str, FilmParts] = {
        "dit-film": _film_tokens,
        "film_jepa": lambda model, films: {"what it expects": model.guesses(model.embed(films))},
        "v_jepa": lambda model, films: {"tokens": model.encode(_clips(films))},
        "i_jepa": _picture_tokens,
        "mae": _picture_tokens,
    }
    way = ways.get(name, _states)
    found: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        for some in films.split(CHUNK):
            for part, tensor in way(model, some).items():
                found.setdefault(part, []).append(tensor.flatten(1))
    return {part: torch.cat(tensors).double().numpy() for part, tensors in found.items()}


def _clips(films: Tensor) -> Tensor:
    """The last frames, cut into clips. (N, T, 3, H, W) -> (N, clips, CLIP, 3, H, W)."""
    clips = films.shape[1] // CLIP
    return films[:, -clips * CLIP :].unflatten(1, (clips, CLIP))


def _picture_tokens(model: Any, films: Tensor) -> dict[str, Tensor]:
    return {"tokens": model.encode(films[:, ::2])}


def _states(model: Any, films: Tensor) -> dict[str, Tensor]:
    """Parts of the state after each of SEEN_AFTER frames, side by side."""
    found: dict[str, list[Tensor]] = {}
    for seen in SEEN_AFTER:
        state = model.encode(films[:, :seen], idle_keys(model, len(films), seen))
        for part, tensor in _parts_of_state(model, state).items():
            found.setdefault(part, []).append(tensor.flatten(1))
    return {part: torch.cat(tensors, dim=1) for part, tensors in found.items()}


def _parts_of_state(model: Any, state: Any) -> dict[str, Tensor]:
    if isinstance(state, Dream):
        return {"z, the frame": state.z, "h, the memory": state.h}
    if isinstance(state, LastEmbeddings):
        return {"both frames": state.s}
    with ExitStack() as stack:
        blocks = range(len(model.dit.blocks))
        seen = {f"block {1 + block}": stack.enter_context(BlockStream(model.dit, block)) for block in blocks}
        model.remember(state.latents, state.actions)
    return {"latents of the frames": state.latents} | {name: tokens[0][:, -1] for name, tokens in seen.items()}


def _film_tokens(world: Continuation, films: Tensor) -> dict[str, Tensor]:
    """Each block's tokens of whole films that are nearly without noise."""
    dit, z = world.make.dit, world.make.codec.latents(films)  # (N, G, C, h, w)
    noise = normal((1, *z.shape[1:]), torch.Generator().manual_seed(SEED)).expand_as(z)
    t = torch.full((len(z),), FILM_NOISE)
    with ExitStack() as stack:
        blocks = range(len(dit.blocks))
        seen = {f"block {1 + block}": stack.enter_context(BlockStream(dit, block)) for block in blocks}
        dit(dit.diffusion.noised(z, noise, t), t, world.make.tokens([""] * len(z)))
    return {"latents": z} | {name: tokens[0] for name, tokens in seen.items()}


# ------------------------------------------------------------------------------------------------------ controls


def places_read(reader: Reader, films: HiddenFilms) -> np.ndarray:
    """Where the reader sees the bodies, units, (N, T, bodies, 2), NaN where it does not."""
    colours = ("blue", "orange") if films.kind == "mass" else ("blue",)
    flat = films.frames.reshape(-1, *films.frames.shape[2:])
    found = [coloured_ball(reader, flat, colour).reshape(*films.frames.shape[:2], 2) for colour in colours]
    return np.stack(found, axis=2)


def control_features(name: str, films: HiddenFilms, reader: Reader) -> np.ndarray:
    """What is probed of a control, (N, D). Raises ValueError for a control that there is not."""
    if name == "pixels":
        return to_model(films.frames).flatten(1).double().numpy()
    if name == "places":
        return films.places().reshape(len(films), -1)
    if name not in CONTROLS:
        raise ValueError(f"there is no control {name!r}; there are: {', '.join(CONTROLS)}")
    places = films.places() if name == "mechanics" else places_read(reader, films)
    size = films.states[:, 0, BLUE, spec.FIELD["size"]].astype(np.float64)
    return by_mechanics(films.kind, places, films.event, size)[:, None]


def probe_hidden(x_fit: np.ndarray, x: np.ndarray, fit: HiddenFilms, score: HiddenFilms) -> dict[str, dict[str, float]]:
    """R2 of each hidden property of these films. x_fit, x: features (N, D) of the films to fit and to score on."""
    probes = LinearProbes(Rows(x_fit, np.arange(len(x_fit))), Rows(x, np.arange(len(x))))
    found = {name: probes.scores(fit.hidden[name], score.hidden[name], seed=SEED) for name in fit.hidden}
    return {name: {key: round(value, 4) for key, value in each.items()} for name, each in found.items()}


# --------------------------------------------------------------------------------------------------------- the study


def hidden_weights() -> dict[str, str]:
    """The first digits of the SHA-256 of everybody who is asked."""
    return {name: weights_of(model, size, part) for name, (model, size, part) in CHECKPOINTS.items()}


def load_probed(name: str) -> Any:
    """One of them, as the course ships it."""
    return load_asked(name) if name in OF_CAUSES else load_checkpoint(name).eval()


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Probe everybody: about ten minutes of one core."""
    weights, reader = hidden_weights(), load_checkpoint("reader")
    films = {kind: [make_hidden_films(kind, split=split, count=count) for split, count in
                    (("validation", FIT), ("test", SCORE))] for kind in HIDDEN_KINDS}  # fmt: skip
    about = {"films": [FIT, SCORE, FRAMES], "seed": SEED}
    controls: dict[str, Any] = {}
    for name in CONTROLS:
        controls[name] = {}
        for kind, (fit, score) in films.items():
            def control(name: str = name, fit: HiddenFilms = fit, score: HiddenFilms = score) -> dict[str, Any]:
                return probe_hidden(*(control_features(name, each, reader) for each in (fit, score)), fit, score)

            decided = about | {"control": name, "kind": kind, "reader": weights_of("reader")}
            controls[name] |= _without_commit(kept_piece("hidden_properties", f"{name}-{kind}", decided, control))
        report(f"{name}: " + _summary(controls[name]))
    found: dict[str, Any] = {}
    for name in ASKED:
        trained = load_probed(name)
        found[name] = {}
        for who, model in (("trained", trained), ("untrained", bare_twin(trained))):
            parts: dict[str, dict] = {}
            for kind, (fit, score) in films.items():
                def probe(
                    name: str = name, model: Any = model, fit: HiddenFilms = fit, score: HiddenFilms = score
                ) -> dict[str, Any]:  # fmt: skip
                    made = [film_parts(name, model, to_model(each.frames)) for each in (fit, score)]
                    return {part: probe_hidden(made[0][part], made[1][part], fit, score) for part in made[0]}

                decided = about | {"weights": weights[name], "who": who, "kind": kind}
                piece = _without_commit(kept_piece("hidden_properties", f"{name}-{who}-{kind}", decided, probe))
                for part, scores in piece.items():
                    parts.setdefault(part, {}).update(scores)
            found[name][who] = parts
            best = max(parts, key=lambda part: parts[part]["elasticity"]["value"])
            report(f"{name}, {who}, {best}: " + _summary(parts[best]))
    return {"seed": SEED, "films": [FIT, SCORE], "weights": weights, "controls": controls, "found": found}


def _without_commit(piece: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in piece.items() if name != "commit"}


def _summary(scores: Mapping[str, Mapping[str, float]]) -> str:
    return ", ".join(f"{name} {scores[name]['value']:.2f}" for name in HIDDEN)


@dataclass(frozen=True)
class HiddenProperties:
    """What ``run`` kept. controls: by name and property, models: by model, "trained" or "untrained", part and property:
    {"value", "low", "high", "meaningless_task"}."""

    controls: Mapping[str, Mapping[str, Mapping[str, float]]]
    models: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]]
    weights: Mapping[str, str]
    films: tuple[int, int]

    def best(self, model: str, who: str, name: str) -> tuple[str, Mapping[str, float]]:
        """The part of a model that holds a property best, by its value, and its scores."""
        part = max(self.models[model][who], key=lambda part: self.models[model][who][part][name]["value"])
        return part, self.models[model][who][part][name]


def measured_hidden() -> HiddenProperties:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def check(scores: Mapping[str, Any]) -> None:
        for name in HIDDEN:
            if not all(np.isfinite(float(scores[name][key])) for key in ("value", "low", "high", "meaningless_task")):
                raise ValueError("a score is no finite number")

    def parse(facts: dict[str, Any]) -> HiddenProperties:
        for name in CONTROLS:
            check(facts["controls"][name])
        for name in ASKED:
            for who in WHO:
                if not facts["found"][name][who]:
                    raise ValueError(f"nothing of {name} was probed")
                for part in facts["found"][name][who].values():
                    check(part)
        weights = {name: str(facts["weights"][name]) for name in ASKED}
        fit, score = facts["films"]
        return HiddenProperties(facts["controls"], facts["found"], weights, (int(fit), int(score)))

    return read_study(KEPT, parse, "hidden_properties")
