"""Question: can a mass, an elasticity or a friction be read off what it makes of a film that shows it?

Linear probes of whole films are the study ``hidden_properties``; here its results are read, and refused where they
belong to other weights.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.hidden_properties import ASKED, HIDDEN, measured_hidden
from course_lib.studies.store import check_weights
from course_lib.worlds.hidden_films import NAME


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows probe_r2_film_mass, _elasticity, _friction, and _mass_unseen, which nobody can know."""
    where = sitting.admit_episodes(entrant, NAME)
    if entrant.name not in ASKED:
        raise NotCapable(f"the study asks {', '.join(ASKED)} alone")
    if sitting.split != "test":
        raise NotCapable("the study asks on test films alone")
    facts = measured_hidden()
    check_weights(facts.weights[entrant.name], entrant.checkpoint, "hidden_properties")
    for name in HIDDEN:
        part, found = facts.best(entrant.name, "trained", name)
        known = {control: facts.controls[control][name]["value"] for control in facts.controls}
        yield entrant.row(
            sitting, where, f"probe_r2_film_{name}", unit="", value=found["value"], low=found["low"],
            high=found["high"], n=facts.films[1],
            controls={"untrained": facts.best(entrant.name, "untrained", name)[1]["value"], "pixels": known["pixels"],
                      "places": known["places"], "meaningless_task": found["meaningless_task"]},
            note=f"the best of {len(facts.models[entrant.name]['trained'])} parts, {part}; by mechanics "
                 f"{known['mechanics']:.2f} from true places, {known['mechanics, as read']:.2f} from places as read",
        )  # fmt: skip
