"""What holds for every test: one thread each, limits of time and memory, and notebooks whose cells write no warnings.

`make test` runs two test processes on two cores; torch with two threads in each makes both several times slower.

This file stands alone (a test copies it into another folder): it imports nothing of the course.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

pytest_plugins = ["tests.processor_time"]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch; notebook kernels inherit it
# The kernel `python3` of this environment, not one of the user's that bears the same name.
os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")

MEMORY_LIMIT = int(os.environ.get("COURSE_TEST_GIB", "4")) * 2**30  # resident bytes of one process
GRACE = float(os.environ.get("COURSE_TEST_GRACE", "20"))  # seconds from a test's time limit until its process is killed
SECONDS = Path(".cache") / "test-seconds.json"  # how long each test took when it ran last; `make test-changed` reads it

_stderr = pytest.StashKey[int]()
_memory_before = pytest.StashKey[dict[str, int]]()
_seconds: dict[str, float] = {}

# ------------------------------------------------------------------------------------------------------------- time
#
# pytest-timeout ends a test by a signal, and the tests after it go on. But Python handles a signal between two of its
# own instructions: a test that hangs inside a library's C code is never reached. So a watchdog, a thread of
# faulthandler's in C that needs nothing from Python, kills the whole process some seconds later, with the stacks of all
# threads; under xdist the test is then reported as the one that crashed its worker, and the others go on.


def pytest_configure(config: pytest.Config) -> None:
    """Keep the way to the terminal: while a test runs, standard error is captured."""
    config.stash[_stderr] = os.dup(2)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: object) -> Generator[None, object, object]:
    """Start the watchdog with pytest-timeout's own timer."""
    limit = float(getattr(settings, "timeout", None) or 0)
    if limit > 0:
        faulthandler.dump_traceback_later(limit + GRACE, exit=True, file=item.config.stash[_stderr])
    return (yield)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_timeout_cancel_timer(item: pytest.Item) -> Generator[None, object, object]:
    """Stop the watchdog when the test is over."""
    faulthandler.cancel_dump_traceback_later()
    return (yield)


# ----------------------------------------------------------------------------------------------------------- memory


def _status(pid: int | str, field: str) -> int:
    """A field of /proc/<pid>/status in bytes; 0 where it cannot be read (no Linux, the process is gone)."""
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _descendants(pid: int | str) -> Iterator[int]:
    try:
        lists = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return
    for child in map(int, " ".join(lists).split()):
        yield child
        yield from _descendants(child)


def _name(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        words = []
    return f"its process {pid} ({' '.join(words)[:80].strip()})"


def _largest_that_ended() -> int:
    """The peak of the largest process that this one has started and seen end, in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def memory_peaks() -> dict[str, int]:
    """The largest resident size so far of the test process and of each that it started, in bytes."""
    peaks = {"the test process": _status("self", "VmHWM")}
    peaks |= {_name(pid): _status(pid, "VmHWM") for pid in _descendants("self")}
    if sys.platform != "win32":
        peaks["a process that it started"] = _largest_that_ended()
    return peaks


def above_the_limit(before: dict[str, int], after: dict[str, int], limit: int = MEMORY_LIMIT) -> list[str]:
    """What grew above the limit between two looks at the memory, in words."""
    return [
        f"{who} took {peak / 2**30:.2f} GiB (before this test: {before.get(who, 0) / 2**30:.2f}); "
        f"a process may take {limit / 2**30:.0f}"
        for who, peak in after.items()
        if peak > limit and peak > before.get(who, 0)
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget the peak of the tests before, so that a peak bears the name of the test that reached it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass  # not Linux: the peak of all tests so far, which still shows the one that raises it above the limit
    item.stash[_memory_before] = memory_peaks()


# --------------------------------------------------------------------------------------------------- after each test


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test that took too much memory fails, and a notebook cell that writes to the error stream.

    The error stream is where Python's warnings go. nbval itself compares only cells tagged `nbval-check-output`, so it
    would let a warning pass.
    """
    result = yield
    if problems := above_the_limit(item.stash[_memory_before], memory_peaks()):
        pytest.fail(f"{item.nodeid} takes too much memory: {'; '.join(problems)}", pytrace=False)
    outputs = getattr(item, "test_outputs", None) or []
    written = "".join(out.get("text", "") for out in outputs if out.get("name") == "stderr").strip()
    if written:
        pytest.fail(f"{item.nodeid} writes to the error stream (a warning?):\n{written[:2000]}", pytrace=False)
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what each test took."""
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep what each test took, for `make test-changed`."""
    if hasattr(session.config, "workerinput") or not _seconds:  # a worker of xdist's: the first process knows all
        return
    path = session.config.rootpath / SECONDS
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    known = {name: s for name, s in known.items() if (session.config.rootpath / name.partition("::")[0]).exists()}
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(known | {name: round(s, 2) for name, s in _seconds.items()}), encoding="utf-8")
    except OSError:
        pass  # a convenience only
