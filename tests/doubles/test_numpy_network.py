"""Double 2: a two-layer numpy network; its activations are sites, patching is Swap."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import rung
from rung.core.intervention import Context
from rung.core.variable import Variable

VARIABLES = (Variable("x", shape=(3,)), Variable("h", shape=(4,)), Variable("y"))
RNG = np.random.default_rng(0)
W1, W2, SKIP = RNG.normal(size=(3, 4)), RNG.normal(size=4), RNG.normal(size=3)
LAYERS = {
    "x": lambda v: v["input"],
    "h": lambda v: np.maximum(v["x"] @ W1, 0),
    "y": lambda v: v["h"] @ W2 + v["x"] @ SKIP,
}


@dataclass(frozen=True, eq=False)
class Network(rung.Model):
    """Exogenous are the inputs: abduction is the identity."""

    interventions: tuple[rung.Intervention, ...] = ()

    @property
    def variables(self):
        return VARIABLES

    def do(self, *interventions):
        self.check(interventions)
        return replace(self, interventions=(*self.interventions, *interventions))

    def abduct(self, units, *, rng):
        return units.column("x")

    def run(self, exogenous):
        values = {"input": exogenous}
        for v in VARIABLES:
            values[v.name] = LAYERS[v.name](values)
            for item in self.interventions:
                if item.variable == v.name:
                    values[v.name] = item.apply(values[v.name], self._context(v, values))
        return rung.Data(VARIABLES, {v.name: values[v.name] for v in VARIABLES})

    def _context(self, v, values):
        def elsewhere(units, interventions):
            inputs = values["input"] if units is None else units.column("x")
            return replace(self, interventions=interventions).run(inputs).column(v.name)

        n = len(values["input"])
        return Context(v, n, values, elsewhere, lambda: None, {u.name: u for u in VARIABLES})


def inputs(n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 3))
    return rung.Data(VARIABLES[:1], {"x": x})


def forward(x):
    h = np.maximum(x @ W1, 0)
    return h, h @ W2 + x @ SKIP


def test_patching_takes_the_activation_of_another_run():
    clean, corrupt = inputs(7, 1), inputs(7, 2)
    patched = rung.counterfactual(Network(), clean, rung.Swap("h", units=corrupt))
    h, _ = forward(corrupt["x"])
    assert np.array_equal(patched["h"], h)
    assert np.allclose(patched["y"], h @ W2 + clean["x"] @ SKIP)


def test_direct_and_indirect_effects_add_to_the_total():
    """The network is linear in y: total = direct (h kept) + indirect (h swapped), exactly."""
    units, value = inputs(5, 1), np.array([1.0, -2.0, 0.5])
    net = Network()
    fact = forward(units["x"])[1]
    total = rung.counterfactual(net, units, x=value)["y"] - fact
    direct = rung.counterfactual(net, units, rung.Do("x", value), rung.Swap("h"))["y"] - fact
    under = rung.Swap("h", under=rung.Do("x", value))
    indirect = rung.counterfactual(net, units, under)["y"] - fact
    assert np.allclose(direct, (value - units["x"]) @ SKIP)
    assert np.allclose(total, direct + indirect)
    assert not np.allclose(indirect, 0)


def test_ablate_and_steer_are_do_and_shift():
    units = inputs(4, 3)
    _, y = forward(units["x"])
    ablated = rung.counterfactual(Network(), units, h=np.zeros(4))
    assert np.allclose(ablated["y"], units["x"] @ SKIP)
    steered = rung.counterfactual(Network(), units, rung.Shift("h", np.array([1.0, 0, 0, 0])))
    assert np.allclose(steered["y"] - y, W2[0])


def test_it_cannot_draw_new_units_and_says_so():
    with pytest.raises(rung.core.errors.NotSupported, match="Network"):
        rung.core.model.generative(Network(), "sample")


def test_the_contract_holds():
    from rung.bench.contracts import check

    report = check(Network(), example=inputs(5, 0))
    assert report.passed, report
