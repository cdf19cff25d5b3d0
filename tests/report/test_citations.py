"""The database of references and the glossary."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import rung
from rung.report import citations
from rung.report.glossary import GLOSSARY, explain, mark_terms

ROOT = Path(rung.__file__).parent


def test_every_entry_is_whole():
    keys = citations.keys()
    assert len(set(keys)) == len(keys) >= 40
    for key in keys:
        entry = citations.bibtex(key)
        assert entry.count("{") == entry.count("}"), key
        fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", entry, re.MULTILINE))
        assert {"author", "title", "year"} <= fields.keys(), key
        assert fields.keys() & {"journal", "booktitle", "publisher"}, key
        assert key.endswith(fields["year"]), key
        family = re.sub(r"[^a-z]", "", fields["author"].split(",")[0].lower())
        assert family.startswith(key[:4].replace("'", "")[:1]), key
        line = citations.text(key)
        assert fields["year"] in line
        assert "{" not in line
        assert not re.search(r"\\|\. \.|  | ,", line), line


def test_several_keys_once_each_in_order():
    found = citations.bibtex(("sachs2005", "pearl2009", "sachs2005"))
    assert re.findall(r"@\w+\{(\w+),", found) == ["sachs2005", "pearl2009"]
    assert len(citations.text(("sachs2005", "pearl2009", "sachs2005")).splitlines()) == 2
    rows = citations.cited(["pearl2009"])
    assert rows[0]["text"] == (
        "Pearl, J. (2009). Causality: Models, Reasoning, and Inference (2nd edition). "
        "Cambridge University Press."
    )


def test_a_key_of_somebody_else_does_not_break_the_report():
    assert citations.bibtex("me2030").startswith("% me2030")
    assert citations.cited(["me2030"])[0]["text"] == "me2030"


def _keys(node: ast.AST) -> list[str]:
    """Texts in a `cites=(...)`, a `cites: ... = (...)` or an assignment to `_CITES`."""
    values: list[ast.AST | None] = []
    if isinstance(node, ast.keyword) and node.arg == "cites":
        values = [node.value]
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(getattr(t, "id", "").strip("_").lower() in ("cites", "citations") for t in targets):
            values = [node.value]
    inside = [n for v in values if v is not None for n in ast.walk(v)]
    return [n.value for n in inside if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def test_every_key_used_in_the_package_is_in_the_database():
    used = {}
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for key in _keys(node):
                if re.fullmatch(r"[a-z]+\d{4}[a-z]?", key):
                    used.setdefault(key, str(path.relative_to(ROOT)))
    assert "pearl2009" in used
    known = set(citations.keys())
    missing = {key: where for key, where in used.items() if key not in known}
    assert not missing


def test_terms_are_one_plain_sentence():
    assert len(GLOSSARY) >= 40
    assert list(GLOSSARY) == sorted(GLOSSARY, key=str.lower)
    for term, said in GLOSSARY.items():
        assert said.endswith("."), term
        assert said.count(". ") == 0, term
        assert len(said) < 170, term


@pytest.mark.parametrize(("word", "known"), [("Confounder", True), ("E-VALUE", True), ("x", False)])
def test_explain(word, known):
    assert (explain(word) is not None) is known


def test_first_use_is_marked_and_all_is_escaped():
    seen: set[str] = set()
    text = mark_terms("A <b>confounder</b>, confounders & a collider", seen)
    assert text.count('class="term"') == 2
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert 'class="term"' not in mark_terms("confounder", seen)
    assert mark_terms("underdone doing dosage", set()) == "underdone doing dosage"
