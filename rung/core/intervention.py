"""Interventions: frozen, composable descriptions of what is changed.

Several on one variable compose from left to right: `Do("x", 1), Shift("x", 2)` sets x to 3.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError
from .variable import Variable

if TYPE_CHECKING:
    from .data import Data
    from .mechanism import StructuralMechanism


@dataclass(frozen=True)
class Context:
    """What an intervention may look at when it is applied.

    Parameters
    ----------
    variable : Variable
        The variable that is intervened on.
    n : int
        Number of units.
    values : mapping of str to (n, *shape) arrays
        Internal values of the variables computed so far (every variable in `reads` is there).
    elsewhere : callable
        `elsewhere(units, interventions)`: the variable's value (n, *shape) for other units
        (None: the same) under other interventions.
    noise : callable
        The variable's own exogenous noise (n, ...), the same in every world.
    described : mapping of str to Variable
        The variables behind `values`.
    draws : int
        How often the same units stand one after the other in the n rows.
    """

    variable: Variable
    n: int
    values: Mapping[str, NDArray[Any]]
    elsewhere: Callable[[Data | None, tuple[Intervention, ...]], NDArray[Any]]
    noise: Callable[[], NDArray[Any]]
    described: Mapping[str, Variable]
    draws: int = 1


class Intervention(ABC):
    """A change to one variable."""

    variable: str

    @property
    def uses_natural(self) -> bool:
        """Whether the value without the intervention is used; if not, the parents are cut."""
        return False

    @property
    def reads(self) -> tuple[str, ...]:
        """Other variables that must be computed first."""
        return ()

    def of_units(self, rows: NDArray[np.intp], n: int) -> Intervention:
        """The same intervention on some of n units; a value for each unit is cut to them."""
        return self

    @abstractmethod
    def apply(self, natural: NDArray[Any] | None, context: Context) -> NDArray[Any]:
        """Internal values (n, *shape) after the intervention.

        `natural` is None unless `uses_natural`.
        """


def tile(column: NDArray[Any], draws: int) -> NDArray[Any]:
    """A column (n, *shape) repeated as a whole: (n * draws, *shape)."""
    return column if draws == 1 else np.tile(column, (draws, *(1,) * (column.ndim - 1)))


def _broadcast(value: ArrayLike, context: Context) -> NDArray[np.float64]:
    encoded = context.variable.encode(value)
    if encoded.ndim and encoded is value:
        encoded = encoded.copy()  # the user may change the array later
    own = context.variable.shape
    units = context.n // context.draws
    if encoded.ndim == len(own) + 1 and len(encoded) == units:
        encoded = tile(encoded, context.draws)
    try:
        return np.broadcast_to(encoded, (context.n, *own))
    except ValueError:
        raise InputError(
            f"the value for {context.variable.name!r} has shape {encoded.shape}; expected one "
            f"value {own} or one a unit {(units, *own)}"
        ) from None


@dataclass(frozen=True, eq=False)
class Do(Intervention):
    """Set a variable to a value, the same for all units or one a unit (Pearl's do)."""

    variable: str
    value: Any

    def of_units(self, rows: NDArray[np.intp], n: int) -> Intervention:
        return replace(self, value=_cut(self.value, rows, n))

    def apply(self, natural: NDArray[Any] | None, context: Context) -> NDArray[Any]:
        return _broadcast(self.value, context)

    def __repr__(self) -> str:
        return f"do({self.variable} = {_short(self.value)})"


def _cut(value: Any, rows: NDArray[np.intp], n: int) -> Any:
    array = np.asarray(value)
    return array[rows] if array.ndim and len(array) == n else value


def _numeric(context: Context, what: str) -> None:
    if context.variable.discrete:
        raise InputError(
            f"{what} needs a number, but {context.variable.name!r} is {context.variable.kind}; "
            "use Do with one of its levels, or Policy"
        )


@dataclass(frozen=True, eq=False)
class Shift(Intervention):
    """Add `by` to the value that the variable would take."""

    variable: str
    by: Any

    @property
    def uses_natural(self) -> bool:
        return True

    def of_units(self, rows: NDArray[np.intp], n: int) -> Intervention:
        return replace(self, by=_cut(self.by, rows, n))

    def apply(self, natural: NDArray[Any] | None, context: Context) -> NDArray[Any]:
        _numeric(context, "Shift")
        assert natural is not None
        return natural + _broadcast(self.by, context)

    def __repr__(self) -> str:
        return f"shift({self.variable} by {_short(self.by)})"


@dataclass(frozen=True, eq=False)
class Scale(Intervention):
    """Multiply the value that the variable would take by `factor`."""

    variable: str
    factor: Any

    @property
    def uses_natural(self) -> bool:
        return True

    def of_units(self, rows: NDArray[np.intp], n: int) -> Intervention:
        return replace(self, factor=_cut(self.factor, rows, n))

    def apply(self, natural: NDArray[Any] | None, context: Context) -> NDArray[Any]:
        _numeric(context, "Scale")
        assert natural is not None
        return natural * _broadcast(self.factor, context)

    def __repr__(self) -> str:
        return f"scale({self.variable} by {_short(self.factor)})"


@dataclass(frozen=True, eq=False)
class Replace(Intervention):
    """Replace the mechanism; the unit keeps its own noise.

    The noise must mean the same to both: both linear, say, or both of the same levels.
    """

    variable: str
    mechanism: StructuralMechanism

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.mechanism.parents)

    def apply(self, natural: NDArray[Any] | None, context: Context) -> NDArray[Any]:
        own = context.noise()
        wanted = self.mechanism.noise(1, np.random.default_rng(0)).shape[1:]
        if own.shape[1:] != wanted:
            raise InputError(
                f"replace({self.variable}): the new mechanism takes noise of shape {wanted}, the "
                f"variable's own has {own.shape[1:]}; use a mechanism of the same kind"
            )
        return self.mechanism.forward({k: context.values[k] for k in self.reads}, own)

    def __repr__(self) -> str:
        return f"replace({self.variable} by {type(self.mechanism).__name__})"


