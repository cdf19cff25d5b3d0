"""`.plot()` of every result: one picture, by the drawing code of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung.core.data import Data
from rung.core.discovery import Discovery
from rung.core.draws import Draws
from rung.core.graph import Graph
from rung.core.model import Ensemble
from rung.core.query import Estimate
from rung.core.scm import SCM
from rung.core.variable import Variable
from rung.effects.attribution.result import Attribution
from rung.report.charts import (
    bar_chart,
    histogram,
    interval_chart,
    movement,
    text_block,
)
from rung.report.curves import effect_curve, extreme_curves
from rung.report.graph_svg import graph_svg
from rung.report.heterogeneity import heterogeneity_pictures
from rung.report.section_figures import group_figures
from rung.report.svg import Svg, clean, num, picture, text
from rung.report.verdicts import falsification_plot, selection_plot

MOST = 24  # variables, units or graphs in one picture


def plot(obj: Any) -> Svg:
    """The picture of a result.

    Graph, SCM: the graph. Discovery: the graph, edges as wide as they are frequent. Estimate: the
    intervals, balance and overlap. Draws: fact-free points with intervals. Attribution:
    contributions with intervals. Data: a histogram a column. Bounds: the ends. DrivingForces:
    curves a mechanism. ExtremeValues: the leading curve a latent. An object with `content`
    (Analysis): its graph; others: bars of their frame, or text.
    """
    for kind, draw in _DRAWERS:
        if isinstance(obj, kind):
            return draw(obj)
    content = getattr(obj, "content", None)
    if isinstance(content, Mapping) and content.get("graph"):
        draws = ((content.get("discovery") or {}).get("bootstrap") or {}).get("draws")
        return graph_svg(content["graph"], draws=draws)
    if hasattr(obj, "surrogate") and hasattr(obj, "curves"):
        return movements_plot(obj)
    if hasattr(obj, "sharp") and hasattr(obj, "lower"):
        return bounds_plot(obj)
    share = getattr(obj, "share", None)
    if share is not None and hasattr(obj, "verdict"):
        bars = list(zip(obj.names[:MOST], share[:MOST].tolist(), strict=True))
        return bar_chart(bars, width=420, label="share of zeros", share=True)
    if hasattr(obj, "multiples") and hasattr(obj, "extreme"):
        curves = extreme_curves(obj)
        return stack(curves, repr(obj)) if curves else text_block(repr(obj).splitlines())
    if hasattr(obj, "permuted") and hasattr(obj, "chance"):
        return falsification_plot(obj)
    if hasattr(obj, "selected") and hasattr(obj, "control"):
        return selection_plot(obj)
    rows = getattr(obj, "rows", None)
    if rows and all(hasattr(row, "orients") for row in rows):
        return design_plot(rows)
    return text_block(repr(obj).splitlines()[:40])


def graph_content(graph: Graph, **roles: str) -> dict[str, Any]:
    """The `graph` part of a content for a bare graph; `roles` maps names to roles."""
    return {
        "nodes": [{"name": name, "role": roles.get(name)} for name in graph.names],
        "edges": [{"a": a, "b": b, "mark": mark} for a, mark, b in graph.edges()],
        "alt": f"Causal graph of {graph.d} variables and {len(graph.edges())} edges: {graph}",
    }


def graph_plot(graph: Graph) -> Svg:
    """A graph with its legend."""
    return graph_svg(graph_content(graph))


def discovery_plot(found: Discovery) -> Svg:
    """The graph found; edges as wide as they are frequent, where there are several graphs."""
    content = graph_content(found.graph)
    if len(found.graphs) > 1:
        shares = {(e.a, e.b): dict(e.frequency) for e in found.edges}
        for edge in content["edges"]:
            known = shares.get((edge["a"], edge["b"]))
            if known is None:
                known = _turned(shares.get((edge["b"], edge["a"]), {}))
            edge |= {"frequencies": known, "frequency": known.get(edge["mark"], 0.0)}
    draws = len(found.graphs) if found.meaning == "bootstrap" else None
    return graph_svg(content, draws=draws)


def _turned(frequency: Mapping[str, float]) -> dict[str, float]:
    flip = {"<": ">", ">": "<"}
    return {"".join(flip.get(c, c) for c in m[::-1]): f for m, f in frequency.items()}


def estimate_plot(estimate: Estimate) -> Svg:
    """The interval of the answer and of its parts, above it the curve where one was asked for;
    below it balance and overlap, if known."""
    low, high = estimate.interval
    rows: list[dict[str, Any]] = [
        {"label": "answer", "value": estimate.value, "low": low, "high": high, "hero": True}
    ]
    parts = sorted(estimate.parts, key=lambda p: -p.weight) if len(estimate.parts) > 1 else []
    for i, part in enumerate(parts[:MOST]):
        ends = part.interval or (None, None)
        label = f"graph {i + 1}, weight {num(part.weight, 2)}"
        rows.append({"label": label, "value": part.value, "low": ends[0], "high": ends[1],
                     "weight": part.weight, "note": part.note})  # fmt: skip
    scale = str(getattr(estimate.query, "scale", "difference"))
    words = f"{estimate.query!r}: {num(estimate.value)} [{num(low)}, {num(high)}]"
    at = 1.0 if "ratio" in scale else 0.0
    chart = interval_chart(rows, units=estimate.units, reference=at, label=words)
    if estimate.diagnostics.get("curve"):
        chart = stack([[effect_curve(estimate.diagnostics["curve"])], [chart]], words)
    by_row = (estimate.diagnostics.get("heterogeneity") or {}) if estimate.model else {}
    more = heterogeneity_pictures(by_row, estimate.units)
    if more:
        return stack([[chart], *more], words)
    found = estimate.diagnostics
    below = list(group_figures(found, bool((found.get("overlap") or {}).get("dose")), 360).values())
    return stack([[chart], below] if below else [[chart]], words)


def bounds_plot(found: Any) -> Svg:
    """Bounds, their interval, those of each graph, and those over a range of limits."""
    low, high = found.interval
    rows: list[dict[str, Any]] = [
        {"label": "bounds", "low": found.lower, "high": found.upper, "hero": True},
        {"label": f"{found.level:.0%} interval", "low": low, "high": high},
    ]
    parts = found.parts if len(found.parts) > 1 else ()
    for i, part in enumerate(parts[:MOST]):
        label = f"graph {i + 1}, weight {num(part.weight, 2)}"
        rows.append({"label": label, "low": part.interval[0], "high": part.interval[1],
                     "note": part.note})  # fmt: skip
    for row in found.diagnostics.get("curve", ()):
        rows.append({"label": f"limit {num(row['limit'])}", "low": row["lower"],
                     "high": row["upper"]})  # fmt: skip
    words = f"{found.query!r}: between {num(found.lower)} and {num(found.upper)}"
    return interval_chart(rows, units=found.units, label=words)


def data_plot(data: Data) -> Svg:
    """A small histogram or bar chart for each column, and how many columns are not shown."""
    cells = [variable_plot(v, np.asarray(data.column(v.name))) for v in data.variables[:MOST]]
    rows = [cells[i : i + 3] for i in range(0, len(cells), 3)]
    more = data.d - len(cells)
    if more > 0:
        note = text(12, 16, f"and {more} more columns", size=12)
        rows.append([picture([note], 240, 24, f"{more} more columns")])
    return stack(rows, f"{data.n} rows, {data.d} columns")


def variable_plot(variable: Variable, column: NDArray[Any]) -> Svg:
    """Histogram of a number (Freedman and Diaconis 1981), bars of levels."""
    name = variable.name + (f" ({variable.unit})" if variable.unit else "")
    if variable.shape or column.dtype.kind not in "fiub":
        return text_block([name, "not a number a row"], width=240)
    seen = column[np.isfinite(column)]
    if not len(seen):
        return text_block([name, "no values"], width=240)
    if variable.discrete:
        counts = np.bincount(seen.astype(np.intp), minlength=variable.size)
        order = np.argsort(-counts, kind="stable")[:5]
        levels = variable.levels or ()
        return bar_chart([(str(levels[i]), int(counts[i])) for i in order], label=name)
    counts, edges = np.histogram(seen, bins=_bins(seen))
    return histogram(edges.tolist(), counts.tolist(), label=name)


def _bins(x: NDArray[Any]) -> NDArray[np.float64]:
    low, high = float(x.min()), float(x.max())
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    q1, q3 = np.quantile(x, [0.25, 0.75])
    width = 2 * (q3 - q1) / len(x) ** (1 / 3)
    k = int(np.clip((high - low) / width if width > 0 else 20, 5, 40))
    return np.linspace(low, high, k + 1)


def draws_plot(draws: Draws) -> Svg:
    """Counterfactual points with 95% intervals, a block a numeric variable."""
    bounds = draws.interval(0.95)
    blocks: list[list[Svg]] = []
    for v in draws.described[:MOST]:
        if v.name in bounds and not v.shape:
            low, high = bounds[v.name]
            rows = [
                {"label": f"unit {i}", "value": float(x), "low": float(a), "high": float(b)}
                for i, (x, a, b) in enumerate(zip(draws[v.name], low, high))
            ]
            label = v.name + (f" ({v.unit})" if v.unit else "")
            chart = interval_chart(rows[:MOST], units=label, reference=None, label=label)
            blocks.append([chart])
        elif v.discrete:
            shares = [(str(x), float(draws.prob(v.name, x).mean())) for x in v.levels or ()]
            blocks.append([bar_chart(shares[:8], width=360, label=v.name, share=True)])
    words = f"{len(draws)} units, {len(draws.weights)} draws"
    return stack(blocks, words) if blocks else text_block([words])


def attribution_plot(found: Attribution) -> Svg:
    """Contributions with their intervals, largest first."""
    rows = [
        {"label": c.node, "value": c.value, "low": c.interval[0], "high": c.interval[1],
         "hero": c.changed >= 0.5}
        for c in found.contributions[:MOST]
    ]  # fmt: skip
    words = f"{found.question}: {found.measure} {num(found.total)}"
    return interval_chart(rows, units=found.measure, reference=0.0, label=words)


def design_plot(rows: Sequence[Any]) -> Svg:
    """Undecided edges that each experiment would orient on average, best first."""
    bars = [("set " + " and ".join(row.targets), float(row.orients)) for row in rows[:MOST]]
    return bar_chart(bars, width=560, label="undecided edges oriented on average")


def movements_plot(forces: Any) -> Svg:
    """How each changing mechanism moves, two beside each other."""
    cells = [
        movement(name, forces.points, curve.T.tolist(), forces.shares[name], forces.surrogate)
        for name, curve in list(forces.curves.items())[:MOST]
    ]
    words = f"How {len(forces.curves)} mechanisms move over {forces.surrogate}"
    return stack(
        [cells[i : i + 2] for i in range(0, len(cells), 2)] or [[text_block([words])]], words
    )


def ensemble_plot(model: Ensemble) -> Svg:
    """The graphs of an ensemble as one, edges as wide as their weight."""
    pairs = tuple(zip(model.graphs, model.weights.tolist()))
    first = max(pairs, key=lambda pair: pair[1])[0]
    return discovery_plot(Discovery(first, graphs=pairs, meaning=model.meaning))


def stack(rows: Sequence[Sequence[Svg]], label: str) -> Svg:
    """Pictures in rows, as one picture."""
    parts, top, width = [], 0.0, 0.0
    for row in rows:
        left = 0.0
        for part in row:
            place = f'<svg x="{left:.0f}" y="{top:.0f}" '
            parts.append(part.text.replace("<svg ", place, 1))
            left += part.width + 16
        width = max(width, left - 16)
        top += max((part.height for part in row), default=0.0) + 12
    return picture(parts, max(width, 1.0), max(top - 12, 1.0), clean(label))


_DRAWERS: list[tuple[type, Callable[[Any], Svg]]] = [
    (Graph, graph_plot),
    (Discovery, discovery_plot),
    (Estimate, estimate_plot),
    (Draws, draws_plot),
    (Attribution, attribution_plot),
    (Data, data_plot),
    (SCM, lambda scm: graph_plot(scm.graph)),
    (Ensemble, ensemble_plot),
]

__all__ = ["Svg", "graph_content", "plot"]
