"""PicturePlan: what decides an analysis of pictures."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..core.data import Data
from ..core.errors import InputError, unknown
from ..io.options import Pictures
from .plan import POLICIES, Plan

LARGEST = 64  # pixels of the longer side that models are made for
OF_TABLES = ("treatment", "outcome", "treated", "control", "estimand", "instrument", "whatif",
             "rows", "adjust", "estimator", "after", "by", "mediators")  # fmt: skip


@dataclass(frozen=True)
class PicturePlan:
    """Everything that decides an analysis of pictures.

    Parameters
    ----------
    source : str
        A folder of pictures, or a file .npz or .npy.
    factors : str, optional
        The table of their factors; none if they lie in the file, or if there are no labels.
    graph : str, optional
        Over the factors, as text or the file that holds it; else it is learned from the labels.
    learner : str
        Who learns it: "auto", or a name as in `rung discover --learner`.
    draws : int
        Bootstrap resamples of that search.
    model : str, or an object with `fit`
        "auto": CausalDiffAE where there are labels, VAE where there are none or few.
    size : int, optional
        Pixels a side that pictures are brought to; if not given, pictures above 64 pixels are
        brought to 64 on their longer side.
    kinds : mapping of column to kind
    missing : str
        "refuse", or any other policy: pictures without labels train as unlabelled ones;
        "complete-cases" leaves them out.
    units : int
        Pictures that the report shows under interventions.
    seconds : float, optional
        Time limit, most of it for training.
    """

    source: str = ""
    factors: str | None = None
    graph: str | None = None
    learner: str = "auto"
    draws: int = 20
    model: Any = "auto"
    size: int | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    missing: str = "refuse"
    units: int = 4
    seed: int = 0
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.missing not in POLICIES:
            raise unknown(self.missing, POLICIES, "policy for missing cells")
        if not 1 <= self.units <= 12:
            raise InputError(f"units = {self.units}: expected 1 to 12 pictures to show")
        if self.draws < 0:
            raise InputError(f"draws = {self.draws}: expected 0 (no bootstrap) or more")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> PicturePlan:
        """A plan of options.

        Raises
        ------
        InputError
            For an option that is unknown, or that is about tables.
        """
        known = [f.name for f in fields(cls)]
        for key in options:
            if key in OF_TABLES:
                raise InputError(
                    f"{key} is a question about the columns of a table; an analysis of pictures "
                    f"takes {', '.join(known[1:])}. For effects among the factors alone, analyse "
                    "their table"
                )
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
                raise InputError(f"an analysis of pictures has no option {key!r}{hint}")
        return cls(**options)

    @property
    def table(self) -> Plan:
        """The plan of the factors alone, for the search of their graph."""
        return Plan(
            source=self.factors or self.source, graph=self.graph, learner=self.learner,
            draws=self.draws, seed=self.seed, kinds=self.kinds,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """The fields that differ from their defaults, JSON-ready."""
        out: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name == "model" and not isinstance(value, str):
                value = type(value).__name__
            if value != getattr(_DEFAULT, f.name) or f.name in ("source", "seed"):
                out[f.name] = dict(value) if isinstance(value, Mapping) else value
        return out

    @property
    def command(self) -> str | None:
        """The line of the command line that makes this analysis again; None if none does."""
        if not self.source or not isinstance(self.model, str):
            return None
        words = ["rung analyse", _shell(self.source)]
        for name in ("factors", "graph", "model", "size", "seconds", "seed"):
            value = self.as_dict().get(name)
            if value is not None and (name != "seed" or value):
                words.append(f"--{name} {_shell(str(value))}")
        words += [f"--kind {_shell(f'{k}={v}')}" for k, v in self.kinds.items()]
        words += [f"--missing {self.missing}"] if self.missing != "refuse" else []
        return " ".join([*words, "-o report.html"])


_DEFAULT = PicturePlan()


def _shell(text: str) -> str:
    import shlex

    return shlex.quote(text)


def pictured(source: Any, options: Mapping[str, Any]) -> bool:
    """True if an analysis is about pictures: by its source, or since factors are given."""
    if options.get("factors") is not None or isinstance(source, Pictures):
        return True
    if isinstance(source, Data):
        return any(len(v.shape) == 3 for v in source.variables)
    if not isinstance(source, str | Path):
        return False
    path = Path(source).expanduser()
    return path.suffix.lower() in (".npz", ".npy") or path.is_dir()
