"""What the policy for missing cells did, and what complete cases alone would have said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import RungError
from ..core.graph import Graph
from ..core.missing import CompleteCases
from ..core.query import Estimate
from ..discovery.auto import Auto
from ..discovery.invariant import learn
from .plan import Plan
from .prepare import Prepared
from .structure import Structure


def missing_section(
    prepared: Prepared,
    found: Structure,
    estimate: Estimate | None,
    plan: Plan,
    learner: Any,
    estimator: Any,
    run: Run,
) -> dict[str, Any] | None:
    """Policy, assumption, cells, and the same analysis on complete rows; None without holes."""
    raw = prepared.raw.select(prepared.data.names)
    if not raw.has_missing:
        return None
    assert raw.missing is not None
    mask = raw.mask
    per = mask.mean(axis=0)
    order = np.argsort(-per, kind="stable")
    out: dict[str, Any] = {
        "policy": plan.missing, "statement": raw.missing.statement,
        "cells": int(mask.sum()), "share": float(mask.mean()),
        "rows": int(mask.any(axis=1).sum()), "n": raw.n,
        "columns": [
            {"name": raw.names[i], "share": float(per[i])} for i in order if per[i] > 0
        ],
        "sites": _by_site(raw),
    }  # fmt: skip
    if isinstance(raw.missing, CompleteCases):
        return {**out, "compared": {"text": "The analysis is that of the complete rows."}}
    try:
        whole = CompleteCases().apply(raw).replacing(missing=None)
    except RungError:
        text = "No row is complete, so complete cases would have given no answer."
        return {**out, "compared": {"text": text}}
    return {**out, "compared": _compared(whole, found, estimate, plan, learner, estimator, run)}


def _by_site(raw: Data) -> list[dict[str, Any]]:
    """Share of missing cells in each environment."""
    if raw.environment is None or len(raw.environments) < 2:
        return []
    return [
        {
            "name": name,
            "n": int((raw.environment == k).sum()),
            "share": float(raw.mask[raw.environment == k].mean()),
        }
        for k, name in enumerate(raw.environments)
        if (raw.environment == k).any()
    ]


def _compared(
    whole: Data,
    found: Structure,
    estimate: Estimate | None,
    plan: Plan,
    learner: Any,
    estimator: Any,
    run: Run,
) -> dict[str, Any]:
    """The graph and the effect of the complete rows beside those of the analysis."""
    out: dict[str, Any] = {"n": whole.n}
    text = [f"{whole.n:,} rows are complete."]
    if found.discovery is not None:
        here, gone = _edges(found.graph), None
        try:
            other = learn(
                whole.select(found.graph.names),
                learner if learner is not None else Auto(crosscheck=False),
                knowledge=found.knowledge, run=run.share(0.5), rng=plan.seed,
            )  # fmt: skip
            gone = _edges(other.graph.reorder(found.graph.names))
        except RungError:  # its message may hold values of single rows
            text.append("They are too few, or vary too little, for a search on them alone.")
        if gone is not None:
            out["only_here"] = sorted(here - gone)
            out["only_complete"] = sorted(gone - here)
            text.append(_told(here, gone))
    if estimate is not None:
        text.append(_effect(out, whole, found, estimate, plan, estimator, run))
    return {**out, "text": " ".join(text)}


def _edges(graph: Graph) -> set[str]:
    """Edges as text, names in the order of the graph."""
    return {f"{a} {mark} {b}" for a, mark, b in graph.edges()}


def _told(here: set[str], gone: set[str]) -> str:
    if here == gone:
        return "A search on them alone finds the same graph."
    return (
        f"A search on them alone shares {len(here & gone)} edges with the graph shown, lacks "
        f"{len(here - gone)} of it and has {len(gone - here)} others."
    )


def _effect(
    out: dict[str, Any],
    whole: Data,
    found: Structure,
    estimate: Estimate,
    plan: Plan,
    estimator: Any,
    run: Run,
) -> str:
    """The effect on complete rows, by the same graph and estimator."""
    query: Any = plan.query
    ends = estimate.diagnostics.get("contrast_values")
    query = replace(query, treated=ends[0], control=ends[1]) if ends else query
    try:
        other = query.answer(
            found.given, whole, estimator=estimator, run=run.share(1.0),
            rng=np.random.default_rng(plan.seed),
        )  # fmt: skip
    except RungError:  # its message may hold values of single rows
        return "The effect of this contrast cannot be had from them alone."
    out["effect"] = [
        {"rows": name, "value": e.value, "low": e.interval[0], "high": e.interval[1], "n": e.n}
        for name, e in (("this analysis", estimate), ("complete rows", other))
    ]
    wide = other.interval[1] - other.interval[0]
    own = estimate.interval[1] - estimate.interval[0]
    ratio = f", an interval {wide / own:.2f} times as wide" if own > 0 else ""
    there, here = (
        f"{e.value:.3g} [{e.interval[0]:.3g}, {e.interval[1]:.3g}]" for e in (other, estimate)
    )
    return (
        f"For the same contrast, graph and estimator they give {there} where the analysis gives "
        f"{here}{ratio}."
    )
