"""The cell at the top of a notebook that brings the course onto a hosted notebook service: `make hosted`.

    python -m tools.hosted 02       # writes the cell into 02_seeing's twin and stored notebook; all without a number
    python -m tools.hosted --check  # changes nothing; names the notebooks whose cell is another

Where the course is installed, or on no hosted service, the cell does nothing and prints nothing. On one (Colab, Kaggle,
or any on which the environment variable COURSE_ADDRESS is set) it installs the course's wheel, which carries its data
and checkpoints. Where from: COURSE_ADDRESS, if it is set, anything that `pip install` takes; else `repository-code` of
CITATION.cff at the tag of its `version`, so that notebook and library are of one version. Without either, the cell says
what to set.

The cell stands in twin and notebook alike, so that the two stay one notebook. Since it neither does nor prints anything
here, it is put into a stored notebook without running that, and the counts of the cells below go up by one.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

from course_lib.files import atomic_file
from course_lib.terminal import print_any_sign
from tools import notebooks as machine

FOLDER = machine.FOLDER
CITATION = FOLDER.parent / "CITATION.cff"
COMMAND = "make hosted"
TAG = "hosted"
METADATA = {"slideshow": {"slide_type": "skip"}, "tags": [TAG], "jupyter": {"source_hidden": True}}
MARK = f'# %% slideshow={{"slide_type": "skip"}} tags=["{TAG}"] jupyter={{"source_hidden": true}}'
CODE = '''\
# On a hosted service (Colab, Kaggle) this cell installs the course; where the course is, it does nothing.
import importlib.util
import os
import subprocess
import sys

hosted = "google.colab" in sys.modules or {"KAGGLE_KERNEL_RUN_TYPE", "COURSE_ADDRESS"} & set(os.environ)
if hosted and importlib.util.find_spec("course_lib") is None:
    address = os.environ.get("COURSE_ADDRESS", "ADDRESS")
    if not address:
        raise RuntimeError("Where is the course? Run %env COURSE_ADDRESS=git+https://... (or a wheel's address) first")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)
    importlib.invalidate_caches()'''


def published_address(citation: Path = CITATION) -> str:
    """Where pip finds this version of the course; empty where CITATION.cff names no `repository-code`."""
    facts = yaml.safe_load(citation.read_text(encoding="utf-8"))
    place = facts.get("repository-code", "")
    return f"git+{place}@v{facts['version']}" if place else ""


def cell_code(address: str) -> str:
    """The cell's code. address: what the cell gives to `pip install` where COURSE_ADDRESS is not set; may be empty."""
    if not re.fullmatch(r"[\w.:/@+~%#=&?-]*", address):
        raise machine.NotebookError(f"pip takes no address like {address!r}: look at repository-code in CITATION.cff")
    return CODE.replace('"ADDRESS"', f'"{address}"')


def with_cell(twin: str, code: str) -> str:
    """A twin whose first cell is this one; an older one is taken out, wherever it stands."""
    head, *cells = re.split(r"^(?=# %%)", twin, flags=re.MULTILINE)
    kept = [cell for cell in cells if f'"{TAG}"' not in cell.partition("\n")[0]]
    head = head.rstrip("\n") + "\n\n" if head.strip() else ""  # two blank lines would be an empty cell to jupytext
    return f"{head}{MARK}\n{code}\n\n" + "".join(kept)


def into_notebook(notebook: NotebookNode, code: str) -> bool:
    """Make a stored notebook's first cell this one, in place; whether anything changed.

    Counts of the other code cells follow, also where outputs repeat them; everything else stays.
    """
    before = nbformat.writes(notebook)
    kept = [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", [])]
    while kept and not kept[0].source.strip():  # the empty cell that two blank lines in a twin had made
        kept.pop(0)
    ours = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]
    cell = nbformat.v4.new_code_cell(code, id=ours[0].id if ours else TAG, metadata=METADATA, execution_count=1)
    notebook.cells = [nbformat.from_dict(cell), *kept]
    number = 1
    for below in kept:
        if below.cell_type != "code" or below.execution_count is None:
            continue
        number += 1
        below.execution_count = number
        for output in below.outputs:
            if "execution_count" in output:
                output.execution_count = number
    return nbformat.writes(notebook) != before


def renew(pair: machine.Pair, code: str, check: bool = False) -> list[str]:
    """Write the cell into a notebook's two files; the names of those that changed (or would, with ``check``)."""
    changed: list[str] = []
    if not pair.twin.exists():
        raise machine.NotebookError(f"{pair.name} has no twin; write {pair.twin} first")
    twin = pair.twin.read_text(encoding="utf-8")
    if with_cell(twin, code) != twin:
        changed.append(f"py/{pair.twin.name}")
        if not check:
            pair.twin.write_text(with_cell(twin, code), encoding="utf-8")
    if pair.notebook.exists():
        notebook = machine.read_notebook(pair.notebook)
        if into_notebook(notebook, code):
            changed.append(pair.notebook.name)
            if not check:
                with atomic_file(pair.notebook) as file:
                    file.write((nbformat.writes(notebook) + "\n").encode())
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status (0: all well)."""
    parser = argparse.ArgumentParser(description="Write the cell for hosted services into the notebooks.")
    parser.add_argument("notebooks", nargs="*", metavar="NN", help="numbers or names; all when none is given")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the notebooks are (default: notebooks/)")
    parser.add_argument("--check", action="store_true", help="change nothing, name what is out of date")
    options = parser.parse_args(arguments)
    try:
        code = cell_code(published_address())
        pairs = machine.pairs(options.folder.resolve(), options.notebooks)
        changed = [name for pair in pairs for name in renew(pair, code, options.check)]
    except machine.NotebookError as error:
        print(error, file=sys.stderr)
        return 1
    verb = f"is out of date: run `{COMMAND}`" if options.check else "renewed"
    print("\n".join(f"{name} {verb}" for name in changed) or "every notebook has the cell")
    return bool(changed) if options.check else 0


if __name__ == "__main__":
    print_any_sign()
    sys.exit(main())
