# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% slideshow={"slide_type": "skip"} tags=["hosted"] jupyter={"source_hidden": true}
# On a hosted service (Colab, Kaggle) this cell installs the course; where the course is, it does nothing.
import importlib.util
import os
import subprocess
import sys

hosted = "google.colab" in sys.modules or {"KAGGLE_KERNEL_RUN_TYPE", "COURSE_ADDRESS"} & set(os.environ)
if hosted and importlib.util.find_spec("course_lib") is None:
    address = os.environ.get("COURSE_ADDRESS", "")
    if not address:
        raise RuntimeError("Where is the course? Run %env COURSE_ADDRESS=git+https://... (or a wheel's address) first")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)
    importlib.invalidate_caches()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# # 13 The video tokenizer
#
# **The question.** Can a film be written down in words: 64 of them for each frame, from a vocabulary of 512 that nobody gave us?
#
# **After this notebook you can** build and train a VQ-VAE (a vector-quantised autoencoder, 矢量量化自编码器), let a gradient pass through a choice, tell from one number that a vocabulary is dying and cure it, and say when a quantiser without any vocabulary does as well.
#
# | | |
# |---|---|
# | It costs | about a minute and a half of computing on two cores, an hour of reading and exercises; about 1.5 GiB of memory |
# | It needs | notebook 02 for autoencoders and decibels; notebook 06 for patches |
# | It builds | the first of Genie's three parts: the video tokenizer (视频分词器) |
# | It examines | sentences of the slides (of the lecture that this course follows; `claims.md` lists them all), shown in the box below |
#
# **Lecture plan (45 minutes).** 4 question and prediction; 9 six numbers, the staircase, plain patches; 11 the parts, the loss, the class; 4 training; 8 look and play; 5 the dying vocabulary; 4 the measurement, the discussion.
#
# **To discuss.** 1. A language has words because mouths and ears can tell only so many sounds apart. What does a world model gain from having words? 2. Every word of our vocabulary was chosen to draw pixels well. Which words would an agent have chosen?

# %% [markdown] tags=["lecture"]
# Two slides name what this notebook builds, one under Genie and one under the JEPA:
#
# > **The slides.** *采用 VQ-VAE 训练方式, 让交互过程在视频的离散表示空间; 转为长度 T 离散 Tokens* (trained as a VQ-VAE, so that interaction happens in a discrete space; the film becomes discrete tokens). *变分自编码器 VAE、掩码自编码器 MASK-VAE、去噪自编码器 VQ-VAE* (the variational autoencoder VAE, the masked autoencoder MASK-VAE, the denoising autoencoder VQ-VAE).

# %% [markdown] tags=["lecture"]
# Genie (Bruce et al. 2024) learns to be a game from films alone. It has three parts. The **tokenizer** writes films as whole numbers; the latent action model guesses what was pressed between two frames (notebook 14); the dynamics model predicts the next frame's numbers (notebook 15). This notebook builds the first.

# %% [markdown] tags=["lecture"]
# Why whole numbers? V of notebook 02 gave 32 real numbers, and M had to say with mixtures of Gaussians where they might go next. A **token** (词元), one of $K$ whole numbers, is easier to be uncertain about: the network gives a probability to each of the $K$, and two possible futures stay two, with no grey mean between them.

# %% tags=["lecture"]
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import show
from course_lib.exercises import exercise
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

show.use_style()

# %% [markdown]
# The film set is `simple`: the agent and two bodies. Tokenizer and latent actions learn from it, for a reason: three things move, and only one of them obeys. Whoever finds the actions in such films has found out which part can be controlled.

# %% tags=["lecture"]
train_films = load_films("simple", split="train", count=1000)
test_films = load_films("simple", split="test", count=100)
film = test_films.frames[1]
show.strip(film, every=3, title=test_films.captions[1])

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# A frame of 32 by 32 pixels becomes 8 by 8 tokens, one for each patch (图块) of 4 by 4 pixels. Each token is one of 512 codes, so 9 bits; a frame is 576 bits. Before you read on, write down your answers.
#
# 1. Nothing forces the network to use all of its 512 codes. If we train it with no precautions at all, how many will be in use?
# 2. A token stands at the place of a patch. If you exchange one token for another and draw the frame again, what changes: the 16 pixels of its patch, or more?

# %% [markdown] tags=["lecture"]
# Put your first answer into the next cell. It comes back in *Break it*.

# %% tags=["lecture"]
my_guess_in_use = 0

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Intuition
#
# ### Six numbers, two codes
#
# To quantise (量化) is to answer with the nearest of a few. Here are six numbers and a **codebook** (码本) of two codes. Each number chooses the nearest code; then each code moves to the mean of those that chose it; and again.

# %% tags=["lecture", "nbval-check-output"]
numbers = torch.tensor([0.1, 0.3, 0.4, 2.0, 2.2, 2.6])
codes = torch.tensor([1.0, 2.0])
for _ in range(3):
    choice = (numbers[:, None] - codes[None, :]).abs().argmin(dim=1)  # (6, 2) -> (6,)
    print("codes", [round(c, 2) for c in codes.tolist()], "choice", choice.tolist())
    codes = torch.stack([numbers[choice == k].mean() for k in range(2)])

# %% [markdown] tags=["lecture"]
# After one round the codes stand in the middle of the two groups, and nothing moves any more. This is k-means, and it is half of what a VQ-VAE does. Now begin again with three codes, the third one far away.

# %% tags=["lecture", "nbval-check-output"]
codes = torch.tensor([1.0, 2.0, 9.0])
for _ in range(3):
    choice = (numbers[:, None] - codes[None, :]).abs().argmin(dim=1)  # (6, 3) -> (6,)
    chosen = [numbers[choice == k] for k in range(3)]
    codes = torch.stack([c.mean() if len(c) else code for c, code in zip(chosen, codes, strict=True)])
print("codes", [round(c, 2) for c in codes.tolist()], "chosen", [len(c) for c in chosen])

# %% [markdown] tags=["lecture"]
# No number chose the third code, so nothing moved it, so no number will ever choose it. It is **dead**. Remember it; in *Break it* most of a codebook goes that way.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A staircase has no slope
#
# The other half of a VQ-VAE is that the numbers themselves are made by a network, which has to learn. Left: what comes out of the quantiser as its input grows. Where the line is flat its slope is 0, and the decoder's gradient, a product of slopes, ends there.

