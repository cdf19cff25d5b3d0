"""Laws of structural causal models (Galles and Pearl 1998; Pearl 2009, chapter 7)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.core.scm import SCM
from rung.simulate import DiscreteSCM, Laplace, LinearSCM, MixedSCM, NonlinearSCM, joint

SPECS = {
    "linear": LinearSCM(5, 2.5, noise=Laplace()),
    "nonlinear": NonlinearSCM(5, 2.5, interactions=0.5),
    "discrete": DiscreteSCM(5, 2.5),
    "mixed": MixedSCM(6, 2.5, binary=2, categorical=1, counts=1, curves=True),
}
models = st.tuples(st.sampled_from(sorted(SPECS)), st.integers(0, 10_000))
PROFILE = settings(max_examples=15, deadline=None, derandomize=True)


def make(which: tuple[str, int]) -> tuple[SCM, np.random.Generator]:
    rng = np.random.default_rng(which[1])
    return SPECS[which[0]].scm(rng), rng


def a_value(scm: SCM, name: str, rng: np.random.Generator):
    v = next(v for v in scm.variables if v.name == name)
    if v.kind == "count":
        return int(rng.poisson(2.0))
    return v.levels[rng.integers(v.size)] if v.discrete else float(rng.normal())


def paths(graph: rung.Graph, x: str, y: str) -> list[list[str]]:
    """Directed paths, by walking from x."""
    if x == y:
        return [[y]]
    return [[x, *rest] for child in graph.children(x) for rest in paths(graph, child, y)]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.allclose(a, b, rtol=1e-9, atol=1e-9)


@PROFILE
@given(models)
def test_do_of_nothing_is_identity(which):
    scm, _ = make(which)
    assert np.array_equal(scm.do().sample(50, seed=1).values, scm.sample(50, seed=1).values)


@PROFILE
@given(models)
def test_effectiveness(which):
    scm, rng = make(which)
    for name in scm.names:
        value = a_value(scm, name, rng)
        assert (scm.do(rung.Do(name, value)).sample(20, seed=1)[name] == value).all()
        units = scm.sample(20, seed=2)
        assert (rung.counterfactual(scm, units, {name: value})[name] == value).all()


@PROFILE
@given(models)
def test_counterfactual_without_change_is_the_fact(which):
    scm, _ = make(which)
    units = scm.sample(30, seed=3)
    assert np.array_equal(rung.counterfactual(scm, units).values, units.values)


@PROFILE
@given(models)
def test_consistency_setting_what_was_observed_changes_nothing(which):
    scm, _ = make(which)
    units = scm.sample(30, seed=3)
    for name in scm.names:
        draws = rung.counterfactual(scm, units, {name: units[name]})
        assert np.array_equal(draws.values, units.values)


@PROFILE
@given(models)
def test_noise_reproduces_the_units(which):
    """forward(parents, abduct(x)) is x, whatever the posterior draw."""
    scm, rng = make(which)
    units = scm.sample(200, seed=3)
    for name, mechanism in scm.mechanisms.items():
        parents = {p.name: units.column(p.name) for p in mechanism.parents}
        x = units.column(name)
        again = mechanism.forward(parents, mechanism.abduct(x, parents, rng))
        exact = scm.structural(name).exact
        assert np.allclose(again, x, atol=1e-12) if exact else np.array_equal(again, x)


@PROFILE
@given(models, st.data())
def test_composition(which, data):
    """If W is w under do(x), then do(x, w) changes nothing more (Pearl 2009, eq. 7.19)."""
    scm, rng = make(which)
    x, w = data.draw(st.permutations(scm.names))[:2]
    value = a_value(scm, x, rng)
    noise = scm.draw(40, rng=rng)
    world = scm.do(rung.Do(x, value)).run(noise)
    both = scm.do(rung.Do(x, value), rung.Do(w, world[w])).run(noise)
    assert same(world.values, both.values)


@PROFILE
@given(models, st.data())
def test_reversibility(which, data):
    """W_xy = w and Y_xw = y imply Y_x = y (Pearl 2009, eq. 7.20)."""
    scm, rng = make(which)
    x, w, y = data.draw(st.permutations(scm.names))[:3]
    noise = scm.draw(40, rng=rng)
    do_x = rung.Do(x, a_value(scm, x, rng))
    plain = scm.do(do_x).run(noise)
    w_value = scm.do(do_x, rung.Do(y, plain[y])).run(noise)[w]
    y_value = scm.do(do_x, rung.Do(w, w_value)).run(noise)
    assert same(y_value.column(y), plain.column(y))


@PROFILE
@given(models)
def test_only_descendants_move(which):
    scm, rng = make(which)
    name = scm.names[int(rng.integers(len(scm.names)))]
    units = scm.sample(30, seed=3)
    draws = rung.counterfactual(scm, units, {name: a_value(scm, name, rng)})
    downstream = {name, *rung.graphs.descendants(scm.graph, [name])}
    for other in set(scm.names) - downstream:
        assert (draws.columns[other] == units.column(other)).all()


@PROFILE
@given(models)
def test_levels_are_always_possible(which):
    scm, rng = make(which)
    units = scm.sample(30, seed=3)
    for name in scm.names:
        draws = rung.counterfactual(scm, units, {name: a_value(scm, name, rng)})
        for v in scm.variables:
            if v.kind == "count" and v.name != name:
                column = draws.columns[v.name]
                assert ((column >= 0) & (column == np.rint(column))).all()
            if v.discrete:
                assert np.isin(draws.columns[v.name], np.arange(v.size)).all()
                total = sum(draws.prob(v.name, level) for level in v.levels)
                assert np.allclose(total, 1.0)


@PROFILE
@given(models)
def test_interventions_compose_from_left_to_right(which):
    scm, _ = make(which)
    name = scm.names[0]
    if next(v for v in scm.variables if v.name == name).discrete:
        return
    made = scm.do(rung.Do(name, 1.0), rung.Shift(name, 2.0), rung.Scale(name, 3.0))
    assert np.allclose(made.sample(5, seed=1)[name], 9.0)
    assert np.allclose(scm.do(rung.Shift(name, 2.0), rung.Do(name, 1.0)).sample(5)[name], 1.0)
    shifted = scm.do(rung.Shift(name, 2.0)).sample(5, seed=1)[name]
    assert np.allclose(shifted, scm.sample(5, seed=1)[name] + 2.0)
    two = scm.do(rung.Do(name, 1.0)).do(rung.Shift(name, 2.0)).sample(5, seed=1)[name]
    assert np.allclose(two, 3.0)


@PROFILE
@given(st.integers(0, 10_000))
def test_discrete_marginals_are_the_truncated_factorisation(seed):
    """`joint` against a product written out here, cell by cell."""
    rng = np.random.default_rng(seed)
    scm = DiscreteSCM(4, 2.0).scm(rng)
    x = scm.names[int(rng.integers(4))]
    level = int(rng.integers(scm.mechanisms[x].variable.size))
    found = joint(scm, [rung.Do(x, level)])
    for cell in itertools.product(*(range(v.size) for v in scm.variables)):
        at = dict(zip(scm.names, cell))
        p = float(at[x] == level)
        for name in scm.names:
            if name != x:
                m = scm.mechanisms[name]
                p *= m.table[(*(at[q.name] for q in m.parents), at[name])]
        assert found[cell] == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_samples_of_discrete_models_follow_the_truncated_factorisation(seed):
    from scipy.stats import chisquare

    rng = np.random.default_rng(seed)
    scm = DiscreteSCM(4, 2.0, alpha=2.0).scm(rng)
    x = scm.names[seed]
    p = joint(scm, [rung.Do(x, 1)])
    rows = scm.do(rung.Do(x, 1)).sample(40_000, seed=seed)
    shape = p.shape
    codes = np.stack([rows.column(k).astype(int) for k in scm.names])
    counts = np.bincount(np.ravel_multi_index(codes, shape), minlength=p.size)
    expected = p.ravel() * 40_000
    often = expected > 5
    assert counts[p.ravel() == 0].sum() == 0
    observed = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum())
    keep = wanted > 0
    assert chisquare(observed[keep], wanted[keep]).pvalue > 1e-3


@PROFILE
@given(st.integers(0, 10_000))
def test_linear_interventional_mean_is_the_sum_over_paths(seed):
    """Without noise in the answer: the same units under do(x = 1) and do(x = 0)."""
    rng = np.random.default_rng(seed)
    scm = LinearSCM(6, 3.0).scm(rng)
    x = scm.names[int(rng.integers(6))]
    noise = scm.draw(3, rng=rng)
    gap = scm.do(rung.Do(x, 1.0)).run(noise).values - scm.do(rung.Do(x, 0.0)).run(noise).values
    weight = {
        (p.name, name): m.predictor.effects[i][0, 0]
        for name, m in scm.mechanisms.items()
        for i, p in enumerate(m.parents)
    }
    for j, y in enumerate(scm.names):
        walks = [list(itertools.pairwise(path)) for path in paths(scm.graph, x, y)]
        total = sum(np.prod([weight[step] for step in walk]) for walk in walks)
        assert np.allclose(gap[:, j], total, atol=1e-10)


def test_counterfactual_probabilities_are_the_posterior_over_the_noise():
    """X -> Y binary with monotone noise: P(Y_0 = 0 | X = 1, Y = 1) in closed form.

    With u uniform and Y = 1 iff u > 1 - p(x): P = (p1 - p0) / p1 for p1 > p0, the probability
    of necessity (Pearl 2009, eq. 9.22).
    """
    x, y = (rung.Variable(k, "binary", (0, 1)) for k in "xy")
    table = rung.mechanisms.table.Table
    scm = SCM(
        rung.Graph.parse("x -> y"),
        {
            "x": table(x, (), np.array([0.5, 0.5])),
            "y": table(y, (x,), np.array([[0.7, 0.3], [0.2, 0.8]])),
        },
    )
    n = 4000
    units = rung.Data((x, y), {"x": np.ones(n), "y": np.ones(n)})
    p = rung.counterfactual(scm, units, x=0).prob("y", 0).mean()
    assert p == pytest.approx((0.8 - 0.3) / 0.8, abs=5 * np.sqrt(0.25 / (40 * n)))


def test_gumbel_max_counterfactual_against_rejection():
    """Posterior by exponential races equals brute-force conditioning of Gumbel noise."""
    x = rung.Variable("x", "binary", (0, 1))
    y = rung.Variable("y", "categorical", ("a", "b", "c"))
    p = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    table = rung.mechanisms.table.Table
    scm = SCM(
        rung.Graph.parse("x -> y"),
        {"x": table(x, (), np.array([0.5, 0.5])), "y": table(y, (x,), p)},
    )
    n = 3000
    units = rung.Data((x, y), {"x": np.zeros(n), "y": np.full(n, 2.0)})
    draws = rung.counterfactual(scm, units, x=1)
    found = [draws.prob("y", level).mean() for level in "abc"]
    g = np.random.default_rng(0).gumbel(size=(400_000, 3))
    kept = g[(np.log(p[0]) + g).argmax(axis=1) == 2]
    brute = np.bincount((np.log(p[1]) + kept).argmax(axis=1), minlength=3) / len(kept)
    assert np.allclose(found, brute, atol=0.01)


@PROFILE
@given(st.integers(0, 10_000))
def test_swap_gives_the_natural_direct_effect(seed):
    """Linear X -> M -> Y <- X: NDE is the coefficient of X in Y, NIE the product a b."""
    rng = np.random.default_rng(seed)
    spec = LinearSCM(graph=rung.Graph.parse("X -> M; M -> Y; X -> Y"))
    scm = spec.scm(rng)
    names = scm.names
    w = {
        (p.name, k): m.predictor.effects[i][0, 0]
        for k, m in scm.mechanisms.items()
        for i, p in enumerate(m.parents)
    }
    noise = scm.draw(10, rng=rng)
    base = scm.do(rung.Do("X", 0.0)).run(noise)["Y"]
    hold = rung.Swap("M", under=rung.Do("X", 0.0))
    direct = scm.do(rung.Do("X", 1.0), hold).run(noise)["Y"] - base
    moved = rung.Swap("M", under=rung.Do("X", 1.0))
    indirect = scm.do(rung.Do("X", 0.0), moved).run(noise)["Y"] - base
    assert np.allclose(direct, w["X", "Y"], atol=1e-10)
    assert np.allclose(indirect, w["X", "M"] * w["M", "Y"], atol=1e-10)
    assert set(names) == {"X", "M", "Y"}


def test_swap_of_other_units_in_a_counterfactual_with_draws():
    scm = MixedSCM(graph=rung.Graph.parse("a -> b; b -> c"), binary=0, categorical=1).scm(
        np.random.default_rng(5)
    )
    units, others = scm.sample(7, seed=1), scm.sample(7, seed=2)
    draws = rung.counterfactual(scm, units, rung.Swap("b", units=others))
    assert np.array_equal(draws["b"], others["b"])
    named = rung.counterfactual(scm, units, b=rung.Swap(others))  # the name said beside it
    assert all(np.array_equal(named[v], draws[v]) for v in "abc")
    one = rung.counterfactual(scm, units, rung.Swap("b", units=others[2]))
    assert (one["b"] == others["b"][2]).all()
    with pytest.raises(rung.core.errors.InputError, match="other units"):
        rung.counterfactual(scm, units, rung.Swap("b", units=others[:3]))


def test_values_for_each_unit_survive_posterior_draws():
    scm = DiscreteSCM(4, 2.0).scm(np.random.default_rng(3))
    units = scm.sample(6, seed=1)
    name = scm.graph.topological_order()[0]
    values = 1 - np.minimum(units[name], 1)
    assert np.array_equal(rung.counterfactual(scm, units, {name: values})[name], values)


def test_policy_reads_other_variables_and_refuses_descendants():
    scm = LinearSCM(graph=rung.Graph.parse("a -> b; b -> c")).scm(np.random.default_rng(0))
    made = scm.do(rung.Policy("b", lambda a: 2 * a, ("a",))).sample(10, seed=0)
    assert np.allclose(made["b"], 2 * made["a"])
    with pytest.raises(rung.core.errors.InputError, match="cycle"):
        scm.do(rung.Policy("a", lambda c: c, ("c",))).sample(10, seed=0)


def test_replace_keeps_the_noise_of_the_unit():
    scm = LinearSCM(graph=rung.Graph.parse("a -> b")).scm(np.random.default_rng(0))
    a, b = scm.mechanisms["a"].variable, scm.mechanisms["b"].variable
    new = rung.mechanisms.linear.Linear.of(b, [a], [10.0])
    units = scm.sample(5, seed=0)
    slope = scm.mechanisms["b"].predictor.effects[0][0, 0]
    expected = units["b"] + (10.0 - slope) * units["a"]
    assert np.allclose(rung.counterfactual(scm, units, rung.Replace("b", new))["b"], expected)


@PROFILE
@given(st.integers(0, 10_000))
def test_noise_posterior_averages_to_the_prior(seed):
    """Noise abducted from the model's own samples is distributed like the noise itself."""
    from scipy.stats import kstest

    rng = np.random.default_rng(seed)
    scm = MixedSCM(4, 2.0, binary=2, categorical=1).scm(rng)
    units = scm.sample(3000, seed=rng)
    noise = scm.abduct(units, rng=rng)
    for name, mechanism in scm.mechanisms.items():
        if mechanism.variable.kind == "binary":
            assert kstest(noise[name], "uniform").pvalue > 1e-6
        if mechanism.variable.kind == "categorical":
            assert kstest(noise[name].ravel(), "expon").pvalue > 1e-6


