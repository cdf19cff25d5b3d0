"""Run a learner so that names and the order of columns play no part."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.budget import Run
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import InputError, NeedsRows, RungError
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.missing import cells
from ..core.protocols import Learner
from ..core.source import Source
from .inspection import inspect

log = logging.getLogger(__name__)


def learn(
    source: Source,
    learner: Learner | None = None,
    *,
    knowledge: Knowledge | None = None,
    run: Run,
    rng: np.random.Generator | int = 0,
) -> Discovery:
    """Check the input, order the columns by content, search, check the answer, order it back.

    Parameters
    ----------
    source : Source
    learner : Learner, optional
        Any object with `learn`; `Auto()` without one.

    Raises
    ------
    InputError, MissingCells
        Input that no learner can use; see `inspect`.
    RungError
        The learner returned another set of variables, or a graph that breaks the knowledge.
    """
    if not isinstance(source, Source):
        raise InputError(
            f"discover needs Data or another Source, not {type(source).__name__}; "
            "read it first: rung.read(...)"
        )
    if learner is None:
        from .auto import Auto

        learner = Auto()
    if isinstance(learner, type) or not callable(getattr(learner, "learn", None)):
        raise InputError(f"{learner!r} is no learner: pass an object with `learn`, as rung.PC()")
    known = knowledge or Knowledge()
    known.matrices(source.names)
    began, rng = run.seconds, np.random.default_rng(rng)
    seed = _seed(rng)
    usable, notes = inspect(source, learner)
    order = content_order(usable)
    with _telling(source, usable):
        found = learner.learn(usable.select(order), knowledge=known, budget=run, rng=rng)
    _obeys(found, known, source.names)
    log.debug("%s: %d edges", type(learner).__name__, len(found.graph.edges()))
    return found.replacing(
        graph=found.graph.reorder(source.names),
        graphs=tuple((g.reorder(source.names), w) for g, w in found.graphs),
        details=_reordered(found.details, found.graph.names, source.names),
        knowledge=known,
        learner=found.learner if found.learner is not None else learner,
        seconds=run.seconds - began,
        notes=tuple(dict.fromkeys([*found.notes, *notes])),
        cites=(*found.cites, *_cites(usable)),
        seed=seed,
    )


def _cites(usable: Source) -> tuple[str, ...]:
    """The works behind the policy that the learner's tests or moments followed."""
    policy = usable.missing if isinstance(usable, Data) and usable.has_missing else None
    return policy.cites if policy else ()


@contextmanager
def _telling(source: Source, usable: Source) -> Iterator[None]:
    """A learner that needs rows where EM left moments says which cells were missing."""
    try:
        yield
    except NeedsRows as error:
        if isinstance(source, Data) and usable is not source and source.has_missing:
            raise NeedsRows(
                f"{error}. Under EM there are moments only: missing are "
                f"{cells(source.mask, source.names)}; use a learner on moments, or declare "
                "CompleteCases() or TestWise()"
            ) from error
        raise


def content_order(source: Source) -> list[str]:
    """Names in an order that depends on what the columns hold; ties keep their order."""
    return sorted(source.names, key=source.signature)


def _seed(rng: np.random.Generator) -> int | None:
    entropy = getattr(rng.bit_generator.seed_seq, "entropy", None)
    return entropy if isinstance(entropy, int) else None


def _obeys(found: Discovery, knowledge: Knowledge, names: tuple[str, ...]) -> None:
    who = type(found.learner).__name__
    for graph, _ in (*found.graphs, (found.graph, 1.0)):
        if set(graph.names) != set(names):
            raise RungError(
                f"{who} returned a graph over {graph.names}, not over {names}; this is an error "
                "of the learner: report it"
            )
        broken = knowledge.violations(graph)
        if broken:
            raise RungError(
                f"{who} returned a graph that breaks the knowledge ({broken[0]}); this is an error "
                "of the learner: report it"
            )


def _reordered(
    details: Mapping[str, Any], here: tuple[str, ...], names: tuple[str, ...]
) -> dict[str, Any]:
    """Graphs and (d, d) matrices among the details, also in one level of mappings, over `names`."""
    order = [here.index(name) for name in names]

    def put(value: Any) -> Any:
        if isinstance(value, Graph) and set(value.names) == set(names):
            return value.reorder(names)
        if isinstance(value, np.ndarray) and value.shape == (len(names), len(names)):
            return value[np.ix_(order, order)]
        return value

    return {
        key: {k: put(v) for k, v in value.items()} if isinstance(value, dict) else put(value)
        for key, value in details.items()
    }