# %% tags=["lecture"]
x = np.linspace(-0.5, 3.5, 400)
stairs = np.array([0.27, 1.3, 2.27])  # three codes
steps = stairs[np.abs(x[:, None] - stairs).argmin(axis=1)]  # (400, 3) -> (400,)
fig, axes = plt.subplots(1, 2, figsize=(8, 2.6), sharey=True)
axes[0].plot(x, steps)
axes[1].plot(x, steps, alpha=0.35)
axes[1].plot(x, x, "--", label="what the gradient sees")
axes[0].set(title="forwards: the nearest code", xlabel="x", ylabel="answer")
axes[1].set(title="backwards: straight through", xlabel="x")
axes[1].legend()
plt.show()

# %% [markdown] tags=["lecture"]
# The way out is a white lie, the **straight-through estimator** (直通估计). Forwards the staircase; backwards we pretend that the answer was $x$ itself, with slope 1. The lie is small as long as $x$ and its code are close, which is one reason to keep them close.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Words without a network
#
# We can have tokens at once, without any training: cut frames into patches and let k-means find the 512 patches that draw them best. Here are the first 48 of that vocabulary, and the film written in it.

# %% tags=["lecture"]
from course_lib.exam.measures.coders import patch_codebook, patch_coder
from course_lib.exam.measures.frames import psnr_by_film
from course_lib.nets.patches import patchify
from course_lib.worlds.frames import to_uint8

fit_on = train_films.frames[:, ::8].reshape(-1, 32, 32, 3)  # (1000, 4, ...) -> (4000, 32, 32, 3)
vocabulary = patch_codebook(fit_on, 512)  # (512, 48)
plain = patch_coder(vocabulary)
pictures = to_uint8(vocabulary[:48].unflatten(1, (3, 4, 4)))  # (48, 48) -> (48, 4, 4, 3)
show.grid(pictures.repeat(4, axis=1).repeat(4, axis=2), columns=16)

# %% [markdown] tags=["lecture"]
# Corners, edges, a bit of an eye; most of the words are for the many ways in which a coloured edge can cross a small square.

# %% tags=["lecture"]
show.strips({"the film": film, "plain patches": to_uint8(plain(to_model(film)))}, every=4)

# %% [markdown] tags=["lecture"]
# Not bad for 576 bits. But look at the edges: each patch was chosen by itself, and neighbours do not fit together. A network can do better in two ways. Its encoder can choose a word with a view to the neighbours, and its decoder can draw a word according to its neighbours, as a letter sounds differently in another word.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# One operation a cell, on eight frames of the Playground.
#
# ### Encoder: patches and their neighbours

# %% [markdown] tags=["lecture"]
# Each patch is laid flat, 48 numbers, at its place on a grid of 8 by 8. One convolution reads the eight neighbours. After that each place is processed by itself: `Residual` adds what it found to what was there, and `PlaceNorm` brings the 64 numbers of a place to one scale without asking any other place.

# %% tags=["lecture"]
class PlaceNorm(nn.LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)  # (B, 64, 8, 8) -> (B, 8, 8, 64) and back


