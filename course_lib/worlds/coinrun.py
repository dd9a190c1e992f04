"""CoinRun, the case study of Genie (arXiv 2402.15391, appendix F): the shipped recording.

It lies in data/coinrun (see the card there) and is made by data/coinrun/record.py, in an environment of its own.
Reading it needs nothing but numpy.
"""

from __future__ import annotations

from course_lib.places import DATA
from course_lib.worlds.recording import Recording

FOLDER = DATA / "coinrun"
SPLITS = ("train", "test")
BUTTONS = ("left down", "left", "left jump", "down", "nothing", "jump", "right down", "right", "right jump")


def load_coinrun(split: str = "train") -> Recording:
    """The shipped films of CoinRun: frames uint8 ``(N, 64, 64, 3)``, actions int64, the places in ``BUTTONS``.

    split: "train", or "test" for levels that no training episode has.
    Raises ValueError for another name; RecordingError when the file is missing or damaged.
    """
    if split not in SPLITS:
        raise ValueError(f"CoinRun has the splits {', '.join(SPLITS)}; there is no split {split!r}")
    return Recording.load(FOLDER / f"{split}.npz", way_out="see data/coinrun/requirements.txt for how to record it")
