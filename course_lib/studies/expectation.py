"""Two hundred matched quadruplets of every property: whom does the impossible film surprise more than the possible one?

Everybody sees the same test films (``worlds/quadruplets``), of the family and of its held-out tiers, and is scored by
``measures/expectation``. The first is taught on possible films of the family; the others are there to be compared with.

    vmc-family    V and M, taught on films with screens
    vmc           V-M-C of notebooks 02 to 04, taught on another world: an agent, a platform and a star
    genie-table   Genie with its memory of three frames, taught on films of that world; no key, by its table
    noisy-engine  the simulator itself, from a scene that is known only roughly: what knowledge of the rules is worth
    pixel_difference, copy-last   who expects each frame to be like the one before
    untrained, fresh_m            networks like vmc-family that have learned nothing; in fresh_m the trained V is kept

An untrained V sees so little difference between frames that the two means of a pair agree to five digits, and every
pair is a tie. So ``untrained`` stands at one half whatever the seed; ``fresh_m`` is the control that could be lucky.

Genie infers its latent actions in play from the frame that the action led to. Here that is the frame that is judged, so
its key is translated by the table, as it is when nobody presses anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from course_lib.exam.measures.expectation import balance, pixel_difference, scores
from course_lib.exam.measures.surprises import quadruplet_surprises
from course_lib.models.base import untrained_twin
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.noisy_engine import NoisyEngine
from course_lib.models.vmc import VMC
from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model
from course_lib.worlds.properties import PROPERTIES, TIERS
from course_lib.worlds.quadruplets import HELD_OUT_TIER, Quadruplets, change_places, make_quadruplets

KEPT = DATA / "playground" / "expectation.json"
COUNT = 200  # quadruplets of a property in a tier
FEW, SEEDS = 25, 10  # quadruplets for each untrained network, and how many of those there are
GENIES = 25  # quadruplets for Genie, which takes a second for each
ASKED_TIERS = ("family", HELD_OUT_TIER)
CHECKS = ("frames", "frames_at_times", "neighbouring_pairs")  # what ``balance`` compares
STEPS = 4  # a score is a mean of two comparisons, each 0, 1/2 or 1: it is kept as a digit, in quarters

Judge = Callable[[Quadruplets], np.ndarray]  # -> surprise, (N, 4, T)


def engine_surprises(made: Quadruplets, *, noise: float = 1.0, samples: int = 8) -> np.ndarray:
    """The noisy engine's surprise, (N, 4, T); it is handed the two stages of each quadruplet, and errs anew in each."""
    found = []
    for stages, seed, four in zip(made.stages, made.seeds, made.films(), strict=True):
        engine = NoisyEngine(stages, noise=noise, samples=samples, size=made.size, seed=int(seed))
        found.append(engine.surprise(to_model(four)).numpy())
    return np.stack(found)


def in_view(made: Quadruplets) -> np.ndarray:
    """Films that are cut when everybody can see it, A B AB BA: the control of the balance. uint8 (N, 4, T, H, W, 3)."""
    late = made.cuts[:, 0] - made.hidden // 2 + made.hidden + 1  # the second frame after the first window
    joined = [change_places(pair, (int(cut),)) for pair, cut in zip(made.frames, late, strict=True)]
    return np.concatenate([made.frames, np.stack(joined)], axis=1)


def balanced(films: np.ndarray) -> np.ndarray:
    """Whether all that ``balance`` compares is equal, of each quadruplet, bool (N,)."""
    found = balance(films)
    return np.all([found[name] for name in CHECKS], axis=0)


def as_digits(values: np.ndarray) -> str:
    """Scores, quarters from 0 to 1, as one digit each."""
    return "".join(str(round(STEPS * float(value))) for value in values)


def from_digits(text: str) -> np.ndarray:
    """The way back, (N,). Raises ValueError for a digit that is no quarter."""
    found = np.array([int(digit) for digit in text]) / STEPS
    if len(found) == 0 or found.max() > 1.0:
        raise ValueError(f"a score is a digit from 0 to {STEPS}, one for each quadruplet")
    return found


def measure_expectation(
    judges: Mapping[str, tuple[Judge, int]], twins: Mapping[str, Sequence[Judge]], *, count: int = COUNT,
    few: int = FEW, names: Sequence[str] = tuple(PROPERTIES), report: Callable[[str], None] = print,
) -> dict[str, Any]:  # fmt: skip
    """What everybody scores by tier, property and quadruplet, lists and numbers only.

    judges: by name who judges, and how many of the quadruplets. twins: by name the untrained networks, each of which
    judges the first ``few`` quadruplets of the family.
    """
    found: dict[str, Any] = {"scores": {}, "untrained": {name: {} for name in twins}, "balanced": {}, "in_view": {},
                             "hidden": {}, "tiers": {}}  # fmt: skip
    for tier in ASKED_TIERS:
        kept = {fact: found[fact].setdefault(tier, {}) for fact in ("scores", "balanced", "in_view", "hidden", "tiers")}
        for name in names:
            made = _made(name, count, tier)
            kept["balanced"][name] = float(balanced(made.films()).mean())
            kept["in_view"][name] = float(balanced(in_view(made)).mean())
            kept["hidden"][name] = [int(made.hidden.min()), int(made.hidden.max())]
            kept["tiers"][name] = "".join(str(TIERS.index(one)) for one in made.tiers)
            kept["scores"][name] = {who: as_digits(_scores(judge, made, of)) for who, (judge, of) in judges.items()}
            means = {who: from_digits(digits).mean() for who, digits in kept["scores"][name].items()}
            report(f"{tier}, {name}: " + ", ".join(f"{who} {mean:.3f}" for who, mean in means.items()))
            if tier == ASKED_TIERS[0]:
                for who, several in twins.items():
                    each = [float(_scores(judge, made, few).mean()) for judge in several]
                    found["untrained"][who][name] = each
                    report(f"  {who}: {np.mean(each):.3f}, from {min(each):.2f} to {max(each):.2f}")
    return found