class Residual(nn.Module):
    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.norm, self.look = PlaceNorm(64), nn.Conv2d(64, 64, kernel, padding=kernel // 2)
        self.mix = nn.Conv2d(64, 64, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.mix(F.silu(self.look(F.silu(self.norm(x)))))  # (B, 64, 8, 8), the same


# %% [markdown] tags=["lecture"]
# Why not read further, or normalise over the whole frame, as convolutional networks usually do? It gives fine decibels. But then every token knows of everything in the frame, and all of them change when anything moves. *Break it* shows what becomes of that.

# %% [markdown] tags=["lecture"]
# The last layer leaves 16 numbers at each of the 64 places. They are what will be quantised.

# %% tags=["lecture", "nbval-check-output"]
def make_encoder() -> nn.Sequential:
    return nn.Sequential(
        nn.PixelUnshuffle(4),  # (B, 3, 32, 32) -> (B, 48, 8, 8), one patch a place
        nn.Conv2d(48, 64, 3, padding=1), Residual(1), Residual(1),  # -> (B, 64, 8, 8)
        PlaceNorm(64), nn.SiLU(), nn.Conv2d(64, 16, 1),  # -> (B, 16, 8, 8)
    )  # fmt: skip


torch.manual_seed(0)
frames = to_model(film[::4])  # (8, 3, 32, 32)
z = make_encoder()(frames).flatten(2).transpose(1, 2)  # (8, 16, 8, 8) -> (8, 64, 16)
print(tuple(frames.shape), "->", tuple(z.shape))

# %% [markdown] tags=["lecture"]
# ### The choice
#
# The codebook has $K = 512$ codes $e_1, \dots, e_K$ of 16 numbers each. The token of a vector $z$ is the number of its nearest code:
#
# $$k = \arg\min_j |z - e_j|^2 .$$

# %% [markdown]
# **Exercise 1. The nearest code.** The choice that makes a token, for a row of vectors. (Difficulty 2, 8 minutes. A blank left as `...` never stops the notebook: the library's answer is used. `hint("tokens.nearest")` helps in two steps; `answer("tokens.nearest")` shows a solution.)

# %%
@exercise("tokens.nearest")
def my_nearest(x: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Which code is nearest to each vector. x: (N, D), codes: (K, D) -> int64 (N,)."""
    ...


# %% [markdown] tags=["lecture"]
# A table of all differences has $N \times K \times D$ numbers. It can be avoided:
#
# $$|z - e_j|^2 = |z|^2 - 2\, z \cdot e_j + |e_j|^2 .$$
#
# The first term is the same for every $j$, so it can be left out, and the second is one matrix product.

# %% tags=["lecture"]
def nearest(z: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    return (codes.square().sum(dim=1) - 2 * z @ codes.T).argmin(dim=-1)  # (..., 512) -> (...)


codebook = torch.randn(512, 16)
index = nearest(z, codebook)  # (8, 64, 16) -> (8, 64)
assert torch.equal(index.flatten(), my_nearest(z.detach().flatten(0, 1), codebook)), "both ways choose alike"
e = codebook[index]  # (8, 64) -> (8, 64, 16)
print(tuple(index.shape), tuple(e.shape), "-", len(index.unique()), "codes in use")

# %% [markdown] tags=["lecture"]
# Eight frames have become 512 whole numbers. How few of the 512 codes they name! Fresh codes are spread wide, fresh vectors are not.

# %% [markdown] tags=["lecture"]
# ### Straight through
#
# One line makes the white lie. It needs *stop gradient*, $\mathrm{sg}$: torch's `detach()` gives a value that counts as a constant when gradients are taken.

# %% [markdown]
# **Exercise 2. Straight through.** Forwards the codes, backwards as if nothing had happened. (Difficulty 2, 5 minutes.)

# %%
@exercise("tokens.straight_through")
def my_straight_through(x: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """The value of codes, the gradient of x. Both (N, D) -> (N, D)."""
    ...


# %% [markdown] tags=["lecture"]
# What is to be added to $z$ is a constant:
#
# $$\tilde e = z + \mathrm{sg}[\,e - z\,]$$
#
# The value is $e$; the derivative with respect to $z$ is 1.

# %% tags=["lecture", "nbval-check-output"]
def straight_through(z: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
    return z + (e - z).detach()


one, code = torch.tensor([0.2], requires_grad=True), torch.tensor([1.0])
rounded = straight_through(one, code)
(3 * rounded).backward()  # the decoder would like the answer to be smaller, three times as much
print("value", rounded.item(), "gradient", one.grad.item())
assert torch.allclose(my_straight_through(z.flatten(0, 1), e.flatten(0, 1)), e.flatten(0, 1), atol=1e-5)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The loss: three terms, each for one part
#
# $$\mathcal{L} \;=\; \underbrace{\frac{|x - \hat x|^2}{s^2}}_{\text{reconstruction}} \;+\; \underbrace{|\,\mathrm{sg}[z] - e\,|^2}_{\text{codebook}} \;+\; \beta\, \underbrace{|\,z - \mathrm{sg}[e]\,|^2}_{\text{commitment}}$$
#
# $x$ is the frame and $\hat x$ the decoder's drawing of it, their squared error averaged over pixels and colours; $s^2$ (`variance` in the configuration) is a constant, 0.01; $z$ is what the encoder says at a place and $e$ its code, averaged over places; $\beta$ is 0.25. This is equation 3 of van den Oord et al. (2017).

# %% [markdown] tags=["lecture"]
# The last two terms are the same number. They differ in what may move. The codebook loss pulls codes to the vectors that chose them (k-means, with small steps). The **commitment** (承诺损失) pulls vectors to their codes, so that they do not wander about faster than the codes can follow, and the white lie stays small.

# %% [markdown]
# **Exercise 3. Two losses, each for one side.** Squares added up over the $D$ numbers of a vector, their mean over the vectors, twice. What may move in which? (Difficulty 3, 8 minutes.)

# %%
@exercise("tokens.two_losses")
def my_two_losses(x: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Codebook loss and commitment, both the mean of |x - e|^2. (N, D), (N, D) -> two scalars."""
    ...


# %% [markdown] tags=["lecture"]
# With the reconstruction, all three terms:

# %% tags=["lecture"]
def three_terms(x, drawn, z, e, variance=0.01):
    reconstruction = (x - drawn).square().mean() / variance
    codebook = (z.detach() - e).square().sum(dim=-1).mean()  # (B, 64, 16) -> (B, 64) -> one number
    commitment = (z - e.detach()).square().sum(dim=-1).mean()
    return reconstruction, codebook, commitment


# %% [markdown] tags=["lecture"]
# ### Decoder, and all of it as one class
#
# The decoder mirrors the encoder, with one difference: it may look around at every layer (`Residual(3)`), since it only has to draw. Its input is 16 numbers a place, and it does not know that they came from a book.

# %% tags=["lecture"]
def make_decoder() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(16, 64, 3, padding=1), Residual(3), Residual(3),  # (B, 16, 8, 8) -> (B, 64, 8, 8)
        PlaceNorm(64), nn.SiLU(), nn.Conv2d(64, 48, 3, padding=1),  # -> (B, 48, 8, 8)
        nn.PixelShuffle(4),  # -> (B, 3, 32, 32)
    )  # fmt: skip


# %% tags=["lecture"]
class Tokenizer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.codebook, self.decoder = make_encoder(), nn.Embedding(512, 16), make_decoder()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        z = self.encoder(x).flatten(2).transpose(1, 2)  # (B, 3, 32, 32) -> (B, 64, 16)
        index = nearest(z, self.codebook.weight)  # -> (B, 64), the tokens
        e = self.codebook(index)  # -> (B, 64, 16)
        drawn = self.decoder(straight_through(z, e).transpose(1, 2).unflatten(2, (8, 8)))
        return drawn, index, z, e


# %% [markdown] tags=["lecture"]
# Who hears of which term? Ask the gradients. If a part moves that should stand still, one of the `detach()` is in the wrong place.

# %% tags=["lecture", "nbval-check-output"]
def who_moves(model: nn.Module) -> None:
    drawn, _, z, e = model(frames)
    for name, term in zip(("reconstruction", "codebook", "commitment"), three_terms(frames, drawn, z, e), strict=True):
        model.zero_grad()
        term.backward(retain_graph=True)
        slopes = {n: sum(p.grad.abs().sum() for p in part.parameters() if p.grad is not None)
                  for n, part in model.named_children()}  # fmt: skip
        print(f"{name:15s} moves {', '.join(n for n, slope in slopes.items() if slope > 1e-4)}")


mine = Tokenizer()
who_moves(mine)

# %% [markdown] tags=["lecture"]
# The reconstruction reaches encoder and decoder, past the codebook: straight through. Codebook and commitment move one part each. The library's class is the same idea in the same names; it takes films, $(B, T, 3, H, W)$, and its sizes from a configuration. With the same weights both must agree.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.models import tokenizer as library
from course_lib.training import load_config

theirs = library.VideoTokenizer(load_config("tokenizer", "cpu").model).eval()
for own, other in zip(mine.parameters(), theirs.parameters(), strict=True):
    own.data.copy_(other.data)
drawn, index, z, e = mine(frames)
output = theirs(frames[None])  # one film of eight frames
assert torch.allclose(drawn, output.frames[0], atol=1e-5) and torch.equal(index, output.index[0])

# %% [markdown] tags=["lecture"]
# The same frames and the same tokens. And the three terms of the loss, on the same batch:

# %% tags=["lecture", "nbval-check-output"]
losses = theirs.loss({"frames": frames[None]}, 0, None)
reconstruction, _, commitment = three_terms(frames, drawn, z, e)
assert torch.allclose(reconstruction, losses["reconstruction"], rtol=1e-5)
assert torch.allclose(commitment, losses["commitment"], rtol=1e-5)
assert torch.allclose(my_two_losses(z.flatten(0, 1), e.flatten(0, 1))[1], commitment, rtol=1e-5)
print("agree to 1e-5;", sum(p.numel() for p in mine.parameters()), "parameters")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Back to life
#
# One thing the library adds. It counts for how many steps each code has been idle, and a code that was idle for 50 training steps is put on a vector of the batch.

# %% [markdown] tags=["lecture"]
# The vector is drawn at random, but not evenly: most vectors are of the empty room, which has its code already. The probability of a vector grows with the square of its distance to its code, the rule of **k-means++** (Arthur and Vassilvitskii 2007). A fresh codebook counts as dead from the start, so the first batch fills it.

# %% [markdown]
# **Exercise 4. Back to life.** Dead codes take the places of drawn vectors; the others stay where they are. (Difficulty 3, 8 minutes.)

# %%
@exercise("tokens.revive")
def my_revive(codes: torch.Tensor, idle: torch.Tensor, x: torch.Tensor, drawn: torch.Tensor, after: int):
    """Codes idle for at least `after` steps move to x[drawn]. (K, D), (K,), (M, D), (K,) -> (K, D)."""
    ...


# %% [markdown] tags=["lecture"]
# With the draw in front of it, on a fresh codebook:

# %% tags=["lecture"]
def revive(codes, idle, z, generator, after=50):
    far = (z - codes[nearest(z, codes)]).square().sum(dim=1)  # (M, 16) -> (M,)
    drawn = torch.multinomial(far, len(codes), replacement=True, generator=generator)  # a vector for each code
    return my_revive(codes, idle, z, drawn, after)


everyone = z.detach().flatten(0, 1)  # (8, 64, 16) -> (512, 16)
filled = revive(mine.codebook.weight.data, torch.full((512,), 50), everyone, torch.Generator().manual_seed(0))
before, after = (len(nearest(everyone, codes).unique()) for codes in (mine.codebook.weight.data, filled))
print(f"codes in use: {before} before, {after} after")

# %% [markdown] tags=["lecture"]
# Not all are in use even now: these eight frames hold many equal patches of empty room, and of codes on the same spot only one is chosen.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A quantiser without a book
#
# Finite scalar quantisation (FSQ, 有限标量量化; Mentzer et al. 2023) throws the codebook away. Let the encoder say three numbers a place; squeeze each into a range with eight whole numbers in it; round. That makes $8 \cdot 8 \cdot 8 = 512$ codes, which stand on a grid and cannot die.

# %% tags=["lecture", "nbval-check-output"]
def bound(x: torch.Tensor, levels: int = 8) -> torch.Tensor:
    half = (levels - 1) * 1.001 / 2  # a hair more, so that the outermost level can be reached
    return (x + math.atanh(0.5 / half)).tanh() * half - 0.5  # whole numbers -4 to 3 lie within


x = torch.tensor([-3.0, -1.0, -0.2, 0.0, 0.2, 1.0, 3.0])
print([round(v, 1) for v in bound(x).tolist()], "->", bound(x).round().int().tolist())

# %% [markdown] tags=["lecture"]
# The digits of three numbers make one token. And the way back needs no table: take the token apart again.

# %% [markdown]
# **Exercise 5. Digits of a code.** From the levels of an FSQ code to its number, for any list of levels; the first digit counts ones. (Difficulty 2, 8 minutes.)

# %%
@exercise("tokens.fsq_index")
def my_fsq_index(digits: torch.Tensor, levels: tuple[int, ...]) -> torch.Tensor:
    """Digits from 0 to L - 1 of each number. int64 (N, D) -> int64 (N,)."""
    ...


# %% [markdown]
# The library's quantiser must give the same token, and take it apart again:

# %% tags=["nbval-check-output"]
from course_lib.nets.quantise import FSQ

fsq = FSQ((8, 8, 8))
point = torch.tensor([[-3.0, 0.2, 1.0]])
assert torch.allclose(fsq(point).codes * 4, bound(point).round())
token = fsq(point).index
assert torch.equal(token, my_fsq_index((fsq(point).codes * 4 + 4).long(), (8, 8, 8)))
print("token", token.item(), "of", fsq.codes, "- digits", (fsq.look_up(token) * 4).int().tolist())

# %% [markdown]
# ### The paper's own size
#
# Genie's tokenizer is a space-time transformer (notebook 12) with 12 layers of width 512 before and 20 layers of width 1024 behind a codebook of 1,024. The paper says 200 million parameters. Its tables do not say how wide the feed-forward layers are, so there are several readings; on torch's device `meta` counting costs nothing.

# %% tags=["nbval-check-output"]
for hidden in (4.0, 0.5):
    with torch.device("meta"):
        paper = library.VideoTokenizer(load_config("tokenizer", "paper", {"model.hidden": hidden}).model)
    count = sum(p.numel() for p in paper.parameters())
    print(f"feed-forward {hidden} times as wide inside: {count / 1e6:.0f} million")

# %% [markdown]
# With the usual factor of 4 the tables come to nearly twice the published figure. With a feed-forward of half the width (0.5) they come near it. That is a guess.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Train live
#
# Now train for as long as a lecture can wait. Four held-out frames are kept aside. Above the frames, in the middle their tokens (each code has its colour; the most frequent is white), below the drawings.

# %% tags=["lecture"]
from course_lib.training import train
from course_lib.views.tokenizer import redraw, token_map, tokens_of

live_config = load_config("tokenizer", "cpu", {"train.steps": 600, "train.warmup": 50})
torch.manual_seed(0)
live = library.VideoTokenizer(live_config.model)
shown = test_films.frames[[1, 2, 3, 4], [6, 12, 3, 20]]  # (4, 32, 32, 3)

# %% tags=["lecture"]
watch = show.live("tokenizer, live", every=25)


def update_curves(step: int, parts: dict[str, float]) -> None:
    picture = None
    if step % 25 == 0:
        rows = [shown, token_map(tokens_of(live.eval(), shown), 512), redraw(live, shown)]
        picture = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])  # (96, 128, 3)
        live.train()
    watch.update(step, {"loss": parts["loss"]}, picture=picture)


