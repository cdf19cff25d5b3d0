"""Comb disintegration: a joint state taken apart into combs that produce its variables in turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rung.core.errors import InputError, Overlap, unknown
from rung.graphs.identification.expression import Joint

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comb:
    """A joint state as a product of combs, one a group of variables.

    Parameters
    ----------
    names : (d,) variables in the order in which they are produced
    groups : which variables each comb produces
    factors : one array with d axes a group: the probability of the group's variables, each given
        all that was produced before it
    """

    names: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    factors: tuple[Floats, ...]

    def joint(self) -> Floats:
        """The combs plugged together: the state that was taken apart."""
        return np.asarray(reduce(np.multiply, self.factors))

    def cut(self, names: Iterable[str]) -> Floats:
        """The combs plugged together after each discarded its outputs among `names`.

        Array with d axes: the probability of the other variables, for each value at which the
        variables in `names` are set (where no comb uses the output that it discards).
        """
        out = np.ones((1,) * len(self.names))
        gone = set(names)
        for group, factor in zip(self.groups, self.factors, strict=True):
            axes = tuple(i for i, n in enumerate(self.names) if n in gone and n in group)
            out = out * factor.sum(axis=axes, keepdims=True)
        return np.asarray(np.broadcast_to(out, self.factors[0].shape))


def disintegrate(table: ArrayLike, names: Sequence[str], groups: Sequence[Sequence[str]]) -> Comb:
    """Take a joint state with full support apart into combs.

    A comb produces the variables of its group in turn, each after it was handed what the others
    produced before. If the state is made by such combs without a hidden wire between them, they
    are unique: the comb of a group is the product over its variables v of P(v | all before v).
    With names (A, B, C) and groups (A, C), (B) this is the theorem of Jacobs, Kissinger and Zanasi
    (2018), section 6: f(a, c | b) = P(a) P(c | a, b) and g(b | a) = P(b | a); in general each of A,
    B, C stands for several variables.

    Parameters
    ----------
    table : (k1, ..., kd) joint probabilities
    names : (d,) name of each axis, in the order of production
    groups : a partition of the names

    Raises
    ------
    InputError, UnknownName
        No joint distribution, or groups that do not partition the names.
    Overlap
        A cell has probability zero, so that the combs are not unique.
    """
    joint = Joint(np.asarray(table, dtype=np.float64), tuple(names))
    parts = tuple(tuple(group) for group in groups)
    listed = [n for group in parts for n in group]
    for name in listed:
        if name not in joint.names:
            raise unknown(name, joint.names, "axis of the table")
    if sorted(listed) != sorted(joint.names):
        raise InputError(f"groups {parts} must hold each of {joint.names} exactly once")
    if not (joint.table > 0).all():
        cell = np.argwhere(joint.table <= 0)[0].tolist()
        where = ", ".join(f"{n} = {k}" for n, k in zip(joint.names, cell, strict=True))
        raise Overlap(
            f"the joint table has probability zero at {where}: combs are unique only where every "
            "cell is positive. Merge levels, or smooth the table"
        )
    steps = {}
    for i, name in enumerate(joint.names):
        after = tuple(range(i + 1, len(joint.names)))
        top = joint.table.sum(axis=after, keepdims=True)
        steps[name] = top / top.sum(axis=i, keepdims=True)
    full = np.ones_like(joint.table)
    return Comb(joint.names, parts, tuple(
        np.asarray(reduce(np.multiply, (steps[n] for n in group), full)) for group in parts
    ))  # fmt: skip
