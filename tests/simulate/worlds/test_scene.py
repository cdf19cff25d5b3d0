"""Scene: graph, mechanisms and environments of one's own."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, UnknownName
from rung.simulate import Along, Equation, Gaussian, LinearSCM, Scene, Thing, Uniform


def mechanisms():
    return {
        "a": Equation("a", (), lambda: 0.0, Uniform(0.5)),
        "b": Equation("b", ("a",), np.tanh, Uniform(0.1)),
    }


THINGS = (
    Thing("disc", x=Along("a", -1, 1, 0.2, 0.8), y=0.7, size=0.1),
    Thing("square", x=0.5, y=0.3, size=Along("b", -1, 1, 0.05, 0.2), hue=1 / 3),
)


def test_a_graph_from_the_parents_and_looks_from_the_factors():
    world = Scene(n=50, size=32, mechanisms=mechanisms(), things=THINGS)
    assert str(world.graph) == "a -> b"
    data = world.data
    assert data.names == ("a", "b", "image")
    at = (np.arange(32) + 0.5) / 32
    red = np.clip(data["image"][:, 0, :16] - 0.09, 0, None).astype(float).sum(axis=1)
    place = red @ at / red.sum(axis=1)
    np.testing.assert_allclose(place, 0.5 + 0.3 * data["a"], atol=3e-3)
    green = data["image"][:, 1, 16:].astype(float) - 0.08
    side = np.sqrt(green.sum(axis=(1, 2)) / (1 - 0.08)) / 32
    np.testing.assert_allclose(side, 2 * (0.125 + 0.075 * data["b"]), atol=3e-3)


def test_environments_are_shared_out_and_say_what_they_change():
    changed = {"b": Equation("b", ("a",), lambda a: -a, Uniform(0.1))}
    world = Scene(
        n=31, mechanisms=mechanisms(), things=THINGS,
        environments={"plain": (), "set": (rung.Do("a", 0.4),), "turned": changed},
    )  # fmt: skip
    data = world.data
    assert data.environments == ("plain", "set", "turned")
    assert np.bincount(data.environment).tolist() == [11, 10, 10]
    assert data.targets.tolist() == [
        [False, False, False], [True, False, False], [False, True, False],
    ]  # fmt: skip
    assert (data["a"][data.environment == 1] == 0.4).all()
    turned = data[data.environment == 2]
    assert np.corrcoef(turned["a"], turned["b"])[0, 1] < -0.9
    # the counterfactual of a unit runs through the mechanisms of its own environment
    what_if = rung.counterfactual(world.model_in("turned"), turned, a=0.0)
    np.testing.assert_allclose(what_if["b"], turned["b"] + turned["a"])
    same = rung.counterfactual(world.model_in("set"), data[data.environment == 1])
    np.testing.assert_array_equal(same["image"], data["image"][data.environment == 1])
    with pytest.raises(UnknownName, match="environment"):
        world.model_in("moved")


def test_any_scm_will_do_and_a_scene_of_one_is_saved(tmp_path):
    scm = LinearSCM(3, 1.0).scm(np.random.default_rng(0))
    bound = Along(scm.names[0], -4, 4, 0.1, 0.9)
    world = Scene(n=5, mechanisms=scm, things=[Thing("heart", x=bound, turn=scm.names[1])])
    assert world.graph == scm.graph
    assert world.factors == scm.names
    again = rung.load(world.save(tmp_path / "scene.rung"))
    assert again.data.sha256 == world.data.sha256


def test_a_factor_of_levels_is_a_shape():
    kinds = ("disc", "bar", "ellipse", "triangle")
    shape = rung.Variable("shape", "categorical", kinds)
    scm = rung.simulate.Shapes(n=1).scm.mechanisms["shape"]
    world = Scene(
        n=40, mechanisms={"shape": type(scm)(shape, np.arange(4.0))}, things=[Thing("shape")]
    )
    area = {k: world.render({"shape": k})[0, 0].sum() for k in kinds}
    assert len({round(float(v), 3) for v in area.values()}) == 4
    size = 0.12 * 28
    grey = (area["disc"] - area["ellipse"]) / (np.pi * size**2)
    assert grey == pytest.approx((1 - 0.6) * 0.92, rel=0.02)  # brightness less background


def test_colours_are_those_of_the_standard_library():
    hues = np.linspace(0, 1, 13)
    scm = {"h": Equation("h", (), lambda: 0.5, Gaussian(0.1))}
    thing = Thing("square", size=0.4, hue="h", saturation=0.7, brightness=0.9)
    pictures = Scene(n=1, mechanisms=scm, things=[thing]).render({"h": hues})
    for hue, picture in zip(hues, pictures, strict=True):
        expected = colorsys.hsv_to_rgb(hue % 1, 0.7, 0.9)
        np.testing.assert_allclose(picture[:, 14, 14], expected, atol=1e-6)


def test_a_mechanism_whose_noise_is_not_determined_is_drawn():
    logit = rung.simulate.MixedSCM(2, 1.0, binary=1, categorical=0).scm(np.random.default_rng(3))
    binary = next(v for v in logit.variables if v.discrete)
    other = next(v for v in logit.variables if not v.discrete)
    looks = Thing("disc", x=Along(binary.name, 0, 1, 0.3, 0.7), hue=other.name)
    world = Scene(n=6, mechanisms=logit, things=[looks])
    same = rung.counterfactual(world.model, world.data[:3])
    np.testing.assert_allclose(same["image"], world.data["image"][:3], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        ({"things": ()}, InputError, "nothing"),
        ({"things": [Thing("circle")]}, UnknownName, "circle"),
        ({"things": [Thing("a")]}, InputError, "levels"),
        ({"things": [Thing(x="c")]}, UnknownName, "'c'"),
        ({"things": [Thing(x=Along("c", 0, 1))]}, UnknownName, "'c'"),
        ({"things": [Thing(size=float("nan"))]}, InputError, "finite"),
        ({"environments": {"e": (rung.Do("c", 1.0),)}}, UnknownName, "'c'"),
        ({"environments": {"e": {"c": None}}}, Exception, "c"),
        ({"environments": {"e": (), "f": ()}, "n": 1}, InputError, "environments"),
        ({"background": (0, 0, 2)}, InputError, "background"),
    ],
)
def test_bad_scenes(change, error, word):
    fields = {"n": 4, "mechanisms": mechanisms(), "things": THINGS, **change}
    with pytest.raises(error, match=word):
        Scene(**fields)


def test_bad_mechanisms_and_looks():
    with pytest.raises(InputError, match="no mechanism"):
        Scene(n=2, mechanisms={"b": mechanisms()["b"]}, things=[Thing(x="b")])
    with pytest.raises(InputError, match="that of 'b'"):
        Scene(n=2, mechanisms={"a": mechanisms()["a"], "c": mechanisms()["b"]}, things=[Thing()])
    with pytest.raises(InputError, match="Along"):
        Along("a", 1, 1)
    with pytest.raises(InputError, match="size.*Along"):
        Scene(n=2, mechanisms=mechanisms(), things=[Thing(size="a")]).render({"a": -3, "b": 0})
    wrong = {"a": Equation("a", (), lambda: np.zeros(3), Uniform(0.5))}
    with pytest.raises(InputError, match="shape"):
        Scene(n=2, mechanisms=wrong, things=[Thing(x="a")]).scm.sample(2)
