"""TwoStage: two-stage least squares or LIML, with intervals that weak instruments do not spoil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...inference.intervals import freedom, normal
from ..estimators import glm
from ..estimators.basis import FORMS, make
from .instrumented import Instrumental, Instrumented
from .linear_iv import (
    Reduced,
    anderson_rubin,
    conditional_region,
    k_class,
    least_statistic,
    reduced_form,
    region,
    strength,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TwoStage:
    """Two-stage least squares; the interval inverts a test that holds for weak instruments.

    One instrument: the Anderson-Rubin test (1949). Several: the conditional likelihood ratio test
    (Moreira 2003; Kleibergen 2005). The usual interval stands in the diagnostics.

    Parameters
    ----------
    liml : limited information maximum likelihood instead (Anderson and Rubin 1949)
    robust : errors that allow heteroskedasticity; rows of a unit are clustered in any case
    conditional : with several instruments the conditional likelihood ratio set, else Anderson-Rubin
    form : terms of the covariates: "linear", "spline", "products"
    """

    liml: bool = False
    robust: bool = True
    conditional: bool = True
    form: str = "linear"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InputError(f"form={self.form!r}: expected one of {FORMS}")

    def by_instrument(self, problem: Instrumented, *, rng: np.random.Generator) -> Instrumental:
        """The effect of one unit, with its weak-instrument interval."""
        w = problem.weights
        design = make(problem.c, problem.sizes, self.form, tame=False).expand(problem.c)
        design = design[:, independent(design, w)]
        y, x, z = (taken_out(design, v, w) for v in (problem.y, problem.x, problem.z))
        z = usable_instruments(z, problem)
        robust = self.robust or problem.groups is not None
        form = reduced_form(y, x, z, w, problem.groups, design.shape[1], robust=robust)
        name = "limited information maximum likelihood" if self.liml else "two-stage least squares"
        kind = "clustered" if problem.groups is not None else "heteroskedastic"
        return linear(
            form, problem, liml=self.liml, conditional=self.conditional,
            method=f"{name}, {kind if robust else 'homoskedastic'} errors",
            cites=("anderson1949",) if self.liml else ("theil1958",),
        )  # fmt: skip


def linear(
    form: Reduced, problem: Instrumented, *, liml: bool, conditional: bool, method: str,
    cites: tuple[str, ...],
) -> Instrumental:  # fmt: skip
    """Estimate, weak-instrument set, strength and test of several instruments."""
    from scipy import stats

    found = k_class(form, liml=liml)
    invert = conditional_region if conditional else region
    accepted = invert(form, problem.level, found.value, found.se)
    several = form.k > 1
    over = None
    if several:
        least, _ = least_statistic(form, found.value, found.se)
        over = (least, form.k - 1, float(stats.chi2.sf(least, form.k - 1)))
    df = freedom(form.groups)
    no_effect = float(anderson_rubin(form, 0.0)[0])
    details: dict[str, Any] = {
        "kappa": found.kappa,
        "reduced form": form.slopes[0].tolist(),
        "first stage": form.slopes[1].tolist(),
        "anderson_rubin_p": float(stats.f.sf(no_effect / form.k, form.k, form.freedom)),
    }
    return Instrumental(
        found.value, found.se, accepted,
        normal(found.value, found.se, problem.level, df=df), strength(form), method,
        "conditional likelihood ratio" if several and conditional else "Anderson-Rubin",
        found.influence, over, details,
        (*cites, "moreira2003", "kleibergen2005") if several and conditional else
        (*cites, "anderson1949"),
    )  # fmt: skip


def taken_out(design: Floats, v: Floats, w: Floats) -> Floats:
    """Residuals of v (n,) or (n, k) on the design by weighted least squares."""
    return np.asarray(v - design @ glm.linear(design, v, w, 0.0).beta)


def independent(design: Floats, w: Floats) -> NDArray[np.bool_]:
    """Columns (p,) of a design that are not combinations of those before them."""
    from scipy import linalg

    scaled = design * np.sqrt(w)[:, None]
    size = np.sqrt((scaled**2).sum(axis=0))
    r = linalg.qr(scaled / np.where(size > 0, size, 1.0), mode="r")[0]
    keep = np.zeros(design.shape[1], dtype=bool)
    diagonal = np.abs(np.diag(r))
    keep[: len(diagonal)] = (diagonal > 1e-7) & (size[: len(diagonal)] > 0)
    return keep


def usable_instruments(z: Floats, problem: Instrumented) -> Floats:
    """Columns of the instruments that the covariates leave something of, each once.

    Raises
    ------
    InputError
        Nothing is left.
    """
    w = problem.weights
    before = (w[:, None] * (problem.z - (w @ problem.z) / w.sum()) ** 2).sum(axis=0)
    after = (w[:, None] * z**2).sum(axis=0)
    keep = after > 1e-10 * np.maximum(before, 1e-300)
    keep[keep] = independent(z[:, keep], w) if keep.any() else False
    if not keep.any():
        raise InputError(
            f"the covariates leave no variation of {', '.join(problem.names[2])}: it is constant "
            "or a combination of them; name another instrument or fewer covariates"
        )
    return np.ascontiguousarray(z[:, keep])
