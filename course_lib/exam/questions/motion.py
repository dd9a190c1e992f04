"""Question: does an encoder of films know how fast things go, and does the wrong future surprise it?

Velocities and places are read off the tokens of a clip by an attentive probe and by a line on their mean
(``measures/attentive.py``), and so they are off the controls: the same network untrained, the tokens of a picture
encoder in the last two frames and in all frames of the clip, and the pixels around each patch in two frames. A study
(``studies/v_jepa``) took the minutes that this takes; its answers are read here. n counts films.

The surprise at films that run backwards (``studies/v_jepa_surprise``) is that of ``questions/surprise``, asked for the
two frames that its predictor guesses at once; from context only.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.attentive import above
from course_lib.exam.measures.motion import MOTION, SET, VELOCITIES
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.store import check_weights
from course_lib.studies.v_jepa import WENT_BACK, last_motion, measured_motion
from course_lib.studies.v_jepa_surprise import measured_surprise

OWN = "v_jepa"  # whose checkpoint the study was made for


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows attentive_r2_* and linear_r2_* of each variable; on how many of the four velocities the attentive interval
    lies wholly above the untrained network's; went_back, how often the film that went back surprises it more."""
    where = sitting.admit_episodes(entrant, SET)
    entrant.part("film_encoder")
    if sitting.split != "test" or entrant.name != OWN:
        raise NotCapable(f"the study {OWN} probed {OWN} on test films alone")
    kept = measured_motion()
    check_weights(kept["weights"], entrant.checkpoint, OWN)
    own, others = last_motion(kept), kept["encoders"]
    for probe in ("attentive", "linear"):
        for name, variable in MOTION.items():
            controls = {other: answers[probe][name]["value"] for other, answers in others.items()}
            yield entrant.row(sitting, where, f"{probe}_r2_{name}", unit="", controls=controls, note=variable.about,
                              **own[probe][name])  # fmt: skip
    better, worse = (
        [name for name in above(*pair) if name in VELOCITIES]
        for pair in ((own["attentive"], others["untrained"]["attentive"]),
                     (others["untrained"]["attentive"], own["attentive"]))
    )  # fmt: skip
    value = float(len(better))
    yield entrant.row(sitting, where, "attentive_velocities_above_untrained", value=value, low=value, high=value,
                      unit="variables", n=len(VELOCITIES), controls={"below_untrained": float(len(worse))},
                      note=f"above: {', '.join(better) or 'none'}; below: {', '.join(worse) or 'none'}")  # fmt: skip
    back = measured_surprise()
    check_weights(back["weights"], entrant.checkpoint, "v_jepa_surprise")
    controls = {name: back[name]["value"] for name in ("untrained", "pixel_difference")} | {"chance": 0.5}
    yield entrant.row(sitting, sitting.admit_episodes(entrant, WENT_BACK[0]), "went_back", unit="", controls=controls,
                      note="how often a film that runs backwards surprises it more, from context only",
                      **back[OWN])  # fmt: skip
