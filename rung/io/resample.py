"""Pictures of another size: each pixel the mean of the area that it covers."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..core.result import lock

Floats = NDArray[np.float32]


@cache
def area_weights(old: int, new: int) -> Floats:
    """Weights (new, old): row i holds the shares of the old pixels in new pixel i; rows sum to 1.

    Pixel i of `new` covers the interval [i, i + 1) * old / new of the old ones. The mean over all
    pixels is kept exactly.
    """
    edges = np.arange(new + 1) * (old / new)
    low = np.maximum(edges[:-1, None], np.arange(old)[None])
    high = np.minimum(edges[1:, None], np.arange(1, old + 1)[None])
    weights = np.maximum(high - low, 0.0)
    return lock((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def resample(pictures: Floats, size: tuple[int, int]) -> Floats:
    """Pictures (..., h, w) as (..., *size); the same array if they have that size."""
    h, w = pictures.shape[-2:]
    if (h, w) == size:
        return pictures
    down = area_weights(h, size[0]) @ pictures @ area_weights(w, size[1]).T
    return np.minimum(down, 1, dtype=np.float32)  # rounding may pass 1 by 1e-7
