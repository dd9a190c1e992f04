"""Four small models that have learned nothing and fulfil the contract, each in a different way.

They were written before the first real model, to find out whether :mod:`course_lib.contract` can hold a table, a
recurrent network, a transformer over tokens and a model that cannot draw. Tests use them; they are also the shortest
examples of how to bring a model of your own. Their weights are random and fixed by a seed.

| fake      | observations | state                     | actions      | decodes | stands for            |
|-----------|--------------|---------------------------|--------------|---------|-----------------------|
| Tabular   | integers     | where it is               | discrete     | yes     | counting, notebook 01 |
| Recurrent | frames       | one vector, no window     | continuous   | yes     | the V-M-C agent       |
| Token     | frames       | the last frames as tokens | latent       | yes     | Genie                 |
| Blind     | frames       | an embedding              | none         | no      | a JEPA                |
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.contract import Actions, Capabilities, LatentTable, State


def _draw(probabilities: Tensor, generator: torch.Generator | None) -> Tensor:
    """One category a row: the most likely one, or a draw when there is a generator. (..., K) -> (...)."""
    if generator is None:
        return probabilities.argmax(dim=-1)
    flat = probabilities.reshape(-1, probabilities.shape[-1])
    return torch.multinomial(flat, 1, generator=generator).reshape(probabilities.shape[:-1])


def _weights(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) / shape[-1] ** 0.5


# ------------------------------------------------------------------------------------------------------------ a table


@dataclass
class Place(State):
    """Where the agent is. place: integers (B,)."""

    place: Tensor


class TabularFake:
    """A transition table over a handful of places: p(next place | place, action), in nats of surprise."""

    def __init__(self, places: int = 6, actions: int = 3, seed: int = 0) -> None:
        self.capabilities = Capabilities(Actions("discrete", actions), decodes=True, context=1, rewards=True)
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.rand(places, actions, places, generator=generator) + 0.05
        self.table /= self.table.sum(dim=-1, keepdim=True)  # (places, actions, places), rows sum to 1

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Place:
        """The place is all there is to know: the past adds nothing."""
        self.capabilities.check(observations, actions)
        return Place(observations[:, -1])

    def predict(
        self, state: Place, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Place:
        """Look up the row of the table; take its most likely place, or draw one."""
        self.capabilities.actions.check(action, (len(state),))
        return Place(_draw(self.table[state.place, action], generator))

    def decode(self, state: Place, *, generator: torch.Generator | None = None) -> Tensor:
        """The place itself, (B,)."""
        return state.place

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """-log p(place at t | place at t - 1, action), in nats."""
        self.capabilities.check(observations, actions)
        result = torch.full(observations.shape, torch.nan)
        if actions is not None:
            result[:, 1:] = -self.table[observations[:, :-1], actions, observations[:, 1:]].log()
        return result

    def reward(self, state: Place) -> Tensor:
        """The last place is worth 1."""
        return (state.place == len(self.table) - 1).float()


# --------------------------------------------------------------------------------------------------------- a recurrence


@dataclass
class Hidden(State):
    """A recurrent memory. hidden: floats (B, 16)."""

    hidden: Tensor


class RecurrentFake:
    """A vector that is updated by what is seen, and by an action alone when the eyes are closed."""

    def __init__(self, size: int = 8, actions: int = 2, width: int = 16, seed: int = 0) -> None:
        self.capabilities = Capabilities(
            Actions("continuous", actions), decodes=True, context=None, frame_size=(size, size), termination=True
        )
        self.look = _weights(3 * size * size, width, seed=seed)
        self.keep = _weights(width, width, seed=seed + 1)
        self.move = _weights(actions, width, seed=seed + 2)
        self.draw = _weights(width, 3 * size * size, seed=seed + 3)

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Hidden:
        """Alternate: see a frame, imagine the action, see the next frame."""
        self.capabilities.check(observations, actions)
        state = self._see(Hidden(observations.new_zeros(len(observations), len(self.keep))), observations[:, 0])
        for t in range(1, observations.shape[1]):
            state = self._see(self.predict(state, actions[:, t - 1]), observations[:, t])
        return state

    def predict(
        self, state: Hidden, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Hidden:
        """h' = tanh(h K + a M), with a little noise when there is a generator."""
        self.capabilities.actions.check(action, (len(state),))
        hidden = torch.tanh(state.hidden @ self.keep + action @ self.move)
        if generator is not None:
            hidden = hidden + 0.1 * torch.randn(hidden.shape, generator=generator)
        return Hidden(hidden)

    def decode(self, state: Hidden, *, generator: torch.Generator | None = None) -> Tensor:
        """A frame read off the memory, (B, 3, H, W)."""
        return torch.sigmoid(state.hidden @ self.draw).unflatten(-1, (3, *self.capabilities.frame_size))

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Squared distance between the imagined and the seen frame, summed over its pixels."""
        self.capabilities.check(observations, actions)
        values = [torch.full((len(observations),), torch.nan)]
        for t in range(1, observations.shape[1]):
            before = self.encode(observations[:, :t], None if t == 1 else actions[:, : t - 1])
            imagined = self.decode(self.predict(before, actions[:, t - 1], generator=generator))
            values.append((imagined - observations[:, t]).square().sum(dim=(1, 2, 3)))
        return torch.stack(values, dim=1)

    def termination(self, state: Hidden) -> Tensor:
        """A probability read off the first number of the memory."""
        return torch.sigmoid(state.hidden[:, 0])

    def _see(self, state: Hidden, frame: Tensor) -> Hidden:
        return Hidden(torch.tanh(state.hidden @ self.keep + frame.flatten(1) @ self.look))


# --------------------------------------------------------------------------------------------------------------- tokens


@dataclass
class Tokens(State):
    """The last frames as tokens. tokens: integers (B, at most context, patches), oldest first."""

    tokens: Tensor


class TokenFake:
    """Frames cut into 2 x 2 patches, each patch one of 8 shades of grey; a window of the last 3 frames."""

    shades = 8

    def __init__(self, size: int = 8, actions: int = 5, seed: int = 0) -> None:
        table = LatentTable(latent_of_real=(0, 2, 1, 4), films="none: this table was made up for the fake")
        self.capabilities = Capabilities(
            Actions("latent", actions, table), decodes=True, context=3, frame_size=(size, size)
        )
        self.side = size // 2
        self.from_past = _weights(self.shades, self.shades, seed=seed)
        self.from_action = _weights(actions, self.shades, seed=seed + 1)

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tokens:
        """The window's frames as tokens. Actions shaped the past; seen frames already show what they did."""
        self.capabilities.check(observations, actions)
        return Tokens(self._tokenise(observations[:, -self.capabilities.context :]))

    def predict(
        self, state: Tokens, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tokens:
        """Append the next frame's tokens and forget the oldest frame beyond the window."""
        self.capabilities.actions.check(action, (len(state),))
        new = _draw(self._probabilities(state, action), generator)  # (B, patches)
        return Tokens(torch.cat([state.tokens, new[:, None]], dim=1)[:, -self.capabilities.context :])

    def decode(self, state: Tokens, *, generator: torch.Generator | None = None) -> Tensor:
        """Patches painted in their shade, (B, 3, H, W)."""
        grey = state.tokens[:, -1].float() / (self.shades - 1)  # (B, patches)
        picture = grey.unflatten(-1, (self.side, self.side)).repeat_interleave(2, 1).repeat_interleave(2, 2)
        return picture[:, None].expand(-1, 3, -1, -1)  # (B, H, W) -> (B, 3, H, W)

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """-log p(tokens at t | the window before t, action), summed over the patches, in nats."""
        self.capabilities.check(observations, actions)
        values = [torch.full((len(observations),), torch.nan)]
        for t in range(1, observations.shape[1]):
            before = self.encode(observations[:, :t], None if t == 1 else actions[:, : t - 1])
            seen = self._tokenise(observations[:, t : t + 1])[:, 0]  # (B, patches)
            likelihood = self._probabilities(before, actions[:, t - 1]).gather(-1, seen[..., None])[..., 0]
            values.append(-likelihood.log().sum(dim=-1))
        return torch.stack(values, dim=1)

    def _tokenise(self, frames: Tensor) -> Tensor:
        """(B, T, 3, H, W) -> shades (B, T, patches): the mean brightness of each 2 x 2 patch, rounded."""
        grey = frames.mean(dim=2).unflatten(-1, (self.side, 2)).unflatten(-3, (self.side, 2)).mean(dim=(-1, -3))
        return (grey * (self.shades - 1)).round().long().flatten(-2)

    def _probabilities(self, state: Tokens, action: Tensor) -> Tensor:
        """p(shade) for each patch of the next frame, (B, patches, shades)."""
        past = self.from_past[state.tokens].mean(dim=1)  # (B, window, patches, shades) -> (B, patches, shades)
        return torch.softmax(past + self.from_action[action][:, None], dim=-1)


# ------------------------------------------------------------------------------------------- one that cannot draw


@dataclass
class Embedding(State):
    """A point in a space of features. point: floats (B, 8)."""

    point: Tensor


class BlindFake:
    """Embeds a frame and predicts the next embedding. There is no way back, and it takes no actions."""

    def __init__(self, size: int = 8, width: int = 8, seed: int = 0) -> None:
        self.capabilities = Capabilities(Actions("none"), decodes=False, context=1, frame_size=(size, size))
        self.embed = _weights(3 * size * size, width, seed=seed)
        self.step = _weights(width, width, seed=seed + 1)

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Embedding:
        """The last frame's embedding."""
        self.capabilities.check(observations, actions)
        return Embedding(torch.tanh(observations[:, -1].flatten(1) @ self.embed))

    def predict(
        self, state: Embedding, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Embedding:
        """The next embedding, always the same one: this model has no doubt."""
        self.capabilities.actions.check(action, (len(state),))
        return Embedding(torch.tanh(state.point @ self.step))

    def decode(self, state: Embedding, *, generator: torch.Generator | None = None) -> Tensor:
        """Raises NotCapable."""
        raise self.capabilities.refuse_decoding("its embedding was never asked to keep the pixels")

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Distance between the predicted and the seen embedding."""
        self.capabilities.check(observations, actions)
        points = torch.tanh(observations.flatten(2) @ self.embed)  # (B, T, 3, H, W) -> (B, T, 8)
        result = torch.full(observations.shape[:2], torch.nan)
        result[:, 1:] = (torch.tanh(points[:, :-1] @ self.step) - points[:, 1:]).norm(dim=-1)
        return result
