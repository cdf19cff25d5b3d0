"""The pages hang together: links lead somewhere, and generated pages are up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from rung.cli.main import app
from rung.report.glossary import terms

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md")])
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_and_pictures_exist(page: Path) -> None:
    targets = LINK.findall(page.read_text("utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_every_page_is_linked_from_the_index() -> None:
    listed = {(DOCS / t).resolve() for t in LINK.findall((DOCS / "index.md").read_text("utf-8"))}
    assert [named(p) for p in DOCS.glob("**/*.md") if p.resolve() not in listed] == [
        "docs/index.md"
    ]


def test_every_picture_is_shown() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in LINK.findall(page.read_text("utf-8"))
    }
    assert [p.name for p in (DOCS / "images").iterdir() if p.resolve() not in shown] == []


def test_the_glossary_page_holds_the_terms_of_the_report() -> None:
    text = (DOCS / "glossary.md").read_text("utf-8")
    stale = [term for term, said in terms().items() if f"**{term}**: {said}\n" not in text]
    assert stale == [], "run: python tools/make_docs.py"


def test_the_command_line_page_names_every_command_and_option() -> None:
    text = (DOCS / "command-line.md").read_text("utf-8")
    group = typer.main.get_command(app)
    commands = dict(group.commands.items())
    options = {
        option
        for command in commands.values()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    assert len(commands) > 8
    assert [name for name in commands if f"`rung {name}" not in text] == []
    assert sorted(option for option in options if f"{option}" not in text) == []
