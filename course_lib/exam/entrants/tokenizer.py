"""Genie's first part: films as tokens."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned

BARS = {"tokenizer_psnr_db": 30.0, "codes_alive": 0.5}


def _tokenizer() -> Entrant:
    from course_lib.training.checkpoints import load_checkpoint, provenance

    return Entrant("tokenizer", {"tokenizer": load_checkpoint("tokenizer")}, questions=["tokens"], bars=BARS,
                   **learned(provenance("tokenizer")))  # fmt: skip


ENTRANTS = {"tokenizer": _tokenizer}
