"""Does a V-JEPA know how fast things go, after so many steps of training, and does the wrong future surprise it?

One V-JEPA of size cpu is trained. At some steps its target encoder is put aside, and each of these encoders is probed
on new films for the variables of ``measures/motion.py``: attentively, and by a line on the mean of its tokens. The same
probes are put to the controls: the same network untrained, the tokens of the I-JEPA of notebook 18 in the last two
frames and in all frames of a clip, and the pixels around each patch in two frames. Probes are fitted to validation
films and scored on test films; nobody has learned from either.

Beside it stands its surprise at films that go back for one frame (``measures/surprises.py``), from the frames before
alone: by the trained predictor, the untrained one, and the pixel difference. Its predictor guesses two frames at once,
and the second of them is then a frame that it has just seen; ``studies/v_jepa_surprise`` asks with two.

The last encoder is that of the checkpoint, which the same run made. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file
from torch import Tensor

from course_lib.exam.measures.attentive import attentive_scores, linear_scores
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.motion import LENGTH, MOTION, SET, by_pictures, clips_of, two_frames_of_pixels
from course_lib.exam.measures.pictures import PictureEncoder, Pictures, picture_tokens
from course_lib.exam.measures.rollout import as_input
from course_lib.exam.measures.surprises import surprises, turned_back_scores
from course_lib.models.base import untrained_twin
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.v_jepa import VJEPA
from course_lib.studies.i_jepa import asked_of, curve_of, train_with_snapshots
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training import discard, load_checkpoint, load_config
from course_lib.worlds.films import load_films

KEPT = DATA / "playground" / "v_jepa.json"
FOLDER = Path("runs") / "v_jepa-study"  # the state of the run, its snapshots, and its weights when it is done
FIT, ASK = 300, 150  # films whose clips probes are fitted to, and scored on
PROBE_STEPS = 300  # of the attentive probe
SEED = 1  # of the untrained network
WENT_BACK = ("simple", 100)  # the test films whose last frame is exchanged, those of every world model


def probe_clips(encoder: PictureEncoder, fit: Pictures, ask: Pictures) -> dict[str, Any]:
    """All variables by both probes."""
    fitted, asked = picture_tokens(encoder, fit), picture_tokens(encoder, ask)
    return {
        "tokens": list(asked.shape[1:]),
        "attentive": attentive_scores((fitted, fit), (asked, ask), steps=PROBE_STEPS),
        "linear": linear_scores((fitted, fit), (asked, ask)),
    }


def probe_clips_once(
    name: str, weights: str, encoder: PictureEncoder, fit: Pictures, ask: Pictures, report: Callable[[str], None]
) -> dict[str, Any]:
    """The same, or what was found before with these weights."""
    decided_by = {"weights": weights, "fit": asked_of(fit), "ask": asked_of(ask), "steps": PROBE_STEPS}
    found = kept_piece("v_jepa", name, decided_by, lambda: probe_clips(encoder, fit, ask))
    report(f"{name}: " + ", ".join(f"{one} {found['attentive'][one]['value']:.2f}" for one in MOTION))
    return found


def motion_controls() -> dict[str, PictureEncoder]:
    """Who is probed beside the V-JEPA, all from the same clips."""
    pictures = load_checkpoint("i_jepa").eval().encode
    untrained = untrained_twin(load_checkpoint("v_jepa"), seed=SEED)
    return {"untrained": untrained.encode, "pixels": two_frames_of_pixels, "i_jepa": by_pictures(pictures, 2),
            "i_jepa_all": by_pictures(pictures, untrained.config.length)}  # fmt: skip


def went_back(model: Any, steps: int) -> dict[str, Any]:
    """How often the film that went back, for so many frames, surprises a model more, with its interval over films."""
    films = load_films(WENT_BACK[0], split="test", count=WENT_BACK[1])
    frames, actions = as_input(films)

    def last(film: Tensor, time: int) -> np.ndarray:
        seen = film[:, -LENGTH:]  # nobody here looks farther back
        return surprises(model, seen, actions[:, : seen.shape[1] - 1])[:, -1].numpy()

    scores, asked = turned_back_scores(last, frames, steps)
    return mean_and_interval(scores, asked=asked, seed=0)


def who_is_surprised() -> dict[str, Any]:
    """The predictor of the checkpoint, the same untrained, and the pixel difference."""
    shipped = load_checkpoint("v_jepa").eval()
    size = (shipped.config.frame_size,) * 2
    return {"v_jepa": shipped, "untrained": untrained_twin(shipped, seed=SEED), "pixel_difference": Extrapolation(size)}


def encoder_of(model: VJEPA, file: Path) -> PictureEncoder:
    """The target encoder that a file holds."""
    stored = untrained_twin(model)
    stored.target_encoder.load_state_dict(load_file(file))
    return stored.encode


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train size cpu and probe it and the controls: about a quarter of an hour of one idle core."""
    config = load_config("v_jepa", "cpu")
    model, files, history = train_with_snapshots(config, FOLDER, progress="plain")
    report(f"trained {config.train.steps} steps in {history.minutes:.1f} minutes; its weights are in {FOLDER}")
    fit, ask = (clips_of(load_films(SET, split=split, count=count))
                for split, count in (("validation", FIT), ("test", ASK)))  # fmt: skip
    found: dict[str, Any] = {
        "weights": weights_of("v_jepa"), "others": {"i_jepa": weights_of("i_jepa")},
        "configuration": config.model_dump(mode="json"), "minutes_of_training": round(history.minutes, 1),
        "films": {"fit": [FIT, asked_of(fit)], "ask": [ASK, asked_of(ask)]}, "curve": curve_of(history),
        "encoders": {}, "steps": {}, "went_back": {},
    }  # fmt: skip
    shipped = load_checkpoint("v_jepa").eval()
    for name, encoder in motion_controls().items():
        weights = found["others"]["i_jepa"] if name.startswith("i_jepa") else f"{SEED} {config.model!r}"
        found["encoders"][name] = probe_clips_once(name, weights, encoder, fit, ask, report)
    for step, file in files.items():
        last = step == config.train.steps  # the checkpoint
        weights = found["weights"] if last else hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        encoder = shipped.encode if last else encoder_of(model, file)
        found["steps"][str(step)] = probe_clips_once(f"step-{step}", weights, encoder, fit, ask, report)
    for name, one in who_is_surprised().items():
        found["went_back"][name] = went_back(one, 1)
        report(f"{name}: the film that went back surprises more in {found['went_back'][name]['value']:.2f}")
    discard(FOLDER)
    return found


def last_motion(found: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of the checkpoint: those after the last step."""
    return found["steps"][max(found["steps"], key=int)]


def measured_motion() -> dict[str, Any]:
    """What ``run`` found: "encoders" by name and "steps" by number, each with the scores of every variable by both
    probes, and "went_back" by name. Raises ExamError when the file is missing or damaged."""

    def parse(found: Mapping[str, Any]) -> dict[str, Any]:
        for answers in (*found["encoders"].values(), *found["steps"].values()):
            for probe in ("attentive", "linear"):
                if lacking := set(MOTION) - set(answers[probe]):
                    raise ValueError(f"the {probe} probe lacks {sorted(lacking)}")
        if lacking := {"untrained", "pixels", "i_jepa"} - set(found["encoders"]):
            raise ValueError(f"there are no scores of {sorted(lacking)}")
        if not {"weights", "others", "curve", "minutes_of_training", "went_back"} <= set(found):
            raise ValueError("weights, curve, minutes or surprise are lacking")
        return dict(found)

    return read_study(KEPT, parse, "v_jepa")
