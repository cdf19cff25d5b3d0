"""identify: what it takes, what it says, what it refuses."""

from itertools import combinations, permutations

import numpy as np
import pytest

import rung
from rung.bench.identification_cases import random_admg
from rung.core.errors import InputError, NotIdentified, Overlap, UnknownName
from rung.core.graph import Graph
from rung.graphs import (
    Formula,
    Interventional,
    LatentModel,
    MeanContrast,
    Mixed,
    identify,
    random_latent_model,
    two_models,
)

FRONT = Graph.parse("X -> M; M -> Y; X <-> Y")
BOW = Graph.parse("X -> Y; X <-> Y")
ODD = ("smoking habit", "tar, in (lungs)", "cancer's {rate}_%")


def named(graph: Graph, names: tuple[str, ...]) -> Graph:
    return Graph(names, graph.marks)


def test_formulas_in_print() -> None:
    found = identify(FRONT, Interventional("Y", do="X"))
    assert isinstance(found, Formula)
    assert found.text == "P(Y | do(X)) = sum over M of P(M | X) [sum over X' of P(X') P(Y | X', M)]"
    assert found.words == (
        "(1) for each value of M and Y, take the average of the distribution of Y among rows with "
        "the same X and M over the distribution of X in all rows; (2) the answer is the average of "
        "(1) over the distribution of M among rows with the same X"
    )
    napkin = Graph.parse("W -> R; R -> X; X -> Y; W <-> X; W <-> Y")
    text = identify(napkin, Interventional("Y", do="X")).text
    assert text.endswith("[sum over W of P(W) P(X | W, R)], for any R")


def test_odd_names_in_print() -> None:
    found = identify(named(FRONT, ODD), Interventional(ODD[2], do=ODD[0]))
    assert found.text.startswith('P("cancer\'s {rate}_%" | do(smoking habit)) = sum over "tar, in')
    assert r"\mathrm{cancer\text{'}s\ \{rate\}\_\%}" in found.latex
    assert found.latex.count("{") == found.latex.count("}")
    assert '"tar, in (lungs)"' in found.words


def test_names_do_not_change_the_answer() -> None:
    model = random_latent_model(FRONT, levels=3, rng=np.random.default_rng(0))
    table = model.joint()
    plain = identify(FRONT, Interventional("Y", do="X")).evaluate(table, ("X", "M", "Y"))
    odd = identify(named(FRONT, ODD), Interventional(ODD[2], do=ODD[0])).evaluate(table, ODD)
    np.testing.assert_array_equal(plain, odd)


def test_axes_in_any_order_and_unused_names() -> None:
    rng = np.random.default_rng(1)
    model = random_latent_model(FRONT, levels=3, rng=rng)
    found = identify(FRONT, Interventional("Y", do="X"))
    truth = model.effect(Interventional("Y", do="X"))
    for order in permutations(range(3)):
        names = tuple(FRONT.names[i] for i in order)
        np.testing.assert_allclose(found.evaluate(model.joint().transpose(order), names), truth)
    wide = model.joint()[..., None] * rng.dirichlet(np.ones(5))
    np.testing.assert_allclose(found.evaluate(wide, (*FRONT.names, "other")), truth)


def test_a_table_of_many_unused_names_takes_little_memory() -> None:
    import tracemalloc

    names = ("X", "Y", *(f"z{i}" for i in range(18)))
    table = np.full((2,) * 20, 2.0**-20)
    found = identify(Graph.parse("X -> Y"), Interventional("Y", do="X"))
    tracemalloc.start()
    found.evaluate(table, names)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * table.nbytes


def test_a_cell_that_never_occurs() -> None:
    table = np.array([[[0.3, 0.2], [0.0, 0.1]], [[0.0, 0.0], [0.25, 0.15]]])  # no X=1 with M=0
    found = identify(FRONT, Interventional("Y", do="X"))
    with pytest.raises(Overlap, match="positivity"):
        found.evaluate(table, FRONT.names)


@pytest.mark.parametrize(
    ("table", "names", "error"),
    [
        (np.ones((2, 2)), ("X", "Y"), InputError),
        (np.full((2, 2), 0.25), ("X", "Z"), UnknownName),
        (np.full((2, 2), 0.25), ("X",), InputError),
        (np.full((2, 2), 0.25), ("X", "X"), InputError),
        (np.full((2, 2), np.nan), ("X", "Y"), InputError),
        (np.array([[1.5, -0.5], [0, 0]]), ("X", "Y"), InputError),
    ],
)
def test_bad_tables(table: np.ndarray, names: tuple[str, ...], error: type[Exception]) -> None:
    found = identify(Graph.parse("X -> Y"), Interventional("Y", do="X"))
    with pytest.raises(error):
        found.evaluate(table, names)


def test_bad_questions() -> None:
    with pytest.raises(UnknownName, match="nearest: 'X'"):
        identify(BOW, Interventional("Y", do="x"))
    with pytest.raises(InputError, match="two roles"):
        Interventional("Y", do="Y")
    with pytest.raises(InputError, match="no outcome"):
        Interventional((), do="Y")
    with pytest.raises(InputError, match="Interventional"):
        identify(BOW, "Y")
    with pytest.raises(InputError, match="two roles"):
        Interventional("Y", do="X", given="X")


