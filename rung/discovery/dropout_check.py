"""Zeros of expression data: shares, how they look, and whether the causal dropout model fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.budget import start
from ..core.data import Data
from ..core.errors import InputError
from ..core.result import Result, lock
from ..core.source import Source
from ..inference.multiplicity import holm
from .independence.fisher_z import FisherZ
from .independence.zero_deletion import ZeroDeletion
from .inspection import inspect
from .pc import PC
from .skeleton import Tester, skeleton
from .zeros import Bool, Floats, data_of, zeros

if TYPE_CHECKING:
    import pandas as pd

Violation = tuple[str, str, tuple[str, ...], float, float]
NO_ZEROS, NO_NEIGHBOUR = "no zeros", "no related variable: cannot tell"
DEPENDENT, UNSEEN = "zeros depend on values", "no dependence seen"


@dataclass(frozen=True, eq=False)
class Dropouts(Result):
    """What `rung.dropouts` found.

    Parameters
    ----------
    names : tuple of str
    share : (d,) float64
        Share of zeros.
    verdict : tuple of str
        For each variable, how its zeros look.
    p : (d,) float64
        Smallest p-value of its zeros against the values of a related variable, adjusted (Holm)
        for all that were looked at; NaN where there is none.
    low : (d,) float64
        1 if zeros are commoner where related variables say that the value is low, -1 if where
        they say it is high, 0 if undecided.
    violations : tuple of (zeros of, values of, given, p, adjusted p)
        Pairs against the model, at the level.
    looked_at : tuple of int
        Tests of zeros against related values, and tests of the model.
    alpha : float
    notes : tuple of str
    """

    names: tuple[str, ...]
    share: Floats
    verdict: tuple[str, ...]
    p: Floats
    low: Floats
    violations: tuple[Violation, ...]
    looked_at: tuple[int, int]
    alpha: float
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = ("dai2024",)

    def frame(self) -> pd.DataFrame:
        """One row a variable."""
        import pandas as pd

        columns = {"share of zeros": self.share, "zeros": list(self.verdict), "p": self.p}
        return pd.DataFrame({"variable": list(self.names), **columns, "low": self.low})

    def __repr__(self) -> str:
        first, second = self.looked_at
        lines = [f"Zeros of {len(self.names)} variables (level {self.alpha:g}, Holm)"]
        for i, name in enumerate(self.names[:20]):
            side = {1.0: ", commoner at low values", -1.0: ", commoner at high values"}
            p = "" if np.isnan(self.p[i]) else f" (p = {self.p[i]:.2g})"
            said = f"{self.verdict[i]}{side.get(float(self.low[i]), '')}{p}"
            lines.append(f"  {name}: {self.share[i]:.0%} zeros; {said}")
        if len(self.names) > 20:
            lines.append(f"  ... and {len(self.names) - 20} more; .frame() has them all")
        lines.append(f"  looked at: {first} pairs of zeros and related values")
        lines.append(
            f"Model (a zero depends on its own variable only): {len(self.violations)} of {second} "
            "implications violated"
        )
        for a, b, given, value, adjusted in self.violations[:8]:
            behind = f" given {', '.join(given)}" if given else ""
            lines.append(
                f"  zeros of {a} and values of {b}{behind}: p = {value:.2g}, "
                f"adjusted {adjusted:.2g}"
            )
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])


def dropouts(
    data: Source | Floats, *, alpha: float = 0.05, zero: float = 0.0, largest: int | None = 3
) -> Dropouts:
    """Describe the zeros of expression data, and test the causal dropout model.

    The model: whether a value is recorded as zero depends on that value, if on anything. Then, if
    S separates two variables, the zeros of one are independent of the other given S. The variables
    are first related by the skeleton of PC on non-zero values (`ZeroDeletion(ends=True)`), a true
    picture under the model; then for each pair that a set separated, the zeros of each are tested
    against the non-zero values of the other, on the rows without a zero in that set. What shows up
    are zeros of one variable that another one causes, and zeros that many variables share because a
    cell was read badly. A pair that PC separated wrongly, for want of rows, shows up as well.

    Whether zeros depend on the own value cannot be seen in the variable itself: the value behind a
    zero is lost. Indirectly: zeros that are dropped at random are independent of all other
    variables, so dependence on the values of a variable that PC left adjacent speaks against
    randomness. It may come from the own value, or from that variable itself, which these data
    cannot tell apart. Zeros without a dependence may be random, or the data too few.

    All tests are Fisher's z on zero indicators and values, exact for linear relations only.

    Parameters
    ----------
    data : Data, or a matrix (n, d)
    alpha : float
        Level of PC, and of the two families of tests after adjustment by Holm.
    zero : float
        The value that stands for "not seen".
    largest : int, optional
        Largest set of conditions in PC.

    Raises
    ------
    InputError
        No value is zero, or what `PC` refuses: a column of zeros only, infinite cells, too few
        rows.
    MissingCells
        Cells are missing and no policy was declared.

    Source: Dai, Ng, Luo, Spirtes, Stojanov and Zhang (2024), section 4.3, for the idea that the
    model can be tested; the choice of tests is ours.
    """
    source = Data.from_matrix(data) if isinstance(data, np.ndarray) else data
    rows = data_of(source, "dropouts")
    gone = zeros(rows, zero)
    if not gone.any():
        raise InputError(
            f"no number or count equals zero={zero:g}: there are no dropouts to look at. Centred "
            "or standardised expression has lost its zeros; pass it as measured"
        )
    inspect(rows, PC())
    test = ZeroDeletion(FisherZ(), zero=zero, ends=True)
    no = np.zeros((rows.d, rows.d), dtype=np.bool_)
    found = skeleton(Tester.of(test.on(rows)), alpha, no, no, largest=largest, run=start(None))
    ends = np.argwhere(found.adjacent).tolist()
    near = [(i, j) for i, j in ends if gone[:, i].any()]
    beside = [_pvalue(rows, gone, i, j, ()) for i, j in near]
    apart = [
        (i, j, tuple(sorted(given)))
        for pair, given in found.separators.items()
        for i, j in (pair, pair[::-1])
        if gone[:, i].any()
    ]
    against = np.array([_pvalue(rows, gone, i, j, s)[0] for i, j, s in apart])
    violations = _violations(rows.names, apart, against, alpha)
    p, low = _by_variable(rows, gone, near, beside, alpha)
    verdict = tuple(
        NO_ZEROS if not gone[:, i].any()
        else NO_NEIGHBOUR if np.isnan(p[i])
        else DEPENDENT if p[i] <= alpha
        else UNSEEN
        for i in range(rows.d)
    )  # fmt: skip
    return Dropouts(
        rows.names, lock(gone.mean(axis=0)), verdict, lock(p), lock(low), tuple(violations),
        (len(near), len(apart)), alpha, _notes(rows, bool(violations)),
    )  # fmt: skip


def _violations(
    names: Sequence[str],
    apart: Sequence[tuple[int, int, tuple[int, ...]]],
    against: Floats,
    alpha: float,
) -> list[Violation]:
    """What is rejected after adjustment, the smallest p-value first."""
    out = [
        (names[i], names[j], tuple(names[s] for s in given), float(p), float(q))
        for (i, j, given), p, q in zip(apart, against, holm(against), strict=True)
        if q <= alpha
    ]
    return sorted(out, key=lambda v: v[3])


def _pvalue(data: Data, gone: Bool, i: int, j: int, given: Sequence[int]) -> tuple[float, float]:
    """p-value of zeros of i against values of j given columns, where none of these is zero; and
    the sign of their correlation."""
    keep = np.flatnonzero(~gone[:, [j, *given]].any(axis=1))
    cells = np.column_stack([gone[keep, i], data.matrix()[keep][:, [j, *given]]])
    weights = None if data.weights is None else data.weights[keep]
    if len(cells) <= len(given) + 3 or (cells[:, :2] == cells[0, :2]).all(axis=0).any():
        return 1.0, 0.0
    part = Data.from_matrix(cells).replacing(weights=weights)
    ask = np.arange(2, cells.shape[1]).reshape(1, -1)
    p = float(FisherZ().on(part).pvalues([0], [1], ask)[0])
    return p, float(np.sign(np.corrcoef(cells[:, 0], cells[:, 1])[0, 1]))


def _by_variable(
    data: Data,
    gone: Bool,
    near: Sequence[tuple[int, int]],
    beside: Sequence[tuple[float, float]],
    alpha: float,
) -> tuple[Floats, Floats]:
    """Smallest adjusted p-value of each variable, and the side on which its zeros are."""
    p, low = np.full(data.d, np.nan), np.zeros(data.d)
    matrix = data.matrix()
    adjusted = holm(np.array([b[0] for b in beside]))
    for (i, j), (_, sign), q in zip(near, beside, adjusted, strict=True):
        if np.isnan(p[i]) or q < p[i]:
            p[i] = q
            both = ~gone[:, i] & ~gone[:, j]
            along = (
                np.sign(np.corrcoef(matrix[both, i], matrix[both, j])[0, 1])
                if both.sum() > 2
                else 0.0
            )
            low[i] = -sign * along if q <= alpha else 0.0
    return p, low


def _notes(data: Data, violated: bool) -> tuple[str, ...]:
    matrix: NDArray[np.float64] = data.matrix()
    below = [name for j, name in enumerate(data.names) if bool((matrix[:, j] < 0).any())]
    notes = [
        "dependence on values may come from the own value or from the related variable; an "
        "implication that is not violated is no proof of the model"
    ]
    if violated:
        notes.append(
            "a violation speaks against the model or against that pair's separation by PC, which "
            "few rows or curved relations can bring about"
        )
    if below:
        notes.append(
            f"{', '.join(below[:5])}{' ...' if len(below) > 5 else ''} has negative values: a zero "
            "must still mean 'not seen', which it does not after centring"
        )
    return tuple(notes)
