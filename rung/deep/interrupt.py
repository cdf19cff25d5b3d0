"""Ctrl-C that waits for the end of a step, so that what is saved is whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupt:
    """While open, the first Ctrl-C only sets `asked`; the next one interrupts at once.

    Only in the main thread, and only where Ctrl-C has its usual meaning; otherwise nothing changes.
    """

    def __init__(self, *, wait: bool) -> None:
        self.asked = False
        self.usual: Any = signal.default_int_handler
        self.wait = (
            wait
            and threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is self.usual
        )

    def __enter__(self) -> Interrupt:
        if self.wait:
            signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *error: object) -> None:
        if self.wait:
            signal.signal(signal.SIGINT, self.usual)
            if self.asked and error[0] is None:  # it came after the last look
                raise KeyboardInterrupt

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, self.usual)
