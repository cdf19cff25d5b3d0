"""A torch module as a structural causal model: sites, runs, interventions, mediation."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Activation": "activation",
        "Gradient": "gradients",
        "LogitDifference": "outcomes",
        "Network": "model",
        "Pairs": "pairs",
        "Prompts": "prompts",
        "Sweep": "mediation",
        "Texts": "prompts",
        "network": "model",
        "smollm2": "shipped",
    },
)
