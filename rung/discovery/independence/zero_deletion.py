"""Any test on the rows where no conditioned variable is zero: dropouts in expression data."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.data import Data
from ...core.errors import InputError
from ...core.protocols import BoundTest, CITest
from ...core.source import Source
from ..zeros import data_of, free_rows, kernel_arrays, scratch, zeros
from .bound import KernelTest
from .fisher_z import FisherZ
from .rows import LIMIT, RowTest

Floats = NDArray[np.float64]
Bool = NDArray[np.bool_]
KEPT = 32  # inner tests, each bound to its own rows, that are held


@dataclass(frozen=True)
class ZeroDeletion:
    """A test of independence on the rows where every conditioned variable is non-zero.

    Let a zero be either true or a dropout, and let whether a variable drops out depend on nothing
    but its own true value, if on anything (the causal dropout model). Then x and y are independent
    given S in the true values if and only if the recorded x and y are independent given S on the
    rows without a zero in S (theorem 1, under faithfulness of what is recorded). Zeros of x and y
    stay: they are part of what is recorded. With tests on all rows, zeros among the conditions
    leave dependence behind, and edges appear that are not there.

    The price is rows: each condition takes its zeros with it. Without enough rows the p-value is
    1, so that a pair counts as independent; limit the conditions by the learner's `largest`. Under
    the model deleting the zeros of x and y as well is right too (`ends`): it leaves fewer rows, on
    which the dependence is often stronger.

    `FisherZ` inside runs as one kernel; any other test is bound anew to the rows of each set of
    conditions. Row weights, `TestWise` and targets of conditions as the inner test has them. Only
    numbers and counts have a zero: levels of binary, ordinal and categorical columns are never
    deleted. Centred or standardised expression has lost its zeros: pass it as measured.

    Parameters
    ----------
    test : CITest
        The test to make on the remaining rows.
    zero : float
        The value that stands for "not seen", to be met exactly.
    ends : bool
        Leave out the rows with a zero in x or y, too.

    Source: Dai, Ng, Luo, Spirtes, Stojanov and Zhang (2024), theorem 1 and section 4.
    """

    test: CITest = field(default_factory=FisherZ)
    zero: float = 0.0
    ends: bool = False

    def __post_init__(self) -> None:
        if not callable(getattr(self.test, "on", None)):
            raise InputError(f"test={self.test!r}: expected a test such as rung.FisherZ()")
        if not np.isfinite(self.zero):
            raise InputError(
                f"zero={self.zero}: expected a finite number, usually 0; cells that are missing "
                "follow the policy of the data"
            )

    @property
    def testwise(self) -> bool:
        """Whether the inner test can leave out incomplete rows by itself."""
        return bool(getattr(self.test, "testwise", False))

    def on(self, source: Source, *, rng: np.random.Generator | None = None) -> BoundTest:
        """Bind to a source with rows.

        Raises
        ------
        NeedsRows
            The source holds none.
        MissingCells
            Cells are missing and no policy was declared.
        InputError
            Cells that are not finite, or a pair without rows.
        """
        data = data_of(source, "ZeroDeletion", self.testwise)
        gone = zeros(data, self.zero)
        if gone.any() and isinstance(self.test, FisherZ):
            return _compiled(data, gone, self.ends)
        seed = int((np.random.default_rng(0) if rng is None else rng).integers(2**63))
        inner = self.test.on(data, rng=np.random.default_rng(seed))
        if not gone.any():
            return inner
        return BoundZeroDeletion(self, data, gone, inner, seed)


def _compiled(data: Data, gone: Bool, ends: bool) -> KernelTest:
    """Fisher's z by `rung.kernels.zero_deletion`."""
    from ...kernels.zero_deletion import zero_deletion_z

    usable = ~np.isnan(data.matrix())
    end = usable & ~gone if ends else usable
    if (free := free_rows(data)) is not None:
        end = end & free
    arrays = kernel_arrays(data, end, end, usable & ~gone)
    return KernelTest(zero_deletion_z, *arrays, lambda k: scratch(data.n, k), rows=data.n)


class BoundZeroDeletion:
    """Any test, bound to the rows of each set of conditions as they come up."""

    def __init__(
        self, test: ZeroDeletion, data: Data, gone: Bool, inner: BoundTest, seed: int
    ) -> None:
        self.test, self.seed = test, seed
        self.free = free_rows(data)
        self.data = data if self.free is None else data.replacing(targets=None)
        self.gone, self.matrix = gone, data.matrix()
        self._held: OrderedDict[bytes, BoundTest] = OrderedDict()
        if self.free is None:
            self._keep(np.ones(data.n, dtype=np.bool_), inner)

    def pvalues(self, x: ArrayLike, y: ArrayLike, given: ArrayLike) -> Floats:
        """p-values (m,) of x[i] independent of y[i] given the columns given[i], (m, k)."""
        first, second = np.atleast_1d(np.asarray(x)), np.atleast_1d(np.asarray(y))
        sets = np.asarray(given, dtype=np.int64)
        sets = sets.reshape(len(first), -1 if len(first) else 0)
        out = np.empty(len(first))
        order = sorted(range(len(first)), key=lambda i: sorted(sets[i].tolist()))
        for i in order:  # one set after another
            out[i] = self._one(int(first[i]), int(second[i]), sets[i].tolist())
        return out

    def _one(self, x: int, y: int, given: Sequence[int]) -> float:
        at = [*given, x, y] if self.test.ends else list(given)
        keep = np.asarray(~self.gone[:, at].any(axis=1))
        if self.free is not None:
            keep &= self.free[:, x] & self.free[:, y]
        cells = self.matrix[keep][:, [x, y, *given]]
        whole = cells[~np.isnan(cells).any(axis=1)]
        if len(whole) <= len(given) + 3 or (whole[:, :2] == whole[0, :2]).all(axis=0).any():
            return 1.0
        bound = self._bound(keep)
        ask = np.array([x]), np.array([y]), np.array([given], dtype=np.int64).reshape(1, -1)
        return float(bound.pvalues(*ask)[0])

    def _bound(self, keep: Bool) -> BoundTest:
        key = np.packbits(keep).tobytes()
        if key not in self._held:
            rng = np.random.default_rng(self.seed)
            self._keep(keep, self.test.test.on(self.data.take(np.flatnonzero(keep)), rng=rng))
        self._held.move_to_end(key)
        return self._held[key]

    def _keep(self, keep: Bool, bound: BoundTest) -> None:
        if isinstance(bound, RowTest):  # what all of them remember is bounded, too
            bound.rows.memory.limit = LIMIT // KEPT
        self._held[np.packbits(keep).tobytes()] = bound
        if len(self._held) > KEPT:
            self._held.popitem(last=False)
