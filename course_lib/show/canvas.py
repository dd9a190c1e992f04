"""A canvas played with the keyboard: whatever can ``step(action)`` to a picture moves under the reader's keys.

    show.canvas({"real": real_player, "dream": dream_player})

A *player* is any object with ``step(action: int) -> uint8 (H, W, 3)``. If it has ``reset() -> uint8 (H, W, 3)`` it can
begin again; a ``caption`` (a str, read after each step) stands below its picture. Environments, models and films become
players in ``worlds.play``, ``models.play`` and ``FilmPlayer`` here.

A screen reader reads out what changes in a caption, but only those of its parts, between semicolons, that have no
number in them: numbers change with every frame.

The browser sets the pace (canvas.js): it asks for one step at a time with the action of the key that is held, at most
``fps`` times a second, and never has more than three questions unanswered. A kernel that is slower than that makes the
play slower, never late: without this the questions pile up and a key is answered seconds after it was pressed.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from course_lib.show import check
from course_lib.show.figure import png_of_figure, png_of_picture
from course_lib.show.pictures import grid

Frame = NDArray[np.uint8]

KEYS = {"ArrowLeft": 1, "ArrowRight": 2, "ArrowUp": 3, "Space": 3}
NAMES = {1: "left", 2: "right", 3: "jump"}
WIDE = {1: 384, 2: 320}  # dots that a picture is enlarged to, at most, where one or two stand side by side
SHOWN_LINES = 4  # of a traceback: the place where it went wrong; all of it would fill the page


class Player(Protocol):
    """What the canvas needs. Optional besides: ``reset() -> uint8 (H, W, 3)`` and ``caption: str``."""

    def step(self, action: int) -> Frame:
        """Let one moment pass under an action and return the picture after it, uint8 ``(H, W, 3)``."""
        ...


class FilmPlayer:
    """A film that plays in a loop and listens to no key. frames: uint8 ``(T, H, W, 3)``.

    rest: steps for which the last frame stays, so that the eye sees where the film begins again.
    """

    def __init__(self, frames: ArrayLike, rest: int = 0) -> None:
        self.frames = check.film(frames)
        self.rest = rest
        self.moment = 0

    def reset(self) -> Frame:
        """Back to the first frame."""
        self.moment = 0
        return self.frames[0]

    def step(self, action: int = 0) -> Frame:
        """The next frame; after the last one and its rest, the first."""
        self.moment = (self.moment + 1) % (len(self.frames) + self.rest)
        return self.frames[min(self.moment, len(self.frames) - 1)]


class Canvas(anywidget.AnyWidget):
    """The widget that ``canvas`` returns. ``answer`` is the whole of its conversation with the browser.

    names: what stands above the pictures; may be set at any time. show(players) puts other players on the canvas.
    measured: what the browser last told of itself: ``fps``, ``delay_ms`` (median time from a key's press until the
    picture that it changed was drawn) with the last ``delays_ms``, and ``frames`` drawn in all.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    opening = traitlets.List(traitlets.Bytes()).tag(sync=True)  # the first pictures: seen before the kernel has time
    captions = traitlets.List(traitlets.Unicode()).tag(sync=True)  # and what stands below them
    measured = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        players: Mapping[str, Player],
        keys: Mapping[str, int],
        actions: Mapping[int, str],
        default: int,
        fps: float,
        scale: int | None,
        autoplay: bool,
    ) -> None:
        self.default = int(default)
        self.players, self.frames = dict(players), self._first_frames(players)
        self.steps = 0
        self.error: BaseException | None = None
        # JupyterLab lets widgets be answered in a thread of their own, while a cell runs in the main one.
        self._turn = threading.RLock()
        height, width = self.frames[0].shape[:2]
        if scale is None:
            scale = max(1, WIDE[len(self.players)] // max(height, width))
        settings = {
            "keys": {_as_the_browser_says(key): int(action) for key, action in keys.items()},
            "actions": {str(action): str(name) for action, name in actions.items()},
            "default": self.default,
            "fps": float(fps),
            "autoplay": bool(autoplay),
            "height": height,
            "width": width,
            "scale": check.positive(scale, "scale"),
        }
        super().__init__(settings=settings, **self._beginning())  # the browser learns of it all at once
        self._still = self._draw_still()
        self.on_msg(lambda _, content, buffers: self.answer(content))
        self.add_class("course-canvas")

    def show(self, players: Mapping[str, Player] | Player) -> None:
        """Put other players on the canvas, as many and of the same frame size, and begin with them.

        Raises ValueError where they do not fit, and then everything stays as it was.
        """
        players = _named(players)
        if len(players) != len(self.players):
            raise ValueError(f"this canvas has {len(self.players)} players, not {len(players)}; make another canvas")
        with self._turn:
            self._begin(players)
            self._still = self._draw_still()
            self._send_frames({})

    def answer(self, question: Any) -> None:
        """Answer one question of the browser: a dict with ``kind`` "step", "reset" or "look", and ``action`` to step.

        The answer has the question's ``client`` and ``number``, the captions, and one buffer of raw RGB for each
        player. An error of a player is the answer too, and stays it until a reset.
        """
        if not isinstance(question, dict):
            return
        with self._turn:
            try:
                if question.get("kind") == "reset":
                    self.reset()
                elif question.get("kind") == "step" and self.error is None:
                    self.step(question.get("action", self.default))
            except (Exception, KeyboardInterrupt) as error:
                self.error = error
            if self.error is None:
                self._send_frames(question)
            else:
                self._reply({"kind": "error", "text": explained(self.error)}, question)

    def step(self, action: int) -> list[Frame]:
        """Let every player take the same action; their pictures. Raises what a player raises, with its name."""
        known = {self.default, *self.settings["keys"].values()}
        if action not in known:
            raise ValueError(f"no key of this canvas stands for action {action!r}; its actions are {sorted(known)}")
        with self._turn:
            self.frames = [
                _picture(lambda player=player: player.step(action), name, like=frame)
                for (name, player), frame in zip(self.players.items(), self.frames, strict=True)
            ]
            self.steps += 1
            return self.frames

    def reset(self) -> list[Frame]:
        """Let every player that can begin again do so, forget an error, and return the pictures."""
        with self._turn:
            self._begin(self.players)
            return self.frames

    def _begin(self, players: Mapping[str, Player]) -> None:
        """Put players on the canvas at their beginning; nothing changes unless all of their pictures are good."""
        self.frames = self._first_frames(players, self.frames[0])
        self.players, self.error, self.steps = dict(players), None, 0
        with self.hold_sync():
            for name, value in self._beginning().items():
                setattr(self, name, value)

    def _beginning(self) -> dict[str, list[Any]]:
        pictures = [frame.tobytes() for frame in self.frames]
        return {"names": list(self.players), "captions": _captions(self.players), "opening": pictures}

    def _first_frames(self, players: Mapping[str, Player], like: Frame | None = None) -> list[Frame]:
        """The players' first pictures, all of one size (where there is one already: of that)."""
        frames: list[Frame] = []
        for name, player in players.items():
            if hasattr(player, "reset"):
                frame = _picture(player.reset, name, like)
            elif like is not None and (known := self._frame_of(player)) is not None:
                frame = known  # it cannot begin again: its last picture stays
            else:
                frame = _picture(lambda player=player: player.step(self.default), name, like)
            frames.append(frame)
            like = frame if like is None else like
        return frames

    def _frame_of(self, player: Player) -> Frame | None:
        """The picture of a player that is on the canvas already."""
        here = zip(getattr(self, "players", {}).values(), getattr(self, "frames", []), strict=True)
        return next((frame for other, frame in here if other is player), None)

    def _send_frames(self, question: Mapping[str, Any]) -> None:
        content = {"kind": "frames", "captions": _captions(self.players), "step": self.steps}
        self._reply(content, question, [frame.tobytes() for frame in self.frames])

    def _reply(self, content: dict[str, Any], question: Mapping[str, Any], buffers: list[bytes] | None = None) -> None:
        asked = {key: question[key] for key in ("client", "number") if key in question}
        self.send(content | asked, buffers)

    def _draw_still(self) -> bytes:
        if len(self.frames) == 1:
            return png_of_picture(self.frames[0], least=320)
        return png_of_figure(grid(np.stack(self.frames), columns=2, titles=list(self.players)))

    def _repr_mimebundle_(self, **keywords: Any) -> dict[str, Any]:
        """The widget, and beside it the first pictures: what a page without a kernel shows."""
        bundle = super()._repr_mimebundle_(**keywords)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        names = ", ".join(name for name in self.players if name) or "a game"
        keys = ", ".join("Space" if key == " " else key for key in self.settings["keys"])
        how = "plays by itself" if self.settings["autoplay"] else f"played with {keys}"
        return {**(data or {}), "text/plain": f"Canvas: {names}, {how}", "image/png": self._still}


def canvas(
    players: Mapping[str, Player] | Player,
    *,
    keys: Mapping[str, int] | None = None,
    actions: Mapping[int, str] | None = None,
    default: int = 0,
    fps: float = 30,
    scale: int | None = None,
    autoplay: bool = False,
) -> Canvas:
    """Play something with the keyboard, or two things side by side that take the same actions.

    players: ``{"name": player}`` with one or two players of one frame size, or a single player.
    keys: ``{key: action}`` with the browser's names of the keys ("ArrowLeft", "a", "Space"); without it the arrow keys
    left and right are actions 1 and 2, up and space are action 3. A held key is held; of two, the last one counts.
    actions: ``{action: name}`` for the buttons on the screen. default: the action while no key is pressed.
    fps: steps a second at most. scale: screen dots for one of the picture's. autoplay: play without keys, as a film.

    A player without ``reset`` takes one step of the default action for its first picture.
    Raises TypeError or ValueError for players and keys that cannot be played, and what a player raises at the start.
    """
    keys = KEYS if keys is None else keys
    names = NAMES if actions is None else actions
    _check_keys(keys, default)
    if not 0 < fps <= 60:
        raise ValueError(f"fps must be above 0 and at most 60, not {fps!r}")
    if actions is not None and (strangers := sorted(set(actions) - {default, *keys.values()})):
        raise ValueError(f"actions names {strangers}, but no key stands for that")
    buttons = {a: names.get(a, f"action {a}") for a in dict.fromkeys(keys.values()) if a != default}
    return Canvas(_named(players), keys, buttons, default, fps, scale, autoplay)


def explained(error: BaseException) -> str:
    """An error as text for the reader: its type and message, its notes, and the last lines that led to it."""
    lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    where = "".join(f"\nat {f.name}, line {f.lineno}: {(f.line or '').strip()}" for f in lines[-SHOWN_LINES:])
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", []))
    return f"{type(error).__name__}: {error}{notes}{where}"


def _named(players: Mapping[str, Player] | Player) -> dict[str, Player]:
    """Players by name, one or two. Raises TypeError or ValueError with the name of the one that is none."""
    named = dict(players) if isinstance(players, Mapping) else {"": players}
    if len(named) not in (1, 2):
        raise ValueError(f"a canvas has one or two players, not {len(named)}")
    for name, player in named.items():
        if not callable(getattr(player, "step", None)):
            raise TypeError(
                f"{_called(str(name))} is no player: it needs step(action) -> uint8 (H, W, 3), and "
                f"{type(player).__name__} has none; see worlds.play.EnvPlayer, models.play.DreamPlayer, show.FilmPlayer"
            )
    return {str(name): player for name, player in named.items()}


def _check_keys(keys: Mapping[str, int], default: int) -> None:
    if not isinstance(keys, Mapping) or not keys:
        raise TypeError(f'keys: expected a dict such as {{"ArrowLeft": 1}}, got {keys!r}')
    for key, action in {**keys, "default": default}.items():
        if not isinstance(key, str) or not isinstance(action, int | np.integer) or isinstance(action, bool):
            raise TypeError(f"keys: a key is a str and its action an int, not {key!r}: {action!r}")
    reserved = {"Escape", "Tab", "Enter", "Shift", "Control", "Alt", "Meta"} & set(keys)
    if reserved:
        raise ValueError(f"keys: {sorted(reserved)} belong to the notebook; take others, for example the arrow keys")


def _as_the_browser_says(key: str) -> str:
    return " " if key == "Space" else key.lower() if len(key) == 1 else key


def _picture(draw: Callable[[], Any], name: str, like: Frame | None) -> Frame:
    """One picture of one player, uint8 ``(H, W, 3)``; errors carry the player's name."""
    try:
        frame = np.ascontiguousarray(check.picture(draw(), f"the picture of {_called(name)}"))
        if like is not None and frame.shape != like.shape:
            sizes = f"{frame.shape[0]}x{frame.shape[1]} where {like.shape[0]}x{like.shape[1]} is on the canvas"
            raise ValueError(f"the picture of {_called(name)} is {sizes}; all pictures need one size")
    except Exception as error:
        error.add_note(f"(while {_called(name)} was played)")
        raise
    return frame


def _captions(players: Mapping[str, Player]) -> list[str]:
    return [str(getattr(player, "caption", "")) for player in players.values()]


def _called(name: str) -> str:
    return f"the player {name!r}" if name else "the player"
