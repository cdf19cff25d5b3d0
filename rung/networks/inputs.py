"""What goes into a network: one batch in any of the forms that modules take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError
from .activation import Activation, places


@dataclass(frozen=True, eq=False)
class Batch:
    """Arguments of one call of a module, and where the tokens of each row are.

    Parameters
    ----------
    args, kwargs : what the module is called with
    n : int
        Rows.
    starts, lengths : (n,) int tensors, optional
        The first token that is no padding, and how many there are.
    spans : one mapping a row of name to places of tokens, optional
    source : the inputs as they were given
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    n: int
    starts: Tensor | None = None
    lengths: Tensor | None = None
    spans: tuple[Mapping[str, tuple[int, ...]], ...] | None = None
    source: Any = None

    @classmethod
    def of(cls, inputs: Any) -> Batch:
        """A tensor, an array, a tuple of arguments, a mapping of keywords, or prompts."""
        if isinstance(inputs, Batch):
            return inputs
        if hasattr(inputs, "batch"):
            made: Batch = inputs.batch()
            return made
        if isinstance(inputs, Mapping) or hasattr(inputs, "keys"):
            kwargs = dict(inputs)
            return cls((), kwargs, _rows(kwargs.values()), *_padding(kwargs), source=inputs)
        args = tuple(inputs) if isinstance(inputs, tuple) else (torch.as_tensor(inputs),)
        return cls(args, {}, _rows(args), source=inputs)

    def take(self, rows: Tensor) -> Batch:
        """Some rows, also several times."""

        def cut(value: Any) -> Any:
            batched = isinstance(value, Tensor) and value.ndim and len(value) == self.n
            return value[rows.to(value.device)] if batched else value

        spans = None if self.spans is None else tuple(self.spans[i] for i in rows.tolist())
        return Batch(
            tuple(cut(a) for a in self.args), {k: cut(v) for k, v in self.kwargs.items()},
            len(rows), cut(self.starts), cut(self.lengths), spans, self.source,
        )  # fmt: skip

    def on(self, device: torch.device) -> Batch:
        """The same on a device."""

        def move(value: Any) -> Any:
            return value.to(device) if isinstance(value, Tensor) else value

        return Batch(
            tuple(move(a) for a in self.args), {k: move(v) for k, v in self.kwargs.items()},
            self.n, self.starts, self.lengths, self.spans, self.source,
        )  # fmt: skip

    def tokens(self, site: Activation, length: int) -> Tensor | None:
        """Places (n, k) that a site means in each row, padding counted in.

        Raises
        ------
        InputError
            A row is too short; rows have spans of different length; there is no such span.
        """
        if site.token is None:
            return None
        starts = [0] * self.n if self.starts is None else self.starts.tolist()
        lengths = [length] * self.n if self.lengths is None else self.lengths.tolist()
        out = []
        for row, (start, own) in enumerate(zip(starts, lengths)):
            named = isinstance(site.token, str) and site.token != "last"
            if named and self.spans is not None:
                where = self._span(site, row)
            else:
                where = places(site.token, own, site)
            out.append([start + t for t in where])
        if len({len(o) for o in out}) > 1:
            raise InputError(
                f"{site!r}: means {len(out[0])} tokens in row 0 and another number in row "
                f"{next(i for i, o in enumerate(out) if len(o) != len(out[0]))}"
            )
        return torch.tensor(out, dtype=torch.long)

    def _span(self, site: Activation, row: int) -> list[int]:
        assert self.spans is not None
        found = self.spans[row].get(str(site.token))
        if found is None:
            known = ", ".join(self.spans[row]) or "none"
            raise InputError(f"{site!r}: row {row} has no span of that name; it has {known}")
        return list(found)


def _rows(values: Any) -> int:
    for value in values:
        if isinstance(value, Tensor) and value.ndim:
            return len(value)
    raise InputError("inputs hold no batch: expected a tensor whose first axis is rows")


def _padding(kwargs: Mapping[str, Any]) -> tuple[Tensor | None, Tensor | None]:
    """First real token and number of them, from the attention mask."""
    mask = kwargs.get("attention_mask")
    if not isinstance(mask, Tensor) or mask.ndim != 2:
        return None, None
    real = mask.bool()
    starts, lengths = real.long().argmax(dim=1), real.sum(dim=1)
    inside = torch.arange(mask.shape[1], device=mask.device)[None]
    whole = (inside >= starts[:, None]) & (inside < (starts + lengths)[:, None])
    if not torch.equal(whole, real):
        row = int((whole != real).any(dim=1).nonzero()[0])
        raise InputError(f"attention_mask has a hole in row {row}; padding must be at one end")
    return starts.cpu(), lengths.cpu()
