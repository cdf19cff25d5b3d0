"""Regimes and ByLevel: answers by least squares and closed forms, held-out likelihood, refusals."""

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, NeedsRows, UnknownName
from rung.mechanisms.by_level import Switched

GRAPH = rung.Graph.parse("x -> y -> z -> w")
SLOPE, OFFSET, SPREAD = (1.0, -1.0, 0.3), (0.0, 1.0, 2.0), (1.0, 0.5, 2.0)
MEAN = (0.0, 2.0, -1.0)


def world(n=400, seed=0):
    """x and z change between three environments, y and w do not."""
    rng = np.random.default_rng(seed)
    e = np.repeat([0, 1, 2], n)
    x = np.array(MEAN)[e] + rng.normal(size=3 * n)
    y = x + rng.normal(size=3 * n)
    z = np.array(SLOPE)[e] * y + np.array(OFFSET)[e] + np.array(SPREAD)[e] * rng.normal(size=3 * n)
    w = 0.5 * z + rng.normal(size=3 * n)
    data = rung.Data.from_matrix(np.column_stack([x, y, z, w]), list("xyzw"))
    return data.replacing(environment=e, environments=("a", "b", "c"))


def fitted(data, **options):
    options = {"changing": ("x", "z"), "mechanisms": rung.LinearGaussian(), **options}
    return rung.fit(rung.Regimes(GRAPH, **options), data)


def line(data, rows, effect="z", cause="y"):
    """Intercept, slope and standard deviation by least squares."""
    design = np.column_stack([np.ones(rows.sum()), data.column(cause)[rows]])
    x = data.column(effect)[rows]
    found, left, *_ = np.linalg.lstsq(design, x, rcond=None)
    return found[0], found[1], float(np.sqrt(left[0] / (rows.sum() - 2)))


def test_what_changes_is_fitted_apart_and_the_rest_once():
    data = world()
    model = fitted(data)
    assert model.graph.parents("z") == ("y", "environment")
    assert model.graph.parents("y") == ("x",)
    for k in range(3):
        a, b, sd = line(data, data.environment == k)
        own = model.mechanisms["z"].mechanisms[k].describe()
        assert own["intercept"] == pytest.approx(a, abs=1e-9)
        assert own["coefficients"]["y"] == pytest.approx(b, abs=1e-9)
        assert own["sd"] == pytest.approx(sd, abs=1e-9)
    a, b, _ = line(data, np.ones(data.n, dtype=bool), "y", "x")
    assert model.mechanisms["y"].describe()["coefficients"]["x"] == pytest.approx(b, abs=1e-9)


@pytest.mark.parametrize("k", range(3))
def test_do_environment_gives_the_regime(k):
    data = world(n=20_000)
    drawn = rung.do(fitted(data), environment="abc"[k]).sample(40_000, seed=1)
    mean = SLOPE[k] * MEAN[k] + OFFSET[k]
    variance = SLOPE[k] ** 2 * 2 + SPREAD[k] ** 2
    assert drawn["z"].mean() == pytest.approx(mean, abs=0.05)
    assert drawn["z"].var() == pytest.approx(variance, rel=0.04)
    assert drawn["w"].var() == pytest.approx(0.25 * variance + 1, rel=0.04)
    assert set(drawn["environment"]) == {"abc"[k]}


def test_without_an_intervention_environments_have_their_shares():
    data = world().take(np.arange(700))  # 400, 300 and 0 rows
    drawn = fitted(data).sample(20_000, seed=0)
    assert (drawn["environment"] == "a").mean() == pytest.approx(4 / 7, abs=0.015)
    assert set(drawn["environment"]) == {"a", "b"}


def test_a_unit_is_imagined_in_another_regime():
    data = world()
    model = fitted(data)
    units = data.take(np.array([0, 5, 900]))  # of a, a and c; no column says so
    answer = rung.counterfactual(model, units, environment="b")
    lines = [line(data, data.environment == k) for k in range(3)]
    for i, k in enumerate((0, 0, 2)):
        rows = data.environment == k
        there = data.environment == 1
        x = units["x"][i]
        score = (x - data["x"][rows].mean()) / data["x"][rows].std(ddof=1)
        x_b = data["x"][there].mean() + data["x"][there].std(ddof=1) * score
        _, slope, _ = line(data, np.ones(data.n, dtype=bool), "y", "x")
        y_b = units["y"][i] + slope * (x_b - x)
        u = (units["z"][i] - lines[k][0] - lines[k][1] * units["y"][i]) / lines[k][2]
        assert answer["x"][i] == pytest.approx(x_b, abs=1e-8)
        assert answer["y"][i] == pytest.approx(y_b, abs=1e-8)
        assert answer["z"][i] == pytest.approx(
            lines[1][0] + lines[1][1] * y_b + lines[1][2] * u, abs=1e-8
        )
    same = rung.counterfactual(model, units, environment="a")
    assert same["z"][0] == pytest.approx(units["z"][0], abs=1e-12)
    column = rung.core.environments.with_environment(units, "environment")
    assert np.array_equal(
        rung.counterfactual(model, column, y=1.0).values,
        rung.counterfactual(model, units, y=1.0).values,
    )


