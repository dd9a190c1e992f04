"""The exam in several processes at once: one entrant at a time in each, one thread of torch in each.

Every draw of the exam comes from the sitting's seed, so the rows are those of a single process. What a clock measures
(rows a second, milliseconds) is measured beside the other processes.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch

from course_lib.exam.registry import candidate, own_candidate
from course_lib.exam.rows import Report, Row
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting


@functools.lru_cache(maxsize=1)
def _sitting(**arguments: Any) -> Sitting:
    """A process's own: what its entrants share is computed once in it."""
    return Sitting(**arguments)


def _rows(who: str, own: bool, arguments: Mapping[str, Any], questions: Sequence[str] | None) -> list[Row]:
    one = own_candidate(who) if own else candidate(who)
    return examine([one], _sitting(**arguments), questions=questions,
                   tell=lambda line: print(line, file=sys.stderr, flush=True)).rows  # fmt: skip


def examine_in_processes(
    names: Sequence[str], own: Sequence[str] = (), *, jobs: int, sitting: Mapping[str, Any],
    questions: Sequence[str] | None = None, on_row: Callable[[Row], None] = lambda row: None,
) -> Report:  # fmt: skip
    """Put the questions to everybody, in ``jobs`` processes; the rows come in the order of the names.

    names: entrants of the course; own: a learner's, by address. sitting: the arguments of a ``Sitting``. questions and
    on_row as for ``examine``.
    """
    who = [(name, False) for name in names] + [(address, True) for address in own]
    report = Report()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads,
                             initargs=(1,)) as pool:  # fmt: skip
        waiting = [pool.submit(_rows, name, is_own, dict(sitting), questions) for name, is_own in who]
        for one in waiting:
            for row in one.result():
                report.add(row)
                on_row(row)
    return report
