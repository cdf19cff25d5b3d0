"""Logistic and Multinomial: levels whose log odds are additive in the parents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.errors import InputError
from ..core.mechanism import MechanismSpec, Parents
from ..core.variable import Kind, Variable
from .discrete import Levels, need_levels
from .features import Encoding, Predictor, ready
from .glm import Design, check_ridge, multinomial

Floats = NDArray[np.float64]
DEGREES = 4.0  # degrees of freedom of a curve
KNOTS = 10


@dataclass(frozen=True, eq=False)
class Logit(Levels):
    """log P(x = level) / P(x = first level) is a sum of contributions of the parents.

    Parameters
    ----------
    variable : Variable
    predictor : Predictor
        One output for each level after the first.
    note : str
        Why this mechanism was chosen, if it was.
    """

    variable: Variable
    predictor: Predictor
    note: str = ""

    def __post_init__(self) -> None:
        need_levels(self.variable, "Logit")
        if len(self.predictor.intercept) != self.variable.size - 1:
            raise InputError(
                f"the predictor of {self.variable.name!r} needs {self.variable.size - 1} outputs"
            )

    @property
    def parents(self) -> tuple[Variable, ...]:  # type: ignore[override]
        return self.predictor.parents

    def probabilities(self, parents: Parents, n: int) -> Floats:
        from ..kernels.levels import softmax

        return softmax(self.predictor.all(parents, n))

    def describe(self) -> dict[str, Any]:
        levels = [str(x) for x in self.variable.levels or ()]
        return {
            "kind": "logistic" if len(levels) == 2 else "multinomial",
            "parents": [p.name for p in self.parents],
            "levels": levels,
            "against": levels[0],
            "intercept": dict(zip(levels[1:], self.predictor.intercept.tolist())),
            "coefficients": {v: self.predictor.describe(k) for k, v in enumerate(levels[1:])},
            "note": self.note,
        }


def _fit(
    x: Floats,
    parents: Data,
    variable: Variable,
    weights: Floats | None,
    ridge: float,
    smooth: bool,
) -> Logit:
    shares = np.bincount(x.astype(np.intp), weights, variable.size)
    total = float(shares.sum())
    seen = np.nonzero(shares > 0)[0]
    seen = np.concatenate([[shares.argmax()], seen[seen != shares.argmax()]])
    encoding = Encoding.of(parents, weights, KNOTS if smooth else 0)
    intercept = np.full(variable.size, np.log(0.5 / shares.max()))
    slopes = np.zeros((encoding.width, variable.size))
    intercept[seen[0]] = 0.0
    if len(seen) > 1:
        chance = shares[seen] / total
        raw = encoding.matrix(parents.columns, len(x))
        design = Design.of(
            encoding, raw, weights, ridge=ridge, degrees=DEGREES,
            information=float((chance * (1 - chance)).max()),
        )  # fmt: skip
        position = np.zeros(variable.size, dtype=np.intp)
        position[seen] = np.arange(len(seen))
        theta = multinomial(design, position[x.astype(np.intp)], len(seen))
        intercept[seen[1:]], slopes[:, seen[1:]] = design.unscale(theta)
    intercept, slopes = intercept - intercept[0], slopes - slopes[:, :1]
    return Logit(variable, encoding.predictor(intercept[1:], slopes[:, 1:]))


@dataclass(frozen=True)
class Multinomial(MechanismSpec):
    """Multinomial logit by penalised maximum likelihood (Newton's method).

    Parameters
    ----------
    ridge : float
        Half of it times the squared coefficient of each standardised column is added to the
        negative log-likelihood, which keeps coefficients finite where levels are separated. A
        level of the node that was never seen has odds 0.5 / n against the commonest one.
    smooth : bool
        Curves of the numeric parents (natural cubic splines with 4 degrees of freedom) instead
        of lines.
    """

    ridge: float = 0.1
    smooth: bool = False

    def __post_init__(self) -> None:
        check_ridge(self.ridge)

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Logit:
        need_levels(variable, "Multinomial")
        x = ready(x, parents, variable, weights, "Multinomial")
        return _fit(x, parents, variable, weights, self.ridge, self.smooth)


@dataclass(frozen=True)
class Logistic(MechanismSpec):
    """Logistic regression of a binary node; see `Multinomial` for `ridge` and `smooth`."""

    ridge: float = 0.1
    smooth: bool = False

    def __post_init__(self) -> None:
        check_ridge(self.ridge)

    def fit(
        self,
        x: NDArray[Any],
        parents: Data,
        *,
        variable: Variable,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> Logit:
        if variable.kind is not Kind.BINARY:
            raise InputError(
                f"Logistic needs a binary node, but {variable.name!r} is {variable.kind}; use "
                "Multinomial for more levels"
            )
        x = ready(x, parents, variable, weights, "Logistic")
        return _fit(x, parents, variable, weights, self.ridge, self.smooth)
