"""Three world models whose marks are known before they are asked: one that knows everything, one that knows nothing,
one that has not learned yet.

An exam is tried on them before it is trusted: the perfect model must come out at the error of the reader, the random
one at chance, the untrained network between the two. They keep the contract like every other model.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.contract import Actions, Capabilities, State
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import begin, load_films
from course_lib.worlds.frames import to_model, to_uint8
from course_lib.worlds.scenes import Scene, film_seed
from course_lib.worlds.simulate import Simulation

PIXELS = 32
LONGEST = 4 * spec.FILM_FRAMES  # steps that a perfect model's film can have

SETS = ("simple", "ball", "goal", "simple-fast", "simple-new", "agent")

# ------------------------------------------------------------------------------------------------------------- perfect


@dataclass
class Known(State):
    """A film that was recognised. film, time: integers (B,); past: actions so far (B, LONGEST); world: (B, SLOTS *
    FIELDS), the exact state."""

    film: Tensor
    time: Tensor
    past: Tensor
    world: Tensor


class PerfectModel:
    """Owns the simulator: it recognises a film by its beginning and replays it under whatever action it is given.

    Films of one seed begin with the same frame in sets that differ in speed alone; a second frame decides between
    them. Films that differ in mass alone ("simple-heavy") look alike until something collides: ask it on others.

    sets, splits, count: the films that it can recognise, the first ``count`` of each; it makes itself acquainted with
    them a hundred at a time, when it meets one that it does not know yet.

    It is no forecast of what learning can reach (it knows masses that no frame shows) but of what the exam can measure:
    its position error is the reader's, nobody can do better.
    """

    def __init__(
        self, sets: tuple[str, ...] = SETS, splits: tuple[str, ...] = ("test", "validation"),
        count: int = 1000,
    ) -> None:  # fmt: skip
        self.capabilities = Capabilities(
            Actions("discrete", len(spec.ACTIONS)), decodes=True, context=None, frame_size=(PIXELS, PIXELS)
        )
        self.known: list[tuple[str, int]] = []  # the set and the seed of each film
        self.scenes: list[Scene] = []  # of each film
        self.replays = _Replays(self.known)
        self.by_frame: dict[bytes, list[int]] = {}
        self.sets, self.unmet = sets, [(split, first) for first in range(0, count, 100) for split in splits]

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Known:
        """Recognise the film, replay the actions. Raises ValueError for a film that it does not know."""
        self.capabilities.check(observations, actions)
        steps = observations.shape[1] - 1
        keys = [None] * len(observations) if not steps else actions[:, 0].tolist()
        film = torch.tensor([self._recognise(*seen) for seen in zip(to_uint8(observations[:, :2]), keys, strict=True)])
        past = torch.zeros(len(film), LONGEST, dtype=torch.long)
        if steps:
            past[:, :steps] = actions
        return self._at(film, torch.full_like(film, steps), past)

    def predict(
        self, state: Known, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Known:
        """One more action, and the film replayed from its beginning (a copied simulation would diverge)."""
        self.capabilities.actions.check(action, (len(state),))
        if int(state.time.max()) >= LONGEST:
            raise ValueError(f"the perfect model's films last at most {LONGEST} steps")
        past = state.past.clone()
        past[torch.arange(len(past)), state.time] = action.long()
        return self._at(state.film, state.time + 1, past)

    def decode(self, state: Known, *, generator: torch.Generator | None = None) -> Tensor:
        """The exact state, drawn. (B, 3, H, W)."""
        world = state.world.unflatten(1, (spec.SLOTS, len(spec.FIELDS))).numpy()
        frames = [
            draw_film(self.scenes[int(film)], rows[None], PIXELS)[0]
            for film, rows in zip(state.film, world, strict=True)
        ]
        return to_model(np.stack(frames))

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Mean squared difference between the frame that was seen and the one that had to come."""
        self.capabilities.check(observations, actions)
        result = torch.full(observations.shape[:2], torch.nan)
        state = self.encode(observations[:, :1])
        for t in range(1, observations.shape[1]):
            if t == 2:  # now it can be certain which film this is
                state = self.encode(observations[:, :2], actions[:, :1])
            state = self.predict(state, actions[:, t - 1])
            result[:, t] = (self.decode(state) - observations[:, t]).square().mean(dim=(1, 2, 3))
        return result

    def _recognise(self, frames: np.ndarray, key: int | None) -> int:
        """The film that begins like this. frames: uint8 (1 or 2, H, W, 3); key: the action between them.

        A second frame decides between films of one seed in several sets; one that fits none of them decides nothing.
        """
        begins = frames[0].tobytes()
        while begins not in self.by_frame:
            if not self.unmet:
                raise ValueError("the perfect model recognises the first films of its sets, and this is none of them")
            self._meet(*self.unmet.pop(0))
        alike = self.by_frame[begins]
        if key is None:
            return alike[0]
        return next((film for film in alike if np.array_equal(self._second(film, key), frames[1])), alike[0])

    def _second(self, film: int, key: int) -> np.ndarray:
        """What a film's second frame is under a key."""
        return draw_film(self.scenes[film], self.replays.state(film, (key,))[None], PIXELS)[0]

    def _meet(self, split: str, first: int) -> None:
        """Look at the first frame of a hundred seeds in every set."""
        for index, name in product(range(first, first + 100), self.sets):
            seed = film_seed(split, index)
            simulation = begin(name, seed)
            picture = draw_film(simulation.scene, simulation.state()[None], PIXELS)[0]
            self.by_frame.setdefault(picture.tobytes(), []).append(len(self.known))
            self.known.append((name, seed))
            self.scenes.append(simulation.scene)

    def _at(self, film: Tensor, time: Tensor, past: Tensor) -> Known:
        worlds = [
            self.replays.state(number, tuple(actions[:steps]))
            for number, steps, actions in zip(film.tolist(), time.tolist(), past.tolist(), strict=True)
        ]
        return Known(film, time, past, torch.from_numpy(np.stack(worlds)).flatten(1))


