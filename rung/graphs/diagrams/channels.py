"""Channels: an interpretation of diagrams as column-stochastic matrices."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from rung.core.errors import InputError, unknown
from rung.core.result import frozen
from rung.core.scm import SCM

from .syntax import Box, StringDiagram

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Channels:
    """A functor from string diagrams to stochastic matrices (columns sum to 1).

    Jacobs, Kissinger and Zanasi (2018), section 3: an object is a finite set, a box a channel, copy
    |x> -> |xx>, discard a row of ones, the uniform state a column of 1/n, side by side is the
    Kronecker product.

    Parameters
    ----------
    sizes : number of values of each object
    tables : for each box name an array (sizes of its outputs ..., sizes of its inputs ...) of
        probabilities of the outputs given the inputs

    Raises
    ------
    InputError
        Entries that are negative or not finite, or columns that do not sum to 1.
    """

    sizes: Mapping[str, int]
    tables: Mapping[str, Floats]

    def __post_init__(self) -> None:
        if any(size < 1 for size in self.sizes.values()):
            raise InputError(f"sizes {dict(self.sizes)}: every object needs at least one value")
        tables = {k: frozen(np.asarray(t, dtype=np.float64)) for k, t in self.tables.items()}
        for name, table in tables.items():
            if not np.isfinite(table).all() or (table < 0).any():
                raise InputError(f"the table of box {name!r} has entries that are no probabilities")
        object.__setattr__(self, "tables", tables)

    @classmethod
    def of_scm(cls, model: SCM) -> Channels:
        """The conditional probability tables of a model whose nodes are all discrete.

        Raises
        ------
        InputError
            A node is not discrete, or the model is under interventions (cut the diagram instead).
        """
        if model.interventions:
            raise InputError("the model is under interventions: cut its diagram instead")
        for v in model.variables:
            if not v.discrete:
                raise InputError(f"{v.name!r} is {v.kind}: a diagram of matrices needs levels")
        sizes = {v.name: v.size for v in model.variables}
        tables = {}
        for name in model.graph.names:
            parents = model.graph.parents(name)
            shape = tuple(sizes[p] for p in parents)
            grid = np.indices(shape).reshape(len(parents), prod(shape)).astype(np.float64)
            given = dict(zip(parents, grid, strict=True))
            rows = model.mechanisms[name].probabilities(given, prod(shape))
            tables[name] = np.moveaxis(rows.reshape(*shape, sizes[name]), -1, 0)
        return cls(sizes, tables)

    def array(self, diagram: StringDiagram) -> Floats:
        """The channel of a diagram: one axis an output, then one an input.

        Raises
        ------
        UnknownName, InputError
            A box without a table or an object without a size; a table of another shape.
        """
        for obj in diagram.wires:
            if obj not in self.sizes:
                raise unknown(obj, self.sizes, "object")
        size = [self.sizes[obj] for obj in diagram.wires]
        operands: list[object] = []
        for w, box in _made(diagram):
            made = list(range(w, w + len(box.outputs)))
            operands += [self._table(box), [*made, *box.inputs]]
        ends: list[int] = []
        for w in (*diagram.outputs, *range(len(diagram.inputs))):  # an end is a copy of its wire
            size.append(size[w])
            operands += [np.eye(size[w]), [len(size) - 1, w]]
            ends.append(len(size) - 1)
        if len(size) > len(string.ascii_letters):
            raise InputError(
                f"a diagram of {len(size)} wires and ends is too large for a table "
                f"({len(string.ascii_letters)} at most)"
            )
        if not operands:
            return np.array(1.0)
        return np.asarray(np.einsum(*operands, ends, optimize="greedy"))  # type: ignore[call-overload]

    def matrix(self, diagram: StringDiagram) -> Floats:
        """The column-stochastic matrix (product of output sizes, product of input sizes)."""
        rows = prod(self.sizes[obj] for obj in diagram.made)
        columns = prod(self.sizes[obj] for obj in diagram.inputs)
        return self.array(diagram).reshape(rows, columns)

    def _table(self, box: Box) -> Floats:
        if box.uniform:
            size = self.sizes[box.outputs[0]]
            return np.full(size, 1 / size)
        if box.name not in self.tables:
            raise unknown(box.name, self.tables, "box")
        table = self.tables[box.name]
        made = tuple(self.sizes[o] for o in box.outputs)
        axes = tuple(range(len(made)))
        if table.ndim != len(made) + len(box.inputs) or table.shape[: len(made)] != made:
            raise InputError(
                f"the table of box {box.name!r} has shape {table.shape}; expected an axis for each "
                f"output, of sizes {made}, then one for each of its {len(box.inputs)} inputs"
            )
        if not np.allclose(table.sum(axis=axes), 1, atol=1e-9):
            raise InputError(
                f"the table of box {box.name!r} does not sum to 1 over its outputs (first axes)"
            )
        return table


def _made(diagram: StringDiagram) -> list[tuple[int, Box]]:
    """Each box with the number of its first output wire."""
    out, first = [], len(diagram.inputs)
    for box in diagram.boxes:
        out.append((first, box))
        first += len(box.outputs)
    return out
