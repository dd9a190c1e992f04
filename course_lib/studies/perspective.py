"""How good is the ruler for lines and shadows, and what does it say of generated pictures? Five hundred test rooms.

First the ruler is held against the truth: the vanishing directions that it finds, and the shadows' distances from their
lines, on 500 rooms of the test split. Then it judges sets of pictures, without the truth, and the question is how often
a picture of a set has a larger residual than a real one (the AUC; one half where nothing tells them apart):

    wrong lamp            the same rooms, shadows cast by a lamp that is not the one in the picture
    two cameras           the same rooms, left and right seen by cameras that look in different directions
    blurred, noisy, JPEG  real rooms, spoiled in ways that leave lines and shadows where they are: they should get 0.5
    after N steps         pictures of a small diffusion model (``studies/room_pictures``), early and late in training;
                          they are judged where that study was run before this one

Rooms and what breaks them are drawn from seeds. Every picture's numbers are kept.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from course_lib.exam.measures.geometry import (
    Judged,
    direction_errors,
    find_bodies,
    find_segments,
    judge,
    room_frame,
)
from course_lib.studies import room_pictures
from course_lib.studies.room_pictures import RoomPictures, kept_room_pictures
from course_lib.studies.store import DATA, kept_piece, read_study
from course_lib.worlds.perspective import (
    RoomScene,
    geometry_of,
    intrinsics,
    make_scenes,
    render_all,
    with_bent_view,
    with_wrong_lamp,
)

KEPT = DATA / "playground" / "perspective.json"
COUNT = 500  # rooms on which the ruler is tested
FEWER = 250  # of them, for every set that is spoiled or broken
BLUR, NOISE, QUALITY = 0.8, 6.0, 75  # pixels, levels of 255, of JPEG
SPOILED = ("blurred", "noisy", f"JPEG {QUALITY}")
BROKEN = ("wrong lamp", "two cameras")
AXES = ("across", "up", "away")
DIGITS = 4
PARTS = tuple(field.name for field in fields(Judged))


def blurred(pictures: np.ndarray, deviation: float = BLUR) -> np.ndarray:
    """Pictures uint8 (N, H, W, 3) blurred by a Gaussian of so many pixels."""
    soft = gaussian_filter(pictures.astype(float), (0, deviation, deviation, 0))
    return np.clip(soft + 0.5, 0, 255).astype(np.uint8)


def noisy(pictures: np.ndarray, generator: np.random.Generator, deviation: float = NOISE) -> np.ndarray:
    """Pictures uint8 with Gaussian noise of so many levels in every number."""
    return np.clip(pictures + generator.normal(0.0, deviation, pictures.shape) + 0.5, 0, 255).astype(np.uint8)


def through_jpeg(pictures: np.ndarray, quality: int) -> np.ndarray:
    """Pictures uint8 (N, H, W, 3) written as JPEG of this quality, 1 to 95, and read again."""
    found = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="JPEG", quality=quality)
        found.append(np.asarray(Image.open(file).convert("RGB")))
    return np.stack(found)


def hold_against_truth(scenes: list[RoomScene], pictures: np.ndarray, *, seed: int = 0) -> dict[str, list]:
    """What the ruler gets wrong in each picture: directions in degrees (N, 3), and as far as it is when a camera is
    taken to look straight ahead; lamp, balls and contact points in pixels, of what was found."""
    found: dict[str, list] = {"directions": [], "straight": [], "lamp": [], "balls": []}
    for number, (scene, picture) in enumerate(zip(scenes, pictures, strict=True)):
        truth, segments = geometry_of(scene), find_segments(picture, seed=seed)
        frame = room_frame(segments, truth.intrinsics, np.random.default_rng([seed, number]))
        errors = np.full(3, np.nan) if frame is None else direction_errors(frame, truth.directions)
        found["directions"].append(errors.tolist())
        cosines = np.abs(np.diag(truth.directions))
        found["straight"].append(np.rad2deg(np.arccos(cosines.clip(0, 1))).tolist())
        bodies = find_bodies(picture)
        found["lamp"].append(float(np.linalg.norm(bodies.lamp - truth.lamp)))
        if len(bodies.balls) == len(truth.balls):
            gaps = np.linalg.norm(truth.balls[:, None] - bodies.balls, axis=-1).min(axis=1)
            found["balls"].append(float(gaps.mean()))
    return found


def _generated() -> RoomPictures | None:
    """The kept pictures of the small diffusion model; None where its study has not been run."""
    return kept_room_pictures() if room_pictures.KEPT.exists() else None


class _Rooms:
    """The rooms of a run and what is made of them, drawn when they are first asked for."""

    def __init__(self, count: int, fewer: int) -> None:
        """fewer: rooms for every set but the real one."""
        self.count, self.fewer = count, fewer

    @cached_property
    def scenes(self) -> list[RoomScene]:
        return make_scenes(self.count, split="test")

    @cached_property
    def pictures(self) -> np.ndarray:
        return render_all(self.scenes)

    def made(self, name: str) -> np.ndarray:
        """The pictures of a set that is not generated, uint8 (N, 64, 64, 3)."""
        generator = np.random.default_rng([24, *name.encode()])
        scenes = self.scenes[: self.fewer]
        if name == "wrong lamp":
            wrong = (with_wrong_lamp(scene, generator) for scene in scenes)
            return render_all([scene for scene in wrong if scene is not None])
        if name == "two cameras":
            return render_all([with_bent_view(scene, generator) for scene in scenes])
        pictures = self.pictures[: self.fewer]
        if name.startswith("JPEG"):
            return through_jpeg(pictures, QUALITY)
        return {"real": self.pictures, "blurred": blurred(pictures), "noisy": noisy(pictures, generator)}[name]


def run(report: Callable[[str], None] = print, count: int = COUNT, fewer: int = FEWER) -> dict[str, Any]:
    """Draw, spoil, break and judge: about six minutes of one core. What was judged before is not judged again."""
    rooms, drawn = _Rooms(count, fewer), _generated()

    def held() -> dict[str, list]:
        found = hold_against_truth(rooms.scenes, rooms.pictures)
        return {name: _rounded(values) for name, values in found.items()}

    truth = kept_piece("perspective", "truth", {"rooms": count}, held)
    away = as_floats(truth["directions"])[:, 2]
    report(f"away: {np.nanmedian(away):.2f} degrees at the median of {count} rooms")
    sets: dict[str, tuple[dict[str, Any], Callable[[], np.ndarray]]] = {
        name: ({"rooms": count, "fewer": fewer}, partial(rooms.made, name)) for name in ("real", *BROKEN, *SPOILED)
    }
    for steps, made in drawn.pictures.items() if drawn else ():
        sets[f"after {steps} steps"] = {"generated": drawn.digest, "count": len(made)}, lambda p=made: p
    judged = {}
    for name, (decided_by, make) in sets.items():
        found = kept_piece("perspective", name.replace(" ", "-"), {"set": name, **decided_by}, partial(_judged, make))
        judged[name] = {key: found[key] for key in PARTS}
        lines, shadows = (np.nanmedian(as_floats(found[key])) for key in ("lines", "shadows"))
        report(f"{name}: lines {lines:.2f} degrees, shadows {shadows:.2f} px, {sum(found['matched'])} of "
               f"{sum(found['balls'])} balls with a shadow")  # fmt: skip
    return {"rooms": count, "generated": drawn.digest[:12] if drawn else "",
            "truth": {name: truth[name] for name in ("directions", "straight", "lamp", "balls")},
            "judged": judged}  # fmt: skip


def _judged(make: Callable[[], np.ndarray]) -> dict[str, list]:
    found = judge(make(), intrinsics())
    return {name: _rounded(getattr(found, name)) for name in PARTS}


def as_floats(values: list) -> np.ndarray:
    """Kept numbers as floats; None is NaN."""
    return np.array(values, dtype=float)


def _rounded(values: Any) -> list:
    """Numbers for JSON, None for NaN."""
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return array.astype(int).tolist()
    if array.ndim > 1:
        return [_rounded(row) for row in array]
    return [None if np.isnan(value) else round(float(value), DIGITS) for value in array]


@dataclass(frozen=True)
class Measured:
    """What ``run`` kept. errors: of the directions across, up and away, degrees (N, 3), NaN where one was not seen.
    straight: the same of a camera that is taken to look straight ahead. lamp, balls: pixels (N,). judged: by set."""

    errors: np.ndarray
    straight: np.ndarray
    lamp: np.ndarray
    balls: np.ndarray
    judged: Mapping[str, Judged]
    generated: str

    @property
    def drawn(self) -> list[str]:
        """The sets that the generator drew, in the order of its training."""
        return [name for name in self.judged if name.startswith("after ")]


def measured_perspective() -> Measured:
    """The kept facts. Raises ExamError when the file is missing or damaged, or judged other generated pictures."""

    def parse(facts: dict[str, Any]) -> Measured:
        drawn = _generated()
        if facts["generated"] != (drawn.digest[:12] if drawn else ""):
            raise ValueError("it judged other generated pictures than those that are kept")
        truth = facts["truth"]
        judged = {name: Judged(*(as_floats(found[part]) for part in PARTS)) for name, found in facts["judged"].items()}
        missing = {"real", *SPOILED, *BROKEN} - set(judged)
        if missing or any(len({len(getattr(j, part)) for part in PARTS}) != 1 for j in judged.values()):
            raise ValueError(f"sets are missing ({', '.join(sorted(missing))}) or not equally long")
        errors = as_floats(truth["directions"])
        if errors.shape != (facts["rooms"], 3) or np.nanmin(errors) < 0:
            raise ValueError("the errors of the directions are not three for each room")
        straight, lamp, balls = (as_floats(truth[name]) for name in ("straight", "lamp", "balls"))
        return Measured(errors, straight, lamp, balls, judged, facts["generated"])

    return read_study(KEPT, parse, "perspective")
