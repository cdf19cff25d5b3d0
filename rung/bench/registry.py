"""What is exported, derived from `__all__`: plugs, command-line names, the reference page.

And the entries of `rung evidence` and `rung bench`: modules of this package with NAME, CLAIM,
KIND ("evidence" or "benchmark") and `run(seeds) -> Row`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import os
import pkgutil
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core.errors import FileProblem, InputError, unknown
from ..core.mechanism import MechanismSpec
from ..pipeline.options import estimators, learners

__all__ = [
    "Row", "estimators", "exported", "is_plug", "learners", "list_bench", "list_evidence",
    "reference", "run_bench", "run_evidence",
]  # fmt: skip

RESULTS = Path(__file__).parent / "results"


def exported(family: str) -> dict[str, Any]:
    """Name -> object of what `rung.<family>` exports."""
    module = importlib.import_module(f"rung.{family}")
    return {name: getattr(module, name) for name in module.__all__}


def is_plug(item: Any) -> bool:
    """Whether an exported object is a class that `rung.check` has laws for."""
    if not inspect.isclass(item):
        return False
    shapes = ("learn", "client", "on", "estimate")
    return issubclass(item, MechanismSpec) or any(callable(getattr(item, s, None)) for s in shapes)


def reference() -> str:
    """The reference page: one line for each public name, from `__all__` and docstrings.

    Dataclass fields are listed, and the command-line names of learners and estimators.
    """
    commands = {item: name for name, item in {**learners(), **estimators()}.items()}
    root = importlib.import_module("rung")
    packages = sorted(m.name for m in pkgutil.iter_modules(root.__path__) if m.ispkg)
    out = ["# Reference", "", "Every public name; `help(name)` says more.", ""]
    for name in ["rung", *(f"rung.{package}" for package in packages)]:
        module = importlib.import_module(name)
        public = sorted(getattr(module, "__all__", []), key=str.lower)
        out += [f"## {name}", "", _first(module), ""] if public else []
        out += [_line(f"{name}.{item}", getattr(module, item), commands) for item in public]
        out += [""] if public else []
    return "\n".join(out)


def _line(dotted: str, item: Any, commands: Mapping[type, str]) -> str:
    out = f"- `{dotted}`: {_first(item)}"
    if inspect.isclass(item) and dataclasses.is_dataclass(item):
        fields = [f.name for f in dataclasses.fields(item) if f.init and f.name[0] != "_"]
        out += f" Fields: {', '.join(fields)}." if fields else ""
        out += f" On the command line: {commands[item]}." if item in commands else ""
    return out


def _first(item: Any) -> str:
    """First paragraph of the docstring on one line."""
    return " ".join((inspect.getdoc(item) or "").split("\n\n")[0].split())


@dataclass(frozen=True)
class Row:
    """The outcome of one evidence or benchmark entry.

    `holds` says whether the claim held, None where an entry only measures.
    """

    name: str
    claim: str
    figures: Mapping[str, Any]
    holds: bool | None
    seeds: int
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    date: str = ""
    machine: Mapping[str, Any] = field(default_factory=dict)


def entries(kind: str) -> dict[str, ModuleType]:
    """NAME -> module, for the modules of this package of that KIND."""
    package = importlib.import_module(__package__ or "rung.bench")
    found = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        place = Path(package.__path__[0]) / info.name
        if _declares(place / "__init__.py" if info.ispkg else place.with_suffix(".py")):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            if getattr(module, "KIND", None) == kind:
                found[str(module.NAME)] = module
    return found


def _declares(file: Path) -> bool:
    return file.exists() and re.search(r"^NAME = ", file.read_text("utf-8"), re.M) is not None


def list_evidence(results: Path = RESULTS) -> list[dict[str, Any]]:
    """One row for each evidence entry: the stored outcome, or empty figures if never run."""
    return _listed("evidence", results)


def list_bench(results: Path = RESULTS) -> list[dict[str, Any]]:
    """One row for each benchmark entry."""
    return _listed("benchmark", results)


def run_evidence(
    name: str, seeds: int | None = None, *, results: Path | None = RESULTS
) -> dict[str, Any]:
    """Run an evidence entry and store its row (not if `results` is None)."""
    return _run("evidence", name, seeds, results)


def run_bench(
    name: str, seeds: int | None = None, *, results: Path | None = RESULTS, **options: Any
) -> dict[str, Any]:
    """Run a benchmark entry and store its row (not if `results` is None).

    Options are those of the entry's `run`; InputError names one that it does not have.
    """
    return _run("benchmark", name, seeds, results, options)


def _listed(kind: str, results: Path) -> list[dict[str, Any]]:
    out = []
    for name, module in entries(kind).items():
        empty = Row(name, module.CLAIM, {}, None, 0)
        stored = results / f"{name}.json"
        if stored.exists():
            out.append({**dataclasses.asdict(empty), **json.loads(stored.read_text("utf-8"))})
        else:
            out.append(dataclasses.asdict(empty))
    return out


def _run(
    kind: str,
    name: str,
    seeds: int | None,
    results: Path | None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    known, given = entries(kind), dict(options or {})
    if name not in known:
        raise unknown(name, known, f"{kind} entry")
    if seeds is not None and seeds < 1:
        raise InputError(f"seeds={seeds}: expected a positive number")
    if results is not None:
        _writable(results)
    begin = time.perf_counter()
    module = known[name]
    takes = inspect.signature(module.run).parameters
    for option in given:
        if option not in takes:
            raise InputError(f"{name} has no option {option!r}; it takes {', '.join(takes)}")
    row: Row = module.run(**given) if seeds is None else module.run(seeds=seeds, **given)
    row = dataclasses.replace(
        row,
        seconds=round(time.perf_counter() - begin, 2),
        versions=versions(),
        machine=machine(),
        date=datetime.now(UTC).date().isoformat(),
    )
    plain = json.loads(json.dumps(dataclasses.asdict(row), default=float))
    if results is not None:
        write(results / f"{name}.json", json.dumps(plain, indent=1, sort_keys=True) + "\n")
    return dict(plain)


def _writable(folder: Path) -> None:
    """Raise now, not after an hour's run, if the folder cannot take the row."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise FileProblem(f"cannot write into {folder}: {error}. Pass results=") from None


def write(path: Path, text: str) -> None:
    """Write a text file aside and rename it, so that a reader never sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as f:
            f.write(text)
        os.chmod(f.name, 0o644)
        os.replace(f.name, path)
    except OSError as error:
        raise FileProblem(f"cannot write {path}: {error}. Free space or pass results=") from None


def versions() -> dict[str, str]:
    """Versions of rung, of Python and of the libraries that decide numbers."""
    from importlib.metadata import PackageNotFoundError, version
    from platform import python_version

    out = {"python": python_version()}
    for package in ("rung", "numpy", "scipy", "numba", "scikit-learn", "torch"):
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            continue
    return out


def machine() -> dict[str, Any]:
    """Processor model, cores that may be used, memory in GiB, system."""
    import platform

    model = platform.processor() or platform.machine()
    memory = None
    info, mem = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    if info.exists():
        named = re.search(r"^model name\s*:\s*(.+)$", info.read_text("utf-8"), re.M)
        model = named.group(1) if named else model
    if mem.exists():
        total = re.search(r"^MemTotal:\s*(\d+)", mem.read_text("utf-8"), re.M)
        memory = round(int(total.group(1)) / 2**20) if total else None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": model, "cores": cores, "memory_gib": memory, "system": platform.system()}
