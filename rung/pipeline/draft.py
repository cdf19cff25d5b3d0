"""draft: look at a file and propose a plan, with what needs the user's confirmation."""

from __future__ import annotations

from typing import Any

from ..core.data import Data
from ..core.variable import Kind
from ..io.profile import dependence, profile
from ..io.readers import read, suspicions
from .plan import Plan, _toml
from .prepare import refuse_pictures


def draft(
    source: str, treatment: str | None = None, outcome: str | None = None
) -> tuple[Plan, dict[str, str]]:
    """A plan for a file, and comments on what it proposes, by field.

    Nothing doubtful is applied: codes that look like missing values, columns that look like
    units or identifiers, are proposed in the comments for the user to confirm.
    """
    data = read(source)
    refuse_pictures(data, source)
    looked = profile(data)
    for name in (treatment, outcome):
        if name is not None:
            data.index(name)
    kinds = {v.name: str(v.kind) for v in data.variables}
    units = {v.name: v.unit for v in data.variables if v.unit}
    drop = tuple(v.name for v in data.variables if v.kind in (Kind.CONSTANT, Kind.IDENTIFIER))
    plan = Plan(
        source=source, treatment=treatment, outcome=outcome, kinds=kinds, units=units,
        drop=drop, sha256=data.origin.sha256 or data.sha256,
    )  # fmt: skip
    notes = {"source": f"{data.n} rows x {data.d} columns."}
    if data.origin.decisions:
        notes["source"] += " Read as follows:\n" + "\n".join(data.origin.decisions)
    _missing(data, notes)
    _codes(suspicions(data), notes)
    rows = dependence(data)
    if rows.kind != "independent":
        notes["unit"] = f"CONFIRM: {rows.text}"
    if drop:
        notes["drop"] = "Constant or identifier-like; take a name out to use the column."
    warnings = [f"{w['title']}: {w['text']}" for w in looked.warnings]
    if warnings:
        notes["kinds"] = "\n".join([*warnings, "continuous, count, ordinal, binary, categorical"])
    return plan, notes


def _missing(data: Data, notes: dict[str, str]) -> None:
    if data.has_missing:
        share = data.mask.any(axis=1).mean()
        notes["missing"] = (
            f"CONFIRM: {share:.1%} of rows have missing cells. refuse stops; complete-cases "
            "leaves the rows out; test-wise leaves them out test by test; em uses every row."
        )


def _codes(found: list[dict[str, Any]], notes: dict[str, str]) -> None:
    if found:
        notes["codes"] = "\n".join(
            f"CONFIRM: {s['column']}: {s['what']} {s['value']!r} x {s['count']}, not applied; if "
            f"it stands for a missing cell: codes = {_toml({s['column']: [s['value']]})}"
            for s in found
        )
