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
# # 06 Attention and patches
#
# **The question.** Cut a frame into 64 small squares. Most of them hold nothing but background. How can a square that sees nothing find out what stands elsewhere, and which of those things concern it?
#
# **After this notebook you can** compute attention (注意力) by hand and build it with queries, keys, values and heads, say what a transformer (变换器) cannot tell without positions, forbid attention with a mask (掩码) and prove by a gradient that nothing attends to later tokens, cut pictures and films into patches (图像块) and put them together again, and say what all this costs.
#
# | | |
# |---|---|
# | It costs | about a minute of computing on two cores, an hour of reading and exercises; about 1 GiB of memory |
# | It needs | matrix products, gradient descent; notebook 05 for intervals and controls |
# | It builds | the block from which every later transformer of the course is made, and a small vision transformer |
# | It examines | the cost that, by the slides (of the lecture that this course follows; `claims.md` lists their sentences), Genie avoids: attention among all $T \times H \times W$ tokens of a film |
#
# **Lecture plan (45 minutes).** 4 question and prediction; 8 six numbers; 14 queries, heads, positions, masks, patches; 4 training; 6 look and play; 4 what breaks; 5 the measurement, the discussion.
#
# **To discuss.** 1. Attention knows no neighbours: every token may attend to every other one, from the first step. When is that a gift, and when a waste? 2. A picture shows that patch A attends to patch B. Does it show that B is why A answered as it did?

# %% [markdown] tags=["lecture"]
# The slides say of Genie's transformer:
#
# > **The slides.** *避免 T×H×W 的矩阵计算复杂度* (the complexity of a matrix over all $T \times H \times W$ tokens is avoided). *计算复杂度与视频帧数线性相关, 而非平方关系* (the cost grows linearly with the number of frames, not with its square).

# %% [markdown] tags=["lecture"]
# Part II had a convolution for the eyes and a recurrent network for the memory. From here to the end of the course nearly everything is a **transformer** (Vaswani et al. 2017): CLIP, the diffusion transformer, Genie's three networks, the JEPAs.

# %% [markdown] tags=["lecture"]
# A transformer does not know pictures, films or sentences. It knows **tokens** (词元): a set of rows of numbers. It does two things with them, again and again: tokens attend to each other, and each token is processed by itself (a small network). This notebook builds both.

# %% tags=["lecture"]
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import show
from course_lib.exercises import exercise, progress
from course_lib.worlds import spec
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

show.use_style()

# %% [markdown] tags=["lecture"]
# The films are those of notebook 02: the agent and two bodies. And a small helper that draws pictures side by side.

# %% tags=["lecture"]
train_films = load_films("simple", split="train", count=1000)
test_films = load_films("simple", split="test", count=100)
frame = test_films.frames[1, 12]  # uint8 (32, 32, 3)


def panels(**pictures):
    """Pictures side by side, each under its name; gives back their axes."""
    _, axes = plt.subplots(1, len(pictures), figsize=(2.9 * len(pictures), 2.9))
    for axis, (name, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture)
        axis.set_title(name.replace("_", " "), fontsize=12)
        axis.axis("off")
    return axes


# %% [markdown] tags=["lecture"]
# Here is a test frame, and beside it the same frame as a transformer gets it, in 64 patches of 4 by 4 pixels.

# %% tags=["lecture"]
whole, pieces = panels(a_frame=frame, in_64_patches=frame)
pieces.hlines(np.arange(3.5, 31, 4), -0.5, 31.5, color="white", lw=3)
pieces.vlines(np.arange(3.5, 31, 4), -0.5, 31.5, color="white", lw=3)
plt.show()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# Every patch is asked: **what colour is the body nearest to you?** The agent does not count. A patch of plain background sees 48 numbers that say "background". It needs to hear from other patches.

# %% [markdown] tags=["lecture"]
# Ask only patches that hold nothing of a body, and only frames whose two bodies have different colours. Write down your answers before you read on.
#
# 1. A network whose patches may attend to each other, but **do not know where they are**: in which share of cases is it right?
# 2. A network whose patches know where they are, but may **not attend** to each other: which share?
# 3. A film becomes twice as long. By which factor does the time of attention among all its tokens grow?

# %% tags=["lecture"]
my_guess_without_positions = 0.0
my_guess_without_attention = 0.0
my_guess_factor = 0.0

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Intuition
#
# ### Six numbers
#
# Make the world as small as it gets: six cells in a row. Two of them hold a body, and the body is a number. Every cell wants to know the number of the body nearest to it.

# %% tags=["lecture", "nbval-check-output"]
numbers = torch.tensor([0.0, 7.0, 0.0, 0.0, 3.0, 0.0])
place = torch.arange(6.0)
body = (numbers > 0).float()
print("numbers", numbers.tolist(), " wanted", [7, 7, 7, 3, 3, 3])

# %% [markdown] tags=["lecture"]
# Let cell $i$ give every cell $j$ a **score**: how much do I want to hear from you? Near is better than far, and a body is better than none. Ten points for a body, less the squared distance:
#
# $$s_{ij} = 10\, b_j - (i - j)^2,$$
#
# with $b_j = 1$ where cell $j$ holds a body, and 0 elsewhere.

# %% tags=["lecture", "nbval-check-output"]
scores = 10 * body - (place[:, None] - place[None, :]) ** 2  # (6, 6): row i is the cell that asks
print(scores.int().numpy())

# %% [markdown] tags=["lecture"]
# Read row 2, the third cell. It gives 9 points to the body at place 1, 6 to the one at place 4, 0 to itself.

# %% [markdown] tags=["lecture"]
# Scores become **shares** by a softmax: $w_{ij} = e^{s_{ij}} / \sum_m e^{s_{im}}$. They are positive and each row adds up to 1. The answer of a cell is the mean of all numbers, weighted by its shares.

# %% tags=["lecture", "nbval-check-output"]
shares = scores.exp() / scores.exp().sum(dim=1, keepdim=True)  # (6, 6), rows add up to 1
mixed = shares @ numbers  # (6, 6), (6,) -> (6,)
print("answer", [round(a, 1) for a in mixed.tolist()])

# %% [markdown] tags=["lecture"]
# That is attention, all of it: scores, a softmax, a weighted mean. The two cells in the middle are not quite sure, because $e^9$ is only twenty times $e^6$. The shares as a picture:

# %% tags=["lecture"]
fig, axis = plt.subplots(figsize=(3.6, 3.2))
axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
for i, row in enumerate(shares):
    for j, share in enumerate(row):
        axis.text(j, i, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.5 else "black", fontsize=10)
axis.set(xlabel="attends to cell", ylabel="cell", xticks=range(6), yticks=range(6))
axis.grid(False)
plt.show()

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The same as a product of two rows
#
# In a network nobody writes down $(i-j)^2$. Every token offers a few numbers, and scores are products of them. Can ours be one? Multiply out:
#
# $$s_{ij} = \underbrace{2\,i\,j + (10\,b_j - j^2)}_{\text{a product}} - i^2 .$$
#
# The last term is the same for all $j$, and a softmax does not notice what is added to a whole row. What is left is the product of $(i,\; 1)$ with $(2j,\; 10\,b_j - j^2)$.

