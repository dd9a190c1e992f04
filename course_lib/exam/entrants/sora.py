"""Text to video in its parts: CLIP, samplers with a denoiser, the video codec, and the kind of transformer."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned, learned_together
from course_lib.exam.entrants import clip, codec, denoiser

BARS = {**clip.BARS, **codec.BARS, **denoiser.BARS, "scaling_loss_rank_correlation": 0.0}


def _sora() -> Entrant:
    from course_lib.models.base import untrained_twin
    from course_lib.models.dit import DiT
    from course_lib.nets.samplers import SAMPLERS
    from course_lib.training.checkpoints import load_checkpoint, provenance

    parts = {name: load_checkpoint(name) for name in ("clip", "codec", "denoiser")}
    known = {name: learned(provenance(name)) for name in parts}
    return Entrant(
        name="sora",
        parts=parts | {"samplers": SAMPLERS, "dit": DiT},
        **learned_together(known),
        checkpoint=known["codec"]["checkpoint"],
        untrained={"denoiser": untrained_twin(parts["denoiser"])},
        questions=["text", "sampling", "codec", "scaling"],
        bars=BARS,
        films="bodies",
    )


ENTRANTS = {"sora": _sora}
