"""The reader: from one frame to the state of everything that can be seen in it.

Every chapter asks what a generated frame shows: where the ball is, whether it is red. The Playground's films come with
their exact state, frames that a model drew do not, so a small network reads both. It is trained on real films only and
never sees a generated frame; its error on held-out real films (``exam/floor.py``) is the floor of every figure that
was read with it.

How it reads. A convolutional network looks at the frame at three scales and answers on a grid of 16 x 16 cells, each
2 x 2 units: is the centre of something near the middle of this cell, and if so, where exactly, what is it, which
colour, how large, how turned, how much of it is hidden? Cells that claim the same centre are one thing: the surest one
speaks for all (non-maximum suppression). Detection without anchors, as in FCOS (Tian et al., arXiv 1904.01355), with
these departures: one scale of answers, because the Playground's bodies have nearly one size; a cell is positive by its
distance from the centre; no centre-ness, since cells that agree about a centre are joined by the place they name.

One frame shows no velocity, mass, friction or elasticity: those fields of a reading are NaN. A film shows velocities:
``read_film`` links the readings of neighbouring frames.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from course_lib.models.base import ModelConfig, PositiveInt
from course_lib.nets import chance
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model

GRID = 16  # cells a side
CELL = spec.BOX / GRID  # units
NEAR = 1.6  # units: a cell whose middle is nearer to a centre claims it; every centre has one within 1.42
APART = 2.0  # units: two claims nearer than this are one thing; two small triangles side to side are 2.75 apart
SLOTS = 8  # things read in one frame at most: the agent, four bodies, the star, and two to spare for wrong claims
READABLE = 0.3  # the part of a body that must be free of the screen; what is hidden more than that is not asked for
BODY_KINDS = tuple(spec.KINDS.index(shape) for shape in spec.SHAPES)
_F = spec.FIELD

# Channels of a cell's answer.
PARTS = {
    "thing": 1,  # logit: the centre of something is near
    "offset": 2,  # from the cell's middle to the centre, units
    "kind": len(spec.KINDS) - 1,  # logits, "absent" left out
    "colour": len(spec.COLOURS),  # logits
    "size": 1,  # units
    "box_angle": 2,  # cosine and sine of 4 times the angle: a box looks the same after a quarter turn
    "triangle_angle": 2,  # of 3 times the angle
    "facing": 1,  # logit: the agent looks to the right
    "visible": 1,  # part that the screen leaves free
    "rgb": 3,
}


GroupedWidth = Annotated[int, Field(ge=8, le=16_384, multiple_of=8)]  # the norms have 8 groups


class ReaderConfig(ModelConfig):
    """The sizes of one reader. frame_size: side of a frame in pixels; widths: channels at 16, 8 and 4 cells a side."""

    frame_size: Literal[32, 64] = 32
    stem: PositiveInt = 24
    widths: Annotated[tuple[GroupedWidth, GroupedWidth, GroupedWidth], Field(strict=False)] = (32, 64, 96)
    noise: Annotated[float, Field(ge=0.0, le=0.2, description="standard deviation of noise added in training")] = 0.02
    recolour: Annotated[float, Field(ge=0.0, le=1.0, description="share of training frames with turned hues")] = 0.5


class Block(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))))): the residual block of He et al. (arXiv 1603.05027), same shape out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x + self.body(x)


class Reader(nn.Module):
    """Reads frames. ``answers`` is the network, ``read`` what everybody calls."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, coarse = config.widths
        stem: list[nn.Module] = [nn.Conv2d(3, config.stem, 3, padding=1), nn.SiLU()]
        side, channels = config.frame_size, config.stem
        while side > GRID:  # 32 pixels: one halving, 64 pixels: two
            stem += [nn.Conv2d(channels, fine, 3, stride=2, padding=1), nn.SiLU()]
            side, channels = side // 2, fine
        self.stem = nn.Sequential(*stem)
        self.fine = nn.Sequential(Block(fine), Block(fine))  # 16 x 16
        self.middle = nn.Sequential(nn.Conv2d(fine, middle, 3, stride=2, padding=1), Block(middle), Block(middle))
        self.coarse = nn.Sequential(nn.Conv2d(middle, coarse, 3, stride=2, padding=1), Block(coarse), Block(coarse))
        self.from_coarse, self.from_middle = nn.Conv2d(coarse, middle, 1), nn.Conv2d(middle, fine, 1)
        self.join = Block(middle)
        self.head = nn.Sequential(
            Block(fine), nn.GroupNorm(8, fine), nn.SiLU(), nn.Conv2d(fine, sum(PARTS.values()), 1)
        )
        middles = (torch.arange(GRID) + 0.5) * CELL  # units
        self.register_buffer("cell_x", middles.expand(GRID, GRID).clone(), persistent=False)  # (row, column)
        self.register_buffer("cell_y", middles.flip(0)[:, None].expand(GRID, GRID).clone(), persistent=False)

    def answers(self, x: Tensor) -> dict[str, Tensor]:
        """What every cell says. x: (B, 3, H, W) in [0, 1] -> each part of PARTS, (B, channels, 16, 16).

        Raises ValueError when x is not a batch of float frames of the configured size.
        """
        size = self.config.frame_size
        if x.ndim != 4 or tuple(x.shape[1:]) != (3, size, size) or not x.is_floating_point():
            raise ValueError(f"float frames (B, 3, {size}, {size}) wanted, got {x.dtype} {tuple(x.shape)}")
        fine, middle, coarse = self._scales(x)
        middle = self.join(middle + F.interpolate(self.from_coarse(coarse), scale_factor=2))
        out = self.head(fine + F.interpolate(self.from_middle(middle), scale_factor=2)).float()
        return dict(zip(PARTS, out.split(list(PARTS.values()), dim=1), strict=True))

    def _scales(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, H, W) -> (B, fine, 16, 16), (B, middle, 8, 8), (B, coarse, 4, 4)."""
        fine = self.fine(self.stem(x))
        middle = self.middle(fine)
        return fine, middle, self.coarse(middle)

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """What the network holds of a frame before it answers: its middle channels, averaged over the 8 x 8 places.

        x: (B, 3, H, W) in [0, 1] -> (B, middle).
        """
        return self._scales(x)[1].mean(dim=(2, 3))

    def targets(self, states: Tensor) -> dict[str, Tensor]:
        """What every cell should say. states: (B, SLOTS, FIELDS) -> owner, claimed, ignored, each (B, 16, 16).

        owner: the slot whose centre is nearest to the cell's middle. claimed: it is nearer than NEAR and READABLE.
        ignored: it is near, but hidden so far that neither answer would be wrong.
        """
        away = torch.hypot(
            states[:, :, _F["x"], None, None] - self.cell_x, states[:, :, _F["y"], None, None] - self.cell_y
        )  # (B, slots, 16, 16), units
        away = away.masked_fill(states[:, :, _F["kind"], None, None] == 0, torch.inf)
        nearest, owner = away.min(dim=1)
        seen = states[..., _F["visible"]].gather(1, owner.flatten(1)).view_as(owner)  # (B, slots) -> (B, 16, 16)
        near = nearest < NEAR
        return {"owner": owner, "claimed": near & (seen >= READABLE), "ignored": near & (seen < READABLE)}

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The sum of one loss for each part of the answer, each a mean over the cells that it is about.

        batch: ``{"frames": (B, 3, H, W) in [0, 1], "states": (B, SLOTS, FIELDS)}``.

        Two things are done to the frames. A little noise, so that a picture that is not quite clean does not become
        unreadable. And in a share of them all hues are turned by one random angle, with the colours' names told anew:
        certain colours never meet certain shapes in training films (``spec.RESERVED_COMBINATIONS``), and a network that
        sees no others learns to read the shape off the colour. A reader is a ruler and must read a red triangle, should
        a model draw one. (Without it, a pilot named the shape of 60 % of the bodies of the set simple-new.)
        """
        x, states = batch["frames"], batch["states"]
        chosen = chance.uniform((len(x),), generator).to(x.device) < self.config.recolour
        turn = turn_hues(2.0 * math.pi * chance.uniform((len(x),), generator).to(x) * chosen)  # (B, 3, 3)
        x = torch.einsum("bij,bjhw->bihw", turn, x)
        answer = self.answers(x + self.config.noise * chance.normal(x.shape, generator).to(x))
        target = self.targets(states)
        claimed = target["claimed"]
        rows = claimed.nonzero()  # (M, 3): frame, row, column
        truth = states[rows[:, 0], target["owner"][claimed]]  # (M, FIELDS)
        cells = {name: value.movedim(1, -1)[claimed] for name, value in answer.items()}  # each (M, channels)

        kind = truth[:, _F["kind"]].long()
        rgb = torch.einsum("mij,mj->mi", turn[rows[:, 0]], truth[:, [_F["red"], _F["green"], _F["blue"]]])
        colour = torch.where(chosen[rows[:, 0]], name_of_hue(rgb), truth[:, _F["colour"]].long())  # -1: no name
        body, agent = torch.isin(kind, kind.new_tensor(BODY_KINDS)), kind == spec.KINDS.index("agent")
        place = truth[:, [_F["x"], _F["y"]]]
        middle = torch.stack([self.cell_x[rows[:, 1], rows[:, 2]], self.cell_y[rows[:, 1], rows[:, 2]]], dim=1)
        thing = F.binary_cross_entropy_with_logits(answer["thing"][:, 0], claimed.float(), reduction="none")
        losses = {
            "thing": 20.0 * thing[~target["ignored"]].mean(),  # few of the 256 cells are claimed
            "offset": F.smooth_l1_loss(cells["offset"], place - middle, beta=0.2),
            "kind": F.cross_entropy(cells["kind"], kind - 1),
            "colour": _mean(F.cross_entropy(cells["colour"], colour.clamp_min(0), reduction="none"),
                            body & (colour >= 0)),
            "size": F.smooth_l1_loss(cells["size"][:, 0], truth[:, _F["size"]], beta=0.1),
            "angle": sum(
                _mean((cells[f"{name}_angle"] - _turn(truth[:, _F["angle"]], fold)).square().sum(dim=1),
                      kind == spec.KINDS.index(name))
                for name, fold in (("box", 4), ("triangle", 3))
            ),
            "facing": _mean(F.softplus(-cells["facing"][:, 0] * truth[:, _F["facing"]]), agent),  # facing is -1 or 1
            "visible": F.smooth_l1_loss(cells["visible"][:, 0], truth[:, _F["visible"]], beta=0.1),
            "rgb": F.l1_loss(cells["rgb"], rgb),
        }  # fmt: skip
        return {"loss": sum(losses.values()), **losses}

    @torch.no_grad()
    def read(self, frames: np.ndarray | Tensor, *, threshold: float = 0.5, batch: int = 256) -> np.ndarray:
        """Read frames one by one.

        frames: uint8 (..., H, W, 3), or a model's floats (..., 3, H, W) in [0, 1].
        Returns float32 (..., 8, FIELDS): things in the order of their certainty, fields as in ``worlds.spec.FIELDS``,
        kind 0 where there is nothing more; what one frame cannot show (velocity, spin, mass, friction, elasticity, the
        angle of a ball) is NaN. An angle is known up to the shape's symmetry: a box's lies in [-pi/4, pi/4].
        """
        x = to_model(frames) if isinstance(frames, np.ndarray) or frames.dtype == torch.uint8 else frames
        flat = x.flatten(0, -4) if x.ndim > 4 else x.reshape(-1, *x.shape[-3:])  # (..., 3, H, W) -> (B, 3, H, W)
        device = self.cell_x.device
        read = [_decode(self._settle(part.to(device)), threshold) for part in flat.split(batch)]
        things = np.concatenate(read) if read else np.zeros((0, SLOTS, len(spec.FIELDS)), np.float32)
        return things.reshape(*x.shape[:-3], SLOTS, len(spec.FIELDS))

    def _settle(self, x: Tensor) -> dict[str, np.ndarray]:
        """Answers with places and certainties filled in, as arrays (B, 256, channels)."""
        answer = self.answers(x)
        answer["place"] = answer["offset"] + torch.stack([self.cell_x, self.cell_y])  # (B, 2, 16, 16), units
        answer["certainty"] = answer["thing"].sigmoid()
        return {name: value.flatten(2).movedim(1, 2).cpu().numpy() for name, value in answer.items()}


