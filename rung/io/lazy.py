"""Columns that are fetched when they are first asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .pushdown import Pushdown, Sums

CACHE = 1 << 30  # bytes of columns that are kept


class LazyColumns(Mapping[str, NDArray[Any]]):
    """Column arrays (n,) by name, fetched from their backing and kept while there is room.

    Parameters
    ----------
    n : int
        Number of rows.
    fetchers : mapping of str to callable
        Each returns the internal values (n,) of a column.
    store : Pushdown, optional
        What the backing answers by itself, without handing out cells.
    """

    def __init__(
        self,
        n: int,
        fetchers: Mapping[str, Callable[[], NDArray[Any]]],
        store: Pushdown | None = None,
    ) -> None:
        self.n, self._store = n, store
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

    def sums(self, names: Sequence[str]) -> Sums | None:
        """Means and scatter in one pass of the backing; None if it cannot, or cells are missing."""
        if self._store is None or not self._store.covers(names):
            return None
        found = self._store.sums(names)
        return found if (found.present == found.n).all() else None

    def signature(self, name: str) -> tuple[int, int] | None:
        """Numbers that depend on the cells alone, from the backing; None if it cannot."""
        if self._store is None or name not in self._store.expressions:
            return None
        return self._store.signature(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._fetchers)

    def __len__(self) -> int:
        return len(self._fetchers)

    def __contains__(self, name: object) -> bool:
        return name in self._fetchers

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ({name: self[name] for name in self},)  # a copy elsewhere holds the cells
