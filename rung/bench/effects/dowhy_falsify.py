"""Run by the peers' interpreter: dowhy's falsify_graph with Fisher's z, counted and timed.

Arguments: a file of numbers (npy, (n, d)), edges as JSON pairs of column numbers, the number of
permutations (-1 for all), a seed.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def main(path: str, edges: str, permutations: str, seed: str) -> None:
    """Print one line of JSON: violations, tests, p-values, seconds."""
    import networkx as nx
    import numpy as np
    import pandas as pd
    from dowhy.gcm import config
    from dowhy.gcm.falsify import FalsifyConst, falsify_graph
    from dowhy.gcm.util.general import set_random_seed
    from scipy import special

    config.disable_progress_bars()
    rows = np.load(path)
    names = [f"v{j}" for j in range(rows.shape[1])]
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from([(names[i], names[j]) for i, j in json.loads(edges)])
    set_random_seed(int(seed))

    def fisher_z(x: Any, y: Any, z: Any = None) -> float:
        given = np.empty((len(x), 0)) if z is None else np.asarray(z).reshape(len(x), -1)
        C = np.corrcoef(np.column_stack([x, y, given]).T)
        P = np.linalg.inv(C)
        r = -P[0, 1] / np.sqrt(P[0, 0] * P[1, 1])
        statistic = np.sqrt(len(x) - given.shape[1] - 3) * abs(np.arctanh(r))
        return float(2 * special.ndtr(-statistic))

    began = time.perf_counter()
    found = falsify_graph(
        graph, pd.DataFrame(rows, columns=names), independence_test=fisher_z,
        conditional_independence_test=fisher_z, n_permutations=int(permutations), n_jobs=1,
        show_progress_bar=False,
    )  # fmt: skip
    took = time.perf_counter() - began
    lmc = found.summary[FalsifyConst.VALIDATE_LMC]
    tpa = found.summary[FalsifyConst.VALIDATE_TPA]
    out = {
        "violations": lmc[FalsifyConst.GIVEN_VIOLATIONS], "tests": lmc[FalsifyConst.N_TESTS],
        "chance": lmc[FalsifyConst.P_VALUE], "same": tpa[FalsifyConst.P_VALUE],
        "shares": sorted(map(float, lmc[FalsifyConst.F_PERM_VIOLATIONS])), "seconds": took,
    }  # fmt: skip
    sys.stdout.write(json.dumps(out) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:5])
