"""Decisions and suspicions in a fixed form of words, so that they can be read back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_FORM = re.compile(
    r"suspected (?P<what>[a-z -]+) in (?P<column>\"(?:[^\"\\]|\\.)*\"): "
    r"(?P<value>.+?) \((?P<count>\d+) cells?\), not applied; (?P<suggestion>.*)",
    re.S,
)


def suspicion(what: str, column: str, value: Any, count: int, suggestion: str) -> str:
    """A sentence about something that was seen but not acted on."""
    cells = "cell" if count == 1 else "cells"
    name = json.dumps(column, ensure_ascii=False)
    shown = json.dumps(value, ensure_ascii=False)
    return f"suspected {what} in {name}: {shown} ({count} {cells}), not applied; {suggestion}"


def parse_suspicions(decisions: Iterable[str]) -> list[dict[str, Any]]:
    """{column, what, value, count, suggestion} of each suspicion among decisions."""
    found = []
    for text in decisions:
        match = _FORM.fullmatch(text)
        if match is None:
            continue
        found.append(
            {
                "column": json.loads(match["column"]),
                "what": match["what"],
                "value": json.loads(match["value"]),
                "count": int(match["count"]),
                "suggestion": match["suggestion"],
            }
        )
    return found
