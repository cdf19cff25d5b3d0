"""Random graphs and SCMs with known truth."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "random_dag": "graphs",
        "LinearSCM": "linear",
        "NonlinearSCM": "nonlinear",
        "DiscreteSCM": "discrete",
        "MixedSCM": "mixed",
    },
)
