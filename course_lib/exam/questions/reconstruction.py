"""How well does an encoder keep a frame? Decibels on held-out films, beside PCA with as many numbers.

The measure is the peak signal-to-noise ratio (PSNR) of a frame, 10 log10(1 / mean squared error) for values in [0, 1],
averaged over the frames of a film; intervals are bootstraps over films, because frames of one film resemble each other.
The controls get the same films: the mean training frame, PCA fitted to training frames, an untrained network.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.coders import gain_over_pca
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.worlds.films import load_films


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows reconstruction_gain_over_pca_db and reconstruction_kl_nats of the part "vae"."""
    vae, test = entrant.part("vae"), sitting.films_for(entrant)
    if vae.config.frame_size != sitting.size:
        raise NotCapable(f"its VAE reads frames of {vae.config.frame_size} pixels, these films have {sitting.size}")
    train = load_films(test.name, split="train", count=1000, size=sitting.size).frames[:, ::4]
    rows = gain_over_pca(vae, train.reshape(-1, *train.shape[2:]), test.frames, seed=sitting.seed)
    pca = rows["pca"]["value"]
    controls = {name: rows[name]["value"] - pca for name in ("pca", "mean_frame", "untrained")}
    kl = rows["kl"]["value"]
    answer = {name: rows["gain"][name] for name in ("value", "low", "high", "unit", "n")}
    note = f"{kl:.0f} nats of KL; PCA reaches {pca:.1f} dB"
    yield entrant.row(sitting, test, "reconstruction_gain_over_pca_db", controls=controls, note=note, **answer)
    answer = {name: rows["kl"][name] for name in ("value", "low", "high", "unit", "n")}
    yield entrant.row(sitting, test, "reconstruction_kl_nats", controls={"prior": 0.0}, **answer)
