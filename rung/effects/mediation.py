"""NDE, NIE, CDE: how much of an effect goes through mediators."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.query import Estimate, Query
from ..core.site import Site
from ..core.weighted import weighted
from ..graphs.identification.nested import NestedFormula
from ..inference.intervals import check_level
from .identification import check_nodes
from .mixture import Piece, mixed, on_tables, seed_of
from .natural import ControlledEffect, NaturalEffect
from .queries import _names
from .routes.criteria import (
    controlled_covariates,
    natural_formula,
    over_measured,
    through,
)


def _shown(query: Any, names: tuple[str, ...]) -> str:
    parts = []
    for name in names:
        value = getattr(query, name)
        if value not in (None, ()):
            value = value[0] if isinstance(value, tuple) and len(value) == 1 else value
            parts.append(f"{name}={value!r}".replace("'", '"'))
    return f"{type(query).__name__}({', '.join(parts)})"


def _mediators(value: Any) -> tuple[str | Site, ...]:
    """Names of columns or of sites; of a network, sites themselves too."""
    if isinstance(value, Site):
        return (value,)
    if isinstance(value, tuple | list) and any(isinstance(v, Site) for v in value):
        return tuple(value)
    return _names(value, "mediator")


@dataclass(frozen=True, repr=False)
class _Through(Query):
    """What the questions about mediators share.

    Treatment and outcome may be left out where the structure knows them (a network); on a table
    they are needed.
    """

    treatment: str | None = None
    outcome: str | None = None
    mediator: Any = ()
    treated: Any = field(default=None, kw_only=True)
    control: Any = field(default=None, kw_only=True)
    level: float = field(default=0.95, kw_only=True)

    def __post_init__(self) -> None:
        check_level(self.level)
        for name in ("treatment", "outcome"):
            if not isinstance(getattr(self, name), str | None):
                raise InputError(f"{name}={getattr(self, name)!r}: expected the name of a column")
        object.__setattr__(self, "mediator", _mediators(self.mediator))
        if not self.mediator:
            raise InputError(
                f"{type(self).__name__} needs mediator=: the name or names that it goes through"
            )
        names = (n for n in self.mediator if isinstance(n, str))
        named = [n for n in (self.treatment, self.outcome, *names) if n is not None]
        twice = sorted({n for n in named if named.count(n) > 1})
        if twice:
            raise InputError(f"{', '.join(twice)} has two roles in {self!r}")

    def __repr__(self) -> str:
        return _shown(self, ("treatment", "outcome", "mediator", "treated", "control"))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the answer needs beside treatment and outcome."""
        return tuple(self.mediator)

    def on_table(self) -> tuple[str, str, tuple[str, ...]]:
        """Treatment, outcome, mediators.

        Raises
        ------
        InputError
            Treatment or outcome was left out.
        """
        if self.treatment is None or self.outcome is None:
            raise InputError(
                f"{self!r}: on a table the question needs its treatment and outcome too: "
                f'{type(self).__name__}("treatment", "outcome", "mediator")'
            )
        if places := [m for m in self.mediator if not isinstance(m, str)]:
            raise InputError(f"{self!r}: {places[0]!r} is a place in a network, not a column")
        return self.treatment, self.outcome, tuple(m for m in self.mediator if isinstance(m, str))

    @abstractmethod
    def _work(self, table: Data, estimator: Any, seed: int) -> Any:
        """What holds a table and remembers what was solved on it; `contrast` and `units` say it."""

    @abstractmethod
    def _piece(self, work: Any, table: Data, graph: Graph, hidden: bool) -> Piece:
        """What one graph says on a table."""

    @final
    def answer(
        self,
        structure: Any,
        data: Any,
        *,
        estimator: Any,
        run: Run,
        rng: np.random.Generator,
    ) -> Estimate:
        """Find the covariates on every graph, estimate on every completed table."""
        data = _rows(data)
        seed = seed_of(rng)
        for graph, _ in weighted(structure)[0]:
            check_nodes(graph, *self.on_table()[:2], *self.on_table()[2])
        works: dict[Data, Any] = {}

        def on(table: Data) -> Any:
            if table not in works:
                works[table] = self._work(table, estimator, seed)
            return works[table]

        def solve(table: Data, graph: Graph, hidden: bool) -> Piece:
            return self._piece(on(table), table, graph, hidden)

        filled = np.random.default_rng([seed % 2**32, 1])
        ask, notes, first = on_tables(self, structure, data, solve, run=run, rng=filled)
        work = on(first)
        return mixed(
            self, structure, ask, run=run, seed=seed, contrast=work.contrast, units=work.units,
            level=self.level, warnings=notes, members=True,
        )  # fmt: skip


