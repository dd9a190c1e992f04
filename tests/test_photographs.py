"""Photographs that the reader has: the archive is read as its author lays it out, and I-JEPA trains on it.

No photograph is here. The archive of the tests is made up, in the very format: ten kinds of coloured noise.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.studies import photographs as study
from course_lib.training import ConfigError, build, get_recipe, load_config, save_checkpoint, train
from course_lib.worlds import photographs
from course_lib.worlds.photographs import ARCHIVE, KINDS, ROW, PhotographsError, load_photographs

EACH = 20  # photographs in a file
COLOURS = np.random.default_rng(0).integers(40, 216, size=(len(KINDS), 3))  # of the made-up kinds


def made_up(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Kinds (N,) and frames (N, 32, 32, 3): every kind has a colour of its own under the noise."""
    rng = np.random.default_rng(seed)
    kinds = rng.permutation(np.arange(EACH) % len(KINDS))
    frames = COLOURS[kinds][:, None, None] + rng.integers(-40, 41, size=(EACH, 32, 32, 3))
    return kinds, frames.clip(0, 255).astype(np.uint8)


def file_of(kinds: np.ndarray, frames: np.ndarray) -> bytes:
    """One file, written photograph by photograph and colour by colour, as the archive's page describes it."""
    out = bytearray()
    for kind, frame in zip(kinds, frames, strict=True):
        out.append(kind)
        for colour in range(3):
            out += bytes(frame[y, x, colour] for y in range(32) for x in range(32))
    return bytes(out)


def archive_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


NAMES = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]


