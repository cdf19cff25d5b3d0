"""InfoNCE with labels: pictures that share a level lie in one direction, others in another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LARGEST = 100.0  # of a similarity over the temperature


def info_nce(z: Tensor, levels: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Contrastive loss of one factor in nats, and the share of rows that took part.

    With s_ab the cosine of rows a and b over the temperature, the loss of anchor a is
    -log(sum of exp(s_ap) over p != a of the same level / sum of exp(s_aq) over all q != a): the
    positives are summed inside the logarithm. Anchors without a positive in the batch are left
    out, as are rows without a level; the mean is over the rest, and 0 if none is left.

    Parameters
    ----------
    z : (n, d)
        Sampled numbers of the factor's subspace, of any length.
    levels : (n,)
        Codes of levels; NaN where unlabelled.

    Source: Myara et al. (2026), by their published code.
    """
    labelled = ~levels.isnan()
    n = len(z)
    z, levels = F.normalize(z[labelled], dim=1), levels[labelled]
    near = (z @ z.T / temperature).clamp(-LARGEST, LARGEST)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    near = near.masked_fill(itself, -torch.inf)
    same = (levels[:, None] == levels) & ~itself
    anchors = same.any(dim=1)
    if not anchors.any():
        return z.sum() * 0, torch.zeros((), device=z.device)
    near, same = near[anchors], same[anchors]
    pulled = torch.logsumexp(near.masked_fill(~same, -torch.inf), dim=1)
    loss = torch.logsumexp(near, dim=1) - pulled
    return loss.mean(), anchors.sum() / n
