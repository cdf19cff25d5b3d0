"""Pendulum, Flow, Shapes: the contract of a world, true counterfactuals, legible pictures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

import rung
from rung.core.errors import InputError, ReadOnlySite, UnknownName
from rung.simulate import Flow, MorphoDigits, MorphoGarments, Pendulum, Shapes

DRAWN = [Pendulum(n=60, seed=3), Flow(n=60, seed=3), Shapes(n=60, seed=3)]
ALL = [*DRAWN, MorphoDigits(n=60, seed=3), MorphoGarments(n=60, seed=3)]


def name(world):
    return type(world).__name__


@pytest.mark.parametrize("world", ALL, ids=name)
class TestContract:
    def test_data_are_factors_then_one_column_of_pictures(self, world):
        data = world.data
        assert data is world.data
        assert data.names[-len(world.factors) - 1 : -1] == world.factors == world.graph.names
        image = data["image"]
        assert image.shape == (60, *data.variable("image").shape)
        assert image.shape[2:] == (28, 28)
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1
        assert not image.flags.writeable
        assert world.graph.is_dag()
        assert data.origin.name == name(world).lower()

    def test_same_seed_same_world(self, world):
        other = type(world)(n=60, seed=3).data
        assert other.sha256 == world.data.sha256
        assert type(world)(n=60, seed=4).data.sha256 != other.sha256

    def test_render_draws_the_data_again_whatever_stands_beside_a_row(self, world):
        np.testing.assert_array_equal(world.render(world.data), world.data["image"])
        np.testing.assert_array_equal(world.render(world.data[7:9]), world.data["image"][7:9])
        given = {k: world.data[k][5] for k in world.scm.names}
        np.testing.assert_array_equal(world.render(given)[0], world.data["image"][5])

    def test_no_intervention_gives_the_units_back(self, world):
        same = rung.counterfactual(world.model, world.data[:8])
        for column in world.data.names:
            np.testing.assert_array_equal(same[column], world.data[:8][column])

    def test_an_intervention_changes_descendants_and_nothing_else(self, world):
        factor = world.factors[-1]  # a leaf of every world here
        other = world.data[factor][::-1][:8].copy()
        what_if = rung.counterfactual(world.model, world.data[:8], {factor: other[0]})
        for column in world.scm.names:
            if column != factor:
                np.testing.assert_array_equal(what_if[column], world.data[:8][column])
        assert (what_if[factor] == other[0]).all()
        assert not np.array_equal(what_if["image"], world.data["image"][:8])

    def test_twice_there_and_back(self, world):
        """Reversibility: setting a leaf and setting it back gives the unit."""
        factor, unit = world.factors[-1], world.data[:1]
        there = rung.counterfactual(world.model, unit, {factor: world.data[factor][9]}).point
        back = rung.counterfactual(world.model, there, {factor: unit[factor][0]})
        np.testing.assert_array_equal(back["image"], unit["image"])

    def test_the_model_samples_under_interventions(self, world):
        factor = world.factors[-1]
        value = float(world.data[factor][0])
        drawn = rung.do(world.model, {factor: value}).sample(5, seed=1)
        assert (drawn[factor] == value).all()
        np.testing.assert_array_equal(drawn["image"], world.render(drawn))

    def test_shows_itself_in_a_screen(self, world):
        assert len(repr(world).splitlines()) < 15
        assert name(world) in repr(world)
        assert "object at" not in repr(world.model)
        assert list(world.frame().columns) == list(world.scm.names)
        assert "author" in world.cite()

    def test_is_saved_and_read_back(self, world, tmp_path):
        again = rung.load(world.save(tmp_path / "world.rung"))
        assert again.data.sha256 == world.data.sha256
        model = rung.load(rung.do(world.model, {world.factors[-1]: 0.5}).save(tmp_path / "m.rung"))
        assert (model.sample(3, seed=0)[world.factors[-1]] == 0.5).all()

    def test_other_sizes(self, world):
        for size in (8, 16, 64):
            small = type(world)(n=3, size=size).data["image"]
            assert small.shape[2:] == (size, size)
            assert (small.std(axis=(1, 2, 3)) > 0.01).all()

    def test_bad_input_is_named(self, world):
        kind = type(world)
        for bad in ({"n": 0}, {"n": -3}, {"size": 7}):
            with pytest.raises(InputError, match=kind.__name__):
                kind(**bad)
        factor = world.factors[-1]
        with pytest.raises(UnknownName, match="ligth"):
            rung.counterfactual(world.model, world.data[:2], ligth=0.8)
        with pytest.raises(InputError, match="missing"):
            world.render({factor: [0.1]})
        full = {k: world.data[k][:2] for k in world.scm.names}
        with pytest.raises(UnknownName, match="colour"):
            world.render({**full, "colour": [1, 2]})
        with pytest.raises(InputError, match="finite"):
            world.render({**full, factor: [np.nan, 1]})
        with pytest.raises(InputError, match="shape"):
            world.render({**full, factor: [0.1, 0.1, 0.1]})
        with pytest.raises(ReadOnlySite):
            rung.do(world.model, rung.Do("image", 0.0))

    def test_a_picture_that_the_world_did_not_draw_is_refused(self, world):
        column = world.data[:3].column("image")[[1, 2, 0]]
        units = world.data[:3].with_column(world.image, column)
        with pytest.raises(InputError, match="unit 0"):
            rung.counterfactual(world.model, units)


@pytest.mark.parametrize(
    ("kind", "factor", "value"),
    [(Pendulum, "light", 1.4), (Flow, "water_height", 0.9), (Shapes, "scale", -0.1),
     (MorphoDigits, "intensity", 1.2), (MorphoGarments, "thickness", 90.0)],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_with_the_range(kind, factor, value):
    world = kind(n=2)
    with pytest.raises(InputError, match=f"{factor}.*between"):
        rung.counterfactual(world.model, world.data, {factor: value})


def read_pendulum(image):
    """Angle, light, shadow length and shadow position (n,) by geometry, from the pictures alone."""
    at = (np.arange(28) + 0.5) / 28
    red, green, blue = image.astype(float).transpose(1, 0, 2, 3)
    sun = ((0.98 - blue) / (0.98 - 0.05))[:, :6].sum(axis=1)
    light = sun @ at / sun.sum(axis=1)
    dark = ((0.85 - red) / (0.85 - 0.12))[:, 26]  # a row inside the shadow
    length, place = dark.sum(axis=1) / 28, dark @ at / dark.sum(axis=1)
    ball = np.clip(red - green - 0.1, 0, None)
    ball[:, :10] = 0
    ball[:, 25:] = 0
    mass = ball.sum(axis=(1, 2))
    x = ball.sum(axis=1) @ at / mass
    y = 1 - ball.sum(axis=2) @ at / mass
    return {"angle": np.rad2deg(np.arctan2(x - 0.5, 0.47 - y)), "light": light,
            "shadow_length": length, "shadow_position": place}  # fmt: skip


def test_pendulum_pictures_say_every_factor():
    world = Pendulum(n=400, seed=5)
    seen = read_pendulum(world.data["image"])
    tolerance = {"angle": 1.0, "light": 2e-3, "shadow_length": 2e-3, "shadow_position": 2e-3}
    for factor, error in tolerance.items():
        assert np.abs(seen[factor] - world.data[factor]).max() < error, factor


def test_pendulum_shadow_follows_light_and_light_does_not_follow_shadow():
    world = Pendulum(n=200, seed=1)
    units = world.data[:50]
    lit = read_pendulum(rung.counterfactual(world.model, units, light=0.8)["image"])
    assert np.abs(lit["light"] - 0.8).max() < 2e-3
    assert np.abs(lit["angle"] - units["angle"]).max() < 1.0
    assert np.abs(lit["shadow_position"] - units["shadow_position"]).max() > 0.1
    moved = read_pendulum(rung.counterfactual(world.model, units, shadow_position=0.5)["image"])
    assert np.abs(moved["light"] - units["light"]).max() < 2e-3
    assert np.abs(moved["shadow_position"] - 0.5).max() < 2e-3


def test_pendulum_shadow_by_hand():
    """No noise, sun at 0.85, pendulum straight down: rays fall 0.35 to the left for 0.42 down."""
    world = Pendulum(n=2, noise=0)
    made = rung.do(world.model, light=0.85, angle=0.0).sample(1)
    top = 0.5 - 0.35 / 0.42 * (0.47 - 0.055)
    ball = 0.5 - 0.35 / 0.42 * (0.47 - 0.28 - 0.055)
    assert made["shadow_length"][0] == pytest.approx(ball - top + 0.13)
    assert made["shadow_position"][0] == pytest.approx((top + ball) / 2)


def test_noise_is_a_share_of_the_spread_that_causes_give():
    shadow = ("shadow_length", "shadow_position")
    for kind, nodes in ((Pendulum, shadow), (Flow, ("water_height",))):
        bare, noisy = kind(n=4000, noise=0, seed=2).data, kind(n=4000, noise=0.4, seed=2).data
        for node in nodes:
            extra = noisy[node].var() - bare[node].var()
            assert extra / bare[node].var() == pytest.approx(0.16, abs=0.03)
        with pytest.raises(InputError, match="noise"):
            kind(noise=0.9)


def test_flow_by_hand():
    world = Flow(n=2, noise=0)
    made = rung.do(world.model, ball_size=0.1, hole=0.2).sample(1)
    height = 0.36 + np.pi * 0.01 / 0.395
    assert made["water_height"][0] == pytest.approx(height)
    assert made["flow"][0] == pytest.approx(1.4 * np.sqrt(0.2 * (height - 0.2)))
    dry = rung.do(world.model, water_height=0.15, hole=0.2).sample(1)
    assert dry["flow"][0] == 0
    assert np.allclose(dry["image"][0, :, :20, 17:], [[[0.95]], [[0.96]], [[0.98]]])  # no jet


@pytest.mark.parametrize("kind", [Pendulum, Flow], ids=["pendulum", "flow"])
def test_a_small_regressor_reads_the_factors(kind):
    """Mean absolute error, in standard deviations, on pictures that it was not trained on."""
    data = kind(n=900, seed=6).data
    x, y = data["image"].reshape(900, -1).astype(float), data.matrix(kind(n=1).factors)
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    model = KernelRidge(kernel="rbf", gamma=0.01, alpha=1e-4).fit(x[:700], y[:700])
    assert np.abs(model.predict(x[700:]) - y[700:]).mean(axis=0).max() < 0.03


class TestShapes:
    def test_the_grid_holds_every_combination_once(self):
        world = Shapes(grid=(2, 3, 4, 5))
        rows = world.data.matrix(world.factors)
        assert len(rows) == 3 * 2 * 3 * 4 * 5 == world.rows
        assert len(np.unique(rows, axis=0)) == len(rows)
        assert rows[:, 2].max() < 90
        assert len(np.unique(world.data["image"].reshape(len(rows), -1), axis=0)) == len(rows)
        assert world.graph.d == 5
        assert not world.graph.adjacency().any()

    def test_area_grows_with_the_square_of_scale(self):
        same = {"orientation": 30.0, "x": 0.5, "y": 0.5}
        for shape in ("square", "ellipse", "heart"):
            image = Shapes(n=1, size=64).render({"shape": [shape] * 2, "scale": [0.1, 0.2], **same})
            small, large = image.sum(axis=(1, 2, 3))
            assert large / small == pytest.approx(4, rel=0.02)

    def test_wrong_level_and_grid(self):
        world = Shapes(n=2)
        with pytest.raises(InputError, match="circle"):
            rung.do(world.model, shape="circle")
        with pytest.raises(InputError, match="grid"):
            Shapes(grid=(1, 2, 3))
