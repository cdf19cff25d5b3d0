"""Moments that the backing adds up by itself equal those of the rows in memory."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

import rung
from rung.core.errors import FileProblem, MissingCells
from rung.io import readers, sql
from rung.io.lazy import LazyColumns


@pytest.fixture
def small_is_large(monkeypatch):
    """Every file counts as large, so that its cells stay on disk."""
    monkeypatch.setattr(sql, "LARGE", 0)
    monkeypatch.setattr(readers, "LARGE", 0)


def rows(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)) * [1.0, 1e-3, 5.0, 1.0] + [0.0, 1e6, -3e8, 2.0]
    x[:, 3] += 0.2 * x[:, 0]
    return x


def parquet(folder, x, name="t.parquet"):
    path = folder / name
    frame = {f"c{i}": np.ascontiguousarray(x[:, i]) for i in range(x.shape[1])}
    with duckdb.connect() as connection:
        connection.register("given", frame)
        connection.execute(f"COPY (SELECT * FROM given) TO '{path}' (FORMAT parquet)")
    return path


def test_moments_of_a_file_equal_those_of_the_rows(small_is_large, tmp_path):
    x = rows()
    data = rung.read(parquet(tmp_path, x))
    assert isinstance(data.columns, LazyColumns)
    assert data.columns.sums(data.names) is not None
    found, wanted = data.moments(), rung.Data.from_matrix(x, data.names).moments()
    np.testing.assert_allclose(found.mean + found.low, wanted.mean + wanted.low, rtol=1e-14)
    np.testing.assert_allclose(found.covariance, wanted.covariance, rtol=1e-8, atol=1e-12)
    assert (found.count, found.weight) == (wanted.count, wanted.weight)
    part = data.select(["c3", "c0"]).moments()
    np.testing.assert_allclose(part.scatter, wanted.select(["c3", "c0"]).scatter, rtol=1e-8)


def test_a_csv_is_pushed_down_too_and_searched_alike(small_is_large, tmp_path):
    x = rows()
    x = (x - x.mean(axis=0)) / x.std(axis=0) + [0.0, 5.0, -1e4, 2.0]
    np.savetxt(tmp_path / "t.csv", x, delimiter=",", header="a,b,c,d", comments="", fmt="%.17g")
    data = rung.read(tmp_path / "t.csv")
    assert data.columns.sums(data.names) is not None
    memory = rung.Data.from_matrix(x, list("abcd"))
    for learner in (rung.PC(), rung.BOSS()):
        assert rung.discover(data, learner).graph == rung.discover(memory, learner).graph


def test_missing_cells_are_refused_or_dropped_as_before(small_is_large, tmp_path):
    x = rows()
    x[5, 2] = np.nan
    frame = tmp_path / "holes.csv"
    text = "\n".join(",".join("" if np.isnan(v) else f"{v:.17g}" for v in row) for row in x)
    frame.write_text("a,b,c,d\n" + text + "\n")
    data = rung.read(frame)
    assert data.columns.sums(data.names) is None
    with pytest.raises(MissingCells):
        data.moments()
    kept = data.replacing(missing=rung.CompleteCases()).moments()
    wanted = rung.Data.from_matrix(np.delete(x, 5, axis=0), list("abcd")).moments()
    np.testing.assert_allclose(kept.covariance, wanted.covariance, rtol=1e-9)
    assert data.select(["a", "b"]).columns.sums(["a", "b"]) is not None  # these are complete


def test_shards_are_one_table(small_is_large, tmp_path):
    x = rows()
    for k, part in enumerate(np.array_split(x, 3)):
        parquet(tmp_path, part, f"part-{k}.parquet")
    data = rung.read(str(tmp_path / "part-*.parquet"))
    assert data.n == len(x)
    assert "3 files read as one table" in data.origin.decisions
    whole = rung.Data.from_matrix(x, data.names).moments()
    np.testing.assert_allclose(data.moments().covariance, whole.covariance, rtol=1e-8, atol=1e-12)
    with pytest.raises(FileProblem, match="no file matches"):
        rung.read(str(tmp_path / "other-*.parquet"))


def test_signatures_follow_the_cells_not_the_names(small_is_large, tmp_path):
    x = rows()
    one = rung.read(parquet(tmp_path, x))
    two = rung.read(parquet(tmp_path, x[:, ::-1], "turned.parquet"))
    names = list(one.names)
    assert [one.signature(v) for v in names] == [two.signature(v) for v in names[::-1]]
    assert len({repr(one.signature(v)) for v in names}) == 4
