"""Random graphs, SCMs and drawn worlds with known truth."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Along": "worlds.scene",
        "DiscreteSCM": "discrete",
        "Equation": "worlds.roots",
        "Exponential": "noise",
        "Flow": "worlds.flow",
        "Gaussian": "noise",
        "Laplace": "noise",
        "LinearSCM": "linear",
        "MixedSCM": "mixed",
        "NonlinearSCM": "nonlinear",
        "MorphoDigits": "worlds.digits",
        "MorphoGarments": "worlds.garments",
        "Pendulum": "worlds.pendulum",
        "Scene": "worlds.scene",
        "Shapes": "worlds.shapes",
        "Student": "noise",
        "Thing": "worlds.scene",
        "Topology": "graphs",
        "TrueEffect": "truth",
        "Uniform": "noise",
        "joint": "truth",
        "measure": "worlds.morphology",
        "measure_garments": "worlds.garments",
        "linear_scm": "linear",
        "random_dag": "graphs",
        "total_effects": "truth",
        "true_ate": "truth",
    },
)
