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
# # 26 Who has a world model?
#
# **The question.** Three schools called their systems world models in one month. You have built a small one of each. Which of them is one, by the lecture's own two demands, when all are asked the same questions?
#
# **After this notebook you can** say what an interval beside its controls allows one to say, read a table of many models without being fooled by luck or by silence, put a model of your own into the exam, and hold a dated prediction against what came.
#
# | | |
# |---|---|
# | It costs | less than a minute of computing on one core, 60 minutes of reading and exercises; about 1.5 GiB of memory |
# | It needs | controls and intervals from notebook 05; one notebook of each school (03, 11, 15, 21) |
# | It builds | marks against a floor, a Pareto front (帕累托前沿), a world model of your own, a page to hand in |
# | It examines | eight sentences of the slides (of the lecture that this course follows; `claims.md` lists them all): the verdict, and five predictions |
#
# **Lecture plan (45 minutes).** 4 the question and the predictions; 8 marks, luck, silence; 7 a model that has learned nothing; 10 the table; 8 the debate; 6 the scorecard; 2 the discussion.
#
# **To discuss.** 1. The models will be compared in eight columns (prediction, control, planning, probing, geometry, intervention, causes, surprise). Which would you give up last, and why? 2. What would a model have to do, in which room, for you to say "it knows what would happen"?

# %% [markdown] tags=["lecture"]
# The lecture ends with two demands and two judgements:
#
# > **The slides.** *世界模型应满足: 1) 可对未来时间环境因素进行模拟. 2) 可学习输入 (包括三维环境、物理属性等) 结构信息、因果效应表征* (a world model must simulate the future of its environment, and it must learn to represent the structure of its input, such as space and physical properties, and the effects of causes). *Sora 不是世界模型: 不是通过对场景进行模拟来预测视频帧* (Sora is not a world model: it does not predict frames by simulating the scene). *I-JEPA / V-JEPA 才是世界模型的未来* (I-JEPA and V-JEPA are the future of world models).

# %% [markdown] tags=["lecture"]
# Demands can be measured. Since notebook 05 the exam (考试) has put the same questions to every model that came along. Here the answers of all stand in one table, with their intervals, their controls and their cost; where somebody was not asked or cannot answer, the table says so. The models are those of this course, which are small; what they allow one to say of the large ones is a question of its own, and it comes at the end.

# %% tags=["lecture"]
import math

import numpy as np
import torch

from course_lib import show
from course_lib.exercises import answer, exercise, hint, progress  # noqa: F401

show.use_style()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# Write down before you read on:
#
# 1. Four models are asked eight questions. How many of the four are better than their controls in all eight?
# 2. A model has learned nothing. It keeps a hundred films, looks for the moment that is most like the present, and repeats what changed then. In how many of the four questions that it can be asked does it beat its controls?
# 3. Who reaches most goals when all are planned in by the same small search: V-M-C, the film model, Genie, or the JEPA?

# %% tags=["lecture"]
my_all_eight, my_memory, my_planner = 1, 0, "?"  # models, questions, a name

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Intuition
#
# ### Two models, three questions
#
# Six numbers. Model A answers all three questions, B refuses the hard one. Each number is a share of the way: 0 is the best control, 1 the best answer that there is.

# %% tags=["lecture", "nbval-check-output"]
a = torch.tensor([0.9, 0.8, 0.1])  # easy, easy, hard
b = torch.tensor([0.8, 0.7, torch.nan])
print(f"mean of what was answered: A {a.nanmean():.2f}, B {b.nanmean():.2f}")
print(f"mean, silence counted as 0: A {a.mean():.2f}, B {b.nan_to_num(0.0).mean():.2f}")

# %% [markdown] tags=["lecture"]
# A is better than B in every question that both answer, and B wins by its mean, 0.75 against 0.60. It wins because it kept silent. Counted as zero, silence loses, 0.50 against 0.60. Neither mean is *the* right one: a hammer is not a bad saw. So this notebook makes no total score. It compares question by question, and it says who is silent and why.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# ### What an interval allows one to say
#
# A **floor** (下限) is the best of the controls that know nothing of the question: an untrained network, pixels, a copy of the last frame, keys at random. An answer is *above* its floor when its whole 95 % interval is, and *below* when the whole interval is worse. Everything else is *not told apart*.

