"""The rooms in perspective, which say how good the ruler is, and the pictures of a small model that learned from
them.
"""

from __future__ import annotations

from course_lib.exam.entrant import Entrant

BARS = {"geometry_direction_away": 1.0, "geometry_direction_across": 1.0, "geometry_direction_up": 1.0,
        "geometry_shadow_residual": 1.0}  # fmt: skip


def _rooms() -> Entrant:
    from course_lib.worlds.perspective import make_scenes

    return Entrant("rooms", {"rooms": make_scenes}, [], questions=["geometry"], bars=BARS)


def _room_unet() -> Entrant:
    from course_lib.studies.room_pictures import kept_room_pictures

    kept = kept_room_pictures()
    return Entrant("room-unet", {"room_pictures": kept}, ["rooms/train"], questions=["geometry"],
                   minutes=kept.processor_minutes)  # fmt: skip


ENTRANTS = {"rooms": _rooms, "room-unet": _room_unet}
