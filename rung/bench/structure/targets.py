"""Claims about the rows of a part: each has a figure, and a bound that it must meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from .cases import Case
from .measure import LIMIT, Tool

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


def pairs(a: Mapping[str, Any], b: Mapping[str, Any], key: str) -> list[tuple[float, float]]:
    """A figure of both rows on each seed that both answered: slow tools run on fewer seeds."""
    mine, theirs = a["by_seed"], b["by_seed"]
    return [(mine[s][key], theirs[s][key]) for s in theirs if s in mine]


def _both(
    rows: Rows, case: Case, ours: Tool, peer: Tool, key: str
) -> list[tuple[float, float]] | None:
    a, b = row(rows, case, ours), row(rows, case, peer)
    return None if a is None or b is None else pairs(a, b, key) or None


def stopped(rows: Rows, case: Case, tool: Tool) -> bool:
    """Whether a tool was stopped for its time, and so gave no answer."""
    found = [r for r in rows if r["case"] == case.label and r["tool"] == tool.label]
    return bool(found) and str(found[0].get("status", "")).startswith("stopped")


def faster(case: Case, ours: Tool, peer: Tool, times: float) -> Target:
    """The peer takes at least `times` as long, wall seconds, median over pairs.

    A peer that was stopped counts with the seconds that it was given.
    """

    def figure(rows: Rows) -> float | None:
        mine = row(rows, case, ours)
        if mine is not None and stopped(rows, case, peer):
            return LIMIT / float(mine["wall"])
        found = _both(rows, case, ours, peer, "wall")
        return None if found is None else median(b / a for a, b in found)

    return Target(
        f"{case.label}: {ours.label} {times:g} times faster than {peer.label}",
        figure,
        lambda x: x >= times,
    )


def no_worse(case: Case, ours: Tool, peer: Tool) -> Target:
    """Mean SHD over shared seeds not above the peer's: the difference, theirs less ours."""

    def figure(rows: Rows) -> float | None:
        found = _both(rows, case, ours, peer, "shd")
        return None if found is None else fmean(b - a for a, b in found)

    return Target(
        f"{case.label}: {ours.label} SHD not above {peer.label} (difference)",
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


def agree(cases: Sequence[Case], ours: Tool, peer: Tool, least: int = 100) -> Target:
    """Share of draws on which two tests decide alike at level 0.05, of those that are not close.

    Close are draws where the peer's p-value lies in 0.02 to 0.10. Without `least` draws that are
    not, there is no figure.
    """

    def figure(rows: Rows) -> float | None:
        found = [_both(rows, case, ours, peer, "value") for case in cases]
        clear = [(a, b) for pairs in found for a, b in pairs or () if not 0.02 <= b <= 0.10]
        if len(clear) < least:
            return None
        return fmean((a < 0.05) == (b < 0.05) for a, b in clear)

    labels = " and ".join(case.label for case in cases)
    return Target(
        f"{labels}: decisions at 0.05 as {peer.label}'s, p outside 0.02 to 0.10 (share)",
        figure,
        lambda x: x >= 0.95,
    )


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
        best = max(theirs, key=lambda r: (r["f1"], -r["wall"]))  # of equals the fastest
        able = [
            median(b / a for a, b in pairs(r, best, "wall"))
            for r in mine
            if fmean(a - b for a, b in pairs(r, best, "f1")) >= 0
        ]
        return max(able, default=0.0)

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
    """Faster in the median pair, and a larger mean F1, over the seeds of both."""
    walls, scores = pairs(a, b, "wall"), pairs(a, b, "f1")
    return median(x / y for x, y in walls) < 1.0 and fmean(x - y for x, y in scores) > 0
