"""The links between notebooks, table of contents and claims ledger are made by this program: `make links`.

    python -m tools.navigation             # renews them all; costs a second
    python -m tools.navigation --check     # changes nothing; names what is out of date

They come from notebooks/contents.yaml, notebooks/claims.md and each twin's list of claims:

- the last cell of every notebook leads to the notebook before it, the next, the contents and the claims it examines;
- notebooks/contents.md is the table of contents as a page;
- each row of notebooks/claims.md has an address (claims.md#c34) and leads to the notebooks that are there.

A cell is text and changes no result, so it is carried into the stored notebook without running that. All links stay
inside the folder of the notebooks: they also lead somewhere in a reader's copy of it, and on a page that renders it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from course_lib.contents import Contents, Entry, load_contents, markdown_table
from course_lib.terminal import print_any_sign
from tools import notebooks as machine

FOLDER = machine.FOLDER
COMMAND = "make links"
TAG = "navigation"
CELL = f'# %% [markdown] slideshow={{"slide_type": "skip"}} tags=["{TAG}"]'
ROW = re.compile(r"^\| *(C\d+) *\|")


def examined(twin: str) -> list[str]:
    """The ids of the claims that a twin says it examines: the list after its last "Claims examined here:"."""
    lists = re.findall(r"Claims examined here:\s*((?:C\d+[,\s#]*)+)", twin)
    return re.findall(r"C\d+", lists[-1]) if lists else []


def link(entry: Entry) -> str:
    """A notebook's name as a link; its name alone where it is planned."""
    name = f"{entry.number} {entry.title}"
    return f"[{name}]({entry.stem}.ipynb)" if entry.built else name


def _towards(entries: Sequence[Entry], otherwise: str) -> str:
    """A link to the nearest notebook that is there. entries: all in one direction, the nearest first."""
    if not entries:
        return otherwise
    nearest = next((entry for entry in entries if entry.built), None)
    if nearest is entries[0]:
        return link(nearest)
    planned = f"{link(entries[0])} (planned)"
    return f"{planned}; until it is there, {link(nearest)}" if nearest else planned


def cell_text(stem: str, contents: Contents, claims: Sequence[str]) -> str:
    """What the last cell of a notebook says. claims: ids of the ledger, in the order in which they are named."""
    entries = list(contents.notebooks)
    at = next(i for i, entry in enumerate(entries) if entry.stem == stem)
    lines = [
        f"- **Before this notebook:** {_towards(entries[:at][::-1], 'nothing, the course begins here')}",
        f"- **After it:** {_towards(entries[at + 1 :], 'nothing, the course ends here')}",
        "- **All notebooks:** [contents](contents.md)",
    ]
    if claims:
        addresses = ", ".join(f"[{name}](claims.md#{name.lower()})" for name in claims)
        lines.append(f"- **In the claims ledger:** {addresses}")
    return "\n".join(lines)


def with_cell(twin: str, text: str) -> str:
    """A twin whose last cell is the navigation with this text; an older one is taken out, wherever it stands."""
    cells = re.split(r"^(?=# %%)", twin, flags=re.MULTILINE)
    kept = [cell for cell in cells if not (cell.startswith("# %%") and f'"{TAG}"' in cell.partition("\n")[0])]
    cell = "\n".join([CELL, *(f"# {line}".rstrip() for line in text.splitlines())])
    return "".join(kept).rstrip("\n") + "\n\n" + cell + "\n"


def contents_page(contents: Contents) -> str:
    """notebooks/contents.md."""
    return (
        "<!-- Made from contents.yaml by `make links`. -->\n# Contents\n\n"
        "Minutes are the measured time of one run from top to bottom on two cores without a GPU; the notebooks "
        "without minutes are planned.\n"
        f"Every claim of the lecture, and the notebook that examines it: [the claims ledger](claims.md).\n\n"
        f"{markdown_table(contents)}\n"
    )


def with_addresses(ledger: str, contents: Contents) -> str:
    """The claims ledger with an address for each row, and with links to the notebooks that are there."""
    built = {entry.stem for entry in contents.notebooks if entry.built}

    def name(found: re.Match[str]) -> str:
        return f"[`{found[1]}`]({found[1]}.ipynb)" if found[1] in built else f"`{found[1]}`"

    lines = []
    for line in ledger.split("\n"):
        row = ROW.match(line)
        if row:
            cells = line.split("|")  # "", id, slide, sources, notebooks, verdict, ""
            slide = re.sub(r'^\s*(<a id="[^"]*"></a>)?', "", cells[2])
            cells[2] = f' <a id="{row[1].lower()}"></a>{slide}'
            cells[4] = re.sub(r"\[?`([^`]+)`(?:\]\([^)]*\))?", name, cells[4])
            line = "|".join(cells)
        lines.append(line)
    return "\n".join(lines)


def wanted(folder: Path = FOLDER) -> dict[Path, str]:
    """What each file that holds links should say: the twins, contents.md and claims.md."""
    contents = load_contents(folder / "contents.yaml")
    pages = {folder / "contents.md": contents_page(contents)}
    ledger = folder / "claims.md"
    pages[ledger] = with_addresses(ledger.read_text(encoding="utf-8"), contents)
    known = {entry.stem for entry in contents.notebooks}
    for pair in machine.pairs(folder):
        if pair.twin.exists() and pair.name in known:
            twin = pair.twin.read_text(encoding="utf-8")
            pages[pair.twin] = with_cell(twin, cell_text(pair.name, contents, examined(twin)))
    return pages


def out_of_date(folder: Path = FOLDER) -> list[str]:
    """The files whose links are not what they should be, each with the command that renews them."""
    stale = [path for path, text in wanted(folder).items() if not path.exists() or path.read_text("utf-8") != text]
    return [f"the links of {path.relative_to(folder)} are out of date: run `{COMMAND}`" for path in stale]


def renew(folder: Path = FOLDER) -> tuple[list[str], list[str]]:
    """Write the links anew. Returns what was written, and why a stored notebook could not follow its twin."""
    written, problems = [], []
    for path, text in wanted(folder).items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, encoding="utf-8")
            written.append(str(path.relative_to(folder)))
    for pair in machine.pairs(folder):
        try:
            if pair.twin.exists() and pair.notebook.exists() and machine.carry_text(pair):
                written.append(pair.notebook.name)
        except machine.NotebookError as error:
            problems.append(str(error))
    return written, problems


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status (0: all well)."""
    parser = argparse.ArgumentParser(description="Renew the links between notebooks, contents and claims.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the notebooks are (default: notebooks/)")
    parser.add_argument("--check", action="store_true", help="change nothing, name what is out of date")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    if options.check:
        stale = out_of_date(folder)
        print("\n".join(stale) or "every link is up to date")
        return bool(stale)
    written, problems = renew(folder)
    print("\n".join(f"renewed {name}" for name in written) or "every link was up to date")
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    print_any_sign()
    sys.exit(main())
