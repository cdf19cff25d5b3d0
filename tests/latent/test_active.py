"""Active, mixed and passive latents: planted ones, closed forms, and removal from a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, NotSupported, UnknownName
from rung.core.variable import Variable
from rung.latent import VAE, ImageModel, active_variables, without_passive
from rung.latent.active import pairwise_information, total_correlation
from rung.latent.autoencoder import unnamed
from rung.latent.codec import Codec

SHAPE = (1, 8, 8)
ROWS = 4000


def planted(rows: int = ROWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two active latents, a mixed one, two passive ones whose means faintly copy the active."""
    rng = np.random.default_rng(seed)
    active = rng.normal(size=(rows, 2))
    off = rng.random(rows) < 0.5
    mixed = np.where(off, 0.0, rng.normal(size=rows))
    passive = 0.01 * (active @ [[1.0, 1.0], [0.5, -1.0]] + 0.05 * rng.normal(size=(rows, 2)))
    means = np.column_stack([active, mixed, passive])
    flat = np.full(rows, 0.01)
    variances = np.column_stack(
        [flat, flat, np.where(off, 1.0, 0.01), np.full(rows, 0.99), np.full(rows, 1.02)]
    )
    return means, variances


def test_planted_types_are_found() -> None:
    found = active_variables(*planted())
    assert found.types == ("active", "active", "mixed", "passive", "passive")
    assert found.of("active") == (0, 1)
    assert found.of("active", "mixed") == (0, 1, 2)
    assert np.allclose(found.average, planted()[1].mean(axis=0))
    assert found.frame()["type"].tolist() == list(found.types)
    assert "2 active (z1, z2), 1 mixed (z3), 2 passive (z4, z5)" in repr(found)


@pytest.mark.parametrize(
    ("average", "spread", "kind"),
    [
        (0.1, 0.0, "active"), (0.11, 0.0, "mixed"), (0.89, 0.0, "mixed"), (0.9, 0.0, "passive"),
        (1.1, 0.0, "passive"), (1.11, 0.0, "mixed"), (0.5, 0.0, "mixed"), (1.0, 0.11, "mixed"),
        (1.0, 0.09, "passive"),
    ],
)  # fmt: skip
def test_the_rule_of_the_authors(average: float, spread: float, kind: str) -> None:
    step = np.sqrt(spread)
    variances = np.where(np.arange(100) % 2, average - step, average + step)[:, None]
    found = active_variables(np.zeros((100, 1)) + np.arange(100)[:, None], variances.round(12))
    assert found.types == (kind,)


def test_the_gap_comes_from_passive_latents() -> None:
    """Means of passive latents follow the active ones at 20 to 1: total correlation of nats."""
    found = active_variables(*planted())
    whole, active = found.among("all"), found.among("active")
    assert whole.gap > 4
    assert whole.correlation_sampled < 0.02
    assert whole.information_mean > whole.information_sampled + 0.1
    assert abs(active.gap) < 0.01
    assert active.size == 2
    assert abs(found.among("active and mixed").gap) < 0.01
    with pytest.raises(InputError, match="no subset"):
        found.among("some")


def test_total_correlation_is_that_of_a_normal_distribution() -> None:
    """-log(1 - rho^2) / 2 for two; the estimate from 50,000 rows is within 0.01."""
    rng = np.random.default_rng(1)
    z = rng.multivariate_normal([0, 3], [[1, 1.2], [1.2, 4]], size=50_000)
    assert total_correlation(z) == pytest.approx(-np.log(1 - 0.36) / 2, abs=0.01)
    assert total_correlation(z * [10, -0.1]) == pytest.approx(total_correlation(z), rel=1e-9)
    cov = np.cov(np.column_stack([z, z.sum(1) + rng.normal(size=len(z))]), rowvar=False)
    three = np.linalg.cholesky(cov) @ np.linalg.qr(rng.normal(size=(len(z), 3)))[0].T
    three = three - three.mean(axis=1, keepdims=True)
    found = np.cov(three)
    expected = (np.log(np.diag(found)).sum() - np.linalg.slogdet(found)[1]) / 2
    assert total_correlation(three.T) == pytest.approx(expected, rel=1e-9)


def test_total_correlation_at_its_ends() -> None:
    z = np.random.default_rng(0).normal(size=(100, 1))
    assert total_correlation(z) == total_correlation(z[:, :0]) == 0
    assert total_correlation(np.column_stack([z, np.ones(100)])) == 0
    assert total_correlation(np.column_stack([z, z])) > 15


