"""The diffusion transformer as a world model: one that is played with the keys, and the text model, which takes none.

``dit_world`` makes a frame at a time, each under a key; ``dit_world-agent`` is the same model asked on films without a
star. ``dit_world-family`` takes no keys, sees through a V and has learned from the films with screens. ``dit-film`` is
the model of text to video at the same questions: it goes on with the films that it has seen, without a prompt, and
answers nothing about actions.
"""

from __future__ import annotations

import functools

from course_lib.exam.entrant import Entrant, learned, learned_together

ASKED = ("prediction", "control", "planning", "probing", "surprise", "playing", "latents", "causes", "hidden")
FRESH = "transformer with fresh weights; the codec is kept"


def _dit_world(films: str = "goal") -> Entrant:
    from course_lib.training.checkpoints import provenance
    from course_lib.training.dit_world import load_dit_world

    facts = {"dit_world": provenance("dit_world"), "codec": provenance("codec", size="cpu-frames")}
    known, model = {name: learned(fact) for name, fact in facts.items()}, load_dit_world()
    return Entrant(
        name="dit_world" if films == "goal" else f"dit_world-{films}",
        parts={"model": model},
        **learned_together(known),
        checkpoint=known["dit_world"]["checkpoint"],
        untrained={"model": model.untrained()},
        fresh=FRESH,
        questions=[*ASKED] if films == "goal" else ["control"],
        films=films,
        probes="goal",
    )


def _dit_world_family() -> Entrant:
    from course_lib.training.checkpoints import provenance
    from course_lib.training.dit_world import load_dit_world

    facts = {"dit_world": provenance("dit_world", size="cpu-family"),
             "v": provenance("vmc", size="cpu-family", part="v")}  # fmt: skip
    known, model = {name: learned(fact) for name, fact in facts.items()}, load_dit_world(size="cpu-family")
    return Entrant(
        name="dit_world-family",
        parts={"model": model},
        **learned_together(known),
        checkpoint=known["dit_world"]["checkpoint"],
        untrained={"model": model.untrained()},
        fresh="transformer with fresh weights; V is kept",
        questions=["expectation"],
    )


def _dit_film() -> Entrant:
    from course_lib.models.continuation import Continuation
    from course_lib.training.checkpoints import provenance
    from course_lib.training.text_to_video import load_text_to_video

    facts = {"dit": provenance("dit"), "codec": provenance("codec")}
    known = {name: learned(fact) for name, fact in facts.items()}
    model = Continuation(load_text_to_video(), frames=max(facts["dit"]["configuration"]["data"]["lengths"]))
    return Entrant(
        name="dit-film",
        parts={"model": model},
        **learned_together(known),
        checkpoint=known["dit"]["checkpoint"],
        untrained={"model": model.untrained()},
        fresh=FRESH,
        questions=["prediction", "control", "surprise", "causes", "hidden"],
        films="bodies",
    )


ENTRANTS = {
    "dit_world": _dit_world,
    "dit_world-family": _dit_world_family,
    "dit_world-agent": functools.partial(_dit_world, "agent"),
    "dit-film": _dit_film,
}
