"""The video codecs of notebook 09: one in groups of frames, one frame by frame."""

from __future__ import annotations

from functools import partial

from course_lib.exam.entrant import Entrant, learned

BARS = {"codec_shape": 0.95, "codec_leak": 1e-5}


def _codec(name: str, size: str) -> Entrant:
    from course_lib.training.checkpoints import load_checkpoint, provenance

    return Entrant(name, {"codec": load_checkpoint("codec", size=size)}, questions=["codec"], bars=BARS,
                   films="bodies", **learned(provenance("codec", size=size)))  # fmt: skip


ENTRANTS = {"codec": partial(_codec, "codec", "cpu"), "codec-frames": partial(_codec, "codec-frames", "cpu-frames")}
