"""Do latent actions mean what was done? Questions to a latent action model, which never saw an action.

Codes and keys have no names in common, so they are compared by what one tells about the other: by their mutual
information, divided by the arithmetic mean of their entropies (1: each says the other; 0: they have nothing to do with
each other), and by a table from codes to keys that is fitted on other films. Only steps are asked about in which the
key's effect is visible, see ``actions.visible_steps``: nobody can tell a jump that is pressed in the air from no key.

One reason why a code cannot say more is asked about by itself: "nothing moved" is no key in the open, and "left" where
the agent is held against the left wall. So the same two rows stand there for the steps away from the walls.

How many decibels the next frame gains from the inferred codes, against those of another film, is asked too, and is not
the same question: codes can draw well and mean something else at every place. The diagnostic for that is the same
mutual information *given* where the agent stands on the grid of patches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.counterfactuals import visible_steps
from course_lib.exam.measures.information import (
    accuracy_by_film,
    count_pairs,
    majority_by_film,
    nmi_given,
    nmi_interval,
    nmi_of_counts,
)
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.lam import at_wall, codes_of_films, drawn_psnr_by_film, places
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.base import untrained_twin
from course_lib.studies.seen_keys import measured_ceilings
from course_lib.worlds import spec
from course_lib.worlds.films import Films
from course_lib.worlds.frames import psnr, to_model

KEYS = len(spec.ACTIONS)


def visible_in(sitting: Sitting, films: Films) -> np.ndarray:
    """``visible_steps`` of films, bool (N, T - 1), found once a sitting."""
    return sitting.once(visible_key(films), lambda: visible_steps(films))


def visible_key(films: Films) -> tuple:
    """Where a sitting keeps them: who has found them already may put them there."""
    return "visible", films.name, films.split, len(films)


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows action_nmi and action_accuracy, both off the walls, latent_gain_db and action_nmi_given_place of "lam".

    Steps whose past is not in the film (the first ``context - 1``) are not asked about.
    """
    part = entrant.part("lam")
    films = sitting.films_for(entrant)
    first, codes = part.config.context - 1, part.config.codes
    keys, asked = films.actions[:, first:].astype(np.int64), visible_in(sitting, films)[:, first:]
    twin = untrained_twin(part, sitting.seed)
    index = {"own": codes_of_films(part, films.frames), "untrained": codes_of_films(twin, films.frames)}
    index["shuffled"] = np.roll(index["own"], 1, axis=0)

    def about_keys(asked: np.ndarray, suffix: str, notes: tuple[str, str], rng: np.random.Generator) -> Iterator[Row]:
        """Rows action_nmi and action_accuracy of some steps, (N, S); the ceiling is what the study kept of these."""
        some = asked.any(axis=1)  # (N,): films with a step that is asked about
        counts = {name: count_pairs(i[:, first:], keys, asked, codes) for name, i in index.items()}
        controls = {name: float(nmi_of_counts(counts[name].sum(axis=0))) for name in ("shuffled", "untrained")}
        yield entrant.row(sitting, films, f"action_nmi{suffix}", unit="", controls=controls, note=notes[0],
                          **nmi_interval(counts["own"], rng))  # fmt: skip
        controls = {"majority": float(majority_by_film(counts["own"])[some].mean())}
        controls |= {name: float(accuracy_by_film(counts[name])[some].mean()) for name in ("shuffled", "untrained")}
        ceiling = ceilings.value(part.config.encoder, films.name, "off walls" if suffix else "visible")
        controls |= {} if ceiling is None else {"encoder_taught_the_keys": ceiling}
        share = mean_and_interval(accuracy_by_film(counts["own"]), asked=some, seed=sitting.seed)
        yield entrant.row(
            sitting, films, f"action_accuracy{suffix}", unit="", controls=controls, note=notes[1], **share
        )

    ceilings = measured_ceilings()
    every = count_pairs(index["own"][:, first:], keys, np.ones_like(asked), codes)
    notes = (
        f"on the {asked.mean():.0%} of steps with a visible effect; on all steps "
        f"{float(nmi_of_counts(every.sum(axis=0))):.2f}",
        f"each code's most frequent key, fitted on other films; on all steps {accuracy_by_film(every).mean():.2f}",
    )
    yield from about_keys(asked, "", notes, sitting.rng())
    free = asked & ~at_wall(films)[:, first:]
    note = f"on the {free.mean():.0%} of steps with a visible effect and no wall beside the agent"
    yield from about_keys(free, "_off_walls", (note, note), sitting.rng(2))

    own, other = (drawn_psnr_by_film(part, films.frames, index[name], first) for name in ("own", "shuffled"))
    again = drawn_psnr_by_film(part, films.frames, np.roll(index["own"], 2, axis=0), first)
    bare = [drawn_psnr_by_film(twin, films.frames, np.roll(index["untrained"], k, axis=0), first) for k in (0, 1)]
    controls = {"another_films_codes": float((again - other).mean()), "untrained": float((bare[0] - bare[1]).mean())}
    x = to_model(films.frames)
    still = float(psnr(x[:, :-1], x[:, 1:])[:, first:].mean())
    note = f"the next frame {own.mean():.1f} dB with inferred codes, {still:.1f} by copying the last"
    yield entrant.row(sitting, films, "latent_gain_db", unit="dB", controls=controls, note=note,
                      **mean_and_interval(own - other, seed=sitting.seed))  # fmt: skip

    cell = places(films, part.config.patch)[:, first:]
    arrays = [index["own"][:, first:], keys, asked, cell]
    controls = {
        "shuffled": nmi_given(index["shuffled"][:, first:], *arrays[1:], codes),
        "without_the_place": float(nmi_of_counts(count_pairs(*arrays[:3], codes).sum(axis=0))),
    }
    rng, drawn = sitting.rng(1), []
    for _ in range(200):
        rows = rng.integers(len(films), size=len(films))
        drawn.append(nmi_given(*(a[rows] for a in arrays), codes))
    value = nmi_given(*arrays, codes)
    low, high = np.quantile(drawn, [0.025, 0.975])
    note = f"given the agent's column of pixels modulo {part.config.patch}; few steps a cell, so it is biased upwards"
    yield entrant.row(sitting, films, "action_nmi_given_place", unit="", controls=controls, note=note, value=value,
                      low=min(float(low), value), high=max(float(high), value), n=len(films))  # fmt: skip
