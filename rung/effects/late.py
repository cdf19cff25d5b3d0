"""LATE: the effect among those whose treatment an instrument moves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, NotIdentified
from ..core.graph import Graph
from ..core.query import Estimand, Estimate, Query
from ..core.weighted import weighted
from ..inference.intervals import check_level
from .identification import check_nodes, tex
from .mixture import Piece, mixed, seed_of
from .queries import _names, _text
from .routes.criteria import (
    given_instruments,
    instruments,
    objection_to_instrument,
    over_measured,
)


@final
@dataclass(frozen=True, repr=False)
class LATE(Query):
    """Effect of the treatment among the rows whose treatment the instrument moves.

    With an instrument and a treatment of two levels each, the mean effect among compliers (Imbens
    and Angrist 1994); in general a weighted mean of effects of one unit of the treatment, by how
    much the instrument moves each row (Angrist and Imbens 1995).

    Parameters
    ----------
    treatment, outcome : names of two columns
    instrument : name or names; None: looked for in the graph
    given : covariates given which it is one, () for none; None: from the graph. With both named,
        an objection of the graph is a warning.
    treated, control : values compared. Default: the two levels, or one unit of a number more
    level : of the interval
    """

    treatment: str
    outcome: str
    instrument: str | tuple[str, ...] | None = None
    given: tuple[str, ...] | None = None
    treated: Any = field(default=None, kw_only=True)
    control: Any = field(default=None, kw_only=True)
    level: float = field(default=0.95, kw_only=True)

    def __post_init__(self) -> None:
        check_level(self.level)
        for name in ("treatment", "outcome"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"{name}={getattr(self, name)!r}: expected the name of a column")
        for name in ("instrument", "given"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _names(getattr(self, name), name))
        if self.instrument == ():
            raise InputError("instrument=(): name one, or leave it out to look for one")
        named = (self.treatment, self.outcome, *(self.instrument or ()), *(self.given or ()))
        twice = sorted({n for n in named if named.count(n) > 1})
        if twice:
            raise InputError(f"{', '.join(twice)} has two roles in {_text(self)}")
        if (self.treated is None) != (self.control is None):
            raise InputError("give both treated= and control=, or neither")

    def __repr__(self) -> str:
        more = []
        if self.instrument:
            z = tuple(self.instrument)
            more.append(f"instrument={(z[0] if len(z) == 1 else z)!r}")
        more += [f"given={self.given!r}"] if self.given is not None else []
        return _text(self)[:-1] + "".join(f", {m}" for m in more).replace("'", '"') + ")"

    def identified_on(self, graph: Graph, *, hidden_causes: bool = False) -> Wald:
        """The ratio formula with the instrument and covariates that the graph gives."""
        check_nodes(graph, self.treatment, self.outcome, *(self.instrument or ()))
        names, given, _ = self.chosen(graph, graph.names, hidden_causes)
        return Wald(self.treatment, self.outcome, names, given)

    def chosen(
        self, graph: Graph, measured: tuple[str, ...], hidden: bool
    ) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """Instruments, covariates, and the graph's objection ("" if none) on one graph.

        Raises
        ------
        NotIdentified
            The graph gives no instrument, or no covariates for those named.
        """
        x, y = self.treatment, self.outcome
        named = isinstance(self.instrument, tuple) and self.given is not None
        try:
            graph = over_measured(graph, measured, hidden, "an instrument")
        except NotIdentified as error:
            if named:
                return self.instrument, self.given, str(error)  # type: ignore[return-value]
            raise
        if named:
            z, given = self.instrument, self.given
            known = [n for n in (*z, *given) if n not in graph.names]  # type: ignore[misc]
            if known:
                return z, given, f"{', '.join(known)} is not in the graph"  # type: ignore[return-value]
            return z, given, objection_to_instrument(graph, x, y, z, given)  # type: ignore
        if self.instrument is not None:
            z = tuple(self.instrument)
            check_nodes(graph, *z)
            found = given_instruments(graph, x, y, z)
            if found is None:
                raise NotIdentified(_why_not(graph, x, y, z))
            return z, found, ""
        offered = instruments(graph, x, y)
        if self.given is not None:
            fits = [
                i for i in offered
                if not objection_to_instrument(graph, x, y, (i.name,), self.given)
            ]  # fmt: skip
            offered = [replace(i, given=self.given) for i in fits]
        if not offered:
            raise NotIdentified(
                f"the graph has no instrument for the effect of {x} on {y}: no measured column "
                f"moves {x} and is joined with {y} only through it, whatever is held fixed",
                advice=(f"measure something that moves {x} and affects {y} in no other way",),
            )
        return (offered[0].name,), offered[0].given, ""

    def answer(
        self,
        structure: Any,
        data: Any,
        *,
        estimator: Any,
        run: Run,
        rng: np.random.Generator,
    ) -> Estimate:
        """Find the instrument on every graph, estimate, test its strength."""
        from .routes.instrumenting import Instrumenting

        if not isinstance(data, Data):
            raise InputError(f"an effect needs rows: expected Data, got {type(data).__name__}")
        seed = seed_of(rng)
        work = Instrumenting(self, data, estimator, seed)
        graphs, _, _ = weighted(structure)
        declared = self.instrument is not None and self.given is not None
        if not graphs and declared:
            structure = _implied(self)
        for graph, _ in graphs:
            check_nodes(graph, self.treatment, self.outcome)

        def solve(graph: Graph, hidden: bool) -> Piece:
            z, given, objection = self.chosen(graph, data.names, hidden)
            piece = work.piece(z, given)
            if objection:
                said = f"your instrument is used as declared, but {objection}"
                piece = replace(piece, warnings=(said, *piece.warnings))
            return piece

        found = mixed(
            self, structure, solve, run=run, seed=seed, contrast=work.contrast, units=work.units,
            level=self.level, population="rows whose treatment the instrument moves",
            members=True,
        )  # fmt: skip
        return found if graphs else replace(found, standing="your instrument")


def _implied(query: LATE) -> Graph:
    """The graph that a declared instrument stands for."""
    x, y, given = query.treatment, query.outcome, query.given or ()
    z = tuple(query.instrument or ())
    edges = [(n, "->", x) for n in (*z, *given)] + [(n, "->", y) for n in given]
    edges += [(g, "->", n) for g in given for n in z] + [(x, "->", y)]
    return Graph.from_edges(edges, (*given, *z, x, y))


def _why_not(graph: Graph, x: str, y: str, z: tuple[str, ...]) -> str:
    reason = objection_to_instrument(graph, x, y, z, ())
    return (
        f"{', '.join(z)} is no instrument for the effect of {x} on {y}, whatever measured columns "
        f"are held fixed: {reason or 'no columns separate it from the outcome'}"
    )


@dataclass(frozen=True)
class Wald(Estimand):
    """Effect of the instrument on the outcome over its effect on the treatment (Wald 1940)."""

    treatment: str
    outcome: str
    instruments: tuple[str, ...]
    given: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The formula as plain text."""
        z, c = ", ".join(self.instruments), ", ".join(self.given)
        if len(self.instruments) > 1:
            after = f" given {c}" if c else ""
            return f"b such that {self.outcome} - b {self.treatment} does not vary with {z}{after}"
        where = f", where W = {c}" if len(self.given) > 2 else ""
        c = "W" if where else c
        average = f"sum over {c} of P({c}) " if c else ""
        bar = f", {c}" if c else ""

        def part(name: str) -> str:
            return f"{average}(E[{name} | {z}=1{bar}] - E[{name} | {z}=0{bar}])"

        return f"{part(self.outcome)} / {part(self.treatment)}{where}"

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        z, c = ", ".join(map(tex, self.instruments)), ", ".join(map(tex, self.given))
        bar = f", {c}" if c else ""

        def part(name: str) -> str:
            inner = rf"E[{tex(name)} \mid {z}=1{bar}] - E[{tex(name)} \mid {z}=0{bar}]"
            return rf"E_{{{c}}}\bigl[{inner}\bigr]" if c else inner

        return rf"\frac{{{part(self.outcome)}}}{{{part(self.treatment)}}}"

    @property
    def words(self) -> str:
        """The formula in a sentence."""
        z = ", ".join(self.instruments)
        same = f", among rows with the same {', '.join(self.given)}" if self.given else ""
        return (
            f"how {self.outcome} changes with {z}, divided by how {self.treatment} changes with "
            f"{z}{same}"
        )

    def evaluate(self, table: ArrayLike, names: Any) -> float:
        """The ratio on a joint table with one axis a name: last against first level of one z."""
        from ..graphs.identification.expression import Joint, Probability, divided

        if len(self.instruments) != 1:
            raise InputError("the ratio is for one instrument")
        joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
        (z,) = self.instruments
        (axis,) = joint.axes((z,))
        share = joint.marginal(self.given)
        ends = []
        for name in (self.outcome, self.treatment):
            p = Probability((name,), (z, *self.given)).value(joint)
            (own,) = joint.axes((name,))
            along = [1] * p.ndim
            along[own] = p.shape[own]
            mean = (p * np.arange(p.shape[own]).reshape(along)).sum(axis=own, keepdims=True)
            gap = mean.take([-1], axis=axis) - mean.take([0], axis=axis)
            ends.append(float((gap * share).sum()))
        return float(divided(np.array(ends[0]), np.array(ends[1])))
