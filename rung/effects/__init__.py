"""Effects: queries, identification by adjustment, estimators, diagnostics, sensitivity."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ATE": "queries",
        "ATT": "queries",
        "Bounds": "bounding.result",
        "CATE": "queries",
        "Deviation": "attribution.measures",
        "Divergence": "attribution.measures",
        "DoublyRobust": "doubly_robust",
        "FoundGraph": "selection",
        "GraphUnion": "selection",
        "LowerTail": "attribution.measures",
        "MeanShift": "attribution.measures",
        "OutlierScore": "attribution.measures",
        "MarginalSensitivity": "bounding.declared",
        "Monotone": "bounding.declared",
        "MonotoneSelection": "bounding.declared",
        "OutcomeRange": "bounding.declared",
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
        "bounds": "bounding.answer",
    },
)
