"""The notebook machine: carries twins into notebooks, runs them, compares and measures them.

    python tools/notebooks.py build 02      # notebooks/py/02_*.py -> notebooks/02_*.ipynb, executed
    python tools/notebooks.py text 02       # carry changed text cells only: nothing is run, every output stays
    python tools/notebooks.py check         # does every notebook say what its twin says?
    python tools/notebooks.py course        # run everything, keep nothing, print minutes and memory

A notebook lives twice. `notebooks/NN_name.ipynb` is what a reader opens; `notebooks/py/NN_name.py` is the same
cells as a jupytext `py:percent` script, which is what a developer edits and reviews. The twin is always the source:
nothing here ever writes into it, so an edit cannot be lost to a newer time stamp (as `jupytext --sync` does).
Neither file says how the two are paired: with jupytext's `formats` in its metadata, any JupyterLab in which jupytext
is installed would write the twin whenever a reader saves, and refuse to open a notebook newer than its twin.
"""

from __future__ import annotations

import argparse
import base64
import difflib
import hashlib
import itertools
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from course_lib.terminal import print_any_sign

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
CELL_TIMEOUT = 120  # seconds; nbclient can hang on widget cells when it has no timeout, so there always is one
PICTURE_BYTES = 150_000
ALT_LETTERS = 300  # of an alternative text
NOTEBOOK_BYTES = 3_000_000
COURSE_SECONDS = 120
COURSE_BYTES = 3 * 1024**3
READER_THREADS = "2"  # the course's laptop has two cores
VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
COMPARED_METADATA = ("tags", "slideshow")


class NotebookError(Exception):
    """Something is wrong with a notebook; the message names the notebook, the cell and the way out."""


@dataclass(frozen=True)
class Pair:
    """One notebook and its twin; either file may be missing."""

    name: str
    twin: Path
    notebook: Path


@dataclass
class Run:
    """What one execution cost and whether it went through."""

    name: str
    seconds: float = 0.0
    peak_bytes: int = 0
    cells: int = 0
    problems: list[str] = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------- finding


def pairs(folder: Path = FOLDER, wanted: Sequence[str] = ()) -> list[Pair]:
    """All pairs in `folder`, in order; `wanted` narrows them by number ("02") or by name ("02_seeing").

    Raises NotebookError when a wanted notebook does not exist.
    """
    names = {path.stem for path in folder.glob("[0-9][0-9]_*.ipynb")}
    names |= {path.stem for path in (folder / "py").glob("[0-9][0-9]_*.py")}
    chosen = []
    for wish in wanted:
        stem = Path(wish).stem
        found = [name for name in names if name == stem or name.split("_")[0] == stem.zfill(2)]
        if not found:
            there = ", ".join(sorted(names)) or "none yet"
            raise NotebookError(f"no notebook '{wish}' in {folder}; there are: {there}")
        chosen += found
    return [Pair(name, folder / "py" / f"{name}.py", folder / f"{name}.ipynb") for name in sorted(chosen or names)]


def read_twin(path: Path) -> NotebookNode:
    """The cells of a `py:percent` twin as a notebook without outputs."""
    return jupytext.read(path, fmt="py:percent")


def read_notebook(path: Path) -> NotebookNode:
    """A stored notebook, in the current notebook format."""
    return nbformat.read(path, as_version=4)


def cell_name(index: int, cell: NotebookNode) -> str:
    """How messages speak of a cell: its place (from 1), its kind and its first line."""
    first = next((line.strip() for line in cell.source.splitlines() if line.strip()), "(empty)")
    return f"cell {index + 1} ({cell.cell_type}): {first[:70]}"


# ---------------------------------------------------------------------------------------------------- carrying


def _content(cell: NotebookNode) -> tuple[str, str]:
    return cell.cell_type, cell.source


def _fresh_id(name: str, cell: NotebookNode, taken: set[str]) -> str:
    """An id that depends on the notebook's name and the cell's text only, so that two builds agree."""
    for attempt in range(len(taken) + 1):
        digest = hashlib.sha256(f"{name}\0{cell.cell_type}\0{cell.source}\0{attempt}".encode()).hexdigest()[:8]
        if digest not in taken:
            return digest
    raise AssertionError("unreachable: there are more attempts than taken ids")


