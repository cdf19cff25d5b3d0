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
        "One": "expression",
        "Probability": "expression",
        "Product": "expression",
        "Quotient": "expression",
        "Sum": "expression",
        "TreatedContrast": "treated",
        "TwoModels": "witness",
        "identify": "identify",
        "random_latent_model": "latent_model",
        "simplify": "simplify",
        "two_models": "witness",
    },
)
