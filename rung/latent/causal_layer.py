"""The causal layer: factors to their noise over a DAG, and what it becomes after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.data import Data
from ..core.graph import Graph
from ..core.mechanism import Mechanism
from ..core.result import lock
from ..core.scm import SCM
from ..deep.networks import perceptron
from ..mechanisms.auto import AutoMechanism
from ..mechanisms.linear import Linear
from ..mechanisms.neural import Neural
from ..mechanisms.noise import Empirical, Gaussian
from .codec import Codes
from .pictures import Coding
from .sites import Block

Floats = NDArray[np.float64]
UNITS = 32  # of the hidden layers of a node's network
FINISH = 150  # quasi-Newton steps on all rows in the end
DECAY = 1e-6


class CausalLayer(nn.Module):
    """u_i = z_i - f_i(parents of i), with u_i normal of a learned width, for numeric factors.

    A factor with levels is a block of zeros and a one; its own mechanism is fitted after training.
    """

    def __init__(self, graph: Graph, coded: Sequence[Coding]) -> None:
        super().__init__()
        self.coded = tuple(coded)
        starts = np.cumsum([0, *(c.size for c in coded)])
        self.slices = [slice(a, b) for a, b in zip(starts[:-1].tolist(), starts[1:].tolist())]
        where = {c.variable.name: s for c, s in zip(coded, self.slices)}
        self.parents = [
            [
                i
                for p in graph.parents(c.variable.name)
                for i in range(where[p].start, where[p].stop)
            ]
            for c in coded
        ]
        self.networks = nn.ModuleDict()
        for i, (coding, above) in enumerate(zip(coded, self.parents)):
            if above and not coding.variable.discrete:
                self.networks[str(i)] = perceptron([len(above), UNITS, UNITS, 1])
        self.width = nn.Parameter(torch.zeros(len(coded)))  # log sd of u

    def values(self, raw: Tensor) -> Tensor:
        """Factors (n, known) of what the encoder gives: logits become the likeliest level."""
        columns = [
            _hard(raw[:, s]) if c.variable.discrete else raw[:, s]
            for c, s in zip(self.coded, self.slices)
        ]
        return torch.cat(columns, dim=1)

    def alignment(self, raw: Tensor, labels: Tensor, labelled: Tensor) -> Tensor:
        """Half squared distance to the labels, and cross-entropy of levels, where labelled."""
        total = raw.new_zeros(())
        for coding, s in zip(self.coded, self.slices):
            known = labelled[:, s.start].float()
            if coding.variable.discrete:
                each = -(labels[:, s] * raw[:, s].log_softmax(1)).sum(1)
            else:
                each = 0.5 * (raw[:, s.start] - labels[:, s.start]) ** 2
            total = total + (each * known).sum() / known.sum().clamp(min=1)
        return total

    def prior(self, z: Tensor) -> Tensor:
        """Negative log density of the noise, summed over numeric factors."""
        total = z.new_zeros(())
        for i, (coding, s) in enumerate(zip(self.coded, self.slices)):
            if coding.variable.discrete:
                continue
            u = z[:, s.start]
            if str(i) in self.networks:
                u = u - self.networks[str(i)](z[:, self.parents[i]])[:, 0]
            width = self.width[i].clamp(-4, 2)
            total = total + (0.5 * (u / width.exp()) ** 2 + width).mean()
        return total


def _hard(logits: Tensor) -> Tensor:
    """1 for the likeliest level, 0 for the others, with the gradient of the probabilities."""
    soft = logits.softmax(1)
    hard = nn.functional.one_hot(soft.argmax(1), soft.shape[1]).to(soft.dtype)
    return hard + soft - soft.detach()


def finish(layer: CausalLayer, values: NDArray[np.float32], steps: int = FINISH) -> None:
    """Fit the networks f_i alone, to the factors (n, known) as labelled or else as encoded.

    Batches of the joint training leave them less than converged; the noise of a unit is what they
    leave over.
    """
    z = torch.from_numpy(np.ascontiguousarray(values))
    layer.cpu()
    for i, s in enumerate(layer.slices):
        if str(i) not in layer.networks:
            continue
        network, x, y = layer.networks[str(i)], z[:, layer.parents[i]], z[:, s.start]
        trained = [p.requires_grad_(True) for p in network.parameters()]
        optimiser = torch.optim.LBFGS(
            trained, max_iter=steps, history_size=20, line_search_fn="strong_wolfe"
        )

        def error() -> Tensor:
            optimiser.zero_grad()  # noqa: B023
            wrong = ((y - network(x)[:, 0]) ** 2).mean()  # noqa: B023
            wrong = wrong + DECAY * sum((p**2).sum() for p in trained)  # noqa: B023
            wrong.backward()
            return wrong

        optimiser.step(error)
        for p in trained:
            p.requires_grad_(False)


def factor_scm(
    layer: CausalLayer, coded: Sequence[Coding], graph: Graph, codes: Codes,
    labels: NDArray[np.float32], rng: np.random.Generator,
) -> tuple[SCM, tuple[Block, ...]]:  # fmt: skip
    """The SCM over the factors in units of their labels, and where each lives in the code.

    Made of the labels (n, known), and of the encoded factors where there is none: the mechanisms
    of numeric factors are the layer's networks with the noise they leave over, those of factors
    with levels and of roots are fitted anew.
    """
    places = tuple(Block(c, s.start) for c, s in zip(coded, layer.slices))
    known = np.where(np.isnan(labels), codes[:, : labels.shape[1]], labels)
    finish(layer, known)
    columns = {p.variable.name: lock(p.read(known)) for p in places}
    seen = Data(tuple(c.variable for c in coded), columns)
    by = {c.variable.name: c for c in coded}
    mechanisms: dict[str, Mechanism] = {}
    for i, coding in enumerate(coded):
        name = coding.variable.name
        above = graph.parents(name)
        if coding.variable.discrete:
            mechanisms[name] = AutoMechanism().fit(
                columns[name], seen.select(above), variable=coding.variable, rng=rng
            )
        elif not above:
            centre, sd = float(columns[name].mean()), float(columns[name].std())
            residual = Empirical.of(columns[name] - centre, sd)
            mechanisms[name] = Linear.of(coding.variable, (), (), intercept=centre, noise=residual)
        else:
            mechanisms[name] = _neural(
                layer.networks[str(i)], coding, [by[p] for p in above], columns
            )  # fmt: skip
    return SCM(graph, mechanisms), places


def _neural(
    network: nn.Module, coding: Coding, above: Sequence[Coding], columns: dict[str, Floats]
) -> Neural:
    """A network of the layer as a mechanism, with the noise that the encoded pictures have."""
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    made = Neural(
        coding.variable,
        tuple(c.variable for c in above),
        tuple(m.weight.detach().cpu().numpy().T.astype(np.float64) for m in layers),
        tuple(m.bias.detach().cpu().numpy().astype(np.float64) for m in layers),
        lock(np.array([c.centre for c in above])),
        lock(np.array([c.scale for c in above])),
        coding.centre,
        coding.scale,
        Gaussian(),
    )
    left = made.abduct(columns[coding.variable.name], columns, np.random.default_rng(0))
    centre, sd = float(left.mean()), float(left.std())
    residual = Empirical.of(left - centre, sd)
    return replace(made, centre=made.centre + centre, residual=residual)