def carry(twin: NotebookNode, old: NotebookNode | None, name: str) -> NotebookNode:
    """The twin's cells as a notebook, with the ids and outputs of `old` where a cell's text did not change.

    A cell that was rewritten in place keeps its id (reviews stay readable) and loses its outputs.
    """
    new = nbformat.v4.new_notebook(cells=[nbformat.from_dict(dict(cell)) for cell in twin.cells])
    new.metadata.kernelspec = dict(KERNELSPEC)
    ids: dict[int, str] = {}
    before = old.cells if old is not None else []
    matcher = difflib.SequenceMatcher(None, [_content(c) for c in before], [_content(c) for c in new.cells], False)
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        if kind not in ("equal", "replace"):
            continue
        for a, b in zip(range(a0, a1), range(b0, b1), strict=False):
            if before[a].cell_type != new.cells[b].cell_type or "id" not in before[a]:
                continue
            ids[b] = before[a].id
            if kind == "equal" and new.cells[b].cell_type == "code":
                new.cells[b].outputs = before[a].outputs
                new.cells[b].execution_count = before[a].execution_count
    taken = set(ids.values())
    for index, cell in enumerate(new.cells):
        cell.id = ids.get(index) or _fresh_id(name, cell, taken)
        taken.add(cell.id)
    return new


def clean(notebook: NotebookNode) -> None:
    """Drop, in place, what changes from run to run: widget state and views, execution times, the Python version.

    Outputs, execution counts and ids stay. Without its view a widget's cell shows its still picture alone, so a page
    without a kernel shows what the widget does and no error box.
    """
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        for key in ("execution", "ExecuteTime", "collapsed"):
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            data = output.get("data", {})
            if VIEW in data:
                del data[VIEW]
                if not set(data) - {"text/plain"}:  # only the widget's name is left: nothing worth showing
                    continue
            kept.append(output)
        cell.outputs = kept
    describe_pictures(notebook)


def describe_pictures(notebook: NotebookNode) -> None:
    """Give each stored picture an alternative text, in place, for who listens to a page or exports it.

    It is the text that the object has for a terminal; a bare matplotlib figure has none worth reading, so its text says
    under which heading it stands.
    """
    heading = "the beginning"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            titles = [line.lstrip("# ").strip() for line in cell.source.splitlines() if line.startswith("#")]
            heading = titles[-1] if titles else heading
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for mime in ("image/png", "image/gif"):
                if mime not in data or output.metadata.get(mime, {}).get("alt"):
                    continue
                text = "".join(data.get("text/plain", "")).strip().strip("'")
                text = f"Figure under the heading: {heading}" if not text or text.startswith("<") else text
                output.metadata[mime] = {**output.metadata.get(mime, {}), "alt": text[:ALT_LETTERS]}


# ---------------------------------------------------------------------------------------------------- checking


def differences(twin: NotebookNode, notebook: NotebookNode) -> list[str]:
    """Where a notebook and its twin differ, in cell order: kinds, sources, tags, slideshow metadata."""
    found = []
    for index in range(max(len(twin.cells), len(notebook.cells))):
        if index >= len(notebook.cells):
            found.append(f"{cell_name(index, twin.cells[index])} stands in the twin only")
            break
        if index >= len(twin.cells):
            found.append(f"{cell_name(index, notebook.cells[index])} stands in the notebook only")
            break
        ours, theirs = twin.cells[index], notebook.cells[index]
        where = cell_name(index, ours)
        if ours.cell_type != theirs.cell_type:
            found.append(f"{where} is {theirs.cell_type} in the notebook")
        elif ours.source != theirs.source:
            found.append(f"{where}: the text differs, first here: {_first_difference(ours.source, theirs.source)}")
        for key in COMPARED_METADATA:
            mine, other = ours.metadata.get(key), theirs.metadata.get(key)
            if mine != other:
                found.append(f"{where}: {key} are {mine} in the twin and {other} in the notebook")
    return found


def _first_difference(ours: str, theirs: str) -> str:
    a, b = ours.splitlines(), theirs.splitlines()
    for number in range(max(len(a), len(b))):
        mine = a[number] if number < len(a) else "(nothing)"
        other = b[number] if number < len(b) else "(nothing)"
        if mine != other:
            return f"line {number + 1} is {mine!r} in the twin and {other!r} in the notebook"
    return "in the line ends"


