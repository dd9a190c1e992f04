"""The agent that dreams: V, M and C of Ha & Schmidhuber 2018, in the Playground and in CarRacing-v3."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned, learned_together

FRESH = "M with fresh weights; V is kept"


def _vmc() -> Entrant:
    from course_lib.models.dream_env import ControllerPolicy
    from course_lib.training.checkpoints import load_checkpoint, provenance

    m, c = (provenance("vmc", part=part) for part in ("m", "c"))
    model, known = load_checkpoint("vmc"), learned(m)
    return Entrant(
        name="vmc",
        parts={"model": model, "policy": lambda: ControllerPolicy(model, "dream 1.0"), "controllers": model.c,
               "vae": model.v},
        untrained={"model": model.untrained()},
        fresh=FRESH,
        questions=["prediction", "control", "planning", "probing", "surprise", "returns", "acting", "long_play",
                   "expectation", "latents", "causes", "hidden"],
        bars={"dream_position_error_ratio_t10": 0.5, "dream_return": 0.8, "sweep_inner_maximum": 1.0},
        films=m["configuration"]["data"]["films"],
        probes=m["configuration"]["data"]["films"],
        **known | {"minutes": m["minutes"] + sum(one["minutes"] for one in c["controllers"].values())},
    )  # fmt: skip


def _vmc_carracing() -> Entrant:
    from course_lib.training.checkpoints import load_checkpoint, provenance

    facts = provenance("vmc", size="cpu-carracing", part="c")
    model = load_checkpoint("vmc", size="cpu-carracing")
    return Entrant(
        name="vmc-carracing",
        parts={"model": model, "driver": model.c.of("real")},
        untrained={"model": model.untrained()},
        fresh=FRESH,
        questions=["racing"],
        bars={"carracing_return": 900.0},
        **learned(facts) | {"minutes": facts["minutes"] + facts["controllers"]["real"]["minutes"]},
    )


def _vmc_family() -> Entrant:
    from course_lib.training.checkpoints import load_checkpoint, provenance
    from course_lib.worlds.properties import PROPERTIES

    model = load_checkpoint("vmc", size="cpu-family")
    return Entrant(
        name="vmc-family",
        parts={"model": model, "vae": model.v},
        untrained={"model": model.untrained()},
        fresh=FRESH,
        questions=["expectation"],
        bars={f"voe_{name}": 0.95 for name in PROPERTIES},
        **learned(provenance("vmc", size="cpu-family", part="m")),
    )  # fmt: skip


def _vmc_occluded() -> Entrant:
    from course_lib.training.checkpoints import load_checkpoint, provenance

    model, m = load_checkpoint("vmc", size="cpu-occluded"), provenance("vmc", size="cpu-occluded", part="m")
    known = {"m": learned(m),
             "v": learned(provenance("vmc", size=m["configuration"]["data"]["eyes"], part="v"))}  # fmt: skip
    return Entrant(
        name="vmc-occluded",
        parts={"model": model},
        **learned_together(known),
        checkpoint=known["m"]["checkpoint"],
        untrained={"model": model.untrained()},
        fresh=FRESH,
        questions=["expectation", "causes", "hidden"],
    )


ENTRANTS = {"vmc": _vmc, "vmc-carracing": _vmc_carracing, "vmc-family": _vmc_family, "vmc-occluded": _vmc_occluded}
