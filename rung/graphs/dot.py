"""Parser of the grammar that DOT and dagitty.net code share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rung.core.errors import InputError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/|(?:(?<=\n)|\A)\#[^\n]*)
  | "(?P<quoted>(?:[^"\\]|\\.)*)"
  | (?P<edge>(?:<|@)-{1,2}(?:>|@)? | -{1,2}(?:>|@) | --)
  | (?P<mark>[{}\[\];,=:+])
  | (?P<bare>-?[\w.]+)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass
class Parsed:
    """What a file says: its keyword, the attributes of each node, the edges in order."""

    kind: str
    nodes: dict[str, dict[str, str]] = field(default_factory=dict)
    edges: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)


class _Tokens:
    def __init__(self, text: str) -> None:
        self.text = text
        self.items = list(self._split(text))
        self.at = 0

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, str, int, bool]]:
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                line = text.count("\n", 0, at) + 1
                raise InputError(
                    f"graph file, line {line}: cannot read {text[at : at + 20]!r}; "
                    'put names with special characters in "quotes"'
                )
            at = match.end()
            kind = match.lastgroup or "space"
            if kind == "quoted":
                name = re.sub(r"\\(.)", _escape, match["quoted"], flags=re.DOTALL)
                yield "name", name, at, True
            elif kind == "bare":
                yield "name", match["bare"], at, False
            elif kind != "space":
                yield kind, match[kind], at, False

    def peek(self, *values: str) -> bool:
        """Whether the next token is a mark with one of these values."""
        if self.at >= len(self.items):
            return False
        kind, value, _, _ = self.items[self.at]
        return kind == "mark" and value in values

    def kind(self) -> str:
        return self.items[self.at][0] if self.at < len(self.items) else "end"

    def word(self) -> str:
        """The next token in lower case if it could be a keyword, else an empty text."""
        if self.kind() != "name" or self.items[self.at][3]:
            return ""
        return self.items[self.at][1].lower()

    def next(self, kind: str, what: str) -> str:
        if self.kind() != kind:
            at = self.items[self.at][2] if self.at < len(self.items) else len(self.text)
            found = repr(self.items[self.at][1]) if self.at < len(self.items) else "the end"
            line = self.text.count("\n", 0, at) + 1
            raise InputError(f"graph file, line {line}: expected {what}, found {found}")
        value = self.items[self.at][1]
        self.at += 1
        return value

    def take(self, value: str) -> bool:
        if self.peek(value):
            self.at += 1
            return True
        return False


def _escape(match: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r", "t": "\t", "\n": ""}.get(match[1], match[1])


def parse(text: str) -> Parsed:
    """Read ``digraph name { ... }``, ``graph { ... }``, ``dag { ... }``, ``pdag { ... }`` ..."""
    tokens = _Tokens(text)
    kind = tokens.next("name", "digraph, graph, dag or pdag").lower()
    if kind == "strict":
        kind = tokens.next("name", "digraph or graph").lower()
    if tokens.kind() == "name":
        tokens.next("name", "a name")
    if not tokens.take("{"):
        tokens.next("brace", "{")
    out = Parsed(kind)
    _statements(tokens, out, {}, {})
    if tokens.kind() != "end":
        tokens.next("end", "nothing after the closing }")
    return out


def _statements(
    tokens: _Tokens, out: Parsed, node: dict[str, str], edge: dict[str, str]
) -> list[str]:
    """Statements up to the closing brace, with the default attributes that hold there."""
    node, edge = dict(node), dict(edge)
    inside: list[str] = []
    while not tokens.take("}"):
        if tokens.take(";") or tokens.take(","):
            continue
        if tokens.kind() == "name":
            word = tokens.word()
            after = tokens.items[tokens.at + 1 : tokens.at + 2]
            if after and after[0][:2] == ("mark", "="):
                tokens.at += 2
                tokens.next("name", "a value")
                continue
            if word in ("node", "edge", "graph") and after and after[0][:2] == ("mark", "["):
                tokens.at += 1
                {"node": node, "edge": edge, "graph": {}}[word].update(_attributes(tokens))
                continue
        inside += _chain(tokens, out, node, edge)
    return inside


def _chain(tokens: _Tokens, out: Parsed, node: dict[str, str], edge: dict[str, str]) -> list[str]:
    """One statement: nodes or groups, joined by edges, and attributes at its end."""
    groups = [_group(tokens, out, node, edge)]
    joints: list[str] = []
    while tokens.kind() == "edge":
        joints.append(tokens.next("edge", "an edge"))
        groups.append(_group(tokens, out, node, edge))
    given = _attributes(tokens)
    if not joints:
        for name in groups[0]:
            out.nodes[name].update(given)
    for left, joint, right in zip(groups, joints, groups[1:], strict=False):
        out.edges += [(a, joint, b, {**edge, **given}) for a in left for b in right]
    return [name for group in groups for name in group]


def _group(tokens: _Tokens, out: Parsed, node: dict[str, str], edge: dict[str, str]) -> list[str]:
    if tokens.word() == "subgraph":
        following = tokens.items[tokens.at + 1 : tokens.at + 3]
        if any(item[:2] == ("mark", "{") for item in following):
            tokens.at += 1
            if tokens.kind() == "name":
                tokens.at += 1
    if tokens.take("{"):
        return list(dict.fromkeys(_statements(tokens, out, node, edge)))
    name = tokens.next("name", "the name of a node")
    while tokens.take("+"):
        name += tokens.next("name", "a text after +")
    while tokens.take(":"):
        tokens.next("name", "a port")
    out.nodes.setdefault(name, dict(node))
    return [name]


def _attributes(tokens: _Tokens) -> dict[str, str]:
    out: dict[str, str] = {}
    while tokens.take("["):
        while not tokens.take("]"):
            if tokens.take(",") or tokens.take(";"):
                continue
            key = tokens.next("name", "an attribute or ]").lower()
            out[key] = tokens.next("name", f"a value of {key}") if tokens.take("=") else ""
    return out
