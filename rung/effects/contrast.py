"""Which two treatments are compared, on which scale, in which units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.variable import Kind, Variable

Floats = NDArray[np.float64]
SCALES = ("difference", "ratio", "odds ratio")


@dataclass(frozen=True)
class Contrast:
    """Arms of the treatment and the pairs (treated, control) of them that are compared.

    `arms` are internal values (codes for levels); `labels` name the pairs with units.
    """

    treatment: str
    outcome: str
    arms: tuple[float, ...]
    pairs: tuple[tuple[int, int], ...]
    labels: tuple[str, ...]
    discrete: bool
    units: str
    binary: bool
    scale: str


def check_names(data: Data, treatment: str, outcome: str) -> None:
    """Treatment and outcome exist, differ, and vary."""
    for name in (treatment, outcome):
        data.index(name)
    if treatment == outcome:
        raise InputError(
            f"treatment and outcome are both {treatment!r}; name two different columns"
        )
    for name, role in ((treatment, "treatment"), (outcome, "outcome")):
        v = data.variable(name)
        if v.shape:
            raise InputError(f"the {role} {name!r} is not scalar")
        if v.kind is Kind.IDENTIFIER:
            raise InputError(f"the {role} {name!r} looks like an identifier; override its kind")


def varies(data: Data, name: str, role: str) -> None:
    """InputError if a column has one value only."""
    column = data.column(name)
    if data.n == 0 or column.min() == column.max():
        only = data.variable(name).decode(column[:1])[0] if data.n else "none"
        only = getattr(only, "item", lambda: only)()
        raise InputError(
            f"the {role} {name!r} is constant (all {data.n} rows are {only!r}): no effect can be "
            "estimated; choose another column or keep more rows"
        )


def two_valued(data: Data, name: str) -> bool:
    """Whether a numeric column has exactly two values."""
    column = data.column(name)
    return bool(np.isin(column, (column.min(), column.max())).all())


def is_discrete(data: Data, name: str) -> bool:
    """Whether a treatment is compared level by level."""
    return data.variable(name).discrete or two_valued(data, name)


def weighted_quantiles(x: Floats, weights: Floats | None, at: list[float]) -> list[float]:
    """Quantiles (linear interpolation without weights, inverse distribution with)."""
    if weights is None:
        return [float(q) for q in np.quantile(x, at)]
    order = np.argsort(x, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    return [float(x[order][min(int(np.searchsorted(share, q)), len(x) - 1)]) for q in at]


def show(variable: Variable, value: float) -> str:
    """A value in the user's own terms with its unit."""
    if variable.discrete:
        text = str((variable.levels or ())[int(value)])
    else:
        text = f"{value:.4g}"
    return f"{text} {variable.unit}" if variable.unit else text


def outcome_units(variable: Variable, scale: str, binary: bool) -> str:
    """Words for one unit of the answer."""
    if binary:
        level = (variable.levels or (0, 1))[1]
        what = f"probability of {variable.name} = {level}"
        if scale == "odds ratio":
            return f"odds ratio of {variable.name} = {level}"
    else:
        what = variable.unit or f"units of {variable.name}"
    if scale == "difference":
        return what
    return f"{scale} of the {what if binary else f'mean {variable.name}'}"


def _levels(data: Data, treatment: str, treated: Any, control: Any) -> tuple[Any, ...]:
    v, column = data.variable(treatment), data.column(treatment)
    there, counts = np.unique(column, return_counts=True)

    def code(value: Any, role: str) -> float:
        out = float(v.encode(value))
        if out not in there:
            raise InputError(f"{role}={value!r}: no row has {treatment} = {value!r}")
        return out

    low = None if control is None else code(control, "control")
    high = None if treated is None else code(treated, "treated")
    if low is None:
        if len(there) == 2:
            low = float(there[0]) if high is None else float(there[there != high][0])
        else:
            rest = there != high if high is not None else np.ones(len(there), bool)
            low = float(there[rest][np.argmax(counts[rest])])
    wanted = [high] if high is not None else [float(a) for a in there if a != low]
    if low in wanted:
        raise InputError(f"treated and control are both {treated!r}; name two different levels")
    return low, wanted


def _doses(data: Data, treatment: str, treated: Any, control: Any) -> tuple[float, float, str]:
    v, x = data.variable(treatment), data.column(treatment)
    if (treated is None) != (control is None):
        raise InputError(
            f"{treatment!r} is {v.kind}: give both treated= and control=, or neither for the "
            "75th against the 25th percentile"
        )
    if treated is not None:
        high, low = float(v.encode(treated)), float(v.encode(control))
        if high == low:
            raise InputError(f"treated and control are both {treated!r}; name two different values")
        for value in (high, low):
            if not x.min() <= value <= x.max():
                raise InputError(
                    f"{treatment} = {value:g} lies outside the data ({x.min():g} to {x.max():g}); "
                    "choose values that were seen"
                )
        return low, high, ""
    for a, b in ((0.25, 0.75), (0.1, 0.9), (0.0, 1.0)):
        low, high = weighted_quantiles(x, data.weights, [a, b])
        if low < high:
            words = ("minimum", "maximum") if a == 0 else (f"{a:.0%}", f"{b:.0%}")
            name = "range" if a == 0 else "percentiles"
            return low, high, f" ({name} {words[1].rstrip('%')} and {words[0].rstrip('%')})"
    raise InputError(f"{treatment!r} is constant")


def resolve(
    data: Data, treatment: str, outcome: str, treated: Any, control: Any, scale: str
) -> Contrast:
    """The contrast that is asked for on these rows, or the default one.

    Raises
    ------
    InputError
        Same or constant columns, values that are not there, a scale that does not fit.
    """
    if scale not in SCALES:
        raise InputError(f"scale={scale!r}: expected one of {', '.join(map(repr, SCALES))}")
    varies(data, treatment, "treatment")
    varies(data, outcome, "outcome")
    y = data.variable(outcome)
    values = data.column(outcome)
    binary = y.kind is Kind.BINARY or (not y.discrete and bool(np.isin(values, (0.0, 1.0)).all()))
    if y.kind is Kind.CATEGORICAL:
        raise InputError(
            f"the outcome {outcome!r} is categorical with levels {list(y.levels or ())[:8]}: a "
            "mean is not defined. Make a binary column of the level of interest"
        )
    if scale == "odds ratio" and not binary:
        raise InputError(f"an odds ratio needs a binary outcome; {outcome!r} is {y.kind}")
    if scale == "ratio" and not binary and values.min() < 0:
        raise InputError(f"a ratio of means needs an outcome that is never negative: {outcome!r}")
    t, discrete = data.variable(treatment), is_discrete(data, treatment)
    if discrete:
        low, wanted = _levels(data, treatment, treated, control)
        arms, note = (low, *wanted), ""
    else:
        first, second, note = _doses(data, treatment, treated, control)
        arms = (first, second)
    labels = tuple(f"{treatment} = {show(t, a)} against {show(t, arms[0])}{note}" for a in arms[1:])
    pairs = tuple((i, 0) for i in range(1, len(arms)))
    units = outcome_units(y, scale, binary)
    return Contrast(treatment, outcome, arms, pairs, labels, discrete, units, binary, scale)
