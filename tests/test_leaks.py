"""The repository speaks of the course alone: no path of the machine on which a file was made."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.imports import ROOT

HOMES = ("work", "root", "home", "Users")
# A slash before the folder's name, no word before the slash (so an address on the web is let pass), a name after it.
PRIVATE = re.compile(r"(?<![\w.~*/-])/(?:" + "|".join(HOMES) + r")/[\w.]+")


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def leaks(text: str) -> list[str]:
    return sorted(set(PRIVATE.findall(text)))


def test_no_tracked_file_names_a_private_folder() -> None:
    found = {}
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        names = leaks(content.decode("utf-8", errors="replace"))
        if names:
            found[str(path.relative_to(ROOT))] = names
    assert not found


@pytest.mark.parametrize("folder", HOMES)
def test_a_leak_is_seen(folder: str) -> None:
    assert leaks(f'File "/{folder}/somebody/x.py", line 3')
    assert leaks(f"saved to /{folder}/main")
    assert not leaks(f"https://example.org/{folder}/page and a/{folder}/b")
