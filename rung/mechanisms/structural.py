"""Structural: a graph, or weighted graphs, as a spec that fits to an SCM or an Ensemble."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.errors import InputError, NeedsRows, unknown
from ..core.graph import Graph
from ..core.mechanism import Mechanism, MechanismSpec
from ..core.missing import EM, CompleteCases, TestWise, complete, told
from ..core.model import Ensemble, Model
from ..core.scm import SCM
from ..core.source import Source
from ..core.variable import Variable
from .expand import MEMBERS, WeightedDags, dags

logger = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Family = tuple[str, tuple[str, ...]]
LEADERS = 2  # parent sets of a node for which mechanisms are compared


@runtime_checkable
class FitsSource(Protocol):
    """A spec that can fit from sufficient statistics."""

    def fit_source(self, source: Any, variable: Variable, parents: Sequence[Variable]) -> Mechanism:
        """The mechanism, without rows."""


@runtime_checkable
class Refits(Protocol):
    """A spec with a quick way to fit the same rows under many weights."""

    def refits(self, fitted: Any, x: NDArray[Any], parents: Data) -> Callable[[Floats], Mechanism]:
        """A function of weights (n,); `fitted` is the fit on the rows as they are."""


@runtime_checkable
class Chooses(Protocol):
    """A spec that first chooses another, which is then fitted and refitted."""

    def choose(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None,
        rng: np.random.Generator,
        run: Run,
    ) -> tuple[MechanismSpec, str]:
        """The spec, and why."""


@dataclass(frozen=True, eq=False)
class Structural:
    """A structure to be fitted: one mechanism for each node given its parents.

    Parameters
    ----------
    structure : Graph, Discovery or sequence of (Graph, weight)
        A DAG fits to an SCM; a CPDAG, a Discovery or weighted graphs to an Ensemble. ADMG, MAG
        and PAG are refused.
    mechanisms : MechanismSpec or mapping of name to MechanismSpec, optional
        One for all nodes, or one for each that is named; the rest are chosen by `AutoMechanism`.
    resamples : int
        If positive, an Ensemble over that many bootstrap refits (of units, where units repeat),
        so that what-ifs carry the uncertainty of the mechanisms too.
    members : int
        Members of an equivalence class that are enumerated, or sampled if there are more.
    """

    structure: Any
    mechanisms: MechanismSpec | Mapping[str, MechanismSpec] | None = None
    resamples: int = 0
    members: int = MEMBERS

    def fit(
        self, data: Any, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> Model:
        """Fit every node on the complete rows whose environment does not target it.

        Rows with missing cells follow the declared policy, which the model's `notes` tell:
        `CompleteCases` leaves out rows with a missing cell in any column of the structure,
        `TestWise` fits each node on the rows complete in its own columns, `EM` uses all rows
        (`rung.mechanisms.completion.Completer`), each graph by itself.

        Raises
        ------
        InputError
            A node of the graph has no column, or every row targets it; the graph is no DAG.
        MissingCells
            Cells are missing and no policy was declared, or a column is missing throughout.
        """
        run = start(budget)
        found = dags(self.structure, rng, self.members)
        names = found.graphs[0][0].names
        for name in names:
            if name not in data.names:
                raise unknown(name, data.names)
        self._check(names)
        self._warn(data)
        if not isinstance(data, Data):
            families = list(dict.fromkeys(f for g, _ in found.graphs for f in _families(g)))
            if self.resamples:
                raise NeedsRows("Structural(resamples=...) needs rows to resample; pass the Data")
            return _model(found, [{f: self._without_rows(data, f) for f in families}])
        table = data.select(names)
        notes = _notes(table)
        if isinstance(data.missing, EM) and table.has_missing:
            from .completion import mechanisms

            many = mechanisms(found, table, self._spec, data.missing, self.resamples, rng, run)
            return _model(found, many, notes)
        if isinstance(data.missing, CompleteCases) or data.missing is None:
            table = complete(table)
        chosen = self._choose(found, table, run, int(rng.integers(2**63)))
        if not self.resamples:
            return _model(found, [{c.family: c.mechanism for c in chosen}], notes)
        return _model(found, self._refits(found, table, chosen, run, rng), notes)

    def _choose(self, found: WeightedDags, table: Data, run: Run, base: int) -> list[_Chosen]:
        """Fit every family that occurs in a graph, once.

        Mechanisms are compared for the `LEADERS` heaviest families of a node; its other families
        take what the heaviest chose.
        """
        weight: dict[Family, float] = {}
        for graph, w in found.graphs:
            for family in _families(graph):
                weight[family] = weight.get(family, 0.0) + w
        leaders: list[Family] = []
        followers: list[Family] = []
        seen: dict[str, list[Family]] = {}
        for family in sorted(weight, key=lambda f: -weight[f]):
            ahead = seen.setdefault(family[0], [])
            if family[1] and len(ahead) >= LEADERS:
                followers.append(family)
            else:
                leaders.append(family)
                if family[1]:
                    ahead.append(family)
        jobs = [_Job(f, table, self._spec(f[0]), _stream(base, f), run) for f in leaders]
        first = dict(zip(leaders, _parallel(lambda job: job.chosen(), jobs)))
        rest = [
            _Job(f, table, self._spec(f[0]), _stream(base, f), run, first[seen[f[0]][0]].spec)
            for f in followers
        ]
        return [*first.values(), *_parallel(lambda job: job.chosen(), rest)]

    def _check(self, names: tuple[str, ...]) -> None:
        if isinstance(self.mechanisms, Mapping):
            for name in self.mechanisms:
                if name not in names:
                    raise unknown(name, names)
        if self.resamples < 0 or self.members < 1:
            raise InputError("Structural: resamples must be at least 0 and members at least 1")

    def _warn(self, data: Any) -> None:
        """Say so where one fit is made of what a Discovery found to change."""
        changing = getattr(self.structure, "details", {}).get("changing")
        if changing and getattr(data, "environment", None) is not None:
            logger.warning(
                "the discovery says that the mechanisms of %s change between environments; they "
                "are fitted once, on all rows. rung.Regimes(found) keeps a fit for each",
                ", ".join(map(repr, changing)),
            )

    def _spec(self, name: str) -> MechanismSpec:
        from .auto import AutoMechanism

        given = self.mechanisms
        spec = given.get(name) if isinstance(given, Mapping) else given
        if spec is not None and not isinstance(spec, MechanismSpec):
            raise InputError(
                f"mechanisms: {spec!r} is no mechanism spec; pass rung.LinearGaussian() or a "
                "mapping of names to such specs"
            )
        return AutoMechanism() if spec is None else spec

    def _without_rows(self, source: Source, family: Family) -> Mechanism:
        from .auto import AutoMechanism
        from .linear import LinearGaussian
        from .table import DiscreteTable

        described = {v.name: v for v in source.variables}
        variable = described[family[0]]
        spec = self._spec(variable.name)
        if isinstance(spec, AutoMechanism):
            spec = DiscreteTable() if variable.discrete else LinearGaussian()
        if not isinstance(spec, FitsSource):
            raise NeedsRows(
                f"{type(spec).__name__} of {variable.name!r} needs rows, which a "
                f"{type(source).__name__} does not have; use LinearGaussian or DiscreteTable"
            )
        return spec.fit_source(source, variable, [described[p] for p in family[1]])

    def _refits(
        self,
        found: WeightedDags,
        table: Data,
        chosen: Sequence[_Chosen],
        run: Run,
        rng: np.random.Generator,
    ) -> list[dict[Family, Mechanism]]:
        """Mechanisms of each bootstrap refit; those of one refit saw the same resampled units."""
        by_family = {c.family: c.refits(table) for c in chosen}
        many = len(found.graphs)
        total = many * -(-self.resamples // many)
        streams = rng.spawn(total)

        def one(i: int) -> dict[Family, Mechanism] | None:
            if run.spent and i >= many:
                return None
            families = _families(found.graphs[i % many][0])
            run.tick(i / total, "bootstrap refits")
            weights = bootstrap(table, streams[i])
            return {f: by_family[f](weights) for f in families}

        out = [fit for fit in _parallel(one, range(total)) if fit is not None]
        if len(out) < total:
            logger.warning("the budget allowed %d of %d refits", len(out), total)
        return out[: len(out) // many * many]


@dataclass(frozen=True, eq=False)
class _Chosen:
    """A fitted family and the spec that was chosen for it."""

    family: Family
    spec: MechanismSpec
    mechanism: Mechanism
    rows: NDArray[np.intp] | None
    seed: int

    def refits(self, table: Data) -> Callable[[Floats], Mechanism]:
        """Fits of the same spec on the same rows, given weights of all rows of the table."""
        name, parents = self.family
        part = table.select([*parents, name])
        part = part if self.rows is None else part.take(self.rows)
        x, given = part.column(name), part.select(parents)
        fast = self.spec.refits(self.mechanism, x, given) if isinstance(self.spec, Refits) else None

        def fit(weights: Floats) -> Mechanism:
            w = weights if self.rows is None else weights[self.rows]
            if not w.sum() > 0:
                return self.mechanism
            if fast is not None:
                return fast(w)
            rng = np.random.default_rng(self.seed)
            return self.spec.fit(x, given, variable=part.variable(name), weights=w, rng=rng)

        return fit


@dataclass(frozen=True, eq=False)
class _Job:
    """One node with its parents, to be fitted."""

    family: Family
    table: Data
    spec: MechanismSpec
    seed: int
    run: Run
    hint: MechanismSpec | None = None

    def chosen(self) -> _Chosen:
        name, parents = self.family
        part = complete(self.table.select([*parents, name]))
        targeted = part.targeting(name)
        if targeted.all():
            raise InputError(
                f"every row was collected under an intervention on {name!r}: none is left to learn "
                f"its mechanism from. Add rows that do not target {name!r}, or leave it out"
            )
        rows = None
        if targeted.any() or part.n < self.table.n:
            complete_rows = np.nonzero(~self.table.select([*parents, name]).mask.any(axis=1))[0]
            rows = complete_rows[~targeted]
            part = part.take(np.nonzero(~targeted)[0])
        rng = np.random.default_rng(self.seed)
        x, given = part.column(name), part.select(parents)
        variable, spec, note = part.variable(name), self.spec, ""
        if isinstance(spec, Chooses) and self.hint is not None:
            try:
                mechanism = _light(self.hint).fit(
                    x, given, variable=variable, weights=part.weights, rng=rng
                )
                mechanism = noted(mechanism, f"as for commoner parents of {name!r}")
                return _Chosen(self.family, self.hint, mechanism, rows, self.seed)
            except InputError:
                pass  # it does not suit these parents
        if isinstance(spec, Chooses):
            spec, note = spec.choose(
                x, given, variable=variable, weights=part.weights, rng=rng, run=self.run
            )
        mechanism = spec.fit(x, given, variable=variable, weights=part.weights, rng=rng)
        return _Chosen(self.family, spec, noted(mechanism, note), rows, self.seed)


def _light(spec: MechanismSpec) -> MechanismSpec:
    """The spec, with boosting at a third of its price: there may be hundreds of parent sets."""
    from .boosted import BoostedAdditive

    return replace(spec, folds=1, rows=5000) if isinstance(spec, BoostedAdditive) else spec


def noted(mechanism: Mechanism, note: str) -> Mechanism:
    """The mechanism with a note, if it can hold one."""
    if note and is_dataclass(mechanism) and hasattr(mechanism, "note"):
        return replace(mechanism, note=note)
    return mechanism


def _families(graph: Graph) -> list[Family]:
    return [(name, graph.parents(name)) for name in graph.names]


def _stream(base: int, family: Family) -> int:
    """A seed that depends on the family only, so that every graph with it shares the fit."""
    text = repr((base, family)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def _parallel(work: Callable[[Any], Any], jobs: Sequence[Any]) -> list[Any]:
    """Results in order; threads share what numpy, scikit-learn and numba compute."""
    workers = min(4, os.cpu_count() or 1, len(jobs))
    if workers <= 1:
        return [work(job) for job in jobs]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:  # nodes run in parallel
        return list(pool.map(work, jobs))


def bootstrap(table: Data, rng: np.random.Generator) -> Floats:
    """Weights (n,) of a resample with replacement, of units where they repeat."""
    if table.unit is not None:
        _, member = np.unique(table.unit, return_inverse=True)
        count = int(member.max()) + 1
        drawn = rng.multinomial(count, np.full(count, 1.0 / count))[member].astype(np.float64)
    else:
        drawn = rng.multinomial(table.n, np.full(table.n, 1.0 / table.n)).astype(np.float64)
    return drawn if table.weights is None else drawn * table.weights


def _notes(table: Data) -> tuple[str, ...]:
    """What the policy did to the rows with missing cells."""
    notes = told(table)
    if notes and isinstance(table.missing, TestWise):
        return (*notes, "each mechanism was fitted on the rows complete in its own columns")
    return notes


def _model(
    found: WeightedDags,
    fits: Sequence[Mapping[Family, Mechanism]],
    notes: tuple[str, ...] = (),
) -> Model:
    """An SCM, or an Ensemble over graphs and refits."""
    parts, weights, graphs = [], [], []
    many = len(found.graphs)
    if len(fits) == 1:
        fits = list(fits) * many
    else:
        counts = np.bincount(np.arange(len(fits)) % many, minlength=many)
    for i, fit in enumerate(fits):
        graph, weight = found.graphs[i % many]
        parts.append(SCM(graph, {f[0]: fit[f] for f in _families(graph)}, notes=notes))
        weights.append(weight if len(fits) == many else weight / counts[i % many])
        graphs.append(graph)
    if len(parts) == 1:
        return parts[0]
    meaning = "bootstrap" if found.meaning == "single" else found.meaning
    return Ensemble(
        tuple(parts), np.array(weights), tuple(graphs), meaning, found.sampled, notes=notes
    )
