"""The sentences of the report: the answer, its standing, what may overturn it, the methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.query import Estimate, Status
from ..io.readers import suspicions
from .plan import Plan
from .prepare import Prepared
from .sections import number, searched_by
from .structure import LEARNED, RANDOMISED, YOURS, Structure

STANDING = {
    RANDOMISED: "The treatment was assigned at random, so the difference is its effect.",
    YOURS: "This holds if your graph is right; the data cannot prove it.",
    LEARNED: "The graph was learned from these data; another table could give another graph.",
    "not identified": "The data and the graph do not determine this effect.",
    "exploratory": "Exploratory: many variables were looked at; treat it as a list of leads.",
    "graph only": "No effect was asked; this is what the search found, not a causal claim.",
}


GIVEN = "No effect was asked; this is your graph as you gave it, not a finding."
CONDITION = {
    RANDOMISED: "",
    YOURS: ", if your graph is right",
    LEARNED: ", if there is no hidden common cause and the learned graph is right",
}


def sentence(estimate: Estimate, plan: Plan, standing: str) -> str:
    """The one sentence of the first screen: who, contrast, units, interval, n."""
    low, high = estimate.interval
    neutral = 0.0 if plan.scale == "difference" else 1.0
    t, y = plan.treatment, plan.outcome
    inside = f"{estimate.level:.0%} interval {number(low)} to {number(high)}"
    if plan.estimand in CAUSATION:
        return _causation(estimate, plan, inside, standing)
    if estimate.value == low == high == neutral:
        return (
            f"By the graph, {t} has no effect on {y}: there is no directed path (n = "
            f"{estimate.n:,}). No interval goes with an answer that the graph alone gives."
        )
    if not np.isfinite(estimate.value):
        found = f"the effect of {t} on {y} is only known to lie in {number(low)} to {number(high)}"
        return f"Among {estimate.population} (n = {estimate.n:,}), {found}."
    tail = (
        f" The interval includes {number(neutral)}, which is no effect."
        if low <= neutral <= high
        else ""
    )
    way = {"nie": " through ", "nde": " without passing "}.get(plan.estimand, "")
    way = f"{way}{', '.join(plan.mediators)}" if way else ""
    return (
        f"Among {estimate.population} (n = {estimate.n:,}), setting {estimate.contrast} "
        f"{change(estimate, plan, standing)}{way} ({inside}){CONDITION[standing]}.{tail}"
    )


CAUSATION = {"pn": "necessary for", "ps": "sufficient for", "pns": "necessary and sufficient for"}


def _causation(estimate: Estimate, plan: Plan, inside: str, standing: str) -> str:
    """The sentence of a probability of causation, which is often known to lie between bounds."""
    what = f"the probability that {plan.treatment} is {CAUSATION[plan.estimand]} {plan.outcome}"
    found = (
        f"is {number(estimate.value)} ({inside})"
        if np.isfinite(estimate.value)
        else f"is only known to lie between bounds ({inside} around them)"
    )
    return f"Among {estimate.population} (n = {estimate.n:,}), {what} {found}{CONDITION[standing]}."


def change(estimate: Estimate, plan: Plan, standing: str) -> str:
    """What the contrast does to the outcome, in words: verb, outcome, size, units."""
    lot, size, y = standing == RANDOMISED, number(estimate.value), plan.outcome
    units = estimate.units or ""
    if plan.scale != "difference":
        what = units.removeprefix("odds ratio of ").removeprefix("ratio of the ")
        what = f"odds of {what}" if plan.scale == "odds ratio" else what
        return f"{'multiplies' if lot else 'would multiply'} the {what or y} by {size}"
    if units.startswith("probability of "):
        y, units = f"the {units}", ""
    unit = "" if units in ("", f"units of {plan.outcome}") else f" {units}"
    return f"causes a change in {y} of {size}{unit}" if lot else f"would change {y} by {size}{unit}"


def threats(estimate: Estimate, found: Structure, prepared: Prepared) -> list[dict[str, Any]]:
    """The three things most likely to overturn the answer, each with its figure."""
    scored = [
        *_objections(estimate),
        *_hidden(estimate, found),
        *_graphs(estimate, found),
        *_overlap(estimate),
        *_failed(estimate),
        *_assumed(estimate),
        *_form(estimate),
        *_noise(estimate),
        *_rows(prepared),
        *_codes(prepared),
    ]
    scored.sort(key=lambda item: -item[0])
    return [{"title": t, "figure": f, "text": x} for _, t, f, x in scored[:3]]


Threat = tuple[float, str, str, str]


def objections(estimate: Estimate) -> list[str]:
    """What the graph says against the user's adjustment set, in sentences."""
    start = "your adjustment set: "
    return [w.removeprefix(start) for w in estimate.warnings if w.startswith(start)]


def leads(rows: list[dict[str, Any]], outcome: str, n: int) -> str:
    """The sentence of a report that ranks candidate causes."""
    if not rows:
        return f"Candidate causes of {outcome}, exploratory: there is none (n = {n:,})."
    clear = [str(r["name"]) for r in rows if r["low"] > 0 or r["high"] < 0]
    names = ", ".join([str(r["name"]) for r in rows][:3])
    count = "1 candidate" if len(rows) == 1 else f"{len(rows)} candidates"
    tail = ", ".join(clear[:5]) + (f" and {len(clear) - 5} more" if len(clear) > 5 else "")
    shown = f"excludes no effect for {tail}" if clear else "includes no effect for every one"
    return (
        f"Candidate causes of {outcome}, exploratory: of {count}, first {names} (n = {n:,}); the "
        f"simultaneous interval {shown}."
    )


