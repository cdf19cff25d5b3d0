"""The report: one HTML file that needs nothing else, and reading back what it embeds."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.core.errors import InputError
from rung.report import view
from rung.report.export import html_json
from rung.report.privacy import withhold
from rung.report.svg import clean, num, percent

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).with_name("templates")
_BLOCK = re.compile(r'<script type="application/json" id="rung-analysis">(.*?)</script>', re.DOTALL)


@cache
def environment() -> Environment:
    """The templates, with automatic escaping."""
    from jinja2 import ChainableUndefined, Environment, FileSystemLoader

    env = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda v: clean(v) if type(v) is str else "" if v is None else v,
    )
    env.filters["num"] = num
    env.filters["percent"] = percent
    return env


def render(content: Mapping[str, Any], *, show_rows: bool = False) -> str:
    """The report of an analysis as one self-contained HTML text.

    Parameters
    ----------
    content : mapping
        What `rung.pipeline` produces; only data, headline and graph must be there.
    show_rows : bool
        Show single rows, extreme values and counts below five, which are otherwise withheld.

    Raises
    ------
    InputError
        `content` lacks data, headline or graph.
    """
    absent = [key for key in ("data", "headline", "graph") if not content.get(key)]
    if absent:
        raise InputError(f"a report needs data, headline and graph; missing: {', '.join(absent)}")
    shown = dict(content) if show_rows else withhold(content)
    script = (FOLDER / "report.js").read_text("utf-8").strip()
    return (
        environment()
        .get_template("report.html")
        .render(
            **view.build(shown, show_rows=show_rows),
            css=safe((FOLDER / "report.css").read_text("utf-8")),
            js=safe(script),
            js_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            analysis_json=safe(html_json(analysis(shown))),
            simulator_json=safe(html_json(view.simulator(shown))),
        )
    )


def safe(markup: str) -> Any:
    """Markup that is put into the page as it is."""
    from markupsafe import Markup

    return Markup(markup)  # our own files, and JSON in which html_json escaped every < > &


ANSWERS = (
    "headline", "effect", "refusal", "candidates", "roles", "whatif", "rootcause", "design",
    "discovery", "graph",
)  # fmt: skip
_DRAWING = {"points", "x", "y", "width", "height", "dot", "dagitty", "alt"}


def analysis(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a report embeds for `rung rerun`: plan, fingerprint of the data, versions, answers."""
    data = content.get("data") or {}
    keys = ("name", "path", "sha256", "cells_sha256", "n", "d", "n_used", "licence")
    out: dict[str, Any] = {key: content.get(key) for key in ("plan", "plan_toml", "rung")}
    out |= {"format": 1, "data": {key: data.get(key) for key in keys}}
    return out | {key: _bare(content[key]) for key in ANSWERS if key in content}


def _bare(value: Any) -> Any:
    """A section without what only its drawing needs."""
    if isinstance(value, Mapping):
        return {k: _bare(v) for k, v in value.items() if k not in _DRAWING}
    return [_bare(v) for v in value] if isinstance(value, list | tuple) else value


def extract(html_text: str) -> dict[str, Any]:
    """The plan, the data's SHA-256, versions and numbers embedded in a report.

    Raises
    ------
    InputError
        The text is no report of rung, or it was cut short or edited.
    """
    found = _BLOCK.search(html_text)
    if found is None:
        raise InputError(
            "this file has no embedded analysis: expected an HTML report written by "
            "`rung analyse`; if it is one, it was cut short: write it again"
        )
    try:
        out = json.loads(found.group(1))
    except json.JSONDecodeError as error:
        raise InputError(
            f"the analysis embedded in this report cannot be read ({error}); it was edited or "
            "damaged: write the report again with `rung analyse`"
        ) from error
    if not isinstance(out, dict):
        raise InputError("the analysis embedded in this report is not an object; write it again")
    return out
