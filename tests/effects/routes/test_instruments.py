"""Instruments: other libraries' answers, exact enumeration, laws of the accepted sets, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.bench import card_schooling
from rung.bench.routes_worlds import WORLDS, complier_effect
from rung.core.errors import InputError, NotIdentified, UnknownName
from rung.effects.routes.criteria import front_door, instruments
from rung.effects.routes.linear_iv import (
    anderson_rubin,
    conditional_region,
    critical_value,
    k_class,
    quadratic_region,
    reduced_form,
    region,
    strength,
)

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "linearmodels_card.json").read_text("utf-8")
)
GIVEN = card_schooling.GIVEN
P = rung.Graph.parse
SETS = {"one": ("nearc4",), "two": ("nearc4", "nearc2")}


def ask(data, query, graph=None, estimator=None):
    return rung.effect(graph, data, query, estimator=estimator)


@pytest.mark.parametrize("many", ["one", "two"])
@pytest.mark.parametrize("liml", [False, True])
def test_card_as_in_linearmodels(many, liml):
    data, way = rung.datasets.load("card"), "liml" if liml else "2sls"
    query = rung.LATE("educ", "lwage", SETS[many], GIVEN)
    for robust, kind in ((False, "unadjusted"), (True, "robust")):
        found = ask(data, query, estimator=rung.TwoStage(liml=liml, robust=robust))
        value, se = GOLDEN[f"{many} {way} {kind}"]
        assert found.value == pytest.approx(value, abs=1e-9)
        # of robust LIML the library weighs the fitted treatment, here it is the k-class one
        assert found.se == pytest.approx(se, rel=1e-4 if liml and robust else 1e-9)
    region_of = data.replacing(unit=data.column("region").astype(np.int64))
    found = ask(region_of, query, estimator=rung.TwoStage(liml=liml))
    value, se = GOLDEN[f"{many} {way} region"]
    factor = np.sqrt(9 / 8)  # for few clusters, which the library leaves out
    assert found.se == pytest.approx(se * factor, rel=5e-3 if liml else 1e-9)


def test_card_sets_as_in_ivmodels():
    data = rung.datasets.load("card")
    plain, arguments = rung.TwoStage(robust=False), ("educ", "lwage")
    one = ask(data, rung.LATE(*arguments, "nearc4", GIVEN), estimator=plain)
    assert one.interval == pytest.approx(GOLDEN["one anderson-rubin"], abs=1e-9)
    two = rung.LATE(*arguments, SETS["two"], GIVEN)
    found = ask(data, two, estimator=rung.TwoStage(robust=False, conditional=False))
    assert found.interval == pytest.approx(GOLDEN["two anderson-rubin"], abs=1e-9)
    found = ask(data, two, estimator=plain)
    assert found.interval == pytest.approx(GOLDEN["two conditional"], abs=1e-6)
    statistic = found.refutations[0].figures["statistic"]
    assert statistic == pytest.approx(GOLDEN["two basmann"], abs=1e-7)


def test_evidence_on_card_holds():
    assert card_schooling.run().holds


def test_needed_f_is_that_of_the_paper():
    """Montiel Olea and Pflueger (2013), table 1: 23.1 for one instrument at 10%."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 1))
    form = reduced_form(z[:, 0], z[:, 0] + rng.normal(size=200), z, np.ones(200), None, 1,
                        robust=True)  # fmt: skip
    found = strength(form)
    assert found.needed == pytest.approx(23.1, abs=0.05)
    assert found.effective == pytest.approx(found.plain)


def made(seed, k=1, strength=0.5, n=200):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, k))
    u = rng.normal(size=n)
    x = strength * z.sum(axis=1) + u + rng.normal(size=n)
    y = x + u + rng.normal(size=n)
    centred = [v - v.mean(axis=0) for v in (y, x, z)]
    return reduced_form(*centred, np.ones(n), None, 1, robust=True)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 4), power=st.floats(-0.6, 0.6))
