"""What a search that allows hidden causes says of each edge of one that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..core.budget import Run
from ..core.discovery import Discovery
from ..core.errors import InputError, NeedsRows, NotSupported
from ..core.graph import ARROW, CIRCLE, NONE, TAIL, Graph
from ..core.knowledge import Knowledge
from ..core.protocols import Learner
from ..core.source import Source

SUPPORTED, OPEN, CONTRADICTED, APART, EXTRA = (
    "supported", "left open", "contradicted", "no edge there", "only there",
)  # fmt: skip

_LEFT = {NONE: "", TAIL: "-", ARROW: "<", CIRCLE: "o"}
_RIGHT = {NONE: "", TAIL: "-", ARROW: ">", CIRCLE: "o"}


def crosscheck(
    found: Discovery,
    learner: Learner,
    source: Source,
    knowledge: Knowledge | None,
    run: Run,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Run the second learner and compare; if it cannot run on these data, say why.

    Ties of the knowledge are left out for a learner that has none. See `compare`.
    """
    known = replace(knowledge, ties=()) if knowledge is not None else None
    try:
        other = learner.learn(source, knowledge=known, budget=run, rng=rng)
    except (InputError, NeedsRows, NotSupported) as error:
        name = _name(learner)
        text = (
            f"{name}, which allows hidden causes, could not be run: {error}. So nothing here "
            "speaks for or against hidden causes."
        )
        return {"learner": name, "text": text, "agreement": []}
    return compare(found, other)


def compare(found: Discovery, other: Discovery) -> dict[str, Any]:
    """One row for each pair adjacent in either answer, and what the second says of it.

    Parameters
    ----------
    found : a discovery that assumes no hidden cause (DAG or CPDAG)
    other : one that allows them (PAG)

    Returns
    -------
    dict with "learner", "text", "counts" (a number for each verdict) and "agreement": rows {"a",
    "b", "mark", "other", "verdict"}. Marks are read from a to b, "none" where the two are not
    adjacent. The verdicts on an edge of `found`: "supported", the same cause and effect although
    hidden causes are allowed; "left open", a hidden cause may be there instead or besides;
    "contradicted", the marks rule the edge out; "no edge there". "only there" is an edge that
    `found` lacks.
    """
    first, second = found.graph, other.graph.reorder(found.graph.names)
    rows = []
    for i, a in enumerate(first.names):
        for j, b in enumerate(first.names[i + 1 :], i + 1):
            if first.marks[i, j] or second.marks[i, j]:
                said = verdict(_pair(first, i, j), _pair(second, i, j))
                mark, answer = (_symbol(*_pair(g, i, j)) for g in (first, second))
                rows.append({"a": a, "b": b, "mark": mark, "other": answer, "verdict": said})
    kinds = (SUPPORTED, OPEN, CONTRADICTED, APART, EXTRA)
    counts = {kind: sum(row["verdict"] == kind for row in rows) for kind in kinds}
    name = _name(other.learner)
    return {
        "learner": name,
        "text": _text(name, counts, other),
        "counts": counts,
        "agreement": rows,
    }


def verdict(edge: tuple[int, int], marks: tuple[int, int]) -> str:
    """What the marks (at a, at b) of a PAG say of an edge a --> b, a <-- b, a --- b, or none.

    An undirected edge says that one of the two causes the other.
    """
    if edge == (NONE, NONE):
        return EXTRA
    if marks == (NONE, NONE):
        return APART
    ways = [w for w in ((TAIL, ARROW), (ARROW, TAIL)) if edge in (w, (TAIL, TAIL))]
    if any(marks == way for way in ways):
        return SUPPORTED
    fits = any(all(m in (CIRCLE, w) for m, w in zip(marks, way, strict=True)) for way in ways)
    return OPEN if fits else CONTRADICTED


def _pair(graph: Graph, i: int, j: int) -> tuple[int, int]:
    return int(graph.marks[j, i]), int(graph.marks[i, j])


def _symbol(at_a: int, at_b: int) -> str:
    return f"{_LEFT[at_a]}-{_RIGHT[at_b]}" if at_b else "none"


def _text(name: str, counts: dict[str, int], other: Discovery) -> str:
    edges = sum(counts.values()) - counts[EXTRA]
    who = f"{name}, which allows hidden causes{'' if other.complete else ' and was stopped early'},"
    if not edges:
        return f"{who} finds {_edges(counts[EXTRA])}."
    parts = (
        f"supports {counts[SUPPORTED]} (the same cause and effect although hidden causes are "
        "allowed)",
        f"leaves {counts[OPEN]} open (a hidden common cause may be there instead, or besides)",
        f"contradicts {counts[CONTRADICTED]} (its marks are those of a hidden common cause or of "
        "the opposite direction)",
        f"does not find {counts[APART]}",
    )
    said = [p for p, kind in zip(parts, (SUPPORTED, OPEN, CONTRADICTED, APART), strict=True)
            if counts[kind] or kind == SUPPORTED]  # fmt: skip
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    more = f" It finds {_edges(counts[EXTRA])} more." if counts[EXTRA] else ""
    notes = [n.split(";")[0] for n in other.notes if n.startswith("tests used the")]
    rows = "".join(f" {note[0].upper()}{note[1:]}." for note in notes)
    return (
        f"{who} was asked about {'the edge' if edges == 1 else f'each of the {edges} edges'}: it "
        f"{listed}.{more}{rows} An edge that it does not support rests on the assumption that no "
        "hidden cause acts on both ends."
    )


def _edges(count: int) -> str:
    return "1 edge" if count == 1 else f"{count or 'no'} edges"


def _name(learner: Any) -> str:
    inner = getattr(learner, "learner", learner)
    part = getattr(inner, "test", None) or getattr(inner, "score", None)
    text = f"{type(inner).__name__} with {type(part).__name__}" if part else type(inner).__name__
    return text if inner is learner else f"{text} on {type(learner).__name__}"


__all__ = ["compare", "crosscheck", "verdict"]
