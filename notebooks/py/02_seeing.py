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
# # 02 Seeing
#
# **The question.** A frame of the Playground is 3,072 numbers. Can 32 numbers stand for it, so that something that never sees a pixel could still know where everything is?
#
# **After this notebook you can** build and train a variational autoencoder (VAE, 变分自编码器), say what each term of its loss buys and what it costs, tell from one diagnostic whether its code has gone to sleep, and compare it fairly with the best linear code.
#
# | | |
# |---|---|
# | It costs | about a minute and a half of computing on two cores, an hour of reading and exercises; about 1.1 GiB of memory |
# | It needs | notebook 01 for the words state and model; convolutions and gradient descent by name |
# | It builds | V, the eyes of Ha & Schmidhuber's agent (2018) |
# | It examines | sentences of the slides (of the lecture that this course follows; `claims.md` lists them all): "a VAE's encoder compresses into a space of few dimensions" and "its decoder recovers the pixels" |
#
# **Lecture plan (45 minutes).** 4 question and prediction; 9 one number for a moving dot, and the price of being sure; 10 the parts, the loss; 4 training; 8 look and play; 4 collapse; 6 the measurement, the discussion.
#
# **To discuss.** 1. The paper trains V without ever telling it what the agent wants to do. What could that cost? 2. A code that keeps 99 % of the picture may lose the one thing that matters: which thing in the Playground is most at risk?

# %% [markdown] tags=["lecture"]
# Two steps of Sora, as the slides have them:
#
# > **The slides.** *视频数据切分为 Patches 通过 VAE 编码器压缩成低维空间表示* (a video is cut into patches, and a VAE's encoder compresses them into a space of few dimensions). *DiT 生成的低维空间表示, 通过 VAE 解码器恢复成像素级的视频数据* (the VAE's decoder turns what was generated there back into the pixels of a video).

# %% [markdown] tags=["lecture"]
# Ha & Schmidhuber's agent has three parts. **V** sees: it turns a frame into a short list of numbers. **M** remembers and predicts: it works on those lists only (notebook 03). **C** acts on what V and M tell it (notebook 04). This notebook builds V.
#
# Why squeeze at all? M has to predict the next frame. Predicting 3,072 pixel values, most of which are background, is a poor use of a small network. Predicting 32 numbers that say where things are is not.

# %% [markdown] tags=["lecture"]
# First the tools. Everything that is not the subject of this notebook comes from the course's library; everything that is, you will see built.

# %% tags=["lecture"]
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import show
from course_lib.exercises import exercise, progress
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model, to_uint8

show.use_style()

# %% [markdown]
# The film set is `simple`: the agent and two bodies on a plain ground. Films are made on your machine the first time, a few seconds, and kept. The test films come from seeds that no training run may draw.

# %% tags=["lecture"]
train_films = load_films("simple", split="train", count=1000)
test_films = load_films("simple", split="test", count=100)
film = test_films.frames[1]
show.strip(film, every=3, title=test_films.captions[1])

# %% [markdown] tags=["lecture"]
# Every third frame of one test film; this film will be with us to the end. A frame is 32 by 32 pixels with three colours each, so 3,072 numbers. How many numbers would *you* need to describe one to a friend on the telephone?

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# Keep 32 numbers a frame and draw the frame again from them. Before you read on, write down your answers.
#
# 1. What gets lost first: where the agent is, where the bodies are, their colours, or the angle at which a box is tilted?
# 2. The best **linear** code of 32 numbers is principal component analysis (PCA, 主成分分析): a frame is the mean picture plus a weighted sum of 32 fixed pictures. By how many decibels will a trained network with 32 numbers beat it? (Decibels of what? The peak signal-to-noise ratio of a frame, PSNR, is $10 \log_{10}(1 / \mathrm{MSE})$, with MSE the mean squared error of its values between 0 and 1. So 3 dB more are half the squared error, 10 dB more a tenth of it.)
#
# Put your second answer into the next cell. It comes back near the end.

# %% tags=["lecture"]
my_guess_in_db = 0.0

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Intuition
#
# ### A moving dot needs one number, but not a linear one
#
# Make the world as small as it gets: sixteen pixels in a row, and one bright dot at position $p$. Nothing else ever happens. Here are six of its frames.

# %% tags=["lecture"]
pixels = np.arange(16)
positions = np.linspace(2.0, 13.0, 200)
dots = np.exp(-0.5 * ((pixels - positions[:, None]) / 0.9) ** 2)  # (200, 16), one frame a row

fig, axes = plt.subplots(1, 6, figsize=(8, 0.9), sharey=True)
for axis, i in zip(axes, np.linspace(0, 199, 6).astype(int), strict=True):
    axis.imshow(dots[i : i + 1], cmap="gray", aspect="auto")
    axis.set(title=f"p = {positions[i]:.1f}", xticks=[], yticks=[])
plt.show()

# %% [markdown] tags=["lecture"]
# One number says everything about such a frame: $p$. So a code of one number exists. Does PCA find it? The next cell gives it one number, then two, then six, and asks it to draw the frame with $p = 5.3$.

# %% tags=["lecture"]
from sklearn.decomposition import PCA

fig, axis = plt.subplots(figsize=(7, 2.8))
axis.plot(pixels, dots[60], "k", label="the frame")
for k, style in ((1, ":"), (2, "--"), (6, "-")):
    pca = PCA(k).fit(dots)
    axis.plot(pixels, pca.inverse_transform(pca.transform(dots[60:61]))[0], style, label=f"PCA with {k}")
