"""DRCFS: identities against direct refits, calibration, planted causes, bad input."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import rung
from rung.core.errors import InputError, MissingCells, NeedsRows, NotSupported, UnknownName
from rung.effects.features.candidate_features import features
from rung.effects.features.feature_scores import _Own
from rung.inference.multiplicity import benjamini_hochberg, benjamini_yekutieli
from rung.kernels.coordinate import lasso_each, lasso_path

LINES = rung.SparseTerms()


def table(n=400, d=8, seed=0, effects=(0.6, -0.5, 0.5)):
    """Correlated columns, the first of which cause y."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    for j in range(1, d):
        x[:, j] += 0.6 * x[:, j - 1]
    y = x[:, : len(effects)] @ np.array(effects) + rng.normal(size=n)
    return rung.Data.from_matrix(np.column_stack([x, y]), [*(f"x{j}" for j in range(d)), "y"])


def curved(n=600, d=10, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    x[:, 5] += 0.8 * x[:, 0]
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.7 * rng.normal(size=n)
    return rung.Data.from_matrix(np.column_stack([x, y]), [*(f"x{j}" for j in range(d)), "y"])


def test_the_lasso_equals_that_of_scikit_learn():
    from sklearn.linear_model import Lasso

    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 30))
    x -= x.mean(axis=0)
    y = x[:, 0] - 2 * x[:, 3] + rng.normal(size=100)
    y -= y.mean()
    levels, skip = np.array([0.5, 0.2, 0.05]), np.zeros(30, np.uint8)
    skip[3] = 1
    B = np.empty((3, 30))
    lasso_path(np.ascontiguousarray(x.T), y, np.zeros(30), levels, skip, B, 1e-12)
    keep = skip == 0
    for b, level in zip(B, levels, strict=True):
        other = Lasso(alpha=level, fit_intercept=False, tol=1e-10).fit(x[:, keep], y)
        assert b[3] == 0
        assert b[keep] == pytest.approx(other.coef_, abs=1e-5)


def test_the_lasso_of_each_column_meets_its_optimality_conditions():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 12)) @ (np.eye(12) + 0.5 * np.eye(12, k=1))
    G = np.corrcoef(x.T)
    owner, B = np.arange(12), np.empty((12, 12))
    lasso_each(G, owner, owner, 0.1, B)
    for t, b in enumerate(B):
        assert b[t] == 0
        gradient = G[t] - G @ b
        on = b != 0
        size = np.abs(gradient[on])
        assert size == pytest.approx(np.full(on.sum(), size.mean()), abs=2e-3)
        assert (np.abs(np.delete(gradient[~on], np.flatnonzero(np.flatnonzero(~on) == t)))
                <= size.mean() + 2e-3).all()  # fmt: skip


@pytest.mark.parametrize("n", [400, 45])
def test_residuals_on_the_others_equal_those_of_direct_regressions(n):
    data = table(n)
    names = [f"x{j}" for j in range(8)]
    columns = features(data, names).only_linear()
    own = _Own(columns, n)
    train = np.arange(n) % 4 != 0
    own.project(train, ~train)
    for j in range(8):
        rest = np.column_stack([np.ones(n), np.delete(columns.values, j, axis=0).T])
        coef = np.linalg.lstsq(rest[train], columns.values[j][train], rcond=None)[0]
        direct = (columns.values[j] - rest @ coef)[~train] / columns.values[j][train].std()
        got = own.residual[j, ~train]
        assert np.corrcoef(direct, got)[0, 1] > (1 - 1e-9 if n == 400 else 0.5)
        if n == 400:
            assert got == pytest.approx(direct, abs=1e-6)


def test_gains_are_losses_in_cross_fitted_squared_error():
    """Debiased theta - theta_j with g as its own representer is the gain in squared error."""
    data = table(500)
    found = rung.DRCFS("y", learner=LINES).find(data)
    x, y = data.matrix([f"x{j}" for j in range(8)]), data.column("y")
    for j, row in enumerate(found.rows):
        rest = np.delete(x, j, axis=1)
        more = _mse(rest, y) - _mse(x, y)
        assert row["gain"] == pytest.approx(more, abs=0.05)


def _mse(x, y):
    A = np.column_stack([np.ones(len(y)), x])
    e = y - A @ np.linalg.lstsq(A, y, rcond=None)[0]
    return e @ e / (len(y) - A.shape[1])


