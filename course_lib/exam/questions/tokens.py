"""How much of a frame do its tokens keep, and how many of the codes are in use? Questions to a tokenizer.

Decibels are averaged over the frames of a film, and intervals are bootstraps over films. Most of a frame is an empty
sitting, which every control draws well; so the same is asked of the *foreground* alone, the pixels that differ from the
median of the training frames. The controls know as many bits as the tokens, or more: PCA whose numbers are rounded, a
codebook of plain patches (k-means), a frame shrunk to one colour a token.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.coders import alive_interval, coders, tokens_of_films
from course_lib.exam.measures.frames import foreground_psnr_by_film, psnr_by_film
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.base import untrained_twin
from course_lib.nets.quantise import usage
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import foreground, median_frame


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows tokenizer_psnr_db, foreground_psnr_db, codes_alive and code_perplexity of the part "tokenizer"."""
    part = entrant.part("tokenizer")
    films = sitting.films_for(entrant)
    train = load_films(films.name, split="train", count=1000, size=sitting.size).frames[:, ::8]
    train = train.reshape(-1, *train.shape[2:])  # (N, T / 8, H, W, 3) -> (M, H, W, 3)
    background = median_frame(train[::4])
    twin = untrained_twin(part, sitting.seed)
    some = foreground(films.frames, background).any(axis=(1, 2, 3))  # (N,): films that show something
    every = coders(part, train, seed=sitting.seed)
    for question, asked, score in (
        ("tokenizer_psnr_db", np.ones_like(some), psnr_by_film),
        ("foreground_psnr_db", some, lambda coder, frames: foreground_psnr_by_film(coder, frames, background)),
    ):
        scores = {name: score(coder, films.frames) for name, coder in every.items()}
        controls = {name: float(values[asked].mean()) for name, values in scores.items() if name != "tokenizer"}
        note = f"{part.config.tokens} tokens a frame, {part.config.number_of_codes} codes"
        yield entrant.row(sitting, films, question, unit="dB", controls=controls, note=note,
                          **mean_and_interval(scores["tokenizer"], asked=asked, seed=sitting.seed))  # fmt: skip
    codes = part.config.number_of_codes
    own, other = (tokens_of_films(model, films.frames) for model in (part, twin))
    answer = alive_interval(own, codes, sitting.rng())
    control = usage(torch.from_numpy(other), codes)
    yield entrant.row(sitting, films, "codes_alive", unit="", controls={"untrained": control.alive}, **answer)
    each = np.array([usage(torch.from_numpy(film), codes).perplexity for film in own])
    yield entrant.row(sitting, films, "code_perplexity", unit="codes", controls={"untrained": control.perplexity},
                      note="of one film's tokens, mean over films",
                      **mean_and_interval(each, seed=sitting.seed))  # fmt: skip
