"""A folder of picture files: looked at before anything is decoded, errors name the file."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Origin
from ..core.errors import FileProblem, InputError, MissingExtra
from .options import Pictures
from .picture_labels import SUFFIXES
from .pictures import Stack
from .resample import resample
from .text import natural_key

Images = NDArray[np.float32]
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N")
LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class _Header:
    """What the head of a picture file says."""

    name: str
    size: tuple[int, int]  # width, height
    mode: str
    channels: int
    alpha: bool
    frames: int
    turned: bool


def folder(path: Path, wanted: Pictures) -> Stack:
    """The pictures of a folder, in natural order of their names.

    Raises
    ------
    FileProblem
        For a folder that cannot be listed or holds no picture, and for a file that is no whole
        picture.
    InputError
        For pictures of differing sizes or channels.
    MissingExtra
        Without Pillow.
    """
    files, notes = _listed(path)
    image = _pillow()
    hashed = hashlib.sha256()
    heads = [_look(image, path / name, hashed) for name in files]
    size = _one_size(path, heads, wanted)
    channels = _one_depth(path, heads, wanted)
    notes += _told(heads, size, channels, wanted)
    origin = Origin(path.resolve().name, str(path), hashed.hexdigest(), decisions=tuple(notes))
    shape = (channels, *size)
    fetch = partial(_decoded, path, tuple(heads), shape)
    return Stack(tuple(files), len(files), shape, fetch, origin, [])


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra(
            "reading picture files needs the package pillow (pip install 'rung[images]'); or save "
            "the pictures as one array: numpy.savez('pictures.npz', images=...)"
        ) from error
    return Image


def _listed(path: Path) -> tuple[list[str], list[str]]:
    """Names of the picture files, in natural order, and what was passed over."""
    try:
        entries = sorted(os.scandir(path), key=lambda e: e.name)
    except PermissionError:
        raise FileProblem(
            f"{path} cannot be listed: permission denied; change its permissions"
        ) from None
    shown = [e for e in entries if not e.name.startswith(".")]
    files = [e.name for e in shown if e.is_file() and e.name.lower().endswith(SUFFIXES)]
    folders = [e.name for e in shown if e.is_dir()]
    others = [e.name for e in shown if e.is_file() and e.name not in set(files)]
    if not files:
        raise FileProblem(_no_picture(path, folders, others))
    notes = [f"{len(files)} picture files of the folder {str(path)!r}"]
    if folders:
        notes.append(f"subfolders were not read: {', '.join(map(repr, folders[:5]))}")
    if others:
        notes.append(
            f"files that are no pictures were not read: {', '.join(map(repr, others[:5]))}"
        )
    hidden = len(entries) - len(shown)
    table = next((name for name in others if name.lower().endswith((".csv", ".tsv"))), None)
    if table:
        notes.append(f"{table!r} may hold their factors: factors={str(path / table)!r} reads it")
    if hidden:
        notes.append(f"{hidden} hidden files were not read")
    return sorted(files, key=lambda name: (natural_key(name), name)), notes


def _no_picture(path: Path, folders: Sequence[str], others: Sequence[str]) -> str:
    if folders:
        inside = ", ".join(map(repr, folders[:5])) + (" ..." if len(folders) > 5 else "")
        return (
            f"{path} is a folder of folders ({inside}) and holds no picture itself; name one of "
            "them, or put all pictures into one folder, with the subfolder as a label"
        )
    such = f", such as {others[0]!r}" if others else ""
    return (
        f"{path} is a directory; name a file{such}. For pictures: it holds none (looked for "
        f"{' '.join(SUFFIXES[:4])} ...)"
    )


def _look(image: ModuleType, path: Path, hashed: Any) -> _Header:
    """Header of a file whose parts are whole as far as can be seen without decoding it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileProblem(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}; change its "
            "permissions, or take it out of the folder"
        ) from error
    hashed.update(path.name.encode("utf-8", "replace") + b"\0" + content)
    if not content:
        raise FileProblem(f"{path} is empty (0 bytes); take it out of the folder or replace it")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with image.open(io.BytesIO(content)) as picture:
                head = _header(path.name, picture)
                picture.verify()
        except Exception as error:  # Pillow has a dozen errors for a damaged file
            raise _broken(path, error) from error
    if content[:3] == b"\xff\xd8\xff" and b"\xff\xd9" not in content[len(content) // 2 :]:
        raise _broken(path, ValueError("the end of the JPEG data is not there"))
    return head


def _header(name: str, picture: Any) -> _Header:
    mode = picture.mode
    alpha = mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in picture.info
    turned = picture.format == "JPEG" and picture.getexif().get(274, 1) != 1
    channels = 1 if mode in _GREY else 3
    frames = int(getattr(picture, "n_frames", 1))
    return _Header(name, picture.size, mode, channels, alpha, frames, turned)


def _broken(path: Path, error: Exception) -> FileProblem:
    text = (str(error).splitlines() or [""])[0] or type(error).__name__
    said = "its format is not known" if "cannot identify" in text else text.rstrip(".")
    return FileProblem(
        f"{path} cannot be read as a picture: {said}. The file is truncated, damaged or no "
        "picture: replace it, or take it out of the folder (with its label)"
    )


def _one_size(path: Path, heads: Sequence[_Header], wanted: Pictures) -> tuple[int, int]:
    """(height, width) of all pictures."""
    if wanted.size is not None:
        h, w = wanted.size
        return int(h), int(w)
    usual = Counter(h.size for h in heads).most_common(1)[0][0]
    odd = [h for h in heads if h.size != usual]
    if odd:
        first = next(h for h in heads if h.size == usual)
        more = f" ({len(odd)} of {len(heads)} pictures differ)" if len(odd) > 1 else ""
        raise InputError(
            f"pictures of {path} have differing sizes: {first.name!r} is {_pixels(usual)}, "
            f"{odd[0].name!r} is {_pixels(odd[0].size)}{more}. Bring all to one size: "
            f"rung.read(rung.io.Pictures({str(path)!r}, size=28), ...), on the command line "
            "--size 28"
        )
    return usual[1], usual[0]


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"


def _one_depth(path: Path, heads: Sequence[_Header], wanted: Pictures) -> int:
    """Channels of all pictures."""
    if wanted.channels is not None:
        return wanted.channels
    grey = [h for h in heads if h.channels == 1]
    if grey and len(grey) < len(heads):
        colour = next(h for h in heads if h.channels == 3)
        raise InputError(
            f"pictures of {path} have differing channels: {grey[0].name!r} is grey (1 channel), "
            f"{colour.name!r} has colours (3 channels). Choose: "
            f"rung.read(rung.io.Pictures({str(path)!r}, channels=3), ...), or channels=1 for grey"
        )
    return heads[0].channels


def _told(
    heads: Sequence[_Header], size: tuple[int, int], channels: int, wanted: Pictures
) -> list[str]:
    """Decisions about what the pictures lose or gain by being read."""
    counts = {
        "have an alpha channel: composed on white": sum(h.alpha for h in heads),
        "have 16 bits a pixel: divided by 65535": sum(h.mode in _DEEP for h in heads),
        "have several frames: only the first is read": sum(h.frames > 1 for h in heads),
        "say that they are turned (EXIF): read as stored, not turned": sum(h.turned for h in heads),
        "were grey, their channel repeated three times": sum(h.channels < channels for h in heads),
        "had colours, read as their luminance": sum(h.channels > channels for h in heads),
    }
    notes = [f"{k} of {len(heads)} pictures {what}" for what, k in counts.items() if k]
    other = Counter(h.size for h in heads if (h.size[1], h.size[0]) != size)
    if wanted.size is not None and other:
        old = ", ".join(_pixels(s) for s, _ in other.most_common(3))
        notes.append(
            f"{sum(other.values())} pictures resampled to {_pixels(size[::-1])} (from {old}"
            f"{' ...' if len(other) > 3 else ''}): each pixel the mean of the area it covers"
        )
        if any(s[0] * size[0] != s[1] * size[1] for s in other):
            notes.append("resampling changed the shape of pictures: height and width were scaled "
                         "differently")  # fmt: skip
    return notes


def _decoded(path: Path, heads: Sequence[_Header], shape: tuple[int, int, int]) -> Images:
    """All pictures (n, *shape), float32 in [0, 1]."""
    image = _pillow()
    out = np.empty((len(heads), *shape), dtype=np.float32)
    for i, head in enumerate(heads):
        where = path / head.name
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                with image.open(where) as picture:
                    pixels = _pixel_values(picture, head)
            except Exception as error:
                raise _broken(where, error) from error
        if pixels.shape[1:] != (head.size[1], head.size[0]):
            raise FileProblem(f"{where} changed while it was read; read the folder again")
        out[i] = resample(_channels(pixels, shape[0]), shape[1:])
    return out


def _pixel_values(picture: Any, head: _Header) -> Images:
    """(1 or 3, h, w), float32 in [0, 1]; transparent parts are white."""
    if head.mode in _DEEP or head.mode == "F":
        raw: Images = np.asarray(picture, dtype=np.float32)
        values = raw / np.float32(65535 if head.mode in _DEEP else 1)
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            expected = "0 to 65535" if head.mode in _DEEP else "0 to 1"
            raise ValueError(f"values from {raw.min():g} to {raw.max():g}, expected {expected}")
        return values[None]
    if head.alpha:
        rgba = _bytes(picture, "RGBA")
        return (rgba[:3] * rgba[3:] + (1 - rgba[3:]))[: head.channels]
    return _bytes(picture, "RGB")[: head.channels]


def _bytes(picture: Any, mode: str) -> Images:
    """(channels, h, w) of a picture of 8 bits a channel."""
    values: Images = np.asarray(picture.convert(mode), dtype=np.float32)
    return np.moveaxis(values / np.float32(255), -1, 0)


def _channels(pixels: Images, channels: int) -> Images:
    """Pixels (1 or 3, h, w) with that many channels."""
    if len(pixels) == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=0)
    return np.tensordot(LUMINANCE, pixels, axes=1)[None]
