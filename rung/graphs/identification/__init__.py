"""Identification: from a graph and a question to a formula over the observed distribution."""

from ...core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Expression": "expression",
        "Formula": "formula",
        "Hedge": "hedge",
        "Interventional": "query",
        "MeanContrast": "formula",
        "Mixed": "formula",
        "One": "expression",
        "Probability": "expression",
        "Product": "expression",
        "Quotient": "expression",
        "Sum": "expression",
        "identify": "identify",
    },
)
