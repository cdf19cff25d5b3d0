"""Text tables: what is written is read, what is decided is told, what is doubtful is left."""

from __future__ import annotations

import csv as csv_module
import gzip
import io
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import FileProblem
from rung.io import bytewise, sql
from rung.io.options import Csv
from rung.io.readers import read, read_csv, suspicions


def _write(folder: Path, text: str, encoding: str = "utf-8", name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def _column(lines: list[str], folder: Path, *, sep: str = ";", **how: Any) -> Any:
    """One column called x beside a plain one, so that the delimiter is clear."""
    rows = "\n".join(f"{cell}{sep}{i * 0.7 + 0.1:.2f}" for i, cell in enumerate(lines))
    return read(Csv(_write(folder, f"x{sep}y\n{rows}\n"), delimiter=sep, **how))


WIDE = "name;Größe\nÄnne;1,5\nJörg;2,25\nZoë;3,5\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    data = read(_write(tmp_path, WIDE, encoding))
    assert data.names == ("name", "Größe")
    assert data["Größe"].tolist() == [1.5, 2.25, 3.5]
    assert data["name"].tolist() == ["Änne", "Jörg", "Zoë"]
    if encoding not in ("utf-8", "utf-8-sig"):
        assert any(f"encoding {encoding}" in note for note in data.origin.decisions)


def test_declared_encoding(tmp_path: Path) -> None:
    data = read_csv(_write(tmp_path, "a,b\nж,1.5\nд,2.5\nж,4\n", "cp1251"), encoding="cp1251")
    assert data["a"].tolist() == ["ж", "д", "ж"]


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_delimiters(sep: str, tmp_path: Path) -> None:
    rows = [["a", "b c", "d"], ["1.5", f"x{sep}y", "3"], ["2.5", 'q"z', "7"], ["4", "p", "8"]]
    text = io.StringIO()
    csv_module.writer(text, delimiter=sep).writerows(rows)
    data = read(_write(tmp_path, text.getvalue()))
    assert data.names == ("a", "b c", "d")
    assert data["b c"].tolist() == [f"x{sep}y", 'q"z', "p"]


def test_semicolons_with_decimal_commas_are_not_cut_at_commas(tmp_path: Path) -> None:
    data = read(_write(tmp_path, "1,5;2,5;3,5\n4,5;5,5;6,25\n7,5;8,5;9,5\n"))
    assert data.values.tolist() == [[1.5, 2.5, 3.5], [4.5, 5.5, 6.25], [7.5, 8.5, 9.5]]
    assert any("no header row" in note for note in data.origin.decisions)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1,2\n3,4\n5,6.5\n", ("X1", "X2")),
        ("2019,2020\n3,4\n5,6.5\n", ("X1", "X2")),
        ("a,b\nu,v\nw,v\n", ("a", "b")),
        ("name,2020\nu,4\nw,6.5\n", ("name", "2020")),
        (",a\n1,2\n2,4.5\n", ("X1", "a")),
    ],
)
def test_header(text: str, names: tuple[str, ...], tmp_path: Path) -> None:
    assert read(_write(tmp_path, text)).names == names


def test_names_for_a_table_without_a_header(tmp_path: Path) -> None:
    assert read(_write(tmp_path, "1,2\n3,4\n5,6.5\n"), names=["u", "v"]).names == ("u", "v")


ODD = {
    "one blank": "a b c\n1.5 2 u\n2.5 3 v\n3 9 u\n",
    "runs of blanks": "  a   b  c\n 1.5  2   u\n2.5 3 v\n 3   9  u\n",
    "comments": "# made today\n# by me, alone\na,b,c\n1.5,2,u\n2.5,3,v\n3,9,u\n",
    "header after a hash": "# made today\n#a,b,c\n1.5,2,u\n2.5,3,v\n3,9,u\n",
    "names of rows": '"a","b","c"\n"r1",1.5,2,"u"\n"r2",2.5,3,"v"\n"r3",3,9,"u"\n',
}


@pytest.mark.parametrize("name", ODD)
def test_odd_layouts(name: str, tmp_path: Path) -> None:
    data = read(_write(tmp_path, ODD[name]))
    names = [k.strip("#") for k in data.names]
    assert [k for k in names if k != "X1"] == ["a", "b", "c"]
    assert ("X1" in names) == (name == "names of rows")
    assert data.matrix(data.names[-3:]).tolist() == [[1.5, 2, 0], [2.5, 3, 1], [3, 9, 0]]
    assert data.origin.decisions or name == "header after a hash"


def test_broken_row_below_comments_is_numbered_as_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="line 5: 1 cells"):
        read(_write(tmp_path, "# one\n# two\na,b\n1,2\n3\n4,5\n"))


def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(WIDE.encode("cp1252")))
    assert read(path)["Größe"].tolist() == [1.5, 2.25, 3.5]


