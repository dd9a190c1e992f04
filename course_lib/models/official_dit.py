"""The class-conditional DiT as its authors publish it, loaded into the course's class.

The program is facebookresearch/DiT, ``models.py``; its checkpoints are dictionaries of the names below (some keep them
under "ema"). All differences between the two layouts stand here:

    theirs                                  the course's
    x_embedder.proj.weight (D, C, p, p)     x_embedder.weight (D, C * p * p), a convolution as the matrix that it is
    pos_embed (1, N, D)                     computed, not stored; must be the same numbers
    blocks.i.attn.proj                      blocks.i.attn.out
    blocks.i.mlp.fc1, fc2                   blocks.i.mlp.wide, narrow
    final_layer.linear, rows (p, p, 2 C)    final_layer.linear, rows (2 C, p, p)
    everything else                         the same name and shape; attn.qkv is one matrix in both, queries first

The number of heads is in no tensor: it follows from the width, by the paper's table 1.

How one samples from it: the network is called with the number of the step, 0 to 999, so a course's time t, which counts
from 1/1000 to 1, becomes t - 1/1000. The second half of the output says where, on a logarithmic scale, the variance of
a step lies between the two bounds of the posterior, beta-tilde at -1 and beta at 1 (Nichol & Dhariwal 2021, arXiv
2102.09672, equation 15). Guidance changes the first three of the four channels of the noise only, "for reproducibility"
as the program says; so do :func:`official_predict` and :func:`learned_variance_step`. The schedule ``linear`` is the
limit of the program's 1,000 steps; a test says how far they are apart.

What comes out are latents, scaled by 0.18215, of 32 x 32 places and 4 channels for a picture of 256 pixels. Their
decoder is another checkpoint, ``stabilityai/sd-vae-ft-mse`` in the layout of diffusers' AutoencoderKL; it is not loaded
here.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from course_lib.models.conditions import TIMESTEPS
from course_lib.models.dit import DiT, DiTConfig, spacetime_positions
from course_lib.nets.diffusion import Diffusion, Predict
from course_lib.nets.patches import side_of
from course_lib.nets.samplers import posterior_variance

HEADS = {384: 6, 768: 12, 1024: 16, 1152: 16}  # of the widths S, B, L and XL
GUIDED = 3  # channels of the noise that guidance changes
RENAMED = (("attn.proj.", "attn.out."), ("mlp.fc1.", "mlp.wide."), ("mlp.fc2.", "mlp.narrow."),
           ("x_embedder.proj.", "x_embedder."))  # fmt: skip


def official_config(state: Mapping[str, Tensor]) -> DiTConfig:
    """The sizes of a published state dict, read off its shapes. Raises ValueError where it is no such state dict."""
    try:
        width, channels, patch, _ = state["x_embedder.proj.weight"].shape
        classes = len(state["y_embedder.embedding_table.weight"]) - 1  # the last one says "no class is given"
        outputs = len(state["final_layer.linear.weight"]) // patch**2
        hidden = len(state["blocks.0.mlp.fc1.weight"])
    except KeyError as missing:
        raise ValueError(f"this is no state dict of the class-conditional DiT: it has no {missing}") from None
    if width not in HEADS:
        raise ValueError(f"the paper's DiTs have the widths {', '.join(map(str, HEADS))}, this one has {width}")
    depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    return DiTConfig(channels=channels, patch=patch, width=width, depth=depth, heads=HEADS[width],
                     mlp_ratio=hidden / width, classes=classes, learned_variance=outputs == 2 * channels)  # fmt: skip


def course_names(state: Mapping[str, Tensor], config: DiTConfig) -> dict[str, Tensor]:
    """A published state dict in the course's layout. Raises ValueError for positions that are not the program's."""
    found = {}
    for name, tensor in state.items():
        if name == "pos_embed":
            _check_positions(tensor, config)
            continue
        for theirs, ours in RENAMED:
            name = name.replace(theirs, ours)
        if name == "x_embedder.weight":
            tensor = tensor.flatten(1)  # (D, C, p, p) -> (D, C * p * p)
        if name.startswith("final_layer.linear."):
            cut = tensor.unflatten(0, (config.patch, config.patch, -1))  # (p * p * 2 C, ...) -> (p, p, 2 C, ...)
            tensor = cut.movedim(2, 0).flatten(0, 2)  # (2 C * p * p, ...)
        found[name] = tensor
    return found


def _check_positions(theirs: Tensor, config: DiTConfig) -> None:
    side = side_of(theirs.shape[1])
    if theirs.is_meta:
        return
    ours = spacetime_positions(1, side, side, config.width)  # (1, N, D)
    if not torch.allclose(theirs, ours.to(theirs), atol=1e-4):
        raise ValueError("pos_embed holds other positions than the program's sines and cosines")


def load_official(state: Mapping[str, Tensor]) -> DiT:
    """A DiT with published weights, in evaluation mode. state: names and tensors, or a dict that has them under "ema".

    Raises ValueError where names or shapes are not those of the class-conditional DiT.
    """
    state = state.get("ema", state)
    config = official_config(state)
    with torch.device("meta"):  # no second copy of 675 million numbers
        model = DiT(config)
    try:
        model.load_state_dict(course_names(state, config), assign=True)
    except RuntimeError as error:
        raise ValueError(f"this state dict does not fit a DiT of its sizes: {error}") from None
    return model.eval()


def official_predict(model: DiT, labels: Tensor, w: float) -> Predict:
    """What samplers call: x_t (B, 1, C, h, w), t (B,) -> noise and variance, (B, 1, 2 C, h, w).

    labels: int64 (B,). The noise is guided with weight w in its first three channels; all else is what the model says
    with the class. To be sampled with :func:`learned_variance_step`.
    """

    def predict(x_t: Tensor, t: Tensor) -> Tensor:
        step = (t - 1.0 / TIMESTEPS).clamp_min(0.0)
        given, without = model(x_t, step, labels), model(x_t, step)
        noise = without[:, :, :GUIDED] + w * (given[:, :, :GUIDED] - without[:, :, :GUIDED])
        return torch.cat([noise, given[:, :, GUIDED:]], dim=2)

    return predict


def learned_variance_step(
    diffusion: Diffusion, prediction: Tensor, x_t: Tensor, t: Tensor, s: Tensor, generator: torch.Generator | None
) -> Tensor:
    """An ancestral step whose variance the network says; a ``Step`` for ``nets.samplers``.

    prediction: noise and variance, (B, G, 2 C, h, w). At s = 0 the mean, without fresh noise, as in the program.
    Raises ValueError without a generator, or for a prediction without a variance.
    """
    if prediction.shape[2] != 2 * x_t.shape[2]:
        raise ValueError(f"{2 * x_t.shape[2]} channels of noise and variance are wanted, got {prediction.shape[2]}")
    if generator is None:
        raise ValueError("ancestral sampling draws fresh noise in every step and needs a generator")
    noise, where = prediction.chunk(2, dim=2)
    schedule, x = diffusion.schedule, diffusion.x_of(noise, x_t, t)
    kept = schedule.alpha(t) / schedule.alpha(s)
    beta = schedule.sigma(t).square() - kept.square() * schedule.sigma(s).square()
    mean = (kept * schedule.sigma(s).square() * x_t + schedule.alpha(s) * beta * x) / schedule.sigma(t).square()
    if float(s) == 0.0:
        return mean
    share = (where + 1.0) / 2.0
    log_variance = share * beta.log() + (1.0 - share) * posterior_variance(diffusion, t, s).log()
    fresh = torch.randn(x_t.shape, generator=generator, device=generator.device, dtype=x_t.dtype).to(x_t.device)
    return mean + (0.5 * log_variance).exp() * fresh
