"""String diagrams: syntax, its interpretation as stochastic matrices, surgery, combs."""

from ...core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Box": "syntax",
        "Channels": "channels",
        "Comb": "comb",
        "CombFormula": "surgery",
        "StringDiagram": "syntax",
        "disintegrate": "comb",
        "identify_by_comb": "surgery",
    },
)
