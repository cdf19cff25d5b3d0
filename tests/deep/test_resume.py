"""A training that was killed, interrupted or cut short goes on to what it would have become."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from rung.core.errors import FileProblem, InputError
from rung.deep import training
from tests.deep.job import SETTINGS, job, rows

ROOT = Path(__file__).parents[2]


def step(path: Path) -> int:
    """Steps done, as the file says."""
    with safe_open(path, framework="np") as file:
        return int(json.loads(file.metadata()["rung"])["step"])


def begun(path: Path, every: float) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.deep.job", str(path), str(every)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)


def until(condition: object, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert process.poll() is None, process.stderr.read().decode()  # type: ignore[union-attr]
        assert time.monotonic() < end
        time.sleep(0.02)


def same(a: training.Trained, b: training.Trained) -> bool:
    """Bit for bit, the recorded losses too."""
    assert a.weights.keys() == b.weights.keys()
    equal = all(a.weights[k].tobytes() == b.weights[k].tobytes() for k in a.weights)
    return equal and a.history == b.history and a.steps == b.steps


@pytest.fixture(scope="module")
def whole() -> training.Trained:
    return job()


def test_a_killed_training_ends_as_if_nothing_had_happened(tmp_path, whole):
    path = tmp_path / "point.safetensors"
    process = begun(path, 0.0)
    until(lambda: path.exists() and step(path) >= 20, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    done = step(path)
    assert 20 <= done < 300
    resumed = job(replace(SETTINGS, checkpoint=path))
    assert resumed.complete
    assert same(resumed, whole)
    assert step(path) == 300
    assert same(job(replace(SETTINGS, checkpoint=path)), whole)  # nothing is left to do


def test_ctrl_c_writes_a_whole_step(tmp_path, whole):
    path = tmp_path / "point.safetensors"
    process = begun(path, 1e9)  # only the first, empty, checkpoint is written by the clock
    until(path.exists, process)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert b"KeyboardInterrupt" in process.stderr.read()
    process.stderr.close()
    assert 1 <= step(path) < 300
    assert same(job(replace(SETTINGS, checkpoint=path)), whole)


def test_the_file_is_safetensors(tmp_path):
    path = tmp_path / "deep" / "point.safetensors"
    job(replace(SETTINGS, checkpoint=path, steps=40))
    found = load_file(path)
    assert {"model.0.weight", "average.0.weight", "optimiser.0.exp_avg"} <= found.keys()
    assert found["model.0.weight"].shape == (16, 5)
    assert [p.name for p in path.parent.iterdir()] == ["point.safetensors"]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"settings": {"rate": 1e-3}},
        {"settings": {"average": 0.0}},
        {"identity": "another network"},
        {"data": rows(201)},
        {"data": {k: v + 1 for k, v in rows().items()}},
        {"data": {k: v[::-1] for k, v in rows().items()}},
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change):
    path = tmp_path / "point.safetensors"
    settings = replace(SETTINGS, checkpoint=path, steps=3)
    job(settings)
    before = path.read_bytes()
    changed = {**change, "settings": replace(settings, **change.get("settings", {}))}
    with pytest.raises(InputError, match="point.safetensors belongs to a training with other"):
        job(**changed)
    assert path.read_bytes() == before


def test_how_often_and_where_do_not_make_another_training(tmp_path):
    path = tmp_path / "point.safetensors"
    first = job(replace(SETTINGS, checkpoint=path, steps=3))
    again = job(replace(SETTINGS, checkpoint=path, steps=3, every=1.0, device=None))
    assert same(first, again)


def damage(path: Path) -> list[bytes]:
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-3] ^= 0x40  # one bit of one weight: the header stays right
    # lengths that the header promises, without what it promises
    return [b"", b"not a checkpoint", whole[:50], whole[:-4], whole + b"x", bytes(flipped)]


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path):
    path = tmp_path / "point.safetensors"
    settings = replace(SETTINGS, checkpoint=path, steps=3)
    job(settings)
    for content in damage(path):
        path.write_bytes(content)
        with pytest.raises(FileProblem, match=r"point.safetensors is damaged or no checkpoint"):
            job(settings)


def test_another_safetensors_file_is_no_checkpoint(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "model.safetensors"
    save_file({"x": np.zeros(3)}, path)
    with pytest.raises(FileProblem, match="no checkpoint of rung"):
        job(replace(SETTINGS, checkpoint=path))


def test_a_place_that_cannot_be_written_is_named_at_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileProblem, match=r"file/point.safetensors cannot be written"):
        job(replace(SETTINGS, checkpoint=tmp_path / "file" / "point.safetensors"), pause=1e6)
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileProblem, match="folder"):
        job(replace(SETTINGS, checkpoint=tmp_path / "folder"), pause=1e6)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "point.safetensors"
    job(replace(SETTINGS, checkpoint=path, steps=3))
    before, limit = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    other = replace(SETTINGS, checkpoint=tmp_path / "other.safetensors")
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, limit[1]))  # the system refuses to write more
    try:
        with pytest.raises(FileProblem, match=r"other.safetensors cannot be written"):
            job(other)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [p.name for p in tmp_path.iterdir()] == ["point.safetensors"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("full")])
def test_a_disk_that_fills_up_while_training(tmp_path, monkeypatch, error):
    path = tmp_path / "point.safetensors"
    settings = replace(SETTINGS, checkpoint=path, every=0.0, steps=30)
    real, calls = training.points.save_file, []

    def save_file(tensors, place, metadata):
        calls.append(place)
        if len(calls) > 10:
            Path(place).write_bytes(b"half")
            raise error
        real(tensors, place, metadata=metadata)

    monkeypatch.setattr(training.points, "save_file", save_file)
    with pytest.raises(FileProblem, match="free space or name another place"):
        job(settings)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["point.safetensors"]
    assert step(path) == 9  # the first was written before the first step
    assert same(job(settings), job(replace(settings, checkpoint=None)))


def test_a_training_cut_short_goes_on_when_there_is_time(tmp_path):
    path = tmp_path / "point.safetensors"
    settings = replace(SETTINGS, checkpoint=path)
    short = job(settings, budget=0.2, pause=0.005)
    assert not short.complete
    assert step(path) == short.steps < 100
    longer = job(settings)
    assert longer.complete
    assert longer.steps == 300
    assert longer.history[: len(short.history)] == short.history
