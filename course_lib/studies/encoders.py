"""What must an encoder of latent actions look at, for its codes to mean the same everywhere?

Several latent action models learn from the same films, the agent alone. They differ in what the encoder looks at, and
one in who draws. Two things are asked of each, on other films: how many decibels the next frame gains from its codes,
and what the codes tell about the key, once as they are and once given the agent's column on a grid of 8 pixels. Codes
that gain much and tell the key only *given the place* are the trap: they are used, and nobody can play with them.

The paper's own ablation, pixels or tokens (Genie, arXiv 2402.15391, section 3.4, table 2), is among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib.exam.measures.counterfactuals import visible_steps
from course_lib.exam.measures.information import count_pairs, nmi_given, nmi_interval
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.lam import codes_of_films, drawn_psnr_by_film, places
from course_lib.lookup import ExamError
from course_lib.models.lam import LatentActionModel
from course_lib.studies.store import DATA, read_study
from course_lib.training import load_checkpoint, load_config, train
from course_lib.worlds.films import Films, load_films

KEPT = DATA / "playground" / "encoders.json"

GRID = 8  # pixels: the patches of the space-time encoder, and the grid of the question

SEED = 0

_PATCHES = {"model.encoder": "space_time", "model.width": 64, "train.learning_rate": 1e-3}

_BOTH = {**_PATCHES, "model.decoder": "space_time", "model.decoder_width": 64}


@dataclass(frozen=True)
class Kind:
    """What differs from the size cpu.

    changes: of the configuration. tokens: the encoder looks at them in the place of pixels. shift: every film is moved
    as a whole by some pixels. times: so many times the ordinary number of steps.
    """

    changes: Mapping[str, object]
    tokens: bool = False
    shift: bool = False
    times: int = 1


KINDS = {
    "convolutions on pixels": Kind({}),
    "convolutions on tokens": Kind({}, tokens=True),
    "patches": Kind(_BOTH),
    "patches, convolutions draw": Kind(_PATCHES),
    "patches, films shifted": Kind(_BOTH, shift=True),
    "patches, 4 x as long": Kind(_BOTH, times=4),
    "patches, films shifted, 4 x as long": Kind(_BOTH, shift=True, times=4),
}


def shifted(frames: np.ndarray, rng: np.random.Generator, most: int = GRID - 1) -> np.ndarray:
    """Each film moved as a whole by up to ``most`` pixels to every side; edges are repeated. uint8 (N, T, H, W, 3).

    No place on a grid of patches is then anything special.
    """
    height, width = frames.shape[2:4]
    out = np.empty_like(frames)
    for film, (down, right) in enumerate(rng.integers(-most, most + 1, size=(len(frames), 2))):
        rows, columns = (np.clip(np.arange(n) - k, 0, n - 1) for n, k in ((height, down), (width, right)))
        out[film] = frames[film][:, rows[:, None], columns]
    return out


def train_kind(kind: str, films: Films, steps: int, *, progress: str = "none") -> tuple[LatentActionModel, int, float]:
    """A latent action model of this kind, trained on these films; the steps and minutes it took.

    Raises ExamError for a kind that does not exist.
    """
    if kind not in KINDS:
        raise ExamError(f"there is no encoder {kind!r}; there are: {', '.join(KINDS)}")
    asked = KINDS[kind]
    steps *= asked.times
    config = load_config("lam", "cpu", {"data.length": 6, "train.steps": steps, **asked.changes})
    model = LatentActionModel(config.model, load_checkpoint("tokenizer").eval()) if asked.tokens else None
    data = shifted(films.for_training().frames, np.random.default_rng(SEED)) if asked.shift else films
    history = train("lam", config, data=data, model=model, progress=progress)
    return history.model.eval(), steps, history.minutes


def ask_encoder(model: LatentActionModel, films: Films) -> dict:
    """Gain in dB over another film's codes, NMI with the key as it is, and given the place; on steps with a visible
    effect. Each with value, low, high and n, but the last, which is one number, as is its control (shuffled codes)."""
    first, codes = model.config.context - 1, model.config.codes
    index, keys = codes_of_films(model, films.frames), films.actions.astype(np.int64)
    asked, cell = visible_steps(films)[:, first:], places(films, GRID)[:, first:]
    own, other = (drawn_psnr_by_film(model, films.frames, np.roll(index, k, axis=0), first) for k in (0, 1))
    here, pressed = index[:, first:], keys[:, first:]
    return {
        "gain": mean_and_interval(own - other, seed=SEED),
        "nmi": nmi_interval(count_pairs(here, pressed, asked, codes), np.random.default_rng(SEED)),
        "given_place": nmi_given(here, pressed, asked, cell, codes),
        "given_place_shuffled": nmi_given(np.roll(here, 1, axis=0), pressed, asked, cell, codes),
    }


def run(report: Callable[[str], None] = print, steps: int = 3000) -> dict[str, Any]:
    """Train every kind on films of the agent alone and ask it: half an hour of one core."""
    films, test = load_films("agent", split="train", count=600), load_films("agent", split="test", count=60)
    found = {}
    for kind in KINDS:
        model, taken, minutes = train_kind(kind, films, steps)
        found[kind] = answer = {"steps": taken, "minutes": round(minutes, 1), **ask_encoder(model, test)}
        report(f"{kind}: gain {answer['gain']['value']:.2f} dB, NMI {answer['nmi']['value']:.3f}, given the place "
               f"{answer['given_place']:.3f} ({answer['given_place_shuffled']:.3f} shuffled), {minutes:.1f} min")
    return found


def measured_encoders() -> dict[str, dict]:
    """What ``run`` found: kind -> what ``ask_encoder`` says, with ``steps`` and ``minutes``.

    Raises ExamError when the file is missing or damaged.
    """

    def parse(found: dict) -> dict[str, dict]:
        for kind in KINDS:
            if lacking := {"gain", "nmi", "given_place", "given_place_shuffled", "steps", "minutes"} - set(found[kind]):
                raise ValueError(f"{kind} lacks {sorted(lacking)}")
        return {kind: found[kind] for kind in KINDS}

    return read_study(KEPT, parse, "encoders")
