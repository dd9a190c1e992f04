"""How well does the image world model find the right change of a picture, and what does its encoder hold?

The checkpoint is asked on test pictures, each with three banks of 256 actions: shift and colour together, the shift
alone, colour alone (``measures/ranks.py``). Beside it are asked: the same network untrained, the checkpoint when it is
given the actions of other questions, and the picture as it was, taken for the prediction.

Its encoder is probed for the variables of ``measures/pictures.py``, beside an untrained one of the same sizes and the
pixels: by a line on the mean of all tokens, and by a line on all of them laid flat, which knows where each stands. Also
is measured how far the tokens move under a change, and how much of that the predictor foresees. A study that was
stopped goes on after the last piece that was finished. What conditioning and depth do is the study ``iwm_depth``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from course_lib.exam.measures.attentive import linear_scores
from course_lib.exam.measures.collapse import effective_rank
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.pictures import (
    VARIABLES,
    PictureEncoder,
    Pictures,
    neighbourhoods,
    picture_tokens,
    untrained_encoder,
)
from course_lib.exam.measures.ranks import (
    BANK,
    KINDS,
    Predict,
    Target,
    change_and_error,
    expected_by_chance,
    ranks_by_picture,
)
from course_lib.models.base import untrained_twin
from course_lib.models.iwm import IWM
from course_lib.studies.i_jepa import asked_of, pictures_to_ask
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training import load_checkpoint
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

KEPT = DATA / "playground" / "iwm.json"
PICTURES, ASKED = 24, 32  # test pictures, each of another film; actions of a bank that are asked for
PROBES = ("linear", "flat")  # on the mean of the tokens, and on all of them
CONTROLS = ("untrained", "shuffled", "unchanged")


def test_pictures(count: int = PICTURES, size: int = 32) -> Tensor:
    """One frame each of the first test films, (P, 3, H, W) in [0, 1]."""
    return to_model(load_films("rich", split="test", count=count, size=size).frames[:, 7])


def rank_scores(
    predict: Predict, target: Target, frames: Tensor, *, asked: int = ASKED, wrong: bool = False
) -> dict[str, dict[str, float]]:
    """The mean reciprocal rank in each kind of bank: value, low, high (95 %, over pictures), n pictures."""
    found = {kind: ranks_by_picture(frames, kind, predict, target, asked=asked, wrong=wrong) for kind in KINDS}
    return {kind: mean_and_interval(each, seed=0) for kind, each in found.items()}


def probe_lines(encoder: PictureEncoder, fit: Pictures, ask: Pictures) -> dict[str, Any]:
    """What a line reads off the mean of an encoder's tokens, and off all of them side by side, for every variable; and
    the effective rank of the means."""
    fitted, asked = picture_tokens(encoder, fit), picture_tokens(encoder, ask)
    scores = {name: linear_scores((fitted, fit), (asked, ask), pooled=name == "linear") for name in PROBES}
    return {**scores, "rank": effective_rank(asked.mean(dim=1).numpy()), "channels": fitted.shape[2]}


def how_far(model: IWM, frames: Tensor) -> dict[str, dict[str, dict[str, float]]]:
    """How far the targets move, and how far the predictions are off, under shifts alone and colours alone."""
    found = {}
    for kind in KINDS[1:]:
        parts = change_and_error(frames, kind, model.predict, model.targets)
        named = zip(("change", "error"), parts, strict=True)
        found[kind] = {name: mean_and_interval(each, seed=0) for name, each in named}
    return found


def asked_model(model: IWM, frames: Tensor, **how: Any) -> dict[str, dict[str, float]]:
    """``rank_scores`` of a model."""
    return rank_scores(model.eval().predict, model.targets, frames, **how)


def _control(name: str, model: IWM, frames: Tensor) -> dict[str, dict[str, float]]:
    if name == "untrained":
        return asked_model(untrained_twin(model, seed=1), frames)
    if name == "shuffled":
        return asked_model(model, frames, wrong=True)

    def as_it_was(frame: Tensor, action: Tensor) -> Tensor:
        return model.targets(frame).expand(len(action), -1, -1)

    return rank_scores(as_it_was, model.targets, frames)


def asked_with(fit: Pictures, ask: Pictures) -> dict[str, Any]:
    """What the answers follow from, beside the model: the pictures and the size of the question."""
    return {"pictures": PICTURES, "asked": ASKED, "fit": asked_of(fit), "ask": asked_of(ask)}


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Ask the checkpoint and its controls: a minute of one core."""
    frames, (fit, ask) = test_pictures(), pictures_to_ask()
    model: IWM = load_checkpoint("iwm").eval()
    weights, sizes = weights_of("iwm"), model.config
    decided = asked_with(fit, ask) | {"weights": weights}
    makers: dict[str, Callable[[], dict[str, Any]]] = {"trained": lambda: asked_model(model, frames)}
    makers |= {name: lambda given=name: _control(given, model, frames) for name in CONTROLS}
    ranks = {}
    for name, make in makers.items():
        ranks[name] = kept_piece("iwm", f"ranks-{name}", decided, make)
        report(f"{name}: {ranks_in_a_line(ranks[name])}")
    encoders = {"untrained": untrained_encoder(sizes, sizes.width),
                "pixels": lambda given: neighbourhoods(given, sizes.patch)}  # fmt: skip
    return {
        "weights": weights, "bank": BANK, "pictures": PICTURES, "asked": ASKED, "chance": expected_by_chance(),
        "ranks": ranks, "moved": how_far(model, frames),
        "probes": kept_piece("iwm", "probes", decided, lambda: probe_lines(model.encode, fit, ask)),
        "encoders": {name: probe_lines(encoder, fit, ask) for name, encoder in encoders.items()},
    }  # fmt: skip


def ranks_in_a_line(ranks: Mapping[str, Any]) -> str:
    """The three mean reciprocal ranks in one line."""
    return ", ".join(f"{kind} {ranks[kind]['value']:.3f}" for kind in KINDS)


def measured_transforms() -> dict[str, Any]:
    """What ``run`` found: "ranks" of the checkpoint ("trained") and its controls, "moved" and "probes" of its encoder,
    and "encoders", the probes' controls. Raises ExamError when the file is missing or damaged."""

    def parse(found: dict[str, Any]) -> dict[str, Any]:
        if lacking := {"trained", *CONTROLS} - set(found["ranks"]):
            raise ValueError(f"there is nothing of {sorted(lacking)}")
        for ranks in found["ranks"].values():
            if wrong := [k for k in KINDS if not 0 <= ranks[k]["low"] <= ranks[k]["value"] <= ranks[k]["high"] <= 1]:
                raise ValueError(f"mean reciprocal ranks outside their intervals: {wrong}")
        for each in (found["probes"], *found["encoders"].values()):
            if lacking := set(VARIABLES) - set(each["linear"]) | set(VARIABLES) - set(each["flat"]):
                raise ValueError(f"the probes lack {sorted(lacking)}")
        if not {"weights", "chance", "moved"} <= set(found):
            raise ValueError("weights, chance or moved are lacking")
        return found

    return read_study(KEPT, parse, "iwm")
