"""The transcript: what travelled, by name, shape, type and size; never a value."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np


class Transcript:
    """Writes one JSON line for each message, as it is sent or as it arrives.

    Parameters
    ----------
    path : path
        A new file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_text("", "utf-8")

    def write(self, way: str, site: str, message: Any, **more: Any) -> None:
        """Note a message: `way` is "sent", "received" or "late, discarded"."""
        line: dict[str, Any] = {"time": round(time.time(), 3), "way": way, "site": site}
        line["round"] = message.metadata.group_id
        line["message"] = message.metadata.message_type
        if message.has_error():
            line["error"] = str(message.error.reason or f"code {message.error.code}")
        else:
            line["records"] = records(message.content)
            line["bytes"] = sum(record["bytes"] for record in line["records"])
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, **more}) + "\n")


def records(content: Any) -> list[dict[str, Any]]:
    """Name, kind, shape, type and bytes of every entry of a message's content."""
    out = []
    for record, table in content.array_records.items():
        for name, array in table.items():
            out.append({"record": record, "name": name, "kind": "array",
                        "shape": list(array.shape), "dtype": array.dtype,
                        "bytes": len(array.data)})  # fmt: skip
    for kind in ("metric_records", "config_records"):
        for record, table in getattr(content, kind).items():
            for name, value in table.items():
                out.append({"record": record, "name": name, "kind": kind[:-8], **_plain(value)})
    return out


def _plain(value: Any) -> dict[str, Any]:
    """Shape, type and bytes of a number, text or list."""
    if isinstance(value, list):
        parts = [_plain(v) for v in value]
        shapes = [p["shape"] for p in parts]
        return {"shape": [len(value)], "dtype": parts[0]["dtype"] if parts else "empty",
                "bytes": sum(p["bytes"] for p in parts),
                **({"shapes": shapes} if any(shapes) else {})}  # fmt: skip
    if isinstance(value, bytes):
        array = _array(value)
        if array is not None:
            return {"shape": list(array.shape), "dtype": str(array.dtype), "bytes": len(value)}
        return {"shape": [], "dtype": "bytes", "bytes": len(value)}
    if isinstance(value, str):
        return {"shape": [], "dtype": "text", "bytes": len(value.encode())}
    return {"shape": [], "dtype": type(value).__name__, "bytes": 8}


def _array(value: bytes) -> np.ndarray[Any, Any] | None:
    """The array that the bytes hold in numpy's own format, if they do."""
    if not value.startswith(b"\x93NUMPY"):
        return None
    return np.asarray(np.load(BytesIO(value), allow_pickle=False))


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a transcript; a last line that is still being written is left out."""
    lines = path.read_text("utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def traffic(lines: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Bytes sent to and received from each site in each round, from a transcript's lines."""
    out: dict[str, dict[str, dict[str, int]]] = {}
    for line in lines:
        way = "to the site" if line["way"] == "sent" else "from the site"
        here = out.setdefault(line["round"], {}).setdefault(line["site"], {})
        here[way] = here.get(way, 0) + line.get("bytes", 0)
    return out
