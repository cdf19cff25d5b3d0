"""Painted shapes against their areas and against the same picture drawn much finer."""

from __future__ import annotations

import numpy as np
import pytest

from rung.kernels.drawing import BAR, BOX, DISC, ELLIPSE, HEART, PARTS, TRIANGLE, paint

SHAPES = {
    DISC: (0.2, 0.0, np.pi * 0.04),
    BOX: (0.2, 0.1, 0.08),
    TRIANGLE: (0.2, 0.0, 3 * np.sqrt(3) / 4 * 0.04),
    ELLIPSE: (0.25, 0.12, np.pi * 0.03),
    BAR: (0.15, 0.05, 0.3 * 0.1 + np.pi * 0.0025),
    # a square of side 1/2 sqrt 2 and two half discs on its sides, scaled by 2 * 0.2
    HEART: (0.2, 0.0, (0.5 + np.pi / 8) * 0.16),
}


def draw(kind, a, b, turn, size, place=(0.52, 0.47), opacity=1.0, channels=1):
    parts = np.zeros((1, 1, PARTS))
    parts[0, 0] = [*place, a, b, turn, 1.0, 0.5, 0.0, opacity]
    out = np.zeros((1, channels, size, size), dtype=np.float32)
    paint(np.array([[kind]]), parts, out)
    return out[0]


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_area_and_fine_picture(kind, turn):
    a, b, area = SHAPES[kind]
    fine = draw(kind, a, b, turn, 28 * 16)[0]
    assert fine.mean() == pytest.approx(area, rel=0.005)
    coarse = draw(kind, a, b, turn, 28)[0]
    assert coarse.mean() == pytest.approx(area, rel=0.03)
    mean = fine.reshape(28, 16, 28, 16).mean(axis=(1, 3))
    assert np.abs(coarse - mean).max() < 0.25  # at corners; elsewhere the edge is straight
    assert np.abs(coarse - mean).mean() < 0.004


def test_a_line_thinner_than_a_pixel_keeps_its_mass():
    for half in (0.004, 0.01, 0.017):
        mass = draw(BAR, 0.3, half, 0.0, 28, place=(0.5, 0.5))[0].mean()
        assert mass == pytest.approx(0.6 * 2 * half, rel=0.1)


def test_colours_cover_what_lies_below_by_opacity():
    out = draw(BOX, 1.0, 1.0, 0.0, 8, opacity=0.25, channels=3)
    np.testing.assert_allclose(out[:, 4, 4], [0.25, 0.125, 0.0])


def test_nothing_is_drawn_outside_or_for_no_kind():
    assert not draw(-1, 0.2, 0.2, 0.0, 8).any()
    assert not draw(DISC, 0.1, 0.0, 0.0, 8, place=(3.0, 0.5)).any()
    partly = draw(DISC, 0.2, 0.0, 0.0, 28, place=(0.0, 0.5))[0]
    assert partly.mean() == pytest.approx(np.pi * 0.04 / 2, rel=0.03)
