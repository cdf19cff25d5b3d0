"""DCI: disentanglement, completeness and informativeness from importances of codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core.errors import InputError
from ...core.result import Result, lock
from .arrays import Flags, Floats, frame, pair
from .correlation import standard

if TYPE_CHECKING:
    import pandas as pd

ROWS = 20
HELD_OUT = 0.25
ONE_FACTOR = "one factor: every code tells of it alone by necessity, disentanglement is declared 1"
ONE_CODE = "one code: every factor stands in it alone by necessity, completeness is declared 1"
NOTHING = "no code tells of any factor: disentanglement and completeness are declared 0"


class Reader(ABC):
    """Predicts one factor from all codes and says how much each code was used."""

    @abstractmethod
    def read(
        self, x: Floats, s: NDArray[np.float64], discrete: bool, held: Floats, *, seed: int
    ) -> tuple[Floats, NDArray[np.float64]]:
        """Importances (k,), non-negative, and the prediction of the held-out rows."""


@dataclass(frozen=True)
class Forest(Reader):
    """Random forest; importance is the fall in impurity (Eastwood and Williams 2018, sec. 4.3).

    Parameters
    ----------
    trees : int
    leaf : float
        Smallest share of the rows in a leaf: splits in noise would blur the importances.
    """

    trees: int = 30
    leaf: float = 0.005

    def read(
        self, x: Floats, s: NDArray[np.float64], discrete: bool, held: Floats, *, seed: int
    ) -> tuple[Floats, NDArray[np.float64]]:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        kind = RandomForestClassifier if discrete else RandomForestRegressor
        model = kind(
            self.trees, min_samples_leaf=self.leaf, max_features=None, random_state=seed, n_jobs=1
        ).fit(x, s)
        return np.asarray(model.feature_importances_), np.asarray(model.predict(held))


@dataclass(frozen=True)
class Lasso(Reader):
    """Linear model with an L1 penalty; importance is the absolute weight on codes in sd units.

    As in Eastwood and Williams (2018, sec. 4.3). A discrete factor is read through one model for
    each of its levels, of which the weights add up.

    Parameters
    ----------
    penalty : float or None
        The penalty; None chooses it by 5-fold cross-validation.
    """

    penalty: float | None = None

    def read(
        self, x: Floats, s: NDArray[np.float64], discrete: bool, held: Floats, *, seed: int
    ) -> tuple[Floats, NDArray[np.float64]]:
        levels = np.unique(s)
        wanted = (s[:, None] == levels).astype(np.float64) if discrete else s[:, None]
        weights, predicted = np.zeros(x.shape[1]), np.empty((len(held), wanted.shape[1]))
        for i, y in enumerate(wanted.T):
            model = self._model(seed).fit(x, y)
            weights += np.abs(model.coef_) / y.std()
            predicted[:, i] = model.predict(held)
        return weights, levels[predicted.argmax(axis=1)] if discrete else predicted[:, 0]

    def _model(self, seed: int) -> Any:
        from sklearn import linear_model

        if self.penalty is None:
            return linear_model.LassoCV(cv=5, random_state=seed, max_iter=5000)
        return linear_model.Lasso(alpha=self.penalty, max_iter=5000)


@dataclass(frozen=True, eq=False)
class DCI(Result):
    """Disentanglement, completeness and informativeness; 1 is best.

    Parameters
    ----------
    disentanglement : float
        How far each code is used for one factor alone, weighted by how much the code is used.
    completeness : float
        How far each factor is read from one code alone, mean over factors.
    informativeness : float
        1 minus the mean of `errors`.
    importances : (k, m) float
        How much each code is used to predict each factor.
    disentanglement_each : (k,) float
    completeness_each : (m,) float
    errors : (m,) float
        Held-out error relative to a guess that sees no code: root mean squared error over that of
        the mean, or share of wrong levels over that of the commonest level.
    notes : tuple of str
        Values that were declared because the definition gives none.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importances: Floats
    disentanglement_each: Floats
    completeness_each: Floats
    errors: Floats
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = field(default=("eastwood2018",))

    def __post_init__(self) -> None:
        for name in ("importances", "disentanglement_each", "completeness_each", "errors"):
            lock(getattr(self, name))

    def frame(self) -> pd.DataFrame:
        """The importances, one row a code and one column a factor."""
        return frame(self.importances)

    def __repr__(self) -> str:
        head = (
            f"DCI: disentanglement {self.disentanglement:.4f}, completeness "
            f"{self.completeness:.4f}, informativeness {self.informativeness:.4f}"
        )
        return "\n".join([head, *(f"  note: {note}" for note in self.notes)])


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete_codes: Flags = False,
    discrete_factors: Flags = False,
    groups: Sequence[int] | None = None,
    reader: Reader | None = None,
    seed: int = 0,
) -> DCI:
    """Disentanglement, completeness and informativeness (Eastwood and Williams 2018, eq. 1-3).

    Each factor is predicted from all codes; R[j, i] is the importance of code j for factor i. The
    disentanglement of a code is 1 minus the entropy, to the base of the number of factors, of its
    row of R over its sum; codes are weighted by their share of R. Completeness likewise down the
    columns, to the base of the number of codes.

    Parameters
    ----------
    codes : (n, k)
        A discrete code is read as the number of its level.
    factors : (n, m)
    discrete_codes, discrete_factors : bool or one bool a column
    groups : sequence of k int, optional
        Codes of one number count as one code, of which the importances add: a factor that a model
        keeps in several numbers of its code.
    reader : Reader, optional
        `Forest()`, or `Lasso()`; Forest by default.
    seed : int
        Of the rows held out (a quarter) and of the reader.
    """
    p = pair(
        codes, factors, discrete_codes=discrete_codes, discrete_factors=discrete_factors, rows=ROWS
    )
    order = np.random.default_rng(seed).permutation(p.n)
    held, train = np.split(order, [round(HELD_OUT * p.n)])
    x = standard(p.codes)
    table, errors = np.empty((p.k, p.m)), np.empty(p.m)
    for i, (s, discrete) in enumerate(zip(p.factors.T, p.discrete_factors.tolist(), strict=True)):
        if len(np.unique(s[train])) < 2 or len(np.unique(s[held])) < 2:
            raise InputError(f"factor {i} hardly varies: one value in the rows fitted or held out")
        table[:, i], predicted = (reader or Forest()).read(
            x[train], s[train], discrete, x[held], seed=seed
        )
        errors[i] = _error(s[train], s[held], predicted, discrete)
    if groups is not None:
        table = _together(table, np.asarray(groups))
    return from_importances(table, errors)


