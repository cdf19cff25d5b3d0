"""Answers on one or many graphs put together into an Estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.graph import Graph
from ..core.query import Estimand, Estimate, Part, Refutation
from ..graphs.identification.formula import MeanContrast
from .identification import BackDoor, NoEffect
from .selection import GraphUnion, Region, Selection
from .study import Answered, Study

POPULATIONS = {
    "all": "all rows",
    "overlap": "the overlap population",
}


def combined(
    study: Study,
    answered: list[Answered],
    structure: Any,
    meaning: str,
    shown: Graph | None,
    rng: np.random.Generator,
) -> Estimate:
    """The Estimate of all answers: value, interval, parts, diagnostics, checks."""
    from .checks import checked

    main = headline(study, answered, shown)
    region = _region(study, answered, structure, meaning)
    solved = main.solved
    stands = standing(structure, meaning, study)
    found = checked(study, answered, main, stands, shown)
    population = population_of(study, main)
    table = solved.data if solved is not None else study.data
    return Estimate(
        query=study.query,  # type: ignore[arg-type]
        value=_value(answered, main, meaning),
        interval=region.hull,
        **_asked(study),
        population=population,
        standing=stands,
        estimand=estimand(study, main, population),
        method=method(study, main, answered, region),
        n=table.n,
        effective_n=solved.effective_n if solved is not None else float(table.n),
        se=solved.se if solved is not None else 0.0,
        assumptions=found.assumptions,
        refutations=found.refutations,
        parts=parts(study, answered),
        diagnostics={**found.diagnostics, **_found(study, main, region)},
        rows=_rows(main),
        warnings=tuple(dict.fromkeys([*study.warnings, *found.warnings])),
        seed=study.seed,
        seconds=study.run.seconds,
        cites=_cites(study, main, found.refutations),
        data=table,
    )


def _asked(study: Study) -> dict[str, Any]:
    contrast = study.contrast
    return {"level": study.level, "units": contrast.units, "contrast": contrast.labels[0]}


def _found(study: Study, main: Answered, region: Region) -> dict[str, Any]:
    """Levels, region and adjustment, JSON-ready."""
    levels = main.solved.levels if main.solved is not None else ()
    return {
        "levels": [
            {"contrast": v.contrast, "value": v.value, "low": v.low, "high": v.high} for v in levels
        ]
        if len(levels) > 1
        else [],
        "region": [list(i) for i in region.intervals],
        "region_words": region.words,
        "endpoint_error": list(region.error),
        "adjustment": list(main.case.adjust or ()),
        "contrast_values": list(study.compared),
        **({"imputation": dict(main.solved.details)} if main.solved and study.others else {}),
    }


def headline(study: Study, answered: list[Answered], shown: Graph | None) -> Answered:
    """The answer that the report shows: on the graph shown if it has one, else the heaviest."""
    known = [a for a in answered if a.value is not None]
    if shown is not None and study.query.adjust is None:  # type: ignore[attr-defined]
        own = [study.answer(c) for c in study.cases(shown)]
        own = [a for a in own if a.value is not None]
        if own and len({a.value for a in own}) == 1:
            return own[0]
    weight: dict[float, float] = {}
    for a in known:
        assert a.value is not None
        weight[a.value] = weight.get(a.value, 0.0) + a.case.weight
    best = max(weight, key=lambda v: weight[v])
    return next(a for a in known if a.value == best)


def _region(study: Study, answered: list[Answered], structure: Any, meaning: str) -> Region:
    selection: Selection = study.query.selection or GraphUnion()  # type: ignore[attr-defined]
    if meaning in ("given", "none") or (meaning != "bootstrap" and not study.query.selection):  # type: ignore[attr-defined]
        selection = GraphUnion(0.0)  # weights that are no frequencies leave nothing out
    return selection.region(study, answered, structure)


def _value(answered: list[Answered], main: Answered, meaning: str) -> float:
    """NaN where the members of an equivalence class differ: they have no probabilities."""
    values = {a.value for a in answered if a.value is not None}
    if len(values) > 1 and meaning in ("given", "single", "equivalence class"):
        return float("nan")
    assert main.value is not None
    return main.value


def parts(study: Study, answered: Sequence[Answered]) -> tuple[Part, ...]:
    """One part for each distinct answer, with the summed weight; heaviest first."""
    merged: dict[Any, list[Answered]] = {}
    for a in answered:
        dropped = a.kept.dropped if a.kept is not None else ()
        key = (a.case.adjust, a.case.formula, a.case.zero, dropped if a.solved else a.note)
        merged.setdefault(key, []).append(a)
    out = []
    for group in merged.values():
        first = max(group, key=lambda a: a.case.weight)
        note = first.note
        if len(group) > 1:
            note = f"{note}{'; ' if note else ''}the same answer on {len(group)} graphs"
        out.append(
            Part(
                first.case.graph,
                float(sum(a.case.weight for a in group)),
                first.value,
                first.interval,
                estimand(study, first, "all rows"),
                note,
            )
        )
    return tuple(sorted(out, key=lambda p: -p.weight))


def estimand(study: Study, a: Answered, population: str) -> Estimand | None:
    """The formula behind an answer."""
    if a.case.zero:
        return NoEffect(study.treatment, study.outcome)
    if a.case.formula is not None:
        return MeanContrast(a.case.formula, *study.compared)
    if a.case.adjust is None:
        return None
    own = getattr(study.estimator, "estimand", None)  # an estimator with a formula of its own
    found: Estimand | None = own and own(study.treatment, study.outcome, a.case.adjust)
    if found is not None:
        return found
    declared = study.query.adjust is not None  # type: ignore[attr-defined]
    return BackDoor(study.treatment, study.outcome, a.case.adjust, population, declared)


def population_of(study: Study, main: Answered) -> str:
    """Who the number is about."""
    if main.solved is None or main.solved.prepared is None:
        return "all rows"
    if "population" in main.solved.fitted.details:
        return str(main.solved.fitted.details["population"])
    population = main.solved.problem.population
    if study.narrowed and population == "all":
        return "the rows of conditions in which both values occur"
    if population == "treated":
        value = study.contrast.labels[0].split(" against ")[0]
        return f"the rows with {value}"
    return POPULATIONS[population]


def standing(structure: Any, meaning: str, study: Study) -> str:
    """What the answer rests on."""
    if meaning == "none":
        return "your adjustment set"
    if meaning in ("given", "weighted graphs"):
        return "your graph" if meaning == "given" else "your weighted graphs"
    knowledge = getattr(structure, "knowledge", None)
    if knowledge is not None:
        others = {name for name in structure.names if name != study.treatment}
        banned = {a for a, b in knowledge.forbidden if b == study.treatment}
        if others and others <= banned:
            return "randomised"
    return "learned graph"


def method(study: Study, main: Answered, answered: Sequence[Answered], region: Region) -> str:
    """How the number was made, in the field's words."""
    if main.solved is None:
        text = "zero by the graph: no directed path"
    else:
        text = main.solved.fitted.method
        errors = main.solved.dependence.words
        text += f"; standard errors from influence functions ({errors})"
    distinct = {a.interval for a in answered}
    if len(distinct) > 1:
        text += f"; interval: {region.words}"
    return text


