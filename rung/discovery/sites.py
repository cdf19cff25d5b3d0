"""Sites: several tables over the same variables, whose rows do not meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

from ..core.data import Data
from ..core.errors import InputError
from ..core.moments import Counts, Moments
from ..core.source import Basis, Source
from ..core.variable import Variable
from .exchange import described


@dataclass(frozen=True, eq=False)
class Sites(Source):
    """Tables of several owners as one source, which answers with sums and never with rows.

    `discover(Sites([a, b]), Federated(...))` runs an exchange between them; a learner on moments
    or counts takes the sums as they are.

    Parameters
    ----------
    parts : sequence of Data
        Over the same variables; the first fixes their order.
    labels : sequence of str, optional
        Names of the sites; "site 1" and so on without them.
    """

    parts: Sequence[Data]
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        parts = tuple(self.parts)
        if not parts or not all(isinstance(p, Data) for p in parts):
            raise InputError("Sites needs one Data for each site: Sites([first, second])")
        labels = tuple(self.labels) or tuple(f"site {i + 1}" for i in range(len(parts)))
        if len(labels) != len(parts) or len(set(labels)) < len(labels):
            raise InputError(f"expected {len(parts)} different labels, got {list(labels)}")
        first = {row[0]: row for row in described(parts[0].variables)}
        for label, part in zip(labels, parts, strict=True):
            here = {row[0]: row for row in described(part.variables)}
            bad = [name for name in {**first, **here} if first.get(name) != here.get(name)]
            if bad:
                raise InputError(
                    f"{label!r} and {labels[0]!r} differ in {bad[0]!r}: {here.get(bad[0])} and "
                    f"{first.get(bad[0])} (name, levels, unit); all sites need the same variables"
                )
        object.__setattr__(self, "parts", tuple(p.select(parts[0].names) for p in parts))
        object.__setattr__(self, "labels", labels)

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.parts[0].variables

    @property
    def n(self) -> int:
        return sum(p.n for p in self.parts)

    def select(self, names: Sequence[str]) -> Sites:
        return replace(self, parts=tuple(p.select(names) for p in self.parts))

    def signature(self, name: str) -> Any:
        """From the columns of all sites; the order of the sites plays no part."""
        return sorted(p.signature(name) for p in self.parts)

    def moments(self, basis: Basis | None = None, *, asker: str = "this method") -> Moments:
        return _sum([p.moments(basis, asker=asker) for p in self.parts], self.variables)

    def moments_by_environment(
        self, basis: Basis | None = None, *, asker: str = "this method"
    ) -> dict[int, Moments]:
        return {i: replace(p.moments(basis, asker=asker), described=self.variables)
                for i, p in enumerate(self.parts)}  # fmt: skip

    def table(self, names: Sequence[str], *, asker: str = "this method") -> Counts:
        chosen = self.select(names)
        return _sum([p.table(names, asker=asker) for p in chosen.parts], chosen.variables)


def _sum(parts: list[Any], variables: tuple[Variable, ...]) -> Any:
    """The sum of statistics, whose numeric kinds may be named differently at each site."""
    alike: Callable[[Any], Any] = lambda part: replace(part, described=variables)  # noqa: E731
    return reduce(add, map(alike, parts))
