"""The encoder of I-JEPA as its authors publish it, loaded into the course's vision transformer.

The program is facebookresearch/ijepa, ``src/models/vision_transformer.py``; a checkpoint is a dictionary with the state
dicts "encoder", "predictor" and "target_encoder", whose names begin with "module." where several processes have trained
it. The target encoder is what is evaluated, and what is loaded here. All differences between the two layouts:

    theirs                                  the course's
    patch_embed.proj.weight (D, 3, p, p)    embed.weight (D, 3 * p * p), a convolution as the matrix that it is
    pos_embed (1, N, D)                     places, computed, not stored: the column in the first half of the channels,
                                            the row in the second; must be the same numbers
    blocks.i.norm1, norm2                   blocks.i.norm_attention, norm_mlp
    blocks.i.attn.qkv, attn.proj            blocks.i.attention.qkv, attention.out, here with their biases
    blocks.i.mlp.fc1, fc2                   blocks.i.mlp.wide, narrow; ViT-g is 48 / 11 as wide inside, the others 4
    norm                                    the same name; all norms add 1e-6 to the variance
    pixels less a mean, over a deviation    pixels from 0 to 1, brought to -1 to 1: the difference goes into embed

The number of heads is in no tensor: it follows from the width.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from course_lib.models.dit import spacetime_positions
from course_lib.nets.attention import Block
from course_lib.nets.patches import side_of
from course_lib.nets.vit import ViT

HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16, 1408: 16}  # of the widths Ti, S, B, L, H and g
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue
EPSILON = 1e-6  # of the norms
RENAMED = (("norm1.", "norm_attention."), ("norm2.", "norm_mlp."), ("attn.proj.", "attention.out."),
           ("attn.qkv.", "attention.qkv."), ("mlp.fc1.", "mlp.wide."), ("mlp.fc2.", "mlp.narrow."),
           ("patch_embed.proj.", "embed."))  # fmt: skip


def load_official_ijepa(state: Mapping[str, Tensor]) -> ViT:
    """An encoder with published weights, in evaluation mode, for frames in [0, 1].

    state: a whole checkpoint, or the state dict of one of its encoders. Raises ValueError where names or shapes are not
    those of such an encoder, or the positions are not the program's.
    """
    state = {name.removeprefix("module."): tensor for name, tensor in state.get("target_encoder", state).items()}
    model = _empty(state)
    try:
        model.load_state_dict(encoder_names(state), assign=True)
    except RuntimeError as error:
        raise ValueError(f"this state dict does not fit an encoder of its sizes: {error}") from None
    model.places = _positions(state["pos_embed"])
    return model.eval()


def encoder_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published state dict in the course's layout, without the positions, which are no weights here."""
    found = {}
    for name, tensor in state.items():
        if name == "pos_embed":
            continue
        for theirs, ours in RENAMED:
            name = name.replace(theirs, ours)
        found[name] = tensor
    weight = found["embed.weight"]  # (D, 3, p, p)
    mean, scale = (torch.tensor(v, device=weight.device, dtype=weight.dtype)[:, None, None] for v in (MEAN, DEVIATION))
    # (x - mean) / scale = (2 x - 1) / (2 scale) + (1 - 2 mean) / (2 scale)
    found["embed.bias"] = found["embed.bias"] + (weight * (1.0 - 2.0 * mean) / (2.0 * scale)).sum(dim=(1, 2, 3))
    found["embed.weight"] = (weight / (2.0 * scale)).flatten(1)  # (D, 3 * p * p)
    return found


def _empty(state: Mapping[str, Tensor]) -> ViT:
    """The network of these shapes, without numbers."""
    try:
        width, channels, patch, _ = state["patch_embed.proj.weight"].shape
        side, hidden = side_of(state["pos_embed"].shape[1]), len(state["blocks.0.mlp.fc1.weight"])
        _ = state["patch_embed.proj.bias"]
    except KeyError as missing:
        raise ValueError(f"this is no state dict of an I-JEPA encoder: it has no {missing}") from None
    if width not in HEADS or channels != 3:
        raise ValueError(f"the program's encoders see 3 colours and have the widths {', '.join(map(str, HEADS))}, this "
                         f"one has {channels} and {width}")  # fmt: skip
    depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    with torch.device("meta"):  # no second copy of 631 million numbers
        model = ViT(side * patch, patch, width, depth, HEADS[width])
        model.blocks = nn.ModuleList(Block(width, HEADS[width], hidden=hidden, bias=True) for _ in range(depth))
    for layer in model.modules():
        if isinstance(layer, nn.LayerNorm):
            layer.eps = EPSILON
    return model


def _positions(theirs: Tensor) -> Tensor:
    """The program's fixed positions, (N, D). Raises ValueError where the state dict has others."""
    side = side_of(theirs.shape[1])
    ours = spacetime_positions(1, side, side, theirs.shape[2])[0]
    if theirs.is_meta:
        return ours.to("meta")
    if not torch.allclose(theirs[0], ours.to(theirs), atol=1e-4):
        raise ValueError("pos_embed holds other positions than the program's sines and cosines")
    return ours.to(theirs)