def turn_hues(angle: Tensor) -> Tensor:
    """Rotations of the colour cube around its grey diagonal, which stays where it is. (B,) -> (B, 3, 3)."""
    axis = angle.new_full((3,), 3**-0.5)
    cross = torch.linalg.cross(axis.expand(3, 3), torch.eye(3, dtype=angle.dtype, device=angle.device), dim=1).T
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cosine * torch.eye(3).to(angle) + sine * cross + (1 - cosine) * torch.outer(axis, axis)  # Rodrigues


def name_of_hue(rgb: Tensor) -> Tensor:
    """Index into ``spec.COLOURS`` by hue, -1 where a hue lies between two names. (M, 3) -> (M,)."""
    high, low = rgb.max(dim=1).values, rgb.min(dim=1).values
    red, green, blue = rgb.unbind(dim=1)
    span = (high - low).clamp_min(1e-6)
    hue = torch.where(high == red, (green - blue) / span % 6, torch.where(high == green, (blue - red) / span + 2,
                                                                          (red - green) / span + 4)) * 60  # fmt: skip
    name = torch.full(hue.shape, -1, device=rgb.device)
    for index, colour in enumerate(spec.COLOURS):
        first, last = spec.HUES[colour]
        name[((hue - first) % 360 <= last - first) & (high - low > 0.15)] = index  # a grey has no name
    return name


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """The mean of some values; 0 when there are none (``mean`` would give NaN)."""
    return (values * where).sum() / where.sum().clamp_min(1)


