"""FactorVAE score: which code varies least among pictures that share the value of a factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError
from .arrays import Floats, Score, pair

QUIET = 0.05  # codes with less than this share of the largest sd are dead


def factor_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    votes: int = 800,
    batch: int = 64,
    seed: int = 0,
) -> Score:
    """Accuracy of naming the factor that a batch shares (Kim and Mnih 2018, section 4).

    A vote: draw a factor and one of its values, draw `batch` rows of that value, and take the code
    whose variance, over its variance in all rows, is least. Each code stands for the factor that
    it got most of the first half of the votes for; the score is the share of the second half that
    is then right. Chance is about 1 / m. Dead codes do not vote.

    Parameters
    ----------
    codes : (n, k)
        Numbers.
    factors : (n, m)
        Levels; values with one row are not drawn.
    votes, batch : int
    seed : int

    Raises
    ------
    InputError
        A factor has no value that two rows share: bin it first.
    """
    if votes < 2 or batch < 2:
        raise InputError(f"votes={votes}, batch={batch}: expected at least 2 of each")
    p = pair(codes, factors, discrete_factors=True)
    sd = p.codes.std(axis=0)
    active = np.flatnonzero((sd > QUIET * sd.max()) & (sd > 0))
    table = np.zeros((p.k, p.m))
    if not len(active):
        return _score(0.0, np.zeros(p.m), table, ("every code is constant: the score is 0",))
    scaled = p.codes[:, active] / sd[active]
    shared = [_shared(s, i) for i, s in enumerate(p.factors.T)]
    rng = np.random.default_rng(seed)
    drawn = rng.integers(p.m, size=votes)
    winners = np.empty(votes, dtype=np.intp)
    for v, factor in enumerate(drawn):
        rows = shared[factor][rng.integers(len(shared[factor]))]
        winners[v] = active[scaled[rng.choice(rows, size=batch)].var(axis=0).argmin()]
    half = votes // 2
    np.add.at(table, (winners[:half], drawn[:half]), 1)
    right = table.argmax(axis=1)[winners[half:]] == drawn[half:]
    parts = np.array([right[drawn[half:] == i].mean() if (drawn[half:] == i).any() else 0.0
                      for i in range(p.m)])  # fmt: skip
    return _score(float(right.mean()), parts, table, ())


def _shared(column: Floats, i: int) -> list[NDArray[np.intp]]:
    """The rows of each value that two or more rows have."""
    rows = [np.flatnonzero(column == value) for value in np.unique(column)]
    rows = [r for r in rows if len(r) > 1]
    if not rows:
        raise InputError(f"factor {i}: no two rows share a value; pass levels, or bin it first")
    return rows


def _score(value: float, parts: Floats, table: Floats, notes: tuple[str, ...]) -> Score:
    return Score(
        name="FactorVAE score",
        value=value,
        parts=parts,
        per="factor",
        table=table,
        meaning="votes of each code for each factor, first half",
        notes=notes,
        cites=("kim2018",),
    )
