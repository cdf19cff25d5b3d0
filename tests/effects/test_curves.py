"""Curves of doses and effects of policies, against known answers and closed forms."""

import json

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

import rung
from rung.core.errors import (
    InputError,
    MissingCells,
    NotIdentified,
    NotSupported,
    Overlap,
    UnknownName,
)
from rung.core.variable import Kind, Variable
from rung.effects.estimators.dose_curve import _left, bandwidth, local
from rung.effects.estimators.moved import under_policy
from tests.effects.helpers import problem

GRAPH = rung.Graph.parse("Z -> T; Z -> Y; T -> Y")
QUICK = rung.Regression("linear", interactions=False)


def table(n=800, seed=0):
    r = np.random.default_rng(seed)
    z = r.normal(size=n)
    t = 0.6 * z + r.normal(size=n)
    y = np.sin(t) + z + r.normal(size=n)
    return rung.Data.from_matrix(np.column_stack([z, t, y]), ["Z", "T", "Y"])


def arms(n=1000, seed=1):
    r = np.random.default_rng(seed)
    z = r.normal(size=n)
    t = (r.random(n) < 1 / (1 + np.exp(-z))).astype(float)
    y = t * (1 + z) + z + r.normal(size=n)
    variables = [Variable("Z"), Variable("T", Kind.BINARY, ("no", "yes")), Variable("Y")]
    return rung.Data.from_matrix(np.column_stack([z, t, y]), variables=variables)


# -- local fits -----------------------------------------------------------------------------


def test_local_fits_are_weighted_least_squares():
    r = np.random.default_rng(1)
    t, y, w = r.normal(size=60), r.normal(size=60), r.random(60) + 0.5
    at = np.array([-0.5, 0.7])
    values, load = local(t, y, w, at, 0.8)
    for k, x in enumerate(at):
        root = np.sqrt(w * np.exp(-0.5 * ((t - x) / 0.8) ** 2))
        design = np.column_stack([np.ones(60), t - x, (t - x) ** 2])
        beta, *_ = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)
        assert values[k] == pytest.approx(beta[0], rel=1e-8)
        assert load[k] @ y == pytest.approx(beta[0], rel=1e-8)
        assert load[k] @ t == pytest.approx(x, abs=1e-8)


def test_left_out_residuals_are_those_of_fits_without_the_row():
    r = np.random.default_rng(2)
    t = np.sort(r.uniform(-1, 1, size=80))
    y, w = np.sin(2 * t) + r.normal(size=80), np.ones(80)
    fast = _left(t, y, w, 0.4, degree=1)
    slow = []
    for i in range(80):
        rest = np.arange(80) != i
        values, _ = local(t[rest], y[rest], w[rest], t[[i]], 0.4, degree=1)
        slow.append(y[i] - values[0])
    assert fast == pytest.approx(slow, abs=0.02)
    assert bandwidth(t, y, w) > 0


# -- curves ---------------------------------------------------------------------------------


def test_the_curve_holds_the_truth_and_is_json_ready():
    found = rung.effect(GRAPH, table(), rung.Curve("T", "Y"))
    curve = found.diagnostics["curve"]
    json.dumps(curve)
    x = np.array(curve["x"])
    assert len(x) == 25
    assert (np.array(curve["low"]) <= np.sin(x)).all()
    assert (np.sin(x) <= np.array(curve["high"])).all()
    low, high = np.quantile(table().column("T"), [0.25, 0.75])
    assert found.interval[0] < np.sin(high) - np.sin(low) < found.interval[1]
    assert curve["critical"] > 2.2
    assert "percentiles 75 and 25" in found.contrast
    assert found.estimand.text.startswith("E[Y | do(T=t)] = sum over Z")
    assert [a.name for a in found.assumptions][:2] == ["no hidden common cause", "positivity"]
    assert repr(found).startswith('Curve("T", "Y"): ')
    assert "kennedy2017" in found.cite() or "Kennedy" in found.cite()


def test_the_slope_is_the_cosine():
    found = rung.effect(GRAPH, table(2000), rung.Curve("T", "Y", at=(-1, 0, 1), derivative=True))
    curve = found.diagnostics["curve"]
    assert (np.array(curve["low"]) <= np.cos([-1, 0, 1])).all()
    assert (np.cos([-1, 0, 1]) <= np.array(curve["high"])).all()
    assert "per unit of T" in found.units


