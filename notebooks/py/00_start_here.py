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
# # 00 Start here
#
# **The question.** In February 2024 three very different programs were called a world model (世界模型) within two weeks: Sora, Genie and V-JEPA. What is a world model, and how would you find out whether a program has one?
#
# **After this notebook you can** say what this course builds and in which order, tell how long it will take on your machine, find your way around its notebooks, and give one reason why a good-looking forecast proves little.
#
# | | |
# |---|---|
# | It costs | under half a minute of computing, about 20 minutes of reading; less than 1 GiB of memory |
# | It needs | nothing before it; Python as far as loops and functions, and the wish to see for yourself |
# | It examines | the lecture's dates: who published what, and when |
#
# The lecture is 大模型系列: 世界模型 by ZOMI (chenzomi12.github.io), whose claims this course tests.
#
# **Lecture plan (45 minutes).** 5 the question and the prediction; 10 six numbers, the Playground and a forecast without knowledge; 10 the game, played by the room; 10 break it and the measurement; 10 the timeline, the map, the discussion.
#
# **To discuss.** 1. If a film fools you, does its maker understand the world? 2. What would you ask a program to find out what it knows about falling things, when you may not ask in words?

# %% [markdown] tags=["lecture"]
# How to run this page: click into the first grey cell and press Shift+Enter, again and again, down to the end. Or choose *Run*, *Run All Cells* in the menu. You can change any cell and run it again; nothing can break that a fresh start does not mend.

# %% tags=["lecture"]
import matplotlib.pyplot as plt
import numpy as np

from course_lib import show

show.use_style()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# This box is the **Playground**, the one small world of this course. Gravity, walls, balls, boxes and triangles of different mass and bounce, and the dark figure, the *agent* (智能体), who runs and jumps. It is a simulator, and your machine makes its films now, ten frames a second.

# %% tags=["lecture"]
from course_lib.worlds.films import make_film
from course_lib.worlds.scenes import film_seed

film = make_film("simple", film_seed("validation", 1))
print(film.caption())
show.gif(film.frames, scale=7)

# %% [markdown] tags=["lecture"]
# The caption was written by the simulator too, from a small grammar.

# %% [markdown] tags=["lecture"]
# Now play in it. You are the agent: click the picture, run with the left and right arrow keys, jump with the up key. Reach the star; each one scores 1, and the next appears somewhere else. An episode lasts 13 seconds, then you stand in another room. When you click outside, the world stands still and waits. (On a page without a kernel you see the first frame.)

# %% tags=["lecture", "nbval-ignore-output"]
from course_lib.worlds.env import PlaygroundEnv
from course_lib.worlds.play import EnvPlayer

show.canvas(EnvPlayer(PlaygroundEnv(films="goal"), seed=3), fps=10)

# %% [markdown] tags=["lecture"]
# Ten times a second the simulator takes the state of everything in the box and your key, works out the state a tenth of a second later, and draws it. After a minute or two you do something like it in your head: you let go of the key *before* you are where you want to be. A program that can do that, without being given the rules, is what this course is after.

# %% [markdown] tags=["lecture"]
# Now imagine a forecaster who watches **two frames** of such a film, a tenth of a second apart, and then draws the rest without looking. It knows nothing about the world. It only goes on: whatever moved keeps moving in the same direction at the same speed.
#
# Before you read on, write down two numbers.
#
# 1. After how many frames will its drawing be **worse than no forecast at all**, that is, worse than leaving the picture as it was?
# 2. If it may look again every few frames, how many frames may it draw alone before **you** can tell its film from the real one?

# %% [markdown] tags=["lecture"]
# ## Intuition
#
# Six numbers are enough to see the idea. A ball rolls along the floor; these are its positions in six frames, in units (the box is 32 units wide). The forecaster sees the first two, takes the step between them and repeats it.

# %% tags=["lecture", "nbval-check-output"]
rolling = [4.0, 6.0, 8.0, 10.0, 12.0, 14.0]
step = rolling[1] - rolling[0]
forecast = [rolling[1] + k * step for k in range(1, 5)]
print("seen    ", rolling[:2])
print("forecast", forecast)
print("real    ", rolling[2:])

# %% [markdown] tags=["lecture"]
# Perfect, and without knowing what a ball is.

# %% [markdown] tags=["lecture"]
# Now the same forecaster looks at a ball that falls. Gravity adds to its speed in every frame, so each step is longer than the one before.

