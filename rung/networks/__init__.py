"""A torch module as a structural causal model: sites, runs, interventions, mediation."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Activation": "activation",
        "Denoising": "replacing",
        "Gradient": "gradients",
        "LogitDifference": "outcomes",
        "MeanAblation": "replacing",
        "Network": "model",
        "Noise": "replacing",
        "Noising": "replacing",
        "Pairs": "pairs",
        "Prompts": "prompts",
        "Replacement": "replacing",
        "Resampling": "replacing",
        "Sweep": "mediation",
        "Texts": "prompts",
        "ZeroAblation": "replacing",
        "indirect_objects": "tasks",
        "network": "model",
        "smollm2": "shipped",
    },
)
