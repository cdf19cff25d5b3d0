"""What the cells of a text column are: numbers in some notation, dates, booleans or levels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .options import Options
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


def missing_words(options: Options) -> tuple[str, ...]:
    """The words that are read as missing in any column."""
    return tuple(word for word in MISSING if word not in options.keep_words)


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


HYPOTHESES = tuple(
    (decimal, thousands)
    for decimal in ".,"
    for thousands in ("", " ", "'", "," if decimal == "." else ".")
)
_FITS = {
    (d, t): re.compile(
        (rf"[1-9]\d{{0,2}}(?:{re.escape(t)}\d{{3}})+(?:{re.escape(d)}\d*)?|" if t else "")
        + rf"\d+(?:{re.escape(d)}\d*)?|{re.escape(d)}\d+"
    )
    for d, t in HYPOTHESES
}


@dataclass(frozen=True)
class Evidence:
    """What the cells of a column allow.

    `fits` holds the pairs (decimal mark, thousands mark) under which every cell is a number;
    `affixes` what stands beside the digits; `zeros` is True if all are digits and some start
    with 0.
    """

    fits: frozenset[tuple[str, str]] = frozenset()
    affixes: frozenset[str] = frozenset()
    zeros: bool = False
    example: str = ""

    @property
    def numeric(self) -> bool:
        """True if some notation reads every cell as a number."""
        return bool(self.fits)

    def decimals(self) -> set[str]:
        """The decimal marks that are possible."""
        return {decimal for decimal, _ in self.fits}


def evidence(cells: Sequence[str]) -> Evidence:
    """Evidence of the distinct cells of a column, missing words left out."""
    fits, affixes, zeros, bare = set(HYPOTHESES), set(), False, True
    example = ""
    for cell in cells:
        match = _CELL.fullmatch(cell.strip())
        if match is None or (match["sign"] and match["sign2"]):
            return Evidence()
        if match["front"] and match["back"]:
            return Evidence()
        affixes.add(match["front"] or match["back"] or "")
        body = match["body"].replace("\u00a0", " ").replace("\u202f", " ").strip()
        bare = bare and body.isdigit()
        zeros = zeros or (len(body) > 1 and body[0] == "0" and body.isdigit())
        example = example or ("" if body.isdigit() else cell)
        fits = {pair for pair in fits if _FITS[pair].fullmatch(body)}
        if not fits:
            return Evidence()
    if not cells:
        return Evidence()
    plain = bare and affixes == {""}
    return Evidence(frozenset(fits), frozenset(affixes), zeros and plain, example or cells[0])


def merge(found: Sequence[Evidence]) -> str | None:
    """The decimal mark that the columns of a file prove together; None if they do not."""
    proven = {next(iter(e.decimals())) for e in found if len(e.decimals()) == 1}
    return proven.pop() if len(proven) == 1 else None


def notation(
    found: Evidence, decimal: str | None, thousands: str | None, proven: str | None
) -> Notation | None:
    """The notation of a column; None where it stays open.

    `decimal` and `thousands` are declared; `proven` is what other columns of the file show.
    """
    fits = {
        (d, t)
        for d, t in found.fits
        if (decimal is None or d == decimal)
        and (thousands is None or (t in ("", thousands) and d != thousands))
    }
    marks = found.affixes - {""}
    if not fits or len(marks) > 1 or (marks == {"%"} and "" in found.affixes):
        return None
    affix = next(iter(marks), "")
    if (".", "") in fits:
        return Notation(".", "", affix)
    possible = {d for d, _ in fits}
    if len(possible) > 1:
        if proven not in possible:
            return None
        possible = {proven}
    d = possible.pop()
    return Notation(d, min((t for e, t in fits if e == d), key=len), affix)


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
    parts = re.findall(r"\d+(?:\.\d+)?|\D+", level) if not _is_number(level) else [level]
    return tuple((0, float(p), "") if _is_number(p) else (1, 0.0, p) for p in parts)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(?:\.\d+)?", text) is not None
