"""Root cause of one row on 20 nodes, beside dowhy.gcm in the same run.

Systems, sizes and the rule below were written down before the first full run. A random linear SCM
of 20 nodes and 10,000 rows, standardised; the outcome is a node with 17 ancestors; the row has
noise of 5 standard deviations at one ancestor, where that moves the outcome by 1.5 of its standard
deviations or more. Both tools get the true graph and fit linear mechanisms; both attribute the
two-sided outlier score. Processor seconds of the attribution alone, one thread each, after a first
call on another row (rung) and after loading (dowhy, whose second run is a warm one as well).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from ..core.scm import SCM
from ..effects.attribution.shapley import AllSets
from ..effects.attribution.worlds import cut_to
from ..graphs.ancestry import ancestors
from ..mechanisms.linear import Linear, LinearGaussian
from ..simulate.linear import LinearSCM
from ..simulate.truth import total_effects
from ..verbs import attribute, fit
from .effects.peers import ask
from .registry import Row

NAME = "root-cause"
KIND = "benchmark"
SEEDS = 3
ROWS = 10_000
ABOVE = 17  # ancestors of the outcome
FASTER = 20.0
AGREE = 0.7
CLAIM = (
    "A row of a 20-node graph is attributed to the outcome and its 17 ancestors at least 20 times "
    "faster than by dowhy.gcm's attribute_anomalies (both slower runs of rung and faster runs of "
    "dowhy taken), with the same top node and a rank correlation of at least 0.7 in each system."
)

Floats = NDArray[np.float64]


def system(seed: int) -> tuple[SCM, str, str]:
    """The SCM, the outcome and the node with the fault."""
    for k in range(1000):
        rng = np.random.default_rng([1707, seed, k])
        scm = LinearSCM(d=20, degree=4).scm(rng)
        for outcome in scm.names:
            above = ancestors(scm.graph, outcome)
            if len([n for n in above if n != outcome]) != ABOVE:
                continue
            effects = total_effects(scm)[:, scm.graph.index(outcome)]
            for node in rng.permutation([n for n in above if n != outcome]).tolist():
                mechanism = scm.mechanisms[node]
                assert isinstance(mechanism, Linear)
                if 5 * abs(effects[scm.graph.index(node)]) * mechanism.residual.sd >= 1.5:
                    return scm, outcome, node
    raise AssertionError("no such system")


def faulty(scm: SCM, node: str, rng: np.random.Generator) -> Floats:
    """A row (1, d) whose noise at the node is 5 standard deviations."""
    values: dict[str, Floats] = {}
    for name in scm.graph.topological_order():
        mechanism = scm.mechanisms[name]
        assert isinstance(mechanism, Linear)
        u = mechanism.noise(1, rng)
        if name == node:
            u = np.array([5 * mechanism.residual.sd])
        values[name] = mechanism.forward({p.name: values[p.name] for p in mechanism.parents}, u)
    return np.column_stack([values[n] for n in scm.names])


def exactly(scm: SCM, outcome: str, row: Data) -> dict[str, float]:
    """Shapley values by the normal law of the true SCM, over all 2^18 sets.

    Added after the first run, as a figure beside the rule, to see where the two tools differ.
    """
    from scipy.special import logsumexp
    from scipy.stats import norm

    part = cut_to(scm, outcome)
    effects = total_effects(part)[:, part.graph.index(outcome)]
    noise, sd = np.zeros(len(effects)), np.zeros(len(effects))
    for i, name in enumerate(part.names):
        m = part.mechanisms[name]
        assert isinstance(m, Linear)
        given = {p.name: row.column(p.name) for p in m.parents}
        noise[i] = (row.column(name) - m.mean(given, 1))[0]
        sd[i] = m.residual.sd
    game = AllSets(len(part.names))
    x = abs(float(effects @ noise))  # means are 0
    centre = game.sets @ (effects * noise)
    spread = np.sqrt((~game.sets) @ (effects * sd) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [norm.logsf((x - centre) / spread), norm.logcdf((-x - centre) / spread)]
    worth = logsumexp(np.nan_to_num(ends, nan=0.0), axis=0)
    worth = np.where(spread > 0, worth, 0.0)
    return dict(zip(part.names, game.values(worth).tolist(), strict=True))


def compared(seed: int) -> dict[str, Any]:
    """Seconds and answers of both tools on one system."""
    from scipy.stats import spearmanr

    scm, outcome, node = system(seed)
    data = scm.sample(ROWS, seed=seed)
    row = Data.from_matrix(faulty(scm, node, np.random.default_rng([1708, seed])), scm.names)
    model = fit(scm.graph, data, mechanisms=LinearGaussian())
    attribute(model, data, 0, outcome=outcome)
    ours, seconds = [], []
    for k in range(3):
        began = time.process_time()
        found = attribute(model, data, row, outcome=outcome, seed=k)
        seconds.append(time.process_time() - began)
        ours.append({c.node: c.value for c in found.contributions})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.npz"
        np.savez(
            path, data=data.matrix(), row=row.matrix(), names=np.array(scm.names),
            edges=np.array(scm.graph.directed_edges()), outcome=np.array(outcome),
        )  # fmt: skip
        theirs = ask(Path(__file__).parent / "effects" / "dowhy_root_cause.py", str(path))
    order = sorted(ours[0])
    exact = exactly(scm, outcome, row)
    truth = np.array([exact[n] for n in order])
    a, b = (np.array([[run[n] for n in order] for run in runs])
            for runs in (ours, [t["values"] for t in theirs]))  # fmt: skip
    return {
        "planted": node, "top of rung": order[int(a[0].argmax())],
        "top of dowhy": order[int(b[0].argmax())],
        "rank correlation": float(spearmanr(a[0], b[0]).statistic),
        "rank correlation, rung with itself": float(spearmanr(a[0], a[1]).statistic),
        "rank correlation, dowhy with itself": float(spearmanr(b[0], b[1]).statistic),
        "rank correlation, rung with exact values": float(spearmanr(a[0], truth).statistic),
        "rank correlation, dowhy with exact values": float(spearmanr(b[0], truth).statistic),
        "largest difference (nats)": float(np.abs(a[0] - b[0]).max()),
        "total, rung": float(a[0].sum()), "total, dowhy": float(b[0].sum()),
        "rung, processor seconds": seconds,
        "dowhy, processor seconds": [t["seconds"] for t in theirs],
    }  # fmt: skip


def run(seeds: int = SEEDS) -> Row:
    """All systems, one after the other; about 3 minutes."""
    rows = {f"system {seed}": compared(seed) for seed in range(seeds)}
    ratios = [
        min(r["dowhy, processor seconds"]) / max(r["rung, processor seconds"])
        for r in rows.values()
    ]
    same = [r["top of rung"] == r["top of dowhy"] for r in rows.values()]
    agree = [r["rank correlation"] >= AGREE for r in rows.values()]
    figures = {"systems": rows, "times faster": ratios}
    return Row(NAME, CLAIM, figures, min(ratios) >= FASTER and all(same) and all(agree), seeds)
