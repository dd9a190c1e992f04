"""The numbers of a run as CSV, for people and spreadsheets."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from course_lib.files import CannotWrite, atomic_file, remove_parts


class Log:
    """Every so many steps one row; a phase that names other losses leaves the columns it does not have empty.

    rows: all rows of the run, which grow as it goes on. What stands in them already, after a resume, is written at
    once, in place of an older file. A disk that is full later costs nothing but the file's being behind: it is said
    once, and the file is written whole from the rows as soon as there is room.
    Raises CannotWrite where the file cannot be begun.
    """

    def __init__(self, path: Path | None, every: int, rows: Sequence[Mapping[str, Any]]) -> None:
        self.path, self.every, self.rows = path, every, rows
        self.columns: list[str] = []
        self.file: TextIO | None = None
        self._warned = False
        if path is not None:
            remove_parts(path)
            try:
                self._write_whole()
            except OSError as error:
                raise CannotWrite(f"the log {path} cannot be begun ({error})") from None

    def write(self) -> None:
        """Write the newest row, where its step is one of those that are logged."""
        row = self.rows[-1]
        if self.path is None or not self._logged(row):
            return
        try:
            if self.file is None or set(row) - set(self.columns):
                self._write_whole()
            else:
                csv.DictWriter(self.file, self.columns, restval="").writerow(row)
                self.file.flush()
        except OSError as error:
            self._behind(error)

    def close(self) -> None:
        """The last try to write what a full disk has kept back."""
        if self.path is not None and self.file is None:
            try:
                self._write_whole()
            except OSError as error:
                self._behind(error)
        self._drop()

    def _logged(self, row: Mapping[str, Any]) -> bool:
        return row["step"] % self.every == 0 or row["step"] == 1

    def _write_whole(self) -> None:
        """All rows, in a new file that takes the old one's place: a full disk leaves the old one as it is."""
        self._drop()
        logged = [row for row in self.rows if self._logged(row)]
        self.columns = list(dict.fromkeys(name for row in logged for name in row))
        text = io.StringIO(newline="")
        if logged:
            writer = csv.DictWriter(text, self.columns, restval="")
            writer.writeheader()
            writer.writerows(logged)
        with atomic_file(self.path) as file:
            file.write(text.getvalue().encode())
        self.file = self.path.open("a", newline="", encoding="utf-8")

    def _behind(self, error: OSError) -> None:
        self._drop()
        if not self._warned:
            self._warned = True
            print(f"The log {self.path} cannot be written ({error}); training goes on.", file=sys.stderr, flush=True)

    def _drop(self) -> None:
        file, self.file = self.file, None
        if file is not None:
            try:
                file.close()  # tries once more to write what it holds
            except OSError:
                pass  # the rows are whole; the file is written from them later
