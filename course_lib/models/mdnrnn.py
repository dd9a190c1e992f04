"""The mixture density recurrent network (MDN-RNN, 混合密度循环网络), M of the V-M-C agent.

Ha & Schmidhuber, World Models, 2018 (arXiv 1803.10122), section 2.2 and appendix A.2; Bishop, Mixture Density
Networks, 1994; Graves, arXiv 1308.0850, for the recurrent form.

The names are the paper's: from the latent z_t, the action a_t and its memory h_t the network says what comes next,

    p(z_(t+1) | a_t, z_t, h_t),    for each latent number a mixture of K = 5 Gaussians with weights pi, means mu, sigmas

A world has more than one future: a mixture can hold several of them where one mean would lie between. A temperature tau
makes a dream bolder or duller: it divides the mixture's logits, and multiplies each variance.

Departures from the paper and its program: torch's LSTM has two biases a gate where the program has one (1,024 more
parameters at the paper's size); heads for reward and termination are always there (the paper has a "done" head in its
Doom experiment only); sigma is at least SMALLEST, so that a likelihood cannot become infinite on a latent number that
does not move.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from course_lib.models.base import ModelConfig
from course_lib.nets import chance

SMALLEST = 1e-3  # of a sigma, where latents have a standard deviation of about 1
LARGEST = 1e3


class MDNRNNConfig(ModelConfig):
    """The sizes of one MDN-RNN. The defaults are the paper's for CarRacing: 423,392 parameters without the two heads.

    actions: numbers of an action vector; a discrete action of n kinds comes as n numbers, one of which is 1.
    """

    latent: Annotated[int, Field(ge=1, le=1024, description="numbers in z")] = 32
    actions: Annotated[int, Field(ge=1, le=64)] = 3
    hidden: Annotated[int, Field(ge=1, le=4096, description="numbers in h")] = 256
    mixtures: Annotated[int, Field(ge=1, le=64, description="Gaussians for each latent number")] = 5
    reward: Annotated[Literal["binary", "real"], Field(description="what a reward can be")] = "binary"
    reward_weight: Annotated[float, Field(ge=0.0, le=1e6, description="nats of reward loss count so much")] = 1.0


class Mixture(NamedTuple):
    """For each latent number a mixture of K Gaussians. Each (..., Z, K)."""

    log_weights: Tensor  # log pi, normalised over K
    means: Tensor
    log_sigmas: Tensor


class Memory(NamedTuple):
    """What the LSTM carries: the hidden state h and the cell c, each (B, H)."""

    h: Tensor
    c: Tensor


class Step(NamedTuple):
    """What M says of the next moment, for B futures (or B, T of them)."""

    mixture: Mixture  # of z_(t+1)
    reward: Tensor  # (B,): a logit for binary rewards, else the reward itself
    over: Tensor  # (B,): logit that the episode ends


def as_mixture(outputs: Tensor, latent: int, mixtures: int) -> Mixture:
    """A network's last numbers, (..., 3 * Z * K), as a mixture for each of Z latent numbers, sigma within bounds."""
    logits, means, log_sigmas = outputs.float().unflatten(-1, (3, latent, mixtures)).unbind(dim=-3)  # each (..., Z, K)
    log_sigmas = log_sigmas.clamp(math.log(SMALLEST), math.log(LARGEST))
    return Mixture(F.log_softmax(logits, dim=-1), means, log_sigmas)


def log_likelihood(mixture: Mixture, z: Tensor) -> Tensor:
    """log p(z) of each latent number under its mixture, (..., Z), computed in log space.

    log p(z) = logsumexp over K of [log pi - (z - mu)^2 / (2 sigma^2) - log sigma - log(2 pi) / 2]: a sum of very small
    probabilities would round to 0, and its logarithm to minus infinity.
    """
    scaled = (z[..., None] - mixture.means) * torch.exp(-mixture.log_sigmas)  # (..., Z, K)
    log_each = -0.5 * scaled.square() - mixture.log_sigmas - 0.5 * math.log(2.0 * math.pi)
    return torch.logsumexp(mixture.log_weights + log_each, dim=-1)


def mixture_mean(mixture: Mixture) -> Tensor:
    """The mean of each mixture, sum of pi * mu, (..., Z)."""
    return (mixture.log_weights.exp() * mixture.means).sum(dim=-1)


