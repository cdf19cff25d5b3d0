"""What a table looks like, before anything is assumed about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.data import Data
from ..core.result import Result
from ..core.variable import Kind
from .profile_columns import NUMERIC, ColumnProfile, column_profiles
from .profile_pairs import ROWS, Curvature, curvature, deterministic, duplicates, numeric_rows
from .profile_rows import RowDependence, dependence, heterogeneity, missingness
from .profile_warnings import warnings_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ColumnProfile", "Curvature", "Profile", "RowDependence", "dependence", "profile"]


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Result):
    """What a table looks like.

    Parameters
    ----------
    n, d : int
        Rows and columns.
    columns : tuple of ColumnProfile
    curvature : Curvature
        Whether straight lines describe the pairs of numeric columns.
    gaussian : bool or None
        True if no numeric column is notably (and significantly) non-Gaussian; None without any.
    non_gaussian : float
        Share of numeric columns that are non-Gaussian.
    duplicates : tuple of {"a", "b", "r", "what"}
    deterministic : tuple of {"columns", "eigenvalue"}
        Sets of columns in an exact linear relation.
    missing : mapping
        "rows" (share incomplete), "cells", "patterns", "monotone", "depends".
    heterogeneity : tuple of {"name", "share", "p", "ratio", "spread_p"}
        Shifts between environments.
    rows : RowDependence
    warnings : tuple of {"title", "text"}
    notes : tuple of str
        What was computed on a subsample.
    """

    name: str
    n: int
    d: int
    columns: tuple[ColumnProfile, ...]
    curvature: Curvature
    gaussian: bool | None
    non_gaussian: float
    duplicates: tuple[dict[str, Any], ...]
    deterministic: tuple[dict[str, Any], ...]
    missing: dict[str, Any]
    heterogeneity: tuple[dict[str, Any], ...]
    rows: RowDependence
    environments: tuple[str, ...] = ()
    warnings: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def linear(self) -> bool | None:
        """True if at most 1 in 20 related pairs of numeric columns bend; None if not tested."""
        return self.curvature.linear

    @property
    def kinds(self) -> dict[str, int]:
        """Number of columns of each kind."""
        return {str(k): sum(c.kind == k for c in self.columns) for k in Kind if self._any(k)}

    def _any(self, kind: Kind) -> bool:
        return any(c.kind == kind for c in self.columns)

    @property
    def discrete_share(self) -> float:
        """Share of columns that are binary, ordinal or categorical."""
        found = [Kind(c.kind).discrete for c in self.columns]
        return float(np.mean(found)) if found else 0.0

    def column(self, name: str) -> ColumnProfile:
        """The profile of one column."""
        from ..core.errors import unknown

        for found in self.columns:
            if found.name == name:
                return found
        raise unknown(name, [c.name for c in self.columns], "column")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.name, "n": self.n, "d": self.d, "kinds": self.kinds,
            "discrete_share": self.discrete_share,
            "variables": [c.to_dict() for c in self.columns],
            "linear": self.linear, "curvature": _plain(asdict(self.curvature)),
            "gaussian": self.gaussian, "non_gaussian": self.non_gaussian,
            "duplicates": list(self.duplicates), "deterministic": list(self.deterministic),
            "missing": self.missing, "heterogeneity": list(self.heterogeneity),
            "environments": list(self.environments), "rows": asdict(self.rows),
            "warnings": [dict(w) for w in self.warnings], "notes": list(self.notes),
        }  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """One row a column."""
        import pandas as pd

        rows = [asdict(c) for c in self.columns]
        return pd.DataFrame(rows).drop(columns=["levels", "top"], errors="ignore")

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        lines = [f"Profile of {self.name}: {self.n} rows x {self.d} columns ({kinds})"]
        for c in self.columns[:20]:
            gone = f", {c.missing:.1%} missing" if c.missing else ""
            if c.mean is not None and c.kind in NUMERIC:
                unit = f" {c.unit}" if c.unit else ""
                skew = f", skew {c.skew:.2g}" if c.skew is not None else ""
                text = f"mean {c.mean:.4g}, sd {c.sd:.4g}{unit}{skew}{gone}"
            else:
                shown = ", ".join(f"{level} {count}" for level, count in c.top[:4])
                text = f"{c.distinct} values{': ' + shown if shown else ''}{gone}"
            lines.append(f"  {c.name}: {c.kind}, {text}")
        if len(self.columns) > 20:
            lines.append(f"  ... {len(self.columns) - 20} more")
        lines.append(f"  rows: {self.rows.text}")
        return "\n".join(lines + [f"  {w['title']}: {w['text']}" for w in self.warnings[:12]])


def profile(data: Data, *, seed: int | np.random.Generator = 0) -> Profile:
    """Profile a table; costly checks of pairs use at most 2,000 rows, drawn with `seed`."""
    rng = np.random.default_rng(seed)
    columns = column_profiles(data, rng)
    names, x, notes = numeric_rows(data, rng, ROWS)
    judged = [c.gaussian for c in columns if c.gaussian is not None]
    out = Profile(
        name=data.origin.name,
        n=data.n,
        d=data.d,
        columns=columns,
        curvature=curvature(names, x),
        gaussian=all(judged) if judged else None,
        non_gaussian=float(np.mean([not g for g in judged])) if judged else 0.0,
        duplicates=duplicates(data),
        deterministic=deterministic(data),
        missing=missingness(data),
        heterogeneity=heterogeneity(data),
        rows=dependence(data),
        environments=data.environments,
        notes=tuple(notes),
    )
    from dataclasses import replace

    return replace(out, warnings=warnings_of(out))


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {**figures, "pairs": [list(pair) for pair in figures["pairs"]]}
