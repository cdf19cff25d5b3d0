"""Bad input, named once for all learners."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, NeedsRows, NotSupported
from ..core.missing import EM, CompleteCases, MissingPolicy, TestWise, complete
from ..core.moments import Moments
from ..core.source import Source
from ..core.variable import Kind, Variable

NEAR = 1e-10  # residual variance, relative to a column's own, that counts as none


def inspect(source: Source, learner: Any) -> tuple[Source, list[str]]:
    """The source that a learner may use, and notes on how it was made.

    Raises
    ------
    MissingCells
        Cells are missing and no policy was declared.
    InputError
        No or one row, no column; infinite cells; constant, identifier-like, duplicate or
        collinear columns; more columns than rows. The columns are named.
    """
    _describe(source.variables)
    notes: list[str] = []
    if isinstance(source, Data):
        if source.has_missing:
            policy = source.missing
            _correctable(policy, learner)
            if policy is None and _takes_missing(learner):
                pass
            elif isinstance(policy, EM) or (isinstance(policy, TestWise) and _testwise(learner)):
                notes.append(policy.statement)
            else:
                whole = complete(source)
                left = source.n - whole.n
                notes.append(f"{left} of {source.n} rows with missing cells left out")
                notes.append(CompleteCases().statement)
                source = whole
        if source.clustered and not getattr(learner, "grouped", False):
            notes.append(
                "units have several rows: tests and scores count rows as independent, so they are "
                "too sure; the frequencies of rung.Bootstrap(...) draw whole units"
            )
        _columns(source)
    _size(source, learner)
    if isinstance(source, Data) and source.has_missing and _takes_missing(learner):
        return source, notes  # it looks for collinear columns itself
    if not getattr(learner, "local", False):
        independent(source)
    return source, notes


def _testwise(learner: Any) -> bool:
    """Whether the learner, its test, or the learner inside can leave out rows test by test."""
    while learner is not None:
        test = getattr(learner, "test", None)
        if getattr(learner, "testwise", False) or getattr(test, "testwise", False):
            return True
        learner = getattr(learner, "learner", None)
    return False


def _correctable(policy: MissingPolicy | None, learner: Any) -> None:
    """Refuse a correction that the learner's test does not have."""
    if not isinstance(policy, TestWise) or not policy.corrected:
        return
    while learner is not None:
        test = getattr(learner, "test", None)
        if test is not None and not getattr(test, "corrects", False):
            raise NotSupported(
                f"TestWise(corrected=True) is worked out for FisherZ, not for "
                f"{type(test).__name__}: use FisherZ, or declare TestWise() or CompleteCases()"
            )
        learner = getattr(learner, "learner", None)


def _takes_missing(learner: Any) -> bool:
    """Whether the learner, or the one inside, works with missing cells itself, as MissDAG does."""
    while learner is not None:
        if getattr(learner, "takes_missing", False):
            return True
        learner = getattr(learner, "learner", None)
    return False


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(repr(n) for n in names[:8]) + (" ..." if len(names) > 8 else "")


def _drop(names: Sequence[str]) -> str:
    return f"Leave out with data.drop([{_quoted(names)}])."


def _describe(variables: Sequence[Variable]) -> None:
    if not variables:
        raise InputError("there is no column to learn from; pass at least two")
    for kind, why in (
        (Kind.CONSTANT, "constant, so nothing can be learned about"),
        (Kind.IDENTIFIER, "like an identifier: the values name rows and do not measure anything"),
    ):
        bad = [v.name for v in variables if v.kind is kind]
        if bad:
            hint = " If it is a measurement, read it with kinds={...: 'continuous'}."
            raise InputError(
                f"column {_quoted(bad)} is {why} {'' if kind is Kind.IDENTIFIER else 'it'}".strip()
                + f". {_drop(bad)}{hint if kind is Kind.IDENTIFIER else ''}"
            )
    shaped = [v.name for v in variables if v.shape]
    if shaped:
        raise InputError(
            f"column {_quoted(shaped)} holds arrays; discovery on tables needs one number or level "
            f"a cell. {_drop(shaped)}"
        )