# %% [markdown]
# **Exercise 1. A mark for every row.** Some rows count errors, and there lower is better. (Difficulty 1, 8 minutes.) A blank left as `...` never stops the notebook: the library's answer is used. `hint("verdict.marks")` helps in two steps; `answer("verdict.marks")` shows a solution.

# %%
@exercise("verdict.marks")
def my_marks(low: torch.Tensor, high: torch.Tensor, floor: torch.Tensor, higher: bool) -> torch.Tensor:
    """What each answer allows one to say: 1 better than its floor, -1 worse, 0 not told apart.

    low, high: ends of its 95 % interval, (N,); floor: the best control, (N,). higher: whether higher is better. The
    whole interval has to lie on one side; an interval that touches the floor is not told apart. -> integers (N,).
    """
    ...


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Luck
#
# A model that is exactly as good as its floor gets a mark now and then, because one interval in twenty misses. The more rows, the surer it happens somewhere.

# %% [markdown]
# **Exercise 2. Luck over many rows.** How likely does at least one of many such rows get the mark "above"? (Difficulty 2, 8 minutes.)

# %%
@exercise("verdict.luck")
def my_family_wise_error(rows: int, level: float = 0.95) -> float:
    """How likely at least one useless model out of many gets the mark "above" by luck.

    rows: how many independent rows, each of a model that is exactly as good as its floor; level: of the two-sided
    interval, which leaves out equally much on both sides. -> a probability.
    """
    ...


# %% tags=["lecture", "nbval-check-output"]
for rows in (1, 8, 32, 850):
    print(f"{rows:4} rows of useless models: a lucky one with probability {my_family_wise_error(rows):.2f}")

# %% [markdown] tags=["lecture"]
# One row: 0.03. A table of four models and eight columns, 32 rows: 0.56. All rows of this exam that have a number, more than 850: it is certain. This is the **family-wise error rate** (族错误率). So a verdict never rests on one mark. What counts below is a difference that is large, or one that comes back in several questions.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Silence
#
# Here is the line that made the leader board of the six numbers above, and it has a bug that is easy to miss:
#
#     difference = a.nanmean() - b.nanmean()

# %% [markdown]
# **Exercise 3. A planted bug.** By how much is A better than B, fairly? Write a difference that silence cannot win. (Difficulty 2, 10 minutes.)

# %%
@exercise("verdict.fair")
def my_fair_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """By how much model a is better than model b, on average over the questions that both have answered.

    a, b: shares of the way, (Q,), nan where a question does not apply; they share at least one question. -> float.
    """
    ...


# %% tags=["lecture", "nbval-check-output"]
print(f"own means: {a.nanmean() - b.nanmean():+.2f}, common questions: {my_fair_difference(a, b):+.2f}")

# %% [markdown] tags=["lecture"]
# The sign turns round: −0.15 becomes +0.10. The common questions are two of three, so the difference is fair and incomplete at once.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Who is beaten by nobody
#
# Can one compare without weights at all? A model **dominates** (支配) another when it is at least as good everywhere and better somewhere. A model that nobody dominates belongs to the **Pareto front** (帕累托前沿).

# %% [markdown]
# **Exercise 4. The front.** Silence is worse than any answer here. (Difficulty 3, 12 minutes.)

# %%
@exercise("verdict.front")
def my_undominated(scores: torch.Tensor) -> torch.Tensor:
    """Who is not dominated: nobody else is at least as good in every question and better in at least one.

    scores: (N, Q), higher is better; nan, a question that does not apply, is worse than any answer. -> bool (N,).
    """
    ...


# %% tags=["lecture", "nbval-check-output"]
print(f"A and B: {my_undominated(torch.stack([a, b])).tolist()}")

# %% [markdown] tags=["lecture"]
# A dominates B. Give B a single question that A cannot answer, and both are on the front: then somebody has to say what the model is *for*.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Eight columns
#
# The exam has hundreds of rows. For the table one row stands for each column. They were chosen before the answers were laid side by side: what a single frame cannot give (a speed, not a place), and what has the strictest controls.

# %% tags=["lecture"]
from course_lib.exam.headlines import HEADLINES, cells

show.table([{"demand": one.demand, "column": one.name, "it asks": one.asks, "row": one.rows[0]} for one in HEADLINES])

# %% [markdown] tags=["lecture"]
# Demand 1, simulate, has three columns; demand 2, structure and causes, has five. The answers were collected by `python -m course_lib study verdict`, which asks what `python -m course_lib exam --all` asks, and keeps the rows with the hashes of the weights. Reading them is refused once a checkpoint has been trained again: the answers of other weights are nobody's.

