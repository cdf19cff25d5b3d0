"""exp for arguments of at most 0, in a form that compilers turn into vector instructions."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# (the types of arguments stand in the signature of each kernel)

from __future__ import annotations

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit
from numba.extending import intrinsic

from .signatures import float64, int64

LOW = -700.0  # exp below this counts as exp(LOW), about 1e-304
SHIFT = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number
PER_LN2 = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10


@intrinsic
def bits(typing, x):
    """The bits of a float as an integer."""

    def code(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return int64(float64), code


@intrinsic
def number(typing, i):
    """The float with the bits of an integer."""

    def code(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return float64(int64), code


# No reassociation here: it would undo the rounding by SHIFT. Callers may sum in any order.
@njit(float64(float64), cache=True, nogil=True, inline="never", fastmath={"contract"})
def exp_down(x):
    """exp(x) for x <= 0, relative error below 1e-15.

    x = k ln 2 + r; exp(r) by the polynomial of degree 10 through Chebyshev's points of
    |r| <= ln 2 / 2 (relative error 3e-16), times 2^k by its exponent bits.
    """
    x = max(x, LOW)
    t = x * PER_LN2 + SHIFT
    k = t - SHIFT
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = 2.762634488488217e-07
    p = p * r + 2.764018102035682e-06
    p = p * r + 2.4801504382383284e-05
    p = p * r + 0.00019841170269784144
    p = p * r + 0.0013888888932449572
    p = p * r + 0.008333333385668452
    p = p * r + 0.041666666666573364
    p = p * r + 0.16666666666554403
    p = p * r + 0.5000000000000006
    p = p * r + 1.0000000000000067
    p = p * r + 1.0
    return number(bits(p) + (bits(t) << 52))
