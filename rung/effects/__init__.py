"""Effects: queries, identification by adjustment, estimators, diagnostics, sensitivity."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ATE": "queries",
        "ATT": "queries",
        "CATE": "queries",
        "CounterfactualProbability": "causation.queries",
        "Deviation": "attribution.measures",
        "Divergence": "attribution.measures",
        "DoublyRobust": "doubly_robust",
        "FoundGraph": "selection",
        "GraphUnion": "selection",
        "LowerTail": "attribution.measures",
        "Mechanisms": "causation.queries",
        "Monotone": "causation.queries",
        "MeanShift": "attribution.measures",
        "OutlierScore": "attribution.measures",
        "PN": "causation.queries",
        "PNS": "causation.queries",
        "PS": "causation.queries",
        "PlugIn": "routes.plug_in",
        "QuantileShift": "attribution.measures",
        "Regression": "regression",
        "Resampled": "selection",
        "ShareShift": "attribution.measures",
        "Split": "selection",
        "Subsampling": "selection",
        "UpperTail": "attribution.measures",
        "VarianceShift": "attribution.measures",
        "Weighting": "weighting",
    },
)
