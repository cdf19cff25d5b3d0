"""What the laws share: how one is broken, and small data sets with a known graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.data import Data
from ...core.graph import Graph
from ...core.variable import Kind, Variable

Law = Callable[[Any], str]
TRUTH = Graph.parse("a -> b -> d <- c; e")


class Broken(AssertionError):
    """A law does not hold; the message says how."""


def ensure(holds: Any, message: str) -> None:
    """Raise Broken unless `holds`."""
    if not bool(holds):
        raise Broken(message)


def linear(n: int = 400, seed: int = 0) -> Data:
    """Linear Gaussian rows of TRUTH, columns in another order."""
    rng = np.random.default_rng(seed)
    a, c, e = rng.normal(size=(3, n))
    b = 1.1 * a + rng.normal(size=n)
    d = 0.9 * b - 1.2 * c + rng.normal(size=n)
    return Data.from_matrix(np.column_stack([d, a, c, e, b]), list("daceb"))


def binary(n: int = 600, seed: int = 0) -> Data:
    """Binary rows of TRUTH."""
    rng = np.random.default_rng(seed)
    a, c, e = (rng.random((3, n)) < 0.5).astype(float)
    b = (rng.random(n) < 0.15 + 0.7 * a).astype(float)
    d = (rng.random(n) < 0.1 + 0.4 * b + 0.4 * c).astype(float)
    names = [Variable(name, Kind.BINARY, (0, 1)) for name in "daceb"]
    return Data.from_matrix(np.column_stack([d, a, c, e, b]), variables=names)


def mixed(n: int = 500, seed: int = 0) -> Data:
    """Rows of TRUTH in which b is binary and c has three levels."""
    rng = np.random.default_rng(seed)
    a, e = rng.normal(size=(2, n))
    c = rng.integers(0, 3, n).astype(float)
    b = (rng.random(n) < 1 / (1 + np.exp(-2.5 * a))).astype(float)
    d = 1.5 * b - 1.2 * (c == 1) + 0.7 * rng.normal(size=n)
    variables = (
        Variable("d"), Variable("a"), Variable("c", Kind.CATEGORICAL, ("low", "mid", "high")),
        Variable("e"), Variable("b", Kind.BINARY, ("no", "yes")),
    )  # fmt: skip
    return Data.from_matrix(np.column_stack([d, a, c, e, b]), variables=variables)


def grouped(groups: int = 30, size: int = 20, seed: int = 0) -> Data:
    """Linear rows of TRUTH in groups, each with its own weights and means, as environments."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    n = len(group)
    shift, weight = rng.normal(size=(5, groups)), rng.uniform(0.5, 1.5, (3, groups))
    a, b, c, d, e = shift[:, group] + 0.7 * rng.normal(size=(5, n))
    b = b + weight[0, group] * a
    d = d + weight[1, group] * b - weight[2, group] * c
    rows = Data.from_matrix(np.column_stack([d, a, c, e, b]), list("daceb"))
    names = tuple(f"g{k}" for k in range(groups))
    return rows.replacing(environment=group, environments=names)


WORLDS: dict[str, Callable[..., Data]] = {
    "linear": linear, "binary": binary, "mixed": mixed, "grouped": grouped,
}  # fmt: skip


def fingerprint(data: Any) -> Any:
    """Something that changes when the data do."""
    return data.sha256 if isinstance(data, Data) else repr(data)
