"""Writes docs/benchmarks-structure.md, with its pictures, from the measured parts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ..registry import write
from . import stored
from .curves import curve
from .tables import SHD, markdown

HEAD = """# Structure learning beside other tools

Written by `python -m rung.bench.pages` from what `rung bench run structure` measured; do not edit.
Tools take turns on the same data in one run, each in a process of its own, with both cores, warm:
right before each call that counts, the process answers a small case.
Data are drawn by seed (`rung/bench/structure/cases.py`), standardised unless a case says otherwise;
cases, seeds and targets were fixed before the first full run. Settings stand beside a tool's name;
else they are its defaults. A peer slower than 30 s is run once, one slower than 300 s is stopped,
counts as 300 s, and has no SHD to compare with; slow answers are kept by the hash of the data. The
tools come from `rung/bench/structure/peers.txt` (`make peers`).

Rank your own learner beside them with `rung bench run structure --part pc --with mypackage:Mine`;
write the tables with `--csv FILE` or `--latex FILE`. Cases go through joblib: a backend set with
`joblib.parallel_config` takes several at once, at the price of times that disturb each other.

"""


def write_page(docs: Path) -> None:
    """The page and its pictures in a folder; nothing if no part was measured."""
    found = stored()
    if not found:
        return
    tabled = json.loads(Path(__file__).with_name("tabled.json").read_text("utf-8"))
    out = [HEAD + SHD, ""]
    out += _verdicts(found)
    for name, part in found.items():
        out += _part(docs, name, part, [r for r in tabled["rows"] if r["part"] == name])
    if tabled["rows"]:
        out += ["## Tools measured elsewhere", "", tabled["note"], ""]
        out += ["| tool | d | n | processor s | F1 skeleton | SHD |", "|---|---|---|---|---|---|"]
        out += [
            f"| {r['tool']} | {r['d']} | {r['n']} | {r['cpu']:g} | {r['f1']:.3f} | {r['shd']} |"
            for r in tabled["rows"]
        ]
    write(docs / "benchmarks-structure.md", "\n".join(out).rstrip() + "\n")


def _verdicts(found: dict[str, Any]) -> list[str]:
    out = ["## What was to hold", "", "| part | target | figure | holds |", "|---|---|---|---|"]
    words = {True: "yes", False: "**no**", None: "not measured"}
    for name, part in found.items():
        for t in part["targets"]:
            figure = "" if t["figure"] is None else f"{t['figure']:.3g}"
            said = t["target"].replace("|", "\\|")
            out.append(f"| {name} | {said} | {figure} | {words[t['holds']]} |")
    return [*out, ""]


def _part(docs: Path, name: str, part: dict[str, Any], tabled: list[Any]) -> list[str]:
    m = part["machine"]
    tools = {row["tool"] for row in part["rows"]}
    where = ", ".join(
        f"{k} {v}"
        for k, v in sorted(part["versions"].items())
        if k in ("python", "numpy", "numba") or any(k.lower() in t.lower() for t in tools)
    )
    out = [f"## {part['title']}", ""]
    out += [
        f"{part['seeds']} seeds, {part['date']}, {m.get('processor')} with {m.get('cores')} "
        f"cores; reference: {part['reference']}; {where}.",
        "",
    ]
    out += _pictures(docs, name, part["rows"], tabled)
    out += [*markdown(part["rows"]), "", *_growth(part["rows"])]
    traits = [t for t in part["traits"] if "varsortability" in t]
    if traits:
        said = "; ".join(
            f"{t['case']} {t['varsortability']:.2f} and {t['r2_sortability']:.2f}" for t in traits
        )
        out += [
            f"Varsortability and R2-sortability of the first seed (0.5 tells nothing): {said}.",
            "",
        ]
    return out


def _growth(rows: list[Any]) -> list[str]:
    """How the time of each tool grows with the columns, and where that reaches a minute."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for r in _by_columns(rows):
        if r.get("wall"):
            lines.setdefault(r["tool"], []).append((r["d"], r["wall"]))
    out = []
    for tool, points in lines.items():
        if len({d for d, _ in points}) > 1:
            (d0, t0), (d1, t1) = sorted(points)[-2:]
            power = math.log(t1 / t0) / math.log(d1 / d0)
            reach = d1 * (60.0 / t1) ** (1.0 / power) if power > 0 else math.inf
            out.append(f"| {tool} | {d0:g} to {d1:g} | {power:.1f} | {_two(reach)} |")
    if not out:
        return []
    kind = ", ".join(word for word in ("ER", "1,000 rows", _kind(_by_columns(rows)[0])) if word)
    said = f"Seconds grow as this power of the columns over the last two sizes, {kind}; the last "
    said += "column carries the same power on to 60 s and is no measurement."
    head = ["| tool | columns | power | columns in a minute |", "|---|---|---|---|"]
    return [said, "", *head, *out, ""]


