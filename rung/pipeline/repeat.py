"""rerun: the analysis of a report again, and what differs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import FileProblem, InputError, NotSupported
from ..core.result import late
from .analysis import Analysis, analyse
from .plan import Plan
from .sections import versions

COMPARED = ("effect", "candidates", "headline", "roles", "whatif", "design", "discovery", "graph")
IGNORED = {
    *("seconds", "why", "text", "notes", "dot", "dagitty", "alt"),
    *("points", "x", "y", "width", "height"),
}
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Rerun:
    """The new analysis, and every difference from the report by name."""

    analysis: Analysis
    same: bool
    differences: tuple[str, ...]
    reasons: tuple[str, ...]

    def __repr__(self) -> str:
        if self.same:
            return "\n".join(["The rerun gives the same numbers.", *self.reasons])
        shown = [f"  {line}" for line in self.differences[:30]]
        more = len(self.differences) - len(shown)
        tail = [f"  ... {more} more"] if more > 0 else []
        return "\n".join(["The rerun differs:", *shown, *tail, *self.reasons])


def rerun(report: str | Path, data: Any = None) -> Rerun:
    """Run the plan inside a report again, on the same or other data.

    Parameters
    ----------
    report : path of an HTML report
    data : path, name or data frame; the report's own source if None
    """
    path = Path(report)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileProblem(f"there is no report {str(path)!r}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a report: it is not UTF-8 text") from None
    old = late("rung.report.html", "extract")(text)
    if old.get("kind") == "pictures":
        raise NotSupported(
            f"{path} is a report of pictures, whose training is not run again by itself; it was "
            f"made by: {old.get('command') or 'rung.analyse in Python'}"
        )
    plan = Plan.from_dict(old["plan"])
    again = analyse(data, plan=plan) if data is not None else analyse(plan)
    new = late("rung.report.html", "extract")(again.html())
    differences = tuple(_compare(old, new))
    assert isinstance(again, Analysis)
    return Rerun(again, not differences, differences, tuple(_reasons(old, new)))


def _compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in COMPARED:
        if key in old or key in new:
            yield from _walk(key, old.get(key), new.get(key))


def _walk(where: str, a: Any, b: Any) -> Iterator[str]:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in sorted({**a, **b}, key=lambda k: isinstance(a.get(k), list | Mapping)):
            if key not in IGNORED:
                yield from _walk(f"{where}.{key}", a.get(key), b.get(key))
    elif isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            yield f"{where}: {len(a)} entries before, {len(b)} now"
            return
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            name = x.get("name") or x.get("a") if isinstance(x, Mapping) else None
            yield from _walk(f"{where}[{name or i}]", x, y)
    elif isinstance(a, int | float) and isinstance(b, int | float):
        if not math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-12):
            yield f"{where}: {a!r} before, {b!r} now"
    elif a != b:
        yield f"{where}: {str(a)[:80]!r} before, {str(b)[:80]!r} now"


def _reasons(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, now = old.get("data", {}), new.get("data", {})
    if before.get("cells_sha256") != now.get("cells_sha256"):
        yield (
            f"The data differ: {before.get('n')} rows x {before.get('d')} columns before "
            f"(SHA-256 {str(before.get('cells_sha256'))[:12]}), {now.get('n')} x {now.get('d')} "
            f"now ({str(now.get('cells_sha256'))[:12]})."
        )
    packages = old.get("rung", {}).get("packages", {})
    for name, version in versions().items():
        if packages.get(name) not in (None, version):
            yield f"{name} was {packages[name]}, is {version}."
