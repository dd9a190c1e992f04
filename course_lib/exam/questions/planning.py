"""Question: can somebody plan in it? The same search, rooms and budget in the model of every school.

A picture shows the agent on a platform, and the agent stands on the floor. Twenty rooms are played by one small search
(32 plans, one round) through each model, which judges an imagined future by what the model itself carries of it; where
it draws, also by the place that the reader finds. Playing takes minutes and is the study ``planners``; here its results
are read, and refused where they belong to other weights. What the JEPA reaches with a larger budget is ``reaching``.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import wilson_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.planners import LIMIT, OWN, TASKS, measured_planners
from course_lib.studies.reaching import reached
from course_lib.studies.store import check_weights
from course_lib.worlds.starless import NAME


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Row plan_success, and plan_success_read where the reader judges what the model draws."""
    where = sitting.admit_episodes(entrant, NAME)
    if sitting.split != "test":
        raise NotCapable("the study plays the test tasks alone")
    facts = measured_planners()
    mine = [row for row in facts.rows if row.model == entrant.name]
    if not mine:
        raise NotCapable(f"the study plans in {', '.join(dict.fromkeys(row.model for row in facts.rows))} alone")
    controls = {name.replace(" ", "_"): reached(steps.tolist()) / TASKS for name, steps in facts.controls.items()}
    for row in mine:
        check_weights(row.weights, entrant.checkpoint, "planners")
        count = reached(row.steps.tolist())
        low, high = wilson_interval(count, TASKS)
        yield entrant.row(
            sitting, where, "plan_success" if row.by == OWN else "plan_success_read", value=count / TASKS, low=low,
            high=high, n=TASKS, unit="", controls=controls,
            note=f"n counts tasks of {LIMIT} frames; by {row.by}; learned from films of {row.films}; "
            f"{row.seconds:.2f} s a plan",
        )  # fmt: skip
