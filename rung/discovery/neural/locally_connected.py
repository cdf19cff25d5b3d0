"""One small network a node, all trained together; the first layer shows who depends on whom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, NotSupported
from ...core.knowledge import Knowledge
from ...core.source import Source
from ..acyclicity import Bool, Floats
from ..continuous import Setting, prepare
from ..environments import target_matrix

THREADS = 2  # of torch; more do not pay at these sizes


@dataclass(frozen=True, eq=False)
class Networks:
    """d networks from all d variables to one, with sigmoid hidden layers, as one flat vector.

    Parameters
    ----------
    d : int
    hidden : tuple of int
        Units of the hidden layers of each network.

    Source: Zheng, Dan, Aragam, Ravikumar and Xing (2020), section 4.
    """

    d: int
    hidden: tuple[int, ...]

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Weights and biases, layer by layer; the first is (node, unit, parent)."""
        sizes = (*self.hidden, 1)
        out: list[tuple[int, ...]] = [(self.d, sizes[0], self.d), (self.d, sizes[0])]
        for before, after in pairwise(sizes):
            out += [(self.d, before, after), (self.d, after)]
        return tuple(out)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """One past the last entry of each shape in the flat vector."""
        return np.cumsum([int(np.prod(s)) for s in self.shapes])

    @property
    def first(self) -> int:
        """Entries of the first layer's weights."""
        return int(self.ends[0])

    def start(self, rng: np.random.Generator) -> Floats:
        """First layer 0, the rest uniform within 1 / sqrt(inputs)."""
        parts = [np.zeros(self.first), np.zeros(int(np.prod(self.shapes[1])))]
        for shape in self.shapes[2:]:
            inputs = shape[1] if len(shape) == 3 else self.hidden[-1]
            bound = 1.0 / np.sqrt(inputs)
            parts.append(rng.uniform(-bound, bound, int(np.prod(shape))))
        return np.concatenate(parts)

    def squares(self, point: Floats) -> Floats:
        """(d, d) sums of squares of the first layer, [i, j] from i into j."""
        layer = point[: self.first].reshape(self.shapes[0])
        return np.ascontiguousarray((layer**2).sum(axis=1).T)

    def pull(self, point: Floats, matrix: Floats) -> Floats:
        """Gradient (size,) of sum(matrix * squares) in the flat vector."""
        out = np.zeros_like(point)
        layer = point[: self.first].reshape(self.shapes[0])
        out[: self.first] = (2.0 * matrix.T[:, None, :] * layer).ravel()
        return out

    def lasso(self, setting: Setting, weight: float) -> Floats:
        """(size,) penalties: `weight` on the first layer, infinite where closed."""
        one = setting.penalties(weight)  # [node, parent]
        out = np.zeros(int(self.ends[-1]))
        out[: self.first] = np.repeat(one[:, None, :], self.hidden[0], axis=1).ravel()
        return out

    def predict(self, point: Any, rows: Any) -> Any:
        """(n, d) predictions of each variable; torch in, torch out."""
        import torch

        begins = [0, *self.ends[:-1].tolist()]
        parts = [
            point[a:b].reshape(shape)
            for a, b, shape in zip(begins, self.ends.tolist(), self.shapes, strict=True)
        ]
        flat = parts[0].reshape(-1, self.d)
        out = (rows @ flat.T).reshape(-1, self.d, self.hidden[0]) + parts[1]
        for weight, bias in zip(parts[2::2], parts[3::2], strict=True):
            out = torch.einsum("njh,jhk->njk", torch.sigmoid(out), weight) + bias
        return out.squeeze(2)


@dataclass(frozen=True, eq=False)
class Residuals:
    """Sum of squared residuals of the networks on the rows, and its gradient, by torch."""

    networks: Networks
    rows: Any

    def at(self, point: Floats) -> tuple[float, Floats]:
        """Sum of squares over rows and variables; gradient (size,)."""
        import torch

        leaf = torch.from_numpy(point.copy()).requires_grad_()
        total = ((self.networks.predict(leaf, self.rows) - self.rows) ** 2).sum()
        (gradient,) = torch.autograd.grad(total, leaf)
        return float(total.detach()), gradient.numpy()


def training(source: Source, knowledge: Knowledge, who: str) -> tuple[Setting, Any]:
    """The setting, and the centred rows (n, d) as a torch tensor, sorted.

    Sums of floats depend on the order of the rows, and training carries that on.

    Raises
    ------
    NeedsRows, NotSupported, InputError
        Of a source without rows; for targets and ties; as `prepare`.
    """
    import torch

    if target_matrix(source) is not None:
        raise NotSupported(f"{who} cannot use conditions with targets; use NOTEARS or DAGMA")
    setting = prepare(source, knowledge, who)
    rows = np.asarray(source.rows(asker=who), dtype=np.float64)
    rows = rows[np.lexsort(rows.T)]
    return setting, torch.from_numpy(np.ascontiguousarray(rows - rows.mean(axis=0)))


def sizes(hidden: tuple[int, ...]) -> None:
    """Refuse networks without a hidden unit."""
    if not hidden or min(hidden) < 1:
        raise InputError(f"hidden={hidden}: expected numbers of units, such as (10,)")


def strength(setting: Setting, squares: Floats) -> Floats:
    """(d, d) weights: the Euclidean norm of the first layer from i into j."""
    open_: Bool = ~setting.closed
    return np.sqrt(np.where(open_, squares, 0.0))


@contextmanager
def few_threads() -> Iterator[None]:
    """Let torch use at most THREADS threads, for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(before, THREADS))
    try:
        yield
    finally:
        torch.set_num_threads(before)
