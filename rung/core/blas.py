"""Linear algebra in one thread."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_LOCK = threading.Lock()
_HELD: list[Any] = []  # one entry for each caller that is inside, all the same


@cache
def _libraries(with_scipy: bool) -> Any:
    """The libraries of linear algebra that are loaded, looked up before and after scipy's is."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra in one thread, for small matrices; several threads may be inside.

    Small products gain nothing from more threads: those wait for each other, and then go on waiting
    busily for tens of milliseconds. Also, sums are the same on any machine.
    """
    with _LOCK:
        made = _HELD[0] if _HELD else None
        if made is None:
            libraries = _libraries("scipy.linalg" in sys.modules)
            made = libraries.limit(limits=1, user_api="blas")
        _HELD.append(made)
    try:
        yield
    finally:
        with _LOCK:
            held = _HELD.pop()
            if not _HELD:
                held.restore_original_limits()