# %% tags=["lecture"]
from course_lib.studies.verdict import measured_verdict

kept = measured_verdict()
table, rows = cells(kept.rows.rows), kept.rows.rows
answered = [row for row in rows if row.value is not None]
print(f"{len(table)} asked, {len(rows)} rows, {len(answered)} with a number, {sum(kept.seconds.values()) / 60:.0f} minutes of one core")

# %% [markdown] tags=["lecture"]
# The library's marks are in `exam/marks.py`. They must be yours.

# %% tags=["lecture"]
found = [(cell, cell.row.controls) for by in table.values() for cell in by.values() if cell.mark]
for higher in (True, False):
    some = [(cell, controls) for cell, controls in found if (cell.row.direction == "higher") == higher]
    best = [(max if higher else min)(controls[f] for f in cell.headline.floors if f in controls) for cell, controls in some]
    ends = [torch.tensor([getattr(cell.row, end) for cell, _ in some], dtype=torch.float64) for end in ("low", "high")]
    mine = my_marks(*ends, torch.tensor(best, dtype=torch.float64), higher)
    assert [{1: "above", 0: "open", -1: "below"}[int(m)] for m in mine] == [cell.mark for cell, _ in some]
print(f"{len(found)} marks agree")

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Train live
#
# ### A model that has learned nothing
#
# Before the table, one more candidate, and you build it. It has no network and no gradient. It keeps a hundred films. For the next frame it looks for the moment that is most like the present one under the same key, and lets the same pixels change by the same amount. This is pure **case-based** generalisation (按案例泛化): Kang et al. (2024) find that trained video models do much of this. So it makes a fine control: what it passes can be passed without understanding anything.

# %% tags=["lecture"]
from torch.nn.functional import adaptive_avg_pool2d

from course_lib.exam.measures.rollout import as_input
from course_lib.worlds.films import load_films

films = load_films("goal", split="train", count=100)
frames, keys = as_input(films)  # (100, 32, 3, 32, 32), (100, 31)


def shrunk(before, last):  # (B, 3, H, W) each -> (B, 2 * 3 * 16 * 16)
    return torch.cat([adaptive_avg_pool2d(frame, 16).flatten(1) for frame in (before, last)], dim=1)


# %% tags=["lecture"]
before, last, after = (frames[:, i : 30 + i].flatten(0, 1) for i in range(3))  # (3000, 3, 32, 32) each
seen, changes, pressed = shrunk(before, last), after - last, keys[:, 1:].flatten()
print(f"{len(seen):,} moments, {changes.numel() * 4 / 1e6:.0f} MB, no parameter")

# %% [markdown] tags=["lecture"]
# A world model under the course's contract (`course_lib/contract.py`) has five parts: what it can do, `encode`, `predict`, `decode`, `surprise`. Its **state** (状态) is the last two frames, for which the library has `LastFrames`.

# %% tags=["lecture"]
from course_lib.contract import Actions, Capabilities
from course_lib.models.extrapolate import LastFrames


class MyModel:
    """It remembers films."""

    capabilities = Capabilities(Actions("discrete", 4), decodes=True, context=2, frame_size=(32, 32))
    trained_on = ["goal/train"]

    def encode(self, observations, actions=None, *, generator=None):
        return LastFrames(observations[:, -1], observations[:, max(observations.shape[1] - 2, 0)])

    def decode(self, state, *, generator=None):
        return state.last


# %% tags=["lecture"]
class MyModel(MyModel):  # the same class, continued
    def predict(self, state, action=None, *, generator=None):
        distance = torch.cdist(shrunk(state.before, state.last), seen)  # (B, 3000)
        nearest = distance.masked_fill(action[:, None] != pressed, math.inf).argmin(dim=1)
        return LastFrames((state.last + changes[nearest]).clamp(0, 1), state.last)

    def surprise(self, observations, actions=None, *, generator=None):
        result = torch.full(observations.shape[:2], math.nan)
        for t in range(1, observations.shape[1]):  # only frames before t are looked at
            drawn = self.predict(self.encode(observations[:, :t]), actions[:, t - 1]).last
            result[:, t] = (drawn - observations[:, t]).square().mean(dim=(1, 2, 3))
        return result


# %% [markdown] tags=["lecture"]
# The library's file `models/film_memory.py` is the same idea. Both must go on in the same way.