def _kind(row: Any) -> str:
    """What a case says besides its size and how many variables are hidden."""
    words = row["case"].split(", ")[2:]
    return ", ".join(word for word in words if not word.endswith("hidden"))


def _by_columns(rows: list[Any]) -> list[Any]:
    """Rows of ER graphs of growing size at 1,000 rows, of the kind that comes first."""
    found = [r for r in rows if r["case"].startswith("ER") and r["n"] == 1000]
    return [r for r in found if _kind(r) == _kind(found[0])]


def _two(value: float) -> str:
    """Two significant digits."""
    if not math.isfinite(value):
        return "-"
    step = 10 ** max(math.floor(math.log10(value)) - 1, 0)
    return f"{round(value / step) * step:,}"


def _pictures(docs: Path, name: str, every: list[Any], tabled: list[Any]) -> list[str]:
    """Seconds against columns and rows, SHD against columns, or against seconds for restarts."""
    out: list[str] = []
    pictures = {
        "d": _by_columns(every),
        "n": every,
    }
    for axis, rows in pictures.items():
        if len({r[axis] for r in rows}) < 2:
            continue
        if axis == "n":
            rows = [r for r in rows if _kind(r) == _kind(rows[0])]
            d = max(
                (r["d"] for r in rows if len({q["n"] for q in rows if q["d"] == r["d"]}) > 1),
                default=0,
            )
            rows = [r for r in rows if r["d"] == d and not r["case"].startswith("SF")]
        words = {"d": "columns", "n": "rows"}[axis]
        lines = [r for r in tabled if r["n"] == 1000] if axis == "d" else []
        svg = curve(rows, axis, "wall", f"wall seconds against {words}", tabled=lines)
        out += _picture(docs, f"structure-{name}-{axis}", svg, f"Seconds against {words}")
    svg = None
    if name == "restarts":
        first = every[0]["case"]
        svg = _curves(every, first)
        out += _picture(docs, "structure-restarts-shd", svg, f"SHD against seconds, {first}")
    elif pictures["d"]:
        svg = curve(pictures["d"], "d", "shd", "SHD against columns", tabled=tabled)
        out += _picture(docs, f"structure-{name}-shd", svg, "SHD against columns")
    return out


def _curves(rows: list[Any], case: str) -> Any:
    """SHD against seconds, one line a program, points for its numbers of restarts."""
    points = [
        {**r, "tool": "rung FLOP" if r["tool"].startswith("rung") else "flopsearch"}
        for r in rows
        if r["case"] == case and r.get("wall") and r["tool"] != "empty graph"
    ]
    return curve(points, "wall", "shd", f"SHD against wall seconds, {case}")


def _picture(docs: Path, name: str, svg: Any, words: str) -> list[str]:
    if svg is None:
        return []
    (docs / "images").mkdir(exist_ok=True)
    svg.save(docs / "images" / f"{name}.svg")
    return [f"![{words}](images/{name}.svg)", ""]