@dataclass(frozen=True, repr=False)
class _Natural(_Through):
    """What NDE and NIE share: everything but which difference of means is asked for."""

    part: ClassVar[str]

    def identified_on(self, graph: Graph, *, hidden_causes: bool = False) -> NaturalEffect:
        """The mediation formula (Pearl 2001) with the covariates that the graph gives."""
        x, y, m = self.on_table()
        check_nodes(graph, x, y, *m)
        formula, given = self._formula(graph, graph.names, hidden_causes)
        return NaturalEffect(x, y, m, given or (), self.part, formula)

    def _formula(
        self, graph: Graph, measured: tuple[str, ...], hidden: bool
    ) -> tuple[NestedFormula, tuple[str, ...] | None]:
        x, y, m = self.on_table()
        graph = over_measured(graph, measured, hidden, "a natural effect")
        return natural_formula(graph, x, y, m)

    def _none(self, graph: Graph, hidden: bool) -> str:
        """Why the effect is zero by the graph; "" if it is not."""
        x, y, m = self.on_table()
        beside, through_them = through(over_measured(graph, graph.names, hidden, "it"), x, y, m)
        who = ", ".join(m)
        if self.part == "indirect" and not through_them:
            return f"no directed path leads from {x} through {who} to {y}"
        if self.part == "direct" and not beside:
            return f"every directed path from {x} to {y} passes {who}"
        return ""

    def _work(self, table: Data, estimator: Any, seed: int) -> Any:
        from .routes.mediating import Mediating

        return Mediating(self, table, estimator, seed)

    def _piece(self, work: Any, table: Data, graph: Graph, hidden: bool) -> Piece:
        if said := self._none(graph, hidden):
            return Piece(0.0, (0.0, 0.0), key="no path", note=said, method="zero by the graph")
        formula, given = self._formula(graph, table.names, hidden)
        return work.piece(formula, given, self.part)


def _rows(data: Any) -> Data:
    if not isinstance(data, Data):
        raise InputError(f"an effect needs rows: expected Data, got {type(data).__name__}")
    return data


@final
@dataclass(frozen=True, repr=False)
class NDE(_Natural):
    """Natural direct effect: E[Y(treated, M(control))] - E[Y(control, M(control))].

    The effect of the treatment with the mediators as they would be under control (Robins and
    Greenland 1992; Pearl 2001). With `NIE` it adds up to the total effect.

    Parameters
    ----------
    treatment, outcome : names of two columns
    mediator : name or names; together they are one set
    treated, control : values compared; default as for `ATE`
    level : of the interval
    """

    part: ClassVar[str] = "direct"


@final
@dataclass(frozen=True, repr=False)
class NIE(_Natural):
    """Natural indirect effect: E[Y(treated, M(treated))] - E[Y(treated, M(control))].

    What the treatment does through the mediators alone, the treatment itself staying on (the total
    indirect effect of Robins and Greenland 1992; Pearl 2001). Arguments as for `NDE`.
    """

    part: ClassVar[str] = "indirect"


@final
@dataclass(frozen=True, repr=False)
class CDE(_Through):
    """Controlled direct effect: E[Y(treated, m)] - E[Y(control, m)] with the mediators set to m.

    Parameters
    ----------
    at : value of the mediator, or a mapping of mediator to value; mediators have levels
    others : as for `NDE`
    """

    at: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _Through.__post_init__(self)
        if isinstance(self.at, Mapping) and set(self.at) != set(self.mediator):
            raise InputError(
                f"at={dict(self.at)!r}: expected one value for each of {', '.join(self.mediator)}"
            )
        if not isinstance(self.at, Mapping) and len(self.mediator) > 1 and self.at is not None:
            raise InputError(f"at={self.at!r}: with several mediators give a mapping name -> value")

    def __repr__(self) -> str:
        return _shown(self, ("treatment", "outcome", "mediator", "treated", "control", "at"))

    def values(self) -> dict[str, Any]:
        """Mediator -> value that it is set to.

        Raises
        ------
        InputError
            No value was given.
        """
        if self.at is None:
            raise InputError(f"{self!r} needs at=: the value that the mediator is set to")
        if isinstance(self.at, Mapping):
            return dict(self.at)
        return {self.mediator[0]: self.at}

    def identified_on(self, graph: Graph, *, hidden_causes: bool = False) -> ControlledEffect:
        """Adjustment for treatment and mediators set together."""
        x, y, m = self.on_table()
        check_nodes(graph, x, y, *m)
        given = self._given(graph, graph.names, hidden_causes)
        return ControlledEffect(x, y, m, given)

    def _given(self, graph: Graph, measured: tuple[str, ...], hidden: bool) -> tuple[str, ...]:
        x, y, m = self.on_table()
        graph = over_measured(graph, measured, hidden, "a controlled direct effect")
        return controlled_covariates(graph, x, y, m)

    def _work(self, table: Data, estimator: Any, seed: int) -> Any:
        from .routes.controlling import Controlling

        return Controlling(self, table, estimator, seed)

    def _piece(self, work: Any, table: Data, graph: Graph, hidden: bool) -> Piece:
        return work.piece(self._given(graph, table.names, hidden))