def _turn(angle: Tensor, fold: int) -> Tensor:
    """An angle as a point on the circle that is the same for angles that look the same. (M,) -> (M, 2)."""
    return torch.stack([torch.cos(fold * angle), torch.sin(fold * angle)], dim=1)


def _decode(answer: dict[str, np.ndarray], threshold: float) -> np.ndarray:
    """Cells' answers -> things, (B, 8, FIELDS): the surest claim first, then the surest of those not near it, ..."""
    certainty, place = answer["certainty"][..., 0].copy(), answer["place"]  # (B, 256), (B, 256, 2)
    frames = np.arange(len(certainty))
    things = np.zeros((len(certainty), SLOTS, len(spec.FIELDS)), np.float32)
    for slot in range(SLOTS):
        best = certainty.argmax(axis=1)  # (B,)
        found = certainty[frames, best] > threshold
        if not found.any():
            break
        things[found, slot] = _fields({name: value[frames, best][found] for name, value in answer.items()})
        away = np.linalg.norm(place - place[frames, best][:, None], axis=-1)  # (B, 256)
        certainty[away < APART] = 0.0
    return things


def _fields(cell: dict[str, np.ndarray]) -> np.ndarray:
    """One cell's answer in each of M frames -> (M, FIELDS)."""
    out = np.full((len(cell["place"]), len(spec.FIELDS)), np.nan, np.float32)
    kind = cell["kind"].argmax(axis=1) + 1
    out[:, _F["kind"]] = kind
    out[:, _F["colour"]] = np.where(np.isin(kind, BODY_KINDS), cell["colour"].argmax(axis=1), -1)
    out[:, [_F["x"], _F["y"]]] = cell["place"]
    out[:, _F["size"]], out[:, _F["visible"]] = cell["size"][:, 0], cell["visible"][:, 0].clip(0.0, 1.0)
    for name, fold in (("box", 4), ("triangle", 3)):
        cosine, sine = cell[f"{name}_angle"].T
        out[:, _F["angle"]] = np.where(kind == spec.KINDS.index(name), np.arctan2(sine, cosine) / fold,
                                       out[:, _F["angle"]])  # fmt: skip
    out[:, _F["facing"]] = np.where(kind == spec.KINDS.index("agent"), np.sign(cell["facing"][:, 0]), 0.0)
    out[:, [_F["red"], _F["green"], _F["blue"]]] = cell["rgb"].clip(0.0, 1.0)
    return out


