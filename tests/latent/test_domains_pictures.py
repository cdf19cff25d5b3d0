"""Domain counterfactuals of pictures, and the worlds of the evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rung
from rung import latent
from rung.bench import domain_counterfactuals as evidence
from rung.bench.domain_worlds import DigitDomains, SimulatedDomains, elsewhere
from rung.core.data import Data
from rung.core.errors import InputError, NotSupported, ReadOnlySite
from rung.core.graph import Graph
from rung.core.scm import SCM
from rung.core.variable import Variable
from rung.deep.training import Training

SIDE = 8


def bars(n: int, seed: int) -> Data:
    """A soft bar, brighter by 0.5 in domain "b" than in "a"; its place is alike in both."""
    rng = np.random.default_rng(seed)
    place, domain = rng.normal(3.5, 1, 2 * n), np.repeat([0, 1], n)
    bright = 0.1 + 0.3 * rng.random(2 * n) + 0.5 * domain
    bar = np.exp(-((np.arange(SIDE) - place[:, None]) ** 2) / 2)
    image = np.tile((bright[:, None] * bar)[:, None, None], (1, 1, SIDE, 1)).astype(np.float32)
    return Data(
        (Variable("image", shape=(1, SIDE, SIDE)),), {"image": image},
        environment=domain, environments=("a", "b"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Any:
    spec = latent.DomainCounterfactuals(
        2, mixing=latent.PictureMixing(size=3), training=Training(steps=250, batch=64, rate=1e-2)
    )
    return rung.fit(spec, bars(300, 0))


def test_the_other_domain_is_as_bright_as_it_should_be(model: Any) -> None:
    units = bars(40, 1)
    there = rung.counterfactual(model, units[:40], domain="b").point.column("image")
    here = rung.counterfactual(model, units[:40], domain="a").point.column("image")
    bright = [x[:, 0].max(axis=(1, 2)).mean() for x in (here, there)]
    # the truth is 0.25 and 0.75; a short training blurs bars of both
    assert bright[0] == pytest.approx(0.25, abs=0.08)
    assert bright[1] == pytest.approx(0.75, abs=0.2)


def test_the_own_domain_gives_the_reconstruction(model: Any) -> None:
    units = bars(20, 1)[:20]
    here = rung.counterfactual(model, units, domain="a").point.column("image")
    codes = model.mixing.encode(units)
    assert here == pytest.approx(model.mixing.decode(codes)["image"], abs=1e-6)


def test_pictures_have_domain_and_image_as_variables(model: Any) -> None:
    assert model.names == ("domain", "image")
    assert model.changed == ("z2", "z3")
    drawn = model.do(rung.Do("domain", "b")).sample(5, seed=0)
    assert drawn.column("image").shape == (5, 1, SIDE, SIDE)
    with pytest.raises(ReadOnlySite, match="only 'domain' can be set"):
        rung.do(model, image=0.0)
    with pytest.raises(NotSupported, match="no exact density"):
        model.log_likelihood(bars(20, 1))


def test_pictures_need_their_own_mixing() -> None:
    spec = latent.DomainCounterfactuals(2, mixing=latent.LeakyMixing())
    with pytest.raises(InputError, match="does not suit the data, which are pictures"):
        spec.fit(bars(30, 0), rng=np.random.default_rng(0))
    bad = bars(30, 0)
    broken = np.array(bad.column("image"))
    broken[7] = np.nan
    with pytest.raises(InputError, match="picture 7"):
        latent.DomainCounterfactuals(2).fit(
            bad.with_column(bad.variables[0], broken), rng=np.random.default_rng(0)
        )


# -- the worlds of the evidence -----------------------------------------------------------------


def test_simulated_domains_have_the_density_they_claim() -> None:
    world = SimulatedDomains(3, 2, (1, 2))
    noise, step = np.random.default_rng(0).normal(size=(1, 6)), 1e-6
    for d in range(2):
        x = world.seen(noise, d)
        moved = [world.seen(noise + step * np.eye(6)[j], d)[0] - x[0] for j in range(6)]
        volume = np.linalg.slogdet(np.array(moved) / step)[1]
        want = -0.5 * (noise**2).sum() - 3 * np.log(2 * np.pi) - volume
        assert world.log_likelihood(noise, d) == pytest.approx(want, abs=1e-4)


def test_only_the_placed_latents_differ() -> None:
    world = SimulatedDomains(3, 3, (2, 3))
    noise = np.random.default_rng(0).normal(size=(50, 6))
    z = [world._latent(noise, d) for d in range(3)]
    assert np.allclose(z[0][:, :2], z[2][:, :2])
    assert not np.allclose(z[0][:, 2], z[2][:, 2])
    data = world.data(world.noise(30, 0))
    assert data.n == 90
    assert data.environments == ("d0", "d1", "d2")


def test_digits_of_the_other_domain_keep_their_thickness() -> None:
    graph = Graph.parse("thickness -> intensity; thickness -> slant")  # without the real digits
    mechanisms = [w._mechanisms() for w in DigitDomains(40, 5).worlds]
    a, b = (SCM(graph, {m.variable.name: m for m in own}) for own in mechanisms)
    units = a.sample(40, seed=0)
    there = elsewhere(a, b, units)
    assert np.array_equal(there["thickness"], units.column("thickness"))
    assert there["slant"] - units.column("slant") == pytest.approx(np.full(40, 25.0))
    assert (there["intensity"] < units.column("intensity")).all()
    back = elsewhere(b, a, Data(units.variables, there))
    assert back["intensity"] == pytest.approx(units.column("intensity"), abs=1e-9)


def test_a_cell_of_the_evidence_measures_what_it_says() -> None:
    short = {"steps": 40, "batch": 200, "rate": 0.03, "clip": 1000.0}
    cell = evidence.cells(1)[0].settings
    found = evidence.measure({**cell, "rows": 300, "held out": 50, "starts": 2, "training": short})
    assert found["identity"] > 0
    assert found["nll"] > found["true nll"] - 0.5
    assert {c.settings["what"] for c in evidence.cells(2)} == {"vectors", "pictures"}
    assert len({c.key for c in evidence.cells(2)}) == len(evidence.cells(2))


def test_a_row_reads_its_cells() -> None:
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for cell in evidence.cells(3):
        if cell.settings["what"] == "vectors":
            better = 0.5 if cell.settings["k"] == 0 else 0.1
            error = better + 0.01 * rng.random()
            found[cell.key] = {"error": error, "identity": 1.0, "nll": 4.0, "true nll": 3.9}
        else:
            relaxed = {"pixels": 0.01 * rng.random(), "digit": 0.9, "bound": 40.0}
            dense = {"pixels": 0.02, "digit": 0.5 + 0.1 * rng.random(), "bound": 40.2}
            found[cell.key] = {"relaxed, spread 0": relaxed, "dense, spread 0": dense}
    figures, holds = evidence.vector_figures(found, 3)
    assert all(holds.values())
    assert figures["all placements"]["difference"][0] == pytest.approx(-0.4, abs=0.01)
    assert all(evidence.picture_figures(found, 3)[1].values())
    worse = {k: {**v, "error": 0.9} if k.startswith("vectors-23-k2") else v
             for k, v in found.items()}  # fmt: skip
    assert not evidence.vector_figures(worse, 3)[1]["each placement"]
