"""Frozen helpers."""

from __future__ import annotations

import numpy as np

from rung.core.result import digest, frozen, same


def test_same_looks_into_containers_and_treats_nan_as_equal() -> None:
    assert same({"a": np.array([1.0, np.nan])}, {"a": np.array([1.0, np.nan])})
    assert not same([np.array([1.0])], [np.array([2.0])])
    assert not same(np.ones(2), np.ones(3))


def test_frozen_copies_what_others_may_write() -> None:
    mine = np.zeros(2)
    held = frozen(mine)
    mine[0] = 1
    assert held.tolist() == [0.0, 0.0]
    assert frozen(held) is held


def test_digest_depends_on_shape_and_content() -> None:
    a = np.arange(6.0)
    assert digest(a) == digest(a.copy())
    assert digest(a) != digest(a.reshape(2, 3))
    assert digest(a[::2]) == digest(a[::2].copy())
