"""Atlantic Causal Inference Conference 2016: real covariates, simulated outcomes, known effects.

Dorie, Hill, Shalit, Scott and Cervone 2019 (Statistical Science 34:43-68): 58 covariates of 4802
pregnancies; treatment and outcomes are drawn by response surfaces that differ in shape, overlap
and heterogeneity. Ten settings are read from the package causallib, not shipped.
"""

from __future__ import annotations

import csv
import hashlib
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data, Origin
from ..core.errors import FileProblem, InputError
from ..core.result import lock
from ..core.variable import Kind, Variable
from ..io.installed import file_of
from .entry import Entry, Info, KnownEffect, flag

PACKAGE, RELEASE = "causallib", "0.10.0"
SETTINGS = 10
LETTERS = ("x_2", "x_21", "x_24")  # columns of levels
COVARIATES = tuple(f"x_{j}" for j in range(1, 59))

Columns = dict[str, NDArray[np.float64]]


def _read(name: str) -> tuple[dict[str, list[str]], bytes]:
    place = file_of(
        PACKAGE, RELEASE, "datasets", "data", "acic_challenge_2016", f"{name}.csv",
        what="the data of ACIC 2016",
    )  # fmt: skip
    try:
        raw = place.read_bytes()
        head, *rows = list(csv.reader(raw.decode("ascii").splitlines()))
        return {k: [row[i] for row in rows] for i, k in enumerate(head)}, raw
    except (OSError, ValueError, IndexError) as error:
        raise FileProblem(f"{place} is damaged ({error}); reinstall {PACKAGE}") from error


@cache
def covariates() -> tuple[tuple[Variable, ...], Columns, str]:
    """Variables and columns (4802,) of the covariates, and the SHA-256 of their file."""
    text, raw = _read("x")
    variables, columns = [], {}
    for name in COVARIATES:
        if name in LETTERS:
            levels = tuple(sorted(set(text[name])))
            variables.append(Variable(name, Kind.CATEGORICAL, levels))
            values = np.array([levels.index(v) for v in text[name]], dtype=np.float64)
        else:
            values = np.array(text[name], dtype=np.float64)
            variables.append(Variable(name))
        columns[name] = lock(values)
    return tuple(variables), columns, hashlib.sha256(raw).hexdigest()


@cache
def simulated(setting: int) -> tuple[Columns, str]:
    """Treatment z, outcomes y0, y1 and their means mu0, mu1, each (4802,), and the SHA-256."""
    text, raw = _read(f"zymu_{setting}")
    columns = {k: lock(np.array(v, dtype=np.float64)) for k, v in text.items()}
    return columns, hashlib.sha256(raw).hexdigest()


def rows(setting: int, n: int | None, rng: np.random.Generator) -> Data:
    """The 4802 rows of a setting."""
    del rng
    if n is not None:
        raise InputError("acic has 4802 rows; `n` is for data sets drawn on demand")
    variables, columns, first = covariates()
    drawn, second = simulated(setting)
    y = np.where(drawn["z"] == 1, drawn["y1"], drawn["y0"])
    everything = {**columns, "z": drawn["z"], "y": lock(y)}
    origin = Origin(f"acic_{setting}", sha256=f"{first} {second}", licence="Apache-2.0 (causallib)")
    return Data((*variables, flag("z"), Variable("y")), everything, origin=origin)


def effect(setting: int, rng: np.random.Generator) -> KnownEffect:
    """Each row's expected effect, mu1 - mu0."""
    del rng
    drawn, _ = simulated(setting)
    each = lock(drawn["mu1"] - drawn["mu0"])
    att = float(each[drawn["z"] == 1].mean())
    how = f"setting {setting} of ACIC 2016 as in {PACKAGE} {RELEASE}"
    return KnownEffect("z", "y", float(each.mean()), att, 0.0, how, each)


def entry(setting: int) -> Entry:
    """The entry of one of the ten settings."""
    return Entry(
        Info(
            name=f"acic_{setting}",
            title=f"58 real covariates, simulated outcomes (ACIC 2016, setting {setting})",
            source=f"{PACKAGE} {RELEASE}, acic_challenge_2016, which must be installed",
            licence="Apache-2.0 (causallib); read where it is installed, not shipped",
            reference="Dorie, Hill, Shalit, Scott and Cervone 2019, Statistical Science 34:43-68",
            rows=4802,
            variables=(*COVARIATES, "z", "y"),
            treatment="z",
            outcome="y",
        ),
        partial(rows, setting),
        effect=partial(effect, setting),
    )


def __getattr__(name: str) -> Entry:
    if name.startswith("ENTRY_"):
        return entry(int(name.removeprefix("ENTRY_")))
    raise AttributeError(name)
