"""A plain PyTorch loop over the same network, loss and rows: what the training loop is held to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from .training import _Loop


def plain(loop: _Loop, steps: int, tensors: Mapping[str, Tensor]) -> None:
    """Steps as one writes them by hand, over rows that are tensors already."""
    settings, n = loop.settings, loop.n
    free = [p for p in loop.module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(free, lr=settings.rate, weight_decay=settings.decay, fused=True)
    chance, order = torch.Generator().manual_seed(0), torch.randperm(n)
    loop.module.train()
    for step in range(steps):
        chosen = order[(step * loop.batch) % (n - loop.batch + 1) :][: loop.batch]
        batch = {k: t[chosen] for k, t in tensors.items()}
        loss = loop.objective(batch, step / steps, chance)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def as_tensors(loop: _Loop) -> dict[str, Tensor]:
    """The rows of a training."""
    return {k: torch.from_numpy(np.array(a)) for k, a in loop.rows.items()}


def convolutions(loop: _Loop) -> float:
    """Share of the processor time of plain steps that convolutions take, both ways."""
    tensors = as_tensors(loop)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        plain(loop, 4, tensors)
    times = {e.key: e.self_cpu_time_total for e in seen.key_averages()}
    return sum(t for key, t in times.items() if "conv" in key) / sum(times.values())
