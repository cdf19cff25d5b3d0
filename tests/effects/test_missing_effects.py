"""Effects with missing cells: coverage by simulation, every kind of query, refusals by name."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import rung
from rung.core.budget import start
from rung.core.errors import InputError, MissingCells, NotSupported
from rung.core.result import lock
from rung.core.variable import Kind, Variable
from rung.core.weighted import weighted
from rung.effects.completed import completed
from rung.effects.queries import ATE, ATT, CATE
from rung.inference.rubin import pool

GRAPH = rung.Graph.parse("z -> t; z -> y; t -> y")
QUICK = rung.Regression("linear", interactions=False)
DOSE = ATE("t", "y", treated=1.0, control=0.0)
FEW = rung.EM(draws=5)


def confounded(seed: int, n: int = 200) -> rung.Data:
    """y = t + 1.5 z + noise; the confounder is missing more often where y is large: MAR."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    t = 0.8 * z + rng.normal(size=n)
    y = t + 1.5 * z + rng.normal(size=n)
    z = np.where(rng.random(n) < 1 / (1 + np.exp(-(1.5 * y - 0.5))), np.nan, z)
    return rung.Data.from_matrix(np.c_[z, t, y], ["z", "t", "y"])


def least_squares(x: np.ndarray) -> tuple[float, float]:
    """Slope of t and its variance in the regression of y on z and t."""
    design = np.c_[np.ones(len(x)), x[:, :2]]
    bread = np.linalg.inv(design.T @ design)
    b = bread @ design.T @ x[:, 2]
    left = x[:, 2] - design @ b
    return float(b[2]), float(bread[2, 2] * left @ left / (len(x) - 3))


def test_intervals_over_completed_tables_cover_where_complete_cases_do_not():
    """60 data sets: at least 91% covered (0.95 less two binomial errors is 0.894), bias below
    0.03; complete cases are off by more than 0.08 and cover less than 85%."""
    covered, errors, cases, covered_cases = [], [], [], []
    for seed in range(60):
        data = confounded(seed)
        rng = np.random.default_rng(seed)
        with_em = data.replacing(missing=rung.EM(draws=10))
        tables = completed(GRAPH, with_em, DOSE, run=start(None), rng=rng).tables
        fits = [least_squares(t.matrix(["z", "t", "y"])) for t in tables]
        found = pool([[b] for b, _ in fits], [[[v]] for _, v in fits], data.n - 3)
        half = stats.t.ppf(0.975, found.freedom[0]) * np.sqrt(found.covariance[0, 0])
        covered.append(abs(found.values[0] - 1) <= half)
        errors.append(found.values[0] - 1)
        x = data.matrix(["z", "t", "y"])
        b, v = least_squares(x[~np.isnan(x).any(axis=1)])
        cases.append(b - 1)
        covered_cases.append(abs(b - 1) <= 1.98 * np.sqrt(v))
    assert np.mean(covered) >= 0.91
    assert abs(np.mean(errors)) < 0.03
    assert np.mean(cases) < -0.08
    assert np.mean(covered_cases) < 0.85


def test_the_estimate_says_what_was_done():
    data = confounded(1, 150).replacing(missing=FEW)
    found = rung.effect(GRAPH, data, DOSE, estimator=QUICK)
    assert found.n == 150
    assert "5 tables completed from an SCM fitted to the graph" in found.method
    assert "pooled by Rubin's rules (fraction of missing information" in found.method
    about = found.diagnostics["imputation"]
    assert about["imputations"] == 5
    assert 0 < about["missing_information"] < 1
    assert found.value == pytest.approx(np.mean(about["values"]))
    total = np.mean(np.square(about["se"])) + 1.2 * np.var(about["values"], ddof=1)
    assert found.se == pytest.approx(np.sqrt(total))
    assert any("EM: missing cells were replaced" in w for w in found.warnings)
    assert {"rubin1987", "barnard1999", "honaker2010"} <= set(found.cites)
    assert len(found.refutations) > 1
    assert "rubin" in found.cite().lower()
    cases = rung.effect(GRAPH, data.replacing(missing=rung.CompleteCases()), DOSE, estimator=QUICK)
    assert cases.n < 150
    assert any("CompleteCases: rows with a missing cell" in w for w in cases.warnings)


def test_same_seed_same_answer_and_whole_data_as_without_a_policy():
    data = confounded(2, 120)
    one, two = (rung.effect(GRAPH, data.replacing(missing=FEW), DOSE, estimator=QUICK, seed=4)
                for _ in range(2))  # fmt: skip
    assert one.value == two.value
    assert one.interval == two.interval
    x = data.matrix()
    whole = data.take(np.flatnonzero(~np.isnan(x).any(axis=1)))
    plain = rung.effect(GRAPH, whole, DOSE, estimator=QUICK)
    policy = rung.effect(GRAPH, whole.replacing(missing=FEW), DOSE, estimator=QUICK)
    assert plain.interval == policy.interval
    assert plain.warnings == policy.warnings


