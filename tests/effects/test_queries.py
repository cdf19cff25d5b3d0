"""The queries on graphs, sets of graphs and adjustment sets; rows; bad input."""

import json

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, MissingCells, NotIdentified, Overlap, UnknownName
from rung.core.variable import Kind, Variable
from rung.effects import rows as row_rules
from rung.effects.candidates import candidates
from rung.effects.identification import oriented

QUICK = rung.Regression("linear", interactions=False)
CONFOUNDED = rung.Graph.parse("Z -> T; Z -> Y; T -> Y")


def table(n=800, seed=0, **extra):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    t = z + rng.normal(size=n)
    y = 2 * t + 3 * z + rng.normal(size=n)
    columns = {"Z": z, "T": t, "Y": y, **{k: f(rng, z, t, y) for k, f in extra.items()}}
    return rung.Data.from_matrix(np.column_stack(list(columns.values())), list(columns))


def arms(n=1000, seed=1, levels=(0, 1)):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    t = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(float)
    y = (rng.random(n) < 1 / (1 + np.exp(-(t + z)))).astype(float)
    variables = [
        Variable("Z"),
        Variable("T", Kind.BINARY, levels),
        Variable("Y", Kind.BINARY, (0, 1)),
    ]
    return rung.Data.from_matrix(np.column_stack([z, t, y]), variables=variables)


def test_repr_is_the_twelve_line_example():
    assert repr(rung.ATE("PKA", "Akt")) == 'ATE("PKA", "Akt")'


def test_default_contrast_of_a_dose_and_its_units():
    e = rung.effect(CONFOUNDED, table(), rung.ATE("T", "Y"), estimator=QUICK)
    low, high = np.quantile(table().column("T"), [0.25, 0.75])
    assert e.value == pytest.approx(2 * (high - low), abs=0.3)
    assert "percentiles 75 and 25" in e.contrast
    assert e.units == "units of Y"
    assert e.interval[0] < 2 * (high - low) < e.interval[1]
    assert e.estimand.text.startswith("E[Y | do(T=t)] = sum over Z")
    assert e.standing == "your graph"
    assert repr(e).startswith('ATE("T", "Y")')


def test_scales_follow_from_the_same_means():
    data = arms()
    by = {
        scale: rung.effect(
            CONFOUNDED, data, rung.ATE("T", "Y", scale=scale), estimator=rung.Regression("linear")
        )
        for scale in ("difference", "ratio", "odds ratio")
    }
    z, t, y = data.matrix().T
    from sklearn.linear_model import LogisticRegression

    means = []
    for a in (0, 1):
        fit = LogisticRegression(C=1e10, tol=1e-10).fit(z[t == a, None], y[t == a])
        means.append(fit.predict_proba(z[:, None])[:, 1].mean())
    m0, m1 = means
    assert by["difference"].value == pytest.approx(m1 - m0, abs=1e-4)
    assert by["ratio"].value == pytest.approx(m1 / m0, abs=1e-3)
    odds = m1 / (1 - m1) / (m0 / (1 - m0))
    assert by["odds ratio"].value == pytest.approx(odds, abs=1e-3)
    assert by["ratio"].interval[0] > 0
    names = [r.name for r in by["ratio"].refutations]
    assert "E-value" in names
    assert "E-value" not in [r.name for r in by["difference"].refutations]


