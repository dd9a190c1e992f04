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
# # 05 Asking a model
#
# **The question.** You have built a world model. It draws good films. What does it know, and how would you find out without fooling yourself?
#
# **After this notebook you can** put an interval on a number, read a variable off a model's state with a probe (探针), compute the control (对照) that a claim lacks, tell a model that follows your key from one that follows the player, and read a row of the course's exam, which puts the same questions, with the same controls, to every model.
#
# | | |
# |---|---|
# | It costs | a minute and a half of computing on two cores, an hour and a half of reading and exercises, 1.2 GiB of memory |
# | It needs | notebooks 02 to 04: V, M and C by name; the mean, the square, a straight line |
# | It builds | the exam's instruments, and asks them about one agent |
# | It examines | a sentence of the lecture's slides (`claims.md` lists them): "that a property can be decoded from a model's activations does not mean that the model uses it" |
#
# **Lecture plan (45 minutes).** 4 question and prediction; 8 six numbers; 12 probe, selectivity, the other keys; 5 training on a player's films; 4 look and play; 3 a probe that has seen the answers; 9 the exam, the discussion.
#
# **To discuss.** 1. A colleague shows you a film that her model dreamed and says: it understands gravity. Which single number would you ask for first? 2. All films on the internet were made by somebody who chose what to do. What can a model that learns from them alone not know?

# %% [markdown] tags=["lecture"]
# The lecture says of models that learned from data:
#
# > **The slides.** *从数据中学习物理属性的信息, 可从模型隐藏信息中通过激活值解码出来 → 不意味模型具有因果效力或者物理效应* (what a model has learned of physical properties can be decoded from its activations; that does not mean that it has causal power or physical effect in the model).

# %% [markdown] tags=["lecture"]
# This notebook is about measuring itself. You will make each mistake, see how good the number looks, and then see the control that takes it away.

# %% tags=["lecture"]
import matplotlib.pyplot as plt
import numpy as np
import torch

from course_lib import show
from course_lib.exam.measures.rollout import as_input
from course_lib.exercises import exercise, progress
from course_lib.training import load_checkpoint, provenance
from course_lib.worlds import spec
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model, to_uint8

show.use_style()

# %% [markdown] tags=["lecture"]
# The model is the agent of notebooks 02 to 04: V turns a frame into 32 numbers $z$, M carries a memory $h$ and says which $z$ comes next when a key is pressed. Beside it stands its untrained twin: the same V, an M with random weights.

# %% tags=["lecture"]
agent = load_checkpoint("vmc")
blank = agent.untrained()  # the same eyes, an M that has learned nothing
films = load_films("goal", split="test", count=60)
show.strip(films.frames[3], every=3, title="The agent's own world: a platform, a star to reach")

# %% [markdown] tags=["lecture"]
# Sixty films that neither V nor M has seen. The agent, the dark figure with one eye, presses random keys.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# 1. Take the memory $h$ of the M that has **learned nothing**, 256 numbers, and fit a straight line that reads off where the agent stands. On other films, which share of the differences in place will it explain? (That share is called $R^2$: 1 is perfect, 0 is no better than always answering the mean place, below 0 is worse.)
# 2. Two copies of M learn from equally many films of two players. The first follows a rule that you could read off the screen, the second the same rule, but now and then it throws a coin. Whose M predicts its own player's new films better? And if *you* hold the keys: whose M will follow you?

# %% [markdown] tags=["lecture"]
# Put your first answer here:

# %% tags=["lecture"]
my_guess_r2_of_the_blank = 0.0

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Intuition
#
# ### How sure can six numbers be?
#
# In six films the model sees four frames and dreams ten more under the film's own keys.

# %% [markdown] tags=["lecture"]
# By how many decibels is its last frame closer to the truth than the guess that nothing changes? This guess is called *copy-last*.

# %% tags=["lecture"]
from course_lib.exam.measures.rollout import dream
from course_lib.models.extrapolate import Extrapolation
from course_lib.worlds.frames import psnr

frames, actions = as_input(films)  # (60, 32, 3, 32, 32) floats, (60, 31) keys
dreamed = dream(agent, frames, actions, seen=4, steps=10)  # (60, 10, 3, 32, 32)
copied = dream(Extrapolation(), frames, actions, seen=4, steps=10)
gain = (psnr(dreamed, frames[:, 4:14]) - psnr(copied, frames[:, 4:14]))[:, -1].numpy()  # (60,), dB after ten steps
six = gain[10:16]
print(np.round(six, 1), " mean:", round(float(six.mean()), 1), "dB")

# %% [markdown] tags=["lecture"]
# Their mean is 17.6 dB. How far would other films move it? Let these six stand for all films, and draw six from *them*: a film may come up twice, or not at all.

# %% tags=["lecture"]
rng = np.random.default_rng(0)
for _ in range(4):
    drawn = rng.integers(6, size=6)  # which film, with replacement
    print("films", drawn, "->", np.round(six[drawn], 1), " mean", round(float(six[drawn].mean()), 1))

# %% [markdown] tags=["lecture"]
# Four means, from 12.0 to 18.1. Do it four thousand times and keep the middle 95 %. That is the **bootstrap** (自助法; Efron 1979), and the two ends are a 95 % interval (置信区间).

# %% [markdown] tags=["lecture"]
# **Exercise 1. How sure?** Write it. (Difficulty 2, 8 minutes. A blank left as `...` never stops the notebook: the library's answer is used. `hint("ask.interval")` helps in two steps; `answer("ask.interval")` shows a solution.)

# %% tags=["lecture"]
@exercise("ask.interval")
def my_interval(values: np.ndarray, rng: np.random.Generator, resamples: int = 2000) -> tuple[float, float]:
    """A bootstrap interval of a mean. (N,) -> (low, high)."""
    ...


# %% [markdown] tags=["lecture"]
# Your interval as a blue band, over the means of four thousand resamples:

# %% tags=["lecture"]
means = six[rng.integers(6, size=(4000, 6))].mean(axis=1)  # (4000, 6) -> (4000,)
low, high = my_interval(six, np.random.default_rng(0), 4000)
fig, axis = plt.subplots(figsize=(7, 2.4))
axis.hist(means, bins=60, color="tab:gray")
axis.axvspan(low, high, alpha=0.2)
axis.axvline(gain.mean(), color="k", label="mean of all sixty films")
axis.set(xlabel="mean of a resample, dB", yticks=[], title=f"six films: {low:.1f} to {high:.1f} dB")
axis.legend()
plt.show()

# %% [markdown] tags=["lecture"]
# The interval, 13.5 to 21.4 dB, holds the mean of all sixty. With so few values it is even a little too narrow; the course's function refuses fewer than five.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A number that knows where the agent is
#
# After sixteen frames, $h$ holds 256 numbers. Is one of them "the place of the agent"? Take six films and keep the number that goes best with the place $x$ along a straight line.

# %% tags=["lecture"]
with torch.no_grad():
    h = agent.encode(frames[:, :16], actions[:, :15]).h.numpy()  # (60, 256)
place = films.of("x")[:, 15, spec.AGENT_SLOT]  # (60,), units: the box is 32 wide


def best_of(numbers: np.ndarray) -> int:
    """Which column goes best with the place in the first six films. (60, D) -> index."""
    return int(np.argmax([np.corrcoef(column[:6], place[:6])[0, 1] ** 2 for column in numbers.T]))


number = best_of(h)
slope, offset = np.polyfit(h[:6, number], place[:6], 1)

# %% [markdown] tags=["lecture"]
# Left: the six films. Right: the same number and the same line in the other fifty-four.

