"""Shapley values of a game over players: from all sets, or from permutations of the players.

The value of a player is its mean marginal contribution over all orders in which the players join
(Shapley 1953). Sets are rows of a boolean matrix (sets, players).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
EXACT = 12  # players up to which all sets are looked at


@dataclass(frozen=True, eq=False)
class AllSets:
    """Every set of k players; the values follow without sampling."""

    k: int

    @cached_property
    def sets(self) -> Bools:
        """(2^k, k); set number m holds the players whose bits are in m."""
        return ((np.arange(2**self.k)[:, None] >> np.arange(self.k)) & 1).astype(np.bool_)

    @cached_property
    def _share(self) -> Floats:
        """Share of the orders in which exactly a given set of that size comes before a player."""
        k = self.k
        return np.array([factorial(s) * factorial(k - s - 1) / factorial(k) for s in range(k)])

    def values(self, worth: Floats) -> Floats:
        """Shapley values (k, ...) of the worth (2^k, ...) of each set."""
        size, number = self.sets.sum(axis=1), np.arange(2**self.k)
        out = np.empty((self.k, *worth.shape[1:]))
        for i in range(self.k):
            without = number[~self.sets[:, i]]
            gain = worth[without | (1 << i)] - worth[without]
            out[i] = np.tensordot(self._share[size[without]], gain, axes=1)
        return out

    def error(self, worth: Floats) -> Floats:
        """Standard errors of sampling orders: none."""
        return np.zeros((self.k, *worth.shape[1:]))


@dataclass(frozen=True, eq=False)
class Orders:
    """Random orders in pairs, each with its reverse (Mitchell et al. 2022, antithetic sampling).

    Parameters
    ----------
    orders : (pairs, k) int
        One of each pair.
    """

    orders: Ints

    @classmethod
    def drawn(cls, k: int, pairs: int, rng: np.random.Generator) -> Orders:
        """`pairs` random orders of k players."""
        return cls(np.array([rng.permutation(k) for _ in range(pairs)]))

    @cached_property
    def _both(self) -> Ints:
        return np.concatenate([self.orders, self.orders[:, ::-1]])

    @cached_property
    def _found(self) -> tuple[Bools, Ints]:
        """The distinct sets, and for each order the number of its set after each step."""
        both = self._both
        many, k = both.shape
        place = np.empty_like(both)
        place[np.arange(many)[:, None], both] = np.arange(k)
        prefixes = place[:, None, :] < np.arange(k + 1)[None, :, None]
        flat = prefixes.reshape(-1, k)
        packed = np.packbits(flat, axis=1)
        _, first, number = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        return flat[first], np.ravel(number).reshape(many, k + 1)

    @property
    def sets(self) -> Bools:
        """The distinct sets (m, k) that the orders pass through."""
        return self._found[0]

    def by_pair(self, worth: Floats) -> Floats:
        """Marginal contributions (pairs, k, ...), the two orders of a pair averaged."""
        number, both = self._found[1], self._both
        gain = worth[number[:, 1:]] - worth[number[:, :-1]]
        out = np.empty_like(gain)
        out[np.arange(len(both))[:, None], both] = gain
        half = len(self.orders)
        return (out[:half] + out[half:]) / 2

    def values(self, worth: Floats) -> Floats:
        """Estimates (k, ...) from the worth (m, ...) of each set."""
        return np.asarray(self.by_pair(worth).mean(axis=0))

    def error(self, worth: Floats) -> Floats:
        """Standard errors (k, ...) of sampling orders."""
        return error_of(self.by_pair(worth))


def error_of(by_pair: Floats) -> Floats:
    """Standard errors (k, ...) of the mean of contributions (pairs, k, ...)."""
    if len(by_pair) < 2:
        return np.full(by_pair.shape[1:], np.nan)
    return np.asarray(by_pair.std(axis=0, ddof=1) / np.sqrt(len(by_pair)))


Game = AllSets | Orders


def game(k: int, pairs: int, rng: np.random.Generator, exact: int = EXACT) -> Game:
    """All sets of up to `exact` players, else sampled orders."""
    return AllSets(k) if k <= exact else Orders.drawn(k, pairs, rng)
