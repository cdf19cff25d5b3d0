"""Predictor: reads factors off pictures, trained apart from the models that it judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...core.budget import Budget, Run, start
from ...core.data import Data
from ...core.errors import InputError
from ...core.result import Result, lock
from ...core.variable import Variable
from ...deep.device import device_of, seeded
from ...deep.networks import Encoder
from ...deep.training import Training, train
from ...deep.weights import Weights, load_weights
from ..codec import parts
from ..pictures import Coding, Images, codings, image_variable, images_of, need_rows

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 40  # pictures, of which some are held out


@dataclass(frozen=True)
class Predictor:
    """A small convolutional network from pictures to their factors: anti-causal, by labels.

    Numbers are standardised and fitted by squared error, levels by cross-entropy, all at once.

    Parameters
    ----------
    factors : sequence of str, optional
        The columns that it reads; every scalar column by default.
    width, hidden : int
        Channels of the first convolution; numbers of the layer below the answers.
    held_out : float
        Share of the pictures on which its own error is measured.
    training : Training
    """

    factors: Sequence[str] | None = None
    width: int = 16
    hidden: int = 128
    held_out: float = 0.1
    training: Training = field(
        default=Training(steps=2500, batch=64, rate=3e-3, decay=1e-4, average=0.995)
    )

    def __post_init__(self) -> None:
        if self.factors is not None:
            object.__setattr__(self, "factors", tuple(self.factors))
        if not 0 < self.held_out < 1 or self.width < 1 or self.hidden < 1:
            raise InputError("Predictor: expected width, hidden >= 1 and held_out between 0 and 1")

    def fit(
        self, data: Data, *, budget: Budget | Run | None = None, rng: np.random.Generator
    ) -> FactorReader:
        """Train on labelled pictures.

        Raises
        ------
        InputError, UnknownName
            No or several columns of pictures, fewer than 40 of them; a factor that never varies,
            or is no column.
        MissingCells
            A label is missing.
        """
        run = start(budget)
        image = image_variable(data)
        need_rows(data, "Predictor", FEWEST)
        names = self.factors or tuple(v.name for v in data.variables if not v.shape)
        if not names:
            raise InputError("Predictor needs at least one column of labels beside the pictures")
        coded = codings(data, names, unlabelled=False)
        order = rng.permutation(data.n)
        held, rows = np.split(order, [max(2, round(self.held_out * data.n))])
        images = images_of(data)
        labels = np.concatenate([c.encode(data.column(c.variable.name)) for c in coded], axis=1)
        seed = int(rng.integers(2**31))
        with seeded(seed):
            network = self._network(image, coded)
        done = train(
            network,
            _Fit(network, coded),
            {"image": images[rows], "label": labels[rows]},
            self.training,
            run=run,
            seed=seed,
            identity=repr((self.width, self.hidden, image, coded)),
        )
        reader = FactorReader(self, image, coded, done.weights, np.empty(0), done.notes)
        truth = data.select([c.variable.name for c in coded]).take(held)
        errors = _errors(coded, reader.read(images[held]), truth)
        return FactorReader(self, image, coded, done.weights, errors, done.notes)

    def _network(self, image: Variable, coded: Sequence[Coding]) -> Encoder:
        outputs = sum(c.size for c in coded)
        c, h, w = image.shape
        return Encoder((c, h, w), outputs, width=self.width, hidden=self.hidden)


class _Fit:
    """The loss: squared error of standardised numbers, cross-entropy of levels."""

    def __init__(self, network: Encoder, coded: Sequence[Coding]) -> None:
        self.network, self.coded = network, coded

    def __call__(
        self, batch: Mapping[str, Tensor], share: float, chance: torch.Generator
    ) -> Mapping[str, Tensor]:
        out = self.network(2 * batch["image"] - 1)
        total, start = out.new_zeros(()), 0
        for coding in self.coded:
            where = slice(start, start + coding.size)
            own, wanted = out[:, where], batch["label"][:, where]
            discrete = coding.variable.discrete
            total = total + (F.cross_entropy if discrete else F.mse_loss)(own, wanted)
            start += coding.size
        return {"loss": total}


@dataclass(frozen=True, eq=False)
class FactorReader(Result):
    """A trained Predictor.

    Parameters
    ----------
    spec : Predictor
    image : Variable
    coded : tuple of Coding
        One a factor.
    weights : mapping of str to array
    errors : (m,) float
        On held-out pictures: mean absolute error in units of the label, or share of wrong levels.
    notes : tuple of str
    """

    spec: Predictor
    image: Variable
    coded: tuple[Coding, ...]
    weights: Weights = field(repr=False)
    errors: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lock(self.errors)

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the factors that it reads."""
        return tuple(c.variable.name for c in self.coded)

    def read(self, units: Data | Images) -> Data:
        """The factors of pictures.

        Parameters
        ----------
        units : Data with a column of pictures, or (n, c, h, w) array
        """
        out, start, columns = self._compute(units, 1), 0, {}
        for coding in self.coded:
            own = out[:, start : start + coding.size]
            columns[coding.variable.name] = lock(coding.decode(own))
            start += coding.size
        return Data(tuple(c.variable for c in self.coded), columns)

    def features(self, units: Data | Images) -> NDArray[np.float32]:
        """The layer below the answers (n, hidden): a place in which to compare pictures."""
        return self._compute(units, 0)

    @cached_property
    def _net(self) -> Encoder:
        with seeded(0):
            network = self.spec._network(self.image, self.coded)
        load_weights(network, self.weights)
        return network.to(device_of(self.spec.training.device))

    @torch.no_grad()
    def _compute(self, units: Data | Images, answers: int) -> NDArray[np.float32]:
        if not isinstance(units, Data):
            described = Variable(self.image.name, shape=tuple(np.shape(units)[1:]))
            units = Data((described,), {self.image.name: np.asarray(units)})
        images = images_of(units, self.image)
        network, out = self._net, []
        for rows in parts(len(images)):
            x = torch.from_numpy(np.array(images[rows])).to(next(network.parameters()).device)
            hidden = network.head[:2](network.body(2 * x - 1))
            out.append((network.head[2](hidden) if answers else hidden).cpu().numpy())
        return np.concatenate(out)

    def frame(self) -> pd.DataFrame:
        """One row a factor: its held-out error, and that in standard deviations of the label."""
        import pandas as pd

        scale = [1.0 if c.variable.discrete else c.scale for c in self.coded]
        kinds = ["wrong levels" if c.variable.discrete else "absolute" for c in self.coded]
        return pd.DataFrame(
            {"error": self.errors, "in sd": self.errors / scale, "of": kinds}, index=self.factors
        )

    def __repr__(self) -> str:
        lines = [f"reads {len(self.coded)} factors off pictures {self.image.shape}; held out:"]
        for coding, error in zip(self.coded, self.errors.tolist(), strict=True):
            what = (
                f"{error:.2%} of levels wrong"
                if coding.variable.discrete
                else f"absolute error {error:.4g} ({error / coding.scale:.3f} sd)"
            )
            lines.append(f"  {coding.variable.name}: {what}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def _errors(coded: Sequence[Coding], found: Data, truth: Data) -> NDArray[np.float64]:
    out = []
    for coding in coded:
        name = coding.variable.name
        a, b = found.column(name), np.asarray(truth.column(name), dtype=np.float64)
        out.append(float((a != b).mean() if coding.variable.discrete else np.abs(a - b).mean()))
    return np.array(out)
