"""Attributions of one row by dowhy.gcm, run by the peers' interpreter.

Usage: python dowhy_root_cause.py JOB.npz; prints JSON: contributions and processor seconds of two
runs. Mechanisms are linear regressions with empirical noise, roots empirical; one process.
"""

from __future__ import annotations

import json
import sys
import time


def main(path: str) -> None:
    import networkx as nx
    import numpy as np
    import pandas as pd
    from dowhy import gcm
    from dowhy.gcm import config
    from dowhy.gcm.ml import create_linear_regressor

    config.disable_progress_bars()
    config.set_default_n_jobs(1)
    job = np.load(path)
    names = [str(n) for n in job["names"]]
    edges = [(str(a), str(b)) for a, b in job["edges"]]
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    model = gcm.InvertibleStructuralCausalModel(graph)
    for name in names:
        if graph.in_degree(name):
            mechanism = gcm.AdditiveNoiseModel(create_linear_regressor())
        else:
            mechanism = gcm.EmpiricalDistribution()
        model.set_causal_mechanism(name, mechanism)
    gcm.fit(model, pd.DataFrame(job["data"], columns=names))
    row = pd.DataFrame(job["row"], columns=names)
    out = []
    for seed in (0, 1):
        gcm.util.general.set_random_seed(seed)
        began = time.process_time()
        found = gcm.attribute_anomalies(model, str(job["outcome"]), row)
        seconds = time.process_time() - began
        out.append({"seconds": seconds, "values": {k: float(v[0]) for k, v in found.items()}})
    sys.stdout.write(json.dumps(out) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
