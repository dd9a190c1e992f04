"""The diffusion transformer (DiT, 扩散 Transformer): a transformer on patches that predicts what noise hides.

Peebles & Xie, Scalable Diffusion Models with Transformers, 2022, arXiv 2212.09748, section 3. Sora is one (Video
generation models as world simulators, 2024): it works on *spacetime patches* of a video's latents.

    1. latents (B, G, C, h, w), a grid for every group of frames, are cut into patches: G * N tokens, each with its
       place and time as fixed waves. An image is a film of one group.
    2. the noise level t and the condition (a caption, or a class) are embedded
    3. blocks of attention and feed-forward, steered by t and the condition in one of four ways (section 3.2):
         in-context        both are further tokens beside those of the patches
         cross-attention   a second attention in every block, to the tokens of both
         adaLN             c = t + condition gives a shift and a scale after each norm
         adaLN-Zero        and a gate before each addition, which begins at 0: a fresh block is the identity
    4. the final layer brings tokens back to patches of the prediction

The noise level may differ from group to group. Groups that are known have level 0, and the others are generated to fit
them: so one model makes a film, continues it, and fills in what is missing (mask conditioning, as in Open-Sora 1.2).
``causal`` lets a group see itself and earlier groups alone, ``forcing`` gives every group a noise level of its own in
training (Chen et al., Diffusion Forcing, 2024, arXiv 2407.01392), and ``actions`` steers each group by the key that led
to it: that is the DiT of ``models/dit_world.py``, which is played.

What is predicted and how one samples is not known here but in ``nets/diffusion.py`` and ``nets/samplers.py``. Names are
those of the paper's program. What is added to it, all of it in the configuration: time among the positions; captions,
read by a few transformer blocks and attended to beside adaLN, as in PixArt-alpha (Chen et al. 2023, arXiv 2310.00426,
section 2.3; its last projection begins at 0); ``depthwise``, a 3 x 3 convolution in the feed-forward, so that a token
knows its neighbours at once, as in SANA (Xie et al. 2024, arXiv 2410.10629), and with ``depthwise_time`` its own place
before and, where it may look there, after; ``stem``, convolutions before the first
block and after the last, and with ``stem_blocks`` a small U-Net around the transformer. These give a small model the
locality that the paper shows a large one can do without.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.models.base import Layers, ModelConfig, PositiveInt, check_heads
from course_lib.models.conditions import CaptionEmbedder, Given, LabelEmbedder, TimestepEmbedder
from course_lib.nets.attention import MLP, Attention, CrossAttention, KeysValues, causal_mask
from course_lib.nets.chance import integers, normal, uniform
from course_lib.nets.convolutions import GROUPS, ResidualStem
from course_lib.nets.diffusion import Diffusion, Predict, Target, Times, draw_times, guided
from course_lib.nets.ema import ema_decay, update_average
from course_lib.nets.patches import patchify, sincos, sincos_2d, unpatchify
from course_lib.nets.samplers import Step, sample
from course_lib.nets.schedules import ScheduleName

Conditioning = Literal["in-context", "cross-attention", "adaLN", "adaLN-Zero"]


class DiTConfig(ModelConfig):
    """The sizes of one DiT and what it is trained for. The default is the paper's DiT-XL/2 on classes."""

    channels: Annotated[PositiveInt, Field(description="of the latents")] = 4
    patch: Annotated[int, Field(ge=1, le=16, description="places of the latents on a side of a patch")] = 2
    width: PositiveInt = 1152
    depth: Layers = 28
    heads: PositiveInt = 16
    mlp_ratio: Annotated[float, Field(gt=0.0, le=16.0, description="width of the feed-forward, in widths")] = 4.0
    conditioning: Annotated[Conditioning, Field(description="how time and condition steer the blocks")] = "adaLN-Zero"
    word_attention: Annotated[bool, Field(description="adaLN and adaLN-Zero: patches attend to words as well")] = False
    text_depth: Annotated[int, Field(ge=0, le=32, description="blocks that read the caption; 0: its words alone")] = 0
    context: Annotated[int, Field(ge=2, le=1024, description="tokens of the longest caption, marks included")] = 32
    classes: Annotated[int, Field(ge=0, le=65_536, description="classes; 0: the condition is a caption")] = 1000
    learned_variance: Annotated[bool, Field(description="a second half of the output says the variance")] = True
    stem: Annotated[int, Field(ge=0, le=4096, description="channels of convolutions around the blocks; 0: none")] = 0
    stem_blocks: Annotated[int, Field(ge=0, le=64, description="residual blocks in the stem, on either side")] = 0
    depthwise: Annotated[bool, Field(description="a 3 x 3 convolution inside the feed-forward")] = False
    depthwise_time: Annotated[bool, Field(description="and one over the groups before and after")] = False
    schedule: Annotated[ScheduleName, Field(description="how data turn into noise")] = "linear"
    target: Annotated[Target, Field(description="what the network predicts")] = "epsilon"
    times: Annotated[Times, Field(description="at which noise levels it is trained")] = "uniform"
    dropped: Annotated[float, Field(ge=0.0, le=1.0, description="share of rows trained without condition")] = 0.1
    masked: Annotated[float, Field(ge=0.0, le=1.0, description="share of films trained with some groups known")] = 0.0
    actions: Annotated[int, Field(ge=0, le=1024, description="keys, one of which leads to each group; 0: none")] = 0
    causal: Annotated[bool, Field(description="a group sees itself and the groups before it alone")] = False
    forcing: Annotated[bool, Field(description="every group is trained at a noise level of its own")] = False
    ema: Annotated[float, Field(ge=0.0, lt=1.0, description="share of the average that stays at a step")] = 0.9999

    @property
    def adaptive(self) -> bool:
        """Whether the condition enters through the norms."""
        return self.conditioning.startswith("adaLN")

    @model_validator(mode="after")
    def _fits(self) -> DiTConfig:
        check_heads("heads", self.heads, "width", self.width, waves=True)
        if round(self.mlp_ratio * self.width) < 1:
            raise ValueError(f"mlp_ratio is {self.mlp_ratio:g}: of {self.width} channels none is left in between")
        if self.word_attention and not self.adaptive:
            raise ValueError(f"word_attention is for adaLN and adaLN-Zero; {self.conditioning} has the words already")
        if self.classes and (self.word_attention or self.text_depth):
            raise ValueError("word_attention and text_depth are for captions: set classes to 0")
        if self.depthwise and self.conditioning == "in-context":
            raise ValueError("depthwise needs tokens on a grid, and in-context puts others among them")
        if self.stem_blocks and (self.stem < GROUPS or self.stem % GROUPS):
            raise ValueError(f"stem_blocks have norms of {GROUPS} groups: stem is {self.stem}, not a multiple of that")
        if self.depthwise_time and not self.depthwise:
            raise ValueError("depthwise_time goes with depthwise: set depthwise to true")
        if not self.adaptive and (self.causal or self.actions):
            raise ValueError(f"causal and actions are for adaLN and adaLN-Zero, conditioning is {self.conditioning}")
        return self


