"""Attribution: nodes ranked by what they contribute, with error bars."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.graph import Graph
from ...core.result import Result

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
SHOWN = 12  # nodes in the text


@dataclass(frozen=True)
class Contribution:
    """What one node contributes.

    Parameters
    ----------
    node : str
    value : float
        In the units of the measure.
    interval : (float, float)
        At the level of the attribution.
    error : float
        Standard error.
    p : float
        That the node's mechanism is the same in both data sets (adjusted), or that a node's noise
        is as usual in every row (adjusted); NaN if it was not tested.
    changed : float
        Weight of the graphs on which p is at most 0.05.
    gain : float
        Nats a held-out row that separate mechanisms gain (data sets); -log probability of noise at
        least as extreme as the node's own, mean of the rows (rows).
    """

    node: str
    value: float
    interval: tuple[float, float]
    error: float
    p: float
    changed: float
    gain: float


@dataclass(frozen=True, eq=False)
class GraphShare:
    """The contributions on one graph of a set: (nodes,) in the order of `Attribution.nodes`."""

    graph: Graph
    weight: float
    values: Floats


@dataclass(frozen=True, eq=False)
class Attribution(Result):
    """Root causes, ranked.

    Parameters
    ----------
    question : str
        What was asked, in words.
    outcome : str or None
        None where the mechanisms themselves were compared.
    measure : str
        What the values are, with units.
    contributions : tuple of Contribution
        Largest first.
    nodes : tuple of str
        Order of the columns of `rows`.
    rows : (rows, nodes) float or None
        Contributions to each row that was explained; `labels` says which rows.
    row_totals : (rows,) float or None
        What is attributed in each row.
    total : float
        What is attributed: by the model; over rows the mean.
    observed : float or None
        The same in the data, for two data sets.
    level : float
        Of the intervals.
    how : str
        All sets or sampled orders, and the number of draws.
    meaning : str
        What the weights of graphs are.
    parts : tuple of GraphShare
        Heaviest first.
    """

    question: str
    outcome: str | None
    measure: str
    contributions: tuple[Contribution, ...]
    nodes: tuple[str, ...]
    total: float
    observed: float | None = None
    rows: Floats | None = None
    row_totals: Floats | None = None
    labels: tuple[str, ...] = ()
    level: float = 0.95
    how: str = ""
    meaning: str = "given"
    parts: tuple[GraphShare, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int | None = None
    seconds: float = 0.0
    cites: tuple[str, ...] = field(default=())

    @property
    def ranked(self) -> tuple[str, ...]:
        """Names of the nodes, largest contribution first."""
        return tuple(c.node for c in self.contributions)

    def frame(self) -> pd.DataFrame:
        """One row a node, ranked."""
        import pandas as pd

        gain = "own score" if self.rows is not None else "gain"
        return pd.DataFrame(
            [
                {
                    "node": c.node, "value": c.value, "lower": c.interval[0],
                    "upper": c.interval[1], "se": c.error, gain: c.gain, "p": c.p,
                    "changed": c.changed,
                }
                for c in self.contributions
            ]
        )  # fmt: skip

    def by_row(self) -> pd.DataFrame:
        """Contributions of each node (columns) to each row that was explained."""
        import pandas as pd

        rows = np.empty((0, len(self.nodes))) if self.rows is None else self.rows
        return pd.DataFrame(rows, index=list(self.labels), columns=list(self.nodes))

    @property
    def words(self) -> tuple[str, ...]:
        """What was found, in sentences."""
        named = [c for c in self.contributions if c.changed >= 0.5]
        if self.rows is not None:
            first = self.contributions[0]
            out = [f"{first.node} contributes most: {first.value:.3g} of {self.total:.3g}"]
            unusual = ", ".join(c.node for c in named)
            out.append(
                f"unusual given their own causes: {unusual}" if named
                else "no node is unusual given its own causes"
            )  # fmt: skip
            return (*out, CONDITION)
        if not named:
            out = ["no mechanism was found to change"]
        else:
            names = ", ".join(c.node for c in named)
            out = [f"mechanisms found to change: {names} (of {len(self.nodes)} looked at)"]
        if self.outcome is not None and self.observed is not None:
            left = self.observed - self.total
            out.append(
                f"the changes explain {self.total:.3g} of the observed {self.observed:.3g}; "
                f"{left:.3g} is left to chance, misfit and changes not found"
            )
        return (*out, CONDITION)

    def content(self) -> dict[str, Any]:
        """JSON-ready: what a section of a report shows."""
        return {
            "question": self.question, "outcome": self.outcome, "measure": self.measure,
            "total": _plain(self.total), "observed": _plain(self.observed), "level": self.level,
            "how": self.how, "meaning": self.meaning, "words": list(self.words),
            "notes": list(self.notes), "graphs": len(self.parts),
            "nodes": [
                {
                    "node": c.node, "value": _plain(c.value), "low": _plain(c.interval[0]),
                    "high": _plain(c.interval[1]), "se": _plain(c.error), "p": _plain(c.p),
                    "changed": _plain(c.changed), "gain": _plain(c.gain),
                }
                for c in self.contributions
            ],
            "rows": [
                {"row": label, "total": float(t), "values": dict(zip(self.nodes, v.tolist()))}
                for label, t, v in zip(self.labels, self._totals(), self._rows())
            ],
        }  # fmt: skip

    def _rows(self) -> Floats:
        return np.empty((0, len(self.nodes))) if self.rows is None else self.rows

    def _totals(self) -> Floats:
        return np.empty(0) if self.row_totals is None else self.row_totals

    def __repr__(self) -> str:
        observed = "" if self.observed is None else f", observed {self.observed:.4g}"
        lines = [f"{self.question}: {self.measure} {self.total:.4g}{observed}"]
        for c in self.contributions[:SHOWN]:
            low, high = c.interval
            same = self.rows is None and self.outcome is not None and not c.changed
            bounds = "not found to change" if same else f"[{low:.3g}, {high:.3g}]"
            lines.append(f"  {c.node:<16} {c.value:>9.3g} {bounds}  p {c.p:.2g}")
        if len(self.contributions) > SHOWN:
            lines.append(f"  ... {len(self.contributions) - SHOWN} more")
        lines += [f"  {w}" for w in self.words]
        lines.append(f"  how: {self.how}")
        if len(self.parts) > 1:
            lines.append(f"  over {len(self.parts)} graphs (weights: {self.meaning})")
        return "\n".join([*lines, *(f"  note: {n}" for n in self.notes)])


CONDITION = "if the graph is right, nothing hidden is a common cause, and the mechanisms fit"


def _plain(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
