"""What is written where a mediator is intervened on, and in which run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from ..core.errors import InputError


class Replacement(ABC):
    """How a mediator is replaced: in the clean or the corrupt run, by which values.

    `direct` says whether it gives direct effects too: ablations do not, since what they write is
    no value of the other run.
    """

    base: ClassVar[str] = "clean"
    direct: ClassVar[bool] = False

    @property
    @abstractmethod
    def how(self) -> str:
        """In words, with {where} for the place."""

    @abstractmethod
    def value(self, clean: Tensor, corrupt: Tensor, chance: torch.Generator) -> Tensor:
        """What is written, from the mediator's values (n, ...) in both runs."""


@final
@dataclass(frozen=True)
class Denoising(Replacement):
    """The corrupt run with the mediator of the clean one.

    NIE = Y(corrupt) - Y(corrupt, M(clean)); NDE = Y(corrupt, M(clean)) - Y(clean), as on a table
    with the corruption as treatment (Robins and Greenland 1992: total indirect, pure direct).
    """

    base: ClassVar[str] = "corrupt"
    direct: ClassVar[bool] = True

    how = "interchange (denoising): {where} set to its clean value in the corrupt run"

    def value(self, clean: Tensor, corrupt: Tensor, chance: torch.Generator) -> Tensor:
        return clean


@final
@dataclass(frozen=True)
class Noising(Replacement):
    """The clean run with the mediator of the corrupt one.

    NIE = Y(clean, M(corrupt)) - Y(clean); NDE = Y(corrupt) - Y(clean, M(corrupt)) (pure indirect,
    total direct). Differs from `Denoising` where mediators interact with the rest.
    """

    direct: ClassVar[bool] = True

    how = "interchange (noising): {where} set to its corrupt value in the clean run"

    def value(self, clean: Tensor, corrupt: Tensor, chance: torch.Generator) -> Tensor:
        return corrupt


@final
@dataclass(frozen=True)
class MeanAblation(Replacement):
    """The clean run with the mediator at its mean over the clean rows."""

    how = "mean ablation: {where} set to its clean mean in the clean run"

    def value(self, clean: Tensor, corrupt: Tensor, chance: torch.Generator) -> Tensor:
        return clean.float().mean(dim=0, keepdim=True).to(clean.dtype).expand_as(clean)


@final
@dataclass(frozen=True)
class ZeroAblation(Replacement):
    """The clean run with the mediator at zero."""

    how = "zero ablation: {where} set to zero in the clean run"

    def value(self, clean: Tensor, corrupt: Tensor, chance: torch.Generator) -> Tensor:
        return torch.zeros_like(clean)


@final
@dataclass(frozen=True)
class Resampling(Replacement):
    """The clean run with the mediator of another clean row, drawn at random (never its own)."""

    how = "resample ablation: {where} set to its value in another clean row"

    def value(self, clean: Tensor, corrupt: Tensor, chance: torch.Generator) -> Tensor:
        order = torch.randperm(len(clean), generator=chance)
        other = torch.empty_like(order)
        other[order] = order.roll(1)  # one cycle: nobody keeps its own
        return clean[other.to(clean.device)]


@final
@dataclass(frozen=True)
class Noise(Replacement):
    """The clean run with normal noise on the mediator.

    Parameters
    ----------
    scale : float
        Standard deviation, in standard deviations of the mediator's units over the clean rows.
    """

    scale: float = 3.0

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise InputError(f"Noise(scale={self.scale}): expected a positive number")

    @property
    def how(self) -> str:
        return f"noise of {self.scale:g} sd on {{where}} in the clean run"

    def value(self, clean: Tensor, corrupt: Tensor, chance: torch.Generator) -> Tensor:
        noise = torch.randn(clean.shape, generator=chance).to(clean.device)
        wide = clean.float().std(dim=0, keepdim=True)
        return (clean.float() + self.scale * wide * noise).to(clean.dtype)