# ---------------------------------------------------------------------------------------------- comparing and linking


def match(things: np.ndarray, others: np.ndarray, *, reach: float, alike: bool = False) -> list[tuple[int, int]]:
    """Pair the things of one frame with those of another so that the sum of their distances is least.

    things: (N, FIELDS), others: (M, FIELDS); rows of kind 0 are nothing. reach: pairs farther apart, in units, are not
    made. alike: only things of one kind and colour make a pair. Returns pairs of row numbers (Hungarian algorithm).
    """
    rows, columns = np.flatnonzero(things[:, 0]), np.flatnonzero(others[:, 0])
    a, b = things[rows][:, None], others[columns][None]
    cost = np.hypot(a[..., _F["x"]] - b[..., _F["x"]], a[..., _F["y"]] - b[..., _F["y"]])  # (n, m)
    forbidden = cost > reach
    if alike:
        for name in ("kind", "colour"):
            forbidden |= a[..., _F[name]] != b[..., _F[name]]
    # A forbidden pair costs more than all allowed ones together, so it is made only where nothing else is left.
    priced = np.where(forbidden, 1e6, cost)
    return [(int(rows[i]), int(columns[j])) for i, j in zip(*linear_sum_assignment(priced), strict=True)
            if not forbidden[i, j]]  # fmt: skip