# %% tags=["lecture"]
from course_lib.models.film_memory import FilmMemory

mine, library = MyModel(), FilmMemory(frames, keys)
test = load_films("goal", split="test", count=20)
shown, test_keys = as_input(test)
mine_now, library_now = (model.encode(shown[:, :4], test_keys[:, :3]) for model in (mine, library))
for t in range(3, 12):
    mine_now, library_now = mine.predict(mine_now, test_keys[:, t]), library.predict(library_now, test_keys[:, t])
assert torch.allclose(mine_now.last, library_now.last, atol=1e-5)
print("nine dreamed frames agree")

# %% tags=["lecture"]
from course_lib.worlds.frames import to_uint8

state, dreamed = mine.encode(shown[:1, :4]), []
for t in range(3, 15):
    state = mine.predict(state, test_keys[:1, t])
    dreamed.append(to_uint8(state.last)[0])
show.strips({"real": test.frames[0, 4:16], "remembered": np.stack(dreamed)}, every=2,
            title="twelve frames from four, under the film's own keys")

# %% [markdown] tags=["lecture"]
# Look closely at the lower row. The platform and the star stay perfect, because nothing changed there. The agent does not: it leaves a foot behind, and half a ghost. A change that was right in another room is pasted a little beside its place, and nobody cleans up. One look shows that this is no simulation.

# %% [markdown] tags=["lecture"]
# ### Into the exam
#
# `examine` takes any number of entrants. An **entrant** names what it has learned from, and a film set that it has learned from is refused: this guard is what keeps a memory honest.

# %% tags=["lecture"]
from course_lib.exam.entrant import Entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting

me = Entrant("mine", {"model": mine}, mine.trained_on, films="goal", probes="goal")
sitting = Sitting(count=20)
live = examine([me], sitting, questions=["prediction", "control", "surprise"])
show.table([{"column": cell.headline.name, "value": cell.row.value, "from": cell.row.low, "to": cell.row.high, "mark": cell.mark}
            for cell in cells(live.rows)["mine"].values() if cell.row is not None])  # fmt: skip

# %% [markdown] tags=["lecture"]
# And the exam? On twenty films it is above its floor in all three columns: the agent is off by a fifth of what a copy is off, the right key is found in four of five cases, and a film that turns back is a surprise in nine of ten. On a hundred films the library's memory has 0.51 (0.41 to 0.61), 0.77 and 0.90, all above. (The first column is far from the 0.22 of the same memory on twenty films, whose interval ends at 0.34: an interval speaks of more films like these, and these twenty are easier ones.) Nothing was learned, and three columns are passed. Keep that in mind when you read the table: these columns are **necessary** for a world model, and in a world as small as this one they are not **sufficient**.

# %% [markdown] tags=["lecture"]
# A model in a file of your own takes the same exam from the command line. Here the file is written into a new folder, and the command is run in it.

# %% tags=["lecture", "nbval-ignore-output"]
import subprocess
import sys
import tempfile
from pathlib import Path

source = """
from course_lib.models.extrapolate import Extrapolation
class MyModel(Extrapolation):
    trained_on = []  # it has learned from nothing
    def __init__(self):
        super().__init__(rate=0.5, actions=4)
"""
folder = Path(tempfile.mkdtemp())
(folder / "my_model.py").write_text(source)
command = "-m course_lib exam --model my_model:MyModel --ask surprise --on goal --films 10"
print(subprocess.run([sys.executable, *command.split()], cwd=folder, capture_output=True, text=True).stdout)

# %% [markdown]
# **An experiment.** Change `count=100` above to 25. Predict first which of the three columns gains. On twenty test films, 25 films of memory have 0.49 in prediction (0.21 to 0.85), 0.77 in control and 0.90 in surprise; 100 films have 0.22 (0.12 to 0.34), 0.81 and 0.93. Prediction gains most: over ten steps the error of a moment that fits badly is added ten times.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# The whole table. White is the floor and the full blue is the best answer that there is; orange is below the floor. Grey with n/a does not apply, grey with a dash was not asked. The sign is the mark of the interval: + above, = not told apart, − below. The rows have the names of the command line: `vmc` is V-M-C, `dit_world` the film model, `action_jepa` the JEPA with keys, `film-memory` the library's twin of the model that you built.

# %% tags=["lecture"]
from course_lib.views.verdict import heat_map

