"""Half a minute of play in a hundred rooms: who is still there, and do the keys still work?

Each world that can be played is shown one real frame of every room and then goes on under the same keys for 300 frames
(``measures/long_play``). Beside the keys at random it is played by somebody who wants the star
(``measures/seeking``), and in rooms that nobody made films of: painted ones.

    genie       under the key map, drawing from its own probabilities: as it is played in notebook 15
    likeliest   the same, taking the likeliest tokens
    table       the same as genie, each key one latent action wherever it is pressed
    vmc         V-M-C of notebooks 02 to 04, drawing at temperature 1
    tokens      the simulator's own frames through Genie's tokenizer: what reading and drawing alone cost
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course_lib.contract import WorldModel
from course_lib.exam.measures.long_play import (
    FRAMES,
    frozen,
    marks_of,
    play_keys,
    play_model,
    play_simulator,
    present,
)
from course_lib.exam.measures.rollout import translate
from course_lib.exam.measures.seeking import seek, things_seen, touches
from course_lib.models.genie import Genie
from course_lib.models.key_map import KeyedGenie
from course_lib.models.reader import Reader
from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film, draw_together
from course_lib.worlds.films import Films, begin, load_films
from course_lib.worlds.frames import to_model, to_uint8
from course_lib.worlds.scenes import Scene

KEPT = DATA / "playground" / "long_play.json"
ROOMS = 100
CONTROL_ROOMS = 20  # for those who are only there to be compared with
PAINTED_ROOMS, PAINTED_FRAMES = 100, 100
SEEK_ROOMS, SEEK_FRAMES = 30, 300
SEED = 0
FACTS = ("alive", "star", "obeys")
PLAYERS = ("genie", "likeliest", "table", "vmc", "simulator", "frozen", "tokens")


def paint_rooms(count: int, rng: np.random.Generator) -> np.ndarray:
    """Rooms as a hand paints them, uint8 (count, 32, 32, 3): whole pixels, flat colours, and platforms at any height.

    An agent on the floor, one to three platforms anywhere, one star, and in half of the rooms a red block, a thing that
    no film of the task has.
    """
    empty = np.zeros((1, spec.SLOTS, len(spec.FIELDS)), np.float32)
    rooms = np.repeat(draw_film(Scene(agent=None), empty), count, axis=0)
    for room in rooms:
        for _ in range(rng.integers(1, 4)):
            width, left, row = rng.integers(5, 13), rng.integers(2, 20), rng.integers(8, 24)
            room[row : row + 2, left : min(left + width, 31)] = spec.PLATFORM_COLOUR
        if rng.random() < 0.5:
            left = rng.integers(3, 26)
            room[26:30, left : left + 4] = (200, 40, 40)
        row, left = rng.integers(6, 26), rng.integers(3, 27)
        room[row : row + 3, left : left + 3] = spec.STAR_COLOUR
        left = rng.integers(3, 27)
        room[26:30, left : left + 3] = spec.AGENT_COLOUR
    return rooms


def world_step(
    model: WorldModel, first: np.ndarray, generator: torch.Generator
) -> Callable[[np.ndarray], np.ndarray]:
    """A model as something to play in step: keys, uint8 (N,) -> frames, uint8 (N, H, W, 3)."""
    state = model.encode(to_model(first)[:, None], generator=generator)

    @torch.no_grad()
    def step(keys: np.ndarray) -> np.ndarray:
        nonlocal state
        state = model.predict(state, translate(model, torch.from_numpy(keys.astype(np.int64))), generator=generator)
        return to_uint8(model.decode(state, generator=generator))

    return step


def simulator_step(seeds: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The Playground's rooms of these seeds as something to play in step."""
    rooms = [begin("goal", int(seed)) for seed in seeds]

    def step(keys: np.ndarray) -> np.ndarray:
        for room, key in zip(rooms, keys, strict=True):
            room.step(int(key))
        return draw_together([room.scene for room in rooms], np.stack([room.state() for room in rooms]))

    return step


def through_tokens(genie: Genie, frames: np.ndarray) -> np.ndarray:
    """Frames as the tokenizer draws them, uint8 (N, T, H, W, 3) -> the same."""
    with torch.no_grad():
        parts = [genie.tokenizer.frames_of(genie.tokenizer.tokens(to_model(part[None]))) for part in frames]
    return np.concatenate([to_uint8(part) for part in parts])


def play_everybody(
    worlds: Mapping[str, tuple[WorldModel, bool, int]], films: Films, reader: Reader, genie: Genie,
    report: Callable[[str], None],
) -> dict[str, dict[str, list[float]]]:  # fmt: skip
    """``marks_of`` each world, and the share of rooms with one agent after each frame (``by_frame``).

    worlds: model, whether it draws, and in how many of the rooms it is played.
    """
    keys, found = play_keys(len(films), FRAMES, np.random.default_rng(SEED)), {}

    def keep(name: str, frames: np.ndarray, tried: np.ndarray | None = None) -> None:
        seen = present(reader, frames)
        marks = marks_of(reader, seen, tried)
        by_frame = seen.agent.mean(axis=0)  # (T,)
        found[name] = {fact: values.round(4).tolist() for fact, values in (marks | {"by_frame": by_frame}).items()}
        report(f"{name}: " + ", ".join(f"{fact} {np.mean(values):.3f}" for fact, values in marks.items()))

    for name, (model, draws, rooms) in worlds.items():
        generator = torch.Generator().manual_seed(SEED) if draws else None
        game = play_model(model, to_model(films.frames[:rooms, 0]), keys[:rooms], generator=generator)
        keep(name, game.frames, game.tried)
    real, still = play_simulator("goal", films.seeds, keys), frozen(films.frames[:, 0])
    keep("simulator", real.frames, real.tried)
    keep("tokens", through_tokens(genie, real.frames[:CONTROL_ROOMS]))
    keep("frozen", still.frames, still.tried)
    return found


