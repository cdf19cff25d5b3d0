"""Network: a torch module on which do, run and effect mean what they mean on a table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.budget import Run
from ..core.draws import Draws
from ..core.errors import InputError, NotSupported, unknown
from ..core.intervention import Do, Intervention, Scale, Shift, Swap
from ..core.result import lock
from ..core.variable import Variable
from .activation import Activation
from .architectures import architecture_of, located
from .inputs import Batch
from .running import Change, Place, run


@dataclass(frozen=True, eq=False)
class Network:
    """A torch module seen as a structural causal model; the module itself is never changed.

    Exogenous are its inputs; the named sites are its variables. `rung.do(net, site=value)` writes
    a value, `rung.do(net, site=rung.Swap(inputs))` the value of another run.

    Parameters
    ----------
    module : torch.nn.Module
        Without dropout and in evaluation mode.
    sites : mapping of str to Activation
    outcome : callable, optional
        Of the module's output, and of the inputs if it takes two arguments: one number a row.
    interventions : tuple of Intervention
    """

    module: nn.Module = field(repr=False)
    sites: Mapping[str, Activation]
    outcome: Callable[..., Any] | None = None
    interventions: tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", dict(self.sites))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sites."""
        return tuple(self.sites)

    @property
    def device(self) -> torch.device:
        """Where the module's first parameter is."""
        return next((p.device for p in self.module.parameters()), torch.device("cpu"))

    def do(self, *interventions: Intervention) -> Network:
        """The network under interventions, which are added to those already there."""
        for item in interventions:
            if item.variable not in self.sites:
                raise unknown(item.variable, self.sites, "site")
            if not isinstance(item, Do | Shift | Scale | Swap):
                raise NotSupported(
                    f"{item!r}: on a network Do, Shift, Scale and Swap are known; a module is "
                    "replaced for good by rung.edit"
                )
        return replace(self, interventions=(*self.interventions, *interventions))

    def run(self, inputs: Any) -> Any:
        """What the module returns under the interventions.

        Raises
        ------
        InputError
            A value does not fit its place; a place is not reached, or is out of range.
        """
        return self._run(Batch.of(inputs).on(self.device), ())[0]

    def values(self, inputs: Any) -> dict[str, NDArray[Any]]:
        """The values (n, ...) at every site, and "outcome" (n,) if the network has one."""
        batch = Batch.of(inputs).on(self.device)
        places = [self.place(site) for site in self.sites.values()]
        with torch.no_grad():
            output, seen = self._run(batch, places)
            found = {k: _array(v) for k, v in zip(self.sites, seen)}
            if self.outcome is not None:
                found["outcome"] = _array(self.score(output, batch))
        return found

    def place(self, site: Activation) -> Place:
        """The one place that a site means."""
        found = located(self.module, site)
        if len(found) != 1:
            raise InputError(f"{site!r} names {len(found)} places; a variable is one")
        return found[0]

    def score(self, output: Any, batch: Batch) -> Tensor:
        """The outcome (n,) of an output."""
        if self.outcome is None:
            raise InputError(
                "the network has no outcome; pass one: rung.network(module, sites=..., outcome=...)"
            )
        takes = [
            p for p in inspect.signature(self.outcome).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]  # fmt: skip
        value = self.outcome(output, batch) if len(takes) > 1 else self.outcome(output)
        value = torch.as_tensor(value)
        if value.shape != (batch.n,):
            raise InputError(
                f"the outcome gives shape {tuple(value.shape)}; expected one number a row "
                f"({batch.n},)"
            )
        return value

    def answer(
        self, query: Any, data: Any, *, estimator: Any, run: Run, rng: np.random.Generator
    ) -> Any:
        """What `rung.effect(net, pairs, query)` gives."""
        from .mediation import answer

        return answer(self, query, data, estimator=estimator, run=run, rng=rng)

    def imagine(
        self, units: Any, interventions: Sequence[Intervention], *, rng: np.random.Generator
    ) -> Draws:
        """What `rung.counterfactual(net, inputs, site=value)` gives: sites and outcome.

        The inputs are all that is exogenous, so that there is one draw and it is certain.
        """
        seen = self.do(*interventions).values(units)
        described = tuple(Variable(name, shape=v.shape[1:]) for name, v in seen.items())
        columns = {name: lock(v[None].astype(np.float64)) for name, v in seen.items()}
        return Draws(described, columns, np.ones(1), (None,))

    def _run(
        self, batch: Batch, reads: Sequence[Place], then: Sequence[tuple[Place, Change]] = ()
    ) -> tuple[Any, list[Tensor]]:
        """The output and the values at `reads` under the interventions, and `then` some more."""
        settled(self.module)
        writes: list[tuple[Place, Change]] = []
        for item in self.interventions:
            place = self.place(self.sites[item.variable])
            writes.append((place, self._change(item, place, batch)))
        return run(self.module, batch, [*writes, *then], reads)

    def _change(self, item: Intervention, place: Place, batch: Batch) -> Change:
        """An intervention as a function of the natural value."""
        if isinstance(item, Do):
            return lambda natural: _like(item.value, natural)
        if isinstance(item, Shift):
            return lambda natural: natural + _like(item.by, natural)
        if isinstance(item, Scale):
            return lambda natural: natural * _like(item.factor, natural)
        assert isinstance(item, Swap)
        under = item.under if isinstance(item.under, tuple) else (item.under,)
        other = replace(self, interventions=()).do(*under)
        source = batch if item.units is None else Batch.of(item.units).on(self.device)
        if source.n not in (1, batch.n):
            raise InputError(f"{item!r}: the other run has {source.n} rows, this one {batch.n}")
        _, (value,) = other._run(source, [place])
        return lambda natural: _like(value, natural)

    def __repr__(self) -> str:
        known = architecture_of(self.module)
        kind = f"{type(self.module).__name__}" + (f" ({known.name})" if known else "")
        lines = [f"Network: {kind}, {sum(p.numel() for p in self.module.parameters()):,} weights"]
        lines += [f"  {name}: {site!r}" for name, site in self.sites.items()]
        lines += [f"  outcome: {self.outcome!r}"] if self.outcome is not None else []
        lines += [f"  {item!r}" for item in self.interventions]
        return "\n".join(lines)