axis.set(xlabel="pixel", ylabel="brightness")
axis.legend()
plt.show()

# %% [markdown] tags=["lecture"]
# With one number or two PCA draws a smear, and even six leave ripples where there is nothing.

# %% [markdown] tags=["lecture"]
# The reason is geometry. As the dot moves, its frames trace a **curve** through the 16-dimensional space of pictures. A curve has one dimension, but it bends into many, and PCA can only lay a flat plane through it.

# %% [markdown] tags=["lecture"]
# So this is the job: learn the curve, and a number that says where on it we are. That is an **autoencoder** (自编码器): a network that writes the number, the *encoder*, and a network that draws the frame from it, the *decoder*, trained together to give back what went in.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### What being sure costs
#
# A plain autoencoder may use its number like a telephone directory: frame 1 is 0.001, frame 2 is 517.3, and the numbers in between mean nothing. M could not predict in such a code, and C could not steer by it.

# %% [markdown] tags=["lecture"]
# The **variational** autoencoder prevents that by two rules. The encoder answers with a region instead of a number: a mean $\mu$ and a spread $\sigma$ (this region is called the *posterior*), and the decoder gets a random draw from it. And it **pays** for how far its region is from a common one, the *prior* $\mathcal{N}(0, 1)$.
#
# The price is a Kullback-Leibler divergence (KL 散度). A *latent* number (隐变量) is one of the numbers of the code; for one of them the price is
#
# $$\mathrm{KL} = \tfrac12\left(\mu^2 + \sigma^2 - 1 - \log \sigma^2\right) \text{ nats},$$
#
# where $\mu$ is the mean, $\sigma$ the spread, and a *nat* is a unit of information ($1$ bit is $0.69$ nats).

# %% [markdown] tags=["lecture"]
# **Exercise 1. What a frame pays.** Write the price of each frame in nats, summed over its latent numbers. The network will answer with $\log \sigma^2$, so that is what the function gets. (Difficulty 2, 10 minutes. A blank left as `...` never stops the notebook: the library's answer is used. `hint("vae.kl")` helps in two steps; `answer("vae.kl")` shows a solution.)

