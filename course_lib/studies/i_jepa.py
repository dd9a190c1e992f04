"""What does an I-JEPA know after so many steps of training, and what did anybody know before it?

One I-JEPA of size cpu is trained. At some steps its target encoder is put aside, and each of these encoders is probed
on new films for the variables of ``measures/pictures.py``: attentively, and by a line on the mean of its tokens. The
same probes are put to the controls (pixels of a patch and of its neighbourhood, their principal components, untrained
encoders of two widths) and to the encoders of the masked autoencoder and of the VAE that have learned from the same
films. Probes are fitted to validation films and scored on test films; nobody has learned from either.

The last encoder is that of the checkpoint, which the same run made: on one machine its weights come out again bit for
bit. A run that was stopped goes on where it was when the study is started again, and an encoder that has been probed is
not probed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save
from torch import Tensor

from course_lib.exam.measures.attentive import STEPS, above, attentive_scores, linear_scores
from course_lib.exam.measures.collapse import collapse_intervals
from course_lib.exam.measures.pictures import (
    SET,
    VARIABLES,
    PictureEncoder,
    Pictures,
    picture_controls,
    picture_tokens,
    pictures_of,
    with_places,
)
from course_lib.models.base import ViTConfig
from course_lib.models.i_jepa import IJEPA
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training import (
    History,
    RunConfig,
    build,
    discard,
    get_recipe,
    load_checkpoint,
    load_config,
    save_checkpoint,
    train,
)
from course_lib.training.checkpoints import write_atomically
from course_lib.worlds.films import load_films

KEPT = DATA / "playground" / "i_jepa.json"
FOLDER = Path("runs") / "i_jepa-study"  # the state of the run, its snapshots, and its weights when it is done
SHARES = (0.1, 0.25, 0.5, 1.0)  # of the steps, after which the encoder is put aside
FIT, ASK = 1200, 600  # films whose pictures probes are fitted to, and scored on
SIZED = 200  # films whose tokens the deviation and the rank are taken of
MEANS = 50  # steps whose loss and deviation are averaged to one point of the curve


def train_with_snapshots(
    config: RunConfig, folder: Path, shares: tuple[float, ...] = SHARES, *, progress: str = "none"
) -> tuple[Any, dict[int, Path], History]:
    """Train a model with a target encoder, such as an I-JEPA, and store that encoder after some shares of the steps;
    goes on where it was stopped.

    -> the model, the files of the snapshots by step, and the numbers of every step. The run's state stays in
    the folder, so that no step is done twice where a probe fails; ``discard`` removes it.
    """
    recipe, steps = get_recipe(config.name), config.train.steps
    files = {round(share * steps): folder / f"step-{round(share * steps)}.safetensors" for share in shares}
    seed = int(np.random.SeedSequence(config.train.seed).generate_state(3)[0])  # as in train: the run is the same
    model: Any = build(recipe, config.model, seed)

    def put_aside(step: int, _: object = None) -> None:
        if step in files:
            state = model.target_encoder.state_dict().items()
            write_atomically(files[step], save({name: value.detach().cpu().contiguous() for name, value in state}))

    folder.mkdir(parents=True, exist_ok=True)
    put_aside(0)
    history = train(recipe, config, model=model, on_step=put_aside, keep=folder, resume=True, progress=progress)
    save_checkpoint(model, recipe, config.size or "own", about=history.about(), folder=folder)
    return model, files, history


def snapshot(model: IJEPA, file: Path) -> PictureEncoder:
    """The target encoder that a file holds, as an encoder of pictures."""
    encoder = build(get_recipe("i_jepa"), model.config).target_encoder
    encoder.load_state_dict(load_file(file))
    return encoder.eval().features


def last_encoder() -> PictureEncoder:
    """The target encoder of the checkpoint."""
    return load_checkpoint("i_jepa").encode


def probe_pictures(encoder: PictureEncoder, fit: Pictures, ask: Pictures, *, steps: int = STEPS) -> dict[str, Any]:
    """All variables by both probes, with the size of the cloud of tokens and the directions that it fills."""
    fitted, asked = picture_tokens(encoder, fit), picture_tokens(encoder, ask)
    _, first = np.unique(ask.films, return_index=True)
    sample = asked[first[:SIZED], ::8].numpy()  # of some films one picture, and some of its patches, (F, N / 8, D)
    return {
        "attentive": attentive_scores((fitted, fit), (asked, ask), steps=steps),
        "linear": linear_scores((fitted, fit), (asked, ask)),
        **collapse_intervals(sample), "channels": fitted.shape[2],
    }  # fmt: skip


def other_encoders() -> dict[str, PictureEncoder]:
    """Encoders that come with the course and have learned from the same films, before any pooling.

    The VAE's convolutions do not say where they are, so its tokens are given their places, as the pixels are.
    """
    vae = load_checkpoint("vae", size="cpu-rich")

    def vae_tokens(frames: Tensor) -> Tensor:
        return with_places(vae.encoder[:-1](frames).flatten(2).transpose(1, 2))  # (P, C, 4, 4) -> (P, 16, C + PLACES)

    return {"mae": load_checkpoint("mae").encode, "vae": vae_tokens}


def pictures_to_ask(fit: int = FIT, ask: int = ASK, size: int = 32) -> tuple[Pictures, Pictures]:
    """Pictures of validation films to fit probes to, and of test films to score them on."""
    return tuple(pictures_of(load_films(SET, split=split, count=count, size=size))
                 for split, count in (("validation", fit), ("test", ask)))  # fmt: skip


def curve_of(history: History, means: int = MEANS) -> list[list[float]]:
    """Loss and deviation of a run, ``means`` steps averaged to one row: [steps done, loss, deviation]."""
    numbers = np.array([[row["loss"], row["deviation"]] for row in history.rows])
    ends = range(means, len(numbers) + 1, means)
    return [[end, *(round(float(mean), 5) for mean in numbers[end - means : end].mean(axis=0))] for end in ends]


def asked_of(pictures: Pictures) -> str:
    """The first digits of the hash of pictures, as facts name what was asked."""
    return hashlib.sha256(np.ascontiguousarray(pictures.frames).data).hexdigest()[:12]


def probe_once(
    name: str, weights: str, make: Callable[[], PictureEncoder], fit: Pictures, ask: Pictures,
    report: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """What ``probe_pictures`` finds, or found before. weights: what the encoder follows from; make: makes it."""
    decided_by = {"encoder": name, "weights": weights, "fit": asked_of(fit), "ask": asked_of(ask), "steps": STEPS}
    found = kept_piece("i_jepa", name, decided_by, lambda: probe_pictures(make(), fit, ask))
    report(f"{name}: {in_a_line(found)}")
    return found


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train size cpu and probe it, the controls and the other encoders: about an hour of one core."""
    config = load_config("i_jepa", "cpu")
    fit, ask = pictures_to_ask()
    shared = ViTConfig(**config.model.model_dump(include=set(ViTConfig.model_fields)))
    found: dict[str, Any] = {"weights": weights_of("i_jepa"), "others": {"mae": weights_of("mae")},
                             "configuration": config.model_dump(mode="json"),
                             "films": {"fit": [FIT, asked_of(fit)], "ask": [ASK, asked_of(ask)]},
                             "majority": {name: ask.majority(name) for name, v in VARIABLES.items() if v.classes},
                             "encoders": {}, "steps": {}}  # fmt: skip
    found["others"]["vae"] = weights_of("vae", "cpu-rich")
    for name, encoder in {**picture_controls(shared, fit), **other_encoders()}.items():
        weights = found["others"].get(name, repr(shared))
        found["encoders"][name] = probe_once(name, weights, lambda given=encoder: given, fit, ask, report)
    model, files, history = train_with_snapshots(config, FOLDER, progress="plain")
    report(f"trained {config.train.steps} steps in {history.minutes:.1f} minutes; its weights are in {FOLDER}")
    found |= {"minutes_of_training": round(history.minutes, 1), "curve": curve_of(history)}
    for step, file in files.items():
        last = step == config.train.steps  # the checkpoint
        weights = found["weights"] if last else hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        make = last_encoder if last else partial(snapshot, model, file)
        found["steps"][str(step)] = probe_once(f"step-{step}", weights, make, fit, ask, report)
    for probe in ("attentive", "linear"):
        better = above(last_step(found)[probe], found["encoders"]["untrained"][probe])
        report(f"{probe}: above untrained without overlap on {len(better)} variables: {', '.join(better)}")
    discard(FOLDER)
    return found


