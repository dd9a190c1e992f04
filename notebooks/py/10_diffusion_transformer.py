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
# # 10 The diffusion transformer
#
# **The question.** Notebook 08 turned noise into points with a small network. Which network turns noise into the latents of a film, and how is it told how noisy its input is and what the caption asks for?
#
# **After this notebook you can** cut latents into tokens, build the diffusion transformer (DiT, 扩散 Transformer) with adaLN-Zero (自适应层归一化, gates that begin at 0), condition it in four ways, let it continue what is known, count its parameters and operations, and read a scaling curve.
#
# | | |
# |---|---|
# | It costs | about a minute and a half of computing on one core, an hour and a quarter of reading and exercises; about 1.5 GiB of memory |
# | It needs | attention, patches and positions (06); targets, samplers and guidance (08); the codec (09) |
# | It builds | the third step of text to video: from noise and a caption to latents |
# | It examines | two sentences of the slides (of the lecture that this course follows; `claims.md` lists them all): that Sora is autoregressive, and that scale is the road |
#
# **Lecture plan (45 minutes).** 4 question and prediction; 8 six numbers, waves; 12 tokens, the block, four ways, the class; 5 training; 5 look and play; 5 break it; 6 scaling, the discussion.
#
# **To discuss.** 1. A block of the paper's largest model spends a third of its parameters on steering. Why does that hardly cost any time? 2. A new part makes a small model better after ten minutes. What would you have to know before you put it into a large one?

# %% [markdown] tags=["lecture"]
# The slides name the network once, in the third of four steps, and judge it in one sentence:
#
# > **Step3：** 基于 Diffusion Transformer 从图像语义生成 \
# > *Step 3: a diffusion transformer generates, from the meaning of pictures*
# >
# > 以 OpenAI 为代表 Transformer (SORA)，通过 Scaling Law 大规模/大数据/大算力，以自回归方式走向 AGI \
# > *OpenAI stands for the transformer (Sora): by the scaling law, with large models, data and computing, autoregressively, towards AGI*

# %% [markdown] tags=["lecture"]
# Sora's report says "a diffusion transformer", cites Peebles & Xie (2022), and says little more. So we build what that paper describes, for films of the Playground.

# %% tags=["lecture"]
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import show
from course_lib.exercises import exercise
from course_lib.training import load_checkpoint, load_config, train
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model, to_uint8

show.use_style()
train_films, test_films = load_films("bodies", split="train", count=1000), load_films("bodies", split="test", count=100)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# Write down your answers before you read on.
#
# 1. One fresh DiT has 28 blocks, another 2, both with random weights. How do the tokens that come out of their last blocks differ?
# 2. The patches are cut half as wide; the sizes of the network stay. How many times as many operations does a forward pass take, and how many times as many parameters are there?
# 3. A DiT has learned for half a minute. By what share does its error grow when noisy latents come with another film's caption instead of their own?

# %% [markdown] tags=["lecture"]
# Put the third answer, in percent, into the next cell. It comes back in *Measure*.

# %% tags=["lecture"]
my_guess_percent = 0.0

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Intuition
#
# ### Six numbers, steered
#
# Here is a token of six numbers. A block first normalises it: mean 0, spread 1. In notebook 06 a layer norm had one scale and shift for every input. **Adaptive layer norm** (adaLN, 自适应层归一化) lets *something else* set them: the noise level and the caption.

# %% tags=["lecture", "nbval-check-output"]
token = torch.tensor([3.0, 1.0, 0.0, -1.0, 2.0, 1.0])
x = F.layer_norm(token, (6,))  # mean 0, spread 1
scale = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, -1.0])
shift = torch.tensor([0.0, 2.0, 0.0, 0.0, 0.0, 0.0])
for name, row in (("normalised", x), ("x (1 + scale)", x * (1 + scale)), ("+ shift", x * (1 + scale) + shift)):
    print(f"{name:14}", [f"{value:5.2f}" for value in row.tolist()])

# %% [markdown] tags=["lecture"]
# A scale of 0 leaves a number as it is, 1 doubles it, $-1$ switches it off. A shift moves it. Whoever sets these twelve numbers decides which channels the block sees, and how strongly.

# %% [markdown]
# **Exercise 1. Modulate.** Write it for many tokens. There is one row of shifts and one of scales for each film (or group of frames), and all its $N$ tokens get the same. (Difficulty 2, 6 minutes. A blank left as `...` never stops the notebook: the library's answer is used. `hint("dit.modulate")` helps in two steps; `answer("dit.modulate")` shows a solution.)