def test_measured_nodes() -> None:
    dag = Graph.parse("U -> X; U -> Y; X -> M; M -> Y; L -> M")
    asked = Interventional("Y", do="X")
    found = identify(dag, asked, measured=["X", "M", "Y"])
    assert found.rule == "ID"
    assert identify(dag, asked).rule == "back-door"
    with pytest.raises(NotIdentified, match="measurement of U would identify it") as refused:
        identify(Graph.parse("U -> X; U -> Y; X -> Y; L -> X"), asked, measured=("X", "Y"))
    assert refused.value.advice[0] == "measurement of U would identify it"
    with pytest.raises(InputError, match="Y is not among the measured"):
        identify(dag, asked, measured=["X", "M"])
    with pytest.raises(UnknownName):
        identify(dag, asked, measured=["X", "M", "Y", "V"])
    ate = identify(dag, rung.ATE("X", "Y"), measured=["X", "M", "Y"])
    assert isinstance(ate, MeanContrast)
    assert ate.formula.expression == found.expression


def test_observed_and_conditional() -> None:
    graph = Graph.parse("Z -> X; X -> Y; Z -> Y; W -> Y; W -> Z")
    assert identify(graph, Interventional("Y", given="X")).text == "P(Y | X) = P(Y | X)"
    found = identify(graph, Interventional("Y", do="X", given="Z"))
    assert (found.rule, found.adjust) == ("back-door", ())
    assert found.words == (
        "compare Y between values of X, with no adjustment, among rows with the same Z"
    )
    groups = identify(graph, rung.CATE("X", "Y", by="Z"))
    model = random_latent_model(graph, levels=3, rng=np.random.default_rng(2))
    law = model.effect(Interventional("Y", do="X", given="Z"))
    means = np.tensordot([1.0, 4.0, 9.0], law, axes=(0, 0))
    values = {"Y": (1.0, 4.0, 9.0), "X": ("a", "b", "c")}
    out = groups.evaluate(model.joint(), graph.names, values=values)
    np.testing.assert_allclose(out, means[2] - means[0])


def test_cyclic_and_other_graphs() -> None:
    with pytest.raises(InputError, match="cycle"):
        identify(Graph.parse("X -> Y; Y -> Z; Z -> X"), Interventional("Y", do="X"))
    cpdag = Graph.parse("X -- Z; X -> Y; Z -> Y")
    assert isinstance(identify(cpdag, Interventional("Y", do=("X", "Z"))), Formula)
    both = [(FRONT, 3.0), (Graph.parse("X -> Y; M -> X; X <-> Y"), 1.0)]
    found = identify(both, Interventional("Y", do="X"))
    assert isinstance(found, Mixed)
    assert [w for w, _ in found.parts] == [0.75, 0.25]
    assert "not identified" in found.parts[1][1]


def measuring(graph: Graph, pairs: tuple[tuple[str, str], ...]) -> Graph:
    """The graph with the hidden cause of each pair as a node."""
    edges = []
    hidden = {frozenset(p): f"L{k}" for k, p in enumerate(pairs)}
    for a, mark, b in graph.edges():
        if mark == "<->" and frozenset((a, b)) in hidden:
            edges += [f"{hidden[frozenset((a, b))]} -> {n}" for n in (a, b)]
        else:
            edges.append(f"{a} {mark.replace('-->', '->').replace('<--', '<-')} {b}")
    return Graph.parse("; ".join([*graph.names, *edges]))


def test_advice_is_right() -> None:
    """Measuring what is advised identifies it, less does not; an advised experiment tells apart."""
    from rung.graphs.identification.admg import Admg
    from rung.graphs.identification.advice import remedies

    tried = set()
    for k in range(60):
        graph = random_admg(np.random.default_rng([8, k]), (3, 6))
        for x, y in permutations(graph.names, 2):
            asked = Interventional(y, do=x)
            try:
                identify(graph, asked)
                continue
            except NotIdentified as error:
                forest = error.hedge.forest.names
            inner = Admg.of(graph)
            found = remedies(inner, inner.mask([y]), inner.mask([x]), inner.mask(forest))
            for pairs in found.measure[:2]:
                tried.add(len(pairs))
                identify(measuring(graph, pairs), asked)
                for fewer in combinations(pairs, len(pairs) - 1):
                    with pytest.raises(NotIdentified):
                        identify(measuring(graph, fewer), asked)
            if found.experiments:
                tried.add("experiment")
                pair = two_models(graph, asked)
                for w in found.experiments:
                    inside = (
                        w in pair.names
                    )  # else a coin in both: the experiment would tell nothing
                    assert inside
                    gap = np.abs(pair.first.joint(do=w) - pair.second.joint(do=w))
                    assert gap.max() > 1e-6
    assert {1, 2, "experiment"} <= tried


def test_two_models_in_words() -> None:
    pair = two_models(BOW, Interventional("Y", do="X"))
    assert pair.words == (
        "both models give the same distribution of X, Y (largest difference 0), but "
        "P(Y = 0 | do(X = 0)) is 0.5 in the first and 0.9 in the second"
    )
    with pytest.raises(InputError, match="is identified"):
        two_models(FRONT, Interventional("Y", do="X"))
    with pytest.raises(InputError, match="noise"):
        two_models(BOW, Interventional("Y", do="X"), noise=0.5)
    wide = Graph.parse("X -> Y; X <-> Y; " + "; ".join(f"Z{i} -> X" for i in range(50)))
    far = two_models(wide, Interventional("Y", do="X"))
    assert set(far.names) == {"X", "Y"}
    assert len(far.coins) == 50


def test_a_model_that_does_not_fit() -> None:
    with pytest.raises(InputError, match="the table of Y must have shape"):
        LatentModel(BOW, (2, 2), {}, {"X": np.full(2, 0.5), "Y": np.full((3, 2), 0.5)})
