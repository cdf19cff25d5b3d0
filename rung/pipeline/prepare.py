"""From a plan to data that are ready: roles, policies, columns left out, how rows depend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.data import Data
from ..core.errors import InputError, unknown
from ..core.missing import EM, CompleteCases, MissingPolicy, TestWise, complete
from ..core.variable import Kind
from ..io.options import Declared, Options
from ..io.profile import Profile, RowDependence, profile
from ..io.profile import dependence as row_dependence
from ..io.readers import read
from .plan import Plan

POLICIES: dict[str, MissingPolicy | None] = {
    "refuse": None,
    "complete-cases": CompleteCases(),
    "test-wise": TestWise(),
    "test-wise-corrected": TestWise(corrected=True),
    "em": EM(),
}


INDEPENDENT = "none"  # given as the unit: the user says that rows are independent


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the later stages work on.

    Parameters
    ----------
    raw : Data
        All columns as read.
    data : Data
        The columns in use; with missing cells only under a policy that works on them.
    profile : Profile
        Of `raw`.
    dependence : RowDependence
        How the rows hang together.
    left_out : tuple of (name, reason)
    """

    raw: Data
    data: Data
    profile: Profile
    dependence: RowDependence
    left_out: tuple[tuple[str, str], ...]

    @property
    def policy(self) -> str:
        """What happened to missing cells, in a sentence."""
        if not self.raw.has_missing:
            return "no cell is missing"
        if not self.raw.select(self.data.names).has_missing:
            return "no cell is missing in the columns in use"
        statement = self.raw.missing.statement if self.raw.missing else ""
        if not self.data.has_missing:
            return f"{self.raw.n - self.data.n} of {self.raw.n} rows left out: {statement}"
        mask = self.data.mask
        return (
            f"{mask.sum():,} of {mask.size:,} cells ({mask.mean():.0%}), in "
            f"{mask.any(axis=1).sum():,} of {self.data.n:,} rows, are missing: {statement}"
        )


def prepare(source: Any, plan: Plan) -> Prepared:
    """Read, check the question against the columns, leave out what cannot be a variable."""
    raw = read(
        _declared(source if source is not None else plan.source, plan),
        kinds=dict(plan.kinds) or None,
        environment=plan.environment,
        targets=plan.targets,
        unit=None if plan.unit == INDEPENDENT else plan.unit,
        time=plan.time,
        weights=plan.weights,
        missing=POLICIES[plan.missing],
    )
    refuse_pictures(raw, plan.source)
    raw = _units(raw, plan.units)
    if raw.n < 2:
        raise InputError(f"the file has {raw.n} row: an analysis needs many; check the file")
    named = (plan.treatment, plan.outcome, plan.instrument, *plan.mediators, *plan.by)
    asked = [n for n in (*named, *(plan.adjust or ())) if n]
    for name in (*asked, *plan.drop, *plan.randomised):
        if name not in raw.names:
            raise unknown(name, raw.names, "column")
    raw = _noted(raw, plan)
    data, left_out = _leave_out(raw, plan, asked)
    if not isinstance(raw.missing, EM | TestWise):
        data = complete(data)
    if data.n < 2:
        raise InputError(f"{data.n} usable row: an analysis needs many; check the file")
    return Prepared(raw, data, profile(raw), _dependence(raw, plan), left_out)


def refuse_pictures(data: Data, source: str = "") -> None:
    """Raise for Data with a column that is not one number a row."""
    if any(v.shape for v in data.variables):
        raise InputError(
            f"{source or data.origin.name} holds pictures, which this has no answer about; "
            "rung analyse makes a report of them, the other commands take the table of factors"
        )


def _declared(source: Any, plan: Plan) -> Any:
    """The source together with what the plan says about how it is written."""
    options = dict(plan.read)
    if plan.codes:
        options["missing_codes"] = {
            name: values if isinstance(values, list | tuple) else [values]
            for name, values in plan.codes.items()
        }
    try:
        return Declared(source, Options(**options)) if options else source
    except TypeError as error:
        raise InputError(f"read: {error}; known: {', '.join(Options.__annotations__)}") from None


def _dependence(raw: Data, plan: Plan) -> RowDependence:
    """How rows hang together; a refusal where they do and nobody said so."""
    found = row_dependence(raw)
    if found.kind == "independent" or found.declared:
        return found
    if plan.unit == INDEPENDENT:
        return RowDependence(
            "independent", found.figure, f"declared independent, although: {found.text}", True
        )
    what = (
        f"declare --unit {found.column}"
        if found.kind == "clustered" and found.column
        else "declare the time of each row (time in the plan) or its unit (--unit)"
    )
    raise InputError(
        f"the rows are not independent: {found.text}. An interval for independent rows would be "
        f"too narrow: {what}, or say that they are independent all the same: --unit {INDEPENDENT}"
    )


def _leave_out(raw: Data, plan: Plan, asked: list[str]) -> tuple[Data, tuple[tuple[str, str], ...]]:
    left_out = [(name, "left out as the plan says") for name in plan.drop]
    for v in raw.variables:
        if v.name in plan.drop:
            continue
        reason = _unusable(raw, v.name)
        if reason and v.name in asked:
            raise InputError(f"{v.name!r} cannot be used: {reason}")
        if reason:
            left_out.append((v.name, f"left out: {reason}"))
    data = raw.drop([name for name, _ in left_out])
    if not data.d:
        raise InputError("no usable column is left; every column is constant or an identifier")
    return data, tuple(left_out)


def _unusable(raw: Data, name: str) -> str:
    v = raw.variable(name)
    column = raw.column(name)
    if v.shape:
        return "its cells are arrays, and this pipeline works on scalars"
    if column.dtype.kind == "f" and np.isnan(column).all():
        return "every cell is missing"
    if v.kind is Kind.CONSTANT or np.nanmin(column) == np.nanmax(column):
        return "it is constant"
    if v.kind is Kind.IDENTIFIER:
        return "it identifies rows (declare its kind if it measures something)"
    return ""


def _noted(raw: Data, plan: Plan) -> Data:
    """A file that is not the one the plan was made for is said so."""
    now = raw.origin.sha256 or raw.sha256
    if plan.sha256 in (None, now):
        return raw
    note = f"the plan was made for a file with SHA-256 {str(plan.sha256)[:12]}, this is {now[:12]}"
    return raw.replacing(origin=replace(raw.origin, decisions=(*raw.origin.decisions, note)))


def _units(data: Data, units: Mapping[str, str]) -> Data:
    for name, unit in units.items():
        v = data.variable(name)
        data = data.with_column(replace(v, unit=unit), data.column(name))
    return data
