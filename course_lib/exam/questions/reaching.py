"""Question: does it reach a goal picture by planning, where nobody reaches it without?

300 fresh tasks "up", from the floor to a place on the platform, within 40 frames (``worlds/goal_pictures.py``). Playing
them takes minutes and is the study of this name; here its results are read, and refused where they belong to other
weights. The planner's cost and budget were chosen on validation tasks.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import wilson_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.reaching import LIMIT, TASKS, measured_reaching, reached
from course_lib.studies.store import check_weights
from course_lib.worlds.starless import NAME

# Each row, the player whose share it is, and which way is better. All but the first say whether the task needs a plan:
# it does where neither pressing keys at random nor running straight at the goal is enough.
ROWS = (
    ("mode2_success", "planned", "higher"),
    ("random_success", "random keys", "lower"),
    ("straight_success", "straight", "lower"),
    ("straight_jumping_success", "straight, jumping", "lower"),
)


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows mode2_success, and random_success, straight_success and straight_jumping_success of those who plan nothing.

    Each has all other players as controls.
    """
    entrant.part("planner")
    where = sitting.admit_episodes(entrant, NAME)
    if sitting.split != "test":
        raise NotCapable("the study plays the test tasks alone")
    facts = measured_reaching()
    check_weights(facts.weights, entrant.checkpoint, "reaching")
    budget = facts.budget
    counts = {name: reached(steps.tolist()) for name, steps in facts.players.items()}
    for question, player, direction in ROWS:
        low, high = wilson_interval(counts[player], TASKS)
        controls = {name.replace(", ", "_").replace(" ", "_"): count / TASKS for name, count in counts.items()
                    if name != player}  # fmt: skip
        yield entrant.row(
            sitting, where, question, value=counts[player] / TASKS, low=low, high=high, n=TASKS, unit="",
            controls=controls, direction=direction,
            note=f"n counts tasks of {LIMIT} frames; {budget.candidates} candidates x {budget.rounds}, {budget.chunks} "
            f"keys each held {budget.hold} frames",
        )  # fmt: skip
