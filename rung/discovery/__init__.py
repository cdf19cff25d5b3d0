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
        "DAGMA": "dagma",
        "DegenerateGaussian": "independence.degenerate_gaussian",
        "DegenerateGaussianBIC": "scores.degenerate_gaussian",
        "DiscreteBIC": "scores.discrete_bic",
        "FLOP": "flop",
        "FirstSeparator": "colliders",
        "FisherZ": "independence.fisher_z",
        "GES": "ges",
        "GIES": "gies",
        "Hermite": "basis",
        "G2": "independence.g2",
        "GOLEM": "golem",
        "GaussianBIC": "scores.gaussian_bic",
        "KCI": "independence.kci",
        "Majority": "colliders",
        "NOTEARS": "notears",
        "NormalScores": "normal_scores",
        "OneHot": "basis",
        "PC": "pc",
        "Subsample": "bootstrap",
        "WithReplacement": "bootstrap",
        "XGES": "xges",
    },
)
