"""How an interval allows for a graph that was learned from the same rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..inference import intervals

Interval = tuple[float, float]


@dataclass(frozen=True)
class Region:
    """A union of intervals, what it means, and the Monte-Carlo error of its end points."""

    intervals: tuple[Interval, ...]
    words: str
    error: tuple[float, float] = (0.0, 0.0)

    @property
    def hull(self) -> Interval:
        """From the lowest to the highest point."""
        return self.intervals[0][0], self.intervals[-1][1]


class Selection(ABC):
    """A way to get a region that holds the effect although the graph was learned."""

    @abstractmethod
    def region(self, study: Any, answered: Sequence[Any], structure: Any) -> Region:
        """The region, from the answers on the weighted graphs or by searching again."""


@dataclass(frozen=True)
class GraphUnion(Selection):
    """Union of the intervals on the graphs found in resamples.

    Answers (adjustment sets, or none) found in at least `share` of the weight count. With
    share=0 all do.
    """

    share: float = 0.0

    def region(self, study: Any, answered: Sequence[Any], structure: Any) -> Region:
        """Union over answers with enough weight; the heaviest if none has."""
        groups: dict[Any, tuple[float, Interval]] = {}
        for a in answered:
            if a.interval is not None:
                key = a.interval
                groups[key] = (groups.get(key, (0.0, key))[0] + a.case.weight, key)
        heavy = [g for w, g in groups.values() if w >= self.share]
        chosen = heavy or [max(groups.values())[1]]
        share = f" found in at least {self.share:.0%} of them" if self.share else ""
        return Region(
            tuple(intervals.union(chosen)),
            f"the union of the intervals on {len(chosen)} different answers of the graphs{share}",
        )
