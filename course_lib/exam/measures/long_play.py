"""Half a minute of play: is the agent still there, is the star, and do the keys still work?

Four good frames say little about a world that is played, because a model that dreams goes on from its own mistakes.
So a room is played for 300 frames under keys as a person presses them, held against walls and tapped, and every frame
is read by the course's reader. Late in the game the four keys are tried from one and the same frame: what a key does
shows against another key, wherever the agent stands.

    play_model     a model's frames under given keys, and the frames of the tries
    present        in which frames there is one agent, one star
    obedience      which of the tries went the right way
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import WorldModel
from course_lib.exam.measures.rollout import CHUNK, decodes, draw, fits, takes_actions, translate
from course_lib.models.reader import Reader
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import begin, make_film
from course_lib.worlds.frames import to_uint8

FRAMES = 300  # frames of a game, half a minute at ten frames a second
TRIES = (200, 225, 250, 275, 299)  # frames after which the four keys are tried
TRY = 3  # frames that a key is held in a try
MOVES = 1.0  # units to the side: a key that does something moves the agent by more in a try, one that does not by less
RISES = 0.35  # units: under a platform there is room for little more; the reader is off by 0.1
STANDS = 1.0  # units above the floor: an agent that is not higher, and does not rise or fall, stands on it

NONE, LEFT, RIGHT, JUMP = range(len(spec.ACTIONS))

_F = spec.FIELD


def play_keys(games: int, steps: int, generator: np.random.Generator) -> np.ndarray:
    """Keys as a person presses them, uint8 (games, steps): half of the presses are taps of 1 to 3 frames, half are held
    for 6 to 24, long enough to run from one wall to the other and to push against it."""
    keys = np.empty((games, steps), np.uint8)
    for game in range(games):
        t = 0
        while t < steps:
            key = generator.choice(4, p=(0.16, 0.32, 0.32, 0.20))
            low, high = (1, 4) if generator.random() < 0.5 else (6, 25)
            hold = int(generator.integers(low, high))
            keys[game, t : t + hold] = key
            t += hold
    return keys


@dataclass(frozen=True)
class Playthrough:
    """What was seen in some rooms.

    frames: uint8 (N, T, H, W, 3), the frames that were made, the first one that was given left out.
    tried: uint8 (N, K, 4, TRY, H, W, 3): after each of K frames each key was held for ``TRY`` frames.
    """

    frames: np.ndarray
    tried: np.ndarray


@torch.no_grad()
def play_model(
    model: WorldModel, first: Tensor, keys: np.ndarray, *, generator: torch.Generator | None = None,
    tries: Sequence[int] = TRIES,
) -> Playthrough:  # fmt: skip
    """Let a model go on from one real frame of each room. first: (N, 3, H, W) in [0, 1]; keys: (N, T).

    generator: with it the model draws. Raises NotCapable where the model cannot be played, ExamError where what it
    draws are no frames.
    """
    size = first.shape[-1]
    fits(model, size)
    takes_actions(model)
    decodes(model)
    pressed = torch.from_numpy(keys.astype(np.int64))
    each = translate(model, torch.arange(len(spec.ACTIONS)))
    games = []
    for rows in torch.arange(len(first)).split(CHUNK):
        state, plan = model.encode(first[rows, None], generator=generator), translate(model, pressed[rows])
        frames, tried = [], []
        for t in range(keys.shape[1]):
            state = model.predict(state, plan[:, t], generator=generator)
            frames.append(to_uint8(draw(model, state, count=len(rows), size=size, generator=generator)))
            if t + 1 in tries:
                tried.append(_try_keys(model, state, each, size, generator))
        games.append((np.stack(frames, axis=1), np.stack(tried, axis=1) if tried else None))
    frames = np.concatenate([frames for frames, _ in games])
    none = np.zeros((len(frames), 0, len(spec.ACTIONS), TRY, size, size, 3), np.uint8)
    return Playthrough(frames, np.concatenate([tried for _, tried in games]) if games[0][1] is not None else none)


def _try_keys(
    model: WorldModel, state: object, each: Tensor, size: int, generator: torch.Generator | None
) -> np.ndarray:
    """Hold each key from here, uint8 (B, 4, TRY, H, W, 3)."""
    count, keys = len(state), len(each)
    branch, held, seen = state.repeat(keys), each.repeat(count), []
    for _ in range(TRY):
        branch = model.predict(branch, held, generator=generator)
        seen.append(to_uint8(draw(model, branch, count=count * keys, size=size, generator=generator)))
    film = np.stack(seen, axis=1)  # (B * 4, TRY, H, W, 3)
    return film.reshape(count, keys, *film.shape[1:])


def play_simulator(
    name: str, seeds: Sequence[int], keys: np.ndarray, *, size: int = 32, tries: Sequence[int] = TRIES
) -> Playthrough:
    """The same game in the Playground itself. A film is replayed for each try, because a copied simulation diverges."""
    games, tried = [], []
    for seed, row in zip(seeds, keys, strict=True):
        games.append(make_film(name, int(seed), actions=row, length=len(row) + 1, size=size).frames[1:])
        tried.append([[_held(name, int(seed), row[:t], key, size) for key in range(len(spec.ACTIONS))] for t in tries])
    return Playthrough(np.stack(games), np.asarray(tried))


def _held(name: str, seed: int, keys: np.ndarray, key: int, size: int) -> np.ndarray:
    """A try, uint8 (TRY, H, W, 3). Not ``make_film``: the frames before the try need not be drawn."""
    simulation, states = begin(name, seed), []
    for before in keys:
        simulation.step(int(before))
    for _ in range(TRY):
        simulation.step(key)
        states.append(simulation.state())
    return draw_film(simulation.scene, np.stack(states), size)


# ------------------------------------------------------------------------------------------------------ what is read


@dataclass(frozen=True)
class Presence:
    """agent, star: bool (N, T), whether there is one in a frame, and no second one."""

    agent: np.ndarray
    star: np.ndarray


def present(reader: Reader, frames: np.ndarray) -> Presence:
    """Read every frame of games, uint8 (N, T, H, W, 3)."""
    kinds = reader.read(frames)[..., _F["kind"]]  # (N, T, 8)
    agent, star = ((kinds == spec.KINDS.index(kind)).sum(axis=-1) == 1 for kind in ("agent", "star"))
    return Presence(agent, star)


def surest(things: np.ndarray, kind: str) -> np.ndarray:
    """Where the surest thing of a kind is, in units, (..., 2); NaN where there is none.

    things: what a reader found, (..., 8, FIELDS), the surest first. kind: of ``spec.KINDS``.
    """
    those = things[..., _F["kind"]] == spec.KINDS.index(kind)  # (..., 8)
    first = those.argmax(axis=-1)[..., None, None]  # (..., 1, 1)
    place = np.take_along_axis(things[..., [_F["x"], _F["y"]]], first, axis=-2)[..., 0, :]
    return np.where(those.any(axis=-1)[..., None], place, np.nan)


def agent_place(reader: Reader, frames: np.ndarray) -> np.ndarray:
    """Where the agent is, in units, (..., 2); NaN where the reader finds none. Of several the surest counts."""
    return surest(reader.read(frames), "agent")


def obedience(reader: Reader, tried: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which tries went the right way, and which are asked about: bool (N, K, 3) each.

    tried: see ``Playthrough``. The columns: left against right, jump against no key, no key stops. After ``TRY`` frames
    "right" has to lie right of "left", everywhere. Where the agent stands on the floor when no key is held, "jump" has
    to lift it, and no key may not move it between the last two frames. Where the agent is not found, all three are
    asked about and none is right.
    """
    place = agent_place(reader, tried)  # (N, K, 4, TRY, 2)
    last, rest, jump = place[..., -1, :], place[:, :, NONE], place[:, :, JUMP, :, 1]
    lost = np.isnan(rest[..., 1]).any(axis=-1)  # (N, K)
    with np.errstate(invalid="ignore"):
        low = (rest[..., 1] < spec.FLOOR + spec.AGENT_HALF_HEIGHT + STANDS).all(axis=-1)
        stands = lost | (low & (np.ptp(rest[..., 1], axis=-1) < RISES))
        right = [
            last[:, :, RIGHT, 0] - last[:, :, LEFT, 0] > MOVES,
            jump.max(axis=-1) - rest[..., 1].max(axis=-1) > RISES,
            np.abs(rest[:, :, -1, 0] - rest[:, :, -2, 0]) < MOVES,
        ]
    asked = [np.ones_like(lost), stands, stands]
    return np.stack(right, axis=-1), np.stack(asked, axis=-1)


