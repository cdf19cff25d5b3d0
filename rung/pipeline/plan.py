"""Plan: the question, the roles and the policies of an analysis, as one TOML file."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..core.errors import FileProblem, InputError, unknown
from ..core.knowledge import Knowledge
from ..core.query import Query
from .questions import ESTIMANDS, question

SCALES = ("difference", "ratio", "odds ratio")
TUPLES = ("mediators", "by", "randomised", "require", "forbid", "drop", "whatif", "rows")
POLICIES = ("refuse", "complete-cases", "test-wise", "test-wise-corrected", "em")


@dataclass(frozen=True)
class Plan:
    """Everything that decides an analysis; the same plan on the same data gives the same numbers.

    Parameters
    ----------
    source : str
        File, or name of a shipped data set. Anything else that `rung.read` takes is passed
        beside the plan.
    treatment, outcome : str, optional
        Outcome alone ranks candidate causes; neither gives a graph report.
    treated, control : optional
        The contrast in the user's own values; chosen by the kind of treatment if absent.
    estimand : str
        What is asked of treatment and outcome: "ate", "att", "cate", "backdoor", "frontdoor", "id",
        "iv", "nde", "nie", "curve", "pn", "ps" or "pns"; see `rung.pipeline.questions`.
    instrument : str, optional
        For "iv"; found in the graph if not given.
    mediators : tuple of str
        For "nde" and "nie": the columns that the effect goes through.
    by : tuple of str
        Columns whose groups "cate" compares.
    after : str, optional
        A second file of the same columns: which mechanism changed, and what moved the outcome.
    graph : str, optional
        A graph as text (own form, DOT, dagitty) or the file that holds it.
    adjust : tuple of str, optional
        The user's adjustment set; None lets the graph decide, () adjusts for nothing.
    randomised : tuple of str
        Variables that were assigned at random.
    unit : str, optional
        Column with the unit; "none" says that rows are independent although they look otherwise.
    read : mapping
        Fields of `rung.io.Options`: how the source is written.
    codes : mapping of column to value or values
        What stands for a missing cell.
    missing : str
        "refuse", "complete-cases", "test-wise", "test-wise-corrected" or "em".
    draws : int
        Bootstrap resamples of the search.
    """

    source: str = ""
    treatment: str | None = None
    outcome: str | None = None
    treated: Any = None
    control: Any = None
    scale: str = "difference"
    estimand: str = "ate"
    instrument: str | None = None
    mediators: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    after: str | None = None
    graph: str | None = None
    adjust: tuple[str, ...] | None = None
    randomised: tuple[str, ...] = ()
    tiers: tuple[tuple[str, ...], ...] = ()
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    environment: str | None = None
    targets: Mapping[str, Any] | None = None
    unit: str | None = None
    time: str | None = None
    weights: str | None = None
    missing: str = "refuse"
    codes: Mapping[str, Any] = field(default_factory=dict)
    read: Mapping[str, Any] = field(default_factory=dict)
    learner: str = "auto"
    estimator: str = "doubly-robust"
    draws: int = 100
    whatif: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    show_rows: bool = False
    seed: int = 0
    seconds: float | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        for name in TUPLES:
            value = getattr(self, name)
            value = (value,) if isinstance(value, str) else tuple(value)
            object.__setattr__(self, name, value)
        if self.adjust is not None:
            given = (self.adjust,) if isinstance(self.adjust, str) else self.adjust
            object.__setattr__(self, "adjust", tuple(given))
        object.__setattr__(self, "tiers", tuple(tuple(t) for t in self.tiers))
        self._check()

    def _check(self) -> None:
        if self.scale not in SCALES:
            raise unknown(self.scale, SCALES, "scale")
        if self.estimand not in ESTIMANDS:
            raise unknown(self.estimand, ESTIMANDS, "estimand")
        if self.missing not in POLICIES:
            raise unknown(self.missing, POLICIES, "policy for missing cells")
        if self.draws < 0:
            raise InputError(f"draws = {self.draws}: expected 0 (no bootstrap) or more")
        if self.treatment is not None and self.treatment == self.outcome:
            raise InputError(
                f"treatment and outcome are both {self.outcome!r}; name two different columns"
            )
        if self.treatment is not None and self.outcome is None:
            raise InputError(
                "a treatment without an outcome is no question; add --outcome, or leave out "
                "--treatment for a report on the graph"
            )

    @property
    def knowledge(self) -> Knowledge:
        """The edges and tiers that the user declared (without what is randomised)."""
        return Knowledge.of(self.require, self.forbid, self.tiers)

    @property
    def adjustment(self) -> tuple[str, ...] | None:
        """The declared adjustment set; nothing needs adjusting for a randomised treatment."""
        if self.adjust is None and self.treatment in self.randomised:
            return ()
        return self.adjust

    @property
    def query(self) -> Query | None:
        """The effect that is asked for, if one is."""
        return question(self) if self.treatment and self.outcome else None

    def known(self, names: tuple[str, ...]) -> Knowledge:
        """All declared knowledge over `names`; nothing causes what was randomised."""
        known = self.knowledge
        for name in self.randomised:
            if name not in names:
                raise unknown(name, names)
            known = known + Knowledge.root(name, names)
        return known

    def as_dict(self) -> dict[str, Any]:
        """The fields that differ from their defaults, JSON-ready."""
        out: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if value != getattr(_DEFAULT, f.name) or f.name in ("source", "seed"):
                out[f.name] = _plain(value)
        return out

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Plan:
        """A plan from a (possibly sectioned) table; unknown keys are errors."""
        flat: dict[str, Any] = {}
        for key, value in table.items():
            if key in SECTIONS and isinstance(value, Mapping):
                flat.update(value)
            else:
                flat[key] = value
        known = {f.name for f in fields(cls)}
        for key in flat:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise InputError(f"the plan has an unknown key {key!r}{hint}")
        return cls(**{k: v for k, v in flat.items() if v != "" or k == "source"})

    @classmethod
    def load(cls, path: str | Path) -> Plan:
        """Read a plan; a relative source is taken from the folder of the plan."""
        where = Path(path)
        try:
            table = tomllib.loads(where.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileProblem(f"there is no plan {str(where)!r}; make one with rung plan") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{where} is not valid TOML: {error}") from None
        plan = cls.from_dict(table)
        beside = where.parent / plan.source
        if plan.source and not Path(plan.source).exists() and beside.exists():
            plan = cls.from_dict({**plan.as_dict(), "source": str(beside)})
        return plan

    def toml(self, comments: Mapping[str, str] | None = None) -> str:
        """The plan as TOML, in sections, with comments; `Plan.load` reads it back."""
        notes = {**COMMENTS, **(comments or {})}
        lines = ["# An analysis plan. Edit it, then: rung analyse <this file> -o report.html", ""]
        for section, names in SECTIONS.items():
            lines.append(f"[{section}]")
            tables = []
            for name in names:
                value = _plain(getattr(self, name))
                if isinstance(value, dict):
                    tables.append((name, value))
                    continue
                lines += [f"# {note}" for note in notes.get(name, "").splitlines()]
                if value is None:
                    lines.append(f"# {name} = ")
                else:
                    lines.append(f"{name} = {_toml(value)}")
            for name, value in tables:
                lines += [f"# {note}" for note in notes.get(name, "").splitlines()]
                lines.append(f"{name} = {_toml(value)}")
            lines.append("")
        return "\n".join(line for line in lines if line is not None)


_DEFAULT = Plan()

SECTIONS = {
    "question": ("treatment", "outcome", "treated", "control", "scale", "estimand", "instrument",
                 "mediators", "by"),
    "data": ("source", "sha256", "after", "drop", "environment", "targets", "unit", "time",
             "weights", "missing", "read", "codes", "kinds", "units"),
    "knowledge": ("graph", "adjust", "randomised", "tiers", "require", "forbid"),
    "method": ("learner", "estimator", "draws", "seed", "seconds"),
    "output": ("whatif", "rows", "show_rows"),
}  # fmt: skip

COMMENTS = {
    "treatment": "Leave treatment out to rank candidate causes, both out for a graph report.",
    "treated": "The contrast in your own values; chosen by the kind of treatment if left out.",
    "scale": "difference, ratio or odds ratio",
    "estimand": "ate, att, cate (with by), backdoor, frontdoor, id, iv (with instrument),\n"
    "nde, nie (with mediators), curve, pn, ps, pns",
    "by": "Columns whose groups are compared, for cate.",
    "after": "A second file with the same columns: what changed between the two?",
    "drop": "Columns to leave out.",
    "environment": "Column that names the condition (batch, site, experiment) of each row.",
    "targets": 'What each condition intervenes on: { drugA = "Akt" }',
    "unit": "Column with the unit (patient, school) if units have several rows; none if the rows\n"
    "are independent although they look otherwise.",
    "read": 'How the file is written: { decimal = ",", dates = { day = "%d/%m/%Y" } }, also\n'
    "delimiter, encoding, header, thousands, sheet, table, keep_words.",
    "missing": "Missing cells: refuse, complete-cases, test-wise, test-wise-corrected or em.",
    "codes": "Values that mean missing, a column: { age = -99 }; see the suspicions below.",
    "kinds": "continuous, count, ordinal, binary, categorical, constant, identifier",
    "graph": 'A graph file, or text such as "X -> Y <- Z"; discovery fills only what is open.',
    "adjust": "Your adjustment set; leave out to let the graph decide.",
    "randomised": "Variables that were assigned at random.",
    "tiers": "What comes first in time: later tiers cannot cause earlier ones.",
    "require": 'Edges that must be there: ["X -> Y"]',
    "learner": "auto, or the name of a learner (rung discover --help lists them)",
    "draws": "Bootstrap resamples of the search",
    "seconds": "Time limit; the best answer so far is reported, marked partial.",
    "whatif": 'What-ifs: ["PKA = 0"]',
    "rows": "Rows to imagine otherwise, numbered from 0; shown only with show_rows = true.",
}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return value.item() if hasattr(value, "item") else value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_text(k)} = {_toml(v)}" for k, v in value.items())
        return "{ " + inner + " }" if inner else "{}"
    return _text(str(value))


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    safe = "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped)
    return f'"{safe}"'