def test_line_ends_and_blank_lines(tmp_path: Path) -> None:
    assert read(_write(tmp_path, "a,b\r\n1,2\r\n\r\n3,4.5\r\n"))["b"].tolist() == [2, 4.5]


NUMBERS = [
    (["1,5", "2,25", "0,125"], [1.5, 2.25, 0.125], None),
    (["1.234,5", "99,0", "1.000.000,25"], [1234.5, 99.0, 1000000.25], None),
    (["1,234.5", "99", "1,000,000"], [1234.5, 99.0, 1e6], None),
    (["1 234,5", "2\u00a0345,5", "7"], [1234.5, 2345.5, 7.0], None),
    (["1'234.5", "2'345.25", "7.5"], [1234.5, 2345.25, 7.5], None),
    (["12%", "3.5 %", "100%"], [12.0, 3.5, 100.0], "%"),
    (["€1,200.50", "€99.00", "-€5.25"], [1200.5, 99.0, -5.25], "€"),
    (["1.200,50 €", "99,00 €", "5,25 €"], [1200.5, 99.0, 5.25], "€"),
    (["$1", "$2.50", "$3"], [1.0, 2.5, 3.0], "$"),
    (["1.5e3", "2E-2", "−4.5"], [1500.0, 0.02, -4.5], None),
]


@pytest.mark.parametrize(("cells", "expected", "unit"), NUMBERS)
def test_numbers(cells: list[str], expected: list[float], unit: str | None, tmp_path: Path) -> None:
    data = _column(cells, tmp_path)
    assert data["x"].tolist() == expected
    assert data.variable("x").kind == "continuous"
    assert data.variable("x").unit == unit
    assert not suspicions(data)


def test_comma_that_may_be_either_is_not_applied(tmp_path: Path) -> None:
    cells = ["1,234", "2,345", "7,001"]
    data = _column(cells, tmp_path)
    (found,) = suspicions(data)
    assert found["column"] == "x"
    assert found["what"] == "number"
    assert "decimal=','" in found["suggestion"]
    assert data["x"].tolist() == cells
    assert _column(cells, tmp_path, decimal=",")["x"].tolist() == [1.234, 2.345, 7.001]
    assert _column(cells, tmp_path, thousands=",")["x"].tolist() == [1234, 2345, 7001]


def test_other_columns_settle_the_comma(tmp_path: Path) -> None:
    text = "x;y\n1,234;1,5\n2,345;2,75\n7,001;0,5\n"
    assert read(_write(tmp_path, text))["x"].tolist() == [1.234, 2.345, 7.001]
    text = "x;y\n1,234;1,234.5\n2,345;2,000.25\n7,001;0.5\n"
    assert read(_write(tmp_path, text))["x"].tolist() == [1234, 2345, 7001]


def test_dot_beside_decimal_commas_is_suspected(tmp_path: Path) -> None:
    data = read(_write(tmp_path, "x;y\n1.234;1,5\n2.345;2,75\n7.001;0,5\n"))
    assert data["x"].tolist() == [1.234, 2.345, 7.001]
    assert [s["what"] for s in suspicions(data)] == ["thousands"]
    declared = read_csv(tmp_path / "t.csv", decimal=",", thousands=".")
    assert declared["x"].tolist() == [1234, 2345, 7001]


def test_percent_beside_bare_numbers_is_not_applied(tmp_path: Path) -> None:
    data = _column(["12%", "0.5", "13%"], tmp_path)
    assert suspicions(data)[0]["what"] == "number column of mixed notation"
    assert data["x"].tolist() == ["12%", "0.5", "13%"]


def test_leading_zeros_are_codes(tmp_path: Path) -> None:
    data = _column(["01234", "00501", "99501"] * 3, tmp_path)
    assert data.variable("x").levels == ("00501", "01234", "99501")
    assert any("some start with 0" in note for note in data.origin.decisions)


@pytest.mark.parametrize("word", ["NA", "N/A", "", "NaN", "null", ".", "-", "none", "#DIV/0!"])
def test_missing_words_among_numbers(word: str, tmp_path: Path) -> None:
    data = _column(["1.5", word, "2.5", "3.25"], tmp_path)
    assert np.isnan(data["x"]).tolist() == [False, True, False, False]
    told = [note for note in data.origin.decisions if "read as missing" in note]
    assert len(told) == (1 if word else 0)


def test_none_among_words_is_a_level_and_suspected(tmp_path: Path) -> None:
    cells = ["none", "aspirin", "ibuprofen"] * 4
    data = _column(cells, tmp_path)
    assert "none" in (data.variable("x").levels or ())
    assert suspicions(data)[0]["value"] == "none"
    declared = _column(cells, tmp_path, missing_codes={"x": ["none"]})
    assert declared.variable("x").levels == ("aspirin", "ibuprofen")
    assert declared.mask[:, 0].sum() == 4


