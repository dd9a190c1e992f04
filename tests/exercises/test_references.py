"""Every reference is the library's own answer, or a sentence says why the library has none.

What the course shows as the answer to an exercise and what its models compute must not drift apart. For each exercise
there is either a comparison on random inputs or a reason; a new exercise without an entry fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course_lib.exam.marks import mark, undominated
from course_lib.exam.measures.codecs import principal_blocks
from course_lib.exam.measures.collapse import effective_rank
from course_lib.exam.measures.counterfactuals import choice_accuracy
from course_lib.exam.measures.drift import long_films
from course_lib.exam.measures.expectation import scores
from course_lib.exam.measures.geometry import fit_line, line_distances
from course_lib.exam.measures.information import accuracy_by_film, nmi_of_counts
from course_lib.exam.measures.intervals import paired_ratio_interval, ratio_interval
from course_lib.exam.measures.interventions import direction_of, followed
from course_lib.exam.measures.probes import Ridge, control_task, fit_ridge
from course_lib.exam.measures.prompts import balanced_motion, hold_against
from course_lib.exam.measures.ranks import expected_by_chance, reciprocal_rank
from course_lib.exam.measures.retrieval import class_vectors, gallery
from course_lib.exam.measures.timing import exponents
from course_lib.exam.rows import Row
from course_lib.exercises.core import all_exercises, find
from course_lib.exercises.inputs import close, independent, seeded
from course_lib.models import clip, mdnrnn
from course_lib.models.base import fresh
from course_lib.models.cloning import Player, to_words
from course_lib.models.cloning import key_shares as shares_of_keys
from course_lib.models.codec import CodecConfig, VideoCodec, group_before, group_frames
from course_lib.models.conditions import timestep_embedding
from course_lib.models.counting import CountModel, transition_error
from course_lib.models.dit import DiT, DiTBlock, DiTConfig, KnownGroups, modulate
from course_lib.models.dyna import learn, plan
from course_lib.models.dynamics import Dynamics, cosine_share
from course_lib.models.lam import LatentActionModel, LatentActionOutput
from course_lib.models.mdnrnn import MDNRNN, MDNRNNConfig, Mixture, draw, mixture_mean
from course_lib.models.mixture import GaussianMixture
from course_lib.models.second_level import code_energies, relaxed_minimum
from course_lib.models.tabular import action_values, value_iteration
from course_lib.models.vae import VAE, VAEConfig, kl_to_prior, reparameterise
from course_lib.models.vmc import VMC, Dream
from course_lib.nets.attention import Attention, attend
from course_lib.nets.chance import uniform
from course_lib.nets.diffusion import Diffusion, draw_times
from course_lib.nets.ema import rising_momentum, update_average
from course_lib.nets.masks import MultiBlock
from course_lib.nets.patches import patchify
from course_lib.nets.quantise import FSQ, VectorQuantiser, nearest, straight_through, usage
from course_lib.nets.regularisers import covariance_term, variance_term
from course_lib.nets.samplers import ddim_step
from course_lib.nets.space_time import (
    AttentionAlongTime,
    AttentionInFrames,
    SpaceTimeTransformer,
    frames_seen,
    multiply_adds,
)
from course_lib.nets.transforms import NAMES, STRENGTH, change_colours
from course_lib.nets.tubes import future_masks, through_time
from course_lib.planning.agent import Met, ShortTermMemory
from course_lib.planning.cells import transition_shares
from course_lib.planning.cem import carry_on
from course_lib.planning.goals import GoalDistance
from course_lib.planning.levels import first_subgoal
from course_lib.planning.lives import returns_of
from course_lib.studies.latents import caused_share
from course_lib.worlds import spec
from course_lib.worlds.frames import psnr
from course_lib.worlds.oracle import normalised_return, reference_returns
from course_lib.worlds.perspective import floor_contacts
from course_lib.worlds.quadruplets import equal_windows, make_quadruplet

ROUNDS = 4
Inputs = tuple[Any, ...]


def as_it_is(reference: Callable[..., Any], *inputs: Any) -> Any:
    return reference(*inputs)


@dataclass(frozen=True)
class Same:
    """library(*inputs) and ours(reference, *inputs) must be equal on the inputs that ``make`` draws from a seed."""

    library: Callable[..., Any]
    make: Callable[[int], Inputs]
    ours: Callable[..., Any] = as_it_is
    rtol: float = 1e-5
    atol: float = 1e-6


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def normals(*shapes: tuple[int, ...]) -> Callable[[int], Inputs]:
    return lambda seed: tuple(torch.randn(shape, generator=seeded(100 * seed + k)) for k, shape in enumerate(shapes))


# --- 01 -----------------------------------------------------------------------------------------------------------


def world(seed: int) -> Inputs:
    g = rng(seed)
    transitions, rewards = g.dirichlet(np.full(5, 0.5), size=(5, 3)), g.normal(size=(5, 3))
    return transitions, rewards, g.normal(size=5), float(g.uniform(0.3, 0.9))


def solved_world(seed: int) -> Inputs:
    transitions, rewards, _, discount = world(seed)
    return transitions, rewards, value_iteration(transitions, rewards, discount, tolerance=1e-9).values, discount


def counted(counts: np.ndarray, prior: float) -> np.ndarray:
    model = CountModel(*counts.shape[:2], prior=prior)
    model.counts, model.visits = counts, counts.sum(axis=-1)
    return model.transitions


def counted_once(counts: np.ndarray, state: int, action: int, following: int, keep: float) -> np.ndarray:
    model = CountModel(*counts.shape[:2])
    model.counts = counts
    model.update(state, action, 0.0, following)
    return model.counts


def learned(q: np.ndarray, state: int, action: int, reward: float, following: int, rate: float, discount: float):
    learn(q, (state, action, reward, following), rate, discount)
    return q


def planned(q: np.ndarray, transitions: np.ndarray, rewards: np.ndarray, state: int, action: int, rate: float,
            discount: float) -> np.ndarray:  # fmt: skip
    model = SimpleNamespace(probabilities=lambda s, a: transitions[s, a], expected_reward=lambda s, a: rewards[s, a])
    plan(q, model, np.array([[state, action]]), np.array([rate]), discount)
    return q


def experience(seed: int) -> Inputs:
    g = rng(seed)
    state, following = g.choice(5, size=2, replace=False).tolist()
    return g.normal(size=(5, 3)), state, int(g.integers(3)), float(g.normal()), following, 0.3, 0.9


def imagined(seed: int) -> Inputs:
    transitions, rewards, _, discount = world(seed)
    return rng(seed + 50).normal(size=(5, 3)), transitions, rewards, seed % 5, seed % 3, 0.4, discount


# --- 02 and 03 ----------------------------------------------------------------------------------------------------


def convolutions(seed: int) -> Inputs:
    layers = [m for m in VAE(VAEConfig()).modules() if isinstance(m, nn.Conv2d)]
    layer = layers[seed % len(layers)]
    return layer.in_channels, layer.out_channels, layer.kernel_size[0]


def size_of_convolution(inside: int, outside: int, kernel: int) -> int:
    layers = [m for m in VAE(VAEConfig()).modules() if isinstance(m, nn.Conv2d)]
    layer = next(m for m in layers if (m.in_channels, m.out_channels, m.kernel_size[0]) == (inside, outside, kernel))
    return sum(p.numel() for p in layer.parameters())


@torch.no_grad()
def remembered(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:  # noqa: N803
    model = MDNRNN(MDNRNNConfig(latent=x.shape[1] - 1, actions=1, hidden=h.shape[1], mixtures=2))
    for name, value in (("weight_ih_l0", W), ("weight_hh_l0", U), ("bias_ih_l0", b), ("bias_hh_l0", 0 * b)):
        getattr(model.lstm, name).copy_(value)
    return tuple(model.step(x[:, :-1], x[:, -1:], mdnrnn.Memory(h, c))[1])


def mixture(seed: int) -> Inputs:
    logits, means, log_sigmas = normals((4, 3, 5), (4, 3, 5), (4, 3, 5))(seed)
    return logits.log_softmax(-1), means, log_sigmas


def with_probabilities(seed: int) -> Inputs:
    log_weights, means, log_sigmas = mixture(seed)
    return log_weights.exp(), means, log_sigmas.exp()


def moments_of_torch(weights: Tensor, means: Tensor, sigmas: Tensor) -> tuple[Tensor, Tensor]:
    parts = torch.distributions.Normal(means, sigmas)
    whole = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(weights), parts)
    return mixture_mean(Mixture(weights.log(), means, sigmas.log())), whole.variance


# --- 04 and 05 ----------------------------------------------------------------------------------------------------


def pressed(z: Tensor, h: Tensor, weights: Tensor) -> Tensor:
    none = torch.zeros(len(z))
    agent = SimpleNamespace(config=SimpleNamespace(control="discrete"))
    return VMC.press(agent, Dream(z, h, torch.zeros_like(h), none, none), weights)


class OneStep:
    """A world whose games last one step and pay what ``play`` says."""

    def __init__(self, play: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        self.play, self.model = play, SimpleNamespace(press=lambda state, weights: weights)

    def begin(self, seeds: np.ndarray) -> None:
        self.seeds = seeds

    def step(self, weights: Tensor) -> tuple[None, Tensor]:
        return None, torch.from_numpy(self.play(weights[:, 0].numpy(), self.seeds)).float()


def luck(weights: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    return weights[:, 0] + weights[:, 1] * np.sin(seeds)


def on_the_scale(seed: int) -> Inputs:
    scale = reference_returns()
    return rng(seed).uniform(-5, 30, size=20), scale["random_mean"], scale["oracle_mean"]


def standardised(seed: int) -> Inputs:
    x, y = rng(seed).normal(size=(40, 6)), rng(seed + 1).normal(size=(40, 2))
    return (x - x.mean(0)) / x.std(0), y - y.mean(0), 3.0


def distances(predicted: Tensor, real: Tensor) -> np.ndarray:
    return (predicted[:, :, None] - real[:, None]).square().mean(dim=(3, 4, 5)).numpy()


def pictures(seed: int) -> Inputs:
    """Frames of one film under four keys, drawn and real, and which differ."""
    predicted, real = normals((1, 4, 3, 5, 6), (1, 4, 3, 5, 6))(seed)
    visible = rng(seed).random((1, 4, 4)) < 0.7
    visible = (visible | visible.transpose(0, 2, 1)) & ~np.eye(4, dtype=bool)
    return 0.9 * predicted + 0.1 * real, real, visible  # barely better than a guess


def asked_about_every_key(reference: Callable[..., float], predicted: Tensor, real: Tensor, visible: np.ndarray):
    """The library asks about all pairs of keys: those of the exercise, with each key as the one that was pressed."""
    return np.array([reference(distances(predicted, real).repeat(4, 0), np.arange(4), visible.repeat(4, 0))])


# --- 08 -----------------------------------------------------------------------------------------------------------


def at_levels(alpha: Tensor | float, sigma: Tensor | float, target: str = "x") -> Diffusion:
    """A diffusion whose schedule has these levels at every time."""
    flat = SimpleNamespace(alpha=lambda t: torch.as_tensor(alpha), sigma=lambda t: torch.as_tensor(sigma))
    return Diffusion(flat, target)


def from_level_to_level(x: Tensor, x_t: Tensor, alpha: float, sigma: float, alpha_s: float, sigma_s: float) -> Tensor:
    """The library's step from time 0 to time 1 of a schedule with these levels."""
    two = SimpleNamespace(
        alpha=lambda t: torch.tensor((alpha, alpha_s)[int(t)]), sigma=lambda t: torch.tensor((sigma, sigma_s)[int(t)])
    )
    return ddim_step(Diffusion(two, "x"), x, x_t, torch.tensor(0.0), torch.tensor(1.0), None)


