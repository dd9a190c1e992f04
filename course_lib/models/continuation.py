"""A text-to-video model as a world model: it goes on with the film that it has seen, and takes no actions.

What Sora's report calls extending a video, under the course's contract. The model makes several frames at a time, since
its codec has no latents of a single later one; ``predict`` shows them one after the other, and asks for more when they
have run out. Nobody can press a key in it: given an action, it says that it takes none.

    encode      the last frames, as many as make a first frame and one group of the codec
    predict     the next frame of the film that goes on from there, under one prompt, by default none
    surprise    how badly the noise of the group that ends with a frame is guessed behind the frame before the group

A film that is shorter than the group stands still before its first frame: that is how the codec reads a first frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.dit import KnownGroups
from course_lib.models.dit_world import LEVELS, noise_of
from course_lib.models.text_to_video import TextToVideo
from course_lib.nets.chance import normal
from course_lib.nets.samplers import sample


@dataclass(eq=False)
class Reel(State):
    """Frames that were seen or made, (B, L, 3, H, W); the present is frame ``at`` of them, and those after it are to
    come. made: how many frames the model has made so far; it numbers the noise that is not drawn."""

    frames: Tensor
    at: int
    made: int


class Continuation:
    """A ``TextToVideo`` under the course's contract.

        world = Continuation(load_text_to_video())
        state = world.encode(frames)                        # (B, T, 3, 32, 32)
        state = world.predict(state)
        frame = world.decode(state)                         # (B, 3, 32, 32)

    Without a generator all rows begin with the same noise, which depends on how far the film has gone.
    """

    def __init__(
        self, make: TextToVideo, *, prompt: str = "", frames: int = 17, steps: int = 16, w: float = 1.0
    ) -> None:
        """prompt: of everything that is made; "" says nothing. frames: of one film, what it goes on from included.
        w: guidance. Raises ValueError for a codec without groups, and a length that it has not or that adds nothing.
        """
        each = make.codec.config.frames_each
        if each == 1:
            raise ValueError("a codec of groups is wanted; one that takes each frame by itself is for a DiTWorld")
        if make.codec.config.groups(frames) < 3:
            raise ValueError(f"a film of {frames} frames does not go on from {1 + each}: take {1 + 2 * each} or more")
        self.make, self.prompt, self.frames, self.steps, self.w = make, prompt, frames, steps, w
        self.seen = 1 + each
        size = make.codec.config.frame_size
        self.capabilities = Capabilities(Actions("none"), decodes=True, context=self.seen, frame_size=(size, size))

    def untrained(self, seed: int = 1) -> Continuation:
        """The same codec, and a network that has learned nothing."""
        bare = self.make.untrained(seed)
        return Continuation(bare, prompt=self.prompt, frames=self.frames, steps=self.steps, w=self.w)

    # ------------------------------------------------------------------------------------------------- the contract

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Reel:
        """Look at films. Nothing is drawn. Raises NotCapable for actions."""
        self.capabilities.check(observations, actions)
        seen = observations[:, -1:] if observations.shape[1] == 1 else self._window(observations)
        return Reel(seen, seen.shape[1] - 1, 0)

    @torch.no_grad()
    def predict(
        self, state: Reel, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Reel:
        """One frame further. Raises NotCapable for an action."""
        self.capabilities.actions.check(action, (len(state),))
        if state.at + 1 < state.frames.shape[1]:
            return Reel(state.frames, state.at + 1, state.made)
        seen = state.frames[:, -self.seen :]
        after = self._made(self.make.codec.latents(seen), state.made, generator)[:, seen.shape[1] :]
        return Reel(torch.cat([seen, after], dim=1), seen.shape[1], state.made + after.shape[1])

    def decode(self, state: Reel, *, generator: torch.Generator | None = None) -> Tensor:
        """The present frame, (B, 3, H, W); the last one that was seen comes back as it was."""
        return state.frames[:, state.at]

    @torch.no_grad()
    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None,
        first: int = 1,
    ) -> Tensor:  # fmt: skip
        """The squared error of the guess, the mean over a group's latent numbers and over LEVELS; NaN before frame
        ``first``.

        For frame t it is that of the group of frames that ends with t, behind the frame before the group. The noise
        depends on the level and on t alone. Nothing is drawn. Raises NotCapable for actions.
        """
        self.capabilities.check(observations, actions)
        dit, count = self.make.dit, len(LEVELS)
        result = torch.full(observations.shape[:2], torch.nan, device=observations.device)
        for now in range(first, observations.shape[1]):
            z = self.make.codec.latents(self._window(observations[:, : now + 1]))  # (B, 2, C, h, w)
            z = z.repeat_interleave(count, dim=0)  # all levels of a film side by side
            t = torch.tensor(LEVELS, device=z.device).repeat(len(observations))  # (B * K,)
            noise = noise_of(now, (count, *z.shape[2:])).to(z.device).repeat(len(observations), 1, 1, 1)
            x_t = torch.stack([z[:, 0], dit.diffusion.noised(z[:, 1], noise, t)], dim=1)
            tokens = self.make.tokens([self.prompt] * len(z))
            guess = dit(x_t, torch.stack([torch.zeros_like(t), t], dim=1), tokens)[:, 1, : dit.config.channels]
            error = (guess - dit.diffusion.target_of(z[:, 1], noise, t)).square().flatten(1).mean(dim=1)
            result[:, now] = error.unflatten(0, (-1, count)).mean(dim=1)
        return result

    # ------------------------------------------------------------------------------------------------------ parts

    def _made(self, z: Tensor, made: int, generator: torch.Generator | None) -> Tensor:
        """Films that begin with these latents, (B, g, C, h, w) -> (B, frames, 3, H, W)."""
        dit, groups = self.make.dit, self.make.codec.config.groups(self.frames)
        shape = (groups, *z.shape[2:])
        drawn = generator is not None
        noise = normal((len(z), *shape), generator) if drawn else noise_of(made, shape).expand(len(z), *shape)
        whole = torch.cat([z, z.new_zeros(len(z), groups - z.shape[1], *z.shape[2:])], dim=1)
        known = KnownGroups(torch.arange(groups, device=z.device) < z.shape[1], whole)
        guess = dit.predict(self.make.tokens([self.prompt] * len(z)), self.w, known)
        latents = sample(dit.diffusion, guess, noise.to(z), steps=self.steps)
        return self.make.codec.frames_of(known.put_into(latents))

    def _window(self, frames: Tensor) -> Tensor:
        """The last frames, the first one again and again where there are too few. (B, T, ...) -> (B, seen, ...)."""
        missing = max(0, self.seen - frames.shape[1])
        still = frames[:, :1].expand(-1, missing, *frames.shape[2:])
        return torch.cat([still, frames[:, -self.seen :]], dim=1)
