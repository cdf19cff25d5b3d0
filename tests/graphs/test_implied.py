"""Implied independences: they hold, every pair that can be parted has one, textbook cases."""

from itertools import combinations

import numpy as np
import pytest

import rung
from rung.core.errors import InputError
from rung.graphs import implied_independences, m_separated

from .brute import random_admg, random_dag, subsets


def said(text):
    return {str(one) for one in implied_independences(rung.Graph.parse(text))}


def test_a_dag_says_each_node_is_independent_of_non_descendants_given_parents():
    assert said("a -> b -> c; d") == {
        "a _||_ d", "b _||_ d | a", "c _||_ a | b", "c _||_ d | b", "d _||_ a", "d _||_ b",
        "d _||_ c",
    }  # fmt: skip


def test_two_instruments_of_a_confounded_pair():
    assert said("z -> a; w -> b; a <-> b") == {
        "z _||_ w", "w _||_ z", "z _||_ b", "b _||_ z | w", "w _||_ a", "a _||_ w | z",
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_statements_hold_and_every_pair_that_can_be_parted_has_one(seed):
    rng = np.random.default_rng(seed)
    graph = random_admg(rng, 5, 0.3, 0.25) if seed % 3 else random_dag(rng, 5, 0.4)
    found = implied_independences(graph)
    assert all(m_separated(graph, one.x, one.y, one.given) for one in found)
    spoken = {frozenset((one.x, one.y)) for one in found}
    for x, y in combinations(graph.names, 2):
        rest = [n for n in graph.names if n not in (x, y)]
        apart = any(m_separated(graph, x, y, given) for given in subsets(rest))
        assert apart == (frozenset((x, y)) in spoken)


def test_classes_answer_by_a_member_and_cycles_are_refused():
    assert said("a -- b -- c") in (
        {"a _||_ c | b"},
        {"c _||_ a | b"},
        {"a _||_ c | b", "c _||_ a | b"},
    )
    pag = rung.graphs.pag(rung.Graph.parse("a -> c <- b; c -> d"))
    assert {"a _||_ b", "b _||_ a", "d _||_ a | c", "d _||_ b | c"} == {
        str(one) for one in implied_independences(pag)
    }
    with pytest.raises(InputError, match="cycle"):
        implied_independences(rung.Graph.parse("a -> b; b -> c; c -> a"))