def test_adjusted_p_values_equal_those_of_scipy():
    p = np.random.default_rng(0).random(40) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p, method="bh"))
    assert benjamini_yekutieli(p) == pytest.approx(stats.false_discovery_control(p, method="by"))
    assert benjamini_yekutieli(np.empty(0)).shape == (0,)


def test_p_values_of_no_causes_are_uniform():
    """Lines; 40 tables, fixed seeds; 200 p-values, 5 standard errors."""
    p = np.concatenate([
        [r["p"] for r in rung.DRCFS("y", learner=LINES).find(table(200, seed=s)).rows[3:]]
        for s in range(40)
    ])  # fmt: skip
    for level in (0.05, 0.2, 0.5):
        share = (p <= level).mean()
        assert abs(share - level) < 5 * np.sqrt(level * (1 - level) / len(p))


def test_p_values_of_curves_and_products_are_not_too_small():
    p = np.concatenate([
        [r["p"] for r in rung.DRCFS("y").find(curved(300, seed=s)).rows[3:]] for s in range(20)
    ])  # fmt: skip
    assert (p <= 0.05).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(p))
    assert (p <= 0.5).mean() < 0.55


def test_planted_causes_are_found_and_their_relatives_are_not():
    assert rung.DRCFS("y").find(table(600)).selected == ("x0", "x1", "x2")
    found = rung.DRCFS("y").find(curved())
    assert found.selected == ("x0", "x1", "x2")
    assert found.learner == "curves and products"
    assert found.errors["curves and products"] < found.errors["curves"] < found.errors["lines"]


def test_any_regressor_is_refitted_without_each_column():
    from sklearn.ensemble import HistGradientBoostingRegressor

    data = curved(500, 6)
    trees = rung.Refit(HistGradientBoostingRegressor(max_iter=40, max_leaf_nodes=8))
    found = rung.DRCFS("y", learner=trees).find(data, rng=1)
    assert set(found.selected) >= {"x1", "x2"}
    assert not set(found.selected) - {"x0", "x1", "x2"}
    with pytest.raises(InputError, match="regressor"):
        rung.Refit("trees")


def test_order_and_names_of_columns_do_not_matter_and_seeds_repeat():
    data = table(300)
    names = list(data.names)[::-1]
    other = rung.Data.from_matrix(data.matrix(names), [f"{n} (cm)" for n in names])
    a = rung.DRCFS("y").find(data, rng=3)
    b = rung.DRCFS("y (cm)").find(other, rng=3)
    assert {f"{n} (cm)" for n in a.selected} == set(b.selected)
    ours = {f"{r['name']} (cm)": r["p"] for r in a.rows}
    assert {r["name"]: r["p"] for r in b.rows} == pytest.approx(ours, rel=1e-3)
    again = rung.DRCFS("y").find(data, rng=3)
    assert [r["p"] for r in a.rows] == [r["p"] for r in again.rows]
    assert rung.DRCFS("y").renamed({"y": "y (cm)"}).target == "y (cm)"


def test_a_child_of_the_target_is_selected_as_the_docs_say():
    data = table(500)
    child = data.column("y") + 0.5 * np.random.default_rng(9).normal(size=500)
    wider = np.column_stack([data.matrix(), child])
    found = rung.DRCFS("y").find(rung.Data.from_matrix(wider, [*data.names, "child"]))
    assert "child" in found.selected


def test_categories_count_as_blocks_and_two_levels_may_be_the_target():
    rng = np.random.default_rng(2)
    k = rng.integers(4, size=700)
    z = rng.normal(size=700) + 0.5 * k
    y = np.array([0.0, 1.0, -1.0, 0.5])[k] + rng.normal(size=700)
    frame = pd.DataFrame({"k": np.array(list("pqrs"))[k], "z": z, "y": y, "up": y > 0})
    found = rung.DRCFS("y").find(rung.read(frame.drop(columns="up")))
    assert found.selected == ("k",)
    assert rung.DRCFS("up").find(rung.read(frame.drop(columns="y"))).selected == ("k",)
    with pytest.raises(InputError, match="4 levels"):
        rung.DRCFS("k").find(rung.read(frame.drop(columns="up")))


