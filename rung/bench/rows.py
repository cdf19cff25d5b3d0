"""Many rows: a table larger than memory is profiled and searched, moments made by the store."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..core.graph import Graph
from .registry import Row

NAME = "structure-rows"
KIND = "benchmark"
CLAIM = (
    "A CSV and a Parquet file of 50 million rows and 12 columns are read, profiled and searched "
    "within 8 GiB, with one pass over the rows for the moments, and the true class is found."
)
ROWS = 50_000_000
LIMIT = 8 * 1024  # MiB
TRUTH = Graph.parse(
    "x1 -> x3 <- x2; x3 -> x4; x3 -> x5; x4 -> x6 <- x5; x6 -> x7; x2 -> x8 <- x9; x8 -> x10; "
    "x10 -> x11 <- x7; x11 -> x12"
)


def statement(n: int) -> str:
    """SQL of `n` rows of a linear Gaussian SCM over TRUTH, weights 0.8, unit noise."""
    names = TRUTH.topological_order()
    noise = ", ".join(
        f"sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) AS e{name[1:]}" for name in names
    )
    inner = f"SELECT {noise} FROM range({n})"
    for name in names:
        terms = [f"0.8 * {p}" for p in TRUTH.parents(name)] + [f"e{name[1:]}"]
        inner = f"SELECT *, {' + '.join(terms)} AS {name} FROM ({inner})"
    columns = ", ".join(f"CAST(x{i} AS DECIMAL(9, 5)) AS x{i}" for i in range(1, 13))
    return f"SELECT {columns} FROM ({inner})"


def make(n: int, path: Path) -> None:
    """Write the rows as the file's kind says."""
    import duckdb

    form = "(FORMAT parquet)" if path.suffix == ".parquet" else "(FORMAT csv, HEADER)"
    folder = str(path.parent)
    temporary: dict[str, Any] = {"memory_limit": "2GB", "temp_directory": folder, "threads": 2}
    with duckdb.connect(config=temporary) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SELECT setseed(0.5)")
        connection.execute(f"COPY ({statement(n)}) TO '{path}' {form}")


def look(path: str) -> dict[str, Any]:
    """Seconds of each step on a file, peak MiB, and whether the class is right; its own process."""
    import time

    import rung
    from rung.bench.structure.worker import peak
    from rung.graphs import cpdag
    from rung.io.profile import profile

    out: dict[str, Any] = {}
    began = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal began
        out[f"{name}, seconds"] = round(time.perf_counter() - began, 2)
        began = time.perf_counter()

    data = rung.read(path)
    lap("read")
    profile(data)
    lap("profile")
    out["in one pass"] = getattr(data.columns, "sums")(data.names) is not None  # noqa: B009
    lap("moments")
    found = rung.discover(data, rung.FLOP())
    lap("search")
    wanted = cpdag(TRUTH)
    out |= {
        "rows": data.n,
        "peak, MiB": peak(),
        "right": found.graph.reorder(wanted.names) == wanted,
    }
    return out


def run(seeds: int = 1, rows: int = ROWS) -> Row:
    """Make both files in a temporary folder and look at each in a new process."""
    figures: dict[str, Any] = {}
    holds = True
    with tempfile.TemporaryDirectory(prefix="rung-rows-") as folder:
        for suffix in ("parquet", "csv"):
            path = Path(folder) / f"table.{suffix}"
            make(rows, path)
            size = path.stat().st_size / 2**20
            done = subprocess.run(
                [sys.executable, "-m", "rung.bench.rows", str(path)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            found = json.loads(done.stdout.splitlines()[-1])
            path.unlink()
            figures |= {f"{suffix}: file, MiB": round(size)}
            figures |= {f"{suffix}: {key}": value for key, value in found.items()}
            holds &= found["right"] and found["in one pass"] and found["peak, MiB"] <= LIMIT
    return Row(NAME, CLAIM, figures, holds, seeds)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look(sys.argv[1])) + "\n")
