"""Distances by hand-counted examples and by their laws."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from rung.core.errors import InputError
from rung.core.graph import Graph
from rung.graphs import (
    arrowhead_confusion,
    arrowhead_f1,
    confusion,
    shd,
    skeleton_confusion,
    skeleton_f1,
)

from . import brute


def test_shd_counts_pairs() -> None:
    truth = Graph.parse("a -> b -> c -> d; a -> d; e")
    found = Graph.parse("d; b <- a; c -> b; c -- d; e -> a", names=["e", "d", "c", "b", "a"])
    # b-c reversed, c-d undirected, a-d missing, e-a extra
    assert shd(truth, found) == shd(found, truth) == 4
    assert shd(truth, truth) == 0
    with pytest.raises(InputError, match="different nodes"):
        shd(truth, Graph.parse("a -> b"))


def test_metric_and_order_laws() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b, c = (brute.random_admg(rng, 6, 0.4, 0.1) for _ in range(3))
        assert shd(a, c) <= shd(a, b) + shd(b, c)
        assert (shd(a, b) == 0) == (a == b)
        names = rng.permutation(a.names).tolist()
        assert shd(a.reorder(names), b) == shd(a, b)
        assert arrowhead_f1(a, b.reorder(names)) == arrowhead_f1(a, b)


def test_f1_against_sklearn() -> None:
    rng = np.random.default_rng(1)
    off = ~np.eye(7, dtype=bool)
    upper = np.triu_indices(7, 1)
    for _ in range(30):
        a, b = (brute.random_admg(rng, 7, 0.4, 0.1) for _ in range(2))
        expected = f1_score(a.marks[upper] != 0, b.marks[upper] != 0)
        assert skeleton_f1(a, b) == pytest.approx(expected)
        expected = f1_score(a.marks[off] & 2 != 0, b.marks[off] & 2 != 0)
        assert arrowhead_f1(a, b) == pytest.approx(expected)


def test_counts_by_hand() -> None:
    truth, found = Graph.parse("a -> b -> c; d"), Graph.parse("b -> a; b -> c -- d", list("abcd"))
    counts = confusion(truth, found)
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (1, 1, 1, 9)
    counts = skeleton_confusion(truth, found)
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (2, 1, 0, 3)
    assert counts.recall == 1
    assert counts.precision == pytest.approx(2 / 3)
    assert arrowhead_confusion(truth, found).f1 == 0.5
    empty = Graph.empty(["a", "b"])
    assert skeleton_f1(empty, empty) == 1.0
