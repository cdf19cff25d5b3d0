"""PN, PS, PNS and any counterfactual probability, as queries of the verb `effect`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from ...core.budget import Run
from ...core.data import Data
from ...core.errors import InputError
from ...core.protocols import Estimator
from ...core.query import Estimate, Query
from ...inference.intervals import check_level
from .bounds import Both, Kind, Necessity, Sufficiency


@dataclass(frozen=True)
class NeverPrevents:
    """The treatment never prevents the outcome in any unit: bounds become points.

    Untestable in full; where the data speak against it, the answer says so.
    """


@dataclass(frozen=True)
class Mechanisms:
    """Points from a fitted SCM, whose form of noise decides what rows cannot.

    Parameters
    ----------
    spec : MechanismSpec or mapping of name to MechanismSpec, optional
        As for `rung.fit`.
    resamples : int
        Bootstrap refits behind the interval.
    """

    spec: Any = None
    resamples: int = 40

    def __post_init__(self) -> None:
        if self.resamples < 2:
            raise InputError(f"Mechanisms(resamples={self.resamples}): expected at least 2")


@dataclass(frozen=True, eq=False)
class _Causation(Query):
    """What PN, PS and PNS share."""

    treatment: str
    outcome: str
    treated: Any = field(default=None, kw_only=True)
    control: Any = field(default=None, kw_only=True)
    value: Any = field(default=None, kw_only=True)
    assume: NeverPrevents | Mechanisms | None = field(default=None, kw_only=True)
    experiment: Data | None = field(default=None, kw_only=True)
    within: tuple[str, ...] = field(default=(), kw_only=True)
    resamples: int = field(default=400, kw_only=True)
    level: float = field(default=0.95, kw_only=True)

    kind: ClassVar[Kind]

    def __post_init__(self) -> None:
        check_level(self.level)
        if self.treatment == self.outcome:
            raise InputError("treatment and outcome must differ")
        if self.assume is not None and not isinstance(self.assume, NeverPrevents | Mechanisms):
            raise InputError(f"assume={self.assume!r}: expected NeverPrevents() or Mechanisms()")
        within = (self.within,) if isinstance(self.within, str) else tuple(self.within)
        object.__setattr__(self, "within", within)
        if within and (self.assume is not None or self.experiment is not None):
            raise InputError(
                "within= makes bounds of rows narrower; it takes no assume, experiment"
            )
        if self.resamples < 20:
            raise InputError(f"resamples={self.resamples}: expected at least 20")

    def __repr__(self) -> str:
        given = {n: getattr(self, n) for n in ("treated", "control", "value", "assume", "within")}
        more = "".join(f", {n}={v!r}" for n, v in given.items() if v not in (None, ()))
        return f"{type(self).__name__}({self.treatment!r}, {self.outcome!r}{more})"

    def answer(
        self, structure: Any, data: Any, *, estimator: Estimator | None, run: Run,
        rng: np.random.Generator,
    ) -> Estimate:  # fmt: skip
        """Bounds, or a point under what is assumed; an estimator has no part in it."""
        from .answer import answer

        return answer(self, structure, data, run=run, rng=rng)


@final
@dataclass(frozen=True, eq=False, repr=False)
class PN(_Causation):
    """Probability of necessity: among units with treatment and outcome, how many owe it to it.

    Parameters
    ----------
    treatment, outcome : names of columns; the treatment has two levels (or numbers)
    treated, control : levels of the treatment; the second and the first if not given
    value : level of the outcome that is asked about; the second if not given
    assume : None for bounds, `NeverPrevents()` or `Mechanisms()` for a point
    experiment : Data of rows in which the treatment was assigned at random, from the same
        population; without it P(outcome | do(treatment)) is identified by the graph, or the bounds
        rest on what was observed alone
    within : covariates with levels that the treatment does not change: bounds within their strata,
        averaged, are never wider
    resamples : bootstrap draws of the rows
    level : of the interval, which covers both bounds
    """

    kind: ClassVar[Kind] = Necessity()


@final
@dataclass(frozen=True, eq=False, repr=False)
class PS(_Causation):
    """Probability of sufficiency: among units with neither, how many the treatment would do.

    Arguments as for `PN`.
    """

    kind: ClassVar[Kind] = Sufficiency()


@final
@dataclass(frozen=True, eq=False, repr=False)
class PNS(_Causation):
    """Probability of necessity and sufficiency: units whose outcome follows the treatment.

    Arguments as for `PN`.
    """

    kind: ClassVar[Kind] = Both()


@final
@dataclass(frozen=True, eq=False)
class CounterfactualProbability(Query):
    """P(outcome = value, had `do` been done | given), from SCMs fitted to the rows.

    Parameters
    ----------
    outcome, value : name of a column with levels, and the level
    do : {name: value} that would have been set
    given : {name: value} that is known of the unit as it was
    mechanisms : Mechanisms
    level : of the interval
    """

    outcome: str
    value: Any
    do: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    given: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    mechanisms: Mechanisms = field(default_factory=Mechanisms, kw_only=True)
    level: float = field(default=0.95, kw_only=True)

    def __post_init__(self) -> None:
        check_level(self.level)
        if not self.do:
            raise InputError("say what would have been set: do={name: value}")

    def __repr__(self) -> str:
        return (
            f"CounterfactualProbability({self.outcome!r}, {self.value!r}, do={dict(self.do)!r}, "
            f"given={dict(self.given)!r})"
        )

    def answer(
        self, structure: Any, data: Any, *, estimator: Estimator | None, run: Run,
        rng: np.random.Generator,
    ) -> Estimate:  # fmt: skip
        """The mixture over graphs; an estimator has no part in it."""
        from .by_model import answer

        return answer(self, structure, data, run=run, rng=rng)
