"""Anti-aliased pictures of simple shapes: painted one over the other by signed distance.

Coordinates are shares of the picture's side, x to the right, y up. A pixel's coverage is taken from
the signed distance of its centre to the shape's edge, in pixels: 1 half a pixel inside, 0 half a
pixel outside.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import float32, njit, types

from .signatures import INNER, OUTER, float64, int64, void

G3 = types.Array(float64, 3, "C")
J2 = types.Array(int64, 2, "C")
R4 = types.Array(float32, 4, "C")

DISC, BOX, TRIANGLE, ELLIPSE, HEART, BAR = range(6)
PARTS = 9  # numbers of a shape: x, y, a, b, turn, red, green, blue, opacity


@njit(float64(float64, float64, float64), **INNER)
def clamp(value, low, high):
    """The nearest number to `value` in [low, high]."""
    return min(max(value, low), high)


@njit(float64(float64, float64), **INNER)
def triangle(x, y):
    """Signed distance to the equilateral triangle of circumradius 1, tip up."""
    k = np.sqrt(3.0)
    side = k / 2.0
    x = abs(x) - side
    y = y + 0.5
    if x + k * y > 0.0:
        x, y = (x - k * y) / 2.0, (-k * x - y) / 2.0
    x -= clamp(x, -2.0 * side, 0.0)
    return -np.sqrt(x * x + y * y) * np.sign(y)


@njit(float64(float64, float64), **INNER)
def heart(x, y):
    """Signed distance to a heart of height about 1.1 with its tip at (0, 0)."""
    x = abs(x)
    if x + y > 1.0:
        return np.sqrt((x - 0.25) ** 2 + (y - 0.75) ** 2) - np.sqrt(2.0) / 4.0
    m = 0.5 * max(x + y, 0.0)
    near = min(x * x + (y - 1.0) ** 2, (x - m) ** 2 + (y - m) ** 2)
    return np.sqrt(near) * np.sign(x - y)


@njit(float64(int64, float64, float64, float64, float64), **INNER)
def distance(kind, x, y, a, b):
    """Signed distance of a point, in the shape's own frame, to its edge; negative inside.

    Disc of radius a; box of half sides a, b; triangle of circumradius a; ellipse of half axes a, b
    (first order); heart of size a; bar of half length a and half thickness b, round at its ends.
    """
    if kind == DISC:
        return np.sqrt(x * x + y * y) - a
    if kind == BOX:
        p, q = abs(x) - a, abs(y) - b
        out = np.sqrt(max(p, 0.0) ** 2 + max(q, 0.0) ** 2)
        return out + min(max(p, q), 0.0)
    if kind == TRIANGLE:
        return triangle(x / a, y / a) * a
    if kind == ELLIPSE:
        p, q = x / a, y / b
        level = np.sqrt(p * p + q * q)
        slope = np.sqrt((p / a) ** 2 + (q / b) ** 2)
        return level * (level - 1.0) / slope if slope > 0.0 else -min(a, b)
    if kind == HEART:
        size = 2.0 * a
        return heart(x / size, y / size + 0.55) * size
    along = x - clamp(x, -a, a)
    return np.sqrt(along * along + y * y) - b


@njit(float64(int64, float64, float64, float64), **INNER)
def coverage(kind, inside, a, b):
    """Share of a pixel that is covered; `inside`: pixels from its centre to the edge."""
    most = 1.0
    if kind == BAR:
        most = min(1.0, 2.0 * b)
    elif kind == BOX:
        most = min(1.0, 2.0 * a) * min(1.0, 2.0 * b)
    return clamp(inside + 0.5, 0.0, most)


@njit(void(J2, G3, R4), **OUTER)
def paint(kinds, parts, out):
    """Paint shapes, the first lowest, over the pictures in `out`.

    kinds: (n, k) kind of each shape, negative for none; parts: (n, k, PARTS); out:
    (n, channels, side, side), holding the background; one channel takes red.
    """
    n, channels, side = out.shape[0], out.shape[1], out.shape[2]
    for i in range(n):
        for s in range(kinds.shape[1]):
            kind = kinds[i, s]
            if kind < 0:
                continue
            x0, y0, a, b, turn = (
                parts[i, s, 0],
                parts[i, s, 1],
                parts[i, s, 2],
                parts[i, s, 3],
                parts[i, s, 4],
            )
            opacity = parts[i, s, 8]
            cos, sin = np.cos(turn), np.sin(turn)
            if kind in (BOX, BAR):
                long = a + b if kind == BAR else a
                wide, high = abs(cos) * long + abs(sin) * b, abs(sin) * long + abs(cos) * b
            else:
                wide = high = 1.4 * max(a, b)
            left = int(max(0.0, np.floor((x0 - wide) * side - 1.0)))
            right = int(min(float(side), np.ceil((x0 + wide) * side + 1.0)))
            top = int(max(0.0, np.floor((1.0 - y0 - high) * side - 1.0)))
            bottom = int(min(float(side), np.ceil((1.0 - y0 + high) * side + 1.0)))
            for r in range(top, bottom):
                dy = 1.0 - (r + 0.5) / side - y0
                for c in range(left, right):
                    dx = (c + 0.5) / side - x0
                    u, v = cos * dx + sin * dy, cos * dy - sin * dx
                    inside = -distance(kind, u, v, a, b) * side
                    share = opacity * coverage(kind, inside, a * side, b * side)
                    if share > 0.0:
                        for channel in range(channels):
                            below = out[i, channel, r, c]
                            out[i, channel, r, c] = below + share * (
                                parts[i, s, 5 + channel] - below
                            )
