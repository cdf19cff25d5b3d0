"""Missing and infinite cells over the public surface: a declared policy, or a refusal by name.

Every export of `rung` and its families that takes data is found from `__all__`: an export line is
enough to be tested. Holes are placed by hypothesis. Whatever is asked, the outcome is a result
that says what was done about missing cells, or an error that counts them and names the first.
"""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import rung
from rung.bench.laws.common import TRUTH, WORLDS
from rung.core.errors import MissingCells, RungError
from rung.core.mechanism import MechanismSpec
from rung.core.query import Query
from rung.core.result import lock

POLICIES = [rung.CompleteCases(), rung.TestWise(), rung.EM(draws=2)]
NAMED = re.compile(r"\d+ cells.*first in row \d+, column '\w+'", re.DOTALL)
SPOKEN = re.compile("missing", re.IGNORECASE)
SETTINGS = settings(
    max_examples=2, deadline=None, derandomize=True, database=None, phases=[Phase.generate]
)
ROWS = 160
FAMILIES = ("discovery", "mechanisms", "effects", "experiments", "graphs", "simulate")
# Exports that hold no data: results, and settings that are part of a plug (tested inside one).
PARTS = {
    "Conservative", "Deviation", "Divergence", "FirstSeparator", "FoundGraph", "GraphUnion",
    "Hermite", "KernelMeasure", "LassoPruning", "Legendre", "LowerTail", "Majority", "MeanShift",
    "Mechanisms", "Monotone", "NaturalSpline", "NormalScores", "OneHot", "OutlierScore",
    "QuantileShift", "Resampled", "ShareShift", "Split", "Subsample", "Subsampling", "UpperTail",
    "VarianceShift", "WaldPruning", "WithReplacement", "DesignPlan",
}  # fmt: skip
CHEAP = {
    "Bootstrap": lambda plug: plug(rung.BOSS(), draws=2),
    "DRCFS": lambda plug: plug("d"),
    "LocalCauses": lambda plug: plug("d"),
    "MarkovBlanket": lambda plug: plug("d"),
    "DagmaMLP": lambda plug: plug(hidden=(2,), steps=5, central=(0.1,)),
    "NotearsMLP": lambda plug: plug(hidden=(2,), steps=5, tolerance=1e-1),
    "BoostedAdditive": lambda plug: plug(iterations=5),
    "CausalForest": lambda plug: plug(trees=8, folds=2),
    "Selected": lambda plug: plug((rung.TLearner(),)),
}


DOSED = {"DoseCurve"}  # estimators of doses only
PLAIN = "b -> d; c -> d; a; e"
THROUGH = "b -> d; b -> c; c -> d; a; e"
# Queries that are not asked as kind("b", "d"): how, and the graph that answers them.
QUESTIONS = {
    "CATE": (lambda kind: kind("b", "d", by=("c",)), PLAIN),
    "CDE": (lambda kind: kind("b", "d", mediator="c", at="low"), THROUGH),
    "CounterfactualProbability": (
        lambda kind: kind("d", level("d"), do={"b": level("d")},
                          mechanisms=rung.Mechanisms(resamples=2)), PLAIN),
    "Curve": (lambda kind: kind("a", "d", at=(0.0, 0.5)), "a -> d; c -> d; b; e"),
    "LATE": (lambda kind: kind("b", "d", instrument="a", given=("c",)), "a -> b -> d; c -> d; e"),
    "NDE": (lambda kind: kind("b", "d", mediator="c"), THROUGH),
    "NIE": (lambda kind: kind("b", "d", mediator="c"), THROUGH),
    "PolicyEffect": (lambda kind: kind("d", rung.Do("b", "yes")), PLAIN),
}  # fmt: skip
OWN_ESTIMATOR = {"LATE", "NDE", "NIE", "PolicyEffect"}
ON_LEVELS = {"CounterfactualProbability", "PN", "PNS", "PS"}  # asked of binary columns


def level(name: str) -> Any:
    return world("binary").variable(name).levels[1]


def exports() -> list[tuple[str, Any]]:
    found = {}
    for family in FAMILIES:
        module = importlib.import_module(f"rung.{family}")
        found.update({name: getattr(module, name) for name in module.__all__})
    return sorted(found.items())


def made(name: str, plug: Any) -> Any:
    return CHEAP[name](plug) if name in CHEAP else plug()


def has(item: Any, method: str) -> bool:
    return inspect.isclass(item) and callable(getattr(item, method, None))


