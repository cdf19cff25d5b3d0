"""Knowledge is checked before it is used; budgets end work."""

from __future__ import annotations

import time

import numpy as np
import pytest

from rung.core.budget import Budget
from rung.core.errors import InputError, KnowledgeConflict, UnknownName, unknown
from rung.core.graph import Graph
from rung.core.intervention import Do, Shift, interventions
from rung.core.knowledge import Knowledge


def test_edges_tiers_and_reversals_become_matrices() -> None:
    known = Knowledge(required=("a -> b",), forbidden=(("c", "a"),), tiers=(("a",), ("b", "c")))
    required, forbidden = known.matrices(("a", "b", "c"))
    assert np.argwhere(required).tolist() == [[0, 1]]
    assert sorted(map(tuple, np.argwhere(forbidden).tolist())) == [(1, 0), (2, 0)]


@pytest.mark.parametrize(
    ("known", "says"),
    [
        (Knowledge.of(["a -> b"], ["a -> b"]), "both required and forbidden"),
        (Knowledge.of(["a -> b", "b -> c", "c -> a"]), "circle among a, b, c"),
        (Knowledge.of(["b -> a"], tiers=[["a"], ["b"]]), "both required and forbidden"),
    ],
)
def test_contradictions_are_refused(known: Knowledge, says: str) -> None:
    with pytest.raises(KnowledgeConflict, match=says):
        known.matrices(("a", "b", "c"))


def test_knowledge_of_unknown_names_and_double_tiers() -> None:
    with pytest.raises(UnknownName, match="'z'"):
        Knowledge.of(["z -> a"]).matrices(("a",))
    with pytest.raises(KnowledgeConflict, match="two tiers"):
        Knowledge.of(tiers=[["a"], ["a"]])
    with pytest.raises(KnowledgeConflict, match="write 'cause -> effect'"):
        Knowledge.of(["a to b"])


def test_violations_are_found() -> None:
    known = Knowledge.of(["a -> b"], ["b -> c"])
    assert known.violations(Graph.parse("a -> b; b <- c")) == []
    broken = known.violations(Graph.parse("b -> a; b -> c"))
    assert broken == ["a -> b is required", "b -> a is forbidden", "b -> c is forbidden"]


def test_lagged_knowledge_forbids_the_past_from_following() -> None:
    known = Knowledge.lagged(["x", "y"], 2)
    names = tuple(n for tier in known.tiers for n in tier)
    _, forbidden = known.matrices(names)
    assert forbidden[names.index("x[t]"), names.index("y[t-1]")]
    assert not forbidden[names.index("x[t-1]"), names.index("y[t]")]
    assert (("x[t-1]", "y[t]"), ("x[t-2]", "y[t-1]")) in known.ties


def test_a_budget_ends_and_its_shares_end_with_it() -> None:
    run = Budget(seconds=0.05).start()
    part = run.share(0.5)
    assert not part.spent
    time.sleep(0.06)
    assert run.spent
    assert part.spent
    with pytest.raises(InputError, match="positive"):
        Budget(seconds=0)


def test_ticks_of_a_share_fill_its_slice() -> None:
    seen: list[float] = []
    run = Budget().start(lambda done, what: seen.append(done))
    run.share(0.5, 0.25).tick(0.5)
    assert seen == [0.5]


def test_interventions_in_every_form() -> None:
    found = interventions((Shift("x", 1), {"a b": 2}), {"y": 3})
    assert [type(i) for i in found] == [Shift, Do, Do]
    assert [i.variable for i in found] == ["x", "a b", "y"]
    with pytest.raises(InputError, match="no intervention"):
        interventions((3,), {})  # type: ignore[arg-type]


def test_nearest_names_ignore_case() -> None:
    assert "'Age'" in str(unknown("AGE", ["Age", "Sex"]))


def test_ties_are_kept_whole_or_not_at_all() -> None:
    known = Knowledge(ties=((("a", "b"), ("b", "c")),))
    assert known.violations(Graph.parse("a -> b -> c")) == []
    assert known.violations(Graph.parse("a; b; c")) == []
    assert known.violations(Graph.parse("a -> b; c")) == ["b -> c is tied to edges that are there"]
