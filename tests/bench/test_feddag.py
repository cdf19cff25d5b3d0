"""The cases and the verdict of the evidence on FedDAG."""

from __future__ import annotations

import numpy as np
import pytest

from rung.bench import feddag
from rung.discovery.acyclicity import is_acyclic


@pytest.mark.parametrize("differ", [False, True])
def test_cases(differ):
    data, real = feddag.draw(3, differ, feddag.UNEQUAL)
    again, _ = feddag.draw(3, differ, feddag.UNEQUAL)
    assert np.array_equal(data.values, again.values)
    assert np.bincount(data.environment).tolist() == list(feddag.UNEQUAL)
    assert sum(feddag.UNEQUAL) == sum(feddag.EQUAL)
    assert real.sum() == feddag.EDGES
    assert is_acyclic(real)
    roots = ~real.any(axis=0)
    assert np.allclose(data.values[:, roots].std(axis=0), 1.0, atol=0.06)
    assert (data.values[:, ~roots].std(axis=0) > 1.05).all()


def test_mechanisms():
    """A Gaussian process with variance 1 and correlation exp(-r^2 / 2) between points."""
    rng = np.random.default_rng(0)
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
    values = np.array([feddag.mechanism(2, False, rng)(points) for _ in range(4000)])
    wanted = np.exp(-0.5 * ((points[:, None] - points[None]) ** 2).sum(axis=2))
    assert np.allclose(np.cov(values.T), wanted, atol=0.08)
    kinds = [feddag.mechanism(2, True, rng) for _ in range(2000)]
    straight = [abs(f(points[:1] * 0)[0]) < 1e-12 for f in kinds]  # a line through the origin
    assert abs(np.mean(straight) - 0.5) < 0.04


def figures(own, shared, pooled, vote, n=20):
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(n, 1)) * 0.1

    def rows(shd):
        return [[shd + float(e[0]), 0.1, 0.9, 1.0] for e in noise]

    columns = {
        "own": rows(own), "shared": rows(shared), "pooled": rows(pooled),
        "pooled, ten times the steps": rows(pooled + 1), "vote": rows(vote),
        "CAM, pooled": rows(5.0),
    }  # fmt: skip
    sent = {"bytes": [[1, 2, 20], [3, 4, 20]]}
    return [{**{name: column[i] for name, column in columns.items()}, **sent} for i in range(n)]


@pytest.mark.parametrize(
    ("differ", "shd", "holds"),
    [
        (False, (9.0, 2.0, 2.0, 9.0), True),
        (False, (9.0, 2.9, 2.0, 9.0), True),
        (False, (0.0, 3.1, 2.0, 9.0), False),
        (True, (2.0, 9.0, 4.0, 5.0), True),
        (True, (2.0, 9.0, 4.0, 2.0), False),
        (True, (2.0, 0.0, 2.0, 4.0), False),
    ],
)
def test_the_verdict(differ, shd, holds):
    found = feddag.compare(figures(*shd), differ)
    assert found["holds"] is holds
    assert found["pooled that counts"] == "pooled"
    form = "own" if differ else "shared"
    wanted = (shd[0] if differ else shd[1]) - shd[2]
    assert np.isclose(found[f"{form} less pooled"][0], wanted)
