"""IDP and CIDP against graphs of the class, and the examples of the papers."""

from __future__ import annotations

from itertools import islice, permutations

import numpy as np
import pytest

from rung.bench.idp_oracle import Tally, exhibit, members, question, small_pags
from rung.core.errors import NotIdentified, NotSupported
from rung.core.graph import Graph
from rung.graphs import adjustment_set, identify, mag, pag
from rung.graphs.identification.idp import idp
from rung.graphs.identification.latent_model import random_latent_model
from rung.graphs.identification.query import Interventional

from .structural import random_admg

# Jaber, Zhang, Bareinboim (2019): ICML, figures 2a and 3a to c; NeurIPS, figure 2a.
# Jaber, Ribeiro, Zhang, Bareinboim (2022): the PAGs of their examples.
PAPERS = [
    (
        "X1 <-> X2; X1 <-> Y3; X1 -> Y1; X2 -> Y2; X2 <-> Y1; Y2 <-> Y3; Y4 o-> Y3; Y4 o-o Y5; "
        "Y5 o-> Y1",
        ("Y1 Y2 Y3 Y4 Y5", "X1 X2", ""),
        True,
    ),
    ("X o-o Y", ("Y", "X", ""), False),
    ("X -> Y2; X <-> Y1; Y2 <-> Y1; V o-> X", ("Y1 Y2", "X", ""), False),
    (
        "X1 <-> X2; X1 <-> Y3; X1 -> Y1; X2 -> Y2; X2 <-> Y1; Y2 <-> Y3; Y3 <-> Y4; Y1 <-> Y4",
        ("Y1 Y2 Y3 Y4", "X1 X2", ""),
        False,
    ),
    ("X o-o Z o-o Y", ("Y", "X", "Z"), True),
    (
        "W -> Z -> Y; A -> Y; A o-> W; A o-> X1; X2 o-> X1; X2 o-> W; X1 o-o W",
        ("Y", "W X1 X2", "Z"),
        True,
    ),
]


@pytest.mark.parametrize(("text", "asked", "verdict"), PAPERS)
def test_examples_of_the_papers(text, asked, verdict):
    shown = Graph.parse(text)
    y, x, z = (part.split() for part in asked)
    query = Interventional(y, x, given=z)
    if not verdict:
        with pytest.raises(NotIdentified, match="in the class"):
            idp(shown, query)
        return
    found = idp(shown, query)
    rng = np.random.default_rng(0)
    for graph in islice(members(shown), 3):
        model = random_latent_model(graph, rng=rng)
        value = found.evaluate(model.joint(), graph.names)
        np.testing.assert_allclose(value, model.effect(query), atol=1e-10)


def test_figure_5_of_2022():
    """P(y | do(a, f), b, e), from the graph behind the figure."""
    graph = Graph.parse(
        "E -> Y; B -> Y; B -> F; B -> E; F -> E; F -> Y; D -> E; D -> F; C -> E; A <-> B"
    )
    query = Interventional("Y", ["A", "F"], given=["B", "E"])
    found = idp(pag(graph), query)
    model = random_latent_model(graph, rng=np.random.default_rng(1))
    value = found.evaluate(model.joint(), graph.names)
    np.testing.assert_allclose(value, model.effect(query), atol=1e-10)


def test_every_pag_of_three_nodes():
    tally = Tally()
    small = small_pags(3)
    assert len(small) == 5
    for k, shown in enumerate(small):
        listed = list(islice(members(shown), 20))
        for x, y in permutations(shown.names, 2):
            tally.add(shown, listed, Interventional(y, x), k)
        for z in shown.names:
            x, y = [n for n in shown.names if n != z]
            tally.add(shown, listed, Interventional(y, x, given=z), k)
    assert tally.holds
    assert tally.counts["identified"] > 10 < tally.counts["refused"]


def test_random_classes():
    tally = Tally()
    for k in range(15):
        rng = np.random.default_rng([41, k])
        shown = pag(random_admg(rng, int(rng.integers(3, 6)), 0.4, 0.2))
        listed = list(islice(members(shown), 10))
        for _ in range(5):
            tally.add(shown, listed, question(shown.names, rng), k)
    assert tally.holds
    assert tally.counts["identified"] > 15 < tally.counts["refused"]


def test_no_less_than_adjustment():
    rng = np.random.default_rng(6)
    seen = 0
    for _ in range(40):
        shown = pag(random_admg(rng, 5, 0.4, 0.1))
        for x, y in permutations(shown.names, 2):
            if adjustment_set(shown, x, y, hidden_causes=True) is not None:
                seen += 1
                idp(shown, Interventional(y, x))
    assert seen > 50


def test_a_mag_without_circles():
    """One MAG stands for the graphs with causes behind its invisible arrows."""
    graph = mag(Graph.parse("V -> X1; X1 -> M; M -> X2; M <-> X2; X2 -> Y; W -> X2"))
    query = Interventional("Y", ["X1", "X2"])
    found = identify(graph, query, hidden_causes=True)
    model = random_latent_model(graph, rng=np.random.default_rng(2))
    value = found.evaluate(model.joint(), graph.names)
    np.testing.assert_allclose(value, model.effect(query), atol=1e-10)
    with pytest.raises(NotIdentified, match="in the class"):
        identify(graph, Interventional("M", "V"), hidden_causes=True)


def test_the_way_through_identify_and_refusals():
    shown = pag(Graph.parse("X1 -> Z; A -> Z; Z -> X2; B -> X2; X2 -> Y; Z <-> Y"))
    found = identify(shown, Interventional(["Y", "Z"], ["X2"]))
    assert found.text
    with pytest.raises(NotIdentified, match="X may act on Y, and hidden causes may tie X to Y"):
        identify(pag(Graph.parse("X -> Y")), Interventional("Y", "X"))
    with pytest.raises(NotSupported, match="selected"):
        idp(Graph.parse("X -- Y; Y o-o Z"), Interventional("Y", "X"))


def test_the_oracle_can_fail():
    """A class in which the effect is identified has nothing to exhibit."""
    shown = pag(Graph.parse("A -> X; B -> X; X -> Y"))
    listed = list(islice(members(shown), 5))
    assert exhibit(shown, listed, Interventional("Y", "X")) == "nothing"


def test_what_is_set_shields_its_causes():
    """D and C meet only at nodes that are set or not seen: found by the oracle, once refused."""
    shown = Graph.parse(
        "A o-> D; A o-> E; A o-> F; C o-> B; B <-> D; B o-> E; B o-> F; C o-> E; C o-> F; D o-> E; "
        "D o-> F; E o-o F"
    )
    found = idp(shown, Interventional("C", ["B", "F", "A"], given="D"))
    assert found.text.endswith("= P(C)")
