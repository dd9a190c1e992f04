"""Genie: a world learned from films without keys. It has a tokenizer and a latent action model in it."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned
from course_lib.exam.entrants import lam, tokenizer

QUESTIONS = ["prediction", "control", "probing", "surprise", "tokens", "latent_actions", "playing", "cost", "cloning"]
BARS = {**tokenizer.BARS, **lam.BARS, "delta4_psnr_db": 2.0, "latent_delta4_psnr_db": 2.0, "play_fps": 15.0,
        "clone_return_200": 0.9, "time_exponent": 1.15}  # fmt: skip


def _genie() -> Entrant:
    from course_lib.nets.space_time import SpaceTimeBlock
    from course_lib.training.checkpoints import load_checkpoint, provenance

    facts = {"tokenizer": provenance("tokenizer"), "lam": provenance("lam"),
             "dynamics": provenance("genie", part="dynamics")}  # fmt: skip
    known = {name: learned(fact) for name, fact in facts.items()}
    model = load_checkpoint("genie")
    return Entrant(
        name="genie",
        parts={"model": model, "tokenizer": model.tokenizer, "lam": model.lam,
               "block": lambda width: SpaceTimeBlock(width, 2)},
        trained_on=sorted({films for part in known.values() for films in part["trained_on"]}),
        hashes=frozenset().union(*(part["hashes"] for part in known.values())),
        checkpoint=known["dynamics"]["checkpoint"],
        checkpoints={name: part["checkpoint"] for name, part in known.items()},
        minutes=sum(part["minutes"] for part in known.values()),
        untrained={"model": model.untrained()},
        fresh="dynamics with fresh weights; tokenizer, latent actions and table are kept",
        questions=QUESTIONS,
        bars=BARS,
        films="goal",
        probes="goal",
    )  # fmt: skip


ENTRANTS = {"genie": _genie}
