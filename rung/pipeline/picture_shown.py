"""Pictures of an analysis as they are shown: under interventions, as PNG inside the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.graph import Graph
from ..core.intervention import Do
from ..core.model import GenerativeModel
from ..core.result import late
from ..core.variable import Variable
from ..graphs.ancestry import descendants

Images = NDArray[np.float32]
STEPS = 9  # places of a slider
MOST = 8  # factors that are shown
LOW, MIDDLE, HIGH = 0.05, 0.5, 0.95  # quantiles of the labels that a factor is set to


@dataclass(frozen=True, eq=False)
class Shown:
    """A model, the pictures that it is shown on, and the factors that are set.

    Parameters
    ----------
    model : GenerativeModel
    units : Data
        The pictures, with the columns of the model.
    rows : (n,) int
        Their numbers in the data.
    seen : Data
        Values of the factors that say what is usual.
    exogenous : what `abduct` gave for the units.
    named : bool
        Whether the factors are columns of the data, not numbers of a code.
    """

    model: GenerativeModel
    units: Data
    rows: NDArray[np.intp]
    seen: Data
    exogenous: Any
    named: bool = True

    @property
    def image(self) -> str:
        """Name of the column of pictures."""
        return next(v.name for v in self.model.variables if v.shape)

    @property
    def factors(self) -> list[Variable]:
        """The factors that are shown; if there are many without names, those that vary most."""
        found = [v for v in self.model.variables if not v.shape and v.name in self.seen.names]
        if self.named or len(found) <= MOST:
            return found[:MOST]
        spread = {v.name: float(self.seen.column(v.name).std()) for v in found}
        kept = sorted(found, key=lambda v: -spread[v.name])[:MOST]
        return [v for v in found if v in kept]

    def run(self, *items: Do) -> Data:
        """The units under interventions."""
        return self.model.do(*items).run(self.exogenous)

    def under(self, variable: Variable, values: Sequence[float]) -> list[Data]:
        """The units under each of the values, computed together where the model can."""
        repeat = getattr(self.exogenous, "repeat", None)
        if repeat is None:
            return [self.run(set_to(variable, x)) for x in values]
        n, given = self.units.n, [set_to(variable, x).value for x in values]
        item = Do(variable.name, np.repeat(np.asarray(given), n))
        together = self.model.do(item).run(repeat(len(values)))
        return [together.take(np.arange(k * n, (k + 1) * n)) for k in range(len(values))]

    def values(self, variable: Variable, count: int) -> list[float]:
        """Internal values that a factor is set to, ascending: levels, or spread over its range."""
        if variable.discrete:
            size = variable.size
            picked = np.unique(np.linspace(0, size - 1, min(size, count)).round())
            return [float(k) for k in picked]
        column = self.seen.column(variable.name)
        column = column[~np.isnan(column)]
        low, middle, high = np.quantile(column, [LOW, MIDDLE, HIGH]).tolist()
        spread = [low, middle, high] if count == 3 else np.linspace(low, high, count).tolist()
        return [float(v) for v in spread]


def set_to(variable: Variable, value: float) -> Do:
    """do() of an internal value."""
    return Do(variable.name, (variable.levels or ())[int(value)] if variable.discrete else value)


def words(variable: Variable, value: float) -> str:
    """A value in the user's words, without its unit."""
    if variable.discrete:
        return str((variable.levels or ())[int(value)])
    return str(late("rung.report.svg", "num")(value))


def uri(picture: NDArray[Any]) -> str:
    """A picture (c, h, w) as a data URI of its PNG."""
    content = late("rung.report.png", "png")(picture)
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def _sheet(images: Images, columns: int, gap: int) -> str:
    return uri(late("rung.report.png", "sheet")(images, columns, gap=gap))


def _grid(columns: Sequence[Images]) -> Images:
    """Pictures row by row of columns (units, c, h, w)."""
    return np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:])


