"""Outcomes: one number a row from what a network gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError
from .inputs import Batch


def logits_of(output: Any) -> Tensor:
    """The logits that a module gives: the tensor itself, or its field `logits`."""
    if isinstance(output, Tensor):
        return output
    if hasattr(output, "logits"):
        return torch.as_tensor(output.logits)
    if isinstance(output, tuple) and output and isinstance(output[0], Tensor):
        return output[0]
    raise InputError(f"the network gives a {type(output).__name__}, which holds no logits")


@dataclass(frozen=True)
class LogitDifference:
    """Logit of the answer minus logit of the foil, at one token (or of a classifier).

    Parameters
    ----------
    answer, foil : int, or one a row
        Numbers of tokens or classes.
    token : int or "last"
        Where the logits are read; padding is not counted.
    """

    answer: int | Sequence[int]
    foil: int | Sequence[int]
    token: int | str = "last"

    def __post_init__(self) -> None:
        for name in ("answer", "foil"):
            value = getattr(self, name)
            if not isinstance(value, int):
                object.__setattr__(self, name, tuple(int(v) for v in value))

    def __call__(self, output: Any, batch: Batch) -> Tensor:
        """(n,) differences."""
        logits = logits_of(output)
        if logits.ndim == 3:
            logits = logits[torch.arange(len(logits)), self.where(batch, logits.shape[1])]
        return self.of_logits(logits, torch.arange(batch.n))

    def where(self, batch: Batch, length: int) -> Tensor:
        """The place (n,) of the token that is looked at."""
        from .activation import Activation

        where = batch.tokens(Activation("logits", token=self.token), length)
        assert where is not None
        return where[:, 0]

    def of_logits(self, logits: Tensor, rows: Tensor) -> Tensor:
        """(n,) differences of logits (n, tokens); `rows` says which row's answer is meant."""

        def of(which: int | Sequence[int]) -> Tensor:
            if isinstance(which, int):
                return torch.full((len(logits),), which)
            return torch.tensor(which)[rows]

        pick = torch.arange(len(logits), device=logits.device)
        return (
            logits[pick, of(self.answer).to(logits.device)]
            - logits[pick, of(self.foil).to(logits.device)]
        ).float()

    def __repr__(self) -> str:
        where = "" if self.token == "last" else f" at token {self.token}"
        return f"logit of answer minus logit of foil{where}"
