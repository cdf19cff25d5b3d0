"""Worlds with known graphs, and tests and scores that know the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import rung
from rung.core.variable import Kind, Variable


def random_dag(rng, d, degree):
    """A random DAG with the given average degree, in a random order: (d, d) 0/1."""
    a = np.triu(rng.random((d, d)) < degree / max(d - 1, 1), 1)
    p = rng.permutation(d)
    return a[np.ix_(p, p)].astype(np.int8)


def weights(rng, a):
    return a * rng.uniform(0.5, 1.5, a.shape) * rng.choice([-1.0, 1.0], a.shape)


def covariance(b, noise=None):
    """Exact covariance of x = b' x + e."""
    d = len(b)
    inverse = np.linalg.inv(np.eye(d) - b)
    return inverse.T @ np.diag(np.ones(d) if noise is None else noise) @ inverse


def draw(rng, b, n):
    e = rng.normal(size=(n, len(b)))
    return e @ np.linalg.inv(np.eye(len(b)) - b)


def names(d):
    return [f"V{i}" for i in range(d)]


def moments(cov, n, labels=None):
    """Moments whose covariance is exactly `cov` for n rows."""
    d = len(cov)
    variables = tuple(Variable(x) for x in labels or names(d))
    return rung.Moments(variables, (1,) * d, n, float(n), float(n), np.zeros(d), cov * n)


def levels(matrix, sizes, labels=None):
    """Data of codes."""
    kinds = [Kind.BINARY if s == 2 else Kind.CATEGORICAL for s in sizes]
    listed = labels or names(len(sizes))
    variables = [
        Variable(x, k, tuple(range(s))) for x, k, s in zip(listed, kinds, sizes, strict=True)
    ]
    return rung.Data.from_matrix(matrix, variables=variables)


@dataclass(frozen=True)
class Oracle:
    """d-separation in the true graph."""

    truth: rung.Graph

    def on(self, source, *, rng=None):
        labels, truth = source.names, self.truth

        class Bound:
            def pvalues(self, x, y, given):
                return np.array(
                    [
                        float(
                            rung.graphs.d_separated(
                                truth, labels[a], labels[b], [labels[s] for s in row]
                            )
                        )
                        for a, b, row in zip(x, y, given, strict=True)
                    ]
                )

        return Bound()