# %% tags=["lecture", "nbval-check-output"]
query = torch.stack([place, torch.ones(6)], dim=1)  # (6, 2): what the cell that asks brings along
key = torch.stack([2 * place, 10 * body - place**2], dim=1)  # (6, 2): what a cell offers to be found by
again = (query @ key.T).softmax(dim=1)  # (6, 2), (2, 6) -> (6, 6)
print("same shares:", torch.allclose(again, shares))

# %% [markdown] tags=["lecture"]
# Three roles, three names. The **query** (查询) of a token says what it looks for: here, where I am. Its **key** (键; nothing to do with the keys that a player presses) says what it can be found by: where I am, and whether I hold a body. Its **value** (值) is what it gives to those that attend to it: my number.

# %% [markdown] tags=["lecture"]
# Now take the places away. All that is left of the key is "I hold a body".

# %% tags=["lecture", "nbval-check-output"]
blind = (10 * body).expand(6, 6).softmax(dim=1)  # no i, no j: every row is the same
print("without places", [round(a, 1) for a in (blind @ numbers).tolist()])

# %% [markdown] tags=["lecture"]
# Every cell hears both bodies equally and answers the mean of the two. It found *what*, but not *which*. Keep this row in mind for your first answer.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# ### Queries, keys, values
#
# A token is a row $x$ of $D$ numbers. Three matrices, which are learned, make its query, key and value: $q = xW_Q$, $k = xW_K$, $v = xW_V$. For $N$ tokens at once, with $Q$, $K$, $V$ holding a row for each token and $d$ the length of a query and of a key,
#
# $$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt d}\right) V .$$
#
# The scores before the softmax are called *logits*. A mask, when there is one, says which key a query may attend to: to the others it gives nothing, and still has 1 to share out.

# %% [markdown] tags=["lecture"]
# **Exercise 1. Who attends to whom.** The shares, with a mask. (Difficulty 2, 8 minutes. A blank left as `...` never stops the notebook: the library's answer is used. `hint("attention.weights")` helps in two steps; `answer("attention.weights")` shows a solution.)