def place(folder: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of these files where the loader looks, taken for the published one."""
    path = folder / ARCHIVE
    path.write_bytes(archive_of({"batches.meta.txt": b"airplane\n", **files}))
    monkeypatch.setattr(photographs, "FOLDER", folder)
    monkeypatch.setattr(photographs, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.delenv("COURSE_PHOTOGRAPHS", raising=False)
    return path


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return place(tmp_path, {name: file_of(*made_up(n)) for n, name in enumerate(NAMES)}, monkeypatch)


def test_every_pixel_and_kind_comes_back(copy: Path) -> None:
    for split, seeds in (("train", range(5)), ("test", [5])):
        read = load_photographs(split)
        kinds, frames = (np.concatenate(parts) for parts in zip(*map(made_up, seeds), strict=True))
        assert read.frames.dtype == np.uint8 and read.kinds.dtype == np.int64
        assert np.array_equal(read.frames, frames) and np.array_equal(read.kinds, kinds) and len(read) == len(kinds)


def test_a_copy_elsewhere_is_named_by_the_environment(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "FOLDER", copy.parent / "nowhere")
    for named in (copy, copy.parent):
        monkeypatch.setenv("COURSE_PHOTOGRAPHS", str(named))
        assert len(load_photographs("test")) == EACH


def test_without_a_copy_a_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "FOLDER", tmp_path)
    monkeypatch.delenv("COURSE_PHOTOGRAPHS", raising=False)
    with pytest.raises(PhotographsError, match=f"nothing downloads them: put {ARCHIVE}.*COURSE_PHOTOGRAPHS"):
        load_photographs()
    with pytest.raises(ValueError, match="no split 'validation'"):
        load_photographs("validation")


def test_another_file_is_refused_before_it_is_unpacked(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = copy.read_bytes()
    monkeypatch.setattr(photographs.tarfile, "open", lambda **_: pytest.fail("it was unpacked"))
    for other in (content[:-1], content + b"\0", b""):
        copy.write_bytes(other)
        with pytest.raises(PhotographsError, match="SHA-256"):
            load_photographs()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda whole: whole[:-1], "no multiple of 3073"),
        (lambda whole: b"", "0 bytes"),
        (lambda whole: bytes([len(KINDS)]) + whole[1:], "names a kind 10"),
        (None, "test_batch.bin"),
    ],
)
def test_what_the_format_does_not_allow_is_named(damage, words: str, tmp_path: Path, monkeypatch) -> None:
    files = {"test_batch.bin": damage(file_of(*made_up(5)))} if damage else {"other.bin": b"x" * ROW}
    place(tmp_path, files, monkeypatch)
    with pytest.raises(PhotographsError, match=words):
        load_photographs("test")


def test_the_checksum_is_that_of_the_card() -> None:
    card = (photographs.DATA / "photographs" / "README.md").read_text(encoding="utf-8")
    assert photographs.SHA256 in card and len(photographs.SHA256) == 64


# ------------------------------------------------------------------------------------------------ training on them


@pytest.mark.parametrize("name", ["i_jepa", "mae"])
def test_encoders_of_pictures_train_on_them(name: str, copy: Path) -> None:
    config = load_config(name, "tiny", overrides=["data.films=photographs", "train.steps=2", "data.batch=4"])
    history = train(get_recipe(name), config, progress="none")
    assert history.data.description == "100 photographs of CIFAR-10, train, 32 pixels"
    assert len(history.data.sha256) == 64 and history.about()["steps"] == 2


def test_the_size_for_a_gpu_is_the_i_jepa_of_size_gpu_on_other_pictures() -> None:
    ours, other = load_config("i_jepa", "gpu-photographs"), load_config("i_jepa", "gpu")
    assert ours.data.films == "photographs"
    assert ours.model.model_copy(update={"frame_size": other.model.frame_size}) == other.model
    same = {"memory_gib": other.train.memory_gib}
    assert ours.train.model_copy(update=same) == other.train


def test_they_are_refused_at_another_size_and_by_models_of_films() -> None:
    larger = load_config("i_jepa", "cpu", overrides=["data.films=photographs", "model.frame_size=64"])
    with pytest.raises(ConfigError, match="32 pixels on a side"):
        train(get_recipe("i_jepa"), larger, progress="none")
    with pytest.raises(ConfigError, match="photographs"):
        load_config("jepa", "tiny", overrides=["data.films=photographs"])


def test_a_line_finds_kinds_where_they_show_and_does_not_where_they_do_not(copy: Path) -> None:
    """An encoder that sees the colour knows every kind; one that sees nothing of it has a tenth."""
    fit, ask = load_photographs("train"), load_photographs("test")

    def colour(frames: torch.Tensor) -> torch.Tensor:
        far = torch.cdist(255 * frames.mean(dim=(2, 3)), torch.from_numpy(COLOURS).float())  # (B, 10)
        return torch.exp(-far / 10.0)[:, None]

    def nothing(frames: torch.Tensor) -> torch.Tensor:
        return torch.rand(len(frames), 4, 8, generator=torch.Generator().manual_seed(len(frames)))

    found = study.beside_controls(colour, nothing, fit, ask)
    assert found["i_jepa"]["value"] > 0.8 and found["i_jepa"]["low"] > found["commonest_kind"]["high"]
    assert found["untrained"]["low"] < 0.2 and found["commonest_kind"]["value"] == 0.1
    assert all(row["low"] <= row["value"] <= row["high"] and row["n"] == EACH for row in found.values())


def test_the_study_asks_for_what_was_trained(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "FOLDER", tmp_path)
    with pytest.raises(RuntimeError, match="python -m course_lib train i_jepa --size gpu-photographs"):
        study.run(lambda line: None)
    config = load_config("i_jepa", "tiny", overrides=["data.films=photographs", "train.steps=2", "data.batch=4"])
    recipe = get_recipe("i_jepa")
    model = build(recipe, config.model)
    history = train(recipe, config, model=model, progress="none")
    save_checkpoint(model, recipe, study.SIZE, about=history.about(), folder=tmp_path)
    found = study.run(lambda line: None)["kinds"]
    assert set(found) == {"i_jepa", "untrained", "pixels", "commonest_kind"}
