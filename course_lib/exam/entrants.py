"""Who takes the exam: a model, what it has seen, and the controls that go with it.

A chapter's model enters by one function in ``ENTRANTS``, a learner's own by ``--model my_package:MyModel``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from course_lib.contract import WorldModel
from course_lib.exam.rows import Row


class EntrantError(ValueError):
    """Nobody of this name can take the exam, or a model cannot as it is; the message says what is missing."""


@dataclass(frozen=True)
class Entrant:
    """A model at the exam.

    model: None for a part of a model that is no world model by itself (an encoder); it answers its own questions only.
    trained_on: the films it has learned from, as "set/split"; None when nobody knows, and then it is refused.
    hashes: SHA-256 of the data it has learned from, from the provenance of its checkpoint.
    untrained: the same network with fresh weights, a control in every row.
    draws: whether it predicts by drawing (with a generator of fixed seed) rather than by its mean.
    policy: ``make() -> policy(frame, info) -> action``, where the model comes with one.
    questions: names of the question groups that it is asked; None for all of them.
    extra: groups of questions of its own, by name: functions of (entrant, room) that give rows.
    bars: what it is to reach, by question.
    films, probes: the film sets of its own world, where those are not the room's: a model of the task's films has never
    seen a ball.
    """

    name: str
    model: WorldModel | None
    trained_on: Sequence[str] | None
    hashes: frozenset[str] = frozenset()
    checkpoint: str | None = None
    minutes: float | None = None
    untrained: WorldModel | None = None
    draws: bool = False
    policy: Callable[[], Callable[[Any, dict], int]] | None = None
    questions: Sequence[str] | None = None
    extra: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    bars: Mapping[str, float] = field(default_factory=dict)
    films: str | None = None
    probes: str | None = None

    def row(self, room: Any, films: Any, question: str, **answer: Any) -> Row:
        """A row with all that is the same for every answer of this entrant in this room. films: what it was asked on,
        or a word for it."""
        where = films if isinstance(films, str) else f"{films.name}/{films.split}"
        return Row(model=self.name, question=question, split=where, seed=room.seed, checkpoint=self.checkpoint,
                   minutes=self.minutes, **{"bar": self.bars.get(question)} | answer)  # fmt: skip


def entrant_names() -> list[str]:
    """Everybody who can be called by name."""
    return list(ENTRANTS)


def get_entrant(name: str) -> Entrant:
    """One entrant by name. Raises EntrantError with the names there are, and the one that was probably meant."""
    if name not in ENTRANTS:
        close = get_close_matches(name, ENTRANTS, n=1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        raise EntrantError(f"nobody called {name!r} takes the exam{meant}; there are: {', '.join(ENTRANTS)}")
    return ENTRANTS[name]()


def own_entrant(place: str) -> Entrant:
    """A learner's own model, ``"my_package.my_module:MyModel"``: a class without arguments, a function, or an object.

    It has to fulfil ``course_lib.contract.WorldModel`` and to say in ``trained_on`` what it has learned from, for
    example ``trained_on = ["simple/train"]``, or ``[]`` for nothing. ``untrained()``, where it has such a method, gives
    the same network with fresh weights. Raises EntrantError that says what is missing.
    """
    module_name, colon, attribute = place.partition(":")
    if not colon or not attribute:
        raise EntrantError(f"--model {place}: write it as package.module:Name")
    try:
        found = getattr(import_module(module_name), attribute)
    except ImportError as error:
        raise EntrantError(f"--model {place}: {module_name} cannot be imported ({error})") from None
    except AttributeError:
        raise EntrantError(f"--model {place}: there is no {attribute} in {module_name}") from None
    model = found() if isinstance(found, type) or not hasattr(found, "encode") else found
    if not isinstance(model, WorldModel):
        lacking = [m for m in ("capabilities", "encode", "predict", "decode", "surprise") if not hasattr(model, m)]
        raise EntrantError(f"--model {place} is no WorldModel: it lacks {', '.join(lacking)} (course_lib/contract.py)")
    trained_on = getattr(model, "trained_on", None)
    untrained = model.untrained() if hasattr(model, "untrained") else None
    return Entrant(attribute, model, trained_on, untrained=untrained, draws=bool(getattr(model, "draws", False)))


# --------------------------------------------------------------------------------------- those who come with the course


def _perfect() -> Entrant:
    from course_lib.models.yardsticks import PerfectModel, UntrainedModel
    from course_lib.worlds.oracle import oracle_policy

    return Entrant("perfect", PerfectModel(), [], untrained=UntrainedModel(), policy=lambda: oracle_policy)


def _random() -> Entrant:
    import numpy as np

    from course_lib.models.yardsticks import RandomModel, UntrainedModel
    from course_lib.worlds.oracle import RandomPolicy

    return Entrant("random", RandomModel(), [], untrained=UntrainedModel(),
                   policy=lambda: RandomPolicy(np.random.default_rng(1)))  # fmt: skip


def _untrained() -> Entrant:
    from course_lib.models.yardsticks import UntrainedModel

    return Entrant("untrained", UntrainedModel(), [], untrained=UntrainedModel(seed=1))


def _extrapolation(name: str, rate: float) -> Entrant:
    from course_lib.models.extrapolate import Extrapolation
    from course_lib.worlds import spec

    return Entrant(name, Extrapolation(rate=rate, actions=len(spec.ACTIONS)), [])


def _vae(size: str, films: str) -> Entrant:
    from course_lib.exam.reconstruction import reconstruction_rows
    from course_lib.training.checkpoints import provenance

    facts = provenance("vae", size=size)
    return Entrant(
        name="vae" if size == "cpu" else f"vae-{size.removeprefix('cpu-')}",
        model=None,
        trained_on=[f"{facts['configuration']['data']['films']}/train"],
        hashes=frozenset({facts["data"]["sha256"]}),
        checkpoint=facts["sha256"][:12],
        minutes=facts["minutes"],
        questions=["reconstruction"],
        bars={"reconstruction_gain_over_pca_db": 3.0, "reconstruction_kl_nats": 5.0} if films == "simple" else {},
        extra={"reconstruction": lambda entrant, room: reconstruction_rows(entrant, room, size=size, films=films)},
    )


def _learned(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the provenance of a part that learned from several film sets says of the entrant."""
    return {
        "trained_on": [f"{films}/train" for films in facts["configuration"]["data"]["films"]],
        "hashes": frozenset({facts["data"]["sha256"]}),
        "checkpoint": facts["sha256"][:12],
        "minutes": facts["minutes"],
    }


