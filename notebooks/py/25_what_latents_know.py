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
# # 25 What latents know
#
# **The question.** A probe reads the agent's place off a model's hidden numbers, almost without an error. Does the model *use* what the probe reads? And does it know what causes what?
#
# **After this notebook you can** probe a model part by part with the right controls, move a state along a direction and measure whether the future moves, exchange parts of two states, and take a cause out of a picture to see what a dream makes of it.
#
# | | |
# |---|---|
# | It costs | about a minute of computing on one core, 50 minutes of reading and exercises; about 1.5 GiB of memory |
# | It needs | probes and controls from notebook 05; V-M-C from 03; the film model that is played from 11 |
# | It builds | two directions in a state, interchange interventions (交换干预), pairs of rooms that differ in one cause |
# | It examines | four sentences of the slides (of the lecture that this course follows; `claims.md` lists them all) about what a latent space encodes |
#
# **Lecture plan (45 minutes).** 5 the question and the predictions; 8 the toy; 8 probes by part and layer; 10 moving a state; 5 exchanging; 7 causes; 2 the discussion.
#
# **To discuss.** 1. A probe finds a property in a network that learned nothing. What has it found? 2. A model draws the right future when the cause is taken away. What would it take to say that it *understands* the cause?

# %% [markdown] tags=["lecture"]
# The lecture asks it of Sora and its kind, and names the trap itself:
#
# > **The slides.** *基于潜在扩散的图像生成模型实际上编码了哪些信息? 仅编码图像表面启发式信息, 还是视觉场景潜在变量, 比如 3D 几何结构? 编码了真实世界中的因果推理关系?* (What does an image generator with latent diffusion really encode: surface cues, or hidden variables of the scene, such as 3-D structure? Causes?) *可从模型隐藏信息中通过激活值解码出来 → 不意味模型具有因果效力或者物理效应* (that something can be decoded from activations does not mean that it has causal or physical effect in the model). *潜在空间编码了结构保持、因果有效信息, 此信息超越像素空间表面统计数据* (the latent space encodes information that preserves structure and has causal effect, beyond surface statistics of pixels).

# %% [markdown] tags=["lecture"]
# The last two sentences are two different tests. **Decoding** (解码): can somebody outside read the property off the numbers? **Causal effect** (因果效力): when these numbers are changed, does what the model does change with them? Three models of the course stand both tests here: V-M-C (notebooks 02 to 04), the film model that is played (11) and a JEPA that is told the keys (21). For Sora nobody outside can do either; its weights are not published.

# %% tags=["lecture"]
import numpy as np
import torch

from course_lib import show
from course_lib.exercises import answer, exercise, hint, progress  # noqa: F401

show.use_style()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# Write down three answers before you read on:
#
# 1. A linear probe reads the agent's x off V-M-C's memory with an $R^2$ of 0.99. We move the state so that the probe reads three units more. How many units does the agent move in the dream?
# 2. The same with the JEPA, whose probe is a little worse.
# 3. The agent stands on a platform. We erase the platform from the one frame that a model sees. Which of the models lets the agent fall?

# %% tags=["lecture"]
my_vmc, my_jepa, my_falls = 1.5, 1.5, "?"  # units, units, a name

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Intuition
#
# ### Six states of two numbers
#
# A toy model holds a place twice. Its state is $(a, b)$. The number $b$ is the place exactly, and nothing in the model looks at it. The number $a$ is the place with an error of one, and the model draws the future at $a$.

# %% tags=["lecture", "nbval-check-output"]
place = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
states = torch.stack([place + torch.tensor([1.0, -1.0, 0.0, 0.0, -1.0, 1.0]), place], dim=1)  # (6, 2): a, b
design = torch.cat([states, torch.ones(6, 1)], dim=1)
a, b, offset = torch.linalg.lstsq(design, place[:, None]).solution[:, 0].tolist()
print(states.T.int().tolist())
print(f"the probe reads: place = {abs(a):.2f} a + {b:.2f} b")

# %% [markdown] tags=["lecture"]
# The probe is perfect, and it reads $b$ alone: $a$ has errors, so it is not needed. Now move the state by one unit along the probe, that is $b$ by one, and look at the future, $a$. Then move everything that goes along with the place.

# %% tags=["lecture", "nbval-check-output"]
centred = place - place.mean()
slopes = (states - states.mean(dim=0)).T @ centred / centred.square().sum()  # how a and b go with the place
for name, change in (("along the probe", torch.tensor([0.0, 1.0])), ("all that goes along", slopes)):
    moved = states + change
    print(f"{name:20} probe {(moved[:, 1] - states[:, 1]).mean():.2f}, future {(moved[:, 0] - states[:, 0]).mean():.2f}")

# %% [markdown] tags=["lecture"]
# Along the probe the reading rises by one and the future does not move at all. Along both it moves, by 1.00. So a perfect probe says nothing about use. It needs an **intervention** (干预): change the number, and look.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# ### Two directions
#
# In a real state the directions have hundreds of numbers. Both are one line of algebra.

