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

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# # 01 What is a world model?
#
# **The question.** What is a world model (世界模型), what is it good for, and how would you know that a program has one?
#
# **After this notebook you can** say what a state, an action, a reward and a next state are; build a world model by counting; solve Bellman's equation (贝尔曼方程) in it; say what planning with a model saves and what it costs when the model is wrong; and turn two sentences of a lecture into questions that a program can be examined with.
#
# The lecture is 大模型系列: 世界模型 by ZOMI (chenzomi12.github.io), whose claims this course tests.
#
# | | |
# |---|---|
# | It costs | about half a minute of computing on two cores, an hour of reading and exercises; less than 0.5 GiB of memory |
# | It needs | notebook 00 for the map; Python, numpy arrays, the idea of a probability |
# | It builds | a world model of 43 states, and an agent that plans in it |
# | It examines | the lecture's definition of a world model, its history of the word, and its two closing demands |
#
# **Lecture plan (45 minutes).** 5 the question and the prediction; 7 the lamp; 12 the room, counting, Bellman; 6 Dyna, look and play; 5 the moved door; 6 the measurement and where it ends; 4 the definition, the labels, the demands, the discussion.
#
# **To discuss.** 1. A thermostat keeps a room at 20 degrees. Has it a model of the room? 2. Which would you rather have in a car: a model that is right about 99 % of the streets and does not know which, or one that is right about 90 % and knows?

# %% [markdown] tags=["lecture"]
# The lecture's slide says it in one sentence, here in our English:
#
# > A world model is an agent's (智能体) inner representation of the environment it acts in. **Given the state of the environment and an action of the agent, it predicts the state that follows.**

# %% [markdown] tags=["lecture"]
# Two things go in, a *state* and an *action*. One comes out, the *next state*. No word about pictures, networks or size. So the smallest program that fits the sentence deserves the name, and we build that one first: it counts.

# %% tags=["lecture"]
import numpy as np
import torch

from course_lib import show
from course_lib.models.tabular import ACTIONS, grid_room
from course_lib.show.grids import curves, rooms
from course_lib.views.dyna import plan_after, share_at_start, sheet

show.use_style()

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Predict first
#
# A robot stands at **S**, top left. It is put into four rooms that it has never seen, and it is rewarded each time it steps on **G**. From G its next action, whichever it is, carries it back to S. It can go up, right, down or left, and the floor is a little slippery.

# %% tags=["lecture"]
room = grid_room()
rooms({"43 cells, 43 states": sheet(room, numbers=True)}, cell=0.5)

# %% [markdown] tags=["lecture"]
# Two robots learn the way. **Q** learns from what happens to it, and from nothing else. **Dyna** learns in the same way, and it also keeps count of what each action did; after each step it sits down and rehearses fifty steps in its head.

# %% [markdown] tags=["lecture"]
# Write your guesses on paper before you go on.
#
# 1. Q needs about 3,400 steps until it has found the best way and stays with it. How many does Dyna need: 3,000, 1,500, 900 or 450?
# 2. Both have found the way. At night somebody bricks up one door and opens another. Which robot is in more trouble the next morning?
# 3. Dyna's head is filled with nonsense: a model in which every action is entered under a wrong name. Is Dyna then as good as Q, or worse?

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Intuition
#
# ### A world model of six numbers
#
# A lamp is dark (0) or lit (1): two **states** (状态). You can wait (0) or press its button (1): two **actions** (动作). Light pleases you: the **reward** (奖励) is 1 whenever the lamp is lit after your action. The button has a loose contact.

# %% [markdown] tags=["lecture"]
# Here is an evening with the lamp, step by step: state, action, next state.

# %% tags=["lecture"]
evening = [(0, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 0), (0, 1, 0), (0, 1, 1),
           (1, 0, 1), (1, 1, 0), (0, 1, 1), (1, 1, 1), (1, 0, 1), (1, 1, 0)]  # fmt: skip
pressed_in_the_dark = [following for state, action, following in evening if (state, action) == (0, 1)]
pressed_in_the_dark

# %% [markdown] tags=["lecture"]
# Four times the button was pressed in the dark, and three times the light came on. So the best guess for "press in the dark leads to light" is 3 out of 4. The same for the other three pairs of state and action: four numbers. What light and dark are worth makes two more. **Six numbers, and that is a whole world model.** It can be asked about any sequence of actions: what if I press twice?

# %% tags=["lecture", "nbval-check-output"]
counts = np.zeros((2, 2, 2))  # (state, action, next state)
for state, action, following in evening:
    counts[state, action, following] += 1
to_light = counts[..., 1] / counts.sum(axis=-1)  # (2, 2): p(lit | state, action)
print("p(lit | dark, press), then p(lit | lit, press):", to_light[0, 1], to_light[1, 1])
twice = to_light[0, 1] * to_light[1, 1] + (1 - to_light[0, 1]) * to_light[0, 1]
print("p(lit) after pressing twice, begun in the dark:", twice)

# %% [markdown] tags=["lecture"]
# Look into the evening: begun in the dark, two presses in a row happened twice, and both times it ended lit. Whoever counts whole stories says "for sure". The model counts steps and **computes the story from its parts**, so all eight presses of the evening speak. That is the use of a model: it recombines what was seen into what was hardly seen, or never.

# %% [markdown] tags=["lecture"]
# Now the last number again: 3 out of 4, times 1 out of 4, plus 1 out of 4, times 3 out of 4. First every place where the first press can lead, weighed by its probability; then the second press from there. Everything below is this line, with more states.

# %% [markdown]
# One of the four numbers is less certain than it looks. "Wait in the dark" was tried once. The estimate says: it stays dark, for sure. Once in one is not "for sure", and we will need a way to say so.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Build
#
# ### 1. State, action, reward, next state
#
# Back to the robot. The slide on reinforcement learning (强化学习) draws a loop of four words: in a **state** $s$ take an **action** $a$, get a **reward** $r$, arrive in a new state $s'$. A world that can be written down like that is a Markov decision process (MDP, 马尔可夫决策过程): what follows depends on $s$ and $a$ alone, not on what was before.

# %% [markdown] tags=["lecture"]
# This one is small enough to print. Each of the 43 free cells is a state. For every state and action there is a row of 43 probabilities $p(s' \mid s, a)$.

# %% tags=["lecture", "nbval-check-output"]
print(room.transitions.shape, "state, action, next state")
state = 9  # row 1, column 1, in the first room
for action, name in enumerate(ACTIONS):
    row = room.transitions[state, action]  # (43,)
    print(f"{name:>5}:", {int(s): round(float(row[s]), 2) for s in np.flatnonzero(row)})

# %% [markdown]
# To go *down* from cell 9 leads to the cell below with probability 0.98. With 0.02 the foot slips to one side: to the cell on the left, or to the right, where there is a wall, so the robot stays.
#
# The whole world is this table and the one cell that pays. Here is its loop, five steps of it, with actions drawn at random.

# %% tags=["nbval-check-output"]
generator = np.random.default_rng(0)
state = room.start
for _ in range(5):
    action = int(generator.integers(4))
    following, reward = room.step(state, action, generator)
    print(f"state {state:2d}, {ACTIONS[action]:>5}, reward {reward:.0f}, next state {following:2d}")
    state = following

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### 2. A model learned by counting
#
# The robot does not get to see the table. It lives, and it counts, as you did with the lamp: $n(s, a, s')$ is how often action $a$ in state $s$ led to $s'$, and $n(s, a)$ is how often $a$ was tried in $s$ at all.

