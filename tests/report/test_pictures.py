"""The page of pictures: whole in itself, safe for any name, its dials in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import rung
from rung.core.errors import InputError
from rung.report.html import extract
from rung.report.pictures import cell_size, loss_figure, render, write_figures
from tests.pipeline.pictures_support import spec, world
from tests.report import browser

NASTY = ("</script><script>alert(1)</script>", "größe 🎈 \"q\" & 'x'")


@pytest.fixture(scope="module")
def found():
    data = world(names=NASTY)
    graph = rung.Graph.from_edges([(NASTY[0], "->", NASTY[1])], NASTY)
    return rung.analyse(data, model=spec(graph), seconds=3.0, draws=0)


@pytest.fixture(scope="module")
def html(found) -> str:
    return found.html()


class Looker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts, self.sources, self.ids = 0, [], []

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        given = dict(attrs)
        self.sources += [v for k, v in attrs if k in ("src", "href") and v]
        self.ids += [given["id"]] if "id" in given else []


def test_one_file_and_no_name_escapes(html: str) -> None:
    page = Looker()
    page.feed(html)
    assert page.scripts == 3  # two of data, one of ours: none of a name
    assert all(s.startswith(("#", "data:")) for s in page.sources)
    assert len(set(page.ids)) == len(page.ids)
    links = {s[1:] for s in page.sources if s.startswith("#")}
    assert links <= set(page.ids)
    assert "alert(1)" in html
    assert "🎈" in html
    assert len(re.findall(r"data:image/png;base64,", html)) == 1 + 3 + 2


def test_embedded_analysis_is_the_content_without_pictures(found, html: str) -> None:
    inside = extract(html)
    assert inside["kind"] == "pictures"
    assert inside["soundness"][0]["value"] == found.content["soundness"][0]["value"]
    assert inside["grid"]["blocks"][1]["title"] == NASTY[0]
    assert inside["grid"]["blocks"][1]["sheet"].startswith("PNG of")


def test_a_page_needs_its_sections(found) -> None:
    with pytest.raises(InputError, match="missing: sliders"):
        render({k: v for k, v in found.content.items() if k != "sliders"})


def test_figures_as_files(found, tmp_path: Path) -> None:
    from PIL import Image

    written = write_figures(found.content, tmp_path / "f")
    assert all(p.exists() and p.parent == tmp_path / "f" for p in written)
    sheets = [p for p in written if p.suffix == ".png"]
    assert len(sheets) == 4
    for path in sheets:
        with Image.open(path) as sheet:
            assert sheet.size[0] > 20
    assert "effectiveness" in (tmp_path / "f" / "soundness.csv").read_text("utf-8")


def test_small_pictures_are_shown_in_whole_multiples() -> None:
    assert [cell_size(w, 68) for w in (8, 28, 64, 100)] == [64, 56, 64, 100]


def test_losses_as_a_line() -> None:
    rows = [{"step": k, "loss": 10.0**-k} for k in range(4)]
    assert loss_figure(rows[:2]) is None
    text = loss_figure(rows).text
    path = re.search(r'd="M([^"]+)"', text).group(1)
    ys = [float(p.split()[1]) for p in path.split(" L")]
    steps = [b - a for a, b in pairwise(ys)]
    assert max(steps) - min(steps) < 0.2  # even steps on a logarithmic scale, downwards
    assert min(steps) > 0


needs_browser = pytest.mark.skipif(
    browser.find() is None,
    reason="no Chromium found: apt-get install chromium, to look at the report",
)


@pytest.fixture(scope="module")
def page() -> Iterator[browser.Browser]:
    opened = browser.Browser(browser.find() or "")
    yield opened
    opened.close()


@needs_browser
@pytest.mark.parametrize("width", [1280, 400])
def test_fits_and_asks_for_nothing(page, html: str, tmp_path: Path, width: int) -> None:
    path = tmp_path / "p.html"
    path.write_text(html, encoding="utf-8")
    page.open(path, width=width)
    page.wait("document.documentElement.getAttribute('data-js') === 'ready'")
    assert page.complaints() == []
    assert page.requests() == []
    assert page.run("document.documentElement.getAttribute('data-js-error')") is None
    assert page.run("document.documentElement.scrollWidth") <= width
    wide = page.run("""Array.from(document.querySelectorAll('.page *')).filter(e =>
        !e.closest('.scroll, nav, svg') && e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.tagName + '.' + e.className)""")  # fmt: skip
    assert wide in (None, [])


@needs_browser
def test_dials_show_the_picture_and_values_of_their_step(page, found, html, tmp_path) -> None:
    path = tmp_path / "p.html"
    path.write_text(html, encoding="utf-8")
    page.open(path)
    page.wait("document.documentElement.getAttribute('data-js') === 'ready'")
    dials = found.content["sliders"]
    text = "document.getElementById('try-said').textContent"
    assert NASTY[0] in page.run(text)  # the page opens with something set
    page.run("document.getElementById('try-reset').click()")
    assert page.run(text) == "nothing is set"
    page.run("document.querySelectorAll('.choose button')[2].click()")
    page.run("""(() => { const d = document.querySelectorAll('#try-dials input')[1];
        d.value = 7; d.dispatchEvent(new Event('input')); })()""")
    assert page.run(text) == f"had {NASTY[1]} been {dials['factors'][1]['labels'][7]}"
    shown = json.loads(page.run("""JSON.stringify(Array.from(
        document.querySelectorAll('#try-dials .is')).map(c => c.textContent))"""))  # fmt: skip
    assert shown == dials["values"][2][1][7]
    where = page.run("document.getElementById('try-after').style.backgroundPosition")
    row = 2 * 2 + 1  # unit 2, factor 1, of 4 x 2 rows and 9 columns
    x, y = (float(v.rstrip("%")) for v in where.split())
    assert (x, y) == pytest.approx((7 / 8 * 100, row / 7 * 100), abs=0.01)
    page.run("document.querySelectorAll('#try-dials input')[0].focus()")
    page.press("ArrowRight", 39)
    assert NASTY[0] in page.run(text)
    assert page.complaints() == []
