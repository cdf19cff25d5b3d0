"""The verb `attribute`: what is asked, over which graphs, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Run
from ...core.data import Data
from ...core.errors import InputError, NotSupported, unknown
from ...core.graph import Graph
from ...core.indexing import row_numbers
from ...core.model import Model
from ...core.result import lock
from ...core.scm import SCM
from .changes import ALPHA, DRAWS, REFITS, Comparison, Shifted
from .measures import Measure, OutlierScore, RowMeasure, ShiftMeasure, usual_measure
from .result import Attribution, Contribution, GraphShare
from .rows import Explained, explain
from .tables import Pair
from .worlds import cut_to

Floats = NDArray[np.float64]
LEVEL = 0.95
Members = list[tuple[float, Graph, SCM]]
Said = list[tuple[float, Graph, dict[str, tuple[float, float, float, float]]]]


def attribute(
    model: Any,
    before: Any,
    after: Any,
    *,
    outcome: str | None,
    measure: Measure | None,
    run: Run,
    seed: int,
) -> Attribution:
    """Which mechanism changed, what moved the outcome, or what makes rows unusual.

    Raises
    ------
    InputError, UnknownName, MissingCells
        The rows or data sets lack what is needed; `outcome` or `measure` do not suit them.
    """
    fitted = _fitted(model, before, run, seed)
    members = _members(fitted)
    if outcome is not None and outcome not in fitted.names:
        raise unknown(outcome, fitted.names)
    meaning = str(getattr(fitted, "meaning", "given"))
    rows = _rows(fitted, before, after, measure)
    if rows is not None:
        if outcome is None:
            raise InputError("say which variable is unusual in the rows: outcome=")
        if isinstance(measure, ShiftMeasure):
            raise InputError(
                f"{measure!r} compares data sets; for rows use OutlierScore() or Deviation()"
            )
        ask = _Rows(members, meaning, outcome, measure or OutlierScore(), seed)
        return ask.answer(rows[0], rows[1], run)
    return _Change(members, meaning, outcome, measure, seed).answer(before, after, run)


def _fitted(model: Any, before: Any, run: Run, seed: int) -> Model:
    if isinstance(model, Model):
        return model
    from ...mechanisms.structural import Structural

    if not isinstance(before, Data):
        raise InputError(
            "a graph is fitted to the first data set: pass Data as `before`, or a fitted model"
        )
    return Structural(model).fit(before, budget=run, rng=np.random.default_rng(seed))


def _members(model: Model) -> Members:
    out = []
    for weight, graph, member in model.members:
        if not isinstance(member, SCM) or graph is None:
            raise NotSupported(f"attribute needs an SCM for each graph, not a {type(member)}")
        if weight > 0:
            out.append((weight, graph, member))
    return sorted(out, key=lambda m: -m[0])


def _rows(
    model: Model, before: Any, after: Any, measure: Measure | None
) -> tuple[Data, tuple[str, ...]] | None:
    """The rows to explain with their labels; None if `after` is a data set."""
    if isinstance(after, Data):
        if after.n == 1 or isinstance(measure, RowMeasure):
            if not after.n:
                raise InputError("there is no row to explain")
            return after, tuple(f"row {i}" for i in range(after.n))
        return None
    if isinstance(after, Mapping):
        return _from_mapping(model, after)
    if isinstance(after, int | np.integer | slice | list | tuple | np.ndarray):
        if not isinstance(before, Data):
            raise InputError("numbers of rows need the data set that they are from as `before`")
        index = row_numbers([after] if isinstance(after, int | np.integer) else after, before.n)
        if not len(index):
            raise InputError("there is no row to explain")
        return before.take(index), tuple(f"row {int(i)}" for i in index)
    raise InputError(
        f"after: expected a second data set, rows (Data, a mapping) or row numbers, not a "
        f"{type(after).__name__}"
    )


def _from_mapping(model: Model, row: Mapping[str, Any]) -> tuple[Data, tuple[str, ...]]:
    described = {v.name: v for v in model.variables}
    columns = {}
    for name, value in row.items():
        if name not in described:
            raise unknown(name, described)
        columns[name] = np.atleast_1d(described[name].encode(value)).astype(np.float64)
    if len({len(c) for c in columns.values()}) != 1:
        raise InputError("a row is a mapping of names to one value each, or to as many each")
    data = Data(tuple(described[n] for n in columns), {n: lock(c) for n, c in columns.items()})
    return data, tuple(f"row {i}" for i in range(data.n))


@dataclass(frozen=True, eq=False)
class _Rows:
    """A question on rows."""

    members: Members
    meaning: str
    outcome: str
    measure: RowMeasure
    seed: int

    def answer(self, rows: Data, labels: tuple[str, ...], run: Run) -> Attribution:
        nodes = _union(self.members, self.outcome)
        for name in nodes:
            if name not in rows.names:
                raise InputError(
                    f"the rows lack {name!r}, on which {self.outcome!r} depends; pass its value"
                )
        found: list[Explained] = []
        for _, _, scm in self.members:
            if found and run.spent:
                break
            rng = np.random.default_rng(self.seed)
            found.append(explain(scm, rows, self.outcome, self.measure, run, rng))
        members = self.members[: len(found)]
        w = np.array([m[0] for m in members])
        w = w / w.sum()
        values, errors, own = (
            np.array([_wide(getattr(f, name), f.nodes, nodes) for f in found])
            for name in ("values", "errors", "own")
        )
        unusual = self._unusual(own)
        mean, error = values.mean(axis=1), errors.mean(axis=1)
        out = [
            _contribution(n, w, mean[:, j], error[:, j], self.meaning,
                          float(w @ own[:, :, j].mean(axis=1)), unusual[:, j])
            for j, n in enumerate(nodes)
        ]  # fmt: skip
        totals = w @ np.array([f.totals for f in found])
        sign = -1.0 if totals.mean() < 0 else 1.0  # what works the other way comes last
        out.sort(key=lambda c: -sign * c.value)
        notes = () if len(found) == len(self.members) else _short(len(found), len(self.members))
        return Attribution(
            f"what makes {_names(labels)} unusual in {self.outcome}", self.outcome,
            self.measure.words, tuple(out), nodes, float(totals.mean()),
            rows=lock(np.tensordot(w, values, axes=1)), row_totals=lock(totals), labels=labels,
            how=_how(found[0].sampled, found[0].draws), meaning=self.meaning,
            parts=_shares(members, mean), notes=notes, seed=self.seed, seconds=run.seconds,
            cites=("budhathoki2022", "shapley1953"),
        )  # fmt: skip

    def _unusual(self, own: Floats) -> Floats:
        """Adjusted p-values (members, nodes) that a node's noise is as usual in every row."""
        p = np.exp(-own.max(axis=1)) * own.shape[1]
        from ...inference.multiplicity import holm

        return np.array([holm(np.minimum(row, 1.0)) for row in p])


