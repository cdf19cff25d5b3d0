"""The evidence of causal de Finetti: scores by hand, a verdict that can fail, its pictures."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import rung
from rung.bench import causal_de_finetti as entry
from rung.bench.group_pictures import draw

ONE = np.array([[0.0, 1.0], [0.0, 0.0]])
NONE, BOTH = np.zeros((2, 2)), np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("text", "truth", "right", "way"),
    [
        ("a -> b", ONE, 1.0, 1.0),
        ("a <- b", ONE, 0.0, 0.0),
        ("a -- b", ONE, 0.5, 0.5),
        ("a; b", ONE, 0.0, None),
        ("a; b", NONE, 1.0, None),
        ("a -- b", NONE, 0.0, None),
        ("a <-> b", ONE, 0.0, 0.5),
        ("a <-> b", BOTH, 1.0, None),
        ("a -> b", BOTH, 0.0, None),
        ("a -- b", BOTH, 0.0, None),
    ],
)
def test_scores_of_two(text, truth, right, way):
    found = entry.score(rung.Graph.parse(text, ["a", "b"]), truth)
    assert found["score"] == right
    assert found.get("direction") == way


@pytest.mark.parametrize(
    ("text", "distance"),
    [
        ("a -> b; b -> c", 0.0),
        ("a -> b; b -- c", 1 / 4),  # half an edge is missing, half of a wrong one there
        ("a -> b; c", 1 / 3),
        ("a -> b; c -> b", 2 / 4),
        ("a; b; c", 1.0),
        ("a <- b <- c", 1.0),
    ],
)
def test_distances(text, distance):
    truth = np.array([[0.0, 1, 0], [0, 0, 1], [0, 0, 0]])
    found = entry.score(rung.Graph.parse(text, ["a", "b", "c"]), truth)
    assert found["score"] == pytest.approx(distance)
    assert entry.score(rung.Graph.empty(["a", "b", "c"]), np.zeros((3, 3)))["score"] == 0.0


def test_worlds_have_the_graph_they_say():
    """Rows of a drawn graph: columns that are not joined by a path are uncorrelated."""
    for world in entry.WORLDS:
        for seed in range(6):
            X, truth = world.draw(np.random.default_rng(seed), 4000, 2, world.d)
            assert X.shape == (world.d, 4000, 2)
            both = truth.sum() > 1 and world.d == 2
            assert both or rung.Graph.from_adjacency(truth).is_dag()
            moral = truth + truth.T
            reach = np.linalg.matrix_power(np.eye(world.d) + moral, world.d) > 0
            r = np.corrcoef(X[:, :, 0])
            assert (np.abs(r[~reach]) < 0.08).all()


def test_a_small_run_is_stored_drawn_and_can_fail(tmp_path, monkeypatch):
    small = [w for w in entry.WORLDS if w.name in ("two, lines", "four answers", "levels, 3")]
    small = [dataclasses.replace(w, groups=(60, 300), rows=(2,)) for w in small]
    monkeypatch.setattr(entry, "WORLDS", tuple(small))
    row = entry.run(3, progress=tmp_path / "progress.jsonl")
    assert row.figures == entry.run(3, progress=tmp_path / "progress.jsonl").figures
    assert [r["world"] for r in row.figures["settings"]] == [w.name for w in small for _ in "ab"]
    worse = json.loads(json.dumps(row.figures["settings"]))
    for r in worse:
        r["scores"][entry.OURS] = [0.5, 0.4, 0.6]
        r["differences"] = {name: [0.0, -0.1, 0.1] for name in r["differences"]}
        r["directions"] = {name: [0.9, 0.8, 1.0] for name in r["directions"]}
    assert not any(v for k, v in entry.verdict(worse).items() if k.startswith("holds"))

    assert draw(tmp_path / "images", tmp_path) == []
    settings = [{**r, "world": "levels, 5" if r["d"] > 2 else r["world"]} for r in worse]
    (tmp_path / "causal-de-finetti.json").write_text(
        json.dumps({"figures": {"settings": settings}})
    )
    drawn = draw(tmp_path / "images", tmp_path)
    assert len(drawn) == 2
    for file in drawn:
        text = file.read_text("utf-8")
        assert text.count("<circle") == 2 * 5  # two sizes, five methods
        assert "NOTEARS" in text
