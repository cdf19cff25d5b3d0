"""Extreme values against planted maps: effects in closed form, errors of the tests, controls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import rung
from rung.core.data import Data
from rung.core.errors import InputError, UnknownName
from rung.core.graph import Graph
from rung.core.scm import SCM
from rung.core.variable import Variable
from rung.deep.training import Training
from rung.inference.multiplicity import BenjaminiHochberg
from rung.latent import VAE, CodeGenerator, extreme_values, scrambled
from rung.mechanisms.linear import Linear
from rung.mechanisms.noise import Gaussian

PROPERTIES = {"a": lambda x: x[:, 0], "b": lambda x: x[:, 1], "c": lambda x: x[:, 2]}


def normal(k):
    return lambda n, rng: rng.standard_normal((n, k))


def planted(z):
    """a = 2 z1 + z4, b = -z2 + 0.5 z1, c = z3 z4 (no mean effect of z3)."""
    return np.stack([2 * z[:, 0] + z[:, 3], -z[:, 1] + 0.5 * z[:, 0], z[:, 2] * z[:, 3]], axis=1)


@pytest.fixture(scope="module")
def found():
    return extreme_values(CodeGenerator(planted, normal(4)), PROPERTIES, n=400, seed=1)


def test_effects_are_those_of_the_map(found):
    """Linear effects are slopes times the distance of the levels, in every draw alike."""
    distance = found.levels[:, -1] - found.levels[:, 0]
    wanted = np.zeros((4, 3))
    wanted[0, 0], wanted[0, 1], wanted[1, 1], wanted[3, 0] = 2, 0.5, -1, 1
    got = found.extreme.effect / distance[:, None]
    np.testing.assert_allclose(got[:, :2], wanted[:, :2], atol=1e-12)
    assert abs(got[2, 2]) < 4 / np.sqrt(400)  # E[z4] = 0
    np.testing.assert_allclose(
        found.extreme.standardised, found.extreme.effect / found.ordinary.std(axis=0)
    )
    sd = np.sqrt([5.0, 1.25, 1.0])  # of a, b, c in closed form
    off = np.abs(found.ordinary.std(axis=0) / sd - 1)  # standard errors: sqrt((kurtosis - 1) / 4n)
    assert (off < 4 * np.sqrt((np.array([3, 3, 9]) - 1) / (4 * 400))).all()


def test_levels_are_multiples_of_the_range_of_ordinary_codes(found):
    assert found.multiples[0] == -6
    assert found.multiples[-1] == 6
    assert {-1.0, 0.0, 1.0} <= set(found.multiples.tolist())
    np.testing.assert_allclose(found.levels[:, -1], 6 * 1.96, rtol=0.2)
    given = extreme_values(
        CodeGenerator(planted, normal(4)), PROPERTIES, n=50, reach=10.0, ranges={"z1": (0.0, 1.0)}
    )
    assert given.levels[0, 0] == 0.5 - 5
    assert given.levels[0, -1] == 0.5 + 5
    lone = given.levels[0, list(given.multiples).index(-1.0)]
    assert lone == 0.0


def test_ranks_margins_and_curves(found):
    assert [found.properties[k] for k in found.extreme.first] == ["a", "b", "c", "a"]
    size = np.abs(found.extreme.standardised[0])
    assert found.extreme.margins[0] == pytest.approx(size[0] - size[1])
    ratio = found.extreme.margins[:2] / found.inside.margins[:2]
    np.testing.assert_allclose(ratio, 6.0)  # of a linear map: the reach
    frame = found.frame()
    assert list(frame["rank"][:3]) == [1, 2, 3]
    assert list(frame["property"][:2]) == ["a", "b"]
    assert frame["trend"][0] == pytest.approx(1.0)
    curves = found.curves().query("latent == 'z2' and property == 'b'")
    slopes = np.diff(curves["mean"]) / np.diff(curves["level"])
    np.testing.assert_allclose(slopes, -1.0)


def test_the_mean_of_a_level_is_what_do_gives(found):
    """E[a | do(z1 = t)] = 2 t in closed form; the band covers all levels together."""
    truth = np.stack([2 * found.levels[0], 0.5 * found.levels[0]], axis=1)
    assert (found.low[0, :, :2] <= truth).all()
    assert (truth <= found.high[0, :, :2]).all()


def test_what_has_no_mean_effect_gives_uniform_p_values():
    """z3 multiplies a symmetric z4: every draw moves, on average nothing does."""
    properties = {"c": PROPERTIES["c"]}
    generator = CodeGenerator(planted, normal(4))
    p = [
        extreme_values(generator, properties, latents=["z3"], n=40, seed=s).extreme.p[0, 0]
        for s in range(300)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) < 0.05) < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 300)


def test_simultaneous_intervals_cover_together():
    """Two maps, all means 0: intervals miss somewhere in about 5% of the samples."""

    def still(z):
        return np.stack([z[:, 0] * z[:, 2], z[:, 1] * z[:, 2], z[:, 0] * z[:, 3]], axis=1)

    missed = 0
    for s in range(120):
        found = extreme_values(CodeGenerator(still, normal(4)), PROPERTIES, n=60, seed=s,
                               latents=["z1", "z2"])  # fmt: skip
        e = found.extreme
        missed += bool(((e.low > 0) | (e.high < 0)).any())
    assert missed / 120 < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 120)


def test_p_values_are_student_t_and_holm(found):
    values = found.measured[:, -1] - found.measured[:, 0]
    expected = stats.ttest_1samp(values[2, :, 2], 0.0).pvalue
    assert found.extreme.p[2, 2] == pytest.approx(expected)
    assert found.extreme.p[2, 0] == 1.0  # never moves
    assert found.extreme.p[0, 0] == 2.0**-399  # moves alike in all draws: no less than signs allow
    ordered = np.sort(found.extreme.p.ravel())
    by_hand = np.minimum(1, np.maximum.accumulate(ordered * np.arange(12, 0, -1)))
    np.testing.assert_allclose(np.sort(found.extreme.adjusted.ravel()), by_hand)
    other = extreme_values(
        CodeGenerator(planted, normal(4)), PROPERTIES, n=400, seed=1,
        multiplicity=BenjaminiHochberg(),
    )  # fmt: skip
    assert (other.extreme.adjusted <= found.extreme.adjusted + 1e-12).all()


def test_common_random_numbers_pair_the_draws():
    """A large effect of other latents does not widen the interval."""
    noisy = CodeGenerator(lambda z: 0.01 * z[:, :1] + 100 * z[:, 1:], normal(2))
    found = extreme_values(noisy, {"a": lambda x: x[:, 0]}, latents=["z1"], n=50)
    e = found.extreme
    assert e.high[0, 0] - e.low[0, 0] < 1e-9
    assert e.adjusted[0, 0] < 1e-9


def test_shuffled_labels_take_the_margin_away(found):
    control = found.shuffled(seed=0)
    assert control.extreme.margins[:2].max() < 0.5 * found.extreme.margins[:2].min()
    first, again = found.shuffled(seed=3), found.shuffled(seed=3)
    np.testing.assert_array_equal(first.extreme.effect, again.extreme.effect)
    assert "control" in control.notes[-1]
    # dealing out keeps every number: the mean over latents is the same
    np.testing.assert_allclose(
        control.extreme.effect.mean(axis=0), found.extreme.effect.mean(axis=0)
    )


def test_collapsed_outputs_are_counted_and_left_out():
    def waves(z):
        t = np.linspace(0, 6, 40)
        out = (1 + 0.1 * z[:, 1:2]) * np.sin(t + z[:, :1])
        out[np.abs(z[:, 0]) > 5] = 0.0  # silence at the extremes of z1
        out[z[:, 1] > 9, 0] = np.nan
        return out

    properties = {"loudness": lambda x: x.std(axis=1), "first": lambda x: x[:, 0]}
    found = extreme_values(CodeGenerator(waves, normal(2)), properties, n=60)
    assert found.valid[0, 0] == 0.0
    assert found.valid[0, 5] == 1.0
    assert np.isnan(found.extreme.effect[0]).all()
    assert (found.extreme.p[0] == 1.0).all()
    assert np.isnan(found.mean[0, 0]).all()
    assert not np.isnan(found.inside.effect[0]).any()
    assert found.valid[1, -1] == 0.0
    assert found.valid[1, 0] == 1.0
    assert "collapsed: 0%" in repr(found)
    all_kept = extreme_values(
        CodeGenerator(waves, normal(2)), properties, n=60,
        valid=lambda x: np.ones(len(x), dtype=bool),
    )  # fmt: skip
    assert all_kept.extreme.effect[0, 0] == pytest.approx(0.0)
    assert all_kept.valid.min() == 1.0


def test_a_property_that_some_outputs_lack():
    """Means and pairs are over the outputs that have it."""
    properties = {"root": lambda x: np.sqrt(x[:, 0])}
    generator = CodeGenerator(lambda z: z[:, :1] + 2 * z[:, 1:] + 14, normal(2))
    found = extreme_values(generator, properties, n=100, latents=["z1"])
    low, high = found.measured[0, 0, :, 0], found.measured[0, -1, :, 0]
    both = ~np.isnan(low) & ~np.isnan(high)
    assert 50 < both.sum() < 100
    assert found.extreme.pairs[0, 0] == both.sum()
    assert found.extreme.effect[0, 0] == pytest.approx((high - low)[both].mean())


def test_a_property_that_ordinary_outputs_share():
    generator = CodeGenerator(lambda z: np.clip(z, -5, 5), normal(2))
    found = extreme_values(generator, {"clipped": lambda x: (np.abs(x[:, 0]) >= 5) * 1.0}, n=50)
    assert "the same in all ordinary outputs" in found.notes[0]
    assert np.isfinite(found.extreme.standardised).all()


def test_an_scm_is_a_generator():
    """x -> y with slope 3: do(x) moves y by 3 times as much; y itself moves nothing above."""
    x, y, w = Variable("x"), Variable("y"), Variable("w", shape=(2,))
    graph = Graph.parse("x -> y")
    mechanisms = {
        "x": Linear.of(x, (), (), noise=Gaussian()),
        "y": Linear.of(y, (x,), (3.0,), noise=Gaussian()),
    }
    scm = SCM(graph, mechanisms)
    with pytest.raises(InputError, match="output="):
        extreme_values(scm, {"value": lambda v: v})
    found = extreme_values(scm, {"value": lambda v: v}, output="y", n=50)
    assert found.latents == ("x",)
    distance = found.levels[0, -1] - found.levels[0, 0]
    assert found.extreme.effect[0, 0] == pytest.approx(3 * distance)
    with pytest.raises(UnknownName, match="nearest: 'y'|unknown variable 'Y'"):
        extreme_values(scm, {"value": lambda v: v}, output="Y")
    assert w.shape == (2,)


@pytest.fixture(scope="module")
def model():
    """A VAE of squares whose brightness and place vary."""
    rng = np.random.default_rng(0)
    bright, place = rng.uniform(0.3, 1, 300), rng.integers(0, 9, 300)
    images = np.zeros((300, 1, 12, 12), np.float32)
    for i in range(300):
        images[i, 0, 4:8, place[i] : place[i] + 4] = bright[i]
    data = Data((Variable("image", shape=(1, 12, 12)),), {"image": images})
    spec = VAE(size=3, training=Training(steps=120, batch=64, rate=5e-3, device="cpu"))
    return spec.fit(data, rng=np.random.default_rng(1))


def brightness(x):
    return x.mean(axis=(1, 2, 3))


def place(x):
    weight = x.sum(axis=(1, 2))
    return (weight * np.arange(12)).sum(axis=1) / weight.sum(axis=1)


def test_an_image_model_is_a_generator(model, tmp_path):
    found = extreme_values(model, {"brightness": brightness, "place": place}, n=40, seed=0)
    assert found.latents == ("z1", "z2", "z3")
    # against the decoder called by hand on the same codes
    unit = model.draw(40, rng=np.random.default_rng(0))
    codes = model.write(unit.codes, model.latents.run(unit.noise))
    for k, level in ((0, found.levels[1, 0]), (-1, found.levels[1, -1])):
        changed = codes.copy()
        changed[:, 1] = level
        by_hand = brightness(model.codec.decode(changed, None, None))
        np.testing.assert_allclose(found.measured[1, k, :, 0], by_hand, rtol=1e-5)
    assert found.extreme.adjusted.min() < 1e-6
    control = extreme_values(scrambled(model), {"brightness": brightness}, n=40, seed=0)
    assert control.extreme.effect[0, 0] != found.extreme.effect[0, 0]
    again = rung.load(found.save(tmp_path / "found.rung"))
    np.testing.assert_array_equal(again.extreme.effect, found.extreme.effect)
    assert repr(again) == repr(found)


class Reading:
    """A predictor that reads two factors."""

    factors = ("brightness", "place")

    def read(self, images):
        columns = {"brightness": brightness(images), "place": place(images)}
        return Data((Variable("brightness"), Variable("place")), columns)


def test_a_predictor_measures_the_outputs(model):
    kinds = {"brightness": brightness, "place": place}
    read = extreme_values(model, Reading(), n=20, latents=["z1"])
    direct = extreme_values(model, kinds, n=20, latents=["z1"])
    assert read.properties == ("brightness", "place")
    np.testing.assert_allclose(read.extreme.effect, direct.extreme.effect)


def test_scrambled_keeps_the_numbers_and_moves_them(model):
    control = scrambled(model, seed=4)
    for name, array in model.codec.weights.items():
        np.testing.assert_array_equal(np.sort(control.codec.weights[name], None),
                                      np.sort(array, None))  # fmt: skip
    assert any(
        not np.array_equal(control.codec.weights[k], a) for k, a in model.codec.weights.items()
    )
    with pytest.raises(InputError, match="keeps no weights"):
        scrambled(CodeGenerator(planted, normal(4)))  # type: ignore[arg-type]


def test_the_seed_decides():
    generator = CodeGenerator(planted, normal(4))
    first, again, other = (extreme_values(generator, PROPERTIES, n=30, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.measured, again.measured)
    assert not np.array_equal(first.measured, other.measured)


def test_a_spent_budget_leaves_latents_out(monkeypatch):
    clock = iter(np.arange(0, 1e6, 1.0))
    monkeypatch.setattr("rung.core.budget.time.monotonic", lambda: float(next(clock)))
    found = extreme_values(
        CodeGenerator(planted, normal(4)), PROPERTIES, n=30, budget=rung.Budget(seconds=2.5)
    )
    assert 1 <= len(found.latents) < 4
    assert "the budget allowed" in found.notes[0]
    assert not found.complete


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 5}, "n >= 20"),
        ({"reach": 1.0}, "reach > 1"),
        ({"level": 1.5}, "level"),
        ({"properties": {}}, "properties: expected functions"),
        ({"properties": {"a": 3}}, "properties: expected functions"),
        ({"properties": {"a": lambda x: x}}, "gave an array of shape"),
        ({"latents": ["z9"]}, "unknown latent 'z9'"),
        ({"latents": []}, "no numeric latent"),
        ({"ranges": {"z1": (1.0, 1.0)}}, "never varies"),
        ({"ranges": {"zz": (0.0, 1.0)}}, "unknown latent 'zz'"),
        ({"valid": lambda x: x[:, 0]}, "true or false"),
        ({"generator": 3}, "is no generator"),
        ({"generator": CodeGenerator(lambda z: z[:5], normal(2))}, "decode gave shape"),
        ({"generator": CodeGenerator(planted, lambda n, rng: np.ones(n))}, "sample gave codes"),
        ({"generator": CodeGenerator(planted, lambda n, rng: np.ones((n, 4)))}, "never varies"),
        ({"generator": CodeGenerator(planted, normal(4), ("u", "u"))}, "different names"),
        ({"generator": CodeGenerator(planted, lambda n, rng: np.full((n, 4), np.nan))}, "finite"),
    ],
)
def test_bad_inputs(change, message):
    given = {"generator": CodeGenerator(planted, normal(4)), "properties": PROPERTIES, "n": 30}
    generator, properties, *_ = (given | change).values()
    options = {k: v for k, v in (given | change).items() if k not in ("generator", "properties")}
    with pytest.raises((InputError, UnknownName), match=message):
        extreme_values(generator, properties, **options)


def test_the_picture_has_a_curve_for_each_latent(found):
    drawn = found.plot().text
    assert drawn.count("under do(") >= 4
    assert "c under do(z3)" in drawn


def test_names_and_noise():
    """Names are of the first numbers; the others are noise that is drawn and not set."""
    found = extreme_values(CodeGenerator(planted, normal(4), ("u", "v")), PROPERTIES, n=30)
    assert found.latents == ("u", "v")
    assert found.draws == 30
    assert "2 latents" in repr(found)
    assert "begus2023" in found.citations
    assert "Gero" in found.cite()