TAKES = {"data", "source", "units", "rows"}
LEARNERS = [n for n, item in exports() if has(item, "learn")]
EXCHANGES = [n for n, item in exports() if has(item, "client")]
BINDABLE = [n for n, item in exports() if has(item, "on")]
SPECS = [n for n, item in exports() if inspect.isclass(item) and issubclass(item, MechanismSpec)]
ESTIMATORS = [n for n, item in exports() if has(item, "estimate")]
EFFECTS = [n for n, item in exports() if has(item, "conditional")]
QUERIES = [n for n, item in exports() if inspect.isclass(item) and issubclass(item, Query)]
MODELS = [n for n, item in exports() if has(item, "fit") and n not in SPECS]
READERS = {"read_diagram", "read_graph"}  # their source is text or a file, not rows
FINDERS = [
    n for n, item in exports()
    if has(item, "find") and not has(item, "learn")
    and TAKES & set(getattr(item.find, "__annotations__", ()))
]  # fmt: skip
ASKED = {"bounds"}  # functions that are asked about a structure, like a verb
FUNCTIONS = [
    name for name, item in exports()
    if inspect.isfunction(item) and name not in READERS | ASKED
    and TAKES & set(inspect.signature(item).parameters)
]  # fmt: skip


@cache
def world(name: str) -> rung.Data:
    if name == "zeros":  # a technical zero in every fifth cell
        whole = WORLDS["linear"](ROWS)
        gone = np.random.default_rng(7).random((whole.n, whole.d)) < 0.2
        return rung.Data.from_matrix(np.where(gone, 0.0, whole.matrix()), whole.names)
    return WORLDS[name](ROWS) if name != "grouped" else WORLDS[name](10, 15)


def holed(data: rung.Data, cells: list[tuple[int, int]], value: float = np.nan) -> rung.Data:
    for row, column in cells:
        name = data.names[column % data.d]
        values = np.array(data.column(name), dtype=np.float64)
        values[row % data.n] = value
        data = data.with_column(data.variable(name), lock(values))
    return data


def spots() -> st.SearchStrategy[list[tuple[int, int]]]:
    cell = st.tuples(st.integers(0, ROWS - 1), st.integers(0, 4))
    return st.lists(cell, min_size=1, max_size=12)


