"""Choose test, score and learner from what the data show, say why, and cross-check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.knowledge import Knowledge
from ..core.missing import EM, TestWise
from ..core.moments import Counts
from ..core.protocols import CITest, Learner, Score
from ..core.source import Source
from ..inference.conditions import several
from ..io.profile_pairs import ROWS, curvature, numeric_rows
from .basis import Hermite, NaturalSpline
from .boss import BOSS
from .crosscheck import crosscheck
from .direct_lingam import DirectLiNGAM
from .environments import target_names
from .fci import FCI
from .flop import FLOP
from .independence.degenerate_gaussian import DegenerateGaussian
from .independence.fisher_z import FisherZ
from .independence.g2 import G2
from .independence.rcit import RCoT
from .likeliest import Likeliest, Model
from .normal_scores import NormalScores, ranked
from .pc import PC
from .scores.basis_function_bic import BasisFunctionBIC
from .scores.bdeu import BDeu
from .scores.degenerate_gaussian import DegenerateGaussianBIC
from .scores.gaussian_bic import GaussianBIC

SKEWED, HEAVY = 2.0, 7.0  # |skewness| and excess kurtosis beyond which moments mislead
ROOM = 10  # rows for each feature, to let numbers enter with polynomials
DEGREE = 3
MANY, RESTARTS = 200, 20  # columns up to which the order search is restarted, and how often
SOME = 60  # columns up to which several models are compared
CELLS = 1_000_000  # of the table, likewise
PRIOR = 3.0  # rows
FEW = 5.0  # rows for each cell of a table of two parents and a child

# Share of related pairs that bend, beyond which polynomials pay. Linear relations with noise that
# is not Gaussian bend too, if read against the arrow: up to 0.2 of the pairs with Laplace noise.
BENT = 0.25


class Choice(NamedTuple):
    """The learner, the second one that checks it, and the reason in one paragraph."""

    learner: Learner
    check: Learner
    why: str


@dataclass(frozen=True)
class Auto:
    """Score-based search with a score that suits the data, checked by one with hidden causes.

    `details["why"]` says what was chosen and why; `details["crosscheck"]` says of each edge what
    FCI, which works by tests and allows hidden causes, makes of it: see `crosscheck.compare`. The
    learner in the result is the chosen one, which assumes that there are none.

    Parameters
    ----------
    alpha : float
        Level of the tests in the cross-check.
    crosscheck : bool
    """

    alpha: float = 0.01
    crosscheck: bool = True

    testwise: ClassVar[bool] = True

    @property
    def few_rows(self) -> bool:
        """More columns than rows are left to `PC(few_rows=True)`."""
        return False

    def choose(self, source: Source, knowledge: Knowledge | None = None) -> Choice:
        """What `learn` would do on this source, without doing it."""
        shape = _shape(source)
        if _test_by_test(source):
            main, check, why = _by_tests(source, self.alpha)
        else:
            main, check, why = _family(source, self.alpha, shape)
        said = [why]
        if knowledge is not None and knowledge.ties and isinstance(main, FLOP | Likeliest):
            main = BOSS(main.score if isinstance(main, FLOP) else GaussianBIC())
            said.append("Edges are tied, so the search is BOSS.")
        if shape.within:
            main, check = NormalScores(main, within=True), NormalScores(check, within=True)
            said.append(
                "Rows come from several conditions, which may shift any column, so numbers are "
                "replaced by normal scores of their ranks within each condition: what only comes "
                "from mixing conditions makes no edge."
            )
        elif shape.odd and isinstance(main, Likeliest):
            check = NormalScores(check)
            said.append(f"{_some(shape.odd)} skewed or heavy-tailed.")
        elif shape.odd:
            main, check = NormalScores(main), NormalScores(check)
            said.append(
                f"{_some(shape.odd)} skewed or heavy-tailed, which would let a few rows decide, so "
                "numbers are replaced by normal scores of their ranks."
            )
        targets = target_names(source)
        if targets:
            said.append(
                f"{len(targets)} conditions set variables: each variable's causes are learned from "
                "the rows whose condition does not set it, and these conditions orient edges."
            )
        said.append(
            f"Cross-check, with hidden causes allowed: FCI with {type(_test(check)).__name__} at "
            f"level {self.alpha:g}."
        )
        return Choice(main, check, " ".join(said))

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`."""
        run, rng = start(budget), np.random.default_rng(rng)
        began = run.seconds
        choice = self.choose(source, knowledge)
        first, second = rng.spawn(2)
        share = 0.5 if self.crosscheck else 1.0
        found = choice.learner.learn(
            source, knowledge=knowledge, budget=run.share(share), rng=first
        )
        why = choice.why
        if "model" in found.details:
            why += f" Kept: {found.details['model']}."
        details: dict[str, Any] = {**found.details, "why": why}
        if self.crosscheck and not run.spent:
            details["crosscheck"] = crosscheck(
                found, choice.check, source, knowledge, run.share(1.0, 0.5), second
            )
        return found.replacing(
            seconds=run.seconds - began,
            notes=(why, *found.notes),
            details=details,
        )