def binary(seed: int, n: int = 600) -> rung.Data:
    """A binary treatment, a categorical confounder, a number; holes in every column."""
    rng = np.random.default_rng(seed)
    g = rng.integers(0, 3, n).astype(float)
    z = rng.normal(size=n) + 0.5 * g
    t = (rng.random(n) < 1 / (1 + np.exp(-(z - 0.5)))).astype(float)
    y = 2.0 * t + z + g + rng.normal(size=n)
    variables = (
        Variable("g", Kind.CATEGORICAL, ("a", "b", "c")), Variable("z"),
        Variable("t", Kind.BINARY, ("no", "yes")), Variable("y"),
    )  # fmt: skip
    columns = {}
    for name, x in zip("gzty", (g, z, t, y), strict=True):
        columns[name] = lock(np.where(rng.random(n) < 0.1, np.nan, x))
    return rung.Data(variables, columns, missing=FEW)


MIXED = rung.Graph.parse("g -> z; g -> y; z -> t; z -> y; t -> y")


@pytest.mark.parametrize(
    "query",
    [
        ATE("t", "y"),
        ATT("t", "y"),
        ATE("t", "y", adjust=("g", "z")),
        CATE("t", "y", by=("g",)),
        CATE("t", "y", by=("z",)),
    ],
    ids=["ATE", "ATT", "adjust", "CATE levels", "CATE numbers"],
)
def test_every_query_finds_the_effect_with_holes_in_every_column(query):
    structure = None if query.adjust else MIXED
    found = rung.effect(structure, binary(3), query, estimator=QUICK)
    low, high = found.interval
    assert low < 2.0 < high
    assert high - low < 1.0
    assert found.n == 600
    assert "Rubin" in found.method
    for group in found.diagnostics.get("subgroups", []):
        assert group["low"] < 2.0 < group["high"]
        assert group["n"] > 50


def test_several_levels_get_simultaneous_intervals():
    found = rung.effect(
        rung.Graph.parse("z -> g; z -> y; g -> y"), binary(4), ATE("g", "y"), estimator=QUICK
    )
    assert len(found.diagnostics["levels"]) == 2
    assert all(row["low"] < row["value"] < row["high"] for row in found.diagnostics["levels"])


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        (rung.Graph.parse("z -- t; z -- y; t -- y"), "an SCM fitted to the graph"),
        ([(GRAPH, 2.0), (rung.Graph.parse("z -> y; z -> t; y -> t"), 1.0)], "2 of the weighted"),
        (rung.Graph.parse("z -> t; z -> y; t -> y; h -> z; h -> y"), "regressions of each of 3"),
        (None, "regressions of each of 3"),
    ],
    ids=["class", "weighted", "hidden node", "no graph"],
)
def test_the_model_that_completes_follows_the_structure(structure, words):
    query = DOSE if structure is not None else ATE("t", "y", treated=1, control=0, adjust=("z",))
    found = rung.effect(structure, confounded(5).replacing(missing=FEW), query, estimator=QUICK)
    assert words in found.method


def test_conditions_are_causes_of_every_column_when_cells_are_drawn():
    rng = np.random.default_rng(0)
    parts = [confounded(k, 150) for k in range(2)]
    shift = np.repeat([0.0, 4.0], 150)
    columns = {
        name: lock(np.concatenate([p.column(name) for p in parts]) + shift) for name in "zty"
    }
    data = rung.Data(
        parts[0].variables, columns, environment=np.repeat([0, 1], 150), environments=("a", "b"),
        missing=FEW,
    )  # fmt: skip
    tables = completed(GRAPH, data, DOSE, run=start(None), rng=rng).tables
    drawn = np.mean([t.column("z")[150:].mean() - t.column("z")[:150].mean() for t in tables])
    assert drawn == pytest.approx(4.0, abs=0.4)
    found = rung.effect(GRAPH, data, DOSE, estimator=QUICK)
    assert found.interval[0] < 1.0 < found.interval[1]
    assert "condition" not in tables[0].names


def test_candidates_are_ranked_on_completed_tables():
    from rung.effects.candidates import candidates

    found = candidates(GRAPH, confounded(6).replacing(missing=FEW), "y")
    assert {r["name"] for r in found.rows} == {"z", "t"}
    assert any("EM" in n for n in found.notes)
    assert "note: " in repr(found)


def test_what_cannot_be_done_is_refused_by_name():
    data = confounded(7)
    with pytest.raises(MissingCells, match="first in row .*column 'z'"):
        rung.effect(GRAPH, data, DOSE)
    with pytest.raises(NotSupported, match="Resampled searches and estimates on resampled rows"):
        rung.effect(
            GRAPH, data.replacing(missing=FEW),
            ATE("t", "y", treated=1.0, control=0.0, selection=rung.Resampled()),
        )  # fmt: skip
    nothing = data.with_column(data.variable("z"), lock(np.full(data.n, np.nan)))
    with pytest.raises(MissingCells, match="all 200 cells of 'z' are missing"):
        rung.effect(GRAPH, nothing.replacing(missing=FEW), DOSE)
    infinite = data.with_column(data.variable("t"), np.where(np.arange(200) == 4, np.inf, 0.0))
    with pytest.raises(InputError, match="infinite"):
        rung.effect(GRAPH, infinite.replacing(missing=FEW), DOSE)


def test_columns_the_answer_does_not_use_may_have_holes():
    graph = rung.Graph.parse("z -> t; t -> y")
    data = confounded(8)
    assert weighted(graph)[1] == "given"
    found = rung.effect(graph, data.replacing(missing=rung.CompleteCases()), DOSE, estimator=QUICK)
    assert found.n == 200
    assert not any("missing" in w for w in found.warnings)
