"""Data, variables, missing policies, lags, sites."""

from __future__ import annotations

import numpy as np
import pytest

from rung.core.data import Data
from rung.core.errors import InputError, MissingCells, UnknownName
from rung.core.missing import CompleteCases, TestWise, complete
from rung.core.site import Column
from rung.core.variable import Kind, Variable


def small() -> Data:
    return Data(
        (
            Variable("dose", unit="mg"),
            Variable("arm", Kind.CATEGORICAL, ("a", "b", "c")),
            Variable("dead", Kind.BINARY, (0, 1)),
        ),
        {
            "dose": np.array([1.0, 2.0, 3.0, 4.0]),
            "arm": np.array([0.0, 2.0, 1.0, 0.0]),
            "dead": np.array([1.0, 0.0, 0.0, 1.0]),
        },
        environment=np.array([0, 0, 1, 1]),
        environments=("control", "drug"),
        targets=np.array([[False, False, False], [True, False, False]]),
        unit=np.array([7, 7, 8, 9]),
    )


def test_a_column_comes_back_in_the_users_own_values() -> None:
    data = small()
    assert data["arm"].tolist() == ["a", "c", "b", "a"]
    assert data["dead"].tolist() == [1, 0, 0, 1]
    np.testing.assert_array_equal(data.matrix(["dead", "dose"]), [[1, 1], [0, 2], [0, 3], [1, 4]])


def test_rows_and_columns_keep_what_belongs_to_them() -> None:
    data = small()
    last = data[2:]
    assert last["arm"].tolist() == ["b", "a"]
    assert last.unit is not None
    assert last.unit.tolist() == [8, 9]
    assert data[data["dead"] == 1].n == 2
    assert data[-1]["dose"].tolist() == [4.0]
    part = data[["dead", "dose"]]
    assert part.targeting("dose").tolist() == [False, False, True, True]
    assert part.targeting("dead").tolist() == [False] * 4


def test_data_are_frozen_and_independent_of_the_callers_array() -> None:
    mine = np.ones((3, 1))
    data = Data.from_matrix(mine, ["x"])
    mine[:] = 5
    assert data["x"].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        data.column("x")[0] = 2


def test_an_unknown_column_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="nearest: 'dose'"):
        small()["Dosis"]
    with pytest.raises(InputError, match="row 9 of 4"):
        small()[9]


def test_levels_that_are_not_there_are_refused() -> None:
    arm = small().variable("arm")
    assert arm.encode(["c", "a"]).tolist() == [2.0, 0.0]
    with pytest.raises(InputError, match="'z' is not a level of 'arm'"):
        arm.encode("z")
    with pytest.raises(InputError, match="not finite"):
        small().variable("dose").encode(float("inf"))


def test_missing_cells_need_a_policy() -> None:
    x = np.array([1.0, np.nan, 3.0])
    data = Data.from_matrix(np.column_stack([x, [1.0, 2.0, 3.0]]), ["x", "y"])
    assert data.mask.tolist() == [[False, False], [True, False], [False, False]]
    with pytest.raises(MissingCells, match="CompleteCases"):
        complete(data)
    with pytest.raises(MissingCells):
        data.moments()
    dropped = complete(data.replacing(missing=CompleteCases()))
    assert dropped["y"].tolist() == [1.0, 3.0]
    testwise = data.replacing(missing=TestWise())
    assert testwise.rows(["y"]).ravel().tolist() == [1.0, 2.0, 3.0]
    assert testwise.rows(["x"]).ravel().tolist() == [1.0, 3.0]


def test_the_hash_sees_cells_kinds_and_roles() -> None:
    data = small()
    assert data.sha256 == small().sha256
    assert data.sha256 != data.take(np.array([1, 0, 2, 3])).sha256
    assert data.sha256 != data.replacing(unit=None).sha256
    assert data.sha256 != data.renamed({"dose": "Dose"}).sha256


def test_lags_stay_inside_a_unit_and_follow_time() -> None:
    data = Data.from_matrix(np.array([[10.0], [30.0], [20.0], [1.0], [2.0]]), ["x"])
    data = data.replacing(time=np.array([1.0, 3.0, 2.0, 1.0, 2.0]), unit=np.array([0, 0, 0, 1, 1]))
    found = data.lagged(1)
    assert found.names == ("x[t-1]", "x[t]")
    np.testing.assert_array_equal(found.values, [[10, 20], [20, 30], [1, 2]])
    with pytest.raises(InputError, match="more than 5 rows"):
        data.lagged(5)


def test_bad_shapes_are_named() -> None:
    with pytest.raises(InputError, match="two columns are named 'x'"):
        Data.from_matrix(np.ones((2, 2)), ["x", "x"])
    with pytest.raises(InputError, match="column 'y' has shape"):
        Data((Variable("x"), Variable("y")), {"x": np.ones(3), "y": np.ones(2)})
    with pytest.raises(InputError, match="unit has 2 entries for 3 rows"):
        Data.from_matrix(np.ones((3, 1)), ["x"]).replacing(unit=np.array([1, 2]))


def test_a_column_is_an_exact_lens() -> None:
    values = {"x": np.array([1.0, 2.0]), "y": np.array([3.0, 4.0])}
    site, v, w = Column("x"), np.array([5.0, 6.0]), np.array([7.0, 8.0])
    np.testing.assert_array_equal(site.read(site.write(values, v)), v)
    assert site.write(values, site.read(values)) == values
    once, twice = site.write(values, w), site.write(site.write(values, v), w)
    assert all((once[k] == twice[k]).all() for k in once)


@pytest.mark.parametrize(
    "key", [[True, False], 1.5, [0.5], [[0, 1]], [0, 99], [-99], np.ones((2, 2), dtype=bool)]
)
def test_rows_that_are_none_are_refused(key):
    data = Data.from_matrix(np.arange(6.0).reshape(3, 2))
    with pytest.raises(InputError, match=r"row|mask"):
        data[key]


def test_rows_count_from_the_end_too():
    data = Data.from_matrix(np.arange(6.0).reshape(3, 2), ["a", "b"])
    assert data[[-1, 0]]["a"].tolist() == [4, 0]
    assert data[[]].n == 0
    assert data[np.array([False, True, False])]["a"].tolist() == [2]


def test_lags_stay_within_an_environment_and_keep_its_targets():
    data = Data(
        (Variable("a"), Variable("b")),
        {"a": np.arange(6.0), "b": np.arange(6.0)},
        environment=np.array([0, 0, 0, 1, 1, 1]),
        environments=("rest", "push"),
        targets=np.array([[False, False], [False, True]]),
    )
    lagged = data.lagged(1)
    assert lagged["a[t]"].tolist() == [1, 2, 4, 5]  # not 3, whose past was another condition
    assert lagged.environment.tolist() == [0, 0, 1, 1]
    assert lagged.targeting("b[t]").tolist() == [False, False, True, True]
    assert lagged.targeting("b[t-1]").tolist() == [False, False, True, True]
    assert not lagged.targeting("a[t]").any()
