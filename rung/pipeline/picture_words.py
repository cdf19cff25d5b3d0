"""Sentences of an analysis of pictures; each says what was measured, and what was assumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.graph import Graph
from ..core.model import GenerativeModel
from ..core.result import late
from ..core.variable import Variable
from .structure import YOURS, Structure

UNNAMED = "no labels"
WRONG = "share wrong"  # unit of factors with levels
STANDING = {
    YOURS: "What-ifs hold if your graph over the factors is right and no hidden cause moves two of "
    "them; the pictures cannot prove it.",
    "learned graph": "The graph was learned from the labels: what-ifs hold if there is no hidden "
    "common cause of two factors and the learned graph is right.",
    UNNAMED: "Without labels the numbers of the code have no names and no known causes: the "
    "pictures below show what each moves, not what a cause would do.",
}


def number(value: float) -> str:
    """A number for people."""
    return str(late("rung.report.svg", "num")(value, 2))


def row_text(row: Mapping[str, Any]) -> str:
    """A measured figure in one line."""
    of = f" of {row['of']}" if row.get("of") else ""
    unit = f" {row['unit']}" if row.get("unit") else ""
    span = ""
    if row.get("low") is not None and row.get("high") is not None:
        span = f" [{number(row['low'])}, {number(row['high'])}]"
    return f"{row['name']}{of}: {number(row['value'])}{unit}{span}"


def factor_row(v: Variable, column: NDArray[Any]) -> dict[str, Any]:
    """What is known of a factor: kind, unit, range or levels, labels that are there."""
    there = column[~np.isnan(column)]
    row: dict[str, Any] = {
        "name": v.name, "kind": str(v.kind), "unit": v.unit, "labelled": len(there),
    }  # fmt: skip
    if v.discrete:
        counts = np.bincount(there.astype(np.intp), minlength=v.size)
        pairs = zip(v.levels or (), counts.tolist(), strict=True)
        row["levels"] = [{"level": str(level), "count": count} for level, count in pairs]
    elif len(there):
        row |= {"low": float(there.min()), "high": float(there.max()),
                "mean": float(there.mean()), "sd": float(there.std())}  # fmt: skip
    return row


def graph_note(graph: Graph, found: Structure | None) -> str:
    """Where the arrows come from, and what was decided where the search left them open."""
    if found is None:
        return "No graph was given and there are too few labels to learn one."
    if found.discovery is None:
        return "Your graph. An arrow says which factor is taken to act on which."
    settled = {(a, b) for a, mark, b in found.graph.edges() if mark == "-->"}
    settled |= {(b, a) for a, mark, b in found.graph.edges() if mark == "<--"}
    ours = [(a, b) if mark == "-->" else (b, a) for a, mark, b in graph.edges()]
    chosen = [f"{a} → {b}" for a, b in ours if (a, b) not in settled]
    note = "Learned from the labels alone, the pictures apart."
    if chosen:
        note += (
            f" The search left the direction of {len(chosen)} of these edges open, and the model "
            f"takes {', '.join(chosen[:6])}{' ...' if len(chosen) > 6 else ''}: other directions "
            "fit the labels as well and give other what-ifs. Give --graph to decide it yourself."
        )
    return note


def model_section(model: GenerativeModel, spec: Any, why: str) -> dict[str, Any]:
    """What was trained, how long, and whether it was cut short."""
    details = dict(getattr(model, "details", {}) or {})
    history = details.get("history") or ()
    return {
        "name": type(getattr(model, "spec", spec)).__name__, "why": why, "text": repr(model),
        "steps": details.get("steps"), "seconds": details.get("seconds"),
        "images_per_second": details.get("rows_per_second"),
        "complete": bool(getattr(model, "complete", True)),
        "notes": list(getattr(model, "notes", ())),
        "losses": [{"step": int(step), **{k: float(x) for k, x in parts.items()}}
                   for step, parts in history],
    }  # fmt: skip


def headline(content: Mapping[str, Any], found: Structure | None) -> dict[str, Any]:
    """The one sentence of the first screen, and what it stands on."""
    data, name = content["data"], content["model"]["name"]
    standing = UNNAMED if found is None else found.standing
    k = len(data["factors"])
    what = f"{data['n']:,} pictures" + (f" and their {k} factors" if k > 1 else "")
    set_read = [r for r in content["soundness"] if r["role"] == "set"]
    if set_read:
        sentence = (
            f"Asked to set a factor, the {name} of {what} draws pictures in which "
            f"{_read_back(set_read, content['soundness'])}."
        )
    elif found is None:
        sentence = f"The {name} of {what} found a code whose numbers have no names."
    else:
        sentence = f"The {name} of {what} draws what they would have looked like."
    return {"sentence": sentence, "standing": standing, "standing_text": STANDING[standing],
            "threats": []}  # fmt: skip


def _read_back(set_read: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """What the reader sees of factors that were set, and of those to be left alone."""
    hit = [r for r in set_read if r["unit"] != WRONG]
    levels = [r for r in set_read if r["unit"] == WRONG]
    parts = []
    if hit:
        worst = max(hit, key=lambda r: r["value"])
        beside = f"{number(_mean(hit, 'floor'))} off real pictures"
        if len(hit) > 1:
            beside = f"{number(worst['value'])} for {worst['do']}, the worst; {beside}"
        parts.append(f"it is read back with an error of {number(_mean(hit, 'value'))} standard "
                     f"deviations on average ({beside})")  # fmt: skip
    if levels:
        share = late("rung.report.svg", "percent")(_mean(levels, "value"))
        parts.append(f"another level than the one set is read in {share}")
    kept = [r for r in rows if r["role"] == "untouched" and r["unit"] != WRONG]
    if kept:
        parts.append(f"the factors to be left alone with {number(_mean(kept, 'value'))}")
    return ", and ".join(parts)


def _mean(rows: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(np.mean([r[key] for r in rows]))


def limits(content: Mapping[str, Any], found: Structure | None) -> list[str]:
    """What the reader must not take from the page, in plain words."""
    data, model = content["data"], content["model"]
    out = []
    if found is not None:
        out.append(
            "A drawn picture is the model's answer, not a photograph: it is right only as far as "
            "the graph, the labels and the trained networks are."
        )
        out.append(
            "Labels are taken as true. A factor that nobody labelled is either kept as it is in "
            "the picture, or moves with the factors that it goes with in these pictures."
        )
        out.append(
            f"Each factor was set within the middle 90% of its labels; beyond the range that "
            f"{data['name']} covers nothing was learned."
        )
    if data["held_out"] and data["held_out"] < data["n"]:
        out.append(
            f"All figures are of {data['held_out']:,} pictures that the training did not see, from "
            "the same source; pictures from elsewhere may fare worse."
        )
    else:
        out.append("There were too few pictures to hold some out: the figures are of the pictures "
                   "that the model was trained on, and flatter it.")  # fmt: skip
    if not model["complete"]:
        out.append("The training was cut short by the time limit; more seconds give sharper "
                   "pictures and smaller errors.")  # fmt: skip
    if any("resampled" in d for d in data["decisions"]):
        out.append("The pictures were made smaller before training, so nothing finer than "
                   f"{data['width']} x {data['height']} pixels is modelled.")  # fmt: skip
    shown = len(content["sliders"]["units"])
    out.append(
        f"This page holds {shown} pictures of the data and a strip of examples. Do not pass it on "
        "if the pictures may not be seen."
    )
    return out
