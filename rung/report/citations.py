"""The works that methods rest on: BibTeX, and a line of text for each (kept in references.bib)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_ENTRY = re.compile(r"^@(\w+)\{([^,\s]+),\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"^\s*(\w+) = \{(.*)\},?$", re.MULTILINE)
_LETTERS = {r"{\'c}": "ć", r"{\"u}": "ü", r"{\'a}": "á", r"{\'o}": "ó", r"{\'A}": "Á", "--": "–"}
_LETTERS |= {r"{\"o}": "ö", r"{\"a}": "ä"}
_LETTERS |= {"``": "“", "''": "”"}


@cache
def _entries() -> dict[str, tuple[str, dict[str, str]]]:
    """Key -> (the BibTeX entry, its fields)."""
    source = Path(__file__).with_name("references.bib").read_text("utf-8")
    return {
        m.group(2): (m.group(0), {k: _letters(v) for k, v in _FIELD.findall(m.group(3))})
        for m in _ENTRY.finditer(source)
    }


def _letters(tex: str) -> str:
    """A field without TeX: letters with accents, quotation marks, dashes, no braces."""
    for code, letter in _LETTERS.items():
        tex = tex.replace(code, letter)
    return tex.replace("{", "").replace("}", "")


def keys() -> tuple[str, ...]:
    """Every key of the database, in alphabetical order."""
    return tuple(sorted(_entries()))


def bibtex(wanted: str | Iterable[str]) -> str:
    """BibTeX of one key or of several, each once, in the order given.

    A key that is not in the database, as a plug from elsewhere may have, becomes a comment.
    """
    listed = [wanted] if isinstance(wanted, str) else list(dict.fromkeys(wanted))
    found = _entries()
    return "\n".join(found[k][0] if k in found else f"% {k}: not in the database" for k in listed)


def text(wanted: str | Iterable[str]) -> str:
    """One readable line a key, in the order given; the key itself if it is not known."""
    listed = [wanted] if isinstance(wanted, str) else list(dict.fromkeys(wanted))
    found = _entries()
    return "\n".join(_line(found[k][1]) if k in found else k for k in listed)


def cited(wanted: Iterable[str]) -> list[dict[str, str]]:
    """The `citations` of an analysis content: key, text and bibtex of each."""
    return [{"key": key, "text": text(key), "bibtex": bibtex(key)} for key in dict.fromkeys(wanted)]


def _line(fields: dict[str, str]) -> str:
    where = fields.get("journal") or fields.get("booktitle") or fields.get("publisher") or ""
    number = f"({fields['number']})" if fields.get("number") else ""
    volume = f" {fields['volume']}{number}" if fields.get("volume") else ""
    pages = f", {fields['pages']}" if fields.get("pages") else ""
    edition = " (2nd edition)" if fields.get("edition") == "2" else ""
    who, title = _authors(fields["author"]), fields["title"]
    return f"{who} ({fields['year']}). {title}{edition}. {where}{volume}{pages}."


def _authors(field: str) -> str:
    names = field.split(" and ")
    short = []
    for name in names:
        family, _, given = name.partition(", ")
        initials = " ".join(f"{part[0]}." for part in given.replace(".", "").split())
        short.append(f"{family}, {initials}" if initials else family)
    if len(short) > 1:
        return ", ".join(short[:-1]) + " and " + short[-1]
    return short[0]