def test_namibia_can_be_kept(tmp_path: Path) -> None:
    cells = ["NA", "ZA", "BW"] * 3
    assert _column(cells, tmp_path).mask.sum() == 3
    assert _column(cells, tmp_path, keep_words=["NA"]).variable("x").levels == ("BW", "NA", "ZA")


def test_one_word_among_numbers_is_suspected(tmp_path: Path) -> None:
    cells = [f"{i}.5" for i in range(30)] + ["refused"]
    found = suspicions(_column(cells, tmp_path))
    assert [(s["value"], s["count"]) for s in found] == [("refused", 1)]
    data = _column(cells, tmp_path, missing_codes={"x": ["refused"]})
    assert data.variable("x").kind == "continuous"
    assert data.mask[:, 0].sum() == 1


@pytest.mark.parametrize(
    ("values", "suspected"),
    [
        ([23, 35, 47, 51, 62, -99], [-99]),
        ([1.2, 3.4, 2.2, 4.4, 999, 999], [999]),
        ([-9, 1.5, 2.5, 3.25, 4.5], [-9]),
        ([-45.5, -99, 3, 4, 60, 70.5], []),
        ([97, 98, 99, 100, 101.5], []),
        ([23, 35, -99, -999, 51, 44.5], [-999, -99]),
    ],
)
def test_codes_are_suspected_and_never_applied(
    values: list[float], suspected: list[int], tmp_path: Path
) -> None:
    data = _column([str(v) for v in values], tmp_path)
    assert data["x"].tolist() == values
    assert [s["value"] for s in suspicions(data)] == suspected
    codes = {"x": suspected}
    declared = _column([str(v) for v in values], tmp_path, missing_codes=codes)
    assert declared.mask[:, 0].sum() == sum(v in suspected for v in values)
    assert suspicions(declared) == []


DATES = [
    (["2020-01-03", "2020-02-01"], [0, 29]),
    (["2020/01/03", "2020/02/01"], [0, 29]),
    (["03.01.2020", "01.02.2020"], [0, 29]),
    (["25/01/2020", "01/02/2020"], [0, 7]),
    (["01/25/2020", "02/01/2020"], [0, 7]),
    (["3 Jan 2020", "1 Feb 2020"], [0, 29]),
    (["Jan 3, 2020", "Feb 1, 2020"], [0, 29]),
    (["2020-01-03T12:00:00Z", "2020-01-04T00:00:00Z"], [0, 0.5]),
    (["2020-01-03 06:00", "2020-01-03 12:00"], [0, 0.25]),
]


@pytest.mark.parametrize(("cells", "days"), DATES)
def test_dates(cells: list[str], days: list[float], tmp_path: Path) -> None:
    data = _column([*cells, *cells, ""], tmp_path)
    assert data["x"][:2].tolist() == pytest.approx(days)
    assert data.variable("x").kind == "continuous"
    assert (data.variable("x").unit or "").startswith("days since 2020-01-")
    assert data.mask[:, 0].tolist() == [False] * 4 + [True]


def test_dates_that_may_be_either_are_not_applied(tmp_path: Path) -> None:
    cells = ["03/04/2020", "05/06/2020", "07/08/2020"]
    data = _column(cells, tmp_path)
    assert data["x"].tolist() == cells
    assert suspicions(data)[0]["what"] == "date"
    declared = _column(cells, tmp_path, dates={"x": "%d/%m/%Y"})
    first = date(2020, 4, 3)
    expected = [(date(2020, m, d) - first).days for d, m in ((3, 4), (5, 6), (7, 8))]
    assert declared["x"].tolist() == expected