# %% tags=["lecture"]
def r2(y: np.ndarray, guess: np.ndarray) -> float:
    return float(1 - np.square(y - guess).sum() / np.square(y - y.mean()).sum())


fig, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharex=True, sharey=True)
for axis, rows, name in ((axes[0], slice(0, 6), "the six films"), (axes[1], slice(6, 60), "the others")):
    axis.scatter(h[rows, number], place[rows], s=14)
    axis.plot(h[:, number], slope * h[:, number] + offset, "k", lw=1)
    fits = r2(place[rows], slope * h[rows, number] + offset)
    axis.set(title=f"{name}: R² = {fits:.2f}", xlabel=f"number {number} of h", ylabel="place x", ylim=(-4, 36))
plt.show()

# %% [markdown] tags=["lecture"]
# $R^2$ is 0.93 on the six films and −0.31 on the others. Whoever tries 256 numbers on six films will find one that fits. Try 256 numbers that come from no model at all:

# %% tags=["lecture"]
noise = np.random.default_rng(1).standard_normal((60, 256))
lucky = best_of(noise)
line = np.polyval(np.polyfit(noise[:6, lucky], place[:6], 1), noise[:, lucky])
print(f"pure noise: R² = {r2(place[:6], line[:6]):.2f} on the six films, {r2(place[6:], line[6:]):.2f} on the others")
assert r2(place[:6], line[:6]) > 0.8 > 0.2 > r2(place[6:], line[6:])

# %% [markdown] tags=["lecture"]
# (An $R^2$ of −2.05 on the other films means that the line is off by far more than the mean place would be. There $R^2$ has no lower bound.)

# %% [markdown] tags=["lecture"]
# Two rules follow. **Score on films that had no part in the fit.** And **ask the same question of something that cannot know the answer.** Noise, an untrained network, the bare pixels, keys of another film: whatever such a *control* reaches is not knowledge of the model.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# ### A probe in closed form

# %% [markdown] tags=["lecture"]
# A **linear probe** reads a variable off a state by a weighted sum. We look at each film after 8, 16 and 24 frames. The probe is scored on other films than it is fitted to.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.exam.questions.probing import TIMES, truth

fit_films = load_films("goal", split="validation", count=150)


@torch.no_grad()
def memory(model, films) -> np.ndarray:
    frames, actions = as_input(films)
    states = [model.encode(frames[:, : t + 1], actions[:, :t]).h for t in TIMES]  # 3 x (N, 256)
    return torch.cat(states).double().numpy()  # -> (3 N, 256), time after time


x_fit, x_score = memory(agent, fit_films), memory(agent, films)
print(TIMES, x_fit.shape, x_score.shape)

# %% [markdown] tags=["lecture"]
# The variable is the agent's place; we note which film each row comes from.

# %% tags=["lecture"]
y_fit = truth(fit_films, "agent_x").T.reshape(-1, 1)  # (N, 3) -> (3 N, 1), time after time
y_score = truth(films, "agent_x").T.reshape(-1, 1)
from_fit, from_score = np.tile(np.arange(150), 3), np.tile(np.arange(60), 3)  # which film

# %% [markdown] tags=["lecture"]
# We want weights $w$ that make the error small and are small themselves:
#
# $$\min_w \; \lVert y - Zw \rVert^2 + \lambda \lVert w \rVert^2 .$$
#
# $Z$ holds a row for each of these moments, with every number of $h$ shifted and scaled to mean 0 and spread 1; $y$ holds the places minus their mean; $\lambda$ is the *penalty* on large weights. Setting the derivative to zero gives **ridge regression** (岭回归; Hoerl & Kennard 1970):
#
# $$w = (Z^\top Z + \lambda I)^{-1} Z^\top y,$$
#
# with $I$ the identity matrix: no steps, no seed, no learning rate.

# %% [markdown] tags=["lecture"]
# **Exercise 2. A probe without training.** The features are standardised already, and the targets have mean 0. (Difficulty 2, 8 minutes.)