SCHOOLS = ["vmc", "dit_world", "genie", "genie-table", "action_jepa"]
YARDSTICKS = ["perfect", "film-memory", "copy-last", "untrained", "random"]
heat_map(table, [*SCHOOLS, *YARDSTICKS])

# %% [markdown] tags=["lecture"]
# First the yardsticks. `perfect`, which owns the simulator, is at the top in every column that it was asked; a copy, random frames and an untrained network are nowhere above. One thing is worth a second look: the *linear* extrapolation, which lets every pixel change on, is not drawn here and has 0.94 in surprise. That column asks little.
#
# Then the schools. **V-M-C** has the best dreams (0.35 of the copy's error), obeys its key in 0.96 of the cases, and a goal is reached by planning in it in 17 of 20 rooms. Its state cannot be pushed (0.02), and it dreams no fall: without the platform it loses the agent. The **film model** is nearly as good in prediction and control (0.41, 0.93), is hard to plan in (9 of 20), and is the one that dreams the fall (0.58). **Genie** has 0.47 and 0.85, and 12 of 20. The **JEPA** draws nothing, so two columns do not apply. It is planned in best (19 of 20), its state moves when it is pushed (0.80), its distances follow the world's (0.43), and it has a quarter of the fall.

# %% [markdown] tags=["lecture"]
# Grey is not a bad mark. Two rows are Genie's: for `genie` a key map looks at the frame to say which code a key is there; for `genie-table` each key is one code wherever it is pressed. Where a question does not apply, the reason stands in the row:

# %% tags=["lecture"]
silent = [cell for name in SCHOOLS for cell in table[name].values() if cell.row is not None and cell.row.value is None]
show.table([{"model": cell.row.model, "column": cell.headline.name, "it does not apply because": cell.why} for cell in silent])

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# What is a world model *for*? Give each column a weight from 0 to 3. Then switch `silence` off, so that questions that were not answered do not count.

# %% tags=["lecture", "nbval-ignore-output"]
from course_lib.views.verdict import ranking_figure


def ranking(prediction=1, control=1, planning=1, probing=1, geometry=1, intervention=1, causes=1, surprise=1, silence=True):
    """Who is first by your weights."""
    weights = dict(prediction=prediction, control=control, planning=planning, probing=probing, geometry=geometry,
                   intervention=intervention, causes=causes, surprise=surprise)  # fmt: skip
    return ranking_figure(table, [*SCHOOLS, "film-memory"], weights if any(weights.values()) else {"prediction": 1}, silence=silence)


show.explore(ranking, **{one.name: (0, 3, 1) for one in HEADLINES}, silence=[True, False])

# %% [markdown] tags=["lecture"]
# With all weights at 1 and silence as 0 V-M-C is first (0.46), the film model (0.41) and the JEPA (0.40) follow, Genie has 0.29 and the memory 0.16. Without counting silence the JEPA leads (0.53), because it is good at what it answers, and Genie passes V-M-C. With prediction and control alone V-M-C has 0.79 and the JEPA 0.00. With causes alone the film model is first (0.58). The same numbers make three winners. A single ranking means that somebody has chosen the weights for you.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# Take the floors away, as a leader board does. The agent's place instead of its speed, without anything beside it, looks like this:

# %% tags=["lecture"]
from course_lib.exam.marks import best_floor, mark

floors = HEADLINES[3].floors
places = [row for row in answered if row.question == "probe_r2_agent_x" and row.model in SCHOOLS]
show.table([{"model": row.model, "reads the place": row.value} for row in places])

# %% tags=["lecture"]
show.table([{"model": row.model, "reads the place": row.value, "best floor": best_floor(row, floors),
             "mark": mark(row, floors)} for row in places])

# %% [markdown] tags=["lecture"]
# Every state gives the place to a line, 0.54 to 0.99, and the 0.99 looks like understanding. With the floor beside it nothing is left: two frames of plain pixels have 0.99 as well, and the untrained M 0.91. That is why the column takes the speed, which no single frame shows. There the mark is *not told apart* for V-M-C and the JEPA too (0.94 and 0.82): a task without meaning on the same ranges (Hewitt & Liang 2019) is learned nearly as well from these states. A probe says what could be read, and little more; the interventions beside it say what is used. (The film model's state is the latents of its frames, 0.27; inside its blocks notebook 25 found 0.82.)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Measure
#
# ### How many marks, and how many by luck
#
# How often is each model above its floor in the columns that it answered, and how likely is at least one mark by luck alone?

