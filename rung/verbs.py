"""The verbs: read, discover, fit, do, effect, design, counterfactual, attribute, analyse ..."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .core.budget import Budget, Run, start
from .core.data import Data
from .core.discovery import Discovery
from .core.draws import Draws
from .core.intervention import Intervention, interventions
from .core.knowledge import Knowledge
from .core.missing import MissingPolicy
from .core.model import Model
from .core.model import counterfactual as _counterfactual
from .core.protocols import Answers, Estimator, Imagines, Learner, ModelSpec
from .core.query import Query
from .core.result import late

if TYPE_CHECKING:
    from .core.source import Source
    from .effects.attribution.measures import Measure
    from .effects.attribution.result import Attribution
    from .experiments.ranking import DesignPlan
    from .pipeline import Analysis, ImageAnalysis

Seed = int | np.random.Generator


def read(
    source: Any,
    *,
    kinds: Mapping[str, str] | None = None,
    environment: str | None = None,
    targets: Mapping[str, Any] | None = None,
    time: str | None = None,
    unit: str | None = None,
    weights: str | None = None,
    missing: MissingPolicy | None = None,
    names: list[str] | None = None,
    factors: Any = None,
) -> Data:
    """Read a table, or pictures with their factors, into Data.

    Parameters
    ----------
    source : path, data frame, array or name of a shipped data set
        CSV, Parquet, JSON lines, Excel, Stata, SPSS, SAS, DuckDB; pandas, polars, arrow; numpy;
        a folder of pictures or a file .npz of them, which become the column "image".
    kinds : mapping of column to kind, optional
        Overrides what is inferred: "continuous", "count", "ordinal", "binary", "categorical",
        "constant", "identifier".
    environment : str, optional
        Column that names the condition of each row.
    targets : mapping of condition to variable or variables, optional
        What each condition intervenes on.
    time, unit, weights : str, optional
        Columns with the time, the unit (repeated units are clusters), and frequency weights.
    missing : MissingPolicy, optional
        `CompleteCases()`, `TestWise()` or `EM()`; without one, missing cells are refused when used.
    names : list of str, optional
        Column names for an array, or the columns to keep.
    factors : path, data frame or anything that is read as a table, optional
        Of pictures: what is known of each, one row a picture, matched by a column of file names or
        else by order.
    """
    from .io.readers import read as _read

    return _read(
        source, kinds=kinds, environment=environment, targets=targets, time=time, unit=unit,
        weights=weights, missing=missing, names=names, factors=factors,
    )  # fmt: skip


def discover(
    data: Source,
    learner: Learner | None = None,
    *,
    knowledge: Knowledge | None = None,
    budget: Budget | Run | None = None,
    seed: Seed = 0,
) -> Discovery:
    """Search for the graph; without a learner, `Auto()` chooses one and says why.

    Columns are put into an order that depends on their content, not on names or position, so
    that the answer is the same for any names and any order.
    """
    from .discovery.invariant import learn

    return learn(data, learner, knowledge=knowledge, run=start(budget), rng=_rng(seed))


def fit(
    structure_or_spec: Any,
    data: Any,
    *,
    mechanisms: Any = None,
    budget: Budget | Run | None = None,
    seed: Seed = 0,
) -> Model:
    """Fit a model: an SCM for a DAG, an Ensemble for a CPDAG, a Discovery or weighted graphs.

    Parameters
    ----------
    structure_or_spec : Graph, Discovery, sequence of (Graph, weight), or a model spec
    mechanisms : MechanismSpec or mapping of name to MechanismSpec, optional
        Chosen for each node by cross-validated log-likelihood if not given.
    """
    spec = structure_or_spec
    if not isinstance(spec, ModelSpec):
        from .mechanisms.structural import Structural

        spec = Structural(spec, mechanisms)
    return spec.fit(data, budget=budget, rng=_rng(seed))


def do(model: Model, /, *given: Intervention | Mapping[str, Any], **values: Any) -> Model:
    """The model under interventions: `do(m, x=1)`, `do(m, Shift("x", 2))`, `do(m, {"x y": 1})`."""
    return model.do(*interventions(given, values))


def counterfactual(
    model: Model,
    units: Data | Mapping[str, Any],
    /,
    *given: Intervention | Mapping[str, Any],
    seed: Seed = 0,
    **values: Any,
) -> Draws:
    """What the units would have been under interventions; every value is a possible one.

    Missing cells of units whose policy is `EM()` are drawn from what the model says of them given
    the unit's other cells, and the draws join those of the noise; without it they are refused.
    A mapping {name: value} is one unit of which only these facts are known. Of a network units are
    its inputs; sites and outcome are what they would have been.
    """
    from .mechanisms.evidence import given_facts
    from .mechanisms.imputation import completing

    items = interventions(given, values)
    if isinstance(model, Imagines):
        return model.imagine(units, items, rng=_rng(seed))
    if isinstance(units, Mapping):
        return given_facts(model, units, items, rng=_rng(seed))
    complete = completing(units)
    return _counterfactual(model, units, items, rng=_rng(seed), complete=complete)


def effect(
    structure: Any,
    data: Any,
    query: Query | Sequence[Query],
    *,
    estimator: Estimator | None = None,
    budget: Budget | Run | None = None,
    seed: Seed = 0,
) -> Any:
    """Identify, estimate, and try to refute an effect.

    Parameters
    ----------
    structure : Graph, Discovery, sequence of (Graph, weight), or a model that answers queries
    data : Data; `rung.networks.Pairs` for a network
    query : Query
        `ATE(treatment, outcome)`, `ATT`, `CATE`, `LATE`, `NDE`, `NIE`, `CDE` ...; of a network also
        a list of them, planned as one (on a table each is answered by itself).
    estimator : Estimator, optional
        If not given: doubly robust with cross-fitting; by an instrument, the front door, another
        formula or mediators, the one that suits the question. Of a network: interventions, or
        `rung.networks.Gradient()`.
    """
    run, rng = start(budget), _rng(seed)
    if isinstance(structure, Answers):
        return structure.answer(query, data, estimator=estimator, run=run, rng=rng)
    if isinstance(query, Sequence):
        return tuple(
            q.answer(structure, data, estimator=estimator, run=run, rng=_rng(seed)) for q in query
        )
    return query.answer(structure, data, estimator=estimator, run=run, rng=rng)


def design(
    structure: Any,
    data: Any,
    *,
    experiments: int = 1,
    query: Query | None = None,
    budget: Budget | Run | None = None,
    seed: Seed = 0,
) -> DesignPlan:
    """Rank the experiments that would say most: undecided edges oriented, effect made sure."""
    from .experiments.ranking import rank

    return rank(
        structure, data, experiments=experiments, query=query, run=start(budget), rng=_rng(seed)
    )


def attribute(
    model: Any,
    before: Any,
    after: Any,
    *,
    outcome: str | None = None,
    measure: Measure | None = None,
    budget: Budget | Run | None = None,
    seed: int = 0,
) -> Attribution:
    """Root causes: what changed between two data sets, or what makes a row unusual.

    Parameters
    ----------
    model : Model, or Graph, Discovery or sequence of (Graph, weight), which are fitted to `before`
    before : Data
        What is usual.
    after : Data, mapping, or row numbers of `before`
        A second data set; or rows to explain: one row of Data, {name: value}, or numbers.
    outcome : str, optional
        Whose shift or value is explained; without it mechanisms are compared as such.
    measure : optional
        `MeanShift()`, `QuantileShift(0.9)` ... of a data set; `OutlierScore()`, `Deviation()` ...
        of rows, which also lets `after` be Data of several rows.
    """
    from .effects.attribution.answer import attribute as _attribute

    return _attribute(
        model, before, after, outcome=outcome, measure=measure, run=start(budget), seed=seed
    )


def analyse(source: Any, **plan: Any) -> Analysis | ImageAnalysis:
    """The whole job, from a file, a plan or pictures to an answer; see `rung.pipeline.analyse`."""
    from .pipeline import analyse as _analyse

    return _analyse(source, **plan)


def load(path: str | Path) -> Any:
    """Read back what `.save(path)` wrote."""
    from .io.store import load as _load

    return _load(path)


def check(plug: Any) -> Any:
    """Run the contract of a plug (learner, test, score, mechanism, estimator) against its laws."""
    return late("rung.bench.contracts", "check")(plug)


def _rng(seed: Seed) -> np.random.Generator:
    return np.random.default_rng(seed)
