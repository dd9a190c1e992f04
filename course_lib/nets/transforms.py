"""Changes of a picture that are said by six numbers: its brightness, contrast, saturation, hue, and a shift.

The four changes of colour are those of the colour jitter that self-supervised learning uses (SimCLR, arXiv 2002.05709,
appendix A; BYOL, arXiv 2006.07733, appendix B), applied in this order, and what leaves [0, 1] is cut off at the end:

    brightness  every colour times a factor
    contrast    away from the picture's mean grey, or towards it, by a factor
    saturation  away from the pixel's own grey, or towards it, by a factor
    hue         turned around the grey axis by an angle

A shift moves the picture by whole pixels; where nothing is known of what comes into view, its edge is repeated.

An *action* is the six numbers, each scaled to [-1, 1]; 0 in all of them is the picture as it is. Departures from the
usual program (torchvision's ColorJitter): there the order is drawn, colours are cut off after each change, and the hue
is turned in the HSV cone; here it is a rotation in the plane of equal luma, as on a television (YIQ), which is linear.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.nets import chance

NAMES = ("brightness", "contrast", "saturation", "hue", "right", "down")
COLOURS, SHIFTS = slice(0, 4), slice(4, 6)  # of an action
STRENGTH = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.8, "hue": 0.25}  # the hue's in whole turns
REACH = 8  # pixels that a shift goes at most, in each direction
LUMA = (0.299, 0.587, 0.114)  # how bright red, green and blue look (ITU-R BT.601)
_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


def change_colours(frames: Tensor, action: Tensor) -> Tensor:
    """The colours' part of an action. (B, 3, H, W) in [0, 1], (B, 6) -> (B, 3, H, W) in [0, 1]."""
    brightness, contrast, saturation = (
        (1.0 + STRENGTH[name] * action[:, i]).view(-1, 1, 1, 1) for i, name in enumerate(NAMES[:3])
    )
    x = frames * brightness
    mean = _grey(x).mean(dim=(2, 3), keepdim=True)
    x = mean + contrast * (x - mean)
    grey = _grey(x)
    x = grey + saturation * (x - grey)
    return torch.einsum("bij,bjhw->bihw", turn_of(STRENGTH["hue"] * action[:, 3]), x).clamp(0.0, 1.0)


def turn_of(turns: Tensor) -> Tensor:
    """The matrix that turns all hues and leaves greys as they are, (B,) whole turns -> (B, 3, 3)."""
    to_yiq = torch.tensor(_YIQ, device=turns.device, dtype=turns.dtype)
    c, s, o = (2.0 * math.pi * turns).cos(), (2.0 * math.pi * turns).sin(), torch.zeros_like(turns)
    rows = [torch.stack(row, dim=1) for row in ((o + 1.0, o, o), (o, c, -s), (o, s, c))]
    return torch.linalg.inv(to_yiq) @ torch.stack(rows, dim=1) @ to_yiq


def move(frames: Tensor, action: Tensor) -> Tensor:
    """The shift's part of an action, to the right and down. (B, 3, H, W), (B, 6) -> (B, 3, H, W)."""
    height, width = frames.shape[-2:]
    right, down = (REACH * action[:, SHIFTS]).round().long().unbind(dim=1)  # (B,) each
    rows = (torch.arange(height, device=frames.device) - down[:, None]).clamp(0, height - 1)  # (B, H)
    columns = (torch.arange(width, device=frames.device) - right[:, None]).clamp(0, width - 1)
    return frames.take_along_dim(rows[:, None, :, None], dim=2).take_along_dim(columns[:, None, None], dim=3)


def transform(frames: Tensor, action: Tensor) -> Tensor:
    """Frames after an action each: first the colours, then the shift. (B, 3, H, W) in [0, 1], (B, 6) -> the same.

    Raises ValueError where they are not so many actions of six numbers.
    """
    if action.shape != (len(frames), len(NAMES)):
        raise ValueError(f"actions ({len(frames)}, {len(NAMES)}) wanted, got {tuple(action.shape)}")
    return move(change_colours(frames, action), action)


def draw_actions(count: int, generator: torch.Generator, *, still: float = 0.0, plain: float = 0.0) -> Tensor:
    """Actions, each number even over [-1, 1], the shifts on whole pixels. -> (count, 6).

    still: the share of actions without a shift; plain: the share without a change of colour.
    """
    action = 2.0 * chance.uniform((count, len(NAMES)), generator) - 1.0
    action[:, SHIFTS] = on_pixels(action[:, SHIFTS])
    kind = chance.uniform((count, 1), generator)
    action[:, SHIFTS] *= kind >= still
    action[:, COLOURS] *= (kind < still) | (kind >= still + plain)
    return action


def on_pixels(shift: Tensor) -> Tensor:
    """Numbers even over [-1, 1] to the 2 REACH + 1 shifts by whole pixels, each as often as the others."""
    steps = 2 * REACH + 1
    return ((0.5 * (shift + 1.0) * steps).floor().clamp(0, steps - 1) - REACH) / REACH


def _grey(frames: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W)."""
    return (frames * frames.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)