history = train("tokenizer", live_config, on_step=update_curves, data=train_films, model=live)
watch.close()

# %% [markdown] tags=["lecture"]
# Walls and places come first; colours and edges take longer than a lecture. And look at the middle row: where nothing is near, the tokens are alike; the vocabulary is spent around what moves.

# %% tags=["lecture"]
from course_lib.training import load_checkpoint, provenance

shipped = load_checkpoint("tokenizer")
about = provenance("tokenizer")
psnr_live, psnr_shipped = history.last("psnr"), about["last_100_steps"]["psnr"]
print(f"live:    {len(history.rows)} steps, {history.minutes:.1f} minutes, {psnr_live:.1f} dB")
print(f"shipped: {about['steps']} steps, {about['minutes']:.0f} minutes, {psnr_shipped:.1f} dB")
assert psnr_shipped > psnr_live + 1.0

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# Pictures before tables. The film of the beginning, its tokens, and three drawings of 576 bits a frame: plain patches, the network after its minute, the shipped one.

# %% tags=["lecture"]
drawings = {
    "the film": film,
    "its tokens": token_map(tokens_of(shipped, film), 512),
    "plain patches": to_uint8(plain(to_model(film))),
    "live": redraw(live, film),
    "shipped": redraw(shipped, film),
}
show.strips(drawings, every=4)

# %% [markdown] tags=["lecture"]
# Compare the bodies with those of the plain patches: as many codes, chosen and drawn better. The live network is not there yet. In the shipped drawings corners are still softer than they should be, and here and there a colour is off. In motion:

