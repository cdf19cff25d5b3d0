"""Profile: figures against scipy and against simulations whose truth is known."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from scipy import stats

import rung
from rung.core.errors import UnknownName
from rung.io.profile import dependence, profile
from rung.io.profile_rows import intraclass, ljung_box
from rung.io.readers import read


def _matrix(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_figures_of_a_column_agree_with_scipy_and_numpy() -> None:
    x = np.random.default_rng(0).gamma(2.0, size=501)
    found = profile(read({"x": x})).column("x")
    assert found.mean == pytest.approx(x.mean())
    assert found.sd == pytest.approx(x.std(ddof=1))
    quantiles = [found.min, found.q25, found.median, found.q75, found.max]
    assert quantiles == pytest.approx(np.quantile(x, [0, 0.25, 0.5, 0.75, 1]))
    assert found.skew == pytest.approx(stats.skew(x))
    assert found.kurtosis == pytest.approx(stats.kurtosis(x))
    assert found.gaussian_p == pytest.approx(stats.normaltest(x).pvalue)
    far = np.abs(x - np.median(x)) > 5 * stats.median_abs_deviation(x, scale="normal")
    assert found.outliers == pytest.approx(far.mean(), abs=1e-12)


def test_missing_cells_do_not_enter_figures() -> None:
    x = np.array([1.5, np.nan, 2.5, np.nan, 8.0])
    found = profile(read({"x": x, "y": np.arange(5) * 0.3})).column("x")
    assert (found.missing, found.mean, found.distinct) == (0.4, 4.0, 3)


def test_levels_are_counted() -> None:
    found = profile(read({"c": ["b", "a", "b", "c", "b", "a"]})).column("c")
    assert found.top == (("b", 3), ("a", 2), ("c", 1))
    assert "fewer than 5 rows" in found.note


def test_linear_gaussian_data_are_called_so() -> None:
    wrong = 0
    for seed in range(20):
        x = _matrix(400, 6, seed)
        mixed = x @ np.triu(np.ones((6, 6)))
        found = profile(read(mixed))
        wrong += found.linear is not True or found.gaussian is not True
    assert wrong <= 1


def test_curves_are_found() -> None:
    x = _matrix(500, 3)
    x[:, 1] = x[:, 0] ** 2 + 0.5 * x[:, 1]
    found = profile(read(x, names=["a", "b", "c"]))
    assert found.linear is False
    assert found.curvature.pairs[0][:2] == ("a", "b")
    r2 = 1 - 0.25 / (2 + 0.25)  # var(a^2) = 2; a line in a explains none of it
    assert found.curvature.pairs[0][2] == pytest.approx(r2, abs=0.1)
    assert all("c" not in pair[:2] for pair in found.curvature.pairs)


def test_skewed_columns_are_told() -> None:
    found = profile(read({"x": np.exp(_matrix(500, 1)[:, 0])}))
    assert found.gaussian is False
    assert found.non_gaussian == 1.0
    assert "log scale" in found.column("x").note
    assert {"Not Gaussian", "Skewed"} <= {w["title"] for w in found.warnings}


def test_duplicates() -> None:
    x = _matrix(200, 3)
    data = read(
        {"a": x[:, 0], "b": x[:, 0], "c": -2 * x[:, 0] + 1, "d": x[:, 1],
         "u": np.tile(["p", "q", "r", "p"], 50), "v": np.tile(["z", "x", "y", "z"], 50)}
    )  # fmt: skip
    found = {(p["a"], p["b"]): p["what"] for p in profile(data).duplicates}
    assert found == {
        ("a", "b"): "equal",
        ("a", "c"): "nearly the same",
        ("b", "c"): "nearly the same",
        ("u", "v"): "the same levels",
    }


def test_deterministic_relations() -> None:
    x = _matrix(200, 5)
    x[:, 4] = x[:, 0] + 2 * x[:, 1]
    found = profile(read(x, names=list("abcde"))).deterministic
    assert [set(f["columns"]) for f in found] == [{"a", "b", "e"}]
    assert profile(read(_matrix(200, 5))).deterministic == ()


def test_missingness_pattern() -> None:
    x = _matrix(1000, 3)
    late = x[:, 0] > 1  # b is missing where a is large; c wherever b is, and in 50 rows more
    x[late, 1] = np.nan
    x[late, 2] = np.nan
    x[:50, 2] = np.nan
    found = profile(read(x, names=["a", "b", "c"])).missing
    assert found["monotone"] is True
    assert found["rows"] == np.isnan(x).any(axis=1).mean()
    depends = {(f["missing"], f["with"]) for f in found["depends"]}
    assert ("b", "a") in depends
    x[:20, 1], x[:20, 2] = np.nan, 0.0
    x[30:40, 1] = 0.0
    assert profile(read(x)).missing["monotone"] is False


def test_missing_at_random_is_not_accused() -> None:
    rng = np.random.default_rng(3)
    accused = 0
    for _ in range(20):
        x = rng.normal(size=(300, 4))
        x[rng.random(300) < 0.2, 0] = np.nan
        accused += bool(profile(read(x)).missing["depends"])
    assert accused <= 1


def test_environments() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(["u", "v", "w"], 200)
    shift = np.array([0.0, 1.0, 2.0])[np.repeat([0, 1, 2], 200)]
    data = read(
        {"a": rng.normal(size=600) + shift, "b": rng.normal(size=600),
         "c": rng.normal(size=600) * (1 + shift), "g": group}, environment="g",
    )  # fmt: skip
    found = {row["name"]: row for row in profile(data).heterogeneity}
    expected = np.var([0, 1, 2]) / (np.var([0, 1, 2]) + 1)
    assert found["a"]["share"] == pytest.approx(expected, abs=0.05)
    assert found["a"]["p"] < 1e-6
    assert found["b"]["p"] > 0.01
    assert found["b"]["spread_p"] > 0.01
    assert found["c"]["ratio"] == pytest.approx(3.0, rel=0.15)
    assert found["c"]["spread_p"] < 1e-6


def test_intraclass_correlation_agrees_with_scipy_and_theory() -> None:
    rng = np.random.default_rng(0)
    unit = np.repeat(np.arange(200), 5)
    x = rng.normal(size=200)[unit] * np.sqrt(0.3) + rng.normal(size=1000) * np.sqrt(0.7)
    icc, p = intraclass(x, unit)
    assert icc == pytest.approx(0.3, abs=0.06)
    assert p == pytest.approx(stats.f_oneway(*x.reshape(200, 5)).pvalue)


def test_ljung_box_has_its_level_and_power() -> None:
    rng = np.random.default_rng(0)
    p = np.array([ljung_box(rng.normal(size=400))[1] for _ in range(400)])
    assert stats.kstest(p, "uniform").pvalue > 0.01
    noise = rng.normal(size=2000)
    series = np.zeros(2000)
    for t in range(1, 2000):
        series[t] = 0.6 * series[t - 1] + noise[t]
    lag1, p1 = ljung_box(series)
    assert lag1 == pytest.approx(0.6, abs=0.05)
    assert p1 < 1e-10


def _series(n: int = 500, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, 2))
    for t in range(1, n):
        x[t] += 0.7 * x[t - 1]
    return x


def _row_cases() -> dict[str, tuple[dict[str, Any], dict[str, Any], str, bool, str | None]]:
    rng = np.random.default_rng(0)
    noise, series = rng.normal(size=500), _series()
    unit = np.repeat(np.arange(100), 5)
    alike = rng.normal(size=100)[unit] + 0.5 * noise
    mixed = rng.permutation(500)
    return {
        "independent": ({"a": noise}, {}, "independent", False, None),
        "units": ({"a": alike, "u": unit}, {"unit": "u"}, "clustered", True, None),
        "undeclared units": ({"a": alike, "patient": unit}, {}, "clustered", False, "patient"),
        "units not alike": ({"a": noise, "patient": unit}, {}, "independent", False, None),
        "time": (
            {"a": series[mixed, 0], "t": mixed.astype(float)}, {"time": "t"}, "autocorrelated",
            True, None,
        ),
        "undeclared order": ({"a": series[:, 0]}, {}, "autocorrelated", False, None),
        "a date in order": (
            {"a": series[:, 0], "day": np.arange(500) * 0.5}, {}, "autocorrelated", False, "day",
        ),
        "a sorted file": (
            {"a": np.sort(noise), "b": np.sort(noise) + rng.normal(size=500)}, {}, "independent",
            False, None,
        ),
        "shuffled series": ({"a": series[mixed, 0]}, {}, "independent", False, None),
    }  # fmt: skip


@pytest.mark.parametrize("name", list(_row_cases()))
def test_dependence_of_rows(name: str) -> None:
    columns, roles, kind, declared, column = _row_cases()[name]
    found = dependence(read(columns, **roles))
    assert found.kind == kind
    assert (found.declared, found.column) == (declared, column)
    if kind != "independent":
        assert abs(found.figure) > 0.3
        assert f"{found.figure:.2f}" in found.text


def test_conditions_in_blocks_are_no_autocorrelation() -> None:
    assert dependence(rung.datasets.load("sachs")).kind == "independent"
    group = np.repeat(["u", "v", "w"], 100)
    x = np.repeat([0.0, 3.0, 6.0], 100) + np.random.default_rng(0).normal(size=300)
    assert dependence(read({"a": x, "g": group}, environment="g")).kind == "independent"


def test_sachs() -> None:
    data = rung.datasets.load("sachs")
    profile(data.take(np.arange(100)))
    start = time.process_time()
    found = profile(data)
    assert time.process_time() - start < 1.0
    assert (found.n, found.d, found.discrete_share) == (7466, 11, 0.0)
    assert (found.linear, found.gaussian) == (False, False)
    assert found.kinds == {"continuous": 11}
    assert max(row["share"] for row in found.heterogeneity) > 0.3


def test_a_hundred_thousand_rows() -> None:
    data = read(_matrix(100_000, 50))
    start = time.process_time()
    found = profile(data)
    assert time.process_time() - start < 5.0
    assert (found.linear, found.gaussian, found.warnings) == (True, True, ())
    assert any("2000 complete rows" in note for note in found.notes)


def test_same_seed_same_profile_and_json() -> None:
    data = read(_matrix(9000, 3) ** 3)
    one, two = profile(data, seed=4), profile(data, seed=4)
    assert one.to_dict() == two.to_dict()
    for name in ("sachs", "nsw", "ihdp", "asia"):
        content = profile(rung.datasets.load(name)).to_dict()
        json.dumps(content, allow_nan=False)
        keys = {"name", "kind", "unit", "levels", "missing", "mean", "sd", "min", "q25", "median",
                "q75", "max", "skew", "note", "top"}  # fmt: skip
        assert keys <= content["variables"][0].keys()


def test_odd_tables() -> None:
    for columns in (
        {"a": [1.5]},
        {"a": [1.5, 2.5, 4.0]},
        {"a": ["x", "y"], "b": [None, None]},
        {"a": np.full(100, np.nan), "b": np.arange(100) * 0.1},
        {"a": np.ones(100), "b": np.arange(100) * 0.1},
    ):
        found = profile(read(columns))
        json.dumps(found.to_dict(), allow_nan=False)
        assert repr(found).startswith("Profile of table")
        assert len(found.frame()) == len(columns)


def test_unknown_column() -> None:
    with pytest.raises(UnknownName, match="nearest: 'alpha'"):
        profile(read({"alpha": [1.5, 2.5, 4]})).column("alpah")
