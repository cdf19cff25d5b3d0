"""Everything that is looked at beside the number: diagnostics, assumptions, refutations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.errors import RungError
from ..core.graph import Graph
from ..core.protocols import Estimator
from ..core.query import Assumption, Refutation
from ..inference import intervals
from .assumptions import assumptions, serial
from .decider import decider
from .estimators.doubly_robust import DoublyRobust
from .estimators.regression import Regression
from .estimators.weighting import Weighting
from .identification import Case
from .refutation import refutations
from .solve import Solved, on_scale
from .study import Answered, Study


@dataclass(frozen=True, eq=False)
class Checks:
    """What was found."""

    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()
    refutations: tuple[Refutation, ...] = ()
    warnings: tuple[str, ...] = ()


def checked(
    study: Study,
    answered: list[Answered],
    main: Answered,
    standing: str,
    shown: Graph | None,
) -> Checks:
    """Balance, overlap, other estimators, refutations, assumptions."""
    solved, warnings = main.solved, []
    compare = other_estimators(study, main) if solved is not None else []
    alternatives, objections = other_sets(study, main, shown)
    warnings += objections
    diagnostics: dict[str, Any] = {
        "balance": [], "overlap": {}, "alternatives": alternatives, "decider": None,
        "compare": [{k: v for k, v in c.items() if k != "z"} for c in compare],
    }  # fmt: skip
    if len({a.value for a in answered}) > 1:
        diagnostics["decider"] = decider(study, answered)
    if solved is not None and solved.prepared is not None:
        diagnostics["balance"] = [dict(row) for row in solved.prepared.balance]
        diagnostics["overlap"] = dict(solved.prepared.overlap)
        warnings += _row_warnings(study, main, solved)
    if any(a.value is None for a in answered):
        weight = sum(a.case.weight for a in answered if a.value is None)
        warnings.append(
            f"on graphs with {weight:.0%} of the weight the effect has no answer: "
            + next(a.note for a in answered if a.value is None)
        )
    refuted = refutations(study, main)
    listed = assumptions(study, main, refuted, compare, standing)
    return Checks(diagnostics, listed, refuted, tuple(warnings))


def _row_warnings(study: Study, main: Answered, solved: Solved) -> list[str]:
    out = [solved.prepared.note] if solved.prepared and solved.prepared.note else []
    if main.kept is not None and main.kept.dropped:
        rows = int((~main.kept.mask(study.data)).sum())
        out.append(f"{rows} rows were left out: {'; '.join(main.kept.why)}")
    if main.kept is not None and main.kept.sets_treatment:
        out.append(
            f"rows whose condition sets {study.treatment} are used: setting the treatment leaves "
            f"{study.outcome} given {study.treatment} and the covariates as it is"
        )
    if solved.dependence.groups is None:
        rho, z = serial(study, solved)
        if z > 4 and rho > 0.05:
            out.append(
                f"neighbouring rows are alike (lag-1 correlation {rho:.2f} of their contributions) "
                "although no time or unit is declared: the interval may be too narrow; declare "
                "time= or unit="
            )
    elif len(np.unique(solved.dependence.groups)) < 20:
        out.append(solved.dependence.figure)
    return out


def other_estimators(study: Study, main: Answered) -> list[dict[str, Any]]:
    """The answer of each estimator on the same rows, with z of its distance to the first."""
    solved = main.solved
    assert solved is not None
    if solved.prepared is None:
        return []
    own = type(solved_estimator(study)).__name__
    out = [_row(own, solved, None, study)]
    others: list[Estimator] = [DoublyRobust(boosting=False), Regression(), Weighting()]
    for other in others:
        name = type(other).__name__
        if name == own:
            continue
        try:
            found = _again(study, solved, other)
        except RungError:
            continue
        out.append(_row(name, found, solved, study))
    return out


def solved_estimator(study: Study) -> Estimator:
    """The estimator of the headline."""
    return study.estimator


def _again(study: Study, solved: Solved, estimator: Estimator) -> Solved:
    from dataclasses import replace

    from .solve import contrasts

    rng = np.random.default_rng(study.seed)
    fitted = estimator.estimate(solved.problem, rng=rng)
    levels, critical = contrasts(fitted, study.contrast, solved.problem.groups, study.level, rng)
    return replace(solved, fitted=fitted, levels=levels, critical=critical)


def _row(name: str, found: Solved, first: Solved | None, study: Study) -> dict[str, Any]:
    z = 0.0
    if first is not None:
        a, rows_a = on_scale(found.fitted, 1, 0, study.contrast.scale)
        b, rows_b = on_scale(first.fitted, 1, 0, study.contrast.scale)
        groups = first.problem.groups
        se = float(np.sqrt(intervals.covariance(rows_a - rows_b, groups=groups)[0, 0]))
        # below a tenth of the standard error a difference does not matter
        z = (a - b) / max(se, 0.1 * first.se, 1e-300)
    return {
        "estimator": name, "value": found.value, "low": found.interval[0],
        "high": found.interval[1], "z": z,
    }  # fmt: skip


def other_sets(
    study: Study, main: Answered, shown: Graph | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Answers with other adjustment sets, and objections of the graph to the user's set."""
    if main.solved is None or main.kept is None or main.case.adjust is None:
        return [], []
    if getattr(study.estimator, "assumes", ""):  # its columns are not a set to adjust for
        return [], []
    out: list[dict[str, Any]] = []
    warnings: list[str] = []
    if study.query.adjust is not None:  # type: ignore[attr-defined]
        out.append(_alternative("your adjustment set", main.solved, main.case.adjust))
        if shown is not None:
            more, warnings = _graph_set(study, main.case.adjust, shown, main.solved.value)
            out += more
    if main.case.adjust:
        found = study.solved((), main.kept)
        if not isinstance(found, str):
            out.append(_alternative("no adjustment (the association)", found, ()))
    return out, warnings


