"""The limits of time and memory kill what breaks them, by name, and the other tests go on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.imports import ROOT

# Holds the interpreter's lock in C code: no signal handler and no other thread of Python runs meanwhile.
HANG = '''
import collections
import itertools
import pytest

@pytest.mark.timeout(1)
def test_hangs_in_c():
    collections.deque(itertools.repeat(0), maxlen=0)

def test_after_it():
    pass
'''

MEMORY = '''
import subprocess
import sys

def take(mebibytes):
    block = bytearray(mebibytes * 2**20)
    block[::4096] = bytes(1) * len(block[::4096])
    return len(block)

def test_takes_little():
    assert take(8)

def test_takes_much():
    assert take(1300)

def test_takes_little_again():
    assert take(8)

def test_starts_a_process_that_takes_much():
    code = "block = bytearray(1300 * 2**20); block[::4096] = bytes(1) * len(block[::4096])"
    subprocess.run([sys.executable, "-c", code], check=True)

def test_takes_little_at_last():
    assert take(8)
'''


def run(folder: Path, text: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run these tests under the course's own settings, in a folder of their own."""
    (folder / "tests").mkdir()
    (folder / "notebooks").mkdir()
    for name in ("pyproject.toml", "conftest.py", "tests/processor_time.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "tests" / "test_them.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *words, "tests"]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=280
    )


def test_a_test_that_hangs_in_c_code_is_killed_and_named_and_the_next_one_runs(tmp_path: Path) -> None:
    done = run(tmp_path, HANG, "-n", "1", COURSE_TEST_GRACE="2")
    assert done.returncode == 1, done.stdout
    assert re.search(r"crashed while running '?tests/test_them.py::test_hangs_in_c", done.stdout), done.stdout
    assert "1 failed, 1 passed" in done.stdout and "Timeout" in done.stderr + done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks can be told apart on Linux only")
def test_a_test_that_takes_too_much_memory_fails_by_name_and_no_other(tmp_path: Path) -> None:
    done = run(tmp_path, MEMORY, COURSE_TEST_GIB="1")
    failed = set(re.findall(r"^tests/test_them.py::(\w+) FAILED", done.stdout, re.MULTILINE))
    assert failed == {"test_takes_much", "test_starts_a_process_that_takes_much"}, done.stdout
    assert "the test process took 1." in done.stdout and "a process that it started took 1." in done.stdout


def test_what_was_above_the_limit_before_is_not_blamed_on_the_next() -> None:
    from conftest import above_the_limit

    before = {"the test process": 5 * 2**30, "its process 7": 1}
    assert above_the_limit(before, before, limit=4 * 2**30) == []
    (words,) = above_the_limit(before, before | {"its process 7": 6 * 2**30}, limit=4 * 2**30)
    assert "its process 7 took 6.00 GiB (before this test: 0.00)" in words
