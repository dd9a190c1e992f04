"""Question: does it use what its state holds, and does it know what causes what?

The state is moved along a direction for one coordinate of the agent, and the platform under the agent is taken away in
the first frame. Both take minutes and are the study of this name; here its results are read, and refused where they
belong to other weights. What a probe reads off a state is the question ``probing``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval, paired_ratio_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.latents import (
    ASKED_CAUSES,
    COORDINATES,
    MODELS,
    MOVE,
    SCORE,
    Latents,
    caused_share,
    measured_latents,
)
from course_lib.studies.store import check_weights
from course_lib.worlds.starless import NAME


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows cause_share, and of those whose state is made of numbers that can be moved moved_share_agent_x and _y and
    state_geometry_correlation."""
    where = sitting.admit_episodes(entrant, NAME)
    if entrant.name not in ASKED_CAUSES:
        raise NotCapable(f"the study asks {', '.join(ASKED_CAUSES)} alone")
    if sitting.split != "test":
        raise NotCapable("the study asks on test films alone")
    facts = measured_latents()
    check_weights(facts.weights[entrant.name], entrant.checkpoint, "latents")
    yield _cause(entrant, sitting, where, facts)
    if entrant.name in MODELS:
        films = sitting.admit_episodes(entrant, "goal")
        yield _geometry(entrant, sitting, films, facts)
        for variable in COORDINATES:
            by = facts.moved[entrant.name]
            moved = {kind: np.nan_to_num(found[-1]) for kind, found in by["trained"][variable].items()}
            moved["untrained"] = np.nan_to_num(by["untrained"][variable]["together"][-1])
            yield entrant.row(
                sitting, films, f"moved_share_{variable}", unit="",
                controls={kind: float(moved[kind].mean()) for kind in ("probe", "random", "untrained")},
                note=f"moved by {MOVE:g} units together with the variable; an agent that is not found has not moved",
                **mean_and_interval(moved["together"], seed=sitting.seed),
            )  # fmt: skip


def _geometry(entrant: Entrant, sitting: Sitting, where: str, facts: Latents) -> Row:
    """Of the parts of a state the one whose distances follow the agent's most; the untrained twin has its best too."""
    of = facts.geometry[entrant.name]
    part = max(of["trained"], key=lambda name: of["trained"][name][0])
    value, low, high = of["trained"][part]
    pixels = next(iter(facts.geometry["controls"].values()))
    return entrant.row(
        sitting, where, "state_geometry_correlation", unit="", value=value, low=low, high=high, n=SCORE,
        controls={"pixels": pixels[0], "untrained": max(found[0] for found in of["untrained"].values())},
        note=f"rank correlation of distances, pairs of {SCORE} films; the best of {len(of['trained'])} parts, {part}",
    )  # fmt: skip


def _cause(entrant: Entrant, sitting: Sitting, where: str, facts: Latents) -> Row:
    true, found = facts.caused["standing"][-1], facts.causes[entrant.name]
    dreamed = found["trained"]["standing"][-1]
    low, high = paired_ratio_interval(-np.nan_to_num(dreamed), -true, generator=sitting.rng(1))
    lost = int(np.isnan(dreamed).sum())
    return entrant.row(
        sitting, where, "cause_share", value=caused_share(dreamed, true), low=low, high=high,
        unit="", n=len(true),
        controls={"untrained": caused_share(found["untrained"]["standing"][-1], true),
                  "beside_the_platform": caused_share(found["trained"]["beside"][-1], true)},
        note=f"share of the simulator's fall; the agent is lost in {lost} of {len(true)} rooms, and counts as no fall",
    )  # fmt: skip
