"""Natural effects through activations: interchange interventions, with intervals and controls."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.budget import Run
from ..core.errors import InputError, NotSupported, unknown
from ..core.query import Estimate
from ..core.result import Result, lock
from ..inference.intervals import quantile_of
from ..inference.multiplicity import max_t
from .activation import Activation
from .architectures import located
from .gradients import Gradient
from .inputs import Batch
from .model import Network
from .pairs import Pairs
from .replacing import Denoising, Replacement
from .running import Place
from .sweep import Setting, Swept, swept

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
FEWEST = 2  # rows for an interval
CITES = ("pearl2001", "vig2020", "mueller2024")


@dataclass(frozen=True, eq=False)
class Sweep(Result):
    """Natural effects of many mediators on the same pairs.

    Parameters
    ----------
    estimates : tuple of Estimate
        One a mediator; intervals are simultaneous over all of them.
    labels : tuple of str
        The places, as they were named.
    total : float
        What the corruption does to the outcome, on average.
    level : float
    looked_at : int
        How many places the intervals allow for.
    how : str
        How the runs were made.
    """

    estimates: tuple[Estimate, ...]
    labels: tuple[str, ...]
    total: float
    level: float
    looked_at: int
    how: str
    seconds: float = 0.0
    cites: tuple[str, ...] = field(default=CITES)

    def __len__(self) -> int:
        return len(self.estimates)

    def __getitem__(self, i: int) -> Estimate:
        return self.estimates[i]

    def frame(self) -> pd.DataFrame:
        """One row a mediator: effect, simultaneous interval, share of the total, control."""
        import pandas as pd

        rows = [
            {"mediator": label, "effect": e.value, "lower": e.interval[0], "upper": e.interval[1],
             "share": e.value / self.total if self.total else float("nan"),
             "control": e.diagnostics["control"]["value"]}
            for label, e in zip(self.labels, self.estimates)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        head = (
            f"Sweep of {len(self)} mediators: total effect {self.total:.4g}; {self.level:.0%} "
            f"intervals hold for all {self.looked_at} together ({self.how}, {self.seconds:.1f} s)"
        )
        best = sorted(range(len(self)), key=lambda i: -abs(self.estimates[i].value))[:8]
        return "\n".join([head] + [
            f"  {self.labels[i]}: {self.estimates[i].value:.4g} "
            f"[{self.estimates[i].interval[0]:.4g}, {self.estimates[i].interval[1]:.4g}]"
            for i in best
        ])  # fmt: skip


def answer(
    net: Network, query: Any, data: Any, *, estimator: Gradient | Replacement | None, run: Run,
    rng: np.random.Generator,
) -> Any:  # fmt: skip
    """The Estimate of one question about mediators, or the Sweep of many.

    Without an estimator mediators are interchanged (`Denoising`); another `Replacement` says what
    is written instead, and `Gradient()` approximates it.

    Raises
    ------
    InputError
        No pairs, a question without a mediator, fewer than two pairs.
    NotSupported
        A question that is not about mediators.
    """
    began = time.perf_counter()
    asked = _asked(net, query, data)
    clean, corrupt = (b.on(net.device) for b in data.batches)
    if clean.n < FEWEST:
        raise InputError(f"{clean.n} pair: an interval over pairs needs at least {FEWEST}")
    replacement, gradient = _method(estimator, [q for q, _ in asked])
    base = corrupt if replacement.base == "corrupt" else clean
    settings, controls = _settings(net, clean, corrupt, [p for _, p in asked], replacement, rng)
    k = len(settings)
    found = (gradient.swept if gradient else swept)(net, base, settings + controls)
    with torch.no_grad():
        other = corrupt if replacement.base == "clean" else clean
        beside = net.score(net._run(other, ())[0], other).double().cpu().numpy()
    start, end = (found.plain, beside) if replacement.base == "clean" else (beside, found.plain)
    kinds = [q.part for q, _ in asked]
    rows = _effects(kinds, replacement, start, end, found.settings[:k])
    noise = _effects(kinds, replacement, start, end, found.settings[k:])
    total = end - start
    level = float(asked[0][0].level)
    half = _half_widths(rows, level, rng)
    seconds = time.perf_counter() - began
    error = _error(net, base, settings, found, gradient, rng)
    told = _Told(net, total, k, (replacement.how, found.how), seconds, error)
    estimates = tuple(
        told.estimate(q, places, rows[i], float(half[i]), noise[i])
        for i, (q, places) in enumerate(asked)
    )
    if not isinstance(query, list | tuple) and k == 1:
        return estimates[0]
    labels = tuple(" + ".join(_name(p.site) for p in places) for _, places in asked)
    return Sweep(estimates, labels, float(total.mean()), level, k, found.how, seconds)


def _asked(net: Network, query: Any, data: Any) -> list[tuple[Any, tuple[Place, ...]]]:
    """Each question beside the places that it sets together."""
    if not isinstance(data, Pairs):
        raise InputError(
            f"an effect on a network needs rung.Pairs(clean, corrupt), got {type(data).__name__}"
        )
    queries = list(query) if isinstance(query, list | tuple) else [query]
    if not queries:
        raise InputError("no question was asked")
    return [(q, places) for q in queries for places in _places(net, q)]


def _places(net: Network, query: Any) -> list[tuple[Place, ...]]:
    """The places that a question sets together; several such sets where a path has a `*`."""
    mediators = getattr(query, "mediator", None)
    if not mediators or getattr(query, "part", None) not in ("direct", "indirect"):
        raise NotSupported(
            f"{query!r}: on a network rung.NIE(mediator=...) and rung.NDE(mediator=...) are asked"
        )
    sets: list[tuple[Place, ...]] = []
    for item in mediators if isinstance(mediators, tuple) else (mediators,):
        if isinstance(item, str):
            if item not in net.sites:
                raise unknown(item, net.sites, "site")
            item = net.sites[item]
        if not isinstance(item, Activation):
            raise InputError(f"{query!r}: a mediator is the name of a site, or an Activation")
        sets.append(located(net.module, item))
    if len(sets) == 1:
        return [(place,) for place in sets[0]]
    if any(len(s) > 1 for s in sets):
        raise InputError(f"{query!r}: a `*` stands for several questions; several places do not")
    return [tuple(s[0] for s in sets)]


@torch.no_grad()
def _settings(
    net: Network, clean: Batch, corrupt: Batch, asked: Sequence[tuple[Place, ...]],
    replacement: Replacement, rng: np.random.Generator,
) -> tuple[list[Setting], list[Setting]]:  # fmt: skip
    """Mediators as they are replaced; and moved as far in a random direction, as a control."""
    every = [place for places in asked for place in places]
    seen = [net._run(batch, every)[1] for batch in (clean, corrupt)]
    chance = torch.Generator().manual_seed(int(rng.integers(2**31)))
    old: dict[int, Tensor] = {}
    new: dict[int, Tensor] = {}
    for place, a, b in zip(every, *seen):
        if a.shape != b.shape:
            raise InputError(
                f"{place.site!r}: {tuple(a.shape)} in the clean run, {tuple(b.shape)} in the "
                "corrupt one; name tokens so that they match"
            )
        old[id(place)] = b if replacement.base == "corrupt" else a
        new[id(place)] = replacement.value(a, b, chance)
    settings = [tuple((p, new[id(p)]) for p in places) for places in asked]
    controls = [
        tuple((p, _turned(old[id(p)], new[id(p)], chance)) for p in places) for places in asked
    ]
    return settings, controls


def _turned(old: Tensor, new: Tensor, chance: torch.Generator) -> Tensor:
    """Values as far from the old as the new ones are, in a random direction, row by row."""
    step = (new - old).float().reshape(len(old), -1)
    noise = torch.randn(step.shape, generator=chance).to(step.device)
    length = noise.norm(dim=1, keepdim=True).clamp(min=1e-12)
    moved = noise / length * step.norm(dim=1, keepdim=True)
    return (old.float() + moved.view(old.shape)).to(old.dtype)


def _method(estimator: Any, queries: Sequence[Any]) -> tuple[Replacement, Gradient | None]:
    """What is written, and what approximates it if anything."""
    if estimator is not None and not isinstance(estimator, Gradient | Replacement):
        raise NotSupported(
            f"{estimator!r}: on a network the estimator is a Replacement such as "
            "rung.networks.Noising(), or rung.networks.Gradient()"
        )
    gradient = estimator if isinstance(estimator, Gradient) else None
    replacement = gradient.by if gradient is not None else Denoising()
    if isinstance(estimator, Replacement):
        replacement = estimator
    direct = [q for q in queries if q.part == "direct"]
    if direct and not replacement.direct:
        raise NotSupported(
            f"{direct[0]!r}: an ablation has no direct effect; use Denoising() or Noising()"
        )
    return replacement, gradient


def _effects(
    kinds: Sequence[str], replacement: Replacement, start: Floats, end: Floats, patched: Floats
) -> Floats:
    """(k, n) effects: from Y(clean), Y(corrupt), and Y where the mediator is replaced."""
    out = []
    for kind, p in zip(kinds, patched):
        if replacement.base == "corrupt":
            out.append(end - p if kind == "indirect" else p - start)
        else:
            out.append(p - start if kind == "indirect" else end - p)
    return np.stack(out)


def _error(
    net: Network, corrupt: Batch, settings: Sequence[Setting], found: Swept,
    estimator: Gradient | None, rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    """How far an approximation is off, on mediators that are measured exactly too."""
    if estimator is None or not estimator.checked:
        return {}
    k = len(settings)
    moved = found.settings[:k] - found.plain
    by_size = np.argsort(-np.abs(moved.mean(axis=1)))
    largest = by_size[: (estimator.checked + 1) // 2]
    others = rng.permutation(by_size[len(largest) :])[: estimator.checked - len(largest)]
    chosen = np.concatenate([largest, others])
    exact = swept(net, corrupt, [settings[i] for i in chosen])
    true = exact.settings - exact.plain
    wrong = moved[chosen] - true
    vary = true.std() > 0 and moved[chosen].std() > 0
    same = np.corrcoef(moved[chosen].ravel(), true.ravel())[0, 1] if vary else float("nan")
    return {
        "approximation": {
            "checked": len(chosen), "mean absolute error": float(np.abs(wrong).mean()),
            "bias": float(wrong.mean()), "correlation": float(same),
            "mean absolute effect": float(np.abs(true).mean()),
        }
    }  # fmt: skip


def _half_widths(rows: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Half widths (k,) of t intervals that hold for all rows together."""
    k, n = rows.shape
    se = rows.std(axis=1, ddof=1) / n**0.5
    if k == 1:
        return se * quantile_of(level, n - 1)
    covariance = np.cov(rows) / n
    return se * max_t(covariance, level, rng=rng, df=n - 1)


