"""What every neural model of rung shares: one training loop, checkpoints, small networks.

torch is imported by the modules of this package, which load when a neural model is fitted.
"""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Trained": "training",
        "Training": "training",
    },
)
