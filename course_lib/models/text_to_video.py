"""Text to video (文生视频) end to end: a caption becomes tokens, noise becomes latents, latents become frames.

The steps of Sora's report (Video generation models as world simulators, 2024), as far as it names them: a compression
network (``models/codec.py``), spacetime patches and a diffusion transformer (``models/dit.py``), descriptive captions.
What embeds the caption the report does not disclose; here the transformer does it itself.

A model that continues what it has seen, and takes no actions: a film's first frames are put in as known latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from course_lib.models.base import untrained_twin
from course_lib.models.clip import tokenise
from course_lib.models.codec import VideoCodec
from course_lib.models.dit import DiT, KnownGroups
from course_lib.worlds import spec

GUIDANCE = 2.0


class TextToVideo:
    """A DiT and the codec whose latents it learned.

        make = TextToVideo(load_checkpoint("dit").average, load_checkpoint("codec"))
        films = make.films(["a small red ball falling"], 17, generator=generator)     # (1, 17, 3, 32, 32) in [0, 1]
        more = make.continued(films[:, :5], ["a small red ball falling"], 17, generator=generator)
    """

    def __init__(self, dit: DiT, codec: VideoCodec, *, most_bodies: int = spec.MAX_BODIES) -> None:
        """most_bodies: of the films that the DiT learned from; it can be asked for more, and has never seen them.

        Raises ValueError for a DiT on other latents than the codec's.
        """
        if dit.config.channels != codec.config.latent:
            raise ValueError(
                f"the DiT's latents have {dit.config.channels} channels, the codec's {codec.config.latent}"
            )
        self.dit, self.codec, self.most_bodies = dit.eval(), codec.eval(), most_bodies

    def untrained(self, seed: int = 1) -> TextToVideo:
        """The same codec, and a transformer that has learned nothing."""
        return TextToVideo(untrained_twin(self.dit, seed), self.codec, most_bodies=self.most_bodies)

    def tokens(self, prompts: Sequence[str]) -> Tensor:
        """Captions as the DiT takes them; "" says nothing. int64 (B, L). Raises ValueError for unknown words."""
        return tokenise(prompts, self.dit.config.context).to(self.dit.x_embedder.weight.device)

    @torch.no_grad()
    def films(
        self, prompts: Sequence[str], frames: int = 5, *, generator: torch.Generator, w: float = GUIDANCE,
        steps: int = 16, known: KnownGroups | None = None,
    ) -> Tensor:  # fmt: skip
        """One film for each prompt, (B, frames, 3, H, W) in [0, 1]. w: guidance; 0 leaves the prompt out.

        Raises ValueError for a length that the codec has not.
        """
        side = self.codec.config.side
        shape = (self.codec.config.groups(frames), side, side)
        z = self.dit.generate(self.tokens(prompts), shape, generator=generator, steps=steps, w=w, known=known)
        return self.codec.frames_of(z)

    @torch.no_grad()
    def continued(
        self, beginning: Tensor, prompts: Sequence[str], frames: int, *, generator: torch.Generator,
        w: float = GUIDANCE, steps: int = 16,
    ) -> Tensor:  # fmt: skip
        """Films that go on from the frames they are given, (B, T, 3, H, W) -> (B, frames, 3, H, W).

        The frames that are given come back as the codec draws them. Raises ValueError for lengths that the codec has
        not, or nothing to go on with.
        """
        z = self.codec.latents(beginning)  # (B, g, C, h, w)
        groups, given = self.codec.config.groups(frames), z.shape[1]
        if groups <= given:
            raise ValueError(f"a film of {frames} frames is no continuation of {beginning.shape[1]}")
        whole = torch.cat([z, z.new_zeros(len(z), groups - given, *z.shape[2:])], dim=1)
        known = KnownGroups(torch.arange(groups, device=z.device) < given, whole)
        return self.films(prompts, frames, generator=generator, w=w, steps=steps, known=known)