def levels(seed: int) -> tuple[float, float]:
    alpha = float(rng(seed).uniform(0.3, 0.9))
    return alpha, (1.0 - alpha**2) ** 0.5


# --- 17 -----------------------------------------------------------------------------------------------------------


def rank_of_a_cloud(values: Tensor) -> float:
    """The library's rank of a cloud around 0 with these singular values."""
    count = len(values)
    sides = torch.randn(count + 3, count, generator=seeded(1), dtype=torch.float64)
    sides, _ = torch.linalg.qr(sides - sides.mean(dim=0))  # columns add up to 0, so the mean of the rows is 0
    turned, _ = torch.linalg.qr(torch.randn(count, count, generator=seeded(2), dtype=torch.float64))
    return effective_rank((sides * values @ turned).numpy() + 3.0)


# --- 18 -----------------------------------------------------------------------------------------------------------


def averaged_by_the_library(slow: Tensor, fast: Tensor, step: int, of: int, first: float) -> Tensor:
    mine, theirs = (nn.Linear(4, 3, bias=False) for _ in range(2))
    mine.weight.data, theirs.weight.data = slow.clone(), fast.clone()
    update_average(mine, theirs, rising_momentum(step, of, first))
    return mine.weight.data


# --- 20 -----------------------------------------------------------------------------------------------------------


def contrast_by_the_library(frames: Tensor, factor: Tensor) -> Tensor:
    action = torch.zeros(len(frames), len(NAMES))
    action[:, NAMES.index("contrast")] = (factor - 1.0) / STRENGTH["contrast"]
    return change_colours(frames, action)


# --- 23 -----------------------------------------------------------------------------------------------------------


def films_of_a_property(seed: int) -> Inputs:
    name = ("permanence", "shape", "energy")[seed % 3]
    return tuple(torch.from_numpy(film) for film in make_quadruplet(name, seed).frames)


def middle_of_the_first_window(first: Tensor, second: Tensor) -> int:
    (begin, end) = next(w for w in equal_windows(first.numpy(), second.numpy()) if w[1] > w[0])
    return begin + (end - begin + 1) // 2


def quadruplets_and_cuts(seed: int) -> Inputs:
    surprise = torch.rand(8, 4, 12, generator=seeded(seed))
    surprise[..., 0] = torch.nan
    return surprise, torch.randint(1, 11, (8,), generator=seeded(seed))


# --- 06 and 12 ----------------------------------------------------------------------------------------------------


def queries_and_mask(seed: int) -> Inputs:
    q, k, chance = normals((4, 5), (7, 5), (4, 7))(seed)
    mask = chance > 0
    mask[:, seed % 7] = True
    return q, k, mask


