"""How sound the what-ifs of a model of pictures are: figures with intervals for the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.data import Data
from ..core.errors import RungError, UnknownName
from ..core.model import GenerativeModel
from .picture_words import WRONG

MOST, MOST_LAWS = 200, 48  # pictures that are imagined for soundness, and for the laws
FEWEST = 10
MOST_CODES = 1000
LABELLED = 100  # pictures with labels below which codes are not compared with them
SD = "sd of the label"

AXIOMS = {
    "composition": "The picture that comes back when nothing is set, against the picture: mean "
    "absolute error a pixel (brightness 0 to 1).",
    "effectiveness": "What an independent reader sees of a factor in the drawn picture, against "
    "what it should be.",
    "reversibility": "The factor set, and then set back: mean absolute error a pixel against the "
    "picture.",
    "minimality": "Counterfactual latent divergence, 0 to 1: lower means that no more changed than "
    "was asked for.",
}


@dataclass(frozen=True, eq=False)
class Case:
    """What is judged.

    Parameters
    ----------
    model : GenerativeModel
    data : Data
    train, held : rows
        That the model was trained on, and that it is judged on.
    labelled : rows
        All of whose factors are known.
    seed : int
    """

    model: GenerativeModel
    data: Data
    train: NDArray[np.intp]
    held: NDArray[np.intp]
    labelled: NDArray[np.intp]
    seed: int

    @property
    def factors(self) -> list[str]:
        """The factors of the model that are labelled."""
        return [v.name for v in self.model.variables if not v.shape and v.name in self.data.names]

    def units(self, count: int) -> Data:
        """At most so many of the pictures that it is judged on, in order."""
        rng = np.random.default_rng(self.seed)
        rows = rng.choice(self.held, size=min(count, len(self.held)), replace=False)
        return self.data.take(np.sort(rows))


def judged(case: Case, judge: Callable[[], Run], measure: Callable[[], Run]) -> dict[str, Any]:
    """The sections soundness, laws, disentanglement, quality, identifiability; and `cites`.

    `judge` and `measure` start the stages in which the reader is trained and figures are measured.
    """
    named = bool(case.factors) and len(np.intersect1d(case.train, case.labelled)) >= 40
    run = judge()
    reader = _reader(case, run) if named else None
    run = measure()
    count, laws = _affordable(case, run)
    out: dict[str, Any] = {"cites": []}
    out |= _soundness(case, reader, count, out["cites"])
    out["quality"] = _quality(case, count, out["cites"])
    out["laws"] = _laws(case, laws, out["cites"])
    out["disentanglement"] = _codes(case, out["cites"])
    out["identifiability"] = _identifiability(case.model, out["cites"])
    return out


def _reader(case: Case, run: Run) -> Any:
    """Reads factors off pictures; trained on the labelled pictures that the model saw."""
    from ..latent.metrics.predictor import Predictor

    rows = np.intersect1d(case.train, case.labelled)
    names = [v.name for v in case.data.variables if v.name in case.factors or v.shape]
    data = case.data.select(names).take(rows).replacing(missing=None)
    return Predictor(case.factors).fit(data, budget=run, rng=np.random.default_rng(case.seed))


def _affordable(case: Case, run: Run) -> tuple[int, int]:
    """Pictures for soundness and for the laws that the time allows, from the pace of a few."""
    few = case.units(FEWEST)
    began = time.perf_counter()
    case.model.run(case.model.abduct(few, rng=np.random.default_rng(case.seed)))
    each = (time.perf_counter() - began) / few.n
    if run.left == float("inf"):
        return MOST, MOST_LAWS
    m = max(1, sum(not v.shape for v in case.model.variables))
    count = int(0.8 * run.left / max(each * (2 * m + 1 + m), 1e-9))
    return min(MOST, max(FEWEST, count)), min(MOST_LAWS, max(4, count // 4))


def _soundness(case: Case, reader: Any, count: int, cites: list[str]) -> dict[str, Any]:
    """Rows of findings, the same by the factor that is set, and the words above them."""
    if reader is None or len(case.held) < FEWEST:
        why = "Too few labelled pictures to train an independent reader of the factors, so that "
        return {"soundness": [], "soundness_by": [],
                "soundness_text": why + "what-ifs are not judged."}  # fmt: skip
    from ..latent.metrics.soundness import soundness

    units = case.units(count).replacing(missing=None)
    found = soundness(case.model, units, reader, seed=case.seed)
    cites += found.cites
    variables = {v.name: v for v in case.model.variables}
    rows = []
    for f in found.findings:
        levels = f.measure in variables and variables[f.measure].discrete
        unit = (WRONG if levels else SD) if f.role else ""
        of = f"do({f.do}): {f.measure}" if f.do else f.measure
        rows.append({
            "key": f.axiom, "name": f.axiom.capitalize(), "of": of, "do": f.do,
            "measure": f.measure, "role": f.role, "value": f.value, "low": f.low, "high": f.high,
            "raw": f.raw, "floor": f.floor, "unit": unit, "n": found.units,
            "meaning": AXIOMS.get(f.axiom, ""),
        })  # fmt: skip
    notes = "".join(f" ({note})" for note in reader.notes)
    text = (
        f"{found.units} pictures that the training did not see were changed, one factor at a time, "
        "each to the value of another picture. A reader of factors that was trained apart, on "
        f"labels alone{notes}, then looks at what was drawn. 0 is best everywhere; intervals are "
        f"{found.level:.0%} bootstrap intervals over pictures. Nothing below the reader's own "
        "error can be told apart from 0."
    )
    return {"soundness": rows, "soundness_by": list(_by_factor(rows)), "soundness_text": text}


def _by_factor(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One entry a factor that is set; of descendants and untouched factors the worst."""
    for name in dict.fromkeys(r["do"] for r in rows if r["do"]):
        mine = [r for r in rows if r["do"] == name]
        entry: dict[str, Any] = {"do": name}
        for role in ("set", "downstream", "untouched"):
            these = [r for r in mine if r["role"] == role]
            entry[role] = max(these, key=lambda r: r["value"]) if these else None
            entry[f"{role}_count"] = len(these)
        for axiom in ("reversibility", "minimality"):
            entry[axiom] = next((r for r in mine if r["key"] == axiom), None)
        yield entry


