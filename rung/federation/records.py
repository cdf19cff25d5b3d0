"""Between rung and Flower's records: arrays, and descriptions of columns as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.variable import Kind, Variable

ABOUT, STATE, REPLY, KEPT, DONE, RUN = "about", "state", "reply", "kept", "done", "run"


def to_record(arrays: Mapping[str, NDArray[Any]]) -> Any:
    """An ArrayRecord of named arrays."""
    from flwr.app import Array, ArrayRecord

    return ArrayRecord({name: Array(np.asarray(array)) for name, array in arrays.items()})


def from_record(record: Any) -> dict[str, NDArray[Any]]:
    """The named arrays of an ArrayRecord."""
    return {name: array.numpy() for name, array in record.items()}


def write_variables(variables: Sequence[Variable]) -> str:
    """Names, kinds, levels and units as JSON text."""
    rows = [[v.name, str(v.kind), v.levels, v.unit, list(v.shape)] for v in variables]
    return json.dumps(rows, default=str)


def read_variables(text: str) -> tuple[Variable, ...]:
    """The variables that `write_variables` wrote."""
    return tuple(
        Variable(name, Kind(kind), tuple(levels) if levels else None, unit, tuple(shape))
        for name, kind, levels, unit, shape in json.loads(text)
    )
