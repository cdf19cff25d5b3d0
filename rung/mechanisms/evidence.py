"""Counterfactuals given facts that are not a whole row: what is not known is integrated over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.draws import Draws
from ..core.errors import InputError, NotSupported, unknown
from ..core.intervention import Intervention
from ..core.missing import EM
from ..core.model import Model
from ..core.result import lock
from ..core.scm import SCM
from .imputation import impute
from .twin import Twin

Floats = NDArray[np.float64]
DRAWS = 2000  # of the unknown values and the noise, over all graphs


def given_facts(
    model: Model,
    facts: Mapping[str, Any],
    items: Sequence[Intervention],
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Draws:
    """One unit of which only `facts` are known, under interventions.

    Exact where all variables have levels and few joint states: the twin network (Balke and Pearl
    1994) is summed, and the draws are its states with their probabilities. Elsewhere the unknown
    values are drawn from their posterior (`impute`) and then the noise. Weights of graphs stay
    those of the model: one unit says next to nothing about the graph.

    Raises
    ------
    InputError
        A level is not known, a value is not one number, or the facts are impossible.
    """
    codes = _codes(model, facts)
    model.check(items)
    columns: dict[str, list[Floats]] = {name: [] for name in model.names}
    weights, graphs, how = [], [], set()
    members = [m for m in model.members if m[0] > 0]
    each = max(1, -(-draws // len(members)))
    for weight, graph, member in members:
        found, share, exact = _one(member, codes, items, each, rng)
        for name, values in found.items():
            columns[name].append(values)
        weights.append(weight * share)
        graphs += [graph] * len(share)
        how.add(exact)
    made = {name: lock(np.concatenate(parts)[:, None]) for name, parts in columns.items()}
    known = ", ".join(codes) or "nothing"
    words = "summed exactly" if how == {True} else f"drawn from their posterior ({each} draws)"
    note = f"known of the unit: {known}; all else was {words}"
    meaning = str(getattr(model, "meaning", "posterior"))
    cites = ("pearl2009", "balke1994")
    return Draws(
        model.variables, made, np.concatenate(weights), tuple(graphs), meaning, (note,), cites
    )


def _codes(model: Model, facts: Mapping[str, Any]) -> dict[str, float]:
    described = {v.name: v for v in model.variables}
    out = {}
    for name, value in facts.items():
        if name not in described:
            raise unknown(name, described)
        code = described[name].encode(value)
        if code.ndim:
            raise InputError(f"the fact on {name!r} has shape {code.shape}; expected one value")
        out[name] = float(code)
    return out


def _one(
    member: Model, codes: dict[str, float], items: Sequence[Intervention], draws: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Floats], Floats, bool]:  # fmt: skip
    """Values (m,) of each variable, weights (m,) summing to 1, and whether they are exact."""
    if not isinstance(member, SCM):
        raise NotSupported(
            f"facts about part of a unit need an SCM, not a {type(member).__name__}; pass units "
            "with every value"
        )
    twin = Twin.of(member, items)
    listed = twin.states({n: int(c) for n, c in codes.items()}) if twin is not None else None
    if listed is not None:
        states, share = listed
        return {n: states[:, i].astype(float) for i, n in enumerate(member.names)}, share, True
    columns = {n: np.full(draws, codes.get(n, np.nan)) for n in member.names}
    rows = Data(member.variables, {n: lock(c) for n, c in columns.items()}, missing=EM())
    whole = impute(replace(member, interventions=()), rows, draws=1, rng=rng)[0]
    values = member.do(*items).run(member.abduct(whole.replacing(missing=None), rng=rng))
    return {n: values.column(n) for n in member.names}, np.full(draws, 1 / draws), False
