"""The text form of a graph: ``X -> Y <- Z; A <-> B; C o-> D; E -- F; lone``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import InputError

NONE, TAIL, ARROW, CIRCLE = 0, 1, 2, 4

_LEFT = {"<": ARROW, "o": CIRCLE, "": TAIL}
_RIGHT = {">": ARROW, "o": CIRCLE, "": TAIL}
_SHORT = {
    (TAIL, ARROW): "->",
    (ARROW, TAIL): "<-",
    (ARROW, ARROW): "<->",
    (TAIL, TAIL): "--",
    (CIRCLE, ARROW): "o->",
    (ARROW, CIRCLE): "<-o",
    (CIRCLE, CIRCLE): "o-o",
    (CIRCLE, TAIL): "o--",
    (TAIL, CIRCLE): "--o",
}
_LONG = {**_SHORT, (TAIL, ARROW): "-->", (ARROW, TAIL): "<--", (TAIL, TAIL): "---"}

_EDGE = re.compile(r"(<|o)?(-{1,3})(>|o)?")
_TOKEN = re.compile(
    r"""
    (?P<space>[^\S\n]+|\#[^\n]*)
  | (?P<stop>[;\n])
  | "(?P<quoted>(?:[^"\\]|\\.)*)"
  | (?P<edge><-{1,3}o(?=["\s]) | <-{1,3}>? | o-{1,3}> | o-{1,3}o(?=["\s]) | o-{1,3}(?=["\s])
            | -{1,3}> | -{1,3}o(?=["\s]) | -{2,3} | -(?=\s))
  | (?P<bare>(?:\[[^\]\n;"]*\] | [^\s;"<>\-\[] | (?<=\w)-(?=\w))+)
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"[\w.]+(?:\[[\w+\-.]*\])?")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def edge_marks(edge: str) -> tuple[int, int]:
    """Marks (at the left end, at the right end) of an edge such as ``->``, ``<-->`` or ``o-o``."""
    match = _EDGE.fullmatch(edge) if isinstance(edge, str) else None
    if match is None:
        raise InputError(
            f"{edge!r} is not an edge; use one of: -> <- <-> -- o-> <-o o-o o-- --o "
            "(longer dashes such as --> are the same)"
        )
    return _LEFT[match[1] or ""], _RIGHT[match[3] or ""]


def edge_symbol(left: int, right: int, *, long: bool = True) -> str:
    """Spelling of an edge with the marks `left` and `right`, without double marks."""
    return (_LONG if long else _SHORT)[int(left), int(right)]


def quote(name: str) -> str:
    """`name` as it is written in the text form: quoted unless it is made of plain characters."""
    if _PLAIN.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    for letter, char in _ESCAPES.items():
        escaped = escaped.replace(char, "\\" + letter)
    return f'"{escaped}"'


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text, flags=re.DOTALL)


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Pairs (kind, value), kind one of ``name``, ``edge`` and ``stop``."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise InputError(
                f"graph text, line {line}: cannot read {text[at : at + 20]!r}; write edges as "
                'X -> Y, X <-> Y, X -- Y, X o-> Y, and put names with other characters in "quotes"'
            )
        at = match.end()
        if match["quoted"] is not None:
            yield "name", _unquote(match["quoted"])
        elif match["bare"] is not None:
            yield "name", match["bare"]
        elif match["edge"] is not None:
            yield "edge", match["edge"]
        elif match["stop"] is not None:
            yield "stop", match["stop"]


def parse_edges(text: str) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Names in the order of first appearance, and the edges (a, edge, b), of a text form."""
    seen: dict[str, None] = {}
    edges: list[tuple[str, str, str]] = []
    left: str | None = None
    edge: str | None = None
    for kind, value in [*tokens(text), ("stop", ";")]:
        if kind == "name":
            if left is not None and edge is None:
                raise InputError(
                    f"graph text: no edge between {left!r} and {value!r}; separate statements "
                    'with ; or a new line, and put names with spaces in "quotes"'
                )
            if left is not None and edge is not None:
                edges.append((left, edge, value))
            seen[value] = None
            left, edge = value, None
        elif kind == "edge":
            if left is None or edge is not None:
                raise InputError(
                    f"graph text: the edge {value!r} has no name on its left; write X {value} Y"
                )
            edge = value
        else:
            if edge is not None:
                raise InputError(
                    f"graph text: {left!r} {edge} has no name on its right; write X {edge} Y"
                )
            left = None
    return list(seen), edges


def join_marks(old: tuple[int, int], new: tuple[int, int]) -> tuple[int, int] | None:
    """Marks of a pair that has the edge `old` and gets `new` too; None if both cannot be held."""
    if old in ((NONE, NONE), new):
        return new
    both = {old, new}
    if both <= {(TAIL, ARROW), (ARROW, ARROW), (TAIL | ARROW, ARROW)}:
        return TAIL | ARROW, ARROW
    if both <= {(ARROW, TAIL), (ARROW, ARROW), (ARROW, TAIL | ARROW)}:
        return ARROW, TAIL | ARROW
    return None


def marks_of(names: Sequence[str], edges: Sequence[tuple[str, str, str]]) -> NDArray[np.uint8]:
    """Mark matrix (d, d) of named edges; ``X -> Y`` and ``X <-> Y`` together make a bow."""
    at = {name: i for i, name in enumerate(names)}
    marks = np.zeros((len(names), len(names)), dtype=np.uint8)
    for a, edge, b in edges:
        if a == b:
            raise InputError(f"{a!r} {edge} {b!r}: a node cannot have an edge to itself; remove it")
        i, j = at[a], at[b]
        joined = join_marks((int(marks[j, i]), int(marks[i, j])), edge_marks(edge))
        if joined is None:
            raise InputError(
                f"{a!r} and {b!r} have two edges that cannot stand together; keep one of them "
                "(only X -> Y with X <-> Y, the bow, may share a pair; X -> Y with Y -> X may not)"
            )
        marks[j, i], marks[i, j] = joined
    return marks


def pair_edges(
    names: Sequence[str], marks: NDArray[np.uint8], i: int, j: int, *, long: bool = True
) -> list[tuple[str, str, str]]:
    """Canonical edges of the pair (i, j): tails and circles on the left, a bow as two edges."""
    left, right = int(marks[j, i]), int(marks[i, j])
    if right == TAIL | ARROW or (left, right) in (
        (ARROW, TAIL),
        (ARROW, CIRCLE),
        (TAIL, CIRCLE),
    ):
        i, j, left, right = j, i, right, left
    a, b = names[i], names[j]
    if left == TAIL | ARROW:
        directed = edge_symbol(TAIL, ARROW, long=long)
        return [(a, directed, b), (a, edge_symbol(ARROW, ARROW, long=long), b)]
    return [(a, edge_symbol(left, right, long=long), b)]


def write(names: Sequence[str], marks: NDArray[np.uint8]) -> str:
    """Text form that parses back to the same names in the same order and the same marks."""
    parts: list[str] = []
    seen = 0
    rows, columns = np.nonzero(np.triu(marks))
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        flip = False
        if j >= seen:
            # names that come before this edge's must be seen before it
            stop = i if i >= seen and j == i + 1 else j
            parts += [quote(name) for name in names[seen:stop]]
            flip = stop == i
            seen = j + 1
        for a, edge, b in pair_edges(names, marks, i, j, long=False):
            if flip and a != names[i]:
                left, right = edge_marks(edge)
                a, edge, b = b, edge_symbol(right, left, long=False), a
            parts.append(f"{quote(a)} {edge} {quote(b)}")
    parts += [quote(name) for name in names[seen:]]
    return "; ".join(parts)
