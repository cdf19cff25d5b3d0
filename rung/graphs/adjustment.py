"""Adjustment: the complete criterion, optimal and minimal sets, what is wrong with a set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from rung.core.errors import InputError, NotSupported
from rung.core.graph import ARROW, CIRCLE, NONE, Graph
from rung.core.graph_checks import bidirected_part, directed_part, undirected_part
from rung.core.graph_text import edge_symbol
from rung.graphs.ancestry import (
    Bool,
    Names,
    Path,
    mask,
    named,
    reach,
    require_acyclic,
    unshielded_reach,
)
from rung.graphs.generalised_adjustment import hidden_setting
from rung.graphs.orientation import complete, consistent_extension
from rung.graphs.separation import Parts, ball, open_path, parts_of, separator, separators


@dataclass(frozen=True, eq=False)
class Setting:
    """What the criterion needs to know of (graph, x, y); masks are (d,) bool."""

    graph: Graph
    x: Bool
    y: Bool
    causal: Bool  # on a proper (possibly) causal path, x excluded
    forbidden: Bool  # (possible) descendants of `causal`, and x
    undecided: tuple[str, str] | None  # x -- v on a possibly causal path: not amenable
    backdoor: Parts  # first edges of proper causal paths removed
    read: Graph  # in which paths are read: of a PAG one of its MAGs
    unsure: tuple[tuple[str, str], ...] = ()  # all edges such as `undecided`, on MAG and PAG


def setting(graph: Graph, x: Names, y: Names, hidden_causes: bool = False) -> Setting:
    """Masks behind the criterion; InputError for cycles or x and y that overlap."""
    if hidden_causes or (graph.marks & CIRCLE).any():
        return hidden_setting(graph, x, y)
    require_acyclic(graph)
    start, stop = mask(graph, x), mask(graph, y)
    if not start.any() or not stop.any() or (start & stop).any():
        raise InputError("x and y must be names, at least one each, and no name in both")
    directed = directed_part(graph.marks)
    if undirected_part(graph.marks).any():
        undecided = _undecided(graph, start, stop)
        causal, after = _possibly(graph, start, stop, undecided is not None)
    else:
        undecided = None
        causal, after = _surely(directed, start, stop)
    backdoor = parts_of(graph)
    if undecided is None:
        kept = backdoor.directed & ~(start[:, None] & causal)
        backdoor = Parts(kept, backdoor.bidirected, backdoor.undirected)
    return Setting(graph, start, stop, causal, after | start, undecided, backdoor, graph)


def _surely(directed: Bool, start: Bool, stop: Bool) -> tuple[Bool, Bool]:
    """Nodes on proper causal paths, and their descendants; never back into x."""
    step = directed & ~start
    onward, before = reach(step, start), reach((step & ~start[:, None]).T, stop)
    causal = onward & before & ~start
    return causal, reach(directed, causal)


def _possibly(graph: Graph, start: Bool, stop: Bool, undecided: bool) -> tuple[Bool, Bool]:
    """`_surely` with "possibly"; unless `undecided`, causal paths begin with an arrow."""
    causal, after = np.zeros_like(start), np.zeros_like(start)
    step = directed_part(graph.marks) & ~start
    if undecided:
        step |= undirected_part(graph.marks) & ~start
    for child in np.nonzero(step[start].any(axis=0))[0].tolist():
        here = np.arange(graph.d) == child
        onward = unshielded_reach(graph, here, start)
        if (onward & stop).any():
            after |= unshielded_reach(graph, here)
            causal |= onward
    for i in np.nonzero(causal)[0].tolist():
        causal[i] = (unshielded_reach(graph, np.arange(graph.d) == i, start) & stop).any()
    return causal, after


def _undecided(graph: Graph, start: Bool, stop: Bool) -> tuple[str, str] | None:
    """An edge x -- v that begins a causal path in some DAG of the class: not amenable.

    The DAGs with x -> v are those of the closure with x -> v (Meek 1995).
    """
    loose = undirected_part(graph.marks)
    for i, j in np.argwhere(loose & start[:, None] & ~start).tolist():
        wanted = np.zeros_like(loose)
        wanted[i, j] = True
        oriented = complete(graph, required=wanted)
        if (unshielded_reach(oriented, np.arange(graph.d) == j, start) & stop).any():
            return graph.names[i], graph.names[j]
    return None


def causal_nodes(
    graph: Graph, x: Names, y: Names, *, hidden_causes: bool = False
) -> tuple[str, ...]:
    """Nodes other than x on proper causal paths from x to y (possibly causal in a CPDAG or PAG).

    y is among them if it is a (possible) descendant of x. graph, hidden_causes : as in
    `is_adjustment_set`.
    """
    return named(graph, setting(graph, x, y, hidden_causes).causal)


def forbidden(graph: Graph, x: Names, y: Names, *, hidden_causes: bool = False) -> tuple[str, ...]:
    """Nodes that no adjustment set may hold: x and (possible) descendants of causal nodes."""
    return named(graph, setting(graph, x, y, hidden_causes).forbidden)


def proper_backdoor_graph(graph: Graph, x: Names, y: Names) -> Graph:
    """Graph without the first edges of proper causal paths from x to y; of a bow <-> stays."""
    case = setting(graph, x, y)
    if (undirected_part(graph.marks) | (graph.marks == CIRCLE)).any():
        raise InputError(
            "the proper back-door graph is defined for graphs without undirected edges or circles"
        )
    marks = graph.marks.copy()
    cut = directed_part(marks) & case.x[:, None] & case.causal
    bow = cut & bidirected_part(marks)
    marks[cut & ~bow] = NONE
    marks[(cut & ~bow).T] = NONE
    marks[bow.T] = ARROW
    return Graph(graph.names, marks)


def _blocked(case: Setting, given: Bool) -> bool:
    return not (ball(case.backdoor, case.x, given) & case.y).any()


def _check_given(case: Setting, given: Bool) -> None:
    overlap = given & (case.x | case.y)
    if overlap.any():
        raise InputError(f"the adjustment set holds {named(case.graph, overlap)} of x or y")


def is_adjustment_set(
    graph: Graph, x: Names, y: Names, z: Names, *, hidden_causes: bool = False
) -> bool:
    """Whether adjusting for z gives the total effect of x on y in every model of the graph.

    Sound and complete: DAG and ADMG Shpitser, VanderWeele and Robins (2010); CPDAG and CPDAG with
    background knowledge Perkovic et al. (2017, 2018); MAG and PAG Perkovic et al. (2018).

    Parameters
    ----------
    x, y, z : a name or several
    hidden_causes : read the graph as a MAG, whose arrows may hide common causes unless they are
        visible, not as an ADMG that draws all of them; a graph with circles is always a PAG.

    Raises
    ------
    NotSupported
        A MAG or PAG with signs of selection, -- or o--.
    """
    case = setting(graph, x, y, hidden_causes)
    given = mask(graph, z)
    _check_given(case, given)
    if case.undecided is not None or (given & case.forbidden).any():
        return False
    return _blocked(case, given)


def parent_adjustment_set(graph: Graph, x: Names, y: Names) -> tuple[str, ...] | None:
    """Parents of x outside x, if they are an adjustment set, else None."""
    case = setting(graph, x, y)
    parents = directed_part(graph.marks)[:, case.x].any(axis=1) & ~case.x
    bad = case.undecided is not None or bool((parents & (case.forbidden | case.y)).any())
    return None if bad or not _blocked(case, parents) else named(graph, parents)


def _usable(case: Setting, allowed: Names | None) -> Bool:
    usable = np.ones(case.graph.d, dtype=bool) if allowed is None else mask(case.graph, allowed)
    out: Bool = usable & ~case.forbidden & ~case.x & ~case.y
    return out


def minimal_adjustment_set(
    graph: Graph,
    x: Names,
    y: Names,
    *,
    include: Names = (),
    allowed: Names | None = None,
    hidden_causes: bool = False,
) -> tuple[str, ...] | None:
    """An adjustment set that stops being one when any node outside `include` is dropped.

    None if there is none within `allowed`. Van der Zander, Liskiewicz and Textor (2019).
    """
    case = setting(graph, x, y, hidden_causes)
    needed = mask(graph, include)
    _check_given(case, needed)
    if case.undecided is not None or (needed & case.forbidden).any():
        return None
    found = separator(case.backdoor, case.x, case.y, needed, _usable(case, allowed))
    return None if found is None else named(graph, found)


def minimal_adjustment_sets(
    graph: Graph,
    x: Names,
    y: Names,
    *,
    allowed: Names | None = None,
    limit: int = 1000,
    hidden_causes: bool = False,
) -> list[tuple[str, ...]]:
    """All minimal adjustment sets within `allowed`, up to `limit`, smallest first."""
    case = setting(graph, x, y, hidden_causes)
    if case.undecided is not None:
        return []
    walls = separators(case.backdoor, case.x, case.y, _usable(case, allowed))
    found = [named(graph, wall) for wall in islice(walls, limit)]
    return sorted(found, key=lambda z: (len(z), [graph.index(name) for name in z]))


def optimal_adjustment_set(graph: Graph, x: Names, y: Names) -> tuple[str, ...] | None:
    """The valid adjustment set of least asymptotic variance, on a DAG or CPDAG; None if none.

    O = Pa(Cn) minus Forb, Henckel, Perkovic and Maathuis (2022), definition 3.12. Also with y not
    a descendant of x (the effect is 0): then the minimal set nearest to y is given.

    Raises
    ------
    NotSupported
        The graph has bidirected edges or circles: there an optimal set need not exist.
    """
    if (bidirected_part(graph.marks) | (graph.marks == CIRCLE)).any():
        raise NotSupported(
            "with hidden common causes (<->, o->) an optimal adjustment set need not exist; "
            "use minimal_adjustment_set"
        )
    case = setting(graph, x, y)
    if case.undecided is not None:
        return None
    if undirected_part(graph.marks).any():
        # the same in every DAG of an amenable class (Henckel et al. 2022)
        case = setting(consistent_extension(graph), x, y)
        directed = directed_part(case.graph.marks)
    else:
        directed = directed_part(graph.marks)
    if not (case.causal & case.y).any():
        nothing = np.zeros_like(case.x)
        near = separator(case.backdoor, case.y, case.x, nothing, _usable(case, None))
        return None if near is None else named(graph, near)
    best = directed[:, case.causal].any(axis=1) & ~case.forbidden
    return named(graph, best) if not (best & case.y).any() and _blocked(case, best) else None


def adjustment_set(
    graph: Graph,
    x: Names,
    y: Names,
    *,
    allowed: Names | None = None,
    hidden_causes: bool = False,
) -> tuple[str, ...] | None:
    """The set to use by default: the optimal one where it exists within `allowed`, else a minimal.

    None if no set within `allowed` (default: every node) identifies the effect by adjustment.
    """
    if not (hidden_causes or (bidirected_part(graph.marks) | (graph.marks == CIRCLE)).any()):
        best = optimal_adjustment_set(graph, x, y)
        if best is not None and (allowed is None or set(best) <= set(_listed(allowed))):
            return best
    return minimal_adjustment_set(graph, x, y, allowed=allowed, hidden_causes=hidden_causes)


def _listed(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def backdoor_path(
    graph: Graph, x: Names, y: Names, z: Names = (), *, hidden_causes: bool = False
) -> Path | None:
    """A shortest path from x to y, not causal, that z leaves open; None if there is none.

    On a PAG the path is open in one of its MAGs.
    """
    case = setting(graph, x, y, hidden_causes)
    return open_path(graph.names, case.backdoor, case.x, case.y, mask(graph, z))


@dataclass(frozen=True)
class Objection:
    """One thing wrong with an adjustment set.

    `reason` is one of: ``mediator`` (on a causal path), ``descendant`` (of the treatment's
    effects), ``collider`` (adjusting opens a path), ``confounding`` (a path left open),
    ``undecided`` (the graph does not say whether an edge leaves the treatment), ``invisible`` (an
    arrow of a MAG or PAG from the treatment may hide a common cause), ``instrument``
    (valid, but costs precision and amplifies hidden confounding). `nodes` are the members of the
    set at fault (for confounding the nodes that could close the path), `path` shows it, `valid`
    tells whether the set would still give the right answer.
    """

    reason: str
    nodes: tuple[str, ...]
    path: Path | None
    valid: bool = False

    def __str__(self) -> str:
        who = ", ".join(self.nodes) or "hidden common cause"
        return f"{self.reason}: {who}" + (f" ({self.path})" if self.path else "")


def why_not(
    graph: Graph, x: Names, y: Names, z: Names, *, hidden_causes: bool = False
) -> list[Objection]:
    """What is wrong with z as an adjustment set; an empty list if nothing.

    The set is an adjustment set iff no objection has `valid` False.
    """
    case = setting(graph, x, y, hidden_causes)
    given = mask(graph, z)
    _check_given(case, given)
    if case.undecided is not None:
        return [_unsure(graph, a, b) for a, b in case.unsure or (case.undecided,)]
    whole = parts_of(case.read)
    out = list(_forbidden_members(case, given, whole))
    path = open_path(graph.names, case.backdoor, case.x, case.y, given)
    if path is not None:
        out.append(_open(case, path, given))
    if not out:
        out += _instruments(case, given, whole)
    return out


def _unsure(graph: Graph, a: str, b: str) -> Objection:
    edge = edge_symbol(graph.mark(b, a), graph.mark(a, b))
    return Objection("invisible" if edge == "-->" else "undecided", (a, b), Path((a, b), (edge,)))


def _forbidden_members(case: Setting, given: Bool, whole: Parts) -> Iterator[Objection]:
    nothing = np.zeros_like(given)
    one_way = Parts(whole.directed, nothing[:, None] & nothing, nothing[:, None] & nothing)
    for node in np.nonzero(given & case.forbidden)[0].tolist():
        here = np.arange(case.graph.d) == node
        reason = "mediator" if case.causal[node] else "descendant"
        path = open_path(case.graph.names, one_way, case.x, here, nothing)
        if case.causal[node] and path is not None:
            onward = open_path(case.graph.names, one_way, here, case.y, nothing)
            if onward is not None and not set(onward.names[1:]) & set(path.names):
                path = Path(path.names + onward.names[1:], path.edges + onward.edges)
        yield Objection(reason, (case.graph.names[node],), path)


def _open(case: Setting, path: Path, given: Bool) -> Objection:
    blame = given & reach(case.backdoor.directed, mask(case.graph, path.colliders))
    if path.colliders:
        return Objection("collider", named(case.graph, blame), path)
    inner = mask(case.graph, path.names) & ~case.forbidden & ~case.y
    return Objection("confounding", named(case.graph, inner), path)


def _instruments(case: Setting, given: Bool, whole: Parts) -> Iterator[Objection]:
    nothing = np.zeros_like(given)
    for node in np.nonzero(given & reach(whole.directed.T, case.x))[0].tolist():
        here = np.arange(case.graph.d) == node
        others = given & ~here
        if _blocked(case, others) and not (ball(case.backdoor, here, others) & case.y).any():
            path = open_path(case.graph.names, whole, here, case.x, nothing)
            yield Objection("instrument", (case.graph.names[node],), path, valid=True)


__all__ = [
    "Objection",
    "adjustment_set",
    "backdoor_path",
    "causal_nodes",
    "forbidden",
    "is_adjustment_set",
    "minimal_adjustment_set",
    "minimal_adjustment_sets",
    "optimal_adjustment_set",
    "parent_adjustment_set",
    "proper_backdoor_graph",
    "why_not",
]
