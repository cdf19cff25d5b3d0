"""The page as text: escaping, self-containment, what is embedded and what is withheld."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from rung.core.errors import InputError
from rung.report.html import extract, render
from tests.report import fixtures

CASES = ("sachs", "minimal", "not_identified", "exploratory", "nasty")


class Page(HTMLParser):
    """Elements with attributes, the text of scripts, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.shown: list[str] = []
        self._in: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._in = tag
            if tag == "script":
                self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        if tag == self._in:
            self._in = None

    def handle_data(self, data):
        if self._in == "script":
            attrs, text = self.scripts[-1]
            self.scripts[-1] = (attrs, text + data)
        elif self._in is None:
            self.shown.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.shown).split())


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {name: Page(render(getattr(fixtures, name)())) for name in CASES}


@pytest.mark.parametrize("case", CASES)
def test_only_our_own_elements(pages, case):
    page = pages[case]
    assert [a.get("type") or "script" for a, _ in page.scripts] == [
        "application/json", "application/json", "script"
    ]  # fmt: skip
    for tag, attrs in page.elements:
        assert tag not in ("img", "iframe", "object", "embed", "form", "base", "b2")
        assert not any(name.startswith("on") for name in attrs), (tag, attrs)
    source = (page.scripts[2][1]).strip()
    with open(fixtures.TEMPLATES / "report.js", encoding="utf-8") as file:
        assert source == file.read().strip()


