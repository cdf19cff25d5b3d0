"""check(plug): the laws of the plug's shape, each run on small data with a known answer."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.errors import InputError
from ..core.intervention import Intervention
from ..core.mechanism import MechanismSpec
from ..core.model import Model
from ..core.protocols import FederatedMethod
from ..core.result import Result
from ..core.site import Site
from ..core.source import Source
from .laws import estimator, federated, independence, learner, mechanism, model, score
from .laws.common import Law

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Outcome:
    """One law: whether it held, and a figure or how it was broken."""

    law: str
    passed: bool
    detail: str
    seconds: float


@dataclass(frozen=True, eq=False)
class ContractReport(Result):
    """What `check` found.

    Parameters
    ----------
    plug : str
        The plug as it prints itself.
    shapes : tuple of str
        The protocols it was held to.
    outcomes : tuple of Outcome
    """

    plug: str
    shapes: tuple[str, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """True if every law held."""
        return all(o.passed for o in self.outcomes)

    @property
    def broken(self) -> tuple[Outcome, ...]:
        """The laws that did not hold."""
        return tuple(o for o in self.outcomes if not o.passed)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content."""
        return {
            "plug": self.plug,
            "shapes": list(self.shapes),
            "passed": self.passed,
            "laws": [vars(o) for o in self.outcomes],
        }

    def json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=1)

    def frame(self) -> pd.DataFrame:
        """One row a law."""
        import pandas as pd

        return pd.DataFrame([vars(o) for o in self.outcomes])

    def __repr__(self) -> str:
        held = sum(o.passed for o in self.outcomes)
        lines = [
            f"{self.plug} ({', '.join(self.shapes)}): {held} of {len(self.outcomes)} laws hold"
        ]
        for o in self.outcomes:
            lines.append(f"  {'pass' if o.passed else 'FAIL'}  {o.law}: {o.detail}")
        return "\n".join(lines)


def _laws(plug: Any) -> dict[str, tuple[type, Mapping[str, Law]]]:
    """Shape -> (subject, laws), for every shape that the plug has."""
    out: dict[str, tuple[type, Mapping[str, Law]]] = {}
    if callable(getattr(plug, "learn", None)):
        out["Learner"] = learner.Subject, learner.LAWS
    if callable(getattr(plug, "on", None)):
        out.update(_bound_laws(plug))
    if callable(getattr(plug, "estimate", None)):
        out["Estimator"] = estimator.Subject, estimator.LAWS
    if isinstance(plug, FederatedMethod):
        out["FederatedMethod"] = federated.Subject, federated.LAWS
    kinds: dict[str, tuple[type, type, Mapping[str, Law]]] = {
        "MechanismSpec": (MechanismSpec, mechanism.Subject, mechanism.LAWS),
        "Model": (Model, model.Subject, model.LAWS),
        "Intervention": (Intervention, model.InterventionSubject, model.INTERVENTION_LAWS),
        "Site": (Site, model.SiteSubject, model.SITE_LAWS),
        "Source": (Source, model.SourceSubject, model.SOURCE_LAWS),
    }
    for name, (kind, subject, laws) in kinds.items():
        if isinstance(plug, kind):
            out[name] = subject, laws
    return out


def _bound_laws(plug: Any) -> dict[str, tuple[type, Mapping[str, Law]]]:
    """Whether `.on(source)` gives a test (pvalues) or a score (local)."""
    import numpy as np

    from ..core.errors import RungError
    from .laws.common import WORLDS

    for make in WORLDS.values():
        try:
            bound = plug.on(make(), rng=np.random.default_rng(0))
        except RungError:
            continue
        if callable(getattr(bound, "pvalues", None)):
            return {"CITest": (independence.Subject, independence.LAWS)}
        if callable(getattr(bound, "local", None)):
            return {"Score": (score.Subject, score.LAWS)}
    return {}


def check(plug: Any, *, example: Any = None) -> ContractReport:
    """Hold a plug to the laws of its shape.

    Parameters
    ----------
    plug : object or class
        A learner, federated method, test, score, mechanism spec, estimator, model, intervention,
        site or source; a class is tried without arguments.
    example : optional
        What a model (units: Data), a site ((values, v, w)), a learner (data) or an intervention
        (its Variable) is tried on, where nothing can be made up.

    Raises
    ------
    InputError
        The object has none of the shapes, or needs an example.
    """
    if inspect.isclass(plug):
        try:
            plug = plug()
        except TypeError as error:
            raise InputError(
                f"{plug.__name__} cannot be made without arguments ({error}); pass an instance"
            ) from None
    found = _laws(plug)
    if not found:
        raise InputError(
            f"{plug!r} has none of the plug shapes (a method learn, on, fit or estimate; client "
            "and server; or a Model, Intervention, Site or Source); see rung/core/protocols.py"
        )
    outcomes = []
    for subject, laws in found.values():
        # an Ensemble mixes models that each answer for themselves
        parts = [m for _, _, m in plug.members] if isinstance(plug, Model) else [plug]
        ready = [subject(part, example) for part in parts]
        outcomes += [_outcome(name, law, ready) for name, law in laws.items()]
    return ContractReport(f"{plug!r:.200}".split("\n")[0], tuple(found), tuple(outcomes))


def _outcome(name: str, law: Law, subjects: Sequence[Any]) -> Outcome:
    begin = time.perf_counter()
    try:
        details, passed = [law(subject) for subject in subjects], True
        detail = "; ".join(dict.fromkeys(details))
    except Exception as error:  # whatever a plug raises is its failure, not ours
        detail, passed = f"{type(error).__name__}: {error}", False
    return Outcome(name, passed, detail, round(time.perf_counter() - begin, 3))
