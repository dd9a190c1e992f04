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
# # 22 Planning in levels
#
# **The question.** Nobody plans a journey muscle by muscle. First the cities, then the train, then the steps. Does an agent with a world model plan better at two levels than at one? And before that: is planning by search the right way at all, or could one solve the room once and for all, as notebook 01 did?
#
# **After this notebook you can** cut a learned state space into cells and solve Bellman's equation (贝尔曼方程) in it, say what each of three ways to act needs and costs, build a second level of prediction with a latent variable (隐变量), plan at two levels (分层规划), compare planners at equal budgets, and run one planner in the models of four schools.
#
# | | |
# |---|---|
# | It costs | about a minute of computing on one core, an hour of reading and exercises; about 1 GiB of memory |
# | It needs | the agent and its search from notebook 21; Bellman's equation from notebook 01; energies with a latent variable from notebook 17 |
# | It builds | a table of a room from imagined films, a hierarchical JEPA of two levels, a planner on both |
# | It examines | two sentences of the slides (of the lecture that this course follows; `claims.md` lists them all) on how to plan and on the hierarchy |
#
# **Lecture plan (45 minutes).** 5 question and prediction; 6 six numbers; 10 a room as a table; 12 two levels, live; 4 look and play; 8 the measurement, the discussion.
#
# **To discuss.** 1. In which tasks of your own day would a planner that looks one second ahead be enough? 2. A sub-goal that cannot be reached is worse than none. Who should notice it, the upper level or the lower one?

# %% [markdown] tags=["lecture"]
# The lecture says how an agent's step becomes a plan, and names what JEPA adds:
#
# > **The slides.** *将 Model I 中单一个环节拓展成序列 → 马尔科夫链，使用贝尔曼方程求解马尔可夫决策过程 → 使用基于梯度方法搜索最优动作序列 → 使用深度学习求解* (stretch one step into a sequence: a Markov chain; solve the Markov decision process by Bellman's equation; then search the best actions by gradient; then solve it by deep learning). *JEPA 主要贡献正是分层架构和世界模型的训练流程* (JEPA's main contributions are the hierarchical architecture and the way in which a world model is trained).

# %% [markdown] tags=["lecture"]
# The first sentence lists three ways to solve one task. We take them at their word, with the task of notebook 21. The second one names two contributions. Training was the subject of notebooks 17 and 18; the hierarchy is section 4.6 of LeCun, *A Path Towards Autonomous Machine Intelligence* (2022): the H-JEPA, a proposal without an experiment. We build the smallest one that can fail, and measure.

# %% tags=["lecture"]
from functools import lru_cache

import numpy as np
import torch

from course_lib import show
from course_lib.exercises import answer, exercise, hint, progress  # noqa: F401

show.use_style()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# The agent has to reach four goal pictures in one room, one after the other: up to the platform, down to the floor, up, down. It has 40 frames for each. Everybody may imagine the same number of steps before each decision. Write down the share of rooms in which all four are reached,
#
# 1. by a planner at **one level**, which looks 14 frames ahead,
# 2. by a planner at **two levels**, which looks 32 frames ahead above and 8 below.

# %% tags=["lecture"]
my_one_level, my_two_levels = 0.7, 0.9  # your two answers, from 0 to 1

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Intuition
#
# ### Six numbers
#
# A corridor of six places again, with the goal at place 5. The first of the three ways needs no search. Give every place a value: 1 for arriving at the goal, and nine tenths of the best neighbour's value elsewhere. Repeat until nothing changes. That is value iteration (价值迭代).

# %% tags=["lecture", "nbval-check-output"]
value = np.zeros(6)
for sweep in range(8):
    ahead = [np.clip(np.arange(6) + step, 0, 5) for step in (-1, 0, 1)]
    value = np.max([(where == 5) + 0.9 * value[where] * (where != 5) for where in ahead], axis=0)
    value[5] = 0.0  # who is there has arrived
    print(sweep + 1, value.round(2))

# %% [markdown] tags=["lecture"]
# The value walks one place to the left in each sweep. After five sweeps the whole corridor is solved, from *every* place at once, and acting is looking up: go where the value is larger. Nothing is ever searched again. What it took was a list of all places and where each step leads.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# Now make the corridor longer, and look at the price of *search*. To find a way of 12 steps among left, stay and right, one can try all plans of 12 steps. Or one plans three leaps of four places first, and then the four steps of the first leap.

