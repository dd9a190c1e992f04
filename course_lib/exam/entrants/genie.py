"""Genie: a world learned from films without keys. It has a tokenizer and a latent action model in it.

``genie`` is played with the key map, which asks the frame what a key is there; ``genie-table`` is the same world, each
key one latent action wherever it is pressed.
"""

from __future__ import annotations

from dataclasses import replace

from course_lib.exam.entrant import Entrant, learned, learned_together
from course_lib.exam.entrants import lam, tokenizer

QUESTIONS = ["prediction", "control", "planning", "probing", "surprise", "tokens", "latent_actions", "playing",
             "long_play", "cost", "cloning"]  # fmt: skip
BARS = {**tokenizer.BARS, **lam.BARS, "delta4_psnr_db": 2.0, "latent_delta4_psnr_db": 2.0, "play_fps": 15.0,
        "dream_position_error_ratio_t10": 0.5, "play_alive": 0.95, "play_star": 0.9, "play_obeys_late": 0.9,
        "play_painted": 0.9, "clone_return_200": 0.9, "time_exponent": 1.15}  # fmt: skip


def _genie() -> Entrant:
    from course_lib.models.key_map import KeyedGenie
    from course_lib.training.checkpoints import load_checkpoint, provenance

    key_map, fact = load_checkpoint("key_map"), provenance("key_map")
    known, genie = learned(fact), _by_table("genie")
    return replace(
        genie,
        parts=genie.parts | {"model": KeyedGenie(genie.parts["model"], key_map)},
        trained_on=sorted({*genie.trained_on, *known["trained_on"]}),
        hashes=genie.hashes | known["hashes"],
        checkpoints=genie.checkpoints | {"key_map": known["checkpoint"]},
        minutes=genie.minutes + known["minutes"],
        untrained=genie.untrained | {"model": KeyedGenie(genie.untrained["model"], key_map)},
        fresh="dynamics with fresh weights; tokenizer, latent actions and key map are kept",
        questions=QUESTIONS,
    )  # fmt: skip


def _by_table(name: str = "genie-table") -> Entrant:
    from course_lib.nets.space_time import SpaceTimeBlock
    from course_lib.training.checkpoints import load_checkpoint, provenance

    facts = {"tokenizer": provenance("tokenizer", size="cpu-patches"), "lam": provenance("lam"),
             "dynamics": provenance("genie", part="dynamics")}  # fmt: skip
    known = {name: learned(fact) for name, fact in facts.items()}
    model = load_checkpoint("genie")
    bare = model.untrained()
    return Entrant(
        name=name,
        parts={"model": model, "latent_model": model, "tokenizer": model.tokenizer, "lam": model.lam,
               "block": lambda width: SpaceTimeBlock(width, 2)},
        **learned_together(known),
        checkpoint=known["dynamics"]["checkpoint"],
        untrained={"model": bare, "latent_model": bare},
        fresh="dynamics with fresh weights; tokenizer, latent actions and table are kept",
        questions=["prediction", "control", "expectation", "latents", "causes"],
        bars=BARS,
        films="goal",
        probes="goal",
    )  # fmt: skip


ENTRANTS = {"genie": _genie, "genie-table": _by_table}