# %% tags=["lecture"]
show.side_by_side({k: drawings[k] for k in ("the film", "its tokens", "shipped")}, scale=5)

# %% [markdown] tags=["lecture"]
# ### Which words are spoken?
#
# Count how often each of the 512 codes occurs in the test films, and sort. The **perplexity** (困惑度) of these counts says how many codes, used equally often, would be as hard to guess: it is $\exp(-\sum_k p_k \log p_k)$, with $p_k$ the share of code $k$.

# %% [markdown]
# **Exercise 6. How many codes are really in use.** Perplexity, from indices. Mind the codes that never occur. (Difficulty 2, 8 minutes.)

# %%
@exercise("tokens.perplexity")
def my_perplexity(index: torch.Tensor, codes: int) -> float:
    """exp of the entropy of how often each code occurs. int64 (N,), K -> a number from 1 to K."""
    ...


# %% [markdown] tags=["lecture"]
# The counts, and the library's two numbers about them:

# %% tags=["lecture"]
from course_lib.exam.measures.coders import tokens_of_films
from course_lib.nets.quantise import usage

spoken = tokens_of_films(shipped, test_films.frames)  # (100, 32, 64)
used = usage(torch.from_numpy(spoken), 512)
assert np.isclose(my_perplexity(torch.from_numpy(spoken.ravel()), 512), used.perplexity, rtol=1e-3)
fig, axis = plt.subplots(figsize=(7, 2.4))
axis.bar(np.arange(512), np.sort(used.counts.numpy())[::-1], width=1.0)
axis.set(yscale="log", xlabel="code, most frequent first", ylabel="times")
axis.set_title(f"{used.alive:.0%} of the codes occur; perplexity {used.perplexity:.0f}")
plt.show()

# %% [markdown] tags=["lecture"]
# A few codes for walls and empty room are said very often, as "the" and "of" are in English. Now place by place: where in the frame are the most different codes used?

# %%
by_place = [my_perplexity(torch.from_numpy(spoken[:, :, n].ravel()), 512) for n in range(64)]
fig, axis = plt.subplots(figsize=(3.4, 2.8))
fig.colorbar(axis.imshow(np.reshape(by_place, (8, 8)), cmap="viridis"), ax=axis, label="perplexity")
axis.set(xticks=[], yticks=[], title="rows: " + " ".join(f"{row.mean():.0f}" for row in np.reshape(by_place, (8, 8))))
plt.show()

# %% [markdown] tags=["lecture"]
# Above the floor, in the sixth and seventh row of patches, where the agent runs and bodies come to rest: 179 and 151 on average. Least is said under the ceiling, where the perplexity is about 1. And from one frame to the next, how many tokens stay as they are?

# %% tags=["lecture"]
stay = (spoken[:, 1:] == spoken[:, :-1]).mean()
still = (spoken[:, :1] == spoken[:, 1:]).mean()
print(f"{stay:.0%} of the tokens are those of the frame before; {still:.0%} those of the film's first frame")

# %% [markdown] tags=["lecture"]
# Keep the 60 %. Notebook 15 predicts tokens, and whoever copies the last frame's tokens is right as often as that without having understood anything.

# %% [markdown] tags=["lecture"]
# ### What does a token draw?
#
# Put one code into the middle of an empty room and let the decoder draw. Below are the drawings of the 48 most frequent codes. The code's own patch is the square of 4 by 4 in the middle; 4 pixels around it are shown as well.

# %% tags=["lecture"]
from course_lib.exam.measures.frames import median_frame
from course_lib.views.tokenizer import stamps

room = tokens_of(shipped, median_frame(fit_on)[None])[0]  # (8, 8), an empty room
frequent = [int(k) for k in np.argsort(-used.counts.numpy())[:48]]
show.grid(stamps(shipped, frequent, room), columns=16)

# %% [markdown] tags=["lecture"]
# Hardly anything! The eight tokens around the one in the middle say that nothing is there, and the decoder reads them all. So to your second answer: exchange one token, beside a body, for many others in turn, and average how much each pixel changes.

# %% tags=["lecture"]
from course_lib.views.tokenizer import reach

middle = tokens_of(shipped, film[6:7])[0]
change = reach(shipped, middle, 4, 4, frequent[4:])
inside = change[16:20, 16:20].sum() / change.sum()
fig, axis = plt.subplots(figsize=(3.6, 3))
fig.colorbar(axis.imshow(change, cmap="viridis"), ax=axis)
axis.add_patch(plt.Rectangle((15.5, 15.5), 4, 4, fill=False, color="white"))
axis.set(title=f"{inside:.0%} of the change is in its patch", xticks=[], yticks=[])
plt.show()

# %% [markdown] tags=["lecture"]
# Only 6 % of the change lies in its patch. Most of it is at the body nearby, and hardly any far away. So a token is not simply a picture of its patch: what it draws depends on its neighbours, and it helps to draw them. One caution: the patch asked here is nearly empty and lies beside a body. Is it the same where a body covers the patch? The two kinds of patches, over eight frames:

# %%
from course_lib.worlds.frames import foreground

inside = {"empty, beside a body": [], "covered by a body": []}
for frame in test_films.frames[:8, 6]:
    front = foreground(frame[None], median_frame(fit_on))[0].reshape(8, 4, 8, 4).mean(axis=(1, 3))  # (8, 8) shares
    near, grid = F.max_pool2d(torch.from_numpy(front)[None], 3, 1, 1)[0].numpy() > 0.5, tokens_of(shipped, frame[None])[0]
    for kind, places in zip(inside, ((front == 0) & near, front > 0.8), strict=True):
        for r, c in np.argwhere(places):
            change = reach(shipped, grid, r, c, frequent[4::8])
            inside[kind].append(change[4 * r : 4 * r + 4, 4 * c : 4 * c + 4].sum() / change.sum())
for kind, shares in inside.items():
    print(f"{kind}: {np.mean(shares):.0%} of the change is in the patch ({min(shares):.0%} to {max(shares):.0%}, n = {len(shares)})")

# %% [markdown] tags=["lecture"]
# Beside a body 8 % of the change stays in the empty patch, in a patch that a body covers 38 %.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# Exchange a token. From left to right: the frame, its drawing, the drawing with one other token, and where the two differ. Corners mark the patch. Code 0 here is the most frequent one, code 511 the rarest.

# %% [markdown] tags=["lecture"]
# Try to erase the agent token by token. Try to paint a body where none is: how many tokens does it take until the decoder "believes" you?

# %% tags=["lecture", "nbval-ignore-output"]
from course_lib.views.tokenizer import draw_tokens, swap

