"""Zero deletion against plain partial correlations, and what dropouts do to graphs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import rung
from rung.bench.dropout_worlds import dropped, expression, krumsiek_weights, random_weights
from rung.core.errors import InputError, MissingCells, NeedsRows
from rung.discovery.zeros import packed
from rung.inference.multiplicity import holm

RNG = np.random.default_rng


def names(d):
    return [f"g{i}" for i in range(d)]


def world(d=8, n=600, mechanism="uniform", seed=0, form="gaussian"):
    rng = RNG(seed)
    weights = random_weights(d, rng)
    z = expression(weights, n, form, rng)
    return weights != 0, z, dropped(z, form, mechanism, rng)


def plain(X, x, y, given, keep, weights=None):
    """Partial correlation by residuals of least squares, and the sum of weights."""
    w = np.ones(keep.sum()) if weights is None else weights[keep]
    root = np.sqrt(w)[:, None]
    A = root * np.column_stack([np.ones(keep.sum()), X[keep][:, given]])
    left = [
        (root[:, 0] * X[keep, v]) - A @ np.linalg.lstsq(A, root[:, 0] * X[keep, v], rcond=None)[0]
        for v in (x, y)
    ]
    r = left[0] @ left[1] / np.sqrt((left[0] @ left[0]) * (left[1] @ left[1]))
    return r, w.sum()


def fisher(X, x, y, given, keep, weights=None):
    if keep.sum() == 0:
        return 1.0
    r, n = plain(X, x, y, given, keep, weights)
    df = n - len(given) - 3
    return 1.0 if df <= 0 else 2 * stats.norm.sf(abs(np.arctanh(r)) * np.sqrt(df))


def questions(d, seed, most=3):
    rng = RNG(seed)
    for _ in range(60):
        at = rng.permutation(d)[: rng.integers(2, most + 3)].tolist()
        yield at[0], at[1], at[2:]


def ask(bound, x, y, given):
    sets = np.array([given], dtype=int).reshape(1, -1)
    return float(bound.pvalues(np.array([x]), np.array([y]), sets)[0])


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("mechanism", ["uniform", "truncated", "logistic"])
def test_the_kernel_is_fisher_z_on_the_remaining_rows(mechanism, ends):
    _, _, X = world(mechanism=mechanism)
    bound = rung.ZeroDeletion(ends=ends).on(rung.Data.from_matrix(X, names(8)))
    for x, y, given in questions(8, 1):
        at = [*given, x, y] if ends else given
        want = fisher(X, x, y, given, (X[:, at] != 0).all(axis=1))
        assert ask(bound, x, y, given) == pytest.approx(want, abs=1e-10)


def test_weights_missing_cells_and_targets():
    _, _, X = world(seed=3)
    rng = RNG(4)
    weights = rng.integers(0, 4, len(X)).astype(float)
    holed = X.copy()
    holed[rng.random(X.shape) < 0.1] = np.nan
    weighted = rung.Data.from_matrix(X, names(8)).replacing(weights=weights)
    testwise = rung.Data.from_matrix(holed, names(8)).replacing(missing=rung.TestWise())
    targets = np.zeros((2, 8), dtype=bool)
    targets[1, 2] = True
    environment = (np.arange(len(X)) % 2).astype(int)
    several = rung.Data.from_matrix(X, names(8)).replacing(
        environment=environment, environments=("see", "do"), targets=targets
    )
    bound = [rung.ZeroDeletion().on(data) for data in (weighted, testwise, several)]
    for x, y, given in questions(8, 5):
        kept = (X[:, given] != 0).all(axis=1)
        want = fisher(X, x, y, given, kept & (weights > 0), weights)
        assert ask(bound[0], x, y, given) == pytest.approx(want, abs=1e-10)
        whole = kept & ~np.isnan(holed[:, [x, y, *given]]).any(axis=1)
        want = fisher(holed, x, y, given, whole)
        assert ask(bound[1], x, y, given) == pytest.approx(want, abs=1e-10)
        free = kept & ((environment == 0) if 2 in (x, y) else True)
        assert ask(bound[2], x, y, given) == pytest.approx(fisher(X, x, y, given, free), abs=1e-10)


@pytest.mark.parametrize("inner", [rung.KCI(), rung.PartialRank(), rung.RCoT()], ids=repr)
def test_any_test_sees_the_remaining_rows_only(inner):
    _, _, X = world(d=5, n=300, seed=6)
    bound = rung.ZeroDeletion(inner).on(rung.Data.from_matrix(X, names(5)), rng=RNG(0))
    seed = int(RNG(0).integers(2**63))
    for x, y, given in list(questions(5, 7, most=2))[:12]:
        rows = rung.Data.from_matrix(X[(X[:, given] != 0).all(axis=1)], names(5))
        want = ask(inner.on(rows, rng=RNG(seed)), x, y, given)
        assert ask(bound, x, y, given) == pytest.approx(want, abs=1e-9)


def test_the_generic_path_is_the_kernel():
    class Wrapped:
        def on(self, source, *, rng=None):
            return rung.FisherZ().on(source, rng=rng)

    _, _, X = world(seed=8)
    data = rung.Data.from_matrix(X, names(8))
    for ends in (False, True):
        bound = [rung.ZeroDeletion(t, ends=ends).on(data) for t in (Wrapped(), rung.FisherZ())]
        for x, y, given in questions(8, 9):
            assert ask(bound[0], x, y, given) == pytest.approx(ask(bound[1], x, y, given), abs=1e-9)


def test_without_zeros_nothing_changes():
    _, z, _ = world(seed=10)
    one = np.column_stack([z, RNG(0).normal(size=len(z))])
    one[0, 8] = 0.0  # a single zero makes the kernels run
    for X, d in ((z, 8), (one, 9)):
        data = rung.Data.from_matrix(X, names(d))
        test, score = rung.ZeroDeletion().on(data), rung.ZeroDeletionBIC(1.0).on(data)
        for x, y, given in questions(8, 11, most=4):
            want = ask(rung.FisherZ().on(data), x, y, given)
            assert ask(test, x, y, given) == pytest.approx(want, abs=1e-9)
            if d == 8:
                want = rung.GaussianBIC(1.0).on(data).local(x, given)
                assert score.local(x, given) == pytest.approx(want, abs=1e-7)
    zeroless = rung.ZeroDeletionBIC(1.0, zero=one[0, 0]).on(rung.Data.from_matrix(one, names(9)))
    data = rung.Data.from_matrix(one, names(9))
    for x, _, given in questions(9, 12, most=4):  # column g0 has one "zero": leave it out
        if 0 not in (x, *given):
            want = rung.GaussianBIC(1.0).on(data).local(x, given)
            assert zeroless.local(x, given) == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("ends", [False, True])
def test_a_local_score_is_the_least_sum_of_terms(ends):
    _, _, X = world(n=900, seed=13)
    bound = rung.ZeroDeletionBIC(1.5, ends=ends).on(rung.Data.from_matrix(X, names(8)))
    n = len(X)

    def term(v, c, given):
        keep = (X[:, [*given, v, c] if ends else given] != 0).all(axis=1)
        m = keep.sum()
        r = plain(X, v, c, given, keep)[0] if m > len(given) + 3 else 0.0
        return n / max(m, 1) * (-m / 2 * np.log(1 - r * r) - 1.5 / 2 * np.log(n))

    def least(v, given):
        if not given:
            return 0.0
        rest = [[w for w in given if w != c] for c in given]
        return min(least(v, s) + term(v, c, s) for c, s in zip(given, rest, strict=True))

    for v, c, given in questions(8, 14):
        assert bound.local(v, given) == pytest.approx(least(v, given), rel=1e-8, abs=1e-8)
        gain = bound.gains(v, given, [c])[0]
        assert gain == pytest.approx(bound.local(v, [*given, c]) - bound.local(v, given), abs=1e-7)
        assert gain <= term(v, c, given) + 1e-7


def test_laws_on_data_with_zeros():
    _, _, X = world(d=9, n=1500, seed=15)
    data = rung.Data.from_matrix(X, names(9))
    other = data.select(names(9)[::-1])
    score, turned = rung.ZeroDeletionBIC().on(data), rung.ZeroDeletionBIC().on(other)
    given = [1, 2, 3, 4, 5, 6, 7, 8]  # more than the orders compared
    assert score.local(0, given) == pytest.approx(score.local(0, given[::-1]), rel=1e-9)
    assert score.local(0, given) == pytest.approx(turned.local(8, [8 - i for i in given]), rel=1e-9)
    for learner in (
        rung.PC(test=rung.ZeroDeletion()),
        rung.FCI(test=rung.ZeroDeletion()),
        rung.GES(rung.ZeroDeletionBIC()),
        rung.BOSS(rung.ZeroDeletionBIC()),
    ):
        here, there = rung.discover(data, learner).graph, rung.discover(other, learner).graph
        assert here == there.reorder(data.names), learner


def test_deletion_finds_what_zeros_hide():
    """A chain with dropouts in the middle: the ends are independent given the true middle only."""
    truth, kept, lost = rung.Graph.parse("a -> b -> c"), 0, 0
    for seed in range(20):
        rng = RNG([16, seed])
        a = rng.normal(size=4000) + 3
        b = a + 0.7 * rng.normal(size=4000)
        c = b + 0.7 * rng.normal(size=4000)
        b = np.where(rng.random(4000) < 0.4, 0.0, b)
        data = rung.Data.from_matrix(np.column_stack([a, b, c]), list("abc"))
        wanted = rung.graphs.cpdag(truth)
        kept += rung.PC(test=rung.ZeroDeletion()).learn(data).graph == wanted
        lost += rung.PC().learn(data).graph == wanted
    assert kept >= 17  # 20 x 0.95 expected; 16 or fewer has probability 0.02
    assert lost == 0
    assert rung.GES(rung.ZeroDeletionBIC()).learn(data).graph == wanted


def test_bad_input():
    _, z, X = world(seed=17)
    data = rung.Data.from_matrix(X, names(8))
    with pytest.raises(NeedsRows):
        rung.ZeroDeletion().on(data.moments())
    with pytest.raises(InputError, match="expected a test"):
        rung.ZeroDeletion("fisher")
    with pytest.raises(InputError, match="finite"):
        rung.ZeroDeletion(zero=np.nan)
    with pytest.raises(InputError, match="positive"):
        rung.ZeroDeletionBIC(penalty=0)
    empty = X.copy()
    empty[:, 2] = 0
    for call in (
        lambda d: rung.dropouts(d),
        lambda d: rung.discover(d, rung.PC(test=rung.ZeroDeletion())),
    ):
        with pytest.raises(InputError, match="'g2' is constant"):
            call(rung.Data.from_matrix(empty, names(8)))
    holed = X.copy()
    holed[3, 1] = np.nan
    for call in (rung.dropouts, rung.ZeroDeletion().on, rung.ZeroDeletionBIC().on):
        with pytest.raises(MissingCells):
            call(rung.Data.from_matrix(holed, names(8)))
    infinite = X.copy()
    infinite[3, 1] = np.inf
    for call in (rung.ZeroDeletion().on, rung.ZeroDeletionBIC().on, rung.dropouts):
        with pytest.raises(InputError, match="g1"):
            call(rung.Data.from_matrix(infinite, names(8)))
    with pytest.raises(InputError, match="no dropouts"):
        rung.dropouts(rung.Data.from_matrix(z, names(8)))
    few = rung.Data.from_matrix(X[:20], names(8))
    assert ask(rung.ZeroDeletion().on(few), 0, 1, [2, 3, 4, 5, 6, 7]) == 1.0


def test_levels_have_no_zero():
    rng = RNG(18)
    x = np.where(rng.random(300) < 0.5, 0.0, rng.normal(size=300))
    flag = (rng.random(300) < 0.5).astype(float)
    y = x + flag + rng.normal(size=300)
    kinds = [rung.Variable("x"), rung.Variable("f", rung.Kind.BINARY, (0, 1)), rung.Variable("y")]
    data = rung.Data.from_matrix(np.column_stack([x, flag, y]), variables=kinds)
    X = data.matrix()
    want = fisher(X, 0, 2, [1], np.ones(300, dtype=bool))
    assert ask(rung.ZeroDeletion().on(data), 0, 2, [1]) == pytest.approx(want, abs=1e-10)


def test_the_look_of_zeros():
    for mechanism, verdict in (("uniform", "no dependence seen"), ("truncated", "zeros depend")):
        _, _, X = world(n=2000, mechanism=mechanism, seed=5)
        found = rung.dropouts(rung.Data.from_matrix(X, names(8)))
        told = [v for v in found.verdict if "cannot tell" not in v]
        assert told
        assert all(v.startswith(verdict) for v in told)
        assert np.allclose(found.share, (X == 0).mean(axis=0))
        assert not found.violations
        assert (found.low >= 0).all()
        assert len(found.frame()) == 8
        assert "8 variables" in repr(found)
        assert found.plot()


def test_violations_of_the_model_are_seen():
    rng = RNG(19)
    z = rng.normal(size=(3000, 4)) + 4
    x = np.where(rng.random(z.shape) < 0.2, 0.0, z)
    x[:, 1] = np.where(z[:, 0] > 4.5, 0.0, x[:, 1])  # zeros of g1 come from g0
    found = rung.dropouts(rung.Data.from_matrix(x, names(4)))
    assert [v[:2] for v in found.violations] == [("g1", "g0")]
    assert sum(found.looked_at) == 12  # each pair both ways
    assert "violation" in repr(found)
    assert "dai2024" in found.cite()


def test_worlds_and_helpers():
    genes, weights = krumsiek_weights()
    graph = rung.Graph.from_adjacency(weights != 0, genes)
    assert graph.is_dag()
    assert len(genes) == 11
    assert "Cebpa" in graph.parents("Pu.1")
    z = np.arange(1.0, 21.0).reshape(10, 2)
    cut = dropped(z, "gaussian", "truncated", RNG(0))
    assert ((cut == 0) | (cut == z)).all()
    assert (np.diff((cut != 0).astype(int), axis=0) >= 0).all()
    rows = RNG(1).random((3, 130)) < 0.5
    words = packed(rows)
    back = [[(int(words[i, r // 64]) >> (r % 64)) & 1 for r in range(130)] for i in range(3)]
    assert np.array_equal(np.array(back, dtype=bool), rows)
    # Holm (1979) by hand: 4 x 0.01, then 3 x 0.015, 2 x 0.03, 1 x 0.04 raised to 0.06
    assert holm(np.array([0.04, 0.01, 0.03, 0.015])) == pytest.approx([0.06, 0.04, 0.06, 0.045])