def twin_attention(width: int, seed: int) -> tuple[Attention, AttentionAlongTime]:
    """The same weights in the ordinary attention and in the one along time."""
    plain, along = Attention(width, 2, causal=True), AttentionAlongTime(width, 2, causal=True)
    with torch.no_grad():
        for p in plain.parameters():
            p.copy_(torch.randn(p.shape, generator=seeded(seed)))
    along.load_state_dict(plain.state_dict())
    return plain, along


def dependencies(frames: int, places: int) -> tuple[Tensor, Tensor]:
    """Which token of the library's layers depends on which, read off gradients."""
    found = []
    for layer in (AttentionInFrames(8, 2), AttentionAlongTime(8, 2, causal=True)):
        x = torch.randn(1, frames, places, 8, generator=seeded(0)).requires_grad_()
        out = layer(x).flatten(0, 2)
        rows = [torch.autograd.grad(token.square().sum(), x, retain_graph=True)[0].flatten(0, 2) for token in out]
        found.append(torch.stack(rows).abs().sum(dim=2) > 0)
    return tuple(found)


def share_at_so_many_frames(reference: Callable[..., float], share: float, places: int, width: int) -> float:
    parts = multiply_adds(reference(share, places, width), places, width)
    return parts["temporal attention"] / sum(parts.values())


def of_one_layer(tokens: int, width: int) -> int:
    parts = multiply_adds(1, tokens, width, joint=True)
    return parts["projections"] + parts["joint attention"]


