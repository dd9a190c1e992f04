"""Question: what can the agent of six modules do beside planning by the cross-entropy method?

Does a policy that was distilled from its plans do as well, and how much faster; does a gradient find plans; does it
turn to another task when it is told so? The plays take minutes and are the study of this name; here its results are
read, and refused where they belong to other weights. What Mode-2 itself reaches is the question ``reaching``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import wilson_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.agent import measured_agent, times_longer
from course_lib.studies.reaching import LIMIT, measured_reaching, reached
from course_lib.studies.store import check_weights
from course_lib.worlds.starless import NAME


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows mode1_success, mode1_speedup, gradient_success, critic_success, switched_success and curious_success."""
    entrant.part("planner")
    where = sitting.admit_episodes(entrant, NAME)
    if sitting.split != "test":
        raise NotCapable("the study plays the test tasks alone")
    facts, others = measured_agent(), measured_reaching()
    check_weights(facts.weights, entrant.checkpoint, "agent")

    def share(steps: np.ndarray) -> float:
        return reached(steps.tolist()) / len(steps)

    players = {name: share(others.players[name]) for name in ("planned", "random keys")}
    mode2, random = players["planned"], players["random keys"]
    steps = facts.steps
    asked = {
        "mode1_success": ("mode1", "steps", {"mode2": mode2, "untrained": share(steps["mode1"]["untrained"]),
                                             "random_keys": random}),
        "gradient_success": ("gradient", "steps", {"cross_entropy": mode2, "random_keys": random}),
        "critic_success": ("critic", "with", {"without_critic": share(steps["critic"]["without"])}),
        "switched_success": ("switch", "switched", {"not_switched": share(steps["switch"]["not switched"]),
                                                    "mode1": share(steps["mode1"]["down"]),
                                                    "random_keys": share(steps["switch"]["random keys"])}),
        "curious_success": ("curiosity", "curious", {"any_plan": share(steps["curiosity"]["any plan"]),
                                                     "random_keys": share(steps["curiosity"]["random keys"])}),
    }  # fmt: skip
    notes = {"gradient_success": f"by {facts.relaxation}", "critic_success": "looking 3 keys ahead",
             "switched_success": "back to where it began", "curious_success": "no goal was given"}  # fmt: skip
    for question, (part, name, controls) in asked.items():
        found = steps[part][name]
        low, high = wilson_interval(reached(found.tolist()), len(found))
        note = f"n counts tasks of {LIMIT} frames" + (f"; {notes[question]}" if question in notes else "")
        yield entrant.row(sitting, where, question, value=share(found), low=low, high=high, n=len(found), unit="",
                          controls=controls, direction="higher", note=note)  # fmt: skip
    timed = facts.milliseconds["speed"]
    yield entrant.row(
        sitting, where, "mode1_speedup", **times_longer(timed, "mode2", "mode1"), n=len(timed["mode1"]), unit="times",
        controls={f"{name}_ms": float(np.median(values)) for name, values in timed.items()}, direction="higher",
        note="milliseconds for a frame's key in one room, encoding counted in both; n counts calls of each",
    )  # fmt: skip
