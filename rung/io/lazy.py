"""Columns that are fetched when they are first asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE = 1 << 30  # bytes of columns that are kept


class LazyColumns(Mapping[str, NDArray[Any]]):
    """Column arrays (n,) by name, fetched from their backing and kept while there is room.

    Parameters
    ----------
    n : int
        Number of rows.
    fetchers : mapping of str to callable
        Each returns the internal values (n,) of a column.
    """

    def __init__(self, n: int, fetchers: Mapping[str, Callable[[], NDArray[Any]]]) -> None:
        self.n = n
        self._fetchers = dict(fetchers)
        self._kept: OrderedDict[str, NDArray[Any]] = OrderedDict()

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        column = np.asarray(self._fetchers[name](), dtype=np.float64)
        column.flags.writeable = False
        self._kept[name] = column
        while sum(c.nbytes for c in self._kept.values()) > CACHE and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._fetchers)

    def __len__(self) -> int:
        return len(self._fetchers)

    def __contains__(self, name: object) -> bool:
        return name in self._fetchers

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ({name: self[name] for name in self},)  # a copy elsewhere holds the cells
