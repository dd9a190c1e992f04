"""Where the course's own files lie: beside the library in a clone, inside it where a wheel was installed.

A clone has `data/` and `notebooks/` beside `course_lib/`. A wheel can bring its files into one folder only, so setup.py
puts what the library reads into `course_lib/carried/`, under the same names. Everything else asks here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent
CARRIED = LIBRARY / "carried"  # in a wheel alone: git knows no such folder
CLONED = not CARRIED.is_dir()
ROOT = LIBRARY.parent if CLONED else CARRIED
DATA = ROOT / "data"
CONTENTS = ROOT / "notebooks" / "contents.yaml"
# What a message says about a file that came with the course and is missing or damaged.
GET_BACK = "get it back from git" if CLONED else "install the course again with pip's option --force-reinstall"


def user_folder(kind: str) -> Path:
    """This user's own folder for the course. kind: "data", to be kept, or "cache", which can be made again.

    The folders are those that the systems name for it: `XDG_DATA_HOME` and `XDG_CACHE_HOME` on Linux, Application
    Support and Caches on macOS, LOCALAPPDATA on Windows. Nothing is made.
    """
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = {"data": "~/Library/Application Support", "cache": "~/Library/Caches"}[kind]
    elif kind == "data":
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    name = "world-models-from-scratch"
    own = Path(base).expanduser() / name
    return own / "cache" if sys.platform == "win32" and kind == "cache" else own
