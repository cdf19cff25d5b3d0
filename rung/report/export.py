"""Content as canonical JSON, JSON safe inside HTML, and graph.dot."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rung.report.files import write_text


def plain(value: Any) -> Any:
    """JSON-ready copy: numpy types become Python's, NaN and infinities null, keys text."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {plain(str(k)): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(v) for v in value), key=str)
    return str(value)


def to_json(content: Any, *, indent: int | None = 2) -> str:
    """Canonical JSON text: sorted keys, UTF-8, no NaN; equal content gives equal text."""
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(
        plain(content), ensure_ascii=False, sort_keys=True, indent=indent, separators=separators
    )


def html_json(content: Any) -> str:
    """JSON that may stand inside a <script> element whatever it holds."""
    raw = json.dumps(plain(content), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    unsafe = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
    unsafe |= {"\u2028": "\\u2028", "\u2029": "\\u2029"}
    for c, safe in unsafe.items():
        raw = raw.replace(c, safe)
    return raw


def dot_text(content: Mapping[str, Any]) -> str:
    """Graphviz text of the content's graph: its own, else made from nodes and edges."""
    graph = content.get("graph") or {}
    if graph.get("dot"):
        return str(graph["dot"])
    ends = {"<": "normal", ">": "normal", "o": "odot", "-": "none"}
    lines = ["digraph rung {"]
    lines += [f"  {_quoted(node.get('name'))};" for node in graph.get("nodes") or ()]
    for e in graph.get("edges") or ():
        mark = str(e.get("mark", "-->"))
        tail, head = ends.get(mark[0], "none"), ends.get(mark[-1], "none")
        style = f"dir=both, arrowtail={tail}, arrowhead={head}"
        lines.append(f"  {_quoted(e.get('a'))} -> {_quoted(e.get('b'))} [{style}];")
    return "\n".join([*lines, "}"])


def _quoted(name: object) -> str:
    return '"' + str(name).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def write_dot(content: Mapping[str, Any], path: str | Path) -> Path:
    """Write the graph for Graphviz; FileProblem if that fails."""
    return write_text(path, dot_text(content).rstrip() + "\n")