def test_accepted_sets_hold_what_the_test_accepts(seed, k, power):
    form = made(seed, k, power)
    estimate = k_class(form)
    accepted = region(form, 0.95, estimate.value, estimate.se)
    limit = critical_value(form, 0.95)
    at = estimate.value + estimate.se * np.tan(np.linspace(-1.5, 1.5, 301))
    inside = [any(low <= b <= high for low, high in accepted) for b in at]
    edges = [e for part in accepted for e in part if np.isfinite(e)]
    clear = [all(abs(b - e) > 1e-6 * (1 + abs(e)) for e in edges) for b in at]
    tested = anderson_rubin(form, at) <= limit
    assert [i for i, c in zip(inside, clear, strict=True) if c] == [
        bool(t) for t, c in zip(tested, clear, strict=True) if c
    ]
    for part in accepted:
        for e in part:
            if np.isfinite(e):
                assert anderson_rubin(form, e)[0] == pytest.approx(limit, rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_scaling_instruments_and_shifting_the_effect(seed, scale, shift):
    """Sets do not depend on the instruments' scale, and move with y + shift x."""
    form = made(seed, 2, 0.4)
    base = k_class(form)
    moved = reduced_form(form.y + shift * form.x, form.x, form.z * np.array([scale, -1.0]),
                         form.w, None, 1, robust=True)  # fmt: skip
    other = k_class(moved)
    assert other.value == pytest.approx(base.value + shift, abs=1e-7)
    for invert in (region, conditional_region):
        one = invert(form, 0.95, base.value, base.se)
        two = invert(moved, 0.95, other.value, other.se)
        assert np.allclose(np.array(two), np.array(one) + shift, atol=1e-5)


def test_quadratic_regions_of_all_kinds():
    inf = np.inf
    assert quadratic_region(1, 0, -4) == ((-2.0, 2.0),)
    assert quadratic_region(-1, 0, 4) == ((-inf, -2.0), (2.0, inf))
    assert quadratic_region(-1, 0, -1) == ((-inf, inf),)
    assert quadratic_region(1, 0, 1) == ()
    assert quadratic_region(0, 2, -4) == ((-inf, 2.0),)


def test_disjoint_and_unbounded_sets_are_said():
    kinds = set()
    for seed in range(40):
        data = WORLDS["one weak instrument"].data(np.random.default_rng([1, seed]))
        found = ask(data, rung.LATE("x", "y"), P("z0 -> x -> y; x <-> y"))
        parts = found.diagnostics["region"]
        assert any("weak instrument" in w for w in found.warnings)
        if len(parts) == 2:
            kinds.add("two rays")
            assert found.interval == (-np.inf, np.inf)
            assert parts[0][0] is None
            assert parts[1][1] is None
            assert any("or effects from" in w for w in found.warnings)
        elif parts[0] == [None, None]:
            kinds.add("line")
            assert any("do not bound" in w for w in found.warnings)
        json.dumps(dict(found.diagnostics))
    assert kinds == {"two rays", "line"}


def test_wald_ratio_without_covariates():
    """Both estimators give the plain Wald ratio."""
    rng = np.random.default_rng(0)
    z, u = rng.integers(0, 2, 500), rng.normal(size=500)
    x = (0.8 * z + u + rng.normal(size=500) > 0.4).astype(int)
    y = x + u
    data = rung.read(pd.DataFrame({"z": z, "x": x, "y": y}))
    wald = np.subtract(*(y[z == a].mean() for a in (1, 0))) / np.subtract(
        *(x[z == a].mean() for a in (1, 0))
    )
    graph = P("z -> x -> y; x <-> y")
    for estimator in (rung.TwoStage(), rung.DoublyRobustIV(), None):
        found = ask(data, rung.LATE("x", "y"), graph, estimator)
        assert found.value == pytest.approx(wald, abs=0.05)  # cross-fitted means differ a little
    assert ask(data, rung.LATE("x", "y"), graph, rung.TwoStage()).value == pytest.approx(wald)
    other = ask(data, rung.LATE("x", "y", treated=0, control=1), graph, rung.TwoStage())
    assert other.value == pytest.approx(-wald)


def test_formula_on_a_table_is_the_complier_effect():
    """Exact enumeration over compliance types."""
    shares = {"never": 0.3, "complier": 0.5, "always": 0.2}
    effect = {"never": 0.1, "complier": 0.3, "always": -0.2}
    table = np.zeros((2, 2, 2, 2))  # c, z, x, y
    total = mass = 0.0
    for c in (0, 1):
        for z in (0, 1):
            pz = 0.3 + 0.4 * c
            for kind, share in shares.items():
                tilt = share if kind == "always" else share * (1 + (0.2 if kind == "complier" else
                                                                    -1 / 3) * c)  # fmt: skip
                x = {"never": 0, "complier": z, "always": 1}[kind]
                p1 = 0.4 + 0.1 * c + effect[kind] * x
                weight = 0.5 * (pz if z else 1 - pz) * tilt
                table[c, z, x, 1] += weight * p1
                table[c, z, x, 0] += weight * (1 - p1)
                if kind == "complier":
                    total += weight * effect[kind]
                    mass += weight
    graph = P("c -> z; c -> x; c -> y; z -> x; x -> y; x <-> y")
    wald = rung.LATE("x", "y").identified_on(graph)
    assert wald.evaluate(table, ("c", "z", "x", "y")) == pytest.approx(total / mass)
    assert "z" in wald.words
    assert r"\frac" in wald.latex


def test_compliers_with_covariates_in_a_large_sample():
    data = WORLDS["compliers"].draw(np.random.default_rng(0), 40_000)
    graph = WORLDS["compliers"].graph
    rows = rung.read(pd.DataFrame(data))
    found = ask(rows, rung.LATE("x", "y"), graph)
    assert found.value == pytest.approx(complier_effect(), abs=4 * found.se)
    assert found.se < 0.04
    naive = ask(rows, rung.ATE("x", "y", adjust=("c",)), graph)
    assert abs(naive.value - complier_effect()) > 5 * found.se


def test_the_graph_gives_instrument_and_covariates():
    graph = P("w -> z; w -> y; z -> x -> y; x <-> y; z2 -> x; z2 -> y")
    (found,) = instruments(graph, "x", "y")
    assert (found.name, found.given, found.unconfounded) == ("z", ("w",), True)
    assert instruments(P("z -> x -> y; x <-> y; z -> y"), "x", "y") == []
    (proxy,) = instruments(P("z <-> x; x -> y; x <-> y"), "x", "y")
    assert not proxy.unconfounded
    assert front_door(graph, "x", "y") is None


@pytest.mark.parametrize(
    ("graph", "query", "said"),
    [
        ("z -> x -> y; x <-> y; z -> y", rung.LATE("x", "y"), "no instrument"),
        ("z -> x -> y; x <-> y; z -> y", rung.LATE("x", "y", "z"), "joins z to y past x"),
        ("x -> z; x -> y; x <-> y", rung.LATE("x", "y", "z"), "x moves z"),
        ("z o-> x; x -> y", rung.LATE("x", "y", "z"), "undecided"),
    ],
)
def test_refused_with_the_reason(graph, query, said):
    rng = np.random.default_rng(0)
    data = rung.read(pd.DataFrame(rng.normal(size=(50, 3)), columns=list("zxy")))
    with pytest.raises(NotIdentified, match=said):
        ask(data, query, P(graph))


def test_declared_instrument_against_the_graph_is_a_warning():
    rng = np.random.default_rng(0)
    z = rng.normal(size=300)
    data = rung.read(pd.DataFrame({"z": z, "x": z + rng.normal(size=300), "y": z}))
    found = ask(data, rung.LATE("x", "y", "z", ()), P("z -> x -> y; z -> y"))
    assert any("used as declared" in w for w in found.warnings)
    assert ask(data, rung.LATE("x", "y", "z", ())).standing == "your instrument"


def test_bad_questions():
    with pytest.raises(InputError, match="two roles"):
        rung.LATE("x", "y", "x")
    with pytest.raises(InputError, match="both treated"):
        rung.LATE("x", "y", "z", treated=1)
    with pytest.raises(InputError, match="name one"):
        rung.LATE("x", "y", ())
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("zxy"))
    frame["one"] = 1.0
    frame["word"] = rng.choice(["a", "b", "c"], 60)
    frame["copy"] = frame.z
    data = rung.read(frame)
    for query, error, said in (
        (rung.LATE("x", "y", "q", ()), UnknownName, "q"),
        (rung.LATE("x", "y", "one", ()), InputError, "constant"),
        (rung.LATE("x", "y", "z", ("copy",)), InputError, "no variation"),
        (rung.LATE("word", "y", "z", ()), InputError, "no numbers"),
        (rung.LATE("x", "word", "z", ()), InputError, "categorical"),
        (rung.LATE("x", "y", None, ()), InputError, "no graph"),
    ):
        with pytest.raises(error, match=said):
            ask(data, query)
    with pytest.raises(InputError, match="TwoStage"):
        ask(data, rung.LATE("x", "y", "z", ()), estimator=rung.DoublyRobust())
    with pytest.raises(InputError, match="rows"):
        ask(data[:8], rung.LATE("x", "y", "z", ("word",)))


