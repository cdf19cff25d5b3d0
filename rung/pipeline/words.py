"""The sentences of the report: the answer, its standing, what may overturn it, the methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.query import Estimate, Status
from .plan import Plan
from .prepare import Prepared
from .sections import searched_by
from .structure import LEARNED, RANDOMISED, YOURS, Structure

STANDING = {
    RANDOMISED: "The treatment was assigned at random, so the difference is its effect.",
    YOURS: "This holds if your graph is right; the data cannot prove it.",
    LEARNED: "The graph was learned from these data; another table could give another graph.",
    "not identified": "The data and the graph do not determine this effect.",
    "exploratory": "Exploratory: many variables were looked at; treat it as a list of leads.",
    "graph only": "No effect was asked; this is what the search found, not a causal claim.",
}


CONDITION = {
    RANDOMISED: "",
    YOURS: ", if your graph is right",
    LEARNED: ", if there is no hidden common cause and the learned graph is right",
}


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


def sentence(estimate: Estimate, plan: Plan, standing: str) -> str:
    """The one sentence of the first screen: who, contrast, units, interval, n."""
    low, high = estimate.interval
    ratio = plan.scale != "difference"
    t, y = plan.treatment, plan.outcome
    verb = "causes" if standing == RANDOMISED else "would make"
    size = f"{plan.scale} of {number(estimate.value)}" if ratio else number(estimate.value)
    unit = f" {estimate.units}" if estimate.units and not ratio else ""
    inside = f"{estimate.level:.0%} interval {number(low)} to {number(high)}"
    if estimate.value == low == high == (1.0 if ratio else 0.0):
        return (
            f"By the graph, {t} has no effect on {y}: there is no directed path (n = "
            f"{estimate.n:,}). No interval goes with an answer that the graph alone gives."
        )
    if not np.isfinite(estimate.value):
        found = f"the effect of {t} on {y} is only known to lie in {number(low)} to {number(high)}"
        return f"Among {estimate.population} (n = {estimate.n:,}), {found}."
    neutral = 1.0 if ratio else 0.0
    tail = f" The interval includes {number(neutral)}: no effect." if low <= neutral <= high else ""
    return (
        f"Among {estimate.population} (n = {estimate.n:,}), setting {estimate.contrast} {verb} "
        f"a change in {y} of {size}{unit} ({inside}){CONDITION[standing]}.{tail}"
    )


def threats(estimate: Estimate, found: Structure, prepared: Prepared) -> list[dict[str, Any]]:
    """The three things most likely to overturn the answer, each with its figure."""
    scored = [
        *_hidden(estimate, found),
        *_graphs(estimate, found),
        *_overlap(estimate),
        *_failed(estimate),
        *_assumed(estimate),
        *_form(estimate),
        *_noise(estimate),
        *_rows(prepared),
    ]
    scored.sort(key=lambda item: -item[0])
    return [{"title": t, "figure": f, "text": x} for _, t, f, x in scored[:3]]


Threat = tuple[float, str, str, str]


def _hidden(estimate: Estimate, found: Structure) -> list[Threat]:
    for r in estimate.refutations:
        value = r.figures.get("robustness_value", r.figures.get("rv"))
        if r.kind == "sensitivity" and value is not None:
            weight = 0.1 if found.standing == RANDOMISED else 0.95 - float(value)
            return [(weight, "A hidden common cause", f"{float(value):.1%}", r.finding)]
    return []


def _graphs(estimate: Estimate, found: Structure) -> list[Threat]:
    parts = estimate.parts
    if len(parts) < 2 or found.discovery is None:
        return []
    total = sum(p.weight for p in parts)
    null = sum(p.weight for p in parts if p.value == 0.0 or p.value is None)
    sign = np.sign(estimate.value)
    flip = sum(p.weight for p in parts if p.value and np.sign(p.value) != sign)
    share = (null + flip) / total
    decider = (estimate.diagnostics.get("decider") or {}).get("text", "")
    return [(
        0.3 + 0.6 * share, "A different graph", f"{share:.0%}",
        f"In {share:.0%} of the resampled searches the effect is absent, not identified or of "
        f"the other sign. {decider}".strip(),
    )]  # fmt: skip


def _overlap(estimate: Estimate) -> list[Threat]:
    if not (np.isfinite(estimate.effective_n) and estimate.n):
        return []
    share = min(1.0, estimate.effective_n / estimate.n)
    if share > 0.95:
        return []
    return [(
        0.8 * (1 - share), "Few comparable rows", f"{estimate.effective_n:,.0f} of {estimate.n:,}",
        "Effective number of rows after weighting the two sides to be comparable.",
    )]  # fmt: skip


def _failed(estimate: Estimate) -> list[Threat]:
    return [
        (0.9, f"Failed check: {r.name}", "failed", r.finding)
        for r in estimate.refutations
        if r.passed is False
    ]


def _assumed(estimate: Estimate) -> list[Threat]:
    """Contradicted assumptions; positivity and model form have threats of their own."""
    return [
        (0.85, f"Contradicted: {a.name}", "contradicted", f"{a.figure}: {a.consequence}")
        for a in estimate.assumptions
        if a.status is Status.CONTRADICTED and a.name not in ("positivity", "model form")
    ]


def _form(estimate: Estimate) -> list[Threat]:
    others = [c for c in estimate.diagnostics.get("compare", []) if c.get("value") is not None]
    if not others or not np.isfinite(estimate.se) or estimate.se == 0:
        return []
    far = max(others, key=lambda c: abs(c["value"] - estimate.value))
    wide = (far["high"] - far["low"]) / 3.92 if far.get("high") is not None else 0.0
    gap = abs(far["value"] - estimate.value) / float(np.hypot(estimate.se, wide))
    if gap < 0.5:
        return []
    return [(
        min(0.9, 0.1 + 0.15 * gap), "The form of the model", f"{number(far['value'])}",
        f"{far['estimator']} gives {number(far['value'])} where the default gives "
        f"{number(estimate.value)}: {gap:.1f} standard errors apart.",
    )]  # fmt: skip


def _noise(estimate: Estimate) -> list[Threat]:
    low, high = estimate.interval
    width = high - low
    if not (np.isfinite(width) and estimate.value):
        return []
    relative = width / (2 * abs(estimate.value))
    return [(
        min(0.75, 0.25 * relative), "Chance", f"±{relative:.0%}",
        f"The interval reaches {relative:.0%} of the estimate to either side.",
    )]  # fmt: skip


def _rows(prepared: Prepared) -> list[Threat]:
    out: list[Threat] = []
    lost = 1 - prepared.data.n / max(prepared.raw.n, 1)
    if lost > 0:
        out.append((0.2 + lost, "Missing cells", f"{lost:.0%} of rows", prepared.policy))
    if prepared.dependence.kind != "independent":
        out.append((0.45, "Rows that depend on each other", str(prepared.dependence.figure),
                    prepared.dependence.text))  # fmt: skip
    return out


def methods(
    prepared: Prepared, found: Structure, estimate: Estimate | None, plan: Plan, version: str
) -> str:
    """A paragraph to paste into a paper."""
    data = prepared.data
    text = [
        f"We analysed {data.n:,} rows and {data.d} variables of {data.origin.name} with rung "
        f"{version} (seed {plan.seed}); {prepared.policy}."
    ]
    if found.discovery is None:
        text.append("The causal graph was given by the authors and was not learned.")
    else:
        d = found.discovery
        draws = f", repeated on {plan.draws} resamples of the rows" if plan.draws else ""
        text.append(f"The causal graph was learned by {searched_by(d)}{draws}.")
        text += [d.details["why"]] if "why" in d.details else []
    if plan.require or plan.forbid or plan.tiers or plan.randomised:
        text.append("Background knowledge was imposed on the search, as listed in the plan.")
    if estimate is not None:
        if estimate.estimand is not None:
            text.append(f"{estimate.estimand.words.rstrip('.')}.")
        text.append(
            f"The effect was estimated by {estimate.method} on {estimate.n:,} rows, with "
            f"{estimate.level:.0%} intervals."
        )
    return " ".join(text)
