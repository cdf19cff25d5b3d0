"""The job on pictures: read, choose a model, train it, judge it, draw what-ifs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run
from ..core.data import Data
from ..core.errors import InputError
from ..core.graph import Graph
from ..core.missing import complete
from ..core.model import GenerativeModel
from ..core.result import Result, late
from ..core.variable import Kind
from ..io.options import Pictures
from ..io.readers import read
from . import picture_measures as measures
from . import picture_words as words
from .options import make_learner
from .picture_measures import Case
from .picture_models import check_model
from .picture_plan import LARGEST, PicturePlan
from .picture_shown import Shown, example_section, grid_section, slider_section, without_pictures
from .prepare import POLICIES
from .sections import discovery_section, graph_section, versions
from .structure import Structure, structure

if TYPE_CHECKING:
    import pandas as pd

SHARES = {"read": 0.02, "graph": 0.04, "train": 0.62, "judge": 0.14, "measure": 0.12, "draw": 0.06}
HELD_OUT, MOST_HELD = 0.1, 500  # share, and number, of pictures that no training sees
FEW = 50  # labelled pictures below which labels are not learned from


@final
@dataclass(frozen=True, eq=False)
class ImageAnalysis(Result):
    """The whole answer about pictures.

    Parameters
    ----------
    content : dict
        Everything that the report shows, JSON-ready; pictures are PNG data URIs.
    plan : PicturePlan
    model : GenerativeModel
        Of factors and pictures; the verbs take it.
    structure : Structure or None
        The graph over the factors and where it comes from; None without labels.
    status : str
        "answer", or "partial" where a time limit cut something short.
    """

    content: dict[str, Any]
    plan: PicturePlan
    model: GenerativeModel
    structure: Structure | None = None
    status: str = "answer"
    cites: tuple[str, ...] = field(default=())

    @property
    def shown(self) -> dict[str, Any]:
        """The content without the pictures themselves."""
        return dict(without_pictures(self.content))

    def html(self) -> str:
        """One self-contained HTML page."""
        return str(late("rung.report.pictures", "render")(self.content))

    def json(self) -> str:
        """The same content as JSON, pictures as PNG data URIs."""
        return str(late("rung.report.export", "to_json")(self.content))

    def write(self, path: str | Path) -> Path:
        """Write the report; the old file is kept until the new one is whole."""
        return Path(late("rung.report.files", "write_text")(Path(path), self.html()))

    def frame(self) -> pd.DataFrame:
        """One row a measured figure of soundness."""
        import pandas as pd

        keys = ("name", "of", "value", "low", "high", "unit", "n")
        return pd.DataFrame([{k: row.get(k) for k in keys} for row in self.content["soundness"]],
                            columns=list(keys))  # fmt: skip

    def __repr__(self) -> str:
        head = self.content["headline"]
        lines = [head["sentence"], f"  standing: {head['standing']}. {head['standing_text']}"]
        rows = [r for r in self.content["soundness"] if r["role"] in ("", "set")]
        lines += [f"  {words.row_text(row)}" for row in rows[:16]]
        return "\n".join([*lines, *(f"  partial: {p}" for p in self.content["partial"])])


def analyse_pictures(
    source: Any, *, budget: Budget | Run | None = None, **options: Any
) -> ImageAnalysis:
    """The whole job on pictures; `rung.analyse` hands over to it.

    Parameters
    ----------
    source : path of a folder, .npz or .npy file; `rung.io.Pictures`; Data with pictures
    budget : Budget, optional
        Most of it is for training; what is cut short is marked.
    **options
        Fields of `PicturePlan`; `factors` may also be a data frame.
    """
    table = options.get("factors")
    named = str(table) if isinstance(table, str | Path) else None
    given = {k: v for k, v in options.items() if v is not None and k != "factors"}
    place = source.source if isinstance(source, Pictures) else source
    plan = PicturePlan.of({
        **given, "factors": named, "source": str(place) if isinstance(place, str | Path) else "",
    })  # fmt: skip
    run = budget if isinstance(budget, Run) else (budget or Budget(plan.seconds)).start()
    return _Job(plan, source, table, run).work()


class _Job:
    """One run through the stages; each fills its part of the content."""

    def __init__(self, plan: PicturePlan, source: Any, factors: Any, run: Run) -> None:
        self.plan, self.source, self.factors, self.run = plan, source, factors, run
        self.seconds: dict[str, float] = {}
        self.partial: list[str] = []
        self.began = 0.0

    def stage(self, name: str, after: str | None = None) -> Run:
        """Start a stage, `after` another ends: its clock and its share of the progress bar."""
        if after is not None:
            self.done(after)
        self.began = time.perf_counter()
        before = 0.0
        for key, share in SHARES.items():
            if key == name:
                break
            before += share
        share, left = SHARES[name], self.run.left
        seconds = None if left == float("inf") else max(left * share / (1 - before), 1e-9)
        part = Run(
            Budget(seconds, self.run.budget.bytes),
            lambda done, what: self.run.tick(before + share * done, what or name),
        )  # the seconds that stages before it did not use are shared by those to come
        part.tick(0.0, name)
        return part

    def done(self, name: str) -> None:
        self.seconds[name] = time.perf_counter() - self.began

    def work(self) -> ImageAnalysis:
        plan = self.plan
        if isinstance(plan.model, str) and plan.model != "auto":
            check_model(plan.model)
        self.stage("read")
        data, left_out = usable(self.read())
        self.done("read")
        part = self.stage("graph")
        labelled = labels_of(data)
        found = self.structure(data, labelled, part)
        self.done("graph")
        part = self.stage("train")
        spec, why = choose(plan, data, found, len(labelled))
        train, held = split(data, labelled, plan.seed)
        model = spec.fit(data.take(train), budget=part, rng=np.random.default_rng(plan.seed))
        self.cut_short(model)
        self.done("train")
        rows = held if len(held) else train
        case = Case(model, data, train, rows, labelled, plan.seed)
        judged = measures.judged(
            case, lambda: self.stage("judge"), lambda: self.stage("measure", "judge")
        )
        self.done("measure")
        self.stage("draw")
        shown = self.show(model, data, rows)
        graph = model.latents.graph if hasattr(model, "latents") else model.graph
        told = self.factors is None or plan.factors is not None  # nothing was only in memory
        content = {
            "kind": "pictures", "plan": plan.as_dict(), "command": plan.command if told else None,
            "data": self.data_section(data, shown, left_out, len(labelled), len(train), len(rows)),
            "graph": self.graph_section(graph, found),
            "discovery": discovery_section(found.discovery, plan.table) if found else None,
            "model": words.model_section(model, spec, why),
            "grid": grid_section(shown, graph), "sliders": slider_section(shown), **judged,
        }  # fmt: skip
        self.done("draw")
        return self.close(content, model, found)

    def read(self) -> Data:
        """The pictures with their factors."""
        plan, source = self.plan, self.source
        if isinstance(source, Data):
            if self.factors is not None:
                raise InputError("these are Data already; their factors are columns of them")
            return source
        wanted = source if isinstance(source, Pictures) else Pictures(source)
        policy = POLICIES.get(plan.missing)
        if plan.size is not None:
            wanted = replace(wanted, size=plan.size)
        data = read(wanted, factors=self.factors, kinds=dict(plan.kinds) or None, missing=policy)
        h, w = data.variable("image").shape[1:]
        if wanted.size is None and max(h, w) > LARGEST:
            size = tuple(max(8, 4 * round(k * LARGEST / max(h, w) / 4)) for k in (h, w))
            wanted = replace(wanted, size=size)
            data = read(wanted, factors=self.factors, kinds=dict(plan.kinds) or None,
                        missing=policy)  # fmt: skip
        return complete(data) if plan.missing == "complete-cases" else data

    def structure(self, data: Data, labelled: NDArray[np.intp], part: Run) -> Structure | None:
        """The graph over the factors, from the labelled pictures; None without (enough) labels."""
        plan = self.plan
        names = [v.name for v in data.variables if not v.shape]
        if not names or len(labelled) < FEW:
            if plan.graph:
                raise InputError(
                    f"a graph was given, but only {len(labelled)} pictures have all labels; "
                    f"expected at least {FEW} to learn what its factors look like"
                )
            return None
        table = data.select(names).take(labelled).replacing(missing=None)
        found = structure(table, plan.table, make_learner(plan.learner), part, plan.seed)
        if found.discovery is not None and not found.discovery.complete:
            self.partial.append("the search of the graph was stopped by the time limit")
        return found

    def cut_short(self, model: GenerativeModel) -> None:
        if not getattr(model, "complete", True):
            notes = getattr(model, "notes", ())
            self.partial += list(notes) or ["the training was stopped by the time limit"]

    def show(self, model: GenerativeModel, data: Data, rows: NDArray[np.intp]) -> Shown:
        """The pictures that are shown under interventions."""
        rng = np.random.default_rng(self.plan.seed)
        picked = np.sort(rng.choice(rows, size=min(self.plan.units, len(rows)), replace=False))
        units = data.take(picked)
        exogenous = model.abduct(units, rng=rng)
        named = all(v.name in data.names for v in model.variables)
        if named:
            seen = data.select([v.name for v in data.variables if not v.shape])
        else:
            some = data.take(rng.choice(data.n, size=min(data.n, 500), replace=False))
            seen = model.run(model.abduct(some, rng=rng))
            seen = seen.select([v.name for v in seen.variables if not v.shape])
        return Shown(model, units, picked, seen, exogenous, named)

    def data_section(
        self, data: Data, shown: Shown, left_out: Mapping[str, str], labelled: int, train: int,
        held: int,
    ) -> dict[str, Any]:  # fmt: skip
        rng = np.random.default_rng(self.plan.seed)
        some = np.sort(rng.choice(data.n, size=min(24, data.n), replace=False))
        c, h, w = data.variable(shown.image).shape
        origin = data.origin
        return {
            "name": origin.name, "path": origin.path, "sha256": origin.sha256, "n": data.n,
            "channels": c, "height": h, "width": w, "labelled": labelled, "trained_on": train,
            "held_out": held, "decisions": [*origin.decisions],
            "left_out": [f"{name}: {why}" for name, why in left_out.items()],
            "factors": [words.factor_row(v, data.column(v.name)) for v in data.variables
                        if not v.shape],
            "examples": example_section(data, shown.image, some),
        }  # fmt: skip

    def graph_section(self, graph: Graph, found: Structure | None) -> dict[str, Any]:
        base = found or Structure(graph, graph, None, self.plan.table.knowledge, "no labels")
        out = graph_section(replace(base, graph=graph), [], self.plan.table)
        return out | {"note": words.graph_note(graph, found)}

    def close(
        self, content: dict[str, Any], model: GenerativeModel, found: Structure | None
    ) -> ImageAnalysis:
        """Headline, limits, citations, versions."""
        from .. import __version__

        cites = ["pearl2009", *(found.discovery.cites if found and found.discovery else ())]
        cites += [*getattr(model, "cites", ()), *content.pop("cites")]
        cites = list(dict.fromkeys(cites))
        content["partial"] = self.partial
        content["headline"] = words.headline(content, found)
        content["limits"] = words.limits(content, found)
        content["citations"] = late("rung.report.citations", "cited")(cites)
        content["rung"] = {
            "version": __version__, "packages": versions(), "seed": self.plan.seed,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": {k: round(v, 3) for k, v in self.seconds.items()},
        }  # fmt: skip
        status = "partial" if self.partial else "answer"
        return ImageAnalysis(content, self.plan, model, found, status, tuple(cites))


def usable(data: Data) -> tuple[Data, dict[str, str]]:
    """Data without the columns that no model of pictures can use, and why each was left out."""
    why: dict[str, str] = {}
    for v in data.variables:
        if v.shape:
            continue
        column = data.column(v.name)
        column = column[~np.isnan(column)]
        if v.kind is Kind.IDENTIFIER:
            why[v.name] = "left out: it only names the pictures"
        elif not len(column):
            why[v.name] = "left out: it has no label"
        elif v.kind is Kind.CONSTANT or column.min() == column.max():
            why[v.name] = "left out: it is constant"
    return data.drop(list(why)), why


def labels_of(data: Data) -> NDArray[np.intp]:
    """Rows all of whose factors are known; none if there are no factors."""
    names = [v.name for v in data.variables if not v.shape]
    if not names:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(~np.isnan(data.matrix(names)).any(axis=1))


def split(
    data: Data, labelled: NDArray[np.intp], seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train on, and rows that no training sees: labelled ones where there are labels.

    With fewer than 40 pictures to choose from, none are held out.
    """
    pool = labelled if len(labelled) else np.arange(data.n)
    if len(pool) < 40:
        return np.arange(data.n), np.empty(0, dtype=np.intp)
    count = min(MOST_HELD, max(10, int(HELD_OUT * len(pool))))
    held = np.sort(np.random.default_rng(seed).permutation(pool)[:count])
    return np.setdiff1d(np.arange(data.n), held), held


def choose(
    plan: PicturePlan, data: Data, found: Structure | None, labelled: int
) -> tuple[Any, str]:
    """The model to fit, and the reason."""
    from .picture_models import causal, make_model, plain

    if not isinstance(plan.model, str):
        return plan.model, "chosen by you"
    holes = found is not None and labelled < data.n
    structure = None if found is None else found.given
    if plan.model != "auto":
        return make_model(plan.model, structure, unlabelled=holes), "chosen by you"
    if found is None:
        count = "no labels" if not labelled else f"only {labelled} labelled pictures"
        return plain(), f"there are {count}, so the factors of the code have no names"
    why = "the factors are labelled" + (f" in {labelled:,} of {data.n:,} pictures" if holes else "")
    return causal(structure, unlabelled=holes), why
