"""V, M and C together: the agent of Ha & Schmidhuber, World Models, 2018 (arXiv 1803.10122).

    V   a VAE (models/vae.py): a frame becomes z, 32 numbers
    M   an MDN-RNN (models/mdnrnn.py): z, an action and a memory h become a distribution over the next z
    C   a linear controller: [z, h] becomes an action, the paper's equation 1, a = W [z h] + b

V and M are the world model and keep the course's contract; C is the policy that lives in it. The state that C reads is
what M knew *before* it was told the newest z and the coming action, as in the paper (section 2.3).

Departures: in the Playground the action is one of four, so C's largest output is pressed; a reward head makes the dream
a game (the paper's CarRacing controller was trained in the real environment, its Doom dream had only a "done" head).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.base import ModelConfig, fresh
from course_lib.models.mdnrnn import MDNRNN, MDNRNNConfig, Memory, draw, likeliest, log_likelihood
from course_lib.models.vae import VAE, VAEConfig, reparameterise


class VMCConfig(ModelConfig):
    """The sizes of one agent. v and m: its two networks; control: what C's outputs mean."""

    v: VAEConfig = VAEConfig()
    m: MDNRNNConfig = MDNRNNConfig()
    control: Annotated[
        Literal["discrete", "car"], Field(description="discrete: the largest output is pressed; car: CarRacing's three")
    ] = "discrete"
    controllers: Annotated[
        tuple[str, ...], Field(strict=False, description="where each C lived: 'dream 1.0', 'real', ...; none: V and M")
    ] = ("dream 1.0",)

    @model_validator(mode="after")
    def _fits(self) -> VMCConfig:
        if self.v.latent != self.m.latent:
            raise ValueError(f"V gives {self.v.latent} numbers and M reads {self.m.latent}: set both to the same")
        return self


@dataclass(eq=False)
class Dream(State):
    """Where a dream is. z: (B, Z); h, c: M's memory before this z, (B, H); reward, over: of the arrival here, (B,)."""

    z: Tensor
    h: Tensor
    c: Tensor
    reward: Tensor
    over: Tensor

    def __eq__(self, other: object) -> bool:
        """Whether two dreams are at the same place, number for number; gymnasium's checks compare them."""
        if not isinstance(other, Dream):
            return NotImplemented
        mine, theirs = self.tensors(), other.tensors()
        return all(torch.equal(value, theirs[name]) for name, value in mine.items())

    __hash__ = None  # type: ignore[assignment]


class Controllers(nn.Module):
    """C: one linear map from [z, h, 1] to the action, (32 + 256 + 1) * 3 = 867 numbers in the paper.

    Several stand side by side, each named by the world that it lived in, because the question of the chapter is what
    becomes of a controller that has only lived in a dream. They evolve and learn nothing by gradients.
    """

    def __init__(self, names: tuple[str, ...], inputs: int, outputs: int, control: str) -> None:
        super().__init__()
        self.names, self.control = names, control
        self.weights = nn.Parameter(torch.zeros(len(names), outputs, inputs + 1), requires_grad=False)  # bias last

    def of(self, name: str) -> Tensor:
        """The weights of one, (A, Z + H + 1). Raises ValueError that lists the names."""
        if name not in self.names:
            raise ValueError(f"no controller lived in {name!r}; there are: {', '.join(self.names)}")
        return self.weights[self.names.index(name)]



def press(outputs: Tensor, control: str) -> Tensor:
    """C's outputs as actions. (..., A) -> integers (...), or steering in [-1, 1] and pedals in [0, 1], (..., 3)."""
    if control == "discrete":
        return outputs.argmax(dim=-1)
    steering, gas, brake = outputs.unbind(dim=-1)
    return torch.stack([steering.tanh(), gas.sigmoid(), brake.tanh().clamp_min(0.0)], dim=-1)


