"""Effects: queries, identification by adjustment, estimators, diagnostics, sensitivity."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ATE": "queries",
        "ATT": "queries",
        "Bounds": "bounding.result",
        "CATE": "queries",
        "DoublyRobust": "doubly_robust",
        "FoundGraph": "selection",
        "GraphUnion": "selection",
        "MarginalSensitivity": "bounding.declared",
        "Monotone": "bounding.declared",
        "MonotoneSelection": "bounding.declared",
        "OutcomeRange": "bounding.declared",
        "PlugIn": "routes.plug_in",
        "Proximal": "proximal",
        "Regression": "regression",
        "Resampled": "selection",
        "Split": "selection",
        "Subsampling": "selection",
        "Trimmed": "trimming",
        "Weighting": "weighting",
        "bounds": "bounding.answer",
    },
)
