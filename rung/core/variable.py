"""Variable: the name, kind, levels, unit and shape of one column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError


class Kind(StrEnum):
    """What the values of a column are."""

    CONTINUOUS = "continuous"
    COUNT = "count"
    ORDINAL = "ordinal"
    BINARY = "binary"
    CATEGORICAL = "categorical"
    CONSTANT = "constant"
    IDENTIFIER = "identifier"

    @property
    def discrete(self) -> bool:
        """True if values are levels, held as codes 0, 1, ..."""
        return self in (Kind.ORDINAL, Kind.BINARY, Kind.CATEGORICAL)


@dataclass(frozen=True)
class Variable:
    """A column's description.

    Parameters
    ----------
    name : str
        Any non-empty text.
    kind : Kind
        Discrete kinds need `levels`.
    levels : tuple, optional
        The user's own values in code order (ordinal: in their order).
    unit : str, optional
        Unit of measurement, printed beside every number about the variable.
    shape : tuple of int
        Shape of one value; () for a scalar.
    """

    name: str
    kind: Kind = Kind.CONTINUOUS
    levels: tuple[Any, ...] | None = None
    unit: str | None = None
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"a variable's name must be non-empty text, not {self.name!r}")
        object.__setattr__(self, "kind", Kind(self.kind))
        if self.kind.discrete:
            if not self.levels:
                raise InputError(f"{self.kind} variable {self.name!r} needs its levels")
            plain = tuple(v.item() if isinstance(v, np.generic) else v for v in self.levels)
            if len(set(plain)) < len(plain):
                raise InputError(f"levels of {self.name!r} must differ, got {plain}")
            object.__setattr__(self, "levels", plain)
        if self.kind is Kind.BINARY and len(self.levels or ()) != 2:
            raise InputError(f"binary variable {self.name!r} needs 2 levels, not {self.levels}")

    @property
    def discrete(self) -> bool:
        """True if values are levels, held as codes 0, 1, ..."""
        return self.kind.discrete

    @property
    def size(self) -> int:
        """Number of levels; 0 if not discrete."""
        return len(self.levels or ())

    @cached_property
    def _codes(self) -> dict[Any, int]:
        levels = self.levels or ()
        return {**{str(v): i for i, v in enumerate(levels)}, **{v: i for i, v in enumerate(levels)}}

    @cached_property
    def numeric_levels(self) -> bool:
        """True if every level is a number, so that differences of levels mean something."""
        return bool(self.levels) and all(isinstance(v, int | float) for v in self.levels or ())

    def renamed(self, name: str) -> Variable:
        """The same variable under another name."""
        return replace(self, name=name)

    def encode(self, value: ArrayLike) -> NDArray[np.float64]:
        """Internal float64 values (codes for levels) of the user's own value or values.

        Raises
        ------
        InputError
            For a level that the variable does not have, or a value that is not a finite number.
        """
        if not self.discrete:
            return self._number(value)
        array = np.asarray(value)
        try:
            flat = [self._codes[v] for v in array.ravel().tolist()]
        except (KeyError, TypeError):
            bad = next(v for v in array.ravel().tolist() if v not in self._codes)
            shown = ", ".join(repr(v) for v in (self.levels or ())[:12])
            raise InputError(
                f"{bad!r} is not a level of {self.name!r}; its levels are {shown}"
            ) from None
        return np.asarray(flat, dtype=np.float64).reshape(array.shape)

    def _number(self, value: ArrayLike) -> NDArray[np.float64]:
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(f"{self.name!r} is {self.kind}: {value!r} is not a number") from None
        if not np.isfinite(array).all():
            raise InputError(f"{self.name!r} cannot be set to a value that is not finite")
        return array

    def decode(self, codes: NDArray[Any]) -> NDArray[Any]:
        """The user's own values of internal values; missing stays NaN (or None for text)."""
        if not self.discrete:
            return codes
        levels = np.asarray(self.levels)
        if levels.dtype.kind in "US":
            levels = np.asarray(self.levels, dtype=object)
        missing = np.isnan(codes)
        if not missing.any():
            return levels[codes.astype(np.intp)]
        if levels.dtype.kind in "iub":
            levels = levels.astype(np.float64)
        out = levels[np.where(missing, 0, codes).astype(np.intp)]
        out[missing] = np.nan if levels.dtype.kind == "f" else None
        return out
