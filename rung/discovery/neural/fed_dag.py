"""FedDAG: one graph learned by sites that keep their rows and, if they differ, their mechanisms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.budget import Budget, Run
from ...core.data import Data
from ...core.discovery import Discovery
from ...core.errors import InputError, NotSupported
from ...core.graph import Graph
from ...core.knowledge import Knowledge
from ...core.protocols import Reply, State
from ...core.result import digest
from ...core.variable import Kind, Variable
from ..acyclicity import Floats, exponential, strongest_dag
from ..continuous import at_least_zero
from ..exchange import first_state, rows_of_site, unpack_knowledge
from .masked import Masked, train


@dataclass(frozen=True)
class FedDAG:
    """A federated method for `Federated`: sites share the logits of a graph, round by round.

    Every site holds d small networks f_j(M[:, j] * x), M = GumbelSigmoid(U / tau), and descends
    on half the mean squared residual + `sparsity` * sum M + c * h(M), h = tr(exp(M o M)) - d, in U
    and in the networks, whose weights decay. What leaves it is U; the server averages U, raises c
    by the same factor for all sites, and ends after `rounds` rounds with the edges whose logit is
    positive, strongest first, each unless it closes a cycle. Assumes additive noise of about equal
    variance, no hidden common cause, and one graph for all sites; mechanisms may differ
    (GS-FedDAG). Columns are centred at each site, and the answer depends on their scale.

    Averages are plain means over the sites that answered, as published. Two things differ, so
    that few rounds are enough: the published multipliers of h follow h over about a hundred
    rounds, and here its weight rises from `weights[0]` to `weights[1]` on a fixed path, after two
    rounds without; the networks have one hidden layer instead of four.

    Parameters
    ----------
    shared_mechanisms : bool
        Average the networks as well, for sites with the same mechanisms (AS-FedDAG).
    rounds : int
        Three or more.
    steps : int
        Of Adam at each site in each round.
    hidden : int
        Units of each network.
    sparsity : float
        lambda.
    decay : float
        Weight of half the squares of the networks' weights; small sites overfit without it.
    temperature : float
        tau.
    weights : (float, float)
        First and last weight of h.
    rates : (float, float)
        Sizes of a step of Adam for the logits and for the networks.
    batch : int
        Rows of a step, at most.
    by_rows : bool
        Weigh sites by their rows in the averages.
    standardise : bool
        Divide each column by its standard deviation at the site.
    least : int
        Rows that a site must have to answer.

    Source: Gao, Chen, Shen, Liu, Gong and Bondell (2023), sections 3 and 4.
    """

    shared_mechanisms: bool = False
    rounds: int = 20
    steps: int = 100
    hidden: int = 16
    sparsity: float = 0.02
    decay: float = 0.003
    temperature: float = 0.2
    weights: tuple[float, float] = (3e-3, 10.0)
    rates: tuple[float, float] = (0.0125, 0.03)
    batch: int = 200
    by_rows: bool = False
    standardise: bool = False
    least: int = 5

    def __post_init__(self) -> None:
        at_least_zero(sparsity=self.sparsity, decay=self.decay)
        if self.rounds < 3 or min(self.steps, self.hidden, self.batch, self.least) < 1:
            raise InputError(
                "expected three rounds or more, and positive steps, hidden, batch, least"
            )
        low, high = self.weights
        if not 0 < low <= high < np.inf or not min(*self.rates, self.temperature) > 0:
            raise InputError("expected positive rates, temperature, and weights (low, high)")

    def begin(
        self,
        variables: Sequence[Variable],
        *,
        knowledge: Knowledge | None = None,
        rng: np.random.Generator | int = 0,
    ) -> State:
        """The first state: logits (d, d) of 0, what is required and closed, the first networks.

        Raises
        ------
        NotSupported, InputError
            For ties; for categories without an order.
        """
        known, rng = knowledge or Knowledge(), np.random.default_rng(rng)
        if known.ties:
            raise NotSupported("FedDAG cannot tie edges; leave out `ties`")
        for v in variables:
            if v.kind is Kind.CATEGORICAL:
                raise InputError(
                    f"FedDAG regresses on numbers, and {v.name!r} is {v.kind}; leave the column out"
                )
        state = first_state(variables, known, rng)
        required, forbidden = known.matrices([v.name for v in variables])
        d = len(variables)
        state |= {
            "seed": np.array([int(rng.integers(2**31))]),
            "required": required.astype(np.uint8),
            "closed": (forbidden | np.eye(d, dtype=bool)).astype(np.uint8),
            "logits": np.zeros((d, d)),
            "weight": np.zeros(1),
            "answered": np.zeros(2),
        }
        if self.shared_mechanisms:
            first = self._model(state).start(np.random.default_rng(int(state["seed"][0])))
            state["mechanisms"] = first
        return state

    def client(self, state: State, data: Data, kept: State) -> tuple[Reply, State]:
        """The site's logits (d, d), and with `shared_mechanisms` its networks; else kept.

        Chance comes from the seed in the state, the round and the content of the rows, whose
        order plays no part.

        Raises
        ------
        UnknownName, InputError, MissingCells, NotSupported
            Of `exchange.rows_of_site`.
        """
        part = rows_of_site(state, data, "FedDAG")
        if part.weights is not None:
            raise NotSupported("FedDAG cannot use row weights; repeat the rows, or drop them")
        model, now = self._model(state), int(state["round"][0])
        held = state if self.shared_mechanisms else kept
        silent = part.n < self.least
        rows = part.matrix() if silent else self._rows(part)
        seed = [int(state["seed"][0]), now, int(digest(rows)[:16], 16)]
        own = np.random.default_rng([*seed, 1])  # sites start apart: their errors do not add up
        logits, after = state["logits"], held.get("mechanisms", model.start(own))
        if not silent:
            still = self.steps if now == 1 else 0  # the networks first learn a random mask
            point = train(
                model, np.concatenate([logits.ravel(), after]), rows, float(state["weight"][0]),
                np.random.default_rng(seed), steps=self.steps + still, still=still,
                batch=self.batch, rates=self.rates,
            )  # fmt: skip
            logits = point[: model.d**2].reshape(model.d, model.d)
            after = point[model.d**2 :]
        share = 0.0 if silent else float(part.n) if self.by_rows else 1.0
        reply = {
            "sites": np.array([1.0, float(silent)]),
            "share": np.array([share]),
            "logits": share * logits,
        }
        if self.shared_mechanisms:
            return {**reply, "mechanisms": share * after}, {}
        return reply, {"mechanisms": after}

    def server(self, state: State, total: Reply) -> State:
        """Means of the logits, and of the networks if shared; the next weight of h.

        Raises
        ------
        InputError
            If no site had rows enough to answer.
        """
        share = float(total["share"][0])
        if not share > 0:
            raise InputError(
                f"none of {int(total['sites'][0])} sites had {self.least} rows or more: there is "
                "nothing to learn from"
            )
        now = int(state["round"][0]) + 1
        out: dict[str, Any] = {
            **state,
            "round": np.array([now]),
            "finished": np.array([int(now > self.rounds)]),
            "logits": total["logits"] / share,
            "weight": np.array([self._weight(now)]),
            "answered": total["sites"],
        }
        if self.shared_mechanisms:
            out["mechanisms"] = total["mechanisms"] / share
        return out

    def result(
        self, state: State, variables: Sequence[Variable], *, budget: Budget | Run | None = None
    ) -> Discovery:
        """The graph of the positive logits.

        `details["logits"]` (d, d) are the means U, [i, j] for i -> j; `details["h"]` is h of the
        mask without noise; `details["cut"]` the number of edges left out to break cycles.
        """
        model, names = self._model(state), [v.name for v in variables]
        there = np.where(model.closed, 0.0, np.maximum(state["logits"], 0.0))
        dag = strongest_dag(there, model.required)
        mask = model.mask(state["logits"])
        cut = int(((there > 0) & ~dag).sum())
        notes = [
            "assumes additive noise of about equal variance; in other units of the columns the "
            "answer may differ" + (" (standardised at each site)" if self.standardise else "")
        ]
        if state["answered"][1]:
            notes.append(
                f"{state['answered'][1]:g} sites with fewer than {self.least} rows sent nothing"
            )
        if cut:
            notes.append(f"{cut} of the weakest edges were cut, so that no cycle is left")
        return Discovery(
            Graph.from_adjacency(dag.astype(np.int8), names),
            knowledge=unpack_knowledge(state["knowledge"]),
            complete=bool(state["finished"][0]),
            notes=tuple(notes),
            details={
                "logits": state["logits"], "cut": cut, "h": exponential(mask * mask)[0],
            },
            cites=("gao2023",),
        )  # fmt: skip

    def _weight(self, now: int) -> float:
        """c in round `now`: 0 in the first two, then a geometric path."""
        low, high = self.weights
        if now <= 2:
            return 0.0
        return float(low * (high / low) ** ((now - 3) / max(self.rounds - 3, 1)))

    def _model(self, state: State) -> Masked:
        return Masked(
            state["required"] > 0, state["closed"] > 0,
            self.hidden, self.temperature, self.sparsity, self.decay,
        )  # fmt: skip

    def _rows(self, part: Data) -> Floats:
        """Centred rows in an order that depends on their content."""
        rows = part.matrix()
        rows = rows[np.lexsort(rows.T)]
        rows = rows - rows.mean(axis=0)
        if not np.isfinite(rows).all():
            raise InputError("the columns are too large; change their units")
        if self.standardise:
            spread = rows.std(axis=0)
            rows = rows / np.where(spread > 0, spread, 1.0)
        return np.ascontiguousarray(rows)
