"""Save and load: what comes back is what was written; the old file survives every failure."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rung
from rung.core.errors import FileProblem, NotSupported
from rung.core.result import same
from rung.core.variable import Kind, Variable
from rung.io import store
from rung.io.encoding import Decoder, Encoder
from rung.io.store import load, save

PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(list(Kind)),
    st.dates(), st.datetimes(), st.binary(max_size=20),
    hnp.arrays(
        st.sampled_from([np.float64, np.int64, np.uint8, np.bool_, "U5", "datetime64[D]"]),
        hnp.array_shapes(max_dims=3, max_side=4),
    ),
)  # fmt: skip
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=4), st.integers()), inner, max_size=4),
        st.frozensets(st.integers(), max_size=4),
        st.builds(
            Variable,
            st.text(min_size=1, max_size=5),
            st.just(Kind.CATEGORICAL),
            st.lists(st.text(max_size=3), min_size=1, max_size=4, unique=True).map(tuple),
        ),
    ),
    max_leaves=8,
)


def _alike(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and (same(a, b) or str(a) == str(b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(_alike(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, float):
        return a == b or (a != a and b != b)
    return bool(a == b)


@given(VALUES)
@settings(max_examples=150)
def test_any_value_comes_back(value: Any) -> None:
    encoder = Encoder()
    node = json.loads(json.dumps(encoder.encode(value, "value"), allow_nan=False))
    assert _alike(Decoder(encoder.arrays).decode(node), value)


@given(
    x=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 8), st.integers(1, 4)),
        elements=st.floats(allow_nan=True, allow_infinity=False),
    ),
    rows=st.booleans(),
)
@settings(max_examples=25)
def test_any_data_come_back(
    x: np.ndarray, rows: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = rung.Data.from_matrix(x)
    if rows:
        d = x.shape[1]
        data = data.replacing(
            environment=np.arange(len(x)) % 2, environments=("u", "v"), unit=np.arange(len(x)),
            targets=np.ones((2, d), dtype=bool), weights=np.ones(len(x)),
            missing=rung.CompleteCases(), time=np.arange(float(len(x))),
        )  # fmt: skip
    path = tmp_path_factory.mktemp("store") / "d.rung"
    again = load(save(data, path))
    assert again.sha256 == data.sha256
    assert again.missing == data.missing
    assert again.environments == data.environments
    assert not again.column("X1").flags.writeable


GRAPHS = ["X -> Y <- Z; A <-> B", "A o-> B; B -- C; lone", 'X -> Y; X <-> Y; "a b" -> X']


@pytest.mark.parametrize("text", GRAPHS)
def test_graphs(text: str, tmp_path: Path) -> None:
    graph = rung.Graph.parse(text)
    assert load(save(graph, tmp_path / "g")) == graph


def _mixed(n: int = 400) -> rung.Data:
    rng = np.random.default_rng(0)
    a = rng.normal(size=n)
    b = 0.8 * a + rng.gumbel(size=n)
    c = np.where(rng.random(n) < 1 / (1 + np.exp(-b)), "yes", "no")
    d = rng.poisson(np.exp(0.3 * a))
    return rung.read({"a": a, "b": b, "c": c, "d": d}, kinds={"d": "count"})


GRAPH = "a -> b -> c; a -> d"


@pytest.mark.parametrize("source", ["mixed", "asia", "ensemble"])
def test_models(source: str, tmp_path: Path) -> None:
    if source == "asia":
        model = rung.fit(rung.datasets.truth("asia"), rung.datasets.load("asia", n=500))
    elif source == "mixed":
        model = rung.fit(rung.Graph.parse(GRAPH), _mixed())
    else:
        chain = rung.Graph.parse("a -- b -- c")
        model = rung.fit(chain, _mixed().select(["a", "b", "c"]))
    again = load(save(model, tmp_path / "m.rung"))
    assert type(again) is type(model)
    assert again.sample(50, seed=1).sha256 == model.sample(50, seed=1).sha256
    name = model.names[0]
    value = model.variables[0].levels[1] if model.variables[0].discrete else 1.5
    do = rung.do(model, {name: value})
    assert (
        load(save(do, tmp_path / "m.rung")).sample(9, seed=2).sha256 == do.sample(9, seed=2).sha256
    )


def test_results(tmp_path: Path) -> None:
    data = _mixed().select(["a", "b", "d"])
    graph = rung.Graph.parse("a -> b; a -> d")
    found = rung.discover(data.select(["a", "b"]), rung.PC())
    again = load(found.save(tmp_path / "found"))
    assert (again.graph, again.graphs, again.learner) == (found.graph, found.graphs, found.learner)
    model = rung.fit(graph, data)
    draws = rung.counterfactual(model, data[:5], a=0.0)
    assert same(load(draws.save(tmp_path / "draws")).columns, draws.columns)
    moments = data.moments()
    other = load(save(moments, tmp_path / "moments"))
    assert same(other.scatter, moments.scatter)
    assert (other + moments).count == 2 * data.n
    counts = rung.datasets.load("asia", n=100).table(["asia", "lung"])
    assert same(load(save(counts, tmp_path / "c")).variables, counts.variables)


def test_an_estimate(tmp_path: Path) -> None:
    estimate = rung.effect(rung.Graph.parse("a -> b"), _mixed().select(["a", "b"]),
                           rung.ATE("a", "b"))  # fmt: skip
    again = load(estimate.save(tmp_path / "e.rung"))
    for field in dataclasses.fields(estimate):
        if field.name not in ("data", "parts", "rows"):
            assert repr(getattr(again, field.name)) == repr(getattr(estimate, field.name))
    assert again.data.sha256 == estimate.data.sha256
    assert repr(again) == repr(estimate)


def test_shared_parts_are_written_once(tmp_path: Path) -> None:
    data = rung.Data.from_matrix(np.random.default_rng(0).normal(size=(10_000, 5)))
    one = save(data, tmp_path / "one").stat().st_size
    many = save([data] * 10, tmp_path / "many").stat().st_size
    assert many < 1.1 * one
    first, second = load(tmp_path / "many")[:2]
    assert first is second


def test_a_learner_from_outside_is_left_out_and_told(tmp_path: Path) -> None:
    @dataclasses.dataclass(frozen=True)
    class Mine:
        alpha: float = 0.1

    graph = rung.Graph.parse("A -> B")
    found = load(save(rung.Discovery(graph, learner=Mine()), tmp_path / "f"))
    assert found.learner is None
    assert "the learner" in found.notes[-1]
    with pytest.raises(NotSupported, match="a class from outside rung"):
        save(Mine(), tmp_path / "g")


def _old_and_new(path: Path) -> tuple[rung.Graph, rung.Data]:
    old = rung.Graph.parse("A -> B")
    save(old, path)
    return old, rung.Data.from_matrix(np.random.default_rng(0).normal(size=(1000, 5)))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_loses_nothing(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.rung"
    old, new = _old_and_new(path)
    write = store._write

    def full(raw: Any, text: str, arrays: Any) -> None:
        write(raw, text, arrays[:2])
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(store, "_write", full)
    advice = "disk .* is full.*old file is untouched" if code == errno.ENOSPC else "choose another"
    with pytest.raises(FileProblem, match=advice):
        save(new, path)
    assert load(path) == old
    assert [p.name for p in tmp_path.iterdir()] == ["r.rung"]


def test_a_device_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.fail("this test needs /dev/full, which every Linux has")
    path = tmp_path / "r.rung"
    old, new = _old_and_new(path)
    spare = tmp_path / "spare"
    spare.touch()

    def on_a_full_device(**kwargs: Any) -> tuple[int, str]:
        return os.open("/dev/full", os.O_WRONLY), str(spare)

    monkeypatch.setattr(store.tempfile, "mkstemp", on_a_full_device)
    with pytest.raises(FileProblem, match="is full"):
        save(new, path)
    assert load(path) == old
    assert not spare.exists()


def test_interrupted_writing_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.rung"
    old, new = _old_and_new(path)

    def stop(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_write", stop)
    with pytest.raises(KeyboardInterrupt):
        save(new, path)
    assert load(path) == old
    assert len(list(tmp_path.iterdir())) == 1


def _rewritten(path: Path, **changes: Any) -> Path:
    with zipfile.ZipFile(path) as file:
        head = json.loads(file.read("rung.json"))
        rest = {k: file.read(k) for k in file.namelist() if k != "rung.json"}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("rung.json", json.dumps({**head, **changes}))
        for name, content in rest.items():
            file.writestr(name, content)
    return path


def _node(cls: str, **fields: Any) -> dict[str, Any]:
    return {"$": "object", "c": cls, "n": 0, "f": fields}


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"format": 99}, "has format 99.*update rung"),
        ({"value": _node("os:path")}, "only classes of rung"),
        ({"value": _node("rungs.core:X")}, "only classes of rung"),
        ({"value": _node("rung.core.graph:Nothing")}, "does not have"),
        ({"value": _node("rung.nothing:Graph")}, "does not have"),
        ({"value": _node("rung.core.data:Any")}, "is not a frozen class of rung"),
        ({"value": _node("rung.io.store:load")}, "is not a frozen class of rung"),
        ({"value": _node("rung.core.result:Path")}, "is not a frozen class of rung"),
        ({"value": _node("rung.core.graph:Graph", colour=1)}, "a field 'colour'"),
        ({"value": _node("rung.core.graph:Graph", names=[])}, "does not fit this version"),
        ({"value": {"$": "lambda"}}, "unknown sort 'lambda'"),
        ({"value": {"$": "array", "i": 77}}, "does not fit this version"),
    ],
)
def test_strange_files_are_refused(changes: dict[str, Any], advice: str, tmp_path: Path) -> None:
    path = save(rung.Graph.parse("A -> B"), tmp_path / "g.rung")
    with pytest.raises(FileProblem, match=advice):
        load(_rewritten(path, **changes))


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    import io
    import pickle

    path = save(rung.Graph.parse("A -> B"), tmp_path / "g.rung")
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path) as file:
        head = file.read("rung.json")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("rung.json", head)
        file.writestr("0.npy", buffer.getvalue())
    with pytest.raises(FileProblem, match="damaged"):
        load(path)
    (tmp_path / "p").write_bytes(pickle.dumps([1]))
    with pytest.raises(FileProblem, match="not written by"):
        load(tmp_path / "p")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_files_are_refused(share: float, tmp_path: Path) -> None:
    path = save(rung.Data.from_matrix(np.ones((50, 3))), tmp_path / "d.rung")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(FileProblem, match="save it again"):
        load(path)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(200_000, 1))
    path = save(rung.Data.from_matrix(x), tmp_path / "d.rung")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(FileProblem, match="damaged"):
        load(path)


def test_permissions_are_kept(tmp_path: Path) -> None:
    path = save(rung.Graph.parse("A -> B"), tmp_path / "g.rung")
    path.chmod(0o600)
    save(rung.Graph.parse("B -> A"), path)
    assert path.stat().st_mode & 0o777 == 0o600
