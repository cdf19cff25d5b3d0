"""Frames, arrays, mappings, Data, Parquet, JSON lines, DuckDB, and files of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rung
from rung.core.errors import InputError
from rung.io.options import Declared, Options
from rung.io.readers import read

ROWS = {
    "x": [1.5, 2.5, None, 4.5],
    "k": [3, 1, 4, 100],
    "s": ["b", "a", None, "b"],
    "t": [True, False, True, None],
}


def _pandas() -> Any:
    import pandas as pd

    return pd.DataFrame(ROWS)


def _polars() -> Any:
    import polars as pl

    return pl.DataFrame(ROWS)


def _arrow() -> Any:
    import pyarrow as pa

    return pa.table(ROWS)


def _check(data: rung.Data) -> None:
    assert data.names == ("x", "k", "s", "t")
    assert [str(v.kind) for v in data.variables] == ["continuous", "continuous", "binary", "binary"]
    assert data.variable("s").levels == ("a", "b")
    assert data.variable("t").levels == (False, True)
    assert data.mask.tolist() == [
        [False] * 4,
        [False] * 4,
        [True, False, True, False],
        [False, False, False, True],
    ]
    assert data["k"].tolist() == [3, 1, 4, 100]
    assert data["s"].tolist() == ["b", "a", None, "b"]


@pytest.mark.parametrize("make", [_pandas, _polars, _arrow])
def test_the_same_table_from_any_library(make: Any) -> None:
    _check(read(make()))


def test_lazy_polars() -> None:
    _check(read(_polars().lazy()))


def test_parquet(tmp_path: Path) -> None:
    _arrow_path = tmp_path / "t.parquet"
    _polars().write_parquet(_arrow_path)
    _check(read(_arrow_path))


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    _polars().write_ndjson(path)
    _check(read(path))


def test_duckdb(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "t.duckdb"
    with duckdb.connect(str(path)) as con:
        con.register("given", _arrow())
        con.execute("CREATE TABLE cells AS SELECT * FROM given")
        _check(read((con, "cells")))
    _check(read(f"{path}::cells"))
    _check(read(path))


def test_feather(tmp_path: Path) -> None:
    import pyarrow.feather as feather

    path = tmp_path / "t.feather"
    feather.write_feather(_arrow(), path)
    _check(read(path))


def test_excel(tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "t.xlsx"
    with pd.ExcelWriter(path) as book:
        _pandas().to_excel(book, sheet_name="first", index=False)
        pd.DataFrame({"z": [1.5, 2.5]}).to_excel(book, sheet_name="second", index=False)
    data = read(path)
    _check(data)
    assert any("sheet 'first' of 2" in note for note in data.origin.decisions)
    assert read(Declared(path, Options(sheet="second"))).names == ("z",)
    with pytest.raises(InputError, match="it has first, second"):
        read(Declared(path, Options(sheet="third")))


def _labelled() -> tuple[Any, dict[str, dict[int, str]]]:
    import pandas as pd

    frame = pd.DataFrame(
        {"sex": [1.0, 2.0, 2.0, 1.0], "pain": [3.0, 1.0, 2.0, 9.0], "w": [50.5, 61, 72, np.nan]}
    )
    return frame, {"sex": {1: "male", 2: "female"}, "pain": {1: "low", 2: "mid", 3: "high"}}


@pytest.mark.parametrize("suffix", ["dta", "sav"])
def test_labels_of_stata_and_spss_are_levels(suffix: str, tmp_path: Path) -> None:
    import pyreadstat

    frame, labels = _labelled()
    path = tmp_path / f"t.{suffix}"
    write = pyreadstat.write_dta if suffix == "dta" else pyreadstat.write_sav
    titles = ["Sex", "Pain", "Body weight (kg)"]
    write(frame, str(path), variable_value_labels=labels, column_labels=titles)
    data = read(path)
    assert data.variable("sex").levels == ("male", "female")
    assert data["sex"].tolist() == ["male", "female", "female", "male"]
    assert data["pain"].tolist() == [3, 1, 2, 9]  # 9 has no label: numbers stay numbers
    assert any("some of them labelled (1 = 'low'" in note for note in data.origin.decisions)
    assert data.variable("w").unit == "kg"
    assert data.mask[:, 2].tolist() == [False, False, False, True]
    coded = read(Declared(path, Options(missing_codes={"pain": [9]})))
    assert coded.mask[3, 1]


def test_sas_transport(tmp_path: Path) -> None:
    import pyreadstat

    path = tmp_path / "t.xpt"
    pyreadstat.write_xport(_labelled()[0], str(path))
    assert read(path)["sex"].tolist() == [1, 2, 2, 1]


def test_categories_keep_their_declared_order() -> None:
    import pandas as pd

    words = pd.Categorical(["mid", "low", "high"] * 4, ["low", "mid", "high", "top"], ordered=True)
    data = read(pd.DataFrame({"a": words, "b": pd.Categorical(["y", "x", "z"] * 4)}))
    assert data.variable("a").kind == "ordinal"
    assert data.variable("a").levels == ("low", "mid", "high")
    assert data.variable("b").levels == ("x", "y", "z")
    assert data["a"].tolist()[:3] == ["mid", "low", "high"]


def test_text_in_frames_is_read_like_text_in_files() -> None:
    data = read({"a": np.array(["12%", "13%", "15.5%"]), "b": np.array([1.5, 2.5, 9])})
    assert data["a"].tolist() == [12, 13, 15.5]
    assert data.variable("a").unit == "%"


def test_dates_of_frames() -> None:
    import pandas as pd

    data = read(pd.DataFrame({"d": pd.to_datetime(["2021-03-01 00:00", None, "2021-03-02 12:00"])}))
    assert data["d"][[0, 2]].tolist() == [0, 1.5]
    assert data.mask[:, 0].tolist() == [False, True, False]
    assert data.variable("d").unit == "days since 2021-03-01"


def test_arrays() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    assert np.array_equal(read(x).values, x)
    assert read(x).names == ("X1", "X2", "X3")
    assert read(x, names=["a", "b", "c"]).names == ("a", "b", "c")
    assert read(x[:, 0]).d == 1
    x[0, 0] = 100.0  # the data keep their own copy
    assert read(x).column("X1")[0] == 100.0


def test_data_do_not_follow_the_array() -> None:
    x = np.random.default_rng(0).normal(size=(20, 2))
    data, before = read(x), x[3, 1]
    x[3, 1] = 50.0
    assert data.values[3, 1] == before


def test_columns_with_a_shape() -> None:
    images = np.random.default_rng(0).normal(size=(10, 4, 4))
    data = read({"image": images, "y": np.arange(10) * 0.5})
    assert data.variable("image").shape == (4, 4)
    assert np.array_equal(data.column("image"), images)


def test_roles() -> None:
    frame = {
        "x": np.arange(6) * 0.5,
        "y": np.array([3.5, 1, 2, 2, 7, 1]),
        "who": np.array(["p2", "p1", "p1", "p2", "p3", "p3"]),
        "arm": np.array(["b", "a", "a", "b", "c", "c"]),
        "day": np.array(["2020-01-02", "2020-01-01"] * 3),
        "w": np.array([1, 2, 1, 1, 0.5, 1]),
    }
    data = read(
        frame, environment="arm", targets={"b": "x", "c": ["x", "y"]}, unit="who", time="day",
        weights="w", missing=rung.CompleteCases(),
    )  # fmt: skip
    assert data.names == ("x", "y")
    assert data.environments == ("a", "b", "c")
    assert data.environment.tolist() == [1, 0, 0, 1, 2, 2]
    assert data.targets.tolist() == [[False, False], [True, False], [True, True]]
    assert data.unit.tolist() == [1, 0, 0, 1, 2, 2]
    assert data.time.tolist() == [1, 0, 1, 0, 1, 0]
    assert data.weights.tolist() == [1, 2, 1, 1, 0.5, 1]
    assert data.clustered


def test_roles_of_numbers() -> None:
    data = read({"x": np.arange(4) * 0.5, "e": np.array([2, 10, 2, 10])}, environment="e")
    assert data.environments == ("2", "10")
    assert data.environment.tolist() == [0, 1, 0, 1]


def test_identifier_text_as_environment() -> None:
    names = np.array([f"site {i}" for i in range(30)])
    data = read({"x": np.arange(30) * 0.5, "e": names}, environment="e")
    assert [data.environments[i] for i in data.environment] == names.tolist()


def test_data_pass_with_overrides() -> None:
    data = rung.datasets.load("sachs")
    assert read(data) is data or read(data).sha256 == data.sha256
    part = read(data, names=["Raf", "Mek"], missing=rung.TestWise())
    assert part.names == ("Raf", "Mek")
    assert part.environments == data.environments
    assert part.targets.shape == (9, 2)
    small = read({"a": [0, 1, 2, 3] * 10, "b": np.arange(40) * 0.3, "u": [1, 2] * 20})
    assert small.variable("a").kind == "ordinal"
    other = read(small, kinds={"a": "continuous", "b": "continuous"}, unit="u")
    assert other["a"].tolist() == small["a"].tolist()
    assert other.variable("a").levels is None
    assert other.names == ("a", "b")
    assert other.unit.tolist() == [0, 1] * 20
    assert read(other, kinds={"a": "categorical"}).variable("a").levels == (0, 1, 2, 3)


def test_codes_of_levels_declared_missing() -> None:
    data = read({"a": ["x", "dk", "y", "dk"], "b": [1.5, 2, 3, 9]})
    again = read(Declared(data, Options(missing_codes={"a": ["dk"]})))
    assert again.variable("a").levels == ("x", "y")
    assert again.mask[:, 0].tolist() == [False, True, False, True]


def test_shipped_names() -> None:
    assert read("sachs").d == 11
    assert rung.read("asia").d == 8


def test_types_of_pandas() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "i": pd.array([1, None, 30, 5], dtype="Int64"),
            "b": pd.array([True, None, False, True], dtype="boolean"),
            "s": pd.array(["x", None, "y", "z"], dtype="string"),
            "f": pd.array([1.5, None, 2, 3], dtype="Float64"),
        }
    )
    data = read(frame)
    assert data.mask.tolist() == [[False] * 4, [True] * 4, [False] * 4, [False] * 4]
    assert data["i"][[0, 2, 3]].tolist() == [1, 30, 5]
    assert data.variable("s").levels == ("x", "y", "z")


def test_names_that_are_numbers_and_an_index() -> None:
    import pandas as pd

    data = read(pd.DataFrame({0: [1.5, 2.5, 3], 1: [1.5, 9, 2]}, index=["u", "v", "w"]))
    assert data.names == ("0", "1")
    assert any("index of the frame was left out" in note for note in data.origin.decisions)
    assert read(pd.Series([1.5, 2.5, 4], name="q")).names == ("q",)


def test_types_of_polars_and_arrow() -> None:
    import datetime as dt
    import decimal

    import polars as pl
    import pyarrow as pa

    scale = pl.Enum(["lo", "mid", "hi"])
    data = read(
        pl.DataFrame(
            {
                "e": pl.Series(["lo", "hi", "mid"], dtype=scale),
                "d": [dt.date(2020, 1, 1), None, dt.date(2020, 2, 1)],
                "u": [dt.timedelta(days=1), dt.timedelta(hours=6), None],
                "c": [decimal.Decimal("1.5"), decimal.Decimal("2.5"), decimal.Decimal(4)],
            }
        )
    )
    assert (data.variable("e").kind, data.variable("e").levels) == ("ordinal", ("lo", "mid", "hi"))
    assert data["d"][[0, 2]].tolist() == [0, 31]
    assert data["u"][:2].tolist() == [1, 0.25]
    assert data.variable("u").unit == "days"
    assert data["c"].tolist() == [1.5, 2.5, 4]
    words = pa.array(["y", "x", "y", "z"]).dictionary_encode()
    assert read(pa.table({"a": words}))["a"].tolist() == ["y", "x", "y", "z"]


def test_codes_among_categories_declared_missing() -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": pd.Categorical(["x", "dk", "y", "x"])})
    data = read(Declared(frame, Options(missing_codes=["dk"])))
    assert data.variable("a").levels == ("x", "y")
    assert data.mask[:, 0].tolist() == [False, True, False, False]


def test_lists_and_records() -> None:
    assert read([[1, 2.5], [3, 4], [5, 7]]).values.tolist() == [[1, 2.5], [3, 4], [5, 7]]
    rows = np.array([(1.5, "a"), (2.5, "b"), (4, "a")], dtype=[("x", "f8"), ("s", "U3")])
    assert read(rows)["s"].tolist() == ["a", "b", "a"]


def test_a_relation_of_duckdb() -> None:
    import duckdb

    with duckdb.connect() as con:
        found = con.sql("SELECT 1.5 AS a, 'x' AS b UNION ALL SELECT 2.5, 'y' ORDER BY a")
        assert read(found)["b"].tolist() == ["x", "y"]
