"""Several models of the same numbers, of which the one with the likeliest rows is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.data import Data
from ..core.discovery import Discovery
from ..core.errors import InputError, NeedsRows, NotSupported
from ..core.graph import Graph
from ..core.knowledge import Knowledge
from ..core.protocols import Learner
from ..core.source import Basis, Source
from ..inference.ranks import normal_scores
from .environments import target_names
from .orient import class_of

Floats = NDArray[np.float64]
REFUSED = (InputError, NeedsRows, NotSupported)
MARGIN = 10.0  # nats by which a later model must be ahead of the first
NOISE = 0.01  # nats per row and column that more are asked of entropies by spacings


class Model(NamedTuple):
    """A learner, how a variable depends on its parents in its world, and a word for that."""

    learner: Learner
    word: str
    basis: Basis | None = None
    ranked: bool = False


@dataclass(frozen=True)
class Likeliest:
    """Run several learners on the same numbers and keep the answer that makes the rows likeliest.

    Each variable is regressed on its parents in one DAG of each answer, on lines or on the features
    of a basis. The log-likelihood takes the entropy of the residuals as it is, Gaussian or not, and
    every coefficient costs log(n) / 2. Models of normal scores are carried back to the numbers by
    the entropies of the columns; where there are such models, columns are far from Gaussian, and
    all entropies are by spacings. A later model is kept only if it is clearly ahead of the first.

    The result is an equivalence class, also where the kept learner gives a DAG, which is then in
    `details["directed"]`; `details["model"]` says which was kept and `details["log-likelihood"]`
    has the figure of each model, per row and less that of the first.

    Models after the first that refuse the data are left out.

    Source: Hyvarinen and Smith (2013), section 3, for likelihoods from approximate entropies;
    Vasicek (1976) for those of columns, by spacings; Schwarz (1978) for the penalty.
    """

    models: tuple[Model, ...]

    def learn(
        self,
        source: Source,
        *,
        knowledge: Knowledge | None = None,
        budget: Budget | Run | None = None,
        rng: np.random.Generator | int = 0,
    ) -> Discovery:
        """Search; see `Learner`."""
        run, known = start(budget), knowledge or Knowledge()
        far = any(model.ranked for model in self.models)
        if not isinstance(source, Data):
            raise NeedsRows("Likeliest compares residuals, which need rows")
        answers: list[tuple[float, Model, Discovery]] = []
        for i, (model, child) in enumerate(zip(self.models, np.random.default_rng(rng).spawn(9))):
            share = run.share(1.0 / (len(self.models) - i))
            try:
                found = model.learner.learn(source, knowledge=known, budget=share, rng=child)
            except REFUSED:
                if not i:
                    raise
                continue
            answers.append((log_likelihood(source, found.graph, model, far), model, found))
            if run.spent:
                break
        return _kept(answers, source, known, MARGIN + NOISE * source.n * source.d * far)


def _kept(
    answers: list[tuple[float, Model, Discovery]], source: Data, known: Knowledge, margin: float
) -> Discovery:
    """The best answer, as a class, with what the others would have been worth."""
    first = answers[0][0]
    value, model, best = max(answers, key=lambda a: a[0])
    if value < first + margin:
        _, model, best = answers[0]
    details = {
        **best.details,
        "model": model.word,
        "log-likelihood": {m.word: (value - first) / source.n for value, m, _ in answers},
    }
    graph = best.graph
    if graph.is_dag():
        details["directed"] = graph
        dag = graph.adjacency().astype(np.bool_)
        graph = class_of(dag, graph.names, target_names(source), *known.matrices(graph.names))
    return best.replacing(graph=graph, details=details)


def log_likelihood(data: Data, graph: Graph, model: Model, far: bool) -> float:
    """Penalised log-likelihood of the rows under a DAG of the graph; -inf if it has none.

    `far`: entropies by spacings, which no heavy tail misleads, in place of an approximation for
    what is not far from Gaussian, which varies less.
    """
    from ..graphs.orientation import consistent_extension
    from ..kernels.lingam import entropy

    try:
        dag = graph if graph.is_dag() else consistent_extension(graph)
    except InputError:
        return -np.inf
    n, by = data.n, {v.name: v for v in data.variables}
    raw = data.matrix(dag.names)
    x = np.column_stack([normal_scores(c) for c in raw.T]) if model.ranked else raw
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    total = 0.0
    if model.ranked:
        total = float(sum(spacings(a / a.std()) - spacings(b) for a, b in zip(raw.T, x.T)))
    coefficients = 0
    for j, name in enumerate(dag.names):
        columns = [np.ones((n, 1))]
        for p in dag.parents(name):
            column = x[:, dag.index(p)]
            columns.append(
                column[:, None] if model.basis is None else model.basis.expand(by[p], column)
            )
        z = np.column_stack(columns)
        left = x[:, j] - z @ np.linalg.lstsq(z, x[:, j], rcond=None)[0]
        sd = max(float(left.std()), 1e-12)
        total += (spacings(left / sd) if far else float(entropy(left / sd))) + np.log(sd)
        coefficients += z.shape[1] - 1
    return float(-n * total - 0.5 * np.log(n) * coefficients)


def spacings(sample: Floats) -> float:
    """Differential entropy of a sample (n,) in nats, by spacings of about sqrt(n) ranks.

    Source: Vasicek (1976), eq. 2.
    """
    x, n = np.sort(sample), len(sample)
    m = max(int(np.sqrt(n) + 0.5), 1)
    wide = x[np.minimum(np.arange(n) + m, n - 1)] - x[np.maximum(np.arange(n) - m, 0)]
    return float(np.log(n / (2 * m) * np.maximum(wide, 1e-12)).mean())
