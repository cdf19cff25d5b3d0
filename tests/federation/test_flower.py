"""Federated methods over real processes; run in the environment that `make federated` makes."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rung
from rung.core.data import Data
from rung.core.errors import InputError
from rung.discovery import BOSS, SummedMoments
from rung.discovery.federated import summed
from rung.federation import Federation, Settings
from rung.federation.client import clear, discreet
from rung.federation.processes import result_of
from rung.federation.records import ABOUT, REPLY, STATE, from_record, to_record, write_variables
from rung.federation.transcript import read

flwr = pytest.importorskip(
    "flwr", reason="needs Flower, which pins older typer and rich: make federated"
)

ROWS = (301, 402, 503, 604)
NAMES = ("a", "b", "c", "d", "e")
TIMEOUT = 90.0


def draw(n: int, seed: int) -> np.ndarray[Any, Any]:
    """a -> b -> c, a -> d <- c, d -> e: linear, Gaussian."""
    rng = np.random.default_rng([seed, n])
    a, b, c, d, e = rng.normal(size=(5, n))
    b = b + a
    c = c + 0.8 * b
    d = d + 0.9 * a - 0.7 * c
    return np.column_stack([a, b, c, d, e + d])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sites")
    out = []
    for i, n in enumerate(ROWS):
        out.append(folder / f"{i}.csv")
        pd.DataFrame(draw(n, i), columns=NAMES).to_csv(out[-1], index=False)
    return out


def kill_site_4(
    folder: Path, when: Callable[[dict[str, Any]], bool]
) -> Callable[[Mapping[str, Any]], None]:
    """Kills the SuperNode of site-4 once, as soon as the transcript has a line like that."""

    def look(processes: Mapping[str, Any]) -> None:
        site = processes["site-4"]
        if site.poll() is None and any(map(when, read(folder / "transcript.jsonl"))):
            os.kill(site.pid, signal.SIGKILL)

    return look


def left_over(folder: Path) -> list[str]:
    """Processes that still have the folder in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (place / "environ").read_bytes():
                found.append((place / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def replies_of(files: list[Path]) -> dict[str, Any]:
    """The sum of the replies of three sites, from the pure functions in this process."""
    parts = [rung.read(f) for f in files[:3]]
    state = SummedMoments(BOSS()).begin(parts[0].variables, rng=0)
    return dict(summed([SummedMoments(BOSS()).client(state, p, {})[0] for p in parts]))


def check_transcript(folder: Path) -> None:
    """Nothing that a site sent has an axis of the length of its table."""
    got = [line for line in read(folder / "transcript.jsonl") if line["way"] == "received"]
    entries = [entry for line in got for entry in line.get("records", ())]
    assert {"reply", "fitres.metrics"} & {entry["record"] for entry in entries}
    lengths = {n for e in entries for s in (e["shape"], *e.get("shapes", ())) for n in s}
    assert not lengths & set(ROWS)
    assert max(lengths) < min(ROWS)


def pooled() -> Data:
    return Data.from_matrix(np.vstack([draw(n, i) for i, n in enumerate(ROWS[:3])]), NAMES)


@pytest.mark.slow
def test_linear_in_the_clear_equals_the_pooled_rows_of_those_that_stayed(
    files: list[Path], tmp_path: Path
) -> None:
    federation = Federation(files, Settings(sites=4, minimum=3, timeout=TIMEOUT), tmp_path)
    sent = kill_site_4(tmp_path, lambda m: m["way"] == "sent" and m["message"] == "train.clear")
    found = federation.run(400, sent)
    assert found.graph == BOSS().learn(pooled()).graph
    (only,) = result_of(tmp_path)["rounds"]
    assert only["sites"] == ["site-1", "site-2", "site-3"]
    assert any("1 of 1 rounds" in note for note in found.notes)
    with np.load(tmp_path / "total.npz") as total:
        for name, array in replies_of(files).items():
            np.testing.assert_array_equal(total[name], array)
        x = pooled().values
        np.testing.assert_allclose(total["products"], x.T @ x, rtol=1e-9, atol=1e-9)
    check_transcript(tmp_path)
    assert left_over(tmp_path) == []


@pytest.mark.slow
def test_a_secure_sum_is_within_its_step_and_bears_a_site_that_dies(
    files: list[Path], tmp_path: Path
) -> None:
    # one word and a range of 2**14 make the step 2**-15, far above the rounding of float64
    settings = Settings(sites=4, minimum=3, timeout=TIMEOUT, secure=True, clip=2.0**14, words=1)
    step = 2 * 2.0**14 / 2**30
    federation = Federation(files, settings, tmp_path)

    def masked(line: dict[str, Any]) -> bool:
        entries = line.get("records", [])
        return line["way"] == "sent" and any(e["record"].startswith("fitins") for e in entries)

    found = federation.run(500, kill_site_4(tmp_path, masked))
    assert found.graph == BOSS().learn(pooled()).graph
    result = result_of(tmp_path)
    assert result["rounds"][0]["sites"] == ["site-1", "site-2", "site-3"]
    assert result["secure"]["step"] == step
    with np.load(tmp_path / "total.npz") as total:
        off = max(
            float(np.abs(total[name] - array).max()) for name, array in replies_of(files).items()
        )
    assert 0 < off <= 3 * step / 2 + 1e-9
    check_transcript(tmp_path)
    assert left_over(tmp_path) == []


@pytest.mark.slow
def test_columns_that_differ_are_named_by_site_and_no_process_stays(
    files: list[Path], tmp_path: Path
) -> None:
    odd = tmp_path / "odd.csv"
    pd.DataFrame(draw(50, 9), columns=(*NAMES[:4], "E")).to_csv(odd, index=False)
    federation = Federation([files[0], odd], Settings(sites=2, timeout=TIMEOUT), tmp_path / "out")
    with pytest.raises(InputError, match=r"site-2 has no column 'e'; site-1 has no column 'E'"):
        federation.run(300)
    assert left_over(tmp_path) == []


@pytest.mark.slow
def test_ctrl_c_stops_every_process(files: list[Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rung", "federate", *map(str, files[:2]), "--run",
               "-o", str(tmp_path)]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not (tmp_path / "transcript.jsonl").exists() and time.monotonic() < end:
        time.sleep(0.2)
    assert len(left_over(tmp_path)) >= 4
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert left_over(tmp_path) == []


def context(path: Path | str, settings: Settings | None = None) -> Any:
    return flwr.app.Context(
        1, 2, {"data": str(path), "site": "here"}, flwr.app.RecordDict(),
        {"settings": (settings or Settings()).text()},
    )  # fmt: skip


def asked(path: Path) -> Any:
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 2, 3
    variables = rung.read(path).variables
    state = SummedMoments(BOSS()).begin(variables, rng=0)
    about = flwr.app.ConfigRecord({"variables": write_variables(variables)})
    content = flwr.app.RecordDict({STATE: to_record(state), ABOUT: about})
    return flwr.app.Message(content, dst_node_id=2, message_type="train.clear")


def test_no_number_of_the_table_is_in_the_reply(files: list[Path]) -> None:
    reply = clear(asked(files[0]), context(files[0])).content
    assert set(reply.config_records[ABOUT]) == {"site"}
    assert set(reply.array_records) == {REPLY}
    table = pd.read_csv(files[0]).to_numpy()
    sent = np.concatenate([a.ravel() for a in from_record(reply.array_records[REPLY]).values()])
    assert len(sent) > table.shape[1]
    assert not np.isin(sent, table).any()


def test_an_error_of_a_site_tells_no_value(
    files: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    message = asked(files[0])
    odd = tmp_path / "odd.csv"
    table = pd.read_csv(files[0]).astype(object)
    table.loc[7, "b"] = "confidential"
    table.to_csv(odd, index=False)
    with caplog.at_level(logging.CRITICAL):
        for path, words in [(odd, "'b'"), (tmp_path / "none.csv", "does not exist")]:
            reply = discreet(message, context(path), clear)
            assert reply.has_error()
            assert words in reply.error.reason
            assert "confidential" not in reply.error.reason
