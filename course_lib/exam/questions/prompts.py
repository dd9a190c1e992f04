"""Do films show what their prompts ask for? Questions to a text-to-video model, marked by the course's reader.

What is asked, of which films, and beside which controls stands in ``studies/following``; how a film is held against its
prompt, in ``measures/prompts``. A caption of one body may have occurred in training; the film that is wanted did not
exist. Pairs of colour and shape that no training film shows (``spec.RESERVED_COMBINATIONS``) have rows of their own.

Further controls: beside the motion, which is balanced because two bodies of three fall, who always answers "falling";
beside the number, who always answers the one that most prompts ask for; beside reserved pairs, the others.

What comes with the course was measured by the study, and its rows are read from there. Anybody else is asked now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.codecs import share_and_interval
from course_lib.exam.measures.generated import PARTS
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.prompts import Following, balanced_motion, balanced_motion_and_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies import following as study
from course_lib.studies.following import LENGTH, RESERVED_SET, SET, STORED, Asked, Followed
from course_lib.studies.store import check_weights
from course_lib.worlds.captions import MOTIONS
from course_lib.worlds.films import Films

TIMES_AS_MANY = 2  # films as other questions have
FALLING = MOTIONS.index("falling")
REAL = ("number", "colour", "shape", "motion")  # what the reader is asked about real films

SHARES: Mapping[str, Callable[[Following], np.ndarray]] = {
    "number": lambda found: found.number,
    "colour": lambda found: found.matched["colour"],
    "shape": lambda found: found.matched["shape"],
    "everything": lambda found: found.everything,
    "colour_ordered": lambda found: found.ordered["colour"],
    "shape_ordered": lambda found: found.ordered["shape"],
    "motion_ordered": lambda found: found.ordered["motion"],
}
"""One share for each film; motion, which is balanced over all films, is asked apart."""


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows prompt_number, prompt_colour, prompt_shape, prompt_motion, prompt_everything, again "ordered" or
    "reserved", reader_accuracy_real, frechet_films and sample_seconds, of the part "text_to_video"."""
    make = entrant.part("text_to_video")
    count = max(TIMES_AS_MANY * sitting.count, PARTS)
    films = sitting.films_for(entrant, SET, count=STORED * count)
    new = sitting.films_for(entrant, RESERVED_SET, count=STORED * count)
    if "dit" in entrant.checkpoints:
        if sitting.split != "test":
            raise NotCapable("the study asks on test films alone")
        found = study.measured_following()
        for name, weights in found.weights.items():
            check_weights(weights, entrant.checkpoints[name], "following")
    else:
        found = study.as_followed(study.measure_following(make, sitting.reader, (films, new), count, sitting.seed))
    yield _reader(entrant, sitting, films, found)
    yield from _seen(entrant, sitting, films, found.seen)
    yield from _reserved(entrant, sitting, new, found)
    yield _frechet(entrant, sitting, films, found)
    yield _seconds(entrant, sitting, found)


def _seen(entrant: Entrant, sitting: Sitting, films: Films, asked: Asked) -> Iterator[Row]:
    for name, share in SHARES.items():
        values, note = share(asked.own), "untrained: the codec is kept"
        controls = _controls(asked, name)
        if name == "number":
            controls["one_answer"] = float(np.bincount(asked.numbers).max() / len(asked.numbers))
            by = [f"{values[asked.numbers == n].mean():.2f} of {n}" for n in np.unique(asked.numbers)]
            note = f"by the number that was asked for: {', '.join(by)}; {note}"
        yield entrant.row(sitting, films, f"prompt_{name}", unit="", controls=controls, note=note,
                          **share_and_interval(values, seed=sitting.seed))  # fmt: skip
    yield _motion(entrant, sitting, films, "prompt_motion", asked, _controls(asked, "motion"))


def _controls(asked: Asked, name: str) -> dict[str, float]:
    return {who: float(values[name]) for who, values in asked.controls.items()}


def _motion(
    entrant: Entrant, sitting: Sitting, films: Films, question: str, asked: Asked, controls: dict[str, float]
) -> Row:  # fmt: skip
    motions = asked.own.motions
    controls["always_falling"] = balanced_motion(_one_answer(motions, FALLING))
    total, right = motions.sum(axis=0).T
    by = [f"{word} {right[k] / total[k]:.2f}" for k, word in enumerate(MOTIONS) if total[k]]
    return entrant.row(sitting, films, question, unit="", controls=controls, note=f"balanced: {', '.join(by)}",
                       **balanced_motion_and_interval(motions, seed=sitting.seed))  # fmt: skip


def _one_answer(motions: np.ndarray, answer: int) -> np.ndarray:
    """Motions as somebody has them right who always gives the same answer. (N, 5, 2), the same."""
    always = motions * (1.0, 0.0)
    always[:, answer, 1] = motions[:, answer, 0]
    return always


def _reserved(entrant: Entrant, sitting: Sitting, films: Films, found: Followed) -> Iterator[Row]:
    note = "pairs of colour and shape that no training film shows; seen_pairs: the others"
    seen, unseen = found.seen, found.reserved
    for name in ("number", "colour", "shape", "everything"):
        controls = _controls(unseen, name) | {"seen_pairs": float(SHARES[name](seen.own).mean())}
        yield entrant.row(sitting, films, f"prompt_{name}_reserved", unit="", controls=controls, note=note,
                          **share_and_interval(SHARES[name](unseen.own), seed=sitting.seed))  # fmt: skip
    controls = _controls(unseen, "motion") | {"seen_pairs": balanced_motion(seen.own.motions)}
    yield _motion(entrant, sitting, films, "prompt_motion_reserved", unseen, controls)


def _reader(entrant: Entrant, sitting: Sitting, films: Films, found: Followed) -> Row:
    """The reader on real films: what nobody can be above."""
    words = ", ".join(f"{name} {found.seen.controls['real'][name]:.3f}" for name in REAL)
    return entrant.row(sitting, films, "reader_accuracy_real", unit="",
                       controls={"shuffled": found.seen.reader_shuffled},
                       note=f"real films: {words}; the mean of number and of the plain shares",
                       **share_and_interval(found.seen.reader, seed=sitting.seed))  # fmt: skip


def _frechet(entrant: Entrant, sitting: Sitting, films: Films, found: Followed) -> Row:
    answer = {name: found.frechet[name] for name in ("value", "low", "high", "n", "controls")}
    note = f"films from captions of real films, against {found.frechet['reference']} other real films"
    return entrant.row(sitting, films, "frechet_films", unit="", direction="lower", note=note, **answer)


def _seconds(entrant: Entrant, sitting: Sitting, found: Followed) -> Row:
    controls = {name: float(np.median(found.seconds[name])) for name in ("w_1", "codec_alone")}
    note = f"one film of {LENGTH} frames, on {found.seconds['cores']} core(s); n counts films"
    return entrant.row(sitting, "drawn prompts", "sample_seconds", unit="s", direction="lower", controls=controls,
                       note=note, **mean_and_interval(found.seconds["guided"], seed=sitting.seed,
                                                      statistic=np.median))  # fmt: skip
