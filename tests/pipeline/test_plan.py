"""Plans: TOML there and back, errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import FileProblem, InputError, UnknownName
from rung.pipeline.plan import Plan

text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
names = st.lists(text, max_size=3).map(tuple)


@settings(max_examples=40)
@given(
    source=text, drop=names, tiers=st.lists(names, max_size=2).map(tuple), adjust=names | st.none(),
    kinds=st.dictionaries(text, st.just("count"), max_size=3), seed=st.integers(0, 2**31),
    treated=st.none() | text | st.integers(-5, 5) | st.floats(-5, 5), show=st.booleans(),
)  # fmt: skip
def test_a_plan_survives_toml(tmp_path_factory, **fields) -> None:  # type: ignore[no-untyped-def]
    show = fields.pop("show")
    plan = Plan(**fields, show_rows=show)
    path = tmp_path_factory.mktemp("plan") / "analysis.toml"
    path.write_text(plan.toml(), encoding="utf-8")
    assert Plan.load(path) == plan
    assert Plan.from_dict(plan.as_dict()) == plan


def test_comments_name_every_field_and_stay_comments(tmp_path: Path) -> None:
    plan = Plan(source="a.csv")
    path = tmp_path / "p.toml"
    path.write_text(plan.toml({"drop": "CONFIRM: one\nand two"}), encoding="utf-8")
    assert "# CONFIRM: one" in path.read_text()
    assert Plan.load(path) == plan


def test_a_relative_source_is_found_beside_the_plan(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n")
    (tmp_path / "p.toml").write_text('source = "rows.csv"\n')
    assert Plan.load(tmp_path / "p.toml").source == str(tmp_path / "rows.csv")


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        ({"treatmnt": "x"}, InputError, "did you mean 'treatment'"),
        ({"treatment": "x", "outcome": "x"}, InputError, "both 'x'"),
        ({"treatment": "x"}, InputError, "without an outcome"),
        ({"scale": "rato"}, UnknownName, "nearest: 'ratio'"),
        ({"missing": "drop"}, UnknownName, "policy"),
        ({"draws": -1}, InputError, "draws"),
    ],
)
def test_wrong_plans_are_refused(table: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Plan.from_dict(table)


def test_files_that_are_no_plans(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="rung plan"):
        Plan.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = [")
    with pytest.raises(InputError, match="not valid TOML"):
        Plan.load(tmp_path / "bad.toml")
