"""analyse: the whole job, from a plan to an Analysis."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..core.budget import Budget, Run
from ..core.errors import InputError, NotIdentified, Overlap, RungError
from ..core.intervention import Do
from ..core.query import Estimate
from ..core.result import Result, late
from ..effects.candidates import candidates
from ..experiments.ranking import rank
from . import imagine, questions, sections, words
from .changes import changes_section
from .missing import missing_section
from .options import make_learner
from .picture_plan import pictured
from .plan import Plan
from .prepare import Prepared, prepare
from .refusal import refusal_section
from .simulator import simulator
from .structure import Structure, role_table, structure

if TYPE_CHECKING:
    import pandas as pd

    from .pictures import ImageAnalysis

SHARES = {
    "read": 0.05, "discover": 0.35, "effect": 0.2, "complete rows": 0.1, "imagine": 0.15,
    "changes": 0.1, "design": 0.05,
}  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class Analysis(Result):
    """The whole answer.

    Parameters
    ----------
    content : dict
        Everything that the report shows, JSON-ready.
    plan : Plan
    estimate : Estimate or None
    structure : Structure
    model : GenerativeModel or None
    status : str
        "answer", "not identified" or "partial".
    """

    content: dict[str, Any]
    plan: Plan
    structure: Structure
    estimate: Estimate | None = None
    model: Any = None
    status: str = "answer"
    cites: tuple[str, ...] = field(default=())

    @property
    def shown(self) -> dict[str, Any]:
        """The content without single rows and small counts, unless the plan shows rows."""
        if self.plan.show_rows:
            return self.content
        return dict(late("rung.report.privacy", "withhold")(self.content))

    def html(self) -> str:
        """One self-contained HTML page."""
        return str(late("rung.report.html", "render")(self.content, show_rows=self.plan.show_rows))

    def json(self) -> str:
        """The same content as JSON."""
        return str(late("rung.report.export", "to_json")(self.shown))

    def write(self, path: str | Path) -> Path:
        """Write the report; the old file is kept until the new one is whole."""
        return Path(late("rung.report.files", "write_text")(Path(path), self.html()))

    def frame(self) -> pd.DataFrame:
        """The estimate, or the edges where no effect was asked."""
        if self.estimate is not None:
            return self.estimate.frame()
        if self.structure.discovery is not None:
            return self.structure.discovery.frame()
        import pandas as pd

        return pd.DataFrame(self.structure.graph.edges(), columns=["a", "mark", "b"])

    def __repr__(self) -> str:
        head = self.content["headline"]
        lines = [head["sentence"], f"  standing: {head['standing']}. {head['standing_text']}"]
        lines += [f"  {t['title']} ({t['figure']}): {t['text']}" for t in head.get("threats", [])]
        warnings = self.content.get("effect", {}).get("warnings", [])
        lines += [f"  warning: {w}" for w in warnings]
        return "\n".join([*lines, *(f"  partial: {p}" for p in self.content.get("partial", []))])


def analyse(
    source: Any = None,
    *,
    plan: Plan | None = None,
    budget: Budget | Run | None = None,
    **options: Any,
) -> Analysis | ImageAnalysis:
    """The whole job: read, profile, discover, identify, estimate, refute, imagine, design.

    Pictures (a folder, a file .npz, Data with a column of pictures, or anything with `factors`)
    are another job: read, train a model, judge it, draw what-ifs; see `PicturePlan`.

    Parameters
    ----------
    source : path, name of a shipped data set, a plan (.toml), Plan, Data or data frame
    plan : Plan, optional
        Beside a source that is not named in it.
    budget : Budget, optional
        When spent, the best answer so far is returned with status "partial".
    **options
        Fields of `Plan`.
    """
    if plan is None and pictured(source, options):
        from .pictures import analyse_pictures

        return analyse_pictures(source, budget=budget, **options)
    for key in ("model", "size"):
        if options.get(key) is not None:
            raise InputError(
                f"{key} is for pictures; name a folder of them, a file .npz or .npy, or give "
                "factors beside the source"
            )
    made, given = _plan(source, plan, options)
    run = budget if isinstance(budget, Run) else (budget or Budget(made.seconds)).start()
    return _Job(made, given, run).work()


def _plan(source: Any, plan: Plan | None, options: Mapping[str, Any]) -> tuple[Plan, Any]:
    if isinstance(source, Plan):
        plan, source = source, None
    elif isinstance(source, str | Path) and str(source).endswith(".toml"):
        plan, source = Plan.load(source), None
    base = plan.as_dict() if plan else {}
    if isinstance(source, str | Path):
        base["source"], source = str(source), None
    made = Plan.from_dict({**base, **{k: v for k, v in options.items() if v is not None}})
    if source is None and not made.source:
        raise InputError("nothing to analyse: name a file or a shipped data set")
    return made, source


class _Job:
    """One run through the stages; each fills its part of the content."""

    def __init__(self, plan: Plan, source: Any, run: Run) -> None:
        self.plan, self.source, self.run = plan, source, run
        self.seconds: dict[str, float] = {}
        self.began = 0.0
        self.partial: list[str] = []

    def stage(self, name: str) -> Run:
        """Start a stage: its clock and its share of the progress bar."""
        self.began = time.perf_counter()
        before = 0.0
        for key, share in SHARES.items():
            if key == name:
                break
            before += share
        part = self.run.share(SHARES[name], before, name)
        part.tick(0.0, name)
        return part

    def done(self, name: str) -> None:
        self.seconds[name] = time.perf_counter() - self.began

    def work(self) -> Analysis:
        from .. import __version__

        plan = self.plan
        self.stage("read")
        prepared = prepare(self.source, plan)
        imagine.check(plan.whatif, plan.rows if plan.show_rows else (), prepared.data)
        self.done("read")
        part = self.stage("discover")
        learner = make_learner(plan.learner)
        found = structure(prepared.data, plan, learner, part, plan.seed)
        if found.discovery is not None and not found.discovery.complete:
            self.partial.append("the search was stopped by the time limit")
        self.done("discover")
        estimate, head = self.effect(prepared, found)
        if plan.outcome and not plan.treatment:
            head["candidates"] = self.candidates(prepared, found)
            leads = words.leads(head["candidates"]["rows"], plan.outcome, prepared.data.n)
            head["headline"]["sentence"] = leads
        adjusted = tuple((estimate.diagnostics.get("adjustment") or ()) if estimate else ())
        table = role_table(found, prepared.data, plan, adjusted, prepared.left_out)
        content = {
            "plan": plan.as_dict(), "plan_toml": plan.toml(),
            "data": sections.data_section(prepared, plan),
            **head,
            "graph": sections.graph_section(found, table, plan), "roles": table,
            "discovery": sections.discovery_section(found.discovery, plan),
        }  # fmt: skip
        content["missing"] = self.missing(prepared, found, estimate, learner)
        model = self.imagine(prepared, found, estimate, content)
        part = self.stage("changes")
        content["rootcause"] = changes_section(model, found, prepared, plan, part)
        self.done("changes")
        content["design"] = self.design(prepared, found)
        self.close(content, prepared, found, estimate, __version__)
        status = "not identified" if head["headline"]["standing"] == "not identified" else "answer"
        if self.partial and status == "answer":
            status = "partial"
            content["partial"] = self.partial
        return Analysis(content, plan, found, estimate, model, status, self.cites)

    def effect(
        self, prepared: Prepared, found: Structure
    ) -> tuple[Estimate | None, dict[str, Any]]:
        """The estimate and the headline, or the headline that says why there is none."""
        plan, part = self.plan, self.stage("effect")
        if not plan.treatment:
            kind = "exploratory" if plan.outcome else "graph only"
            self.done("effect")
            head = self.headline(kind, self.no_effect(prepared, found))
            if kind == "graph only" and found.discovery is None:
                head["standing_text"] = words.GIVEN
            return None, {"headline": head}
        rng = np.random.default_rng(plan.seed)
        try:
            estimate = questions.answer(plan, found.given, prepared.data, run=part, rng=rng)
        except (NotIdentified, Overlap) as error:
            refused = refusal_section(error, plan, found, prepared, part, rng)
            self.done("effect")
            head = self.headline("not identified", refused["headline"])
            return None, {"headline": head, "refusal": refused}
        self.done("effect")
        head = self.headline(found.standing, words.sentence(estimate, plan, found.standing))
        head["threats"] = words.threats(estimate, found, prepared)
        return estimate, {
            "headline": head, "effect": sections.effect_section(estimate, plan),
        }  # fmt: skip

    def missing(
        self, prepared: Prepared, found: Structure, estimate: Estimate | None, learner: Any
    ) -> dict[str, Any] | None:
        """What was done about missing cells, and the answer of complete rows alone."""
        part = self.stage("complete rows")
        estimator = questions.estimator_of(self.plan)
        out = missing_section(prepared, found, estimate, self.plan, learner, estimator, part)
        self.done("complete rows")
        return out

    def headline(self, standing: str, sentence: str) -> dict[str, Any]:
        return {"sentence": sentence, "standing": standing,
                "standing_text": words.STANDING[standing], "threats": []}  # fmt: skip

    def no_effect(self, prepared: Prepared, found: Structure) -> str:
        count = len(found.graph.edges())
        edges = "1 edge" if count == 1 else f"{count} edges"
        text = f"{edges} among {found.graph.d} variables (n = {prepared.data.n:,})."
        if self.plan.outcome:
            return f"Candidate causes of {self.plan.outcome}, exploratory: {text}"
        return f"{'The search found' if found.discovery else 'Your graph has'} {text}"

    def candidates(self, prepared: Prepared, found: Structure) -> dict[str, Any]:
        """Candidate causes of the outcome with simultaneous intervals."""
        ranked = candidates(
            found.given, prepared.data, self.plan.outcome or "",
            budget=self.run, seed=self.plan.seed,
        )  # fmt: skip
        return {"text": ranked.text, "rows": [dict(row) for row in ranked.rows]}

    def imagine(
        self, prepared: Prepared, found: Structure, estimate: Estimate | None,
        content: dict[str, Any],
    ) -> Any:  # fmt: skip
        """What-ifs, mechanisms and the page's simulator; a refusal leaves a note."""
        plan, part = self.plan, self.stage("imagine")
        try:
            model, carried = imagine.fit_model(found, prepared.data, part, plan.seed)
            content["whatif"] = self.whatif(model, carried, found, prepared, estimate)
            units = imagine.units_of(found, prepared.data)
            content["simulator"] = simulator(model, units, plan.seed, found.graph.names)
            content["mechanisms"] = sections.mechanism_section(model)
        except RungError as error:
            content["whatif"] = {"text": f"No what-ifs: {error}", "rows": []}
            model = None
        self.done("imagine")
        return model

    def whatif(
        self,
        model: Any,
        carried: str,
        found: Structure,
        prepared: Prepared,
        estimate: Estimate | None,
    ) -> dict[str, Any]:
        plan = self.plan
        asked = [imagine.parse_do(text) for text in plan.whatif]
        text, rows = carried, []
        if plan.rows and not plan.show_rows:
            text += " Single rows were asked for; they are shown only with --show-rows."
        contrast = estimate.diagnostics.get("contrast_values") if estimate else None
        known = plan.outcome is not None and plan.outcome in model.names
        show = [plan.outcome or ""] if known else list(found.graph.names)
        if not asked and contrast and plan.treatment in model.names:
            asked = [Do(plan.treatment or "", value) for value in contrast]
        for item in asked:
            rows += imagine.population(model, (item,), show, plan.seed)
            if plan.show_rows and plan.rows:
                rows += imagine.whatif_rows(
                    model,
                    imagine.units_of(found, prepared.data),
                    (item,),
                    rows=plan.rows,
                    seed=plan.seed,
                )
        if estimate is not None and contrast and plan.scale == "difference":
            text += " " + imagine.agreement(
                model, plan.treatment or "", plan.outcome or "", contrast,
                estimate.interval, plan.seed, objected=bool(words.objections(estimate)),
            )  # fmt: skip
        if not asked:
            text += " No what-if was asked; --whatif 'X = 1' adds one to this section."
        return {"text": text, "rows": rows}

    def design(self, prepared: Prepared, found: Structure) -> dict[str, Any] | None:
        plan, part = self.plan, self.stage("design")
        try:
            data = prepared.data.select(found.graph.names)
            rng = np.random.default_rng(plan.seed)
            made = rank(found.given, data, experiments=1, query=plan.query, run=part, rng=rng)
            out = sections.design_section(made)
        except RungError as error:
            out = {"text": f"No ranking of experiments: {error}", "rows": []}
        self.done("design")
        return out

    def close(
        self, content: dict[str, Any], prepared: Prepared, found: Structure,
        estimate: Estimate | None, version: str,
    ) -> None:  # fmt: skip
        """Methods, citations, glossary, versions."""
        cites = ["pearl2009"]
        cites += found.discovery.cites if found.discovery else ()
        cites += estimate.cites if estimate else ()
        self.cites = tuple(dict.fromkeys(cites))
        content["methods"] = words.methods(prepared, found, estimate, self.plan, version)
        content["citations"] = late("rung.report.citations", "cited")(self.cites)
        content["glossary"] = dict(late("rung.report.glossary", "GLOSSARY"))
        created = datetime.now(UTC).isoformat(timespec="seconds")
        content["rung"] = sections.machine(version, self.plan, self.seconds, created)
