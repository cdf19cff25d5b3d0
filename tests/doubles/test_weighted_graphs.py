"""Double 8: weighted graphs with a categorical node under `counterfactual`."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.variable import Kind, Variable

MEALS = ("none", "soup", "roast")
VARIABLES = (
    Variable("hunger"),
    Variable("meal", Kind.CATEGORICAL, MEALS),
    Variable("mood"),
)
GRAPHS = [
    (rung.Graph.parse("hunger -> meal -> mood; hunger -> mood"), 0.7),
    (rung.Graph.parse("meal <- hunger -> mood"), 0.3),
]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    hunger = rng.normal(size=800)
    score = np.column_stack([np.zeros(800), hunger, 2 * hunger]) + rng.gumbel(size=(800, 3))
    meal = score.argmax(axis=1)
    mood = np.array([0.0, 1.0, 3.0])[meal] - 0.5 * hunger + 0.3 * rng.normal(size=800)
    columns = {"hunger": hunger, "meal": meal.astype(float), "mood": mood}
    return rung.Data(VARIABLES, columns)


@pytest.fixture(scope="module")
def model(data):
    return rung.fit(GRAPHS, data)


def test_it_is_an_ensemble_with_the_weights(model):
    assert isinstance(model, rung.Ensemble)
    assert sorted(weight for weight, _, _ in model.members) == pytest.approx([0.3, 0.7])


def test_meals_are_possible_ones_with_probabilities(data, model):
    units = data[:40]
    draws = rung.counterfactual(model, units, hunger=2.0)
    assert set(draws["meal"]) <= set(MEALS)
    shares = np.stack([draws.prob("meal", meal) for meal in MEALS])
    assert np.allclose(shares.sum(axis=0), 1)
    assert ((shares >= 0) & (shares <= 1 + 1e-12)).all()
    assert ((shares > 0.02) & (shares < 0.98)).any()  # the noise of a category is not known
    codes = draws.columns["meal"]
    assert np.isin(codes, [0, 1, 2]).all()


def test_more_hunger_never_turns_a_roast_into_none(data, model):
    """Rows that had the roast though hunger favoured nothing keep it when hunger favours it more.

    Under the Gumbel-max noise of a logit choice, raising the score of what was chosen more than
    the others' keeps the choice (Oberst and Sontag 2019, theorem 2).
    """
    units = data[np.nonzero((data["meal"] == "roast") & (data["hunger"] < 0.5))[0][:30]]
    draws = rung.counterfactual(model, units, hunger=3.0)
    assert (draws.prob("meal", "roast") > 0.97).all()


def test_by_graph_gives_each_graph_its_answer(data, model):
    units = data[:30]
    draws = rung.counterfactual(model, units, meal="roast")
    parts = {len(graph.edges()): (w, part) for graph, w, part in draws.by_graph()}
    assert {edges: round(w, 6) for edges, (w, _) in parts.items()} == {3: 0.7, 2: 0.3}
    # with no edge into mood, the mood of every unit is the fact
    assert np.allclose(parts[2][1]["mood"], units["mood"])
    assert not np.allclose(parts[3][1]["mood"], units["mood"], atol=0.5)
    # the point answer weighs the graphs
    mixed = 0.7 * parts[3][1]["mood"] + 0.3 * parts[2][1]["mood"]
    assert np.allclose(draws["mood"], mixed)


def test_a_level_that_is_none_is_refused_with_the_levels(data, model):
    with pytest.raises(rung.core.errors.InputError, match="'soup'"):
        rung.counterfactual(model, data[:2], meal="pudding")


def test_without_change_the_facts_return(data, model):
    units = data[:25]
    draws = rung.counterfactual(model, units)
    assert list(draws["meal"]) == list(units["meal"])
    assert np.allclose(draws["mood"], units["mood"])
