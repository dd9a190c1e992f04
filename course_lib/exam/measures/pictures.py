"""What can be asked of single pictures: named variables with their truth, and the controls that know no learning.

The films are those of the set "rich", since all variables occur there: the agent, one to four bodies, platforms, a
screen, a lamp. The variables stand in ``VARIABLES``, which is older than every checkpoint that is asked for them: none
of them was chosen by what an encoder turned out to know.

A control takes frames and gives tokens, one for each patch, as an encoder does: the pixels of the patch, those of its
neighbourhood, as many of their principal components as the encoder has channels, and encoders with fresh weights.
Pixels do not say where a patch is, and a vision transformer's tokens do: so each token of the first three is given its
place, as waves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor

from course_lib.models.base import ViTConfig, fresh
from course_lib.nets.patches import side_of, sincos_2d
from course_lib.nets.vit import ViT
from course_lib.worlds import spec
from course_lib.worlds.films import Films, begin
from course_lib.worlds.frames import to_model

SET = "rich"
TIMES = (7, 23)  # the pictures of a film, 1.6 seconds apart
IN_VIEW = 0.5  # of a body, at least, has to be visible for it to count
PLACES = 16  # numbers that say the place of a control's token
CHUNK = 128  # pictures that are encoded at once

PictureEncoder = Callable[[Tensor], Tensor]  # frames (P, 3, H, W) in [0, 1] -> tokens before any pooling (P, N, D)


@dataclass(frozen=True)
class Variable:
    """What is asked. classes: how many answers there are; 0 for a number. Numbers are scored by R2, classes by the
    share of right answers."""

    about: str
    classes: int = 0


VARIABLES: Mapping[str, Variable] = {
    "agent_x": Variable("the agent's place across, in units"),
    "agent_y": Variable("its height"),
    "agent_facing": Variable("whether it faces left or right", 2),
    "centre_x": Variable("of the body nearest to the picture's centre: its place across"),
    "centre_y": Variable("its height"),
    "centre_colour": Variable("its colour", len(spec.COLOURS)),
    "centre_shape": Variable("its shape", len(spec.SHAPES)),
    "bodies": Variable("how many bodies are in view"),
    "balls": Variable("how many of them are balls"),
    "boxes": Variable("boxes"),
    "triangles": Variable("triangles"),
    "platforms": Variable("how many platforms there are"),
    "screen": Variable("whether there is a screen", 2),
    "lamp": Variable("whether there is a lamp", 2),
}


@dataclass(frozen=True)
class Pictures:
    """Pictures, or clips of films, with what is true of them.

    frames: uint8 (P, H, W, 3), of clips (P, T, H, W, 3); films: int (P,), which film each is from; truth: by variable,
    (P,), float for numbers and int for classes; variables: what is asked.
    """

    frames: np.ndarray
    films: np.ndarray
    truth: Mapping[str, np.ndarray]
    variables: Mapping[str, Variable] = field(default_factory=lambda: VARIABLES)

    def __len__(self) -> int:
        return len(self.frames)

    def majority(self, name: str) -> float:
        """How often the most frequent class of these pictures is the right answer."""
        return float(np.bincount(self.truth[name]).max() / len(self))


def pictures_of(films: Films) -> Pictures:
    """The pictures at TIMES of every film, and their variables.

    Left out are pictures without any body in view, which have no body nearest to the centre: the films decide, not the
    model. Raises ValueError for another film set, whose pictures lack some of the variables, and for shorter films.
    """
    if films.name != SET or films.frames.shape[1] <= max(TIMES):
        raise ValueError(f"pictures are asked for in films of {SET!r} with more than {max(TIMES)} frames, these are "
                         f"{films.name!r} with {films.frames.shape[1]}")  # fmt: skip
    states = films.states[:, TIMES]  # (N, K, SLOTS, FIELDS)
    of = {name: states[..., spec.FIELD[name]] for name in ("kind", "colour", "x", "y", "visible", "facing")}
    kind = of["kind"].astype(int)
    first = spec.KINDS.index(spec.SHAPES[0])
    free = (kind >= first) & (kind < first + len(spec.SHAPES)) & (of["visible"] >= IN_VIEW)  # (N, K, SLOTS)
    away = np.hypot(of["x"] - spec.BOX / 2, of["y"] - spec.BOX / 2)
    centre = np.where(free, away, np.inf).argmin(axis=-1)[..., None]  # (N, K, 1)
    scenes = [begin(films.name, int(seed)).scene for seed in films.seeds]

    def nearest(field: np.ndarray) -> np.ndarray:
        return np.take_along_axis(field, centre, axis=-1)[..., 0]

    def of_scene(values: Sequence[int]) -> np.ndarray:
        return np.repeat(np.array(values)[:, None], len(TIMES), axis=1)

    agent = spec.AGENT_SLOT
    truth = {
        "agent_x": of["x"][..., agent], "agent_y": of["y"][..., agent],
        "agent_facing": (of["facing"][..., agent] > 0).astype(int),
        "centre_x": nearest(of["x"]), "centre_y": nearest(of["y"]),
        "centre_colour": nearest(of["colour"]).astype(int), "centre_shape": nearest(kind) - first,
        "bodies": free.sum(axis=-1),
        **{name: (free & (kind == first + i)).sum(axis=-1) for i, name in enumerate(("balls", "boxes", "triangles"))},
        "platforms": of_scene([len(scene.platforms) for scene in scenes]),
        "screen": of_scene([int(scene.occluder is not None) for scene in scenes]),
        "lamp": of_scene([int(scene.light is not None) for scene in scenes]),
    }  # fmt: skip
    kept = free.any(axis=-1)  # (N, K)
    films_of = np.repeat(np.arange(len(films))[:, None], len(TIMES), axis=1)
    return Pictures(films.frames[:, TIMES][kept], films_of[kept], {
        name: truth[name][kept].astype(int if variable.classes else float) for name, variable in VARIABLES.items()
    })  # fmt: skip


@torch.no_grad()
def picture_tokens(encoder: PictureEncoder, pictures: Pictures) -> Tensor:
    """What an encoder says of every patch of every picture, float32 (P, N, D)."""
    parts = [encoder(to_model(pictures.frames[i : i + CHUNK])) for i in range(0, len(pictures), CHUNK)]
    return torch.cat([part.float() for part in parts])


# --- controls --------------------------------------------------------------------------------------------------------


def neighbourhoods(frames: Tensor, patch: int, reach: int = 0) -> Tensor:
    """The pixels of each patch and of ``reach`` pixels around it, (P, 3, H, W) -> (P, N, 3 * (patch + 2 reach)^2).

    Around the picture its edge is repeated. With reach 0 these are the patches themselves.
    """
    around = F.pad(frames, (reach,) * 4, mode="replicate") if reach else frames
    return F.unfold(around, patch + 2 * reach, stride=patch).transpose(1, 2)


def with_places(tokens: Tensor) -> Tensor:
    """Tokens of a square grid, each with its place beside it as waves. (P, N, D) -> (P, N, D + PLACES)."""
    places = sincos_2d(side_of(tokens.shape[1]), PLACES).to(tokens)
    return torch.cat([tokens, places.expand(len(tokens), -1, -1)], dim=2)


def principal_components(tokens: Tensor, dimension: int, *, seed: int = 0, rows: int = 20_000) -> PictureEncoder:
    """What writes tokens like these, (P, N, D), with the best ``dimension`` numbers: (P, N, D) -> (P, N, dimension).

    Fitted to at most ``rows`` of the tokens, drawn at random.
    """
    flat = tokens.flatten(0, 1)
    chosen = np.random.default_rng(seed).permutation(len(flat))[:rows]
    pca = PCA(dimension, svd_solver="randomized", random_state=seed).fit(flat[chosen].numpy())
    mean, axes = torch.from_numpy(pca.mean_).float(), torch.from_numpy(pca.components_).float()  # (D,), (dimension, D)
    return lambda given: (given - mean) @ axes.T


def untrained_encoder(config: ViTConfig, width: int, *, seed: int = 1) -> PictureEncoder:
    """The same vision transformer with fresh weights, of this width; heads are as many."""
    sizes = config.frame_size, config.patch, width, config.depth, config.heads
    return fresh(lambda given: ViT(*given), sizes, seed).eval().features


def picture_controls(
    config: ViTConfig, pictures: Pictures, *, wide: int = 4, seed: int = 1
) -> dict[str, PictureEncoder]:
    """Every control of an encoder of these sizes, by name.

    pictures: the ones that probes are fitted to, and principal components with them. wide: the second untrained encoder
    is so many times as wide. The neighbourhood is a patch with one patch's width around it.
    """
    patch = config.patch

    def around(frames: Tensor) -> Tensor:
        return neighbourhoods(frames, patch, patch)

    components = principal_components(picture_tokens(around, pictures), config.width, seed=seed)
    return {
        "patch": lambda frames: with_places(neighbourhoods(frames, patch)),
        "neighbourhood": lambda frames: with_places(around(frames)),
        "pca": lambda frames: with_places(components(around(frames))),
        "untrained": untrained_encoder(config, config.width, seed=seed),
        "untrained_wide": untrained_encoder(config, wide * config.width, seed=seed),
    }