# %% tags=["lecture", "nbval-check-output"]
falling = [round(30 - 0.3 * k**2, 1) for k in range(6)]  # height: 30 - g/2 t^2 with g = 60, t = k/10
step = falling[1] - falling[0]
forecast = [round(falling[1] + k * step, 1) for k in range(1, 5)]
print("seen    ", falling[:2])
print("forecast", forecast)
print("real    ", falling[2:])

# %% [markdown] tags=["lecture"]
# The first forecast is off by 0.6 units, less than a pixel (the films are drawn with one pixel a unit). The fourth is off by 6, a fifth of the box. An error that nobody would see in one step becomes plain in four, because a forecaster that feeds on its own forecasts adds the next error to the last.
#
# Keep that in mind: **how far ahead** a model looks decides whether we can tell that it knows something.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# To forecast a whole scene we need to know where things are. What makes a toy worth the trouble is that we can open it: for any frame the simulator tells the exact **state** (状态), where each body is, how fast it moves, what it weighs. No film from a camera offers that, so only here can we check what a model knows.

# %% tags=["lecture", "nbval-check-output"]
from course_lib.worlds import spec

print("fields of the state:", ", ".join(spec.FIELDS))
print("shape: frames, bodies, fields =", film.states.shape)
print("actions of the agent:", ", ".join(f"{i} {name}" for i, name in enumerate(spec.ACTIONS)))

# %% [markdown] tags=["lecture"]
# Place 0 is the agent, 1 to 4 are bodies (empty where there are fewer), 5 is the star of another task.
#
# Now the forecaster: take the last two states, and let everything go on at its last velocity. For each body, with its place $x_t$ in frame $t$, the forecast $k$ frames ahead is
#
# $$\hat x_{t+k} = x_t + k\,(x_t - x_{t-1}).$$

# %% tags=["lecture"]
def constant_velocity(states, steps):
    """states (T, bodies, fields) -> forecast (steps, bodies, fields)."""
    forecast = np.repeat(states[-1:], steps, axis=0)  # begin with copies of the last state
    k = np.arange(1, steps + 1)[:, None]  # (steps, 1): meets the axis of the bodies
    for name in ("x", "y", "angle"):
        i = spec.FIELD[name]
        forecast[..., i] += k * (states[-1, :, i] - states[-2, :, i])
    return forecast

# %% [markdown] tags=["lecture"]
# The course's library has the same function. From here on we use that one, after making sure that the two agree. Every chapter does this: you build a thing, then check that yours and the library's are the same.

# %% tags=["lecture"]
from course_lib.models.extrapolate import continue_states

mine, library = constant_velocity(film.states[:2], 30), continue_states(film.states[:2], 30)
moved = [spec.FIELD[name] for name in ("x", "y", "angle")]
assert np.abs(mine - library)[..., moved].max() < 1e-5
print("the two forecasts agree")

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# A state can be drawn, so a forecast of states becomes a film. We call it a **dream**: a film that a model makes alone. Both rows begin with the same two frames.

# %% tags=["lecture"]
from course_lib.worlds.draw import draw_film

dream = draw_film(film.scene, np.concatenate([film.states[:2], library]))
show.strips({"simulator": film.frames, "dream": dream}, every=3)

# %% [markdown] tags=["lecture"]
# In the dream nothing pulls things down and nothing stops them: the triangle rises through the ceiling. What leaves the box never returns. It is easy to laugh at, so let us make it harder to recognise.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# **Which film is real?** In each of six rounds two films play side by side. One comes from the simulator. In the other the forecaster looks at two frames, dreams some frames on its own, looks at two again, and so on. In the first round it dreams 30 frames at a stretch, then 12, 8, 5, 3 and at last only 2.

# %% tags=["lecture"]
from course_lib.models.extrapolate import dream_in_pieces

stretches = [30, 12, 8, 5, 3, 2]
films = [make_film("simple", film_seed("validation", 20 + i)) for i in range(len(stretches))]
real = np.stack([f.frames for f in films])
dreamed = np.stack([draw_film(f.scene, dream_in_pieces(f.states, n)) for f, n in zip(films, stretches, strict=True)])
notes = [f"The dream looked at two frames, then dreamed {n}." for n in stretches]

# %% [markdown] tags=["lecture"]
# Run the next cell, watch, and press a button. When this page is read without a kernel it shows frames of the first round and of the last.

# %% tags=["lecture", "nbval-ignore-output"]
from course_lib.show.guess import guess

game = guess(real, dreamed, notes, seed=6)
game