def test_every_level_against_the_commonest_with_simultaneous_intervals():
    rng = np.random.default_rng(2)
    n = 3000
    t = rng.choice(3, size=n, p=[0.2, 0.5, 0.3]).astype(float)
    y = np.array([1.0, 0.0, 2.0])[t.astype(int)] + rng.normal(size=n)
    variables = [Variable("T", Kind.CATEGORICAL, ("a", "b", "c")), Variable("Y", unit="mm")]
    data = rung.Data.from_matrix(np.column_stack([t, y]), variables=variables)
    e = rung.effect(rung.Graph.parse("T -> Y"), data, rung.ATE("T", "Y"))
    levels = e.diagnostics["levels"]
    assert [v["contrast"] for v in levels] == ["T = a against b", "T = c against b"]
    assert e.units == "mm"
    for v, truth in zip(levels, (1.0, 2.0)):
        plain = 1.96 * np.sqrt(1 / (t != 1).sum() + 1 / (t == 1).sum())
        assert v["low"] < truth < v["high"]
        assert v["high"] - v["low"] > 2 * plain * 0.95
    one = rung.effect(
        rung.Graph.parse("T -> Y"), data, rung.ATE("T", "Y", treated="a", control="b")
    )
    assert one.interval[1] - one.interval[0] < levels[0]["high"] - levels[0]["low"]


def test_effect_on_the_treated_differs_where_the_effect_does():
    rng = np.random.default_rng(3)
    n = 4000
    z = rng.normal(size=n)
    t = (rng.random(n) < 1 / (1 + np.exp(-1.5 * z))).astype(float)
    y = t * (1 + z) + z + rng.normal(size=n)
    data = rung.Data.from_matrix(np.column_stack([z, t, y]), ["Z", "T", "Y"])
    treated = rung.effect(CONFOUNDED, data, rung.ATT("T", "Y"))
    assert treated.value == pytest.approx((1 + z)[t == 1].mean(), abs=0.15)
    assert treated.population == "the rows with T = 1"
    with pytest.raises(InputError, match="dose"):
        rung.effect(CONFOUNDED, table(), rung.ATT("T", "Y"))


def test_zero_by_the_graph():
    e = rung.effect(rung.Graph.parse("Y -> T; Z -> T; Z -> Y"), table(), rung.ATE("T", "Y"))
    assert (e.value, e.interval) == (0.0, (0.0, 0.0))
    assert "no directed path" in e.method


def test_not_identified_names_the_path():
    with pytest.raises(NotIdentified, match="T <-> Y"):
        rung.effect(rung.Graph.parse("T -> Y; T <-> Y"), table(), rung.ATE("T", "Y"))
    hidden = rung.Graph.parse("U -> T; U -> Y; T -> Y")
    with pytest.raises(NotIdentified, match="measuring U"):
        rung.effect(hidden, table(), rung.ATE("T", "Y"))


def test_equivalence_class_gives_the_range_and_no_number():
    data = table()
    whole = rung.Graph.complete(["Z", "T", "Y"])  # every orientation of the triangle
    e = rung.effect(whole, data, rung.ATE("T", "Y", treated=1, control=0), estimator=QUICK)
    x = data.matrix(["Z", "T", "Y"])
    z, t, y = x.T
    crude = np.polyfit(t, y, 1)[0]
    adjusted = np.linalg.lstsq(np.column_stack([np.ones(len(t)), t, z]), y, rcond=None)[0][1]
    values = sorted(p.value for p in e.parts)
    assert np.allclose(values, sorted([0.0, crude, adjusted]), atol=1e-9)
    assert np.isnan(e.value)
    assert e.interval[0] <= 0
    assert e.interval[1] > crude
    assert sum(p.weight for p in e.parts) == pytest.approx(1)
    assert len(list(oriented(whole, "T"))) == 4


def test_weighted_graphs_and_the_edge_that_decides():
    data = table()
    graphs = [(CONFOUNDED, 0.7), (rung.Graph.parse("Z -> T; Z -> Y; Y -> T"), 0.3)]
    e = rung.effect(graphs, data, rung.ATE("T", "Y", treated=1, control=0), estimator=QUICK)
    assert [p.weight for p in e.parts] == pytest.approx([0.7, 0.3])
    assert e.value == pytest.approx(2, abs=0.2)
    assert e.interval[0] == 0
    decider = e.diagnostics["decider"]
    assert decider["edge"] == "T - Y"
    assert "T -> Y (70% of the weight)" in decider["text"].replace("-->", "->")
    known = rung.Graph.parse("Z -> T; Z -> Y; T -> Y; T <-> Y")
    mixed = rung.effect(
        [(CONFOUNDED, 0.5), (known, 0.5)], data, rung.ATE("T", "Y"), estimator=QUICK
    )
    assert sorted(p.value is None for p in mixed.parts) == [False, True]
    assert any("no answer" in w for w in mixed.warnings)


