"""Slides to be projected: one HTML file a notebook, made from what the notebook stores. Nothing is run or fetched.

    python -m tools.slides 14        # notebooks/14_*.ipynb -> build/slides/14_*.html; without a number: all of them

Only cells tagged `lecture` are shown, in their order, on screens of 1280 x 720. A heading begins a screen. What a cell
shows (a picture, a film, a table) fills its screen beside the text that leads to it, and the code that drew it goes
into the speaker's notes; code that shows nothing but printed text is projected itself. Where several text cells follow
a result, the first of them says what was found and stays with it. Left out are exercises; into the notes go imports,
the lecture plan, the table of costs, and whole paragraphs in brackets.

What fits is estimated here; the deck's own script then sets each screen in the largest letters in which nothing leaves
it (tools/deck/deck.js). Formulas are drawn by matplotlib, so that no browser needs a font or a script for them.
"""

from __future__ import annotations

import argparse
import ast
import base64
import html
import io
import itertools
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from nbformat import NotebookNode
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from course_lib.terminal import print_any_sign
from tools.notebooks import FOLDER, NotebookError, Pair, pairs, read_notebook

OUT = FOLDER.parent / "build" / "slides"
DECK = Path(__file__).parent / "deck"
WIDE, HIGH = 1168, 540  # dots inside a screen, below its title
LETTER, LINE = 12.2, 35.0  # an average letter and a line of text at 26 dots
CODE_LINE = 25.0
COLUMN, NARROW = 0.44, 0.36  # the text's share of the width beside a picture, and beside one that is broad
ENLARGED = 1.75  # at most, so that a stored picture of 800 dots does not blur
LEAST_PICTURE = 250.0  # dots in height that text above a picture leaves to it, where the picture has them
TEXT_SHARE = 0.98  # of a screen, by estimate, for text and code
FULL = 1.1  # the same where a picture or table is on it: it is set a little smaller then
LONELY = 0.35  # a screen of text that is emptier than this

EXERCISE_CODE = re.compile(r"^\s*@exercise\(|^\s*(progress|hint|answer)\(", re.MULTILINE)
EXERCISE_TEXT = re.compile(r"\(difficulty \d", re.IGNORECASE)
NOTES_ONLY = re.compile(r"^\*\*Lecture plan|^\| \| \|")
DISCUSS = re.compile(r"^\*\*To discuss")
CLOSING = "Which claim survives?"
ASIDE = re.compile(r"\([^()]*(\([^()]*\)[^()]*)*\)", re.DOTALL)
LEADS_TO_CELL = re.compile(r"\bnext cell\b|\bassertions\b|:</p>\s*$")
READERS_OWN = re.compile(r"^my_\w+ = .*$")
LONG_PRINT = 200  # letters: what is printed beside a picture or table is left to the notes when it is longer
SHORT_CELL = 24  # letters
WIDGET = re.compile(r"^(Widget to explore|Canvas|Points|Painter|Guess)\b")

# ---------------------------------------------------------------------------------------------------- formulas

_MATH = re.compile(r"(`+)(?:.|\n)*?\1|\$\$(?P<display>.+?)\$\$|(?<![\\$])\$(?P<inline>[^$\n]+?)\$", re.DOTALL)
_SIZE = 20.0  # dots an em; only the ratio of what is drawn to it counts


def known_to_matplotlib(formula: str) -> str:
    """A formula of the notebooks (LaTeX) in what matplotlib's mathtext understands of it."""
    formula = " ".join(formula.split())
    formula = re.sub(r"\\[tdc]frac(?![A-Za-z])", r"\\frac", formula)
    formula = re.sub(r"\\(?:[bB]ig{1,2}|[bB]ig{1,2}[lrm])(?![A-Za-z])", "", formula)
    formula = re.sub(r"\\[lr]Vert(?![A-Za-z])", r"\\Vert ", formula)
    formula = re.sub(r"\\([lg])e(?![A-Za-z])", r"\\\1eq", formula)
    formula = re.sub(r"\\(mathcal|mathrm|mathbb)\s*(\w)", r"\\\1{\2}", formula)
    formula = re.sub(r"\\bmod\b", r"\\;\\mathrm{mod}\\;", formula)
    formula = re.sub(r"\\frac\s*(\w)\s*(\w|(?=\{))", lambda m: rf"\frac{{{m[1]}}}" + (m[2] and f"{{{m[2]}}}"), formula)
    formula = re.sub(r"\\sqrt\s*(\w)", r"\\sqrt{\1}", formula)
    formula = re.sub(r"_(\\text\{[^{}]*\})", r"_{\1}", formula)
    formula = re.sub(
        r"\\begin\{cases\}(.*?)\\end\{cases\}",
        lambda m: r"\left\{\substack{" + m[1].replace("&", r"\quad ") + r"}\right.",
        formula,
    )
    while (at := formula.find(r"\underbrace{")) >= 0:
        body, after = _braced(formula, at + len(r"\underbrace"))
        label, end = _braced(formula, after + 1)
        formula = f"{formula[:at]}\\underset{{{label}}}{{{body}}}{formula[end:]}"
    return formula


