"""What can be asked about an effect: ATE, ATT, CATE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from ..core.budget import Run
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.protocols import Estimator
from ..core.query import Estimate, Query
from ..graphs.identification.formula import MeanContrast
from ..graphs.identification.query import Interventional
from ..graphs.identification.treated import TreatedContrast
from ..inference.intervals import check_level
from .contrast import SCALES
from .selection import Selection


def _text(query: Any) -> str:
    parts = [repr(query.treatment), repr(query.outcome)]
    parts = [p.replace("'", '"') for p in parts]
    for name in ("by", "treated", "control", "adjust"):
        value = getattr(query, name, None)
        if value is not None and not (name == "by" and not value):
            parts.append(f"{name}={value!r}")
    if getattr(query, "scale", "difference") != "difference":
        parts.append(f"scale={query.scale!r}")
    return f"{type(query).__name__}({', '.join(parts)})"


def _names(value: Any, what: str) -> tuple[str, ...]:
    out = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(v, str) for v in out):
        raise InputError(f"{what}={value!r}: expected names of columns")
    return tuple(dict.fromkeys(out))


def _validate(query: Any) -> None:
    if query.scale not in SCALES:
        raise InputError(f"scale={query.scale!r}: expected one of {SCALES}")
    check_level(query.level)
    for name in ("treatment", "outcome"):
        if not isinstance(getattr(query, name), str):
            raise InputError(f"{name}={getattr(query, name)!r}: expected the name of a column")
    if query.adjust is not None:
        object.__setattr__(query, "adjust", _names(query.adjust, "adjust"))


@dataclass(frozen=True, repr=False)
class _Average(Query):
    """What ATE and ATT share: the contrast, and everything but whose effect is averaged."""

    treatment: str
    outcome: str
    treated: Any = field(default=None, kw_only=True)
    control: Any = field(default=None, kw_only=True)
    scale: str = field(default="difference", kw_only=True)
    adjust: tuple[str, ...] | None = field(default=None, kw_only=True)
    negative_control: str | None = field(default=None, kw_only=True)
    negative_exposure: str | None = field(default=None, kw_only=True)
    level: float = field(default=0.95, kw_only=True)
    selection: Selection | None = field(default=None, kw_only=True)

    _population: ClassVar[str]

    def __post_init__(self) -> None:
        _validate(self)

    def __repr__(self) -> str:
        return _text(self)

    def answer(
        self,
        structure: Any,
        data: Any,
        *,
        estimator: Estimator | None,
        run: Run,
        rng: np.random.Generator,
    ) -> Estimate:
        """Identify, estimate, try to refute."""
        from .answer import answer

        return answer(
            self, structure, data, estimator, run=run, rng=rng, population=self._population
        )


@final
@dataclass(frozen=True, repr=False)
class ATE(_Average):
    """Average effect of the treatment on the outcome over all rows.

    Parameters
    ----------
    treatment, outcome : names of two columns
    treated, control : values compared. Default: 1 against 0 for two levels; each level against
        the commonest (simultaneous intervals); 75th against 25th percentile of a dose.
    scale : "difference", "ratio", or "odds ratio" (binary outcomes)
    adjust : covariates to use as declared, instead of those the graph gives; an objection of the
        graph is a warning with both numbers
    negative_control : a column that the treatment is known not to affect; its effect is a check
    negative_exposure : a column that is known not to affect the outcome; that it tells nothing of
        the outcome, given treatment and covariates, is a check
    level : of the interval
    selection : how the interval allows for a graph learned from the same rows
    """

    _population: ClassVar[str] = "all"

    def identified_on(self, graph: Graph, *, hidden_causes: bool = False) -> MeanContrast:
        """Contrast of two means of P(outcome | do(treatment))."""
        from ..graphs.identification.asking import identified, require_names

        asked = Interventional(self.outcome, do=self.treatment)
        require_names(graph, asked)
        found = identified(graph, asked, hidden_causes)
        return MeanContrast(found, self.treated, self.control)


@final
@dataclass(frozen=True, repr=False)
class ATT(_Average):
    """Average effect among the rows that had the treated level; arguments as for `ATE`."""

    _population: ClassVar[str] = "treated"

    def identified_on(self, graph: Graph, *, hidden_causes: bool = False) -> TreatedContrast:
        """Contrast of two means among the treated, one of them counterfactual."""
        from ..graphs.identification.asking import require_names
        from ..graphs.identification.treated import on_treated

        require_names(graph, Interventional(self.outcome, do=self.treatment))
        return on_treated(
            graph, self.treatment, self.outcome, hidden_causes,
            treated=self.treated, control=self.control,
        )  # fmt: skip


@final
@dataclass(frozen=True, repr=False)
class CATE(Query):
    """Effects in groups of rows that share `by` columns, or of each row by a learner.

    Without a learner groups are compared (numbers: fourths of their range). An estimator such as
    `rung.CausalForest()` gives the effect of each row by its covariates.

    Parameters
    ----------
    by : names of columns that the treatment does not affect; may be left out with a learner, for
        all that the graph adjusts for
    others : as for `ATE`; intervals are simultaneous over the groups
    """

    treatment: str
    outcome: str
    by: tuple[str, ...] = ()
    treated: Any = field(default=None, kw_only=True)
    control: Any = field(default=None, kw_only=True)
    scale: str = field(default="difference", kw_only=True)
    adjust: tuple[str, ...] | None = field(default=None, kw_only=True)
    level: float = field(default=0.95, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", _names(self.by, "by"))
        _validate(self)

    def __repr__(self) -> str:
        return _text(self)

    def identified_on(self, graph: Graph, *, hidden_causes: bool = False) -> MeanContrast:
        """Contrast of two means of P(outcome | do(treatment), by)."""
        from ..graphs.identification.asking import identified, require_names

        asked = Interventional(self.outcome, do=self.treatment, given=self.by)
        require_names(graph, asked)
        found = identified(graph, asked, hidden_causes)
        return MeanContrast(found, self.treated, self.control)

    def overall(self) -> ATE:
        """The same question about all rows."""
        return ATE(
            self.treatment, self.outcome, treated=self.treated, control=self.control,
            scale=self.scale, adjust=self.adjust, level=self.level,
        )  # fmt: skip

    def answer(
        self,
        structure: Any,
        data: Any,
        *,
        estimator: Estimator | None,
        run: Run,
        rng: np.random.Generator,
    ) -> Estimate:
        """Identify, then estimate overall and in every group, or for every row by a learner."""
        from .cate.protocol import CateLearner

        if isinstance(estimator, CateLearner):
            from .cate.answer import answer as by_learner

            return by_learner(self, structure, data, estimator, run=run, rng=rng)
        if not self.by:
            raise InputError(
                "CATE needs by=(...), the columns whose groups are compared, or a learner of "
                "effects as estimator, such as rung.CausalForest()"
            )
        from .subgroups import answer

        return answer(self, structure, data, estimator, run=run, rng=rng)