# %%
@exercise("dit.modulate")
def my_modulate(x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Normalised tokens, scaled and shifted: x (1 + scale) + shift. x: (..., N, D); shift, scale: (..., D)."""
    ...


# %% [markdown] tags=["lecture"]
# ### A gate that begins at 0
#
# What the block computes from the steered token is *added* to the token. The second idea is a **gate** (门控) before the addition, set by the same vector:
#
# $$x \leftarrow x + \mathrm{gate} \cdot f\big(\mathrm{norm}(x)\,(1 + \mathrm{scale}) + \mathrm{shift}\big).$$

# %% tags=["lecture", "nbval-check-output"]
def f(y):  # any function will do, as long as it is finite
    return torch.sin(3 * y)


for gate in (1.0, 0.1, 0.0):
    out = token + gate * f(my_modulate(x[None], shift, scale)[0])  # (6,) -> (1, 6) -> (6,)
    print(f"gate {gate:3.1f}", [f"{value:5.2f}" for value in out.tolist()], "unchanged:", torch.equal(out, token))

# %% [markdown] tags=["lecture"]
# With a gate of 0 the token leaves as it came, whatever $f$ is: adding zero times a finite number changes no bit. A hundred such blocks are the identity (恒等映射) too. That is **adaLN-Zero**: all gates begin at 0, and training opens them.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### How noisy? Waves again
#
# A denoiser has to know the noise level (notebook 08: without it, it answers with a mean over all levels). The level $t$ is one number between 0 and 1. The network gets 256 numbers instead: the waves of notebook 06, with $1000\,t$ in the place of a position:
#
# $$\cos(1000\,t\,\omega_k), \quad \sin(1000\,t\,\omega_k), \qquad \omega_k = 10000^{-2k/D}, \quad k = 0, \dots, D/2 - 1.$$

# %% [markdown]
# **Exercise 2. The noise level as waves.** All cosines first, then all sines. The levels may have any shape: one for each film, or one for each group of frames. (Difficulty 2, 10 minutes.)

# %%
@exercise("dit.timestep_embedding")
def my_timestep_embedding(t: torch.Tensor, width: int) -> torch.Tensor:
    """Noise levels as waves, cosines first: cos, sin of 1000 t w_k, w_k = 10000^(-2k/width). (...) -> (..., width)."""
    ...


# %% [markdown] tags=["lecture"]
# Left: the waves of 200 levels, a row each. Right: the products of three levels' waves with all others. Close levels have similar waves, so what is learned at one level helps its neighbours.

# %% tags=["lecture"]
levels = torch.linspace(0, 1, 201)
waves = my_timestep_embedding(levels, 256)  # (201, 256)
fig, (left, right) = plt.subplots(1, 2, figsize=(7.4, 2.3))
left.imshow(waves, aspect="auto", cmap="RdBu", extent=(0, 256, 1, 0))
left.set(title="waves", xlabel="channel", ylabel="noise level t")
left.grid(False)
for at in (20, 100, 160):
    right.plot(levels, waves @ waves[at] / 128, label=f"t = {levels[at]:.1f}")
right.set(title="products", xlabel="the other level", ylabel="product, of 1")
right.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# ### From latents to tokens
#
# The codec of notebook 09 turns a film of 17 frames into 5 groups of 8 by 8 places with 12 channels. A token is a **spacetime patch** (时空块): a square of places in one group, laid flat. A `patch` of 1 makes every place a token.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.nets.patches import patchify, sincos, sincos_2d, unpatchify

codec = load_checkpoint("codec").requires_grad_(False)
film = test_films.frames[4, :17]
z = codec.latents(to_model(film[None]))  # (1, 17, 3, 32, 32) -> (1, 5, 12, 8, 8)
for patch in (1, 2, 4):
    tokens = patchify(z, patch)  # (B, G, C, h, w) -> (B, G, N, C * patch * patch)
    back = torch.equal(unpatchify(tokens, patch, 8), z)
    print(f"patch {patch}: {tuple(tokens.shape)}, {tokens.shape[1] * tokens.shape[2]} tokens a film; exact way back: {back}")

# %% [markdown] tags=["lecture"]
# Cutting loses nothing. It decides how many tokens attend to each other.
#
# ### Where and when
#
# A token must know where it is (notebook 06), and now also when. The paper adds fixed waves for row and column. We add waves for the group's number as well, minus those of group 0, so that an image has exactly the paper's positions.

# %% tags=["lecture"]
def positions(groups: int, rows: int, columns: int, width: int) -> torch.Tensor:
    place = sincos_2d((columns, rows), width).unflatten(0, (columns, rows))  # the program has the column first
    place = place.transpose(0, 1).flatten(0, 1)  # (columns, rows, D) -> (rows * columns, D)
    time = sincos(groups, width) - sincos(1, width)  # (G, D), 0 in the first group
    return place + time[:, None]  # (G, N, D)


# %% [markdown] tags=["lecture"]
# How far is the position of one token (dot) from those of all others in five groups? Bright is near.

# %% tags=["lecture"]
from course_lib.views.conditioning import positions_figure

assert len({tuple(row) for row in positions(5, 8, 8, 96).flatten(0, 1).tolist()}) == 5 * 64, "no two are the same"
positions_figure(groups=5, side=8, width=96, group=2, row=2, column=5)

# %% [markdown] tags=["lecture"]
# Nearest are its neighbours in space and the same place in the groups before and after. This is no mask: every token may attend to every other one. A film is denoised as a whole.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### One vector that steers: level and caption
#
# Two layers turn the waves into a vector as wide as the network. The caption goes through transformer blocks of its own, as in notebook 07 (`CaptionEmbedder`; the paper has a table of 1,000 classes). The mean over its words is *added* to the level's vector and steers all blocks; the words themselves can be attended to, one by one.

# %% tags=["lecture"]
from course_lib.models.conditions import CaptionEmbedder


class TimestepEmbedder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        return self.mlp(my_timestep_embedding(t, 256))  # (...) -> (..., D)


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The block
#
# Its parts are those of notebook 06, and one matrix more: it turns the steering vector $c$ into shift, scale and gate for the attention and for the feed-forward, six rows. The norms have no scale and shift of their own.

# %% tags=["lecture"]
from course_lib.nets.attention import MLP, Attention, CrossAttention


class BlockParts(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm_words, self.norm2 = (nn.LayerNorm(width, 1e-6, elementwise_affine=False) for _ in range(3))
        self.attn, self.mlp = Attention(width, heads, bias=True), MLP(width)
        self.words = CrossAttention(width, heads, bias=True)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))


# %% [markdown] tags=["lecture"]
# Between attention and feed-forward the patches attend to the caption's words. The paper's block lacks this line, as a class has no words; PixArt-α (Chen et al. 2023, section 2.3) added it, with a last matrix that begins at 0.

# %% tags=["lecture"]
class Block(BlockParts):
    def forward(self, x, c, words, mask):  # (B, G, N, D), (B, G or 1, D), (B, L, D), (B, L)
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.adaLN_modulation(c).chunk(6, dim=-1)
        y = my_modulate(self.norm1(x), shift_a, scale_a).flatten(1, 2)  # (B, G, N, D) -> (B, G * N, D)
        x = x + gate_a[:, :, None] * self.attn(y).view(x.shape)
        x = x + self.words(self.norm_words(x).flatten(1, 2), words, mask).view(x.shape)
        y = self.mlp.wide(my_modulate(self.norm2(x), shift_m, scale_m))  # (B, G, N, 4 D)
        return x + gate_m[:, :, None] * self.mlp.narrow(F.gelu(y, approximate="tanh"))


# %% [markdown] tags=["lecture"]
# Three matrices begin at 0: the one that makes the six rows, the last one of the attention to words, and, below, the last one of the network. Here are 28 such blocks, otherwise random, with random tokens and steering vectors:

# %% tags=["lecture", "nbval-check-output"]
def zero(*layers: nn.Linear) -> None:
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)


torch.manual_seed(0)
tower = [Block(48, 3) for _ in range(28)]
out = x = torch.randn(2, 5, 16, 48)
for block in tower:
    zero(block.adaLN_modulation[1], block.words.out)
    out = block(out, torch.randn(2, 1, 48), torch.randn(2, 7, 48), torch.ones(2, 7, dtype=torch.bool))
print("28 fresh blocks are the identity, to the bit:", torch.equal(out, x))

# %% [markdown] tags=["lecture"]
# The first question of *Predict first*: they do not differ. After 2 blocks or 28 the tokens come out as they went in.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Four ways to condition
#
# The paper compares four ways in which level and condition can enter (section 3.2). What carries them is vermilion:

# %% tags=["lecture"]
from course_lib.views.conditioning import four_ways_figure

four_ways_figure()

# %% [markdown] tags=["lecture"]
# **In context** (上下文): they are tokens among the others. **Cross-attention** (交叉注意力): a second attention in every block, to them alone. **adaLN**: shift and scale after each norm, for all tokens alike. **adaLN-Zero**: gates as well, beginning at 0. At DiT-XL/2 and 400,000 steps the paper measures FIDs of 35.2, 26.1, 25.2 and 19.5 (section 5, figure 5). The FID compares features of made and real pictures; lower is better. *Measure* repeats this at our size.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The whole network on one page
#
# The final layer steers once more and brings every token back to a patch of the prediction.

# %% tags=["lecture"]
class FinalLayer(nn.Module):
    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.norm_final, self.linear = nn.LayerNorm(width, 1e-6, elementwise_affine=False), nn.Linear(width, outputs)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x, c):
        return self.linear(my_modulate(self.norm_final(x), *self.adaLN_modulation(c).chunk(2, dim=-1)))


# %% [markdown] tags=["lecture"]
# The parts, with `s` for the sizes:

# %% tags=["lecture"]
class Parts(nn.Module):
    def __init__(self, s) -> None:
        super().__init__()
        self.patch, self.x_embedder = s.patch, nn.Linear(s.channels * s.patch**2, s.width)
        self.t_embedder = TimestepEmbedder(s.width)
        self.y_embedder = CaptionEmbedder(s.context, s.width, s.text_depth, s.heads)
        self.blocks = nn.ModuleList(Block(s.width, s.heads) for _ in range(s.depth))
        self.final_layer = FinalLayer(s.width, s.channels * s.patch**2)
        for block in self.blocks:
            zero(block.adaLN_modulation[1], block.words.out)
        zero(self.final_layer.adaLN_modulation[1], self.final_layer.linear)


# %% [markdown] tags=["lecture"]
# And what happens to a batch of noisy latents. That is all of it:

# %% tags=["lecture"]
class MyDiT(Parts):
    def forward(self, x_t, t, tokens):  # (B, G, C, h, w), (B, G or 1), int64 (B, L)
        caption = self.y_embedder(tokens)  # its mean (B, D), its words (B, L, D), which of them are there (B, L)
        c = self.t_embedder(t) + caption.pooled[:, None]  # (B, G or 1, D)
        x = self.x_embedder(patchify(x_t, self.patch))  # (B, G, C, h, w) -> (B, G, N, D)
        rows, columns = (side // self.patch for side in x_t.shape[3:])
        x = x + positions(x.shape[1], rows, columns, x.shape[3])
        for block in self.blocks:
            x = block(x, c, caption.words, caption.mask)
        return unpatchify(self.final_layer(x, c), self.patch, tuple(x_t.shape[3:]))


# %% [markdown] tags=["lecture"]
# The library's class (`course_lib/models/dit.py`) has the same names inside, and the other three ways as well. On the same weights the two must agree. Fresh ones both say 0, so a little noise is added to all weights. `LIVE` holds the sizes that we train.

# %% tags=["lecture"]
from course_lib.models.clip import tokenise
from course_lib.models.dit import AveragedDiT, DiT

LIVE = {"model.patch": 1, "model.width": 32, "model.depth": 2, "model.heads": 2}
sizes = load_config("dit", "tiny", LIVE).model


def shaken(s) -> DiT:
    model, g = DiT(s).eval(), torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=g)
    return model


# %% tags=["lecture", "nbval-check-output"]
theirs, mine = shaken(sizes), MyDiT(sizes).eval()
mine.load_state_dict(theirs.state_dict())
words, t = tokenise(test_films.captions[3:5], 32), torch.tensor([0.3, 0.8])
noisy = torch.randn(2, 2, 12, 8, 8, generator=torch.Generator().manual_seed(1))
assert torch.allclose(mine(noisy, t[:, None], words), theirs(noisy, t, words), atol=1e-5)
print("agree to 1e-5;", sum(p.numel() for p in mine.parameters()), "parameters")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The loss, and three things that are hidden
#
# The loss is that of notebook 08: noise the latents on the straight path, $x_t = (1 - t)\,z + t\,\varepsilon$, and ask for $u = \varepsilon - z$, by least squares. Three things are hidden from the network.
#
# **The data**, by noise. **The caption**, in a tenth of the films, which come with an empty one. Guidance (引导) needs films with and without a sentence, as in 08: $u_\text{empty} + w\,(u_\text{caption} - u_\text{empty})$.

# %% [markdown] tags=["lecture"]
# **Everything but some groups**, in a quarter of the films: each group is *known* with probability one half. A known group is shown clean, at noise level 0, and does not count in the loss. So one network learns to make, to continue and to fill in films (mask conditioning, 掩码条件, as in Open-Sora 1.2). This is why every group has its own level.

# %% [markdown]
# **Exercise 3. Known groups at level 0.** Write the noisy latents and the levels. (Difficulty 2, 8 minutes.)

# %%
@exercise("dit.noised_groups")
def my_noised_groups(z: torch.Tensor, epsilon: torch.Tensor, t: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(1 - t) z + t epsilon, but known groups stay clean, at level 0.

    z, epsilon: (B, G, C, h, w); t: (B,); known: bool (B, G) -> the noisy latents, and the levels (B, G).
    """
    ...


# %% [markdown] tags=["lecture"]
# The loss with it. Levels are drawn with more weight in the middle (logit-normal), where there is most to learn.

# %% tags=["lecture"]
def my_loss(model, s, z, tokens, generator):
    drop = torch.rand(len(z), generator=generator) < s.dropped
    t = torch.randn(len(z), generator=generator).sigmoid()  # logit-normal
    masked = torch.rand(len(z), generator=generator) < s.masked
    known = (torch.rand(z.shape[:2], generator=generator) < 0.5) & masked[:, None]
    known = known & ~known.all(dim=1, keepdim=True)  # never all of a film
    epsilon = torch.randn(z.shape, generator=generator)
    x_t, levels = my_noised_groups(z, epsilon, t, known)
    u = model(x_t, levels, model.y_embedder.drop(tokens, drop))
    error = (u - (epsilon - z)).square().mean(dim=(2, 3, 4))  # (B, G, C, h, w) -> (B, G)
    return error[~known].mean()


# %% [markdown] tags=["lecture"]
# It must be the library's, on the same draws:

# %% tags=["lecture", "nbval-check-output"]
batch = {"latents": codec.latents(to_model(test_films.frames[:16, :5])), "tokens": tokenise(test_films.captions[:16], 32)}
own = my_loss(mine, sizes, *batch.values(), torch.Generator().manual_seed(2))
library = theirs.loss(batch, 0, torch.Generator().manual_seed(2))["loss"]
assert torch.allclose(own, library, rtol=1e-5)
print("so does the loss")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Counting parameters
#
# The paper's four sizes are S, B, L and XL, with patches of 8, 4 or 2 places: DiT-XL/2 has the smallest patch. Its block has no words, as its condition is a class.

# %% [markdown]
# **Exercise 4. A block's parameters.** Attention (queries, keys, values, and the way out), a feed-forward of four widths, the modulation; all with biases. (Difficulty 2, 8 minutes.)

# %%
@exercise("dit.block_parameters")
def my_block_parameters(width: int) -> int:
    """How many numbers a DiT block with adaLN-Zero learns: attention, feed-forward (4 widths), modulation, biases."""
    ...


# %% [markdown]
# **Exercise 5. What a forward pass costs.** The multiplications (each with its addition) of all blocks, for one picture of $N$ tokens. Which matrices are used for every token, which once? (Difficulty 3, 10 minutes.)

# %%
@exercise("dit.multiply_adds")
def my_multiply_adds(tokens: int, width: int, depth: int) -> int:
    """Multiplications (each with its addition) of all blocks with adaLN-Zero in one forward pass over one picture."""
    ...


# %% [markdown] tags=["lecture"]
# Now the library's class at the paper's sizes. On torch's `meta` device a tensor has a shape and no memory, so a laptop can count 675 million parameters.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.models.dit import DiTConfig

PAPER = {"S": (12, 384, 6, 33), "B": (12, 768, 12, 130), "L": (24, 1024, 16, 458), "XL": (28, 1152, 16, 675)}
for name, (depth, width, heads, millions) in PAPER.items():
    with torch.device("meta"):
        count = sum(p.numel() for p in DiT(DiTConfig(depth=depth, width=width, heads=heads)).parameters())
    blocks = depth * my_block_parameters(width)
    print(f"{name:2}  {count / 1e6:5.1f} M, the paper says {millions}; {blocks / count:.0%} of them in the blocks")
    assert round(count / 1e6) == millions

# %% [markdown] tags=["lecture"]
# All four agree. A block has $18D^2 + 15D$ parameters, of which the modulation is $6D^2 + 6D$: a third. It is used once for a picture, not once for a token, so it costs next to nothing: the first question *to discuss*.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Counting operations
#
# The paper's *Gflops* count a multiplication with its addition once. Torch counts both, so we halve it. All blocks are alike, so one block and two give the cost of any depth. Again on `meta`, for latents of 32 by 32 places:

# %% tags=["lecture"]
from course_lib.studies.dit_scaling import forward_flops

GFLOPS = {"S": (0.36, 1.41, 6.06), "B": (1.42, 5.56, 23.0), "L": (5.01, 19.7, 80.7), "XL": (7.39, 29.1, 118.6)}


def counted_gflops(depth: int, width: int, heads: int, patch: int) -> float:
    with torch.device("meta"):
        small = [DiT(DiTConfig(depth=d, width=width, heads=heads, patch=patch)) for d in (1, 2)]
    one, two = (forward_flops(model, (1, 4, 32, 32)) / 2e9 for model in small)  # a picture is a film of one group
    return one + (depth - 1) * (two - one)


# %% tags=["lecture"]
rows = []
for name, (depth, width, heads, _) in PAPER.items():
    for patch, published in zip((8, 4, 2), GFLOPS[name], strict=True):
        formula = my_multiply_adds((32 // patch) ** 2, width, depth) / 1e9
        counted = counted_gflops(depth, width, heads, patch)
        rows.append({"model": f"{name}/{patch}", "tokens": (32 // patch) ** 2, "your formula": formula,
                     "counted": counted, "paper": published})
show.table(rows)

# %% tags=["lecture"]
assert all(abs(row["counted"] / row["paper"] - 1) < 0.015 for row in rows), "the paper's, to its printed digits or nearly"
halved = {name: GFLOPS[name][2] / GFLOPS[name][1] for name in GFLOPS}
print("patches half as wide, times as many operations:", {name: round(ratio, 2) for name, ratio in halved.items()})

# %% [markdown] tags=["lecture"]
# Every count lies within 1.5 % of the paper's. The second question of *Predict first*: patches half as wide make four times as many tokens and cost 4.1 to 4.3 times as much, with nearly the *same* parameters. So the paper plots quality against Gflops, not parameters.

# %% [markdown] tags=["optional"]
# ### The published weights fit
#
# The authors publish DiT-XL/2 as a dictionary of tensors. The course does not ship it; the library can load it. Its names and shapes:

# %% tags=["optional"]
def published(depth: int, width: int, classes: int, side: int) -> dict[str, tuple]:
    layers = {"t_embedder.mlp.0": (width, 256), "t_embedder.mlp.2": (width, width), "final_layer.linear": (32, width),
              "final_layer.adaLN_modulation.1": (2 * width, width)}  # fmt: skip
    parts = {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4), "adaLN_modulation.1": (6, 1)}
    for i in range(depth):
        layers |= {f"blocks.{i}.{name}": (out * width, into * width) for name, (out, into) in parts.items()}
    shapes = {f"{name}.weight": shape for name, shape in layers.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in layers.items()}
    return shapes | {"x_embedder.proj.weight": (width, 4, 2, 2), "x_embedder.proj.bias": (width,),
                     "y_embedder.embedding_table.weight": (classes + 1, width), "pos_embed": (1, side * side, width)}  # fmt: skip


# %% [markdown] tags=["optional"]
# First the whole of it, without memory: does every tensor find its place in our class?

# %% tags=["optional", "nbval-check-output"]
from course_lib.models.official_dit import RENAMED, load_official

state = {name: torch.empty(shape, device="meta") for name, shape in published(28, 1152, 1000, 16).items()}
xl = load_official({"ema": state})  # raises where a name or a shape does not fit
print(len(state), "tensors,", sum(tensor.numel() for tensor in state.values()), "numbers; renamed:")
print("  ".join(f"{theirs}* -> {ours}*" for theirs, ours in RENAMED))

# %% [markdown] tags=["optional"]
# It fits, and 675,129,632 is the program's own count (with its fixed positions). Now numbers: a small dictionary of random tensors in that layout, and its block 0 written from the paper.

# %% tags=["optional", "nbval-check-output"]
g = torch.Generator().manual_seed(3)
small = {name: torch.randn(shape, generator=g) / shape[-1] ** 0.5 for name, shape in published(1, 384, 9, 4).items()} | {"pos_embed": positions(1, 4, 4, 384)}
def linear(name, v):
    return F.linear(v, small[f"blocks.0.{name}.weight"], small[f"blocks.0.{name}.bias"])


x, c = torch.randn(2, 16, 384, generator=g), torch.randn(2, 384, generator=g)
rows_of_six = linear("adaLN_modulation.1", F.silu(c)).chunk(6, dim=1)
q, k, v = linear("attn.qkv", my_modulate(F.layer_norm(x, (384,)), *rows_of_six[:2])).chunk(3, dim=2)
q, k, v = (part.unflatten(2, (6, 64)).transpose(1, 2) for part in (q, k, v))  # (2, 16, 384) -> (2, 6, 16, 64)
mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
y = x + rows_of_six[2][:, None] * linear("attn.proj", mixed)
inside = linear("mlp.fc1", my_modulate(F.layer_norm(y, (384,)), *rows_of_six[3:5]))
y = y + rows_of_six[5][:, None] * linear("mlp.fc2", F.gelu(inside, approximate="tanh"))

# %% tags=["optional", "nbval-check-output"]
block = load_official(small).blocks[0]
with torch.no_grad():
    ours = block(x[:, None], c[:, None], None, None, (4, 4))[:, 0]  # (2, 16, 384)
assert torch.allclose(ours, y, atol=1e-3) and y.std() > 1
print("block 0 agrees")

# %% [markdown] tags=["optional"]
# From the paper we depart in the data (films), the positions (time), the condition (captions) and the known groups, as said above, and in this:
#
# | | paper | here |
# |---|---|---|
# | target, path | noise, linear schedule, learned variance | $u$ on the straight path, no variance |
# | levels drawn | evenly | logit-normal |
# | learning rate, average | 1e-4 constant, EMA 0.9999 | warm-up and decay from 3e-3, EMA 0.999 |
# | locality | none but patches | in the checkpoint a small U-Net around the blocks (notebook 11) |

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Train live
#
# Half a minute, for a network of 73,000 parameters: patches of 1, width 32, two blocks, films of five frames (two groups, 128 tokens) with one to four bodies. A fresh DiT answers 0, so the loss begins at about 2: noise and latents have about unit scale.

# %% tags=["lecture"]
from course_lib.training.recipes.dit import load as load_latents

live_config = load_config("dit", "tiny", LIVE | {"train.steps": 500, "train.learning_rate": 3e-3, "model.ema": 0.98})
data = load_latents(live_config, train_films)  # all films through the codec, once
print(data.description, {name: array.shape for name, array in data.arrays.items()})
torch.manual_seed(0)
live = AveragedDiT(live_config.model)
BODIES = ["a large red ball falling", "a large blue ball falling", "a large green triangle moving left", "a small purple box falling"]
PROMPTS = [" and ".join(BODIES[:n]) for n in (1, 2, 3, 4)]

# %% [markdown] tags=["lecture"]
# Every hundred steps the picture on the right shows the last frames of films for four prompts, of one to four bodies. They are drawn with the moving average of the weights (EMA, 指数滑动平均), as in the paper.

# %% tags=["lecture"]
def films_of(dit, prompts, seed=0, w=2.0, steps=16, frames=5):
    groups = codec.config.groups(frames)
    made = dit.eval().generate(tokenise(prompts, 32), (groups, 8, 8), generator=torch.Generator().manual_seed(seed), w=w, steps=steps)
    return to_uint8(codec.frames_of(made))  # (B, G, 12, 8, 8) -> (B, frames, 32, 32, 3)


watch = show.live("DiT, live", every=25)


def update(step: int, parts: dict[str, float]) -> None:
    drawn = films_of(live.average, PROMPTS)[:, -1] if step % 100 == 0 else None
    watch.update(step, {"loss": parts["loss"]}, picture=drawn)


history = train("dit", live_config, update, data=data, model=live, progress="none")
watch.close()

# %% [markdown] tags=["lecture"]
# The loss falls from 2.2 to about 1.2 within 150 steps, and then hardly any more.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# The first films: five frames for each prompt, in 16 steps with guidance 2.

# %% tags=["lecture"]
dit = live.average.eval()
show.strips({f"{n + 1} asked": film for n, film in enumerate(films_of(dit, PROMPTS))})

# %% [markdown] tags=["lecture"]
# These are poor films. Where one body was asked for, a red blob stands in frame 0 and nothing after it. Where four were, there are blobs of mixed colours, and frame 0 (one group) hardly agrees with the rest (another). But the more bodies a prompt names, the more blobs appear. *Measure* counts them.

# %% [markdown] tags=["lecture"]
# How does such a film come about? The same four prompts, from noise to data. At each step the codec draws the network's *estimate* of the clean latents, $\hat z = x_t - t\,u$.

# %% tags=["lecture"]
from course_lib.nets.samplers import walk

noise = torch.randn(4, 2, 12, 8, 8, generator=torch.Generator().manual_seed(0))
predict, estimates = dit.predict(tokenise(PROMPTS, 32), w=2.0), []
for t, x_t in walk(dit.diffusion, predict, noise, steps=16):
    with torch.no_grad():
        estimate = x_t - t * predict(x_t, torch.full((4,), t))
    estimates.append(to_uint8(codec.frames_of(estimate))[:, -1])  # last frames, (4, 32, 32, 3)
show.strips({f"{n + 1} asked": np.stack(estimates)[:16:2, n] for n in range(4)},
            labels=[f"t = {1 - k / 16:.2f}" for k in range(0, 16, 2)])

# %% [markdown] tags=["lecture"]
# From pure noise the estimate is an empty room: the mean of all that could lie behind it. At $t$ = 0.75 the first bodies stand at their places, and after 0.62 hardly anything changes.

# %% [markdown] tags=["optional"]
# ### Gates that have opened
#
# All gates began at 0. How far are they open now, and does it depend on the noise level?

# %% tags=["optional"]
from course_lib.views.conditioning import gate_sizes, gates_figure

at_levels = [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95]
gates = gate_sizes(dit, tokenise(PROMPTS, 32), at_levels)  # (7 levels, 2 blocks, 2)
gates_figure(gates, at_levels)

# %% [markdown] tags=["optional"]
# They are open, and widest at high noise: in the second block's feed-forward the mean is 1.0 at low levels and 1.4 at $t$ = 0.95. The attention's are smaller, 0.2 to 0.5, which says little: a gate multiplies a branch of any size.

# %% [markdown] tags=["lecture"]
# ### Continue a film
#
# The first group is known: a test film's first frame, at level 0. The network makes the next four frames to fit. Upper row of each pair: the film itself.

# %% tags=["lecture"]
from course_lib.models.dit import KnownGroups

few = [4, 7, 9]
true = test_films.frames[few, :5]
known = KnownGroups(torch.tensor([True, False]), codec.latents(to_model(true)))
made = dit.generate(tokenise([test_films.captions[n] for n in few], 32), (2, 8, 8),
                    generator=torch.Generator().manual_seed(0), w=2.0, known=known)
assert torch.equal(made[:, 0], known.latents[:, 0]), "what is known stays as it is, to the bit"
both = zip(true, to_uint8(codec.frames_of(made)), strict=True)
show.strips({f"{n + 1}, {name}": film for n, pair in enumerate(both) for name, film in zip(("film", "made"), pair, strict=True)})

# %% [markdown] tags=["lecture"]
# The known frame is the film's own, as the codec draws it. What follows keeps some of its colours, but no place and no shape. The caption names the colours too, so *Measure* asks whether the known group helps.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# Choose the words, the guidance and the noise. With $w = 0$ the caption is not used, with 1 it is, and beyond that it is exaggerated.

# %% tags=["lecture", "nbval-ignore-output"]
from course_lib.worlds.captions import MOTIONS
from course_lib.worlds.spec import COLOURS, SHAPES


def ask(colour: str = "red", shape: str = "ball", motion: str = "falling", w: float = 2.0, noise: int = 0) -> np.ndarray:
    """Five frames of a film for a prompt, side by side."""
    frames = films_of(dit, [f"a large {colour} {shape} {motion}"], seed=noise, w=w)[0]
    return np.concatenate(list(frames), axis=1).repeat(3, axis=0).repeat(3, axis=1)  # (5, 32, 32, 3) -> (96, 480, 3)


show.explore(ask, colour=list(COLOURS), shape=list(SHAPES), motion=list(MOTIONS), w=(0.0, 6.0, 0.5), noise=(0, 20))

# %% [markdown] tags=["lecture"]
# Without the caption there are several blobs of all colours. A prompt for one body removes most of them already at $w = 2$, and often all. At 6 a blob that is left may have the right colour.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# ### Without the zeros
#
# How does a network learn whose gates are 0? Look which parts of a fresh one receive a gradient in its first steps.

# %% tags=["lecture", "nbval-check-output"]
WHERE = {"last matrix": "final_layer.linear", "gates, shifts, scales": "blocks.1.adaLN", "attention": "blocks.1.attn",
         "feed-forward": "blocks.1.mlp", "first matrix": "x_embedder"}  # fmt: skip
torch.manual_seed(0)
fresh = DiT(sizes)
optimiser = torch.optim.AdamW(fresh.parameters(), 3e-3)
for step in range(4):
    optimiser.zero_grad()
    fresh.loss(batch, 0, torch.Generator().manual_seed(step))["loss"].backward()
    slopes = {name: [p.grad for n, p in fresh.named_parameters() if n.startswith(part)] for name, part in WHERE.items()}
    print(f"step {step}", {name: any(bool(slope.any()) for slope in each) for name, each in slopes.items()})
    optimiser.step()

# %% [markdown] tags=["lecture"]
# The network wakes up from its end. In the first step only the last matrix has a gradient: everything else is multiplied by its zeros. Then the first matrix and the gates follow, and in the third step attention and feed-forward. Nothing is stuck: a gate of 0 stops the gradient of the branch that it multiplies, not its own.

# %% [markdown] tags=["lecture"]
# Now take the zeros out. Plain adaLN has no gates, and a fresh block adds what its random weights say. How much of a token is left after some blocks?

# %% tags=["lecture"]
kinds = {}
for way in ("adaLN-Zero", "adaLN"):
    torch.manual_seed(0)
    deep = DiT(load_config("dit", "tiny", {"model.conditioning": way, "model.depth": 24, "model.word_attention": False}).model)
    now = first = torch.randn(4, 1, 16, 48, generator=torch.Generator().manual_seed(0))
    kinds[way] = [(1.0, 1.0)]
    for block in deep.blocks:
        with torch.no_grad():
            now = block(now, torch.randn(4, 1, 48), None, None, (4, 4))
        kinds[way].append((F.cosine_similarity(now, first, dim=-1).mean().item(), (now.norm() / first.norm()).item()))

# %% tags=["lecture"]
fig, axes = plt.subplots(1, 2, figsize=(8.6, 2.8))
for way, values in kinds.items():
    for axis, line in zip(axes, zip(*values, strict=True), strict=True):
        axis.plot(line, label=way)
axes[0].set(title="how alike are in and out?", xlabel="after so many fresh blocks", ylabel="cosine", ylim=(0, 1.05))
axes[1].set(title="how large has a token become?", xlabel="after so many fresh blocks", ylabel="times its size", ylim=(0, None))
axes[0].legend()
plt.show()

# %% [markdown] tags=["lecture"]
# With the zeros a token comes through unchanged. Without them, after 24 random blocks, it is 3.3 times as large and has a cosine of 0.31 with what went in: the end hears mostly random weights.

# %% [markdown] tags=["lecture"]
# Does it matter for learning? Both learn images alone (films of one group), 80 steps, 8 blocks deep, three times each with other first weights.

# %% tags=["lecture"]
images = {"data.lengths": [1], "model.masked": 0.0, "model.depth": 8, "train.steps": 80,
          "model.word_attention": False, "model.text_depth": 0}
curves = {}
for way in ("adaLN-Zero", "adaLN"):
    for seed in range(3):
        config = load_config("dit", "tiny", images | {"model.conditioning": way, "train.seed": seed})
        run = train("dit", config, data=data, progress="none")
        curves.setdefault(way, []).append([(row["loss"], row["gradient_norm"]) for row in run.rows])
curves = {way: np.array(runs) for way, runs in curves.items()}  # (3 runs, steps, 2)
final = {way: runs[:, -20:, 0].mean(axis=1) for way, runs in curves.items()}  # the last 20 steps of each run
assert final["adaLN-Zero"].max() < final["adaLN"].min(), "with the zeros every run ends lower than any without"

# %% tags=["lecture"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.0))
for (way, runs), colour in zip(curves.items(), ("#0072b2", "#d55e00"), strict=True):
    for run in runs:
        smooth = np.convolve(run[:, 0], np.ones(10) / 10, mode="valid")
        axes[0].plot(np.arange(len(smooth)) + 5, smooth, color=colour, linewidth=1.2)
        axes[1].semilogy(run[:, 1], color=colour, linewidth=0.8)
    axes[0].plot([], [], color=colour, label=way)
axes[0].set(title="loss, mean of 10 steps", xlabel="step", ylabel="squared error of u")
axes[1].set(title="length of the gradient", xlabel="step", ylabel="norm")
axes[0].legend()
plt.show()

# %% [markdown] tags=["lecture"]
# All three runs with the zeros end near 1.04, all three without them near 1.22. The gradients are about as long in both, so it is not that they explode. *Measure* looks again, with four blocks and more steps.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A film that listens to strangers
#
# A planted bug. Somebody has written modulation without the axis of length 1, for images, whose tokens are $(B, N, D)$:

# %% tags=["lecture"]
def careless(x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return x * (1 + scale) + shift  # (B, N, D) and (B, D)


# %% [markdown] tags=["lecture"]
# With 32 images of 16 tokens torch refuses. With 16 images it runs, and image $n$ steers token $n$ of *every* image. (The paper's batch is 256, and XL/2 has 256 tokens.) Nothing warns. Which test finds it?

# %% [markdown]
# **Exercise 6. Do films see each other?** Write the test: does what a network says of *any* film depend on the others of its batch, by their $x$ or their $t$? It takes batches of this size only, so you cannot ask for a film alone. (Difficulty 3, 12 minutes.)

# %%
@exercise("dit.mixes_films")
def my_mixes_films(network, x: torch.Tensor, t: torch.Tensor) -> bool:
    """Whether what the network says of any film depends on the other films of its batch.

    network: x (B, ...) and t (B,) -> (B, ...); it takes batches of B films only.
    """
    ...


# %% [markdown] tags=["lecture"]
# We put the careless line into the library's place, for the time of a call or of a training.

# %% tags=["lecture", "nbval-check-output"]
from unittest.mock import patch as replaced


def careless_images(x, shift, scale):  # the library has an axis for groups, of length 1 here
    return careless(x[:, 0], shift[:, 0], scale[:, 0])[:, None]


net = shaken(load_config("dit", "tiny").model)  # patches of 2: 16 tokens an image
pictures, t16 = torch.randn(16, 1, 12, 8, 8, generator=torch.Generator().manual_seed(4)), torch.linspace(0.1, 0.9, 16)
with torch.no_grad():
    print("as built: ", my_mixes_films(lambda x, t: net(x, t), pictures, t16))
    with replaced("course_lib.models.dit.modulate", careless_images):
        print("careless: ", my_mixes_films(lambda x, t: net(x, t), pictures, t16))

# %% [markdown] tags=["lecture"]
# One call of an untrained network finds it. Would the loss have shown it? The same training twice:

# %% tags=["lecture"]
short = images | {"model.depth": 2, "train.steps": 120}
losses = {}
for name, function in (("as built", None), ("careless", careless_images)):
    config = load_config("dit", "tiny", short)
    if function is None:
        losses[name] = train("dit", config, data=data, progress="none").rows
    else:
        with replaced("course_lib.models.dit.modulate", function):
            losses[name] = train("dit", config, data=data, progress="none").rows
show.table([{"modulation": name, **{f"loss, steps {a} to {a + 29}": np.mean([r["loss"] for r in rows[a : a + 30]]) for a in (0, 45, 90)}}
            for name, rows in losses.items()])  # fmt: skip

# %% [markdown] tags=["lecture"]
# 0.970 and 0.974: the loss falls all the same. No curve would have shown the bug.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Measure
#
# ### Against predictors that know nothing
#
# A hundred held-out films at seven noise levels, and two controls. *Zero* always answers 0. *Each number alone* is the best straight line from a latent number's own noisy value: with mean $m$ and variance $s^2$ over the training films, its squared error is
#
# $$\frac{s^2}{(1-t)^2 s^2 + t^2}.$$
#
# It knows no neighbour, no caption and no other group.

# %% tags=["lecture"]
held, held_words = codec.latents(to_model(test_films.frames[:, :5])), tokenise(test_films.captions, 32)
noise = torch.randn(held.shape, generator=torch.Generator().manual_seed(5))
seen = torch.from_numpy(data.arrays["latents"])
mean, variance = seen.mean(dim=0), seen.var(dim=0)  # (2, 12, 8, 8)


def errors(model, level, words=held_words, z=held):
    x_t, t = (1 - level) * z + level * noise, torch.full((len(z),), level)
    with torch.no_grad():
        return (model(x_t, t, words) - (noise - z)).square().flatten(1).mean(dim=1).numpy()  # (films,)


# %% tags=["lecture"]
def alone(x_t, t, words):
    s, level = variance, float(t[0])
    slope = (level - (1 - level) * s) / ((1 - level) ** 2 * s + level**2)  # of the best line through (x_t, u)
    return -mean + slope * (x_t - (1 - level) * mean)


from course_lib.models.base import untrained_twin
from course_lib.views.conditioning import by_level_figure

models = {"live DiT": dit, "control: each number alone": alone, "control: zero": untrained_twin(live).average}
by_level = {name: [errors(model, level).mean() for level in at_levels] for name, model in models.items()}
by_level_figure(at_levels, by_level)

# %% [markdown] tags=["lecture"]
# In the middle the network is far below the line: about 0.9 against 1.4 at $t$ = 0.2, and 1.1 against 1.8 at 0.5. That much it learned from the rest of the film. At 0.95 it lies slightly *above*: near pure noise the best answer is nearly each number's mean, and half a minute was too short even for that.

# %% [markdown] tags=["lecture"]
# ### What the caption and the first frame are worth
#
# The same films and noise, film by film: with another film's caption, with the empty one, and with the first group known.

# %% tags=["lecture"]
from course_lib.exam.measures.intervals import mean_and_interval

at = (0.5, 0.65, 0.8, 0.95)
own = np.mean([errors(dit, level) for level in at], axis=0)
changed = {"another film's caption": held_words.roll(7, dims=0), "no caption": dit.y_embedder.empty(len(held), 32)}
rows = []
for name, given in changed.items():
    more = 100 * (np.mean([errors(dit, level, given) for level in at], axis=0) / own - 1)
    rows.append({"shown": name, **mean_and_interval(more, seed=0)})

# %% tags=["lecture"]
def later_error(level, first_is_known):
    levels = torch.full((len(held), 2), level)
    levels[:, 0] = 0.0 if first_is_known else level
    x_t = (1 - levels[:, :, None, None, None]) * held + levels[:, :, None, None, None] * noise
    with torch.no_grad():
        return (dit(x_t, levels, held_words) - (noise - held))[:, 1].square().flatten(1).mean(dim=1).numpy()


less = np.mean([later_error(level, True) for level in at], axis=0) / np.mean([later_error(level, False) for level in at], axis=0)
rows.append({"shown": "the first group, clean (error of the second)", **mean_and_interval(100 * (less - 1), seed=0)})
show.table(rows, {"shown": "shown", "value": "error changes by, %", "low": "from", "high": "to", "n": "films"})

# %% [markdown] tags=["lecture"]
# The third question of *Predict first*: another film's caption costs 4.7 % (3.6 to 6.1), none 2.6 % (1.9 to 3.6). A wrong sentence is worse than none, so the sentence is used. The known first group is worth 0.2 % (0.0 to 0.4): as good as nothing yet.

# %% tags=["lecture"]
caption, nothing, first = rows
print(f"another film's caption costs {caption['value']:.1f} % (levels from 0.5 up); your guess was {my_guess_percent:.1f}")
assert all(a < 0.9 * b for a, b in zip(by_level["live DiT"], by_level["control: zero"], strict=True)), "better than answering 0"
assert caption["low"] > 0 and nothing["low"] > 0, "the caption is used"
assert caption["value"] > nothing["value"], "a wrong caption is worse than none"

# %% [markdown] tags=["lecture"]
# Shares of an error are hard to picture. So let the course's reader look at 64 films, made for prompts of one to four bodies. How many bodies does it find? And which share of the colours, of the film's own prompt and of another's?

# %% tags=["lecture"]
from course_lib.exam.measures.prompts import draw_prompts, follow_prompts, found_bodies

prompts = draw_prompts(64, np.random.default_rng(0))
made, reader = films_of(dit, prompts, seed=1), load_checkpoint("reader")
asked = np.array([1 + prompt.count(" and ") for prompt in prompts])
there = np.array([found_bodies(reader, film)[0] for film in made])
colours = {name: follow_prompts(reader, made, words).matched["colour"]
           for name, words in {"own prompt": prompts, "another's": prompts[9:] + prompts[:9]}.items()}  # fmt: skip
show.table([{"asked for": n, "films": int((asked == n).sum()), "found, mean": there[asked == n].mean(),
             **{f"colours of {name}": share[asked == n].mean() for name, share in colours.items()}} for n in (1, 2, 3, 4)])  # fmt: skip

# %% [markdown] tags=["lecture"]
# Number follows the prompt: 0.1, 0.6, 1.6 and 3.4 bodies where one to four were asked for. Colours hardly do: in films of four, 0.48 of the prompt's own are there, and 0.41 of another prompt's. So it learns first how *much* a sentence asks for, perhaps from its length alone, and hardly *what*.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Does the loss fall with the operations?
#
# A study trained eight DiTs, three seeds each, in forty minutes: four sizes (width 32 to 96, 2 to 4 blocks), patches of 2 or 1. All saw the same films of one or two bodies, 500 steps of 16. Operations are those of one forward pass for one film (here a multiplication and its addition are two).

# %% tags=["lecture"]
from course_lib.studies.dit_scaling import correlation_and_interval, measured_scaling
from course_lib.views.dit import scaling_figure, scaling_rows, training_figure

scaling = measured_scaling()
scaling_figure(scaling)

# %% tags=["lecture"]
show.table(scaling_rows(scaling), {"size": "width x blocks", "patch": "patch", "parameters": "parameters", "gflops": "Gflops",
                                   "loss": "held-out loss", "lowest": "lowest", "highest": "highest", "number": "number",
                                   "colour": "colour", "shape": "shape"})  # fmt: skip

# %% [markdown] tags=["lecture"]
# The loss falls from 1.31 to 0.67 along the operations, and the seeds of a size lie close together. A token for every place instead of every four costs four times as much and pays: width 32 with patch 1 (0.013 Gflops, loss 0.835) is ahead of width 64 with patch 2 (0.019, 0.916), with a sixth of the parameters. The reader's scores stay poor, number at most 0.19.

# %% [markdown] tags=["lecture"]
# One number for the curve: the rank correlation (秩相关) over all 24 runs, with an interval that draws configurations and seeds anew. The control is the same with *parameters* in the place of operations.

# %% tags=["lecture"]
loss, gflops = scaling.grid(lambda run: run.loss), scaling.grid(lambda run: run.gflops)
rows = [{"pair": "loss and Gflops", **correlation_and_interval(gflops, loss)},
        {"pair": "loss and parameters", **correlation_and_interval(scaling.grid(lambda run: run.parameters), loss)},
        {"pair": "reader's mean score and Gflops",
         **correlation_and_interval(gflops, scaling.grid(lambda run: run.scores["mean"]))}]  # fmt: skip
show.table(rows, {"pair": "pair", "value": "rank correlation", "low": "from", "high": "to", "n": "runs"})

# %% tags=["lecture"]
assert rows[0]["high"] < 0, "the held-out loss falls with the operations of a forward pass"

# %% [markdown] tags=["lecture"]
# Loss and operations: $-0.95$ ($-1.00$ to $-0.60$). Loss and parameters: $-0.45$ ($-0.91$ to 0.27), which holds 0. So our eight sizes say what the paper says of its twelve (Gflops and FID: $-0.93$, section 5): count operations, not weights. The reader's mean score rises too, 0.66 (0.07 to 0.94).

# %% [markdown] tags=["lecture"]
# All runs took the same number of *steps*, so larger networks had more computing. Are they still ahead when each has spent the same?

# %% tags=["lecture"]
training_figure(scaling)

# %% [markdown] tags=["lecture"]
# Not always. With 2 Tflop spent, width 64 with patch 1 has finished at 0.70, where width 96 stands at 0.74; at 3 the larger one is ahead, and it ends at 0.67.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Four ways and locality, at equal computing
#
# A second study gives eight networks the *same operations*, by more steps for the cheaper ones, three seeds each: the four ways of the paper, where adaLN sees a caption as one vector; our own (`words`: adaLN-Zero with attention to words); ours with convolutions, depthwise (each channel alone) in the feed-forward or around the blocks (`stem`); a small U-Net (convolutions at two scales) on the same latents.

# %% tags=["lecture"]
from course_lib.studies.dit_conditioning import measured_conditioning
from course_lib.views.dit import conditioning_figure, conditioning_rows

ways = measured_conditioning()
conditioning_figure(ways)

# %% tags=["lecture"]
show.table(conditioning_rows(ways))

# %% [markdown] tags=["lecture"]
# By the loss, both adaLNs are far ahead: 0.889 and 0.904 (with the zeros), against 1.028 for cross-attention and 1.056 in context. The paper has the same order of these three, but there plain adaLN is ahead of cross-attention by little (25.2 and 26.1), and the zeros make the difference. Between our two adaLNs nothing is decided: the zeros cost 0.016 ($-0.001$ to 0.032). The paper has 28 blocks, ours four. Our attention to words did not pay (0.933).
#
# But the reader's scores say otherwise: cross-attention 0.19, in-context 0.15, both adaLNs below 0.10. All are poor, yet the two with the *higher* loss follow their prompts better.

# %% [markdown] tags=["lecture"]
# **Locality.** The depthwise convolution (SANA, Xie et al. 2024) lowers our loss by 0.040 (0.011 to 0.069), the stem by 0.030 ($-0.011$ to 0.070), which may be luck, the U-Net by 0.130 (0.109 to 0.150). So at this size built-in neighbours are worth more than attention everywhere. But a built-in rule stands in for data, and may be worth less in a larger network. To the second question *to discuss*: repeat this at several sizes and see whether the gap closes.

# %% [markdown] tags=["optional"]
# ### What was tried before
#
# These figures are *pilots*: throw-away programs, one seed each, read against 96 held-out prompts. No cell here computes them.

# %% [markdown] tags=["optional"]
# The first DiT had PCA latents, width 192, 6 blocks, and films of one to four bodies. After 39.5 minutes number was .48, colour .79, shape .62, motion .42 (captions of other films: .25, .29, .47, .32). The loss fell all the time; number and shape hardly rose after the first 20 minutes.

# %% [markdown] tags=["optional"]
# Then one thing at a time. Predicting the data, or 40 sampling steps: no better. One or two bodies: easier to count, no sharper. The first frame alone: shape .58, so the film is not what is hard. A small U-Net on *pixels*, first frame alone, 10 minutes: .70.

# %% [markdown] tags=["optional"]
# So the codec must be good enough for shapes first (notebook 09). And at our size *locality* (局部性) seemed to matter more than width, which the study above was made to measure.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Six stand above; the sixth finds a planted bug. What you have solved so far, here and in the other notebooks:

# %% tags=["nbval-ignore-output"]
from course_lib.exercises import progress

progress()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# **"Sora: a transformer that generates autoregressively"** (以自回归方式). Half of it. A transformer, yes: the report itself says a diffusion transformer on spacetime patches. Autoregressive, no: no mask makes a token wait for an earlier one; all groups of a film are denoised together. What *can* be done in order is a choice at sampling: known groups first.

# %% [markdown] tags=["lecture"]
# **"By the scaling law: large models, data, computing"** (通过 Scaling Law 大规模/大数据/大算力). At our sizes it stands: over eight networks, trained alike, the loss falls with the operations. But with the same total computing the largest was not always the best, and in the films the reader saw little of it. In the paper the FID falls from 68.4 to 19.5 from S/2 to XL/2 (ImageNet, section 5). Sora's report shows samples at 1, 4 and 32 times the computing, and no numbers.

# %% [markdown] tags=["lecture"]
# **What was shown.** A DiT that agrees with the library's, the paper's parameters and Gflops, and the layout of its published weights. In half a minute a small one learned to use its neighbours, and how much its caption asks for, each measured against a control.

# %% [markdown] tags=["lecture"]
# **What was not.** The films of half a minute are poor, and no checkpoint was loaded to hide it. Intervals are over films, not over trainings, except where seeds are named. And a loss is not a film: the pilots' loss kept falling while bodies stayed uncounted.

# %% [markdown] tags=["lecture"]
# **What comes next.** Notebook 11 joins the steps and asks what a longer-trained model follows of a sentence, what guidance costs, and how far a film can be continued.

# %% [markdown]
# **Larger.** `python -m course_lib train dit --size gpu` trains DiT-S on films of 5 and 17 frames; `python -m course_lib params dit --size paper` counts XL/2; `python -m course_lib study dit_scaling` and `study dit_conditioning` make the two studies again.
#
# **References.** Peebles & Xie, *Scalable Diffusion Models with Transformers*, 2022, arXiv 2212.09748, sections 3 and 5, table 1 and figure 5; program facebookresearch/DiT. OpenAI, *Video generation models as world simulators*, 2024. Chen et al., *PixArt-α*, 2023, arXiv 2310.00426, section 2.3. Xie et al., *SANA*, 2024, arXiv 2410.10629. Ho & Salimans, *Classifier-Free Diffusion Guidance*, 2022, arXiv 2207.12598. Liu, Gong & Liu, *Flow Straight and Fast*, 2022, arXiv 2209.03003. Esser et al., *Scaling Rectified Flow Transformers*, 2024, arXiv 2403.03206 (logit-normal levels). Open-Sora 1.2, report, 2024 (mask conditioning).
#
# Claims examined here: C23, C24

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** [09 Video latents](09_video_latents.ipynb)
# - **After it:** [11 Text to video](11_text_to_video.ipynb)
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C23](claims.md#c23), [C24](claims.md#c24)