def _braced(text: str, at: int) -> tuple[str, int]:
    """What stands between the brace at `at` and its partner, and the place behind that."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[at + 1 : i], i + 1
    raise ValueError(f"a brace is not closed in {text}")


@cache
def formula_svg(formula: str) -> str:
    """A formula as a picture in the text's own colour and size. Raises ValueError where it cannot be drawn."""
    path = TextPath((0, 0), f"${known_to_matplotlib(formula)}$", _SIZE, prop=FontProperties(math_fontfamily="stix"))
    box = path.get_extents()
    left, right = min(box.x0, 0) - 0.5, box.x1 + 0.5
    low, high = min(box.y0, 0) - 0.5, box.y1 + 0.5
    step = iter(zip(path.vertices, path.codes, strict=True))
    letters = {1: ("M", 1), 2: ("L", 1), 3: ("Q", 2), 4: ("C", 3), 79: ("Z", 1)}
    words = []
    for point, code in step:
        letter, count = letters[int(code)]
        points = [point, *(next(step)[0] for _ in range(count - 1))]
        words.append(letter + ("" if letter == "Z" else " ".join(f"{x:.2f} {-y:.2f}" for x, y in points)))
    wide, tall, below = (value / _SIZE for value in (right - left, high - low, low))
    size = f"width:{wide:.3f}em;height:{tall:.3f}em;vertical-align:{below:.3f}em"
    return (
        f'<svg class="formula" role="img" aria-label="{html.escape(formula)}" style="{size}" '
        f'viewBox="{left:.2f} {-high:.2f} {right - left:.2f} {high - low:.2f}"><path d="{"".join(words)}"/></svg>'
    )


# ---------------------------------------------------------------------------------------------------- text

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Block:
    """A paragraph, list, table or formula. letters: of its text; fixed: dots in height of what is set at any width."""

    html: str
    letters: int
    fixed: float
    lines: int = 1  # at least, for a list

    def height(self, width: float) -> float:
        """How many dots it takes where it is set so wide, by estimate."""
        lines = max(self.lines, math.ceil(self.letters * LETTER / width)) if self.letters else 0
        return self.fixed + lines * LINE + 12

    def __add__(self, other: Block) -> Block:
        """Both as one, where they must not be parted."""
        fixed, lines = self.fixed + other.fixed + 12, self.lines + other.lines
        return Block(self.html + other.html, self.letters + other.letters, fixed, lines)


@dataclass(frozen=True)
class Heading:
    """level: 1 to 4; html: its words."""

    level: int
    html: str


def text_blocks(source: str, folder: Path = FOLDER) -> list[tuple[str, Block | Heading]]:
    """A text cell as its parts, each with its own Markdown. Raises ValueError for a formula that cannot be drawn."""
    formulas: list[str] = []

    def keep(match: re.Match[str]) -> str:
        if match[1]:
            return match[0]
        display = match["display"] is not None
        formulas.append(
            f'<span class="display">{formula_svg(match["display"])}</span>' if display else formula_svg(match["inline"])
        )
        return f"\ue000{len(formulas) - 1}\ue001"

    text = _MATH.sub(keep, source)
    lines = text.splitlines()
    tokens = _MARKDOWN.parse(text)
    found: list[tuple[str, Block | Heading]] = []
    start = 0
    for i, token in enumerate(tokens):
        if token.level or token.nesting == 1:
            continue
        part = tokens[start : i + 1]
        start = i + 1
        rendered = _MARKDOWN.renderer.render(_without_links(part, folder), _MARKDOWN.options, {})
        rendered = re.sub("\ue000(\\d+)\ue001", lambda m: formulas[int(m[1])], rendered)
        raw = "\n".join(lines[slice(*part[0].map)]) if part[0].map else ""
        if token.type == "heading_close":
            found.append((raw, Heading(int(token.tag[1]), re.sub(r"^<h\d>|</h\d>\s*$", "", rendered))))
            continue
        block = _measured(rendered, raw)
        # A formula stays with the words around it, and a list with the words that announce it.
        last = found[-1] if found else None
        leads = last and re.search(r"[,:]$|\ue001$", last[0].strip()) and not re.search(r"[.?!)]$", last[0].strip())
        follows = last and (re.match(r"[a-z]", raw) or raw.startswith("\ue000"))
        together = last is not None and isinstance(last[1], Block) and (leads or follows)
        if last and isinstance(last[1], Block) and together and (last[1] + block).height(WIDE) <= HIGH:
            found[-1] = (f"{last[0]}\n{raw}", last[1] + block)
        else:
            found.append((raw, block))
    return found