def test_a_set_of_the_users_own_with_path_warning_and_both_numbers():
    data = table(
        M=lambda rng, z, t, y: t + rng.normal(size=len(t)),
        C=lambda rng, z, t, y: t + y + rng.normal(size=len(t)),
    )
    graph = rung.Graph.parse("Z -> T; Z -> Y; T -> M; M -> Y; T -> Y; T -> C; Y -> C")
    for extra, word in (("M", "causal path"), ("C", "effect of the treatment")):
        e = rung.effect(graph, data, rung.ATE("T", "Y", adjust=("Z", extra)), estimator=QUICK)
        assert any(word in w and extra in w for w in e.warnings)
        labels = [a["label"] for a in e.diagnostics["alternatives"]]
        assert labels[:2] == ["your adjustment set", "the graph's adjustment set"]
        assert e.value == e.diagnostics["alternatives"][0]["value"]
    alone = rung.effect(None, data, rung.ATE("T", "Y", adjust="Z"), estimator=QUICK)
    graph_answer = rung.effect(CONFOUNDED, data, rung.ATE("T", "Y"), estimator=QUICK)
    assert alone.value == pytest.approx(graph_answer.value)
    assert alone.standing == "your adjustment set"
    instrument = rung.effect(
        rung.Graph.parse("Z -> T; T -> Y"), data, rung.ATE("T", "Y", adjust="Z"), estimator=QUICK
    )
    assert any("precision" in w for w in instrument.warnings)


def test_cate_by_a_level_equals_the_effect_in_those_rows():
    data = arms(4000)
    group = Variable("G", Kind.BINARY, ("f", "m"))
    data = data.with_column(group, (np.arange(4000) % 2).astype(float))
    graph = rung.Graph.parse("Z -> T; Z -> Y; T -> Y; G")
    e = rung.effect(graph, data, rung.CATE("T", "Y", ("G",)), estimator=rung.Regression("linear"))
    rows = e.diagnostics["subgroups"]
    assert [r["contrast"] for r in rows] == ["G = f", "G = m"]
    alone = rung.effect(graph, data[::2], rung.ATE("T", "Y"), estimator=rung.Regression("linear"))
    assert rows[0]["value"] == pytest.approx(alone.value, abs=1e-6)
    assert rows[0]["high"] - rows[0]["low"] > alone.interval[1] - alone.interval[0]
    with pytest.raises(NotIdentified, match="comes after"):
        rung.effect(
            rung.Graph.parse("Z -> T; T -> Y; T -> G; Z -> Y"), data, rung.CATE("T", "Y", "G")
        )
    with pytest.raises(InputError, match="needs by="):
        rung.effect(graph, data, rung.CATE("T", "Y"), estimator=rung.Regression("linear"))


def interventional(targets):
    """Rows of the chain Z -> T -> M -> Y (and Z -> Y) under conditions with these targets."""
    rng = np.random.default_rng(4)
    names, parts, env = ["Z", "T", "M", "Y"], [], []
    for e, hit in enumerate(targets):
        n = 1500
        z = rng.normal(size=n) + (3 if "Z" in hit else 0)
        t = rng.normal(size=n) * 2 + 2 if "T" in hit else z + rng.normal(size=n)
        m = rng.normal(size=n) + 5 if "M" in hit else t + rng.normal(size=n)
        y = rng.normal(size=n) - 4 if "Y" in hit else m + 2 * z + rng.normal(size=n)
        parts.append(np.column_stack([z, t, m, y]))
        env += [e] * n
    flags = np.array([[name in hit for name in names] for hit in targets])
    return rung.Data.from_matrix(np.vstack(parts), names).replacing(
        environment=np.array(env), environments=tuple(f"c{e}" for e in range(len(targets))),
        targets=flags,
    )  # fmt: skip