def attended(q: Tensor, k: Tensor, v: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    keys, values = torch.cat([keys, k[:, None]], dim=1), torch.cat([values, v[:, None]], dim=1)
    return attend(q[:, None], keys, values)[0][:, 0], keys, values


# --- 07 -----------------------------------------------------------------------------------------------------------


def sentences(seed: int) -> Inputs:
    g = rng(seed)
    numbers = {word: place for place, word in enumerate(clip.VOCABULARY)}
    texts = [" ".join(g.choice(clip.VOCABULARY[3:], size=int(g.integers(1, 9)))) for _ in range(5)]
    return texts, numbers, 12


def encoded(films: Tensor, captions: Tensor) -> Tensor:
    """The similarities of a CLIP whose encoders give these vectors."""
    model = clip.CLIP(clip.CLIPConfig(width=4, heads=1, text_width=4, text_heads=1, depth=1, text_depth=1, embedding=4,
                                      frame_size=32, vocabulary=31))  # fmt: skip
    for name, vectors in (("film", films), ("text", captions)):
        setattr(model, f"{name}_projection", nn.Identity())
        getattr(model, name).forward = lambda given, vectors=vectors: vectors
    frames, tokens = torch.zeros(len(films), 1, 3, 32, 32), torch.zeros(len(captions), 5, dtype=torch.int64)
    return model.encode_film(frames) @ model.encode_text(tokens).T


def repeated(seed: int) -> Inputs:
    kinds = torch.randint(3, 5, (4, 5), generator=seeded(seed))
    return (kinds[torch.randint(4, (9,), generator=seeded(seed + 1))],)


def asked_in_a_gallery(seed: int) -> Inputs:
    return rng(seed).integers(12, size=40), seed, rng(seed + 1).permutation(40), 5 + seed


def prompts_of_classes(seed: int) -> Inputs:
    vectors = torch.nn.functional.normalize(normals((10, 4))(seed)[0], dim=1)
    return vectors, torch.tensor([0, 2, 1, 0, 2, 2, 0, 0, 1, 0])


# --- 13 and 14 ----------------------------------------------------------------------------------------------------


def vectors_with_their_codes(seed: int) -> Inputs:
    x, codebook = normals((9, 4), (5, 4))(seed)
    return x, codebook[nearest(x, codebook)]


def losses_of_the_quantiser(x: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    quantiser = VectorQuantiser(*codes.shape).eval()
    with torch.no_grad():
        quantiser.codebook.copy_(codes)
    answer = quantiser(x)
    return answer.codebook, answer.commitment


def grid_digits(seed: int) -> Inputs:
    levels = ((3, 2), (8, 5, 6), (4, 5, 2, 3), (7,))[seed % 4]
    digits = [torch.randint(many, (20,), generator=seeded(seed + d)) for d, many in enumerate(levels)]
    return torch.stack(digits, dim=1), levels


def index_on_the_grid(digits: Tensor, levels: tuple[int, ...]) -> Tensor:
    half = torch.tensor(levels) // 2
    return FSQ(levels).index_of((digits - half) / half)


def idle_codes(seed: int) -> Inputs:
    codes, x = normals((9, 4), (30, 4))(seed)
    idle = torch.randint(80, (9,), generator=seeded(seed))
    idle[:2] = torch.tensor([50, 49])
    dead = idle >= 50
    drawn = torch.randint(30, (9,), generator=seeded(seed + 1))
    drawn[dead] = torch.randint(30, (int(dead.sum()),), generator=seeded(5))  # what the quantiser will draw
    return codes, idle, x, drawn, 50


def revived(codes: Tensor, idle: Tensor, x: Tensor, drawn: Tensor, after: int) -> Tensor:
    quantiser = VectorQuantiser(*codes.shape, reset_after=after).train()
    with torch.no_grad():
        quantiser.codebook.copy_(codes)
    quantiser.idle.copy_(idle)
    quantiser(x, seeded(5))
    return quantiser.codebook.detach()


def reconstruction(drawn: Tensor, before: Tensor, after: Tensor, extra: float) -> Tensor:
    class Drawn(LatentActionModel):
        """A latent action model that has drawn its next frame already."""

        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.config = SimpleNamespace(context=1, changed=extra, variance=1.0, codes=2, beta=0.0)

        def forward(self, frames: Tensor, generator: torch.Generator | None = None) -> LatentActionOutput:
            none = torch.zeros(())
            return LatentActionOutput(drawn[:, None], torch.zeros(len(drawn), 1, dtype=torch.int64), none, none, none)

    return Drawn().loss({"frames": torch.stack([before, after], dim=1)}, 0, None)["reconstruction"]


def two_frames(seed: int) -> Inputs:
    drawn, before, after = (torch.rand(2, 3, 8, 6, generator=seeded(10 * seed + k)) for k in range(3))
    stays = torch.rand(2, 1, 8, 6, generator=seeded(seed)) < 0.5
    return drawn, before, torch.where(stays, before, after), 7.0


def answered_by_table(reference: Callable[..., np.ndarray], counts: np.ndarray) -> np.ndarray:
    right = np.zeros(len(counts))
    for half in (0, 1):
        table = reference(counts[1 - half :: 2].sum(axis=0))
        right[half::2] = counts[half::2, np.arange(counts.shape[1]), table].sum(axis=1)
    return right / counts.sum(axis=(1, 2))


def counts_of_films(seed: int) -> Inputs:
    counts = rng(seed).integers(0, 5, (6, 8, 4)).astype(float)
    counts[:, :, 1] += 2.0  # the commonest key
    counts[:, [2, 5]] = 0.0  # two codes never occur
    counts[0, 5, 1] = 3.0  # but for one in one film, which is asked with the table of films that never had it
    return (counts,)


# --- 15 and 16 ----------------------------------------------------------------------------------------------------


class Guesses:
    """Stands in for the dynamics model: logits that are drawn anew at every step."""

    def __init__(self, tokens: int, seed: int) -> None:
        self.config, self.calls = SimpleNamespace(tokens=tokens), 0
        self.logits = 3.0 * torch.randn(40, tokens, 6, generator=seeded(seed))

    def guess(self, memory: None, action: Tensor, index: Tensor, mask: Tensor) -> Tensor:
        self.calls += 1
        return self.logits[self.calls - 1][None]


def decoded(seed: int, tokens: int, steps: int) -> tuple[Tensor, list[Tensor]]:
    """The library's frame and its masks after each step."""
    masks: list[Tensor] = []
    model = Guesses(tokens, seed)
    frame = Dynamics.make(model, None, torch.zeros(1), steps=steps, on_step=lambda index, mask: masks.append(mask[0]))
    return frame[0], masks


def decoded_by(reference: Callable[..., Tensor], seed: int, tokens: int, steps: int) -> Tensor:
    model = Guesses(tokens, seed)
    return reference(lambda index, mask: model.guess(None, None, index, mask)[0], tokens, steps)


def hidden_by(reference: Callable[..., Tensor], seed: int, tokens: int, steps: int) -> Tensor:
    """The library's second mask, from its first one and the logits of the second step."""
    masks = decoded(seed, tokens, steps)[1]
    sure = Guesses(tokens, seed).logits[1].log_softmax(dim=-1).max(dim=-1).values
    return reference(sure[None], masks[0][None], int(masks[1].sum()))[0]


def labels(seed: int) -> Inputs:
    return rng(seed).integers(0, 16, 60), rng(seed + 1).integers(0, 4, 60), 4, 2, 3.0


def shares_by(reference: Callable[..., np.ndarray], word, key, codes: int, length: int, weight: float) -> np.ndarray:
    """The library goes from shorter words to longer ones: each time the exercise's line, the shorter one its prior."""
    share = (np.bincount(key, minlength=4) + 0.25)[None] / (len(key) + 0.25 * 4)
    for k in range(1, length + 1):
        share = reference(word // codes ** (length - k), key, share.repeat(codes, axis=0), weight)
    return share


def probabilities_and_table(seed: int) -> Inputs:
    words, table = torch.rand(5, 9, generator=seeded(seed)), torch.rand(9, 4, generator=seeded(seed + 1))
    return words / words.sum(1, keepdim=True), table / table.sum(1, keepdim=True), (1.0, 2.0, 3.0)[seed % 3]


def keys_of_player(words: Tensor, table: Tensor, power: float) -> Tensor:
    player = Player(lambda frames: words.log(), table.numpy(), power=power)
    return player.keys(torch.zeros(len(words), 1, 3, 4, 4))


def matrices(layers: int, width: int, inner: int, hidden: float, attentions: int) -> int:
    stack = SpaceTimeTransformer(width, layers, 2, frames=3, places=4, hidden=round(hidden * width),
                                 head_size=inner // 2, temporal="causal" if attentions == 2 else "none")  # fmt: skip
    return sum(p.numel() for p in stack.blocks.parameters() if p.ndim == 2)


# --- 09 -----------------------------------------------------------------------------------------------------------


def short_film(seed: int) -> Inputs:
    group = 2 + seed
    return (*normals((2, 1 + 2 * group, 3, 4, 4))(seed), group)


def layers_of(seed: int) -> list[tuple[int, int]]:
    """Of the encoder of ``random_codec``, from the pixels upwards."""
    blocks = [(3, 1), (3, 1)] * (seed % 2 + 1)
    return [(2, 2), (3, 1), *blocks, (4, 2), *blocks, (1, 1), (3, 1), (3, 1), (1, 1)]


def random_codec(seed: int) -> VideoCodec:
    """No weight is 0, as those of fresh blocks are."""
    model = fresh(VideoCodec, CodecConfig(widths=(4, 8), layers=seed % 2 + 1, group_width=8, latent=2), seed)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=seeded(parameter.numel()))
    return model


def window_of_a_codec(seed: int) -> int:
    """Rows of an image of 96 pixels that move a latent in its middle."""
    image = torch.rand(1, 3, 96, 96, generator=seeded(seed)).requires_grad_()
    model = random_codec(seed)
    groups = group_frames(model.frame_encoder(image)[None], 4)
    (slope,) = torch.autograd.grad(model.group_encoder(groups)[0, 0, :, 12, 12].sum(), image)
    return int((slope.abs().amax(dim=(0, 1, 3)) > 0).sum())


def groups_of(frames: int) -> int:
    return CodecConfig().groups(frames)


def earliest_of_a_codec(reference: Callable[..., Any], seed: int, which: int) -> int:
    frames = torch.rand(1, 17, 3, 32, 32, generator=seeded(seed))
    with torch.no_grad():
        return reference(random_codec(0).latents, frames, which)


# --- 10 -----------------------------------------------------------------------------------------------------------


def small_dit(seed: int, **changes: object) -> DiT:
    """A DiT for captions in which every weight matters."""
    sizes = {"channels": 2, "patch": 1, "width": 8, "depth": 2, "heads": 2, "classes": 0, "learned_variance": False,
             "schedule": "straight", "target": "u", "dropped": 0.0}  # fmt: skip
    model = fresh(DiT, DiTConfig(**{**sizes, **changes}), seed).eval()
    with torch.no_grad():
        for n, parameter in enumerate(model.parameters()):
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=seeded(n)))
    return model


def films_with_known_groups(seed: int) -> tuple[DiT, Tensor]:
    return small_dit(seed, masked=0.7), torch.randn(6, 3, 2, 2, 2, generator=seeded(50 + seed))


def noised_in_training(seed: int) -> tuple[Tensor, Tensor]:
    """What the library's loss shows to the network."""
    (model, z), shown = films_with_known_groups(seed), {}

    def network(x_t: Tensor, t: Tensor, *_: Tensor | None) -> Tensor:
        shown["x_t"], shown["levels"] = x_t, t
        return torch.zeros_like(x_t)

    model.forward = network
    model.loss({"latents": z, "tokens": clip.tokenise(["an empty box"] * 6, 8)}, 0, seeded(seed))
    return shown["x_t"], shown["levels"]


def noised_by(reference: Callable[..., Any], seed: int) -> tuple[Tensor, Tensor]:
    (model, z), generator = films_with_known_groups(seed), seeded(seed)
    uniform((6,), generator)  # which captions are dropped
    t = draw_times(6, generator)
    known = model.draw_known(6, 3, generator)
    assert bool(known.any())
    return reference(z, torch.randn(z.shape, generator=generator), t, known)


def parameters_of_a_block(width: int) -> int:
    with torch.device("meta"):
        block = DiTBlock(DiTConfig(width=width, heads=2))
    return sum(p.numel() for p in block.parameters())


def counted_multiply_adds(tokens: int, width: int, depth: int) -> int:
    """What torch counts in the blocks of the library, halved: it counts additions apart."""
    x, c = torch.randn(1, 1, tokens, width), torch.randn(1, 1, width)
    blocks = [DiTBlock(DiTConfig(width=width, heads=2)) for _ in range(depth)]
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        for block in blocks:
            x = block(x, c, c, None, (1, tokens))
    return counter.get_total_flops() // 2


def mixed_by_a_dit(reference: Callable[..., Any], seed: int) -> bool:
    model, z = small_dit(seed), torch.randn(4, 2, 2, 2, 2, generator=seeded(seed))
    with torch.no_grad():
        return reference(lambda x, t: model(x, t), z, torch.linspace(0.2, 0.8, 4))
# --- notebook 11 ---------------------------------------------------------------------------------------------------


def given_frames(seed: int) -> Inputs:
    return (([0], 9, 4), ([0, 13, 14, 15, 16], 17, 4), (list(range(5)), 9, 4), ([0, 1, 2, 3], 9, 4))[seed]


def groups_of_a_causal_codec(given: list[int], frames: int, group: int) -> Tensor:
    """Groups of a codec's film whose every frame is given: cut with the library's own function."""
    there = torch.zeros(1, frames, 1, 1, 1)
    there[:, given] = 1.0
    return group_frames(there, group).flatten(2).amin(dim=2)[0] > 0


def noisy_latents(seed: int) -> Inputs:
    x_t, latents = normals((2, 3, 4, 2, 2), (2, 3, 4, 2, 2))(seed)
    return x_t, torch.rand(2, generator=seeded(seed)), torch.tensor([True, bool(seed % 2), False]), latents


def shown_to_the_network(x_t: Tensor, t: Tensor, known: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
    seen: list[tuple[Tensor, Tensor]] = []

    class Noting(DiT):
        def forward(self, x: Tensor, levels: Tensor, condition: Tensor | None, actions: Tensor | None) -> Tensor:
            seen.append((x, levels))
            return x

    config = DiTConfig(channels=4, patch=1, width=8, depth=1, heads=2, classes=0, learned_variance=False)
    Noting(config).predict(None, 0.0, KnownGroups(known, latents))(x_t, t)
    return seen[0]


def windows_counted(frames: int, window: int, keep: int) -> int:
    made = SimpleNamespace(count=0)

    def films(prompts: list[str], length: int, **_: Any) -> Tensor:
        made.count += 1
        return torch.zeros(1, length, 3, 2, 2)

    made.films = films
    made.continued = lambda beginning, prompts, length, **_: films(prompts, length)
    long_films(made, [""], frames, window=window, keep=keep, generator=seeded(0))
    return made.count


def prompt_of(colours: list[str]) -> str:
    return " and ".join(f"a small {colour} ball falling" for colour in colours)


def balls(colours: list[str]) -> list[dict[str, str]]:
    return [{"colour": colour, "shape": "ball", "motion": "falling"} for colour in colours]


# --- the table ----------------------------------------------------------------------------------------------------

# --- 21


def rooms_of_equal_length(seed: int) -> Inputs:
    return torch.rand(4, 6, generator=seeded(seed)), torch.full((4,), 6)


def remembered_lessons(costs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    memory, s = ShortTermMemory(), torch.zeros(len(costs), 1)
    for now in costs.T:
        memory.keep(Met(torch.arange(len(costs)), s, s, now))
    return memory.lessons()[2].unflatten(0, costs.T.shape).T


# --- 25 -----------------------------------------------------------------------------------------------------------


def unit_probe(weights: torch.Tensor) -> Ridge:
    size = len(weights)
    return Ridge(np.zeros(size), np.ones(size), weights.double().numpy()[:, None], np.zeros(1), 1.0)


def step_for(kind: str, weights: torch.Tensor) -> torch.Tensor:
    states, values = rng(0).normal(size=(9, len(weights))), rng(1).normal(size=9)
    return torch.from_numpy(direction_of(kind, unit_probe(weights), states, values, rng(2))).float()


def slopes_by_the_library(states: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    probe = unit_probe(torch.ones(states.shape[1]))
    found = direction_of("together", probe, states.double().numpy(), values.double().numpy(), rng(0))
    return torch.from_numpy(found).float()


def states_and_values(seed: int) -> Inputs:
    states, values = normals((12, 4), (12,))(seed)
    return states - states.mean(dim=0), values


def line_of_the_library(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle, direction, _ = fit_line(points, np.ones(len(points)))
    return middle, direction if direction[0] >= 0 else -direction


def edge_points_on_a_line(seed: int) -> tuple:
    return (np.random.default_rng(seed).normal(size=(9, 2)) * (6.0, 1.0) + 20.0,)


def distances_of_the_library(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray, far: float) -> np.ndarray:
    found = line_distances(lamp, balls, patches)
    return np.where(np.isfinite(found), found, far)


def lamp_and_bodies(seed: int) -> tuple:
    generator = np.random.default_rng(seed)
    return generator.uniform(0, 30, 2), generator.uniform(0, 64, (3, 2)), generator.uniform(0, 64, (5, 2)), 99.0


def shift_of_the_library(lamp_height: float, ball_heights: np.ndarray, moved: float) -> np.ndarray:
    balls = np.stack([0 * ball_heights, ball_heights, 0 * ball_heights], axis=1)
    after, before = (floor_contacts(np.array([x, lamp_height, 0.0]), balls) for x in (moved, 0.0))
    return (after - before)[:, 0]


def heights_of_balls(seed: int) -> tuple:
    return 2.2, np.random.default_rng(seed).uniform(0.1, 1.8, 4), 0.3


# --- 26 -----------------------------------------------------------------------------------------------------------


def intervals_and_floors(seed: int) -> Inputs:
    middle, floor = normals((9,), (9,))(seed)
    return middle - 0.4, middle + 0.4, floor, seed % 2 == 0


def marks_of_rows(low: Tensor, high: Tensor, floor: Tensor, higher: bool) -> Tensor:
    """What ``exam/marks`` says of rows with these intervals and one floor each."""
    way, words = "higher" if higher else "lower", {"above": 1, "open": 0, "below": -1}
    rows = [
        Row("m", f"q{i}", (a + b) / 2, a, b, "", 9, {"floor": f}, direction=way)  # type: ignore[arg-type]
        for i, (a, b, f) in enumerate(zip(low.tolist(), high.tolist(), floor.tolist(), strict=True))
    ]
    return torch.tensor([words[mark(row, ["floor"]) or "open"] for row in rows])


def scores_with_gaps(seed: int) -> Inputs:
    (scores,) = normals((8, 3))(seed)
    scores[seed % 8, 1] = torch.nan
    return (scores,)


def front_of_the_library(scores: Tensor) -> Tensor:
    """What ``exam/marks`` says of models by these names."""
    kept = undominated({f"{i}": row for i, row in enumerate(scores.tolist())})
    return torch.tensor([f"{i}" in kept for i in range(len(scores))])



TABLE: dict[str, Same | str] = {
    "counting.total_variation": Same(
        lambda p, q: float(transition_error(SimpleNamespace(transitions=p[None, None]), q[None, None])[0, 0]),
        lambda seed: tuple(rng(seed).dirichlet(np.ones(6), size=2)),
    ),
    "counting.transition_estimate": Same(
        counted, lambda seed: (rng(seed).poisson(2.0, size=(6, 3, 6)).astype(float), (0.1, 1.0, 3.0)[seed % 3])
    ),
    "mdp.bellman_backup": Same(lambda p, r, v, gamma: action_values(p, r, v, gamma).max(axis=1), world),
    "mdp.greedy_policy": Same(
        lambda p, r, v, gamma: value_iteration(p, r, gamma, tolerance=1e-9).policy, solved_world
    ),
    "qlearning.update": Same(learned, experience),
    "dyna.planning_step": Same(planned, imagined),
    "counting.forgetful_update": Same(  # the library's model forgets nothing: the same at keep = 1
        counted_once, lambda seed: (rng(seed).poisson(3.0, size=(5, 3, 5)).astype(float), seed % 5, seed % 3, 2, 1.0)
    ),
    "vae.reparameterise": Same(
        lambda mu, logvar, epsilon: reparameterise(mu, logvar, seeded(7)),
        lambda seed: (*normals((5, 4), (5, 4))(seed), torch.randn(5, 4, generator=seeded(7))),
    ),
    "vae.kl": Same(lambda mu, logvar: kl_to_prior(mu, logvar).sum(dim=1), normals((5, 4), (5, 4))),
    "vae.psnr": Same(psnr, normals((4, 3, 8, 6), (4, 3, 8, 6))),
    "vae.conv_parameters": Same(size_of_convolution, convolutions),
    "vae.active_units": Same(
        lambda mu, logvar, threshold: int((kl_to_prior(mu, logvar).mean(dim=0) > threshold).sum()),
        lambda seed: (*normals((20, 9), (20, 9))(seed), 0.8),
    ),
    "mdn.lstm_step": Same(remembered, normals((5, 3), (5, 2), (5, 2), (8, 3), (8, 2), (8,))),
    "mdn.log_likelihood": Same(
        lambda log_weights, means, log_sigmas, x: mdnrnn.log_likelihood(Mixture(log_weights, means, log_sigmas), x),
        lambda seed: (*mixture(seed), *normals((4, 3))(seed + 9)),
    ),
    "mdn.at_temperature": Same(  # the same generator, so the very same draws
        lambda log_weights, means, log_sigmas, tau: draw(Mixture(log_weights, means, log_sigmas), seeded(3), tau),
        lambda seed: (*mixture(seed), (0.1, 0.5, 1.0, 2.0)[seed % 4]),
        lambda reference, log_weights, means, log_sigmas, tau: draw(
            Mixture((changed := reference(log_weights, log_sigmas, tau))[0], means, changed[1]), seeded(3)
        ),
    ),
    "mdn.moments": Same(moments_of_torch, with_probabilities),
    "mdn.horizon": "the exam reports errors at fixed distances; reading a horizon off two curves is the exercise's own",
    "c.generation": "the library evolves with the package cma, whose update also keeps paths and a step size",
    "c.act": Same(pressed, normals((40, 5), (40, 7), (4, 13))),
    "c.fitness": Same(
        lambda play, candidates, seeds: returns_of(OneStep(play), candidates, 1, seeds, steps=1).astype(float),
        lambda seed: (luck, rng(seed).normal(size=(5, 2)), rng(seed).integers(0, 99, 3)),
    ),
    "c.normalised": Same(lambda returns, random, oracle: normalised_return(returns), on_the_scale),
    "c.paired_ratios": Same(
        lambda above, below, seed: np.array(
            paired_ratio_interval(above, below, generator=rng(seed), resamples=300)
        ),
        lambda seed: (*rng(seed).uniform(1, 9, size=(2, 20)), seed),
        lambda reference, above, below, seed: np.quantile(
            reference(above, below, rng(seed).integers(20, size=(300, 20))), [0.025, 0.975]
        ),
    ),
    "ask.interval": Same(  # the interval of a ratio to the constant 1: the library's own for a mean is corrected (BCa)
        lambda values, seed: ratio_interval(values, np.ones(5), generator=rng(seed), resamples=400),
        lambda seed: (rng(seed).normal(2.0, 1.0, 30), seed),
        lambda reference, values, seed: reference(values, rng(seed), 400),
    ),
    "ask.ridge": Same(lambda z, y, penalty: fit_ridge(z, y, penalty).weights, standardised),
    "ask.meaningless_task": Same(
        lambda y, seed: control_task(y, rng(seed)),
        lambda seed: (rng(seed).normal(size=200), seed),
        lambda reference, y, seed: reference(y, rng(seed)),
    ),
    "ask.missing_control": "in the exam the keys of another film enter a dream of ten frames, not a function of errors",
    "ask.intervened": Same(choice_accuracy, pictures, asked_about_every_key),
    "attention.weights": Same(lambda q, k, mask: attend(q, k, k, mask)[1], queries_and_mask),
    "attention.window": Same(
        lambda tokens, reach: frames_seen(tokens, tokens, window=reach), lambda seed: (7 + seed, 1 + 2 * seed)
    ),
    "attention.cut": Same(
        patchify, lambda seed: (*normals((2, 3, 4 * (seed + 1), 8))(seed), (2, 4)[seed % 2])
    ),
    "attention.multiplications": Same(of_one_layer, lambda seed: (5 + seed, 16 - seed)),
    "attention.looks_ahead": "the library has no such function: tests/test_leaks.py asks its layers one by one",
    "diffusion.noised": Same(
        lambda x, epsilon, alpha, sigma: at_levels(alpha, sigma).noised(x, epsilon, torch.zeros(len(x))),
        lambda seed: (*normals((4, 2, 3), (4, 2, 3))(seed), *torch.rand(2, 4, generator=seeded(seed))),
    ),
    "diffusion.best_guess": Same(
        lambda x_t, points, alpha, sigma: GaussianMixture.of_points(points[:, None]).denoise(
            x_t[:, None], alpha, sigma
        )[:, 0],
        lambda seed: (*normals((7,), (5,))(seed), *levels(seed)),
        atol=1e-5,
    ),
    "diffusion.from_v": Same(
        lambda v, x_t, alpha, sigma: at_levels(alpha, sigma, "v").parts(v, x_t, torch.zeros(())),
        lambda seed: (*normals((5, 3), (5, 3))(seed), *levels(seed)),
    ),
    "diffusion.ddim_step": Same(
        from_level_to_level, lambda seed: (*normals((4, 2), (4, 2))(seed), *levels(seed), *levels(seed + 10))
    ),
    "diffusion.mended_step": "the library's step reads both estimates from a prediction and draws its own fresh noise",
    "diffusion.steps_needed": "a rule for reading an experiment; no part of the library counts steps",
    "spacetime.along_time": Same(
        lambda x, seed: twin_attention(6, seed)[1](x).detach(),
        lambda seed: (*normals((2, 4, 3, 6))(seed), seed),
        lambda reference, x, seed: reference(x, twin_attention(6, seed)[0]).detach(),
    ),
    "spacetime.masks": Same(dependencies, lambda seed: ((2, 3), (3, 2), (3, 4), (1, 4))[seed]),
    "spacetime.frames_at_share": Same(
        lambda share, places, width: share,
        lambda seed: (float(rng(seed).uniform(0.05, 0.9)), 16 * (seed + 1), 32 + seed),
        share_at_so_many_frames,
    ),
    "spacetime.exponent": Same(
        lambda frames, seconds: float(exponents(frames, seconds)[0]),
        lambda seed: (np.array([2.0, 5.0, 9.0, 30.0]), rng(seed).uniform(0.1, 2.0, 4)),
    ),
    "spacetime.one_more": Same(attended, normals((3, 5), (3, 5), (3, 5), (3, 4, 5), (3, 4, 5))),
    "clip.tokens": Same(lambda captions, number, context: clip.tokenise(captions, context), sentences),
    "clip.similarities": Same(encoded, normals((5, 4), (7, 4))),
    "clip.two_way_loss": Same(
        lambda similarity, scale: clip.symmetric_loss(scale * similarity),
        lambda seed: (*normals((6, 6))(seed), 3.0 + seed),
    ),
    "clip.shared_answers": Same(  # the library's are divided by their sums inside its loss
        lambda tokens: clip.matches(tokens) / clip.matches(tokens).sum(dim=1, keepdim=True), repeated
    ),
    "clip.gallery": Same(gallery, asked_in_a_gallery),
    "clip.class_vectors": Same(
        lambda prompts, classes: class_vectors(prompts.numpy(), classes.numpy()), prompts_of_classes
    ),
    "codec.groups": Same(lambda frames, group: group_frames(frames, group).flatten(2, 3), short_film),
    "codec.before": Same(
        lambda x: torch.cat([group_before(x), x], dim=2), normals((2, 3, 4, 2, 2))
    ),
    "codec.receptive_field": Same(
        window_of_a_codec, lambda seed: (seed,), lambda reference, seed: reference(layers_of(seed))
    ),
    "codec.linear_code": Same(
        lambda blocks, numbers: principal_blocks(blocks).code(blocks, numbers),
        lambda seed: (*normals((50, 6))(seed), 1 + seed),
        rtol=1e-3,
        atol=1e-4,
    ),
    "codec.compression": Same(
        lambda frames, size, group, channels, side: frames * CodecConfig().compression / (group * groups_of(frames)),
        lambda seed: (1 + 4 * (seed + 1), 32, 4, 8, 8),
    ),
    "codec.earliest": Same(
        lambda seed, which: (which + 3) // 4, lambda seed: (seed, 5 * seed + 1), earliest_of_a_codec
    ),
    "dit.modulate": Same(modulate, normals((2, 3, 5, 4), (2, 3, 4), (2, 3, 4))),
    "dit.timestep_embedding": Same(
        timestep_embedding, lambda seed: (torch.rand(3, 2, generator=seeded(seed)), 8 + 2 * seed), atol=1e-3
    ),
    "dit.noised_groups": Same(noised_in_training, lambda seed: (seed,), noised_by),
    "dit.block_parameters": Same(parameters_of_a_block, lambda seed: (8 * (seed + 1),)),
    "dit.multiply_adds": Same(counted_multiply_adds, lambda seed: (5 + 3 * seed, 8 * (seed + 1), 1 + seed)),
    "dit.mixes_films": Same(lambda seed: False, lambda seed: (seed,), mixed_by_a_dit),
    "film.known": Same(groups_of_a_causal_codec, given_frames),
    "film.shown": Same(shown_to_the_network, noisy_latents),
    "film.windows": Same(
        windows_counted, lambda seed: ((600, 17, 5), (21, 5, 1), (17, 17, 5), (40, 13, 9))[seed]
    ),
    "film.colours_right": Same(
        lambda asked, found: float(hold_against([(len(found), balls(found))], [prompt_of(asked)]).matched["colour"][0]),
        lambda seed: (list(rng(seed).choice(spec.COLOURS[:3], 3)), list(rng(seed + 9).choice(spec.COLOURS[:3], 4))),
    ),
    "film.balanced": Same(
        lambda asked, right: balanced_motion(np.stack([asked, right], axis=-1)),
        lambda seed: (a := rng(seed).integers(0, 3, (8, 5)) * (1, 1, 1, 1, 0), rng(seed + 9).binomial(a, 0.4)),
    ),
    "tokens.nearest": Same(nearest, normals((40, 5), (12, 5))),
    "tokens.straight_through": Same(straight_through, normals((6, 3), (6, 3))),
    "tokens.two_losses": Same(losses_of_the_quantiser, vectors_with_their_codes),
    "tokens.perplexity": Same(
        lambda index, codes: usage(index, codes).perplexity,
        lambda seed: (torch.randint(9, (50,), generator=seeded(seed)), 16),
    ),
    "tokens.fsq_index": Same(index_on_the_grid, grid_digits),
    "tokens.revive": Same(revived, idle_codes),
    "lam.which_code": "six numbers and their maps are a toy of the notebook; the library's encoder is a network",
    "lam.weighted_error": Same(reconstruction, two_frames),
    "lam.code_table": Same(accuracy_by_film, counts_of_films, answered_by_table),
    "lam.nmi": Same(lambda counts: float(nmi_of_counts(counts)), lambda seed: (counts_of_films(seed)[0].sum(axis=0),)),
    "play.tokens_left": Same(
        lambda step, steps, tokens: int(cosine_share(step, steps) * tokens),
        lambda seed: (seed + 1, 4 + 3 * seed, 64 + seed),
    ),
    "play.hide": Same(
        lambda shape, least, seed: Dynamics.hide(
            SimpleNamespace(config=SimpleNamespace(least=least, clean=0.0)), shape, seeded(seed)
        ),
        lambda seed: ((3, 4, 50), (0.5, 0.2)[seed % 2], seed),
        lambda reference, shape, least, seed: reference(shape, least, seeded(seed)),
    ),
    "play.hide_again": Same(
        lambda seed, tokens, steps: decoded(seed, tokens, steps)[1][1], lambda seed: (seed, 20, 4), hidden_by
    ),
    "play.delta_psnr": Same(
        lambda a, b, c: (psnr(a, c) - psnr(b, c)).mean(),
        normals((5, 3, 6, 4), (5, 3, 6, 4), (5, 3, 6, 4)),
    ),
    "play.make_frame": Same(
        lambda seed, tokens, steps: decoded(seed, tokens, steps)[0], lambda seed: (seed, 30, 2 + seed), decoded_by
    ),
    "clone.words": Same(
        lambda index, codes: to_words(index, codes, 2), lambda seed: (rng(seed).integers(0, 7, (4, 9)), 7)
    ),
    "clone.loss": "the library draws only steps with a name into its batches, and its loss is plain cross-entropy",
    "clone.key_shares": Same(
        lambda word, key, codes, length, weight: shares_of_keys(word, key, codes=codes, length=length, weight=weight),
        labels,
        shares_by,
    ),
    "clone.key_chances": Same(keys_of_player, probabilities_and_table),
    "clone.block_weights": Same(
        matrices, lambda seed: ((3, 8, 12, 1.0, 2), (2, 16, 24, 0.5, 1), (4, 12, 6, 4.0, 1), (1, 10, 10, 2.0, 2))[seed]
    ),
    "energy.force": Same(
        lambda y, points, width: GaussianMixture.of_points(points).score(y, 1.0, width),
        lambda seed: (*normals((5, 2), (4, 2))(seed), 0.5 + 0.2 * seed),
        atol=1e-5,
    ),
    "energy.best_latent": "JEPA.energies encodes the frames first; tests/test_jepa.py asks it action by action",
    "collapse.variance": Same(variance_term, normals((7, 5))),
    "collapse.covariance": Same(covariance_term, normals((7, 5))),
    "collapse.effective_rank": Same(rank_of_a_cloud, lambda seed: (torch.rand(6, generator=seeded(seed)),)),
    "collapse.verdict": "a rule for reading an experiment; no part of the library decides",
    "ami.cost": Same(
        lambda ways: GoalDistance(torch.zeros(1, 1), lambda state: state)(list(ways.T[:, :, None]), ways),
        lambda seed: (torch.rand(5, 6, generator=seeded(seed)),),
    ),
    "ami.beliefs": "cross_entropy does it inside, for many rows at once; notebook 21 searches with it, plan for plan",
    "ami.carried": Same(
        lambda beliefs, explore: carry_on(beliefs[None], explore=explore)[0],
        lambda seed: (torch.rand(5, 4, generator=seeded(seed)).softmax(dim=1), 0.2),
    ),
    "ami.relaxed": "gradient_search does it inside, after noise; tests/test_gradient.py asks for its gradient",
    "ami.to_come": Same(remembered_lessons, rooms_of_equal_length),
    "ami.speedup": "a rule for an experiment; notebook 21 measures it",
    "levels.table": Same(
        lambda counts: transition_shares(counts).float(),
        lambda seed: (torch.randint(0, 2, (5, 3, 5), generator=seeded(seed)).float(),),
    ),
    "levels.code_loss": Same(
        lambda guesses, later, relax: relaxed_minimum(code_energies(guesses, later), relax),
        lambda seed: (*normals((6, 4, 3), (6, 3))(seed), 0.1 * seed),
    ),
    "levels.equal": "a rule for an experiment; tests/test_levels.py asks the study's budgets for equal evaluations",
    "levels.subgoal": Same(first_subgoal, normals((6, 4, 3), (6, 3))),
    "levels.finished": "LevelsFacts.finished counts over all seeds; tests/test_levels.py holds both against each other",
    "ijepa.block": Same(
        lambda scale, aspect, rows, columns: MultiBlock((rows, columns)).block(scale, aspect),
        lambda seed: (0.02 + 0.9 * torch.rand(9, generator=seeded(seed)),
                      0.5 + torch.rand(9, generator=seeded(seed + 9)), 8, 14),
    ),
    "ijepa.context": "MultiBlock draws what a longer context loses; here the first patches stay",
    "ijepa.targets": "IJEPA.targets encodes the frames first; notebook 18 holds both against each other in one loss",
    "ijepa.average": Same(averaged_by_the_library, lambda seed: (*normals((3, 4), (3, 4))(seed), 3 + seed, 20, 0.9)),
    "ijepa.leak": "a check of masks, whose answer is 0 for the library's; tests/test_masks.py asks for that",
    "ijepa.gap": "a measure for an experiment; no part of the library has it",
    "vjepa.tubelets": Same(
        lambda film, frames_each, patch: patchify(film[:, None], patch, frames_each),
        lambda seed: (torch.randn(4, 6, 9, generator=seeded(seed)), 2, 3),
    ),
    "vjepa.context": Same(
        lambda blocks, times: through_time((~blocks.any(dim=0)).nonzero().T, blocks.shape[1], times)[0],
        lambda seed: (torch.rand(3, 16, generator=seeded(seed)) < 0.3, 2 + seed),
    ),
    "vjepa.loss": "VJEPA.loss draws its masks and encodes; notebook 19 holds both against each other",
    "vjepa.past_and_future": Same(
        lambda patches, times, seen: tuple(part.flatten() for part in future_masks(patches, times, seen, 1)),
        lambda seed: (5 + seed, 4, 1 + seed % 3),
    ),
    "vjepa.more_surprised": "turned_back_scores asks for the surprises itself; notebook 19 repeats it with this",
    "iwm.two_errors": "two numbers of an intuition; no part of the library has them",
    "iwm.contrast": Same(
        contrast_by_the_library,
        lambda seed: (torch.rand(4, 3, 8, 6, generator=seeded(seed)),
                      0.6 + 0.8 * torch.rand(4, generator=seeded(seed + 9))),
    ),
    "iwm.at_places": "ActionPredictor does it inside; notebook 20 holds a predictor built with it against that one",
    "iwm.reciprocal_rank": Same(
        reciprocal_rank,
        lambda seed: (torch.randint(0, 5, (7, 9), generator=seeded(seed)).float(),
                      torch.randint(0, 9, (7,), generator=seeded(seed + 9))),
    ),
    "iwm.lots": Same(
        lambda groups: expected_by_chance(len(groups)),
        lambda seed: (torch.full((4 + seed,), 2),),
    ),
    "voe.cut": Same(middle_of_the_first_window, films_of_a_property),
    "voe.scores": Same(
        lambda surprise, cuts: torch.from_numpy(scores(surprise.numpy(), cuts.numpy()[:, None])).float(),
        quadruplets_and_cuts,
    ),
    "voe.engine": "NoisyEngine.surprise runs the engine first; tests/test_expectation.py asks it film by film",
    "voe.reach": "a rule for an experiment; tests/test_views_expectation.py asks a model with a short memory",
    "latents.smallest": Same(lambda weights: step_for("probe", weights), normals((5,))),
    "latents.together": Same(slopes_by_the_library, states_and_values, atol=1e-4),
    "latents.followed": Same(
        lambda mixed, own, other: torch.from_numpy(followed(mixed.numpy(), own.numpy(), other.numpy(), least=0.0)),
        normals((6, 2), (6, 2), (6, 2)), rtol=1e-3,
    ),
    "latents.caused": Same(
        lambda before, after, true: caused_share((after - before).numpy(), true.numpy()),
        normals((7,), (7,), (7,)), rtol=1e-3,
    ),
    "verdict.marks": Same(marks_of_rows, intervals_and_floors),
    "verdict.luck": "the library counts no rows; tests/test_verdict.py draws useless models",
    "verdict.fair": "the library makes no mean over questions, because nobody's weights are the right ones",
    "verdict.front": Same(front_of_the_library, scores_with_gaps),
    "geometry.meet": "the library votes for directions in space; tests/test_perspective.py lets lines meet there",
    "geometry.line": Same(line_of_the_library, edge_points_on_a_line),
    "geometry.support": "RANSAC of the library weighs its votes; tests/test_geometry.py asks it on known directions",
    "geometry.shadow": Same(distances_of_the_library, lamp_and_bodies),
    "geometry.shift": Same(shift_of_the_library, heights_of_balls),
}


def test_every_exercise_has_an_entry() -> None:
    assert set(TABLE) == {exercise.id for exercise in all_exercises()}


@pytest.mark.parametrize("exercise_id", [name for name, entry in TABLE.items() if isinstance(entry, Same)])
def test_the_reference_is_what_the_library_computes(exercise_id: str) -> None:
    same, reference = TABLE[exercise_id], find(exercise_id).reference
    for seed in range(ROUNDS):
        inputs = same.make(seed)
        library = same.library(*independent(inputs))
        ours = same.ours(reference, *independent(inputs))
        library, ours = (tuple(x) if isinstance(x, list) else x for x in (library, ours))
        assert close(ours, library, rtol=same.rtol, atol=same.atol), f"{exercise_id} with seed {seed}"


def test_the_library_fixes_a_token_in_every_step_where_the_formula_may_fix_none() -> None:
    # Both are right: the exercise is the formula of MaskGIT's paper, the library follows its authors' program.
    left = find("play.tokens_left").reference
    counts = [int(mask.sum()) for mask in decoded(0, 8, 40)[1]]
    assert counts == [max(min(left(step, 40, 8), 8 - step), 0) for step in range(1, 41)]
    assert left(2, 40, 8) == left(1, 40, 8) and counts[1] < counts[0]


@pytest.mark.parametrize("exercise_id", [name for name, entry in TABLE.items() if isinstance(entry, str)])
def test_a_reason_is_a_sentence(exercise_id: str) -> None:
    assert len(TABLE[exercise_id].split()) > 5
