"""A diffusion transformer as a world to play in: one frame after the other, each under a key.

The network is the DiT of ``models/dit.py`` on the latents of a codec that turns every frame into a grid by itself, in
one of its configurations:

    actions   the key that led to a frame joins the noise level in that frame's condition, c = t + action, so it steers
              the shifts, scales and gates of this frame's tokens and of no others
    causal    a frame's tokens look at their own frame and at earlier ones
    forcing   in training every frame has a noise level of its own: Chen et al., Diffusion Forcing, 2024, arXiv
              2407.01392, section 3

The last one is what makes a film model a model to play in. A frame whose level is 0 is known; one whose level is 1 is
still to come; and since all mixtures were seen in training, the next frame can be denoised behind frames that are
known. Frames that the model made itself are not quite right: they may be called slightly noisy (``context_level``), so
that their mistakes are trusted less, as the paper does in long rollouts.

    predict     the past through the network once, its keys and values kept; then a few sampling steps of one frame
    surprise    how badly a frame's noise is guessed from what came before it, at LEVELS

GameNGen (Valevski et al. 2024, arXiv 2408.14837) and DIAMOND (Alonso et al. 2024, arXiv 2405.12399) are worlds of this
kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.base import fresh
from course_lib.models.codec import VideoCodec
from course_lib.models.dit import DiT, DiTConfig, Past
from course_lib.models.vae_codec import VAECodec
from course_lib.nets.chance import normal
from course_lib.nets.samplers import sample

LEVELS = (0.3, 0.5, 0.7, 0.9)  # noise levels at which surprise is asked
SEED = 20_241_031  # of the noise that is the same for everybody


class DiTWorldConfig(DiTConfig):
    """The sizes of the network, and how it is played."""

    classes: Annotated[int, Field(ge=0, le=65_536, description="0: the condition is a caption, here an empty one")] = 0
    actions: Annotated[int, Field(ge=0, le=1024, description="keys; 0: the world takes none")] = 4
    causal: bool = True
    forcing: bool = True
    window: Annotated[int, Field(ge=2, le=1024, description="frames it looks at, the one in the making included")] = 5
    steps: Annotated[int, Field(ge=1, le=1024, description="sampling steps of a frame")] = 4
    context_level: Annotated[
        float, Field(ge=0.0, lt=1.0, description="noise level that the frames of the past are said to have")
    ] = 0.0

    @model_validator(mode="after")
    def _is_causal(self) -> DiTWorldConfig:
        if not self.causal:
            raise ValueError("causal is false: a frame that saw later ones could not be made before them")
        return self


def noise_of(frame: int, shape: tuple[int, ...]) -> Tensor:
    """Noise for one frame of a film, the same whoever asks. frame: its number, counted from what was seen first."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(SEED + frame))


@dataclass(eq=False)
class Window(State):
    """The last frames as latents, (B, S, C, h, w), and the key that led to each, (B, S), in a bounded window.

    frames: how many have gone by, the same for the whole batch; it numbers the noise that is not drawn.
    """

    latents: Tensor
    actions: Tensor
    frames: int


