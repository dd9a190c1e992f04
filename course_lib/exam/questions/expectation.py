"""Question: does it know what goes on behind a screen? Violation of expectation on matched films.

Two possible films are the same picture while a screen hides what differs; exchanged there, they are two impossible ones
(``worlds/quadruplets.py``). The row of a property is how often the same ending surprises a model more after the wrong
beginning than after the right one (``measures/expectation.py``): in the family's films, and in a held-out tier, where
speeds or screens lie outside what any training film shows. Who compares each frame with the one before has one half
exactly.

What comes with the course was asked by two studies (``studies/expectation`` and ``studies/expectation_schools``) on 200
quadruplets of each property, and its rows are read from there. Anybody else is asked now, on at most ``MOST`` of them.
n counts quadruplets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.expectation import accuracy, pixel_difference, scores
from course_lib.exam.measures.intervals import wilson_interval
from course_lib.exam.measures.surprises import quadruplet_surprises
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.key_map import KeyedGenie
from course_lib.models.yardsticks import PerfectModel
from course_lib.studies.expectation import ASKED_TIERS, Expected, balanced, in_view, measured_expectation
from course_lib.studies.expectation_schools import SCHOOLS, measured_schools
from course_lib.studies.store import check_weights
from course_lib.worlds.family import NAME as SCREENS
from course_lib.worlds.properties import PROPERTIES, TIERS
from course_lib.worlds.quadruplets import Quadruplets

MOST = 25  # quadruplets of a property that a model is shown in a sitting
STUDIED = ("vmc-family", "vmc", "genie-table", "noisy-engine", *SCHOOLS)  # who was asked by a study
CONTROLS = ("pixel_difference", "copy-last", "noisy-engine", "vmc", "genie-table")  # asked on the same films
CANNOT = {
    PerfectModel: "it recognises films of the film sets, and no others; with films of screens the engine of "
    "noisy-engine stands in its place",
    KeyedGenie: "it infers its latent action from the very frame that is judged; genie-table does without",
}


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows voe_<property> and voe_<property>_heldout; of the films themselves quadruplets_balanced."""
    where = sitting.admit_episodes(entrant, SCREENS)
    if "quadruplets" in entrant.parts:
        yield _balance(entrant, sitting, where)
    elif entrant.name in STUDIED and (entrant.checkpoint is not None or "engine" in entrant.parts):
        yield from _studied(entrant, sitting, where)
    else:
        yield from _asked(entrant, sitting, where)


def _question(name: str, tier: str) -> str:
    return f"voe_{name}" if tier == ASKED_TIERS[0] else f"voe_{name}_heldout"


def _quadruplets(entrant: Entrant, sitting: Sitting) -> Iterator[tuple[str, str, Quadruplets]]:
    for tier in ASKED_TIERS:
        for name in PROPERTIES:
            yield tier, name, sitting.quadruplets_for(entrant, name, tier=tier, count=min(sitting.count, MOST))


def _asked(entrant: Entrant, sitting: Sitting, where: str) -> Iterator[Row]:
    """Ask a model now, with its untrained twin where it has one."""
    model = entrant.part("model")
    for kind, reason in CANNOT.items():
        if isinstance(model, kind):
            raise NotCapable(reason)
    who = {"model": model} | ({"untrained": entrant.untrained["model"]} if "model" in entrant.untrained else {})
    for tier, name, made in _quadruplets(entrant, sitting):
        found = {each: scores(quadruplet_surprises(one, made.films()), made.cuts) for each, one in who.items()}
        controls = {"pixel_difference": float(scores(pixel_difference(made.films()), made.cuts).mean())}
        if "untrained" in found:
            controls["untrained"] = float(found["untrained"].mean())
        yield entrant.row(sitting, where, _question(name, tier), unit="", controls=controls,
                          note=PROPERTIES[name].about, **accuracy(found["model"], seed=sitting.seed))  # fmt: skip


def _studied(entrant: Entrant, sitting: Sitting, where: str) -> Iterator[Row]:
    if sitting.split != "test":
        raise NotCapable("the study asks about the test films alone")
    others, name = measured_expectation(), entrant.name
    kept, study = (measured_schools(), "expectation_schools") if name in SCHOOLS else (others, "expectation")
    if name in kept.weights:
        check_weights(kept.weights[name], entrant.checkpoint, study)
    for tier in ASKED_TIERS:
        for prop, by in kept.scores[tier].items():
            beside = others.scores[tier][prop]
            controls = {other: float(beside[other].mean()) for other in CONTROLS if other != name and other in beside}
            for kind, of in _twins(kept, name, tier).items():
                controls |= {kind: float(of[prop].mean()), f"{kind}_lowest": float(of[prop].min()),
                             f"{kind}_highest": float(of[prop].max())}  # fmt: skip
            yield entrant.row(sitting, where, _question(prop, tier), unit="", controls=controls,
                              note=_note(kept, tier, prop, by[name]),
                              **accuracy(by[name], seed=sitting.seed))  # fmt: skip


def _twins(kept: Expected, name: str, tier: str) -> dict[str, Mapping[str, np.ndarray]]:
    """The untrained networks of somebody, by kind; they were asked about the family alone."""
    if tier != ASKED_TIERS[0]:
        return {}
    if name == "vmc-family":
        return dict(kept.untrained)
    if name not in SCHOOLS:
        return {}
    if name == "vmc-occluded":  # its M, V and sizes are those of vmc-family
        return {"untrained": measured_expectation().untrained["fresh_m"]}
    return {"untrained": kept.untrained.get(name, kept.untrained[SCHOOLS[0]])}  # of the same sizes, with the same V


def _note(kept: Expected, tier: str, name: str, values: np.ndarray) -> str:
    """What is asked, for how long it is hidden, and how each of the held-out tiers came out."""
    few, many = kept.hidden[tier][name]
    note = f"{PROPERTIES[name].about}; hidden for {few} to {many} frames"
    if tier == ASKED_TIERS[0]:
        return note
    drawn = kept.tiers[tier][name][: len(values)]
    parts = [f"{one} {values[drawn == i].mean():.2f}" for i, one in enumerate(TIERS) if (drawn == i).any()]
    return f"{note}; {', '.join(parts)}"


def _balance(entrant: Entrant, sitting: Sitting, where: str) -> Row:
    """Row quadruplets_balanced: the share of quadruplets whose possible and impossible films are made of the same
    frames, frames with their times, and pairs of neighbouring frames."""
    made = [one for _, _, one in _quadruplets(entrant, sitting)]
    equal = np.concatenate([balanced(one.films()) for one in made])
    late = np.concatenate([balanced(in_view(one)) for one in made])
    low, high = wilson_interval(int(equal.sum()), len(equal))
    return entrant.row(
        sitting, where, "quadruplets_balanced", unit="", value=float(equal.mean()), low=low, high=high, n=len(equal),
        controls={"cut_in_view": float(late.mean())},
        note=f"share of quadruplets of {len(PROPERTIES)} properties, held-out tiers included, in which possible and "
        "impossible films hold the same frames, the same at each time, and the same pairs of neighbours",
    )  # fmt: skip