# %% tags=["lecture"]
counts = []
for name in [*SCHOOLS, "film-memory"]:
    marks = [cell.mark for cell in table[name].values() if cell.mark]
    counts.append({"model": name, "columns answered": len(marks), "above": marks.count("above"), "not told apart": marks.count("open"),
                   "below": marks.count("below"), "luck, at least one": my_family_wise_error(len(marks))})  # fmt: skip
show.table(counts)

# %% [markdown] tags=["lecture"]
# Your three predictions, beside what was found:

# %% tags=["lecture"]
eight = sum(row["above"] == len(HEADLINES) for row in counts if row["model"] != "film-memory")
planned = {name: table[name]["planning"].row.value for name in SCHOOLS if table[name]["planning"].row is not None}
print(f"1. above in all eight: {eight} models; your guess was {my_all_eight}")
print(f"2. the memory is above in {counts[-1]['above']} of {counts[-1]['columns answered']} columns; your guess was {my_memory}")
print(f"3. planned in best: {max(planned, key=planned.get)}; your guess was {my_planner}")

# %% [markdown] tags=["lecture"]
# Nobody is above in all eight. The JEPA is above in five of six columns that it answers, V-M-C in five of eight, the film model in five of eight. Some marks are luck: for six to eight columns the probability of at least one lucky mark is 0.14 to 0.18. And a mark is not a size: V-M-C's *above* in intervention stands for two hundredths of what was asked.

# %% tags=["lecture"]
shares = torch.tensor([[math.nan if cell.share is None else cell.share for cell in table[name].values()] for name in SCHOOLS])
front = my_undominated(shares)
print("on the front:", [name for name, on in zip(SCHOOLS, front.tolist(), strict=True) if on])
show.table([{"is better by": name} | {other: my_fair_difference(shares[i], shares[j]) if i != j else 0.0
            for j, other in enumerate(SCHOOLS)} for i, name in enumerate(SCHOOLS)])  # fmt: skip

# %% [markdown] tags=["lecture"]
# Three of five are on the Pareto front: V-M-C, the film model and the JEPA. Genie is not: in every column that it was asked V-M-C is at least as good. In the table each number says by how much the model of the row is better than that of the column, over the questions that both answer. The JEPA is 0.18 better than V-M-C there, over six columns and not eight: the difference is fair, and silent about the rest.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### What it costs
#
# Minutes of training on one core, parameters, and milliseconds of one predicted step for one film.

# %% tags=["lecture", "nbval-ignore-output"]
show.table([{"model": name, "minutes": kept.costs[name].minutes, "parameters": kept.costs[name].parameters,
             "ms a step": kept.costs[name].milliseconds} for name in [*SCHOOLS, "film-memory"]])

# %% [markdown] tags=["lecture"]
# The JEPA is the cheapest in every way: 3.8 minutes of training, half a million parameters, no decoder, 0.18 milliseconds a step. V-M-C takes 0.81 milliseconds. The film model pays for each frame with four sampling steps and takes 31, Genie with its decoding steps 27. That is the practical half of LeCun's argument, and it stands: a planner needs hundreds of imagined steps for one key. (The milliseconds are those of the machine that made the rows.)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A page of your own
#
# Your predictions, your verdict, and the measured table on one page that you can hand in. It is written into a new folder here; give `hand_in` a path of your own.

# %% tags=["nbval-ignore-output"]
from course_lib.views.verdict import hand_in

page = hand_in(folder / "my_verdict.html", table, [*SCHOOLS, "film-memory"], {
    "Before": f"all eight: {my_all_eight}; the memory: {my_memory}; planned in best: {my_planner}",
    "My verdict": "write it here, and the row that would change it",
})  # fmt: skip
print(page.name, f"{page.stat().st_size / 1000:.0f} KB")

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The debate
#
# Each school in its strongest form, with its source; then what the table says, and what it cannot say.
#
# **Reinforcement learning.** *A world model is what an agent can train in without its world.* Ha & Schmidhuber (2018, sections 2 and 4) put a controller that had only lived in a dream into the real game. **The table:** its claim is kept by the row `dream_return`: the controller that lived in the dream has 0.80 of the return of its twin from the real world (0.70 to 0.90). It dreams best, obeys best, and can be planned in, 17 of 20. But its state cannot be pushed, and without the platform its dream falls apart. **It cannot say** whether a better V would be enough: this one forgets rooms that no film showed.

