"""Domain counterfactuals on vectors: algebra, laws of counterfactuals, density, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

import rung
from rung import latent
from rung.core.data import Data
from rung.core.errors import InputError, MissingCells, ReadOnlySite, UnknownName
from rung.core.variable import Kind, Variable
from rung.deep.flow import Flow, Leaky
from rung.deep.training import Training
from rung.latent.domain_forms import LatentDomains
from rung.latent.domain_linear import LinearDomains, canonical_form

SHORT = Training(steps=300, batch=500, rate=3e-2, clip=1000.0)


def linear_model(rng: np.random.Generator, n: int, domains: int, changed: Any) -> LinearDomains:
    """Random mechanisms that differ between domains at `changed` only; a random mixing."""
    slopes = np.tril(rng.normal(size=(n, n)), -1)[None].repeat(domains, axis=0)
    scales = rng.uniform(0.5, 2, n)[None].repeat(domains, axis=0)
    shifts = rng.normal(size=n)[None].repeat(domains, axis=0)
    for i in changed:
        slopes[:, i, :i] = rng.normal(size=(domains, i))
        scales[:, i] = rng.uniform(0.5, 2, domains) * rng.choice([-1, 1], domains)
        shifts[:, i] = rng.normal(size=domains)
    mixing = np.linalg.qr(rng.normal(size=(n, n)))[0] * rng.uniform(0.5, 2, n)
    return LinearDomains(LatentDomains(slopes, scales, shifts), mixing, rng.normal(size=n))


def rows_of(model: LinearDomains, rng: np.random.Generator, n: int) -> Data:
    """n rows of each domain, as Data with an environment."""
    parts = [
        (rng.normal(size=(n, model.latents.size)) @ model.latents.matrix(d).T
         + model.latents.offset(d)) @ model.mixing.T + model.shift
        for d in range(model.latents.count)
    ]  # fmt: skip
    return labelled(np.concatenate(parts), np.repeat(np.arange(model.latents.count), n))


def labelled(x: np.ndarray, domain: np.ndarray) -> Data:
    names = tuple(f"d{i}" for i in range(int(domain.max()) + 1))
    return Data.from_matrix(x).replacing(environment=domain, environments=names)


@pytest.fixture(scope="module")
def truth() -> LinearDomains:
    return linear_model(np.random.default_rng(0), 3, 2, [2])


@pytest.fixture(scope="module")
def data(truth: LinearDomains) -> Data:
    return rows_of(truth, np.random.default_rng(1), 1500)


@pytest.fixture(scope="module")
def fitted(data: Data) -> Any:
    spec = latent.DomainCounterfactuals(
        latent.RelaxedCanonical(1), mixing=latent.LeakyMixing(slope=1.0), starts=3, training=SHORT
    )
    return rung.fit(spec, data)


@pytest.fixture(scope="module")
def bent(data: Data) -> Any:
    spec = latent.DomainCounterfactuals(1, mixing=latent.FlowMixing(hidden=16), starts=2,
                                        training=Training(steps=60, batch=500))  # fmt: skip
    return spec.fit(data, rng=np.random.default_rng(0))


# -- exact linear models ------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 4), st.data())
def test_every_model_has_an_equivalent_canonical_one(
    seed: int, n: int, domains: int, draw: Any
) -> None:
    changed = draw.draw(st.sets(st.integers(0, n - 1), min_size=1))
    rng = np.random.default_rng(seed)
    model = linear_model(rng, n, domains, sorted(changed))
    canonical = canonical_form(model)
    k, own = len(changed), canonical.latents
    assert set(own.changed()) <= set(range(n - k, n))
    assert np.array_equal(own.matrix(0), np.eye(n))
    assert not own.shifts[:, : n - k].any()
    assert (own.scales[:, : n - k] == 1).all()
    x = rng.normal(size=(5, n))
    for a in range(domains):
        where = np.full(5, a)
        assert canonical.log_density(x, where) == pytest.approx(
            model.log_density(x, where), rel=1e-6
        )
        for b in range(domains):
            want = model.counterfactual(x, a, b)
            scale = np.abs(want).max()
            assert np.abs(canonical.counterfactual(x, a, b) - want).max() < 1e-8 * max(scale, 1)


def test_the_counterfactual_is_what_the_two_matrices_give(truth: LinearDomains) -> None:
    x = np.random.default_rng(2).normal(size=(4, 3))
    own, g = truth.latents, truth.mixing
    there = g @ own.matrix(1) @ np.linalg.inv(own.matrix(0)) @ np.linalg.inv(g)
    start = truth.shift + g @ own.offset(0)
    want = (x - start) @ there.T + truth.shift + g @ own.offset(1)
    assert truth.counterfactual(x, 0, 1) == pytest.approx(want, abs=1e-12)


def test_the_density_is_that_of_a_normal_distribution(truth: LinearDomains) -> None:
    x = np.random.default_rng(2).normal(size=(4, 3))
    for d in range(2):
        a = truth.mixing @ truth.latents.matrix(d)
        mean = truth.shift + truth.mixing @ truth.latents.offset(d)
        want = multivariate_normal(mean, a @ a.T).logpdf(x)
        assert truth.log_density(x, np.full(4, d)) == pytest.approx(want, abs=1e-10)


def test_a_model_that_cannot_be_inverted_is_refused() -> None:
    eye, ones = np.zeros((2, 2, 2)), np.ones((2, 2))
    with pytest.raises(InputError, match="no scale may be 0"):
        LatentDomains(eye, ones * 0, ones)
    with pytest.raises(InputError, match="strictly lower triangular"):
        LatentDomains(eye + np.eye(2), ones, ones)
    with pytest.raises(InputError, match="not invertible"):
        LinearDomains(LatentDomains(eye, ones, ones), np.ones((2, 2)), np.zeros(2))


# -- fitted models ------------------------------------------------------------------------------


def test_a_fitted_linear_model_finds_the_counterfactuals(
    truth: LinearDomains, data: Data, fitted: Any
) -> None:
    # one changed latent of three and a mean shift: the rank-one change is determined by the data
    units = data[:1500]
    found = rung.counterfactual(fitted, units, domain="d1").values[:, 1:]
    want = truth.counterfactual(units.values, 0, 1)
    assert np.sqrt(((found - want) ** 2).mean()) < 0.15 * units.values.std()


def test_its_likelihood_is_that_of_normal_distributions(data: Data, fitted: Any) -> None:
    own, mixing = fitted.mechanisms, fitted.mixing
    g = mixing.scale[:, None] * np.linalg.inv(mixing.weights["matrix"][0].astype(float))
    shift = mixing.centre + mixing.scale * mixing.weights["shift"][0, 0]
    for d in range(2):
        a, units = g @ own.matrix(d), data[1500 * d : 1500 * d + 6]
        want = multivariate_normal(shift + g @ own.offset(d), a @ a.T).logpdf(units.values)
        assert fitted.log_likelihood(units) == pytest.approx(want, abs=1e-8)
    best = sum(
        multivariate_normal(part.mean(0), np.cov(part.T)).logpdf(part).mean() / 2
        for part in (data.values[:1500], data.values[1500:])
    )
    assert fitted.log_likelihood(data).mean() == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize("which", ["fitted", "bent"])
def test_laws_of_counterfactuals(which: str, data: Data, request: pytest.FixtureRequest) -> None:
    model, units = request.getfixturevalue(which), data[1495:1505]
    same = np.array(["d0"] * 5 + ["d1"] * 5, dtype=object)
    assert np.array_equal(
        rung.counterfactual(model, units, domain=same).values[:, 1:], units.values
    )
    there = rung.counterfactual(model, units, domain="d1")
    assert np.array_equal(there.values[5:, 1:], units.values[5:])  # composition
    assert set(there["domain"]) == {"d1"}  # effectiveness
    back = rung.counterfactual(model, there.point, domain=same)
    assert back.values[:, 1:] == pytest.approx(units.values, abs=1e-8)  # reversibility


def test_the_density_of_a_flow_is_a_change_of_variables(data: Data, bent: Any) -> None:
    units = data[:3]
    z, step = bent.mixing.encode(units), 1e-6
    for i in range(3):
        columns = []
        for j in range(3):
            moved = np.array(units.values[i : i + 1])
            moved[0, j] += step
            columns.append((bent.mixing.encode(Data.from_matrix(moved))[0] - z[i]) / step)
        volume = np.linalg.slogdet(np.array(columns).T)[1]
        eps = bent.mechanisms.noise(z[i : i + 1], np.array([0]))[0]
        want = multivariate_normal(np.zeros(3)).logpdf(eps) + volume
        want -= np.log(bent.mechanisms.scales[0]).sum()
        assert bent.log_likelihood(units)[i] == pytest.approx(want, abs=1e-4)


def test_networks_are_inverted_and_count_volume() -> None:
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for network in (Leaky(5, 2, 0.3), Flow(5, 2, 3, 8)):
        network.double()
        chance = torch.Generator().manual_seed(1)
        for p in network.parameters():
            p.data += 0.3 * torch.randn(p.shape, generator=chance, dtype=torch.float64)
        z, total = network(x)
        assert torch.allclose(network.inverse(z), x.expand(2, -1, -1), atol=1e-9)
        for start in range(2):
            own = torch.func.jacrev(lambda v, net=network, s=start: net(v[None])[0][s, 0])(x[0])
            assert torch.linalg.slogdet(own)[1].item() == pytest.approx(total[start, 0].item())


def test_the_domain_is_a_variable_and_the_latents_an_scm(data: Data, fitted: Any) -> None:
    assert fitted.names == ("domain", "X1", "X2", "X3")
    assert fitted.changed == ("z3",)
    assert fitted.latents.graph.parents("z3") == ("domain", "z1", "z2")
    drawn = fitted.do(rung.Do("domain", "d1")).sample(4000, seed=0)
    assert set(drawn["domain"]) == {"d1"}
    want = data.values[1500:]
    assert np.abs(drawn.values[:, 1:].mean(0) - want.mean(0)).max() < 0.15 * want.std()
    read = fitted.read(data[:4])
    assert fitted.latents.abduct(read, rng=np.random.default_rng(0)).facts is not None
    swapped = rung.counterfactual(fitted, data[:2], rung.Swap("domain", units=data[-2:]))
    assert list(swapped["domain"]) == ["d1", "d1"]
    assert len(fitted.frame()) == 6
    assert "1 differ" in repr(fitted)


def test_forms_say_what_differs(data: Data) -> None:
    rng = np.random.default_rng(0)
    brief = Training(steps=20, batch=500)
    forms = {latent.Canonical(1): 1, latent.RelaxedCanonical(2): 2, latent.Dense(): 3}
    for form, count in forms.items():
        model = latent.DomainCounterfactuals(form, training=brief, starts=2).fit(data, rng=rng)
        assert len(model.changed) == count
        identity = np.array_equal(model.mechanisms.matrix(0), np.eye(3))
        assert identity == isinstance(form, latent.Canonical)


def test_a_saved_model_answers_alike(data: Data, bent: Any, tmp_path: Any) -> None:
    again: Any = rung.load(bent.save(tmp_path / "model.rung"))
    units = data[:5]
    a, b = (rung.counterfactual(m, units, domain="d1").values for m in (bent, again))
    assert np.array_equal(a, b)


def test_a_column_of_levels_names_the_domain(data: Data) -> None:
    site = Variable("site", Kind.BINARY, ("north", "south"))
    plain = data.replacing(environment=None, environments=())
    given_column = plain.with_column(site, np.asarray(data.environment, dtype=float))
    spec = latent.DomainCounterfactuals(1, domain="site", starts=1, training=Training(steps=20))
    model = rung.fit(spec, given_column)
    assert list(rung.counterfactual(model, given_column[:2], site="south")["site"]) == ["south"] * 2


# -- bad input ----------------------------------------------------------------------------------


def test_domains_that_cannot_be_compared(data: Data) -> None:
    def fit(given_data: Data, **fields: Any) -> None:
        latent.DomainCounterfactuals(**fields).fit(given_data, rng=np.random.default_rng(0))

    with pytest.raises(InputError, match="the data name none"):
        fit(data.replacing(environment=None, environments=()))
    with pytest.raises(InputError, match="are from one"):
        fit(data[:100])
    with pytest.raises(InputError, match=r"domain 'd1' has 5 rows.*at least 20"):
        fit(data[:1505])
    with pytest.raises(InputError, match="at least two columns"):
        fit(data[["X1"]])
    with pytest.raises(InputError, match="follows from the others"):
        fit(data.with_column(Variable("twice"), 2 * data["X1"]))
    with pytest.raises(InputError, match="never varies"):
        fit(data.with_column(Variable("flat"), np.ones(data.n)))
    with pytest.raises(InputError, match="needs numbers"):
        fit(data.with_column(Variable("b", Kind.BINARY, (0, 1)), np.arange(data.n) % 2 * 1.0))
    with pytest.raises(MissingCells, match="row 0 has no value of 'X1'"):
        fit(data.with_column(Variable("X1"), np.full(data.n, np.nan)))
    with pytest.raises(InputError, match="only 3 latents"):
        fit(data, changed=4)
    with pytest.raises(InputError, match="does not suit the data"):
        fit(data, mixing=latent.PictureMixing())


def test_settings_that_mean_nothing() -> None:
    for wrong in (0, "dense", 1.5):
        with pytest.raises(InputError):
            latent.DomainCounterfactuals(changed=wrong)
    with pytest.raises(InputError):
        latent.LeakyMixing(slope=0)
    with pytest.raises(InputError):
        latent.FlowMixing(couplings=0)
    with pytest.raises(InputError):
        latent.PictureMixing(size=1)
    with pytest.raises(InputError):
        latent.DomainCounterfactuals(starts=0)


def test_questions_that_a_model_refuses(data: Data, fitted: Any) -> None:
    with pytest.raises(InputError, match=r"'d7' is not a level of 'domain'.*'d0', 'd1'"):
        rung.counterfactual(fitted, data[:2], domain="d7")
    with pytest.raises(ReadOnlySite, match="only 'domain' can be set"):
        rung.counterfactual(fitted, data[:2], X1=0.0)
    with pytest.raises(UnknownName):
        rung.counterfactual(fitted, data[:2], place="d1")
    nowhere = data[:2].replacing(environment=None, environments=())
    with pytest.raises(InputError, match="do not say which domain"):
        rung.counterfactual(fitted, nowhere, domain="d1")
    elsewhere = data[:2].replacing(environment=np.zeros(2, dtype=int), environments=("d9",))
    with pytest.raises(InputError, match="'d9' is not a level"):
        rung.counterfactual(fitted, elsewhere, domain="d1")
