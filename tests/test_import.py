"""`import rung` is light: nothing heavy is loaded, and it takes less than 0.3 s."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    *("numba", "sklearn", "scipy", "torch", "duckdb", "pandas", "polars", "pyarrow", "narwhals"),
    *("networkx", "typer", "rich", "jinja2", "matplotlib", "safetensors", "pgmpy"),
)
CODE = """
import sys, time
import numpy
start = time.process_time()
import rung
print(time.process_time() - start)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def python(code: str) -> list[str]:
    """Lines that a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_no_heavy_module_is_loaded() -> None:
    loaded = python(CODE)[1].split()
    assert "rung" in loaded
    assert sorted(set(HEAVY) & set(loaded)) == []


def test_import_takes_less_than_three_tenths_of_a_second() -> None:
    # Processor time, best of five: whatever else the machine is doing is not counted.
    assert min(float(python(CODE)[0]) for _ in range(5)) < 0.3


def test_every_public_name_can_be_reached() -> None:
    code = (
        "import rung\nfor name in rung.__all__:\n    getattr(rung, name)\nprint(len(rung.__all__))"
    )
    assert int(python(code)[0]) > 20
