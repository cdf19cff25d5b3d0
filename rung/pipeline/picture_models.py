"""Models of pictures by name."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from ..core.errors import NotSupported, unknown
from .options import made, plugs


def models() -> dict[str, type]:
    """Models of pictures by command-line name."""
    from .. import latent

    found = plugs(latent, "fit")  # among them what judges models, which is none itself
    return {name: cls for name, cls in found.items() if ".metrics." not in cls.__module__}


def check_model(text: str) -> None:
    """Raise for a name that no model has, before any work is done."""
    name = text.partition(":")[0]
    if name != "auto" and name not in (known := models()):
        raise unknown(name, known, "model of pictures")


def make_model(text: str, structure: Any, *, unlabelled: bool) -> Any:
    """A model from `name` or `name:option=value,...`, with the graph if it takes one.

    Raises
    ------
    NotSupported
        The model needs a graph over labelled factors, and there are none.
    """
    known = models()
    cls = known.get(text.partition(":")[0])
    takes = {f.name: f for f in fields(cls)} if cls is not None else {}
    given = {}
    if "graph" in takes:
        if structure is None and takes["graph"].default is MISSING:
            raise NotSupported(
                f"the model {text.partition(':')[0]!r} needs labelled factors; give them with "
                "--factors, or choose vae"
            )
        given["graph"] = structure
    if "unlabelled" in takes and unlabelled:
        given["unlabelled"] = True
    return made(text, known, "model of pictures", **given)


def causal(structure: Any, *, unlabelled: bool) -> Any:
    """The model for labelled factors."""
    return make_model("causal-diff-ae", structure, unlabelled=unlabelled)


def plain() -> Any:
    """The model without labels."""
    return make_model("vae", None, unlabelled=True)
