"""Who takes the exam: a model by its parts, what it has learned from, and the controls that go with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from course_lib.contract import NotCapable, WorldModel
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.lookup import CourseError, did_you_mean
from course_lib.worlds import spec
from course_lib.worlds.films import Films
from course_lib.worlds.scenes import FILM_SETS

ELSEWHERE = ("carracing", "coinrun", "rooms", "screens", "starless")  # data that is no film set of the Playground
OWN = "own"  # data that does not come with the course: "own/my_films"

PARTS = {
    "model": "world model",
    "latent_model": "world model that is played with latent actions",
    "policy": "policy to act by",
    "controllers": "controllers, one from a dream and one from the real world",
    "driver": "controller that drives the car",
    "planner": "planner that is given a goal picture",
    "vae": "variational autoencoder",
    "tokenizer": "tokenizer",
    "lam": "latent action model",
    "encoder": "encoder",
    "film_encoder": "encoder of films",
    "clip": "pair of encoders for captions and films",
    "samplers": "samplers of a known distribution",
    "denoiser": "denoiser of a known distribution",
    "codec": "video codec",
    "dit": "diffusion transformer",
    "text_to_video": "text-to-video model",
    "block": "block whose cost could be timed",
    "reader": "reader",
    "image_world_model": "predictor of what an encoder says of a changed picture",
    "engine": "physics engine that is handed the state behind a first frame",
    "quadruplets": "maker of matched films",
    "rooms": "maker of rooms in perspective",
    "room_pictures": "maker of pictures of rooms",
}
"""The parts that questions ask for, in words. A model may bring others; a question that asks for one names it here."""


class EntrantError(CourseError, ValueError):
    """Nobody of this name can take the exam, or a model cannot as it is; the message says what is missing."""


@dataclass(frozen=True)
class Entrant:
    """A model at the exam.

    parts: what can be asked, by name: "model" is a WorldModel; for the others see ``PARTS``. A question asks for the
    part that it needs, and who has none is not asked it.
    trained_on: the films it has learned from, as "set/split", with "own/..." for data that does not come with the
    course; None when nobody knows, and then it is refused.
    hashes: SHA-256 of the data it has learned from, from the provenance of its checkpoint.
    checkpoint: the first digits of its weights' SHA-256; checkpoints: the same of parts that are stored in files of
    their own. minutes: of training.
    untrained: the same parts with fresh weights, a control in every row. fresh: which weights those are, where it is
    not all of them; the row says it.
    draws: whether it predicts by drawing (with a generator of fixed seed) rather than by its mean.
    questions: the names of the groups that it is asked when nobody names one; None for those put to every world model.
    bars: what it is to reach, by question.
    films, probes: the film sets of its own world, where those are not the sitting's: a model of the task's films has
    never seen a ball.
    Raises EntrantError for parts that are no mapping, and for a film set or split that does not exist: a typing error
    must not let a model be asked on films that it knows.
    """

    name: str
    parts: Mapping[str, Any]
    trained_on: Sequence[str] | None
    hashes: frozenset[str] = frozenset()
    checkpoint: str | None = None
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    minutes: float | None = None
    untrained: Mapping[str, Any] = field(default_factory=dict)
    fresh: str = ""
    draws: bool = False
    questions: Sequence[str] | None = None
    bars: Mapping[str, float] = field(default_factory=dict)
    films: str | None = None
    probes: str | None = None

    def __post_init__(self) -> None:
        for what, parts in (("parts", self.parts), ("untrained", self.untrained)):
            if not isinstance(parts, Mapping):
                raise EntrantError(
                    f'{self.name}: {what} are given by name, as {{"model": my_model}}, not as a {type(parts).__name__}'
                )
        if self.trained_on is not None:
            check_trained_on(self.name, self.trained_on)

    def part(self, name: str) -> Any:
        """A part that a question asks for. Raises NotCapable, with the reason for the row, where there is none."""
        if name not in self.parts:
            raise NotCapable(f"it comes without a {PARTS.get(name, name)}")
        return self.parts[name]

    def row(self, sitting: Sitting, films: Films | str, question: str, **answer: Any) -> Row:
        """A row with all that is the same for every answer of this entrant in this sitting. films: what it was asked
        on, or a word for it."""
        where = films if isinstance(films, str) else f"{films.name}/{films.split}"
        if self.fresh and "untrained" in answer.get("controls", {}):
            answer["note"] = "; ".join(filter(None, [answer.get("note", ""), f"untrained: {self.fresh}"]))
        return Row(model=self.name, question=question, split=where, seed=sitting.seed, checkpoint=self.checkpoint,
                   minutes=self.minutes, **{"bar": self.bars.get(question)} | answer)  # fmt: skip


def check_trained_on(name: str, places: Sequence[str]) -> None:
    """Hold what a model says that it was trained on against what there is. Raises EntrantError."""
    form = f'write sets and splits in a list, such as ["simple/train"], or "{OWN}/..." for data of your own'
    if isinstance(places, str) or not isinstance(places, Sequence) or not all(isinstance(p, str) for p in places):
        raise EntrantError(f"{name}: trained_on is {places!r}; {form}")
    known = [*FILM_SETS, *ELSEWHERE]
    for place in places:
        where, slash, split = place.partition("/")
        if where == OWN and split:
            continue
        if not slash or "/" in split:
            raise EntrantError(f"{name} was trained on {place!r}; {form}")
        if where not in known:
            raise EntrantError(
                f"{name} was trained on {place!r}, and there is no film set {where!r}{did_you_mean(where, known)}; "
                f"{form}"
            )
        if split not in spec.SPLITS:
            raise EntrantError(
                f"{name} was trained on {place!r}, and there is no split {split!r}{did_you_mean(split, spec.SPLITS)}; "
                f"the splits are: {', '.join(spec.SPLITS)}"
            )


@dataclass(frozen=True)
class Candidate:
    """Somebody who will take the exam, and is made when it is his turn: making him may fail.

    make: gives the entrant, or raises whatever it raises.
    """

    name: str
    make: Callable[[], Entrant]


def learned(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the provenance of a checkpoint says of an entrant: trained_on, hashes, checkpoint and minutes.

    Who learned from a known distribution (points on a plane) has learned from no films.
    """
    films = facts["configuration"]["data"].get("films", [])
    return {
        "trained_on": [f"{name}/train" for name in ([films] if isinstance(films, str) else films)],
        "hashes": frozenset({facts["data"]["sha256"]}),
        "checkpoint": facts["sha256"][:12],
        "minutes": facts["minutes"],
    }


