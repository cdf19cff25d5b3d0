"""Real data sets, and simulated ones with known answers, ready to load by name.

Sources and licences stand in `rung/datasets/files/README.md` and in `info(name)`.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

from ..core.data import Data
from ..core.errors import InputError, NotSupported, unknown
from ..core.graph import Graph
from .entry import Entry, Info, KnownEffect

__all__ = ["Info", "KnownEffect", "info", "known_effect", "load", "names", "truth"]

_ENTRIES = {  # name: module, the Entry in it
    "sachs": ("sachs", "ENTRY"),
    "asia": ("networks", "ENTRY"),
    "alarm": ("networks", "MONITOR"),
    "card": ("card", "ENTRY"),
    "nsw": ("nsw", "ENTRY"),
    "nsw_cps": ("nsw", "COMPARISON"),
    "nsw_psid": ("nsw", "INCOME_PANEL"),
    "ihdp": ("ihdp", "ENTRY"),
    "ihdp_a": ("ihdp", "LINEAR"),
    **{f"acic_{k}": ("acic", f"ENTRY_{k}") for k in range(1, 11)},
}


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return tuple(_ENTRIES)


def _entry(name: str) -> Entry:
    if name not in _ENTRIES:
        raise unknown(name, _ENTRIES, "data set")
    module, attribute = _ENTRIES[name]
    entry: Entry = getattr(import_module(f"{__name__}.{module}"), attribute)
    return entry


def info(name: str) -> Info:
    """Title, source, licence, reference, size, variables and truths of a data set.

    Raises
    ------
    UnknownName
        If there is no such data set.
    """
    return _entry(name).info


def load(name: str, *, n: int | None = None, seed: int | np.random.Generator = 0) -> Data:
    """The rows of a data set.

    Parameters
    ----------
    name : str
        One of `names()`.
    n : int, optional
        Number of rows, for data sets drawn on demand (asia, alarm; 10,000 if not given).
    seed : int or Generator
        Used where rows or outcomes are drawn (asia, alarm, ihdp, ihdp_a).

    Raises
    ------
    UnknownName
        If there is no such data set.
    InputError
        If `n` is given for a data set with measured rows.
    MissingExtra
        If the data set is read from a package that is not installed.
    """
    return _entry(name).rows(n, np.random.default_rng(seed))


def truth(name: str, *, version: str | None = None) -> Graph:
    """The true graph of a data set.

    Parameters
    ----------
    version : str, optional
        One of `info(name).truths`; needed where there are several.

    Raises
    ------
    NotSupported
        If no true graph is known.
    InputError
        If there are several and none was chosen.
    UnknownName
        If there is no such data set or version.
    """
    graphs = _entry(name).graphs
    if not graphs:
        raise NotSupported(f"no true graph is known for {name!r}; see rung.datasets.info({name!r})")
    if version is None and len(graphs) > 1:
        raise InputError(
            f"{name!r} has {len(graphs)} published graphs; say which: "
            + ", ".join(f"version={v!r}" for v in graphs)
        )
    version = next(iter(graphs)) if version is None else version
    if version not in graphs:
        raise unknown(version, graphs, f"version of the true graph of {name}")
    return graphs[version]()


def known_effect(name: str, *, seed: int = 0) -> KnownEffect:
    """The effect that is known for `load(name, seed=seed)`.

    Raises
    ------
    NotSupported
        If no effect is known.
    UnknownName
        If there is no such data set.
    """
    known = _entry(name).effect
    if known is None:
        raise NotSupported(f"no effect is known for {name!r}; see rung.datasets.info({name!r})")
    return known(np.random.default_rng(seed))
