"""Finished pieces of long evidence, kept so that a stopped run goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any


def code_digest(names: Sequence[str]) -> str:
    """A digest of modules of the package ("bench/notears_al" ...), from which figures come."""
    here = Path(__file__).parent.parent
    text = b"".join((here / f"{name}.py").read_bytes() for name in names)
    return hashlib.sha256(text).hexdigest()[:12]


class Kept:
    """Finished pieces of work, one a line of a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done = dict(self._lines()) if path.exists() else {}

    def _lines(self) -> Iterator[tuple[str, Any]]:
        for line in self.path.read_text("utf-8").splitlines():
            try:
                key, value = json.loads(line)
            except ValueError:
                continue  # a line that a stopped run left half written
            yield key, value

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """The piece, made now if it was not kept."""
        if key not in self.done:
            self.done[key] = make()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, self.done[key]]) + "\n")
        return self.done[key]