def held_out(model, data, names):
    """Mean log-likelihood of a row over the named nodes."""
    total = np.zeros(data.n)
    if isinstance(model, rung.SCM) and model.environment:
        data = rung.core.environments.with_environment(
            data, model.environment, model.mechanisms[model.environment].variable
        )
    for name in names:
        m = model.mechanisms[name]
        total += m.log_prob(data.column(name), {p.name: data.column(p.name) for p in m.parents})
    return float(total.mean())


def test_sharing_what_is_shared_predicts_best():
    """One of six mechanisms changes over eight environments of 25 rows.

    Tolerance: over 10 seeds the mean gain in held-out log-likelihood a row is at least 0.05, both
    over one SCM for all rows and over one SCM for each environment.
    """
    graph = rung.Graph.parse("a -> b -> c -> d; a -> d; b -> e; d -> f; e -> f")
    order = graph.topological_order()

    def draw(seed, n):
        rng = np.random.default_rng([7, seed, n])
        weight = np.random.default_rng(seed).uniform(-1.5, 1.5, 8)
        e, values = np.repeat(np.arange(8), n), {}
        for name in order:
            value = rng.normal(size=8 * n)
            for p in graph.parents(name):
                value = value + (weight[e] if name == "c" else 0.8) * values[p]
            values[name] = value
        data = rung.Data(tuple(rung.Variable(v) for v in graph.names), values)
        return data.replacing(environment=e, environments=tuple("ABCDEFGH"))

    linear, gains = rung.LinearGaussian(), []
    for seed in range(10):
        train, test = draw(seed, 25), draw(seed, 400)
        shared = rung.fit(rung.Regimes(graph, ("c",), linear, fewest=10), train)
        pooled = rung.fit(graph, train, mechanisms=linear)
        apart = []
        for k in range(8):
            own = rung.fit(graph, train[train.environment == k], mechanisms=linear)
            apart.append(held_out(own, test[test.environment == k], graph.names))
        best = held_out(shared, test, graph.names)
        gains.append([best - held_out(pooled, test, graph.names), best - np.mean(apart)])
    assert (np.mean(gains, axis=0) >= 0.05).all(), np.mean(gains, axis=0)


def test_the_test_finds_what_changes():
    """Level 0.05 with Holm's correction: of 4 mechanisms 2 change, by a standard deviation."""
    linear, false = rung.LinearGaussian(), 0
    for seed in range(10):
        model = rung.fit(rung.Regimes(GRAPH, mechanisms=linear), world(150, seed))
        changing = set(model.graph.children("environment"))
        assert {"x", "z"} <= changing
        false += len(changing - {"x", "z"})
    assert false <= 2  # of 20; the gain in likelihood is negative on average where nothing changes


def test_a_discovery_that_says_what_changes(caplog):
    data = world()
    found = rung.Discovery(GRAPH, details={"changing": ("z",)})
    rung.fit(found, data, mechanisms=rung.LinearGaussian())
    assert "'z' change between environments" in caplog.text
    caplog.clear()
    rung.fit(GRAPH, data, mechanisms=rung.LinearGaussian())
    assert not caplog.text
    model = rung.fit(rung.Regimes(found, mechanisms=rung.LinearGaussian()), data)
    assert model.graph.children("environment") == ("z",)


def test_a_class_of_graphs_and_bootstrap_refits():
    data = world(100)
    both = rung.fit(rung.Regimes(rung.graphs.cpdag(GRAPH), ("z",), rung.LinearGaussian()), data)
    assert both.meaning == "equivalence class"
    assert len(both.parts) == 4
    answer = rung.counterfactual(both, data[:2], environment="b")
    assert set(answer["environment"]) == {"b"}
    many = fitted(data, resamples=5)
    assert many.meaning == "bootstrap"
    assert len(many.parts) == 5
    slopes = {round(p.mechanisms["z"].mechanisms[0].describe()["intercept"], 9) for p in many.parts}
    assert len(slopes) == 5


