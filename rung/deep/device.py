"""Where torch computes, and with how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..core.errors import InputError


def device_of(name: str | None) -> torch.device:
    """The device of that name; None is the first CUDA device if there is one, else the CPU.

    Raises
    ------
    InputError
        There is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"device {name!r} cannot be used here ({first}); try 'cpu'") from None
    return found


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """First weights that depend on the seed alone; the caller's random state comes back after."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def one_thread() -> None:
    """Compute in one thread from here on: for processes that run side by side."""
    torch.set_num_threads(1)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute in so many threads; what was set before comes back after."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
