"""What every function of ``show`` asks of the arrays it is given, with errors that name the way out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Frames = NDArray[np.uint8]


def _uint8(value: ArrayLike, name: str) -> NDArray[np.uint8]:
    array = np.asarray(value)
    if array.dtype == np.uint8:
        return array
    if np.issubdtype(array.dtype, np.floating):
        way = "a model's frames become pictures with course_lib.worlds.frames.to_uint8(frames)"
    else:
        way = "convert them with .astype(np.uint8) if their values are 0 to 255"
    raise TypeError(f"{name}: pictures are shown from uint8 values, these are {array.dtype}; {way}")


def _shape(array: NDArray[np.uint8], name: str, letters: str, ndim: int, way: str) -> None:
    if array.ndim != ndim or array.shape[-1] != 3:
        if array.ndim >= 3 and array.shape[-1] != 3 and array.shape[-3] == 3:
            way = "the three colours stand first here; move them last with np.moveaxis(x, -3, -1)"
        raise ValueError(f"{name}: expected shape {letters}, got {array.shape}; {way}")
    if 0 in array.shape:
        raise ValueError(f"{name}: there is nothing to show in an array of shape {array.shape}")


def film(value: ArrayLike, name: str = "frames") -> Frames:
    """Return value as a film, uint8 ``(T, H, W, 3)``; TypeError or ValueError where it is none."""
    array = _uint8(value, name)
    way = "take one film out of a set with films.frames[0]" if array.ndim == 5 else "a single picture is frames[None]"
    _shape(array, name, "(T, H, W, 3)", 4, way)
    return array


def films(value: Mapping[str, ArrayLike], name: str = "films", equal_length: bool = False) -> dict[str, Frames]:
    """Return a dict of films with one frame size and, where asked, one length."""
    if not isinstance(value, Mapping):
        raise TypeError(f'{name}: expected a dict such as {{"real": frames}}, got {type(value).__name__}')
    if not value:
        raise ValueError(f"{name}: the dict is empty, there is no film to show")
    checked = {str(key): film(frames, f"{name}[{key!r}]") for key, frames in value.items()}
    sizes = {key: f"{f.shape[1]}x{f.shape[2]}" for key, f in checked.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"{name}: all films need frames of one size, these have {sizes}; resize them first")
    lengths = {key: len(f) for key, f in checked.items()}
    if equal_length and len(set(lengths.values())) > 1:
        shortest = min(lengths.values())
        raise ValueError(f"{name}: all films need one number of frames, these have {lengths}; cut to [:{shortest}]")
    return checked


def pictures(value: ArrayLike, name: str = "images") -> Frames:
    """Return value as pictures, uint8 ``(N, H, W, 3)``."""
    array = _uint8(value, name)
    _shape(array, name, "(N, H, W, 3)", 4, "a single picture is image[None], a set of films has one axis too many")
    return array


def picture(value: ArrayLike, name: str = "picture") -> Frames:
    """Return value as one picture, uint8 ``(H, W, 3)``; a grey one ``(H, W)`` gets three equal colours."""
    array = _uint8(value, name)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=-1)
    _shape(array, name, "(H, W, 3) or (H, W)", 3, "show several pictures with show.grid, a film with show.gif")
    return array


def positive(value: int, name: str, most: int | None = None) -> int:
    """Return value when it is a whole number from 1 to most."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1 or (most and value > most):
        bound = f"from 1 to {most}" if most else "of at least 1"
        raise ValueError(f"{name} must be a whole number {bound}, not {value!r}")
    return int(value)
