"""Numbers as integers, so that masked replies add up exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError

Floats = NDArray[np.float64]
BITS = 29  # of one word; SecAgg+ counts in steps of 1/2**29 between -1 and 1
UNIT = 2.0**-BITS


@dataclass(frozen=True)
class FixedPoint:
    """x in (-clip, clip) as `words` multiples of 2^-29 in [-1, 1], most significant first.

    x = clip (w_1 + w_2 2^-29 + ... + w_k 2^-29(k-1)) up to half of `step`; every w is a multiple
    of 2^-29, which the quantiser of SecAgg+ (range 2^30 over [-1, 1]) represents without rounding.
    So the sum over N sites differs from the true one by at most N step / 2.

    Parameters
    ----------
    clip : float
        A power of two; the same for every site and array, so that it says nothing about the data.
    words : int
    """

    clip: float = 2.0**60
    words: int = 4

    def __post_init__(self) -> None:
        mantissa, _ = np.frexp(self.clip)
        if not np.isfinite(self.clip) or mantissa != 0.5:
            raise InputError(f"clip={self.clip}: expected a power of two")
        if not 1 <= self.words <= 8:
            raise InputError(f"words={self.words}: expected 1 to 8")

    @property
    def step(self) -> float:
        """The quantisation step: clip range over 2^bits, 2 clip / 2^(29 words + 1)."""
        return float(self.clip * 2.0 ** (-BITS * self.words))

    def encode(self, x: Floats) -> list[Floats]:
        """The words of an array, one array of its shape each.

        Raises
        ------
        InputError
            If a number is not finite or lies outside (-clip, clip).
        """
        rest = np.asarray(x, dtype=np.float64) / self.clip
        if not np.isfinite(rest).all():
            raise InputError("a number of the reply is not finite")
        if (np.abs(rest) >= 1.0).any():
            raise InputError(
                "a number of the reply lies outside the public range of the secure sum; raise "
                "clip (and words, to keep the step) at the coordinator"
            )
        out = []
        for _ in range(self.words):
            word = np.round(rest / UNIT) * UNIT
            out.append(word)
            rest = (rest - word) / UNIT
        return out

    def decode(self, sums: list[Floats]) -> Floats:
        """The number whose words add up to `sums`."""
        total = np.zeros_like(np.asarray(sums[0], dtype=np.float64))
        for word in reversed(sums):
            total = total * UNIT + np.round(np.asarray(word) / UNIT) * UNIT
        return np.asarray(total * self.clip)
