"""Sections of the analysis content: plain dictionaries that JSON and the report show."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

import numpy as np

from ..core.discovery import Discovery
from ..core.query import Estimate
from ..core.variable import Kind, Variable
from ..graphs.formats import to_dagitty, to_dot
from ..graphs.identification.mathml import mathml
from ..graphs.layout import layout
from .plan import Plan
from .prepare import Prepared
from .structure import Structure

PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "duckdb", "pandas")
SMALL = 5  # counts below this are not shown unless rows are


def number(value: float) -> str:
    """Three significant digits, without an exponent where that reads well."""
    if not np.isfinite(value):
        return "unknown"
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 1e6:
        digits = max(0, 2 - int(np.floor(np.log10(size))))
        return f"{value:,.{digits}f}"
    return f"{value:.2e}"


def versions() -> dict[str, str]:
    """Installed versions of what the numbers rest on."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def machine(version: str, plan: Plan, seconds: dict[str, float], created: str) -> dict[str, Any]:
    """Versions, seed and timings."""
    return {
        "version": version, "python": platform.python_version(), "platform": platform.platform(),
        "packages": versions(), "seed": plan.seed, "created": created,
        "seconds": {k: round(v, 3) for k, v in seconds.items()},
    }  # fmt: skip


def data_section(prepared: Prepared, plan: Plan) -> dict[str, Any]:
    """Profile of the file: every column, every decision, every warning."""
    raw = prepared.raw
    environments = []
    for k, name in enumerate(raw.environments):
        count = int((raw.environment == k).sum()) if raw.environment is not None else 0
        hit = raw.targets[k] if raw.targets is not None else np.zeros(raw.d, dtype=bool)
        environments.append({
            "name": name, "n": _count(count, plan.show_rows),
            "targets": [v for v, t in zip(raw.names, hit, strict=True) if t],
        })  # fmt: skip
    return {
        "name": raw.origin.name, "path": raw.origin.path, "sha256": raw.origin.sha256 or raw.sha256,
        "cells_sha256": raw.sha256, "n": raw.n, "d": raw.d, "n_used": prepared.data.n,
        "decisions": [*raw.origin.decisions, *(f"{n}: {why}" for n, why in prepared.left_out)],
        "licence": raw.origin.licence, "policy": prepared.policy, "environments": environments,
        "variables": [_variable(prepared, v, plan.show_rows) for v in raw.variables],
        "warnings": _warnings(prepared, plan),
    }  # fmt: skip


def _warnings(prepared: Prepared, plan: Plan) -> list[dict[str, Any]]:
    """What the profile warns of, without advice that was already taken, and each thing once."""
    out = [dict(w) for w in prepared.profile.warnings]
    if plan.missing != "refuse":
        advice = "; declare a policy before an analysis"
        out = [{**w, "text": str(w["text"]).removesuffix(advice)} for w in out]
    rows = prepared.dependence
    if rows.kind != "independent" and all(w["text"] != rows.text for w in out):
        out.append({"title": "Rows depend on each other", "text": rows.text})
    return out


def _count(count: int, show: bool) -> Any:
    return count if show or count >= SMALL or count == 0 else f"<{SMALL}"


def _variable(prepared: Prepared, v: Variable, show: bool) -> dict[str, Any]:
    column = prepared.raw.column(v.name)
    seen = column[~np.isnan(column)] if column.dtype.kind == "f" else column
    out: dict[str, Any] = {
        "name": v.name, "kind": str(v.kind), "unit": v.unit,
        "missing": 1 - len(seen) / max(len(column), 1),
        "note": next((why for name, why in prepared.left_out if name == v.name), ""),
    }  # fmt: skip
    if v.kind is Kind.IDENTIFIER or not len(seen):
        return out
    if v.discrete:
        counts = np.bincount(seen.astype(np.intp), minlength=v.size)
        order = np.argsort(-counts)[:8]
        out["levels"] = [str(x) for x in (v.levels or ())[:30]]
        out["top"] = [
            {"level": str((v.levels or ())[i]), "count": _count(int(counts[i]), show)}
            for i in order
            if counts[i]
        ]
        return out
    quantiles = np.quantile(seen, [0.25, 0.5, 0.75])
    mean, sd = float(seen.mean()), float(seen.std())
    out |= {"mean": mean, "sd": sd, "q25": quantiles[0], "median": quantiles[1],
            "q75": quantiles[2]}  # fmt: skip
    out["skew"] = float(((seen - mean) ** 3).mean() / sd**3) if sd > 0 else 0.0
    if show:
        out |= {"min": float(seen.min()), "max": float(seen.max())}
    return out