def _alternative(label: str, solved: Solved, adjust: tuple[str, ...]) -> dict[str, Any]:
    text = f"adjusting for {', '.join(adjust)}" if adjust else "comparing rows as they are"
    low, high = solved.interval
    return {"label": label, "value": solved.value, "low": low, "high": high, "text": text}


def _graph_set(
    study: Study, adjust: tuple[str, ...], graph: Graph, yours: float
) -> tuple[list[dict[str, Any]], list[str]]:
    from ..graphs.adjustment import why_not

    adjust = tuple(name for name in adjust if name not in study.held)
    unknown = [name for name in adjust if name not in graph.names]
    if unknown:
        return [], [f"the graph does not know {', '.join(unknown)}: your set was not checked"]
    ends = (study.treatment, study.outcome)
    objections = why_not(graph, *ends, adjust, hidden_causes=study.hidden)
    if not objections:
        return [], []
    out = []
    for case in study.cases(graph):
        out += [a for a in _graph_answer(study, case) if a not in out]
    given = list(dict.fromkeys(f"{a['value']:.4g}" for a in out))
    numbers = f"your set gives {yours:.4g}, the graph's own answer is {' or '.join(given)}"
    numbers = numbers if given else ""
    warnings = []
    for o in objections:
        who = ", ".join(o.nodes) or "a hidden common cause"
        path = f" ({o.path})" if o.path is not None else ""
        warnings.append(f"your adjustment set: {REASONS[o.reason].format(who=who, path=path)}"
                        + (f"; {numbers}" if numbers else ""))  # fmt: skip
    return out, warnings


def _graph_answer(study: Study, case: Case) -> list[dict[str, Any]]:
    a = study.answer(case)
    if a.value is None or a.interval is None:
        return []
    if a.solved is not None:
        return [_alternative("the graph's adjustment set", a.solved, case.adjust or ())]
    low, high = a.interval
    text = "no directed path from treatment to outcome"
    return [{"label": "the graph's answer", "value": a.value, "low": low, "high": high,
             "text": text}]  # fmt: skip


REASONS = {
    "mediator": "{who} lies on a causal path{path}; adjusting for it removes part of the effect",
    "descendant": "{who} is an effect of the treatment{path}; adjusting for it biases the answer",
    "collider": "adjusting for {who} opens a path{path}",
    "confounding": "a back-door path stays open{path}; {who} could close it",
    "undecided": "the graph leaves an edge at the treatment undirected{path}",
    "invisible": "an edge of the treatment may hide a common cause{path}",
    "instrument": "{who} affects the treatment only{path}: it costs precision and amplifies hidden "
    "confounding",
}
