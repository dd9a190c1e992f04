"""Question: how far does it drive in CarRacing-v3, the real environment of Ha & Schmidhuber 2018, over 100 races?

The races take minutes and are driven by the study ``carracing``; here its returns are read, and refused where they
belong to other weights. The paper: 906 +- 21 over 100 trials, 900 counts as solved (section 3).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.studies.carracing import carracing_returns
from course_lib.studies.store import check_weights


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows carracing_return, and reservoir_return of the C that evolved without a trained M."""
    entrant.part("driver")
    sitting.admit_episodes(entrant, "carracing")
    if sitting.split != "test":
        raise NotCapable("the study drives on the test tracks alone")
    facts = carracing_returns()
    check_weights(facts["checkpoint"], entrant.checkpoint, "carracing")
    found = {name: np.asarray(values, float) for name, values in facts["returns"].items()}
    means = {name: float(values.mean()) for name, values in found.items()}
    for question, name in (("carracing_return", "vmc"), ("reservoir_return", "reservoir")):
        yield entrant.row(
            sitting, "CarRacing-v3/test", question, unit="points",
            controls={other: value for other, value in means.items() if other != name},
            note="n counts races; the paper: 906 +- 21", **mean_and_interval(found[name], seed=sitting.seed),
        )  # fmt: skip
