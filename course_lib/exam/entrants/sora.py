"""Text to video in its parts: CLIP, samplers with a denoiser, the video codec, and what makes films from prompts."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned, learned_together
from course_lib.exam.entrants import clip, codec, denoiser, dit

BARS = {**clip.BARS, **codec.BARS, **denoiser.BARS, **dit.BARS, "scaling_loss_rank_correlation": 0.0}


def _sora() -> Entrant:
    from course_lib.models.base import untrained_twin
    from course_lib.models.dit import DiT
    from course_lib.nets.samplers import SAMPLERS
    from course_lib.training.checkpoints import load_checkpoint, provenance
    from course_lib.training.text_to_video import load_text_to_video

    parts = {name: load_checkpoint(name) for name in ("clip", "codec", "denoiser")}
    known = {name: learned(provenance(name)) for name in (*parts, "dit")}
    return Entrant(
        name="sora",
        parts=parts | {"samplers": SAMPLERS, "dit": DiT, "text_to_video": load_text_to_video()},
        **learned_together(known),
        checkpoint=known["codec"]["checkpoint"],
        untrained={"denoiser": untrained_twin(parts["denoiser"])},
        questions=["text", "sampling", "codec", "scaling", "prompts"],
        bars=BARS,
        films="bodies",
    )


ENTRANTS = {"sora": _sora}
