"""What a search that allows hidden causes says of the edges of one that does not."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.graph_text import edge_marks
from rung.discovery.crosscheck import compare, verdict
from tests.discovery.support import names

RNG = np.random.default_rng


@pytest.mark.parametrize(
    ("edge", "marks", "wanted"),
    [
        ("-->", "-->", "supported"),
        ("-->", "o->", "left open"),
        ("-->", "o-o", "left open"),
        ("-->", "--o", "left open"),
        ("-->", "<->", "contradicted"),
        ("-->", "<--", "contradicted"),
        ("-->", "<-o", "contradicted"),
        ("-->", "o--", "contradicted"),
        ("-->", "---", "contradicted"),
        ("<--", "<--", "supported"),
        ("<--", "<-o", "left open"),
        ("<--", "o->", "contradicted"),
        ("---", "-->", "supported"),
        ("---", "<--", "supported"),
        ("---", "o->", "left open"),
        ("---", "o-o", "left open"),
        ("---", "<->", "contradicted"),
        ("-->", None, "no edge there"),
        ("---", None, "no edge there"),
        (None, "o->", "only there"),
    ],
)
def test_verdicts(edge, marks, wanted):
    one, other = (edge_marks(e) if e else (0, 0) for e in (edge, marks))
    assert verdict(one, other) == wanted


def test_counts_rows_and_words():
    found = rung.Discovery(rung.Graph.parse("a -> b; b -> c; c -> d; d -> e; f"))
    other = rung.Discovery(
        rung.Graph.parse("f o-o a; b <-o a; c <-- b; c <-> d; e"), learner=rung.FCI()
    )
    check = compare(found, other)
    assert check["learner"] == "FCI with FisherZ"
    assert check["counts"] == {
        "supported": 1, "left open": 1, "contradicted": 1, "no edge there": 1, "only there": 1,
    }  # fmt: skip
    marks = {(r["a"], r["b"]): (r["mark"], r["other"], r["verdict"]) for r in check["agreement"]}
    assert marks["a", "b"] == ("-->", "o->", "left open")
    assert marks["a", "f"] == ("none", "o-o", "only there")
    assert marks["d", "e"] == ("-->", "none", "no edge there")
    for words in ("each of the 4 edges", "supports 1", "leaves 1 open", "contradicts 1",
                  "does not find 1", "1 edge more", "hidden"):  # fmt: skip
        assert words in check["text"]


def test_a_hidden_cause_is_seen():
    """x and y share a hidden cause, and each has a cause of its own."""
    rng = RNG(0)
    u, v, h = rng.normal(size=(3, 4000))
    x, y = (a + h + 0.5 * rng.normal(size=4000) for a in (u, v))
    data = rung.Data.from_matrix(np.column_stack([u, v, x, y]), ["u", "v", "x", "y"])
    found = rung.discover(data)
    assert found.graph.has_edge("x", "y")
    assert not found.hidden_causes
    rows = {frozenset((r["a"], r["b"])): r for r in found.details["crosscheck"]["agreement"]}
    assert rows[frozenset("xy")]["other"] == "<->"
    assert rows[frozenset("xy")]["verdict"] == "contradicted"
    assert found.details["crosscheck"]["counts"]["supported"] == 0


def test_agreement_of_two_that_exclude_hidden_causes_is_not_at_work():
    rng = RNG(1)
    x = rng.normal(size=(2000, 4))
    x[:, 2] += x[:, 0] + x[:, 1]
    x[:, 3] += x[:, 2]
    found = rung.discover(rung.Data.from_matrix(x, names(4)))
    check = found.details["crosscheck"]
    assert check["counts"]["supported"] == 1  # the two edges into the collider stay open
    assert check["counts"]["left open"] == 2
    assert "FCI" in found.details["why"]
    assert "hidden causes allowed" in found.details["why"]


def test_what_the_check_cannot_do_is_said():
    """Ties are left out for it; without rows that nothing was set in, it cannot run."""
    rng = RNG(2)
    series = np.zeros((600, 2))
    for t in range(1, 600):
        series[t] = 0.6 * series[t - 1] + rng.normal(size=2) + [0, 0.8 * series[t - 1, 0]]
    data = rung.Data.from_matrix(series, ["a", "b"]).lagged(1)
    known = rung.Knowledge.lagged(["a", "b"], 1)
    found = rung.discover(data, knowledge=known)
    assert found.details["crosscheck"]["learner"] == "FCI with FisherZ"
    assert "counts" in found.details["crosscheck"]
    x = rng.normal(size=(400, 2))
    everywhere = rung.Data.from_matrix(x, ["a", "b"]).replacing(
        environment=np.repeat([0, 1], 200),
        environments=("a set", "b set"),
        targets=np.eye(2, dtype=bool),
    )
    check = rung.discover(everywhere).details["crosscheck"]
    assert check["agreement"] == []
    assert "could not be run" in check["text"]
    assert "for or against hidden causes" in check["text"]


def test_stopped_checks_say_so():
    found = rung.Discovery(rung.Graph.parse("a -> b"))
    other = rung.Discovery(rung.Graph.parse("a o-o b"), learner=rung.FCI(), complete=False)
    assert "stopped early" in compare(found, other)["text"]
    nothing = rung.Discovery(rung.Graph.parse("a; b"))
    assert "finds 1 edge" in compare(nothing, other)["text"]