@dataclass(frozen=True, eq=False)
class Policy(Intervention):
    """Set a variable by a rule of other variables.

    Parameters
    ----------
    variable : str
    rule : callable
        Takes one array (n, *shape) of the user's own values for each name in `given`, returns
        the user's own values (n, *shape).
    given : tuple of str
        What the rule looks at; none of them may be a descendant of the variable.
    """

    variable: str
    rule: Callable[..., ArrayLike]
    given: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(self.given)

    def apply(self, natural: NDArray[Any] | None, context: Context) -> NDArray[Any]:
        seen = [context.described[k].decode(context.values[k]) for k in self.given]
        return _broadcast(self.rule(*seen), replace(context, draws=1))

    def __repr__(self) -> str:
        return f"policy({self.variable} by a rule of {', '.join(self.given) or 'nothing'})"


@dataclass(frozen=True, eq=False)
class Swap(Intervention):
    """The value the variable takes for other units and/or under other interventions.

    `Swap("m", under=Do("x", 0))` together with `Do("x", 1)` is a natural direct effect; with
    `units` of another run it is activation patching. Where the name is said beside it, it can be
    left out: `do(model, m=Swap(units))`.
    """

    variable: str
    units: Any = None
    under: Intervention | tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.variable, str):  # Swap(units), named by a keyword of do()
            object.__setattr__(self, "units", self.variable)
            object.__setattr__(self, "variable", "")
        under = (self.under,) if isinstance(self.under, Intervention) else tuple(self.under)
        object.__setattr__(self, "under", under)

    def of_units(self, rows: NDArray[np.intp], n: int) -> Intervention:
        assert not isinstance(self.under, Intervention)
        under = tuple(item.of_units(rows, n) for item in self.under)
        return replace(
            self, units=None if self.units is None else self.units.take(rows), under=under
        )

    def apply(self, natural: NDArray[Any] | None, context: Context) -> NDArray[Any]:
        assert not isinstance(self.under, Intervention)
        return context.elsewhere(self.units, self.under)

    def __repr__(self) -> str:
        assert not isinstance(self.under, Intervention)
        under = ", ".join(map(repr, self.under)) or "nothing"
        units = "other units" if self.units is not None else "the same units"
        return f"swap({self.variable} from {units} under {under})"


def _short(value: Any) -> str:
    array = np.asarray(value)
    return repr(value) if array.size == 1 else f"array {array.shape}"


def interventions(
    given: Sequence[Intervention | Mapping[str, Any]], values: Mapping[str, Any]
) -> tuple[Intervention, ...]:
    """Positional interventions and keyword values as one tuple.

    A mapping serves names that are no identifiers, or that equal a keyword; a callable or an
    Intervention is no value.
    """
    out: list[Intervention] = []
    for item in given:
        if isinstance(item, Intervention):
            out.append(item)
        elif isinstance(item, Mapping):
            out.extend(_valued(str(name), value) for name, value in item.items())
        else:
            raise InputError(
                f"{item!r} is no intervention; pass rung.Do(name, value), rung.Shift(name, by) "
                "..., a mapping {name: value}, or name=value"
            )
    out.extend(_valued(name, value) for name, value in values.items())
    return tuple(out)


def _valued(name: str, value: Any) -> Intervention:
    """`name=value`; a Swap that has no name yet takes this one."""
    if isinstance(value, Swap) and not value.variable:
        return replace(value, variable=name)
    return Do(name, value)
