"""Experiment design: what to do next, ranked by what it would settle."""

from ..core.lazy import exports

__getattr__, __dir__, __all__ = exports(__name__, {"DesignPlan": "ranking"})