def test_levels_of_units_are_recoded_to_those_of_the_model():
    scm = DiscreteSCM(graph=rung.Graph.parse("a -> b"), levels=(3, 3)).scm(np.random.default_rng(0))
    units = scm.sample(50, seed=0)
    turned = rung.Variable("a", "categorical", (2, 1, 0))
    other = units.with_column(turned, turned.encode(units["a"]))
    assert np.array_equal(rung.counterfactual(scm, other).values, units.values)
    strange = rung.Variable("a", "categorical", (2, 1, 7))
    with pytest.raises(rung.core.errors.InputError, match="7 is not a level"):
        rung.counterfactual(scm, units.with_column(strange, np.full(50, 2.0)))


def test_ensemble_weights():
    spec = LinearSCM(graph=rung.Graph.parse("a -> b"), standardise=False)
    parts = tuple(spec.scm(np.random.default_rng(s)) for s in (0, 1))
    mix = rung.Ensemble(parts, np.array([3.0, 1.0]), tuple(p.graph for p in parts))
    slopes = [p.mechanisms["b"].predictor.effects[0][0, 0] for p in parts]
    high, low = (mix.do(rung.Do("a", v)).sample(40_000, seed=0)["b"].mean() for v in (1.0, 0.0))
    assert high - low == pytest.approx(0.75 * slopes[0] + 0.25 * slopes[1], abs=0.05)
    units = parts[0].sample(4, seed=0)
    draws = rung.counterfactual(mix, units, a=units["a"] + 1)
    move = draws["b"] - units["b"]
    assert np.allclose(move, 0.75 * slopes[0] + 0.25 * slopes[1])
    assert np.allclose(draws.weights, [0.75, 0.25])
    assert np.array_equal(rung.counterfactual(mix, units).values, units.values)


