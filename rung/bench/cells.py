"""Long evidence in cells: each is measured apart and written as it ends, so that a row resumes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ..core.budget import Run
from .registry import RESULTS, machine, versions, write

logger = logging.getLogger(__name__)
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One measurement, of at most ten minutes.

    Parameters
    ----------
    key : str
        Names its file: model, world, seed.
    settings : mapping
        JSON-ready; everything that the figures depend on. A stored cell with other settings is
        measured again.
    """

    key: str
    settings: Mapping[str, Any]


def folder(name: str, results: Path = RESULTS) -> Path:
    """Where the cells of a row are kept."""
    return results / "cells" / name


def stored(name: str, cell: Cell, results: Path = RESULTS) -> dict[str, Any] | None:
    """The cell as it was measured; None if never, or with other settings."""
    path = folder(name, results) / f"{cell.key}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    same = found.get("settings") == json.loads(json.dumps(dict(cell.settings)))
    return found if same else None


def measured(
    name: str,
    cells: Sequence[Cell],
    measure: Callable[[Mapping[str, Any]], Figures],
    *,
    processes: int = 2,
    run: Run | None = None,
    results: Path = RESULTS,
) -> dict[str, dict[str, Any]]:
    """The figures of every cell by key, those on file as they are and the others measured now.

    Parameters
    ----------
    measure : function of a module
        From the settings of a cell to its figures.
    processes : int
        Cells measured side by side, each with one thread.
    run : Run, optional
        When spent, no further cell is begun, and the cells that are missing stay so.
    """
    out, todo = {}, []
    for cell in cells:
        found = stored(name, cell, results)
        if found is None:
            todo.append(cell)
        else:
            out[cell.key] = dict(found["figures"])
    workers = min(processes, len(todo))
    if workers < 1:
        return out
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        waiting: dict[Future[tuple[dict[str, Any], float]], Cell] = {}
        while todo or waiting:
            while todo and len(waiting) < workers and not (run is not None and run.spent):
                cell = todo.pop(0)
                waiting[pool.submit(_timed, measure, dict(cell.settings))] = cell
            if not waiting:
                break
            future = next(as_completed(waiting))
            cell = waiting.pop(future)
            figures, seconds = future.result()
            _keep(name, cell, figures, seconds, results)
            logger.info("%s: %s took %.0f s", name, cell.key, seconds)
            out[cell.key] = dict(figures)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return out


def _timed(
    measure: Callable[[Mapping[str, Any]], Figures], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], float]:
    from ..deep.device import one_thread

    one_thread()
    begin = time.perf_counter()
    figures = json.loads(json.dumps(dict(measure(settings)), default=float))
    return figures, time.perf_counter() - begin


def _keep(name: str, cell: Cell, figures: Figures, seconds: float, results: Path) -> None:
    content = {
        "key": cell.key, "settings": dict(cell.settings), "figures": figures,
        "seconds": round(seconds, 1), "versions": versions(), "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    write(folder(name, results) / f"{cell.key}.json", text)
