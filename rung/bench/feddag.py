"""Evidence: FedDAG at ten sites against pooled rows and against a vote of sites on their own.

Data, sizes, seeds, rivals and the verdict were written down before the first full run; settings of
FedDAG were chosen on other seeds. Ten sites, ten variables, a random DAG of 20 edges, unit
Gaussian noise. Mechanisms are draws of a Gaussian process with the squared exponential kernel of
length 1 over all parents together (random Fourier features); "differ": every site draws its own,
each a Gaussian process or, with chance one half, linear with weights 0.5 to 2 in absolute value.
Sites have 200 rows each, or 30 to 420 ("unequal", where averages are weighed by rows).

"pooled" is the same masked model on all rows at one site: with the settings of FedDAG, and with
ten times the steps in each round; of the two, the one with the lower mean SHD over the seeds
counts. "vote": each site alone, an edge where more than half of the sites have it, the most
frequent first, without cycles. CAM on the pooled rows is measured and no part of the verdict.

Verdict. Same mechanisms: SHD of FedDAG with shared mechanisms less that of pooled, the upper end of
its 95% bootstrap interval at most `MARGIN` edges. Different mechanisms: SHD of FedDAG with own
mechanisms less that of pooled, and less that of the vote, upper ends below 0. Linear: the graph of
the learner on summed moments is the graph on the pooled rows, on every seed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import discovery, simulate, verbs
from ..core.data import Data
from ..core.graph_checks import order
from ..discovery.acyclicity import strongest_dag
from .kept import Kept, code_digest
from .notears_al import measures
from .registry import Row

NAME = "feddag"
KIND = "evidence"
CLAIM = (
    "Ten sites that keep their rows: FedDAG is within one edge of the same model on pooled rows "
    "where mechanisms are the same, and better than pooled rows and than a vote of the sites where "
    "they differ, with equal and unequal sizes and 20 rounds; linear models by summed moments give "
    "the pooled graph."
)
SEEDS = 20
D, EDGES, FEATURES = 10, 20, 300
EQUAL = (200,) * 10
UNEQUAL = (30, 50, 80, 120, 160, 200, 260, 320, 360, 420)
MARGIN = 1.0
RESAMPLES = 2000
SETTINGS = {
    "same mechanisms, equal sizes": (False, EQUAL),
    "same mechanisms, unequal sizes": (False, UNEQUAL),
    "different mechanisms, equal sizes": (True, EQUAL),
    "different mechanisms, unequal sizes": (True, UNEQUAL),
}
LEARNERS = {
    "BOSS": discovery.BOSS(),
    "FLOP": discovery.FLOP(),
    "PC": discovery.PC(test=discovery.FisherZ()),
    "NOTEARS": discovery.NOTEARS(),
}

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]


def mechanism(k: int, mixed: bool, rng: np.random.Generator) -> Curve:
    """A function of k parents: a Gaussian process, or linear with chance one half if `mixed`."""
    if mixed and rng.random() < 0.5:
        slopes = rng.uniform(0.5, 2.0, k) * rng.choice([-1.0, 1.0], k)
        return lambda x: np.asarray(x @ slopes)
    ways, shift = rng.normal(size=(k, FEATURES)), rng.uniform(0, 2 * np.pi, FEATURES)
    sizes = rng.normal(size=FEATURES) * np.sqrt(2 / FEATURES)
    return lambda x: np.asarray(np.cos(x @ ways + shift) @ sizes)


def draw(seed: int, differ: bool, sizes: tuple[int, ...]) -> tuple[Data, NDArray[np.bool_]]:
    """Rows with an environment for each site, and the true edges (d, d)."""
    rng = np.random.default_rng([2112, seed, differ, sizes[0]])
    there = np.zeros((D, D), dtype=bool)
    above = np.argwhere(np.triu(np.ones((D, D)), 1))
    i, j = above[rng.choice(len(above), EDGES, replace=False)].T
    there[i, j] = True
    shuffled = rng.permutation(D)
    there = there[np.ix_(shuffled, shuffled)]

    def curves() -> list[Curve]:
        return [mechanism(int(there[:, j].sum()), differ, rng) for j in range(D)]

    shared, parts = curves(), []
    for n in sizes:
        used, x = (curves() if differ else shared), rng.normal(size=(n, D))
        for j in order(there):
            if there[:, j].any():
                x[:, j] += used[j](x[:, there[:, j]])
        parts.append(x)
    data = Data.from_matrix(np.vstack(parts))
    labels = tuple(f"site {k + 1}" for k in range(len(sizes)))
    return data.replacing(
        environment=np.repeat(np.arange(len(sizes)), sizes), environments=labels
    ), there


def one(seed: int, differ: bool, sizes: tuple[int, ...]) -> dict[str, Any]:
    """[SHD, false discovery rate, recall] and seconds of each, and bytes of a round."""
    data, real = draw(seed, differ, sizes)
    by_rows = sizes != EQUAL
    pooled = data.replacing(environment=None, environments=())
    own = discovery.FedDAG(by_rows=by_rows)
    shared = discovery.FedDAG(shared_mechanisms=True, by_rows=by_rows)
    out: dict[str, Any] = {}

    def put(name: str, make: Callable[[], NDArray[np.bool_]]) -> None:
        began = time.perf_counter()
        found = make()
        out[name] = [*measures(found, real), time.perf_counter() - began]

    def learnt(rows: Data, learner: Any) -> NDArray[np.bool_]:
        found = verbs.discover(rows, learner, seed=seed)
        if "rounds" in found.details and rows is data:
            last = found.details["rounds"][-1]
            sent = [last["bytes to each site"], last["bytes from each site"]]
            out.setdefault("bytes", []).append([*sent, len(found.details["rounds"])])
        return np.asarray(found.graph.adjacency() > 0)

    put("own", lambda: learnt(data, discovery.Federated(own)))
    put("shared", lambda: learnt(data, discovery.Federated(shared)))
    longer = discovery.FedDAG(steps=10 * own.steps)
    put("pooled", lambda: learnt(pooled, discovery.Federated(discovery.FedDAG())))
    put("pooled, ten times the steps", lambda: learnt(pooled, discovery.Federated(longer)))
    put("vote", lambda: vote(data, seed))
    put("CAM, pooled", lambda: learnt(pooled, discovery.CAM()))
    return out


def vote(data: Data, seed: int) -> NDArray[np.bool_]:
    """The edges that more than half of the sites find on their own."""
    assert data.environment is not None
    alone = data.replacing(environment=None, environments=())
    share = np.zeros((D, D))
    sites = np.unique(data.environment)
    for site in sites:
        part = alone.take(np.flatnonzero(data.environment == site))
        found = verbs.discover(part, discovery.Federated(discovery.FedDAG()), seed=seed)
        share += found.graph.adjacency() / len(sites)
    return strongest_dag(np.where(share > 0.5, share, 0.0), np.zeros((D, D), dtype=bool))


def linear(seed: int) -> dict[str, bool]:
    """Whether each learner finds the pooled graph on summed moments, unequal sites."""
    rng = np.random.default_rng([2113, seed])
    data, _ = simulate.LinearSCM(d=D, degree=4).draw(sum(UNEQUAL), rng=rng)
    labels = tuple(f"site {k + 1}" for k in range(len(UNEQUAL)))
    sites = data.replacing(
        environment=np.repeat(np.arange(len(UNEQUAL)), UNEQUAL), environments=labels
    )
    out = {}
    for name, learner in LEARNERS.items():
        found = verbs.discover(sites, discovery.Federated(learner), seed=seed)
        out[name] = bool(found.graph == verbs.discover(data, learner, seed=seed).graph)
        out[f"{name}, one round"] = len(found.details["rounds"]) == 1
    return out


def run(seeds: int = SEEDS, *, progress: Path | None = None) -> Row:
    """All settings; finished draws are kept in `progress`, under a name that changes with the code.

    About two minutes of one core for each seed.
    """
    kept = Kept(progress or Path(tempfile.gettempdir()) / f"rung-{NAME}-{_code()}.jsonl")
    exact = [kept.get(f"linear|{s}", partial(linear, s)) for s in range(seeds)]
    rows = []
    for setting, (differ, sizes) in SETTINGS.items():
        found = [kept.get(f"{setting}|{s}", partial(one, s, differ, sizes)) for s in range(seeds)]
        rows.append({"setting": setting, **compare(found, differ)})
    lines = {name: all(e[name] for e in exact) for name in exact[0]}
    figures = {"linear, the pooled graph on every seed": lines, "settings": rows}
    holds = all(lines.values()) and all(row["holds"] for row in rows)
    return Row(NAME, CLAIM, figures, holds, seeds)


def compare(found: list[dict[str, Any]], differ: bool) -> dict[str, Any]:
    """Means with 95% bootstrap intervals over seeds, paired differences, and the verdict."""
    names = [name for name in found[0] if name != "bytes"]
    all_ = {name: np.array([f[name] for f in found]) for name in names}  # (seeds, 4)
    best = min(("pooled", "pooled, ten times the steps"), key=lambda n: float(all_[n][:, 0].mean()))
    form = "own" if differ else "shared"
    out: dict[str, Any] = {
        name: {
            "shd": interval(v[:, 0]), "fdr": interval(v[:, 1]), "tpr": interval(v[:, 2]),
            "seconds": float(v[:, 3].mean()),
        }
        for name, v in all_.items()
    }  # fmt: skip
    rivals = {"pooled": best, "vote": "vote", "CAM, pooled": "CAM, pooled"}
    for who in ("own", "shared"):
        for label, name in rivals.items():
            out[f"{who} less {label}"] = interval(all_[who][:, 0] - all_[name][:, 0])
    out["pooled that counts"] = best
    out["bytes to and from each site in a round, rounds"] = dict(
        zip(("own", "shared"), found[0]["bytes"], strict=True)
    )
    if differ:
        out["holds"] = out[f"{form} less pooled"][2] < 0 and out[f"{form} less vote"][2] < 0
    else:
        out["holds"] = out[f"{form} less pooled"][2] <= MARGIN
    out["holds"] = bool(out["holds"])
    return out


def interval(values: Floats) -> list[float]:
    """Mean, and the 95% bootstrap interval of the mean."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return [float(values.mean()), float(low), float(high)]


def _code() -> str:
    """A digest of the code that the figures come from."""
    names = (
        "bench/feddag", "discovery/neural/fed_dag", "discovery/neural/masked",
        "discovery/federated", "discovery/summed_moments",
    )  # fmt: skip
    return code_digest(names)