by_use = np.argsort(-used.counts.numpy(), kind="stable")


def swap_token(frame: int = 6, row: int = 4, column: int = 4, code: int = 20) -> np.ndarray:
    """Exchange one token of a frame for the code of this rank. Returns a uint8 picture."""
    return swap(shipped, film[frame], row, column, int(by_use[code]))


show.explore(swap_token, frame=(0, 31), row=(0, 7), column=(0, 7), code=(0, 511))

# %% [markdown]
# How many tokens make a body? From each of 40 frames we paste a square of tokens, with the first body at its centre, into the tokens of the empty room. How much of the middle 5 by 5 pixels has come: 0 is the empty room, 1 the drawing with all 64 tokens.

# %%
grids = tokens_of(shipped, test_films.frames[:40, 6])  # (40, 8, 8)
full, empty = draw_tokens(shipped, grids).astype(float), draw_tokens(shipped, room[None]).astype(float)[0]
at = np.stack([32 - test_films.of("y")[:40, 6, 1], test_films.of("x")[:40, 6, 1]], axis=1)  # (40, 2), row and column
for side in (1, 2, 3, 4):
    came = []
    for grid, whole, (y, x) in zip(grids, full, at, strict=True):
        r, c = (int(np.clip(round(v / 4 - side / 2), 0, 8 - side)) for v in (y, x))
        mixed, middle = room.copy(), np.s_[max(0, int(y) - 2) : int(y) + 3, max(0, int(x) - 2) : int(x) + 3]
        mixed[r : r + side, c : c + side] = grid[r : r + side, c : c + side]
        gap = np.abs(draw_tokens(shipped, mixed[None])[0] - whole)[middle].sum()
        came.append(1 - gap / max(1.0, np.abs(empty - whole)[middle].sum()))
    print(f"{side} x {side} tokens: {np.mean(came):.2f} of the body has come")

# %% [markdown]
# One token brings a third of it, a square of two by two 0.78, and three by three, nine tokens, 0.93. A token alone is not believed.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# What keeps the vocabulary alive? Train five networks for a few seconds each: as it is; with codes that are never revived; the same and spread ten times as wide at the beginning, a careless initialisation; without commitment ($\beta = 0$); and, for another failure, with an encoder that reads further and normalises over the whole frame.

# %% tags=["lecture"]
changes = {
    "as it is": {},
    "never revived": {"model.reset_after": 0},
    "never revived, spread": {"model.reset_after": 0, "model.spread": 10.0},
    "no commitment": {"model.beta": 0.0},
    "tokens know all": {"model.norm": "frame", "model.looking": None},
}
runs = {}
for name, change in changes.items():
    config = load_config("tokenizer", "cpu", {"train.steps": 200, "train.warmup": 20, **change})
    runs[name] = train("tokenizer", config, progress="none", data=train_films)

# %% [markdown] tags=["lecture"]
# Before you look: which of these curves will tell you, the reconstruction or the share of codes in use?

# %% tags=["lecture"]
fig, axes = plt.subplots(1, 3, figsize=(10.2, 3.1))
for name, run in runs.items():
    for axis, column in zip(axes, ("reconstruction", "in_use", "commitment"), strict=True):
        axis.plot(run.column(column), label=name)
for axis, title in zip(axes, ("reconstruction", "share of codes in a batch", "|z - e|²"), strict=True):
    axis.set(title=title, xlabel="step")
axes[0].set(yscale="log")
axes[2].set(yscale="log")
fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9)
plt.show()

# %% tags=["lecture"]
from course_lib.exam.measures.coders import tokenizer_coder

films30 = test_films.frames[:30]
few = films30[:, ::4]  # (30, 8, 32, 32, 3)
rows = []
for name, run in runs.items():
    index = tokens_of_films(run.model, films30)  # (30, 32, 64)
    use = usage(torch.from_numpy(index), 512)
    row = {"trained": name, "in use": round(use.alive * 512), "perplexity": use.perplexity}
    row |= {"tokens that stay": (index[:, 1:] == index[:, :-1]).mean()}
    rows.append(row | {"PSNR (dB)": psnr_by_film(tokenizer_coder(run.model), few).mean()})
show.table(rows)

# %% [markdown] tags=["lecture"]
# The reconstruction falls in all of them, and in the first hundred steps the curves can hardly be told apart. The middle figure tells. Without revival one code is left, and a network with one code draws the same frame whatever it sees: the mean frame.

# %% [markdown] tags=["lecture"]
# With revival hundreds are in use, and the jumps every 50 steps are the moments at which the dead come back. Leaving out the commitment costs no decibels in so short a time (21.4 against 21.2), though the distance of vectors and codes is larger and the share in use recovers more slowly.

# %% [markdown] tags=["lecture"]
# The last row is the other failure. 489 codes are in use, the decibels are the best of the five (21.7), and fewer tokens stay as they are from frame to frame: 0.68 against 0.73. After 200 steps the difference is small. In a run of 8,000 steps, which is not repeated here, it had grown: an encoder of this kind was a decibel better than the shipped one, and only a quarter of its tokens stayed, against the 60 % above. Notebook 15 has to predict tokens, so the course ships the other.

# %% [markdown] tags=["lecture"]
# Now the cure. Take the network with the dead vocabulary, as it is, and train it on, with nothing changed but that dead codes are revived.

# %% tags=["lecture"]
sick = runs["never revived, spread"].model
config = load_config("tokenizer", "cpu", {"train.steps": 200, "train.warmup": 20, "model.reset_after": 20})
cured = library.VideoTokenizer(config.model)
cured.load_state_dict(sick.state_dict())
cured.quantiser.idle.fill_(20)  # whoever was never chosen counts as idle
recovery = train("tokenizer", config, progress="none", data=train_films, model=cured)
use = usage(torch.from_numpy(tokens_of_films(cured, films30)), 512)
print(f"{rows[2]['in use']} codes in use before, {round(use.alive * 512)} after")
print(f"PSNR {rows[2]['PSNR (dB)']:.1f} dB before, {psnr_by_film(tokenizer_coder(cured), few).mean():.1f} after")

# %% tags=["lecture"]
in_use = {row["trained"]: row["in use"] for row in rows}
assert in_use["never revived, spread"] < 0.1 * 512 < 0.3 * 512 < in_use["as it is"]
assert use.alive * 512 > 5 * in_use["never revived, spread"], "revived codes come into use"
stays = {row["trained"]: row["tokens that stay"] for row in rows}
assert stays["as it is"] > stays["tokens know all"]
print(f"in use with no precautions: {in_use['never revived, spread']} of 512; your guess was {my_guess_in_use}")