def likeliest(mixture: Mixture) -> Tensor:
    """The mean of each mixture's heaviest Gaussian, (..., Z): one of the futures, and not the middle between two."""
    best = mixture.log_weights.argmax(dim=-1, keepdim=True)
    return mixture.means.gather(-1, best)[..., 0]


def draw(mixture: Mixture, generator: torch.Generator, temperature: float = 1.0) -> Tensor:
    """A draw from each mixture at a temperature, (..., Z). Section 3.2 and the authors' program.

    The logits of the weights are divided by tau, the sigmas multiplied by sqrt(tau): towards 0 the heaviest Gaussian
    wins and its mean is all that is left, above 1 unlikely futures become likely.
    Raises ValueError for a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0, not {temperature}; the likeliest future needs no generator")
    logits = mixture.log_weights / temperature
    which = (logits + chance.gumbel(logits.shape, generator, dtype=logits.dtype)).argmax(dim=-1, keepdim=True)
    mean = mixture.means.gather(-1, which)[..., 0]
    sigma = mixture.log_sigmas.gather(-1, which)[..., 0].exp() * math.sqrt(temperature)
    return mean + sigma * chance.normal(mean.shape, generator, dtype=mean.dtype)


class MDNRNN(nn.Module):
    """z_t and a_t in, a mixture for z_(t+1) out, with a memory between them.

        m = MDNRNN(MDNRNNConfig())
        memory = m.begin(batch)
        step, memory = m.step(z, action, memory)      # z (B, 32), action (B, 3)
        z = draw(step.mixture, generator, temperature=1.0)
    """

    def __init__(self, config: MDNRNNConfig) -> None:
        super().__init__()
        self.config = config
        self.lstm = nn.LSTM(config.latent + config.actions, config.hidden, batch_first=True)
        self.mdn = nn.Linear(config.hidden, 3 * config.latent * config.mixtures)  # 32 * 5 * 3 = 480 in the paper
        self.reward = nn.Linear(config.hidden, 1)
        self.over = nn.Linear(config.hidden, 1)

    def begin(self, batch: int) -> Memory:
        """The memory before anything was seen: zeros."""
        zeros = self.mdn.weight.new_zeros(batch, self.config.hidden)
        return Memory(zeros, zeros)

    def say(self, h: Tensor) -> Step:
        """What follows from a memory. h: (..., H)."""
        mixture = as_mixture(self.mdn(h), self.config.latent, self.config.mixtures)
        return Step(mixture, self.reward(h).float()[..., 0], self.over(h).float()[..., 0])

    def step(self, z: Tensor, action: Tensor, memory: Memory) -> tuple[Step, Memory]:
        """One moment. z: (B, Z), action: (B, A)."""
        out, (h, c) = self.lstm(torch.cat([z, action], dim=-1)[:, None], (memory.h[None], memory.c[None]))
        return self.say(out[:, 0]), Memory(h[0], c[0])

    def film(self, z: Tensor, actions: Tensor, memory: Memory | None = None) -> Step:
        """A whole film, each moment from those before it. z: (B, T, Z), actions: (B, T, A) -> (B, T) moments."""
        start = None if memory is None else (memory.h[None], memory.c[None])
        read = torch.cat([z, actions], dim=-1)
        with torch.autocast(read.device.type, enabled=False):  # not every processor has an LSTM in bfloat16
            out, _ = self.lstm(read.float(), start)
        return self.say(out)

    def losses(self, z: Tensor, actions: Tensor, rewards: Tensor, over: Tensor) -> dict[str, Tensor]:
        """What a film costs, in nats for each step, and its parts; means over films and steps.

        z: (B, T, Z); actions: (B, T - 1, A); rewards, over: (B, T - 1), what came with the arrival at t + 1.
        """
        predicted = self.film(z[:, :-1], actions)
        nll = -log_likelihood(predicted.mixture, z[:, 1:]).sum(dim=-1).mean()  # (B, T - 1, Z) -> scalar
        if self.config.reward == "binary":
            reward = F.binary_cross_entropy_with_logits(predicted.reward, rewards)
        else:
            reward = F.mse_loss(predicted.reward, rewards)
        ending = F.binary_cross_entropy_with_logits(predicted.over, over)
        loss = nll + self.config.reward_weight * (reward + ending)
        return {"loss": loss, "nll": nll, "reward": reward, "over": ending}

    def expected_reward(self, predicted: Step) -> Tensor:
        """The reward that is expected, (B,)."""
        return predicted.reward.sigmoid() if self.config.reward == "binary" else predicted.reward
