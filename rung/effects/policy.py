"""PolicyEffect: what a change of the treatment that everybody's own value enters would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, final

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, NotIdentified, NotSupported, Overlap
from ..core.intervention import Context, Do, Intervention, Policy, Scale, Shift
from ..core.missing import complete
from ..core.protocols import Estimator
from ..core.query import Estimand, Estimate, Query
from ..core.result import lock
from ..core.variable import Kind, Variable
from ..inference.intervals import check_level
from .completed import completed, imputed
from .contrast import Contrast, check_names, is_discrete, outcome_units, varies
from .dependence import of_rows
from .estimators.moved import under_policy
from .estimators.overlap import Prepared
from .estimators.problem import build, require_finite
from .estimators.tmle import TMLE
from .identification import Case, NoEffect, allows_hidden, tex
from .mixture import Piece, mixed
from .per_graph import listed, piece_of, structure_for
from .queries import _names
from .rows import Kept, usable
from .solve import Solved, contrasts, pooled
from .study import Study

Floats = NDArray[np.float64]
MOVED = "(moved)"
GIVE = (
    "give rung.Shift(name, by), rung.Scale(name, factor), rung.Policy(name, rule, given) or, for "
    "levels, rung.Do(name, level)"
)


@final
@dataclass(frozen=True, init=False, repr=False)
class PolicyEffect(Query):
    """Mean outcome if the treatment were changed by a rule, less the mean outcome as it is.

    A modified treatment policy: `PolicyEffect("y", rung.Shift("dose", -1))` asks what would happen
    if everybody had one unit less of the dose than they have (Diaz and van der Laan 2012; Haneuse
    and Rotnitzky 2013). It needs overlap only as far as the rule leads.

    Parameters
    ----------
    outcome : name of a column
    interventions : `Shift`, `Scale`, `Policy`, `Do` (levels only) on one treatment, applied from
        left to right. A policy may also look at the treatment's own value (in `given`).
    adjust : covariates to use as declared, instead of those that the graph gives
    level : of the interval
    """

    outcome: str
    interventions: tuple[Intervention, ...] = field(init=False)
    adjust: tuple[str, ...] | None
    level: float

    def __init__(
        self,
        outcome: str,
        *interventions: Intervention,
        adjust: Sequence[str] | str | None = None,
        level: float = 0.95,
    ) -> None:
        if not isinstance(outcome, str):
            raise InputError(f"outcome={outcome!r}: expected the name of a column")
        bad = [i for i in interventions if not isinstance(i, Shift | Scale | Policy | Do)]
        if bad:
            raise InputError(
                f"{bad[0]!r} is no change of a treatment that can be estimated: {GIVE}"
            )
        names = {i.variable for i in interventions}
        if len(names) > 1:
            raise NotSupported(
                f"interventions on {', '.join(sorted(names))}: a policy changes one treatment"
            )
        object.__setattr__(self, "outcome", outcome)
        object.__setattr__(self, "interventions", tuple(interventions))
        object.__setattr__(self, "adjust", None if adjust is None else _names(adjust, "adjust"))
        object.__setattr__(self, "level", check_level(level))

    @property
    def treatment(self) -> str:
        """The treatment that is changed."""
        if not self.interventions:
            raise InputError(f"a policy changes something: {GIVE}")
        return self.interventions[0].variable

    @property
    def by(self) -> tuple[str, ...]:
        """The columns that the policy looks at."""
        reads = [name for i in self.interventions for name in i.reads]
        return tuple(dict.fromkeys(name for name in reads if name != self.treatment))

    def __repr__(self) -> str:
        return f'PolicyEffect("{self.outcome}", {", ".join(map(repr, self.interventions))})'

    def answer(
        self,
        structure: Any,
        data: Any,
        *,
        estimator: Estimator | None,
        run: Run,
        rng: np.random.Generator,
    ) -> Estimate:
        """Identify on every graph, move the treatment, estimate."""
        return answer(self, structure, data, estimator, run=run, rng=rng)


@dataclass(frozen=True)
class PolicyFormula(Estimand):
    """The adjustment formula of a modified treatment policy (Haneuse and Rotnitzky 2013)."""

    treatment: str
    outcome: str
    adjust: tuple[str, ...]

    @property
    def text(self) -> str:
        """The formula as plain text."""
        t, y, z = self.treatment, self.outcome, ", ".join((self.treatment, *self.adjust))
        given = ", ".join((f"{t}=rule", *self.adjust))
        return f"E[{y} | {t} by the rule] = sum over {z} of E[{y} | {given}] P({z})"

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        t, y, z = tex(self.treatment), tex(self.outcome), [tex(a) for a in self.adjust]
        given = ", ".join((f"{t}=d", *z))
        return (
            rf"E[{y} \mid {t} \leftarrow d] = E_{{{', '.join((t, *z))}}}"
            rf"\bigl[E[{y} \mid {given}]\bigr]"
        )

    @property
    def words(self) -> str:
        """The formula in a sentence."""
        same = f" and the same {', '.join(self.adjust)}" if self.adjust else ""
        return (
            f"give every row the mean of {self.outcome} among rows that have the {self.treatment} "
            f"which the rule gives it{same}, then average over all rows"
        )


def answer(
    query: PolicyEffect,
    structure: Any,
    data: Any,
    estimator: Estimator | None,
    *,
    run: Run,
    rng: np.random.Generator,
) -> Estimate:
    """The mixture over the graphs; figures under `diagnostics["policy"]`.

    Raises
    ------
    InputError, UnknownName
        Columns or values that cannot be used.
    NotIdentified
        No graph has a set to adjust for, or the policy looks at a column that it must not.
    Overlap
        The policy leads where hardly any row is.
    """
    _check(query, data)
    tables = completed(structure, data, query, run=run, rng=rng)
    known = complete(tables.first.select([query.treatment, query.outcome, *query.by]))
    require_finite(known)
    for name, role in ((query.treatment, "treatment"), (query.outcome, "outcome")):
        varies(known, name, role)
    several = [with_moved(table, query) for table in tables.tables]
    study = Study(
        several[0], query, TMLE(), population="all", run=run, rng=rng,
        contrast=_contrast(query, known), hidden=allows_hidden(structure), others=several[1:],
        notes=tables.notes,
    )  # fmt: skip
    solved: dict[Any, Solved] = {}

    def solve(graph: Any, hidden: bool) -> Piece:
        del hidden
        return piece_of(
            study, graph, query.adjust,
            lambda case, kept: _piece(study, query, estimator or TMLE(), case, kept, solved),
            lambda case: _none(study, case),
        )  # fmt: skip

    found = mixed(
        query, structure_for(structure, data, query), solve, run=run, seed=study.seed,
        contrast=study.contrast.labels[0], units=study.contrast.units, level=query.level,
        warnings=tuple(study.warnings),
    )  # fmt: skip
    found = found if found.data is None else replace(found, data=_without(found.data))
    return imputed(found, tables, data)


def _check(query: PolicyEffect, data: Any) -> None:
    if not isinstance(data, Data):
        raise InputError(f"an effect needs rows: expected Data, got {type(data).__name__}")
    check_names(data, query.treatment, query.outcome)
    for name in query.by:
        data.index(name)


def _without(data: Data) -> Data:
    return data.drop([MOVED]) if MOVED in data.names else data


def with_moved(data: Data, query: PolicyEffect) -> Data:
    """The data with the moved treatment as a column; missing where the treatment is, or what the
    policy looks at."""
    v = data.variable(query.treatment)
    values = np.array(data.column(v.name), dtype=np.float64)
    whole = ~np.isnan(values)
    for name in query.by:
        whole &= ~np.isnan(np.asarray(data.column(name), dtype=np.float64))
    rows = np.flatnonzero(whole)
    part, out = data.take(rows), np.full(data.n, np.nan)
    moved: NDArray[Any] = values[rows]
    for item in query.interventions:
        context = Context(
            v, len(rows), {n: part.column(n) for n in part.names} | {v.name: moved},
            _elsewhere, _elsewhere, {w.name: w for w in part.variables},
        )  # fmt: skip
        natural = moved if item.uses_natural else None
        moved = np.asarray(item.of_units(rows, data.n).apply(natural, context), dtype=np.float64)
    if not np.isfinite(moved).all():
        raise InputError(f"{query!r} gives values that are not finite")
    out[rows] = moved
    kind = Variable(MOVED) if not v.discrete else Variable(MOVED, v.kind, v.levels)
    return data.with_column(kind, lock(out))


def _elsewhere(*_: Any) -> NoReturn:
    raise NotSupported("a policy looks at columns of its own row only")


def _contrast(query: PolicyEffect, known: Data) -> Contrast:
    t = known.variable(query.treatment)
    y, values = known.variable(query.outcome), known.column(query.outcome)
    if y.kind is Kind.CATEGORICAL:
        raise InputError(f"the outcome {y.name!r} is categorical: a mean is not defined")
    discrete = is_discrete(known, t.name)
    column = known.column(t.name)
    arms = np.unique(column) if discrete else np.quantile(column, [0.25, 0.75])
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    rule = ", ".join(map(repr, query.interventions))
    return Contrast(
        t.name, y.name, tuple(np.unique(arms).tolist()), ((0, 1),),
        (f"{rule} against no change",), discrete, outcome_units(y, "difference", binary), binary,
        "difference",
    )  # fmt: skip


def _valid(study: Study, query: PolicyEffect, case: Case) -> tuple[str, ...]:
    """The adjustment set with what the policy looks at, if that is still one."""
    from ..graphs.adjustment import is_adjustment_set

    adjust = case.adjust or ()
    more = [name for name in query.by if name not in adjust]
    if not more:
        return adjust
    wide = tuple(n for n in study.data.names if n in {*adjust, *more})
    known = tuple(n for n in wide if n in case.graph.names)
    fine = is_adjustment_set(
        case.graph, study.treatment, study.outcome, known, hidden_causes=study.hidden
    )
    if query.adjust is None and (not fine or not set(more) <= set(case.graph.names)):
        raise NotIdentified(
            f"the policy looks at {', '.join(more)}, and adjusting for {', '.join(wide)} does not "
            f"give the effect of {study.treatment} on {study.outcome} in the graph: let it look at "
            "other columns, or declare adjust="
        )
    return wide


def _piece(
    study: Study, query: PolicyEffect, estimator: Any, case: Case, kept: Kept,
    known: dict[Any, Solved],
) -> Piece:  # fmt: skip
    adjust = _valid(study, query, case)
    if adjust != case.adjust:
        case = replace(case, adjust=adjust)
        kept = usable(
            study.data, case.graph, study.treatment, study.outcome, adjust, study.held,
            study.hidden,
        )  # fmt: skip
    key = (adjust, kept.dropped)
    if key not in known:
        found = [
            _solved(study, estimator, adjust, table.take(kept.mask(table).nonzero()[0]))
            for table in (study.data, *study.others)
        ]
        rng = np.random.default_rng(study.seed)
        known[key] = found[0] if len(found) == 1 else pooled(
            found, study.contrast, study.level, rng
        )  # fmt: skip
    solved = known[key]
    assert solved.prepared is not None
    figures = dict(solved.prepared.overlap["figures"])
    policy, natural = solved.fitted.means.tolist()
    return Piece(
        solved.value, solved.interval, key=key,
        estimand=PolicyFormula(study.treatment, study.outcome, adjust),
        note=case.note, method=solved.fitted.method, se=solved.se, n=solved.data.n,
        effective_n=solved.effective_n, assumptions=listed(study, case, kept, solved),
        data=solved.data, cites=solved.fitted.cites,
        diagnostics={"adjustment": list(adjust), "policy": {
            **figures, "mean": policy, "natural": natural, "text": solved.prepared.overlap["text"],
        }},
    )  # fmt: skip


def _solved(study: Study, estimator: Any, adjust: tuple[str, ...], data: Data) -> Solved:
    contrast = study.contrast
    data = complete(data.select([contrast.treatment, contrast.outcome, *adjust, MOVED]))
    dependence = of_rows(data)
    rng = np.random.default_rng(study.seed)
    problem = build(data, contrast, adjust, rng=rng, groups=dependence.groups)
    target = data.column(MOVED)
    if contrast.discrete:
        target = np.searchsorted(np.array(contrast.arms), target).astype(float)
        if not np.isin(data.column(MOVED), contrast.arms).all():
            raise Overlap(f"the policy sets {contrast.treatment} to values that no row has")
    fitted, figures = under_policy(problem, target, estimator, rng)
    levels, critical = contrasts(fitted, contrast, dependence.groups, study.level, rng)
    size = float(figures["effective_n"])
    text = (
        f"density ratios up to {figures['ratio']['max']:.3g}; effective sample size {size:.0f} of "
        f"{data.n}; the policy changes {figures['changed']:.0%} of the rows"
    )
    prepared = Prepared(problem, (), {"text": text, "figures": figures}, size, False)
    return Solved(levels, fitted, prepared, dependence, adjust, data, critical)


def _none(study: Study, case: Case) -> Piece:
    return Piece(
        0.0, (0.0, 0.0), key="zero", estimand=NoEffect(study.treatment, study.outcome),
        note=case.note, method="no effect by the graph", n=study.data.n,
        effective_n=float(study.data.n), data=study.data,
    )  # fmt: skip
