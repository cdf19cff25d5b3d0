"""One table: every bad input is a clear error that names what to do, or a declared policy."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rung
from rung.core.errors import (
    FileProblem,
    InputError,
    MissingCells,
    MissingExtra,
    NotSupported,
    UnknownName,
)
from rung.io.options import Csv, Declared, Options
from rung.io.readers import read, suspicions
from rung.io.store import load, save

Case = tuple[Callable[[Path], Any], type[Exception], str]


def _file(text: str | bytes, name: str = "t.csv") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return make


def _reading(text: str | bytes, name: str = "t.csv", **how: Any) -> Callable[[Path], Any]:
    make = _file(text, name)
    return lambda folder: read(make(folder), **how)


def _cut_parquet(folder: Path) -> Any:
    import pandas as pd

    path = folder / "t.parquet"
    pd.DataFrame({"a": np.arange(1000.0)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:2000])
    return read(path)


def _cut_gzip(folder: Path) -> Any:
    import gzip

    path = folder / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + os.urandom(2000).hex().encode())[:-20])
    return read(path)


def _cut_workbook(folder: Path) -> Any:
    import pandas as pd

    path = folder / "t.xlsx"
    pd.DataFrame({"a": [1.0, 2.0]}).to_excel(path, index=False)
    path.write_bytes(path.read_bytes()[:1000])
    return read(path)


def _near(folder: Path) -> Any:
    (folder / "cells.csv").write_text("a,b\n1,2\n")
    return read(folder / "cels.csv")


def _database(folder: Path) -> Any:
    import duckdb

    with duckdb.connect(str(folder / "t.duckdb")) as con:
        con.execute("CREATE TABLE people AS SELECT 1 AS a")
        con.execute("CREATE TABLE places AS SELECT 1 AS a")
    return folder / "t.duckdb"


def _frame(**columns: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)


def _twice() -> Any:
    import pandas as pd

    return pd.DataFrame(np.ones((3, 2)), columns=["x", "x"])


GOOD = "a,b,g\n1.5,2,u\n2.5,1,v\n4.5,7,u\n"

CASES: dict[str, Case] = {
    # files
    "no such file": (_near, FileProblem, "nearest: 'cells.csv'"),
    "no such data set": (
        lambda f: read("sachz"),
        FileProblem,
        "nearest shipped data sets: 'sachs'",
    ),
    "a directory": (lambda f: (_file(GOOD)(f), read(f))[1], FileProblem, "is a directory; name"),
    "empty file": (_reading(""), FileProblem, "is empty (0 bytes)"),
    "blank file": (_reading("  \n \n"), FileProblem, "nothing but blanks"),
    "header only": (_reading("a,b\n"), InputError, "declare header=False"),
    "binary file": (_reading(bytes(range(256)) * 9), FileProblem, "is a binary file"),
    "a PDF": (_reading(b"%PDF-1.7 text"), FileProblem, "a PDF document, not a text table"),
    "a workbook called csv": (_reading(b"PK\x03\x04rest"), FileProblem, "an Excel file (.xlsx)"),
    "undecidable encoding": (
        _reading(b"a,b\n" + bytes([1, 200, 129, 190, 7, 152]) * 9 + b",2\n"),
        FileProblem,
        "Say which: rung.io.Csv(path, encoding=",
    ),
    "wrong encoding declared": (
        lambda f: read(Csv(_file("a,b\n1,é\n".encode("cp1252"))(f), encoding="utf-8")),
        FileProblem,
        "leave encoding= out to have it detected",
    ),
    "wrong encoding past the sample": (
        lambda f: read(
            Csv(_file(b"a,b\n" + b"1,2\n" * 300_000 + b"1,\xe9\n")(f), encoding="utf-8")
        ),
        FileProblem,
        "declare encoding=",
    ),
    "open quote": (
        _reading('a,b\n1,2\n3,"4\n5,6\n'),
        FileProblem,
        "line 3: a quoted cell is opened",
    ),
    "row too short": (
        _reading("a,b,c\n1,2,3\n4,5\n6,7,8\n"),
        FileProblem,
        "line 3: 2 cells where 3",
    ),
    "row too long": (_reading("a,b\n1,2\n3,4,5\n"), FileProblem, "line 3: 3 cells where 2"),
    "cut off in the last line": (
        _reading("a,b,c\n" + "1,2,3\n" * 50 + "4,5"),
        FileProblem,
        "line 52: 2 cells where 3",
    ),
    "short row after a long cell": (
        _reading('a,b\n1,"x\ny\nz"\n3\n'),
        FileProblem,
        "line 5: 1 cells where 2",
    ),
    "truncated parquet": (_cut_parquet, FileProblem, "truncated, damaged or of another format"),
    "truncated gzip": (_cut_gzip, FileProblem, "truncated gzip file"),
    "truncated workbook": (_cut_workbook, FileProblem, "export it again, as CSV or Parquet"),
    "damaged JSON lines": (
        _reading('{"a": 1}\n{"a": \n', "t.jsonl"),
        FileProblem,
        "cannot be read as JSON lines",
    ),
    "not a database": (_reading("a,b\n1,2\n", "t.duckdb"), FileProblem, "as a DuckDB database"),
    "database without a table name": (lambda f: read(_database(f)), InputError, "t.duckdb::table'"),
    "no such table": (
        lambda f: read(f"{_database(f)}::peopel"),
        UnknownName,
        "nearest: 'people'",
    ),
    # columns
    "duplicate names": (
        _reading("a,b,a\n1,2,3\n"),
        InputError,
        "columns are named 'a' (columns 1, 3)",
    ),
    "duplicate names in a frame": (
        lambda f: read(_twice()),
        InputError,
        "two columns are named 'x'",
    ),
    "duplicate names of an array": (
        lambda f: read(np.ones((3, 2)), names=["x", "x"]),
        InputError,
        "two columns are named 'x'",
    ),
    "names of another number": (
        lambda f: read(np.ones((3, 2)), names=["x"]),
        InputError,
        "1 names for 2 columns",
    ),
    "array of three axes": (
        lambda f: read(np.ones((3, 2, 2))),
        InputError,
        "mapping of name to array",
    ),
    "no such environment": (
        _reading(GOOD, environment="gg"),
        UnknownName,
        "unknown environment column 'gg'; nearest: 'g'",
    ),
    "no such unit": (_reading(GOOD, unit="h"), UnknownName, "unknown unit column 'h'"),
    "no such weights": (_reading(GOOD, weights="w"), UnknownName, "unknown weights column 'w'"),
    "no such time": (_reading(GOOD, time="t"), UnknownName, "unknown time column 't'"),
    "no such column kept": (_reading(GOOD, names=["a", "bb"]), UnknownName, "nearest: 'b'"),
    "no such column in kinds": (
        _reading(GOOD, kinds={"A": "count"}),
        UnknownName,
        "nearest: 'a'",
    ),
    "no such kind": (
        _reading(GOOD, kinds={"a": "contiuous"}),
        UnknownName,
        "nearest: 'continuous'",
    ),
    "no such column in missing codes": (
        lambda f: read(Csv(_file(GOOD)(f), missing_codes={"x": [1]})),
        UnknownName,
        "unknown column 'x'",
    ),
    "no such condition in targets": (
        _reading(GOOD, environment="g", targets={"w": "a"}),
        UnknownName,
        "condition in targets",
    ),
    "no such target": (
        _reading(GOOD, environment="g", targets={"v": "c"}),
        UnknownName,
        "unknown variable 'c'",
    ),
    "targets without environment": (
        _reading(GOOD, targets={"v": "a"}),
        InputError,
        "targets need environment=",
    ),
    "all columns have a role": (
        _reading("g\nu\nv\n", environment="g"),
        InputError,
        "no column is left",
    ),
    "missing environment cell": (
        _reading("a,g\n1,u\n2,\n3,v\n", environment="g"),
        InputError,
        "missing in 1 rows, the first is row 1",
    ),
    "negative weights": (
        _reading("a,w\n1,1\n2,-1\n3,2\n", weights="w"),
        InputError,
        "must be at least 0",
    ),
    "time of words": (
        _reading("a,t\n1,early\n2,late\n3,early\n", time="t"),
        InputError,
        "expected numbers or dates",
    ),
    # cells
    "infinity in a file": (
        _reading("a,b\n1,2\n2,inf\n3,4\n"),
        InputError,
        "'b' holds 1 infinite values, the first in row 1",
    ),
    "infinity in an array": (
        lambda f: read(np.array([[1.0, 2.0], [np.inf, 3.0], [2.0, 5.0]])),
        InputError,
        "declare them missing",
    ),
    "words in a count": (
        _reading("a\n1\n2\nx\n4\n5\n", kinds={"a": "count"}),
        InputError,
        "'x' is not a number",
    ),
    "halves in a count": (
        _reading("a\n1.5\n2\n3\n", kinds={"a": "count"}),
        InputError,
        "not 0, 1, 2",
    ),
    "three levels as binary": (
        _reading("a\nx\ny\nz\n", kinds={"a": "binary"}),
        InputError,
        "needs 2 levels",
    ),
    "a level that is not listed": (
        _reading("a\nx\ny\nz\n", kinds={"a": ["x", "y"]}),
        InputError,
        "list every level",
    ),
    "dates of another form": (
        lambda f: read(Csv(_file("a,d\n1,2020-01-05\n2,soon\n")(f), dates={"d": "%Y-%m-%d"})),
        InputError,
        "are not dates of the form",
    ),
    "lists in cells": (lambda f: read(_frame(a=[[1], [2]])), InputError, "leave it out"),
    "complex numbers": (lambda f: read({"a": np.array([1j, 2])}), InputError, "split it into two"),
    "columns of differing lengths": (
        lambda f: read({"a": np.ones(3), "b": np.ones(2)}),
        InputError,
        "differing lengths: 'a' 3, 'b' 2",
    ),
    "no rows in a frame": (lambda f: read(_frame(a=[], b=[])), InputError, "at least one row"),
    "not a table": (lambda f: read(3.5), InputError, "expected a path"),
    # policies
    "missing cells met by a verb": (
        lambda f: read(_frame(a=[1.0, None, 3.0], b=[1.0, 2.0, 2.5])).moments(),
        MissingCells,
        "rung.CompleteCases()",
    ),
    "every row incomplete": (
        lambda f: read(
            _frame(a=[1.0, None], b=[None, 2.0]), missing=rung.CompleteCases()
        ).moments(),
        MissingCells,
        "no row is complete",
    ),
    "a column missing throughout": (
        lambda f: read(_frame(a=[1.0, 2.0], b=[None, None])).moments(),
        MissingCells,
        "b 100.0%",
    ),
    # options
    "delimiter of two characters": (lambda f: Options(delimiter=";;"), InputError, "one character"),
    "decimal and thousands the same": (
        lambda f: Options(decimal=",", thousands=","),
        InputError,
        "must differ",
    ),
    "no such encoding": (lambda f: Options(encoding="utf-99"), InputError, "unknown encoding"),
    # stored results
    "save into no directory": (
        lambda f: save(rung.Graph.parse("A -> B"), f / "no" / "g.rung"),
        FileProblem,
        "make it first",
    ),
    "save a function": (
        lambda f: save(rung.Policy("a", lambda z: z, ("z",)), f / "p.rung"),
        NotSupported,
        "is a function, which cannot be saved",
    ),
    "load what is not there": (lambda f: load(f / "x.rung"), FileProblem, "save a result with"),
    "load a text": (lambda f: load(_file("hello", "x.rung")(f)), FileProblem, "not written by"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, tmp_path: Path) -> None:
    action, error, advice = CASES[name]
    with pytest.raises(error) as caught:
        action(tmp_path)
    assert advice in str(caught.value)
    assert isinstance(caught.value, rung.core.errors.RungError)


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(GOOD)(tmp_path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything: let the system say no
        monkeypatch.setattr(os, "access", lambda *a, **k: False)
    with pytest.raises(FileProblem, match="permission denied"):
        read(path)


def test_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    with pytest.raises(MissingExtra, match=r"pip install 'rung\[files\]'"):
        read(_file("x", "t.sav")(tmp_path))


def test_one_row() -> None:
    data = read(_frame(a=[1.5], b=["x"]))
    assert data.n == 1
    assert {str(v.kind) for v in data.variables} == {"constant"}


def test_all_missing_column_is_told(tmp_path: Path) -> None:
    data = read(_file("a,b\n1.5,\n2.5,NA\n3.5,\n")(tmp_path))
    assert data.variable("b").kind == "constant"
    assert any("missing in every row; leave it out" in note for note in data.origin.decisions)
    assert read(data, names=["a"]).moments().mean.tolist() == [2.5]


@pytest.mark.parametrize("repeats", [1, 3])
def test_ten_thousand_categories(repeats: int) -> None:
    words = [f"w{i}" for i in range(10_000)] * repeats
    data = read(_frame(a=words, b=np.arange(len(words)) * 0.5))
    kind = data.variable("a").kind
    assert kind == ("identifier" if repeats == 1 else "categorical")
    told = "identifier (10000 different" if repeats == 1 else "has 10000 levels"
    assert any(told in note for note in data.origin.decisions)
    assert read(data, kinds={"a": "categorical"}).d == 2


def test_infinities_declared_missing(tmp_path: Path) -> None:
    x = np.array([[1.0, 2.0], [np.inf, 3.0], [2.0, 5.0]])
    data = read(Declared(x, Options(missing_codes=[np.inf])))
    assert data.mask.sum() == 1
    assert read(Csv(_file("a\n1\ninf\n2\n")(tmp_path), missing_codes=[np.inf])).mask.sum() == 1


def test_html_in_names_is_kept_as_text(tmp_path: Path) -> None:
    data = read(_file("<script>alert(1)</script>,b\n1.5,2\n2.5,4\n")(tmp_path))
    assert data.names[0] == "<script>alert(1)</script>"
    assert "<script>" not in data._repr_html_()


def test_constant_and_duplicate_columns_are_warned_about() -> None:
    from rung.io.profile import profile

    x = np.random.default_rng(0).normal(size=100)
    data = read({"a": x, "b": x * 2 + 1, "c": np.ones(100)})
    titles = {w["title"] for w in profile(data).warnings}
    assert {"Duplicate columns", "Constant"} <= titles


def test_fewer_rows_than_columns_is_warned_about() -> None:
    from rung.io.profile import profile

    data = read(np.random.default_rng(0).normal(size=(5, 8)))
    assert "Fewer rows than columns" in {w["title"] for w in profile(data).warnings}


def test_nothing_suspected_in_clean_data() -> None:
    assert suspicions(read(np.random.default_rng(0).normal(size=(100, 3)))) == []