@dataclass(frozen=True, eq=False)
class _Told:
    """What all estimates of one call share."""

    net: Network
    total: Floats
    looked_at: int
    how: tuple[str, str]
    seconds: float
    error: Mapping[str, Any]

    def estimate(
        self, query: Any, places: tuple[Place, ...], rows: Floats, half: float, noise: Floats
    ) -> Estimate:
        """One mediator: effects (n,) of the pairs, half width, effects of the control."""
        value, whole = float(rows.mean()), float(self.total.mean())
        where = " and ".join(_name(p.site) for p in places)
        control = {"value": float(noise.mean()), "largest": float(np.abs(noise).max()),
                   "what": "the same places, moved as far in a random direction"}  # fmt: skip
        return Estimate(
            query=query,
            value=value,
            interval=(value - half, value + half),
            level=float(query.level),
            units=getattr(self.net.outcome, "__name__", repr(self.net.outcome)),
            contrast=f"corrupt against clean inputs, through {where}",
            population=f"{len(rows)} pairs",
            standing=(
                "Causal in the network itself, whose computation is known; that the pairs stand "
                "for other inputs is assumed."
            ),
            method=f"{self.how[0].format(where=where)}; {self.how[1]}",
            n=len(rows),
            effective_n=float(len(rows)),
            se=float(rows.std(ddof=1) / len(rows) ** 0.5),
            diagnostics={
                "total": whole, "share": value / whole if whole else float("nan"),
                "control": control, "looked_at": self.looked_at, **self.error,
            },
            rows={"effect": lock(np.array(rows)), "total": lock(np.array(self.total))},
            seconds=self.seconds,
            cites=CITES,
        )  # fmt: skip


def _name(site: Activation) -> str:
    where = "" if site.token is None else f" @ {site.token}"
    unit = "" if site.unit is None else f" [{site.unit}]"
    return f"{site.path}{where}{unit}"
