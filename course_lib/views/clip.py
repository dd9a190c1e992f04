"""What there is to look at in CLIP: similarities of captions and films, the films nearest to a sentence.

Films are uint8 (N, T, H, W, 3) and captions sentences of the grammar in ``worlds/captions.py``; what comes back are
arrays or figures, so that the same call serves a figure, a widget's callback and a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
from matplotlib import rc_context

from course_lib.models.clip import CLIP, caption_vectors, film_vectors
from course_lib.show.figure import CourseFigure
from course_lib.show.style import STYLE

NOBODY = "nobody"
LINE = 110  # letters across a figure


def vectors_of_films(clip: CLIP, films: np.ndarray) -> np.ndarray:
    """Films as vectors of length 1. uint8 (N, T, H, W, 3) -> float32 (N, E)."""
    return film_vectors(clip, films, clip.config.frames)


def vectors_of_captions(clip: CLIP, captions: Sequence[str]) -> np.ndarray:
    """Captions as vectors of length 1, float32 (N, E)."""
    return caption_vectors(clip, captions)


def captioned(films: np.ndarray, short: Sequence[str], descriptive: Sequence[str], frames: int = 5) -> CourseFigure:
    """Films with their two captions: the first frames of one in each row. films: uint8 (N, T, H, W, 3).

    Raises ValueError where there are not as many captions as films.
    """
    if not len(films) == len(short) == len(descriptive):
        raise ValueError(f"{len(films)} films need as many captions, these are {len(short)} and {len(descriptive)}")
    with rc_context(STYLE):
        figure = CourseFigure(9.6, 2.5 * len(films), f"{len(films)} films with their captions")
        rows = figure.subfigures(len(films), 1, squeeze=False)[:, 0]
        for row, film, few, many in zip(rows, films, short, descriptive, strict=True):
            row.suptitle("\n".join([f"short: {few}", *wrap(f"descriptive: {many}", LINE)]), x=0.01, ha="left",
                         fontsize=11)  # fmt: skip
            for t, axes in enumerate(row.subplots(1, frames)):
                axes.imshow(film[t], interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.set_xlabel(f"frame {t}", fontsize=10)
    return figure


def similarity_map(
    similarity: np.ndarray, films: np.ndarray, captions: Sequence[str], title: str = "", *, digits: bool = True
) -> CourseFigure:
    """A table of similarities in colours: a film to each column, its first frame above, a numbered caption to each row.

    The captions themselves stand below.

    similarity: (captions, films), any numbers; films: uint8 (N, T, H, W, 3). digits: write the numbers in.
    Raises ValueError where there are not as many films and captions as columns and rows.
    """
    if similarity.shape != (len(captions), len(films)):
        raise ValueError(f"{len(captions)} captions and {len(films)} films need as many rows and columns, "
                         f"these are {similarity.shape}")  # fmt: skip
    text = f"Similarities of {len(captions)} captions and {len(films)} films"
    lines = [line for k, caption in enumerate(captions, start=1)
             for line in wrap(f"{k}  {caption}", LINE, subsequent_indent="    ")]  # fmt: skip
    with rc_context(STYLE):
        heights = (1.42, 0.36 * len(captions) + 0.2, 0.19 * len(lines) + 0.1)
        figure = CourseFigure(10.4, sum(heights) + 0.4, text)
        sheet = figure.subfigures()
        rows = sheet.add_gridspec(3, len(films), height_ratios=heights)
        for column, film in enumerate(films):
            above = sheet.add_subplot(rows[0, column])
            above.imshow(film[0], interpolation="nearest")
            above.set_title(f"film {column + 1}", fontsize=11, loc="center")
            above.set(xticks=[], yticks=[])
        axes = sheet.add_subplot(rows[1, :])
        image = axes.imshow(similarity, cmap="Blues", aspect="auto")
        axes.set_yticks(range(len(captions)), [f"caption {k + 1}" for k in range(len(captions))], fontsize=10)
        axes.set_xticks([])
        axes.grid(False)
        below = sheet.add_subplot(rows[2, :])
        below.text(0.0, 1.0, "\n".join(lines), fontsize=10.5, va="top", transform=below.transAxes)
        below.axis("off")
        if digits:
            middle = (float(similarity.max()) + float(similarity.min())) / 2
            for row, column in np.ndindex(*similarity.shape):
                value = float(similarity[row, column])
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=10,
                          color="white" if value > middle else "black")  # fmt: skip
        sheet.colorbar(image, ax=axes, label="cosine", pad=0.01)
        sheet.suptitle(title or " ", x=0.01, ha="left", fontsize=14)
    return figure


def sentence(*bodies: Sequence[str]) -> str:
    """A descriptive caption of bodies, each (size, colour, shape, motion); a body of ``NOBODY`` is left out.

    Raises ValueError where no body is left.
    """
    there = [body for body in bodies if NOBODY not in body]
    if not there:
        raise ValueError("a caption speaks of at least one body")
    return " and ".join(f"a {' '.join(body)}" for body in there)


def nearest_films(
    clip: CLIP, vectors: np.ndarray, films: np.ndarray, caption: str, captions: Sequence[str] = (), *, count: int = 6
) -> CourseFigure:
    """The films most similar to a caption, the first frame above the last one that the encoder reads.

    vectors: the films', from ``vectors_of_films``. films: uint8 (N, T, H, W, 3). captions: the films' own, to print
    under them whether it is the sentence that was asked for; none to leave that out.
    """
    similarity = vectors @ vectors_of_captions(clip, [caption])[0]  # (N,)
    order = np.argsort(-similarity)[:count]
    last = clip.config.frames - 1
    with rc_context(STYLE):
        figure = CourseFigure(9.6, 3.9, f"The {count} films nearest to: {caption}")
        sheet = figure.subfigures()  # a figure of the course has a text, and cannot be given a title
        axes = sheet.subplots(2, count)
        for column, film in enumerate(order):
            for row, moment in enumerate((0, last)):
                axes[row, column].imshow(films[film, moment], interpolation="nearest")
                axes[row, column].set(xticks=[], yticks=[])
            own = "" if not captions else ("\nthis caption" if captions[film] == caption else "\nanother caption")
            axes[0, column].set_title(f"cosine {similarity[film]:.2f}{own}", fontsize=11, loc="center")
        axes[0, 0].set_ylabel("frame 0")
        axes[1, 0].set_ylabel(f"frame {last}")
        sheet.suptitle(f"\N{LEFT DOUBLE QUOTATION MARK}{caption}\N{RIGHT DOUBLE QUOTATION MARK}", x=0.01, ha="left",
                       fontsize=13)  # fmt: skip
    return figure