def read_film(reader: Reader, frames: np.ndarray | Tensor, *, reach: float = 6.0, threshold: float = 0.5) -> np.ndarray:
    """Read a film and follow each thing through it.

    frames: uint8 (T, H, W, 3) or floats (T, 3, H, W). reach: units that a thing can move in one frame; the fastest
    body of a training film moves 4. Returns float32 (T, S, FIELDS): slot s is the same thing in every frame, S as many
    as were followed; kind 0 in frames where it was not found. vx and vy are the step since the frame before, in
    units / s, NaN where it was not seen there.

    Kind and colour are read in every frame by themselves: what changes colour in a film shows it.
    """
    return link_readings(reader.read(frames, threshold=threshold), reach=reach)


def link_readings(seen: np.ndarray, *, reach: float = 6.0) -> np.ndarray:
    """The second half of ``read_film``: what was read in each frame, (T, 8, FIELDS), followed through the film."""
    tracks: list[np.ndarray] = []
    last: list[np.ndarray] = []  # of each track, where it was seen last
    for t, things in enumerate(seen):
        before = np.stack(last) if last else np.zeros((0, len(spec.FIELDS)), np.float32)
        pairs = match(before, things, reach=reach) if len(before) else []
        for track, slot in pairs:
            tracks[track][t] = last[track] = things[slot]
        for slot in set(np.flatnonzero(things[:, 0])) - {slot for _, slot in pairs}:
            tracks.append(np.zeros((len(seen), len(spec.FIELDS)), np.float32))
            tracks[-1][t] = things[slot]
            last.append(things[slot])
    film = np.stack(tracks, axis=1) if tracks else np.zeros((len(seen), 0, len(spec.FIELDS)), np.float32)
    both = (film[1:, :, 0] > 0) & (film[:-1, :, 0] > 0)
    for place, speed in (("x", "vx"), ("y", "vy")):
        step = np.diff(film[..., _F[place]], axis=0) / spec.FRAME_SECONDS
        film[0, :, _F[speed]] = np.nan
        film[1:, :, _F[speed]] = np.where(both, step, np.nan)
    return film
