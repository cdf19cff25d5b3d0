"""Codec: what turns pictures into codes and codes into pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
Codes = NDArray[np.float32]
ROWS = 512  # pictures that go through a network together


class Codec(ABC):
    """A trained encoder and decoder; a frozen dataclass that holds its weights as arrays."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Numbers of a code."""

    @abstractmethod
    def encode(self, images: Images) -> Codes:
        """Codes (n, size) of pictures (n, c, h, w): the mean of the posterior."""

    def given(self, images: Images, codes: Codes) -> Codes:
        """Codes with the factors as they are in `codes`, and the rest as it is under them."""
        return codes

    @abstractmethod
    def decode(self, codes: Codes, rest: NDArray[Any] | None, change: Codes | None) -> Images:
        """Pictures (n, c, h, w) of codes and of what codes leave open.

        `change` is the codes before an intervention, for decoders whose `strength` scales the
        step from there; None if nothing was changed.
        """

    def prior(self, n: int, rng: np.random.Generator) -> Codes:
        """Codes (n, size) of new pictures: standard normal."""
        return rng.standard_normal((n, self.size)).astype(np.float32)

    def remainder(self, images: Images, codes: Codes) -> NDArray[Any] | None:
        """What the decoder needs beyond the codes to give the pictures back; None if nothing."""
        return None

    def chance(self, n: int, rng: np.random.Generator) -> NDArray[Any] | None:
        """The same for n new pictures."""
        return None


def parts(n: int, rows: int = ROWS) -> Iterator[slice]:
    """Slices that cover n rows."""
    for start in range(0, n, rows):
        yield slice(start, min(start + rows, n))