CHAIN = rung.Graph.parse("Z -> T; T -> M; M -> Y; Z -> Y")


def test_rows_whose_condition_sets_the_outcome_or_a_mediator_are_left_out():
    data = interventional([(), ("Y",), ("M",), ("T",)])
    e = rung.effect(CHAIN, data, rung.ATE("T", "Y", treated=1, control=0), estimator=QUICK)
    assert e.n == 3000  # the plain rows and those that set the treatment
    assert e.value == pytest.approx(1, abs=4 * e.se)
    text = " ".join(e.warnings)
    assert "1500 rows were set apart" in text
    assert "sets M, between T and Y" in text
    assert "rows whose condition sets T are used" in text


def test_conditions_that_would_confound_are_left_out():
    """One condition sets T, another a cause of Y outside the set: pooled, they confound."""
    graph = rung.Graph.parse("T -> Y; W -> Y")
    rng = np.random.default_rng(5)
    blocks = []
    for shift_t, shift_w in ((0, 0), (3, 0), (0, 3)):
        t, w = rng.normal(size=500) + shift_t, rng.normal(size=500) + shift_w
        blocks.append(np.column_stack([t, w, t + 2 * w + rng.normal(size=500)]))
    data = rung.Data.from_matrix(np.vstack(blocks), ["T", "W", "Y"]).replacing(
        environment=np.repeat([0, 1, 2], 500), environments=("a", "b", "c"),
        targets=np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=bool),
    )  # fmt: skip
    assert row_rules.usable(data, graph, "T", "Y", ()).dropped == (2,)
    assert row_rules.usable(data, graph, "T", "Y", ("W",)).dropped == ()
    with pytest.raises(InputError, match="no row is left"):
        row_rules.usable(data.take(np.arange(1000, 1500)), rung.Graph.parse("T -> W; W -> Y"),
                         "T", "Y", ())  # fmt: skip


def test_poor_overlap_is_a_named_population_or_a_refusal():
    rng = np.random.default_rng(6)
    n = 3000
    z = rng.normal(size=n)
    t = (rng.random(n) < 1 / (1 + np.exp(-4 * z))).astype(float)
    y = t + z + rng.normal(size=n)
    data = rung.Data.from_matrix(np.column_stack([z, t, y]), ["Z", "T", "Y"])
    e = rung.effect(CONFOUNDED, data, rung.ATE("T", "Y"))
    assert e.population == "the overlap population"
    assert any("overlap" in w for w in e.warnings)
    assert e.interval[0] < 1 < e.interval[1]
    assert e.effective_n < n / 2
    apart = rung.Data.from_matrix(np.column_stack([z, (z > 0).astype(float), y]), ["Z", "T", "Y"])
    with pytest.raises(Overlap, match="hardly overlap|not comparable"):
        rung.effect(CONFOUNDED, apart, rung.ATE("T", "Y"))
    copied = rung.Data.from_matrix(np.column_stack([z, 2 * z, y]), ["Z", "T", "Y"])
    with pytest.raises(Overlap, match="hardly varies"):
        rung.effect(CONFOUNDED, copied, rung.ATE("T", "Y"))


