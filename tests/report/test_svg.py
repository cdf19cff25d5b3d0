"""Pictures: valid XML, nice axes, readable numbers, boxes apart, colours told apart."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung.report.svg as svg
from rung.core.graph import Graph
from rung.report import charts, groups
from rung.report.graph_place import place, shown_name
from rung.report.graph_svg import EDGE_STYLE, ROLE_STYLE, edge_words, graph_svg
from rung.report.marks import frequency_bar
from rung.report.plots import graph_content
from tests.report import fixtures

NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)
TEXTS = st.text(max_size=60) | st.sampled_from(fixtures.NASTY)

FIXED = settings(derandomize=True, deadline=None)


@FIXED
@given(NUMBERS, st.floats(1e-9, 1e9), st.integers(2, 9))
def test_ticks_are_round_inside_and_few(low, width, count):
    high = low + width
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-30):
        return  # no digits left between the two
    found = svg.ticks(low, high, count)
    slack = 1e-6 * (high - low)
    assert all(low - slack <= t <= high + slack for t in found)
    assert len(found) <= 2.5 * count + 2
    if len(found) > 1:
        step = (found[-1] - found[0]) / (len(found) - 1)
        mantissa = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
        assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-4


@FIXED
@given(NUMBERS)
def test_num_keeps_three_digits(value):
    shown = svg.num(value)
    plain = shown.replace(",", "").replace("−", "-")
    plain = re.sub(r" × 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"e\1", plain)
    back = float(plain.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
    assert back == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (float("nan"), "–"), (0, "0"), (-2.5, "−2.5"), (7466, "7,466"),
     (0.00001234, "1.23 × 10⁻⁵"), (0.5, "0.5"), (1.0, "1"), (-math.inf, "−∞"),
     (np.float64(2), "2")],
)  # fmt: skip
def test_num_examples(value, shown):
    assert svg.num(value) == shown


@pytest.mark.parametrize(
    ("row", "shown"),
    [({"value": 0.3174, "low": 0.1902, "high": 0.4421}, "0.317 [0.190, 0.442]"),
     ({"value": 1234.6, "low": 1000.4, "high": 1500.2}, "1,235 [1,000, 1,500]"),
     ({"value": None, "low": -1, "high": 3}, "[−1.0, 3.0]"),
     ({"value": 2.0, "low": None, "high": None}, "2"), ({}, "not identified")],
)  # fmt: skip
def test_span_rounds_to_the_width(row, shown):
    assert charts.span(row) == shown


@FIXED
@given(TEXTS, st.floats(10, 300))
def test_shorten_fits(text, width):
    short = svg.shorten(text, width)
    assert svg.text_width(short) <= max(width, svg.text_width("…")) + 12 * 0.4
    if svg.text_width(text) <= width and not set(text) & set("\n\t\r"):
        assert short == svg.clean(text)


def parsed(picture: svg.Svg) -> ET.Element:
    return ET.fromstring(picture.text)


@settings(FIXED, max_examples=40)
@given(
    st.lists(TEXTS, min_size=1, max_size=4), st.lists(NUMBERS | st.none(), min_size=3, max_size=3)
)
def test_every_chart_is_valid_xml(names, numbers):
    rows = [{"label": n, "value": numbers[0], "low": numbers[1], "high": numbers[2], "weight": 0.4,
             "note": n} for n in names]  # fmt: skip
    balance = [{"name": n, "before": numbers[0], "after": numbers[1]} for n in names]
    overlap = {"bins": [0, 0.5, 1], "treated": [3, "<5"], "control": ["<5", 7], "label": names[0],
               "text": names[0]}  # fmt: skip
    curve = {"parent": names[0], "x": [0, 1, None], "y": [*numbers]}
    for picture in (
        charts.interval_chart(rows, units=names[0], label=names[0]),
        charts.interval_chart(rows, width=340, units=names[0], reference=None),
        groups.love_plot(balance),
        groups.overlap_plot(overlap),
        groups.overlap_plot({**overlap, "control": []}),
        charts.histogram([0, 1, 2], [3, "<5"], label=names[0]),
        charts.sparkline([0, 1, 2], [3, "<5"], names[0]),
        charts.bar_chart([(n, 2) for n in names], label=names[0]),
        charts.box_strip({"name": names[0], "q25": 1, "median": 2, "q75": 4, "mean": 2.2}),
        charts.curve_plot(curve, names[0]),
        charts.text_block(names),
        frequency_bar(names[0], names[-1], {"-->": 0.7, "<--": 0.2}, 100),
    ):
        root = parsed(picture)
        assert root.attrib["aria-label"] is not None
        assert root.attrib["role"] == "img"
        assert "nan" not in re.sub(r">[^<]*<|\"[^\"]*[^\d\". -][^\"]*\"", "", picture.text)


def test_intervals_are_drawn_where_they_are():
    """Positions read back from the picture are linear in the numbers."""
    rows = [{"label": "a", "value": 1.0, "low": 0.0, "high": 3.0},
            {"label": "b", "value": 2.0, "low": 1.5, "high": 2.5}]  # fmt: skip
    root = parsed(charts.interval_chart(rows, reference=None))
    ns = "{http://www.w3.org/2000/svg}"
    points = [float(c.attrib["cx"]) for c in root.iter(f"{ns}circle")]
    thick = [e for e in root.iter(f"{ns}line") if e.attrib.get("stroke-width") == "2.5"]
    lines = [(float(e.attrib["x1"]), float(e.attrib["x2"])) for e in thick]
    px = (lines[0][1] - lines[0][0]) / 3.0
    zero = lines[0][0]
    np.testing.assert_allclose(points, [zero + px, zero + 2 * px], atol=0.02)
    np.testing.assert_allclose(lines[1], [zero + 1.5 * px, zero + 2.5 * px], atol=0.02)


def test_one_endless_interval_does_not_flatten_the_others():
    rows = [{"label": str(i), "value": 1 + i / 10, "low": 0.5, "high": 1.5} for i in range(4)]
    rows.append({"label": "wild", "value": 1.0, "low": -1e9, "high": 1e9})
    root = parsed(charts.interval_chart(rows))
    ns = "{http://www.w3.org/2000/svg}"
    dots = [float(c.attrib["cx"]) for c in root.iter(f"{ns}circle")]
    assert dots[3] - dots[0] > 8


def boxes_apart(content) -> None:
    boxes = place(content).boxes
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = abs(a.x - b.x) >= (a.w + b.w) / 2 or abs(a.y - b.y) >= (a.h + b.h) / 2
            assert apart, (a, b)


@settings(FIXED, max_examples=25)
@given(st.integers(1, 14), st.integers(0, 2**32 - 1), st.booleans())
def test_boxes_never_overlap_and_labels_fit(d, seed, pinned):
    rng = np.random.default_rng(seed)
    names = [f"{'long ' * int(rng.integers(0, 9))}v{i}" for i in range(d)]
    marks = ["-->", "---", "<->", "o->", "o-o"]
    graph = Graph.empty(names)
    for _ in range(int(rng.integers(0, 3 * d)) if d > 1 else 0):
        i, j = rng.choice(d, 2, replace=False)
        graph = graph.with_edge(names[min(i, j)], marks[int(rng.integers(5))], names[max(i, j)])
    content = graph_content(graph)
    if pinned:
        content["pinned"] = True
        for i, node in enumerate(content["nodes"]):
            node |= {"x": float(i % 3), "y": float(i // 3)}
    boxes_apart(content)
    for node, box in zip(content["nodes"], place(content).boxes, strict=True):
        assert svg.text_width(shown_name(node), 13) <= box.w - 12
    root = parsed(graph_svg(content, links=True))
    ns = "{http://www.w3.org/2000/svg}"
    drawn = [
        g for g in root.iter(f"{ns}g") if g.attrib.get("class") == "edge" and g.attrib["data-a"]
    ]
    assert len(drawn) == len(graph.edges())


def test_edges_of_the_realistic_graph_keep_clear_of_boxes():
    content = fixtures.sachs()["graph"]
    placed = place(content)
    names = [n["name"] for n in content["nodes"]]
    text = graph_svg(content, legend=False).text
    paths = re.findall(r'data-a="(\w+)" data-b="(\w+)".*?<path d="([^"]+)"', text)
    assert len(paths) == len(content["edges"])
    for a, b, d in paths:
        numbers = [float(x) for x in re.findall(r"-?\d+\.?\d*", d)]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        curve = bezier(points) if "C" in d else segment(*points)
        for name, box in zip(names, placed.boxes, strict=True):
            if name not in (a, b):
                inside = (abs(curve[:, 0] - box.x) < box.w / 2 - 1) & (
                    abs(curve[:, 1] - box.y) < box.h / 2 - 1
                )
                assert not inside.any(), f"{a} - {b} runs through {name}"


def bezier(points) -> np.ndarray:
    t = np.linspace(0, 1, 30)[:, None]
    pieces = []
    for k in range(0, len(points) - 1, 3):
        p = np.array(points[k : k + 4])
        weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]
        pieces.append(sum(w * q for w, q in zip(weights, p, strict=True)))
    return np.concatenate(pieces)


def segment(p, q) -> np.ndarray:
    return np.linspace(p, q, 60)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_enough():
    for colour in (svg.INK, svg.GREY):
        for ground in (svg.PAPER, *(tint for tint, _ in ROLE_STYLE.values())):
            assert contrast(colour, ground) >= 4.5
    for colour, _, _ in EDGE_STYLE.values():
        assert contrast(colour, svg.PAPER) >= 3.0
    css = (fixtures.TEMPLATES / "report.css").read_text("utf-8")
    for name in ("ink", "soft", "faint", "accent", "good", "fair", "weak", "bad"):
        colour = re.search(rf"--{name}:(#[0-9a-f]{{6}})", css)
        assert colour
        assert contrast(colour.group(1), "#ffffff") >= 4.5, name


def test_edges_differ_without_colour():
    dashes = [dash for _, dash, _ in EDGE_STYLE.values()]
    assert len(set(dashes)) == len(dashes)


@pytest.mark.parametrize("matrix", [
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
     [-0.003882, -0.048116, 1.051998]],
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
     [-0.011820, 0.042940, 0.968881]],
])  # fmt: skip
def test_edges_differ_for_colour_blind_eyes(matrix):
    """Protanopia and deuteranopia of Machado, Oliveira and Fernandes (2009), severity 1."""
    colours = []
    for colour, _, _ in EDGE_STYLE.values():
        rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        colours.append(np.clip(np.array(matrix) @ rgb, 0, 1))
    for i, a in enumerate(colours):
        for b in colours[:i]:
            assert np.abs(a - b).max() > 0.12


def test_edge_words_count_resamples():
    edge = {"a": "x", "b": "y", "mark": "-->", "frequency": 0.87, "source": "learned",
            "frequencies": {"-->": 0.87, "<--": 0.08, "   ": 0.05}}  # fmt: skip
    words = edge_words(edge, 200)
    assert "found in 174 of 200 resamples" in words
    assert "no edge 5%" in words
    assert "probab" not in words


def test_a_column_with_one_value_has_a_strip() -> None:
    """A constant column, and one of which more than half are zero."""
    for value in (0.0, 1.0, -3.5, 1e300):
        strip = charts.box_strip({"name": "x", "q25": value, "median": value, "q75": value,
                                  "mean": value})  # fmt: skip
        assert "nan" not in strip.text
        assert "inf" not in strip.text