# %% tags=["lecture"]
@exercise("ask.ridge")
def my_ridge(z: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Minimise |y - z w|^2 + penalty |w|^2. (N, D), (N, K) -> (D, K)."""
    ...


# %% tags=["lecture", "nbval-check-output"]
z = (x_fit - x_fit.mean(axis=0)) / x_fit.std(axis=0)  # (450, 256)
weights = my_ridge(z, y_fit - y_fit.mean(), penalty=45.0)
print(weights.shape)

# %% [markdown] tags=["lecture"]
# ### Which penalty?
#
# With no penalty 256 weights can learn 450 rows nearly by heart; with too much the probe answers the mean. So the penalty is chosen on films held back from the fit: every fifth film, whole.

# %% tags=["lecture"]
class Probe:
    def fit(self, x: np.ndarray, y: np.ndarray, penalty: float) -> "Probe":
        self.mean, self.scale, self.offset = x.mean(axis=0), x.std(axis=0), y.mean(axis=0)
        self.weights = my_ridge((x - self.mean) / self.scale, y - self.offset, penalty)
        return self

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) / self.scale @ self.weights + self.offset  # (N, D) -> (N, K)


# %% [markdown] tags=["lecture"]
# Try ten penalties, from 0.0001 to 100,000 times the number of rows.

# %% tags=["lecture"]
strengths = 10.0 ** np.arange(-4, 6)
held = from_fit % 5 == 0  # every fifth film
fits, helds = [], []
for strength in strengths:
    probe = Probe().fit(x_fit[~held], y_fit[~held], strength * len(x_fit))
    fits.append(r2(y_fit[~held], probe(x_fit[~held])))
    helds.append(r2(y_fit[held], probe(x_fit[held])))
best = strengths[int(np.argmax(helds))]

# %% [markdown] tags=["lecture"]
# As a picture:

# %% tags=["lecture"]
fig, axis = plt.subplots(figsize=(7, 2.6))
axis.plot(strengths, fits, "o-", label="films it was fitted to")
axis.plot(strengths, helds, "o-", label="films held back")
axis.axvline(best, color="k", lw=1, ls=":")
axis.set(xscale="log", xlabel="penalty / number of rows", ylabel="R²", ylim=(-0.1, 1.05))
axis.legend()
plt.show()

# %% [markdown] tags=["lecture"]
# The upper line only falls: on the films of the fit the smallest penalty always looks best. The lower one is best at 0.1 times the number of rows. Here the two lie close together, because 120 films are many; with fewer they part. The probe is fitted again, to all its films, and meets the sixty new ones.

# %% tags=["lecture"]
probe = Probe().fit(x_fit, y_fit, best * len(x_fit))
print(f"R² of the agent's place in the trained M's memory: {r2(y_score, probe(x_score)):.2f}")

# %% [markdown] tags=["lecture"]
# 0.99, on films never seen. May we write "M has learned where the agent is"? *Measure* answers.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A probe that bends
#
# A variable may be there without lying along a straight line. So there is a **non-linear probe**: the same ridge, on *random Fourier features*. For each of many random directions $a$ and phases $b$,
#
# $$\varphi(z) = \sqrt2\,\cos(a^\top z + b), \qquad a \sim \mathcal N(0, 1/\ell^2),\; b \sim \mathcal U(0, 2\pi),$$
#
# with $\ell$ the width of the waves. On average $\varphi(z)\,\varphi(z')$ is $\exp(-\lVert z - z'\rVert^2 / 2\ell^2)$: near is alike, far is not (Rahimi & Recht 2007). In one dimension:

# %% tags=["lecture"]
rng = np.random.default_rng(2)
a, b = rng.standard_normal(4000), rng.uniform(0, 2 * np.pi, 4000)  # width 1


def waves(z: np.ndarray) -> np.ndarray:
    return np.sqrt(2) * np.cos(z[:, None] * a + b)  # (N,) -> (N, 4000)


apart = np.array([0.0, 0.5, 1.0, 2.0])
alike = (waves(apart) * waves(np.zeros(4))).mean(axis=1)
print(np.round(alike, 2), "against", np.round(np.exp(-(apart**2) / 2), 2))
assert np.abs(alike - np.exp(-(apart**2) / 2)).max() < 0.08

# %% [markdown] tags=["lecture"]
# Of the square of one number $z$ the straight probe finds nothing, the bent one all.

# %% tags=["lecture"]
one = rng.uniform(-2, 2, (300, 1))
square = one**2
straight = Probe().fit(one[:200], square[:200], 0.1)
bent = Probe().fit(waves(one[:200, 0]), square[:200], 20.0)
print(f"straight: R² = {r2(square[200:], straight(one[200:])):.2f}", end=", ")
print(f"bent: R² = {r2(square[200:], bent(waves(one[200:, 0]))):.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Selectivity: what would the probe read off anything?
#
# A strong probe can learn by heart what the state does not hold in any useful way. The extreme case is a directory: a meaningless code word for each place.

# %% [markdown] tags=["lecture"]
# Hewitt & Liang (2019) propose a control: let the same probe learn a **task without meaning**. Theirs, on language, is a random label for every word type; ours a random number for each of 16 ranges of values.

# %% [markdown] tags=["lecture"]
# **Exercise 3. A task without meaning.** A random number for each of `bands` ranges of a variable's values, the ranges holding equally many. (Difficulty 3, 10 minutes.)

# %% tags=["lecture"]
@exercise("ask.meaningless_task")
def my_task(y: np.ndarray, rng: np.random.Generator, bands: int = 16) -> np.ndarray:
    """A control task. (N,) -> (N,)."""
    ...


# %% [markdown] tags=["lecture"]
# Two lines do it:

# %% tags=["lecture"]
def meaningless(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    edges = np.quantile(y, np.linspace(0, 1, 17)[1:-1])  # 15 edges, 16 ranges of equally many rows
    return rng.standard_normal(16)[np.searchsorted(edges, y)]  # (N,) -> (N,)


# %% [markdown] tags=["lecture"]
# The probe's **selectivity** (选择性) is its $R^2$ on the variable minus its $R^2$ on the task. Two states hold the place perfectly: one number that is the place, and a code word of 64 random numbers for each of 16 places.

# %% tags=["lecture"]
rng = np.random.default_rng(3)
where = rng.uniform(0, 32, 1500)
task = meaningless(where, rng)
words = rng.standard_normal((16, 64))
states = {"the number itself": where[:, None], "a directory": words[(where / 2).astype(int)]}
rows = []
for name, state in states.items():
    scores = []
    for target in (where, task):
        p = Probe().fit(state[:1000], target[:1000, None], 1.0)
        scores.append(r2(target[1000:, None], p(state[1000:])))
    rows.append({"state": name, "place": scores[0], "meaningless task": scores[1], "selectivity": scores[0] - scores[1]})

# %% [markdown] tags=["lecture"]
# Read the last column:

# %% tags=["lecture"]
show.table(rows)

# %% [markdown] tags=["lecture"]
# Both states give the place. But from the directory the same probe reads *anything* that depends on the place (0.94 of the task), so its high $R^2$ tells us about the probe. From the number itself it reads the place, and little of the task (0.245: a straight line fits even random heights in part).

# %% tags=["lecture"]
assert rows[0]["place"] > 0.95 and rows[1]["place"] > 0.95
assert rows[0]["selectivity"] > 0.7 > 0.2 > rows[1]["selectivity"]

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The interval of a probe: films, not frames
#
# The three rows of a film resemble each other. So whole films are resampled (a *cluster bootstrap*). In sums over film $i$,
#
# $$R^2 = 1 - \frac{\sum_i E_i}{\sum_i Q_i - (\sum_i S_i)^2 / \sum_i n_i},$$
#
# with $E_i$ the squared errors of film $i$, $S_i$ and $Q_i$ the sums of its values and of their squares, $n_i$ its rows. A resample adds up these four numbers over the films drawn.

# %% tags=["lecture"]
def r2_by_films(y, guess, films, rng, resamples=2000):
    parts = [np.bincount(films, v) for v in ((y - guess) ** 2, np.ones(len(y)), y, y**2)]  # 4 x (films,)
    drawn = rng.integers(len(parts[0]), size=(resamples, len(parts[0])))  # (R, films)
    error, count, total, squares = (part[drawn].sum(axis=1) for part in parts)  # (R,) each
    return np.quantile(1 - error / (squares - total**2 / count), [0.025, 0.975])


print(np.round(r2_by_films(y_score[:, 0], probe(x_score)[:, 0], from_score, np.random.default_rng(0)), 3))

# %% [markdown] tags=["lecture"]
# ### Yours and the library's
#
# The library's `course_lib/exam/measures/probes.py` holds the same in the same names. On the same rows the two must agree.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.exam.measures import probes as library

theirs = library.fit_probe(x_fit, y_fit, from_fit)  # chooses the penalty by itself
assert np.isclose(theirs.penalty, best * len(x_fit))
assert np.allclose(theirs(x_score), probe(x_score), atol=1e-5)
assert np.isclose(library.r2(y_score, theirs(x_score)), r2(y_score, probe(x_score)), atol=1e-5)
tasks = [task(y_score[:, 0], np.random.default_rng(4)) for task in (meaningless, library.control_task)]
assert np.allclose(*tasks, atol=1e-5)
given = (y_score[:, 0], probe(x_score)[:, 0], from_score)
ends = [make(*given, np.random.default_rng(0)) for make in (r2_by_films, library.r2_interval)]
assert np.allclose(*ends, atol=1e-5)
print("ridge, penalty, R², task and interval agree to 1e-5")

# %% [markdown]
# For a mean the library's interval is finer: the quantiles 0.025 and 0.975 are shifted for skewed values (bias-corrected and accelerated bootstrap, BCa; Efron 1987). $z_0$ says how far the resamples lean to one side, $a$ how the spread changes with the mean.

# %% tags=["optional", "nbval-check-output"]
from scipy.stats import norm

from course_lib.exam.measures.intervals import bootstrap_interval

rng = np.random.default_rng(7)
means = gain[rng.integers(60, size=(5000, 60))].mean(axis=1)  # (5000,)
z0 = norm.ppf(((means < gain.mean()).mean() + (means <= gain.mean()).mean()) / 2)
without = np.array([np.delete(gain, i).mean() for i in range(60)])  # each film left out once
lean = without.mean() - without
a = (lean**3).sum() / (6 * (lean**2).sum() ** 1.5)
shifted = z0 + norm.ppf([0.025, 0.975])
by_hand = np.quantile(means, norm.cdf(z0 + shifted / (1 - a * shifted)))
assert np.allclose(by_hand, bootstrap_interval(gain, generator=np.random.default_rng(7)), atol=1e-5)
print("BCa agrees to 1e-5")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The keys that nobody pressed
#
# What would have happened under another key? The Playground can begin the film again from its seed, with the same keys up to a moment, and then another one. Such a frame is called **counterfactual** (反事实).

# %% tags=["lecture"]
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import begin


def press_instead(film: int, time: int, key: int) -> np.ndarray:
    simulation = begin("goal", int(films.seeds[film]))  # the same scene, the same random draws
    for action in films.actions[film, :time]:
        simulation.step(int(action))
    simulation.step(key)  # and now this one
    return draw_film(simulation.scene, simulation.state()[None], 32)[0]  # uint8 (32, 32, 3)


# %% [markdown] tags=["lecture"]
# The library's `counterfactuals` does it for all films, several moments and four keys, and notes which keys draw different frames: jump in the air changes nothing. The two agree to the last bit.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.exam.measures.counterfactuals import counterfactuals

made = counterfactuals(films)
print(made.frames.shape, "after frames", made.times)
for film, k, key in ((0, 0, 1), (3, 2, 2), (7, 3, 3)):
    assert (press_instead(film, made.times[k], key) == made.frames[film, k, key]).all()

# %% [markdown] tags=["lecture"]
# ### A film that turns back
#
# **Surprise** (惊讶度) is how unlikely a model found a frame, given what came before: for M, $-\log p(z_t \mid z_1, \dots, z_{t-1}, a_1, \dots, a_{t-1})$ in nats.

# %% [markdown] tags=["lecture"]
# Does a model know that moving things keep moving? Show it two films that are the same up to frame $t$. One goes on; in the other the frame before the last comes again.

# %% tags=["lecture"]
from course_lib.exam.questions.surprise import surprises, turned_back

on, back = turned_back(frames, 11)  # frames 0 to 12; the last one differs
both = [surprises(agent, film, actions[:, :12])[:, -1] for film in (on, back)]  # (60,) nats each
changed = (on[:, -1] != back[:, -1]).flatten(1).any(dim=1)  # where nothing moved, there is no question
print(f"M is more surprised by the film that turned back in {(both[1] > both[0])[changed].float().mean():.0%} of cases")

# %% [markdown] tags=["lecture"]
# Is 100 % much? Both next frames differ from the last one by about as much, so somebody who only counts changed pixels should stay near one half. In the exam below this control gets 0.54.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Train live
#
# The first player runs the way it looks until a wall stops it, then turns round. Its key can be read off any frame: look at its eye and the wall.

# %% tags=["lecture"]
from dataclasses import replace

from course_lib.worlds.films import make_film

LEFT, RIGHT = 1, 2


def rule(simulation, rng) -> int:
    x = simulation.slots[spec.AGENT_SLOT].position[0]
    if x < 2.9 or x > 29.1:  # at a wall: turn round
        return RIGHT if x < 16 else LEFT
    return RIGHT if simulation.facing > 0 else LEFT


# %% [markdown] tags=["lecture"]
# The second player does the same, but three times in ten it lets a coin decide.

# %% tags=["lecture"]
def coin(simulation, rng) -> int:
    return int(rng.integers(LEFT, RIGHT + 1)) if rng.random() < 0.3 else rule(simulation, rng)


def play(player, seed: int, rng: np.random.Generator):
    simulation, keys = begin("goal", seed), []
    for _ in range(31):
        keys.append(player(simulation, rng))  # the player looks at the state ...
        simulation.step(keys[-1])  # ... and the state follows the key
    return make_film("goal", seed, actions=np.array(keys))


# %% [markdown] tags=["lecture"]
# In the first player's films the action *follows the state*: they are **confounded** (混杂). What follows the key "left" may be the key's doing, or that of whatever made the player press it.

# %% [markdown] tags=["lecture"]
# Where the coin fell, the key has no cause but the coin, as in a randomised trial (随机试验).

# %% tags=["lecture"]
def films_of(player, split: str, count: int):
    scenes, rng = load_films("goal", split=split, count=count), np.random.default_rng(0)
    played = [play(player, int(seed), rng) for seed in scenes.seeds]
    fields = ("frames", "actions", "rewards", "states")
    return replace(scenes, **{name: np.stack([getattr(film, name) for film in played]) for name in fields})


lessons = {"rule": films_of(rule, "train", 400), "coin": films_of(coin, "train", 400)}
tests = {"rule": films_of(rule, "test", 40), "coin": films_of(coin, "test", 40)}
show.strips({name: films.frames[5] for name, films in tests.items()}, every=3)

# %% [markdown] tags=["lecture"]
# Two copies of M, half as wide as the shipped one, with the same first weights. They share the shipped V, and learn as in notebook 03.

# %% tags=["lecture"]
from course_lib.models.vmc import VMC
from course_lib.training.recipes.vmc import latents

small = agent.config.model_copy(update={"m": agent.config.m.model_copy(update={"hidden": 128})})
pupils, seen = {}, {}
for name, lesson in lessons.items():
    torch.manual_seed(0)
    pupils[name] = VMC(small).eval()
    pupils[name].v = agent.v
    mu, logvar = latents(agent, lesson.frames)  # (400, 32, 32) each: films, frames, latent numbers
    rewards, keys = torch.from_numpy(lesson.rewards), torch.from_numpy(lesson.actions).long()
    seen[name] = {"mu": mu, "logvar": logvar, "actions": keys, "rewards": rewards, "over": torch.zeros_like(rewards)}

# %% [markdown] tags=["lecture"]
# One step lowers M's loss on 32 films. The picture shows one moment of a test film of the first player.

# %% tags=["lecture"]
from course_lib.exam.measures.counterfactuals import next_frames

watched = replace(tests["rule"], frames=tests["rule"].frames[5:6], actions=tests["rule"].actions[5:6])
watched_frames, watched_actions = as_input(watched)
real = np.stack([frame for frame in counterfactuals(replace(watched, seeds=tests["rule"].seeds[5:6]), (9,)).frames[0, 0]])


def picture() -> np.ndarray:
    drawn = [to_uint8(next_frames(pupils[n], watched_frames, watched_actions, 9, None)[0]) for n in pupils]
    columns = [np.concatenate(four[[LEFT, RIGHT]], axis=0) for four in (real, *drawn)]  # (64, 32, 3) each
    return np.concatenate(columns, axis=1)  # -> (64, 96, 3)


# %% [markdown] tags=["lecture"]
# Left: the two losses, in nats a step. Right, upper row: what "left" draws; lower row: "right". Columns: the Playground, the pupil of the rule, the pupil of the coin.

# %% tags=["lecture"]
def learner(name: str, steps: int = 400):
    """One step of a pupil's learning a call; gives its loss."""
    pupil, lesson, generator = pupils[name], seen[name], torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(pupil.m.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        rows = torch.randint(400, (32,), generator=generator)  # 32 films
        losses = pupil.loss_m({part: values[rows] for part, values in lesson.items()}, 0, generator)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
        rate.step()
        yield losses["nll"].item()


# %% [markdown] tags=["lecture"]
# Look once more at your second answer.

# %% tags=["lecture"]
watch = show.live("two pupils", every=20)
for step, losses in enumerate(zip(learner("rule"), learner("coin"), strict=True)):
    watch.update(step, dict(zip(("rule", "coin"), losses, strict=True)), picture=picture() if step % 20 == 0 else None)
watch.close()

# %% [markdown] tags=["lecture"]
# The pupil of the rule has the lower loss, 7.0 against 10.0, because its player holds no surprises. By this number it is the better model.

# %% [markdown] tags=["lecture"]
# The shipped M learned from a wandering agent, from more films and for longer. Of the steps counted here 8,000 are M's (notebook 03), the others V's.

# %% tags=["lecture"]
about = provenance("vmc", part="m")
print(f"shipped V and M: {about['steps']:,} steps, {about['minutes']:.0f} minutes; {about['data']['what']}")
models = {"vmc, shipped": agent, "pupil of the coin": pupils["coin"], "pupil of the rule": pupils["rule"]}

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# One moment of a test film of the player with the rule, and the four keys. The star marks the key that the film pressed. First column: the moment itself, as the film has it and as V sees it.

# %% tags=["lecture"]
from course_lib.views.asking import keys_beside

keys_beside(models, tests["rule"], film=5, time=9)

# %% [markdown] tags=["lecture"]
# The Playground draws two places, and so do the shipped M and the pupil of the coin. The pupil of the rule draws one, where its player would have gone. (Neither pupil has ever seen a jump, so their last column means nothing.)

# %% [markdown] tags=["lecture"]
# Now twelve frames of the film, and then, for eight frames, the *opposite* of the film's key. Here it presses the real agent against the wall, where it stays.

# %% tags=["lecture"]
from course_lib.worlds.scenes import film_seed

keys = tests["rule"].actions[5].copy()
keys[11:] = LEFT + RIGHT - keys[11]  # the other key, held
against = make_film("goal", film_seed("test", 5), actions=keys)
seen_frames, held = to_model(against.frames[None]), torch.from_numpy(keys[None]).long()
strips = {"the Playground": against.frames[12:20]}
for name, model in models.items():
    strips[name] = to_uint8(dream(model, seen_frames, held, seen=12, steps=8)[0])
show.strips(strips, every=1, title="The other key, held")

# %% [markdown] tags=["lecture"]
# The first three rows agree, but at a wall a frozen picture would look right as well. The last row is the point. The pupil of the rule runs to the left, as its player would have done. (From t = 7 on it also draws ghost stars.) In such a simulator an agent would learn that its actions do not matter.

# %% [markdown]
# ### What surprises M?
#
# The same film, as it is and with a trick: at frame 16 the agent stands suddenly where it stood in frame 8.

# %%
tricked = frames[3].clone()
tricked[16:] = frames[3][8:24]  # from here on the film of eight frames ago
curves = [surprises(agent, film[None], actions[3:4])[0] for film in (frames[3], tricked)]
fig, axis = plt.subplots(figsize=(7, 2.6))
axis.plot(curves[1], label="with the trick at frame 16")
axis.plot(curves[0], label="the film")
axis.set(xlabel="frame", ylabel="surprise, nats")
axis.legend()
plt.show()

# %% [markdown]
# M notices: its surprise jumps from about −20 to over 100 nats. But so does everybody who compares a frame with the one before. That is why the exam asks with films that turn back.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# Choose a film of the wandering agent and a moment. Where does the shipped M draw another place than the Playground? In the stored picture it does not, although the agent is in the air beside a wall. The pupil of the coin puts it on the floor there, and the pupil of the rule draws no agent.

# %% tags=["lecture", "nbval-ignore-output"]
def four_keys(film: int = 3, moment: int = 12):
    """Four keys at one moment of a test film, beside what each model draws."""
    return keys_beside(models, films, film, moment)


show.explore(four_keys, film=(0, 59), moment=(1, 30))

# %% [markdown] tags=["lecture"]
# The orange band is the 95 % interval of *Intuition*'s gains from as many films as you ask, the black line the mean of all sixty. Ten films give 10.6 dB (4.4 to 16.8).

# %% tags=["lecture", "nbval-ignore-output"]
from course_lib.views.asking import how_sure


def ask_films(films: int = 10, seed: int = 0):
    """The interval of a mean from so many films."""
    return how_sure(gain, films, seed)


show.explore(ask_films, films=(5, 60), seed=(0, 9))

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# Let the probe see the films that it is scored on: not the same frames, but others of the same films, as a random split of frames gives them. To see the effect we need a variable that *no* frame can hold: each film gets a birthday, a number drawn at random.

# %% tags=["lecture"]
pixels = films.frames[:, 4:28:2].reshape(60 * 12, -1) / 255.0  # (60, 12, 32, 32, 3) -> (720, 3072)
film_of = np.repeat(np.arange(60), 12)
birthday = np.random.default_rng(6).standard_normal(60)[film_of][:, None]  # (720, 1)
x_place = films.of("x")[:, 4:28:2, spec.AGENT_SLOT].reshape(-1, 1).astype(float)
by_frame = np.random.default_rng(6).random(720) < 0.5
splits = {"frames at random": by_frame, "whole films": film_of % 2 == 0}
rows = []
for name, fit in splits.items():
    found = [library.fit_ridge(pixels[fit], v[fit], 100.0)(pixels[~fit]) for v in (x_place, birthday)]
    rows.append({"split": name} | {f"R² of {v}": r2(t[~fit], g) for v, t, g in zip(
        ("the place", "the birthday"), (x_place, birthday), found, strict=True)})  # fmt: skip

# %% [markdown] tags=["lecture"]
# Which column tells you that something is wrong?

# %% tags=["lecture"]
show.table(rows)

# %% [markdown] tags=["lecture"]
# The birthday's. With frames split at random the bare pixels "know" a number that is not in them ($R^2$ 0.735), because they know the film by its platform. This is *data leakage*. The place looks better too, 0.991 against 0.924, and nobody would have noticed. Split by whole films, the birthday's $R^2$ is −3.51.

# %% tags=["lecture"]
leaky, clean = rows
assert leaky["R² of the birthday"] > 0.5 > 0 > clean["R² of the birthday"]
assert leaky["R² of the place"] > clean["R² of the place"]

# %% [markdown]
# The same happens to intervals: if V cannot see the agent on some film, it cannot in any of its frames.

# %% [markdown]
# Simulate it: 20 films whose mean error differs, thirty frames in each with a little noise; an interval over the 600 frames or the 20 means. How often does each hold the truth?

# %%
def holds_the_truth(values: np.ndarray, rng: np.random.Generator) -> bool:
    means = values[rng.integers(len(values), size=(400, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return bool(low <= 0.0 <= high)


rng, held = np.random.default_rng(8), {"over frames": 0, "over films": 0}
for _ in range(400):
    errors = rng.normal(0, 1, (20, 1)) + rng.normal(0, 0.7, (20, 30))  # films, frames; the true mean is 0
    held["over frames"] += holds_the_truth(errors.ravel(), rng)
    held["over films"] += holds_the_truth(errors.mean(axis=1), rng)
print({name: f"{count / 400:.0%} of the 95 % intervals hold the truth" for name, count in held.items()})
assert held["over frames"] < 0.5 * 400 < 0.85 * 400 < held["over films"]

# %% [markdown]
# Six hundred frames carry little more than twenty values do. The interval over frames promises 95 % and keeps 28 % (*pseudoreplication*); the one over films keeps 90 %.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Measure
#
# ### First wrong conclusion: "M has learned where the agent is"
#
# The same probe on states that cannot have learned it: the memory of the untrained M, and the bare pixels of the last two frames.

# %% tags=["lecture"]
from course_lib.exam.questions.probing import pixel_features


def pixels_of(films) -> np.ndarray:
    frames, actions = as_input(films)
    return np.concatenate([pixel_features(frames[:, : t + 1], actions[:, :t]) for t in TIMES])  # (3 N, 6144)


features = {
    "memory of M": (x_fit, x_score),
    "memory of the untrained M": (memory(blank, fit_films), memory(blank, films)),
    "pixels": (pixels_of(fit_films), pixels_of(films)),
}

# %% [markdown] tags=["lecture"]
# For each, the place of the agent, its speed, and the place of the star.

# %% tags=["lecture"]
names = {"agent_x": "agent's place", "agent_vx": "agent's speed", "star_x": "star's place"}
guesses, rows = {}, []
for who, (a, b) in features.items():
    row = {"read off": who}
    for name, words in names.items():
        y, target = truth(films, name).T.ravel(), truth(fit_films, name).T.reshape(-1, 1)
        guess = guesses[who, name] = library.fit_probe(a, target, from_fit)(b)[:, 0]
        low, high = library.r2_interval(y, guess, from_score, np.random.default_rng(0))
        row[words] = f"{r2(y, guess):.2f} ({low:.2f} to {high:.2f})"
    rows.append(row)
show.table(rows)

# %% [markdown] tags=["lecture"]
# Read the first column. The trained memory holds the place (0.99), and so does the untrained one (0.93): V's numbers went into it, and a random network mixes but does not lose it.

# %% [markdown] tags=["lecture"]
# The pixels hold it as well (0.97), though not the speed. **The high number was true, and the sentence "M has learned where the agent is" does not follow from it.** What M *learned* is at most the step from the second row to the first.

# %% [markdown] tags=["lecture"]
# Is that step real? Both rows were scored on the same films, so resample the films and take the difference (a *paired bootstrap*).

# %% tags=["lecture"]
def r2_gain(y, better, worse, films, rng, resamples=2000):
    sums = [np.bincount(films, v) for v in ((y - better) ** 2, (y - worse) ** 2, np.ones(len(y)), y, y**2)]
    drawn = rng.integers(len(sums[0]), size=(resamples, len(sums[0])))  # the same films for both
    e1, e2, n, s, q = (part[drawn].sum(axis=1) for part in sums)
    return np.quantile((e2 - e1) / (q - s**2 / n), [0.025, 0.975])


for name, words in names.items():
    y = truth(films, name).T.ravel()
    pair = guesses["memory of M", name], guesses["memory of the untrained M", name]
    low, high = r2_gain(y, *pair, from_score, np.random.default_rng(0))
    print(f"{words}: M minus the untrained M {r2(y, pair[0]) - r2(y, pair[1]):+.2f} ({low:+.2f} to {high:+.2f})")

# %% [markdown] tags=["lecture"]
# Yes: 0.06 for the place (0.04 to 0.08), 0.18 for the speed, 0.67 for the star. The place gains least, because there was least to gain.

# %% [markdown]
# And selectivity? For the place, straight and bent:

# %%
y, task = truth(films, "agent_x").T.ravel(), library.control_task(np.concatenate([y_fit[:, 0], y_score[:, 0]]),
                                                                  np.random.default_rng(3))  # fmt: skip
bend = library.fit_fourier(x_fit, np.random.default_rng(1))
selectivity = []
for kind, (a, b) in {"straight": (x_fit, x_score), "bent": (bend(x_fit), bend(x_score))}.items():
    real_r2 = r2(y, library.fit_probe(a, y_fit, from_fit)(b)[:, 0])
    task_r2 = r2(task[450:], library.fit_probe(a, task[:450, None], from_fit)(b)[:, 0])
    selectivity.append({"probe": kind, "place": real_r2, "meaningless task": task_r2, "selectivity": real_r2 - task_r2})
show.table(selectivity)

# %% [markdown]
# 0.57 and 0.54. The task is read off in part, because neighbouring ranges of the place differ in many of the 256 numbers.

# %% [markdown]
# So the probes are not just learning by heart. (For the *speed* selectivity would mislead: it takes few values, so even a meaningless task is easy to learn.)

# %% tags=["lecture"]
r2_of = {key: r2(truth(films, key[1]).T.ravel(), guess) for key, guess in guesses.items()}
blank_r2 = r2_of["memory of the untrained M", "agent_x"]
print(f"untrained M, agent's place: R² = {blank_r2:.2f}; your guess was {my_guess_r2_of_the_blank}")
assert r2_of["memory of M", "agent_x"] > 0.9, "the number that looks like knowledge"
assert blank_r2 > 0.75 and r2_of["pixels", "agent_x"] > 0.85, "and what cannot have learned it reads it too"
assert r2_of["memory of M", "star_x"] > r2_of["memory of the untrained M", "star_x"] + 0.1, "this M did learn"
assert all(row["selectivity"] > 0.3 for row in selectivity)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Second wrong conclusion: "it is given the key, and it draws what the key does"
#
# Now the two pupils: 40 test films of the player with the rule, four moments each. The model is given the key that the film pressed.

# %% [markdown] tags=["lecture"]
# Is its frame nearer to what that key draws than to what the other key would have drawn? A published film of a steerable model shows no more: frames that fit the pressed keys.

# %% [markdown] tags=["lecture"]
# **Exercise 4. The control that was missing.** A paper reports: "given the keys, our model's error is small." You may call its `errors(actions)`, which gives an error for each film. Compute, film by film, what the model gains by getting the right keys. (Difficulty 2, 8 minutes.)

# %% tags=["lecture"]
@exercise("ask.missing_control")
def my_gain(errors, actions: np.ndarray) -> np.ndarray:
    """Error under another film's keys minus the error under its own. (N, T - 1) -> (N,)."""
    ...


# %% [markdown] tags=["lecture"]
# Every published model could have had that control. With a simulator there is a sharper one, the other key at the same moment:

# %% tags=["lecture"]
asked, keys_made = tests["rule"], counterfactuals(tests["rule"])


def follows(model) -> np.ndarray:
    """Share of moments at which the model follows the key: the film's own, the other one. (films, 2)."""
    frames, actions = as_input(asked)
    answers, film = [], np.arange(len(asked))
    for k, time in enumerate(keys_made.times):
        drawn = next_frames(model, frames, actions, time, None)[:, [LEFT, RIGHT]]  # (N, 2 keys given, 3, H, W)
        real = to_model(keys_made.frames[:, k, [LEFT, RIGHT]])  # (N, 2 keys real, 3, H, W)
        error = (drawn[:, :, None] - real[:, None]).square().mean(dim=(3, 4, 5)).numpy()  # (N, given, real)
        follow = [error[film, t, 1 - t] > error[film, t, t] for t in (actions[:, time] - LEFT, RIGHT - actions[:, time])]
        answers.append(np.stack(follow, axis=1))  # (N, 2)
    return np.mean(answers, axis=0)


# %% [markdown] tags=["lecture"]
# Beside the three models stand two that cannot know the key, *the* control: each pupil with the four columns of weights from the keys to its memory made the same.

# %% tags=["lecture"]
import copy

from course_lib.exam.measures.intervals import mean_and_interval


def without_keys(model):
    """The same model, for which all keys are the same: half "left", half "right"."""
    twin = copy.deepcopy(model)
    keys = twin.m.lstm.weight_ih_l0.data[:, agent.config.m.latent :]  # (4 H, 4): what each key adds to the gates
    keys[:] = keys[:, [LEFT, RIGHT]].mean(dim=1, keepdim=True)
    return twin


asked_models = models | {f"pupil of the {name}, without keys": without_keys(pupils[name]) for name in ("coin", "rule")}
answers = {name: follows(model) for name, model in asked_models.items()}

# %% [markdown] tags=["lecture"]
# The first column of numbers is what one would have reported. The second asks about the key that the film did *not* press.

# %% tags=["lecture"]
rows = []
for name, share in answers.items():
    row = {"model": name}
    for column, words in enumerate(("given the film's key", "given the other key")):
        facts = mean_and_interval(share[:, column], seed=0)
        row[words] = f"{facts['value']:.2f} ({facts['low']:.2f} to {facts['high']:.2f})"
    rows.append(row | {"both": f"{share.mean():.2f}"})
show.table(rows)

# %% [markdown] tags=["lecture"]
# Given the film's key, all three models are right, and so is the pupil of the rule when it *gets no key* (1.00): whoever knows the player knows the frame. The number says nothing about steering.

# %% [markdown] tags=["lecture"]
# The other key decides. The pupil of the coin follows it (1.00), the pupil of the rule does not (0.02); over both keys it stands at one half, like a model without keys. (That draws one frame for both, nearer to one of the two real frames, so its two shares add up to 1, as 0.24 and 0.76 do.)

# %% [markdown] tags=["lecture"]
# And the losses, on new films of each one's player:

# %% tags=["lecture"]
@torch.no_grad()
def own_loss(name: str) -> float:
    mu, _ = latents(agent, tests[name].frames)
    rewards = torch.from_numpy(tests[name].rewards)
    pressed = pupils[name].as_vector(torch.from_numpy(tests[name].actions).long())
    return pupils[name].m.losses(mu, pressed, rewards, torch.zeros_like(rewards))["nll"].item()


own = {name: own_loss(name) for name in pupils}
print({name: f"{loss:.1f} nats a step" for name, loss in own.items()})

# %% [markdown] tags=["lecture"]
# The model with the better loss (−4.9 against −0.1 nats) cannot be steered: its films did not separate the key from the habit, and the habit was easier to learn. A coin at three steps in ten was enough. (The losses are lower than in training, because here M gets V's mean $\mu$, without noise.)

# %% tags=["lecture"]
with_own, with_other = ({name: share[:, k].mean() for name, share in answers.items()} for k in (0, 1))
assert own["rule"] < own["coin"], "the pupil of the rule predicts its player's films better"
assert with_own["pupil of the rule"] > 0.9 and with_own["pupil of the rule, without keys"] > 0.9
assert with_other["pupil of the rule"] < 0.3, "but under a key that nobody pressed it does not follow"
assert with_other["pupil of the coin"] > 0.75 and with_other["vmc, shipped"] > 0.85
assert all(abs(answers[name].mean() - 0.5) < 0.02 for name in answers if "without keys" in name), "without keys: one half"

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Third: "the key can be read off its memory, so it uses the key"
#
# Give left or right to the pupil that follows nobody, and look into its memory one step later. Can a straight probe, fitted on half of the films, say on the others which it was given?

# %% tags=["lecture"]
@torch.no_grad()
def after(model, key: int) -> np.ndarray:
    """M's memory one step after it was given a key, at four moments of each film. (4 N, H)."""
    frames, actions = as_input(asked)
    states = [model.encode(frames[:, : t + 1], actions[:, :t]) for t in keys_made.times]
    next_h = [model.predict(state, torch.full((len(state),), key)).h for state in states]
    return torch.cat(next_h).double().numpy()  # 4 x (40, 128) -> (160, 128), time after time


h_after = np.concatenate([after(pupils["rule"], LEFT), after(pupils["rule"], RIGHT)])  # (320, 128)
which = np.repeat([-1.0, 1.0], 160)[:, None]
from_film = np.tile(np.arange(40), 8)

# %% [markdown] tags=["lecture"]
# Below zero its answer is "left":

# %% tags=["lecture"]
half = from_film % 2 == 0
reader = library.fit_probe(h_after[half], which[half], from_film[half])
decoded = (np.sign(reader(h_after[~half])) == which[~half]).mean()
print(f"the key that it was given is read off its memory in {decoded:.0%} of cases")
print(f"its drawing follows the key, where that was not the film's, in {with_other['pupil of the rule']:.0%}")
assert decoded > 0.9 and with_other["pupil of the rule"] < 0.3

# %% [markdown] tags=["lecture"]
# Yes, in 94 % of cases, and it does nothing: the drawing follows the key in 2 %. **That something can be decoded from a state does not mean that the model uses it**, which is the slides' sentence.

# %% [markdown] tags=["lecture"]
# Notebook 25 goes on: it moves the state itself along a probe's direction.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### The exam
#
# All of this, and more, is asked by one function. An *entrant* is a model, with what it learned from and its untrained twin.

# %% [markdown] tags=["lecture"]
# Four marks are known beforehand: of a *perfect* model, which owns the simulator; a *random* one, which answers with frames of other films; the untrained twin; and copy-last.

# %% tags=["lecture"]
from course_lib.exam.entrant import Entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.yardsticks import PerfectModel, RandomModel

# %% [markdown] tags=["lecture"]
# Our agent brings notebook 03's bar.

# %% tags=["lecture"]
seat = {"films": "goal", "probes": "goal"}
bars = {"dream_position_error_ratio_t10": 0.5}
vmc = Entrant("vmc", {"model": agent}, ["goal/train"], untrained={"model": blank}, bars=bars, **seat)
others = [
    Entrant("perfect", {"model": PerfectModel(sets=("goal",), count=100)}, [], **seat),
    Entrant("random", {"model": RandomModel("goal")}, ["goal/train"], **seat),
    Entrant("untrained", {"model": blank}, ["goal/train"], untrained={"model": agent.untrained(seed=2)}, **seat),
    Entrant("copy-last", {"model": Extrapolation()}, [], **seat),
]

# %% [markdown] tags=["lecture"]
# Sixteen films keep it short; `python -m course_lib exam vmc` asks a hundred.

# %% tags=["lecture"]
sitting = Sitting(count=16)
report = examine([*others, vmc], sitting, questions=["prediction", "control", "surprise"])
mine = [row for row in report.table() if row["model"] == "vmc"]
show.table(mine, ["question", "value", "controls", "bar"])

# %% [markdown] tags=["lecture"]
# **value (from to)** is the answer with its 95 % interval over films. **controls** is what those get who cannot know; without a control the program refuses the row. **bar** is what was to be reached; it is *met* only when the whole interval meets it.

# %% [markdown] tags=["lecture"]
# - `position_error_t10`: how far from their true places things are drawn ten frames on, in units (the box is 32 wide); `reader_floor` is the reader's error on real frames.
# - `dream_position_error_ratio_t10`: the same as a share of copy-last's.
# - `action_choice_accuracy`: of every two keys that draw different frames, is each one's drawing nearer to its own frame? Whoever ignores the key has one half.
# - `delta4_psnr_db`: how many decibels the true keys beat those of another film, four frames on.
# - `surprise_turned_back_accuracy`: how often the film that turned back surprises more.

# %% [markdown] tags=["lecture"]
# Everybody side by side:

# %% tags=["lecture"]
chosen = ["position_error_t1", "position_error_t10", "psnr_db_t10", "action_choice_accuracy", "surprise_turned_back_accuracy"]
names_asked = [*(entrant.name for entrant in others), "vmc"]
value = {(row["model"], row["question"]): row["value"] for row in report.table()}
show.table([{"question": q} | {name: value.get((name, q), "not applicable") for name in names_asked} for q in chosen])

# %% [markdown] tags=["lecture"]
# copy-last takes no keys: **not applicable**. What a model cannot do gets no number.

# %% tags=["lecture"]
show.table([row for row in report.table() if row["value"] == "not applicable"], ["model", "question", "value", "note"])

# %% [markdown] tags=["lecture"]
# As claims:

# %% tags=["lecture"]
ask = {name: {q: report[name, q] for q in chosen} for name in names_asked if name != "copy-last"}
assert report["vmc", "dream_position_error_ratio_t10"].passed, "half of copy-last's error or less"
assert ask["perfect"]["position_error_t10"].high < ask["vmc"]["position_error_t10"].low
assert ask["vmc"]["position_error_t10"].high < ask["random"]["position_error_t10"].low
assert ask["vmc"]["action_choice_accuracy"].low > 0.7 > ask["untrained"]["action_choice_accuracy"].high
assert ask["perfect"]["action_choice_accuracy"].value == 1.0
turned = report["vmc", "surprise_turned_back_accuracy"]
assert turned.low > turned.controls["pixel_difference"], "more than pixels could say"

# %% [markdown] tags=["lecture"]
# So this M has learned something. Its position error after ten frames is 0.09 units, the untrained twin's 14, copy-last's 3.7, the perfect model's 0.04; it follows keys that nobody pressed (0.98). (Notebook 03 had 1.57 on a hundred films. In these sixteen no star is caught in those frames and no agent is lost: an interval knows nothing of what none of its films shows.)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Your own model
#
# A model enters by keeping the contract of notebook 01. Here is one of ten lines: it believes that every film fades into the mean picture, and takes no actions.

# %% tags=["lecture"]
from dataclasses import dataclass

from course_lib.contract import Actions, Capabilities, State

mean_frame = to_model(load_films("goal", split="train", count=200).frames[:, ::8]).mean(dim=(0, 1))  # (3, 32, 32)


@dataclass
class Seen(State):
    frame: torch.Tensor  # (B, 3, H, W)


# %% [markdown] tags=["lecture"]
# `trained_on` names the films that the model has learned from. The exam refuses to score it on those, or if it does not say.

# %% tags=["lecture"]
class Fading:
    trained_on = ["goal/train"]
    capabilities = Capabilities(Actions("none"), decodes=True, context=1, frame_size=(32, 32))

    def encode(self, observations, actions=None, *, generator=None):
        return Seen(observations[:, -1])

    def predict(self, state, action=None, *, generator=None):
        return Seen(0.8 * state.frame + 0.2 * mean_frame)

    def decode(self, state, *, generator=None):
        return state.frame

    def surprise(self, observations, actions=None, *, generator=None):
        change = (observations[:, 1:] - observations[:, :-1]).square().mean(dim=(2, 3, 4))
        return torch.nn.functional.pad(change, (1, 0), value=torch.nan)  # (B, T), NaN at frame 0


# %% [markdown] tags=["lecture"]
# In the same sitting:

# %% tags=["lecture"]
fading = Entrant("fading", {"model": Fading()}, Fading.trained_on, **seat)
answers_of_mine = examine([fading], sitting, questions=["prediction", "control", "surprise"]).table()
show.table(answers_of_mine, ["question", "value", "controls", "note"])

# %% [markdown]
# After ten frames it loses to copy-last (14 units against 3.7), and its surprise is the pixel difference's, 0.536. With the class in a file `my_package.py`, the same on a hundred films:
#
#     python -m course_lib exam --model my_package:Fading

# %% [markdown]
# And for a model that does not say:

# %% tags=["nbval-check-output"]
from course_lib.lookup import ExamError

try:
    examine([Entrant("silent", {"model": Fading()}, None, **seat)], sitting, questions=["surprise"], failures="raise")
except ExamError as refusal:
    print(refusal)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Four stood above, each before its answer. Now an experiment and the fifth.

# %% [markdown]
# **An experiment: what do more films buy?** The gain over copy-last from 6, 15 and 60 films: how wide is its interval? **Predict first:** with ten times as many films, is it a tenth as wide, a third, or a half? Put a number into the next cell.

# %%
my_guess_share, rng = 1.0, np.random.default_rng(9)
widths = {n: np.mean([np.ptp(my_interval(rng.choice(gain, n, replace=False), rng)) for _ in range(40)]) for n in (6, 15, 60)}
print({n: f"{width:.1f} dB" for n, width in widths.items()})
print(f"60 films against 6: {widths[60] / widths[6]:.2f} of the width; your guess was {my_guess_share}")

# %% [markdown]
# About a third: 4.1 dB against 11.6, a share of 0.36. The width falls with the square root of the number of films, here by $\sqrt{10}=3.2$. (Intervals from six films are a little too narrow, as above, hence 0.36 and not 0.32.)

# %% [markdown]
# **Exercise 5. A key that nobody pressed.** `error[n, a, b]` says how far the frame that the model draws for key `a` lies from the frame that key `b` draws in the Playground; `taken[n]` is the key that the film pressed; `visible[n, a, b]` whether the two keys draw different frames there. Ask about every key that was *not* pressed and differs visibly from the pressed one: is the frame that the model draws for it nearer to that key's frame than to the *pressed* key's? In which share of these cases? A tie counts one half. (Difficulty 3, 12 minutes.)

# %%
@exercise("ask.intervened")
def my_intervened(error: np.ndarray, taken: np.ndarray, visible: np.ndarray) -> float:
    """How often a frame drawn for a key that was not pressed is nearer to that key's frame than to the pressed key's.

    error: (N, 4, 4); taken: (N,); visible: (N, 4, 4) -> a share of the keys whose frame differs from the pressed key's.
    """
    ...


# %% [markdown]
# With your function, all four keys, after frame 12 of the wandering agent's films: the shipped model gets 0.95, the pupil of the coin 0.51, the pupil of the rule 0.40. The table above asked for left and right on the first player's films; this agent also jumps and stands still, which the pupils have never seen. Below one half the drawing is more often nearer to the pressed key's frame.

# %%
keys_at = films.actions[:, 12].astype(int)
for name, model in models.items():
    drawn = next_frames(model, frames, actions, 12, None)  # (60, 4, 3, 32, 32)
    distance = (drawn[:, :, None] - to_model(made.frames[:, 1])[:, None]).square().mean(dim=(3, 4, 5)).numpy()
    print(f"{name}: {my_intervened(distance, keys_at, made.visible[:, 1]):.2f}")

# %% [markdown]
# What you have solved so far:

# %% tags=["nbval-ignore-output"]
progress()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# **"That a property can be decoded from a model's hidden information through its activations does not mean that it is causally effective"** (可从隐藏信息中通过激活值解码, 不意味具有因果效力). It stands, in two ways.

# %% [markdown] tags=["lecture"]
# What can be decoded need not have been *learned*: an M with random weights holds the agent's place nearly as well (0.93 against 0.99). And what is held need not be *used*: the pupil of the rule carries its key in its memory, readable in 94 % of cases, and draws the same frame whatever it was.

# %% [markdown] tags=["lecture"]
# **What this toy cannot show.** Our interventions change the key, not the state. That a model uses what a probe found needs an intervention on the state (notebook 25).
#
# The two questions *to discuss*. 1. The same figure for somebody who cannot know: the model before training, or a copy of the last frame. 2. What another choice would have led to: the pupil of the rule is right about every key that was pressed (1.00) and about the other key almost never (0.02).

# %% [markdown] tags=["lecture"]
# And in the real world nothing can be replayed from a seed: there the coin has to be thrown while filming, or steering remains a guess. That is the difficulty of learning actions from films without labels (part IV).

# %% [markdown] tags=["lecture"]
# **What was not asked.** Two pupils, one seed each, one rule. How much chance a player must show before a model learns its keys is not measured here; change 0.3 in `coin`.

# %% [markdown]
# **Larger.** `python -m course_lib exam vmc perfect random untrained copy-last` asks every question on a hundred films, with probes of all variables and returns; `--json` gives the rows.
#
# **References.** Efron, *Bootstrap methods: another look at the jackknife*, 1979; *Better bootstrap confidence intervals*, 1987. Hoerl & Kennard, *Ridge regression*, 1970. Rahimi & Recht, *Random features for large-scale kernel machines*, 2007. Hewitt & Liang, *Designing and interpreting probes with control tasks*, 2019, arXiv 1909.03368. Ha & Schmidhuber, *World Models*, 2018, arXiv 1803.10122. Bruce et al., *Genie*, 2024, arXiv 2402.15391, section 3 (the measure $\Delta_t$ PSNR).

# %% [markdown]
# Claims examined here: C16

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** [04 Acting in a dream](04_acting_in_a_dream.ipynb)
# - **After it:** [06 Attention and patches](06_attention_and_patches.ipynb)
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C16](claims.md#c16)