def _together(table: Floats, groups: NDArray[Any]) -> Floats:
    if groups.shape != (len(table),):
        raise InputError(f"groups has shape {groups.shape}; expected one number for each code")
    return np.stack([table[groups == g].sum(axis=0) for g in np.unique(groups)])


def _error(train: Floats, held: Floats, predicted: Floats, discrete: bool) -> float:
    if discrete:
        levels, counts = np.unique(train, return_counts=True)
        return float((predicted != held).mean() / (held != levels[counts.argmax()]).mean())
    guess = ((held - train.mean()) ** 2).mean()
    return float(np.sqrt(((held - predicted) ** 2).mean() / guess))


def from_importances(table: Floats, errors: Floats) -> DCI:
    """DCI of importances (k, m) and the errors (m,) of the predictions.

    Raises
    ------
    InputError
        Importances that are negative or missing.
    """
    table, errors = np.array(table, dtype=np.float64), np.array(errors, dtype=np.float64)
    if not (table >= 0).all() or table.ndim != 2:
        raise InputError("importances must be a table of numbers from 0 on, (codes, factors)")
    k, m = table.shape
    total = table.sum()
    codes = _concentration(table) if m > 1 else (table[:, 0] > 0).astype(np.float64)
    factors = _concentration(table.T) if k > 1 else (table[0] > 0).astype(np.float64)
    notes = [
        *([ONE_FACTOR] if m == 1 else []),
        *([ONE_CODE] if k == 1 else []),
        *([NOTHING] if total == 0 else []),
    ]
    weights = table.sum(axis=1) / total if total else np.zeros(k)
    return DCI(
        disentanglement=float(weights @ codes),
        completeness=float(factors.mean()),
        informativeness=float(1 - errors.mean()),
        importances=table,
        disentanglement_each=codes,
        completeness_each=factors,
        errors=errors,
        notes=tuple(notes),
    )


def _concentration(table: Floats) -> Floats:
    """1 minus the entropy of each row's shares, to the base of their number; empty rows are 0."""
    total = table.sum(axis=1, keepdims=True)
    share = table / np.where(total > 0, total, 1.0)
    logs = np.log(np.where(share > 0, share, 1.0)) / np.log(table.shape[1])
    return np.where(total[:, 0] > 0, 1 + (share * logs).sum(axis=1), 0.0)