def share_by_game(right: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The share of what is asked that is right, (N,); both (N, ...). A game's first pair is always asked."""
    axes = tuple(range(1, right.ndim))
    return (right & asked).sum(axis=axes) / asked.sum(axis=axes)


def marks_of(reader: Reader, found: Presence, tried: np.ndarray | None) -> dict[str, np.ndarray]:
    """A number a room, (N,) each: the share of frames with one agent, with one star, and of tries that obey.

    tried: see ``Playthrough``; without it nothing is said of obeying.
    """
    marks = {"alive": found.agent.mean(axis=1), "star": found.star.mean(axis=1)}
    return marks if tried is None else marks | {"obeys": share_by_game(*obedience(reader, tried))}


def read_game(reader: Reader, game: Playthrough) -> dict[str, np.ndarray]:
    """``marks_of`` a game."""
    return marks_of(reader, present(reader, game.frames), game.tried)


def frozen(first: np.ndarray, frames: int = FRAMES, tries: Sequence[int] = TRIES) -> Playthrough:
    """A picture that never changes, uint8 (N, H, W, 3): all is present in it, and no key does anything."""
    film = np.repeat(first[:, None], frames, axis=1)
    shape = (len(first), len(tries), len(spec.ACTIONS), TRY, *first.shape[1:])
    return Playthrough(film, np.broadcast_to(first[:, None, None, None], shape))