def spacetime_positions(groups: int, rows: int, columns: int, width: int) -> Tensor:
    """Fixed waves for every patch of a film, (G, rows * columns, D): its place, plus its time.

    The place as in the paper's program, the column in the first half of the channels. The time is counted from the
    first group, which it leaves as it is: an image, and the first group of a film, have the paper's positions.
    """
    place = sincos_2d((columns, rows), width).unflatten(0, (columns, rows)).transpose(0, 1).flatten(0, 1)  # (N, D)
    time = sincos(groups, width) - sincos(1, width)  # (G, D), 0 at the first
    return place + time[:, None]


class KnownGroups(NamedTuple):
    """What is known of films that are to be generated: which groups, bool (G,) or (B, G), and the latents that they
    show, (B, G, C, h, w) or (G, C, h, w); what stands there for other groups is not used."""

    groups: Tensor
    latents: Tensor

    def groups_of(self, x: Tensor) -> Tensor:
        """Which groups of x (B, G, C, h, w) are known, bool (B, G)."""
        return self.groups.expand(x.shape[:2])

    def put_into(self, x: Tensor) -> Tensor:
        """x (B, G, C, h, w) with what is known in its place."""
        return torch.where(self.groups_of(x)[:, :, None, None, None], self.latents, x)


# ----------------------------------------------------------------------------------------------------- the network


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalised tokens shifted and scaled: x (1 + scale) + shift. x: (..., N, D); shift, scale: (..., D)."""
    return x * (1.0 + scale.unsqueeze(-2)) + shift.unsqueeze(-2)


class FeedForward(MLP):
    """The feed-forward layer with the program's approximate GELU. With ``depthwise`` each channel inside also sees the
    neighbouring places of its group: h + Conv(h), 3 x 3, whose weights begin at 0; with ``depthwise_time`` also its own
    place in the groups before and after, each with a weight that begins at 0."""

    def __init__(self, config: DiTConfig) -> None:
        hidden = round(config.mlp_ratio * config.width)
        super().__init__(config.width, hidden)
        self.near = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden) if config.depthwise else None
        sides = 1 if config.causal else 2  # who looks back alone sees the group before
        self.before_and_after = nn.Parameter(torch.zeros(sides, hidden)) if config.depthwise_time else None

    def forward(self, x: Tensor, grid: tuple[int, int] = (0, 0)) -> Tensor:
        """(B, G, N, D) -> the same. grid: rows and columns of the N patches, for the convolution."""
        return self.extend(x, grid, None)[0]

    def extend(self, x: Tensor, grid: tuple[int, int], before: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """As ``forward`` for groups that follow another; before: what that one was inside, (B, 1, N, H), or None.

        Also what the last group is inside, for the one that follows it; None without ``depthwise_time``.
        """
        h, last = self.wide(x), None
        if self.near is not None:
            places = h.flatten(0, 1).transpose(1, 2).unflatten(2, grid)  # (B, G, N, H) -> (B * G, H, rows, columns)
            near = self.near(places).flatten(2).transpose(1, 2).view_as(h)
            if self.before_and_after is not None:
                nothing, last = torch.zeros_like(h[:, :1]), h[:, -1:]  # (B, 1, N, H): there is nothing outside a film
                padded = torch.cat([nothing if before is None else before, h, nothing], dim=1)  # (B, 1 + G + 1, N, H)
                near = near + self.before_and_after[0] * padded[:, :-2]
                if len(self.before_and_after) > 1:
                    near = near + self.before_and_after[1] * padded[:, 2:]
            h = h + near
        return self.narrow(F.gelu(h, approximate="tanh")), last


def _norm(config: DiTConfig) -> nn.LayerNorm:
    """Without a scale and a shift of its own where the condition gives them."""
    return nn.LayerNorm(config.width, eps=1e-6, elementwise_affine=not config.adaptive)


class BlockPast(NamedTuple):
    """What a block keeps of the groups so far, for the next one."""

    attention: KeysValues  # of all of them
    hidden: Tensor | None  # the last one inside the feed-forward, (B, 1, N, H), for ``depthwise_time``


class Past(NamedTuple):
    """What all blocks keep. groups: how many have gone by, which is the next one's place in time."""

    layers: tuple[BlockPast | None, ...]
    groups: int

    def repeat(self, count: int) -> Past:
        """Each film ``count`` times in a row."""

        def rows(part: Tensor | None) -> Tensor | None:
            return None if part is None else part.repeat_interleave(count, dim=0)

        return Past(tuple(BlockPast(KeysValues(*map(rows, kept.attention)), rows(kept.hidden)) for kept in self.layers),
                    self.groups)  # fmt: skip