def test_any_estimator_of_doses_gives_a_curve():
    at = (-1.0, 0.0, 2.0)
    found = rung.effect(GRAPH, table(), rung.Curve("T", "Y", at=at), estimator=QUICK)
    ate = rung.effect(GRAPH, table(), rung.ATE("T", "Y", treated=2, control=-1), estimator=QUICK)
    assert found.value == pytest.approx(ate.value)
    assert found.interval == pytest.approx(ate.interval)
    y = found.diagnostics["curve"]["value"]
    assert y[2] - y[0] == pytest.approx(ate.value)
    assert (y[1] - y[0]) == pytest.approx(ate.value / 3)
    with pytest.raises(NotSupported, match="dose"):
        rung.effect(GRAPH, table(), rung.Curve("T", "Y"), estimator=rung.TMLE())


def test_scikit_learn_models_serve_a_curve():
    model = rung.DoseCurve(RandomForestRegressor(20, min_samples_leaf=10), LinearRegression())
    found = rung.effect(GRAPH, table(400), rung.Curve("T", "Y", at=(0, 1)), estimator=model)
    again = rung.effect(GRAPH, table(400), rung.Curve("T", "Y", at=(0, 1)), estimator=model)
    assert "RandomForestRegressor" in found.method
    assert found.interval[0] < np.sin(1) < found.interval[1]
    assert found.value == again.value


def test_a_wrong_outcome_model_is_mended_by_the_density():
    model = rung.DoseCurve(outcome=Constant())
    found = rung.effect(GRAPH, table(3000), rung.Curve("T", "Y", at=(-1, 1)), estimator=model)
    assert found.interval[0] < 2 * np.sin(1) < found.interval[1]


class Constant:
    """A useless model."""

    def fit(self, x, y):
        self.mean = float(y.mean())
        return self

    def predict(self, x):
        return np.full(len(x), self.mean)


def test_graphs_that_disagree_give_a_range_of_bands():
    reverse = rung.Graph.parse("Y -> T; Z -> T; Z -> Y")
    apart = rung.Graph.parse("Z; T -> Y")
    found = rung.effect(
        [(GRAPH, 0.5), (apart, 0.3), (reverse, 0.2)], table(), rung.Curve("T", "Y", at=(0, 1)),
        estimator=QUICK,
    )  # fmt: skip
    curve = found.diagnostics["curve"]
    assert curve["graphs"] == 3
    assert all(a <= b for a, b in zip(curve["hull_low"], curve["low"], strict=True))
    assert len(found.parts) == 3
    assert {p.value for p in found.parts} > {0.0}
    assert found.interval[0] <= 0 <= found.interval[1]


def test_a_class_of_graphs_gives_the_range_of_its_readings():
    found = rung.effect(
        rung.Graph.parse("Z -- T; Z -- Y; T -- Y"), table(), rung.Curve("T", "Y", at=(0, 1)),
        estimator=QUICK,
    )  # fmt: skip
    assert np.isnan(found.value)
    assert found.interval[0] <= 0 < found.interval[1]
    assert found.diagnostics["curve"]["graphs"] > 1
    assert len(found.parts) > 1
    assert sum(p.weight for p in found.parts) == pytest.approx(1)


def test_a_search_gives_parts_and_answers_are_saved(tmp_path):
    data = table(400)
    searched = rung.discover(data, rung.Bootstrap(rung.BOSS(), draws=6))
    for query in (
        rung.Curve("T", "Y", at=(-1, 0, 1)), rung.PolicyEffect("Y", rung.Shift("T", 0.3)),
    ):  # fmt: skip
        found = rung.effect(searched, data, query)
        assert found.standing == "learned graph"
        assert sum(p.weight for p in found.parts) == pytest.approx(1)
        loaded = rung.load(found.save(tmp_path / "e.npz"))
        assert repr(loaded.query) == repr(query)
        assert loaded.value == found.value
        assert loaded.diagnostics == found.diagnostics


