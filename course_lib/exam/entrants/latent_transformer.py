"""The transformer on V's latents: its memory holds a whole film, or four frames, or it was taught on another set."""

from __future__ import annotations

from functools import partial

from course_lib.exam.entrant import Entrant, learned, learned_together


def _latent_transformer(size: str, name: str) -> Entrant:
    from course_lib.training.checkpoints import provenance
    from course_lib.training.latent_transformer import load_latent_transformer

    model, facts = load_latent_transformer(size=size), provenance("latent_transformer", size=size)
    known = {"latent_transformer": learned(facts),
             "v": learned(provenance("vmc", size=facts["configuration"]["data"]["eyes"], part="v"))}  # fmt: skip
    return Entrant(
        name=name,
        parts={"model": model},
        **learned_together(known),
        checkpoint=known["latent_transformer"]["checkpoint"],
        untrained={"model": model.untrained()},
        fresh="transformer with fresh weights; V is kept",
        questions=["expectation", "causes"] if size == "cpu-occluded" else ["expectation"],
    )


ENTRANTS = {
    "latent_transformer": partial(_latent_transformer, "cpu", "latent_transformer"),
    "latent_transformer-short": partial(_latent_transformer, "cpu-short", "latent_transformer-short"),
    "latent_transformer-occluded": partial(_latent_transformer, "cpu-occluded", "latent_transformer-occluded"),
}
