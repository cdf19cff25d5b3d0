"""Structure learners, tests and scores; one method, one file, one export line."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Auto": "auto",
        "BOSS": "boss",
        "Bootstrap": "bootstrap",
        "ConditionalGaussianBIC": "scores.conditional_gaussian",
        "Conservative": "colliders",
        "DegenerateGaussian": "independence.degenerate_gaussian",
        "DegenerateGaussianBIC": "scores.degenerate_gaussian",
        "DiscreteBIC": "scores.discrete_bic",
        "FirstSeparator": "colliders",
        "FisherZ": "independence.fisher_z",
        "Hermite": "basis",
        "G2": "independence.g2",
        "GaussianBIC": "scores.gaussian_bic",
        "Majority": "colliders",
        "NormalScores": "normal_scores",
        "OneHot": "basis",
        "PC": "pc",
        "Subsample": "bootstrap",
        "WithReplacement": "bootstrap",
    },
)