def _tokenizer() -> Entrant:
    from course_lib.exam.tokens import tokens
    from course_lib.training.checkpoints import load_checkpoint, provenance

    facts = provenance("tokenizer")
    return Entrant(
        name="tokenizer",
        model=None,
        **_learned(facts),
        questions=["tokens"],
        bars={"tokenizer_psnr_db": 30.0, "codes_alive": 0.5},
        extra={"tokens": lambda entrant, room: tokens(entrant, room, part=load_checkpoint("tokenizer"))},
    )


def _reader() -> Entrant:
    from course_lib.exam.floor import floor
    from course_lib.training.checkpoints import provenance

    facts = provenance("reader")
    return Entrant(
        name="reader",
        model=None,
        **_learned(facts),
        questions=["floor"],
        extra={"floor": floor},
    )


def _vmc() -> Entrant:
    from course_lib.exam.acting import acting
    from course_lib.models.dream_env import ControllerPolicy
    from course_lib.training.checkpoints import load_checkpoint, provenance

    facts = {part: provenance("vmc", part=part) for part in ("v", "m", "c")}
    model = load_checkpoint("vmc")
    films = facts["m"]["configuration"]["data"]["films"]
    return Entrant(
        name="vmc",
        model=model,
        trained_on=[f"{films}/train"],
        hashes=frozenset({facts["m"]["data"]["sha256"]}),
        checkpoint=facts["m"]["sha256"][:12],
        minutes=facts["m"]["minutes"] + sum(c["minutes"] for c in facts["c"]["controllers"].values()),
        untrained=model.untrained(),
        policy=lambda: ControllerPolicy(model, "dream 1.0"),
        extra={"acting": acting},
        questions=[*("prediction", "control", "probing", "surprise", "returns"), "acting"],
        bars={"dream_position_error_ratio_t10": 0.5, "dream_return": 0.8, "sweep_inner_maximum": 1.0},
        films=films,
        probes=films,
    )


