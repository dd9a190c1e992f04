"""Printing where the terminal's encoding may lack a sign: "≥", a Chinese word, a folder's name.

Standard library only, since the course's tools use it before anything is installed.
"""

from __future__ import annotations

import io
import sys


def print_any_sign() -> None:
    """Let a sign that standard output or standard error cannot encode be printed as its code, as in ``\\u2265``.

    Without this, Python ends with UnicodeEncodeError in the middle of a table, for example under a Latin-1 locale.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where a notebook or a test has put its own stream
            stream.reconfigure(errors="backslashreplace")