def test_an_equivalence_class_reports_its_range():
    graph = rung.Graph.parse("a -- b")
    data = LinearSCM(graph=rung.Graph.parse("a -> b")).draw(500, rng=np.random.default_rng(0))[0]
    model = rung.fit(graph, data, mechanisms=rung.mechanisms.LinearGaussian())
    assert isinstance(model, rung.Ensemble)
    assert model.meaning == "equivalence class"
    draws = rung.counterfactual(model, data[:5], a=3.0)
    low, high = draws.interval(0.5)["b"]
    assert np.allclose(np.sort(draws.columns["b"], axis=0), [low, high])
    assert any(np.allclose(end, data["b"][:5]) for end in (low, high))  # b -> a: b stays


def test_units_must_be_complete():
    scm = LinearSCM(graph=rung.Graph.parse("a -> b")).scm(np.random.default_rng(0))
    units = scm.sample(3, seed=0)
    holes = rung.Data(
        units.described, {"a": units["a"], "b": np.array([1.0, np.nan, 2.0])},
        missing=rung.CompleteCases(),
    )  # fmt: skip
    with pytest.raises(rung.core.errors.MissingCells, match="unit 1 has no value of 'b'"):
        rung.counterfactual(scm, holes, a=1.0)
    kept = holes[~holes.mask.any(axis=1)]
    assert len(rung.counterfactual(scm, kept, a=1.0)) == 2
    with pytest.raises(rung.core.errors.InputError, match="'b' is missing"):
        rung.counterfactual(scm, units.select(["a"]), a=1.0)


def test_impossible_values_are_named_when_they_are_set():
    scm = DiscreteSCM(graph=rung.Graph.parse("a -> b")).scm(np.random.default_rng(0))
    with pytest.raises(rung.core.errors.InputError, match="'high' is not a level of 'a'"):
        rung.do(scm, a="high")
    with pytest.raises(rung.core.errors.UnknownName, match="unknown variable 'A'"):
        rung.do(scm, A=1)
    linear = LinearSCM(graph=rung.Graph.parse("a -> b")).scm(np.random.default_rng(0))
    with pytest.raises(rung.core.errors.InputError, match="not finite"):
        rung.do(linear, a=np.inf)
    with pytest.raises(rung.core.errors.InputError, match="one a unit"):
        rung.do(linear, a=[1.0, 2.0]).sample(3)
    with pytest.raises(rung.core.errors.InputError, match="Shift needs a number"):
        rung.do(scm, rung.Shift("a", 1)).sample(3)
