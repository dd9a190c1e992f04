"""Do films show what their prompts ask for? Questions to a text-to-video model, marked by the course's reader.

Prompts are drawn evenly: every number of bodies that the model's own films had, every motion, size and pair of colour
and shape is as likely as any other. Films are held against them as ``measures/prompts.py`` says, matched and strictly
from left to right. A caption of one body may have occurred in training; the film that is wanted did not exist.

Pairs of colour and shape that no training film shows (``spec.RESERVED_COMBINATIONS``) have rows of their own.

Controls of every row: the same films held against other prompts; films made without a prompt (w_0) and with one but
without guidance (w_1); a DiT with fresh weights; and what can be reached: real films held against their own captions,
as they are and through the codec. Motions are balanced, since two bodies of three fall: beside them stands who answers
"falling" always; beside the number, who always answers the one that most prompts ask for.

How real films look is asked with captions of real films: the Frechet distance of the reader's features from other real
films (``measures/generated.py``), with the distance of as many real films as the floor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.codecs import codec_coder, coded, share_and_interval
from course_lib.exam.measures.generated import (
    PARTS,
    bodies_in,
    film_features,
    frechet_and_interval,
    frechet_distance,
    generated_films,
    score,
    summary,
)
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.prompts import (
    WORDS_OF_A_BODY,
    Following,
    balanced_motion,
    balanced_motion_and_interval,
    draw_prompts,
    hold_against,
)
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.base import untrained_twin
from course_lib.models.reader import Reader
from course_lib.models.text_to_video import TextToVideo
from course_lib.worlds import spec
from course_lib.worlds.captions import FRAMES, MOTIONS, parse_caption
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_uint8

SET, RESERVED_SET = "bodies", "bodies-new"
BODIES = slice(1, 1 + spec.MAX_BODIES)  # slots of the free bodies
TIMES_AS_MANY = 2  # films as other questions have
STORED, LEAST_STORED = 10, 250  # real films, in films of other questions; as the questions about captions load
HALF, QUARTER = 2, 4  # the share of the films that a control gets
LENGTH = 17  # frames of the film whose seconds are counted
RUNS = 7  # films whose seconds are counted
FALLING = MOTIONS.index("falling")

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


@dataclass(frozen=True)
class Asked:
    """Prompts, and how films follow prompts: those that were made for them ("own"), and the controls, by name."""

    prompts: list[str]
    held: Mapping[str, Following]


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows prompt_number, prompt_colour, prompt_shape, prompt_motion, prompt_everything, again "ordered" or
    "reserved", reader_accuracy_real, frechet_films and sample_seconds, of the part "text_to_video"."""
    make = entrant.part("text_to_video")
    count, stored = max(TIMES_AS_MANY * sitting.count, PARTS), max(STORED * sitting.count, LEAST_STORED)
    films = sitting.films_for(entrant, SET, count=stored)
    new = sitting.films_for(entrant, RESERVED_SET, count=stored)
    twin = TextToVideo(untrained_twin(make.dit, sitting.seed), make.codec, most_bodies=make.most_bodies)
    real, other = parted(films, make.most_bodies, count)
    seen = _asked(sitting, make, twin, films, real)
    yield _reader_row(entrant, sitting, films, seen)
    yield from _rows(entrant, sitting, films, seen)
    chosen, _ = parted(new, make.most_bodies, count)
    unseen = _asked(sitting, make, twin, new, chosen, reserved=True)
    yield from _reserved_rows(entrant, sitting, new, seen, unseen)
    yield _frechet(entrant, sitting, (make, twin), films, (real, other))
    yield _seconds(entrant, sitting, make)


