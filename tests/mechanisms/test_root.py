"""Roots whose noise is their value."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.mechanisms.root import Frequencies


def test_shares_by_hand():
    v = rung.Variable("k", rung.Kind.CATEGORICAL, ("a", "b", "c"))
    root = Frequencies(v, np.array([0.2, 0.0, 0.8]))
    drawn = root.noise(20_000, np.random.default_rng(0))
    assert np.bincount(drawn.astype(int), minlength=3) / 20_000 == pytest.approx(
        [0.2, 0, 0.8], abs=0.01
    )
    assert np.exp(root.log_prob(np.array([0.0, 1.0, 2.0]), {})) == pytest.approx([0.2, 0.0, 0.8])
    assert root.probabilities({}, 2).tolist() == [[0.2, 0.0, 0.8]] * 2


def test_a_unit_is_imagined_once_and_keeps_its_level():
    v = rung.Variable("k", rung.Kind.CATEGORICAL, ("a", "b"))
    graph = rung.Graph.empty(["k"])
    scm = rung.SCM(graph, {"k": Frequencies(v, np.array([0.5, 0.5]))})
    units = rung.Data((v,), {"k": np.array([0.0, 1.0, 1.0])})
    draws = rung.counterfactual(scm, units)
    assert len(draws.weights) == 1
    assert draws["k"].tolist() == ["a", "b", "b"]
    assert rung.check(scm).passed