def test_twice_the_same_instrument_counts_once():
    rng = np.random.default_rng(1)
    z = rng.normal(size=200)
    x = z + rng.normal(size=200)
    frame = pd.DataFrame({"z": z, "again": 2 * z, "x": x, "y": x + rng.normal(size=200)})
    data = rung.read(frame)
    one = ask(data, rung.LATE("x", "y", "z", ()), estimator=rung.TwoStage())
    two = ask(data, rung.LATE("x", "y", ("z", "again"), ()), estimator=rung.TwoStage())
    assert two.value == pytest.approx(one.value)
    assert two.interval == pytest.approx(one.interval)


def test_mixture_over_graphs():
    """Graphs with and without the instrument: the parts say which is which."""
    data = WORLDS["one strong instrument"].data(np.random.default_rng(2))
    good, bad = P("z0 -> x -> y; x <-> y"), P("z0 -> x -> y; x <-> y; z0 -> y")
    found = rung.effect([(good, 0.6), (bad, 0.4)], data, rung.LATE("x", "y"))
    assert found.parts[0].value == found.value
    assert found.parts[1].value is None
    assert any("40%" in w for w in found.warnings)
    again = rung.effect([(good, 0.6), (bad, 0.4)], data, rung.LATE("x", "y"))
    assert again.interval == found.interval


