"""Activation: a place in the computation of a network, and the part of its value that is meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..core.errors import InputError
from ..core.result import lock
from ..core.site import Site

Index = int | slice | Sequence[int]
SIDES = ("output", "input")


@dataclass(frozen=True, eq=False)
class Activation(Site):
    """What a module of a network gives or takes, or a part of it.

    Values are batches: (n, units), (n, tokens, units), or (n, channels, height, width). A module
    that gives or takes several tensors is seen through the first.

    Parameters
    ----------
    path : str
        Dotted name of the module ("model.layers.3.mlp"); of a known architecture also a stable
        name ("layers.3", "layers.3.mlp", "layers.3.attention.head.5") or a TransformerLens name
        ("blocks.3.hook_resid_post"). A `*` stands for every number there.
    token : int, slice, sequence of int, "last", or the name of a span, optional
        Which tokens, counted without padding; negative numbers from the end. All, if not given.
    unit : int, slice or sequence of int, optional
        Which units or channels, or which coordinates of `basis`.
    basis : (k, units) array, optional
        Rows that span what is looked at: reading gives the k coordinates, writing changes the
        value within their span alone.
    side : "output" or "input"
        What the module gives, or what it takes.
    """

    path: str
    token: Index | str | None = None
    unit: Index | None = None
    basis: ArrayLike | None = None
    side: str = "output"

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path:
            raise InputError(f"Activation({self.path!r}): expected the dotted name of a module")
        if self.side not in SIDES:
            raise InputError(f"Activation(side={self.side!r}): expected one of {SIDES}")
        if isinstance(self.token, range):
            object.__setattr__(self, "token", tuple(self.token))
        if self.basis is not None:
            rows = np.array(self.basis, dtype=np.float64)
            if rows.ndim != 2 or np.linalg.matrix_rank(rows) < len(rows):
                raise InputError(
                    f"Activation({self.path!r}): basis must be independent rows (k, units), got "
                    f"shape {rows.shape}"
                )
            object.__setattr__(self, "basis", lock(rows))

    @classmethod
    def grid(
        cls, path: str, *, token: Iterable[Any] = (None,), unit: Iterable[Any] = (None,),
        side: str = "output",
    ) -> tuple[Activation, ...]:  # fmt: skip
        """One place for each token and unit; a `*` in `path` is filled in by the network."""
        return tuple(cls(path, token=t, unit=u, side=side) for t in token for u in unit)

    def at(self, path: str) -> Activation:
        """The same part of another module's value."""
        return replace(self, path=path)

    def read(self, values: Tensor, tokens: Tensor | None = None) -> Tensor:
        """The part of a batch of values; a single token or unit loses its axis, a span keeps it.

        `tokens` (n, k) are the rows' own places of the tokens, where padding moves them.
        """
        return Lens(self, values, tokens).read(values)

    def write(self, values: Tensor, value: Any, tokens: Tensor | None = None) -> Tensor:
        """New values that differ in this part alone."""
        return Lens(self, values, tokens).write(values, value)

    def __repr__(self) -> str:
        parts = [repr(self.path)]
        for name in ("token", "unit"):
            if (value := getattr(self, name)) is not None:
                parts.append(f"{name}={_shown(value)}")
        if self.basis is not None:
            parts.append(f"basis={np.shape(self.basis)}")
        if self.side != "output":
            parts.append(f"side={self.side!r}")
        return f"Activation({', '.join(parts)})"


def _shown(value: Any) -> str:
    if isinstance(value, slice):
        ends = ["" if e is None else str(e) for e in (value.start, value.stop)]
        return ":".join(ends)
    return repr(value)


