"""Which experiment next: edges it would orient, and how sure it would make an effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, unknown
from ..core.missing import told
from ..core.query import Query
from ..core.result import Result
from ..graphs.orientation import meek
from .belief import Belief, believe
from .graphwise import effects_by_graph

if TYPE_CHECKING:
    import pandas as pd

    from ..core.source import Source

Bool = NDArray[np.bool_]
TIE = 1e-9
_CITES = ("hauser2012", "meek1995")


@dataclass(frozen=True)
class Experiment:
    """One experiment, or one set of single-variable experiments.

    Parameters
    ----------
    targets : tuple of str
        Each is set by randomisation, in an experiment of its own.
    orients : float
        Undecided edges that would be oriented, on average over the weighted graphs.
    of : float
        Undecided edges now, on average over the weighted graphs.
    effect_sd_now, effect_sd_after : float or None
        Standard deviation over graphs of the effect that was asked for: now, and expected
        afterwards. In the effect's units.
    rank : int
        1 is best; tied experiments share a rank.
    tied : int
        Number of experiments that share the rank.
    """

    targets: tuple[str, ...]
    orients: float
    of: float
    effect_sd_now: float | None
    effect_sd_after: float | None
    rank: int = 0
    tied: int = 1

    @property
    def text(self) -> str:
        """The row in one sentence."""
        what = " and ".join(self.targets)
        out = f"setting {what} would orient {self.orients:.3g} of {self.of:.3g} undecided edges"
        if self.effect_sd_now and self.effect_sd_after is not None:
            out += (
                f" and change the spread of the effect over graphs from {self.effect_sd_now:.3g} "
                f"to {self.effect_sd_after:.3g}"
            )
        return out + (f" (tied with {self.tied - 1} more)" if self.tied > 1 else "")


@dataclass(frozen=True, eq=False)
class DesignPlan(Result):
    """Ranked experiments.

    Parameters
    ----------
    rows : tuple of Experiment
        Best first.
    undecided : tuple of (str, str)
        Pairs that are oriented one way in some graphs and the other way in others.
    graphs : int
        DAGs that were averaged over.
    exact : bool
        True if those are all there are, False if they are uniform draws.
    meaning : str
        What the weights of the graphs are.
    query : Query or None
    complete : bool
        False if a budget ended the work before every experiment was valued.
    notes : tuple of str
    """

    rows: tuple[Experiment, ...]
    undecided: tuple[tuple[str, str], ...]
    graphs: int
    exact: bool
    meaning: str
    query: Query | None = None
    complete: bool = True
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = field(default=_CITES)

    @property
    def best(self) -> tuple[Experiment, ...]:
        """Every experiment of rank 1; empty if no experiment would settle anything."""
        useful = [r for r in self.rows if r.orients > TIE or _gain(r) > TIE]
        return tuple(r for r in useful if r.rank == 1)

    @property
    def text(self) -> str:
        """The plan in one or two sentences."""
        if not self.undecided:
            return "Nothing is undecided: every edge has one direction in every graph."
        if not self.best:
            return "No experiment on one variable would settle an undecided edge."
        names = " or ".join(" and ".join(r.targets) for r in self.best)
        first = self.best[0]
        tie = f" ({len(self.best)} are tied)" if len(self.best) > 1 else ""
        out = (
            f"Set {names} next{tie}: on average {first.orients:.3g} of {first.of:.3g} undecided "
            "edges would be oriented"
        )
        if first.effect_sd_now == 0:
            out += "; the effect is the same on every graph already"
        elif first.effect_sd_now is not None and first.effect_sd_after is not None:
            out += (
                f", and the spread of the effect over graphs would go from "
                f"{first.effect_sd_now:.3g} to {first.effect_sd_after:.3g}"
            )
        return out + "."

    def frame(self) -> pd.DataFrame:
        """One row an experiment, best first."""
        import pandas as pd

        columns = ["rank", "experiment", "orients", "of", "effect_sd_now", "effect_sd_after"]
        return pd.DataFrame(
            [
                [r.rank, ", ".join(r.targets), r.orients, r.of, r.effect_sd_now, r.effect_sd_after]
                for r in self.rows
            ],
            columns=columns,
        )

    def __repr__(self) -> str:
        how = "all" if self.exact else "a uniform sample of"
        lines = [
            f"DesignPlan: {len(self.rows)} experiments, averaged over {how} {self.graphs} DAGs "
            f"(weights: {self.meaning}){'' if self.complete else ', INCOMPLETE (stopped early)'}",
            f"  {self.text}",
        ]
        lines += [f"  {r.rank:>2}. {r.text}" for r in self.rows[:20]]
        return "\n".join(lines + [f"  note: {note}" for note in self.notes])


def _gain(row: Experiment) -> float:
    if row.effect_sd_now is None or row.effect_sd_after is None:
        return 0.0
    return row.effect_sd_now - row.effect_sd_after


@dataclass(eq=False)
class _Valuer:
    """Values sets of targets over a belief; what a cut leads to is computed once."""

    belief: Belief
    effects: NDArray[np.float64] | None
    treatment: int | None = None
    _known: dict[Any, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        contested = self.belief.contested
        self.open = [
            (directed | directed.T) & contested for directed in self.belief.directed
        ]  # directed here, the other way in another graph
        self.loose = [int(u.sum()) // 2 for u in self.belief.undirected]

    @property
    def undecided(self) -> float:
        """Undecided edges, averaged over the weighted graphs."""
        each = [n + int(o.sum()) / 2 for n, o in zip(self.loose, self.open, strict=True)]
        return float(self.belief.class_weights @ np.array(each))

    def orients(self, targets: Sequence[int]) -> float:
        """Average number of undecided edges oriented by one experiment on each target."""
        at = sorted(targets)
        total = 0.0
        for c in self.belief.candidates:
            key = (c.origin, tuple(at), c.arrows[at].tobytes())
            if key not in self._known:
                self._known[key] = self._closure(c.origin, c.arrows, at)
            total += c.weight * self._known[key]
        return total

    def _closure(self, k: int, arrows: Bool, targets: list[int]) -> int:
        """Edges of class k that the experiments and Meek's rules orient if `arrows` is true.

        An experiment cuts exactly the edges with one end in the target, which are then known
        (Hauser and Buehlmann 2012, definition 9 and theorem 18).
        """
        directed, undirected = self.belief.directed[k].copy(), self.belief.undirected[k].copy()
        cut = np.zeros_like(directed)
        cut[targets] = True
        cut |= cut.T
        new = undirected & cut & arrows
        directed |= new
        undirected &= ~(new | new.T)
        meek(directed, undirected, [(i, j) for i, j in np.argwhere(new).tolist()])
        settled = np.triu(self.open[k] & cut)
        return self.loose[k] - int(undirected.sum()) // 2 + int(settled.sum())

    def spread(self, targets: Sequence[int]) -> float | None:
        """Expected standard deviation over graphs of the effect after the experiments.

        Law of total variance: sqrt of E[Var(effect | what the experiments show)]; an experiment
        shows which undecided edges leave its target, and one on the treatment the effect. Where
        the graphs are draws from a larger set, so that cells of one graph would look certain, the
        variances have N - K degrees of freedom for N draws in K cells, as in an analysis of
        variance.
        """
        if self.effects is None:
            return None
        if self.treatment in targets:
            return 0.0  # the experiment measures the effect itself
        at = sorted(targets)
        shown = self.belief.contested[at]
        cells: dict[bytes, list[int]] = {}
        for i, c in enumerate(self.belief.candidates):
            cells.setdefault((c.arrows[at] & shown).tobytes(), []).append(i)
        weight = np.array([c.weight for c in self.belief.candidates])
        squares = 0.0
        for rows in cells.values():
            w, x = weight[rows], self.effects[rows]
            squares += float(w @ (x - np.average(x, weights=w)) ** 2)
        total = float(weight @ (self.effects - weight @ self.effects) ** 2)
        rounding = 1e-20 * float(weight @ self.effects**2)
        squares, total = (0.0 if s < rounding else s for s in (squares, total))
        if self.belief.drawn:
            draws = 1 / float(weight @ weight)  # Kish's effective number
            left = draws - len(cells)
            after = squares * draws / left if left >= 1 else np.inf
            total *= draws / max(draws - 1, 1.0)
            return float(np.sqrt(min(after, total)))
        return float(np.sqrt(squares))


def rank(
    structure: Any,
    data: Source | None,
    *,
    experiments: int = 1,
    query: Query | None = None,
    run: Run,
    rng: np.random.Generator,
) -> DesignPlan:
    """Rank single-variable experiments, or sets of them, by what they would settle.

    Parameters
    ----------
    structure : Graph, Discovery, Ensemble or sequence of (Graph, weight)
        DAGs and CPDAGs, also with background knowledge.
    data : Source
        Used for the effect of `query` on each graph; needs moments only.
    experiments : int
        Size of the sets; each variable starts one set, which grows greedily.
    query : Query, optional
        With `treatment` and `outcome`. Experiments are then ranked by the spread of its effect
        over graphs that they leave, and by the edges they orient among equals.

    An edge is undecided in a graph if it is undirected, or if another graph of positive weight
    has it the other way. Experiments are perfect and large: what is adjacent stays as it is
    believed, the target's edges get their direction, and so does what follows from it.

    Source: Hauser and Buehlmann (2012); Meek (1995).
    """
    if experiments < 1:
        raise InputError(f"design(experiments={experiments}): ask for at least one experiment")
    belief = believe(structure, rng=rng)
    _check_names(belief, data)
    notes = _notes(belief) + _told(belief, data, query)
    effects = treatment = None
    if query is not None:
        effects, more = effects_by_graph(belief, data, query)
        notes += more
        treatment = belief.names.index(query.treatment)  # type: ignore[attr-defined]
    valuer = _Valuer(belief, effects, treatment)
    rows, complete = _rows(valuer, min(experiments, len(belief.names)), run)
    return DesignPlan(
        rows=_ranked(rows),
        undecided=_pairs(belief),
        graphs=len(belief.candidates),
        exact=belief.exact,
        meaning=belief.meaning,
        query=query,
        complete=complete,
        seconds=run.seconds,
        notes=tuple(notes),
        cites=(*_CITES, *(("maathuis2009",) if effects is not None else ())),
    )


def _told(belief: Belief, data: Source | None, query: Query | None) -> list[str]:
    """What the policy did to missing cells, if data are used at all."""
    if query is None or not isinstance(data, Data):
        return []
    return list(told(data.select([n for n in belief.names if n in data.names])))


def _rows(valuer: _Valuer, size: int, run: Run) -> tuple[list[Experiment], bool]:
    names = valuer.belief.names
    now, undecided = valuer.spread([]), valuer.undecided
    rows: dict[frozenset[int], Experiment] = {}
    for first in range(len(names)):
        targets = [first]
        while len(targets) < size:
            rest = [i for i in range(len(names)) if i not in targets]
            targets.append(max(rest, key=lambda i: _value(valuer, [*targets, i])))
        if frozenset(targets) not in rows:
            rows[frozenset(targets)] = Experiment(
                tuple(names[i] for i in targets), valuer.orients(targets), undecided, now,
                valuer.spread(targets),
            )  # fmt: skip
        run.tick((first + 1) / len(names), "valuing experiments")
        if run.spent:
            return list(rows.values()), first + 1 == len(names)
    return list(rows.values()), True


def _value(valuer: _Valuer, targets: list[int]) -> tuple[float, float]:
    after = valuer.spread(targets)
    return (0.0 if after is None else -round(after, 12), round(valuer.orients(targets), 9))


def _ranked(rows: list[Experiment]) -> tuple[Experiment, ...]:
    """Best first: least spread of the effect, then most edges; equal ones share a rank."""

    def key(row: Experiment) -> tuple[float, float]:
        scale = max(row.effect_sd_now or 0.0, 1e-300)
        after = 0.0 if row.effect_sd_after is None else row.effect_sd_after / scale
        return (round(after / TIE), -round(row.orients / TIE))

    ordered = sorted(rows, key=lambda row: (key(row), row.targets))
    keys = [key(row) for row in ordered]
    return tuple(
        replace(row, rank=keys.index(k) + 1, tied=keys.count(k))
        for row, k in zip(ordered, keys, strict=True)
    )


def _pairs(belief: Belief) -> tuple[tuple[str, str], ...]:
    at = np.argwhere(np.triu(belief.contested)).tolist()
    return tuple((belief.names[i], belief.names[j]) for i, j in at)


def _check_names(belief: Belief, data: Source | None) -> None:
    for name in belief.names:
        if data is not None and name not in data.names:
            raise unknown(name, data.names, "column")


def _notes(belief: Belief) -> list[str]:
    notes = []
    if not belief.exact:
        notes.append(
            f"averages are over {len(belief.candidates)} DAGs drawn uniformly from the classes, "
            "not over all members"
        )
    if belief.meaning == "equivalence class" and len(belief.candidates) > 1:
        notes.append("members of the class count equally; that is no statement of belief")
    if belief.dropped > 0:
        notes.append(f"graphs with weight {belief.dropped:.1%} stand for no DAG and were left out")
    return notes
