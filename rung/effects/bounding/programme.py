"""Sharp bounds in discrete ADMGs: a linear programme over response functions.

Balke and Pearl (1997), "Bounds on treatment effects from studies with imperfect compliance", for
an instrument; Sachs, Jonzon, Gabriel and Sjoelander (2023) for general graphs. Only the district of
the treatment is free: the other districts' factors are functions of the observed distribution (Tian
and Pearl 2002), so that the contrast is linear in the distribution of the district's responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, Overlap
from ...core.graph import Graph
from ...graphs.identification.admg import Admg, bits
from .declared import Monotone
from .solver import Solver

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_TYPES = 20_000  # response functions of a district
MOST_CELLS = 2_000_000  # values of the other nodes times response functions
MOST_SLICES = 64  # programmes


class TooLarge(InputError):
    """The programme would have too many variables."""


@dataclass(frozen=True, eq=False)
class Programme:
    """The programme of one graph: everything but the numbers of a table.

    Parameters
    ----------
    names : nodes that matter (ancestors of the outcome) in topological order
    sizes : their numbers of values
    district : nodes in one district with the treatment, whose responses are free
    slices : nodes outside of which every node of the district is a child: one programme a value
    inputs : other parents of the district outside of it
    needs : for each name the earlier ones that its conditional distribution needs
    seen : (values of `inputs`, district, types) what each type makes
    forced : the same with the treatment set, for each of the two arms
    sharp : whether the bounds are the tightest: one hidden cause may reach the whole district
    """

    names: tuple[str, ...]
    sizes: Mapping[str, int]
    treatment: str
    outcome: str
    district: tuple[str, ...]
    slices: tuple[str, ...]
    inputs: tuple[str, ...]
    needs: Mapping[str, tuple[str, ...]]
    seen: Ints
    forced: tuple[Ints, Ints]
    arms: tuple[int, int]
    sharp: bool

    @property
    def types(self) -> int:
        """Number of joint response functions."""
        return int(self.seen.shape[2])

    def bounds(
        self, table: Floats, values: Floats, solver: Solver | None = None
    ) -> tuple[float, float, float]:
        """Least and largest contrast of means of the outcome, and how far the data contradict it.

        Parameters
        ----------
        table : joint probabilities, one axis a name of `names`
        values : (k,) numbers that the outcome's values stand for
        solver : what `self.solver()` gave, so that many tables are solved faster

        Returns
        -------
        lower, upper, and the least total variation by which the table has to be moved so that the
        graph can have made it (0: not at all).

        Raises
        ------
        Overlap
            The contrast needs a conditional distribution that the table does not have.
        """
        factors = {n: self._conditional(table, n) for n in self.names}
        solver = solver or self.solver()
        costs = self._cost(factors, values, 1) - self._cost(factors, values, 0)
        low = high = misfit = 0.0
        for k, at in enumerate(_cells(self.slices, self.sizes)):
            rhs, share = self._observed(table, factors, at)
            found = solver.extremes(rhs, costs[k])
            low, high = low + found[0], high + found[1]
            misfit += share * found[2]
        return low, high, misfit

    def _conditional(self, table: Floats, name: str) -> Floats:
        """P(name | needs), axes as in `names` with length 1 where it does not depend; NaN."""
        keep = {name, *self.needs[name]}
        drop = tuple(i for i, n in enumerate(self.names) if n not in keep)
        top = table.sum(axis=drop, keepdims=True)
        bottom = top.sum(axis=self.names.index(name), keepdims=True)
        top, bottom = np.broadcast_arrays(top, bottom)
        return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)

    def _at(self, factor: Floats, at: Mapping[str, Any]) -> Any:
        """Values of a factor at values (ints, or arrays over the types) of the names."""
        index = [
            at[n] if factor.shape[i] > 1 else 0 for i, n in enumerate(self.names)
        ]  # fmt: skip
        return factor[tuple(index)]

    def solver(self) -> Solver:
        """For the programmes of tables: what each type makes at each value of the inputs."""
        from scipy import sparse

        shape = [self.sizes[n] for n in self.district]
        cells = np.ravel_multi_index(tuple(np.moveaxis(self.seen, 1, 0)), shape)
        width, blocks = prod(shape), len(cells)
        rows = (cells + width * np.arange(blocks)[:, None]).ravel()
        columns = np.tile(np.arange(self.types), blocks)
        ones = np.ones(len(rows))
        return Solver(
            sparse.csr_matrix((ones, (rows, columns)), shape=(width * blocks, self.types))
        )

    def _observed(
        self, table: Floats, factors: Mapping[str, Floats], at: Mapping[str, int]
    ) -> tuple[Floats, float]:
        """The district's factor at each value of the inputs (NaN where never seen); the share."""
        blocks = []
        for given in _cells(self.inputs, self.sizes):
            block = []
            for own in _cells(self.district, self.sizes):
                value: Any = 1.0
                for n in self.district:
                    p = self._at(factors[n], {**dict.fromkeys(self.names, 0), **at, **given, **own})
                    value = 0.0 if value == 0 or p == 0 else value * p
                block.append(float(value))
            blocks.append(np.full(len(block), np.nan) if np.isnan(block).any() else np.array(block))
        drop = tuple(i for i, n in enumerate(self.names) if n not in self.slices)
        share = table.sum(axis=drop)
        order = [n for n in self.names if n in self.slices]
        return np.concatenate(blocks), float(share[tuple(at[n] for n in order)])

    def _cost(self, factors: Mapping[str, Floats], values: Floats, arm: int) -> Floats:
        """Mean of the outcome under one arm for each slice and type: (slices, types)."""
        outside = [n for n in self.names if n not in self.district]
        place = {cell: k for k, cell in enumerate(product(*(range(self.sizes[n])
                 for n in self.slices)))}  # fmt: skip
        shape = [self.sizes[n] for n in self.inputs]
        out = np.zeros((len(place), self.types))
        for at in _cells(outside, self.sizes):
            block = int(np.ravel_multi_index([at[n] for n in self.inputs], shape)) if shape else 0
            made = dict(zip(self.district, self.forced[arm][block], strict=True))
            weight: Any = np.ones(self.types)
            for n in outside:
                p = np.broadcast_to(self._at(factors[n], {**at, **made}), self.types)
                weight = np.where(weight == 0, 0.0, weight * p)
            if np.isnan(weight).any():
                raise Overlap(
                    f"the effect of {self.treatment} on {self.outcome} needs distributions at "
                    "values that never occur together in the rows: merge levels"
                )
            score = values[made[self.outcome] if self.outcome in made else at[self.outcome]]
            out[place[tuple(at[n] for n in self.slices)]] += weight * score
        return out


