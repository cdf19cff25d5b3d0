"""The spec that fits the kind of mechanism that a fitted one is."""

from __future__ import annotations

from ..core.mechanism import Mechanism, MechanismSpec
from .auto import AutoMechanism
from .boosted import Boosted, BoostedAdditive
from .by_level import ByLevel, Switched
from .linear import Linear, LinearGaussian, LinearNonGaussian
from .logit import Logit, Multinomial
from .negative_binomial import NegativeBinomial, NegativeBinomialCounts
from .noise import Gaussian
from .poisson import Poisson, PoissonCounts
from .spline import SplineAdditive, Splines
from .table import DiscreteTable, Table


def like(mechanism: Mechanism) -> MechanismSpec:
    """A spec of the same kind with its usual settings; `AutoMechanism` for kinds not known here."""
    match mechanism:
        case Linear():
            normal = isinstance(mechanism.residual, Gaussian)
            return LinearGaussian() if normal else LinearNonGaussian()
        case Splines():
            return SplineAdditive()
        case Boosted():
            return BoostedAdditive(folds=1)
        case Table():
            return DiscreteTable()
        case Logit():
            return Multinomial(smooth=not mechanism.predictor.straight)
        case PoissonCounts():
            return Poisson(smooth=not mechanism.predictor.straight)
        case NegativeBinomialCounts():
            return NegativeBinomial(smooth=not mechanism.rate.predictor.straight)
        case Switched():
            return ByLevel(mechanism.spec, mechanism.by)
        case _:
            return AutoMechanism()