class Shape(NamedTuple):
    """Columns far from normal; conditions to rank within; whether relations bend after ranking."""

    odd: list[str]
    within: bool
    curved: bool
    words: str


def _shape(source: Source) -> Shape:
    """What the rows show of margins and relations; nothing for a source without rows."""
    if not isinstance(source, Data):
        return Shape([], False, False, "")
    odd, within = _far_from_normal(source), _conditions(source)
    names, x, _ = numeric_rows(source, np.random.default_rng(0), ROWS)
    if len(names) < 2:
        return Shape(odd, within, False, "")
    straight = curvature(names, x)
    if odd or within or straight.figure > BENT:
        scored = ranked(source, within=within)
        straight = curvature(*numeric_rows(scored, np.random.default_rng(0), ROWS)[:2])
    words = f"{straight.figure:.0%} of the related pairs bend, by a spline against a line"
    room = source.n > ROOM * DEGREE * len(source.names)
    return Shape(odd, within, straight.figure > BENT and room, words)


def _family(source: Source, alpha: float, shape: Shape) -> Choice:
    """Score and test for the kinds of the columns, and why."""
    kinds = [v.discrete for v in source.variables]
    size = f"{source.n} rows and {len(kinds)} columns, {sum(kinds)} of them with levels. "
    if isinstance(source, Counts):
        size += "Only counts are at hand, no rows. "
    elif not isinstance(source, Data):
        size += "Only moments are at hand, no rows, so shapes were not looked at. "
    holes = isinstance(source, Data) and source.has_missing and isinstance(source.missing, EM)
    if all(kinds) and not holes:
        return _levels(source, alpha, size)
    if all(kinds):
        size += "Cells are missing, so levels enter EM as indicator columns. "
    elif any(kinds):
        size += "Levels and numbers occur together, so levels enter as indicator columns. "
    models = () if any(kinds) else _models(source, shape)
    if shape.curved and (shape.odd or shape.within) and not models:
        why = (
            f"Relations are curved ({shape.words}), so every number enters with its Hermite "
            f"polynomials up to degree {DEGREE}: an order search (BOSS) with the BIC on these."
        )
        basis = Hermite(DEGREE)
        main, test = BOSS(GaussianBIC(1.0, basis)), DegenerateGaussian(basis)
        return Choice(main, FCI(test, alpha=alpha), size + why)
    if any(kinds):
        return _together(source, alpha, shape, size)
    return _numbers(source, alpha, shape, size, models)


def _test_by_test(source: Source) -> bool:
    """Whether rows are to be left out test by test, which only tests can."""
    return isinstance(source, Data) and source.has_missing and isinstance(source.missing, TestWise)


def _by_tests(source: Source, alpha: float) -> Choice:
    """PC, since each test can leave out its own incomplete rows and a score cannot."""
    kinds = [v.discrete for v in source.variables]
    test: CITest = FisherZ()
    if all(kinds):
        test = G2()
    elif any(kinds):
        test = RCoT()
    why = (
        f"{source.n} rows and {len(kinds)} columns, {sum(kinds)} of them with levels. Cells are "
        "missing and rows are left out test by test, which a score over whole rows cannot do: PC "
        f"with {type(test).__name__} at level {alpha:g}."
    )
    return Choice(PC(test, alpha=alpha), FCI(test, alpha=alpha), why)


def _numbers(
    source: Source, alpha: float, shape: Shape, size: str, models: tuple[Model, ...]
) -> Choice:
    """All columns are numbers."""
    straight = f" ({shape.words})" if shape.words else ""
    if models:
        why = (
            f"All columns are numbers{straight}, so {len(models)} models are tried, and the one "
            "kept that makes the rows likeliest, with noise of any shape: "
            f"{'; '.join(m.word for m in models)}."
        )
        test = DegenerateGaussian(NaturalSpline(4)) if shape.curved else FisherZ()
        return Choice(Likeliest(models), FCI(test, alpha=alpha), size + why)
    if shape.curved:
        why = (
            f"Relations are curved ({shape.words}), so every number is explained by splines of its "
            "causes: an order search (FLOP) with the basis-function BIC, which also tells cause "
            "from effect where curves do."
        )
        test = DegenerateGaussian(NaturalSpline(4))
        return Choice(_flop(source, BasisFunctionBIC()), FCI(test, alpha=alpha), size + why)
    why = (
        "All columns are numbers: an order search (FLOP) with the Gaussian BIC at penalty 2, which "
        f"sees linear relations{straight}."
    )
    return Choice(_flop(source, GaussianBIC()), FCI(FisherZ(), alpha=alpha), size + why)