def _scores(judge: Judge, made: Quadruplets, count: int) -> np.ndarray:
    some = _made(made.name, count, made.tier) if count < len(made) else made
    return scores(judge(some), some.cuts)


@lru_cache(maxsize=4)  # all who judge are shown the same ones, and each untrained network the same few
def _made(name: str, count: int, tier: str) -> Quadruplets:
    return make_quadruplets(name, split="test", count=count, tier=tier)


def judge_of(model: Any) -> Judge:
    """A world model as a judge: its surprise at the films of some quadruplets."""
    return lambda made: quadruplet_surprises(model, made.films())


def judges_of(family: VMC, others: Mapping[str, tuple[Any, int]], count: int = COUNT) -> dict[str, tuple[Judge, int]]:
    """Who is asked. others: world models by name, each with how many quadruplets it is shown."""
    copy = Extrapolation(rate=0.0, actions=len(spec.ACTIONS))
    return {
        "vmc-family": (judge_of(family), count),
        **{name: (judge_of(model), some) for name, (model, some) in others.items()},
        "noisy-engine": (engine_surprises, count),
        "pixel_difference": (lambda made: pixel_difference(made.films()), count),
        "copy-last": (judge_of(copy), count),
    }


def twins_of(family: VMC, seeds: int = SEEDS) -> dict[str, list[Judge]]:
    """Networks of the same sizes that have learned nothing: all of it, or M alone."""
    return {"untrained": [judge_of(untrained_twin(family, seed)) for seed in range(1, seeds + 1)],
            "fresh_m": [judge_of(family.untrained(seed)) for seed in range(1, seeds + 1)]}  # fmt: skip


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Ask everybody: about fifteen minutes of one core."""
    family = load_checkpoint("vmc", size="cpu-family")
    others = {"vmc": (load_checkpoint("vmc"), COUNT), "genie-table": (load_checkpoint("genie"), GENIES)}
    found = measure_expectation(judges_of(family, others), twins_of(family), report=report)
    return {"quadruplets": COUNT, "untrained_seeds": SEEDS, "untrained_quadruplets": FEW,
            "weights": judged_weights()} | found  # fmt: skip


def judged_weights() -> dict[str, str]:
    """The first digits of the SHA-256 of everybody who was asked: of a V-M, M's."""
    return {"vmc-family": weights_of("vmc", "cpu-family", "m"), "vmc": weights_of("vmc", part="m"),
            "genie-table": weights_of("genie", part="dynamics")}  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """What ``measure_expectation`` gives, by tier and property where not said otherwise.

    scores: of each who was asked, a score for each quadruplet, (N,). tiers: from which of ``properties.TIERS`` each
    quadruplet was drawn, integers (N,). untrained: by kind of network and property the mean of each seed. balanced,
    in_view: the share of quadruplets that are balanced, and of those that were cut in view. hidden: the fewest and the
    most frames of the first window. weights: of who was asked; none where it has no checkpoint.
    """

    scores: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]
    tiers: Mapping[str, Mapping[str, np.ndarray]]
    untrained: Mapping[str, Mapping[str, np.ndarray]]
    balanced: Mapping[str, Mapping[str, float]]
    in_view: Mapping[str, Mapping[str, float]]
    hidden: Mapping[str, Mapping[str, tuple[int, int]]]
    weights: Mapping[str, str]


def as_expected(facts: Mapping[str, Any]) -> Expected:
    """The facts as the exam reads them. Raises ValueError, KeyError or TypeError where they are damaged."""

    def share(value: Any) -> float:
        if not 0.0 <= float(value) <= 1.0:
            raise ValueError(f"a share lies between 0 and 1, not at {value}")
        return float(value)

    def of_tiers(part: Mapping[str, Any], make: Callable[[Any], Any]) -> dict[str, dict[str, Any]]:
        return {tier: {name: make(value) for name, value in part[tier].items()} for tier in ASKED_TIERS}

    found = Expected(
        scores=of_tiers(facts["scores"], lambda by: {who: from_digits(digits) for who, digits in by.items()}),
        tiers=of_tiers(facts["tiers"], lambda digits: np.array([int(digit) for digit in digits])),
        untrained={who: {name: np.array([share(one) for one in each]) for name, each in by.items()}
                   for who, by in facts["untrained"].items()},
        balanced=of_tiers(facts["balanced"], share), in_view=of_tiers(facts["in_view"], share),
        hidden=of_tiers(facts["hidden"], lambda pair: (int(pair[0]), int(pair[1]))),
        weights=dict(facts.get("weights", {})),
    )  # fmt: skip
    for tier, by_name in found.scores.items():
        if any(set(part[tier]) != set(by_name) for part in (found.tiers, found.balanced, found.in_view, found.hidden)):
            raise ValueError(f"{tier}: the facts are not of the same properties")
        for name, by in by_name.items():
            longest = max(len(values) for values in by.values())
            if len(by["pixel_difference"]) != longest or len(found.tiers[tier][name]) != longest:
                raise ValueError(f"{tier}, {name}: the numbers are not of equally many quadruplets")
    return found


def measured_expectation() -> Expected:
    """The kept facts. Raises ExamError when the file is missing or damaged."""
    return read_study(KEPT, as_expected, "expectation")