def _without_links(tokens: list[Token], folder: Path) -> list[Token]:
    """A projected page leads nowhere: a link stays as its words. Pictures of the course are taken into the page."""
    for token in tokens:
        kept = [child for child in token.children or () if child.type not in ("link_open", "link_close")]
        for child in kept:
            if child.type == "image":
                path = folder / str(child.attrs["src"])
                kind = path.suffix.removeprefix(".").replace("jpg", "jpeg")
                child.attrs["src"] = f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
        if token.children:
            token.children = kept
    return tokens


def _measured(rendered: str, raw: str) -> Block:
    if "<table" in rendered:
        return Block(rendered, 0, _table_height(rendered))
    if rendered.startswith("<pre"):
        return Block(rendered, 0, CODE_LINE * (raw.count("\n") + 1) + 20)
    displayed = re.findall(r'<span class="display"><svg.*?height:([\d.]+)em', rendered, flags=re.DOTALL)
    fixed = sum(float(height) * 29 + 24 for height in displayed)
    plain = re.sub(r'<span class="display">.*?</span>', "", rendered, flags=re.DOTALL)
    plain = re.sub(r'<svg.*?width:([\d.]+)em.*?</svg>', lambda m: "x" * round(2 * float(m[1])), plain, flags=re.DOTALL)
    plain = html.unescape(re.sub(r"<[^>]+>", "", plain)).strip()
    items = rendered.count("<li>")
    return Block(rendered, len(plain) + 20 * items, fixed, max(1, items))


def _table_height(markup: str) -> float:
    """Rows of a table count by their longest line of text, shared out over the columns."""
    height = 16.0
    for row in re.findall(r"<tr>.*?</tr>", markup, flags=re.DOTALL):
        cells = [len(html.unescape(re.sub(r"<[^>]+>", "", c))) for c in re.split(r"</t[dh]>", row)[:-1]]
        height += 33 * max(1, math.ceil(sum(cells) * 10.5 / WIDE))
    return height


# ---------------------------------------------------------------------------------------------------- results


@dataclass(frozen=True)
class Shown:
    """A picture, film or table that a cell stores. width, height: as it was stored, in dots."""

    html: str
    width: float
    height: float
    picture: bool

    @property
    def beside(self) -> bool:
        """Whether text stands beside it rather than above it."""
        return self.picture and self.width < 1.9 * self.height

    @property
    def column(self) -> float:
        """The share of the width that the text beside it has."""
        return COLUMN if self.width < 1.3 * self.height else NARROW