# %% [markdown] tags=["lecture"]
# Where did you stop being sure? The long dreams give themselves away at once. In the short ones you have to search: a hitch at a bounce, a body that sinks into the floor for a moment. Compare with your second number. And yet the forecaster is the same in all rounds, and knows nothing in any of them. (Reading without a kernel? In the picture above the simulator's films are the ones on the right, in both rounds.)

# %% [markdown] tags=["lecture"]
# So a film that looks right over a short stretch is **no evidence** of a world model. This is the first thing to take from this course.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# **The same game against a dream that was learned.** In part II you build a model that was never given a law. It has watched 6,000 films of another task, in which an agent wanders and a star waits, and has learned to go on from what it saw and from the key that is pressed. It looks at two frames, dreams 24, looks at two again, and so on; in the later rounds it dreams less at a stretch.

# %% [markdown] tags=["lecture"]
# Both films are drawn by the same network, which makes everything a little soft; the softness is no clue. With 0 dreamed frames it draws the real film itself.

# %% tags=["lecture"]
from course_lib.training import load_checkpoint
from course_lib.views.dreams import dream_in_stretches

model, lengths = load_checkpoint("vmc"), [24, 12, 8, 4]
task = [make_film("goal", film_seed("validation", 40 + i)) for i in range(len(lengths))]
drawn = np.stack([dream_in_stretches(model, f.frames, f.actions, 0) for f in task])
learned = np.stack([dream_in_stretches(model, f.frames, f.actions, n, seed=n) for f, n in zip(task, lengths, strict=True)])

# %% [markdown] tags=["lecture"]
# Watch the agent, and the star.

# %% tags=["lecture", "nbval-ignore-output"]
second = guess(drawn, learned, [f"The learned dream looked at two frames, then dreamed {n}." for n in lengths], seed=3)
second

# %% [markdown] tags=["lecture"]
# This is harder, and for another reason. The forecaster was found out by the laws that it broke: bodies left the box. The learned dream keeps them: the agent runs, jumps, falls and lands. What betrays it, if anything does, is the star, which may fade, or glow in two places, when it has been caught: where it comes next cannot be known, only guessed. Notebooks 03 to 05 measure how good such a dream is. (Reading without a kernel? The simulator's film is on the left in round 1 and on the right in round 4.)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# The forecaster lacks two pieces of knowledge: gravity, and walls that stop things. Let us write the first one in by hand and see whether half of the truth is better than none. In each frame gravity $g$ takes $g\,\Delta t^2$ from the step, and $k$ steps together lose $\tfrac12 g\,\Delta t^2\,k(k+1)$.

# %% tags=["lecture"]
def with_gravity(forecast):
    """Let every body of a forecast (..., steps, bodies, fields) fall as well."""
    k = np.arange(1, forecast.shape[-3] + 1)[:, None]  # (steps, 1)
    fallen = forecast.copy()
    fallen[..., spec.FIELD["y"]] -= 0.5 * spec.GRAVITY * spec.FRAME_SECONDS**2 * k * (k + 1)
    return fallen

# %% [markdown] tags=["lecture"]
# The second piece: nothing can be where the floor and the walls are. (A body that would get there stays at the edge. Bouncing would be a third piece.)

# %% tags=["lecture"]
def with_walls(forecast):
    """Keep every body of a forecast inside the box."""
    kept, half = forecast.copy(), forecast[..., spec.FIELD["size"]]
    for name, low in (("x", spec.WALL), ("y", spec.FLOOR)):
        i = spec.FIELD[name]
        kept[..., i] = np.clip(kept[..., i], low + half, spec.BOX - spec.WALL - half)
    return kept

# %% [markdown] tags=["lecture"]
# Which of the two rows below looks better to you, after three frames and after fifteen?

# %% tags=["lecture"]
falls = continue_states(film.states[:2], 30)
rows = {"simulator": film.frames}
for name, forecast in (("gravity", with_gravity(falls)), ("gravity, walls", with_walls(with_gravity(falls)))):
    rows[name] = draw_film(film.scene, np.concatenate([film.states[:2], forecast]))
show.strips(rows, every=3)

# %% [markdown] tags=["lecture"]
# With gravity alone everything drops through the floor, and soon the box is empty. A law that is right, in a model that lacks another one, can make the forecast worse. *Measure* says after how many frames.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Measure
#
# Now with numbers. In 200 films the forecasters see frames 2 and 3 (the first frame has number 0), and we compare the places they dream for the bodies with the real ones, from 1 to 16 frames ahead. Beside them stands the forecast that is no forecast: *copy-last*, everything stays where it is. Such a comparison is called a **control**.

