"""A learner on the summed moments of sites that keep their rows: the linear case, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import InputError, unknown
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.moments import Moments
from ..core.protocols import Learner, Reply, State
from ..core.variable import Variable
from .boss import BOSS
from .exchange import first_state, rows_of_site, unpack, unpack_generator, unpack_knowledge
from .inspection import inspect

Floats = NDArray[np.float64]
FAR = 1e3  # squared mean over variance, about the origin, beyond which sums lose digits


@dataclass(frozen=True)
class SummedMoments:
    """Sites send sums and sums of products about a public origin; the server searches on the total.

    Equal to the same learner on the moments of all rows together, to rounding. One round; a
    second one, about the mean found in the first, where a column lies so far from the origin
    that its sums of squares would cancel. Every round stands on the sites that answered it.

    A site with fewer than `least` rows sends zeros and the fact that it did: the sums of one or two
    rows are the rows themselves. More rows cannot be read off their sums, yet no formal privacy
    is promised: whoever sees one site's reply knows its means and correlations.

    Parameters
    ----------
    learner : Learner
        Any that works on `Moments`.
    origin : mapping of name to float, optional
        A public value near the mean of a column; 0 where none is given.
    rounds : int
        At most; 1 never asks again.
    least : int
        Rows that a site must have to answer.

    Source: the sums are those of Chan, Golub and LeVeque (1983), section 2.
    """

    learner: Learner = field(default_factory=BOSS)
    origin: Mapping[str, float] | None = None
    rounds: int = 2
    least: int = 5

    def __post_init__(self) -> None:
        if self.rounds not in (1, 2) or self.least < 1:
            raise InputError("expected rounds 1 or 2 and least 1 or more")
        if not callable(getattr(self.learner, "learn", None)):
            raise InputError(f"{self.learner!r} is no learner: pass an object with `learn`")

    def begin(
        self,
        variables: Sequence[Variable],
        *,
        knowledge: Knowledge | None = None,
        rng: np.random.Generator | int = 0,
    ) -> State:
        """The first state: what `exchange.first_state` holds, and the origin (d,)."""
        names = [v.name for v in variables]
        given = dict(self.origin or {})
        for name in given:
            if name not in names:
                raise unknown(name, names)
        origin = np.array([float(given.get(name, 0.0)) for name in names])
        if not np.isfinite(origin).all():
            raise InputError("the origin must be finite numbers")
        return {**first_state(variables, knowledge, rng), "origin": origin}

    def client(self, state: State, data: Data, kept: State) -> tuple[Reply, State]:
        """Counts, weights, sums (d,) and sums of products (d, d) about the origin.

        Raises
        ------
        UnknownName, InputError, MissingCells, NotSupported
            Of `exchange.rows_of_site`, and for values too large to square.
        """
        part = rows_of_site(state, data, "SummedMoments")
        x = part.matrix() - state["origin"]
        w = np.ones(part.n) if part.weights is None else np.asarray(part.weights, dtype=float)
        silent = part.n < self.least
        if silent:
            x, w = x[:0], w[:0]
        with np.errstate(over="ignore", invalid="ignore"):
            sums, products = w @ x, (x * w[:, None]).T @ x
        if not np.isfinite(products).all():
            raise InputError("the columns are too large to be squared; change their units")
        reply = {
            "sites": np.array([1.0, float(silent)]),
            "rows": np.array([float(len(x)), 0.0 if silent else float(data.n - part.n)]),
            "weights": np.array([w.sum(), w @ w]),
            "sums": sums,
            "products": (products + products.T) / 2.0,
        }
        return reply, {}

    def server(self, state: State, total: Reply) -> State:
        """The moments of the total, or the mean as a better origin.

        Raises
        ------
        InputError
            If no site had rows enough to answer.
        """
        weight = float(total["weights"][0])
        if not weight > 0:
            raise InputError(
                f"none of {int(total['sites'][0])} sites had {self.least} rows or more: there is "
                "nothing to learn from. Let sites join, or lower `least` where that is allowed."
            )
        step = total["sums"] / weight
        scatter = total["products"] - weight * np.outer(step, step)
        mean = state["origin"] + step
        now = int(state["round"][0])
        far = weight * step**2 > FAR * np.maximum(np.diag(scatter), 0.0)
        far &= step != 0
        after = {**state, "round": np.array([now + 1])}
        if far.any() and now < self.rounds:
            return {**after, "origin": mean}
        return {
            **after,
            "finished": np.ones(1, dtype=np.int64),
            "mean": mean,
            "scatter": scatter,
            "sites": total["sites"],
            "rows": total["rows"],
            "weights": total["weights"],
        }

    def moments(self, state: State, variables: Sequence[Variable]) -> Moments:
        """The moments of all rows together, from a finished state."""
        if [v.name for v in variables] != [name for name, *_ in unpack(state["variables"])]:
            raise InputError("these are not the variables that the exchange began with")
        weight, weight2 = (float(w) for w in state["weights"])
        return Moments(
            tuple(variables), (1,) * len(variables), round(float(state["rows"][0])),
            weight, weight2, state["mean"], state["scatter"],
        )  # fmt: skip

    def result(
        self, state: State, variables: Sequence[Variable], *, budget: Budget | Run | None = None
    ) -> Discovery:
        """What the learner finds on the total, in the order of `variables`.

        The required edges only, marked incomplete, if the exchange did not finish.
        """
        run, known = start(budget), unpack_knowledge(state["knowledge"])
        if not state["finished"][0]:
            required, _ = known.matrices([v.name for v in variables])
            graph = Graph.from_adjacency(required.astype(np.int8), [v.name for v in variables])
            why = ("the exchange ended before any sum was complete",)
            return Discovery(graph, knowledge=known, complete=False, notes=why)
        moments, notes = inspect(self.moments(state, variables), self.learner)
        rng = unpack_generator(state["generator"])
        found = self.learner.learn(moments, knowledge=known, budget=run, rng=rng)
        return found.replacing(notes=(*found.notes, *notes, *self._notes(state)))

    def _notes(self, state: State) -> list[str]:
        (sites, silent), (rows, dropped) = state["sites"], state["rows"]
        out = [f"from the sums of {rows:g} rows at {sites - silent:g} sites; no row left its site"]
        if silent:
            out.append(f"{silent:g} sites with fewer than {self.least} rows sent nothing")
        if dropped:
            out.append(f"{dropped:g} rows with missing cells were left out by the sites' policies")
        return out
