"""The page in a real browser: its script, its controls, its widths, its print, its silence."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rung.report.html import render
from tests.report import browser, fixtures

pytestmark = pytest.mark.skipif(
    browser.find() is None,
    reason="no Chromium found: apt-get install chromium, to look at the report",
)

CASES = ("sachs", "minimal", "not_identified", "exploratory", "nasty")


@pytest.fixture(scope="module")
def page() -> Iterator[browser.Browser]:
    path = browser.find()
    assert path is not None
    opened = browser.Browser(path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    out = {}
    for name in CASES:
        out[name] = folder / f"{name}.html"
        out[name].write_text(render(getattr(fixtures, name)()), encoding="utf-8")
    return out


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("case", CASES)
def test_runs_without_complaint_or_request_and_fits(page, files, case, width):
    page.open(files[case], width=width)
    page.wait("document.documentElement.getAttribute('data-js') === 'ready'")
    assert page.complaints() == []
    assert page.requests() == []
    assert page.run("document.documentElement.getAttribute('data-js-error')") is None
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run("document.body.innerText.length") > 200


def test_values_under_do_are_those_of_the_linear_model(page, files):
    """E[B | do(A = a)] = mean_B + total effect * (a - mean_A): path tracing, computed here."""
    page.open(files["sachs"], fragment="#do=PKA:3.25")
    page.wait("document.querySelectorAll('#moves tr').length > 0")
    shown = json.loads(page.run("""JSON.stringify(Array.from(document.querySelectorAll('#moves tr'))
        .map(r => [r.dataset.name, +r.dataset.from, +r.dataset.to]))"""))  # fmt: skip
    simulator = fixtures.sachs()["simulator"]
    mean = {v["name"]: v["mean"] for v in simulator["variables"]}
    total = fixtures.total_effects("PKA")
    assert {name for name, _, _ in shown} == {k for k, v in total.items() if v} - {"PKA"}
    for name, low, high in shown:
        assert low == pytest.approx(mean[name], abs=1e-9)
        assert high == pytest.approx(mean[name] + total[name] * (3.25 - mean["PKA"]), abs=1e-9)


def test_slider_moves_by_keyboard(page, files):
    page.open(files["sachs"])
    page.run("document.querySelectorAll('#graph-figure .node')[3].focus()")
    page.press("Enter", 13)
    page.wait("!document.getElementById('inspect-do').hidden")
    assert page.run("document.querySelector('#inspect-mechanism h3').textContent") == "PKA"
    page.run("document.getElementById('do-input').focus()")
    before = page.run("document.getElementById('do-value').textContent")
    for _ in range(5):
        page.press("ArrowRight", 39)
    page.wait(f"document.getElementById('do-value').textContent !== {json.dumps(before)}")
    assert page.run("document.querySelectorAll('#moves tr').length") == len(
        [v for k, v in fixtures.total_effects("PKA").items() if v and k != "PKA"]
    )
    moved = page.run("document.querySelectorAll('#graph-figure .node')[10].textContent")
    assert re.search(r"[▲▼]", moved), "the outcome's box shows which way it moves"
    page.run("document.getElementById('do-reset').click()")
    assert page.run("document.getElementById('do-value').textContent") == before
    inside = """(() => { const p = document.querySelector('.panel').getBoundingClientRect();
        return Array.from(document.querySelectorAll('.panel *'))
            .every(e => e.getBoundingClientRect().right <= p.right + 1)})()"""
    assert page.run(inside), "nothing of the panel sticks out of it"
    assert page.complaints() == []


@pytest.mark.parametrize("name", ["__proto__", "constructor", "</script><!--", fixtures.NASTY[0]])
def test_levels_of_hostile_names_can_be_chosen(page, files, name):
    page.open(files["nasty"])
    at = list(fixtures.NASTY).index(name)
    page.run(f"document.querySelectorAll('#graph-figure .node')[{at}].dispatchEvent("
             "new MouseEvent('click', {bubbles: true, cancelable: true}))")  # fmt: skip
    assert page.run("document.querySelector('#inspect-mechanism h3').textContent") == name
    select = "document.querySelector('#do-control select')"
    assert page.run(f"{select}.options.length") == 2
    page.run(f"{select}.value = '1'; {select}.dispatchEvent(new Event('input'))")
    assert page.run("document.querySelectorAll('#moves tr').length") >= 8
    assert page.run("document.querySelector('#moves tr').dataset.to") == "0.6"
    assert page.complaints() == []


def test_works_without_script(page, files):
    """Nodes are links to the mechanism cards, which exist."""
    page.open(files["sachs"])
    missing = page.run("""Array.from(document.querySelectorAll('#graph-figure a.node'))
        .filter(a => !document.getElementById(a.getAttribute('href').slice(1))).length""")
    assert missing == 0


def test_prints_to_a4(page, files):
    page.open(files["sachs"])
    out = page.send("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
    pdf = base64.b64decode(out["data"])
    boxes = re.findall(rb"/MediaBox ?\[([\d. ]+)\]", pdf)
    assert 3 <= len(boxes) <= 25
    for box in boxes:
        size = np.array([float(x) for x in box.split()])[2:]
        np.testing.assert_allclose(size, [595.28, 841.89], atol=1.5)


def test_tooltip_shows_on_focus_and_hides_on_escape(page, files):
    page.open(files["sachs"], width=400)
    tip = "document.querySelector('.term .tip')"
    assert page.run(f"getComputedStyle({tip}).display") == "none"
    page.run("document.querySelector('.term').focus()")
    assert page.run(f"getComputedStyle({tip}).display") == "block"
    right = page.run(f"{tip}.getBoundingClientRect().right")
    assert right <= 400
    page.press("Escape", 27)
    assert page.run(f"getComputedStyle({tip}).display") == "none"


@pytest.mark.parametrize("case", ["sachs", "exploratory", "nasty"])
def test_labels_in_pictures_stay_inside(page, files, case):
    """No text of a chart reaches beyond the picture, none of a node beyond its box."""
    for width in (1280, 400):
        page.open(files[case], width=width)
        outside = page.run("""Array.from(document.querySelectorAll('svg')).flatMap(s => {
            const v = s.viewBox.baseVal;
            if (!s.getClientRects().length) return [];
            const m = s.getScreenCTM().inverse();
            return Array.from(s.querySelectorAll('text')).filter(t => {
                const r = t.getBoundingClientRect(), a = new DOMPoint(r.left, r.top)
                    .matrixTransform(m), b = new DOMPoint(r.right, r.bottom).matrixTransform(m);
                return a.x < -3 || b.x > v.width + 3 || a.y < -3 || b.y > v.height + 3;
            }).map(t => s.getAttribute('aria-label') + ': ' + t.textContent)})""")
        assert outside == []
        beyond = page.run("""Array.from(document.querySelectorAll('.node')).filter(n => {
            const b = n.querySelector('.box').getBoundingClientRect();
            return Array.from(n.querySelectorAll('text')).some(t => {
                const r = t.getBoundingClientRect();
                return r.left < b.left - 1 || r.right > b.right + 1})
            }).map(n => n.textContent)""")
        assert beyond == []
