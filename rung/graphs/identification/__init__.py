"""Identification: from a graph and a question to a formula over the observed distribution."""

from ...core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Expression": "expression",
        "Formula": "formula",
        "Hedge": "hedge",
        "Interventional": "query",
        "LatentModel": "latent_model",
        "MeanContrast": "formula",
        "Mixed": "formula",
        "Nested": "nested",
        "NestedFormula": "nested",
        "One": "expression",
        "PolicyFormula": "stochastic",
        "Probability": "expression",
        "Product": "expression",
        "Quotient": "expression",
        "Renamed": "renamed",
        "Stochastic": "stochastic",
        "Sum": "expression",
        "TreatedContrast": "treated",
        "TwoModels": "witness",
        "identify": "identify",
        "random_latent_model": "latent_model",
        "simplify": "simplify",
        "two_models": "witness",
        "identify_mediation": "mediation",
    },
)