def network(
    module: nn.Module,
    *,
    sites: Mapping[str, Activation | str] | None = None,
    outcome: Callable[..., Any] | None = None,
) -> Network:
    """A torch module as a model.

    Parameters
    ----------
    module : torch.nn.Module
    sites : mapping of name to Activation (or its path), optional
        The places that can be seen and set by name.
    outcome : callable, optional
        One number a row of the module's output; see `Network`.

    Raises
    ------
    InputError, UnknownName
        A site names no module, or more than one.
    """
    if not isinstance(module, nn.Module):
        raise InputError(f"rung.network: expected a torch.nn.Module, got {type(module).__name__}")
    given = {
        name: Activation(site) if isinstance(site, str) else site
        for name, site in (sites or {}).items()
    }
    made = Network(module, given, outcome)
    if "outcome" in given:
        raise InputError("a site cannot be called 'outcome': that is the network's own")
    for name, site in given.items():
        if not isinstance(site, Activation):
            raise InputError(f"site {name!r}: expected an Activation, got {type(site).__name__}")
        made.place(site)
    return made


def settled(module: nn.Module) -> None:
    """Raise if the module draws at random, or looks at the batch, when it runs."""
    for name, part in module.named_modules():
        drawing = isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0
        normal = isinstance(part, nn.modules.batchnorm._BatchNorm)
        if part.training and (drawing or normal or (not name and hasattr(part, "config"))):
            raise NotSupported(
                f"module {name or type(module).__name__!r} is in training mode, so that a run is "
                "no function of its inputs; call module.eval() first"
            )


def _like(value: Any, natural: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(dtype=natural.dtype, device=natural.device)
    return torch.tensor(np.array(value), dtype=natural.dtype, device=natural.device)


def _array(value: Tensor) -> NDArray[Any]:
    return lock(np.array(value.detach().float().cpu().numpy()))