# %% [markdown] tags=["lecture"]
# The trouble with "once in one" is solved by saying openly what is believed before any data. Imagine that every pair had been tried $c$ times already, and had led *everywhere equally often*. This is a Dirichlet prior of strength $c$ (Laplace's rule is the case $c = S$, with $S$ the number of states):
#
# $$\hat p(s' \mid s, a) = \frac{n(s, a, s') + c / S}{n(s, a) + c}$$

# %% tags=["lecture"]
S, A, c = 43, 4, 0.1
n = np.zeros((S, A, S))
state = room.start
for action in generator.integers(A, size=3000):
    following, reward = room.step(state, action, generator)
    n[state, action, following] += 1
    state = following
p = (n + c / S) / (n.sum(axis=-1, keepdims=True) + c)  # (S, A, S): the formula above

# %% [markdown]
# Three thousand steps of a drunkard's life, and we have a world model. Each of its rows is a distribution. A row that was never tried is what the prior says: anywhere, with the same small probability.

# %% tags=["nbval-check-output"]
tried = n.sum(axis=-1)  # (S, A)
print("every row sums to 1:", np.allclose(p.sum(axis=-1), 1.0))
print("pairs never tried in 3,000 steps:", int((tried == 0).sum()), "of", S * A)

# %% [markdown]
# How wrong is a row? Compare it with the true one outcome by outcome. The **total variation** (全变差) is half the sum of the differences without their sign: 0 is right, 1 is hopeless.
#
# $$\mathrm{TV}(s, a) = \frac12 \sum_{s'} \left| \hat p(s' \mid s, a) - p(s' \mid s, a) \right|$$

# %%
tv = 0.5 * np.abs(p - room.transitions).sum(axis=-1)  # (S, A)
print(f"mean error of pairs tried 20 times or more: {tv[tried >= 20].mean():.3f}")
print(f"mean error of pairs never tried:            {tv[tried == 0].mean():.3f}")

# %% [markdown]
# The model is good where the agent has been and knows nothing where it has not. It sounds obvious here. Keep it in mind for the networks of the later parts, which also answer with a straight face where nobody has ever been, and whose answers there look like all the others.

# %% [markdown]
# Now the parts as one class. It keeps the sums that are needed at every step, and nothing else.


# %%
class CountModel:
    def __init__(self, states, actions, prior=0.1):
        self.prior = prior
        self.counts = np.zeros((states, actions, states))
        self.paid = np.zeros((states, actions))

    def update(self, state, action, reward, following):
        self.counts[state, action, following] += 1
        self.paid[state, action] += reward


# %% [markdown]
# Asked, it answers with two tables: where each action leads, and what it pays on average. (Python lets a class extend an earlier one of the same name: this cell adds two methods.)


# %%
class CountModel(CountModel):
    @property
    def transitions(self):  # (S, A, S)
        visits = self.counts.sum(axis=-1, keepdims=True)
        return (self.counts + self.prior / len(self.counts)) / (visits + self.prior)

    @property
    def rewards(self):  # (S, A): 0 where an action was never tried
        return self.paid / np.maximum(self.counts.sum(axis=-1), 1)


# %% [markdown]
# The library has the same class in `course_lib/models/counting.py`, with a few lines more so that it fits into the course's exam, which asks every model the same questions. Both see the same life here. Do they agree?

# %%
from course_lib.models import counting

mine, theirs = CountModel(S, A), counting.CountModel(S, A)
state = room.start
for action in generator.integers(A, size=3000):
    following, reward = room.step(state, int(action), generator)
    mine.update(state, action, reward, following)
    theirs.update(state, action, reward, following)
    state = following
assert np.allclose(mine.transitions, theirs.transitions, atol=1e-5) and np.allclose(mine.rewards, theirs.rewards)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### 3. Planning: Bellman's equation
#
# A model says what follows. A plan needs to know what that is *worth*. Let $v(s)$ be the **value** (价值) of a state: the reward that can still be collected from it by the best behaviour, where a reward one step later counts $\gamma$ times as much (the **discount**, 折扣, here $\gamma = 0.95$).

# %% [markdown] tags=["lecture"]
# If we knew the values of all next states, we would know what each action is worth now:
#
# $$q(s, a) = r(s, a) + \gamma \sum_{s'} p(s' \mid s, a)\, v(s')$$
#
# with $r(s, a)$ the reward expected for $a$ in $s$. And the value of a state is the value of the best action in it: $v(s) = \max_a q(s, a)$. That is **Bellman's optimality equation** (Sutton & Barto, *Reinforcement Learning*, 2nd edition, (3.19) and (4.1)). The value stands on both sides, so it is not a recipe yet.

# %% tags=["lecture"]
gamma = 0.95
v = np.zeros(S)
q = room.rewards + gamma * room.transitions @ v  # (S, A) + (S, A, S) @ (S,) -> (S, A)
v = q.max(axis=1)  # (S, A) -> (S,)
print("states with any value after one sweep:", int((v > 0).sum()))

# %% [markdown] tags=["lecture"]
# It becomes a recipe by repetition: begin with zero everywhere, and apply the equation again and again. This is **value iteration** (价值迭代; the book's (4.10)). After one sweep only the neighbours of the goal know that they are worth something. After the second their neighbours do.

# %% tags=["lecture"]
pictures, v = {}, np.zeros(S)
for sweep in range(1, 61):
    v = (room.rewards + gamma * room.transitions @ v).max(axis=1)
    if sweep in (2, 8, 20, 60):
        pictures[f"after {sweep} sweeps"] = sheet(room, v)
rooms(pictures, bar="value", cell=0.3)

# %% [markdown] tags=["lecture"]
# Value spreads from the goal like water, through the doors, back to the start. From then on it only becomes more exact. G itself is dark: the reward is for arriving, and from G the only way leads back to the start.

# %% [markdown]
# When to stop? Each sweep brings any two guesses closer by the factor $\gamma$ (it is a **contraction**, 压缩映射). So if a sweep changed nothing by more than $d$, all the sweeps still to come can change nothing by more than $d\,(\gamma + \gamma^2 + \dots) = d\,\gamma / (1 - \gamma)$. That is a bound that one can state before one stops.


# %%
def value_iteration(transitions, rewards, gamma, tolerance=1e-6):
    v = np.zeros(len(rewards))
    while True:
        better = (rewards + gamma * transitions @ v).max(axis=1)
        bound = np.abs(better - v).max() * gamma / (1 - gamma)
        v = better
        if bound <= tolerance:
            return v


# %% [markdown]
# The library's function does the same and also returns the best action of every state, the **policy** (策略): a state, and what to do in it.

# %%
from course_lib.models import tabular

