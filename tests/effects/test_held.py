"""Conditions are held fixed: what only comes from mixing them is no effect."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.data import Data

GRAPH = rung.Graph.parse("X -> Y")


def mixed(rng: np.random.Generator, shifts: list[float], n: int = 400) -> Data:
    """Conditions that shift X and Y against each other; the effect of X on Y is 1 in each."""
    parts, env = [], []
    for k, shift in enumerate(shifts):
        x = shift + rng.normal(size=n)
        parts.append(np.column_stack([x, x - 3 * shift + rng.normal(size=n)]))
        env += [k] * n
    data = Data.from_matrix(np.vstack(parts), ["X", "Y"])
    names = tuple(f"c{k}" for k in range(len(shifts)))
    return data.replacing(environment=np.array(env), environments=names)


def effect(data: Data, **options: object) -> rung.Estimate:
    return rung.effect(GRAPH, data, rung.ATE("X", "Y", treated=1.0, control=0.0, **options))


def test_conditions_do_not_confound() -> None:
    data = mixed(np.random.default_rng(0), [0.0, 0.7, 1.2])
    held = effect(data)
    assert held.interval[0] < 1.0 < held.interval[1]
    assert abs(held.value - 1.0) < 0.15
    pooled = effect(data.replacing(environment=None, environments=()))
    assert pooled.interval[1] < 1.0  # mixing conditions hides the effect in the same rows


def test_a_condition_without_the_compared_values_is_set_apart_and_named() -> None:
    data = mixed(np.random.default_rng(1), [0.0, 0.6, 40.0])
    found = effect(data)
    assert found.n == 800
    assert any("c2 were set apart" in w for w in found.warnings)
    assert found.population == "the rows of conditions in which both values occur"
    assert found.interval[0] < 1.0 < found.interval[1]


def test_conditions_that_decide_the_treatment_are_not_held_and_said_so() -> None:
    rng = np.random.default_rng(2)
    x = np.repeat([0.0, 1.0], 300)
    data = Data(
        (rung.Variable("X", rung.Kind.BINARY, (0, 1)), rung.Variable("Y")),
        {"X": x, "Y": 2 * x + rng.normal(size=600)},
        environment=x.astype(int), environments=("placebo", "drug"),
    )  # fmt: skip
    found = rung.effect(GRAPH, data, rung.ATE("X", "Y"))
    assert any("not held fixed" in w for w in found.warnings)
    assert found.value == pytest.approx(data["Y"][300:].mean() - data["Y"][:300].mean())


def test_a_condition_too_small_to_compare_within_is_said() -> None:
    data = mixed(np.random.default_rng(3), [0.0, 0.7])
    few = data.take(np.r_[0:400, 400:410])
    assert any("fewer than 20 rows" in w for w in effect(few).warnings)
    assert not any("fewer than" in w for w in effect(data).warnings)