@dataclass
class Result:
    """A code cell as it is projected: its code where it shows nothing, what it printed, what it shows."""

    code: str = ""
    printed: str = ""
    shown: list[Shown] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Nothing to project."""
        return not (self.code or self.printed or self.shown)


def without_imports(source: str) -> str:
    """Code without its import statements, and "" where nothing else is left."""
    lines = source.splitlines()
    magic = [("pass" if re.match(r"\s*[%!]", line) else line) for line in lines]
    for node in reversed(ast.parse("\n".join(magic)).body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            del lines[node.lineno - 1 : node.end_lineno]
    kept = "\n".join(lines).strip("\n")
    return "" if kept.strip() in ("", "show.use_style()") else kept


def code_html(source: str, most: int = 0) -> str:
    """Highlighted code; its longest line decides how large its letters can be."""
    columns = max([most, *(len(line) for line in source.splitlines())])
    marked = highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))
    return f'<pre class="code" style="--columns:{max(48, columns)}">{marked.rstrip()}</pre>'


def result_of(cell: NotebookNode) -> Result:
    """What a code cell brings to the screen."""
    result = Result()
    printed: list[str] = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if output.output_type == "stream":
            printed.append(output.text)
        elif "image/png" in data:
            result.shown.append(_picture(data["image/png"], data.get("text/plain", "")))
            if WIDGET.match(data.get("text/plain", "")):
                result.notes.append("<p>This is a widget: <code>make play</code> opens the pieces to play with.</p>")
        elif "<table" in data.get("text/html", ""):
            markup = _set_cells(data["text/html"])
            result.shown.append(Shown(markup, WIDE, _table_height(markup), False))
        elif "<progress" in data.get("text/html", ""):
            printed.append(html.unescape(re.sub(r"<[^>]+>", "", data["text/html"])).strip() + "\n")
        elif "text/plain" in data:
            printed.append(data["text/plain"] + "\n")
    result.printed = "".join(printed).rstrip()
    code = without_imports(cell.source)
    if not result.shown and (result.printed or not _only_checks(code)):
        result.code = re.sub(r"\n{3,}", "\n\n", code)
    if result.code != cell.source.strip("\n"):
        result.notes.append(code_html(cell.source))
    if result.shown and len(result.printed) > LONG_PRINT:
        result.notes.append(f'<pre class="printed">{html.escape(result.printed)}</pre>')
        result.printed = ""
    return result


def _only_checks(code: str) -> bool:
    """Whether code only checks what is claimed, or only writes down the reader's own guess: nothing to project."""
    if re.search(r"^\s*[%!]", code, re.MULTILINE):
        return False
    kinds = {type(node) for node in ast.parse(code).body}
    own = READERS_OWN.match(code.strip()) and "\n" not in code.strip()
    return bool(own) or not kinds or (ast.Assert in kinds and not kinds & {ast.FunctionDef, ast.ClassDef})


def _set_cells(table: str) -> str:
    """A table whose short cells stay on one line: its letters are made smaller first."""

    def cell(match: re.Match[str]) -> str:
        tag, side, text = match.groups()
        short = tag == "td" and len(html.unescape(text)) <= SHORT_CELL
        kinds = [side, *(["short"] if short else [])]
        return f'<{tag} class="{" ".join(kinds)}">{text}</{tag}>'

    return re.sub(r'<(t[dh]) style="text-align: (\w+)">(.*?)</\1>', cell, table, flags=re.DOTALL)


def _picture(data: str, alternative: str) -> Shown:
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    width, height = image.size
    film = getattr(image, "n_frames", 1) > 1
    most = ENLARGED if not film else max(ENLARGED, 420 / height)
    small = max(width, height) <= 96
    markup = (
        f'<img class="{"film" if film else "still"}{" dots" if small or film else ""}" width="{width}" '
        f'height="{height}" style="--most:{most * width:.0f}px" alt="{html.escape(alternative)[:200]}" '
        f'src="data:image/png;base64,{"".join(data.split())}">'
    )
    return Shown(markup, width, height, True)


# ---------------------------------------------------------------------------------------------------- screens


Item = Block | Result


@dataclass
class Screen:
    """One screen: where it belongs, what is on it from top to bottom, and the speaker's notes."""

    section: str
    title: str
    items: list[Item] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    opening: bool = False

    @property
    def shown(self) -> Shown | None:
        """The picture or table of the screen; there is one at most."""
        return next((one for item in self.items if isinstance(item, Result) for one in item.shown), None)

    def used(self, more: Sequence[Item] = ()) -> float:
        """The share of the screen that is taken, by estimate: above 1 it has to be set smaller."""
        items = [*self.items, *more]
        shown = next((one for item in items if isinstance(item, Result) for one in item.shown), None)
        beside = shown is not None and shown.beside
        width = WIDE * shown.column if shown and beside else WIDE
        height = sum(item.height(width) for item in items if isinstance(item, Block))
        for item in items:
            if isinstance(item, Result) and item.code:
                height += (item.code.count("\n") + 1) * CODE_LINE + 36
            if isinstance(item, Result) and item.printed and not beside:
                height += sum(math.ceil(len(line) / 105) for line in item.printed.splitlines()) * 27 + 18
        if shown and not shown.picture:
            height += shown.height
        elif shown and not beside:
            natural = min(ENLARGED, WIDE / shown.width) * shown.height
            height += min(natural, max(LEAST_PICTURE, 0.6 * natural))
        return height / HIGH