def _columns(data: Data) -> None:
    seen: dict[bytes, str] = {}
    for v in data.variables:
        column = np.asarray(data.column(v.name), dtype=np.float64)
        if np.isinf(column).any():
            row = int(np.isinf(column).argmax())
            raise InputError(
                f"column {v.name!r} is infinite in {int(np.isinf(column).sum())} rows (first: row "
                f"{row}); mark these cells as missing, or leave the rows out"
            )
        present = column[~np.isnan(column)] if data.has_missing else column
        if len(present) > 1 and (present == present[0]).all():
            raise InputError(
                f"column {v.name!r} is constant ({v.decode(present[:1])[0]!r} in every row): "
                f"nothing can be learned about it. {_drop([v.name])}"
            )
        if v.discrete and v.size > max(20, len(present) // 5):
            raise InputError(
                f"column {v.name!r} has {v.size} levels in {len(present)} rows, too many to learn "
                f"from: merge levels. {_drop([v.name])}"
            )
        key = _fingerprint(column, v.discrete)
        if key in seen:
            raise InputError(
                f"columns {seen[key]!r} and {v.name!r} are duplicates: one determines the other, "
                f"so no method can tell their causes apart. Keep one: data.drop([{v.name!r}])."
            )
        seen[key] = v.name


def _fingerprint(column: NDArray[np.float64], discrete: bool) -> bytes:
    """The same for columns that are copies; for levels, also under other codes."""
    if not discrete:
        return b"n" + blake2b((column + 0.0).tobytes()).digest()
    _, first, inverse = np.unique(column, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return b"d" + blake2b(rank[inverse.ravel()].tobytes()).digest()


def _size(source: Source, learner: Any) -> None:
    n, d = source.n, len(source.variables)
    if n < 2:
        raise InputError(f"{'one row' if n == 1 else 'no row'}: discovery needs many rows")
    if n <= d and not getattr(learner, "few_rows", False):
        raise InputError(
            f"{n} rows for {d} columns: with no more rows than columns every correlation matrix is "
            "singular. Use fewer columns or more rows; rung.PC(few_rows=True) accepts it, since "
            "its tests use few columns at a time, at a loss of power."
        )


def independent(source: Source) -> None:
    """Refuse constant and collinear columns among the numbers, where moments can be had."""
    names = [v.name for v in source.variables if not v.discrete]
    if len(names) < 2:
        return
    try:
        moments = source.select(names).moments(asker="the check for collinear columns")
    except NeedsRows:
        return
    _collinear(moments)


def _collinear(moments: Moments) -> None:
    spread = np.diag(moments.scatter)
    flat = spread <= 1e-14 * moments.weight * moments.mean**2
    flat |= spread <= 0
    if any(size > 1 for size in moments.sizes):
        return
    if flat.any():
        name = moments.names[int(flat.argmax())]
        raise InputError(
            f"column {name!r} is constant, to the precision of its numbers: nothing can be learned "
            f"about it. {_drop([name])}"
        )
    C, names = moments.correlation, moments.names
    pair = np.triu(np.abs(C) > 1 - NEAR, 1)
    if pair.any():
        i, j = np.argwhere(pair)[0].tolist()
        raise InputError(
            f"columns {names[i]!r} and {names[j]!r} are duplicates up to scale (correlation "
            f"{C[i, j]:.12g}): no method can tell their causes apart. Keep one: "
            f"data.drop([{names[j]!r}])."
        )
    if moments.weight <= len(names):
        return
    found = _dependent(C)
    if found is not None:
        j, others = found
        raise InputError(
            f"column {names[j]!r} is a linear combination of {_quoted([names[i] for i in others])}"
            f": its own noise cannot be told from theirs. {_drop([names[j]])}"
        )


def _dependent(C: NDArray[np.float64]) -> tuple[int, list[int]] | None:
    """A column determined by others and the ones it is made of, if there is one."""
    d = len(C)
    try:
        if (np.diag(np.linalg.cholesky(C)) ** 2).min(initial=1.0) >= 2 * NEAR:
            return None
    except np.linalg.LinAlgError:
        pass
    L = np.zeros((d, d))
    for j in range(d):
        row = np.zeros(j)
        for i in range(j):
            row[i] = (C[j, i] - L[i, :i] @ row[:i]) / L[i, i]
        left = C[j, j] - row @ row
        if left < NEAR:
            weights = np.linalg.solve(C[:j, :j], C[:j, j])
            return j, np.nonzero(np.abs(weights) > 1e-6)[0].tolist()
        L[j, :j], L[j, j] = row, np.sqrt(left)
    return None