def seek_stars(
    worlds: Mapping[str, WorldModel], films: Films, reader: Reader, report: Callable[[str], None]
) -> dict[str, list[int]]:
    """How many stars the player of ``measures/seeking`` touched in each room of the worlds and of the simulator; and
    in the simulator somebody who presses keys at random."""
    first, found = films.frames[:, 0], {}
    players = {name: world_step(model, first, torch.Generator().manual_seed(SEED)) for name, model in worlds.items()}
    for name, step in (players | {"simulator": simulator_step(films.seeds)}).items():
        found[name] = touches(*seek(step, first, reader, SEEK_FRAMES)).tolist()
        report(f"{name}: {np.mean(found[name]):.2f} stars")
    keys = play_keys(len(films), SEEK_FRAMES, np.random.default_rng(SEED))
    at_random = play_simulator("goal", films.seeds, keys, tries=())
    found["random keys"] = touches(*things_seen(reader, at_random.frames)).tolist()
    return found


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Play everybody: half an hour of one core."""
    reader, genie, vmc = load_checkpoint("reader"), load_checkpoint("genie"), load_checkpoint("vmc")
    keyed, films = KeyedGenie(genie, load_checkpoint("key_map")), load_films("goal", split="test", count=ROOMS)
    worlds = {"genie": (keyed, True, ROOMS), "likeliest": (keyed, False, CONTROL_ROOMS),
              "table": (genie, True, CONTROL_ROOMS), "vmc": (vmc, True, ROOMS)}  # fmt: skip
    played = play_everybody(worlds, films, reader, genie, report)
    some = load_films("goal", split="test", count=SEEK_ROOMS)
    sought = seek_stars({"genie": keyed, "vmc": vmc}, some, reader, report)
    painted = paint_rooms(PAINTED_ROOMS, np.random.default_rng(SEED))
    keys = play_keys(PAINTED_ROOMS, PAINTED_FRAMES, np.random.default_rng(SEED))
    alive = {}
    for name, model in (("genie", keyed), ("vmc", vmc)):
        game = play_model(model, to_model(painted), keys, generator=torch.Generator().manual_seed(SEED), tries=())
        alive[name] = present(reader, game.frames).agent.mean(axis=1).round(4).tolist()
        report(f"painted rooms, {name}: {np.mean(alive[name]):.3f}")
    alive["first frame"] = present(reader, painted[:, None]).agent[:, 0].astype(float).tolist()
    return {"rooms": ROOMS, "frames": FRAMES, "weights": played_weights(), "played": played, "stars": sought,
            "painted": alive}  # fmt: skip


def played_weights() -> dict[str, str]:
    """The first digits of the SHA-256 of everything that is played."""
    return {"genie": weights_of("genie", part="dynamics"),
            "key_map": weights_of("key_map"),
            "vmc": weights_of("vmc", part="m")}  # fmt: skip


@dataclass(frozen=True)
class Played:
    """What ``run`` kept.

    played: by player and fact (alive, star, obeys; tokens do not obey) a number for each room. by_frame: by player the
    share of rooms with one agent after each frame. stars: how many were touched in each room. painted: the share of
    frames with one agent, for each painted room. weights: what was played.
    """

    played: Mapping[str, Mapping[str, np.ndarray]]
    by_frame: Mapping[str, np.ndarray]
    stars: Mapping[str, np.ndarray]
    painted: Mapping[str, np.ndarray]
    weights: Mapping[str, str]


def measured_play() -> Played:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def numbers(values: Any, count: int | None = None, most: float = 1.0) -> np.ndarray:
        found = np.asarray(values, dtype=float)
        if found.ndim != 1 or len(found) != (count or len(found)) or not ((found >= 0) & (found <= most)).all():
            raise ValueError(f"a list of {count or 'some'} numbers from 0 to {most:g} is expected")
        return found

    def parse(facts: dict) -> Played:
        rooms = int(facts["rooms"])
        whole = {"genie", "vmc", "simulator", "frozen"}
        played = {
            name: {
                fact: numbers(facts["played"][name][fact], rooms if name in whole else None)
                for fact in (FACTS[:2] if name == "tokens" else FACTS)
            }
            for name in PLAYERS
        }
        stars = {name: numbers(facts["stars"][name], SEEK_ROOMS, SEEK_FRAMES)
                 for name in ("genie", "vmc", "simulator", "random keys")}  # fmt: skip
        painted = {name: numbers(facts["painted"][name], PAINTED_ROOMS) for name in ("genie", "vmc", "first frame")}
        by_frame = {name: numbers(facts["played"][name]["by_frame"], int(facts["frames"])) for name in PLAYERS}
        names = {name: str(facts["weights"][name]) for name in played_weights()}
        return Played(played, by_frame, stars, painted, names)

    return read_study(KEPT, parse, "long_play")
