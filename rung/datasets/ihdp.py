"""Infant Health and Development Program: real covariates, simulated outcomes, known effects.

Hill 2011 (Journal of Computational and Graphical Statistics 20:217-240, section 4.1): the
randomised experiment becomes a confounded one by leaving out treated children of non-white
mothers, and the outcome is drawn from a response surface, so that every child's effect is known.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data, Origin
from ..core.errors import InputError
from ..core.result import lock
from ..core.variable import Kind, Variable
from .entry import Entry, Info, KnownEffect, flag, table

MEASURED = (
    Variable("bw", unit="g"),
    Variable("b.head", unit="cm"),
    Variable("preterm", unit="weeks"),
    Variable("birth.o", Kind.ORDINAL, (1, 2, 3, 4)),
    Variable("nnhealth", unit="index points"),
    Variable("momage", unit="years"),
)
BINARY = (
    *("sex", "twin", "b.marr", "mom.lths", "mom.hs", "mom.scoll", "cig", "first", "booze", "drugs"),
    *("work.dur", "prenatal", "site1", "site2", "site3", "site4", "site5", "site6", "site7"),
)
COVARIATES = (*MEASURED, *(flag(name) for name in BINARY))
VARIABLES = (flag("treat"), *COVARIATES, Variable("y", unit="points"))

# Surface: values of a coefficient and their probabilities (Hill 2011, p. 226).
COEFFICIENTS = {
    "A": ((0, 1, 2, 3, 4), (0.5, 0.2, 0.15, 0.1, 0.05)),
    "B": ((0, 0.1, 0.2, 0.3, 0.4), (0.6, 0.1, 0.1, 0.1, 0.1)),
}
EFFECT = 4.0  # surface A: of everybody; surface B: the mean over the treated


def children() -> dict[str, NDArray[np.float64]]:
    """Columns of the 747 children that stay: all controls, and treated with a white mother."""
    columns, _ = table("ihdp")
    stay = (columns["treat"] == 0) | (columns["momwhite"] == 1)
    return {name: column[stay] for name, column in columns.items()}


def design(columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """X (747, 26): an intercept, 6 standardised measures, 19 indicators.

    `first` is coded 1 and 2 here, as in the simulations that others publish on these data.
    """
    x = np.column_stack([columns[v.name] for v in COVARIATES])
    measured = x[:, : len(MEASURED)]
    x[:, : len(MEASURED)] = (measured - measured.mean(axis=0)) / measured.std(axis=0)
    x[:, len(MEASURED) + BINARY.index("first")] += 1
    return np.column_stack([np.ones(len(x)), x])


def surfaces(
    surface: str, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Expected outcomes (747,) without and with treatment, and the columns.

    A: mu0 = X beta, mu1 = mu0 + 4. B: mu0 = exp((X + W) beta), mu1 = X beta - omega, with W = 0.5
    off the intercept and omega such that the mean effect on the treated is 4.
    """
    columns = children()
    x = design(columns)
    values, chances = COEFFICIENTS[surface]
    beta = rng.choice(np.asarray(values, dtype=np.float64), size=x.shape[1], p=chances)
    if surface == "A":
        mu0 = x @ beta
        return mu0, mu0 + EFFECT, columns
    shifted = x + np.r_[0.0, np.full(x.shape[1] - 1, 0.5)]
    mu0, mu1 = np.exp(shifted @ beta), x @ beta
    omega = (mu1 - mu0)[columns["treat"] == 1].mean() - EFFECT
    return mu0, mu1 - omega, columns


def rows(surface: str, name: str, n: int | None, rng: np.random.Generator) -> Data:
    """The 747 children with outcomes y = mu_treat + N(0, 1) drawn from the surface."""
    if n is not None:
        raise InputError(f"{name} has 747 children; `n` is for data sets drawn on demand")
    mu0, mu1, columns = surfaces(surface, rng)
    y = np.where(columns["treat"] == 1, mu1, mu0) + rng.standard_normal(len(mu0))
    shown = {**columns, "birth.o": columns["birth.o"] - 1, "y": y}
    origin = Origin(name, sha256=table("ihdp")[1], licence=ENTRY.info.licence)
    return Data(VARIABLES, {v.name: shown[v.name] for v in VARIABLES}, origin=origin)


def effect(surface: str, rng: np.random.Generator) -> KnownEffect:
    """Each child's expected effect, mu1 - mu0; `rng` must start where that of `rows` did."""
    mu0, mu1, columns = surfaces(surface, rng)
    each = lock(mu1 - mu0)
    att = float(each[columns["treat"] == 1].mean())
    how = f"response surface {surface} of Hill 2011, exact for the seed"
    return KnownEffect("treat", "y", float(each.mean()), att, 0.0, how, each)


def _entry(name: str, surface: str, kind: str) -> Entry:
    return Entry(
        Info(
            name=name,
            title=f"infant health programme, simulated outcomes with {kind}",
            source="econml 0.17.0, econml/data/ihdp/sim.csv; outcomes drawn here, by seed",
            licence="MIT (econml)",
            reference="Hill 2011, JCGS 20:217-240, section 4.1",
            rows=747,
            variables=tuple(v.name for v in VARIABLES),
            treatment="treat",
            outcome="y",
            notes=(f"response surface {surface}; other software numbers the surfaces otherwise",),
        ),
        partial(rows, surface, name),
        effect=partial(effect, surface),
    )


ENTRY = _entry("ihdp", "B", "an effect that differs between children")
LINEAR = _entry("ihdp_a", "A", "the same effect for all")
