"""Questions to an agent that dreams: what is a controller worth that has only lived in a dream?

All controllers play the same held-out episodes of the real Playground. Returns are normalised (0 a random player, 1 the
scripted oracle). The dream-trained controller is set against the same controller trained in the real world, because
both have the same eyes, memory and size: what is left is where they lived.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval, paired_ratio_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.planning.controller import real_returns
from course_lib.worlds.oracle import normalised_return

LEARNED = "dream 1.0"  # the temperature that M learned


def played(entrant: Entrant, sitting: Sitting) -> dict[str, np.ndarray]:
    """Normalised returns of every controller in the same real episodes, (N,) each, and of one that never moves.

    The controller of the reservoir is played with the untrained M that it evolved on. "untrained_m" is the
    dream-trained controller with that M: what is left of it without what M learned.
    """
    model, untrained, c = entrant.part("model"), entrant.untrained["model"], entrant.part("controllers")
    found = {}
    for name in c.names:
        who = untrained if name == "reservoir" else model
        found[name] = real_returns(who, c.of(name), episodes=sitting.episodes, split=sitting.split)
    found["untrained_m"] = real_returns(untrained, c.of(LEARNED), episodes=sitting.episodes, split=sitting.split)
    found["stands_still"] = real_returns(model, 0 * c.of(LEARNED), episodes=sitting.episodes, split=sitting.split)
    return {name: np.asarray(normalised_return(values)) for name, values in found.items()}


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows real_return, dream_return, dream_return_alone, reservoir_return and, of several temperatures, the sweep."""
    names = entrant.part("controllers").names
    where, note = sitting.admit_episodes(entrant, "goal"), "n counts episodes"
    if LEARNED not in names or "real" not in names:
        raise NotCapable("it comes without a controller from the dream and one from the real world")
    returns = played(entrant, sitting)
    means = {name.replace(" ", "_"): float(values.mean()) for name, values in returns.items()}

    def controls(*without: str) -> dict[str, float]:
        return {"random": 0.0, "oracle": 1.0} | {k: v for k, v in means.items() if k not in without}

    yield entrant.row(sitting, where, "real_return", unit="", controls=controls("real"), note=note,
                      **mean_and_interval(returns["real"], seed=sitting.seed))  # fmt: skip
    yield entrant.row(sitting, where, "dream_return_alone", unit="", controls=controls("dream_1.0"), note=note,
                      **mean_and_interval(returns[LEARNED], seed=sitting.seed))  # fmt: skip
    if means["real"] > 0:
        low, high = paired_ratio_interval(returns[LEARNED], returns["real"], generator=sitting.rng())
        yield entrant.row(
            sitting, where, "dream_return", unit="", value=means["dream_1.0"] / means["real"], low=low, high=high,
            controls={name: means[name] / means["real"] for name in ("untrained_m", "stands_still")},
            n=sitting.episodes,
            note="the dream-trained controller's return over the real-trained one's, both normalised",
        )  # fmt: skip
    if "reservoir" in names:
        yield entrant.row(sitting, where, "reservoir_return", unit="", controls=controls("reservoir"), note=note,
                          **mean_and_interval(returns["reservoir"], seed=sitting.seed))  # fmt: skip
    yield from _sweep(entrant, sitting, returns, where)


def _sweep(entrant: Entrant, sitting: Sitting, returns: dict[str, np.ndarray], where: str) -> Iterator[Row]:
    """Is the best temperature to dream at neither the coldest nor the hottest? 1 if it is so, 0 if not; the interval
    is that of the answer when the episodes are resampled."""
    warm = sorted((float(name.split()[1]), name) for name in returns if name.startswith("dream "))
    if len(warm) < 3:
        return
    table = np.stack([returns[name] for _, name in warm])  # (temperatures, N)
    rng, games = sitting.rng(6), sitting.episodes
    best = np.array([table[:, rng.integers(games, size=games)].mean(axis=1).argmax() for _ in range(2000)])
    inner = ((best > 0) & (best < len(warm) - 1)).astype(float)
    value = table.mean(axis=1).argmax()
    yield entrant.row(
        sitting, where, "sweep_inner_maximum", unit="", value=float(0 < value < len(warm) - 1),
        low=float(np.quantile(inner, 0.025)), high=float(np.quantile(inner, 0.975)), n=sitting.episodes,
        controls={f"return_at_{tau:g}": float(returns[name].mean()) for tau, name in warm},
        note="1 when the best temperature is an inner one",
    )  # fmt: skip
