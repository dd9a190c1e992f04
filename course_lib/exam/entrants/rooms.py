"""The rooms in perspective, which say how good the ruler for lines and shadows is."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant

BARS = {"geometry_direction_away": 1.0, "geometry_direction_across": 1.0, "geometry_direction_up": 1.0,
        "geometry_shadow_residual": 1.0}  # fmt: skip


def _rooms() -> Entrant:
    from course_lib.worlds.perspective import make_scenes

    return Entrant("rooms", {"rooms": make_scenes}, [], questions=["geometry"], bars=BARS)


ENTRANTS = {"rooms": _rooms}