v_true = value_iteration(room.transitions, room.rewards, gamma)
truth = tabular.value_iteration(room.transitions, room.rewards, gamma)
assert np.allclose(v_true, truth.values, atol=1e-5)
print(f"{truth.sweeps} sweeps; the start is worth {truth.values[room.start]:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### 4. Two agents: one learns from life, one also from its model
#
# **Q-learning** (section 6.5 of the same book) keeps the table $q(s, a)$ and has no model. After a real step $s, a, r, s'$ it moves one entry a part of the way, the **learning rate** $\alpha$, to what that step suggests:
#
# $$q(s, a) \leftarrow q(s, a) + \alpha \,\big[\, r + \gamma \max_{a'} q(s', a') - q(s, a) \,\big]$$

# %% [markdown] tags=["lecture"]
# This is Bellman's equation with the sum over all $s'$ replaced by the one $s'$ that happened. The sum is gone, and with it the need for $p$.


# %% tags=["lecture"]
def learn(q, s, a, r, following, alpha):
    target = r + gamma * q[following].max()
    q[s, a] += alpha * (target - q[s, a])


# %% [markdown] tags=["lecture"]
# **Dyna** (the book's section 8.2; Sutton 1990) does the same, *and* keeps a `CountModel`. After each real step it takes some pairs $s, a$ that it remembers and corrects them as well; there the model answers in the place of the world. Our model holds probabilities, so it can answer with the whole sum again (an *expected update*, section 8.5; the book's Dyna-Q draws one $s'$, and we measure both).


# %% tags=["lecture"]
def plan(q, model, pairs, alphas):  # pairs: (k, 2) remembered states and actions
    s, a = pairs.T
    expected = (model.transitions[s, a] * q.max(axis=1)).sum(axis=-1)  # (k, S) * (S,) -> (k,)
    target = model.rewards[s, a] + gamma * expected
    q[s, a] += alphas * (target - q[s, a])


# %% [markdown] tags=["lecture"]
# And how does an agent choose? Mostly what it believes to be best, now and then anything: with probability $\varepsilon = 0.2$ a random action, because what is never tried is never learned (the **epsilon-greedy** policy, ε-贪婪). The learning rate shrinks with the number of visits, $\alpha = n(s, a)^{-0.3}$: the first visit is believed entirely. Every entry begins at 0.3, not at 0, so that the agent tries what it does not know: this is **optimistic initialisation** (乐观初始化). **All three are the same for both agents**, and before we measure, rate and initial value are searched for the values that suit Q best.


# %%
from course_lib.models.dyna import choose


def rehearse(q, model, tried, k, generator, power):
    known = np.argwhere(tried)  # (pairs, 2): where the agent has been, and what it did there
    pairs = known[generator.integers(len(known), size=k)]  # (k, 2)
    plan(q, model, pairs, tried[pairs[:, 0], pairs[:, 1]] ** power)


# %% [markdown]
# The life of an agent, then, is five lines a step: choose, live, learn, count, rehearse.


# %%
def live(room, steps, k, generator, epsilon=0.2, power=-0.3, initial=0.3):
    q, model, tried, s = np.full((S, A), initial), CountModel(S, A), np.zeros((S, A)), room.start
    for _ in range(steps):
        a = choose(q[s], epsilon, generator)
        following, r = room.step(s, a, generator)
        tried[s, a] += 1
        learn(q, s, a, r, following, tried[s, a] ** power)
        model.update(s, a, r, following)
        if k > 0:
            rehearse(q, model, tried, k, generator, power)
        s = following
    return q


# %% [markdown]
# That is all of Dyna. The library's version (`course_lib/models/dyna.py`) also keeps a diary of its policies, and it is written for speed. Three checks: without planning steps Dyna must be Q-learning **to the last bit**; our loop without rehearsal must end with the library's table; and one rehearsal of all pairs, ours and the library's, must change the table in the same way.

# %%
from course_lib.models.dyna import Habits, dyna, q_learning, shrinking
from course_lib.models.dyna import plan as rehearse_in_library

habits = Habits(shrinking(0.3), exploration=0.2, discount=gamma, initial=0.3)
q_life = q_learning(room, 400, habits, np.random.default_rng(1))
assert np.array_equal(q_life.q, dyna(room, 400, habits, np.random.default_rng(1), planning_steps=0).q)
assert np.allclose(q_life.q, live(room, 400, 0, np.random.default_rng(1)), atol=1e-5)
ours, library = np.full((S, A), 0.3), np.full((S, A), 0.3)
every_pair = np.argwhere(np.ones((S, A)))  # (172, 2)
plan(ours, mine, every_pair, 0.5)
rehearse_in_library(library, theirs, every_pair, 0.5, gamma)
assert np.allclose(ours, library, atol=1e-5) and not np.allclose(ours, 0.3)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### 5. The contract
#
# The slide's sentence can be written in code, once, so that every model of this course, from this table to a video transformer, is asked the same questions in the same words. Four methods (a `Protocol` is Python's name for such a list: a class that has the methods fits it):
#
# ```python
# class WorldModel(Protocol):
#     def encode(self, observations, actions=None, *, generator=None) -> State: ...   # perception: what I see becomes a state
#     def predict(self, state, action=None, *, generator=None) -> State: ...          # imagination: the definition itself
#     def decode(self, state, *, generator=None) -> Tensor: ...                       # the way back to what can be seen
#     def surprise(self, observations, actions=None, *, generator=None) -> Tensor: ...  # how unexpected was what came?
# ```
#
# `predict` is the definition. The others are what it takes to use it: to get in, to get out, and to be proved wrong. (It stands in full in `course_lib/contract.py`.)

# %%
from course_lib.contract import WorldModel, imagine

model = counting.CountModel(S, A)
counting.random_life(model, room, 20_000, np.random.default_rng(2))
print("Does the model that counts keep the contract?", isinstance(model, WorldModel))
assert isinstance(model, WorldModel)

# %% [markdown]
# The counting model answers. We let it imagine: from the start, four times down and three times right. No real step is taken here. Then we show it two short films of state numbers, one that can happen and one in which the robot jumps through a wall, and ask how surprised it is: $-\log \hat p(s_t \mid s_{t-1}, a_{t-1})$, in nats (natural logarithm; 0.7 nats is a coin toss).

# %% tags=["nbval-check-output"]
start = model.encode(torch.tensor([[room.start]]))
dream = imagine(model, start, torch.tensor([[2, 2, 2, 2, 1, 1, 1]]))  # 2 is down, 1 is right
print("dreamed:", [int(model.decode(state)) for state in dream])
films = torch.tensor([[0, 1, 9], [0, 1, 2]])  # right, then down; right, then through the wall into the next room
surprise = model.surprise(films, torch.tensor([[1, 2], [1, 1]]))
print("surprise at the last step, possible and impossible film:", [round(float(x), 1) for x in surprise[:, 2]])
assert surprise[0, 2] < 1 < 5 < surprise[1, 2]

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Train live
#
# Training, here, is living. The picture follows one model through 20,000 random steps: on the left how wrong it is on average over all 172 pairs, on the right the rooms, each cell as bright as the model knows it (black: all four actions unknown). It takes a few seconds. There is no checkpoint to load afterwards: this *is* the whole training.

# %% tags=["nbval-ignore-output"]
model, state, generator = counting.CountModel(S, A), room.start, np.random.default_rng(3)
with show.live("a model that counts", every=500) as watch:
    for step in range(500, 20_001, 500):
        state = counting.random_life(model, room, 500, generator, state=state)
        error = counting.transition_error(model, room.transitions)  # (S, A)
        picture = np.full((*room.shape, 3), (120, 40, 30), np.uint8)  # walls in red
        picture[tuple(room.cells.T)] = (255 * (1 - error.mean(axis=1, keepdims=True))).astype(np.uint8)
        watch.update(step, {"total variation": error.mean()}, picture=picture.repeat(20, 0).repeat(20, 1))

# %% [markdown]
# The error does not fall evenly. The pairs near the start are known within a few hundred steps, the ones near the goal come late: a random walker hardly ever gets there. What an agent learns about the world depends on how it lives.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Look
#
# Both robots after the same 800 real steps. Colours are what each believes a state to be worth; arrows are what it would do. The third picture is the truth.

# %% tags=["lecture"]
lives = {"Q-learning": q_learning(room, 800, habits, np.random.default_rng(4)),
         "Dyna": dyna(room, 800, habits, np.random.default_rng(4))}  # fmt: skip
drawn = {f"{name}, 800 steps": sheet(room, life.q.max(axis=1), life.q.argmax(axis=1)) for name, life in lives.items()}
drawn["in truth"] = sheet(room, truth.values, truth.policy)
rooms(drawn, columns=3, limits=(0, 1.6), bar="value", cell=0.32)

# %% [markdown] tags=["lecture"]
# Both have been at the goal by now. Q knows it in the two cells below G and nowhere else: each visit carries the news one cell back. The violet of its other cells is what is left of the initial 0.3. Dyna has been rehearsing, fifty rehearsals for each real step, and the news has reached the start.

# %% [markdown] tags=["lecture"]
# **Read off the picture:** where are Dyna's arrows still wrong? Many differ from the arrows of the truth and lose nothing, because two ways are equally long. So ask which of them cost something: how much worse is one step along the arrow, and the best way from there on?

# %% tags=["lecture"]
worth_of_actions = room.rewards + gamma * room.transitions @ truth.values  # (S, A)
loss = 1 - worth_of_actions[np.arange(S), lives["Dyna"].q.argmax(axis=1)] / truth.values  # (S,)
print("Dyna's arrows that lose more than 1 %: cells", np.flatnonzero(loss > 0.01).tolist())
assert (loss > 0.01).sum() <= 6 and loss[room.start] < 0.01

# %% [markdown] tags=["lecture"]
# They lie at the corner of G, to its left, and this robot hardly ever went there: its way comes to G from below. It does not have to know everything to act well.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Play
#
# Here you decide how long the robot walks at random, how long it thinks, and how slippery the world is. Left: the world as it believes it to be, with the plan made in that belief. Right: the truth. The title says how much of the best plan's reward its plan really earns. States it never acted in stay white.

# %% [markdown] tags=["lecture"]
# Try this: many real steps and few sweeps. Then few real steps and many sweeps. Which of the two is the better excuse for a bad plan?

# %% tags=["lecture", "nbval-ignore-output"]
show.explore(plan_after, real_steps=(0, 6000, 250), sweeps=(0, 200, 10), slip=(0.0, 0.5, 0.02), seed=[0, 1, 2])

# %% [markdown]
# Thinking cannot make up for what was never seen: in these lives, at 500 steps and the usual slip of 0.02, no number of sweeps helps, because the goal is not in the model. And living cannot make up for thinking: with 10 sweeps the news of the goal has not reached the second room. A plan needs both.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Break it
#
# ### 1. The world changes, the model does not
#
# Somebody bricks up the door between the second and the third room and opens one at the bottom. The new way is *shorter*. On the left the plan of a model that has lived 30,000 steps in the old rooms; on the right what would be best from now on. Follow the left arrows in the right rooms: where do you end?

# %% tags=["lecture"]
moved = grid_room(tabular.MOVED_DOOR, numbered_as=room)
stale = counting.CountModel(S, A)
counting.random_life(stale, room, 30_000, np.random.default_rng(5))
believed = tabular.value_iteration(stale.transitions, stale.rewards, gamma)
today = tabular.value_iteration(moved.transitions, moved.rewards, gamma)
old, new = sheet(room, believed.values, believed.policy), sheet(moved, today.values, today.policy)
rooms({"the old rooms, and the plan": old, "the new rooms, and the best way": new}, limits=(0, 1.6), bar="value")

# %% [markdown] tags=["lecture"]
# (Every cell keeps its number, and the new door takes the number of the old one, so that everything else that was learned is still true.)

# %% [markdown] tags=["lecture"]
# Now let three robots live through the night. Each has spent an evening of 6,000 steps in the old rooms, long enough to know the best way. Then the door moves, and they live on. The first is a Dyna that plans with all it remembers. The second is the same Dyna, but in the morning it throws its model away and keeps its table of values. The third is a Q-learner with an evening of its own: it has never had a model.

# %% tags=["lecture"]
from course_lib.models.dyna import share_of_optimal, steps_to_optimal

shares_after, shares_before = {"Dyna, stale model": [], "Dyna, model thrown away": [], "Q-learning": []}, []
for seed in range(12):
    generator, old = np.random.default_rng(seed), counting.CountModel(S, A)
    with_model = dyna(room, 6000, habits, generator, model=old)
    without = q_learning(room, 6000, habits, generator)
    shares_before += [share_of_optimal(life, room, gamma)[-1] for life in (with_model, without)]
    robots = [(with_model, old, 50), (with_model, None, 50), (without, None, 0)]
    for name, (before, model, k) in zip(shares_after, robots, strict=True):
        life = dyna(moved, 4000, habits, generator, planning_steps=k, model=model, before=before)
        shares_after[name].append(share_of_optimal(life, moved, gamma))  # (160,)

# %% [markdown] tags=["lecture"]
# The curves show what each robot's plan is really worth in the new rooms, as a share of the best one: the median of twelve lives, and the middle half of them as a band. A robot is *back* when that share first reaches 0.95.

# %% tags=["lecture"]
x = 25 * np.arange(1, 161)
bands = {name: np.quantile(y, (0.5, 0.25, 0.75), axis=0) for name, y in shares_after.items()}  # each (3, 160)
curves(x, bands, across="real steps after the door moved", up="share of the best plan's value")

# %% tags=["lecture"]
back = {name: np.array([steps_to_optimal(share, 25, stays=0) for share in y]) for name, y in shares_after.items()}
for name, steps in back.items():
    print(f"{name:>24}: back after {np.median(steps):,.0f} steps (median); {(steps < 4000).sum()} of 12 got there")
print(f"before the door moved the plans were worth {min(shares_before):.2f} or more of the best")
slow, fresh, never = (np.median(steps) for steps in back.values())
assert min(shares_before) > 0.95 and fresh < 0.7 * never and never < 0.7 * slow

# %% [markdown] tags=["lecture"]
# **The second question.** Having had a model is no misfortune: the robot that throws it away is back first, sooner than the one that never had one. *Keeping* it is. The robot with the stale model is by far the slowest, and some of its lives are not back when the morning ends. How much does it have to unlearn? Count what its model holds for *right* in front of the old door.

# %% tags=["lecture"]
door, before_door = (int(np.flatnonzero((room.cells == cell).all(axis=1))[0]) for cell in ([1, 5], [1, 4]))
through_it, bricks = old.counts[before_door, 1, [door, before_door]]  # the last of the twelve robots
print(f"through the door, in the evening: {through_it:.0f} times; bumps into the bricks by the end: {bricks:.0f}")
print(f"what it still gives the door: {through_it / (through_it + bricks):.2f}")

# %% [markdown] tags=["lecture"]
# Each bump is one count against all the times that the door was open, and in between the robot rehearses the old world fifty times a step: so it *keeps* the wrong belief alive. Even when the door has become improbable, its model knows no better way. At the place of the new door it has only ever met a wall, and it plans accordingly.

# %% [markdown] tags=["lecture"]
# **The diagnostic** is in the contract: surprise, the negative logarithm of the probability that the model gave to what happened (the natural logarithm, so the unit is the nat). A bump into a wall that should be a door is very unlikely under the model, and it is seen at the very first step.

# %% tags=["lecture"]
films = torch.tensor([[before_door, door], [before_door, before_door]])  # through the door; into the bricks
through, bump = stale.surprise(films, torch.tensor([[1], [1]]))[:, 1].tolist()
print(f"through the door: {through:.2f} nats; into the bricks: {bump:.2f} nats")
assert bump > through + 2

# %% [markdown]
# ### 2. Actions that were never tried
#
# A model is learned from a life, and a life is lived by some policy. This robot only ever went right or down. Asked what *right* does, its model knows. Asked about *up*, it has the prior and nothing else.

# %%
narrow, state, generator = counting.CountModel(S, A), room.start, np.random.default_rng(6)
for _ in range(10_000):
    action = int(generator.choice([1, 2]))
    following, reward = room.step(state, action, generator)
    narrow.update(state, action, reward, following)
    state = following if generator.random() > 0.02 else int(generator.integers(S))  # now and then carried elsewhere
error = counting.transition_error(narrow, room.transitions).mean(axis=0)  # (A,)
print({name: round(float(e), 2) for name, e in zip(ACTIONS, error, strict=True)})

# %% [markdown]
# Ten thousand steps, and *up* and *left* are as unknown as at the beginning. A film without a single jump does not teach what jumping does, however long it is. And there is a worse case than never: an action that was always taken for a reason, so that the reason and the action cannot be told apart. That is the difference between seeing and doing, and notebook 05 takes it up.

# %%
assert error[[1, 2]].max() < 0.1 < 0.9 < error[[0, 3]].min()

# %% [markdown]
# ### 3. No discount
#
# The bound for stopping divides by $1 - \gamma$. What if a reward tomorrow is worth exactly as much as one today, $\gamma = 1$? The room never ends, so the robot can fetch the reward again and again.

# %%
v, best = np.zeros(S), []
for sweep in range(1, 1201):
    v = (room.rewards + 1.0 * room.transitions @ v).max(axis=1)
    if sweep % 300 == 0:
        best.append(round(float(v[room.start]), 1))
print("value of the start after 300, 600, 900, 1200 sweeps:", best)

# %% [markdown]
# It grows for ever, by the same amount in every stretch: one reward for each round trip. There is no fixed point to arrive at. The library refuses, and says why.

# %% tags=["nbval-check-output"]
try:
    tabular.value_iteration(room.transitions, room.rewards, 1.0)
except ValueError as error_message:
    print(error_message)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Measure
#
# ### How fast does the model become right?
#
# Twenty lives of random steps, each 100,000 long, measured on the way. The band is a 95 % **bootstrap interval** (自助法置信区间) for the mean over lives: draw twenty of the twenty lives with replacement, thousands of times, and look how much their mean moves. (`course_lib/exam/measures/intervals.py`; every later chapter uses it.) The controls, five lives each, live in the same way: one gets shuffled actions, one learns nothing.

# %%
marks = np.array([100, 300, 1000, 3000, 10_000, 30_000, 100_000])
kinds = {"counting": lambda g: counting.CountModel(S, A),
         "shuffled actions": lambda g: counting.ShuffledCountModel(S, A, generator=g),
         "untrained": lambda g: counting.UntrainedCountModel(S, A)}  # fmt: skip
errors = {name: np.zeros((20, len(marks))) for name in kinds}
for name, make in kinds.items():
    for seed in range(20 if name == "counting" else 5):
        generator = np.random.default_rng(100 + seed)
        model, state = make(generator), room.start
        for k, steps in enumerate(np.diff(marks, prepend=0)):
            state = counting.random_life(model, room, int(steps), generator, state=state)
            errors[name][seed, k] = counting.transition_error(model, room.transitions).mean()

# %% [markdown]
# An estimated probability is off by about $1/\sqrt{n}$ after $n$ tries. If the model's error is of that kind, it must run along a line of slope $-\tfrac12$ once every pair has been tried.

# %%
from course_lib.exam.measures.intervals import bootstrap_interval, ratio_interval

generator, bands = np.random.default_rng(0), {}
for name, table in errors.items():
    table = table[:5] if name != "counting" else table
    low, high = np.transpose([bootstrap_interval(column, generator=generator) for column in table.T])
    bands[name] = (table.mean(axis=0), low, high)
line = bands["counting"][0][-1] * np.sqrt(marks[-1] / marks)
curves(marks, bands, reference={"1 / sqrt(n)": line}, across="real steps", up="total variation", log=True)

# %% [markdown]
# At first the error falls slowly: the robot has not been everywhere. Then it falls even faster than the line, because whole rooms become known, and in the end it flattens towards the theory's slope. (The line is drawn through the last point; compare the slopes. Over the last factor of three ours is about -0.55, as the next cell computes.) The shuffled control levels off: it learns *where the world goes* and never *what the action has to do with it*.

# %%
mean = bands["counting"][0]
slope = np.log(mean[-1] / mean[-2]) / np.log(marks[-1] / marks[-2])
print(f"slope over the last factor of three: {slope:.2f}")
assert (np.diff(mean) < 0).all() and mean[-1] < 0.03 and -0.7 < slope < -0.35
assert bands["shuffled actions"][1][-1] > 5 * mean[-1] and bands["untrained"][1][-1] > 0.9

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### How many real steps does a model save?
#
# First: what do we count? A policy **has reached the optimum** when its true value at the start, computed exactly in the true room, is within 5 % of the best possible one (a detour of one step on every trip would cost 7 %, so within 5 % means: no detour on the way), *and stays there for the next 1,000 real steps*, looked at every 25 steps. The answer is the first moment of which that is true. A run that never gets there counts with its full length. That makes the slower robot look better than it is, never worse.

# %% tags=["lecture"]
from course_lib.models.dyna import constant


def needed(agent, seeds, world=room, **settings):
    found = []
    for seed in seeds:
        life = agent(world, generator=np.random.default_rng(seed), **settings)
        found.append(steps_to_optimal(share_of_optimal(life, world, gamma), life.every, tolerance=0.05, stays=1000))
    return np.array(found)


# %% [markdown] tags=["lecture"]
# **This room was chosen.** We tried several rooms, several slippery floors and several rates of exploration before we fixed these, and we kept one in which a model pays. "A fifth" was the *bar*, the value to reach, that we had set ourselves beforehand. On floors more slippery than this one, and with less exploration, Dyna misses it, as a table below shows. So the figure says that a model *can* save this much, and under which conditions. It does not say that a model usually does.

# %% [markdown]
# What was not chosen: the seeds of the comparison are not those of the search, and Q's learning rate and initial value are searched for Q. For Dyna neither is searched; but the fifty rehearsals and $\varepsilon = 0.2$ had done well in those trials.

# %% [markdown]
# Second: is Q treated fairly? Somebody could say that we gave it bad settings. So we try twenty for Q, with seeds that are not used again. Dyna then gets the ones that suit Q.

# %% [markdown]
# The sweep, for Q alone: six learning rates (two that stay, four that shrink with the visits) times three initial values, at $\varepsilon = 0.2$; then the best of them with less exploration.

# %%
rates = {"0.3": constant(0.3), "0.6": constant(0.6), "n^-0.2": shrinking(0.2), "n^-0.3": shrinking(0.3)}
rates |= {"n^-0.5": shrinking(0.5), "n^-0.8": shrinking(0.8)}
sweep = []
for rate, function in rates.items():
    for initial in (0.0, 0.3, 0.6):
        tried_habits = Habits(function, exploration=0.2, discount=gamma, initial=initial)
        steps = needed(q_learning, range(900, 906), steps=8000, habits=tried_habits).mean()
        sweep.append({"rate": rate, "initial": initial, "epsilon": 0.2, "Q's real steps": steps})
sweep.sort(key=lambda row: row["Q's real steps"])

# %%
chosen = sweep[0]
for epsilon in (0.05, 0.1):
    other = Habits(rates[chosen["rate"]], epsilon, gamma, chosen["initial"])
    steps = needed(q_learning, range(900, 906), steps=8000, habits=other).mean()
    sweep.append({**chosen, "epsilon": epsilon, "Q's real steps": steps})
show.table(sweep[:4] + sweep[-4:])

# %% [markdown]
# The first four rows are the best at $\varepsilon = 0.2$, then come the two worst, then the best with less exploration. We take the best at $\varepsilon = 0.2$, which both agents keep. The best settings lie close together. With less exploration Q is a tenth faster, and against that number the bar holds as well (asserted below); Dyna, however, is slower with it, and the last table of this section shows by how much. (A rate that shrinks too fast forgets how to learn; with an initial value of 0 the agent wanders until it meets the goal by chance.)

# %% [markdown] tags=["lecture"]
# With the best settings for Q at $\varepsilon = 0.2$, now on 24 fresh seeds: Q and Dyna. Beside them Dyna with fewer rehearsals, and with the book's rehearsal, which draws one next state (Dyna-Q): at Q's rate, and at a rate that suits it.

# %% tags=["lecture"]
fair = Habits(rates[chosen["rate"]], 0.2, gamma, chosen["initial"])
slower = Habits(shrinking(0.5), 0.2, gamma, chosen["initial"])
results = {
    "Q-learning": needed(q_learning, range(24), steps=8000, habits=fair),
    "Dyna, 50 expected steps": needed(dyna, range(100, 124), steps=2500, habits=fair),
    "Dyna, 5 expected steps": needed(dyna, range(300, 312), steps=2500, habits=fair, planning_steps=5),
    "Dyna-Q, 50 drawn steps": needed(dyna, range(200, 212), steps=2500, habits=fair, planning="sampled"),
    "Dyna-Q, rate n^-0.5": needed(dyna, range(200, 212), steps=2500, habits=slower, planning="sampled"),
}


# %% [markdown] tags=["lecture"]
# The controls replace the model and leave everything else: one counts under shuffled actions, one never learns and believes that every action leads anywhere. They are given 8,000 steps, as many as Q.


# %% tags=["lecture"]
def with_control(make):
    def agent(room, generator, **settings):
        return dyna(room, generator=generator, model=make(generator), **settings)

    return agent


for seeds, kind in ((range(400, 408), "shuffled actions"), (range(500, 508), "untrained")):
    results[f"Dyna, {kind}"] = needed(with_control(kinds[kind]), seeds, steps=8000, habits=fair)

# %% tags=["lecture"]
rows, generator = [], np.random.default_rng(1)
for name, steps in results.items():
    given = 8000 if name == "Q-learning" or name[6:] in kinds else 2500
    there, row = (steps < given).sum(), {"agent": name, "real steps": f"> {given:,}", "95 %": "", "share of Q's": ""}
    if there:
        low, high = bootstrap_interval(steps, generator=generator)
        least, most = ratio_interval(steps, results["Q-learning"], generator=generator)
        row |= {"real steps": f"{steps.mean():,.0f}", "95 %": f"{low:,.0f} to {high:,.0f}"}
        row["share of Q's"] = f"{steps.mean() / results['Q-learning'].mean():.2f} ({least:.2f} to {most:.2f})"
    rows.append({**row, "got there": f"{there} of {len(steps)} within {given:,}"})
show.table(rows)

# %% [markdown] tags=["lecture"]
# (Where only some got there, the others count with the steps that they were given, and the true number is larger than the table says.)

# %% [markdown] tags=["lecture"]
# **The first question: about 440.** Dyna needs at most a fifth of Q's real steps, here about a seventh; the eight other seeds of the last table below give a sixth. The upper end of the interval stays below a fifth, and Dyna's mean is also below a fifth of the best number anywhere in the sweep. It pays in thinking: fifty imagined steps for every real one. Where real steps are cheap, as in a computer game, that may be a bad bargain. Where they cost a robot's gearbox or a patient's patience, it is a good one.

# %% [markdown]
# Read the Dyna-Q rows too. Drawing one next state instead of taking the mean brings the luck of the draw into every rehearsal, and with Q's high learning rate the table never comes to rest. With a rate of its own it does far better. A fair comparison is a comparison of two things that were both given a chance.

# %% [markdown] tags=["lecture"]
# **The third question.** Q alone got there in every one of its 24 lives within 8,000 steps. With shuffled actions, or with a model that never learned, Dyna never did, in as many steps. A bad model is worse than none: **planning multiplies what the model knows, and what it gets wrong.**

# %%
q_steps, dyna_steps = results["Q-learning"], results["Dyna, 50 expected steps"]
low, high = ratio_interval(dyna_steps, q_steps, generator=generator)
assert dyna_steps.mean() / q_steps.mean() <= 0.2 and high <= 0.2
assert dyna_steps.mean() <= 0.2 * min(row["Q's real steps"] for row in sweep)
assert (q_steps < 8000).all()
assert (results["Dyna, shuffled actions"] == 8000).all() and (results["Dyna, untrained"] == 8000).all()

# %% [markdown]
# ### What is a plan worth?
#
# The same models once more, without Dyna: live 5,000 random steps, count, solve Bellman's equation in the counts, and measure the plan in the true room. A policy that acts at random stands beside it.

# %%
worth = {name: [] for name in kinds}
for name, make in kinds.items():
    for seed in range(10):
        generator = np.random.default_rng(700 + seed)
        model = make(generator)
        counting.random_life(model, room, 5000, generator)
        policy = tabular.value_iteration(model.transitions, model.rewards, gamma).policy
        worth[name].append(share_at_start(room, policy))
at_random = tabular.policy_value(room.transitions, room.rewards, np.full((S, A), 0.25), gamma)[room.start]

# %%
rows = []
for name, w in worth.items():
    low, high = bootstrap_interval(w, generator=generator)
    rows.append({"plan made in": name, "share of the best": f"{np.mean(w):.3f}", "95 %": f"{low:.2f} to {high:.2f}"})
at_random = at_random / truth.values[room.start]
rows.append({"plan made in": "no model: random actions", "share of the best": f"{at_random:.4f}", "95 %": "exact"})
assert np.mean(worth["counting"]) > 0.9 > 0.3 > np.mean(worth["shuffled actions"])
show.table(rows)

# %% [markdown]
# The last three rows are worth practically nothing: a plan in shuffled counts is no better than random actions.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### Where does the advantage end?
#
# Make the floor more slippery, or let both agents explore less; everything else stays as before, and the seeds are others again. The model needs more data itself then: a pair that was tried once, and slipped, is believed to lead where it led, and planning spreads that error to every state before it.

# %% tags=["lecture"]
rows, generator, seeds = [], np.random.default_rng(2), range(800, 808)
for slip, epsilon in ((0.0, 0.2), (0.02, 0.2), (0.05, 0.2), (0.1, 0.2), (0.02, 0.1)):
    world, used = grid_room(slip=slip), Habits(fair.rate, epsilon, gamma, fair.initial)
    q_steps = needed(q_learning, seeds, world, steps=10_000, habits=used)
    dyna_steps = needed(dyna, seeds, world, steps=5000, habits=used)
    low, high = ratio_interval(dyna_steps, q_steps, generator=generator)
    rows.append({"slip": f"{slip:g}", "epsilon": f"{epsilon:g}", "Q": f"{q_steps.mean():,.0f}"})
    rows[-1] |= {"Dyna": f"{dyna_steps.mean():,.0f}", "Dyna / Q": dyna_steps.mean() / q_steps.mean()}
    there = f"{(q_steps < 10_000).sum()} and {(dyna_steps < 5000).sum()} of 8"
    rows[-1] |= {"95 %": f"{low:.2f} to {high:.2f}", "got there": there}
show.table(rows)

# %%
ratios = [row["Dyna / Q"] for row in rows]
# the bar holds on a floor that never slips, and is missed on the most slippery one
assert ratios[0] < 0.2 and ratios[3] > 0.3 > ratios[1]

# %% [markdown] tags=["lecture"]
# At a slip of 0.05 Dyna misses the bar in these lives. At 0.1 it needs about two thirds of Q's steps or more, since two of its eight lives had not arrived when they ended. With half the exploration (last row) it misses the bar by a little: a few lives arrive late and raise the mean. The second row is the comparison from above with other seeds: a sixth instead of a seventh, and with only eight lives the interval reaches beyond a fifth.

# %% [markdown] tags=["lecture"]
# So "a fifth" is a statement about this room, this floor and these habits, not a law. On a floor that never slips one try shows where an action leads, and the model saves most. The more the floor slips, the more tries a model needs before it can be trusted, and the smaller its lead.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Seven, from four minutes to ten; the last one is new and optional. Replace the `...` by your own lines and run the cell: it is checked at once, and if something is off, the message says what. If you leave the `...`, the notebook goes on with the reference. `hint("counting.total_variation")` gives the first hint, then the second; `answer(...)` shows the solution and why.

# %%
from course_lib.exercises import answer, exercise, hint, progress  # noqa: F401

# %% [markdown]
# **1. How wrong is a prediction?** (●○○○○, 4 minutes) The total variation of two distributions.


# %%
@exercise("counting.total_variation")
def total_variation(p, q):
    """Half the sum of |p - q| over the outcomes. p, q: (S,) probabilities -> a number from 0 to 1."""
    ...


# %% [markdown]
# **2. From counts to probabilities** (●●○○○, 6 minutes) With the prior spread evenly over all next states. What should a pair that was never tried predict?


# %%
@exercise("counting.transition_estimate")
def transition_estimate(counts, prior):
    """Turn counts into probabilities. counts: (S, A, S); prior: imaginary visits a pair -> (S, A, S)."""
    ...


# %% [markdown]
# **3. One sweep of Bellman's equation** (●●○○○, 6 minutes) The discount belongs to what follows. To what does it not belong?


# %%
@exercise("mdp.bellman_backup")
def bellman_backup(transitions, rewards, values, discount):
    """(S, A, S), (S, A), (S,), gamma -> new values (S,)."""
    ...


# %% [markdown]
# **4. From values to a policy** (●●○○○, 5 minutes) Values alone do not say what to do. What else is needed?


# %%
@exercise("mdp.greedy_policy")
def greedy_policy(transitions, rewards, values, discount):
    """The action that looks best one step ahead. (S, A, S), (S, A), (S,), gamma -> integers (S,)."""
    ...


# %% [markdown]
# **5. Learn from one real step** (●●●○○, 8 minutes) Return a new table; leave the given one as it is.


# %%
@exercise("qlearning.update")
def q_update(q, state, action, reward, following, rate, discount):
    """Q-learning after one real step s, a, r, s'. q: (S, A) -> the corrected table (S, A), a new array."""
    ...


# %% [markdown]
# **6. Learn from one imagined step** (●●●●○, 10 minutes) The model answers instead of the world. The maximum and the average do not commute: which comes first?


# %%
@exercise("dyna.planning_step")
def planning_step(q, transitions, rewards, state, action, rate, discount):
    """One planning step of Dyna, an expected update at (state, action). q: (S, A) -> a new table (S, A)."""
    ...


# %% [markdown]
# **7. A model that forgets** (●●●○○, 8 minutes, optional) No cell above shows this one. The robot with the stale model was slow because every count weighs the same, however old. Write an update that forgets: before the new step of $(s, a)$ is counted, multiply what was counted for *this pair* by a factor `keep`. With `keep` = 1 it must be the count that you know.


# %%
@exercise("counting.forgetful_update")
def forgetful_update(counts, state, action, following, keep):
    """Fade the counts of (s, a) by the factor keep, then count s'. counts: (S, A, S) -> a new array (S, A, S)."""
    ...


# %% [markdown]
# Whatever you filled in is used here: with your functions, or with the reference's, the plan from the counts must be as good as before.

# %%
estimate = transition_estimate(stale.counts, 0.1)
values = np.zeros(S)
for _ in range(200):
    values = bellman_backup(estimate, stale.rewards, values, gamma)
plan_in_counts = greedy_policy(estimate, stale.rewards, values, gamma)
print(f"your plan is worth {share_at_start(room, plan_in_counts):.0%} of the best")

# %% [markdown]
# And with the seventh: how many bumps into the bricks until the stale model of the random walker, who forgot nothing until today, believes in them more than in the door?

# %%
for keep in (1.0, 0.99, 0.9):
    faded, bumps = stale.counts, 0
    while transition_estimate(faded, 0.1)[before_door, 1, door] > 0.5:
        faded, bumps = forgetful_update(faded, before_door, 1, before_door, keep), bumps + 1
    print(f"keep {keep:4.2f}: {bumps} bumps")

# %% [markdown]
# Forgetting is not free. With `keep` = 0.9 a pair never has more than ten steps' worth of memory, so its probabilities never settle, however long the robot lives. How fast to forget depends on how often the world changes, and that is one more thing that would have to be learned.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## Which claim survives?
#
# ### The definition
#
# **Claim (C09):** an inner representation of the environment that predicts, from a state and an action, the state that follows. **It stands**, and this notebook met it with a table of counts. Note what the sentence does not ask for: pictures, language, size, or that the prediction be right outside what was seen. A model can fit the definition and be stale, narrow or shuffled. So "is it a world model?" is a weak question. *How far can one rely on it, for what?* is a strong one.

# %% [markdown]
# **Claim (C10):** state, action, reward, new state. It stands: you saw all of it printed. **Claim (C11):** stretched into a sequence it is a Markov chain, and Bellman's equation solves the decision process. Partly: with actions left to choose it is a decision process, and it becomes a chain once the policy is fixed (that is how `policy_value` computes what a policy is worth, by one linear equation). Bellman's equation solved it here, because 43 states can be listed. The frames of a film cannot: 3,072 numbers (1,024 pixels in three colours) of 256 levels each make more pictures than there are atoms. Parts II to V are about what to do then.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The history of the word
#
# The slide tells it in four lines. Two need a remark.
#
# | the slide | what we find |
# |---|---|
# | **Origin**: in the 1990s, in Schmidhuber's laboratory (C08) | His report of 1990 has a recurrent network that models the world and another that acts in it: that form stands. A single origin does not. In the same year Sutton published **Dyna**: his abstract has a system that learns by trial and error, *learns a world model*, and plans routes with it. The abstract says so of its first system, Dyna-PI, on a navigation task. Its second, Dyna-Q, is a close relative of what you have just run: there the imagined step is drawn, here it is averaged. Craik wrote of a small-scale model of reality in the head in 1943 |
# | **Fading**: in the 21st century the idea paled, being hard to grasp and to build | As a *word*, perhaps. As a *practice*, no: it went on under the name of model-based reinforcement learning. R-max (2002) always acts by the best plan in its own model, complete but perhaps wrong, and comes near the optimum in polynomial time; PILCO (2011) plans with a model that knows how unsure it is, and learns from scratch in a few trials. What was missing was a model of *pictures* |
# | **Redefinition**: 2018, Ha & Schmidhuber (C12) | It stands. V compresses what is seen, M predicts what follows, C acts. You build all three in part II |
# | **Fashion**: since February 2024 Sora, Genie and JEPA all say they are world models (C13) | Partly: they use three different labels, and those are not one thing |

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### Three labels that are not one
#
# | label | who | what goes in | what comes out | does it take an action? | in our terms |
# |---|---|---|---|---|---|
# | **world simulator** (世界模拟器) | Sora, 15 February 2024 | a text | a film | no: a sentence at the beginning, none at each step | `decode` without `predict(state, action)` |
# | **foundation world model** (基础世界模型) | Genie, February 2024 | a picture and one of 8 latent actions | the next frame | yes, actions found by itself | all of it, with actions that have no names |
# | **world model** (世界模型) | V-JEPA and IWM, February and March 2024, after LeCun's paper of 2022 | a film with holes, a transformation | an embedding, not a picture | V-JEPA no; IWM the transformation; the 2022 plan yes | `predict` without `decode` |
# | *the first one* | Dyna 1990; Ha & Schmidhuber 2018 | a state and an action | the next state and the reward | yes | the contract as it stands |

# %% [markdown] tags=["lecture"]
# Each school means something by its word. *Generate the world so well that you must have understood it* (Sora). *Let me act in what you generate* (Genie). *Predict what matters and leave out what does not* (JEPA). *Help me to act with fewer real steps* (Dyna, V-M-C). By the lecture's own definition the action is half of the input, and Sora's report does not have one. Whether it could still serve as the simulator inside an agent is a question for notebook 11.

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ### Two demands, seven questions
#
# The lecture ends with what a world model should satisfy: **1)** it can simulate what the environment does in the future (C14); **2)** it can represent the structure of its input and the effects of causes (C15). Those are demands, not findings. To be of use they must become questions with a number for an answer, asked of every model in the same way. This is the exam that the course works towards.
#
# | demand | question | what is measured | a control that must fail | first asked in |
# |---|---|---|---|---|
# | 1 | **Prediction**: is the next frame right? and the tenth? | error against horizon | copy the last frame | 03 |
# | 1 | **Control**: does the future depend on the action as in the world? | futures under other actions | shuffled actions | 05, 14 |
# | 1 | **Planning**: can one act by it? | reward from planning in it | random policy, untrained model | 01, 04, 21 |
# | 2 | **Probing**: are position, speed, mass in its state? | a small reader on frozen states | pixels, untrained network | 05, 18, 25 |
# | 2 | **Intervention**: is what it knows also what it uses? | move the state along a direction, look at the future | a random direction | 25 |
# | 2 | **Surprise**: does the impossible surprise it more? | surprise on matched pairs of films | pixel difference | 05, 23 |
# | 2 | **Geometry**: do shadows and parallels agree? | distance from the vanishing point | real pictures | 24 |

# %% [markdown]
# Three of them you have already asked of a table: prediction (total variation), planning (the share of the best plan), surprise (the bump). The shuffled control was the question about control.

# %% [markdown]
# ### What this toy shows, and what it cannot
#
# It shows that a model learned from few real steps can replace many, with an interval; that its worth ends where its experience ends, and that the lead shrinks when the world is a matter of luck; and that an agent that rehearses in a wrong model fares worse than one that has none. It cannot show any of the hard parts. Here the robot is *given* its state: perception is solved before it begins. States can be listed, so nothing has to be generalised from one to another: knowing what *right* does in 42 cells says nothing about the 43rd. The first is the subject of the next notebook: how to make a state from a picture.

# %% [markdown]
# On a larger machine there is nothing to gain here: this notebook has no gpu version. The first one is `python -m course_lib train vae --size gpu`, in notebook 02.

# %%
progress()

# %% [markdown]
# ### References
#
# The marks are those of `claims.md`: [P] read in the source itself (where a part is named, that part and no more); [S] read in somebody else's summary.
#
# - R. S. Sutton and A. G. Barto, *Reinforcement Learning: An Introduction*, 2nd edition, 2018: chapter 3 (the loop, MDPs; (3.19) the optimality equation), (4.1) the same, (4.10) value iteration, 6.5 Q-learning, 8.2 Dyna, 8.3 when the model is wrong, 8.5 expected and sample updates.
# - R. S. Sutton, *Integrated architectures for learning, planning, and reacting based on approximating dynamic programming*, ICML 1990 [P: abstract]; *Dyna, an integrated architecture for learning, planning, and reacting*, SIGART Bulletin, 1991 [P: abstract].
# - C. J. C. H. Watkins, *Learning from delayed rewards*, thesis, Cambridge, 1989 [S: as the book cites it].
# - J. Schmidhuber, *Making the world differentiable*, report FKI-126-90, Munich, 1990 [P: its author's own account, 2020].
# - K. Craik, *The nature of explanation*, 1943 [S: the sentence as others quote it].
# - R. I. Brafman and M. Tennenholtz, *R-max*, Journal of Machine Learning Research 3, 2002 [P: abstract]. M. P. Deisenroth and C. E. Rasmussen, *PILCO*, ICML 2011 [P: abstract].
# - D. Ha and J. Schmidhuber, *World Models*, arXiv 1803.10122, 2018, sections 1 and 2. Y. LeCun, *A path towards autonomous machine intelligence*, 2022, sections 3 and 4.
# - B. Efron and R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 13 and 14.
#
# Claims examined here: C08, C09, C10, C11, C12, C13, C14, C15

# %% [markdown] slideshow={"slide_type": "skip"} tags=["navigation"]
# - **Before this notebook:** [00 Start here](00_start_here.ipynb)
# - **After it:** [02 Seeing](02_seeing.ipynb)
# - **All notebooks:** [contents](contents.md)
# - **In the claims ledger:** [C08](claims.md#c08), [C09](claims.md#c09), [C10](claims.md#c10), [C11](claims.md#c11), [C12](claims.md#c12), [C13](claims.md#c13), [C14](claims.md#c14), [C15](claims.md#c15)
