"""Laws of a mechanism spec and of what it fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.data import Data
from ...core.errors import NotSupported, RungError
from ...core.mechanism import Mechanism, Parents, StructuralMechanism
from ...core.variable import Kind, Variable
from .common import Broken, Law, ensure

LEVELS = ("low", "mid", "high")
TARGETS = (
    Variable("x"),
    Variable("x", Kind.COUNT),
    Variable("x", Kind.BINARY, ("no", "yes")),
    Variable("x", Kind.ORDINAL, LEVELS),
    Variable("x", Kind.CATEGORICAL, LEVELS),
)
NUMBER = Variable("p")
CHOICE = Variable("q", Kind.CATEGORICAL, LEVELS)
FAMILIES: tuple[tuple[Variable, ...], ...] = ((), (NUMBER,), (CHOICE,), (NUMBER, CHOICE))
N = 500


@dataclass(frozen=True, eq=False)
class Fit:
    """One fitted node: its values, its parents, and the mechanism."""

    x: NDArray[np.float64]
    data: Data
    mechanism: Mechanism

    @property
    def parents(self) -> Parents:
        """The parents' internal values."""
        return {name: self.data.column(name) for name in self.data.names}

    @property
    def label(self) -> str:
        """Kind of the node and its parents."""
        return f"{self.mechanism.variable.kind} given {list(self.data.names) or 'nothing'}"


def node(variable: Variable, parents: tuple[Variable, ...]) -> tuple[NDArray[np.float64], Data]:
    """Values of a node, and its parents."""
    rng = np.random.default_rng(7)
    p, q = rng.normal(size=N), rng.integers(0, 3, N).astype(float)
    columns = {"p": p, "q": q}
    drive = 0.8 * p * (NUMBER in parents) + np.array([0.0, 0.7, -0.7])[q.astype(int)] * (
        CHOICE in parents
    )
    if variable.kind is Kind.CONTINUOUS:
        x = drive + rng.normal(size=N)
    elif variable.kind is Kind.COUNT:
        x = rng.poisson(np.exp(np.clip(0.5 + drive, None, 3))).astype(float)
    elif variable.kind is Kind.BINARY:
        x = (rng.random(N) < 1 / (1 + np.exp(-drive))).astype(float)
    else:
        score = np.column_stack([-drive, np.zeros(N), drive]) + rng.gumbel(size=(N, 3))
        x = score.argmax(axis=1).astype(float)
    return x, Data(parents, {v.name: columns[v.name] for v in parents})


class Subject:
    """A mechanism spec and its fits to every kind of node that it takes."""

    def __init__(self, plug: Any, example: Any = None) -> None:
        self.plug = plug

    def fit(self, variable: Variable, x: Any, parents: Data, weights: Any = None) -> Mechanism:
        """The fitted mechanism, seed 0."""
        rng = np.random.default_rng(0)
        out: Mechanism = self.plug.fit(x, parents, variable=variable, weights=weights, rng=rng)
        return out

    @cached_property
    def fits(self) -> list[Fit]:
        """One fit for each kind of node and of parents that the spec takes."""
        out, refusals = [], []
        for variable in TARGETS:
            for family in FAMILIES:
                x, parents = node(variable, family)
                try:
                    out.append(Fit(x, parents, self.fit(variable, x, parents)))
                except RungError as error:
                    refusals.append(f"{variable.kind}: {error}")
        if not out:
            raise Broken("refuses every node: " + "; ".join(dict.fromkeys(refusals)))
        return out

    @property
    def strict(self) -> bool:
        """Whether counts must be whole numbers: not where somebody asked for a linear count."""
        return callable(getattr(self.plug, "choose", None))

    def whole(self, f: Fit) -> bool:
        """True if values of the fit are whole numbers."""
        v = f.mechanism.variable
        drawn = f.mechanism.sample(N, f.parents, np.random.default_rng(9))
        return v.discrete or (v.kind is Kind.COUNT and valid(v, drawn))

    def structural(self) -> Iterator[tuple[Fit, StructuralMechanism]]:
        """The fits with explicit noise."""
        for f in self.fits:
            if isinstance(f.mechanism, StructuralMechanism):
                yield f, f.mechanism


