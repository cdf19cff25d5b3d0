"""Budget (frozen) and Run (the one mutable clock of a piece of work)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import InputError


@dataclass(frozen=True)
class Budget:
    """How much a call may spend.

    Parameters
    ----------
    seconds : float, optional
        Wall-clock seconds; None is no limit.
    bytes : int, optional
        Memory that large intermediate arrays may take; None is no limit.
    """

    seconds: float | None = None
    bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("seconds", "bytes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"Budget({name}={value!r}): expected a positive number or None")

    def start(self, on_tick: Callable[[float, str], None] | None = None) -> Run:
        """Start the clock. `on_tick(share done in 0..1, what)` is called as work advances."""
        return Run(self, on_tick)


class Run:
    """A started budget: the only mutable object that travels through an algorithm.

    Algorithms call `tick` between steps, look at `spent` and return their best so far when it
    is true. `share` gives a sub-run that ends with its parent and reports into a slice of it.
    """

    def __init__(self, budget: Budget, on_tick: Callable[[float, str], None] | None = None) -> None:
        self.budget = budget
        self.began = time.monotonic()
        self._deadline = None if budget.seconds is None else self.began + budget.seconds
        self._on_tick = on_tick
        self._stopped = False
        self._parent: Run | None = None

    def tick(self, done: float, what: str = "") -> None:
        """Report the share of the work done, in 0..1."""
        if self._on_tick is not None:
            self._on_tick(min(max(done, 0.0), 1.0), what)

    def stop(self) -> None:
        """Ask the work to end soon with its best so far."""
        self._stopped = True

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds left; infinite without a limit."""
        own = float("inf") if self._deadline is None else self._deadline - time.monotonic()
        return own if self._parent is None else min(own, self._parent.left)

    @property
    def spent(self) -> bool:
        """True once the work should stop."""
        above = self._parent is not None and self._parent.spent
        return self._stopped or above or self.left <= 0

    def share(self, fraction: float, begin: float = 0.0, what: str = "") -> Run:
        """A sub-run with `fraction` of the seconds left; its ticks fill [begin, begin+fraction]."""

        def on_tick(done: float, label: str) -> None:
            self.tick(begin + fraction * done, label or what)

        left = self.left
        seconds = None if left == float("inf") else max(left * fraction, 1e-9)
        child = Run(Budget(seconds, self.budget.bytes), on_tick)
        child._parent = self
        return child


def start(budget: Budget | Run | None) -> Run:
    """The Run of a budget; a Run passes through, None is unlimited."""
    if isinstance(budget, Run):
        return budget
    return (budget or Budget()).start()
