"""What the cells of a text column are: numbers in some notation, dates, booleans or levels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .sql import literal

# Always read as missing, in any column.
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "<NA>", "#N/A", "NaT")
# Read as missing only where all other cells are numbers or dates.
WEAK = (".", "-", "--", "?", "na", "none", "None", "NONE", "missing", "Missing", "unknown",
        "Unknown", "N.A.", "n.a.", "#DIV/0!", "#VALUE!", "#NUM!", "nil", "*")  # fmt: skip
CURRENCY = ("€", "$", "£", "¥", "₹", "EUR", "USD", "GBP", "CHF", "JPY", "SEK", "US$")
_MONEY = "|".join(re.escape(c) for c in sorted(CURRENCY, key=len, reverse=True))
_CELL = re.compile(
    rf"(?P<sign>[+\-−]?)\s*(?P<front>{_MONEY})?\s*(?P<sign2>[+\-−]?)"
    rf"(?P<body>[\d.,'\u00a0\u202f ]*\d[.]?)(?P<exp>[eE][+-]?\d+)?\s*(?P<back>{_MONEY}|%)?"
)
_SPACES = "\u00a0\u202f "
BOOLEANS = (
    ("false", "true"), ("f", "t"), ("no", "yes"), ("n", "y"), ("off", "on"), ("nein", "ja"),
    ("falsch", "wahr"), ("non", "oui"), ("faux", "vrai"), ("no", "si"), ("no", "sí"),
    ("absent", "present"), ("negative", "positive"), ("control", "treated"),
    ("control", "treatment"), ("placebo", "drug"), ("untreated", "treated"),
)  # fmt: skip


@dataclass(frozen=True)
class Notation:
    """How numbers are written in a column."""

    decimal: str = "."
    thousands: str = ""
    affix: str = ""

    def sql(self, cell: str) -> str:
        """SQL for the number in a cell (NULL if it is none)."""
        if self.affix:
            cell = f"replace({cell}, {literal(self.affix)}, '')"
        for mark in _SPACES if self.thousands == " " else self.thousands:
            cell = f"replace({cell}, {literal(mark)}, '')"
        if self.decimal != ".":
            cell = f"replace({cell}, {literal(self.decimal)}, '.')"
        cell = f"replace({cell}, '−', '-')"
        return f"TRY_CAST(replace({cell}, ' ', '') AS DOUBLE)"


@dataclass(frozen=True)
class Evidence:
    """What the cells of a column say about notation.

    `decimals` holds the decimal marks that some cell needs, `groups` the thousands marks;
    `either` is an example of a cell that can be read in two ways (1,234), `plain` the number of
    cells that need neither.
    """

    numeric: bool
    decimals: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    either: str | None = None
    affixes: frozenset[str] = frozenset()
    zeros: bool = False


def evidence(cells: Sequence[str]) -> Evidence:
    """Evidence of the distinct cells of a column, missing words left out."""
    decimals: set[str] = set()
    groups: set[str] = set()
    affixes: set[str] = set()
    either, zeros, plain = None, 0, 0
    for cell in cells:
        match = _CELL.fullmatch(cell.strip())
        if match is None or (match["sign"] and match["sign2"]):
            return Evidence(False)
        affixes.add(match["front"] or match["back"] or "")
        if match["front"] and match["back"]:
            return Evidence(False)
        zeros += bool(re.fullmatch(r"0\d+", match["body"]))
        found = _marks(match["body"])
        if found is None:
            return Evidence(False)
        decimals |= found[0]
        groups |= found[1]
        either = either or (cell if found[2] else None)
        plain += not any(found)
    return Evidence(
        True,
        frozenset(decimals),
        frozenset(groups),
        either,
        frozenset(affixes),
        zeros > 0 and plain == len(cells) and affixes == {""},
    )


def _marks(body: str) -> tuple[set[str], set[str], bool] | None:
    """(decimal marks needed, thousands marks needed, ambiguous) of the digits of a cell."""
    for space in "\u00a0\u202f":
        body = body.replace(space, " ")
    marks = re.findall(r"[.,' ]", body)
    kinds = list(dict.fromkeys(marks))
    if not marks:
        return set(), set(), False
    if len(kinds) > 2:
        return None
    last, first = kinds[-1], kinds[0]
    whole, tail = body.rsplit(last, 1)
    grouped = re.fullmatch(r"\d{1,3}(?:[.,' ]\d{3})+", whole if len(kinds) == 2 else body)
    if len(kinds) == 2:
        ok = grouped and marks.count(last) == 1 and last in ".," and marks[-1] == last
        return ({last}, {first}, False) if ok else None
    if len(marks) > 1 or last in "' ":
        return (set(), {last}, False) if grouped else None
    if last == ".":  # the usual notation: never ambiguous by itself
        return {"."}, set(), False
    if grouped and not whole.startswith("0") and len(tail) == 3:
        return set(), set(), True
    return {last}, set(), False


def merge(all_evidence: Sequence[Evidence]) -> tuple[str | None, str | None]:
    """The decimal and thousands mark that the columns of a file prove together."""
    numeric = [e for e in all_evidence if e.numeric]
    decimals = {d for e in numeric for d in e.decimals if d == ","}
    groups = {g for e in numeric for g in e.groups}
    if decimals and "," in groups:
        return None, None  # columns contradict each other: each stands for itself
    decimal = "," if decimals else None
    if decimal is None and "." in groups:
        decimal = ","
    if decimal is None and "," in groups:
        decimal = "."
    thousands = next(iter(groups)) if len(groups) == 1 else None
    return decimal, thousands


DATE_FORMS = (
    (re.compile(r"\d{4}-\d{1,2}-\d{1,2}"), "%Y-%m-%d"),
    (re.compile(r"\d{4}/\d{1,2}/\d{1,2}"), "%Y/%m/%d"),
    (re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?"), "iso"),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), "%d.%m.%Y"),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}"), "%d.%m.%Y %H:%M"),
    (re.compile(r"\d{1,2}[- ][A-Za-z]{3}[- ]\d{4}"), "%d-%b-%Y"),
    (re.compile(r"[A-Z][a-z]{2} \d{1,2}, \d{4}"), "%b %d, %Y"),
)
_SLASHED = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})")


def date_format(cells: Sequence[str]) -> str | None:
    """The strptime format of all cells, "ambiguous" for 03/04/2020, None if they are no dates."""
    for pattern, form in DATE_FORMS:
        if all(pattern.fullmatch(c) for c in cells):
            if form == "%d-%b-%Y" and " " in cells[0]:
                return "%d %b %Y"
            return form
    parts = [_SLASHED.fullmatch(c) for c in cells]
    if not cells or any(p is None for p in parts):
        return None
    mark = {p[2] for p in parts if p}
    if len(mark) > 1:
        return None
    first = max(int(p[1]) for p in parts if p)
    second = max(int(p[3]) for p in parts if p)
    if first > 12 and second > 12:
        return None
    if first <= 12 and second <= 12:
        return "ambiguous"
    sep = mark.pop()
    return sep.join(("%d", "%m", "%Y") if first > 12 else ("%m", "%d", "%Y"))


def date_sql(cell: str, form: str) -> str:
    """SQL for the days since 1970-01-01 of a cell (NULL if it does not fit)."""
    if form == "iso":
        moment = f"TRY_CAST({cell} AS TIMESTAMPTZ)"
    else:
        moment = f"try_strptime({cell}, {literal(form)})"
    return f"(epoch({moment}) / 86400.0)"


def boolean_order(levels: Sequence[str]) -> tuple[str, str] | None:
    """Two words in the order no, yes; None if they are not such words."""
    if len(levels) != 2:
        return None
    lowered = {level.strip().lower(): level for level in levels}
    for no, yes in BOOLEANS:
        if lowered.keys() == {no, yes}:
            return lowered[no], lowered[yes]
    return None


def natural_key(level: str) -> tuple[tuple[int, float, str], ...]:
    """Sort key under which "9" comes before "10" and "5-10" before "10-20"."""
    parts = re.findall(r"-?\d+(?:\.\d+)?|\D+", level) if not _is_number(level) else [level]
    return tuple((0, float(p), "") if _is_number(p) else (1, 0.0, p) for p in parts)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(?:\.\d+)?", text) is not None
