"""The words of the report, each explained in one sentence (kept in glossary.txt)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from rung.report.svg import esc


@cache
def terms() -> dict[str, str]:
    """Term -> one plain sentence, in alphabetical order."""
    lines = Path(__file__).with_name("glossary.txt").read_text("utf-8").splitlines()
    pairs = (line.partition(": ") for line in lines if line.strip())
    return {term: said for term, _, said in pairs}


GLOSSARY: dict[str, str] = terms()


def explain(term: str) -> str | None:
    """The sentence for a term, whatever its case; None for a word without one."""
    lowered = term.strip().lower()
    return next((said for name, said in terms().items() if name.lower() == lowered), None)


@cache
def _pattern() -> re.Pattern[str]:
    longest = sorted(terms(), key=len, reverse=True)
    return re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, longest)) + r")s?(?![\w-])", re.I)


def hover(word: str, said: str) -> str:
    """Markup of a word that shows its explanation on hover and on focus."""
    tip = f'<span class="tip" role="tooltip">{esc(said)}</span>'
    return f'<span class="term" tabindex="0">{esc(word)}{tip}</span>'


def mark_terms(content: object, seen: set[str]) -> str:
    """Escaped text in which the first use of each term (not yet in `seen`) can be hovered."""
    raw, out, at = str(content), [], 0
    for match in _pattern().finditer(raw):
        key = match.group(1).lower()
        said = explain(key)
        if (
            key == "do"
            and raw.strip().lower() != "do"
            and raw[match.end() : match.end() + 1] != "("
        ):
            continue  # the verb of everyday English
        if said and key not in seen:
            seen.add(key)
            out += [esc(raw[at : match.start()]), hover(match.group(0), said)]
            at = match.end()
    return "".join([*out, esc(raw[at:])])
