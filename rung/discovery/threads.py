"""Kernels that work through a range, on one thread or several."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run

Ints = NDArray[np.int64]
PIECES = 8  # parts for each thread, since some are slower than others


def threads() -> int:
    """Threads that this process may use: its processors, or fewer if the environment says so.

    `NUMBA_NUM_THREADS` and `OMP_NUM_THREADS` are what joblib sets in the processes it starts.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        count = os.cpu_count() or 1
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        said = os.environ.get(name, "")
        if said.isdigit() and int(said) > 0:
            count = min(count, int(said))
    return count


def in_parts(
    part: Callable[[int, int, Ints, Ints], int],
    size: int,
    width: int,
    run: Run,
    what: str,
    threaded: bool,
) -> tuple[list[int], int]:
    """Call part(begin, end, place, counted) until 0..size is done or the budget spent.

    `part` returns the first item not done. `place` (width,) is its own memory between calls, -1
    at first; `counted` (1,) adds up over them. Items must not depend on each other, so the number
    of threads changes nothing but the time.

    Returns
    -------
    items not done that each part would have gone on with, total of `counted`
    """

    def work(bounds: tuple[int, int], tick: bool = False) -> tuple[int, int]:
        begin, end = bounds
        place, counted = np.full(width, -1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        while begin < end and not run.spent:
            begin = part(begin, end, place, counted)
            if tick:
                run.tick(begin / size, what)
        return begin, int(counted[0])

    workers = threads() if threaded else 1
    if workers == 1:
        ranges = [(0, size)]
        results = [work((0, size), tick=True)]
    else:
        edges = np.linspace(0, size, workers * PIECES + 1).astype(int).tolist()
        ranges = list(pairwise(edges))
        with ThreadPoolExecutor(workers) as pool:
            results = []
            for k, result in enumerate(pool.map(work, ranges)):
                results.append(result)
                run.tick((k + 1) / len(ranges), what)
    stops = [b for (b, _), (_, end) in zip(results, ranges, strict=True) if b < end]
    return stops, sum(tests for _, tests in results)
