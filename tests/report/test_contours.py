"""The sensitivity contour as a picture."""

import numpy as np
import pytest

from rung.effects.sensitivity import Linear, contour
from rung.report.contours import contour_svg, isoline


def figures(sign=1.0):
    marks = [
        {"name": f"covariate & {k}", "r2_treatment": 0.02 * k, "r2_outcome": 0.03, "estimate": 1.0}
        for k in range(1, 4)
    ]
    fit = Linear(sign * 2.0, 0.4, 200, ())
    return {"estimate": sign * 2.0, "benchmarks": marks, "contour": contour(fit, marks)}


def test_isolines_lie_where_the_function_has_the_value():
    side = np.linspace(0, 1, 41)
    grid = side[None, :] ** 2 + side[:, None] ** 2
    lines = isoline(side.tolist(), side.tolist(), grid.tolist(), 0.5)
    assert len(lines) > 20
    for ends in lines:
        for a, b in ends:
            assert a**2 + b**2 == pytest.approx(0.5, abs=1e-3)
    assert isoline([0, 1], [0, 1], [[0, 0], [0, 0]], 1.0) == []


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_picture_names_its_benchmarks(sign):
    made = contour_svg(figures(sign), treatment="a < b", outcome="y")
    assert "covariate &amp; 3" in made.text
    assert "a &lt; b" in made.text
    assert made.text.count("<polygon") == 3
    assert "#d55e00" in made.text  # the line where nothing is left
    assert "stroke-dasharray" in made.text
