"""What federated methods share: text in arrays, a checked site, sizes of what travels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError, NotSupported, unknown
from ..core.knowledge import Knowledge
from ..core.missing import complete
from ..core.protocols import State
from ..core.variable import Variable

Bytes = NDArray[np.uint8]


def pack(value: Any) -> Bytes:
    """A JSON value as an array of bytes."""
    return np.frombuffer(json.dumps(value, default=str).encode(), dtype=np.uint8)


def unpack(array: NDArray[Any]) -> Any:
    """What `pack` packed."""
    return json.loads(np.asarray(array, dtype=np.uint8).tobytes())


def described(variables: Sequence[Variable]) -> list[list[Any]]:
    """Name, levels (None for numbers) and unit of each variable, as JSON holds them."""
    rows = [[v.name, v.levels if v.discrete else None, v.unit] for v in variables]
    return list(json.loads(json.dumps(rows, default=str)))


def pack_knowledge(knowledge: Knowledge) -> Bytes:
    """Knowledge as an array of bytes."""
    known = knowledge
    return pack([known.required, known.forbidden, known.tiers, known.ties])


def unpack_knowledge(array: NDArray[Any]) -> Knowledge:
    """The knowledge that `pack_knowledge` packed."""
    required, forbidden, tiers, ties = unpack(array)
    tied = tuple(tuple((a, b) for a, b in group) for group in ties)
    return Knowledge(required, forbidden, tiers, tied)


def pack_generator(rng: np.random.Generator) -> Bytes:
    """The state of a generator, so that the server's search draws what one here would draw."""
    bits = rng.bit_generator
    if not isinstance(bits, np.random.PCG64):
        bits = np.random.PCG64(int(rng.integers(2**63)))
    return pack(bits.state)


def unpack_generator(array: NDArray[Any]) -> np.random.Generator:
    """The generator that `pack_generator` packed."""
    bits = np.random.PCG64()
    bits.state = unpack(array)
    return np.random.Generator(bits)


def first_state(
    variables: Sequence[Variable],
    knowledge: Knowledge | None,
    rng: np.random.Generator | int,
) -> dict[str, NDArray[Any]]:
    """What every first state holds: variables, knowledge, generator, round 1, not finished.

    Raises
    ------
    UnknownName, KnowledgeConflict, InputError
        Of the knowledge; fewer than one variable, or values that are arrays.
    """
    known = knowledge or Knowledge()
    known.matrices([v.name for v in variables])
    shaped = [v.name for v in variables if v.shape]
    if shaped or not variables:
        raise InputError(
            f"column {shaped[0]!r} holds arrays; a federation works on numbers and levels"
            if shaped
            else "there is no variable to learn about"
        )
    return {
        "variables": pack(described(variables)),
        "knowledge": pack_knowledge(known),
        "generator": pack_generator(np.random.default_rng(rng)),
        "round": np.ones(1, dtype=np.int64),
        "finished": np.zeros(1, dtype=np.int64),
    }


def rows_of_site(state: State, data: Data, who: str) -> Data:
    """The site's columns in the order of the exchange, complete and finite.

    Raises
    ------
    UnknownName, InputError
        A variable that the site lacks; other levels or another unit; infinite cells.
    MissingCells
        Missing cells without a declared policy.
    NotSupported
        Conditions with targets.
    """
    if data.targets is not None and data.targets.any():
        raise NotSupported(f"{who} cannot use conditions with targets; leave those rows out")
    wanted = unpack(state["variables"])
    for name, levels, unit in wanted:
        if name not in data.names:
            raise unknown(name, data.names)
        (_, own, measured) = described([data.variable(name)])[0]
        if own != levels:
            raise InputError(
                f"column {name!r} has {_levels(own)} here and {_levels(levels)} in the exchange; "
                "all sites must agree: read it with the same kind and levels everywhere"
            )
        if unit is not None and measured is not None and unit != measured:
            raise InputError(
                f"column {name!r} is in {measured} here and in {unit} in the exchange; convert it"
            )
    part = complete(data.select([name for name, _, _ in wanted]))
    for name in part.names:
        bad = np.isinf(np.asarray(part.column(name), dtype=np.float64))
        if bad.any():
            raise InputError(
                f"column {name!r} is infinite in {int(bad.sum())} rows (first: row "
                f"{int(bad.argmax())}); mark these cells as missing, or leave the rows out"
            )
    return part


def _levels(levels: Any) -> str:
    return "numbers" if levels is None else f"the levels {levels}"


def size(arrays: Mapping[str, NDArray[Any]]) -> int:
    """Bytes of the arrays as they travel, without the names."""
    return sum(int(np.asarray(a).nbytes) for a in arrays.values())


def shapes(arrays: Mapping[str, NDArray[Any]]) -> dict[str, list[Any]]:
    """Type and shape of each array, as JSON holds them."""
    return {name: [str(a.dtype), list(a.shape)] for name, a in arrays.items()}