# %% [markdown]
# **Exercise 1. The smallest change that a probe sees.** The reading of a state $s$ is $s \cdot w + b$. What is the shortest change of $s$ that raises it by one? (Difficulty 2, 8 minutes.) A blank left as `...` never stops the notebook: the library's answer is used. `hint("latents.smallest")` helps in two steps; `answer("latents.smallest")` shows a solution.

# %%
@exercise("latents.smallest")
def my_smallest_change(weights: torch.Tensor) -> torch.Tensor:
    """The shortest change of a state that raises the reading of a linear probe by one.

    weights: of the probe, (D,); the reading of a state s is s @ weights + offset. -> (D,).
    """
    ...


# %% [markdown]
# **Exercise 2. What goes along with the variable.** For each number of the state: by how much does it change, on average over films, with one unit of the variable? (Difficulty 2, 10 minutes.)

# %%
@exercise("latents.together")
def my_change_together(states: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """How each number of the states changes, on average, with one unit of a variable: the slope of a straight line.

    states: (N, D); values: of the variable, (N,) -> (D,).
    """
    ...


# %% [markdown] tags=["lecture"]
# Real states now. The film set is `goal`: an agent, a platform, a star. Every model sees eight frames and the keys; its **state** is what it carries on from there.

# %% tags=["lecture"]
from course_lib.exam.measures.interventions import flat_state
from course_lib.exam.measures.rollout import as_input
from course_lib.training import load_checkpoint
from course_lib.worlds.films import load_films

fit, test = load_films("goal", split="validation", count=200), load_films("goal", split="test", count=40)
vmc, jepa = load_checkpoint("vmc").eval(), load_checkpoint("action_jepa").eval()


# %% tags=["lecture"]
def states_of(model, films, seen: int = 8):
    """The states after so many frames, and where the agent is then, (N, 2)."""
    frames, keys = as_input(films)
    with torch.no_grad():
        state = model.encode(frames[:, :seen], keys[:, : seen - 1])
    return state, np.stack([films.of(name)[:, seen - 1, 0] for name in ("x", "y")], axis=1)


for name, model in (("V-M-C", vmc), ("JEPA", jepa)):
    state, _ = states_of(model, fit)
    print(f"{name:6}", {part: tuple(tensor.shape[1:]) for part, tensor in state.tensors().items()})

# %% [markdown] tags=["lecture"]
# V-M-C carries V's 32 numbers $z$ of the newest frame, M's memory $h$ (256) and $c$ (256), and two numbers beside them, the reward and whether the episode is over. The JEPA carries two embeddings of 64 numbers and the key between them. Now a probe, and both directions, for the agent's x. Lengths are measured with every number in units of its standard deviation over films.

# %% tags=["lecture"]
from course_lib.exam.measures.probes import fit_probe, r2

sides = {}
for name, model in (("V-M-C", vmc), ("JEPA", jepa)):
    state, at = states_of(model, fit)
    x, y = flat_state(state), at[:, 0]
    probe = fit_probe(x, y[:, None], np.arange(len(x)))
    scale = np.where(np.isfinite(probe.scale), probe.scale, 0.0)
    z = torch.from_numpy((x - probe.mean) / probe.scale)
    sides[name] = {"probe": scale * my_smallest_change(torch.from_numpy(probe.weights[:, 0])).numpy(),
                   "together": scale * my_change_together(z, torch.from_numpy(y).double()).numpy()}  # fmt: skip
    known, there = states_of(model, test)
    print(f"{name:6} R2 of x on test films {r2(there[:, 0], probe(flat_state(known))[:, 0]):.2f}")

# %% [markdown] tags=["lecture"]
# The library has both directions as `direction_of`. They must agree with yours.

# %% tags=["lecture"]
from course_lib.exam.measures.interventions import direction_of

for kind, mine in sides["JEPA"].items():
    assert np.allclose(mine, direction_of(kind, probe, x, y, np.random.default_rng(0)), atol=1e-8), kind
print("both directions agree")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Whose future is it?
#
# A direction is one kind of intervention. Another one needs no probe: take one part of the state from *another* film, and see whose future comes (an **interchange intervention**, Geiger et al. 2021). Call the future of the state as it was *own*, that of the other film *other*.

# %% [markdown]
# **Exercise 3. How far did it go over?** The part of (mixed − own) along the way from own to other, as a share of that way: 0 it stayed, 1 it went over. (Difficulty 3, 12 minutes.)

# %%
@exercise("latents.followed")
def my_followed(mixed: torch.Tensor, own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """How far a future went over from one's own to the other's: 0 it stayed, 1 it went over.

    mixed, own, other: places, (N, 2), own and other in different places. The part of (mixed - own) that lies along the
    way from own to other, as a share of that way. -> (N,).
    """
    ...


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A cause is taken away
#
# The third test does not look into the state at all. The agent stands on a platform, nobody presses a key. In a second room everything is the same, but the platform is missing, from the first frame on. As a control the agent stands on the floor, clear of the platform: there, taking it away changes the picture and nothing that happens.

# %% tags=["lecture"]
from course_lib.worlds.taken_away import make_pairs

standing, beside = (make_pairs(split="validation", count=10, standing=on, length=9) for on in (True, False))
rows = {"with the platform": standing.frames[0, 0], "without": standing.frames[0, 1],
        "beside it, with": beside.frames[0, 0], "beside it, without": beside.frames[0, 1]}  # fmt: skip
show.strips(rows, every=2, title="the simulator, nobody presses a key")

# %% tags=["lecture", "nbval-check-output"]
for name, pairs in (("standing on it", standing), ("beside it", beside)):
    print(f"{name:15} {np.abs(pairs.effect()).max(axis=(0, 1)).round(1)} units at most in x and y")

# %% [markdown] tags=["lecture"]
# In the simulator the platform is what holds the agent: without it the fall is up to 6.6 units deep. Beside it nothing changes, to the bit. A model sees only the first of these frames, and dreams on.

# %% [markdown]
# **Exercise 4. What a cause changes.** How much of the true effect does a dream have? Write the mean effect over the mean true effect. Models lose the agent at times; such a room counts as one without an effect. (Difficulty 2, 10 minutes.)

# %%
@exercise("latents.caused")
def my_caused_share(with_it: torch.Tensor, without_it: torch.Tensor, true_effect: torch.Tensor) -> float:
    """How much of a true effect a dream has when a cause is taken away: the mean effect over the mean true effect.

    with_it, without_it: heights of the agent in two dreams of a room, (N,), nan where the agent is not found;
    true_effect: without less with, in the simulator, (N,). A room in which the agent is lost in either dream counts as
    one without an effect. -> float.
    """
    ...


# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Train live
#
# Is a state that can be moved something that training makes? A JEPA with the keys, 100 steps, a quarter of a minute. Before and after we move its state by three units together with x, let it predict four frames, and read the place off the last one with a probe of its own.

# %% tags=["lecture"]
from course_lib.training import load_config, train
from course_lib.worlds.starless import make_starless

config = load_config("action_jepa", "cpu", {"train.steps": 100})
watch = show.live("a JEPA that is told the keys", every=50)


def update(step: int, parts: dict[str, float]) -> None:
    watch.update(step, {"loss": parts["loss"], "error": parts["error"]})


live = train("action_jepa", config, update, data=make_starless(split="train", count=200), progress="none").model.eval()
watch.close()

# %% tags=["lecture"]
from course_lib.exam.measures.interventions import futures, put_back
from course_lib.models.base import untrained_twin
from course_lib.studies.latents import MOVE, STEPS, place_reader


def share_moved(model, read, kind: str = "together", axis: int = 0) -> float:
    """How far the agent of four frames later moves for each unit that the state is moved by."""
    state, at = states_of(model, fit)
    x, y = flat_state(state), at[:, axis]
    direction = direction_of(kind, fit_probe(x, y[:, None], np.arange(len(x))), x, y, np.random.default_rng(1))
    state, _ = states_of(model, test)
    moved = put_back(state, flat_state(state) + MOVE * direction)
    own, other = (futures(model, one, STEPS, read)[-1, :, axis] for one in (state, moved))
    return float(np.nan_to_num((other - own) / MOVE).mean())


# %% tags=["lecture"]
reader, rows = load_checkpoint("reader"), []
learned_from = load_films("goal", split="train", count=200)  # to fit what reads predictions
for name, model in (("before", untrained_twin(jepa)), ("100 steps", live), ("the checkpoint, 2,500 steps", jepa)):
    read = place_reader("action_jepa", model, reader, learned_from)
    rows.append({"JEPA": name, **{kind: share_moved(model, read, kind) for kind in ("together", "probe", "random")}})
show.table(rows)

# %% [markdown] tags=["lecture"]
# Before training nothing of the move is left after four frames (-0.00). After 100 steps the future moves by 0.68 of it, but a random move of the same length moves it by 0.56 as well. The checkpoint has 0.81, and a random move 0.18. So training made a state in which a straight line means a place, and it took more than a hundred steps.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# The same move in V-M-C, where the dream can be seen. Above what the state draws and dreams by itself, below after it was moved by three units together with x.

# %% tags=["lecture"]
from course_lib.views.latents import moved_films

state, _ = states_of(vmc, test)
film = moved_films(vmc, state[4], flat_state(state[4]) + MOVE * sides["V-M-C"]["together"], steps=6)
show.strips({"as it was": film[0], "moved by 3 units": film[1]}, title="V-M-C dreams on, nobody presses a key")

# %% [markdown] tags=["lecture"]
# Nothing moves, or so little that you have to look twice: the agent, the platform and the star stay where they were. The probe of this state is right to 1.00, it reads three units more than before, and the dream does not care.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# Push the latent yourself. How far does it have to go before the picture changes, and does the agent move, or does something else happen?

# %% tags=["lecture", "nbval-ignore-output"]
def push(units: float = 30.0, film: int = 4, direction: str = "together"):
    """Two films under each other, enlarged: the state as it was, and pushed."""
    one = state[film]
    moved = moved_films(vmc, one, flat_state(one) + units * sides["V-M-C"][direction], steps=4)
    rows = [np.concatenate(list(each), axis=1) for each in moved]  # (H, 5 W, 3) each
    return np.concatenate(rows, axis=0).repeat(4, axis=0).repeat(4, axis=1)


show.explore(push, units=(-30.0, 30.0, 3.0), film=(0, 9, 1), direction=["together", "probe"])

# %% [markdown] tags=["lecture"]
# Up to twelve units hardly anything happens. At thirty, as drawn here, something does: dark and yellow spots appear near a wall, where nobody stands, the agent takes on some of the star's colour, and in other films a second star or a second agent comes up. It does not *move* there. The state has left what M and V know.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# A direction fails, then. Is the place not in the state? Break the state into two parts and exchange them between films: $z$, what V saw in the newest frame, and the memory $h$, $c$.

# %% tags=["lecture"]
from course_lib.studies.latents import with_frame_of

read = place_reader("vmc", vmc, reader, learned_from)
other = state[[*range(1, len(state)), 0]]
ways = {"own": state, "other": other, "frame of the other": with_frame_of(state, other),
        "memory of the other": with_frame_of(other, state)}
places = {name: torch.from_numpy(futures(vmc, one, 1, read)[0]) for name, one in ways.items()}  # (N, 2) each
apart = (places["other"] - places["own"]).norm(dim=1) > 1
for name in ("frame of the other", "memory of the other"):
    clear = apart & places[name].isfinite().all(dim=1)
    share = my_followed(*(places[each][clear] for each in (name, "own", "other")))
    print(f"{name:20} followed {share.median():.2f} of the way (median of {int(clear.sum())} films)")

# %% [markdown] tags=["lecture"]
# So the place *is* in the state, and it is used. With another film's memory the future goes over by 0.89 of the way (the median), with another film's newest frame by 0.55, and single films mostly go nearly all the way or stay. What failed was the straight line. A likely reason, not tested here: M holds each place as a pattern of its own. A plane can tell such patterns apart, but a point between two patterns is no place at all.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Measure
#
# More films, three models, intervals and controls, asked once and kept (`python -m course_lib study latents`). Tables and figures use the names of the command line: `vmc` is V-M-C, `dit_world` the film model, `action_jepa` the JEPA. First what can be **decoded**: $R^2$ of a linear probe on held-out films, part by part, and layer by layer in the film model.

# %% tags=["lecture"]
from course_lib.studies.latents import measured_latents

kept = measured_latents()
rows = []
for name, by in kept.probes.items():
    for part, found in (by["trained"] if name != "controls" else by).items():
        twin = by["untrained"][part] if name != "controls" else {}
        rows.append({"model": name, "part": part, **{v: found[v]["value"] for v in found},
                     "x, untrained": twin["agent_x"]["value"] if twin else None})  # fmt: skip
show.table(rows)

# %% [markdown] tags=["lecture"]
# Read it with the controls. **Pixels** have .98 for x: a place in a single frame needs no model at all. Speeds are what the pixels of two frames cannot give to a linear probe (-.72), and what a trained memory has: .93 in V-M-C's $h$, .82 in the film model's last block, .81 in the JEPA's two frames. And the control that matters most: M with random weights has .91 for x and .69 for the speed. A recurrent network keeps a trace of what it saw, trained or not. Training adds the rest. In the film model it adds more: in every block of the untrained network x has .82 and the speed .01. From the first block on the trained one has .98 and .76. The vertical speed is read off well by nobody but M (.74), but a task without meaning on the same ranges (notebook 05) is learned from $h$ just as well (.76). So the probe has no selectivity there, and .74 says nothing.

# %% tags=["lecture"]
show.table([{"noise in the frame": level, "network": who,
             **{v: f"{part[v]['value']:.2f} ({part[v]['low']:.2f} to {part[v]['high']:.2f})" for v in ("agent_x", "agent_y", "agent_vx")}}
            for who, levels in kept.noise.items() for level, part in levels.items()])  # fmt: skip

# %% [markdown] tags=["lecture"]
# These are the tokens of a frame that is still being made, with so much noise in it. At level 0.9 hardly anything of the frame is left, and x has .99 and the speed .85. Most of it can only come from the frames before and from the key. The untrained network has .94 for x as well: positions pass through random layers. The speed does not (.01), so it is the figure to quote.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Structure
#
# Does the latent space keep the geometry of the world: are states far apart when the agents are? The rank correlation of both distances over all pairs of test films (**representational similarity**, 表征相似性, Kriegeskorte et al. 2008).

# %% tags=["lecture"]
rows = [{"model": "pixels", "part": "two frames", "correlation": kept.geometry["controls"]["pixels"]}]
for name in ("vmc", "dit_world", "action_jepa"):
    for part, found in kept.geometry[name]["trained"].items():
        rows.append({"model": name, "part": part, "correlation": found, "untrained": kept.geometry[name]["untrained"][part][0]})
show.table([row | dict(zip(("correlation", "from", "to"), row["correlation"], strict=True)) for row in rows])

# %% [markdown] tags=["lecture"]
# Here the order is another one. The JEPA's space is the only one whose distances clearly follow the agent's more closely than pixels do: .43 (.35 to .51) against .22 (.14 to .31), and .07 before training. V-M-C's memory and the film model's blocks lie at .22 to .25, like pixels; their codes of single frames lie lower (.12 and .18). Structure is kept most where nothing has to be drawn.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Use
#
# Now the intervention: the state is moved by three units of x, and the share of it that the future shows four frames later. One is what was asked for.

# %% tags=["lecture"]
from course_lib.views.latents import share_figure

moved = [{"model": name, **{kind: float(np.nan_to_num(found[-1]).mean()) for kind, found in by["trained"]["agent_x"].items()},
          "together, untrained": float(np.nan_to_num(by["untrained"]["agent_x"]["together"][-1]).mean())}
         for name, by in kept.moved.items()]  # fmt: skip
share_figure(moved, ("probe", "together", "random", "together, untrained"), "moved by three units of x")

# %% [markdown] tags=["lecture"]
# The same as a table, for y as well, with the interval of the direction that goes along with the variable:

# %% tags=["lecture"]
from course_lib.exam.measures.intervals import bootstrap_interval

rows = []
for name, by in kept.moved.items():
    for variable, kinds in by["trained"].items():
        shares = {kind: np.nan_to_num(found[-1]) for kind, found in kinds.items()}
        shares["untrained"] = np.nan_to_num(by["untrained"][variable]["together"][-1])
        low, high = bootstrap_interval(shares["together"], generator=np.random.default_rng(0))
        rows.append({"model": name, "variable": variable, **{kind: value.mean() for kind, value in shares.items()},
                     "together from": low, "to": high})
units = {row["model"]: 3 * row["together"] for row in rows if row["variable"] == "agent_x"}
print(f"of three units: V-M-C {units['vmc']:.2f}, the JEPA {units['action_jepa']:.1f}; your guesses {my_vmc}, {my_jepa}")
show.table(rows)

# %% [markdown] tags=["lecture"]
# V-M-C's probe reads x to .99, the film model's first block has .98, and neither moves: 0.02 and 0.00 of the way. (V-M-C's 0.02 has an interval of 0.02 to 0.03: more than the 0.00 of a random direction, and next to nothing. The film model is moved in the latents of its frames, where its probe has .80.) The JEPA's prediction follows: 0.80 (0.77 to 0.83) of the three units, four frames later, where a random direction of equal length has 0.15 and the untrained network -0.01. In units, which is what the first two questions of *Predict first* asked for: of three, the agent of V-M-C moves 0.07 and that of the JEPA 2.4. The JEPA's loss asked for neither a line nor a place. But for y the control spoils the result: a *random* direction moves the reading by 0.87, more than the direction for y does (0.52). So for y nothing has been shown, although the probe's direction alone would have looked like a success, 1.06.

# %% tags=["lecture"]
show.table([{"model": name, "followed after 1 frame": np.nanmedian(found[0]), "after 4": np.nanmedian(found[1]),
             "undecided or lost": np.isnan(found[1]).mean()} for name, found in kept.exchanged.items()])

# %% [markdown] tags=["lecture"]
# And the exchange, on a hundred films: the film model and the JEPA follow the newest frame, to 0.99 and 0.98 of the way. V-M-C follows its memory: another film's newest frame moves the dream by 0.11, the median of the 53 % of films that can be decided (in the others the agent is lost or both futures lie together). With the 18 films of *Break it* this median was 0.55: the median of a few films jumps. So all three hold the place where it counts. Only in the JEPA is it a straight line.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Causes
#
# Fifty test rooms, with and without the platform. Every model sees one frame and dreams eight.

# %% tags=["lecture"]
from course_lib.views.latents import effect_figure

curves = {name: np.nan_to_num(by["trained"]["standing"]).mean(axis=1) for name, by in kept.causes.items()}
effect_figure(curves, kept.caused["standing"].mean(axis=1))

# %% tags=["lecture"]
true, rows = torch.from_numpy(kept.caused["standing"][-1]), []
for name, by in kept.causes.items():
    found = {(who, where): torch.from_numpy(by[who][where][-1]) for who in by for where in by[who]}
    share = {key: my_caused_share(torch.zeros(len(true)), effect, true) for key, effect in found.items()}
    rows.append({"model": name, "share of the fall": share["trained", "standing"], "beside it": share["trained", "beside"],
                 "untrained": share["untrained", "standing"], "agent lost": found["trained", "standing"].isnan().double().mean().item()})
deepest = max(rows, key=lambda row: row["share of the fall"])
print(f"question 3: the deepest fall is dreamed by {deepest['model']}; your guess was {my_falls}")
show.table(rows)

# %% [markdown] tags=["lecture"]
# The film model lets the agent fall, which answers the third question of *Predict first*: 0.58 of the simulator's fall over all rooms, with the rooms in which it loses the agent (36 %) counted as none. Taking the platform away where it holds nobody changes nothing (0.00), and neither does an untrained network. Genie's agent goes on standing in the air (-0.01; `genie-table` is Genie with each key sent to one code, wherever it is pressed). V-M-C loses the agent in every single room: a likely reason is that no film showed V a room without a platform. The JEPA has 0.27 of the fall, -0.04 beside the platform; its reading sinks by one unit in the very first frame and slowly from there on, while the simulator's agent falls ever faster and lies on the floor after five frames. That is not a fall.

# %% tags=["lecture"]
from course_lib.training.dit_world import load_dit_world
from course_lib.views.latents import dreamed_from

world = load_dit_world()
dreams = {name: dreamed_from(world, standing.frames[1, one, 0], steps=8) for one, name in enumerate(("with", "without"))}
show.strips({f"{name} the platform, dreamed": film for name, film in dreams.items()}, every=2, title="the film model, from one frame")

# %% [markdown] tags=["lecture"]
# Without the platform the agent falls and lies on the floor, as it should. Look at the first row as well. A star appears after two frames, because every film that this model knows has one, and the agent on the platform is lost: this room is one of the 36 %.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A ball is taken out, or made heavier
#
# One platform is one cause. Two more, in films in which a blue and an orange ball meet: in the second film of a pair the orange one is missing from the first frame on, or it is four times as heavy. Five frames are shown, because one shows no speed, and the blue ball is watched.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.worlds.two_balls import make_ball_pairs

changes = {change: make_ball_pairs(change, split="validation", count=8) for change in ("taken out", "heavier", "shown")}
for change, pairs in changes.items():
    moved = np.linalg.norm(pairs.effect()[-1], axis=1)
    print(f"{change:9} the shown frames are the same: {pairs.shown_alike()}; the blue ball is moved {moved.mean():.1f} units")

# %% [markdown] tags=["lecture"]
# The same as films, two rows for each change: first as it is, then changed. Follow the blue ball. In *shown* the first five frames already hold the touch.

# %% tags=["lecture"]
rows = {f"{change}, film {1 + one}": pairs.frames[0, one] for change, pairs in changes.items() for one in (0, 1)}
show.strips(rows, every=2, title="the simulator: both films of three pairs")

# %% [markdown] tags=["lecture"]
# Mass is drawn nowhere, so the films of the second kind show the same frames, bit for bit, until the balls have touched. Nobody who sees only these frames can dream them on differently: the effect must be 0, whoever is asked. In the third kind the shown frames end two frames after the touch. Then the mass has shown itself, as a speed.
#
# The measure is a slope (`counterfactual_effect`, `effect_share`): the dreamed effect along the true one, summed over pairs, over the true one squared. 1 is the simulator. A ceiling stands beside it: what is read when the model is shown the whole of both films. Who cannot even draw a ball that it sees has a ceiling near 0, and its share says nothing about causes. *Size* is how far the blue ball is moved, in whatever direction, over the size of the true effect; *apart* is a control, pairs in which the balls never meet and nothing should move.

# %% tags=["lecture"]
from course_lib.studies.causes import measured_causes

counter, rows = measured_causes(), []
for name, by in counter.by.items():
    found, apart, bare = by["trained"]["taken out"], by["trained"].get("apart"), by.get("untrained", {}).get("taken out")
    rows.append({"model": name, "taken out": f"{found.share:.2f} ({found.low:.2f} to {found.high:.2f})", "untrained": bare and bare.share,
                 "other pairs": found.others, "ceiling": found.ceiling, "ball lost": found.lost / len(counter.true["taken out"]),
                 "size": found.size, "size, apart": apart and apart.size})
show.table(rows)

# %% [markdown] tags=["lecture"]
# The last row comes first. *The engine, as read* sees the same frames through the reader, knows the rules and no mass, and has 0.79 of the effect (0.65 to 0.91) when the ball is taken out. So the frames hold what is needed. No model has any of it. V-M-C, Genie and the two that learned behind V cannot draw these balls at all (ceilings of 0.00 to 0.04): for them nothing has been asked. The film model loses the blue ball in every pair, since it never saw one. The text-to-video model did learn from bodies, was prompted with both balls, and has -0.03 (-0.10 to 0.04). The JEPAs hold the place (ceilings of 0.65 to 0.91) and foresee nothing: even the one that was trained for this table on films of these two balls has 0.11 (-0.01 to 0.25), its untrained twin 0.17. `film_jepa` has -0.26 (-0.54 to -0.03): the ball goes the wrong way. Where the balls never meet, taking one out moves the reading of the other by 0.72 to 0.83 of the size of the true effect, where nothing should move (the engine: 0.03).

# %% tags=["lecture"]
def share_of(found) -> str:
    """A share with its interval."""
    return f"{found.share:.2f} ({found.low:.2f} to {found.high:.2f})"


show.table([{"model": name, "heavier": share_of(by["trained"]["heavier"]), "shown": share_of(by["trained"]["shown"]),
             "shown, untrained": share_of(by["untrained"]["shown"]) if "untrained" in by else None,
             "shown, ceiling": by["trained"]["shown"].ceiling}
            for name, by in counter.by.items() if "shown" in by["trained"]])  # fmt: skip

# %% [markdown] tags=["lecture"]
# A heavier ball has an effect of exactly 0 for everybody, the engine included. That is no fault of a model: it is what the frames allow. After the touch, where the mass shows as a speed, the engine has 0.73 and the models have 0.00 to 0.11, all intervals with 0 in them.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Mass, elasticity, friction
#
# Can such a property be read off what a model makes of a film that shows it? In one kind of film two balls meet, in another a ball bounces on the floor, in the third a box slides. A linear probe gets all that a model makes of 17 frames. Beside it stands what a physicist would do: a law of mechanics, applied to the places. `mass_unseen` is the mass of a ball that meets nothing that moves. Nobody can know it. Of a model with several layers the best one is shown, trained and untrained alike.

# %% tags=["lecture"]
from course_lib.studies.hidden_properties import HIDDEN, measured_hidden

hidden, rows = measured_hidden(), []
every = {(name, who): {v: hidden.best(name, who, v)[1] for v in HIDDEN} for name in hidden.models for who in ("trained", "untrained")}
every |= {(name, "trained"): by for name, by in hidden.controls.items()}
for name in (*hidden.controls, *hidden.models):
    shown = {f"{v}, {who}": every[name, who][v] for v in HIDDEN for who in ("trained", "untrained") if (name, who) in every}
    rows.append({"features": name} | {column: f"{f['value']:.2f} ({f['low']:.2f} to {f['high']:.2f})" for column, f in shown.items()})
wide = ("features", "mass, trained", "elasticity, trained", "elasticity, untrained", "friction, trained",
        "friction, untrained", "mass_unseen, trained")
show.table(rows, {column: column.removesuffix(", trained") for column in wide})

# %%
print(f"a task without meaning has at most {max(f['meaningless_task'] for by in every.values() for f in by.values()):.2f}")
print(f"the mass in an untrained network has {max(by['mass']['value'] for (_, who), by in every.items() if who == 'untrained'):.2f}")

# %% [markdown] tags=["lecture"]
# The laws find everything: 1.00 from the true places, and from the places that the reader sees 0.94 for the mass, 0.99 for the elasticity, 0.77 for the friction. So the films hold all three. The mass that shows nowhere has at most 0.00, and a task without meaning at most 0.03: the probe invents nothing.

# %% [markdown] tags=["lecture"]
# **Mass: 0.00, whoever is asked.** It is a ratio of two changes of speed, so a line through the true places has -0.00 as well. A model that had worked it out would hold it in a form that a line reads. None does. **Elasticity** looks like a success, 0.78 to 0.96 in the trained models. But a line through the places has 0.98, pixels have 0.89, and untrained networks 0.65 to 0.88: in these films it is nearly a place, the height that the ball comes back to. Training adds to it without overlap in five of nine models, most in the JEPA with a memory (0.65 to 0.89); the text-to-video model alone is above pixels without overlap (0.96, its untrained twin 0.83).

# %% [markdown] tags=["lecture"]
# **Friction**: pixels have 0.66, places 0.22, the models 0.61 to 0.92, their untrained twins 0.53 to 0.90. No model is above its own twin without overlap, and I-JEPA is below (0.68 against 0.88). So the layers let friction through before they had learned anything.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Depth
#
# This world has no third dimension. The rooms in perspective of notebook 24 have one. The small diffusion model that drew them was trained again by its recipe, since its weights were not kept (it draws the kept pictures again), and its layers are probed while it denoises new rooms. All rooms resemble each other: their far wall is in the middle. So what is asked for is the depth *less the mean depth at that place of the picture*, and who knows only where a place is has 0.

# %% tags=["lecture"]
from course_lib.studies.room_depth import LAYERS, LEVELS, measured_room_depth

deep, rows = measured_room_depth(), []
words = "a line from whole clean pictures: {value:.2f} ({low:.2f} to {high:.2f}); pixels around a place, clean: {clean:.2f}"
print(words.format(clean=deep.pixels["clean"]["value"], **deep.pixels["whole"]))
for level in map(str, LEVELS):
    by = {who: layers[level] for who, layers in deep.layers.items()}
    last = by["trained"]["coarse 2"]
    numbers = {layer: by["trained"][layer]["value"] for layer in LAYERS} | {
        "coarse 2 from": last["low"], "to": last["high"], "meaningless": last["meaningless_task"], "pixels": deep.pixels[level]["value"],
        **{f"{who}, best": max(one["value"] for one in by[who].values()) for who in ("untrained", "shuffled")}}  # fmt: skip
    rows.append({"noise": level} | {name: f"{number:.2f}" for name, number in numbers.items()})
show.table(rows)

# %% [markdown] tags=["lecture"]
# Depth is in it. With a tenth or four tenths of noise in the picture the layer behind the attention (*coarse 2*) gives 0.43 and 0.44 (0.41 to 0.47) of what the places differ in, with seven tenths 0.22, and with nine tenths nothing. Pixels around a place have 0.00, so have the network before training and, but for 0.02, the trained one with its weights shuffled. A line from whole clean pictures has 0.16 (0.10 to 0.21). So training has made more than surface statistics give. The first layers hold little (0.02 to 0.08), coarse 1 before the attention 0.25 to 0.27, the layers behind coarse 2 0.26 to 0.31. Nobody asked this network for depth. Chen et al. (2023) found the same at a large scale, with one difference: they find depth early in the denoising, and here it comes only when some of the picture is there.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Four stood above, all before their answer. An experiment for the end: erase the *star* in place of the platform (`replace(room, star=False)` in a room of the set `goal`), and predict first what must not change. (A star holds nobody, so the simulator's agent must do the same with and without it. Whether a dream does is yours to measure.) What you have solved so far:

# %% tags=["nbval-ignore-output"]
progress()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# **"What does it encode: surface cues, 3-D structure, causes?"** (表面启发式还是 3D 几何? 因果关系?) Partly, for a small film model and not for Sora: speeds, which no single frame shows, are in its tokens from the first block on (.76 to .82; untrained .01), also in a frame that is nine tenths noise (.85). One cause is in it as well: without the platform the agent falls, 0.58 of the true fall, and 0.00 where the platform held nobody. A ball that is taken out before it meets another is foreseen by no model, where the engine that sees the same frames has 0.79. And 3-D structure: a small diffusion model of rooms holds how far away things are (.44; a line from whole pictures .16, untrained .00).

# %% [markdown] tags=["lecture"]
# **"People build their representations from mass, friction and elasticity"** (根据质量、摩擦、弹性等). Of people nothing is tested here; of nine of our models, partly. An elasticity is read off what they make of a film (0.78 to 0.96), but a line through the places has 0.98; a friction (0.61 to 0.92) hardly better than off untrained networks; a mass, which would have to be worked out, off none (0.00), where the law of mechanics has 0.94 from the same pictures.

# %% [markdown] tags=["lecture"]
# **"No modules of perception, prediction and decision, only one high-dimensional space"** (没有专门的感知、预测和决策模块). Partly. Our film model has no module either, and no place where "the speed" is kept: every block has it. But the space is not without parts. What the newest frame says and what the memory says can be exchanged, and the dream follows one of them (0.99 the frame, in V-M-C the memory). For Sora nobody outside can look.

# %% [markdown] tags=["lecture"]
# **"The latent space preserves structure and holds what has causal effect, beyond pixel statistics"** (结构保持、因果有效信息). Partly, and the two halves come apart. Structure: the JEPA's distances follow the world's (.43 against .22 of the pixels), and a straight push moves its future by 0.80; the others keep no more structure than pixels. Cause: the film model, whose latent space no straight push moves, dreams more than half of the fall, and the JEPA a quarter of it; of balls that meet nobody knows anything. A probe alone would have called all three equal (.99, .99, .95).

# %% [markdown] tags=["lecture"]
# **What this toy cannot show.** One seed of each model, one coordinate, three causes. The films of balls are ours, and most models had never seen two bodies meet; the one that was taught them learned for four minutes. A straight push is one intervention of many; a curved path through states that occur was not tried. The JEPA's future is read by a probe, where the others are seen by the reader. Rooms without a star, as in the pairs, are known to the JEPA alone; for V-M-C, Genie and the film model they are new.
#
# The two questions *to discuss*. 1. What random layers let through: the place stands in the frames (.98 by pixels), and a network that learned nothing has not destroyed it (.82, .91). 2. More than one cause in one kind of room: other things taken away, rooms that look different, and a part of the state that carries the cause in all of them.

# %% [markdown]
# **Larger.** `python -m course_lib exam vmc dit_world action_jepa genie-table --ask latents` prints the rows; `exam film_jepa dit-film --ask causes` and `exam v_jepa film_jepa --ask hidden` and `exam room-pictures --ask depth` those of the balls, the hidden properties and the rooms.
#
# **References.** Alain & Bengio, *Understanding intermediate layers using linear classifier probes*, 2016, arXiv 1610.01644. Hewitt & Liang, *Designing and Interpreting Probes with Control Tasks*, 2019, arXiv 1909.03368. Geiger et al., *Causal Abstractions of Neural Networks*, 2021, arXiv 2106.02997. Li et al., *Emergent World Representations*, 2023, arXiv 2210.13382. Chen, Viégas & Wattenberg, *Beyond Surface Statistics: Scene Representations in a Latent Diffusion Model*, 2023, arXiv 2306.05720. Kriegeskorte et al., *Representational similarity analysis*, 2008, doi 10.3389/neuro.06.004.2008.
#
# Claims examined here: C82, C83, C84, C85

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** [24 Shadows and vanishing points](24_shadows_and_vanishing_points.ipynb)
# - **After it:** [26 Who has a world model?](26_who_has_a_world_model.ipynb)
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C82](claims.md#c82), [C83](claims.md#c83), [C84](claims.md#c84), [C85](claims.md#c85)