def _objections(estimate: Estimate) -> list[Threat]:
    """What the graph says against the user's adjustment set."""
    found = objections(estimate)
    if not found:
        return []
    what = "1 objection" if len(found) == 1 else f"{len(found)} objections"
    return [(0.97, "Your adjustment set", what, found[0])]


def _hidden(estimate: Estimate, found: Structure) -> list[Threat]:
    for r in estimate.refutations:
        value = r.figures.get("robustness_value", r.figures.get("rv"))
        if r.kind == "sensitivity" and value is not None:
            lot = found.standing == RANDOMISED
            weight = 0.1 if lot else 0.95 - float(value)
            title = "An assignment that was not random" if lot else "A hidden common cause"
            return [(weight, title, f"{float(value):.1%}", r.finding)]
    return []


def _graphs(estimate: Estimate, found: Structure) -> list[Threat]:
    parts = estimate.parts
    if len(parts) < 2 or found.discovery is None:
        return []
    neutral = neutral_of(estimate)
    sign = np.sign(estimate.value - neutral)
    other = (p.weight for p in parts if p.value is None or np.sign(p.value - neutral) != sign)
    share = sum(other) / sum(p.weight for p in parts)
    decider = (estimate.diagnostics.get("decider") or {}).get("text", "")
    decider = decider and f"{decider[0].upper()}{decider[1:]}."
    if share == 0:
        values = [p.value for p in parts if p.value is not None]
        ends = f"{number(min(values))} to {number(max(values))}"
        far = min(1.0, (max(values) - min(values)) / abs(estimate.value - neutral))
        return [(
            0.1 + 0.3 * far, "A different graph", ends,
            f"Over the graphs the effect runs from {ends}, on one side of no effect. {decider}"
            .strip(),
        )]  # fmt: skip
    what = "absent, not identified or of the other sign" if sign else "there, or not identified"
    return [(
        0.3 + 0.6 * share, "A different graph", f"{share:.0%}",
        f"In {share:.0%} of the resampled searches the effect is {what}. {decider}".strip(),
    )]  # fmt: skip


def neutral_of(estimate: Estimate) -> float:
    """The value that means no effect on the scale of the estimate."""
    return 0.0 if getattr(estimate.query, "scale", "difference") == "difference" else 1.0


def _overlap(estimate: Estimate) -> list[Threat]:
    if not (np.isfinite(estimate.effective_n) and estimate.n):
        return []
    share = min(1.0, estimate.effective_n / estimate.n)
    if share > 0.95:
        return []
    return [(
        0.8 * (1 - share), "Few comparable rows",
        f"{max(estimate.effective_n, 1):,.0f} of {estimate.n:,}",
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
    neutral, width = neutral_of(estimate), high - low
    distance = abs(estimate.value - neutral)
    if not (np.isfinite(width) and distance):
        return []
    relative = width / (2 * distance)
    if low <= neutral <= high:
        return [(
            min(0.75, 0.25 * relative), "Chance", f"includes {number(neutral)}",
            f"The interval reaches from {number(low)} to {number(high)}, past no effect.",
        )]  # fmt: skip
    if neutral:
        return [(
            min(0.75, 0.25 * relative), "Chance", f"{number(low)} to {number(high)}",
            f"The interval leaves {number(low)} to {number(high)} open; 1 is no effect.",
        )]  # fmt: skip
    return [(
        min(0.75, 0.25 * relative), "Chance", f"±{relative:.0%}",
        f"The interval reaches {relative:.0%} of the estimate to either side.",
    )]  # fmt: skip


def _rows(prepared: Prepared) -> list[Threat]:
    out: list[Threat] = []
    lost = 1 - prepared.data.n / max(prepared.raw.n, 1)
    if lost > 0:
        out.append((0.2 + lost, "Missing cells", f"{lost:.0%} of rows", prepared.policy))
    if prepared.data.has_missing:
        gone = float(prepared.data.mask.mean())
        out.append((0.2 + gone, "Missing cells", f"{gone:.0%} of cells", prepared.policy))
    if prepared.dependence.kind != "independent":
        out.append((0.45, "Rows that depend on each other", str(prepared.dependence.figure),
                    prepared.dependence.text))  # fmt: skip
    return out


def _codes(prepared: Prepared) -> list[Threat]:
    """Numbers that look like codes for missing cells and are used as values."""
    found = [
        s for s in suspicions(prepared.raw)
        if s["column"] in prepared.data.names and not isinstance(s["value"], str)
    ]  # fmt: skip
    return [(
        0.6, "A code that is read as a number", f"{s['count']} cells",
        f"{s['column']} has {s['value']:g} in {s['count']} cells, which looks like a code for a "
        f"missing cell and was used as a number; --code {s['column']}={s['value']:g} makes it one.",
    ) for s in found[:1]]  # fmt: skip


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
            said = estimate.estimand.words.rstrip(".")
            text.append(f"{said[:1].upper()}{said[1:]}.")
        text.append(
            f"The effect was estimated on {estimate.n:,} rows, with {estimate.level:.0%} "
            f"intervals. Method: {estimate.method}."
        )
    return " ".join(text)