def _quality(case: Case, count: int, cites: list[str]) -> list[dict[str, Any]]:
    """How near the picture that comes back when nothing is set is to the picture."""
    from ..latent.metrics.images import WINDOW, decibel, mean_squared_error, ssim

    units = case.units(count)
    image = next(v for v in case.model.variables if v.shape)
    back = case.model.run(case.model.abduct(units, rng=np.random.default_rng(case.seed)))
    own, again = units.column(image.name), back.column(image.name)
    mse = float(mean_squared_error(own, again).mean())
    same = {"of": "redrawn pictures", "n": units.n, "low": None, "high": None, "unit": ""}
    rows = [{**same, "name": "Squared error", "value": mse,
             "meaning": f"Mean over pixels of brightness 0 to 1; PSNR {decibel(mse):.1f} dB."
             if mse > 0 else "Mean over pixels; the pictures come back exactly."}]  # fmt: skip
    if min(image.shape[1:]) >= WINDOW:
        cites.append("wang2004")
        rows.append({**same, "name": "SSIM", "value": float(ssim(own, again).mean()),
                     "meaning": "Structural similarity; 1 is the same picture."})  # fmt: skip
    return rows


def _laws(case: Case, count: int, cites: list[str]) -> list[dict[str, Any]]:
    """The lens laws of each factor, for models with sites."""
    from ..latent.metrics.lenses import LAWS, lens_laws_of
    from ..latent.model import ImageModel

    if not isinstance(case.model, ImageModel):
        return []
    try:
        found = lens_laws_of(case.model, case.units(count), seed=case.seed)
    except RungError:  # a factor that the model reads the same of every picture
        return []
    cites += found.cites
    return [
        {"name": law.law, "of": law.site, "value": law.value, "low": None, "high": None,
         "unit": law.unit, "n": found.units,
         "meaning": f"{LAWS[law.law]}; at worst {law.worst:.3g}"}
        for law in found.laws
    ]  # fmt: skip


def _codes(case: Case, cites: list[str]) -> list[dict[str, Any]]:
    """DCI, InfoMEC and MCC of codes against labels."""
    from ..latent.metrics.correlation import mcc
    from ..latent.metrics.importance import dci
    from ..latent.metrics.infomec_scores import infomec
    from ..latent.model import ImageModel

    rows = case.labelled
    rows = np.intersect1d(rows, case.held) if len(case.held) >= LABELLED else rows
    names = case.factors or [v.name for v in case.data.variables if not v.shape]
    if not isinstance(case.model, ImageModel) or len(rows) < LABELLED or not names:
        return []
    data = case.data.take(rows[:MOST_CODES])
    codes, factors = case.model.encode(data), data.matrix(names)
    levels = [data.variable(name).discrete for name in names]
    try:
        d = dci(codes, factors, discrete_factors=levels, seed=case.seed)
        i = infomec(codes, factors, discrete_factors=levels)
        m = mcc(codes, factors)
    except RungError:  # a factor that hardly varies among these pictures
        return []
    cites += [*d.cites, *i.cites, *m.cites]
    figures = [
        ("DCI disentanglement", d.disentanglement, "each number of the code serves one factor"),
        ("DCI completeness", d.completeness, "each factor is read from one number"),
        ("DCI informativeness", d.informativeness, "the factors can be predicted from the code"),
        ("InfoM", i.modularity, "each number tells of one factor alone"),
        ("InfoE", i.explicitness, "the factors are linear in the code"),
        ("InfoC", i.compactness, "each factor is told by one number alone"),
        ("MCC", m.value, "correlation of each factor with the number matched to it"),
    ]
    return [
        {"name": name, "of": f"{codes.shape[1]} numbers, {len(names)} factors", "value": value,
         "low": None, "high": None, "unit": "", "n": data.n, "meaning": f"1 is best: {what}."}
        for name, value, what in figures
    ]  # fmt: skip


def _identifiability(model: GenerativeModel, cites: list[str]) -> dict[str, Any] | None:
    """What theory says of the latents; None where nothing is on record."""
    from ..latent.identifiability import identifiability_of

    try:
        found = identifiability_of(model)
    except UnknownName:
        return None
    cites += found.cites
    return {
        "theorem": found.theorem, "upto": found.known,
        "conditions": [{"name": c.text, "status": c.status, "text": c.by}
                       for c in found.conditions],
    }  # fmt: skip
