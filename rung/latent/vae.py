"""VAE and beta-VAE: unsupervised codes with a normal prior."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.budget import Budget, Run
from ..core.data import Data
from ..core.errors import InputError
from ..deep.networks import drawn, gaussian_kl
from ..deep.training import Training
from .autoencoder import WIDTH, Autoencoder, cross_entropy, fitted
from .model import ImageModel


@dataclass(frozen=True)
class VAE:
    """A variational autoencoder: cross-entropy of the pixels + beta * KL of the code to N(0, 1).

    With a graph and labelled factors, each factor is matched to the number of the code that
    explains it best, an SCM is fitted to the labels, and factors can be set; without, the
    variables are the numbers z1, z2 ... themselves, independent and normal.

    Parameters
    ----------
    graph : Graph, Discovery or Learner, optional
        Over labelled factors.
    size : int
        Numbers of the code.
    beta : float
        Weight of the KL term; 1 is the VAE, more the beta-VAE.
    width : int
        Channels of the first convolution, and a quarter of the hidden layer.
    training : Training

    Source: Kingma and Welling (2014); Higgins et al. (2017) for beta.
    """

    graph: Any = None
    size: int = 10
    beta: float = 1.0
    width: int = WIDTH
    training: Training = field(default=Training(steps=3000))

    def __post_init__(self) -> None:
        if min(self.size, self.width) < 1 or self.beta < 0:
            raise InputError("VAE: expected size, width >= 1 and beta >= 0")

    def fit(
        self, data: Data, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> ImageModel:
        """Train on pictures; labels are used only after the training.

        Raises
        ------
        InputError, MissingCells, UnknownName
            Of the pictures, labels and graph, as for `CausalDiffAE`.
        """

        def loss(
            network: Autoencoder, images: Tensor, chance: torch.Generator, n: int
        ) -> dict[str, Tensor]:
            mean, spread = network.posterior(images)
            error = cross_entropy(network.decoder(drawn(mean, spread, chance)), images)
            kl = gaussian_kl(mean, spread).sum(1).mean()
            return {"loss": error + self.beta * kl, "error": error, "kl": kl}

        cites = ("kingma2014", "higgins2017") if self.beta != 1 else ("kingma2014",)
        return fitted(self, loss, data, budget, rng, cites=cites, settings=(self.beta,))
