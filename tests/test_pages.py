"""Every page and every example runs as printed.

A page's ```python blocks run in order, in one namespace and an empty folder. A block that cannot
run stands after a line `<!-- not run: reason -->`.
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLES = sorted(ROOT.glob("examples/*.py"))
BLOCK = re.compile(
    r"(?P<skip><!-- not run: \S[^\n]*-->\s*\n)?^```python[^\n]*\n(?P<code>.*?)^```", re.M | re.S
)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[tuple[int, str]]:
    """First line and code of each block that runs."""
    found = [m for m in BLOCK.finditer(text) if not m["skip"]]
    return [(text[: m.start("code")].count("\n"), m["code"]) for m in found]


def run(page: Path) -> int:
    """Run the blocks of a page in the current folder; how many there were."""
    scope: dict[str, object] = {"__name__": "page"}
    found = blocks(page.read_text("utf-8"))
    for line, code in found:
        exec(compile("\n" * line + code, str(page), "exec", dont_inherit=True), scope)
    return len(found)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(page)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_example_runs(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(example)])
    runpy.run_path(str(example), run_name="__main__")


def test_a_page_that_fails_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text\n```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError):
        run(page)
    page.write_text("<!-- not run: no file -->\n```python\nopen('x')\n```\n```text\n1/\n```\n")
    assert run(page) == 0
