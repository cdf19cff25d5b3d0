"""Numba functions: compiled once, cached on disk, called by the families."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def drop_stale(folder: Path) -> bool:
    """Delete what was compiled from other files than those in the folder; whether there was any.

    Numba compiles kernels into those that call them, but looks at the file of the caller only to
    see whether its compiled form is up to date.
    """
    there = sorted((f.name, f.stat()) for f in os.scandir(folder) if f.name.endswith(".py"))
    stamp = "".join(f"{name} {s.st_mtime_ns} {s.st_size}\n" for name, s in there)
    kept, found = folder / "__pycache__" / "kernels.stamp", False
    with contextlib.suppress(OSError):
        if kept.exists() and kept.read_text("utf-8") == stamp:
            return False
    with contextlib.suppress(OSError):  # a folder that cannot be written was not compiled into
        kept.parent.mkdir(exist_ok=True)
        for old in kept.parent.glob("*.nb[ci]"):
            old.unlink(missing_ok=True)
            found = True
        kept.write_text(stamp, "utf-8")
    return found


drop_stale(Path(__file__).parent)