class DiTWorld:
    """A DiT on single frames and their codec, under the course's contract.

        world = load_dit_world()                            # of training/dit_world.py
        state = world.encode(frames, keys)                  # (B, T, 3, 32, 32), (B, T - 1)
        state = world.predict(state, key)                   # (B,)
        frame = world.decode(state)                         # (B, 3, 32, 32)

    Without a generator a frame begins with the same noise in every row: the noise of its number in the film.
    """

    def __init__(self, dit: DiT, codec: VideoCodec | VAECodec) -> None:
        """Raises ValueError for a DiT that cannot be played, or that was made for another codec."""
        if not isinstance(dit.config, DiTWorldConfig):
            raise ValueError("this DiT makes whole films; one that is played has a DiTWorldConfig (recipe dit_world)")
        if codec.config.kind != "frames" or dit.config.channels != codec.config.latent:
            raise ValueError(
                f"a codec is wanted that turns each frame by itself into {dit.config.channels} channels (its kind is "
                f"frames); this one is {codec.config.kind} and has {codec.config.latent}"
            )
        self.dit, self.codec, self.config = dit.eval(), codec.eval(), dit.config
        size, keys = codec.config.frame_size, dit.config.actions
        self.capabilities = Capabilities(
            Actions("discrete", keys) if keys else Actions("none"), decodes=True, context=self.config.window - 1,
            frame_size=(size, size),
        )  # fmt: skip

    def untrained(self, seed: int = 1) -> DiTWorld:
        """The same codec, and a network that has learned nothing."""
        return DiTWorld(fresh(DiT, self.config, seed).to(self._device), self.codec)

    # ------------------------------------------------------------------------------------------------- the contract

    @torch.no_grad()
    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Window:
        """Look at films: their last frames as the means of their latents. Nothing is drawn."""
        self.capabilities.check(observations, actions)
        led = self._led(observations, actions)  # (B, T)
        kept = self.config.window - 1
        return self._last(Window(self.codec.latents(observations[:, -kept:]), led[:, -kept:], observations.shape[1]))

    @torch.no_grad()
    def predict(
        self, state: Window, action: Tensor | None = None, *, generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Window:  # fmt: skip
        """One frame further. steps: of sampling; None for the configuration's."""
        self.capabilities.actions.check(action, (len(state),))
        action = state.actions.new_zeros(len(state)) if action is None else action.long()
        past, shape = self.remember(state.latents, state.actions), (len(state), *state.latents.shape[2:])
        drawn = generator is not None
        noise = normal(shape, generator) if drawn else noise_of(state.frames, (1, *shape[1:])).expand(shape)

        def guess(x_t: Tensor, t: Tensor) -> Tensor:
            return self.guess(x_t, t, action, past)

        made = sample(self.dit.diffusion, guess, noise.to(self._device), steps=steps or self.config.steps)
        latents = torch.cat([state.latents, made[:, None]], dim=1)
        return self._last(Window(latents, torch.cat([state.actions, action[:, None]], dim=1), state.frames + 1))

    @torch.no_grad()
    def decode(self, state: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """What the codec draws of the last frame, (B, 3, H, W)."""
        return self.codec.frames_of(state.latents[:, -1:])[:, 0]

    @torch.no_grad()
    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None,
        first: int = 1,
    ) -> Tensor:  # fmt: skip
        """The squared error of the guess, the mean over a frame's latent numbers and over LEVELS; NaN before frame
        ``first``.

        A frame is noised to each level and guessed behind the frames before it, which are known: one pass for all
        levels. The noise depends on the level and on the frame's number alone, so two films that share a frame, or a
        film in two batches, are asked with the same noise. Nothing is drawn.
        """
        self.capabilities.check(observations, actions)
        return self.surprise_at(self.codec.latents(observations), actions, first=first)

    @torch.no_grad()
    def surprise_at(self, z: Tensor, actions: Tensor | None = None, *, first: int = 1) -> Tensor:
        """The same of films that the codec has seen already. z: (B, T, C, h, w); actions: (B, T - 1) -> (B, T)."""
        led, diffusion, grows = self._led(z, actions), self.dit.diffusion, z.shape[1] <= self.config.window
        count, result = len(LEVELS), torch.full(z.shape[:2], torch.nan, device=z.device)
        past = self.remember(z[:, :first], led[:, :first]) if grows else None
        t = torch.tensor(LEVELS, device=z.device).repeat(len(z))  # (B * K,), all levels of a film side by side
        for now in range(first, z.shape[1]):
            if not grows:
                seen = self._last(Window(z[:, :now], led[:, :now], now))
                past = self.remember(seen.latents, seen.actions)
            elif now > first:  # nothing is forgotten: the past has one frame more
                past = self.remember(z[:, now - 1 : now], led[:, now - 1 : now], past)
            x = z[:, now].repeat_interleave(count, dim=0)  # (B * K, C, h, w)
            noise = noise_of(now, (count, *x.shape[1:])).to(x).repeat(len(z), 1, 1, 1)
            target = diffusion.target_of(x, noise, t)
            keys = led[:, now].repeat_interleave(count)
            guess = self.guess(diffusion.noised(x, noise, t), t, keys, past.repeat(count))
            result[:, now] = (guess - target).square().flatten(1).mean(dim=1).unflatten(0, (-1, count)).mean(dim=1)
        return result

    # ------------------------------------------------------------------------------------------------ one pass

    def remember(self, latents: Tensor, actions: Tensor, past: Past | None = None) -> Past:
        """What the blocks keep of the past, at the level that it is said to have. (B, S, C, h, w), (B, S). past: of the
        frames before these."""
        level = latents.new_full(latents.shape[:2], self.config.context_level)
        kept = self.dit.diffusion.schedule.alpha(level)[:, :, None, None, None]  # no noise is added
        return self.dit.extend(kept * latents, level, actions=self._keys(actions), past=past)[1]

    def guess(self, x_t: Tensor, t: Tensor, action: Tensor, past: Past) -> Tensor:
        """What the network says of one noisy frame behind its past. (B, C, h, w), (B,), (B,) -> (B, C, h, w)."""
        out, _ = self.dit.extend(x_t[:, None], t, actions=self._keys(action[:, None]), past=past)
        return out[:, 0, : self.config.channels]

    @property
    def _device(self) -> torch.device:
        return self.dit.x_embedder.weight.device

    def _keys(self, actions: Tensor) -> Tensor | None:
        return actions if self.config.actions else None

    def _led(self, observations: Tensor, actions: Tensor | None) -> Tensor:
        """The key that led to each frame, (B, T): none to the first."""
        led = torch.full(observations.shape[:2], self.config.actions, device=observations.device)
        if actions is not None:
            led[:, 1:] = actions
        return led

    def _last(self, state: Window) -> Window:
        """The frames that the network can look back on when it makes one more; nothing led to the first of them."""
        kept = self.config.window - 1
        actions = state.actions[:, -kept:].clone()
        actions[:, 0] = self.config.actions
        return Window(state.latents[:, -kept:], actions, state.frames)