def graph_section(found: Structure, roles: list[dict[str, Any]], plan: Plan) -> dict[str, Any]:
    """The graph with its layout, edge frequencies and where each edge comes from."""
    graph = found.graph
    placed = layout(graph)
    role = {row["name"]: row["role"] for row in roles}
    kinds = {row["name"]: row for row in roles}
    shares = {frozenset((e.a, e.b)): e for e in (found.discovery.edges if found.discovery else ())}
    nodes = [
        {"name": name, "x": placed.x[name], "y": placed.y[name], "role": role.get(name, "variable"),
         "source": kinds.get(name, {}).get("source", "")}
        for name in graph.names
    ]  # fmt: skip
    required = set(plan.knowledge.required)
    edges = []
    for a, mark, b in graph.edges():
        share = shares.get(frozenset((a, b)))
        frequencies = None
        if share is not None and plan.draws and found.discovery:
            frequencies = dict(share.frequency) if share.a == a else _turned(share.frequency)
        source = "learned" if found.discovery else "assumed"
        edges.append({
            "a": a, "b": b, "mark": mark, "frequencies": frequencies,
            "frequency": None if frequencies is None else frequencies.get(mark, 0.0),
            "source": "required" if (a, b) in required or (b, a) in required else source,
            "points": placed.points(a, b, mark),
        })  # fmt: skip
    listed = "; ".join(f"{a} {mark} {b}" for a, mark, b in graph.edges())
    return {
        "nodes": nodes, "edges": edges, "width": placed.width, "height": placed.height,
        "text": str(graph), "dot": to_dot(graph), "dagitty": to_dagitty(graph),
        "alt": f"Causal graph of {graph.d} variables and {len(edges)} edges: {listed or 'none'}.",
    }  # fmt: skip


def _turned(frequency: Any) -> dict[str, float]:
    flip = {"<": ">", ">": "<"}
    return {
        "".join(flip.get(c, c) for c in reversed(mark)): share for mark, share in frequency.items()
    }


def discovery_section(found: Discovery | None, plan: Plan) -> dict[str, Any] | None:
    """Who searched, why, how stable, and what a learner that allows hidden causes says."""
    if found is None:
        return None
    details = dict(found.details)
    return {
        "learner": searched_by(found), "why": details.get("why", ""),
        "notes": [
            n for n in found.notes
            if n != details.get("why") and not n.startswith("edge frequencies")
        ],
        "crosscheck": details.get("crosscheck"),
        "bootstrap": {
            "draws": plan.draws,
            "text": (
                f"Edge shares are frequencies over {plan.draws} resampled searches, "
                "not probabilities."
            ),
        } if plan.draws else None,
        "edges": [
            {"a": e.a, "b": e.b, "adjacent": e.adjacent, "frequencies": dict(e.frequency)}
            for e in found.edges
        ],
        "hidden_causes": found.hidden_causes, "complete": found.complete,
        "seconds": found.seconds,
    }  # fmt: skip


def searched_by(found: Discovery) -> str:
    """Learner, its score or test, and what it was run on, in words."""
    parts, learner = [], found.learner
    while learner is not None:
        part = getattr(learner, "score", None) or getattr(learner, "test", None)
        name = type(learner).__name__
        parts.append(f"{name} with {type(part).__name__}" if part is not None else name)
        learner = getattr(learner, "learner", None)
    return " of ".join(parts)


