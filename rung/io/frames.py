"""Tables in memory as columns: pandas, polars, arrow, numpy arrays, mappings of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.result import lock
from ..core.variable import Kind
from .cells import dated
from .columns import columns_of
from .found import Found, apply_codes, unit_of
from .options import Options
from .sql import texts_table


def from_array(array: NDArray[Any], names: Sequence[str] | None, options: Options) -> list[Found]:
    """Columns of a matrix (n, d), of a vector (n,), or of a structured array.

    Raises
    ------
    InputError
        For another number of axes, or when names and columns differ in number.
    """
    if array.dtype.names:
        return from_mapping({k: array[k] for k in array.dtype.names}, options)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise InputError(
            f"expected a matrix (n, d), got an array of shape {array.shape}; pass a mapping of "
            "name to array for columns that are not scalar"
        )
    names = list(names) if names is not None else [f"X{i + 1}" for i in range(array.shape[1])]
    if len(names) != array.shape[1]:
        raise InputError(f"{len(names)} names for {array.shape[1]} columns")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two columns are named {twice!r}; names must differ")
    return from_mapping({str(name): array[:, i] for i, name in enumerate(names)}, options)


def from_mapping(columns: Mapping[str, Any], options: Options) -> list[Found]:
    """Columns of a mapping of name to array (n, *shape).

    Raises
    ------
    InputError
        For columns of differing lengths.
    """
    arrays = {str(name): np.asarray(column) for name, column in columns.items()}
    lengths = {name: len(a) if a.ndim else 0 for name, a in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{k!r} {v}" for k, v in list(lengths.items())[:6])
        raise InputError(f"columns have differing lengths: {shown}")
    found = {name: _array(name, a, options) for name, a in arrays.items()}
    return _with_texts(found, arrays, options)


def _array(name: str, array: NDArray[Any], options: Options) -> Found | None:
    """A column of a numpy array; None if it must be read as text."""
    kind = array.dtype.kind
    if array.ndim > 1:
        if kind not in "fiub":
            raise InputError(f"column {name!r} of shape {array.shape} must hold numbers")
        return Found(name, _held(array), shape=array.shape[1:])
    if kind == "b":
        return Found(name, _held(array), (False, True), Kind.BINARY)
    if kind in "fiu":
        return apply_codes(Found(name, _held(array), unit=unit_of(name)), options)
    if kind == "M":
        days = array.astype("datetime64[us]")
        values = days.astype("int64") / 86_400e6
        values[np.isnat(array)] = np.nan
        return _days(name, values)
    if kind == "m":
        values = array.astype("timedelta64[us]").astype("int64") / 86_400e6
        values[np.isnat(array)] = np.nan
        return Found(name, _held(values), unit="days")
    if kind == "c":
        raise InputError(f"column {name!r} holds complex numbers; split it into two columns")
    return _objects(name, array, options)


def _objects(name: str, array: NDArray[Any], options: Options) -> Found | None:
    """Objects that are numbers, booleans or dates; None for texts."""
    if array.dtype.kind in "US":
        return None
    there = np.array([not _absent(v) for v in array], dtype=np.bool_)
    given = array[there].tolist()
    if given and all(isinstance(v, bool | np.bool_) for v in given):
        values = np.full(len(array), np.nan)
        values[there] = [float(v) for v in given]
        return Found(name, _held(values), (False, True), Kind.BINARY)
    if all(isinstance(v, str) for v in given):
        return None
    if any(isinstance(v, list | tuple | dict | set | np.ndarray | bytes) for v in given):
        bad = next(
            v for v in given if isinstance(v, list | tuple | dict | set | np.ndarray | bytes)
        )
        raise InputError(
            f"column {name!r} holds a {type(bad).__name__}, not one number or word a row: leave it "
            "out with names=[...], or spread it over columns"
        )
    if not any(isinstance(v, str) for v in given):
        try:
            values = np.full(len(array), np.nan)
            values[there] = [float(v) for v in given]
            return apply_codes(Found(name, _held(values), unit=unit_of(name)), options)
        except (TypeError, ValueError):
            pass
    if given and all(hasattr(v, "isoformat") and hasattr(v, "year") for v in given):
        moments = np.full(len(array), np.datetime64("NaT"), dtype="datetime64[us]")
        moments[there] = np.array([np.datetime64(v) for v in given], dtype="datetime64[us]")
        return _array(name, moments, options)
    return None


def _absent(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _days(name: str, values: NDArray[np.float64]) -> Found:
    first = float(np.nanmin(values)) if not np.isnan(values).all() else 0.0
    return dated(name, _held(values - first), first, (), "datetime")


def _held(array: NDArray[Any]) -> Any:
    values = lock(np.array(array, dtype=np.float64))
    return lambda: values


def _with_texts(
    found: Mapping[str, Found | None], arrays: Mapping[str, NDArray[Any]], options: Options
) -> list[Found]:
    """Read the columns that are left as text, all together."""
    left = [name for name, column in found.items() if column is None]
    if not left:
        return [column for column in found.values() if column is not None]
    objects = []
    for name in left:
        column = arrays[name]
        texts = np.array([None if _absent(v) else str(v) for v in column], dtype=object)
        objects.append(texts)
    read = {c.name: c for c in columns_of(texts_table(objects, left), options)}
    return [column if column is not None else read[name] for name, column in found.items()]


def is_frame(source: Any) -> bool:
    """True for what narwhals takes as a data frame."""
    import narwhals.stable.v2 as nw

    _refuse_repeats(source)
    return nw.from_native(source, pass_through=True) is not source


def from_frame(source: Any, options: Options) -> list[Found]:
    """Columns of a pandas, polars or arrow table, lazy ones collected.

    Raises
    ------
    InputError
        For repeated column names, and columns that hold lists or records.
    """
    import narwhals.stable.v2 as nw

    if hasattr(source, "iloc") and any(not isinstance(c, str) for c in source.columns):
        source = source.set_axis([str(c) for c in source.columns], axis=1)
    frame = nw.from_native(source)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    arrays: dict[str, NDArray[Any]] = {}
    found: dict[str, Found | None] = {}
    for name, kind in frame.collect_schema().items():
        series = frame[name]
        label = str(name)
        if kind in (nw.Categorical, nw.Enum):
            found[label] = apply_codes(_categories(label, series), options)
        elif kind in (nw.List, nw.Struct, nw.Array, nw.Binary):
            raise InputError(
                f"column {label!r} holds {kind} values, not one number or word a row: leave it "
                "out, or spread it over columns"
            )
        elif kind == nw.Boolean:
            values = series.cast(nw.Float64).to_numpy() if not series.is_null().any() else None
            arrays[label] = _boolean(series) if values is None else values
            found[label] = Found(label, _held(arrays[label]), (False, True), Kind.BINARY)
        else:
            arrays[label] = _numpy(series, kind, nw)
            found[label] = _array(label, arrays[label], options)
    return _with_texts(found, arrays, options)


def index_note(source: Any) -> tuple[str, ...]:
    """The decision to tell if a pandas index that carries something is left out."""
    index = getattr(source, "index", None)
    if not hasattr(source, "iloc") or type(index).__name__ == "RangeIndex":
        return ()
    return ("the index of the frame was left out; frame.reset_index() makes it a column",)


def _refuse_repeats(source: Any) -> None:
    names = [str(c) for c in getattr(source, "columns", [])] if hasattr(source, "iloc") else []
    twice = (
        [name for name in names if names.count(name) > 1] if len(set(names)) < len(names) else []
    )
    if twice:
        raise InputError(f"two columns are named {twice[0]!r}; names must differ: rename one")


def _boolean(series: Any) -> NDArray[np.float64]:
    return np.array([np.nan if _absent(v) else float(v) for v in series.to_list()])


def _numpy(series: Any, kind: Any, nw: Any) -> NDArray[Any]:
    if kind.is_numeric():
        if series.is_null().any() and kind.is_integer():
            series = series.cast(nw.Float64)
        array = series.to_numpy()
        return array if array.dtype.kind in "fiub" else _floats(array)
    if kind.is_temporal():
        array = series.to_numpy()
        return array if array.dtype.kind in "Mm" else _object_array(series)
    return _object_array(series)


def _object_array(series: Any) -> NDArray[Any]:
    cells = series.to_list()
    out = np.empty(len(cells), dtype=object)
    out[:] = cells  # np.array would spread lists over an axis
    return out


def _floats(array: NDArray[Any]) -> NDArray[np.float64]:
    return np.array([np.nan if _absent(v) else float(v) for v in array])


def _categories(name: str, series: Any) -> Found:
    """Codes of the categories that occur; the order is kept where it is declared."""
    ordered = _is_ordered(series)
    listed = series.cat.get_categories().to_list()
    cells = series.to_list()
    there = {c for c in cells if not _absent(c)}
    levels = [c for c in listed if c in there]
    if not ordered and all(isinstance(c, str) for c in levels):
        levels = sorted(levels)
    where = {level: float(i) for i, level in enumerate(levels)}
    codes = np.array([np.nan if _absent(c) else where[c] for c in cells])
    kind = Kind.ORDINAL if ordered else Kind.CATEGORICAL
    return Found(name, _held(codes), tuple(levels), kind)


def _is_ordered(series: Any) -> bool:
    native = series.to_native()
    dtype: Any = getattr(native, "dtype", None)
    if hasattr(dtype, "ordered"):
        return bool(dtype.ordered)
    if hasattr(native, "type"):  # arrow
        return bool(getattr(native.type, "ordered", False))
    return type(dtype).__name__ == "Enum"
