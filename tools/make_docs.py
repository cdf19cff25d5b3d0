"""Refresh the generated parts of the docs. Usage: python tools/make_docs.py [PAGE ...]

Runs each page in an empty folder, puts what a block prints into the ```text block right after it,
and copies the pictures that it saves to docs/images. Without a PAGE all pages are run, and
the pages glossary, reference, evidence and benchmarks are written from the package.
"""

import contextlib
import importlib
import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"(<!-- not run: [^\n]*-->\s*\n)?^```python[^\n]*\n(?P<code>.*?)^```\n"
    r"(?P<head>\n```text\n)?(?(head)(?P<out>.*?)(?P<tail>^```\n))",
    re.M | re.S,
)


def refresh(page: Path) -> None:
    """Run a page; rewrite its outputs and its pictures."""
    scope: dict[str, object] = {"__name__": "page"}

    def run(block: re.Match[str]) -> str:
        if block[1]:
            return block[0]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block["code"], str(page), "exec"), scope)
        if not block["head"]:
            return block[0]
        start, end = (place - block.start() for place in block.span("out"))
        lines = [line.rstrip() for line in printed.getvalue().splitlines()]
        return block[0][:start] + "\n".join([*lines, ""]) + block[0][end:]

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        page.write_text(BLOCK.sub(run, page.read_text("utf-8")), "utf-8")
        for picture in [*Path(folder).glob("*.svg"), *Path(folder).glob("*.png")]:
            shutil.copyfile(picture, ROOT / "docs" / "images" / picture.name)


def glossary() -> str:
    """The page of the report's words."""
    terms = importlib.import_module("rung.report.glossary").terms()
    head = "# Glossary\n\nThe words of the report and of these pages, one sentence each.\n"
    return "\n".join([head, *(f"**{term}**: {said}\n" for term, said in terms.items())])


def main(pages: list[str]) -> int:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("COLUMNS", "100")
    chosen = [Path(page).resolve() for page in pages]
    for page in chosen or [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]:
        refresh(page)
    if not pages:
        (ROOT / "docs" / "glossary.md").write_text(glossary(), "utf-8")
        registry = importlib.import_module("rung.bench.registry")
        (ROOT / "docs" / "reference.md").write_text(registry.reference().rstrip() + "\n", "utf-8")
        importlib.import_module("rung.bench.pages").main(ROOT / "docs")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