def test_save_and_load(tmp_path):
    data = world(100)
    model = fitted(data, mechanisms=None)
    model.save(tmp_path / "model.rung")
    again = rung.load(tmp_path / "model.rung")
    assert again.environment == "environment"
    assert np.array_equal(again.sample(50, seed=3).values, model.sample(50, seed=3).values)
    assert np.array_equal(
        rung.counterfactual(again, data[:3], environment="c").values,
        rung.counterfactual(model, data[:3], environment="c").values,
    )
    report = rung.check(model)
    assert report.passed, report


def test_rows_that_set_a_variable_do_not_speak_of_it():
    data = world()
    z = np.array(data.column("z"))
    z[data.environment == 1] = 50.0
    hit = np.zeros((3, 4), dtype=bool)
    hit[1, 2] = True
    held = data.with_column(data.variable("z"), z).replacing(targets=hit)
    mechanism = fitted(held).mechanisms["z"]
    assert "too few rows at b" in mechanism.note
    a, b, _ = line(held, held.environment != 1)  # the fit of all other rows
    own = mechanism.mechanisms[1].describe()
    assert own["intercept"] == pytest.approx(a, abs=1e-9)
    assert own["coefficients"]["y"] == pytest.approx(b, abs=1e-9)


def test_few_rows_take_the_fit_of_all():
    data = world()
    small = data.take(np.r_[0:800, 800:812])
    mechanism = fitted(small).mechanisms["z"]
    assert "too few rows at c: the fit of all rows" in mechanism.note
    _, b, _ = line(small, np.ones(small.n, dtype=bool))
    assert mechanism.mechanisms[2].describe()["coefficients"]["y"] == pytest.approx(b, abs=1e-9)
    assert fitted(small, fewest=5).mechanisms["z"].note.startswith("a fit for each of 3 levels")


@pytest.mark.parametrize(
    "spec",
    [
        rung.LinearNonGaussian(),
        rung.SplineAdditive(),
        rung.Poisson(),
        rung.DiscreteTable(),
        rung.Multinomial(),
    ],
)
def test_by_level_keeps_the_laws(spec):
    report = rung.check(rung.ByLevel(spec))
    assert report.passed, report


def test_the_rank_of_noise_is_kept_between_distributions():
    rng = np.random.default_rng(0)
    level = np.repeat([0.0, 1.0], 4000)
    x = np.where(level > 0, rng.exponential(size=8000) - 1, rng.normal(size=8000))
    q = rung.Variable("q", rung.Kind.BINARY, ("no", "yes"))
    fit = rung.ByLevel(rung.LinearNonGaussian()).fit(
        x, rung.Data((q,), {"q": level}), variable=rung.Variable("x"), rng=rng
    )
    assert isinstance(fit, Switched)
    assert fit.exact
    rows = {"q": np.zeros(9)}
    ranks = np.linspace(0.1, 0.9, 9)
    u = fit.abduct(np.quantile(x[:4000], ranks), rows, rng)
    there = fit.forward({"q": np.ones(9)}, u)
    assert there == pytest.approx(-np.log(1 - ranks) - 1, abs=0.12)  # quantiles of the exponential


def test_what_cannot_be_used_is_refused():
    data = world(40)
    with pytest.raises(InputError, match="name none"):
        fitted(data.replacing(environment=None, environments=()))
    with pytest.raises(InputError, match="from one"):
        fitted(data[data.environment == 1])
    with pytest.raises(NeedsRows):
        fitted(data.moments())
    with pytest.raises(UnknownName, match="nearest"):
        fitted(data, changing=("zz",))
    with pytest.raises(InputError, match="collection of names"):
        rung.Regimes(GRAPH, changing="z")
    with pytest.raises(InputError, match="there is such a column"):
        fitted(data, name="x")
    with pytest.raises(InputError, match="alpha"):
        rung.Regimes(GRAPH, alpha=0)
    with pytest.raises(InputError, match="not a level"):
        rung.do(fitted(data), environment="d")
    bare = data.replacing(environment=None, environments=())
    with pytest.raises(InputError, match="'environment' is missing"):
        rung.counterfactual(fitted(data), bare[:2], y=1.0)
    with pytest.raises(InputError, match="say which"):
        q = [rung.Variable(v, rung.Kind.BINARY, (0, 1)) for v in "pq"]
        rung.ByLevel().fit(
            np.zeros(4),
            rung.Data(tuple(q), {"p": np.zeros(4), "q": np.ones(4)}),
            variable=rung.Variable("x"),
            rng=np.random.default_rng(0),
        )
