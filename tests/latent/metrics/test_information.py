"""Estimators of mutual information against scikit-learn and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_classif
from sklearn.metrics import mutual_info_score

from rung import latent
from rung.latent.metrics.information import binned, by_neighbours, entropy, plug_in


@pytest.mark.parametrize("seed", range(4))
def test_plug_in_equals_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, 50), rng.integers(0, 3, 50)
    assert plug_in(a, b) == pytest.approx(mutual_info_score(a, b), abs=1e-12)
    assert entropy(a) == pytest.approx(mutual_info_score(a, a), abs=1e-12)


def brute_force(x: np.ndarray, label: np.ndarray, k: int) -> float:
    """Ross (2014), equation 2, by all distances; no ties."""
    n, total = len(x), 0.0
    for i in range(n):
        far = np.abs(x - x[i])
        far[i] = np.inf
        own = np.sort(far[label == label[i]])
        own = own[np.isfinite(own)]
        use = min(k, len(own))
        total += digamma(use) - digamma(len(own) + 1) - digamma((far <= own[use - 1]).sum())
    return float(max(0.0, digamma(n) + total / n))


@pytest.mark.parametrize("levels", [2, 5, 40])
def test_neighbours_equal_all_distances_and_scikit_learn(levels: int) -> None:
    rng = np.random.default_rng(levels)
    label = np.concatenate([np.arange(levels), np.arange(levels), rng.integers(0, levels, 300)])
    x = label[:, None] * [0.5, 0.0, 2.0] + rng.normal(size=(len(label), 3))
    found = by_neighbours(x, label)
    assert found == pytest.approx([brute_force(c, label, 10) for c in x.T], abs=1e-12)
    theirs = mutual_info_classif(x, label, discrete_features=False, n_neighbors=10, random_state=0)
    assert found == pytest.approx(theirs, abs=0.05)  # theirs rounds the radii


def test_neighbours_by_hand() -> None:
    # Two labels, 0 at 0 and 1, 1 at 10 and 11, one neighbour: nobody of the other label is near.
    x, label = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1])
    expected = digamma(4) + digamma(1) - digamma(2) - digamma(1)
    assert by_neighbours(x, label, 1) == pytest.approx(expected, abs=1e-12)


def test_neighbours_of_equal_values() -> None:
    label = np.repeat([0, 1], 50)
    exact = digamma(100) - digamma(50)
    assert by_neighbours(label[:, None] * 1.0, label) == pytest.approx(exact, abs=1e-12)
    assert by_neighbours(np.ones((100, 1)), label).tolist() == [0]
    assert by_neighbours(np.arange(3.0)[:, None], np.arange(3)).tolist() == [0]


def test_neighbours_approach_the_truth() -> None:
    # A fair label that shifts a uniform by half its width: ln 2 / 2 nats.
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 20_000)
    x = rng.random(20_000) + label / 2
    assert by_neighbours(x[:, None], label)[0] == pytest.approx(np.log(2) / 2, abs=0.02)


def test_bins_have_equal_width_and_hold_the_ends() -> None:
    assert binned(np.array([0.0, 0.09, 0.1, 0.55, 1.0]), 10).tolist() == [0, 0, 1, 5, 9]
    assert binned(np.ones(3), 10).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="bins=1"):
        binned(np.ones(3), 1)


def test_information_of_a_copy_is_its_entropy() -> None:
    s = np.random.default_rng(0).integers(0, 5, (200, 2))
    table = latent.mutual_information(s, s, discrete_codes=True, discrete_factors=True)
    assert np.diag(table) == pytest.approx([entropy(s[:, i]) for i in range(2)], abs=1e-12)
    assert table[0, 1] == pytest.approx(table[1, 0], abs=1e-12)
