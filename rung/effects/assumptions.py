"""The fixed list of assumptions, in the data's words, each with how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.query import Assumption, Refutation, Status
from .identification import is_pag_like
from .rows import targets_of
from .solve import Solved
from .study import Answered, Study

Floats = NDArray[np.float64]
S = Status


def assumptions(
    study: Study,
    main: Answered,
    refuted: Sequence[Refutation],
    compare: Sequence[dict[str, Any]],
    standing: str,
) -> tuple[Assumption, ...]:
    """Nine assumptions; the same names in the same order for every effect."""
    t, y = study.treatment, study.outcome
    solved = main.solved
    return (
        _no_hidden(study, main, refuted, standing),
        _positivity(t, solved),
        _versions(study),
        Assumption(
            "no interference", f"{t} of one row does not affect {y} of another", S.UNCHECKABLE,
            "nothing in a table of rows shows who affects whom",
            "the effect of treating everybody would differ from this number",
        ),
        _time_order(study, standing),
        _selection(study, main),
        Assumption(
            "measurement", f"{', '.join([t, y, *(main.case.adjust or ())])} are measured without "
            "error that depends on the other columns", S.UNCHECKABLE,
            "one measurement a row: its error cannot be seen",
            f"noise in {t} shrinks the effect; noise in a covariate leaves part of the confounding",
        ),
        _independent(study, solved),
        _form(solved, compare),
    )  # fmt: skip


def _no_hidden(
    study: Study, main: Answered, refuted: Sequence[Refutation], standing: str
) -> Assumption:
    t, y = study.treatment, study.outcome
    given = ", ".join(main.case.adjust or ())
    statement = f"nothing unmeasured causes both {t} and {y}" + (
        f", given {given}" if given else ""
    )
    figure, status = "no column can show what was not measured", S.UNCHECKABLE
    for r in refuted:
        if r.name == "hidden common cause":
            figure = r.finding
        if r.name.startswith("negative control") and r.passed is False:
            figure, status = r.finding, S.CONTRADICTED
            break
    if standing == "randomised" and status is not S.CONTRADICTED:
        status = S.DECLARED
        figure = f"{t} was declared randomised"
    if instead := getattr(study.estimator, "assumes", ""):
        statement = str(instead)
    elif study.hidden or is_pag_like(main.case.graph):
        statement = f"hidden causes of {t} and {y} are only those that the graph leaves room for"
    elif main.case.graph.is_admg() and not main.case.graph.is_dag():
        statement = f"hidden causes of {t} and {y} are only those drawn as <-> in the graph"
    return Assumption(
        "no hidden common cause", statement, status, figure,
        "the number mixes the effect with the hidden cause's; its sign may be wrong",
    )  # fmt: skip


def _positivity(t: str, solved: Solved | None) -> Assumption:
    statement = f"at every combination of the covariates, every compared value of {t} can occur"
    consequence = "for some rows there is nobody to compare with, and the model fills in"
    if solved is None:
        return Assumption(
            "positivity", statement, S.UNCHECKABLE, "no estimate was needed", consequence
        )
    if solved.prepared is None:
        return Assumption(
            "positivity", statement, S.UNCHECKABLE,
            "the formula conditions on more than one set of columns", consequence,
        )  # fmt: skip
    poor = solved.prepared.poor
    return Assumption(
        "positivity", statement, S.CONTRADICTED if poor else S.CHECKED,
        str(solved.prepared.overlap["text"]), consequence,
    )  # fmt: skip


def _versions(study: Study) -> Assumption:
    t = study.treatment
    setting = [study.data.environments[e] for e, hit in targets_of(study.data).items() if t in hit]
    figure = "the table does not say how each value came about"
    if setting:
        figure = f"conditions that set {t}: {', '.join(setting)}; elsewhere it arose by itself"
    return Assumption(
        "one version of treatment", f"each value of {t} means the same, however it came about",
        S.UNCHECKABLE, figure, f"the number mixes the effects of different kinds of {t}",
    )  # fmt: skip


def _time_order(study: Study, standing: str) -> Assumption:
    t, y = study.treatment, study.outcome
    learned = standing == "learned graph"
    figure = (
        "the direction was learned from the data, not from time"
        if learned
        else f"the graph or the question puts {t} before {y}"
    )
    return Assumption(
        "time order", f"{t} and the covariates come before {y}, and the covariates before {t}",
        S.UNCHECKABLE if learned else S.DECLARED, figure,
        f"if {y} affects {t}, the number is no effect of {t}",
    )  # fmt: skip


def _selection(study: Study, main: Answered) -> Assumption:
    used = main.solved.data.n if main.solved is not None else study.data.n
    missing = 0
    if main.solved is not None and main.kept is not None:
        missing = int(main.kept.mask(study.data).sum()) - used
    figure = f"{used} rows used"
    if missing:
        figure += f"; {missing} left out for missing cells"
    if main.kept is not None and main.kept.dropped:
        figure += f"; left out: {'; '.join(main.kept.why)}"
    return Assumption(
        "no selection of rows", f"whether a row is in the table does not depend on "
        f"{study.treatment} and {study.outcome}", S.UNCHECKABLE, figure,
        "the rows are not those the question is about, and selection can look like an effect",
    )  # fmt: skip


def serial(study: Study, solved: Solved) -> tuple[float, float]:
    """Lag-1 correlation of the effect's influence function in row order, and its z.

    Rows of other conditions are centred apart; neighbours of two conditions do not count.
    """
    rows = solved.fitted.influence[:, 1] - solved.fitted.influence[:, 0]
    env = solved.data.environment
    env = np.zeros(len(rows), dtype=np.int64) if env is None else env
    centred = rows.copy()
    for e in np.unique(env):
        centred[env == e] -= centred[env == e].mean()
    scale = np.abs(centred)
    centred = np.clip(centred, -4 * scale.mean(), 4 * scale.mean())
    same = env[1:] == env[:-1]
    total = float(centred @ centred)
    if total <= 0 or same.sum() < 20:
        return 0.0, 0.0
    rho = float(centred[1:][same] @ centred[:-1][same]) / total
    return rho, rho * float(np.sqrt(same.sum()))


def _independent(study: Study, solved: Solved | None) -> Assumption:
    statement = "rows say something of their own: none repeats or follows from another"
    consequence = "the interval is too narrow"
    if solved is None:
        return Assumption(
            "independent rows", statement, S.UNCHECKABLE, "no estimate was needed", consequence
        )
    if solved.dependence.groups is not None:
        return Assumption(
            "independent rows", statement, S.CHECKED, solved.dependence.figure, consequence
        )
    rho, z = serial(study, solved)
    status = S.CONTRADICTED if z > 4 and rho > 0.05 else S.CHECKED
    figure = (
        f"{solved.dependence.figure}; lag-1 correlation of the rows' contributions in file order "
        f"{rho:.2f} (z = {z:.1f})"
    )
    return Assumption("independent rows", statement, status, figure, consequence)


def _form(solved: Solved | None, compare: Sequence[dict[str, Any]]) -> Assumption:
    statement = "the models of outcome and treatment are flexible enough"
    consequence = "part of the difference between models is in the number"
    if solved is None or len(compare) < 2:
        return Assumption(
            "model form", statement, S.UNCHECKABLE, "no second estimator applies", consequence
        )
    shown = "; ".join(f"{c['estimator']} {c['value']:.3g}" for c in compare)
    apart = [c for c in compare if abs(c.get("z", 0.0)) > 3]
    return Assumption(
        "model form", statement, S.CONTRADICTED if apart else S.CHECKED,
        f"{shown}" + (f"; {apart[0]['estimator']} differs by {abs(apart[0]['z']):.1f} standard "
                      "errors" if apart else "; they agree within sampling error"), consequence,
    )  # fmt: skip
