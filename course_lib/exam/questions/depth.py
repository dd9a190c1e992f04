"""Question: does a maker of pictures of rooms hold how far away things are?

Its network was trained again by its recipe, and its features were probed layer by layer and noise level by noise level:
the study ``room_depth``, whose results are read here. Nobody else makes pictures of rooms.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.room_depth import LAYERS, LEVELS, NETWORKS, measured_room_depth
from course_lib.studies.store import check_weights

WORLD, ENTRANT = "rooms", "room-pictures"


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows probe_r2_depth_at_10, _40, _70 and _90 per cent of noise: of the layer that has it best there."""
    where = sitting.admit_episodes(entrant, WORLD)
    if entrant.name != ENTRANT:
        raise NotCapable("it is no maker of pictures of rooms whose layers were probed")
    if sitting.split != "test":
        raise NotCapable("the study asks about the test rooms alone")
    facts = measured_room_depth()
    check_weights(facts.pictures, entrant.checkpoint, "room_depth")
    for level in map(str, LEVELS):
        layers = {name: facts.layers[name][level] for name in NETWORKS}
        best = {name: max(LAYERS, key=lambda layer, of=of: of[layer]["value"]) for name, of in layers.items()}
        found = layers["trained"][best["trained"]]
        yield entrant.row(
            sitting, where, f"probe_r2_depth_at_{100 * float(level):.0f}", unit="", value=found["value"],
            low=found["low"], high=found["high"], n=facts.rooms[1],
            controls={"untrained": layers["untrained"][best["untrained"]]["value"],
                      "shuffled_weights": layers["shuffled"][best["shuffled"]]["value"],
                      "pixels": facts.pixels[level]["value"], "clean_pixels": facts.pixels["clean"]["value"],
                      "whole_picture": facts.pixels["whole"]["value"],
                      "meaningless_task": found["meaningless_task"]},
            note=f"depth less its mean at a place, {best['trained']}, the best of {len(LAYERS)} layers",
        )  # fmt: skip