# %% [markdown] tags=["lecture"]
# **Video.** *Scale a generator of films, and a simulator of the physical world comes out.* (OpenAI 2024: "a promising path".) **The table:** given keys, the film model obeys (0.93), and it alone dreams more than half of the fall when the cause is taken away, which nobody taught it. Without keys, the text model goes on with a film worse than a copy would (1.80 of the copy's error). As a simulator to plan in it is last, 9 of 20, at 50 times the JEPA's time for a plan (notebook 22). **It cannot say** what happens at ten thousand times the size. That is the claim, and no small model can refute it.

# %% [markdown] tags=["lecture"]
# **Genie.** *Actions can be found in films that nobody labelled, and then the world can be played.* (Bruce et al. 2024.) **The table:** from films without a key it has 0.85 in control, and 10.9 dB between its own and another film's actions. In prediction (0.47) it cannot be told from the memory that learned nothing (0.51), in control it is clearly better (0.77). No fall is dreamed: its agent stands in the air. **It cannot say** what a table from keys to codes costs: that is our addition, and part of the loss is its.

# %% [markdown] tags=["lecture"]
# **JEPA.** *Predict what matters and leave the pixels; then planning is cheap.* (LeCun 2022, sections 4 and 5.) **The table:** planning is cheapest and best, 19 of 20, and .993 of 300 with a larger budget (notebook 21). It alone has a state whose geometry is the world's and that can be pushed. Of the fall it has a quarter, and that is no fall (notebook 25). **It cannot say** whether the JEPA's silence about pixels is a weakness. For a film, yes; for a key, no.

# %% [markdown] tags=["lecture"]
# **And nobody's school, the memory.** It beats copies, pixels and untrained networks in prediction, control and surprise. What it lacks shows elsewhere: its state holds two frames and no speed (0.31 where its floor is higher), and in a room that no film showed it has nothing to remember. A test that it passes does not prove a world model. A test that it fails, such as the platform that is taken away, is worth more.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The scorecard
#
# The lecture (March 2024) made dated predictions. A prediction is judged by what came, with a source that you can open.
#
# | The lecture | What came | Verdict |
# |---|---|---|
# | *AGI within five years* (Jensen Huang, as quoted) | said on 1 March 2024 at Stanford, with a definition: to pass the tests that people are given; by other definitions perhaps much later (Reuters, as reprinted) | open until March 2029, and only with its definition |
# | *RL world models will not be the main use of compute in 2024* | no count by kind was found. Epoch AI's list of 81 models above $10^{23}$ operations (2024): the large majority are language models, and since 2021 language and images have dominated, not games | right as far as it can be sourced |
# | *Start-ups and large companies in China will not follow into world models* | GigaAI's DriveDreamer (arXiv 2309.09777, September 2023) came before the lecture; Skywork's Matrix-Game 1.0 and 2.0 on 12 May and 12 August 2025, Tencent's HunyuanWorld 1.0 on 26 July 2025 and 1.5, played in real time, on 17 December 2025 (their repositories) | wrong |
# | *Robots in 2024 and 2025 still run on large models with classical servo control* | Helix (Figure, February 2025): a learned policy gives joint targets 200 times a second; π0 (Physical Intelligence, October 2024): up to 50 times. Below the targets a servo loop still runs | partly: the servo stays, what sets its targets is learned |
# | *Not asked by the lecture* | Genie 3 (DeepMind, 5 August 2025): text to a world that is played at 24 frames a second in 720p, "for a few minutes". NVIDIA's Cosmos (January 2025): models of 4 to 14 billion parameters for robots | the playable line went on |

# %% [markdown] tags=["lecture"]
# Two of the four dated predictions can be judged with a primary source at hand (the repositories and papers of the third row, the makers' pages of the fourth). The second rests on a list that counts known models only. The first is open for two more years. A prediction that cannot be wrong by any date, such as *this road may be a direction*, has no row.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Four stood above, all before their answer, one of them a planted bug, and an experiment with the memory. One for the end: write a model of your own into a file, give it to `python -m course_lib exam --model`, and add its row to your page. What you have solved so far:

