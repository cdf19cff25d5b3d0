"""Effects: queries, identification by adjustment, estimators, diagnostics, sensitivity."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ATE": "queries",
        "ATT": "queries",
        "BenjaminiHochberg": "feature_selection",
        "BenjaminiYekutieli": "feature_selection",
        "CATE": "queries",
        "DRCFS": "feature_selection",
        "DoublyRobust": "doubly_robust",
        "FeatureSelection": "feature_selection",
        "FoundGraph": "selection",
        "GraphUnion": "selection",
        "Holm": "feature_selection",
        "PlugIn": "routes.plug_in",
        "Refit": "feature_selection",
        "Regression": "regression",
        "Resampled": "selection",
        "SparseTerms": "feature_selection",
        "Split": "selection",
        "Subsampling": "selection",
        "Weighting": "weighting",
    },
)