def test_invalid_instruments_fail_the_inequalities():
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 2000)
    x = (rng.random(2000) < 0.3 + 0.2 * z).astype(int)
    fine = rung.read(pd.DataFrame({"z": z, "x": x, "y": x + rng.normal(size=2000)}))
    bad = rung.read(pd.DataFrame({"z": z, "x": x, "y": x + 3 * z + rng.normal(size=2000)}))
    results = [ask(d, rung.LATE("x", "y", "z", ())).refutations[-1].passed for d in (fine, bad)]
    assert results == [True, False]


def test_conditions_are_held_fixed():
    """The condition moves instrument and outcome: without it the ratio is far off."""
    rng = np.random.default_rng(0)
    e = rng.integers(0, 2, 4000)
    z = (rng.random(4000) < 0.2 + 0.6 * e).astype(int)
    u = rng.normal(size=4000)
    x = 0.8 * z + u + rng.normal(size=4000)
    frame = pd.DataFrame({"z": z, "x": x, "y": x + u + 2 * e, "e": e})
    data = rung.read(frame, environment="e")
    found = ask(data, rung.LATE("x", "y"), P("z -> x -> y; x <-> y"))
    assert found.value == pytest.approx(1.0, abs=4 * found.se)
    assert any("held fixed" in w for w in found.warnings)
    pooled = ask(rung.read(frame.drop(columns="e")), rung.LATE("x", "y"), P("z -> x -> y; x <-> y"))
    assert pooled.value > 1.5
    aimed = rung.read(frame, environment="e", targets={1: "y"})
    assert ask(aimed, rung.LATE("x", "y"), P("z -> x -> y; x <-> y")).n == int((e == 0).sum())
