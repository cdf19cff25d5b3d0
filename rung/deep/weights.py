"""The weights of a torch module as read-only arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..core.errors import InputError
from ..core.result import lock

Weights = Mapping[str, NDArray[Any]]


def weights_of(module: nn.Module) -> dict[str, NDArray[Any]]:
    """A copy of parameters and buffers, by name, on the CPU."""
    return {
        name: lock(np.array(tensor.detach().cpu().numpy()))
        for name, tensor in module.state_dict().items()
    }


def load_weights(module: nn.Module, weights: Weights) -> nn.Module:
    """Put the weights into the module, which is returned ready to compute.

    Raises
    ------
    InputError
        Names or shapes differ from those of the module.
    """
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"these weights belong to another network: {error}") from None
    module.eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module


def parameters(module: nn.Module) -> int:
    """Number of trained numbers."""
    return sum(p.numel() for p in module.parameters())
