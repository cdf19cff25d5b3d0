"""Federated methods over real processes with Flower: the coordinator, the sites, the transcript."""

from __future__ import annotations

from .processes import Federation
from .settings import Settings

__all__ = ["Federation", "Settings"]
