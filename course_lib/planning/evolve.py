"""Evolution of a few numbers by CMA-ES (协方差矩阵自适应进化策略), through the ``cma`` package.

Hansen, The CMA Evolution Strategy: A Tutorial (arXiv 1604.00772). Ha & Schmidhuber 2018, appendix A.4, train C with it:
no gradient is needed, only a return for each candidate, so it does not matter whether the candidate lives in a dream
or in the real world.

A run that is stopped goes on from one JSON file with the returns of every generation: the strategy has its own random
numbers, so it is given the same returns once more and stands where it stood, bit for bit, without a pickled object.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cma
import numpy as np

from course_lib.files import atomic_file
from course_lib.lookup import CourseError

Evaluate = Callable[[np.ndarray, int], np.ndarray]  # candidates (P, D), generation -> returns (P,), more is better
FORMAT = 1


class EvolutionError(CourseError, ValueError):
    """A stopped evolution cannot go on; the message names the file, what is wrong with it and the way out."""


@dataclass
class Evolution:
    """What came out.

    mean: the centre of the last generation (D,), the usual answer where returns are noisy; best: the candidate with the
    best single return. rows: for each generation its mean, best and spread of returns, and sigma. seconds: of living,
    over all parts of a run that was stopped.
    """

    mean: np.ndarray
    best: np.ndarray
    best_return: float
    rows: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


def evolve(
    evaluate: Evaluate, start: np.ndarray, *, sigma: float, population: int, generations: int, seed: int,
    on_generation: Callable[[int, dict[str, float], np.ndarray], None] | None = None, keep: Path | None = None,
) -> Evolution:  # fmt: skip
    """Look for the numbers with the highest return.

    evaluate: gets a whole generation at once, so that dreams can run in batches, and its number, for seeds.
    start: (D,). sigma: how far the first generation strays. on_generation: gets how many are done, the row, the mean.
    keep: a JSON file to write after each generation, and to go on from when it is there.
    Raises EvolutionError when that file belongs to another run or cannot be read, ValueError for returns that are not
    finite numbers, one for each candidate.
    """
    rng = np.random.default_rng(seed)
    strategy = cma.CMAEvolutionStrategy(
        np.asarray(start, dtype=float), sigma,
        {"popsize": population, "seed": np.nan, "randn": lambda *shape: rng.standard_normal(shape), "verbose": -9,
         "maxiter": np.inf, "tolfun": 0, "tolx": 0, "tolflatfitness": np.inf, "tolstagnation": np.inf},
    )  # fmt: skip
    settings = {"format": FORMAT, "seed": seed, "population": population, "sigma": sigma,
                "start": np.asarray(start, dtype=float).tolist()}  # fmt: skip
    known, seconds = _read(keep, settings) if keep is not None and keep.exists() else ([], 0.0)
    result = Evolution(np.asarray(start, dtype=float), np.asarray(start, dtype=float), -np.inf)
    for generation in range(generations):
        candidates = np.asarray(strategy.ask())
        if generation < len(known):
            returns = np.asarray(known[generation])
        else:
            start = time.monotonic()
            returns = np.asarray(evaluate(candidates, generation), dtype=float)
            seconds += time.monotonic() - start
            if returns.shape != (population,) or not np.isfinite(returns).all():
                raise ValueError(f"{population} finite returns are needed, one for each candidate, got {returns}")
            known.append(returns.tolist())
            if keep is not None:
                with atomic_file(keep) as file:
                    file.write(json.dumps(settings | {"returns": known, "seconds": seconds}).encode())
        strategy.tell(list(candidates), list(-returns))  # the strategy looks for the least
        if returns.max() > result.best_return:
            result.best, result.best_return = candidates[returns.argmax()].copy(), float(returns.max())
        result.mean = np.asarray(strategy.result.xfavorite).copy()
        row = {"generation": generation + 1, "mean": float(returns.mean()), "best": float(returns.max()),
               "spread": float(returns.std()), "sigma": float(strategy.sigma)}  # fmt: skip
        result.rows.append(row)
        if on_generation is not None:
            on_generation(generation + 1, row, result.mean)
    result.seconds = seconds
    return result


def _read(path: Path, settings: dict) -> tuple[list[list[float]], float]:
    """The returns of the generations that are over, and the seconds that they took. Raises EvolutionError."""
    way_out = f"Remove {path} to begin again, or give the settings that it was made with"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        returns, seconds = stored.pop("returns"), float(stored.pop("seconds"))
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise EvolutionError(f"{path} cannot be read as a stopped evolution ({error!r}). {way_out}") from None
    other = [key for key in settings if stored.get(key) != settings[key]]
    if other:
        raise EvolutionError(f"{path} belongs to another run (it differs in {', '.join(other)}). {way_out}")
    population = settings["population"]
    whole = isinstance(returns, list) and all(isinstance(row, list) and len(row) == population for row in returns)
    if not whole or not all(isinstance(value, float) and np.isfinite(value) for row in returns for value in row):
        raise EvolutionError(f"{path} is damaged: a generation has {population} finite returns. {way_out}")
    return returns, seconds
