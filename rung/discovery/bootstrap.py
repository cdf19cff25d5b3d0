"""The search on resampled rows: how often each edge is found."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import InputError, NeedsRows
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.protocols import Learner
from ..core.source import Source
from ..inference.resampling import resample_rows, subsample_rows
from .boss import BOSS


class Resampling(ABC):
    """How a draw of rows is made."""

    @abstractmethod
    def draw(self, data: Data, rng: np.random.Generator) -> Data:
        """One draw of the rows."""


@dataclass(frozen=True)
class WithReplacement(Resampling):
    """As many rows as there are, with replacement; whole units where units repeat.

    Parameters
    ----------
    block : int, optional
        Draw circular blocks of that many rows, for autocorrelated rows in order of time.

    Repeated rows make the draws look more certain than the data are: scores find some false
    edges (Steck and Jaakkola 2003); `Subsample` does not have this.
    """

    block: int | None = None

    def draw(self, data: Data, rng: np.random.Generator) -> Data:
        if data.weights is not None and not data.clustered and self.block is None:
            return _redraw_weights(data, rng)
        return data.take(resample_rows(rng, data.n, _units(data), data.environment, self.block))


@dataclass(frozen=True)
class Subsample(Resampling):
    """A share of the rows without replacement; whole units where units repeat.

    Source: Meinshausen and Buehlmann (2010), stability selection, with share one half.
    """

    share: float = 0.5

    def draw(self, data: Data, rng: np.random.Generator) -> Data:
        return data.take(subsample_rows(rng, data.n, self.share, _units(data), data.environment))


def _units(data: Data) -> NDArray[np.int64] | None:
    return data.unit if data.clustered else None


def _redraw_weights(data: Data, rng: np.random.Generator) -> Data:
    """A draw of the rows that frequency weights stand for, as new weights."""
    assert data.weights is not None
    counts = np.zeros(data.n)
    strata = np.zeros(data.n, dtype=np.int64) if data.environment is None else data.environment
    for e in np.unique(strata):
        rows = np.nonzero(strata == e)[0]
        w = data.weights[rows]
        if w.sum() > 0:
            counts[rows] = rng.multinomial(max(round(w.sum()), 1), w / w.sum())
    kept = np.nonzero(counts)[0]
    return data.take(kept).replacing(weights=counts[kept])


@dataclass(frozen=True)
class Bootstrap:
    """A learner on all rows, and on many draws of them.

    Rows are drawn within every environment, and by unit where units repeat. The graph of all rows
    is `graph`; `graphs` holds the graphs of the draws with the share of draws that found each.

    Parameters
    ----------
    learner : Learner
    draws : int
    kind : Resampling
        `WithReplacement()` or `Subsample(share)`.
    threads : int, optional
        As many as there are processors by default. Draws go through joblib: inside
        `joblib.parallel_config(backend=...)` other processes, or a cluster of Dask or Ray, take
        them.

    Source: Friedman, Goldszmidt and Wyner (1999).
    """

    learner: Learner = field(default_factory=BOSS)
    draws: int = 100
    kind: Resampling = field(default_factory=WithReplacement)
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise InputError(f"draws={self.draws}: expected 1 or more")

    @property
    def few_rows(self) -> bool:
        """Whether the learner accepts no more rows than columns."""
        return bool(getattr(self.learner, "few_rows", False))

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; a spent budget leaves fewer draws, and the result says so."""
        if not isinstance(source, Data):
            raise NeedsRows(
                f"Bootstrap draws rows, which a {type(source).__name__} does not hold. Pass the "
                "Data, or run the learner without Bootstrap."
            )
        run, rng = start(budget), np.random.default_rng(rng)
        began = run.seconds
        own, root = rng.spawn(1)[0], int(rng.integers(2**63))
        whole = self.learner.learn(
            source, knowledge=knowledge, budget=run.share(0.5, what="all rows"), rng=own
        )
        settled = whole.learner or self.learner  # what a choosing learner (`Auto`) settled on
        found = self._draws(settled, source, knowledge, run, root)
        graphs = _merge([d.graph for d in found if d.complete]) or whole.graphs
        count = sum(bool(d.complete) for d in found)
        notes = [f"edge frequencies are shares of {count} draws of rows ({self.kind!r})"]
        if count < self.draws:
            notes.append(f"the budget ended after {count} of {self.draws} draws")
        return whole.replacing(
            graphs=graphs,
            meaning="bootstrap" if count else whole.meaning,
            learner=replace(self, learner=settled),
            complete=whole.complete and count == self.draws,
            seconds=run.seconds - began,
            notes=(*whole.notes, *notes),
            details={**whole.details, "draws": count},
            cites=tuple(dict.fromkeys([*whole.cites, "friedman1999"])),
        )

    def _draws(
        self,
        learner: Learner,
        data: Data,
        knowledge: Knowledge | None,
        run: Run,
        root: int,
    ) -> list[Discovery]:
        """The draws in their order, as many as the budget allows; draw i has a seed of its own.

        Through joblib, in threads unless `joblib.parallel_config` names another backend.
        """
        from joblib import Parallel, delayed
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        pool = Parallel(
            min(self.threads or os.cpu_count() or 1, self.draws),
            prefer="threads",
            return_as="generator_unordered",
        )
        here = getattr(pool._backend, "supports_sharedmem", False)  # can the clock be shared?
        found = dict[int, Discovery]()

        def jobs() -> Iterator[Any]:
            for i in range(self.draws):
                if run.spent:
                    return
                limit = run.share(1.0) if here else Budget(min(run.left, 1e9))
                yield delayed(_draw)(learner, self.kind, data, knowledge, limit, root, i)

        # draws run side by side: threads inside the small products would only wait for each other
        with threadpool_limits(1, "blas"):
            try:
                for i, one in pool(jobs()):
                    if one is not None:
                        found[i] = one
                    done = f"draw {len(found)} of {self.draws}"
                    run.tick(0.5 + 0.5 * len(found) / self.draws, done)
            except BaseException:  # Ctrl-C too: the pool waits for its threads, so end them
                run.stop()
                raise
        return [found[i] for i in sorted(found)]


def _draw(
    learner: Learner,
    kind: Resampling,
    data: Data,
    knowledge: Knowledge | None,
    budget: Budget | Run,
    root: int,
    i: int,
) -> tuple[int, Discovery | None]:
    """The search on draw i; None if there was no time left for it."""
    run = start(budget)
    if run.spent:
        return i, None
    rng = np.random.default_rng([root, i])
    part = kind.draw(data, rng)
    return i, learner.learn(part, knowledge=knowledge, budget=run, rng=rng)


def _merge(graphs: list[Graph]) -> tuple[tuple[Graph, float], ...]:
    """Equal graphs once, with their share; the most frequent first."""
    counts: dict[Graph, int] = {}
    for graph in graphs:
        counts[graph] = counts.get(graph, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return tuple((graph, count / len(graphs)) for graph, count in ranked)
