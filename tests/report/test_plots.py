"""`.plot()` of every kind of result."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from rung.core.data import Data
from rung.core.discovery import Discovery
from rung.core.draws import Draws
from rung.core.graph import Graph
from rung.core.query import Estimate, Part, Query
from rung.core.variable import Variable
from rung.report.plots import plot
from rung.report.svg import Svg
from tests.report import fixtures

G = Graph.parse('X -> Y <- Z; A <-> B; C o-> D; A -> B; X -- Z; "<script>" -> Y; lone')


class Asked(Query):
    """A query that is only shown."""

    def __repr__(self) -> str:
        return "ATE(<X>, Y)"

    def answer(self, structure, data, *, estimator, run, rng):
        raise NotImplementedError


def table() -> Data:
    rng = np.random.default_rng(1)
    variables = (Variable("x <kg>", unit="kg"), Variable("always"),
                 Variable("group", "categorical", ("a", "b<", "c")))  # fmt: skip
    columns = {"x <kg>": rng.normal(size=300), "always": np.ones(300),
               "group": rng.integers(0, 3, 300).astype(float)}  # fmt: skip
    columns["x <kg>"][:7] = np.nan
    return Data(variables, columns)


def draws() -> Draws:
    rng = np.random.default_rng(2)
    data = table()
    columns = {"x <kg>": rng.normal(size=(40, 5)), "always": np.ones((40, 5)),
               "group": rng.integers(0, 3, (40, 5)).astype(float)}  # fmt: skip
    return Draws(data.variables, columns, np.full(40, 1 / 40), (None,) * 40)


def estimate() -> Estimate:
    parts = (Part(G, 0.6, 0.3, (0.2, 0.4)), Part(G.skeleton(), 0.4, None, None, note="a < b"))
    effect = fixtures.sachs()["effect"]
    return Estimate(Asked(), 0.3, (0.1, 0.5), units="kg & more", parts=parts,
                    diagnostics={k: effect[k] for k in ("balance", "overlap")})  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [lambda: G, table, draws, estimate,
     lambda: Discovery(G, ((G, 0.7), (G.skeleton(), 0.3)), meaning="bootstrap"),
     lambda: Discovery(G), lambda: Graph.empty([]), lambda: Graph.empty(["a"]),
     lambda: table().take(np.array([0]))],
)  # fmt: skip
def test_pictures_are_valid_and_labelled(make):
    picture = plot(make())
    root = ET.fromstring(picture._repr_svg_())
    assert isinstance(picture, Svg)
    assert root.attrib["aria-label"]
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert 0 < width < 5000
    assert 0 < height < 9000


def test_save_writes_a_file_that_stands_alone(tmp_path):
    path = plot(G).save(tmp_path / "graph.svg")
    root = ET.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    shown = {t.text for t in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {*G.names} <= shown


def test_results_use_it():
    assert isinstance(Discovery(G).plot(), Svg)
    assert table().plot().text == plot(table()).text


def test_discovery_edges_are_as_wide_as_frequent():
    """X -> Y is in all graphs, X -> Z in a fifth: the widths follow 1.2 + 3 times the share."""
    first, second = Graph.parse("X -> Y; X -> Z"), Graph.parse("X -> Y; Z").reorder(list("XYZ"))
    found = Discovery(first, ((first, 0.2), (second, 0.8)), meaning="bootstrap")
    text = plot(found).text
    widths = dict(re.findall(r'data-b="(\w)".*?stroke-width="([\d.]+)"', text))
    assert float(widths["Y"]) == pytest.approx(4.2)
    assert float(widths["Z"]) == pytest.approx(1.8)


def test_histogram_counts_add_up():
    data = table()
    tips = re.findall(r"<title>[^<]* to [^<]*: (\d+)</title>", plot(data).text)
    assert sum(map(int, tips)) == 293 + 300  # seven cells are missing
    levels = re.findall(r"<title>(?:a|b&lt;|c): (\d+)</title>", plot(data).text)
    assert sum(map(int, levels)) == 300


def test_a_curve_is_drawn_with_its_band_and_the_range_of_graphs():
    x = [0.0, 1.0, 2.0]
    curve = {
        "x": x, "value": [0.0, 0.5, 0.7], "low": [-0.2, 0.3, 0.4], "high": [0.2, 0.7, 1.0],
        "hull_low": [-0.4, 0.0, 0.1], "hull_high": [0.4, 0.9, 1.2], "graphs": 2, "level": 0.95,
        "label": "mean of <Y>", "x_label": "T (mg)", "units": "points",
    }  # fmt: skip
    shown = Estimate(Asked(), 0.7, (0.2, 1.0), diagnostics={"curve": curve})
    svg = plot(shown)
    ET.fromstring(svg.text)
    assert "mean of &lt;Y&gt;" in svg.text
    assert "grey: bands of 2 graphs" in svg.text
    assert "for all 3 doses together" in svg.text
    many = {**curve, "derivative": True}
    many |= {k: list(np.linspace(0, 1, 30)) for k in ("x", "value", "low", "high")}
    many |= {"hull_low": [], "hull_high": []}
    ET.fromstring(plot(Estimate(Asked(), 0.7, (0.2, 1.0), diagnostics={"curve": many})).text)