def lecture_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The cells tagged `lecture` that belong to no exercise."""
    for cell in notebook.cells:
        if "lecture" not in cell.metadata.get("tags", []):
            continue
        if not (EXERCISE_CODE if cell.cell_type == "code" else EXERCISE_TEXT).search(cell.source):
            yield cell


class _Lecture:
    """The screens of a lecture while they are made, cell by cell."""

    def __init__(self) -> None:
        self.screens: list[Screen] = []
        self.section = self.title = ""
        self.waiting: list[Block] = []  # text whose screen is not decided: what comes next may need it
        self.notes: list[str] = []
        self.discuss: list[Block] = []

    def text(self, cell: NotebookNode, found: bool) -> None:
        """A text cell. found: it may say what the last result shows, since another text leads on to the next one."""
        for raw, block in text_blocks(cell.source):
            if isinstance(block, Heading):
                self.flush()
                self.head(block)
                found = False
            elif NOTES_ONLY.match(raw) or ASIDE.fullmatch(raw.strip()):
                self.notes.append(block.html)
            elif DISCUSS.match(raw):
                self.discuss = [_as_list(block)]
                self.notes.append(block.html)
            elif found and not self.waiting and self.belongs(block):
                self.screens[-1].items.append(block)
            else:
                self.waiting.append(block)
        if not self.screens:  # the title and the question
            self.screens.append(Screen(self.section, "", list(self.waiting), opening=True))
            self.waiting = []
            self.flush()

    def head(self, heading: Heading) -> None:
        """A heading: a section, or a title within one."""
        if heading.level > 2:
            self.title = heading.html
            return
        self.section, self.title = heading.html, ""
        if heading.html.startswith(CLOSING) and self.discuss:
            self.screens.append(Screen("To discuss", "", list(self.discuss)))

    def belongs(self, block: Block) -> bool:
        """Whether a text can stand below what the last screen shows."""
        last = self.screens[-1] if self.screens else None
        here = last is not None and last.shown is not None and (last.section, last.title) == (self.section, self.title)
        return here and last.used([block]) <= FULL

    def code(self, cell: NotebookNode) -> None:
        """A code cell, and the text that leads to it as far as there is room."""
        result = result_of(cell)
        if result.empty:
            self.notes += result.notes
            if self.waiting and LEADS_TO_CELL.search(self.waiting[-1].html):
                self.notes.append(self.waiting.pop().html)
            return
        for part in _one_each(result):
            screen = Screen(self.section, self.title, [part], part.notes)
            while self.waiting and screen.used([self.waiting[-1]]) <= FULL:
                screen.items.insert(0, self.waiting.pop())
            # A sentence alone on a screen looks lost: it takes along what follows it, all but the last.
            while self.waiting and len(screen.items) > 2 and self.alone().used() < LONELY:
                self.waiting.append(screen.items.pop(0))
            self.flush()
            self.add(screen)

    def alone(self) -> Screen:
        """The text that waits, as a screen."""
        return Screen(self.section, self.title, list(self.waiting))

    def flush(self) -> None:
        """Text that leads to nothing gets screens of its own; notes go to the last screen."""
        for block in self.waiting:
            self.add(Screen(self.section, self.title, [block]))
        self.waiting = []
        if self.screens:
            self.screens[-1].notes += self.notes
            self.notes = []

    def add(self, new: Screen) -> None:
        """Add a screen, or put what is on it below the last one, where neither shows a picture and both fit."""
        last = self.screens[-1] if self.screens else None
        same = last and not last.opening and (last.section, last.title) == (new.section, new.title)
        if last and same and not last.shown and not new.shown and last.used(new.items) <= TEXT_SHARE:
            last.items += new.items
            last.notes += new.notes
        else:
            self.screens.append(new)


def screens(notebook: NotebookNode) -> list[Screen]:
    """The screens of a lecture, in order. Raises ValueError for a formula that cannot be drawn."""
    lecture = _Lecture()
    for kind, run in itertools.groupby(lecture_cells(notebook), key=lambda cell: cell.cell_type):
        cells = list(run)
        for place, cell in enumerate(cells):
            if kind == "code":
                lecture.code(cell)
            else:
                lecture.text(cell, found=place == 0 and len(cells) > 1)
    lecture.flush()
    for screen in lecture.screens:
        screen.notes = list(dict.fromkeys(screen.notes))
    return lecture.screens


def _as_list(block: Block) -> Block:
    """The questions to discuss, one a line, without the words that name them."""
    text = re.sub(r"^<p><strong>To discuss\.?</strong>\.?\s*", "", block.html).strip().removesuffix("</p>")
    questions = [q.strip() for q in re.split(r"(?:^|\s)\d\.\s", text) if q.strip()]
    return Block("<ol>" + "".join(f"<li>{q}</li>" for q in questions) + "</ol>", block.letters, block.fixed)


def _one_each(result: Result) -> list[Result]:
    """A cell that shows several things gets a screen for each."""
    if len(result.shown) < 2:
        return [result]
    first, *others = result.shown
    return [Result("", result.printed, [first], result.notes), *(Result("", "", [one]) for one in others)]


# ---------------------------------------------------------------------------------------------------- the page


def page(notebook: NotebookNode, name: str) -> str:
    """The whole deck as one HTML file that needs nothing else."""
    all_screens = screens(notebook)
    title = re.sub(r"<[^>]+>", "", all_screens[0].section)
    body = "\n".join(_screen_html(screen, number, title) for number, screen in enumerate(all_screens, 1))
    style = (DECK / "deck.css").read_text(encoding="utf-8") + HtmlFormatter(style="friendly").get_style_defs(".code")
    script = (DECK / "deck.js").read_text(encoding="utf-8")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="notebook" content="{html.escape(name)}"><style>{style}</style></head>\n'
        f"<body>\n{body}\n<script>{script}</script></body></html>\n"
    )


def _screen_html(screen: Screen, number: int, course: str) -> str:
    shown = screen.shown
    beside = shown is not None and shown.beside
    column: list[str] = []  # what stands beside the picture, or everything from top to bottom
    for text, items in itertools.groupby(screen.items, key=lambda item: isinstance(item, Block)):
        if text:
            column.append(f'<div class="text">{"".join(item.html for item in items)}</div>')
            continue
        for item in items:
            column.append(code_html(item.code) if item.code else "")
            for one in () if beside else item.shown:
                column.append(f'<div class="shown {"picture" if one.picture else "table"}">{one.html}</div>')
            column.append(f'<pre class="printed">{html.escape(item.printed)}</pre>' if item.printed else "")
    body = "".join(column)
    if shown and beside:
        share = f"flex-basis: {100 * shown.column:.0f}%"
        body = f'<div class="column" style="{share}">{body}</div><div class="shown picture">{shown.html}</div>'
    kind = "beside" if beside else "stacked"
    if screen.opening:
        kind += " opening"
    elif all(isinstance(item, Block) and item.letters for item in screen.items):
        kind += " words"
    above = f'<p class="section">{screen.section}</p>' if screen.title and screen.title != screen.section else ""
    return (
        f'<section class="screen {kind}" id="s{number}"><header>{above}<h1>{screen.title or screen.section}</h1>'
        f"</header><main>{body}</main><footer><span>{course}</span><span>{number}</span></footer>"
        f'<aside class="notes">{"".join(screen.notes)}</aside></section>'
    )


def make_deck(pair: Pair, out: Path = OUT) -> Path:
    """Write the deck of a stored notebook. Raises NotebookError where it is not built or cannot be set."""
    if not pair.notebook.exists():
        raise NotebookError(f"{pair.name} is not built yet; run `make notebooks NB={pair.name[:2]}`")
    try:
        text = page(read_notebook(pair.notebook), pair.name)
    except ValueError as error:
        raise NotebookError(f"{pair.name}: {error}") from error
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{pair.name}.html"
    path.write_text(text, encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status (0: all well)."""
    parser = argparse.ArgumentParser(description="Make slides of the stored notebooks.")
    parser.add_argument("notebooks", nargs="*", metavar="NN", help="numbers or names; all when none is given")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder for the decks (default: build/slides)")
    options = parser.parse_args(arguments)
    try:
        for pair in pairs(FOLDER, options.notebooks):
            path = make_deck(pair, options.out)
            count = path.read_text(encoding="utf-8").count('<section class="screen')
            print(f"{path}: {count} screens")
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1
    print("Open a deck in a browser. Arrow keys: on and back. s: the speaker's window. f: the full screen.")
    return 0


if __name__ == "__main__":
    print_any_sign()
    sys.exit(main())