class VMC(nn.Module):
    """The agent: V and M as a world model, C as what lives in it."""

    def __init__(self, config: VMCConfig) -> None:
        super().__init__()
        self.config = config
        self.v, self.m = VAE(config.v), MDNRNN(config.m)
        self.c = Controllers(
            config.controllers, config.m.latent + config.m.hidden, config.m.actions, config.control
        )
        kind = "discrete" if config.control == "discrete" else "continuous"
        self.capabilities = Capabilities(
            Actions(kind, config.m.actions), decodes=True, context=None,
            frame_size=(config.v.frame_size, config.v.frame_size), rewards=True, termination=True,
        )  # fmt: skip

    def untrained(self, seed: int = 1) -> VMC:
        """The same agent with an M that has learned nothing, and the same eyes: the control for what M learned."""
        twin = fresh(VMC, self.config, seed)
        twin.v.load_state_dict(self.v.state_dict())
        twin.c.load_state_dict(self.c.state_dict())
        return twin.eval()

    # ------------------------------------------------------------------------------------------------- the contract

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Dream:
        """See frame after frame; with a generator z is drawn from V's posterior, without one it is its mean."""
        self.capabilities.check(observations, actions)
        z = self._see(observations, generator)  # (B, T, Z)
        memory = self.m.begin(len(z))
        reward = over = z.new_zeros(len(z))
        for t in range(z.shape[1] - 1):
            predicted, memory = self.m.step(z[:, t], self.as_vector(actions[:, t]), memory)
            reward, over = self.m.expected_reward(predicted), predicted.over.sigmoid()
        return Dream(z[:, -1], *memory, reward, over)

    def predict(
        self, state: Dream, action: Tensor | None = None, *, generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Dream:  # fmt: skip
        """One step of a dream: z from the mixture at a temperature, or its likeliest value without a generator."""
        self.capabilities.actions.check(action, (len(state),))
        predicted, memory = self.m.step(state.z, self.as_vector(action), Memory(state.h, state.c))
        z = likeliest(predicted.mixture) if generator is None else draw(predicted.mixture, generator, temperature)
        return Dream(z, *memory, self.m.expected_reward(predicted), predicted.over.sigmoid())

    def decode(self, state: Dream, *, generator: torch.Generator | None = None) -> Tensor:
        """What V draws of z, (B, 3, H, W)."""
        return self.v.decode(state.z)

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """-log p(z_t | what came before), summed over the latent numbers, in nats; NaN at frame 0.

        It is the surprise of M, about what V saw: what V cannot see surprises nobody.
        """
        self.capabilities.check(observations, actions)
        return self.surprise_at(self._see(observations, generator), actions)

    def surprise_at(self, z: Tensor, actions: Tensor | None = None) -> Tensor:
        """The same of films that V has seen already. z: (B, T, Z); actions: (B, T - 1) -> (B, T)."""
        result = torch.full(z.shape[:2], torch.nan, device=z.device)
        if z.shape[1] > 1:
            predicted = self.m.film(z[:, :-1], self.as_vector(actions))
            result[:, 1:] = -log_likelihood(predicted.mixture, z[:, 1:]).sum(dim=-1)
        return result

    def reward(self, state: Dream) -> Tensor:
        """The reward expected on arriving in this state, (B,)."""
        return state.reward

    def termination(self, state: Dream) -> Tensor:
        """The probability that the episode has ended, (B,)."""
        return state.over

    def press(self, state: Dream, weights: Tensor) -> Tensor:
        """What a controller does in this state: the paper's a = W [z h] + b, as actions.

        weights: (A, Z + H + 1) for all rows, or one for each, (B, A, Z + H + 1). -> integers (B,) or floats (B, 3).
        """
        inputs = torch.cat([state.z, state.h, state.z.new_ones(len(state), 1)], dim=1)  # (B, Z + H + 1)
        outputs = inputs @ weights.T if weights.ndim == 2 else torch.einsum("bai,bi->ba", weights, inputs)
        return press(outputs, self.config.control)

    def remember(self, state: Dream, action: Tensor, frame: Tensor) -> Dream:
        """One step of the real world: what was done enters the memory, and V looks at what came of it.

        action: as in ``predict``; frame: (B, 3, H, W) in [0, 1].
        """
        predicted, memory = self.m.step(state.z, self.as_vector(action), Memory(state.h, state.c))
        z, _ = self.v.encode(frame)
        return Dream(z, *memory, self.m.expected_reward(predicted), predicted.over.sigmoid())

    # ------------------------------------------------------------------------------------------------------ learning

    def loss_v(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """V's negative ELBO on single frames; see ``VAE.loss``."""
        return self.v.loss(batch, step, generator)

    def loss_m(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """M's loss on films as V sees them. z is drawn anew each time, as in the paper (appendix A.2): M must live with
        V's doubt, and cannot learn one film's numbers by heart.

        batch: mu, logvar (B, T, Z), actions (B, T - 1) or (B, T - 1, A), rewards, over (B, T - 1).
        """
        z = reparameterise(batch["mu"], batch["logvar"], generator)
        return self.m.losses(z, self.as_vector(batch["actions"]), batch["rewards"], batch["over"])

    def _see(self, observations: Tensor, generator: torch.Generator | None) -> Tensor:
        """(B, T, 3, H, W) -> z (B, T, Z)."""
        mu, logvar = self.v.encode(observations.flatten(0, 1))
        return reparameterise(mu, logvar, generator).unflatten(0, observations.shape[:2])

    def as_vector(self, action: Tensor) -> Tensor:
        """Actions as M reads them: whole numbers (...) become (..., A) with a single 1."""
        if action.is_floating_point():
            return action
        return nn.functional.one_hot(action.long(), self.config.m.actions).float()
