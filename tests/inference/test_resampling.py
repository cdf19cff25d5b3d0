"""Resampling: units stay whole, strata keep their size, folds are balanced."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import InputError
from rung.inference.resampling import folds, resample_rows, subsample_rows


def test_bootstrap_multiplicities_are_multinomial() -> None:
    # the count of one row in a draw of n from n is Binomial(n, 1/n): mean 1, variance 1 - 1/n
    rng = np.random.default_rng(0)
    n, draws = 50, 4000
    counts = np.stack([np.bincount(resample_rows(rng, n), minlength=n) for _ in range(draws)])
    assert (counts.sum(axis=1) == n).all()
    assert abs(counts.var() - (1 - 1 / n)) < 0.02
    assert np.abs(counts.mean(axis=0) - 1).max() < 5 * np.sqrt(1 / draws)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 8), st.integers(1, 4))
def test_strata_keep_size_and_units_stay_whole(seed: int, n: int, units: int, strata: int) -> None:
    rng = np.random.default_rng(seed)
    s = rng.integers(strata, size=n)
    assert np.array_equal(np.sort(s[resample_rows(rng, n, strata=s)]), np.sort(s))
    u = rng.integers(units, size=n)
    size = np.bincount(u, minlength=units)
    for rows in (resample_rows(rng, n, unit=u), resample_rows(rng, n, unit=u, strata=s)):
        got = np.bincount(u[rows], minlength=units)
        assert (got[size > 0] % size[size > 0] == 0).all()
        assert (got[size > 0] // size[size > 0]).sum() == (size > 0).sum()
    kept = subsample_rows(rng, n, 0.5, unit=u)
    assert len(set(kept.tolist())) == len(kept)
    assert set(np.bincount(u[kept], minlength=units)[np.unique(u[kept])]) <= set(size)


def test_blocks_are_consecutive_and_circular() -> None:
    rng = np.random.default_rng(1)
    rows = resample_rows(rng, 20, block=5)
    assert len(rows) == 20
    steps = np.diff(rows.reshape(4, 5), axis=1) % 20
    assert (steps == 1).all()
    s = np.repeat([0, 1], [7, 13])
    assert np.array_equal(np.sort(s[resample_rows(rng, 20, strata=s, block=4)]), s)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 80), st.integers(2, 4), st.integers(1, 3))
def test_folds_are_balanced(seed: int, n: int, k: int, strata: int) -> None:
    rng = np.random.default_rng(seed)
    s = rng.integers(strata, size=n)
    label = folds(rng, n, k, strata=s)
    assert np.ptp(np.bincount(label, minlength=k)) <= 1
    for value in range(strata):
        assert np.ptp(np.bincount(label[s == value], minlength=k)) <= 1
    u = np.concatenate([np.arange(k), rng.integers(k + 3, size=n - k)])
    label = folds(rng, n, k, unit=u, strata=s)
    assert all(len(set(label[u == value].tolist())) == 1 for value in np.unique(u))
    assert set(label.tolist()) == set(range(k)) or strata > 1


def test_bad_requests_are_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="3 units cannot make 5 folds"):
        folds(rng, 6, 5, unit=[0, 0, 1, 1, 2, 2])
    with pytest.raises(InputError, match="one label a row"):
        resample_rows(rng, 3, unit=[0, 1])
    with pytest.raises(InputError, match="not both"):
        resample_rows(rng, 3, unit=[0, 1, 2], block=2)
    with pytest.raises(InputError, match="share"):
        subsample_rows(rng, 3, 0.0)


def test_same_seed_same_rows() -> None:
    for call in (
        lambda r: resample_rows(r, 30, unit=np.arange(30) // 3),
        lambda r: subsample_rows(r, 30, 0.3),
        lambda r: folds(r, 30, 4, unit=np.arange(30) // 3),
    ):
        first, second = (call(np.random.default_rng(7)) for _ in range(2))
        assert np.array_equal(first, second)
