"""What sites agree on before a round: columns, kinds, levels; and numbers as integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.core.data import Data
from rung.core.errors import InputError, RungError
from rung.core.variable import Kind, Variable
from rung.discovery import BOSS, SummedMoments
from rung.federation import Settings
from rung.federation.columns import SiteProblem, conform, settle
from rung.federation.fixed_point import FixedPoint
from rung.federation.records import read_variables, write_variables

X = Variable("x")
C = Variable("x", Kind.COUNT)
FLAT = Variable("x", Kind.CONSTANT)
BIT = Variable("x", Kind.BINARY, (0, 1))
THREE = Variable("x", Kind.ORDINAL, (0, 1, 2))
RED = Variable("x", Kind.BINARY, ("blue", "red"))
GREEN = Variable("x", Kind.CATEGORICAL, ("blue", "green", "red"))


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        (X, C, X),
        (C, C, C),
        (C, FLAT, C),
        (FLAT, FLAT, X),
        (X, BIT, X),
        (X, THREE, X),
        (BIT, THREE, THREE),
        (RED, GREEN, Variable("x", Kind.CATEGORICAL, ("blue", "green", "red"))),
        (RED, Variable("x", Kind.BINARY, ("red", "blue")), RED),
        (RED, FLAT, RED),
    ],
)
def test_kinds_that_can_be_reconciled_are(a: Variable, b: Variable, wanted: Variable) -> None:
    assert settle({"one": [a], "two": [b]}) == (wanted,)
    assert settle({"two": [b], "one": [a]}) == (wanted,)


def test_columns_that_differ_are_named_with_the_site() -> None:
    with pytest.raises(InputError, match=r"two has no column 'y'.*one has no column 'z'"):
        settle({"one": [X, Variable("y")], "two": [X, Variable("z")]})
    with pytest.raises(InputError, match=r"'x' is continuous at one, categorical at two"):
        settle({"one": [X], "two": [GREEN]})
    with pytest.raises(InputError, match=r"'x' is in cm at one, in m at two"):
        settle({"one": [Variable("x", unit="cm")], "two": [Variable("x", unit="m")]})


def test_the_order_of_columns_is_theirs_if_they_agree_and_by_name_if_not() -> None:
    a, b = Variable("b"), Variable("a")
    assert [v.name for v in settle({"one": [a, b], "two": [a, b]})] == ["b", "a"]
    assert [v.name for v in settle({"one": [a, b], "two": [b, a]})] == ["a", "b"]


def test_a_site_conforms_to_what_was_settled_and_keeps_its_missing_cells() -> None:
    data = Data.from_matrix([[0.0, 1.0], [np.nan, 0.0], [1.0, 1.0]],
                            variables=[RED, Variable("k", Kind.BINARY, (3, 5))])  # fmt: skip
    out = conform(data, [Variable("k"), GREEN])
    assert out.names == ("k", "x")
    np.testing.assert_array_equal(out.column("k"), [5.0, 3.0, 5.0])
    np.testing.assert_array_equal(out.column("x"), [0.0, np.nan, 2.0])


def test_a_site_names_columns_and_no_values() -> None:
    data = Data.from_matrix([[0.0], [1.0]], variables=[Variable("x", Kind.BINARY, ("p", "secret"))])
    for wanted in (GREEN, X):
        with pytest.raises(SiteProblem, match="'x'") as caught:
            conform(data, [wanted])
        assert "secret" not in str(caught.value)
    with pytest.raises(SiteProblem, match="no column 'y'"):
        conform(data, [Variable("y")])


def test_variables_survive_the_wire() -> None:
    sent = (X, C, BIT, RED, GREEN, Variable('odd "name"; ü', unit="°C"))
    assert read_variables(write_variables(sent)) == sent


@given(
    st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=5),
    st.sampled_from([FixedPoint(2.0**17, 1), FixedPoint(2.0**20, 2), FixedPoint()]),
)
def test_the_sum_of_encoded_numbers_is_within_half_a_step_for_each(
    values: list[float], numbers: FixedPoint
) -> None:
    coded = [numbers.encode(np.array([v])) for v in values]
    assert all(np.all(np.abs(word) <= 1) for words in coded for word in words)
    assert all(float(w[0] * 2**29).is_integer() for words in coded for w in words)
    sums = [np.sum([words[k] for words in coded], axis=0) for k in range(numbers.words)]
    exact = sum(map(Fraction, values))
    off = abs(Fraction(float(numbers.decode(sums)[0])) - exact)
    rounding = Fraction(float(np.spacing(np.sum(np.abs(values)) + 1e-300)) * numbers.words)
    assert off <= len(values) * Fraction(numbers.step) / 2 + rounding


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "not finite"), (np.inf, "not finite"), (2.0**60, "public range")]
)
def test_a_number_that_cannot_be_coded_is_refused_without_being_named(
    value: float, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        FixedPoint().encode(np.array([1.0, value]))


def test_settings_survive_the_wire_and_name_what_is_wrong() -> None:
    sent = Settings("pc:alpha=0.01", sites=4, minimum=3, secure=True, drop=("id",),
                    tiers=(("a", "b"), ("c",)), require=("a -> c",))  # fmt: skip
    assert Settings.of(sent.text()) == sent
    assert sent.knowledge().required == (("a", "c"),)
    assert Settings("boss").method() == SummedMoments(BOSS())
    assert Settings("summed-moments:rounds=1").method() == SummedMoments(rounds=1)
    for bad, words in [
        ({"sites": 4, "minimum": 2, "secure": True}, "minimum=2"),
        ({"minimum": 3}, "minimum=3"),
        ({"timeout": 0}, "timeout"),
        ({"missing": "guess"}, "missing"),
        ({"clip": 3.0}, "power of two"),
        ({"words": 0}, "words=0"),
    ]:
        with pytest.raises(InputError, match=words):
            Settings(**bad)
    with pytest.raises(RungError, match="nearest: 'boss'"):
        Settings("bos").method()
    with pytest.raises(InputError, match="unknown setting 'colour'"):
        Settings.of('{"colour": 1}')
