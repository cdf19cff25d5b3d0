"""A small training that the tests interrupt; run as a script it trains with a checkpoint."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rung.core.budget import Budget, start
from rung.deep.device import seeded
from rung.deep.training import Trained, Training, train

SETTINGS = Training(steps=300, batch=32, rate=3e-3, decay=1e-3, average=0.99, device="cpu")


def rows(n: int = 200) -> dict[str, np.ndarray]:
    """Inputs (n, 5) and a noisy nonlinear target (n, 1)."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((n, 5)).astype(np.float32)
    y = np.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3] + 0.1 * rng.standard_normal((n, 1))
    return {"x": x, "y": y.astype(np.float32)}


def network() -> nn.Module:
    """A network with a buffer that training changes (batch normalisation)."""
    with seeded(3):
        return nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 1))


def job(
    settings: Training = SETTINGS, *, seed: int = 1, pause: float = 0.0,
    data: Mapping[str, Any] | None = None, budget: float | None = None, identity: str = "job",
) -> Trained:  # fmt: skip
    """Train with chance in the loss; `pause` seconds a step."""
    torch.set_num_threads(1)
    module = network()

    def loss(
        batch: Mapping[str, Tensor], share: float, chance: torch.Generator
    ) -> dict[str, Tensor]:
        time.sleep(pause)
        noise = torch.randn(batch["x"].shape, generator=chance)
        error = (module(batch["x"] + 0.1 * noise) - batch["y"]).pow(2).mean()
        return {"loss": error * (1 + 0.1 * share), "error": error}

    return train(
        module, loss, rows() if data is None else data, settings, run=start(Budget(budget)),
        seed=seed, identity=identity,
    )  # fmt: skip


if __name__ == "__main__":
    path, every = Path(sys.argv[1]), float(sys.argv[2])
    job(replace(SETTINGS, checkpoint=path, every=every), pause=0.01)
