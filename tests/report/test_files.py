"""Figures, JSON, DOT: what is written, and what happens when it cannot be."""

from __future__ import annotations

import csv
import errno
import json
import os
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import FileProblem
from rung.report.export import dot_text, html_json, plain, to_json
from rung.report.figures import csv_text, file_name, write_figures
from rung.report.files import write_text
from rung.report.privacy import hide_counts, is_row, withhold
from tests.report import fixtures

FIXED = settings(derandomize=True, deadline=None)


@pytest.mark.parametrize("case", ["sachs", "minimal", "not_identified", "exploratory", "nasty"])
def test_figures_are_pictures_with_their_numbers(tmp_path, case):
    written = write_figures(getattr(fixtures, case)(), tmp_path / "new" / "folder")
    assert {p.name for p in written} == {p.name for p in (tmp_path / "new" / "folder").iterdir()}
    for path in written:
        if path.suffix == ".svg":
            assert ET.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
            assert path.with_suffix(".csv").exists()
    assert any(p.name == "graph.dot" for p in written)


def test_csv_holds_the_numbers_drawn(tmp_path):
    write_figures(fixtures.sachs(), tmp_path)
    with open(tmp_path / "compare.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(r["label"], float(r["value"]), float(r["high"])) for r in rows] == [
        ("Estimate", 0.3174, 0.4421), ("regression", 0.30, 0.4), ("weighting", 0.35, 0.6)
    ]  # fmt: skip
    with open(tmp_path / "overlap.csv", newline="", encoding="utf-8") as file:
        counts = [r["control"] for r in csv.DictReader(file)]
    assert counts[0] == counts[-1] == "<5"
    write_figures(fixtures.sachs(), tmp_path, show_rows=True)
    assert (tmp_path / "overlap.csv").read_text("utf-8").splitlines()[1].endswith(",3")


def test_csv_cells_are_no_formulas():
    text = csv_text([{"name": '=HYPERLINK("http://x")', "mark": "-->", "value": -1.5}])
    assert list(csv.reader(text.splitlines()))[1] == ['\'=HYPERLINK("http://x")', "-->", "-1.5"]


@FIXED
@given(st.lists(st.text(max_size=200), max_size=20))
def test_file_names_are_safe_and_differ(wanted):
    used: set[str] = set()
    names = [file_name(w, used) for w in wanted]
    assert len({n.lower() for n in names}) == len(names)
    for name in names:
        assert 0 < len(name) < 100
        assert name.isascii()
        assert not set(name) & set('/\\:*?"<>| \n')
        assert not name.startswith(".")


@pytest.mark.parametrize(
    ("code", "advice"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "may not write"), (errno.EROFS, "read-only")],
)
def test_a_failed_write_says_why_and_leaves_nothing(tmp_path, monkeypatch, code, advice):
    old = tmp_path / "graph.svg"
    old.write_text("old")

    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(FileProblem, match=advice):
        write_figures(fixtures.minimal(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["graph.svg"]
    assert old.read_text() == "old"


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(FileProblem, match="taken"):
        write_figures(fixtures.minimal(), tmp_path / "taken" / "figures")
    with pytest.raises(FileProblem, match="does not exist"):
        write_text(tmp_path / "absent" / "a.txt", "a")


def test_json_is_canonical_and_has_no_nan():
    content = {"b": np.float64("nan"), "a": np.arange(3), "c": (np.bool_(True), None, np.inf),
               "d": {"z": np.int64(7), 2: "x"}, "e": {"s"}}  # fmt: skip
    expected = {"a": [0, 1, 2], "b": None, "c": [True, None, None], "d": {"2": "x", "z": 7},
                "e": ["s"]}  # fmt: skip
    assert plain(content) == expected
    assert json.loads(to_json(content)) == expected
    assert to_json(dict(reversed(content.items()))) == to_json(content)


@FIXED
@given(st.text() | st.sampled_from(["</script>", "<!--", "\u2028", "]]>", "\ud800"]))
def test_json_inside_html_cannot_end_its_element(text):
    raw = html_json({text: text})
    assert not set(raw) & set("<>&\u2028\u2029")
    back = json.loads(raw)
    if "\ud800" not in text:
        assert back == {text: text}


def test_dot_is_made_from_nodes_and_edges_with_quotes():
    content = fixtures.nasty()
    text = dot_text(content)
    assert text.count("->") >= len(content["graph"]["edges"])
    for line in text.splitlines()[1:-1]:
        assert line.replace('\\"', "").count('"') % 2 == 0
    assert dot_text(fixtures.sachs()) == "digraph {}"


@FIXED
@given(st.lists(st.integers(0, 50) | st.none(), max_size=12))
def test_no_small_count_is_left_or_can_be_had_back(counts):
    shown = hide_counts(counts)
    assert not any(isinstance(c, int) and 0 < c < 5 for c in shown)
    hidden = sum(c == "<5" for c in shown)
    if any(c is not None and 0 < c < 5 for c in counts):
        positive = sum(c is not None and c > 0 for c in counts)
        assert hidden >= min(2, positive), "one hidden count is total minus the others"
    else:
        assert shown == counts
    assert hide_counts(shown) == shown


@pytest.mark.parametrize(
    ("who", "single"),
    [("row 17", True), (17, True), ("17", True), ("unit 3", True), ("Row #4", True),
     ("all rows", False), ("everybody", False), ("condition 3 of 9", False), (None, False)],
)  # fmt: skip
def test_what_counts_as_a_single_row(who, single):
    assert is_row(who) is single


def test_withholding_twice_changes_nothing_more():
    once = withhold(fixtures.sachs())
    twice = withhold(once)
    assert plain(twice["data"]) == plain(once["data"])
    assert plain(twice["effect"]) == plain(once["effect"])
    assert twice["whatif"]["withheld"] == 1