def test_missing_cells_are_completed_and_pooled():
    data = table(400)
    holes = data.matrix().copy()
    holes[::7, 0] = np.nan
    gone = rung.Data.from_matrix(holes, data.names)
    query = rung.Curve("T", "Y", at=(-1, 1))
    with pytest.raises(MissingCells):
        rung.effect(GRAPH, gone, query, estimator=QUICK)
    found = rung.effect(GRAPH, gone.replacing(missing=rung.EM(draws=3)), query, estimator=QUICK)
    assert "Rubin" in found.method
    assert found.n == 400


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        (lambda: rung.Curve("T", "Y", at=(9e9,)), InputError, "doses that were seen"),
        (lambda: rung.Curve("T", "nope"), UnknownName, "nope"),
        (lambda: rung.Curve("T", "Y", adjust=("nope",)), UnknownName, "nope"),
        (lambda: rung.Curve("T", "Y", adjust=("T",)), InputError, "treatment or the outcome"),
    ],
)
def test_bad_curves_are_named(query, error, words):
    with pytest.raises(error, match=words):
        rung.effect(GRAPH, table(100), query(), estimator=QUICK)


def test_queries_refuse_bad_arguments():
    for make in (
        lambda: rung.Curve("T", "Y", at=(np.nan,)), lambda: rung.Curve("T", "Y", at=()),
        lambda: rung.Curve(1, "Y"), lambda: rung.Curve("T", "Y", level=2),
        lambda: rung.PolicyEffect("Y").treatment, lambda: rung.PolicyEffect("Y", 3),
        lambda: rung.PolicyEffect(3, rung.Shift("T", 1)),
    ):  # fmt: skip
        with pytest.raises(InputError):
            make()
    with pytest.raises(NotSupported, match="one treatment"):
        rung.PolicyEffect("Y", rung.Shift("T", 1), rung.Shift("Z", 1))
    with pytest.raises(InputError, match="ask for ATE"):
        rung.effect(GRAPH, arms(), rung.Curve("T", "Y"))


def test_a_hidden_cause_is_refused():
    graph = rung.Graph.parse("T -> Y; T <-> Y; Z")
    for query in (rung.Curve("T", "Y"), rung.PolicyEffect("Y", rung.Shift("T", 1))):
        with pytest.raises(NotIdentified):
            rung.effect(graph, table(200), query)


# -- policies -------------------------------------------------------------------------------


def test_a_shift_in_a_linear_model_is_its_coefficient():
    r = np.random.default_rng(3)
    z = r.normal(size=2000)
    t = z + r.normal(size=2000)
    y = 2 * t + 3 * z + r.normal(size=2000)
    data = rung.Data.from_matrix(np.column_stack([z, t, y]), ["Z", "T", "Y"])
    for estimator in (None, rung.DoublyRobust()):
        found = rung.effect(
            GRAPH, data, rung.PolicyEffect("Y", rung.Shift("T", 0.5)), estimator=estimator
        )
        assert found.interval[0] < 1 < found.interval[1]
        assert found.interval[1] - found.interval[0] < 0.3
    policy = found.diagnostics["policy"]
    json.dumps(policy)
    assert policy["mean"] - policy["natural"] == pytest.approx(found.value)
    assert policy["natural"] == pytest.approx(y.mean())
    # the density ratio of normal doses is known: exp((t - z) / 2 - 1 / 8)
    assert policy["ratio"]["median"] == pytest.approx(np.exp(-1 / 8), abs=0.1)
    assert found.estimand.text == "E[Y | T by the rule] = sum over T, Z of E[Y | T=rule, Z] P(T, Z)"
    assert "Z" in found.estimand.words
    assert found.estimand.latex


def test_a_rule_for_levels_weights_by_propensities():
    data = arms(3000)
    rule = rung.Policy("T", lambda z: np.where(z > 0, "yes", "no"), given=("Z",))
    found = rung.effect(GRAPH, data, rung.PolicyEffect("Y", rule))
    z = data.column("Z")
    share = 1 / (1 + np.exp(-z))
    truth = float(np.mean(((z > 0) - share) * (1 + z)))
    assert found.interval[0] < truth < found.interval[1]
    everybody = rung.effect(GRAPH, data, rung.PolicyEffect("Y", rung.Do("T", "yes")))
    ate = rung.effect(GRAPH, data, rung.ATE("T", "Y"))
    assert 0 < everybody.value < ate.value


def test_no_change_has_no_effect():
    data = table(400)
    for intervention in (rung.Shift("T", 0.0), rung.Scale("T", 1.0)):
        found = rung.effect(GRAPH, data, rung.PolicyEffect("Y", intervention))
        assert found.value == pytest.approx(0.0, abs=0.05)
    shift = [rung.Shift("T", 0.7), rung.Shift("T", -0.7)]
    found = rung.effect(GRAPH, data, rung.PolicyEffect("Y", *shift))
    assert found.value == pytest.approx(0.0, abs=0.05)


