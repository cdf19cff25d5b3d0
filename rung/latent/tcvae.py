"""beta-TCVAE: the KL term of a VAE in three parts, of which total correlation is weighted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.budget import Budget, Run
from ..core.data import Data
from ..core.errors import InputError
from ..deep.networks import drawn
from ..deep.training import Training
from .autoencoder import WIDTH, Autoencoder, cross_entropy, fitted
from .model import ImageModel


class Parts(NamedTuple):
    """The KL term in nats, means over a batch: its three parts sum to it in expectation.

    Parameters
    ----------
    information : scalar
        Between picture and code, log q(z | x) - log q(z).
    correlation : scalar
        Total correlation of the code, log q(z) - sum over j of log q(z_j).
    marginal : scalar
        KL of each number to the prior, sum over j of log q(z_j) - log p(z_j).
    """

    information: Tensor
    correlation: Tensor
    marginal: Tensor


def decomposition(
    codes: Tensor, mean: Tensor, log_variance: Tensor, rows: int, *, stratified: bool = True
) -> Parts:
    """The three parts of the KL term (Chen et al. 2018, eq. 2), estimated from a batch.

    Parameters
    ----------
    codes, mean, log_variance : (n, k)
        Draws of the normal posteriors of n pictures, and these posteriors.
    rows : int
        Pictures that the batch was taken from.
    stratified : bool
        Estimate q(z) with weight 1 / rows on the posterior of the draw's own picture and the rest
        spread over the others: their stratified sampling (in the appendix), averaged over which of
        the others is the single one. Unbiased for q(z), exact if the batch is all rows. False is
        their minibatch-weighted sampling: 1 / (rows * n) for all, which is too low.
    """
    n = len(codes)
    own = 1 / rows if stratified else 1 / (rows * n)
    other = (1 - own) / max(n - 1, 1) if stratified else own
    weight = torch.full((n, n), math.log(other)).to(codes)
    weight.fill_diagonal_(math.log(own))
    each = log_normal(codes[:, None], mean[None], log_variance[None])  # (n, n, k)
    joint = torch.logsumexp(weight + each.sum(2), 1)
    single = torch.logsumexp(weight[:, :, None] + each, 1).sum(1)
    posterior = each.sum(2).diagonal()
    prior = log_normal(codes, torch.zeros_like(codes), torch.zeros_like(codes)).sum(1)
    return Parts((posterior - joint).mean(), (joint - single).mean(), (single - prior).mean())


def log_normal(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log density of N(mean, variance)."""
    spread = (x - mean) ** 2 * (-log_variance).exp()
    return -0.5 * (spread + log_variance + math.log(2 * math.pi))


@dataclass(frozen=True)
class BetaTCVAE:
    """A VAE that pays beta for the total correlation of its code, and 1 for the rest of the KL.

    Factors and unnamed numbers z1, z2 ... as for `VAE`.

    Parameters
    ----------
    graph : Graph, Discovery or Learner, optional
        Over labelled factors.
    size : int
        Numbers of the code.
    beta : float
        Weight of the total correlation; 1 is the VAE.
    stratified : bool
        How q(z) is estimated from a batch; see `decomposition`.
    width : int
        Channels of the first convolution, and a quarter of the hidden layer.
    training : Training

    Source: Chen, Li, Grosse and Duvenaud (2018).
    """

    graph: Any = None
    size: int = 10
    beta: float = 6.0
    stratified: bool = True
    width: int = WIDTH
    training: Training = field(default=Training(steps=3000))

    def __post_init__(self) -> None:
        if min(self.size, self.width) < 1 or self.beta < 0:
            raise InputError("BetaTCVAE: expected size, width >= 1 and beta >= 0")

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
            codes = drawn(mean, spread, chance)
            error = cross_entropy(network.decoder(codes), images)
            kl = decomposition(codes, mean, spread, n, stratified=self.stratified)
            total = error + kl.information + self.beta * kl.correlation + kl.marginal
            return {"loss": total, "error": error, **kl._asdict()}

        settings = (self.beta, self.stratified)
        return fitted(self, loss, data, budget, rng, cites=("chen2018",), settings=settings)