@pytest.mark.parametrize("case", CASES)
def test_asks_nothing_of_the_network(pages, case):
    page = pages[case]
    for tag, attrs in page.elements:
        assert "src" not in attrs, tag
        for name in ("href", "action", "data", "srcset", "xlink:href"):
            assert (attrs.get(name) or "#").startswith(("#", "data:,")), (tag, attrs)
    policies = [a["content"] or "" for t, a in page.elements if "http-equiv" in a and t == "meta"]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")
    rules = dict(rule.strip().split(" ", 1) for rule in policies[0].split(";"))
    digest = base64.b64encode(hashlib.sha256(page.scripts[2][1].encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert "connect-src" not in rules
    css = "".join(re.findall(r"<style>(.*?)</style>", render(fixtures.minimal()), re.DOTALL))
    assert css
    assert not re.search(r"url\(|@import|https?:", css)


@pytest.mark.parametrize("case", CASES)
def test_readable_without_eyes(pages, case):
    page = pages[case]
    elements = page.elements
    assert next(a for t, a in elements if t == "html")["lang"] == "en"
    for tag, attrs in elements:
        if tag == "svg":
            assert attrs.get("role") in ("img", "group")
            assert attrs.get("aria-label")
        if tag in ("section", "aside", "nav"):
            assert attrs.get("id") or attrs.get("aria-label")
        if tag == "a" and "node" in (attrs.get("class") or ""):
            assert attrs.get("aria-label")
    ids = [a["id"] for _, a in elements if a.get("id")]
    assert len(ids) == len(set(ids))
    assert sum(t == "h1" for t, _ in elements) == 1
    levels = [int(t[1]) for t, _ in elements if re.fullmatch(r"h[1-6]", t)]
    assert all(b - a <= 1 for a, b in pairwise(levels)), levels


def test_hostile_text_is_shown_as_it_is(pages):
    shown = pages["nasty"].text
    for name in fixtures.NASTY:
        wanted = " ".join(name.replace("\x07", "\ufffd").split())
        assert wanted in shown, name


def test_extract_is_the_inverse_of_render():
    content = fixtures.sachs()
    back = extract(render(content))
    assert back["plan"] == content["plan"]
    assert back["plan_toml"] == content["plan_toml"]
    assert back["data"]["sha256"] == content["data"]["sha256"]
    assert back["rung"]["packages"] == content["rung"]["packages"]
    assert back["effect"]["value"] == content["effect"]["value"]
    assert back["headline"] == content["headline"]
    edges = {(e["a"], e["mark"], e["b"], e["frequency"]) for e in back["graph"]["edges"]}
    assert edges == {(a, m, b, f) for a, b, m, f in fixtures.EDGES}


def test_extract_survives_hostile_plans():
    content = fixtures.nasty()
    content["plan"]["data"] = '</script><script type="application/json" id="rung-analysis">{}'
    assert extract(render(content))["plan"] == content["plan"]


@pytest.mark.parametrize(
    "text", ["", "<html></html>", '<script type="application/json" id="rung-analysis">{"pl']
)
def test_extract_refuses_what_is_no_report(text):
    with pytest.raises(InputError, match="rung analyse"):
        extract(text)


def test_extract_names_damage():
    text = render(fixtures.sachs())
    at = text.index('id="rung-analysis">') + len('id="rung-analysis">')
    with pytest.raises(InputError, match="write the report again"):
        extract(text[:at] + "}" + text[at:])


@pytest.mark.parametrize("key", ["data", "headline", "graph"])
def test_render_says_what_is_missing(key):
    content = fixtures.minimal()
    del content[key]
    with pytest.raises(InputError, match=key):
        render(content)


def test_small_counts_and_single_rows_are_withheld():
    content = fixtures.sachs()
    content["data"]["environments"][0]["n"] = 3
    content["data"]["variables"][0] |= {
        "kind": "categorical", "levels": ["rare", "b", "c"], "missing": 2 / 7466,
        "top": [{"level": "rare", "count": 4}, {"level": "b", "count": 4321},
                {"level": "c", "count": 3141}],
    }  # fmt: skip
    text, page = render(content), Page(render(content))
    assert "rare: <5" in page.text
    assert "rare: 4," not in page.text
    assert "row 17" not in text
    assert "2.7777" not in text, "a single row's value"
    assert "3.9137" not in text, "the largest value of a column"
    assert "&lt;5 rows" in text
    for count in (3, 2):  # the overlap bins at the ends
        assert f"control, 0 to 0.05: {count}" not in text
        assert f"control, 0.95 to 1: {count}" not in text
    assert "1 answer about single rows withheld" in page.text
    everything = Page(render(content, show_rows=True)).text
    for wanted in ("row 17", "2.78", "rare: 4"):
        assert wanted in everything


def test_content_is_not_changed():
    content = fixtures.sachs()
    before = copy.deepcopy(content)
    render(content)
    assert content == before


@pytest.mark.parametrize("key", sorted(set(fixtures.sachs()) - {"data", "headline", "graph"}))
def test_every_other_section_may_be_absent_or_empty(key):
    content = fixtures.sachs()
    for value in (None, {} if not isinstance(content[key], list | str) else type(content[key])()):
        content[key] = value
        assert Page(render(content)).text


def test_words_are_honest(pages):
    """No claim of causing, no probability for a frequency, outside the glossary."""
    for name in ("sachs", "exploratory"):
        body = pages[name].text.split("Words used here")[0]
        assert not re.search(r"\bcauses (?:a change|Akt|an increase)", body)
        assert "of 100 resamples" in body
        assert not re.search(r"probability (?:of|that)", body)
    assert "these cannot detect hidden confounding" in pages["sachs"].text
    assert pages["exploratory"].text.count("xploratory") >= 2


def test_standing_and_threats_come_first(pages):
    text = pages["sachs"].text
    order = ["In the 6 555 cells", "learned graph", "What is most likely to overturn this",
             "9 of 100 resamples", "The graph", "The effect", "What if", "What to measure next",
             "The data", "Mechanisms", "Versions", "Methods, to paste", "References"]  # fmt: skip
    places, at = [], 0
    for words in order:
        at = text.index(words, at)
        places.append(at)
    assert places == sorted(places)


def test_not_identified_gives_no_number(pages):
    text = pages["not_identified"].text
    assert "No number." in text
    assert "not identified" in text
    assert "nan" not in text.lower().split()


def test_simulator_is_embedded_as_json(pages):
    given = json.loads(pages["nasty"].scripts[1][1])
    assert given["nodes"][: len(fixtures.NASTY)] == list(fixtures.NASTY)
    assert set(given["effects"]) == {n["name"] for n in fixtures.nasty()["graph"]["nodes"]}


def test_terms_are_explained_once(pages):
    tips = [a for t, a in pages["sachs"].elements if a.get("class") == "tip"]
    assert len(tips) >= 10
    text = render(fixtures.sachs())
    words = re.findall(r'<span class="term" tabindex="0">([^<]+)<', text)
    assert len({w.lower().rstrip("s") for w in words}) == len(words)
