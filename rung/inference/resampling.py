"""Rows drawn again, rows left out, folds: by unit, by stratum, in blocks of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import InputError

Ints = NDArray[np.intp]


def resample_rows(
    rng: np.random.Generator,
    n: int,
    unit: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    block: int | None = None,
) -> Ints:
    """Row numbers of one bootstrap draw, with replacement.

    Parameters
    ----------
    n : int
        Number of rows.
    unit : (n,), optional
        Whole units are drawn, each with all its rows, so that the result may be a little longer
        or shorter than n (Davison and Hinkley 1997, section 3.8).
    strata : (n,), optional
        Every stratum keeps its number of rows (of units, if there are units). A unit that lies
        in several strata is drawn among those that lie in the same ones.
    block : int, optional
        Circular blocks of that many consecutive rows are drawn, for rows in order of time
        (Politis and Romano 1992). Not together with `unit`.

    Returns
    -------
    (m,) intp, with m = n unless units differ in size.
    """
    labels, groups, of = _draw_from(n, unit, strata)
    if block is not None:
        if unit is not None:
            raise InputError("resample either units or blocks of rows, not both")
        if block < 1:
            raise InputError(f"block={block}: expected the length of a block, 1 or more rows")
        return np.concatenate([_blocks(rng, rows, block) for rows in groups] or [_none()])
    drawn = [rows[rng.integers(len(rows), size=len(rows))] for rows in groups]
    picked = np.concatenate(drawn or [_none()])
    return picked if labels is None else _expand(picked, of)


def subsample_rows(
    rng: np.random.Generator,
    n: int,
    share: float = 0.5,
    unit: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> Ints:
    """Sorted numbers of a share of the rows, without replacement; whole units, within strata.

    At least one row (or unit) of every stratum is kept (Politis, Romano and Wolf 1999).
    """
    if not 0 < share <= 1:
        raise InputError(f"share={share}: expected a share of the rows between 0 and 1")
    labels, groups, of = _draw_from(n, unit, strata)
    drawn = [
        rng.choice(rows, size=max(1, round(share * len(rows))), replace=False) for rows in groups
    ]
    picked = np.concatenate(drawn or [_none()])
    return np.sort(picked if labels is None else _expand(picked, of))


def folds(
    rng: np.random.Generator,
    n: int,
    k: int,
    unit: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> Ints:
    """Fold number (n,), 0 to k - 1, of every row.

    Folds differ in size by at most one row, within every stratum too. With `unit` a unit lies
    in one fold: units are dealt out at random, the largest first, to the fold that is smallest
    so far; their stratum is the commonest among their rows.

    Raises
    ------
    InputError
        If there are fewer rows, or units, than folds.
    """
    if k < 2:
        raise InputError(f"k={k}: expected 2 folds or more")
    code = None if strata is None else _codes(strata, n, "strata")
    if unit is None:
        if n < k:
            raise InputError(f"{n} rows cannot make {k} folds; ask for at most {n}")
        return _deal(rng, np.zeros(n, dtype=np.intp) if code is None else code, k)
    label = _codes(unit, n, "unit")
    size = np.bincount(label)
    if len(size) < k:
        raise InputError(f"{len(size)} units cannot make {k} folds; ask for at most {len(size)}")
    home = np.zeros(len(size), dtype=np.intp)
    if code is not None:
        table = np.zeros((len(size), int(code.max()) + 1))
        np.add.at(table, (label, code), 1)
        home = table.argmax(axis=1)
    return _deal_units(rng, size, home, k)[label]


def _none() -> Ints:
    return np.empty(0, dtype=np.intp)


def _codes(labels: ArrayLike, n: int, what: str) -> Ints:
    array = np.asarray(labels)
    if array.shape != (n,):
        raise InputError(f"{what} has shape {array.shape}; expected one label a row, ({n},)")
    return np.unique(array, return_inverse=True)[1].astype(np.intp).ravel()


def _draw_from(
    n: int, unit: ArrayLike | None, strata: ArrayLike | None
) -> tuple[Ints | None, list[Ints], list[Ints]]:
    """Unit of each row; the rows (or units) of each stratum; the rows of each unit."""
    code = np.zeros(n, dtype=np.intp) if strata is None else _codes(strata, n, "strata")
    if unit is None:
        return None, _split(code), []
    label = _codes(unit, n, "unit")
    of = _split(label)
    if strata is None:
        return label, [np.arange(len(of))], of
    patterns: dict[tuple[int, ...], int] = {}
    where = [tuple(np.unique(code[rows]).tolist()) for rows in of]
    for pattern in sorted(set(where)):
        patterns[pattern] = len(patterns)
    return label, _split(np.array([patterns[p] for p in where], dtype=np.intp)), of


def _split(code: Ints) -> list[Ints]:
    if not len(code):
        return []
    order = np.argsort(code, kind="stable")
    return list(np.split(order, np.cumsum(np.bincount(code))[:-1]))


def _expand(units: Ints, of: list[Ints]) -> Ints:
    return np.concatenate([of[u] for u in units.tolist()] or [_none()])


def _blocks(rng: np.random.Generator, rows: Ints, length: int) -> Ints:
    m = len(rows)
    length = min(length, m)
    starts = rng.integers(m, size=-(-m // length))
    at = (starts[:, None] + np.arange(length)) % m
    return rows[at.ravel()[:m]]


def _deal(rng: np.random.Generator, stratum: Ints, k: int) -> Ints:
    """Deal rows out like cards, stratum after stratum, without starting anew."""
    shuffled = rng.permutation(len(stratum))
    order = shuffled[np.argsort(stratum[shuffled], kind="stable")]
    out = np.empty(len(stratum), dtype=np.intp)
    out[order] = np.arange(len(stratum)) % k
    return out


def _deal_units(rng: np.random.Generator, size: Ints, home: Ints, k: int) -> Ints:
    shuffled = rng.permutation(len(size))
    order = shuffled[np.argsort(-size[shuffled], kind="stable")]
    total = np.zeros(k)
    inside = np.zeros((int(home.max(initial=0)) + 1, k))
    out = np.empty(len(size), dtype=np.intp)
    for u in order.tolist():
        fold = int(np.lexsort((total, inside[home[u]]))[0])
        out[u] = fold
        total[fold] += size[u]
        inside[home[u], fold] += size[u]
    return out


__all__ = ["folds", "resample_rows", "subsample_rows"]
