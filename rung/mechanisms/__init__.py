"""Mechanisms: a spec and its fitted form in one file; any family may use them."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "AutoMechanism": "auto",
        "BoostedAdditive": "boosted",
        "ByLevel": "by_level",
        "DiscreteTable": "table",
        "LinearGaussian": "linear",
        "LinearNonGaussian": "linear",
        "Logistic": "logit",
        "Multinomial": "logit",
        "NegativeBinomial": "negative_binomial",
        "Poisson": "poisson",
        "Regimes": "regimes",
        "SplineAdditive": "spline",
        "Structural": "structural",
    },
)
