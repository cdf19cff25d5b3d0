"""The BIF reader on texts whose answer is written beside them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from rung.core.errors import FileProblem, InputError
from rung.io.bif import parse_bif, read_bif

TEXT = """
network wet { property author "nobody"; }
// rain and a sprinkler
variable rain { type discrete [ 2 ] { yes, no }; property position = (1, 2); }
variable sprinkler { type discrete[2] {on, off}; }
variable "grass" { type discrete [ 3 ] { dry, damp, wet }; }
/* tables */
probability ( rain ) { table 0.2, 0.8; }
probability ( sprinkler | rain ) { (yes) 0.01, 0.99; (no) 0.4, 0.6; }
probability ( grass | sprinkler, rain ) {
  (on, yes) 0, 1e-1, 0.9;
  (off, yes) 0.1, 0.2, 0.7;
  default 0.5, 0.3, 0.2;
}
"""


def test_reads_levels_parents_and_tables() -> None:
    model = parse_bif(TEXT)
    assert model.names == ("rain", "sprinkler", "grass")
    assert model.levels["grass"] == ("dry", "damp", "wet")
    assert model.parents == {"rain": (), "sprinkler": ("rain",), "grass": ("sprinkler", "rain")}
    assert model.tables["rain"].tolist() == [0.2, 0.8]
    assert np.allclose(model.tables["sprinkler"], [[0.01, 0.99], [0.4, 0.6]])
    assert np.allclose(model.tables["grass"][0], [[0, 0.1, 0.9], [0.5, 0.3, 0.2]])
    assert np.allclose(model.tables["grass"][1], [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    assert set(model.graph.directed_edges()) == {
        ("rain", "sprinkler"),
        ("rain", "grass"),
        ("sprinkler", "grass"),
    }


def test_samples_follow_the_joint_distribution() -> None:
    model, n = parse_bif(TEXT), 100_000
    drawn = model.sample(n, np.random.default_rng(0))
    t = model.tables
    exact = t["rain"][:, None, None] * t["sprinkler"][:, :, None] * t["grass"].transpose(1, 0, 2)
    seen = np.zeros((2, 2, 3))
    np.add.at(seen, (drawn["rain"], drawn["sprinkler"], drawn["grass"]), 1 / n)
    assert (abs(seen - exact) <= 5 * np.sqrt(exact * (1 - exact) / n)).all()
    assert seen[0, 0, 0] == 0  # an impossible cell stays empty


def test_rounded_rows_are_rescaled() -> None:
    model = parse_bif(TEXT.replace("table 0.2, 0.8", "table 0.3333333, 0.6666666"))
    assert model.tables["rain"].sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (TEXT, "a,b\n1,2\n", "no variable found"),
        ("0.2, 0.8", "0.2, 0.7", "add up to 1"),
        ("0.2, 0.8", "-0.2, 1.2", "negative"),
        ("0.2, 0.8", "nan, 0.8", "incomplete"),
        ("0.2, 0.8", "0.2, 0.3, 0.5", "3 probabilities for 2 levels"),
        ("0.2, 0.8", "0.2, many", "cannot read the row"),
        ("(no) 0.4, 0.6;", "", "incomplete"),
        ("(no) 0.4", "(maybe) 0.4", "cannot read the row"),
        ("(off, yes) 0.1", "(off) 0.1", "cannot read the row"),
        ("| rain )", "| snow )", "'snow', which is not declared"),
        ("probability ( rain ) { table 0.2, 0.8; }", "", "'rain' has no probability table"),
        ("(yes) 0.01, 0.99; (no) 0.4, 0.6;", "table 0.01, 0.99, 0.4, 0.6;", "not `table`"),
    ],
)
def test_bad_text_is_refused(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError, match=message):
        parse_bif(TEXT.replace(old, new))


def test_files(tmp_path: Path) -> None:
    (tmp_path / "m.bif").write_text(TEXT)
    (tmp_path / "m.bif.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert read_bif(tmp_path / "m.bif").names == read_bif(tmp_path / "m.bif.gz").names
    (tmp_path / "cut.bif.gz").write_bytes(gzip.compress(TEXT.encode())[:60])
    for name in ("none.bif", "cut.bif.gz"):
        with pytest.raises(FileProblem, match=name):
            read_bif(tmp_path / name)
