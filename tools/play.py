"""`make play`: the pieces of the course that are played with, on one page, without running a notebook.

    python -m tools.play                 # opens the page in the browser; Ctrl+C ends it
    python -m tools.play --no-browser    # prints its address only

A small server of this machine alone (127.0.0.1, below a path that nobody can guess) stands in JupyterLab's place: it
makes the widgets of `course_lib.show` and carries their messages to the browser's halves, which come with them. Each
message is answered with all that the widgets said while they heard it, so one request after the other is enough.

The page is there at once, and the first piece as soon as its model is loaded; the others are made when they are opened.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import secrets
import sys
import threading
import time
import traceback
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from course_lib.terminal import print_any_sign
from tools.pieces import PIECES, PlayPiece

PAGE = Path(__file__).parent / "play_page"
LARGEST = 10_000_000  # bytes of a message
STARTED = time.monotonic()


class Wire:
    """What a widget takes for its line to the browser (ipywidgets' `comm`): it keeps what is sent until asked for."""

    def __init__(self, name: str, said: list[dict[str, Any]]) -> None:
        self.comm_id, self.said = name, said
        self.hear: Callable[[dict[str, Any]], None] = lambda message: None

    def on_msg(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Who hears what comes from the browser: the widget."""
        self.hear = callback

    def send(self, data: dict[str, Any], buffers: Sequence[Any] | None = None, **_: Any) -> None:
        """Keep a message of the widget. Its bytes go back to where they were in a state, or come with it."""
        if data["method"] == "custom":
            said = {"method": "custom", "content": data["content"], "buffers": list(buffers or [])}
        elif data["method"] == "update":
            state = data["state"]
            for path, buffer in zip(data.get("buffer_paths", []), buffers or [], strict=True):
                _put(state, path, buffer)
            said = {"method": "update", "state": state}
        else:
            return  # echoes of what the browser knows
        self.said.append({"id": self.comm_id, **said})

    def close(self, *_: Any, **__: Any) -> None:
        """The page goes when the server ends; there is nothing to tell it."""


def _put(state: dict[str, Any], path: Sequence[Any], value: Any) -> None:
    """Set a value deep in a state, whose lists may lack the place."""
    *way, last = path
    here: Any = state
    for step in way:
        here = here[step]
    if isinstance(here, list) and last == len(here):
        here.append(value)
    else:
        here[last] = value


def to_json(value: Any) -> str:
    """JSON in which bytes are {"bytes": base64}."""

    def other(thing: Any) -> Any:
        if isinstance(thing, bytes | bytearray | memoryview):
            return {"bytes": base64.b64encode(thing).decode()}
        if hasattr(thing, "tolist"):
            return thing.tolist()
        raise TypeError(f"{type(thing).__name__} cannot be sent to the browser")

    return json.dumps(value, default=other)


def from_json(text: bytes) -> Any:
    """The inverse of `to_json`. Raises ValueError for what is none."""

    def other(thing: dict[str, Any]) -> Any:
        return base64.b64decode(thing["bytes"]) if thing.keys() == {"bytes"} else thing

    return json.loads(text, object_hook=other)


class Playroom:
    """The widgets of the pieces that were opened, and what they say. One request is served at a time."""

    def __init__(self, pieces: Mapping[str, PlayPiece] = PIECES) -> None:
        self.pieces = pieces
        self.said: list[dict[str, Any]] = []
        self.widgets: dict[str, Any] = {}
        self.wires: dict[str, Wire] = {}
        self.opened: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}  # that each piece took to be made
        self._turn = threading.RLock()

    def list(self) -> list[dict[str, str]]:
        """What the page lists."""
        return [{"key": k, "title": p.title, "notebook": p.notebook, "hint": p.hint} for k, p in self.pieces.items()]

    def open(self, key: str) -> list[dict[str, Any]]:
        """The widgets of a piece as the browser needs them; made at the first call. Raises KeyError, and what fails."""
        with self._turn:
            if key not in self.opened:
                began = time.monotonic()
                made = self.pieces[key].make()
                names = [f"{key}-{place}" for place in range(len(made))]
                for name, widget in zip(names, made, strict=True):
                    self._connect(name, widget)
                self.opened[key] = names
                self.seconds[key] = time.monotonic() - began
            return [self._described(name) for name in self.opened[key]]

    def _connect(self, name: str, widget: Any) -> None:
        self.widgets[name] = widget
        if hasattr(widget, "controls"):
            return  # sliders have no half in the browser but this page's own
        self.wires[name] = Wire(name, self.said)
        widget.comm = self.wires[name]

    def _described(self, name: str) -> dict[str, Any]:
        widget = self.widgets[name]
        if name in self.wires:
            state = {key: value for key, value in widget.get_state().items() if not key.startswith("_model")}
            return {"id": name, "kind": "widget", "state": state}
        controls = [_control(label, control) for label, control in widget.controls.items()]
        return {"id": name, "kind": "explore", "controls": controls, **_picture(widget)}

    def hear(self, message: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give a message of the browser to its widget; what all widgets said to it. Raises KeyError for a stranger."""
        with self._turn:
            self.said.clear()
            data = {key: message[key] for key in ("method", "state", "content") if key in message}
            if data.get("method") not in ("update", "custom"):
                raise KeyError(data.get("method"))
            data |= {"buffer_paths": []} if data["method"] == "update" else {}
            self.wires[message["id"]].hear({"content": {"data": data}, "buffers": message.get("buffers", [])})
            return list(self.said)

    def turn(self, name: str, label: str, value: Any) -> dict[str, Any]:
        """Set one control of a piece with sliders and draw again; the picture, or the text of an error."""
        with self._turn:
            widget = self.widgets[name]
            control = widget.controls[label]
            if hasattr(control, "options"):
                control.index = int(value)
            else:
                control.value = type(control.value)(value)
            return _picture(widget)


def _control(label: str, control: Any) -> dict[str, Any]:
    """What the page needs of a control of `show.explore`."""
    common = {"name": label, "label": control.description}
    if hasattr(control, "options"):
        options = [str(one[0] if isinstance(one, tuple) else one) for one in control.options]
        return {**common, "kind": "choice", "options": options, "value": control.index}
    if hasattr(control, "min"):
        return {**common, "kind": "slider", "min": control.min, "max": control.max, "step": control.step,
                "value": control.value}  # fmt: skip
    return {**common, "kind": "box" if isinstance(control.value, bool) else "text", "value": control.value}


def _picture(widget: Any) -> dict[str, Any]:
    shown = widget.picture.layout.display != "none"
    return {"picture": bytes(widget.picture.value) if shown else b"", "message": widget.message.value}


def _answering(room: Playroom, secret: str) -> type[BaseHTTPRequestHandler]:
    """The class that answers requests below the secret path, and no others."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the library's)
            """Say nothing: a canvas asks thirty times a second."""

        def do_GET(self) -> None:  # noqa: N802
            """The page and the list of pieces."""
            if self.path.partition("?")[0] == f"/{secret}/":
                self._send(page().encode(), "text/html; charset=utf-8")
            elif self.path == f"/{secret}/pieces":
                self._send(to_json(room.list()).encode(), "application/json")
            else:
                self._send(b"nothing here", "text/plain", HTTPStatus.NOT_FOUND)

        def do_POST(self) -> None:  # noqa: N802
            """Open a piece, carry a message, turn a control."""
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(min(length, LARGEST))
            work = {
                f"/{secret}/open": lambda asked: room.open(asked["key"]),
                f"/{secret}/message": room.hear,
                f"/{secret}/turn": lambda asked: room.turn(asked["id"], asked["name"], asked["value"]),
            }.get(self.path)
            if work is None or length > LARGEST:
                self._send(b"nothing here", "text/plain", HTTPStatus.NOT_FOUND)
                return
            try:
                answer, status = to_json(work(from_json(sent))), HTTPStatus.OK
            except Exception as error:
                traceback.print_exc()
                text = f"{type(error).__name__}: {error}"
                answer, status = to_json({"error": text}), HTTPStatus.INTERNAL_SERVER_ERROR
            self._send(answer.encode(), "application/json", status)

        def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

    return Answering


def page() -> str:
    """The page with its style and script; the pieces come later."""
    style, script = ((PAGE / name).read_text(encoding="utf-8") for name in ("play.css", "play.js"))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>World Models from Scratch: play</title>'
        f'<link rel="icon" href="data:,"><style>{style}</style></head><body><nav><h1>{html.escape("Play")}</h1></nav>'
        f"<main></main><script>{script}</script></body></html>"
    )


def serve_pieces(room: Playroom, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """A server on this machine alone and the address of its page. It answers when `serve_forever` is called."""
    secret = secrets.token_urlsafe(16)
    server = ThreadingHTTPServer(("127.0.0.1", port), _answering(room, secret))
    server.daemon_threads = True
    return server, f"http://127.0.0.1:{server.server_address[1]}/{secret}/"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status (0: all well)."""
    parser = argparse.ArgumentParser(description="Open the pieces of the course that are played with.")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    parser.add_argument("--port", type=int, default=0, help="default: one that is free")
    options = parser.parse_args(arguments)
    room = Playroom()
    server, address = serve_pieces(room, options.port)
    print(f"{address}\nCtrl+C ends it.", flush=True)
    if not options.no_browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    print_any_sign()
    sys.exit(main())
