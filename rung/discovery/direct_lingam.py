"""DirectLiNGAM: linear models with noise that is not Gaussian, one cause after another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.knowledge import Knowledge
from ..core.source import Source
from .functional import Setting, discovery, finish, nested, noise_notes
from .pruning import LassoPruning, Pruning
from .threads import threads

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SOON = 5e7  # cells between two looks at the clock
APART = 3e6  # cells of one step from which on a second thread pays


class Measure(Protocol):
    """How a causal order is found in rows of a linear model."""

    @property
    def cites(self) -> tuple[str, ...]:
        """Where it was published."""

    def order(self, setting: Setting, run: Run) -> tuple[Ints, bool]:
        """All variables, causes first; False if the run was spent before the end."""


@dataclass(frozen=True)
class DirectLiNGAM:
    """Find a variable that no other one causes, take its effect out of the others, and repeat.

    Assumes a linear model without cycles and hidden common causes, in which at most one variable
    has Gaussian noise; then the whole DAG is identified, and directions are those of the data and
    not of an equivalence class. `details["weights"]` maps effect to cause to coefficient (in the
    units of the data), `details["order"]` is the causal order, `details["gaussian"]` holds the
    p-value of a test that a variable's noise is Gaussian.

    Parameters
    ----------
    measure : Measure
        `PairwiseLikelihood()` or `KernelMeasure()`.
    pruning : Pruning
        `LassoPruning()` or `WaldPruning()`: which earlier variables are parents.

    Source: Shimizu, Inazumi, Sogawa, Hyvarinen, Kawahara, Washio, Hoyer and Bollen (2011),
    algorithm 1.
    """

    measure: Measure = field(default_factory=lambda: PairwiseLikelihood())
    pruning: Pruning = field(default_factory=LassoPruning)

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
        setting = Setting.of(source, known, "DirectLiNGAM")
        order, complete = self.measure.order(setting, run)
        return linear_model(
            setting, order, complete, self.pruning, self, known, run, began,
            cites=("shimizu2011", *self.measure.cites),
        )  # fmt: skip


def linear_model(
    setting: Setting,
    order: Ints,
    complete: bool,
    pruning: Pruning,
    learner: Any,
    known: Knowledge,
    run: Run,
    began: float,
    *,
    cites: tuple[str, ...],
    details: dict[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Discovery:
    """The pruned linear model of an order."""
    b, pruned = pruning.weights(setting, order, run)
    names = setting.names
    p, said = noise_notes(setting.x - setting.x @ b, names)
    return discovery(
        setting, (b != 0) | setting.required, learner, known, run,
        began=began, complete=complete and pruned, notes=(*notes, *said), cites=cites,
        details={
            "order": tuple(names[i] for i in order),
            "weights": nested(b * setting.scale[None, :] / setting.scale[:, None], names),
            "gaussian": p,
            **(details or {}),
        },
    )  # fmt: skip


@dataclass(frozen=True)
class PairwiseLikelihood:
    """Likelihood ratios of the two directions of each pair, from approximate entropies.

    Only as many pairs are compared as the choice of the next variable needs: terms of the evidence
    against a variable are never negative, so a partial sum that exceeds a whole one settles it. The
    order is that of all comparisons.

    Source: Hyvarinen and Smith (2013), equations 7 to 9.
    """

    @property
    def cites(self) -> tuple[str, ...]:
        """Where it was published."""
        return ("hyvarinen2013",)

    def order(self, setting: Setting, run: Run) -> tuple[Ints, bool]:
        """See `Measure`."""
        from ..kernels.lingam import entropy, next_cause, place

        X = np.ascontiguousarray(setting.x.T)
        d, n = X.shape
        R = np.ascontiguousarray(X @ X.T / n)
        E, V = np.full((d, d), np.nan), 1e-6 * R * R
        H = np.array([entropy(row) for row in X])
        left = np.ones(d, dtype=np.uint8)
        chosen: list[int] = []
        part, again = np.zeros(d), np.empty((0, 2), dtype=np.int64)
        chunk = max(1, int(SOON / n))
        while len(chosen) < d:
            may = _may(setting.precedes, left)
            part, known = np.zeros(d), np.zeros(d, dtype=np.int64)
            used = np.zeros((d, d), dtype=np.uint8)
            _ahead(X, R, E, again)
            m = int(may.argmax()) if may.sum() == 1 else -1
            while m < 0:
                if run.spent:
                    return finish(chosen, part, setting.precedes), False
                m = int(next_cause(X, R, H, E, V, used, left, may, part, known, chunk))
            again = _pairs(used, m) if n * known.sum() > 2 * APART else again[:0]
            chosen.append(m)
            place(m, X, R, H, E, left)
            run.tick(1 - (1 - len(chosen) / d) ** 2, f"variable {len(chosen)} of {d}")
            if run.spent and len(chosen) < d:
                return finish(chosen, part, setting.precedes), False
        return np.array(chosen, dtype=np.int64), True


def _may(precedes: NDArray[np.bool_], left: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Variables left that no variable left must precede."""
    return np.asarray(left * ~precedes[left > 0].any(axis=0), dtype=np.uint8)


def _pairs(used: NDArray[np.uint8], m: int) -> Ints:
    """Pairs that were compared, but for those with m: most are wanted again in the next step."""
    seen = np.triu(used, 1)
    seen[m] = seen[:, m] = 0
    return np.argwhere(seen).astype(np.int64)


def _ahead(X: Floats, R: Floats, E: Floats, pairs: Ints) -> None:
    """Compare pairs on all threads, ahead of the search; it changes no answer."""
    from ..kernels.lingam import measure

    count = threads()
    if count == 1 or not len(pairs):
        return
    shares = [np.ascontiguousarray(pairs[t::count]) for t in range(count)]
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda share: measure(X, R, E, share), shares))
