"""ANM: additive noise models by regression with subsequent independence test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError
from ..core.knowledge import Knowledge
from ..core.source import Source
from .functional import Bool, Floats, Ints, Setting, discovery, finish
from .residual_independence import hsic
from .smoothing import Curves


@dataclass(frozen=True)
class ANM:
    """Each variable is a function of its parents plus noise that is independent of them.

    An effect's residuals on its causes are independent of these; a cause's residuals on its effects
    are not, but for special cases such as linear relations with Gaussian noise. The search takes,
    again and again, the variable whose residuals on all others depend on them least, as the last
    one; then parents are removed as long as the residuals stay independent of all earlier
    variables. For two variables this is the method of Hoyer and others. Functions are sums of
    smooth curves; dependence is the least p-value of HSIC over the other variables, times
    their number. For up to about 15 variables; time grows with the square of the rows.

    `details["order"]` is the causal order, `details["independence"]` the p-value of each variable's
    final residuals: a small one says that no such model fits.

    Parameters
    ----------
    alpha : float
        Level at which residuals count as dependent.
    knots : int
        Of the splines.

    Source: Hoyer, Janzing, Mooij, Peters and Scholkopf (2009); Peters, Mooij, Janzing and Scholkopf
    (2014), algorithm 1 (RESIT), there with one joint test.
    """

    alpha: float = 0.01
    knots: int = 10

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha}: expected a level between 0 and 1, such as 0.01")
        if self.knots < 3:
            raise InputError(f"knots={self.knots}: expected 3 or more")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. Nothing is random.

        Raises
        ------
        NeedsRows, NotSupported, InputError
            See `Setting.of`.
        """
        run, known = start(budget), knowledge or Knowledge()
        began = run.seconds
        setting = Setting.of(source, known, "ANM")
        work = _Search(setting, Curves.of(setting.x, self.knots), run)
        order, complete = work.order()
        edges, p, pruned = work.parents(order, self.alpha)
        names = setting.names
        fits = {names[v]: float(p[v]) for v in range(len(names)) if not np.isnan(p[v])}
        bad = [name for name, value in fits.items() if value < self.alpha]
        notes = []
        if bad:
            notes.append(
                f"the residuals of {', '.join(sorted(bad)[:6])} depend on earlier variables "
                f"(HSIC, level {self.alpha}): no additive noise model of curves fits there"
            )
        if len(work.last) == len(names) == 2 and min(work.last.values()) > np.log(self.alpha):
            notes.append("both directions fit: the direction is not identified by these rows")
        return discovery(
            setting, edges, self, known, run,
            began=began, complete=complete and pruned, notes=notes,
            details={
                "order": tuple(names[i] for i in order),
                "independence": fits,
                **({"directions": self._directions(work, names)} if len(names) == 2 else {}),
            },
            cites=("hoyer2009", "peters2014", "gretton2008"),
        )  # fmt: skip

    def _directions(self, work: _Search, names: Sequence[str]) -> dict[str, float]:
        """p-value of the residuals of each of two variables on the other."""
        return {
            f"{names[1 - v]} -> {names[v]}": float(np.exp(value)) for v, value in work.last.items()
        }


class _Search:
    """The table, its curves, and the clock."""

    def __init__(self, setting: Setting, curves: Curves, run: Run) -> None:
        self.setting, self.curves, self.run = setting, curves, run
        self.last: dict[int, float] = {}

    def dependence(
        self, v: int, predictors: Sequence[int], others: Sequence[int], floor: float = -np.inf
    ) -> float | None:
        """log p that residuals of v on the predictors are independent of the others.

        By Bonferroni's bound, which may exceed 0: cut there, candidates could tie. What falls below
        `floor` is not computed to the end. None if the run was spent.
        """
        e = self.curves.residual(v, predictors)
        worst = 0.0
        for i in others:
            found = hsic(e, self.setting.x[:, i], self.run)
            if found is None:
                return None
            worst = min(worst, found.log_p)
            if worst + np.log(len(others)) < floor:
                break
        return worst + float(np.log(max(len(others), 1)))

    def order(self) -> tuple[Ints, bool]:
        """All variables, causes first; False if the run was spent before."""
        setting, d = self.setting, len(self.setting.names)
        left, tail = list(range(d)), list[int]()
        while len(left) > 1:
            free = [k for k in left if not setting.precedes[k, left].any()]
            found: dict[int, float] = {}
            for k in free if len(free) > 1 or d == 2 else []:
                others = [i for i in left if i != k]
                others.sort(key=lambda i: -abs(float(setting.x[:, i] @ setting.x[:, k])))
                causes = [i for i in others if setting.allowed[i, k]]
                value = self.dependence(k, causes, others, max(found.values(), default=-np.inf))
                if value is None:
                    head = finish([], np.zeros(d), setting.precedes)
                    return np.array([*[i for i in head if i in left], *tail]), False
                found[k] = value
            self.last = found
            sink = max(found, key=lambda k: found[k]) if found else free[0]
            left.remove(sink)
            tail.insert(0, sink)
            self.run.tick(0.5 * len(tail) / d, f"variable {len(tail)} of {d} from the end")
        return np.array([*left, *tail], dtype=np.int64), True

    def _without(
        self, v: int, i: int, kept: Sequence[int], earlier: Sequence[int], floor: float
    ) -> float | None:
        """`dependence` if i is no parent; on i itself first, where it shows if it is one."""
        others = [i, *(j for j in earlier if j != i)]
        return self.dependence(v, [j for j in kept if j != i], others, floor)

    def parents(self, order: Ints, alpha: float) -> tuple[Bool, Floats, bool]:
        """Parents (d, d), p-values of the final residuals, and whether all were reached."""
        setting, d = self.setting, len(order)
        out, p = setting.required.copy(), np.full(d, np.nan)
        for place in range(1, d):
            v, earlier = int(order[place]), order[:place].tolist()
            kept = [i for i in earlier if setting.allowed[i, v]]
            value = self.dependence(v, kept, earlier)
            while value is not None:
                trials = [i for i in kept if not setting.required[i, v]]
                tried = {i: self._without(v, i, kept, earlier, np.log(alpha)) for i in trials}
                if any(t is None for t in tried.values()):
                    value = None
                    break
                fine = {i: t for i, t in tried.items() if t is not None and t > np.log(alpha)}
                if not fine:
                    break
                drop = max(fine, key=lambda i: fine[i])
                kept.remove(drop)
                value = fine[drop]
            if value is None:
                return out, p, False
            out[kept, v] = True
            p[v] = min(np.exp(value), 1.0)
            self.run.tick(0.5 + 0.5 * place / d, f"parents of variable {place + 1} of {d}")
        return out, p, True
