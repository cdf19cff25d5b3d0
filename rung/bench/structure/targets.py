"""Claims about the rows of a part: each has a figure, and a bound that it must meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .cases import Case
from .measure import Tool

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """A claim about two rows: `figure(rows)` is None where a row is missing."""

    text: str
    figure: Callable[[Rows], float | None]
    holds: Callable[[float], bool]


def row(rows: Rows, case: Case, tool: Tool) -> dict[str, Any] | None:
    """The row of a case and a tool, if the tool answered."""
    found = [r for r in rows if r["case"] == case.label and r["tool"] == tool.label]
    return found[0] if found and found[0]["runs"] else None


def faster(case: Case, ours: Tool, peer: Tool, times: float) -> Target:
    """The peer takes at least `times` as long, wall seconds, median over pairs."""

    def figure(rows: Rows) -> float | None:
        a, b = row(rows, case, ours), row(rows, case, peer)
        if a is None or b is None:
            return None
        return float(b["times"]) if "times" in b else float(b["wall"] / a["wall"])

    return Target(
        f"{case.label}: {ours.label} {times:g} times faster than {peer.label}",
        figure,
        lambda x: x >= times,
    )


def no_worse(case: Case, ours: Tool, peer: Tool, key: str = "shd") -> Target:
    """Mean SHD not above the peer's (or F1 not below): the difference, theirs less ours."""
    sign = 1.0 if key == "shd" else -1.0

    def figure(rows: Rows) -> float | None:
        a, b = row(rows, case, ours), row(rows, case, peer)
        return None if a is None or b is None else sign * float(b[key] - a[key])

    words = "SHD not above" if key == "shd" else "F1 not below"
    return Target(
        f"{case.label}: {ours.label} {words} {peer.label} (difference)",
        figure,
        lambda x: x >= 0,
    )


def below(case: Case, ours: Tool, key: str, bound: float, words: str) -> Target:
    """A figure of a row is at most a number."""

    def figure(rows: Rows) -> float | None:
        a = row(rows, case, ours)
        return None if a is None or a.get(key) is None else float(a[key])

    return Target(f"{case.label}: {words}", figure, lambda x: x <= bound)


def at_least(case: Case, ours: Tool, key: str, bound: float, words: str) -> Target:
    """A figure of a row is at least a number."""

    def figure(rows: Rows) -> float | None:
        a = row(rows, case, ours)
        return None if a is None or a.get(key) is None else float(a[key])

    return Target(f"{case.label}: {words}", figure, lambda x: x >= bound)


def _split(rows: Rows, case: Case) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    found = [r for r in rows if r["case"] == case.label and r["runs"]]
    mine = [r for r in found if r["tool"].startswith("rung")]
    return mine, [
        r for r in found if not r["tool"].startswith("rung") and r["tool"] != "empty graph"
    ]


def best_f1(case: Case) -> Target:
    """Times by which the fastest of ours with at least the best peer's F1 beats that peer."""

    def figure(rows: Rows) -> float | None:
        mine, theirs = _split(rows, case)
        if not mine or not theirs:
            return None
        best = max(theirs, key=lambda r: r["f1"])
        able = [r["wall"] for r in mine if r["f1"] >= best["f1"]]
        return float(best["wall"] / min(able)) if able else 0.0

    return Target(
        f"{case.label}: F1 not below the best peer's, ten times faster (times)",
        figure,
        lambda x: x >= 10.0,
    )


def nobody_ahead(case: Case) -> Target:
    """Peers both faster and more accurate than one of ours that no other of ours beats so."""

    def figure(rows: Rows) -> float | None:
        mine, theirs = _split(rows, case)
        if not mine or not theirs:
            return None
        front = [m for m in mine if not any(_beats(other, m) for other in mine)]
        return float(sum(any(_beats(t, m) for m in front) for t in theirs))

    return Target(f"{case.label}: peers both faster and more accurate", figure, lambda x: x == 0)


def _beats(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return bool(a["wall"] < b["wall"] and a["f1"] > b["f1"])
