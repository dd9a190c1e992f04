"""`make play`: what carries the widgets' messages, without a browser (that is tests/browser/test_play.py)."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from course_lib import show
from tests.imports import ROOT
from tools import play
from tools.notebooks import FOLDER, pairs
from tools.pieces import PIECES, PlayPiece


class Counter:
    """A player whose picture says how often it was stepped, and with which action last."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> np.ndarray:
        self.steps = 0
        return self.step(0)

    def step(self, action: int) -> np.ndarray:
        self.steps += 1
        return np.full((4, 4, 3), (self.steps, action, 0), np.uint8)


def _grey(level: int = 3, name: str = "a", bright: bool = False) -> np.ndarray:
    if level == 7:
        raise ValueError("seven is not allowed")
    return np.full((4, 4, 3), level + 100 * bright + ord(name), np.uint8)


def _failing() -> list[Any]:
    raise RuntimeError("no checkpoint here")


TOYS = {
    "game": PlayPiece("A game", "00", "Play.", lambda: [show.canvas(Counter())]),
    "sliders": PlayPiece(
        "Sliders", "00", "Move.", lambda: [show.explore(_grey, level=(0, 9), name=["a", "b"], bright=False)]
    ),
    "broken": PlayPiece("Broken", "00", "Nothing.", _failing),
}


@pytest.fixture
def room() -> play.Playroom:
    return play.Playroom(TOYS)


@pytest.fixture
def address(room: play.Playroom) -> Iterator[str]:
    server, found = play.serve_pieces(room)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def ask(address: str, what: Any = None) -> tuple[int, Any]:
    """Status and answer; with `what` it is posted."""
    data = None if what is None else play.to_json(what).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(address, data), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_bytes_survive_the_way() -> None:
    whole = {"a": [b"\x00\xff", {"b": b""}], "c": 1.5, "bytes": "a word"}
    assert play.from_json(play.to_json(whole).encode()) == whole
    sent = json.loads(play.to_json({"n": np.arange(3), "m": memoryview(b"a")}))
    assert sent == {"n": [0, 1, 2], "m": {"bytes": "YQ=="}}
    with pytest.raises(TypeError, match="object cannot be sent"):
        play.to_json(object())


def test_a_canvas_is_described_and_answers_a_step(room: play.Playroom) -> None:
    (widget,) = room.open("game")
    assert widget["kind"] == "widget" and widget["id"] == "game-0"
    assert "export default" in widget["state"]["_esm"] and widget["state"]["opening"][0] == bytes([1, 0, 0] * 16)
    assert play.from_json(play.to_json(widget).encode())["state"]["settings"]["width"] == 4
    step = {"id": "game-0", "method": "custom", "content": {"kind": "step", "action": 2, "number": 5, "client": "x"}}
    (said,) = room.hear(step)
    assert said["content"]["number"] == 5 and bytes(said["buffers"][0]) == bytes([2, 2, 0] * 16)
    assert room.open("game")[0]["state"]["opening"] == widget["state"]["opening"], "opened again, it is not made again"
    assert [bytes(s["buffers"][0])[:3] for s in room.hear(step)] == [bytes([3, 2, 0])], "and nothing is said twice"


def test_what_a_widget_changes_comes_back_with_its_bytes(room: play.Playroom) -> None:
    room.open("game")
    said = room.hear({"id": "game-0", "method": "custom", "content": {"kind": "reset", "client": "x"}})
    states = [one["state"] for one in said if one["method"] == "update"]
    assert all(bytes(picture) == bytes([1, 0, 0] * 16) for state in states for picture in state.get("opening", []))
    assert any(one["method"] == "custom" for one in said)
    room.hear({"id": "game-0", "method": "update", "state": {"measured": {"fps": 12.0}}})
    assert room.widgets["game-0"].measured == {"fps": 12.0}
    with pytest.raises(KeyError):
        room.hear({"id": "game-0", "method": "close"})
    with pytest.raises(KeyError):
        room.hear({"id": "stranger", "method": "update", "state": {}})


def test_sliders_draw_and_say_what_went_wrong(room: play.Playroom) -> None:
    (widget,) = room.open("sliders")
    level, name, bright = widget["controls"]
    assert (level["kind"], level["min"], level["max"], level["value"]) == ("slider", 0, 9, 3)
    assert (name["kind"], name["options"], bright["kind"]) == ("choice", ["a", "b"], "box")
    turns = (("level", 5), ("name", 1), ("bright", True))
    pictures = [widget["picture"], *(room.turn("sliders-0", *turn)["picture"] for turn in turns)]
    assert len(set(pictures)) == 4 and all(picture.startswith(b"\x89PNG") for picture in pictures)
    wrong = room.turn("sliders-0", "level", 7)
    assert "seven is not allowed" in wrong["message"] and wrong["picture"] == b""
    assert room.turn("sliders-0", "level", 6)["message"] == ""
    room.turn("sliders-0", "level", 99)
    assert room.widgets["sliders-0"].controls["level"].value == 9, "a slider stays within its ends"


def test_only_the_secret_path_is_answered(address: str, room: play.Playroom) -> None:
    status, page = ask(address)
    assert status == 200 and b"<main>" in page
    assert not re.search(rb"https?://(?!127)", page), "the page fetches nothing from elsewhere"
    assert [piece["key"] for piece in json.loads(ask(f"{address}pieces")[1])] == list(TOYS)
    home = address.rpartition("/")[0].rpartition("/")[0]
    assert ask(f"{home}/")[0] == 404 and ask(f"{home}/open", {"key": "game"})[0] == 404
    assert room.opened == {} and "127.0.0.1" in address
    assert ask(f"{address}open", {"key": "game"})[0] == 200 and list(room.opened) == ["game"]
    status, text = ask(f"{address}open", {"key": "broken"})
    assert status == 500 and "no checkpoint here" in json.loads(text)["error"]
    assert ask(f"{address}open", {"key": "sliders"})[0] == 200, "and the others go on"


def test_each_piece_names_a_notebook_that_has_such_a_thing() -> None:
    numbers = {pair.name[:2]: pair.twin.read_text(encoding="utf-8") for pair in pairs(FOLDER)}
    for piece in PIECES.values():
        assert re.search(r"show\.(canvas|explore|points|painter)\(", numbers[piece.notebook]), piece.title
        assert piece.title and piece.hint.endswith(".") | piece.hint.endswith("?")


@pytest.mark.parametrize("key", sorted(PIECES))
def test_each_piece_is_made_from_what_the_course_ships(key: str) -> None:
    room = play.Playroom()
    for widget in room.open(key):
        assert len(play.to_json(widget)) < 500_000
        if widget["kind"] == "explore":
            assert widget["message"] == "" and widget["picture"].startswith(b"\x89PNG")
        elif "opening" in widget["state"]:
            steps = {"id": widget["id"], "method": "custom", "content": {"kind": "step", "action": 2}}
            first = [bytes(buffer) for buffer in room.hear(steps)[0]["buffers"]]
            assert [bytes(buffer) for buffer in [room.hear(steps) for _ in range(8)][-1][0]["buffers"]] != first


def test_the_command_stands_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^play: setup ##.*\n\t@\$\(RUN\) -m tools\.play \$\(PLAY_FLAGS\)$", makefile, re.MULTILINE)
