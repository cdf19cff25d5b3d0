"""JCI: an oracle over all models of two contexts, planted targets, refusals."""

from itertools import combinations, product

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, NeedsRows, UnknownName
from tests.discovery.support import Oracle

CONTEXTS = ("e1", "e2")
SYSTEM = ("x", "y", "z")


def rows(n=60, environments=("e0", "e1", "e2"), columns=SYSTEM, seed=0):
    """Rows without structure, in as many environments."""
    rng = np.random.default_rng(seed)
    k = len(environments)
    data = rung.Data.from_matrix(rng.normal(size=(n * k, len(columns))), columns)
    return data.replacing(environment=np.repeat(np.arange(k), n), environments=environments)


def all_models():
    """Every DAG over x, y, z with every choice of targets of two contexts."""
    pairs = list(combinations(range(3), 2))
    for way in product((0, 1, 2), repeat=3):
        edges = [(i, j) if w == 1 else (j, i) for (i, j), w in zip(pairs, way, strict=True) if w]
        listed = [(SYSTEM[i], "-->", SYSTEM[j]) for i, j in edges]
        graph = rung.Graph.from_edges(listed, SYSTEM)
        if not graph.is_acyclic():
            continue
        for hits in product((False, True), repeat=6):
            acts = [(CONTEXTS[h // 3], "-->", SYSTEM[h % 3]) for h, on in enumerate(hits) if on]
            yield rung.Graph.from_edges([*listed, *acts, ("e1", "-->", "e2")], (*SYSTEM, *CONTEXTS))


def kind(graph):
    """Skeleton and unshielded colliders, which decide Markov equivalence (Verma and Pearl)."""
    skeleton = frozenset(frozenset((a, b)) for a, _, b in graph.edges())
    colliders = frozenset(
        (frozenset((a, b)), v)
        for v in graph.names
        for a, b in combinations(sorted(graph.parents(v)), 2)
        if frozenset((a, b)) not in skeleton
    )
    return skeleton, colliders


@pytest.fixture(scope="module")
def classes():
    """Models by what tests can tell, e1 -> e2 and exogeneity known."""
    found = {}
    for model in all_models():
        found.setdefault(kind(model), []).append(model)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_with_an_oracle_the_answer_is_the_class(classes, seed):
    data = rows()
    models = list(classes.values())[np.random.default_rng(seed).integers(len(classes))]
    found = rung.discover(data, rung.JCI(rung.PC(Oracle(models[0]))))
    whole = found.details["context_graph"]
    skeletons = {(min(a, b), max(a, b)) for a, _, b in models[0].edges()}
    assert {(min(a, b), max(a, b)) for a, _, b in whole.edges()} == skeletons
    for a, b in skeletons:
        ways = {m.has_edge(a, b, "-->") for m in models}
        if ways == {True}:
            assert whole.has_edge(a, b, "-->"), (models[0], whole)
        elif ways == {False}:
            assert whole.has_edge(b, a, "-->"), (models[0], whole)
        else:
            assert whole.has_edge(a, b, "---"), (models[0], whole)
    assert found.graph == whole.subgraph(SYSTEM)
    for context in CONTEXTS:
        assert set(found.details["targets"][context]) == set(models[0].children(context)) - {"e2"}


def linear(targets, n=800, seed=0, shift=1.2):
    """x -> y -> z, x -> w: each environment shifts its targets."""
    rng = np.random.default_rng(seed)
    parts = []
    for hit in targets:
        sizes = shift * np.array([1, 1, -1, 1]) * [name in hit for name in "xyzw"]
        u = rng.normal(size=(4, n)) + sizes[:, None]
        x = u[0]
        y = 0.9 * x + u[1]
        parts.append(np.column_stack([x, y, -0.8 * y + u[2], 0.8 * x + u[3]]))
    data = rung.Data.from_matrix(np.vstack(parts), list("xyzw"))
    names = tuple(f"e{k}" for k in range(len(targets)))
    return data.replacing(environment=np.repeat(np.arange(len(targets)), n), environments=names)


TRUTH = rung.Graph.parse("x -> y -> z; x -> w")


@pytest.mark.parametrize("learner", [rung.BOSS(), rung.PC(), rung.GES(), rung.GRaSP(), rung.FLOP()])
def test_unknown_targets_are_found(learner):
    data = linear([(), "y", "w", "yz"])
    found = rung.discover(data, rung.JCI(learner))
    assert found.graph == TRUTH  # contexts orient every edge
    assert {k: set(v) for k, v in found.details["targets"].items()} == {
        "e1": {"y"}, "e2": {"w"}, "e3": {"y", "z"},
    }  # fmt: skip
    assert found.details["reference"] == "e0"
    assert found.details["known_targets"] == ()


def test_one_call_takes_known_and_unknown_targets():
    data = linear([(), "y", "w", "yz"])
    hit = np.zeros((4, 4), dtype=bool)
    hit[1, 1] = True
    found = rung.discover(data.replacing(targets=hit), rung.JCI())
    assert found.graph == TRUTH
    assert found.details["known_targets"] == ("e1",)
    assert found.details["targets"]["e1"] == ("y",)
    assert found.details["targets"]["e3"] == ("y", "z")


def test_known_targets_are_obeyed_even_if_wrong():
    data = linear([(), "y"])
    hit = np.array([[0, 0, 0, 0], [1, 0, 0, 0]], dtype=bool)
    found = rung.discover(data.replacing(targets=hit), rung.JCI())
    assert found.details["targets"] == {"e1": ("x",)}
    wider = rung.discover(data.replacing(targets=hit), rung.JCI(off_targets=True))
    assert set(wider.details["targets"]["e1"]) == {"x", "y"}


def test_where_every_environment_has_targets_the_difference_counts():
    data = linear(["x", "y"])
    hit = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], dtype=bool)
    found = rung.discover(data.replacing(targets=hit), rung.JCI())
    assert set(found.details["targets"]["e1"]) == {"x", "y"}


def test_a_hidden_cause_may_join_an_environment_to_more_than_its_targets():
    # C -> x -> y with a hidden cause of x and y: C is not separated from y by x, nor by nothing
    rng = np.random.default_rng(0)
    c, h = np.repeat([0, 1], 3000), rng.normal(size=6000)
    x = 2.0 * c + h + rng.normal(size=6000)
    y = x - 1.5 * h + rng.normal(size=6000)
    data = rung.Data.from_matrix(np.column_stack([x, y, rng.normal(size=6000)]), SYSTEM)
    data = data.replacing(
        environment=c, environments=("a", "b"), targets=np.array([[0, 0, 0], [1, 0, 0]], bool)
    )
    found = rung.discover(data, rung.JCI(rung.FCI()))
    assert found.hidden_causes
    assert found.details["targets"] == {"b": ("x", "y")}
    assert rung.discover(data, rung.JCI()).details["targets"] == {"b": ("x",)}


def test_no_mark_of_a_context_is_left_open():
    data = linear([(), "y", "w", "yz"])
    whole = rung.discover(data, rung.JCI(rung.FCI())).details["context_graph"]
    for c in ("e1", "e2", "e3"):
        for v in "xyzw":
            assert not whole.has_edge(c, v) or whole.has_edge(c, v, "-->")


def test_one_context_for_all():
    data = linear([(), "y", "w", "yz"])
    plug = rung.JCI(rung.PC(rung.DegenerateGaussian()), single=True)
    found = rung.discover(data, plug)
    assert found.details["context_graph"].names[-1] == "environment"
    assert found.details["targets"]["environment"] == ("w", "y", "z")


def test_the_choice_of_the_reference():
    data = linear([(), "y", "xw"])
    big = data.take(np.concatenate([np.arange(data.n), np.flatnonzero(data.environment == 1)]))
    assert rung.discover(big, rung.JCI()).details["reference"] == "e1"
    assert rung.discover(big, rung.JCI(reference="e2")).details["reference"] == "e2"
    with pytest.raises(UnknownName, match="nearest"):
        rung.discover(data, rung.JCI(reference="e9"))


def test_a_column_with_the_name_of_an_environment():
    data = rows(environments=("x", "y", "q"))
    found = rung.discover(data, rung.JCI())
    assert set(found.graph.names) == set(SYSTEM)
    assert "y (environment)" in found.details["context_graph"].names
    assert set(found.details["targets"]) == {"y", "q"}


def test_environments_without_names_and_of_one_row():
    data = rows()
    number = np.array(data.environment)
    number[number == 2] = 0
    number[-1] = 2
    found = rung.discover(data.replacing(environment=number, environments=()), rung.JCI())
    assert set(found.details["targets"]) == {"1", "2"}


def test_what_cannot_be_used_is_refused():
    data = rows()
    with pytest.raises(InputError, match="name none"):
        rung.discover(data.replacing(environment=None, environments=()), rung.JCI())
    with pytest.raises(InputError, match="from one"):
        rung.discover(data[data.environment == 0], rung.JCI())
    with pytest.raises(NeedsRows, match="environment of each row"):
        rung.discover(data.moments(), rung.JCI())
    with pytest.raises(InputError, match="number them from 0"):
        rung.discover(data.replacing(environments=("a", "b")), rung.JCI())
    same = data.with_column(rung.Variable("dose"), np.array([0.0, 1.0, 5.0])[data.environment])
    with pytest.raises(InputError, match="'dose' has one value in each environment"):
        rung.discover(same, rung.JCI())
    number = np.maximum(np.arange(23) - 2, 0)
    many = data.take(np.arange(23)).replacing(
        environment=number, environments=tuple(f"e{k}" for k in range(21))
    )
    with pytest.raises(InputError, match="Merge environments"):
        rung.discover(many, rung.JCI())
    holed = np.array(data.column("x"))
    holed[0] = np.nan
    with pytest.raises(rung.core.errors.MissingCells):
        rung.discover(data.with_column(data.variable("x"), holed), rung.JCI())
    with pytest.raises(InputError, match="JCI joins the environment as columns of levels"):
        rung.discover(data, rung.JCI(rung.CAM()))
    with pytest.raises(UnknownName):
        rung.JCI().learn(data, knowledge=rung.Knowledge(required=(("x", "e1"),)))


def test_weighted_graphs_are_over_the_columns(tmp_path):
    data = linear([(), "y", "w", "yz"], n=200)
    found = rung.discover(data, rung.Bootstrap(rung.JCI(), draws=10))
    assert sum(w for _, w in found.graphs) == pytest.approx(1)
    inside = rung.discover(data, rung.JCI(rung.Bootstrap(rung.BOSS(), draws=10)))
    assert all(set(g.names) == set("xyzw") for g, _ in inside.graphs)
    inside.save(tmp_path / "found.rung")
    again = rung.load(tmp_path / "found.rung")
    assert again.details["context_graph"] == inside.details["context_graph"]