@dataclass(frozen=True, eq=False)
class _Change:
    """A question on two data sets."""

    members: Members
    meaning: str
    outcome: str | None
    measure: Measure | None
    seed: int

    def answer(self, before: Any, after: Any, run: Run) -> Attribution:
        if isinstance(self.measure, RowMeasure) or (self.measure and self.outcome is None):
            raise InputError(f"{self.measure!r} needs an outcome, and suits it to be compared")
        by: dict[Graph, list[Any]] = {}
        for weight, graph, scm in self.members:  # refits of one graph are one graph here
            by.setdefault(graph, [0.0, scm])[0] += weight
        members: Members = [(w, g, scm) for g, (w, scm) in by.items()]
        pair = Pair.of(members[0][2], before, after)
        nodes = members[0][2].names if self.outcome is None else _union(members, self.outcome)
        measure, found = self._measure(pair), self._found(members, pair, run)
        notes = () if len(found) == len(members) else _short(len(found), len(members))
        members = members[: len(found)]
        w = np.array([m[0] for m in members])
        w = w / w.sum()
        values, errors, gains = (
            np.array([_wide(getattr(f, name), f.nodes, nodes) for f in found])
            for name in ("values", "errors", "gains")
        )
        p = np.array([_wide(f.p, f.nodes, nodes, 1.0) for f in found])
        out = [
            _contribution(n, w, values[:, j], errors[:, j], self.meaning, float(w @ gains[:, j]),
                          p[:, j])
            for j, n in enumerate(nodes)
        ]  # fmt: skip
        if self.outcome is None:
            out.sort(key=lambda c: -c.value)
        else:
            out.sort(key=lambda c: (-abs(c.value), -c.gain))
        sampled = any(f.pairs for f in found)
        return self._result(out, nodes, pair, measure, members, values, sampled,
                            (*notes, *self._limits(pair)), run)  # fmt: skip

    def _found(self, members: Members, pair: Pair, run: Run) -> list[Shifted]:
        """What each graph says, while the budget lasts."""
        comparison, measure = Comparison(pair, self.seed), self._measure(pair)
        found: list[Shifted] = []
        for _, _, scm in members:
            if found and run.spent:
                break
            if self.outcome is None or measure is None:
                found.append(comparison.mechanisms(scm, run))
            else:
                found.append(comparison.outcome(cut_to(scm, self.outcome), measure, run))
        return found

    def _measure(self, pair: Pair) -> ShiftMeasure | None:
        if self.outcome is None:
            return None
        if isinstance(self.measure, ShiftMeasure):
            return self.measure
        return usual_measure(pair.before.variable(self.outcome))

    def _limits(self, pair: Pair) -> tuple[str, ...]:
        least = min(pair.before.n, pair.after.n)
        if least < 100:
            return (f"one data set has {least} rows: small changes will not be found",)
        return ()

    def _result(
        self, out: Sequence[Contribution], nodes: tuple[str, ...], pair: Pair,
        measure: ShiftMeasure | None, members: Members, values: Floats, sampled: bool,
        notes: tuple[str, ...], run: Run,
    ) -> Attribution:  # fmt: skip
        how = f"held-out rows of {pair.before.n} and {pair.after.n}, three folds"
        question, observed, words = "which mechanisms changed", None, GAIN
        total = float(sum(c.value for c in out))
        if measure is not None and self.outcome is not None:
            v = pair.before.variable(self.outcome)
            x, y = pair.before.column(v.name), pair.after.column(v.name)
            observed = float(measure.of(y[None], x, v)[0])
            question, words = f"what moved {self.outcome}", measure.words
            how = f"{_how(sampled, DRAWS)}; intervals from {REFITS} refits on resampled rows"
        return Attribution(
            question, self.outcome, words, tuple(out), nodes, total, observed, how=how,
            meaning=self.meaning, parts=_shares(members, values), notes=notes, seed=self.seed,
            seconds=run.seconds, cites=("budhathoki2021", "shapley1953"),
        )  # fmt: skip


