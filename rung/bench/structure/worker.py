"""A process that runs learners when told: one JSON line in, one JSON line out.

Started by path, so that it also runs where rung is not installed. With `--own` it runs rung's
plugs, else the tools of `peer_tools.py`. Whatever a tool prints is dropped.

A request has "tool", "options", "data" (npz with x and perhaps sizes) and "out" (npz for the
answer). The reply has "wall" and "cpu" seconds, "peak" MiB of the process, or "error".
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np


def main() -> int:
    """Answer requests until the input ends."""
    own = "--own" in sys.argv
    replies = os.fdopen(os.dup(1), "w")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    warnings.simplefilter("ignore")
    if own:
        from rung.bench.structure.own import Own

        runner: Any = Own()
    else:
        sys.path.insert(0, str(Path(__file__).parent))
        runner = Peers()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = answer(runner, request)
        except BaseException as error:  # whatever a tool raises is an answer
            if isinstance(error, KeyboardInterrupt):
                return 130
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
    return 0


def answer(runner: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Load, prepare, run between two clocks, store."""
    with np.load(request["data"]) as stored:
        arrays = {name: stored[name] for name in stored.files}
    work = runner.ready(request["tool"], arrays, dict(request["options"]))
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    marks, extra = runner.result(found)
    if marks is not None:
        np.savez_compressed(request["out"], marks=marks)
    return {"wall": wall, "cpu": cpu, "peak": peak(), "marks": marks is not None, **extra}


def peak() -> int | None:
    """Most memory that the process held, in MiB."""
    status = Path("/proc/self/status")  # getrusage's figure is inherited through fork and exec
    if not status.exists():
        return None
    lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return round(int(lines[0].split()[1]) / 1024) if lines else None


class Peers:
    """The tools of `peer_tools.py`."""

    def ready(self, name: str, arrays: dict[str, Any], options: dict[str, Any]) -> Any:
        """A call without arguments, everything loaded."""
        import peer_tools  # type: ignore[import-not-found]

        x = arrays["x"]
        options |= peer_tools.prepare(name, x, options)
        return lambda: peer_tools.TOOLS[name](x, **options)

    def result(self, found: Any) -> tuple[Any, dict[str, Any]]:
        """Marks, or a number as "value"."""
        if isinstance(found, float):
            return None, {"value": found}
        return np.asarray(found, dtype=np.uint8), {}


if __name__ == "__main__":
    sys.exit(main())
