"""The coordinator's end of Flower's Message API: who is there, who answered, who is late."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from .records import ABOUT
from .transcript import Transcript

POLL = 0.25  # seconds between looks for replies
LIVES = 10.0  # a message lives for so many timeouts, so that a late reply is seen, and discarded


class Wire:
    """Sends to sites and gathers what comes back within the timeout; everything is noted.

    A site that does not answer in time is no longer waited for; it is still asked, and waited for
    again once it has shown that it is back, by an answer in time or late.

    Parameters
    ----------
    grid : flwr Grid
    transcript : Transcript
    timeout : float
        Seconds.
    """

    def __init__(self, grid: Any, transcript: Transcript, timeout: float) -> None:
        self._grid, self._transcript, self._timeout = grid, transcript, timeout
        self.labels: dict[int, str] = {}
        self.refusals: dict[str, str] = {}
        self.away: set[int] = set()
        self._late: dict[str, int] = {}
        self.discarded: list[dict[str, str]] = []

    def label(self, node: int) -> str:
        """The site's name for itself, or its number while that is unknown."""
        return self.labels.get(node, f"node {node}")

    def complaints(self) -> str:
        """What sites answered instead of a reply, in a sentence; empty if nothing."""
        said = [f"{site}: {reason}" for site, reason in sorted(self.refusals.items())]
        return f" The sites said: {'; '.join(said)}." if said else ""

    def nodes(self) -> list[int]:
        """The sites that are connected."""
        return sorted(self._grid.get_node_ids())

    def wait_for(self, sites: int, seconds: float) -> list[int]:
        """The connected sites, once there are `sites` of them or `seconds` have passed."""
        end = time.monotonic() + seconds
        while len(self.nodes()) < sites and time.monotonic() < end:
            time.sleep(POLL)
        return self.nodes()

    def ask(self, content: Any, kind: str, round_: str, nodes: Sequence[int]) -> dict[int, Any]:
        """Send the same content to `nodes`; the replies without an error, by node."""
        from flwr.app import Message

        life = LIVES * self._timeout
        messages = [
            Message(content, dst_node_id=n, message_type=kind, group_id=round_, ttl=life)
            for n in nodes
        ]
        replies = self.send_and_receive(messages, timeout=self._timeout)
        return {m.metadata.src_node_id: m for m in replies if not m.has_error()}

    def send_and_receive(
        self, messages: Iterable[Any], *, timeout: float | None = None
    ) -> list[Any]:
        """What a Grid does, with late sites not waited for; SecAgg+ calls it for every stage."""
        messages = list(messages)
        for message in messages:
            node = message.metadata.dst_node_id
            self._transcript.write("sent", self.label(node), message)
        ids = list(self._grid.push_messages(messages))
        waiting = {i: m.metadata.dst_node_id for i, m in zip(ids, messages, strict=True) if i}
        awaited = set(waiting.values()) - self.away or set(waiting.values())
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        replies: list[Any] = []
        while True:
            replies += self._pull(waiting)
            if not awaited & set(waiting.values()) or time.monotonic() >= end:
                break
            time.sleep(POLL)
        self.away |= set(waiting.values())
        self._late |= waiting
        return replies

    def _pull(self, waiting: dict[str, int]) -> list[Any]:
        """Replies to this round; replies to earlier ones are noted and thrown away."""
        replies = []
        for message in self._grid.pull_messages([*waiting, *self._late]):
            asked = message.metadata.reply_to_message_id
            node = waiting.pop(asked, None)
            way = "received"
            if node is None:
                node, way = self._late.pop(asked, 0), "late, discarded"
            self._named(node, message)
            if way != "received" and not message.has_error():
                entry = {"site": self.label(node), "round": message.metadata.group_id}
                self.discarded.append(entry)
            self._transcript.write(way, self.label(node), message)
            if message.has_error():
                self.refusals[self.label(node)] = str(message.error.reason)
            if way == "received":
                replies.append(message)
            if not message.has_error():
                self.away.discard(node)
        return replies

    def _named(self, node: int, message: Any) -> None:
        """Remember the name that a site gives itself."""
        if not message.has_error() and ABOUT in message.content.config_records:
            self.labels[node] = str(message.content.config_records[ABOUT]["site"])
