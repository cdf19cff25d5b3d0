"""Bounds: what `rung.bounds` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...core.query import Assumption, Part, Query
from ...core.result import Result

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Bounds(Result):
    """Between which numbers an effect lies, with an interval.

    Parameters
    ----------
    query : what was asked
    lower, upper : estimated ends; over several graphs the least and the largest
    interval : covers the effect at `level`, wherever it lies between the ends
    level, units, contrast, population, n : as for `Estimate`
    sharp : whether no narrower bounds follow from the same assumptions and distribution
    method : how the bounds were made
    assumptions : what they rest on
    parts : one for each distinct answer over several graphs; `interval` are its ends
    diagnostics : mapping, JSON-ready
    seed : int or None
    """

    query: Query
    lower: float
    upper: float
    interval: tuple[float, float]
    level: float = 0.95
    units: str = ""
    contrast: str = ""
    population: str = "all rows"
    sharp: bool = False
    method: str = ""
    n: int = 0
    assumptions: tuple[Assumption, ...] = ()
    parts: tuple[Part, ...] = ()
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    seed: int | None = None
    seconds: float = 0.0
    cites: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """One row for the answer, and one for each graph of a set."""
        import pandas as pd

        rows = [{"graph": "answer", "weight": 1.0, "lower": self.lower, "upper": self.upper,
                 "note": self.method}]  # fmt: skip
        for part in self.parts:
            low, high = part.interval or (float("nan"), float("nan"))
            rows.append({"graph": str(part.graph), "weight": part.weight, "lower": low,
                         "upper": high, "note": part.note})  # fmt: skip
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        low, high = self.interval
        sign = "its sign is known" if low > 0 or high < 0 else "its sign is not known"
        lines = [
            f"{self.query!r}: between {self.lower:.4g} and {self.upper:.4g}"
            f"{f' {self.units}' if self.units else ''}; {self.level:.0%} interval "
            f"[{low:.4g}, {high:.4g}], {sign}",
            f"  contrast: {self.contrast}; population: {self.population}; n = {self.n}",
            f"  method: {self.method}; {'sharp' if self.sharp else 'valid, perhaps not sharp'}",
        ]
        lines += [f"  assumed: {a.statement}" for a in self.assumptions]
        if len(self.parts) > 1:
            lines.append(f"  over graphs with {len(self.parts)} distinct answers: their hull")
        lines += [f"  warning: {w}" for w in self.warnings]
        return "\n".join(lines)
