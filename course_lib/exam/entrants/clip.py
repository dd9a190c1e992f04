"""CLIP: captions and films in one space; and three small ones, taught with either style or with both."""

from __future__ import annotations

from functools import partial

from course_lib.exam.entrant import Entrant, learned

BARS = {"clip_top1_of_64": 0.9}


def _clip(name: str, size: str) -> Entrant:
    from course_lib.training.checkpoints import load_checkpoint, provenance

    return Entrant(name, {"clip": load_checkpoint("clip", size=size)}, questions=["text"],
                   bars=BARS if size == "cpu" else {}, **learned(provenance("clip", size=size)))  # fmt: skip


NAMES = {"clip": "cpu", "clip-short": "cpu-short", "clip-descriptive": "cpu-descriptive", "clip-mixed": "cpu-mixed"}
ENTRANTS = {name: partial(_clip, name, size) for name, size in NAMES.items()}
