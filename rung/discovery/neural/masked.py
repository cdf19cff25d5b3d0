"""One small network a node on inputs behind a mask, and a descent on both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..acyclicity import Bool, Floats, exponential

Numbers = NDArray[Any]  # float32 in training, float64 in tests
FIRST, SECOND, TINY = 0.9, 0.999, 1e-8  # of Adam


@dataclass(frozen=True, eq=False)
class Masked:
    """Logits U of a mask, and d networks f_j(M[:, j] * x) with one hidden layer of tanh units.

    All of it is one flat vector: U (d, d), first weights (d, d, hidden) as [input, node, unit],
    biases (d, hidden), second weights (d, hidden), biases (d,).

    Parameters
    ----------
    required, closed : (d, d) bool
        Where the mask is 1, and where it is 0 (the diagonal is closed).
    hidden : int
    temperature : float
        tau.
    sparsity : float
        lambda, the weight of the sum of the mask.
    decay : float
        Weight of half the squares of the networks' weights.

    Source: Gao et al. (2023), section 3: M = GumbelSigmoid(U / tau), squared residuals.
    """

    required: Bool
    closed: Bool
    hidden: int
    temperature: float
    sparsity: float
    decay: float = 0.0

    @property
    def d(self) -> int:
        """Number of variables."""
        return len(self.closed)

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the parts of the flat vector."""
        d, k = self.d, self.hidden
        return (d, d), (d, d, k), (d, k), (d, k), (d,)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """One past the last entry of each part."""
        return np.cumsum([int(np.prod(s)) for s in self.shapes])

    @cached_property
    def open(self) -> Floats:
        """(d, d): 1 where the logits decide."""
        return (~self.closed & ~self.required).astype(np.float64)

    def start(self, rng: np.random.Generator) -> Floats:
        """First networks (size - d * d,): weights uniform within 2 / sqrt(d), 1 / sqrt(hidden)."""
        d, k = self.d, self.hidden
        first = rng.uniform(-1.0, 1.0, d * d * k) * (2.0 / np.sqrt(d))
        second = rng.uniform(-1.0, 1.0, d * k) / np.sqrt(k)
        return np.concatenate([first, np.zeros(d * k), second, np.zeros(d)])

    def parts(self, point: Numbers) -> list[Numbers]:
        """Views of the parts of a flat vector."""
        begins = [0, *self.ends[:-1].tolist()]
        ends = self.ends.tolist()
        return [point[a:b].reshape(s) for a, b, s in zip(begins, ends, self.shapes, strict=True)]

    def mask(self, logits: Numbers, noise: Numbers | float = 0.0) -> Numbers:
        """(d, d) values in 0..1 of the logits plus logistic noise."""
        with np.errstate(over="ignore"):
            out = 1.0 / (1.0 + np.exp(-(logits + noise) / self.temperature))
        return np.asarray(np.where(self.required, 1.0, np.where(self.closed, 0.0, out)))

    def objective(
        self, point: Numbers, noise: Numbers, x: Numbers, weight: float
    ) -> tuple[float, Numbers]:
        """Half the mean squared residual + penalties + weight * h(M), and its gradient (size,).

        h(M) = tr(exp(M o M)) - d. The sum of M is that of the entries that the logits decide.
        """
        d, k, n = self.d, self.hidden, len(x)
        logits, first, bias, second, last = self.parts(point)
        m = self.mask(logits, noise).astype(x.dtype)
        units = np.tanh(x @ (first * m[:, :, None]).reshape(d, d * k) + bias.ravel())
        units = units.reshape(n, d, k)
        by_node = units.transpose(1, 0, 2)
        residual = np.matmul(by_node, second[:, :, None])[:, :, 0].T + last - x
        h, grown = exponential((m * m).astype(np.float64))
        value = 0.5 * float((residual * residual).sum()) / n
        value += self.sparsity * float((m * self.open).sum()) + weight * h
        value += 0.5 * self.decay * float((first * first).sum() + (second * second).sum())

        g = residual / x.dtype.type(n)
        g_second = np.matmul(by_node.transpose(0, 2, 1), g.T[:, :, None])[:, :, 0]
        inner = (g[:, :, None] * second * (1.0 - units * units)).reshape(n, d * k)
        g_masked = (x.T @ inner).reshape(d, d, k)
        g_mask = (g_masked * first).sum(axis=2) + self.sparsity + (2.0 * weight) * m * grown.T
        g_logits = g_mask * m * (1.0 - m) * (self.open / self.temperature)
        g_first = g_masked * m[:, :, None] + self.decay * first
        g_second = g_second + self.decay * second
        out = np.concatenate([
            g_logits.ravel(), g_first.ravel(), inner.sum(axis=0), g_second.ravel(), g.sum(axis=0),
        ])  # fmt: skip
        return value, out.astype(x.dtype)


def train(
    model: Masked,
    point: Floats,
    rows: Floats,
    weight: float,
    rng: np.random.Generator,
    *,
    steps: int,
    still: int,
    batch: int,
    rates: tuple[float, float],
) -> Floats:
    """The point after `steps` steps of Adam, the first `still` of them without the logits.

    Parameters
    ----------
    rows : (n, d)
        Taken `batch` at a time where there are more, in an order drawn from `rng`.
    weight : float
        Of h.
    rates : (float, float)
        Sizes of a step for the logits and for the networks.

    Source: Kingma and Ba (2015), algorithm 1.
    """
    d, n = model.d, len(rows)
    x = rows[rng.permutation(n)].astype(np.float32)
    at = point.astype(np.float32)
    m, v = np.zeros_like(at), np.zeros_like(at)
    rate = np.full(len(at), rates[1], dtype=np.float32)
    rate[: d * d] = 0.0
    for step in range(1, steps + 1):
        if step == still + 1:
            rate[: d * d] = rates[0]
        first = int(rng.integers(n - batch + 1)) if n > batch else 0
        noise = rng.logistic(size=(d, d))
        _, g = model.objective(at, noise, x[first : first + batch], weight)
        m += (1.0 - FIRST) * (g - m)
        v += (1.0 - SECOND) * (g * g - v)
        up = m / (1.0 - FIRST**step)
        at -= rate * (up / (np.sqrt(v / (1.0 - SECOND**step)) + TINY))
    return at.astype(np.float64)
