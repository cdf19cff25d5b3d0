"""What a report withholds: single rows, their values, and counts of one to four."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

SMALL = 5
HIDDEN = f"<{SMALL}"
_ROW = re.compile(r"^\s*(rows?|units?|individuals?|patients?|persons?)?\s*#?\s*\d+\s*$", re.I)


def is_row(who: object) -> bool:
    """Whether a what-if is about one row ("row 17", 17) and not about a group."""
    return isinstance(who, int) or bool(_ROW.match(str(who or "")))


def hide_counts(counts: Sequence[Any]) -> list[Any]:
    """Counts with 1 to 4 as "<5"; if only one is hidden, the next smallest too.

    A single hidden count could be had back by subtraction from a known total.
    """
    out: list[Any] = [HIDDEN if isinstance(c, int | float) and 0 < c < SMALL else c for c in counts]
    hidden = [i for i, c in enumerate(out) if c == HIDDEN]
    left = [i for i, c in enumerate(out) if isinstance(c, int | float) and c > 0]
    if len(hidden) == 1 and left:
        next_smallest = min(left, key=lambda i: out[i])
        out[next_smallest] = HIDDEN
    return out


def _variable(variable: Mapping[str, Any], n: float) -> dict[str, Any]:
    out = dict(variable)
    if not out.get("levels"):
        out["min"] = out["max"] = None
    missing = out.get("missing")
    if isinstance(missing, int | float) and 0 < missing * n < SMALL - 1e-9:
        out["missing"] = f"{HIDDEN} rows"
    top = [dict(level) for level in out.get("top") or ()]
    for level, count in zip(top, hide_counts([level.get("count") for level in top])):
        level["count"] = count
    hist = out.get("hist") or {}
    if hist.get("counts"):
        out["hist"] = {**hist, "counts": hide_counts(hist["counts"])}
    if out.get("kind") == "identifier":
        top = []
    out["top"] = top
    return out


def _missing(section: Mapping[str, Any]) -> dict[str, Any]:
    """The section on missing cells without counts below five."""
    out = dict(section)
    for name in ("cells", "rows"):
        if 0 < out[name] < SMALL:
            out[name] = HIDDEN
    sites = [dict(site) for site in out.get("sites") or ()]
    for site, count in zip(sites, hide_counts([site["n"] for site in sites])):
        if count == HIDDEN:  # of few rows the share says which cells are missing
            site["n"] = site["share"] = "withheld"
    n = float(out["n"])
    columns = [
        {**c, "share": f"{HIDDEN} rows"} if c["share"] * n < SMALL - 1e-9 else c
        for c in out["columns"]
    ]
    return {**out, "sites": sites, "columns": columns}


def withhold(content: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the analysis content that shows no single row and no count below five."""
    out = dict(content)
    data = dict(out.get("data") or {})
    n = float(data.get("n") or 0)
    data["variables"] = [_variable(v, n) for v in data.get("variables") or ()]
    environments = [dict(e) for e in data.get("environments") or ()]
    for e, count in zip(environments, hide_counts([e.get("n") for e in environments])):
        e["n"] = count
    data["environments"] = environments
    out["data"] = data
    if out.get("missing"):
        out["missing"] = _missing(out["missing"])
    effect = dict(out.get("effect") or {})
    overlap = dict(effect.get("overlap") or {})
    for group in ("treated", "control"):
        if overlap.get(group):
            overlap[group] = hide_counts(overlap[group])
    if overlap:
        out["effect"] = {**effect, "overlap": overlap}
    whatif = dict(out.get("whatif") or {})
    rows = list(whatif.get("rows") or ())
    kept = [row for row in rows if not is_row(row.get("who"))]
    if len(kept) < len(rows):
        whatif["withheld"] = len(rows) - len(kept)
        out["whatif"] = {**whatif, "rows": kept}
    return out
