"""The rooms in perspective, which say how good the ruler for lines and shadows is, and pictures that a model drew."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant

BARS = {"geometry_direction_away": 1.0, "geometry_direction_across": 1.0, "geometry_direction_up": 1.0,
        "geometry_shadow_residual": 1.0}  # fmt: skip


def _rooms() -> Entrant:
    from course_lib.worlds.perspective import make_scenes

    return Entrant("rooms", {"rooms": make_scenes}, [], questions=["geometry"], bars=BARS)


def _room_pictures() -> Entrant:
    """A small diffusion model, of which the pictures are kept and not the network."""
    from course_lib.studies.room_pictures import kept_room_pictures

    kept = kept_room_pictures()
    return Entrant("room-pictures", {"room_pictures": kept.pictures[max(kept.pictures)]}, ["rooms/train"],
                   questions=["geometry", "depth"], checkpoint=kept.digest[:12],
                   minutes=kept.processor_minutes)  # fmt: skip


ENTRANTS = {"rooms": _rooms, "room-pictures": _room_pictures}