def learned_together(known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The same of an entrant that is made of several checkpoints. known: by part, what ``learned`` says of it.

    trained_on, hashes, checkpoints (by part) and minutes; which of them is the entrant's checkpoint is for it to say.
    """
    return {
        "trained_on": sorted({films for part in known.values() for films in part["trained_on"]}),
        "hashes": frozenset().union(*(part["hashes"] for part in known.values())),
        "checkpoints": {name: part["checkpoint"] for name, part in known.items()},
        "minutes": sum(part["minutes"] for part in known.values()),
    }


def check_address(address: str) -> tuple[str, str]:
    """``"my_package.my_module:MyModel"`` as module and name. Raises EntrantError for anything else."""
    module, colon, attribute = address.partition(":")
    words = [*module.split("."), attribute]
    if not colon or not all(word.isidentifier() for word in words):
        raise EntrantError(f"--model {address}: write it as package.module:Name")
    return module, attribute


def own_entrant(address: str) -> Entrant:
    """A learner's own model, ``"my_package.my_module:MyModel"``: a class without arguments, a function, or an object.

    It has to fulfil ``course_lib.contract.WorldModel`` and to say in ``trained_on`` what it has learned from, for
    example ``trained_on = ["simple/train"]``, or ``[]`` for nothing. ``untrained()``, where it has such a method, gives
    the same network with fresh weights. Raises EntrantError that says what is missing, and what the module itself
    raises when it is read or the model when it is made.
    """
    module_name, attribute = check_address(address)
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        raise EntrantError(f"--model {address}: {module_name} cannot be imported ({error})") from None
    if not hasattr(module, attribute):
        near = did_you_mean(attribute, [name for name in vars(module) if not name.startswith("_")])
        raise EntrantError(f"--model {address}: there is no {attribute} in {module_name}{near}")
    found = getattr(module, attribute)
    model = found() if isinstance(found, type) or not hasattr(found, "encode") else found
    if not isinstance(model, WorldModel):
        lacking = [m for m in ("capabilities", "encode", "predict", "decode", "surprise") if not hasattr(model, m)]
        raise EntrantError(
            f"--model {address} is no WorldModel: it lacks {', '.join(lacking)} (course_lib/contract.py)"
        )
    untrained = {"model": model.untrained()} if hasattr(model, "untrained") else {}
    return Entrant(attribute, {"model": model}, getattr(model, "trained_on", None), untrained=untrained,
                   draws=bool(getattr(model, "draws", False)))  # fmt: skip
