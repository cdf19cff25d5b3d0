"""The basis-function BIC against least squares, and the bases it reads."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, NeedsRows
from rung.core.variable import Kind, Variable
from rung.simulate import NonlinearSCM

RNG = np.random.default_rng
BASES = [rung.NaturalSpline(), rung.NaturalSpline(4), rung.Legendre(), rung.Legendre(5)]


def curved(seed=0, d=7, n=400):
    return NonlinearSCM(d=d, degree=3).draw(n, rng=RNG(seed))


def explicit(data, basis, node, parents, penalty):
    """The score by numpy: regress the standardised column on features and a constant."""
    fitted = basis.fitted(data)
    y = np.asarray(data.column(data.names[node]), dtype=float)
    y = (y - y.mean()) / y.std()
    blocks = [fitted.expand(data.variables[p], data.column(data.names[p])) for p in parents]
    design = np.column_stack([np.ones(len(y)), *blocks])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    coefficients = design.shape[1] - 1
    return -len(y) / 2 * np.log((left**2).mean()) - penalty / 2 * np.log(len(y)) * coefficients


@pytest.mark.parametrize("basis", BASES, ids=repr)
def test_score_is_that_of_least_squares(basis):
    data, _ = curved()
    bound = rung.BasisFunctionBIC(1.5, basis).on(data)
    rng = RNG(1)
    for node in range(data.d):
        for size in range(5):
            rest = [i for i in range(data.d) if i != node]
            parents = rng.permutation(rest)[:size].tolist()
            want = explicit(data, basis, node, parents, 1.5)
            assert np.isclose(bound.local(node, parents), want, rtol=1e-9, atol=1e-6)
            others = [i for i in rest if i not in parents]
            gains = bound.gains(node, parents, others)
            steps = [explicit(data, basis, node, [*parents, c], 1.5) - want for c in others]
            assert np.allclose(gains, steps, atol=1e-6)


def test_joint_score_is_the_same_for_equivalent_graphs_and_the_single_one_is_not():
    data, _ = curved()
    joint = rung.BasisFunctionBIC(joint=True).on(data)
    alone = rung.BasisFunctionBIC().on(data)
    forward, backward = (0, 1), (1, 0)

    def total(score, order):
        a, b = order
        return score.local(a, []) + score.local(b, [a])

    assert np.isclose(total(joint, forward), total(joint, backward), atol=1e-6)
    assert not np.isclose(total(alone, forward), total(alone, backward), atol=1e-3)


def test_linear_features_give_the_linear_score():
    data, _ = curved()
    linear = rung.GaussianBIC(1.0).on(data)
    bound = rung.BasisFunctionBIC(1.0, rung.Legendre(1)).on(data)
    for node, parents in ((0, []), (1, [0, 2]), (3, [4, 5, 6])):
        assert np.isclose(bound.local(node, parents), linear.local(node, parents))


def test_levels_are_scored_as_by_the_degenerate_gaussian():
    rng = RNG(3)
    a = rng.integers(0, 3, 500).astype(float)
    b = (a == 1) + 0.5 * rng.normal(size=500)
    variables = (Variable("a", Kind.CATEGORICAL, ("x", "y", "z")), Variable("b"))
    data = rung.Data.from_matrix(np.column_stack([a, b]), variables=variables)
    one = rung.BasisFunctionBIC(1.0, rung.Legendre(1)).on(data)
    two = rung.DegenerateGaussianBIC(1.0).on(data)
    for node, parents in ((0, []), (0, [1]), (1, [0])):
        assert np.isclose(one.local(node, parents), two.local(node, parents))
        rest = [1 - node] if not parents else []
        assert np.allclose(one.gains(node, parents, rest), two.gains(node, parents, rest))


@pytest.mark.parametrize("basis", BASES, ids=repr)
def test_fixed_bases_make_moments_that_add(basis):
    data, _ = curved()
    fitted = basis.fitted(data)
    parts = [data.take(np.arange(k, data.n, 3)).moments(fitted) for k in range(3)]
    whole = data.moments(fitted)
    merged = parts[0] + parts[1] + parts[2]
    assert np.allclose(merged.scatter, whole.scatter)
    here = rung.BasisFunctionBIC(basis=basis).on(data)
    there = rung.BasisFunctionBIC(basis=basis).on(merged)
    assert np.isclose(here.local(0, [1, 2]), there.local(0, [1, 2]))
    assert rung.discover(merged, rung.BOSS(rung.BasisFunctionBIC(basis=basis))).complete


def test_legendre_polynomials_are_those_of_numpy():
    x = RNG(0).uniform(-3, 5, 200)
    t = 2 * (x - x.min()) / (x.max() - x.min()) - 1
    want = np.polynomial.legendre.legvander(t, 4)[:, 1:]
    assert np.allclose(rung.Legendre(4).expand(Variable("x"), x), want)


def test_natural_splines_are_straight_outside_and_span_the_smooth_curves_inside():
    x = np.sort(RNG(0).normal(size=400))
    basis = rung.NaturalSpline(6)
    features = basis.expand(Variable("x"), x)
    assert features.shape == (400, 5) == (400, basis.size(Variable("x")))
    assert np.array_equal(features[:, 0], x)
    assert np.abs(np.corrcoef(features.T)[0, 1:]).max() < 1e-4
    data = rung.Data.from_matrix(x[:, None], ["x"])
    far = basis.fitted(data).expand(Variable("x"), np.array([8.0, 9.0, 10.0]))
    assert np.allclose(far[0] - 2 * far[1] + far[2], 0, atol=1e-9)


def test_conditions_that_set_a_variable_leave_its_rows_out():
    data, _ = curved(n=600)
    environment = np.arange(600) % 2
    targets = np.zeros((2, data.d), dtype=bool)
    targets[1, 0] = True
    broken = np.array(data.column("X1"))
    broken[environment == 1] = RNG(5).normal(size=300)
    mixed = data.with_column(Variable("X1"), broken).replacing(
        environment=environment, environments=("see", "set"), targets=targets
    )
    bound = rung.BasisFunctionBIC(1.0, rung.Legendre(1)).on(mixed)
    seen = rung.BasisFunctionBIC(1.0, rung.Legendre(1)).on(
        mixed.take(np.nonzero(environment == 0)[0])
    )
    assert np.isclose(bound.local(0, [1, 2]), seen.local(0, [1, 2]))


def test_few_values_and_bad_settings():
    rng = RNG(0)
    count = rng.integers(0, 2, 300).astype(float)
    data = rung.Data.from_matrix(np.column_stack([count, count + rng.normal(size=300)]))
    for basis in BASES:
        assert np.isfinite(rung.BasisFunctionBIC(basis=basis).on(data).local(1, [0]))
    with pytest.raises(NeedsRows, match="BasisFunctionBIC"):
        rung.BasisFunctionBIC().on(data.moments())
    for make in (lambda: rung.NaturalSpline(2), lambda: rung.Legendre(0)):
        with pytest.raises(InputError):
            make()
    with pytest.raises(InputError, match="penalty"):
        rung.BasisFunctionBIC(penalty=0)
