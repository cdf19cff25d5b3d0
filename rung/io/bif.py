"""Bayesian networks in BIF, the interchange format of the bnlearn repository."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import FileProblem, InputError
from ..core.graph import Graph
from ..core.result import frozen

ROUNDING = 1e-3  # how far a printed row of probabilities may be from 1 in total

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_VARIABLE = re.compile(r"variable\s+(\S+)\s*\{[^{}]*\{([^{}]*)\}\s*;[^{}]*\}")
_TABLE = re.compile(r"probability\s*\(([^|)]*)(?:\|([^)]*))?\)\s*\{([^{}]*)\}")
_ROW = re.compile(r"(?:\(([^)]*)\)|table|default)\s*([^;]*);")


@dataclass(frozen=True, eq=False)
class DiscreteNetwork:
    """A discrete Bayesian network.

    Parameters
    ----------
    levels : mapping of str to tuple of str
        The values of each variable; its order is the order of the file.
    parents : mapping of str to tuple of str
    tables : mapping of str to (*sizes of parents, size) float arrays
        Conditional probabilities; the last axis adds up to 1.
    """

    levels: Mapping[str, tuple[str, ...]]
    parents: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, NDArray[np.float64]]

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, in the order of the file."""
        return tuple(self.levels)

    @property
    def graph(self) -> Graph:
        """The DAG of the network."""
        edges = [(p, "->", v) for v in self.levels for p in self.parents[v]]
        return Graph.from_edges(edges, self.names)

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.int64]]:
        """Codes (n,) of each variable in n independent draws."""
        codes: dict[str, NDArray[np.int64]] = {}
        for v in self.graph.topological_order():
            rows = self.tables[v][tuple(codes[p] for p in self.parents[v])]
            cumulative = np.broadcast_to(np.cumsum(rows, axis=-1), (n, len(self.levels[v])))
            draw = (rng.random((n, 1)) >= cumulative[:, :-1]).sum(axis=1)
            codes[v] = draw.astype(np.int64)
        return {v: codes[v] for v in self.names}


def read_bif(path: str | Path) -> DiscreteNetwork:
    """The network in a .bif or .bif.gz file.

    Raises
    ------
    FileProblem
        If the file cannot be read.
    InputError
        If its text is not a discrete network in BIF.
    """
    try:
        raw = Path(path).read_bytes()
        text = (gzip.decompress(raw) if str(path).endswith(".gz") else raw).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise FileProblem(f"cannot read the network file {path}: {error}") from error
    return parse_bif(text)


def parse_bif(text: str) -> DiscreteNetwork:
    """The network that a BIF text describes.

    Rows whose printed probabilities add up to 1 only within rounding (0.001) are divided by their
    sum; anything further off is an error.

    Raises
    ------
    InputError
        For a text without variables, an unknown variable or level, a missing or incomplete table.
    """
    text = _COMMENT.sub(" ", text)
    levels = {name.strip('"'): _words(inside) for name, inside in _VARIABLE.findall(text)}
    if not levels:
        raise InputError("no variable found: expected BIF text, `variable X { type discrete ... }`")
    parents: dict[str, tuple[str, ...]] = {}
    tables: dict[str, NDArray[np.float64]] = {}
    for child, given, body in _TABLE.findall(text):
        name = child.strip().strip('"')
        parents[name] = _words(given)
        for v in (name, *parents[name]):
            if v not in levels:
                raise InputError(f"the table of {name!r} names {v!r}, which is not declared")
        tables[name] = _table(name, parents[name], levels, body)
    absent = [v for v in levels if v not in tables]
    if absent:
        raise InputError(f"variable {absent[0]!r} has no probability table")
    return DiscreteNetwork(levels, {v: parents[v] for v in levels}, {v: tables[v] for v in levels})


_UNSAFE = re.compile(r"[\s{}()|,;\"\[\]]|//|/\*")


def to_bif(network: DiscreteNetwork, name: str = "unknown") -> str:
    """BIF text of a network; `parse_bif` reads it back exactly.

    Raises
    ------
    InputError
        A name or level is empty or holds a space, a bracket, a comma or another sign of BIF.
    """
    for word in (name, *network.levels, *(w for v in network.levels.values() for w in v)):
        if not word or _UNSAFE.search(word):
            raise InputError(f"BIF cannot hold the name {word!r}: spaces and signs are not allowed")
    lines = [f"network {name} {{", "}"]
    for v, levels in network.levels.items():
        lines += [
            f"variable {v} {{",
            f"  type discrete [ {len(levels)} ] {{ {', '.join(levels)} }};",
        ]
        lines.append("}")
    for v, given in network.parents.items():
        table = network.tables[v]
        head = f"{v} | {', '.join(given)}" if given else v
        lines.append(f"probability ( {head} ) {{")
        for at in np.ndindex(*table.shape[:-1]):
            row = ", ".join(repr(float(p)) for p in table[at])
            where = ", ".join(network.levels[g][k] for g, k in zip(given, at, strict=True))
            lines.append(f"  ({where}) {row};" if given else f"  table {row};")
        lines.append("}")
    return "\n".join([*lines, ""])


def _words(text: str) -> tuple[str, ...]:
    return tuple(w.strip().strip('"') for w in text.split(",") if w.strip())


def _table(
    name: str, parents: tuple[str, ...], levels: Mapping[str, tuple[str, ...]], body: str
) -> NDArray[np.float64]:
    """Probabilities (*sizes of parents, size) in the rows of one probability block."""
    table = np.full([*(len(levels[p]) for p in parents), len(levels[name])], np.nan)
    for match in _ROW.finditer(body):
        where = _words(match[1] or "")
        if match[0].startswith("table") and parents:
            raise InputError(f"{name!r} has parents: expected one row of levels each, not `table`")
        try:
            row = [float(w) for w in match[2].replace(",", " ").split()]
            at = tuple(levels[p].index(w) for p, w in zip(parents, where, strict=True))
        except ValueError:
            if not match[0].startswith("default"):
                raise InputError(f"cannot read the row {match[0]!r} of {name!r}") from None
            at = ()
        if len(row) != table.shape[-1]:
            raise InputError(f"{name!r}: {len(row)} probabilities for {table.shape[-1]} levels")
        if match[0].startswith("default"):
            table[np.isnan(table).all(axis=-1)] = row
        else:
            table[at] = row
    total = table.sum(axis=-1, keepdims=True)
    if np.isnan(table).any() or (table < 0).any() or (abs(total - 1) > ROUNDING).any():
        raise InputError(
            f"the table of {name!r} is incomplete, negative or does not add up to 1 in every row"
        )
    return frozen(table / total)
