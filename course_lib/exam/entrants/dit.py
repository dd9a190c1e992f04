"""Films from sentences: the diffusion transformer of notebooks 10 and 11, on the latents of notebook 09's codec."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned, learned_together

BARS = {
    "prompt_colour": 0.90, "prompt_shape": 0.85, "prompt_number": 0.80, "prompt_motion": 0.70,
    "reader_accuracy_real": 0.98, "sample_seconds": 5.0,
}  # fmt: skip
"""Shape, number and motion are goals: it is not known whether a network of this size can reach them."""


def _dit() -> Entrant:
    from course_lib.training.checkpoints import provenance
    from course_lib.training.text_to_video import load_text_to_video

    known = {name: learned(provenance(name)) for name in ("dit", "codec")}
    return Entrant("dit", {"text_to_video": load_text_to_video()}, questions=["prompts"], bars=BARS, films="bodies",
                   checkpoint=known["dit"]["checkpoint"], **learned_together(known))  # fmt: skip


ENTRANTS = {"dit": _dit}
