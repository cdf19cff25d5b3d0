"""Reading tables and pictures, inferring kinds, profiling, saving and loading results."""

from __future__ import annotations

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Csv": "options",
        "Declared": "options",
        "DiscreteNetwork": "bif",
        "Options": "options",
        "Pictures": "options",
        "parse_bif": "bif",
        "read_bif": "bif",
        "to_bif": "bif",
    },
)
