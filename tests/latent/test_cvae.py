"""CVAE on blots: attributes as facts or as read, and the bound on the likelihood by quadrature."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, MissingCells, NotSupported
from rung.core.variable import Kind, Variable
from rung.deep.training import Training
from rung.latent import CVAE, VAE, evidence_bound

KIND = Variable("kind", Kind.CATEGORICAL, ("a", "b"))
IMAGE = Variable("image", shape=(1, 8, 8))
GRAPH = rung.Graph.parse("light -> glow")


def lamps(n: int, seed: int = 0) -> rung.Data:
    """light -> glow: brightness of the left and of the right half; a dot where it likes."""
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.2, 0.8, n)
    glow = np.clip(0.9 - light + 0.1 * rng.normal(size=n), 0.05, 0.95)
    kind = rng.integers(0, 2, n)
    images = np.zeros((n, 1, 8, 8), dtype=np.float32)
    images[..., :4], images[..., 4:] = light[:, None, None, None], glow[:, None, None, None]
    images[np.arange(n), 0, np.where(kind, 7, 0), rng.integers(0, 8, n)] = 1.0
    columns = {"light": light, "glow": glow, "kind": kind.astype(float), "image": images}
    return rung.Data((Variable("light"), Variable("glow"), KIND, IMAGE), columns)


def halves(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = images[:, 0, 1:7]
    return rows[..., :4].mean(axis=(1, 2)), rows[..., 4:].mean(axis=(1, 2))


SHORT = Training(steps=80, batch=64, rate=4e-3)
TRAINING = Training(steps=200, batch=64, rate=4e-3)


@pytest.fixture(scope="module")
def made() -> tuple[rung.latent.ImageModel, rung.Data]:
    spec = CVAE(graph=GRAPH, size=1, training=TRAINING)
    return spec.fit(lamps(500), rng=np.random.default_rng(0)), lamps(80, seed=1)


def test_do_sets_the_half_and_its_descendant_follows(made):
    model, data = made
    changed = rung.counterfactual(model, data, light=0.3).point
    left, right = halves(changed["image"])
    assert np.abs(left - 0.3).mean() < 0.05
    assert np.abs(right - changed["glow"]).mean() < 0.05
    slope = model.latents.mechanisms["glow"].mean({"light": np.array([0.3, 0.7])}, 2)
    assert np.diff(slope)[0] / 0.4 == pytest.approx(-1, abs=0.15)
    # what light does not reach: the residual of glow is kept
    moved = changed["glow"] - data["glow"]
    assert np.corrcoef(moved, data["light"] - 0.3)[0, 1] > 0.99


def test_labels_are_facts_and_pictures_alone_are_read(made):
    model, data = made
    wrong = data.with_column(Variable("light"), np.full(data.n, 0.5))
    assert (rung.counterfactual(model, wrong).point["light"] == 0.5).all()
    alone = rung.counterfactual(model, wrong.select(["image"])).point
    assert np.abs(alone["light"] - data["light"]).mean() < 0.05
    partly = rung.counterfactual(model, wrong.select(["light", "image"])).point
    assert np.array_equal(partly["light"], alone["light"])  # not all labels: none is looked at


def test_z_of_labelled_units_is_encoded_under_their_labels(made):
    model, data = made
    facts = model.latents.facts(data)
    known = np.column_stack([c.encode(facts.column(c.variable.name)) for c in model.codec.coded])
    z = model.codec.posterior(data.column("image"), known)[0]
    seen = model.abduct(data, rng=np.random.default_rng(0))
    assert seen.codes == pytest.approx(np.concatenate([known, z], axis=1), abs=1e-6)


def quadrature(model, images, known_grid, log_prior, grid):
    """log p(x), the integral over z (and over a grid of factors), as a sum."""
    totals = []
    for known, prior in zip(known_grid, log_prior):
        codes = np.column_stack([np.tile(known, (len(grid), 1)), grid]).astype(np.float32)
        logits = model.codec.logits(codes).reshape(len(grid), -1).astype(float)
        x = images.reshape(len(images), -1)
        log_x = x @ logits.T - np.logaddexp(0, logits).sum(axis=1)
        log_z = -0.5 * grid**2 - 0.5 * np.log(2 * np.pi) + np.log(grid[1] - grid[0])
        totals.append(np.logaddexp.reduce(log_x + log_z, axis=1) + prior)
    return np.logaddexp.reduce(np.array(totals), axis=0)


def test_bound_given_factors_against_quadrature(made):
    model, data = made
    few = data[:6]
    grid = np.linspace(-7, 7, 281)
    facts = model.latents.facts(few)
    want = [
        quadrature(
            model, few.column("image")[i : i + 1],
            [np.concatenate([c.encode(facts.column(c.variable.name)[i : i + 1])[0]
                             for c in model.codec.coded])], [0.0], grid,
        )[0]
        for i in range(6)
    ]  # fmt: skip
    many = evidence_bound(model, few, given=True, draws=500)
    assert many.each == pytest.approx(np.array(want), abs=0.05)
    one = evidence_bound(model, data, given=True, draws=1)
    assert one.value < evidence_bound(model, data, given=True, draws=50).value + 0.02
    assert one.of == "log p(picture | factors)"
    assert one.interval[0] < one.value


def test_bound_of_pictures_alone_sums_over_levels():
    data = lamps(300)
    graph = rung.Graph.empty(["kind"])
    model = CVAE(graph=graph, size=1, training=SHORT).fit(data, rng=np.random.default_rng(0))
    few = lamps(5, seed=2)
    shares = model.latents.mechanisms["kind"].probabilities({}, 1)[0]
    want = quadrature(
        model, few.column("image"), np.eye(2), np.log(shares), np.linspace(-7, 7, 281)
    )
    assert evidence_bound(model, few, draws=500).each == pytest.approx(want, abs=0.05)


def test_bound_of_pictures_alone_over_numbers():
    model, data = (
        CVAE(graph=rung.Graph.empty(["light"]), size=1, training=SHORT).fit(
            lamps(300), rng=np.random.default_rng(1)
        ),
        lamps(4, seed=3),
    )
    coding = model.codec.coded[0]
    values = np.linspace(coding.low - 0.5, coding.high + 0.5, 120)
    mechanism = model.latents.mechanisms["light"]
    prior = mechanism.log_prob(values, {}) + np.log(values[1] - values[0])
    want = quadrature(
        model, data.column("image"), coding.encode(values), prior, np.linspace(-6, 6, 61)
    )
    assert evidence_bound(model, data, draws=400).each == pytest.approx(want, abs=0.05)


def test_bound_of_a_vae_against_quadrature():
    data = lamps(200)
    model = VAE(size=1, training=SHORT).fit(data, rng=np.random.default_rng(0))
    want = quadrature(
        model, data.column("image")[:5], [np.empty(0)], [0.0], np.linspace(-7, 7, 281)
    )
    found = evidence_bound(model, data[:5], draws=1000)
    assert found.each == pytest.approx(want, abs=0.05)
    with pytest.raises(NotSupported, match="given=True"):
        evidence_bound(model, data[:5], given=True)
    with pytest.raises(InputError, match="draws >= 1"):
        evidence_bound(model, data[:5], draws=0)


def test_missing_labels_are_refused_or_filled_in():
    data, rng = lamps(300), np.random.default_rng(0)
    light = np.array(data.column("light"))
    light[40:] = np.nan
    part = data.with_column(Variable("light"), light)
    with pytest.raises(MissingCells, match="picture 40 has no label 'light'"):
        CVAE(graph=GRAPH).fit(part, rng=rng)
    quick = Training(steps=150, batch=64, rate=4e-3)
    spec = CVAE(graph=GRAPH, size=1, unlabelled=True, training=quick)
    model = spec.fit(part, rng=rng)
    truth = lamps(60, seed=5)
    assert np.abs(model.read(truth)["light"] - truth["light"]).mean() < 0.08
    light[4:] = np.nan
    with pytest.raises(InputError, match="4 pictures have all of the labels light, glow"):
        spec.fit(data.with_column(Variable("light"), light), rng=rng)


def test_a_saved_model_draws_the_same_and_levels_are_set(tmp_path):
    data = lamps(64)
    spec = CVAE(graph=rung.Graph.parse("kind"), size=2, training=Training(steps=3))
    model = spec.fit(data, rng=np.random.default_rng(0))
    model.save(tmp_path / "m")
    again = rung.load(tmp_path / "m")
    a, b = (rung.do(m, kind="b").sample(4, seed=0) for m in (model, again))
    assert (a["kind"] == "b").all()
    assert np.array_equal(a["image"], b["image"])
    with pytest.raises(InputError, match="size >= 1"):
        CVAE(graph=GRAPH, size=0)
