"""CausalDiffAE on small pictures: what it learns, keeps, refuses and writes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import rung
from rung.core.errors import InputError, MissingCells, UnknownName
from rung.deep.training import Training
from rung.latent.causal_diffusion import CausalDiffAE, Network, Plan
from rung.latent.causal_layer import CausalLayer, factor_scm
from rung.latent.pictures import Coding, codings
from rung.simulate import Pendulum

SHORT = Training(steps=15, batch=32, rate=2e-3, average=0.9)


@pytest.fixture(scope="module")
def made():
    world = Pendulum(n=400, seed=0, size=12)
    spec = CausalDiffAE(world.graph, sampling=6, width=16, training=replace(SHORT, steps=200))
    torch.set_num_threads(1)
    return rung.fit(spec, world.data), world


def test_the_verbs_work_on_pictures(made):
    model, world = made
    units = world.data[:8].select(["image"])
    draws = rung.counterfactual(model, units, light=0.8)
    assert draws["image"].shape == (8, 3, 12, 12)
    assert np.allclose(draws["light"], 0.8)
    assert np.array_equal(draws["angle"], model.read(units)["angle"])  # light does not move it
    below = model.latents.mechanisms["shadow_position"]
    assert {p.name for p in below.parents} == {"angle", "light"}
    sample = rung.do(model, shadow_length=0.4).sample(4, seed=0)
    assert sample["image"].shape == (4, 3, 12, 12)
    assert np.allclose(sample["shadow_length"], 0.4)
    effect = rung.effect(
        model.graph, model.latents.sample(500, seed=0), rung.ATE("light", "shadow_position")
    )
    assert np.isfinite(effect.value)


def test_factors_are_learned(made):
    model, _ = made
    other = Pendulum(n=100, seed=1, size=12).data
    seen = model.read(other)
    for name in ("angle", "shadow_position"):
        assert np.corrcoef(seen[name], other[name])[0, 1] > 0.9
    assert np.abs(model.reconstruct(other) - other["image"]).mean() < 0.1


def test_latents_follow_the_true_mechanism():
    world = Pendulum(n=1500, seed=0, size=12)
    coded = codings(world.data, world.graph.names, unlabelled=False)
    labels = np.concatenate([c.encode(world.data.column(c.variable.name)) for c in coded], axis=1)
    layer = CausalLayer(world.graph, coded)
    scm, _ = factor_scm(layer, coded, world.graph, labels, labels, np.random.default_rng(0))
    other = Pendulum(n=300, seed=1, size=12)
    units = other.data.select(world.factors)
    ours = rung.counterfactual(scm, units, light=0.8)
    true = rung.counterfactual(other.model, other.data, light=0.8)
    for name in world.factors:
        assert np.abs(ours[name] - true[name]).mean() < 0.1 * np.std(units[name])


def test_same_seed_same_pictures_and_files(made, tmp_path):
    model, world = made
    spec = CausalDiffAE(world.graph, sampling=4, width=8, training=SHORT)
    one, two = (rung.fit(spec, world.data[:100], seed=3) for _ in range(2))
    other = rung.fit(spec, world.data[:100], seed=4)
    units = world.data[:4]
    pictures = [rung.counterfactual(m, units, angle=0.0)["image"] for m in (one, two, other)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    again = rung.load(model.save(tmp_path / "model.rung"))
    assert np.array_equal(again.reconstruct(units), model.reconstruct(units))
    assert again.latents.names == model.latents.names


def test_strength_zero_is_the_fact_and_more_goes_further(made):
    model, world = made
    units = world.data[:16].select(["image"])  # labels would be facts, which change the code
    plain = model.reconstruct(units)
    steps = []
    for strength in (0.0, 0.5, 1.0):
        dialled = replace(model, codec=replace(model.codec, strength=strength))
        image = rung.counterfactual(dialled, units, angle=30.0)["image"]
        steps.append(float(np.abs(image - plain).mean()))
    assert steps[0] == pytest.approx(0, abs=1e-6)
    assert steps[0] < steps[1] < steps[2]


def test_levels_missing_labels_and_learned_graphs():
    world = Pendulum(n=300, seed=0, size=12)
    side = rung.Variable("side", rung.Kind.BINARY, ("left", "right"))
    level = (world.data["angle"] > 0).astype(float)
    data = world.data.with_column(side, level)
    graph = rung.Graph.parse("side -> shadow_position; light -> shadow_position")
    spec = CausalDiffAE(graph, sampling=3, free=3, width=8, training=SHORT)
    model = rung.fit(spec, data)
    assert (rung.counterfactual(model, data[:6], side="left")["side"] == "left").all()
    assert model.codec.size == 2 + 1 + 1 + 3
    hidden = np.array(data.column("light"))
    hidden[:200] = np.nan
    some = data.with_column(data.variable("light"), hidden)
    with pytest.raises(MissingCells, match="unlabelled=True"):
        rung.fit(spec, some)
    assert rung.fit(replace(spec, unlabelled=True), some).complete
    found = rung.fit(CausalDiffAE(rung.PC(), width=8, training=SHORT), world.data)
    assert set(found.factors) == set(world.factors)


def test_bad_input_is_named():
    world = Pendulum(n=40, seed=0, size=12)
    rng = np.random.default_rng(0)
    spec = CausalDiffAE(world.graph, training=SHORT)
    with pytest.raises(InputError, match="at least 8 pictures"):
        spec.fit(world.data[:3], rng=rng)
    with pytest.raises(UnknownName, match="light"):
        CausalDiffAE(rung.Graph.parse("ligth -> angle"), training=SHORT).fit(world.data, rng=rng)
    with pytest.raises(InputError, match="no factor"):
        CausalDiffAE(rung.Graph.parse("light -> image"), training=SHORT).fit(world.data, rng=rng)
    flat = world.data.with_column(world.data.variable("light"), np.full(40, 0.5))
    with pytest.raises(InputError, match="same value"):
        spec.fit(flat, rng=rng)
    endless = world.data.with_column(world.data.variable("light"), np.full(40, np.inf))
    with pytest.raises(InputError, match="not finite"):
        spec.fit(endless, rng=rng)
    for wrong in ({"free": -1}, {"sampling": 1}, {"strength": -1.0}, {"width": 4}):
        with pytest.raises(InputError, match="CausalDiffAE"):
            CausalDiffAE(world.graph, **wrong)


def test_a_short_budget_is_said(made):
    _, world = made
    spec = CausalDiffAE(world.graph, sampling=4, width=8, training=replace(SHORT, steps=100_000))
    model = rung.fit(spec, world.data, budget=rung.Budget(seconds=1.5))
    assert not model.complete
    assert "of 100,000 steps" in model.notes[0]
    assert "stopped early" in repr(model)


def test_loss_of_labels_and_noise_by_hand():
    graph = rung.Graph.parse("a -> b")
    coded = (Coding(rung.Variable("a")), Coding(rung.Variable("b")))
    layer = CausalLayer(graph, coded)
    raw = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    labels = torch.tensor([[0.0, 2.0], [3.0, 0.0]])
    known = torch.tensor([[True, True], [True, False]])
    assert layer.alignment(raw, labels, known).item() == pytest.approx(0.5 * (1 + 0) / 2 + 0.0)
    with torch.no_grad():
        f = layer.networks["1"](raw[:, :1])[:, 0]
    u = torch.stack([raw[:, 0], raw[:, 1] - f])
    expected = float((0.5 * u**2).mean(dim=1).sum())
    assert layer.prior(raw).item() == pytest.approx(expected, rel=1e-6)
    network = Network(Plan(CausalDiffAE(None), (3, 12, 12), graph, coded))
    parts = network.loss(
        {"image": torch.rand(4, 3, 12, 12), "label": torch.zeros(4, 2)},
        0.0,
        torch.Generator().manual_seed(0),
    )
    assert set(parts) == {"loss", "denoising", "labels", "prior", "free"}


def test_prior_teaches_the_reader_only_of_pictures_without_labels():
    graph = rung.Graph.parse("a -> b")
    coded = (Coding(rung.Variable("a")), Coding(rung.Variable("b")))
    network = Network(Plan(CausalDiffAE(None, align=0.0), (1, 8, 8), graph, coded))
    images = torch.rand(6, 1, 8, 8)

    def taught(labels):
        network.zero_grad()
        chance = torch.Generator().manual_seed(0)
        network.loss({"image": images, "label": labels}, 0.0, chance)["loss"].backward()
        return sum(p.grad.abs().sum().item() for p in network.reader.parameters())

    labels = torch.randn(6, 2)
    assert taught(labels) == 0
    labels[0] = torch.nan
    assert taught(labels) > 0


def test_factors_steer_the_denoiser_apart():
    graph = rung.Graph.parse("a -> b")
    coded = (Coding(rung.Variable("a")), Coding(rung.Variable("b")))
    denoiser = Network(Plan(CausalDiffAE(None), (1, 8, 8), graph, coded)).denoiser
    assert [(s.start, s.stop) for s in denoiser.slices] == [(0, 1), (1, 2)]
    free = Network(Plan(CausalDiffAE(None, free=3), (1, 8, 8), graph, coded)).denoiser
    assert [(s.start, s.stop) for s in free.slices] == [(0, 1), (1, 2), (0, 5)]
