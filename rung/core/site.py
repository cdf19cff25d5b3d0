"""Readout (read) and Site (read and write): an address in a computation and a lens on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import unknown


class Readout(ABC):
    """Something that can be read from the values of one run of a model."""

    @abstractmethod
    def read(self, values: Any) -> Any:
        """The part of `values` that this site looks at."""


class Site(Readout):
    """A readout that can also be written.

    Laws (tested): `read(write(r, v)) == v`, `write(r, read(r)) == r`,
    `write(write(r, v), w) == write(r, w)`. What lies downstream is recomputed by `Model.run`.
    """

    @abstractmethod
    def write(self, values: Any, value: Any) -> Any:
        """New values that differ only at this site."""


@dataclass(frozen=True)
class Column(Site):
    """The column of a table: the exact lens."""

    name: str

    def read(self, values: Mapping[str, Any]) -> Any:
        if self.name not in values:
            raise unknown(self.name, values)
        return values[self.name]

    def write(self, values: Mapping[str, Any], value: Any) -> dict[str, Any]:
        if self.name not in values:
            raise unknown(self.name, values)
        return {**values, self.name: value}
