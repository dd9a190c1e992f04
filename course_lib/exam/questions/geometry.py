"""Question: do the lines of a picture lead to vanishing points, and its shadows back to the lamp?

Of the rooms themselves (part "rooms") the rows say how good the ruler of ``measures/geometry`` is, on 500 rendered
rooms whose truth is known: directions in degrees, shadows in pixels, and how often it marks down pictures that break
a rule, or that were only spoiled. Of a maker of pictures (part "room_pictures", uint8 (N, 64, 64, 3)) they say how
often its pictures fit worse than real ones, the AUC: one half where nothing tells them apart. The picture is all that
is asked, with the camera's intrinsics; the truth is not.

The rooms were judged by a study (``studies/perspective``), and their rows are read from there. Pictures that somebody
has drawn are judged now. n counts pictures, of the smaller set for an AUC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.geometry import Judged, auc, auc_interval, judge
from course_lib.exam.measures.intervals import bootstrap_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.perspective import AXES, BROKEN, SPOILED, Measured, measured_perspective
from course_lib.worlds.perspective import SIZE, intrinsics

WORLD = "rooms"
RESIDUALS = {"lines": "degrees", "shadows": "pixels"}
MOST = 200  # pictures of somebody's own that are judged in a sitting


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows geometry_* of the rooms, or of an entrant's pictures of rooms."""
    if not {"rooms", "room_pictures"} & set(entrant.parts):
        raise NotCapable("it draws no rooms in perspective")
    where = sitting.admit_episodes(entrant, WORLD)
    if sitting.split != "test":
        raise NotCapable("the study asks about the test rooms alone")
    kept = measured_perspective()
    if "rooms" in entrant.parts:
        yield from _ruler(entrant, sitting, where, kept)
    if "room_pictures" in entrant.parts:
        yield from _drawn(entrant, sitting, where, kept)


def _median(values: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """The median of what is finite, with its interval and number."""
    some = values[np.isfinite(values)]
    low, high = bootstrap_interval(some, generator=rng, statistic=np.median)
    return {"value": float(np.median(some)), "low": low, "high": high, "n": len(some)}


def _ruler(entrant: Entrant, sitting: Sitting, where: str, kept: Measured) -> Iterator[Row]:
    real = kept.judged["real"]
    for axis, name in enumerate(AXES):
        errors = kept.errors[:, axis]
        seen = errors[np.isfinite(errors)]
        yield entrant.row(
            sitting, where, f"geometry_direction_{name}", unit="degrees", direction="lower",
            controls={"looks_straight": float(np.median(kept.straight[:, axis]))},
            note=f"median error; {(seen < 1).mean():.0%} within one degree; in {len(errors) - len(seen)} of "
                 f"{len(errors)} "
            "rooms fewer than two lines run along it", **_median(errors, sitting.rng(axis)),
        )  # fmt: skip
    yield entrant.row(
        sitting, where, "geometry_shadow_residual", unit="pixels", direction="lower",
        controls={"wrong_lamp": float(np.nanmedian(kept.judged["wrong lamp"].shadows))},
        note=f"median over pictures; {int(real.matched.sum())} of {int(real.balls.sum())} balls have a shadow",
        **_median(real.shadows, sitting.rng(3)),
    )  # fmt: skip
    for number, name in enumerate((*BROKEN, *SPOILED)):
        direction = "higher" if name in BROKEN else "lower"
        for what in RESIDUALS:
            of = name.replace(" ", "_"), kept.judged[name]
            yield _auc_row(entrant, sitting, where, kept, of, what, direction=direction, offset=10 + number)


def _drawn(entrant: Entrant, sitting: Sitting, where: str, kept: Measured) -> Iterator[Row]:
    """An AUC nearer to one half is better: its pictures fit as well as real ones."""
    pictures = entrant.part("room_pictures")
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != (SIZE, SIZE, 3):
        raise NotCapable(
            f"its pictures are {pictures.dtype} {pictures.shape}, and uint8 (N, {SIZE}, {SIZE}, 3) are judged"
        )
    found = judge(pictures[:MOST], intrinsics())
    for what in RESIDUALS:
        yield _auc_row(entrant, sitting, where, kept, ("drawn", found), what, direction="lower", offset=30)


def _auc_row(
    entrant: Entrant, sitting: Sitting, where: str, kept: Measured, of: tuple[str, Judged], what: str, *,
    direction: str, offset: int,
) -> Row:  # fmt: skip
    """The AUC of a residual. of: the name of a set and what was found in its pictures."""
    name, found = of
    real, values = getattr(kept.judged["real"], what), getattr(found, what)
    question, finite = f"geometry_{what}_auc_{name}", np.isfinite(values)
    missing = f"in {int((~finite).sum())} of {len(values)} pictures none could be measured"
    if not finite.any():
        return entrant.row(sitting, where, question, value=None, low=None, high=None, unit="", n=0, note=missing)
    value, low, high = auc_interval(real, values, sitting.rng(offset))
    controls = {
        each.replace(" ", "_"): auc(real, getattr(kept.judged[each], what)) for each in ("blurred", "JPEG 75", "noisy")
    }
    middle = f"median {np.median(values[finite]):.2f} {RESIDUALS[what]}, of real rooms {np.nanmedian(real):.2f}"
    return entrant.row(sitting, where, question, value=value, low=low, high=high, unit="", n=int(finite.sum()),
                       controls=controls, direction=direction, note=f"{middle}; {missing}")  # fmt: skip
