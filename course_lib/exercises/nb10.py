"""Exercises of notebook 10, the diffusion transformer: modulation, noise levels, known groups, two counts, a leak."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, Slip, check_values, must_equal, seeded

Network = Callable[[Tensor, Tensor], Tensor]


# --- 1. modulation ----------------------------------------------------------------------------------------------------
def my_modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalised tokens, scaled and shifted: x (1 + scale) + shift. x: (..., N, D); shift, scale: (..., D)."""
    return x * (1.0 + scale.unsqueeze(-2)) + shift.unsqueeze(-2)


def _tokens_and_two_rows(seed: int, *, groups: bool = False) -> Inputs:
    generator = seeded(seed)
    # as many films (and groups) as tokens: a row that is laid along the wrong axis fits, and is heard
    shape = ((3, 3, 3, 4), (4, 4, 4, 2))[seed % 2] if groups else ((3, 3, 4), (4, 4, 2))[seed % 2]
    x = torch.randn(shape, generator=generator)
    shift, scale = (torch.randn((*shape[:-2], shape[-1]), generator=generator) for _ in range(2))
    return x, shift, scale


def _check_modulate(candidate: Asked) -> None:
    def right(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return x + torch.einsum("...nd,...d->...nd", x, scale) + shift[..., None, :]

    slips: list[Slip] = [
        (lambda x, shift, scale: x * (1.0 + scale) + shift,
         "Film 1's shift and scale reached token 1 of every film: (B, D) beside (B, N, D) is laid along the "
         "tokens. Make it (B, 1, D)."),
        (lambda x, shift, scale: right(x, shift, scale - 1.0),
         "A scale of 0 is to leave the tokens as they are: the factor is 1 + scale."),
        (lambda x, shift, scale: right(x, scale, shift), "Shift and scale are exchanged."),
        (lambda x, shift, scale: right(x + shift[..., None, :], torch.zeros_like(shift), scale),
         "The shift was scaled too: scale first, then shift."),
        (lambda x, shift, scale: right(x, shift, scale.exp() - 1.0),
         "The factor here is 1 + scale, not its exponential."),
        (lambda x, shift, scale: right(x, -shift, scale), "The shift is added, not taken off."),
    ]  # fmt: skip
    otherwise = "At {place} (the last two are token and channel) {wanted} is expected, yours has {mine}."
    check_values(candidate, right, _tokens_and_two_rows, slips, otherwise)
    second = (
        lambda x, shift, scale: x * (1.0 + scale.unsqueeze(1)) + shift.unsqueeze(1),
        "It is right without groups, for x (B, N, D). Here x is (B, G, N, D), and your new axis stands where the "
        "groups are. Count from the end: it stands just before the last axis, as `[..., None, :]` puts it.",
    )
    check_values(
        candidate, right, lambda seed: _tokens_and_two_rows(seed, groups=True), [second, *slips], otherwise, rounds=2
    )


register(
    Exercise(
        id="dit.modulate",
        notebook="10",
        title="Scale and shift",
        difficulty=2,
        minutes=6,
        reference=my_modulate,
        check=_check_modulate,
        gradients=("x", "shift", "scale"),
        hints=(
            "One row of D numbers is to reach all N tokens of its own film. Which shape does it need beside (B, N, D)?",
            "x * (1 + scale.unsqueeze(-2)) + shift.unsqueeze(-2): an axis of length 1 where the tokens stand.",
        ),
        explanation="The axis of length 1 is what keeps films apart. Without it the line still runs whenever there are "
        "as many films in the batch as tokens, and nobody is warned. With scale = shift = 0 nothing happens: that is "
        "why the factor is 1 + scale.",
    )
)


# --- 2. the noise level as waves --------------------------------------------------------------------------------------
def my_timestep_embedding(t: Tensor, width: int) -> Tensor:
    """Noise levels as waves, cosines first: cos, sin of 1000 t w_k, w_k = 10000^(-2k/width). (...) -> (..., width)."""
    half = width // 2
    speed = 10_000.0 ** (-torch.arange(half) / half)  # (width / 2,)
    angle = 1000.0 * t[..., None] * speed  # (..., width / 2)
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def _levels_and_width(seed: int) -> Inputs:
    generator = seeded(seed)
    shape = ((4,), (2, 3), (5,))[seed % 3]
    return 0.02 + 0.3 * torch.rand(shape, generator=generator), (8, 12, 6)[seed % 3]


def _check_timestep_embedding(candidate: Asked) -> None:
    def waves(t: Tensor, width: int, longest: float = 10_000.0, steps: float = 1000.0, least: int = 0) -> Tensor:
        half = width // 2
        speed = torch.tensor([longest ** (-k / (half - least)) for k in range(half)])
        return steps * t[..., None] * speed

    def joined(angle: Tensor) -> Tensor:
        return torch.cat([angle.cos(), angle.sin()], dim=-1)

    check_values(
        candidate,
        lambda t, width: joined(waves(t, width)),
        _levels_and_width,
        [
            (lambda t, width: torch.cat([waves(t, width).sin(), waves(t, width).cos()], dim=-1),
             "The sines stand first; here it is the cosines."),
            (lambda t, width: joined(waves(t, width, steps=1.0)),
             "The factor 1000 is missing: with t from 0 to 1 no wave would come round even once."),
            (lambda t, width: joined(waves(t, width, least=1)),
             "Your slowest wave has the speed 1/10000 exactly. The exponent is -k / (width / 2), which stops before."),
            (lambda t, width: joined(waves(t, width, longest=100.0)),
             "The exponent is -2k / width: there are width / 2 speeds, from 1 down to nearly 1/10000."),
            (lambda t, width: torch.stack([waves(t, width).cos(), waves(t, width).sin()], dim=-1).flatten(-2),
             "Cosines and sines take turns in your answer; all cosines come first, then all sines."),
        ],
        "At {place} (the last one is the channel) {wanted} is expected, yours has {mine}.",
        atol=2e-3,
    )  # fmt: skip


register(
    Exercise(
        id="dit.timestep_embedding",
        notebook="10",
        title="The noise level as waves",
        difficulty=2,
        minutes=10,
        reference=my_timestep_embedding,
        check=_check_timestep_embedding,
        hints=(
            "width / 2 speeds, from 1 down; each level times 1000 times each speed is an angle. t may have any shape: "
            "t[..., None] meets the speeds in a new last axis.",
            "speed = 10_000.0 ** (-torch.arange(half) / half); angle = 1000.0 * t[..., None] * speed; then cosines and "
            "sines side by side with torch.cat(..., dim=-1).",
        ),
        explanation="The same waves as for places (notebook 06), of a number that is not whole. Fast waves tell "
        "neighbouring levels apart, slow ones say roughly where on the way from noise to data we are.",
    )
)


# --- 3. known groups at level 0 ---------------------------------------------------------------------------------------
def my_noised_groups(z: Tensor, epsilon: Tensor, t: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """(1 - t) z + t epsilon, but known groups stay clean, at level 0.

    z, epsilon: (B, G, C, h, w); t: (B,); known: bool (B, G) -> the noisy latents, and the levels (B, G).
    """
    levels = torch.where(known, 0.0, t[:, None])  # (B, G)
    share = levels[:, :, None, None, None]
    return (1.0 - share) * z + share * epsilon, levels


def _groups_to_be_noised(seed: int) -> Inputs:
    generator = seeded(seed)
    z, epsilon = (torch.randn(3, 3, 2, 2, 2, generator=generator) for _ in range(2))
    t = 0.2 + 0.2 * torch.rand(3, generator=generator)
    known = torch.tensor([[True, False, False], [False, False, False], [True, False, True]])
    return z, epsilon, t, known[torch.randperm(3, generator=generator)]


def _check_noised_groups(candidate: Asked) -> None:
    def mixed(z: Tensor, epsilon: Tensor, levels: Tensor) -> Tensor:
        each = levels.view(*levels.shape, 1, 1, 1)
        return z + each * (epsilon - z)

    def at(t: Tensor, known: Tensor) -> Tensor:
        return t[:, None] * (~known).to(t)

    everywhere = lambda t, known: t[:, None].expand(known.shape)  # noqa: E731
    for seed in range(3):
        z, epsilon, t, known = inputs = _groups_to_be_noised(seed)
        levels = at(t, known)
        must_equal(
            candidate(*inputs),
            (mixed(z, epsilon, levels), levels),
            [
                ((mixed(z, epsilon, everywhere(t, known)), levels),
                 "The levels say 0 for the known groups, and their latents are noisy all the same: the network would "
                 "be misled."),
                ((mixed(z, epsilon, levels), everywhere(t, known)),
                 "The known groups are clean, and their level says that they are not: it is 0 for them."),
                ((mixed(z, epsilon, everywhere(t, known)), everywhere(t, known)), "The mask is not used: known groups "
                                                                                  "are to stay clean."),
                ((mixed(z, epsilon, at(t, ~known)), at(t, ~known)),
                 "The mask is turned round: the groups that are known got the noise."),
                ((mixed(epsilon, z, levels), levels), "Data and noise are exchanged: at level 0 there are only data."),
                ((torch.where(known[:, :, None, None, None], epsilon, mixed(z, epsilon, levels)), levels),
                 "Known groups hold nothing but noise in your answer; they are to hold the data."),
            ],
            "At {place} {wanted} is expected, yours has {mine}.",
        )  # fmt: skip


register(
    Exercise(
        id="dit.noised_groups",
        notebook="10",
        title="Known groups at level 0",
        difficulty=2,
        minutes=8,
        reference=my_noised_groups,
        check=_check_noised_groups,
        parts=("x_t", "levels"),
        hints=(
            "First the levels, one for each group: t of the film, and 0 where the group is known. Then the usual line, "
            "with the levels in a shape that meets (B, G, C, h, w).",
            "levels = torch.where(known, 0.0, t[:, None]); share = levels[:, :, None, None, None].",
        ),
        explanation="Nothing else is needed to continue a film, to fill a gap, or to begin with a picture: what is "
        "known is an input like any other, at noise level 0. The network sees the level of every group by itself.",
    )
)


# --- 4. a block's parameters ------------------------------------------------------------------------------------------
def my_block_parameters(width: int) -> int:
    """How many numbers a DiT block with adaLN-Zero learns: attention, feed-forward (4 widths), modulation, biases."""
    attention = 4 * (width * width + width)  # queries, keys, values, and the way out
    feed_forward = 8 * width * width + 5 * width
    modulation = 6 * (width * width + width)
    return attention + feed_forward + modulation


def _check_block_parameters(candidate: Asked) -> None:
    check_values(
        candidate,
        lambda d: 18 * d * d + 15 * d,
        lambda seed: (5 + 4 * seed,),
        [
            (lambda d: 18 * d * d, "The biases are missing: every matrix here has one, a number for each output."),
            (lambda d: 12 * d * d + 9 * d, "The modulation is missing: one more matrix, from c to six rows of D."),
            (lambda d: 16 * d * d + 13 * d, "There are six rows of modulation, the two gates among them, not four."),
            (lambda d: 18 * d * d + 19 * d, "The norms have no scale and shift of their own here: the modulation is."),
            (lambda d: 14 * d * d + 14 * d, "The feed-forward has two matrices, D to 4D and 4D to D."),
            (lambda d: 17 * d * d + 14 * d, "Attention has four matrices: queries, keys, values, and the way out."),
            (lambda d: 18 * d * d + 12 * d, "The feed-forward has biases of 4D and of D: five, not two, times D."),
        ],
        "A block has {wanted} parameters, yours says {mine}.",
        rtol=0.0,
        atol=0.25,
    )  # fmt: skip
    found = candidate(1152)
    must_equal(found, 23_905_152, [], "DiT-XL's block, of width 1152, has {wanted} parameters, yours says {mine}.",
               rtol=0.0, atol=0.25)  # fmt: skip


register(
    Exercise(
        id="dit.block_parameters",
        notebook="10",
        title="A block's parameters",
        difficulty=2,
        minutes=8,
        reference=my_block_parameters,
        check=_check_block_parameters,
        hints=(
            "A linear layer from a to b numbers has a b weights and b biases. Which layers are in a block, and from "
            "where to where do they lead?",
            "Attention: D to 3D, and D to D. Feed-forward: D to 4D, and 4D to D. Modulation: D to 6D.",
        ),
        explanation="18 D^2 + 15 D. A third of it, 6 D^2, only steers: it turns noise level and condition into shifts, "
        "scales and gates. It costs hardly any time, because it is used once for a picture and not once for a token.",
    )
)


# --- 5. multiply-adds -------------------------------------------------------------------------------------------------
def my_multiply_adds(tokens: int, width: int, depth: int) -> int:
    """Multiplications (each with its addition) of all blocks with adaLN-Zero in one forward pass over one picture."""
    matrices = 12 * tokens * width * width  # of attention and feed-forward, for every token
    attention = 2 * tokens * tokens * width  # products of queries and keys, and the mean of the values
    modulation = 6 * width * width  # once, for all tokens
    return depth * (matrices + attention + modulation)


def _check_multiply_adds(candidate: Asked) -> None:
    def blocks(n: int, d: int, depth: int, matrices: int = 12, products: int = 2, steering: int = 6) -> int:
        return depth * (matrices * n * d * d + products * n * n * d + steering * d * d)

    check_values(
        candidate,
        blocks,
        lambda seed: (7 + 5 * seed, 4 * (3 + seed % 4), 2 + seed % 3),
        [
            (lambda n, d, depth: blocks(n, d, depth, matrices=18, steering=0),
             "You count the modulation for every token. It is computed from c, once for a picture."),
            (lambda n, d, depth: blocks(n, d, depth, products=0),
             "Attention itself is missing: queries times keys, and shares times values."),
            (lambda n, d, depth: blocks(n, d, depth, products=1),
             "Attention has two products of N x N x D: queries with keys, and shares with values."),
            (lambda n, d, depth: blocks(n, d, depth, steering=0), "The modulation is missing, 6 D^2 a picture."),
            (lambda n, d, depth: 2 * blocks(n, d, depth),
             "You count additions apart. Here, as in the paper, a multiplication with its addition counts once."),
            (lambda n, d, depth: blocks(n, d, 1), "That is one block; there are `depth` of them."),
            (lambda n, d, depth: blocks(n, d, depth, matrices=4), "The feed-forward is missing, 8 D^2 a token."),
        ],
        "It takes {wanted} of them, yours says {mine}.",
        rtol=0.0,
        atol=0.25,
    )  # fmt: skip


register(
    Exercise(
        id="dit.multiply_adds",
        notebook="10",
        title="What a forward pass costs",
        difficulty=3,
        minutes=10,
        reference=my_multiply_adds,
        check=_check_multiply_adds,
        hints=(
            "A matrix of a x b costs a b multiplications each time it is used. Which matrices of a block are used for "
            "every token, which once for a picture, and what is multiplied without a matrix?",
            "For every token 12 D^2; for every pair of tokens 2 D; once 6 D^2; all of it `depth` times.",
        ),
        explanation="With N = 256 and D = 1152 the matrices are 96 % of the work, attention 3.6 %, the modulation, a "
        "third of the parameters, 0.2 %. So the operations go with depth, N and D^2; a patch of half the side makes N "
        "four times as large and costs four times as much, with the same parameters.",
    )
)


# --- 6. do films see each other? --------------------------------------------------------------------------------------
def my_mixes_films(network: Network, x: Tensor, t: Tensor) -> bool:
    """Whether what the network says of any film depends on the other films of its batch.

    network: x (B, ...) and t (B,) -> (B, ...); it takes batches of B films only.
    """
    before = network(x, t)
    for film in range(len(x)):
        others = torch.arange(len(x)) != film
        x_new, t_new = x.clone(), t.clone()
        x_new[others], t_new[others] = 1.0 - x[others], 1.0 - t[others]
        if not torch.allclose(network(x_new, t_new)[film], before[film], rtol=0.0, atol=1e-6):
            return True
    return False


def _made(mixing: Callable[[Tensor], Tensor], *, of_t: bool, size: float, count: int) -> Network:
    """A network that adds to each film what ``mixing`` (B, D) -> (B, D) takes from the batch, from x or from t."""

    def network(x: Tensor, t: Tensor) -> Tensor:
        if len(x) != count or len(t) != count:
            raise ValueError(f"this network takes batches of {count} films")
        source = t[:, None].expand(x.shape) if of_t else x
        return torch.sin(3.0 * x) * (1.0 + t[:, None]) + size * mixing(source)

    return network


def _from_before(source: Tensor) -> Tensor:
    """Film n gets film n - 1 in its last number; the first film gets nothing."""
    given = torch.zeros_like(source)
    given[1:, -1] = source[:-1, -1]
    return given


_MIXING: dict[str, Callable[[Tensor], Tensor]] = {
    "nothing": lambda s: s.square(),
    "a mean over the batch": lambda s: s.mean(dim=0, keepdim=True).expand(s.shape),
    "the film before": _from_before,
    "the film after": lambda s: _from_before(s.flip(0)).flip(0),
}


def _check_mixes_films(candidate: Asked) -> None:
    generator = seeded(0)
    for name, of_t, size in [(n, o, s) for s in (1.0, 1e-3) for n in _MIXING for o in (False, True)]:
        count = 4
        x, t = torch.rand(count, 5, generator=generator), 0.3 * torch.rand(count, generator=generator)
        mine = candidate(_made(_MIXING[name], of_t=of_t, size=size, count=count), x, t)
        wanted = name != "nothing"
        if mine == wanted:
            continue
        if not wanted:
            raise Wrong("This network computes each film from itself alone, and your test says that it does not. Leave "
                        "the film that you look at as it is, its x and its t.")  # fmt: skip
        what = "noise levels t" if of_t else "latents x"
        if size < 1.0:
            raise Wrong("A small dependence is one as well: here the others change a film's answer by about a "
                        "thousandth. What is left by rounding is below a millionth.")  # fmt: skip
        if name == "a mean over the batch":
            raise Wrong(f"This network adds the mean of the batch's {what} to every film, and your test did not "
                        "notice. Change x and t of the other films; to shuffle them changes no mean.")  # fmt: skip
        raise Wrong(f"In this network {name} enters a film's answer, by its {what}, in a single number. Your test did "
                    "not notice: look at every film, first and last, and at every number.")  # fmt: skip


register(
    Exercise(
        id="dit.mixes_films",
        notebook="10",
        title="Do films see each other?",
        difficulty=3,
        minutes=12,
        reference=my_mixes_films,
        check=_check_mixes_films,
        like=lambda network, x, t: True,
        hints=(
            "Keep one film, change x and t of all others, and compare what is said of that film. Do it for each film.",
            "For film in range(len(x)): copies of x and t; the rows of the others replaced by 1 minus them; then "
            "torch.allclose(network(...)[film], before[film], rtol=0, atol=1e-6).",
        ),
        explanation="Films of a batch are strangers: they stand there together only because that is faster. A wrong "
        "axis lets them see each other, no error is raised, and the loss still falls. The test costs a few calls of an "
        "untrained network.",
    )
)