def _cites(study: Study, main: Answered, refutations: Sequence[Refutation]) -> tuple[str, ...]:
    """Keys of the works behind estimator, adjustment set, population, conditions and checks."""
    solved = main.solved
    if solved is None:
        return ()
    if solved.prepared is None:
        return solved.fitted.cites
    checks = {r.name for r in refutations}
    declared = study.query.adjust is not None  # type: ignore[attr-defined]
    overlap = solved.problem.population == "overlap" and solved.problem.propensity is not None
    cites = {
        "perkovic2018": bool(main.case.adjust) and not declared,
        "henckel2022": bool(main.case.adjust) and not declared,
        "mooij2020": bool(study.held) or study.narrowed,
        "li2018": overlap,
        "cinelli2020": "hidden common cause" in checks,
        "vanderweele2017": "E-value" in checks,
        "lipsitch2010": any(name.startswith("negative control") for name in checks),
    }
    return (*solved.fitted.cites, *(key for key, used in cites.items() if used))


def _rows(main: Answered) -> dict[str, Any]:
    if main.solved is None:
        return {}
    fitted = main.solved.fitted
    if main.solved.prepared is None:
        return {"influence": fitted.influence}
    problem = main.solved.problem
    out: dict[str, Any] = {"influence": fitted.influence}
    if fitted.effects is not None:
        out["cate"] = fitted.effects[:, 1] - fitted.effects[:, 0]
    if problem.propensity is not None:
        out["propensity"] = problem.propensity
    return out
