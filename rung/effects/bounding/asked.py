"""What all graphs share when bounds are asked, and what one graph says."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.data import Data
from ...core.errors import InputError
from ...core.missing import complete
from ..contrast import Contrast
from ..queries import ATE
from ..rows import targets_of
from .declared import Declared


@dataclass(frozen=True, eq=False)
class Found:
    """The bounds on one graph."""

    lower: float
    upper: float
    interval: tuple[float, float]
    method: str
    sharp: bool
    key: Hashable
    note: str = ""
    n: int = 0
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Question:
    """What all graphs share: the rows, the contrast, what is declared."""

    data: Data
    query: ATE
    contrast: Contrast
    declared: tuple[Declared, ...]
    draws: int
    seed: int

    def only(self, kind: type) -> Any:
        """The one declared assumption of a kind, or None."""
        found = [d for d in self.declared if isinstance(d, kind)]
        if len(found) > 1:
            raise InputError(f"{kind.__name__} is declared {len(found)} times; expected once")
        return found[0] if found else None

    @property
    def rng(self) -> np.random.Generator:
        """The same random numbers for every graph."""
        return np.random.default_rng(self.seed)


def rows_of(asked: Question, names: Sequence[str]) -> Data:
    """Complete rows of the names, without those whose condition sets one of them."""
    part = complete(asked.data.select(list(dict.fromkeys(names))))
    hit = [e for e, t in targets_of(part).items() if t]
    if hit and part.environment is not None:
        part = part.take(np.flatnonzero(~np.isin(part.environment, hit)))
    if part.n < 20:
        raise InputError(f"{part.n} rows are too few for bounds; at least 20 are needed")
    return part