# %% [markdown] tags=["lecture"]
# Posterior collapse in notebook 02, a dead vocabulary here: the same kind of failure. A number that nobody prints goes to nothing while the loss falls.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A planted bug
#
# The next class draws exactly what ours draws, number for number, and its loss falls in training. Still one of its parts hears nothing of how well the frame is drawn. Before you run the cell after it: which part, and what will `who_moves` print?

# %%
class Planted(Tokenizer):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        z = self.encoder(x).flatten(2).transpose(1, 2)  # (B, 3, 32, 32) -> (B, 64, 16)
        index = nearest(z, self.codebook.weight)  # -> (B, 64)
        e = self.codebook(index)
        drawn = self.decoder((z + (e - z)).transpose(1, 2).unflatten(2, (8, 8)))
        return drawn, index, z, e


# %% [markdown]
# Both learn the eight frames of *Build* by heart for 100 steps, from the same weights and the same filled codebook.

# %%
planted, right = Planted(), Tokenizer()
for name, model in (("ours", right), ("planted", planted)):
    model.load_state_dict(mine.state_dict())
    model.codebook.weight.data = filled.clone()
    optimiser, falls = torch.optim.Adam(model.parameters(), lr=1e-3), []
    for _ in range(100):
        reconstruction, codes, commitment = three_terms(frames, *(model(frames)[k] for k in (0, 2, 3)))
        optimiser.zero_grad(); (reconstruction + codes + 0.25 * commitment).backward(); optimiser.step()  # noqa: E702
        falls.append(reconstruction.item())
    print(f"{name}: reconstruction {falls[0]:.1f} to {falls[-1]:.2f}, tokens in use {len(model(frames)[1].unique())}")
who_moves(planted)

# %% [markdown]
# Both fall from 75.7, one to 1.31 and the other to 1.30, and no curve tells them apart. (Without revival both vocabularies die: 6 tokens are left, and 11.) The gradients tell. In the planted class the reconstruction moves the codebook and the decoder, and not the encoder: in $z + (e - z)$ the two $z$ cancel backwards as they do forwards. The `detach()` is missing.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Or no vocabulary at all
#
# FSQ has no codes that could die. The same network, the same 512 codes, the same steps as our live training:

# %% tags=["lecture"]
from course_lib.exam.measures.intervals import interval_row

change = {"model.quantiser": "fsq", "model.levels": [8, 8, 8], "model.latent": 3, "train.steps": 600, "train.warmup": 50}
finite = train("tokenizer", load_config("tokenizer", "cpu", change), progress="none", data=train_films).model
rows = []
for name, model in (("vector quantiser", live.eval()), ("FSQ", finite)):
    use = usage(torch.from_numpy(tokens_of_films(model, films30)), 512)
    row = interval_row(name, psnr_by_film(tokenizer_coder(model), few), "dB")
    rows.append(row | {"in use": round(use.alive * 512), "perplexity": use.perplexity})
columns = {"model": "600 steps", "value": "PSNR", "low": "from", "high": "to", "unit": "unit"}
show.table(rows, columns | {"in use": "in use", "perplexity": "perplexity"})

# %% [markdown] tags=["lecture"]
# As many decibels (25.6) after as many steps, with two losses fewer, without revival and without a codebook. It uses fewer codes (371 of 512) and more unevenly, which costs it nothing here. That is the paper's point: much of what a VQ-VAE needs is care for its codebook. We stay with the codebook because Genie does.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Measure
#
# The claims to test: at 64 tokens a frame the shipped tokenizer draws held-out films with at least 30 dB, and at least half of its codes are alive. Every control gets the same 100 test films and as many bits as the tokens, or more: PCA with 72 numbers of 8 bits; the plain patches; a frame shrunk to 8 by 8 colours, 24 bits each.

# %% tags=["lecture"]
from course_lib.exam.measures.coders import alive_interval, coders
from course_lib.exam.measures.frames import foreground_psnr_by_film

background = median_frame(fit_on)
scores, front = {}, {}
for name, coder in coders(shipped, fit_on).items():
    scores[name] = psnr_by_film(coder, test_films.frames)
    front[name] = foreground_psnr_by_film(coder, test_films.frames, background)
whole = [interval_row(name, values, "dB") for name, values in sorted(scores.items(), key=lambda item: item[1].mean())]
show.table([row | {"in front": front[row["model"]].mean()} for row in whole],
           columns | {"model": "on simple", "in front": "foreground (dB)"})  # fmt: skip

# %% [markdown] tags=["lecture"]
# The last column asks the same of the **foreground** (前景) alone: the pixels that differ from the empty room, about a tenth of them. There every coder has fewer decibels, and the order says more, because nobody earns anything by drawing walls.

# %% tags=["lecture"]
alive = alive_interval(spoken, 512, np.random.default_rng(0))
ours = next(row for row in whole if row["model"] == "tokenizer")
print(f"PSNR  {ours['value']:.1f} dB ({ours['low']:.1f} to {ours['high']:.1f}), foreground {front['tokenizer'].mean():.1f} dB")
print(f"alive {alive['value']:.2f} ({alive['low']:.2f} to {alive['high']:.2f}) of the codes, perplexity {used.perplexity:.0f}")
assert ours["low"] >= 30.0
assert alive["low"] >= 0.5
best = max(values.mean() for name, values in scores.items() if name != "tokenizer")
assert ours["low"] > best + 1.0, "the network earns its place"

# %% [markdown] tags=["lecture"]
# Look at the row of plain patches again. K-means without any network has 29.3 dB. Our live network was nearly 4 dB below it, and the shipped one is 1.4 dB above: for the same bits, a network draws better, but not by much. (The interval of the share alive is a bootstrap over films. A resample holds fewer different films, so it sees fewer codes, and the interval is biased downwards.)

# %% [markdown] tags=["lecture"]
# That was `simple`, the set from which nine of ten of its films came. The world that we will *play* is `goal`: an agent, one star, one platform. The course also comes with 512 plain patches for these films. They are a tokenizer without any layer, `kind: patches`: a patch becomes the nearest of 512 patches, and the codebook loss alone moves them, with the revival that you have just seen. Which has the better words for which films? Mind the column *learned from*: two rows compare fairly only where both learned from the films they are asked about. The last column is the share of tokens that stay the same from a frame to the next.

# %% tags=["lecture"]
patches, rows = load_checkpoint("tokenizer", size="cpu-patches"), []
for name in ("simple", "goal"):
    asked = load_films(name, split="test", count=20).frames
    for kind, learned, coder, index in (  # index: (20, 32, 64)
        ("network", "simple, a tenth goal", tokenizer_coder(shipped), tokens_of_films(shipped, asked)),
        ("plain patches", "simple", plain, nearest(patchify(to_model(asked), 4), vocabulary).numpy()),
        ("plain patches", "goal, agent", tokenizer_coder(patches), tokens_of_films(patches, asked)),
    ):
        rows.append({"films": name, "tokens": kind, "learned from": learned, "dB": psnr_by_film(coder, asked).mean(),
                     "foreground (dB)": foreground_psnr_by_film(coder, asked, median_frame(asked)).mean(),
                     "tokens that stay": (index[:, 1:] == index[:, :-1]).mean()})  # fmt: skip