def pairing(notebook: NotebookNode, name: str) -> list[str]:
    """The complaint about metadata that pairs a notebook with its twin, or nothing."""
    if "formats" not in notebook.metadata.get("jupytext", {}):
        return []
    return [
        f"{name} is paired by its metadata (jupytext.formats), so JupyterLab would write a second file when it is "
        f"saved; run `python tools/notebooks.py text {name[:2]}`, or delete that line of a twin's header"
    ]


def check_pair(pair: Pair) -> list[str]:
    """What keeps a pair from being one notebook; an empty list when nothing does."""
    if not pair.twin.exists():
        return [f"{pair.name}: no twin {pair.twin.name}; write notebooks/py/{pair.twin.name}"]
    if not pair.notebook.exists():
        return [f"{pair.name}: no notebook yet; run `make notebooks`"]
    found = differences(read_twin(pair.twin), read_notebook(pair.notebook))
    return [f"{pair.name}: {text}; edit the twin, then run `make notebooks`" for text in found]


def _stored_bytes(mime: str, value: object) -> int:
    text = "".join(value) if isinstance(value, list) else str(value)
    if mime.startswith("image/") and mime != "image/svg+xml":
        return len(base64.b64decode(text))
    return len(text.encode())


def output_problems(notebook: NotebookNode) -> list[str]:
    """Stored outputs that may not be: errors, warnings, widget views and pictures above the limit."""
    found = []
    for index, cell in enumerate(notebook.cells):
        where = cell_name(index, cell)
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"{where} stores an error: {output.ename}: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"{where} writes to the error stream (a warning?): {output.text.strip()[:300]}")
            if VIEW in output.get("data", {}):
                found.append(f"{where} stores a widget view, which is an error box where no kernel runs")
            for mime, value in output.get("data", {}).items():
                size = _stored_bytes(mime, value)
                if size > PICTURE_BYTES:
                    found.append(
                        f"{where} stores {size / 1000:.0f} KB of {mime}, the limit is {PICTURE_BYTES / 1000:.0f} KB: "
                        "make it smaller (figsize, dpi, fewer frames)"
                    )
    return found


EXPORTED = ("text/html", "text/latex", "text/markdown", "image/svg+xml", "image/png", "image/jpeg")


def lost_in_export(notebook: NotebookNode) -> list[str]:
    """Stored pictures that a page or slides made by nbconvert would leave out: it knows no GIF, for example."""
    found = []
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            kinds = set(output.get("data", {}))
            lost = sorted(kind for kind in kinds if kind.startswith("image/"))
            if lost and not kinds & set(EXPORTED):
                found.append(
                    f"{cell_name(index, cell)} stores {', '.join(lost)} alone, which is lost when the notebook is "
                    "exported; show.gif and show.side_by_side make films that are not"
                )
    return found


def size_problem(path: Path) -> list[str]:
    """The complaint about a notebook file above 3 MB, or nothing."""
    size = path.stat().st_size
    if size <= NOTEBOOK_BYTES:
        return []
    return [f"the file has {size / 1e6:.1f} MB, the limit is {NOTEBOOK_BYTES / 1e6:.0f} MB"]


_PROGRESS_BAR = re.compile(r"\d+%\|")


def bare_widgets(notebook: NotebookNode) -> list[str]:
    """Cells of a just executed notebook that show a widget and no still picture. Progress bars are let off."""
    found = []
    for index, cell in enumerate(notebook.cells):
        data = [output.get("data", {}) for output in cell.get("outputs", [])]
        widgets = [d for d in data if VIEW in d and not _PROGRESS_BAR.search(str(d.get("text/plain", "")))]
        if widgets and not any(mime.startswith("image/") for d in data for mime in d):
            found.append(f"{cell_name(index, cell)} shows a widget and stores no still picture; display one beside it")
    return found


# ---------------------------------------------------------------------------------------------------- running


class _Watch(threading.Thread):
    """Follows the memory of one process and its children (resident bytes); `peak` is the largest sum seen."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self._stop_now = pid, 0, threading.Event()

    def run(self) -> None:
        try:
            process = psutil.Process(self.pid)
            while not self._stop_now.wait(0.1):
                family = [process, *process.children(recursive=True)]
                self.peak = max(self.peak, sum(_resident(p) for p in family), _high_water(self.pid))
        except psutil.NoSuchProcess:
            pass

    def close(self) -> int:
        self._stop_now.set()
        self.join()
        return self.peak


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def _high_water(pid: int) -> int:
    """The kernel's own record of the peak (Linux only, else 0): it sees spikes between two samples."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found.group(1)) * 1024 if found else 0


