"""Protein signalling in single T cells: 11 proteins under nine conditions (Sachs et al. 2005)."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..core.data import Data, Origin
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.variable import Variable
from .entry import Entry, Info, table

NAMES = ("Raf", "Mek", "Plcg", "PIP2", "PIP3", "Erk", "Akt", "PKA", "PKC", "P38", "Jnk")

# Condition: number of rows (the file is in this order), protein that the reagent acts on.
CONDITIONS: dict[str, tuple[int, str | None]] = {
    "cd3cd28": (853, None),
    "icam2": (902, None),
    "aktinhib": (911, "Akt"),
    "g0076": (723, "PKC"),
    "psitect": (810, "PIP2"),
    "u0126": (799, "Mek"),
    "ly": (848, "PIP3"),
    "pma": (913, "PKC"),
    "b2camp": (707, "PKA"),
}

_SHARED = """
    Raf -> Mek; Mek -> Erk; PKA -> Raf; PKA -> Mek; PKA -> Erk; PKA -> Akt; PKA -> P38; PKA -> Jnk
    PKC -> Raf; PKC -> Mek; PKC -> P38; PKC -> Jnk; Plcg -> PIP2
"""
TRUTHS = {
    "bnlearn-17": _SHARED + "Erk -> Akt; PKC -> PKA; Plcg -> PIP3; PIP3 -> PIP2",
    "cdt-18": _SHARED + "PIP2 -> PKC; Plcg -> PKC; PIP3 -> Plcg; PIP2 -> PIP3; PIP3 -> Akt",
    "cmu-20": _SHARED
    + "Erk -> Akt; PKC -> PKA; PIP2 -> PKC; Plcg -> PKC; PIP3 -> Plcg; PIP3 -> PIP2; PIP3 -> Akt",
}


def rows(n: int | None, rng: np.random.Generator) -> Data:
    """All 7466 cells: raw intensities, the condition as environment, its protein as target."""
    del rng
    columns, sha256 = table("sachs")
    if n is not None:
        raise InputError("sachs has 7466 measured rows; `n` is for data sets drawn on demand")
    counts = [count for count, _ in CONDITIONS.values()]
    targets = np.array([[target == v for v in NAMES] for _, target in CONDITIONS.values()])
    return Data(
        tuple(Variable(v, unit="fluorescence intensity") for v in NAMES),
        dict(columns),
        environment=np.repeat(np.arange(len(counts)), counts),
        environments=tuple(CONDITIONS),
        targets=targets,
        origin=Origin("sachs", sha256=sha256, licence=ENTRY.info.licence),
    )


ENTRY = Entry(
    Info(
        name="sachs",
        title="protein signalling in single T cells under nine conditions",
        source="cdt 0.6.0, cdt/data/resources/cyto_full_data.csv; conditions from the row order",
        licence="Apache-2.0 (cdt); the same rows are CC0 in cmu-phil/example-causal-datasets",
        reference="Sachs, Perez, Pe'er, Lauffenburger and Nolan 2005, Science 308:523-529",
        rows=7466,
        variables=NAMES,
        truths=tuple(TRUTHS),
        treatment="PKA",
        outcome="Akt",
        notes=(
            "true graphs are reconstructions from the literature and differ: name the one used",
            "cdt-18 has a directed cycle, Plcg -> PIP2 -> PIP3 -> Plcg",
            "targets are the reagents' usual ones; ly inhibits PI3K, here PIP3, elsewhere also Akt",
        ),
    ),
    rows,
    graphs={version: partial(Graph.parse, text, NAMES) for version, text in TRUTHS.items()},
)
