"""A worker process from the parent's side: call it, time it out, start it anew."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np

from .cases import Problem

WORKER = Path(__file__).with_name("worker.py")


def peers_python() -> Path | None:
    """The interpreter of the peers: RUNG_PEERS, or .peers beside the package; None if absent."""
    named = os.environ.get("RUNG_PEERS")
    roots = [Path(named)] if named else [Path(__file__).parents[3] / ".peers"]
    for root in roots:
        for python in (root, root / "bin" / "python"):
            if python.is_file():
                return python
    return None


class Worker:
    """One process of `worker.py`; `own` runs rung's plugs, else the peers' tools."""

    def __init__(self, own: bool) -> None:
        self.own = own
        self.folder = tempfile.TemporaryDirectory(prefix="rung-bench-")
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.folder.cleanup()

    def _begin(self) -> subprocess.Popen[str]:
        python = Path(sys.executable) if self.own else peers_python()
        if python is None:
            raise FileNotFoundError("no environment of the peers: run make peers")
        command = [str(python), str(WORKER)] + (["--own"] if self.own else [])
        if self.own:
            command = [str(python), "-m", "rung.bench.structure.worker", "--own"]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def call(
        self, tool: str, options: dict[str, Any], problem: Problem, *, limit: float
    ) -> dict[str, Any]:
        """The reply, with "marks" (d, d) where the tool found a graph; "error" or "timeout"."""
        folder = Path(self.folder.name)
        source, target = folder / "in.npz", folder / "out.npz"
        np.savez(source, x=problem.x, sizes=problem.sizes)
        target.unlink(missing_ok=True)
        if self.process is None or self.process.poll() is not None:
            self.process = self._begin()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"tool": tool, "options": options, "data": str(source), "out": str(target)}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], limit)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.stop()
            return {"timeout": limit} if not ready else {"error": "the process died"}
        reply: dict[str, Any] = json.loads(line)
        if reply.get("marks"):
            with np.load(target) as stored:
                reply["marks"] = stored["marks"]
        return reply

    def stop(self) -> None:
        """End the process; the next call starts a new one."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            self.process = None
