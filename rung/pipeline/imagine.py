"""What-ifs: the fitted model, its answers to do() for everybody and for chosen rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import InputError, RungError
from ..core.graph import Graph
from ..core.intervention import Do, Intervention, Scale, Shift
from ..core.model import GenerativeModel, counterfactual
from ..inference.conditions import several, with_condition
from ..mechanisms.structural import Structural
from .options import number_of
from .simulator import SIMULATED, level_of, shown_as
from .structure import Structure

GRAPHS = 30  # graphs of a learned set that the what-ifs carry
REFITS = 20  # bootstrap refits of the mechanisms behind the what-if intervals
_SET = re.compile(r"^\s*(?P<name>.+?)\s*(?P<op>=|\+=|-=|\*=)\s*(?P<value>.+?)\s*$")


def parse_do(text: str) -> Intervention:
    """`X = 1` sets, `X += 1` and `X -= 1` shift, `X *= 2` scales."""
    found = _SET.match(text)
    if found is None:
        raise InputError(f"{text!r} is no intervention; write 'X = 1', 'X += 1' or 'X *= 2'")
    name, op, value = unquoted(found["name"]), found["op"], unquoted(found["value"])
    if op == "=":
        return Do(name, number_of(value))
    number = number_of(value)
    if not isinstance(number, int | float):
        raise InputError(f"{text!r}: {op} needs a number, not {value!r}")
    if op == "*=":
        return Scale(name, number)
    return Shift(name, number if op == "+=" else -number)


def check(asked: Sequence[str], rows: Sequence[int], data: Data) -> None:
    """Refuse what-ifs that name no column, no level or no row, before the work begins."""
    for text in asked:
        item = parse_do(text)
        v = data.variable(item.variable)
        if isinstance(item, Do):
            v.encode(item.value)
        elif v.discrete:
            raise InputError(f"{text!r}: {v.name!r} is {v.kind}; set one of its levels with =")
    check_rows(rows, data.n)


def check_rows(rows: Sequence[int], n: int) -> None:
    """Refuse rows that are not there."""
    for row in rows:
        if not 0 <= row < n:
            raise InputError(f"row {row}: rows are numbered 0 to {n - 1}")


def unquoted(text: str) -> str:
    """The text without one pair of quotes around it; quotes that belong to a name stay."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def top_graphs(found: Structure) -> tuple[tuple[Graph, float], ...]:
    """The likeliest graphs of the set, the shown one first, weights summing to 1."""
    ranked = sorted(found.weighted, key=lambda pair: (pair[0] != found.graph, -pair[1]))
    kept = ranked[:GRAPHS]
    total = sum(weight for _, weight in kept)
    return tuple((graph, weight / total) for graph, weight in kept)


def fit_model(found: Structure, data: Data, run: Run, seed: int) -> tuple[GenerativeModel, str]:
    """The model behind the what-ifs, and a sentence on what it carries."""
    graphs = top_graphs(found)
    rng = np.random.default_rng(seed)
    data = units_of(found, data)
    if several(data):
        name = data.names[-1]
        graphs = tuple((_under(graph, name), weight) for graph, weight in graphs)
    given: Any = graphs[0][0]
    if found.discovery:
        given = found.discovery.replacing(graph=graphs[0][0], graphs=graphs)
    model = Structural(given, resamples=max(REFITS, len(graphs))).fit(data, budget=run, rng=rng)
    carried = sum(w for _, w in sorted(found.weighted, key=lambda p: -p[1])[: len(graphs)])
    text = f"Mechanisms were refitted on {max(REFITS, len(graphs))} resamples of the rows"
    if len(found.weighted) > 1:
        text += (
            f", over the {len(graphs)} likeliest graphs (together found in "
            f"{carried:.0%} of the resampled searches)"
        )
    assert isinstance(model, GenerativeModel)
    if several(data):
        text += "; each mechanism has an offset for each condition"
    return model, text + "."


def units_of(found: Structure, data: Data) -> Data:
    """The columns of the graph, and the condition of each row where there are several."""
    part = data.select(found.graph.names)
    return with_condition(part)[0] if several(part) else part


def _under(graph: Graph, name: str) -> Graph:
    """The graph with a condition that may shift every variable and is caused by none."""
    wider = Graph.from_edges([(name, "-->", v) for v in graph.names], (*graph.names, name))
    marks = wider.marks.copy()
    marks[: graph.d, : graph.d] = graph.marks
    return Graph(wider.names, marks)