def execute(notebook: NotebookNode, folder: Path, name: str, threads: str = READER_THREADS) -> Run:
    """Run all code cells in place, in a new kernel whose working folder is `folder`.

    Never raises for what a notebook does: errors, warnings, a cell over its time and a dead kernel come back in
    `Run.problems`, each with the cell's name.
    """
    run = Run(name, cells=sum(cell.cell_type == "code" for cell in notebook.cells))
    watches: list[_Watch] = []
    running = [0]

    def start_watching(**_: object) -> None:
        watches.append(_Watch(client.km.provisioner.pid))
        watches[0].start()

    def remember(cell_index: int, **_: object) -> None:
        running[0] = cell_index

    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        startup_timeout=60,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # silences the notice about unencrypted local sockets
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
        on_notebook_start=start_watching,
        on_cell_start=remember,
    )
    started = time.perf_counter()
    home = tempfile.mkdtemp(prefix="course-home-")  # a new reader: nobody's kept progress shows or changes
    try:
        client.execute(env={**os.environ, "OMP_NUM_THREADS": threads, "COURSE_HOME": home})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        cell = notebook.cells[running[0]]
        reason = f"took more than {CELL_TIMEOUT} s" if isinstance(error, CellTimeoutError) else str(error).strip()
        run.problems.append(f"{cell_name(running[0], cell)} failed: {reason}")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    run.seconds = time.perf_counter() - started
    run.peak_bytes = watches[0].close() if watches else 0
    if not run.problems:
        run.problems += bare_widgets(notebook) + lost_in_export(notebook)
    clean(notebook)
    run.problems += [text for text in output_problems(notebook) if not (run.problems and "stores an error" in text)]
    return run


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` only when the writing went well."""
    half = path.with_name(f".{path.name}.new")
    try:
        yield half
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def carry_text(pair: Pair) -> bool:
    """Carry changed text cells of the twin into the stored notebook, which is not run; whether anything changed.

    Outputs, execution counts and ids stay as they are: text changes no result. Raises NotebookError, and writes
    nothing, where a code cell was changed, added, removed or moved: then the notebook has to be run.
    """
    if not pair.notebook.exists():
        raise NotebookError(f"{pair.name} is not built yet; run `make notebooks NB={pair.name[:2]}`")
    before = pair.notebook.read_text(encoding="utf-8")
    twin, old = read_twin(pair.twin), read_notebook(pair.notebook)
    ours, theirs = ([(i, c) for i, c in enumerate(n.cells) if c.cell_type == "code"] for n in (twin, old))
    for mine, stored in itertools.zip_longest(ours, theirs):
        if mine is None or stored is None or mine[1].source != stored[1].source:
            where = cell_name(*(mine or stored))
            raise NotebookError(f"{pair.name}: {where} is new code; run `make notebooks NB={pair.name[:2]}`")
    new = carry(twin, old, pair.name)
    kept = {key: value for key, value in old.metadata.items() if key != "jupytext"}
    new.metadata = nbformat.from_dict(kept)
    carried = [cell for cell in new.cells if cell.cell_type == "code"]
    for cell, (_, stored) in zip(carried, theirs, strict=True):  # also where difflib takes moved text for moved code
        cell.outputs, cell.execution_count, cell.id = stored.outputs, stored.execution_count, stored.id
    describe_pictures(new)
    nbformat.validate(new)
    after = nbformat.writes(new) + "\n"
    if after.rstrip() == before.rstrip():
        return False
    with _replacing(pair.notebook) as half:
        half.write_text(after, encoding="utf-8")
    return True


def build(pair: Pair, run_it: bool = True) -> Run:
    """Carry the twin into the notebook, execute, clean, check the limits, write. On a problem nothing is written."""
    if not pair.twin.exists():
        raise NotebookError(f"{pair.name} has no twin; write {pair.twin} first")
    old = read_notebook(pair.notebook) if pair.notebook.exists() else None
    notebook = carry(read_twin(pair.twin), old, pair.name)
    run = execute(notebook, pair.notebook.parent, pair.name) if run_it else Run(pair.name)
    nbformat.validate(notebook)
    with _replacing(pair.notebook) as half:
        nbformat.write(notebook, half)
        run.problems += size_problem(half)
        if run.problems:
            raise NotebookError(f"{pair.name} was not written:\n" + "\n".join(f"  {text}" for text in run.problems))
    return run


def course(folder: Path = FOLDER, wanted: Sequence[str] = (), say: Callable[[str], None] = print) -> list[Run]:
    """Run every stored notebook as a reader would; the stored files stay as they are.

    The executed copies go into a temporary folder, which is kept (and named) only when something failed.
    """
    runs = []
    results = Path(tempfile.mkdtemp(prefix="course-"))
    say(f"{'notebook':<34}{'minutes':>9}{'peak GiB':>10}{'cells':>7}  result")
    for pair in pairs(folder, wanted):
        if not pair.notebook.exists():
            continue
        notebook = read_notebook(pair.notebook)
        run = execute(notebook, folder, pair.name)
        nbformat.write(notebook, results / pair.notebook.name)
        if run.seconds > COURSE_SECONDS:
            run.problems.append(f"took {run.seconds:.0f} s, the limit is {COURSE_SECONDS} s")
        if run.peak_bytes > COURSE_BYTES:
            run.problems.append(f"used {run.peak_bytes / 2**30:.1f} GiB, the limit is {COURSE_BYTES / 2**30:.0f}")
        say(
            f"{run.name:<34}{run.seconds / 60:>9.2f}{run.peak_bytes / 2**30:>10.2f}{run.cells:>7}  "
            + ("FAILED" if run.problems else "passed")
        )
        for text in run.problems:
            say(f"    {text}")
        runs.append(run)
    total = sum(run.seconds for run in runs)
    peak = max((run.peak_bytes for run in runs), default=0)
    say(f"{'all together':<34}{total / 60:>9.2f}{peak / 2**30:>10.2f}{sum(run.cells for run in runs):>7}")
    if any(run.problems for run in runs):
        say(f"the executed copies are in {results}")
    else:
        shutil.rmtree(results)
    return runs


# ---------------------------------------------------------------------------------------------------- commands


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status (0: all well)."""
    parser = argparse.ArgumentParser(description="Build, check and measure the course's notebooks.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the notebooks are (default: notebooks/)")
    commands = parser.add_subparsers(dest="command", required=True)
    for command, text in (
        ("build", "carry the twins into the notebooks and execute them"),
        ("text", "carry changed text cells into the stored notebooks and run nothing"),
        ("check", "compare cells and tags of every pair and name the cell that differs"),
        ("course", "execute the notebooks, keep nothing; minutes, peak memory, result"),
    ):
        sub = commands.add_parser(command, help=text, description=text)
        sub.add_argument("notebooks", nargs="*", metavar="NN", help="numbers or names; all when none is given")
        if command == "build":
            sub.add_argument("--no-execute", action="store_true", help="carry the cells only, run nothing")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    try:
        chosen = pairs(folder, options.notebooks)
        if options.command == "build":
            return _build_all(chosen, run_it=not options.no_execute)
        if options.command == "text":
            return _carry_texts(chosen)
        if options.command == "check":
            found = [text for pair in chosen for text in check_pair(pair)]
            print("\n".join(found) or f"{len(chosen)} pairs, every cell the same")
            return bool(found)
        return any(run.problems for run in course(folder, options.notebooks))
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1


def _build_all(chosen: list[Pair], run_it: bool) -> int:
    failed = 0
    for pair in chosen:
        try:
            run = build(pair, run_it)
        except NotebookError as error:
            failed += 1
            print(error, file=sys.stderr)
            continue
        size = pair.notebook.stat().st_size / 1000
        cost = f"{run.seconds:.0f} s, peak {run.peak_bytes / 2**30:.2f} GiB, " if run_it else ""
        print(f"{pair.name}: {cost}{size:.0f} KB")
        if run.seconds > COURSE_SECONDS:
            print(f"  note: above the limit of {COURSE_SECONDS} s that `make course` holds")
    return failed > 0


def _carry_texts(chosen: list[Pair]) -> int:
    failed = 0
    for pair in chosen:
        try:
            print(f"{pair.name}: {'text carried' if carry_text(pair) else 'unchanged'}")
        except NotebookError as error:
            failed += 1
            print(error, file=sys.stderr)
    return failed > 0


if __name__ == "__main__":
    print_any_sign()
    sys.exit(main())
