"""PNG files without a picture library, and sheets of many small pictures."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(array: NDArray[Any]) -> bytes:
    """The PNG file of a picture, 8 bits a channel.

    Parameters
    ----------
    array : (height, width), (1, height, width) or (3, height, width)
        Grey, or red, green and blue; numbers in [0, 1] (cut to it), or uint8 as they are.

    Raises
    ------
    InputError
        For another shape, an empty picture, or numbers that are not finite.

    Source: Portable Network Graphics specification, third edition, W3C 2025.
    """
    picture = np.asarray(array)
    if picture.ndim == 2:
        picture = picture[None]
    if picture.ndim != 3 or picture.shape[0] not in (1, 3) or not picture.size:
        raise InputError(
            f"png: a picture has shape (height, width) or (1 or 3, height, width), not "
            f"{np.shape(array)}"
        )
    rows = np.ascontiguousarray(_bytes(picture).transpose(1, 2, 0))
    height, width, channels = rows.shape
    flat = np.zeros((height, 1 + width * channels), dtype=np.uint8)  # filter 0 before each row
    flat[:, 1:] = rows.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    packed = zlib.compress(flat.tobytes(), 9)
    chunks = _chunk(b"IHDR", header), _chunk(b"IDAT", packed), _chunk(b"IEND", b"")
    return SIGNATURE + b"".join(chunks)


def _bytes(picture: NDArray[Any]) -> NDArray[np.uint8]:
    if picture.dtype == np.uint8:
        return picture
    numbers = np.asarray(picture, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise InputError("png: the picture has numbers that are not finite")
    return np.rint(np.clip(numbers, 0.0, 1.0) * 255).astype(np.uint8)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def sheet(
    images: NDArray[Any], columns: int, *, gap: int = 2, zoom: int = 1
) -> NDArray[np.float32]:
    """One picture (channels, height, width) of many, row by row, on white.

    Parameters
    ----------
    images : (n, channels, height, width), numbers in [0, 1]
    columns : pictures a row
    gap : pixels between pictures
    zoom : pixels for one pixel
    """
    images = np.asarray(images, dtype=np.float32)
    if images.ndim != 4 or not len(images) or min(columns, zoom) < 1 or gap < 0:
        raise InputError(
            f"sheet: expected (n, channels, height, width) pictures, columns and zoom of at "
            f"least 1 and a gap of at least 0; got shape {images.shape}, columns={columns}, "
            f"zoom={zoom}, gap={gap}"
        )
    images = images.repeat(zoom, axis=2).repeat(zoom, axis=3)
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    out = np.ones(
        (channels, rows * (height + gap) - gap, min(columns, n) * (width + gap) - gap),
        dtype=np.float32,
    )
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        out[:, top : top + height, left : left + width] = image
    return out
