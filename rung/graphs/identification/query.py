"""Interventional: the distribution that an identification algorithm is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rung.core.errors import InputError

Names = str | Iterable[str]


def several(names: Names) -> tuple[str, ...]:
    """Names as a tuple without repeats."""
    return (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Interventional:
    """P(outcomes | do(treatments), given).

    Parameters
    ----------
    outcomes : name or names
    do : name or names that are set; none for the observed distribution
    given : name or names whose values are seen after setting

    Raises
    ------
    InputError
        No outcome, or a name in two roles.
    """

    outcomes: tuple[str, ...]
    do: tuple[str, ...] = ()
    given: tuple[str, ...] = field(default=(), kw_only=True)

    def __init__(self, outcomes: Names, do: Names = (), *, given: Names = ()) -> None:
        y, x, z = several(outcomes), several(do), several(given)
        if not y:
            raise InputError("there is no outcome: name at least one")
        for a, b in ((y, x), (y, z), (x, z)):
            if both := set(a) & set(b):
                raise InputError(
                    f"{', '.join(sorted(both))} has two roles; outcomes, do and given must differ"
                )
        object.__setattr__(self, "outcomes", y)
        object.__setattr__(self, "do", x)
        object.__setattr__(self, "given", z)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, outcomes first."""
        return (*self.outcomes, *self.do, *self.given)

    def __str__(self) -> str:
        from .render import plain

        y, x, z = (", ".join(map(plain, n)) for n in (self.outcomes, self.do, self.given))
        right = [*([f"do({x})"] if x else []), *([z] if z else [])]
        return f"P({y}{' | ' if right else ''}{', '.join(right)})"
