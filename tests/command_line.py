"""Calling the course's command line: in this process, or in one of its own where the test is about the process.

A new Python that imports torch takes seconds of processor time before it does anything.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

from course_lib.__main__ import app

ROOT = Path(__file__).resolve().parents[1]


def cli(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command in this process. An error that no command expects is not caught: the test fails with it."""
    out, err, path, code = io.StringIO(), io.StringIO(), list(sys.path), 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(cwd):
            app(list(words), prog_name="python -m course_lib")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.path[:] = path
    return subprocess.CompletedProcess(list(words), code, out.getvalue(), err.getvalue())


def cli_process(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command in a new process, as a reader does."""
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from course_lib.__main__ import app; app()"
    call = [sys.executable, "-c", code, str(ROOT), *words]
    return subprocess.run(call, cwd=cwd, capture_output=True, text=True, timeout=120)