# %% tags=["lecture"]
@exercise("vae.kl")
def my_kl(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) of each frame. (B, Z) -> (B,)."""
    ...


# %% [markdown] tags=["lecture"]
# Six frames, one latent number, two encoders: one that is sure of its answers, and one that is not.

# %% tags=["lecture"]
means = np.array([-1.5, -0.9, -0.3, 0.3, 0.9, 1.5])  # six frames, six numbers
z = np.linspace(-3, 3, 400)
fig, axes = plt.subplots(1, 2, figsize=(8, 2.4), sharex=True)
for axis, sigma in zip(axes, (0.12, 0.7), strict=True):
    price = my_kl(torch.tensor(means)[:, None], torch.full((6, 1), 2 * np.log(sigma)))  # (6, 1) twice -> (6,)
    for mean in means:
        axis.fill_between(z, np.exp(-0.5 * ((z - mean) / sigma) ** 2) / sigma, alpha=0.4)
    axis.set(title=f"σ = {sigma}: {price.mean():.2f} nats a frame", xlabel="z", yticks=[])
plt.show()

# %% [markdown] tags=["lecture"]
# On the left the six regions hardly overlap: whoever draws $z$ can tell which frame it was, and that costs about two nats, a little more than $\log 6 = 1.79$, which is what it takes to name one of six. On the right the price is low, and three neighbours look alike.

# %% [markdown] tags=["lecture"]
# That is the bargain of the VAE in one picture. It will pay for exactly as much certainty as the decoder can turn into a better frame, and no more. And since every nat has a price, neighbours in the picture become neighbours in the code: mistaking one for the other then costs least.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# One operation a cell, on eight frames of the Playground.
#
# ### Frames for a model
#
# Stored frames are whole numbers from 0 to 255 with the colours last. A model reads floats from 0 to 1 with the colours first. One function in the course converts; you have imported it.

# %% tags=["lecture", "nbval-check-output"]
frames = test_films.frames[0, ::4]  # uint8
x = to_model(frames)
print(frames.dtype, frames.shape, "->", x.dtype, tuple(x.shape))

# %% [markdown] tags=["lecture"]
# ### Encoder: three convolutions
#
# A convolution with stride 2 halves the width and the height. With $n$ pixels going in, kernel $k$, padding $p$ and stride 2, there come out
#
# $$n' = \left\lfloor \frac{n + 2p - k}{2} \right\rfloor + 1$$
#
# pixels: with $k = 4$ and $p = 1$ that is exactly half. Each step covers a wider piece of the frame and has more channels to describe it. At the end the picture is laid out as one row.

# %% tags=["lecture"]
torch.manual_seed(0)


def make_encoder() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 32, 4, stride=2, padding=1), nn.ReLU(),  # (B, 3, 32, 32) -> (B, 32, 16, 16)
        nn.Conv2d(32, 64, 4, stride=2, padding=1), nn.ReLU(),  # -> (B, 64, 8, 8)
        nn.Conv2d(64, 128, 4, stride=2, padding=1), nn.ReLU(),  # -> (B, 128, 4, 4)
        nn.Flatten(),  # (B, 128, 4, 4) -> (B, 2048)
    )  # fmt: skip


# %% [markdown] tags=["lecture"]
# It has not learned anything yet, but it runs.

# %% tags=["lecture", "nbval-check-output"]
features = make_encoder()(x)
print(tuple(x.shape), "->", tuple(features.shape))

# %% [markdown] tags=["lecture"]
# 3,072 numbers went in and 2,048 came out: so far hardly anything was squeezed. Once trained, the convolutions will turn "how bright is this pixel" into "is there such an edge here". The squeeze comes now.

# %% [markdown] tags=["lecture"]
# ### Two answers: the mean and the spread
#
# One linear layer reads the mean $\mu$ off the features, a second one $\log \sigma^2$. The logarithm may be any real number, so the network needs no care to keep the spread positive.

# %% tags=["lecture", "nbval-check-output"]
to_mu, to_logvar = nn.Linear(2048, 32), nn.Linear(2048, 32)
mu, logvar = to_mu(features), to_logvar(features)  # (B, 2048) -> (B, 32), (B, 32)
print(tuple(mu.shape), tuple(logvar.shape))

# %% [markdown] tags=["lecture"]
# Eight frames, 32 numbers each, and for each number how sure the encoder is of it.

# %% [markdown] tags=["lecture"]
# ### A draw that lets gradients through
#
# The decoder must get a draw from $\mathcal{N}(\mu, \sigma^2)$. But a draw has no derivative: how should training know whether $\mu$ ought to move?

# %% [markdown] tags=["lecture"]
# The **reparameterisation trick** (重参数化) puts the randomness outside (Kingma & Welling 2014, section 2.4):
#
# $$z = \mu + \sigma\,\varepsilon, \qquad \varepsilon \sim \mathcal{N}(0, 1).$$
#
# Now $z$ is an ordinary function of $\mu$ and $\sigma$, with derivatives $1$ and $\varepsilon$. In the course a random draw always takes its generator by name, so that the same seed gives the same film.

# %% [markdown] tags=["lecture"]
# **Exercise 2. A draw that lets gradients through.** $z$ from $\mu$, $\log\sigma^2$ and a given $\varepsilon$. (Difficulty 1, 5 minutes.)

# %% tags=["lecture"]
@exercise("vae.reparameterise")
def my_reparameterise(mu: torch.Tensor, logvar: torch.Tensor, epsilon: torch.Tensor) -> torch.Tensor:
    """z = mu + sigma * epsilon. All (B, Z) -> (B, Z)."""
    ...


def reparameterise(mu: torch.Tensor, logvar: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return my_reparameterise(mu, logvar, torch.randn(mu.shape, generator=generator))  # (B, 32)


# %% [markdown]
# A check by hand, before it disappears into a network. Ten thousand draws for one frame with $\mu = 2$ and $\sigma = 0.5$ must have that mean and that spread.

# %% tags=["nbval-check-output"]
two, log_quarter = torch.full((10_000, 1), 2.0), torch.full((10_000, 1), 2 * np.log(0.5))
many = reparameterise(two, log_quarter, torch.Generator().manual_seed(0))
print(f"mean {many.mean():.1f}, spread {many.std():.1f}")

# %% [markdown] tags=["lecture"]
# Randomness came in through $\varepsilon$ alone, and the two answers of the encoder decide what becomes of it.

# %% [markdown] tags=["lecture"]
# ### Decoder: the way back
#
# The decoder mirrors the encoder. A linear layer lays 32 numbers out as a picture of 4 by 4 pixels with many channels, and three transposed convolutions, which spread each pixel over a small window of a larger picture, double the side three times. The last step squeezes every value into the range from 0 to 1, where colours live.

# %% tags=["lecture"]
def make_decoder() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(32, 256 * 4 * 4), nn.Unflatten(1, (256, 4, 4)),  # (B, 32) -> (B, 256, 4, 4)
        nn.ConvTranspose2d(256, 96, 4, stride=2, padding=1), nn.ReLU(),  # -> (B, 96, 8, 8)
        nn.ConvTranspose2d(96, 48, 4, stride=2, padding=1), nn.ReLU(),  # -> (B, 48, 16, 16)
        nn.ConvTranspose2d(48, 3, 4, stride=2, padding=1), nn.Sigmoid(),  # -> (B, 3, 32, 32)
    )  # fmt: skip


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The loss: two prices in one currency
#
# What is a good encoder and a good decoder? One that draws the frame well and pays little for its code. Both can be counted in nats, so they can be added.

# %% [markdown] tags=["lecture"]
# Training maximises a lower bound on the logarithm of the frames' probability, the *evidence lower bound* (ELBO). Turned round into a loss, and up to a constant that no weight can change, it reads
#
# $$\mathcal{L} \;=\; \underbrace{\frac{1}{2 s^2}\sum_{i=1}^{3072} (x_i - \hat x_i)^2}_{\text{how badly is the frame drawn?}} \;+\; \beta\,\underbrace{\sum_{j=1}^{32} \tfrac12\left(\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2\right)}_{\text{what did the code cost?}}$$
#
# with $x_i$ a pixel's value, $\hat x_i$ the decoder's, $\mu_j$ and $\sigma_j$ the encoder's two answers for latent number $j$, and two constants $s$ and $\beta$. Both parts are in nats.

# %% [markdown] tags=["lecture"]
# The two constants are ours to choose. The number $s$ (`sigma` in the configuration) says how large an error of a pixel is ordinary; ours is 0.07. $\beta$ is 1, which is the bound itself, until we change it to break things.

# %% tags=["lecture"]
def reconstruction(x: torch.Tensor, drawn: torch.Tensor, s: float = 0.07) -> torch.Tensor:
    return (x - drawn).square().flatten(1).sum(dim=1) / (2 * s**2)  # (B, 3, 32, 32) -> (B,)


def kl_to_prior(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)  # (B, 32), one price for each number


# %% [markdown] tags=["lecture"]
# The first function is the first brace of the formula. The second is your exercise 1 before its sum: one price for each latent number, so that we can ask later which of them are in use.
#
# ### All of it as one class
#
# Now the parts together: encode, draw, decode.

# %% tags=["lecture"]
class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = make_encoder(), make_decoder()
        self.to_mu, self.to_logvar = nn.Linear(2048, 32), nn.Linear(2048, 32)

    def forward(self, x: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        features = self.encoder(x)  # (B, 3, 32, 32) -> (B, 2048)
        mu, logvar = self.to_mu(features), self.to_logvar(features)  # (B, 32) each
        return self.decoder(reparameterise(mu, logvar, generator)), mu, logvar


# %% [markdown] tags=["lecture"]
# The library's class in `course_lib/models/vae.py` is the same idea in the same names; it takes its widths from a configuration, so that one class serves frames of 32 and of 64 pixels. Given the same weights and the same generator, yours and the library's must agree.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.models import vae as library
from course_lib.training import load_config

theirs, mine = library.VAE(load_config("vae", "cpu").model), VAE()
mine.load_state_dict(theirs.state_dict())
drawn, mu, logvar = mine(x, torch.Generator().manual_seed(1))
output = theirs(x, torch.Generator().manual_seed(1))
for ours, library_value in ((drawn, output.frames), (mu, output.mu), (logvar, output.logvar)):
    assert torch.allclose(ours, library_value, atol=1e-5)
losses = theirs.loss({"frames": x}, 0, torch.Generator().manual_seed(1))
assert torch.allclose(reconstruction(x, drawn).mean(), losses["reconstruction"], rtol=1e-5)
assert torch.allclose(kl_to_prior(mu, logvar).sum(dim=1).mean(), losses["kl"], atol=1e-5)
print("agree to 1e-5;", sum(p.numel() for p in mine.parameters()), "parameters")

# %% [markdown]
# From here on we use the library's, whose training loop, checkpoints and configurations later chapters share.
#
# ### The paper's own size
#
# The paper's V reads 64 by 64 pixels with four convolutions and has 4,348,547 parameters.

# %% [markdown]
# **Exercise 3. Count the paper's network.** How many weights and biases has one convolution with square kernels? (Difficulty 2, 10 minutes.)

# %%
@exercise("vae.conv_parameters")
def my_conv_parameters(inside: int, outside: int, kernel: int) -> int:
    """Weights and biases of one convolution."""
    ...


# %% [markdown]
# The same class builds the paper's V from another configuration. On torch's device `meta` a network has shapes but holds no numbers, so counting costs nothing.

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    paper = library.VAE(load_config("vae", "paper").model)
print(sum(p.numel() for p in paper.parameters()))
encoder = sum(my_conv_parameters(a, b, 4) for a, b in ((3, 32), (32, 64), (64, 128), (128, 256)))
print(encoder, "in the encoder's four convolutions, by your count")

# %% [markdown]
# Exactly the published count. Where are they? 690,144 in the encoder's convolutions; three quarters of all sit in a single layer, the decoder's first transposed convolution.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Train live
#
# Now train on a thousand films for as long as a lecture can wait. We keep four held-out frames aside, to look at while it learns.

# %% tags=["lecture"]
from course_lib.training import train
from course_lib.views.vae import reconstruct

live_config = load_config("vae", "cpu", {"train.steps": 1200, "train.warmup": 50, "data.count": 1000})
torch.manual_seed(0)
live = library.VAE(live_config.model)
shown = test_films.frames[[1, 2, 3, 4], [6, 12, 3, 20]]  # (4, 32, 32, 3)

# %% [markdown] tags=["lecture"]
# Left: the loss. Right: the four frames above, and below the model's drawings of them. Watch the order in which things appear. The loss drops at once to that of the mean frame and stands still there for some two hundred steps. Do not give up on such a plateau. Then come places. At the end colours have only begun, warm against cold; shapes are for a longer run.

# %% tags=["lecture"]
watch = show.live("VAE, live", every=25)


def update_curves(step: int, parts: dict[str, float]) -> None:
    picture = None
    if step % 25 == 0:
        rows = np.stack([shown, reconstruct(live, shown)])  # (2, 4, 32, 32, 3)
        picture = np.concatenate(np.concatenate(rows, axis=1), axis=1)  # -> (64, 128, 3)
    watch.update(step, {"loss": parts["loss"]}, picture=picture)


history = train("vae", live_config, on_step=update_curves, data=train_films, model=live)
watch.close()

# %% [markdown] tags=["lecture"]
# (The curve is a running mean; the bar above shows the last step.) It looks flat at the end, but only because the learning rate has run down to nothing, on schedule. The checkpoint that comes with the course is this very recipe on more films and with a longer schedule. It ends at less than half of this loss:

# %% tags=["lecture"]
from course_lib.training import load_checkpoint, provenance

shipped = load_checkpoint("vae", size="cpu")
about = provenance("vae", size="cpu")
loss_live, loss_shipped = history.last("loss"), about["last_100_steps"]["loss"]
print(f"live:    {len(history.rows)} steps, {history.minutes:.1f} minutes, loss {loss_live:.0f}")
print(f"shipped: {about['steps']} steps, {about['minutes']:.0f} minutes, loss {loss_shipped:.0f}")
assert loss_shipped < 0.6 * loss_live

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# Pictures before tables. The film of the beginning, and three drawings of it, each from 32 numbers a frame: PCA, the network trained live, the shipped network. (To look, we decode the mean $\mu$; to measure, further down, we decode a draw of $z$.)

# %% tags=["lecture"]
from course_lib.exam.measures.coders import pca_coder

pca = pca_coder(train_films.frames[:, ::4].reshape(-1, 32, 32, 3))
drawings = {
    "the film": film,
    "PCA, 32 numbers": to_uint8(pca(to_model(film))),
    "VAE, live": reconstruct(live, film),
    "VAE, shipped": reconstruct(shipped, film),
}
show.strips(drawings, every=4)

# %% [markdown] tags=["lecture"]
# **Exercise 4. Decibels.** How good are they, in numbers? The PSNR of each frame, as defined in *Predict first*; the mean goes over its colours and pixels. (Difficulty 1, 5 minutes.)

# %% tags=["lecture"]
@exercise("vae.psnr")
def my_psnr(frames: torch.Tensor, reconstructions: torch.Tensor) -> torch.Tensor:
    """PSNR in dB of each frame, values in [0, 1]. (B, 3, H, W) -> (B,)."""
    ...


# %% tags=["lecture"]
for name in ("PCA, 32 numbers", "VAE, live", "VAE, shipped"):
    print(f"{name}: {my_psnr(to_model(film), to_model(drawings[name])).mean():.1f} dB, mean of this film")

# %% [markdown] tags=["lecture"]
# The network trained live is 1.6 dB ahead of PCA here, the shipped one 5.9. PCA does with moving bodies what it did with the moving dot: it smears them over all the places where bodies have been. It draws the agent on the floor well enough, since so many frames have one there. Look for the agent at $t = 24$, where it has jumped: PCA and the live network lose it, and the shipped one draws a brown lump in its place. It is the smallest thing in the picture, and the one that matters most to an agent.

# %% [markdown] tags=["lecture"]
# And your first answer? Places come back well, colours mostly (look for the box that turns blue and the triangle that turns teal). What goes first is the angle: a tilted box is drawn as a lump without corners. An angle changes few pixels, and the loss counts pixels. Here are the same drawings in motion.

# %% tags=["lecture"]
show.side_by_side({k: drawings[k] for k in ("the film", "PCA, 32 numbers", "VAE, shipped")}, scale=5)

# %% [markdown] tags=["lecture"]
# ### Which numbers are awake?
#
# The price a latent number pays, averaged over frames, is the most it can say about them. A number that pays nothing answers $\mu = 0$, $\sigma = 1$ to every frame: it is asleep.

# %% [markdown] tags=["lecture"]
# **Exercise 5. Which numbers are awake.** Count the latent numbers that cost more than `threshold` nats on average. (Difficulty 3, 10 minutes.) How many of the 32 are asleep here?

# %% tags=["lecture"]
@exercise("vae.active_units")
def my_active_units(mu: torch.Tensor, logvar: torch.Tensor, threshold: float = 0.1) -> int:
    """(N, Z), (N, Z) -> how many latent numbers are awake."""
    ...


# %% tags=["lecture"]
from course_lib.views.vae import latents

codes = latents(shipped, test_films.frames[:, ::4].reshape(-1, 32, 32, 3))
all_mu, all_logvar = (torch.from_numpy(part) for part in codes)  # (N, 32) each
prices = kl_to_prior(all_mu, all_logvar)  # (N, 32)
price = prices.mean(dim=0).numpy()  # (N, 32) -> (32,)
order = np.argsort(-price)
fig, axis = plt.subplots(figsize=(7, 2.4))
axis.bar(np.arange(32), price[order])
axis.set(xlabel="latent number, most expensive first", ylabel="nats a frame")
axis.set_title(f"{price.sum():.0f} nats in all, {my_active_units(all_mu, all_logvar)} of 32 awake")
plt.show()

# %% [markdown] tags=["lecture"]
# None. And how many would *you* need? About fifteen: for the agent two places and a side to look to; for each body two places, an angle, a size, a shape, a colour. The network uses all of its 32, because its map is not yours: it spends several numbers on what you say with one.

# %% [markdown] tags=["lecture"]
# ### What did they come to mean?
#
# Take one frame, move one number through its range, keep the others, and let the decoder draw. Each row below is one of the five most expensive numbers, from $-2$ to $2$.

# %% tags=["lecture"]
from course_lib.views.vae import sweep

amounts = [-2.0, -1.3, -0.7, 0.0, 0.7, 1.3, 2.0]
chosen = [int(i) for i in order[:5]]
show.grid(sweep(shipped, film[6], chosen, amounts), columns=len(amounts))

# %% [markdown] tags=["lecture"]
# One number is rarely one thing. Nothing in the training says that position and colour are separate matters, and nothing in the loss asks for it: the prior looks the same from every direction, so no axis is special to it.

# %% [markdown] tags=["lecture"]
# So "number 7 is the ball" is a sentence to be careful with. What a code knows has to be asked with more care than by looking at one axis; notebook 05 is about that.

# %% [markdown] tags=["lecture"]
# ### Between two frames
#
# If the code is a map of the world and not a telephone directory, the way between two frames should lead through other frames. Mixing pixels cannot do that: it fades one out and the other in. The two frames below are five steps apart in one film.

# %% tags=["lecture"]
from course_lib.views.vae import blend

pixels_mixed, latents_mixed = blend(shipped, film[1], film[6], steps=8)
show.strips({"pixels mixed": pixels_mixed, "latents mixed": latents_mixed}, labels=[""] * 8)

# %% [markdown]
# In the lower row the box slides as one body: the code knows what lies between here and there. The triangle does not. It shrinks to a wisp at the old place and grows again at the new one, in another colour, and for a while the agent is lost in it. A straight line through this code is not always a way through the world, and nothing in the loss asked for that.

# %% [markdown]
# ### Frames out of nothing
#
# Because all regions were pulled towards the same prior, a draw from the prior is a possible code, and the decoder draws something for it. It is not a good frame: no film was behind it, and the 32 numbers were drawn as if they had nothing to do with each other. It shows what the decoder takes for likely. Sampling well is the subject of part III.

# %%
from course_lib.views.vae import from_prior

show.grid(from_prior(shipped, 16, torch.Generator().manual_seed(3)), columns=8)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### The same class on real frames
#
# Nobody should learn only from a toy. This is CarRacing-v3, the environment of the paper, recorded for this course and shipped with it (`data/carracing`). The class is the same, with four convolutions for 64 by 64 pixels; the tracks of the test episodes were never trained on.

# %% tags=["lecture"]
from course_lib.worlds.carracing import load_carracing

car = load_checkpoint("vae", size="cpu-carracing")
road = load_carracing("test").episode(0)[0]  # uint8 (80, 64, 64, 3)
show.strips({"CarRacing": road, "from 32 numbers": reconstruct(car, road)}, every=8)

# %% [markdown] tags=["lecture"]
# The road, its bend and the car stay. The kerbs and the pale squares on the grass get soft. For driving that is a fine bargain; for a game about counting squares it would not be.

# %% [markdown]
# Train it yourself for a few steps if you like (change 0 to 60; about half a minute).

# %% tags=["optional"]
steps = 0
if steps:
    car_config = load_config("vae", "cpu-carracing", {"train.steps": steps, "train.warmup": 10})
    own_car = train("vae", car_config).model
    display(show.strips({"CarRacing": road, "after a few steps": reconstruct(own_car, road)}, every=8))

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# Push one number and see the frame follow. Left the frame, in the middle its reconstruction, right the reconstruction with one latent number pushed by so many standard deviations of the prior. Rank 0 is the most expensive number, rank 31 the cheapest.

# %% [markdown] tags=["lecture"]
# Try to find a number that moves only the agent. Then one that changes a colour and nothing else. Does the same number do the same thing in another frame? (The cell below the slider measures it.)

# %% tags=["lecture", "nbval-ignore-output"]
from course_lib.views.vae import push


def push_number(rank: int = 0, amount: float = 1.5, frame: int = 6) -> np.ndarray:
    """Push the latent number with this rank of price. Returns a uint8 picture."""
    return push(shipped, film[frame], int(order[rank]), amount)


show.explore(push_number, rank=(0, 31), amount=(-3.0, 3.0, 0.25), frame=(0, 31))

# %% [markdown] tags=["lecture"]
# Push a number by 1.5 in 100 frames of 100 films, and take the cosine of the picture's change in each frame with the change in every other one: 1 would mean the same change everywhere, 0 that the changes have nothing in common.

# %% tags=["lecture"]
with torch.no_grad():
    mu_all, _ = shipped.encode(to_model(test_films.frames[:, 12]))  # (100, 3, 32, 32) -> (100, 32)
    for rank in (0, 1, 2, 31):
        pushed = mu_all + 1.5 * torch.eye(32)[order[rank]]  # (100, 32)
        change = (shipped.decode(pushed) - shipped.decode(mu_all)).flatten(1)  # (100, 3072)
        cosines = (F.normalize(change, dim=1) @ F.normalize(change, dim=1).T)[~torch.eye(100, dtype=torch.bool)]  # (9900,)
        print(f"rank {rank}: mean cosine {cosines.mean():.2f}, from {cosines.min():.2f} to {cosines.max():.2f}")

# %% [markdown] tags=["lecture"]
# It does not: the mean cosine is 0.13 for the most expensive number and 0.05 for the cheapest. For the most expensive one, single pairs of frames lie between −0.22 and 0.74. What a number does depends on the others. And none of the five rows further up moves the agent alone, or changes one colour and nothing else.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# Every nat has a price, and $\beta$ sets it. What happens when the price rises? Take the network that you have just trained and let it train on, four copies of it, at four prices: the old one, ten times as much, a hundred times, a thousand times.

# %% tags=["lecture"]
import copy

broken, falls = {}, {}
for beta in (1.0, 10.0, 100.0, 1000.0):
    config = load_config("vae", "cpu", {"model.beta": beta, "train.steps": 100, "train.warmup": 0})
    start = library.VAE(config.model)
    start.load_state_dict(copy.deepcopy(live.state_dict()))
    run = train("vae", config, progress="none", data=train_films, model=start)
    broken[beta], falls[beta] = run.model, (run.column("loss"), run.column("kl"))

# %% [markdown] tags=["lecture"]
# Before you look at the next figure: which of these two curves will tell you that something has gone wrong, the loss or the KL?

# %% tags=["lecture"]
fig, axes = plt.subplots(1, 2, figsize=(8.5, 2.8))
for beta, (loss, kl) in falls.items():
    axes[0].plot(loss, label=f"β = {beta:g}")
    axes[1].plot(kl)
axes[0].set(title="loss", xlabel="step", yscale="log")
axes[1].set(title="KL, nats a frame", xlabel="step")
axes[0].legend()
plt.show()

# %% [markdown] tags=["lecture"]
# At the old price both curves take a jolt, because the optimiser begins anew, and return. At the higher prices the loss ends lower than it begins, as a loss should; nobody who watches it alone would stop these runs. The KL shows what is going on. The higher the price of a nat, the larger the encoder's spread, and at a thousand times the price its answer is the same for every frame.

# %% tags=["lecture"]
from course_lib.exam.measures.coders import kl_by_film, mean_frame_coder, vae_coder
from course_lib.exam.measures.frames import psnr_by_film

few = test_films.frames[:30, ::4]
mean_frame = mean_frame_coder(train_films.frames[:, ::4].reshape(-1, 32, 32, 3))
rows = [{"model": "the mean frame", "KL (nats)": 0.0, "PSNR (dB)": psnr_by_film(mean_frame, few).mean()}]
for beta, model in broken.items():
    decibels = psnr_by_film(vae_coder(model, torch.Generator().manual_seed(0)), few).mean()
    nats = kl_by_film(model, few).mean()
    rows.append({"model": f"beta = {beta:g}", "KL (nats)": nats, "PSNR (dB)": decibels})
show.table(rows)

# %% [markdown] tags=["lecture"]
# With the KL the picture goes. What is left at $\beta = 1000$ is the mean frame: the decoder has learned to ignore a code that says nothing.

# %% tags=["lecture"]
collapsed = {f"beta = {beta:g}": reconstruct(model, film) for beta, model in broken.items()}
show.strips({"the film": film, **collapsed}, every=4)

# %% [markdown] tags=["lecture"]
# This is **posterior collapse** (后验坍塌), and it is the first of a family: dead codes in notebook 13, ignored actions in 15, collapsed embeddings in 17 are its relatives. All of them have this in common: the loss looks healthy, and another number, which somebody has to print, does not.

# %% tags=["lecture"]
kl_broken = [row["KL (nats)"] for row in rows[1:]]
assert all(np.diff(kl_broken) < 0), "a higher price buys fewer nats"
assert kl_broken[-1] < 1.0 < 50 < kl_broken[0], "at a thousand times the price the posterior has collapsed"
assert falls[1000.0][0][-1] < 0.2 * falls[1000.0][0][0], "while the loss has fallen, as losses do"

# %% [markdown]
# A trap on the way: $\beta$ is not the only knob. Dividing the squared error by $2 s^2$ and multiplying the KL by $\beta$ do the same thing up to a factor: $s = 0.7$ with $\beta = 1$ is $s = 0.07$ with $\beta = 100$. The paper's program adds up squared errors without dividing, which is $s^2 = 1/2$, on frames that are four times as large as ours. Copy its loss to small frames without thinking, and you train at a hundredfold price without knowing it: the row with $\beta = 100$ is about what such a price buys. (The paper's program also leaves the first 16 nats free, which keeps it from falling further: `kl_tolerance` in the configuration.)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Measure
#
# The claim to test: with 32 numbers a frame the VAE draws held-out films at least 3 dB better than PCA with 32 components. We ask it on 100 test films. The interval is a bootstrap over films, because frames of one film resemble each other. The network's code is a draw of $z$, with its noise, because that is what M will get.

# %% tags=["lecture"]
from course_lib.exam.measures.coders import gain_over_pca
from course_lib.exam.measures.intervals import interval_row

fit_on = train_films.frames[:, ::4].reshape(-1, 32, 32, 3)
simple = gain_over_pca(shipped, fit_on, test_films.frames)
columns = {"model": "on simple", "value": "value", "low": "from", "high": "to", "unit": "unit"}
show.table([simple[k] for k in ("untrained", "mean_frame", "pca", "vae", "gain", "kl")], columns)

# %% [markdown] tags=["lecture"]
# And as claims that would stop the notebook if they were false:

# %% tags=["lecture"]
print(f"gain over PCA: {simple['gain']['value']:.1f} dB; your guess was {my_guess_in_db}")
print(f"KL: {simple['kl']['value']:.0f} nats a frame")
assert simple["gain"]["low"] >= 3.0
assert simple["kl"]["low"] > 5.0, "below this the code would say next to nothing"
assert simple["untrained"]["high"] < simple["mean_frame"]["low"] < simple["pca"]["low"]

# %% [markdown] tags=["lecture"]
# So the second answer is 6.6 dB. The controls read from top to bottom. An untrained network is worse than the mean frame. The mean frame already has many decibels, because most of a frame is background: a decibel value alone means little, a difference between two of them on the same films means something.

# %% [markdown] tags=["lecture"]
# Why is the KL there? PCA's 32 numbers are kept at full precision; the VAE's are drawn with noise. The KL says how little they can hold: 91 nats are 131 bits, four bits a number. (The shipped network saw more films than PCA was fitted to. That is not where the gain comes from: PCA fitted to twice as many frames gains a few hundredths of a decibel.)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### And where it is harder
#
# The film set `rich` has up to four bodies, random colours and backgrounds, a lamp with shadows, platforms, a screen. The same network and the same recipe, trained on `rich`; PCA too is fitted to `rich`.

# %% [markdown] tags=["lecture"]
# The last row of the table asks something else: how does the network that only ever saw `simple` draw `rich`?

# %% tags=["lecture"]
rich_test = load_films("rich", split="test", count=100)
rich_fit = load_films("rich", split="train", count=1000).frames[:, ::4].reshape(-1, 32, 32, 3)
rich = gain_over_pca(load_checkpoint("vae", size="cpu-rich"), rich_fit, rich_test.frames)
of_simple = psnr_by_film(vae_coder(shipped, torch.Generator().manual_seed(0)), rich_test.frames)
rows = [rich[k] for k in ("mean_frame", "pca", "vae", "gain", "kl")]
rows.append(interval_row("vae of simple", of_simple, "dB"))
show.table(rows, columns | {"model": "on rich"})

# %% [markdown] tags=["lecture"]
# The gain is half as large as on `simple`, and a network outside of what it was trained on is worse than the mean frame. Look at how it fails: it draws what it knows.

# %% tags=["lecture"]
rich_vae = load_checkpoint("vae", size="cpu-rich")
show.strips({"rich": rich_test.frames[3], "its own VAE": reconstruct(rich_vae, rich_test.frames[3]),
             "the VAE of simple": reconstruct(shipped, rich_test.frames[3])}, every=4)  # fmt: skip

# %% [markdown] tags=["lecture"]
# Here is the limit of 32 numbers and of a network of this size. Backgrounds, shadows and the screen survive, because they fill many pixels and every pixel counts the same. Bodies change their colour or vanish, and at $t = 28$ an agent seems to stand where the green triangle was. The loss does not know what is important.

# %% [markdown] tags=["lecture"]
# That is the argument with which part V begins: why predict pixels at all?

# %% [markdown] tags=["lecture"]
# ### And on real frames
#
# The same question for CarRacing: PCA fitted to frames of the training tracks, both codes tried on other tracks.

# %% tags=["lecture"]
tracks, _ = load_carracing("test").films(80)  # uint8 (14, 80, 64, 64, 3), one film a track
driving = gain_over_pca(car, load_carracing("train").frames[::3], tracks)
rows = [driving[k] for k in ("mean_frame", "pca", "vae", "gain", "kl")]
show.table(rows, columns | {"model": "on CarRacing"})

# %% [markdown] tags=["lecture"]
# The gain holds on frames that nobody drew for this course. PCA is a stronger rival here: most of a frame is one green, and a straight road is close to a sum of pictures. The interval is wider because there are only fourteen tracks, and frames of one track are not independent samples.

# %% tags=["lecture"]
assert rich["gain"]["low"] > 2.0, "better than PCA on rich too, but by less than on simple"
assert driving["gain"]["low"] > 3.0, "and on frames of a world that is not ours"
assert rich["gain"]["high"] < simple["gain"]["low"]

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Five stood above, each before its answer. Here is an experiment.

# %% [markdown]
# **How many of their 32 numbers do the four networks of *Break it* use?** Their KL fell from step to step. **Predict first:** at ten, a hundred and a thousand times the price, how many are awake? Write down three numbers, then count with your function.

# %%
for beta, model in broken.items():
    mu_b, logvar_b = latents(model, few.reshape(-1, 32, 32, 3))
    awake = my_active_units(torch.from_numpy(mu_b), torch.from_numpy(logvar_b))
    print(f"beta = {beta:g}: {awake} of 32 awake")

# %% [markdown]
# All 32 at ten and still at a hundred times the price, none at a thousand, while the KL fell from 88 nats to 48, 11 and 0. So the count is the late sign: the numbers all become less certain together, and fall asleep all at once.

# %% [markdown]
# What you have solved so far, here and in the other notebooks:

# %% tags=["nbval-ignore-output"]
progress()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# **"A VAE's encoder compresses into a space of few dimensions"** (通过 VAE 编码器压缩成低维空间表示). It stands. 3,072 values became 32, and the films drawn from them are at least 3 dB better than the best linear code of that size. The price is known: about 91 nats a frame, which is 131 bits.

# %% [markdown] tags=["lecture"]
# **"Its decoder recovers the pixels"** (恢复成像素级的视频数据). Partly. What comes back is the decoder's best guess. On `simple` it is close; on `rich` small things get lost, and the loss is blind to which of them matter.

# %% [markdown] tags=["lecture"]
# **What this toy cannot show.** Sora's autoencoder compresses video in space and time, with latents that remain pictures; that is notebook 09. And V alone is no world model: it says what is there, not what comes next. That is M's work, in notebook 03.
#
# The two questions *to discuss*. 1. V spends its numbers on whatever fills many pixels: on `rich` backgrounds and shadows survive, bodies change their colour or vanish. What an agent needs may be the first thing to go. 2. Whatever covers few pixels. In the film above that was the agent at $t = 24$.

# %% [markdown] tags=["lecture"]
# **An erratum on the way.** The slides cut a video into patches and then compress; the Sora report compresses first and cuts the latents. Notebook 09 does it in that order.

# %% [markdown]
# **Larger.** `python -m course_lib train vae --size gpu` trains the paper's network on `rich` at 64 by 64 pixels; `python -m course_lib params vae --size paper` counts it.
#
# **References.** Ha & Schmidhuber, *World Models*, 2018, arXiv 1803.10122, section 2.1 and appendix A.1. Kingma & Welling, *Auto-Encoding Variational Bayes*, 2014, arXiv 1312.6114, sections 2.2 to 2.4 and appendix B.
#
# Claims examined here: C17, C18

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** [01 What is a world model?](01_what_is_a_world_model.ipynb)
# - **After it:** [03 Dreaming](03_dreaming.ipynb)
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C17](claims.md#c17), [C18](claims.md#c18)