show.table(rows)

# %% [markdown] tags=["lecture"]
# On `goal` the patches of these films win by 5.5 dB, and by 4.6 in front. A few hundred patches are nearly all that such films ever show, so a list of them is hard to beat. On `simple` the same patches lose by 5.7 dB, but that is uneven: they never saw a body of `simple`. The fair row is the one between, patches that learned from `simple`: the network is ahead by 1.5 dB only. On `goal` it is the other way round, the network learned mostly from other films. Each is best on the films it learned from. Their richness counts as well: bodies in six colours, at any place and angle, need more than 512 patches, and layers can combine what they know.
#
# The last column matters as much for a world that is played. On `goal` 11 % of the network's tokens change from a frame to the next, and 4.5 % of the patches'. A network's token knows the eight patches around it, so it changes when a neighbour does, and whoever predicts tokens has to guess that as well.

# %% tags=["lecture"]
network, fitted, plain_words = ({row["films"]: row for row in rows[first::3]} for first in range(3))
assert network["simple"]["dB"] > fitted["simple"]["dB"] + 0.5, "both learned from these films: layers pay a little"
assert plain_words["goal"]["dB"] > network["goal"]["dB"] + 1.0, "the films of play: here they do not"
assert all(plain_words[name]["tokens that stay"] > network[name]["tokens that stay"] for name in network)

# %% [markdown] tags=["lecture"]
# And V of notebook 02? It keeps a frame of the same film set in about 131 bits, less than a quarter of the tokens' 576, and the next cell finds it only 0.7 dB behind. So tokens are not the better compression. They are made for **prediction**: a network that has to say what comes next can give each of 512 codes a probability, and keep two futures apart.

# %% tags=["lecture"]
from course_lib.exam.measures.coders import vae_coder

v = psnr_by_film(vae_coder(load_checkpoint("vae"), torch.Generator().manual_seed(0)), test_films.frames)
gain = interval_row("gain", scores["tokenizer"] - v, "dB")
print(f"tokenizer minus VAE: {gain['value']:.1f} dB ({gain['low']:.1f} to {gain['high']:.1f})")
assert gain["low"] > 0

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Is it a denoising autoencoder?
#
# The slides call a VQ-VAE one. A denoising autoencoder (去噪自编码器) is *trained* to give back the clean frame when it is shown a spoilt one. Ours was never shown a spoilt frame. Still, choosing from a finite vocabulary could remove noise by itself. Ask it: add noise of three strengths, and compare what comes out with the clean frame.

# %% tags=["lecture"]
from course_lib.worlds.frames import psnr

clean = to_model(few).flatten(0, 1)  # (30, 8, 3, 32, 32) -> (240, 3, 32, 32)
noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
rows = []
for strength in (0.0, 0.02, 0.05, 0.1):
    spoilt = (clean + strength * noise).clamp(0, 1)
    with torch.no_grad():
        back = tokenizer_coder(shipped)(spoilt)
    rows.append({"noise": strength, "going in (dB)": psnr(clean, spoilt).mean().item() if strength else None,
                 "coming out (dB)": psnr(clean, back).mean().item()})  # fmt: skip
show.table(rows)

# %% [markdown] tags=["lecture"]
# It does remove noise: at the two stronger settings more decibels come out than went in (30.4 against 26.9, 29.4 against 21.6). But it is not a denoising autoencoder, since it was not trained as one. And with little noise it makes the frame worse (30.7 against 34.1), because it never draws better than 30.7 dB.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Six stand above, in the places of the cells that they replace, and a planted bug under *Break it*. What you have solved so far, here and in the other notebooks:

# %% tags=["nbval-ignore-output"]
from course_lib.exercises import progress

progress()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# **"The video tokenizer is trained as a VQ-VAE and gives discrete tokens"** (采用 VQ-VAE 训练方式, 离散 Tokens). It stands, and we have built it: three terms of loss, 64 whole numbers a frame.

# %% [markdown] tags=["lecture"]
# Two things were needed that the slide leaves out: a gradient that passes through the choice, and care that the vocabulary does not die.

# %% [markdown] tags=["lecture"]
# **"A VQ-VAE is a denoising autoencoder, a masked autoencoder is a MASK-VAE"** (掩码自编码器 MASK-VAE、去噪自编码器 VQ-VAE). An erratum: these are four different models. A VQ-VAE is an autoencoder with a quantised code; a denoising autoencoder learns from spoilt inputs; a masked autoencoder (MAE) learns to fill in what was covered and has nothing variational; a VAE pays for its code in nats. Notebook 18 builds the two others and compares them all.

# %% [markdown] tags=["lecture"]
# **What this toy cannot show.** Our tokenizer sees each frame by itself. The paper's sees the frames before as well, and by its own measure that matters: a Frechet video distance of 81.4 against 114.5 for a tokenizer of single frames (lower is better). But the same table has C-ViViT at 272.7, which sees other frames too: how a tokenizer uses them decides. The checkpoint has convolutions, which see one frame; the paper's kind is the configuration `gpu`.

# %% [markdown] tags=["lecture"]
# **The two questions.** 1. It can be uncertain in words: a probability for each of 512 keeps two futures apart. 2. Words for what it can reach and change. Ours were chosen by pixels, and an edge of a wall counts there as much as an edge of the agent.

# %% [markdown]
# **Larger.** `python -m course_lib train tokenizer --size gpu` trains a space-time tokenizer on `rich` at 64 by 64 pixels; `python -m course_lib params tokenizer --size paper` counts Genie's.
#
# **References.** Bruce et al., *Genie: Generative Interactive Environments*, 2024, arXiv 2402.15391, section 2 and the appendix. van den Oord et al., *Neural Discrete Representation Learning*, 2017, arXiv 1711.00937, section 3. Mentzer et al., *Finite Scalar Quantization: VQ-VAE Made Simple*, 2023, arXiv 2309.15505, section 3. Bengio et al., *Estimating or Propagating Gradients Through Stochastic Neurons*, 2013, arXiv 1308.3432. Arthur and Vassilvitskii, *k-means++: The Advantages of Careful Seeding*, 2007.

# %% [markdown]
# Claims examined here: C35, C36

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** [12 The space-time transformer](12_space_time_transformer.ipynb)
# - **After it:** [14 Latent actions](14_latent_actions.ipynb)
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C35](claims.md#c35), [C36](claims.md#c36)
