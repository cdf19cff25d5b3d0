"""A new method: one file and one export line; one defined elsewhere works unregistered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import rung
from rung.core.mechanism import MechanismSpec, StructuralMechanism

ROOT = Path(__file__).parents[2]

TOY = '''"""ToyLearner: joins correlations above a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.discovery import Discovery
from ..core.errors import NotSupported
from ..core.graph import Graph
from ..core.knowledge import Knowledge


@dataclass(frozen=True)
class ToyLearner:
    """Joins what correlates by more than `threshold`; the edges stay undirected."""

    threshold: float = 0.3

    def learn(self, source: Any, *, knowledge: Any = None, budget: Any = None, rng: Any = 0) -> Any:
        """The graph."""
        joined = np.abs(source.moments(asker="ToyLearner").correlation) > self.threshold
        np.fill_diagonal(joined, False)
        known = knowledge or Knowledge()
        if known.ties:
            raise NotSupported("ToyLearner cannot tie edges; leave `ties` out of the knowledge")
        required, forbidden = known.matrices(source.names)
        joined = (joined & ~(forbidden & forbidden.T)) | required | required.T
        arrows = joined & ~forbidden
        graph = Graph.from_adjacency(arrows, source.names)
        return Discovery(graph, learner=self, knowledge=known)