# %% tags=["lecture"]
from course_lib.worlds.films import load_films

held_out = load_films("simple", split="validation", count=200)
x, y, kind = (spec.FIELD[name] for name in ("x", "y", "kind"))
seen, future = held_out.states[:, 2:4, 1:5], held_out.states[:, 4:20, 1:5]  # (200, frames, bodies, fields)
present = future[..., kind] > 0  # (200, 16, 4): which of the four places for bodies are taken

# %% [markdown] tags=["lecture"]
# The error of a film at one distance is the mean distance between the dreamed and the real place of its bodies, in units (the box is 32 wide). We keep one number for each film and distance, to see later how much the films differ.

# %% tags=["lecture"]
def place_error(forecast):
    """forecast (200, 16, 4, fields) -> mean distance in units, (200, 16)."""
    away = np.hypot(forecast[..., x] - future[..., x], forecast[..., y] - future[..., y])
    return (away * present).sum(-1) / present.sum(-1)

on = continue_states(seen, 16)
forecasts = {"constant velocity": on, "with gravity": with_gravity(on),
             "with gravity and walls": with_walls(with_gravity(on)), "copy-last": np.repeat(seen[:, -1:], 16, axis=1)}
errors = {name: place_error(forecast) for name, forecast in forecasts.items()}

# %% [markdown] tags=["lecture"]
# How sure can we be of a mean over 200 films? Draw 200 films from them again, with repetition, take the mean, and do that 500 times. The middle 95 % of these means is the **bootstrap interval**, the band around each line. The course's later figures carry one as well.

# %% tags=["lecture"]
draws = np.random.default_rng(0).integers(0, 200, (500, 200))
ahead = np.arange(1, 17)
fig, axes = plt.subplots(figsize=(7.5, 4))
for name, error in errors.items():
    low, high = np.percentile(error[draws].mean(axis=1), [2.5, 97.5], axis=0)  # error[draws]: (500, 200, 16)
    axes.plot(ahead, error.mean(axis=0), marker="o", label=name)
    axes.fill_between(ahead, low, high, alpha=0.25)
axes.set(xlabel="frames ahead", ylabel="error (units)", ylim=(0, 30), title="Forecasters that have learned nothing")
axes.legend()
plt.show()

# %% [markdown] tags=["lecture"]
# Compare with your first number. One frame ahead, going on is clearly better than standing still. From about seven frames on it is worse, while the error of copy-last grows slowly: 9 units at seven frames, 11 at sixteen, because in a box nothing can get far from where it was. Gravity alone helps for three frames and then ruins everything; its line leaves the picture. Gravity and walls together are better than no forecast at every distance.

# %% [markdown] tags=["lecture"]
# The next cells state this as claims that would stop the notebook if they were false. First a helper: by how much is one forecaster better than another, film by film, and what is the interval of that?

# %% tags=["lecture"]
def gain(name, control="copy-last"):
    """Error of the control minus that of the forecaster, 95 % interval at each distance: two arrays (16,)."""
    better = errors[control] - errors[name]  # paired: the same films for both
    return np.percentile(better[draws].mean(axis=1), [2.5, 97.5], axis=0)

# %% tags=["lecture"]
low, high = gain("constant velocity")
assert low[0] > 0 and high[-1] < 0, "better than copy-last one frame ahead, worse sixteen frames ahead"
assert gain("with gravity", "constant velocity")[0][0] > 0, "gravity helps one frame ahead"
assert gain("with gravity", "constant velocity")[1][-1] < 0, "and alone it hurts sixteen frames ahead"
assert (gain("with gravity and walls")[0] > 0).all(), "with the walls it helps at every distance"
crossing = int(ahead[errors["constant velocity"].mean(0) > errors["copy-last"].mean(0)][0])
print(f"constant velocity is worse than no forecast from {crossing} frames ahead")
print(f"one frame ahead it is off by {errors['constant velocity'][:, 0].mean():.2f} units on average")

