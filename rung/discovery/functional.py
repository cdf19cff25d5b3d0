"""What learners of functional causal models share: rows, what must precede what, the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.discovery import Discovery
from ..core.errors import InputError, NotSupported
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.missing import need_finite
from ..core.source import Source
from .environments import target_matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bool = NDArray[np.bool_]
LEVEL = 0.05  # of the test whether noise can be told from Gaussian


@dataclass(frozen=True, eq=False)
class Setting:
    """Rows and knowledge as these searches want them.

    Parameters
    ----------
    names : tuple of str
    x : (n, d) float64
        Standardised columns.
    scale : (d,) float64
        Standard deviations that were divided out.
    required, forbidden : (d, d) bool
        [i, j] about i -> j.
    precedes : (d, d) bool
        i comes before j in every order that is tried.
    """

    names: tuple[str, ...]
    x: Floats
    scale: Floats
    required: Bool
    forbidden: Bool
    precedes: Bool

    @property
    def allowed(self) -> Bool:
        """(d, d): the edge i -> j may be there."""
        out = ~self.forbidden
        np.fill_diagonal(out, False)
        return out

    @classmethod
    def of(cls, source: Source, knowledge: Knowledge, asker: str) -> Setting:
        """The setting of a source.

        Raises
        ------
        NeedsRows
            The source holds no rows.
        NotSupported
            Ties, interventional conditions, or weights that are not counts.
        InputError
            Columns with levels, constant or infinite columns, no more rows than columns.
        """
        refuse(source, knowledge, asker)
        x = _counted(source, source.rows(source.names, asker=asker), asker)
        check_columns(x, source.names, asker)
        centred = x - x.mean(axis=0)
        scale = centred.std(axis=0)
        required, forbidden = knowledge.matrices(source.names)
        return cls(
            source.names, centred / scale, scale, required, forbidden, before(required, forbidden)
        )


def refuse(source: Source, knowledge: Knowledge, asker: str, *, levels: bool = False) -> None:
    """Refuse ties, interventional conditions and, unless `levels`, columns with levels."""
    if knowledge.ties:
        raise NotSupported(f"{asker} cannot tie edges; leave out `ties`")
    if target_matrix(source) is not None:
        raise NotSupported(
            f"{asker} makes no use of conditions that set variables: select the observational "
            "rows, data[data.environment == ...], or use BOSS, which does"
        )
    bad = [v for v in source.variables if v.discrete]
    if bad and not levels:
        raise InputError(
            f"{asker} needs numbers, but {bad[0].name!r} is {bad[0].kind}; leave it out, or use a "
            "learner for mixed data such as BOSS(DegenerateGaussianBIC())"
        )


def check_columns(x: Floats, names: Sequence[str], asker: str) -> None:
    """Refuse tables that cannot be regressed; `rung.discover` looks closer before."""
    n, d = x.shape
    if n <= max(d, 2):
        raise InputError(f"{asker}: {n} rows for {d} columns; it needs more rows than columns")
    need_finite(x, names, asker)
    spread = x.std(axis=0)
    flat = spread <= 1e-14 * np.abs(x).max(axis=0)
    if flat.any():
        raise InputError(
            f"{asker}: column {names[int(flat.argmax())]!r} is constant: nothing can be learned "
            "about it; leave it out"
        )


def _counted(source: Source, x: Floats, asker: str) -> Floats:
    """Rows repeated as often as their frequency weights say."""
    weights = getattr(source, "weights", None)
    if weights is None:
        return x
    if len(weights) != len(x) or (weights != np.round(weights)).any() or (weights < 0).any():
        raise NotSupported(f"{asker} takes weights only as whole numbers: how often a row was seen")
    return np.repeat(x, weights.astype(np.int64), axis=0)


def before(required: Bool, forbidden: Bool) -> Bool:
    """(d, d): i must come before j, by a required path, or since only i can be the ancestor.

    Every graph that obeys the knowledge has an order that obeys these: groups of variables that
    can be ancestors of each other follow one another.
    """
    open_ = ~forbidden
    np.fill_diagonal(open_, False)
    may, must = reach(open_), reach(required)
    return must | (may & ~may.T)


def reach(edges: Bool) -> Bool:
    """Transitive closure."""
    out = edges.copy()
    for k in range(len(out)):
        out |= out[:, k, None] & out[None, k, :]
    return out


def finish(chosen: list[int], evidence: Floats, precedes: Bool) -> Ints:
    """An order of all variables that begins as chosen: least evidence first, obeying `precedes`."""
    left = [i for i in range(len(evidence)) if i not in set(chosen)]
    out = list(chosen)
    while left:
        free = [i for i in left if not precedes[left, i].any()]
        best = min(free, key=lambda i: (evidence[i], i))
        out.append(best)
        left.remove(best)
    return np.array(out, dtype=np.int64)


def noise_notes(noise: Floats, names: Sequence[str]) -> tuple[dict[str, float], list[str]]:
    """p-values of Jarque and Bera's test for each column (n, d), and what they mean here."""
    z = (noise - noise.mean(axis=0)) / np.maximum(noise.std(axis=0), 1e-300)
    skew, tails = (z**3).mean(axis=0), (z**4).mean(axis=0) - 3
    p = np.exp(-0.5 * len(z) * (skew**2 / 6 + tails**2 / 24))
    found = dict(zip(names, p.tolist(), strict=True))
    plain = [name for name in names if found[name] > LEVEL]
    if len(plain) < 2:
        return found, []
    shown = ", ".join(sorted(plain)[:6]) + (" ..." if len(plain) > 6 else "")
    return found, [
        f"the noise of {len(plain)} of {len(names)} variables ({shown}) cannot be told from "
        f"Gaussian (Jarque-Bera, level {LEVEL}): the direction of edges among these is not "
        "identified by a linear model"
    ]


def nested(
    values: Floats, names: Sequence[str], edges: Bool | None = None
) -> dict[str, dict[str, float]]:
    """Effect -> cause -> value, of a matrix with [i, j] for i -> j; where not 0, or at `edges`."""
    there = values != 0 if edges is None else edges
    return {
        names[j]: {names[i]: float(values[i, j]) for i in np.nonzero(there[:, j])[0].tolist()}
        for j in range(len(names))
    }


def discovery(
    setting: Setting,
    edges: Bool,
    learner: Any,
    knowledge: Knowledge,
    run: Run,
    *,
    began: float,
    complete: bool,
    notes: Sequence[str] = (),
    details: Mapping[str, Any],
    cites: tuple[str, ...],
) -> Discovery:
    """The result of a search whose answer is a DAG."""
    said = list(notes)
    if not complete:
        said.append("stopped early: variables not yet placed follow in no special order")
    return Discovery(
        Graph.from_adjacency(edges.astype(np.int8), setting.names),
        knowledge=knowledge,
        learner=learner,
        complete=complete,
        seconds=run.seconds - began,
        notes=tuple(said),
        details=details,
        cites=cites,
    )