def _cells(names: Sequence[str], sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    for cell in product(*(range(sizes[n]) for n in names)):
        yield dict(zip(names, cell, strict=True))


def programme(
    graph: Graph,
    sizes: Mapping[str, int],
    treatment: str,
    outcome: str,
    arms: tuple[int, int],
    monotone: Sequence[Monotone] = (),
) -> Programme | None:
    """The programme of a graph; None if the treatment does not reach the outcome.

    Parameters
    ----------
    graph : DAG or ADMG of measured nodes
    sizes : number of values of each
    arms : values of the treatment, (control, treated)

    Raises
    ------
    TooLarge
        The district has too many response functions.
    InputError
        A declared monotone response whose cause is not a parent of its effect.
    """
    whole = Admg.of(graph)
    v = whole.ancestors(whole.mask([outcome]), whole.all)
    if not v & whole.mask([treatment]):
        return None
    inside = next(c for c in whole.districts(v) if c & whole.mask([treatment]))
    names, district = whole.named(v), whole.named(inside)
    parents = {n: whole.named(whole.parents[i] & v) for i, n in enumerate(whole.names)}
    causes = _causes(monotone, parents)
    outer = [n for n in names if n not in district and any(n in parents[d] for d in district)]
    slices = tuple(n for n in outer if n not in causes and all(n in parents[d] for d in district))
    inputs = tuple(n for n in outer if n not in slices)
    own = {d: tuple(p for p in parents[d] if p not in slices) for d in district}
    tables = [_responses(d, own[d], sizes, monotone) for d in district]
    count = prod(len(t) for t in tables)
    outside = prod(sizes[n] for n in names if n not in district)
    many = prod(sizes[n] for n in slices)
    if count > MOST_TYPES or count * outside > MOST_CELLS or many > MOST_SLICES:
        raise TooLarge(
            f"the responses of {', '.join(district)} have {count:,} types at {outside:,} values of "
            "the other nodes: too many for linear programmes"
        )
    made = [
        _made(district, own, inputs, sizes, tables, fixed)
        for fixed in ({}, {treatment: arms[0]}, {treatment: arms[1]})
    ]
    joined = all((whole.siblings[i] | 1 << i) & inside == inside for i in bits(inside))
    return Programme(
        names, sizes, treatment, outcome, district, slices, inputs, _needs(whole, v), made[0],
        (made[1], made[2]), arms, joined,
    )  # fmt: skip


def _causes(monotone: Sequence[Monotone], parents: Mapping[str, Sequence[str]]) -> set[str]:
    """Causes of declared monotone responses."""
    for item in monotone:
        if item.effect not in parents or item.cause not in parents[item.effect]:
            raise InputError(
                f"{item!r}: {item.cause!r} is not a parent of {item.effect!r} in the graph; "
                "declare a response to a direct cause"
            )
    return {item.cause for item in monotone}


def _needs(whole: Admg, v: int) -> dict[str, tuple[str, ...]]:
    """Earlier nodes that each node depends on: its district among those so far, their parents."""
    out = {}
    for node in bits(v):
        within = v & ((1 << (node + 1)) - 1)
        needed = next(c for c in whole.districts(within) if c >> node & 1)
        for i in bits(needed):
            needed |= whole.parents[i] & v
        out[whole.names[node]] = whole.named(needed & ~(1 << node) & within)
    return out


def _responses(
    node: str, parents: tuple[str, ...], sizes: Mapping[str, int], monotone: Sequence[Monotone]
) -> Ints:
    """All functions from values of the parents to the node: (functions, values of parents)."""
    shape = [sizes[p] for p in parents]
    count = float(sizes[node]) ** prod(shape)
    if count > 50 * MOST_TYPES:
        raise TooLarge(f"{node} has {count:.3g} responses to {', '.join(parents)}, too many")
    grids = np.indices([sizes[node]] * prod(shape)).reshape(prod(shape), -1).T
    keep = np.ones(len(grids), dtype=bool)
    for item in monotone:
        if item.effect == node:
            steps = np.diff(grids.reshape(-1, *shape), axis=1 + parents.index(item.cause))
            steps = steps.reshape(len(grids), -1)
            keep &= (steps >= 0).all(axis=1) if item.increasing else (steps <= 0).all(axis=1)
    return np.asarray(grids[keep], dtype=np.int64)


def _made(
    district: Sequence[str],
    parents: Mapping[str, tuple[str, ...]],
    inputs: Sequence[str],
    sizes: Mapping[str, int],
    tables: Sequence[Ints],
    fixed: Mapping[str, int],
) -> Ints:
    """What every joint type makes for every value of the inputs: (values, district, types)."""
    kinds = np.indices([len(t) for t in tables]).reshape(len(tables), -1)
    out = []
    for given in _cells(inputs, sizes):
        at: dict[str, Any] = dict(given)
        for k, n in enumerate(district):
            if n in fixed:
                at[n] = np.full(kinds.shape[1], fixed[n])
                continue
            where: Any = 0
            for p in parents[n]:
                where = where * sizes[p] + at[p]
            at[n] = tables[k][kinds[k], where]
        out.append([at[n] for n in district])
    return np.array(out, dtype=np.int64).reshape(-1, len(district), kinds.shape[1])
