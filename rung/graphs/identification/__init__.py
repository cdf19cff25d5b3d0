"""Identification: from a graph and a question to a formula over the observed distribution."""

from ...core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Expression": "expression",
        "Fault": "instruments",
        "Formula": "formula",
        "Hedge": "hedge",
        "Instrument": "instruments",
        "Interventional": "query",
        "LatentModel": "latent_model",
        "MeanContrast": "formula",
        "Mixed": "formula",
        "Nested": "nested",
        "NestedFormula": "nested",
        "One": "expression",
        "Probability": "expression",
        "Product": "expression",
        "Quotient": "expression",
        "Renamed": "renamed",
        "Sum": "expression",
        "TreatedContrast": "treated",
        "TwoModels": "witness",
        "front_door_set": "front_door",
        "front_door_sets": "front_door",
        "identify": "identify",
        "identify_mediation": "mediation",
        "is_front_door_set": "front_door",
        "is_instrument": "instruments",
        "random_latent_model": "latent_model",
        "simplify": "simplify",
        "two_models": "witness",
        "why_no_instrument": "instruments",
    },
)