def whatif_rows(
    model: GenerativeModel,
    units: Data,
    interventions: Sequence[Intervention],
    *,
    rows: Sequence[int],
    seed: int,
    show: Sequence[str] | None = None,
    level: float = 0.95,
) -> list[dict[str, Any]]:
    """For chosen rows: each variable that moves, its fact, its counterfactual, an interval."""
    check_rows(rows, units.n)
    chosen = units.take(np.asarray(rows, dtype=np.intp)).select(model.names)
    draws = counterfactual(model, chosen, interventions, rng=np.random.default_rng(seed))
    bounds = draws.interval(level)
    out = []
    for v in model.variables:
        if show is not None and v.name not in show:
            continue
        fact, other = chosen[v.name], draws[v.name]
        for i, row in enumerate(rows):
            moved = bool((draws.columns[v.name][:, i] != chosen.column(v.name)[i]).any())
            if not moved and show is None:
                continue
            entry = {
                "do": said(interventions), "variable": v.name, "who": f"row {row}",
                "fact": _plain(fact[i]), "counterfactual": _plain(other[i]),
            }  # fmt: skip
            if v.name in bounds:
                entry["low"], entry["high"] = (float(b[i]) for b in bounds[v.name])
            else:
                entry["probabilities"] = {
                    str(level_): float(draws.prob(v.name, level_)[i]) for level_ in v.levels or ()
                }
            out.append(entry)
    return out


def population(
    model: GenerativeModel, interventions: Sequence[Intervention], names: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    """For everybody: the mean of each name without and with the interventions."""
    out = []
    answers = []
    for weight, _, member in model.members:
        assert isinstance(member, GenerativeModel)
        before = member.sample(SIMULATED, seed=seed)
        after = member.do(*interventions).sample(SIMULATED, seed=seed)
        answers.append((weight, before, after))
    weights = np.array([w for w, _, _ in answers])
    for name in names:
        v = next(v for v in model.variables if v.name == name)
        fact = np.array([level_of(v, b.column(name)) for _, b, _ in answers])
        then = np.array([level_of(v, a.column(name)) for _, _, a in answers])
        low, high = np.quantile(then, [0.025, 0.975]) if len(then) > 1 else (then[0], then[0])
        out.append({
            "do": said(interventions), "variable": shown_as(v), "who": "everybody",
            "fact": float(weights @ fact), "counterfactual": float(weights @ then),
            "low": float(low), "high": float(high),
        })  # fmt: skip
    return out


def said(interventions: Sequence[Intervention]) -> str:
    """Interventions in words; whole numbers without decimals."""
    return re.sub(r"(?<== )(-?\d+)\.0(?=\))", r"\1", ", ".join(map(repr, interventions)))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def agreement(
    model: GenerativeModel, treatment: str, outcome: str, contrast: tuple[Any, Any],
    interval: tuple[float, float], seed: int, *, objected: bool = False,
) -> str:  # fmt: skip
    """Whether the model's answer agrees with the effect section, or why not; `objected` if the
    graph speaks against the adjustment set of the effect section."""
    described = next(v for v in model.variables if v.name == outcome)
    weights, gaps = [], []
    try:
        for weight, _, member in model.members:
            assert isinstance(member, GenerativeModel)
            ends = [
                member.do(Do(treatment, value)).sample(SIMULATED, seed=seed) for value in contrast
            ]
            one, two = (level_of(described, world.column(outcome)) for world in ends)
            weights.append(weight)
            gaps.append(one - two)
    except RungError as error:
        return f"The model could not answer the same contrast: {error}"
    found = float(np.average(gaps, weights=weights))
    least, most = np.quantile(gaps, [0.025, 0.975])
    low, high = interval
    text = (
        f"The model behind the what-ifs gives {found:.3g} ({least:.3g} to {most:.3g} over its "
        "resamples) for the same contrast"
    )
    if least <= high and low <= most:
        return f"{text}, in agreement with [{low:.3g}, {high:.3g}] of the effect section."
    apart = f"{text}, apart from [{low:.3g}, {high:.3g}] of the effect section."
    if objected:
        return (
            f"{apart} The model follows the graph, the effect section adjusts as you said, to "
            "which the graph objects: by the graph, trust the model."
        )
    return (
        f"{apart} The model "
        "follows every mechanism on the way and averages over graphs, the effect section adjusts "
        "directly: trust the effect section, and read the what-ifs as approximate."
    )
