"""Which rows may speak about a node or a pair when conditions intervene, and their correlations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, NotSupported
from ..core.moments import Moments
from ..core.source import Basis, Source

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LIMIT = 2**28  # bytes that the correlation matrices of a search may take


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlation matrices over the columns of all blocks, one for each set of rows in use.

    Parameters
    ----------
    matrices : (m, p, p) float64
    rows : (m,) float64
        Rows (sum of weights) behind each.
    which : (d,) or (d, d) int64
        The matrix for each node, or for each pair of nodes.
    offsets : (d + 1,) int64
        First column of each node's block.
    """

    matrices: Floats
    rows: Floats
    which: Ints
    offsets: Ints


def target_matrix(source: Source) -> NDArray[np.bool_] | None:
    """(environments, d) bool of a source that has interventional rows, else None."""
    targets = getattr(source, "targets", None)
    if targets is None or getattr(source, "environment", None) is None or not targets.any():
        return None
    return np.asarray(targets, dtype=np.bool_)


def target_names(source: Source) -> list[tuple[str, ...]]:
    """The variables that each interventional condition sets; empty without any."""
    targets = target_matrix(source)
    if targets is None:
        return []
    present = np.unique(np.asarray(getattr(source, "environment", [])))
    names = source.names
    sets = {tuple(names[j] for j in np.nonzero(targets[e])[0]) for e in present}
    return sorted(s for s in sets if s)


def by_node(source: Source, basis: Basis | None, asker: str) -> Correlations:
    """Correlations for scores: node j is scored on rows whose condition does not target j.

    Source: Hauser and Buehlmann (2012), section 2.2 (the interventional likelihood).
    """
    targets = target_matrix(source)
    if targets is None:
        return _pooled(source, basis, asker, (len(source.names),))
    parts = source.moments_by_environment(basis, asker=asker)
    keys = [tuple(e for e in sorted(parts) if not targets[e, j]) for j in range(targets.shape[1])]
    labels = [f"{name!r}" for name in source.names]
    return _stack(parts, keys, labels, (len(source.names),))


def by_pair(source: Source, basis: Basis | None, asker: str) -> Correlations:
    """Correlations for tests: x and y are tested on rows whose condition targets neither.

    There the parents of the later of the two still separate them, whatever the conditions do to
    other variables, and a set that separates them separates them in the graph without
    interventions (the conditions are further nodes without parents).
    """
    targets = target_matrix(source)
    d = len(source.names)
    if targets is None:
        return _pooled(source, basis, asker, (d, d))
    parts = source.moments_by_environment(basis, asker=asker)
    free = {e: ~targets[e] for e in sorted(parts)}
    keys, labels = [], []
    for i in range(d):
        for j in range(d):
            keys.append(tuple(e for e, ok in free.items() if ok[i] and ok[j]))
            labels.append(f"{source.names[i]!r} or {source.names[j]!r}")
    return _stack(parts, keys, labels, (d, d))


def _pooled(
    source: Source, basis: Basis | None, asker: str, shape: tuple[int, ...]
) -> Correlations:
    moments = source.moments(basis, asker=asker)
    return Correlations(
        _correlation(moments)[None],
        np.array([moments.weight]),
        np.zeros(shape, dtype=np.int64),
        moments.offsets.astype(np.int64),
    )


def _stack(
    parts: dict[int, Moments],
    keys: Sequence[tuple[int, ...]],
    labels: Sequence[str],
    shape: tuple[int, ...],
) -> Correlations:
    number: dict[tuple[int, ...], int] = {}
    for key, label in zip(keys, labels, strict=True):
        if not key:
            raise InputError(
                f"every row was collected under a condition that targets {label}: no row is left "
                "to learn its causes from. Add observational rows, or leave the variable out."
            )
        number.setdefault(key, len(number))
    any_part = next(iter(parts.values()))
    if 8 * len(number) * len(any_part.mean) ** 2 > LIMIT:
        raise NotSupported(
            f"{len(number)} different sets of rows for {len(any_part.mean)} columns exceed the "
            "memory set aside; use a score-based learner such as BOSS, or merge conditions"
        )
    merged = [reduce(add, (parts[e] for e in key)) for key in number]
    return Correlations(
        np.stack([_correlation(m) for m in merged]),
        np.array([m.weight for m in merged]),
        np.array([number[key] for key in keys], dtype=np.int64).reshape(shape),
        any_part.offsets.astype(np.int64),
    )


def _correlation(moments: Moments) -> Floats:
    """Correlations; a column that does not vary is 0 throughout, its variance too."""
    spread = np.diag(moments.scatter)
    floor = 1e-14 * (spread + moments.weight * moments.mean**2)
    fine = spread > np.maximum(floor, 0.0)
    scale = np.where(fine, np.sqrt(np.where(fine, spread, 1.0)), np.inf)
    out = np.empty_like(moments.scatter, order="C")
    for top in range(0, len(scale), 512):  # in strips, so that nothing else of this size is made
        strip = slice(top, top + 512)
        np.divide(moments.scatter[strip], scale[strip, None] * scale, out=out[strip])
        np.clip(out[strip], -1.0, 1.0, out=out[strip])
    np.fill_diagonal(out, fine.astype(np.float64))
    return out
