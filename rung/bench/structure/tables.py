"""The measured parts as CSV, as LaTeX, and as tables of a page."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

SHD = (
    "SHD: pairs of variables whose marks differ from the true CPDAG (PAG for FCI, DAG where said); "
    "an answer that is a DAG is turned into its CPDAG first. `SHD more`: theirs less the "
    "reference's over the same seeds, with a 95% bootstrap interval. Seconds are medians, wall and "
    "processor; `times` is the median over pairs of the wall seconds against the reference."
)
COLUMNS = {
    "case": "case", "tool": "tool", "runs": "runs", "wall": "wall s", "cpu": "processor s",
    "times": "times", "peak": "MiB", "shd": "SHD", "shd_more": "SHD more", "f1": "F1 skeleton",
    "heads": "F1 arrowheads", "exact": "exact", "status": "status",
}  # fmt: skip


def to_csv(parts: Mapping[str, Any]) -> str:
    """Every row of every part; the SHD convention in a comment line before the header."""
    rows = [{"part": name, **row} for name, part in parts.items() for row in part["rows"]]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    out.write(f"# {SHD}\n")
    writer = csv.DictWriter(out, keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def to_latex(parts: Mapping[str, Any]) -> str:
    """One table a part, for booktabs."""
    keys = [k for k in COLUMNS if k != "status"]
    out = [f"% {SHD}"]
    for part in parts.values():
        out += [r"\begin{table}", rf"\caption{{{_tex(part['title'])}}}"]
        out += [r"\begin{tabular}{ll" + "r" * (len(keys) - 2) + "}", r"\toprule"]
        out += [" & ".join(_tex(COLUMNS[k]) for k in keys) + r" \\", r"\midrule"]
        out += [" & ".join(_tex(cell(row, k)) for k in keys) + r" \\" for row in part["rows"]]
        out += [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join(out)


def _tex(value: object) -> str:
    for char in "&%_#$":
        value = str(value).replace(char, "\\" + char)
    return str(value)


def cell(row: Mapping[str, Any], key: str) -> str:
    """A cell of a table, rounded to what the measurement carries."""
    value = row.get(key)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if key == "shd_more":
        return f"{value:+.1f} [{row['shd_more_low']:+.1f}, {row['shd_more_high']:+.1f}]"
    if key in ("wall", "cpu"):
        return f"{value:.2g}" if value < 100 else f"{value:.0f}"
    if key in ("times", "shd"):
        return f"{value:.1f}" if value < 100 else f"{value:.0f}"
    if key in ("f1", "heads", "exact"):
        return f"{value:.3f}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def markdown(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows of one part as a table of a page."""
    keys = [k for k in COLUMNS if any(row.get(k) not in (None, "") for row in rows)]
    if all(row.get("status", "ok") == "ok" for row in rows):
        keys = [k for k in keys if k != "status"]
    out = ["| " + " | ".join(COLUMNS[k] for k in keys) + " |", "|" + "---|" * len(keys)]
    for row in rows:
        out.append("| " + " | ".join(cell(row, k).replace("|", "\\|") for k in keys) + " |")
    return out
