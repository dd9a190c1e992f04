"""Probes of an encoder's tokens: one learned query for each variable, and beside it a line on their mean.

A *linear* probe takes the mean of all tokens, as I-JEPA's evaluation does (arXiv 2301.08243, appendix A), and reads
variables off it by ridge regression. A mean forgets what stands in one place. An *attentive* probe (注意力探针) may
choose (Chen et al., Context Autoencoder, 2022, arXiv 2202.03026, section 4; V-JEPA, arXiv 2404.08471, section 4): each
variable has a learned query q, and from the tokens z_n it gets

    a = softmax over n of q . K z_n / sqrt(d),      answer = W sum_n a_n V z_n + b

in several heads. Here all variables share K and V, whose width is the same whatever is probed; V-JEPA's has an MLP
behind it, this one has none, so that the probe computes as little as possible by itself. Everybody who is compared is
probed in the same way: same pictures, same inner width, same steps, and the weight decay is chosen for each variable on
films held back from the fit, among the same three.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.pictures import Pictures, Variable
from course_lib.exam.measures.probes import ProbeFit, r2, r2_interval
from course_lib.models.base import fresh
from course_lib.nets.fit import fit

INNER, HEADS = 64, 4  # channels of keys and values, shared by the heads
DECAYS = (0.01, 0.3, 3.0)  # weight decays that are tried
STEPS, BATCH, RATE = 800, 128, 3e-3

Scores = dict[str, dict[str, float | int]]  # by variable: value, low, high (95 %), n films


class AttentiveProbe(nn.Module):
    """Tokens (B, N, D) -> the answers to all variables, by name: (B, classes), or (B, 1) for a number, standardised.

    mean, scale: (D,), of the tokens that it is fitted to; what never changes has an infinite scale and says nothing.
    """

    def __init__(self, mean: Tensor, scale: Tensor, variables: Mapping[str, Variable]) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.query = nn.Parameter(torch.randn(len(variables), HEADS, INNER // HEADS))
        self.keys_values = nn.Linear(len(mean), 2 * INNER)
        self.answers = nn.ModuleDict({name: nn.Linear(INNER, max(1, v.classes)) for name, v in variables.items()})

    def weights(self, tokens: Tensor) -> Tensor:
        """Where each variable's query attends, (B, V, heads, N); rows add up to 1."""
        return self._attend(tokens)[0]

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        """See the class."""
        weights, values = self._attend(tokens)
        found = torch.einsum("bvhn,bnhd->bvhd", weights, values).flatten(2)  # (B, V, INNER)
        return {name: layer(found[:, i]) for i, (name, layer) in enumerate(self.answers.items())}

    def _attend(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        both = self.keys_values((tokens - self.mean) / self.scale).unflatten(2, (2, HEADS, -1))  # (B, N, 2, heads, d)
        keys, values = both.unbind(dim=2)
        logits = torch.einsum("vhd,bnhd->bvhn", self.query, keys) / math.sqrt(keys.shape[-1])
        return logits.softmax(dim=-1), values


def fit_attentive(
    tokens: Tensor, pictures: Pictures, *, decay: float, steps: int = STEPS, seed: int = 0
) -> AttentiveProbe:
    """One probe for all variables, fitted to all of these. tokens: (P, N, D), of the same pictures.

    The loss is the mean over the variables of the squared error of a standardised number, or of the cross-entropy over
    log(classes): each is about 1 for who knows nothing.
    """
    mean, scale = tokens.mean(dim=(0, 1)), tokens.std(dim=(0, 1))
    scale = torch.where(scale > 1e-6, scale, torch.inf)
    probe = fresh(lambda given: AttentiveProbe(*given), (mean, scale, pictures.variables), seed)
    wanted = {name: torch.from_numpy(_standardised(pictures, name)) for name in pictures.variables}

    def draw(generator: torch.Generator) -> Tensor:
        return torch.randint(len(tokens), (BATCH,), generator=generator)

    def loss(rows: Tensor) -> dict[str, Tensor]:
        answers = probe(tokens[rows])
        parts = []
        for name, variable in pictures.variables.items():
            target = wanted[name][rows]
            if variable.classes:
                parts.append(F.cross_entropy(answers[name], target) / math.log(variable.classes))
            else:
                parts.append((answers[name][:, 0] - target).square().mean())
        return {"loss": torch.stack(parts).mean()}

    fit(probe, loss, draw, steps=steps, learning_rate=RATE, weight_decay=decay,
        generator=torch.Generator().manual_seed(seed))  # fmt: skip
    return probe


def attentive_scores(
    fitted: tuple[Tensor, Pictures], asked: tuple[Tensor, Pictures], *, steps: int = STEPS, seed: int = 0
) -> Scores:
    """Fit probes to tokens of some pictures and score them on those of others: R2 or share of right answers.

    A fifth of the films to fit to is held back, and chooses the weight decay of each variable. Intervals are bootstraps
    over the films that are asked. Raises ValueError where tokens and pictures do not belong together, or fewer than two
    films are there to fit to.
    """
    _check(*fitted)
    _check(*asked)
    tokens, pictures = fitted
    held = _held_back(pictures)
    some = Pictures(pictures.frames[~held], pictures.films[~held],
                    {k: v[~held] for k, v in pictures.truth.items()}, pictures.variables)  # fmt: skip
    found: list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]] = []
    for decay in DECAYS:
        probe = fit_attentive(tokens[torch.from_numpy(~held)], some, decay=decay, steps=steps, seed=seed)
        found.append((_answers(probe, tokens[torch.from_numpy(held)], some), _answers(probe, asked[0], some)))
    scores = {}
    for name, variable in pictures.variables.items():
        best = max(found, key=lambda both: _score(variable, pictures.truth[name][held], both[0][name]))
        scores[name] = _interval(name, asked[1], best[1][name], seed)
    return scores


