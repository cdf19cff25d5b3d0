"""Pictures as arrays: files .npz and .npy, arrays in memory; layouts and ranges by rule."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Origin
from ..core.errors import FileProblem, InputError
from ..core.result import frozen
from .bytewise import scan
from .found import Found
from .frames import from_mapping
from .options import Options, Pictures
from .picture_files import LUMINANCE
from .pictures import Stack
from .resample import resample

Images = NDArray[np.float32]
IMAGES = ("images", "imgs", "image", "pictures", "X", "x")
MATRICES = ("factors", "labels", "latents", "latents_values", "y", "Y")
NAMES = ("factor_names", "names", "label_names", "latents_names", "columns")
_DEPTHS = (1, 3, 4)
_PART = 512  # pictures that are worked on at once


def array_file(path: Path, wanted: Pictures) -> Stack:
    """The pictures of a file .npz or .npy, with the factors that lie beside them.

    Raises
    ------
    FileProblem
        For a file that is damaged, holds pickled objects where pictures are expected, or none.
    InputError
        For shapes and values that are no pictures.
    """
    found = scan(path)
    if found.size == 0:
        raise FileProblem(f"{path} is empty (0 bytes); expected arrays written by numpy")
    arrays, notes = _arrays(path)
    name = _image_name(path, arrays)
    stack = array_stack(arrays.pop(name), wanted, f"{path}: array {name!r}")
    columns, more = _factors(path, arrays, stack.n)
    told = (*notes, f"pictures from array {name!r}", *stack.origin.decisions, *more)
    origin = Origin(path.stem, str(path), found.sha256, decisions=told)
    return Stack((), stack.n, stack.shape, stack.fetch, origin, columns)


def _arrays(path: Path) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Arrays by name, and a note of those that hold pickled objects, which are never loaded."""
    try:
        if path.suffix.lower() == ".npy":
            return {IMAGES[0]: np.load(path, allow_pickle=False)}, []
        with zipfile.ZipFile(path) as members, np.load(path, allow_pickle=False) as file:
            pickled = [name for name in file.files if _pickled(members, name)]
            arrays = {name: file[name] for name in file.files if name not in pickled}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        if "allow_pickle" in str(error) or "Object arrays" in str(error):
            raise FileProblem(_pickle_words(path, IMAGES[0])) from error
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FileProblem(
            f"{path} cannot be read as arrays: {first}. It is truncated, half written or no file "
            "of numpy: write it again with numpy.savez"
        ) from error
    if not any(a.ndim >= 3 for a in arrays.values()) and pickled:
        raise FileProblem(_pickle_words(path, pickled[0]))
    note = f"arrays that hold pickled objects were not read: {', '.join(map(repr, pickled))}"
    return arrays, [note] if pickled else []


def _pickled(members: zipfile.ZipFile, name: str) -> bool:
    with members.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        return bool(read(file)[2].hasobject)


def _pickle_words(path: Path, name: str) -> str:
    return (
        f"{path}: array {name!r} holds pickled Python objects, which rung refuses to load, since "
        "that can run code. Save plain numbers: numpy.savez(path, images=numpy.stack(pictures))"
    )


def _image_name(path: Path, arrays: Mapping[str, NDArray[Any]]) -> str:
    named = [name for name in IMAGES if name in arrays]
    if named:
        return named[0]
    deep = [name for name, a in arrays.items() if a.ndim >= 3]
    if len(deep) == 1:
        return deep[0]
    shown = ", ".join(f"{name!r} {a.shape}" for name, a in list(arrays.items())[:8])
    raise FileProblem(
        f"{path} holds {'several arrays that may be' if deep else 'no array of'} pictures "
        f"({shown or 'no arrays at all'}); name it 'images', of shape (n, h, w), (n, c, h, w) or "
        "(n, h, w, c)"
    )


def _factors(
    path: Path, arrays: Mapping[str, NDArray[Any]], n: int
) -> tuple[list[Found], list[str]]:
    """Columns of the arrays with one value a picture, and what was passed over."""
    columns: dict[str, NDArray[Any]] = {}
    skipped = []
    names = next((arrays[k] for k in NAMES if k in arrays and arrays[k].dtype.kind in "US"), None)
    used = {k for k in NAMES if k in arrays and arrays[k] is names}
    for name, array in arrays.items():
        if array.ndim == 2 and len(array) == n and name in MATRICES:
            for label, column in zip(_labels(path, name, array, names), array.T, strict=True):
                if label in columns:
                    raise InputError(f"{path}: two factors are named {label!r}; names must differ")
                columns[label] = column
        elif array.ndim == 1 and len(array) == n:
            if name in columns:
                raise InputError(f"{path}: two factors are named {name!r}; names must differ")
            columns[name] = array
        elif array.ndim == 1 and name in MATRICES:
            raise InputError(
                f"{path}: array {name!r} has {len(array)} values for {n} pictures; expected as many"
            )
        elif array.ndim == 2 and name in MATRICES:
            raise InputError(
                f"{path}: array {name!r} has {len(array)} rows for {n} pictures; expected as many"
            )
        elif name not in used:
            skipped.append(f"{name!r} {array.shape}")
    notes = [f"arrays that are no factors were not read: {', '.join(skipped[:6])}"]
    return from_mapping(columns, Options()), notes if skipped else []


def _labels(
    path: Path, name: str, array: NDArray[Any], names: NDArray[Any] | None
) -> Sequence[str]:
    """Names of the columns of a matrix of factors."""
    if names is None:
        return [f"{name}_{i + 1}" for i in range(array.shape[1])]
    if names.shape != (array.shape[1],):
        raise InputError(
            f"{path}: {names.size} names for the {array.shape[1]} columns of {name!r}; expected "
            "as many"
        )
    return [str(x) for x in names]