# %% tags=["lecture"]
@exercise("attention.weights")
def my_weights(q: torch.Tensor, k: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Shares. q: (N, d), k: (M, d), mask: bool (N, M), True where a query may attend -> (N, M)."""
    ...


# %% [markdown] tags=["lecture"]
# All of it, for any number of axes in front:

# %% tags=["lecture"]
def attend(q, k, v, mask=None):
    """q: (..., N, d), k: (..., M, d), v: (..., M, e) -> (..., N, e), and the shares (..., N, M)."""
    logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (..., N, M)
    if mask is not None:
        logits = logits.masked_fill(~mask, -torch.inf)  # True: may attend. exp(-inf) = 0
    shares = logits.softmax(dim=-1)
    return shares @ v, shares


# %% [markdown] tags=["lecture"]
# Torch brings the same formula as `scaled_dot_product_attention`, which need not write the $N \times M$ shares down and is faster. Six tokens of eight numbers, three random matrices: do they agree?

# %% tags=["lecture", "nbval-check-output"]
g = torch.Generator().manual_seed(0)
x = torch.randn(6, 8, generator=g)  # six tokens
W_Q, W_K, W_V = (torch.randn(8, 8, generator=g) for _ in range(3))
mixed, _ = attend(x @ W_Q, x @ W_K, x @ W_V)  # (6, 8)
yours = my_weights(x @ W_Q, x @ W_K, torch.ones(6, 6, dtype=torch.bool)) @ (x @ W_V)  # (6, 6), (6, 8) -> (6, 8)
assert torch.allclose(mixed, yours, atol=1e-5)
assert torch.allclose(mixed, F.scaled_dot_product_attention(x @ W_Q, x @ W_K, x @ W_V), atol=1e-5)
print(tuple(x.shape), "->", tuple(mixed.shape), "agree to 1e-5")

# %% [markdown] tags=["lecture"]
# ### Why divide by $\sqrt d$?
#
# A product of two rows of $d$ random numbers, each of variance 1, has variance $d$. With more channels the logits grow, though nothing has been learned, and a softmax of large logits is nearly all-or-nothing. Sixty-four keys; how large is the largest share?

# %% tags=["lecture"]
rows = []
for d in (4, 64, 1024):
    q, k = torch.randn(200, d, generator=g), torch.randn(64, d, generator=g)
    raw = q @ k.T  # (200, 64)
    largest = [logits.softmax(1).max(1).values.mean().item() for logits in (raw, raw / d**0.5)]
    rows.append({"d": d, "spread of q·k": raw.std().item(), "largest share": largest[0], "divided": largest[1]})
show.table(rows)

# %% [markdown] tags=["lecture"]
# Undivided, a wide head has chosen one token before it has learned anything, and where a share $w$ is near 0 or 1 its slope $w(1-w)$ is near 0: there is little gradient to change its mind. Divided, the spread is 1 at every width.

# %% tags=["lecture"]
assert all(row["divided"] < 0.15 for row in rows), "divided, no key has been chosen before learning"
assert rows[-1]["largest share"] > 0.8 > 0.5 > rows[0]["largest share"]

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Heads
#
# One softmax can attend well to one place. A token may need two things at once: what stands near me, and am I on the floor?

# %% [markdown] tags=["lecture"]
# So the channels are shared out among several **heads** (注意力头), which attend side by side, each with its own queries, keys and values; in the end one more matrix mixes their answers.

# %% tags=["lecture", "nbval-check-output"]
def split(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(-2, -3)  # (..., N, D) -> (..., N, h, d) -> (..., h, N, d)


def join(x):
    return x.transpose(-2, -3).flatten(-2)  # (..., h, N, d) -> (..., N, h, d) -> (..., N, D)


print(tuple(x.shape), "->", tuple(split(x, 2).shape), "-> back:", torch.equal(join(split(x, 2)), x))

# %% [markdown] tags=["lecture"]
# Nothing is lost and nothing costs more: two heads of 4 channels do as many multiplications as one of 8.
#
# ### Attention as a layer
#
# The three matrices stand side by side in one, so that one product serves all.

# %% tags=["lecture"]
class Attention(nn.Module):
    def __init__(self, width, heads, causal=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(width, 3 * width, bias=False)  # W_Q, W_K, W_V
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x):
        q, k, v = (split(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))  # each (..., h, N, d)
        mask = look_back(x.shape[-2]) if self.causal else None
        return self.out(join(attend(q, k, v, mask)[0]))  # (..., h, N, d) -> (..., N, D)


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### What it cannot tell
#
# Shuffle the tokens. What happens to the answers?

# %% tags=["lecture", "nbval-check-output"]
torch.manual_seed(0)
layer = Attention(8, 2)
order = torch.tensor([3, 0, 5, 1, 4, 2])
print("the answers are shuffled alike:", torch.allclose(layer(x[order]), layer(x)[order], atol=1e-6))

# %% [markdown] tags=["lecture"]
# They are shuffled in the same way, and that is all. This is **permutation equivariance** (置换等变性). A token's answer is a weighted mean over a *set*; a set has no first and no last, no left and no right.

# %% [markdown] tags=["lecture"]
# **A planted bug.** This `split` is one `reshape`. The shape is right, the way back is right, and a network with it trains. Will its answers be shuffled alike? Predict, then measure.

# %% tags=["lecture", "nbval-check-output"]
def planted_split(x, heads):
    return x.reshape(heads, x.shape[0], -1)  # (N, D) -> (h, N, d)


def planted(x):
    q, k, v = (planted_split(part, 2) for part in layer.qkv(x).chunk(3, dim=-1))
    return layer.out(attend(q, k, v)[0].reshape(6, 8))  # (h, N, d) -> (N, D)


print("back:", torch.equal(planted_split(x, 2).reshape(6, 8), x))
print("shuffled alike:", torch.allclose(planted(x[order]), planted(x)[order], atol=1e-6))

# %% [markdown] tags=["lecture"]
# No. `reshape` never moves a number: the first head gets tokens 0 to 2 whole, each as two rows, the second head tokens 3 to 5. The two halves of the set never hear of each other. Here it is measured by what must stay the same, not by a loss.

# %% [markdown] tags=["lecture"]
# So these two pictures are the same to it, up to the order of its answers:

# %% tags=["lecture"]
def cut(picture):
    """(3, 32, 32) -> (64, 48): squares of 4 x 4, row by row, each laid flat."""
    return torch.stack([picture[:, r : r + 4, c : c + 4].flatten() for r in range(0, 32, 4) for c in range(0, 32, 4)])


squares = cut(to_model(frame))  # (64, 48)
jigsaw = squares[torch.randperm(64, generator=torch.Generator().manual_seed(3))]
pictures = [s.view(8, 8, 3, 4, 4).permute(0, 3, 1, 4, 2).reshape(32, 32, 3) for s in (squares, jigsaw)]
panels(a_frame=pictures[0], its_jigsaw=pictures[1])
plt.show()

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Positions
#
# The cure: add to each token a row of numbers that says where it is. Any rows that differ would do. A good choice makes *near* easy to see in a product, because products are all that attention has.

# %% [markdown] tags=["lecture"]
# Take waves of many lengths. With speeds $\omega_1, \dots, \omega_{D/2}$ from fast to slow, the **position** (位置编码) of place $i$ is
#
# $$p_i = \big(\sin \omega_1 i, \dots, \sin \omega_{D/2} i,\; \cos \omega_1 i, \dots, \cos \omega_{D/2} i\big), \qquad p_i \cdot p_j = \sum_k \cos\big(\omega_k (i - j)\big).$$
#
# The product depends on the distance $i - j$ alone, and is largest at distance 0. Near there $\cos \omega (i-j) \approx 1 - \omega^2 (i-j)^2 / 2$: the squared distance of our six cells comes for free.

# %% tags=["lecture"]
def sincos(count, width):
    speed = 10_000 ** (-torch.arange(width // 2) / (width // 2))  # (D / 2,), from 1 down to nearly 1 / 10,000
    angle = torch.arange(count)[:, None] * speed  # (count, 1), (D / 2,) -> (count, D / 2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)  # (count, D)


def sincos_2d(side, width):  # half of the channels say the row, half the column
    down = sincos(side, width // 2)[:, None].expand(side, side, -1)
    across = sincos(side, width // 2)[None].expand(side, side, -1)
    return torch.cat([down, across], dim=-1).flatten(0, 1)  # (side, side, D) -> (side * side, D)


# %% [markdown] tags=["lecture"]
# Left: the waves, a row for each of 32 places. Middle: the product of two of the places with all others; it is the same hill, moved. Right: on the grid of patches, the product of patch (2, 5) with all 64.

# %% tags=["lecture"]
line, grid = sincos(32, 64), sincos_2d(8, 64)
fig, axes = plt.subplots(1, 3, figsize=(9.4, 2.7), width_ratios=(1.2, 1.3, 1))
axes[0].imshow(line, aspect="auto", cmap="RdBu")
axes[0].set(xlabel="channel", ylabel="place")
for at in (10, 20):
    axes[1].plot(line[at] @ line.T, label=f"place {at}")
axes[1].set(xlabel="the other place", ylabel="product", ylim=(5, 34))
axes[1].legend(loc="lower center")
axes[2].imshow((grid[2 * 8 + 5] @ grid.T).view(8, 8))  # (64,) -> (8, 8)
for axis in axes[::2]:
    axis.grid(False)
plt.show()

# %% [markdown] tags=["lecture"]
# Over all pairs of places at the same distance:

# %% tags=["lecture"]
products = line @ line.T  # (32, 32)
uneven = max(float(products.diagonal(apart).std(correction=0)) for apart in range(32))
print(f"products at one distance differ by {uneven:.0e} at most")
assert uneven < 1e-4 and (products.argmax(dim=1) == torch.arange(32)).all()

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Masks: who may attend to whom
#
# A model that predicts what comes next must not see it. In a **causal** (因果) layer a token attends to itself and to what came before; the logits of the rest become $-\infty$ and their shares 0. Long films are often watched through a window: itself and the few just before it.

# %% [markdown] tags=["lecture"]
# **Exercise 2. A window into the past.** A mask in which each token sees itself and the `reach - 1` tokens just before it. (Difficulty 2, 8 minutes.)

# %% tags=["lecture"]
@exercise("attention.window")
def my_window(tokens: int, reach: int) -> torch.Tensor:
    """Bool (tokens, tokens), True where the token of that row may attend."""
    ...


# %% tags=["lecture", "nbval-check-output"]
def look_back(tokens):
    return my_window(tokens, tokens)  # row n: True up to column n


print(look_back(4).int().numpy())

# %% [markdown]
# Two layers of a window of two, six tokens: how far back does the last one reach?

# %% tags=["nbval-check-output"]
narrow = my_window(6, 2).float()
print((narrow @ narrow > 0).int().numpy())

# %% [markdown]
# Two places back, to token 3: each layer adds `reach - 1` to the distance.

# %% [markdown] tags=["lecture"]
# Is it true of the layer, and does it stay true through several of them? Do not trust the mask; ask the gradient.

# %% [markdown] tags=["lecture"]
# If the answer of token $n$ depends on token $m$, the derivative of one by the other is not zero.

# %% [markdown] tags=["lecture"]
# **Exercise 3. Find the leak.** Write the test: does any answer of a layer depend on a token that comes later? (Difficulty 4, 15 minutes.)

# %% tags=["lecture"]
@exercise("attention.looks_ahead")
def my_leak_test(layer, x: torch.Tensor) -> bool:
    """Whether any answer depends on a later token. layer: (N, D) -> (N, E); x: (N, D)."""
    ...


# %% [markdown] tags=["lecture"]
# And how strongly, for every pair:

# %% tags=["lecture"]
def influence(layer, x):
    """(N, N): how strongly the answer of token n (row) moves with token m (column). x: (N, D)."""
    x = x.clone().requires_grad_()
    answers = layer(x)  # (N, D)
    slopes = [torch.autograd.grad(answers[n].sum(), x, retain_graph=True)[0] for n in range(len(x))]
    return torch.stack(slopes).abs().sum(dim=-1)  # N times (N, D) -> (N, N, D) -> (N, N)


torch.manual_seed(1)
free = nn.Sequential(Attention(8, 2), Attention(8, 2))
causal = nn.Sequential(Attention(8, 2, causal=True), Attention(8, 2, causal=True))

# %% [markdown] tags=["lecture"]
# Two layers, without the mask and with it. Light means influence, on a logarithmic scale; what is crossed out is exactly zero. (Without the mask all rows are nearly alike, because fresh weights give nearly equal shares.)

# %% tags=["lecture"]
fig, axes = plt.subplots(1, 2, figsize=(5.6, 2.8))
for axis, layers, name in zip(axes, (free, causal), ("no mask", "causal"), strict=True):
    moved = influence(layers, x)
    axis.imshow(moved.log1p(), cmap="cividis")
    for n, m in (moved == 0).nonzero():
        axis.text(m, n, "×", ha="center", va="center", color="white")
    axis.set(title=name, xlabel="token m", ylabel="answer n", xticks=range(6), yticks=range(6))
    axis.grid(False)
plt.show()
assert (influence(causal, x).triu(1) == 0).all() and (influence(free, x) > 0).all()
assert my_leak_test(free, x) and not my_leak_test(causal, x)

# %% [markdown] tags=["lecture"]
# Nothing above the diagonal, to the last bit. Your test says the same. Every causal model of this course has one.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A memory of keys and values
#
# In a causal layer a later token never changes an earlier answer. So when one more token comes, the keys and values of all before it can be kept and need not be computed again. The library's layer does that: `with_memory` gives back its keys and values and takes them at the next call.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.nets import attention as library

torch.manual_seed(2)
keeps = library.Attention(8, 2, causal=True)
past, outputs = None, []
for n in range(6):
    one, past = keeps.with_memory(x[n : n + 1], past)  # one token at a time: (1, 8)
    outputs.append(one)
print("step by step equals all at once:", torch.allclose(torch.cat(outputs), keeps(x), atol=1e-6), "| keys", tuple(past.keys.shape))

# %% [markdown] tags=["lecture"]
# Without it nobody could play a game that a transformer draws (notebook 15).

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Patches of a picture
#
# You have seen `cut` above: a loop over rows and columns, each square laid flat. A patch of 4 by 4 pixels with three colours is a token of 48 numbers.

# %% [markdown] tags=["lecture"]
# **Exercise 4. Cut pictures without a loop.** What `cut` does, for a batch and with `reshape` and `permute` only. (Difficulty 3, 12 minutes.)

# %% tags=["lecture"]
@exercise("attention.cut")
def my_cut(frames: torch.Tensor, patch: int) -> torch.Tensor:
    """(B, C, H, W) -> (B, N, C * P * P): squares row by row, each laid flat with the channel first."""
    ...


# %% [markdown] tags=["lecture"]
# The library's `patchify` does the same, and `unpatchify` is its exact way back.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.nets.patches import patchify, unpatchify

picture = to_model(frame)  # (3, 32, 32)
tokens = patchify(picture, 4)  # -> (64, 48)
assert torch.equal(tokens, cut(picture)) and torch.equal(tokens, my_cut(picture[None], 4)[0])
print(tuple(picture.shape), "->", tuple(tokens.shape), "-> back:", torch.equal(unpatchify(tokens, 4, 32), picture))

# %% [markdown] tags=["lecture"]
# ### Patches of a film
#
# A film can be cut frame by frame. Or through time as well: a **tubelet** (时空管块) is the same square in several frames that follow each other. A tubelet holds a piece of motion.

# %% tags=["lecture", "nbval-check-output"]
film = to_model(test_films.frames[1])  # (32, 3, 32, 32)
for patch, frames_each in ((4, 1), (4, 2), (4, 4), (8, 4)):
    tubes = patchify(film, patch, frames_each)  # -> (T / Q, N, Q * 3 * P * P)
    same = torch.equal(unpatchify(tubes, patch, 32, frames_each), film)
    print(f"{patch} x {patch} x {frames_each} frames: {tuple(tubes.shape)}, {tubes.shape[0] * tubes.shape[1]:,} tokens; back: {same}")

# %% [markdown] tags=["lecture"]
# Cutting throws nothing away. Here are four tubelets of 4 by 4 pixels and 8 frames, as strips of time: what a single token of such a film would see.

# %% tags=["lecture"]
long = patchify(film, 4, 8)[1].view(64, 8, 3, 4, 4)  # frames 8 to 15: (64, 8 * 48) -> (64, Q, 3, 4, 4)
moving = long.std(dim=1).sum(dim=(1, 2, 3)).topk(4).indices.sort().values  # the four in which most happens
show.strips({f"patch ({int(i) // 8}, {int(i) % 8})": (long[i].permute(0, 2, 3, 1) * 255).to(torch.uint8).numpy() for i in moving},
            labels=[f"t = {t}" for t in range(8, 16)])

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The block
#
# Attention mixes tokens, but only by means of values. What a token does with what it received is the work of a small network of its own, the **MLP**, the same for all tokens. A **block** (Dosovitskiy et al. 2020, equations 2 and 3) is both, each added to what was there, each behind a layer norm that brings a token to mean 0 and spread 1:
#
# $$x \leftarrow x + \mathrm{Attention}(\mathrm{LN}(x)), \qquad x \leftarrow x + \mathrm{MLP}(\mathrm{LN}(x)).$$

# %% tags=["lecture"]
class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.narrow(F.gelu(self.wide(x)))  # (..., D) -> (..., 4 D) -> (..., D)


# %% [markdown] tags=["lecture"]
# GELU is a smooth version of "keep what is positive". And the two together:

# %% tags=["lecture"]
class Block(nn.Module):
    def __init__(self, width, heads, causal=False):
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.mlp = Attention(width, heads, causal), MLP(width)

    def forward(self, x):
        x = x + self.attention(self.norm_attention(x))
        return x + self.mlp(self.norm_mlp(x))


# %% [markdown] tags=["lecture"]
# ### All of it: a vision transformer
#
# A **ViT** (视觉 Transformer) cuts, embeds, adds positions, and runs its blocks. *Embedding* a patch is one linear layer from 48 numbers to $D$. Ours answers at every patch.

# %% tags=["lecture"]
class ViT(nn.Module):
    def __init__(self, size, patch, width, depth, heads, outputs):
        super().__init__()
        self.patch, self.places = patch, sincos_2d(size // patch, width)
        self.embed = nn.Linear(3 * patch * patch, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, frames):
        x = self.embed(patchify(2 * frames - 1, self.patch)) + self.places  # (B, 3, H, W) -> (B, N, D)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))  # (B, N, D) -> (B, N, outputs)


# %% [markdown] tags=["lecture"]
# The library's classes in `course_lib/nets/attention.py` and `course_lib/nets/vit.py` have the same names inside; they use torch's faster attention. On the same weights yours and the library's must agree.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.nets import patches, vit

theirs, mine = vit.ViT(32, 4, 64, 2, 4, 6), ViT(32, 4, 64, 2, 4, 6)
mine.load_state_dict(theirs.state_dict())
some = to_model(test_films.frames[:5, 3])  # (5, 3, 32, 32)
assert torch.allclose(mine(some), theirs(some), atol=1e-5)
assert torch.allclose(sincos_2d(8, 64), patches.sincos_2d(8, 64), atol=1e-5)
backward, own = library.Block(64, 4, causal=True), Block(64, 4, causal=True)
own.load_state_dict(backward.state_dict())
assert torch.allclose(own(mine.places), backward(mine.places), atol=1e-5)
print("agree to 1e-5;", sum(p.numel() for p in mine.parameters()), "parameters")

# %% [markdown]
# ### A note on long trainings: QK-norm
#
# Dividing by $\sqrt d$ sets the spread of the logits at the start. As the weights grow, logits grow with them, and in very large models shares then collapse onto one token and training diverges (Dehghani et al. 2023, section 2).

# %% [markdown]
# **QK-norm** (查询键归一化) brings every query and every key to spread 1 before their product, so that no logit can exceed $\sqrt d$, whatever the weights (a scale that is learned comes on top). Genie uses it; so shall we, from notebook 12 on.

# %% [markdown]
# Let the weights of a layer grow and look at the largest share, and at what slope is left: $\sum_j w_j (1 - w_j)$, summed over the keys.

# %%
rows, many = [], torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
for growth in (1, 3, 10, 30):
    row = {"weights times": growth}
    for name, normed in (("plain", False), ("QK-norm", True)):
        torch.manual_seed(0)
        layer = library.Attention(64, 4, qk_norm=normed)
        layer.qkv.weight.data *= growth
        w = layer.weights(many).detach()  # (4, 64, 64)
        row |= {f"largest share, {name}": w.max(-1).values.mean().item(), f"slope, {name}": (w * (1 - w)).sum(-1).mean().item()}
    rows.append(row)
show.table(rows)

# %% [markdown]
# At thirty times the weights the plain layer gives one token nearly everything and has no slope left to change that. In the normed one nothing has changed.

# %%
assert rows[-1]["largest share, plain"] > 0.9 and rows[-1]["slope, plain"] < 0.2, "plain: all-or-nothing, nothing left to learn"
assert max(r["slope, QK-norm"] for r in rows) - min(r["slope, QK-norm"] for r in rows) < 1e-3, "normed: growth changes nothing"

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Train live
#
# Now the question of the beginning: at every patch, the colour of the nearest body. The right answers come from the exact state that is kept with every film.

# %% tags=["lecture"]
def questions(films, every=4):
    """Frames (M, 32, 32, 3), the colour to name (M, 64), and how far the two bodies are (M, 64, 2)."""
    frames = films.frames[:, ::every].reshape(-1, 32, 32, 3)  # (films, 8, 32, 32, 3) -> (M, 32, 32, 3)
    bodies = films.states[:, ::every, 1:3].reshape(len(frames), 2, -1)  # (films, 8, 2, F) -> (M, 2, F)
    x, y, colour = (bodies[..., spec.FIELD[name]] for name in ("x", "y", "colour"))  # (M, 2) each
    middle = 4 * np.arange(8) + 2
    px, py = (place.reshape(64, 1) for place in np.meshgrid(middle, 32 - middle))  # y grows upwards
    away = np.hypot(x[:, None] - px, y[:, None] - py)  # (M, 1, 2), (64, 1) -> (M, 64, 2)
    return frames, np.take_along_axis(colour[:, None].astype(int), away.argmin(-1)[..., None], axis=-1)[..., 0], away


# %% [markdown] tags=["lecture"]
# The last line takes, for each patch, the colour of the body that is nearer. Let us look at one frame, and at the 64 answers that are wanted, each painted in the colour it names.

# %% tags=["lecture"]
from course_lib.views.attention import painted

frames, wanted, _ = questions(train_films)
targets = torch.from_numpy(wanted)  # (8000, 64)
test_frames, test_wanted, away = questions(test_films)
panels(a_frame=test_frames[11], what_each_should_say=painted(test_wanted[11:12], 32)[0])
plt.show()

# %% [markdown] tags=["lecture"]
# Two regions with a straight border between them: every place belongs to the body nearest to it.

# %% [markdown] tags=["lecture"]
# The loss of some frames is the cross-entropy (交叉熵) of the right colour, a mean over all their patches: minus the logarithm of the probability that the patch gave to it.

# %% tags=["lecture"]
def loss_on(network, rows):
    logits = network(to_model(frames[rows.numpy()]))  # (B, 64, 6)
    return F.cross_entropy(logits.flatten(0, 1), targets[rows].flatten())  # (64 B, 6), (64 B,) -> ()


# %% [markdown] tags=["lecture"]
# One step of training: 32 frames drawn at random, their loss, a step downhill.

# %% tags=["lecture"]
def learner(network, steps=300):
    """One step of learning a call; gives the loss."""
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(network.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        rows = torch.randint(len(frames), (32,), generator=generator)
        loss = loss_on(network, rows)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
        yield loss.item()


# %% [markdown] tags=["lecture"]
# Left: the loss; $\log 6 = 1.79$ is what guessing among six colours costs. Right, upper row: four test frames; lower row: what the patches say. Watch the plateau at the beginning, and what happens at its end.

# %% tags=["lecture"]
from course_lib.views.attention import answers

torch.manual_seed(0)
network = vit.ViT(32, 4, 64, 2, 4, 6)
shown = test_frames[[11, 90, 203, 402]]
watch = show.live("which body is nearest?", every=20)
for step, loss in enumerate(learner(network)):
    picture = None
    if step % 20 == 0 or step == 299:
        both = np.stack([shown, painted(answers(network, shown), 32)])  # (2, 4, 32, 32, 3)
        picture = np.concatenate(np.concatenate(both, axis=1), axis=1)  # -> (64, 128, 3)
    watch.update(step, {"loss": loss}, picture=picture)
watch.close()

# %% [markdown] tags=["lecture"]
# For some fifty steps it knows nothing. Then it finds that bodies can be asked for, and the loss falls steeply: first to about one half, where it names one of the two colours, then further, as the border between them finds its place.

# %% [markdown] tags=["lecture"]
# No checkpoint is loaded in this notebook: what you have just trained is the model that all of the rest asks.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# Eight frames of eight test films: the frame, the right answers, and what the network says.

# %% tags=["lecture"]
several = np.array([3, 11, 90, 203, 302, 555, 620, 700])
show.strips({"frame": test_frames[several], "right": painted(test_wanted[several], 32),
             "says": painted(answers(network, test_frames[several]), 32)}, labels=[""] * 8)

# %% [markdown] tags=["lecture"]
# It draws the regions, with frayed borders, and now and then it misses a body altogether.

# %% [markdown] tags=["lecture"]
# ### What do patches attend to?
#
# One frame, four patches (outlined), and their shares in the second block, averaged over the heads. Light is what they attend to.

# %% tags=["lecture"]
from course_lib.views.attention import attention_of_patches

asked_frame = test_frames[11]
attention_of_patches(network, asked_frame, [(0, 0), (2, 7), (5, 4), (7, 1)], block=1)

# %% [markdown] tags=["lecture"]
# Empty patches attend to bodies, and more to the nearer one. Nothing in the training says what a body is.

# %% [markdown] tags=["lecture"]
# The heads have shared the work out among them. Here is one patch in both blocks and all four heads.

# %% tags=["lecture"]
from course_lib.views.attention import all_heads

all_heads(network, asked_frame, 2, 7)

# %% [markdown] tags=["lecture"]
# Some heads attend to the nearer body, others to the farther one, to walls, or to nothing in particular. What a head *passes on* is in its values, which we do not see here.

# %% [markdown] tags=["lecture"]
# Pictures persuade. So count, over all test frames with two colours: of the attention of an empty patch, which share falls on patches near the nearest body, and which on patches near the other one? (Near: the middle of the patch is within 4 pixels of the body's centre. Chance level: the share of patches that are near.)

# %% tags=["lecture"]
two_colours = np.array([len(set(row)) == 2 for row in test_wanted])
far = (away.min(axis=-1) > 6) & two_colours[:, None]  # (M, 64): patches that hold nothing of a body
nearer = away.argmin(axis=-1)  # (M, 64): which body
near = (away < 4).astype(np.float32)  # (M, 64, 2): patches near each body
with torch.no_grad():
    weights = [w.mean(dim=1).numpy() for w in network.weights(to_model(test_frames))]  # 2 x (M, 64, 64)
rows = []
for block, w in enumerate(weights):
    landed = w @ near  # (M, 64, 64), (M, 64, 2) -> (M, 64, 2): attention on each body
    nearest = np.take_along_axis(landed, nearer[..., None], -1)[..., 0]
    rows.append({"block": block, "on the nearest": nearest[far].mean(),
                 "on the other": (landed.sum(-1) - nearest)[far].mean(), "chance level": near.mean()})

# %% [markdown] tags=["lecture"]
# And the answer:

# %% tags=["lecture"]
show.table(rows)

# %% [markdown] tags=["lecture"]
# The few patches on a body draw several times their share of the attention (0.34 and 0.28 in the second block, against 0.05), and the nearer body more than the other. It is a tendency and no switch: the other body is attended to as well.

# %% [markdown] tags=["lecture"]
# And the errors? By how much nearer the nearer body is, in pixels:

# %% tags=["lecture"]
margin, right = np.abs(away[..., 0] - away[..., 1]), answers(network, test_frames) == test_wanted  # (M, 64) each
bands = {"less than 2": (0, 2), "2 to 6": (2, 6), "more than 6": (6, 99)}
inside = {name: far & (margin >= low) & (margin < high) for name, (low, high) in bands.items()}
show.table([{"nearer by, pixels": name, "right": right[w].mean(), "patches": int(w.sum())} for name, w in inside.items()])

# %% tags=["lecture"]
assert any(row["on the nearest"] > max(row["on the other"], 2 * row["chance level"]) for row in rows), "attention goes where the answer is"
assert right[inside["more than 6"]].mean() > right[inside["less than 2"]].mean() + 0.1, "the border is where it errs"

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# Pick a patch by its row and column, and see what it attends to, in which block and with which head (or the mean of all heads). Left the frame, in the middle the attention, right what all patches say.

# %% [markdown] tags=["lecture"]
# Walk a patch slowly across the border between the two regions: does its attention jump, or glide? And does any patch attend to the agent, which does not count? Predict, then look below the slider.

# %% tags=["lecture", "nbval-ignore-output"]
from course_lib.views.attention import attention_of_patch

HEADS = {"mean of all": None, **{f"head {h}": h for h in range(4)}}


def pick(row: int = 2, column: int = 7, block: int = 1, head: int | None = None, film: int = 1):
    """What one patch of a test film's frame attends to."""
    return attention_of_patch(network, test_films.frames[film, 12], row, column, block, head)


show.explore(pick, row=(0, 7), column=(0, 7), block=(0, 1), head=HEADS, film=(0, 99))

# %% [markdown] tags=["lecture"]
# Measured over all test frames, in the second block: the attention of empty patches by their distance from the border, and its share on patches near the agent.

# %% tags=["lecture"]
middle, agent = 4 * np.arange(8) + 2, test_films.states[:, ::4, spec.AGENT_SLOT].reshape(len(away), -1)  # (M, F)
px, py = (place.ravel() for place in np.meshgrid(middle, 32 - middle))  # (64,) each
x_agent, y_agent = (agent[:, [spec.FIELD[name]]] for name in ("x", "y"))  # (M, 1) each
near_agent = np.hypot(x_agent - px, y_agent - py) < 4  # (M, 64)
on_agent = (weights[1] @ near_agent[..., None].astype(np.float32))[..., 0]  # (M, 64, 64), (M, 64, 1) -> (M, 64)
show.table([{"nearer by, pixels": name, "on the nearest": nearest[w].mean(), "on the other": (landed.sum(-1) - nearest)[w].mean(),
             "on the agent": on_agent[w].mean(), "chance level": near_agent.mean()} for name, w in inside.items()])

# %% [markdown] tags=["lecture"]
# It glides: at the border both bodies get as much (0.34 and 0.33), more than 6 pixels from it the nearer one gets more (0.33 against 0.23). The agent is not ignored: 0.07 to 0.08, with a chance level of 0.05.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# ### Without positions
#
# The same network, the same 300 steps, but no token knows where it is.

# %% [markdown] tags=["lecture"]
# And beside it another one, which keeps its positions, but in which each patch may attend to itself alone. It has the same matrices and as many parameters: its attention is what a mask that is true only on the diagonal would leave.

# %% tags=["lecture"]
class OnlyItself(library.Attention):
    """Attention whose every share is 1 for the token itself: each patch gets its own value."""

    def forward(self, x, past=None):
        return self.out(join(self.split(x)[2]))  # the value, (..., h, N, d) -> (..., N, D)


torch.manual_seed(0)
lost = vit.ViT(32, 4, 64, 2, 4, 6, positions=False)
torch.manual_seed(0)
alone = vit.ViT(32, 4, 64, 2, 4, 6)
for block in alone.blocks:
    block.attention = OnlyItself(64, 4)

# %% [markdown] tags=["lecture"]
# Look at your first two guesses before you go on.

# %% tags=["lecture"]
watch = show.live("without positions", every=20)
for step, loss in enumerate(learner(lost)):
    watch.update(step, {"loss": loss})
watch.close()

# %% [markdown] tags=["lecture"]
# It learns something. Now the one that may not attend to others:

# %% tags=["lecture"]
watch = show.live("without attention", every=20)
for step, loss in enumerate(learner(alone)):
    watch.update(step, {"loss": loss})
watch.close()

# %% [markdown] tags=["lecture"]
# Hardly anything (mind the scale of the axis). What do the two say on the eight frames from above?

# %% tags=["lecture"]
broken = {"no positions": lost, "no attention": alone}
show.strips({"frame": test_frames[several], "right": painted(test_wanted[several], 32),
             **{name: painted(answers(n, test_frames[several]), 32) for name, n in broken.items()}}, labels=[""] * 8)

# %% [markdown] tags=["lecture"]
# Each failure has its own face. Without positions the network finds the bodies and their colours, but all patches of plain background are **the same token**. They enter alike, so they leave alike, and a whole region must be painted in one colour. Only patches that show a piece of wall, floor or body differ.

# %% [markdown] tags=["lecture"]
# Without attention every patch knows where it is and what it shows, and that is all. Patches on a body are right. The others say, whatever the frame, the colour that was most often nearest at their place in the training films.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Without the mask
#
# A second break, of another kind. A small causal network reads coin flips, zeros and ones, and is trained to say the next one. Nobody can: the best possible loss is $\log 2 = 0.69$.

# %% [markdown] tags=["lecture"]
# What happens when the mask is forgotten?

# %% tags=["lecture"]
class Teller(nn.Module):
    def __init__(self, causal):
        super().__init__()
        self.embed, self.head = nn.Embedding(2, 32), nn.Linear(32, 2)
        self.block = library.Block(32, 2, causal=causal)

    def inner(self, x):
        return self.head(self.block(x + sincos(x.shape[-2], 32)))  # (..., N, 32) -> (..., N, 2)

    def forward(self, coins):
        return self.inner(self.embed(coins))  # (B, N) -> (B, N, 2): what comes after each coin


# %% tags=["lecture"]
torch.manual_seed(0)
tellers, g = {"causal": Teller(True), "mask forgotten": Teller(False)}, torch.Generator().manual_seed(1)
optimisers = {name: torch.optim.Adam(teller.parameters(), 5e-3) for name, teller in tellers.items()}


def learn(name, coins):
    loss = F.cross_entropy(tellers[name](coins[:, :-1]).flatten(0, 1), coins[:, 1:].flatten())  # (B * 16, 2), (B * 16,)
    optimisers[name].zero_grad()
    loss.backward()
    optimisers[name].step()
    return loss.item()


# %% [markdown] tags=["lecture"]
# Both see the same coins, 64 rows of 17 a step, and every step throws new ones. Which curve do you expect where?

# %% tags=["lecture"]
watch = show.live("the next coin", every=20)
for step in range(200):
    coins = torch.randint(2, (64, 17), generator=g)
    watch.update(step, {name: learn(name, coins) for name in tellers})
watch.close()

# %% [markdown] tags=["lecture"]
# Without the mask the loss goes where no loss can go. Coin $t + 1$ stands in the input, one place to the right, and the network has learned to attend to it. Now ask both to go on where no next coin is written down: after the last one.

# %% tags=["lecture"]
fresh = torch.randint(2, (2000, 17), generator=g)
rows = []
for name, teller in tellers.items():
    with torch.no_grad():
        correct = (teller(fresh[:, :-1]).argmax(-1) == fresh[:, 1:]).float()  # (2000, 16)
    moved = influence(teller.inner, teller.embed(fresh[0, :-1]).detach())  # (16, 16)
    rows.append({"teller": name, "right, within the row": correct[:, :-1].mean().item(),
                 "right, after its end": correct[:, -1].mean().item(), "gradient from later": moved.triu(1).max().item()})  # fmt: skip
show.table(rows)

# %% [markdown] tags=["lecture"]
# Right every time as long as the answer is in the input, and a coin flip as soon as it is not. The training loss cannot show this; it only looked very good.

# %% [markdown] tags=["lecture"]
# The last column could: **the gradient test** is the diagnostic. Whenever a sequence model is suspiciously good, run it first.

# %% [markdown] tags=["lecture"]
# As claims:

# %% tags=["lecture"]
causal_row, leaky = rows
assert leaky["right, within the row"] > 0.95 and abs(leaky["right, after its end"] - 0.5) < 0.05
assert abs(causal_row["right, within the row"] - 0.5) < 0.05
assert causal_row["gradient from later"] == 0 < leaky["gradient from later"]

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Measure
#
# ### Which colour is nearest?
#
# One hundred test films, patches that hold nothing of a body, frames with two colours. One share a film, and a bootstrap over films. Beside the three networks stand those who cannot know: an untrained one, the most frequent colour of the training films, and one of the frame's two colours chosen by a coin.

# %% [markdown] tags=["lecture"]
# And one that cheats: it knows the right answers but has **one colour a frame**, the one that most of the empty patches want. No network that treats all empty patches alike can beat it.

# %% tags=["lecture"]
from course_lib.exam.measures.intervals import mean_and_interval

film_of = np.repeat(np.arange(100), 8)
torch.manual_seed(5)
networks = {"attention and positions": network, "no positions": lost, "no attention": alone, "untrained": vit.ViT(32, 4, 64, 2, 4, 6)}
named = {name: answers(n, test_frames) for name, n in networks.items()}
named["the most frequent colour"] = np.full_like(test_wanted, np.bincount(wanted.ravel()).argmax())
coin = np.random.default_rng(0).random(test_wanted.shape) < 0.5
both = np.stack([test_wanted.min(axis=1), test_wanted.max(axis=1)])  # (2, M): the two colours of a frame
named["one of the two, by a coin"] = np.where(coin, both[0][:, None], both[1][:, None])
share = np.array([(w[f] == low).mean() if f.any() else 0 for w, f, low in zip(test_wanted, far, both[0], strict=True)])
named["one colour, chosen with the answers"] = np.where(share > 0.5, both[0], both[1])[:, None].repeat(64, axis=1)

# %% [markdown] tags=["lecture"]
# From right and wrong to a share a film, and to an interval:

# %% tags=["lecture"]
def by_film(colours):
    right = (colours == test_wanted) & far  # (M, 64)
    counts = np.bincount(film_of, far.sum(axis=1))  # (100,)
    return (np.bincount(film_of, right.sum(axis=1)) / np.maximum(counts, 1))[counts > 0]


scores = {name: by_film(colours) for name, colours in named.items()}
facts = {name: mean_and_interval(values, seed=0) for name, values in scores.items()}
show.table([{"who answers": name, "right": f["value"], "from": f["low"], "to": f["high"], "films": f["n"]} for name, f in facts.items()])

# %% [markdown] tags=["lecture"]
# Your guesses come back:

# %% tags=["lecture"]
print(f"without positions {facts['no positions']['value']:.0%}; your guess was {my_guess_without_positions:.0%}")
print(f"without attention {facts['no attention']['value']:.0%}; your guess was {my_guess_without_attention:.0%}")
whole, one_colour = facts["attention and positions"], facts["one colour, chosen with the answers"]
assert whole["low"] > 0.75, "attention and positions together answer the question"
assert 0.45 < facts["no positions"]["low"] and facts["no positions"]["high"] < one_colour["low"] < whole["low"]
assert facts["no attention"]["high"] < 0.3, "a patch that may not attend to others knows nothing of them"
assert max(facts[name]["high"] for name in ("untrained", "the most frequent colour")) < 0.3

# %% [markdown] tags=["lecture"]
# **Both are needed, and each alone fails in its own way.** Attention without positions finds out which colours there are. Positions without attention find out nothing about others (17 %; an untrained network has 20 %).

# %% [markdown] tags=["lecture"]
# The one colour chosen with the answers gets 67 %, and the network without positions stays below it, with 58 %.

# %% [markdown]
# Is this fair to the network without attention? It has as many parameters, the same data, the same steps; what it is asked is not in its patch.

# %% [markdown]
# The network without positions is a little above one half. The more central of the two bodies is often the nearer one for most of the empty patches, and a few patches see a wall or the floor, which tells them where they are.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### What it costs
#
# Every token attends to every token: $N$ tokens make $N^2$ pairs. That is the price of attending to everything.

# %% [markdown] tags=["lecture"]
# **Exercise 5. Count the work.** The multiplications of one attention layer: queries, keys, values, logits, mixing, and the way out. (Difficulty 3, 10 minutes.)

# %% tags=["lecture"]
@exercise("attention.multiplications")
def my_multiplications(tokens: int, width: int) -> int:
    """Multiplications of one attention layer, heads sharing the width."""
    ...


# %% [markdown] tags=["lecture"]
# One layer at the size of Genie's tokenizer (width 512), for a film of 16 frames of 64 by 64 pixels in patches of 4, and the same with tubelets of 4 frames:

# %% tags=["lecture", "nbval-check-output"]
for name, n in (("frame by frame", 16 * 16 * 16), ("tubelets of 4 frames", 4 * 16 * 16)):
    print(f"{name}: {n:,} tokens, {my_multiplications(n, 512) / 1e9:.1f} billion multiplications")

# %% [markdown] tags=["lecture"]
# The four matrices take $4 N D^2$, logits and mixing $2 N^2 D$. They are equal at $N = 2D$; ours has $D = 64$, so beyond two frames of 64 tokens pairs decide.

# %% [markdown] tags=["lecture"]
# Measure it. A film of $T$ frames, 64 tokens each; all $64\,T$ tokens in one attention (*joint*). Beside it the same layer where each frame keeps to itself, which is one half of what Genie does.

# %% tags=["lecture"]
import time


@torch.no_grad()
def milliseconds(layer, x, tries=7):
    layer(x)  # once to warm up
    times = []
    for _ in range(tries):
        start = time.thread_time()  # what this thread computes, whatever else the machine is doing
        layer(x)
        times.append(time.thread_time() - start)
    return 1000 * min(times)  # the least disturbed one


# %% [markdown] tags=["lecture"]
# From one frame to 64, at width 64 with 4 heads, on a single thread:

# %% tags=["lecture"]
threads = torch.get_num_threads()
torch.set_num_threads(1)
counts, layer = [1, 2, 4, 8, 16, 32, 64], library.Attention(64, 4)
films_of = [torch.randn(t, 64, 64) for t in counts]  # T frames, 64 tokens, 64 channels
joint = [milliseconds(layer, film.flatten(0, 1)[None]) for film in films_of]  # (T, 64, 64) -> (1, T * 64, 64)
apart = [milliseconds(layer, film) for film in films_of]  # (T, 64, 64): frames do not see each other
torch.set_num_threads(threads)

# %% [markdown] tags=["lecture"]
# Both axes are logarithmic, so a power of $T$ is a straight line, and its slope is the exponent: 1 for linear, 2 for a square.

# %% tags=["lecture"]
slopes = {name: np.log2(t[-1] / t[-3]) / 2 for name, t in (("joint", joint), ("apart", apart))}  # from 16 to 64 frames
fig, axis = plt.subplots(figsize=(6, 3.2))
axis.loglog(counts, joint, "o-", label=f"all tokens attend to all: exponent {slopes['joint']:.1f}")
axis.loglog(counts, apart, "o-", label=f"each frame by itself: exponent {slopes['apart']:.1f}")
axis.set(xlabel="frames of 64 tokens", ylabel="milliseconds", xticks=counts, xticklabels=counts)
axis.minorticks_off()
axis.legend()
plt.show()

# %% [markdown] tags=["lecture"]
# Your third guess comes back, beside the count and the clock:

# %% tags=["lecture"]
work = [my_multiplications(64 * t, 64) for t in counts]
print(f"64 frames against 32: {joint[-1] / joint[-2]:.1f} times the time, {work[-1] / work[-2]:.2f} times "
      f"the multiplications; your guess was {my_guess_factor}")
print(f"64 frames: joint attention takes {joint[-1] / apart[-1]:.0f} times as long as each frame by itself")
assert 1.4 < slopes["joint"] < 2.6 and slopes["apart"] < min(1.5, slopes["joint"] - 0.3)
assert joint[-1] > 5 * apart[-1]

# %% [markdown] tags=["lecture"]
# A film twice as long costs nearly four times as much. That is why films are cut into tubelets (fewer tokens), why video models work on compressed latents (notebook 09), and why Genie splits attention into one over space and one over time (notebook 12).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Five stood above, each before its answer, and a planted bug.

# %% [markdown]
# Your test of exercise 3 on the two tellers of coins:

# %% tags=["nbval-check-output"]
for name, teller in tellers.items():
    print(f"{name}: looks ahead: {my_leak_test(teller.inner, teller.embed(fresh[0, :-1]).detach())}")

# %% [markdown]
# What you have solved so far, here and in the other notebooks:

# %% tags=["nbval-ignore-output"]
progress()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# The slides on Genie speak of a cost to be avoided: "避免 T×H×W 的矩阵计算复杂度", the complexity of a matrix over all $T \times H \times W$ tokens, and of a cost that should be "linear, not quadratic" in the number of frames. This notebook looked at the thing to be avoided.

# %% [markdown] tags=["lecture"]
# **The premise stands.** Attention among all tokens of a film grows with an exponent near 2, in multiplications as counted and in time as measured; frames that keep to themselves grow with an exponent near 1. Whether Genie's way keeps that promise, and what its frames then know of each other, is examined in notebook 12, which answers for both claims.

# %% [markdown] tags=["lecture"]
# **Patches.** The slide "video is cut into patches" (视频切分为 Patches) is right about the patches. That they are cut *before* compression is not what the Sora report says; notebook 09 takes the two in order.

# %% [markdown] tags=["lecture"]
# **What this toy cannot show.** That attention beats convolutions on real pictures: that took hundreds of millions of photographs (Dosovitskiy et al. 2020, section 4.3); on small sets the convolution's built-in neighbourhood wins.
#
# The two questions *to discuss*. 1. A gift where what is asked is not in the patch: without attention hardly anything was learned. A waste where neighbours would do: every pair is paid for, and a film twice as long costs nearly four times as much. 2. No. It shows from where a value could come. Change patch B and look whether the answer changes: an intervention, as in the gradient test.

# %% [markdown] tags=["lecture"]
# And an attention map is no explanation: we have shown that attention is *needed*, by taking it away, not that a light patch is the reason for an answer. Notebook 25 asks that with interventions.

# %% [markdown]
# **Larger.** Nothing here needs a GPU. For straighter borders give `learner` 2,000 steps, or `vit.ViT` a width of 128. The networks that later notebooks make of these blocks come in the sizes `gpu` and `paper`.
#
# **References.** Vaswani et al., *Attention Is All You Need*, 2017, arXiv 1706.03762, sections 3.2 and 3.5. Dosovitskiy et al., *An Image is Worth 16x16 Words*, 2020, arXiv 2010.11929, section 3.1. Arnab et al., *ViViT*, 2021, arXiv 2103.15691, section 3.2 (tubelets). Dehghani et al., *Scaling Vision Transformers to 22 Billion Parameters*, 2023, arXiv 2302.05442, section 2 (QK-norm). Bruce et al., *Genie*, 2024, arXiv 2402.15391, section 2.
#
# Claims examined here: C32, C33

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** [05 Asking a model](05_asking_a_model.ipynb)
# - **After it:** [07 Words and pictures](07_words_and_pictures.ipynb)
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C32](claims.md#c32), [C33](claims.md#c33)
