"""Checkpoints of a training: one safetensors file, written aside and renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..core.errors import FileProblem, InputError
from ..core.result import digest


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a training stood.

    Parameters
    ----------
    step : int
        Steps done.
    planned : int
        Steps that were to be done.
    since : int
        Steps since the last entry of the history.
    history : tuple of (step, {part of the loss: mean since the last})
    tensors : mapping
        Weights, running averages, state of the optimiser, sums of the losses since the last entry.
    """

    step: int
    planned: int
    since: int
    history: tuple[tuple[int, Mapping[str, float]], ...]
    tensors: Mapping[str, Tensor]


def state_of(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: Mapping[str, Tensor],
    sums: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Everything that the next step depends on, by name."""
    out = {f"model.{k}": v for k, v in module.state_dict().items()}
    out |= {f"average.{k}": v for k, v in average.items()}
    out |= {f"sums.{k}": v for k, v in sums.items()}
    for number, entries in optimiser.state_dict()["state"].items():
        out |= {f"optimiser.{number}.{k}": torch.as_tensor(v) for k, v in entries.items()}
    return {k: v.detach().cpu().contiguous().clone() for k, v in out.items()}


def restore(
    tensors: Mapping[str, Tensor],
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
    sums: dict[str, Tensor],
) -> None:
    """Put back what `state_of` took."""
    parts: dict[str, dict[str, Tensor]] = {
        "model": {}, "average": {}, "optimiser": {}, "sums": sums,
    }  # fmt: skip
    for name, tensor in tensors.items():
        head, _, rest = name.partition(".")
        parts[head][rest] = tensor
    module.load_state_dict(parts["model"])
    for name, tensor in parts["average"].items():
        average[name].copy_(tensor)
    state = optimiser.state_dict()
    for name, tensor in parts["optimiser"].items():
        number, _, key = name.partition(".")
        state["state"].setdefault(int(number), {})[key] = tensor
    optimiser.load_state_dict(state)


def write(path: Path, identity: str, point: Checkpoint) -> None:
    """Write a checkpoint; an old one is kept until the new one is whole.

    Raises
    ------
    FileProblem
        The place cannot be written, or the disk is full.
    """
    head = json.dumps(
        {"step": point.step, "planned": point.planned, "since": point.since,
         "history": point.history}
    )  # fmt: skip
    seal = _seal(head, point.tensors)
    aside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            dict(point.tensors), aside, metadata={"identity": identity, "rung": head, "seal": seal}
        )
        os.replace(aside, path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise FileProblem(
            f"the checkpoint {path} cannot be written ({error}); free space or name another place"
        ) from error


def read(path: Path, identity: str) -> Checkpoint | None:
    """The checkpoint at that place; None if there is none yet.

    Raises
    ------
    FileProblem
        The file is damaged or no checkpoint.
    InputError
        It belongs to a training with other data, settings or seed.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, Any] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata["seal"] != _seal(metadata["rung"], tensors):
            raise ValueError("its content is not what was written")
        head = json.loads(metadata["rung"])
        history = tuple((int(step), dict(parts)) for step, parts in head["history"])
        found = Checkpoint(head["step"], head["planned"], head["since"], history, tensors)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileProblem(
            f"{path} is damaged or no checkpoint of rung ({error}); remove it to start anew"
        ) from error
    if metadata.get("identity") != identity:
        raise InputError(
            f"the checkpoint {path} belongs to a training with other data, settings or seed; "
            "remove it, or name another file"
        )
    return found


def _seal(head: str, tensors: Mapping[str, Tensor]) -> str:
    """A safetensors file has no check sum of its own."""
    return digest(head, *(part for k in sorted(tensors) for part in (k, tensors[k].numpy())))
