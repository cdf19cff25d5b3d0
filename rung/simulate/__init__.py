"""Random graphs, SCMs and drawn worlds with known truth."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "DiscreteSCM": "discrete",
        "Exponential": "noise",
        "Gaussian": "noise",
        "Laplace": "noise",
        "LinearSCM": "linear",
        "MixedSCM": "mixed",
        "NonlinearSCM": "nonlinear",
        "Pendulum": "worlds.pendulum",
        "Student": "noise",
        "Topology": "graphs",
        "TrueEffect": "truth",
        "Uniform": "noise",
        "joint": "truth",
        "linear_scm": "linear",
        "random_dag": "graphs",
        "total_effects": "truth",
        "true_ate": "truth",
    },
)
