"""Guidance and steps: how the films of one text-to-video model change when they are sampled otherwise.

The same prompts and the same noise at several weights of guidance, and at several numbers of steps. The prompts are
drawn from another seed than the exam's. The course's own weight and steps stand among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib.exam.measures.codecs import share_and_interval
from course_lib.exam.measures.generated import bodies_in, generated_films
from course_lib.exam.measures.prompts import (
    balanced_motion_and_interval,
    draw_prompts,
    hold_against,
)
from course_lib.models.reader import Reader
from course_lib.models.text_to_video import GUIDANCE, TextToVideo
from course_lib.studies.following import followed_weights
from course_lib.studies.store import DATA, read_study
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.text_to_video import load_text_to_video

KEPT = DATA / "playground" / "guidance.json"
SEED = 11
PROMPTS = 150
WEIGHTS = (0.0, 1.0, 1.5, 2.0, 3.0, 5.0)
STEPS = (2, 4, 8, 16)
USUAL_STEPS = 16
ASKED = ("number", "colour", "shape", "motion", "everything", "too_many", "too_few")

Answer = Mapping[str, float]  # value, low, high


def follow_at(
    make: TextToVideo, reader: Reader, prompts: list[str], *, w: float, steps: int, seed: int = SEED
) -> dict[str, Answer]:  # fmt: skip
    """How films follow prompts at one weight and number of steps: each of ``ASKED`` with its interval.

    too_many, too_few: the share of films with more and with fewer bodies than were asked for.
    """
    found = bodies_in(reader, generated_films(make, prompts, seed=seed, w=w, steps=steps))
    held = hold_against(found, prompts)
    more = np.array([seen - (1 + text.count(" and ")) for (seen, _), text in zip(found, prompts, strict=True)])
    shares = {"number": held.number, "everything": held.everything, "too_many": (more > 0).astype(float),
              "too_few": (more < 0).astype(float)}  # fmt: skip
    shares |= {name: held.matched[name] for name in ("colour", "shape")}
    answers = {name: share_and_interval(values, seed=seed) for name, values in shares.items()}
    answers["motion"] = balanced_motion_and_interval(held.motions, seed=seed)
    return {name: {key: round(float(answers[name][key]), 4) for key in ("value", "low", "high")} for name in ASKED}


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Measure the shipped model: about five minutes of one core."""
    make, reader = load_text_to_video(), load_checkpoint("reader")
    prompts = draw_prompts(PROMPTS, np.random.default_rng(SEED), bodies=(1, make.most_bodies))
    found: dict[str, dict[str, Any]] = {"guidance": {}, "steps": {}}
    for w in WEIGHTS:
        found["guidance"][f"{w:g}"] = answers = follow_at(make, reader, prompts, w=w, steps=USUAL_STEPS)
        report(f"w = {w:g}: " + ", ".join(f"{name} {each['value']:.2f}" for name, each in answers.items()))
    for steps in STEPS:
        usual = found["guidance"][f"{GUIDANCE:g}"] if steps == USUAL_STEPS else None
        found["steps"][str(steps)] = answers = usual or follow_at(make, reader, prompts, w=GUIDANCE, steps=steps)
        report(f"{steps} steps: " + ", ".join(f"{name} {each['value']:.2f}" for name, each in answers.items()))
    return {"seed": SEED, "prompts": PROMPTS, "most_bodies": make.most_bodies, "weights": followed_weights()} | found


@dataclass(frozen=True)
class Guided:
    """What ``run`` kept: by weight of guidance and by number of steps, what ``follow_at`` gives.

    prompts: how many; weights: of what was sampled.
    """

    guidance: Mapping[float, Mapping[str, Answer]]
    steps: Mapping[int, Mapping[str, Answer]]
    prompts: int
    weights: Mapping[str, str]


def measured_guidance() -> Guided:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def answers(values: Any) -> dict[str, Answer]:
        found = {name: {key: float(values[name][key]) for key in ("value", "low", "high")} for name in ASKED}
        if not all(0.0 <= each["low"] <= each["value"] <= each["high"] <= 1.0 for each in found.values()):
            raise ValueError("a share lies between 0 and 1, and within its interval")
        return found

    def parse(facts: dict) -> Guided:
        by_weight = {w: answers(facts["guidance"][f"{w:g}"]) for w in WEIGHTS}
        by_steps = {steps: answers(facts["steps"][str(steps)]) for steps in STEPS}
        names = {name: str(facts["weights"][name]) for name in ("dit", "codec")}
        return Guided(by_weight, by_steps, int(facts["prompts"]), names)

    return read_study(KEPT, parse, "guidance")
