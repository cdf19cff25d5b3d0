"""Many interventions on the same inputs, planned as one.

What an intervention cannot change is computed once: the layers before it and, in a causal decoder,
the positions before it (their keys and values). Interventions that begin at one layer share a
batch, and the output head is computed only where the outcome reads it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .architectures import Architecture, Decoder, architecture_of, layer_of
from .inputs import Batch
from .model import Network, settled
from .outcomes import LogitDifference
from .running import Change, Place, Work, hooked, submodule

Floats = NDArray[np.float64]
TOKENS = 2048  # tokens that go through a layer together
Setting = tuple[tuple[Place, Tensor], ...]
"""Places set together, each with the values (n, ...) written there."""


@dataclass(frozen=True, eq=False)
class Swept:
    """Outcomes of a sweep.

    Parameters
    ----------
    plain : (n,) float64
        Without an intervention.
    settings : (settings, n) float64
    how : str
        "resumed at the written layer and token", or "full runs".
    """

    plain: Floats
    settings: Floats
    how: str


@torch.no_grad()
def swept(net: Network, inputs: Any, settings: Sequence[Setting]) -> Swept:
    """The outcome of the inputs under each of the settings."""
    settled(net.module)
    batch = Batch.of(inputs).on(net.device)
    known = architecture_of(net.module)
    plan = None
    if known is not None and known.resumes and isinstance(net.outcome, LogitDifference):
        plan = _planned(known, batch, settings)
    if plan is None or net.interventions:
        plain = net.score(net._run(batch, ())[0], batch)
        rows = [
            net.score(net._run(batch, (), changes_to(setting))[0], batch) for setting in settings
        ]
        return Swept(_floats(plain), _stack(rows, batch.n), "full runs")
    assert known is not None
    return _Resumed(net, known, batch).run(settings, plan)


def changes_to(setting: Sequence[tuple[Place, Tensor]]) -> list[tuple[Place, Change]]:
    """Its values as changes of the natural ones."""

    def constant(value: Tensor) -> Change:
        return lambda natural: value

    return [(place, constant(value)) for place, value in setting]


@dataclass(frozen=True)
class _Begin:
    """Where a setting begins: at what a layer takes, and at a token."""

    layer: int
    token: int
    direct: tuple[bool, ...]  # which places are what that layer takes itself


def _planned(known: Architecture, batch: Batch, settings: Sequence[Setting]) -> list[_Begin] | None:
    """Where each setting begins; None if one of them lies outside the layers."""
    ids = batch.kwargs.get("input_ids")
    if batch.args or not isinstance(ids, Tensor) or set(batch.kwargs) - {
        "input_ids", "attention_mask", "position_ids"
    }:  # fmt: skip
        return None
    out = []
    for setting in settings:
        at, tokens = [], []
        for place, _ in setting:
            found = layer_of(known, place)
            if place.path == known.embed and place.side == "output":
                found = (-1, True)
            if found is None:
                return None
            layer, whole = found
            taken = place.path == f"{known.layers}.{layer}" and place.side == "input"
            at.append((layer + 1 if whole else layer, whole or taken))
            where = batch.tokens(place.site, ids.shape[1])
            tokens.append(0 if where is None else int(where.min()))
        first = min(layer for layer, _ in at)
        direct = tuple(layer == first and taken for layer, taken in at)
        out.append(_Begin(first, min(tokens), direct))
    return out


class _Resumed:
    """The plain run of a decoder, and runs that go on from within it."""

    def __init__(self, net: Network, known: Architecture, batch: Batch) -> None:
        assert isinstance(net.outcome, LogitDifference)
        self.outcome, self.batch, self.module = net.outcome, batch, net.module
        self.decoder = Decoder(net.module, known)
        self.head: nn.Module = submodule(net.module, known.unembed)
        ids = batch.kwargs["input_ids"]
        self.mask = batch.kwargs.get("attention_mask", torch.ones_like(ids))
        self.where = net.outcome.where(batch, ids.shape[1]).to(ids.device)
        count = torch.arange(ids.shape[1], device=ids.device)[None]
        self.positions = batch.kwargs.get("position_ids", count)
        self.states, self.past = self.decoder.record(dict(batch.kwargs))

    def run(self, settings: Sequence[Setting], plan: Sequence[_Begin]) -> Swept:
        n = self.batch.n
        rows = torch.arange(n)
        last = self.decoder.resume(
            self.states[-1], len(self.past), 0, self.mask, self.positions, []
        )
        plain = self._scored(last, rows, 0)
        out = torch.empty((len(settings), n))
        order = sorted(range(len(settings)), key=lambda i: (plan[i].layer, -plan[i].token))
        for _, group in itertools.groupby(order, key=lambda i: plan[i].layer):
            for part in self._parts(list(group), plan):
                start = min(min(plan[i].token for i in part), int(self.where.min()))
                out[part] = self._together([settings[i] for i in part], [plan[i] for i in part],
                                           start).view(len(part), n).cpu()  # fmt: skip
        return Swept(_floats(plain), _floats(out), "resumed at the written layer and token")

    def _parts(self, group: list[int], plan: Sequence[_Begin]) -> list[list[int]]:
        """Settings that run together: of one layer, late tokens first, at most `TOKENS` each.

        A setting whose own past is longer than its batch's loses what it could have reused, so a
        batch is closed before it would compute twice what its settings need apart.
        """
        parts: list[list[int]] = []
        n, need = self.batch.n, 0
        for i in group:
            own = self.mask.shape[1] - plan[i].token
            if parts:
                size = (len(parts[-1]) + 1) * own
                if size * n <= TOKENS and size <= 1.25 * (need + own):
                    parts[-1].append(i)
                    need += own
                    continue
            parts.append([i])
            need = own
        return parts

    def _together(self, settings: Sequence[Setting], plan: Sequence[_Begin], start: int) -> Tensor:
        """Outcomes (settings * n,) of settings that begin at one layer."""
        n, k, layer = self.batch.n, len(settings), plan[0].layer
        hidden = self.states[layer][:, start:].repeat(k, 1, 1)
        work = _Blocks(self.batch, start)
        for b, (setting, begin) in enumerate(zip(settings, plan)):
            block = slice(b * n, (b + 1) * n)
            for (place, value), direct in zip(setting, begin.direct):
                if direct:
                    own = hidden[block]
                    lens = place.lens(own, self.batch, start)
                    hidden[block] = lens.write(own, value)
                else:
                    work.add(place, block, value)
        past = [
            (keys[:, :, :start].repeat(k, 1, 1, 1), values[:, :, :start].repeat(k, 1, 1, 1))
            for keys, values in self.past[layer:]
        ]
        mask = self.mask.repeat(k, 1)
        places = self.positions.repeat(k, 1) if len(self.positions) == n else self.positions
        with hooked(self.module, work):
            last = self.decoder.resume(hidden, layer, start, mask, places, past)
        work.check()
        return self._scored(last, torch.arange(n).repeat(k), start)

    def _scored(self, last: Tensor, rows: Tensor, start: int) -> Tensor:
        """The outcome from last hidden states (m, tokens from `start`, units)."""
        where = self.where[rows.to(self.where.device)] - start
        picked = last[torch.arange(len(last), device=last.device), where]
        return self.outcome.of_logits(self.head(picked), rows)


class _Blocks(Work):
    """Writes in a batch of several settings: each in its own rows."""

    def __init__(self, batch: Batch, start: int) -> None:
        super().__init__(batch, start=start)
        self.blocks: dict[tuple[str, str], list[tuple[Place, slice, Tensor]]] = {}

    def add(self, place: Place, block: slice, value: Tensor) -> None:
        """Write `value` at a place in the rows of a block."""
        key = place.path, place.side
        self.items.setdefault(key, ([], []))
        self.blocks.setdefault(key, []).append((place, block, value))

    def changed(self, key: tuple[str, str], tensor: Tensor) -> Tensor:
        out = tensor.clone()
        for place, block, value in self.blocks[key]:
            own = out[block]
            out[block] = place.lens(own, self.batch, self.start).write(own, value)
        return out


def _floats(values: Tensor) -> Floats:
    return values.double().cpu().numpy()


def _stack(rows: Sequence[Tensor], n: int) -> Floats:
    return np.stack([_floats(r) for r in rows]) if rows else np.empty((0, n))
