"""The command line: `rung plan | analyse | rerun | profile | discover | effect | whatif ...`."""

from __future__ import annotations

from .main import main

__all__ = ["main"]