# %% [markdown] tags=["lecture"]
# We wrote these two laws in by hand, because we wrote the simulator. Nobody can write down all laws of a street or a kitchen. So the question of this course is: can a program **learn** them from films, and how would we know that it did?

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## The story so far
#
# The lecture was made in spring 2024, a few weeks after three companies had used the words *world model*, or words close to them, for what they had made. Some of its dates:
#
# > **The slides.** *2024.02.15 SORA发布* (Sora was released on 15 February 2024). *2024.03.01 V-JEPA发布* (V-JEPA on 1 March). *2024.03.05 IWM 发布* (IWM on 5 March). *2024.02.26 Genie发布* (Genie on 26 February). *2023 年 4 月：推出 … I-JEPA* (I-JEPA in April 2023). *进入 21 世纪世界模型含义被淡化* (after 2000 the notion of a world model faded).
#
# Here are the events it speaks of, with the dates as the sources have them. The line is not to scale; read the dates. The grey stretch stands for the last sentence in the box.

# %% tags=["lecture"]
from course_lib.show.timeline import timeline

events = [
    (1990.1, "February 1990\nSchmidhuber:\ncontroller and\nworld model"), (2018.2, "March 2018\nHa & Schmidhuber:\nWorld Models"),
    (2022.5, "27 June 2022\nLeCun:\nAMI, JEPA"), (2023.0, "January 2023\nI-JEPA"),
    (2024.12, "15 Feb 2024\nSora"), (2024.12, "15 Feb 2024\nV-JEPA"),
    (2024.15, "February 2024\nGenie"), (2024.17, "1 March 2024\nIWM"),
]
timeline(events, gaps=[(1990.1, 2018.2, "the quiet\n2000s?")], title="World models, from one report to one month")

# %% [markdown] tags=["lecture"]
# Where the dates come from:
#
# - **1990.** Technical report FKI-126-90, February, revised in November; its author's account of it, people.idsia.ch/~juergen, 2020. One recurrent network acts, another predicts what the actions lead to.
# - **2018.** arXiv 1803.10122. The name *world models* in the title, and three parts called V, M and C: part II of this course.
# - **2022.** A Path Towards Autonomous Machine Intelligence (AMI), version 0.9.2 of 27 June. It proposes the joint-embedding predictive architecture, JEPA (联合嵌入预测架构): part V.
# - **2023.** I-JEPA, arXiv 2301.08243. The number says January 2023; Meta's announcement, which the lecture shows, is of 13 June.
# - **15 February 2024.** OpenAI's report on Sora and Meta's announcement of V-JEPA, on one day: parts III and V.
# - **February 2024.** Genie, arXiv 2402.15391. Part IV.
# - **1 March 2024.** Image World Models (IWM), arXiv 2403.00504, by its submission date in listings. Notebook 20.
#
# Three schools, then: text to video (Sora), interactive worlds (Genie), prediction of representations (JEPA); and the older one beside them, reinforcement learning (强化学习) with a learned model.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## The map
#
# You will build each of them, small, in this one Playground, and at the end ask all of them the same questions: predict, be steered, plan, be probed, be surprised. These questions, the same for every model and always with controls, are the course's **exam**. It decides here, with numbers and intervals, and "it cannot be said at this size" is an allowed answer.

# %% [markdown]
# The Playground is a toy that we drew ourselves, and a model could be good at our drawings only. So frames that we did not draw stand beside it. These come from CarRacing, the environment in which the first model of part II was published in 2018 (Ha & Schmidhuber, World Models).

# %%
from course_lib.worlds.carracing import load_carracing