def test_clusters_and_series_widen_the_interval_or_refuse():
    rng = np.random.default_rng(7)
    unit = np.repeat(np.arange(60), 10)
    z = rng.normal(size=600)
    t = rng.normal(size=60)[unit] + 0.3 * rng.normal(size=600)
    y = t + z + 2 * rng.normal(size=60)[unit] + rng.normal(size=600)
    plain = rung.Data.from_matrix(np.column_stack([z, t, y]), ["Z", "T", "Y"])
    query = rung.ATE("T", "Y", treated=1, control=0)
    graph = rung.Graph.parse("T -> Y; Z -> Y")
    iid = rung.effect(graph, plain, query, estimator=QUICK)
    by_unit = rung.effect(graph, plain.replacing(unit=unit), query, estimator=QUICK)
    assert by_unit.se > 2 * iid.se
    assert "clustered by unit" in by_unit.method
    assert any(a.name == "independent rows" and str(a.status) == "contradicted"
               for a in iid.assumptions)  # fmt: skip
    noise = rng.normal(size=(2, 2000))
    series = np.zeros((2, 2000))
    for k in range(1, 2000):
        series[:, k] = 0.7 * series[:, k - 1] + noise[:, k]
    y = series[0] + series[1]
    data = rung.Data.from_matrix(np.column_stack([series[0], y]), ["T", "Y"])
    one = rung.Graph.parse("T -> Y")
    timed = rung.effect(one, data.replacing(time=np.arange(2000.0)), query, estimator=QUICK)
    loose = rung.effect(one, data, query, estimator=QUICK)
    assert "blocks" in timed.method
    # AR(1) of both with 0.7: the variance grows by (1 + 0.49) / (1 - 0.49)
    assert timed.se / loose.se == pytest.approx(np.sqrt(1.49 / 0.51), rel=0.3)
    walk = np.cumsum(rng.normal(size=(200, 2)), axis=0)
    walk = rung.Data.from_matrix(walk, ["T", "Y"]).replacing(time=np.arange(200.0))
    with pytest.raises(InputError, match="autocorrelated"):
        rung.effect(one, walk, query)


def test_the_list_of_assumptions_and_what_the_report_reads():
    e = rung.effect(CONFOUNDED, arms(800), rung.ATE("T", "Y"))
    assert [a.name for a in e.assumptions] == [
        "no hidden common cause", "positivity", "one version of treatment", "no interference",
        "time order", "no selection of rows", "measurement", "independent rows", "model form",
    ]  # fmt: skip
    assert all(a.figure and a.consequence and a.statement for a in e.assumptions)
    stability = [r for r in e.refutations if r.kind == "stability"]
    assert {r.name for r in stability} == {"placebo treatment", "random subsets"}
    assert all("these cannot detect hidden confounding" in r.finding for r in stability)
    assert all(r.passed for r in stability)
    d = e.diagnostics
    assert {c["estimator"] for c in d["compare"]} == {"DoublyRobust", "Regression", "Weighting"}
    assert d["balance"][0]["name"] == "Z"
    assert d["balance"][0]["after"] < d["balance"][0]["before"]
    assert sum(d["overlap"]["treated"]) + sum(d["overlap"]["control"]) == 800
    json.dumps(d)
    json.dumps([dict(r.figures) for r in e.refutations])


def test_negative_control():
    data = table(N=lambda rng, z, t, y: z + rng.normal(size=len(z)))
    graph = rung.Graph.parse("Z -> T; Z -> Y; T -> Y; Z -> N")
    good = rung.effect(graph, data, rung.ATE("T", "Y", negative_control="N"), estimator=QUICK)
    found = {r.name: r for r in good.refutations}["negative control"]
    assert found.passed
    bad = rung.effect(
        rung.Graph.parse("T -> Y; Z; N"), data, rung.ATE("T", "Y", negative_control="N"),
        estimator=QUICK,
    )  # fmt: skip
    assert {r.name: r for r in bad.refutations}["negative control"].passed is False
    assert str(bad.assumptions[0].status) == "contradicted"


def test_same_seed_same_answer_and_order_of_rows_and_columns():
    data = arms(1500)
    first = rung.effect(CONFOUNDED, data, rung.ATE("T", "Y"), seed=3)
    again = rung.effect(CONFOUNDED, data, rung.ATE("T", "Y"), seed=3)
    assert (first.value, first.interval) == (again.value, again.interval)
    order = np.random.default_rng(8).permutation(1500)
    shuffled = rung.effect(CONFOUNDED, data.take(order), rung.ATE("T", "Y"), seed=3)
    assert shuffled.value == pytest.approx(first.value, abs=0.3 * first.se)
    columns = rung.effect(CONFOUNDED, data.select(["Y", "T", "Z"]), rung.ATE("T", "Y"), seed=3)
    assert columns.value == pytest.approx(first.value, abs=1e-9)
    names = {"Z": "a b", "T": "<t>", "Y": "z"}
    renamed = rung.effect(
        CONFOUNDED.relabel(names), data.renamed(names), rung.ATE("<t>", "z"), seed=3
    )
    assert renamed.value == pytest.approx(first.value, abs=1e-12)


