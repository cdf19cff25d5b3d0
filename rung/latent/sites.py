"""Where a factor lives in a code, and the same place seen through the picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.site import Site
from ..core.variable import Variable
from .codec import Codec, Codes, Images
from .pictures import Coding

Floats = NDArray[np.float64]


class Place(Site, ABC):
    """A site in a code: reads a factor's internal values (n,) off codes (n, size), writes them."""

    variable: Variable

    @abstractmethod
    def read(self, values: Codes) -> Floats:
        """Internal values (n,) of the factor."""

    @abstractmethod
    def write(self, values: Codes, value: Any) -> Codes:
        """New codes with the factor set to internal values (n,); the rest stays."""


@dataclass(frozen=True, eq=False)
class Block(Place):
    """Numbers `start` to `start + coding.size` of the code hold the factor."""

    coding: Coding
    start: int

    @property
    def variable(self) -> Variable:  # type: ignore[override]
        return self.coding.variable

    def read(self, values: Codes) -> Floats:
        return self.coding.decode(values[:, self.start : self.start + self.coding.size])

    def write(self, values: Codes, value: Any) -> Codes:
        out = np.array(values)
        value = np.asarray(value, dtype=np.float64)
        new = self.coding.encode(value)
        same = self.read(values) == value  # a reading written back leaves the code as it is
        where = slice(self.start, self.start + self.coding.size)
        out[:, where] = np.where(same[:, None], out[:, where], new)
        return out


@dataclass(frozen=True, eq=False)
class Picture(Site):
    """A factor of pictures: read by the encoder, written by the decoder.

    The lens laws hold as far as encoder and decoder are each other's inverse; `rung.latent`
    measures how far.
    """

    codec: Codec
    place: Place

    def read(self, values: Images) -> Floats:
        return self.place.read(self.codec.encode(values))

    def write(self, values: Images, value: Any) -> Images:
        codes = self.codec.encode(values)
        rest = self.codec.remainder(values, codes)
        value = np.broadcast_to(np.asarray(value, dtype=np.float64), (len(codes),))
        return self.codec.decode(self.place.write(codes, value), rest, codes)
