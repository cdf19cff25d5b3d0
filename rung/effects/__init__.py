"""Effects: queries, identification by adjustment, estimators, diagnostics, sensitivity."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ATE": "queries",
        "ATT": "queries",
        "CATE": "queries",
        "CDE": "mediation",
        "DoublyRobust": "doubly_robust",
        "DoublyRobustIV": "routes.doubly_robust_iv",
        "FoundGraph": "selection",
        "FrontDoor": "routes.front_door",
        "GraphUnion": "selection",
        "LATE": "late",
        "MultiplyRobust": "routes.mediated",
        "NDE": "mediation",
        "NIE": "mediation",
        "OneStep": "routes.one_step",
        "PlugIn": "routes.plug_in",
        "Regression": "regression",
        "Resampled": "selection",
        "Split": "selection",
        "Subsampling": "selection",
        "TwoStage": "routes.two_stage",
        "Weighting": "weighting",
    },
)
