"""Lazy exports: a package lists its public names; each is imported when first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def exports(
    package: str, table: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__, __dir__, __all__` of a package whose names live in submodules.

    `table` maps a public name to the submodule that defines it, relative to `package`.
    """

    def getattribute(name: str) -> Any:
        if name not in table:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{table[name]}"), name)

    return getattribute, lambda: sorted(table), sorted(table)