class DiTBlock(nn.Module):
    """x + gate * Attention(modulate(norm(x), shift, scale)), then the same with the feed-forward; figure 3.

    Between the two stands the attention to words or other given tokens, where the configuration has one.
    """

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.conditioning, width = config.conditioning, config.width
        self.norm1, self.norm2 = _norm(config), _norm(config)
        self.attn = Attention(width, config.heads, bias=True)
        self.mlp = FeedForward(config)
        attends = config.word_attention or config.conditioning == "cross-attention"
        self.norm_words = _norm(config) if attends else None
        self.words = CrossAttention(width, config.heads, bias=True) if attends else None
        if config.adaptive:
            numbers = 6 if config.conditioning == "adaLN-Zero" else 4
            self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, numbers * width))

    def modulation(self, c: Tensor) -> tuple[Tensor, ...]:
        """Shift, scale and gate of the attention, and of the feed-forward. (B, G or 1, D) -> six such, or numbers.

        adaLN has no gates, the other ways have no modulation: there the gate is 1, shift and scale are 0.
        """
        zero, one = c.new_zeros(1), c.new_ones(1)
        if self.conditioning == "adaLN-Zero":
            return self.adaLN_modulation(c).chunk(6, dim=-1)
        if self.conditioning == "adaLN":
            shift_msa, scale_msa, shift_mlp, scale_mlp = self.adaLN_modulation(c).chunk(4, dim=-1)
            return shift_msa, scale_msa, one, shift_mlp, scale_mlp, one
        return zero, zero, one, zero, zero, one

    def forward(self, x: Tensor, c: Tensor, given: Tensor, mask: Tensor | None, grid: tuple[int, int]) -> Tensor:
        """(B, G, N, D) -> the same. c: (B, G or 1, D). given: (B, L, D), what is attended to beside the patches. grid:
        rows and columns of the patches. mask: bool (B, L), which of the given tokens are there; in-context, where they
        stand among the patches, which of all tokens are there. None where no token is missing."""
        return self.extend(x, c, given, mask, grid)[0]

    def extend(
        self, x: Tensor, c: Tensor, given: Tensor, mask: Tensor | None, grid: tuple[int, int],
        past: BlockPast | None = None, allowed: Tensor | None = None,
    ) -> tuple[Tensor, BlockPast]:  # fmt: skip
        """As ``forward``, for groups that follow those of ``past``; also what is kept of all. allowed: bool (G * N, M),
        which of all M patches so far each one may look at; None for all."""
        attended, hidden = (None, None) if past is None else past
        shift_msa, scale_msa, gate_msa, shift_mlp, scale_mlp, gate_mlp = self.modulation(c)
        films = x.shape[1:3]
        y = modulate(self.norm1(x), shift_msa, scale_msa).flatten(1, 2)  # (B, G, N, D) -> (B, G * N, D)
        y, kept = self.attn.with_memory(y, attended, mask if self.words is None else None, allowed=allowed)
        x = x + gate_msa.unsqueeze(-2) * y.unflatten(1, films)
        if self.words is not None:
            x = x + self.words(self.norm_words(x).flatten(1, 2), given, mask).unflatten(1, films)
        y, last = self.mlp.extend(modulate(self.norm2(x), shift_mlp, scale_mlp), grid, hidden)
        return x + gate_mlp.unsqueeze(-2) * y, BlockPast(kept, last)