def _vmc_carracing() -> Entrant:
    from course_lib.exam.racing import racing
    from course_lib.training.checkpoints import load_checkpoint, provenance

    facts = provenance("vmc", size="cpu-carracing", part="c")
    model = load_checkpoint("vmc", size="cpu-carracing")
    return Entrant(
        name="vmc-carracing",
        model=model,
        trained_on=["carracing/train"],
        hashes=frozenset({facts["data"]["sha256"]}),
        checkpoint=facts["sha256"][:12],
        minutes=facts["minutes"] + facts["controllers"]["real"]["minutes"],
        untrained=model.untrained(),
        questions=["racing"],
        extra={"racing": racing},
        bars={"carracing_return": 900.0},
    )


def _lam() -> Entrant:
    from functools import partial

    from course_lib.exam.latent import latent_actions
    from course_lib.training.checkpoints import load_checkpoint, provenance

    facts = provenance("lam")
    return Entrant(
        name="lam",
        model=None,
        **_learned(facts),
        questions=["latent_actions"],
        bars={"action_nmi": 0.6, "action_accuracy": 0.85},
        extra={"latent_actions": partial(latent_actions, part=load_checkpoint("lam"))},
    )


def _genie() -> Entrant:
    from functools import partial

    from course_lib.exam.cloning import cloning
    from course_lib.exam.latent import latent_actions
    from course_lib.exam.playing import cost, playing
    from course_lib.exam.tokens import tokens
    from course_lib.training.checkpoints import load_checkpoint, provenance

    facts = {name: provenance(name) for name in ("tokenizer", "lam")}  # the genie has these two in it
    learned = {name: _learned(fact) for name, fact in (facts | {"genie": provenance("genie", part="dynamics")}).items()}
    model = load_checkpoint("genie")
    return Entrant(
        name="genie",
        model=model,
        trained_on=sorted({films for part in learned.values() for films in part["trained_on"]}),
        hashes=frozenset().union(*(part["hashes"] for part in learned.values())),
        checkpoint=learned["genie"]["checkpoint"],
        minutes=sum(part["minutes"] for part in learned.values()),
        untrained=model.untrained(),
        questions=["prediction", "control", "probing", "surprise", "tokens", "latent_actions", "playing", "cost",
                   "cloning"],
        extra={
            "tokens": partial(tokens, part=model.tokenizer),
            "latent_actions": partial(latent_actions, part=model.lam),
            "playing": playing,
            "cost": cost,
            "cloning": partial(cloning, part=model.lam),
        },
        bars={"tokenizer_psnr_db": 30.0, "codes_alive": 0.5, "action_nmi": 0.6, "action_accuracy": 0.85,
              "delta4_psnr_db": 2.0, "latent_delta4_psnr_db": 2.0, "play_fps": 15.0, "clone_return_200": 0.9,
              "time_exponent": 1.15},
        films="goal",
        probes="goal",
    )  # fmt: skip


ENTRANTS: dict[str, Callable[[], Entrant]] = {
    "reader": _reader,
    "perfect": _perfect,
    "random": _random,
    "untrained": _untrained,
    "copy-last": lambda: _extrapolation("copy-last", 0.0),
    "linear": lambda: _extrapolation("linear", 1.0),
    "vmc": _vmc,
    "vmc-carracing": _vmc_carracing,
    "lam": _lam,
    "genie": _genie,
    "vae": lambda: _vae("cpu", "simple"),
    "tokenizer": _tokenizer,
    "vae-rich": lambda: _vae("cpu-rich", "rich"),
}
