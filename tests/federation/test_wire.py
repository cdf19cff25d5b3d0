"""Who is waited for, what is late, what the transcript notes: with a grid that follows a script."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from rung.bench.pictures import replies
from rung.federation.transcript import Transcript, read, records, traffic
from rung.federation.wire import Wire
from rung.report.svg import BLUE


def message(node: int, round_: str = "1", asked: str = "", error: str | None = None) -> Any:
    content = SimpleNamespace(array_records={}, metric_records={}, config_records={})
    meta = SimpleNamespace(dst_node_id=node, src_node_id=node, reply_to_message_id=asked,
                           group_id=round_, message_type="train")  # fmt: skip
    return SimpleNamespace(metadata=meta, content=content, has_error=lambda: error is not None,
                           error=SimpleNamespace(reason=error, code=0))  # fmt: skip


@dataclass
class Scripted:
    """A grid whose node `n` answers message k after delays[n][k] seconds, never if None."""

    delays: dict[int, list[float | None]]
    errors: dict[int, str] = field(default_factory=dict)
    due: dict[str, tuple[float, Any]] = field(default_factory=dict)

    def get_node_ids(self) -> list[int]:
        return list(self.delays)

    def push_messages(self, messages: Iterable[Any]) -> list[str]:
        ids = []
        for m in messages:
            node = m.metadata.dst_node_id
            ids.append(f"{node}/{m.metadata.group_id}")
            delay = self.delays[node].pop(0)
            if delay is not None:
                reply = message(node, m.metadata.group_id, ids[-1], self.errors.get(node))
                self.due[ids[-1]] = (time.monotonic() + delay, reply)
        return ids

    def pull_messages(self, ids: Iterable[str]) -> list[Any]:
        ready = [i for i in ids if i in self.due and self.due[i][0] <= time.monotonic()]
        return [self.due.pop(i)[1] for i in ready]


def wire(grid: Scripted, path: Path, timeout: float = 1.0) -> Wire:
    return Wire(grid, Transcript(path), timeout)


def ask(w: Wire, round_: int, nodes: list[int]) -> list[int]:
    replies = w.send_and_receive([message(n, str(round_)) for n in nodes])
    return sorted(m.metadata.src_node_id for m in replies)


def test_a_round_ends_when_all_have_answered(tmp_path: Path) -> None:
    began = time.monotonic()
    w = wire(Scripted({1: [0.0], 2: [0.3]}), tmp_path / "t", 30.0)
    assert ask(w, 1, [1, 2]) == [1, 2]
    assert time.monotonic() - began < 5.0


def test_a_late_reply_is_discarded_and_the_site_waited_for_again(tmp_path: Path) -> None:
    # node 2: round 1 comes after the timeout, during round 2; rounds 2 and 3 in time
    w = wire(Scripted({1: [0.0, 0.6, 0.0], 2: [1.3, 0.0, 0.4]}), tmp_path / "t")
    assert ask(w, 1, [1, 2]) == [1]
    assert w.away == {2}
    assert ask(w, 2, [1, 2]) == [1, 2]
    assert w.discarded == [{"site": "node 2", "round": "1"}]
    assert w.away == set()
    assert ask(w, 3, [1, 2]) == [1, 2]
    ways = [(line["way"], line["site"], line["round"]) for line in read(tmp_path / "t")]
    assert ("late, discarded", "node 2", "1") in ways
    assert ("received", "node 2", "1") not in ways


def test_a_site_that_is_gone_costs_one_timeout_only(tmp_path: Path) -> None:
    w = wire(Scripted({1: [0.0] * 6, 2: [None] * 6}), tmp_path / "t")
    assert ask(w, 1, [1, 2]) == [1]
    began = time.monotonic()
    for round_ in range(2, 7):
        assert ask(w, round_, [1, 2]) == [1]
    assert time.monotonic() - began < 1.0


def test_what_a_site_refuses_is_told_and_counts_as_no_absence(tmp_path: Path) -> None:
    w = wire(Scripted({1: [0.0], 2: [0.0]}, {2: "there is no column 'y'"}), tmp_path / "t", 30.0)
    replies = w.send_and_receive([message(1), message(2)])
    assert [m.has_error() for m in replies] == [False, True]
    assert w.complaints() == " The sites said: node 2: there is no column 'y'."
    assert read(tmp_path / "t")[-1]["error"] == "there is no column 'y'"


def test_the_transcript_has_names_shapes_and_bytes_and_no_values(tmp_path: Path) -> None:
    secret = np.array([[123456.789, 1.0]])
    array = SimpleNamespace(shape=(1, 2), dtype="float64", data=secret.tobytes())
    content = SimpleNamespace(
        array_records={"reply": {"sums": array}},
        metric_records={"m": {"n": 7}},
        config_records={"c": {"word": "geheim", "many": [b"abc", b"de"], "none": []}},
    )
    found = {entry["name"]: entry for entry in records(content)}
    assert found["sums"]["shape"] == [1, 2]
    assert found["sums"]["bytes"] == 16
    assert found["many"] == {"record": "c", "name": "many", "kind": "config", "shape": [2],
                             "dtype": "bytes", "bytes": 5}  # fmt: skip
    assert "123456" not in json.dumps(records(content))
    assert "geheim" not in json.dumps(records(content))
    lines = [{"way": "sent", "round": "1", "site": "a", "bytes": 3},
             {"way": "received", "round": "1", "site": "a", "bytes": 5},
             {"way": "late, discarded", "round": "1", "site": "b", "bytes": 7}]  # fmt: skip
    assert traffic(lines) == {"1": {"a": {"to the site": 3, "from the site": 5},
                                    "b": {"from the site": 7}}}  # fmt: skip


def test_the_picture_has_a_bar_for_each_reply_of_a_round() -> None:
    lines = [{"time": t, "way": way, "round": r, "site": site}
             for t, way, r, site in [(0.0, "received", "0", "site-1"), (1.0, "sent", "1", "site-1"),
                                     (1.0, "sent", "1", "site-2"), (2.0, "received", "1", "site-1"),
                                     (4.0, "late, discarded", "1", "site-2"),
                                     (5.0, "received", "2", "site-1")]]  # fmt: skip
    drawn = replies(lines).text
    assert drawn.count(f'stroke="{BLUE}"') == 2
    assert "site-2" in drawn
