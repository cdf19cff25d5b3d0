"""How an interval allows for a graph that was learned from the same rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, NotIdentified, RungError
from ..core.graph import Graph
from ..inference import intervals
from ..inference.resampling import resample_rows, subsample_rows

Interval = tuple[float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """A union of intervals, what it means, and the Monte-Carlo error of its end points."""

    intervals: tuple[Interval, ...]
    words: str
    error: tuple[float, float] = (0.0, 0.0)

    @property
    def hull(self) -> Interval:
        """From the lowest to the highest point."""
        return self.intervals[0][0], self.intervals[-1][1]


class Selection(ABC):
    """A way to get a region that holds the effect although the graph was learned."""

    @abstractmethod
    def region(self, study: Any, answered: Sequence[Any], structure: Any) -> Region:
        """The region, from the answers on the weighted graphs or by searching again."""


@dataclass(frozen=True)
class GraphUnion(Selection):
    """Union of the intervals on the graphs found in resamples.

    Parameters
    ----------
    share : float
        Answers (adjustment sets, or none) of graphs that together have at least this share of
        the weight count; with 0 all do. The default keeps the coverage of the evidence page at
        a fraction of the width.
    """

    share: float = 0.05

    def region(self, study: Any, answered: Sequence[Any], structure: Any) -> Region:
        """Union over answers with enough weight; the heaviest if none has."""
        weights: dict[Any, float] = {}
        graphs: dict[Interval, set[Any]] = {}
        for a in answered:
            weights[a.case.graph] = weights.get(a.case.graph, 0.0) + a.case.weight
            if a.interval is not None:
                graphs.setdefault(a.interval, set()).add(a.case.graph)
        found = {k: sum(weights[g] for g in behind) for k, behind in graphs.items()}
        heavy = [interval for interval, weight in found.items() if weight >= self.share]
        chosen = heavy or [max(found, key=lambda k: (found[k], k))]
        share = f" found in at least {self.share:.0%} of them" if self.share else ""
        words = (
            f"the union of the intervals on {len(chosen)} different answers of the graphs"
            if len(chosen) > 1
            else "the interval of the one answer of the graphs"
        )
        return Region(tuple(intervals.union(chosen)), words + share)


@dataclass(frozen=True)
class FoundGraph(Selection):
    """The interval on the one graph found, as if it had been given: too narrow; for comparison."""

    def region(self, study: Any, answered: Sequence[Any], structure: Any) -> Region:
        """Union over the readings of the graph found."""
        own = study.answers(study.cases(structure.graph))
        found = [a.interval for a in own if a.interval is not None]
        if not found:
            raise NotIdentified("the effect is not identified on the graph that was found")
        return Region(
            tuple(intervals.union(found)),
            "the interval on the graph found, as if it had been given",
        )


@dataclass(frozen=True)
class Resampled(Selection):
    """Search and estimate again on resamples with replacement; percentiles of the answers.

    With several readings of a graph the lower end takes the lowest, the upper the highest.
    """

    draws: int = 100

    def region(self, study: Any, answered: Sequence[Any], structure: Any) -> Region:
        """Percentile interval over n-of-n draws."""
        rng = np.random.default_rng([study.seed % 2**32, 2])
        table = study.table
        unit = table.unit if table.clustered else None
        rows = [resample_rows(rng, table.n, unit, table.environment) for _ in range(self.draws)]
        low, high = _again(study, structure, rows, rng)
        return _percentiles(study, low, high, f"percentiles over {len(low)} resamples of the rows")


@dataclass(frozen=True)
class Subsampling(Selection):
    """Search and estimate again on subsamples without replacement (Politis and Romano 1994).

    The spread is scaled by sqrt(m / (n - m)) about the answer on all rows, 1 for halves.
    """

    draws: int = 100
    share: float = 0.5

    def region(self, study: Any, answered: Sequence[Any], structure: Any) -> Region:
        """Scaled percentile interval over m-of-n draws."""
        rng = np.random.default_rng([study.seed % 2**32, 3])
        table = study.table
        unit = table.unit if table.clustered else None
        rows = [
            subsample_rows(rng, table.n, self.share, unit, table.environment)
            for _ in range(self.draws)
        ]
        low, high = _again(study, structure, rows, rng)
        own = [a.value for a in study.answers(study.cases(structure.graph)) if a.value is not None]
        centre = float(np.mean(own)) if own else float(np.median(np.concatenate([low, high])))
        factor = float(np.sqrt(self.share / (1 - self.share)))
        low, high = centre + factor * (low - centre), centre + factor * (high - centre)
        return _percentiles(
            study, low, high, f"scaled percentiles over {len(low)} subsamples of {self.share:.0%}"
        )


@dataclass(frozen=True)
class Split(Selection):
    """Search on one half of the rows, estimate on the other."""

    share: float = 0.5

    def region(self, study: Any, answered: Sequence[Any], structure: Any) -> Region:
        """Union over the readings of the graph of the first half, on the second half."""
        rng = np.random.default_rng([study.seed % 2**32, 4])
        table = study.table
        unit = table.unit if table.clustered else None
        first = subsample_rows(rng, table.n, self.share, unit, table.environment)
        rest = np.setdiff1d(np.arange(table.n), first)
        graph = _search(structure, table.take(first), rng)
        found = [interval for _, interval in study.on_rows(table.take(rest), graph)]
        if not found:
            raise NotIdentified("the effect is not identified on the graph of the first half")
        return Region(
            tuple(intervals.union(found)),
            f"searched on {len(first)} rows, estimated on the other {len(rest)}",
        )


def _search(structure: Any, data: Data, rng: np.random.Generator) -> Graph:
    """The graph that the discovery's learner finds on other rows."""
    learner = getattr(structure, "learner", None)
    if learner is None:
        raise InputError(
            "this way to allow for the search runs it again, but the structure does not carry a "
            "learner; give a Discovery, or use GraphUnion()"
        )
    inner = getattr(learner, "learner", learner)  # a Bootstrap searches once here
    found: Graph = inner.learn(data, knowledge=structure.knowledge, rng=rng).graph
    return found


def _again(
    study: Any, structure: Any, rows: Sequence[NDArray[np.intp]], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Lowest and highest answer of every draw; draws without an answer are left out."""
    low, high = [], []
    for k, draw in enumerate(rows):
        if study.run.spent and k >= 20:
            study.warnings.append(f"the budget ended after {k} of {len(rows)} draws")
            break
        part = study.table.take(draw)
        try:
            values = [v for v, _ in study.on_rows(part, _search(structure, part, rng))]
        except RungError:
            continue
        if values:
            low.append(min(values))
            high.append(max(values))
    if len(low) < 20:
        raise NotIdentified(
            f"only {len(low)} of {len(rows)} draws gave an answer: no interval can be read off"
        )
    return np.array(low), np.array(high)


def _percentiles(study: Any, low: Floats, high: Floats, words: str) -> Region:
    ends = intervals.percentile(low, study.level)[0], intervals.percentile(high, study.level)[1]
    error = (
        intervals.endpoint_error(low, study.level)[0],
        intervals.endpoint_error(high, study.level)[1],
    )
    return Region((ends,), words, error)
