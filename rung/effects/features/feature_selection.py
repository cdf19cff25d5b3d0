"""DRCFS: which columns are direct causes of one column, by doubly robust tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.budget import Budget, Run, start
from ...core.data import Data
from ...core.errors import InputError, NeedsRows, NotSupported, unknown
from ...core.missing import complete, told
from ...core.result import Result
from ...core.source import Source
from ...inference.multiplicity import BenjaminiHochberg, BenjaminiYekutieli, Holm
from ...inference.resampling import folds as deal
from .candidate_features import Columns, features, response
from .feature_learners import BoundFeatureLearner, Refit, SparseTerms
from .feature_scores import Scores, scores

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DRCFS", "BenjaminiHochberg", "BenjaminiYekutieli", "FeatureLearner", "FeatureSelection",
    "Holm", "Refit", "SparseTerms",
]  # fmt: skip

Floats = NDArray[np.float64]
FEWEST = 30
WORTH = 0.01  # share of the cross-validated error that a later regression must save
CLOSE = 0.05  # share of a feature's variance below which it can hardly be told from the others


class FeatureLearner(Protocol):
    """A regression for `DRCFS`: configuration only."""

    @property
    def words(self) -> str:
        """Its name for a result."""

    def bind(self, columns: Columns, rng: np.random.Generator) -> BoundFeatureLearner:
        """Bind to features."""


class Multiplicity(Protocol):
    """How p-values of many tests are adjusted."""

    def adjust(self, p: Floats) -> Floats:
        """Adjusted p-values (m,)."""


@dataclass(frozen=True, eq=False)
class FeatureSelection(Result):
    """What `DRCFS` found.

    Parameters
    ----------
    target : str
    selected : tuple of str
        The columns whose adjusted p-value is at most `alpha`, in column order.
    rows : tuple of mapping
        One for each column: name, gain (squared error added where the column is left out, in
        squared units of the target), se, share (gain over the target's variance), p, adjusted,
        paired (p-value of the published paired t-test), left (share of the column's variance that
        the other columns do not explain), selected.
    errors : mapping
        Cross-validated mean squared error of each regression tried, over the target's variance.
    """

    target: str
    selected: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    alpha: float
    control: str
    learner: str
    errors: Mapping[str, float]
    n: int
    folds: int
    seed: int | None = None
    seconds: float = 0.0
    complete: bool = True
    notes: tuple[str, ...] = ()
    cites: tuple[str, ...] = ("quinzan2023", "benjamini2001", "lundborg2024", "chernozhukov2018")

    def frame(self) -> pd.DataFrame:
        """One row a column, the smallest p-value first."""
        import pandas as pd

        made = pd.DataFrame([dict(r) for r in self.rows])
        return made.sort_values("p", kind="stable", ignore_index=True)

    def __repr__(self) -> str:
        lines = [
            f"Direct causes of {self.target}: {len(self.selected)} of {len(self.rows)} columns "
            f"({self.control} at {self.alpha:g}; {self.learner}, {self.folds} folds, {self.n} rows)"
        ]
        chosen = sorted((r for r in self.rows if r["selected"]), key=lambda r: r["p"])
        for r in chosen[:20]:
            lines.append(
                f"  {r['name']}: explains {_percent(r['share'])} of {self.target} that no other "
                f"column does, adjusted p {_small(r['adjusted'])}"
            )
        if len(chosen) > 20:
            lines.append(f"  ... and {len(chosen) - 20} more; .selected has them all")
        others = sorted((r for r in self.rows if not r["selected"]), key=lambda r: r["p"])
        if others:
            r = others[0]
            lines.append(f"  next: {r['name']}, adjusted p {r['adjusted']:.2g}")
        lines.append(
            f"  if {self.target} causes none of these columns and shares no hidden cause with them"
        )
        return "\n".join([*lines, *(f"  note: {n}" for n in self.notes)])


@dataclass(frozen=True)
class DRCFS:
    """Doubly robust selection of the direct causes of one column among all others.

    Column j is selected if E[Y | all] and E[Y | all but j] differ: if leaving it out adds to the
    squared error. Under three assumptions this makes it a direct cause: Y = f(its causes) + noise,
    the noise independent of the columns, and Y causes none of the columns. The columns may cause
    each other in cycles and share hidden causes. If Y does cause a column, that column and its
    other causes are selected too, as they belong to the Markov blanket.

    Regressions are fitted on all folds but one and compared on it. The p-value is not that of the
    published paired t-test, whose statistic vanishes to first order where there is no effect, but
    of its leading factor (`feature_scores.scores`), which is normal there.

    Parameters
    ----------
    target : str
        A number, or a column with two levels.
    learner : FeatureLearner or several
        Of several the first, unless a later one saves 1 per cent of its cross-validated error. By
        default `SparseTerms` with lines, with curves, and with curves and products.
    control : object with `adjust`
        `BenjaminiYekutieli()` by default; `BenjaminiHochberg()` and `Holm()`.
    alpha : float
        Share of false discoveries aimed at (with `Holm` the chance of any).
    folds : int

    Source: Quinzan, Soleymani, Jaillet, Rojas and Bauer (2023), section 4 and algorithm 1. The test
    of the learned direction: Lundborg, Kim, Shah and Samworth (2024), algorithm 1; its sum over
    ordered folds: Luedtke and van der Laan (2016).
    """

    target: str
    learner: FeatureLearner | tuple[FeatureLearner, ...] = (
        SparseTerms(),
        SparseTerms(curves=True),
        SparseTerms(curves=True, products=True),
    )
    control: Multiplicity = field(default_factory=BenjaminiYekutieli)
    alpha: float = 0.05
    folds: int = 5

    def __post_init__(self) -> None:
        if not isinstance(self.target, str):
            raise InputError(f"target={self.target!r}: expected the name of one column")
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha}: expected a level between 0 and 1, such as 0.05")
        if self.folds < 2:
            raise InputError(f"folds={self.folds}: expected 2 folds or more")
        if not self._learners():
            raise InputError("learner=(): expected one regression or several")

    def renamed(self, mapping: Mapping[str, str]) -> DRCFS:
        """The same question where columns have other names."""
        return replace(self, target=mapping.get(self.target, self.target))

    def find(
        self,
        source: Source,
        *,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> FeatureSelection:
        """The direct causes of the target among all columns of a table.

        Rows whose condition sets the target are left out; units with several rows stay in one fold
        and count once.

        Raises
        ------
        UnknownName, NeedsRows
            Unknown target; a source without rows.
        MissingCells
            Cells are missing and no policy was declared.
        InputError
            Fewer than 30 rows; infinite cells; constant, identifier-like, duplicate or collinear
            columns; a target without a mean.
        """
        run = start(budget)
        began = run.seconds
        if isinstance(rng, np.random.Generator):
            seed, draw = None, rng
        else:
            seed, draw = int(rng), np.random.default_rng(rng)
        data, notes = _rows(source, self.target)
        names = [name for name in data.names if name != self.target]
        columns = features(data, names)
        y, variance = response(data, self.target)
        units = data.unit if data.clustered else None
        fold = deal(draw, data.n, self.folds, unit=units).astype(np.int64)
        errors, word, bound, lines, left_out = self._choose(columns, y, fold, draw, run)
        found = scores(columns, bound, y, fold, lines=lines, units=units, run=run)
        adjusted = self.control.adjust(found.p)
        rows = _table(names, found, adjusted, variance, self.alpha)
        return FeatureSelection(
            self.target, tuple(r["name"] for r in rows if r["selected"]), rows, self.alpha,
            type(self.control).__name__, word, errors, data.n, self.folds, seed,
            run.seconds - began, complete=found.rows == data.n,
            notes=(*notes, *left_out, *_stopped(found.rows, data.n), *_close(rows)),
        )  # fmt: skip

    def _learners(self) -> tuple[FeatureLearner, ...]:
        return self.learner if isinstance(self.learner, tuple) else (self.learner,)

    def _choose(
        self,
        columns: Columns,
        y: Floats,
        fold: NDArray[np.int64],
        rng: np.random.Generator,
        run: Run,
    ) -> tuple[dict[str, float], str, BoundFeatureLearner, bool, list[str]]:
        """The first regression that no later one beats by 1 per cent of its error."""
        errors: dict[str, float] = {}
        best: tuple[FeatureLearner, BoundFeatureLearner] | None = None
        least, notes = np.inf, []
        for learner in self._learners():
            if run.spent and best is not None:
                notes.append(f"{learner.words}: not tried, the budget ended")
                continue
            try:
                bound = learner.bind(columns, rng)
            except NotSupported as error:
                if len(self._learners()) == 1:
                    raise
                notes.append(f"{learner.words}: not tried, {error}")
                continue
            errors[learner.words] = loss = bound.tune(y, fold)
            if loss < least * (1 - WORTH):
                best, least = (learner, bound), loss
        if best is None:
            raise InputError("none of the regressions can be used on these columns")
        lines = isinstance(best[0], SparseTerms) and not (best[0].curves or best[0].products)
        return errors, best[0].words, best[1], lines, notes


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 else "under 0.1%"


def _small(p: float) -> str:
    return f"{p:.2g}" if p > 1e-300 else "below 1e-300"


def _rows(source: Source, target: str) -> tuple[Data, tuple[str, ...]]:
    """Complete rows in which the target was not set."""
    if not isinstance(source, Data):
        raise NeedsRows("DRCFS compares predictions row by row; give it Data")
    if target not in source.names:
        raise unknown(target, source.names)
    if source.d < 2:
        raise InputError(f"there is no column beside {target!r} that could cause it")
    notes = list(told(source))
    data = complete(source)
    if data.targets is not None and data.environment is not None:
        j = data.names.index(target)
        kept = ~data.targets[data.environment, j]
        if not kept.all():
            notes.append(f"{int((~kept).sum())} rows whose condition sets {target!r} left out")
            data = data.take(np.flatnonzero(kept))
    if data.n < FEWEST:
        raise InputError(
            f"{data.n} rows are too few: regressions are fitted on parts of them; at least {FEWEST}"
        )
    if data.weights is not None:
        raise NotSupported("DRCFS does not weigh rows; data.replacing(weights=None) drops weights")
    return data, tuple(notes)


def _table(
    names: Sequence[str], found: Scores, adjusted: Floats, variance: float, alpha: float
) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "name": name, "gain": float(found.gain[j]) * variance,
            "se": float(found.se[j]) * variance, "share": float(found.gain[j]),
            "p": float(found.p[j]), "adjusted": float(adjusted[j]),
            "paired": float(found.paired[j]), "left": float(found.left[j]),
            "selected": bool(adjusted[j] <= alpha),
        }
        for j, name in enumerate(names)
    )  # fmt: skip


def _stopped(compared: int, n: int) -> list[str]:
    return [f"the budget ended: {compared} of {n} rows were compared"] if compared < n else []


def _close(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns not selected that the others nearly determine."""
    close = [r["name"] for r in rows if r["left"] < CLOSE and not r["selected"]]
    if not close:
        return []
    shown = ", ".join(close[:8]) + (" ..." if len(close) > 8 else "")
    return [
        f"the other columns explain over {1 - CLOSE:.0%} of {shown}: these rows can hardly tell "
        "whether they are direct causes"
    ]
