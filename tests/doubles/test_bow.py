"""Double 6: the bow graph, in which X -> Y is hopelessly confounded."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import NotIdentified, NotSupported

BOW = rung.Graph.parse("X -> Y; X <-> Y")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    hidden, x, y = rng.normal(size=(3, 300))
    x = x + hidden
    return rung.Data.from_matrix(np.column_stack([x, x + hidden + y]), "XY")


def test_the_bow_is_an_admg_with_both_edges():
    assert BOW.is_admg()
    assert not BOW.is_dag()
    assert BOW.edges() == [("X", "-->", "Y"), ("X", "<->", "Y")]


def test_fit_refuses_by_name(data):
    with pytest.raises(rung.core.errors.RungError, match="ADMG"):
        rung.fit(BOW, data)


def test_the_effect_is_not_identified_and_says_why(data):
    with pytest.raises(NotIdentified, match=r"X.*Y") as caught:
        rung.effect(BOW, data, rung.ATE("X", "Y"))
    text = str(caught.value)
    assert "<->" in text or "hidden" in text or "common cause" in text


def test_the_effect_the_other_way_is_zero_or_refused_never_a_regression(data):
    """Y is no cause of X: the honest answers are 0 and an error, not the slope of X on Y."""
    try:
        estimate = rung.effect(BOW, data, rung.ATE("Y", "X"))
    except rung.core.errors.RungError:
        return
    assert estimate.value == 0


def test_design_refuses_by_name(data):
    with pytest.raises(NotSupported, match="'X' and 'Y'"):
        rung.design(BOW, data)