# %% tags=["nbval-ignore-output"]
progress()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# **"No model meets the standard of the literature on causes and physics"** (都没有达到因果推理文献和物理定律所设定标准). Partly, and for our models only. One cause was asked for, one platform, and one model of four dreams more than half of the effect (0.58, 0.44 to 0.71); nobody reaches the simulator's. In notebook 23 a small model judges nine physical properties without an error, in the family of its films, and dreams fast balls too slowly and slow ones too fast outside it. So a standard of causes and laws is met by none of them. Millière's own conclusion is weaker than the slide's: behaviour alone cannot decide it.

# %% [markdown] tags=["lecture"]
# **"Sora is not a world model: it does not predict frames by simulating the scene"** (Sora 不是世界模型). Cannot be tested here for Sora: its weights are not public, and the claim is about what happens inside. For our film model the sentence is half right. It has no simulator in it that anybody found; but what it draws when a platform disappears is what a simulation would draw, in part. *It does not simulate* does not follow from *it was trained on pixels*.

# %% [markdown] tags=["lecture"]
# **"I-JEPA and V-JEPA are the future of world models"** (I-JEPA / V-JEPA 才是世界模型的未来). Partly, on our table. The JEPA with keys is the best to plan in, at the lowest cost, and has the only state that keeps structure and can be moved. But it needs keys, which neither I-JEPA nor V-JEPA has; it cannot show what it expects; and in causes the film model is ahead (0.58 against 0.27). Two strengths of two schools do not make one of them the future.

# %% [markdown] tags=["lecture"]
# **The predictions** (C90 to C93) have their verdicts in the scorecard. *Learning actions through the latent space of video may be a direction* (C89) cannot be tested: nothing in it can fail.

# %% [markdown] tags=["lecture"]
# **So who has a world model?** By the first demand, simulate: V-M-C, the film model and Genie do, above every floor; and a memory of films does too, so the demand is too weak in this world. By the second, structure and causes: the JEPA has structure, the film model one cause, and nobody both. A world model in the full sense of the lecture was not found among them. What was found is that the two demands pull apart, and that each school has a part of what it promised. That is the lecture's own guess about Sora (*not a world model, but perhaps a part of one*), and on our table it holds for all of them.

# %% [markdown] tags=["lecture"]
# **What this toy cannot show.** One small world with few causes, films of three seconds, one seed of each model, and models of at most a few million numbers. The columns are ours; others would have chosen others. A floor's own interval is left out of the marks. And a verdict on five small models is none on the large ones that bear the same names: what would change it is the same table for one of those, with the floors in it. Nobody outside can fill that in today for Sora.
#
# The three predictions. 1. None of them: nobody is above in all eight columns. 2. The memory beats its controls in three of the four. 3. The JEPA, 19 of 20.
#
# The two questions *to discuss*. 1. There is no right answer, and the sliders above show why: the order of the models changes with it. If the model is to be acted with, planning and control; if it is to be trusted where no film has been, causes. 2. Something that no film showed and that only the cause decides: a platform that is taken away, seen from rooms that look different each time, and then the same in one that nobody filmed.

# %% [markdown]
# **Larger.** `python -m course_lib exam --all --json` asks everybody; `python -m course_lib study verdict` keeps the rows. With a GPU the sizes `gpu` of each model are trained by `python -m course_lib train NAME --size gpu` and take the same exam.
#
# **References.** Ha & Schmidhuber, *World Models*, 2018, arXiv 1803.10122. OpenAI, *Video generation models as world simulators*, 2024. Bruce et al., *Genie*, 2024, arXiv 2402.15391. LeCun, *A Path Towards Autonomous Machine Intelligence*, version 0.9.2, 2022. Kang et al., *How Far is Video Generation from World Model*, 2024, arXiv 2411.02385. Millière, *Are video generation models world simulators?*, 2024. Wang et al., *DriveDreamer*, 2023, arXiv 2309.09777. Epoch AI, *Tracking compute-intensive AI models*, 2024. Black et al., *π0*, 2024, arXiv 2410.24164. Figure, *Helix*, 2025. Repositories SkyworkAI/Matrix-Game and Tencent-Hunyuan/HunyuanWorld-1.0.
#
# Claims examined here: C86, C87, C88, C89, C90, C91, C92, C93

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** [25 What latents know](25_what_latents_know.ipynb)
# - **After it:** nothing, the course ends here
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C86](claims.md#c86), [C87](claims.md#c87), [C88](claims.md#c88), [C89](claims.md#c89), [C90](claims.md#c90), [C91](claims.md#c91), [C92](claims.md#c92), [C93](claims.md#c93)