def test_repeated_rows_of_a_unit_count_once():
    once = table(120)
    rows = np.repeat(once.matrix(), 4, axis=0)
    units = np.repeat(np.arange(120), 4)
    many = rung.Data.from_matrix(rows, once.names)
    p = least(once)
    assert least(many.replacing(unit=units)) == pytest.approx(p, rel=1e-6)
    assert least(many) < p**2


def least(data):
    """The smallest p-value."""
    return min(r["p"] for r in rung.DRCFS("y", learner=LINES).find(data).rows)


def test_rows_that_set_the_target_are_left_out():
    data = table(400)
    env = np.arange(400) % 2
    targets = np.zeros((2, data.d), bool)
    targets[1, -1] = True
    mixed = data.replacing(environment=env, targets=targets, environments=("seen", "set"))
    found = rung.DRCFS("y").find(mixed)
    assert found.n == 200
    assert "200 rows" in found.notes[0]


def test_a_spent_budget_compares_fewer_rows():
    found = rung.DRCFS("y").find(table(400), budget=rung.Budget(seconds=1e-9))
    assert not found.complete
    assert any("160 of 400 rows" in n for n in found.notes)
    assert "x0" in found.selected


def test_more_columns_than_rows():
    found = rung.DRCFS("y").find(table(120, 200, effects=(1.2, -1.2)))
    assert set(found.selected) == {"x0", "x1"}


def test_controls_and_results(tmp_path):
    data = table(300)
    strict = rung.DRCFS("y", control=rung.Holm()).find(data)
    loose = rung.DRCFS("y", control=rung.BenjaminiHochberg()).find(data)
    assert set(strict.selected) <= set(loose.selected)
    assert rung.load(loose.save(tmp_path / "s.rung")).selected == loose.selected
    assert loose.plot()._repr_svg_().startswith("<svg")
    assert list(loose.frame()["p"]) == sorted(r["p"] for r in loose.rows)
    assert "quinzan2023" in loose.cite()
    assert "Direct causes of y" in repr(loose)


def test_columns_that_others_nearly_determine_are_named():
    data = table(300)
    twin = data.column("x0") + 0.01 * np.random.default_rng(4).normal(size=300)
    wider = rung.Data.from_matrix(np.column_stack([data.matrix(), twin]), [*data.names, "twin"])
    found = rung.DRCFS("y").find(wider)
    assert any("can hardly tell" in n and "x0" in n and "twin" in n for n in found.notes)


def bad(column, name="bad", n=100):
    data = table(n)
    return rung.Data.from_matrix(
        np.column_stack([data.matrix(), column(data)]), [*data.names, name]
    )


def test_bad_input_is_named():
    ask = rung.DRCFS("y").find
    with pytest.raises(MissingCells, match="row 3"):
        ask(bad(lambda d: np.where(np.arange(100) == 3, np.nan, np.arange(100.0) ** 0.5)))
    with pytest.raises(InputError, match="row 3"):
        ask(bad(lambda d: np.where(np.arange(100) == 3, np.inf, np.arange(100.0) ** 0.5)))
    with pytest.raises(InputError, match="constant"):
        ask(bad(lambda d: np.ones(100)))
    with pytest.raises(InputError, match="duplicates"):
        ask(bad(lambda d: -3 * d.column("x1") + 1))
    with pytest.raises(InputError, match="determine each other"):
        ask(bad(lambda d: d.column("x1") + d.column("x2")))
    with pytest.raises(InputError, match="too few"):
        ask(table(20))
    with pytest.raises(InputError, match="no column beside"):
        ask(table(50).select(["y"]))
    with pytest.raises(UnknownName, match="nearest"):
        rung.DRCFS("x").find(table(50))
    with pytest.raises(NeedsRows):
        ask(table(50).moments())
    with pytest.raises(NotSupported, match="weigh"):
        ask(table(50).replacing(weights=np.ones(50)))
    with pytest.raises(NotSupported, match="products"):
        rung.DRCFS("y", learner=rung.SparseTerms(products=True)).find(table(60, 120))
    levels = pd.DataFrame(
        {"g": [f"g{i % 10_000}" for i in range(12_000)], "y": np.arange(12_000) % 7}
    )
    with pytest.raises(InputError, match="'g'"):
        ask(rung.read(levels, kinds={"g": "categorical", "y": "continuous"}))
    for wrong in ({"alpha": 0}, {"folds": 1}, {"learner": ()}, {"target": 3}):
        with pytest.raises(InputError):
            rung.DRCFS(**{"target": "y", **wrong})
