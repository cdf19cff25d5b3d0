"""Kinds: the documented rules, one case each, and overrides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rung.io.readers import read

RNG = np.random.default_rng(0)
KINDS: list[tuple[str, Any, str]] = [
    ("x", RNG.normal(size=50), "continuous"),
    ("age", RNG.integers(18, 90, 200), "continuous"),
    ("year of birth", RNG.integers(1950, 2000, 200), "continuous"),
    ("children", RNG.poisson(2.5, 500), "count"),
    ("visits", RNG.negative_binomial(2, 0.2, 500), "count"),
    ("likert", RNG.integers(1, 6, 200), "ordinal"),
    ("grade", RNG.integers(0, 4, 200), "ordinal"),
    ("dose", np.repeat([0.0, 0.1, 0.5, 1.0], 50), "ordinal"),
    ("treated", RNG.integers(0, 2, 30), "binary"),
    ("group", RNG.integers(1, 3, 30), "binary"),
    ("half", np.array([0.25, 0.75] * 20), "binary"),
    ("pair", np.array([0.25, 0.75, 0.25]), "continuous"),
    ("one", np.ones(10), "constant"),
    ("row", np.arange(100), "identifier"),
    ("patient_id", RNG.integers(10_000, 99_999, 100), "identifier"),
    ("paid", RNG.integers(10_000, 99_999, 100), "continuous"),
    ("few", np.arange(1, 11), "ordinal"),
    ("sex", np.array(["f", "m"] * 10), "binary"),
    ("colour", np.array(["red", "green", "blue"] * 10), "categorical"),
    ("word", np.array(["same"] * 10), "constant"),
    ("name", np.array([f"n{i}" for i in range(100)]), "identifier"),
    ("flag", np.array([True, False] * 5), "binary"),
]


@pytest.mark.parametrize(("name", "values", "kind"), KINDS, ids=[k[0] for k in KINDS])
def test_rules(name: str, values: Any, kind: str) -> None:
    data = read({name: values})
    assert data.variable(name).kind == kind
    if kind not in ("continuous",):
        assert any(note.startswith(f"column '{name}': {kind}") for note in data.origin.decisions)


@pytest.mark.parametrize(("name", "values", "kind"), KINDS, ids=[k[0] for k in KINDS])
def test_values_come_back(name: str, values: Any, kind: str) -> None:
    if kind not in ("identifier", "constant"):
        assert read({name: values})[name].tolist() == values.tolist()


@pytest.mark.parametrize(("name", "values", "kind"), KINDS, ids=[k[0] for k in KINDS])
def test_order_of_rows_does_not_matter(name: str, values: Any, kind: str) -> None:
    shuffled = np.random.default_rng(1).permutation(values)
    assert read({name: shuffled}).variable(name) == read({name: values}).variable(name)


def test_levels_of_numbers_ascend() -> None:
    data = read({"a": np.array([10, 2, 10, 2, 2, 10]), "b": np.array(["10", "9", "x"] * 2)})
    assert data.variable("a").levels == (2, 10)
    assert data.variable("b").levels == ("9", "10", "x")


@pytest.mark.parametrize("kind", ["continuous", "count", "ordinal", "categorical"])
def test_overrides_of_numbers(kind: str) -> None:
    values = np.array([3, 0, 1, 7] * 10)
    data = read({"a": values}, kinds={"a": kind})
    assert data.variable("a").kind == kind
    assert data["a"].tolist() == values.tolist()


def test_overrides_of_words() -> None:
    words = np.array(["mid", "low", "high", "low"] * 5)
    data = read({"a": words}, kinds={"a": ["low", "mid", "high"]})
    assert data.variable("a").kind == "ordinal"
    assert data.column("a")[:4].tolist() == [1, 0, 2, 0]
    known = read({"a": words}, kinds={"a": "ordinal"})
    assert known.variable("a").levels == ("low", "mid", "high")
    assert known["a"].tolist() == words.tolist()


def test_an_identifier_can_be_declared_categorical() -> None:
    words = [f"n{i}" for i in range(40)]
    data = read({"a": words}, kinds={"a": "categorical"})
    assert data["a"].tolist() == words


@pytest.mark.parametrize("name", ["sachs", "asia", "nsw", "ihdp"])
def test_declaring_what_was_inferred_changes_nothing(name: str) -> None:
    data = read(name)
    kinds = {v.name: str(v.kind) for v in data.variables}
    assert read(name, kinds=kinds).sha256 == data.sha256


def test_declaring_what_was_inferred_changes_no_column() -> None:
    import pandas as pd

    columns = {k: v for k, v, _ in KINDS if len(v) == 200}
    columns |= {"scale": pd.Categorical(["good", "poor", "fair", "good"] * 50, ordered=True)}
    columns |= {"yes": np.array(["yes", "no"] * 100), "none": np.full(200, np.nan)}
    columns |= {"id": np.array([f"n{i}" for i in range(200)]), "same": ["q"] * 200}
    frame = pd.DataFrame(columns)
    data = read(frame)
    again = read(frame, kinds={v.name: str(v.kind) for v in data.variables})
    assert again.described == data.described
    assert again.sha256 == data.sha256
