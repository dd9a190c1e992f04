"""What changes from step to step: the learning rate, up and then down; the weight decay, from one value to another."""

from __future__ import annotations

import math


def learning_rate(step: int, *, steps: int, peak: float, warmup: int = 0, final: float = 0.0) -> float:
    """The learning rate of step 0 to steps - 1.

    It rises in equal parts over the first ``warmup`` steps, the last of which runs at ``peak``, then falls along a
    cosine (Loshchilov & Hutter, SGDR, arXiv 1608.03983, equation 5, without restarts) to ``final * peak`` at the last.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step - warmup) / max(1, steps - 1 - warmup)  # 0 after the warm-up, 1 at the last step
    return peak * (final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share))))


def weight_decay(step: int, *, steps: int, first: float, last: float | None = None) -> float:
    """The weight decay of step 0 to steps - 1: half a cosine from ``first`` to ``last``; None for ``first`` throughout.

    Caron et al., DINO, 2021 (arXiv 2104.14294, section 3.2), and I-JEPA's program after it: 0.04 to 0.4.
    """
    if last is None:
        return first
    share = step / max(1, steps - 1)  # 0 at the first step, 1 at the last
    return first + (last - first) * 0.5 * (1.0 - math.cos(math.pi * share))
