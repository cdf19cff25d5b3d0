"""Double 3: a torch module; sites are hooks on its layers, the same verbs answer."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np

import rung
from rung.core.intervention import Context
from rung.core.variable import Variable

import torch  # isort: skip  (in the test environment; the core never imports it)

VARIABLES = (Variable("x", shape=(3,)), Variable("h", shape=(4,)), Variable("y", shape=(1,)))


def module():
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    return net.double()


@dataclass(frozen=True, eq=False)
class TorchNetwork(rung.Model):
    """`sites` names a layer for each variable; a hook reads its output and writes over it."""

    net: torch.nn.Module
    sites: dict
    interventions: tuple = ()

    @property
    def variables(self):
        return VARIABLES

    def do(self, *interventions):
        self.check(interventions)
        return replace(self, interventions=(*self.interventions, *interventions))

    def abduct(self, units, *, rng):
        return units.column("x")

    def run(self, exogenous):
        net, seen = copy.deepcopy(self.net), {}  # a swap runs again inside: hooks must not meet
        inputs = self._write(VARIABLES[0], exogenous, exogenous)
        for v in VARIABLES[1:]:

            def hook(layer, args, output, v=v):
                seen[v.name] = self._write(v, output.numpy(), exogenous)
                return torch.from_numpy(seen[v.name].copy())

            net.get_submodule(self.sites[v.name]).register_forward_hook(hook)
        with torch.no_grad():
            net(torch.from_numpy(inputs.copy()))
        return rung.Data(VARIABLES, {"x": inputs, **seen})

    def _write(self, v, natural, exogenous):
        def elsewhere(units, interventions):
            source = exogenous if units is None else units.column("x")
            return replace(self, interventions=interventions).run(source).column(v.name)

        context = Context(v, len(exogenous), {}, elsewhere, lambda: None, {})
        for item in self.interventions:
            if item.variable == v.name:
                natural = np.asarray(item.apply(natural, context))
        return natural


def network():
    return TorchNetwork(module(), {"h": "1", "y": "2"})


def inputs(n, seed):
    return rung.Data(VARIABLES[:1], {"x": np.random.default_rng(seed).normal(size=(n, 3))})


def test_reading_is_the_forward_pass():
    units = inputs(6, 0)
    draws = rung.counterfactual(network(), units)
    with torch.no_grad():
        y = module()(torch.from_numpy(units["x"].copy())).numpy()
    assert np.array_equal(draws["y"], y)


def test_patching_the_only_path_gives_the_other_answer():
    clean, corrupt = inputs(6, 1), inputs(6, 2)
    patched = rung.counterfactual(network(), clean, rung.Swap("h", units=corrupt))
    assert np.array_equal(patched["y"], rung.counterfactual(network(), corrupt)["y"])
    assert np.array_equal(patched["x"], clean["x"])


def test_do_leaves_the_module_as_it_was():
    net, units = network(), inputs(3, 3)
    before = rung.counterfactual(net, units)["y"]
    bias = net.net[2].bias.detach().numpy()
    assert np.allclose(rung.counterfactual(net, units, h=np.zeros(4))["y"], bias)
    assert np.array_equal(rung.counterfactual(net, units)["y"], before)
    assert not net.net[1]._forward_hooks


def test_the_contract_holds():
    from rung.bench.contracts import check

    report = check(network(), example=inputs(5, 0))
    assert report.passed, report
