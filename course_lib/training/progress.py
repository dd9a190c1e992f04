"""How far training is: a bar in a notebook or a terminal, a few plain lines anywhere else.

In a notebook the bar is a small piece of HTML that is drawn over itself, not a widget: a stored page then shows how the
run ended even where no kernel is at hand.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal

from tqdm import tqdm

Kind = Literal["auto", "notebook", "terminal", "plain", "none"]


def surroundings() -> Kind:
    """Where this program runs: in a notebook, in a terminal, or in neither (a log file, continuous integration)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if type(shell).__name__ == "ZMQInteractiveShell":
        return "notebook"
    return "terminal" if sys.stderr.isatty() and not os.environ.get("CI") else "plain"


class Progress:
    """Tells how far a run of ``steps`` steps is.

    kind: "auto" finds out by itself; "none" is silent. A bar is redrawn at most four times a second.
    done: steps of an earlier process, where a run goes on.
    """

    def __init__(self, title: str, steps: int, kind: Kind = "auto", *, done: int = 0) -> None:
        self.title, self.steps = title, steps
        self.kind = surroundings() if kind == "auto" else kind
        self.start = self._drawn = time.monotonic()
        self.done = self._first = done
        self._text = ""
        self._bar: Any = None
        if self.kind == "terminal":
            self._bar = tqdm(total=steps, initial=done, desc=title, file=sys.stderr, dynamic_ncols=True)
        elif self.kind == "notebook":
            from IPython.display import display

            self._bar = display(self._html(), display_id=True)

    def update(self, step: int, values: Mapping[str, float]) -> None:
        """step: how many are done; values: named numbers to show beside the bar."""
        before, self.done = self.done, step
        self._text = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        if self.kind == "plain":
            tenth = self.steps / 10
            if step == self.steps or int(step / tenth) > int(before / tenth):
                print(f"{self.title}: step {step} of {self.steps}, {self._seconds():.0f} s  {self._text}", flush=True)
        elif self.kind != "none" and time.monotonic() - self._drawn > 0.25:
            self._draw()

    def close(self) -> None:
        """Draw the last state and leave it there."""
        if self.kind in ("terminal", "notebook"):
            self._draw()
        if self.kind == "terminal":
            self._bar.close()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        if self.kind == "terminal":
            self._bar.set_postfix_str(self._text, refresh=False)
            self._bar.update(self.done - self._bar.n)
        else:
            self._bar.update(self._html())

    def _seconds(self) -> float:
        return time.monotonic() - self.start

    def _line(self) -> str:
        left = ""
        if self._first < self.done < self.steps:
            left = f", about {self._seconds() * (self.steps - self.done) / (self.done - self._first):.0f} s to go"
        return f"{self.title}: {self.done} of {self.steps} steps, {self._seconds():.0f} s{left}  {self._text}"

    def _html(self) -> Any:
        bar = f'<progress value="{self.done}" max="{self.steps}" style="width: 16em"></progress> '
        return _Drawn(self._line(), f"<div>{bar}<code>{self._line()}</code></div>")


class _Drawn:
    """Text for a page that shows text, HTML for one that shows more."""

    def __init__(self, text: str, html: str) -> None:
        self._text, self._html = text, html

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html
