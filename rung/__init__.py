"""rung: causal modelling in which every substrate is a structural causal model.

The verbs climb Pearl's ladder: see (`read`, `discover`, `fit`), do (`do`, `effect`, `design`),
imagine (`counterfactual`, `attribute`). The nouns are listed in `rung.__all__`; heavy parts load
when used.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import (
    core,
    datasets,
    deep,
    discovery,
    effects,
    experiments,
    graphs,
    latent,
    mechanisms,
    networks,
    simulate,
)
from .core.budget import Budget
from .core.data import Data, Origin
from .core.discovery import Discovery
from .core.draws import Draws
from .core.errors import NotIdentified
from .core.graph import Graph
from .core.intervention import Do, Intervention, Policy, Replace, Scale, Shift, Swap
from .core.knowledge import Knowledge
from .core.missing import EM, CompleteCases, TestWise
from .core.model import Ensemble, GenerativeModel, Model
from .core.moments import Counts, Moments
from .core.query import Estimate, Query
from .core.scm import SCM
from .core.site import Column, Readout, Site
from .core.variable import Kind, Variable
from .verbs import (
    analyse,
    attribute,
    check,
    counterfactual,
    design,
    discover,
    do,
    effect,
    fit,
    load,
    read,
)

__version__ = "0.1.0.dev0"

_FAMILIES = (discovery, effects, mechanisms, experiments)
_EXPORTS = {name: family for family in _FAMILIES for name in family.__all__}
_MODELS = ("BetaTCVAE", "CVAE", "CausalDiffAE", "DomainCounterfactuals", "QLAE", "VAE", "XFactors")
_EXPORTS |= {name: latent for name in _MODELS if name in latent.__all__} | {"Training": deep}
_EXPORTS |= dict.fromkeys(("Activation", "Pairs", "Prompts", "network"), networks)

__all__ = [
    "EM", "SCM", "Budget", "Column", "CompleteCases", "Counts", "Data", "Discovery", "Do", "Draws",
    "Ensemble", "Estimate", "GenerativeModel", "Graph", "Intervention", "Kind", "Knowledge",
    "Model", "Moments", "NotIdentified", "Origin", "Policy", "Query", "Readout", "Replace", "Scale",
    "Shift", "Site", "Swap", "TestWise", "Variable", "analyse", "attribute", "check", "core",
    "counterfactual", "datasets", "deep", "design", "discover", "do", "effect", "fit", "graphs",
    "latent", "load", "networks", "read", "simulate",
]  # fmt: skip
__all__ += sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(_EXPORTS[name], name)
    if name in ("bench", "io", "pipeline", "report"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'rung' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
