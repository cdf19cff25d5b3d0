"""Grey pictures stretched, sheared and brightened to given second moments and brightness."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

import numpy as np
from numba import float32, float64, njit, types

from .signatures import F1, F2, INNER, OUTER, void

RF1 = types.Array(float64, 1, "C", readonly=True)
RF2 = types.Array(float64, 2, "C", readonly=True)
RF3 = types.Array(float64, 3, "C", readonly=True)
RI1 = types.Array(types.int64, 1, "C", readonly=True)
C3 = types.Array(float32, 3, "C")
FINE = 3  # places across a pixel at which the picture is looked up
HALVINGS = 24
AGAIN = 1


@njit(float64(RF2, float64), **INNER)
def brightness(picture, gain):
    """Mean brightness, weighted by itself, of min(1, gain * picture); 0 if black."""
    first, second = 0.0, 0.0
    for r in range(picture.shape[0]):
        for c in range(picture.shape[1]):
            value = min(1.0, gain * picture[r, c])
            first += value
            second += value * value
    return second / first if first > 0.0 else 0.0


@njit(float64(RF2, float64), **INNER)
def gain_of(picture, light):
    """The gain that gives a brightness, by bisection of its logarithm."""
    low, high = -10.0, 10.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if brightness(picture, np.exp(middle)) < light:
            low = middle
        else:
            high = middle
    return np.exp(0.5 * (low + high))


@njit(void(RF2, float64, F1), **INNER)
def shape_of(picture, gain, out):
    """Into out: mean x, mean y, variance of x left by y, slope of x on y, of the brightened one."""
    total, x, y, xx, xy, yy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for r in range(picture.shape[0]):
        for c in range(picture.shape[1]):
            w = min(1.0, gain * picture[r, c])
            total += w
            x += w * c
            y += w * r
            xx += w * c * c
            xy += w * c * r
            yy += w * r * r
    x, y = x / total, y / total
    xx, xy, yy = xx / total - x * x, xy / total - x * y, yy / total - y * y
    out[0], out[1], out[3] = x, y, xy / yy
    out[2] = xx - xy * xy / yy


@njit(void(RF2, F1, float64, float64, F2), **INNER)
def stretch(picture, about, scale, slant, drawn):
    """Draw a picture, upright about its mean, `scale` times as narrow, sheared; linear between
    pixels."""
    s, side = picture.shape[0], drawn.shape[0]
    zoom, middle = s / side, 0.5 * (s - 1)
    for r in range(side):
        down = (r + 0.5) * zoom - 0.5 - middle  # from the middle
        y = about[1] + down
        k = int(np.floor(y))
        v = y - k
        for c in range(side):
            total = 0.0
            for f in range(FINE):
                across = (c + (f + 0.5) / FINE) * zoom - 0.5 - middle
                x = about[0] + about[3] * down + scale * (across + slant * down)
                j = int(np.floor(x))
                u = x - j
                for dk in range(2):
                    for dj in range(2):
                        if 0 <= k + dk < s and 0 <= j + dj < s:
                            part = (v if dk else 1.0 - v) * (u if dj else 1.0 - u)
                            total += part * picture[k + dk, j + dj]
            drawn[r, c] = total / FINE


@njit(void(RI1, RF3, RF1, RF1, RF1, C3), **OUTER)
def warp(which, pictures, width, slant, light, out):
    """Draw pictures with a given width, slant and brightness.

    Each is drawn, measured and drawn again with what was amiss taken off.

    which: (n,) rows of pictures (m, s, s) in [0, 1]; width: (n,) root of 12 times the variance of x
    that y leaves, in pixels of `pictures`; slant: (n,) sideways for one up; light: (n,) as
    `brightness` has it; out: (n, side, side), of any side.
    """
    n, side = out.shape[0], out.shape[1]
    zoom = pictures.shape[1] / side
    about, seen, drawn = np.empty(4), np.empty(4), np.empty((side, side))
    for i in range(n):
        picture = pictures[which[i]]
        shape_of(picture, gain_of(picture, light[i]), about)
        scale, lean = np.sqrt(12.0 * about[2]) / width[i], slant[i]
        stretch(picture, about, scale, lean, drawn)
        for _ in range(AGAIN):
            shape_of(drawn, gain_of(drawn, light[i]), seen)
            scale *= zoom * np.sqrt(12.0 * seen[2]) / width[i]
            lean += slant[i] + seen[3]
            stretch(picture, about, scale, lean, drawn)
        gain = gain_of(drawn, light[i])
        for r in range(side):
            for c in range(side):
                out[i, r, c] = min(1.0, gain * drawn[r, c])
