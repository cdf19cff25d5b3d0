"""Parent sets of every node, each grown once: what the order search of FLOP walks on.

From a parent set the candidates that raise the score are listed once, best first; a node's parents
for a prefix of the order are found by walking from set to set (`trace`): the first candidate in
the prefix is added, and where none is left the most useless parents are dropped. Sets are shared by
all walks of a node, in all orders ever looked at.

Arrays. `N` (sets, 4) int64 holds [first branch or UNKNOWN, set after dropping or NONE or UNKNOWN,
key, dropped parent], `S` their scores, `B` (branches, 2) int32 holds [candidate or NONE at the end,
set with it or UNKNOWN], `H` a hash table from key to set, `count` [sets used, branches used], `Z` a
random key for each node and for each node's smallest set. Set v is the smallest set of node v: its
required parents, listed in `R[v, 1:]` with their number in front. The score: `single` says that it
is the Gaussian one on single columns, which has its own code; else `gains` and `local`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from .signatures import (
    F1,
    F3,
    I1,
    I2,
    INNER,
    OUTER,
    TINY,
    U1,
    U2,
    GainsFunction,
    LocalFunction,
    float64,
    int64,
    void,
)  # fmt: skip

TIE = 1e-9
FULL = -1  # the arrays of sets are too short; enlarge them and go on
NONE, UNKNOWN = -1, -2
RUN = 16  # candidates sorted by insertion

B1, B2 = types.Array(types.int32, 1, "C"), types.Array(types.int32, 2, "C")
BOUND = (int64, GainsFunction, LocalFunction, U2, I2, F3, I2, F1, F1, I1)  # the score
SETS = (I2, F1, B2, B1, I1, I1)  # N, S, B, H, count, Z


@njit(float64(int64, I1, int64, U1, F1, F3, I2, F1, F1, I1), **INNER)
def column_gains(v, parents, k, allowed, out, F, I, P, W, held):
    """As `gaussian_gains` for single columns, but for what stands in `out`.

    That is the variance of v that a candidate explains, and 0 for one that does not gain.

    W keeps, after the scratch of `column_drop`, for each number of parents: the factor's last row,
    what is left of each variance, the residual covariances of v, and the rank. What they are for
    stands in `held`: [v, parents, the parents]; a set that begins like the last one goes on from
    there.
    """
    d = out.shape[0]
    m = I[1, v]
    C = F[m]
    n, penalty = P[m], P[F.shape[0]] * 0.5 * math.log(P[m])
    stride = 3 * d + 1
    levels = W[(d + 1) * (d + 1) :]
    done = 0
    if held[0] == v:
        while done < k and done < held[1] and held[2 + done] == parents[done]:
            done += 1
    else:
        held[0] = v
        for j in range(d):
            levels[d + j] = C[j, j]
            levels[2 * d + j] = C[v, j]
        levels[3 * d] = 0.0
    held[1] = k
    for i in range(done, k):
        p = parents[i]
        held[2 + i] = p
        before = levels[i * stride : (i + 1) * stride]
        after = levels[(i + 1) * stride : (i + 2) * stride]
        row = after[:d]
        pivot = before[d + p]
        if pivot < TINY:
            for j in range(d):  # a slice assigned to a slice would take seconds to compile
                row[j] = 0.0
            for j in range(d, stride):
                after[j] = before[j]
            continue
        scale = 1.0 / math.sqrt(pivot)
        line = C[p]
        for j in range(d):
            row[j] = line[j] * scale
        t = 1
        while t + 3 <= i:  # four at a time, to pass over the row less often
            at = t * stride
            a, b = levels[at : at + d], levels[at + stride : at + stride + d]
            at += 2 * stride
            e, f = levels[at : at + d], levels[at + stride : at + stride + d]
            wa, wb, we, wf = a[p] * scale, b[p] * scale, e[p] * scale, f[p] * scale
            for j in range(d):
                row[j] -= wa * a[j] + wb * b[j] + we * e[j] + wf * f[j]
            t += 4
        while t <= i:
            a = levels[t * stride : t * stride + d]
            wa = a[p] * scale
            for j in range(d):
                row[j] -= wa * a[j]
            t += 1
        left, own = before[d : 2 * d], before[2 * d : 3 * d]
        left_after, own_after = after[d : 2 * d], after[2 * d : 3 * d]
        w = row[v]
        for j in range(d):
            left_after[j] = left[j] - row[j] * row[j]
            own_after[j] = own[j] - w * row[j]
        left_after[p] = 0.0
        after[3 * d] = before[3 * d] + 1.0
    last = levels[k * stride : (k + 1) * stride]
    left, own = last[d : 2 * d], last[2 * d : 3 * d]
    for c in range(d):
        out[c] = 0.0
    base = -penalty * last[3 * d]
    if C[v, v] <= 0.0:
        return base
    base -= 0.5 * n * math.log(max(left[v], TINY))
    if left[v] < TINY:
        return base
    least = left[v] * (1.0 - math.exp(-2.0 * (penalty + TIE) / n))
    for c in range(d):
        if own[c] * own[c] > least * left[c] and allowed[c] != 0 and left[c] >= TINY:
            out[c] = own[c] * own[c] / left[c]
    return base


@njit(int64(int64, I1, int64, F1, F3, I2, F1, F1), **INNER)
def column_drop(v, parents, k, best, F, I, P, W):
    """Number of the parent of v whose loss costs least, for single columns; best[0]: that score.

    From the inverse of the parents' Cholesky factor; -1 if a parent is determined by the others.
    """
    m = I[1, v]
    C = F[m]
    n, penalty = P[m], P[F.shape[0]] * 0.5 * math.log(P[m])
    size = k + 1
    for i in range(size):  # factor over the parents, then v
        a = parents[i] if i < k else v
        for j in range(i + 1):
            b = parents[j] if j < k else v
            s = C[a, b]
            for t in range(j):
                s -= W[i * size + t] * W[j * size + t]
            if j < i:
                W[i * size + j] = s / W[j * size + j]
            elif i < k:
                if s < TINY:
                    return -1
                W[i * size + i] = math.sqrt(s)
            else:
                W[i * size + i] = max(s, TINY)
    rss = W[k * size + k]
    least, where = np.inf, 0
    for i in range(k):  # column i of the inverse factor, below the diagonal, into column i above it
        inverse = 1.0 / W[i * size + i]
        beta, norm = W[k * size + i] * inverse, inverse * inverse
        best[i] = inverse
        for t in range(i + 1, k):
            s = 0.0
            for u in range(i, t):
                s -= W[t * size + u] * best[u]
            s /= W[t * size + t]
            best[t] = s
            beta += s * W[k * size + t]
            norm += s * s
        cost = beta * beta / norm
        if cost < least:
            least, where = cost, i
    best[0] = -0.5 * n * math.log(rss + least) - penalty * (k - 1)
    return where


@njit(int64(int64, I2, F1, B2, B1, I1, int64), **INNER)
def set_of(key, N, S, B, H, count, v):
    """The set with this key, made if it is new; FULL if there is no room."""
    mask = H.shape[0] - 1
    at = key & mask
    while H[at] >= 0:
        if N[H[at], 2] == key:
            return H[at]
        at = (at + 1) & mask
    new = count[0]
    if new >= N.shape[0] or 2 * new > mask:
        return FULL
    H[at] = new
    count[0] += 1
    N[new, 0], N[new, 1], N[new, 2], N[new, 3] = UNKNOWN, UNKNOWN, key, v
    return new


@njit(void(types.Array(types.int32, 1, "A"), F1), **INNER)
def descending(ids, keys):
    """Sort ids by their keys, the largest first, ties as they come: runs of RUN, merged."""
    n = ids.shape[0]
    name, key = np.empty((2, n), dtype=np.int64), np.empty((2, n))
    for i in range(n):
        k = keys[ids[i]]
        j = i
        while j % RUN > 0 and key[0, j - 1] < k:
            key[0, j], name[0, j] = key[0, j - 1], name[0, j - 1]
            j -= 1
        key[0, j], name[0, j] = k, ids[i]
    now, width = 0, RUN
    while width < n:
        for low in range(0, n, 2 * width):
            middle, high = min(low + width, n), min(low + 2 * width, n)
            i, j = low, middle
            for to in range(low, high):
                if j >= high or (i < middle and key[now, i] >= key[now, j]):
                    key[1 - now, to], name[1 - now, to] = key[now, i], name[now, i]
                    i += 1
                else:
                    key[1 - now, to], name[1 - now, to] = key[now, j], name[now, j]
                    j += 1
        now, width = 1 - now, 2 * width
    for i in range(n):
        ids[i] = name[now, i]


@njit(int64(int64, int64, I1, int64, *BOUND, *SETS), **INNER)
def grow(
    v, node, parents, k, single, gains, local, allowed, R, F, I, P, W, held, N, S, B, H, count, Z
):  # fmt: skip
    """List the candidates that raise the score of a set, best first; FULL or 0."""
    d = allowed.shape[0]
    if count[1] + d + 1 > B.shape[0]:
        return FULL
    out = np.empty(d)
    if single:
        base = column_gains(v, parents, k, allowed[v], out, F, I, P, W, held)
        floor = 0.0
    else:
        may = allowed[v].copy()
        for i in range(k):
            may[parents[i]] = 0
        base = gains(v, parents, k, may, out, F, I, P, W)
        floor = base + TIE
        for c in range(d):
            if may[c] == 0:
                out[c] = floor
    first = count[1]
    at = first
    for c in range(d):
        if out[c] > floor:
            B[at, 0], B[at, 1] = c, UNKNOWN
            at += 1
    descending(B[first:at, 0], out)
    B[at, 0] = NONE
    count[1] = at + 1
    N[node, 0] = first
    S[node] = base
    return 0


@njit(int64(int64, int64, I1, int64, *BOUND, *SETS), **INNER)
def drop(
    v, node, parents, k, single, gains, local, allowed, R, F, I, P, W, held, N, S, B, H, count, Z
):  # fmt: skip
    """Find the parent whose loss raises the score of a set most, and the set without it."""
    fixed = R[v, 0]
    best, where = S[node] + TIE, -1
    out = np.empty(k + 1)
    found = -1
    if single and fixed == 0:
        found = column_drop(v, parents, k, out, F, I, P, W)
        if found >= 0 and out[0] > best:
            best, where = out[0], found
    if found < 0:
        trial = np.empty(k, dtype=np.int64)
        for i in range(fixed, k):
            for j in range(k - 1):
                trial[j] = parents[j] if j < i else parents[j + 1]
            value = local(v, trial, k - 1, F, I, P, W)
            if value > best:
                best, where = value, i
    if where < 0:
        N[node, 1] = NONE
        return 0
    child = set_of(N[node, 2] ^ Z[parents[where]], N, S, B, H, count, v)
    if child < 0:
        return FULL
    N[node, 1], N[node, 3] = child, parents[where]
    if N[child, 0] < 0:
        S[child] = best
    return 0


@njit(int64(int64, int64, int64, U2, I1, I1, I1, *BOUND, *SETS), **INNER)
def trace(
    v, limit, mark, looked, place, parents, out, single, gains, local, allowed, R, F, I, P, W, held,
    N, S, B, H, count, Z,
):  # fmt: skip
    """The set that v reaches with what is placed before `limit`; FULL if there is no room.

    Its parents go to `parents`. out: [their number, the largest place of a node that was added,
    the smallest place of a node outside that would have been]. mark 0 or 1: written to looked[c, v]
    for each node c looked at; else nothing is written.
    """
    k = R[v, 0]
    for i in range(k):
        parents[i] = R[v, i + 1]
    last, following = -1, allowed.shape[0]
    node = v
    shrinking = False
    while True:
        at = N[node, 0]
        if at < 0 and not shrinking:
            if grow(
                v, node, parents, k, single, gains, local, allowed, R, F, I, P, W, held, N, S, B, H,
                count, Z,
            ) < 0:  # fmt: skip
                return FULL
            at = N[node, 0]
        c = B[at, 0] if not shrinking else NONE
        while c >= 0 and place[c] >= limit:
            following = min(following, place[c])
            if mark >= 0:
                looked[c, v] = mark
            at += 1
            c = B[at, 0]
        if c >= 0:
            last = max(last, place[c])
            if mark >= 0:
                looked[c, v] = mark
            child = B[at, 1]
            if child < 0:
                child = set_of(N[node, 2] ^ Z[c], N, S, B, H, count, v)
                if child < 0:
                    return FULL
                B[at, 1] = child
            parents[k] = c
            k += 1
            node = child
            continue
        if N[node, 1] == UNKNOWN:
            if k <= R[v, 0]:
                N[node, 1] = NONE
            elif drop(
                v, node, parents, k, single, gains, local, allowed, R, F, I, P, W, held, N, S, B, H,
                count, Z,
            ) < 0:  # fmt: skip
                return FULL
        if N[node, 1] == NONE:
            break
        gone = N[node, 3]
        shrinking = True
        k -= 1
        for i in range(k):
            if parents[i] == gone:
                for j in range(i, k):
                    parents[j] = parents[j + 1]
                break
        node = N[node, 1]
    out[0], out[1], out[2] = k, last, following
    return node


@njit(void(I2, B1, I1), **OUTER)
def rehash(N, H, count):
    """Enter all sets into the hash table H again."""
    mask = H.shape[0] - 1
    for at in range(H.shape[0]):
        H[at] = NONE
    for node in range(count[0]):
        at = N[node, 2] & mask
        while H[at] >= 0:
            at = (at + 1) & mask
        H[at] = node
