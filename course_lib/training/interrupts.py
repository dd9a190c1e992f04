"""Ctrl-C that loses nothing: the running step is finished and the state is saved before the run ends."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """A run was asked to stop and did so after a whole step; the message says what is saved.

    step: how many steps are done. saved: how many of them the resume file holds, None for none.
    """

    def __init__(self, message: str, step: int, saved: int | None) -> None:
        super().__init__(message)
        self.step, self.saved = step, saved


class Interrupts:
    """In the block, SIGINT (Ctrl-C) and SIGTERM set ``asked``; a second one raises KeyboardInterrupt at once.

    active: False leaves everything as it is, for a run that has nowhere to save. Signals reach only the main thread; in
    any other the block does nothing. What handled them before does so again afterwards.
    together: this is one of several processes, to which a launcher passes on what the terminal has sent them already:
    what comes within a second is the same request. speaks: whether it says what will happen; one of several does.
    """

    def __init__(self, *, active: bool, together: bool = False, speaks: bool = True) -> None:
        self.active = active and threading.current_thread() is threading.main_thread()
        self.together, self.speaks = together, speaks
        self.asked = False
        self._when = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if self.active:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            if self.together and (number == signal.SIGTERM or time.monotonic() - self._when < 1.0):
                return
            raise KeyboardInterrupt
        self.asked, self._when = True, time.monotonic()
        if self.speaks:
            print("Stopping after this step, then saving. Once more stops at once.", file=sys.stderr, flush=True)