def linear_scores(
    fitted: tuple[Tensor, Pictures], asked: tuple[Tensor, Pictures], *, pooled: bool = True, seed: int = 0
) -> Scores:
    """The same by a line: ridge regression on the mean of the tokens, or on all of them laid flat.

    A class is read by one ridge on as many targets as there are classes: the largest answer counts.
    """
    _check(*fitted)
    _check(*asked)
    rows = [(tokens.mean(dim=1) if pooled else tokens.flatten(1)).double().numpy() for tokens, _ in (fitted, asked)]
    pictures, line = fitted[1], ProbeFit(rows[0], fitted[1].films)
    scores = {}
    for name, variable in pictures.variables.items():
        if variable.classes:
            answer = line(np.eye(variable.classes)[pictures.truth[name]])(rows[1]).argmax(axis=1)
        else:
            answer = line(pictures.truth[name][:, None])(rows[1])[:, 0]
        scores[name] = _interval(name, asked[1], answer, seed)
    return scores


def above(scores: Scores, others: Scores) -> list[str]:
    """The variables whose interval lies wholly above that of the other one."""
    return [name for name in scores if scores[name]["low"] > others[name]["high"]]


def _check(tokens: Tensor, pictures: Pictures) -> None:
    if tokens.ndim != 3 or len(tokens) != len(pictures):
        raise ValueError(f"tokens (P, N, D) of {len(pictures)} pictures are wanted, these are {tuple(tokens.shape)}")


def _held_back(pictures: Pictures) -> np.ndarray:
    names = np.unique(pictures.films)
    if len(names) < 2:
        raise ValueError(f"a weight decay is chosen on films held back: at least 2 films are needed, not {len(names)}")
    return np.isin(pictures.films, names[::5])


def _standardised(pictures: Pictures, name: str) -> np.ndarray:
    truth = pictures.truth[name]
    if pictures.variables[name].classes:
        return truth.astype(np.int64)
    return ((truth - truth.mean()) / max(truth.std(), 1e-9)).astype(np.float32)


@torch.no_grad()
def _answers(probe: AttentiveProbe, tokens: Tensor, fitted: Pictures) -> dict[str, np.ndarray]:
    """Numbers in their own units, and classes. fitted: the pictures whose mean and deviation were taken away."""
    parts = [probe(part) for part in tokens.split(4 * BATCH)]
    found = {}
    for name, variable in fitted.variables.items():
        answer = torch.cat([part[name] for part in parts]).numpy()
        truth = fitted.truth[name]
        found[name] = (answer.argmax(axis=1) if variable.classes
                       else answer[:, 0].astype(float) * max(truth.std(), 1e-9) + truth.mean())  # fmt: skip
    return found


def _score(variable: Variable, truth: np.ndarray, answer: np.ndarray) -> float:
    return float((truth == answer).mean()) if variable.classes else r2(truth, answer)


def _interval(name: str, asked: Pictures, answer: np.ndarray, seed: int) -> dict[str, float | int]:
    truth, films = asked.truth[name], asked.films
    if not asked.variables[name].classes:
        low, high = r2_interval(truth, answer, films, np.random.default_rng(seed))
        return {"value": r2(truth, answer), "low": low, "high": high, "n": len(np.unique(films))}
    _, where = np.unique(films, return_inverse=True)
    right = np.bincount(where, truth == answer) / np.bincount(where)  # of each film
    return mean_and_interval(right, seed=seed)