def test_pairwise_information_is_the_mean_over_pairs() -> None:
    """Two equal columns of 20 even bins share log 20; a constant shares nothing."""
    x = np.arange(2000.0) % 20
    z = np.column_stack([x, x, np.zeros(2000)])
    assert pairwise_information(z) == pytest.approx(np.log(20) / 3, abs=1e-9)
    assert pairwise_information(z[:, :1]) == 0


@dataclass(frozen=True, eq=False)
class Planted(Codec):
    """A code that is the first five pixels, with the variances of `planted`."""

    @property
    def size(self) -> int:
        return 5

    def encode(self, images):
        return images.reshape(len(images), -1)[:, :5] * 8 - 4

    def posterior(self, images):
        return self.encode(images), planted(len(images))[1].astype(np.float32)

    def decode(self, codes, rest, change):
        flat = np.zeros((len(codes), 64), dtype=np.float32)
        flat[:, :5] = (codes + 4) / 8
        return flat.reshape(-1, *SHAPE)


@pytest.fixture
def model() -> tuple[ImageModel, rung.Data]:
    image = Variable("image", shape=SHAPE)
    latents, places = unnamed(5)
    codec = Planted()
    means = np.clip(planted(500)[0], -3.9, 3.9).astype(np.float32)
    data = rung.Data((image,), {"image": codec.decode(means, None, None)})
    return ImageModel(VAE(size=5), codec, latents, places, image), data


def test_a_model_is_sorted_by_its_encoder(model) -> None:
    fitted, data = model
    assert active_variables(fitted, data).types == active_variables(*planted()).types
    again = active_variables(fitted, data, seed=0)
    assert again.dependence == active_variables(fitted, data, seed=0).dependence


def test_passive_latents_are_removed(model) -> None:
    fitted, data = model
    slim = without_passive(fitted, active_variables(fitted, data))
    assert slim.latents.names == ("z1", "z2", "z3")
    assert slim.codec.size == 5
    before, after = fitted.encode(data), slim.encode(data)
    assert np.array_equal(after[:, :3], before[:, :3])
    assert (after[:, 3:] == 0).all()
    shown = np.asarray(slim.reconstruct(data)).reshape(500, -1)
    assert np.allclose(shown[:, :3], data["image"].reshape(500, -1)[:, :3], atol=1e-6)
    assert np.allclose(shown[:, 3:5], 0.5)
    moved = rung.counterfactual(slim, data[:4], z1=1.5).point
    assert (moved["z1"] == 1.5).all()
    assert np.allclose(moved["image"][:, 0, 0, 0], 5.5 / 8)
    drawn = slim.sample(50, seed=0)["image"].reshape(50, -1)
    assert np.allclose(drawn[:, 3:5], 0.5)
    assert drawn[:, 0].std() > 0.05
    with pytest.raises(UnknownName):
        rung.do(slim, z4=0.0)
    with pytest.raises(NotSupported, match="removed already"):
        active_variables(slim, data)
    assert any("2 passive numbers" in note for note in slim.notes)
    assert "Bonheme" in slim.cite()


def test_what_cannot_be_removed(model) -> None:
    fitted, data = model
    found = active_variables(fitted, data)
    with pytest.raises(InputError, match="first, then intervene"):
        without_passive(rung.do(fitted, z1=0.0), found)
    means, variances = planted(50)
    with pytest.raises(InputError, match="code of 5 numbers"):
        without_passive(fitted, active_variables(means[:, :4], variances[:, :4]))
    with pytest.raises(InputError, match="every latent is passive"):
        without_passive(fitted, active_variables(means, np.ones((50, 5))))


def test_named_factors_are_not_removed(model) -> None:
    from dataclasses import replace

    fitted, data = model
    graph = rung.Graph.empty(["z1"])
    with pytest.raises(InputError, match="z4, z5 would be read off a passive number"):
        without_passive(replace(fitted, spec=VAE(graph)), active_variables(fitted, data))


@pytest.mark.parametrize(
    ("means", "variances", "message"),
    [
        (np.zeros((30, 2)), np.ones((30, 3)), "alike"),
        (np.zeros(30), np.ones(30), "alike"),
        (np.zeros((5, 2)), np.ones((5, 2)), "20 pictures or more"),
        (np.zeros((30, 2)), -np.ones((30, 2)), "no logarithms"),
        (np.full((30, 2), np.nan), np.ones((30, 2)), "finite"),
    ],
)
def test_bad_arrays_are_refused(means, variances, message) -> None:
    with pytest.raises(InputError, match=message):
        active_variables(means, variances)


def test_a_quantised_code_has_no_variances(model) -> None:
    from dataclasses import replace

    fitted, data = model

    class Bare(Planted):
        posterior = None

    with pytest.raises(NotSupported, match="no variances"):
        active_variables(replace(fitted, codec=Bare()), data)
