"""Candidate causes of an outcome: exploratory, ranked, with simultaneous intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.errors import InputError, RungError
from ..core.missing import complete, told
from ..core.protocols import Estimator
from ..core.result import Result
from ..core.variable import Kind
from ..core.weighted import weighted
from ..inference import intervals
from .completed import completed
from .contrast import check_names
from .estimators.regression import Regression
from .identification import allows_hidden
from .queries import ATE
from .study import Answered, Study

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Candidates(Result):
    """Columns ranked by the effect that the graphs give them on the outcome.

    rows : name, value, low, high, standard (in outcome standard deviations), weight (of graphs
        in which it is a cause), units, contrast; intervals are simultaneous over `looked_at`.
    """

    outcome: str
    rows: tuple[dict[str, Any], ...]
    looked_at: int
    level: float
    text: str
    skipped: tuple[str, ...] = ()
    seed: int | None = None
    cites: tuple[str, ...] = ("dunn1961",)
    notes: tuple[str, ...] = field(default=())

    def frame(self) -> pd.DataFrame:
        """One row a candidate."""
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    def __repr__(self) -> str:
        lines = [f"Candidates for {self.outcome} (exploratory): {len(self.rows)} columns"]
        for r in self.rows[:20]:
            lines.append(
                f"  {r['name']}: {r['value']:.4g} [{r['low']:.4g}, {r['high']:.4g}] {r['units']}; "
                f"{r['contrast']}; a cause in {r['weight']:.0%} of the graphs"
            )
        return "\n".join([*lines, f"  {self.text}", *(f"  note: {n}" for n in self.notes)])


def candidates(
    structure: Any,
    data: Data,
    outcome: str,
    *,
    names: Sequence[str] | None = None,
    estimator: Estimator | None = None,
    level: float = 0.95,
    budget: Budget | Run | None = None,
    seed: int | np.random.Generator = 0,
) -> Candidates:
    """Rank every column by its effect on the outcome over the weighted graphs.

    The intervals hold together over all columns looked at (Bonferroni), and each covers every
    answer of the graphs. Quick outcome regression is used if no estimator is given.

    Parameters
    ----------
    structure : Graph, Discovery or pairs (Graph, weight)
    names : columns to look at; all but the outcome, identifiers and constants if not given

    Raises
    ------
    InputError, UnknownName
        An outcome that is not there, is constant or has no mean; no column left to look at.
    """
    run, rng = start(budget), np.random.default_rng(seed)
    graphs, _, _ = weighted(structure)
    if not graphs:
        raise InputError("candidates need a graph, a Discovery or weighted graphs")
    looked = _columns(data, outcome, names, graphs[0][0].names)
    joint = 1 - (1 - intervals.check_level(level)) / len(looked)
    own = int(rng.integers(2**63))
    several, notes = _tables(structure, data, ATE(looked[0], outcome, level=level), run, own)
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    for k, name in enumerate(looked):
        if run.spent and rows:
            skipped.append(f"{name}: the budget ended")
            continue
        try:
            hidden = allows_hidden(structure)
            rows.append(_one(graphs, several, name, outcome, estimator, joint, run, own, hidden))
        except RungError as error:
            skipped.append(f"{name}: {error}")
        run.tick((k + 1) / len(looked), name)
    rows.sort(key=lambda r: (-abs(r["standard"]) * r["weight"], r["name"]))
    text = (
        f"exploratory: {len(looked)} columns were looked at; the intervals hold for all of them "
        f"together at {level:.0%} (Bonferroni) if there is no hidden common cause and one of the "
        "graphs is right"
    )
    return Candidates(
        outcome, tuple(rows), len(looked), level, text, tuple(skipped), own, notes=notes
    )


def _tables(
    structure: Any, data: Data, query: ATE, run: Run, seed: int
) -> tuple[tuple[Data, ...], tuple[str, ...]]:
    """The tables to answer on, completed if the policy is EM, and what was done."""
    found = completed(structure, data, query, run=run, rng=np.random.default_rng([seed, 1]))
    names = weighted(structure)[0][0][0].names
    notes = told(data.select([n for n in names if n in data.names]))
    if found.words:
        notes = (*notes, f"{len(found.tables)} tables completed from {found.words}")
    return found.tables, notes


def _columns(
    data: Data, outcome: str, names: Sequence[str] | None, nodes: Sequence[str]
) -> list[str]:
    data.index(outcome)
    wanted = list(data.names) if names is None else list(names)
    for name in wanted:
        data.index(name)
    usable = [
        name for name in wanted
        if name != outcome and name in nodes and not data.variable(name).shape
        and data.variable(name).kind not in (Kind.IDENTIFIER, Kind.CONSTANT)
    ]  # fmt: skip
    if not usable:
        raise InputError(f"no column is left that could cause {outcome!r}")
    check_names(data, usable[0], outcome)
    return usable


def _one(
    graphs: list[tuple[Any, float]],
    tables: Sequence[Data],
    name: str,
    outcome: str,
    estimator: Estimator | None,
    joint: float,
    run: Run,
    seed: int,
    hidden: bool,
) -> dict[str, Any]:
    study = Study(
        tables[0], ATE(name, outcome, level=joint), estimator or Regression("spline"),
        population="all", run=run, rng=np.random.default_rng(seed), hidden=hidden,
        others=tables[1:],
    )  # fmt: skip
    found: list[Answered] = []
    for graph, weight in graphs:
        found += study.answers(study.cases(graph, weight))
    known = [a for a in found if a.value is not None and a.interval is not None]
    if not known:
        raise InputError(found[0].note or "not identified")
    weights = np.array([a.case.weight for a in known])
    values = np.array([a.value for a in known], dtype=float)
    ends = np.array([a.interval for a in known], dtype=float)
    value = float(weights @ values / weights.sum())
    spread = _spread(study, outcome)
    return {
        "name": name, "value": value, "low": float(ends[:, 0].min()),
        "high": float(ends[:, 1].max()), "standard": value / spread,
        "weight": float(weights[[not a.case.zero for a in known]].sum()),
        "units": study.contrast.units, "contrast": study.contrast.labels[0],
        "unidentified": float(sum(a.case.weight for a in found if a.value is None)),
    }  # fmt: skip


def _spread(study: Study, outcome: str) -> float:
    y: NDArray[Any] = complete(study.data.select([outcome])).column(outcome)
    return float(y.std()) or 1.0