def effect_section(estimate: Estimate, plan: Plan) -> dict[str, Any]:
    """The estimate with everything that was done to overturn it."""
    d = dict(estimate.diagnostics)
    low, high = estimate.interval
    out = {
        "query": repr(estimate.query), "value": estimate.value, "low": low, "high": high,
        "level": estimate.level, "units": estimate.units, "contrast": estimate.contrast,
        "population": estimate.population, "method": estimate.method, "n": estimate.n,
        "effective_n": estimate.effective_n, "scale": plan.scale,
        "estimand": None if estimate.estimand is None else {
            "text": estimate.estimand.text, "latex": estimate.estimand.latex,
            "words": estimate.estimand.words, "mathml": mathml(estimate.estimand),
        },
        "assumptions": [
            {"name": a.name, "statement": a.statement, "status": str(a.status),
             "figure": a.figure, "consequence": a.consequence}
            for a in estimate.assumptions
        ],
        "refutations": [
            {"name": r.name, "kind": r.kind, "finding": r.finding, "passed": r.passed,
             "figures": dict(r.figures)}
            for r in estimate.refutations
        ],
        "parts": [
            {"graph": str(p.graph), "weight": p.weight, "value": p.value, "note": p.note,
             "low": p.interval[0] if p.interval else None,
             "high": p.interval[1] if p.interval else None}
            for p in estimate.parts
        ],
        "warnings": list(estimate.warnings), "seconds": estimate.seconds,
    }  # fmt: skip
    for key in (
        "adjustment", "balance", "overlap", "decider", "levels", "alternatives", "compare", "curve",
        "heterogeneity",
    ):  # fmt: skip
        if d.get(key) is not None:
            out[key] = d[key]
    return out


def mechanism_section(model: Any) -> list[dict[str, Any]]:
    """One entry a node of the likeliest graph: its kind, parents, formula, curves."""
    member = model.members[0][2]
    out = []
    for name, mechanism in getattr(member, "mechanisms", {}).items():
        about = mechanism.describe()
        out.append({
            "name": name, "kind": about.get("kind", type(mechanism).__name__),
            "parents": [p.name for p in mechanism.parents],
            "text": about.get("text") or _formula(name, about), "fit": about.get("note", ""),
            "curves": _curves(about),
        })  # fmt: skip
    return out


def _formula(name: str, about: dict[str, Any]) -> str:
    slopes, start, kind = about.get("coefficients"), about.get("intercept", 0.0), about.get("kind")
    if not isinstance(slopes, dict):
        parents = ", ".join(about.get("parents", []))
        what = str(kind or "mechanism").replace("_", " ")
        return f"{name}: {what} of {parents}" if parents else f"{name}: {what}, without causes"
    if isinstance(start, dict):  # one predictor for each level but the first
        sides = [
            f"log odds of {name} = {level} against {about.get('against')}: "
            + _sum(_terms(start[level], slopes[level]))
            for level in start
        ]
        return "; ".join(sides)
    if kind == "poisson":
        return f"log of the mean of {name} = " + _sum(_terms(start, slopes))
    return f"{name} = " + _sum([*_terms(start, slopes), "noise"])


def _sum(terms: list[str]) -> str:
    """The terms joined by their signs; a first zero is not written."""
    terms = terms[1:] if len(terms) > 1 and terms[0] == "0" else terms
    return terms[0] + "".join(f" - {t[1:]}" if t.startswith("-") else f" + {t}" for t in terms[1:])


def _terms(start: float, slopes: dict[str, Any]) -> list[str]:
    """The intercept, each slope, and a step for each level that differs from the first."""
    out = [number(start)]
    for parent, value in slopes.items():
        if not isinstance(value, dict):
            out.append(f"{number(value)} {parent}")
        elif "x" in value:
            out.append(f"f({parent})")
        else:
            steps = value.items()
            out += [f"{number(step)} [{parent} = {level}]" for level, step in steps if step]
    return out


def _curves(about: dict[str, Any]) -> list[dict[str, Any]]:
    """The curved terms of an additive mechanism."""
    slopes = about.get("coefficients")
    items = slopes.items() if isinstance(slopes, dict) else ()
    return [
        {"parent": parent, "x": value["x"], "y": value["y"]}
        for parent, value in items
        if isinstance(value, dict) and "x" in value
    ]


def design_section(plan: Any) -> dict[str, Any] | None:
    """Experiments, ranked."""
    if plan is None:
        return None
    rows = [
        r for r in plan.frame().to_dict("records")
        if (r["of"] or 0) > 0 or (r["effect_sd_now"] or 0) > 0
    ]  # fmt: skip
    return {"text": getattr(plan, "text", ""), "rows": rows}
