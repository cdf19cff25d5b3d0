"""Cold start: the first call of each method in a new process, with a filled and an empty cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from .registry import Row

NAME = "structure-cold"
KIND = "benchmark"
CLAIM = (
    "The first call of each learner in a new process, `import rung` included, takes under 1.5 s "
    "with a filled kernel cache (4 s where scikit-learn or torch is needed) and under 15 s with an "
    "empty one; methods that need numba only do not import scipy.stats."
)
LEARNERS = (
    "pc", "flop", "boss", "ges", "xges", "gies", "grasp", "exact-search", "fci", "rfci", "bossfci",
    "notears", "notears-al", "golem", "dagma", "direct-lingam", "ica-lingam", "anm", "cam",
    "local-causes:target=X1", "pc:test=g2", "pc:test=degenerate-gaussian", "pc:test=partial-rank",
    "xges:score=bdeu", "boss:score=basis-function-bic", "boss:score=conditional-gaussian-bic",
)  # fmt: skip
WARM, SKLEARN, COLD = 1.5, 4.0, 15.0


# Run in the new process: nothing but numpy is imported before the clock starts.
SCRIPT = """
import json, sys, time
import numpy as np
text = sys.argv[1]
rng = np.random.default_rng(0)
x = rng.normal(size=(300, 8))
for j in range(2, 8):
    x[:, j] += x[:, j - 2] - 0.5 * x[:, j - 1]
levels = "g2" in text or "bdeu" in text
began = time.perf_counter()
import rung
if levels:
    described = [rung.Variable(f"X{j + 1}", rung.Kind.BINARY, ("0", "1")) for j in range(8)]
    data = rung.Data.from_matrix((x > 0) * 1.0, variables=described)
else:
    data = rung.Data.from_matrix(x, [f"X{j + 1}" for j in range(8)])
from rung.pipeline.options import make_learner
learner = make_learner(text)
learner.learn(data, rng=0)
seconds = time.perf_counter() - began
loaded = [name for name in ("sklearn", "torch", "scipy.stats") if name in sys.modules]
print(json.dumps({"seconds": seconds, "loaded": loaded}))
"""


def first(text: str, cache: str) -> dict[str, Any]:
    """Seconds of import and first search in a new process, and the heavy modules loaded."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, text],
        capture_output=True, text=True, env=dict(os.environ) | {"NUMBA_CACHE_DIR": cache},
        check=False,
    )  # fmt: skip
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1][:120]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(seeds: int = 3) -> Row:
    """Least of `seeds` warm processes, and one with an empty cache, for every learner."""
    rows, holds = [], True
    for text in LEARNERS:
        with tempfile.TemporaryDirectory(prefix="rung-cold-") as cache:
            empty = first(text, cache)
            warm = [] if "error" in empty else [first(text, cache) for _ in range(seeds)]
        if not warm:
            rows.append({"method": text, "error": empty["error"], "holds": False})
            holds = False
            continue
        seconds = min(w["seconds"] for w in warm)
        loaded = empty["loaded"]
        heavy = bool({"sklearn", "torch"} & set(loaded))
        fine = seconds <= (SKLEARN if heavy else WARM) and empty["seconds"] <= COLD
        fine = fine and (heavy or "scipy.stats" not in loaded)
        row = {"method": text, "filled, seconds": seconds, "empty, seconds": empty["seconds"]}
        rows.append({**row, "loaded": ", ".join(loaded), "holds": fine})
        holds &= fine
    return Row(NAME, CLAIM, {"first call": rows}, holds, seeds)
