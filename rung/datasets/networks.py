"""Rows drawn from published discrete networks; the files are read from pgmpy, not shipped."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from ..core.data import Data, Origin
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.variable import Kind, Variable
from ..io.bif import DiscreteNetwork, read_bif
from ..io.installed import file_of
from .entry import Entry, Info

ROWS = 10_000  # drawn when the caller does not say
NEGATIVE = ("no", "FALSE")  # put first, so that code 1 means yes

ASIA = ("asia", "tub", "smoke", "lung", "bronc", "either", "xray", "dysp")
ALARM = (
    *("HISTORY", "CVP", "PCWP", "HYPOVOLEMIA", "LVEDVOLUME", "LVFAILURE", "STROKEVOLUME"),
    *("ERRLOWOUTPUT", "HRBP", "HREKG", "ERRCAUTER", "HRSAT", "INSUFFANESTH", "ANAPHYLAXIS", "TPR"),
    *("EXPCO2", "KINKEDTUBE", "MINVOL", "FIO2", "PVSAT", "SAO2", "PAP", "PULMEMBOLUS", "SHUNT"),
    *("INTUBATION", "PRESS", "DISCONNECT", "MINVOLSET", "VENTMACH", "VENTTUBE", "VENTLUNG"),
    *("VENTALV", "ARTCO2", "CATECHOL", "HR", "CO", "BP"),
)


@cache
def network(name: str) -> DiscreteNetwork:
    """The network `name` among pgmpy's files; pgmpy itself is never imported.

    Raises
    ------
    MissingExtra
        If pgmpy is not installed, or another release without the file.
    """
    file = f"{name}.bif.gz"
    what = f"the network {name!r}"
    return read_bif(file_of("pgmpy", "1.1.2", "utils", "example_models", file, what=what))


def _order(levels: tuple[str, ...]) -> list[int]:
    """Positions of the levels, with no or FALSE first."""
    return sorted(range(len(levels)), key=lambda i: levels[i] not in NEGATIVE)


def rows(name: str, n: int | None, rng: np.random.Generator) -> Data:
    """`n` independent rows of the network (10,000 unless said otherwise)."""
    n = ROWS if n is None else n
    if n < 1:
        raise InputError(f"n = {n}: at least one row must be drawn")
    model = network(name)
    drawn = model.sample(n, rng)
    described, columns = [], {}
    for v in model.names:
        order = _order(model.levels[v])
        kind = Kind.BINARY if len(order) == 2 else Kind.CATEGORICAL
        described.append(Variable(v, kind, tuple(model.levels[v][i] for i in order)))
        columns[v] = np.argsort(order)[drawn[v]].astype(np.float64)
    origin = Origin(name, licence=ENTRY.info.licence)
    return Data(tuple(described), columns, origin=origin)


def _graph(name: str) -> Graph:
    return network(name).graph


def _entry(name: str, title: str, reference: str, variables: tuple[str, ...]) -> Entry:
    return Entry(
        Info(
            name=name,
            title=title,
            source=f"pgmpy 1.1.2, {name}.bif.gz, which must be installed; rows drawn here, by seed",
            licence="MIT (pgmpy); upstream, the bnlearn repository, CC BY-SA: hence not shipped",
            reference=reference,
            rows=None,
            variables=variables,
            truths=("published",),
        ),
        partial(rows, name),
        graphs={"published": partial(_graph, name)},
    )


ENTRY = _entry(
    "asia",
    "lung disease and a visit to Asia, a made-up network of 8 yes-no variables",
    "Lauritzen and Spiegelhalter 1988, JRSS B 50:157-224",
    ASIA,
)
MONITOR = _entry(
    "alarm",
    "patient monitoring, an expert's network of 37 variables",
    "Beinlich, Suermondt, Chavez and Cooper 1989, AIME 89:247-256",
    ALARM,
)
