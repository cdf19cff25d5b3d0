"""Strokes of a glyph: its centre line, their width there, and pictures redrawn from both.

A glyph is the union of discs around the points of its centre line (its medial axis, Blum 1967), so
that it can be drawn with other widths, or sheared and drawn with the same.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import float32, njit, types

from .signatures import F1, I1, INNER, OUTER, U2, float64, int64, void

C3 = types.Array(float32, 3, "C")
RF1 = types.Array(float64, 1, "C", readonly=True)
RF2 = types.Array(float64, 2, "C", readonly=True)
RI1 = types.Array(int64, 1, "C", readonly=True)


@njit(void(U2), **OUTER)
def thin(ink):
    """Thin 1s to lines of one pixel, in place; the border must be 0.

    Zhang and Suen 1984, Communications of the ACM 27:236-239, conditions (a) to (d).
    """
    rows, columns = ink.shape
    most = 0
    for r in range(rows):
        for c in range(columns):
            most += ink[r, c]
    where = np.empty((most, 2), dtype=np.int64)
    gone = np.empty(most, dtype=np.int64)
    count = 0
    for r in range(rows):
        for c in range(columns):
            if ink[r, c]:
                where[count, 0], where[count, 1] = r, c
                count += 1
    p = np.empty(9, dtype=np.int64)
    changed = True
    while changed:
        changed = False
        for half in range(2):
            lost = 0
            for i in range(count):
                r, c = where[i, 0], where[i, 1]
                p[0], p[1], p[2], p[3] = (
                    ink[r - 1, c],
                    ink[r - 1, c + 1],
                    ink[r, c + 1],
                    ink[r + 1, c + 1],
                )
                p[4], p[5], p[6], p[7] = (
                    ink[r + 1, c],
                    ink[r + 1, c - 1],
                    ink[r, c - 1],
                    ink[r - 1, c - 1],
                )
                p[8] = p[0]
                around, steps = 0, 0
                for k in range(8):
                    around += p[k]
                    steps += p[k] == 0 and p[k + 1] == 1
                if around < 2 or around > 6 or steps != 1:
                    continue
                if half == 0:
                    keep = p[0] * p[2] * p[4] or p[2] * p[4] * p[6]
                else:
                    keep = p[0] * p[2] * p[6] or p[0] * p[4] * p[6]
                if not keep:
                    gone[lost] = i
                    lost += 1
            if lost:
                changed = True
                for k in range(lost):
                    ink[where[gone[k], 0], where[gone[k], 1]] = 0
                left, k = 0, 0
                for i in range(count):
                    if k < lost and gone[k] == i:
                        k += 1
                    else:
                        where[left, 0], where[left, 1] = where[i, 0], where[i, 1]
                        left += 1
                count = left


@njit(float64(U2, int64, int64), **INNER)
def clearance(ink, r, c):
    """Distance from the centre of pixel (r, c) to that of the nearest pixel without ink."""
    rows, columns = ink.shape
    best = 1e18
    ring = 0
    while ring * ring <= best:
        ring += 1
        for i in range(max(r - ring, 0), min(r + ring, rows - 1) + 1):
            step = 1 if abs(i - r) == ring else 2 * ring
            for j in range(c - ring, c + ring + 1, step):
                if 0 <= j < columns and ink[i, j] == 0:
                    best = min(best, float((i - r) ** 2 + (j - c) ** 2))
        if ring > rows + columns:
            break
    return np.sqrt(best)


@njit(void(U2, I1, I1, F1), **OUTER)
def clearances(ink, rows, columns, out):
    """Distance from each of the pixels (rows, columns) to the nearest one without ink."""
    for i in range(rows.shape[0]):
        out[i] = clearance(ink, rows[i], columns[i])


@njit(void(RI1, RF2, RI1, RF1, RF1, RF1, C3), **OUTER)
def stroke(glyph, points, first, width, slant, light, out):
    """Draw glyphs as unions of discs.

    glyph: (n,) which one; points: (m, 3) x, y relative to the picture's centre and relative
    radius, all in pixels; first: (glyphs + 1,) where the points of each begin; width: (n,) mean
    diameter of the discs; slant: (n,) sideways for one up; light: (n,) brightness of full ink;
    out: (n, side, side) of zeros.
    """
    n, side = out.shape[0], out.shape[1]
    far = np.empty((side, side), dtype=np.float64)
    middle = side / 2.0 - 0.5
    for i in range(n):
        far[:] = 0.5
        for k in range(first[glyph[i]], first[glyph[i] + 1]):
            radius = 0.5 * width[i] * points[k, 2]
            x = middle + points[k, 0] - slant[i] * points[k, 1]
            y = middle + points[k, 1]
            reach = radius + 0.5
            for r in range(max(0, int(np.ceil(y - reach))), min(side - 1, int(y + reach)) + 1):
                rest = reach * reach - (r - y) ** 2
                if rest < 0.0:
                    continue
                half = np.sqrt(rest)
                for c in range(max(0, int(np.ceil(x - half))), min(side - 1, int(x + half)) + 1):
                    d = np.sqrt((r - y) ** 2 + (c - x) ** 2) - radius
                    if d < far[r, c]:
                        far[r, c] = d
        for r in range(side):
            for c in range(side):
                share = min(1.0, 0.5 - far[r, c])
                out[i, r, c] = light[i] * share