def quiet(call: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


def works(call: Any) -> bool:
    """Whether something can be asked of the full data at all."""
    try:
        quiet(call)
    except RungError:
        return False
    return True


def said(result: Any) -> str:
    """What a result says of itself."""
    parts = [getattr(result, k, ()) for k in ("notes", "warnings")]
    return " ".join([*(" ".join(p) for p in parts), str(getattr(result, "method", ""))])


def outcome(call: Any) -> Any:
    """The result, or None after a refusal that counts the cells and names the first."""
    text = ""
    try:
        return quiet(call)
    except RungError as error:
        text = f"{type(error).__name__}: {error}"
    assert NAMED.search(text), text
    return None


def refused(call: Any, data: rung.Data) -> None:
    """Without a policy: a refusal with the right count, row and column."""
    with pytest.raises(MissingCells) as caught:
        quiet(call)
    text = str(caught.value)
    assert NAMED.search(text), text


def whole(data: rung.Data) -> rung.Data:
    return data.take(np.flatnonzero(~data.mask.any(axis=1)))


def suits(ask: Any, make: Any = world) -> str | None:
    """The first world on which something can be asked."""
    for name in ("linear", "binary", "mixed", "grouped", "zeros"):
        if works(partial(ask, make(name))):
            return name
    return None


def over_policies(
    ask: Any, name: str, cells: list[tuple[int, int]], *, speaks: bool, declares: bool = False
) -> None:
    """The law: refused without a policy, followed with one; a plug may declare one by itself."""
    data = holed(world(name), cells)
    if not declares:
        refused(lambda: ask(data), data)
    for policy in [None, *POLICIES] if declares else POLICIES:
        result = outcome(partial(ask, data.replacing(missing=policy)))
        if result is not None and speaks:
            assert SPOKEN.search(said(result)), f"{policy}: silent: {said(result)!r}"


def test_every_export_that_takes_data_is_known():
    tested = (
        LEARNERS,
        EXCHANGES,
        BINDABLE,
        SPECS,
        ESTIMATORS,
        EFFECTS,
        QUERIES,
        MODELS,
        FINDERS,
        FUNCTIONS,
    )
    known = set().union(*tested, PARTS, READERS, ASKED)
    for name, item in exports():
        if name in known:
            continue
        members = [item] if inspect.isfunction(item) else [
            m for k, m in inspect.getmembers(item, inspect.isfunction) if not k.startswith("_")
        ]  # fmt: skip
        for member in members:
            if inspect.isclass(item) and member.__module__ != item.__module__:
                continue
            taken = TAKES & set(inspect.signature(member).parameters)
            assert not taken, f"{name}.{member.__name__} takes {taken}: say how it meets holes"


@pytest.mark.parametrize("name", LEARNERS)
@settings(SETTINGS, max_examples=1)
@given(cells=spots())
def test_learners(name, cells):
    learner = made(name, getattr(rung.discovery, name))
    budget = rung.Budget(seconds=0.2)

    def ask(data):
        return rung.discover(data, learner, budget=budget)

    where = suits(ask)
    assert where is not None, f"{name} suits none of the worlds"
    declares = getattr(learner, "takes_missing", False)
    over_policies(ask, where, cells, speaks=True, declares=declares)


@pytest.mark.parametrize("name", EXCHANGES)
@settings(SETTINGS, max_examples=2)
@given(cells=spots())
def test_federated_methods(name, cells):
    """What a site answers about its own rows."""
    method = getattr(rung.discovery, name)()

    def ask(data):
        return method.client(method.begin(data.variables), data, {})

    over_policies(ask, "linear", cells, speaks=False)


@pytest.mark.parametrize("name", BINDABLE)
@SETTINGS
@given(cells=spots())
def test_tests_and_scores(name, cells):
    plug = made(name, getattr(rung.discovery, name))

    def ask(data):
        bound = plug.on(data, rng=np.random.default_rng(0))
        if hasattr(bound, "pvalues"):
            return np.asarray(bound.pvalues([0, 1], [2, 4], [[3], [0]]))
        return np.array([bound.local(0, [1]), bound.local(2, [])])

    where = suits(ask)
    assert where is not None, f"{name} suits none of the worlds"
    over_policies(ask, where, cells, speaks=False)
    data = holed(world(where), cells)
    found = outcome(lambda: ask(data.replacing(missing=rung.CompleteCases())))
    if found is not None:
        assert np.allclose(found, quiet(lambda: ask(whole(data))), equal_nan=True)
    for policy in POLICIES[1:]:
        found = outcome(partial(ask, data.replacing(missing=policy)))
        assert found is None or np.isfinite(found).all()


@pytest.mark.parametrize("name", SPECS)
@settings(SETTINGS, max_examples=2)
@given(cells=spots())
def test_mechanisms(name, cells):
    spec = made(name, getattr(rung.mechanisms, name))
    graph = rung.Graph.parse("a -> b")
    column = {"Poisson": "n", "NegativeBinomial": "n"}.get(name, "b")

    def base(kind):
        data = world(kind)[["a", "b"]]
        if column == "n":
            count = rung.Variable("b", rung.Kind.COUNT)
            return data.with_column(count, lock(np.floor(np.exp(0.3 * data.column("a")) * 2)))
        return data

    def ask(data):
        return rung.fit(graph, data, mechanisms={"b": spec, "a": rung.mechanisms.AutoMechanism()})

    where = suits(ask, base)
    assert where is not None, name
    data = holed(base(where), cells)
    refused(lambda: ask(data), data)
    for policy in POLICIES:
        model = outcome(partial(ask, data.replacing(missing=policy)))
        if model is not None:
            assert SPOKEN.search(said(model))
            assert np.isfinite(model.sample(50).matrix()).all()
    variable, x = data.variable("b"), data.column("b")
    with pytest.raises(RungError, match=NAMED):
        spec.fit(x, data.select(["a"]), variable=variable, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", ESTIMATORS)
@settings(SETTINGS, max_examples=1)
@given(cells=spots())
def test_estimators(name, cells):
    estimator = made(name, getattr(rung.effects, name))

    treatment, column = ("a", 1) if name in DOSED else ("b", 4)

    def ask(data):
        return rung.effect(TRUTH, data, rung.ATE(treatment, "d"), estimator=estimator)

    over_policies(ask, "mixed", [(r, column) for r, _ in cells], speaks=True)


@pytest.mark.parametrize("name", EFFECTS)
@settings(SETTINGS, max_examples=1)
@given(cells=spots())
def test_learners_of_effects(name, cells):
    learner = made(name, getattr(rung.effects, name))

    def ask(data):
        return rung.effect(TRUTH, data, rung.CATE("b", "d"), estimator=learner)

    over_policies(ask, "mixed", [(r, 4) for r, _ in cells], speaks=True)


@pytest.mark.parametrize("name", QUERIES)
@settings(SETTINGS, max_examples=2)
@given(cells=spots())
def test_queries(name, cells):
    ask_as, edges = QUESTIONS.get(name, (lambda kind: kind("b", "d"), PLAIN))
    query, graph = ask_as(getattr(rung.effects, name)), rung.Graph.parse(edges)
    estimator = None if name in OWN_ESTIMATOR else rung.Regression("linear")
    where = "binary" if name in ON_LEVELS else "mixed"

    def ask(data):
        return rung.effect(graph, data, query, estimator=estimator)

    over_policies(ask, where, [*cells, (3, 0)], speaks=True)


@pytest.mark.parametrize("name", MODELS)
@settings(SETTINGS, max_examples=2)
@given(cells=spots())
def test_model_specs(name, cells):
    if name == "Structural":
        spec = rung.mechanisms.Structural(TRUTH, rung.LinearGaussian())
        over_policies(lambda d: rung.fit(spec, d), "linear", cells, speaks=True)
        return
    if name == "Regimes":
        spec = rung.Regimes(TRUTH, changing=("b",), mechanisms=rung.LinearGaussian(), fewest=5)
        over_policies(lambda d: rung.fit(spec, d), "grouped", cells, speaks=True)
        return
    pytest.fail(f"{name}: say how this model spec meets missing cells")


@pytest.mark.parametrize("name", FINDERS)
@settings(SETTINGS, max_examples=1)
@given(cells=spots())
def test_finders(name, cells):
    plug = made(name, dict(exports())[name])
    over_policies(plug.find, "linear", cells, speaks=False)


@pytest.mark.parametrize("name", FUNCTIONS)
@SETTINGS
@given(cells=spots())
def test_functions(name, cells):
    function = dict(exports())[name]
    options = {"graph": TRUTH, "outcome": "d", "structure": TRUTH}

    def ask(data):
        taken = inspect.signature(function).parameters
        first = next(iter(taken))
        given = {k: v for k, v in options.items() if k in taken}
        return function(**{first if first in TAKES else (TAKES & set(taken)).pop(): data, **given})

    where = suits(ask)
    assert where is not None, f"{name} suits none of the worlds"
    over_policies(ask, where, cells, speaks=False)
    rows = holed(world(where), cells).select(TRUTH.names).matrix()
    assert outcome(lambda: ask(rows)) is None


@settings(SETTINGS, max_examples=2)
@given(cells=spots())
def test_bounds(cells):
    graph = rung.Graph.parse("a -> b; b -> d; b <-> d; c; e")

    def ask(data):
        return rung.bounds(graph, data, rung.ATE("b", "d"), draws=20)

    over_policies(ask, "binary", [*cells, (3, 1)], speaks=True)


@SETTINGS
@given(cells=spots())
def test_sources(cells):
    """What a Source is asked directly."""
    for where, ask in (
        ("linear", lambda d: d.moments()),
        ("linear", lambda d: d.rows()),
        ("linear", lambda d: d.moments_by_environment()),
        ("binary", lambda d: d.table(list(d.names))),
    ):
        over_policies(ask, where, cells, speaks=False)
        data = holed(world(where), cells).replacing(missing=rung.CompleteCases())
        assert repr(ask(data)) == repr(ask(whole(data)))


@settings(SETTINGS, max_examples=2)
@given(cells=spots())
def test_verbs(cells):
    """The verbs that take data, as they are without a plug."""
    model = rung.fit(TRUTH, world("linear"), mechanisms=rung.LinearGaussian())
    over_policies(lambda d: rung.fit(TRUTH, d), "linear", cells, speaks=True)
    over_policies(rung.discover, "linear", cells, speaks=True)
    over_policies(lambda d: rung.counterfactual(model, d, a=0.0), "linear", cells, speaks=True)
    over_policies(
        lambda d: rung.effect(TRUTH, d, rung.ATE("b", "d"), estimator=rung.Regression("linear")),
        "linear", [(r, 4) for r, _ in cells], speaks=True,
    )  # fmt: skip
    half = rung.Graph.parse("a -- b; b -- d; c; e")
    over_policies(
        lambda d: rung.design(half, d, query=rung.ATE("b", "d")), "linear", cells, speaks=True
    )
    plain = holed(world("linear"), cells)
    assert rung.design(half, plain).rows  # without a query the data are not looked at


@SETTINGS
@given(cells=spots(), sign=st.sampled_from([np.inf, -np.inf]))
def test_infinite_cells_are_refused_by_name(cells, sign):
    data = holed(world("linear"), cells, sign)
    model = rung.fit(TRUTH, world("linear"), mechanisms=rung.LinearGaussian())
    asked = [
        lambda d: rung.fit(TRUTH, d, mechanisms=rung.LinearGaussian()),
        lambda d: rung.counterfactual(model, d, a=0.0),
        lambda d: d.moments(),
        lambda d: rung.FisherZ().on(d, rng=np.random.default_rng(0)),
        lambda d: rung.KCI().on(d, rng=np.random.default_rng(0)),
    ]
    for ask in asked:
        for policy in (None, rung.EM()):
            with pytest.raises(RungError, match="infinite"):
                quiet(partial(ask, data.replacing(missing=policy)))