def test_candidates_are_exploratory_and_simultaneous():
    data = table(W=lambda rng, z, t, y: rng.normal(size=len(z)))
    graph = rung.Graph.parse("Z -> T; Z -> Y; T -> Y; W")
    found = candidates(graph, data, "Y")
    assert [r["name"] for r in found.rows][-1] == "W"
    assert found.rows[-1]["value"] == 0
    assert "exploratory" in found.text
    assert "3 columns" in found.text
    single = rung.effect(graph, data, rung.ATE("T", "Y"), estimator=rung.Regression("spline"))
    mine = next(r for r in found.rows if r["name"] == "T")
    assert mine["low"] < single.interval[0]
    assert mine["high"] > single.interval[1]
    with pytest.raises(UnknownName):
        candidates(graph, data, "nope")


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        (lambda: rung.ATE("T", "T"), InputError, "both 'T'"),
        (lambda: rung.ATE("t", "Y"), UnknownName, "nearest"),
        (lambda: rung.ATE("T", "Q"), UnknownName, "unknown"),
        (lambda: rung.ATE("K", "Y"), InputError, "constant"),
        (lambda: rung.ATE("T", "K"), InputError, "constant"),
        (lambda: rung.ATE("T", "Y", treated=1), InputError, "both treated= and control="),
        (lambda: rung.ATE("T", "Y", treated=1, control=1), InputError, "two different"),
        (lambda: rung.ATE("T", "Y", treated=99, control=0), InputError, "outside the data"),
        (lambda: rung.ATE("T", "Y", scale="log"), InputError, "scale"),
        (lambda: rung.ATE("T", "Y", scale="odds ratio"), InputError, "binary outcome"),
        (lambda: rung.ATE("T", "Y", level=2), InputError, "confidence level"),
        (lambda: rung.ATE("T", "Y", adjust=("Y",)), InputError, "itself"),
        (lambda: rung.ATE("T", "Y", adjust=("no",)), UnknownName, "unknown"),
    ],
)  # fmt: skip
def test_bad_questions(query, error, words):
    data = table(K=lambda rng, z, t, y: np.ones(len(z)))
    graph = rung.Graph.parse("Z -> T; Z -> Y; T -> Y; K")
    with pytest.raises(error, match=words):
        rung.effect(graph, data, query())


def test_bad_tables():
    graph = rung.Graph.parse("Z -> T; Z -> Y; T -> Y")
    x = table(50).matrix().copy()
    x[3, 0] = np.nan
    holes = rung.Data.from_matrix(x, ["Z", "T", "Y"])
    with pytest.raises(MissingCells):
        rung.effect(graph, holes, rung.ATE("T", "Y"))
    kept = rung.effect(
        graph, holes.replacing(missing=rung.CompleteCases()), rung.ATE("T", "Y"), estimator=QUICK
    )
    assert kept.n == 49
    with pytest.raises(InputError, match="too few|rows"):
        rung.effect(graph, table(5), rung.ATE("T", "Y"))
    with pytest.raises(InputError, match="at least 10"):
        few = table(50).with_column(
            Variable("T", Kind.BINARY, (0, 1)), (np.arange(50) < 4).astype(float)
        )
        rung.effect(graph, few, rung.ATE("T", "Y"))
    with pytest.raises(InputError, match="expected a Graph"):
        rung.effect("Z -> T", table(), rung.ATE("T", "Y"))
    with pytest.raises(InputError, match="no graph"):
        rung.effect(None, table(), rung.ATE("T", "Y"))
