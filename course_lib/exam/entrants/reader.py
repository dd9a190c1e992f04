"""The instrument itself: how wrong is the reader on real films?"""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned


def _reader() -> Entrant:
    from course_lib.training.checkpoints import load_checkpoint, provenance

    parts = {"reader": load_checkpoint("reader")}
    return Entrant("reader", parts, questions=["floor"], **learned(provenance("reader")))


ENTRANTS = {"reader": _reader}
