"""MCC and R2 up to permutation: codes matched to factors one to one; R2 up to a linear map."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ...inference.resampling import folds
from .arrays import Floats, Score, pair

SHORT = "{} of the {} factors have no code of their own and count as 0"


def mcc(codes: ArrayLike, factors: ArrayLike, *, ranks: bool = False) -> Score:
    """Mean absolute correlation of factors with the codes matched to them.

    The matching is one to one and the best there is (Hungarian method). As in Hyvärinen and
    Morioka (2016) and Khemakhem et al. (2020). With fewer codes than factors, a factor without a
    code counts as 0.

    Parameters
    ----------
    codes : (n, k)
    factors : (n, m)
        Numbers; a binary factor may be 0 and 1.
    ranks : bool
        Correlations of ranks (Spearman), invariant to monotone maps of each code, instead of
        Pearson's, invariant to affine ones.
    """
    table = _correlations(codes, factors, ranks)
    matched, notes = _matched(table)
    return Score(
        name="MCC, Spearman" if ranks else "MCC, Pearson",
        value=float(matched.mean()),
        parts=matched,
        per="factor",
        table=table,
        meaning="absolute correlation of " + ("ranks" if ranks else "values"),
        notes=notes,
        cites=("hyvarinen2016", "khemakhem2020"),
    )


def r2_up_to_permutation(codes: ArrayLike, factors: ArrayLike) -> Score:
    """Share of each factor's variance that a line on its own matched code explains.

    The matching maximises the mean. 1: codes are the factors up to order, sign, scale and shift.

    Parameters
    ----------
    codes : (n, k)
    factors : (n, m)
    """
    table = _correlations(codes, factors, False) ** 2
    matched, notes = _matched(table)
    return Score(
        name="R2 up to permutation",
        value=float(matched.mean()),
        parts=matched,
        per="factor",
        table=table,
        meaning="squared correlation",
        notes=notes,
        cites=("khemakhem2020",),
    )


def r2_up_to_linear(codes: ArrayLike, factors: ArrayLike, *, k: int = 5, seed: int = 0) -> Score:
    """Share of each factor's variance that a linear map of all codes predicts, held out.

    1: the factors are a linear map of the codes. Below 0: worse than the mean.

    Parameters
    ----------
    codes : (n, k)
    factors : (n, m)
    k : int
        Number of folds; each is predicted by least squares on the others.
    seed : int
        Of the folds.
    """
    p = pair(codes, factors, rows=k)
    fold = folds(np.random.default_rng(seed), p.n, k)
    z = np.column_stack([np.ones(p.n), standard(p.codes)])
    predicted = np.empty_like(p.factors)
    mean = np.empty_like(p.factors)
    for f in range(k):
        own, others = fold == f, fold != f
        predicted[own] = z[own] @ np.linalg.lstsq(z[others], p.factors[others], rcond=None)[0]
        mean[own] = p.factors[others].mean(axis=0)
    left = ((p.factors - predicted) ** 2).sum(axis=0)
    parts = 1 - left / ((p.factors - mean) ** 2).sum(axis=0)
    weights = np.linalg.lstsq(z, standard(p.factors), rcond=None)[0]
    return Score(
        name="R2 up to a linear map",
        value=float(parts.mean()),
        parts=parts,
        per="factor",
        table=np.asarray(weights[1:], dtype=np.float64),
        meaning="least-squares weight of each code in sd units, all rows",
        cites=("khemakhem2020",),
    )


def standard(columns: Floats) -> Floats:
    """Columns with mean 0 and sd 1; constant ones are 0."""
    centred = columns - columns.mean(axis=0)
    sd = centred.std(axis=0)
    still = columns.min(axis=0) == columns.max(axis=0)
    return np.where(still, 0.0, centred / np.where(still, 1.0, sd))


def _correlations(codes: ArrayLike, factors: ArrayLike, ranks: bool) -> Floats:
    p = pair(codes, factors)
    z, s = p.codes, p.factors
    if ranks:
        from scipy.stats import rankdata

        z, s = rankdata(z, axis=0), rankdata(s, axis=0)
    z, s = standard(z), standard(s)
    return np.clip(np.abs(z.T @ s) / p.n, 0.0, 1.0)


def _matched(table: Floats) -> tuple[Floats, tuple[str, ...]]:
    from scipy.optimize import linear_sum_assignment

    k, m = table.shape
    rows, columns = linear_sum_assignment(table, maximize=True)
    out = np.zeros(m)
    out[columns] = table[rows, columns]
    return out, (SHORT.format(m - k, m),) if k < m else ()