def parted(films: Films, most_bodies: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of the first ``count`` films of at most so many bodies (half of those that there are, if they are too
    few), and of the others of so many bodies."""
    few = np.flatnonzero((films.states[:, 0, BODIES, 0] > 0).sum(axis=1) <= most_bodies)
    count = min(count, len(few) // 2)
    return few[:count], few[count:]


def _asked(
    sitting: Sitting, make: TextToVideo, twin: TextToVideo, films: Films, real: np.ndarray, *, reserved: bool = False
) -> Asked:  # fmt: skip
    """Films for drawn prompts, half as many with reserved pairs; those are not asked of the untrained and unguided."""
    count = len(real) // HALF if reserved else len(real)
    prompts = draw_prompts(count, sitting.rng(int(reserved)), bodies=(1, make.most_bodies), reserved=reserved)
    found = bodies_in(sitting.reader, generated_films(make, prompts, seed=sitting.seed))
    held = {"own": hold_against(found, prompts), "shuffled": hold_against(found, prompts[1:] + prompts[:1])}
    if not reserved:
        for name, model, w, part in (("w_0", make, 0.0, HALF), ("w_1", make, 1.0, HALF),
                                     ("untrained", twin, 1.0, QUARTER)):  # fmt: skip
            held[name] = score(model, sitting.reader, prompts[: len(prompts) // part], seed=sitting.seed, w=w)
        some = real[: len(real) // HALF]
        drawn = to_uint8(coded(codec_coder(make.codec), films.frames[some, :FRAMES]))
        held["codec"] = hold_against(bodies_in(sitting.reader, drawn), [films.captions[i] for i in some])
    held["real"], held["real_shuffled"] = sitting.once(
        ("prompts", "real", films.hash, make.most_bodies, len(real)), lambda: _real(sitting.reader, films, real)
    )
    return Asked(prompts, held)


def _real(reader: Reader, films: Films, real: np.ndarray) -> tuple[Following, Following]:
    """Real films against their own captions, and against those of others."""
    captions = [films.captions[i] for i in real]
    found = bodies_in(reader, films.frames[real])
    return hold_against(found, captions), hold_against(found, captions[1:] + captions[:1])


# ------------------------------------------------------------------------------------------------------------- rows


def _rows(entrant: Entrant, sitting: Sitting, films: Films, asked: Asked) -> Iterator[Row]:
    numbers = np.array([len(parse_caption(text)) for text in asked.prompts])
    for name, share in SHARES.items():
        values, note = share(asked.held["own"]), "untrained: the codec is kept"
        controls = _controls(asked.held, lambda found, share=share: float(np.nanmean(share(found))))
        if name == "number":
            controls["one_answer"] = float(np.bincount(numbers).max() / len(numbers))
            by = [f"{values[numbers == n].mean():.2f} of {n}" for n in np.unique(numbers)]
            note = f"by the number that was asked for: {', '.join(by)}; {note}"
        yield entrant.row(sitting, films, f"prompt_{name}", unit="", controls=controls, note=note,
                          **share_and_interval(values, seed=sitting.seed))  # fmt: skip
    yield _motion(entrant, sitting, films, "prompt_motion", asked.held)


def _controls(held: Mapping[str, Following], value: Callable[[Following], float]) -> dict[str, float]:
    return {name: value(found) for name, found in held.items() if name not in ("own", "real_shuffled")}


def _motion(entrant: Entrant, sitting: Sitting, films: Films, question: str, held: Mapping[str, Following],
            **more: float) -> Row:  # fmt: skip
    motions = held["own"].motions
    controls = _controls(held, lambda found: balanced_motion(found.motions)) | more
    controls["always_falling"] = balanced_motion(_one_answer(motions, FALLING))
    asked, right = motions.sum(axis=0).T
    by = [f"{word} {right[k] / asked[k]:.2f}" for k, word in enumerate(MOTIONS) if asked[k]]
    return entrant.row(sitting, films, question, unit="", controls=controls, note=f"balanced: {', '.join(by)}",
                       **balanced_motion_and_interval(motions, seed=sitting.seed))  # fmt: skip


def _one_answer(motions: np.ndarray, answer: int) -> np.ndarray:
    """Motions as somebody has them right who always gives the same answer. (N, 5, 2), the same."""
    always = motions * (1.0, 0.0)
    always[:, answer, 1] = motions[:, answer, 0]
    return always


def _reserved_rows(entrant: Entrant, sitting: Sitting, films: Films, seen: Asked, unseen: Asked) -> Iterator[Row]:
    note = "pairs of colour and shape that no training film shows; seen_pairs: the others"
    for name in ("number", "colour", "shape", "everything"):
        value = lambda found, name=name: float(np.nanmean(SHARES[name](found)))  # noqa: E731
        controls = _controls(unseen.held, value) | {"seen_pairs": value(seen.held["own"])}
        yield entrant.row(sitting, films, f"prompt_{name}_reserved", unit="", controls=controls, note=note,
                          **share_and_interval(SHARES[name](unseen.held["own"]), seed=sitting.seed))  # fmt: skip
    yield _motion(entrant, sitting, films, "prompt_motion_reserved", unseen.held,
                  seen_pairs=balanced_motion(seen.held["own"].motions))  # fmt: skip


def _reader_row(entrant: Entrant, sitting: Sitting, films: Films, asked: Asked) -> Row:
    """The reader on real films: what nobody can be above."""
    own, other = (_all_words(asked.held[name]) for name in ("real", "real_shuffled"))
    means = {name: f"{value:.3f}" for name, value in summary(asked.held["real"]).items()}
    note = f"real films: number {means['number']}, colour {means['colour']}, shape {means['shape']}, "
    return entrant.row(sitting, films, "reader_accuracy_real", unit="", controls={"shuffled": float(other.mean())},
                       note=f"{note}motion {means['motion']}; the mean of number and of the plain shares",
                       **share_and_interval(own, seed=sitting.seed))  # fmt: skip


def _all_words(found: Following) -> np.ndarray:
    """The mean of number, colours, shapes and motions that are right in each film, (N,)."""
    return np.mean([found.number, *(found.matched[name] for name in WORDS_OF_A_BODY)], axis=0)


def _frechet(
    entrant: Entrant, sitting: Sitting, makers: tuple[TextToVideo, TextToVideo], films: Films,
    places: tuple[np.ndarray, np.ndarray],
) -> Row:  # fmt: skip
    make, twin = makers
    real, reference = (films.frames[chosen, :FRAMES] for chosen in places)
    captions = [films.captions[i] for i in places[0]]
    some = max(len(real) // QUARTER, 2)
    sets = {
        "own": generated_films(make, captions, seed=sitting.seed),
        "real_against_real": real,
        "codec": to_uint8(coded(codec_coder(make.codec), real)),
        "untrained": generated_films(twin, captions[:some], seed=sitting.seed, w=1.0),
    }
    features = {name: film_features(sitting.reader, x) for name, x in (sets | {"reference": reference}).items()}
    others = features.pop("reference")
    controls = {name: frechet_distance(x, others) for name, x in features.items() if name != "own"}
    note = f"{len(real)} films from captions of real films, against {len(reference)} other real films"
    return entrant.row(sitting, films, "frechet_films", unit="", direction="lower", controls=controls, note=note,
                       **frechet_and_interval(features["own"], others, seed=sitting.seed))  # fmt: skip


def _seconds(entrant: Entrant, sitting: Sitting, make: TextToVideo) -> Row:
    prompt = draw_prompts(1, sitting.rng(2), bodies=(1, 1))
    latents = torch.zeros(1, make.codec.config.groups(LENGTH), make.codec.config.latent, *2 * (make.codec.config.side,))
    latents = latents.to(make.dit.x_embedder.weight)
    works: dict[str, Callable[[], object]] = {
        "guided": lambda: make.films(prompt, LENGTH, generator=sitting.generator()),
        "w_1": lambda: make.films(prompt, LENGTH, generator=sitting.generator(), w=1.0),
        "codec_alone": lambda: make.codec.frames_of(latents),
    }
    seconds = {name: _timed(work) for name, work in works.items()}
    controls = {name: float(np.median(values)) for name, values in seconds.items() if name != "guided"}
    note = f"one film of {LENGTH} frames, on {torch.get_num_threads()} core(s); n counts films"
    return entrant.row(sitting, "drawn prompts", "sample_seconds", unit="s", direction="lower", controls=controls,
                       note=note, **mean_and_interval(seconds["guided"], seed=sitting.seed,
                                                      statistic=np.median))  # fmt: skip


@torch.no_grad()
def _timed(work: Callable[[], object]) -> Sequence[float]:
    """Seconds of each run; a first one, which also allocates, does not count."""
    work()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds
