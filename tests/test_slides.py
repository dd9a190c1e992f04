"""Decks to be projected: what is on them and what is not, without a browser (that is tests/browser/test_slides.py)."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from course_lib import show
from course_lib.worlds.films import load_films
from tests.imports import ROOT
from tools import slides
from tools.notebooks import FOLDER, NotebookError, pairs, read_notebook

ALL = [pair.name for pair in pairs(FOLDER) if pair.notebook.exists()]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


VOID = ("img", "meta", "br", "hr", "path", "col", "link", "input")


class _Addresses(HTMLParser):
    """What a page would fetch, and how many of its elements are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "poster", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes something else"


def notebook(*cells: nbformat.NotebookNode) -> nbformat.NotebookNode:
    for cell in cells:
        cell.metadata.setdefault("tags", ["lecture"])
    return nbformat.v4.new_notebook(cells=[text("# 99 A title\n\n**The question.** Which?"), *cells])


def text(source: str, *tags: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_markdown_cell(source, metadata={"tags": list(tags) or ["lecture"]})


def code(source: str, data: dict[str, str] | None = None, printed: str = "") -> nbformat.NotebookNode:
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)] if printed else []
    outputs += [nbformat.v4.new_output("display_data", data=data)] if data else []
    return nbformat.v4.new_code_cell(source, outputs=outputs, metadata={"tags": ["lecture"]})


def whole(screen: slides.Screen) -> str:
    """All that is projected of a screen, as HTML."""
    return slides._screen_html(screen, 1, "").partition('<aside class="notes">')[0]


@pytest.mark.parametrize("name", ALL)
def test_every_notebook_has_a_deck_that_fetches_nothing(name: str, tmp_path: Path) -> None:
    (pair,) = pairs(FOLDER, [name])
    page = slides.make_deck(pair, tmp_path).read_text(encoding="utf-8")
    parser = _Addresses()
    parser.feed(re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL))
    assert parser.open == [], "every element is closed"
    assert all(address.startswith("data:") for address in parser.found), parser.found
    assert not re.search(r"@import|url\(", page), "nor does a style sheet fetch anything"
    assert "@exercise" not in page and "(difficulty" not in page, "exercises are left out"
    made = slides.screens(read_notebook(pair.notebook))
    assert 20 <= len(made) <= 75 and made[0].opening
    assert "Lecture plan" in made[0].notes[-1] or any("Lecture plan" in note for note in made[0].notes)
    assert sum(screen.section == "To discuss" for screen in made) == 1
    # By estimate; what the letters really take is seen in a browser.
    assert all(screen.used() < 1.6 for screen in made if len(screen.items) > 1)


@pytest.mark.parametrize("name", ALL)
def test_everything_tagged_is_on_a_screen_or_in_the_notes(name: str) -> None:
    """No picture, table or printed text of a lecture cell is lost, and none of another cell is there."""
    (pair,) = pairs(FOLDER, [name])
    stored = read_notebook(pair.notebook)
    made = slides.screens(stored)
    results = [item for screen in made for item in screen.items if isinstance(item, slides.Result)]
    shown = [one.html for result in results for one in result.shown]
    cells = [cell for cell in slides.lecture_cells(stored) if cell.cell_type == "code"]
    pictures = [o.data["image/png"] for c in cells for o in c.outputs if "image/png" in o.get("data", {})]
    assert [h.partition("base64,")[2].rstrip('">') for h in shown if "<img" in h] == [
        "".join(p.split()).rstrip('">') for p in pictures
    ]
    tables = sum("<table" in o.get("data", {}).get("text/html", "") for c in cells for o in c.outputs)
    assert sum("<table" in h for h in shown) == tables
    everything = json.dumps([whole(s) + "".join(s.notes) for s in made])
    words = " ".join(c.source for c in stored.cells if c.cell_type == "markdown" and c in slides.lecture_cells(stored))
    for word in set(re.findall(r"(?<![\w$\\])[a-z]{9,}(?![\w])", re.sub(r"\$[^$]*\$|\(\S+\)|`[^`]*`", " ", words))):
        assert word in everything, f"the word {word} of the lecture is on no screen"


def test_a_film_stays_a_film() -> None:
    frames = load_films("simple", split="test", count=1).frames[0]
    stored = base64.b64encode(show.gif(frames).data).decode()
    (_, screen) = slides.screens(notebook(code("show.gif(frames)", {"image/png": stored})))
    (address,) = re.findall(r'src="data:image/png;base64,([^"]+)"', whole(screen))
    assert Image.open(io.BytesIO(base64.b64decode(address))).n_frames == len(frames)
    assert 'class="film' in whole(screen)


def test_headings_begin_screens_and_code_that_draws_goes_into_the_notes() -> None:
    made = slides.screens(
        notebook(
            text("## Build\n\nFirst."),
            code("import torch\nx = 1\nprint(x)", printed="1\n"),
            text("### A part\n\nLook at this."),
            code("import numpy as np\nplot(x)", {"image/png": PNG}),
            text("It is a dot."),
            text("And so on:"),
            code("y = 2"),
        )
    )
    assert [(s.section, s.title) for s in made] == [
        ("99 A title", ""),
        ("Build", ""),
        ("Build", "A part"),
        ("Build", "A part"),
    ]
    assert "import" not in whole(made[1]) and "x" in whole(made[1]) and '<pre class="printed">1</pre>' in whole(made[1])
    assert "plot" not in whole(made[2]) and "plot" in "".join(made[2].notes)
    assert "Look at this" in whole(made[2]) and "It is a dot" in whole(made[2]), "what was found stays with the picture"
    assert "And so on" in whole(made[3])


def test_what_is_not_projected() -> None:
    (title, *others) = slides.screens(
        notebook(
            text("Plain.", "optional"),
            text("(An aside (of some length).)"),
            text("**1. A blank** (difficulty 1, 6 minutes). Do it."),
            code("@exercise('x')\ndef mine(): ..."),
            text("The claims, as assertions that would stop the notebook:"),
            code("import numpy\nassert 1 < 2, 'it holds'"),
            text("Put your answer into the next cell."),
            code("my_guess = 0.0"),
            text("Two words."),
        )
    )
    (screen,) = others
    seen = whole(screen)
    assert "Two words" in seen
    for gone in ("Plain", "aside", "difficulty", "mine", "assert", "my_guess", "next cell"):
        assert gone not in seen + whole(title)
    notes = "".join(title.notes + screen.notes)
    assert "An aside" in notes and "it holds" in notes.replace("&#39;", "'"), "but the speaker has them"
    assert "difficulty" not in notes and "mine" not in notes and "Plain" not in notes


def test_long_text_is_parted_between_paragraphs_and_a_formula_keeps_its_words() -> None:
    paragraph = " ".join(["word"] * 90)
    made = slides.screens(notebook(text("## Long\n\n" + "\n\n".join([paragraph] * 6))))[1:]
    assert len(made) >= 3 and all(screen.used() <= slides.FULL for screen in made)
    assert sum(len(re.findall(r"\bword\b", whole(screen))) for screen in made) == 540, "no word is lost"
    source = f"{paragraph}\n\n{paragraph}\n\nThe sum is\n\n$$s = \\sum_i x_i,$$\n\nwhere $x$ is given."
    (*_, last) = slides.screens(notebook(text("## A formula"), text(source)))
    assert all(part in whole(last) for part in ("The sum is", 'class="display"', "where"))


@pytest.mark.parametrize(
    "formula",
    [
        r"\tfrac12 g\,\Delta t^2",
        r"\frac1k \sum_{1 \le i \le k} \lVert x_i \rVert",
        r"\big(\sqrt2 + \sqrt d\big) \bmod 8",
        r"\underbrace{\frac{|x|^2}{s}}_{\text{one}} + \beta\,\underbrace{y_{j}}_{\text{two}}",
        r"M = \begin{cases} 0 & t \le s\\ -\infty & t > s\end{cases}",
        r"\mathcal N(0, 1)",
    ],
)
def test_formulas_are_drawn_as_they_are_written(formula: str) -> None:
    svg = slides.formula_svg(formula)
    assert svg.count("<path") == 1 and len(svg) > 1000 and "aria-label" in svg


def test_a_fraction_is_higher_than_its_letters_and_a_bar_is_known() -> None:
    def height(formula: str) -> float:
        return float(re.search(r"height:([\d.]+)em", slides.formula_svg(formula))[1])

    assert height(r"\frac12") > 1.4 * height("1") and height(r"\underbrace{x}_{y}") > 1.4 * height("x")
    assert slides.formula_svg(r"\tfrac12") .split("<path")[1] == slides.formula_svg(r"\frac{1}{2}").split("<path")[1]
    with pytest.raises(ValueError):
        slides.formula_svg(r"\nosuchthing{x}")


def test_a_screen_sets_code_as_wide_as_its_longest_line() -> None:
    assert "--columns:120" in slides.code_html("x" * 120) and "--columns:48" in slides.code_html("x = 1")


def test_the_command_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert slides.main(["77", "--out", str(tmp_path)]) == 1 and "no notebook '77'" in capsys.readouterr().err
    pair = type(pairs(FOLDER)[0])("98_none", tmp_path / "98_none.py", tmp_path / "98_none.ipynb")
    with pytest.raises(NotebookError, match="make notebooks NB=98"):
        slides.make_deck(pair, tmp_path)
    assert slides.main(["14", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "14_latent_actions.html").exists() and "screens" in said and "speaker" in said
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^slides: setup .*\n\t@?\$\(RUN\) -m tools\.slides \$\(NB\)$", makefile, re.MULTILINE)