def describes(s: Subject) -> str:
    """The mechanism names its variable and its parents, and describes itself."""
    for f in s.fits:
        m = f.mechanism
        ensure(isinstance(m, Mechanism), f"fitted a {type(m).__name__}, no Mechanism")
        ensure(m.variable.name == "x", f"variable {m.variable.name!r}")
        ensure([p.name for p in m.parents] == list(f.data.names), f"{f.label}: parents {m.parents}")
        ensure("kind" in m.describe(), "describe() has no kind")
    return "; ".join(dict.fromkeys(str(f.mechanism.variable.kind) for f in s.fits))


def valid(v: Variable, x: NDArray[Any], *, strict: bool = True) -> bool:
    """Whether internal values are possible ones; not strict, a count may be any number."""
    if not np.isfinite(x).all():
        return False
    if v.discrete:
        return bool(np.isin(x, np.arange(v.size)).all())
    return not strict or v.kind is not Kind.COUNT or bool(((x >= 0) & (x == np.rint(x))).all())


def samples(s: Subject) -> str:
    """Samples are possible values of the right shape, the same for the same generator."""
    for f in s.fits:
        one, two = (f.mechanism.sample(N, f.parents, np.random.default_rng(1)) for _ in range(2))
        ensure(one.shape == (N,), f"{f.label}: samples of shape {one.shape}")
        ok = valid(f.mechanism.variable, one, strict=s.strict)
        ensure(ok, f"{f.label}: impossible values were sampled")
        ensure(np.array_equal(one, two), f"{f.label}: one generator gave two samples")
    return f"{len(s.fits)} fits"


def normalised(s: Subject) -> str:
    """Probabilities are finite on the rows, and sum or integrate to 1."""
    worst = 0.0
    for f in s.fits:
        m, v = f.mechanism, f.mechanism.variable
        ensure(np.isfinite(m.log_prob(f.x, f.parents)).all(), f"{f.label}: log_prob not finite")
        few = {k: c[:3] for k, c in f.parents.items()}
        if v.discrete:
            grid, step = np.arange(v.size, dtype=float), 1.0
        elif s.whole(f):
            grid, step = np.arange(400, dtype=float), 1.0
        else:
            grid = np.linspace(-60, 60, 24_001)
            step = float(grid[1] - grid[0])
        for i in range(3 if few else 1):
            row = {k: np.full(len(grid), c[i]) for k, c in few.items()}
            total = float(np.exp(m.log_prob(grid, row)).sum() * step)
            worst = max(worst, abs(total - 1))
            ensure(abs(total - 1) < 0.01, f"{f.label}: total probability {total:.4f}")
    return f"off by at most {worst:.1g}"


def agrees(s: Subject) -> str:
    """`probabilities` are those of log_prob, and `mean` is the mean of samples, where offered."""
    checked = 0
    for f in s.fits:
        m, v = f.mechanism, f.mechanism.variable
        if v.discrete:
            shares = m.probabilities(f.parents, N)
            ensure(shares.shape == (N, v.size), f"{f.label}: probabilities {shares.shape}")
            at = shares[np.arange(N), f.x.astype(int)]
            ensure(np.allclose(np.log(at), m.log_prob(f.x, f.parents), atol=1e-6), f.label)
            checked += 1
            continue
        try:
            mean = m.mean(f.parents, N)
        except NotSupported:
            continue
        rng = np.random.default_rng(2)
        drawn = np.stack([m.sample(N, f.parents, rng) for _ in range(40)])
        error = float(drawn.mean() - mean.mean())
        limit = 5 * float(drawn.std()) / np.sqrt(drawn.size) + 0.03 * float(drawn.std())
        ensure(abs(error) < limit, f"{f.label}: mean off by {error:.3f}")
        checked += 1
    return f"{checked} fits"