def _levels(source: Source, alpha: float, size: str) -> Choice:
    """All columns have levels."""
    why = (
        "All columns have levels, so tables are compared as they are: an order search (FLOP) with "
        f"the Bayesian Dirichlet score (BDeu) and a prior worth {PRIOR:g} rows."
    )
    test: CITest = G2()
    if _sparse(source):
        test = DegenerateGaussian()
        why += " Tables have few rows a cell, so the check takes levels as indicator columns."
    return Choice(_flop(source, BDeu(PRIOR)), FCI(test, alpha=alpha), size + why)


def _together(source: Source, alpha: float, shape: Shape, size: str) -> Choice:
    """Levels and numbers."""
    if shape.curved:
        why = (
            f"Relations are curved ({shape.words}), so every number enters with splines of itself: "
            "an order search (FLOP) with the basis-function BIC of all features together."
        )
        basis = NaturalSpline(4)
        main: Score = BasisFunctionBIC(joint=True)
        return Choice(_flop(source, main), FCI(DegenerateGaussian(basis), alpha=alpha), size + why)
    straight = f" ({shape.words})" if shape.words else ""
    why = (
        "An order search (FLOP) with the degenerate Gaussian BIC at penalty 2, which sees linear "
        f"relations{straight} and shifts of means."
    )
    checker = FCI(DegenerateGaussian(), alpha=alpha)
    return Choice(_flop(source, DegenerateGaussianBIC(2.0)), checker, size + why)


def _models(source: Source, shape: Shape) -> tuple[Model, ...]:
    """Models of numbers to compare by their likelihood; none where it is no fair comparison."""
    if not isinstance(source, Data) or shape.within or target_names(source):
        return ()
    if source.has_missing or source.n * len(source.names) > CELLS or len(source.names) > SOME:
        return ()
    x = source.matrix(source.names)
    if source.n < 50 or any(len(np.unique(c)) < source.n / 2 for c in x.T):
        return ()
    splines, curved = NaturalSpline(), _flop(source, BasisFunctionBIC())
    room = source.n > ROOM * DEGREE * len(source.names)
    out = [
        Model(_flop(source, GaussianBIC()), "lines (FLOP with the Gaussian BIC at penalty 2)"),
        Model(DirectLiNGAM(), "lines with noise that is not Gaussian (DirectLiNGAM)"),
    ]
    if room:
        out.append(Model(curved, "splines (FLOP with the basis-function BIC)", splines))
    if shape.odd:
        ranks = NormalScores(_flop(source, GaussianBIC()))
        out.append(Model(ranks, "lines between normal scores", None, True))
    if shape.odd and room:
        out.append(Model(NormalScores(curved), "splines between normal scores", splines, True))
    return tuple(out)


def _flop(source: Source, score: Score) -> FLOP:
    """Restarts while they are cheap."""
    return FLOP(score, restarts=RESTARTS if len(source.names) <= MANY else 0)


def _test(learner: Any) -> Any:
    return getattr(getattr(learner, "learner", learner), "test", None)


def _sparse(source: Source) -> bool:
    """True if tables of a child and two usual parents, or a large one, have few rows a cell."""
    if isinstance(source, Counts):
        return False
    sizes = sorted(v.size for v in source.variables)
    usual = sizes[len(sizes) // 2]
    return source.n < FEW * max(usual**3, usual * sizes[-1])


def _far_from_normal(source: Source) -> list[str]:
    """Continuous columns with large skewness or kurtosis; none for a source without rows."""
    if not isinstance(source, Data):
        return []
    out = []
    for v in source.variables:
        if v.discrete:
            continue
        x = np.asarray(source.column(v.name), dtype=np.float64)
        x = x[~np.isnan(x)]
        z = (x - x.mean()) / max(x.std(), 1e-300)
        if abs((z**3).mean()) > SKEWED or (z**4).mean() - 3.0 > HEAVY:
            out.append(v.name)
    return out


def _conditions(source: Source) -> bool:
    """True if there are several environments with enough rows each to rank within."""
    if not isinstance(source, Data):
        return False
    if any(v.discrete for v in source.variables):
        return False  # ranks say nothing about levels: a discrete column would keep the shift
    return several(source)


def _some(names: list[str]) -> str:
    names = sorted(names)
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{shown} {'are' if len(names) > 1 else 'is'}"
