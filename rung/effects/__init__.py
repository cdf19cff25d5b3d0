"""Effects: queries, identification by adjustment, estimators, diagnostics, sensitivity."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ATE": "queries",
        "ATT": "queries",
        "CATE": "queries",
        "Curve": "curve",
        "DoseCurve": "dose_curve",
        "DoubleML": "double_ml",
        "DoublyRobust": "doubly_robust",
        "FoundGraph": "selection",
        "GraphUnion": "selection",
        "Matching": "matching",
        "PlugIn": "routes.plug_in",
        "PolicyEffect": "policy",
        "Regression": "regression",
        "Resampled": "selection",
        "Split": "selection",
        "Subsampling": "selection",
        "TMLE": "tmle",
        "Weighting": "weighting",
    },
)
