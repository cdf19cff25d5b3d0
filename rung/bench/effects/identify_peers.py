"""Run by the peers' interpreter: the answers of y0 and DoWhy on graphs with a joint table.

Arguments: a JSON file and one of "graphs" (answers and seconds) and "sets" (all back-door sets).
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

REPEATS = 5


def marginal(table: Any, names: list[str], keep: list[str]) -> Any:
    """The marginal of names; other axes have length 1."""
    drop = tuple(i for i, n in enumerate(names) if n not in keep)
    return table.sum(axis=drop, keepdims=True)


def conditional(table: Any, names: list[str], of: list[str], given: list[str]) -> Any:
    """P(of | given)."""
    top = marginal(table, names, [*of, *given])
    return top / marginal(table, names, given) if given else top


def y0_value(e: Any, table: Any, names: list[str]) -> Any:
    """The value of an expression of y0."""
    kind = type(e).__name__
    if kind == "Probability":
        of, given = ([v.name for v in side] for side in (e.children, e.parents))
        return conditional(table, names, of, given)
    if kind == "Sum":
        inner = y0_value(e.expression, table, names)
        for name in [v.name for v in e.ranges]:
            axis = names.index(name)
            if inner.shape[axis] == 1:
                inner = inner * table.shape[axis]
            inner = inner.sum(axis=axis, keepdims=True)
        return inner
    if kind == "Product":
        out = np.ones((1,) * table.ndim)
        for factor in e.expressions:
            out = out * y0_value(factor, table, names)
        return out
    if kind == "Fraction":
        top, bottom = (y0_value(part, table, names) for part in (e.numerator, e.denominator))
        return top / bottom
    if kind == "One":
        return np.ones((1,) * table.ndim)
    raise TypeError(kind)


def y0_answer(case: dict[str, Any]) -> tuple[Any, str]:
    """The value, and the formula in text; None where y0 refuses."""
    identify_outcomes = import_module("y0.algorithm.identify").identify_outcomes
    variable = import_module("y0.dsl").Variable
    graph = import_module("y0.graph").NxMixedGraph.from_str_edges(
        directed=case["directed"], undirected=case["bidirected"]
    )
    for name in case["names"]:
        graph.add_node(variable(name))
    roles = [{variable(n) for n in case[role]} for role in ("outcomes", "do", "given")]
    found = identify_outcomes(graph, outcomes=roles[0], treatments=roles[1],
                              conditions=roles[2] or None)  # fmt: skip
    if found is None:
        return None, "refused"
    table = np.array(case["table"])
    return y0_value(found, table, case["names"]), str(found)


def dowhy_graph(case: dict[str, Any]) -> Any:
    """The graph with its hidden causes as nodes."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(case["names"])
    graph.add_edges_from(case["directed"])
    for k, (a, b) in enumerate(case["bidirected"]):
        graph.add_edges_from([(f"U{k}", a), (f"U{k}", b)])
    return graph


def dowhy_answer(case: dict[str, Any]) -> tuple[Any, str]:
    """By the set or the mediators that DoWhy names; None where it names none."""
    dowhy = import_module("dowhy.causal_identifier")
    found = dowhy.identify_effect_auto(
        dowhy_graph(case), case["do"], case["outcomes"], case["names"],
        dowhy.EstimandType.NONPARAMETRIC_ATE,
    )  # fmt: skip
    table, names, y, x = np.array(case["table"]), case["names"], case["outcomes"], case["do"]
    known = {k: v for k, v in found.estimands.items() if v is not None}
    if "backdoor" in known or "generalized_adjustment" in known:
        if "backdoor" in known:
            z = list(found.get_backdoor_variables())
        else:
            z = list(found.get_generalized_adjustment_set())
        inner = conditional(table, names, y, [*x, *z])
        out = inner * marginal(table, names, z) if z else inner
        drop = tuple(names.index(n) for n in z)
        return (out.sum(axis=drop, keepdims=True) if z else out), f"adjust for {sorted(z)}"
    if "frontdoor" in known:
        m = list(found.get_frontdoor_variables())
        axes = tuple(names.index(n) for n in x)
        inner = conditional(table, names, y, [*m, *x]) * marginal(table, names, x)
        inner = inner.sum(axis=axes, keepdims=True)
        out = conditional(table, names, m, x) * inner
        drop = tuple(names.index(n) for n in m)
        return out.sum(axis=drop, keepdims=True), f"front-door by {sorted(m)}"
    return None, "refused" + (f" (offers {sorted(known)})" if known else "")


def answered(case: dict[str, Any], answer: Any) -> dict[str, Any]:
    """Value, words and seconds (the least of some repeats) of one tool on one case."""
    try:
        value, words = answer(case)
        seconds = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            answer(case)
            seconds.append(time.perf_counter() - began)
    except Exception as error:
        return {"value": None, "words": f"error: {type(error).__name__}: {error}"[:200]}
    full = None
    if value is not None:
        at = [case["names"].index(n) for n in (*case["outcomes"], *case["do"], *case["given"])]
        size = np.array(case["table"]).shape
        # a name that is not asked for is held at its first value
        value = value[tuple(slice(None) if i in at else slice(0, 1) for i in range(value.ndim))]
        shape = [size[i] if i in at else 1 for i in range(value.ndim)]
        wide = np.moveaxis(np.broadcast_to(value, shape), at, range(len(at)))
        full = wide.reshape([size[i] for i in at]).tolist()
    return {"value": full, "words": words, "seconds": min(seconds)}


def graphs(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of both tools on every case; DoWhy has no conditional distributions."""
    out = []
    for case in cases:
        row = {"y0": answered(case, y0_answer)}
        if case["given"]:
            row["DoWhy"] = {"value": None, "words": "not asked"}
        else:
            row["DoWhy"] = answered(case, dowhy_answer)
        out.append(row)
    return out


def sets(case: dict[str, Any]) -> dict[str, Any]:
    """Seconds of DoWhy's search for all back-door sets."""
    dowhy = import_module("dowhy.causal_identifier.auto_identifier")
    began = time.perf_counter()
    found = dowhy.identify_backdoor(
        dowhy_graph(case), case["do"], case["outcomes"], case["names"],
        backdoor_adjustment=dowhy.BackdoorAdjustment.BACKDOOR_EXHAUSTIVE,
    )  # fmt: skip
    kept = [sorted(s.get_adjustment_variables()) for s in found]
    minimal = [z for z in kept if not any(set(w) < set(z) for w in kept)]
    return {"seconds": time.perf_counter() - began, "sets": len(kept), "minimal": minimal}


if __name__ == "__main__":
    import logging
    import warnings

    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    answer = graphs(given) if sys.argv[2] == "graphs" else sets(given)
    sys.stdout.write(json.dumps(answer) + "\n")