def test_a_policy_may_look_at_the_treatment_s_own_value():
    data = table(2000)
    halved = rung.Policy("T", lambda t: t - 0.2 * np.tanh(t), given=("T",))
    found = rung.effect(GRAPH, data, rung.PolicyEffect("Y", halved))
    t = data.column("T")
    truth = float(np.mean(np.sin(t - 0.2 * np.tanh(t)) - np.sin(t)))
    assert found.interval[0] < truth < found.interval[1]


def test_a_policy_that_looks_behind_the_treatment_is_refused():
    r = np.random.default_rng(5)
    data = table(400)
    after = rung.Data.from_matrix(
        np.column_stack([data.matrix(), data.column("T") + r.normal(size=400)]),
        ["Z", "T", "Y", "M"],
    )
    graph = rung.Graph.parse("Z -> T; Z -> Y; T -> M; M -> Y")
    rule = rung.Policy("T", lambda m, t: t + 0.1 * m, given=("M", "T"))
    with pytest.raises(NotIdentified, match="looks at M"):
        rung.effect(graph, after, rung.PolicyEffect("Y", rule))


def test_policies_that_lead_nowhere_are_refused():
    for rule, error, words in (
        (rung.Shift("T", 30.0), Overlap, "outside the doses"),
        (rung.Do("T", 0.0), NotSupported, "on one dose"),
        (rung.Policy("T", lambda t: np.maximum(t, 0), given=("T",)), NotSupported, "on one dose"),
    ):
        with pytest.raises(error, match=words):
            rung.effect(GRAPH, table(300), rung.PolicyEffect("Y", rule))
    with pytest.raises(NotSupported, match=r"by TMLE\(\) or DoublyRobust\(\)"):
        rung.effect(
            GRAPH, table(300), rung.PolicyEffect("Y", rung.Shift("T", 0.1)), estimator=QUICK
        )
    with pytest.raises(InputError, match="needs a number"):
        rung.effect(GRAPH, arms(), rung.PolicyEffect("Y", rung.Shift("T", 1)))


def test_models_serve_a_policy_and_the_ratio_needs_a_classifier():
    query = rung.PolicyEffect("Y", rung.Shift("T", 0.5))
    fine = rung.TMLE(outcome=RandomForestRegressor(20, min_samples_leaf=10, random_state=0),
                     treatment=LogisticRegression())  # fmt: skip
    found = rung.effect(GRAPH, table(), query, estimator=fine)
    assert "RandomForestRegressor" in found.method
    bad = rung.TMLE(treatment=LinearRegression())
    with pytest.raises(NotSupported, match="classifier"):
        rung.effect(GRAPH, table(), query, estimator=bad)


def test_the_one_step_influence_is_its_formula():
    r = np.random.default_rng(8)
    x = r.normal(size=(300, 1))
    t = x[:, 0] + r.normal(size=300)
    y = t + x[:, 0] + r.normal(size=300)
    p = problem(x, t, y, discrete=False, arms=[0, 1])
    fitted, figures = under_policy(p, t + 0.3, rung.DoublyRobust(boosting=False), r)
    contrast = fitted.influence[:, 0] - fitted.influence[:, 1]
    assert contrast.mean() == pytest.approx(0, abs=1e-9)
    assert fitted.means[0] - fitted.means[1] == pytest.approx(0.3, abs=0.1)
    assert figures["changed"] == 1.0


@pytest.mark.parametrize("name", ["Z", "T", "Y"])
def test_infinite_cells_and_too_many_levels_are_named(name):
    data = table(200)
    values = data.column(name).copy()
    values[3] = np.inf
    values.flags.writeable = False
    bad = data.with_column(data.variable(name), values)
    for query in (rung.Curve("T", "Y"), rung.PolicyEffect("Y", rung.Shift("T", 0.1))):
        with pytest.raises(InputError, match=f"infinite.*column '{name}'"):
            rung.effect(GRAPH, bad, query)
    codes = np.arange(200.0) % 150
    codes.flags.writeable = False
    levels = Variable("Z", Kind.CATEGORICAL, tuple(f"l{k}" for k in range(150)))
    wide = data.with_column(levels, codes)
    for query in (rung.Curve("T", "Y"), rung.PolicyEffect("Y", rung.Shift("T", 0.1))):
        with pytest.raises(InputError, match="terms of the outcome model"):
            rung.effect(GRAPH, wide, query)