@given(
    days=st.lists(st.integers(0, 20_000), min_size=2, max_size=12),
    form=st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d"]),
)
@settings(max_examples=25)
def test_any_dates(days: list[int], form: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("dates")
    start = date(1969, 12, 1)
    data = _column([(start + timedelta(days=k)).strftime(form) for k in days], folder)
    if len(set(days)) > 1:
        assert data["x"].tolist() == [k - min(days) for k in days]


@given(
    numbers=st.lists(
        st.decimals(-10_000_000, 10_000_000, places=2).filter(lambda v: v % 1 != 0),
        min_size=3,
        max_size=12,
        unique=True,
    ),
    marks=st.sampled_from([(".", ""), (".", ","), (",", "."), (",", ""), (",", " "), (".", "'")]),
)
@settings(max_examples=60)
def test_any_notation(
    numbers: list[Any], marks: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    decimal, thousands = marks
    table = str.maketrans({",": thousands, ".": decimal})
    cells = [f"{v:,.2f}".translate(table) for v in numbers]
    data = _column(cells, tmp_path_factory.mktemp("numbers"))
    assert data["x"].tolist() == [float(v) for v in numbers]


@given(
    cells=st.lists(
        st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=8),
        min_size=2,
        max_size=8,
    )
)
@settings(max_examples=40)
def test_any_text_survives(cells: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("text") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv_module.writer(file).writerows([["k", "x"], *[[f"w{c}", c] for c in cells]])
    data = read(Csv(path, delimiter=",", header=True))
    assert data.n == len(cells)
    texts = [c.strip() for c in cells]
    if data.variable("x").levels is not None and not data.has_missing:
        assert [str(v).strip() for v in data["x"]] == texts


def test_booleans_and_orders_of_levels(tmp_path: Path) -> None:
    text = "b,c,s\n" + "nein,10-20,u\nja,5-10,v\nja,9,u\nnein,100-200,w\n" * 3
    data = read(_write(tmp_path, text))
    assert data.variable("b").levels == ("nein", "ja")
    assert data.variable("c").levels == ("5-10", "9", "10-20", "100-200")
    assert data.variable("s").levels == ("u", "v", "w")


def test_units_in_names(tmp_path: Path) -> None:
    data = read(_write(tmp_path, "income [EUR],dose (mg),f(x),g (2)\n1.5,2.5,3.5,4\n2,3,4,5.5\n"))
    assert data.names == ("income [EUR]", "dose (mg)", "f(x)", "g (2)")
    assert [v.unit for v in data.variables] == ["EUR", "mg", "x", None]


def test_names_that_differ_in_case_only(tmp_path: Path) -> None:
    data = read(_write(tmp_path, "a,A\n1,2\n3,4.5\n"))
    assert data["A"].tolist() == [2, 4.5]


def test_origin(tmp_path: Path) -> None:
    import hashlib

    path = _write(tmp_path, WIDE)
    origin = read(path).origin
    assert origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (origin.name, origin.path) == ("t", str(path))


@pytest.fixture
def thirty_megabytes(tmp_path: Path) -> tuple[Path, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(250_000, 6)).round(12)
    words = np.array(["red", "green", "blue"])[rng.integers(0, 3, len(x))]
    path = tmp_path / "big.csv"
    with path.open("w") as file:
        file.write("a,b,c,d,e,f,colour\n")
        for row, word in zip(x.tolist(), words.tolist(), strict=True):
            file.write(",".join(map(repr, row)) + f",{word}\n")
    return path, x


def test_a_large_file_stays_on_disk(
    thirty_megabytes: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, x = thirty_megabytes
    assert path.stat().st_size > 20 * 2**20
    monkeypatch.setattr(sql, "LARGE", 2**20)
    monkeypatch.setattr("rung.io.readers.LARGE", 2**20)
    data = read(path)
    assert type(data.columns).__name__ == "LazyColumns"
    assert np.array_equal(data.column("d"), x[:, 3])
    assert data.variable("colour").levels == ("blue", "green", "red")
    assert np.array_equal(data[100:200].matrix(["a", "f"]), x[100:200, [0, 5]])
    assert not data.column("d").flags.writeable
    moments = data.select(["a", "b"]).moments()
    assert np.allclose(moments.mean, x[:, :2].mean(axis=0))


def test_a_late_word_in_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "LARGE", 1000)
    monkeypatch.setattr("rung.io.readers.LARGE", 1000)
    monkeypatch.setattr(bytewise, "SAMPLE", 1000)
    path = _write(tmp_path, "a,b\n" + "1.5,2\n2.5,3\n" * 2000 + "N/A,3\n2,7\n")
    data = read(path)
    assert data.mask.sum(axis=0).tolist() == [1, 0]
    assert any("'N/A' read as missing" in note for note in data.origin.decisions)


def test_lazy_columns_pickle_as_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    monkeypatch.setattr(sql, "LARGE", 10)
    monkeypatch.setattr("rung.io.readers.LARGE", 10)
    data = read(_write(tmp_path, "a,b\n1.5,2\n2.5,3\n4,9\n"))
    again = pickle.loads(pickle.dumps(data))
    assert again.sha256 == data.sha256
    assert type(again.columns) is dict


def test_interrupting_a_query_is_an_interrupt() -> None:
    import os
    import signal
    import threading
    import time

    connection = sql.connect()
    process = lambda: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
    other = lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # noqa: E731
    for seconds, send in ((0.05, process), (0.1, process), (0.3, process), (0.3, other)):
        timer = threading.Timer(seconds, send)
        began = time.monotonic()
        try:
            with pytest.raises(KeyboardInterrupt):
                timer.start()
                sql.execute(connection, "SELECT sum(sin(range)) FROM range(10000000000)")
        finally:
            timer.join()
        assert time.monotonic() - began < 20  # the query alone takes minutes
        assert sql.execute(connection, "SELECT 1").fetchall() == [(1,)]
    connection.close()