def array_stack(source: Any, wanted: Pictures, where: str = "the array") -> Stack:
    """Pictures of an array (n, h, w), (n, c, h, w) or (n, h, w, c).

    Raises
    ------
    InputError
        For another shape, a shape that fits two layouts, and values outside their range.
    """
    array = np.asarray(source)
    if array.dtype.kind not in "uifb":
        raise InputError(f"{where} holds {array.dtype} values; expected numbers from 0 to 255 or 1")
    layout, notes = _layout(array, wanted, where)
    whole, more = _range(array, where)
    depth = {"nhw": 1, "nchw": array.shape[1], "nhwc": array.shape[-1]}[layout]
    if depth == 4:
        notes.append("pictures have an alpha channel: composed on white")
    channels = wanted.channels or (3 if depth == 4 else depth)
    h, w = {"nhw": array.shape[1:], "nchw": array.shape[2:], "nhwc": array.shape[1:3]}[layout]
    size = wanted.size or (int(h), int(w))
    if size != (h, w):
        notes.append(
            f"pictures resampled to {size[1]} x {size[0]} pixels (from {w} x {h}): each pixel the "
            "mean of the area it covers"
        )
    shape = (channels, *size)
    fetch = partial(_values, frozen(array), layout, whole, shape)
    origin = Origin("pictures", decisions=(*notes, *more))
    return Stack((), len(array), shape, fetch, origin, [])


def _layout(array: NDArray[Any], wanted: Pictures, where: str) -> tuple[str, list[str]]:
    """Which axis is what: "nhw", "nchw" or "nhwc"."""
    shape, asked = array.shape, wanted.layout
    fits = {
        "nhw": array.ndim == 3,
        "nchw": array.ndim == 4 and shape[1] in _DEPTHS,
        "nhwc": array.ndim == 4 and shape[-1] in _DEPTHS,
    }
    open_to = [name for name, fit in fits.items() if fit]
    if asked is not None and not fits[asked]:
        raise InputError(f"{where} of shape {shape} cannot have layout={asked!r}")
    if not open_to:
        raise InputError(
            f"{where} has shape {shape}; expected pictures (n, h, w), (n, c, h, w) or (n, h, w, c) "
            "with 1, 3 or 4 channels. Reshape it, or save it as 'images' in that shape"
        )
    if asked is None and len(open_to) > 1:
        raise InputError(
            f"{where} of shape {shape} may be (n, c, h, w) or (n, h, w, c); say which: "
            "rung.io.Pictures(source, layout='nchw') or layout='nhwc'"
        )
    layout = asked or open_to[0]
    h, w = shape[2:] if layout == "nchw" else shape[1:3]
    if min(h, w) < 4:
        raise InputError(
            f"{where} of shape {shape} would be {len(array)} pictures of {h} x {w} pixels; "
            "expected at least 4 x 4. One picture alone needs a first axis of length 1"
        )
    words = {"nhw": "(n, height, width)", "nchw": "(n, channels, height, width)",
             "nhwc": "(n, height, width, channels)"}  # fmt: skip
    return layout, [f"shape {shape} read as {words[layout]}"]


def _range(array: NDArray[Any], where: str) -> tuple[float, list[str]]:
    """What the values are divided by to lie in [0, 1], and the decision.

    Raises
    ------
    InputError
        For values outside 0 to 255 (whole numbers; 65535 for 16 bits) or 0 to 1, and for NaN.
    """
    if not array.size:
        raise InputError(f"{where} is empty: shape {array.shape}")
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind == "b":
        return 1.0, []
    if array.dtype.kind == "f":
        if not np.isfinite([low, high]).all():
            at = np.argwhere(~np.isfinite(array))[0]
            raise InputError(
                f"{where}: picture {at[0]} (counted from 0) holds NaN or infinite values"
            )
        if low < 0 or high > 1:
            hint = "divide by 255" if low >= 0 and high <= 255 else "scale them to 0..1"
            raise InputError(
                f"{where} holds decimal numbers from {low:g} to {high:g}; expected 0 to 1: {hint}"
            )
        return 1.0, []
    if low < 0 or high > 65535 or (high > 255 and array.dtype.itemsize > 2):
        raise InputError(f"{where} holds whole numbers from {low:g} to {high:g}; expected 0 to 255")
    if high > 255:
        return 65535.0, [f"whole numbers up to {high:g}: 16 bits, divided by 65535"]
    if high <= 1:
        return 1.0, ["whole numbers 0 and 1: read as black and white"]
    return 255.0, ["whole numbers 0 to 255 divided by 255"]


def _values(array: NDArray[Any], layout: str, whole: float, shape: tuple[int, int, int]) -> Images:
    """All pictures (n, *shape), float32 in [0, 1]."""
    out = np.empty((len(array), *shape), dtype=np.float32)
    for start in range(0, len(array), _PART):
        part = array[start : start + _PART].astype(np.float32) / np.float32(whole)
        if layout == "nhw":
            part = part[:, None]
        elif layout == "nhwc":
            part = np.moveaxis(part, -1, 1)
        out[start : start + _PART] = resample(_depth(part, shape[0]), shape[1:])
    return out


def _depth(part: Images, channels: int) -> Images:
    """Pictures (n, 1, 3 or 4, h, w) with that many channels; transparent parts are white."""
    if part.shape[1] == 4:
        part = part[:, :3] * part[:, 3:] + (1 - part[:, 3:])
    if part.shape[1] == channels:
        return part
    if channels == 3:
        return np.repeat(part, 3, axis=1)
    return np.einsum("c,nchw->nhw", LUMINANCE, part)[:, None]