def grid_section(shown: Shown, graph: Graph) -> dict[str, Any]:
    """The counterfactual grid: a block of columns as it is, and one a factor."""
    own = shown.units.column(shown.image)
    back = shown.run().column(shown.image)
    blocks = [{
        "title": "as it is", "columns": ["original", "redrawn"], "moves": [], "unit": None,
        "sheet": _sheet(_grid([own, back]), 2, 2),
        "alt": f"{len(own)} pictures, each beside what the model draws when nothing is set",
    }]  # fmt: skip
    for v in shown.factors:
        values = shown.values(v, 3)
        columns = [under.column(shown.image) for under in shown.under(v, values)]
        labels = [words(v, x) for x in values]
        moves = [name for name in descendants(graph, v.name) if name != v.name]
        blocks.append({
            "title": v.name, "columns": labels, "moves": moves, "unit": v.unit,
            "sheet": _sheet(_grid(columns), len(columns), 2),
            "alt": f"the same {len(own)} pictures with {v.name} set to {', '.join(labels)}",
        })  # fmt: skip
    h, w = own.shape[2:]
    return {
        "blocks": blocks, "rows": [int(r) for r in shown.rows], "width": w, "height": h,
        "left_out": max(0, len([v for v in shown.model.variables if not v.shape]) - MOST),
    }  # fmt: skip


def slider_section(shown: Shown) -> dict[str, Any]:
    """Each unit under each factor at each step: one sheet, and the values of all factors.

    The sheet has a row for each unit and factor (unit after unit) and `STEPS` columns; factors
    with fewer levels leave the rest white. `values[unit][factor][step]` are the values of all
    factors, as text.
    """
    own, factors = shown.units.column(shown.image), shown.factors
    n, (c, h, w) = len(own), own.shape[1:]
    sheet = np.ones((n, len(factors), STEPS, c, h, w), dtype=np.float32)
    said: list[list[list[list[str]]]] = [[[] for _ in factors] for _ in range(n)]
    steps: list[dict[str, Any]] = []
    for f, v in enumerate(factors):
        values = shown.values(v, STEPS)
        for k, under in enumerate(shown.under(v, values)):
            sheet[:, f, k] = under.column(shown.image)
            for u in range(n):
                said[u][f].append([words(o, float(under.column(o.name)[u])) for o in factors])
        steps.append({"name": v.name, "unit": v.unit, "labels": [words(v, x) for x in values],
                      "values": values})  # fmt: skip
    back = shown.run()
    plain = [[words(v, float(back.column(v.name)[u])) for v in factors] for u in range(n)]
    return {
        "factors": steps, "units": [int(r) for r in shown.rows], "width": w, "height": h,
        "steps": STEPS, "values": said, "as_seen": plain,
        "sheet": _sheet(sheet.reshape(-1, c, h, w), STEPS, 0),
        "originals": _sheet(np.asarray(own), 1, 0),
        "start": [_nearest(back, v, u, s["values"]) for u in range(n)
                  for v, s in zip(factors, steps)],
    }  # fmt: skip


def _nearest(back: Data, v: Variable, unit: int, values: Sequence[float]) -> int:
    """The step that is nearest to the unit's own value."""
    return int(np.abs(np.asarray(values) - back.column(v.name)[unit]).argmin())


def example_section(data: Data, image: str, rows: NDArray[np.intp]) -> dict[str, Any]:
    """A strip of pictures of the data."""
    pictures = data.select([image]).take(rows).column(image)
    return {
        "sheet": _sheet(pictures, min(len(pictures), 12), 2),
        "alt": f"{len(pictures)} of {data.n} pictures",
        "width": int(pictures.shape[3]),
        "columns": min(len(pictures), 12),
    }


def without_pictures(content: Any) -> Any:
    """Content with each PNG replaced by the number of its bytes."""
    if isinstance(content, Mapping):
        return {k: without_pictures(v) for k, v in content.items()}
    if isinstance(content, list | tuple):
        return [without_pictures(v) for v in content]
    if isinstance(content, str) and content.startswith("data:image/"):
        return f"PNG of {len(content) * 3 // 4} bytes"
    return content
