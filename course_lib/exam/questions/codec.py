"""What does a film keep on its way through a codec? Decibels, what the reader finds, and whether time runs one way.

Every figure is of held-out films, of a first frame and four groups of four, and stands beside PCA of blocks with as
many numbers in all. The reader is asked about real films as well: nobody can be read better than they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.codecs import (
    BlockPCA,
    always_falling,
    changes,
    codec_coder,
    coded,
    film_psnr,
    kl_by_film_frame,
    mean_film_coder,
    read_bodies,
    share_and_interval,
)
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.base import untrained_twin
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

FILMS = "bodies"
FRAMES = 17  # of a film that is asked about: 1 + 4 k, and a length for both kinds
BLOCKS = (4, 8)  # pixels on a side of PCA's blocks; which of them is better depends on how many numbers there are
REPLACED = 9  # from this frame on: a first frame and two groups stay
TRAINING = 1000  # films that the controls are fitted to


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows codec_psnr_db, codec_image_psnr_db, codec_number, codec_colour, codec_shape, codec_motion, codec_kl_nats and
    codec_leak of the part "codec"."""
    codec = entrant.part("codec")
    films = sitting.films_for(entrant, FILMS)
    if codec.config.frame_size != sitting.size:
        raise NotCapable(f"its codec reads frames of {codec.config.frame_size} pixels, these have {sitting.size}")
    frames, states = films.frames[:, :FRAMES], films.states[:, :FRAMES]
    train = load_films(FILMS, split="train", count=TRAINING, size=sitting.size).frames[:, :FRAMES]
    coders = {"codec": codec_coder(codec), "mean": mean_film_coder(train),
              "untrained": codec_coder(untrained_twin(codec, sitting.seed))}  # fmt: skip
    coders |= {f"pca_{block}": BlockPCA(train, codec.config, block).coder() for block in BLOCKS}
    drawn = {name: coded(coder, frames) for name, coder in coders.items()}
    numbers, each, fewer = codec.config.numbers, codec.config.frames_each, codec.config.compression
    note = f"{numbers} numbers for {each} frame{'s' if each > 1 else ''}, {fewer:.0f} times fewer"
    yield _decibels(entrant, sitting, films, "codec_psnr_db", drawn, frames, note)
    yield from _readings(entrant, sitting, films, drawn, frames, states)
    images = frames[:, REPLACED - 1 : REPLACED]  # a frame from the middle, as a film of one frame
    note = f"{numbers} numbers for an image, {fewer / each:.0f} times fewer"
    pictures = {name: coded(coder, images) for name, coder in coders.items()}
    yield _decibels(entrant, sitting, films, "codec_image_psnr_db", pictures, images, note)
    kl = mean_and_interval(kl_by_film_frame(codec, frames), seed=sitting.seed)
    yield entrant.row(sitting, films, "codec_kl_nats", unit="nats a frame", direction="lower",
                      controls={"prior": 0.0}, **kl)  # fmt: skip
    x = to_model(frames)
    found = changes(codec, x, x.roll(1, dims=0), REPLACED)
    yield entrant.row(sitting, films, "codec_leak", unit="deviations", direction="lower",
                      controls={"own_group": float(found["own"].min())},
                      note="largest change of an earlier latent when later frames are replaced",
                      **mean_and_interval(found["earlier"], seed=sitting.seed))  # fmt: skip


def _decibels(entrant, sitting, films, question, drawn, frames, note) -> Row:  # noqa: ANN001, PLR0913
    scores = {name: film_psnr(x, frames) for name, x in drawn.items()}
    controls = {name: float(values.mean()) for name, values in scores.items() if name != "codec"}
    return entrant.row(sitting, films, question, unit="dB", controls=controls, note=note,
                       **mean_and_interval(scores["codec"], seed=sitting.seed))  # fmt: skip


def _readings(entrant, sitting, films, drawn, frames, states) -> Iterator[Row]:  # noqa: ANN001, PLR0913
    read = {name: read_bodies(sitting.reader, x, states) for name, x in drawn.items()}
    read["real"] = sitting.once(("codec", "real", films.hash, FRAMES),
                                lambda: read_bodies(sitting.reader, frames, states))  # fmt: skip
    read["shuffled"] = read_bodies(sitting.reader, drawn["codec"], np.roll(states, 1, axis=0))
    for name in ("number", "colour", "shape", "motion"):
        controls = {who: float(values[name].mean()) for who, values in read.items() if who != "codec"}
        if name == "motion":
            controls["always_falling"] = always_falling(states)
        yield entrant.row(sitting, films, f"codec_{name}", unit="", controls=controls,
                          **share_and_interval(read["codec"][name], seed=sitting.seed))  # fmt: skip