class Lens:
    """An Activation on values of one shape: the same positions are read and written."""

    def __init__(
        self, site: Activation, values: Tensor, tokens: Tensor | None = None,
        columns: slice | None = None,
    ) -> None:  # fmt: skip
        self.site, self.columns = site, columns
        self.single = isinstance(site.token, int) or site.token == "last"
        self.axis = 1 if values.ndim == 4 else -1
        self.tokens = self._tokens(values, tokens)
        width = values.shape[self.axis]
        if columns is not None:
            width = len(range(*columns.indices(width)))
        if site.basis is not None:
            rows = torch.tensor(np.array(site.basis), dtype=values.dtype, device=values.device)
            if rows.shape[1] != width:
                raise InputError(f"{site!r}: basis has {rows.shape[1]} columns, the value {width}")
            self.rows, self.dual, width = rows, _dual(site.basis, values), len(rows)
        self.units = None if site.unit is None else _units(site, width, values.device)

    def read(self, values: Tensor) -> Tensor:
        """The part of the values."""
        out = self._part(values)
        if self.site.basis is not None:
            out = (out.movedim(self.axis, -1) @ self.rows.T).movedim(-1, self.axis)
        if self.units is not None:
            out = out.index_select(self.axis % out.ndim, self.units)
            if isinstance(self.site.unit, int):
                out = out.squeeze(self.axis)
        return out

    def write(self, values: Tensor, value: Any) -> Tensor:
        """New values that differ in this part alone."""
        old = self.read(values)
        new = torch.as_tensor(value, dtype=values.dtype, device=values.device)
        try:
            new = new.expand_as(old)
        except RuntimeError:
            raise InputError(
                f"{self.site!r}: the value written has shape {tuple(new.shape)}, the place "
                f"{tuple(old.shape)}"
            ) from None
        part = self._part(values)
        if self.units is not None and isinstance(self.site.unit, int):
            old, new = old.unsqueeze(self.axis), new.unsqueeze(self.axis)
        if self.site.basis is not None:
            dual = self.dual if self.units is None else self.dual[:, self.units]
            moved = ((new - old).movedim(self.axis, -1) @ dual.T).movedim(-1, self.axis)
            part = part + moved
        elif self.units is not None:
            part = part.index_copy(self.axis % part.ndim, self.units, new)
        else:
            part = new
        return self._back(values, part)

    def _tokens(self, values: Tensor, tokens: Tensor | None) -> Tensor | None:
        """Places (n, k) of the tokens."""
        if self.site.token is None:
            return None
        if values.ndim != 3:
            raise InputError(
                f"{self.site!r}: the value has shape {tuple(values.shape)}, no axis of tokens"
            )
        if tokens is None:
            where = places(self.site.token, values.shape[1], self.site)
            tokens = torch.tensor([where] * len(values), device=values.device)
        return tokens.to(values.device)

    def _part(self, values: Tensor) -> Tensor:
        if self.tokens is not None:
            index = self.tokens[:, :, None].expand(-1, -1, values.shape[2])
            values = values.gather(1, index)
            if self.single:
                values = values.squeeze(1)
        return values if self.columns is None else values[..., self.columns]

    def _back(self, values: Tensor, part: Tensor) -> Tensor:
        if self.tokens is None:
            if self.columns is None:
                return part
            out = values.clone()
            out[..., self.columns] = part
            return out
        if self.single:
            part = part.unsqueeze(1)
        index = self.tokens[:, :, None].expand(-1, -1, values.shape[2])
        if self.columns is not None:
            whole = values.gather(1, index)
            whole[..., self.columns] = part
            part = whole
        return values.scatter(1, index, part)


def places(token: Index | str, length: int, site: Activation) -> list[int]:
    """Places of tokens in a row of `length` tokens without padding."""
    if token == "last":
        token = -1
    if isinstance(token, str):
        raise InputError(
            f"{site!r}: {token!r} is the name of a span, and these inputs have none; spans come "
            "with rung.Prompts"
        )
    if isinstance(token, slice):
        return list(range(*token.indices(length)))
    wanted = [token] if isinstance(token, int) else list(token)
    for t in wanted:
        if not -length <= t < length:
            raise InputError(f"{site!r}: token {t} is out of range, the row has {length}")
    return [t % length for t in wanted]


def _units(site: Activation, width: int, device: Any) -> Tensor:
    unit = site.unit
    if isinstance(unit, slice):
        wanted = list(range(*unit.indices(width)))
    else:
        wanted = [int(u) for u in ([unit] if isinstance(unit, int) else unit or ())]
        for u in wanted:
            if not -width <= u < width:
                raise InputError(f"{site!r}: unit {u} is out of range, the value has {width}")
    if not wanted or len({u % width for u in wanted}) < len(wanted):
        raise InputError(f"{site!r}: unit chooses nothing, or one unit twice")
    return torch.tensor([u % width for u in wanted], device=device)


def _dual(basis: Any, values: Tensor) -> Tensor:
    """(units, k): what one of each coordinate adds to the value."""
    dual: NDArray[np.float64] = np.linalg.pinv(np.asarray(basis))
    return torch.as_tensor(dual, dtype=values.dtype, device=values.device)
