"""Pairs: each clean input beside a corrupt one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.errors import InputError
from .inputs import Batch


@dataclass(frozen=True, eq=False)
class Pairs:
    """Clean inputs and corrupt ones, row by row.

    On them a total effect is what the corruption does to the outcome; a mediator carries what of
    it is undone when the mediator alone is set back to its clean value.

    Parameters
    ----------
    clean, corrupt : inputs of the network
        A tensor, a tuple of arguments, or a mapping of keywords, with as many rows each.
    """

    clean: Any
    corrupt: Any

    def __post_init__(self) -> None:
        n, m = (batch.n for batch in self.batches)
        if n != m:
            raise InputError(f"Pairs: {n} clean rows and {m} corrupt ones")

    @property
    def batches(self) -> tuple[Batch, Batch]:
        """Both as batches."""
        return Batch.of(self.clean), Batch.of(self.corrupt)

    def __len__(self) -> int:
        return self.batches[0].n
