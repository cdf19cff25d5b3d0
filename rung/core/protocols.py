"""The plug shapes: any object with these methods works, registered or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .budget import Budget, Run
from .data import Data
from .discovery import Discovery
from .graph import Graph
from .knowledge import Knowledge
from .model import Model
from .source import Source
from .variable import Variable

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class BoundTest(Protocol):
    """A conditional independence test bound to a source; answers in batches."""

    def pvalues(self, x: Ints, y: Ints, given: Ints) -> Floats:
        """p-values (m,) of x[i] independent of y[i] given the columns given[i].

        Parameters
        ----------
        x, y : (m,) column numbers
        given : (m, k) column numbers
        """


@runtime_checkable
class CITest(Protocol):
    """A test of conditional independence: configuration only."""

    def on(self, source: Source, *, rng: np.random.Generator) -> BoundTest:
        """Bind to a source; raises `NeedsRows` if it cannot answer from it."""


class BoundScore(Protocol):
    """A decomposable score bound to a source; higher is better."""

    def local(self, node: int, parents: Sequence[int]) -> float:
        """Score of one node given its parents."""

    def gains(self, node: int, parents: Sequence[int], candidates: Sequence[int]) -> Floats:
        """Gain (m,) of adding each candidate to the parents."""


@runtime_checkable
class Score(Protocol):
    """A decomposable score: configuration only."""

    def on(self, source: Source, *, rng: np.random.Generator) -> BoundScore:
        """Bind to a source; raises `NeedsRows` if it cannot answer from it."""


@runtime_checkable
class Learner(Protocol):
    """A structure learner: a frozen dataclass of hyper-parameters with one method."""

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; the knowledge is strictly obeyed, a spent budget returns the best so far."""


State = Mapping[str, NDArray[Any]]
Reply = Mapping[str, Floats]


@runtime_checkable
class FederatedMethod(Protocol):
    """A learner for rows that stay where they are: the two pure functions and their two ends.

    A state and a reply are named arrays of fixed shapes: shapes depend on the variables and on
    the method's settings, never on the rows. The server sees only the sum of the replies, so that
    the same functions run in one process, over an engine, and under secure aggregation.
    """

    def begin(
        self,
        variables: Sequence[Variable],
        *,
        knowledge: Knowledge | None = None,
        rng: np.random.Generator | int = 0,
    ) -> State:
        """The first state, made by the server without any row."""

    def client(self, state: State, data: Data, kept: State) -> tuple[Reply, State]:
        """What a site sends back, and what it keeps to itself until the next round.

        `kept` is empty in the first round and never leaves the site.
        """

    def server(self, state: State, total: Reply) -> State:
        """The next state from the sum of the replies; `state["finished"]` (1,) is 1 at the end."""

    def result(
        self, state: State, variables: Sequence[Variable], *, budget: Budget | Run | None = None
    ) -> Discovery:
        """What the exchange found; the best so far, marked incomplete, if it is not finished."""


@runtime_checkable
class ModelSpec(Protocol):
    """Something that `rung.fit` can fit to data."""

    def fit(self, data: Any, *, budget: Budget | Run | None, rng: np.random.Generator) -> Model:
        """The fitted model."""


@runtime_checkable
class Estimator(Protocol):
    """Estimates a mean contrast of the outcome between two treatments after adjustment.

    See `rung.effects.estimators.problem.Problem` for what is handed over, `Fitted` for what comes
    back.
    """

    def estimate(self, problem: Any, *, rng: np.random.Generator) -> Any:
        """The contrast and its influence function on the rows."""


@runtime_checkable
class Answers(Protocol):
    """A structure that answers queries itself (a network, say)."""

    def answer(
        self, query: Any, data: Any, *, estimator: Any, run: Run, rng: np.random.Generator
    ) -> Any:
        """The Estimate."""


@runtime_checkable
class Imagines(Protocol):
    """A model that says itself what units would have been, of units that are no Data."""

    def imagine(self, units: Any, interventions: Sequence[Any], *, rng: np.random.Generator) -> Any:
        """The Draws."""


class Acquisition(Protocol):
    """Values an experiment before it is made."""

    def value(self, graphs: Sequence[tuple[Graph, float]], targets: Sequence[str]) -> float:
        """Expected gain of intervening on `targets`."""


class Simulator(Protocol):
    """Draws data whose truth is known."""

    def draw(self, n: int, *, rng: np.random.Generator) -> tuple[Data, Graph]:
        """n rows and the graph behind them."""
