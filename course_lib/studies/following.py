"""Two hundred prompts: do films show what is asked for, and how real do they look? Read by the exam's row prompt_*.

Prompts are drawn evenly: every number of bodies that the model's own films had, every motion, size and pair of colour
and shape is as likely as any other; and again, half as many, with the pairs that no training film shows. Every film is
held against its prompt by the reader. Beside it stand

    shuffled     the same films, held against other prompts
    w_0, w_1     films made without the prompt, and with it but without guidance
    untrained    a DiT with fresh weights; the codec is kept
    real, codec  real films held against their own captions, as they are and through the codec: what can be reached

How real films look is asked with captions of real films, by the Frechet distance from other real films
(``measures/generated.py``), with as many real films as the floor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course_lib.exam.measures.codecs import codec_coder, coded
from course_lib.exam.measures.generated import (
    bodies_in,
    film_features,
    frechet_and_interval,
    frechet_distance,
    generated_films,
    score,
    summary,
)
from course_lib.exam.measures.prompts import WORDS_OF_A_BODY, Following, draw_prompts, hold_against
from course_lib.models.reader import Reader
from course_lib.models.text_to_video import TextToVideo
from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.text_to_video import load_text_to_video
from course_lib.worlds import spec
from course_lib.worlds.captions import FRAMES, parse_caption
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_uint8

KEPT = DATA / "playground" / "following.json"
SET, RESERVED_SET = "bodies", "bodies-new"
SEED, PROMPTS = 0, 200
STORED = 5  # real films for each prompt: not all have so few bodies, and some are the reference of the distance
BODIES = slice(1, 1 + spec.MAX_BODIES)  # slots of the free bodies
HALF, QUARTER = 2, 4  # the share of the films that a control gets
LENGTH, RUNS = 17, 7  # frames of the film whose seconds are counted, and how often

Facts = dict[str, Any]


# ------------------------------------------------------------------------------------------------------- measuring


def measure_following(
    make: TextToVideo, reader: Reader, films: tuple[Films, Films], count: int, seed: int = SEED
) -> Facts:
    """Everything that is kept of one model: lists and numbers only. films: real ones, of SET and of RESERVED_SET."""
    twin = make.untrained(seed)
    (real, others), (new, _) = (parted(each, make.most_bodies, count) for each in films)
    return {
        "seen": _asked(make, reader, len(real), seed) | {"controls": _controls(make, twin, reader, len(real), seed)}
        | {"real": _real(make, reader, films[0], real)},
        "reserved": _asked(make, reader, len(real) // HALF, seed, reserved=True)
        | {"real": _real(make, reader, films[1], new)},
        "frechet": _frechet((make, twin), reader, films[0], (real, others), seed),
        "seconds": _seconds(make, seed),
    }  # fmt: skip


def parted(films: Films, most_bodies: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of the first ``count`` films of at most so many bodies (half of those that there are, if they are too
    few), and of the others of so many bodies."""
    few = np.flatnonzero((films.states[:, 0, BODIES, 0] > 0).sum(axis=1) <= most_bodies)
    count = min(count, len(few) // 2)
    return few[:count], few[count:]


def _prompts(make: TextToVideo, count: int, seed: int, reserved: bool) -> list[str]:
    return draw_prompts(count, np.random.default_rng([seed, reserved]), bodies=(1, make.most_bodies), reserved=reserved)


def _asked(make: TextToVideo, reader: Reader, count: int, seed: int, *, reserved: bool = False) -> Facts:
    prompts = _prompts(make, count, seed, reserved)
    found = bodies_in(reader, generated_films(make, prompts, seed=seed))
    shuffled = hold_against(found, prompts[1:] + prompts[:1])
    return {"asked": [len(parse_caption(text)) for text in prompts], "own": _stored(hold_against(found, prompts)),
            "shuffled": summary(shuffled)}  # fmt: skip


def _stored(found: Following) -> Facts:
    return {"number": found.number.tolist(), "everything": found.everything.tolist(),
            "motions": found.motions.astype(int).tolist(),
            **{way: {name: getattr(found, way)[name].round(6).tolist() for name in WORDS_OF_A_BODY}
               for way in ("matched", "ordered")}}  # fmt: skip


def _controls(make: TextToVideo, twin: TextToVideo, reader: Reader, count: int, seed: int) -> dict[str, Facts]:
    prompts = _prompts(make, count, seed, False)
    ways = {"w_0": (make, 0.0, HALF), "w_1": (make, 1.0, HALF), "untrained": (twin, 1.0, QUARTER)}
    return {name: summary(score(model, reader, prompts[: count // part], seed=seed, w=w))
            for name, (model, w, part) in ways.items()}  # fmt: skip


def _real(make: TextToVideo, reader: Reader, films: Films, places: np.ndarray) -> Facts:
    """Real films against their own captions, and against those of others; half of them through the codec."""
    captions = [films.captions[i] for i in places]
    found, some = bodies_in(reader, films.frames[places]), places[: len(places) // HALF]
    own, other = hold_against(found, captions), hold_against(found, captions[1:] + captions[:1])
    drawn = to_uint8(coded(codec_coder(make.codec), films.frames[some, :FRAMES]))
    through = hold_against(bodies_in(reader, drawn), captions[: len(some)])
    return {"real": summary(own), "codec": summary(through), "reader": _all_words(own).round(6).tolist(),
            "reader_shuffled": float(_all_words(other).mean())}  # fmt: skip


def _all_words(found: Following) -> np.ndarray:
    """The mean of number, colours, shapes and motions that are right in each film, (N,)."""
    return np.mean([found.number, *(found.matched[name] for name in WORDS_OF_A_BODY)], axis=0)


def _frechet(
    makers: tuple[TextToVideo, TextToVideo], reader: Reader, films: Films, places: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> Facts:  # fmt: skip
    make, twin = makers
    real, reference = (films.frames[chosen, :FRAMES] for chosen in places)
    captions, others = [films.captions[i] for i in places[0]], film_features(reader, reference)
    sets = {
        "real_against_real": real,
        "codec": to_uint8(coded(codec_coder(make.codec), real)),
        "untrained": generated_films(twin, captions[: max(len(real) // QUARTER, 2)], seed=seed, w=1.0),
    }
    own = film_features(reader, generated_films(make, captions, seed=seed))
    controls = {name: frechet_distance(film_features(reader, x), others) for name, x in sets.items()}
    return frechet_and_interval(own, others, seed=seed) | {"controls": controls, "reference": len(reference)}


def _seconds(make: TextToVideo, seed: int) -> Facts:
    """Seconds of one film of LENGTH frames, guided; and without guidance, and of the codec's part alone."""
    prompt = _prompts(make, 1, seed, False)
    latents = torch.zeros(1, make.codec.config.groups(LENGTH), make.codec.config.latent, *2 * (make.codec.config.side,))
    latents = latents.to(make.dit.x_embedder.weight)
    generator = torch.Generator().manual_seed(seed)
    works: dict[str, Callable[[], object]] = {
        "guided": lambda: make.films(prompt, LENGTH, generator=generator),
        "w_1": lambda: make.films(prompt, LENGTH, generator=generator, w=1.0),
        "codec_alone": lambda: make.codec.frames_of(latents),
    }
    return {name: _timed(work) for name, work in works.items()} | {"cores": torch.get_num_threads()}


@torch.no_grad()
def _timed(work: Callable[[], object]) -> list[float]:
    """Seconds of each run; a first one, which also allocates, does not count."""
    work()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(round(time.perf_counter() - start, 4))
    return seconds


# ---------------------------------------------------------------------------------------------------- what is kept


def run(report: Callable[[str], None] = print) -> Facts:
    """Measure the shipped model on test films: about five minutes of one core."""
    films = tuple(load_films(name, split="test", count=STORED * PROMPTS) for name in (SET, RESERVED_SET))
    facts = measure_following(load_text_to_video(), load_checkpoint("reader"), films, PROMPTS)
    for which in ("seen", "reserved"):
        found = summary(as_following(facts[which]["own"]))
        report(f"{which}: " + ", ".join(f"{name} {value:.2f}" for name, value in found.items()))
    report(f"Frechet distance {facts['frechet']['value']:.3f}, {facts['frechet']['controls']}")
    return {"seed": SEED, "prompts": PROMPTS, "weights": followed_weights()} | facts


def followed_weights() -> dict[str, str]:
    """The first digits of the SHA-256 of what made the films."""
    return {name: weights_of(name) for name in ("dit", "codec")}


def as_following(stored: Mapping[str, Any]) -> Following:
    """The way back from what is kept of the films of one kind."""
    shares = {way: {name: np.asarray(stored[way][name], float) for name in WORDS_OF_A_BODY}
              for way in ("matched", "ordered")}  # fmt: skip
    number, everything = (np.asarray(stored[name], float) for name in ("number", "everything"))
    return Following(number, shares["matched"], shares["ordered"], everything, np.asarray(stored["motions"], float))


@dataclass(frozen=True)
class Asked:
    """How films follow prompts: of each film the number that was asked for and what is right; controls by name."""

    numbers: np.ndarray
    own: Following
    controls: Mapping[str, Mapping[str, float]]  # by name, as ``summary`` gives them
    reader: np.ndarray  # of real films, the mean of all that the reader has right
    reader_shuffled: float


@dataclass(frozen=True)
class Followed:
    """What ``measure_following`` gives. frechet: value, low, high, n, reference and controls. seconds: lists by name,
    and cores. weights: of what made the films; none where it has no checkpoint."""

    seen: Asked
    reserved: Asked
    frechet: Mapping[str, Any]
    seconds: Mapping[str, Any]
    weights: Mapping[str, str]


def as_followed(facts: Mapping[str, Any]) -> Followed:
    """The facts as the exam reads them. Raises ValueError, KeyError or TypeError where they are damaged."""

    def asked(part: Mapping[str, Any]) -> Asked:
        controls = {"shuffled": part["shuffled"], **part.get("controls", {}),
                    **{name: part["real"][name] for name in ("real", "codec")}}  # fmt: skip
        found = Asked(np.asarray(part["asked"], int), as_following(part["own"]), controls,
                      np.asarray(part["real"]["reader"], float), float(part["real"]["reader_shuffled"]))  # fmt: skip
        lengths = {len(found.numbers), len(found.own.number), len(found.own.motions), len(found.own.matched["colour"])}
        if len(lengths) > 1 or found.own.motions.shape[1:] != (5, 2):
            raise ValueError("the numbers are not of equally many films")
        values = [found.own.number, found.own.everything, *found.own.matched.values(), *found.own.ordered.values()]
        if not all(((0 <= each) & (each <= 1)).all() for each in values):
            raise ValueError("a share lies between 0 and 1")
        return found

    return Followed(asked(facts["seen"]), asked(facts["reserved"]), dict(facts["frechet"]), dict(facts["seconds"]),
                    dict(facts.get("weights", {})))  # fmt: skip


def measured_following() -> Followed:
    """The kept facts. Raises ExamError when the file is missing or damaged."""
    return read_study(KEPT, as_followed, "following")
