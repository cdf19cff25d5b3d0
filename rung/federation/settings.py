"""Settings of an exchange, and their text in the configuration that travels with the app."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from typing import Any

from ..core.errors import InputError, MissingExtra
from ..core.knowledge import Knowledge
from ..core.protocols import FederatedMethod
from ..discovery.federated import Federated
from ..discovery.summed_moments import SummedMoments
from ..pipeline.options import make_exchange
from ..pipeline.prepare import POLICIES
from .fixed_point import FixedPoint


@dataclass(frozen=True)
class Settings:
    """What every part of an exchange must agree on.

    Parameters
    ----------
    learner : str
        A learner or federated method as on the command line, `boss` or `pc:alpha=0.01`; a learner
        runs on the summed moments of the sites.
    sites : int
        Sites that are waited for before the first round.
    minimum : int
        Replies without which a round fails; under secure aggregation more than half of the sites,
        since as many shares reveal a site's mask.
    timeout : float
        Seconds that a round (a stage of it under secure aggregation) waits for replies.
    rounds : int
        At most; the method itself says when it has finished.
    secure : bool
        Sum the replies by SecAgg+, so that the server sees the sum only.
    clip : float
        Secure: the public range; a reply beyond it is refused by its site.
    words : int
        Secure: integers of 29 bits that stand for one number.
    drop : tuple of str
        Columns that take no part.
    missing : str
        refuse, complete-cases or test-wise, at every site.
    require, forbid, tiers
        Background knowledge, see `Knowledge`; it goes to the sites as part of the state.
    seed : int
    """

    learner: str = "boss"
    sites: int = 2
    minimum: int = 2
    timeout: float = 60.0
    rounds: int = 1000
    secure: bool = False
    clip: float = 2.0**60
    words: int = 4
    drop: tuple[str, ...] = ()
    missing: str = "refuse"
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    tiers: tuple[tuple[str, ...], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        least = max(2, self.sites // 2 + 1) if self.secure else 1
        if not least <= self.minimum <= self.sites:
            raise InputError(
                f"minimum={self.minimum} of sites={self.sites}: expected {least} to {self.sites}"
                + (" under secure aggregation" if self.secure else "")
            )
        if not self.timeout > 0 or self.rounds < 1:
            raise InputError("timeout must be positive and rounds at least 1")
        if self.missing not in POLICIES:
            raise InputError(f"missing={self.missing!r}: expected one of {', '.join(POLICIES)}")
        self.fixed_point()

    def fixed_point(self) -> FixedPoint:
        """How numbers are written for secure aggregation."""
        return FixedPoint(self.clip, self.words)

    def knowledge(self) -> Knowledge:
        """The declared background knowledge."""
        return Knowledge.of(self.require, self.forbid, self.tiers)

    def method(self) -> FederatedMethod:
        """The federated method that `learner` names.

        Raises
        ------
        UnknownName, InputError
            If it names none.
        """
        made = make_exchange(self.learner)
        if isinstance(made, Federated):
            made = made.method
        return made if isinstance(made, FederatedMethod) else SummedMoments(made)

    def text(self) -> str:
        """The settings as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Settings:
        """The settings that `text` wrote.

        Raises
        ------
        InputError
            For a key that this version does not know.
        """
        table: Mapping[str, Any] = json.loads(text)
        known = {f.name for f in fields(cls)}
        if strange := sorted(set(table) - known):
            raise InputError(f"unknown setting {strange[0]!r}: do all parts run the same rung?")
        tuples = {k: _tuple(v) for k, v in table.items() if isinstance(v, list)}
        return cls(**{**table, **tuples})


def _tuple(value: Any) -> Any:
    return tuple(_tuple(v) for v in value) if isinstance(value, list) else value


def need_flower() -> None:
    """Raise MissingExtra where Flower is not installed."""
    if find_spec("flwr") is None:
        raise MissingExtra(
            "Flower is not installed here. It pins older typer and rich, so give it an environment "
            "of its own: python -m venv federated && federated/bin/pip install 'rung[federated]'"
        )
