"""ICA-LiNGAM: the linear model from independent components."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core.budget import Budget, Run, start
from ..core.discovery import Discovery
from ..core.errors import InputError
from ..core.graph_checks import order as topological
from ..core.knowledge import Knowledge
from ..core.source import Source
from .direct_lingam import linear_model
from .functional import Bool, Floats, Ints, Setting
from .pruning import LassoPruning, Pruning


@dataclass(frozen=True)
class ICALiNGAM:
    """Unmix the columns into independent noises, match these with variables, read off the order.

    Assumes what `DirectLiNGAM` assumes. FastICA climbs to a local optimum from a random start,
    which `starts` repeats; `DirectLiNGAM` has no such trouble and is the first choice. Details as
    there, and `details["converged"]`. Coefficients are compared in units of the variables' own
    noises, so that the units of the data mean nothing.

    Parameters
    ----------
    pruning : Pruning
        `LassoPruning()` or `WaldPruning()`.
    starts : int
        Random starts of FastICA; the one whose components are farthest from Gaussian is used.
    iterations : int
        Of each start at most.

    Source: Shimizu, Hoyer, Hyvarinen and Kerminen (2006), algorithms A and C; Hyvarinen (1999) for
    FastICA (symmetric, log cosh).
    """

    pruning: Pruning = field(default_factory=LassoPruning)
    starts: int = 1
    iterations: int = 1000

    def __post_init__(self) -> None:
        for name in ("starts", "iterations"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)}: expected 1 or more")

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`. The random numbers are the starts of FastICA.

        Raises
        ------
        NeedsRows, NotSupported, InputError
            See `Setting.of`.
        """
        run, known, rng = start(budget), knowledge or Knowledge(), np.random.default_rng(rng)
        began = run.seconds
        setting = Setting.of(source, known, "ICALiNGAM")
        unmixing, converged = fast_ica(setting.x, self.starts, self.iterations, run, rng)
        b = matched(unmixing)
        own = (setting.x - setting.x @ b).std(axis=0)
        relative = b * own[:, None] / own[None, :]  # in units of the noises
        order = order_of(np.where(setting.allowed, relative, 0.0), setting.precedes)
        notes = [] if converged else ["FastICA did not converge: give it more `iterations`"]
        return linear_model(
            setting, order, not run.spent, self.pruning, self, known, run, began,
            cites=("shimizu2006", "hyvarinen1999"), details={"converged": converged},
            notes=tuple(notes),
        )  # fmt: skip


def fast_ica(
    x: Floats, starts: int, iterations: int, run: Run, rng: np.random.Generator
) -> tuple[Floats, bool]:
    """Unmixing matrix (d, d), components in rows, of standardised columns (n, d).

    The start does not depend on the order of columns: whitened directions are taken by falling
    variance, with the sign that makes their third moment positive.
    """
    n, d = x.shape
    values, vectors = np.linalg.eigh(x.T @ x / n)
    values, vectors = values[::-1], vectors[:, ::-1]
    z = x @ (vectors / np.sqrt(values))
    sign = np.where((z**3).sum(axis=0) < 0, -1.0, 1.0)
    z, whiten = np.ascontiguousarray((z * sign).T), (vectors / np.sqrt(values) * sign).T
    best, most, good = np.eye(d), -np.inf, False
    for k in range(starts):
        w, converged = _climb(z, _decorrelated(rng.standard_normal((d, d))), iterations, run)
        y = w @ z
        contrast = float(((np.logaddexp(y, -y).mean(axis=1) - _COSH) ** 2).sum())
        if contrast > most:
            best, most, good = w, contrast, converged
        run.tick(0.9 * (k + 1) / starts, f"start {k + 1} of {starts}")
        if run.spent:
            break
    return best @ whiten, good


_COSH = 1.067714388051383  # mean of log(2 cosh) of a standard normal
CLOSE = 1e-8  # change of the directions that counts as none
WHOLE = 20  # iterations after which the steps are halved, again and again


def _climb(z: Floats, w: Floats, iterations: int, run: Run) -> tuple[Floats, bool]:
    """Fixed-point iterations on whitened rows z (d, n) from orthogonal w (d, d).

    Steps are shortened where they do not settle, as in nearly Gaussian rows: whole steps would
    wander for ever there, and rounding would decide where they end (the stabilised iterations of
    Hyvarinen 1999, section III C).
    """
    n = z.shape[1]
    for k in range(iterations):
        if run.spent:
            return w, False
        g = np.tanh(w @ z)
        new = _decorrelated(g @ z.T / n - (1 - (g * g).mean(axis=1))[:, None] * w)
        turn = (new * w).sum(axis=1)
        change = float(np.abs(np.abs(turn) - 1).max())
        if change < CLOSE:
            return new, True
        short = 0.5 ** (k // WHOLE)
        if short < CLOSE:
            break
        w = new if short == 1 else _decorrelated(w + short * (new * np.sign(turn)[:, None] - w))
    return w, False


def _decorrelated(w: Floats) -> Floats:
    """(W W')^(-1/2) W."""
    u, _, v = np.linalg.svd(w)
    return np.asarray(u @ v)


def matched(unmixing: Floats) -> Floats:
    """Coefficients (d, d) of i in j: components put with variables so that no diagonal is small.

    The assignment has the least sum of 1 / |w| on the diagonal; rows are divided by it.
    """
    from scipy.optimize import linear_sum_assignment

    component, variable = linear_sum_assignment(1 / np.maximum(np.abs(unmixing), 1e-300))
    w = np.empty_like(unmixing)
    w[variable] = unmixing[component]
    w /= np.diag(w)[:, None]
    return np.asarray((np.eye(len(w)) - w).T)


def order_of(b: Floats, precedes: Bool) -> Ints:
    """A causal order for coefficients (d, d) of i in j.

    As few as possible of the smallest coefficients, at least d (d + 1) / 2 of all with the
    diagonal, are set to zero so that the rest has no cycle; of the variables that may then come
    next, the one that depends least on the others left does.
    """
    d = len(b)
    size = np.abs(b) * ~precedes.T  # what would contradict `precedes` cannot be kept
    np.fill_diagonal(size, 0.0)
    ranked = np.sort(size, axis=None)

    def kept(zeros: int) -> Bool:
        return (size > (ranked[zeros - 1] if zeros else -1.0)) | precedes

    low, high = d * (d + 1) // 2, d * d
    while low < high:
        zeros = (low + high) // 2
        if len(topological(kept(zeros))) == d:
            high = zeros
        else:
            low = zeros + 1
    edges, left, out = kept(low), list(range(d)), list[int]()
    while left:
        free = [j for j in left if not edges[left, j].any()]
        best = min(free, key=lambda j: float((b[left, j] ** 2).sum()))
        out.append(best)
        left.remove(best)
    return np.array(out, dtype=np.int64)
