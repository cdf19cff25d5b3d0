"""Soundness: the findings about imagined pictures as a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...core.errors import InputError
from ...core.result import Result

if TYPE_CHECKING:
    import pandas as pd

SET, DOWNSTREAM, UNTOUCHED = "set", "downstream", "untouched"


@dataclass(frozen=True)
class Finding:
    """One figure, the mean over units, with its bootstrap interval.

    Parameters
    ----------
    axiom : str
        "composition", "effectiveness", "reversibility", "minimality" or "truth".
    do : str
        The factor that was set; empty for composition.
    measure : str
        A factor, "picture" (mean absolute error a pixel), or "CLD".
    role : str
        Of a factor: "set", "downstream" or "untouched"; empty otherwise.
    value, low, high : float
        Factors in standard deviations of the label (levels: share wrong).
    raw : float or None
        Factors in units of the label.
    floor : float or None
        The predictor's own held-out error, in the unit of `value`: below it nothing can be told.
    """

    axiom: str
    do: str
    measure: str
    role: str
    value: float
    low: float
    high: float
    raw: float | None = None
    floor: float | None = None


@dataclass(frozen=True, eq=False)
class Soundness(Result):
    """How far imagined pictures keep the axioms of counterfactuals; 0 is best everywhere.

    Parameters
    ----------
    findings : tuple of Finding
    units : int
        Pictures that were imagined.
    level : float
        Of the intervals.
    reference : str
        What descendants and untouched factors were compared with.
    """

    findings: tuple[Finding, ...]
    units: int
    level: float
    reference: str
    cites: tuple[str, ...] = field(default=("monteiro2023", "melistas2024"))

    def mean(self, axiom: str, *, role: str = "", do: str = "", measure: str = "") -> float:
        """The mean of the values of the findings asked for.

        Raises
        ------
        InputError
            There is none.
        """
        found = [
            f.value
            for f in self.findings
            if f.axiom == axiom and all(
                not wanted or wanted == have
                for wanted, have in ((role, f.role), (do, f.do), (measure, f.measure))
            )
        ]  # fmt: skip
        if not found:
            have = sorted({(f.axiom, f.role, f.do, f.measure) for f in self.findings})
            raise InputError(f"no finding of {axiom!r} {role!r} {do!r} {measure!r} among {have}")
        return sum(found) / len(found)

    def frame(self) -> pd.DataFrame:
        """One row a finding."""
        import pandas as pd

        return pd.DataFrame([vars(f) for f in self.findings])

    def __repr__(self) -> str:
        lines = [f"soundness over {self.units} pictures, {self.level:.0%} intervals; "
                 f"compared with {self.reference}"]  # fmt: skip
        for f in self.findings:
            what = f"do({f.do}): {f.measure}" if f.do else f.measure
            role = f" ({f.role})" if f.role else ""
            lines.append(
                f"  {f.axiom:<13} {what + role:<46} {f.value:7.4f} [{f.low:.4f}, {f.high:.4f}]"
            )
        return "\n".join(lines)
