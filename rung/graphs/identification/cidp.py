"""Conditional effects in the class of a PAG: setting and seeing exchanged by rule 2.

Jaber, Ribeiro, Zhang and Bareinboim (2022), "Causal identification under Markov equivalence:
calculus, algorithm, and completeness", theorem 1 (rule 2) and algorithm CIDP; Zhang (2008), "Causal
reasoning with ancestral graphs", for the manipulated graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import NotIdentified
from rung.core.graph import ARROW, CIRCLE, TAIL
from rung.core.graph_checks import directed_part
from rung.graphs.generalised_adjustment import visible
from rung.graphs.separation import m_separated

from .admg import bits
from .expression import Quotient, summed
from .formula import Formula
from .idp import Stuck, _joint, why
from .marked import Marked, rows
from .query import Interventional
from .simplify import simplify

Marks = NDArray[np.uint8]
MOST_EXCHANGES = 500  # 2 to the number of names set or seen, at worst


def exchanged(marked: Marked, asked: Interventional) -> Formula:
    """P(y | do(x), z) where P(y, z | do(x)) is not identified: some of x seen, some of z set.

    Raises
    ------
    NotIdentified
        No exchange that rule 2 allows leads to an identified joint distribution.
    """
    y, x, z = (marked.mask(n) for n in (asked.outcomes, asked.do, asked.given))
    first: Stuck | None = None
    groups = marked.buckets(marked.all)

    def apart(move: int, do: int, given: int) -> bool:
        names = [marked.named(part) for part in (y, move, do | given)]
        # what is separated stays so when edges go
        return m_separated(marked.member, *names) or not connected(marked, y, move, do, given)

    for do, given in exchanges(x, z, groups, apart):
        try:
            found = _joint(marked, y | given, do)
        except Stuck as stuck:
            first = first or stuck
            continue
        whole = Quotient(found, summed(marked.named(y), found)) if given else found
        return Formula(asked, simplify(whole, marked.member), "IDP")
    assert first is not None
    raise NotIdentified(why(marked, asked, first))


def exchanges(
    x: int, z: int, groups: Sequence[int], apart: Callable[[int, int, int], bool]
) -> Iterator[tuple[int, int]]:
    """The (set, seen) that rule 2 makes equal to (x, z), each once, nearest first; 500 at most.

    groups : nodes that may have to move together; apart : whether (moved, set, seen) are such that
    rule 2 holds
    """
    queue, done = [(x, z)], {(x, z)}
    while queue and len(done) <= MOST_EXCHANGES:
        do, given = queue.pop(0)
        yield do, given
        for move in (m & part for part in (do, given) for m in _movable(part, groups)):
            new = (do & ~move, given | move) if move & do else (do | move, given & ~move)
            if new not in done and apart(move, do & ~move, given & ~move):
                done.add(new)
                queue.append(new)


def _movable(part: int, groups: Sequence[int]) -> list[int]:
    """Single nodes, and what of a group is in the part."""
    whole = [g & part for g in groups if g & part]
    return list(dict.fromkeys([*(1 << i for i in bits(part)), *whole]))


def manipulated(marked: Marked, cut: int, silent: int) -> Marks:
    """Marks without arrows into `cut`; of the edges out of `silent` the invisible become <->.

    An edge with a circle at a node of `cut` is gone in the graphs with an arrowhead there, and in
    the others leaves the node: it does so here.
    """
    marks = marked.graph.marks.copy()
    seen, directed = visible(marked.graph), directed_part(marks)
    for i in bits(cut):
        into = marks[:, i] == ARROW
        marks[i, into] = marks[into, i] = 0
        marks[i, marks[i] == CIRCLE] = ARROW
        marks[marks[:, i] == CIRCLE, i] = TAIL
    for i in bits(silent):
        out = directed[i] & (marks[i] != 0)
        marks[i, out & seen[i]] = marks[out & seen[i], i] = 0
        marks[out & ~seen[i], i] = ARROW
    return marks


def connected(marked: Marked, y: int, move: int, do: int, given: int) -> bool:
    """Whether a path between y and `move` may be open: arrows into `do` cut, `move` silent.

    A node whose two neighbours on the path are joined, and that may be a collider or not, is left
    out: the path without it will do (definite status).
    """
    marks = manipulated(marked, do, move)
    seen = do | given
    below = rows(((marks & (ARROW | CIRCLE)) != 0) & ((marks.T & (TAIL | CIRCLE)) != 0))
    above = sum(
        1 << i for i in range(len(marks)) if marked.spread(1 << i, below, marked.all) & seen
    )
    stack = [(i, int(j)) for i in bits(move) for j in np.nonzero(marks[i])[0]]
    done = set(stack)
    while stack:
        before, node = stack.pop()
        if y >> node & 1:
            return True
        for after in np.nonzero(marks[node])[0].tolist():
            if after == before or (node, after) in done:
                continue
            if _passes(marks, marked.graph.marks, (before, node, after), (seen, above)):
                done.add((node, after))
                stack.append((node, after))
    return False


def _passes(
    marks: Marks, whole: Marks, triple: tuple[int, int, int], sets: tuple[int, int]
) -> bool:
    """Whether a path may be open at the middle of a triple; sets : (given, ancestors of it)."""
    before, node, after = triple
    seen, above = sets
    ends = {int(marks[before, node]), int(marks[after, node])}
    if ends == {ARROW}:
        return bool(above >> node & 1)
    if TAIL in ends or whole[before, after] == 0:
        return not seen >> node & 1
    return marks[before, after] == 0  # the edge between the two was removed
