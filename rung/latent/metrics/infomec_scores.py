"""InfoMEC: modularity, explicitness and compactness in units of information."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError
from ...core.result import Result, lock
from .arrays import Flags, Floats, Pair, frame, pair
from .correlation import standard
from .information import entropy, mixed_information

if TYPE_CHECKING:
    import pandas as pd

ACTIVE = 0.05  # of the widest range: 1/20, as in the authors' code
NONE_ACTIVE = "every code is constant: the three figures are declared 0"
ONE_FACTOR = "one factor: every code is modular by necessity, InfoM is declared 1"
ONE_CODE = "one active code: every factor is compact by necessity, InfoC is declared 1"
EMPTY_CODE = "{} active code(s) hold no information about any factor and count as spread evenly"
EMPTY_FACTOR = "{} factor(s) stand in no code and count as spread evenly"
SLOW = (
    "the logistic model of factor(s) {} stopped after {} iterations, before it converged: InfoE is "
    "a lower bound, as in the authors' code; raise iterations= for the value of the definition"
)


@dataclass(frozen=True, eq=False)
class InfoMEC(Result):
    """InfoModularity, InfoExplicitness and InfoCompactness; 1 is best.

    Parameters
    ----------
    modularity : float
        InfoM: how far each code tells of one factor alone.
    explicitness : float
        InfoE: how far linear models predict the factors from all codes.
    compactness : float
        InfoC: how far each factor is told by one code alone.
    information : (k, m) float
        Mutual information over the entropy of the factor.
    explicitness_each : (m,) float
        InfoE of each factor.
    active : (k,) bool
        Codes that were not pruned.
    notes : tuple of str
        Values that were declared because the definition gives none.
    """

    modularity: float
    explicitness: float
    compactness: float
    information: Floats
    explicitness_each: Floats
    active: NDArray[np.bool_]
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = field(default=("hsu2023",))

    def __post_init__(self) -> None:
        for array in (self.information, self.explicitness_each, self.active):
            lock(array)

    def frame(self) -> pd.DataFrame:
        """Normalised information, one row a code, and which codes are active."""
        return frame(self.information).assign(active=self.active)

    def __repr__(self) -> str:
        lines = [
            f"InfoM {self.modularity:.4f}, InfoE {self.explicitness:.4f}, "
            f"InfoC {self.compactness:.4f}",
            f"  {self.active.sum()} of {len(self.active)} codes active",
        ]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def infomec(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete_codes: Flags = False,
    discrete_factors: Flags = False,
    bins: int = 20,
    iterations: int = 100,
) -> InfoMEC:
    """InfoM, InfoE and InfoC (Hsu, Dorrell, Whittington, Wu and Finn 2023, section 4).

    With N[j, i] = I(code j; factor i) / H(factor i) over active codes, m factors and k active
    codes: InfoM = (mean over j of max_i N / sum_i N - 1/m) / (1 - 1/m), and InfoC likewise over
    factors, with 1/k. InfoE is the mean over factors of (H_V(s) - H_V(s | z)) / H_V(s), H_V the
    smallest log loss of multinomial logistic models (discrete factors), or of linear models the
    share of variance explained (continuous ones); all codes, in sample.

    Parameters
    ----------
    codes : (n, k)
    factors : (n, m)
    discrete_codes : bool or one bool a column
        Discrete: plug-in information, one-hot in InfoE, active if it takes two values. Continuous:
        nearest neighbours (Ross 2014), active if its range exceeds 1/20 of the widest one.
    discrete_factors : bool or one bool a column
        The paper's factors are discrete, and so should be flagged.
    bins : int
        Continuous factors are cut into that many bins of equal width for InfoM and InfoC.
    iterations : int
        Of the logistic models, at most: 100 as in the authors' code. A note says where they did
        not converge; many one-hot columns can take thousands.

    Notes
    -----
    The authors' code weights levels evenly in the fit but not in the loss; here the loss itself is
    minimised, as the definition says. Both agree where levels are equally frequent.
    """
    p = pair(codes, factors, discrete_codes=discrete_codes, discrete_factors=discrete_factors)
    table, entropies = mixed_information(p, bins)
    if iterations < 1:
        raise InputError(f"iterations={iterations}: expected at least 1")
    if not (entropies > 0).all():
        raise InputError("a factor falls into one bin; pass it as discrete or raise bins=")
    table = table / entropies
    active = _active(p)
    explicit, slow = _explicitness(p, iterations)
    if not active.any():
        return InfoMEC(0.0, 0.0, 0.0, table, np.zeros(p.m), active, (NONE_ACTIVE,))
    kept = table[active]
    modular, empty = _concentration(kept)
    compact, missing = _concentration(kept.T)
    notes = [
        *([EMPTY_CODE.format(empty)] if empty else []),
        *([EMPTY_FACTOR.format(missing)] if missing else []),
        *([ONE_FACTOR] if p.m == 1 else []),
        *([ONE_CODE] if len(kept) == 1 else []),
        *([SLOW.format(", ".join(map(str, slow)), iterations)] if slow else []),
    ]
    return InfoMEC(modular, float(explicit.mean()), compact, table, explicit, active, tuple(notes))


def _active(p: Pair) -> NDArray[np.bool_]:
    """Discrete codes with two values; continuous ones with 1/20 of the widest range."""
    width = np.ptp(p.codes, axis=0)
    numbers = ~p.discrete_codes
    widest = width[numbers].max(initial=0.0)
    return np.where(numbers, width > ACTIVE * widest, width > 0)


def _concentration(table: Floats) -> tuple[float, int]:
    """How far each row stands on one column, scaled to 0 (evenly) ... 1; and the empty rows."""
    wide = table.shape[1]
    if wide == 1:
        return 1.0, 0
    total = table.sum(axis=1)
    empty = total <= 0
    share = np.where(empty, 1 / wide, table.max(axis=1) / np.where(empty, 1.0, total))
    return float((share.mean() - 1 / wide) / (1 - 1 / wide)), int(empty.sum())


def _explicitness(p: Pair, iterations: int) -> tuple[Floats, list[int]]:
    """InfoE of each factor, and the factors whose model did not converge."""
    x = np.column_stack([
        _one_hot(c) if flag else standard(c[:, None])
        for c, flag in zip(p.codes.T, p.discrete_codes, strict=True)
    ])  # fmt: skip
    out, slow = np.empty(p.m), []
    for i, (s, flag) in enumerate(zip(p.factors.T, p.discrete_factors, strict=True)):
        if flag:
            loss, converged = _log_loss(x, s, iterations)
            nothing = entropy(s)
            out[i] = max(0.0, (nothing - loss) / nothing)
            slow += [] if converged else [i]
        else:
            out[i] = _explained(x, s)
    return out, slow


def _one_hot(column: NDArray[np.float64]) -> Floats:
    return (column[:, None] == np.unique(column)).astype(np.float64)


def _explained(x: Floats, s: NDArray[np.float64]) -> float:
    """R2 in sample of least squares with an intercept."""
    design = np.column_stack([np.ones(len(x)), x])
    left = s - design @ np.linalg.lstsq(design, s, rcond=None)[0]
    return float(1 - (left**2).sum() / ((s - s.mean()) ** 2).sum())


def _log_loss(x: Floats, s: NDArray[np.float64], iterations: int) -> tuple[float, bool]:
    """The smallest mean log loss of multinomial logistic models, and whether it was reached.

    Where codes separate the levels the infimum is 0 and is approached, not reached.
    """
    from scipy.special import log_softmax
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf, tol=1e-9, max_iter=iterations)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, s)
    scores = model.decision_function(x)
    if scores.ndim == 1:  # two levels
        scores = np.column_stack([np.zeros(len(x)), scores])
    log_p = log_softmax(scores, axis=1)  # not the log of rounded probabilities
    slow = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    return float(-log_p[np.arange(len(s)), s.astype(np.intp)].mean()), not slow
