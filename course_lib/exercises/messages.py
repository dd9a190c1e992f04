"""A message to the reader: plain text everywhere, a small box in a notebook. The same input gives the same bytes."""

from __future__ import annotations

import html
import re
import sys
from dataclasses import dataclass
from typing import Any, Literal

_COLOURS = {"good": "#009e73", "bad": "#d55e00", "open": "#0072b2"}  # Okabe-Ito: apart for the colour-blind too


@dataclass(frozen=True)
class Message:
    """head: one line. body: lines of text, `code` between backticks. code: a listing shown below the head."""

    head: str
    body: str
    tone: Literal["good", "bad", "open"] = "open"
    code: str = ""

    def __str__(self) -> str:
        listing = f"\n\n{self.code}\n" if self.code else ""
        return f"{self.head}{listing}\n{self.body}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._html()}

    def _html(self) -> str:
        # Colours only at the border: text and background follow the reader's theme, light or dark.
        box = f"border-left: 4px solid {_COLOURS[self.tone]}; padding: 2px 10px; margin: 4px 0; white-space: pre-wrap"
        listing = f'<pre style="margin: 6px 0">{_listing(self.code)}</pre>' if self.code else ""
        inside = f"<b>{_inline(self.head)}</b>\n{listing}{_inline(self.body)}"
        return f'<div class="course-exercise" style="{box}">{inside}</div>'


def say(message: Message) -> None:
    """Show a message: as a box in a notebook, printed elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and getattr(shell, "kernel", None) is not None:
        from IPython.display import display

        display(message)
    else:
        print(message)


def _inline(text: str) -> str:
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def _listing(code: str) -> str:
    """Python in colours where pygments is at hand (it comes with IPython), else plain."""
    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer
    except ImportError:
        return html.escape(code, quote=False)
    return highlight(code, PythonLexer(), HtmlFormatter(nowrap=True, noclasses=True)).rstrip()
