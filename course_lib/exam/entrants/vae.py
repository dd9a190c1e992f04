"""V alone: the variational autoencoders of notebook 02."""

from __future__ import annotations

from functools import partial

from course_lib.exam.entrant import Entrant, learned

BARS = {"simple": {"reconstruction_gain_over_pca_db": 3.0, "reconstruction_kl_nats": 5.0}}


def _vae(name: str, size: str) -> Entrant:
    from course_lib.training.checkpoints import load_checkpoint, provenance

    facts = provenance("vae", size=size)
    films = facts["configuration"]["data"]["films"]
    return Entrant(name, {"vae": load_checkpoint("vae", size=size)}, questions=["reconstruction"], films=films,
                   bars=BARS.get(films, {}), **learned(facts))  # fmt: skip


ENTRANTS = {"vae": partial(_vae, "vae", "cpu"), "vae-rich": partial(_vae, "vae-rich", "cpu-rich")}
