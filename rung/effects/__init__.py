"""Effects: queries, identification by adjustment, estimators, diagnostics, sensitivity."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ATE": "queries",
        "ATT": "queries",
        "CATE": "queries",
        "CateModel": "cate.result",
        "CausalForest": "cate.forest",
        "DRLearner": "cate.dr_learner",
        "DoublyRobust": "doubly_robust",
        "FoundGraph": "selection",
        "GraphUnion": "selection",
        "PlugIn": "routes.plug_in",
        "RLearner": "cate.r_learner",
        "Regression": "regression",
        "Resampled": "selection",
        "SLearner": "cate.s_learner",
        "Selected": "cate.selected",
        "Split": "selection",
        "Subsampling": "selection",
        "TLearner": "cate.t_learner",
        "Weighting": "weighting",
        "XLearner": "cate.x_learner",
    },
)
