"""The entry sachs-nine: its data, its measures, its verdict; not the full run."""

import numpy as np
import pytest

import rung
from rung.bench import sachs_nine as entry
from rung.pipeline.options import learners


def test_the_three_truths_are_those_with_17_18_and_20_edges():
    counts = [len(rung.datasets.truth("sachs", version=v).edges()) for v in entry.TRUTHS]
    assert counts == [17, 18, 20]
    assert not rung.datasets.truth("sachs", version="cdt-18").is_acyclic()


def test_a_seed_is_a_resample_within_conditions():
    data, again, other = entry.cells(3), entry.cells(3), entry.cells(4)
    assert data.n == 7466
    assert np.array_equal(data.values, again.values)
    assert not np.array_equal(data.values, other.values)
    raw = rung.datasets.load("sachs")
    assert np.array_equal(np.bincount(data.environment), np.bincount(raw.environment))
    logs = np.log(raw.column("Raf")[raw.environment == 4])
    assert set(data.column("Raf")[data.environment == 4]) <= set(logs)


class Fixed:
    """Answers with one graph."""

    def __init__(self, graph):
        self.graph = graph

    def learn(self, source, *, knowledge=None, budget=None, rng=0):
        return rung.Discovery(self.graph.reorder(source.names), learner=rung.BOSS())


def test_the_measures():
    truth = rung.datasets.truth("sachs", version="cdt-18")
    told = entry.one(Fixed(truth), entry.WAYS["pooled"], 0)
    assert told["cdt-18"] == [1.0, 1.0]
    undirected = rung.Graph.from_edges([(a, "---", b) for a, _, b in truth.edges()], truth.names)
    assert entry.one(Fixed(undirected), entry.WAYS["pooled"], 0)["cdt-18"] == [1.0, 0.0]
    # of the 17 edges, 13 are among the 18 with the same direction
    other = rung.datasets.truth("sachs", version="bnlearn-17")
    same = len(set(other.directed_edges()) & set(truth.directed_edges()))
    assert entry.one(Fixed(other), entry.WAYS["pooled"], 0)["cdt-18"][1] == pytest.approx(
        2 * same / 35
    )


def test_a_refusal_is_said():
    done = entry.one(rung.FCI(), entry.WAYS["unknown targets"], 0)
    assert "DAGs or CPDAGs" in done["refused"]


def rows(gap):
    """A result in which known targets change every measure by `gap` and noise."""
    noise = np.random.default_rng(0).normal(size=20) * 0.01

    def drawn(directed):
        return {"edges": 9, "seconds": 1.0, **{v: [0.5, directed] for v in entry.TRUTHS}}

    refused = {way: [{"refused": "no"}] * 20 for way in entry.WAYS}
    known = [drawn(0.3 + gap + e) for e in noise]
    return entry.compare({**refused, "pooled": [drawn(0.3)] * 20, "known targets": known})


def test_the_verdict_asks_for_every_learner_and_truth():
    assert entry.verdict(dict.fromkeys(entry.CLAIMED, rows(0.1)))["holds"]
    mixed = {"BOSS": rows(0.1), "GIES": rows(0.0), "PC": rows(0.1)}
    found = entry.verdict(mixed)
    assert not found["holds"]
    assert sum(found["known targets above pooled"].values()) == 6
    assert rows(0.1)["known targets"]["directed above pooled, cmu-20"][0] == pytest.approx(
        0.1, abs=0.01
    )


def test_what_is_measured_and_what_is_left_out_exists():
    known = {item.__name__ for item in learners().values()}
    listed = set(entry.LEARNERS) | set(entry.LEFT_OUT)
    assert listed <= known
    assert not set(entry.LEARNERS) & set(entry.LEFT_OUT)
