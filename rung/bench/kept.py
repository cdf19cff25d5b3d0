"""Finished pieces of a long measurement, so that a stopped run goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


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
        """The piece under a key, made if the file lacks it."""
        if key not in self.done:
            self.done[key] = make()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, self.done[key]]) + "\n")
        return self.done[key]