'''

PROBE = """
import json, rung
from rung.bench.registry import learners, reference
from rung.pipeline.options import make_learner
entry = [line for line in reference().splitlines() if "rung.ToyLearner" in line]
print(json.dumps({
    "public": "ToyLearner" in rung.__all__,
    "learners": sorted(learners()),
    "made": repr(make_learner("toy-learner:threshold=0.4")),
    "reference": entry,
    "rung": rung.__file__,
}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The package with one more file and one more line."""
    home = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "rung", home / "rung")
    shutil.copytree(ROOT / "tests" / "contracts", home / "tests" / "contracts")
    shutil.copy(ROOT / "pyproject.toml", home)
    (home / "rung" / "discovery" / "toy.py").write_text(TOY, "utf-8")
    exports = home / "rung" / "discovery" / "__init__.py"
    text = exports.read_text("utf-8")
    exports.write_text(
        text.replace(
            "    __name__,\n    {\n", '    __name__,\n    {\n        "ToyLearner": "toy",\n', 1
        )
    )
    return home


def run(home, *arguments):
    env = {**os.environ, "PYTHONPATH": str(home)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=home, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_one_file_and_one_line_are_enough(copy):
    found = json.loads(run(copy, "-c", PROBE))
    assert Path(found["rung"]).is_relative_to(copy)
    assert found["public"]
    assert {"toy-learner", "pc", "boss"} <= set(found["learners"])
    assert found["made"] == "ToyLearner(threshold=0.4)"
    (line,) = found["reference"]
    assert "Joins what correlates" in line
    assert "Fields: threshold." in line
    assert "On the command line: toy-learner." in line


def test_the_command_line_knows_it(copy):
    assert "toy-learner" in run(copy, "-m", "rung", "discover", "--help")
    asked = ("discover", "nsw", "--learner", "toy-learner:threshold=0.2", "--json")
    found = json.loads(run(copy, "-m", "rung", *asked))
    assert "ToyLearner" in json.dumps(found)


def test_its_contract_tests_appear(copy):
    out = run(
        copy, "-m", "pytest", "-q", "tests/contracts", "-k", "ToyLearner", "-p", "no:cacheprovider"
    )
    assert "1 passed" in out


# Below: plugs that no `__all__` knows.


@dataclass(frozen=True)
class Correlated:
    """A learner of somebody else: orients by a list, keeps what correlates."""

    order: tuple[str, ...] = ("a", "b", "c")

    def learn(self, source, *, knowledge=None, budget=None, rng=0):
        strong = np.abs(source.moments().correlation) > 0.2
        names = source.names
        edges = [
            (a, "->", b)
            for i, a in enumerate(self.order)
            for b in self.order[i + 1 :]
            if strong[names.index(a), names.index(b)]
        ]
        return rung.Discovery(rung.Graph.from_edges(edges, names), learner=self)


@dataclass(frozen=True)
class MeanDifference:
    """An estimator of somebody else: arm means weighted by inverse propensities."""

    def estimate(self, problem, *, rng):
        from rung.effects.estimators.problem import Fitted

        means, influence = [], []
        for k in range(len(problem.arms)):
            w = (problem.t == k) / problem.propensity[:, k]
            mean = np.average(problem.y, weights=w)
            means.append(mean)
            influence.append(w * (problem.y - mean) / w.mean())
        return Fitted(np.array(means), np.column_stack(influence), "weighted arm means")


@dataclass(frozen=True)
class Constant(StructuralMechanism):
    """x = u, whatever the parents."""

    variable: object
    parents: tuple
    scale: float

    @property
    def exact(self):
        return True

    def noise(self, n, rng):
        return self.scale * rng.normal(size=n)

    def forward(self, parents, u):
        return u

    def abduct(self, x, parents, rng):
        return x

    def log_prob(self, x, parents):
        return -0.5 * (x / self.scale) ** 2 - np.log(self.scale * np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class ConstantSpec(MechanismSpec):
    """Fits the scale only."""

    def fit(self, x, parents, *, variable, weights=None, rng):
        return Constant(variable, parents.variables, float(np.sqrt(np.mean(x**2))))


@dataclass(frozen=True)
class Halve(rung.Intervention):
    """An intervention of somebody else."""

    variable: str

    @property
    def uses_natural(self):
        return True

    def apply(self, natural, context):
        return natural / 2


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    b = (rng.random(400) < 1 / (1 + np.exp(-a))).astype(float)
    c = b + a + rng.normal(size=400)
    kind = rung.Variable("b", rung.Kind.BINARY, (0, 1))
    return rung.Data((rung.Variable("a"), kind, rung.Variable("c")), {"a": a, "b": b, "c": c})


def test_a_learner_from_elsewhere_works_in_every_verb(data):
    found = rung.discover(data, Correlated())
    assert found.graph == rung.Graph.parse("a -> b -> c; a -> c")
    model = rung.fit(found, data)
    assert rung.do(model, a=1.0).sample(50, seed=0)["a"].std() == 0
    assert np.allclose(rung.counterfactual(model, data[:4])["c"], data["c"][:4])
    estimate = rung.effect(found, data, rung.ATE("b", "c"))
    assert abs(estimate.value - 1) < 0.5
    assert "Nothing is undecided" in rung.design(found, data).text
    resampled = rung.discover(data, rung.Bootstrap(Correlated(), draws=5))
    assert resampled.edges[0].adjacent > 0


def test_an_estimator_from_elsewhere(data):
    graph = rung.Graph.parse("a -> b -> c; a -> c")
    estimate = rung.effect(graph, data, rung.ATE("b", "c"), estimator=MeanDifference())
    low, high = estimate.interval
    assert low < 1 < high
    assert "weighted arm means" in estimate.method


def test_a_mechanism_and_an_intervention_from_elsewhere(data):
    graph = rung.Graph.parse("a -> b -> c; a -> c")
    model = rung.fit(graph, data, mechanisms={"c": ConstantSpec()})
    halved = rung.counterfactual(model, data[:5], Halve("a"))
    assert np.allclose(halved["a"], data["a"][:5] / 2)
    assert np.allclose(halved["c"], data["c"][:5])  # c does not listen


@dataclass(frozen=True)
class Partial:
    """A test of somebody else: Fisher's z of partial correlations, from its definition."""

    def on(self, source, *, rng):
        return _Bound(source.moments().correlation, source.n)


@dataclass(frozen=True, eq=False)
class _Bound:
    correlation: np.ndarray
    n: int

    def pvalues(self, x, y, given):
        from scipy.special import ndtr

        out = []
        for i, j, z in zip(x, y, given, strict=True):
            at = np.array([i, j, *z], dtype=int)
            precision = np.linalg.inv(self.correlation[np.ix_(at, at)])
            r = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
            out.append(2 * ndtr(-np.sqrt(self.n - len(z) - 3) * abs(np.arctanh(r))))
        return np.array(out)


def test_a_test_from_elsewhere_keeps_the_contract_and_serves_pc():
    from rung.bench.laws.common import TRUTH, linear

    assert rung.check(Partial()).passed, rung.check(Partial())
    found = rung.discover(linear(), rung.PC(test=Partial()))
    assert found.graph == rung.graphs.cpdag(TRUTH)
    assert found.graph == rung.discover(linear(), rung.PC(test=rung.FisherZ())).graph


def test_nouns_of_the_example_are_in_the_file_of_their_name():
    """A stranger who reads the example finds each class: Bootstrap in bootstrap.py and so on; a
    query in queries.py."""
    import inspect
    import re

    example = (ROOT / "README.md").read_text("utf-8").split("```python")[1].split("```")[0]
    nouns = set(re.findall(r"rung\.([A-Z]\w*)", example))
    assert {"ATE", "Knowledge"} <= nouns
    for name in nouns:
        noun = getattr(rung, name)
        expected = {name.lower(), *("queries" for base in noun.__mro__ if base is rung.Query)}
        assert Path(inspect.getfile(noun)).stem.replace("_", "") in expected, name
    assert Path(inspect.getfile(rung.Data)).name == "data.py"
    assert Path(inspect.getfile(rung.Model)).name == "model.py"
    for verb in re.findall(r"rung\.([a-z]\w*)\(", example):
        assert Path(inspect.getfile(getattr(rung, verb))).name == "verbs.py", verb