class _Replays:
    """Exact states of films under any actions.

    A copied simulation would diverge, so every state comes from a simulation that began with the film. Simulations wait
    where they were last asked for and go on from there when the actions so far are the same; states that were asked for
    before are kept. known: the set and the seed of each film.
    """

    STATES, SIMULATIONS = 20_000, 500  # at most so many are kept: some 30 MB

    def __init__(self, known: list[tuple[str, int]]) -> None:
        self.known = known
        self.states: dict[tuple[int, tuple[int, ...]], np.ndarray] = {}
        self.waiting: dict[tuple[int, tuple[int, ...]], Simulation] = {}

    def state(self, film: int, actions: tuple[int, ...]) -> np.ndarray:
        """The state of a film after these actions, (SLOTS, FIELDS)."""
        key = (film, actions)
        if key not in self.states:
            simulation = self.waiting.pop((film, actions[:-1]), None) if actions else None
            if simulation is None:
                simulation = begin(*self.known[film])
                for action in actions[:-1]:
                    simulation.step(action)
            if actions:
                simulation.step(actions[-1])
            self._keep(self.waiting, key, simulation, self.SIMULATIONS)
            self._keep(self.states, key, simulation.state(), self.STATES)
        return self.states[key]

    @staticmethod
    def _keep(kept: dict, key: tuple[int, tuple[int, ...]], value: object, most: int) -> None:
        kept[key] = value
        if len(kept) > most:
            del kept[next(iter(kept))]  # the oldest


# -------------------------------------------------------------------------------------------------------------- random


@dataclass
class Number(State):
    """A number that stands for a frame of some other film. number: integers (B,)."""

    number: Tensor


class RandomModel:
    """Answers with frames of training films that have nothing to do with the question.

    The number of a frame follows from what was seen by a fixed scramble, so the same question gets the same answer and
    no generator is needed; yet no answer says anything about the question.
    """

    def __init__(self, films: str = "simple", count: int = 64) -> None:
        self.capabilities = Capabilities(
            Actions("discrete", len(spec.ACTIONS)), decodes=True, context=1, frame_size=(PIXELS, PIXELS)
        )
        frames = load_films(films, split="train", count=count, size=PIXELS).frames
        self.frames = to_model(frames.reshape(-1, *frames.shape[2:]))  # (M, 3, H, W)

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Number:
        """A scrambled sum over the last frame's pixels."""
        self.capabilities.check(observations, actions)
        return Number(self._scramble(observations[:, -1]))

    def predict(
        self, state: Number, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Number:
        """Another number."""
        self.capabilities.actions.check(action, (len(state),))
        return Number((state.number * 7919 + action * 104_729 + 12_345) % len(self.frames))

    def decode(self, state: Number, *, generator: torch.Generator | None = None) -> Tensor:
        """The frame of that number, (B, 3, H, W)."""
        return self.frames[state.number]

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """A number between 0 and 1 that follows from the frame alone."""
        self.capabilities.check(observations, actions)
        values = self._scramble(observations.flatten(0, 1)).unflatten(0, observations.shape[:2]) / len(self.frames)
        values[:, 0] = torch.nan
        return values

    def _scramble(self, frames: Tensor) -> Tensor:
        """(B, 3, H, W) -> integers (B,). Whole numbers, so that the order of the sum does not matter."""
        levels = (frames * 255).round().long().flatten(1)
        weights = (torch.arange(levels.shape[1]) * 2_654_435_761) % 65_521  # Knuth's multiplier, a prime modulus
        return ((levels * weights).sum(dim=1) * 7919 % 1_000_003) % len(self.frames)


# ----------------------------------------------------------------------------------------------------------- untrained


@dataclass
class Picture(State):
    """The newest frame, float (B, 3, H, W)."""

    frame: Tensor


class UntrainedModel(nn.Module):
    """A residual network with the weights of its first day: the last frame and a little noise that it computes.

    Networks that predict a change have this good start for free; what a model claims to have *learned* is what it has
    above its own untrained self.
    """

    def __init__(self, width: int = 16, seed: int = 0) -> None:
        super().__init__()
        self.capabilities = Capabilities(
            Actions("discrete", len(spec.ACTIONS)), decodes=True, context=1, frame_size=(PIXELS, PIXELS)
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.see, self.change = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
            self.act = nn.Embedding(len(spec.ACTIONS), width)
        self.requires_grad_(False)

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Picture:
        """The last frame is all that it keeps."""
        self.capabilities.check(observations, actions)
        return Picture(observations[:, -1])

    def predict(
        self, state: Picture, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Picture:
        """x + 0.2 tanh(W relu(V x + a)), kept in [0, 1]."""
        self.capabilities.actions.check(action, (len(state),))
        seen = torch.relu(self.see(state.frame) + self.act(action.long())[..., None, None])  # (B, width, H, W)
        return Picture((state.frame + 0.2 * torch.tanh(self.change(seen))).clamp(0.0, 1.0))

    def decode(self, state: Picture, *, generator: torch.Generator | None = None) -> Tensor:
        """The frame itself, (B, 3, H, W)."""
        return state.frame

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Mean squared difference between each frame and its prediction; NaN at frame 0."""
        self.capabilities.check(observations, actions)
        result = torch.full(observations.shape[:2], torch.nan)
        for t in range(1, observations.shape[1]):
            after = self.predict(Picture(observations[:, t - 1]), actions[:, t - 1])
            result[:, t] = (after.frame - observations[:, t]).square().mean(dim=(1, 2, 3))
        return result
