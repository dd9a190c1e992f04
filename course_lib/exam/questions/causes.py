"""Question: does the dreamed future change as the simulator's does, when a ball is taken out or made heavier?

Two balls meet, and in the second film of a pair one of them is missing from the first frame on, or is four times as
heavy. Dreaming takes minutes and is the study of this name; here its results are read, and refused where they belong to
other weights. Taking the platform from under the agent is the question ``latents``.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.causes import ASKED, PAIRS, measured_causes
from course_lib.studies.store import check_weights
from course_lib.worlds.two_balls import NAME

ROWS = {"taken out": "cause_share_taken_out", "heavier": "cause_share_heavier", "shown": "cause_share_heavier_shown"}


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows cause_share_taken_out, cause_share_heavier, where the shown frames are the same in both films, and
    cause_share_heavier_shown, where they end after the balls have touched."""
    where = sitting.admit_episodes(entrant, NAME)
    if entrant.name not in ASKED:
        raise NotCapable(f"the study asks {', '.join(ASKED)} alone")
    if sitting.split != "test":
        raise NotCapable("the study asks on test films alone")
    facts = measured_causes()
    check_weights(facts.weights[entrant.name], entrant.checkpoint, "causes")
    found, bare = (facts.by[entrant.name][who] for who in ("trained", "untrained"))
    for change, question in ROWS.items():
        if change not in found:  # it cannot draw a ball
            continue
        one = found[change]
        note = f"{one.ceiling:.2f} where the films are shown whole; the ball is lost in {one.lost} of {PAIRS} pairs"
        if facts.same_frames[change]:
            note += "; the frames that are shown are the same in both films, so that nobody can know"
        elif change == "taken out" and "apart" in found:
            note += f"; size of its effect {one.size:.2f}, where the balls never meet {found['apart'].size:.2f}"
        yield entrant.row(
            sitting, where, question, value=one.share, low=one.low, high=one.high, unit="", n=PAIRS, note=note,
            controls={"untrained": bare[change].share, "other_pairs": one.others},
        )  # fmt: skip
