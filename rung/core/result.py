"""What every result offers: a page of text, a table, a picture, a file, its citations.

`plot`, `save` and `cite` reach into `rung.report` and `rung.io`, which lie above core: this
module is the one place that does so, by name and only when called.
"""

from __future__ import annotations

import hashlib
import html
import importlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only copy of `array`, or `array` itself if it is read-only already."""
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def lock(array: NDArray[Any]) -> NDArray[Any]:
    """Make an array that nobody else holds read-only, without a copy."""
    array.flags.writeable = False
    return array


def same(a: object, b: object) -> bool:
    """Deep equality of frozen values that may hold arrays (NaN equals NaN)."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        x, y = np.asarray(a), np.asarray(b)
        floats = x.dtype.kind == "f" and y.dtype.kind == "f"
        return x.shape == y.shape and bool(np.array_equal(x, y, equal_nan=floats))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def digest(*parts: object) -> str:
    """SHA-256 of arrays and printable values, as hexadecimal text."""
    h = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            h.update(str(part.dtype).encode() + str(part.shape).encode())
            h.update(np.ascontiguousarray(part).tobytes())
        else:
            h.update(repr(part).encode())
        h.update(b"\0")
    return h.hexdigest()


def late(module: str, name: str) -> Any:
    """`module.name` of a layer above the caller's, imported when called."""
    return getattr(importlib.import_module(module), name)


class Result(ABC):
    """A frozen answer: repr, HTML, table, plot, file, citations."""

    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """The result as a pandas DataFrame."""

    @property
    def citations(self) -> tuple[str, ...]:
        """Keys of the works that the result rests on (see `rung.report.citations`)."""
        return tuple(getattr(self, "cites", ()))

    @final
    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    @final
    def plot(self) -> Any:
        """The result as an SVG picture: an object with `_repr_svg_` and `save(path)`."""
        return late("rung.report.plots", "plot")(self)

    @final
    def save(self, path: str | Path) -> Path:
        """Write to `path` (npz plus JSON in one file, never a pickle); read by `rung.load`."""
        return Path(late("rung.io.store", "save")(self, path))

    @final
    def cite(self) -> str:
        """BibTeX of the methods behind the result."""
        return str(late("rung.report.citations", "bibtex")(self.citations))