class FinalLayer(nn.Module):
    """Tokens to patches of the prediction, (B, G, N, D) -> (B, G, N, channels * p * p); zeros at first."""

    def __init__(self, config: DiTConfig, channels: int) -> None:
        super().__init__()
        self.norm_final = _norm(config)
        self.linear = nn.Linear(config.width, channels * config.patch**2)
        if config.adaptive:
            self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(config.width, 2 * config.width))
        self.adaptive = config.adaptive

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """See the class."""
        x = self.norm_final(x)
        return self.linear(modulate(x, *self.adaLN_modulation(c).chunk(2, dim=-1)) if self.adaptive else x)


class Stem(nn.Module):
    """Convolutions at the resolution of the latents: ``into`` before they are cut, ``out`` after the patches are put
    together again.

    What ``into`` found is added again in ``out``, so places need not pass through a token to be drawn sharply. How much
    of it is right depends on the noise level (of a clean picture, its negative; of noise, the noise itself): it is
    modulated as the tokens are. ``ResidualStem`` is the deeper one.
    """

    def __init__(self, config: DiTConfig, outputs: int) -> None:
        super().__init__()
        self.into = nn.Conv2d(config.channels, config.stem, 3, padding=1)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(config.width, 2 * config.stem))
        self.out = nn.Conv2d(config.stem, outputs, 3, padding=1)

    def take_in(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (B, G, C, h, w) -> features (B, G, S, h, w), twice: to go on with, and to come back to."""
        features = self.into(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return features, features

    def draw_out(self, x: Tensor, features: Tensor, c: Tensor) -> Tensor:
        """x, features: (B, G, S, h, w); c: (B, G or 1, D) -> (B, G, outputs, h, w)."""
        shift, scale = self.adaLN_modulation(c).chunk(2, dim=-1)
        again = modulate(features.flatten(3).transpose(2, 3), shift, scale)  # (B, G, S, h, w) -> (B, G, h * w, S)
        x = x + again.transpose(2, 3).reshape(x.shape)
        return self.out(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class DiT(nn.Module):
    """Noisy latents, noise levels and a condition -> the diffusion's target.

        dit = DiT(DiTConfig(channels=12, patch=1, width=128, depth=6, heads=4, classes=0, word_attention=True))
        dit(x_t, t, tokens)        # (B, G, C, h, w), (B,) or (B, G), int64 (B, L) -> (B, G, C, h, w)
        dit.generate(tokens, (2, 8, 8), generator=generator, w=2.0)     # latents of films, (B, 2, C, 8, 8)
    """

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.diffusion = Diffusion.of(config.schedule, config.target)
        self.outputs = (2 if config.learned_variance else 1) * config.channels
        self.stem = self._stem()
        self.x_embedder = nn.Linear((config.stem or config.channels) * config.patch**2, config.width)
        self.t_embedder = TimestepEmbedder(config.width)
        captions = config.context, config.width, config.text_depth, config.heads
        self.y_embedder = LabelEmbedder(config.classes, config.width) if config.classes else CaptionEmbedder(*captions)
        self.a_embedder = nn.Embedding(config.actions + 1, config.width) if config.actions else None  # the last: no key
        self.blocks = nn.ModuleList(DiTBlock(config) for _ in range(config.depth))
        self.final_layer = FinalLayer(config, config.stem or self.outputs)
        self._initialise()

    def _stem(self) -> Stem | ResidualStem | None:
        config = self.config
        if config.stem_blocks:  # who looks back alone has no convolution over the groups after
            return ResidualStem(config.channels, config.stem, self.outputs, blocks=config.stem_blocks,
                                width=config.width, temporal=not config.causal)  # fmt: skip
        return Stem(config, self.outputs) if config.stem else None

    def _initialise(self) -> None:
        """As the program does: Xavier for matrices, and zeros where a branch joins the tokens and at the end."""
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
            if isinstance(part, nn.Embedding):
                nn.init.normal_(part.weight, std=0.02)
        for index in (0, 2):
            nn.init.normal_(self.t_embedder.mlp[index].weight, std=0.02)
        last = [self.final_layer.linear if self.stem is None else self.stem.out]
        if self.config.adaptive:
            last += [part.adaLN_modulation[-1] for part in [*self.blocks, self.final_layer]]
        last += [block.mlp.near for block in self.blocks if block.mlp.near is not None]
        if self.config.word_attention:
            last += [block.words.out for block in self.blocks]
        for part in last:
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)

    def forward(
        self, x_t: Tensor, t: Tensor, condition: Tensor | None = None, actions: Tensor | None = None
    ) -> Tensor:
        """See the class. t: in [0, 1], one for each film or for each group. condition: None for none. actions: int64
        (B, G), the key that led to each group, ``config.actions`` where none did; None for none at all.

        With ``learned_variance`` the output has twice the channels, the second half of which says the variance.
        Raises ValueError for latents, levels, conditions or actions of other shapes.
        """
        return self.extend(x_t, t, condition, actions)[0]

    def extend(
        self, x_t: Tensor, t: Tensor, condition: Tensor | None = None, actions: Tensor | None = None,
        past: Past | None = None,
    ) -> tuple[Tensor, Past]:  # fmt: skip
        """As ``forward`` for the groups that follow those of ``past``; also the past of those that follow.

        The past that goes in stays as it is: what is being denoised can look at the same past in every step.
        Raises ValueError for a past where a group sees later ones too.
        """
        self._check(x_t, t, condition, actions)
        if past is not None and not self.config.causal:
            raise ValueError("only groups that look back alone can be made one after the other: causal is False here")
        films, (rows, columns) = x_t.shape[:2], (side // self.config.patch for side in x_t.shape[3:])
        time = self.t_embedder(t if t.ndim == 2 else t[:, None])  # (B, G or 1, D)
        given = self.y_embedder(self.y_embedder.empty(len(x_t)) if condition is None else condition)
        c = time + given.pooled[:, None]
        if self.a_embedder is not None:
            none = torch.full(films, self.config.actions, device=x_t.device)
            c = c + self.a_embedder(none if actions is None else actions)  # (B, G, D)

        gone = 0 if past is None else past.groups
        features, found = (x_t, None) if self.stem is None else self.stem.take_in(x_t, c)
        x = self.x_embedder(patchify(features, self.config.patch))  # (B, G, C, h, w) -> (B, G, N, D)
        x = x + spacetime_positions(gone + films[1], rows, columns, self.config.width)[gone:].to(x)
        x, kept = self._through_blocks(x, c, time, given, (rows, columns), past)
        x = unpatchify(self.final_layer(x, c), self.config.patch, tuple(x_t.shape[3:]))  # (B, G, 2 C or C, h, w)
        if self.stem is not None:
            x = self.stem.draw_out(x, found, c)
        return x.float(), kept  # also where mixed precision computes in bfloat16

    def _through_blocks(
        self, x: Tensor, c: Tensor, time: Tensor, given: Given, grid: tuple[int, int], past: Past | None
    ) -> tuple[Tensor, Past]:
        """The blocks, with the condition where each of the four ways wants it. (B, G, N, D) -> (B, G, N, D)."""
        tokens, mask, shape, allowed = given.words, given.mask, x.shape, None
        if not self.config.adaptive:  # time and words side by side, (B, G or 1, D) and (B, L, D)
            if time.shape[1] > 1:
                time = time + (sincos(time.shape[1], time.shape[2]) - sincos(1, time.shape[2])).to(time)
            tokens = torch.cat([time, given.words], dim=1)
            mask = torch.cat([mask.new_ones(time.shape[:2]), mask], dim=1)
        if self.config.conditioning == "in-context":
            x = torch.cat([x.flatten(1, 2), tokens], dim=1)[:, None]  # (B, 1, G * N + L', D)
            mask = torch.cat([mask.new_ones(len(mask), shape[1] * shape[2]), mask], dim=1)
        layers, gone = past if past is not None else ((None,) * len(self.blocks), 0)
        if self.config.causal and shape[1] > 1:  # a single new group may look at everything
            seen = causal_mask(shape[1], gone + shape[1])  # (G, all groups) -> (G * N, all patches)
            allowed = seen.repeat_interleave(shape[2], 0).repeat_interleave(shape[2], 1).to(x.device)
        kept = []
        for block, before in zip(self.blocks, layers, strict=True):
            takes = None if self.config.adaptive and block.words is None else mask
            x, now = block.extend(x, c, tokens, takes, grid, before, allowed)
            kept.append(now)
        if self.config.conditioning == "in-context":
            x = x[:, 0, : shape[1] * shape[2]].view(shape)
        return x, Past(tuple(kept), gone + shape[1])

    def _check(self, x_t: Tensor, t: Tensor, condition: Tensor | None, actions: Tensor | None) -> None:
        channels, patch = self.config.channels, self.config.patch
        if x_t.ndim != 5 or x_t.shape[2] != channels or not x_t.is_floating_point():
            raise ValueError(f"float latents (B, G, {channels}, h, w) are wanted, got {x_t.dtype} {tuple(x_t.shape)}")
        if x_t.shape[3] % patch or x_t.shape[4] % patch:
            raise ValueError(f"latents of {x_t.shape[3]} x {x_t.shape[4]} cannot be cut into patches of {patch}")
        if tuple(t.shape) not in {(len(x_t),), tuple(x_t.shape[:2])}:
            raise ValueError(f"one noise level a film or a group is wanted, (B,) or (B, G), got {tuple(t.shape)} for "
                             f"{tuple(x_t.shape[:2])}")  # fmt: skip
        if condition is not None and len(condition) != len(x_t):
            raise ValueError(f"{len(x_t)} films have as many conditions, not {len(condition)}")
        if actions is not None and not self.config.actions:
            raise ValueError("this DiT takes no actions: call it without them")
        if actions is not None and (actions.shape != x_t.shape[:2] or actions.is_floating_point()):
            raise ValueError(f"one action for each group is wanted, int64 {tuple(x_t.shape[:2])}, got {actions.dtype} "
                             f"{tuple(actions.shape)}")  # fmt: skip

    # ---- training

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The mean squared error of the prediction. batch: ``{"latents": (B, G, C, h, w), "tokens": int64 (B, L)}``, or
        ``labels`` int64 (B,) in place of tokens, or neither; and ``actions`` int64 (B, G). step is not used.

        With ``learned_variance`` only the first half of the output learns here: the paper's second term is left out.
        A share ``dropped`` of the rows is shown without condition, so that the model can be guided. In a share
        ``masked`` some groups are known, see ``draw_known``: they are shown clean, at noise level 0, and do not count.
        The others of a film have one level, or with ``forcing`` each its own.
        """
        z = batch["latents"]
        condition = batch.get("labels" if self.config.classes else "tokens")
        dropped = uniform((len(z),), generator).to(z.device) < self.config.dropped
        levels = z.shape[1] if self.config.forcing else 1
        t = draw_times(len(z) * levels, generator, self.config.times).to(z.device).unflatten(0, (len(z), levels))
        known = self.draw_known(len(z), z.shape[1], generator).to(z.device)
        epsilon = normal(z.shape, generator).to(z)
        t = torch.where(known, 0.0, t)  # (B, G)
        x_t = self.diffusion.noised(z.flatten(0, 1), epsilon.flatten(0, 1), t.flatten()).view_as(z)
        target = self.diffusion.target_of(z.flatten(0, 1), epsilon.flatten(0, 1), t.flatten()).view_as(z)
        condition = None if condition is None else self.y_embedder.drop(condition, dropped)
        drawn = self(x_t, t, condition, batch.get("actions"))[:, :, : self.config.channels]
        counts = (~known).to(z)
        error = (drawn - target).square().mean(dim=(2, 3, 4))  # (B, G)
        return {"loss": (error * counts).sum() / counts.sum()}

    def draw_known(self, films: int, groups: int, generator: torch.Generator) -> Tensor:
        """Which groups of each film are known in training, bool (B, G): never all of a film.

        In a share ``masked`` of the films each with probability 1/2; with ``causal`` some first ones, at least one,
        since what comes later is nothing to look at.
        """
        masked = uniform((films,), generator) < self.config.masked
        if self.config.causal:
            first = 1 + integers(max(groups - 1, 1), (films, 1), generator)  # 1 to G - 1
            known = torch.arange(groups, device=first.device) < first
        else:
            known = uniform((films, groups), generator) < 0.5
        known = known & masked[:, None]
        return known & ~known.all(dim=1, keepdim=True)

    # ---- sampling

    def nothing(self, count: int) -> Tensor:
        """The condition that says that none is given, for so many films."""
        return self.y_embedder.empty(count)

    def predict(
        self, condition: Tensor | None = None, w: float = 1.0, known: KnownGroups | None = None,
        actions: Tensor | None = None,
    ) -> Predict:  # fmt: skip
        """What samplers call: x_t (B, G, C, h, w), t (B,) -> the target, guided with weight w (see ``guided``).

        condition: None for none. w = 0 is the model without condition, w = 1 with it. known: the model sees these
        groups clean, at level 0, in both branches. actions: (B, G), in both branches.
        """

        def branch(given: Tensor | None) -> Predict:
            def one(x_t: Tensor, t: Tensor) -> Tensor:
                if known is not None:
                    x_t, t = known.put_into(x_t), torch.where(known.groups_of(x_t), 0.0, t[:, None])
                return self(x_t, t, given, actions)[:, :, : self.config.channels]

            return one

        if condition is None or w == 0.0:
            return branch(None)
        return branch(condition) if w == 1.0 else guided(branch(None), branch(condition), w)

    @torch.no_grad()
    def generate(
        self, condition: Tensor, shape: tuple[int, int, int], *, generator: torch.Generator, steps: int = 16,
        w: float = 1.0, sampler: str | Step = "ddim", known: KnownGroups | None = None, actions: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Latents of films, (B, G, C, h, w); known groups are exactly as they were given.

        condition: one row a film, see ``nothing``. shape: groups, rows and columns of the latents, any that the patches
        fill. See ``predict`` and ``nets.samplers`` for the rest.
        """
        groups, rows, columns = shape
        noise = normal((len(condition), groups, self.config.channels, rows, columns), generator)
        noise = noise.to(self.x_embedder.weight)
        predict = self.predict(condition, w, known, actions)
        z = sample(self.diffusion, predict, noise, steps=steps, sampler=sampler, generator=generator)
        return z if known is None else known.put_into(z)


class AveragedDiT(nn.Module):
    """What is trained: a DiT, and the moving average of its weights, which is the one to sample from and to keep.

    train("dit", "tiny").model.average        # a DiT
    load_checkpoint("dit").average            # a DiT; of the network that learned nothing is kept
    """

    def __init__(self, config: DiTConfig, make: Callable[[DiTConfig], DiT] = DiT) -> None:
        """make: builds the network, where it is another one that is trained alike."""
        super().__init__()
        self.config = config
        self.network = make(config)
        self.average = copy.deepcopy(self.network).requires_grad_(False)

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Of the network that learns, see ``DiT.loss``."""
        return self.network.loss(batch, step, generator)

    def after_step(self, step: int, of: int) -> None:
        """The average follows."""
        update_average(self.average, self.network, ema_decay(step, self.config.ema))
