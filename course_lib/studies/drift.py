"""A minute of film: where does a model that continues its own films lose what it began with?

Films of 600 frames, a minute at the Playground's ten frames a second. A window at a time, each begins with the last
frames of the one before. Every frame is read and held against the bodies of the prompt (``measures/drift.py``).

    prompted    every window is guided by the film's prompt
    free        after the first window nothing is said any more
    real        a real film's beginning is continued, and nothing is said
    simulator   real films of the same length, which lose nothing: what the reader itself misses
    codec       the same films through the codec, in pieces as long as a window
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course_lib.exam.measures.codecs import codec_coder, coded
from course_lib.exam.measures.drift import Kept, bodies_of, kept_bodies, long_films
from course_lib.exam.measures.prompts import draw_prompts
from course_lib.models.text_to_video import GUIDANCE
from course_lib.studies.following import followed_weights
from course_lib.studies.store import DATA, read_study
from course_lib.training.checkpoints import load_checkpoint, provenance
from course_lib.training.text_to_video import load_text_to_video
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_uint8

KEPT = DATA / "playground" / "drift.json"
SEED = 12
FILMS, FRAMES = 8, 600
WAYS = ("prompted", "free", "real", "simulator", "codec")
EACH = 10  # frames over which what is kept is averaged


def window_and_keep(lengths: tuple[int, ...], each: int) -> tuple[int, int]:
    """Frames of a window, and those that it takes over, for a model that learned from films of these lengths.

    each: frames of a group. A model that knows one group after the first takes over one frame; any other one frame and
    a group, so that it sees how things move.
    """
    window = max(lengths)
    return window, 1 if window <= 1 + each else 1 + each


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Measure the shipped model: a quarter of an hour of one core."""
    make, reader = load_text_to_video(), load_checkpoint("reader")
    lengths = tuple(provenance("dit")["configuration"]["data"]["lengths"])
    window, keep = window_and_keep(lengths, make.codec.config.frames_each)
    prompts = draw_prompts(FILMS, np.random.default_rng(SEED), bodies=(1, make.most_bodies))
    some = load_films("bodies", split="validation", count=4 * FILMS, length=FRAMES, cache=False)
    few = [i for i, text in enumerate(some.captions) if text.count(" and ") < make.most_bodies][:FILMS]
    real, captions = some.frames[few], [some.captions[i] for i in few]
    parts = np.split(real[:, : FRAMES // window * window], range(window, FRAMES // window * window, window), axis=1)
    made: dict[str, Callable[[], np.ndarray]] = {
        name: lambda texts=texts, w=w, begin=begin: long_films(
            make, texts, FRAMES, window=window, keep=keep, generator=torch.Generator().manual_seed(SEED), w=w,
            beginning=begin,
        )
        for name, texts, w, begin in (
            ("prompted", prompts, (GUIDANCE, GUIDANCE), None), ("free", prompts, (GUIDANCE, 0.0), None),
            ("real", captions, (0.0, 0.0), real[:, :keep]),
        )
    }  # fmt: skip
    made["simulator"] = lambda: real
    made["codec"] = lambda: np.concatenate([to_uint8(coded(codec_coder(make.codec), part)) for part in parts], axis=1)
    kept: dict[str, dict[str, list[float]]] = {}
    for name in WAYS:
        texts = prompts if name in ("prompted", "free") else captions
        found = kept_bodies(reader, made[name](), [bodies_of(text) for text in texts])
        kept[name] = averaged(found)
        report(f"{name}: number {found.number.mean():.2f}, bodies {found.bodies.mean():.2f}, "
               f"in the last tenth {found.bodies[:, -FRAMES // 10 :].mean():.2f}")  # fmt: skip
    return {"seed": SEED, "films": len(few), "frames": FRAMES, "window": window, "keep": keep,
            "weights": followed_weights(), "kept": kept}  # fmt: skip


def averaged(found: Kept) -> dict[str, list[float]]:
    """Means over the films and over EACH frames, by "number" and "bodies"."""
    length = found.number.shape[1] // EACH * EACH
    means = {name: getattr(found, name)[:, :length].mean(axis=0).reshape(-1, EACH).mean(axis=1)
             for name in Kept._fields}  # fmt: skip
    return {name: values.round(4).tolist() for name, values in means.items()}


@dataclass(frozen=True)
class Drifted:
    """What ``run`` kept.

    kept: by way (``WAYS``) and by "number" or "bodies", the mean of each EACH frames. window, keep: see
    ``measures/drift.long_films``. weights: of what made the films.
    """

    kept: Mapping[str, Mapping[str, np.ndarray]]
    window: int
    keep: int
    films: int
    weights: Mapping[str, str]


def measured_drift() -> Drifted:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def shares(values: Any, count: int) -> np.ndarray:
        found = np.asarray(values, dtype=float)
        if found.ndim != 1 or not count - 1 <= len(found) <= count or not ((found >= 0) & (found <= 1)).all():
            raise ValueError(f"a list of {count} shares from 0 to 1 is expected")
        return found

    def parse(facts: dict) -> Drifted:
        count = int(facts["frames"]) // EACH
        kept = {way: {name: shares(facts["kept"][way][name], count) for name in Kept._fields} for way in WAYS}
        names = {name: str(facts["weights"][name]) for name in ("dit", "codec")}
        return Drifted(kept, int(facts["window"]), int(facts["keep"]), int(facts["films"]), names)

    return read_study(KEPT, parse, "drift")
