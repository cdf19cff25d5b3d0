"""InfoMEC: hand-computed cases to 1e-6, and what the definition leaves unchanged."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung import latent

H = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
TIGHT = {"abs": 1e-6}
infomec = partial(latent.infomec, discrete_factors=True)


def three(found: latent.InfoMEC) -> tuple[float, float, float]:
    return found.modularity, found.explicitness, found.compactness


def grid(levels: int, factors: int, times: int = 1) -> np.ndarray:
    """Every combination of levels, each as often."""
    return np.array(list(product(range(levels), repeat=factors)) * times)


def test_one_to_one_codes_are_perfect() -> None:
    s = grid(4, 2)
    relabelled = np.array([2, 0, 3, 1])[s[:, ::-1]]
    assert three(infomec(relabelled, s, discrete_codes=True)) == pytest.approx((1, 1, 1), **TIGHT)


def test_duplicated_codes_are_modular_but_not_compact() -> None:
    s = grid(3, 2)
    found = infomec(np.hstack([s, s]), s, discrete_codes=True)
    # Each factor stands in 2 of 4 codes alike: (1/2 - 1/4) / (1 - 1/4).
    assert three(found) == pytest.approx((1, 1, 1 / 3), **TIGHT)


def test_a_conjunction_by_hand() -> None:
    s = grid(2, 2, 4)
    z = np.column_stack([s[:, 0], s[:, 0] & s[:, 1]])
    found = infomec(z, s, discrete_codes=True)
    a = H - 0.5
    assert found.information == pytest.approx(np.array([[1, 0], [a, a]]), **TIGHT)
    # The second factor is known in one half of the rows, a coin in the other.
    assert found.explicitness_each == pytest.approx([1, 0.5], **TIGHT)
    compact = ((1 / (1 + a) + 1) / 2 - 0.5) / 0.5
    assert three(found) == pytest.approx((0.5, 0.75, compact), **TIGHT)


def test_noisy_bits_by_hand() -> None:
    # Each factor and its code agree in 3 of 4 rows, independently of the other pair.
    bits = np.array([(0, 0)] * 3 + [(0, 1)] + [(1, 1)] * 3 + [(1, 0)])
    rows = np.array([(*a, *b) for a in bits for b in bits])
    s, z = rows[:, [0, 2]], rows[:, [1, 3]]
    found = infomec(z, s, discrete_codes=True)
    assert found.information == pytest.approx((1 - H) * np.eye(2), **TIGHT)
    assert three(found) == pytest.approx((1, 1 - H, 1), **TIGHT)


def test_unequal_levels_by_hand() -> None:
    # H_V(s | nothing) is the entropy of s, not the log of the number of its levels.
    s = np.array([0] * 6 + [1] * 2)
    z = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    found = infomec(z, s, discrete_codes=True)
    h = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert found.explicitness == pytest.approx((h - 0.5 * np.log(2)) / h, **TIGHT)


def test_exclusive_or_is_no_linear_matter() -> None:
    s = grid(2, 2, 3)
    z = np.column_stack([s[:, 0] ^ s[:, 1], s[:, 0]])
    found = infomec(z, s, discrete_codes=True)
    assert found.explicitness_each == pytest.approx([1, 0], **TIGHT)


def test_a_constant_code_is_pruned() -> None:
    s = grid(3, 2)
    z = np.column_stack([s, np.zeros(len(s))])
    found = infomec(z, s, discrete_codes=True)
    assert found.active.tolist() == [True, True, False]
    assert three(found) == pytest.approx((1, 1, 1), **TIGHT)


def test_a_narrow_code_is_pruned_at_one_twentieth_of_the_widest() -> None:
    s = np.random.default_rng(0).random((200, 2))
    z = np.column_stack([s, 0.04 * s[:, 0], 0.06 * s[:, 1]])
    z = (z - z.min(axis=0)) / np.ptp(z, axis=0) * [1, 1, 0.049, 0.051]
    found = infomec(z, s, discrete_factors=False)
    assert found.active.tolist() == [True, True, False, True]


def test_all_codes_pruned_is_declared_zero() -> None:
    s = grid(2, 2)
    for discrete in (True, False):
        found = infomec(np.ones((4, 3)), s, discrete_codes=discrete)
        assert three(found) == (0, 0, 0)
        assert "declared 0" in found.notes[0]


def test_one_factor_or_one_active_code_is_declared_one() -> None:
    s = grid(2, 2)
    found = infomec(s, s[:, :1], discrete_codes=True)
    assert "InfoM is declared 1" in " ".join(found.notes)
    assert found.modularity == pytest.approx(0.5 + 0.5)
    found = infomec(s[:, :1], s, discrete_codes=True)
    assert found.compactness == 1
    assert "InfoC is declared 1" in " ".join(found.notes)


def test_rotation_lowers_modularity_and_compactness_not_explicitness() -> None:
    s = grid(8, 2, 4).astype(float)
    angle = np.pi / 4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    straight, turned = infomec(s, s), infomec(s @ turn, s)
    assert straight.modularity > 0.98
    assert turned.modularity < 0.2
    assert turned.compactness < 0.2
    assert turned.explicitness == pytest.approx(straight.explicitness, **TIGHT)


def test_continuous_factors_are_explained_as_least_squares_says() -> None:
    rng = np.random.default_rng(0)
    s = rng.normal(size=(300, 2))
    z = s @ rng.normal(size=(2, 2))
    noisy = s + rng.normal(size=s.shape)
    assert infomec(z, s, discrete_factors=False).explicitness == pytest.approx(1, **TIGHT)
    design = np.column_stack([np.ones(300), noisy])
    hat = design @ np.linalg.solve(design.T @ design, design.T @ s)
    expected = (np.var(hat, axis=0) / np.var(s, axis=0)).mean()
    found = infomec(noisy, s, discrete_factors=False)
    assert found.explicitness == pytest.approx(expected, **TIGHT)


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_order_and_names_of_levels_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    s = rng.integers(0, 3, size=(40, 2))
    s[:3] = np.arange(3)[:, None]
    z = np.where(rng.random((40, 3)) < 0.5, s[:, [0, 1, 0]], rng.integers(0, 3, (40, 3)))
    one = infomec(z, s, discrete_codes=True)
    codes = np.array(["b", "c", "a"])[z][:, rng.permutation(3)]
    factors = np.array([7, -1, 3])[s][:, ::-1]
    two = infomec(codes, factors, discrete_codes=True)
    assert three(two) == pytest.approx(three(one), **TIGHT)


def test_affine_maps_of_continuous_codes_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    s = grid(3, 2, 20)
    z = s + rng.normal(size=s.shape)
    one, two = infomec(z, s), infomec(5 - 3 * z, s)
    assert three(two) == pytest.approx(three(one), **TIGHT)
    turned = infomec(z @ rng.normal(size=(2, 2)), s)
    assert turned.explicitness == pytest.approx(one.explicitness, **TIGHT)


def test_a_model_that_did_not_converge_is_said() -> None:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 3, (200, 1))
    z = rng.normal(size=(200, 3)) + s
    few, many = (infomec(z, s, iterations=i) for i in (1, 100))
    assert "stopped after 1 iterations" in " ".join(few.notes)
    assert not [n for n in many.notes if "stopped" in n]
    assert few.explicitness < many.explicitness
    with pytest.raises(ValueError, match="iterations=0"):
        infomec(z, s, iterations=0)


def test_explicitness_is_the_optimum_of_the_logistic_loss() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, (150, 1))
    z = rng.normal(size=(150, 1)) + s

    def loss(w: np.ndarray) -> float:
        score = (w[0] + w[1] * z[:, 0]) * np.where(s[:, 0] == 1, 1, -1)
        return float(np.logaddexp(0, -score).mean())

    best = minimize(loss, np.zeros(2), tol=1e-12).fun
    p = s.mean()
    h = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert infomec(z, s).explicitness == pytest.approx((h - best) / h, **TIGHT)