def in_a_line(answers: Mapping[str, Any]) -> str:
    """The attentive values in one line."""
    return ", ".join(f"{name} {score['value']:.2f}" for name, score in answers["attentive"].items())


def last_step(found: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of the checkpoint: those after the last step."""
    return found["steps"][max(found["steps"], key=int)]


def measured_pictures() -> dict[str, Any]:
    """What ``run`` found: "encoders" by name and "steps" by number, each with the scores of every variable.

    "weights": of the checkpoint that the last step is; "others": of the other encoders. "curve": rows of steps done,
    loss and deviation. Raises ExamError when the file is missing or damaged.
    """

    def parse(found: dict[str, Any]) -> dict[str, Any]:
        for answers in (*found["encoders"].values(), *found["steps"].values()):
            for probe in ("attentive", "linear"):
                if lacking := set(VARIABLES) - set(answers[probe]):
                    raise ValueError(f"the {probe} probe lacks {sorted(lacking)}")
                if wrong := [n for n, s in answers[probe].items() if not s["low"] <= s["value"] <= s["high"]]:
                    raise ValueError(f"the {probe} probe has values outside their intervals: {wrong}")
        if lacking := {"untrained", "neighbourhood", "pca"} - set(found["encoders"]):
            raise ValueError(f"there are no scores of {sorted(lacking)}")
        if not {"weights", "others", "majority", "curve", "minutes_of_training"} <= set(found):
            raise ValueError("weights, majority, curve or minutes are lacking")
        return found

    return read_study(KEPT, parse, "i_jepa")
