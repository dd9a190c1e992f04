"""Everybody is asked everything, once, and all rows are kept: what notebook 26 lays side by side.

``python -m course_lib exam --all`` asks the same on any machine. This study writes the rows down with the weights that
they belong to, and adds what each model costs: its parameters, the minutes of its training and the milliseconds of one
predicted step. A group of questions that has been answered by the same weights is not asked again, so that a study that
was stopped goes on.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.rollout import SEEN, as_input, translate
from course_lib.exam.registry import QUESTIONS, USUAL, entrants, get_entrant
from course_lib.exam.rows import Report, Row
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.studies import room_pictures
from course_lib.studies.store import DATA, get_study, kept_piece, read_study, study_names
from course_lib.training.checkpoints import CHECKPOINTS
from course_lib.worlds.films import load_films

KEPT = DATA / "playground" / "verdict.json"
FILMS, SEED = 100, 0
TIMED = ("play_fps", "time_exponent", "sample_seconds", "mode1_speedup", "gradient_times_longer")  # a clock's answers
STEPS = 12  # predicted steps that are timed


def weights_shown(entrant: Entrant) -> dict[str, str]:
    """The first digits of the SHA-256 of all its checkpoints, by part; "" is its own."""
    own = {} if entrant.checkpoint is None else {"": entrant.checkpoint}
    return own | dict(entrant.checkpoints)


def parameters_of(part: Any) -> int:
    """How many numbers a part has learned, whether it is a network or holds some in its attributes. Shared ones count
    once."""
    found: dict[int, int] = {}

    def look(thing: Any, depth: int) -> None:
        if isinstance(thing, nn.Module):
            found.update({id(parameter): parameter.numel() for parameter in thing.parameters()})
        elif depth and hasattr(thing, "__dict__"):
            for value in vars(thing).values():
                look(value, depth - 1)

    look(part, 2)
    return sum(found.values())


@torch.no_grad()
def milliseconds_a_step(model: Any, films: str, size: int = 32) -> float | None:
    """The median of one predicted step after some frames seen, one film at a time, one thread; None for who cannot."""
    frames, actions = as_input(load_films(films, split="test", count=5, size=size))
    try:
        keys = translate(model, actions[:1])
        state = model.encode(frames[:1, :SEEN], None if keys is None else keys[:, : SEEN - 1])
        taken = []
        for step in range(STEPS):
            begin = time.perf_counter()
            state = model.predict(state, None if keys is None else keys[:, SEEN + step])
            taken.append(1000 * (time.perf_counter() - begin))
    except NotCapable:
        return None
    return float(np.median(taken))


def _answers(entrant: Entrant, group: str, sitting: Sitting) -> dict[str, Any]:
    begin = time.process_time()
    report = examine([entrant], sitting, questions=[group])
    broken = [row.note for row in report.rows if row.status == "failed"]
    if broken:
        raise ExamError(f"{entrant.name} broke off in {group!r}: {broken[0]}")
    return {"rows": [row.as_dict() for row in report.rows], "seconds": round(time.process_time() - begin, 1)}


def _source(group: str) -> str:
    """A digest of all that decides an answer beside the model: the group's file, and what the studies that it reads
    have kept."""
    text = inspect.getsource(import_module(f"{QUESTIONS}.{group}"))
    studies = sorted(set(re.findall(r"from course_lib\.studies\.(\w+) import", text)) & set(study_names()))
    kept = [get_study(name).KEPT for name in studies]
    digest = hashlib.sha256(text.encode())
    for path in kept:
        if path is not None and path.exists():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Ask everybody: about twenty minutes of one core."""
    sitting = Sitting(count=FILMS, seed=SEED)
    rows: list[dict[str, Any]] = []
    weights, costs, seconds = {}, {}, {}
    for name in entrants():
        entrant = get_entrant(name)
        weights[name] = weights_shown(entrant)
        about = {"weights": weights[name], "films": [FILMS, SEED, entrant.films, entrant.probes]}
        groups = list(entrant.questions or USUAL)
        for group in groups:
            found = kept_piece("verdict", f"{name}-{group}", {**about, "source": _source(group)},
                               lambda e=entrant, g=group: _answers(e, g, sitting))  # fmt: skip
            rows += found["rows"]
            seconds[f"{name}: {group}"] = found["seconds"]
        asked_ahead = "prediction" in groups and "model" in entrant.parts
        part = entrant.parts["model"] if asked_ahead else next(iter(entrant.parts.values()))
        costs[name] = {"minutes": entrant.minutes, "parameters": parameters_of(part)}
        if asked_ahead:
            costs[name]["milliseconds"] = milliseconds_a_step(part, entrant.films or sitting.set)
        report(f"{name}: {sum(row['model'] == name for row in rows)} rows, "
               f"{sum(seconds[f'{name}: {group}'] for group in groups):.0f} s")  # fmt: skip
    return {"films": FILMS, "seed": SEED, "weights": weights, "costs": costs, "seconds": seconds, "rows": rows}


@dataclass(frozen=True)
class ModelCost:
    """minutes: of training, None where nothing was trained; parameters; milliseconds: of one predicted step, None for
    who predicts none."""

    minutes: float | None
    parameters: int
    milliseconds: float | None


@dataclass(frozen=True)
class Verdict:
    """What ``run`` kept. weights: by entrant and part; costs: by entrant; seconds: of the processor, "name: group"."""

    rows: Report
    costs: Mapping[str, ModelCost]
    weights: Mapping[str, Mapping[str, str]]
    seconds: Mapping[str, float]
    films: int


def row_of(values: Mapping[str, Any]) -> Row:
    """A row from its JSON form."""
    return Row(**{name: value for name, value in values.items() if name != "pass"})


def weights_here(folder: Path = CHECKPOINTS) -> set[str]:
    """The first digits of the SHA-256 of every checkpoint that is here, as its provenance has it, and of the pictures
    that are kept in place of the network that drew them."""
    found = (json.loads(path.read_text(encoding="utf-8")) for path in (*folder.glob("*/*.json"), room_pictures.KEPT))
    return {facts["sha256"][:12] for facts in found}


def measured_verdict(folder: Path = CHECKPOINTS) -> Verdict:
    """The kept rows. folder: of the checkpoints that are here.

    Raises ExamError when the file is missing or damaged, or when somebody was asked with weights that are not here.
    """
    present = weights_here(folder)

    def parse(facts: dict[str, Any]) -> Verdict:
        costs = {
            name: ModelCost(None if one["minutes"] is None else float(one["minutes"]), int(one["parameters"]),
                       None if one.get("milliseconds") is None else float(one["milliseconds"]))
            for name, one in facts["costs"].items()
        }  # fmt: skip
        for name, weights in facts["weights"].items():
            if gone := sorted(set(weights.values()) - present):
                raise ValueError(f"{name} was asked with the weights {', '.join(gone)}, and these are not here")
        rows = Report(row_of(values) for values in facts["rows"])
        return Verdict(rows, costs, facts["weights"], facts["seconds"], int(facts["films"]))

    return read_study(KEPT, parse, "verdict")


def out_of_date(verdict: Verdict) -> list[str]:
    """Whoever has other weights now than when it was asked, or was not asked at all."""
    now = {name: weights_shown(make()) for name, make in entrants().items()}
    return [name for name, weights in now.items() if verdict.weights.get(name) != weights]
