"""What do two more autoencoders know of the pictures that I-JEPA was asked about? The denoising one and the VQ-VAE.

The slides name four autoencoders: VAE, masked, denoising and vector-quantised. The first two are asked by
``studies/i_jepa``; this study asks the others, which were taught on the same films, with the same probes on the same
pictures. The VQ-VAE is asked twice: for what its encoder puts out, and for the codes that this is rounded to, which are
all that its decoder ever gets. Like the VAE's convolutions these do not say where they are, so they are given their
places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from course_lib.exam.measures.pictures import VARIABLES, PictureEncoder, with_places
from course_lib.models.tokenizer import VideoTokenizer
from course_lib.studies.i_jepa import asked_of, in_a_line, pictures_to_ask, probe_pictures
from course_lib.studies.store import DATA, check_weights, kept_piece, read_study, weights_of
from course_lib.training import load_checkpoint

KEPT = DATA / "playground" / "i_jepa_rivals.json"
RIVALS = {"denoising": ("mae", "cpu-noise"), "vqvae": ("tokenizer", "cpu-rich"),
          "vqvae_codes": ("tokenizer", "cpu-rich")}  # the checkpoint of each  # fmt: skip


def tokens_before_rounding(model: VideoTokenizer) -> PictureEncoder:
    """What its encoder puts out for pictures (P, 3, H, W), with the places of the tokens: (P, N, D + PLACES)."""
    return lambda frames: with_places(model.encode(frames[:, None])[:, 0])  # (P, 1, N, D) -> (P, N, D + PLACES)


def tokens_rounded(model: VideoTokenizer) -> PictureEncoder:
    """The codes that this is rounded to, with their places: (P, N, D + PLACES)."""

    def codes(frames: Tensor) -> Tensor:
        return with_places(model.quantise(model.encode(frames[:, None])).codes[:, 0])

    return codes


def rival_encoder(name: str) -> PictureEncoder:
    """One of RIVALS as an encoder of pictures, before any pooling."""
    recipe, size = RIVALS[name]
    model = load_checkpoint(recipe, size=size)
    if name == "denoising":
        return model.encode
    return tokens_rounded(model) if name == "vqvae_codes" else tokens_before_rounding(model)


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Probe all three: five minutes of one core. Who has been probed is not probed again."""
    fit, ask = pictures_to_ask()
    asked = {"fit": asked_of(fit), "ask": asked_of(ask)}
    found: dict[str, Any] = {"asked": asked, "weights": {}, "encoders": {}}
    for name, (recipe, size) in RIVALS.items():
        weights = found["weights"][name] = weights_of(recipe, size)
        found["encoders"][name] = kept_piece("i_jepa_rivals", name, {"weights": weights, **asked},
                                             lambda n=name: probe_pictures(rival_encoder(n), fit, ask))  # fmt: skip
        report(f"{name}: {in_a_line(found['encoders'][name])}")
    return found


def measured_rivals() -> dict[str, Any]:
    """What ``run`` found, by name. Raises ExamError when the file is missing or damaged, or of other weights."""

    def parse(found: dict[str, Any]) -> dict[str, Any]:
        for name in RIVALS:
            for probe in ("attentive", "linear"):
                if lacking := set(VARIABLES) - set(found["encoders"][name][probe]):
                    raise ValueError(f"the {probe} probe of {name} lacks {sorted(lacking)}")
        return found

    found = read_study(KEPT, parse, "i_jepa_rivals")
    for name, (recipe, size) in RIVALS.items():
        check_weights(found["weights"][name], weights_of(recipe, size), "i_jepa_rivals")
    return {name: found["encoders"][name] for name in RIVALS}
