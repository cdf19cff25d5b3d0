"""Toy codas: what is heard is what was planted; and the bookkeeping of the evidence."""

from __future__ import annotations

import numpy as np
import pytest

from rung.bench import cdev
from rung.bench.codas import CODE, PLANTED, PROPERTIES, UNITS, Codas, clicks, frequency, loudness


def test_codas_sound_as_planted():
    world = Codas(50)
    codes = np.random.default_rng(0).standard_normal((200, CODE))
    heard = world.decode(codes)
    count, spread, cycles = world.factors(codes)
    np.testing.assert_array_equal(clicks(heard), count)
    # a click of standard deviation 3 samples has a spectrum of 0.04: below that it folds at 0
    off = np.abs(frequency(heard) - cycles)
    assert off[cycles > 0.12].max() < 1e-3
    assert off.max() < 0.01
    np.testing.assert_allclose(loudness(heard), np.exp(0.2 * codes[:, 8]), rtol=1e-6)
    irregularity = PROPERTIES["irregularity"](heard)
    assert np.corrcoef(irregularity, spread)[0, 1] > 0.5
    even = codes.copy()
    even[:, 9:] = 0.0
    assert PROPERTIES["irregularity"](world.decode(even)).max() < 0.03  # a sample's rounding


def test_the_map_is_drawn_by_the_seed():
    truths = [Codas(s).truth() for s in range(20)]
    assert all(set(t.values()) == set(PLANTED) for t in truths)
    assert len({tuple(t.items()) for t in truths}) > 3
    mixing = Codas(4).mixing
    for j in range(3):
        assert abs(mixing[Codas(4).order[j], j]) == 1.0
        assert np.sort(np.abs(mixing[:, j]))[1] <= 0.3


def test_units_without_a_mean_effect_are_symmetric():
    """z4 = t and z4 = -t give the same factors when the hidden numbers change sign."""
    world = Codas(7)
    codes = np.random.default_rng(1).standard_normal((100, CODE))
    plus, minus = codes.copy(), codes.copy()
    plus[:, 3:5], minus[:, 3:5] = 8.0, -8.0
    minus[:, 5:8] *= -1
    for a, b in zip(world.factors(plus), world.factors(minus)):
        np.testing.assert_allclose(a, b)


def test_margins_of_a_table_worked_by_hand():
    assert cdev._margin(np.array([3.0, -5.0, np.nan]), 1) == 2.0
    assert cdev._margin(np.array([3.0, -5.0, np.nan]), 0) == -2.0
    assert cdev._lead(np.array([3.0, -5.0, np.nan]), 1) == pytest.approx(0.4)
    assert cdev._tail(0, 100) == 1.0
    assert cdev._tail(1, 1) == pytest.approx(0.05)


def test_a_cell_of_codas():
    settings = {"kind": "codas", "seed": 70, "draws": 20, "repeats": 1, "null draws": 20}
    found = cdev.measure(settings)
    assert set(found["units"]) == set(UNITS[:3])
    assert all(u["first"] for u in found["units"].values())
    assert found["runs"] == 1


def test_ellipses_look_as_their_labels_say():
    data = cdev.ellipses(60, 3)
    images = data.column("image")
    for name, look in cdev.LOOKS.items():
        assert np.corrcoef(look(images), data.column(name))[0, 1] > 0.999
    np.testing.assert_allclose(cdev.LOOKS["x"](images), data.column("x"), atol=0.01)
    np.testing.assert_allclose(cdev.LOOKS["y"](images), data.column("y"), atol=0.01)


def test_a_cell_of_ellipses():
    settings = {"kind": "ellipses", "seed": 70, "draws": 20, "rows": 100, "size": 3, "beta": 1.0,
                "steps": 10, "rate": 1e-3, "reach": 2.0}  # fmt: skip
    found = cdev.measure(settings)
    assert set(found["shares"]) == {"x", "y", "scale"}
    assert all(0 <= v <= 1 for v in found["shares"].values())
