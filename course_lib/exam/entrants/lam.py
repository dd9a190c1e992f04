"""Genie's second part: latent actions."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned

BARS = {"action_nmi": 0.6, "action_accuracy": 0.85}


def _lam() -> Entrant:
    from course_lib.training.checkpoints import load_checkpoint, provenance

    return Entrant("lam", {"lam": load_checkpoint("lam")}, questions=["latent_actions"], bars=BARS,
                   **learned(provenance("lam")))  # fmt: skip


ENTRANTS = {"lam": _lam}
