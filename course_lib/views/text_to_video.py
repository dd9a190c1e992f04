"""What there is to look at in text to video: films under their prompts, with what the reader says of them; curves.

Films are uint8 (T, H, W, 3), prompts sentences of the grammar in ``worlds/captions.py``; what comes back are texts or
figures, so that the same call serves a figure, a widget's callback and a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.axes import Axes

from course_lib.exam.measures.prompts import Found, found_bodies, hold_against
from course_lib.models.reader import Reader
from course_lib.models.text_to_video import TextToVideo
from course_lib.show.figure import CourseFigure
from course_lib.show.style import STYLE
from course_lib.worlds.captions import FRAMES, parse_caption
from course_lib.worlds.frames import to_uint8

LINE = 105  # letters across a figure
ALL, NOT_ALL, NOT_ASKED = "#009e73", "#d55e00", "#555555"  # what is written in which colour
SHOWN = 5  # frames of a film in a row at most

Answers = Mapping[str, Mapping[str, float]]  # by question: value, low, high


def in_words(found: Found) -> str:
    """What the reader found in a film, as a sentence: "2: a red ball falling and a blue box resting"."""
    number, bodies = found
    words = [f"a {b['colour']} {b['shape']} {b['motion'] or '(lost on the way)'}" for b in bodies]
    return f"{number}: {' and '.join(words)}" if words else f"{number} that could be followed" if number else "nothing"


def verdict(found: Found, prompt: str) -> tuple[str, bool | None]:
    """What the reader says of a film, and whether all of the prompt is right; None where the prompt is no caption that
    a film could be held against, since a size or a motion is missing."""
    try:
        parse_caption(prompt)
    except ValueError:
        return f"the reader finds {in_words(found)} (the prompt is no full caption, so nothing is marked)", None
    held = hold_against([found], [prompt])
    wrong = [name for name, share in held.matched.items() if share[0] < 1.0]
    wrong = ([] if held.number[0] else ["number"]) + wrong
    mark = "all of it is right" if not wrong else f"wrong: {', '.join(wrong)}"
    return f"the reader finds {in_words(found)}; {mark}", not wrong


def under_prompts(reader: Reader, films: np.ndarray, prompts: Sequence[str], title: str = "") -> CourseFigure:
    """Films under their prompts, one in each row, with the reader's verdict beside the frames.

    films: uint8 (N, T, H, W, 3); of more than SHOWN frames some are shown. Fewer than FRAMES frames are not judged.
    Raises ValueError where there are not as many prompts as films.
    """
    if len(films) != len(prompts):
        raise ValueError(f"{len(films)} films need as many prompts, these are {len(prompts)}")
    shown = _evenly(films.shape[1])
    with rc_context(STYLE):
        figure = CourseFigure(9.6, 2.0 * len(films) + 0.45 * bool(title), f"films under their prompts: {prompts}")
        sheet = figure.subfigures()  # a figure of the course has a text, and cannot be given a title
        rows = sheet.subfigures(len(films), 1, squeeze=False)[:, 0]
        for row, film, prompt in zip(rows, films, prompts, strict=True):
            quoted = f"\N{LEFT DOUBLE QUOTATION MARK}{prompt}\N{RIGHT DOUBLE QUOTATION MARK}"
            row.suptitle("\n".join(wrap(quoted, LINE)), x=0.01, ha="left", fontsize=11)
            *places, beside = row.subplots(1, SHOWN + 1, width_ratios=[*[1.0] * SHOWN, 1.5])
            for axes, t in zip(places, [*shown, *[None] * SHOWN], strict=False):
                _frame(axes, film, t)
            beside.axis("off")
            if len(film) >= FRAMES:
                text, right = verdict(found_bodies(reader, film), prompt)
                colour = NOT_ASKED if right is None else ALL if right else NOT_ALL
                words = beside.text(0.0, 0.95, "\n".join(wrap(text, 27)), fontsize=9.5, va="top", color=colour)
                words.set_in_layout(False)  # a long verdict may reach below its film, and must not shrink it
        if title:
            sheet.suptitle(title, x=0.01, ha="left", fontsize=13)
    return figure


def _evenly(frames: int) -> list[int]:
    """Places of at most SHOWN frames, the first and the last among them."""
    return list(dict.fromkeys(np.linspace(0, frames - 1, min(frames, SHOWN)).round().astype(int).tolist()))


def _frame(axes: Axes, film: np.ndarray, t: int | None) -> None:
    if t is None:
        axes.axis("off")
        return
    axes.imshow(film[t], interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"frame {t}", fontsize=9)


def film_of_prompt(
    make: TextToVideo, reader: Reader, prompt: str, *, guidance: float = 2.0, steps: int = 16, seed: int = 0,
    frames: int = FRAMES,
) -> CourseFigure:  # fmt: skip
    """Make one film and show it under its prompt with the reader's verdict; the same seed is the same noise.

    Raises ValueError for a word that the model does not know, naming it, and for a length that the codec has not.
    """
    generator = torch.Generator().manual_seed(seed)
    film = to_uint8(make.films([prompt], frames, generator=generator, w=guidance, steps=steps))
    return under_prompts(reader, film, [prompt], f"guidance {guidance:g}, {steps} steps, noise {seed}")


def curves_of_guidance(
    guidance: Mapping[float, Answers], names: Sequence[str] = ("colour", "shape", "number", "motion", "too_many")
) -> CourseFigure:  # fmt: skip
    """How films follow prompts at each weight of guidance, with intervals. guidance: by weight, see
    ``studies/guidance``. names: what is drawn; "too_many" dashed, because less of it is better."""
    return _curves(guidance, names, "guidance w (0: the prompt is left out, 1: no guidance)", "Guidance")


def curves_of_steps(
    steps: Mapping[int, Answers], names: Sequence[str] = ("colour", "shape", "number", "motion")
) -> CourseFigure:  # fmt: skip
    """The same for each number of steps, on a logarithmic axis."""
    figure = _curves(steps, names, "steps of the sampler", "Steps")
    axes = figure.axes[0]
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(steps), [str(count) for count in steps])
    return figure


def _curves(answers: Mapping[float, Answers], names: Sequence[str], label: str, title: str) -> CourseFigure:
    places = list(answers)
    with rc_context(STYLE):
        figure = CourseFigure(8.8, 3.6, f"{title}: share that is right at {', '.join(f'{p:g}' for p in places)}")
        axes = figure.add_subplot()
        for name in names:
            value, low, high = (np.array([answers[p][name][key] for p in places]) for key in ("value", "low", "high"))
            style = "--" if name.startswith("too_") else "-"
            (line,) = axes.plot(places, value, f"o{style}", markersize=4, label=name.replace("_", " "))
            axes.fill_between(places, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
        axes.set(xlabel=label, ylabel="share (shaded: 95 %)", ylim=(0.0, 1.02))
        axes.set_title(title, loc="left")
        axes.legend(fontsize=10, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def curves_of_drift(
    kept: Mapping[str, Mapping[str, np.ndarray]], labels: Mapping[str, str], seconds: float, what: str = "bodies"
) -> CourseFigure:  # fmt: skip
    """What is left of the bodies of long films. kept: by way and by "number" or "bodies", see ``studies/drift``.
    labels: which ways are drawn, and what they are called. seconds: between two values."""
    with rc_context(STYLE):
        figure = CourseFigure(9.6, 3.4, f"What long films keep: {', '.join(labels.values())}")
        axes = figure.add_subplot()
        for way, label in labels.items():
            values = np.asarray(kept[way][what])
            axes.plot((np.arange(len(values)) + 0.5) * seconds, values, label=label)
        name = {"bodies": "share of the bodies still there", "number": "share with the right number"}[what]
        axes.set(xlabel="time in the film (s)", ylabel=name, ylim=(0.0, 1.02))
        axes.set_title("A minute of film, read frame by frame", loc="left")
        axes.legend(fontsize=10, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