drive = load_carracing("train")
show.grid(drive.frames[:: len(drive.frames) // 16][:16], columns=8)

# %% [markdown] tags=["lecture"]
# The next cell looks at your machine. For one second it multiplies matrices, because most of the time of training goes into that.

# %% tags=["lecture"]
from course_lib.machine import check_machine, course_rows

machine = check_machine()
show.table(machine.rows())

# %% [markdown]
# From that speed follows an estimate of how long each notebook takes here: on a machine slower than ours its arithmetic takes longer, and on a faster one nothing is taken off. Expect it to be right within a factor of two (on one machine 02 and 15 took 2.4 minutes); a machine that is busy in that second looks slower than it is. *Planned* means that the notebook is not there yet.

# %%
from course_lib.contents import load_contents

contents = load_contents()
show.table(course_rows(contents, machine))

# %% [markdown]
# Read the parts in order if you can. If you came for one of them, start there: the first cell of each notebook says what it builds on.

# %%
for number, title in contents.parts.items():
    count = sum(entry.part == number for entry in contents.notebooks)
    print(f"{number:>4}  {title} ({count} notebook{'s' * (count > 1)})")

# %% [markdown]
# ## How a notebook is built
#
# You have just seen most of its sections. Each notebook has them in this order:
#
# - **Predict first**: a question that you answer before you run anything. Being wrong is the point.
# - **Intuition**: the idea on six numbers, a line or one picture.
# - **Build**: one operation a cell, then a check that yours and the library's agree.
# - **Train live**: about a minute of real training with a picture that moves; then a checkpoint that trained for longer.
# - **Look** and **Play**: pictures before tables, and something to move.
# - **Break it**: take out the part that matters and learn to read the failure.
# - **Measure**: against controls, with intervals, as claims that can fail.
# - **Exercises**, and **Which claim survives?**

# %% [markdown]
# **To give the lecture** from a notebook, project the cells tagged `lecture`; the plan in minutes stands in the first cell. `make slides NB=14` makes slides of notebook 14: one file, no network, the plan in the speaker's notes. `make play` opens what can be played with, without running a notebook. Every cell runs without you, so nothing has to be typed in front of an audience.
#
# **Time and memory.** Each notebook runs alone from top to bottom in about two minutes at most on two cores and stays below 3 GiB. If one does not, that is an error in the course, please report it.

# %% [markdown]
# ## Exercises
#
# This notebook has none of its own, but here is how they work. An exercise is a function with its body left out, under a decorator that knows the answer. This one belongs to notebook 01, where the words in it are explained; run it as it is.

# %%
from course_lib.exercises import exercise, hint


@exercise("counting.total_variation")
def total_variation(p, q):
    """Half the sum of |p - q| over the outcomes. p, q: (S,) probabilities -> a number from 0 to 1."""
    ...

# %% [markdown]
# Left as `...` the reference takes its place and the notebook goes on, so you can always read first and come back. Filled in, it is checked at once on several inputs, and for a wrong answer the message says what is wrong with it. For help, ask for a hint. The same call again gives a second hint; `answer("counting.total_variation")` shows the answer and says why; `progress()` lists what you have solved, on other days too.

# %%
hint("counting.total_variation")

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# Every statement of the lecture that can be tested or sourced has a row in the [claims ledger](claims.md), with a verdict or with the notebook that will give one. The dates belong to this notebook:
#
# | | The slide says | The sources say |
# |---|---|---|
# | C01 | Sora: 15 February 2024 | stands |
# | C02 | V-JEPA: 1 March 2024, or the day after Sora | **erratum**: 15 February 2024, the same day; the lecture shows that very page |
# | C03 | IWM: 5 March, and on another slide 1 March | 1 March |
# | C04 | Genie: 26 February 2024 | stands to within a few days; the day rests on a listing of the paper |
# | C05 | the AMI paper of June 2022 defined world model and JEPA | the date stands, JEPA stands; world models were defined long before |
# | C06 | I-JEPA: April 2023 | January 2023 for the paper, June for the announcement |
# | C07 | after 2000 the notion faded | no count is given, so it cannot be tested here |

# %% [markdown]
# What this notebook measured is a claim of our own: a forecast that knows nothing beats "no forecast" for some six frames in the Playground, and one frame ahead it is off by 0.75 units on average, less than a pixel. It holds for this world, these films and this forecaster. It does not say that a good short film is bad; it says that it is no proof. What it cannot show is how a *learned* model fares; that begins in part II.
#
# **The two questions.** 1. No. The dream that may have fooled you in the last round was made by a forecaster that knows no law. 2. Ask for a forecast far enough ahead, and compare it with one that knows nothing: here that takes seven frames. Or show it a possible and an impossible film and see which surprises it more (notebook 23).
#
# Nothing here needed training, so there is no longer run to start. The next notebook, [01 What is a world model?](01_what_is_a_world_model.ipynb), defines the word with a world small enough to print.
#
# **References.** J. Schmidhuber, technical report FKI-126-90, 1990, as told in *1990: Planning & Reinforcement Learning with Recurrent World Models*, people.idsia.ch/~juergen, 2020. D. Ha and J. Schmidhuber, *World Models*, arXiv 1803.10122, 2018. Y. LeCun, *A Path Towards Autonomous Machine Intelligence*, version 0.9.2, 2022. R. Millière, *Are video generation models world simulators?*, artificialcognition.net, 2024, introduction. The other dates: see the ledger's marks for how certain each one is.

# %% [markdown]
# Claims examined here: C01, C02, C03, C04, C05, C06, C07

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** nothing, the course begins here
# - **After it:** [01 What is a world model?](01_what_is_a_world_model.ipynb)
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C01](claims.md#c01), [C02](claims.md#c02), [C03](claims.md#c03), [C04](claims.md#c04), [C05](claims.md#c05), [C06](claims.md#c06), [C07](claims.md#c07)