GAIN = "gain of separate mechanisms (nats a held-out row)"


def _union(members: Members, outcome: str) -> tuple[str, ...]:
    """The outcome and its ancestors on any graph, the outcome last."""
    seen = {n for _, _, scm in members for n in cut_to(scm, outcome).names}
    order = members[0][2].graph.topological_order()
    return (*(n for n in order if n in seen and n != outcome), outcome)


def _contribution(
    node: str, w: Floats, values: Floats, errors: Floats, meaning: str, gain: float, p: Floats
) -> Contribution:
    """The mixture over graphs; over an equivalence class the whole range."""
    from scipy.stats import norm

    z = float(norm.ppf((1 + LEVEL) / 2))
    value = float(w @ values)
    error = float(np.sqrt(w @ errors**2 + w @ (values - value) ** 2))
    low, high = value - z * error, value + z * error
    if meaning == "equivalence class":
        low, high = float((values - z * errors).min()), float((values + z * errors).max())
    changed = float(w @ (p <= ALPHA))
    return Contribution(node, value, (low, high), error, float(w @ p), changed, gain)


def _wide(
    columns: Floats, have: tuple[str, ...], nodes: tuple[str, ...], fill: float = 0.0
) -> Floats:
    """Columns (..., have) put into the order of `nodes`; `fill` for nodes that are not there."""
    out = np.full((*columns.shape[:-1], len(nodes)), fill)
    out[..., [nodes.index(n) for n in have]] = columns
    return out


def _shares(members: Members, values: Floats) -> tuple[GraphShare, ...]:
    by: dict[Graph, list[tuple[float, Floats]]] = {}
    for (weight, graph, _), row in zip(members, values, strict=True):
        by.setdefault(graph, []).append((weight, row))
    out = []
    for graph, found in by.items():
        w = np.array([x for x, _ in found])
        mean = np.array([v for _, v in found]).T @ w / w.sum()
        out.append(GraphShare(graph, float(w.sum()), lock(mean)))
    return tuple(sorted(out, key=lambda s: -s.weight))


def _how(sampled: bool, draws: int) -> str:
    sets = "sampled orders" if sampled else "all sets"
    return f"Shapley values over {sets}, {draws} draws of the noise"


def _names(labels: tuple[str, ...]) -> str:
    return labels[0] if len(labels) == 1 else f"{len(labels)} rows"


def _short(done: int, many: int) -> tuple[str, ...]:
    return (f"the budget ended after {done} of {many} models; the others have no say",)
