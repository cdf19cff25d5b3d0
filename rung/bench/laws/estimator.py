"""Laws of an effect estimator."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ... import verbs
from ...core.data import Data
from ...core.errors import InputError, NotSupported
from ...core.graph import Graph
from ...core.variable import Kind, Variable
from ...effects import ATE
from .common import Broken, Law, ensure

GRAPH = Graph.parse("x1 -> t; x2 -> t; x1 -> y; x2 -> y; t -> y")
TRUE = 1.5


def treated(dose: bool, n: int = 700) -> Data:
    """Rows of GRAPH in which one unit of t adds TRUE to y, for everybody."""
    rng = np.random.default_rng(21)
    x1, x2 = rng.normal(size=(2, n))
    drive = 0.7 * x1 - 0.5 * x2
    t = drive + rng.normal(size=n)
    if not dose:
        t = (rng.random(n) < 1 / (1 + np.exp(-drive))).astype(float)
    y = TRUE * t + x1 + 0.5 * x2 + rng.normal(size=n)
    kind = Variable("t") if dose else Variable("t", Kind.BINARY, (0, 1))
    variables = (Variable("x1"), Variable("x2"), kind, Variable("y"))
    return Data.from_matrix(np.column_stack([x1, x2, t, y]), variables=variables)


@dataclass
class Recorder:
    """Passes problems on and keeps them."""

    inner: Any
    problems: list[Any] = field(default_factory=list)

    def estimate(self, problem: Any, *, rng: np.random.Generator) -> Any:
        """What the inner estimator says."""
        self.problems.append(problem)
        return self.inner.estimate(problem, rng=rng)


class Subject:
    """An estimator, the problems it takes, and its answers to them."""

    def __init__(self, plug: Any, example: Any = None) -> None:
        self.plug = plug

    @cached_property
    def solved(self) -> list[tuple[str, Any, Any]]:
        """(treatment kind, problem, answer)."""
        out, refusals = [], []
        for name, dose in (("binary", False), ("dose", True)):
            recorder = Recorder(self.plug)
            query = ATE("t", "y", treated=1, control=0)
            try:
                answer = verbs.effect(GRAPH, treated(dose), query, estimator=recorder)
            except (InputError, NotSupported) as error:
                refusals.append(f"{name}: {error}")
                continue
            out.append((name, recorder.problems[0], answer))
        if not out:
            raise Broken("refuses every problem: " + "; ".join(refusals))
        return out

    def fitted(self, problem: Any, seed: int = 0) -> Any:
        """The estimator's answer to a problem."""
        return self.plug.estimate(problem, rng=np.random.default_rng(seed))


def truthful(s: Subject) -> str:
    """A constant effect with measured confounders is found, within its interval or 4 errors."""
    out = []
    for name, _, answer in s.solved:
        low, high = answer.interval
        ensure(low <= answer.value <= high, f"{name}: {answer.value} outside {answer.interval}")
        half = max(high - answer.value, answer.value - low)
        ensure(abs(answer.value - TRUE) < 2 * half, f"{name}: {answer.value:.3f}, true {TRUE}")
        ensure(half < 1, f"{name}: interval of half width {half:.2f}")
        out.append(f"{name} {answer.value:.2f} [{low:.2f}, {high:.2f}], true {TRUE}")
    return "; ".join(out)


def shaped(s: Subject) -> str:
    """One finite mean an arm, and an influence function with average 0."""
    for name, problem, _ in s.solved:
        f = s.fitted(problem)
        means, influence = np.asarray(f.means), np.asarray(f.influence)
        arms = len(problem.arms)
        ensure(means.shape == (arms,), f"{name}: means {means.shape} for {arms} arms")
        ensure(influence.shape == (problem.n, arms), f"{name}: influence {influence.shape}")
        ensure(np.isfinite(means).all() and np.isfinite(influence).all(), f"{name}: not finite")
        error = influence.std(axis=0) / np.sqrt(problem.n)
        centre = np.abs(np.average(influence, axis=0, weights=problem.weights))
        ensure((centre < 0.2 * error + 1e-9).all(), f"{name}: influence averages {centre}")
        ensure(bool(f.method), "no method in words")
    return f"{len(s.solved)} problems"


def equivariant(s: Subject) -> str:
    """y -> 3 y + 1 takes the means with it."""
    for name, problem, _ in s.solved:
        if problem.binary:
            continue
        plain = np.asarray(s.fitted(problem).means)
        moved = np.asarray(s.fitted(replace(problem, y=3 * problem.y + 1)).means)
        worst = float(np.abs(moved - (3 * plain + 1)).max())
        ensure(worst < 0.02, f"{name}: means off by {worst:.3f}")
    return "scale and origin of the outcome"


def deterministic(s: Subject) -> str:
    """Same generator, same answer; the problem is not changed."""
    for name, problem, _ in s.solved:
        before = problem.x.copy(), problem.y.copy(), problem.t.copy()
        one, two = (np.asarray(s.fitted(problem).means) for _ in range(2))
        ensure(np.array_equal(one, two), f"{name}: two runs with one seed differ")
        after = problem.x, problem.y, problem.t
        same = all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
        ensure(same, f"{name}: the problem was changed")
    return "twice"


LAWS: dict[str, Law] = {
    "finds a constant effect": truthful,
    "gives means and influences": shaped,
    "is equivariant to the outcome's scale": equivariant,
    "is deterministic in the seed": deterministic,
}
