"""Types shared by the kernels.

A search is one compiled function that is handed its test or score as a first-class function with
an explicit signature, plus plain arrays; so every kernel is compiled once and found in the disk
cache by later processes.

Arrays of a test or score, in this order: `F` (m, p, p) float64, usually correlation matrices;
`I` (r, c) int64, what belongs where; `P` (k,) float64, numbers such as sample sizes; `W` float64
scratch space.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType
from typing import Any

from numba import float64, int32, int64, types, uint8, void

F3 = types.Array(float64, 3, "C")
F2 = types.Array(float64, 2, "C")
F1 = types.Array(float64, 1, "C")
I2 = types.Array(int64, 2, "C")
I1 = types.Array(int64, 1, "C")
N2 = types.Array(int32, 2, "C")
U2 = types.Array(uint8, 2, "C")
U1 = types.Array(uint8, 1, "C")

# p-value of x independent of y given the first k entries of S: (x, y, S, k, F, I, P, W)
TEST = float64(int64, int64, I1, int64, F3, I2, F1, F1)
# score of a node given the first k entries of its parents: (node, parents, k, F, I, P, W)
LOCAL = float64(int64, I1, int64, F3, I2, F1, F1)
# the same, and into `out` the score with each allowed candidate added:
# (node, parents, k, allowed, out, F, I, P, W)
GAINS = float64(int64, I1, int64, U1, F1, F3, I2, F1, F1)

TestFunction = types.FunctionType(TEST)
LocalFunction = types.FunctionType(LOCAL)
GainsFunction = types.FunctionType(GAINS)

TINY = 1e-10  # residual variance of a standardised column that counts as none

OPTIONS = {"cache": True, "nogil": True}
# for kernels that only other kernels call: quicker to compile
# wrappers take half of the time to compile: called from Python, and not handed on as a value
OUTER = {**OPTIONS, "no_cfunc_wrapper": True}
# called by kernels only
INNER = {**OUTER, "no_cpython_wrapper": True}


@cache
def plain(kernel: Any) -> Any:
    """A kernel as a Python function that calls other kernels, of any file, as such too."""
    spaces: dict[int, dict[str, Any]] = {}

    def converted(code: FunctionType) -> FunctionType:
        home = code.__globals__
        if id(home) not in spaces:
            space = spaces[id(home)] = dict(home)
            for name, value in home.items():
                if hasattr(value, "py_func"):
                    space[name] = converted(value.py_func)
        return FunctionType(
            code.__code__, spaces[id(home)], code.__name__, code.__defaults__, code.__closure__
        )

    return converted(kernel.py_func)


__all__ = [
    "F1", "F2", "F3", "GAINS", "I1", "I2", "INNER", "LOCAL", "N2", "OPTIONS", "OUTER", "TEST",
    "TINY", "U1", "U2", "GainsFunction", "LocalFunction", "TestFunction", "float64", "int64",
    "plain", "uint8", "void",
]  # fmt: skip
