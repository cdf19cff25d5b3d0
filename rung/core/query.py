"""What is asked (Query), the formula (Estimand), the number (Estimate)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .data import Data
from .errors import NotSupported
from .graph import Graph
from .result import Result

if TYPE_CHECKING:
    import pandas as pd

    from .budget import Run
    from .protocols import Estimator


class Query(ABC):
    """A question. `answer` is called by the verb `effect`."""

    @abstractmethod
    def answer(
        self,
        structure: Any,
        data: Any,
        *,
        estimator: Estimator | None,
        run: Run,
        rng: np.random.Generator,
    ) -> Estimate:
        """Identify on the structure (Graph, Discovery, weighted graphs), then estimate."""

    def identified_on(self, graph: Graph, *, hidden_causes: bool = False) -> Estimand:
        """What the question is on one graph as a function of the observed distribution.

        Raises
        ------
        NotIdentified
            It is none, or the question has no such formula.
        """
        raise NotSupported(f"{type(self).__name__} has no formula over the observed distribution")


class Estimand(ABC):
    """A function of the observed distribution that equals what is asked."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The formula as plain text."""

    @property
    @abstractmethod
    def latex(self) -> str:
        """The formula as LaTeX."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The formula in a sentence with the data's names."""

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"${self.latex}$"

    def evaluate(self, table: ArrayLike, names: Sequence[str]) -> Any:
        """Its value on a joint probability table of the observed names, one axis a name."""
        raise NotSupported(f"{type(self).__name__} cannot be evaluated on a table")


class Status(StrEnum):
    """How an assumption stands."""

    CHECKED = "checked"
    UNCHECKABLE = "uncheckable"
    CONTRADICTED = "contradicted"
    DECLARED = "declared"


@dataclass(frozen=True)
class Assumption:
    """One assumption of an estimate, in the data's words.

    `figure` is what the check found (or why there is none), `consequence` what follows for the
    answer if the assumption fails.
    """

    name: str
    statement: str
    status: Status
    figure: str
    consequence: str


@dataclass(frozen=True)
class Refutation:
    """One attempt to overturn an estimate.

    `kind` is "stability" (cannot detect hidden confounding) or "sensitivity"; `passed` is None
    where there is no pass or fail; `figures` holds the numbers behind `finding`.
    """

    name: str
    kind: str
    finding: str
    passed: bool | None
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Part:
    """The answer on one graph of a set. `value` is None where the effect is not identified."""

    graph: Graph
    weight: float
    value: float | None
    interval: tuple[float, float] | None
    estimand: Estimand | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Estimate(Result):
    """A number with its interval, its formula, its assumptions and the attempts to refute it.

    Parameters
    ----------
    query : Query
    value : float
        Point estimate; NaN where only an interval or a set is justified.
    interval : (float, float)
        At `level`; over a set of graphs it covers every graph's interval.
    level : float
    units : str
        What one unit of `value` means, for example "log10(Akt) per 1 SD".
    contrast : str
        The two treatments compared, with units.
    population : str
        Who the number is about ("all rows", "the overlap population" ...).
    estimand : Estimand or None
    method : str
        Estimator in the field's words.
    n : int
        Rows used.
    effective_n : float
        Effective sample size after weighting.
    assumptions, refutations, parts : tuples
    diagnostics : mapping
        Balance, overlap, residuals ...: JSON-ready.
    rows : mapping of str to ndarray
        Per-row quantities in the order of the rows used (CATE, weights).
    seed : int or None
    data : Data
        The rows used.
    """

    query: Query
    value: float
    interval: tuple[float, float]
    level: float = 0.95
    units: str = ""
    contrast: str = ""
    population: str = "all rows"
    standing: str = ""
    estimand: Estimand | None = None
    method: str = ""
    n: int = 0
    effective_n: float = float("nan")
    se: float = float("nan")
    assumptions: tuple[Assumption, ...] = ()
    refutations: tuple[Refutation, ...] = ()
    parts: tuple[Part, ...] = ()
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    seed: int | None = None
    seconds: float = 0.0
    cites: tuple[str, ...] = ()
    data: Data | None = field(default=None, repr=False)

    def frame(self) -> pd.DataFrame:
        """One row for the answer, and one for each graph of a set."""
        import pandas as pd

        rows = [
            {
                "graph": "answer",
                "weight": 1.0,
                "value": self.value,
                "lower": self.interval[0],
                "upper": self.interval[1],
            }
        ]
        for part in self.parts:
            low, high = part.interval or (None, None)
            rows.append({"graph": str(part.graph), "weight": part.weight, "value": part.value,
                         "lower": low, "upper": high})  # fmt: skip
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        low, high = self.interval
        lines = [
            f"{self.query!r}: {self.value:.4g} [{low:.4g}, {high:.4g}] at {self.level:.0%}"
            f"{f' {self.units}' if self.units else ''}",
            f"  contrast: {self.contrast}; population: {self.population}; n = {self.n}",
            f"  method: {self.method}",
        ]
        if self.standing:
            lines.append(f"  standing: {self.standing}")
        if self.estimand is not None:
            lines.append(f"  estimand: {self.estimand.text}")
        if len(self.parts) > 1:
            known = [p for p in self.parts if p.value is not None]
            lines.append(f"  over {len(self.parts)} graphs, identified on {len(known)}")
        lines += [f"  warning: {w}" for w in self.warnings]
        return "\n".join(lines)
