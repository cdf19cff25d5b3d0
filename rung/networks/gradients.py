"""Effects by gradients: attribution patching, integrated gradients, their measured error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.errors import InputError, NotSupported
from .inputs import Batch
from .model import Network, settled
from .replacing import Denoising, Replacement
from .running import Place, Work, hooked
from .sweep import Floats, Setting, Swept, changes_to

MIDPOINT = 0.5  # where on each piece of the path integrated gradients look


@dataclass(frozen=True)
class Gradient:
    """Outcomes under interventions by a linear approximation, instead of a run for each.

    With one step, the gradient of the outcome at the values of the run that is changed, times the
    change that would be written: all places in one run forwards and one backwards (attribution
    patching). With more steps, the mean gradient along the straight path to what is written, place
    by place (integrated gradients in activations): dearer, and closer where the outcome bends.

    Parameters
    ----------
    steps : int
    checked : int
        How many mediators (the largest, and others at random) are measured exactly too; the error
        of the approximation on them stands in every estimate. 0 for none.
    by : Replacement
        What is approximated.

    Source: Nanda (2023) for attribution patching; Sundararajan, Taly and Yan (2017), equation 3,
    and Marks and others (2024), equations 3 and 4.
    """

    steps: int = 1
    checked: int = 8
    by: Replacement = field(default=Denoising())

    def __post_init__(self) -> None:
        if self.steps < 1 or self.checked < 0:
            raise InputError("Gradient: expected steps >= 1 and checked >= 0")

    @property
    def how(self) -> str:
        """The method in the field's words."""
        if self.steps == 1:
            return "approximated by one gradient (attribution patching)"
        return f"approximated by integrated gradients of {self.steps} steps"

    def swept(self, net: Network, inputs: Any, settings: Sequence[Setting]) -> Swept:
        """The approximate outcome of the inputs under each of the settings."""
        settled(net.module)
        if net.interventions:
            raise NotSupported(f"{self!r}: the network is under interventions; ask without them")
        batch = Batch.of(inputs).on(net.device)
        with torch.no_grad():
            plain = net.score(net._run(batch, ())[0], batch).double()
        alone = [s for s in settings if len(s) == 1 and self.steps == 1]
        once = iter(self._at_once(net, batch, alone) if alone else [])
        shares = [(i + MIDPOINT) / self.steps if self.steps > 1 else 0.0 for i in range(self.steps)]
        moved = [
            next(once) if len(s) == 1 and self.steps == 1 else self._along(net, batch, s, shares)
            for s in settings
        ]
        rows = [(plain + step).cpu().numpy() for step in moved]
        found: Floats = np.stack(rows) if rows else np.empty((0, batch.n))
        return Swept(plain.cpu().numpy(), found, self.how)

    def _at_once(self, net: Network, batch: Batch, settings: Sequence[Setting]) -> list[Tensor]:
        places = [place for setting in settings for place, _ in setting]
        work = _Kept(batch, places)
        _backwards(net, batch, work)
        out = []
        for setting in settings:
            total = torch.zeros(batch.n, dtype=torch.float64)
            for place, value in setting:
                tensor, slope = work.kept[place.path, place.side]
                step = place.lens(tensor, batch).write(tensor, value) - tensor
                total += (slope * step).double().reshape(batch.n, -1).sum(dim=1).cpu()
            out.append(total)
        return out

    def _along(
        self, net: Network, batch: Batch, setting: Setting, shares: Sequence[float]
    ) -> Tensor:
        """The mean over shares of the way; all places are written: none acts through another."""
        places = [place for place, _ in setting]
        with torch.no_grad():
            now = net._run(batch, places)[1]
        total = torch.zeros(batch.n, dtype=torch.float64)
        for share in shares:
            between = [
                (place, old + share * (new - old)) for (place, new), old in zip(setting, now)
            ]
            work = _Kept(batch, places, between)
            _backwards(net, batch, work)
            for (place, new), old in zip(setting, now):
                tensor, slope = work.kept[place.path, place.side]
                lens = place.lens(tensor, batch)
                step = lens.write(tensor, new) - lens.write(tensor, old)
                total += (slope * step).double().reshape(batch.n, -1).sum(dim=1).cpu() / len(shares)
        return total


class _Kept(Work):
    """A run that keeps the values at its places and, afterwards, the outcome's slope in them."""

    def __init__(
        self, batch: Batch, places: Sequence[Place], written: Sequence[tuple[Place, Tensor]] = ()
    ) -> None:
        super().__init__(batch, changes_to(written), places)
        self.values: dict[tuple[str, str], Tensor] = {}
        self.kept: dict[tuple[str, str], tuple[Tensor, Tensor]] = {}

    def changed(self, key: tuple[str, str], tensor: Tensor) -> Tensor:
        out = super().changed(key, tensor)
        out = out if out.requires_grad else out.detach().clone().requires_grad_()
        self.values[key] = out
        return out


def _backwards(net: Network, batch: Batch, work: _Kept) -> None:
    """One run forwards and one backwards; fills `work.kept`."""
    frozen = [p for p in net.module.parameters() if p.requires_grad]
    for p in frozen:  # slopes in activations alone
        p.requires_grad_(False)
    try:
        with torch.enable_grad(), hooked(net.module, work):
            output = net.module(*batch.args, **batch.kwargs)
            work.check()
            score = net.score(output, batch).sum()
            keys = list(work.values)
            slopes = torch.autograd.grad(
                score, [work.values[k] for k in keys], allow_unused=True, materialize_grads=True
            )
    finally:
        for p in frozen:
            p.requires_grad_(True)
    for key, slope in zip(keys, slopes):
        work.kept[key] = (work.values[key].detach(), slope.detach())
