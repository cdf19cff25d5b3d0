"""Errors: one root, each also a builtin; messages say what was wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class RungError(Exception):
    """Root of every error that rung raises on purpose."""


class InputError(RungError, ValueError):
    """A value, file or option that cannot be used as given."""


class UnknownName(RungError, KeyError):
    """A name that the object at hand does not have."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class MissingCells(InputError):
    """Missing cells met by a verb to which no policy was declared."""


class NotIdentified(RungError, ValueError):
    """The effect asked for is not a function of the observed distribution.

    Parameters
    ----------
    hedge : the structure that blocks it (`rung.graphs.Hedge`); None where another reason does
    advice : variables or experiments that would identify it, in words
    """

    def __init__(self, message: str, *, hedge: Any = None, advice: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.hedge, self.advice = hedge, advice


class NeedsRows(RungError, TypeError):
    """A source without rows was asked for something only rows can answer."""


class ReadOnlySite(RungError, TypeError):
    """An intervention on a site that can be read but not written."""


class NotSupported(RungError, NotImplementedError):
    """A combination that is meaningful but that this object does not offer."""


class Overlap(RungError, ValueError):
    """Positivity fails in the data: treated and control units are not comparable."""


class KnowledgeConflict(InputError):
    """Pieces of background knowledge that cannot hold together."""


class FileProblem(RungError, OSError):
    """A file that cannot be read or written."""


class MissingExtra(RungError, ImportError):
    """An optional package is needed; the message names the extra to install."""


def unknown(name: object, known: Iterable[str], what: str = "variable") -> UnknownName:
    """The error for an unknown name, with the nearest known ones.

    >>> print(unknown("aeg", ["age", "sex"]))
    unknown variable 'aeg'; nearest: 'age'. Known: 'age', 'sex'
    """
    names = [str(k) for k in known]
    lowered = {k.lower(): k for k in names}
    near = get_close_matches(str(name), names, n=3, cutoff=0.5)
    near += [lowered[k] for k in get_close_matches(str(name).lower(), list(lowered), n=3)]
    near = list(dict.fromkeys(near))
    text = f"unknown {what} {str(name)!r}"
    if near:
        text += "; nearest: " + ", ".join(repr(k) for k in near)
    shown = ", ".join(repr(k) for k in names[:12]) + (" ..." if len(names) > 12 else "")
    return UnknownName(f"{text}. Known: {shown}" if names else f"{text}; there are none")
