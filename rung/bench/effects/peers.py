"""The environment of the other tools for effects (econml, dowhy, y0), and calls into it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

PLACE = ".peers-effects"


def peers_python() -> Path:
    """The interpreter of the peers: RUNG_PEERS_EFFECTS, or .peers-effects beside the package.

    Raises
    ------
    FileNotFoundError
        There is no such environment.
    """
    named = os.environ.get("RUNG_PEERS_EFFECTS")
    root = Path(named) if named else Path(__file__).parents[3] / PLACE
    for python in (root, root / "bin" / "python"):
        if python.is_file():
            return python
    raise FileNotFoundError(f"no environment of the peers at {root}: run make peers")


def ask(script: Path, *arguments: str, seconds: float = 600) -> Any:
    """What a script prints as its last line, JSON, when the peers' interpreter runs it.

    One thread, so that seconds compare with a run of rung in one thread.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [str(peers_python()), str(script), *arguments],
        capture_output=True, text=True, timeout=seconds, env={**os.environ, **threads},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{script.name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