# %% tags=["lecture", "nbval-check-output"]
for length in (4, 8, 12, 16):
    flat, leaps = 3**length, 3 ** (length // 4) + 3**4
    print(f"{length:2} steps: {flat:>10,} plans at one level, {leaps:>4} at two")

# %% [markdown] tags=["lecture"]
# That is the promise of a hierarchy: 162 plans instead of 43 million. It rests on two silent assumptions. A leap that was chosen above can be *carried out* below. And the search at one level has to try all plans, while the cross-entropy method of notebook 21 found its way among 16,384 with 128 tries. Keep both in mind.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# ### The task, and the third way already built
#
# The room, the goal picture and the model are those of notebook 21: a JEPA that is told the keys, 64 numbers for a frame. There, *Mode-2* searched keys by the cross-entropy method or by gradient, and *Mode-1*, a policy distilled from such plans, pressed them without a search. Two of the slide's three ways are done. Bellman's is missing.

# %% tags=["lecture"]
from course_lib.models.action_jepa import embedding
from course_lib.planning.goals import embed_pictures, perceive
from course_lib.training import load_checkpoint
from course_lib.views.agent import fit_place_reader
from course_lib.worlds.goal_pictures import draw_goal_tasks, goal_pictures
from course_lib.worlds.starless import make_starless

model = load_checkpoint("action_jepa").eval()
tasks = draw_goal_tasks(20, split="validation", first=20)
goals = goal_pictures(tasks)  # (20, 32, 32, 3)
begins = goal_pictures([type(task)(task.goal, task.room) for task in tasks])  # the same rooms at their first frame
show.grid(np.concatenate([begins[:4], goals[:4]]), columns=4, titles=["begin"] * 4 + ["goal"] * 4)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### A room as a table
#
# Bellman's equation wants states that can be listed. Ours are two rows of 64 numbers, the embeddings of the last two frames (two, so that a state has a speed), and such states cannot be listed. So we make a list. The model imagines 160 futures of random keys from the first frame, then from states that it came to, three times in all. The 4,320 imagined states are put into 200 **cells** (单元) by k-means. Then we count, as in notebook 01: how often did each key, held for two frames, lead from each cell to each other one?

# %% [markdown]
# **Exercise 1. A table from counts.** (Difficulty 2, 8 minutes.) A blank left as `...` never stops the notebook: the library's answer is used. `hint("levels.table")` helps in two steps; `answer("levels.table")` shows a solution.

# %%
@exercise("levels.table")
def my_table(counts: torch.Tensor) -> torch.Tensor:
    """The probabilities p(s' | s, a) from counts; a key that was never tried in a cell is taken to stay there.

    counts: float (S, A, S), how often key a led from cell s to cell s' -> (S, A, S).
    """
    ...


# %% tags=["lecture"]
from course_lib.models.tabular import value_iteration
from course_lib.planning.cells import best_keys, imagine_cells
from course_lib.studies.three_ways import both_embeddings

state = perceive(model, begins[:1, None], np.zeros((1, 0), np.uint8))
cells = imagine_cells(model, state, both_embeddings, embedding, generator=torch.Generator().manual_seed(0))
goal = embed_pictures(model, embedding, goals[:1])[0]  # (64,)
target = int((cells.places - goal).norm(dim=1).argmin())  # the goal's cell
table = my_table(cells.counts).double().numpy()  # (200, 4, 200)
solved = value_iteration(table, table[:, :, target], 0.9, tolerance=1e-4)
assert np.allclose(solved.values, best_keys(cells, goal)[1], atol=1e-3)  # the library finds the same
tried = float((cells.counts.sum(dim=2) > 0).float().mean())
print(f"{len(table)} cells, {tried:.2f} of the keys were tried; solved in {solved.sweeps} sweeps")

# %% [markdown] tags=["lecture"]
# Where are these cells? As in notebook 21 a small network reads the agent's place from an embedding, for drawing alone. On the left, what each cell is worth. Here every moment in the goal's cell is worth 1, not only the arrival, so with the discount of 0.9 a value can be as high as 10. On the right, the key that Bellman's equation says is the best there.

# %% tags=["lecture"]
from course_lib.views.levels import cells_figure

films = make_starless(split="train", count=150)
reader = fit_place_reader(model, films, steps=800)
cells_figure(begins[0], cells, solved.policy, solved.values, tasks[0].place, reader)

# %% [markdown] tags=["lecture"]
# The goal's surroundings are worth most, and look along the floor: cells beyond the platform's right end are worth more (greener) than cells under it, though those are nearer to the ring. The table has found out what the distance to the goal picture hides, that the way up leads *around* the platform's edge. On the right the keys say the same: *right* under the platform, *jump* beside it. But they are noisy. Of 800 pairs of a cell and a key each was tried about five times on average, and .07 never, and neighbouring cells at one place differ only in their speed.

# %% [markdown] tags=["lecture"]
# One table answers for every cell of the room, also for those that the agent will never be in. That is Bellman's way: solve all states at once, then look up. Now twenty rooms, each with a table of its own:

# %% tags=["lecture"]
from course_lib.planning.rooms import play_rooms
from course_lib.studies.three_ways import cell_player

player = cell_player(model, tasks)
played = play_rooms(player, tasks)
print(f"{played.reached.sum()} of {len(tasks)} goals, {player.sampling.evaluations} imagined steps for each room, once")

# %% [markdown] tags=["lecture"]
# Sixteen of twenty, without any search while it acts. The first 100 test rooms stand in *Measure*, beside the two other ways.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### A second level
#
# In the H-JEPA of the position paper the upper level predicts *farther* and *says less*. It has no keys: over eight frames there are $4^8 = 65{,}536$ rows of keys, and most of them lead to much the same places. What matters is which place. So its action is a **latent variable** $z$, one of 16 codes, that stands for whatever the present does not say about the state eight frames later:
#
# $$E(s_t, s_{t+8}, z) = \tfrac1{64} \lVert s_{t+8} - \mathrm{Pred}_2(s_t, z) \rVert^2, \qquad F = \min_z E .$$
#
# $s_t$ is the frozen encoder's embedding of frame $t$, $\mathrm{Pred}_2$ a small network, the new level. It is the energy of notebook 17 with its minimum over $z$: nobody says which code belongs to which pair; for each pair the code with the least energy counts.

# %% [markdown] tags=["lecture"]
# With the minimum alone a code that never wins never learns. So the loss of a pair is *relaxed* (Rupprecht et al. 2017): a small share goes to the mean over all codes.
#
# $$\mathcal L = (1 - \varepsilon) \min_z E(z) + \varepsilon \, \frac1{16} \sum_z E(z), \qquad \varepsilon = 0.05 .$$

# %% [markdown]
# **Exercise 2. A level that may choose its code.** (Difficulty 2, 8 minutes.)

# %%
@exercise("levels.code_loss")
def my_code_loss(guesses: torch.Tensor, later: torch.Tensor, relax: float) -> torch.Tensor:
    """The loss of each pair: (1 - relax) of the smallest energy over the codes, and relax of their mean.

    guesses: (B, Z, D), one for each code; later: (B, D), what came -> (B,). An energy is the mean over D of the squares.
    """
    ...


# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Train live
#
# The upper level learns from the same kind of films as the lower one, 300 of them, in embeddings. Beside the energy it learns a **prior** (先验) $p(z \mid s)$: which code was the best one after which state. Not every leap is possible everywhere, and a planner should know. About a quarter of a minute.

# %% tags=["lecture"]
from course_lib.models.base import fresh
from course_lib.models.second_level import RELAX, SecondLevel, embed_films
from course_lib.studies.levels import foresight


class MySecondLevel(SecondLevel):
    def loss(self, s: torch.Tensor, later: torch.Tensor) -> dict[str, torch.Tensor]:
        found = super().loss(s, later)  # its "prior" is the prior's cross-entropy
        return found | {"loss": my_code_loss(self.every_guess(s), later, RELAX).mean() + found["prior"]}


# %% tags=["lecture"]
learned_from = embed_films(model, make_starless(split="train", count=300))  # (300, 48, 64)
held_out = embed_films(model, make_starless(split="validation", count=40))
upper = fresh(lambda _: MySecondLevel(model), None, 0)
rows = upper.learn(learned_from, generator=torch.Generator().manual_seed(0), steps=800)
seen = foresight(upper, held_out)
print("codes that are the best one somewhere:", sum(share > 0 for share in seen["used"]), "of 16")
show.table([{"eight frames later": name, "squared error": seen[key]} for name, key in
            (("copy the present", "copy"), ("always the same code", "one code"), ("the best of 16 codes", "energy"))])  # fmt: skip

# %% [markdown] tags=["lecture"]
# In eight frames an embedding moves by 1.05 (squared distance, per number). The best single code for all pairs still misses by .56. The best of 16 misses by .11: nine tenths are explained. All 16 codes are in use. But the *best* code is known only afterwards. Whether a planner can use these codes is another question; *Measure* answers it.

# %% [markdown] tags=["lecture"]
# What do the codes mean? From four frames, where does each code leap to? The size of a dot is its prior.

# %% tags=["lecture"]
from course_lib.views.levels import codes_figure

fresh_films = make_starless(split="validation", count=4)
moment = torch.stack([held_out[i, 10] for i in range(4)])  # the embeddings of frame 10
codes_figure(fresh_films.frames[:, 10], upper, moment, reader)

# %% [markdown] tags=["lecture"]
# The codes are places to be, eight frames from now: along the floor to either side, up beside the platform, down from it. They follow the agent, and nobody told the model that there is a left and a right. And the prior is modest: the likeliest code has a share of .17 to .29. In the fourth picture several codes go from the floor high up beside the platform, with others along the floor. Which of them is possible depends on how fast the agent moves, and a single frame has no speed. Remember that.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### Planning at two levels
#
# The upper level is a world model like any other: a state, an action (the code), the next state. So the cross-entropy method of notebook 21 plans in it unchanged, four leaps to the goal. To the cost of a plan it adds the mean of $-\log p(z \mid s)$ over the leaps: an unlikely leap is charged for. The state after the first leap becomes the **sub-goal** (子目标) of the lower level, which plans four keys, eight frames, to come near *that*. Two frames later both plan again.

# %% [markdown]
# **Exercise 3. Equal budgets.** Comparing planners of different budgets compares computers. One level imagines 64 plans of seven keys, each held for two frames. How many plans may the upper level have, when the lower one has 64 plans of four keys? (Difficulty 2, 8 minutes.)

# %%
@exercise("levels.equal")
def my_equal_leaps(candidates: int, chunks: int, hold: int, lower_chunks: int, leaps: int) -> int:
    """How many upper plans each round may have, for two levels to imagine no more than one level does.

    One level imagines ``candidates`` plans of ``chunks`` keys, each held for ``hold`` frames. At two levels the lower
    one imagines as many plans of ``lower_chunks`` keys, the upper one plans of ``leaps`` leaps. The rounds are equal.
    """
    ...


# %% tags=["lecture"]
from course_lib.planning.cem import Budget
from course_lib.planning.levels import BudgetOfLevels, OneLevel, TwoLevels, play_goal_rows
from course_lib.worlds.goal_rows import draw_goal_rows, row_pictures

plans = 16  # few, and one round: notebook 21 had 64 plans and two rounds
one_level = Budget(chunks=7, candidates=plans, rounds=1)
two_levels = BudgetOfLevels(upper=Budget(4, my_equal_leaps(plans, 7, 2, 4, 4), 1, hold=1), lower=Budget(4, plans, 1))
print(f"imagined steps for a decision: {one_level.evaluations} at one level, {two_levels.evaluations} at two")
rooms = draw_goal_rows(16, goals=4, split="validation", first=300)
pictures = row_pictures(rooms)  # (16, 4, 32, 32, 3)
show.grid(np.concatenate([goal_pictures([type(tasks[0])(rooms[0].room, rooms[0].room)]), pictures[0]]), columns=5,
          titles=["begin", "goal 1", "goal 2", "goal 3", "goal 4"])  # fmt: skip

# %% [markdown] tags=["lecture"]
# Here is the planner at two levels, with a planted bug: the sub-goal is wrong.

# %% tags=["lecture"]
def broken(way: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    nearest = (way - goal[:, None]).norm(dim=2).argmin(dim=1)
    return torch.where((nearest == 0)[:, None], goal, way[:, 0])


class Planner(TwoLevels):
    """The library's, with another way to choose the sub-goal."""

    choose = staticmethod(broken)


# %% [markdown]
# **Exercise 4. Find the bug.** An upper plan of four leaps is five states. Where is the lower level sent? Write the version that is right. (Difficulty 3, 10 minutes.)

# %%
@exercise("levels.subgoal")
def my_subgoal(way: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    """Where the lower level shall go: the state after the first leap, or the goal where the plan is nearest to it then.

    way: (M, leaps + 1, D), an upper plan of each room, the present first. goal: (M, D) -> (M, D). The present does not
    count.
    """
    ...


# %% tags=["lecture"]
def play(player) -> dict:
    found = play_goal_rows(player, rooms)
    done = [int((found.steps[:, : k + 1] <= found.limit).all(axis=1).sum()) for k in range(4)]
    return {f"{k + 1} in a row": done[k] for k in range(4)} | {"decisions": found.decisions}


made = {"embed": embedding, "goals": pictures}
rows = []
for name, choose in (("broken", broken), ("mended", my_subgoal)):
    planner = Planner(model, upper, **made, budget=two_levels, generator=torch.Generator().manual_seed(0))
    planner.choose = choose
    rows.append({"two levels": name} | play(planner))
rows.append({"two levels": "(one level)"} | play(OneLevel(model, **made, budget=one_level, generator=torch.Generator().manual_seed(0))))
show.table(rows)

# %% [markdown] tags=["lecture"]
# An index that is one too small, and not one first goal of 16 is reached: the agent is told to be where it is. Mended, 11 first goals are reached and 9 whole rows. One level, with the same 224 imagined steps, finishes all 16.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# Both plans, drawn over what the agent sees. Squares joined in blue: the upper plan, four leaps. The black cross: the sub-goal. Small orange dots: the lower plan, eight frames. The yellow ring: the goal picture's place.

# %% tags=["lecture"]
from course_lib.views.levels import levels_figure, watch_row


def planner_for(which: int) -> TwoLevels:
    """The planner at two levels, with more plans, in one room alone."""
    budget = BudgetOfLevels(upper=Budget(4, 96, 2, hold=1), lower=Budget(4, 64, 2))
    return TwoLevels(model, upper, pictures[which : which + 1], embedding, generator=torch.Generator().manual_seed(1), budget=budget)


moments = watch_row(planner_for(0), rooms[0], reader)
levels_figure(moments[:8])

# %% [markdown] tags=["lecture"]
# Frames 0 to 4 are what one had hoped for: the agent stands below the platform, the upper plan goes *out* to the left first and only then up to the ring, and the lower one obeys. At frame 11 the first goal is passed and the second, on the floor, is wanted. But look at frame 8. The agent is in the air, the upper plan leaps level onto the platform, and the lower plan, which knows how fast it falls, comes down short of the cross, at the platform's edge. The upper level sees one embedding, without a speed. It believes in leaps that may not be possible from here.

# %% tags=["lecture"]
from course_lib.views.levels import levels_film

show.gif(levels_film(moments[:24]), fps=4, scale=1)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# Choose a room, and go through the decisions. Where does the cross make sense, and where does it ask for the impossible?

# %% tags=["lecture", "nbval-ignore-output"]
@lru_cache(maxsize=16)
def lived(room: int) -> list:
    return watch_row(planner_for(room), rooms[room], reader)


def decision(room: int = 1, moment: int = 2):
    """One decision at two levels."""
    seen = lived(room)
    return levels_figure([seen[min(moment, len(seen) - 1)]], columns=1)


show.explore(decision, room=(0, 7, 1), moment=(0, 19, 1))

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# What does the upper level contribute? We exchange it: for one that charges nothing for unlikely leaps, for one that has learned nothing, and for none at all, so that the lower level alone goes for the goal with the same number of imagined steps.

# %% tags=["lecture"]
def two(level: SecondLevel, **more) -> TwoLevels:
    return TwoLevels(model, level, **made, budget=two_levels, generator=torch.Generator().manual_seed(0), **more)


blank = fresh(lambda _: SecondLevel(model), None, 5).eval()
short = OneLevel(model, **made, budget=Budget(4, 28, 1), generator=torch.Generator().manual_seed(0))
show.table([{"upper level": name} | play(player) for name, player in
            (("as built", two(upper)), ("no charge for unlikely leaps", two(upper, unlikely=0.0)),
             ("untrained", two(blank)), ("none, the lower level alone", short))])  # fmt: skip

# %% [markdown] tags=["lecture"]
# As built, 9 of 16 rows are finished; with no charge for unlikely leaps 7, with an untrained upper level 4. With 16 rows these three cannot be told apart (the charge was chosen on other rooms, with another upper level). The lower level *alone*, straight to the goal, finishes 12. On these few rooms the sub-goals seem to cost more than they give; *Measure* asks in a hundred.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Measure
#
# ### One task, three ways
#
# The test tasks of notebook 21. The table of 200 cells was played in the first 100 of them for this notebook, the two other tables in the first 50 (`python -m course_lib study three_ways`); search and policy are kept from notebook 21. First, how long does each take for a key, from frames to keys, here and now and in turns? An untrained policy stands for Mode-1: what it has learned changes nothing in its time.

# %% tags=["lecture", "nbval-ignore-output"]
from course_lib.planning.cem import cross_entropy
from course_lib.planning.gradient import gradient_search
from course_lib.planning.policy import PolicyPlayer
from course_lib.studies.agent import DESCENT, goal_planner, milliseconds, new_policy
from course_lib.studies.reaching import LARGEST

one = tasks[:1]
players = {"Bellman": player, "cross-entropy": goal_planner(model, one, LARGEST, cross_entropy),
           "gradient": goal_planner(model, one, DESCENT, gradient_search),
           "policy": PolicyPlayer(model, new_policy(model), goals[:1], embedding)}  # fmt: skip
ms = {name: float(np.median(values)) for name, values in milliseconds(players, one[0], 2, 10).items()}
show.table([{"way": name, "milliseconds a frame": value} for name, value in ms.items()])

# %% tags=["lecture"]
from course_lib.exam.measures.intervals import wilson_interval
from course_lib.studies.agent import measured_agent
from course_lib.studies.reaching import LIMIT, measured_reaching
from course_lib.studies.three_ways import measured_three_ways

before, others, tables = measured_agent(), measured_reaching(), measured_three_ways()


def way(name: str, steps: np.ndarray, needs: str) -> dict:
    low, high = wilson_interval(int((steps <= LIMIT).sum()), len(steps))
    return {"way": name, "reached": float((steps <= LIMIT).mean()), "from": low, "to": high, "of": len(steps), "needs": needs}


# %% tags=["lecture"]
rows = [way("Bellman, 200 cells", tables.steps["table"], "a table of each room first"),
        way("Bellman, 50 cells", tables.steps["few"], "the same, smaller"),
        way("Bellman, untrained model", tables.steps["untrained"], "(control)"),
        way("search, cross-entropy", others.players["planned"], "1,792 imagined steps a decision"),
        way("search, gradient", before.steps["gradient"]["steps"], "a model with a slope"),
        way("learned policy (Mode-1)", before.steps["mode1"]["steps"], "a planner's keys in 350 rooms")]  # fmt: skip
print(f"a room's table and all its look-ups take {tables.seconds['table']:.2f} seconds")
show.table(rows)

# %% [markdown] tags=["lecture"]
# All three ways work in one and the same world model. **Search** by the cross-entropy method reaches .993, by gradient .987. The **policy** reaches .957, for the one kind of wish that it practised, and is 9.3 times as fast as the search (kept in notebook 21). **Bellman's** table reaches .82 (.733 to .883), below the intervals of all three. A quarter of the cells and futures leaves .58, an untrained model 0 of 50. So a table is as good as its model and as the number of its cells.
#
# What each is good for differs more than the scores. A table holds for *every* state of the room and needs another one for each room: 7,680 imagined steps, as many as four or five decisions of the search. A gradient takes 8.9 times as long as the cross-entropy method (kept in 21). A policy needs a teacher.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Two levels against one
#
# 100 test rooms, four goals each, kept from one run (`python -m course_lib study levels`). Before a decision everybody may imagine as many steps of a predictor: 112 (*small*) or 224 (*middle*). Notebook 21 spent 1,792 and reached 298 of 300 single goals; with less there is something to compare. Five planners:
#
# - **one level**: seven keys, 14 frames ahead, to the goal;
# - **two levels**: four leaps, 32 frames ahead, then four keys, 8 frames, to the sub-goal;
# - **untrained above**: the same with an upper level that has learned nothing, the control;
# - **short**: four keys to the goal itself, the lower level alone;
# - **far**: 14 keys, 28 frames ahead, and half as many plans.
#
# The weight of the charge for unlikely leaps (1, from 0, 0.3 and 1) was chosen on 40 validation rooms.

# %% [markdown]
# **Exercise 5. Rows that were finished.** (Difficulty 1, 6 minutes.)

# %%
@exercise("levels.finished")
def my_finished(steps: torch.Tensor, limit: int) -> torch.Tensor:
    """How many rows of 1, 2, ... goals were finished: all of their goals reached, each within ``limit`` frames.

    steps: int64 (N, K), frames to each goal from the one before; limit + 1 where it was not reached, and for all goals
    after that -> int64 (K,).
    """
    ...


# %% tags=["lecture"]
from course_lib.studies.levels import measured_levels
from course_lib.views.levels import finished_figure

kept = measured_levels()
finished = {search: {name: my_finished(torch.from_numpy(steps.reshape(-1, 4)), LIMIT).numpy() for name, steps in players.items()}
            for search, players in kept.steps.items()}  # fmt: skip
rows_played = kept.steps["small"]["one level"].size // 4
finished_figure(finished, rows_played)

# %% tags=["lecture"]
rows = []
for search, players in finished.items():
    for name, counts in players.items():
        low, high = wilson_interval(int(counts[3]), rows_played)
        frames = kept.steps[search][name].reshape(-1, 4)
        took = frames[(frames <= LIMIT).all(axis=1)].sum(axis=1)
        rows.append({"budget": search, "planner": name} | {f"{k + 1} in a row": counts[k] / rows_played for k in range(4)}
                    | {"from": low, "to": high,
                       "frames for four, median": float(np.median(took)) if len(took) else float("nan")})  # fmt: skip
print(f"you said {my_one_level} at one level and {my_two_levels} at two")
show.table(rows)

# %% [markdown] tags=["lecture"]
# Rows of four goals at 224 steps: **one level** finishes 97 of 100 (.915 to .990), **two levels** 56 (.462 to .653). At 112 steps it is 93 against 29. The intervals are apart at every length of the row, already for a single goal: 97 against 77, 99 against 65. So here two levels are not better and not even as good; they are clearly worse.
#
# And the control is worse news. An upper level that has *learned nothing* finishes 54 of 100 with 224 steps, as many as the trained one, and 40 with 112, more than its 29. What carries both is the lower level. Left alone, looking eight frames ahead straight to the goal, that finishes 84 and 78. Here the sub-goals do harm, whoever makes them. A likely reason, not tested, is the one in *Look*: the upper level knows no speed.
#
# Was a longer look needed at all? **Far** looks nearly as far ahead as two levels do, 28 frames against 32, and has no sub-goals: 87 and 61. With few plans it is better to look 14 frames ahead than 28. In a room where a goal is 10 to 20 frames away, and replanning comes every second frame, there was nothing for a hierarchy to gain.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### The same planner in other schools' models
#
# The planner knows nothing of its model but the contract of the course, so it can be given to V-M-C (part II), to the diffusion transformer that takes keys (part III) and to Genie (part IV; its latent actions are pressed through its table of keys). Each plays the same 20 rooms: plans of 12 frames, 32 candidates, one round, 8 frames pressed before it plans again. What *near the goal* means is asked in two ways: by the distance of the model's **own state** from that of the goal's picture, or by the **place** that the course's reader finds in what the model draws. The JEPA draws nothing, so nothing can be read. The rooms have no star; the JEPA learned from such films, the others from films with one.
#
# To be affordable, the transformer takes 2 sampling steps for a frame and Genie 1 decoding step, fewer than they are played with.

# %% tags=["lecture"]
from course_lib.studies.planners import measured_planners

schools = measured_planners()
rows = []
for row in schools.rows:
    low, high = wilson_interval(int((row.steps <= LIMIT).sum()), len(row.steps))
    rows.append({"model": row.model, "near by": row.by, "its films": row.films, "reached": float((row.steps <= LIMIT).mean()),
                 "from": low, "to": high, "seconds a plan": row.seconds})  # fmt: skip
for name, steps in schools.controls.items():
    low, high = wilson_interval(int((steps <= LIMIT).sum()), len(steps))
    rows.append({"model": name, "near by": "", "its films": "", "reached": float((steps <= LIMIT).mean()),
                 "from": low, "to": high, "seconds a plan": ""})
show.table(rows)

# %% [markdown] tags=["lecture"]
# By its own state the **JEPA** reaches 19 of 20, **V-M-C** 17, **Genie** 12 and the **film transformer** 9; random keys 3, the oracle 20. With twenty rooms the intervals are wide: JEPA and V-M-C cannot be told apart (.764 to .991 and .640 to .948), and neither can V-M-C and Genie. But everybody is above random keys (.052 to .360) in the count, JEPA, V-M-C and Genie also with their whole interval. So the models that draw *can* be planned in by the same code; the JEPA needs 0.02 seconds for a plan, V-M-C 0.04, the film transformer 1.2 and Genie 2.5.
#
# And is the reader's place, which is what the task is about, not a better distance than the model's own numbers? Not here: V-M-C has 15 against 17, Genie 11 against 12, the film transformer 11 against 9. In none of the three is there a difference to speak of.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Five stood above: four before their answers in *Build*, one in *Measure*. The third foretold a budget, the fourth was a planted bug. What you have solved so far, here and in the other notebooks:

# %% tags=["nbval-ignore-output"]
progress()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# **"Bellman's equation, then gradient search, then deep learning"** (使用贝尔曼方程 → 使用基于梯度方法搜索最优动作序列 → 使用深度学习求解). Partly. The three exist, and all three solve the same task here. But the arrows suggest that each replaces the one before. Bellman's equation is exact where states can be listed. What fails here is the list: 82 of 100. The position paper proposes gradient search in Mode-2; here another search is as good and nine times as fast. And the policy does not replace the search: it was taught by it. "Deep learning" stands behind all three, since every one of them acts in a learned model.

# %% [markdown] tags=["lecture"]
# **"JEPA's main contribution is the hierarchy"** (JEPA 主要贡献正是分层架构). Partly. The hierarchy is the last third of the position paper's section 4, and a proposal: I-JEPA and V-JEPA, the models that carry the name, have one level. Built here in its smallest form, with a latent variable above and sub-goals below, it finishes 56 of 100 rows of four goals where one level with the same number of imagined steps finishes 97. That does not refute the idea; it says that leaps have to be *possible from here* before planning with them pays.

# %% [markdown] tags=["lecture"]
# **What this toy cannot show.** One room with one platform, in which a goal is seldom farther than 20 frames: the very place where one level should be enough. A hierarchy is meant for tasks in which it is not. And our upper level is small, sees one frame, and was trained for minutes; a negative result with it says that two levels are not better *by themselves*. It does not say that no hierarchy can be. The sub-goals were chosen by one simple rule, and nothing was tuned but the price of an unlikely leap.

# %% [markdown] tags=["lecture"]
# The two questions *to discuss* have no number. 1. Catching a ball, or stepping round a puddle: whatever is over within a second. Cooking a meal is not. 2. Here neither does. The lower level knows after one search that it cannot come near the cross, since its own cost says so; a message upwards ("not from here") would be the first thing to build next.

# %% [markdown]
# **Larger.** `python -m course_lib study levels` plays all rows again and keeps them; `python -m course_lib study planners` does the same for the other schools' models.
#
# **References.** LeCun, *A Path Towards Autonomous Machine Intelligence*, version 0.9.2, 2022, sections 3.1 (Mode-2), 4.2 (latent variables), 4.6 (H-JEPA). Sutton & Barto, *Reinforcement Learning*, 2nd edition, 2018, equation 4.10 (value iteration). Rupprecht et al., *Learning in an Uncertain World*, 2017, arXiv 1612.00197, equation 5 (relaxed winner takes all). Sutton, Precup & Singh, *Between MDPs and semi-MDPs*, Artificial Intelligence 112, 1999 (options). De Boer et al., *A tutorial on the cross-entropy method*, Annals of Operations Research 134, 2005.
#
# Claims examined here: C75, C76

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** [21 The autonomous agent](21_autonomous_agent.ipynb)
# - **After it:** [23 Violation of expectation](23_violation_of_expectation.ipynb)
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C75](claims.md#c75), [C76](claims.md#c76)
