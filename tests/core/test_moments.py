"""Moments and Counts: merge laws, and agreement with exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.core.data import Data
from rung.core.errors import InputError, NeedsRows
from rung.core.moments import Counts, Moments
from rung.core.variable import Kind, Variable

X, Y = Variable("x"), Variable("y")


def exact(rows: np.ndarray, weights: np.ndarray) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Mean and scatter in rational arithmetic."""
    w = [Fraction(float(v)) for v in weights]
    cells = [[Fraction(float(v)) for v in row] for row in rows]
    total, p = sum(w), rows.shape[1]
    mean = [sum(wi * r[j] for wi, r in zip(w, cells)) / total for j in range(p)]
    scatter = [
        [sum(wi * (r[j] - mean[j]) * (r[k] - mean[k]) for wi, r in zip(w, cells)) for k in range(p)]
        for j in range(p)
    ]
    return mean, scatter


@pytest.mark.parametrize("offset", [0.0, 1e6, -1e9])
def test_moments_equal_rational_results_far_from_zero(offset: float) -> None:
    rng = np.random.default_rng(0)
    rows = offset + rng.normal(size=(60, 2)) * [1.0, 1e-3]
    weights = rng.integers(1, 4, size=60).astype(float)
    mean, scatter = exact(rows, weights)
    whole = Moments.of(rows, (X, Y), weights=weights)
    parts = [Moments.of(rows[i::3], (X, Y), weights=weights[i::3]) for i in range(3)]
    for found in (whole, sum(parts)):
        for j in range(2):
            assert abs(Fraction(float(found.mean[j])) - mean[j]) <= 1e-15 * abs(mean[j]) + 1e-15
            # cells near 1e9 carry 1e-7 each: what is left after centring is exact to rounding
            assert abs(float(Fraction(float(found.scatter[j, j])) / scatter[j][j] - 1)) < 1e-9


@given(st.lists(st.integers(1, 25), min_size=2, max_size=6), st.integers(0, 10**6))
def test_merging_is_pooling_in_any_order(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=(n, 2)) * 10 + rng.normal() for n in sizes]
    pooled = Moments.of(np.vstack(parts), (X, Y))
    merged = sum(Moments.of(p, (X, Y)) for p in parts)
    backwards = sum(Moments.of(p, (X, Y)) for p in reversed(parts))
    for found in (merged, backwards):
        assert found.count == pooled.count
        np.testing.assert_allclose(found.mean, pooled.mean, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.scatter, pooled.scatter, rtol=1e-10, atol=1e-9)


def test_weights_are_frequencies() -> None:
    rng = np.random.default_rng(1)
    rows, repeats = rng.normal(size=(20, 2)), rng.integers(1, 5, size=20)
    weighted = Moments.of(rows, (X, Y), weights=repeats.astype(float))
    repeated = Moments.of(np.repeat(rows, repeats, axis=0), (X, Y))
    np.testing.assert_allclose(weighted.scatter, repeated.scatter, rtol=1e-12)
    assert weighted.weight == repeated.count


def test_moments_agree_with_numpy_and_select_reorders() -> None:
    rows = np.random.default_rng(2).normal(size=(50, 3))
    m = Data.from_matrix(rows, ["a", "b", "c"]).moments()
    np.testing.assert_allclose(m.covariance, np.cov(rows.T, bias=True), rtol=1e-12)
    np.testing.assert_allclose(m.select(["c", "a"]).correlation, np.corrcoef(rows[:, [2, 0]].T))


def test_moments_refuse_what_they_cannot_answer() -> None:
    m = Moments.of(np.eye(3)[:, :2], (X, Y))
    with pytest.raises(NeedsRows, match="G2 needs contingency tables"):
        m.table(["x"], asker="G2")
    with pytest.raises(InputError, match="finite"):
        Moments.of(np.array([[np.nan, 1.0]]), (X, Y))
    with pytest.raises(InputError, match="'y' is constant"):
        _ = Moments.of(np.array([[1.0, 2.0], [3.0, 2.0]]), (X, Y)).correlation
    with pytest.raises(InputError, match="do not add"):
        _ = m + Moments.of(np.eye(3)[:, :2], (Y, X))


A = Variable("a", Kind.CATEGORICAL, ("u", "v", "w"))
B = Variable("b", Kind.BINARY, (0, 1))


@given(st.integers(0, 10**6), st.integers(0, 60), st.integers(1, 60))
def test_counts_merge_and_marginalise(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = (np.column_stack([rng.integers(0, 3, k), rng.integers(0, 2, k)]) for k in (n, m))
    both = Counts.of(one, (A, B)) + Counts.of(two, (A, B))
    brute = np.zeros((3, 2))
    for a, b in np.vstack([one, two]):
        brute[a, b] += 1
    np.testing.assert_array_equal(both.dense(), brute)
    np.testing.assert_array_equal(both.select(["b"]).dense(), brute.sum(axis=0))
    np.testing.assert_array_equal(both.select(["b", "a"]).dense(), brute.T)
    np.testing.assert_array_equal(both.select([]).counts, [n + m])


def test_counts_of_very_many_cells_stay_sparse() -> None:
    wide = tuple(Variable(f"v{i}", Kind.CATEGORICAL, tuple(range(100))) for i in range(12))
    codes = np.random.default_rng(0).integers(0, 100, size=(50, 12))
    counts = Counts.of(codes, wide)
    assert len(counts.cells) == 50
    with pytest.raises(InputError, match="exceeds"):
        counts.dense()


def test_moments_leave_what_they_were_made_of_as_it_is():
    x = np.random.default_rng(0).normal(size=(50, 3)) + 5.0
    data, before = Data.from_matrix(x), x.copy()
    found = Moments.of(x, data.variables)
    assert np.array_equal(x, before)
    assert np.allclose(data.moments().scatter, found.scatter, rtol=1e-13)
    assert np.array_equal(data.matrix(data.names), before)
    spent = Moments.of(x, data.variables, spent=True)
    assert np.array_equal(spent.scatter, found.scatter)
    assert np.array_equal(spent.mean, found.mean)
