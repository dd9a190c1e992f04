"""I-JEPA: an encoder of single pictures, and nothing that draws or predicts films."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned

BARS = {"attentive_above_untrained": 6.0, "linear_above_untrained": 3.0}


def _i_jepa() -> Entrant:
    from course_lib.training import get_recipe, load_checkpoint, provenance
    from course_lib.training.recipe import build

    model = load_checkpoint("i_jepa")
    untrained = build(get_recipe("i_jepa"), model.config, seed=1).eval()
    return Entrant("i_jepa", {"encoder": model.encode}, untrained={"encoder": untrained.encode}, bars=BARS,
                   questions=["pictures", "hidden"], films="rich", **learned(provenance("i_jepa")))  # fmt: skip


ENTRANTS = {"i_jepa": _i_jepa}