def round_trip(s: Subject) -> str:
    """forward(parents, abduct(x)) is x: a unit keeps its own value."""
    count = 0
    for f, m in s.structural():
        for seed in (0, 1):
            u = m.abduct(f.x, f.parents, np.random.default_rng(seed))
            ensure(len(u) == N, f"{f.label}: noise of {len(u)} units")
            back = m.forward(f.parents, u)
            worst = float(np.abs(back - f.x).max())
            ensure(worst < 1e-6 * max(1.0, np.abs(f.x).max()), f"{f.label}: off by {worst:.2g}")
        if m.exact:
            first, second = (m.abduct(f.x, f.parents, np.random.default_rng(k)) for k in (0, 1))
            ensure(np.array_equal(first, second), f"{f.label}: exact, but abduction draws")
        count += 1
    return f"{count} structural fits"


def posterior(s: Subject) -> str:
    """Noise abducted from the mechanism's own samples is distributed as its noise is."""
    worst = 0.0
    for f, m in s.structural():
        rng = np.random.default_rng(3)
        many = {k: np.tile(c, 8) for k, c in f.parents.items()}
        x = m.sample(8 * N, many, rng)
        back = np.asarray(m.abduct(x, many, rng), dtype=float).reshape(8 * N, -1)
        fresh = np.asarray(m.noise(8 * N, rng), dtype=float).reshape(8 * N, -1)
        for one, other in zip(back.T, fresh.T, strict=True):
            distance = _ks(one, other)
            worst = max(worst, distance)
            ensure(distance < 0.045, f"{f.label}: noise differs by {distance:.3f} (KS)")
    return f"largest distance {worst:.3f}"  # 0.0436 at level 0.001 for two samples of 4000


def _ks(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    grid = np.sort(np.concatenate([a, b]))
    left = np.searchsorted(np.sort(a), grid, side="right") / len(a)
    right = np.searchsorted(np.sort(b), grid, side="right") / len(b)
    return float(np.abs(left - right).max())


def valid_worlds(s: Subject) -> str:
    """Under other parents every unit still takes a possible value."""
    for f, m in s.structural():
        other = {k: c[::-1].copy() for k, c in f.parents.items()}
        u = m.abduct(f.x, f.parents, np.random.default_rng(0))
        ok = valid(m.variable, m.forward(other, u), strict=s.strict or s.whole(f))
        ensure(ok, f"{f.label}: impossible counterfactuals")
    return "parents swapped between units"


def weighted(s: Subject) -> str:
    """Frequency weights move the fit as repeated rows would: the weighted mean is met."""
    worst = 0.0
    for f in s.fits:
        w = np.where(f.x > np.median(f.x), 5.0, 1.0)
        want = float(np.average(f.x, weights=w))
        means = []
        for m in (s.fit(f.mechanism.variable, f.x, f.data, w), f.mechanism):
            rng = np.random.default_rng(4)
            drawn = np.stack([m.sample(N, f.parents, rng) for _ in range(20)]).mean(axis=0)
            means.append(float(np.average(drawn, weights=w)))
        off, plain = abs(means[0] - want), abs(means[1] - want)
        worst = max(worst, off / max(plain, 1e-12))
        limit = 0.4 * plain + 0.03 * float(f.x.std())
        ensure(off < limit, f"{f.label}: mean {means[0]:.3f}, weighted {want:.3f}")
    return f"at most {worst:.0%} of the way is missing"


LAWS: dict[str, Law] = {
    "describes itself": describes,
    "samples possible values": samples,
    "has normalised probabilities": normalised,
    "has agreeing mean and probabilities": agrees,
    "returns the fact: forward(abduct(x)) = x": round_trip,
    "abducts from the posterior of the noise": posterior,
    "imagines possible values only": valid_worlds,
    "takes weights as repeated rows": weighted,
}
