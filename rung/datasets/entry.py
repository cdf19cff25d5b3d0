"""What a packaged data set offers: facts, rows, true graphs, known effects."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import FileProblem
from ..core.graph import Graph
from ..core.result import lock
from ..core.variable import Kind, Variable


@dataclass(frozen=True, repr=False)
class Info:
    """Facts about a data set.

    `rows` is None where rows are drawn from a known distribution; `truths` names the versions of
    the true graph; `treatment` and `outcome` are the usual question.
    """

    name: str
    title: str
    source: str
    licence: str
    reference: str
    rows: int | None
    variables: tuple[str, ...]
    truths: tuple[str, ...] = ()
    treatment: str | None = None
    outcome: str | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        drawn = "drawn on demand" if self.rows is None else f"{self.rows} rows"
        lines = [f"{self.name}: {self.title}", f"  {drawn} x {len(self.variables)} variables"]
        if self.treatment:
            lines.append(f"  usual question: {self.treatment} -> {self.outcome}")
        if self.truths:
            lines.append(f"  true graph: {', '.join(self.truths)}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join([*lines, f"  source: {self.source}", f"  licence: {self.licence}"])


@dataclass(frozen=True, eq=False, repr=False)
class KnownEffect:
    """An effect of `treatment` (1 against 0) on `outcome` that is known apart from the data.

    Parameters
    ----------
    ate, att : float or None
        Mean effect over all rows, and over the treated rows; None if not known.
    se : float
        Standard error of that knowledge; 0 where it is exact.
    per_row : (n,) array or None
        The effect in each row of `load(name, seed=seed)`.
    how : str
        How it is known.
    """

    treatment: str
    outcome: str
    ate: float | None
    att: float | None
    se: float
    how: str
    per_row: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        parts = [f"{k} {v:.6g}" for k, v in (("ATE", self.ate), ("ATT", self.att)) if v is not None]
        error = f", standard error {self.se:.3g}" if self.se else ""
        return f"{self.treatment} -> {self.outcome}: {', '.join(parts)}{error}; {self.how}"


@dataclass(frozen=True)
class Entry:
    """One data set: `rows(n, rng)` makes the Data, `effect(rng)` the known effect."""

    info: Info
    rows: Callable[[int | None, np.random.Generator], Data]
    graphs: Mapping[str, Callable[[], Graph]] = field(default_factory=dict)
    effect: Callable[[np.random.Generator], KnownEffect] | None = None


@cache
def table(name: str) -> tuple[Mapping[str, NDArray[np.float64]], str]:
    """Columns of a file in rung/datasets/files, and the SHA-256 of its text.

    Raises
    ------
    FileProblem
        If the file is missing or damaged.
    """
    place = files("rung.datasets").joinpath("files", f"{name}.csv.gz")
    try:
        raw = gzip.decompress(place.read_bytes())
        head, *lines = raw.decode("ascii").splitlines()
        values = np.loadtxt(lines, delimiter=",", ndmin=2)
        names = head.split(",")
        columns = {k: lock(values[:, i].copy()) for i, k in enumerate(names)}
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise FileProblem(f"{place} is missing or damaged ({error}); reinstall rung") from error
    return columns, hashlib.sha256(raw).hexdigest()


def flag(name: str) -> Variable:
    """A binary variable with the levels 0 and 1."""
    return Variable(name, Kind.BINARY, (0, 1))
