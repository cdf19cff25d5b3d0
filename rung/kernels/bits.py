"""Tables of levels counted by sets of rows, one bit a row, instead of row by row.

`cells` says where the sets lie. The rows of a cell are the intersection of the sets of its levels:
one instruction for 64 rows or more, and nothing is read of cells without rows. Cells of few rows
are counted row by row.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from .borrowed import flat
from .signatures import F1, F3, I1, I2, INNER, int64, void

# Costs, in the time that it takes to intersect one word: what a call takes besides its words,
# finding the rows of a set for each of its words, and looking up a row for each variable.
CALL, SCAN, LOOK = 60, 5, 10


@intrinsic
def _ones(context: Any, x: Any) -> Any:
    """How many bits of a number are set."""
    return x(x), lambda context, builder, signature, args: builder.ctpop(args[0])


@intrinsic
def _first(context: Any, x: Any) -> Any:
    """The lowest bit that is set in a number, which is not 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], context.get_constant(types.boolean, True))

    return x(x), generate


@njit(int64(I1, int64, I1, int64, int64), **INNER)
def shared(a, i, b, j, words):
    """How many rows the sets at a[i] and b[j] share."""
    one, other, count = a[i : i + words], b[j : j + words], 0
    for w in range(words):
        count += _ones(one[w] & other[w])
    return count


@njit(int64(I1, int64, I1, int64, I1, int64, int64), **INNER)
def meet(a, i, b, j, out, at, words):
    """The intersection of the sets at a[i] and b[j], to out[at]; how many rows it has."""
    one, other, to, count = a[i : i + words], b[j : j + words], out[at : at + words], 0
    for w in range(words):
        both = one[w] & other[w]
        to[w] = both
        count += _ones(both)
    return count


@njit(int64(int64, F3), **INNER)
def rows_for(v, F):
    """Where the set begins of the rows that may speak about v."""
    return int(F[0, 0, 2]) + (int(F[0, 0, 3]) * (1 + v) if F[0, 0, 1] else 0)


@njit(inline="always")
def cell_number(S, k, I, d):
    """How many cells the levels of S[:k] have, as a float that may be large."""
    cells = 1.0
    for i in range(k):
        cells *= I[d, S[i]]
    return cells


@njit(inline="always")
def list_rows(sets, at, words, rows):
    """The rows of the set at sets[at]; how many."""
    count, here = 0, sets[at : at + words]
    for w in range(words):
        left = here[w]
        while left != 0:
            rows[count] = 64 * w + _first(left)
            left &= left - 1
            count += 1
    return count


@njit(inline="always")
def add_rows(members, m, others, q, depth, rows, keys, total, I, F, table):
    """Add some rows, which have the same first `depth` members; `keys` holds their cells."""
    d = int(F[0, 0, 0])
    for i in range(depth, m):
        size, codes = I[d, members[i]], I[members[i]]
        for e in range(rows.shape[0]):
            level = codes[rows[e]]
            keys[e] = keys[e] * size + level if keys[e] >= 0 and level >= 0 else -1
    for e in range(rows.shape[0]):
        if keys[e] >= 0:
            table[keys[e]] += 1.0
    begin = total
    for i in range(q):
        size, codes = I[d, others[i]], I[others[i]]
        cells = table[begin:]
        for e in range(rows.shape[0]):
            level = codes[rows[e]]
            if keys[e] >= 0 and level >= 0:
                cells[keys[e] * size + level] += 1.0
        begin += total * size


@njit(inline="always")
def add_set(others, q, key, count, sets, at, total, words, I, F, table):
    """Add the set at sets[at], all `count` rows of which are in the cell `key`."""
    d, whole = int(F[0, 0, 0]), int(F[0, 0, 4])
    of_levels = flat(I)
    table[key] += count
    begin = total
    for i in range(q):
        size, start = I[d, others[i]], I[d, d + others[i]]
        place, left = begin + key * size, count
        for level in range(size - whole):
            if left == 0:
                break
            both = shared(sets, at, of_levels, start + level * words, words)
            table[place + level] += both
            left -= both
        if whole:
            table[place + size - 1] += left
        begin += total * size


@njit(void(I1, int64, I1, int64, int64, int64, I2, F3, F1), **INNER)
def count(members, m, others, q, first, second, I, F, table):
    """Tables of the rows in the sets at `first` and `second`.

    The cells of members[:m], the last of which moves fastest, and then for each of others[:q] the
    cells of the members with its levels.
    """
    d, words = int(F[0, 0, 0]), int(F[0, 0, 3])
    of_levels = flat(I)
    total, more = 1, 0
    for i in range(q):
        more += I[d, others[i]] - 1
    # intersections below a set of which the first i members are fixed
    below, level = np.zeros(m + 1, dtype=np.int64), np.zeros(m + 1, dtype=np.int64)
    key, rows = np.zeros(m + 1, dtype=np.int64), np.zeros(m + 1, dtype=np.int64)
    left = np.zeros(m + 1, dtype=np.int64)
    below[m] = more
    for i in range(m - 1, -1, -1):
        total *= I[d, members[i]]
        below[i] = I[d, members[i]] * (1 + below[i + 1])
    wide = total
    for i in range(q):
        wide += total * I[d, others[i]]
    for i in range(wide):
        table[i] = 0.0
    sets = np.empty((m + 1) * words, dtype=np.int64)
    numbers = np.empty(int(F[0, 0, 5]), dtype=np.int64)
    keys = np.empty(int(F[0, 0, 5]), dtype=np.int64)
    rows[0] = meet(of_levels, first, of_levels, second, sets, 0, words)
    depth, new = 0, True
    while depth >= 0:
        at = depth * words
        if new:
            n, new = rows[depth], False
            small = min(below[depth], n * (m - depth + more))
            if n == 0:
                depth -= 1
            elif SCAN * words + LOOK * n * (m - depth + q + 1) < small * (words + CALL):
                n = list_rows(sets, at, words, numbers)
                for e in range(n):
                    keys[e] = key[depth]
                add_rows(members, m, others, q, depth, numbers[:n], keys, total, I, F, table)
                depth -= 1
            elif depth == m:
                add_set(others, q, key[m], n, sets, at, total, words, I, F, table)
                depth -= 1
            else:
                level[depth], left[depth] = 0, n
            continue
        j, l = members[depth], level[depth]
        if l == I[d, j] or left[depth] == 0:
            depth -= 1
            continue
        level[depth] += 1
        both = meet(sets, at, of_levels, I[d, d + j] + l * words, sets, at + words, words)
        left[depth] -= both
        depth += 1
        key[depth], rows[depth], new = key[depth - 1] * I[d, j] + l, both, True
