"""Data: columns with kinds, environment, targets, missing mask and policy, weights, time, unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError, unknown
from .indexing import row_numbers
from .missing import EM, MissingPolicy, TestWise, complete
from .moments import Counts, Moments
from .result import Result, digest, frozen, lock
from .source import Basis, Source
from .variable import Variable

if TYPE_CHECKING:
    import pandas as pd

MATRIX_LIMIT = 8 * 2**30  # bytes that `.values` may take
_PER_ROW = ("environment", "weights", "time", "unit")


@dataclass(frozen=True)
class Origin:
    """Where data came from, and what reading them decided."""

    name: str = "data"
    path: str | None = None
    sha256: str | None = None
    licence: str | None = None
    decisions: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Data(Source, Result):
    """A table: variables, one array each, and what is known about its rows.

    Parameters
    ----------
    described : tuple of Variable
    columns : mapping of str to (n, *shape) arrays
        Internal values: float64 numbers, or codes of levels; NaN is missing. Any mapping will
        do, so that a backing store can fetch a column when it is first asked for.
    environment : (n,) int, optional
        Number of the condition that each row was collected under.
    environments : tuple of str
        Names of the conditions.
    targets : (environments, d) bool, optional
        Which variables each condition intervenes on.
    weights : (n,) float, optional
        Frequency weights.
    time : (n,) float, optional
        Time of each row.
    unit : (n,) int, optional
        The unit (patient, school) of each row; repeated units are clusters.
    missing : MissingPolicy, optional
        What the user declared about missing cells.
    """

    described: tuple[Variable, ...]
    columns: Mapping[str, NDArray[Any]]
    environment: NDArray[np.int64] | None = None
    environments: tuple[str, ...] = ()
    targets: NDArray[np.bool_] | None = None
    weights: NDArray[np.float64] | None = None
    time: NDArray[np.float64] | None = None
    unit: NDArray[np.int64] | None = None
    missing: MissingPolicy | None = None
    origin: Origin = field(default_factory=Origin)

    def __post_init__(self) -> None:
        object.__setattr__(self, "described", tuple(self.described))
        names = [v.name for v in self.described]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"two columns are named {twice!r}; names must differ")
        absent = [name for name in names if name not in self.columns]
        if absent:
            raise unknown(absent[0], list(self.columns), "column")
        if type(self.columns) is dict:
            columns = {name: frozen(np.asarray(self.columns[name])) for name in names}
            object.__setattr__(self, "columns", columns)
            self._check_lengths()
        for name in _PER_ROW:
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, frozen(np.asarray(array)))
                if len(array) != self.n:
                    raise InputError(f"{name} has {len(array)} entries for {self.n} rows")
        self._check_targets()

    def _check_lengths(self) -> None:
        for v in self.described:
            shape = self.columns[v.name].shape
            if shape != (self.n, *v.shape):
                raise InputError(
                    f"column {v.name!r} has shape {shape}, expected {(self.n, *v.shape)}"
                )

    def _check_targets(self) -> None:
        if self.targets is None:
            return
        expected = (len(self.environments), self.d)
        if self.environment is None or self.targets.shape != expected:
            raise InputError(
                f"targets must be (environments, variables) = {expected} and need `environment`; "
                f"got {self.targets.shape}"
            )
        object.__setattr__(self, "targets", frozen(np.asarray(self.targets, dtype=np.bool_)))

    # -- making ---------------------------------------------------------------------------

    @classmethod
    def from_matrix(
        cls,
        matrix: ArrayLike,
        names: Sequence[str] | None = None,
        *,
        variables: Sequence[Variable] | None = None,
    ) -> Self:
        """Data of a matrix (n, d); continuous unless `variables` say otherwise."""
        x = np.asarray(matrix, dtype=np.float64)
        if x.ndim != 2:
            raise InputError(f"expected a matrix (n, d), got shape {x.shape}")
        if variables is None:
            names = names if names is not None else [f"X{i + 1}" for i in range(x.shape[1])]
            variables = [Variable(str(name)) for name in names]
        if len(variables) != x.shape[1]:
            raise InputError(f"{len(variables)} names for {x.shape[1]} columns")
        columns = {v.name: lock(x[:, i].copy()) for i, v in enumerate(variables)}
        return cls(tuple(variables), columns)

    # -- looking --------------------------------------------------------------------------

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.described

    @cached_property
    def n(self) -> int:
        size = getattr(self.columns, "n", None)
        if size is not None:
            return int(size)
        if self.described:
            return len(self.columns[self.described[0].name])
        rows = next(iter(self.per_row().values()), None)
        return 0 if rows is None else len(rows)

    @property
    def d(self) -> int:
        """Number of variables."""
        return len(self.described)

    @cached_property
    def _where(self) -> dict[str, int]:
        return {v.name: i for i, v in enumerate(self.described)}

    def index(self, name: str) -> int:
        """Position of a variable; an unknown name is answered with the nearest ones."""
        if name not in self._where:
            raise unknown(name, self._where)
        return self._where[name]

    def variable(self, name: str) -> Variable:
        """The description of a variable."""
        return self.described[self.index(name)]

    def column(self, name: str) -> NDArray[Any]:
        """Internal values (n, *shape): float64 numbers or codes, NaN where missing."""
        self.index(name)
        return self.columns[name]

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, key: str) -> NDArray[Any]: ...

    @overload
    def __getitem__(self, key: int | slice | Sequence[Any] | NDArray[Any]) -> Data: ...

    def __getitem__(self, key: Any) -> NDArray[Any] | Data:
        """`data["x"]`: the user's own values; `data[3]`, `data[:5]`, `data[mask]`: rows;
        `data[["x", "y"]]`: columns."""
        if isinstance(key, str):
            return self.variable(key).decode(self.column(key))
        if isinstance(key, list | tuple) and key and all(isinstance(k, str) for k in key):
            return self.select(key)
        return self.take(row_numbers(key, self.n))

    def matrix(self, names: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Float64 matrix (n, k) of scalar columns; categories as codes, NaN where missing."""
        names = self.names if names is None else names
        return np.column_stack(self._scalars(names)) if names else np.empty((self.n, 0))

    def _scalars(self, names: Sequence[str]) -> list[NDArray[np.float64]]:
        shaped = [name for name in names if self.variable(name).shape]
        if shaped:
            raise InputError(f"{shaped[0]!r} is not scalar; use data.column({shaped[0]!r})")
        return [np.asarray(self.columns[name], dtype=np.float64) for name in names]

    @property
    def values(self) -> NDArray[np.float64]:
        """Matrix (n, d) of all scalar columns."""
        if 8 * self.n * self.d > MATRIX_LIMIT:
            raise InputError(
                f"{self.n} x {self.d} cells exceed the memory limit of {MATRIX_LIMIT} bytes; "
                "ask for columns with data.matrix(names) or for data.moments()"
            )
        return self.matrix([v.name for v in self.described if not v.shape])

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """True where a cell is missing: (n, d)."""
        out = np.zeros((self.n, self.d), dtype=np.bool_)
        for i, v in enumerate(self.described):
            column = self.columns[v.name]
            if not v.shape and column.dtype.kind == "f":
                out[:, i] = np.isnan(column)
        return lock(out)

    @cached_property
    def has_missing(self) -> bool:
        """True if any cell is missing."""
        floats = (self.columns[v.name] for v in self.described if not v.shape)
        # one NaN makes a sum of squares NaN; infinite cells do not
        return any(np.isnan(np.dot(c, c)) for c in floats if c.dtype.kind == "f")

    @property
    def clustered(self) -> bool:
        """True if a unit has more than one row."""
        return self.unit is not None and len(np.unique(self.unit)) < self.n

    def targeting(self, name: str) -> NDArray[np.bool_]:
        """Rows (n,) whose environment intervenes on the variable."""
        if self.targets is None or self.environment is None:
            return np.zeros(self.n, dtype=np.bool_)
        return self.targets[:, self.index(name)][self.environment]

    @cached_property
    def sha256(self) -> str:
        """Hash of the cells, kinds and row roles (not of the file they came from)."""
        parts = [digest(v, self.columns[v.name]) for v in self.described]
        return digest(*parts, *(getattr(self, k) for k in _PER_ROW), self.targets)

    # -- deriving -------------------------------------------------------------------------

    def per_row(self) -> dict[str, NDArray[Any]]:
        """The arrays with one entry a row: environment, weights, time, unit, where present."""
        found = {name: getattr(self, name) for name in _PER_ROW}
        return {name: array for name, array in found.items() if array is not None}

    def take(self, rows: NDArray[Any]) -> Data:
        """The rows numbered `rows`, in that order, repeats allowed."""
        rows = np.asarray(rows, dtype=np.intp)
        changes: dict[str, Any] = {k: lock(array[rows]) for k, array in self.per_row().items()}
        columns = {v.name: lock(np.asarray(self.columns[v.name])[rows]) for v in self.described}
        return replace(self, columns=columns, **changes)

    def select(self, names: Sequence[str]) -> Data:
        """The columns `names`, in that order."""
        order = [self.index(name) for name in names]
        targets = None if self.targets is None else self.targets[:, order]
        columns = self.columns
        if type(columns) is dict:
            columns = {name: columns[name] for name in names}
        return replace(
            self,
            described=tuple(self.described[i] for i in order),
            columns=columns,
            targets=targets,
        )

    def drop(self, names: Sequence[str]) -> Data:
        """All columns but `names`."""
        for name in names:
            self.index(name)
        return self.select([name for name in self.names if name not in set(names)])

    def replacing(self, **fields: Any) -> Data:
        """A copy with other fields (`missing=`, `unit=`, `origin=` ...)."""
        return replace(self, **fields)

    def with_column(self, variable: Variable, column: NDArray[Any]) -> Data:
        """A copy with one column added or replaced; `column` holds internal values."""
        columns = {**{name: self.columns[name] for name in self.names}, variable.name: column}
        if variable.name in self._where:
            described = tuple(variable if v.name == variable.name else v for v in self.described)
            return replace(self, described=described, columns=columns)
        targets = self.targets
        if targets is not None:
            targets = np.column_stack([targets, np.zeros(len(targets), dtype=np.bool_)])
        return replace(
            self, described=(*self.described, variable), columns=columns, targets=targets
        )

    def renamed(self, mapping: Mapping[str, str]) -> Data:
        """A copy whose variables have other names."""
        described = tuple(v.renamed(mapping.get(v.name, v.name)) for v in self.described)
        columns = {
            w.name: self.columns[v.name] for v, w in zip(self.described, described, strict=True)
        }
        return replace(self, described=described, columns=columns)

    def lagged(self, k: int) -> Data:
        """Rows at times t with columns `X[t]`, `X[t-1]` ... `X[t-k]`; rows in time order.

        Each unit's own series is lagged. Tiers and tied edges come from `Knowledge.lagged`.
        """
        from .lags import lagged

        return lagged(self, k)

    # -- what a learner may ask -----------------------------------------------------------

    def _usable(self, names: Sequence[str]) -> Data:
        """Complete rows in `names` under a test-wise policy, else all or a refusal."""
        part = self if tuple(names) == self.names else self.select(names)
        if isinstance(self.missing, TestWise) and part.has_missing:
            return self.missing.apply(part)
        return complete(part)

    def moments(self, basis: Basis | None = None, *, asker: str = "this method") -> Moments:
        push = getattr(self.columns, "sums", None)  # a backing that adds up by itself
        if push and basis is None and self.weights is None and (s := push(self.names)):
            ones, n = (1,) * self.d, float(s.n)
            return Moments(self.described, ones, s.n, n, n, s.mean, s.scatter, s.low)
        if isinstance(self.missing, EM) and self.has_missing:
            return self.missing.moments(self, basis)
        data = self._usable(self.names)
        if basis is None:
            rows = np.array(data._scalars(data.names)).reshape(data.d, data.n).T
            return Moments.of(rows, data.variables, weights=data.weights, spent=True)
        blocks = [basis.expand(v, data.column(v.name)) for v in data.variables]
        return Moments.of(
            np.column_stack(blocks) if blocks else np.empty((data.n, 0)),
            data.variables,
            sizes=[b.shape[1] for b in blocks],
            weights=data.weights,
        )

    def moments_by_environment(
        self, basis: Basis | None = None, *, asker: str = "this method"
    ) -> dict[int, Moments]:
        if self.environment is None:
            return {0: self.moments(basis, asker=asker)}
        return {
            int(e): self.take((self.environment == e).nonzero()[0]).moments(basis, asker=asker)
            for e in np.unique(self.environment)
        }

    def table(self, names: Sequence[str], *, asker: str = "this method") -> Counts:
        data = self._usable(names)
        return Counts.of(data.matrix(names), data.variables, weights=data.weights)

    def rows(
        self, names: Sequence[str] | None = None, *, asker: str = "this method"
    ) -> NDArray[np.float64]:
        names = self.names if names is None else names
        return self._usable(names).matrix(names)

    def signature(self, name: str) -> Any:
        v = self.variable(name)
        push = getattr(self.columns, "signature", None)
        if push and (found := push(name)):
            return digest(str(v.kind), v.size, np.array(found, dtype=np.uint64)), ""
        column = np.asarray(self.columns[name])  # sorted first: the order of rows means nothing
        return digest(str(v.kind), v.size, np.sort(column, axis=0)), digest(column)

    # -- showing --------------------------------------------------------------------------

    def frame(self) -> pd.DataFrame:
        """The table in the user's own values."""
        import pandas as pd

        return pd.DataFrame(
            {v.name: list(self[v.name]) if v.shape else self[v.name] for v in self.described}
        )

    def __repr__(self) -> str:
        kinds = Counter(str(v.kind) for v in self.described)
        lines = [
            f"Data {self.origin.name}: {self.n} rows x {self.d} columns "
            f"({', '.join(f'{c} {k}' for k, c in kinds.items())})"
        ]
        for v in self.described[:20]:
            more = f" {list(v.levels or ())[:6]}" if v.discrete else f" {v.shape or ''}".rstrip()
            more += f" [{v.unit}]" if v.unit else ""
            lines.append(f"  {v.name}: {v.kind}{more}")
        if self.d > 20:
            lines.append(f"  ... {self.d - 20} more")
        if self.environments:
            lines.append(f"  environments: {', '.join(self.environments)}")
        return "\n".join(lines)
