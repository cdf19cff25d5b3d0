"""Frozen values as JSON and arrays, and back: only classes of rung, by qualified name."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import importlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import FileProblem, NotSupported
from ..core.result import lock

_ROOT = __name__.split(".")[0]
TAG = "$"


def is_ours(cls: type) -> bool:
    """True for a dataclass or enumeration that is defined in rung, at the top of a module."""
    ours = cls.__module__ == _ROOT or cls.__module__.startswith(_ROOT + ".")
    kind = dataclasses.is_dataclass(cls) or issubclass(cls, enum.Enum)
    return ours and kind and "<" not in cls.__qualname__


def _name(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


class Encoder:
    """Turns values into JSON nodes; arrays are collected in `arrays`."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []
        self._seen: dict[int, int] = {}
        self._places: dict[int, int] = {}
        self._alive: list[Any] = []  # ids stay valid while the objects live

    def encode(self, value: Any, where: str) -> Any:
        """The node of a value; `where` names the place for messages.

        Raises
        ------
        NotSupported
            For functions, and objects of classes from outside rung.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {TAG: "float", "v": repr(value)}
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        if isinstance(value, np.generic):
            return {TAG: "scalar", "i": self._store(np.asarray(value))}
        if isinstance(value, enum.Enum):
            self._ours(type(value), where)
            return {TAG: "enum", "c": _name(type(value)), "v": self.encode(value.value, where)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._object(value, where)
        return self._container(value, where)

    def _container(self, value: Any, where: str) -> Any:
        if type(value) is list:
            return [self.encode(v, f"{where}[{i}]") for i, v in enumerate(value)]
        if isinstance(value, tuple):
            items = [self.encode(v, f"{where}[{i}]") for i, v in enumerate(value)]
            return {TAG: "tuple", "v": items}
        if isinstance(value, Mapping):
            return self._mapping(value, where)
        if isinstance(value, frozenset | set):
            ordered = sorted(value, key=repr)
            kind = "frozenset" if isinstance(value, frozenset) else "set"
            return {TAG: kind, "v": [self.encode(v, where) for v in ordered]}
        if isinstance(value, datetime.datetime | datetime.date):
            return {TAG: type(value).__name__, "v": value.isoformat()}
        if isinstance(value, Path):
            return {TAG: "path", "v": str(value)}
        if isinstance(value, bytes):
            return {TAG: "bytes", "i": self._store(np.frombuffer(value, dtype=np.uint8))}
        if isinstance(value, range):
            return {TAG: "range", "v": [value.start, value.stop, value.step]}
        if isinstance(value, str):  # a subclass
            return str(value)
        raise NotSupported(_refusal(value, where))

    def _mapping(self, value: Mapping[Any, Any], where: str) -> Any:
        if all(type(k) is str for k in value) and TAG not in value:
            return {k: self.encode(v, f"{where}[{k!r}]") for k, v in value.items()}
        pairs = [
            [self.encode(k, where), self.encode(v, f"{where}[{k!r}]")] for k, v in value.items()
        ]
        return {TAG: "dict", "v": pairs}

    def _array(self, value: NDArray[Any], where: str) -> Any:
        if value.dtype.hasobject:
            items = [self.encode(v, where) for v in value.ravel().tolist()]
            return {TAG: "objects", "shape": list(value.shape), "v": items}
        node: dict[str, Any] = {TAG: "array", "i": self._store(np.asarray(value))}
        return node if not value.flags.writeable else {**node, "w": True}

    def _store(self, array: NDArray[Any]) -> int:
        if id(array) not in self._places:
            self._places[id(array)] = len(self.arrays)
            self.arrays.append(array)
        return self._places[id(array)]

    def _object(self, value: Any, where: str) -> Any:
        if id(value) in self._seen:
            return {TAG: "ref", "n": self._seen[id(value)]}
        cls = type(value)
        self._ours(cls, where)
        fields = {
            f.name: self.encode(getattr(value, f.name), f"{where}.{f.name}")
            for f in dataclasses.fields(value)
        }
        number = self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        return {TAG: "object", "c": _name(cls), "n": number, "f": fields}

    def _ours(self, cls: type, where: str) -> None:
        if not is_ours(cls):
            raise NotSupported(
                f"{where} is a {cls.__module__}.{cls.__qualname__}, a class from outside rung (or "
                "defined inside a function), which cannot be saved without a pickle; save its "
                "parts, or make it anew after loading"
            )


def _refusal(value: Any, where: str) -> str:
    what = "a function" if callable(value) else f"a {type(value).__module__}.{type(value).__name__}"
    return (
        f"{where} is {what}, which cannot be saved without a pickle: leave it out, or make it "
        "anew after loading"
    )


class Decoder:
    """Turns JSON nodes back into values."""

    def __init__(self, arrays: list[NDArray[Any]]) -> None:
        self._arrays = arrays
        self._objects: dict[int, Any] = {}
        self._makers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "float": lambda node: float(node["v"]),
            "scalar": lambda node: arrays[node["i"]][()],
            "tuple": lambda node: tuple(map(self.decode, node["v"])),
            "frozenset": lambda node: frozenset(map(self.decode, node["v"])),
            "set": lambda node: set(map(self.decode, node["v"])),
            "dict": lambda node: {self.decode(k): self.decode(v) for k, v in node["v"]},
            "datetime": lambda node: datetime.datetime.fromisoformat(node["v"]),
            "date": lambda node: datetime.date.fromisoformat(node["v"]),
            "path": lambda node: Path(node["v"]),
            "bytes": lambda node: arrays[node["i"]].tobytes(),
            "range": lambda node: range(*node["v"]),
            "array": self._array,
            "objects": self._objects_array,
            "enum": lambda node: _class(node["c"])(self.decode(node["v"])),
            "object": self._object,
            "ref": lambda node: self._objects[node["n"]],
        }

    def decode(self, node: Any) -> Any:
        """The value of a node.

        Raises
        ------
        FileProblem
            For a class that rung does not have, or a node of unknown sort.
        """
        if isinstance(node, list):
            return [self.decode(v) for v in node]
        if not isinstance(node, dict):
            return node
        if TAG not in node:
            return {k: self.decode(v) for k, v in node.items()}
        maker = self._makers.get(node[TAG])
        if maker is None:
            raise FileProblem(f"holds a value of unknown sort {node[TAG]!r}; update rung")
        return maker(node)

    def _array(self, node: dict[str, Any]) -> NDArray[Any]:
        array = self._arrays[node["i"]]
        return array.copy() if node.get("w") else lock(array)

    def _objects_array(self, node: dict[str, Any]) -> NDArray[Any]:
        items = [self.decode(v) for v in node["v"]]
        out = np.empty(len(items), dtype=object)
        out[:] = items
        return lock(out.reshape(node["shape"]))

    def _object(self, node: dict[str, Any]) -> Any:
        cls: Any = _class(node["c"])
        if not hasattr(cls, "__dataclass_fields__"):
            raise FileProblem(f"names {node['c']!r}, which holds no fields")
        known = {f.name: f for f in dataclasses.fields(cls)}
        strange = [name for name in node["f"] if name not in known]
        if strange:
            raise FileProblem(f"gives {cls.__name__} a field {strange[0]!r} that it does not have")
        values = {name: self.decode(v) for name, v in node["f"].items()}
        made = cls(**{k: v for k, v in values.items() if known[k].init})
        for name, value in values.items():
            if not known[name].init:
                object.__setattr__(made, name, value)
        self._objects[node["n"]] = made
        return made


def _class(path: str) -> Any:
    """A class of rung by its qualified name; anything else is refused."""
    module, _, name = str(path).partition(":")
    if module != _ROOT and not module.startswith(_ROOT + "."):
        raise FileProblem(f"names the class {path!r}; only classes of rung are loaded")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        raise FileProblem(f"names the class {path!r}, which this version does not have") from None
    if not isinstance(found, type) or not is_ours(found) or _name(found) != path:
        raise FileProblem(f"names {path!r}, which is not a frozen class of rung")
    return found
