"""Which rows of the global batch this process works on.

Several processes train one model together: the global batch of B rows is cut into W equal slices, and process r of W
takes rows r B/W to (r + 1) B/W. The training loop says so here, around each step; what needs to know it
(:mod:`course_lib.nets.chance`, :mod:`course_lib.nets.gather`) asks :func:`shard`. Outside a step, and in one process
always, the slice is the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Shard(NamedTuple):
    """Process ``rank`` of ``processes``, counted from 0."""

    rank: int = 0
    processes: int = 1

    def rows(self, count: int) -> slice:
        """This process's slice of ``count`` global rows. Raises ValueError when they cannot be cut into equal ones."""
        each, rest = divmod(count, self.processes)
        if rest:
            raise ValueError(f"{count} rows cannot be cut into {self.processes} equal slices")
        return slice(self.rank * each, (self.rank + 1) * each)


# A plain module variable: a context variable would not reach the threads in which autograd runs a backward pass.
_now = Shard()


def shard() -> Shard:
    """The slice that holds at the moment."""
    return _now


@contextmanager
def sharded(rank: int, processes: int) -> Iterator[None]:
    """Inside the block the batch is the slice of process ``rank`` of ``processes``. Raises ValueError for no such."""
    global _now
    if not 0 <= rank < processes:
        raise ValueError(f"there is no process {rank} among {processes}: they count from 0")
    before, _now = _now, Shard(rank, processes)
    try:
        yield
    finally:
        _now = before
